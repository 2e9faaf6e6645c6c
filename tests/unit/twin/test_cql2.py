"""CQL2: read from text as another library reads it, and answered as SQL answers it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import cql2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lingjing.twin.cql2.answering import matching
from lingjing.twin.cql2.text import parse_text
from lingjing.twin.cql2.tree import DEEPEST, OPERATORS, parse_json
from lingjing.twin.cql2.values import Values, time_of, time_text
from lingjing.vocabulary import LingjingError

NAMES = ("height", "levels", "name", "use", "flat", "seen", "geometry")
ROWS: list[tuple[float | None, float | None, str | None, str | None, bool | None, str | None]] = [
    (10.0, 3.0, "东园", "school", True, "2026-01-01T00:00:00Z"),
    (20.5, None, "Bibliothèque", "school", False, "2026-01-02T12:00:00Z"),
    (None, 6.0, "it's 50%", "office", None, None),
    (0.0, 0.0, None, None, True, "2026-01-03T00:00:00Z"),
    (-3.0, 6.0, "a_b", "office", False, "2025-06-01T08:00:00+08:00"),
    (7.5, 2.0, "BIBLIO", "other", None, "2026-02-01T00:00:00Z"),
]


class Rows:
    """A table for tests."""

    def __init__(self) -> None:
        self.shapes = np.array(
            [shapely.box(121 + n, 31, 121.5 + n, 31.5) for n in range(len(ROWS))], dtype=object
        )
        columns = list(zip(*ROWS, strict=True))
        kinds = ("number", "number", "text", "text", "flag", "time")
        self.held = {
            name: self.made(kind, column)
            for name, kind, column in zip(NAMES, kinds, columns, strict=False)
        }
        self.held["geometry"] = Values("geometry", self.shapes, np.zeros(len(ROWS), dtype=bool))

    @staticmethod
    def made(kind: Any, column: Any) -> Values:
        null = np.array([item is None for item in column])
        blank = {"number": np.nan, "text": "", "flag": False, "time": 0}[kind]
        values = [blank if item is None else item for item in column]
        if kind == "time":
            values = [time_of(item)[0] if item else 0 for item in column]
        data = np.array(values, dtype=object if kind == "text" else None)
        return Values(kind, data, null)

    def __len__(self) -> int:
        return len(ROWS)

    def values(self, name: str) -> Values | None:
        return self.held.get(name)

    def names(self) -> tuple[str, ...]:
        return NAMES

    def intersecting(self, geometry: Any) -> NDArray[np.int64]:
        return np.flatnonzero(shapely.intersects(self.shapes, geometry))


TABLE = Rows()


def rows(filter_: str) -> list[int]:
    found = matching(parse_text(filter_), TABLE, lambda shape: shape)
    return np.flatnonzero(found).tolist()


def sql() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.execute("CREATE TABLE t (row, height REAL, levels REAL, name, use, flat)")
    for row, values in enumerate(ROWS):
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", (row, *values[:5]))
    return connection


SQL = sql()

# What is generated

number = st.sampled_from(["0", "3", "7.5", "-3", "1e1", "20.5"])
numeric = st.recursive(
    st.sampled_from(["height", "levels"]) | number,
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner
    ),
    max_leaves=4,
)
textual = st.sampled_from(["name", "use", "'school'", "'it''s 50%'", "'东园'", "''"])
pattern = st.sampled_from(["'%'", "'B%'", "'%o%'", "'东_'", "'a_b'", "''", "'%''s%'", "'[a]%'"])
sign = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
negation = st.sampled_from(["", " NOT"])
predicate = st.one_of(
    st.builds("{} {} {}".format, numeric, sign, numeric),
    st.builds("{} {} {}".format, textual, sign, textual),
    st.builds("{}{} LIKE {}".format, st.sampled_from(["name", "use"]), negation, pattern),
    st.builds("{}{} BETWEEN {} AND {}".format, numeric, negation, number, number),
    st.builds("{}{} IN ({}, {})".format, numeric, negation, number, numeric),
    st.builds("{} IS{} NULL".format, st.sampled_from(["height", "name", "flat"]), negation),
    st.builds("flat = {}".format, st.sampled_from(["true", "FALSE"])),
    st.sampled_from(["flat", "TRUE", "false"]),
)
condition = st.recursive(
    predicate,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("{} OR {} AND {}".format, inner, inner, inner),
        st.builds("NOT ({})".format, inner),
        st.builds("NOT {}".format, predicate),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(condition)
def test_a_filter_finds_the_rows_that_sql_finds(text: str) -> None:
    found = SQL.execute("SELECT row FROM t WHERE " + text).fetchall()  # noqa: S608
    assert rows(text) == [row for (row,) in found]


@settings(max_examples=150, deadline=None)
@given(condition)
def test_text_is_read_as_another_library_reads_it(text: str) -> None:
    assert nested(parse_text(text)) == nested(cql2.parse_text(text).to_json())


def nested(tree: Any) -> Any:
    """With and's within and's, and or's within or's, drawn together."""
    if isinstance(tree, list):
        return [nested(item) for item in tree]
    if not isinstance(tree, dict) or "op" not in tree:
        return tree
    arguments = []
    for item in map(nested, tree["args"]):
        same = tree["op"] in ("and", "or") and isinstance(item, dict)
        if same and item.get("op") == tree["op"]:
            arguments += item["args"]
        else:
            arguments.append(item)
    return {"op": tree["op"], "args": arguments}


@pytest.mark.parametrize(
    "text",
    [
        "S_INTERSECTS(geometry, POINT(121.2 31.2))",
        "s_within(geometry, POLYGON((120 30, 130 30, 130 40, 120 40, 120 30)))",
        "S_DISJOINT(geometry, BBOX(1, 2, 3, 4))",
        "S_CROSSES(geometry, LINESTRING(1 1, 2 2))",
        "T_AFTER(seen, TIMESTAMP('2026-01-01T00:00:00Z'))",
        "T_DURING(seen, INTERVAL('2026-01-01', '..'))",
        "T_METBY(seen, DATE('2026-01-01'))",
        "CASEI(name) = CASEI('Ab')",
        "ACCENTI(CASEI(name)) LIKE ACCENTI(CASEI('é%'))",
        "-height < -3",
        "\"name\" <> 'it''s'",
        "height % 2 = 1 AND height div 2 = 3",
        "2 ^ 3 ^ 2 = height",
    ],
)
def test_literals_and_functions_are_read_as_another_library_reads_them(text: str) -> None:
    expected = nested(cql2.parse_text(text).to_json())
    if "METBY" in text:  # written as the standard writes it, whatever letters were used
        expected["op"] = "t_metBy"
    assert nested(parse_text(text)) == expected
    assert parse_json(json.dumps(expected)) == expected


# What is answered


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CASEI(name) LIKE CASEI('biblio%')", [1, 5]),
        ("ACCENTI(name) = 'Bibliotheque'", [1]),
        ("CASEI(name) IN (CASEI('BIBLIO'), CASEI('A_B'))", [4, 5]),
        (r"name LIKE '%50\%'", [2]),
        (r"name LIKE 'a\_b'", [4]),
        ("height / levels > 0", [0, 5]),
        ("height div 4 = 5", [1]),
        ("height % 4 = -3", [4]),
        ("height ^ 2 = 100", [0]),
        ("(height > 5) = flat", [0, 4]),
    ],
)
def test_what_sql_does_not_know_is_answered_too(text: str, found: list[int]) -> None:
    assert rows(text) == found


def test_unknown_is_neither_true_nor_false() -> None:
    assert rows("levels > 3 OR NOT levels > 3") == [0, 2, 3, 4, 5]
    assert rows("levels > 3 AND name = 'x'") == []
    assert rows("NOT (levels > 3 AND height > 100)") == [0, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("relation", "shape"),
    [
        (relation, shape)
        for relation in sorted(item for item in OPERATORS if item.startswith("s_"))
        for shape in (
            "POLYGON((121.2 31.2,123.2 31.2,123.2 31.4,121.2 31.4,121.2 31.2))",
            "POLYGON((120 30,124 30,124 32,120 32,120 30))",
            "POLYGON((121 31,121.5 31,121.5 31.5,121 31.5,121 31))",
            "LINESTRING(121.5 31.2,124.2 31.2)",
            "POINT(122 31.2)",
        )
    ],
)
def test_places_are_compared_both_ways_round(relation: str, shape: str) -> None:
    literal = shapely.from_wkt(shape)
    call = getattr(shapely, relation[2:])
    forth = np.flatnonzero(call(TABLE.shapes, literal)).tolist()
    back = np.flatnonzero(call(literal, TABLE.shapes)).tolist()
    assert rows(f"{relation}(geometry, {shape})") == forth
    assert rows(f"{relation}({shape}, geometry)") == back
    assert rows(f"NOT {relation}(geometry, {shape})") == sorted(set(range(6)) - set(forth))


def test_a_box_may_go_over_the_antimeridian() -> None:
    assert rows("S_INTERSECTS(geometry, BBOX(125.9, 30, 121.1, 32))") == [0, 5]
    assert rows("S_INTERSECTS(geometry, BBOX(122.7, 30, 0, 124.1, 32, 9))") == [2, 3]


JANUARY = "INTERVAL('2026-01-01','2026-01-31')"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("T_AFTER(seen, TIMESTAMP('2026-01-02T12:00:00Z'))", [3, 5]),
        ("T_BEFORE(seen, DATE('2026-01-02'))", [0, 4]),
        ("T_EQUALS(seen, TIMESTAMP('2026-01-03T08:00:00+08:00'))", [3]),
        (f"T_DURING(seen, {JANUARY})", [1, 3]),
        (f"T_INTERSECTS(seen, {JANUARY})", [0, 1, 3]),
        (f"T_DISJOINT(seen, {JANUARY})", [4, 5]),
        (f"T_STARTS(seen, {JANUARY})", [0]),
        (f"T_CONTAINS({JANUARY}, seen)", [1, 3]),
        (f"T_STARTEDBY({JANUARY}, seen)", [0]),
        ("T_INTERSECTS(seen, DATE('2026-01-02'))", [1]),
        ("T_INTERSECTS(seen, INTERVAL('..','2025-12-31'))", [4]),
        ("T_FINISHES(DATE('2026-01-31'), INTERVAL('2026-01-01','2026-01-31')) AND height=10", [0]),
        ("T_FINISHEDBY(INTERVAL('2026-01-01','2026-01-31'), DATE('2026-01-31')) AND flat", [0, 3]),
        ("T_MEETS(INTERVAL('2026-01-01T00:00:00Z','2026-01-03T00:00:00Z'), seen)", [3]),
        ("T_METBY(INTERVAL('2026-01-03T00:00:00Z','..'), seen)", [3]),
        ("T_OVERLAPS(DATE('2026-01-02'), INTERVAL('2026-01-02T08:00:00Z','..')) AND flat", [0, 3]),
        ("T_OVERLAPPEDBY(INTERVAL('2026-01-02T08:00:00Z','..'), DATE('2026-01-02')) AND flat",
         [0, 3]),
        ("seen > DATE('2026-01-02')", [1, 3, 5]),
        ("seen BETWEEN TIMESTAMP('2026-01-01T00:00:00Z') AND DATE('2026-01-03')", [0, 1, 3]),
    ],
)  # fmt: skip
def test_times_are_compared(text: str, found: list[int]) -> None:
    assert rows(text) == found


def test_an_instant_is_written_as_it_was_read() -> None:
    assert time_text(time_of("2025-06-01T08:00:00.5+08:00")[0]) == "2025-06-01T00:00:00.500000Z"


# What cannot be answered


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("", "bad-syntax", 1),
        ("height >", "bad-syntax", 9),
        ("height > 3 levels", "bad-syntax", 12),
        ("name = 'open", "bad-syntax", 8),
        ("(height > 3", "bad-syntax", 12),
        ("height NOT 3", "bad-syntax", 12),
        ("height ! 3", "bad-syntax", 8),
        ("S_INTERSECTS(geometry, POINT(1))", "bad-syntax", 24),
        ("S_INTERSECTS(geometry, POINT(1 2)", "bad-syntax", 34),
        ("DATE(3) = seen", "bad-syntax", 1),
        ("S_NEAR(geometry, POINT(1 2))", "unknown-operator", 0),
        ("floor(height) = 3", "unknown-operator", 0),
        ("S_WITHIN(geometry)", "bad-argument", 0),
        ("S_WITHIN(geometry, name)", "bad-argument", 0),
        ("S_WITHIN(geometry, POLYGON((0 0,1 1,0 1,1 0,0 0)))", "bad-geometry", 0),
        ("S_WITHIN(geometry, BBOX(0,5,1,4))", "bad-geometry", 0),
        ("S_WITHIN(geometry, BBOX(0,5,1))", "bad-argument", 0),
        ("height > 'x'", "bad-argument", 0),
        ("flat > false", "bad-argument", 0),
        ("geometry = geometry", "bad-argument", 0),
        ("height", "bad-argument", 0),
        ("name LIKE name", "bad-argument", 0),
        ("name + 1 = 2", "bad-argument", 0),
        ("CASEI(height) = 'x'", "bad-argument", 0),
        ("colour = 'red'", "no-property", 0),
        ("seen > TIMESTAMP('yesterday')", "bad-time", 0),
        ("T_AFTER(seen, INTERVAL('2026-02-01','2026-01-01'))", "bad-argument", 0),
        ("T_AFTER(height, DATE('2026-01-01'))", "bad-argument", 0),
        ("1" * 400 + " = height", "bad-argument", 0),
    ],
)
def test_a_filter_that_cannot_be_answered_is_said(text: str, code: str, position: int) -> None:
    with pytest.raises(LingjingError) as caught:
        rows(text)
    assert caught.value.code == f"cql2.{code}"
    assert caught.value.values.get("position", 0) == position


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "height > 3" + ")" * 5000,
        "NOT " * 3000 + "flat",
        "height = " + "1+" * 5000 + "1",
        " OR ".join(["height = 1"] * 1400),
        "CASEI(" * 2000 + "name" + ")" * 2000 + " = 'x'",
        "S_WITHIN(geometry, MULTIPOINT(" + ",".join(["1 2"] * 3000) + "))",
        "name = '" + "x" * 17_000 + "'",
    ],
)
def test_bombs_do_not_go_off(text: str) -> None:
    with pytest.raises(LingjingError, match=r"cql2\.too-complex"):
        rows(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad-json"),
        ('{"op":"=","args":[{"property":"height"},NaN]}', "bad-json"),
        ("[" * 5000, "(too-complex|bad-json)"),
        ('{"op":"not","args":[' * 100 + "true" + "]}" * 100, "too-complex"),
        ("null", "bad-argument"),
        ("[true]", "bad-argument"),
        ('{"op":["and"],"args":[]}', "unknown-operator"),
        ('{"op":"and","args":[true]}', "bad-argument"),
        ('{"op":"and","args":{}}', "bad-argument"),
        ('{"op":"=","args":[{"property":["height"]},1]}', "bad-argument"),
        ('{"op":"=","args":[[1,2],[3]]}', "bad-argument"),
        ('{"op":"in","args":[{"property":"height"},3]}', "bad-argument"),
        ('{"op":"like","args":["a",{"property":"name"}]}', "bad-argument"),
        ('{"op":"s_within","args":[{"property":"geometry"},{"type":"Point","coordinates":["1",2]}]}',
         "bad-argument"),
        ('{"op":"s_within","args":[{"property":"geometry"},{"type":"Point","coordinates":[1]}]}',
         "bad-geometry"),
        ('{"op":"s_within","args":[{"property":"geometry"},{"type":"Point","coordinates":[]}]}',
         "bad-geometry"),
        ('{"op":"s_within","args":[{"property":"geometry"},{"bbox":[true,1,2,3]}]}',
         "bad-argument"),
        ('{"op":"t_after","args":[{"property":"seen"},{"interval":["..",3]}]}', "bad-argument"),
        ('{"op":"t_after","args":[{"property":"seen"},{"date":"2026-02-30"}]}', "bad-time"),
    ],
)  # fmt: skip
def test_json_that_is_no_filter_is_said(text: str, code: str) -> None:
    with pytest.raises(LingjingError, match=rf"cql2\.{code}"):
        matching(parse_json(text), TABLE, lambda shape: shape)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="()'\" ,.<>=andornotlikehs_POINT0123456789{}[]:-", max_size=60))
def test_any_text_is_answered_or_refused(text: str) -> None:
    for read in (parse_text, parse_json):
        try:
            matching(read(text), TABLE, lambda shape: shape)
        except LingjingError as error:
            assert error.code.startswith("cql2.")  # noqa: PT017


def test_the_deepest_filter_is_still_answered() -> None:
    inside = DEEPEST - 3
    assert rows("(" * inside + "height > 5" + ")" * inside) == [0, 1, 5]
