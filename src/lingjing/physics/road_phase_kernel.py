"""Part of the road's kernel: freezing and melting, brine, drainage, wear, the stores' maxima."""

from __future__ import annotations

import numba
import numpy as np

from lingjing.physics import road_rows as at
from lingjing.physics.brine import EUTECTIC_PCT, freezing_point_C
from lingjing.physics.road_rows import BLOCK

_F = np.float32
_ZERO, _HALF, _ONE = _F(0.0), _F(0.5), _F(1.0)
_FUSION = _F(3.336e5)  # J/kg
_PER_FUSION = _F(1.0 / 3.336e5)
# RoadSurf: most that a road holds of each store, mm
_MOST_WATER, _MOST_SNOW, _MOST_ICE, _MOST_FROST = _F(2.0), _F(100.0), _F(50.0), _F(2.0)
_HELD_WATER = _F(0.5)  # mm that texture keeps from draining
_EUTECTIC_C = _F(-20.9)  # below it no brine stays liquid
_BISECTIONS = 24


def _brine_fit() -> list[np.float32]:
    """Grams of water that a gram of NaCl keeps liquid, times the depression [K], by depression."""
    share = np.linspace(0.02, EUTECTIC_PCT, 800)
    depth = -freezing_point_C(share)
    kept = (100.0 - share) / share * depth
    return [_F(value) for value in np.polynomial.polynomial.polyfit(depth, kept, 4)]


_B0, _B1, _B2, _B3, _B4 = _brine_fit()
_PER_1000 = _F(1e-3)
_TRACE = _F(1e-6)  # mm
_SLIGHT = _F(1e-6)


@numba.njit(error_model="numpy", forceinline=True)
def _liquid_mm(surface_C: np.float32, salt: np.float32, most: np.float32) -> np.float32:
    """Water that stays liquid beside ice at a temperature, with salt [g/m²]; at most `most` mm."""
    d = -surface_C if surface_C < -_SLIGHT else _SLIGHT
    kept = _B0 + d * (_B1 + d * (_B2 + d * (_B3 + d * _B4)))
    water = salt * _PER_1000 * kept / d
    water = water if surface_C > _EUTECTIC_C else _ZERO
    water = water if water < most else most
    return most if surface_C >= _ZERO else water


@numba.njit(error_model="numpy", forceinline=True)
def _salted_change(
    free: np.float32, stiff: np.float32, water: np.float32, solid: np.float32, salt: np.float32
) -> np.float32:
    """Water that freezes (or, negative, ice that melts) to balance with brine [mm].

    The surface temperature T = free + m L / stiff and the liquid share at T must agree.
    """
    total = water + solid
    reach = _FUSION / stiff
    low = free - reach * solid
    high = free + reach * water
    for _ in range(_BISECTIONS):
        middle = _HALF * (low + high)
        frozen = water - _liquid_mm(middle, salt, total)
        too_warm = middle > free + reach * frozen
        high = middle if too_warm else high
        low = low if too_warm else middle
    frozen = (_HALF * (low + high) - free) / reach
    frozen = frozen if frozen < water else water
    return frozen if frozen > -solid else -solid


@numba.njit(error_model="numpy")
def freeze(s: np.ndarray, step: np.float32) -> None:
    """The surface temperature without phase change, and the water that freezes at 0 °C [mm]."""
    for i in range(BLOCK):
        surface = s[at.T + i]
        down = s[at.K + i] * (s[at.T + BLOCK + i] - surface + s[at.CHANGE + BLOCK + i])
        total_h = s[at.TOP_H + i] + s[at.SURFACE_H + i]
        free = surface + (s[at.NET + i] + down) / total_h
        s[at.TOTAL_H + i] = total_h
        s[at.FREE + i] = free
        water, solid = s[at.WATER + i], s[at.SNOW + i] + s[at.ICE + i] + s[at.FROST + i]
        frozen = -free * total_h * step * _PER_FUSION
        frozen = frozen if frozen < water else water
        s[at.FREEZING + i] = frozen if frozen > -solid else -solid


