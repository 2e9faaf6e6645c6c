"""Entities as rows of the SQLite driver, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.twin.checks import check_entity, check_geometries
from lingjing.twin.columns import Group
from lingjing.twin.documents import decode
from lingjing.twin.entities import Entity
from lingjing.twin.interned import Interned
from lingjing.twin.packed import WRITTEN, document_entity, packed_shape
from lingjing.vocabulary import Attribute, LingjingError, Place, Provenance

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode
_unpack_rows = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode
_unpack_relationships = msgspec.msgpack.Decoder(dict[str, str]).decode
_provenance = msgspec.json.Decoder(Provenance).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode


class Loader:
    """Writes the entities of one source, inside a transaction of the caller's.

    Args:
        connection: In a transaction; the source holds no entities.
        district: Name and key of the district.
        source: Name and key of the source.
        moment: Number and time [µs] of the import.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        district: tuple[str, int],
        source: tuple[str, int],
        moment: tuple[int, int],
    ) -> None:
        self._connection = connection
        self._district, self._district_key = district
        self._source, self._source_key = source
        self._moment = moment
        self._interned = Interned()
        self._next = 1 + int(connection.execute("SELECT coalesce(max(key), 0) FROM entity").get)
        self._layouts: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
        self._shapes: dict[tuple[str, int, tuple[str, ...]], int] = {}
        # Provenances of an earlier import keep their keys, so that what is the same looks so.
        known = connection.execute(
            "SELECT key, record FROM provenance WHERE source = ?", (self._source_key,)
        )
        self._known = {bytes(record): int(key) for key, record in known}
        self._provenances: dict[Provenance, int] = {}
        self.bounds: tuple[float, float, float, float] | None = None

    def add(self, entities: Sequence[Entity]) -> None:
        """Check and write some entities.

        Raises:
            LingjingError: What `check_entity` and `check_geometries` raise, `twin.duplicate-id`,
                `twin.foreign-id`.
        """
        for entity in entities:
            check_entity(entity, self._district, self._source)
        footing = check_geometries(entities, self._source)
        first = self._next
        self._next += len(entities)
        moment = (self._moment[0], self._moment[1], self._moment[1])
        rows = [
            (
                key,
                entity.id,
                *moment,
                self._district_key,
                self._source_key,
                entity.kind,
                *self._packed(entity),
                _pack(entity.relationships) if entity.relationships else None,
                entity.geometry,
                longitude,
                latitude,
            )
            for key, entity, longitude, latitude in zip(
                range(first, self._next),
                entities,
                footing.longitude_deg.tolist(),
                footing.latitude_deg.tolist(),
                strict=True,
            )
        ]
        try:
            self._connection.executemany(
                "INSERT INTO entity (key, branch, id, revision, created_us, recorded_us, district,"
                " source, kind, layout, shape, attributes, relationships, geometry, longitude,"
                " latitude) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        except apsw.ConstraintError:
            self._refuse_repeated(entities, first)
            raise
        self._connection.executemany(
            "INSERT INTO entity_box (key, west, south, east, north) VALUES (?, ?, ?, ?, ?)",
            [
                (key, *box)
                for key, box in zip(
                    range(first, self._next), footing.bounds_deg.tolist(), strict=True
                )
            ],
        )
        self._widen(footing.bounds_deg)

    def _packed(self, entity: Entity) -> tuple[int, int, bytes]:
        names, layout = self._layout(tuple(entity.attributes))
        attributes = [entity.attributes[name] for name in names]
        values: list[Any] = [attribute.value for attribute in attributes]
        values.extend([self._provenance(attribute.provenance) for attribute in attributes])
        related = tuple(entity.relationships)
        looks = (entity.kind, layout, related)
        shape = self._shapes.get(looks)
        if shape is None:
            shape = self._shapes[looks] = self._interned.made_shape(
                self._connection, packed_shape(entity.kind, names, related)
            )
        return layout, shape, _pack(values)

    def _layout(self, given: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        if given not in self._layouts:
            names = tuple(sorted(given))
            text = msgspec.json.encode(names)
            self._connection.execute("INSERT OR IGNORE INTO layout (names) VALUES (?)", (text,))
            key = self._connection.execute("SELECT key FROM layout WHERE names = ?", (text,)).get
            self._layouts[given] = (names, int(key))
        return self._layouts[given]

    def _provenance(self, provenance: Provenance) -> int:
        key = self._provenances.get(provenance)
        if key is None:
            record = msgspec.json.encode(provenance)
            key = self._known.get(record)
            if key is None:
                self._connection.execute(
                    "INSERT INTO provenance (source, record) VALUES (?, ?)",
                    (self._source_key, record),
                )
                key = self._connection.last_insert_rowid()
            self._provenances[provenance] = key
        return key

    def drop_unused(self) -> None:
        """Remove the provenances of an earlier import that this one did not use."""
        used = set(self._provenances.values())
        self._connection.executemany(
            "DELETE FROM provenance WHERE key = ?",
            [(key,) for key in self._known.values() if key not in used],
        )

    def _widen(self, boxes: NDArray[np.float64]) -> None:
        box = joined(boxes)
        self.bounds = box if self.bounds is None else joined(np.array([self.bounds, box]))

    def _refuse_repeated(self, entities: Sequence[Entity], first: int) -> None:
        """Say which id it was, and who holds it."""
        seen: set[str] = set()
        for entity in entities:
            place = Place(file=self._source, field=entity.id)
            held = self._connection.execute(
                "SELECT coalesce(source.name, ?), source.key FROM entity"
                " LEFT JOIN source ON source.key = source"
                " WHERE branch = 1 AND id = ? AND entity.key < ?",
                (WRITTEN, entity.id, first),
            ).get
            if held is not None and held[1] != self._source_key:
                raise LingjingError("twin.foreign-id", place, id=entity.id, held_by=held[0])
            if held is not None or entity.id in seen:
                raise LingjingError("twin.duplicate-id", place, id=entity.id)
            seen.add(entity.id)


def joined(boxes: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The box around boxes [n, 4]."""
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    return west, south, east, north


def read_entities(connection: apsw.Connection, district: str, rows: Sequence[Any]) -> list[Entity]:
    """Entities out of rows, with the provenances they point at.

    Args:
        connection: For the names and provenances.
        district: Name of the district of all of them.
        rows: Per entity its id, kind, layout, attributes, relationships, geometry and body. One
            that was written to and has no location any more is left out.
    """
    layouts: dict[int, tuple[str, ...]] = {}
    provenances: dict[int, Provenance] = {}
    entities: list[Entity] = []
    for identity, kind, layout, packed, relationships, geometry, body in rows:
        if body is not None:
            written = document_entity(decode(body), kind, district)
            if written is not None:
                entities.append(written)
            continue
        if layout not in layouts:
            layouts[layout] = _layout_names(connection, layout)
        names = layouts[layout]
        values = _unpack(packed)
        for key in values[len(names) :]:
            if key not in provenances:
                record = connection.execute("SELECT record FROM provenance WHERE key = ?", (key,))
                provenances[key] = _provenance(record.get)
        attributes = {
            name: Attribute(value, provenances[key])
            for name, value, key in zip(
                names, values[: len(names)], values[len(names) :], strict=True
            )
        }
        related = {} if relationships is None else _unpack_relationships(relationships)
        entities.append(Entity(identity, kind, district, geometry, attributes, related))
    return entities


def read_groups(
    connection: apsw.Connection, layouts: Sequence[int], packed: Sequence[bytes]
) -> list[Group]:
    """Rows gathered by their attribute names, each group unpacked in one go."""
    positions: dict[int, list[int]] = {}
    for position, layout in enumerate(layouts):
        positions.setdefault(layout, []).append(position)
    groups = []
    for layout, places in positions.items():
        head = b"\xdd" + len(places).to_bytes(4, "big")  # msgpack: a list of so many
        rows = _unpack_rows(head + b"".join([packed[place] for place in places]))
        groups.append(Group(_layout_names(connection, layout), places, rows))
    return groups


def read_relationships(packed: Iterable[bytes | None]) -> dict[int, dict[str, str]]:
    """Relationships by position, where there are any."""
    return {
        position: _unpack_relationships(item)
        for position, item in enumerate(packed)
        if item is not None
    }


def read_provenances(connection: apsw.Connection, district: int) -> dict[int, Provenance]:
    """All provenances of a district's sources, by key."""
    found = connection.execute(
        "SELECT provenance.key, provenance.record FROM provenance"
        " JOIN source ON source.key = provenance.source WHERE source.district = ?",
        (district,),
    )
    return {key: _provenance(record) for key, record in found}


def _layout_names(connection: apsw.Connection, key: int) -> tuple[str, ...]:
    return _names(connection.execute("SELECT names FROM layout WHERE key = ?", (key,)).get)


def fill_shapes(connection: apsw.Connection) -> None:
    """Say of imported rows what they look like, where an older schema did not."""
    wanted = connection.execute(
        "SELECT 1 FROM entity WHERE branch = 1 AND shape IS NULL AND layout IS NOT NULL LIMIT 1"
    ).get
    if wanted is None:
        return
    interned = Interned()
    shapes: dict[tuple[str, int, tuple[str, ...]], int] = {}
    connection.execute("BEGIN IMMEDIATE")
    try:
        found: list[Any] = connection.execute(
            "SELECT key, kind, layout, relationships FROM entity"
            " WHERE shape IS NULL AND layout IS NOT NULL"
        ).fetchall()
        made = []
        for key, kind, layout, packed in found:
            related = () if packed is None else tuple(_unpack_relationships(packed))
            looks = (kind, layout, related)
            if looks not in shapes:
                names = _layout_names(connection, layout)
                shapes[looks] = interned.made_shape(connection, packed_shape(kind, names, related))
            made.append((shapes[looks], key))
        connection.executemany("UPDATE entity SET shape = ? WHERE key = ?", made)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
