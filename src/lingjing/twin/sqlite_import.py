"""Imports of the SQLite driver: a source is replaced, and what it said before is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import apsw

from lingjing.twin.documents import DEFAULT_TERMS, LOCATION, Document, encode
from lingjing.twin.interned import COLUMNS, Interned
from lingjing.twin.ledger import Record
from lingjing.twin.packed import document_shape
from lingjing.twin.sqlite_reading import squeezed
from lingjing.vocabulary import kinds

ASIDE: Final = 0
"""Branch of the rows of a source while it is imported again."""
_PIECE: Final = 2_000
_SAME: Final = (
    "old.body IS NULL AND new.kind = old.kind AND new.layout = old.layout"
    " AND new.attributes = old.attributes AND new.relationships IS old.relationships"
    " AND new.geometry = old.geometry"
)


def advanced(connection: apsw.Connection) -> tuple[int, int]:
    """Number and time [µs] of a change that is about to be made outside the clerk."""
    connection.execute(
        "UPDATE clock SET revision = revision + 1, recorded_us = max(recorded_us + 1, ?)",
        (time.time_ns() // 1000,),
    )
    sequence, recorded_us = connection.execute("SELECT revision, recorded_us FROM clock").get
    return sequence, recorded_us


def set_aside(connection: apsw.Connection, source: int) -> bool:
    """Put the rows of a source aside; whether there were any."""
    connection.execute("UPDATE entity SET branch = ? WHERE source = ?", (ASIDE, source))
    return connection.changes() > 0


def settle_aside(connection: apsw.Connection, moment: tuple[int, int]) -> None:
    """After an import: keep what changed or went as past states, and let go of what lay aside.

    What is the same as before keeps its number and time. Of an entity that was written to since
    the import before, attributes that no import brings are carried over.
    """
    interned = Interned()
    for new_key, old, packed in _changed(connection, interned):
        if new_key is not None and packed is not None:
            _carry_over(connection, interned, new_key, old, packed)
    connection.execute(
        "UPDATE entity AS new SET revision = old.revision, created_us = old.created_us,"  # noqa: S608
        " recorded_us = old.recorded_us FROM entity AS old"
        f" WHERE new.branch = 1 AND old.branch = ? AND old.id = new.id AND {_SAME}",
        (ASIDE,),
    )
    connection.execute(
        "UPDATE entity AS new SET created_us = old.created_us FROM entity AS old"
        " WHERE new.branch = 1 AND old.branch = ? AND old.id = new.id",
        (ASIDE,),
    )
    changed = (
        f"SELECT {COLUMNS} FROM entity WHERE branch = {ASIDE} AND NOT EXISTS"  # noqa: S608
        f" (SELECT 1 FROM entity AS new WHERE new.branch = 1 AND new.id = entity.id"
        f" AND {_SAME.replace('old.', 'entity.')})"
    )
    keep(connection, interned, changed, (), moment)
    connection.execute(
        "INSERT OR IGNORE INTO entity_past SELECT 1, id, ?1, ?1, ?2, ?2, NULL FROM entity"
        " WHERE branch = ?3 AND NOT EXISTS"
        " (SELECT 1 FROM entity AS new WHERE new.branch = 1 AND new.id = entity.id)",
        (*moment, ASIDE),
    )
    connection.execute("DELETE FROM entity WHERE branch = ?", (ASIDE,))


def retire(
    connection: apsw.Connection, condition: str, values: Sequence[Any], moment: tuple[int, int]
) -> int:
    """Remove entities of the trunk, keeping what they were as past states; how many."""
    keep(
        connection,
        Interned(),
        f"SELECT {COLUMNS} FROM entity WHERE branch = 1 AND {condition}",  # noqa: S608
        values,
        moment,
    )
    connection.execute(
        "INSERT OR IGNORE INTO entity_past SELECT 1, id, ?, ?, ?, ?, NULL FROM entity"  # noqa: S608
        f" WHERE branch = 1 AND {condition}",
        (moment[0], moment[0], moment[1], moment[1], *values),
    )
    connection.execute(f"DELETE FROM entity WHERE branch = 1 AND {condition}", tuple(values))  # noqa: S608
    return connection.changes()


def forget_entities(connection: apsw.Connection, district: int, moment: tuple[int, int]) -> None:
    """Remove all entities of a district with their history; branches keep what they see."""
    branched = connection.execute("SELECT 1 FROM branch WHERE parent = 1 LIMIT 1").get
    if branched is not None:
        retire(connection, "district = ?", (district,), moment)
        return
    ids = "(SELECT id FROM entity WHERE branch = 1 AND district = ?)"
    subjects = f"(SELECT key FROM subject WHERE branch = 1 AND id IN {ids})"  # noqa: S608
    for table in ("history", "chunk", "sealed", "hidden"):
        connection.execute(f"DELETE FROM {table} WHERE subject IN {subjects}", (district,))  # noqa: S608
    for table in ("subject", "entity_past"):
        connection.execute(f"DELETE FROM {table} WHERE branch = 1 AND id IN {ids}", (district,))  # noqa: S608
    connection.execute("DELETE FROM entity WHERE district = ?", (district,))


def keep(
    connection: apsw.Connection,
    interned: Interned,
    query: str,
    values: Sequence[Any],
    moment: tuple[int, int],
) -> None:
    """Write the states of some rows as past ones, in force until now."""
    sequence, now_us = moment
    found = connection.execute(query, tuple(values)).fetchall()
    for start in range(0, len(found), _PIECE):
        rows = found[start : start + _PIECE]
        connection.executemany(
            "INSERT OR IGNORE INTO entity_past VALUES (1, ?, ?, ?, ?, ?, ?)",
            [
                (row[0], row[1], sequence, row[3], now_us, squeezed(encode(record.document)))
                for row, record in zip(rows, interned.records_of(connection, rows), strict=True)
                if record is not None
            ],
        )


def _changed(
    connection: apsw.Connection, interned: Interned
) -> Iterator[tuple[int | None, Record, Record | None]]:
    """Entities that were written to, as they lie aside, and as they were imported just now."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM entity WHERE branch = ? AND body IS NOT NULL",  # noqa: S608
        (ASIDE,),
    ).fetchall()
    for row, record in zip(rows, interned.records_of(connection, rows), strict=True):
        if record is None:
            continue
        new: list[Any] = connection.execute(
            f"SELECT {COLUMNS}, key FROM entity WHERE branch = 1 AND id = ?",  # noqa: S608
            (row[0],),
        ).fetchall()
        packed = interned.records_of(connection, [item[:10] for item in new])
        yield (new[0][10] if new else None), record, (packed[0] if packed else None)


