"""Care of a twin in PostgreSQL: checking, copying to a file and back, sealing, measuring."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import psycopg

from lingjing.twin import chunks, sealing
from lingjing.twin.documents import encode, instant_text
from lingjing.twin.postgres_connection import Connection, address, connect, translated
from lingjing.twin.postgres_numbers import copy_rows
from lingjing.twin.postgres_packing import described, write_chunks
from lingjing.twin.postgres_reading import Reader, opened
from lingjing.twin.postgres_schema import MIGRATIONS, migrate
from lingjing.twin.problems import Problem
from lingjing.vocabulary import LingjingError, Place

TABLES: Final = (
    "clock", "branch", "word", "shape", "template", "entity", "entity_type", "entity_past",
    "entity_shape", "series", "history", "history_chunk", "history_mask", "note", "district",
    "source", "layout", "provenance", "imported",
)  # fmt: skip
_ABOUT: Final = "about.json"
_BLOCK: Final = 1 << 20

_CHECKS: Final[dict[str, str]] = {
    "without-document": """
        SELECT count(*) FROM entity WHERE state = 1 AND body IS NULL
    """,
    "type-index-differs": """
        SELECT count(*) FROM (
            SELECT branch, unnest(types) AS type, id FROM entity WHERE state = 1
        ) e FULL JOIN entity_type t USING (branch, type, id) WHERE e.id IS NULL OR t.id IS NULL
    """,
    "rows-of-nobody": """
        SELECT count(*) FROM history h
        WHERE NOT EXISTS (SELECT FROM series s WHERE s.key = h.series)
    """,
    "numbers-beyond-clock": """
        SELECT (SELECT count(*) FROM history, clock WHERE history.sequence > clock.sequence)
            + (SELECT count(*) FROM entity, clock WHERE revision > clock.sequence)
    """,
    "words-missing": """
        SELECT (SELECT count(*) FROM series s WHERE attribute > 0
                AND NOT EXISTS (SELECT FROM word w WHERE w.key = s.attribute))
            + (SELECT count(*) FROM entity e WHERE shape IS NOT NULL
                AND NOT EXISTS (SELECT FROM shape s WHERE s.key = e.shape))
            + (SELECT count(*) FROM history h WHERE template IS NOT NULL
                AND NOT EXISTS (SELECT FROM template t WHERE t.key = h.template))
    """,
}
_SIZE: Final = """
    SELECT (SELECT count(*) FROM entity WHERE state = 1),
        (SELECT count(*) FROM history h JOIN series s ON s.key = h.series WHERE s.attribute >= 0)
            + (SELECT coalesce(sum(count), 0) FROM history_chunk WHERE body IS NOT NULL),
        (SELECT coalesce(sum(count), 0) FROM history_chunk WHERE body IS NULL),
        (SELECT count(*) FROM branch),
        (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
            WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema()::text))
