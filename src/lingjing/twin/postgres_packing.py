"""Packing long runs of history rows into chunks of columns, between groups of jobs."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from lingjing.twin import chunks
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_numbers import copy_rows

_ROW: Final = (
    "SELECT sequence, marks, observed_us, recorded_us, created_us, template, number, body"
    " FROM history WHERE series = %s ORDER BY sequence"
)


class Packing:
    """Knows which series have grown, and packs them."""

    def __init__(self) -> None:
        self._grown: Counter[int] = Counter()
        self._ready: list[int] = []

    def note(self, series: int, rows: int = 1) -> None:
        """A series has got more rows."""
        grown = self._grown[series] + rows
        self._grown[series] = grown
        if grown >= chunks.HOT_ROWS and grown - rows < chunks.HOT_ROWS:
            self._ready.append(series)

    def pack_next(self, connection: Connection) -> bool:
        """Pack one series that has grown long enough; whether there are more."""
        if not self._ready:
            return False
        series = self._ready.pop()
        del self._grown[series]
        with connection.transaction():
            # Rows must not be amended elsewhere while they move.
            connection.execute("SELECT FROM clock FOR UPDATE")
            pack(connection, series)
        return bool(self._ready)


def pack(connection: Connection, series: int) -> None:
    """Move all rows of a series into chunks, inside a transaction of the caller's."""
    rows = connection.execute(_ROW.encode(), (series,), binary=True).fetchall()
    if not rows:
        return
    columns = chunks.from_rows([tuple(row) for row in rows])
    last = connection.execute(
        "SELECT key, body FROM history_chunk WHERE series = %s AND body IS NOT NULL"
        " AND count + %s <= %s AND last_sequence < %s ORDER BY last_sequence DESC LIMIT 1",
        (series, len(columns), chunks.ROWS, int(columns.sequence[0])),
        binary=True,
    ).fetchone()
    if last is not None:
        columns = chunks.joined([chunks.decode(last[1]), columns])
        connection.execute("DELETE FROM history_chunk WHERE key = %s", (last[0],))
    write_chunks(connection, series, columns)
    connection.execute(
        "DELETE FROM history WHERE series = %s AND sequence <= %s",
        (series, int(columns.sequence[-1])),
    )


def write_chunks(connection: Connection, series: int, columns: chunks.Columns) -> None:
    """Write rows of a series as chunks."""
    ready = []
    for start in range(0, len(columns), chunks.ROWS):
        part = columns.take(np.arange(start, min(start + chunks.ROWS, len(columns))))
        ready.append((series, *described(part), chunks.encode(part)))
    copy_rows(
        connection,
        "history_chunk (series, count, first_observed_us, last_observed_us, first_recorded_us,"
        " last_recorded_us, first_sequence, last_sequence, body)",
        ready,
    )


def described(columns: chunks.Columns) -> tuple[int | None, ...]:
    """Count, and first and last of observation, recording and number, of rows of a chunk."""
    return (
        len(columns),
        *columns.span(),
        int(columns.recorded_us.min()),
        int(columns.recorded_us.max()),
        int(columns.sequence[0]),
        int(columns.sequence[-1]),
    )
