"""A whole twin into PostgreSQL's tables, from the stream of parts that any driver gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import shapely

from lingjing.twin import chunks
from lingjing.twin.documents import (
    LOCATION,
    Document,
    decode,
    encode,
    instant_text,
    plain_number,
)
from lingjing.twin.packed import packed_document
from lingjing.twin.parts import (
    BranchPart,
    ClockPart,
    DistrictPart,
    EntityPart,
    Imported,
    NotePart,
    Part,
    PastPart,
    RowsPart,
    SourcePart,
    SubjectPart,
    inward,
)
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_finding import shape_bytes
from lingjing.twin.postgres_numbers import Numbers, copy_rows
from lingjing.twin.postgres_packing import described
from lingjing.twin.postgres_reading import ALIVE, ENDED
from lingjing.twin.postgres_words import CHECKPOINT, ITSELF
from lingjing.twin.postgres_writing import HISTORY
from lingjing.vocabulary import LingjingError, Provenance

_pack = msgspec.msgpack.Encoder().encode
_provenance = msgspec.json.Decoder(Provenance).decode
_MOST_PENDING: Final = 5_000
_CHUNKS: Final = (
    "history_chunk (series, count, first_observed_us, last_observed_us, first_recorded_us,"
    " last_recorded_us, first_sequence, last_sequence, body)"
)
_ENTITY: Final = (
    "entity (key, branch, id, state, born, revision, recorded_us, types, shape, told, body)"
)
_TYPE: Final = "entity_type (branch, type, id)"
_SHAPE: Final = "entity_shape (entity, attribute, shape)"
_IMPORTED: Final = (
    "imported (entity, revision, district, source, kind, layout, attributes, relationships,"
    " geometry, longitude, latitude)"
)
_PAST: Final = "entity_past (branch, id, revision, until, state, recorded_us, types, shape, body)"
_MASK: Final = "history_mask (branch, id, attribute, dataset, sequence, until)"
_NOTE: Final = "note (tenant, collection, key, body)"
_TABLES: Final = (_ENTITY, _TYPE, _SHAPE, _IMPORTED, HISTORY, _CHUNKS, _PAST, _MASK, _NOTE)


class Filler:
    """Writes parts into an empty twin, inside a transaction of the caller's.

    Args:
        connection: In the transaction, with the clock locked.
        numbers: Of the transaction.
        shown: Names the twin in errors.
    """

    def __init__(self, connection: Connection, numbers: Numbers, shown: str) -> None:
        self._connection = connection
        self._numbers = numbers
        self._shown = shown
        self._pending: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        self._branches: dict[int, int] = {}
        self._parts: dict[int, BranchPart] = {}
        self._districts: dict[str, int] = {}
        self._sources: dict[tuple[str, str], int] = {}
        self._interned: dict[tuple[str, bytes], int] = {}
        self._entities: dict[tuple[int, str], int] = {}
        self._absent: dict[int, tuple[int, int]] = {}
        self._types: dict[int, tuple[int, list[int]]] = {}
        self._born: dict[int, int] = {}
        self._series: dict[tuple[int, int, str], int] = {}
        self._clock = ClockPart(0, 0)

    def fill(self, stream: Iterator[Part]) -> None:
        """Take over everything.

        Raises:
            LingjingError: `twin.not-empty`.
        """
        row = self._connection.execute(
            "SELECT (SELECT sequence FROM clock) + (SELECT count(*) FROM entity)"
            " + (SELECT count(*) FROM branch) + (SELECT count(*) FROM district)"
        ).fetchone()
        if row is None or row[0] > 1:
            raise LingjingError("twin.not-empty", path=self._shown)
        take: dict[type, Any] = {
            ClockPart: self._take_clock,
            BranchPart: self._take_branch,
            DistrictPart: self._take_district,
            SourcePart: self._take_source,
            EntityPart: self._take_entity,
            PastPart: self._take_past,
            SubjectPart: self._take_subject,
            RowsPart: self._take_rows,
            NotePart: self._take_note,
        }
        for part in stream:
            take[type(part)](part)
            if sum(map(len, self._pending.values())) > _MOST_PENDING:
                self._flush()
        self._flush()
        self._settle()

    def _flush(self) -> None:
        copy_rows(self._connection, _ENTITY, self._pending[_ENTITY])
        self._pending[_ENTITY].clear()
        self._numbers.write(self._connection)
        for table, rows in self._pending.items():
            copy_rows(self._connection, table, rows)
            rows.clear()

    def _settle(self) -> None:
        """Say of what ended when it did, and of all when it was first known."""
        cursor = self._connection.cursor()
        if self._types:
            cursor.executemany(
                "UPDATE entity SET born = %s, types = CASE WHEN state = 1 THEN types"
                " ELSE %s::integer[] END WHERE key = %s",
                [(since, types, key) for key, (since, types) in self._types.items()],
            )
        if self._born:
            cursor.executemany(
                "UPDATE entity SET born = least(born, %s) WHERE key = %s",
                [(first, key) for key, first in self._born.items()],
            )
        if self._absent:
            cursor.executemany(
                "UPDATE entity SET revision = %s, recorded_us = %s WHERE key = %s",
                [(*last, key) for key, last in self._absent.items()],
            )
        self._connection.execute(
            "UPDATE clock SET sequence = %s, recorded_us = %s, writes = writes + 1,"
            " layout = layout + 1, next_entity = %s, next_series = %s, next_word = %s,"
            " next_template = %s, next_shape = %s",
            (self._clock.sequence, self._clock.recorded_us, *self._numbers.following),
        )

    # What parts become

    def _take_clock(self, part: ClockPart) -> None:
        self._clock = part

    def _take_branch(self, part: BranchPart) -> None:
        parent = None if part.parent is None else self._branches[part.parent]
        row = self._connection.execute(
            "INSERT INTO branch (tenant, name, parent, base, created_us, note)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (tenant, name) DO UPDATE"
            " SET created_us = excluded.created_us, note = excluded.note RETURNING key",
            (part.tenant, part.name, parent, part.base, part.created_us, part.note),
        ).fetchone()
        assert row is not None  # noqa: S101
        self._branches[part.key] = row[0]
        self._parts[part.key] = part

    def _take_district(self, part: DistrictPart) -> None:
        row = self._connection.execute(
            "INSERT INTO district (name, revision, edited, record)"
            " VALUES (%s, %s, %s, %s::bytea) RETURNING key",
            (part.name, part.revision, part.edited, part.record),
        ).fetchone()
        assert row is not None  # noqa: S101
        self._districts[part.name] = row[0]

    def _take_source(self, part: SourcePart) -> None:
        row = self._connection.execute(
            "INSERT INTO source (district, name, record, west, south, east, north)"
            " VALUES (%s, %s, %s::bytea, %s, %s, %s, %s) RETURNING key",
            (self._districts[part.district], part.name, part.record, *(part.bounds or (None,) * 4)),
        ).fetchone()
        assert row is not None  # noqa: S101
        self._sources[part.district, part.name] = row[0]

    def _take_entity(self, part: EntityPart) -> None:
        branch = self._branches[part.branch]
        key = self._entities[part.branch, part.id] = self._numbers.take("entity")
        document: Document | None = None
        if part.body is not None:
            document = decode(part.body)
        elif part.imported is not None and part.kind is not None:
            document = _document(part, part.imported)
            self._import(key, part, part.imported)
        types, shape = self._looks(document)
        self._pending[_ENTITY].append(
            (key, branch, part.id, ENDED if document is None else ALIVE, part.revision,
             part.revision, part.recorded_us, types, shape, not part.untold,
             None if document is None else encode(document))
        )  # fmt: skip
        rows = self._pending[_TYPE]
        rows.extend((branch, word, part.id) for word in dict.fromkeys(types))
        if document is not None:
            self._place(key, document, part.imported)

    def _looks(self, document: Document | None) -> tuple[list[int], int | None]:
        if document is None:
            return [], None
        types = [self._numbers.word(self._connection, iri) for iri in document["type"]]
        return types, self._numbers.shape(self._connection, document)

    def _import(self, key: int, part: EntityPart, held: Imported) -> None:
        names = tuple(sorted(held.attributes))
        values: list[Any] = [held.attributes[name][0] for name in names]
        origins = [self._intern("provenance", "record", held.attributes[name][1]) for name in names]
        district = part.district or ""
        self._pending[_IMPORTED].append(
            (key, part.revision, self._districts[district],
             self._sources[district, part.source or ""], part.kind,
             self._intern("layout", "names", msgspec.json.encode(names)),
             _pack([*values, *origins]), _pack(held.relationships) if held.relationships else None,
             held.geometry, held.longitude, held.latitude)
        )  # fmt: skip

    def _intern(self, table: str, column: str, body: bytes) -> int:
        found = self._interned.get((table, body))
        if found is None:
            row = self._connection.execute(
                f"INSERT INTO {table} ({column}) VALUES (%s)"  # noqa: S608
                f" ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column}"
                " RETURNING key".encode(),
                (body,),
            ).fetchone()
            assert row is not None  # noqa: S101
            found = self._interned[table, body] = row[0]
        return found

    def _place(self, key: int, document: Document, imported: Imported | None) -> None:
        rows = self._pending[_SHAPE]
        if imported is not None:
            made = shapely.set_srid(shapely.from_wkb(imported.geometry), 4326)
            text = shapely.to_wkb(made, hex=True, include_srid=True, output_dimension=2)
            rows.append((key, self._numbers.word(self._connection, LOCATION), text))
            return
        for attribute, datasets in document["attributes"].items():
            for instance in datasets.values():
                if instance["type"] == "GeoProperty":
                    shape = shape_bytes(instance.get("value"))
                    if shape is not None:
                        word = self._numbers.word(self._connection, attribute)
                        rows.append((key, word, shape))

    def _entity_key(self, branch: int, entity_id: str) -> int:
        """Key of an entity's row, made where the stream had none: it ended, or never was."""
        key = self._entities.get((branch, entity_id))
        if key is None:
            key = self._entities[branch, entity_id] = self._numbers.take("entity")
            state = ENDED if self._parts[branch].parent is None else 0
            self._pending[_ENTITY].append(
                (key, self._branches[branch], entity_id, state, 0, 0, 0, [], None, True, None)
            )
            self._absent[key] = (0, 0)
        return key

    def _series_key(self, entity: int, word: int, dataset: str) -> int:
        place = (entity, word, dataset)
        found = self._series.get(place)
        if found is None:
            found = self._series[place] = self._numbers.made_series(place)
        return found

    def _last(self, entity: int, sequence: int, recorded_us: int) -> None:
        if entity in self._absent:
            self._absent[entity] = max(self._absent[entity], (sequence, recorded_us))

    def _take_past(self, part: PastPart) -> None:
        entity = self._entity_key(part.branch, part.id)
        self._last(entity, part.to_sequence, part.to_us)
        self._born[entity] = min(self._born.get(entity, part.from_sequence), part.from_sequence)
        document = None if part.body is None else decode(part.body)
        if part.body is not None:
            series = self._series_key(entity, CHECKPOINT, "")
            self._pending[HISTORY].append(
                (series, part.from_sequence, 1, None, part.from_us, None, None, None, part.body)
            )
        elif part.from_sequence == part.to_sequence:
            series = self._series_key(entity, ITSELF, "")
            self._pending[HISTORY].append(
                (series, part.from_sequence, 2, None, part.from_us, None, None, None, None)
            )
        if any(
            branch.parent == part.branch and part.from_sequence <= branch.base < part.to_sequence
            for branch in self._parts.values()
        ):
            types, shape = self._looks(document)
            self._pending[_PAST].append(
                (self._branches[part.branch], part.id, part.from_sequence, part.to_sequence,
                 ENDED if document is None else ALIVE, part.from_us, types, shape, part.body)
            )  # fmt: skip

    def _take_subject(self, part: SubjectPart) -> None:
        entity = self._entity_key(part.branch, part.id)
        types = [self._numbers.word(self._connection, iri) for iri in part.types]
        self._types[entity] = (part.since, types)
        base = self._parts[part.branch].base
        masks: list[tuple[int | None, str | None]] = []
        if part.hides:
            masks.append((None, None))
        for attribute, dataset in part.hidden:
            masks.append((self._word(attribute), dataset))
        rows = self._pending[_MASK]
        rows.extend(
            (self._branches[part.branch], part.id, word, dataset, None, base)
            for word, dataset in masks
        )

    def _word(self, attribute: str) -> int:
        return self._numbers.word(self._connection, attribute) if attribute else ITSELF

    def _take_rows(self, part: RowsPart) -> None:
        keys = [self._numbers.template(self._connection, body) for body in part.templates]
        columns = inward(part, keys)
        if not len(columns):
            return
        entity = self._entity_key(part.branch, part.id)
        self._last(entity, int(columns.sequence[-1]), int(columns.recorded_us.max()))
        series = self._series_key(entity, self._word(part.attribute), part.dataset)
        if len(columns) < chunks.HOT_ROWS or not part.attribute:
            self._pending[HISTORY].extend(
                (series, *_with_number(row)) for row in chunks.to_rows(columns)
            )
            return
        numbered = chunks.from_rows([_with_number(row) for row in chunks.to_rows(columns)])
        for start in range(0, len(numbered), chunks.ROWS):
            piece = numbered.take(np.arange(start, min(start + chunks.ROWS, len(numbered))))
            self._pending[_CHUNKS].append((series, *described(piece), chunks.encode(piece)))

    def _take_note(self, part: NotePart) -> None:
        self._pending[_NOTE].append((part.tenant, part.collection, part.key, part.body))


def _document(part: EntityPart, held: Imported) -> Document:
    return packed_document(
        part.id,
        part.kind or "",
        {name: (value, _provenance(record)) for name, (value, record) in held.attributes.items()},
        held.relationships,
        held.geometry,
        (instant_text(part.created_us), instant_text(part.recorded_us)),
    )


def _with_number(row: chunks.Row) -> chunks.Row:
    """The row with its number, which another driver may have left in the body."""
    if row[6] is not None or row[7] is None:
        return row
    try:
        number = plain_number(decode(row[7]))
    except (msgspec.DecodeError, KeyError):
        number = None
    return (*row[:6], number, row[7])