"""


def size(connection: Connection) -> dict[str, int]:
    """Entities, history rows, sealed rows, branches, bytes."""
    row = connection.execute(_SIZE).fetchone()
    assert row is not None  # noqa: S101
    names = ("entities", "history", "sealed", "branches", "bytes")
    return {name: int(item) for name, item in zip(names, row, strict=True)}


def check(connection: Connection) -> list[str]:
    """What is wrong with the stored state, in words."""
    found: list[str] = []
    for what, query in _CHECKS.items():
        row = connection.execute(query.encode()).fetchone()
        if row is not None and row[0]:
            found.append(Problem.of(what, count=row[0]))
    for key, *shut in connection.execute(
        "SELECT key, body, count, file, row_group, first_row FROM history_chunk", binary=True
    ):
        problem = _opens(*shut)
        if problem is not None:
            found.append(Problem.of("unreadable-chunk-why", number=key, detail=problem))
    for entity_id, body in connection.execute(
        "SELECT id, body FROM entity WHERE state = 1", binary=True
    ):
        try:
            named = msgspec.json.decode(body)["id"]
        except (msgspec.DecodeError, KeyError, TypeError):
            named = None
        if named != entity_id:
            found.append(Problem.of("unreadable-entity", id=entity_id))
    return found


def _opens(body: bytes | None, count: int, file: str | None, group: int, first: int) -> str | None:
    try:
        columns = opened(body, count, file, group, first)
    except LingjingError as error:
        return error.what("en")
    except (ValueError, OSError, msgspec.DecodeError) as error:
        return str(error)
    return None if len(columns) == count else f"{len(columns)} rows instead of {count}"


# Copies


def backup(connection: Connection, target: Path) -> None:
    """Write all tables into one file, from a transaction that sees one state.

    The file is there whole or not at all.

    Raises:
        LingjingError: `twin.cannot-write`.
    """
    half = target.with_name(target.name + ".part")
    try:
        with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
            bundle.writestr(_ABOUT, encode({"twin": "postgresql", "version": len(MIGRATIONS)}))
            for table in TABLES:
                statement = f"COPY {table} ({_columns(connection, table)}) TO STDOUT"
                with (
                    bundle.open(table, "w", force_zip64=True) as member,
                    connection.cursor().copy((statement + " (FORMAT binary)").encode()) as copy,
                ):
                    for block in copy:
                        member.write(block)
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.replace(target)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise LingjingError("twin.cannot-write", Place(file=str(target)), path=target) from error


def _columns(connection: Connection, table: str) -> str:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    return ", ".join(f'"{row[0]}"' for row in rows)


def restore(url: str, source: Path) -> None:
    """Make a twin again out of a file that `backup` wrote; all or nothing.

    Args:
        url: See `PostgresLedger`; the schema must hold no twin yet.
        source: The file.

    Raises:
        LingjingError: `twin.not-a-backup`, `twin.not-empty`, `twin.newer-schema`, and what opening
            raises.
    """
    where = address(url)
    with _bundle(source) as bundle, connect(where) as connection, translated(where.shown):
        about = msgspec.json.decode(bundle.read(_ABOUT), type=dict[str, Any])
        version = about.get("version", 0)
        if version > len(MIGRATIONS):
            raise LingjingError(
                "twin.newer-schema", Place(file=str(source)), path=source, found=version,
                known=len(MIGRATIONS),
            )  # fmt: skip
        with connection.transaction():
            migrate(connection, where.schema, where.shown, MIGRATIONS[:version])
            _refuse_full(connection, where.shown)
            connection.execute("DELETE FROM clock")
            for table in TABLES:
                _fill(connection, bundle, table)
            for table in ("branch", "history_chunk", "district", "source", "layout", "provenance"):
                connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'key'),"  # noqa: S608
                    f" (SELECT coalesce(max(key), 1) FROM {table}))".encode()
                )
            migrate(connection, where.schema, where.shown)


def _bundle(source: Path) -> zipfile.ZipFile:
    try:
        bundle = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise LingjingError("twin.not-a-backup", Place(file=str(source)), path=source) from error
    if _ABOUT not in bundle.namelist():
        bundle.close()
        raise LingjingError("twin.not-a-backup", Place(file=str(source)), path=source)
    return bundle


def _refuse_full(connection: Connection, shown: str) -> None:
    row = connection.execute("SELECT count(*) FROM branch").fetchone()
    if row is not None and row[0]:
        raise LingjingError("twin.not-empty", Place(file=shown), path=shown)


def _fill(connection: Connection, bundle: zipfile.ZipFile, table: str) -> None:
    statement = f"COPY {table} ({_columns(connection, table)}) FROM STDIN (FORMAT binary)"
    try:
        with (
            bundle.open(table) as member,
            connection.cursor().copy(statement.encode()) as copy,
        ):
            while block := member.read(_BLOCK):
                copy.write(block)
    except (KeyError, zipfile.BadZipFile, psycopg.DataError) as error:
        name = bundle.filename or table
        raise LingjingError("twin.not-a-backup", Place(file=name), path=name) from error


# Sealing


def seal(reader: Reader, before_us: int, folder: Path) -> dict[str, Any]:
    """Move rows older than an instant into a Parquet file, inside a transaction of the caller's.

    A row's age is that of its observation, else of its recording. Rows of the entities themselves
    stay.
    """
    connection = reader.connection
    connection.execute("SELECT FROM clock FOR UPDATE")
    row = connection.execute("SELECT sequence FROM clock").fetchone()
    number = 0 if row is None else row[0]
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"history-{instant_text(before_us)[:10]}-{number}.parquet"
    count = 0
    written: list[tuple[Any, ...]] = []
    series_of: dict[int, int] = {}
    stretches = _stretches(reader, before_us, series_of)
    first = next(stretches, None)
    if first is None:
        return {"rows": 0, "file": None}

    def all_of_them() -> Iterator[sealing.Stretch]:
        yield first
        yield from stretches

    for places in sealing.write(path, all_of_them()):
        for stretch, sealed in places:
            count += sealed.length
            described_as = described(stretch.columns)
            place = (str(path), sealed.row_group, sealed.first_row)
            written.append((series_of[id(stretch)], *described_as, *place))
    copy_rows(
        connection,
        "history_chunk (series, count, first_observed_us, last_observed_us, first_recorded_us,"
        " last_recorded_us, first_sequence, last_sequence, file, row_group, first_row)",
        written,
    )
    return {"rows": count, "file": str(path)}


def _stretches(
    reader: Reader, before_us: int, series_of: dict[int, int]
) -> Iterator[sealing.Stretch]:
    """The old rows of each series, which leave their tables as they are given."""
    connection = reader.connection
    series = connection.execute(
        "SELECT s.key, e.id, s.attribute, s.dataset FROM series s JOIN entity e ON e.key = s.entity"
        " WHERE s.attribute > 0 ORDER BY e.branch, e.id, s.attribute, s.dataset"
    ).fetchall()
    for key, entity_id, attribute, dataset in series:
        whole = chunks.joined(_unsealed(connection, key))
        known = whole.observed_us != chunks.NO_TIME
        old = np.where(known, whole.observed_us, whole.recorded_us) < before_us
        if not old.any():
            continue
        connection.execute("DELETE FROM history WHERE series = %s", (key,))
        connection.execute(
            "DELETE FROM history_chunk WHERE series = %s AND body IS NOT NULL", (key,)
        )
        write_chunks(connection, key, whole.take(~old))
        columns = whole.take(old)
        values = _instances(reader, columns)
        iri = reader.lexicon.iri(connection, attribute)
        for start in range(0, len(columns), chunks.ROWS):
            stretch = sealing.Stretch(
                entity_id,
                iri,
                dataset,
                columns.take(np.arange(start, min(start + chunks.ROWS, len(columns)))),
                values[start : start + chunks.ROWS],
            )
            series_of[id(stretch)] = key
            yield stretch


def _unsealed(connection: Connection, series: int) -> list[chunks.Columns]:
    rows = connection.execute(
        "SELECT sequence, marks, observed_us, recorded_us, created_us, template, number, body"
        " FROM history WHERE series = %s ORDER BY sequence",
        (series,),
        binary=True,
    ).fetchall()
    packed = connection.execute(
        "SELECT body FROM history_chunk WHERE series = %s AND body IS NOT NULL", (series,),
        binary=True,
    )  # fmt: skip
    parts = [chunks.decode(row[0]) for row in packed]
    return [*parts, chunks.from_rows([tuple(row) for row in rows])]


def _instances(reader: Reader, columns: chunks.Columns) -> list[bytes | None]:
    """Each row's instance as JSON, for other programs."""
    found: list[bytes | None] = []
    for row in chunks.to_rows(columns):
        if row[-1] is not None:
            found.append(row[-1])
            continue
        instance = reader.instance(row[2:])
        found.append(None if instance is None else encode(instance))
    return found
