"""Erasing and amending written history in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lingjing.twin import chunks
from lingjing.twin.documents import Instance
from lingjing.twin.ledger import Span
from lingjing.twin.postgres_history import Source, history, sources
from lingjing.twin.postgres_numbers import copy_rows
from lingjing.twin.postgres_reading import FORGOTTEN, Reader, opened
from lingjing.twin.postgres_words import Level
from lingjing.twin.postgres_writing import HISTORY, Writer

Chosen = Callable[[chunks.Columns], NDArray[np.bool_]]
_SHUT = "c.key, c.series, c.body, c.count, c.file, c.row_group, c.first_row"


class Amending:
    """Changes what is remembered of one entity, as one branch sees it.

    What a branch does not want to see of its ancestors' history is masked: it stays theirs.

    Args:
        reader: Over the writing transaction.
        levels: The branch and its ancestors.
        entity_id: The entity.
        writer: Of the transaction.
    """

    def __init__(
        self, reader: Reader, levels: Sequence[Level], entity_id: str, writer: Writer
    ) -> None:
        self._reader = reader
        self._connection = reader.connection
        self._levels = levels
        self._id = entity_id
        self._writer = writer
        self._own: Source | None = None
        self._inherited: list[Source] = []
        for source in sources(reader, levels, entity_id):
            if source.level.branch == levels[0].branch:
                self._own = source
            else:
                self._inherited.append(source)

    # Erasing

    def erase(self, attribute: str | None, dataset: str | None, sequence: int | None) -> int:
        """Remove rows; see `Desk.erase_history`."""
        word: int | None = None
        if attribute is not None:
            (word,) = self._reader.lexicon.find(self._connection, [attribute])
            if word is None:
                return 0
        removed = 0
        if self._own is not None:
            removed += self._erase_own(self._own.entity, word, dataset, sequence)
            if removed or (attribute is None and sequence is None):
                self._writer.checkpoint(self._connection, self._own.entity)
        if self._inherited:
            removed += self._mask(attribute, word, dataset, sequence)
        if attribute is None and sequence is None and dataset is None:
            self._forget()
        return removed

    def _erase_own(
        self, entity: int, word: int | None, dataset: str | None, sequence: int | None
    ) -> int:
        series = self._series(entity, word, dataset)
        if word is None and sequence is None:
            # Checkpoints are no history of their own, and tell what is to be gone.
            self._connection.execute(
                "DELETE FROM history h USING series s WHERE s.key = h.series AND s.entity = %s"
                " AND s.attribute = -1",
                (entity,),
            )
        if not series:
            return 0
        found = self._connection.execute(
            "DELETE FROM history WHERE series = ANY(%s) AND (%s::bigint IS NULL OR sequence = %s)",
            (series, sequence, sequence),
        )
        removed = int(found.rowcount)
        if sequence is None:
            rows = self._connection.execute(
                "DELETE FROM history_chunk WHERE series = ANY(%s) RETURNING count", (series,)
            ).fetchall()
            return removed + sum(int(row[0]) for row in rows)
        if not removed:
            removed = self._open_chunk(series, sequence, lambda rows: rows.sequence != sequence)
        return removed

    def _series(self, entity: int, word: int | None, dataset: str | None) -> list[int]:
        rows = self._connection.execute(
            "SELECT key FROM series WHERE entity = %s AND attribute >= 0"
            " AND (%s::integer IS NULL OR attribute = %s)"
            " AND (%s::text IS NULL OR dataset = %s)",
            (entity, word, word, dataset, dataset),
        )
        return [row[0] for row in rows]

    def _open_chunk(self, series: list[int], sequence: int, kept: Chosen) -> int:
        """Unpack the chunk that holds a row, but for what is not kept; how many rows went."""
        query = f"SELECT {_SHUT} FROM history_chunk c WHERE c.series = ANY(%s)"  # noqa: S608
        for key, number, *shut in self._connection.execute(
            (query + " AND c.first_sequence <= %s AND c.last_sequence >= %s").encode(),
            (series, sequence, sequence),
        ).fetchall():
            columns = opened(*shut)
            if not (columns.sequence == sequence).any():
                continue
            self._connection.execute("DELETE FROM history_chunk WHERE key = %s", (key,))
            left = chunks.to_rows(columns.take(kept(columns)))
            copy_rows(self._connection, HISTORY, [(number, *row) for row in left])
            return len(columns) - len(left)
        return 0

    def _mask(
        self, attribute: str | None, word: int | None, dataset: str | None, sequence: int | None
    ) -> int:
        """Hide rows of ancestors; how many were seen before."""
        span = Span(
            attributes=() if attribute is None else (attribute,), time="modifiedAt", dataset=dataset
        )
        # Rows of its own are gone by now, and what it masked before is not seen.
        seen = [
            row
            for row in history(self._reader, self._levels, self._id, span)
            if sequence is None or row.sequence == sequence
        ]
        if seen:
            self._connection.execute(
                "INSERT INTO history_mask (branch, id, attribute, dataset, sequence, until)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (self._levels[0].branch, self._id, word, dataset, sequence, self._levels[1].limit),
            )
        return len(seen)

    def _forget(self) -> None:
        """Without a present state, an entity whose history is gone is not known any more."""
        if self._own is not None:
            self._connection.execute(
                "UPDATE entity SET state = %s, body = NULL"
                " WHERE key = %s AND state <> 1 AND NOT (state = 2 AND %s)",
                (FORGOTTEN, self._own.entity, bool(self._inherited)),
            )

    # Amending

    def amend(self, sequence: int, instance: Instance) -> bool:
        """Replace the instance of one row; see `Desk.amend_history`."""
        if self._own is not None and self._amend_own(self._own.entity, sequence, instance):
            self._writer.checkpoint(self._connection, self._own.entity)
            return True
        return bool(self._inherited) and self._amend_inherited(sequence, instance)

    def _amend_own(self, entity: int, sequence: int, instance: Instance) -> bool:
        series = self._series(entity, None, None)
        row = self._find(series, sequence)
        if (
            row is None
            and self._open_chunk(
                series, sequence, lambda columns: np.ones(len(columns), dtype=bool)
            )
            == 0
        ):
            row = self._find(series, sequence)
        if row is None:
            return False
        number, recorded_us = row
        short = self._writer.short(self._connection, instance, recorded_us)
        self._writer.numbers.write(self._connection)
        self._connection.execute(
            "UPDATE history SET observed_us = %s, created_us = %s, template = %s, number = %s,"
            " body = %s::bytea WHERE series = %s AND sequence = %s",
            (short[0], *short[2:], number, sequence),
        )
        return True

    def _find(self, series: list[int], sequence: int) -> tuple[int, int] | None:
        found = self._connection.execute(
            "SELECT h.series, h.recorded_us FROM history h JOIN series s ON s.key = h.series"
            " WHERE h.series = ANY(%s) AND h.sequence = %s AND s.attribute > 0",
            (series, sequence),
        ).fetchone()
        return None if found is None else (int(found[0]), int(found[1]))

    def _amend_inherited(self, sequence: int, instance: Instance) -> bool:
        """Hide the ancestor's row, and remember the new one in its place here."""
        for row in history(self._reader, self._levels, self._id, Span(time="modifiedAt")):
            if row.sequence != sequence or row.attribute is None:
                continue
            types = self._connection.execute(
                "SELECT types FROM entity WHERE key = %s", (self._inherited[0].entity,)
            ).fetchone()
            numbers = self._writer.numbers
            word = numbers.word(self._connection, row.attribute)
            self._connection.execute(
                "INSERT INTO history_mask VALUES (%s, %s, %s, %s, %s, %s)",
                (self._levels[0].branch, self._id, word, row.dataset, sequence, sequence),
            )
            entity = self._own.entity if self._own is not None else None
            if entity is None:
                entity = numbers.take("entity")
                copy_rows(
                    self._connection,
                    "entity (key, branch, id, born, state, revision, recorded_us, types)",
                    [(entity, self._levels[0].branch, self._id, sequence, 0, 0, 0, types[0])]
                    if types is not None
                    else [],
                )
            place = (entity, word, row.dataset)
            series = numbers.series(self._connection, [place])[place]
            short = self._writer.short(self._connection, instance, row.recorded_us)
            numbers.write(self._connection)
            marks = chunks.OPERATIONS.index(row.operation) + chunks.LATE
            copy_rows(self._connection, HISTORY, [(series, sequence, marks, *short)])
            return True
        return False
