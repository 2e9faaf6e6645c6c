"""The numba kernel of `road`: blocks of columns side by side, a row for each quantity.

A block of `BLOCK` columns lies in one flat float32 array, a row of `BLOCK` numbers for each layer
and each quantity, so that it stays in the first-level cache and every inner loop runs over
neighbouring columns without a branch. Temperatures below the surface carry their rounding error
beside them, and sums over time are kept in float64. A column is computed alike wherever it lies in
whichever block, so neither the number of threads nor the cut into blocks changes a bit.
"""

from __future__ import annotations

import numba
import numpy as np

from lingjing.physics.brine import EUTECTIC_PCT, freezing_point_C
from lingjing.physics.road_surface import exchange_W_m2K, mixing_ratio_at

NODES = 14
BLOCK = 64

_SIGMA = 5.670374419e-8
_KELVIN_0 = 273.15

# rows of a block; the first eight groups have one row a node
_T, _CARRY, _CHANGE, _K, _INVERSE, _CAPACITY, _FROZEN, _FREEZABLE = (
    group * NODES * BLOCK for group in range(8)
)
(
    _AIR, _D_AIR, _MIXING, _D_MIXING, _WIND, _D_WIND, _SUN, _D_SUN, _SKY, _D_SKY,
    _BELOW, _D_BELOW, _TARGET, _D_TARGET, _HOLD, _LEAST_WIND, _RAIN, _SNOWFALL, _TRAFFIC,
    _WEAR_WATER, _WEAR_SNOW, _WEAR_ICE, _WEAR_FROST, _DRAIN, _WATER, _SNOW, _ICE, _FROST, _SALT,
    _ALBEDO, _SNOW_ALBEDO, _EMISSIVITY, _FILM, _PACKING, _BELOW_H, _NET, _SURFACE_H, _TOP_H,
    _GAINED, _TURNED, _ARRIVED, _LEFT, _LACKING, _FREE, _FREEZING, _TOTAL_H,
) = ((8 * NODES + row) * BLOCK for row in range(46))  # fmt: skip
SIZE = (8 * NODES + 46) * BLOCK

# columns of the tables that the caller makes
ROAD_NUMBERS = 6  # bridge, albedo, view, traffic a day, first moist node, wall albedo
WEATHER_NUMBERS = 7  # air, mixing ratio, wind, sun, sky, precipitation, liquid share

_F = np.float32
_ZERO, _HALF, _ONE, _FOUR, _SIXTH = _F(0.0), _F(0.5), _F(1.0), _F(4.0), _F(1.0 / 6.0)
_KELVIN, _BOLTZMANN = _F(_KELVIN_0), _F(_SIGMA)
_EVAPORATION, _FUSION = _F(2.501e6), _F(3.336e5)  # J/kg
_SUBLIMATION = _F(2.501e6 + 3.336e5)
_PER_FUSION = _F(1.0 / 3.336e5)
_PER_AIR_HEAT = _F(1.0 / 1005.0)
_WATER_HEAT = _F(4200.0)
# RoadSurf: most that a road holds of each store, mm
_MOST_WATER, _MOST_SNOW, _MOST_ICE, _MOST_FROST = _F(2.0), _F(100.0), _F(50.0), _F(2.0)
# RoadSurf: traffic wear, share per hour on a busy road
_RATE_WATER, _RATE_SNOW, _RATE_ICE, _RATE_FROST = 0.145, 0.45, 0.319, 1.16
_BUSY_PER_H = 500.0  # vehicles per hour at which wear and traffic heat are full (assumed)
_TRAFFIC_HEAT = 10.0  # W/m2, RoadSurf by day
_HELD_WATER = _F(0.5)  # mm that texture keeps from draining
_PER_THIN = _F(10.0)  # free water or ice covers the road in proportion up to 0.1 mm
_PER_CLOSED_SNOW = _F(1.0 / 5.0)  # mm of snow water that hides the road (assumed)
_DAMPING_M = 0.5  # blend from surface to deep at the start
_CALM_M_S, _TRAFFIC_WIND_M_S = 0.4, 1.1  # RoadSurf: least wind at night, and by day traffic's own
_DECK_RADIATION = 4.6  # W/m2K, lower face of a deck towards surroundings at air temperature
_HOLD_H = 500.0  # W/m2K that ties the surface to a reading
_FORGETTING_S = 3.0 * 3600.0  # over which the lacking flux is averaged while a reading holds
_DECAY_S = 4.0 * 3600.0  # RoadSurf: how long a correction from readings lasts
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


