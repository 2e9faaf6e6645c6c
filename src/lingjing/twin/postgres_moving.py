"""A whole twin out of PostgreSQL's tables, as the stream of parts that any driver takes."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from lingjing.twin import chunks
from lingjing.twin.documents import decode, micros
from lingjing.twin.ledger import Branch
from lingjing.twin.packed import kind_and_district
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
    outward,
)
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_history import sources
from lingjing.twin.postgres_known import known_types
from lingjing.twin.postgres_reading import ALIVE, ENDED, FORGOTTEN, Reader, opened
from lingjing.twin.postgres_words import CHECKPOINT, ITSELF, Branches

_PAGE: Final = 1_000
_values = msgspec.msgpack.Decoder(list[Any]).decode
_related = msgspec.msgpack.Decoder(dict[str, str]).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode

_ENTITIES: Final = b"""
    SELECT e.key, e.branch, e.id, e.state, e.born, e.revision, e.recorded_us, e.types, e.told,
        e.body, i.kind, d.name, s.name, i.layout, i.attributes, i.relationships, i.geometry,
        i.longitude, i.latitude
    FROM entity e
        LEFT JOIN imported i ON i.entity = e.key AND i.revision = e.revision AND e.state = 1
        LEFT JOIN district d ON d.key = i.district
        LEFT JOIN source s ON s.key = i.source
    WHERE (e.branch, e.id) > (%s, %s) ORDER BY e.branch, e.id LIMIT %s
