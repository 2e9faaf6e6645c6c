"""Type selections, scope queries, geographic relations, and the order of results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lingjing.twin.documents import LOCATION
from lingjing.twin.query.geo import (
    GeoQuery,
    distance_m,
    great_circle_m,
    parse_geo,
    reference,
)
from lingjing.twin.query.ordering import parse_ordering
from lingjing.twin.query.scopes import parse_scopes
from lingjing.twin.query.types import MOST_GROUPS, holds, parse_types
from lingjing.vocabulary import LingjingError


def same(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("A", (("A",),)),
        ("A|B", (("A",), ("B",))),
        ("A,B", (("A",), ("B",))),
        ("A;B", (("A", "B"),)),
        ("(A;B)|C", (("A", "B"), ("C",))),
        ("A;(B|C)", (("A", "B"), ("A", "C"))),
        ("A;A|A", (("A",),)),
        ("https://x.example/y#T|B", (("https://x.example/y#T",), ("B",))),
    ],
)
def test_types_are_groups_of_which_one_must_hold_in_full(text: str, groups: Any) -> None:
    assert parse_types(text, same) == groups


def test_an_entity_needs_all_types_of_a_group() -> None:
    groups = parse_types("(A;B)|C", same)
    assert holds(groups, ["B", "A"])
    assert holds(groups, ["C"])
    assert not holds(groups, ["A"])
    assert holds((), ["A"])


@pytest.mark.parametrize("text", ["", "A|", "|A", "(A", "A)", "A B", "A;;B", "()"])
def test_types_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(LingjingError, match=r"query\.bad-syntax"):
        parse_types(text, same)


def test_types_that_multiply_are_refused() -> None:
    alternatives = "(" + "|".join(f"A{number}" for number in range(9)) + ")"
    with pytest.raises(LingjingError, match=r"query\.too-complex"):
        parse_types(";".join([alternatives] * 3), same)
    assert len(parse_types("|".join(f"A{n}" for n in range(MOST_GROUPS)), same)) == MOST_GROUPS


@pytest.mark.parametrize(
    ("text", "scopes", "expected"),
    [
        ("/a/b", ["/a/b"], True),
        ("/a/b", ["a/b"], True),
        ("/a", ["/a/b"], False),
        ("/a/b", ["/a"], False),
        ("/a/+", ["/a/b"], True),
        ("/a/+", ["/a/b/c"], False),
        ("/+/b", ["/x/b"], True),
        ("/a/#", ["/a"], True),
        ("/a/#", ["/a/b/c"], True),
        ("/a/#", ["/ab"], False),
        ("/#", ["/a"], True),
        ("/#", [], False),
        ("/a;/b", ["/a", "/b"], True),
        ("/a;/b", ["/a"], False),
        ("/a|/b", ["/b"], True),
        ("/a,/b", ["/b"], True),
        ("(/a;/b)|/c", ["/c"], True),
        ("(/a|/c);/b", ["/b"], False),
        ("/百禄/+", ["/百禄/东"], True),
    ],
)
def test_scopes_match_by_level(text: str, scopes: list[str], expected: bool) -> None:
    assert parse_scopes(text)(scopes) is expected


@pytest.mark.parametrize("text", ["", "/", "/a/#/b", "(/a", "/a)", "/a;;/b", "/a b", "/a//b"])
def test_scopes_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(LingjingError, match=r"query\.bad-syntax"):
        parse_scopes(text)


def place(kind: str, coordinates: Any) -> dict[str, Any]:
    value = {"type": kind, "coordinates": coordinates}
    return {"attributes": {LOCATION: {"": {"type": "GeoProperty", "value": value}}}}


SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]
HOLED = [*SQUARE, [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]]


def geo(relation: str, kind: str, coordinates: Any) -> GeoQuery:
    return parse_geo(relation, kind, json.dumps(coordinates))


@pytest.mark.parametrize(
    ("relation", "kind", "coordinates", "other", "expected"),
    [
        ("within", "Polygon", SQUARE, ("Point", [5, 5]), True),
        ("within", "Polygon", HOLED, ("Point", [5, 5]), False),
        ("within", "Polygon", HOLED, ("Point", [2, 2]), True),
        ("within", "Polygon", SQUARE, ("Point", [0, 5]), False),
        ("intersects", "Polygon", SQUARE, ("Point", [0, 5]), True),
        ("intersects", "LineString", [[0, 0], [5, 5]], ("LineString", [[0, 5], [5, 0]]), True),
        ("contains", "Point", [5, 5], ("Polygon", SQUARE), True),
        ("contains", "Point", [50, 5], ("Polygon", SQUARE), False),
        ("disjoint", "Polygon", SQUARE, ("Point", [50, 5]), True),
        ("disjoint", "Polygon", SQUARE, ("Point", [5, 5]), False),
        ("equals", "Point", [5, 5], ("Point", [5.0, 5.0]), True),
        ("equals", "Polygon", SQUARE, ("Polygon", [list(reversed(SQUARE[0]))]), True),
        (
            "overlaps",
            "Polygon",
            SQUARE,
            ("Polygon", [[[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]]),
            True,
        ),
        ("overlaps", "Polygon", SQUARE, ("Point", [5, 5]), False),
        ("near;maxDistance==112000", "Point", [0, 0], ("Point", [0, 1]), True),
        ("near;maxDistance==111000", "Point", [0, 0], ("Point", [0, 1]), False),
        ("near;minDistance==111000", "Point", [0, 0], ("Point", [0, 1]), True),
        ("near;minDistance==112000", "Point", [0, 0], ("Point", [0, 1]), False),
        (
            "near;maxDistance==2000",
            "LineString",
            [[0, 60], [10, 60]],
            ("Point", [10, 60.009]),
            True,
        ),
        ("near;maxDistance==1", "Polygon", SQUARE, ("Point", [5, 5]), True),
        ("near;maxDistance==20000", "Point", [0, 85], ("LineString", [[1, 85], [0, 85.6]]), True),
        ("near;maxDistance==5000", "Point", [0, 85], ("LineString", [[1, 85], [0, 85.6]]), False),
    ],
)
def test_places_are_related_as_the_standard_says(
    relation: str, kind: str, coordinates: Any, other: tuple[str, Any], expected: bool
) -> None:
    assert geo(relation, kind, coordinates).accept(place(*other)) is expected


def test_what_has_no_geometry_meets_no_relation_not_even_disjoint() -> None:
    found = geo("disjoint", "Polygon", SQUARE)
    assert not found.accept({"attributes": {}})
    prop = {"attributes": {LOCATION: {"": {"type": "Property", "value": "here"}}}}
    assert not found.accept(prop)
    assert not found.accept(place("Point", "nowhere"))


def test_any_dataset_may_meet_the_relation() -> None:
    document = place("Point", [50, 5])
    inside = place("Point", [5, 5])["attributes"][LOCATION][""]
    document["attributes"][LOCATION]["urn:d:2"] = inside
    assert geo("within", "Polygon", SQUARE).accept(document)


@pytest.mark.parametrize(
    "text",
    [
        "", "near", "touches", "near;maxDistance==0", "near;maxDistance==-1", "near;maxDistance=5",
        "near;maxDistance==5;minDistance==1", "near;maxDistance==inf", "near;maxDistance==1e400",
        "near;maxDistance==nan", "near;reach==5", "within;maxDistance==5", "near;maxDistance==",
        "near;maxDistance==0x10", "near;maxDistance==05",
    ],
)  # fmt: skip
def test_relations_that_there_are_not_are_refused(text: str) -> None:
    with pytest.raises(LingjingError, match=r"query\.bad-georel"):
        parse_geo(text, "Point", "[1,2]")


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [
        ("Circle", "[1,2]"), ("Point", "[1]"), ("Point", "[1,2,3,4]"), ("Point", "1,2"),
        ("Point", "[[1,2]]"), ("Point", '["1","2"]'), ("Point", "[true,2]"), ("Point", "[181,2]"),
        ("Point", "[1,91]"), ("Point", "[NaN,2]"), ("Point", "[1e999,2]"), ("Point", ""),
        ("Polygon", "[[[0,0],[1,1]]]"), ("Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
        ("Polygon", "[]"), ("LineString", "[[0,0]]"), ("LineString", "[[0,0],5]"),
        ("Point", "[" * 5_000),
    ],
)  # fmt: skip
def test_geometries_that_are_none_are_refused(kind: str, coordinates: str) -> None:
    with pytest.raises(LingjingError, match=r"query\.bad-geometry"):
        parse_geo("within", kind, coordinates)


def test_a_geometry_with_too_many_positions_is_refused() -> None:
    line = json.dumps([[number / 1000, 0] for number in range(10_001)])
    with pytest.raises(LingjingError, match=r"query\.too-complex"):
        reference("LineString", line)


def test_a_box_holds_whatever_is_near() -> None:
    found = geo("near;maxDistance==1000", "Point", [121.5, 31.2]).bounds
    assert found is not None
    west, south, east, north = found
    assert great_circle_m(west, 31.2, 121.5, 31.2) > 1000
    assert great_circle_m(121.5, south, 121.5, 31.2) > 1000
    assert great_circle_m(121.5, north, 121.5, 31.2) < 1010
    assert east - 121.5 == pytest.approx(121.5 - west)
    assert geo("within", "Polygon", SQUARE).bounds == (0, 0, 10, 10)
    for relation, kind, coordinates in (
        ("disjoint", "Polygon", SQUARE),
        ("near;minDistance==5", "Point", [1, 2]),
        ("near;maxDistance==500000", "Point", [0, 89]),
        ("near;maxDistance==500000", "Point", [179, 0]),
    ):
        assert geo(relation, kind, coordinates).bounds is None


def test_distances_are_those_of_the_sphere() -> None:
    # a degree of a great circle of the mean sphere
    assert great_circle_m(0, 0, 0, 1) == pytest.approx(111_195.08, abs=0.01)
    assert great_circle_m(179.5, 0, -179.5, 0) == pytest.approx(111_195.08, abs=0.01)
    line, point = reference("LineString", "[[0,0],[0,2]]"), reference("Point", "[1,1]")
    assert distance_m(line, point) == pytest.approx(great_circle_m(0, 1, 1, 1), rel=1e-6)


def entity(name: str, **attributes: Any) -> dict[str, Any]:
    found = {key: {"": item} for key, item in attributes.items()}
    return {"id": name, "type": ["T"], "createdAt": f"2026-01-0{len(name)}", "attributes": found}


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def order(documents: list[dict[str, Any]], *texts: str, **more: Any) -> str:
    ordering = parse_ordering(texts, same, **more)
    return "".join(found["id"] for found in ordering.sorted(documents, lambda item: item))


def test_numbers_come_before_words_and_what_is_missing_last_either_way() -> None:
    documents = [
        entity("a"), entity("b", k=prop("x")), entity("c", k=prop(10)), entity("d", k=prop(9)),
        entity("e", k=prop(True)), entity("f", k=prop({"x": 1})),
    ]  # fmt: skip
    assert order(documents, "k") == "dcbefa"
    assert order(documents, "k;asc") == "dcbefa"
    assert order(documents, "k;desc") == "febcda"


def test_later_keys_decide_where_earlier_ones_do_not() -> None:
    documents = [
        entity("a", k=prop(1), s=prop("x")), entity("b", k=prop(1), s=prop("y")),
        entity("c", k=prop(0), s=prop("z")),
    ]  # fmt: skip
    assert order(documents, "k", "s;desc") == "cba"
    assert order(documents, "type", "id;desc") == "cba"


def test_keys_may_lie_inside() -> None:
    sub = {"attributes": {"q": {"": prop(1)}}}
    documents = [
        entity("a", k=prop({"n": {"m": 2}}), t=prop(0, observedAt="2026-02"), s=prop(5)),
        entity("b", k=prop({"n": {"m": 1}}), t=prop(0, observedAt="2026-01"), s=prop(5, **sub)),
        entity("c", k=prop(7)),
    ]
    assert order(documents, "k[n.m]") == "bac"
    assert order(documents, "t.observedAt") == "bac"
    assert order(documents, "s.q") == "bac"


def test_distances_order_from_a_reference() -> None:
    documents = [
        {"id": name, "attributes": {"at": {"": {"type": "GeoProperty", "value": value}}}}
        for name, value in (
            ("a", {"type": "Point", "coordinates": [5, 0]}),
            ("b", {"type": "Point", "coordinates": [1, 0]}),
            ("c", {"type": "LineString", "coordinates": [[2, 0], [9, 0]]}),
        )
    ]
    around = reference("Point", "[0,0]")
    assert order(documents, "at;dist-asc", reference=around) == "bca"
    assert order(documents, "at;dist-desc", reference=around) == "acb"
    with pytest.raises(LingjingError, match=r"query\.missing-parameter"):
        parse_ordering(("at;dist-asc",), same)


def test_strings_follow_a_collation_where_one_is_named() -> None:
    documents = [entity(name, k=prop(name)) for name in ("b", "á", "A", "Ä", "z")]
    assert order(documents, "k") == "AbzÄá"
    assert order(documents, "k", collation="und") == "AáÄbz"
    assert order(documents, "k", collation="de-u-co-phonebk") == "AáÄbz"
    phone = [entity(name, k=prop(name)) for name in ("Ad", "Af", "Ä")]
    assert order(phone, "k", collation="de-u-co-phonebk") == "AdÄAf"


@pytest.mark.parametrize(
    "tag", ["!!nope", "not a tag", "zh", "sv", "fr-CA", "de-u-co-emoji", "x" * 99]
)
def test_collations_that_cannot_be_kept_to_are_refused(tag: str) -> None:
    with pytest.raises(LingjingError, match=r"query\.bad-collation"):
        parse_ordering(("k",), same, tag)


@pytest.mark.parametrize("text", ["", "k;up", "k[", "k[]", "k[a", "9", "k.", "k;asc;desc", "k l"])
def test_orders_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(LingjingError, match=r"query\.bad-syntax"):
        parse_ordering((text,), same)


def test_too_many_keys_are_refused() -> None:
    with pytest.raises(LingjingError, match=r"query\.too-complex"):
        parse_ordering(("k",) * 17, same)
