"""Documents are written in the representations of clause 4.5."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from context_terms import terms_of

from lingjing.interfaces.ngsild.reading import read_entity
from lingjing.interfaces.ngsild.writing import (
    Projection,
    Representation,
    linked_documents,
    write_entity,
    write_feature,
    write_features,
    write_flat,
    writer,
)
from lingjing.twin import changes
from lingjing.twin.documents import DEFAULT_TERMS, LOCATION, Document

TERMS = terms_of({"Riser": "https://example.org/Riser", "PE": "https://example.org/PE"})
NOW = "2026-01-20T09:00:00.000000Z"
WHEN = "2026-01-20T08:59:00Z"
POINT = {"type": "Point", "coordinates": [121.5, 31.3]}
BODY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Riser:1",
    "type": "Riser",
    "scope": "/yangpu",
    "temperature": {"type": "Property", "value": 3.2, "unitCode": "CEL", "observedAt": WHEN},
    "plain": {"type": "Property", "value": {"a": [1, 2]}},
    "location": {"type": "GeoProperty", "value": POINT},
    "partOf": {
        "type": "Relationship",
        "object": "urn:ngsi-ld:Building:1",
        "objectType": "Building",
        "since": {"type": "Property", "value": 1999},
    },
    "title": {"type": "LanguageProperty", "languageMap": {"zh": "立管", "en": "riser"}},
    "material": {"type": "VocabProperty", "vocab": "PE"},
    "raw": {"type": "JsonProperty", "json": {"type": "x"}},
    "depths": {"type": "ListProperty", "valueList": [1.5, 2]},
    "route": {
        "type": "ListRelationship",
        "objectList": [{"object": "urn:x:1"}, {"object": "urn:x:2"}],
    },
    "speed": [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:d:2"},
    ],
}


def iri(name: str) -> str:
    return TERMS.expand(name)


def document(body: dict[str, Any]) -> Document:
    return changes.created(read_entity(body, TERMS), NOW)


def written(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    return write_entity(document(body), TERMS, Representation(**options))


def test_normalized_is_what_was_sent() -> None:
    assert written(BODY) == BODY


def test_the_document_is_not_touched_by_writing() -> None:
    held = document(BODY)
    before = repr(held)
    for form in ("normalized", "concise", "simplified"):
        write_entity(held, TERMS, Representation(form=form, language="zh", has_times=True))  # type: ignore[arg-type]
    assert repr(held) == before


def test_simplified_is_values_alone() -> None:
    assert written(BODY, form="simplified") == {
        "id": "urn:ngsi-ld:Riser:1",
        "type": "Riser",
        "scope": "/yangpu",
        "temperature": 3.2,
        "plain": {"a": [1, 2]},
        "location": POINT,
        "partOf": "urn:ngsi-ld:Building:1",
        "title": {"languageMap": {"zh": "立管", "en": "riser"}},
        "material": {"vocab": "PE"},
        "raw": {"json": {"type": "x"}},
        "depths": [1.5, 2],
        "route": ["urn:x:1", "urn:x:2"],
        "speed": {"dataset": {"@none": 1, "urn:d:2": 2}},
    }


def test_concise_leaves_out_what_can_be_inferred() -> None:
    assert written(BODY, form="concise") == {
        "id": "urn:ngsi-ld:Riser:1",
        "type": "Riser",
        "scope": "/yangpu",
        "temperature": {"value": 3.2, "unitCode": "CEL", "observedAt": WHEN},
        "plain": {"a": [1, 2]},
        "location": POINT,
        "partOf": {"object": "urn:ngsi-ld:Building:1", "objectType": "Building", "since": 1999},
        "title": {"languageMap": {"zh": "立管", "en": "riser"}},
        "material": {"vocab": "PE"},
        "raw": {"json": {"type": "x"}},
        "depths": {"valueList": [1.5, 2]},
        "route": {"objectList": ["urn:x:1", "urn:x:2"]},
        "speed": [{"value": 1}, {"value": 2, "datasetId": "urn:d:2"}],
    }


@pytest.mark.parametrize(
    "value",
    [
        POINT,
        {"value": 1},
        {"type": "Property"},
        {"unitCode": "x"},
        [{"object": "urn:x:1"}],
        [{}],
        {},
    ],
)
def test_concise_never_writes_what_would_be_read_as_something_else(value: Any) -> None:
    held = {"id": "urn:x:1", "type": "A", "name": {"type": "Property", "value": value}}
    concise = written(held, form="concise")
    assert write_entity(document(concise), TERMS) == held


def test_system_times_come_only_when_wanted() -> None:
    body = {**BODY, "expiresAt": WHEN}
    body["plain"] = {"type": "Property", "value": 1, "expiresAt": WHEN}
    assert "expiresAt" not in repr(written(body))
    told = written(body, has_times=True)
    assert (told["createdAt"], told["modifiedAt"], told["expiresAt"]) == (NOW, NOW, WHEN)
    assert told["partOf"]["since"]["createdAt"] == NOW
    assert told["plain"]["expiresAt"] == WHEN


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("zh", "zh"),
        ("EN", "en"),
        ("en-GB", "en"),
        ("fr;q=1,zh;q=0.5", "zh"),
        ("fr", "zh"),
        ("*", "zh"),
    ],
)
def test_one_language_is_chosen(language: str, tag: str) -> None:
    texts = BODY["title"]["languageMap"]
    told = written(BODY, language=language)["title"]
    assert told == {"type": "Property", "value": texts[tag], "lang": tag}
    assert written(BODY, language=language, form="simplified")["title"] == texts[tag]
    concise = written(BODY, language=language, form="concise")["title"]
    assert concise == {"value": texts[tag], "lang": tag}


def test_only_the_wanted_attributes_are_written() -> None:
    told = written(BODY, attributes=frozenset({iri("plain"), iri("absent")}))
    assert list(told) == ["id", "type", "scope", "plain"]


@pytest.mark.parametrize(
    ("members", "left"),
    [
        ({"id", "plain"}, ["id", "plain"]),
        ({"plain"}, ["plain"]),
        ({"type", "scope"}, ["type", "scope"]),
    ],
)
def test_picking_leaves_only_what_is_picked(members: set[str], left: list[str]) -> None:
    names = frozenset(iri(name) if name == "plain" else name for name in members)
    assert list(written(BODY, pick=Projection(names))) == left


def test_omitting_leaves_the_rest() -> None:
    told = written(BODY, omit=Projection(frozenset({"id", "scope", iri("plain")})))
    assert set(told) == set(BODY) - {"id", "scope", "plain"}


def test_only_the_wanted_datasets_are_written() -> None:
    told = written(BODY, datasets=frozenset({"urn:d:2"}))
    assert told["speed"] == {"type": "Property", "value": 2, "datasetId": "urn:d:2"}
    assert "plain" not in told
    told = written(BODY, datasets=frozenset({"urn:d:2"}), form="simplified")
    assert told["speed"] == {"dataset": {"urn:d:2": 2}}


def test_several_types_and_scopes_are_lists() -> None:
    body = {"id": "urn:x:1", "type": ["Riser", "B"], "scope": ["/a", "/b"]}
    assert written(body) == body
    assert written(body, has_times=True)["scope"] == ["/a", "/b"]


def test_another_context_sees_whole_iris() -> None:
    told = write_entity(document(BODY), terms_of(None))
    assert told["type"] == "https://example.org/Riser"
    assert told["material"]["vocab"] == "https://example.org/PE"


def test_a_feature_has_the_default_geometry() -> None:
    feature = write_feature(document(BODY), TERMS, Representation(form="simplified"))
    assert (feature["type"], feature["id"], feature["geometry"]) == ("Feature", BODY["id"], POINT)
    assert feature["properties"]["type"] == "Riser"
    assert "id" not in feature["properties"]
    assert feature["@context"] == TERMS.body


def test_a_feature_without_the_geometry_has_null() -> None:
    plain = write_feature(document(BODY), TERMS, geometry_property=iri("plain"), has_context=False)
    assert plain["geometry"] is None
    assert "@context" not in plain
    other = {"id": "urn:x:1", "type": "A", "location": {"value": POINT, "datasetId": "urn:d:1"}}
    assert write_feature(document(other), TERMS)["geometry"] is None
    assert write_feature(document(other), TERMS, dataset="urn:d:1")["geometry"] == POINT


def test_a_collection_of_features_names_its_context_once() -> None:
    collection = write_features([document(BODY)], TERMS)
    assert collection["type"] == "FeatureCollection"
    assert "@context" in collection
    assert "@context" not in collection["features"][0]


CITY = {"id": "urn:x:city", "type": "City", "in": {"object": "urn:x:country"}, "name": "Paris"}
COUNTRY = {"id": "urn:x:country", "type": "Country", "capital": {"object": "urn:x:city"}}
HOUSE = {
    "id": "urn:x:house",
    "type": "House",
    "at": {"object": "urn:x:city"},
    "no": {"object": "urn:x:none"},
}
WORLD = {item["id"]: document(item) for item in (CITY, COUNTRY, HOUSE)}  # type: ignore[arg-type]


def gather(level: int, **options: Any) -> dict[str, Document]:
    asked: list[str] = []

    async def fetch(ids: list[str]) -> Mapping[str, Document]:
        asked.extend(ids)
        return {name: WORLD[name] for name in ids if name in WORLD}

    found = asyncio.run(
        linked_documents([WORLD["urn:x:house"]], TERMS, Representation(**options), level, fetch)
    )
    assert len(asked) == len(set(asked))
    return found


@pytest.mark.parametrize(
    ("level", "found"),
    [
        (1, ["urn:x:city"]),
        (2, ["urn:x:city", "urn:x:country"]),
        (9, ["urn:x:city", "urn:x:country"]),
    ],
)
def test_relationships_are_followed_step_by_step_and_never_in_circles(
    level: int, found: list[str]
) -> None:
    assert list(gather(level)) == found


def test_linked_entities_are_written_inside() -> None:
    house = writer(TERMS, Representation()).entity(WORLD["urn:x:house"], gather(2), 2)
    assert house["at"]["object"] == "urn:x:city"
    assert house["at"]["entity"]["in"]["entity"]["id"] == "urn:x:country"
    assert "entity" not in house["at"]["entity"]["in"]["entity"]["capital"]
    assert "entity" not in house["no"]
    simple = Representation(form="simplified")
    house = writer(TERMS, simple).entity(WORLD["urn:x:house"], gather(1), 1)
    assert house["at"] == {
        "id": "urn:x:city",
        "type": "City",
        "in": "urn:x:country",
        "name": "Paris",
    }
    assert house["no"] == "urn:x:none"


def test_several_linked_entities_are_a_list() -> None:
    body = {"id": "urn:x:r", "type": "R", "to": {"objectList": ["urn:x:city", "urn:x:country"]}}
    one = writer(TERMS, Representation()).entity(document(body), WORLD, 1)
    assert [item["id"] for item in one["to"]["entityList"]] == ["urn:x:city", "urn:x:country"]


def test_linked_entities_follow_in_a_flat_list() -> None:
    flat = write_flat([WORLD["urn:x:house"]], gather(2), TERMS, Representation())
    assert [item["id"] for item in flat] == ["urn:x:house", "urn:x:city", "urn:x:country"]


def test_projections_reach_into_linked_entities() -> None:
    pick = Projection(
        frozenset({"id", iri("at")}), ((iri("at"), Projection(frozenset({iri("name")}))),)
    )
    house = writer(TERMS, Representation(pick=pick)).entity(WORLD["urn:x:house"], gather(1), 1)
    assert set(house) == {"id", "at"}
    assert house["at"]["entity"] == {"name": {"type": "Property", "value": "Paris"}}
    omit = Projection(frozenset({iri("at")}), ((iri("at"), Projection(frozenset({"id"}))),))
    house = writer(TERMS, Representation(omit=omit)).entity(WORLD["urn:x:house"], gather(1), 1)
    assert "id" not in house["at"]["entity"]
    assert house["id"] == "urn:x:house"
    assert list(gather(2, pick=pick)) == ["urn:x:city"]


def test_writing_names_of_the_default_vocabulary_needs_no_context() -> None:
    assert DEFAULT_TERMS not in repr(written(BODY))
    assert LOCATION not in written(BODY)