@numba.njit(error_model="numpy")
def freeze_brine(s: np.ndarray, step: np.float32) -> None:
    """The water that freezes where there is salt [mm]; other columns keep what they have."""
    for i in range(BLOCK):
        water, solid = s[at.WATER + i], s[at.SNOW + i] + s[at.ICE + i] + s[at.FROST + i]
        salt = s[at.SALT + i]
        brine = _salted_change(s[at.FREE + i], s[at.TOTAL_H + i] * step, water, solid, salt)
        s[at.FREEZING + i] = brine if salt > _ZERO else s[at.FREEZING + i]


@numba.njit(error_model="numpy")
def surface_state(s: np.ndarray, step: np.float32) -> None:
    """The new surface temperature, melting and freezing, drainage, wear and the stores' maxima."""
    for i in range(BLOCK):
        surface, surface_h, net = s[at.T + i], s[at.SURFACE_H + i], s[at.NET + i]
        free, frozen, salt = s[at.FREE + i], s[at.FREEZING + i], s[at.SALT + i]
        stiff = s[at.TOTAL_H + i] * step
        water, snow, ice, frost = s[at.WATER + i], s[at.SNOW + i], s[at.ICE + i], s[at.FROST + i]
        gain = frozen if frozen > _ZERO else _ZERO
        melted = gain - frozen
        from_frost = melted if melted < frost else frost
        from_snow = melted - from_frost
        from_snow = from_snow if from_snow < snow else snow
        from_ice = melted - from_frost - from_snow
        released = frozen * _FUSION
        new = free + released / stiff
        # where something is left to melt or freeze, the surface rests at 0 °C to the last bit
        left = water - frozen if free < _ZERO else snow + ice + frost + frozen
        partly = (salt <= _ZERO) & (left > _ZERO) & (frozen != _ZERO)
        new = _ZERO if partly else new
        change = new - surface
        s[at.T + i] = new
        s[at.CHANGE + i] = change
        flux = (net - surface_h * change) * step
        s[at.GAINED + i] += flux + released
        s[at.TURNED + i] += abs(flux) + abs(released)
        water = water - frozen
        water = water if water > _ZERO else _ZERO
        snow = snow - from_snow
        ice = ice - from_ice + gain
        ice = ice if ice > _ZERO else _ZERO
        frost = frost - from_frost
        old_snow, old_ice, old_frost = snow, ice, frost
        free_water = water - _HELD_WATER
        drained = (free_water if free_water > _ZERO else _ZERO) * s[at.DRAIN + i]
        flowing = water - drained
        flowing = flowing - flowing * s[at.WEAR_WATER + i]
        flowing = flowing if flowing < _MOST_WATER else _MOST_WATER
        s[at.SALT + i] = salt * (flowing / water if water > _ZERO else _ONE - s[at.WEAR_WATER + i])
        worn = snow * s[at.WEAR_SNOW + i]
        snow = snow - worn
        ice = ice + worn * s[at.PACKING + i] - ice * s[at.WEAR_ICE + i]
        frost = frost - frost * s[at.WEAR_FROST + i]
        snow = snow if snow < _MOST_SNOW else _MOST_SNOW
        ice = ice if ice < _MOST_ICE else _MOST_ICE
        frost = frost if frost < _MOST_FROST else _MOST_FROST
        # traces count as gone
        flowing = flowing if flowing > _TRACE else _ZERO
        snow = snow if snow > _TRACE else _ZERO
        ice = ice if ice > _TRACE else _ZERO
        frost = frost if frost > _TRACE else _ZERO
        s[at.LEFT + i] += (
            (water - flowing) + (old_snow - snow) + (old_ice - ice) + (old_frost - frost)
        )
        s[at.WATER + i] = flowing
        s[at.SNOW + i] = snow
        s[at.ICE + i] = ice
        s[at.FROST + i] = frost