def _carry_over(
    connection: apsw.Connection, interned: Interned, key: int, old: Record, new: Record
) -> None:
    """Give an imported entity the attributes that were written to it and no import brings."""
    carried = carried_over(old.document, new.document)
    if not carried:
        return
    document: Document = {
        **new.document,
        "createdAt": old.document["createdAt"],
        "attributes": {**new.document["attributes"], **carried},
    }
    if "scope" in old.document:
        document["scope"] = old.document["scope"]
    connection.execute(
        "UPDATE entity SET shape = ?, body = ?, untold = 1, layout = NULL, attributes = NULL,"
        " relationships = NULL, geometry = NULL, longitude = NULL, latitude = NULL WHERE key = ?",
        (
            interned.made_shape(connection, document_shape(document)),
            encode(document),
            key,
        ),
    )


def carried_over(old: Document, new: Document) -> dict[str, Any]:
    """Attributes of a written state that are neither imported now nor could have been."""
    importable = {LOCATION} | {
        DEFAULT_TERMS + name
        for kind in kinds().values()
        if DEFAULT_TERMS + kind.name in new["type"]
        for name in kind.attributes
    }
    return {
        name: held
        for name, held in old["attributes"].items()
        if name not in importable
        and name not in new["attributes"]
        and not all(item["type"] == "Relationship" for item in held.values())
    }
