"""Triangles of upright solids: walls, roofs and undersides, with a normal at every corner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.engine.tiles3d.frames import Floats, Frame
from lingjing.engine.tiles3d.roofs import SHAPED, roof_faces
from lingjing.engine.tiles3d.shells import Shell
from lingjing.engine.tiles3d.solids import Solids

_SHORTEST_M: Final = 1e-6
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Mesh:
    """Triangles in a local frame (x east, y north, z up).

    Attributes:
        positions: Of the corners [v, 3] [m].
        normals: Unit vectors [v, 3].
        features: Which feature a corner belongs to [v].
        triangles: Corners of each, counter-clockwise from outside [t, 3].
    """

    positions: Floats
    normals: Floats
    features: Whole
    triangles: Whole


@dataclass(frozen=True)
class _Outlines:
    """Corners of all polygons in a row, without the closing ones.

    Attributes:
        longitude_deg, latitude_deg: Of the corners [c] [°].
        following: The next corner in the same ring [c].
        polygon: Which polygon a corner is of [c].
        first: First corner of each polygon, and the end [m + 1].
        ring_ends: Per polygon, ends of its rings, counted from its first corner.
    """

    longitude_deg: Floats
    latitude_deg: Floats
    following: Whole
    polygon: Whole
    first: Whole
    ring_ends: list[NDArray[np.uint32]]


def mesh_of(solids: Solids, frame: Frame) -> Mesh:
    """Triangles of the solids in a frame."""
    shells = solids.surveyed()
    upright = ~np.isin(solids.owner, [row for row, _ in shells])
    pieces = [_shell(shell, row, frame) for row, shell in shells]
    if upright.any():
        rest = replace(solids, polygons=solids.polygons[upright], owner=solids.owner[upright])
        pieces = [*_upright(rest, frame), *pieces]
    starts = np.cumsum([0, *(len(piece.positions) for piece in pieces[:-1])])
    return Mesh(
        np.concatenate([piece.positions for piece in pieces]),
        np.concatenate([piece.normals for piece in pieces]),
        np.concatenate([piece.features for piece in pieces]),
        np.concatenate(
            [piece.triangles + start for piece, start in zip(pieces, starts, strict=True)]
        ),
    )


def _shell(shell: Shell, row: int, frame: Frame) -> Mesh:
    corners, normals = shell.triangles(frame)
    count = 3 * len(corners)
    return Mesh(
        corners.reshape(-1, 3),
        np.repeat(normals, 3, axis=0),
        np.full(count, row, dtype=np.int64),
        np.arange(count).reshape(-1, 3),
    )


def _upright(solids: Solids, frame: Frame) -> list[Mesh]:
    outlines = _outlines(solids.polygons)
    feature = solids.owner[outlines.polygon]
    place = (outlines.longitude_deg, outlines.latitude_deg)
    shaped = _shaped(solids, outlines)
    eaves = np.where(shaped, solids.eaves_m[solids.owner], solids.top_m[solids.owner])
    lower = frame.local(*place, solids.base_m[feature])
    upper = frame.local(*place, eaves[outlines.polygon])
    flat = [item for item in range(len(solids.polygons)) if not shaped[item]]
    faces = _triangulated(upper, outlines, flat)
    hanging = solids.base_m[feature] > 0
    beneath = _triangulated(
        upper,
        outlines,
        [item for item, one in enumerate(solids.owner) if solids.base_m[one] > 0],
    )
    return [
        _walls(lower, upper, outlines, feature),
        _level(upper, faces, feature, up=True),
        *([_level(lower, beneath, feature, up=False)] if hanging.any() else ()),
        *_roofs(solids, outlines, upper, np.flatnonzero(shaped)),
    ]


def _outlines(polygons: NDArray[np.object_]) -> _Outlines:
    rings, ring_polygon = shapely.get_rings(shapely.orient_polygons(polygons), return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    begins = np.flatnonzero(np.append(ring[1:] == ring[:-1], [False]))
    ring = ring[begins]
    counts = np.bincount(ring, minlength=len(rings))
    starts = np.cumsum(counts) - counts
    following = np.arange(begins.size) + 1
    last = starts + counts - 1
    following[last] = starts
    per_polygon = np.bincount(ring_polygon, minlength=len(polygons))
    corners = np.bincount(ring_polygon[ring], minlength=len(polygons))
    first = np.concatenate([[0], np.cumsum(corners)])
    ends = np.split(
        (starts + counts - first[ring_polygon]).astype(np.uint32), np.cumsum(per_polygon)[:-1]
    )
    return _Outlines(
        points[begins, 0], points[begins, 1], following, ring_polygon[ring], first, ends
    )


def _shaped(solids: Solids, outlines: _Outlines) -> NDArray[np.bool_]:
    """Polygons whose roof is drawn in its shape [m]; the others' is flat at the top."""
    wanted = np.array([roof in SHAPED for roof in solids.roofs], dtype=bool)
    wanted &= solids.top_m - solids.eaves_m > _SHORTEST_M
    found = wanted[solids.owner]
    for item in np.flatnonzero(found):
        found[item] = len(outlines.ring_ends[item]) == 1
    return found


