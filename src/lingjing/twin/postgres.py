"""The district store in PostgreSQL: imports, and the views that physics takes."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
import psycopg
import shapely

from lingjing.twin.checks import check_name
from lingjing.twin.contract import Bounds
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK, Branch
from lingjing.twin.past import standing_at
from lingjing.twin.postgres_connection import Connection, Readers, address, connect, translated
from lingjing.twin.postgres_import import Importer, Moment, Trunk, retire
from lingjing.twin.postgres_numbers import COUNTED, Numbers
from lingjing.twin.postgres_schema import migrate
from lingjing.twin.postgres_views import DistrictReader
from lingjing.twin.postgres_words import Branches, Lexicon, read_branches
from lingjing.twin.rows import joined
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError

T = TypeVar("T")
_CHUNK: Final = 2_000

_district = msgspec.json.Decoder(District).decode
_source = msgspec.json.Decoder(SourceRecord).decode


class PostgresStore:
    """Districts in one schema of a PostgreSQL database; a `Store`.

    May be used from several threads; whoever writes holds the twin's clock until the outermost
    transaction ends, so that other writers wait.

    Args:
        url: See `PostgresLedger`.
        read_only: Never write, not even to make or upgrade the schema.

    Raises:
        LingjingError: `twin.bad-store-url`, `twin.unreachable`, `twin.newer-schema`,
            `twin.no-postgis`.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._where = address(url)
        self._read_only = read_only
        self._lock = threading.RLock()
        self._depth = 0
        self._lexicon = Lexicon()
        self._numbers = Numbers(self._lexicon)
        self._moment = Moment(0, 0)
        self._trunk = Trunk(0, -1)
        self._views: dict[tuple[object, ...], TwinView] = {}
        self._main = connect(self._where)
        try:
            if not read_only:
                with translated(self._where.shown):
                    migrate(self._main, self._where.schema, self._where.shown)
                    self._make_trunk()
        except BaseException:
            self._main.close()
            raise
        self._readers = Readers(self._where)

    def _make_trunk(self) -> None:
        self._main.execute(
            "WITH made AS (INSERT INTO branch (tenant, name, base, created_us, note)"
            " VALUES (%s, %s, 0, %s, '') ON CONFLICT DO NOTHING RETURNING key)"
            " UPDATE clock SET layout = layout + 1 WHERE EXISTS (SELECT FROM made)",
            (DEFAULT_TENANT, TRUNK, time.time_ns() // 1000),
        )

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            self._main.close()
            self._readers.close()

    def __enter__(self) -> PostgresStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing for everything done inside; may be nested."""
        if self._read_only:
            raise LingjingError("twin.read-only", path=self._where.shown)
        with self._lock, translated(self._where.shown):
            if self._depth == 0:
                self._begin()
            else:
                self._main.execute(f"SAVEPOINT level_{self._depth}")
                self._numbers.keep()
            before = (self._moment.sequence, self._moment.recorded_us)
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._commit()
                else:
                    self._main.execute(f"RELEASE level_{self._depth - 1}")
                    self._numbers.release()
            except BaseException:
                self._undo(before)
                raise
            finally:
                self._depth -= 1

    def _begin(self) -> None:
        if self._main.closed:
            self._main = connect(self._where)
        self._main.execute("BEGIN")
        row = self._main.execute(
            "SELECT sequence, recorded_us, next_entity, next_series, next_word, next_template,"
            " next_shape FROM clock FOR UPDATE"
        ).fetchone()
        assert row is not None  # noqa: S101
        self._moment = Moment(row[0], max(row[1] + 1, time.time_ns() // 1000))
        self._numbers.begin(row[2:])
        branches = read_branches(self._main)
        trunk = branches.by_name[DEFAULT_TENANT, TRUNK]
        self._trunk = Trunk(trunk.key, branches.newest_child.get(trunk.key, -1))

    def _commit(self) -> None:
        self._main.execute(
            "UPDATE clock SET sequence = %s, recorded_us = %s, writes = writes + 1,"
            " next_entity = %s, next_series = %s, next_word = %s, next_template = %s,"
            " next_shape = %s",
            (self._moment.sequence, self._moment.recorded_us, *self._numbers.following),
        )
        self._main.execute("COMMIT")
        self._numbers.committed()

    def _undo(self, before: tuple[int, int]) -> None:
        outermost = self._depth == 1
        with contextlib.suppress(psycopg.Error):
            if outermost:
                self._main.execute("ROLLBACK")
            else:
                name = f"level_{self._depth - 1}"
                self._main.execute(f"ROLLBACK TO {name}; RELEASE {name}")
        if outermost:
            self._numbers.begin([0] * len(COUNTED))
        else:
            self._numbers.undo()
            self._moment = Moment(*before)

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
            importer = Importer(
                self._main,
                self._numbers,
                self._trunk,
                (district.name, district_key),
                (source.name, source_key),
                self._moment,
            )
            stream = iter(entities)
            while chunk := list(itertools.islice(stream, _CHUNK)):
                importer.add(chunk)
            importer.finish()
            # The report is complete only now that the entities have streamed through.
            self._main.execute(
                "UPDATE source SET record = %s::bytea, west = %s, south = %s, east = %s, north = %s"
                " WHERE key = %s",
                (msgspec.json.encode(source), *(importer.bounds or (None,) * 4), source_key),
            )
            self._settle(district_key)
        return source

    def forget_source(self, district: str, source: str, kinds: Iterable[str] | None = None) -> int:
        """Remove a source with its entities, or only those of some kinds."""
        with self.transaction():
            district_key = self._district_key(district)
            row = self._main.execute(
                "SELECT key FROM source WHERE district = %s AND name = %s", (district_key, source)
            ).fetchone()
            if row is None:
                known = ", ".join(record.name for record in self.sources(district)) or "—"
                raise LingjingError("twin.no-source", name=source, district=district, known=known)
            wanted = None if kinds is None else sorted(set(kinds))
            removed = self._retire(
                "source = %s AND (%s::text[] IS NULL OR kind = ANY(%s))", row[0], wanted, wanted
            )
            if wanted is None:
                self._main.execute("DELETE FROM source WHERE key = %s", (row[0],))
            else:
                self._measure_source(row[0])
            if removed or wanted is None:
                self._settle(district_key)
            return removed

    def forget_district(self, district: str) -> None:
        """Remove a district with everything in it."""
        with self.transaction():
            key = self._district_key(district)
            self._retire("district = %s", key)
            written = DistrictReader(self._main, self._lexicon_now(), self._branches()).written(
                district
            )
            keys = self._main.execute(
                "SELECT key FROM entity WHERE branch = %s AND id = ANY(%s)",
                (self._trunk.key, [record.id for record in written]),
            ).fetchall()
            retire(self._main, self._numbers, self._trunk, [row[0] for row in keys], self._moment)
            self._main.execute("DELETE FROM district WHERE key = %s", (key,))

    def _retire(self, condition: str, *values: Any) -> int:
        query = f"SELECT entity FROM imported WHERE {condition} ORDER BY entity"  # noqa: S608
        keys = [row[0] for row in self._main.execute(query.encode(), values)]
        return retire(self._main, self._numbers, self._trunk, keys, self._moment)

    def _put_district(self, district: District) -> int:
        check_name(district.name)
        self._main.execute(
            "INSERT INTO district (name, revision, edited, record) VALUES (%s, 0, 0, %s::bytea)"
            " ON CONFLICT (name) DO UPDATE SET record = excluded.record",
            (district.name, msgspec.json.encode(district)),
        )
        key = self._district_key(district.name)
        self._settle(key)
        return key

    def _put_source(self, district: int, source: SourceRecord) -> int:
        self._main.execute(
            "INSERT INTO source (district, name, record) VALUES (%s, %s, %s::bytea)"
            " ON CONFLICT DO NOTHING",
            (district, source.name, msgspec.json.encode(source)),
        )
        row = self._main.execute(
            "SELECT key FROM source WHERE district = %s AND name = %s", (district, source.name)
        ).fetchone()
        assert row is not None  # noqa: S101
        return int(row[0])

    def _measure_source(self, key: int) -> None:
        """Set the source's box anew from what it still holds."""
        box: Bounds | None = None
        found = self._main.execute(
            "SELECT geometry FROM imported WHERE source = %s", (key,), binary=True
        )
        while chunk := found.fetchmany(_CHUNK):
            boxes = shapely.bounds(shapely.from_wkb([geometry for (geometry,) in chunk]))
            box = joined(boxes if box is None else np.vstack([boxes, np.array(box)]))
        self._main.execute(
            "UPDATE source SET west = %s, south = %s, east = %s, north = %s WHERE key = %s",
            (*(box or (None,) * 4), key),
        )

    def _settle(self, key: int) -> None:
        """After a change: the district's bounds follow its sources', and its revision moves."""
        row = self._main.execute(
            "SELECT record, (SELECT ARRAY[min(west), min(south), max(east), max(north)]"
            " FROM source WHERE district = district.key) FROM district WHERE key = %s",
            (key,),
        ).fetchone()
        assert row is not None  # noqa: S101
        record = _district(row[0])
        if row[1][0] is not None:
            record = msgspec.structs.replace(record, bounds=tuple(row[1]))
        # Never used again, not even by a district of the same name that was forgotten meanwhile.
        self._main.execute(
            "UPDATE district SET record = %s::bytea, edited = %s, revision = %s WHERE key = %s",
            (msgspec.json.encode(record), self._moment.sequence, self._moment.next(), key),
        )

    def _district_key(self, name: str) -> int:
        row = self._main.execute("SELECT key FROM district WHERE name = %s", (name,)).fetchone()
        if row is None:
            raise self._no_district(name)
        return int(row[0])

    def _no_district(self, name: str) -> LingjingError:
        known = ", ".join(district.name for district in self.districts()) or "—"
        return LingjingError("twin.no-district", name=name, known=known)

    # Reading

    def _inside(self) -> bool:
        """Whether this thread has a transaction open."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._depth > 0
        finally:
            self._lock.release()

    def _read(self, call: Callable[[Connection], T]) -> T:
        """Read from one state: this thread's open transaction, or the last commit."""
        if self._inside():
            with translated(self._where.shown):
                return call(self._main)
        return self._readers.read_one_state(call)

    def _lexicon_now(self) -> Lexicon:
        # What an open transaction has given out may yet be undone, and must not be remembered.
        return Lexicon() if self._inside() else self._lexicon

    def _branches(self) -> Branches:
        return self._read(read_branches)

    def _looking(self, call: Callable[[DistrictReader], T]) -> T:
        lexicon = self._lexicon_now()
        return self._read(
            lambda connection: call(DistrictReader(connection, lexicon, read_branches(connection)))
        )

    def districts(self) -> list[District]:
        """All districts, by name."""
        rows = self._read(
            lambda connection: connection.execute(
                "SELECT record FROM district ORDER BY name"
            ).fetchall()
        )
        return [_district(row[0]) for row in rows]

    def district(self, name: str) -> District:
        """One district; `twin.no-district` where there is none."""
        return _district(self._row(name)[0])

    def standing(self, district: str) -> tuple[int, int]:
        """Numbers of the district's last import and last edit."""
        _, revision, edited = self._row(district)
        return revision, edited

    def _row(self, name: str) -> Any:
        asked = "SELECT record, revision, edited FROM district WHERE name = %s"
        row = self._read(lambda connection: connection.execute(asked, (name,)).fetchone())
        if row is None:
            raise self._no_district(name)
        return row

    def sources(self, district: str) -> list[SourceRecord]:
        """The imports that make up the district, in order of name."""
        self.district(district)
        rows = self._read(
            lambda connection: connection.execute(
                "SELECT s.record FROM source s JOIN district d ON d.key = s.district"
                " WHERE d.name = %s ORDER BY s.name",
                (district,),
            ).fetchall()
        )
        return [_source(row[0]) for row in rows]

    def counts(self, district: str) -> dict[str, int]:
        """Number of entities by kind."""
        self.district(district)
        return self._looking(lambda reader: reader.counts(district))

    def entity(self, entity_id: str) -> Entity:
        """One entity; `twin.no-entity` where there is none."""
        found = self._looking(lambda reader: reader.by_id([entity_id]))
        if not found:
            raise LingjingError("twin.no-entity", id=entity_id)
        return found[0]

    def entities(
        self,
        district: str,
        kind: str | None = None,
        bounds: Bounds | None = None,
        limit: int | None = None,
    ) -> Iterator[Entity]:
        """Entities in order of id; see `Store.entities`."""
        self.district(district)
        if bounds is None:
            ids = self._looking(lambda reader: reader.ids(district, kind))
        else:
            ids = self._looking(lambda reader: reader.ids_near(district, kind, bounds))
        return itertools.islice(self._paged(ids, bounds), limit)

    def _paged(self, ids: list[str], bounds: Bounds | None) -> Iterator[Entity]:
        box = None if bounds is None else shapely.box(*bounds)
        for start in range(0, len(ids), _CHUNK):
            wanted = ids[start : start + _CHUNK]
            page = self._looking(lambda reader, wanted=wanted: reader.by_id(wanted))  # type: ignore[misc]
            if box is None:
                yield from page
                continue
            shapes = shapely.from_wkb([entity.geometry for entity in page])
            touching = shapely.intersects(box, shapes)
            yield from (entity for entity, hit in zip(page, touching, strict=True) if hit)

    def twin(self, district: str, branch: str = TRUNK, at_us: int | None = None) -> PostgresTwin:
        """The district's reading side, in the trunk or a branch, now or at an instant."""
        record = self.district(district)

        def stand(connection: Connection) -> tuple[Branch, tuple[int, int, int]]:
            branches = read_branches(connection)
            found = branches.by_name.get((DEFAULT_TENANT, branch))
            if found is None:
                known = ", ".join(item.name for item in branches.of(DEFAULT_TENANT)) or "—"
                raise LingjingError("twin.no-branch", name=branch, known=known)
            row = connection.execute(
                "SELECT revision, edited, (SELECT recorded_us FROM clock) FROM district"
                " WHERE name = %s",
                (district,),
            ).fetchone()
            if row is None:
                raise self._no_district(district)
            return found, (row[0], row[1], row[2])

        chosen, standing = self._read(stand)
        if self._inside():
            standing = (*standing[:2], self._moment.recorded_us)
        return PostgresTwin(self, record, chosen, standing_at(standing, at_us))

    def _view(self, twin: PostgresTwin, kind: str) -> TwinView:
        """The view of a kind as the twin stands, kept for the next who asks."""
        name = twin.district.name

        def build(connection: Connection) -> tuple[tuple[object, ...] | None, TwinView]:
            row = connection.execute(
                "SELECT revision, edited, (SELECT recorded_us FROM clock),"
                " (SELECT sequence FROM clock) FROM district WHERE name = %s",
                (name,),
            ).fetchone()
            trunk = twin.branch.parent is None
            if row is None or (row[0] != twin.revision and trunk):
                raise LingjingError("twin.changed-meanwhile", district=name)
            now = twin.at_us >= row[2] or (trunk and row[1] == twin.edited)
            wanted = (name, row[0], row[1] if trunk else row[3], twin.branch.key, kind)
            kept = self._views.get(wanted) if now else None
            if kept is not None:
                return wanted, kept
            reader = DistrictReader(connection, lexicon, read_branches(connection))
            view = reader.view(name, kind, twin.branch, None if now else twin.at_us)
            return (wanted if now else None), view

        inside = self._inside()
        lexicon = self._lexicon_now()
        key, view = self._read(build)
        if key is not None and not inside:
            for old in [item for item in self._views if item[0] == name and item[:3] != key[:3]]:
                self._views.pop(old, None)
            self._views[key] = view
        return view


class PostgresTwin:
    """A district as it stood when the twin was asked for; a `Twin`.

    What is written to entities afterwards does not show. A view asked for the first time after
    another import raises `twin.changed-meanwhile`: columns of two states never mix.
    """

    def __init__(
        self,
        store: PostgresStore,
        district: District,
        branch: Branch,
        standing: tuple[int, int, int],
    ) -> None:
        self._store = store
        self._district = district
        self.branch = branch
        self.revision, self.edited, self.at_us = standing

    @property
    def district(self) -> District:
        """The district's record, settings included."""
        return self._district

    def kinds(self) -> tuple[str, ...]:
        """Kinds present, sorted."""
        return tuple(self._store.counts(self._district.name))

    def view(self, kind: str) -> TwinView:
        """All entities of a kind as columns; an empty view where there are none."""
        return self._store._view(self, kind)  # noqa: SLF001
