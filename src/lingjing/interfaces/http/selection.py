"""Choosing objects and work by the same filters, so that lists, map and exports agree."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from lingjing.interfaces.http.queries import whole_number
from lingjing.interfaces.http.search import SearchIndex
from lingjing.interfaces.http.table import Foreseen, ObjectTable, Words
from lingjing.vocabulary import LingjingError, kinds, parse_instant, quantities

MOST_TEXT: Final = 200
SORTS: Final = ("chance", "probability", "onset", "title", "street", "kind")
MASKED: Final = ("roads", "buildings", "facilities", "assets")
"""Layers that the map filters by a mask."""


@dataclass(frozen=True)
class Filters:
    """What is wanted; all conditions hold together, an empty one holds for all.

    Attributes:
        kind, street, owner: Any of these.
        text: What name, address or id must hold, see `search`.
        least: Least probability within the window, 0 to 1.
        before: The median onset is at most so many hours after the start.
    """

    kind: tuple[str, ...] = ()
    street: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    text: str = ""
    least: float | None = None
    before: int | None = None


def read_filters(request: Request) -> Filters:
    """Filters of a request's parameters.

    Raises:
        LingjingError: `http.bad-parameter`.
    """
    asked = request.query_params
    kind = tuple(filter(None, asked.getlist("kind")))
    for name in kind:
        if name not in kinds():
            known = ", ".join(kinds())
            raise LingjingError("http.bad-parameter", name="kind", value=name[:60], expected=known)
    return Filters(
        kind=kind,
        street=tuple(asked.getlist("sub_district")),
        owner=tuple(asked.getlist("owner")),
        text=asked.get("text", "").strip()[:MOST_TEXT],
        least=_share(asked.get("least")),
        before=whole_number(request, "before", 0, 0, 100_000) if "before" in asked else None,
    )


def _share(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0.0 <= value <= 1.0:
        return value
    raise LingjingError("http.bad-parameter", name="least", value=text[:60], expected="0–1")


def read_quantities(request: Request) -> tuple[str, ...]:
    """Events to show first, in the parameters `quantity`.

    Raises:
        LingjingError: `http.bad-parameter`.
    """
    names = tuple(filter(None, request.query_params.getlist("quantity")))
    for name in names:
        if name not in quantities():
            raise LingjingError(
                "http.bad-parameter", name="quantity", value=name[:60], expected="road_slippery, …"
            )
    return names


@dataclass(frozen=True)
class Chosen:
    """Objects that meet the filters.

    Attributes:
        rows: Of the table, in the order wanted.
        chance: Probability at the hour asked for, all rows [n].
        facets: Filter → value → how many there are when only this filter is left out.
        holding: Whether an object, or something in it, is chosen [n].
    """

    rows: NDArray[np.int64]
    chance: NDArray[np.float32]
    facets: dict[str, dict[str, int]]
    holding: NDArray[np.bool_]


def choose(
    table: ObjectTable,
    foreseen: Foreseen,
    index: Callable[[], SearchIndex],
    filters: Filters,
    hour: int,
) -> Chosen:
    """The objects that meet the filters, not yet in order.

    Args:
        table: The objects.
        foreseen: What a run says of them.
        index: Gives the district's index, asked only where a text is wanted.
        filters: What is wanted.
        hour: Hour after the start at which the chance is read.
    """
    conditions = _conditions(table, foreseen, filters)
    if filters.text:
        conditions["text"] = index().rows(filters.text)
    wanted = np.ones(len(table), dtype=bool)
    for condition in conditions.values():
        wanted &= condition
    facets = {
        name: _counts(words, _all_but(name, conditions, len(table)))
        for name, words in (
            ("kind", table.kind),
            ("sub_district", table.street),
            ("owner", table.owner),
        )
    }
    return Chosen(np.flatnonzero(wanted), foreseen.at(hour, table), facets, _holding(table, wanted))


def _conditions(
    table: ObjectTable, foreseen: Foreseen, filters: Filters
) -> dict[str, NDArray[np.bool_]]:
    found: dict[str, NDArray[np.bool_]] = {}
    if filters.kind:
        found["kind"] = table.kind.among(filters.kind)
    if filters.street:
        found["sub_district"] = table.street.among(filters.street)
    if filters.owner:
        own = table.owner.among(filters.owner)
        inside = np.unique(table.building[own & (table.building >= 0)])
        own[inside] = True  # a building is whose assets are
        found["owner"] = own
    with np.errstate(invalid="ignore"):
        if filters.least is not None:
            found["least"] = foreseen.probability >= np.float32(filters.least)
        if filters.before is not None:
            found["before"] = foreseen.onset_hours <= filters.before
    return found


def _all_but(name: str, conditions: dict[str, NDArray[np.bool_]], count: int) -> NDArray[np.bool_]:
    kept = np.ones(count, dtype=bool)
    for other, condition in conditions.items():
        if other != name:
            kept &= condition
    return kept


def _counts(words: Words, rows: NDArray[np.bool_]) -> dict[str, int]:
    counts = np.bincount(words.codes[rows], minlength=len(words.names))
    pairs = zip(words.names, counts.tolist(), strict=True)
    return {name: count for name, count in pairs if name and count}


def _holding(table: ObjectTable, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    holding = wanted.copy()
    holding[table.building[wanted & (table.building >= 0)]] = True
    parts = table.rows_of.get("BuildingPart", slice(0, 0))  # which look like their building
    whole = table.building[parts]
    holding[parts] |= (whole >= 0) & holding[whole]
    return holding


def in_order(
    table: ObjectTable, foreseen: Foreseen, chosen: Chosen, sort: str, *, descending: bool
) -> Chosen:
    """The same objects sorted; what has no value comes last, ties are in order of the table."""
    rows = chosen.rows
    if sort in ("chance", "probability", "onset"):
        column = {
            "chance": chosen.chance,
            "probability": foreseen.probability,
            "onset": foreseen.onset_hours,
        }[sort][rows].astype(np.float64)
        key = np.nan_to_num(-column if descending else column, nan=np.inf)
        if sort == "chance":  # of equals the likelier over the whole window
            whole = np.nan_to_num(foreseen.probability[rows], nan=-1.0)
            order = np.lexsort((rows, -whole if descending else whole, key))
        else:
            order = np.lexsort((rows, key))
    else:
        order = _by_text(table, rows, sort)
        order = order[::-1] if descending else order
    return replace(chosen, rows=rows[order])


def _by_text(table: ObjectTable, rows: NDArray[np.int64], sort: str) -> NDArray[np.int64]:
    if sort == "title":
        texts = table.title_zh[rows]
        order: NDArray[np.int64] = np.argsort(texts.astype(str), kind="stable")
        return order
    words = table.street if sort == "street" else table.kind
    place = np.argsort(np.argsort(np.array(words.names)))
    by_place: NDArray[np.int64] = np.argsort(place[words.codes[rows]], kind="stable")
    return by_place


def packed_mask(holding: NDArray[np.bool_], rows: NDArray[np.int64]) -> dict[str, Any]:
    """A layer's mask for an answer: base64 of one bit a feature, the first in the highest place.

    Args:
        holding: Of `Chosen` [objects].
        rows: Row of the table for each feature number, −1 for none [features].
    """
    mask = (rows >= 0) & holding[rows] if holding.size else np.zeros(rows.size, dtype=bool)
    return {
        "features": int(mask.size),
        "chosen": int(mask.sum()),
        "bits": base64.b64encode(np.packbits(mask).tobytes()).decode("ascii"),
    }


def choose_work(
    rows: list[dict[str, Any]],
    filters: Filters,
    start: str,
    text_rows: Callable[[], set[str]] | None = None,
    action: str | None = None,
) -> list[dict[str, Any]]:
    """The work that meets the filters, in its order.

    The kind is that of the target or of an asset that it protects; the onset is the median's.

    Args:
        rows: Of `Shelf.work`.
        filters: What is wanted.
        start: Of the window, ISO 8601.
        text_rows: Gives ids of objects that the text finds, asked only where one is wanted.
        action: Only this action.
    """
    start_s = parse_instant(start).timestamp()
    found = text_rows() if filters.text and text_rows is not None else set()

    conditions: list[Callable[[dict[str, Any]], bool]] = []
    if action is not None:
        conditions.append(lambda row: row["action"] == action)
    if filters.street:
        conditions.append(lambda row: row["sub_district"] in filters.street)
    if filters.owner:
        conditions.append(lambda row: row["owner"] in filters.owner)
    if filters.kind:
        conditions.append(lambda row: not _kinds_of(row).isdisjoint(filters.kind))
    if (least := filters.least) is not None:
        conditions.append(lambda row: row["probability"] >= least)
    if (before := filters.before) is not None:
        conditions.append(lambda row: _begins_within(row, start_s, before))
    if filters.text:
        conditions.append(lambda row: _speaks_of(row, filters.text, found))
    return [row for row in rows if all(condition(row) for condition in conditions)]


def _kinds_of(row: dict[str, Any]) -> set[str]:
    """Kinds of the target and the assets, which their URNs name."""
    return {urn.split(":")[2] for urn in (row["target"], *row["assets"]) if urn.count(":") >= 4}


def _begins_within(row: dict[str, Any], start_s: float, hours: int) -> bool:
    onset = row["onset"]
    return onset is not None and parse_instant(onset).timestamp() - start_s <= hours * 3600


def _speaks_of(row: dict[str, Any], text: str, found: set[str]) -> bool:
    words = text.casefold()
    if any(words in title.casefold() for title in row["title"].values()):
        return True
    return row["target"] in found or not found.isdisjoint(row["assets"])
