"""The tables of the PostgreSQL driver, as forward migrations.

They live in one schema of the database, so that several twins may share it. A migration that has
been released is never edited; later needs come as further ones.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql

from lingjing.vocabulary import LingjingError, Place

_FIRST: Final = """
CREATE TABLE migration (version integer PRIMARY KEY, done_at timestamptz NOT NULL DEFAULT now());

-- One row, locked by whoever writes: numbers are given out, and commits follow one another, in
-- its order. writes counts transactions; layout those that made or dropped tenants and branches.
CREATE TABLE clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sequence bigint NOT NULL,
    recorded_us bigint NOT NULL,
    writes bigint NOT NULL,
    layout bigint NOT NULL,
    next_entity bigint NOT NULL,
    next_series bigint NOT NULL,
    next_word integer NOT NULL,
    next_template integer NOT NULL,
    next_shape integer NOT NULL
);
INSERT INTO clock VALUES (true, 0, 0, 0, 0, 1, 1, 1, 1, 1);

CREATE TABLE branch (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    parent bigint REFERENCES branch (key),
    base bigint NOT NULL,
    created_us bigint NOT NULL,
    note text NOT NULL,
    UNIQUE (tenant, name)
);

-- IRIs of types and attributes.
CREATE TABLE word (
    key integer PRIMARY KEY,
    iri text COLLATE "C" NOT NULL UNIQUE
);

-- state: 0 known to history alone, 1 alive, 2 ended, 3 forgotten with its history.
-- born: first number in its history; types: those it has or last had; shape: what it looks like
-- while alive; told: history holds how it came about (not of what was imported); body: its document
-- as JSON while alive.
CREATE TABLE entity (
    key bigint PRIMARY KEY,
    branch bigint NOT NULL REFERENCES branch (key) ON DELETE CASCADE,
    id text COLLATE "C" NOT NULL,
    state smallint NOT NULL,
    born bigint NOT NULL,
    revision bigint NOT NULL,
    recorded_us bigint NOT NULL,
    types integer[] NOT NULL,
    shape integer,
    told boolean NOT NULL DEFAULT true,
    body bytea,
    UNIQUE (branch, id)
);
ALTER TABLE entity ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE entity SET (fillfactor = 70);

-- What entities look like: types and attributes as JSON, see `packed.document_shape`.
CREATE TABLE shape (
    key integer PRIMARY KEY,
    body bytea NOT NULL UNIQUE
);

CREATE TABLE entity_type (
    branch bigint NOT NULL REFERENCES branch (key) ON DELETE CASCADE,
    type integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (branch, type, id)
);

-- States that a branch still sees of its parent, after the parent moved on.
CREATE TABLE entity_past (
    branch bigint NOT NULL REFERENCES branch (key) ON DELETE CASCADE,
    id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    until bigint NOT NULL,
    state smallint NOT NULL,
    recorded_us bigint NOT NULL,
    types integer[] NOT NULL,
    shape integer,
    body bytea,
    PRIMARY KEY (branch, id, revision)
);

CREATE TABLE entity_shape (
    entity bigint NOT NULL REFERENCES entity (key) ON DELETE CASCADE,
    attribute integer NOT NULL,
    shape geometry(Geometry, 4326) NOT NULL
);
CREATE INDEX entity_shape_by_entity ON entity_shape (entity);
CREATE INDEX entity_shape_by_place ON entity_shape USING gist (shape);

-- attribute: a word; 0 is the entity itself, -1 its checkpoints.
CREATE TABLE series (
    key bigint PRIMARY KEY,
    entity bigint NOT NULL REFERENCES entity (key) ON DELETE CASCADE,
    attribute integer NOT NULL,
    dataset text COLLATE "C" NOT NULL,
    UNIQUE (entity, attribute, dataset)
);

-- marks: 0 create, 1 update, 2 delete; plus 4 where it was no part of the present state.
-- A numeric Property is a number, its times and a template (see `moments`); else body is the
-- instance, of the entity itself its head, in a checkpoint the document.
CREATE TABLE template (
    key integer PRIMARY KEY,
    body bytea NOT NULL UNIQUE
);
CREATE TABLE history (
    series bigint NOT NULL,
    sequence bigint NOT NULL,
    marks smallint NOT NULL,
    observed_us bigint,
    recorded_us bigint NOT NULL,
    created_us bigint,
    template integer,
    number double precision,
    body bytea,
    PRIMARY KEY (series, sequence)
);
CREATE INDEX history_by_sequence ON history USING brin (sequence) WITH (autosummarize = on);
CREATE INDEX history_by_observation ON history (series, observed_us)
    WHERE observed_us IS NOT NULL;

