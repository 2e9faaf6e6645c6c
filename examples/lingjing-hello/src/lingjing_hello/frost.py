"""Frost on a bridge deck: numbers in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OPEN_SKY_COOLING_C = 2.5
WIND_SCALE_M_S = 4.0
TRANSFER_COEFFICIENT = 0.002
AIR_DENSITY_KG_M3 = 1.28
PRESSURE_HPA = 1013.0
DARK_BELOW_W_M2 = 20.0
LEAST_WIND_M_S = 0.5
MOST_FROST_MM = 2.0


def deck_temperature(air_c: Array, cloud_pct: Array, wind_m_s: Array, sun_w_m2: Array) -> Array:
    """Temperature of a deck [°C], cooled below the air under an open sky while the sun is down.

    >>> quiet = deck_temperature(np.array(1.0), np.array(0.0), np.array(0.0), np.array(0.0))
    >>> float(quiet)
    -1.5
    """
    open_sky = 1.0 - cloud_pct / 100.0
    cooling = OPEN_SKY_COOLING_C * open_sky * np.exp(-wind_m_s / WIND_SCALE_M_S)
    return air_c - np.where(sun_w_m2 < DARK_BELOW_W_M2, cooling, 0.0)


def vapour_over_ice(temperature_c: Array) -> Array:
    """Saturation vapour pressure over ice [hPa], Magnus form (WMO), −65 to 0 °C.

    >>> round(float(vapour_over_ice(np.array(0.0))), 2)
    6.11
    """
    return 6.112 * np.exp(22.46 * temperature_c / (272.62 + temperature_c))


def vapour_over_water(temperature_c: Array) -> Array:
    """Saturation vapour pressure over water [hPa], Magnus form (WMO), −45 to 60 °C."""
    return 6.112 * np.exp(17.62 * temperature_c / (243.12 + temperature_c))


def settling_rate(deck_c: Array, dew_point_c: Array, wind_m_s: Array) -> Array:
    """Frost that settles [mm/h water]; negative where it goes back to the air."""
    excess_hpa = vapour_over_water(dew_point_c) - vapour_over_ice(np.minimum(deck_c, 0.0))
    moved = 0.622 * excess_hpa / PRESSURE_HPA * AIR_DENSITY_KG_M3 * TRANSFER_COEFFICIENT
    return moved * np.maximum(wind_m_s, LEAST_WIND_M_S) * 3600.0


def frost_depth(deck_c: Array, dew_point_c: Array, wind_m_s: Array) -> Array:
    """Frost on the deck [mm water], from arrays [members, hours]; a warm deck loses it all."""
    rate = np.where(deck_c < 0.0, settling_rate(deck_c, dew_point_c, wind_m_s), 0.0)
    depth = np.zeros_like(rate)
    held = np.zeros(rate.shape[0])
    for hour in range(rate.shape[1]):
        held = np.clip(held + rate[:, hour], 0.0, MOST_FROST_MM)
        held = np.where(deck_c[:, hour] < 0.0, held, 0.0)
        depth[:, hour] = held
    return depth
