"""Reading entities out of PostgreSQL: by id, in a line of branches, now or at a past instant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from lingjing.twin import chunks
from lingjing.twin.documents import Document, decode
from lingjing.twin.ledger import Operation, Record
from lingjing.twin.moments import lengthen
from lingjing.twin.past import Row, folded
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_words import CHECKPOINT, ITSELF, NO_LIMIT, Level, Lexicon
from lingjing.twin.sealing import Sealed, SealedFiles

ALIVE: Final = 1
ENDED: Final = 2
FORGOTTEN: Final = 3
HISTORY_ALONE: Final = 0
"""Known to history alone; what was forgotten becomes so when something late is heard of it."""
OPERATIONS: Final[tuple[Operation, ...]] = ("create", "update", "delete")

# Many ids are looked up one by one in the index (OFFSET 0 keeps the planner from doing otherwise).
# Of a table that has just been filled it knows nothing yet, and would rather read it whole.
_ONE_LEVEL: Final = b"""
    SELECT e.* FROM unnest(%s::text[]) AS w (id) CROSS JOIN LATERAL (
        SELECT id, revision, body FROM entity
        WHERE branch = %s AND id = w.id AND state = 1 OFFSET 0
    ) e
"""
_ALL_LEVELS: Final = b"""
    SELECT e.* FROM unnest(%s::bigint[]) AS b (branch) CROSS JOIN unnest(%s::text[]) AS w (id)
    CROSS JOIN LATERAL (
        SELECT branch, id, key, state, revision, recorded_us, body FROM entity
        WHERE branch = b.branch AND id = w.id OFFSET 0
    ) e
"""
_PAST: Final = b"""
    SELECT e.* FROM unnest(%s::text[]) AS w (id) CROSS JOIN LATERAL (
        SELECT id, state, revision, body FROM entity_past
        WHERE branch = %s AND id = w.id AND revision <= %s AND until > %s OFFSET 0
    ) e
"""
_LAST_ROWS: Final = b"""
    SELECT s.entity, s.key, s.attribute, s.dataset, h.sequence, h.marks, h.observed_us,
        h.recorded_us, h.created_us, h.template, h.number, h.body
    FROM series s CROSS JOIN LATERAL (
        SELECT * FROM history h WHERE h.series = s.key AND h.sequence <= %(limit)s
            AND h.recorded_us <= %(at)s AND h.marks < 4
        ORDER BY h.sequence DESC LIMIT 1
    ) h
    WHERE s.entity = ANY(%(keys)s)
    UNION ALL
    SELECT s.entity, s.key, s.attribute, s.dataset, h.sequence, h.marks, h.observed_us,
        h.recorded_us, h.created_us, h.template, h.number, h.body
    FROM series s CROSS JOIN LATERAL (
        SELECT * FROM history h WHERE h.series = s.key AND h.sequence <= %(limit)s
            AND h.recorded_us <= %(at)s AND h.marks = 0
        ORDER BY h.sequence DESC LIMIT 1
    ) h
    WHERE s.entity = ANY(%(keys)s) AND s.attribute = 0
"""
_LAST_CHUNKS: Final = b"""
    SELECT s.entity, s.key, s.attribute, s.dataset, c.body, c.count, c.file, c.row_group,
        c.first_row
    FROM series s JOIN history_chunk c ON c.series = s.key
    WHERE s.entity = ANY(%(keys)s) AND c.first_sequence <= %(limit)s
        AND c.first_recorded_us <= %(at)s
    ORDER BY s.key, c.last_sequence DESC
