"""Where everything kept lies, and opening the twin there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

from lingjing.twin import SqliteStore
from lingjing.vocabulary import LingjingError, Place

DATA_VARIABLE: Final = "LINGJING_DATA"
TWIN_FILE: Final = "twin.sqlite"


def data_dir(option: Path | str | None = None) -> Path:
    """The folder that holds everything kept; it need not exist yet.

    The option wins over the environment variable `LINGJING_DATA`, and that over the user's data
    folder.
    """
    chosen = option or os.environ.get(DATA_VARIABLE) or platformdirs.user_data_dir("lingjing")
    return Path(chosen).expanduser().absolute()


def open_store(data_dir: Path, *, read_only: bool = False) -> SqliteStore:
    """Open the twin in a data folder; both are made where they are absent.

    Args:
        data_dir: See `data_dir`.
        read_only: Neither make nor change anything; a child process that computes opens it so.

    Raises:
        LingjingError: `twin.cannot-open`, and what `SqliteStore` raises.
    """
    path = data_dir / TWIN_FILE
    if not read_only:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LingjingError(
                "twin.cannot-open", Place(file=str(data_dir)), path=data_dir
            ) from error
    return SqliteStore(path, read_only=read_only)
