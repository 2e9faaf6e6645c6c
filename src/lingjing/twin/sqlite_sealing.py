"""Moving old history of the SQLite driver into Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from lingjing.twin import chunks, sealing
from lingjing.twin.chunks import NO_TIME, Columns
from lingjing.twin.documents import encode
from lingjing.twin.sealing import Sealed, Stretch
from lingjing.twin.spans import NO_LIMIT
from lingjing.twin.sqlite_driver import SqliteDriver
from lingjing.twin.sqlite_history import ENTITY_ITSELF, Series
from lingjing.twin.sqlite_past import SeriesKey


def seal(driver: SqliteDriver, before_us: int, folder: Path, base: Path) -> dict[str, Any]:
    """Move history older than an instant into one more file in a folder.

    What was observed counts by its observation time, the rest by when it was recorded. Rows of
    entities as a whole stay: they are few, and say what existed.

    Args:
        driver: Alone.
        before_us: The instant [µs].
        folder: Made where it is absent.
        base: Folder that paths of files are kept relative to.

    Returns:
        `rows` sealed, and the `file`, None where there was nothing to seal.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def work(connection: apsw.Connection, sequence: int, _recorded_us: int) -> dict[str, Any]:
        sealer = _Sealer(driver, connection, before_us)
        path = folder / f"history-{sequence}-{before_us}.parquet"
        number = 1
        while path.exists():
            number += 1
            path = folder / f"history-{sequence}-{before_us}-{number}.parquet"
        relative = os.path.relpath(path, base)
        rows = 0
        file = None
        for places in sealing.write(path, sealer.stretches()):
            if file is None:
                connection.execute("INSERT INTO sealed_file (path) VALUES (?)", (relative,))
                file = connection.last_insert_rowid()
            for stretch, place in places:
                sealer.note(stretch, place, file)
                rows += place.length
        if file is None:
            path.unlink(missing_ok=True)
            return {"rows": 0, "file": None}
        return {"rows": rows, "file": str(path)}

    result = driver.apart(work)
    driver.history.forget()
    return result


class _Sealer:
    def __init__(self, driver: SqliteDriver, connection: apsw.Connection, before_us: int) -> None:
        self._driver = driver
        self._connection = connection
        self._before_us = before_us
        self._places: dict[int, SeriesKey] = {}

    def stretches(self) -> Iterator[Stretch]:
        """What is old enough, taken out of the tables as it goes."""
        rows: list[Any] = self._connection.execute(
            "SELECT DISTINCT subject, attribute, dataset FROM chunk WHERE attribute <> ?"
            " UNION SELECT DISTINCT subject, attribute, dataset FROM history WHERE attribute <> ?"
            " ORDER BY 1, 2, 3",
            (ENTITY_ITSELF, ENTITY_ITSELF),
        ).fetchall()
        places: list[SeriesKey] = [(row[0], row[1], row[2]) for row in rows]
        for place in places:
            old = self._take(place)
            if not len(old):
                continue
            reader = self._driver.history.reader
            names = reader.names(Series(*place, NO_LIMIT))
            entity = self._connection.execute(
                "SELECT id FROM subject WHERE key = ?", (place[0],)
            ).get
            values = []
            for row in chunks.to_rows(old):
                instance = reader.instance(row)
                values.append(None if instance is None else encode(instance))
            stretch = Stretch(entity, *names, old, values)
            self._places[id(stretch)] = place
            yield stretch

    def _take(self, place: SeriesKey) -> Columns:
        """Old rows of a series, removed from the tables; the rest of a chunk stays one."""
        taken: list[Columns] = []
        held: list[Any] = self._connection.execute(
            "SELECT key, body FROM chunk WHERE subject = ? AND attribute = ? AND dataset = ?"
            " AND coalesce(first_observed_us, first_recorded_us) < ?",
            (*place, self._before_us),
        ).fetchall()
        for key, body in held:
            columns = chunks.decode(body)
            old = self._old(columns)
            if not bool(old.any()):
                continue
            self._connection.execute("DELETE FROM chunk WHERE key = ?", (key,))
            taken.append(columns.take(old))
            if not bool(old.all()):
                self._driver.history.put_chunk(place, columns.take(~old))
        columns = self._driver.history.reader.rows(Series(*place, NO_LIMIT))
        old = self._old(columns)
        if bool(old.any()):
            taken.append(columns.take(old))
            self._connection.executemany(
                "DELETE FROM history"
                " WHERE subject = ? AND attribute = ? AND dataset = ? AND sequence = ?",
                [(*place, number) for number in columns.sequence[old].tolist()],
            )
        return chunks.joined(taken)

    def _old(self, columns: Columns) -> np.ndarray[Any, np.dtype[np.bool_]]:
        times = np.where(columns.observed_us == NO_TIME, columns.recorded_us, columns.observed_us)
        return times < self._before_us

    def note(self, stretch: Stretch, place: Sealed, file: int) -> None:
        """Remember where a stretch lies."""
        columns = stretch.columns
        self._connection.execute(
            "INSERT INTO sealed (subject, attribute, dataset, file, row_group, first_row,"
            " first_sequence, last_sequence, first_observed_us, last_observed_us,"
            " first_recorded_us, last_recorded_us, count)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *self._places.pop(id(stretch)), file, place.row_group, place.first_row,
                *chunks.standing_of(columns), place.length,
            ),
        )  # fmt: skip
