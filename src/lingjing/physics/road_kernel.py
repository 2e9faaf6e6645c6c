"""The numba kernel of `road`: blocks of columns side by side, a row for each quantity.

A block of `BLOCK` columns lies in one flat float32 array, a row of `BLOCK` numbers for each layer
and each quantity, so that it stays in the first-level cache and every inner loop runs over
neighbouring columns without a branch. Temperatures below the surface carry their rounding error
beside them, and sums over time are kept in float64. A column is computed alike wherever it lies in
whichever block, so neither the number of threads nor the cut into blocks changes a bit. Nothing
here may be contracted to fused multiply-adds (`fastmath`): the compiler chose others for a kernel
just compiled than for the same one read from the cache, and the last bits differed.
"""

from __future__ import annotations

import numba
import numpy as np

from lingjing.physics import road_rows as at
from lingjing.physics.road_phase_kernel import freeze, freeze_brine, surface_state
from lingjing.physics.road_rows import BLOCK, NODES
from lingjing.physics.road_surface import exchange_W_m2K, mixing_ratio_at

_SIGMA = 5.670374419e-8
_KELVIN_0 = 273.15

# columns of the tables that the caller makes
ROAD_NUMBERS = 6  # bridge, albedo, view, traffic a day, first moist node, wall albedo
WEATHER_NUMBERS = 7  # air, mixing ratio, wind, sun, sky, precipitation, liquid share

_F = np.float32
_ZERO, _HALF, _ONE, _FOUR = _F(0.0), _F(0.5), _F(1.0), _F(4.0)
_KELVIN, _BOLTZMANN = _F(_KELVIN_0), _F(_SIGMA)
_EVAPORATION = _F(2.501e6)  # J/kg
_SUBLIMATION = _F(2.501e6 + 3.336e5)
_PER_AIR_HEAT = _F(1.0 / 1005.0)
_WATER_HEAT = _F(4200.0)
# RoadSurf: traffic wear, share per hour on a busy road
_RATE_WATER, _RATE_SNOW, _RATE_ICE, _RATE_FROST = 0.145, 0.45, 0.319, 1.16
_BUSY_PER_H = 500.0  # vehicles per hour at which wear and traffic heat are full (assumed)
_TRAFFIC_HEAT = 10.0  # W/m2, RoadSurf by day
_PER_THIN = _F(10.0)  # free water or ice covers the road in proportion up to 0.1 mm
_PER_CLOSED_SNOW = _F(1.0 / 5.0)  # mm of snow water that hides the road (assumed)
_DAMPING_M = 0.5  # blend from surface to deep at the start
_CALM_M_S, _TRAFFIC_WIND_M_S = 0.4, 1.1  # RoadSurf: least wind at night, and by day traffic's own
_DECK_RADIATION = 4.6  # W/m2K, lower face of a deck towards surroundings at air temperature
_HOLD_H = 500.0  # W/m2K that ties the surface to a reading
_FORGETTING_S = 3.0 * 3600.0  # over which the lacking flux is averaged while a reading holds
_DECAY_S = 4.0 * 3600.0  # RoadSurf: how long a correction from readings lasts


@numba.njit(error_model="numpy")
def _lost(rate: float) -> np.float32:
    """1 - exp(-x) to third order, never 1 or more."""
    return np.float32(1.0 - 1.0 / (1.0 + rate * (1.0 + 0.5 * rate)))


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
        (at.AIR, air), (at.MIXING, now[1]), (at.WIND, now[2]), (at.SUN, sun), (at.SKY, sky),
        (at.BELOW, below), (at.TARGET, target),
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
    s[at.LEAST_WIND + i] = _CALM_M_S + _TRAFFIC_WIND_M_S * busy
    s[at.RAIN + i] = fall * now[6]
    s[at.SNOWFALL + i] = fall * (1.0 - now[6])
    s[at.TRAFFIC + i] = _TRAFFIC_HEAT * busy
    worn = busy * member[8] * step / 3600.0
    s[at.WEAR_WATER + i] = _lost(_RATE_WATER * worn)
    s[at.WEAR_SNOW + i] = _lost(_RATE_SNOW * worn)
    s[at.WEAR_ICE + i] = _lost(_RATE_ICE * worn)
    s[at.WEAR_FROST + i] = _lost(_RATE_FROST * worn)
    s[at.DRAIN + i] = _lost(member[7] * step / 3600.0)
    s[at.SALT + i] += dose
    if road[0] > 0.0:
        breeze = s[at.WIND + i] + _HALF * s[at.D_WIND + i]
        least = s[at.LEAST_WIND + i]
        breeze = breeze if breeze > least else least
        film = exchange_W_m2K(breeze, s[at.AIR + i], s[at.AIR + i]) * s[at.FILM + i]
        s[at.BELOW_H + i] = _DECK_RADIATION + film