"""


class Past(NamedTuple):
    """A point to look back to: the last number, and the last instant [µs], that count."""

    limit: int
    at_us: int


class Reader:
    """Reads entities as a line of branches sees them.

    Args:
        connection: All is read with it; in a transaction, where it has to be one state.
        lexicon: What numbers stand for.
    """

    def __init__(self, connection: Connection, lexicon: Lexicon) -> None:
        self.connection = connection
        self.lexicon = lexicon

    def records(
        self, levels: Sequence[Level], ids: Sequence[str], at_us: int | None = None
    ) -> dict[str, Record]:
        """Entities by id, now or at an instant; those that do not exist lack."""
        if len(levels) == 1 and at_us is None and levels[0].limit == NO_LIMIT:
            rows = self.connection.execute(
                _ONE_LEVEL, (list(ids), levels[0].branch), binary=True
            ).fetchall()
            return {row[0]: Record(row[0], row[1], decode(row[2])) for row in rows}
        found: dict[str, Record] = {}
        for entity_id, (revision, document) in self._resolved(levels, ids, at_us).items():
            if document is not None:
                found[entity_id] = Record(entity_id, revision, document)
        return found

    def _resolved(
        self, levels: Sequence[Level], ids: Sequence[str], at_us: int | None
    ) -> dict[str, tuple[int, Document | None]]:
        """Revision and document by id, None where it has ended; level by level, nearest first."""
        rows = self.connection.execute(
            _ALL_LEVELS, ([level.branch for level in levels], list(ids)), binary=True
        ).fetchall()
        by_level: dict[int, list[tuple[Any, ...]]] = {}
        for row in rows:
            by_level.setdefault(row[0], []).append(row)
        found: dict[str, tuple[int, Document | None]] = {}
        for level in levels:
            later = []
            for _, entity_id, key, state, revision, recorded_us, body in by_level.get(
                level.branch, ()
            ):
                if entity_id in found:
                    continue
                if revision <= level.limit and (at_us is None or recorded_us <= at_us):
                    if state in (HISTORY_ALONE, FORGOTTEN):
                        continue
                    found[entity_id] = (revision, decode(body) if state == ALIVE else None)
                else:
                    later.append((entity_id, key))
            if later:
                found.update(self._earlier(level, later, at_us))
        return found

    def _earlier(
        self, level: Level, entities: list[tuple[str, int]], at_us: int | None
    ) -> dict[str, tuple[int, Document | None]]:
        """Of entities that have changed since, what the level showed then, if anything."""
        if at_us is None:
            rows = self.connection.execute(
                _PAST,
                ([entity_id for entity_id, _ in entities], level.branch, level.limit, level.limit),
                binary=True,
            )
            return {
                entity_id: (revision, decode(body) if state == ALIVE else None)
                for entity_id, state, revision, body in rows
            }
        found: dict[str, tuple[int, Document | None]] = {}
        names = {key: entity_id for entity_id, key in entities}
        for key, last in self.last_rows(list(names), Past(level.limit, at_us)).items():
            if any(row.attribute is None for row in last):
                found[names[key]] = (max(row.sequence for row in last), folded(last))
        return found

    def last_rows(self, keys: list[int], past: Past) -> dict[int, list[Row]]:
        """The rows of history that make up the state of entities at a past point."""
        parts = {"keys": keys, "limit": past.limit, "at": past.at_us}
        found: dict[int, dict[tuple[int, int], Row]] = {}
        newest: dict[int, int] = {}
        for entity, series, *row in self.connection.execute(_LAST_ROWS, parts, binary=True):
            made = self._row(row)
            found.setdefault(entity, {})[series, made.sequence] = made
            newest[series] = max(made.sequence, newest.get(series, 0))
        for entity, series, attribute, dataset, *chunk in self.connection.execute(
            _LAST_CHUNKS, parts, binary=True
        ):
            for held in self._last_held(chunk, past, newest.get(series, 0)):
                made = self._row((attribute, dataset, *held))
                found.setdefault(entity, {})[series, made.sequence] = made
                newest[series] = max(made.sequence, newest.get(series, 0))
        return {
            entity: [
                row
                for (series, sequence), row in rows.items()
                if row.attribute is None or sequence == newest[series]
            ]
            for entity, rows in found.items()
        }

    def _last_held(self, chunk: Sequence[Any], past: Past, newer_than: int) -> list[chunks.Row]:
        """Of a chunk, the last row and the last making that count, where they are of use."""
        columns = opened(*chunk)
        counts = (
            (columns.sequence <= past.limit)
            & (columns.recorded_us <= past.at_us)
            & (columns.marks < chunks.LATE)
        )
        made = np.flatnonzero(counts & (columns.marks == 0))[-1:]
        last = np.flatnonzero(counts & (columns.sequence > newer_than))[-1:]
        return chunks.to_rows(columns.take(np.union1d(made, last)))

    def _row(self, row: Sequence[Any]) -> Row:
        attribute, dataset, sequence, marks, *rest = row
        return Row(
            sequence,
            rest[1],
            OPERATIONS[marks % chunks.LATE],
            None
            if attribute in (ITSELF, CHECKPOINT)
            else self.lexicon.iri(self.connection, attribute),
            dataset,
            self.instance(rest),
        )

    def instance(self, row: Sequence[Any]) -> dict[str, Any] | None:
        """What a row holds: observed, recorded and created [µs], template, number, body."""
        observed_us, recorded_us, created_us, template, number, body = row
        if template is not None:
            shape = self.lexicon.template(self.connection, template)
            return lengthen(shape, number, observed_us, recorded_us, created_us)
        return None if body is None else decode(body)


_files: Final = SealedFiles(Path("/"))


def opened(
    body: bytes | None, count: int, file: str | None, row_group: int, first_row: int
) -> chunks.Columns:
    """The rows of a chunk, be it packed here or sealed in a file.

    Raises:
        LingjingError: `twin.sealed-missing`.
    """
    if body is not None or file is None:
        return chunks.decode(body or b"")
    return _files.read(Sealed(file, row_group, first_row, count))
