"""The film of air on a surface: how fast heat leaves it in calm and in wind."""

from __future__ import annotations

import numba
import numpy as np

from lingjing.physics.arrays import FloatArray, Numbers, floats

RADIATIVE_W_M2K = 4.15  # 0.9 x 4 sigma T^3 at 0 degC
CALM_W_M2K = 4.0
PER_WIND_W_M2K = 4.0  # per m/s


def film_coefficient_W_m2K(wind_speed_m_s: Numbers) -> FloatArray:
    """Heat transfer coefficient between a surface and the air around, radiation included.

    h = 4 + 4 v + 4.15: convection and radiation of ISO 6946 (emissivity 0.9, mean temperature
    0 °C). It gives 8 W/m²K in still air, 14 at 1.5 m/s and 24 at 4 m/s.

    Args:
        wind_speed_m_s: Wind at the surface [m/s], 0 to 15; negative values count as calm.

    Returns:
        Film coefficient [W/m²K]; ±30 % by shape and size of the surface.

    References:
        ISO 6946:2017, annex C.

    >>> round(float(film_coefficient_W_m2K(4.0)), 1)
    24.1
    """
    wind = np.maximum(floats(wind_speed_m_s), 0.0)
    return CALM_W_M2K + PER_WIND_W_M2K * wind + RADIATIVE_W_M2K


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def film(wind_speed_m_s: float) -> float:
    """`film_coefficient_W_m2K` for use inside kernels; the wind is not negative."""
    return CALM_W_M2K + RADIATIVE_W_M2K + PER_WIND_W_M2K * wind_speed_m_s