@numba.njit(error_model="numpy")
def _eliminate(s: np.ndarray, step: np.float32) -> None:
    """Forward elimination of the ground; only right-hand sides change within the hour."""
    per_step = _ONE / step
    last = NODES - 1
    for i in range(BLOCK):
        s[at.INVERSE + last * BLOCK + i] = _ONE / (
            s[at.CAPACITY + last * BLOCK + i] * per_step
            + s[at.K + (last - 1) * BLOCK + i]
            + s[at.BELOW_H + i]
        )
    for node in range(last - 1, -1, -1):
        for i in range(BLOCK):
            below = s[at.K + node * BLOCK + i]
            above = s[at.K + (node - 1) * BLOCK + i] if node > 0 else _ZERO
            total = (
                s[at.CAPACITY + node * BLOCK + i] * per_step
                + above
                + below * (_ONE - below * s[at.INVERSE + (node + 1) * BLOCK + i])
            )
            # the top keeps the sum itself: the surface joins it in each step
            s[at.INVERSE + node * BLOCK + i] = _ONE / total
            s[at.TOP_H + i] = total


@numba.njit(error_model="numpy")
def _balance(
    s: np.ndarray, earlier: np.float32, part: np.float32, step: np.float32, gain: np.float32,
    learn: np.float32, decay: np.float32,
) -> None:  # fmt: skip
    """Water arriving and evaporating, and the surface balance about the old temperature."""
    for i in range(BLOCK):
        air = s[at.AIR + i] + s[at.D_AIR + i] * part
        mixing = s[at.MIXING + i] + s[at.D_MIXING + i] * part
        wind = s[at.WIND + i] + s[at.D_WIND + i] * part
        sun = s[at.SUN + i] + s[at.D_SUN + i] * part
        sky = s[at.SKY + i] + s[at.D_SKY + i] * part
        surface = s[at.T + i]
        rain, snowfall = s[at.RAIN + i], s[at.SNOWFALL + i]
        water, snow = s[at.WATER + i] + rain, s[at.SNOW + i] + snowfall
        ice, frost = s[at.ICE + i], s[at.FROST + i]
        least = s[at.LEAST_WIND + i]
        wind = wind if wind > least else least
        convection = exchange_W_m2K(wind, air, surface) * s[at.FILM + i]
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
        s[at.WATER + i] = water
        s[at.SNOW + i] = snow
        s[at.ICE + i] = ice
        s[at.FROST + i] = frost
        s[at.ARRIVED + i] += rain + snowfall - vapour
        latent = vapour * (_SUBLIMATION if as_ice else _EVAPORATION) / step
        # the balance about the old surface temperature, and how it stiffens with the new
        snowy = snow * _PER_CLOSED_SNOW
        snowy = snowy if snowy < _ONE else _ONE
        albedo = s[at.ALBEDO + i]
        albedo = albedo + (s[at.SNOW_ALBEDO + i] - albedo) * snowy
        kelvin = surface + _KELVIN
        cube = s[at.EMISSIVITY + i] * _BOLTZMANN * kelvin * kelvin * kelvin
        rain_h = rain / step * _WATER_HEAT
        warmth = air if air > _ZERO else _ZERO
        # a reading holds the surface; what it has to add is remembered and fades when it ends
        hold = s[at.HOLD + i]
        target = s[at.TARGET + i] + s[at.D_TARGET + i] * part
        lacking = s[at.LACKING + i]
        helped = hold * (target - surface) if hold > _ZERO else gain * lacking
        # what the reading really added in the step before, by the surface that came of it
        added = hold * (s[at.TARGET + i] + s[at.D_TARGET + i] * earlier - surface)
        s[at.LACKING + i] = lacking + learn * (added - lacking) if hold > _ZERO else lacking * decay
        s[at.NET + i] = (
            (_ONE - albedo) * sun
            + (sky - cube * kelvin)
            + convection * (air - surface)
            + rain_h * (warmth - surface)
            + s[at.TRAFFIC + i]
            - latent
            + helped
        )
        s[at.SURFACE_H + i] = _FOUR * cube + convection + rain_h + hold


