"""What a request for features says."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import shapely
from shapely.geometry.base import BaseGeometry
from starlette.datastructures import QueryParams

from lingjing.interfaces.http.ogc.systems import CRS84, System, system_of
from lingjing.twin.cql2.answering import box_of
from lingjing.twin.cql2.text import parse_text
from lingjing.twin.cql2.tree import Tree, parse_json
from lingjing.twin.cql2.values import EARLIEST, LATEST, Values, time_of
from lingjing.vocabulary import LingjingError

LIMIT: Final = 100
MOST: Final = 10_000
TEXT, JSON = "cql2-text", "cql2-json"
PARAMETERS: Final = (
    "f", "limit", "after", "bbox", "bbox-crs", "crs", "datetime", "filter", "filter-lang",
    "filter-crs",
)  # fmt: skip
_GEOGRAPHIC: Final = ((-180.0, 180.0), (-90.0, 90.0))
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Asked:
    """A request for features.

    Attributes:
        limit: Most features of the answer.
        after: Id that the page begins after; empty for the first.
        area: What the geometry must touch, WGS 84.
        system: What the answer is written in.
        span: Times that features must have existed in [µs], both included; None for now.
        filter: As CQL2; None for none.
        filter_system: What its geometries are written in.
        equal: Property → text that its value must equal.
    """

    limit: int
    after: str
    area: BaseGeometry | None
    system: System
    span: tuple[int, int] | None
    filter: Tree | None
    filter_system: System
    equal: Mapping[str, str]


def asked(query: QueryParams, properties: Collection[str]) -> Asked:
    """Read a request.

    Args:
        query: Its parameters.
        properties: Names of the collection's properties, which may be filters.

    Raises:
        LingjingError: `ogc.unknown-parameter`, `ogc.bad-parameter`, `ogc.bad-bbox`,
            `ogc.unknown-crs`, `cql2.*`.
    """
    check_names(query, (*PARAMETERS, *properties))
    language = query.get("filter-lang", TEXT)
    if language not in (TEXT, JSON):
        raise bad_parameter("filter-lang", language, f"{TEXT}, {JSON}")
    wanted = query.get("filter")
    tree = None
    if wanted is not None:
        tree = parse_text(wanted) if language == TEXT else parse_json(wanted)
    return Asked(
        limit_of(query.get("limit")),
        query.get("after", ""),
        _area(query.get("bbox"), system_of(query.get("bbox-crs", CRS84), "bbox-crs")),
        system_of(query.get("crs", CRS84), "crs"),
        _span(query.get("datetime")),
        tree,
        system_of(query.get("filter-crs", CRS84), "filter-crs"),
        {name: query[name] for name in query if name not in PARAMETERS},
    )


def check_names(query: QueryParams, known: Collection[str]) -> None:
    """Refuse parameters that nobody knows, and those that stand twice.

    Raises:
        LingjingError: `ogc.unknown-parameter`, `ogc.bad-parameter`.
    """
    for name in query:
        if name not in known:
            raise LingjingError("ogc.unknown-parameter", name=name[:60], known=", ".join(known))
        if len(query.getlist(name)) > 1:
            raise bad_parameter(name, ", ".join(query.getlist(name)), "1 ×")


def bad_parameter(name: str, value: str, expected: str) -> LingjingError:
    """The error that says what a parameter should be."""
    return LingjingError("ogc.bad-parameter", name=name, value=value[:80], expected=expected)


def limit_of(text: str | None) -> int:
    """How many features are wanted; more than the most are as many as the most."""
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise bad_parameter("limit", text, f"1–{MOST}")
    return min(int(text), MOST)


def _area(text: str | None, system: System) -> BaseGeometry | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) not in (4, 6) or not all(_NUMBER.fullmatch(part.strip()) for part in parts):
        raise _bad_box(text, system)
    numbers = [float(part) for part in parts]
    sides = numbers if len(numbers) == 4 else [*numbers[:2], *numbers[3:5]]
    axes = _GEOGRAPHIC[::-1] if system.latitude_first else _GEOGRAPHIC
    if system.decimals == 7:
        if any(not low <= side <= high for side, (low, high) in zip(sides, axes * 2, strict=True)):
            raise _bad_box(text, system)
    elif sides[0] > sides[2]:
        raise _bad_box(text, system)
    try:
        if system.latitude_first:
            # the box is made longitude first, so that it may go over the antimeridian
            return box_of([sides[1], sides[0], sides[3], sides[2]])
        area = system.back(box_of(sides))
    except ValueError:
        raise _bad_box(text, system) from None
    if not shapely.is_valid(area):
        raise _bad_box(text, system)
    return area


def _bad_box(text: str, system: System) -> LingjingError:
    axes = ("y", "x") if system.latitude_first else ("x", "y")
    order = ",".join(f"{axis}{end}" for end in ("min", "max") for axis in axes)
    return LingjingError("ogc.bad-bbox", value=text[:80], order=order, crs=system.uri)


def _span(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    ends = text.split("/")
    if len(ends) > 2:
        raise _bad_time(text)
    try:
        if len(ends) == 1:
            return time_of(ends[0])
        start = EARLIEST if ends[0] in ("", "..") else time_of(ends[0])[0]
        end = LATEST if ends[1] in ("", "..") else time_of(ends[1])[1]
    except LingjingError:
        raise _bad_time(text) from None
    if start > end or ends in (["", ""], ["..", ".."]):
        raise _bad_time(text)
    return int(start), int(end)


def _bad_time(text: str) -> LingjingError:
    example = "2026-01-31T08:00:00Z, 2026-01-31, 2026-01-01/2026-01-31, 2026-01-01/.."
    return bad_parameter("datetime", text, example)


def equality(name: str, text: str, values: Values) -> Tree:
    """The filter that a parameter named after a property means.

    Raises:
        LingjingError: `ogc.bad-parameter`.
    """
    wanted: str | float | bool | dict[str, str] = text
    if values.type == "number":
        if not _NUMBER.fullmatch(text):
            raise bad_parameter(name, text, "0.0")
        wanted = float(text)
    elif values.type == "flag":
        if text not in ("true", "false"):
            raise bad_parameter(name, text, "true, false")
        wanted = text == "true"
    elif values.type == "time":
        wanted = {"timestamp": text}
    return {"op": "=", "args": [{"property": name}, wanted]}