@numba.njit(error_model="numpy")
def _lost(rate: float) -> np.float32:
    """1 - exp(-x) to third order, never 1 or more."""
    return np.float32(1.0 - 1.0 / (1.0 + rate * (1.0 + 0.5 * rate)))


@numba.njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
def _liquid_mm(surface_C: np.float32, salt: np.float32, most: np.float32) -> np.float32:
    """Water that stays liquid beside ice at a temperature, with salt [g/m²]; at most `most` mm."""
    d = -surface_C if surface_C < -_SLIGHT else _SLIGHT
    kept = _B0 + d * (_B1 + d * (_B2 + d * (_B3 + d * _B4)))
    water = salt * _PER_1000 * kept / d
    water = water if surface_C > _EUTECTIC_C else _ZERO
    water = water if water < most else most
    return most if surface_C >= _ZERO else water


@numba.njit(error_model="numpy")
def _instants(
    s: np.ndarray, i: int, road: np.ndarray, member: np.ndarray, now: np.ndarray,
    direct: float, lit: float, target: float, deep_C: float,
) -> None:  # fmt: skip
    """Move the ends of the hour one hour on: what was the end becomes the start."""
    air, view = now[0], road[2]
    wall = _SIGMA * (air + _KELVIN_0) ** 4
    sun = now[3] * (
        direct * lit + (1.0 - direct) * view + (1.0 - view) * road[5] * (0.0 if lit < 0.0 else 1.0)
    )
    if lit < 0.0:  # no horizon known: the sun is seen in the same share as the sky
        sun = now[3] * view
    sky = member[2] * (view * (now[4] + member[5]) + (1.0 - view) * wall)
    below = air if road[0] > 0.0 else deep_C
    for row, value in (
        (_AIR, air), (_MIXING, now[1]), (_WIND, now[2]), (_SUN, sun), (_SKY, sky),
        (_BELOW, below), (_TARGET, target),
    ):  # fmt: skip
        # the start is the old end as it was stored, so that no jump opens between hours
        s[row + i] += s[row + BLOCK + i]
        s[row + BLOCK + i] = np.float32(value) - s[row + i]


@numba.njit(error_model="numpy")
def _hour(
    s: np.ndarray, i: int, road: np.ndarray, member: np.ndarray, now: np.ndarray,
    share: float, dose: float, step: float,
) -> None:  # fmt: skip
    """What stays the same within the hour: precipitation, traffic, losses, the deck's underside."""
    busy = min(1.0, road[3] * share / _BUSY_PER_H)
    fall = now[5] * step / 3600.0
    s[_LEAST_WIND + i] = _CALM_M_S + _TRAFFIC_WIND_M_S * busy
    s[_RAIN + i] = fall * now[6]
    s[_SNOWFALL + i] = fall * (1.0 - now[6])
    s[_TRAFFIC + i] = _TRAFFIC_HEAT * busy
    worn = busy * member[8] * step / 3600.0
    s[_WEAR_WATER + i] = _lost(_RATE_WATER * worn)
    s[_WEAR_SNOW + i] = _lost(_RATE_SNOW * worn)
    s[_WEAR_ICE + i] = _lost(_RATE_ICE * worn)
    s[_WEAR_FROST + i] = _lost(_RATE_FROST * worn)
    s[_DRAIN + i] = _lost(member[7] * step / 3600.0)
    s[_SALT + i] += dose
    if road[0] > 0.0:
        breeze = s[_WIND + i] + _HALF * s[_D_WIND + i]
        least = s[_LEAST_WIND + i]
        breeze = breeze if breeze > least else least
        film = exchange_W_m2K(breeze, s[_AIR + i], s[_AIR + i]) * s[_FILM + i]
        s[_BELOW_H + i] = _DECK_RADIATION + film


