"""A whole twin out of, and into, the SQLite driver's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import apsw
import msgspec
import shapely

from lingjing.twin.documents import LOCATION, decode, encode
from lingjing.twin.interned import Interned
from lingjing.twin.packed import around, boxes, document_shape, packed_shape
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
    outward,
)
from lingjing.twin.sealing import SealedFiles
from lingjing.twin.spans import NO_LIMIT
from lingjing.twin.sqlite_history import History, Series
from lingjing.twin.sqlite_past import HistoryWriter
from lingjing.twin.sqlite_reading import past_document, squeezed
from lingjing.vocabulary import LingjingError

_names = msgspec.json.Decoder(tuple[str, ...]).decode
_values = msgspec.msgpack.Decoder(list[Any]).decode
_related = msgspec.msgpack.Decoder(dict[str, str]).decode
_pack = msgspec.msgpack.Encoder().encode

_ENTITIES: Final = (
    "SELECT branch, id, revision, recorded_us, created_us, untold, body, layout, attributes,"
    " relationships, geometry, longitude, latitude, kind,"
    " (SELECT name FROM district WHERE district.key = entity.district),"
    " (SELECT name FROM source WHERE source.key = entity.source) FROM entity ORDER BY branch, id"
)


def parts(connection: apsw.Connection, files: SealedFiles) -> Iterator[Part]:
    """The whole twin, as one transaction sees it."""
    interned = Interned()

    def all_of(query: str) -> list[Any]:
        return connection.execute(query).fetchall()

    for row in all_of("SELECT revision, recorded_us FROM clock"):
        yield ClockPart(*row)
    for row in all_of(
        "SELECT branch.key, tenant.name, branch.name, parent, base, created_us, note"
        " FROM branch JOIN tenant ON tenant.key = branch.tenant ORDER BY branch.key"
    ):
        yield BranchPart(*row)
    for row in all_of("SELECT name, revision, edited, record FROM district ORDER BY key"):
        yield DistrictPart(*row)
    for name, source, record, *box in all_of(
        "SELECT district.name, source.name, source.record, west, south, east, north"
        " FROM source JOIN district ON district.key = source.district ORDER BY source.key"
    ):
        bounds = None if box[0] is None else (box[0], box[1], box[2], box[3])
        yield SourcePart(name, source, record, bounds)
    yield from _entities(connection)
    past: Any = connection.execute(
        "SELECT branch, id, from_sequence, to_sequence, from_us, to_us, body FROM entity_past"
        " ORDER BY branch, id, from_sequence"
    )
    for row in past:
        document = past_document(row[6])
        body = None if document is None else encode(document)
        branch, entity_id, from_sequence, to_sequence, from_us, to_us, _ = row
        yield PastPart(branch, entity_id, from_sequence, to_sequence, from_us, to_us, body)
    yield from _histories(connection, interned, files)
    for row in connection.execute(
        "SELECT tenant.name, collection, note.key, body FROM note"
        " JOIN tenant ON tenant.key = note.tenant ORDER BY 1, 2, 3"
    ):
        yield NotePart(*row)


def _entities(connection: apsw.Connection) -> Iterator[EntityPart]:
    layouts = {key: _names(names) for key, names in connection.execute("SELECT * FROM layout")}
    provenances = dict(connection.execute("SELECT key, record FROM provenance"))
    rows: Any = connection.execute(_ENTITIES)
    for row in rows:
        imported = None
        if row[7] is not None:
            names, values = layouts[row[7]], _values(row[8])
            held = zip(names, values[: len(names)], values[len(names) :], strict=True)
            imported = Imported(
                {name: (value, provenances[key]) for name, value, key in held},
                {} if row[9] is None else _related(row[9]),
                *row[10:13],
            )
        branch, entity_id, revision, recorded_us, created_us, untold, body = row[:7]
        kind, district, source = row[13:]
        yield EntityPart(
            branch,
            entity_id,
            revision,
            recorded_us,
            created_us,
            bool(untold),
            body,
            imported,
            kind,
            district,
            source,
        )


def _histories(
    connection: apsw.Connection, interned: Interned, files: SealedFiles
) -> Iterator[Part]:
    history = History(connection, interned, files)
    templates = dict(connection.execute("SELECT key, body FROM template"))
    subjects: list[Any] = connection.execute(
        "SELECT key, branch, id, since, types, hides FROM subject ORDER BY branch, id"
    ).fetchall()
    for key, branch, entity_id, since, types, hides in subjects:
        hidden = [
            (interned.text(connection, attribute), interned.text(connection, dataset))
            for attribute, dataset in sorted(history.hidden_by(key))
        ]
        yield SubjectPart(branch, entity_id, since, _names(types), bool(hides), tuple(hidden))
        for attribute, dataset in sorted(history.series_of_subject(key)):
            series = Series(key, attribute, dataset, NO_LIMIT)
            yield RowsPart(
                branch,
                entity_id,
                *history.names(series),
                *outward(history.whole(series), templates),
            )


class Filler:
    """Writes parts into an empty twin, inside a transaction of the caller's.

    Args:
        connection: In a transaction.
        files: Sealed files.
    """

    def __init__(self, connection: apsw.Connection, files: SealedFiles) -> None:
        self._connection = connection
        self._interned = Interned()
        self._writer = HistoryWriter(connection, self._interned, files)
        self._branches: dict[int, int] = {}
        self._districts: dict[str, int] = {}
        self._sources: dict[tuple[str | None, str | None], int] = {}
        self._layouts: dict[tuple[str, ...], int] = {}
        self._provenances: dict[tuple[int, bytes], int] = {}
        self._tenants: dict[str, int] = {}

    def fill(self, stream: Iterator[Part]) -> None:
        """Take over everything.

        Raises:
            LingjingError: `twin.not-empty`.
        """
        if self._connection.execute(
            "SELECT (SELECT revision FROM clock) + (SELECT count(*) FROM entity)"
            " + (SELECT count(*) FROM branch) > 1"
        ).get:
            raise LingjingError("twin.not-empty", path=self._connection.filename)
        self._connection.execute("DELETE FROM branch")
        take: dict[type, Any] = {
            ClockPart: self._clock,
            BranchPart: self._branch,
            DistrictPart: self._district,
            SourcePart: self._source,
            EntityPart: self._entity,
            PastPart: self._past,
            SubjectPart: self._subject,
            RowsPart: self._rows,
            NotePart: self._note,
        }
        for part in stream:
            take[type(part)](part)

    def _clock(self, part: ClockPart) -> None:
        self._connection.execute(
            "UPDATE clock SET revision = ?, recorded_us = ?", (part.sequence, part.recorded_us)
        )

    def _tenant(self, name: str) -> int:
        if name not in self._tenants:
            self._connection.execute("INSERT OR IGNORE INTO tenant (name) VALUES (?)", (name,))
            self._tenants[name] = int(
                self._connection.execute("SELECT key FROM tenant WHERE name = ?", (name,)).get
            )
        return self._tenants[name]

    def _branch(self, part: BranchPart) -> None:
        # The trunk of the default tenant is branch 1 in every file.
        first = part.parent is None and not part.tenant
        parent = None if part.parent is None else self._branches[part.parent]
        self._connection.execute(
            "INSERT INTO branch (key, tenant, name, parent, base, created_us, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                1 if first else None, self._tenant(part.tenant), part.name, parent, part.base,
                part.created_us, part.note,
            ),
        )  # fmt: skip
        self._branches[part.key] = self._connection.last_insert_rowid()

    def _district(self, part: DistrictPart) -> None:
        self._connection.execute(
            "INSERT INTO district (name, revision, edited, record) VALUES (?, ?, ?, ?)",
            (part.name, part.revision, part.edited, part.record),
        )
        self._districts[part.name] = self._connection.last_insert_rowid()

    def _source(self, part: SourcePart) -> None:
        self._connection.execute(
            "INSERT INTO source (district, name, record, west, south, east, north)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._districts[part.district], part.name, part.record,
                *(part.bounds or (None,) * 4),
            ),
        )  # fmt: skip
        self._sources[part.district, part.name] = self._connection.last_insert_rowid()

    def _entity(self, part: EntityPart) -> None:
        district = self._districts.get(part.district or "")
        source = self._sources.get((part.district, part.source))
        shape, packed, related, geometry, layout = None, None, None, None, None
        longitude = latitude = None
        document = None
        if part.body is not None:
            document = decode(part.body)
            shape = self._interned.made_shape(self._connection, document_shape(document))
        elif part.imported is not None and part.kind is not None:
            held = part.imported
            names = tuple(sorted(held.attributes))
            layout = self._layout(names)
            looks = packed_shape(part.kind, names, tuple(held.relationships))
            shape = self._interned.made_shape(self._connection, looks)
            values = [held.attributes[name][0] for name in names]
            origins = [self._provenance(source, held.attributes[name][1]) for name in names]
            packed = _pack([*values, *origins])
            related = _pack(held.relationships) if held.relationships else None
            geometry, longitude, latitude = held.geometry, held.longitude, held.latitude
        self._connection.execute(
            "INSERT INTO entity (branch, id, revision, created_us, recorded_us, shape, district,"
            " source, kind, layout, attributes, relationships, geometry, longitude, latitude,"
            " body, untold) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._branches[part.branch], part.id, part.revision, part.created_us,
                part.recorded_us, shape, district, source, part.kind, layout, packed, related,
                geometry, longitude, latitude, part.body, part.untold,
            ),
        )  # fmt: skip
        self._place(self._connection.last_insert_rowid(), document, geometry)

    def _place(self, key: int, document: Any, geometry: bytes | None) -> None:
        if geometry is not None:
            west, south, east, north = shapely.bounds(shapely.from_wkb(geometry)).tolist()
            held = {LOCATION: [(west, south, east, north)]}
        else:
            held = {} if document is None else boxes(document)
        for attribute, theirs in held.items():
            if attribute == LOCATION:
                self._connection.execute(
                    "INSERT INTO entity_box (key, west, east, south, north) VALUES (?, ?, ?, ?, ?)",
                    (key, *around(theirs)),
                )
                continue
            name = self._interned.made_key(self._connection, attribute)
            for west, south, east, north in theirs:
                self._connection.execute(
                    "INSERT INTO place (entity, attribute) VALUES (?, ?)", (key, name)
                )
                self._connection.execute(
                    "INSERT INTO place_box (key, west, east, south, north) VALUES (?, ?, ?, ?, ?)",
                    (self._connection.last_insert_rowid(), west, east, south, north),
                )

    def _layout(self, names: tuple[str, ...]) -> int:
        if names not in self._layouts:
            self._connection.execute(
                "INSERT INTO layout (names) VALUES (?)", (msgspec.json.encode(names),)
            )
            self._layouts[names] = self._connection.last_insert_rowid()
        return self._layouts[names]

    def _provenance(self, source: int | None, record: bytes) -> int:
        place = (source or 0, record)
        if place not in self._provenances:
            self._connection.execute(
                "INSERT INTO provenance (source, record) VALUES (?, ?)", (source, record)
            )
            self._provenances[place] = self._connection.last_insert_rowid()
        return self._provenances[place]

    def _past(self, part: PastPart) -> None:
        body = None if part.body is None else squeezed(part.body)
        self._connection.execute(
            "INSERT INTO entity_past VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._branches[part.branch], part.id, part.from_sequence, part.to_sequence,
                part.from_us, part.to_us, body,
            ),
        )  # fmt: skip

    def _subject(self, part: SubjectPart) -> None:
        self._connection.execute(
            "INSERT INTO subject (branch, id, since, types, hides) VALUES (?, ?, ?, ?, ?)",
            (
                self._branches[part.branch], part.id, part.since, encode(part.types).decode(),
                part.hides,
            ),
        )  # fmt: skip
        key = self._connection.last_insert_rowid()
        for attribute, dataset in part.hidden:
            self._connection.execute(
                "INSERT INTO hidden VALUES (?, ?, ?)",
                (
                    key,
                    self._interned.made_key(self._connection, attribute),
                    self._interned.made_key(self._connection, dataset),
                ),
            )

    def _rows(self, part: RowsPart) -> None:
        keys = [self._interned.made_template(self._connection, body) for body in part.templates]
        columns = inward(part, keys)
        subject = self._connection.execute(
            "SELECT key FROM subject WHERE branch = ? AND id = ?",
            (self._branches[part.branch], part.id),
        ).get
        place = (
            subject,
            self._interned.made_key(self._connection, part.attribute),
            self._interned.made_key(self._connection, part.dataset),
        )
        self._writer.put(place, columns)

    def _note(self, part: NotePart) -> None:
        self._connection.execute(
            "INSERT INTO note VALUES (?, ?, ?, ?)",
            (self._tenant(part.tenant), part.collection, part.key, part.body),
        )
