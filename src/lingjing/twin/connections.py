"""Opening a twin's file, and saying in our words what SQLite complains about."""

from __future__ import annotations

import contextlib
import os
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from lingjing.twin import schema
from lingjing.twin.rows import fill_shapes
from lingjing.vocabulary import LingjingError, Place

_HEADER: Final = b"SQLite format 3\x00"
_SPACE_LEFT: Final = 1 << 20
_CACHE_KIB: Final = 65_536
READER_CACHE_KIB: Final = 16_384
"""Less than a writer's: there is one of these for every thread that reads."""
_WAL_KEPT: Final = 128 << 20
WAL_PAGES: Final = 16_384
"""Pages that gather in the log before they are written to their places, many at a time."""

_CODES: Final[tuple[tuple[type[apsw.Error] | tuple[type[apsw.Error], ...], str], ...]] = (
    (apsw.FullError, "twin.disk-full"),
    ((apsw.BusyError, apsw.LockedError), "twin.busy"),
    (apsw.NotADBError, "twin.not-a-twin"),
    (apsw.CorruptError, "twin.corrupt"),
    (apsw.ReadOnlyError, "twin.read-only"),
    ((apsw.CantOpenError, apsw.PermissionsError), "twin.cannot-open"),
)


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the driver's errors into ours.

    Raises:
        LingjingError: `twin.disk-full`, `twin.busy`, `twin.not-a-twin`, `twin.corrupt`,
            `twin.read-only`, `twin.cannot-open`, `twin.disk-error`.
    """
    try:
        yield
    except apsw.Error as error:
        for kinds, code in _CODES:
            if isinstance(error, kinds):
                raise LingjingError(code, Place(file=path), path=path) from error
        if isinstance(error, apsw.IOError):
            # A full disk shows as an I/O error where SQLite maps memory instead of writing.
            folder = Path(path).parent
            if folder.is_dir() and shutil.disk_usage(folder).free < _SPACE_LEFT:
                raise LingjingError("twin.disk-full", Place(file=path), path=path) from error
            raise LingjingError(
                "twin.disk-error", Place(file=path), path=path, detail=str(error)
            ) from error
        raise


def connect(path: Path | None, *, read_only: bool, busy_timeout_s: float) -> apsw.Connection:
    """A connection with the settings that every connection has; None is a twin in memory."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    name = ":memory:" if path is None else str(path)
    if read_only and path is not None:
        flags = apsw.SQLITE_OPEN_READONLY
        if not os.access(path.parent, os.W_OK) and not _wal_of(path):
            # A folder that cannot be written holds no lock file; nobody can change the twin there.
            name = f"file:{urllib.parse.quote(str(path.resolve()))}?immutable=1"
            flags |= apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(name, flags=flags)
    connection.set_busy_timeout(int(busy_timeout_s * 1000))
    connection.pragma("foreign_keys", 1)
    connection.pragma("recursive_triggers", 1)
    connection.pragma("trusted_schema", 0)
    connection.pragma("cache_size", -_CACHE_KIB)
    return connection


def prepare(path: Path | None, connection: apsw.Connection, *, read_only: bool) -> None:
    """Make sure that the file is a twin this program knows, and bring it up to date.

    Raises:
        LingjingError: `twin.not-a-twin`, `twin.newer-schema`, `twin.older-schema`.
    """
    shown = str(path or ":memory:")
    if not schema.is_ours(connection):
        raise LingjingError("twin.not-a-twin", Place(file=shown), path=shown)
    found, known = schema.version_of(connection), len(schema.MIGRATIONS)
    values = {"path": shown, "found": found, "known": known}
    if found > known:
        raise LingjingError("twin.newer-schema", Place(file=shown), **values)
    if read_only:
        if found < known:
            raise LingjingError("twin.older-schema", Place(file=shown), **values)
        return
    if path is not None:
        if connection.pragma("journal_mode") != "wal":
            connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("journal_size_limit", _WAL_KEPT)
        connection.pragma("wal_autocheckpoint", WAL_PAGES)
    schema.migrate(connection, schema.MIGRATIONS)
    fill_shapes(connection)


@contextlib.contextmanager
def snapshot(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """One state of the file for all statements inside; joins a transaction that is open."""
    joins = connection.in_transaction
    if not joins:
        connection.execute("BEGIN")
    try:
        yield connection
    finally:
        if not joins:
            connection.execute("ROLLBACK")


def check_header(path: Path) -> None:
    """Refuse a file that begins like no database: SQLite would write over a very short one.

    Raises:
        LingjingError: `twin.cannot-open`, `twin.not-a-twin`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
    except OSError as error:
        raise LingjingError("twin.cannot-open", Place(file=str(path)), path=str(path)) from error
    if head and head != _HEADER:
        raise LingjingError("twin.not-a-twin", Place(file=str(path)), path=str(path))


def _wal_of(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