@numba.njit(error_model="numpy", fastmath={"contract"})
def _eliminate(s: np.ndarray, step: np.float32) -> None:
    """Forward elimination of the ground; only right-hand sides change within the hour."""
    per_step = _ONE / step
    last = NODES - 1
    for i in range(BLOCK):
        s[_INVERSE + last * BLOCK + i] = _ONE / (
            s[_CAPACITY + last * BLOCK + i] * per_step
            + s[_K + (last - 1) * BLOCK + i]
            + s[_BELOW_H + i]
        )
    for node in range(last - 1, -1, -1):
        for i in range(BLOCK):
            below = s[_K + node * BLOCK + i]
            above = s[_K + (node - 1) * BLOCK + i] if node > 0 else _ZERO
            total = (
                s[_CAPACITY + node * BLOCK + i] * per_step
                + above
                + below * (_ONE - below * s[_INVERSE + (node + 1) * BLOCK + i])
            )
            # the top keeps the sum itself: the surface joins it in each step
            s[_INVERSE + node * BLOCK + i] = _ONE / total
            s[_TOP_H + i] = total


@numba.njit(error_model="numpy", fastmath={"contract"})
def _balance(
    s: np.ndarray, part: np.float32, step: np.float32, gain: np.float32, learn: np.float32,
    decay: np.float32,
) -> None:  # fmt: skip
    """Water arriving and evaporating, and the surface balance about the old temperature."""
    for i in range(BLOCK):
        air = s[_AIR + i] + s[_D_AIR + i] * part
        mixing = s[_MIXING + i] + s[_D_MIXING + i] * part
        wind = s[_WIND + i] + s[_D_WIND + i] * part
        sun = s[_SUN + i] + s[_D_SUN + i] * part
        sky = s[_SKY + i] + s[_D_SKY + i] * part
        surface = s[_T + i]
        rain, snowfall = s[_RAIN + i], s[_SNOWFALL + i]
        water, snow = s[_WATER + i] + rain, s[_SNOW + i] + snowfall
        ice, frost = s[_ICE + i], s[_FROST + i]
        least = s[_LEAST_WIND + i]
        wind = wind if wind > least else least
        convection = exchange_W_m2K(wind, air, surface) * s[_FILM + i]
        # vapour, positive when it leaves; as ice where no water is on the road
        solid = snow + ice + frost
        as_ice = (surface < _ZERO) & (water <= _ZERO)
        amount = convection * _PER_AIR_HEAT * (mixing_ratio_at(surface, as_ice) - mixing) * step
        source = solid if as_ice else water
        cover = source * _PER_THIN
        cover = cover if cover < _ONE else _ONE
        leaving = amount * cover
        leaving = leaving if leaving < source else source
        vapour = leaving if amount > _ZERO else amount
        off_ice = vapour if as_ice else _ZERO
        water = water - (_ZERO if as_ice else vapour)
        # ice leaves frost first, then snow, then ice; frost takes what arrives
        part_frost = off_ice if off_ice < frost else frost
        rest = off_ice - part_frost
        part_snow = rest if rest < snow else snow
        part_ice = rest - part_snow
        frost = frost - part_frost
        snow = snow - part_snow
        ice = ice - part_ice
        ice = ice if ice > _ZERO else _ZERO
        s[_WATER + i] = water
        s[_SNOW + i] = snow
        s[_ICE + i] = ice
        s[_FROST + i] = frost
        s[_ARRIVED + i] += rain + snowfall - vapour
        latent = vapour * (_SUBLIMATION if as_ice else _EVAPORATION) / step
        # the balance about the old surface temperature, and how it stiffens with the new
        snowy = snow * _PER_CLOSED_SNOW
        snowy = snowy if snowy < _ONE else _ONE
        albedo = s[_ALBEDO + i]
        albedo = albedo + (s[_SNOW_ALBEDO + i] - albedo) * snowy
        kelvin = surface + _KELVIN
        cube = s[_EMISSIVITY + i] * _BOLTZMANN * kelvin * kelvin * kelvin
        rain_h = rain / step * _WATER_HEAT
        warmth = air if air > _ZERO else _ZERO
        # a reading holds the surface; what it has to add is remembered and fades when it ends
        hold = s[_HOLD + i]
        target = s[_TARGET + i] + s[_D_TARGET + i] * part
        lacking = s[_LACKING + i]
        helped = hold * (target - surface) if hold > _ZERO else gain * lacking
        s[_LACKING + i] = lacking + learn * (helped - lacking) if hold > _ZERO else lacking * decay
        s[_NET + i] = (
            (_ONE - albedo) * sun
            + (sky - cube * kelvin)
            + convection * (air - surface)
            + rain_h * (warmth - surface)
            + s[_TRAFFIC + i]
            - latent
            + helped
        )
        s[_SURFACE_H + i] = _FOUR * cube + convection + rain_h + hold


