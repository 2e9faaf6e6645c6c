"""The tiles of all districts of a data folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from lingjing.engine.tiles_keeping import Dirty, Numbering, TileLayer
from lingjing.engine.tiles_layers import layer_of, layers
from lingjing.twin.contract import Store
from lingjing.vocabulary import LingjingError

FOLDER: Final = "tiles"
T = TypeVar("T")


class Tiles:
    """The tiles of all districts of a data folder. May be used from several threads.

    Args:
        data_dir: Files go below its `tiles`; where that cannot be written they stay in memory.
        store: The districts.
    """

    def __init__(self, data_dir: Path, store: Callable[[], Store]) -> None:
        self._folder = data_dir / FOLDER
        self._store = store
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], TileLayer] = {}
        self._on_dirty: Callable[[TileLayer, Dirty], None] | None = None

    def listen(self, on_dirty: Callable[[TileLayer, Dirty], None]) -> None:
        """Call this when tiles that were made went out of date; be quick."""
        with self._lock:
            self._on_dirty = on_dirty
            for layer in self._open.values():
                layer.on_dirty = on_dirty

    def follow(self, district: str) -> None:
        """Compare the layers that were asked for with the district as it stands now."""
        for layer in self.opened(district):
            layer.urge()
            self._guarded(district, layer.layer.name, TileLayer.refresh)

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for layer in self._open.values():
                layer.close()
            self._open.clear()

    def layer(self, district: str, name: str) -> TileLayer:
        """A layer's tiles; those of a district that is gone are removed.

        Raises:
            LingjingError: `http.no-layer`, `twin.no-district`.
        """
        layer = layer_of(name)
        with self._lock:
            found = self._open.get((district, name))
        if found is not None:
            return found
        try:
            self._store().standing(district)
        except LingjingError as error:
            if error.code == "twin.no-district":
                self.forget(district)
            raise
        with self._lock:
            found = self._open.get((district, name))
            if found is None:
                found = TileLayer(self._folder_of(district), self._store, district, layer)
                found.on_dirty = self._on_dirty
                self._open[district, name] = found
            return found

    def _folder_of(self, district: str) -> Path | None:
        parent = next(path for path in (self._folder, *self._folder.parents) if path.exists())
        return self._folder / district if os.access(parent, os.W_OK) else None

    def quick(
        self, district: str, layer: str, zoom: int, x: int, y: int
    ) -> tuple[bool, bytes | None]:
        """See `TileLayer.quick`."""
        found = self._open.get((district, layer))
        return (False, None) if found is None else found.quick(zoom, x, y)

    def tile(self, district: str, layer: str, zoom: int, x: int, y: int) -> bytes | None:
        """See `TileLayer.tile`."""
        return self._guarded(district, layer, lambda found: found.tile(zoom, x, y))

    def description(self, district: str, layer: str) -> dict[str, Any]:
        """See `TileLayer.description`."""
        return self._guarded(district, layer, TileLayer.description)

    def numbering(self, district: str, layer: str) -> Numbering:
        """See `TileLayer.numbering`."""
        return self._guarded(district, layer, TileLayer.numbering)

    def version(self, district: str, layer: str) -> str:
        """See `TileLayer.version`."""
        return self._guarded(district, layer, TileLayer.version)

    def build(self, district: str) -> None:
        """Make all tiles of a district that are lacking or out of date."""
        for name in layers():
            self._guarded(district, name, TileLayer.build)

    def _guarded(self, district: str, layer: str, call: Callable[[TileLayer], T]) -> T:
        try:
            return call(self.layer(district, layer))
        except LingjingError as error:
            if error.code == "twin.no-district":
                self.forget(district)
            raise

    def forget(self, district: str) -> None:
        """Let go of a district that is gone, and remove its files."""
        with self._lock:
            known = [key for key in self._open if key[0] == district]
            for key in known:
                self._open.pop(key).close()
        if known:
            shutil.rmtree(self._folder / district, ignore_errors=True)

    def opened(self, district: str) -> list[TileLayer]:
        """Layers of a district that were asked for before."""
        with self._lock:
            return [layer for (name, _), layer in self._open.items() if name == district]


def build_tiles(
    data_dir: Path,
    store: Store,
    district: str,
    names: Iterable[str] = (),
    tell: Callable[[float, str], None] | None = None,
) -> list[dict[str, Any]]:
    """Make all tiles of a district that are lacking or out of date.

    Args:
        data_dir: Holds the files.
        store: Holds the district.
        district: Its name.
        names: Of layers; all where there are none.
        tell: Called with the share done and the layer at work.

    Returns:
        By layer: `layer`, `features`, `tiles` (kept), `encoded` (made now), `bytes`.

    Raises:
        LingjingError: `twin.no-district`, `http.no-layer`, `tiles.cannot-open`.
    """
    chosen = [layer_of(name) for name in names] or list(layers().values())
    tiles = Tiles(data_dir, lambda: store)
    report = []
    try:
        for place, layer in enumerate(chosen):
            made = tiles.layer(district, layer.name)
            if tell is not None:
                tell(place / len(chosen), layer.name)
            made.build()
            count, size = made.figures()
            report.append(
                {
                    "layer": layer.name,
                    "features": made.description()["features"],
                    "tiles": count,
                    "encoded": made.encoded,
                    "bytes": size,
                }
            )
    finally:
        tiles.close()
    return report
