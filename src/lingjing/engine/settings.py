"""Where everything kept lies, and opening the twin there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import platformdirs

from lingjing.twin import SqliteStore, Store
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LingjingError, Place

if TYPE_CHECKING:
    from lingjing.twin.postgres import PostgresStore

DATA_VARIABLE: Final = "LINGJING_DATA"
STORE_VARIABLE: Final = "LINGJING_STORE"
TWIN_FILE: Final = "twin.sqlite"


def data_dir(option: Path | str | None = None) -> Path:
    """The folder that holds everything kept; it need not exist yet.

    The option wins over the environment variable `LINGJING_DATA`, and that over the user's data
    folder.
    """
    chosen = option or os.environ.get(DATA_VARIABLE) or platformdirs.user_data_dir("lingjing")
    return Path(chosen).expanduser().absolute()


def store_url(option: str | None = None) -> str | None:
    """Address of the twin, where it is not the file in the data folder.

    The option wins over the environment variable `LINGJING_STORE`.
    """
    return option or os.environ.get(STORE_VARIABLE) or None


def open_store(
    data_dir: Path, *, read_only: bool = False, url: str | None = None
) -> SqliteStore | PostgresStore:
    """Open the districts of the twin in a data folder, or at an address.

    What is absent is made.

    Args:
        data_dir: See `data_dir`.
        read_only: Neither make nor change anything; a child process that computes opens it so.
        url: See `store_url`.

    Raises:
        LingjingError: `twin.cannot-open`, and what `SqliteStore` and `PostgresStore` raise.
    """
    address = store_url(url)
    if address is not None:
        # Only who uses PostgreSQL loads its driver.
        from lingjing.twin.postgres import PostgresStore  # noqa: PLC0415

        return PostgresStore(address, read_only=read_only)
    path = data_dir / TWIN_FILE
    if not read_only:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LingjingError(
                "twin.cannot-open", Place(file=str(data_dir)), path=data_dir
            ) from error
    return SqliteStore(path, read_only=read_only)


def has_store(data_dir: Path) -> bool:
    """Whether there is a twin, or an address that should lead to one."""
    return store_url() is not None or (data_dir / TWIN_FILE).is_file()


def open_district(data_dir: Path, name: str) -> SqliteStore | PostgresStore:
    """Open the twin that holds a district; where there is none, nothing is made.

    A folder that cannot be written is opened for reading alone.

    Raises:
        LingjingError: `twin.no-district`, and what `SqliteStore` raises.
    """
    if not has_store(data_dir):
        raise LingjingError("twin.no-district", Place(file=str(data_dir)), name=name, known="—")
    writable = store_url() is not None or os.access(data_dir, os.W_OK)
    store = open_store(data_dir, read_only=not writable)
    try:
        store.district(name)
    except BaseException:
        store.close()
        raise
    return store


@contextlib.contextmanager
def open_ledger(
    data_dir: Path, url: str | None = None, *, read_only: bool = False
) -> Iterator[Ledger]:
    """The living twin in a data folder, or at an address; let go of at the end.

    Args:
        data_dir: See `data_dir`; made where it is absent, unless it is only read.
        url: See `store_url`.
        read_only: Neither make nor change anything; works while another process writes.

    Raises:
        LingjingError: `twin.cannot-open`, `twin.in-use`, `twin.unreachable`.
    """
    ledger: Ledger
    address = store_url(url)
    if address is not None:
        # Only who uses PostgreSQL loads its driver.
        from lingjing.twin.postgres_ledger import PostgresLedger  # noqa: PLC0415

        ledger = PostgresLedger(address, read_only=read_only)
    else:
        from lingjing.twin.sqlite_ledger import SqliteLedger  # noqa: PLC0415

        if not read_only:
            data_dir.mkdir(parents=True, exist_ok=True)
        ledger = SqliteLedger(data_dir / TWIN_FILE, read_only=read_only)
    try:
        yield ledger
    finally:
        ledger.close()


@contextlib.contextmanager
def store_when_needed(data_dir: Path) -> Iterator[Store]:
    """A store that is opened, and made where it is absent, when it is first used.

    An import whose file or pack is refused thus leaves no empty twin behind.

    Raises:
        LingjingError: As `open_store`, at the first use.
    """
    later = _Later(data_dir)
    try:
        yield cast("Store", later)
    finally:
        later.let_go()


class _Later:
    """Stands for a store until something is asked of it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._opened: SqliteStore | PostgresStore | None = None

    def __getattr__(self, name: str) -> Any:
        if self._opened is None:
            self._opened = open_store(self._data_dir)
        return getattr(self._opened, name)

    def let_go(self) -> None:
        """Close the store if it was opened."""
        if self._opened is not None:
            self._opened.close()