@numba.njit(error_model="numpy", fastmath={"contract"})
def _conduct(s: np.ndarray, part: np.float32) -> None:
    """Back substitution from the bottom up, for changes of temperature over the step."""
    last = NODES - 1
    for i in range(BLOCK):
        here = s[_T + last * BLOCK + i]
        below = s[_BELOW + i] + s[_D_BELOW + i] * part
        flux = s[_K + (last - 1) * BLOCK + i] * (s[_T + (last - 1) * BLOCK + i] - here)
        s[_CHANGE + last * BLOCK + i] = s[_INVERSE + last * BLOCK + i] * (
            flux + s[_BELOW_H + i] * (below - here)
        )
    for node in range(last - 1, 0, -1):
        for i in range(BLOCK):
            here = s[_T + node * BLOCK + i]
            conductance = s[_K + node * BLOCK + i]
            above = s[_K + (node - 1) * BLOCK + i] * (s[_T + (node - 1) * BLOCK + i] - here)
            below = conductance * (
                s[_T + (node + 1) * BLOCK + i] - here + s[_CHANGE + (node + 1) * BLOCK + i]
            )
            s[_CHANGE + node * BLOCK + i] = s[_INVERSE + node * BLOCK + i] * (above + below)


@numba.njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
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


@numba.njit(error_model="numpy", fastmath={"contract"})
def _freeze(s: np.ndarray, step: np.float32) -> None:
    """The surface temperature without phase change, and the water that freezes at 0 °C [mm]."""
    for i in range(BLOCK):
        surface = s[_T + i]
        down = s[_K + i] * (s[_T + BLOCK + i] - surface + s[_CHANGE + BLOCK + i])
        total_h = s[_TOP_H + i] + s[_SURFACE_H + i]
        free = surface + (s[_NET + i] + down) / total_h
        s[_TOTAL_H + i] = total_h
        s[_FREE + i] = free
        water, solid = s[_WATER + i], s[_SNOW + i] + s[_ICE + i] + s[_FROST + i]
        frozen = -free * total_h * step * _PER_FUSION
        frozen = frozen if frozen < water else water
        s[_FREEZING + i] = frozen if frozen > -solid else -solid


@numba.njit(error_model="numpy", fastmath={"contract"})
def _freeze_brine(s: np.ndarray, step: np.float32) -> None:
    """The water that freezes where there is salt [mm]; other columns keep what they have."""
    for i in range(BLOCK):
        water, solid = s[_WATER + i], s[_SNOW + i] + s[_ICE + i] + s[_FROST + i]
        salt = s[_SALT + i]
        brine = _salted_change(s[_FREE + i], s[_TOTAL_H + i] * step, water, solid, salt)
        s[_FREEZING + i] = brine if salt > _ZERO else s[_FREEZING + i]


