"""The store in one SQLite file: the default driver."""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
import numpy as np
import shapely

from lingjing.twin.checks import check_name
from lingjing.twin.connections import check_header, connect, prepare, snapshot, translated
from lingjing.twin.contract import Bounds
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.twin.interned import Interned
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK
from lingjing.twin.locks import lock_of
from lingjing.twin.rows import Loader, joined, read_entities
from lingjing.twin.sealing import SealedFiles
from lingjing.twin.sqlite_history import History
from lingjing.twin.sqlite_import import (
    advanced,
    forget_entities,
    retire,
    set_aside,
    settle_aside,
)
from lingjing.twin.sqlite_views import SqliteTwin, ViewReader, chain_of
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError

MEMORY: Final = ":memory:"
_CHUNK: Final = 2_000

_PAGE: Final = """
    SELECT id, kind, layout, attributes, relationships, geometry, body FROM entity
    WHERE district = (SELECT key FROM district WHERE name = :district) AND branch = 1
    AND id > :last ORDER BY id LIMIT :size
"""
_PAGE_OF_KIND: Final = _PAGE.replace("AND id >", "AND kind = :kind AND id >")

_DISTRICT: Final = "SELECT record, revision, edited, key FROM district WHERE name = ?"
_district = msgspec.json.Decoder(District).decode
_source = msgspec.json.Decoder(SourceRecord).decode


