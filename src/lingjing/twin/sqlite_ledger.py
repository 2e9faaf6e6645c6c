"""The living twin in one SQLite file: nothing to install, durable at the acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import msgspec

from lingjing.twin.branch_book import BranchBook, check_branch_name
from lingjing.twin.clerk import Clerk
from lingjing.twin.connections import (
    READER_CACHE_KIB,
    check_header,
    connect,
    prepare,
    snapshot,
    translated,
)
from lingjing.twin.interned import Interned, Shape
from lingjing.twin.ledger import (
    TRUNK,
    Aggregate,
    AttributeUse,
    Branch,
    Commit,
    Found,
    Job,
    Method,
    Moment,
    Record,
    Selection,
    Span,
)
from lingjing.twin.locks import lock_of
from lingjing.twin.parts import Part
from lingjing.twin.sealing import SealedFiles
from lingjing.twin.sqlite import SqliteStore
from lingjing.twin.sqlite_branches import create_branch, create_tenant, drop_branch, read_book
from lingjing.twin.sqlite_care import backup, check, size
from lingjing.twin.sqlite_driver import SqliteDriver
from lingjing.twin.sqlite_history import ENTITY_ITSELF, History, subjects
from lingjing.twin.sqlite_looking_back import LookingBack
from lingjing.twin.sqlite_moving import Filler, parts
from lingjing.twin.sqlite_reading import Finder, levels, records
from lingjing.twin.sqlite_sealing import seal
from lingjing.vocabulary import LingjingError

T = TypeVar("T")

_STREAM_PAGE: Final = 1_000
_CHANGED_SINCE: Final = """
    SELECT id FROM (
        SELECT id, recorded_us FROM entity
        WHERE branch = :branch AND recorded_us > :since AND layout IS NULL
        UNION ALL
        -- of what has ended there is no row left, but its history says so
        SELECT subject.id, history.recorded_us FROM subject
        JOIN history ON history.subject = subject.key AND history.attribute = :itself
        WHERE subject.branch = :branch AND history.recorded_us > :since AND history.marks % 4 = 2
    )
    GROUP BY id ORDER BY max(recorded_us) DESC LIMIT :most