@numba.njit(error_model="numpy", fastmath={"contract"})
def _surface(s: np.ndarray, step: np.float32) -> None:
    """The new surface temperature, melting and freezing, drainage, wear and the stores' maxima."""
    for i in range(BLOCK):
        surface, surface_h, net = s[_T + i], s[_SURFACE_H + i], s[_NET + i]
        free, frozen, salt = s[_FREE + i], s[_FREEZING + i], s[_SALT + i]
        stiff = s[_TOTAL_H + i] * step
        water, snow, ice, frost = s[_WATER + i], s[_SNOW + i], s[_ICE + i], s[_FROST + i]
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
        s[_T + i] = new
        s[_CHANGE + i] = change
        flux = (net - surface_h * change) * step
        s[_GAINED + i] += flux + released
        s[_TURNED + i] += abs(flux) + abs(released)
        water = water - frozen
        water = water if water > _ZERO else _ZERO
        snow = snow - from_snow
        ice = ice - from_ice + gain
        ice = ice if ice > _ZERO else _ZERO
        frost = frost - from_frost
        old_snow, old_ice, old_frost = snow, ice, frost
        free_water = water - _HELD_WATER
        drained = (free_water if free_water > _ZERO else _ZERO) * s[_DRAIN + i]
        flowing = water - drained
        flowing = flowing - flowing * s[_WEAR_WATER + i]
        flowing = flowing if flowing < _MOST_WATER else _MOST_WATER
        s[_SALT + i] = salt * (flowing / water if water > _ZERO else _ONE - s[_WEAR_WATER + i])
        worn = snow * s[_WEAR_SNOW + i]
        snow = snow - worn
        ice = ice + worn * s[_PACKING + i] - ice * s[_WEAR_ICE + i]
        frost = frost - frost * s[_WEAR_FROST + i]
        snow = snow if snow < _MOST_SNOW else _MOST_SNOW
        ice = ice if ice < _MOST_ICE else _MOST_ICE
        frost = frost if frost < _MOST_FROST else _MOST_FROST
        # traces count as gone
        flowing = flowing if flowing > _TRACE else _ZERO
        snow = snow if snow > _TRACE else _ZERO
        ice = ice if ice > _TRACE else _ZERO
        frost = frost if frost > _TRACE else _ZERO
        s[_LEFT + i] += (
            (water - flowing) + (old_snow - snow) + (old_ice - ice) + (old_frost - frost)
        )
        s[_WATER + i] = flowing
        s[_SNOW + i] = snow
        s[_ICE + i] = ice
        s[_FROST + i] = frost


@numba.njit(error_model="numpy", fastmath={"contract"})
def _settle(s: np.ndarray, part: np.float32, step: np.float32, moist: int) -> None:
    """The new temperatures of the ground, from the top down, and moisture that freezes or thaws."""
    for node in range(1, NODES):
        for i in range(BLOCK):
            lift = s[_INVERSE + node * BLOCK + i] * s[_K + (node - 1) * BLOCK + i]
            change = s[_CHANGE + node * BLOCK + i] + lift * s[_CHANGE + (node - 1) * BLOCK + i]
            s[_CHANGE + node * BLOCK + i] = change
            small = change + s[_CARRY + node * BLOCK + i]
            old = s[_T + node * BLOCK + i]
            new = old + small
            s[_T + node * BLOCK + i] = new
            s[_CARRY + node * BLOCK + i] = small - (new - old)
    last = (NODES - 1) * BLOCK
    for i in range(BLOCK):
        below = s[_BELOW + i] + s[_D_BELOW + i] * part
        # the temperature that conduction gave, before its moisture froze
        flux = s[_BELOW_H + i] * (below - s[_T + last + i]) * step
        s[_GAINED + i] += flux
        s[_TURNED + i] += abs(flux)
    for node in range(1, NODES):  # a start that is not known would hide the loop's bounds
        if node < moist:
            continue
        for i in range(BLOCK):
            capacity = s[_CAPACITY + node * BLOCK + i]
            old = s[_T + node * BLOCK + i]
            frozen, most = s[_FROZEN + node * BLOCK + i], s[_FREEZABLE + node * BLOCK + i]
            heat = -old * capacity
            heat = heat if heat > -frozen else -frozen
            heat = heat if heat < most - frozen else most - frozen
            after = frozen + heat
            s[_FROZEN + node * BLOCK + i] = after
            # what float32 let in, not what was asked for, so that no heat is lost; dry nodes stay
            # as they are, whether or not a neighbour's are moist
            carry = s[_CARRY + node * BLOCK + i]
            small = (after - frozen) / capacity + carry
            new = old + small
            s[_T + node * BLOCK + i] = new if most > _ZERO else old
            s[_CARRY + node * BLOCK + i] = small - (new - old) if most > _ZERO else carry


