"""One layer's tiles in one file, in the layout of MBTiles 1.3, which other programs read too."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import apsw
import numpy as np
from numpy.typing import NDArray

from lingjing.vocabulary import LingjingError, Place

_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS metadata (name TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE IF NOT EXISTS tiles (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB,
        PRIMARY KEY (zoom_level, tile_column, tile_row)
    );
    -- Tiles that have to be made anew before they are given out.
    CREATE TABLE IF NOT EXISTS lingjing_pending (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER,
        PRIMARY KEY (zoom_level, tile_column, tile_row)
    ) WITHOUT ROWID;
    -- What the tiles were made from.
    CREATE TABLE IF NOT EXISTS lingjing_state (name TEXT PRIMARY KEY, body BLOB);
"""
_BUSY_MS: Final = 10_000


class TileFile:
    """Tiles of one layer. May be used from several threads and processes.

    Rows of tiles count from the north here and in addresses, from the south in the file.

    Args:
        path: The file, made where it is absent; None keeps all in memory.

    Raises:
        LingjingError: `tiles.cannot-open`.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = apsw.Connection(":memory:" if path is None else str(path))
            self._connection.set_busy_timeout(_BUSY_MS)
            if path is not None:
                self._connection.pragma("journal_mode", "wal")
                self._connection.pragma("synchronous", 1)
            self._connection.execute(_TABLES)
        except (OSError, apsw.Error) as error:
            raise LingjingError(
                "tiles.cannot-open", Place(file=str(path)), path=path, detail=str(error)
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def state(self, name: str) -> bytes | None:
        """Something the tiles were made from."""
        with self._lock:
            found: bytes | None = self._connection.execute(
                "SELECT body FROM lingjing_state WHERE name = ?", (name,)
            ).get
        return found

    def put_state(self, **bodies: bytes) -> None:
        """Remember what the tiles were made from."""
        with self._lock, self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO lingjing_state VALUES (?, ?)", list(bodies.items())
            )

    def describe(self, metadata: Mapping[str, str]) -> None:
        """Say what the file holds, for other programs."""
        with self._lock, self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO metadata VALUES (?, ?)", list(metadata.items())
            )

    def tile(self, zoom: int, x: int, y: int) -> tuple[bytes | None, bool]:
        """A tile as it is stored (compressed), and whether it has to be made anew."""
        at = (zoom, x, (1 << zoom) - 1 - y)
        with self._lock:
            found = self._connection.execute(
                "SELECT (SELECT tile_data FROM tiles"
                " WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3),"
                " EXISTS (SELECT 1 FROM lingjing_pending"
                " WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3)",
                at,
            ).get
        return found[0], bool(found[1])

    def put(self, zoom: int, tiles: Iterable[tuple[int, int, bytes | None]]) -> None:
        """Keep tiles (column, row, compressed bytes; None for an empty one); they pend no more."""
        last = (1 << zoom) - 1
        with self._lock, self._connection:
            for x, y, body in tiles:
                at = (zoom, x, last - y)
                if body is None:
                    self._connection.execute(
                        "DELETE FROM tiles"
                        " WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
                        at,
                    )
                else:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)", (*at, body)
                    )
                self._connection.execute(
                    "DELETE FROM lingjing_pending"
                    " WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
                    at,
                )

    def spoil(
        self, tiles: Mapping[int, NDArray[np.int64]] | None, states: Mapping[str, bytes]
    ) -> None:
        """Note which tiles have to be made anew, together with the state that they then follow.

        Args:
            tiles: Level → keys (row × 2^level + column); None for all.
            states: See `put_state`.
        """
        with self._lock, self._connection:
            if tiles is None:
                self._connection.execute("DELETE FROM tiles; DELETE FROM lingjing_pending;")
                self._connection.execute("DELETE FROM lingjing_state WHERE name = 'complete'")
            else:
                for zoom, keys in tiles.items():
                    size = 1 << zoom
                    self._connection.executemany(
                        "INSERT OR IGNORE INTO lingjing_pending VALUES (?, ?, ?)",
                        [(zoom, key % size, size - 1 - key // size) for key in keys.tolist()],
                    )
            self._connection.executemany(
                "INSERT OR REPLACE INTO lingjing_state VALUES (?, ?)", list(states.items())
            )

    def pending(self, zoom: int) -> NDArray[np.int64]:
        """Keys of the tiles of a level that have to be made anew."""
        size = 1 << zoom
        with self._lock:
            found = self._connection.execute(
                "SELECT tile_column, tile_row FROM lingjing_pending WHERE zoom_level = ?", (zoom,)
            ).fetchall()
        keys = [(size - 1 - int(row)) * size + int(column) for column, row in found]  # type: ignore[arg-type]
        return np.array(keys, np.int64)

    def figures(self) -> tuple[int, int]:
        """How many tiles there are, and their bytes."""
        with self._lock:
            found = self._connection.execute(
                "SELECT count(*), coalesce(sum(length(tile_data)), 0) FROM tiles"
            ).get
        return found[0], found[1]
