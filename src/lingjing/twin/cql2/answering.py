"""Answering a filter over a table: which rows meet it, all at once.

As in SQL, what is unknown neither holds nor fails: a row counts only where the filter holds.
"""

from __future__ import annotations

import json
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import re2
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from lingjing.twin.cql2.tree import (
    ARITHMETIC,
    COMPARISONS,
    SPATIAL,
    TEMPORAL,
    Tree,
    bad_argument,
)
from lingjing.twin.cql2.values import EARLIEST, LATEST, Table, Type, Values, one, span, time_of
from lingjing.vocabulary import LingjingError, Place

Flags = NDArray[np.bool_]
ToTable = Callable[[BaseGeometry], BaseGeometry]

_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_CALCULATE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "div": lambda left, right: np.trunc(np.divide(left, right)),
    "^": np.power,
}
_SWAPPED: Final = {"s_within": "s_contains", "s_contains": "s_within"}
_BOX_STEPS: Final = 16
_FURTHEST: Final = 1e9


class Truth(NamedTuple):
    """Where something holds and where it fails [n] or [1]; where neither, it is unknown."""

    holds: Flags
    fails: Flags


def matching(tree: Tree, table: Table, to_table: ToTable) -> Flags:
    """Which rows of a table meet a filter [n].

    Args:
        tree: As `checked` let it through.
        table: The rows.
        to_table: Brings a geometry of the filter into the coordinates of the table.

    Raises:
        LingjingError: `cql2.no-property`, `cql2.bad-argument`, `cql2.bad-time`,
            `cql2.bad-geometry`.
    """
    found = _Answerer(table, to_table).truth(tree).holds
    return np.array(np.broadcast_to(found, (len(table),)))


