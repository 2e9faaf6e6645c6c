"""The numba kernel of `pipes`: one pipe under one member, hour by hour."""

from __future__ import annotations

import math

import numba
import numpy as np

from lingjing.physics.enclosure import following_air, memory_of
from lingjing.physics.film import film

_CW = 1000.0 * 4200.0  # water, J/m3K
_CI = 917.0 * 2100.0  # ice, J/m3K
_LATENT = 917.0 * 333_600.0  # J per m3 of ice
_KI = 2.22  # ice, W/mK
_HALF_ICE = math.log(2.0) / (4.0 * math.pi * _KI)  # annulus that fills half the bore, mK/W
_NEAR_PLUG = math.log(50.0) / (4.0 * math.pi * _KI)  # annulus that leaves 2 % open, mK/W
_OPEN = 0.98  # ice share under which a plug has come loose from the wall
_SUB_STEPS = 6
FREEZING, PLUGGED, CRACKED, BURST = range(4)


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def relaxed(value: float, start: float, end: float, rate_h: float, hours: float) -> float:
    """Value after `hours` of dv/dt = rate (target - v), the target linear from start to end."""
    if rate_h * hours > 1e4:
        return end - (end - start) / (rate_h * hours)
    slope = (end - start) / hours
    return end - slope / rate_h + (value - start + slope / rate_h) * math.exp(-rate_h * hours)


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def annulus_drive(share: float, resistance: float) -> float:
    """Integral of the thermal resistance over the ice share: wall and film, then the ice."""
    water = 1.0 - share
    own = share
    if water > 1e-12:
        own += water * math.log(water)
    return resistance * share + own / (4.0 * math.pi * _KI)


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def grown(share: float, gain: float, resistance: float) -> float:
    """Ice share after the integral of resistance over share has grown by `gain`."""
    goal = annulus_drive(share, resistance) + gain
    if goal >= annulus_drive(1.0, resistance):
        return 1.0
    found = share
    for _ in range(8):
        slope = resistance - math.log(1.0 - found) / (4.0 * math.pi * _KI)
        change = (goal - annulus_drive(found, resistance)) / slope
        # convex: a step never falls short of the goal but may pass the end
        found = min(found + change, 0.5 * (1.0 + found))
        if abs(change) < 1e-6:
            break
    return found


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _icy_step(
    state: np.ndarray,
    outside: float,
    resistance: float,
    renewal_h: float,
    supply: float,
    area: float,
    wall_heat: float,
    hours: float,
) -> None:
    """Advance a pipe that holds ice: state = (temperature, ice share, confined ice share, part).

    `part` is the part of the step after which the bore closed, where it did.
    """
    temperature, share = state[0], state[1]
    heat = 3600.0 * hours / (_LATENT * area)  # W/m over the step as a share of the bore
    if share >= 1.0:
        rate = 3600.0 / ((_CI * area + wall_heat) * resistance)
        after = relaxed(temperature, outside, outside, rate, hours)
        if outside < 0.0:
            # the water confined beside the plug goes on freezing at its own pace
            state[2] = min(1.0, state[2] - outside / (resistance + _HALF_ICE) * heat)
        if after <= 0.0:
            state[0] = after
            return
        temperature, share = 0.0, 1.0
    melt = renewal_h * hours * (1.0 - share) * _CW * supply / _LATENT if share < 1.0 else 0.0
    if outside < 0.0:
        # ice and wall give up sensible heat as the front moves away from them
        chilled = (0.5 * _CI * area + wall_heat) * _NEAR_PLUG / (resistance + _NEAR_PLUG)
        gain = -outside * heat / (1.0 - outside * chilled / (_LATENT * area))
        missing = annulus_drive(1.0, resistance) - annulus_drive(share, resistance)
        if gain >= missing:
            state[3] = missing / gain
            share, melt = 1.0, 0.0
        else:
            share = grown(share, gain, resistance)
    else:
        melt += outside / resistance * heat
    share -= melt
    if share <= 0.0:
        temperature = -share * _LATENT * area / (_CW * area + wall_heat)
        share = 0.0
    else:
        temperature = 0.0
    state[0], state[1] = temperature, share


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _note(events: np.ndarray, which: int, hour: float) -> None:
    if math.isnan(events[which]):
        events[which] = hour


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _icy_hour(
    state: np.ndarray,
    before: float,
    around: float,
    resistance: float,
    renewal_h: float,
    supply: float,
    area: float,
    wall_heat: float,
    nucleation: float,
    frail: float,
    hour: float,
    events: np.ndarray,
) -> None:
    """An hour in which ice forms, is there, or melts, in sub-steps."""
    span = 1.0 / _SUB_STEPS
    heat_capacity = _CW * area + wall_heat
    rate = 3600.0 / (heat_capacity * resistance) + renewal_h
    share_air = (rate - renewal_h) / rate
    for sub in range(_SUB_STEPS):
        start = before + (around - before) * sub * span
        end = before + (around - before) * (sub + 1) * span
        left = span
        now = hour + sub * span
        if state[1] <= 0.0:
            mixed = (1.0 - share_air) * supply
            after = relaxed(
                state[0], share_air * start + mixed, share_air * end + mixed, rate, span
            )
            if after >= nucleation:
                state[0] = after
                continue
            passed = min(max((state[0] - nucleation) / max(state[0] - after, 1e-12), 0.0), 1.0)
            left = span * (1.0 - passed)
            now += span * passed
            cold = min(nucleation, state[0]) if passed == 0.0 else nucleation
            state[0] = 0.0
            # a heavy wall around a thin bore may close it at once
            state[1] = min(max(-cold * heat_capacity / (_LATENT * area), 1e-9), 1.0)
            state[2] = 0.0
            _note(events, FREEZING, now)
            if state[1] >= 1.0:
                _note(events, PLUGGED, now)
        was, was_confined = state[1], state[2]
        _icy_step(state, 0.5 * (start + end), resistance, renewal_h, supply, area, wall_heat, left)
        if state[1] >= 1.0 and was < 1.0:
            _note(events, PLUGGED, now + left * state[3])
        if state[1] < _OPEN:
            state[2] = 0.0
            if not math.isnan(events[CRACKED]):
                _note(events, BURST, now + left)
        elif state[2] >= frail and not math.isnan(events[PLUGGED]):
            more = state[2] - was_confined
            part = (frail - was_confined) / more if more > 0.0 else 1.0
            _note(events, CRACKED, now + left * min(max(part, 0.0), 1.0))


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _one_pipe(
    pipe: np.ndarray,
    member: np.ndarray,
    air: np.ndarray,
    wind: np.ndarray,
    sun: np.ndarray,
    use: np.ndarray,
    first: int,
    state: np.ndarray,
    temperature_out: np.ndarray,
    ice_out: np.ndarray,
    events: np.ndarray,
) -> None:
    inner = 0.5 * pipe[0]
    outer = inner + pipe[1]
    skin = outer + pipe[4]
    wall = math.log(outer / inner) / (2.0 * math.pi * pipe[2])
    cover = math.log(skin / outer) / (2.0 * math.pi * pipe[5])
    sound = pipe[11]
    area = math.pi * inner * inner
    wall_heat = math.pi * (outer * outer - inner * inner) * pipe[3]
    film_bare = 1.0 / (2.0 * math.pi * outer * member[0])
    film_covered = 1.0 / (2.0 * math.pi * skin * member[0])
    absorbed = pipe[12] * member[4] / (math.pi * member[0])
    dripping = pipe[13] / (1000.0 * area * pipe[14])
    per_water = 3600.0 / (_CW * area + wall_heat)
    nucleation = -member[1]
    lag = pipe[8] * member[2]
    memory = memory_of(lag)
    # an open tap lets no pressure build up between itself and the plug
    frail = pipe[10] * pipe[15] * member[3] if pipe[13] <= 0.0 else 2.0
    supply = pipe[6]
    state[0], state[1], state[2] = supply, 0.0, 0.0
    box_air = air[0]
    if first == 0:
        temperature_out[0] = state[0]
        ice_out[0] = 0.0
    for hour in range(1, air.shape[0]):
        box_before = box_air
        box_air = following_air(box_before, air[hour - 1], air[hour], lag, memory)
        exchange = film(0.5 * (wind[hour - 1] + wind[hour]) * pipe[7])
        per_exchange = 1.0 / exchange
        resistance = wall + cover + film_covered * per_exchange
        if sound < 1.0:
            through = sound / (resistance - wall) + (1.0 - sound) * exchange / film_bare
            resistance = wall + 1.0 / through
        # sunlight acts like warmer air (sol-air temperature)
        before = box_before + absorbed * sun[hour - 1] * per_exchange
        around = box_air + absorbed * sun[hour] * per_exchange
        renewal = use[hour] * pipe[9] + dripping
        rate = per_water / resistance + renewal
        per_rate = 1.0 / rate
        share_supply = renewal * per_rate
        mixed = share_supply * supply
        share_air = 1.0 - share_supply
        icy = state[1] > 0.0
        if not icy:
            start, end = share_air * before + mixed, share_air * around + mixed
            lead = (end - start) * per_rate
            after = end - lead + (state[0] - start + lead) * math.exp(-rate)
            icy = after < nucleation
            if not icy:
                state[0] = after
        if state[1] >= 1.0 and before < 0.0 and around < 0.0:
            # nothing but solid ice getting colder or milder: one exact step
            rate = 3600.0 / ((_CI * area + wall_heat) * resistance)
            state[0] = min(relaxed(state[0], before, around, rate, 1.0), 0.0)
            confined = 3600.0 / (_LATENT * area * (resistance + _HALF_ICE))
            was = state[2]
            state[2] = min(1.0, was - 0.5 * (before + around) * confined)
            if was < frail <= state[2]:
                part = (frail - was) / (state[2] - was)
                _note(events, CRACKED, float(hour - 1 - first) + part)
        elif icy:
            _icy_hour(
                state, before, around, resistance, renewal, supply, area, wall_heat, nucleation,
                frail, float(hour - 1 - first), events,
            )  # fmt: skip
        if hour >= first:
            temperature_out[hour - first] = state[0]
            ice_out[hour - first] = state[1]


@numba.njit(cache=True, parallel=True)  # type: ignore[untyped-decorator,unused-ignore]
def pipe_members(
    table: np.ndarray,
    uncertain: np.ndarray,
    air: np.ndarray,
    wind: np.ndarray,
    sun: np.ndarray,
    use: np.ndarray,
    first: int,
    temperature: np.ndarray,
    ice: np.ndarray,
    events: np.ndarray,
) -> None:
    """Every pipe under every member; each pair is computed alone, so threads change nothing."""
    for pipe in numba.prange(table.shape[0]):
        state = np.zeros(4)
        noted = np.empty(4)
        for member in range(uncertain.shape[0]):
            noted[:] = np.nan
            _one_pipe(
                table[pipe], uncertain[member], air[member], wind[member], sun[member], use, first,
                state, temperature[pipe, member], ice[pipe, member], noted,
            )  # fmt: skip
            for which in range(4):
                events[which, pipe, member] = noted[which]
