"""Salt on roads: what NaCl does to the freezing point, and how much the water on a road needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lingjing.physics.arrays import FloatArray, Numbers, floats
from lingjing.vocabulary import LingjingError, Place

EUTECTIC_PCT: Final = 23.3

# Freezing point = -(a c + b c^2 + d c^3), c in mass per cent: least squares through the origin on
# the values of CoolProp's incompressible NaCl brine at 1, 3, 5, 8, 10, 15, 20 and 23 %.
_COEFFICIENTS: Final = (0.5880, 1.8072e-3, 4.9602e-4)


def freezing_point_C(concentration_pct: Numbers) -> FloatArray:
    """Freezing point of NaCl brine.

    Args:
        concentration_pct: Mass of salt per mass of solution [%], 0 to 23.3 (the eutectic); values
            beyond are held there.

    Returns:
        Freezing point [°C]; within 0.05 K of the CoolProp values up to 20 %, 0.1 K to 23 %.

    >>> round(float(freezing_point_C(10.0)), 1)
    -6.6
    """
    share = np.clip(floats(concentration_pct), 0.0, EUTECTIC_PCT)
    first, second, third = _COEFFICIENTS
    return -share * (first + share * (second + share * third))


def concentration_pct(freezing_point: Numbers) -> FloatArray:
    """Least concentration [%] whose brine is still liquid at a temperature [°C].

    The inverse of `freezing_point_C`; 0 at and above 0 °C, NaN below the lowest freezing point
    (about -21 °C), where no amount of NaCl melts ice.

    >>> round(float(concentration_pct(-5.0)), 1)
    7.9
    """
    wanted = floats(freezing_point)
    low = np.zeros_like(wanted)
    high = np.full_like(wanted, EUTECTIC_PCT)
    for _ in range(50):
        middle = 0.5 * (low + high)
        liquid = freezing_point_C(middle) <= wanted
        low, high = np.where(liquid, low, middle), np.where(liquid, middle, high)
    solved = np.where(wanted >= 0.0, 0.0, high)
    lowest = freezing_point_C(EUTECTIC_PCT)
    return np.where(wanted < lowest, np.nan, solved)


def salt_dose_g_m2(road_temperature_C: Numbers, water_film_mm: Numbers) -> FloatArray:
    """Dry NaCl that keeps the water on a road liquid, with nothing lost to traffic or drains.

    A film of w mm is w kg/m² of water; brine of concentration c holds c/(100-c) of its water's
    mass in salt.

    Args:
        road_temperature_C: Lowest road temperature to stay liquid at [°C].
        water_film_mm: Water, or water equivalent of ice, on the road [mm].

    Returns:
        Dose [g/m²]; NaN below about -21 °C.

    >>> [round(float(salt_dose_g_m2(-5.0, film)), 1) for film in (0.1, 0.5)]
    [8.6, 42.9]
    """
    share = concentration_pct(road_temperature_C)
    return 1000.0 * np.maximum(floats(water_film_mm), 0.0) * share / (100.0 - share)


def road_freezing_point_C(salt_g_m2: Numbers, water_film_mm: Numbers) -> FloatArray:
    """Freezing point of the water on a road that carries salt.

    Args:
        salt_g_m2: Dry NaCl on the road [g/m²].
        water_film_mm: Water, or water equivalent of ice, on the road [mm].

    Returns:
        Freezing point [°C], 0 without salt, the eutectic where salt is in plenty.

    >>> round(float(road_freezing_point_C(10.0, 0.1)), 1)
    -5.9
    """
    salt = np.maximum(floats(salt_g_m2), 0.0)
    water = 1000.0 * np.maximum(floats(water_film_mm), 0.0)
    total = salt + water
    return freezing_point_C(100.0 * salt / np.where(total > 0.0, total, 1.0))


@dataclass(frozen=True, slots=True)
class PracticeRow:
    """One published treatment: when it applies and what is spread, in one pass.

    `dry_g_m2` and `prewet_g_m2` are per pass. Temperatures are of the road [°C]; a row applies for
    `above_C` < T <= `to_C`.
    """

    hazard: str
    wetness: str
    above_C: float
    to_C: float
    dry_g_m2: float
    prewet_g_m2: float
    dry_passes: int = 1
    prewet_passes: int = 1
    abrasive: bool = False


# Transport Scotland, Scottish trunk road network, winter service treatment matrix.
PRACTICE: Final[tuple[PracticeRow, ...]] = (
    PracticeRow("frost", "any", -2.0, 5.0, 8.0, 8.0),
    PracticeRow("frost", "dry_or_damp", -5.0, -2.0, 10.0, 9.0),
    PracticeRow("frost", "wet", -5.0, -2.0, 16.0, 15.0),
    PracticeRow("frost", "dry_or_damp", -10.0, -5.0, 18.0, 18.0),
    PracticeRow("frost", "wet", -10.0, -5.0, 15.0, 15.0, 2, 2),
    PracticeRow("light_snow", "any", -10.0, 5.0, 20.0, 18.0),
    PracticeRow("medium_snow_or_freezing_rain", "any", -10.0, 5.0, 20.0, 20.0, 2, 2),
    PracticeRow("ice_formed", "any", -5.0, 5.0, 20.0, 20.0),
    PracticeRow("ice_formed", "any", -10.0, -5.0, 20.0, 20.0, 2, 2),
    PracticeRow("packed_snow", "any", -30.0, -8.0, 20.0, 20.0, abrasive=True),
)


def practice(hazard: str, wetness: str, road_temperature_C: float) -> PracticeRow | None:
    """The published treatment for a hazard, a wetness and a road temperature, or None.

    Args:
        hazard: A hazard of `PRACTICE`.
        wetness: "dry_or_damp" or "wet".
        road_temperature_C: Lowest road temperature expected [°C].

    Raises:
        LingjingError: `physics.unknown-method` for a hazard or wetness not in the table.

    >>> practice("frost", "wet", -4.0).dry_g_m2
    16.0
    """
    hazards = sorted({row.hazard for row in PRACTICE})
    if hazard not in hazards:
        raise LingjingError(
            "physics.unknown-method", Place(field="hazard"), name=hazard, known=", ".join(hazards)
        )
    if wetness not in ("dry_or_damp", "wet"):
        raise LingjingError(
            "physics.unknown-method",
            Place(field="wetness"),
            name=wetness,
            known="dry_or_damp, wet",
        )
    for row in PRACTICE:
        fits = row.hazard == hazard and row.wetness in ("any", wetness)
        if fits and row.above_C < road_temperature_C <= row.to_C:
            return row
    return None
