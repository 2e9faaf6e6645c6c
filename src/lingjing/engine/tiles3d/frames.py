"""Positions on the ellipsoid, and the local frames that models are drawn in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEMI_MAJOR_M: Final = 6_378_137.0
FLATTENING: Final = 1.0 / 298.257_223_563
_ECCENTRICITY_2: Final = FLATTENING * (2.0 - FLATTENING)

Floats = NDArray[np.float64]


def earth_centred(longitude_deg: Floats, latitude_deg: Floats, height_m: Floats) -> Floats:
    """Earth-centred positions of WGS 84 (EPSG:4978).

    Args:
        longitude_deg, latitude_deg: Of the points [n] [°].
        height_m: Above the ellipsoid [n] [m].

    Returns:
        Positions [n, 3] [m].

    >>> [round(float(x)) for x in earth_centred(np.zeros(1), np.zeros(1), np.zeros(1))[0]]
    [6378137, 0, 0]
    """
    longitude, latitude = np.radians(longitude_deg), np.radians(latitude_deg)
    sine, cosine = np.sin(latitude), np.cos(latitude)
    across = SEMI_MAJOR_M / np.sqrt(1.0 - _ECCENTRICITY_2 * sine**2)
    flat = (across + height_m) * cosine
    return np.stack(
        [
            flat * np.cos(longitude),
            flat * np.sin(longitude),
            (across * (1.0 - _ECCENTRICITY_2) + height_m) * sine,
        ],
        axis=-1,
    )


@dataclass(frozen=True)
class Frame:
    """A frame at a point of the ellipsoid: x to the east, y to the north, z up [m].

    Attributes:
        longitude_deg, latitude_deg: Where its origin lies [°]; height 0.
    """

    longitude_deg: float
    latitude_deg: float

    def axes(self) -> Floats:
        """East, north and up as rows of earth-centred unit vectors [3, 3]."""
        longitude, latitude = math.radians(self.longitude_deg), math.radians(self.latitude_deg)
        east, north = (math.sin(longitude), math.cos(longitude)), (math.sin(latitude),)
        level = math.cos(latitude)
        return np.array(
            [
                [-east[0], east[1], 0.0],
                [-north[0] * east[1], -north[0] * east[0], level],
                [level * east[1], level * east[0], north[0]],
            ]
        )

    def origin(self) -> Floats:
        """The origin, earth-centred [3] [m]."""
        return earth_centred(
            np.array(self.longitude_deg), np.array(self.latitude_deg), np.array(0.0)
        )

    def local(self, longitude_deg: Floats, latitude_deg: Floats, height_m: Floats) -> Floats:
        """Points in this frame [n, 3] [m]; exact, so that far points sink with the curvature."""
        moved = earth_centred(longitude_deg, latitude_deg, height_m) - self.origin()
        turned: Floats = moved @ self.axes().T
        return turned

    def transform(self) -> list[float]:
        """From this frame to earth-centred, as the 16 numbers of a column-major matrix."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.axes().T
        matrix[:3, 3] = self.origin()
        return [float(number) for number in matrix.T.ravel()]
