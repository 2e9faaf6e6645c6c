"""The numba kernel of `road`: one road under one member, step by step."""

from __future__ import annotations

import math

import numba
import numpy as np

from lingjing.physics.humidity import saturation_mixing_ratio

NODES = 14
_SIGMA = 5.670374419e-8
_EVAPORATION = 2.501e6  # J/kg
_FUSION = 3.336e5
_SUBLIMATION = _EVAPORATION + _FUSION
_AIR_HEAT = 1005.0  # J/kgK
_WATER_HEAT = 4200.0
# RoadSurf: most that a road holds of each store, mm
_MOST_WATER, _MOST_SNOW, _MOST_ICE, _MOST_FROST = 2.0, 100.0, 50.0, 2.0
# RoadSurf: traffic wear, share per hour on a busy road
_WEAR_WATER, _WEAR_SNOW, _WEAR_ICE, _WEAR_FROST = 0.145, 0.45, 0.319, 1.16
_BUSY_PER_H = 500.0  # vehicles per hour at which wear and traffic heat are full (assumed)
_TRAFFIC_HEAT = 10.0  # W/m2, RoadSurf by day
_HELD_WATER = 0.5  # mm that texture keeps from draining
_CLOSED_SNOW = 5.0  # mm of snow water that hides the road (assumed)
_DAMPING_M = 0.5  # blend from surface to deep at the start
# RoadSurf: 10 m wind blows over a rough landscape (0.4 m), heat leaves a smooth road (1 mm)
_LOG_WIND = math.log(10.4 / 0.4)
_LOG_HEAT = math.log(2.001 / 0.001)
_HEAT_HEIGHT_M = 2.0
_KARMAN = 0.4
_CALM_M_S, _TRAFFIC_WIND_M_S = 0.4, 1.1  # RoadSurf: least wind at night, and by day traffic's own
_DECK_RADIATION = 4.6  # W/m2K, lower face of a deck towards surroundings at air temperature


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def exchange(wind: float, air_C: float, surface_C: float) -> float:
    """Turbulent heat exchange [W/m²K] by Monin-Obukhov similarity, free convection beside it.

    Flux-profile relations of Campbell (1985) as in RoadSurf, z/L held to at most 1; the wind is
    not zero. Free convection over a warm plate, 1.52 dT^(1/3), joins the forced part as cubes.
    """
    kelvin = air_C + 273.15
    density_heat = 353.0 / kelvin * 1005.0
    buoyancy = _KARMAN * _HEAT_HEIGHT_M * 9.81 / kelvin * (air_C - surface_C)
    heat, momentum, forced = 0.0, 0.0, 0.0
    for _ in range(6):
        friction = _KARMAN * wind / (_LOG_WIND + momentum)
        conductance = _KARMAN * friction / (_LOG_HEAT + heat)
        before, forced = forced, density_heat * conductance
        if abs(forced - before) < 0.02 * forced:
            break
        stability = min(buoyancy * conductance / (friction * friction * friction), 1.0)
        if stability > 0.0:
            heat = 4.7 * stability
            momentum = heat
        else:
            heat = -2.0 * math.log(0.5 * (1.0 + math.sqrt(1.0 - 16.0 * stability)))
            momentum = 0.6 * heat
        # the relations hold for moderate instability; beyond, free convection takes over
        heat = max(heat, -0.6 * _LOG_HEAT)
        momentum = max(momentum, -0.6 * _LOG_WIND)
    if surface_C <= air_C:
        return forced
    return float(np.cbrt(forced * forced * forced + 3.51 * (surface_C - air_C)))


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def vapour_flux(
    surface_C: float, mixing_air: float, exchange_kg: float, wet: float, solid: float, step: float
) -> tuple[float, bool]:
    """Water leaving the surface over a step [mm], negative for dew or frost; True = as ice.

    `exchange_kg` is the turbulent exchange over the heat capacity of air [kg/m²s]. Free water
    covers the road in proportion up to 0.1 mm.
    """
    over_ice = surface_C < 0.0 and wet <= 0.0
    saturated = saturation_mixing_ratio(surface_C, over_ice)
    amount = exchange_kg * (saturated - mixing_air) * step
    if amount <= 0.0:
        return amount, over_ice
    if wet > 0.0:
        return min(amount * min(1.0, wet / 0.1), wet), False
    if solid > 0.0 and over_ice:
        return min(amount * min(1.0, solid / 0.1), solid), True
    return 0.0, False


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _take(store: np.ndarray, amount: float) -> None:
    """Take ice from frost first, then snow, then ice; store = (water, snow, ice, frost)."""
    for which in (3, 1, 2):
        part = min(store[which], amount)
        store[which] -= part
        amount -= part


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _shed(store: np.ndarray, drained: float, worn: np.ndarray, packing: float) -> float:
    """Drainage, traffic wear and the maxima of the stores; returns what left [mm]."""
    before = store[0] + store[1] + store[2] + store[3]
    free = store[0] - _HELD_WATER
    if free > 0.0:
        store[0] -= free * drained
    store[0] -= store[0] * worn[0]
    lost = store[1] * worn[1]
    store[1] -= lost
    store[2] += lost * packing - store[2] * worn[2]
    store[3] -= store[3] * worn[3]
    store[0] = min(store[0], _MOST_WATER)
    store[1] = min(store[1], _MOST_SNOW)
    store[2] = min(store[2], _MOST_ICE)
    store[3] = min(store[3], _MOST_FROST)
    return float(before - (store[0] + store[1] + store[2] + store[3]))


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _phase(store: np.ndarray, free_C: float, stiffness: float) -> tuple[float, float]:
    """Melt or freeze at 0 °C with the heat to spare: (surface temperature, J/m² released).

    `free_C` is the surface temperature without phase change, `stiffness` the heat [J/m²K] that
    moves it.
    """
    solid = store[1] + store[2] + store[3]
    if free_C > 0.0 and solid > 0.0:
        melted = min(solid, free_C * stiffness / _FUSION)
        _take(store, melted)
        store[0] += melted
        return free_C - melted * _FUSION / stiffness, -melted * _FUSION
    if free_C < 0.0 and store[0] > 0.0:
        frozen = min(store[0], -free_C * stiffness / _FUSION)
        store[0] -= frozen
        store[2] += frozen
        return free_C + frozen * _FUSION / stiffness, frozen * _FUSION
    return free_C, 0.0


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _one_road(
    road: np.ndarray,
    grid: np.ndarray,
    member: np.ndarray,
    weather: np.ndarray,
    profile: np.ndarray,
    start_C: float,
    deep_C: float,
    steps: int,
    first: int,
    work: np.ndarray,
    history: np.ndarray,
) -> tuple[float, float]:
    """One road under one member; returns relative energy residual and water residual [mm].

    `work` is scratch [9, NODES]; `history` is [5, hours].
    """
    conductance, heat = work[0], work[1]
    temperature, inverse, lift, reduced = work[2], work[3], work[4], work[5]
    store, worn, capacity = work[6], work[7], grid[1]
    step = 3600.0 / steps
    bridge = road[0] > 0.0
    view = road[2]
    emissivity = member[2]
    last = NODES - 1
    content = 0.0
    for node in range(NODES):
        conductance[node] = grid[0, node] * member[4]
        heat[node] = capacity[node] / step
        share = 1.0 if bridge else math.exp(-grid[2, node] / _DAMPING_M)
        temperature[node] = deep_C + (start_C - deep_C) * share + member[6]
        content -= capacity[node] * temperature[node]
    deep_C += member[6]
    store[:] = 0.0
    gained, turned, fallen, left = 0.0, 0.0, 0.0, 0.0
    if first == 0:
        history[0, 0] = temperature[0]
        history[1:, 0] = 0.0
    for hour in range(1, weather.shape[0]):
        old, new = weather[hour - 1], weather[hour]
        busy = min(1.0, road[3] * profile[hour] / _BUSY_PER_H)
        least = _CALM_M_S + _TRAFFIC_WIND_M_S * busy
        below_h = conductance[last]
        if bridge:
            breeze = 0.5 * (old[2] + new[2])
            below_h = _DECK_RADIATION + exchange(max(breeze, least), old[0], old[0]) * member[3]
        scale = busy * member[8] * step / 3600.0
        worn[0] = 1.0 - math.exp(-_WEAR_WATER * scale)
        worn[1] = 1.0 - math.exp(-_WEAR_SNOW * scale)
        worn[2] = 1.0 - math.exp(-_WEAR_ICE * scale)
        worn[3] = 1.0 - math.exp(-_WEAR_FROST * scale)
        drained = 1.0 - math.exp(-member[7] * step / 3600.0)
        fall = new[5] * step / 3600.0
        # eliminate the ground from the bottom up; only right-hand sides change within the hour
        inverse[last] = 1.0 / (heat[last] + conductance[last - 1] + below_h)
        for node in range(last - 1, 0, -1):
            inverse[node] = 1.0 / (
                heat[node]
                + conductance[node - 1]
                + conductance[node] * (1.0 - conductance[node] * inverse[node + 1])
            )
        ground_h = heat[0] + conductance[0] * (1.0 - conductance[0] * inverse[1])
        for node in range(1, NODES):
            lift[node] = inverse[node] * conductance[node - 1]
        for sub in range(steps):
            part = (sub + 1.0) / steps
            air = old[0] + (new[0] - old[0]) * part
            mixing = old[1] + (new[1] - old[1]) * part
            wind = old[2] + (new[2] - old[2]) * part
            sun = old[3] + (new[3] - old[3]) * part
            sky = old[4] + (new[4] - old[4]) * part + member[5]
            surface = temperature[0]
            # water arriving
            rain = fall * new[6]
            store[0] += rain
            store[1] += fall - rain
            fallen += fall
            # water leaving or arriving as vapour, from the state before the step
            convection = exchange(max(wind, least), air, surface) * member[3]
            solid = store[1] + store[2] + store[3]
            vapour, as_ice = vapour_flux(
                surface, mixing, convection / _AIR_HEAT, store[0], solid, step
            )
            fallen -= vapour
            if vapour >= 0.0:
                if as_ice:
                    _take(store, vapour)
                else:
                    store[0] -= vapour
            elif as_ice:
                store[3] -= vapour
            else:
                store[0] -= vapour
            latent = vapour * (_SUBLIMATION if as_ice else _EVAPORATION) / step
            # surface balance, linear in the new surface temperature
            snowy = min(1.0, store[1] / _CLOSED_SNOW)
            albedo = min(1.0, road[1] * member[0])
            albedo += (member[1] - albedo) * snowy
            kelvin = surface + 273.15
            air_kelvin = air + 273.15
            around = view * sky + (1.0 - view) * _SIGMA * air_kelvin**4
            shining = emissivity * _SIGMA * kelvin * kelvin * kelvin
            radiant_h = 4.0 * shining
            rain_h = rain / step * _WATER_HEAT
            steady = (
                (1.0 - albedo) * view * sun
                + emissivity * around
                - shining * kelvin
                + radiant_h * surface
                + convection * air
                + rain_h * max(air, 0.0)
                + _TRAFFIC_HEAT * busy
                - latent
            )
            surface_h = radiant_h + convection + rain_h
            reduced[last] = inverse[last] * (
                heat[last] * temperature[last] + below_h * below(bridge, air, deep_C)
            )
            for node in range(last - 1, 0, -1):
                reduced[node] = inverse[node] * (
                    heat[node] * temperature[node] + conductance[node] * reduced[node + 1]
                )
            total_h = ground_h + surface_h
            free_C = (heat[0] * surface + conductance[0] * reduced[1] + steady) / total_h
            new_surface, released = _phase(store, free_C, total_h * step)
            temperature[0] = new_surface
            for node in range(1, NODES):
                temperature[node] = reduced[node] + lift[node] * temperature[node - 1]
            # what went in, counted from the fluxes
            flux = (steady - surface_h * new_surface) * step
            flux += below_h * (below(bridge, air, deep_C) - temperature[last]) * step
            gained += flux + released
            turned += abs(flux) + abs(released)
            left += _shed(store, drained, worn, member[9])
        if hour >= first:
            history[0, hour - first] = temperature[0]
            for which in range(4):
                history[1 + which, hour - first] = store[which]
    for node in range(NODES):
        content += capacity[node] * temperature[node]
    water = store[0] + store[1] + store[2] + store[3]
    return abs(content - gained) / max(turned, 1.0), fallen - left - water


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def below(bridge: bool, air: float, deep_C: float) -> float:
    """Temperature below the column: the air under a deck, else the deep ground."""
    return air if bridge else deep_C


@numba.njit(cache=True, parallel=True)  # type: ignore[untyped-decorator,unused-ignore]
def road_members(
    table: np.ndarray,
    grid: np.ndarray,
    uncertain: np.ndarray,
    weather: np.ndarray,
    profile: np.ndarray,
    start: np.ndarray,
    deep: np.ndarray,
    steps: int,
    first: int,
    history: np.ndarray,
    residual: np.ndarray,
) -> None:
    """Every road under every member; each pair is computed alone, so threads change nothing."""
    for road in numba.prange(table.shape[0]):
        work = np.empty((8, NODES))
        kept = np.empty((5, history.shape[3]))
        for member in range(uncertain.shape[0]):
            energy, water = _one_road(
                table[road], grid[road], uncertain[member], weather[member], profile,
                start[member], deep[member], steps, first, work, kept,
            )  # fmt: skip
            residual[0, road, member] = energy
            residual[1, road, member] = water
            history[:, road, member, :] = kept
