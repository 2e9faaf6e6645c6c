"""Clause 5.6.1: create entity."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import CONTEXT, CONTEXT_LINK, VOCABULARY, Api, problem

RISER = "urn:ngsi-ld:Riser:r-1"


def riser(**more: Any) -> dict[str, Any]:
    return {
        "id": RISER,
        "type": "Riser",
        "temperature": {"type": "Property", "value": 3.5, "unitCode": "CEL"},
        "fedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Tank:t-1"},
        **more,
    }


def test_a_new_entity_is_answered_with_its_address_and_can_be_read_there(api: Api) -> None:
    answer = api.post("/entities", riser())
    assert answer.status_code == 201
    assert answer.content == b""
    address = answer.headers["location"]
    assert address == f"/ngsi-ld/v1/entities/{RISER}"
    assert api.entity(RISER) == riser()


def test_a_trailing_slash_means_the_same_address(api: Api) -> None:
    assert api.post("/entities/", riser()).status_code == 201
    assert api.get(f"/entities/{RISER}/").status_code == 200


def test_an_id_may_hold_any_characters_that_a_uri_may(api: Api) -> None:
    for name in (
        "http://example.org/a/b?c=d#e",
        "urn:ngsi-ld:Riser:百禄:1%20",
        "urn:x:'--;\"'"[:9],
    ):
        made = api.post("/entities", riser(id=name))
        assert made.status_code == 201, made.text
        read = api.get(made.headers["location"].removeprefix("/ngsi-ld/v1"))
        assert read.json()["id"] == name


def test_an_id_that_exists_is_a_conflict_and_nothing_changes(api: Api) -> None:
    api.make(riser())
    again = api.post("/entities", riser(temperature={"type": "Property", "value": 9}))
    assert problem(again) == (409, "AlreadyExists")
    assert api.entity(RISER)["temperature"]["value"] == 3.5


def test_an_entity_that_was_deleted_can_be_created_again(api: Api) -> None:
    api.make(riser())
    assert api.delete(f"/entities/{RISER}").status_code == 204
    api.make(riser(temperature={"type": "Property", "value": 9}))
    assert api.entity(RISER)["temperature"]["value"] == 9


@pytest.mark.parametrize(
    "fault",
    [
        {"id": "not a uri"},
        {"id": None},
        {"id": 5},
        {"type": ""},
        {"type": []},
        {"type": 7},
        {"temperature": {"type": "Property"}},
        {"temperature": {"type": "Property", "value": None}},
        {"temperature": {"type": "NoSuchType", "value": 1}},
        {"temperature": {"type": "Property", "value": "urn:ngsi-ld:null"}},
        {"temperature": {"type": "Property", "value": 1, "observedAt": "yesterday"}},
        {"fedBy": {"type": "Relationship"}},
        {"fedBy": {"type": "Relationship", "object": "no uri"}},
        {"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [200]}}},
        {"location": {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[0]]}}},
        {"scope": "/a b"},
        {"expiresAt": "2026-13-45T00:00:00Z"},
    ],
)
def test_an_entity_with_a_fault_is_refused_whole(api: Api, fault: dict[str, Any]) -> None:
    answer = api.post("/entities", riser(**fault))
    assert problem(answer) == (400, "BadRequestData")
    assert api.get(f"/entities/{RISER}").status_code == 404


@pytest.mark.parametrize("body", [b"{", b"", b"[1, 2", b"\xff\xfe", b'{"id": NaN}'])
def test_a_body_that_is_no_json_is_an_invalid_request(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.send("POST", "/entities", content=body, headers=headers)
    assert problem(answer) == (400, "InvalidRequest")


def test_a_body_nested_ten_thousand_deep_is_refused(api: Api) -> None:
    body = b'{"id": "urn:a:b", "type": "T", "a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    answer = api.send(
        "POST", "/entities", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


def test_names_are_kept_as_the_context_says(api: Api) -> None:
    api.make(riser(), headers={"Link": CONTEXT_LINK})
    plain = api.entity(RISER)
    assert plain["type"] == VOCABULARY + "Riser"
    assert plain[VOCABULARY + "temperature"]["value"] == 3.5
    assert api.entity(RISER, headers={"Link": CONTEXT_LINK}) == riser()


def test_json_ld_brings_its_own_context(api: Api) -> None:
    headers = {"Content-Type": "application/ld+json"}
    body = riser(**{"@context": [CONTEXT]})
    assert api.post("/entities", body, headers=headers).status_code == 201
    assert api.entity(RISER, headers={"Link": CONTEXT_LINK}) == riser()
    answer = api.get(
        f"/entities/{RISER}", headers={"Accept": "application/ld+json", "Link": CONTEXT_LINK}
    )
    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.json()["type"] == "Riser"
    assert CONTEXT in str(answer.json()["@context"])


def test_a_context_stands_in_one_place_only(api: Api) -> None:
    ld_json = {"Content-Type": "application/ld+json"}
    with_context = riser(**{"@context": CONTEXT})
    cases = [
        (with_context, {}),
        (riser(), ld_json),
        (with_context, {**ld_json, "Link": CONTEXT_LINK}),
    ]
    for body, headers in cases:
        answer = api.post("/entities", body, headers=headers)
        assert problem(answer) == (400, "BadRequestData")


def test_several_instances_of_an_attribute_are_told_apart_by_dataset(api: Api) -> None:
    readings = [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:ngsi-ld:Dataset:a"},
    ]
    api.make(riser(temperature=readings))
    assert api.entity(RISER)["temperature"] == readings
    only = api.entity(RISER, params={"datasetId": "urn:ngsi-ld:Dataset:a"})
    assert only["temperature"]["value"] == 2
    twice = api.post("/entities", riser(id="urn:a:b", temperature=[readings[0], readings[0]]))
    assert problem(twice) == (400, "BadRequestData")