"""


class SqliteLedger:
    """A living twin in one SQLite file; a `Ledger`.

    Only one process may open it for writing; others may read meanwhile.

    Args:
        path: The file, made where it is absent.
        read_only: Never write.
        durable: Whether an acknowledged write survives a power cut; False only for tests.
        busy_timeout_s: How long to wait for another process that is writing [s].
        clock_us: Time now [µs since 1970 UTC]; the system's where none is given.

    Raises:
        LingjingError: `twin.in-use`, `twin.cannot-open`, `twin.not-a-twin`, `twin.corrupt`,
            `twin.newer-schema`, `twin.older-schema`, `twin.busy`.
    """

    driver = "sqlite"

    def __init__(
        self,
        path: Path | str,
        *,
        read_only: bool = False,
        durable: bool = True,
        busy_timeout_s: float = 5.0,
        clock_us: Callable[[], int] | None = None,
    ) -> None:
        self._path = Path(path)
        self._shown = str(path)
        self._read_only = read_only
        self._busy_timeout_s = busy_timeout_s
        self._local = threading.local()
        # A thread that has ended takes its connection with it.
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._closed = False
        self._book = BranchBook()
        self._interned = Interned()
        self._files = SealedFiles(self._path.parent)
        self._lock = lock_of(self._path)
        self._clerk: Clerk | None = None
        if self._path.exists():
            check_header(self._path)
        if not read_only:
            self._lock.acquire()
        try:
            self._open(durable=durable, clock_us=clock_us)
        except BaseException:
            if not read_only:
                self._lock.release()
            raise
        self.store = SqliteStore(path, read_only=read_only, busy_timeout_s=busy_timeout_s)

    def _open(self, *, durable: bool, clock_us: Callable[[], int] | None) -> None:
        with translated(self._shown):
            connection = connect(
                self._path, read_only=self._read_only, busy_timeout_s=self._busy_timeout_s
            )
            try:
                prepare(self._path, connection, read_only=self._read_only)
                read_book(connection, self._book)
            finally:
                connection.close()
        if self._read_only:
            return
        driver = SqliteDriver(
            self._path,
            lock=self._lock,
            book=self._book,
            files=self._files,
            busy_timeout_s=self._busy_timeout_s,
            durable=durable,
        )
        self._clerk = Clerk(driver, self._shown, clock_us)

    def __enter__(self) -> SqliteLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what waits, and let go of the file."""
        if self._closed:
            return
        self._closed = True
        if self._clerk is not None:
            self._clerk.close()
        for connection in self._readers:
            connection.close()
        self._readers.clear()
        self.store.close()
        if not self._read_only:
            self._lock.release()

    @property
    def clerk(self) -> Clerk:
        """Who writes.

        Raises:
            LingjingError: `twin.read-only`.
        """
        if self._clerk is None:
            raise LingjingError("twin.read-only", path=self._shown)
        return self._clerk

    # Tenants and branches

    def tenants(self) -> list[str]:
        """All tenants, the default one included."""
        self._look_again()
        return self._book.tenants()

    def ensure_tenant(self, tenant: str) -> Branch:
        """The trunk of a tenant, made where it is absent."""
        found = self._book.trunk(tenant)
        if found is not None:
            return found
        check_branch_name(tenant)
        return self.clerk.alone(lambda driver: create_tenant(driver, self._book, tenant))

    def branches(self, tenant: str) -> list[Branch]:
        """Living branches of a tenant, the trunk first; empty for an unknown tenant."""
        self._look_again()
        return self._book.branches(tenant)

    def branch(self, tenant: str, name: str = TRUNK) -> Branch:
        """A living branch."""
        self._look_again()
        return self._book.branch(tenant, name)

    def _look_again(self) -> None:
        """Who only reads does not hear of branches that another process makes and drops."""
        if self._read_only:
            with self._reading() as connection:
                read_book(connection, self._book)

    def create_branch(self, parent: Branch, name: str, note: str = "") -> Branch:
        """Branch off the parent as it stands now."""
        check_branch_name(name)
        clerk = self.clerk
        return clerk.alone(
            lambda driver: create_branch(driver, self._book, parent, name, note, clerk.now_us())
        )

    def drop_branch(self, branch: Branch) -> None:
        """Remove a branch with all its changes."""
        self.clerk.alone(lambda driver: drop_branch(driver, self._book, branch))

    def changed_ids(self, branch: Branch) -> list[str]:
        """Entities changed or deleted in the branch itself since it was made, in order."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id FROM entity WHERE branch = ? ORDER BY id", (branch.key,)
            )
            return [entity_id for (entity_id,) in rows]

    def changed_since(self, branch: Branch, since_us: int, limit: int) -> list[str]:
        """Entities changed or deleted in the branch later than an instant, the latest first."""
        with self._reading() as connection:
            rows = connection.execute(
                _CHANGED_SINCE,
                {"branch": branch.key, "since": since_us, "itself": ENTITY_ITSELF, "most": limit},
            )
            return [entity_id for (entity_id,) in rows]

    def base_records(self, branch: Branch, ids: Sequence[str]) -> dict[str, Record]:
        """Entities as the branch saw them when it was made (the parent at the base number)."""
        seen = levels(self._book.chain(branch))[1:]
        with self._reading() as connection:
            return records(connection, self._interned, seen, ids)

    # Present state

    @contextlib.contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """A connection that sees one state of the file throughout."""
        with translated(self._shown), snapshot(self._reader()) as connection:
            yield connection

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            if self._closed:
                raise LingjingError("twin.closed", path=self._shown)
            connection = connect(
                self._path, read_only=self._read_only, busy_timeout_s=self._busy_timeout_s
            )
            connection.pragma("query_only", 1)
            connection.pragma("cache_size", -READER_CACHE_KIB)
            self._local.reader = connection
            self._readers.add(connection)
        return connection

    def records(
        self, branch: Branch, ids: Sequence[str], at_us: int | None = None
    ) -> dict[str, Record]:
        """Entities by id, now or as they stood at an instant; those that do not exist lack."""
        chain = self._book.chain(branch)
        if at_us is None and len(chain) == 1 and len(ids) == 1:
            # One statement sees one state by itself.
            with translated(self._shown):
                return records(self._reader(), self._interned, levels(chain), ids)
        with self._reading() as connection:
            if at_us is None:
                return records(connection, self._interned, levels(chain), ids)
            return self._back(connection, chain, at_us).records(ids)

    def find(self, branch: Branch, selection: Selection, at_us: int | None = None) -> Found:
        """Entities that meet a selection, in order of id."""
        chain = self._book.chain(branch)
        with self._reading() as connection:
            if at_us is None:
                return Finder(connection, self._interned, levels(chain), selection).found()
            return self._back(connection, chain, at_us).found(selection)

    def _back(
        self, connection: apsw.Connection, chain: Sequence[Branch], at_us: int
    ) -> LookingBack:
        history = History(connection, self._interned, self._files)
        return LookingBack(connection, self._interned, history, chain, at_us)

    def types(self, branch: Branch) -> dict[str, int]:
        """Type IRIs in use, with how many entities have them."""
        found: dict[str, int] = {}
        for (types, _), count in self._shapes(branch):
            for name in types:
                found[name] = found.get(name, 0) + count
        return dict(sorted(found.items()))

    def attribute_uses(self, branch: Branch, types: Sequence[str] = ()) -> list[AttributeUse]:
        """Attributes in use (by entities of these types), in order of IRI."""
        found: dict[str, tuple[set[str], set[str], int]] = {}
        for (held, attributes), count in self._shapes(branch):
            if types and not any(name in held for name in types):
                continue
            for name, kinds in attributes:
                entity_types, instance_types, total = found.get(name, (set(), set(), 0))
                found[name] = (entity_types | set(held), instance_types | set(kinds), total + count)
        return [
            AttributeUse(name, tuple(sorted(held)), tuple(sorted(kinds)), count)
            for name, (held, kinds, count) in sorted(found.items())
        ]

    def _shapes(self, branch: Branch) -> list[tuple[Shape, int]]:
        """What the entities of a branch look like, and how many look so."""
        seen = levels(self._book.chain(branch))
        with self._reading() as connection:
            finder = Finder(connection, self._interned, seen, Selection())
            return finder.shapes()

    # History

    def history(self, branch: Branch, entity_id: str, span: Span) -> list[Moment]:
        """Rows of one entity, by attribute and dataset, then in order of the span's time."""
        seen = levels(self._book.chain(branch))
        with self._reading() as connection:
            return History(connection, self._interned, self._files).moments(seen, entity_id, span)

    def history_ids(self, branch: Branch, selection: Selection, span: Span) -> list[str]:
        """Ids, in order, of entities, present or past, that have rows in the span."""
        seen = levels(self._book.chain(branch))
        with self._reading() as connection:
            return History(connection, self._interned, self._files).ids(seen, selection, span)

    def known_to_history(self, branch: Branch, entity_id: str) -> tuple[str, ...] | None:
        """Types an entity has or last had; None where the branch never saw it."""
        seen = levels(self._book.chain(branch))
        with self._reading() as connection:
            present = records(connection, self._interned, seen, [entity_id]).get(entity_id)
            if present is not None:
                return tuple(present.document["type"])
            history = History(connection, self._interned, self._files)
            held = subjects(connection, seen, entity_id)
            if not held or not history.series_of(seen, entity_id, Span()):
                return None
            return msgspec.json.decode(held[0][2], type=tuple[str, ...])

    def aggregate(
        self,
        branch: Branch,
        entity_id: str,
        attribute: str,
        span: Span,
        methods: Sequence[Method],
        period_us: int | None,
        origin_us: int | None = None,
    ) -> Aggregate:
        """Numeric values aggregated by period."""
        seen = levels(self._book.chain(branch))
        with self._reading() as connection:
            history = History(connection, self._interned, self._files)
            return history.aggregate(
                seen, entity_id, attribute, span, methods, period_us, origin_us
            )

    # Small records

    def note(self, tenant: str, collection: str, key: str) -> bytes | None:
        """A small record of a tenant."""
        with translated(self._shown):
            found = (
                self._reader()
                .execute(
                    "SELECT body FROM note WHERE tenant = ? AND collection = ? AND key = ?",
                    (self._book.tenant_key(tenant), collection, key),
                )
                .get
            )
        return None if found is None else bytes(found)

    def notes(
        self, tenant: str, collection: str, after: str = "", limit: int | None = None
    ) -> list[tuple[str, bytes]]:
        """Small records of a collection in order of key."""
        with translated(self._shown):
            found: list[Any] = (
                self._reader()
                .execute(
                    "SELECT key, body FROM note WHERE tenant = ? AND collection = ? AND key > ?"
                    " ORDER BY key LIMIT ?",
                    (
                        self._book.tenant_key(tenant),
                        collection,
                        after,
                        -1 if limit is None else limit,
                    ),
                )
                .fetchall()
            )
        return found

    # Writing

    def submit(self, job: Job[T]) -> Future[T]:
        """Hand a job to the clerk."""
        return self.clerk.submit(job)

    def submit_soon(self, job: Job[T]) -> asyncio.Future[T]:
        """Hand a job to the clerk from a running event loop, and await it there."""
        return self.clerk.submit_soon(job)

    def listen(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call this with every group of commits, in order, from the clerk's thread; be quick."""
        self.clerk.listen(listener)

    def sequence(self) -> int:
        """Number of the last change."""
        with self._reading() as connection:
            return int(connection.execute("SELECT revision FROM clock").get)

    # Care

    def check(self) -> list[str]:
        """What is wrong with the stored state, in words; empty where all is well."""
        with self._reading() as connection:
            return check(connection, self._path.parent)

    def backup(self, target: Path) -> None:
        """Write a consistent copy while others work on; sealed files go into a folder beside it.

        Raises:
            LingjingError: `twin.target-exists`, `twin.disk-full`, `twin.cannot-open`,
                `twin.sealed-missing`.
        """
        with self._reading() as connection:
            backup(connection, self._path.parent, target)

    def seal(self, before_us: int, folder: Path) -> dict[str, Any]:
        """Move history older than an instant into Parquet files; it can still be queried."""
        base = self._path.parent
        return self.clerk.alone(lambda driver: seal(driver, before_us, folder, base))

    def parts(self) -> Iterator[Part]:
        """The whole twin, as it stands at one moment; see `Movable`."""
        with self._reading() as connection:
            yield from parts(connection, self._files)

    def fill(self, stream: Iterator[Part]) -> None:
        """Take over a whole twin; see `Movable`."""

        def work(connection: apsw.Connection, _sequence: int, _recorded_us: int) -> None:
            Filler(connection, self._files).fill(stream)

        def alone(driver: SqliteDriver) -> None:
            driver.apart(work)
            driver.history.forget()
            read_book(driver.connection, self._book)

        self.clerk.alone(alone)

    def size(self) -> dict[str, int]:
        """Entities, history rows, sealed rows, branches, bytes."""
        with self._reading() as connection:
            return size(connection)

    def stream(self, branch: Branch) -> Iterator[Record]:
        """All entities of a branch in order of id, a page at a time."""
        after = ""
        while True:
            page = self.find(branch, Selection(after=after, limit=_STREAM_PAGE)).records
            yield from page
            if len(page) < _STREAM_PAGE:
                return
            after = page[-1].id
