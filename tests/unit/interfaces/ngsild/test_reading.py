"""Bodies become documents, whatever form they come in, and faults are told with their place."""

from __future__ import annotations

from typing import Any

import pytest
from context_terms import terms_of

from lingjing.interfaces.ngsild.reading import (
    read_attribute,
    read_entity,
    read_fragment,
    read_partial_attribute,
)
from lingjing.interfaces.ngsild.reading_members import (
    MOST_NESTED_ATTRIBUTES,
    MOST_NESTED_VALUES,
    Nulls,
)
from lingjing.twin.changes import NULL
from lingjing.twin.documents import CORE, DEFAULT_TERMS, LOCATION
from lingjing.vocabulary import LingjingError

TERMS = terms_of({"Riser": "https://example.org/Riser", "PE": "https://example.org/PE"})
NAME = DEFAULT_TERMS + "name"
POINT = {"type": "Point", "coordinates": [121.5, 31.3]}
WHEN = "2026-01-20T09:00:00Z"


def entity(**attributes: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:Riser:1", "type": "Riser", **attributes}


def instance(value: Any, name: str = "name", nulls: Nulls = "refused") -> dict[str, Any]:
    """The default instance that comes of an attribute's value."""
    datasets = read_fragment({name: value}, TERMS, nulls=nulls)["attributes"][TERMS.expand(name)]
    assert list(datasets) == [""]
    found: dict[str, Any] = datasets[""]
    return found


def fault(body: Any, **options: Any) -> tuple[str, str | None]:
    """Code and place of the fault that reading a fragment ends with."""
    with pytest.raises(LingjingError) as caught:
        read_fragment(body, TERMS, **options)
    place = caught.value.place
    return caught.value.code, None if place is None else place.field


def test_an_entity_becomes_a_document_of_iris() -> None:
    body = entity(
        scope="/yangpu/siping",
        expiresAt=WHEN,
        createdAt="whatever a client sends",
        location={"type": "GeoProperty", "value": POINT},
        name={
            "type": "Property",
            "value": "r-1",
            "unitCode": "C62",
            "observedAt": WHEN,
            "datasetId": "urn:d:1",
            "accuracy": {"type": "Property", "value": 0.1},
        },
    )
    assert read_entity({**body, "@context": {}}, TERMS) == {
        "id": "urn:ngsi-ld:Riser:1",
        "type": ["https://example.org/Riser"],
        "scope": ["/yangpu/siping"],
        "expiresAt": WHEN,
        "attributes": {
            LOCATION: {"": {"type": "GeoProperty", "value": POINT}},
            NAME: {
                "urn:d:1": {
                    "type": "Property",
                    "value": "r-1",
                    "unitCode": "C62",
                    "observedAt": WHEN,
                    "datasetId": "urn:d:1",
                    "attributes": {
                        DEFAULT_TERMS + "accuracy": {"": {"type": "Property", "value": 0.1}}
                    },
                }
            },
        },
    }


def test_keywords_of_json_ld_serve_as_well() -> None:
    document = read_entity({"@id": "urn:x:1", "@type": ["Riser", "Riser", "Pipe"]}, TERMS)
    assert document["id"] == "urn:x:1"
    assert document["type"] == ["https://example.org/Riser", DEFAULT_TERMS + "Pipe"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (55, {"type": "Property", "value": 55}),
        (False, {"type": "Property", "value": False}),
        ("text", {"type": "Property", "value": "text"}),
        ([1, {"a": 2}], {"type": "Property", "value": [1, {"a": 2}]}),
        ([], {"type": "Property", "value": []}),
        ({"street": "x"}, {"type": "Property", "value": {"street": "x"}}),
        ({"type": "PostalAddress"}, {"type": "Property", "value": {"type": "PostalAddress"}}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"value": POINT}, {"type": "GeoProperty", "value": POINT}),
        ({"value": 5, "unitCode": "CEL"}, {"type": "Property", "value": 5, "unitCode": "CEL"}),
        ({"object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:1"}),
        (
            {"languageMap": {"zh": "立管", "en": ["riser", "pipe"]}},
            {"type": "LanguageProperty", "languageMap": {"zh": "立管", "en": ["riser", "pipe"]}},
        ),
        ({"vocab": "PE"}, {"type": "VocabProperty", "vocab": "https://example.org/PE"}),
        (
            {"json": {"type": "raw", "n": None}},
            {"type": "JsonProperty", "json": {"type": "raw", "n": None}},
        ),
        ({"valueList": [1, "a"]}, {"type": "ListProperty", "valueList": [1, "a"]}),
        (
            {"objectList": ["urn:x:1", {"object": "urn:x:2"}]},
            {"type": "ListRelationship", "objectList": ["urn:x:1", "urn:x:2"]},
        ),
        (
            {"@type": "DateTime", "@value": WHEN},
            {"type": "Property", "value": {"@type": "DateTime", "@value": WHEN}},
        ),
    ],
)
def test_concise_input_is_told_apart_by_what_it_holds(value: Any, found: dict[str, Any]) -> None:
    assert instance(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"], "objectType": "Riser"},
            {
                "type": "Relationship",
                "object": ["urn:x:1", "urn:x:2"],
                "objectType": "https://example.org/Riser",
            },
        ),
        (
            {"type": "VocabProperty", "vocab": ["PE", "unheard"]},
            {
                "type": "VocabProperty",
                "vocab": ["https://example.org/PE", DEFAULT_TERMS + "unheard"],
            },
        ),
        (
            {"type": "Property", "value": 1, "valueType": "xsd:double"},
            {"type": "Property", "value": 1, "valueType": "xsd:double"},
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"en": "x"}, "valueType": "langString"},
            {
                "type": "LanguageProperty",
                "languageMap": {"en": "x"},
                "valueType": "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString",
            },
        ),
        ({"type": "ngsi-ld:Property", "value": 1}, {"type": "Property", "value": 1}),
        ({"type": "Property", "value": 1, "datasetId": "@none"}, {"type": "Property", "value": 1}),
        (
            {"type": "Property", "value": 1, "createdAt": "x", "instanceId": "y"},
            {"type": "Property", "value": 1},
        ),
    ],
)
def test_normalized_members_are_kept_with_names_written_out(
    value: Any, found: dict[str, Any]
) -> None:
    assert instance(value) == found


