"""Air against road: turbulent exchange and vapour, in forms that a processor can do many at a time.

The exchange of Monin-Obukhov similarity depends on the bulk Richardson number alone, so its
converged solution is fitted once, here, and the kernel evaluates the fit; the same goes for the
vapour pressures of `humidity`. No iteration, logarithm or exponential is left in a time step.
"""

from __future__ import annotations

import math
from typing import Final

import numba
import numpy as np

from lingjing.physics.arrays import FloatArray
from lingjing.physics.humidity import (
    saturation_vapour_pressure_hPa,
    saturation_vapour_pressure_ice_hPa,
)

KARMAN: Final = 0.4
# RoadSurf: 10 m wind blows over a rough landscape (0.4 m), heat leaves a smooth road (1 mm)
LOG_WIND: Final = math.log(10.4 / 0.4)
LOG_HEAT: Final = math.log(2.001 / 0.001)
HEAT_HEIGHT_M: Final = 2.0
STABLE_SLOPE: Final = 4.7
MOST_UNSTABLE: Final = -1.0  # z/L beyond which the relations do not hold; free convection does
FREE_CONVECTION: Final = 1.52  # W/m2K^(4/3), warm plate


def unstable_exchange(stability: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The exact relation for an unstable surface layer, by its parameter z/L.

    Args:
        stability: z/L, -1 to 0.

    Returns:
        Minus the bulk Richardson number, and the exchange over its neutral value.
    """
    heat = 2.0 * np.log(0.5 * (1.0 + np.sqrt(1.0 - 16.0 * stability)))
    momentum = 0.6 * heat
    wind, warmth = LOG_WIND - momentum, LOG_HEAT - heat
    return -stability * wind**2 / warmth, LOG_WIND * LOG_HEAT / (wind * warmth)


def _fits() -> tuple[list[np.float32], list[np.float32], list[np.float32], float]:
    """Polynomials: unstable exchange over x/(x+0.3); fourth roots of vapour pressures over T/64."""
    number, ratio = unstable_exchange(-np.concatenate([[0.0], np.logspace(-6, 0, 4000)]))
    share = number / (number + 0.3)
    fits = [np.polynomial.chebyshev.Chebyshev.fit(share, ratio, 5)]
    celsius = np.linspace(-60.0, 70.0, 4000)
    water = saturation_vapour_pressure_hPa(celsius) ** 0.25
    fits.append(np.polynomial.chebyshev.Chebyshev.fit(celsius / 64.0, water, 7))
    frozen = celsius[celsius <= 0.0]
    ice = saturation_vapour_pressure_ice_hPa(frozen) ** 0.25
    fits.append(np.polynomial.chebyshev.Chebyshev.fit(frozen / 64.0, ice, 5))
    first, second, third = (
        [np.float32(value) for value in fit.convert(kind=np.polynomial.Polynomial).coef]
        for fit in fits
    )
    return first, second, third, float(number[-1])


_EXCHANGE, _WATER, _ICE, _limit = _fits()
_A0, _A1, _A2, _A3, _A4, _A5 = _EXCHANGE
_W0, _W1, _W2, _W3, _W4, _W5, _W6, _W7 = _WATER
_I0, _I1, _I2, _I3, _I4, _I5 = _ICE
_LIMIT = np.float32(_limit)
_ZERO, _ONE, _TWO, _THIRD = np.float32(0.0), np.float32(1.0), np.float32(2.0), np.float32(1 / 3)
_KELVIN = np.float32(273.15)
_AIR_HEAT = np.float32(353.0 * 1005.0)  # density times heat capacity times temperature, J/m3
_FALL = np.float32(9.81 * HEAT_HEIGHT_M)
_NEUTRAL = np.float32(KARMAN**2 / (LOG_WIND * LOG_HEAT))
_SPREAD = np.float32(0.3)
_FREE = np.float32(FREE_CONVECTION**3)
_SLOPE = np.float32(STABLE_SLOPE)
_LOG_WIND, _LOG_HEAT = np.float32(LOG_WIND), np.float32(LOG_HEAT)
_FOUR = np.float32(4.0)
_MINUTE = np.float32(1e-20)
_SCALE = np.float32(1.0 / 64.0)
_CUBE_GUESS = np.float32(709921077.0)
_COLDEST, _WARMEST = np.float32(-60.0), np.float32(70.0)
_DRY, _PRESSURE = np.float32(0.622), np.float32(1013.25)


@numba.njit(error_model="numpy", forceinline=True)
def cube_root(value: np.float32) -> np.float32:
    """Cube root of a number that is not negative, in float32."""
    bits = np.int32(np.float32(np.float32(value).view(np.int32)) * _THIRD + _CUBE_GUESS)
    root = np.int32(bits).view(np.float32)
    root = (_TWO * root + value / (root * root)) * _THIRD
    return (_TWO * root + value / (root * root)) * _THIRD


@numba.njit(error_model="numpy", forceinline=True)
def exchange_W_m2K(wind: np.float32, air_C: np.float32, surface_C: np.float32) -> np.float32:
    """As `exchange`, all in float32."""
    kelvin = air_C + _KELVIN
    number = _FALL * (air_C - surface_C) / (kelvin * wind * wind)
    # warm surface: the fitted relation, held at z/L = -1
    lively = -number
    lively = _ZERO if lively < _ZERO else lively
    lively = lively if lively < _LIMIT else _LIMIT
    y = lively / (lively + _SPREAD)
    ratio = _A0 + y * (_A1 + y * (_A2 + y * (_A3 + y * (_A4 + y * _A5))))
    # cold surface: z/L solves z (B + s z) = Ri (A + s z)^2, held at z/L = 1
    calm = number if number > _ZERO else _ZERO
    square = _SLOPE * (_ONE - _SLOPE * calm)
    linear = _LOG_HEAT - _TWO * _SLOPE * calm * _LOG_WIND
    level = calm * _LOG_WIND * _LOG_WIND
    inside = linear * linear + _FOUR * square * level
    inside = inside if inside > _ZERO else _MINUTE
    below = linear + math.sqrt(inside)
    depth = _TWO * level / (below if below > _MINUTE else _MINUTE)
    depth = depth if depth < _ONE else _ONE
    damping = (_LOG_WIND * _LOG_HEAT) / (
        (_LOG_WIND + _SLOPE * depth) * (_LOG_HEAT + _SLOPE * depth)
    )
    ratio = damping if number > _ZERO else ratio
    forced = _AIR_HEAT / kelvin * _NEUTRAL * wind * ratio
    excess = surface_C - air_C
    joined = cube_root(forced * forced * forced + _FREE * (excess if excess > _ZERO else _ZERO))
    return joined if excess > _ZERO else forced


@numba.njit(cache=True, error_model="numpy")
def exchange(wind: float, air_C: float, surface_C: float) -> float:
    """Turbulent heat exchange [W/m²K] by Monin-Obukhov similarity, free convection beside it.

    Flux-profile relations of Campbell (1985) as in RoadSurf, between z/L = -1 and 1; the wind
    [m/s] is not zero, temperatures are in °C. Free convection over a warm plate, 1.52 dT^(1/3),
    joins the forced part as cubes. The converged solution, within 0.5 %.
    """
    return float(exchange_W_m2K(np.float32(wind), np.float32(air_C), np.float32(surface_C)))


@numba.njit(error_model="numpy", forceinline=True)
def mixing_ratio_at(surface_C: np.float32, over_ice: bool) -> np.float32:
    """Saturation mixing ratio [kg/kg] at standard pressure, within 1e-4 of `humidity`."""
    held = surface_C if surface_C > _COLDEST else _COLDEST
    held = held if held < _WARMEST else _WARMEST
    t = held * _SCALE
    water = _W0 + t * (_W1 + t * (_W2 + t * (_W3 + t * (_W4 + t * (_W5 + t * (_W6 + t * _W7))))))
    ice = _I0 + t * (_I1 + t * (_I2 + t * (_I3 + t * (_I4 + t * _I5))))
    root = ice if over_ice else water
    vapour = root * root
    vapour = vapour * vapour
    return _DRY * vapour / (_PRESSURE - vapour)
