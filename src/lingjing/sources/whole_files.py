"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write beside its place, moved there at the end; nothing is left of a failure.

    Only its owner may read it, unless the caller changes its mode.

    Args:
        path: Its place; the folder must exist. A file that is there is replaced.

    Raises:
        OSError: It cannot be written or moved.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        temporary = Path(file.name)
        try:
            yield file
            file.close()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