def test_several_datasets_form_one_attribute() -> None:
    values = [{"type": "Property", "value": 1}, {"value": 2, "datasetId": "urn:d:2"}]
    found = read_entity(entity(name=values), TERMS)["attributes"][NAME]
    assert {dataset: item["value"] for dataset, item in found.items()} == {"": 1, "urn:d:2": 2}


def test_a_map_of_datasets_is_read_as_it_is_written_in_the_simplified_form() -> None:
    found = read_fragment({"name": {"dataset": {"@none": 1, "urn:d:2": 2}}}, TERMS)["attributes"]
    assert found[NAME]["urn:d:2"] == {"type": "Property", "value": 2, "datasetId": "urn:d:2"}
    assert found[NAME][""] == {"type": "Property", "value": 1}


def test_simplified_objects_are_values_even_with_members_of_attributes() -> None:
    found = read_fragment({"name": {"unitCode": "x"}}, TERMS, is_simplified=True)["attributes"]
    assert found[NAME][""] == {"type": "Property", "value": {"unitCode": "x"}}
    assert fault({"name": {"unitCode": "x"}}) == ("ngsild.no-payload", "name")


def test_the_proof_has_its_sealed_members_and_nothing_else_has() -> None:
    seal = {"entityIdSealed": "urn:x:1", "entityTypeSealed": "Riser"}
    proof = {"type": "Property", "value": {"type": "DataIntegrityProof"}, **seal}
    found = read_entity(entity(ngsildproof=proof), TERMS)["attributes"][CORE + "ngsildproof"][""]
    assert found["entityTypeSealed"] == "https://example.org/Riser"
    assert found["entityIdSealed"] == "urn:x:1"
    wrong = {"name": {"type": "Property", "value": 1, **seal}}
    assert fault(wrong) == ("ngsild.member-not-allowed", "name.entityIdSealed")
    assert fault({"ngsildproof": {"value": "text"}}) == (
        "ngsild.member-no-object",
        "ngsildproof.value",
    )


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ([], "ngsild.not-an-object", None),
        ("text", "ngsild.not-an-object", None),
        ({}, "ngsild.lacks-member", "id"),
        ({"id": "urn:x:1"}, "ngsild.lacks-member", "type"),
        ({"id": "no uri", "type": "A"}, "ngsild.bad-uri", "id"),
        ({"id": 5, "type": "A"}, "ngsild.bad-uri", "id"),
        ({"id": NULL, "type": "A"}, "ngsild.null-not-allowed", "id"),
        ({"id": "urn:x:1", "type": []}, "ngsild.bad-types", "type"),
        ({"id": "urn:x:1", "type": "type"}, "ngsild.bad-types", "type"),
        ({"id": "urn:x:1", "type": ["A", 5]}, "ngsild.bad-types", "type"),
        ({"id": "urn:x:1", "type": "9A"}, "ngsild.bad-name", "type"),
    ],
)
def test_what_is_no_entity_is_refused(body: Any, code: str, place: str | None) -> None:
    with pytest.raises(LingjingError) as caught:
        read_entity(body, TERMS)
    assert caught.value.code == code
    assert (caught.value.place.field if caught.value.place else None) == place


