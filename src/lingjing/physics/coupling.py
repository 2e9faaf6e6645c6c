"""What sensors teach the roads near them: the flux that a forcing lacks, carried to like places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import FloatArray, checked, floats

REACH_M: Final = 2000.0
"""Distance at which a sensor's word counts for exp(-1/2) (assumed: the scale of cloud and exposure
within a district)."""
NOISE: Final = 0.25
"""Variance of what is one sensor's own, over that of what like places share (assumed)."""
UNLIKE: Final = {"bridge": 0.1, "surface": 0.5, "sky_view_factor": 0.3}
"""A deck and a road on the ground, or two surfaces, count for so much of alike; sky views that
differ by 0.3 for exp(-1/2) (assumed)."""


@dataclass(frozen=True)
class Carried:
    """What roads without a sensor take over.

    Attributes:
        lacking_W_m2: Flux to add [n] [W/m²], for `RoadReadings.lacking_W_m2`.
        gain: How much of a flux that all sensors agree on is taken over [n], 0 to below 1.
    """

    lacking_W_m2: FloatArray
    gain: FloatArray


def likeness(
    bridge: npt.ArrayLike,
    surface: npt.ArrayLike,
    sky_view_factor: npt.ArrayLike,
    at_bridge: npt.ArrayLike,
    at_surface: npt.ArrayLike,
    at_sky_view_factor: npt.ArrayLike,
) -> FloatArray:
    """How alike roads and sensors' places are, 0 to 1.

    Args:
        bridge, surface, sky_view_factor: Of the roads [n].
        at_bridge, at_surface, at_sky_view_factor: Of the places with a sensor [sensors].

    Returns:
        [n, sensors]; 1 for the same kind of place.
    """

    def same(one: npt.ArrayLike, other: npt.ArrayLike, otherwise: float) -> FloatArray:
        return np.where(floats(one)[:, None] == floats(other)[None, :], 1.0, otherwise)

    apart = floats(sky_view_factor)[:, None] - floats(at_sky_view_factor)[None, :]
    open_alike = np.exp(-0.5 * (apart / UNLIKE["sky_view_factor"]) ** 2)
    alike: FloatArray = (
        same(bridge, at_bridge, UNLIKE["bridge"])
        * same(surface, at_surface, UNLIKE["surface"])
        * open_alike
    )
    return alike


def shares_of_sensors(
    distance_m: npt.ArrayLike,
    alike: npt.ArrayLike,
    *,
    between_m: npt.ArrayLike | None = None,
    between_alike: npt.ArrayLike | None = None,
    reach_m: float = REACH_M,
    noise: float = NOISE,
) -> FloatArray:
    """How much of each sensor's word a road takes over, by optimal interpolation.

    What sensors find is taken as a random field without mean whose correlation falls off with
    distance and likeness; sensors that stand together share their vote.

    Args:
        distance_m: From each road to each sensor [n, sensors] [m].
        alike: From `likeness` [n, sensors].
        between_m: From sensor to sensor [sensors, sensors] [m]; None takes them to stand together,
            so that many never count for more than the field itself.
        between_alike: From `likeness`, sensor by sensor [sensors, sensors]; None takes them to be
            alike.
        reach_m: See `REACH_M`.
        noise: See `NOISE`; above 0.

    Returns:
        [n, sensors]; a row's sum is the gain: how much of what all sensors agree on is taken over.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    References:
        Daley (1991), Atmospheric Data Analysis, Cambridge University Press, chapter 4.

    >>> shares_of_sensors([[0.0, 1000.0]], [[1.0, 1.0]], between_m=[[0, 1e3], [1e3, 0]]).round(2)
    array([[0.6 , 0.28]])
    """
    n, sensors = np.shape(distance_m) if np.ndim(distance_m) == 2 else (0, np.size(distance_m))
    distance = checked("distance_m", distance_m, (n, sensors), lower=0, upper=1e7)
    weight = checked("alike", alike, (n, sensors), lower=0, upper=1)
    reach = checked("reach_m", reach_m, (), lower=1, upper=1e7).item()
    doubt = checked("noise", noise, (), lower=1e-6, upper=1e6).item()
    cross = weight * np.exp(-0.5 * (distance / reach) ** 2)
    square = (sensors, sensors)
    given = np.zeros(square) if between_m is None else between_m
    apart = checked("between_m", given, square, lower=0, upper=1e7)
    kin = np.ones(square) if between_alike is None else between_alike
    mutual = checked("between_alike", kin, square, lower=0, upper=1)
    mutual = mutual * np.exp(-0.5 * (apart / reach) ** 2)
    return floats(np.linalg.solve(mutual + doubt * np.eye(sensors), cross.T).T)


def carry_over(
    lacking_W_m2: npt.ArrayLike,
    distance_m: npt.ArrayLike,
    alike: npt.ArrayLike,
    *,
    between_m: npt.ArrayLike | None = None,
    reach_m: float = REACH_M,
    noise: float = NOISE,
) -> Carried:
    """Spread what sensors found to other roads: see `shares_of_sensors`.

    Args:
        lacking_W_m2: What each sensor's place lacked [sensors], such as `RoadHistory.lacking_W_m2`.
        distance_m: From each road to each sensor [n, sensors] [m].
        alike: From `likeness` [n, sensors].
        between_m, reach_m, noise: See `shares_of_sensors`.

    Returns:
        Carried.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    >>> found = carry_over([-20.0], [[0.0], [2000.0]], [[1.0], [1.0]])
    >>> found.lacking_W_m2.round(1).tolist(), found.gain.round(2).tolist()
    ([-16.0, -9.7], [0.8, 0.49])
    """
    lacking = floats(lacking_W_m2)
    sensors = lacking.size
    lacking = checked("lacking_W_m2", lacking, (sensors,), lower=-500, upper=500)
    n = np.shape(distance_m)[0] if np.ndim(distance_m) == 2 else 0
    checked("distance_m", distance_m, (n, sensors), lower=0, upper=1e7)
    gains = shares_of_sensors(distance_m, alike, between_m=between_m, reach_m=reach_m, noise=noise)
    return Carried(gains @ lacking, gains.sum(axis=1))
