"""Reaching a twin in PostgreSQL, and saying in our words what goes wrong there."""

from __future__ import annotations

import contextlib
import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from lingjing.vocabulary import LingjingError, Place

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

DEFAULT_SCHEMA: Final = "lingjing"
SCHEMES: Final = ("postgresql://", "postgres://")
_SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_MOST_READERS: Final = 16
PATIENCE_S: Final = 5.0
"""How long reading waits for a connection [s]."""
_CONNECT_S: Final = 5

_CODES: Final[tuple[tuple[tuple[type[psycopg.Error], ...], str], ...]] = (
    ((errors.DiskFull,), "twin.disk-full"),
    ((errors.LockNotAvailable, errors.QueryCanceled, errors.TooManyConnections), "twin.busy"),
    ((errors.SerializationFailure, errors.DeadlockDetected), "twin.busy"),
    ((errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege), "twin.read-only"),
    ((errors.DataCorrupted, errors.IndexCorrupted), "twin.corrupt"),
)


class Address(msgspec.Struct, frozen=True):
    """Where a twin is kept.

    Attributes:
        conninfo: What libpq takes.
        schema: Of the database, in which its tables are.
        shown: For people: the URL without its password.
    """

    conninfo: str
    schema: str
    shown: str


def address(url: str) -> Address:
    """Read `postgresql://user:password@host:port/database?schema=name&…`.

    Raises:
        LingjingError: `twin.bad-store-url`.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        given = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        shown = _shown(parts)
    except ValueError as error:
        raise LingjingError("twin.bad-store-url", url="—") from error
    schema = dict(given).get("schema", DEFAULT_SCHEMA)
    rest = [(name, item) for name, item in given if name != "schema"]
    conninfo = parts._replace(query=urllib.parse.urlencode(rest)).geturl()
    try:
        psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        raise LingjingError("twin.bad-store-url", url=shown) from error
    if not url.startswith(SCHEMES) or not _SCHEMA_NAME.fullmatch(schema):
        raise LingjingError("twin.bad-store-url", url=shown)
    return Address(conninfo, schema, shown)


def _shown(parts: urllib.parse.SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{host}{parts.path}"


@contextlib.contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn the driver's errors into ours.

    Raises:
        LingjingError: `twin.unreachable`, `twin.disk-full`, `twin.busy`, `twin.read-only`,
            `twin.corrupt`; what is none of these stays as it was.
    """
    try:
        yield
    except psycopg.Error as error:
        code = code_of(error)
        if code is None:
            raise
        raise LingjingError(code, Place(file=shown), path=shown) from error


def code_of(error: psycopg.Error) -> str | None:
    """Our code for an error of PostgreSQL or of the way there; None where there is none."""
    for kinds, code in _CODES:
        if isinstance(error, kinds):
            return code
    if isinstance(error, PoolClosed):
        return "twin.closed"
    if isinstance(error, PoolTimeout | psycopg.InterfaceError):
        return "twin.unreachable"
    if isinstance(error, psycopg.OperationalError):
        return "twin.unreachable"
    return None


def connect(where: Address) -> Connection:
    """A connection in autocommit, whose search path is the twin's schema.

    Raises:
        LingjingError: `twin.unreachable`.
    """
    with translated(where.shown):
        connection = psycopg.connect(where.conninfo, autocommit=True, connect_timeout=_CONNECT_S)
        settle(connection, where)
    return connection


def settle(connection: Connection, where: Address) -> None:
    """Give a new connection the settings that every connection has."""
    connection.execute(f'SET search_path TO "{where.schema}", public')
    connection.execute("SET synchronous_commit TO on")
    # Statements here are many and small: compiling them costs more than running them.
    connection.execute("SET jit TO off")


class Readers:
    """Connections for reading, shared by threads.

    Args:
        where: The twin.

    Reading that finds its connection broken is tried again on a fresh one, so that a database
    that went and came back is noticed by nobody who asks afterwards.
    """

    def __init__(self, where: Address) -> None:
        self._where = where
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            where.conninfo,
            min_size=1,
            max_size=_MOST_READERS,
            timeout=PATIENCE_S,
            max_waiting=0,
            reconnect_timeout=PATIENCE_S,
            kwargs={"autocommit": True, "connect_timeout": _CONNECT_S},
            configure=lambda connection: settle(connection, where),
            open=True,
        )

    def read(self, call: Callable[[Connection], T]) -> T:
        """Have something read by single statements.

        Raises:
            LingjingError: See `translated`.
        """
        with translated(self._where.shown):
            for attempt in range(_MOST_READERS + 1):
                try:
                    with self._pool.connection() as connection:
                        return call(connection)
                except psycopg.OperationalError as error:
                    if isinstance(error, PoolTimeout) or code_of(error) != "twin.unreachable":
                        raise
                    if attempt == _MOST_READERS:
                        raise
            raise AssertionError  # pragma: no cover

    def read_one_state(self, call: Callable[[Connection], T]) -> T:
        """Have something read by several statements that all see the same state."""

        def inside(connection: Connection) -> T:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return call(connection)

        return self.read(inside)

    def close(self) -> None:
        """Close them all."""
        self._pool.close()