@numba.njit(error_model="numpy")
def _conduct(s: np.ndarray, part: np.float32) -> None:
    """Back substitution from the bottom up, for changes of temperature over the step."""
    last = NODES - 1
    for i in range(BLOCK):
        here = s[at.T + last * BLOCK + i]
        below = s[at.BELOW + i] + s[at.D_BELOW + i] * part
        flux = s[at.K + (last - 1) * BLOCK + i] * (s[at.T + (last - 1) * BLOCK + i] - here)
        s[at.CHANGE + last * BLOCK + i] = s[at.INVERSE + last * BLOCK + i] * (
            flux + s[at.BELOW_H + i] * (below - here)
        )
    for node in range(last - 1, 0, -1):
        for i in range(BLOCK):
            here = s[at.T + node * BLOCK + i]
            conductance = s[at.K + node * BLOCK + i]
            above = s[at.K + (node - 1) * BLOCK + i] * (s[at.T + (node - 1) * BLOCK + i] - here)
            below = conductance * (
                s[at.T + (node + 1) * BLOCK + i] - here + s[at.CHANGE + (node + 1) * BLOCK + i]
            )
            s[at.CHANGE + node * BLOCK + i] = s[at.INVERSE + node * BLOCK + i] * (above + below)


@numba.njit(error_model="numpy")
def _settle(s: np.ndarray, part: np.float32, step: np.float32, moist: int) -> None:
    """The new temperatures of the ground, from the top down, and moisture that freezes or thaws."""
    for node in range(1, NODES):
        for i in range(BLOCK):
            lift = s[at.INVERSE + node * BLOCK + i] * s[at.K + (node - 1) * BLOCK + i]
            change = s[at.CHANGE + node * BLOCK + i] + lift * s[at.CHANGE + (node - 1) * BLOCK + i]
            s[at.CHANGE + node * BLOCK + i] = change
            small = change + s[at.CARRY + node * BLOCK + i]
            old = s[at.T + node * BLOCK + i]
            new = old + small
            s[at.T + node * BLOCK + i] = new
            s[at.CARRY + node * BLOCK + i] = small - (new - old)
    last = (NODES - 1) * BLOCK
    for i in range(BLOCK):
        below = s[at.BELOW + i] + s[at.D_BELOW + i] * part
        # the temperature that conduction gave, before its moisture froze
        flux = s[at.BELOW_H + i] * (below - s[at.T + last + i]) * step
        s[at.GAINED + i] += flux
        s[at.TURNED + i] += abs(flux)
    for node in range(1, NODES):  # a start that is not known would hide the loop's bounds
        if node < moist:
            continue
        for i in range(BLOCK):
            capacity = s[at.CAPACITY + node * BLOCK + i]
            old = s[at.T + node * BLOCK + i]
            frozen, most = s[at.FROZEN + node * BLOCK + i], s[at.FREEZABLE + node * BLOCK + i]
            heat = -old * capacity
            heat = heat if heat > -frozen else -frozen
            heat = heat if heat < most - frozen else most - frozen
            after = frozen + heat
            s[at.FROZEN + node * BLOCK + i] = after
            # what float32 let in, not what was asked for, so that no heat is lost; dry nodes stay
            # as they are, whether or not a neighbour's are moist
            carry = s[at.CARRY + node * BLOCK + i]
            small = (after - frozen) / capacity + carry
            new = old + small
            s[at.T + node * BLOCK + i] = new if most > _ZERO else old
            s[at.CARRY + node * BLOCK + i] = small - (new - old) if most > _ZERO else carry


