"""Checking GeoJSON geometries as they arrive (RFC 7946, clause 4.7)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from lingjing.vocabulary import LingjingError, Place

GEOMETRIES: Final = frozenset(
    {"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"}
)
"""The kinds that a GeoProperty may hold; GeometryCollection is none of them (4.6.3)."""

_decode: Final = msgspec.json.Decoder().decode
_MEMBERS: Final = frozenset({"type", "coordinates", "bbox"})


def looks_like_geometry(value: Any) -> bool:
    """Whether a JSON value means to be a geometry, be it a sound one or not."""
    if value.__class__ is not dict:
        return False
    kind = value.get("type")
    if kind.__class__ is not str:
        return False
    return (kind in GEOMETRIES and "coordinates" in value) or (
        kind == "GeometryCollection" and "geometries" in value
    )


def check_geometry(value: Any) -> dict[str, Any]:
    """A geometry with finite coordinates in range [°], and closed rings.

    It may come as a string that holds its JSON (4.7.2).

    Raises:
        LingjingError: `ngsild.geometry-kind`, `ngsild.geometry-coordinates`,
            `ngsild.geometry-range`, `ngsild.geometry-line`, `ngsild.geometry-ring`.
    """
    if isinstance(value, str):
        value = _decoded(value)
    kind = value.get("type") if isinstance(value, dict) else None
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise LingjingError("ngsild.geometry-kind", Place(field="type"), kind=str(kind)[:100])
    if not value.keys() <= _MEMBERS:
        name = next(iter(value.keys() - _MEMBERS))
        raise LingjingError("ngsild.member-not-allowed", Place(field=name), name=name, kind=kind)
    check(value.get("coordinates"), "coordinates")
    geometry: dict[str, Any] = value
    return geometry


def _decoded(text: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise LingjingError("ngsild.geometry-kind", Place(field="type"), kind=text[:100]) from None


def _position(item: Any, place: str) -> None:
    if item.__class__ is not list or not 2 <= len(item) <= 4:
        raise LingjingError("ngsild.geometry-coordinates", Place(field=place))
    for number in item:
        if number.__class__ is not float and number.__class__ is not int:
            raise LingjingError("ngsild.geometry-coordinates", Place(field=place))
    longitude, latitude = item[0], item[1]
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90) or not math.isfinite(item[-1]):
        raise LingjingError(
            "ngsild.geometry-range",
            Place(field=place),
            longitude=longitude,
            latitude=latitude,
        )


def _listed(items: Any, place: str) -> list[Any]:
    if items.__class__ is not list or not items:
        raise LingjingError("ngsild.geometry-coordinates", Place(field=place))
    given: list[Any] = items
    return given


def _positions(items: Any, place: str) -> None:
    for number, item in enumerate(_listed(items, place)):
        _position(item, f"{place}[{number}]")


def _line(items: Any, place: str) -> None:
    _positions(items, place)
    if len(items) < 2:
        raise LingjingError("ngsild.geometry-line", Place(field=place))


def _ring(items: Any, place: str) -> None:
    _positions(items, place)
    if len(items) < 4 or items[0] != items[-1]:
        raise LingjingError("ngsild.geometry-ring", Place(field=place))


def _each(check: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    def check_all(items: Any, place: str) -> None:
        for number, item in enumerate(_listed(items, place)):
            check(item, f"{place}[{number}]")

    return check_all


_polygon: Final = _each(_ring)
_CHECKS: Final[dict[str, Callable[[Any, str], None]]] = {
    "Point": _position,
    "MultiPoint": _positions,
    "LineString": _line,
    "MultiLineString": _each(_line),
    "Polygon": _polygon,
    "MultiPolygon": _each(_polygon),
}
