"""Clauses 5.6.7 to 5.6.10 and 5.6.20: many entities at once."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import CONTEXT, CONTEXT_LINK, ERRORS, Api, problem


def urn(name: object) -> str:
    return f"urn:ngsi-ld:Riser:{name}"


def riser(name: object, temperature: float = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": urn(name),
        "type": "Riser",
        "temperature": {"type": "Property", "value": temperature},
        **more,
    }


def temperature(api: Api, name: object) -> Any:
    return api.entity(urn(name))["temperature"]["value"]


def test_a_batch_of_new_entities_is_answered_with_their_ids(api: Api) -> None:
    answer = api.post("/entityOperations/create", [riser(1), riser(2)])
    assert answer.status_code == 201
    assert sorted(answer.json()) == [urn(1), urn(2)]
    assert temperature(api, 2) == 1


def test_what_fails_in_a_batch_is_named_and_the_rest_is_done(api: Api) -> None:
    api.make(riser(1, 7))
    answer = api.post(
        "/entityOperations/create", [riser(1), riser(2), riser(3, fedBy={"type": "Relationship"})]
    )
    assert answer.status_code == 207
    body = answer.json()
    assert body["success"] == [urn(2)]
    failed = {item["entityId"]: item["error"] for item in body["errors"]}
    assert failed[urn(1)]["type"] == ERRORS + "AlreadyExists"
    assert failed[urn(3)]["type"] == ERRORS + "BadRequestData"
    assert temperature(api, 1) == 7
    assert temperature(api, 2) == 1
    assert api.get(f"/entities/{urn(3)}").status_code == 404


def test_the_same_id_twice_in_a_creation_fails_the_second_time(api: Api) -> None:
    answer = api.post("/entityOperations/create", [riser(1, 1), riser(1, 2)])
    assert answer.status_code == 207
    assert answer.json()["success"] == [urn(1)]
    assert temperature(api, 1) == 1


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge", "delete"])
@pytest.mark.parametrize("body", [[], {}, "x", [None], 5])
def test_a_batch_is_a_list_that_is_not_empty(api: Api, operation: str, body: Any) -> None:
    answer = api.post(f"/entityOperations/{operation}", body)
    assert problem(answer) == (400, "BadRequestData")


def test_upsert_creates_and_replaces(api: Api) -> None:
    api.make(riser(1, 7, flow={"type": "Property", "value": 1}))
    answer = api.post("/entityOperations/upsert", [riser(1, 8), riser(2, 9)])
    assert answer.status_code == 201
    assert answer.json() == [urn(2)]
    assert "flow" not in api.entity(urn(1))
    assert temperature(api, 1) == 8
    assert api.post("/entityOperations/upsert", [riser(1, 5)]).status_code == 204


def test_upsert_with_update_keeps_other_attributes(api: Api) -> None:
    api.make(riser(1, 7, flow={"type": "Property", "value": 1}))
    answer = api.post("/entityOperations/upsert", [riser(1, 8)], params={"options": "update"})
    assert answer.status_code == 204
    assert api.entity(urn(1))["flow"]["value"] == 1
    assert temperature(api, 1) == 8


def test_the_last_of_two_upserts_of_one_entity_stands(api: Api) -> None:
    first = riser(1, 1, flow={"type": "Property", "value": 1})
    assert api.post("/entityOperations/upsert", [first, riser(1, 2)]).status_code == 201
    assert temperature(api, 1) == 2
    assert "flow" not in api.entity(urn(1))


def test_update_wants_entities_that_exist(api: Api) -> None:
    api.make(riser(1, 7))
    answer = api.post("/entityOperations/update", [riser(1, 8), riser(2, 9)])
    assert answer.status_code == 207
    assert answer.json()["success"] == [urn(1)]
    assert answer.json()["errors"][0]["entityId"] == urn(2)
    assert answer.json()["errors"][0]["error"]["type"] == ERRORS + "ResourceNotFound"
    assert temperature(api, 1) == 8
    assert api.get(f"/entities/{urn(2)}").status_code == 404


def test_update_without_overwriting_leaves_what_is_there(api: Api) -> None:
    api.make(riser(1, 7))
    answer = api.post(
        "/entityOperations/update",
        [riser(1, 8, flow={"type": "Property", "value": 1})],
        params={"options": "noOverwrite"},
    )
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["entityId"] == urn(1)
    assert temperature(api, 1) == 7
    assert api.entity(urn(1))["flow"]["value"] == 1


def test_merge_keeps_what_is_not_named_and_deletes_by_null(api: Api) -> None:
    api.make(riser(1, 7, flow={"type": "Property", "value": 1, "unitCode": "LTR"}))
    fragment = {
        "id": urn(1),
        "temperature": "urn:ngsi-ld:null",
        "flow": {"type": "Property", "value": 2},
    }
    assert api.post("/entityOperations/merge", [fragment]).status_code == 204
    entity = api.entity(urn(1))
    assert "temperature" not in entity
    assert entity["flow"] == {"type": "Property", "value": 2, "unitCode": "LTR"}


def test_delete_names_the_ids_that_are_not_there(api: Api) -> None:
    api.make(riser(1), riser(2))
    assert api.post("/entityOperations/delete", [urn(1)]).status_code == 204
    answer = api.post("/entityOperations/delete", [urn(1), urn(2), "no uri"])
    assert answer.status_code == 207
    assert answer.json()["success"] == [urn(2)]
    errors = {item["entityId"]: item["error"]["status"] for item in answer.json()["errors"]}
    assert errors == {urn(1): 404, "no uri": 400}


def test_each_entity_of_a_json_ld_batch_brings_its_context(api: Api) -> None:
    headers = {"Content-Type": "application/ld+json"}
    batch = [riser(1, **{"@context": CONTEXT}), riser(2)]
    answer = api.post("/entityOperations/create", batch, headers=headers)
    assert answer.status_code == 207
    assert answer.json()["success"] == [urn(1)]
    assert api.entity(urn(1), headers={"Link": CONTEXT_LINK})["type"] == "Riser"
    both = api.post("/entityOperations/create", batch, headers={**headers, "Link": CONTEXT_LINK})
    assert problem(both) == (400, "BadRequestData")


def test_a_batch_is_bounded(api: Api) -> None:
    most = api.service.limits.batch_entities
    answer = api.post("/entityOperations/delete", [urn(1)] * (most + 1))
    assert problem(answer) == (400, "BadRequestData")