class _Answerer:
    def __init__(self, table: Table, to_table: ToTable) -> None:
        self.table = table
        self.to_table = to_table

    # What holds

    def truth(self, tree: Tree) -> Truth:
        """Where a part of the filter holds."""
        if isinstance(tree, bool):
            return Truth(np.array([tree]), np.array([not tree]))
        if not isinstance(tree, dict) or not ("op" in tree or "property" in tree):
            raise bad_argument(tree, "true, false, =, AND, …")
        if "property" in tree:
            found = self._of("flag", tree)
            return Truth(found.data & ~found.null, ~found.data & ~found.null)
        name, arguments = tree["op"], tree["args"]
        if name in ("and", "or", "not"):
            return self._joined(name, [self.truth(item) for item in arguments])
        return self._predicate(name, arguments, tree)

    def _predicate(self, name: str, arguments: list[Tree], tree: Tree) -> Truth:
        if name in COMPARISONS:
            left, right = (self.values(item) for item in arguments)
            return self._compared(name, left, right, tree)
        if name in SPATIAL:
            return self._spatial(name, arguments)
        if name in TEMPORAL:
            start, end = (self._of("time", item) for item in arguments)
            return self._temporal(name, start, end)
        return self._other(name, arguments, tree)

    def _other(self, name: str, arguments: list[Tree], tree: Tree) -> Truth:
        if name == "like":
            return self._like(self._of("text", arguments[0]), self._pattern(arguments[1]))
        if name not in ("isNull", "between", "in"):
            raise bad_argument(tree, "true, false")
        value = self.values(arguments[0])
        if name == "isNull":
            return Truth(value.null, ~value.null)
        if name == "between":
            low, high = (self.values(item) for item in arguments[1:])
            return self._joined(
                "and",
                [self._compared(">=", value, low, tree), self._compared("<=", value, high, tree)],
            )
        never = Truth(np.zeros(1, dtype=bool), np.ones(1, dtype=bool))
        choices = (self.values(item) for item in arguments[1])
        return self._joined(
            "or", [never, *(self._compared("=", value, choice, tree) for choice in choices)]
        )

    @staticmethod
    def _joined(name: str, parts: list[Truth]) -> Truth:
        holds, fails = parts[0]
        if name == "not":
            return Truth(fails, holds)
        for part in parts[1:]:
            if name == "and":
                holds, fails = holds & part.holds, fails | part.fails
            else:
                holds, fails = holds | part.holds, fails & part.fails
        return Truth(holds, fails)

    @staticmethod
    def _compared(name: str, left: Values, right: Values, tree: Tree) -> Truth:
        ordered = name not in ("=", "<>")
        if left.type != right.type or left.type == "geometry" or (ordered and left.type == "flag"):
            raise bad_argument(tree, f"{left.type} {name} {left.type}")
        known = ~left.null & ~right.null
        found = np.asarray(_COMPARE[name](left.data, right.data), dtype=bool)
        return Truth(found & known, ~found & known)

    # Times

    @staticmethod
    def _temporal(name: str, left: Values, right: Values) -> Truth:
        a, b, c, d = left.data, left.ends, right.data, right.ends
        relations: dict[str, Callable[[], Flags]] = {
            "t_after": lambda: a > d,
            "t_before": lambda: b < c,
            "t_contains": lambda: (a < c) & (b > d),
            "t_disjoint": lambda: (a > d) | (b < c),
            "t_during": lambda: (a > c) & (b < d),
            "t_equals": lambda: (a == c) & (b == d),
            "t_finishedBy": lambda: (a < c) & (b == d),
            "t_finishes": lambda: (a > c) & (b == d),
            "t_intersects": lambda: (a <= d) & (b >= c),
            "t_meets": lambda: b == c,
            "t_metBy": lambda: a == d,
            "t_overlappedBy": lambda: (a > c) & (a < d) & (b > d),
            "t_overlaps": lambda: (a < c) & (b > c) & (b < d),
            "t_startedBy": lambda: (a == c) & (b > d),
            "t_starts": lambda: (a == c) & (b < d),
        }
        found = relations[name]()
        known = ~left.null & ~right.null
        return Truth(found & known, ~found & known)

    # Places

    def _spatial(self, name: str, arguments: list[Tree]) -> Truth:
        left, right = (self._of("geometry", item) for item in arguments)
        if name == "s_intersects" and len(right.data) == 1 and arguments[0] == _OWN_GEOMETRY:
            found = np.zeros(len(self.table), dtype=bool)
            found[self.table.intersecting(right.data[0])] = True
        else:
            if len(right.data) == 1:  # the prepared one stands on the left
                left, right, name = right, left, _SWAPPED.get(name, name)
            if len(left.data) == 1:
                shapely.prepare(left.data[0])
            relation: Callable[[Any, Any], Any] = getattr(shapely, name.removeprefix("s_"))
            found = np.asarray(relation(left.data, right.data), dtype=bool)
        known = ~left.null & ~right.null
        return Truth(found & known, ~found & known)

    # Texts

    def _pattern(self, tree: Tree) -> tuple[str, Callable[[str], str]]:
        """The text of a pattern, and what is done to the texts it is held against."""
        if isinstance(tree, dict) and tree.get("op") in _TEXTS:
            text, made = self._pattern(tree["args"][0])
            change = _TEXTS[tree["op"]]
            return change(text), lambda item: change(made(item))
        if not isinstance(tree, str):
            raise bad_argument(tree, "'…'")
        return tree, str

    @staticmethod
    def _like(value: Values, pattern: tuple[str, Callable[[str], str]]) -> Truth:
        wanted = re2.compile(_regular(pattern[0]), _RE2)
        known = {item for item in value.data.tolist() if item is not None}
        fitting = {item for item in known if wanted.fullmatch(item)}
        found = np.array([item in fitting for item in value.data.tolist()], dtype=bool)
        return Truth(found & ~value.null, ~found & ~value.null)

    # Values

    def _of(self, kind: Type, tree: Tree) -> Values:
        found = self.values(tree)
        if found.type != kind:
            raise bad_argument(tree, kind)
        return found

    def values(self, tree: Tree) -> Values:
        """What a part of the filter stands for."""
        if isinstance(tree, bool | int | float | str):
            return _literal(tree)
        if not isinstance(tree, dict):
            raise bad_argument(tree, "a value")
        if "property" in tree:
            return self._property(tree["property"])
        if "op" in tree:
            return self._made(tree["op"], tree["args"], tree)
        if "type" in tree or "bbox" in tree:
            return one("geometry", self._geometry(tree))
        return _time(tree)

    def _property(self, name: str) -> Values:
        found = self.table.values(name)
        if found is None:
            known = ", ".join(self.table.names())
            raise LingjingError("cql2.no-property", _PLACE, name=name[:60], known=known)
        return found

    def _made(self, name: str, arguments: list[Tree], tree: Tree) -> Values:
        if name in ARITHMETIC:
            left, right = (self._of("number", item) for item in arguments)
            with np.errstate(all="ignore"):
                data = np.asarray(_CALCULATE[name](left.data, right.data), dtype=np.float64)
            return Values("number", data, left.null | right.null | ~np.isfinite(data))
        if name in _TEXTS:
            value = self._of("text", arguments[0])
            change = _TEXTS[name]
            texts = value.data.tolist()
            made = {item: change(item) for item in set(texts) if item is not None}
            data = np.empty(len(texts), dtype=object)
            data[:] = [made.get(item, "") for item in texts]
            return Values("text", data, value.null)
        found = self.truth(tree)
        return Values("flag", found.holds, ~found.holds & ~found.fails)

    def _geometry(self, tree: dict[str, Any]) -> BaseGeometry:
        try:
            if "bbox" in tree:
                shape = box_of(tree["bbox"])
            else:
                shape = shapely.from_geojson(json.dumps(tree))
            if not shapely.is_empty(shape) and shapely.is_valid(shape):
                placed = self.to_table(shape)
                if np.isfinite(shapely.bounds(placed)).all():
                    return placed
        except (shapely.errors.GEOSException, ValueError, TypeError) as error:
            raise LingjingError("cql2.bad-geometry", _PLACE, detail=str(error)[:120]) from None
        detail = shapely.is_valid_reason(shape)
        raise LingjingError("cql2.bad-geometry", _PLACE, detail=detail[:120])