@numba.njit(error_model="numpy")
def _content(s: np.ndarray, i: int) -> float:
    """Heat in a column [J/m²], less the heat that its frozen moisture gave off."""
    total = 0.0
    for node in range(NODES):
        place = node * BLOCK + i
        warmth = np.float64(s[at.T + place]) + np.float64(s[at.CARRY + place])
        total += np.float64(s[at.CAPACITY + place]) * warmth - np.float64(s[at.FROZEN + place])
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
        s[at.T + place] = warmth
        s[at.K + place] = grid[0, node] * member[4]
        s[at.CAPACITY + place] = grid[1, node]
        s[at.FREEZABLE + place] = grid[3, node] * member[10]
        s[at.FROZEN + place] = s[at.FREEZABLE + place] if warmth < 0.0 else 0.0
    s[at.BELOW_H + i] = s[at.K + (NODES - 1) * BLOCK + i]
    s[at.ALBEDO + i] = min(1.0, road[1] * member[0])
    s[at.SNOW_ALBEDO + i] = member[1]
    s[at.EMISSIVITY + i] = member[2]
    s[at.FILM + i] = member[3]
    s[at.PACKING + i] = member[9]
    s[at.LACKING + i] = lacking


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
    s = np.zeros(at.SIZE, np.float32)
    roads = np.empty(BLOCK, np.int64)
    which = np.empty(BLOCK, np.int64)
    sums = np.zeros((4, BLOCK))
    used = min(BLOCK, columns - block * BLOCK)
    moist, bridges, salted = NODES, False, False
    by_hour = lacking.shape[2] == hours
    for i in range(BLOCK):
        column = min(block * BLOCK + i, columns - 1)
        road, member = column // members, column % members
        roads[i], which[i] = road, member
        deep_C = deep[member, 0] + uncertain[member, 6]
        _begin(
            s, i, table[road], grid[road], uncertain[member], start[member],
            deep[member, 0],
            lacking[road, member, 0] if np.isfinite(lacking[road, member, 0]) else 0.0,
        )  # fmt: skip
        _instants(
            s, i, table[road], uncertain[member], weather[member, 0], direct[member, 0],
            lit[road, 0], held[road, 0] if np.isfinite(held[road, 0]) else 0.0, deep_C,
        )  # fmt: skip
        sums[0, i] = -_content(s, i)
        moist = min(moist, int(table[road, 4]))
        bridges = bridges or table[road, 0] > 0.0
        if i < used:
            lacking[road, member, 0] = s[at.LACKING + i]
        if first == 0 and i < used:
            history[:, road, member, 0] = 0.0
            history[0, road, member, 0] = s[at.T + i]
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
            s[at.HOLD + i] = _HOLD_H if known and np.isfinite(before) else 0.0
            _hour(
                s, i, table[road], uncertain[member], weather[member, hour], profile[hour],
                doses[road, hour], 3600.0 / steps,
            )  # fmt: skip
            salted = salted or doses[road, hour] > 0.0
            if by_hour and np.isfinite(lacking[road, member, hour]):
                s[at.LACKING + i] = lacking[road, member, hour]
            s[at.GAINED + i] = s[at.TURNED + i] = s[at.ARRIVED + i] = s[at.LEFT + i] = 0.0
        if hour == 1 or bridges:
            _eliminate(s, step)
        for sub in range(steps):
            part = np.float32((sub + 1.0) / steps)
            _balance(s, np.float32(sub / steps), part, step, strength, learn, decay)
            _conduct(s, part)
            freeze(s, step)
            if salted:
                freeze_brine(s, step)
            surface_state(s, step)
            _settle(s, part, step, moist)
        for i in range(BLOCK):
            sums[0, i] -= s[at.GAINED + i]
            sums[1, i] += s[at.TURNED + i]
            sums[2, i] += s[at.ARRIVED + i]
            sums[3, i] += s[at.LEFT + i]
        if by_hour:
            for i in range(used):
                lacking[roads[i], which[i], hour] = s[at.LACKING + i]
        if hour >= first:
            for i in range(used):
                road, member = roads[i], which[i]
                history[0, road, member, hour - first] = s[at.T + i]
                history[1, road, member, hour - first] = s[at.WATER + i]
                history[2, road, member, hour - first] = s[at.SNOW + i]
                history[3, road, member, hour - first] = s[at.ICE + i]
                history[4, road, member, hour - first] = s[at.FROST + i]
                history[5, road, member, hour - first] = s[at.SALT + i]
    for i in range(used):
        road, member = roads[i], which[i]
        balance = _content(s, i) + sums[0, i]
        stored = np.float64(s[at.WATER + i]) + s[at.SNOW + i] + s[at.ICE + i] + s[at.FROST + i]
        residual[0, road, member] = abs(balance) / max(sums[1, i], 1.0)
        residual[1, road, member] = sums[2, i] - sums[3, i] - stored


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
    with NaN where nothing is known; `lacking` [n, members, hours], NaN where it is to follow from
    the readings, is read and written (or [n, members, 1], where there are no readings at all).
    """
    columns = table.shape[0] * weather.shape[0]
    for block in numba.prange((columns + BLOCK - 1) // BLOCK):
        _block(
            block, table, grid, uncertain, weather, direct, lit, profile, start, deep, doses, held,
            lacking, gain, steps, first, history, residual,
        )  # fmt: skip