"""


class _Entity(NamedTuple):
    """A row of `entity`, with how it was imported where that is in force."""

    key: int
    branch: int
    id: str
    state: int
    born: int
    revision: int
    recorded_us: int
    types: list[int]
    told: bool
    body: bytes | None
    kind: str | None
    district: str | None
    source: str | None
    layout: int | None
    attributes: bytes | None
    relationships: bytes | None
    geometry: bytes | None
    longitude: float | None
    latitude: float | None


class Giver:
    """Gives a twin away, from a transaction that sees one state.

    Args:
        reader: Over that transaction.
        branches: As of the same state.
    """

    def __init__(self, reader: Reader, branches: Branches) -> None:
        self._reader = reader
        self._connection: Connection = reader.connection
        self._branches = branches
        self._layouts = {
            key: _names(names) for key, names in self._all("SELECT key, names FROM layout")
        }
        self._districts = {row[0] for row in self._all("SELECT name FROM district")}
        self._provenances = dict(self._all("SELECT key, record FROM provenance"))
        self._templates = dict(self._all("SELECT key, body FROM template"))

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query.encode(), values, binary=True).fetchall()

    def parts(self) -> Iterator[Part]:
        """The whole twin."""
        for sequence, recorded_us in self._all("SELECT sequence, recorded_us FROM clock"):
            yield ClockPart(sequence, recorded_us)
        for key in sorted(self._branches.by_key):
            yield _branch_part(self._branches.by_key[key])
        for name, revision, edited, record in self._all(
            "SELECT name, revision, edited, record FROM district ORDER BY key"
        ):
            yield DistrictPart(name, revision, edited, bytes(record))
        for district, name, record, *box in self._all(
            "SELECT d.name, s.name, s.record, west, south, east, north FROM source s"
            " JOIN district d ON d.key = s.district ORDER BY s.key"
        ):
            bounds = None if box[0] is None else (box[0], box[1], box[2], box[3])
            yield SourcePart(district, name, bytes(record), bounds)
        for entity in self._entities():
            part = self._entity(entity)
            if part is not None:
                yield part
        for entity in self._entities():
            yield from self._past(entity)
        for entity in self._entities():
            yield from self._history(entity)
        yield from self._only_hidden()
        for tenant, collection, key, body in self._all(
            "SELECT tenant, collection, key, body FROM note ORDER BY tenant, collection, key"
        ):
            yield NotePart(tenant, collection, key, bytes(body))

    def _entities(self) -> Iterator[_Entity]:
        branch, after = -1, ""
        while True:
            rows = self._connection.execute(
                _ENTITIES, (branch, after, _PAGE), binary=True
            ).fetchall()
            for row in rows:
                yield _Entity(*row)
            if len(rows) < _PAGE:
                return
            branch, after = rows[-1][1], rows[-1][2]

    def _entity(self, entity: _Entity) -> EntityPart | None:
        if entity.state == ENDED:
            # Where nothing could show through, an entity that ended needs no row.
            if self._branches.by_key[entity.branch].parent is None:
                return None
        elif entity.state != ALIVE:
            return None
        created_us = entity.recorded_us
        kind, district = entity.kind, entity.district
        if entity.body is not None:
            document = decode(entity.body)
            created = document.get("createdAt")
            created_us = created_us if created is None else micros(created)
            named = kind_and_district(entity.id, document["type"])
            if kind is None and named is not None and named[1] in self._districts:
                kind, district = named
        imported = self._imported(entity)
        return EntityPart(
            entity.branch,
            entity.id,
            entity.revision,
            entity.recorded_us,
            created_us,
            not entity.told or self._is_checkpointed(entity),
            None if imported is not None or entity.body is None else bytes(entity.body),
            imported,
            kind,
            district,
            entity.source,
        )

    def _imported(self, entity: _Entity) -> Imported | None:
        if entity.layout is None:
            return None
        names, values = self._layouts[entity.layout], _values(entity.attributes or b"")
        held = zip(names, values[: len(names)], values[len(names) :], strict=True)
        return Imported(
            {name: (value, bytes(self._provenances[key])) for name, value, key in held},
            {} if entity.relationships is None else _related(entity.relationships),
            bytes(entity.geometry or b""),
            entity.longitude or 0.0,
            entity.latitude or 0.0,
        )

    def _is_checkpointed(self, entity: _Entity) -> bool:
        rows = self._all(
            "SELECT 1 FROM series s JOIN history h ON h.series = s.key"
            " WHERE s.entity = %s AND s.attribute = %s AND h.sequence = %s",
            entity.key,
            CHECKPOINT,
            entity.revision,
        )
        return bool(rows)

    # The past

    def _past(self, entity: _Entity) -> Iterator[PastPart]:
        """States that were kept: by checkpoints, and for branches that still see them."""
        kept: dict[int, tuple[int, bytes | None, int | None]] = {}
        for sequence, recorded_us, body in self._all(
            "SELECT h.sequence, h.recorded_us, h.body FROM series s"
            " JOIN history h ON h.series = s.key WHERE s.entity = %s AND s.attribute = %s",
            entity.key,
            CHECKPOINT,
        ):
            kept[sequence] = (recorded_us, bytes(body), None)
        for sequence, until, state, recorded_us, body in self._all(
            "SELECT revision, until, state, recorded_us, body FROM entity_past"
            " WHERE branch = %s AND id = %s",
            entity.branch,
            entity.id,
        ):
            kept[sequence] = (recorded_us, bytes(body) if state == ALIVE else None, until)
        kept.pop(entity.revision, None) if entity.state == ALIVE else None
        if not kept:
            return
        steps = self._steps(entity)
        numbers = [number for number, _ in steps]
        for sequence, (recorded_us, body, until) in sorted(kept.items()):
            place = (
                bisect.bisect_right(numbers, sequence)
                if until is None
                else bisect.bisect_left(numbers, until)
            )
            end, end_us = steps[place] if place < len(steps) else steps[-1]
            yield PastPart(
                entity.branch, entity.id, sequence, until or end, recorded_us, end_us, body
            )

    def _steps(self, entity: _Entity) -> list[tuple[int, int]]:
        """Numbers and times of the changes of an entity's state, in order."""
        found = {(entity.revision, entity.recorded_us)} if entity.state in (ALIVE, ENDED) else set()
        for key, _, _ in self._series(entity.key, CHECKPOINT):
            columns = self._whole(key)
            counts = columns.marks < chunks.LATE
            found.update(
                zip(
                    columns.sequence[counts].tolist(),
                    columns.recorded_us[counts].tolist(),
                    strict=True,
                )
            )
        return sorted(found)

    def _series(self, entity: int, first: int = ITSELF) -> list[tuple[int, int, str]]:
        return self._all(
            "SELECT key, attribute, dataset FROM series WHERE entity = %s AND attribute >= %s"
            " ORDER BY attribute, dataset",
            entity,
            first,
        )

    def _whole(self, series: int) -> chunks.Columns:
        rows = self._all(
            "SELECT sequence, marks, observed_us, recorded_us, created_us, template, number, body"
            " FROM history WHERE series = %s ORDER BY sequence",
            series,
        )
        packed = self._all(
            "SELECT body, count, file, row_group, first_row FROM history_chunk WHERE series = %s",
            series,
        )
        return chunks.joined(
            [*(opened(*row) for row in packed), chunks.from_rows([tuple(row) for row in rows])]
        )

    def _history(self, entity: _Entity) -> Iterator[Part]:
        if entity.state == FORGOTTEN:
            return
        held = {
            (attribute, dataset): columns
            for key, attribute, dataset in self._series(entity.key)
            if len(columns := self._whole(key))
        }
        masks = self._all(
            "SELECT attribute, dataset, sequence FROM history_mask WHERE branch = %s AND id = %s",
            entity.branch,
            entity.id,
        )
        hides = any(mask == (None, None, None) for mask in masks)
        hidden = set() if hides else self._hidden(entity, masks)
        for place in sorted(hidden & self._thinned(masks, hidden)):
            held[place] = chunks.joined(
                [held.get(place, chunks.empty()), self._seen(entity, place)]
            )
        if not held and not hidden and not hides:
            return
        words = [self._iri(key) for key in entity.types]
        yield SubjectPart(
            entity.branch,
            entity.id,
            entity.born,
            tuple(words),
            hides,
            tuple(sorted((self._iri(attribute), dataset) for attribute, dataset in hidden)),
        )
        for (attribute, dataset), columns in sorted(held.items(), key=lambda item: item[0]):
            if len(columns):
                yield RowsPart(
                    entity.branch,
                    entity.id,
                    self._iri(attribute),
                    dataset,
                    *outward(columns, self._templates),
                )

    def _only_hidden(self) -> Iterator[Part]:
        """What branches hide of entities of which they have nothing themselves."""
        for branch, entity_id in self._all(
            "SELECT DISTINCT branch, id FROM history_mask m WHERE NOT EXISTS"
            " (SELECT FROM entity e WHERE e.branch = m.branch AND e.id = m.id)"
            " ORDER BY branch, id"
        ):
            base = self._branches.by_key[branch].base
            types = known_types(
                self._reader, self._branches.levels(self._branches.by_key[branch]), entity_id
            )
            words = [self._reader.lexicon.key(iri) or 0 for iri in types or ()]
            yield from self._history(
                _Entity(0, branch, entity_id, 0, base, 0, 0, words, True, *(None,) * 10)  # noqa: FBT003
            )

    def _iri(self, key: int) -> str:
        return "" if key == ITSELF else self._reader.lexicon.iri(self._connection, key)

    def _hidden(self, entity: _Entity, masks: list[Any]) -> set[tuple[int, str]]:
        """Series of ancestors that a branch does not see, or not as they are."""
        found: set[tuple[int, str]] = set()
        if not masks:
            return found
        levels = self._branches.levels(self._branches.by_key[entity.branch])
        for source in sources(self._reader, levels, entity.id):
            if source.level.branch == entity.branch:
                continue
            for _, attribute, dataset in self._series(source.entity):
                for word, name, _ in masks:
                    if word in (None, attribute) and name in (None, dataset):
                        found.add((attribute, dataset))
        return found

    def _thinned(self, masks: list[Any], hidden: set[tuple[int, str]]) -> set[tuple[int, str]]:
        """Those of which only single rows are not seen."""
        return {
            (attribute, dataset)
            for attribute, dataset in hidden
            if all(
                number is not None
                for word, name, number in masks
                if word in (None, attribute) and name in (None, dataset)
            )
        }

    def _seen(self, entity: _Entity, place: tuple[int, str]) -> chunks.Columns:
        """What a branch sees of its ancestors' rows, where it hides some."""
        levels = self._branches.levels(self._branches.by_key[entity.branch])
        found = []
        for source in sources(self._reader, levels, entity.id):
            if source.level.branch == entity.branch:
                continue
            for key, attribute, dataset in self._series(source.entity):
                if (attribute, dataset) != place:
                    continue
                columns = self._whole(key)
                kept = columns.sequence <= source.level.limit
                kept &= ~np.array(
                    [source.hides(attribute, dataset, number) for number in columns.sequence],
                    dtype=bool,
                )
                found.append(columns.take(kept))
        return chunks.joined(found)


def _branch_part(branch: Branch) -> BranchPart:
    return BranchPart(
        branch.key,
        branch.tenant,
        branch.name,
        branch.parent,
        branch.base,
        branch.created_us,
        branch.note,
    )
