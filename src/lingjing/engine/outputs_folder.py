"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lingjing.sdk import LingjingError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_free(folder: Path) -> None:
    """Refuse an output folder that is in use or cannot be written, before any computing.

    Raises:
        LingjingError: `output.in-use`, `output.not-writable` or `output.disk-full`.
    """
    with new_folder(folder, keep=False) as probe, writing(folder):
        (probe / "probe").write_bytes(b"x" * 4096)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's errors into ours.

    Raises:
        LingjingError: `output.disk-full` or `output.not-writable`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise LingjingError("output.disk-full", folder=str(folder)) from error
        detail = error.strerror or str(error)
        raise LingjingError("output.not-writable", folder=str(folder), detail=detail) from error


@contextlib.contextmanager
def new_folder(folder: Path, *, keep: bool = True) -> Iterator[Path]:
    """A hidden folder beside the one asked for, renamed to it when all went well.

    On any error or interruption it is removed, with the parents that had to be made for it.

    Args:
        folder: Where the result shall lie; must not exist, or be an empty folder.
        keep: False removes everything at the end: a trial.

    Raises:
        LingjingError: `output.in-use`, `output.not-writable` or `output.disk-full`.
    """
    folder = folder.absolute()
    with writing(folder):
        if folder.is_symlink() or folder.exists():
            if not folder.is_dir() or any(folder.iterdir()):
                raise LingjingError("output.in-use", folder=str(folder))
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        made = [parent for parent in folder.parents if not parent.exists()]
        folder.parent.mkdir(parents=True, exist_ok=True)
    done = False
    hidden: Path | None = None
    try:
        with writing(folder):
            hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            hidden.chmod(0o755)
        yield hidden
        if keep:
            with writing(folder):
                hidden.rename(folder)
            done = True
    finally:
        if not done:
            if hidden is not None:
                shutil.rmtree(hidden, ignore_errors=True)
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()
