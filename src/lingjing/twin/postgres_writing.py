"""Writing a group's batch into PostgreSQL's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from lingjing.twin import chunks
from lingjing.twin.desk import Batch, Key, Row, Sight, State
from lingjing.twin.documents import Document, Instance, encode, micros, plain_number
from lingjing.twin.moments import shorten
from lingjing.twin.packed import kind_and_district
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_finding import shape_bytes
from lingjing.twin.postgres_numbers import Numbers, copy_rows
from lingjing.twin.postgres_packing import Packing
from lingjing.twin.postgres_reading import ALIVE, ENDED, FORGOTTEN, OPERATIONS
from lingjing.twin.postgres_words import CHECKPOINT, ITSELF

_MARKS: Final = {operation: place for place, operation in enumerate(OPERATIONS)}
HISTORY: Final = (
    "history (series, sequence, marks, observed_us, recorded_us, created_us, template, number,"
    " body)"
)


_ALIKE: Final = b"""
    UPDATE entity SET revision = t.revision, recorded_us = t.recorded_us, shape = t.shape,
        body = t.body
    FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::integer[], %b::bytea[])
        AS t (of_key, revision, recorded_us, shape, body)
    WHERE key = t.of_key
"""


class Mark(msgspec.Struct, frozen=True):
    """What the driver remembers of an entity's row in the branch itself.

    Attributes:
        key: Of the row; None where the branch has none of its own.
        state: See the table `entity`.
        revision: Of the row.
        types: Keys of the types in the row.
        told: Whether history holds how the state came about.
    """

    key: int | None = None
    state: int = 0
    revision: int = 0
    types: tuple[int, ...] = ()
    told: bool = True


NOWHERE: Final = Mark()


class Written(NamedTuple):
    """A state with the row it had and the row it gets."""

    state: State
    mark: Mark
    made: Mark
    born: int
    shape: int | None


class Writer:
    """Writes batches.

    Args:
        numbers: Of the open transaction.
        packing: Told which series grow.
    """

    def __init__(self, numbers: Numbers, packing: Packing) -> None:
        self.numbers = numbers
        self._packing = packing

    def write(
        self, connection: Connection, batch: Batch, watched: Mapping[int, int]
    ) -> dict[Key, Sight]:
        """Write a batch into the open transaction; what is then seen of the entities with states.

        Args:
            connection: In the transaction.
            batch: What to write.
            watched: Branch → base of its newest child, which still sees states up to it.
        """
        written = self._prepared(connection, batch)
        self.numbers.write(connection)
        self._keep_past(connection, written, watched)
        self._write_states(connection, written)
        self._write_types(connection, written)
        self._write_places(connection, written)
        keys = {(item.state.branch.key, item.state.id): item.made.key for item in written}
        self._write_rows(connection, batch, keys)
        self._write_notes(connection, batch.notes)
        _note_edits(connection, batch)
        return {
            (item.state.branch.key, item.state.id): Sight(
                item.state.document, item.state.revision, known=True, mark=item.made
            )
            for item in written
        }

    # Present states

    def _prepared(self, connection: Connection, batch: Batch) -> list[Written]:
        first: dict[Key, Row] = {}
        for told in batch.rows:
            first.setdefault((told.branch.key, told.id), told)
        written = []
        for state in batch.states:
            mark: Mark = state.before.mark or NOWHERE
            row: Row | None = first.get((state.branch.key, state.id))
            types, shape, standing = mark.types, None, ENDED
            if state.document is not None:
                standing = ALIVE
                types = self._types(connection, state.document["type"])
                shape = self.numbers.shape(connection, state.document)
            elif not types and row is not None:
                types = self._types(connection, row.types)
            key = self.numbers.take("entity") if mark.key is None else mark.key
            made = Mark(key, standing, state.revision, types)
            born = state.revision if row is None else row.sequence
            written.append(Written(state, mark, made, born, shape))
        return written

    def _types(self, connection: Connection, iris: Sequence[str]) -> tuple[int, ...]:
        return tuple(self.numbers.word(connection, iri) for iri in iris)

    def _keep_past(
        self, connection: Connection, written: Sequence[Written], watched: Mapping[int, int]
    ) -> None:
        """Keep the states that branches of this one still see."""
        keys: list[int] = []
        until: list[int] = []
        for item in written:
            newest = watched.get(item.state.branch.key, -1)
            if item.mark.state in (ALIVE, ENDED) and item.mark.revision <= newest:
                keys.append(_known(item.mark.key))
                until.append(item.made.revision)
        keep_seen(connection, keys, until)
        untold = [_known(item.mark.key) for item in written if not item.mark.told]
        keep_untold(connection, self.numbers, untold)

    def _write_states(self, connection: Connection, written: Sequence[Written]) -> None:
        new, changed, alike = [], [], []
        for state, mark, made, born, shape in written:
            body = None if state.document is None else encode(state.document)
            kept = (made.state, made.revision, state.recorded_us, list(made.types), shape, body)
            if mark.key is None:
                new.append((made.key, state.branch.key, state.id, born, *kept))
            elif mark.state == made.state == ALIVE and mark.types == made.types and mark.told:
                alike.append((made.key, made.revision, state.recorded_us, shape, body))
            else:
                changed.append((*kept, born, made.key))
        if alike:
            # Observations, mostly: all of them in one statement.
            connection.execute(_ALIKE, [list(column) for column in zip(*alike, strict=True)])
        copy_rows(
            connection,
            "entity (key, branch, id, born, state, revision, recorded_us, types, shape, body)",
            new,
        )
        if changed:
            connection.cursor().executemany(
                "UPDATE entity SET state = %s, revision = %s, recorded_us = %s,"
                " types = %s::integer[], shape = %s, body = %s::bytea,"
                " told = true, born = CASE WHEN state = 3 THEN %s ELSE born END WHERE key = %s",
                changed,
            )

    def _write_types(self, connection: Connection, written: Sequence[Written]) -> None:
        gone, come = [], []
        for state, mark, made, *_ in written:
            old = set(mark.types) if mark.state == ALIVE else set()
            new = set(made.types) if made.state == ALIVE else set()
            gone += [(state.branch.key, word, state.id) for word in old - new]
            come += [(state.branch.key, word, state.id) for word in new - old]
        if gone:
            connection.cursor().executemany(
                "DELETE FROM entity_type WHERE branch = %s AND type = %s AND id = %s", gone
            )
        copy_rows(connection, "entity_type (branch, type, id)", come)

    def _write_places(self, connection: Connection, written: Sequence[Written]) -> None:
        gone: list[int | None] = []
        come: list[tuple[Any, ...]] = []
        for state, mark, made, *_ in written:
            # What the row showed is what the branch saw, unless it had no state of its own.
            old = _places(state.before.document) if mark.state == ALIVE else {}
            new = _places(state.document)
            if old == new:
                continue
            if old:
                gone.append(made.key)
            for attribute, instances in new.items():
                word = self.numbers.word(connection, attribute)
                for instance in instances:
                    shape = shape_bytes(instance.get("value"))
                    if shape is not None:
                        come.append((made.key, word, shape))
        if gone:
            connection.execute("DELETE FROM entity_shape WHERE entity = ANY(%s)", (gone,))
        self.numbers.write(connection)
        copy_rows(connection, "entity_shape (entity, attribute, shape)", come)

    # History

    def _write_rows(
        self, connection: Connection, batch: Batch, keys: dict[Key, int | None]
    ) -> None:
        self._ensure_entities(connection, batch.rows, keys)
        pending: list[tuple[tuple[int, int, str], tuple[Any, ...]]] = []
        for row in batch.rows:
            change = row.change
            word = ITSELF
            if change.attribute is not None:
                word = self.numbers.word(connection, change.attribute)
            series = (_known(keys[row.branch.key, row.id]), word, change.dataset)
            marks = _MARKS[change.operation] + (0 if change.current else chunks.LATE)
            pending.append((series, (row.sequence, marks, *self._row(connection, row))))
        for state in batch.states:
            if state.document is not None and _needs_checkpoint(state):
                series = (_known(keys[state.branch.key, state.id]), CHECKPOINT, "")
                times = (None, state.recorded_us, None)
                body = encode(state.document)
                pending.append((series, (state.revision, 1, *times, None, None, body)))
        numbers = self.numbers.series(connection, (series for series, _ in pending))
        self.numbers.write(connection)
        copy_rows(connection, HISTORY, [(numbers[series], *row) for series, row in pending])
        for series, _ in pending:
            if series[1] > ITSELF:
                self._packing.note(numbers[series])

    def _row(self, connection: Connection, row: Row) -> tuple[Any, ...]:
        if row.change.attribute is None:
            body = None if row.head is None else encode(row.head)
            return None, row.recorded_us, None, None, None, body
        if row.change.instance is None:
            return None, row.recorded_us, None, None, None, None
        return self.short(connection, row.change.instance, row.recorded_us)

    def short(
        self, connection: Connection, instance: Instance, recorded_us: int
    ) -> tuple[Any, ...]:
        """An instance as columns: observed, recorded, created, template, number, body."""
        short = shorten(instance, recorded_us)
        if short.template is not None:
            template = self.numbers.template(connection, short.template)
            return short.observed_us, recorded_us, short.created_us, template, short.number, None
        created = instance.get("createdAt")
        created_us = None if created is None else micros(created)
        number = plain_number(instance)
        return short.observed_us, recorded_us, created_us, None, number, short.body

    def _ensure_entities(
        self, connection: Connection, rows: Sequence[Row], keys: dict[Key, int | None]
    ) -> None:
        """Make rows of `entity` for what is known to history alone."""
        missing: dict[int, dict[str, Row]] = {}
        for row in rows:
            if (row.branch.key, row.id) not in keys:
                missing.setdefault(row.branch.key, {}).setdefault(row.id, row)
        new: list[tuple[Any, ...]] = []
        for branch, by_id in missing.items():
            found = connection.execute(
                "SELECT e.* FROM unnest(%s::text[]) AS w (id) CROSS JOIN LATERAL ("
                " SELECT id, key, state FROM entity WHERE branch = %s AND id = w.id OFFSET 0) e",
                (list(by_id), branch),
            ).fetchall()
            for entity_id, key, standing in found:
                keys[branch, entity_id] = key
                row = by_id.pop(entity_id)
                if standing == FORGOTTEN:
                    types = [self.numbers.word(connection, iri) for iri in row.types]
                    connection.execute(
                        "UPDATE entity SET state = 0, born = %s, types = %s WHERE key = %s",
                        (row.sequence, types, key),
                    )
            for entity_id, row in by_id.items():
                key = keys[branch, entity_id] = self.numbers.take("entity")
                types = [self.numbers.word(connection, iri) for iri in row.types]
                new.append((key, branch, entity_id, row.sequence, 0, 0, 0, types))
        self.numbers.write(connection)
        copy_rows(
            connection, "entity (key, branch, id, born, state, revision, recorded_us, types)", new
        )

    def checkpoint(self, connection: Connection, entity: int) -> None:
        """Note the whole present state of an entity, since rows that led to it have gone."""
        row = connection.execute(
            "SELECT body, revision, recorded_us FROM entity WHERE key = %s AND state = 1", (entity,)
        ).fetchone()
        if row is None:
            return
        place = (entity, CHECKPOINT, "")
        series = self.numbers.series(connection, [place])[place]
        self.numbers.write(connection)
        connection.execute(
            "INSERT INTO history (series, sequence, marks, recorded_us, body)"
            " VALUES (%s, %s, 1, %s, %s)"
            " ON CONFLICT (series, sequence) DO UPDATE SET body = excluded.body",
            (series, row[1], row[2], row[0]),
        )

    # Small records

    def _write_notes(
        self, connection: Connection, notes: Mapping[tuple[str, str, str], bytes | None]
    ) -> None:
        gone = [place for place, body in notes.items() if body is None]
        kept = [(*place, body) for place, body in notes.items() if body is not None]
        if gone:
            connection.cursor().executemany(
                "DELETE FROM note WHERE tenant = %s AND collection = %s AND key = %s", gone
            )
        if kept:
            connection.cursor().executemany(
                "INSERT INTO note VALUES (%s, %s, %s, %s::bytea)"
                " ON CONFLICT (tenant, collection, key) DO UPDATE SET body = excluded.body",
                kept,
            )


def keep_seen(connection: Connection, keys: Sequence[int], until: Sequence[int]) -> None:
    """Keep states that are about to be overwritten, and that a branch still sees.

    Args:
        connection: In a transaction.
        keys: Of rows of `entity`.
        until: The numbers from which the new states hold.
    """
    if keys:
        connection.execute(
            "INSERT INTO entity_past"
            " (branch, id, revision, until, state, recorded_us, types, shape, body)"
            " SELECT branch, id, revision, t.until, state, recorded_us, types, shape, body"
            " FROM entity JOIN unnest(%s::bigint[], %s::bigint[]) AS t (of_key, until)"
            " ON of_key = key ON CONFLICT DO NOTHING",
            (list(keys), list(until)),
        )


def keep_untold(connection: Connection, numbers: Numbers, keys: Sequence[int]) -> None:
    """Put states that are about to be overwritten, and that history does not tell, into it."""
    if not keys:
        return
    series = numbers.series(connection, [(key, CHECKPOINT, "") for key in keys])
    numbers.write(connection)
    connection.execute(
        "INSERT INTO history (series, sequence, marks, recorded_us, body)"
        " SELECT t.series, revision, 1, recorded_us, body"
        " FROM entity JOIN unnest(%s::bigint[], %s::bigint[]) AS t (of_key, series)"
        " ON of_key = key WHERE state = 1 ON CONFLICT DO NOTHING",
        (list(keys), [series[key, CHECKPOINT, ""] for key in keys]),
    )


def _note_edits(connection: Connection, batch: Batch) -> None:
    """Districts whose entities were written to in the trunk have changed."""
    names = set()
    for state in batch.states:
        document = state.document or state.before.document
        if state.branch.parent is None and document is not None:
            found = kind_and_district(state.id, document["type"])
            if found is not None:
                names.add(found[1])
    if names:
        connection.execute(
            "UPDATE district SET edited = %s WHERE name = ANY(%s)", (batch.sequence, list(names))
        )


def _known(key: int | None) -> int:
    assert key is not None  # noqa: S101
    return key


def _needs_checkpoint(state: State) -> bool:
    """Whether history alone would not lead to the state.

    The first state in a branch is written whole too: what went before is its parent's.
    """
    mark: Mark = state.before.mark or NOWHERE
    first_here = state.branch.parent is not None and mark.state not in (ALIVE, ENDED)
    return state.untold or first_here


def _places(document: Document | None) -> dict[str, list[Instance]]:
    """GeoProperties by attribute."""
    found: dict[str, list[Instance]] = {}
    if document is not None:
        for attribute, datasets in document["attributes"].items():
            for instance in datasets.values():
                if instance["type"] == "GeoProperty":
                    found.setdefault(attribute, []).append(instance)
    return found
