"""History out of the SQLite driver's tables: rows, chunks and sealed files as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.twin import chunks
from lingjing.twin.chunks import OPERATIONS, Columns
from lingjing.twin.documents import Instance, decode
from lingjing.twin.interned import Interned, shape_meets
from lingjing.twin.ledger import Aggregate, Method, Moment, Selection, Span
from lingjing.twin.moments import lengthen
from lingjing.twin.query.patterns import finder
from lingjing.twin.sealing import Sealed, SealedFiles
from lingjing.twin.spans import (
    NO_LIMIT,
    TIMES,
    limited,
    newest_rows,
    overlapping,
    trimmed,
    windowed,
)
from lingjing.twin.sqlite_reading import Level

ENTITY_ITSELF: Final = 0
"""Key in place of an attribute's, of rows about the entity as a whole."""

_ROW: Final = "sequence, marks, observed_us, recorded_us, created_us, template, number, body"
SEALED_COLUMNS: Final = (
    "(SELECT path FROM sealed_file WHERE sealed_file.key = sealed.file),"
    " row_group, first_row, count"
)
"""What `Sealed` takes."""


_types = msgspec.json.Decoder(tuple[str, ...]).decode


class Series(NamedTuple):
    """Rows of one attribute and dataset of one entity in one branch, by keys.

    Attributes:
        subject, attribute, dataset: Keys.
        limit: Number of the last change that is seen.
    """

    subject: int
    attribute: int
    dataset: int
    limit: int


def subjects(
    connection: apsw.Connection, seen: Sequence[Level], entity_id: str
) -> list[tuple[int, int, str]]:
    """Keys of what has a history under an id, each with the last number seen, and its types."""
    found = []
    for branch, limit in seen:
        row = connection.execute(
            "SELECT key, since, types, hides FROM subject WHERE branch = ? AND id = ?",
            (branch, entity_id),
        ).get
        if row is None or row[1] > limit:
            continue
        found.append((row[0], limit, row[2]))
        if row[3]:
            break
    return found


