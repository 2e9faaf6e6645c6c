"""Finding features and writing them as GeoJSON."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.interfaces.http.ogc.asking import Asked, equality
from lingjing.interfaces.http.ogc.systems import System
from lingjing.interfaces.http.ogc.tables import FeatureTable, Tables
from lingjing.twin.cql2.answering import matching
from lingjing.twin.cql2.values import EARLIEST, Values, time_text
from lingjing.vocabulary import LingjingError

_NONE: Final = np.empty(0, dtype=object)


@dataclass(frozen=True)
class Page:
    """A page of features.

    Attributes:
        rows: Tables with the rows [k] that stand on the page, in the order of the page.
        order: Where each of these rows stands on the page.
        matched: How many features there are on all pages.
        last: Id that the next page begins after; empty where this is the last.
    """

    rows: tuple[tuple[FeatureTable, NDArray[np.int64]], ...]
    order: NDArray[np.int64]
    matched: int
    last: str


def find(tables: Tables, district: str, kind: str, wanted: Asked) -> Page:
    """The features that are asked for.

    Raises:
        LingjingError: `cql2.*`, `ogc.bad-parameter`, `twin.no-district`.
    """
    chosen = [
        (table, np.flatnonzero(_meeting(table, wanted) & shown))
        for table, shown in _states(tables, district, kind, wanted.span)
    ]
    matched = sum(rows.size for _, rows in chosen)
    ids = np.concatenate([_NONE, *(table.view.ids[rows] for table, rows in chosen)])
    order = np.arange(ids.size) if len(chosen) == 1 else np.argsort(ids, kind="stable")
    start = int(np.searchsorted(ids[order], wanted.after, side="right")) if wanted.after else 0
    page = order[start : start + wanted.limit]
    last = str(ids[page[-1]]) if start + wanted.limit < ids.size else ""
    ends = np.cumsum([0, *(rows.size for _, rows in chosen)])
    found = []
    places = []
    for (table, rows), first, end in zip(chosen, ends, ends[1:], strict=False):
        here = np.flatnonzero((page >= first) & (page < end))
        found.append((table, rows[page[here] - first]))
        places.append(here)
    return Page(tuple(found), np.concatenate(places), matched, last)


def find_one(
    tables: Tables, district: str, kind: str, entity_id: str
) -> tuple[FeatureTable, NDArray[np.int64]]:
    """One feature, as it stands now.

    Raises:
        LingjingError: `ogc.no-feature`, `twin.no-district`.
    """
    table = tables.table(district, kind)
    row = int(np.searchsorted(table.view.ids, entity_id))
    if row >= len(table) or table.view.ids[row] != entity_id:
        raise LingjingError("ogc.no-feature", id=entity_id[:120], collection=f"{district}.{kind}")
    return table, np.array([row])


def _states(
    tables: Tables, district: str, kind: str, span: tuple[int, int] | None
) -> list[tuple[FeatureTable, NDArray[np.bool_]]]:
    """Tables that hold what existed in a span, with the rows that count.

    The state at the end of the span, and of what was gone by then the state at its beginning.
    """
    now_us = time.time_ns() // 1000
    if span is None or span[0] >= now_us:
        table = tables.table(district, kind)
        return [(table, np.ones(len(table), dtype=bool))]
    start, end = span
    last = tables.table(district, kind, None if end >= now_us else end)
    found = [(last, np.ones(len(last), dtype=bool))]
    if EARLIEST < start < end:
        first = tables.table(district, kind, start)
        found.append((first, ~np.isin(first.view.ids, last.view.ids)))
    return found


def _meeting(table: FeatureTable, wanted: Asked) -> NDArray[np.bool_]:
    found = np.ones(len(table), dtype=bool)
    if wanted.area is not None:
        found[:] = False
        found[table.intersecting(wanted.area)] = True
    for name, text in wanted.equal.items():
        values = table.values(name)
        if values is None:  # a relationship that no feature of this time has
            found[:] = False
        else:
            found &= matching(equality(name, text, values), table, lambda shape: shape)
    if wanted.filter is not None:
        found &= matching(wanted.filter, table, wanted.filter_system.back)
    return found


def written(page: Page, system: System) -> list[dict[str, Any]]:
    """Features of a page, ready to be encoded."""
    made = [feature for table, rows in page.rows for feature in features(table, rows, system)]
    found: list[dict[str, Any]] = [{}] * len(made)
    for place, feature in zip(page.order.tolist(), made, strict=True):
        found[place] = feature
    return found


def features(table: FeatureTable, rows: NDArray[np.int64], system: System) -> list[dict[str, Any]]:
    """Rows of a table as GeoJSON features."""
    if not rows.size:
        return []
    geometries = shapely.to_geojson(system.out(table.shapes[rows]))
    columns = [(name, plain(table, name, rows)) for name in table.columns]
    names = [name for name, _ in columns]
    values = zip(*(column for _, column in columns), strict=True)
    return [
        {
            "type": "Feature",
            "id": entity_id,
            "geometry": msgspec.Raw(geometry.encode()),
            "properties": dict(zip(names, said, strict=True)),
        }
        for entity_id, geometry, said in zip(
            table.view.ids[rows].tolist(), geometries, values, strict=True
        )
    ]


def plain(table: FeatureTable, name: str, rows: NDArray[np.int64]) -> Sequence[Any]:
    """A property of some rows as values for JSON; None where absent."""
    held = table.values(name)
    if held is None:  # pragma: no cover - only names of the table are asked for
        raise KeyError(name)
    values: Values = held
    found = values.data[rows].tolist()
    if values.type == "time":
        found = [time_text(item) if item > EARLIEST else None for item in found]
    null = values.null[rows]
    if not null.any():
        return list(found)
    return [None if gone else item for item, gone in zip(found, null.tolist(), strict=True)]
