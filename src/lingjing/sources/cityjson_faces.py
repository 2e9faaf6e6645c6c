"""The surfaces of a city model as flat columns, and what buildings they make: footprint, height.

Everything is in the model's own coordinates, in the order of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.cityjson_document import SURFACE_DEPTH, CityModel, nested, spread

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

UNSTATED, GROUND, ROOF, WALL, OTHER_MEANING = range(5)
_MEANINGS: Final = {
    "GroundSurface": GROUND,
    "OuterFloorSurface": GROUND,
    "RoofSurface": ROOF,
    "OuterCeilingSurface": ROOF,
    "WallSurface": WALL,
}
# A surface steeper than this draws next to nothing on the ground: about 89.9°.
_FLAT_ENOUGH: Final = 2e-3
# Footprints are joined on this grid; finer than any survey, coarser than rounding [units].
_GRID: Final = 1e-3
_GRID_DEG: Final = 1e-8
# Chinks that joining triangles leaves are smaller than this [square units].
_SMALLEST_PIECE: Final = 0.05


@dataclass(frozen=True)
class Faces:
    """Surfaces [f] of some objects, each a list of rings, each a list of points.

    Attributes:
        points: Corners of all rings, one ring after the other, unclosed [p, 3].
        ring_start: First corner of each ring, and the end of the last [r + 1].
        face_start: First ring of each surface, and the end of the last [f + 1]; the first ring
            of a surface is its outline, the others are holes.
        owner: Row of the object in the list that was asked for [f].
        lod: Level of detail [f].
        meaning: `UNSTATED`, `GROUND`, `ROOF`, `WALL` or `OTHER_MEANING` [f].
    """

    points: Numbers
    ring_start: Indices
    face_start: Indices
    owner: Indices
    lod: Numbers
    meaning: Indices

    @property
    def face_of_point(self) -> Indices:
        """Surface of each corner [p]."""
        ring = np.repeat(np.arange(len(self.ring_start) - 1), np.diff(self.ring_start))
        face = np.repeat(np.arange(len(self.face_start) - 1), np.diff(self.face_start))
        return np.asarray(face[ring], dtype=np.int64)

    def normals(self) -> Numbers:
        """Normals of the outlines by Newell's sum, twice the area long [f, 3]."""
        count = len(self.ring_start) - 1
        if not count:
            return np.zeros((0, 3))
        following = np.arange(1, len(self.points) + 1)
        following[self.ring_start[1:] - 1] = self.ring_start[:-1]
        turns = np.cross(self.points - self.points[0], self.points[following] - self.points[0])
        return np.asarray(np.add.reduceat(turns, self.ring_start[:-1])[self.face_start[:-1]])

    def polygons(self, chosen: Flags) -> NDArray[np.object_]:
        """The chosen surfaces seen from above, as polygons without heights."""
        faces = np.flatnonzero(chosen)
        rings = _ranges(self.face_start[faces], self.face_start[faces + 1])
        corners = _ranges(self.ring_start[rings], self.ring_start[rings + 1])
        ring_sizes = self.ring_start[rings + 1] - self.ring_start[rings]
        lines = shapely.linearrings(
            self.points[corners, :2], indices=np.repeat(np.arange(len(rings)), ring_sizes)
        )
        face_sizes = self.face_start[faces + 1] - self.face_start[faces]
        if bool((face_sizes == 1).all()):
            return np.asarray(shapely.polygons(lines), dtype=object)
        first = np.cumsum(face_sizes) - face_sizes
        return np.array(
            [
                shapely.polygons(lines[at], holes=lines[at + 1 : at + size])
                for at, size in zip(first, face_sizes, strict=True)
            ],
            dtype=object,
        )


def _ranges(starts: Indices, stops: Indices) -> Indices:
    """All numbers from each start up to its stop, one range after the other."""
    sizes = stops - starts
    before = np.cumsum(sizes) - sizes
    return np.asarray(np.arange(sizes.sum()) - np.repeat(before, sizes) + np.repeat(starts, sizes))


