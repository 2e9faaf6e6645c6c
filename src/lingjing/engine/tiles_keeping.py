"""Map tiles of a layer: made once, kept in a file, and made anew only where something changed.

Which tiles are out of date is found by comparing the layer with what its tiles were made from:
the old and the new places of what differs. All others stay as they are, byte for byte.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.tiles_encoding import encode_level
from lingjing.engine.tiles_file import TileFile
from lingjing.engine.tiles_layers import (
    FORMAT,
    Content,
    Layer,
    Rows,
    read_content,
)
from lingjing.twin.contract import Store
from lingjing.vocabulary import LingjingError

MOST_ZOOM: Final = 22
_LOOK_S: Final = 0.25
_SHARE: Final = 20.0
"""A layer whose entities are written to all the time is compared at most so that the comparing
takes one part in so many."""
_LEVEL: Final = 6
_TRIES: Final = 5
_LOTS: Final = 16
_LOT: Final = 32
"""Tiles of a level are made in at most so many lots of at least so many tiles."""
Dirty = dict[int, NDArray[np.int64]] | None
"""Keys of tiles by level; None for all."""


@dataclass(frozen=True)
class Numbering:
    """Which entity each number of a layer stands for.

    Attributes:
        ids: URNs [n].
        numbers: Theirs [n], ascending within a kind.
        following: One more than the largest number ever given; arrays of state are so long.
        version: Changes with the ids and numbers.
    """

    ids: Sequence[str]
    numbers: NDArray[np.int64]
    following: int
    version: str

    def of(self, ids: Iterable[Any]) -> NDArray[np.int64]:
        """Numbers of entities, −1 where one has none (yet)."""
        number = dict(zip(self.ids, self.numbers.tolist(), strict=True))
        return np.fromiter((number.get(str(item), -1) for item in ids), dtype=np.int64)


class TileLayer:
    """One layer of one district.

    Args:
        folder: Where the files of the district lie; None keeps them in memory.
        store: The districts.
        district: Name of the district.
        layer: The layer.
    """

    def __init__(
        self, folder: Path | None, store: Callable[[], Store], district: str, layer: Layer
    ) -> None:
        self.district = district
        self.layer = layer
        self._store = store
        self._file = TileFile(None if folder is None else folder / f"{layer.name}.mbtiles")
        self._lock = threading.RLock()
        self._content: Content | None = None
        self._numbering: Numbering | None = None
        self._standing = _text(self._file.state("standing"))
        self._is_complete = self._file.state("complete") is not None
        self._round = 0
        self._looked_at = -1e9
        self._compared_at = -1e9
        self._cost_s = 0.0
        self._urged = True
        self.on_dirty: Callable[[TileLayer, Dirty], None] | None = None
        """Called when tiles went out of date, under the layer's lock."""
        self.encoded = 0
        """How many tiles were encoded since the start."""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def urge(self) -> None:
        """Look at the district at the next request, however short ago that was done."""
        self._urged = True

    # Following the district

    def refresh(self) -> Dirty:
        """Follow the district; which tiles went out of date by it, by level (None: all).

        Raises:
            LingjingError: `twin.no-district`.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S and not self._urged:
            return {}
        with self._lock:
            urged, self._urged = self._urged, False
            self._looked_at = now
            store = self._store()
            standing = _standing(store, self.district)
            if standing == self._standing:
                return {}
            waited = now - self._compared_at
            imported = standing.partition(":")[0] != self._standing.partition(":")[0]
            if not urged and not imported and waited < max(_LOOK_S, _SHARE * self._cost_s):
                return {}
            return self._compare(store)

    def _compare(self, store: Store) -> Dirty:
        began = time.monotonic()
        held = self._held()
        standing, content = self._read(store, held)
        dirty: Dirty = None
        if content.dirty is not None:
            dirty = {}
            first, last = self.layer.zooms
            for zoom in range(first, last + 1):
                keys = np.unique(geometry.touched(content.dirty, zoom)[1])
                if keys.size:
                    dirty[zoom] = keys
        states = {"standing": standing.encode()}
        if dirty is None or dirty or held is None or len(held.ids) != len(content.rows.ids):
            states |= {"rows": content.rows.packed(), "format": str(FORMAT).encode()}
        self._file.spoil(dirty, states)
        if dirty is None:
            self._is_complete = False
            self._round += 1
        self._content, self._standing, self._numbering = content, standing, None
        self._compared_at = time.monotonic()
        self._cost_s = self._compared_at - began
        if self.on_dirty is not None and held is not None and dirty != {}:
            self.on_dirty(self, dirty)
        return dirty

    def _held(self) -> Rows | None:
        if self._content is not None:
            return self._content.rows
        body = self._file.state("rows")
        if body is None or _text(self._file.state("format")) != str(FORMAT):
            return None
        return Rows.unpacked(body)

    def _read(self, store: Store, held: Rows | None) -> tuple[str, Content]:
        """The layer, and where the district stood when it was read."""
        for attempt in range(_TRIES):
            standing = _standing(store, self.district)
            try:
                return standing, read_content(self.layer, store.twin(self.district), held)
            except LingjingError as error:
                if error.code != "twin.changed-meanwhile" or attempt == _TRIES - 1:
                    raise
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def content(self) -> Content:
        """The layer as it stands."""
        self.refresh()
        with self._lock:
            if self._content is None:
                _, content = self._read(self._store(), self._held())
                if content.dirty is not None and not content.dirty.size:
                    self._content = content
                else:  # changed between the two looks
                    self._standing = ""
                    self._compare(self._store())
            assert self._content is not None  # noqa: S101
            return self._content

    def numbering(self) -> Numbering:
        """Which entity each number stands for."""
        self.refresh()
        with self._lock:
            if self._numbering is None:
                rows = self._held() or self.content().rows
                digest = hashlib.sha256("\n".join(rows.ids).encode())
                digest.update(rows.numbers.tobytes())
                self._numbering = Numbering(
                    rows.ids, rows.numbers, rows.following, digest.hexdigest()[:16]
                )
            return self._numbering

    def version(self) -> str:
        """Changes with anything that is drawn."""
        rows = self.content().rows
        facts = rows.digests.tobytes() + rows.numbers.tobytes()
        return hashlib.sha256(facts).hexdigest()[:16]

    # Tiles

    def tile(self, zoom: int, x: int, y: int) -> bytes | None:
        """A tile, compressed with gzip; None for an empty one.

        Raises:
            LingjingError: `tiles.out-of-range`.
        """
        if not (0 <= zoom <= MOST_ZOOM and 0 <= x < 1 << zoom and 0 <= y < 1 << zoom):
            raise LingjingError("tiles.out-of-range", zoom=zoom, x=x, y=y, most=MOST_ZOOM)
        self.refresh()
        first, last = self.layer.zooms
        if not first <= zoom <= last:
            return None
        body, is_old = self._file.tile(zoom, x, y)
        if is_old or (body is None and not self._is_complete):
            with self._lock:
                self._make(zoom, np.array([(y << zoom) + x]))
            body, _ = self._file.tile(zoom, x, y)
        return body

    def quick(self, zoom: int, x: int, y: int) -> tuple[bool, bytes | None]:
        """A tile, if it can be given out at once: without looking at the district, or making it.

        Returns:
            Whether it can, and the tile as `tile` gives it.
        """
        if self._urged or time.monotonic() - self._looked_at >= _LOOK_S:
            return False, None
        first, last = self.layer.zooms
        if not (first <= zoom <= last and 0 <= x < 1 << zoom and 0 <= y < 1 << zoom):
            return False, None
        body, is_old = self._file.tile(zoom, x, y)
        return not is_old and (body is not None or self._is_complete), body

    def build(self) -> None:
        """Make all tiles that are lacking or out of date; who asks for one meanwhile gets it."""
        self.refresh()
        while not self._is_complete:
            self._fill(self._round)
        first, last = self.layer.zooms
        for zoom in range(first, last + 1):
            with self._lock:
                pending = self._file.pending(zoom)
                if pending.size:
                    self._make(zoom, pending)
        self._file.describe(self._metadata())

    def _fill(self, round_: int) -> None:
        """Make all tiles, a lot at a time; given up where all are out of date again."""
        first, last = self.layer.zooms
        for zoom in range(first, last + 1):
            keys = np.unique(geometry.touched(self.content().drawing.boxes, zoom)[1])
            for lot in np.array_split(keys, max(1, min(_LOTS, keys.size // _LOT))):
                with self._lock:
                    if self._round != round_:
                        return
                    if lot.size:
                        self._make(zoom, lot)
        with self._lock:
            if self._round == round_:
                self._file.put_state(complete=b"1")
                self._is_complete = True

    def _make(self, zoom: int, wanted: NDArray[np.int64]) -> None:
        made: list[tuple[int, int, bytes | None]] = [
            (x, y, gzip.compress(body, compresslevel=_LEVEL, mtime=0))
            for x, y, body in encode_level(self.content().drawing, zoom, wanted)
        ]
        self.encoded += len(made)
        size = 1 << zoom
        full = {(x, y) for x, y, _ in made}
        asked = {(key % size, key // size) for key in wanted.tolist()}
        made += [(x, y, None) for x, y in sorted(asked - full)]
        self._file.put(zoom, made)

    def description(self) -> dict[str, Any]:
        """What the tiles hold: `bounds` [°], `minzoom`, `maxzoom`, `fields`, `features`,
        `numbers` (see `Numbering.following`), `version` and `numbering` (its version)."""
        content, numbering = self.content(), self.numbering()
        boxes = content.drawing.boxes
        boxes = boxes[np.isfinite(boxes).all(axis=1)]
        bounds = [-180.0, -85.0511, 180.0, 85.0511]
        if boxes.size:
            (west, north), (east, south) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
            longitudes, latitudes = geometry.unprojected(
                np.array([west, east]), np.array([south, north])
            )
            corners = np.column_stack([longitudes, latitudes]).ravel()
            bounds = np.round(corners, 6).tolist()
        fields = {column.name: _type_of(column.values[0]) for column in content.drawing.columns}
        return {
            "bounds": bounds,
            "minzoom": self.layer.zooms[0],
            "maxzoom": self.layer.zooms[1],
            "fields": fields,
            "features": len(content.rows.ids),
            "numbers": numbering.following,
            "version": self.version(),
            "numbering": numbering.version,
        }

    def _metadata(self) -> dict[str, str]:
        about = self.description()
        west, south, east, north = about["bounds"]
        layer = {"id": self.layer.name, "fields": about["fields"], "description": ""}
        layer |= {"minzoom": about["minzoom"], "maxzoom": about["maxzoom"]}
        store = self._store()
        credited = {item.attribution for item in store.sources(self.district) if item.attribution}
        return {
            "name": f"{self.district} {self.layer.name}",
            "format": "pbf",
            "type": "overlay",
            "version": "1",
            "attribution": "; ".join(sorted(credited)),
            "bounds": ",".join(str(value) for value in about["bounds"]),
            "center": f"{(west + east) / 2},{(south + north) / 2},{about['minzoom']}",
            "minzoom": str(about["minzoom"]),
            "maxzoom": str(about["maxzoom"]),
            "json": json.dumps({"vector_layers": [layer]}, ensure_ascii=False),
        }

    def figures(self) -> tuple[int, int]:
        """How many tiles are kept, and their bytes."""
        return self._file.figures()


def _standing(store: Store, district: str) -> str:
    """Where a district stands; a file that another took the place of does not look the same."""
    revision, edited = store.standing(district)
    record = store.district(district)
    named = hashlib.sha256(msgspec.msgpack.encode([record.updated_at, record.bounds])).hexdigest()
    return f"{revision}-{named[:12]}:{edited}"


def _text(body: bytes | None) -> str:
    return "" if body is None else body.decode()


def _type_of(value: bytes) -> str:
    """The TileJSON name of the type of an encoded value."""
    kind = value[2] if value[1] < 128 else value[3]
    return {0x0A: "String", 0x38: "Boolean"}.get(kind, "Number")
