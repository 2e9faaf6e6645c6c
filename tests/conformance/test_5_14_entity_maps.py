"""Clause 5.14: entity maps, and paging with them (5.5.9.3)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conformance_client import Api, problem

from lingjing.interfaces.ngsild import entity_maps

ALL = "timerel=after&timeAt=2020-01-01T00:00:00Z"


def urn(number: int) -> str:
    return f"urn:ngsi-ld:Tank:{number}"


def tanks(api: Api, count: int) -> None:
    for number in range(count):
        api.make(
            {
                "id": urn(number),
                "type": "Tank",
                "level": {
                    "type": "Property",
                    "value": number,
                    "observedAt": "2026-01-20T09:00:00Z",
                },
            }
        )


def named(answer: httpx.Response) -> dict[str, str]:
    return {"NGSILD-EntityMap": answer.headers["ngsild-entitymap"]}


def kept(api: Api, answer: httpx.Response) -> Any:
    address = answer.headers["ngsild-entitymap"].removeprefix("/ngsi-ld/v1")
    return api.get(address)


def test_a_map_lists_what_a_query_finds(api: Api) -> None:
    tanks(api, 3)
    answer = api.get("/entityMaps?type=Tank&q=level>0")
    assert answer.status_code == 201
    body = answer.json()
    assert body["type"] == "EntityMap"
    assert body["entityMap"] == {urn(1): ["@none"], urn(2): ["@none"]}
    assert answer.headers["location"] == answer.headers["ngsild-entitymap"]
    assert kept(api, answer).json() == body


def test_a_body_can_ask_for_a_map(api: Api) -> None:
    tanks(api, 2)
    body = {"type": "Query", "entities": [{"type": "Tank", "id": urn(1)}]}
    assert list(api.post("/entityMaps", body).json()["entityMap"]) == [urn(1)]
    body["temporalQ"] = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
    assert list(api.post("/temporal/entityMaps", body).json()["entityMap"]) == [urn(1)]


@pytest.mark.parametrize(
    "path",
    [
        "/entityMaps?id=urn:ngsi-ld:Tank:1",
        "/entityMaps?type=Tank&entityMapLifetime=1hour",
        "/temporal/entityMaps?type=Tank",
        "/entities?type=Tank&entityMap=perhaps",
    ],
)
def test_a_query_that_cannot_be_asked_makes_no_map(api: Api, path: str) -> None:
    assert problem(api.get(path)) == (400, "BadRequestData")


def test_a_query_can_ask_for_a_map_and_then_goes_by_it(api: Api) -> None:
    tanks(api, 3)
    first = api.get("/entities?type=Tank&entityMap=true&limit=2")
    assert first.status_code == 201
    assert [one["id"] for one in first.json()] == [urn(0), urn(1)]
    api.make({"id": "urn:ngsi-ld:Tank:00", "type": "Tank"})
    second = api.get("/entities?type=Tank&limit=2&offset=2&count=true", headers=named(first))
    assert second.status_code == 200
    assert [one["id"] for one in second.json()] == [urn(2)]
    assert second.headers["ngsild-results-count"] == "3"
    assert named(second) == named(first)
    assert 'rel="next"' not in second.headers["link"]


def test_what_fits_no_more_leaves_the_map_and_pages_stay_full(api: Api) -> None:
    tanks(api, 5)
    first = api.get("/entities?type=Tank&entityMap=true&limit=1")
    api.delete(f"/entities/{urn(1)}")
    api.patch(f"/entities/{urn(2)}/attrs", {"level": {"type": "Property", "value": -1}})
    page = api.get("/entities?type=Tank&q=level>=0&limit=3", headers=named(first))
    assert [one["id"] for one in page.json()] == [urn(0), urn(3), urn(4)]
    assert list(kept(api, first).json()["entityMap"]) == [urn(0), urn(3), urn(4)]


def test_a_map_of_nothing_finds_nothing(api: Api) -> None:
    tanks(api, 2)
    empty = api.get("/entities?type=Tank&q=level>99&entityMap=true")
    assert empty.status_code == 201
    assert api.get("/entities?type=Tank", headers=named(empty)).json() == []


def test_a_map_that_is_not_there_is_made_anew(api: Api) -> None:
    tanks(api, 1)
    dead = {"NGSILD-EntityMap": "/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:dead"}
    for path in ("/entities?type=Tank", f"/temporal/entities?type=Tank&{ALL}"):
        answer = api.get(path, headers=dead)
        assert answer.status_code == 201
        assert named(answer) != dead
        assert list(kept(api, answer).json()["entityMap"]) == [urn(0)]
    one = api.get(f"/entities/{urn(0)}", headers=dead)
    assert one.status_code == 200
    assert list(kept(api, one).json()["entityMap"]) == [urn(0)]


def test_evolutions_go_by_a_map_too(api: Api) -> None:
    tanks(api, 3)
    first = api.get(f"/temporal/entities?type=Tank&id={urn(1)}&{ALL}&entityMap=true")
    assert first.status_code == 201
    second = api.get(f"/temporal/entities?type=Tank&{ALL}", headers=named(first))
    assert [one["id"] for one in second.json()] == [urn(1)]
    assert named(second) == named(first)
    one = api.get(f"/temporal/entities/{urn(2)}?entityMap=true")
    assert one.status_code == 200
    assert list(kept(api, one).json()["entityMap"]) == [urn(2)]


def test_the_broker_bounds_how_long_a_map_is_kept(api: Api) -> None:
    tanks(api, 1)
    long = api.get("/entityMaps?type=Tank&entityMapLifetime=P10Y").json()
    short = api.get("/entityMaps?type=Tank&entityMapLifetime=PT5M").json()
    usual = api.get("/entityMaps?type=Tank").json()
    assert short["expiresAt"] < usual["expiresAt"] < long["expiresAt"] < "2099"
    path = f"/entityMaps/{short['id']}"
    answer = api.patch(path, {"expiresAt": "2099-01-01T00:00:00Z", "entityMap": {"urn:x:y": []}})
    assert answer.status_code == 204
    after = api.get(path).json()
    assert short["expiresAt"] < after["expiresAt"] < "2099"
    assert after["entityMap"] == short["entityMap"]


def test_an_ended_map_is_gone_and_swept_away(api: Api) -> None:
    tanks(api, 1)
    made = api.get("/entityMaps?type=Tank").json()
    path = f"/entityMaps/{made['id']}"
    assert api.patch(path, {"expiresAt": "2000-01-01T00:00:00Z"}).status_code == 204
    for answer in (api.get(path), api.delete(path), api.patch(path, {})):
        assert problem(answer) == (404, "ResourceNotFound")
    other = api.get("/entityMaps?type=Tank").json()
    left = api.ledger.notes("", entity_maps.COLLECTION)
    assert [key for key, _ in left] == [other["id"]]


def test_a_map_is_deleted_once(api: Api) -> None:
    made = api.get("/entityMaps?type=Tank").json()
    path = f"/entityMaps/{made['id']}"
    assert api.delete(path).status_code == 204
    assert problem(api.delete(path)) == (404, "ResourceNotFound")
    assert api.ledger.notes("", entity_maps.EXPIRIES) == []


def test_bad_names_and_bodies_are_refused(api: Api) -> None:
    made = api.get("/entityMaps?type=Tank").json()
    for answer in (
        api.get("/entityMaps/no uri"),
        api.delete("/entityMaps/no uri"),
        api.patch(f"/entityMaps/{made['id']}", {"expiresAt": "tomorrow"}),
        api.patch(f"/entityMaps/{made['id']}", {"type": "Tank"}),
    ):
        assert problem(answer) == (400, "BadRequestData")
    assert api.patch(f"/entityMaps/{made['id']}", [1]).status_code == 400


def test_a_map_belongs_to_its_tenant(api: Api) -> None:
    tanks(api, 1)
    made = api.get("/entityMaps?type=Tank").json()
    north = {"NGSILD-Tenant": "north"}
    api.make({"id": urn(7), "type": "Tank"}, headers=north)
    path = f"/entityMaps/{made['id']}"
    assert problem(api.get(path, headers=north)) == (404, "ResourceNotFound")
    assert problem(api.delete(path, headers=north)) == (404, "ResourceNotFound")
    assert api.get(path).status_code == 200