def faces_of(model: CityModel, groups: Iterable[Iterable[str]]) -> Faces:
    """The surfaces of groups of objects; points and lines are left out.

    Args:
        model: The document.
        groups: Ids of the objects of each row.
    """
    gatherer = _Gatherer(model)
    for row, group in enumerate(groups):
        for name in group:
            for geometry in model.objects[name].get("geometry", ()):
                gatherer.take(row, geometry)
    return gatherer.faces()


class _Gatherer:
    def __init__(self, model: CityModel) -> None:
        self._model = model
        self._templates = model.template_vertices()
        self._corners: list[int] = []
        self._ring_sizes: list[int] = []
        self._face_sizes: list[int] = []
        self._owner: list[int] = []
        self._lod: list[float] = []
        self._meaning: list[int] = []
        # Vertices that templates put somewhere stand behind those of the document.
        self._placed: list[Numbers] = []
        self._next = len(model.vertices)

    def take(self, row: int, geometry: Mapping[str, Any]) -> None:
        """Add a geometry to the surfaces of a row."""
        offset = 0
        if geometry["type"] == "GeometryInstance":
            page = self._model.document["geometry-templates"]
            matrix = np.array(geometry["transformationMatrix"], dtype=np.float64).reshape(4, 4)
            moved = self._templates @ matrix[:3, :3].T + matrix[:3, 3]
            self._placed.append(moved + self._model.vertices[geometry["boundaries"][0]])
            geometry = page["templates"][geometry["template"]]
            offset, self._next = self._next, self._next + len(moved)
        depth = SURFACE_DEPTH.get(geometry["type"])
        if depth is None:
            return
        semantics = geometry.get("semantics") or {"surfaces": [], "values": None}
        words = [item["type"] for item in semantics["surfaces"]]
        values = spread(semantics.get("values"), geometry["boundaries"], depth)
        lod = float(geometry["lod"])
        for surface, value in zip(nested(geometry["boundaries"], depth), values, strict=True):
            for ring in surface:
                self._corners.extend([index + offset for index in ring] if offset else ring)
                self._ring_sizes.append(len(ring))
            self._face_sizes.append(len(surface))
            self._owner.append(row)
            self._lod.append(lod)
            self._meaning.append(
                UNSTATED if value is None else _MEANINGS.get(words[value], OTHER_MEANING)
            )

    def faces(self) -> Faces:
        """What was gathered."""
        vertices = np.concatenate([self._model.vertices, *self._placed])
        return Faces(
            vertices[np.array(self._corners, dtype=np.int64)],
            np.concatenate([[0], np.cumsum(self._ring_sizes, dtype=np.int64)]).astype(np.int64),
            np.concatenate([[0], np.cumsum(self._face_sizes, dtype=np.int64)]).astype(np.int64),
            np.array(self._owner, dtype=np.int64),
            np.array(self._lod, dtype=np.float64),
            np.array(self._meaning, dtype=np.int64),
        )


@dataclass(frozen=True)
class Built:
    """What the surfaces of each row [n] make.

    Attributes:
        footprints: Polygons or multipolygons in the model's coordinates; None where there is no
            surface that is not upright.
        bottom: Height of the ground surfaces, or the lowest point; NaN where there is no solid.
        top: Height of the highest point; NaN where there is no solid.
        eaves: Lowest point of the roof surfaces; NaN where none are named or all are flat.
        lod: Highest level of detail; NaN where there are no surfaces.
    """

    footprints: list[shapely.Geometry | None]
    bottom: Numbers
    top: Numbers
    eaves: Numbers
    lod: Numbers