def _triangulated(corners: Floats, outlines: _Outlines, polygons: list[int]) -> Whole:
    """Triangles [t, 3] that fill the polygons, counter-clockwise from above."""
    flat = np.ascontiguousarray(corners[:, :2])
    found: list[Whole] = [np.empty(0, dtype=np.int64)]
    for item in polygons:
        first, end = outlines.first[item], outlines.first[item + 1]
        ends = outlines.ring_ends[item]
        filled = mapbox_earcut.triangulate_float64(flat[first:end], ends)
        found.append(filled.astype(np.int64) + first)
    triangles = np.concatenate(found).reshape(-1, 3)
    a, b, c = (flat[triangles[:, corner]] for corner in range(3))
    ahead, aside = b - a, c - a
    turned = ahead[:, 0] * aside[:, 1] - ahead[:, 1] * aside[:, 0]
    triangles[turned < 0] = triangles[turned < 0][:, ::-1]
    return triangles[np.abs(turned) > _SHORTEST_M]


def _walls(lower: Floats, upper: Floats, outlines: _Outlines, feature: Whole) -> Mesh:
    begin = np.arange(len(lower))
    end = outlines.following
    along = lower[end] - lower[begin]
    length = np.hypot(along[:, 0], along[:, 1])
    tall = upper[:, 2] - lower[:, 2]
    begin = begin[(length > _SHORTEST_M) & (tall > _SHORTEST_M)]
    end, along, length = end[begin], along[begin], length[begin]
    outward = np.stack([along[:, 1], -along[:, 0], np.zeros(begin.size)], axis=-1)
    outward /= length[:, None]
    corners = np.stack([lower[begin], lower[end], upper[end], upper[begin]], axis=1)
    first = 4 * np.arange(begin.size)[:, None]
    return Mesh(
        corners.reshape(-1, 3),
        np.repeat(outward, 4, axis=0),
        np.repeat(feature[begin], 4),
        (first + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3),
    )


def _level(corners: Floats, triangles: Whole, feature: Whole, *, up: bool) -> Mesh:
    used, place = np.unique(triangles, return_inverse=True)
    normal = (0.0, 0.0, 1.0 if up else -1.0)
    turned = place.reshape(-1, 3) if up else place.reshape(-1, 3)[:, ::-1]
    return Mesh(corners[used], np.tile(normal, (used.size, 1)), feature[used], turned)


def _roofs(solids: Solids, outlines: _Outlines, upper: Floats, polygons: Whole) -> list[Mesh]:
    """Roofs that are not flat, one at a time: there are few."""
    made = []
    for item in polygons:
        feature = int(solids.owner[item])
        corners = upper[outlines.first[item] : outlines.first[item + 1]]
        rise = float(solids.top_m[feature] - solids.eaves_m[feature])
        faces = roof_faces(str(solids.roofs[feature]), corners, rise)
        a, b, c = faces[:, 0], faces[:, 1], faces[:, 2]
        normal = np.cross(b - a, c - a)
        size = np.linalg.norm(normal, axis=1)
        faces, normal = faces[size > _SHORTEST_M], normal[size > _SHORTEST_M]
        normal /= size[size > _SHORTEST_M][:, None]
        count = 3 * len(faces)
        made.append(
            Mesh(
                faces.reshape(-1, 3),
                np.repeat(normal, 3, axis=0),
                np.full(count, feature, dtype=np.int64),
                np.arange(count).reshape(-1, 3),
            )
        )
    return made