_PLACE: Final = Place(field="filter")
_OWN_GEOMETRY: Final = {"property": "geometry"}
_RE2: Final = re2.Options()
_RE2.log_errors = False
_RE2.dot_nl = True


def box_of(numbers: list[float]) -> BaseGeometry:
    """A box out of 4 or 6 numbers (heights are left aside); one whose west is east of its east
    goes over the antimeridian.

    Raises:
        ValueError: North is south of south, or a side is on no earth.
    """
    if not all(abs(number) < _FURTHEST for number in numbers):
        raise ValueError(f"{numbers}")
    west, south, *_ = numbers
    east, north = (numbers[2], numbers[3]) if len(numbers) == 4 else (numbers[3], numbers[4])
    if south > north:
        raise ValueError(f"{south} > {north}")
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    shapes = [_sides(left, south, right, north) for left, right in boxes]
    return shapes[0] if len(shapes) == 1 else shapely.MultiPolygon(shapes)


def _sides(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A box, or the line or point that it shrinks to, with points along it so that it bends."""
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    step = max(east - west, north - south) / _BOX_STEPS
    return shapely.segmentize(shapely.box(west, south, east, north), step)


def _literal(value: bool | float | str) -> Values:
    if isinstance(value, bool):
        return one("flag", value)
    if isinstance(value, str):
        return one("text", value)
    try:
        return one("number", float(value))
    except OverflowError:
        raise bad_argument(str(value)[:20], "number") from None


def _time(tree: dict[str, Any]) -> Values:
    if "interval" not in tree:
        return span(*time_of(str(tree.get("timestamp", tree.get("date", "")))))
    start, end = (_end_of(item, place) for place, item in enumerate(tree["interval"]))
    if start > end:
        raise bad_argument(tree, "interval: start ≤ end")
    return span(start, end)


def _end_of(item: Any, place: int) -> int:
    """One end of an interval [µs]."""
    if isinstance(item, dict):
        item = item.get("date", item.get("timestamp", ""))
    if item == "..":
        return int((EARLIEST, LATEST)[place])
    return time_of(str(item))[place]


def _regular(pattern: str) -> str:
    """A LIKE pattern as a regular expression: `%` any text, `_` one character, `\\` takes either
    as it stands."""
    found, escaped = [], False
    for sign in pattern:
        if escaped or sign not in "%_\\":
            found.append(re.escape(sign))
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            found.append(".*" if sign == "%" else ".")
    return "".join(found)


def _without_accents(text: str) -> str:
    taken_apart = unicodedata.normalize("NFD", text)
    kept = "".join(sign for sign in taken_apart if not unicodedata.combining(sign))
    return unicodedata.normalize("NFC", kept)


_TEXTS: Final[dict[str, Callable[[str], str]]] = {
    "casei": str.casefold,
    "accenti": _without_accents,
}
