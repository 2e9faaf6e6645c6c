"""What viewers are told beside changes of entities: imports, finished runs, tiles out of date."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.engine.live_changes import Event, Item, Place
from lingjing.engine.results import RUNS
from lingjing.engine.tiles import Tiles
from lingjing.engine.tiles_keeping import Dirty, TileLayer
from lingjing.engine.tiles_layers import DRAWN, layers
from lingjing.twin.contract import Store
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK
from lingjing.vocabulary import LingjingError

MOST_TILES: Final = 1_000
"""Of a layer; more than these are told as all."""
_log: Final = logging.getLogger(__name__)


class Standing(msgspec.Struct, frozen=True):
    """What there was at one look.

    Attributes:
        districts: Number of the last import by district.
        runs: Names of finished runs.
    """

    districts: dict[str, int]
    runs: frozenset[str]


class Watcher:
    """Looks at districts and runs, and has tiles follow what changes.

    Args:
        store: The districts.
        data_dir: Where runs are kept.
        tiles: Of the districts.

    Attributes:
        tell: Takes what is to be told; from any thread.
    """

    def __init__(self, store: Callable[[], Store], data_dir: Path, tiles: Tiles) -> None:
        self.tell: Callable[[Iterable[Event]], None] = _tell_nobody
        self._store = store
        self._runs = data_dir / RUNS
        self._tiles = tiles
        self._kinds = {kind for layer in layers().values() for kind in layer.kinds}
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._worker: ThreadPoolExecutor | None = None
        tiles.listen(self._on_dirty)

    def look(self) -> Standing:
        """What there is now.

        Raises:
            LingjingError: The store cannot be read.
        """
        store = self._store()
        found = {}
        for district in store.districts():
            try:
                found[district.name] = store.standing(district.name)[0]
            except LingjingError as error:
                if error.code != "twin.no-district":  # forgotten between the two questions
                    raise
        return Standing(found, frozenset(self._finished()))

    def _finished(self) -> Iterable[str]:
        try:
            folders = list(self._runs.iterdir())
        except OSError:
            return []
        return [
            folder.name
            for folder in folders
            if not folder.name.startswith(".") and (folder / "run.json").is_file()
        ]

    def compared(self, before: Standing, now: Standing) -> list[Event]:
        """What happened between two looks."""
        events = []
        for name in sorted(before.districts.keys() | now.districts.keys()):
            old, new = before.districts.get(name), now.districts.get(name)
            if old == new:
                continue
            change = "deleted" if new is None else "made" if old is None else "imported"
            content: dict[str, Any] = {"district": name, "change": change}
            events.append(Event("district", content, name))
            if change == "imported":
                self._follow(name)
        for name in sorted(before.runs ^ now.runs):
            change = "finished" if name in now.runs else "deleted"
            events.append(Event("run", {"run": name, "change": change}))
        return events

    def noticed(self, items: Mapping[Place, Mapping[str, Item]]) -> None:
        """Have tiles follow changes of what they show."""
        for item in items.get((DEFAULT_TENANT, TRUNK), {}).values():
            if not (item.district and self._kinds.intersection(item.types)):
                continue
            if item.area is not None or any(name in DRAWN for name, _ in item.attributes):
                self._follow(item.district)

    def _follow(self, district: str) -> None:
        """Compare a district's tiles with it, in a thread, one after another."""
        with self._lock:
            if district in self._waiting:
                return
            self._waiting.add(district)
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="tiles follow")
        self._worker.submit(self._catch_up, district)

    def _catch_up(self, district: str) -> None:
        with self._lock:
            self._waiting.discard(district)
        try:
            self._tiles.follow(district)
        except LingjingError as error:
            _log.debug("tiles of %s do not follow: %s", district, error)
        except Exception:  # noqa: BLE001
            # A store that was closed meanwhile; the next request for a tile says what it is.
            _log.debug("tiles of %s do not follow", district, exc_info=True)

    def _on_dirty(self, layer: TileLayer, dirty: Dirty) -> None:
        content: dict[str, Any] = {"district": layer.district, "layer": layer.layer.name}
        if dirty is None or sum(keys.size for keys in dirty.values()) > MOST_TILES:
            content["all"] = True
        else:
            content["tiles"] = {str(zoom): _places(zoom, keys) for zoom, keys in dirty.items()}
        self.tell([Event("tiles", content, layer.district)])


def _tell_nobody(events: Iterable[Event]) -> None:
    """Before anybody listens."""
    del events


def _places(zoom: int, keys: NDArray[np.int64]) -> list[list[int]]:
    """Column and row of each tile."""
    found: list[list[int]] = np.column_stack([keys & ((1 << zoom) - 1), keys >> zoom]).tolist()
    return found
