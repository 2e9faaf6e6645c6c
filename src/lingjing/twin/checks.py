"""What may enter the twin: kinds, attribute names, values, ids and geometries."""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.twin.entities import Entity
from lingjing.vocabulary import AttributeValue, LingjingError, Place, Quantity, kinds, words
from lingjing.vocabulary import quantity as quantity_named

_LOCAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHAPES = {
    "point": frozenset(range(8)),  # a kind drawn as points may come as any geometry
    "line": frozenset({1, 5}),
    "polygon": frozenset({3, 6}),
}


@dataclass(frozen=True)
class Footing:
    """Where geometries lie.

    Attributes:
        bounds_deg: West, south, east, north [n, 4].
        longitude_deg, latitude_deg: A point inside or on each geometry [n].
    """

    bounds_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]
    latitude_deg: NDArray[np.float64]


@functools.cache
def _rules(kind: str) -> dict[str, Quantity | frozenset[str] | type]:
    """What each attribute of a kind may hold: a quantity, one of several words, text or a flag."""
    found: dict[str, Quantity | frozenset[str] | type] = {}
    for name in kinds()[kind].attributes:
        word = words().get(name)
        if word is None:
            found[name] = quantity_named(name)
        elif word.type == "choice":
            found[name] = frozenset(word.choices)
        else:
            found[name] = bool if word.type == "flag" else str
    return found


def check_entity(entity: Entity, district: str, source: str) -> None:
    """Refuse an entity whose id, kind, attribute names or values are not acceptable.

    Raises:
        LingjingError: `twin.unknown-kind`, `twin.id-mismatch`, `twin.unknown-attribute`,
            `twin.bad-value`, `vocabulary.out-of-bounds`; the place is the source and the id.
    """
    if entity.kind not in kinds():
        raise LingjingError(
            "twin.unknown-kind",
            Place(file=source, field=entity.id),
            kind=entity.kind,
            known=", ".join(sorted(kinds())),
        )
    prefix = f"urn:ngsi-ld:{entity.kind}:{district}:"
    if (
        entity.district != district
        or not entity.id.startswith(prefix)
        or _LOCAL.fullmatch(entity.id, len(prefix)) is None
    ):
        raise LingjingError("twin.id-mismatch", Place(file=source, field=entity.id), prefix=prefix)
    rules = _rules(entity.kind)
    for name, attribute in entity.attributes.items():
        rule = rules.get(name)
        if rule is None:
            raise LingjingError(
                "twin.unknown-attribute",
                Place(file=source, field=entity.id),
                kind=entity.kind,
                name=name,
                known=", ".join(sorted(rules)),
                near=", ".join(difflib.get_close_matches(name, rules, n=3)) or "—",
            )
        value = attribute.value
        # The two commonest cases, a million of each in a city, without a call.
        if type(value) is float:
            if type(rule) is Quantity and rule.lower <= value <= rule.upper:
                continue
        elif type(value) is str and type(rule) is frozenset and value in rule:
            continue
        if not _acceptable(rule, value):
            _refuse(name, rule, value, Place(file=source, field=entity.id))


def _acceptable(rule: Quantity | frozenset[str] | type, value: AttributeValue) -> bool:
    if isinstance(rule, Quantity):
        # A flag is an int to Python, and NaN fails both comparisons.
        return (
            isinstance(value, float | int)
            and not isinstance(value, bool)
            and rule.lower <= value <= rule.upper
        )
    if isinstance(rule, frozenset):
        return isinstance(value, str) and value in rule
    if rule is str:
        # Lone surrogates are no text that a file could hold.
        return isinstance(value, str) and (value.isascii() or _encodable(value))
    return isinstance(value, bool)


def acceptable(kind: str, name: str, value: object) -> bool:
    """Whether an attribute of a kind may hold the value; False for one the kind lacks."""
    rule = _rules(kind).get(name)
    if rule is None or not isinstance(value, float | int | str | bool):
        return False
    return _acceptable(rule, value)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(
    name: str, rule: Quantity | frozenset[str] | type, value: AttributeValue, place: Place
) -> None:
    if isinstance(rule, Quantity):
        if isinstance(value, float | int) and not isinstance(value, bool) and not math.isnan(value):
            raise LingjingError(
                "vocabulary.out-of-bounds",
                place,
                quantity=name,
                value=f"{value:g}",
                lower=f"{rule.lower:g}",
                upper=f"{rule.upper:g}",
            )
        expected = "0.0"
    elif isinstance(rule, frozenset):
        expected = " | ".join(sorted(rule))
    else:
        expected = "true | false" if rule is bool else '"…"'
    raise LingjingError("twin.bad-value", place, name=name, value=repr(value), expected=expected)


def check_geometries(entities: Sequence[Entity], source: str) -> Footing:
    """Refuse geometries that are unreadable, empty, invalid, of the wrong type or out of range.

    Raises:
        LingjingError: `twin.unreadable-geometry`, `twin.wrong-geometry`, `twin.invalid-geometry`,
            `twin.geometry-out-of-range`; the place is the source and the id.
    """
    shapes = shapely.from_wkb([entity.geometry for entity in entities], on_invalid="ignore")
    types = shapely.get_type_id(shapes)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if bool(empty.any()):
        raise LingjingError("twin.unreadable-geometry", _place(entities, empty, source))
    wrong = np.array(
        [
            int(found) not in _SHAPES[kinds()[entity.kind].geometry]
            for entity, found in zip(entities, types, strict=True)
        ],
        dtype=bool,
    )
    if bool(wrong.any()):
        first = int(np.flatnonzero(wrong)[0])
        raise LingjingError(
            "twin.wrong-geometry",
            _place(entities, wrong, source),
            kind=entities[first].kind,
            found=shapes[first].geom_type,
            expected=kinds()[entities[first].kind].geometry,
        )
    bounds = shapely.bounds(shapes)
    low, high = np.array([-180.0, -90.0] * 2), np.array([180.0, 90.0] * 2)
    inside = ((bounds >= low) & (bounds <= high)).all(axis=1)
    if not bool(inside.all()):
        first = int(np.flatnonzero(~inside)[0])
        raise LingjingError(
            "twin.geometry-out-of-range",
            _place(entities, ~inside, source),
            bounds=", ".join(f"{value:g}" for value in bounds[first]),
        )
    invalid = ~shapely.is_valid(shapes)
    if bool(invalid.any()):
        first = int(np.flatnonzero(invalid)[0])
        raise LingjingError(
            "twin.invalid-geometry",
            _place(entities, invalid, source),
            reason=shapely.is_valid_reason(shapes[first]),
        )
    points = _points(shapes, types)
    return Footing(bounds, shapely.get_x(points), shapely.get_y(points))


def _place(entities: Sequence[Entity], wrong: NDArray[np.bool_], source: str) -> Place:
    return Place(file=source, field=entities[int(np.flatnonzero(wrong)[0])].id)


def _points(shapes: NDArray[np.object_], types: NDArray[np.int32]) -> NDArray[np.object_]:
    """A point of each geometry: itself, the middle of a line, inside a polygon."""
    points = shapes.copy()
    lines = types == 1
    rest = (types != 0) & ~lines
    points[lines] = shapely.line_interpolate_point(shapes[lines], 0.5, normalized=True)
    points[rest] = shapely.point_on_surface(shapes[rest])
    return points


def check_name(name: str) -> None:
    """Refuse a district name that could not stand in an id.

    Raises:
        LingjingError: `twin.bad-name`.
    """
    if _LOCAL.fullmatch(name) is None:
        raise LingjingError("twin.bad-name", name=name)