class SqliteStore:
    """Districts in one SQLite file with a spatial index; a `Store`.

    One process writes at a time, others read meanwhile; a commit is on the disk when it returns.
    May be used from several threads.

    Args:
        path: The file, made where it is absent; `:memory:` keeps all in memory.
        read_only: Never write, not even to make or upgrade the file.
        busy_timeout_s: How long to wait for another process that is writing [s].

    Raises:
        LingjingError: `twin.cannot-open`, `twin.not-a-twin`, `twin.corrupt`, `twin.newer-schema`,
            `twin.older-schema`, `twin.busy`.
    """

    def __init__(
        self, path: Path | str, *, read_only: bool = False, busy_timeout_s: float = 5.0
    ) -> None:
        self._path = None if str(path) == MEMORY else Path(path)
        self._shown = str(path)
        self._read_only = read_only
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        self._depth = 0
        self._local = threading.local()
        # A thread that has ended takes its connection with it.
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._views: dict[tuple[object, ...], TwinView] = {}
        self._interned = Interned()
        self._writers = None if self._path is None else lock_of(self._path)
        if self._path is not None and self._path.exists():
            check_header(self._path)
        with translated(self._shown):
            self._main = self._connect()
            try:
                prepare(self._path, self._main, read_only=read_only)
            except BaseException:
                self._main.close()
                raise

    def _connect(self) -> apsw.Connection:
        return connect(self._path, read_only=self._read_only, busy_timeout_s=self._busy_timeout_s)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            for connection in (*self._readers, self._main):
                connection.close()
            self._readers.clear()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing for everything done inside; may be nested."""
        if self._read_only:
            raise LingjingError("twin.read-only", path=self._shown)
        with self._lock, self._writing(), translated(self._shown):
            name = f"level_{self._depth}"
            outermost = self._depth == 0
            self._main.execute("BEGIN IMMEDIATE" if outermost else f"SAVEPOINT {name}")
            self._depth += 1
            try:
                yield
                self._main.execute("COMMIT" if outermost else f"RELEASE {name}")
            except BaseException:
                # A full disk makes SQLite undo the whole transaction by itself.
                if self._main.in_transaction:
                    undo = "ROLLBACK" if outermost else f"ROLLBACK TO {name}; RELEASE {name}"
                    self._main.execute(undo)
                raise
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """The turn of this store to write, among all of this process that write to the file."""
        if self._writers is None:
            yield
            return
        self._writers.refuse_others()
        with self._writers.writing:
            yield

    def put_district(self, district: District) -> District:
        """Make a district, or replace the record of one; what it holds stays."""
        with self.transaction():
            self._put_district(district)
            return self.district(district.name)

    def import_entities(
        self, district: District, source: SourceRecord, entities: Iterable[Entity]
    ) -> SourceRecord:
        """Take in everything one source gives, or nothing; see `Store.import_entities`."""
        if source.district != district.name:
            raise ValueError(f"{source.name} is a source of {source.district}, not {district.name}")
        with self.transaction():
            district_key = self._put_district(district)
            source_key = self._put_source(district_key, source)
            moment = advanced(self._main)
            held = set_aside(self._main, source_key)
            loader = Loader(
                self._main, (district.name, district_key), (source.name, source_key), moment
            )
            stream = iter(entities)
            while chunk := list(itertools.islice(stream, _CHUNK)):
                loader.add(chunk)
            if held:
                settle_aside(self._main, moment)
            loader.drop_unused()
            box = loader.bounds or (None,) * 4
            # The report is complete only now that the entities have streamed through.
            self._main.execute(
                "UPDATE source SET record = ?, west = ?, south = ?, east = ?, north = ?"
                " WHERE key = ?",
                (msgspec.json.encode(source), *box, source_key),
            )
            self._settle(district_key)
        return source

    def forget_source(self, district: str, source: str, kinds: Iterable[str] | None = None) -> int:
        """Remove a source with its entities, or only those of some kinds."""
        with self.transaction():
            district_key = self._district_key(district)
            found = self._main.execute(
                "SELECT key FROM source WHERE district = ? AND name = ?", (district_key, source)
            ).get
            if found is None:
                known = ", ".join(record.name for record in self.sources(district)) or "—"
                raise LingjingError("twin.no-source", name=source, district=district, known=known)
            if kinds is None:
                removed = retire(self._main, "source = ?", (found,), advanced(self._main))
                self._main.execute("DELETE FROM source WHERE key = ?", (found,))
                self._settle(district_key)
                return removed
            removed = sum(
                retire(self._main, "source = ? AND kind = ?", (found, kind), advanced(self._main))
                for kind in sorted(set(kinds))
            )
            self._measure_source(int(found))
            if removed:
                self._settle(district_key)
            return removed

    def forget_district(self, district: str) -> None:
        """Remove a district with everything in it."""
        with self.transaction():
            key = self._district_key(district)
            forget_entities(self._main, key, advanced(self._main))
            self._main.execute("DELETE FROM district WHERE key = ?", (key,))

    def _put_district(self, district: District) -> int:
        check_name(district.name)
        self._main.execute(
            "INSERT INTO district (name, revision, record) VALUES (?, 0, ?)"
            " ON CONFLICT (name) DO UPDATE SET record = excluded.record",
            (district.name, msgspec.json.encode(district)),
        )
        key = self._district_key(district.name)
        self._settle(key)
        return key

    def _put_source(self, district: int, source: SourceRecord) -> int:
        """Key of the source, made where it is new."""
        self._main.execute(
            "INSERT INTO source (district, name, record) VALUES (?, ?, ?)"
            " ON CONFLICT (district, name) DO NOTHING",
            (district, source.name, msgspec.json.encode(source)),
        )
        return int(
            self._main.execute(
                "SELECT key FROM source WHERE district = ? AND name = ?", (district, source.name)
            ).get
        )

    def _measure_source(self, key: int) -> None:
        """Set the source's box anew from what it still holds."""
        box: Bounds | None = None
        found = self._main.execute(
            "SELECT geometry FROM entity WHERE source = ? AND branch = 1 AND geometry IS NOT NULL",
            (key,),
        )
        while chunk := list(itertools.islice(found, _CHUNK)):
            boxes = shapely.bounds(shapely.from_wkb([geometry for (geometry,) in chunk]))
            box = joined(boxes if box is None else np.vstack([boxes, np.array(box)]))
        self._main.execute(
            "UPDATE source SET west = ?, south = ?, east = ?, north = ? WHERE key = ?",
            (*(box or (None,) * 4), key),
        )

    def _settle(self, key: int) -> None:
        """After a change: the district's bounds follow its sources', and its revision moves."""
        self._main.execute("UPDATE clock SET revision = revision + 1")
        record = _district(
            self._main.execute("SELECT record FROM district WHERE key = ?", (key,)).get
        )
        box = self._main.execute(
            "SELECT min(west), min(south), max(east), max(north) FROM source WHERE district = ?",
            (key,),
        ).get
        if box[0] is not None:
            record = msgspec.structs.replace(record, bounds=box)
        self._main.execute(
            "UPDATE district SET record = ?, revision = (SELECT revision FROM clock) WHERE key = ?",
            (msgspec.json.encode(record), key),
        )

    def _district_key(self, name: str) -> int:
        return int(self._row(name)[3])

    def _no_district(self, name: str) -> LingjingError:
        known = ", ".join(district.name for district in self.districts()) or "—"
        return LingjingError("twin.no-district", name=name, known=known)

    # Reading

    @contextlib.contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        """A connection that sees one state of the file throughout.

        Inside a transaction of this thread it sees what was written there; others, the last commit.
        """
        if self._path is None or self._read_only:
            with self._lock, translated(self._shown), snapshot(self._main):
                yield self._main
            return
        if self._lock.acquire(blocking=False):
            try:
                inside = self._depth > 0
            finally:
                self._lock.release()
            if inside:
                with translated(self._shown):
                    yield self._main
                return
        with translated(self._shown), snapshot(self._reader()) as connection:
            yield connection

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._connect()
            connection.pragma("query_only", 1)
            self._local.reader = connection
            self._readers.add(connection)
        return connection

    def districts(self) -> list[District]:
        """All districts, by name."""
        with self._reading() as connection:
            found = connection.execute("SELECT record FROM district ORDER BY name")
            return [_district(record) for (record,) in found]

    def district(self, name: str) -> District:
        """One district; `twin.no-district` where there is none."""
        return _district(self._row(name)[0])

    def standing(self, district: str) -> tuple[int, int]:
        """Numbers of the district's last import and last edit."""
        _, revision, edited, _ = self._row(district)
        return revision, edited

    def _row(self, name: str) -> Any:
        with self._reading() as connection:
            found = connection.execute(_DISTRICT, (name,)).get
        if found is None:
            raise self._no_district(name)
        return found

    def sources(self, district: str) -> list[SourceRecord]:
        """The imports that make up the district, in order of name."""
        self.district(district)
        with self._reading() as connection:
            found = connection.execute(
                "SELECT source.record FROM source JOIN district ON district.key = district"
                " WHERE district.name = ? ORDER BY source.name",
                (district,),
            )
            return [_source(record) for (record,) in found]

    def counts(self, district: str) -> dict[str, int]:
        """Number of entities by kind."""
        self.district(district)
        with self._reading() as connection:
            found = connection.execute(
                "SELECT kind, count(*) FROM entity"
                " WHERE district = (SELECT key FROM district WHERE name = ?) AND branch = 1"
                " GROUP BY kind ORDER BY kind",
                (district,),
            )
            return dict(found)

    def entity(self, entity_id: str) -> Entity:
        """One entity; `twin.no-entity` where there is none."""
        with self._reading() as connection:
            found = connection.execute(
                "SELECT id, kind, layout, attributes, relationships, geometry, body,"
                " (SELECT name FROM district WHERE key = district) FROM entity"
                " WHERE branch = 1 AND id = ? AND district IS NOT NULL",
                (entity_id,),
            ).get
            entities = [] if found is None else read_entities(connection, found[-1], [found[:-1]])
            if not entities:
                raise LingjingError("twin.no-entity", id=entity_id)
            return entities[0]

    def entities(
        self,
        district: str,
        kind: str | None = None,
        bounds: Bounds | None = None,
        limit: int | None = None,
    ) -> Iterator[Entity]:
        """Entities in order of id; see `Store.entities`.

        They are read a page at a time, so that a slow reader holds nothing up.
        """
        self.district(district)
        found = self._touching(district, kind, bounds) if bounds else self._all(district, kind)
        return itertools.islice(found, limit)

    def _all(self, district: str, kind: str | None) -> Iterator[Entity]:
        last = ""
        query = _PAGE if kind is None else _PAGE_OF_KIND
        while True:
            with self._reading() as connection:
                rows: list[Any] = connection.execute(
                    query,
                    {"district": district, "kind": kind, "last": last, "size": _CHUNK},
                ).fetchall()
                page = read_entities(connection, district, rows)
            if not rows:
                return
            yield from page
            last = rows[-1][0]

    def _touching(self, district: str, kind: str | None, bounds: Bounds) -> Iterator[Entity]:
        west, south, east, north = bounds
        box = shapely.box(west, south, east, north)
        shapely.prepare(box)
        with self._reading() as connection:
            # The plus sign keeps SQLite from walking the whole district instead of the box.
            rows = connection.execute(
                "SELECT id, entity.key FROM entity_box JOIN entity ON entity.key = entity_box.key"
                " WHERE entity_box.west <= :east AND entity_box.east >= :west"
                " AND entity_box.south <= :north AND entity_box.north >= :south"
                " AND +entity.district = (SELECT key FROM district WHERE name = :district)"
                " AND +entity.branch = 1"
                " AND (:kind IS NULL OR +entity.kind = :kind)",
                {
                    "west": west,
                    "south": south,
                    "east": east,
                    "north": north,
                    "district": district,
                    "kind": kind,
                },
            ).fetchall()
        keys = [key for _, key in sorted(rows)]
        for start in range(0, len(keys), _CHUNK):
            with self._reading() as connection:
                wanted = msgspec.json.encode(keys[start : start + _CHUNK]).decode()
                rows = connection.execute(
                    "SELECT id, kind, layout, attributes, relationships, geometry, body FROM entity"
                    " WHERE key IN (SELECT value FROM json_each(?)) ORDER BY id",
                    (wanted,),
                ).fetchall()
                page = read_entities(connection, district, rows)
            shapes = shapely.from_wkb([entity.geometry for entity in page])
            touching = shapely.intersects(box, shapes)
            yield from (entity for entity, hit in zip(page, touching, strict=True) if hit)

    def twin(self, district: str, branch: str = TRUNK, at_us: int | None = None) -> SqliteTwin:
        """The district's reading side, in the trunk or a branch, now or at an instant."""
        with self._reading() as connection:
            record, *standing, _ = self._row(district)
            chain = chain_of(connection, DEFAULT_TENANT, branch)
            seen = (*standing, connection.execute("SELECT recorded_us FROM clock").get)
        told = _district(record)
        return SqliteTwin(told, seen, chain, at_us, view=self._view, kinds=self._kinds)

    def _view(self, twin: SqliteTwin, kind: str) -> TwinView:
        """The view of a kind as the twin stands, kept for the next who asks."""
        name = twin.district.name
        with self._reading() as connection:
            found = connection.execute(
                "SELECT key, revision, edited, (SELECT revision FROM clock),"
                " (SELECT recorded_us FROM clock) FROM district WHERE name = ?",
                (name,),
            ).get
            if found is None or (found[1] != twin.revision and len(twin.chain) == 1):
                raise LingjingError("twin.changed-meanwhile", district=name)
            key, revision, edited, sequence, now_us = found
            # In a branch any change may matter, in the trunk those of the district's own entities.
            standing = edited if len(twin.chain) == 1 else sequence
            wanted = (name, revision, standing, twin.chain[0].key, kind)
            now = twin.at_us >= now_us or self._untouched_since(connection, twin, key)
            kept = self._views.get(wanted) if now else None
            if kept is not None:
                return kept
            interned = Interned() if self._sees_own_writing(connection) else self._interned
            history = History(connection, interned, SealedFiles(self._folder))
            at_us = None if now else twin.at_us
            reader = ViewReader(connection, interned, history, twin.chain, at_us)
            view = reader.view(name, key, kind)
            if not now or self._sees_own_writing(connection):
                return view  # what a transaction sees may yet be undone
        kin = (name, twin.chain[0].key)
        for outdated in [item for item in self._views if (item[0], item[3]) == kin]:
            if outdated[:3] != wanted[:3]:
                self._views.pop(outdated, None)
        self._views[wanted] = view
        return view

    def _kinds(self, twin: SqliteTwin) -> tuple[str, ...]:
        """Kinds of which there is anything in the trunk, or in a branch."""
        trunk = tuple(self.counts(twin.district.name))
        if len(twin.chain) == 1:
            return trunk
        with self._reading() as connection:
            written = connection.execute(
                "SELECT DISTINCT kind FROM entity JOIN district ON district.key = district"
                " WHERE district.name = ? AND branch = ? AND kind IS NOT NULL",
                (twin.district.name, twin.chain[0].key),
            ).fetchall()
        found = sorted({*trunk, *(str(kind) for (kind,) in written)})
        return tuple(kind for kind in found if len(self._view(twin, kind)))

    def _untouched_since(self, connection: apsw.Connection, twin: SqliteTwin, key: int) -> bool:
        """Whether nothing of the district was written to in the trunk since the twin was made."""
        newest = connection.execute("SELECT edited FROM district WHERE key = ?", (key,)).get
        return len(twin.chain) == 1 and bool(newest == twin.edited)

    def _sees_own_writing(self, connection: apsw.Connection) -> bool:
        return connection is self._main and self._depth > 0

    @property
    def _folder(self) -> Path:
        return Path() if self._path is None else self._path.parent
