"""The clerk's side of the SQLite driver: everything that writes documents and history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import apsw
import msgspec

from lingjing.twin.branch_book import BranchBook
from lingjing.twin.clerk import Start
from lingjing.twin.connections import WAL_PAGES, connect, translated
from lingjing.twin.desk import Batch, Key, Sight, State
from lingjing.twin.documents import LOCATION, Document, Instance, encode
from lingjing.twin.interned import COLUMNS, Interned
from lingjing.twin.ledger import Branch
from lingjing.twin.locks import FileLock
from lingjing.twin.packed import (
    Box,
    around,
    boxes,
    compared,
    document_shape,
    kind_and_district,
)
from lingjing.twin.sealing import SealedFiles
from lingjing.twin.sqlite_history import subjects
from lingjing.twin.sqlite_past import HistoryWriter
from lingjing.twin.sqlite_reading import levels, records, squeezed

T = TypeVar("T")

_FETCH: Final = (
    f"SELECT {COLUMNS}, entity.key, entity.shape, entity.untold"  # noqa: S608
    " FROM entity WHERE branch = ?"
)
_INSERT: Final = (
    "INSERT INTO entity (branch, id, revision, created_us, recorded_us, shape, district, kind,"
    " body, untold, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RESHAPE: Final = (
    "UPDATE entity SET revision = ?, recorded_us = ?, shape = ?, district = ?, kind = ?, body = ?,"
    " untold = ?, layout = NULL, attributes = NULL, relationships = NULL, geometry = NULL,"
    " longitude = NULL, latitude = NULL WHERE key = ?"
)
_UPDATE: Final = (
    "UPDATE entity SET revision = ?, recorded_us = ?, body = ?, untold = ? WHERE key = ?"
)


class Mark(NamedTuple):
    """What the driver wants to know of a branch's own row when it writes it again.

    Attributes:
        key: Of the row.
        shape: Key; None where the entity has ended here.
        revision, recorded_us: Of the last change.
        kept: History alone could not give the state back.
        packed: It is as imported.
        created_us: When the row was made [µs].
    """

    key: int
    shape: int | None
    revision: int
    recorded_us: int
    kept: bool
    packed: bool
    created_us: int


class SqliteDriver:
    """Writes for the clerk; a `Driver`.

    Args:
        path: The file, which is up to date.
        shown: Its name in errors.
        lock: Held while a transaction is open, so that imports of this process wait their turn.
        book: Branches.
        files: Sealed files.
        busy_timeout_s: How long to wait for another process that is writing [s].
    """

    def __init__(
        self,
        path: Path,
        *,
        lock: FileLock,
        book: BranchBook,
        files: SealedFiles,
        busy_timeout_s: float,
        durable: bool = True,
    ) -> None:
        self._shown = str(path)
        self._lock = lock
        self._book = book
        self._holds = False
        with translated(self._shown):
            self.connection = connect(path, read_only=False, busy_timeout_s=busy_timeout_s)
            self.connection.pragma("synchronous", "full" if durable else "off")
            self.connection.pragma("wal_autocheckpoint", WAL_PAGES)
        self.interned = Interned()
        self.history = HistoryWriter(self.connection, self.interned, files)
        self._version = -1
        self._next_key = 0
        self._districts: dict[str, int] | None = None

    # Transactions

    def begin(self) -> Start:
        """Open a transaction that will write."""
        self._acquire()
        try:
            with translated(self._shown):
                self.connection.execute("BEGIN IMMEDIATE")
                version = int(self.connection.pragma("data_version"))
                unchanged = version == self._version
                if not unchanged:
                    self._forget()
                    self._version = version
                sequence, recorded_us = self.connection.execute(
                    "SELECT revision, recorded_us FROM clock"
                ).get
        except BaseException:
            self.rollback()
            raise
        return Start(sequence, recorded_us, unchanged)

    def _acquire(self) -> None:
        if not self._holds:
            self._lock.writing.acquire()
            self._holds = True

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            self._lock.writing.release()

    def _forget(self) -> None:
        self.interned.forget()
        self.history.forget()
        self._next_key = 0
        self._districts = None

    def commit(self) -> None:
        """Make the transaction durable."""
        with translated(self._shown):
            self.connection.execute("COMMIT")
        self._let_go()

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        with contextlib.suppress(apsw.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        self._forget()
        self._let_go()

    def repeatable(self, error: BaseException, attempt: int) -> bool:
        """Nothing is tried twice: one process writes, and a full disk does not empty by itself."""
        del error, attempt
        return False

    def savepoint(self) -> None:
        """Begin a part that can be undone alone."""
        self.connection.execute("SAVEPOINT job")

    def release(self) -> None:
        """Keep the part."""
        self.connection.execute("RELEASE job")

    def undo(self) -> None:
        """Undo the part."""
        self.connection.execute("ROLLBACK TO job; RELEASE job")
        self._forget()

    def apart(self, work: Callable[[apsw.Connection, int, int], T]) -> T:
        """Do something in a transaction of its own; for work that needs the driver alone.

        Args:
            work: Called with the connection, the last number and the last time [µs].
        """
        start = self.begin()
        try:
            with translated(self._shown):
                result = work(self.connection, start.sequence, start.recorded_us)
            self.commit()
        except BaseException:
            self.rollback()
            raise
        # It may have written districts and entities that are not known here.
        self._districts, self._next_key = None, 0
        return result

    def tend(self) -> bool:
        """Gather a few long histories into chunks."""
        if not self.history.due:
            return False
        self.begin()
        try:
            with translated(self._shown):
                more = self.history.gather()
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return more

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    # Looking

    def require(self, branch: Branch) -> None:
        """Refuse a branch that is gone."""
        self._book.require(branch)

    def fetch(self, branch: Branch, ids: Sequence[str]) -> dict[str, Sight]:
        """What the branch sees of each of the ids."""
        seen = levels(self._book.chain(branch))
        with translated(self._shown):
            if len(ids) == 1:
                query, wanted = " AND id = ?", ids[0]
            else:
                query = " AND id IN (SELECT value FROM json_each(?))"
                wanted = msgspec.json.encode(ids).decode()
            rows: list[Any] = self.connection.execute(
                _FETCH + query, (branch.key, wanted)
            ).fetchall()
            known = self.history.known(branch.key, ids)
            found: dict[str, Sight] = {}
            plain = [row[:10] for row in rows]
            for row, record in zip(
                rows, self.interned.records_of(self.connection, plain), strict=True
            ):
                packed = row[5] is not None
                kept = packed or bool(row[12])
                mark = Mark(row[10], row[11], row[1], row[3], kept, packed, row[2])
                found[row[0]] = Sight(
                    None if record is None else record.document, row[1], known=True, mark=mark
                )
            missing = [item for item in ids if item not in found]
            above = records(self.connection, self.interned, seen[1:], missing) if missing else {}
            for item in missing:
                record = above.get(item)
                if record is not None:
                    found[item] = Sight(record.document, record.revision, known=True)
                    continue
                is_known = item in known or (
                    len(seen) > 1 and bool(subjects(self.connection, seen[1:], item))
                )
                found[item] = Sight(None, 0, known=is_known)
        return found

    def note_now(self, tenant: str, collection: str, key: str) -> bytes | None:
        """A small record as the transaction sees it."""
        with translated(self._shown):
            found = self.connection.execute(
                "SELECT body FROM note WHERE tenant = ? AND collection = ? AND key = ?",
                (self._book.tenant_key(tenant), collection, key),
            ).get
        return None if found is None else bytes(found)

    def observed_already(
        self, branch: Branch, entity_id: str, attribute: str, dataset: str, observed_us: int
    ) -> list[Instance]:
        """Instances that written history holds for exactly this observation time."""
        with translated(self._shown):
            return self.history.observed_already(
                levels(self._book.chain(branch)), entity_id, (attribute, dataset), observed_us
            )

    def erase_history(
        self,
        branch: Branch,
        entity_id: str,
        attribute: str | None,
        dataset: str | None,
        sequence: int | None,
    ) -> int:
        """Remove rows of written history."""
        with translated(self._shown):
            seen = levels(self._book.chain(branch))
            return self.history.erase(seen, entity_id, attribute, dataset, sequence)

    def amend_history(
        self, branch: Branch, entity_id: str, sequence: int, instance: Instance
    ) -> bool:
        """Replace the instance of one row of written history."""
        with translated(self._shown):
            seen = levels(self._book.chain(branch))
            return self.history.amend(seen, entity_id, sequence, instance)

    # Writing

    def flush(self, batch: Batch) -> dict[Key, Sight]:
        """Write a batch."""
        with translated(self._shown):
            if batch.rows:
                self.history.add(batch.rows)
            sights = self._write_states(batch.states) if batch.states else {}
            if batch.notes:
                self._write_notes(batch.notes)
            self.connection.execute(
                "UPDATE clock SET revision = ?, recorded_us = max(recorded_us, ?)",
                (batch.sequence, batch.recorded_us),
            )
        return sights

    def _write_notes(self, notes: dict[tuple[str, str, str], bytes | None]) -> None:
        places = {place: (self._book.tenant_key(place[0]), place[1], place[2]) for place in notes}
        self.connection.executemany(
            "INSERT INTO note VALUES (?, ?, ?, ?)"
            " ON CONFLICT (tenant, collection, key) DO UPDATE SET body = excluded.body",
            [(*places[place], body) for place, body in notes.items() if body is not None],
        )
        self.connection.executemany(
            "DELETE FROM note WHERE tenant = ? AND collection = ? AND key = ?",
            [places[place] for place, body in notes.items() if body is None],
        )

    def _write_states(self, states: Sequence[State]) -> dict[Key, Sight]:
        work = _Work()
        sights: dict[Key, Sight] = {}
        for state in states:
            mark: Mark | None = state.before.mark
            if mark is not None and (
                mark.kept or self._book.seen_by_child(state.branch, mark.revision)
            ):
                before = state.before.document
                body = None if before is None else squeezed(encode(before))
                work.past.append(
                    (
                        state.branch.key, state.id, mark.revision, state.revision,
                        mark.recorded_us, state.first_us, body,
                    )
                )  # fmt: skip
            if state.document is None:
                self._end(state, mark, work)
                continue
            key = self._lay(state, state.document, mark, work)
            sights[state.branch.key, state.id] = key
        self._run(work)
        return sights

    def _lay(self, state: State, document: Document, mark: Mark | None, work: _Work) -> Sight:
        moved, reshaped = True, True
        if mark is not None and not mark.packed and state.before.document is not None:
            moved, reshaped = compared(state.before.document, document)
        shape = mark.shape if mark is not None and not reshaped else None
        if shape is None:
            shape = self.interned.made_shape(self.connection, document_shape(document))
        body = encode(document)
        times = state.revision, state.recorded_us
        created_us = state.recorded_us
        district = None
        if mark is not None and mark.shape == shape and not mark.packed:
            key, created_us = mark.key, mark.created_us
            work.updates.append((*times, body, state.untold, key))
            district = self._district(state, document)[0]
        else:
            district, kind = self._district(state, document)
            if mark is None:
                key = self._new_key()
                work.inserts.append(
                    (
                        state.branch.key, state.id, times[0], times[1], times[1], shape, district,
                        kind, body, state.untold, key,
                    )
                )  # fmt: skip
            else:
                key, created_us = mark.key, mark.created_us
                work.reshapes.append((*times, shape, district, kind, body, state.untold, key))
        if district is not None and state.branch.parent is None:
            work.districts[district] = max(work.districts.get(district, 0), state.revision)
        if moved:
            self._place(key, document, work, fresh=mark is None)
        new = Mark(key, shape, state.revision, state.recorded_us, state.untold, False, created_us)  # noqa: FBT003
        return Sight(document, state.revision, known=True, mark=new)

    def _end(self, state: State, mark: Mark | None, work: _Work) -> None:
        """Remove the row; where an ancestor still shows the entity, leave word that it ended."""
        if mark is not None:
            district = self.connection.execute(
                "SELECT district FROM entity WHERE key = ?", (mark.key,)
            ).get
            if district is not None and state.branch.parent is None:
                work.districts[district] = max(work.districts.get(district, 0), state.revision)
            work.removed.append((mark.key,))
        seen = levels(self._book.chain(state.branch))
        if len(seen) > 1 and records(self.connection, self.interned, seen[1:], [state.id]):
            work.ended.append(
                (
                    state.branch.key, state.id, state.revision, state.recorded_us,
                    state.recorded_us, None, None, None, None, state.untold, self._new_key(),
                )
            )  # fmt: skip

    def _place(self, key: int, document: Document, work: _Work, *, fresh: bool) -> None:
        if not fresh:
            work.unplaced.append((key,))
        for attribute, held in boxes(document).items():
            if attribute == LOCATION:
                work.located.append((key, *around(held)))
                continue
            name = self.interned.made_key(self.connection, attribute)
            work.placed += [(key, name, box) for box in held]

    def _run(self, work: _Work) -> None:
        many = self.connection.executemany
        if work.past:
            many(
                "INSERT INTO entity_past VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (branch, id, from_sequence) DO NOTHING",
                work.past,
            )
        if work.removed:
            many("DELETE FROM entity WHERE key = ?", work.removed)
        if work.ended:
            many(_INSERT, work.ended)
        if work.inserts:
            many(_INSERT, work.inserts)
        if work.reshapes:
            many(_RESHAPE, work.reshapes)
        if work.updates:
            many(_UPDATE, work.updates)
        if work.unplaced:
            many("DELETE FROM entity_box WHERE key = ?", work.unplaced)
            many("DELETE FROM place WHERE entity = ?", work.unplaced)
        if work.located:
            many(
                "INSERT INTO entity_box (key, west, east, south, north) VALUES (?, ?, ?, ?, ?)",
                work.located,
            )
        for entity, attribute, (west, south, east, north) in work.placed:
            self.connection.execute(
                "INSERT INTO place (entity, attribute) VALUES (?, ?)", (entity, attribute)
            )
            self.connection.execute(
                "INSERT INTO place_box (key, west, east, south, north) VALUES (?, ?, ?, ?, ?)",
                (self.connection.last_insert_rowid(), west, east, south, north),
            )
        many(
            "UPDATE district SET edited = max(edited, ?) WHERE key = ?",
            [(revision, key) for key, revision in work.districts.items()],
        )

    def _new_key(self) -> int:
        if not self._next_key:
            self._next_key = int(
                self.connection.execute("SELECT coalesce(max(key), 0) FROM entity").get
            )
        self._next_key += 1
        return self._next_key

    def _district(self, state: State, document: Document) -> tuple[int | None, str | None]:
        """Key of the district that an entity of a known kind belongs to, and the kind."""
        if state.branch.tenant:
            return None, None
        if self._districts is None:
            self._districts = dict(self.connection.execute("SELECT name, key FROM district"))
        if not self._districts:
            return None, None
        named = kind_and_district(state.id, document["type"])
        if named is None:
            return None, None
        kind, district = named
        key = self._districts.get(district)
        return (None, None) if key is None else (key, kind)


class _Work:
    """Rows to be written, gathered so that each statement runs over many."""

    def __init__(self) -> None:
        self.past: list[tuple[Any, ...]] = []
        self.removed: list[tuple[int]] = []
        self.ended: list[tuple[Any, ...]] = []
        self.inserts: list[tuple[Any, ...]] = []
        self.reshapes: list[tuple[Any, ...]] = []
        self.updates: list[tuple[Any, ...]] = []
        self.unplaced: list[tuple[int]] = []
        self.located: list[tuple[Any, ...]] = []
        self.placed: list[tuple[int, int, Box]] = []
        self.districts: dict[int, int] = {}
