"""Reading the present state, through branches, out of the SQLite driver's tables."""

from __future__ import annotations

import heapq
import itertools
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import apsw
import msgspec

from lingjing.twin.documents import LOCATION, Document, decode
from lingjing.twin.interned import COLUMNS, Interned, Shape, shape_meets
from lingjing.twin.ledger import Bounds, Branch, Found, Record, Selection
from lingjing.twin.packed import boxes, document_shape
from lingjing.twin.query.patterns import finder
from lingjing.twin.spans import NO_LIMIT
from lingjing.vocabulary import LingjingError

_FEW_SHAPES: Final = 16
_FEW_PLACES: Final = 4_000
_FIRST_PIECE: Final = 48
_PIECE: Final = 1_000

Level = tuple[int, int]
"""A branch's key, and the number of the last change of it that is seen."""

_ONE: Final = f"SELECT {COLUMNS} FROM entity WHERE branch = ? AND id = ? AND revision <= ?"  # noqa: S608
_SOME: Final = (
    f"SELECT {COLUMNS} FROM entity WHERE branch = ? AND revision <= ?"  # noqa: S608
    " AND id IN (SELECT value FROM json_each(?))"
)
_PAST: Final = (
    "SELECT id, from_sequence, body FROM entity_past"
    " WHERE branch = ? AND from_sequence <= ? AND to_sequence > ?"
)
_PAST_OF: Final = f"{_PAST} AND id IN (SELECT value FROM json_each(?))"  # noqa: S608


def squeezed(document_json: bytes) -> bytes:
    """A past state as it is stored."""
    return zlib.compress(document_json, 1)


def past_document(body: bytes | None) -> Document | None:
    """A past state as it was."""
    return None if body is None else decode(zlib.decompress(body))


def levels(chain: Sequence[Branch]) -> list[Level]:
    """What a branch sees: itself, then its ancestors each up to where the next was made."""
    found = [(chain[0].key, NO_LIMIT)]
    limit = NO_LIMIT
    for child, parent in itertools.pairwise(chain):
        limit = min(limit, child.base)
        found.append((parent.key, limit))
    return found


def records(
    connection: apsw.Connection, interned: Interned, seen: Sequence[Level], ids: Sequence[str]
) -> dict[str, Record]:
    """Entities by id, as seen through levels; those that do not exist lack."""
    found: dict[str, Record] = {}
    left: Sequence[str] = ids
    for branch, limit in seen:
        if not left:
            break
        resolved: set[str] = set()
        rows: list[Any]
        if len(left) == 1:
            rows = list(connection.execute(_ONE, (branch, left[0], limit)))
        else:
            wanted = msgspec.json.encode(left).decode()
            rows = list(connection.execute(_SOME, (branch, limit, wanted)))
        for row, record in zip(rows, interned.records_of(connection, rows), strict=True):
            identity: str = row[0]
            resolved.add(identity)
            if record is not None:
                found[identity] = record
        if limit != NO_LIMIT:
            _past_records(connection, (branch, limit), left, resolved, found)
        left = [item for item in left if item not in resolved]
    return found


def _past_records(
    connection: apsw.Connection,
    level: Level,
    ids: Sequence[str],
    resolved: set[str],
    found: dict[str, Record],
) -> None:
    branch, limit = level
    wanted = msgspec.json.encode([item for item in ids if item not in resolved]).decode()
    rows: Any = connection.execute(_PAST_OF, (branch, limit, limit, wanted)).fetchall()
    for identity, revision, body in rows:
        resolved.add(identity)
        document = past_document(body)
        if document is not None:
            found[identity] = Record(identity, revision, document)


