"""The state of entities at an instant of the past, worked out from what was kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import apsw
import msgspec

from lingjing.twin.chunks import OPERATIONS, Row
from lingjing.twin.documents import Document, decode, instant_text
from lingjing.twin.interned import COLUMNS, Interned
from lingjing.twin.ledger import Branch, Found, Record, Selection
from lingjing.twin.sqlite_history import History
from lingjing.twin.sqlite_reading import meets, past_document, walked

_LONG_AGO: Final = -(1 << 62)
_DELETE: Final = OPERATIONS.index("delete")


class LookingBack:
    """Entities as a branch saw them at an instant.

    Where the present row is older than the instant, it is the answer. Otherwise a state that was
    kept, or none, is carried forward by the rows of history up to the instant.

    Args:
        connection: That sees one state of the file throughout.
        interned: What was read before over connections of this kind.
        history: Over the same connection.
        chain: The branch and its ancestors.
        at_us: The instant [µs].
    """

    def __init__(
        self,
        connection: apsw.Connection,
        interned: Interned,
        history: History,
        chain: Sequence[Branch],
        at_us: int,
    ) -> None:
        self._connection = connection
        self._interned = interned
        self._history = history
        self._levels = [(chain[0].key, at_us)]
        limit_us = at_us
        for child, parent in itertools.pairwise(chain):
            limit_us = min(limit_us, child.created_us - 1)
            self._levels.append((parent.key, limit_us))

    def records(self, ids: Sequence[str]) -> dict[str, Record]:
        """Entities by id; those that did not exist lack."""
        found = {}
        for entity_id in ids:
            record = self._state(entity_id, self._levels)
            if record is not None:
                found[entity_id] = record
        return found

    def found(self, selection: Selection) -> Found:
        """Entities that met a selection, in order of id."""
        candidates = (
            record
            for entity_id in self._candidates(selection)
            if (record := self._state(entity_id, self._levels)) is not None
            and meets(record.document, selection)
        )
        return walked(candidates, selection)

    def _candidates(self, selection: Selection) -> Iterator[str]:
        """Ids that may have been there, in order."""
        branches = msgspec.json.encode([branch for branch, _ in self._levels]).decode()
        condition, values = "", []
        if selection.ids:
            condition = " AND id IN (SELECT value FROM json_each(:ids))"
            values = list(selection.ids)
        parts = " UNION ".join(
            f"SELECT id FROM {table} WHERE branch IN (SELECT value FROM json_each(:branches))"  # noqa: S608
            f" AND id > :after{condition}"
            for table in ("entity", "entity_past", "subject")
        )
        rows = self._connection.execute(
            f"{parts} ORDER BY id",
            {
                "branches": branches,
                "after": selection.after,
                "ids": msgspec.json.encode(values).decode(),
            },
        )
        for (entity_id,) in rows:
            yield entity_id

    def _state(self, entity_id: str, seen: Sequence[tuple[int, int]]) -> Record | None:
        for place, (branch, until_us) in enumerate(seen):
            row = self._connection.execute(
                f"SELECT {COLUMNS} FROM entity WHERE branch = ? AND id = ? AND recorded_us <= ?",  # noqa: S608
                (branch, entity_id, until_us),
            ).fetchall()
            if row:
                return self._interned.records_of(self._connection, row)[0]
            past: list[Any] = self._connection.execute(
                "SELECT from_us, to_us, from_sequence, body FROM entity_past"
                " WHERE branch = ? AND id = ? AND from_us <= ? ORDER BY from_us DESC LIMIT 1",
                (branch, entity_id, until_us),
            ).fetchall()
            base: Record | None = None
            since_us = _LONG_AGO
            if past:
                since_us, to_us, revision, body = past[0]
                document = past_document(body)
                base = None if document is None else Record(entity_id, revision, document)
                if until_us < to_us:
                    return base
            rows = self._rows(branch, entity_id, since_us, until_us)
            if not rows and not past:
                continue
            if not past:
                base = self._state(entity_id, seen[place + 1 :])
            return self._carried(entity_id, base, rows)
        return None

    def _rows(
        self, branch: int, entity_id: str, since_us: int, until_us: int
    ) -> list[tuple[str, str, Row]]:
        subject = self._connection.execute(
            "SELECT key FROM subject WHERE branch = ? AND id = ?", (branch, entity_id)
        ).get
        if subject is None:
            return []
        return list(self._history.last_rows(subject, since_us, until_us))

    def _carried(
        self, entity_id: str, base: Record | None, rows: Sequence[tuple[str, str, Row]]
    ) -> Record | None:
        """A state with later changes applied to it."""
        whole = [row for name, _, row in rows if not name]
        ended = max((row[0] for row in whole if row[1] == _DELETE), default=-1)
        document: Document | None = None if base is None or ended >= 0 else base.document
        revision, newest_us = (0 if base is None else base.revision), _LONG_AGO
        for row in sorted(whole, key=lambda item: item[0]):
            if row[0] > ended and row[-1] is not None:
                head: dict[str, Any] = decode(row[-1])
                attributes = {} if document is None else document["attributes"]
                document = {**head, "attributes": attributes}
                revision, newest_us = max(revision, row[0]), max(newest_us, row[3])
        if document is None:
            return None
        attributes = {name: dict(held) for name, held in document["attributes"].items()}
        for name, dataset, row in rows:
            if not name or row[0] <= ended:
                continue
            instance = self._history.instance(row)
            if instance is None:
                attributes.get(name, {}).pop(dataset, None)
            else:
                attributes.setdefault(name, {})[dataset] = instance
            revision, newest_us = max(revision, row[0]), max(newest_us, row[3])
        document = {
            **document,
            "attributes": {name: held for name, held in attributes.items() if held},
        }
        if newest_us > _LONG_AGO:
            document["modifiedAt"] = instant_text(newest_us)
        return Record(entity_id, revision, document)