@pytest.mark.parametrize(
    ("attribute", "code", "place"),
    [
        (None, "ngsild.json-null", "name"),
        ({"type": "Property"}, "ngsild.no-payload", "name"),
        ({"type": "Property", "value": None}, "ngsild.json-null", "name.value"),
        ({"type": "Relationship"}, "ngsild.no-payload", "name"),
        ({"type": "Relationship", "object": "no uri"}, "ngsild.bad-uri", "name.object"),
        ({"type": "Relationship", "object": []}, "ngsild.bad-uri", "name.object"),
        ({"type": "Relationship", "object": ["urn:x:1", 5]}, "ngsild.bad-uri", "name.object"),
        ({"type": "LanguageProperty"}, "ngsild.no-payload", "name"),
        (
            {"type": "LanguageProperty", "languageMap": {}},
            "ngsild.bad-language-map",
            "name.languageMap",
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"en": 5}},
            "ngsild.bad-language-map",
            "name.languageMap.en",
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"en": ["a", 5]}},
            "ngsild.bad-language-map",
            "name.languageMap.en",
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"": "x"}},
            "ngsild.bad-language-map",
            "name.languageMap",
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"en": "x"}, "valueType": "xsd:string"},
            "ngsild.bad-string",
            "name.valueType",
        ),
        ({"type": "VocabProperty", "vocab": 5}, "ngsild.bad-vocab", "name.vocab"),
        ({"type": "VocabProperty", "vocab": []}, "ngsild.bad-vocab", "name.vocab"),
        ({"type": "JsonProperty", "json": 5}, "ngsild.bad-json-value", "name.json"),
        (
            {"type": "JsonProperty", "json": {}, "unitCode": "CEL"},
            "ngsild.member-not-allowed",
            "name.unitCode",
        ),
        ({"type": "ListProperty", "valueList": 5}, "ngsild.not-a-list-value", "name.valueList"),
        (
            {"type": "ListProperty", "valueList": [1], "value": 1},
            "ngsild.member-not-allowed",
            "name.value",
        ),
        ({"type": "ListProperty", "valueList": [None]}, "ngsild.json-null", "name.valueList"),
        (
            {"type": "ListRelationship", "objectList": ["no uri"]},
            "ngsild.bad-uri",
            "name.objectList",
        ),
        ({"type": "GeoProperty", "value": 5}, "ngsild.geometry-kind", "name.value.type"),
        (
            {"type": "GeoProperty", "value": {"type": "Circle"}},
            "ngsild.geometry-kind",
            "name.value.type",
        ),
        ({"type": "Whatever", "value": 5}, "ngsild.unknown-kind", "name.type"),
        ({"type": ["Property"], "value": 5}, "ngsild.unknown-kind", "name.type"),
        ({"value": 1, "object": "urn:x:1"}, "ngsild.member-not-allowed", "name.object"),
        ({"value": 1, "observedAt": "today"}, "ngsild.bad-instant", "name.observedAt"),
        (
            {"value": 1, "observedAt": "2026-01-20T09:00:00+08:00"},
            "ngsild.bad-instant",
            "name.observedAt",
        ),
        (
            {"value": 1, "observedAt": "2026-02-30T09:00:00Z"},
            "ngsild.bad-instant",
            "name.observedAt",
        ),
        (
            {"value": 1, "observedAt": {"type": "Property", "value": WHEN}},
            "ngsild.bad-instant",
            "name.observedAt",
        ),
        ({"value": {"@type": "DateTime", "@value": "today"}}, "ngsild.bad-instant", "name.value"),
        ({"value": 1, "unitCode": 5}, "ngsild.bad-string", "name.unitCode"),
        ({"value": 1, "datasetId": "no uri"}, "ngsild.bad-uri", "name.datasetId"),
        ({"value": 1, "previousValue": 0}, "ngsild.output-only", "name.previousValue"),
        ({"value": 1, "@context": {}}, "ngsild.embedded-context", "name.@context"),
        ({"object": "urn:x:1", "unitCode": "CEL"}, "ngsild.member-not-allowed", "name.unitCode"),
        ({"value": 1, "sub": {"type": "Property"}}, "ngsild.no-payload", "name.sub"),
        ({"value": 1, "bad name": 1}, "ngsild.bad-name", "name.bad name"),
        ([{"value": 1}, {"value": 2}], "ngsild.same-dataset", "name[1]"),
        ([{"value": 1}, {"value": 2, "datasetId": "@none"}], "ngsild.same-dataset", "name[1]"),
        ([{"value": 1}, 5], "ngsild.mixed-list", "name"),
        (
            [{"value": 1}, {"value": 1, "datasetId": "urn:a", "observedAt": 5}],
            "ngsild.bad-instant",
            "name[1].observedAt",
        ),
        ({"dataset": {}}, "ngsild.member-no-object", "name.dataset"),
        ({"dataset": {"no uri": 5}}, "ngsild.bad-uri", "name.dataset.no uri"),
    ],
)
def test_faults_in_attributes_are_named_with_their_place(
    attribute: Any, code: str, place: str
) -> None:
    assert fault({"name": attribute}) == (code, place)


