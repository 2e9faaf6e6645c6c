"""Choosing media types, finding routes, and writing for earlier versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.media import choose
from lingjing.interfaces.ngsild.pages import page_links
from lingjing.interfaces.ngsild.requests import (
    Answer,
    Request,
    Route,
    context_link,
    link_header,
    parse_query,
)
from lingjing.interfaces.ngsild.routing import Router
from lingjing.interfaces.ngsild.versions import preferred, reformat
from lingjing.vocabulary import LingjingError

OFFERED = ("application/json", "application/ld+json")


async def nothing(*_: object) -> Answer:
    return Answer(204)


def route(method: str, pattern: str) -> Route:
    return Route(method=method, pattern=pattern, handler=nothing)


ROUTER = Router(
    (
        route("GET", "/entities"),
        route("POST", "/entities"),
        route("GET", "/entities/{id}"),
        route("PATCH", "/entities/{id}"),
        route("PATCH", "/entities/{id}/attrs/{attribute}"),
    )
)


@given(st.text(max_size=60))
def test_any_accept_header_leads_to_something_offered_or_nothing(accept: str) -> None:
    assert choose(accept, OFFERED) in ("", *OFFERED)


def test_the_more_exact_range_decides() -> None:
    assert choose("application/*;q=0.2, application/json;q=0.1", OFFERED) == OFFERED[1]
    assert choose("*/*;q=0", OFFERED) == ""
    assert choose("", OFFERED) == OFFERED[0]


def test_a_route_is_found_with_its_parameters_decoded() -> None:
    found, parts, _ = ROUTER.find("PATCH", "/entities/urn:a:%E7%94%B2%2Fb/attrs/flow/")
    assert found is not None
    assert found.pattern == "/entities/{id}/attrs/{attribute}"
    assert parts == {"id": "urn:a:甲/b", "attribute": "flow"}


def test_what_exists_without_the_method_says_which_there_are() -> None:
    assert ROUTER.find("DELETE", "/entities/urn:a:b") == (
        None,
        {},
        ("GET", "HEAD", "OPTIONS", "PATCH"),
    )
    assert ROUTER.find("GET", "/nowhere") == (None, {}, ())
    assert ROUTER.find("GET", "/entities/urn:a:b/attrs") == (None, {}, ())


def test_head_finds_get() -> None:
    found, _, _ = ROUTER.find("HEAD", "/entities")
    assert found is not None
    assert found.method == "GET"


def test_a_missing_id_is_an_empty_one() -> None:
    found, parts, _ = ROUTER.find("PATCH", "/entities/")
    assert found is not None
    assert parts == {"id": ""}


def test_the_same_route_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router((route("GET", "/a"), route("GET", "/a")))


def test_encoding_that_is_no_text_is_refused() -> None:
    with pytest.raises(LingjingError) as error:
        ROUTER.find("GET", "/entities/%ff")
    assert error.value.code == "ngsild.bad-encoding"


def test_parameters_are_decoded_and_empty_ones_kept() -> None:
    assert parse_query(b"q=a%3E1&b=&c=x+y&&") == {"q": "a>1", "b": "", "c": "x y"}
    for text, code in ((b"a=1&a=2", "parameter-twice"), (b"a=%ff", "bad-encoding")):
        with pytest.raises(LingjingError) as error:
            parse_query(text)
        assert error.value.code == f"ngsild.{code}"


@given(st.binary(max_size=40))
def test_any_query_is_read_or_refused(text: bytes) -> None:
    assert outcome(text) in ("read", "ngsild.bad-encoding", "ngsild.parameter-twice")


def outcome(text: bytes) -> str:
    try:
        parse_query(text)
    except LingjingError as error:
        return error.code
    return "read"


def test_the_context_is_found_among_other_links() -> None:
    relation = "http://www.w3.org/ns/json-ld#context"
    header = (
        f'<https://a/>; rel="next", <https://b/c>; type="application/ld+json"; rel="{relation}"'
    )
    assert context_link(header) == "https://b/c"
    assert context_link('<https://a/>; rel="next"') == ""
    assert context_link(link_header("https://x/y").decode()) == "https://x/y"


def test_links_to_pages_repeat_the_query_in_order() -> None:
    query = {"type": "Riser", "limit": "2", "idPattern": "urn:.*"}
    request = Request(None, "GET", "/entities/", {}, query, {})  # type: ignore[arg-type]
    back, on = page_links(request, 2, 2, has_more=True)
    assert back == (
        b"</ngsi-ld/v1/entities?idPattern=urn:.*&limit=2&offset=0&type=Riser>"
        b';rel="prev";type="application/json"'
    )
    assert b"offset=4" in on
    assert page_links(request, 0, 2, has_more=False) == []
    assert page_links(request, 2, 0, has_more=True) == []


@pytest.mark.parametrize(
    ("prefer", "version"),
    [
        ("ngsi-ld=1.5", "1.5"),
        ('body=json, ngsi-ld="1.3"', "1.3"),
        ("ngsi-ld=2.0", None),
        ("ngsi-ld=1.10", None),
        ("body=json", None),
    ],
)
def test_a_version_is_preferred_only_where_it_is_known(prefer: str, version: str | None) -> None:
    assert preferred(prefer) == version


def test_every_attribute_is_turned_and_values_are_left_alone() -> None:
    inner = {"type": "VocabProperty", "vocab": "kept"}
    written = [
        {
            "id": "urn:a:1",
            "type": "LanguageProperty",
            "a": {"type": "VocabProperty", "vocab": "x", "b": {"type": "JsonProperty", "json": 1}},
        },
        {"id": "urn:a:2", "type": "T", "c": {"type": "Property", "value": inner}},
        {
            "id": "urn:a:3",
            "type": "T",
            "d": {"type": "ListRelationship", "objectList": ["urn:x:y"]},
        },
    ]
    assert reformat(written, "1.7")
    assert written[0]["a"] == {
        "type": "Property",
        "value": "x",
        "b": {"type": "Property", "value": 1},
    }
    assert written[0]["type"] == "LanguageProperty", "an entity type is no attribute type"
    assert written[1]["c"] == {"type": "Property", "value": inner}
    assert written[2]["d"] == {"type": "Relationship", "object": ["urn:x:y"]}
    assert not reformat(written, "1.9")
