"""Water vapour in air: saturation, dew point, mixing ratio, wet-bulb."""

from __future__ import annotations

import math

import numba
import numpy as np

from lingjing.physics.arrays import FloatArray, Numbers, floats

STANDARD_PRESSURE_HPA = 1013.25
VAPOUR_TO_DRY_AIR = 0.622  # ratio of molar masses

# Magnus form with the coefficients of Alduchov & Eskridge (1996), enhancement factor left out.
_WATER = (6.1094, 17.625, 243.04)
_ICE = (6.1121, 22.587, 273.86)


def saturation_vapour_pressure_hPa(temperature_C: Numbers) -> FloatArray:
    """Saturation vapour pressure over liquid water, also below 0 °C.

    Args:
        temperature_C: Temperature [°C], any shape, valid from -40 to 50 °C.

    Returns:
        Vapour pressure [hPa]; within 0.4 % of the full Goff-Gratch values over that range.

    References:
        Alduchov & Eskridge (1996), J. Appl. Meteorol. 35, 601-609.

    >>> round(float(saturation_vapour_pressure_hPa(20.0)), 2)
    23.33
    """
    base, slope, offset = _WATER
    temperature = floats(temperature_C)
    return base * np.exp(slope * temperature / (temperature + offset))


def saturation_vapour_pressure_ice_hPa(temperature_C: Numbers) -> FloatArray:
    """Saturation vapour pressure over ice.

    Args:
        temperature_C: Temperature [°C], any shape, valid from -80 to 0 °C.

    Returns:
        Vapour pressure [hPa].

    References:
        Alduchov & Eskridge (1996), J. Appl. Meteorol. 35, 601-609.

    >>> round(float(saturation_vapour_pressure_ice_hPa(-10.0)), 2)
    2.6
    """
    base, slope, offset = _ICE
    temperature = floats(temperature_C)
    return base * np.exp(slope * temperature / (temperature + offset))


def dew_point_C(temperature_C: Numbers, relative_humidity_pct: Numbers) -> FloatArray:
    """Dew point (over water) from temperature and relative humidity.

    Args:
        temperature_C: Air temperature [°C].
        relative_humidity_pct: Relative humidity over water [%]; values under 0.1 % count as 0.1.

    Returns:
        Dew point [°C], never above the air temperature for a humidity up to 100 %.

    >>> round(float(dew_point_C(20.0, 50.0)), 1)
    9.3
    """
    _, slope, offset = _WATER
    temperature = floats(temperature_C)
    humidity = np.maximum(floats(relative_humidity_pct), 0.1) / 100.0
    power = np.log(humidity) + slope * temperature / (temperature + offset)
    return offset * power / (slope - power)


def relative_humidity_pct(temperature_C: Numbers, dew_point_C: Numbers) -> FloatArray:
    """Relative humidity over water [%] from temperature and dew point [°C]; the inverse of
    `dew_point_C`, not limited to 100 %.

    >>> round(float(relative_humidity_pct(20.0, 9.27)), 0)
    50.0
    """
    return (
        100.0
        * saturation_vapour_pressure_hPa(dew_point_C)
        / saturation_vapour_pressure_hPa(temperature_C)
    )


def mixing_ratio_kg_kg(
    vapour_pressure_hPa: Numbers, pressure_hPa: Numbers = STANDARD_PRESSURE_HPA
) -> FloatArray:
    """Mass of vapour per mass of dry air [kg/kg] at a vapour pressure [hPa].

    >>> round(float(mixing_ratio_kg_kg(10.0)), 5)
    0.0062
    """
    vapour = floats(vapour_pressure_hPa)
    ratio: FloatArray = VAPOUR_TO_DRY_AIR * vapour / (floats(pressure_hPa) - vapour)
    return ratio


def wet_bulb_C(
    temperature_C: Numbers, dew_point_C: Numbers, pressure_hPa: Numbers = STANDARD_PRESSURE_HPA
) -> FloatArray:
    """Ventilated wet-bulb temperature over water, from the psychrometer equation.

    Solves e = e_s(T_w) - A p (T - T_w) with A = 6.62e-4 /K by bisection, to 1e-6 K.

    Args:
        temperature_C: Air temperature [°C].
        dew_point_C: Dew point [°C], at most the air temperature.
        pressure_hPa: Air pressure [hPa].

    Returns:
        Wet-bulb temperature [°C], between dew point and air temperature.

    References:
        WMO-No. 8, Guide to Instruments and Methods of Observation, part I, chapter 4, annex 4.B.

    >>> round(float(wet_bulb_C(20.0, 9.27)), 1)
    13.8
    """
    temperature, dew_point, pressure = np.broadcast_arrays(
        floats(temperature_C), floats(dew_point_C), floats(pressure_hPa)
    )
    vapour = saturation_vapour_pressure_hPa(dew_point)
    low, high = np.minimum(dew_point, temperature), temperature.copy()
    for _ in range(40):
        middle = 0.5 * (low + high)
        excess = (
            saturation_vapour_pressure_hPa(middle)
            - 6.62e-4 * pressure * (temperature - middle)
            - vapour
        )
        low = np.where(excess < 0.0, middle, low)
        high = np.where(excess < 0.0, high, middle)
    middle_of_both: FloatArray = 0.5 * (low + high)
    return middle_of_both


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def saturation_mixing_ratio(temperature_C: float, over_ice: bool) -> float:
    """Saturation mixing ratio [kg/kg] at standard pressure, for use inside kernels."""
    if over_ice:
        vapour = 6.1121 * math.exp(22.587 * temperature_C / (temperature_C + 273.86))
    else:
        vapour = 6.1094 * math.exp(17.625 * temperature_C / (temperature_C + 243.04))
    return 0.622 * vapour / (1013.25 - vapour)
