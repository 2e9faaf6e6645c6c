"""Clauses 4.5, 4.7, 4.15 and 4.18: what entities and attributes look like, going in and out."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import Api, problem

RISER = "urn:ngsi-ld:Riser:1"
POINT = {"type": "Point", "coordinates": [121.5, 31.3]}
FAR = {"type": "Point", "coordinates": [121.6, 31.4]}
WHEN = "2026-01-20T09:00:00Z"
NULL = "urn:ngsi-ld:null"


def riser(**attributes: Any) -> dict[str, Any]:
    return {"id": RISER, "type": "Riser", **attributes}


def told(api: Api, query: str = "", **attributes: Any) -> dict[str, Any]:
    """The entity with these attributes, as it is answered."""
    api.make(riser(**attributes))
    answer: dict[str, Any] = api.entity(f"{RISER}{query}")
    return answer


def refuses(api: Api, **attributes: Any) -> bool:
    answer = api.post("/entities", riser(**attributes))
    return problem(answer) == (400, "BadRequestData") and (
        api.get(f"/entities/{RISER}").status_code == 404
    )


KINDS: dict[str, dict[str, Any]] = {
    "property": {
        "type": "Property",
        "value": {"a": [1, None]},
        "unitCode": "CEL",
        "observedAt": WHEN,
    },
    "typed": {"type": "Property", "value": 1, "valueType": "xsd:double"},
    "place": {"type": "GeoProperty", "value": POINT},
    "relationship": {"type": "Relationship", "object": "urn:x:1", "objectType": "Tank"},
    "relationships": {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]},
    "texts": {"type": "LanguageProperty", "languageMap": {"zh": "立管", "en": ["riser", "pipe"]}},
    "word": {"type": "VocabProperty", "vocab": "non-commercial"},
    "words": {"type": "VocabProperty", "vocab": ["steel", "PE"]},
    "raw": {"type": "JsonProperty", "json": {"type": "x", "id": 5, "null": None}},
    "list": {"type": "ListProperty", "valueList": [1.5, "a"]},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}]},
    "reified": {
        "type": "Property",
        "value": 1,
        "by": {"type": "Relationship", "object": "urn:x:1"},
    },
    "sets": [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:d:2"},
    ],
}  # type: ignore[dict-item]


def test_4_5_2_every_kind_comes_back_as_it_was_sent(api: Api) -> None:
    assert told(api, **KINDS) == riser(**KINDS)


CONCISE = {
    "property": 55,
    "listed": [1, 2, {"a": 3}],
    "address": {"street": "四平路"},
    "place": POINT,
    "measured": {"value": 5, "unitCode": "CEL", "observedAt": WHEN, "accuracy": 0.5},
    "relationship": {"object": "urn:x:1"},
    "texts": {"languageMap": {"zh": "立管"}},
    "word": {"vocab": "steel"},
    "raw": {"json": {"type": "x"}},
    "list": {"valueList": [1, 2]},
    "route": {"objectList": ["urn:x:1", "urn:x:2"]},
    "sets": [{"value": 1}, {"value": 2, "datasetId": "urn:d:2"}],
}


def test_4_5_2_3_concise_input_is_normalized(api: Api) -> None:
    found = told(api, **CONCISE)
    kinds = {
        name: item["type"] if isinstance(item, dict) else item[0]["type"]
        for name, item in found.items()
        if name not in ("id", "type")
    }
    assert kinds == {
        "property": "Property",
        "listed": "Property",
        "address": "Property",
        "place": "GeoProperty",
        "measured": "Property",
        "relationship": "Relationship",
        "texts": "LanguageProperty",
        "word": "VocabProperty",
        "raw": "JsonProperty",
        "list": "ListProperty",
        "route": "ListRelationship",
        "sets": "Property",
    }
    assert found["measured"]["accuracy"] == {"type": "Property", "value": 0.5}


@pytest.mark.parametrize("option", ["options=concise", "format=concise"])
def test_4_5_2_3_concise_is_answered_as_it_was_sent(api: Api, option: str) -> None:
    assert told(api, f"?{option}", **CONCISE) == riser(**CONCISE)


@pytest.mark.parametrize("option", ["options=keyValues", "options=simplified", "format=simplified"])
def test_4_5_4_simplified_is_values_alone(api: Api, option: str) -> None:
    found = told(api, f"?{option}", **KINDS)
    assert found == riser(
        property={"a": [1, None]},
        typed=1,
        place=POINT,
        relationship="urn:x:1",
        relationships=["urn:x:1", "urn:x:2"],
        texts={"languageMap": {"zh": "立管", "en": ["riser", "pipe"]}},
        word={"vocab": "non-commercial"},
        words={"vocab": ["steel", "PE"]},
        raw={"json": {"type": "x", "id": 5, "null": None}},
        list=[1.5, "a"],
        route=["urn:x:1"],
        reified=1,
        sets={"dataset": {"@none": 1, "urn:d:2": 2}},
    )


def test_4_5_2_3_an_object_with_a_type_of_its_own_is_a_value(api: Api) -> None:
    address = {"street": "四平路", "type": "PostalAddress"}
    assert told(api, address=address)["address"] == {"type": "Property", "value": address}
    assert api.entity(f"{RISER}?options=concise")["address"] == {"value": address}


def test_4_5_5_the_default_instance_needs_no_name(api: Api) -> None:
    found = told(
        api, sets=[{"value": 1, "datasetId": "@none"}, {"value": 2, "datasetId": "urn:d:2"}]
    )
    assert [item.get("datasetId") for item in found["sets"]] == [None, "urn:d:2"]


@pytest.mark.parametrize("dataset", [None, "@none", "urn:d:1"])
def test_4_5_5_two_instances_of_one_dataset_are_refused(api: Api, dataset: str | None) -> None:
    first = {"value": 1, "datasetId": dataset or "@none"}
    second = {"value": 2, **({"datasetId": dataset} if dataset else {})}
    assert refuses(api, sets=[first, second])


WRONG_MEMBERS = [
    {"type": "Property"},
    {"type": "Property", "value": None},
    {"type": "Property", "value": 1, "object": "urn:x:1"},
    {"type": "Property", "value": 1, "languageMap": {"en": "x"}},
    {"type": "Property", "value": 1, "previousValue": 0},
    {"type": "Property", "value": 1, "entityIdSealed": "urn:x:1"},
    {"type": "Property", "value": NULL},
    {"type": "Property", "value": {"a": {"b": NULL}}},
    {"type": "Relationship"},
    {"type": "Relationship", "object": "not a uri"},
    {"type": "Relationship", "object": "urn:x:1", "unitCode": "CEL"},
    {"type": "Relationship", "object": "urn:x:1", "value": 1},
    {"type": "LanguageProperty", "languageMap": {"en": 5}},
    {"type": "LanguageProperty", "languageMap": {"": "x"}},
    {"type": "LanguageProperty", "languageMap": {"en": "x"}, "valueType": "xsd:string"},
    {"type": "VocabProperty", "vocab": 5},
    {"type": "JsonProperty", "json": 5},
    {"type": "JsonProperty", "json": {}, "unitCode": "CEL"},
    {"type": "ListProperty", "valueList": [1], "value": 1},
    {"type": "ListRelationship", "objectList": ["not a uri"]},
    {"type": "Sideways", "value": 1},
]


def test_4_5_members_that_do_not_belong_are_refused(api: Api) -> None:
    for attribute in WRONG_MEMBERS:
        assert refuses(api, broken=attribute), attribute


WRONG_TIMES = ["today", 5, "2026-01-20", "2026-01-20T09:00:00", "2026-01-20T09:00:00+08:00"]


def test_4_6_3_times_are_utc_and_say_so(api: Api) -> None:
    for when in WRONG_TIMES:
        assert refuses(api, temperature={"type": "Property", "value": 1, "observedAt": when}), when


@pytest.mark.parametrize("when", ["2026-01-20T09:00:00Z", "2026-01-20T09:00:00.123Z"])
def test_4_6_3_times_keep_their_text(api: Api, when: str) -> None:
    value = {"type": "Property", "value": 1, "observedAt": when}
    assert told(api, temperature=value)["temperature"] == value


WRONG_GEOMETRIES = [
    {"type": "GeometryCollection", "geometries": [POINT]},
    {"type": "Point", "coordinates": [200, 0]},
    {"type": "Point", "coordinates": ["1", "2"]},
    {"type": "LineString", "coordinates": [[0, 0]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    "here",
    5,
]


def test_4_7_1_geometries_that_are_none_are_refused(api: Api) -> None:
    for geometry in WRONG_GEOMETRIES:
        assert refuses(api, location={"type": "GeoProperty", "value": geometry}), geometry


def test_4_7_1_the_location_is_a_geometry(api: Api) -> None:
    assert refuses(api, location={"type": "Property", "value": 5})


def test_4_7_2_a_geometry_may_come_as_text(api: Api) -> None:
    text = '{"type": "Point", "coordinates": [121.5, 31.3]}'
    found = told(api, location={"type": "GeoProperty", "value": text})
    assert found["location"] == {"type": "GeoProperty", "value": POINT}


@pytest.mark.parametrize(
    ("language", "tag"),
    [("zh", "zh"), ("fr;q=0.2,en;q=0.9", "en"), ("EN", "en"), ("en-GB", "en"), ("pt", "zh")],
)
def test_4_15_one_language_is_answered(api: Api, language: str, tag: str) -> None:
    texts = {"zh": "立管", "en": "riser"}
    found = told(api, f"?lang={language}", label={"languageMap": texts})
    assert found["label"] == {"type": "Property", "value": texts[tag], "lang": tag}
    assert api.entity(f"{RISER}?lang={language}&options=keyValues")["label"] == texts[tag]


GEO = {"Accept": "application/geo+json"}


def test_4_5_16_an_entity_is_a_feature(api: Api) -> None:
    api.make(
        riser(
            temperature={"type": "Property", "value": 3},
            location=[
                {"type": "GeoProperty", "value": FAR, "datasetId": "urn:d:2"},
                {"type": "GeoProperty", "value": POINT},
            ],
        )
    )
    feature = api.get(f"/entities/{RISER}", headers=GEO).json()
    assert (feature["type"], feature["id"], feature["geometry"]) == ("Feature", RISER, POINT)
    assert feature["properties"]["type"] == "Riser"
    assert feature["properties"]["temperature"] == {"type": "Property", "value": 3}
    assert "id" not in feature["properties"]
    assert "@context" in feature
    other = api.get(f"/entities/{RISER}?geometryProperty=temperature", headers=GEO).json()
    assert other["geometry"] is None
    plain = api.get(f"/entities/{RISER}", headers={**GEO, "Prefer": "body=json"})
    assert "@context" not in plain.json()
    assert "json-ld#context" in plain.headers["link"]


def test_4_5_17_a_simplified_feature_has_values_for_properties(api: Api) -> None:
    api.make(riser(location=POINT, temperature=3))
    feature = api.get(f"/entities/{RISER}?options=keyValues", headers=GEO).json()
    assert feature["properties"] == {"type": "Riser", "location": POINT, "temperature": 3}


def test_4_5_16_3_a_query_answers_a_collection_of_features(api: Api) -> None:
    api.make(riser(location=POINT))
    collection = api.get("/entities?type=Riser", headers=GEO).json()
    assert collection["type"] == "FeatureCollection"
    assert [item["id"] for item in collection["features"]] == [RISER]
    assert "@context" not in collection["features"][0]


WRONG_SCOPES = ["9bad", "/a//b", "a-b", ["/ok", "9bad"], NULL, {"a": 1}]


def test_4_18_scopes_follow_their_grammar(api: Api) -> None:
    for scope in WRONG_SCOPES:
        assert refuses(api, scope=scope), scope


@pytest.mark.parametrize("scope", ["/杨浦/四平", ["/a/b", "/c"]])
def test_4_18_scopes_come_back_as_they_were_sent(api: Api, scope: Any) -> None:
    assert told(api, scope=scope)["scope"] == scope


def test_4_5_1_ids_have_no_characters_that_cannot_be_seen(api: Api) -> None:
    for character in "\u200b\u202e\ufeff\u00a0<\ufe0f":
        body = {"id": f"urn:ngsi-ld:Riser:a{character}b", "type": "Riser"}
        assert problem(api.post("/entities", body)) == (400, "BadRequestData")


def test_6_3_11_times_of_the_system_come_when_asked_for(api: Api) -> None:
    found = told(api, temperature=3, expiresAt="2100-01-01T00:00:00Z")
    assert found == riser(temperature={"type": "Property", "value": 3})
    found = api.entity(f"{RISER}?options=sysAttrs")
    assert found["expiresAt"] == "2100-01-01T00:00:00Z"
    assert found["createdAt"] == found["temperature"]["createdAt"]
    assert found["modifiedAt"].endswith("Z")


WRONG_BODIES = [
    b"",
    b"{",
    b"[]",
    b"5",
    b"null",
    b'{"id": NaN}',
    b"\xff\xfe",
    b"[" * 10_000,
    b'{"a":' * 10_000,
]


def test_5_5_4_what_is_no_json_object_is_an_invalid_request(api: Api) -> None:
    for body in WRONG_BODIES:
        headers = {"Content-Type": "application/json"}
        answer = api.send("POST", "/entities", content=body, headers=headers)
        assert problem(answer) == (400, "InvalidRequest"), body[:20]
