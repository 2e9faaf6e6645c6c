"""Clauses 5.6.2 to 5.6.5 and 5.6.19: attributes of an entity that exists."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import CONTEXT_LINK, VOCABULARY, Api, problem

RISER = "urn:ngsi-ld:Riser:r-1"
ATTRIBUTES = f"/entities/{RISER}/attrs"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
GPS = "urn:ngsi-ld:Dataset:gps"


def number(value: float, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


@pytest.fixture(autouse=True)
def riser(api: Api) -> None:
    api.make({
        "id": RISER,
        "type": "Riser",
        "scope": "/yangpu",
        "temperature": number(3.5, unitCode="CEL"),
        "pressure": [number(0.3), number(0.4, datasetId=GPS)],
    })  # fmt: skip


# 5.6.3 append


def test_append_adds_what_is_new_and_replaces_what_is_there(api: Api) -> None:
    answer = api.post(ATTRIBUTES, {"temperature": number(4), "flow": number(1)})
    assert (answer.status_code, answer.content) == (204, b"")
    entity = api.entity(RISER)
    assert entity["temperature"] == number(4), "the whole attribute is replaced, its unit too"
    assert entity["flow"] == number(1)


def test_append_without_overwriting_says_what_was_left(api: Api) -> None:
    answer = api.post(
        ATTRIBUTES,
        {"temperature": number(4), "flow": number(1)},
        params={"options": "noOverwrite"},
    )
    assert answer.status_code == 207
    body = answer.json()
    assert body["updated"] == [DEFAULT + "flow"]
    assert [left["attributeName"] for left in body["notUpdated"]] == [DEFAULT + "temperature"]
    assert body["notUpdated"][0]["reason"]
    assert api.entity(RISER)["temperature"]["value"] == 3.5


def test_append_of_another_dataset_keeps_the_others(api: Api) -> None:
    assert api.post(ATTRIBUTES, {"temperature": number(9, datasetId=GPS)}).status_code == 204
    assert [item["value"] for item in api.entity(RISER)["temperature"]] == [3.5, 9]


def test_append_adds_a_type(api: Api) -> None:
    assert api.post(ATTRIBUTES, {"type": "Insulated"}).status_code == 204
    assert api.entity(RISER)["type"] == ["Riser", "Insulated"]


# 5.6.2 update


def test_update_replaces_whole_attributes_and_adds_those_that_lack(api: Api) -> None:
    answer = api.patch(ATTRIBUTES, {"temperature": number(4), "flow": number(1)})
    assert answer.status_code == 204
    assert api.entity(RISER)["temperature"] == number(4)
    assert api.entity(RISER)["flow"] == number(1)


def test_update_with_a_null_deletes_one_instance(api: Api) -> None:
    null = {"type": "Property", "value": "urn:ngsi-ld:null", "datasetId": GPS}
    assert api.patch(ATTRIBUTES, {"pressure": null}).status_code == 204
    assert api.entity(RISER)["pressure"] == number(0.3)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_fragment_with_a_fault_changes_nothing(api: Api, method: str) -> None:
    before = api.entity(RISER)
    fault = {"flow": number(1), "temperature": {"type": "Property"}}
    assert problem(api.send(method, ATTRIBUTES, json=fault)) == (400, "BadRequestData")
    assert api.entity(RISER) == before


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_the_entity_must_exist_and_be_of_the_type_asked_for(api: Api, method: str) -> None:
    body = {"flow": number(1)}
    nowhere = api.send(method, "/entities/urn:ngsi-ld:Riser:none/attrs", json=body)
    assert problem(nowhere) == (404, "ResourceNotFound")
    other = api.send(method, ATTRIBUTES, json=body, params={"type": "Tank"})
    assert problem(other) == (404, "ResourceNotFound")
    assert "flow" not in api.entity(RISER)
    no_uri = api.send(method, "/entities/riser/attrs", json=body)
    assert problem(no_uri) == (400, "BadRequestData")


# 5.6.4 partial update


def test_a_partial_update_changes_the_members_it_names(api: Api) -> None:
    fragment = {"value": 4, "observedAt": "2026-01-01T00:00:00Z"}
    assert api.patch(f"{ATTRIBUTES}/temperature", fragment).status_code == 204
    changed = number(4, unitCode="CEL", observedAt="2026-01-01T00:00:00Z")
    assert api.entity(RISER)["temperature"] == changed


def test_a_partial_update_is_about_the_dataset_it_names(api: Api) -> None:
    fragment = {"type": "Property", "value": 0.9, "datasetId": GPS}
    assert api.patch(f"{ATTRIBUTES}/pressure", fragment).status_code == 204
    assert [item["value"] for item in api.entity(RISER)["pressure"]] == [0.3, 0.9]
    elsewhere = {"value": 1, "datasetId": "urn:ngsi-ld:Dataset:none"}
    refused = api.patch(f"{ATTRIBUTES}/pressure", elsewhere)
    assert problem(refused) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("name", "fragment", "expected"),
    [
        ("temperature", {"type": "Relationship", "object": "urn:a:b"}, (400, "BadRequestData")),
        ("temperature", {}, (400, "BadRequestData")),
        ("scope", {"value": "/minhang"}, (400, "BadRequestData")),
        ("flow", {"value": 1}, (404, "ResourceNotFound")),
    ],
)
def test_a_partial_update_that_does_not_fit_is_refused(
    api: Api, name: str, fragment: dict[str, Any], expected: tuple[int, str]
) -> None:
    before = api.entity(RISER)
    assert problem(api.patch(f"{ATTRIBUTES}/{name}", fragment)) == expected
    assert api.entity(RISER) == before


def test_a_merge_patch_media_type_is_read_like_json(api: Api) -> None:
    answer = api.send(
        "PATCH",
        f"{ATTRIBUTES}/temperature",
        content=b'{"value": 5}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 204
    assert api.entity(RISER)["temperature"]["value"] == 5


# 5.6.19 replace


def test_an_attribute_is_replaced_whole_even_by_another_type(api: Api) -> None:
    link = {"type": "Relationship", "object": "urn:ngsi-ld:Tank:t-1"}
    assert api.put(f"{ATTRIBUTES}/temperature", link).status_code == 204
    assert api.entity(RISER)["temperature"] == link
    assert problem(api.put(f"{ATTRIBUTES}/flow", number(1))) == (404, "ResourceNotFound")
    assert problem(api.put(f"{ATTRIBUTES}/scope", number(1))) == (400, "BadRequestData")


# 5.6.5 delete


def test_delete_takes_the_default_instance_one_dataset_or_all(api: Api) -> None:
    assert api.delete(f"{ATTRIBUTES}/pressure").status_code == 204
    assert api.entity(RISER)["pressure"] == number(0.4, datasetId=GPS)
    assert problem(api.delete(f"{ATTRIBUTES}/pressure")) == (404, "ResourceNotFound")
    assert api.delete(f"{ATTRIBUTES}/pressure", params={"datasetId": GPS}).status_code == 204
    assert "pressure" not in api.entity(RISER)
    api.post(ATTRIBUTES, {"pressure": [number(1), number(2, datasetId=GPS)]})
    assert api.delete(f"{ATTRIBUTES}/pressure", params={"deleteAll": "true"}).status_code == 204
    assert "pressure" not in api.entity(RISER)


def test_the_scope_can_be_deleted_once(api: Api) -> None:
    assert api.delete(f"{ATTRIBUTES}/scope").status_code == 204
    assert "scope" not in api.entity(RISER)
    assert problem(api.delete(f"{ATTRIBUTES}/scope")) == (404, "ResourceNotFound")


def test_deletion_needs_an_attribute_and_a_sensible_flag(api: Api) -> None:
    missing = api.delete(f"{ATTRIBUTES}/")
    assert missing.status_code == 405
    assert "GET" not in missing.headers["allow"]
    odd = api.delete(f"{ATTRIBUTES}/pressure", params={"deleteAll": "maybe"})
    assert problem(odd)[0] == 400


def test_names_in_addresses_are_read_by_the_context(api: Api) -> None:
    linked = {"Link": CONTEXT_LINK}
    api.make({"id": "urn:ngsi-ld:Tank:t-1", "type": "Tank", "pressure": number(1)}, headers=linked)
    path = "/entities/urn:ngsi-ld:Tank:t-1/attrs/pressure"
    assert problem(api.delete(path)) == (404, "ResourceNotFound")
    whole = f"/entities/urn:ngsi-ld:Tank:t-1/attrs/{VOCABULARY}pressure".replace(
        VOCABULARY, VOCABULARY.replace("/", "%2F").replace(":", "%3A")
    )
    assert api.patch(whole, {"value": 2}).status_code == 204
    assert api.delete(path, headers=linked).status_code == 204
