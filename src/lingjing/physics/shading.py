"""What walls hide: horizon angles, the share of the sky that is left, and when the sun comes in."""

from __future__ import annotations

import math
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import FloatArray, checked, floats
from lingjing.vocabulary import LingjingError, Place

SECTORS: Final = 36
FARTHEST_M: Final = 250.0
"""Beyond this even a tower of 30 m stands below 7°, where the sun gives little."""
NEAREST_M: Final = 0.5
"""A wall nearer than this counts as this far: a road that a map lays through a building."""
CELL_M: Final = 50.0
PENUMBRA_DEG: Final = 4.0
"""Over which the sun comes in along a stretch of road whose horizon is one mean (assumed)."""


def horizon_angles_deg(
    points_m: npt.ArrayLike,
    walls_m: npt.ArrayLike,
    heights_m: npt.ArrayLike,
    *,
    sectors: int = SECTORS,
    farthest_m: float = FARTHEST_M,
) -> FloatArray:
    """How high the walls around each point stand, by direction.

    Args:
        points_m: Points on the ground, x to the east and y to the north [n, 2] [m].
        walls_m: Straight walls from (x1, y1) to (x2, y2) [m, 4] [m]: the edges of footprints.
        heights_m: How far each wall rises above the points [m].
        sectors: Directions, evenly spaced; the first looks north, the others follow clockwise.
        farthest_m: Walls beyond this are left out.

    Returns:
        Elevation of the highest wall along each direction [n, sectors] [°], 0 where none is.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    Validity: level ground, opaque walls, roofs as high as the walls. The same bytes whatever the
    number of threads and the order of the walls.

    >>> tower = [[-10.0, 20.0, 10.0, 20.0]]
    >>> angles = horizon_angles_deg([[0.0, 0.0]], tower, [20.0], sectors=4)
    >>> angles.round(1).tolist()
    [[45.0, 0.0, 0.0, 0.0]]
    """
    points = _table("points_m", points_m, 2)
    walls = _table("walls_m", walls_m, 4)
    heights = checked("heights_m", heights_m, (walls.shape[0],), lower=0, upper=2000)
    checked("sectors", sectors, (), lower=4, upper=720)
    checked("farthest_m", farthest_m, (), lower=1, upper=5000)
    found = np.zeros((points.shape[0], int(sectors)))
    if not walls.shape[0] or not points.shape[0]:
        return found
    middle = 0.5 * (walls[:, :2] + walls[:, 2:])
    reach = float(farthest_m) + 0.5 * float(
        np.hypot(walls[:, 2] - walls[:, 0], walls[:, 3] - walls[:, 1]).max()
    )
    corner = middle.min(axis=0)
    cells = np.floor((middle - corner) / CELL_M).astype(np.int64)
    shape = cells.max(axis=0) + 1
    flat = cells[:, 0] * shape[1] + cells[:, 1]
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(shape[0] * shape[1] + 1))
    _look_around(
        points, walls[order], heights[order], starts, corner, int(shape[0]), int(shape[1]), reach,
        float(farthest_m), found,
    )  # fmt: skip
    return np.degrees(np.arctan(found))


