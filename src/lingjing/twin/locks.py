"""One process writes to a twin's file; who else tries is told which one."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import IO, Final

from lingjing.vocabulary import LingjingError, Place

if os.name == "nt":
    import msvcrt
else:
    import fcntl

_SUFFIX: Final = ".lock"


class FileLock:
    """The right of this process to write to a file, shared by all who write to it here.

    Attributes:
        writing: Held by whoever has a transaction open that writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._users = 0
        self._file: IO[str] | None = None
        self.writing = threading.RLock()

    def acquire(self) -> None:
        """Take the right, or join those who have it.

        Raises:
            LingjingError: `twin.in-use` (another process has it), `twin.cannot-open`.
        """
        with _guard:
            if self._users == 0:
                self._file = self._taken()
            self._users += 1

    def release(self) -> None:
        """Give the right back when the last who has it does so."""
        with _guard:
            self._users -= 1
            if self._users == 0 and self._file is not None:
                # Gone before it is unlocked, so that nobody locks a file about to vanish.
                with contextlib.suppress(OSError):
                    self._lock_path.unlink()
                self._file.close()
                self._file = None

    @property
    def held(self) -> bool:
        """Whether this process has the right."""
        return self._file is not None

    def refuse_others(self) -> None:
        """Do nothing where nobody else has the right.

        Raises:
            LingjingError: `twin.in-use`.
        """
        with _guard:
            if self._file is None and self._lock_path.exists():
                self._taken().close()
                with contextlib.suppress(OSError):
                    self._lock_path.unlink()

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name(self._path.name + _SUFFIX)

    def _taken(self) -> IO[str]:
        while True:
            try:
                file = self._lock_path.open("a+", encoding="ascii")
            except OSError as error:
                raise LingjingError(
                    "twin.cannot-open", Place(file=str(self._path)), path=self._path
                ) from error
            if not _locked(file):
                file.seek(0)
                pid = file.read().strip() or "?"
                file.close()
                raise LingjingError(
                    "twin.in-use", Place(file=str(self._path)), path=self._path, pid=pid
                )
            if self._is_current(file):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                return file
            file.close()

    def _is_current(self, file: IO[str]) -> bool:
        """Whether the file that was locked still lies there: its last holder removes it."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._lock_path.stat())
        except OSError:
            return False


def _locked(file: IO[str]) -> bool:
    try:
        if os.name == "nt":
            file.seek(1 << 20)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


_guard = threading.Lock()
_locks: dict[Path, FileLock] = {}


def lock_of(path: Path) -> FileLock:
    """The lock of a file, the same for all of this process."""
    whole = path.resolve()
    with _guard:
        return _locks.setdefault(whole, FileLock(whole))
