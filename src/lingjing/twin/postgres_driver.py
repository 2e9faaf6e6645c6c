"""What the clerk needs of PostgreSQL: one transaction a group, and all that is written in it.

Whoever writes holds the row of `clock` locked from the first look to the commit, so that the
writers of many processes follow one another, and commits come in the order of their numbers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import psycopg

from lingjing.twin.clerk import Start
from lingjing.twin.desk import Batch, Key, Sight
from lingjing.twin.documents import Instance, decode, encode
from lingjing.twin.ledger import Branch, Span
from lingjing.twin.parts import Part
from lingjing.twin.postgres_amending import Amending
from lingjing.twin.postgres_connection import Address, Connection, connect, translated
from lingjing.twin.postgres_filling import Filler
from lingjing.twin.postgres_history import history
from lingjing.twin.postgres_numbers import Numbers
from lingjing.twin.postgres_packing import Packing
from lingjing.twin.postgres_reading import ALIVE, FORGOTTEN, Reader
from lingjing.twin.postgres_words import Branches, Level, Lexicon, read_branches
from lingjing.twin.postgres_writing import NOWHERE, Mark, Writer
from lingjing.vocabulary import LingjingError

MOST_ATTEMPTS: Final = 12
"""How often a group is tried while the database is away: some seconds."""
_MOST_TOLD: Final = 50
_MOMENT_S: Final = 0.05
_LONGEST_DOUBT_S: Final = 60.0
"""How long a group waits to learn whether its commit came through before the way was lost."""

_LOCK: Final = b"""
    SELECT sequence, recorded_us, writes, layout, next_entity, next_series, next_word,
        next_template, next_shape
    FROM clock FOR UPDATE
"""
_WAIT_FOR_CLOCK: Final = b"SELECT FROM clock FOR UPDATE"
_LAST_WRITE: Final = b"SELECT writes FROM writer WHERE origin = %s"
_SWEEP: Final = b"DELETE FROM writer WHERE at < now() - interval '1 day'"
"""Processes long gone; one that only rested writes its row anew."""
_OWN: Final = b"""
    SELECT e.* FROM unnest(%s::text[]) AS w (id) CROSS JOIN LATERAL (
        SELECT id, key, state, revision, types, told, body FROM entity
        WHERE branch = %s AND id = w.id OFFSET 0
    ) e
"""
_KNOWN_ABOVE: Final = b"""
    SELECT w.id FROM unnest(%s::text[]) AS w (id)
    CROSS JOIN unnest(%s::bigint[], %s::bigint[]) AS b (branch, base)
    CROSS JOIN LATERAL (
        SELECT FROM entity
        WHERE branch = b.branch AND id = w.id AND born <= b.base AND state < 3 OFFSET 0
    ) e
