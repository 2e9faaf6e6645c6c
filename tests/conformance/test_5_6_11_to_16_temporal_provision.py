"""Clauses 5.6.11 to 5.6.16: the evolution of entities written, amended and removed."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import Api, problem

TANK = "urn:ngsi-ld:Tank:t-1"
PATH = f"/temporal/entities/{TANK}"


def at(minute: int, value: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "Property",
        "value": value,
        "observedAt": f"2026-01-20T09:{minute:02d}:00Z",
        **more,
    }


def send(api: Api, *levels: dict[str, Any], **more: Any) -> int:
    body = {"id": TANK, "type": "Tank", "level": list(levels), **more}
    return api.post("/temporal/entities", body).status_code


def told(api: Api, name: str = "level", query: str = "") -> list[Any]:
    answer = api.get(PATH + query)
    assert answer.status_code == 200, answer.text
    return [one["value"] for one in answer.json()[name]]


def instance(api: Api, number: int = 0, name: str = "level") -> str:
    return str(api.get(PATH).json()[name][number]["instanceId"])


def test_a_new_evolution_is_answered_with_its_address_and_told_in_order_of_time(api: Api) -> None:
    body = {"id": TANK, "type": "Tank", "level": [at(9, 3), at(1, 1), at(5, 2)]}
    answer = api.post("/temporal/entities", body)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/ngsi-ld/v1{PATH}"
    assert told(api) == [1, 2, 3]


def test_more_of_an_entity_that_is_known_is_added(api: Api) -> None:
    assert send(api, at(1, 1), at(5, 2)) == 201
    assert send(api, at(3, 9), type=["Tank", "Heated"]) == 204
    assert told(api) == [1, 9, 2]
    assert api.get(PATH).json()["type"] == ["Tank", "Heated"]


def test_the_newest_observation_is_the_present_and_a_late_one_is_not(api: Api) -> None:
    send(api, at(1, 1), at(5, 2))
    assert api.entity(TANK)["level"]["value"] == 2
    send(api, at(3, 9))
    assert api.entity(TANK)["level"]["value"] == 2
    send(api, at(7, 4))
    assert api.entity(TANK)["level"]["value"] == 4


def test_a_second_word_about_the_same_time_takes_the_place_of_the_first(api: Api) -> None:
    send(api, at(1, 1), at(5, 2))
    before = instance(api)
    assert send(api, at(1, 7), at(5, 2)) == 204
    assert told(api) == [7, 2]
    assert instance(api) == before
    send(api, at(5, 8))
    assert api.entity(TANK)["level"]["value"] == 8


def test_datasets_have_their_own_evolution(api: Api) -> None:
    send(api, at(1, 1), at(1, 10, datasetId="urn:d:laser"), at(2, 20, datasetId="urn:d:laser"))
    found = api.get(PATH).json()["level"]
    assert [(one["value"], one.get("datasetId")) for one in found] == [
        (1, None),
        (10, "urn:d:laser"),
        (20, "urn:d:laser"),
    ]


def test_a_null_tells_that_the_attribute_had_ended(api: Api) -> None:
    send(api, at(1, 1))
    assert send(api, at(2, "urn:ngsi-ld:null")) == 204
    assert told(api) == [1, "urn:ngsi-ld:null"]
    assert "level" not in api.entity(TANK)


NO_EVOLUTIONS: list[Any] = [
    {"type": "Tank", "level": [at(1, 1)]},
    {"id": "no uri", "type": "Tank", "level": [at(1, 1)]},
    {"id": TANK, "level": [at(1, 1)]},
    {"id": TANK, "type": "Tank", "level": [{"type": "Property"}]},
    {"id": TANK, "type": "Tank", "level": [at(1, 1, observedAt="yesterday")]},
    {"id": TANK, "type": "Tank", "expiresAt": "urn:ngsi-ld:null", "level": [at(1, 1)]},
    {"id": TANK, "type": "Tank", "scope": [{"type": "Property", "value": 5}]},
    {"id": TANK, "type": "Tank", "scope": [{"type": "Relationship", "object": "urn:a:b"}]},
]


def test_what_is_no_evolution_is_refused_and_leaves_nothing(api: Api) -> None:
    for body in NO_EVOLUTIONS:
        assert problem(api.post("/temporal/entities", body)) == (400, "BadRequestData")
        assert api.get(PATH).status_code == 404


def test_instances_are_added_to_an_attribute_or_to_a_new_one(api: Api) -> None:
    send(api, at(1, 1))
    answer = api.post(f"{PATH}/attrs", {"level": [at(2, 2)], "heat": at(1, 50)})
    assert answer.status_code == 204
    assert told(api) == [1, 2]
    assert told(api, "heat") == [50]


def test_nothing_is_added_to_an_entity_that_is_not_known(api: Api) -> None:
    answer = api.post(f"{PATH}/attrs", {"level": [at(2, 2)]})
    assert problem(answer) == (404, "ResourceNotFound")


def test_one_instance_is_amended_and_keeps_its_name_and_the_rest(api: Api) -> None:
    send(api, at(1, 1, unitCode="MTR"), at(2, 2))
    name = instance(api)
    answer = api.patch(f"{PATH}/attrs/level/{name}", {"type": "Property", "value": 6})
    assert answer.status_code == 204
    first = api.get(PATH).json()["level"][0]
    assert first == at(1, 6, unitCode="MTR", instanceId=name)


def test_one_instance_is_removed(api: Api) -> None:
    send(api, at(1, 1), at(2, 2))
    name = instance(api)
    assert api.delete(f"{PATH}/attrs/level/{name}").status_code == 204
    assert told(api) == [2]
    assert problem(api.delete(f"{PATH}/attrs/level/{name}")) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PATH}/attrs/level/no uri", 400),
        (f"{PATH}/attrs/level/urn:ngsi-ld:Instance:999999", 404),
        (f"{PATH}/attrs/level/urn:ngsi-ld:Instance:99999999999999999999999", 404),
        (f"{PATH}/attrs/heat/INSTANCE", 404),
        (f"{PATH}/attrs/le(vel/INSTANCE", 400),
        ("/temporal/entities/nowhere/attrs/level/INSTANCE", 400),
        ("/temporal/entities/urn:x:unknown/attrs/level/INSTANCE", 404),
    ],
)
def test_an_instance_that_is_not_there_is_neither_amended_nor_removed(
    api: Api, path: str, status: int
) -> None:
    send(api, at(1, 1))
    path = path.replace("INSTANCE", instance(api))
    assert api.patch(path, {"value": 6}).status_code == status
    assert api.delete(path).status_code == status
    assert told(api) == [1]


def test_the_past_of_an_attribute_is_removed_by_dataset_or_whole(api: Api) -> None:
    send(api, at(1, 1), at(2, 20, datasetId="urn:d:laser"), heat=[at(1, 50)])
    assert api.delete(f"{PATH}/attrs/level").status_code == 204
    assert told(api) == [20]
    assert api.delete(f"{PATH}/attrs/level?datasetId=urn:d:other").status_code == 404
    send(api, at(1, 1))
    assert api.delete(f"{PATH}/attrs/level?deleteAll=true").status_code == 204
    assert "level" not in api.get(PATH).json()
    assert told(api, "heat") == [50]
    assert api.delete(f"{PATH}/attrs/level").status_code == 404
    assert api.delete(f"{PATH}/attrs/level?datasetId=no uri").status_code == 400


def test_what_came_through_its_history_ends_with_it(api: Api) -> None:
    send(api, at(1, 1))
    assert api.delete(PATH).status_code == 204
    assert api.get(PATH).status_code == 404
    assert api.get(f"/entities/{TANK}").status_code == 404
    assert problem(api.delete(PATH)) == (404, "ResourceNotFound")
    assert send(api, at(3, 3)) == 201
    assert told(api) == [3]


def test_an_entity_made_in_the_present_outlives_its_history(api: Api) -> None:
    api.make({"id": TANK, "type": "Tank", "level": at(1, 1)})
    assert told(api) == [1]
    assert api.delete(PATH).status_code == 204
    assert api.entity(TANK)["level"]["value"] == 1


def test_an_entity_that_ended_stays_ended_when_its_past_grows(api: Api) -> None:
    api.make({"id": TANK, "type": "Tank", "level": at(1, 1)})
    assert api.delete(f"/entities/{TANK}").status_code == 204
    assert send(api, at(2, 2)) == 204
    assert api.get(f"/entities/{TANK}").status_code == 404
    assert told(api) == [1, 2]


def test_the_scope_has_a_past_of_its_own(api: Api) -> None:
    scopes = [
        {"type": "Property", "value": "/north", "observedAt": "2026-01-20T09:00:00Z"},
        {"type": "Property", "value": ["/south", "/old"], "observedAt": "2026-01-20T09:30:00Z"},
    ]
    assert send(api, at(1, 1), scope=scopes) == 201
    assert api.entity(TANK)["scope"] == ["/south", "/old"]
    assert told(api, "scope") == [["/north"], ["/south", "/old"]]


def test_every_change_of_the_present_is_told_of_the_past(api: Api) -> None:
    api.make({"id": TANK, "type": "Tank", "scope": "/a", "state": {"type": "Property", "value": 1}})
    api.patch(f"/entities/{TANK}/attrs", {"state": {"type": "Property", "value": 2}})
    api.post(f"/entities/{TANK}/attrs", {"scope": "/b"})
    found = api.get(f"{PATH}?options=sysAttrs").json()
    assert [one["value"] for one in found["state"]] == [1, 2]
    assert [one["value"] for one in found["scope"]] == [["/a"], ["/b"]]
    assert all(one["observedAt"] == one["modifiedAt"] for one in found["scope"])
    assert api.delete(f"/entities/{TANK}/attrs/state").status_code == 204
    gone = api.get(f"{PATH}?timeproperty=deletedAt").json()["state"]
    assert [(one["type"], one["value"]) for one in gone] == [("Property", "urn:ngsi-ld:null")]
    assert gone[0]["deletedAt"]
