"""The tables of the SQLite driver, as forward migrations.

`PRAGMA user_version` counts the migrations a file has been through; opening an older file runs
those it lacks. A migration that has been released is never edited: history, branches and whatever
else the twin learns come as further ones.
"""

from __future__ import annotations

from typing import Final

import apsw

APPLICATION_ID: Final = 0x4C4A5457
"""The letters LJTW in the file's header, by which a twin is told from another program's file."""

_FIRST: Final = """
-- One row: counts the committed changes of the whole file.
CREATE TABLE clock (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO clock VALUES (1, 0);

-- record: the District as JSON; revision: of the clock when the district last changed.
CREATE TABLE district (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    record BLOB NOT NULL
) STRICT;

-- record: the SourceRecord as JSON; the box is that of its entities, null while there are none.
CREATE TABLE source (
    key INTEGER PRIMARY KEY,
    district INTEGER NOT NULL REFERENCES district (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    record BLOB NOT NULL,
    west REAL, south REAL, east REAL, north REAL,
    UNIQUE (district, name)
) STRICT;

-- Distinct provenances of a source, as JSON; they go with the source.
CREATE TABLE provenance (
    key INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES source (key) ON DELETE CASCADE,
    record BLOB NOT NULL,
    UNIQUE (source, record)
) STRICT;

-- Distinct sets of attribute names, as a JSON list in order.
CREATE TABLE layout (
    key INTEGER PRIMARY KEY,
    names BLOB NOT NULL UNIQUE
) STRICT;

-- attributes: msgpack list, the values in the layout's order, then their provenance keys;
-- relationships: msgpack map or null; geometry: WKB; the point lies inside or on it.
CREATE TABLE entity (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    district INTEGER NOT NULL REFERENCES district (key) ON DELETE CASCADE,
    source INTEGER NOT NULL REFERENCES source (key) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    layout INTEGER NOT NULL REFERENCES layout (key),
    attributes BLOB NOT NULL,
    relationships BLOB,
    geometry BLOB NOT NULL,
    longitude REAL NOT NULL,
    latitude REAL NOT NULL
) STRICT;
CREATE INDEX entity_by_kind ON entity (district, kind, id);
CREATE INDEX entity_by_source ON entity (source, kind);

-- Boxes in single precision, rounded outwards: candidates, to be checked against the geometry.
CREATE VIRTUAL TABLE entity_box USING rtree (key, west, east, south, north);
CREATE TRIGGER entity_gone AFTER DELETE ON entity BEGIN
    DELETE FROM entity_box WHERE key = OLD.key;
END;
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST,)


def is_ours(connection: apsw.Connection) -> bool:
    """Whether the file is a twin, or still empty."""
    found = connection.pragma("application_id")
    if found == APPLICATION_ID:
        return True
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    return bool(found == 0 and tables == 0)


def version_of(connection: apsw.Connection) -> int:
    """Number of migrations the file has been through."""
    return int(connection.pragma("user_version"))


def migrate(connection: apsw.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring the file up to date, in one transaction; a file that is up to date is left alone."""
    if version_of(connection) >= len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for the lock.
        for script in migrations[version_of(connection) :]:
            connection.execute(script)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", max(len(migrations), version_of(connection)))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
