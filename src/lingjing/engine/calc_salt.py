"""How much salt the water on a road needs: behind `lingjing calc salt`."""

from __future__ import annotations

from typing import Any

from lingjing.physics.arrays import checked
from lingjing.physics.brine import (
    EUTECTIC_PCT,
    concentration_pct,
    freezing_point_C,
    road_freezing_point_C,
    salt_dose_g_m2,
)
from lingjing.vocabulary import LingjingError, Place


def calc_salt(
    road_temperature_C: float, water_film_mm: float, *, present_g_m2: float = 0.0
) -> dict[str, Any]:
    """Dry NaCl that keeps a film liquid.

    Args:
        road_temperature_C: Lowest road temperature to stay liquid at [°C].
        water_film_mm: Water, or water equivalent of ice and snow, on the road [mm].
        present_g_m2: Salt that lies there already [g/m²].

    Returns:
        `dose_g_m2` to spread, `needed_g_m2` in all, the brine's `concentration_pct`, and
        `freezes_at_C`, where the road freezes with what lies there now.

    Raises:
        LingjingError: `physics.out-of-range`; `physics.too-cold-for-salt` below the eutectic.
    """
    for option, value, lower, upper in (
        ("--road-temperature-c", road_temperature_C, -60.0, 60.0),
        ("--water-film-mm", water_film_mm, 0.0, 100.0),
        ("--present-g-m2", present_g_m2, 0.0, 2000.0),
    ):
        checked(option, value, (), lower=lower, upper=upper)
    lowest = float(freezing_point_C(EUTECTIC_PCT))
    if road_temperature_C < lowest and water_film_mm > 0.0:
        raise LingjingError(
            "physics.too-cold-for-salt", Place(field="--road-temperature-c"),
            temperature=road_temperature_C, lowest=round(lowest, 1),
        )  # fmt: skip
    needed = float(salt_dose_g_m2(max(road_temperature_C, lowest), water_film_mm))
    return {
        "inputs": {
            "road_temperature_C": road_temperature_C,
            "water_film_mm": water_film_mm,
            "present_g_m2": present_g_m2,
        },
        "dose_g_m2": round(max(needed - present_g_m2, 0.0), 3),
        "needed_g_m2": round(needed, 3),
        "concentration_pct": round(float(concentration_pct(max(road_temperature_C, lowest))), 3),
        # Adding zero keeps pure water from freezing at minus nought.
        "freezes_at_C": round(float(road_freezing_point_C(present_g_m2, water_film_mm)), 3) + 0.0,
        "method": "NaCl brine, fit to CoolProp; nothing lost to traffic or drains",
    }