class Finder:
    """Finds what meets a selection, in order of id.

    Args:
        connection: That sees one state of the file throughout.
        interned: What was read before over connections of this kind.
        seen: See `levels`.
        selection: What is wanted.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        interned: Interned,
        seen: Sequence[Level],
        selection: Selection,
    ) -> None:
        self._connection = connection
        self._interned = interned
        self._seen = seen
        self._selection = selection
        asked = (selection.types, selection.without_type, selection.attributes)
        self._asked = asked
        self._by_shape = any(asked)
        self._shapes = interned.allowed(connection, *asked) if self._by_shape else frozenset[int]()
        self._pattern = finder(selection.id_pattern) if selection.id_pattern else None

    def found(self) -> Found:
        """The wanted part, and the total where asked."""
        selection = self._selection
        if self._countable():
            total = self._counted() if selection.count else None
            if selection.limit == 0:
                return Found([], total)
            rows = self._matching(self._candidates())
            until = None if selection.limit is None else selection.offset + selection.limit
            return Found(list(itertools.islice(rows, selection.offset, until)), total)
        return walked(self._matching(self._candidates()), selection)

    # Counting without looking

    def shapes(self) -> list[tuple[Shape, int]]:
        """What entities look like, and how many look so."""
        found: dict[Shape, int] = {}
        for place, (branch, limit) in enumerate(self._seen):
            conditions, values = hidden(self._seen[:place], "entity.id")
            if limit != NO_LIMIT:
                conditions += " AND entity.revision <= ?"
                values.append(limit)
            rows: Any = self._connection.execute(
                "SELECT shape, count(*) FROM entity WHERE branch = ? AND shape IS NOT NULL"  # noqa: S608
                f"{conditions} GROUP BY shape",
                (branch, *values),
            )
            for key, count in rows.fetchall():
                shape = self._interned.shape(self._connection, key)
                found[shape] = found.get(shape, 0) + count
            if limit != NO_LIMIT:
                for record in self._past(branch, limit, self._seen[:place]):
                    shape = document_shape(record.document)
                    found[shape] = found.get(shape, 0) + 1
        return list(found.items())

    def _countable(self) -> bool:
        selection = self._selection
        return (
            len(self._seen) == 1
            and selection.accept is None
            and selection.bounds is None
            and not selection.ids
            and self._pattern is None
            and not selection.after
        )

    def _counted(self) -> int:
        branch = self._seen[0][0]
        if not self._by_shape:
            return int(
                self._connection.execute(
                    "SELECT count(*) FROM entity WHERE branch = ? AND shape IS NOT NULL", (branch,)
                ).get
            )
        return int(
            self._connection.execute(
                "SELECT count(*) FROM entity WHERE branch = ?"
                " AND shape IN (SELECT value FROM json_each(?))",
                (branch, msgspec.json.encode(sorted(self._shapes)).decode()),
            ).get
        )

    # Candidates, in order of id

    def _matching(self, candidates: Iterator[Record]) -> Iterator[Record]:
        selection, pattern, accept = self._selection, self._pattern, self._selection.accept
        scanned = 0
        for record in candidates:
            if pattern is not None and not pattern(record.id):
                continue
            scanned += 1
            if selection.most_scanned is not None and scanned > selection.most_scanned:
                raise LingjingError("twin.query-too-costly", most=selection.most_scanned)
            if accept is None or accept(record.document):
                yield record

    def _candidates(self) -> Iterator[Record]:
        if self._by_shape and not self._shapes and len(self._seen) == 1:
            return iter(())
        parts: list[Iterator[Record]] = []
        for place, (branch, limit) in enumerate(self._seen):
            above = self._seen[:place]
            parts += self._present(branch, limit, above)
            if limit != NO_LIMIT:
                parts.append(self._past(branch, limit, above))
        if len(parts) == 1:
            return parts[0]
        return heapq.merge(*parts, key=lambda record: record.id)

    def _present(self, branch: int, limit: int, above: Sequence[Level]) -> list[Iterator[Record]]:
        """Rows of one branch, as one or several streams in order of id."""
        selection = self._selection
        conditions, values = hidden(above, "entity.id")
        if limit != NO_LIMIT:
            conditions += " AND entity.revision <= ?"
            values.append(limit)
        if selection.after:
            conditions += " AND entity.id > ?"
            values.append(selection.after)
        if selection.ids:
            conditions += " AND entity.id IN (SELECT value FROM json_each(?))"
            values.append(msgspec.json.encode(selection.ids).decode())
            return [self._rows("entity", conditions, [branch, *values])]
        if selection.bounds is not None:
            return [self._in_bounds(selection.bounds, branch, conditions, values)]
        return self._in_order(branch, conditions, values)

    def _in_order(self, branch: int, conditions: str, values: list[Any]) -> list[Iterator[Record]]:
        selection = self._selection
        if not self._by_shape:
            return [self._rows("entity", conditions, [branch, *values])]
        if len(self._shapes) <= _FEW_SHAPES:
            return [
                self._rows("entity", conditions + " AND entity.shape = ?", [branch, *values, shape])
                for shape in self._shapes
            ]
        firsts = {group[0] for group in selection.types if group}
        if len(firsts) == 1:
            key = self._interned.key(self._connection, firsts.pop())
            ordered = "entity_type CROSS JOIN entity ON entity.key = entity_type.entity"
            typed = conditions.replace("entity.id >", "entity_type.id >")
            return [
                self._rows(
                    ordered,
                    typed + " AND entity_type.type = ? AND entity_type.branch = ?",
                    [branch, *values, key, branch],
                    order="entity_type.id",
                )
            ]
        return [self._rows("entity", conditions, [branch, *values])]

    def _in_bounds(
        self, bounds: Bounds, branch: int, conditions: str, values: list[Any]
    ) -> Iterator[Record]:
        west, south, east, north = bounds
        box = "west <= ? AND east >= ? AND south <= ? AND north >= ?"
        around = [east, west, north, south]
        if self._selection.geo_attribute == LOCATION:
            inside = f"SELECT key FROM entity_box WHERE {box}"  # noqa: S608
        else:
            key = self._interned.key(self._connection, self._selection.geo_attribute)
            inside = (
                "SELECT place.entity FROM place_box"  # noqa: S608
                " JOIN place ON place.key = place_box.key"
                f" WHERE place.attribute = {-1 if key is None else int(key)} AND {box}"
            )
        few = self._connection.execute(
            f"SELECT count(*) FROM ({inside} LIMIT {_FEW_PLACES + 1})",  # noqa: S608
            around,
        ).get
        if few > _FEW_PLACES and self._by_shape and len(self._shapes) <= _FEW_SHAPES:
            # So many that walking in order of id and looking each one's box up is cheaper.
            table = "entity_box WHERE key = entity.key"
            if self._selection.geo_attribute != LOCATION:
                table = "place JOIN place_box USING (key) WHERE place.entity = entity.key"
            near = f" AND EXISTS (SELECT 1 FROM {table} AND {box})"  # noqa: S608
            streams = self._in_order(branch, conditions + near, [*values, *around])
            return heapq.merge(*streams, key=lambda record: record.id)
        # The plus sign keeps SQLite from walking the branch instead of the box.
        found: list[Any] = self._connection.execute(
            "SELECT entity.id, entity.key, entity.shape"  # noqa: S608
            " FROM entity INDEXED BY entity_in_short"
            f" WHERE +entity.branch = ? AND entity.shape IS NOT NULL{conditions}"
            f" AND entity.key IN ({inside})",
            (branch, *values, *around),
        ).fetchall()
        if self._by_shape:
            shapes = self._shapes
            found = [row for row in found if row[2] in shapes]
        found.sort()
        return self._by_key([row[1] for row in found])

    def _by_key(self, keys: Sequence[int]) -> Iterator[Record]:
        """Entities by key, in the order given; read in pieces, for the reader may soon stop."""
        start, size = 0, _FIRST_PIECE
        while start < len(keys):
            piece = keys[start : start + size]
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM entity"  # noqa: S608
                " WHERE key IN (SELECT value FROM json_each(?)) ORDER BY id",
                (msgspec.json.encode(piece).decode(),),
            ).fetchall()
            for record in self._interned.records_of(self._connection, rows):
                if record is not None:
                    yield record
            start, size = start + size, min(2 * size, _PIECE)

    def _is_plain(self) -> bool:
        """Whether every candidate is wanted, so that SQLite may stop by itself."""
        return (
            self._selection.accept is None
            and len(self._seen) == 1
            and self._pattern is None
            and not self._selection.count
        )

    def _rows(
        self,
        table: str,
        conditions: str,
        values: Sequence[Any],
        *,
        order: str = "entity.id",
        branch: str = "entity.branch",
    ) -> Iterator[Record]:
        """Entities of a query; the branch is the first value."""
        limit = ""
        if self._selection.limit is not None and self._is_plain():
            limit = f" LIMIT {self._selection.offset + self._selection.limit}"
        ended = "" if "entity.shape = ?" in conditions else " AND entity.shape IS NOT NULL"
        query = (
            f"SELECT {COLUMNS}, entity.shape FROM {table}"  # noqa: S608
            f" WHERE {branch} = ?{ended}{conditions} ORDER BY {order}{limit}"
        )
        check = self._by_shape and "entity.shape = ?" not in conditions
        if check and limit:
            query = query[: -len(limit)]
        cursor = self._connection.execute(query, tuple(values))
        for row in cursor:
            if check and row[10] not in self._shapes:
                continue
            (record,) = self._interned.records_of(self._connection, (row[:10],))
            if record is not None:
                yield record

    def _past(self, branch: int, limit: int, above: Sequence[Level]) -> Iterator[Record]:
        selection = self._selection
        found = past_records(
            self._connection, (branch, limit), above, selection.ids, selection.after
        )
        return (record for record in found if meets(record.document, selection))


def past_records(
    connection: apsw.Connection,
    level: Level,
    above: Sequence[Level],
    ids: Sequence[str] = (),
    after: str = "",
) -> Iterator[Record]:
    """States of a branch that were in force at a level's limit and have been overwritten since."""
    branch, limit = level
    conditions, values = hidden(above, "entity_past.id")
    if ids:
        conditions += " AND id IN (SELECT value FROM json_each(?))"
        values.append(msgspec.json.encode(ids).decode())
    cursor: Any = connection.execute(
        f"{_PAST} AND id > ? AND body IS NOT NULL{conditions} ORDER BY id",
        (branch, limit, limit, after, *values),
    )
    for identity, revision, body in cursor:
        document = past_document(body)
        if document is not None:
            yield Record(identity, revision, document)