-- Long runs of rows, packed into columns (see `chunks`); what was packed leaves `history`.
-- A sealed chunk has no body: its rows are in a row group of a Parquet file.
CREATE TABLE history_chunk (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series bigint NOT NULL,
    count integer NOT NULL,
    first_observed_us bigint,
    last_observed_us bigint,
    first_recorded_us bigint NOT NULL,
    last_recorded_us bigint NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    body bytea,
    file text,
    row_group integer,
    first_row integer
);
ALTER TABLE history_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX history_chunk_by_series ON history_chunk (series, last_sequence);

-- What a branch no longer wants to see of its ancestors' history.
CREATE TABLE history_mask (
    branch bigint NOT NULL REFERENCES branch (key) ON DELETE CASCADE,
    id text COLLATE "C" NOT NULL,
    attribute integer,
    dataset text COLLATE "C",
    sequence bigint,
    until bigint NOT NULL
);
CREATE INDEX history_mask_by_entity ON history_mask (branch, id);

-- record: the District as JSON; revision: counts imports; edited: number of the last change of an
-- entity of the district in the trunk.
CREATE TABLE district (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    revision bigint NOT NULL,
    edited bigint NOT NULL,
    record bytea NOT NULL
);

-- record: the SourceRecord as JSON; the box is that of its entities, null while there are none.
CREATE TABLE source (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    district bigint NOT NULL REFERENCES district (key) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    record bytea NOT NULL,
    west double precision,
    south double precision,
    east double precision,
    north double precision,
    UNIQUE (district, name)
);

-- Distinct sets of attribute names as a JSON list in order; distinct provenances as JSON.
CREATE TABLE layout (
    key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    names bytea NOT NULL UNIQUE
);
CREATE TABLE provenance (
    key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record bytea NOT NULL UNIQUE
);

-- Entities of the trunk as they were imported, for the columns of views; in force while the entity
-- has the same revision. attributes: msgpack list, the values in the layout's order, then their
-- provenance keys; relationships: msgpack map or null; geometry: WKB; the point lies in or on it.
CREATE TABLE imported (
    entity bigint PRIMARY KEY REFERENCES entity (key) ON DELETE CASCADE,
    revision bigint NOT NULL,
    district bigint NOT NULL REFERENCES district (key),
    source bigint NOT NULL REFERENCES source (key),
    kind text COLLATE "C" NOT NULL,
    layout integer NOT NULL REFERENCES layout (key),
    attributes bytea NOT NULL,
    relationships bytea,
    geometry bytea NOT NULL,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL
);
CREATE INDEX imported_by_kind ON imported (district, kind);
CREATE INDEX imported_by_source ON imported (source, kind);

CREATE TABLE note (
    tenant text COLLATE "C" NOT NULL,
    collection text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (tenant, collection, key)
);
"""

_SECOND: Final = """
-- The last transaction of each process, as counted by clock.writes, so that one whose way ended in
-- the middle of a commit can find out whether it was made.
CREATE TABLE writer (
    origin text COLLATE "C" PRIMARY KEY,
    writes bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST, _SECOND)
_LOCK: Final = 0x4C4A5457
"""Key of the advisory lock under which a twin is made or brought up to date."""


def migrate(
    connection: psycopg.Connection[Any],
    schema: str,
    shown: str,
    migrations: tuple[str, ...] = MIGRATIONS,
) -> None:
    """Make the schema where it is absent, and bring it up to date, all in one transaction.

    Raises:
        LingjingError: `twin.newer-schema`, `twin.no-postgis`.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        name = sql.Identifier(schema)
        _find_postgis(connection, shown)
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        found = version_of(connection, schema)
        if found > len(migrations):
            raise LingjingError(
                "twin.newer-schema",
                Place(file=shown),
                path=shown,
                found=found,
                known=len(migrations),
            )
        for version, script in enumerate(migrations[found:], start=found + 1):
            connection.execute(script)
            connection.execute("INSERT INTO migration (version) VALUES (%s)", (version,))


def version_of(connection: psycopg.Connection[Any], schema: str) -> int:
    """Number of migrations the schema has been through; 0 where there is no twin."""
    found = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", (f'"{schema}".migration',)
    ).fetchone()
    if found is None or not found[0]:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM migration").fetchone()
    return 0 if row is None else int(row[0])


def _find_postgis(connection: psycopg.Connection[Any], shown: str) -> None:
    """See to it that PostGIS is there, and in the search path."""
    query = (
        "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace"
        " WHERE extname = 'postgis'"
    )
    row = connection.execute(query).fetchone()
    if row is None:
        try:
            connection.execute("CREATE EXTENSION postgis SCHEMA public")
        except psycopg.Error as error:
            raise LingjingError("twin.no-postgis", Place(file=shown), path=shown) from error
        row = connection.execute(query).fetchone()
    home = "public" if row is None else row[0]
    if home != "public":
        connection.execute(
            "SELECT set_config('search_path', current_setting('search_path') || ', ' || %s, false)",
            (home,),
        )
