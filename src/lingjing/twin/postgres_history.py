"""Reading history out of PostgreSQL: rows, who has any, and sums over numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lingjing.twin import chunks
from lingjing.twin.ledger import Aggregate, Method, Moment, Span
from lingjing.twin.postgres_finding import Statement
from lingjing.twin.postgres_reading import OPERATIONS, Reader, opened
from lingjing.twin.postgres_words import ITSELF, NO_LIMIT, Level

# A bare number would not do: PostgreSQL takes one in ORDER BY for the place of a column.
_OPEN: Final = (f"CAST({-(1 << 62)} AS bigint)", f"CAST({1 << 62} AS bigint)")

# Condition on the marks, and the column whose window it is, for each property of time.
_TIMES: Final[dict[str, tuple[str, str]]] = {
    "observedAt": ("h.observed_us IS NOT NULL", "h.observed_us"),
    "createdAt": ("h.marks %% 4 < 2", "coalesce(h.created_us, h.recorded_us)"),
    "modifiedAt": ("TRUE", "h.recorded_us"),
    "deletedAt": ("h.marks %% 4 = 2", "h.recorded_us"),
}
CHUNK_TIMES: Final[dict[str, tuple[str, str]]] = {
    "observedAt": ("c.first_observed_us", "c.last_observed_us"),
    "createdAt": _OPEN,
    "modifiedAt": ("c.first_recorded_us", "c.last_recorded_us"),
    "deletedAt": ("c.first_recorded_us", "c.last_recorded_us"),
}
# Rows of a series are looked up by its number, whatever the planner makes of a table that packing
# has just emptied: it may take it for so small that it reads the whole index, dead entries and all.
_BY_SERIES: Final = "OFFSET 0"
_ROW: Final = (
    "h.sequence, h.marks, h.observed_us, h.recorded_us, h.created_us, h.template, h.number, h.body"
)


class Source:
    """History of one entity at one level of a line of branches."""

    __slots__ = ("entity", "level", "masks")

    def __init__(self, entity: int, level: Level, masks: Sequence[tuple[Any, ...]]) -> None:
        self.entity = entity
        self.level = level
        self.masks = masks

    def hides(self, attribute: int, dataset: str, sequence: int) -> bool:
        """Whether a nearer branch does not want to see a row."""
        return any(
            (word is None or word == attribute)
            and (name is None or name == dataset)
            and (number is None or number == sequence)
            and sequence <= until
            for word, name, number, until in self.masks
        )


def sources(reader: Reader, levels: Sequence[Level], entity_id: str) -> list[Source]:
    """Where the history that a line of branches sees of an entity is kept, nearest first."""
    branches = [level.branch for level in levels]
    keys: dict[int, int] = dict(
        reader.connection.execute(
            "SELECT branch, key FROM entity WHERE branch = ANY(%s) AND id = %s",
            (branches, entity_id),
        ).fetchall()
    )
    masks: list[tuple[Any, ...]] = []
    told: dict[int, list[tuple[Any, ...]]] = {}
    if len(levels) > 1:
        for branch, *mask in reader.connection.execute(
            "SELECT branch, attribute, dataset, sequence, until FROM history_mask"
            " WHERE branch = ANY(%s) AND id = %s",
            (branches, entity_id),
        ):
            told.setdefault(branch, []).append(tuple(mask))
    found = []
    for level in levels:
        if level.branch in keys:
            found.append(Source(keys[level.branch], level, tuple(masks)))
        masks += told.get(level.branch, [])
    return found


def history(reader: Reader, levels: Sequence[Level], entity_id: str, span: Span) -> list[Moment]:
    """Rows of one entity; see `Ledger.history`."""
    words = words_of(reader, span)
    if words == [] or span.last == 0:
        return []
    found: dict[tuple[int, str], list[chunks.Row]] = {}
    for source in sources(reader, levels, entity_id):
        for attribute, dataset, row in _rows(reader, source, words, span):
            if not source.hides(attribute, dataset, row[0]):
                found.setdefault((attribute, dataset), []).append(row)
    return _in_order(reader, found, span)


def words_of(reader: Reader, span: Span) -> list[int] | None:
    """Numbers of the attributes asked for; None for all."""
    if not span.attributes:
        return None
    found = reader.lexicon.find(reader.connection, span.attributes)
    return [key for key in found if key is not None]


def _series(statement: Statement, source: Source, words: list[int] | None, span: Span) -> None:
    statement.add("WHERE s.entity = %s", source.entity)
    if words is None:
        statement.add("AND s.attribute >= 0")
    else:
        statement.add("AND s.attribute = ANY(%s)", words)
    if span.dataset is not None:
        statement.add("AND s.dataset = %s", span.dataset)


def within(statement: Statement, level: Level, span: Span) -> None:
    """Add the conditions that keep rows of `history h` in the window and within sight."""
    condition, column = _TIMES[span.time]
    statement.add(f"AND {condition}")
    if level.limit != NO_LIMIT:
        statement.add("AND h.sequence <= %s", level.limit)
    if span.from_us is not None:
        statement.add(f"AND {column} >= %s", span.from_us)
    if span.to_us is not None:
        statement.add(f"AND {column} < %s", span.to_us)


def _rows(
    reader: Reader, source: Source, words: list[int] | None, span: Span
) -> Iterator[tuple[int, str, chunks.Row]]:
    statement = Statement()
    statement.add("SELECT s.attribute, s.dataset, h.* FROM series s CROSS JOIN LATERAL (")
    statement.add("SELECT").add(_ROW).add("FROM history h WHERE h.series = s.key")
    within(statement, source.level, span)
    if span.last is None and span.first is None:
        statement.add(_BY_SERIES).add(") h")
    else:
        column = _TIMES[span.time][1]
        # A branch may hide rows: then more are read than are wanted.
        most = (span.first if span.last is None else span.last) if not source.masks else None
        order = "" if span.last is None else "DESC"
        statement.add(f"ORDER BY {column} {order}, h.sequence {order} LIMIT %s) h", most)
    _series(statement, source, words, span)
    rows = reader.connection.execute(statement.text(), statement.values, binary=True).fetchall()
    for attribute, dataset, *row in rows:
        yield attribute, dataset, tuple(row)
    for attribute, dataset, columns in _packed(reader, source, words, span):
        for packed in chunks.to_rows(columns):
            yield attribute, dataset, packed


_SHUT: Final = "c.body, c.count, c.file, c.row_group, c.first_row"


def _chunks(
    source: Source,
    words: list[int] | None,
    span: Span,
    columns: str,
    *,
    is_forwards: bool = False,
) -> Statement:
    """Chunks that may have rows in the window, the nearest to the wanted end first.

    Args:
        source: Whose.
        words: Numbers of the attributes; None for all.
        span: The window.
        columns: What is read of them.
        is_forwards: From the oldest on, whatever end is wanted.
    """
    first, last = CHUNK_TIMES[span.time]
    statement = Statement().add("SELECT s.attribute, s.dataset,").add(columns)
    statement.add("FROM series s JOIN history_chunk c ON c.series = s.key")
    _series(statement, source, words, span)
    statement.add(f"AND {first} IS NOT NULL")
    if source.level.limit != NO_LIMIT:
        statement.add("AND c.first_sequence <= %s", source.level.limit)
    if span.from_us is not None:
        statement.add(f"AND {last} >= %s", span.from_us)
    if span.to_us is not None:
        statement.add(f"AND {first} < %s", span.to_us)
    order = first if is_forwards or _from_the_start(span) else f"{last} DESC"
    return statement.add(f"ORDER BY s.key, {order}, c.key")


def _from_the_start(span: Span) -> bool:
    return span.first is not None and span.last is None


def _packed(
    reader: Reader, source: Source, words: list[int] | None, span: Span
) -> Iterator[tuple[int, str, chunks.Columns]]:
    """Rows in the window that lie in chunks."""
    most = span.first if span.last is None else span.last
    if most is not None and not source.masks:
        yield from _nearest(reader, source, words, span, most)
        return
    statement = _chunks(source, words, span, _SHUT)
    for attribute, dataset, *chunk in reader.connection.execute(
        statement.text(), statement.values, binary=True
    ):
        columns = opened(*chunk)
        kept = inside(columns, times_of(columns, span.time), source.level.limit, span)
        yield attribute, dataset, columns.take(kept)


def _nearest(
    reader: Reader, source: Source, words: list[int] | None, span: Span, most: int
) -> Iterator[tuple[int, str, chunks.Columns]]:
    """Of each series no more chunks than are needed for so many rows at the wanted end."""
    first, last = CHUNK_TIMES[span.time]
    sign = -1 if _from_the_start(span) else 1
    statement = _chunks(source, words, span, f"c.key, {first if sign < 0 else last}")
    best: dict[tuple[int, str], NDArray[np.int64]] = {}
    listed = reader.connection.execute(statement.text(), statement.values).fetchall()
    for attribute, dataset, key, end in listed:
        held = best.get((attribute, dataset), np.zeros(0, dtype=np.int64))
        # Nearer to the wanted end is greater.
        if held.size >= most and sign * end < held[-most]:
            continue
        query = "SELECT body, count, file, row_group, first_row FROM history_chunk WHERE key = %s"
        row = reader.connection.execute(query, (key,), binary=True).fetchone()
        assert row is not None  # noqa: S101 the transaction sees one state
        columns = opened(*row)
        times = times_of(columns, span.time)
        kept = np.flatnonzero(inside(columns, times, source.level.limit, span))
        kept = kept[np.lexsort((columns.sequence[kept], times[kept]))]
        kept = kept[:most] if sign < 0 else kept[-most:]
        best[attribute, dataset] = np.sort(np.concatenate([held, sign * times[kept]]))[-most:]
        yield attribute, dataset, columns.take(kept)


def times_of(columns: chunks.Columns, time: str) -> NDArray[np.int64]:
    """The column that a window is about."""
    if time == "observedAt":
        return columns.observed_us
    if time == "createdAt":
        known = columns.created_us != chunks.NO_TIME
        return np.where(known, columns.created_us, columns.recorded_us)
    return columns.recorded_us


def inside(
    columns: chunks.Columns, times: NDArray[np.int64], limit: int, span: Span
) -> NDArray[np.bool_]:
    """Which rows are in the window and within sight."""
    kept = np.asarray((times != chunks.NO_TIME) & (columns.sequence <= limit))
    gone = columns.marks % chunks.LATE == OPERATIONS.index("delete")
    if span.time == "deletedAt":
        kept &= gone
    elif span.time == "createdAt":
        kept &= ~gone
    if span.from_us is not None:
        kept &= times >= span.from_us
    if span.to_us is not None:
        kept &= times < span.to_us
    return kept


def _time_key(span: Span) -> Any:
    def observed(row: chunks.Row) -> tuple[int, int]:
        return row[2] or 0, row[0]

    def created(row: chunks.Row) -> tuple[int, int]:
        return row[3] if row[4] is None else row[4], row[0]

    def recorded(row: chunks.Row) -> tuple[int, int]:
        return row[3], row[0]

    return {"observedAt": observed, "createdAt": created}.get(span.time, recorded)


def _in_order(
    reader: Reader, found: dict[tuple[int, str], list[chunks.Row]], span: Span
) -> list[Moment]:
    key = _time_key(span)
    if span.last is not None:
        by_attribute: dict[int, list[tuple[Any, str]]] = {}
        for (attribute, dataset), rows in found.items():
            by_attribute.setdefault(attribute, []).extend((key(row), dataset) for row in rows)
        newest = {
            attribute: set(sorted(times)[-span.last :]) for attribute, times in by_attribute.items()
        }
        found = {
            (attribute, dataset): [row for row in rows if (key(row), dataset) in newest[attribute]]
            for (attribute, dataset), rows in found.items()
        }
    named = sorted(
        (
            "" if attribute == ITSELF else reader.lexicon.iri(reader.connection, attribute),
            dataset,
            attribute,
        )
        for attribute, dataset in found
    )
    return [
        _moment(reader, iri or None, dataset, row)
        for iri, dataset, attribute in named
        for row in sorted(found[attribute, dataset], key=key)
    ]


def _moment(reader: Reader, attribute: str | None, dataset: str, row: chunks.Row) -> Moment:
    sequence, marks, observed_us, recorded_us = row[:4]
    return Moment(
        sequence,
        attribute,
        dataset,
        OPERATIONS[marks % chunks.LATE],
        observed_us,
        recorded_us,
        None if attribute is None else reader.instance(row[2:]),
    )


# Sums


def aggregate(
    reader: Reader,
    levels: Sequence[Level],
    entity_id: str,
    attribute: str,
    span: Span,
    methods: Sequence[Method],
    period_us: int | None,
    origin_us: int | None,
) -> Aggregate:
    """Numeric values aggregated by period; see `Ledger.aggregate`."""
    (word,) = reader.lexicon.find(reader.connection, [attribute])
    times: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.float64]] = []
    for source in sources(reader, levels, entity_id) if word is not None else ():
        if source.masks:
            found: Iterator[Any] = _unhidden(reader, source, [word], span)
        else:
            found = _numbers(reader, source, [word], span)
        for some_times, some_numbers in found:
            times.append(some_times)
            numbers.append(some_numbers)
    window = (span.from_us, span.to_us)
    if not times:
        none = np.zeros(0, dtype=np.int64)
        return chunks.aggregated(none, np.zeros(0), methods, window, period_us, origin_us)
    return chunks.aggregated(
        np.concatenate(times), np.concatenate(numbers), methods, window, period_us, origin_us
    )


_PAIR: Final = np.dtype(
    [("fields", ">i2"), ("size_1", ">i4"), ("time", ">i8"), ("size_2", ">i4"), ("number", ">f8")]
)
_COPY_HEADER: Final = 19
_COPY_TRAILER: Final = 2


def _numbers(
    reader: Reader, source: Source, words: list[int | None], span: Span
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    column = _TIMES[span.time][1]
    known = [word for word in words if word is not None]
    statement = Statement().add("COPY (SELECT h.* FROM series s CROSS JOIN LATERAL (")
    statement.add(f"SELECT {column}, h.number")
    statement.add("FROM history h WHERE h.series = s.key AND h.number IS NOT NULL")
    within(statement, source.level, span)
    statement.add(_BY_SERIES).add(") h")
    _series(statement, source, known, span)
    statement.add(") TO STDOUT (FORMAT binary)")
    with reader.connection.cursor().copy(statement.text(), statement.values) as copy:
        content = b"".join(copy)
    # Rows of two columns without nulls are all of one size, so that they can be taken as they come.
    pairs = np.frombuffer(content[_COPY_HEADER:-_COPY_TRAILER], dtype=_PAIR)
    hot = pairs["time"].astype(np.int64), pairs["number"].astype(np.float64)
    packed = _chunks(source, known, span, _SHUT, is_forwards=True)
    # One is unpacked while the next is on its way.
    cursor = reader.connection.cursor(binary=True)
    for _, _, body, *rest in cursor.stream(packed.text(), packed.values):
        if span.time == "observedAt" and source.level.limit == NO_LIMIT and body is not None:
            yield chunks.decode_numbers(body, 1)
            continue
        columns = opened(body, *rest)
        times = times_of(columns, span.time)
        kept = inside(columns, times, source.level.limit, span)
        yield times[kept], columns.number[kept]
    # Mostly the newest: what is nearly in order needs little sorting.
    yield hot


def _unhidden(
    reader: Reader, source: Source, words: list[int | None], span: Span
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The same, row by row, where a branch hides some."""
    key = _time_key(span)
    known = [word for word in words if word is not None]
    pairs = [
        (key(row)[0], row[6])
        for attribute, dataset, row in _rows(reader, source, known, span)
        if row[6] is not None and not source.hides(attribute, dataset, row[0])
    ]
    yield (
        np.array([time for time, _ in pairs], dtype=np.int64),
        np.array([number for _, number in pairs], dtype=np.float64),
    )
