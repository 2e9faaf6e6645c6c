"""@contexts are read as JSON-LD 1.1 says, and refused where NGSI-LD or sense forbid them."""

from __future__ import annotations

from typing import Any

import pytest
from context_terms import terms_of

from lingjing.interfaces.ngsild import context_parsing
from lingjing.interfaces.ngsild.core_terms import CORE_ADDRESS
from lingjing.twin.documents import CORE, DEFAULT_TERMS
from lingjing.vocabulary import LingjingError

HERE = "https://example.org/here.jsonld"
THERE = "https://example.org/there.jsonld"


def code_of(context: Any, documents: dict[str, Any] | None = None) -> str:
    with pytest.raises(LingjingError) as caught:
        terms_of(context, documents)
    return caught.value.code


def test_later_contexts_of_a_list_win() -> None:
    terms = terms_of([{"a": "urn:one"}, [{"a": "urn:two"}, {"b": "urn:b"}]])
    assert (terms.expand("a"), terms.expand("b")) == ("urn:two", "urn:b")


def test_null_forgets_what_came_before() -> None:
    terms = terms_of([{"a": "urn:one"}, None, {"b": "urn:b"}])
    assert (terms.expand("a"), terms.expand("b")) == (DEFAULT_TERMS + "a", "urn:b")


def test_documents_are_followed_and_relative_addresses_belong_to_their_document() -> None:
    documents = {
        HERE: {"@context": ["there.jsonld", {"a": "urn:a"}]},
        THERE: {"@context": {"b": "urn:b"}},
    }
    terms = terms_of(HERE, documents)
    assert (terms.expand("a"), terms.expand("b")) == ("urn:a", "urn:b")


@pytest.mark.parametrize("version", ["", "-v1.3", "-v1.6", "-v1.9"])
def test_no_version_of_the_core_is_asked_for(version: str) -> None:
    address = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
    assert terms_of([address]).terms == terms_of([]).terms


def test_an_address_that_only_looks_like_the_core_is_asked_for() -> None:
    address = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-non-existing.jsonld"
    terms = terms_of(address, {address: {"@context": {"a": "urn:a"}}})
    assert terms.expand("a") == "urn:a"


def test_words_of_the_core_can_be_used_in_definitions_once_it_was_named() -> None:
    terms = terms_of([CORE_ADDRESS, {"reading": "ngsi-ld:reading", "own": {"@type": "@id"}}])
    assert terms.expand("reading") == CORE + "reading"
    assert terms.expand("own") == DEFAULT_TERMS + "own"


def test_definitions_may_lean_on_each_other_in_any_order() -> None:
    terms = terms_of({"x": "p:x", "p": "q:p/", "q": "https://example.org/"})
    assert terms.expand("x") == "https://example.org/p/x"


def test_only_what_ends_like_a_prefix_is_one() -> None:
    terms = terms_of(
        {
            "word": "https://example.org/word",
            "slash": "https://example.org/",
            "said": {"@id": "https://example.org/said", "@prefix": True},
        }
    )
    assert terms.expand("word:x") == "word:x"
    assert terms.expand("slash:x") == "https://example.org/x"
    assert terms.expand("said:x") == "https://example.org/saidx"


def test_import_brings_in_another_object() -> None:
    documents = {HERE: {"@context": {"a": "urn:a", "b": "urn:b"}}}
    terms = terms_of({"@import": HERE, "b": "urn:mine"}, documents)
    assert (terms.expand("a"), terms.expand("b")) == ("urn:a", "urn:mine")


@pytest.mark.parametrize(
    "context",
    [
        5,
        True,
        [5],
        [[{"a": "urn:a"}, 7]],
        {"@vocab": 5},
        {"@version": 2},
        {"@import": 5},
    ],
)
def test_what_is_no_context_is_refused(context: Any) -> None:
    assert code_of(context) == "ngsild.context-bad"


@pytest.mark.parametrize(
    "definition",
    [
        "not an iri",
        "relative",
        5,
        True,
        [],
        {"@id": 5},
        {"@id": "@context"},
        {"@type": "@id"},
        {"@id": "urn:a", "@type": 7},
        {"@id": "urn:a", "@type": "no-iri"},
        {"@id": "urn:a", "@container": "sideways"},
        {"@id": "urn:a", "@prefix": "yes"},
        {"@id": "urn:a", "@unknown": 1},
        {"@id": "urn:a\u200b"},
    ],
)
def test_definitions_that_mean_nothing_are_refused_with_their_name(definition: Any) -> None:
    with pytest.raises(LingjingError) as caught:
        terms_of({"term": definition})
    assert caught.value.code == "ngsild.context-bad-term"
    assert caught.value.place is not None
    assert caught.value.place.field == "term"


def test_definitions_in_a_circle_are_refused() -> None:
    assert code_of({"a": "b:x", "b": "a:y"}) == "ngsild.context-bad-term"
    assert code_of({"a": "a"}) == "ngsild.context-bad-term"


def test_a_keyword_cannot_be_redefined() -> None:
    assert code_of({"@type": "urn:type"}) == "ngsild.context-bad-term"


def test_scoped_contexts_are_refused() -> None:
    scoped = {"Riser": {"@id": "urn:Riser", "@context": {"a": "urn:a"}}}
    assert code_of(scoped) == "ngsild.context-scoped"


def test_documents_in_a_circle_are_refused() -> None:
    documents = {HERE: {"@context": [THERE]}, THERE: {"@context": {"@import": HERE}}}
    assert code_of(HERE, documents) == "ngsild.context-circular"
    assert code_of(HERE, {HERE: {"@context": "here.jsonld"}}) == "ngsild.context-circular"


@pytest.mark.parametrize("document", [[], "text", {"note": 1}, None])
def test_a_document_without_a_context_is_refused(document: Any) -> None:
    assert code_of(HERE, {HERE: document}) == "ngsild.context-bad"


@pytest.mark.parametrize("address", ["", "relative.jsonld", "ftp://example.org/c", "https://a b/"])
def test_only_web_addresses_are_followed(address: str) -> None:
    assert code_of(address) == "ngsild.context-bad-address"


def test_too_many_documents_are_refused() -> None:
    documents = {
        f"https://example.org/{number}": {"@context": f"https://example.org/{number + 1}"}
        for number in range(context_parsing.MOST_DOCUMENTS + 1)
    }
    assert code_of("https://example.org/0", documents) == "ngsild.context-too-large"


def test_lists_within_lists_without_end_are_refused() -> None:
    context: Any = {}
    for _ in range(context_parsing.MOST_NESTED + 1):
        context = [context]
    assert code_of(context) == "ngsild.context-too-large"


def test_too_many_terms_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_parsing, "MOST_TERMS", 10)
    assert code_of({f"t{number}": "urn:t" for number in range(11)}) == "ngsild.context-too-large"
