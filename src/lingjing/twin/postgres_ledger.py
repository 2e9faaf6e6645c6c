"""The living twin in PostgreSQL with PostGIS: many processes over one database."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from lingjing.twin.clerk import Clerk
from lingjing.twin.ledger import (
    DEFAULT_TENANT,
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
from lingjing.twin.parts import Part
from lingjing.twin.postgres import PostgresStore
from lingjing.twin.postgres_branches import BranchKeeper
from lingjing.twin.postgres_care import backup, check, seal, size
from lingjing.twin.postgres_connection import Connection, Readers, address, connect, translated
from lingjing.twin.postgres_driver import PostgresDriver
from lingjing.twin.postgres_finding import find
from lingjing.twin.postgres_history import aggregate, history
from lingjing.twin.postgres_known import history_ids, known_types
from lingjing.twin.postgres_listening import Ears, Told
from lingjing.twin.postgres_moving import Giver
from lingjing.twin.postgres_reading import Reader
from lingjing.twin.postgres_schema import migrate, version_of
from lingjing.twin.postgres_words import Level, Lexicon, read_branches
from lingjing.vocabulary import LingjingError, Place

T = TypeVar("T")
_PAGE: Final = 1_000

_attributes = msgspec.json.Decoder(
    tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]
).decode


class PostgresLedger:
    """The living twin in one schema of a PostgreSQL database; a `Ledger`.

    Any number of processes may have it open. Their commits follow one another; each process hears
    of its own (`listen`), and may hear of those of others (`listen_to_others`).

    Args:
        url: `postgresql://user:password@host:port/database?schema=name`; the schema is made where
            it is absent, and is `lingjing` where none is named.
        read_only: Never write, not even to make or upgrade the schema.

    Raises:
        LingjingError: `twin.bad-store-url`, `twin.unreachable`, `twin.newer-schema`,
            `twin.older-schema`, `twin.no-postgis`.
    """

    driver = "postgresql"

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._url = url
        self._where = address(url)
        self._read_only = read_only
        self._lexicon = Lexicon()
        with connect(self._where) as connection, translated(self._where.shown):
            self._prepare(connection)
            branches = read_branches(connection)
        self._others: list[Callable[[Sequence[Commit]], None]] = []
        self._note_listeners: list[Callable[[str, str], None]] = []
        origin = uuid.uuid4().hex
        self._is_closed = False
        self._readers = Readers(self._where)
        self._keeper = BranchKeeper(self._where, origin, branches, self._readers)
        self._driver = PostgresDriver(self._where, self._lexicon, origin, self._keeper.renew)
        self._clerk = Clerk(self._driver, self._where.shown)
        self._keeper.write_through(self._clerk.alone)
        self._ears = Ears(self._where, origin, self._hear)
        if not read_only and (DEFAULT_TENANT, TRUNK) not in branches.by_name:
            self.ensure_tenant(DEFAULT_TENANT)

    def _prepare(self, connection: Connection) -> None:
        if not self._read_only:
            migrate(connection, self._where.schema, self._where.shown)
            return
        from lingjing.twin.postgres_schema import MIGRATIONS  # noqa: PLC0415

        found, known = version_of(connection, self._where.schema), len(MIGRATIONS)
        if found != known:
            code = "twin.older-schema" if found < known else "twin.newer-schema"
            shown = self._where.shown
            raise LingjingError(code, Place(file=shown), path=shown, found=found, known=known)

    @functools.cached_property
    def store(self) -> PostgresStore:
        """The districts of the same twin; closed with it."""
        return PostgresStore(self._url, read_only=self._read_only)

    @property
    def shown(self) -> str:
        """Where the twin is, for people: without a password."""
        return self._where.shown

    # Tenants and branches

    def tenants(self) -> list[str]:
        """All tenants, the default one included."""
        return self._keeper.tenants()

    def ensure_tenant(self, tenant: str) -> Branch:
        """The trunk of a tenant, made where it is absent."""
        return self._keeper.ensure_tenant(tenant)

    def branches(self, tenant: str) -> list[Branch]:
        """Living branches of a tenant, the trunk first; empty for an unknown tenant."""
        return self._keeper.of(tenant)

    def branch(self, tenant: str, name: str = TRUNK) -> Branch:
        """A living branch; cheap."""
        return self._keeper.branch(tenant, name)

    def create_branch(self, parent: Branch, name: str, note: str = "") -> Branch:
        """Branch off the parent as it stands now."""
        return self._keeper.create(parent, name, note)

    def drop_branch(self, branch: Branch) -> None:
        """Remove a branch with all its changes."""
        self._keeper.drop(branch)

    def changed_ids(self, branch: Branch) -> list[str]:
        """Entities changed or deleted in the branch itself since it was made, in order."""
        self._keeper.require(branch)
        query = "SELECT id FROM entity WHERE branch = %s AND state IN (1, 2) ORDER BY id"
        return self._readers.read(
            lambda connection: [row[0] for row in connection.execute(query, (branch.key,))]
        )

    def changed_since(self, branch: Branch, since_us: int, limit: int) -> list[str]:
        """Entities changed or deleted in the branch later than an instant, the latest first."""
        self._keeper.require(branch)
        query = (
            "SELECT id FROM entity WHERE branch = %s AND recorded_us > %s AND state IN (1, 2)"
            " AND told ORDER BY recorded_us DESC LIMIT %s"
        )
        values = (branch.key, since_us, limit)
        return self._readers.read(
            lambda connection: [row[0] for row in connection.execute(query, values)]
        )

    def base_records(self, branch: Branch, ids: Sequence[str]) -> dict[str, Record]:
        """Entities as the branch saw them when it was made."""
        levels = self._levels(branch)[1:]
        if not levels:
            return {}
        return self._readers.read_one_state(
            lambda connection: Reader(connection, self._lexicon).records(levels, ids)
        )

    def _levels(self, branch: Branch) -> list[Level]:
        return self._keeper.levels(branch)

    # Present state

    def _read(self, branch: Branch, call: Callable[[Reader, list[Level]], T]) -> T:
        """Read by single statements where the branch has no parent, else from one state."""
        levels = self._levels(branch)
        if len(levels) == 1:
            return self._readers.read(
                lambda connection: call(Reader(connection, self._lexicon), levels)
            )
        return self._read_one_state(branch, call)

    def _read_one_state(self, branch: Branch, call: Callable[[Reader, list[Level]], T]) -> T:
        levels = self._levels(branch)
        return self._readers.read_one_state(
            lambda connection: call(Reader(connection, self._lexicon), levels)
        )

    def records(
        self, branch: Branch, ids: Sequence[str], at_us: int | None = None
    ) -> dict[str, Record]:
        """Entities by id, now or as they stood at an instant; those that do not exist lack."""
        read = self._read if at_us is None else self._read_one_state
        return read(branch, lambda reader, levels: reader.records(levels, ids, at_us))

    def find(self, branch: Branch, selection: Selection, at_us: int | None = None) -> Found:
        """Entities that meet a selection, in order of id."""
        simple = at_us is None and not selection.count and selection.limit is not None
        read = self._read if simple else self._read_one_state
        return read(branch, lambda reader, levels: find(reader, levels, selection, at_us))

    def types(self, branch: Branch) -> dict[str, int]:
        """Type IRIs in use, with how many entities have them."""
        found: dict[str, int] = {}
        for shape, count in self._shapes(branch):
            for iri in shape[0]:
                found[iri] = found.get(iri, 0) + count
        return dict(sorted(found.items()))

    def attribute_uses(self, branch: Branch, types: Sequence[str] = ()) -> list[AttributeUse]:
        """Attributes in use (by entities of these types), in order of IRI."""
        wanted = set(types)
        uses: dict[str, tuple[set[str], set[str], int]] = {}
        for shape, count in self._shapes(branch):
            if wanted and wanted.isdisjoint(shape[0]):
                continue
            for attribute, kinds in shape[1]:
                old = uses.get(attribute, (set(), set(), 0))
                uses[attribute] = (old[0] | set(shape[0]), old[1] | set(kinds), old[2] + count)
        return [
            AttributeUse(attribute, tuple(sorted(of)), tuple(sorted(kinds)), count)
            for attribute, (of, kinds, count) in sorted(uses.items())
        ]

    def _shapes(self, branch: Branch) -> list[tuple[Any, int]]:
        """What the branch's entities look like, with how many do."""

        def read(reader: Reader, levels: list[Level]) -> list[tuple[Any, int]]:
            rows = reader.connection.execute(
                _SHAPES if len(levels) == 1 else _SHAPES_OF_LINE,
                {
                    "branch": levels[0].branch,
                    "branches": [level.branch for level in levels],
                    "limits": [level.limit for level in levels],
                },
                binary=True,
            ).fetchall()
            return [(_attributes(body), count) for body, count in rows]

        return self._read(branch, read)

    # History

    def history(self, branch: Branch, entity_id: str, span: Span) -> list[Moment]:
        """Rows of one entity; see `Ledger.history`."""
        return self._read_one_state(
            branch, lambda reader, levels: history(reader, levels, entity_id, span)
        )

    def history_ids(self, branch: Branch, selection: Selection, span: Span) -> list[str]:
        """Ids, in order, of entities, present or past, that have rows in the span."""
        return self._read_one_state(
            branch, lambda reader, levels: history_ids(reader, levels, selection, span)
        )

    def known_to_history(self, branch: Branch, entity_id: str) -> tuple[str, ...] | None:
        """Types an entity has or last had; None where the branch never saw it."""
        return self._read(branch, lambda reader, levels: known_types(reader, levels, entity_id))

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
        return self._read_one_state(
            branch,
            lambda reader, levels: aggregate(
                reader, levels, entity_id, attribute, span, methods, period_us, origin_us
            ),
        )

    # Small records

    def note(self, tenant: str, collection: str, key: str) -> bytes | None:
        """A small record of a tenant."""

        def read(connection: Connection) -> bytes | None:
            row = connection.execute(
                "SELECT body FROM note WHERE tenant = %s AND collection = %s AND key = %s",
                (tenant, collection, key),
                binary=True,
            ).fetchone()
            return None if row is None else bytes(row[0])

        return self._readers.read(read)

    def notes(
        self, tenant: str, collection: str, after: str = "", limit: int | None = None
    ) -> list[tuple[str, bytes]]:
        """Small records of a collection in order of key."""

        def read(connection: Connection) -> list[tuple[str, bytes]]:
            rows = connection.execute(
                "SELECT key, body FROM note WHERE tenant = %s AND collection = %s AND key > %s"
                " ORDER BY key LIMIT %s",
                (tenant, collection, after, limit),
                binary=True,
            )
            return [(key, bytes(body)) for key, body in rows]

        return self._readers.read(read)

    # Writing

    def submit(self, job: Job[T]) -> Future[T]:
        """Hand a job to the clerk; see `Ledger.submit`."""
        try:
            return self._clerk.submit(self._writable(job))
        except LingjingError as error:
            failed: Future[T] = Future()
            failed.set_exception(error)
            return failed

    def submit_soon(self, job: Job[T]) -> asyncio.Future[T]:
        """Hand in a job from a running event loop; see `Clerk.submit_soon`."""
        try:
            return self._clerk.submit_soon(self._writable(job))
        except LingjingError as error:
            failed: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _writable(self, job: Job[T]) -> Job[T]:
        if self._read_only:
            raise LingjingError("twin.read-only", path=self._where.shown)
        return job

    def listen(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call this with every group of this process's commits; see `Ledger.listen`."""
        self._clerk.listen(listener)

    def listen_to_others(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call this with commits of other processes, in order, soon after they were made.

        They are put together again from history: each has one entity, and says what its state was
        before and after the group it was part of.
        """
        self._others = [*self._others, listener]

    def listen_to_notes(self, listener: Callable[[str, str], None]) -> None:
        """Call this with tenant and collection when another process has changed small records."""
        self._note_listeners = [*self._note_listeners, listener]

    def _hear(self, told: Told) -> None:
        """Another process has committed something."""
        if told.layout:
            self._keeper.look_again()
        for place in told.notes:
            tenant, _, collection = place.partition("\n")
            for note_listener in self._note_listeners:
                note_listener(tenant, collection)
        if self._others and told.to > told.after:
            commits = self._readers.read_one_state(
                lambda connection: self._ears.commits(
                    Reader(connection, self._lexicon), self._keeper.now, told
                )
            )
            for listener in self._others:
                listener(commits)

    def sequence(self) -> int:
        """Number of the last change."""
        asked = "SELECT sequence FROM clock"
        row: Any = self._readers.read_one_state(lambda reader: reader.execute(asked).fetchone())
        return int(row[0])

    # Care

    def check(self) -> list[str]:
        """What is wrong with the stored state, in words; empty where all is well."""
        return self._readers.read_one_state(check)

    def backup(self, target: Path) -> None:
        """Write a consistent copy into one file while others work on."""
        self._readers.read_one_state(lambda connection: backup(connection, target))

    def seal(self, before_us: int, folder: Path) -> dict[str, Any]:
        """Move history older than an instant into Parquet files; it can still be queried.

        All processes must find the folder under the same path.
        """

        def run(driver: PostgresDriver) -> dict[str, Any]:
            with translated(self._where.shown), driver.connection.transaction():
                return seal(Reader(driver.connection, self._lexicon), before_us, folder)

        return self._clerk.alone(run)

    def parts(self) -> Iterator[Part]:
        """The whole twin, as it stands at one moment, for another to take over."""
        with (
            connect(self._where) as connection,
            translated(self._where.shown),
            connection.transaction(),
        ):
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            reader = Reader(connection, self._lexicon)
            yield from Giver(reader, read_branches(connection)).parts()

    def fill(self, parts: Iterator[Part]) -> None:
        """Take over a whole twin; all or nothing.

        Raises:
            LingjingError: `twin.not-empty`.
        """
        self._clerk.alone(lambda driver: driver.fill(parts))

    def size(self) -> dict[str, int]:
        """Entities, history rows, sealed rows, branches, bytes."""
        return self._readers.read_one_state(size)

    def stream(self, branch: Branch) -> Iterator[Record]:
        """All entities of a branch in order of id, a page at a time."""
        after = ""
        while True:
            page = self.find(branch, Selection(after=after, limit=_PAGE)).records
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def close(self) -> None:
        """Finish what waits, and let go of the connections."""
        if self._is_closed:
            return
        self._is_closed = True
        self._ears.close()
        self._clerk.close()
        self._readers.close()
        if "store" in self.__dict__:
            self.store.close()

    def __enter__(self) -> PostgresLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_SHAPES: Final = """
    SELECT s.body, e.count FROM (
        SELECT shape, count(*) AS count FROM entity
        WHERE branch = %(branch)s AND state = 1 GROUP BY shape
    ) e JOIN shape s ON s.key = e.shape
"""
# Of each id the nearest row that is seen.
_SHAPES_OF_LINE: Final = """
    SELECT s.body, count(*) FROM (
        SELECT DISTINCT ON (e.id) e.id, e.state, e.shape FROM (
            SELECT l.place, e.id, e.state, e.shape FROM entity e
            JOIN unnest(%(branches)s::bigint[], %(limits)s::bigint[])
                WITH ORDINALITY AS l (branch, most, place) ON l.branch = e.branch
            WHERE e.state IN (1, 2) AND e.revision <= l.most
            UNION ALL
            SELECT l.place, p.id, p.state, p.shape FROM entity_past p
            JOIN unnest(%(branches)s::bigint[], %(limits)s::bigint[])
                WITH ORDINALITY AS l (branch, most, place) ON l.branch = p.branch
            WHERE p.revision <= l.most AND p.until > l.most
        ) e ORDER BY e.id, e.place
    ) e JOIN shape s ON s.key = e.shape WHERE e.state = 1 GROUP BY s.body
"""
