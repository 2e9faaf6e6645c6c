"""Views straight from the SQLite driver's tables: of the present, a branch, or an instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw
import msgspec

from lingjing.twin.assembled import PackedThings, assembled_view, written_things
from lingjing.twin.columns import build_view
from lingjing.twin.entities import District, Entity
from lingjing.twin.interned import COLUMNS, Interned
from lingjing.twin.ledger import Branch, Record
from lingjing.twin.past import standing_at
from lingjing.twin.rows import read_groups, read_provenances, read_relationships
from lingjing.twin.spans import NO_LIMIT
from lingjing.twin.sqlite_history import History
from lingjing.twin.sqlite_looking_back import LookingBack
from lingjing.twin.sqlite_reading import Level, hidden, levels, past_records
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError

_PACKED: Final = (
    "SELECT id, layout, attributes, relationships, geometry, longitude, latitude FROM entity"
    " WHERE district = ? AND kind = ? AND branch = ? AND layout IS NOT NULL"
)
_WRITTEN: Final = (
    f"SELECT {COLUMNS} FROM entity"  # noqa: S608
    " WHERE district = ? AND kind = ? AND branch = ? AND body IS NOT NULL"
)


class ViewReader:
    """Builds the view of one kind of one district, over one connection.

    Args:
        connection: That sees one state of the file throughout.
        interned: What was read before over connections of this kind.
        history: Over the same connection.
        chain: The branch and its ancestors.
        at_us: The instant to be seen [µs]; None for now.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        interned: Interned,
        history: History,
        chain: Sequence[Branch],
        at_us: int | None = None,
    ) -> None:
        self._connection = connection
        self._interned = interned
        self._history = history
        self._chain = chain
        self._at_us = at_us

    def view(self, district: str, district_key: int, kind: str) -> TwinView:
        """The view."""
        changed = self._changed(district, kind)
        packed: list[Any] = []
        written: list[Record] = []
        seen = levels(self._chain)
        for place, level in enumerate(seen):
            conditions, values = self._conditions(level, seen[:place], changed)
            order = " ORDER BY id" if len(seen) == 1 else ""
            asked = (district_key, kind, level[0], *values)
            packed += self._connection.execute(_PACKED + conditions + order, asked).fetchall()
            rows = self._connection.execute(_WRITTEN + conditions, asked).fetchall()
            found = self._interned.records_of(self._connection, rows)
            written += [record for record in found if record is not None]
            if level[1] != NO_LIMIT:
                written += [
                    record
                    for record in past_records(self._connection, level, seen[:place])
                    if record.id not in changed
                ]
        if changed:
            back = LookingBack(
                self._connection, self._interned, self._history, self._chain, self._at_us or 0
            )
            written += back.records(sorted(changed)).values()
        entities = written_things(written, kind, district)
        return self._built(kind, district_key, packed, entities)

    def _conditions(
        self, level: Level, above: Sequence[Level], changed: set[str]
    ) -> tuple[str, list[Any]]:
        conditions, values = hidden(above, "entity.id")
        if level[1] != NO_LIMIT:
            conditions += " AND entity.revision <= ?"
            values.append(level[1])
        if changed:
            conditions += " AND entity.id NOT IN (SELECT value FROM json_each(?))"
            values.append(msgspec.json.encode(sorted(changed)).decode())
        return conditions, values

    def _changed(self, district: str, kind: str) -> set[str]:
        """Entities whose state at the instant is not simply what stands in their row."""
        if self._at_us is None:
            return set()
        first = f"urn:ngsi-ld:{kind}:{district}:"
        last = first[:-1] + ";"
        branches = msgspec.json.encode([branch.key for branch in self._chain]).decode()
        rows = self._connection.execute(
            "WITH seen AS (SELECT value AS branch FROM json_each(:branches))"
            " SELECT id FROM seen JOIN entity USING (branch)"
            " WHERE id >= :first AND id < :last AND recorded_us > :at"
            " UNION SELECT id FROM seen JOIN entity_past USING (branch)"
            " WHERE id >= :first AND id < :last AND to_us > :at"
            " UNION SELECT id FROM seen JOIN subject USING (branch)"
            " WHERE id >= :first AND id < :last AND NOT EXISTS (SELECT 1 FROM entity"
            " WHERE entity.branch = subject.branch AND entity.id = subject.id)",
            {"branches": branches, "first": first, "last": last, "at": self._at_us},
        )
        return {entity_id for (entity_id,) in rows}

    def _built(
        self, kind: str, district_key: int, packed: list[Any], entities: list[Entity]
    ) -> TwinView:
        ids, layouts, values, related, wkb, *point = (
            zip(*packed, strict=True) if packed else ((),) * 7
        )
        groups = read_groups(self._connection, layouts, values)
        provenances = read_provenances(self._connection, district_key) if packed else {}
        relationships = read_relationships(related)
        if not entities and len(self._chain) == 1:
            return build_view(
                kind,
                ids,
                points_deg=(point[0], point[1]),
                wkb=wkb,
                groups=groups,
                provenances=provenances,
                relationships=relationships,
            )
        return assembled_view(
            kind,
            PackedThings(ids, point[0], point[1], wkb, groups, provenances, relationships),
            entities,
        )


def chain_of(connection: apsw.Connection, tenant: str, name: str) -> tuple[Branch, ...]:
    """A branch with its ancestors, read from the file.

    Raises:
        LingjingError: `twin.no-branch`.
    """
    rows = connection.execute(
        "SELECT branch.key, tenant.name, branch.name, parent, base, created_us, note"
        " FROM branch JOIN tenant ON tenant.key = branch.tenant WHERE tenant.name = ?",
        (tenant,),
    )
    by_key = {row[0]: Branch(*row) for row in rows}
    found = next((branch for branch in by_key.values() if branch.name == name), None)
    if found is None:
        known = ", ".join(branch.name for branch in by_key.values()) or "—"
        raise LingjingError("twin.no-branch", name=name, known=known)
    chain = [found]
    while chain[-1].parent is not None:
        chain.append(by_key[chain[-1].parent])
    return tuple(chain)


class SqliteTwin:
    """A district as it stood when the twin was asked for; a `Twin`.

    What is written to entities afterwards does not show. A view asked for the first time after
    another import raises `twin.changed-meanwhile`: columns of two states never mix.

    Args:
        district: The district's record.
        standing: Numbers of the last import and the last edit, and the time seen [µs].
        chain: The branch and its ancestors.
        at_us: The instant to be seen [µs]; None for now.
        view, kinds: Ask the store.
    """

    def __init__(
        self,
        district: District,
        standing: tuple[int, int, int],
        chain: tuple[Branch, ...],
        at_us: int | None = None,
        *,
        view: Callable[[SqliteTwin, str], TwinView],
        kinds: Callable[[SqliteTwin], tuple[str, ...]],
    ) -> None:
        self._district = district
        self.revision, self.edited, self.at_us = standing_at(standing, at_us)
        self.chain = chain
        self._view = view
        self._kinds = kinds

    @property
    def district(self) -> District:
        """The district's record, settings included."""
        return self._district

    def kinds(self) -> tuple[str, ...]:
        """Kinds present, sorted."""
        return self._kinds(self)

    def view(self, kind: str) -> TwinView:
        """All entities of a kind as columns; an empty view where there are none."""
        return self._view(self, kind)
