"""Hearing, in one process, what others have committed to the same twin in PostgreSQL."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from lingjing.twin import chunks
from lingjing.twin.documents import encode
from lingjing.twin.ledger import Branch, Change, Commit, Entry
from lingjing.twin.past import folded
from lingjing.twin.postgres_connection import Address, Connection, connect
from lingjing.twin.postgres_reading import OPERATIONS, Past, Reader, opened
from lingjing.twin.postgres_words import ITSELF, NO_LIMIT, Branches
from lingjing.vocabulary import LingjingError

_log = logging.getLogger(__name__)

_MOMENT_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
_ROWS: Final = b"""
    SELECT e.branch, e.id, e.key, s.attribute, s.dataset, h.sequence, h.marks, h.observed_us,
        h.recorded_us, h.created_us, h.template, h.number, h.body
    FROM history h JOIN series s ON s.key = h.series JOIN entity e ON e.key = s.entity
    WHERE h.sequence > %s AND h.sequence <= %s AND s.attribute >= 0
"""
_CHUNKS: Final = b"""
    SELECT e.branch, e.id, e.key, s.attribute, s.dataset, c.body, c.count, c.file, c.row_group,
        c.first_row
    FROM history_chunk c JOIN series s ON s.key = c.series JOIN entity e ON e.key = s.entity
    WHERE c.last_sequence > %s AND c.first_sequence <= %s AND s.attribute >= 0
"""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one process tells the others when it has committed.

    Attributes:
        origin: Which process.
        after, to: Numbers of the changes: greater than the one, up to the other.
        notes: Collections of small records that changed: tenant, line feed, collection.
        layout: Whether tenants or branches were made or dropped.
    """

    origin: str
    after: int = 0
    to: int = 0
    notes: tuple[str, ...] = ()
    layout: bool = False


_told = msgspec.json.Decoder(Told).decode


def tell(connection: Connection, where: Address, told: Told) -> None:
    """Tell the other processes, once the open transaction is committed."""
    connection.execute("SELECT pg_notify(%s, %s)", (where.schema, encode(told).decode()))


class Ears:
    """A thread that listens to what other processes tell.

    What is told while the connection is lost is not heard.

    Args:
        where: The twin.
        origin: Names this process.
        hear: Called, on that thread, with what another process tells.
    """

    def __init__(self, where: Address, origin: str, hear: Callable[[Told], None]) -> None:
        self.origin = origin
        self._where = where
        self._hear = hear
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._listen, name=f"ears of {where.shown}", daemon=True
        )
        self._thread.start()
        # What is committed from now on is heard.
        self._ready.wait(_LONGEST_PAUSE_S)

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        # The thread waits for news: this is some.
        with contextlib.suppress(psycopg.Error, LingjingError), connect(self._where) as connection:
            tell(connection, self._where, Told(origin=self.origin))
        self._thread.join()

    def _listen(self) -> None:
        pause = _MOMENT_S
        while not self._closing.is_set():
            try:
                with connect(self._where) as connection:
                    connection.execute(
                        sql.SQL("LISTEN {}").format(sql.Identifier(self._where.schema))
                    )
                    self._ready.set()
                    # Whatever happened while nobody listened may have made or dropped branches.
                    self._heard(Told(origin="", layout=True))
                    pause = _MOMENT_S
                    while not self._closing.is_set():
                        for notice in connection.notifies(timeout=_MOMENT_S, stop_after=1):
                            self._understand(notice.payload)
            except (psycopg.Error, LingjingError):
                self._closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _understand(self, payload: str) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            told = _told(payload)
            if told.origin != self.origin:
                self._heard(told)

    def _heard(self, told: Told) -> None:
        # A fault of who hears must not deafen the process.
        try:
            self._hear(told)
        except Exception:  # noqa: BLE001
            _log.debug("What another process told was not taken in", exc_info=True)

    def commits(self, reader: Reader, branches: Branches, told: Told) -> list[Commit]:
        """The commits that were told of, put together from history."""
        found: dict[tuple[int, str], list[tuple[int, int, Change]]] = {}
        keys: dict[tuple[int, str], int] = {}
        for branch, entity_id, key, attribute, dataset, row in _rows(reader, told):
            sequence, marks, *rest = row
            iri = None if attribute == ITSELF else reader.lexicon.iri(reader.connection, attribute)
            change = Change(
                OPERATIONS[marks % chunks.LATE],
                iri,
                dataset,
                None if iri is None else reader.instance(rest),
                marks < chunks.LATE,
            )
            found.setdefault((branch, entity_id), []).append((sequence, rest[1], change))
            keys[branch, entity_id] = key
        commits = []
        for place, rows in found.items():
            if place[0] in branches.by_key:
                made = self._commit(reader, branches.by_key[place[0]], place[1], keys[place], rows)
                commits.append(made)
        return sorted(commits, key=lambda commit: commit.sequence)

    def _commit(
        self,
        reader: Reader,
        branch: Branch,
        entity_id: str,
        key: int,
        rows: list[tuple[int, int, Change]],
    ) -> Commit:
        rows.sort(key=lambda row: row[0])
        first, last = rows[0][0] - 1, rows[-1][0]

        def then(limit: int) -> Any:
            return folded(reader.last_rows([key], Past(limit, NO_LIMIT)).get(key, ()))

        entry = Entry(entity_id, then(first), then(last), tuple(change for _, _, change in rows))
        return Commit(branch, last, rows[-1][1], (entry,))


def _rows(reader: Reader, told: Told) -> Any:
    window = (told.after, told.to)
    for (
        *place,
        sequence,
        marks,
        observed,
        recorded,
        created,
        template,
        number,
        body,
    ) in reader.connection.execute(_ROWS, window, binary=True).fetchall():
        yield *place, (sequence, marks, observed, recorded, created, template, number, body)
    for *place, packed, count, file, group, first in reader.connection.execute(
        _CHUNKS, window, binary=True
    ).fetchall():
        columns = opened(packed, count, file, group, first)
        seen = (columns.sequence > told.after) & (columns.sequence <= told.to)
        for row in chunks.to_rows(columns.take(seen)):
            yield *place, row
