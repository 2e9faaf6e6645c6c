"""Names are expanded and compacted as JSON-LD and clause 4.4 say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from context_terms import terms_of

from lingjing.interfaces.ngsild.core_terms import CORE_TERMS, GEOJSON
from lingjing.interfaces.ngsild.terms import Terms, is_iri
from lingjing.twin.documents import CORE, DEFAULT_TERMS
from lingjing.vocabulary import LingjingError

USER = {
    "ex": "https://example.org/ns#",
    "Riser": "ex:Riser",
    "temperature": "https://example.org/ns#temperature",
    "partOf": {"@id": "ex:partOf", "@type": "@id"},
    "dateMade": {"@id": "ex:dateMade", "@type": "https://example.org/Date"},
    "level-2": "ex:level-2",
    "nothing": None,
}


@pytest.fixture
def terms() -> Terms:
    return terms_of(USER)


@pytest.mark.real_data
def test_the_table_of_core_terms_is_that_of_the_published_context(shared_data: Path) -> None:
    file = shared_data / "contexts" / "ngsi-ld-core-context-v1.9.jsonld"
    published = json.loads(file.read_text(encoding="utf-8"))["@context"]

    def whole(definition: object) -> str:
        iri = str(definition["@id"] if isinstance(definition, dict) else definition)
        return iri.replace("ngsi-ld:", CORE).replace("geojson:", GEOJSON)

    wanted = {name: whole(item) for name, item in published.items() if name[0] != "@"}
    assert wanted == CORE_TERMS


@pytest.mark.parametrize(
    ("name", "iri"),
    [
        ("Riser", "https://example.org/ns#Riser"),
        ("ex:Valve", "https://example.org/ns#Valve"),
        ("partOf", "https://example.org/ns#partOf"),
        ("level-2", "https://example.org/ns#level-2"),
        ("location", CORE + "location"),
        ("value", CORE + "hasValue"),
        ("unheard", DEFAULT_TERMS + "unheard"),
        ("温度", DEFAULT_TERMS + "温度"),
        ("https://other.example/x", "https://other.example/x"),
        ("urn:other:x", "urn:other:x"),
        ("ngsi-ld:default-context/x", DEFAULT_TERMS + "x"),
    ],
)
def test_names_become_iris_and_come_back(terms: Terms, name: str, iri: str) -> None:
    assert terms.expand(name) == iri
    assert terms.expand(terms.compact(iri)) == iri


def test_the_shortest_name_is_written(terms: Terms) -> None:
    assert terms.compact("https://example.org/ns#temperature") == "temperature"
    assert terms.compact("https://example.org/ns#unnamed") == "ex:unnamed"
    assert terms.compact(DEFAULT_TERMS + "unheard") == "unheard"
    assert terms.compact("https://nowhere.example/x") == "https://nowhere.example/x"


def test_a_word_in_a_value_may_be_no_name_of_an_attribute(terms: Terms) -> None:
    iri = terms.expand_vocab("non-commercial")
    assert iri == DEFAULT_TERMS + "non-commercial"
    assert terms.compact_vocab([iri]) == ["non-commercial"]
    assert terms.expand(terms.compact(iri)) == iri


def test_a_name_that_means_something_else_is_not_written_for_the_default_vocabulary(
    terms: Terms,
) -> None:
    iri = DEFAULT_TERMS + "temperature"
    assert terms.compact(iri) == "ngsi-ld:default-context/temperature"
    assert terms.expand(terms.compact(iri)) == iri


def test_a_user_context_cannot_redefine_what_the_core_says() -> None:
    terms = terms_of(
        {"Property": "https://evil.example/Property", "type": "https://evil.example/t"}
    )
    assert terms.expand("Property") == CORE + "Property"
    assert terms.expand("type") == "@type"
    assert terms.compact(CORE + "Property") == "Property"
    assert terms.compact("https://evil.example/Property") == "https://evil.example/Property"


def test_the_default_vocabulary_is_always_that_of_the_core() -> None:
    terms = terms_of({"@vocab": "https://example.org/v#", "known": {"@type": "@id"}})
    assert terms.expand("known") == "https://example.org/v#known"
    assert terms.expand("unknown") == DEFAULT_TERMS + "unknown"


def test_a_term_of_dates_is_written_only_where_nothing_better_is() -> None:
    iri = "https://example.org/ns#made"
    terms = terms_of({"a": {"@id": iri, "@type": "https://example.org/Date"}, "longer": iri})
    assert terms.compact(iri) == "longer"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "9lives",
        "my attr",
        "a-b",
        "a.b",
        "x<y",
        "urn:with space",
        "ex:a\u200bb",
        "nothing",
        ":x",
    ],
)
def test_names_that_the_standard_does_not_allow_are_refused(terms: Terms, name: str) -> None:
    with pytest.raises(LingjingError) as caught:
        terms.expand(name)
    assert caught.value.code == "ngsild.bad-name"


def test_the_key_tells_contexts_apart_by_what_they_mean() -> None:
    assert terms_of(USER).key == terms_of([USER]).key
    assert terms_of(USER).key != terms_of({**USER, "Riser": "ex:Other"}).key
    assert Terms().key == terms_of(None).key


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lingjing.interfaces.ngsild.terms._REMEMBERED", 10)
    terms = Terms()
    for number in range(100):
        assert terms.expand(f"name{number}") == f"{DEFAULT_TERMS}name{number}"
        assert terms.compact(f"{DEFAULT_TERMS}name{number}") == f"name{number}"
    assert max(map(len, (terms.names, terms.expanded, terms.compacted))) <= 10


@pytest.mark.parametrize(
    "text", ["urn:ngsi-ld:Riser:1", "https://例子.中国/一号", "a:b", "urn:Paríš"]
)
def test_iris_are_known(text: str) -> None:
    assert is_iri(text)


@pytest.mark.parametrize(
    "point",
    [0x20, 0x3C, 0x22, 0xA0, 0x200B, 0x202E, 0x2028, 0xFEFF, 0xFE0F, 0xFDD0, 0x3164, 0xE0100],
)
def test_what_cannot_be_seen_or_must_not_stand_in_an_iri_makes_it_none(point: int) -> None:
    assert not is_iri(f"urn:x:a{chr(point)}b")
