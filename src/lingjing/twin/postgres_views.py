"""Districts read out of PostgreSQL: things one by one, and views as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from lingjing.twin.assembled import PackedThings, assembled_view, written_things
from lingjing.twin.columns import Group
from lingjing.twin.contract import Bounds
from lingjing.twin.documents import LOCATION
from lingjing.twin.entities import Entity
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK, Branch, Record
from lingjing.twin.packed import document_entity, kind_and_district, type_of
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_reading import Reader
from lingjing.twin.postgres_words import Branches, Lexicon
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Attribute, Provenance, kinds

_unpack = msgspec.msgpack.Decoder(list[Any]).decode
_unpack_rows = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode
_relationships = msgspec.msgpack.Decoder(dict[str, str]).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode
_provenance = msgspec.json.Decoder(Provenance).decode

_COLUMNS: Final = (
    "e.id, i.kind, d.name, i.layout, i.attributes, i.relationships, i.geometry, i.longitude,"
    " i.latitude"
)
_IN_FORCE: Final = (
    "imported i JOIN entity e ON e.key = i.entity AND e.revision = i.revision AND e.state = 1"
    " JOIN district d ON d.key = i.district"
)


class DistrictReader:
    """Reads districts over one connection that sees one state.

    Args:
        connection: The connection.
        lexicon: What numbers stand for.
        branches: As of the same state.
    """

    def __init__(self, connection: Connection, lexicon: Lexicon, branches: Branches) -> None:
        self._connection = connection
        self._branches = branches
        self._reader = Reader(connection, lexicon)
        self._trunk = branches.by_name[DEFAULT_TENANT, TRUNK]
        self._layouts: dict[int, tuple[str, ...]] = {}
        self._origins: dict[int, Provenance] = {}

    # Things one by one

    def counts(self, district: str) -> dict[str, int]:
        """Number of entities of the trunk by kind."""
        query = f"SELECT i.kind, count(*) FROM {_IN_FORCE} WHERE d.name = %s GROUP BY i.kind"  # noqa: S608
        found: dict[str, int] = dict(
            self._connection.execute(query.encode(), (district,)).fetchall()
        )
        for record in self.written(district):
            kind = record.id.split(":", 3)[2]
            if written_things([record], kind, district):
                found[kind] = found.get(kind, 0) + 1
        return dict(sorted(found.items()))

    def written(self, district: str, kind: str | None = None) -> list[Record]:
        """Entities of the district that stand in the trunk as documents, in order of id."""
        ids = self._written_ids(district, kind)
        records = self._reader.records(self._branches.levels(self._trunk), ids)
        return [records[entity_id] for entity_id in ids if entity_id in records]

    def _written_ids(self, district: str, kind: str | None) -> list[str]:
        chosen = sorted(kinds()) if kind is None else [kind]
        words = self._reader.lexicon.find(self._connection, [type_of(name) for name in chosen])
        rows = self._connection.execute(
            "SELECT DISTINCT t.id FROM entity_type t"
            " JOIN entity e ON e.branch = t.branch AND e.id = t.id"
            " WHERE t.branch = %s AND t.type = ANY(%s) AND split_part(t.id, ':', 4) = %s"
            " AND NOT EXISTS (SELECT FROM imported i WHERE i.entity = e.key"
            " AND i.revision = e.revision) ORDER BY t.id",
            (self._trunk.key, [word for word in words if word is not None], district),
        )
        return [row[0] for row in rows]

    def ids(self, district: str, kind: str | None) -> list[str]:
        """Ids of the district's things in order."""
        query = (
            f"SELECT e.id FROM {_IN_FORCE} WHERE d.name = %s"  # noqa: S608
            " AND (%s::text IS NULL OR i.kind = %s)"
        )
        rows = self._connection.execute(query.encode(), (district, kind, kind)).fetchall()
        return sorted([*(row[0] for row in rows), *self._written_ids(district, kind)])

    def ids_near(self, district: str, kind: str | None, bounds: Bounds) -> list[str]:
        """Ids of those whose boxes touch a box."""
        (word,) = self._reader.lexicon.find(self._connection, [LOCATION])
        rows = self._connection.execute(
            "SELECT DISTINCT e.id FROM entity e JOIN entity_shape s ON s.entity = e.key"
            " WHERE e.branch = %s AND e.state = 1 AND s.attribute = %s"
            " AND s.shape && ST_MakeEnvelope(%s, %s, %s, %s, 4326)"
            " AND split_part(e.id, ':', 4) = %s AND (%s::text IS NULL OR split_part(e.id, ':', 3)"
            " = %s)",
            (self._trunk.key, word, *bounds, district, kind, kind),
        )
        return sorted(row[0] for row in rows)

    def by_id(self, ids: Sequence[str]) -> list[Entity]:
        """Things of the trunk in order of id; those that are none, or are gone, lack."""
        query = f"SELECT {_COLUMNS} FROM {_IN_FORCE} WHERE e.branch = %s AND e.id = ANY(%s)"  # noqa: S608
        rows = self._connection.execute(
            query.encode(), (self._trunk.key, list(ids)), binary=True
        ).fetchall()
        found = {row[0]: self._unpacked(row) for row in rows}
        rest = [entity_id for entity_id in ids if entity_id not in found]
        if rest:
            levels = self._branches.levels(self._trunk)
            for record in self._reader.records(levels, rest).values():
                named = kind_and_district(record.id, record.document["type"])
                entity = None if named is None else document_entity(record.document, *named)
                if entity is not None:
                    found[record.id] = entity
        return [found[entity_id] for entity_id in sorted(found)]

    def _unpacked(self, row: Sequence[Any]) -> Entity:
        entity_id, kind, district, layout, packed, related, geometry, *_ = row
        names = self._layout(layout)
        values = _unpack(packed)
        attributes = {
            name: Attribute(value, self._origin(key))
            for name, value, key in zip(
                names, values[: len(names)], values[len(names) :], strict=True
            )
        }
        relationships = {} if related is None else _relationships(related)
        return Entity(entity_id, kind, district, geometry, attributes, relationships)

    def _layout(self, key: int) -> tuple[str, ...]:
        found = self._layouts.get(key)
        if found is None:
            row = self._connection.execute(
                "SELECT names FROM layout WHERE key = %s", (key,)
            ).fetchone()
            assert row is not None  # noqa: S101
            found = self._layouts[key] = _names(row[0])
        return found

    def _origin(self, key: int) -> Provenance:
        found = self._origins.get(key)
        if found is None:
            row = self._connection.execute(
                "SELECT record FROM provenance WHERE key = %s", (key,)
            ).fetchone()
            assert row is not None  # noqa: S101
            found = self._origins[key] = _provenance(row[0])
        return found

    # Views

    def view(self, district: str, kind: str, branch: Branch, at_us: int | None) -> TwinView:
        """All entities of a kind as columns, as a branch shows them now or at an instant."""
        apart = self._apart(district, kind, branch, at_us)
        records = self._reader.records(self._branches.levels(branch), apart, at_us).values()
        packed = self._packed(district, kind, set(apart))
        return assembled_view(kind, packed, written_things(records, kind, district))

    def _apart(self, district: str, kind: str, branch: Branch, at_us: int | None) -> list[str]:
        """Ids whose state is not simply that of the trunk's imported row."""
        if branch.parent is None and at_us is None:
            return self._written_ids(district, kind)
        levels = self._branches.levels(branch)
        first = f"urn:ngsi-ld:{kind}:{district}:"
        asked = {
            "branches": [level.branch for level in levels[:-1]],
            "trunk": levels[-1].branch,
            "limit": levels[-1].limit,
            "at": levels[-1].limit if at_us is None else at_us,
            "first": first,
            "last": first[:-1] + ";",
        }
        rows = self._connection.execute(
            "SELECT id FROM entity WHERE branch = ANY(%(branches)s)"
            " AND id >= %(first)s AND id < %(last)s UNION"
            " SELECT id FROM entity e WHERE branch = %(trunk)s"
            " AND id >= %(first)s AND id < %(last)s"
            " AND (revision > %(limit)s OR recorded_us > %(at)s OR NOT EXISTS"
            " (SELECT FROM imported i WHERE i.entity = e.key AND i.revision = e.revision))",
            asked,
        )
        return sorted(row[0] for row in rows)

    def _packed(self, district: str, kind: str, apart: set[str]) -> PackedThings:
        query = f"SELECT {_COLUMNS} FROM {_IN_FORCE} WHERE d.name = %s AND i.kind = %s"  # noqa: S608
        rows = self._connection.execute(query.encode(), (district, kind), binary=True).fetchall()
        if apart:
            rows = [row for row in rows if row[0] not in apart]
        ids, _, _, layouts, packed, related, wkb, longitudes, latitudes = (
            zip(*rows, strict=True) if rows else ((),) * 9
        )
        groups, keys = self._groups(layouts, packed)
        return PackedThings(
            ids,
            longitudes,
            latitudes,
            wkb,
            groups,
            {key: self._origin(key) for key in keys},
            {place: _relationships(item) for place, item in enumerate(related) if item is not None},
        )

    def _groups(
        self, layouts: Iterable[int], packed: Sequence[bytes]
    ) -> tuple[list[Group], set[int]]:
        """Rows gathered by their attribute names, each group unpacked in one go."""
        positions: dict[int, list[int]] = {}
        for position, layout in enumerate(layouts):
            positions.setdefault(layout, []).append(position)
        groups: list[Group] = []
        keys: set[int] = set()
        for layout, places in positions.items():
            names = self._layout(layout)
            head = b"\xdd" + len(places).to_bytes(4, "big")  # msgpack: a list of so many
            rows = _unpack_rows(head + b"".join([packed[place] for place in places]))
            for row in rows:
                keys.update(row[len(names) :])
            groups.append(Group(names, places, rows))
        return groups, keys
