"""What a road is like to drive on: classes by named thresholds of temperature and stores."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import floats

WET_MM: Final = 0.5
"""Water from which a road is wet rather than damp: what its texture holds."""
DAMP_MM: Final = 0.02
"""Water from which a road is not dry (assumed: a tenth of a visible film)."""
SLIPPERY_MM: Final = 0.1
"""Ice, snow or frost, as water, from which tyres no longer reach the road."""
FROST_MM: Final = 0.02
"""Frost that can be seen and felt (assumed)."""
FREEZING_C: Final = 0.0


class RoadCondition(IntEnum):
    """Classes in order of how slippery they are."""

    DRY = 0
    DAMP = 1
    WET = 2
    FROST = 3
    SLUSH = 4
    SNOW = 5
    ICE = 6


SLIPPERY: Final = (RoadCondition.FROST, RoadCondition.SLUSH, RoadCondition.SNOW, RoadCondition.ICE)

METRO_CODES: Final = {
    RoadCondition.DRY: 1,
    RoadCondition.DAMP: 5,
    RoadCondition.WET: 2,
    RoadCondition.FROST: 7,
    RoadCondition.SLUSH: 4,
    RoadCondition.SNOW: 3,
    RoadCondition.ICE: 3,
}
"""METRo's codes: 1 dry, 2 wet, 3 ice or snow, 4 water and snow, 5 dew, 7 frost."""


def road_condition(
    surface_C: npt.ArrayLike,
    water_mm: npt.ArrayLike,
    snow_mm: npt.ArrayLike,
    ice_mm: npt.ArrayLike,
    frost_mm: npt.ArrayLike,
) -> npt.NDArray[np.int8]:
    """Class of a road.

    Ice outweighs snow, snow outweighs frost, and all outweigh water. Snow beside as much water, or
    above the freezing point, is slush.

    Args:
        surface_C: Surface temperature [°C], any shape.
        water_mm, snow_mm, ice_mm, frost_mm: Stores, as water [mm], shapes that broadcast.

    Returns:
        Codes of `RoadCondition`, int8.

    >>> codes = road_condition([5, 5, -2, -2], [0, 1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1], 0)
    >>> [RoadCondition(int(code)).name for code in codes]
    ['DRY', 'WET', 'SNOW', 'ICE']
    """
    surface, water, snow, ice, frost = np.broadcast_arrays(
        floats(surface_C), floats(water_mm), floats(snow_mm), floats(ice_mm), floats(frost_mm)
    )
    code = np.where(water >= WET_MM, RoadCondition.WET, RoadCondition.DAMP)
    code = np.where(water < DAMP_MM, RoadCondition.DRY, code)
    code = np.where((frost >= FROST_MM) & (surface <= FREEZING_C), RoadCondition.FROST, code)
    white = snow >= SLIPPERY_MM
    slushy = (water >= snow) | (surface > FREEZING_C)
    code = np.where(white, np.where(slushy, RoadCondition.SLUSH, RoadCondition.SNOW), code)
    iced = ice >= SLIPPERY_MM
    return np.where(iced, RoadCondition.ICE, code).astype(np.int8)
