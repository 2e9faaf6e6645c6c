"""Taking what a source gives into PostgreSQL, and letting go of it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import shapely

from lingjing.twin.checks import Footing, check_entity, check_geometries
from lingjing.twin.documents import LOCATION, encode, instant_text
from lingjing.twin.entities import Entity
from lingjing.twin.packed import packed_document
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_numbers import Numbers, copy_rows
from lingjing.twin.postgres_reading import ALIVE, ENDED
from lingjing.twin.postgres_words import ITSELF
from lingjing.twin.postgres_writing import keep_seen, keep_untold
from lingjing.twin.rows import joined
from lingjing.vocabulary import LingjingError, Place, Provenance

_pack = msgspec.msgpack.Encoder().encode
_CHUNK: Final = 2_000
WRITTEN: Final = "api"
"""Who holds what came through the interface."""

_HELD: Final = """
    SELECT e.id, e.key, e.state, e.revision, e.types, i.revision, i.source, s.name, i.layout,
        i.attributes, i.relationships, i.geometry,
        CASE WHEN e.state = 1 THEN e.body END
    FROM entity e LEFT JOIN imported i ON i.entity = e.key LEFT JOIN source s ON s.key = i.source
    WHERE e.branch = %s AND e.id = ANY(%s)
"""
_IMPORTED: Final = (
    "imported (entity, revision, district, source, kind, layout, attributes, relationships,"
    " geometry, longitude, latitude)"
)


class Moment(msgspec.Struct):
    """Where a writing transaction stands: the last number given, and its time [µs]."""

    sequence: int
    recorded_us: int

    def next(self) -> int:
        """The number of one more change."""
        self.sequence += 1
        return self.sequence


class Held(NamedTuple):
    """What the trunk has under an id."""

    key: int
    state: int
    revision: int
    types: Sequence[int]
    imported_revision: int | None
    source: int | None
    source_name: str | None
    packed: tuple[Any, ...]
    body: bytes | None


class Trunk(NamedTuple):
    """Where imports go: the trunk's key, and the base of its newest branch (−1: there is none)."""

    key: int
    watched: int


