"""What the SQLite driver writes once and points at: names, shapes, layouts, provenances, templates.

Rows of these tables never change, and a key once committed keeps its meaning, so that what was
read may be remembered. What was read inside a transaction that is then undone must be forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from lingjing.twin.documents import Document, Instance, decode, encode, instant_text
from lingjing.twin.ledger import Record
from lingjing.twin.moments import read_template
from lingjing.twin.packed import packed_document
from lingjing.vocabulary import Provenance

Shape = tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]
"""Types, and attributes each with the kinds of its instances; both sorted."""

COLUMNS = (
    "entity.id, entity.revision, entity.created_us, entity.recorded_us, entity.kind,"
    " entity.layout, entity.attributes, entity.relationships, entity.geometry, entity.body"
)
"""What `records_of` takes of an entity's row."""

_names = msgspec.json.Decoder(tuple[str, ...]).decode
_attributes = msgspec.json.Decoder(tuple[tuple[str, tuple[str, ...]], ...]).decode
_provenance = msgspec.json.Decoder(Provenance).decode
_values = msgspec.msgpack.Decoder(list[Any]).decode
_relationships = msgspec.msgpack.Decoder(dict[str, str]).decode


class Interned:
    """What was read of the tables that never change."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Read everything anew: what was read may have been undone."""
        self._texts: dict[int, str] = {0: ""}
        self._keys: dict[str, int] = {"": 0}
        self._shapes: dict[int, Shape] = {}
        self._shape_keys: dict[Shape, int] = {}
        self._layouts: dict[int, tuple[str, ...]] = {}
        self._provenances: dict[int, Provenance] = {}
        self._templates: dict[int, Instance] = {}
        self._template_keys: dict[bytes, int] = {}
        self._allowed: dict[Any, tuple[int, frozenset[int]]] = {}

    # Names

    def text(self, connection: apsw.Connection, key: int) -> str:
        """The name with a key."""
        found = self._texts.get(key)
        if found is None:
            found = str(connection.execute("SELECT text FROM name WHERE key = ?", (key,)).get)
            self._texts[key] = found
        return found

    def key(self, connection: apsw.Connection, text: str) -> int | None:
        """The key of a name; None where it was never written."""
        found = self._keys.get(text)
        if found is None:
            found = connection.execute("SELECT key FROM name WHERE text = ?", (text,)).get
            if found is not None:
                self._keys[text] = found
        return found

    def made_key(self, connection: apsw.Connection, text: str) -> int:
        """The key of a name, written where it is new."""
        found = self.key(connection, text)
        if found is None:
            connection.execute("INSERT INTO name (text) VALUES (?)", (text,))
            found = self._keys[text] = connection.last_insert_rowid()
        return found

    # Shapes

    def shape(self, connection: apsw.Connection, key: int) -> Shape:
        """The shape with a key."""
        found = self._shapes.get(key)
        if found is None:
            types, attributes = connection.execute(
                "SELECT types, attributes FROM shape WHERE key = ?", (key,)
            ).get
            found = self._shapes[key] = (_names(types), _attributes(attributes))
        return found

    def made_shape(self, connection: apsw.Connection, shape: Shape) -> int:
        """The key of a shape, written where it is new."""
        found = self._shape_keys.get(shape)
        if found is None:
            texts = encode(shape[0]).decode(), encode(shape[1]).decode()
            found = connection.execute(
                "SELECT key FROM shape WHERE types = ? AND attributes = ?", texts
            ).get
            if found is None:
                connection.execute("INSERT INTO shape (types, attributes) VALUES (?, ?)", texts)
                found = connection.last_insert_rowid()
                connection.executemany(
                    "INSERT INTO shape_type VALUES (?, ?)",
                    [(found, self.made_key(connection, name)) for name in set(shape[0])],
                )
            self._shape_keys[shape] = found
        return int(found)

    def allowed(
        self,
        connection: apsw.Connection,
        types: tuple[tuple[str, ...], ...],
        without: tuple[str, ...],
        attributes: tuple[str, ...],
    ) -> frozenset[int]:
        """Keys of the shapes of entities with these types and any of these attributes."""
        asked = (types, without, attributes)
        known, found = self._allowed.get(asked, (0, frozenset()))
        newest = connection.execute("SELECT coalesce(max(key), 0) FROM shape").get
        if newest > known:
            new = connection.execute(
                "SELECT key, types, attributes FROM shape WHERE key > ?", (known,)
            )
            more = []
            for key, held, carried in new:
                if shape_meets(_names(held), _attributes(carried), asked):
                    more.append(key)
            found |= frozenset(more)
            if len(self._allowed) > 512:
                self._allowed.clear()
            self._allowed[asked] = (newest, found)
        return found

    # Templates of instances

    def template(self, connection: apsw.Connection, key: int) -> Instance:
        """The template with a key."""
        found = self._templates.get(key)
        if found is None:
            body = connection.execute("SELECT body FROM template WHERE key = ?", (key,)).get
            found = self._templates[key] = read_template(body)
        return found

    def made_template(self, connection: apsw.Connection, body: bytes) -> int:
        """The key of a template, written where it is new."""
        found = self._template_keys.get(body)
        if found is None:
            found = connection.execute("SELECT key FROM template WHERE body = ?", (body,)).get
            if found is None:
                connection.execute("INSERT INTO template (body) VALUES (?)", (body,))
                found = connection.last_insert_rowid()
            self._template_keys[body] = found
        return int(found)

    # Rows of entities

    def records_of(self, connection: apsw.Connection, rows: Sequence[Any]) -> list[Record | None]:
        """Entities out of rows with `COLUMNS`; None for one that has ended."""
        found: list[Record | None] = []
        for row in rows:
            body = row[9]
            if body is not None:
                found.append(Record(row[0], row[1], decode(body)))
            elif row[5] is None:
                found.append(None)
            else:
                found.append(Record(row[0], row[1], self._unpacked(connection, row)))
        return found

    def _unpacked(self, connection: apsw.Connection, row: Any) -> Document:
        identity, _, created_us, recorded_us, kind, layout, packed, related, geometry, _ = row
        names = self._layouts.get(layout)
        if names is None:
            text = connection.execute("SELECT names FROM layout WHERE key = ?", (layout,)).get
            names = self._layouts[layout] = _names(text)
        values = _values(packed)
        half = len(names)
        return packed_document(
            identity,
            kind,
            {
                name: (values[place], self._source(connection, values[half + place]))
                for place, name in enumerate(names)
            },
            {} if related is None else _relationships(related),
            geometry,
            (instant_text(created_us), instant_text(recorded_us)),
        )

    def _source(self, connection: apsw.Connection, key: int) -> Provenance:
        found = self._provenances.get(key)
        if found is None:
            record = connection.execute("SELECT record FROM provenance WHERE key = ?", (key,)).get
            if len(self._provenances) > 65_536:
                self._provenances.clear()
            found = self._provenances[key] = _provenance(record)
        return found


def shape_meets(
    held: Sequence[str],
    carried: Sequence[tuple[str, Any]],
    asked: tuple[tuple[tuple[str, ...], ...], tuple[str, ...], tuple[str, ...]],
) -> bool:
    """Whether types and attributes meet what a selection asks of them."""
    types, without, attributes = asked
    if types and not any(all(item in held for item in group) for group in types):
        return False
    if any(item in held for item in without):
        return False
    if not attributes:
        return True
    return any(name in attributes for name, _ in carried)
