"""Clauses 5.6.6, 5.6.17 and 5.6.18: delete, merge and replace an entity."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import Api, problem

RISER = "urn:ngsi-ld:Riser:r-1"
PATH = f"/entities/{RISER}"


def number(value: float, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


@pytest.fixture(autouse=True)
def riser(api: Api) -> None:
    api.make({
        "id": RISER,
        "type": "Riser",
        "temperature": number(3.5, unitCode="CEL"),
        "notes": {"type": "Property", "value": {"a": 1, "b": {"c": 2, "d": 3}}},
        "fedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Tank:t-1"},
        "label": {"type": "LanguageProperty", "languageMap": {"en": "riser", "zh": "立管"}},
    })  # fmt: skip


# 5.6.17 merge


def test_merge_changes_what_is_named_and_keeps_the_rest(api: Api) -> None:
    answer = api.patch(PATH, {"temperature": {"type": "Property", "value": 4}})
    assert (answer.status_code, answer.content) == (204, b"")
    entity = api.entity(RISER)
    assert entity["temperature"] == number(4, unitCode="CEL")
    assert entity["fedBy"]["object"] == "urn:ngsi-ld:Tank:t-1"


def test_merge_goes_into_objects_and_deletes_by_null(api: Api) -> None:
    patch = {"b": {"c": "urn:ngsi-ld:null", "d": 4}, "e": 5}
    assert api.patch(PATH, {"notes": {"type": "Property", "value": patch}}).status_code == 204
    assert api.entity(RISER)["notes"]["value"] == {"a": 1, "b": {"d": 4}, "e": 5}
    assert api.patch(PATH, {"notes": "urn:ngsi-ld:null"}).status_code == 204
    assert "notes" not in api.entity(RISER)
    unit = {"temperature": {"type": "Property", "value": 4, "unitCode": "urn:ngsi-ld:null"}}
    assert api.patch(PATH, unit).status_code == 204
    assert api.entity(RISER)["temperature"] == number(4)


def test_plain_values_are_read_as_what_the_attributes_are(api: Api) -> None:
    answer = api.patch(
        PATH,
        {"temperature": 5, "fedBy": "urn:ngsi-ld:Tank:t-2", "label": "tall riser"},
        params={"options": "keyValues", "lang": "en", "observedAt": "2026-01-01T00:00:00Z"},
    )
    assert answer.status_code == 204
    entity = api.entity(RISER)
    assert entity["temperature"] == number(5, unitCode="CEL", observedAt="2026-01-01T00:00:00Z")
    assert entity["fedBy"]["type"] == "Relationship"
    assert entity["fedBy"]["object"] == "urn:ngsi-ld:Tank:t-2"
    assert entity["label"]["languageMap"] == {"en": "tall riser", "zh": "立管"}


def test_merge_is_repeatable(api: Api) -> None:
    patch = {"temperature": {"type": "Property", "value": 4}, "flow": number(1)}
    api.patch(PATH, patch)
    once = api.entity(RISER)
    api.patch(PATH, patch)
    assert api.entity(RISER) == once


# 5.6.18 replace


def test_replace_keeps_the_id_and_the_time_of_creation_alone(api: Api) -> None:
    made = api.entity(RISER, params={"options": "sysAttrs"})
    new = {"id": RISER, "type": "Tank", "flow": number(1)}
    assert api.put(PATH, new).status_code == 204
    assert api.entity(RISER) == new
    replaced = api.entity(RISER, params={"options": "sysAttrs"})
    assert replaced["createdAt"] == made["createdAt"]
    assert replaced["modifiedAt"] > made["modifiedAt"]


def test_replace_refuses_another_id_and_an_invalid_body(api: Api) -> None:
    before = api.entity(RISER)
    other = {"id": "urn:ngsi-ld:Riser:r-2", "type": "Riser"}
    assert problem(api.put(PATH, other)) == (400, "BadRequestData")
    assert problem(api.put(PATH, {"id": RISER, "type": ""})) == (400, "BadRequestData")
    assert api.entity(RISER) == before


# 5.6.6 delete


def test_delete_ends_the_entity(api: Api) -> None:
    answer = api.delete(PATH)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    assert problem(api.get(PATH)) == (404, "ResourceNotFound")
    assert problem(api.delete(PATH)) == (404, "ResourceNotFound")


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_the_entity_must_be_there_and_of_the_type_asked_for(api: Api, method: str) -> None:
    body = {} if method == "DELETE" else {"json": {"type": "Riser", "flow": number(1)}}
    nowhere = api.send(method, "/entities/urn:ngsi-ld:Riser:none", **body)
    assert problem(nowhere) == (404, "ResourceNotFound")
    other = api.send(method, PATH, params={"type": "Tank"}, **body)
    assert problem(other) == (404, "ResourceNotFound")
    assert problem(api.send(method, "/entities/no-uri", **body)) == (400, "BadRequestData")
    assert api.entity(RISER)["temperature"]["value"] == 3.5
