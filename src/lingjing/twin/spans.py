"""Which rows of a history a span means, and in what order."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.twin import chunks
from lingjing.twin.chunks import NO_TIME, OPERATIONS, Columns
from lingjing.twin.ledger import Span

NO_LIMIT: Final = (1 << 63) - 1
"""Number that every change is below."""
TIMES: Final = {"observedAt": 1, "createdAt": 3, "modifiedAt": 2, "deletedAt": 2}
"""Place of a span's time among the columns."""


def limited(columns: Columns, limit: int) -> Columns:
    """Rows up to a number."""
    if limit == NO_LIMIT or not len(columns) or columns.sequence[-1] <= limit:
        return columns
    return columns.take(columns.sequence <= limit)


def overlapping(span: Span) -> tuple[str, list[int]]:
    """Conditions on chunks that may hold rows of the span."""
    kind = {"observedAt": "observed", "modifiedAt": "recorded", "deletedAt": "recorded"}.get(
        span.time
    )
    conditions, values = "", []
    if kind == "observed":
        conditions += " AND first_observed_us IS NOT NULL"
    if kind is not None and span.from_us is not None:
        conditions += f" AND last_{kind}_us >= ?"
        values.append(span.from_us)
    if kind is not None and span.to_us is not None:
        conditions += f" AND first_{kind}_us < ?"
        values.append(span.to_us)
    return conditions, values


def windowed(columns: Columns, span: Span) -> Columns:
    """Rows of the span, in order of its time."""
    times: NDArray[np.int64] = columns[TIMES[span.time]]  # type: ignore[assignment]
    kept = times != NO_TIME
    gone = columns.marks % chunks.LATE == OPERATIONS.index("delete")
    if span.time == "deletedAt":
        kept &= gone
    elif span.time == "createdAt":
        kept &= ~gone
    if span.from_us is not None:
        kept &= times >= span.from_us
    if span.to_us is not None:
        kept &= times < span.to_us
    places = np.flatnonzero(kept)
    order = np.argsort(times[places], kind="stable")
    return columns.take(places[order])


def trimmed(columns: Columns, span: Span) -> Columns:
    """The newest rows of a part that may be wanted."""
    kept = windowed(columns, span)
    first = max(0, len(kept) - (span.last or 0))
    return kept.take(np.arange(first, len(kept))) if first else kept


def newest_rows(held: dict[tuple[str, str], Columns], span: Span) -> dict[tuple[str, str], Columns]:
    """At most so many of the newest rows of each attribute, its datasets together."""
    assert span.last is not None  # noqa: S101
    place = TIMES[span.time]
    by_attribute: dict[str, list[tuple[str, str]]] = {}
    for names in held:
        by_attribute.setdefault(names[0], []).append(names)
    kept = {}
    for theirs in by_attribute.values():
        ranked = []
        for names in theirs:
            columns = held[names]
            times: NDArray[np.int64] = columns[place]  # type: ignore[assignment]
            ranked += [
                (time, sequence, names, row)
                for row, (time, sequence) in enumerate(
                    zip(times.tolist(), columns.sequence.tolist(), strict=True)
                )
            ]
        ranked.sort(key=lambda item: item[:2])
        chosen: dict[tuple[str, str], list[int]] = {}
        for _, _, names, row in ranked[max(0, len(ranked) - span.last) :]:
            chosen.setdefault(names, []).append(row)
        for names, rows in chosen.items():
            kept[names] = held[names].take(np.array(sorted(rows), dtype=np.int64))
    return kept
