"""Geometry in WGS 84: lengths and areas in metres, and what is done about faulty shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import ImportReport
from lingjing.sources.coordinates import in_range

Geometries = NDArray[np.object_]
Mask = NDArray[np.bool_]

# WGS 84
_SEMI_MAJOR_M: Final = 6378137.0
_ECCENTRICITY_SQUARED: Final = 6.69437999014e-3
# A repaired outline must keep its area to this share, or the repair has invented something.
_AREA_TOLERANCE: Final = 0.01
# Below this a footprint is a drawing fault [m²].
_SMALLEST_AREA_M2: Final = 0.01
# A part belongs to what holds more than this share of it.
_HELD_SHARE: Final = 0.5
# Below this a line has no length worth a name [m].
_SHORTEST_M: Final = 0.01


def _metres_per_degree(
    latitude: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of one degree of longitude and of latitude [m] at those latitudes [°]."""
    radians = np.radians(latitude)
    squeeze = 1.0 - _ECCENTRICITY_SQUARED * np.sin(radians) ** 2
    parallel = _SEMI_MAJOR_M / np.sqrt(squeeze) * np.cos(radians)
    meridian = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / squeeze**1.5
    return np.radians(parallel), np.radians(meridian)


def areas_m2(geometries: Geometries) -> NDArray[np.float64]:
    """Areas of polygons [n] on the WGS 84 ellipsoid [m²].

    Each is measured in its own tangent plane: below 65° of latitude within 1e-4 of the geodesic
    area for anything the size of a city block (500 m), within 2e-3 up to 20 km.
    """
    coordinates, owner = shapely.get_coordinates(geometries, return_index=True)
    if not len(coordinates):
        return np.zeros(len(geometries))
    bounds = shapely.bounds(geometries).reshape(-1, 4)
    middle = np.column_stack([(bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2])
    scale = np.column_stack(_metres_per_degree(middle[:, 1]))
    metres = (coordinates - middle[owner]) * scale[owner]
    return np.asarray(shapely.area(shapely.set_coordinates(np.array(geometries), metres)))


def lengths_m(geometries: Geometries) -> NDArray[np.float64]:
    """Lengths of lines [n] on the WGS 84 ellipsoid [m], within 1e-6 for steps below 10 km."""
    coordinates, owner = shapely.get_coordinates(geometries, return_index=True)
    if len(coordinates) < 2:
        return np.zeros(len(geometries))
    step = np.diff(coordinates, axis=0)
    middle = (coordinates[1:, 1] + coordinates[:-1, 1]) / 2
    per_longitude, per_latitude = _metres_per_degree(middle)
    pieces = np.hypot(step[:, 0] * per_longitude, step[:, 1] * per_latitude)
    same = owner[1:] == owner[:-1]
    sums = np.bincount(owner[:-1][same], weights=pieces[same], minlength=len(geometries))
    return sums.astype(np.float64)


def _repaired(polygon: shapely.Geometry) -> shapely.Geometry | None:
    """A valid polygon of nearly the same area, or None where repair would change the shape."""
    made = shapely.make_valid(polygon)
    parts = [part for part in shapely.get_parts(made) if shapely.area(part) > 0.0]
    flat = [
        piece for part in parts for piece in shapely.get_parts(part) if piece.geom_type == "Polygon"
    ]
    if len(flat) != 1:
        return None
    before, after = float(shapely.area(polygon)), float(shapely.area(flat[0]))
    return flat[0] if abs(after - before) <= _AREA_TOLERANCE * max(before, after) else None


def clean_polygons(
    geometries: Geometries, names: list[str], report: ImportReport
) -> tuple[Geometries, Mask]:
    """Keep polygons that are on Earth, have an area, and do not cross themselves.

    A fault that leaves one polygon of the same area (a spike, a doubled point) is repaired; a
    true crossing is dropped, since nobody knows which outline was meant.

    Args:
        geometries: Polygons in WGS 84 [n].
        names: What the source calls them, for the report [n].
        report: Counts repairs (`outline-repaired`) and what is dropped (`out-of-range`,
            `self-crossing`, `zero-area`).

    Returns:
        The geometries, repaired where possible, and which of them to keep [n].
    """
    shapes = np.array(geometries, dtype=object)
    keep = in_range(shapes)
    for index in np.flatnonzero(~keep):
        report.drop("out-of-range", names[index])
    for index in np.flatnonzero(keep & ~shapely.is_valid(shapes)):
        if shapely.area(shapely.convex_hull(shapes[index])) == 0.0:
            continue  # flat, and counted as such below
        made = _repaired(shapes[index])
        if made is None:
            keep[index] = False
            report.drop("self-crossing", names[index])
        else:
            shapes[index] = made
            report.repaired["outline-repaired"] = report.repaired.get("outline-repaired", 0) + 1
    tiny = keep.copy()
    tiny[keep] = areas_m2(shapes[keep]) < _SMALLEST_AREA_M2
    for index in np.flatnonzero(tiny):
        report.drop("zero-area", names[index])
    return shapes, keep & ~tiny


def clean_lines(
    geometries: Geometries, names: list[str], report: ImportReport
) -> tuple[NDArray[np.float64], Mask]:
    """Keep lines that are on Earth and have a length.

    Returns:
        Their lengths [m], and which of them to keep [n]; the rest is counted in the report
        (`out-of-range`, `zero-length`).
    """
    keep = in_range(geometries)
    for index in np.flatnonzero(~keep):
        report.drop("out-of-range", names[index])
    lengths = np.zeros(len(geometries))
    lengths[keep] = lengths_m(geometries[keep])
    short = keep & (lengths < _SHORTEST_M)
    for index in np.flatnonzero(short):
        report.drop("zero-length", names[index])
    return lengths, keep & ~short


def holders(
    parts: Geometries, chosen: Mask, wholes: Sequence[shapely.Geometry]
) -> NDArray[np.int64]:
    """For each part [n], which of the wholes holds more than half of it; -1 for none.

    Args:
        parts: Polygons [n].
        chosen: Which of them to look at [n].
        wholes: Valid polygons.
    """
    found = np.full(len(parts), -1, dtype=np.int64)
    rows = np.flatnonzero(chosen)
    if not len(rows) or not len(wholes):
        return found
    shapes = np.array(wholes, dtype=object)
    part, whole = shapely.STRtree(shapes).query(parts[rows], predicate="intersects")
    shared = shapely.area(shapely.intersection(parts[rows[part]], shapes[whole]))
    enough = shared > _HELD_SHARE * shapely.area(parts[rows[part]])
    # ascending, so that the largest share is written last
    for at in np.flatnonzero(enough)[np.argsort(shared[enough], kind="stable")]:
        found[rows[part[at]]] = whole[at]
    return found