@numba.njit(error_model="numpy")
def _content(s: np.ndarray, i: int) -> float:
    """Heat in a column [J/m²], less the heat that its frozen moisture gave off."""
    total = 0.0
    for node in range(NODES):
        place = node * BLOCK + i
        warmth = np.float64(s[_T + place]) + np.float64(s[_CARRY + place])
        total += np.float64(s[_CAPACITY + place]) * warmth - np.float64(s[_FROZEN + place])
    return total


@numba.njit(error_model="numpy")
def _begin(
    s: np.ndarray, i: int, road: np.ndarray, grid: np.ndarray, member: np.ndarray,
    start_C: float, deep_C: float, lacking: float,
) -> None:  # fmt: skip
    """Fill in what a column is made of and how it starts."""
    bridge = road[0] > 0.0
    for node in range(NODES):
        place = node * BLOCK + i
        share = 1.0 if bridge else np.exp(-grid[2, node] / _DAMPING_M)
        warmth = deep_C + (start_C - deep_C) * share + member[6]
        s[_T + place] = warmth
        s[_K + place] = grid[0, node] * member[4]
        s[_CAPACITY + place] = grid[1, node]
        s[_FREEZABLE + place] = grid[3, node] * member[10]
        s[_FROZEN + place] = s[_FREEZABLE + place] if warmth < 0.0 else 0.0
    s[_BELOW_H + i] = s[_K + (NODES - 1) * BLOCK + i]
    s[_ALBEDO + i] = min(1.0, road[1] * member[0])
    s[_SNOW_ALBEDO + i] = member[1]
    s[_EMISSIVITY + i] = member[2]
    s[_FILM + i] = member[3]
    s[_PACKING + i] = member[9]
    s[_LACKING + i] = lacking


