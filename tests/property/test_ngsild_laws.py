"""Laws of the language: what is written is read back, names come home, nothing breaks."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from context_terms import terms_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.core_terms import (
    CORE_ADDRESS,
    CORE_TERMS,
    CORE_VOCABULARY,
    NOT_ATTRIBUTES,
)
from lingjing.interfaces.ngsild.reading import (
    read_entity,
    read_fragment,
    read_partial_attribute,
    read_temporal_entity,
)
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.writing import Representation, write_entity
from lingjing.twin import changes
from lingjing.twin.documents import PAYLOADS
from lingjing.vocabulary import LingjingError

NOW: Final = "2026-01-20T09:00:00.000000Z"
DEFINITIONS: Final = {
    "ex": "https://example.org/ns#",
    "Riser": "ex:Riser",
    "speed": "https://other.example/speed",
    "名称": "ex:name",
    "b": {"@id": "ex:b", "@type": "@id"},
    "lost": None,
}
TERMS: Final = terms_of(DEFINITIONS)

LETTERS: Final = string.ascii_letters + "温度é"
plain_names = st.text(LETTERS + string.digits + "_", min_size=1, max_size=8).filter(
    lambda name: name[0] in LETTERS and name not in CORE_TERMS and name != "lost"
)
names = plain_names | st.sampled_from(
    ["speed", "名称", "b", "ex:c", "https://iri.example/x", "urn:y:z"]
)
uris = st.from_regex(r"urn:[a-z]{1,5}:[a-z0-9]{1,6}", fullmatch=True)
words = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | numbers | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
longitudes, latitudes = st.floats(-180, 180), st.floats(-90, 90)
points = st.builds(lambda x, y: {"type": "Point", "coordinates": [x, y]}, longitudes, latitudes)
instants = st.datetimes().map(lambda at: at.isoformat(timespec="seconds") + "Z")

PAYLOAD_VALUES: Final[dict[str, st.SearchStrategy[Any]]] = {
    "Property": values,
    "GeoProperty": points,
    "Relationship": uris | st.lists(uris, min_size=1, max_size=3),
    "LanguageProperty": st.dictionaries(
        st.sampled_from(["zh", "en", "pt-BR", "@none"]), words, min_size=1
    ),
    "VocabProperty": names | st.lists(names, min_size=1, max_size=3),
    "JsonProperty": st.dictionaries(words, values | st.none(), max_size=3),
    "ListProperty": st.lists(values, max_size=3),
    "ListRelationship": st.lists(st.builds(lambda uri: {"object": uri}, uris), max_size=3),
}


@st.composite
def instances(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(PAYLOADS)))
    written = {"type": kind, PAYLOADS[kind]: draw(PAYLOAD_VALUES[kind])}
    if draw(st.booleans()):
        written["observedAt"] = draw(instants)
    if kind in ("Property", "ListProperty") and draw(st.booleans()):
        written["unitCode"] = "CEL"
    if kind in ("Relationship", "ListRelationship") and draw(st.booleans()):
        written["objectType"] = draw(names)
    if depth < 2 and draw(st.integers(0, 3)) == 0:
        written[draw(names)] = draw(instances(depth + 1))
    return written


@st.composite
def attributes(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 3)):
        return draw(instances())
    datasets = draw(st.lists(uris, min_size=2, max_size=3, unique=True))
    return [{**draw(instances()), "datasetId": dataset} for dataset in datasets]


entities = st.builds(
    lambda uri, kinds, found: {**found, "id": uri, "type": kinds[0] if len(kinds) == 1 else kinds},
    uris,
    st.lists(names, min_size=1, max_size=3, unique_by=TERMS.expand),
    st.dictionaries(names, attributes(), max_size=4),
)


@given(entities)
def test_what_is_written_normalized_is_what_was_read(entity: dict[str, Any]) -> None:
    document = changes.created(read_entity(entity, TERMS), NOW)
    assert write_entity(document, TERMS) == entity


@given(entities)
def test_concise_says_the_same_as_normalized(entity: dict[str, Any]) -> None:
    document = read_entity(entity, TERMS)
    concise = write_entity(document, TERMS, Representation(form="concise"))
    assert read_entity(concise, TERMS) == document
    assert len(json.dumps(concise)) <= len(json.dumps(entity))


@given(entities)
def test_another_context_says_the_same(entity: dict[str, Any]) -> None:
    document = read_entity(entity, TERMS)
    for other in (Terms(), terms_of({"x": "ex:Riser", "ex": "https://example.org/"})):
        assert read_entity(write_entity(document, other), other) == document


@given(entities)
def test_all_forms_can_be_encoded(entity: dict[str, Any]) -> None:
    document = changes.created(read_entity(entity, TERMS), NOW)
    for form in ("normalized", "concise", "simplified"):
        for language in ("", "zh"):
            wanted = Representation(form=form, language=language, has_times=True)  # type: ignore[arg-type]
            msgspec.json.encode(write_entity(document, TERMS, wanted))


@given(names)
def test_names_go_out_and_come_home(name: str) -> None:
    iri = TERMS.expand(name)
    assert TERMS.expand(TERMS.compact(iri)) == iri


MEMBERS: Final = """
id type @id @type @context @value value object languageMap vocab json valueList objectList datasetId
observedAt unitCode scope coordinates location dataset expiresAt a b lost ex:c
"""
KEYWORDS: Final = """
@id @type @vocab @container @prefix @reverse @version @import a b a:b id type Property ex
"""

anything = st.recursive(
    st.none() | scalars | st.sampled_from(["urn:ngsi-ld:null", "Property", "Point", "@none", NOW]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(MEMBERS.split()) | words,
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(anything)
@settings(max_examples=400)
def test_reading_takes_anything_and_refuses_in_its_own_words(body: Any) -> None:
    entity = {"id": "urn:x:1", "type": "A", **body} if isinstance(body, dict) else body
    for read in (
        lambda: read_entity(entity, TERMS),
        lambda: read_temporal_entity(entity, TERMS),
        lambda: read_fragment(body, TERMS, nulls="anywhere"),
        lambda: read_fragment({"a": body}, TERMS, is_simplified=True),
        lambda: read_partial_attribute(body, TERMS),
    ):
        refusal = refusal_of(read)
        assert refusal is None or refusal.code.startswith("ngsild.")


def refusal_of(call: Callable[[], object]) -> LingjingError | None:
    """The refusal that a call ends with, if it does; it can be told to people."""
    try:
        call()
    except LingjingError as error:
        error.as_dict()
        return error
    return None


contexts = st.recursive(
    st.none() | scalars | st.just(CORE_ADDRESS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS.split()) | words,
            inner
            | st.sampled_from(["@id", "@vocab", "@list", "a:", "b:c", "https://example.org/"]),
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(contexts)
@settings(max_examples=400)
def test_any_context_is_understood_or_refused_in_our_own_words(context: Any) -> None:
    try:
        refusal = refusal_of(lambda: terms_of(context, {}))
    except KeyError:
        return  # it names a document that only the web has
    if refusal is not None:
        assert refusal.code.startswith("ngsild.context-")
        return
    terms = terms_of(context, {})
    assert terms.expand("Property") == CORE_TERMS["Property"]
    for name in ("a", "b", "a:b", "ex", "ex:a"):
        try:
            iri = terms.expand(name)
        except LingjingError:
            continue
        if not iri.startswith("@") and iri not in NOT_ATTRIBUTES:
            assert terms.expand(terms.compact(iri)) == iri


CORE_DOCUMENT: Final = {"@context": {"@version": 1.1, **CORE_TERMS, "@vocab": CORE_VOCABULARY}}
iris = st.sampled_from(
    ["https://example.org/", "https://example.org/ns#", "https://example.org/word", "urn:v:"]
)
definitions = st.dictionaries(
    st.sampled_from(["a", "b", "ex", "value", "Property", "speed"]),
    iris | st.builds(lambda iri: {"@id": iri, "@prefix": True}, iris) | st.just("ex:more"),
    max_size=5,
)


@given(
    definitions,
    plain_names
    | st.sampled_from(["a:x", "ex:x", "b", "value", "urn:v:x", "https://example.org/x"]),
)
@settings(max_examples=60, deadline=None)
def test_names_mean_what_another_reader_of_json_ld_says(definitions: Any, name: str) -> None:
    jsonld = pytest.importorskip("pyld.jsonld")
    context = [definitions, CORE_DOCUMENT["@context"]]
    body = {"@context": context, "id": "urn:x:1", name: {"id": "urn:x:2"}}
    try:
        terms = terms_of(definitions)
    except LingjingError:
        with pytest.raises(jsonld.JsonLdError):
            jsonld.expand(body)
        return
    (expanded,) = jsonld.expand(body)
    (iri,) = expanded.keys() - {"@id"}
    assert terms.expanded[name] == iri
    compacted = jsonld.compact({"@id": "urn:x:1", iri: {"@id": "urn:x:2"}}, {"@context": context})
    (written,) = compacted.keys() - {"@context", "id"}
    assert terms.compact(iri) == written
