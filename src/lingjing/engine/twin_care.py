"""Looking after a twin as a whole: bring it up to date, check it, copy it to a file, move it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from lingjing.engine.settings import TWIN_FILE, open_ledger, store_url
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LingjingError, Place

SEALED: Final = "sealed"
"""Folder of sealed history, in the data folder."""


class Moved(msgspec.Struct, frozen=True):
    """What a copy came to: sizes of both twins, and what is wrong with the new one."""

    source: dict[str, int]
    target: dict[str, int]
    problems: tuple[str, ...]


def migrate(data: Path, store: str | None) -> dict[str, int]:
    """Bring a twin's tables up to date, which opening it for writing does; its size."""
    _require(data, store)
    with open_ledger(data, store) as ledger:
        return ledger.size()


def check(data: Path, store: str | None) -> list[str]:
    """What is wrong with a twin, in words; it may be in use meanwhile."""
    _require(data, store)
    with open_ledger(data, store, read_only=True) as ledger:
        return ledger.check()


def backup(data: Path, store: str | None, target: Path) -> dict[str, int]:
    """Write a consistent copy of a twin into a file while others work on; its size.

    Raises:
        LingjingError: `twin.target-exists`, `twin.cannot-open`.
    """
    _require(data, store)
    if target.exists():
        raise LingjingError("twin.target-exists", Place(file=str(target)), path=target)
    with open_ledger(data, store, read_only=True) as ledger:
        ledger.backup(target)
        return ledger.size()


def restore(source: Path, data: Path, store: str | None) -> dict[str, int]:
    """Make a twin out of a backup; it must not exist yet. Its size.

    Raises:
        LingjingError: `twin.target-exists`, `twin.not-empty`, `twin.not-a-backup`,
            `twin.not-a-twin`.
    """
    if not source.is_file():
        raise LingjingError("twin.cannot-open", Place(file=str(source)), path=source)
    address = store_url(store)
    if address is not None:
        from lingjing.twin.postgres_care import restore as restore_tables  # noqa: PLC0415

        restore_tables(address, source)
    else:
        from lingjing.twin.sqlite_ledger import SqliteLedger  # noqa: PLC0415

        target = data / TWIN_FILE
        if target.exists():
            raise LingjingError("twin.target-exists", Place(file=str(target)), path=target)
        data.mkdir(parents=True, exist_ok=True)
        with SqliteLedger(source, read_only=True) as kept:
            kept.backup(target)
    with open_ledger(data, store) as ledger:
        return ledger.size()


def copy(source: tuple[Path, str | None], target: tuple[Path, str | None]) -> Moved:
    """Copy a whole twin into an empty one, of the same driver or another; nothing is lost.

    Args:
        source: Data folder, and the address where it lies elsewhere.
        target: The same of the new one; without an address it is the file in the folder, whatever
            the environment says of the twin that is in use.

    Raises:
        LingjingError: `twin.not-empty`, `twin.target-exists`.
    """
    _require(*source)
    if target[1] is None and (target[0] / TWIN_FILE).exists():
        path = target[0] / TWIN_FILE
        raise LingjingError("twin.target-exists", Place(file=str(path)), path=path)
    with open_ledger(*source, read_only=True) as old, _open_exactly(*target) as new:
        giving: Any = old
        taking: Any = new
        with contextlib.closing(giving.parts()) as stream:
            taking.fill(stream)
        return Moved(old.size(), new.size(), tuple(new.check()))


@contextlib.contextmanager
def _open_exactly(data: Path, store: str | None) -> Iterator[Ledger]:
    """The twin at an address, or the file in a folder where none is given."""
    if store is not None:
        with open_ledger(data, store) as ledger:
            yield ledger
        return
    from lingjing.twin.sqlite_ledger import SqliteLedger  # noqa: PLC0415

    data.mkdir(parents=True, exist_ok=True)
    with SqliteLedger(data / TWIN_FILE) as ledger:
        yield ledger


def _require(data: Path, store: str | None) -> None:
    """Refuse a data folder without a twin, rather than make an empty one."""
    path = data / TWIN_FILE
    if store_url(store) is None and not path.is_file():
        raise LingjingError("twin.cannot-open", Place(file=str(path)), path=path)


def seal(data: Path, store: str | None, before: datetime) -> dict[str, Any]:
    """Move history older than an instant into Parquet files in the data folder.

    What is sealed still answers; it is found under the data folder, which must stay with the twin.

    Returns:
        `rows` moved, and the `file` they are in now (None where there were none).
    """
    _require(data, store)
    with open_ledger(data, store) as ledger:
        return ledger.seal(round(before.timestamp() * 1e6), data / SEALED)
