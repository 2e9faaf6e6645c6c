"""Laws of the query language: what is written is read back, and evaluated as its words say."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyproj
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.durations import parse_duration
from lingjing.interfaces.ngsild.temporal_evolution import Evolution, Point, cut
from lingjing.interfaces.ngsild.temporal_parameters import TemporalQuery
from lingjing.twin.documents import LOCATION
from lingjing.twin.ledger import Moment
from lingjing.twin.query.evaluating import parse_query
from lingjing.twin.query.geo import EARTH_RADIUS_M, parse_geo
from lingjing.twin.query.nodes import All, Interval, Link, Node, Path, Scalar, Some, Term
from lingjing.twin.query.ordering import parse_ordering
from lingjing.twin.query.patterns import finder
from lingjing.twin.query.reading import parse
from lingjing.twin.query.scopes import levels, parse_scopes
from lingjing.twin.query.types import holds, parse_types
from lingjing.vocabulary import LingjingError

NAMES = ("level", "name", "open", "tags", "länge", "数值")
WORDS = ("a", "b", "urn:x:1", "上海")


def same(name: str) -> str:
    return name


numbers = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
scalars = st.one_of(
    numbers.map(lambda value: Scalar("number", value)),
    st.booleans().map(lambda value: Scalar("boolean", value)),
    st.text(max_size=6).map(lambda value: Scalar("string", value, quoted=True)),
    st.sampled_from(WORDS).map(lambda value: Scalar("word", value)),
    st.sampled_from(("2026-01-20T09:00:00Z", "2026-01-20T17:00:00+08:00")).flatmap(
        lambda value: st.booleans().map(lambda quoted: Scalar("dateTime", value, quoted))
    ),
    st.just(Scalar("date", "2026-01-20")),
).filter(
    # text that happens to be a date is read as one
    lambda scalar: scalar.kind != "string" or not re.match(r"\d", str(scalar.value))
)
paths = st.builds(
    Path,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(tuple),
    st.sampled_from(((), ("*",), ("x",), ("x", "y"))),
    st.lists(
        st.builds(Link, st.sampled_from(NAMES), st.sampled_from(((), ("T",), ("T", "U")))),
        max_size=2,
    ).map(tuple),
)
orders = st.sampled_from((">", ">=", "<", "<="))
ordered = scalars.filter(lambda scalar: scalar.kind != "boolean")
intervals = st.tuples(ordered, ordered).filter(lambda pair: pair[0].kind == pair[1].kind)
conditions = st.one_of(
    st.builds(Term, paths, st.sampled_from(("exists", "lacks"))),
    st.builds(Term, paths, orders, ordered.map(lambda one: (one,))),
    st.builds(
        Term,
        paths,
        st.sampled_from(("==", "!=")),
        st.one_of(
            st.lists(scalars, min_size=1, max_size=3).map(tuple),
            intervals.map(lambda pair: (Interval(*pair),)),
        ),
    ),
    st.builds(
        Term, paths, st.sampled_from(("~=", "!~=")), st.just(()),
        st.sampled_from(("^a", r"\d+", "a|b", '"', "(a)b;", "")),
    ),
)  # fmt: skip
trees: st.SearchStrategy[Node] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Some(tuple(parts))),
    ),
    max_leaves=6,
)


@given(trees)
def test_a_query_that_is_written_is_read_back(tree: Node) -> None:
    assert parse(str(tree)) == tree


# A reading of the conditions as plain as can be, over flat properties only.

values = st.one_of(
    st.integers(-5, 5), numbers, st.booleans(), st.sampled_from(WORDS), st.text(max_size=3),
    st.lists(st.one_of(st.integers(-5, 5), st.sampled_from(WORDS)), max_size=3),
)  # fmt: skip
flat_documents = st.dictionaries(
    st.sampled_from(NAMES), st.lists(values, min_size=1, max_size=2), max_size=4
)
flat_scalars = scalars.filter(lambda scalar: scalar.kind in ("number", "boolean", "string", "word"))
flat_paths = st.sampled_from(NAMES).map(lambda name: Path((name,)))
flat_terms = st.one_of(
    st.builds(Term, flat_paths, st.sampled_from(("exists", "lacks"))),
    st.builds(
        Term, flat_paths, st.sampled_from((">", "<=")),
        flat_scalars.filter(lambda scalar: scalar.kind != "boolean").map(lambda one: (one,)),
    ),
    st.builds(
        Term, flat_paths, st.sampled_from(("==", "!=")),
        st.lists(flat_scalars, min_size=1, max_size=3).map(tuple),
    ),
)  # fmt: skip
flat_trees: st.SearchStrategy[Node] = st.recursive(
    flat_terms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Some(tuple(parts))),
    ),
    max_leaves=5,
)


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "list"


def same_value(value: Any, scalar: Scalar) -> bool:
    return kind_of(value) == kind_of(scalar.value) and value == scalar.value


def one_holds(value: Any, term: Term) -> bool:
    wanted = [one for one in term.values if isinstance(one, Scalar)]
    if term.operator in ("==", "!="):
        elements = value if isinstance(value, list) else [value]
        found = any(same_value(element, scalar) for element in elements for scalar in wanted)
        return found is (term.operator == "==")
    if kind_of(value) != kind_of(wanted[0].value):
        return False
    bound: Any = wanted[0].value
    return bool(value > bound if term.operator == ">" else value <= bound)


def plainly(node: Node, document: dict[str, list[Any]]) -> bool:
    if isinstance(node, All):
        return all(plainly(part, document) for part in node.parts)
    if isinstance(node, Some):
        return any(plainly(part, document) for part in node.parts)
    found = document.get(node.path.names[0], [])
    if node.operator in ("exists", "lacks"):
        return bool(found) is (node.operator == "exists")
    return any(one_holds(value, node) for value in found)


@given(flat_trees, flat_documents)
def test_a_query_means_what_its_words_say(tree: Node, document: dict[str, list[Any]]) -> None:
    entity = {
        "id": "urn:x:1",
        "type": ["T"],
        "attributes": {
            name: {
                str(number): {"type": "Property", "value": value}
                for number, value in enumerate(found)
            }
            for name, found in document.items()
        },
    }
    query = parse_query(str(tree), same)
    accepted = query.accept(entity)
    assert accepted is plainly(tree, document)
    if accepted and query.needs:
        assert any(name in entity["attributes"] for name in query.needs)


type_texts = st.recursive(
    st.sampled_from(("A", "B", "C")),
    lambda inner: st.builds(
        lambda left, sign, right: f"({left}{sign}{right})",
        inner,
        st.sampled_from(("|", ",", ";")),
        inner,
    ),
    max_leaves=5,
)


@given(type_texts, st.sets(st.sampled_from(("A", "B", "C"))))
def test_groups_of_types_mean_the_same_as_the_text(text: str, types: set[str]) -> None:
    plain = re.sub("[ABC]", lambda name: str(name[0] in types), text)
    meant = eval(plain.replace(";", " and ").replace("|", " or ").replace(",", " or "))  # noqa: S307
    groups = parse_types(text, same)
    assert (not groups or holds(groups, sorted(types))) is meant


@given(
    st.lists(st.sampled_from(("a", "b", "+")), min_size=1, max_size=3),
    st.booleans(),
    st.lists(st.lists(st.sampled_from(("a", "b")), min_size=1, max_size=4), max_size=3),
)
def test_scopes_match_as_their_pattern_does(
    wanted: list[str], is_open: bool, scopes: list[list[str]]
) -> None:
    text = "/" + "/".join(wanted) + ("/#" if is_open else "")
    pattern = "/".join("[^/]+" if level == "+" else level for level in wanted)
    pattern += "(/.*)?" if is_open else ""
    expected = any(re.fullmatch(pattern, "/".join(scope)) for scope in scopes)
    assert parse_scopes(text)(["/" + "/".join(scope) for scope in scopes]) is expected
    assert levels("/" + "/".join(wanted)) == tuple(wanted)


SPHERE = pyproj.Geod(a=EARTH_RADIUS_M, b=EARTH_RADIUS_M)
places = st.tuples(st.floats(-180, 180), st.floats(-85, 85))


@given(places, places, st.floats(1, 2e6))
def test_near_is_what_lies_within_the_distance_and_never_out_of_its_box(
    here: tuple[float, float], there: tuple[float, float], metres: float
) -> None:
    _, _, distance = SPHERE.inv(*here, *there)
    query = parse_geo(f"near;maxDistance=={metres!r}", "Point", json.dumps(here))
    value = {"type": "Point", "coordinates": list(there)}
    document = {"attributes": {LOCATION: {"": {"type": "GeoProperty", "value": value}}}}
    if abs(distance - metres) > 1e-6 * metres + 0.01:
        assert query.accept(document) is (distance < metres)
    if query.accept(document) and query.bounds is not None:
        west, south, east, north = query.bounds
        assert west <= there[0] <= east
        assert south <= there[1] <= north


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=8),
    st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
)
def test_inside_of_a_polygon_is_found_by_counting_crossings(
    corners: list[tuple[float, float]], point: tuple[float, float]
) -> None:
    middle = (sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners))
    ring = sorted(set(corners), key=lambda at: math.atan2(at[1] - middle[1], at[0] - middle[0]))
    if len(ring) < 3:
        return
    ring.append(ring[0])
    assume(shapely.Polygon(ring).is_valid)
    x, y = point
    inside, margin = False, math.inf
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        length = math.hypot(x2 - x1, y2 - y1)
        along = 0.0 if length**2 == 0 else ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length**2
        along = min(max(along, 0.0), 1.0)
        margin = min(margin, math.hypot(x1 + along * (x2 - x1) - x, y1 + along * (y2 - y1) - y))
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(ring))
    if margin < 1e-6 or abs(area) < 1e-3:
        return
    query = parse_geo("within", "Polygon", json.dumps([ring]))
    assert query.accept_geometry({"type": "Point", "coordinates": [x, y]}) is inside
    assert parse_geo("disjoint", "Polygon", json.dumps([ring])).accept_geometry(
        {"type": "Point", "coordinates": [x, y]}
    ) is (not inside)


@given(st.lists(st.one_of(st.none(), values), max_size=8), st.booleans())
def test_an_order_keeps_everything_and_reverses(found: list[Any], is_down: bool) -> None:
    documents = [
        {
            "id": str(number),
            "attributes": (
                {} if value is None else {"k": {"": {"type": "Property", "value": value}}}
            ),
        }
        for number, value in enumerate(found)
    ]  # fmt: skip
    ordering = parse_ordering((f"k;{'desc' if is_down else 'asc'}",), same)
    result = ordering.sorted(documents, lambda item: item)
    assert sorted(item["id"] for item in result) == sorted(item["id"] for item in documents)
    lacking = [not item["attributes"] for item in result]
    assert lacking == sorted(lacking)
    numbers_found = [
        item["attributes"]["k"][""]["value"]
        for item in result
        if item["attributes"] and kind_of(item["attributes"]["k"][""]["value"]) == "number"
    ]
    assert numbers_found == sorted(numbers_found, reverse=is_down)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.integers(1, 30))  # noqa: DTZ001
def test_months_after_each_other_are_months_after_the_first(start: datetime, count: int) -> None:
    start_us = int(start.replace(tzinfo=UTC).timestamp()) * 1_000_000
    month = parse_duration("P1M", "p")
    year = parse_duration("P1Y", "p")
    ends = [month.after(start_us, number) for number in range(count + 1)]
    assert ends[0] == start_us
    days = [(after - before) / 86_400e6 for before, after in itertools.pairwise(ends)]
    assert all(28 <= length <= 31 for length in days)
    assert month.after(start_us, 12) == year.after(start_us)
    assert parse_duration("P7D", "p").after(start_us) == parse_duration("P1W", "p").after(start_us)


evolutions = st.lists(
    st.dictionaries(
        st.sampled_from(("level", "heat")), st.lists(st.integers(0, 9), max_size=8), max_size=2
    ),
    min_size=1,
    max_size=3,
)


@given(evolutions, st.integers(1, 12), st.booleans())
def test_pages_of_evolutions_cover_everything_once(
    told: list[dict[str, list[int]]], most: int, is_backwards: bool
) -> None:
    whole = [
        Evolution(
            id=str(number),
            types=("T",),
            document=None,
            points={
                name: tuple(
                    Point(time, Moment(place, name, "", "create", time, time, {"type": "Property"}))
                    for place, time in enumerate(sorted(times))
                )
                for name, times in attributes.items()
            },
        )
        for number, attributes in enumerate(told)
    ]
    times = [point.at_us for one in whole for points in one.points.values() for point in points]
    query = TemporalQuery(last=99 if is_backwards else None)
    page = cut(whole, query, most)
    if len(times) <= most:
        assert page is None
        return
    assert page is not None
    kept = [
        point.at_us for one in page.evolutions for points in one.points.values() for point in points
    ]
    left = [
        time for time in times if (time < page.last_us if is_backwards else time > page.last_us)
    ]
    assert sorted(kept + left) == sorted(times)
    assert len(kept) >= most
    assert set(page.evolutions[0].points) == set(whole[0].points)


# Whatever a stranger writes is read, or refused with a code.

noise = st.one_of(
    st.text(max_size=60),
    st.text(alphabet='ab.[]{}()!=<>~;|,"*:/#+\\ -0189TZ中', max_size=40),
)


@settings(max_examples=400)
@given(noise)
def test_nothing_that_is_written_breaks_a_reader(text: str) -> None:
    for read in (
        lambda: parse_query(text, same).accept({"id": "a", "type": ["T"], "attributes": {}}),
        lambda: parse_query(f'a~="{text}"', same),
        lambda: parse_types(text, same),
        lambda: parse_scopes(text)(["/a", text]),
        lambda: parse_geo(text, "Point", "[1,2]"),
        lambda: parse_geo("within", "Polygon", text),
        lambda: parse_geo("within", text, "[1,2]"),
        lambda: parse_ordering((text,), same, text),
        lambda: parse_duration(text, "p"),
        lambda: finder(text)(text),
    ):
        assert refusal(read).startswith("query.") or not refusal(read)


def refusal(read: Callable[[], Any]) -> str:
    """Code with which something is refused; empty where it is not."""
    try:
        read()
    except LingjingError as error:
        return error.code
    return ""


coordinate_trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=3)),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@given(coordinate_trees)
def test_no_coordinates_break_a_relation(coordinates: Any) -> None:
    for kind in ("Point", "LineString", "Polygon", "MultiPolygon"):
        text = json.dumps(coordinates)
        refused = refusal(lambda text=text, kind=kind: parse_geo("intersects", kind, text))
        assert refused in ("", "query.bad-geometry")
        if not refused:
            query = parse_geo("intersects", kind, text)
            assert query.accept_geometry({"type": kind, "coordinates": coordinates})
    for relation in ("within", "near;maxDistance==5"):
        query = parse_geo(relation, "Point", "[1,2]")
        assert query.accept_geometry({"type": "Point", "coordinates": coordinates}) in (True, False)


def test_the_laws_can_fail() -> None:
    with pytest.raises(AssertionError):
        assert plainly(parse("level>1"), {"level": [1]})
