"""3D Tiles of all districts: files beside the twin, made anew where something changed."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Any, Final

import msgspec

from lingjing.engine.tiles3d.solids import solids_of, views_of
from lingjing.engine.tiles3d.surveyed import Surveys
from lingjing.engine.tiles3d.tileset import VERSION, tileset_of
from lingjing.twin.contract import Store
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError

FOLDER: Final = "tiles3d"
TILESET: Final = "tileset.json"
_MODEL: Final = re.compile(r"[0-9a-f]{24}\.glb")
_LOWEST_M: Final = -100.0
_HIGHEST_M: Final = 1000.0
_COMPRESSION: Final = 5
_ATTEMPTS: Final = 5
"""How often a district that is being imported is looked at anew."""

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Tiled:
    """A district's tiles as they stand.

    Attributes:
        tileset: JSON.
        models: Names of its models.
        written: How many of them had to be made.
    """

    tileset: bytes
    models: frozenset[str]
    written: int


class TileKeeper:
    """Makes and keeps the tiles; may be used from several threads.

    A model's file is named by its content, so what has not changed is found and not made again,
    and an answer may be kept for ever by who asked. Files of the tileset before the present one
    stay, for viewers that still hold it.

    Args:
        folder: The data folder; files go to `tiles3d/` in it.
        store: Where districts are read.
    """

    def __init__(self, folder: Path, store: Callable[[], Store]) -> None:
        self._folder = folder / FOLDER
        self._store = store
        self._surveys = Surveys(folder)
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._kept: dict[str, tuple[Sequence[TwinView], Tiled]] = {}

    def every(self) -> bytes:
        """A tileset that refers to that of every district."""
        districts = self._store().districts()
        self._forget_all_but({item.name for item in districts})
        children: list[dict[str, Any]] = []
        regions: list[list[float]] = []
        for district in districts:
            regions.append([*map(radians, district.bounds), _LOWEST_M, _HIGHEST_M])
            children.append(
                {
                    "boundingVolume": {"region": regions[-1]},
                    "geometricError": _HIGHEST_M,
                    "refine": "ADD",
                    "content": {"uri": f"{district.name}/{TILESET}"},
                }
            )
        root: dict[str, Any] = {
            "boundingVolume": {"region": _around(regions)},
            "geometricError": 2 * _HIGHEST_M,
            "refine": "ADD",
        }
        if children:
            root["children"] = children
        told = {
            "asset": {"version": VERSION, "generator": "Lingjing"},
            "geometricError": 2 * _HIGHEST_M,
            "root": root,
        }
        return msgspec.json.encode(told)

    def tiled(self, name: str) -> Tiled:
        """The district's tiles; made, or made anew, where something has changed.

        Raises:
            LingjingError: `twin.no-district`, `tiles3d.not-kept`.
        """
        bounds, views = self._seen(name)
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            held = self._kept.get(name)
            # The store hands out the same view as long as nothing of its kind has changed.
            if held is not None and [*map(id, held[0])] == [*map(id, views)]:
                return held[1]
            try:
                made = self._make(name, views, bounds)
            except OSError as error:
                raise LingjingError(
                    "tiles3d.not-kept", folder=str(self._folder), detail=str(error)
                ) from error
            self._kept[name] = (views, made)
        return made

    def _seen(self, name: str) -> tuple[Bounds, tuple[TwinView, ...]]:
        """Bounds and views of one state of the district."""
        for _ in range(_ATTEMPTS):
            twin = self._store().twin(name)
            try:
                return twin.district.bounds, views_of(twin)
            except LingjingError as error:
                if error.code != "twin.changed-meanwhile":
                    raise
        twin = self._store().twin(name)
        return twin.district.bounds, views_of(twin)

    def model(self, district: str, name: str) -> bytes:
        """A model's file, gzip-compressed.

        Raises:
            LingjingError: `twin.no-district`, `tiles3d.no-model`.
        """
        self._store().district(district)
        if _MODEL.fullmatch(name):
            path = self._folder / district / f"{name}.gz"
            with contextlib.suppress(FileNotFoundError):
                return path.read_bytes()
        raise LingjingError("tiles3d.no-model", name=name[:60], district=district)

    def _make(self, name: str, views: Sequence[TwinView], bounds: Bounds) -> Tiled:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.glob("*.glb.gz")}
        named: list[str] = []
        written = 0

        def want(model: str, make: Callable[[], bytes]) -> None:
            nonlocal written
            named.append(model)
            if f"{model}.gz" not in there:
                there.add(f"{model}.gz")
                written += 1
                _write(folder / f"{model}.gz", gzip.compress(make(), _COMPRESSION, mtime=0))

        solids = self._surveys.applied(solids_of(views), self._store(), name)
        tileset = msgspec.json.encode(tileset_of(solids, bounds, want))
        before = self._models_of(folder)
        models = frozenset(named)
        _write(folder / TILESET, tileset)
        for path in folder.glob("*.glb.gz"):
            if path.name[: -len(".gz")] not in models | before:
                path.unlink(missing_ok=True)
        return Tiled(tileset, models, written)

    def _models_of(self, folder: Path) -> set[str]:
        """Models that the tileset on the disk refers to."""
        with contextlib.suppress(FileNotFoundError):
            text = (folder / TILESET).read_text(encoding="utf-8")
            return set(_MODEL.findall(text))
        return set()

    def _forget_all_but(self, names: set[str]) -> None:
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in names and path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)


def _around(regions: Sequence[Sequence[float]]) -> list[float]:
    """The region around regions; one on the equator where there are none."""
    if not regions:
        return [0.0, 0.0, 0.001, 0.001, 0.0, 1.0]
    low = [min(side) for side in zip(*regions, strict=True)]
    high = [max(side) for side in zip(*regions, strict=True)]
    return [low[0], low[1], high[2], high[3], low[4], high[5]]


def _write(path: Path, content: bytes) -> None:
    """Put a file in place whole: readers see the old one or the new one."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    scratch.write_bytes(content)
    scratch.replace(path)