def build(faces: Faces, rows: int, *, geographic: bool) -> Built:
    """Footprints and heights of each row.

    The footprint is what the ground surfaces cover, where the highest level of detail that names
    some; else the surfaces of level 0; else the shadow of all surfaces straight down, which
    includes overhanging roofs.

    Args:
        faces: See `faces_of`.
        rows: How many groups they were asked for.
        geographic: The first two coordinates are degrees.
    """
    lod = _extreme(np.maximum, faces.owner, faces.lod, rows)
    normals = faces.normals()
    length = np.linalg.norm(normals, axis=1)
    lying = np.abs(normals[:, 2]) > _FLAT_ENOUGH * np.maximum(length, 1e-300)
    if geographic:
        # degrees and metres cannot be compared: what has an area on the map lies
        lying = np.abs(normals[:, 2]) > 1e-16
    chosen = _footprint_faces(faces, lying, rows)
    grid = _GRID_DEG if geographic else _GRID
    smallest = _SMALLEST_PIECE * (1e-10 if geographic else 1.0)
    footprints = _joined(faces, chosen, rows, grid, smallest)
    face = faces.face_of_point
    owner, height = faces.owner[face], faces.points[:, 2]
    solid = (faces.lod[face] == lod[owner]) & (faces.lod[face] >= 1.0)
    bottom = _extreme(np.minimum, owner[solid], height[solid], rows)
    named = solid & (faces.meaning[face] == GROUND)
    ground = _extreme(np.minimum, owner[named], height[named], rows)
    top = _extreme(np.maximum, owner[solid], height[solid], rows)
    roof = solid & (faces.meaning[face] == ROOF)
    eaves = _extreme(np.minimum, owner[roof], height[roof], rows)
    eaves[~(eaves < top)] = np.nan
    return Built(footprints, np.where(np.isnan(ground), bottom, ground), top, eaves, lod)


def _footprint_faces(faces: Faces, lying: Flags, rows: int) -> Flags:
    """Which surfaces make the footprint of their row."""
    ground = lying & (faces.meaning == GROUND)
    best = _extreme(np.maximum, faces.owner[ground], faces.lod[ground], rows)
    chosen = ground & (faces.lod == best[faces.owner])
    plan = lying & (faces.lod < 1.0) & np.isnan(best[faces.owner])
    lowest = _extreme(np.minimum, faces.owner[plan], faces.lod[plan], rows)
    chosen |= plan & (faces.lod == lowest[faces.owner])
    rest = lying & np.isnan(best[faces.owner]) & np.isnan(lowest[faces.owner])
    highest = _extreme(np.maximum, faces.owner[rest], faces.lod[rest], rows)
    return np.asarray(chosen | (rest & (faces.lod == highest[faces.owner])))


def _extreme(which: np.ufunc, owner: Indices, values: Numbers, rows: int) -> Numbers:
    """Least or greatest value of each row [rows]; NaN where a row has none."""
    start = np.inf if which is np.minimum else -np.inf
    found = np.full(rows, start)
    which.at(found, owner, values)
    found[np.isinf(found)] = np.nan
    return found


def _joined(
    faces: Faces, chosen: Flags, rows: int, grid: float, smallest: float
) -> list[shapely.Geometry | None]:
    """One geometry a row out of the chosen surfaces."""
    footprints: list[shapely.Geometry | None] = [None] * rows
    if not bool(chosen.any()):
        return footprints
    shapes = faces.polygons(chosen)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    owner = faces.owner[chosen]
    order = np.argsort(owner, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1):
        whole = shapely.union_all(shapes[mine], grid_size=grid)
        pieces = [
            _without_chinks(piece, smallest)
            for piece in shapely.get_parts(shapely.get_parts(whole))
            if piece.geom_type == "Polygon" and piece.area > smallest
        ]
        if pieces:
            row = int(owner[mine[0]])
            footprints[row] = pieces[0] if len(pieces) == 1 else shapely.multipolygons(pieces)
    return footprints


def _without_chinks(polygon: shapely.Polygon, smallest: float) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area > smallest]
    if len(holes) == len(polygon.interiors):
        return polygon
    return shapely.Polygon(polygon.exterior, holes)