@pytest.mark.parametrize(
    ("kind", "good", "bad", "code"),
    [
        ("DateTime", WHEN, "2026-01-20 09:00", "ngsild.bad-instant"),
        ("Date", "2026-01-20", "2026-13-20", "ngsild.bad-date"),
        ("Date", "2026-01-20", 20260120, "ngsild.bad-date"),
        ("Date", "2026-01-20", "20260120", "ngsild.bad-date"),
        ("Time", "09:00:00Z", "25:00:00Z", "ngsild.bad-time"),
        ("Time", "09:00:00.5Z", "09:00:00", "ngsild.bad-time"),
        ("Time", "09:00:00Z", ["09:00:00Z"], "ngsild.bad-time"),
    ],
)
def test_typed_times_are_times(kind: str, good: Any, bad: Any, code: str) -> None:
    assert instance({"value": {"@type": kind, "@value": good}})["value"]["@value"] == good
    assert fault({"name": {"value": {"@type": kind, "@value": bad}}}) == (code, "name.value")
    assert instance({"value": {"@type": ["other"], "@value": bad}})["value"]["@value"] == bad


@pytest.mark.parametrize("name", ["datasetId", "instanceId", "observedAt", "unitCode", "lang"])
def test_words_that_the_standard_keeps_cannot_name_attributes(name: str) -> None:
    assert fault({name: {"type": "Property", "value": 1}}) == ("ngsild.reserved-name", name)


@pytest.mark.parametrize("name", ["value", "vocab", "object"])
def test_words_for_values_can_name_attributes_of_an_entity(name: str) -> None:
    body = entity(**{name: {"type": "Property", "value": 1}})
    found = read_entity(body, TERMS)["attributes"]
    assert found == {TERMS.expand(name): {"": {"type": "Property", "value": 1}}}


def test_the_same_attribute_spelled_twice_is_refused() -> None:
    assert fault({"name": 1, NAME: 2}) == ("ngsild.same-attribute", NAME)


@pytest.mark.parametrize("name", ["location", "observationSpace", "operationSpace"])
def test_places_of_an_entity_are_geometries(name: str) -> None:
    assert fault({name: "here"}) == ("ngsild.geometry-kind", name)
    assert fault({name: {"type": "Property", "value": 5}}) == ("ngsild.geometry-kind", name)


@pytest.mark.parametrize(
    "scope", ["9bad", "/a//b", "a-b", "", "/", ["/ok", "9bad"], 5, {"a": 1}, [5]]
)
def test_scopes_that_do_not_follow_the_grammar_are_refused(scope: Any) -> None:
    assert fault({"scope": scope}) == ("ngsild.bad-scope", "scope")


def test_scopes_keep_their_order_and_stand_once() -> None:
    found = read_fragment({"scope": ["/杨浦/四平", "b", "/杨浦/四平"]}, TERMS)
    assert found["scope"] == ["/杨浦/四平", "b"]


