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

_SECOND: Final = """
-- edited: number of the last change of one of its entities that was no import.
ALTER TABLE district ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clock ADD COLUMN recorded_us INTEGER NOT NULL DEFAULT 0;

CREATE TABLE tenant (key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO tenant VALUES (1, '');

-- base: number of the parent's last change that the branch sees.
CREATE TABLE branch (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenant (key),
    name TEXT NOT NULL,
    parent INTEGER REFERENCES branch (key),
    base INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    note TEXT NOT NULL,
    UNIQUE (tenant, name)
) STRICT;
INSERT INTO branch VALUES (1, 1, 'main', NULL, 0, 0, '');

-- IRIs of types, attributes and datasets, written once; 0 is the empty name.
CREATE TABLE name (key INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO name VALUES (0, '');

-- What entities look like: types as a JSON list, attributes as a JSON list of [IRI, [type, ...]].
CREATE TABLE shape (
    key INTEGER PRIMARY KEY,
    types TEXT NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (types, attributes)
) STRICT;
CREATE TABLE shape_type (
    shape INTEGER NOT NULL,
    type INTEGER NOT NULL,
    PRIMARY KEY (shape, type)
) STRICT, WITHOUT ROWID;

-- Keys are never used again, so that what was read of one holds for good.
CREATE TABLE provenance_2 (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL REFERENCES source (key) ON DELETE CASCADE,
    record BLOB NOT NULL,
    UNIQUE (source, record)
) STRICT;
INSERT INTO provenance_2 SELECT key, source, record FROM provenance;
DROP TABLE provenance;
ALTER TABLE provenance_2 RENAME TO provenance;

-- One row an entity and branch, of one of three forms: as imported (layout and what belongs to
-- it), as a document (body: JSON), or neither: ended here while the parent still has it.
-- untold: history alone could not give this state back.
-- Branch 0 holds the rows of a source while it is imported again.
CREATE TABLE entity_2 (
    key INTEGER PRIMARY KEY,
    branch INTEGER NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    recorded_us INTEGER NOT NULL,
    shape INTEGER,
    district INTEGER REFERENCES district (key) ON DELETE CASCADE,
    source INTEGER REFERENCES source (key) ON DELETE CASCADE,
    kind TEXT,
    layout INTEGER REFERENCES layout (key),
    attributes BLOB,
    relationships BLOB,
    geometry BLOB,
    longitude REAL,
    latitude REAL,
    body BLOB,
    untold INTEGER NOT NULL DEFAULT 0,
    UNIQUE (branch, id)
) STRICT;
INSERT INTO entity_2
    SELECT entity.key, 1, id, (SELECT revision FROM clock), at, at, NULL, entity.district, source,
        kind, layout, attributes, relationships, geometry, longitude, latitude, NULL, 0
    FROM entity JOIN (
        SELECT key AS of_source, 1000000 * coalesce(
            CAST(strftime('%s', json_extract(CAST(record AS TEXT), '$.imported_at')) AS INTEGER), 0
        ) AS at FROM source
    ) ON of_source = source;
UPDATE clock SET recorded_us = (SELECT coalesce(max(recorded_us), 0) FROM entity_2);
DROP TABLE entity;
ALTER TABLE entity_2 RENAME TO entity;
CREATE INDEX entity_by_kind ON entity (district, kind, branch, id);
CREATE INDEX entity_by_source ON entity (source, kind);
CREATE INDEX entity_by_shape ON entity (branch, shape, id);
CREATE TABLE entity_type (
    type INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    id TEXT NOT NULL,
    entity INTEGER NOT NULL,
    PRIMARY KEY (type, branch, id)
) STRICT, WITHOUT ROWID;

-- Boxes of GeoProperties other than the location, which has its own in entity_box.
CREATE TABLE place (
    key INTEGER PRIMARY KEY,
    entity INTEGER NOT NULL,
    attribute INTEGER NOT NULL
) STRICT;
CREATE INDEX place_of_entity ON place (entity);
CREATE VIRTUAL TABLE place_box USING rtree (key, west, east, south, north);

CREATE TRIGGER entity_made AFTER INSERT ON entity WHEN NEW.branch > 0 BEGIN
    INSERT INTO entity_type SELECT type, NEW.branch, NEW.id, NEW.key FROM shape_type
        WHERE shape = NEW.shape;
END;
CREATE TRIGGER entity_reshaped AFTER UPDATE OF branch, shape ON entity
    WHEN NEW.branch <> OLD.branch OR NEW.shape IS NOT OLD.shape BEGIN
    DELETE FROM entity_type WHERE branch = OLD.branch AND id = OLD.id
        AND type IN (SELECT type FROM shape_type WHERE shape = OLD.shape);
    INSERT INTO entity_type SELECT type, NEW.branch, NEW.id, NEW.key FROM shape_type
        WHERE shape = NEW.shape AND NEW.branch > 0;
END;
CREATE TRIGGER entity_gone AFTER DELETE ON entity BEGIN
    DELETE FROM entity_box WHERE key = OLD.key;
    DELETE FROM place WHERE entity = OLD.key;
    DELETE FROM entity_type WHERE branch = OLD.branch AND id = OLD.id
        AND type IN (SELECT type FROM shape_type WHERE shape = OLD.shape);
END;
CREATE TRIGGER place_gone AFTER DELETE ON place BEGIN
    DELETE FROM place_box WHERE key = OLD.key;
END;

-- States that a branch still sees, or that history alone could not give back.
-- body: the document as compressed JSON, null where there was none; to: first not in force.
CREATE TABLE entity_past (
    branch INTEGER NOT NULL,
    id TEXT NOT NULL,
    from_sequence INTEGER NOT NULL,
    to_sequence INTEGER NOT NULL,
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (branch, id, from_sequence)
) STRICT;

-- Whatever has a history. since: number of its first row; types: JSON list, as they last were;
-- hides: what the parent remembers of it is not to be seen.
CREATE TABLE subject (
    key INTEGER PRIMARY KEY,
    branch INTEGER NOT NULL,
    id TEXT NOT NULL,
    since INTEGER NOT NULL,
    types TEXT NOT NULL,
    hides INTEGER NOT NULL DEFAULT 0,
    UNIQUE (branch, id)
) STRICT;

-- Rows of ancestors' histories that a branch has taken away for itself.
CREATE TABLE hidden (
    subject INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    PRIMARY KEY (subject, attribute, dataset)
) STRICT, WITHOUT ROWID;

-- Instances without what changes from row to row, as JSON.
CREATE TABLE template (key INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE) STRICT;

-- The newest rows; older ones are gathered into chunks. marks: 0 create, 1 update, 2 delete,
-- plus 4 for what never was part of the present. A value is a number with a template, or a body.
CREATE TABLE history (
    subject INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    observed_us INTEGER,
    recorded_us INTEGER NOT NULL,
    created_us INTEGER,
    template INTEGER,
    number REAL,
    body BLOB,
    PRIMARY KEY (subject, attribute, dataset, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
    key INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    first_observed_us INTEGER,
    last_observed_us INTEGER,
    first_recorded_us INTEGER NOT NULL,
    last_recorded_us INTEGER NOT NULL,
    count INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (subject, attribute, dataset, first_sequence)
) STRICT;

-- Chunks that were moved into Parquet files: which row group of which file holds the rows.
CREATE TABLE sealed_file (key INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE sealed (
    key INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    file INTEGER NOT NULL REFERENCES sealed_file (key),
    row_group INTEGER NOT NULL,
    first_row INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    first_observed_us INTEGER,
    last_observed_us INTEGER,
    first_recorded_us INTEGER NOT NULL,
    last_recorded_us INTEGER NOT NULL,
    count INTEGER NOT NULL,
    UNIQUE (subject, attribute, dataset, first_sequence)
) STRICT;

CREATE TABLE note (
    tenant INTEGER NOT NULL REFERENCES tenant (key),
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tenant, collection, key)
) STRICT, WITHOUT ROWID;
"""

_THIRD: Final = """
-- What a search by place needs of each candidate, without touching its document.
CREATE INDEX entity_in_short ON entity (key, branch, shape, id);
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST, _SECOND, _THIRD)


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
