"""The tileset of a district: tiles, their boxes and errors, and the models they point at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from lingjing.engine.tiles3d.frames import Floats, Frame
from lingjing.engine.tiles3d.glb import FORMAT, glb_of
from lingjing.engine.tiles3d.meshes import mesh_of
from lingjing.engine.tiles3d.solids import Solids
from lingjing.engine.tiles3d.tree import Node, divided

VERSION: Final = "1.1"
_ORIGIN_STEP_DEG: Final = 0.01
_MARGIN_M: Final = 0.5
"""Boxes are this much wider than what they hold, more than quantising moves a corner [m]."""

Bounds = tuple[float, float, float, float]
Wanted = Callable[[str, Callable[[], bytes]], None]


def frame_of(bounds: Bounds) -> Frame:
    """The frame of a district: at its middle, which moves in steps so that it rarely does."""
    west, south, east, north = bounds
    middle = (west + east) / 2, (south + north) / 2
    return Frame(*(round(round(item / _ORIGIN_STEP_DEG) * _ORIGIN_STEP_DEG, 6) for item in middle))


def tileset_of(solids: Solids, bounds: Bounds, want: Wanted) -> dict[str, Any]:
    """The tileset's JSON content.

    Args:
        solids: Of the district.
        bounds: Of the district [°].
        want: Told of each model: the name that goes with its content, and how to make it.
    """
    frame = frame_of(bounds)
    if not len(solids):
        return _told(_empty(bounds, frame), 0.0, frame)
    low, high = _boxes(solids, frame)
    size_m = np.linalg.norm(high - low, axis=1)
    west, south, east, north = solids.boxes_deg().T
    root = divided((west + east) / 2, (south + north) / 2, size_m)
    digests = solids.digests()

    def tile(node: Node) -> tuple[dict[str, Any], Floats]:
        children = [tile(child) for child in node.children]
        own = np.stack([low[node.rows].min(axis=0), high[node.rows].max(axis=0)])
        boxes = np.stack([own, *(box for _, box in children)])
        box = np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])
        name = _name(frame, [digests[row] for row in node.rows])
        taken = node.rows
        want(name, lambda: _model(solids.taken(taken), frame))
        content = {
            "boundingVolume": {"box": _box(box)},
            "geometricError": round(node.error_m, 2),
            "refine": "ADD",
            "content": {"uri": name, "boundingVolume": {"box": _box(own)}},
        }
        if children:
            content["children"] = [child for child, _ in children]
        return content, box

    return _told(tile(root)[0], float(size_m.max()), frame)


def _model(solids: Solids, frame: Frame) -> bytes:
    return glb_of(mesh_of(solids, frame), solids)


def _name(frame: Frame, digests: Sequence[bytes]) -> str:
    """Name of a model's file: the same exactly while it would be written the same."""
    facts = msgspec.msgpack.encode((FORMAT, frame.longitude_deg, frame.latitude_deg, digests))
    return f"{hashlib.blake2b(facts, digest_size=12).hexdigest()}.glb"


def _told(root: dict[str, Any], error_m: float, frame: Frame) -> dict[str, Any]:
    return {
        "asset": {"version": VERSION, "generator": "Lingjing"},
        "geometricError": round(error_m, 2),
        "root": {"transform": frame.transform(), **root},
    }


def _empty(bounds: Bounds, frame: Frame) -> dict[str, Any]:
    west, south, east, north = bounds
    corners = frame.local(
        np.array([west, east, east, west]), np.array([south, south, north, north]), np.zeros(4)
    )
    box = np.stack([corners.min(axis=0), corners.max(axis=0)])
    return {"boundingVolume": {"box": _box(box)}, "geometricError": 0.0, "refine": "ADD"}


def _boxes(solids: Solids, frame: Frame) -> tuple[Floats, Floats]:
    """Lowest and highest corner of each solid in the frame [n, 3] [m]."""
    west, south, east, north = solids.boxes_deg().T
    corners = np.stack(
        [
            frame.local(longitude, latitude, height)
            for longitude in (west, east)
            for latitude in (south, north)
            for height in (solids.base_m, solids.top_m)
        ]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    for row, shell in solids.surveyed():
        points = shell.local(frame)
        low[row] = np.minimum(low[row], points.min(axis=0))
        high[row] = np.maximum(high[row], points.max(axis=0))
    return low - _MARGIN_M, high + _MARGIN_M


def _box(corners: Floats) -> list[float]:
    """A box as 3D Tiles wants it: its middle, and half its length along each axis."""
    low, high = corners
    middle, half = (low + high) / 2, (high - low) / 2
    numbers = [*middle, half[0], 0, 0, 0, half[1], 0, 0, 0, half[2]]
    return [round(float(number), 3) for number in numbers]
