"""The district's own shadows: what its buildings hide of the sky and the sun from each road."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.physics.radiation import direct_share, extraterrestrial_W_m2, solar_position
from lingjing.physics.road import RoadShade
from lingjing.physics.shading import horizon_angles_deg, lit_share, sky_view_factor
from lingjing.sdk import Outlook, TwinView

Numbers = NDArray[np.float64]

METRES_PER_DEGREE: Final = 111_320.0
STOREY_M: Final = 3.0
UNKNOWN_HEIGHT_M: Final = 9.0  # three storeys, where the map knows neither height nor levels
ALONG: Final = (0.1, 0.3, 0.5, 0.7, 0.9)  # where along a segment one looks around
SECTORS: Final = 36
SIDES: Final = ("horizon_east", "horizon_south", "horizon_west")
HORIZON_STEP_DEG: Final = 20.0  # coarse, so that like streets share a situation
PENUMBRA_DEG: Final = 10.0  # a side is one mean horizon; the sun comes in over as much


_SOLID: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True)
class Surroundings:
    """What stands around each road.

    Attributes:
        view: Sky view factor [n].
        sides_deg: Mean horizon to the east, south and west [n, 3] [°].
    """

    view: Numbers
    sides_deg: Numbers


@dataclass(frozen=True)
class Sun:
    """Where the sun stands within the hour about each instant, and how direct it is.

    Attributes:
        azimuth_deg, elevation_deg: [hours, 6] [°].
        direct: Share of the shortwave that is direct [members, hours].
    """

    azimuth_deg: Numbers
    elevation_deg: Numbers
    direct: Numbers


def look_around(roads: TwinView, buildings: TwinView) -> Surroundings | None:
    """Horizons and sky view of every road from the footprints and heights of the buildings.

    Args:
        roads: Road segments.
        buildings: Buildings; those without a footprint hide nothing.

    Returns:
        None where no building has a footprint: nothing is known of the shadows.
    """
    footprints = shapely.from_wkb(np.asarray(buildings.wkb, dtype=object))
    solid = np.isin(shapely.get_type_id(footprints), _SOLID)
    if not solid.any() or not len(roads):
        return None
    # about the middle of the buildings, so that a road's horizon does not hang on the other roads
    origin = np.array([np.mean(buildings.longitude_deg), np.mean(buildings.latitude_deg)])
    scale = np.array([math.cos(math.radians(float(origin[1]))), 1.0]) * METRES_PER_DEGREE
    walls, heights = _walls(footprints[solid], _heights(buildings)[solid])
    walls = (walls - np.tile(origin, 2)) * np.tile(scale, 2)
    points = (_places(roads) - origin) * scale
    horizon = horizon_angles_deg(points, walls, heights, sectors=SECTORS)
    per_road = horizon.reshape(len(roads), len(ALONG), SECTORS)
    view = sky_view_factor(horizon).reshape(len(roads), len(ALONG)).mean(axis=1)
    quarter = SECTORS // 4
    sides = [
        per_road[:, :, side * quarter - quarter // 2 : side * quarter + quarter // 2 + 1].mean(
            axis=(1, 2)
        )
        for side in (1, 2, 3)
    ]
    return Surroundings(view, np.stack(sides, axis=1))


def _heights(buildings: TwinView) -> Numbers:
    levels = buildings.number("levels") * STOREY_M
    known = buildings.number("height")
    height = np.where(np.isnan(known), levels, known)
    return np.clip(np.where(np.isnan(height), UNKNOWN_HEIGHT_M, height), 0.0, 1000.0)


def _walls(footprints: NDArray[np.object_], heights: Numbers) -> tuple[Numbers, Numbers]:
    """Edges of all outer rings [m, 4] in degrees, and how high each stands."""
    parts, owner = shapely.get_parts(footprints, return_index=True)
    rings = shapely.get_exterior_ring(parts)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    walls = np.concatenate([corners[:-1][same], corners[1:][same]], axis=1)
    return walls, heights[owner[ring[1:][same]]]


def _places(roads: TwinView) -> Numbers:
    """Points along each road [n * places, 2] in degrees."""
    lines = shapely.from_wkb(np.asarray(roads.wkb))
    points = np.repeat(
        np.stack([roads.longitude_deg, roads.latitude_deg], axis=1)[:, None], len(ALONG), axis=1
    )
    straight = shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING
    for index, share in enumerate(ALONG):
        along = shapely.line_interpolate_point(lines[straight], share, normalized=True)
        points[straight, index] = shapely.get_coordinates(along)
    return points.reshape(-1, 2)


def sun_of(outlook: Outlook, shortwave_W_m2: NDArray[np.float32]) -> Sun:
    """The sun over the outlook's district, and how direct each member's shortwave is.

    Args:
        outlook: Gives times and place.
        shortwave_W_m2: At the instants [members, hours].
    """
    seconds = outlook.times.astype("datetime64[s]").astype(np.int64)[:, None]
    within = seconds + np.arange(-25, 30, 10)[None, :] * 60
    position = solar_position(within, outlook.longitude_deg, outlook.latitude_deg)
    beyond = extraterrestrial_W_m2(position).mean(axis=1)
    clearness = np.where(beyond > 10.0, shortwave_W_m2 / np.maximum(beyond, 10.0), 0.0)
    return Sun(position.azimuth_deg, position.elevation_deg, direct_share(clearness))


def shade_of(sides_deg: Numbers, sun: Sun) -> RoadShade:
    """When the sun reaches roads with these horizons.

    Args:
        sides_deg: East, south, west [n, 3] [°]; the north is taken as the mean of east and west.
        sun: Of the outlook.
    """
    north = 0.5 * (sides_deg[:, :1] + sides_deg[:, 2:])
    horizon = np.concatenate([north, sides_deg], axis=1)
    hours, times = sun.azimuth_deg.shape
    lit = lit_share(
        horizon, sun.azimuth_deg.reshape(-1), sun.elevation_deg.reshape(-1),
        penumbra_deg=PENUMBRA_DEG,
    )  # fmt: skip
    up = sun.elevation_deg > 0.0
    # over the part of the hour that has a sun at all: the forcing knows when it is down
    mean = lit.reshape(-1, hours, times).sum(axis=2) / np.maximum(up.sum(axis=1), 1)
    return RoadShade(lit=np.minimum(mean, 1.0), direct_share=sun.direct)