def _table(name: str, values: npt.ArrayLike, columns: int) -> FloatArray:
    given = floats(values)
    if not given.size:
        return np.zeros((0, columns))
    rows = given.shape[0] if given.ndim == 2 else 1
    shape = (rows, columns)
    if given.shape != shape:
        raise LingjingError(
            "physics.wrong-shape", Place(field=name), name=name, expected=list(shape),
            found=list(given.shape),
        )  # fmt: skip
    table = checked(name, given, shape, lower=-1e8, upper=1e8)
    return table if table.flags.writeable else table.copy()


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _look_around(
    points: np.ndarray,
    walls: np.ndarray,
    heights: np.ndarray,
    starts: np.ndarray,
    corner: np.ndarray,
    across: int,
    up: int,
    reach: float,
    farthest: float,
    found: np.ndarray,
) -> None:
    """Tangent of the highest wall by point and direction; cells of walls are searched in reach."""
    sectors = found.shape[1]
    width = 2.0 * math.pi / sectors
    for point in numba.prange(points.shape[0]):
        x, y = points[point, 0], points[point, 1]
        first_i = max(0, math.floor((x - reach - corner[0]) / CELL_M))
        last_i = min(across - 1, math.floor((x + reach - corner[0]) / CELL_M))
        first_j = max(0, math.floor((y - reach - corner[1]) / CELL_M))
        last_j = min(up - 1, math.floor((y + reach - corner[1]) / CELL_M))
        for i in range(first_i, last_i + 1):
            for j in range(first_j, last_j + 1):
                cell = i * up + j
                for wall in range(starts[cell], starts[cell + 1]):
                    ax, ay = walls[wall, 0] - x, walls[wall, 1] - y
                    bx, by = walls[wall, 2] - x, walls[wall, 3] - y
                    turn = math.atan2(ax * by - ay * bx, ax * bx + ay * by)  # from a to b, left
                    if turn > 0.0:
                        ax, ay, bx, by = bx, by, ax, ay
                        turn = -turn
                    span = -turn  # clockwise from a to b
                    begin = math.atan2(ax, ay)  # clockwise from north
                    dx, dy = bx - ax, by - ay
                    level = ax * dy - ay * dx
                    if dx == 0.0 and dy == 0.0:
                        continue
                    first = math.ceil(begin / width - 1e-9)
                    last = math.floor((begin + span) / width + 1e-9)
                    for sector in range(first, last + 1):
                        angle = sector * width
                        across_wall = math.sin(angle) * dy - math.cos(angle) * dx
                        if across_wall == 0.0:
                            continue
                        distance = level / across_wall
                        if distance < 0.0 or distance > farthest:
                            continue
                        rise = heights[wall] / max(distance, NEAREST_M)
                        place = sector % sectors
                        found[point, place] = max(found[point, place], rise)


def sky_view_factor(horizon_deg: npt.ArrayLike) -> FloatArray:
    """Share of the sky that level ground sees under a horizon.

    The mean of cos² of the horizon over all directions, exact for an isotropic sky.

    Args:
        horizon_deg: [n, sectors] [°].

    Returns:
        [n], 0 to 1.

    References:
        Dozier & Frew (1990), IEEE Trans. Geosci. Remote Sens. 28, 963-969; Oke (1987), Boundary
        Layer Climates, for street canyons.

    >>> sky_view_factor([[0.0] * 8, [45.0] * 8]).round(3).tolist()
    [1.0, 0.5]
    """
    horizon = floats(horizon_deg)
    view: FloatArray = (np.cos(np.radians(horizon)) ** 2).mean(axis=-1)
    return view


def lit_share(
    horizon_deg: npt.ArrayLike,
    azimuth_deg: npt.ArrayLike,
    elevation_deg: npt.ArrayLike,
    *,
    penumbra_deg: float = PENUMBRA_DEG,
) -> FloatArray:
    """Share of the direct sun that comes over the horizon.

    Args:
        horizon_deg: [n, sectors] [°], the first looking north, clockwise; interpolated between.
        azimuth_deg: Of the sun, clockwise from north [times] [°].
        elevation_deg: Of the sun [times] [°].
        penumbra_deg: Over which it rises from 0 to 1, half of it on either side of the horizon.

    Returns:
        [n, times], 0 to 1; 0 with the sun down.

    >>> lit_share([[10.0] * 4], [90.0, 180.0], [5.0, 30.0]).tolist()
    [[0.0, 1.0]]
    """
    horizon = np.atleast_2d(floats(horizon_deg))
    azimuth, elevation = floats(azimuth_deg), floats(elevation_deg)
    sectors = horizon.shape[1]
    place = np.mod(azimuth, 360.0) / 360.0 * sectors
    before = np.floor(place).astype(np.int64) % sectors
    share = place - np.floor(place)
    level = horizon[:, before] * (1.0 - share) + horizon[:, (before + 1) % sectors] * share
    over = (elevation[None, :] - level) / max(penumbra_deg, 1e-9) + 0.5
    lit: FloatArray = np.where(elevation[None, :] > 0.0, np.clip(over, 0.0, 1.0), 0.0)
    return lit