def hidden(above: Sequence[Level], column: str) -> tuple[str, list[Any]]:
    """Conditions that leave out what a level above has a row of its own for."""
    conditions, values = "", []
    for branch, limit in above:
        conditions += (
            f" AND NOT EXISTS (SELECT 1 FROM entity AS upper WHERE upper.branch = ?"  # noqa: S608
            f" AND upper.id = {column} AND upper.revision <= ?)"
        )
        values += [branch, limit]
        if limit != NO_LIMIT:
            conditions += (
                f" AND NOT EXISTS (SELECT 1 FROM entity_past AS older WHERE older.branch = ?"  # noqa: S608
                f" AND older.id = {column} AND older.from_sequence <= ? AND older.to_sequence > ?)"
            )
            values += [branch, limit, limit]
    return conditions, values


def meets(document: Document, selection: Selection) -> bool:
    """Whether a document meets what a selection asks of types, attributes and bounds."""
    attributes = [(name, None) for name in document["attributes"]]
    asked = (selection.types, selection.without_type, selection.attributes)
    if not shape_meets(document["type"], attributes, asked):
        return False
    if selection.bounds is None:
        return True
    west, south, east, north = selection.bounds
    return any(
        box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south
        for box in boxes(document).get(selection.geo_attribute, ())
    )


def walked(matching: Iterator[Record], selection: Selection) -> Found:
    """The wanted part of what matches, and the total where asked."""
    limit = NO_LIMIT if selection.limit is None else selection.limit
    kept: list[Record] = []
    total = 0
    if limit == 0 and not selection.count:
        return Found(kept, None)
    for record in matching:
        if selection.offset <= total < selection.offset + limit:
            kept.append(record)
        total += 1
        if not selection.count and total >= selection.offset + limit:
            break
    return Found(kept, total if selection.count else None)