class Importer:
    """Takes in the entities of one source, inside a transaction of the caller's.

    Args:
        connection: In the transaction, with the clock locked.
        numbers: Of the transaction.
        trunk: Where.
        district: Name and key of the district.
        source: Name and key of the source.
        moment: Where the transaction stands.
    """

    def __init__(
        self,
        connection: Connection,
        numbers: Numbers,
        trunk: Trunk,
        district: tuple[str, int],
        source: tuple[str, int],
        moment: Moment,
    ) -> None:
        self._connection = connection
        self._numbers = numbers
        self._trunk = trunk
        self._district, self._district_key = district
        self._source, self._source_key = source
        self._moment = moment
        self._layouts: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
        self._provenances: dict[Provenance, int] = {}
        self._seen: set[str] = set()
        self.bounds: tuple[float, float, float, float] | None = None

    def add(self, entities: Sequence[Entity]) -> None:
        """Check and take in some entities; those that are as they were are left alone.

        Raises:
            LingjingError: What `check_entity` and `check_geometries` raise, `twin.duplicate-id`,
                `twin.foreign-id`.
        """
        for entity in entities:
            check_entity(entity, self._district, self._source)
        footing = check_geometries(entities, self._source)
        held = self._held([entity.id for entity in entities])
        self._refuse_repeated(entities, held)
        box = joined(footing.bounds_deg)
        self.bounds = box if self.bounds is None else joined(np.array([self.bounds, box]))
        packed = [self._packed(entity) for entity in entities]
        changed = [
            place
            for place, entity in enumerate(entities)
            if not self._is_as_it_was(held.get(entity.id), packed[place])
        ]
        self._write(entities, footing, held, packed, changed)

    def _held(self, ids: list[str]) -> dict[str, Held]:
        rows = self._connection.execute(
            _HELD.encode(), (self._trunk.key, ids), binary=True
        ).fetchall()
        return {
            entity_id: Held(
                key, state, revision, types, imported, source, name, tuple(rest[:4]), rest[4]
            )
            for entity_id, key, state, revision, types, imported, source, name, *rest in rows
        }

    def _refuse_repeated(self, entities: Sequence[Entity], held: dict[str, Held]) -> None:
        for entity in entities:
            place = Place(file=self._source, field=entity.id)
            if entity.id in self._seen:
                raise LingjingError("twin.duplicate-id", place, id=entity.id)
            self._seen.add(entity.id)
            other = held.get(entity.id)
            if other is not None and other.state == ALIVE and other.source != self._source_key:
                raise LingjingError(
                    "twin.foreign-id", place, id=entity.id, held_by=other.source_name or WRITTEN
                )

    def _is_as_it_was(self, held: Held | None, packed: tuple[Any, ...]) -> bool:
        return (
            held is not None
            and held.state == ALIVE
            and held.revision == held.imported_revision
            and held.packed == packed
        )

    def _packed(self, entity: Entity) -> tuple[Any, ...]:
        """Layout, attributes, relationships and geometry as the table holds them."""
        names, layout = self._layout(tuple(entity.attributes))
        attributes = [entity.attributes[name] for name in names]
        values: list[Any] = [attribute.value for attribute in attributes]
        values.extend([self._provenance(attribute.provenance) for attribute in attributes])
        related = _pack(entity.relationships) if entity.relationships else None
        return layout, _pack(values), related, entity.geometry

    def _layout(self, given: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        if given not in self._layouts:
            names = tuple(sorted(given))
            key = self._interned("layout", "names", msgspec.json.encode(names))
            self._layouts[given] = (names, key)
        return self._layouts[given]

    def _provenance(self, provenance: Provenance) -> int:
        key = self._provenances.get(provenance)
        if key is None:
            key = self._interned("provenance", "record", msgspec.json.encode(provenance))
            self._provenances[provenance] = key
        return key

    def _interned(self, table: str, column: str, body: bytes) -> int:
        find = f"SELECT key FROM {table} WHERE {column} = %s".encode()  # noqa: S608
        make = f"INSERT INTO {table} ({column}) VALUES (%s) RETURNING key".encode()  # noqa: S608
        row = self._connection.execute(find, (body,)).fetchone()
        if row is None:
            row = self._connection.execute(make, (body,)).fetchone()
        assert row is not None  # noqa: S101
        return int(row[0])

    def _write(
        self,
        entities: Sequence[Entity],
        footing: Footing,
        held: dict[str, Held],
        packed: Sequence[tuple[Any, ...]],
        changed: Sequence[int],
    ) -> None:
        now = instant_text(self._moment.recorded_us)
        new, overwritten, imported, types, old = [], [], [], [], []
        shapes = shapely.to_wkb(
            shapely.set_srid(shapely.from_wkb([entity.geometry for entity in entities]), 4326),
            hex=True,
            include_srid=True,
            output_dimension=2,
        )
        places = []
        for place in changed:
            entity, there = entities[place], held.get(entities[place].id)
            created = now
            if there is not None and there.body is not None:
                created = msgspec.json.decode(there.body).get("createdAt", now)
            document = packed_document(
                entity.id,
                entity.kind,
                {
                    name: (attribute.value, attribute.provenance)
                    for name, attribute in entity.attributes.items()
                },
                entity.relationships,
                entity.geometry,
                (created, now),
            )
            words = [self._numbers.word(self._connection, iri) for iri in document["type"]]
            shape = self._numbers.shape(self._connection, document)
            revision = self._moment.next()
            kept = (
                ALIVE,
                revision,
                self._moment.recorded_us,
                words,
                shape,
                False,
                encode(document),
            )
            if there is None:
                key = self._numbers.take("entity")
                new.append((key, self._trunk.key, entity.id, revision, *kept))
                types.append((self._trunk.key, words[0], entity.id))
            else:
                key = there.key
                overwritten.append((*kept, key))
                old.append((there, entity.id, words, revision))
            imported.append(
                (key, revision, self._district_key, self._source_key, entity.kind, *packed[place],
                 float(footing.longitude_deg[place]), float(footing.latitude_deg[place]))
            )  # fmt: skip
            places.append((key, shapes[place]))
        location = self._numbers.word(self._connection, LOCATION)
        self._numbers.write(self._connection)
        self._overwrite(overwritten, old)
        copy_rows(
            self._connection,
            "entity (key, branch, id, born, state, revision, recorded_us, types, shape, told,"
            " body)",
            new,
        )
        copy_rows(self._connection, "entity_type (branch, type, id)", types)
        copy_rows(self._connection, _IMPORTED, imported)
        copy_rows(
            self._connection,
            "entity_shape (entity, attribute, shape)",
            [(key, location, shape) for key, shape in places],
        )

    def _overwrite(self, rows: Sequence[Any], old: Sequence[tuple[Held, str, Any, int]]) -> None:
        """Put new states in the place of old ones, which are kept as far as anybody sees them."""
        if not rows:
            return
        retired = [(there, revision) for there, _, _, revision in old]
        keep(self._connection, self._numbers, self._trunk, retired)
        keys = [there.key for there, *_ in old]
        self._connection.execute("DELETE FROM imported WHERE entity = ANY(%s)", (keys,))
        self._connection.execute("DELETE FROM entity_shape WHERE entity = ANY(%s)", (keys,))
        cursor = self._connection.cursor()
        cursor.executemany(
            "DELETE FROM entity_type WHERE branch = %s AND type = %s AND id = %s",
            [
                (self._trunk.key, word, entity_id)
                for there, entity_id, _, _ in old
                for word in there.types
            ],
        )
        cursor.executemany(
            "UPDATE entity SET state = %s, revision = %s, recorded_us = %s,"
            " types = %s::integer[], shape = %s, told = %s, body = %s::bytea WHERE key = %s",
            rows,
        )
        copy_rows(
            self._connection,
            "entity_type (branch, type, id)",
            [
                (self._trunk.key, word, entity_id)
                for _, entity_id, words, _ in old
                for word in words
            ],
        )

    def finish(self) -> None:
        """End the entities of the source that it gives no more."""
        rows = self._connection.execute(
            "SELECT e.id, e.key FROM imported i JOIN entity e ON e.key = i.entity"
            " WHERE i.source = %s ORDER BY e.id",
            (self._source_key,),
        ).fetchall()
        gone = [key for entity_id, key in rows if entity_id not in self._seen]
        retire(self._connection, self._numbers, self._trunk, gone, self._moment)


def keep(
    connection: Connection,
    numbers: Numbers,
    trunk: Trunk,
    retired: Sequence[tuple[Any, int]],
) -> None:
    """Keep states that are about to go, with the numbers that end them."""
    alive = [(row, until) for row, until in retired if row.state in (ALIVE, ENDED)]
    seen = [(row.key, until) for row, until in alive if row.revision <= trunk.watched]
    keep_seen(connection, [key for key, _ in seen], [until for _, until in seen])
    untold = connection.execute(
        "SELECT key FROM entity WHERE key = ANY(%s) AND NOT told",
        ([row.key for row, _ in alive],),
    ).fetchall()
    keep_untold(connection, numbers, [row[0] for row in untold])


class _Row(NamedTuple):
    key: int
    state: int
    revision: int


def retire(
    connection: Connection, numbers: Numbers, trunk: Trunk, keys: Sequence[int], moment: Moment
) -> int:
    """End entities of the trunk; how many were alive. Their history stays, and says so."""
    ended = 0
    for start in range(0, len(keys), _CHUNK):
        rows = connection.execute(
            "SELECT key, state, revision FROM entity WHERE key = ANY(%s) AND state = 1 ORDER BY id",
            (list(keys[start : start + _CHUNK]),),
        ).fetchall()
        going = [(_Row(*row), moment.next()) for row in rows]
        keep(connection, numbers, trunk, going)
        series = numbers.series(connection, [(row.key, ITSELF, "") for row, _ in going])
        numbers.write(connection)
        copy_rows(
            connection,
            "history (series, sequence, marks, recorded_us)",
            [(series[row.key, ITSELF, ""], until, 2, moment.recorded_us) for row, until in going],
        )
        connection.execute(
            "DELETE FROM entity_type t USING entity e WHERE e.key = ANY(%s)"
            " AND t.branch = e.branch AND t.id = e.id AND t.type = ANY(e.types)",
            ([row.key for row, _ in going],),
        )
        connection.execute(
            "UPDATE entity SET state = 2, body = NULL, shape = NULL, told = true, revision = until,"
            " recorded_us = %s FROM unnest(%s::bigint[], %s::bigint[]) AS t (of_key, until)"
            " WHERE key = of_key",
            (moment.recorded_us, [row.key for row, _ in going], [until for _, until in going]),
        )
        ended += len(going)
    connection.execute("DELETE FROM entity_shape WHERE entity = ANY(%s)", (list(keys),))
    connection.execute("DELETE FROM imported WHERE entity = ANY(%s)", (list(keys),))
    return ended