@numba.njit(error_model="numpy")
def _block(
    block: int,
    table: np.ndarray,
    grid: np.ndarray,
    uncertain: np.ndarray,
    weather: np.ndarray,
    direct: np.ndarray,
    lit: np.ndarray,
    profile: np.ndarray,
    start: np.ndarray,
    deep: np.ndarray,
    doses: np.ndarray,
    held: np.ndarray,
    lacking: np.ndarray,
    gain: float,
    steps: int,
    first: int,
    history: np.ndarray,
    residual: np.ndarray,
) -> None:
    """One block of columns through all hours."""
    members, hours = weather.shape[0], weather.shape[1]
    columns = table.shape[0] * members
    step = np.float32(3600.0 / steps)
    learn = np.float32(1.0 - np.exp(-3600.0 / steps / _FORGETTING_S))
    decay = np.float32(np.exp(-3600.0 / steps / _DECAY_S))
    strength = np.float32(gain)
    s = np.zeros(SIZE, np.float32)
    roads = np.empty(BLOCK, np.int64)
    which = np.empty(BLOCK, np.int64)
    sums = np.zeros((4, BLOCK))
    used = min(BLOCK, columns - block * BLOCK)
    moist, bridges, salted = NODES, False, False
    for i in range(BLOCK):
        column = min(block * BLOCK + i, columns - 1)
        road, member = column // members, column % members
        roads[i], which[i] = road, member
        deep_C = deep[member, 0] + uncertain[member, 6]
        _begin(
            s, i, table[road], grid[road], uncertain[member], start[member],
            deep[member, 0], lacking[road, member],
        )  # fmt: skip
        _instants(
            s, i, table[road], uncertain[member], weather[member, 0], direct[member, 0],
            lit[road, 0], held[road, 0] if np.isfinite(held[road, 0]) else 0.0, deep_C,
        )  # fmt: skip
        sums[0, i] = -_content(s, i)
        moist = min(moist, int(table[road, 4]))
        bridges = bridges or table[road, 0] > 0.0
        if first == 0 and i < used:
            history[:, road, member, 0] = 0.0
            history[0, road, member, 0] = s[_T + i]
    for hour in range(1, hours):
        for i in range(BLOCK):
            road, member = roads[i], which[i]
            target, before = held[road, hour], held[road, hour - 1]
            known = np.isfinite(target)
            _instants(
                s, i, table[road], uncertain[member], weather[member, hour],
                direct[member, hour], lit[road, hour], target if known else 0.0,
                deep[member, hour] + uncertain[member, 6],
            )  # fmt: skip
            s[_HOLD + i] = _HOLD_H if known and np.isfinite(before) else 0.0
            _hour(
                s, i, table[road], uncertain[member], weather[member, hour], profile[hour],
                doses[road, hour], 3600.0 / steps,
            )  # fmt: skip
            salted = salted or doses[road, hour] > 0.0
            s[_GAINED + i] = s[_TURNED + i] = s[_ARRIVED + i] = s[_LEFT + i] = 0.0
        if hour == 1 or bridges:
            _eliminate(s, step)
        for sub in range(steps):
            part = np.float32((sub + 1.0) / steps)
            _balance(s, part, step, strength, learn, decay)
            _conduct(s, part)
            _freeze(s, step)
            if salted:
                _freeze_brine(s, step)
            _surface(s, step)
            _settle(s, part, step, moist)
        for i in range(BLOCK):
            sums[0, i] -= s[_GAINED + i]
            sums[1, i] += s[_TURNED + i]
            sums[2, i] += s[_ARRIVED + i]
            sums[3, i] += s[_LEFT + i]
        if hour >= first:
            for i in range(used):
                road, member = roads[i], which[i]
                history[0, road, member, hour - first] = s[_T + i]
                history[1, road, member, hour - first] = s[_WATER + i]
                history[2, road, member, hour - first] = s[_SNOW + i]
                history[3, road, member, hour - first] = s[_ICE + i]
                history[4, road, member, hour - first] = s[_FROST + i]
                history[5, road, member, hour - first] = s[_SALT + i]
    for i in range(used):
        road, member = roads[i], which[i]
        balance = _content(s, i) + sums[0, i]
        stored = np.float64(s[_WATER + i]) + s[_SNOW + i] + s[_ICE + i] + s[_FROST + i]
        residual[0, road, member] = abs(balance) / max(sums[1, i], 1.0)
        residual[1, road, member] = sums[2, i] - sums[3, i] - stored
        lacking[road, member] = s[_LACKING + i]


@numba.njit(cache=True, parallel=True, error_model="numpy")
def road_blocks(
    table: np.ndarray,
    grid: np.ndarray,
    uncertain: np.ndarray,
    weather: np.ndarray,
    direct: np.ndarray,
    lit: np.ndarray,
    profile: np.ndarray,
    start: np.ndarray,
    deep: np.ndarray,
    doses: np.ndarray,
    held: np.ndarray,
    lacking: np.ndarray,
    gain: float,
    steps: int,
    first: int,
    history: np.ndarray,
    residual: np.ndarray,
) -> None:
    """Every road under every member, in blocks; see `road.simulate_roads` for what goes in.

    `lit` is [n, hours], -1 where no horizon is known; `doses` [n, hours] in g/m²; `held` [n, hours]
    with NaN where nothing is known; `lacking` [n, members] is read and written.
    """
    columns = table.shape[0] * weather.shape[0]
    for block in numba.prange((columns + BLOCK - 1) // BLOCK):
        _block(
            block, table, grid, uncertain, weather, direct, lit, profile, start, deep, doses, held,
            lacking, gain, steps, first, history, residual,
        )  # fmt: skip