class History:
    """Reads history over one connection.

    Args:
        connection: That sees one state of the file throughout.
        interned: What was read before over connections of this kind.
        files: Sealed files.
    """

    def __init__(self, connection: apsw.Connection, interned: Interned, files: SealedFiles) -> None:
        self._connection = connection
        self._interned = interned
        self._files = files

    # Rows

    def moments(self, seen: Sequence[Level], entity_id: str, span: Span) -> list[Moment]:
        """Rows of one entity; see `Ledger.history`."""
        gathered: dict[tuple[str, str], list[Columns]] = {}
        for series in self.series_of(seen, entity_id, span):
            names = self.names(series)
            parts = list(self._parts(series, span))
            if parts:
                gathered.setdefault(names, []).extend(parts)
        held = {names: windowed(chunks.joined(parts), span) for names, parts in gathered.items()}
        if span.last is not None:
            held = newest_rows(held, span)
        elif span.first is not None:
            held = {
                names: columns.take(np.arange(min(span.first, len(columns))))
                for names, columns in held.items()
            }
        found: list[Moment] = []
        for names in sorted(held):
            found += self._moments_of(names, held[names])
        return found

    def _moments_of(self, names: tuple[str, str], columns: Columns) -> Iterator[Moment]:
        attribute, dataset = names
        for row in chunks.to_rows(columns):
            sequence, marks, observed_us, recorded_us, *_ = row
            yield Moment(
                sequence,
                attribute or None,
                dataset,
                OPERATIONS[marks % chunks.LATE],
                observed_us,
                recorded_us,
                self.instance(row) if attribute else None,
            )

    def instance(self, row: chunks.Row) -> Instance | None:
        """The instance of a row."""
        _, _, observed_us, recorded_us, created_us, template, number, body = row
        if body is not None:
            return decode(body)
        if template is None or number is None or created_us is None:
            return None
        held = self._interned.template(self._connection, template)
        return lengthen(held, number, observed_us, recorded_us, created_us)

    # Which series there are

    def names(self, series: Series) -> tuple[str, str]:
        """Attribute and dataset of a series, written out."""
        text = self._interned.text
        return (
            text(self._connection, series.attribute),
            text(self._connection, series.dataset),
        )

    def series_of(self, seen: Sequence[Level], entity_id: str, span: Span) -> list[Series]:
        """The series of an entity that a branch sees, of the span's attributes and dataset."""
        held = subjects(self._connection, seen, entity_id)
        if not held:
            return []
        wanted: list[int] = []
        for name in span.attributes:
            key = self._interned.key(self._connection, name)
            if key is not None:
                wanted.append(key)
        if span.attributes and not wanted:
            return []
        dataset = None
        if span.dataset is not None:
            dataset = self._interned.key(self._connection, span.dataset)
            if dataset is None:
                return []
        found = []
        hidden: set[tuple[int, int]] = set()
        for subject, limit, _ in held:
            for attribute, kind in self.series_of_subject(subject):
                if wanted and attribute not in wanted:
                    continue
                if dataset is not None and kind != dataset:
                    continue
                if (attribute, kind) not in hidden:
                    found.append(Series(subject, attribute, kind, limit))
            hidden.update(self.hidden_by(subject))
        return found

    def hidden_by(self, subject: int) -> set[tuple[int, int]]:
        """Attributes and datasets whose rows in ancestors are not to be seen."""
        return set(
            self._connection.execute(
                "SELECT attribute, dataset FROM hidden WHERE subject = ?", (subject,)
            )
        )

    def series_of_subject(self, subject: int) -> list[tuple[int, int]]:
        """Attributes and datasets that an entity has rows of."""
        rows: Any = self._connection.execute(
            "SELECT DISTINCT attribute, dataset FROM history WHERE subject = :subject"
            " UNION SELECT attribute, dataset FROM chunk WHERE subject = :subject"
            " UNION SELECT attribute, dataset FROM sealed WHERE subject = :subject",
            {"subject": subject},
        )
        return list(rows)

    # Parts of a series

    def count(self, series: Series) -> int:
        """Number of rows that are seen."""
        return len(self.whole(series))

    def whole(self, series: Series) -> Columns:
        """All rows that are seen."""
        return chunks.joined(
            [
                self.rows(series),
                *self._chunks(series, "", ()),
                *(limited(self._files.read(item), series.limit) for item in self._sealed(series)),
            ]
        )

    def part_with(self, series: Series, sequence: int) -> Columns | None:
        """The rows of the series, if the one with that number is among them."""
        whole = self.whole(series)
        return whole if bool((whole.sequence == sequence).any()) else None

    def rows(self, series: Series) -> Columns:
        """The rows that lie in no chunk."""
        found: list[Any] = self._connection.execute(
            f"SELECT {_ROW} FROM history"  # noqa: S608
            " WHERE subject = ? AND attribute = ? AND dataset = ? AND sequence <= ?",
            series,
        ).fetchall()
        return chunks.from_rows(found)

    def _parts(self, series: Series, span: Span) -> Iterator[Columns]:
        """All parts that may hold rows of the span; newest first where only the last count."""
        conditions, values = overlapping(span)
        if span.last is not None:
            yield from self._newest_parts(series, span, conditions, values)
            return
        if span.first is not None and span.time == "observedAt":
            yield from self._oldest_parts(series, span, conditions, values)
            return
        yield limited(self.rows(series), series.limit)
        yield from self._chunks(series, conditions, values)
        for sealed in self._sealed(series, conditions, values):
            yield limited(self._files.read(sealed), series.limit)

    def _oldest_parts(
        self, series: Series, span: Span, conditions: str, values: Sequence[int]
    ) -> Iterator[Columns]:
        """Parts from the oldest on, until later ones cannot hold any of the first rows."""
        assert span.first is not None  # noqa: S101
        first = windowed(limited(self.rows(series), series.limit), span)
        yield first
        times = [first.observed_us[: span.first]]
        held: list[tuple[int, str, int]] = []
        for table in ("chunk", "sealed"):
            rows: Any = self._connection.execute(
                f"SELECT first_observed_us, '{table}', key FROM {table} WHERE subject = ?"  # noqa: S608
                f" AND attribute = ? AND dataset = ? AND first_sequence <= ?{conditions}",
                (*series, *values),
            )
            held += list(rows)
        for first_us, table, key in sorted(held):
            oldest = np.sort(np.concatenate(times))
            if len(oldest) >= span.first and (span.first == 0 or oldest[span.first - 1] < first_us):
                return
            part = windowed(limited(self.part(table, key), series.limit), span)
            times.append(part.observed_us[: span.first])
            yield part

    def _newest_parts(
        self, series: Series, span: Span, conditions: str, values: Sequence[int]
    ) -> Iterator[Columns]:
        """Chunks from the newest on, until older ones cannot hold any of the last rows."""
        assert span.last is not None  # noqa: S101
        name = Columns._fields[TIMES[span.time]]
        first = trimmed(limited(self.rows(series), series.limit), span)
        yield first
        times = [getattr(first, name)]
        column = "last_observed_us" if span.time == "observedAt" else "last_recorded_us"
        held: list[tuple[int, str, int]] = []
        for table in ("chunk", "sealed"):
            rows: Any = self._connection.execute(
                f"SELECT {column}, '{table}', key FROM {table} WHERE subject = ?"  # noqa: S608
                f" AND attribute = ? AND dataset = ? AND first_sequence <= ?{conditions}",
                (*series, *values),
            )
            held += list(rows)
        held.sort(reverse=True)
        for last_us, table, key in held:
            newest = np.concatenate(times)
            if len(newest) >= span.last and (
                span.last == 0 or np.sort(newest)[-span.last] > last_us
            ):
                return
            part = trimmed(limited(self.part(table, key), series.limit), span)
            times.append(getattr(part, name))
            yield part

    def part(self, table: str, key: int) -> Columns:
        """The rows of a chunk, or of a stretch of a sealed file, by key."""
        columns = "body" if table == "chunk" else SEALED_COLUMNS
        found: Any = self._connection.execute(
            f"SELECT {columns} FROM {table} WHERE key = ?",  # noqa: S608
            (key,),
        ).fetchall()
        content = found[0]
        if table == "chunk":
            return chunks.decode(content[0])
        return self._files.read(Sealed(*content))

    def _chunks(self, series: Series, conditions: str, values: Sequence[int]) -> Iterator[Columns]:
        rows = self._connection.execute(
            "SELECT body FROM chunk WHERE subject = ? AND attribute = ? AND dataset = ?"  # noqa: S608
            f" AND first_sequence <= ?{conditions} ORDER BY first_sequence",
            (*series, *values),
        )
        for (body,) in rows:
            yield limited(chunks.decode(body), series.limit)

    def _sealed(
        self, series: Series, conditions: str = "", values: Sequence[int] = ()
    ) -> list[Sealed]:
        rows = self._connection.execute(
            f"SELECT {SEALED_COLUMNS} FROM sealed"  # noqa: S608
            " WHERE subject = ? AND attribute = ? AND dataset = ?"
            f" AND first_sequence <= ?{conditions} ORDER BY first_sequence",
            (*series, *values),
        )
        return [Sealed(*row) for row in rows]

    # Sums

    def aggregate(
        self,
        seen: Sequence[Level],
        entity_id: str,
        attribute: str,
        span: Span,
        methods: Sequence[Method],
        period_us: int | None,
        origin_us: int | None,
    ) -> Aggregate:
        """Numeric values aggregated; see `Ledger.aggregate`."""
        asked = msgspec.structs.replace(span, attributes=(attribute,))
        place = TIMES[span.time]
        conditions, values = overlapping(span)
        times: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        numbers: list[NDArray[np.float64]] = [np.zeros(0)]
        for series in self.series_of(seen, entity_id, asked):
            parts = [self.rows(series)]
            parts += [
                self._files.read(sealed) for sealed in self._sealed(series, conditions, values)
            ]
            rows = self._connection.execute(
                "SELECT body, last_sequence FROM chunk"  # noqa: S608
                " WHERE subject = ? AND attribute = ? AND dataset = ?"
                f" AND first_sequence <= ?{conditions}",
                (*series, *values),
            )
            for body, last in rows:
                if last <= series.limit:
                    part_times, part_numbers = chunks.decode_numbers(body, place)
                    times.append(part_times)
                    numbers.append(part_numbers)
                else:
                    parts.append(chunks.decode(body))
            for part in parts:
                kept = limited(part, series.limit)
                times.append(kept[place])  # type: ignore[arg-type]
                numbers.append(kept.number)
        return chunks.aggregated(
            np.concatenate(times),
            np.concatenate(numbers),
            methods,
            (span.from_us, span.to_us),
            period_us,
            origin_us,
        )

    # Who has a history

    def ids(self, seen: Sequence[Level], selection: Selection, span: Span) -> list[str]:
        """Ids of entities that have rows in the span; see `Ledger.history_ids`."""
        pattern = finder(selection.id_pattern) if selection.id_pattern else None
        found: list[str] = []
        wanted = None if selection.limit is None else selection.offset + selection.limit
        for entity_id, types in self._known(seen, selection):
            if wanted is not None and len(found) >= wanted:
                break
            if pattern is not None and not pattern(entity_id):
                continue
            asked = (selection.types, selection.without_type, ())
            if shape_meets(types, (), asked) and self._has_rows(seen, entity_id, span):
                found.append(entity_id)
        return found[selection.offset : wanted]

    def _known(
        self, seen: Sequence[Level], selection: Selection
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Ids with a history, in order, and their types; read as they are asked for."""
        values: list[Any] = [msgspec.json.encode([level[0] for level in seen]).decode()]
        condition = ""
        if selection.ids:
            condition = " AND id IN (SELECT value FROM json_each(?))"
            values.append(msgspec.json.encode(selection.ids).decode())
        rows: Any = self._connection.execute(
            "SELECT id, types FROM subject"  # noqa: S608
            f" WHERE branch IN (SELECT value FROM json_each(?)){condition} AND id > ? ORDER BY id",
            (*values, selection.after),
        )
        last = ""
        for entity_id, types in rows:
            if entity_id == last:
                continue
            last = entity_id
            if len(seen) > 1:
                held = subjects(self._connection, seen, entity_id)
                if not held:
                    continue
                types = held[0][2]  # noqa: PLW2901 as the branch itself sees them
            yield entity_id, _types(types)

    def _has_rows(self, seen: Sequence[Level], entity_id: str, span: Span) -> bool:
        one = msgspec.structs.replace(span, last=1)
        for series in self.series_of(seen, entity_id, one):
            for part in self._parts(series, one):
                if len(windowed(part, one)):
                    return True
        return False

    # For looking back

    def last_rows(
        self, subject: int, since_us: int, until_us: int
    ) -> Iterator[tuple[str, str, chunks.Row]]:
        """The last row of each series that was part of the present in a stretch of time.

        Of the entity itself all rows are given, in order. The stretch is half-open below:
        `since_us` < recorded ≤ `until_us`.
        """
        for attribute, dataset in self.series_of_subject(subject):
            series = Series(subject, attribute, dataset, NO_LIMIT)
            names = self.names(series)
            parts = [self.rows(series), *self._back(series, until_us)]
            whole = chunks.joined(parts)
            kept = (
                (whole.recorded_us > since_us)
                & (whole.recorded_us <= until_us)
                & (whole.marks < chunks.LATE)
            )
            places = np.flatnonzero(kept)
            if attribute != ENTITY_ITSELF:
                places = places[-1:]
            for row in chunks.to_rows(whole.take(places)):
                yield *names, row

    def _back(self, series: Series, until_us: int) -> Iterator[Columns]:
        """Older parts, newest first, until one holds a row of the present by that time."""
        held: list[tuple[int, str, int]] = []
        for table in ("chunk", "sealed"):
            rows: Any = self._connection.execute(
                f"SELECT first_sequence, '{table}', key FROM {table} WHERE subject = ?"  # noqa: S608
                " AND attribute = ? AND dataset = ? AND first_recorded_us <= ?",
                (*series[:3], until_us),
            )
            held += list(rows)
        held.sort(reverse=True)
        for _, table, key in held:
            part = self.part(table, key)
            yield part
            present = (part.recorded_us <= until_us) & (part.marks < chunks.LATE)
            if series.attribute != ENTITY_ITSELF and bool(present.any()):
                return