"""


class PostgresDriver:
    """Writes for the clerk; a `Driver`.

    Args:
        where: The twin.
        lexicon: Shared with those who read.
        origin: Names this process in what others are told.
        renewed: Called with the branches whenever they may have changed.
    """

    def __init__(
        self,
        where: Address,
        lexicon: Lexicon,
        origin: str,
        renewed: Callable[[Branches], None],
    ) -> None:
        self._where = where
        self._lexicon = lexicon
        self._origin = origin
        self._renewed = renewed
        self._connection: Connection | None = None
        self._branches = Branches((), -1)
        self._writes = -1
        self._has_swept = False
        self._numbers = Numbers(lexicon)
        self._packing = Packing()
        self._writer = Writer(self._numbers, self._packing)
        self._told: set[str] = set()
        self._sequence = 0
        self._reached = (0, 0)

    # Transactions

    @property
    def connection(self) -> Connection:
        """The clerk's connection, made anew where it was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._where)
        return self._connection

    def begin(self) -> Start:
        """Open a transaction and lock the clock."""
        with self._translated():
            connection = self.connection
            self._told = set()
            cursor = connection.execute(b"BEGIN;" + _LOCK)
            cursor.nextset()
            row = cursor.fetchone()
            assert row is not None  # noqa: S101
            sequence, recorded_us, writes, layout, *following = row
            self._numbers.begin(following)
            if layout != self._branches.layout:
                self._branches = read_branches(connection)
                self._renewed(self._branches)
            unchanged = writes == self._writes
            self._writes = writes
            self._sequence = sequence
            self._reached = (sequence, recorded_us)
        return Start(sequence, recorded_us, unchanged)

    def commit(self) -> None:
        """Make the transaction durable, and find out what became of it if the way is lost."""
        with self._translated():
            self._move_clock()
        connection = self.connection
        try:
            with self._translated():
                connection.execute("COMMIT")
        except LingjingError as error:
            if error.code != "twin.unreachable" or not self._was_committed():
                raise
        self._writes += 1
        self._numbers.committed()

    def _was_committed(self) -> bool:
        """Ask, on a new connection, what became of the transaction.

        Raises:
            LingjingError: `twin.outcome-unknown`.
        """
        self._drop_connection()
        given_up = time.monotonic() + _LONGEST_DOUBT_S
        while time.monotonic() < given_up:
            try:
                with self.connection.transaction():
                    # Whoever still works on the lost transaction holds the clock until its end.
                    self.connection.execute(_WAIT_FOR_CLOCK)
                    row = self.connection.execute(_LAST_WRITE, (self._origin,)).fetchone()
            except (psycopg.OperationalError, LingjingError):
                self._drop_connection()
            else:
                return row is not None and row[0] == self._writes + 1
            time.sleep(_MOMENT_S)
        raise LingjingError("twin.outcome-unknown", path=self._where.shown)

    def rollback(self) -> None:
        """Undo the open transaction, if there is one; never raises."""
        self._writes = -1
        if self._connection is None:
            return
        try:
            if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop_connection()

    def repeatable(self, error: BaseException, attempt: int) -> bool:
        """Whether the group is to be run again: where another writer or the way was at fault."""
        if attempt > MOST_ATTEMPTS:
            return False
        code = error.code if isinstance(error, LingjingError) else ""
        return code in ("twin.unreachable", "twin.busy")

    def tend(self) -> bool:
        """Pack a run of rows into a chunk, if one is long enough; whether to come again."""
        with self._translated():
            return self._packing.pack_next(self.connection)

    def close(self) -> None:
        """Close the connection."""
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
        self._connection = None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        with translated(self._where.shown):
            yield

    def savepoint(self) -> None:
        """Begin a part of the transaction that can be undone alone."""
        with self._translated():
            self.connection.execute("SAVEPOINT part")
            self._numbers.keep()

    def release(self) -> None:
        """Keep the part."""
        with self._translated():
            self.connection.execute("RELEASE part")
        self._numbers.release()

    def undo(self) -> None:
        """Undo the part."""
        with self._translated():
            self.connection.execute("ROLLBACK TO part; RELEASE part")
            self._numbers.undo()

    # Looking

    def reader(self) -> Reader:
        """Reads over the clerk's connection."""
        # What this transaction alone knows may yet be undone, and must not be remembered.
        lexicon = self._lexicon if self._numbers.all_settled else Lexicon()
        return Reader(self.connection, lexicon)

    def require(self, branch: Branch) -> None:
        """Refuse a branch that was gone when the transaction began."""
        if branch.key not in self._branches.by_key:
            known = ", ".join(item.name for item in self._branches.of(branch.tenant)) or "—"
            raise LingjingError("twin.no-branch", name=branch.name, known=known)

    def fetch(self, branch: Branch, ids: Sequence[str]) -> dict[str, Sight]:
        """What the branch sees of each of the ids."""
        with self._translated():
            rows = self.connection.execute(_OWN, (list(ids), branch.key), binary=True).fetchall()
            found: dict[str, Sight] = {}
            for entity_id, key, state, revision, types, told, body in rows:
                mark = Mark(key, state, revision, tuple(types), told)
                document = decode(body) if state == ALIVE else None
                found[entity_id] = Sight(document, revision, known=state != FORGOTTEN, mark=mark)
            levels = self._branches.levels(branch)
            if len(levels) > 1:
                open_ids = [
                    entity_id
                    for entity_id in ids
                    if entity_id not in found or found[entity_id].mark.state == 0
                ]
                self._inherit(levels, open_ids, found)
        for entity_id in ids:
            if entity_id not in found:
                found[entity_id] = Sight(None, 0, known=False, mark=NOWHERE)
        return found

    def _inherit(self, levels: Sequence[Level], ids: list[str], found: dict[str, Sight]) -> None:
        """Fill in what a branch without a state of its own sees of its ancestors."""
        if not ids:
            return
        records = self.reader().records(levels[1:], ids)
        above = levels[1:]
        values = (ids, [level.branch for level in above], [level.limit for level in above])
        known = {row[0] for row in self.connection.execute(_KNOWN_ABOVE, values)}
        for entity_id in ids:
            mark = found[entity_id].mark if entity_id in found else NOWHERE
            record = records.get(entity_id)
            found[entity_id] = Sight(
                None if record is None else record.document,
                0 if record is None else record.revision,
                known=record is not None or entity_id in known or entity_id in found,
                mark=mark,
            )

    def note_now(self, tenant: str, collection: str, key: str) -> bytes | None:
        """A small record as the transaction sees it."""
        with self._translated():
            row = self.connection.execute(
                "SELECT body FROM note WHERE tenant = %s AND collection = %s AND key = %s",
                (tenant, collection, key),
                binary=True,
            ).fetchone()
        return None if row is None else bytes(row[0])

    def observed_already(
        self, branch: Branch, entity_id: str, attribute: str, dataset: str, observed_us: int
    ) -> list[Instance]:
        """Instances that written history holds for exactly this observation time."""
        span = Span(
            attributes=(attribute,), from_us=observed_us, to_us=observed_us + 1, dataset=dataset
        )
        with self._translated():
            levels = self._branches.levels(branch)
            rows = history(self.reader(), levels, entity_id, span)
        return [row.instance for row in rows if row.instance is not None]

    # Amending

    def erase_history(
        self,
        branch: Branch,
        entity_id: str,
        attribute: str | None,
        dataset: str | None,
        sequence: int | None,
    ) -> int:
        """Remove rows of written history; how many."""
        with self._translated():
            return self._amending(branch, entity_id).erase(attribute, dataset, sequence)

    def amend_history(
        self, branch: Branch, entity_id: str, sequence: int, instance: Instance
    ) -> bool:
        """Replace the instance of one row of written history."""
        with self._translated():
            return self._amending(branch, entity_id).amend(sequence, instance)

    def _amending(self, branch: Branch, entity_id: str) -> Amending:
        levels = self._branches.levels(branch)
        return Amending(self.reader(), levels, entity_id, self._writer)

    # Writing

    def fill(self, parts: Iterator[Part]) -> None:
        """Take over a whole twin, in a transaction of its own.

        Raises:
            LingjingError: `twin.not-empty`.
        """
        with self._translated(), self.connection.transaction():
            row = self.connection.execute(_LOCK).fetchone()
            assert row is not None  # noqa: S101
            self._numbers.begin(row[4:9])
            Filler(self.connection, self._numbers, self._where.shown).fill(parts)
        self._numbers.committed()
        self._branches = read_branches(self.connection)
        self._renewed(self._branches)

    def flush(self, batch: Batch) -> dict[Key, Sight]:
        """Write a batch into the open transaction."""
        with self._translated():
            connection = self.connection
            seen = self._writer.write(connection, batch, self._branches.newest_child)
            self._told.update(f"{tenant}\n{collection}" for tenant, collection, _ in batch.notes)
            self._reached = (batch.sequence, batch.recorded_us)
        return seen

    def _move_clock(self) -> None:
        """Move the clock, and tell other processes, who hear of it when it is committed."""
        if not self._has_swept:
            self.connection.execute(_SWEEP)
            self._has_swept = True
        sequence, recorded_us = self._reached
        told = {
            "origin": self._origin,
            "after": self._sequence,
            "to": sequence,
            "notes": sorted(self._told)[:_MOST_TOLD],
        }
        self.connection.execute(
            "WITH wrote AS (INSERT INTO writer (origin, writes) VALUES (%s, %s)"
            " ON CONFLICT (origin) DO UPDATE SET writes = excluded.writes, at = now()),"
            " moved AS (UPDATE clock SET sequence = %s,"
            " recorded_us = greatest(recorded_us, %s), writes = %s, next_entity = %s,"
            " next_series = %s, next_word = %s, next_template = %s, next_shape = %s"
            " RETURNING only_row) SELECT pg_notify(%s, %s) FROM moved",
            (
                self._origin,
                self._writes + 1,
                sequence,
                recorded_us,
                self._writes + 1,
                *self._numbers.following,
                self._where.schema,
                encode(told).decode(),
            ),
        )
