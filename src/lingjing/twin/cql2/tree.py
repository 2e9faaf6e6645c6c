"""The tree of a filter, in the JSON form of CQL2, and the bounds it must keep."""

from __future__ import annotations

import json
from typing import Any, Final

from lingjing.vocabulary import LingjingError, Place

Tree = Any
"""A value as JSON gives it: an operation is an object of `op` and `args`."""

LONGEST: Final = 16_000
"""Most characters of a filter."""
DEEPEST: Final = 32
"""Most levels of a tree; coordinates do not count."""
MOST_NODES: Final = 2_000
"""Most operations, properties and literals of a tree."""
MOST_POSITIONS: Final = 4_000
"""Most numbers in a geometry."""

COMPARISONS: Final = frozenset(("=", "<>", "<", ">", "<=", ">="))
ARITHMETIC: Final = frozenset(("+", "-", "*", "/", "%", "div", "^"))
SPATIAL: Final = frozenset(
    f"s_{name}"
    for name in (
        "contains", "crosses", "disjoint", "equals", "intersects", "overlaps", "touches", "within",
    )
)  # fmt: skip
TEMPORAL: Final = frozenset(
    f"t_{name}"
    for name in (
        "after", "before", "contains", "disjoint", "during", "equals", "finishedBy", "finishes",
        "intersects", "meets", "metBy", "overlappedBy", "overlaps", "startedBy", "starts",
    )
)  # fmt: skip
_ARGUMENTS: Final[dict[str, tuple[int, int | None]]] = {
    "and": (2, None),
    "or": (2, None),
    "not": (1, 1),
    "isNull": (1, 1),
    "like": (2, 2),
    "between": (3, 3),
    "in": (2, 2),
    "casei": (1, 1),
    "accenti": (1, 1),
    **dict.fromkeys(COMPARISONS | ARITHMETIC | SPATIAL | TEMPORAL, (2, 2)),
}
OPERATORS: Final = frozenset(_ARGUMENTS)
GEOMETRIES: Final = frozenset(
    ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
)
_LEAVES: Final = ("property", "date", "timestamp", "interval", "bbox")


def parse_json(text: str) -> Tree:
    """A filter out of CQL2-JSON.

    Raises:
        LingjingError: `cql2.bad-json`, `cql2.too-complex`, and as `checked`.
    """
    if len(text) > LONGEST:
        raise too_complex("length", LONGEST)
    try:
        tree = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise too_complex("depth", DEEPEST) from None
    except ValueError as error:
        raise LingjingError("cql2.bad-json", _PLACE, detail=str(error)[:120]) from None
    return checked(tree)


def checked(tree: Tree) -> Tree:
    """The same tree, if every operation is known, has its arguments, and all bounds are kept.

    Raises:
        LingjingError: `cql2.unknown-operator`, `cql2.bad-argument`, `cql2.too-complex`.
    """
    waiting: list[tuple[Tree, int]] = [(tree, 1)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if depth > DEEPEST:
            raise too_complex("depth", DEEPEST)
        if nodes > MOST_NODES:
            raise too_complex("size", MOST_NODES)
        waiting += ((child, depth + 1) for child in _children(node))
    return tree


def _children(node: Tree) -> list[Tree]:
    if isinstance(node, bool | int | float | str):
        return []
    if isinstance(node, list):
        return node
    if not isinstance(node, dict):
        raise bad_argument(node, "a value")
    if "op" in node:
        return _arguments(node)
    if "type" in node and node["type"] in GEOMETRIES:
        _count_positions(node.get("coordinates"))
        return []
    for leaf in _LEAVES:
        if leaf in node:
            _check_leaf(leaf, node[leaf])
            return []
    raise bad_argument(node, "op, property, date, timestamp, interval, bbox, GeoJSON geometry")


def _arguments(node: dict[str, Any]) -> list[Tree]:
    operator, given = node["op"], node.get("args")
    if not isinstance(operator, str) or operator not in _ARGUMENTS:
        known = ", ".join(sorted(OPERATORS))
        raise LingjingError("cql2.unknown-operator", _PLACE, name=str(operator)[:60], known=known)
    least, most = _ARGUMENTS[operator]
    if not isinstance(given, list) or len(given) < least or (most and len(given) > most):
        raise bad_argument(given, f"{operator}: {least}{'' if most else '…'}")
    if operator == "in" and not isinstance(given[1], list):
        raise bad_argument(given[1], "in: […]")
    if any(isinstance(item, list) for item in (given[:1] if operator == "in" else given)):
        raise bad_argument(given, f"{operator}: no list")
    return given


def _check_leaf(name: str, value: Any) -> None:
    if name == "interval":
        sound = isinstance(value, list) and len(value) == 2
        if not sound or not all(isinstance(item, str | dict) for item in value):
            raise bad_argument(value, 'interval: ["…", ".."]')
    elif name == "bbox":
        numbers = isinstance(value, list) and all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in value
        )
        if not numbers or len(value) not in (4, 6):
            raise bad_argument(value, "bbox: [west, south, east, north]")
    elif not isinstance(value, str):
        raise bad_argument(value, f"{name}: text")


def _count_positions(coordinates: Any) -> None:
    waiting, numbers = [coordinates], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, int | float) and not isinstance(item, bool):
            numbers += 1
        else:
            raise bad_argument(item, "coordinates")
        if numbers + len(waiting) > MOST_POSITIONS:
            raise too_complex("positions", MOST_POSITIONS)


_PLACE: Final = Place(field="filter")


def bad_argument(given: Any, expected: str) -> LingjingError:
    """The error that says what stands where something else is expected."""
    shown = json.dumps(given, ensure_ascii=False, default=str)[:80]
    return LingjingError("cql2.bad-argument", _PLACE, given=shown, expected=expected)


def too_complex(measure: str, limit: int) -> LingjingError:
    """The error that says which bound is passed."""
    return LingjingError("cql2.too-complex", _PLACE, measure=measure, limit=limit)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