NULLS = [
    NULL,
    {"type": "Property", "value": NULL},
    {"type": "GeoProperty", "value": NULL},
    {"type": "Relationship", "object": NULL},
    {"type": "VocabProperty", "vocab": NULL},
    {"type": "JsonProperty", "json": NULL},
    {"type": "ListProperty", "valueList": NULL},
    {"type": "ListRelationship", "objectList": NULL},
    {"type": "LanguageProperty", "languageMap": NULL},
    {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
    {"type": "Property", "value": 1, "observedAt": NULL},
    {"type": "Property", "value": 1, "unitCode": NULL},
    {"type": "Property", "value": 1, "sub": NULL},
]


@pytest.mark.parametrize("attribute", NULLS)
def test_a_null_stands_for_deletion_only_where_the_operation_allows_it(attribute: Any) -> None:
    assert fault({"name": attribute})[0] == "ngsild.null-not-allowed"
    for nulls in ("attributes", "anywhere"):
        assert NULL in str(instance(attribute, nulls=nulls))


@pytest.mark.parametrize(
    "attribute",
    [
        {"value": {"a": NULL}},
        {"value": {"a": {"b": NULL}}},
        {"languageMap": {"en": NULL, "fr": "x"}},
    ],
)
def test_a_null_inside_a_value_is_for_merging_alone(attribute: Any) -> None:
    assert fault({"name": attribute})[0] == "ngsild.null-not-allowed"
    assert fault({"name": attribute}, nulls="attributes")[0] == "ngsild.null-not-allowed"
    assert NULL in str(instance(attribute, nulls="anywhere"))


def test_a_null_of_all_languages_is_the_plain_null() -> None:
    found = instance({"languageMap": {"@none": NULL}}, nulls="attributes")
    assert found == {"type": "LanguageProperty", "languageMap": NULL}


def test_a_null_in_a_list_is_never_taken() -> None:
    assert fault({"name": {"value": [NULL]}}, nulls="anywhere")[0] == "ngsild.null-not-allowed"


def test_json_is_kept_even_where_it_looks_like_something_else() -> None:
    raw = {"a": None, "type": "Property", "@context": {}, "deep": {"n": NULL}}
    assert instance({"json": raw}) == {"type": "JsonProperty", "json": raw}


def test_values_within_values_without_end_are_refused() -> None:
    value: Any = 1
    for _ in range(MOST_NESTED_VALUES + 2):
        value = [value]
    assert fault({"name": value})[0] == "ngsild.too-deep"


def test_attributes_within_attributes_without_end_are_refused() -> None:
    attribute: Any = {"value": 1}
    for _ in range(MOST_NESTED_ATTRIBUTES + 1):
        attribute = {"value": 1, "sub": attribute}
    assert fault({"name": attribute})[0] == "ngsild.too-deep"


def test_one_attribute_is_read_without_its_name() -> None:
    assert read_attribute({"value": 5, "@context": {}}, TERMS) == {
        "": {"type": "Property", "value": 5}
    }
    assert set(read_attribute([{"value": 5, "datasetId": "urn:d:1"}], TERMS)) == {"urn:d:1"}
    with pytest.raises(LingjingError):
        read_attribute({"type": "Property", "value": 5}, TERMS, attribute=LOCATION)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"value": 5}, {"type": "Property", "value": 5}),
        ({"object": "urn:x:1"}, {"type": "Relationship", "object": "urn:x:1"}),
        ({"observedAt": WHEN}, {"observedAt": WHEN}),
        ({"datasetId": "urn:d:1", "unitCode": NULL}, {"datasetId": "urn:d:1", "unitCode": NULL}),
        ({"type": "Property", "observedAt": WHEN}, {"type": "Property", "observedAt": WHEN}),
        (
            {"sub": 1},
            {"attributes": {DEFAULT_TERMS + "sub": {"": {"type": "Property", "value": 1}}}},
        ),
    ],
)
def test_a_partial_update_may_lack_type_and_value(body: Any, found: Any) -> None:
    assert read_partial_attribute({**body, "@context": {}}, TERMS) == found


@pytest.mark.parametrize(
    "body",
    [5, [], {"type": "Sideways"}, {"type": "Property", "object": "urn:x:1"}, {"value": None}],
)
def test_a_partial_update_that_makes_no_sense_is_refused(body: Any) -> None:
    with pytest.raises(LingjingError):
        read_partial_attribute(body, TERMS)
