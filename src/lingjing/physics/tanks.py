"""Water tanks on roofs and in yards: cooling of the mixed water, ice from the top and the walls.

A tank of volume V and depth d is a square basin; its top and four walls lose heat, its floor
does not (roof tanks stand on a plinth out of the wind). Water is mixed while above 0 °C; ice then
grows as plane sheets under the lid and on the walls, with the ice's own resistance, while fresh
water from use melts it in proportion to area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import checked, rows, stacked
from lingjing.physics.enclosure import following_air, memory_of
from lingjing.physics.film import film
from lingjing.physics.pipe_kernel import relaxed
from lingjing.physics.sampling import latin_hypercube, triangular

_CW = 1000.0 * 4200.0  # water, J/m3K
_LATENT = 917.0 * 333_600.0  # J per m3 of ice
_KI = 2.22  # ice, W/mK
_SUB_STEPS = 4


@dataclass(frozen=True)
class TankColumns:
    """The tanks of a computation; every array has the shape [n].

    Attributes:
        volume_m3: Water held [m³].
        water_depth_m: Depth of the water [m].
        wall_thickness_m: Wall and lid [m].
        wall_conductivity_W_mK: Conductivity of wall and lid [W/mK].
        insulation_thickness_m: Insulation around [m]; 0 for none.
        insulation_conductivity_W_mK: Its conductivity [W/mK].
        supply_temperature_C: Water that refills the tank [°C].
        wind_exposure: Share of the wind that reaches it, 0 to 1.
        enclosure_lag_h: Time constant [h] of the air around; 0 outdoors.
        turnover_per_day: How many times a day use renews the water.
    """

    volume_m3: npt.ArrayLike
    water_depth_m: npt.ArrayLike
    wall_thickness_m: npt.ArrayLike
    wall_conductivity_W_mK: npt.ArrayLike
    insulation_thickness_m: npt.ArrayLike
    insulation_conductivity_W_mK: npt.ArrayLike
    supply_temperature_C: npt.ArrayLike
    wind_exposure: npt.ArrayLike
    enclosure_lag_h: npt.ArrayLike
    turnover_per_day: npt.ArrayLike


@dataclass(frozen=True)
class TankForcing:
    """Hourly weather of every member, spin-up included.

    Attributes:
        air_temperature_C: Outside air [members, hours] [°C], instantaneous, linear in between.
        wind_speed_m_s: Wind [members, hours] [m/s].
        use_profile: Share of a day's use in the hour that ends at the index [hours]; sums to 1
            over a day.
    """

    air_temperature_C: npt.ArrayLike
    wind_speed_m_s: npt.ArrayLike
    use_profile: npt.ArrayLike


@dataclass(frozen=True)
class TankParameters:
    """Uncertain physics, one value a member [members].

    Attributes:
        film_factor: Multiplies the film coefficient; central 1, 0.7 to 1.4.
        enclosure_factor: Multiplies the enclosure's time constant; central 1, 0.5 to 2 (assumed).
        turnover_factor: Multiplies the turnover; central 1, 0.5 to 1.5 (assumed).
    """

    film_factor: npt.NDArray[np.float64]
    enclosure_factor: npt.NDArray[np.float64]
    turnover_factor: npt.NDArray[np.float64]

    @classmethod
    def central(cls, members: int) -> TankParameters:
        """Best estimates, the same for every member."""
        return cls(*(np.full(members, mode) for _, mode, _ in _RANGES.values()))

    @classmethod
    def sampled(cls, members: int, rng: np.random.Generator) -> TankParameters:
        """Latin-hypercube samples of the triangular ranges given with each attribute."""
        share = latin_hypercube(members, len(_RANGES), rng)
        return cls(
            *(triangular(row, *span) for row, span in zip(share, _RANGES.values(), strict=True))
        )


_RANGES = {
    "film_factor": (0.7, 1.0, 1.4),
    "enclosure_factor": (0.5, 1.0, 2.0),
    "turnover_factor": (0.5, 1.0, 1.5),
}
_PARAMETER_LIMITS = {
    "film_factor": (0.05, 20.0),
    "enclosure_factor": (0.0, 50.0),
    "turnover_factor": (0.0, 50.0),
}
_COLUMN_LIMITS = {
    "volume_m3": (1e-3, 1e6),
    "water_depth_m": (0.01, 50.0),
    "wall_thickness_m": (1e-5, 2.0),
    "wall_conductivity_W_mK": (1e-3, 1e3),
    "insulation_thickness_m": (0.0, 2.0),
    "insulation_conductivity_W_mK": (1e-3, 10.0),
    "supply_temperature_C": (0.0, 60.0),
    "wind_exposure": (0.0, 1.0),
    "enclosure_lag_h": (0.0, 1e4),
    "turnover_per_day": (0.0, 1e3),
}


@dataclass(frozen=True)
class TankHistory:
    """What the tanks went through.

    Attributes:
        water_temperature_C: Mixed water, float32 [n, members, hours - first_output] [°C].
        ice_thickness_mm: Ice under the lid, same shape [mm].
        wall_ice_thickness_mm: Ice on the walls, same shape [mm].
        ice_fraction: Share of the water that is ice, same shape.
        freezing_hour: Hours after index `first_output` of the first ice, float32 [n, members];
            NaN = never; negative = during spin-up.
    """

    water_temperature_C: npt.NDArray[np.float32]
    ice_thickness_mm: npt.NDArray[np.float32]
    wall_ice_thickness_mm: npt.NDArray[np.float32]
    ice_fraction: npt.NDArray[np.float32]
    freezing_hour: npt.NDArray[np.float32]


def simulate_tanks(
    columns: TankColumns,
    forcing: TankForcing,
    parameters: TankParameters,
    *,
    first_output: int = 0,
) -> TankHistory:
    """Cooling and icing of every tank under every member.

    Args:
        columns: The tanks [n].
        forcing: The weather [members, hours], at least two hours.
        parameters: Uncertain physics [members].
        first_output: Index of the first hour kept.

    Returns:
        TankHistory. The same bytes whatever the number of threads.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    Validity: 0.1 to 1000 m³ at rest or slowly renewed; stratification near 4 °C is left out, which
    puts the first ice under the lid later than it is by the time that the water's last 4 K take.
    """
    members, hours = rows("air_temperature_C", forcing.air_temperature_C)
    n = int(np.size(columns.volume_m3))
    checked("first_output", first_output, (), lower=0, upper=hours - 1)
    shape = (members, hours)
    air = checked("air_temperature_C", forcing.air_temperature_C, shape, lower=-80, upper=60)
    wind = checked("wind_speed_m_s", forcing.wind_speed_m_s, shape, lower=0, upper=120)
    use = checked("use_profile", forcing.use_profile, (hours,), lower=0, upper=1)
    table = stacked(columns, _COLUMN_LIMITS, n)
    uncertain = stacked(parameters, _PARAMETER_LIMITS, members)
    history = np.empty((4, n, members, hours - first_output), np.float32)
    freezing = np.full((n, members), np.nan, np.float32)
    tank_members(table, uncertain, air, wind, use, first_output, history, freezing)
    return TankHistory(history[0], history[1], history[2], history[3], freezing)


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def sheet(thickness: float, resistance: float, degree_seconds: float) -> float:
    """Ice sheet [m] after cold [K s] has passed through a resistance [m²K/W] and the ice itself."""
    reach = thickness + _KI * resistance
    return math.sqrt(reach * reach + 2.0 * _KI * degree_seconds / _LATENT) - _KI * resistance


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _icy_tank(
    state: np.ndarray,
    outside: float,
    resistance: float,
    fresh_heat: float,
    lid: float,
    walls: float,
    volume: float,
    seconds: float,
) -> None:
    """Advance a tank at 0 °C by `seconds`: state = (temperature, lid ice, wall ice).

    `fresh_heat` is what warmer refill brings over the step [J].
    """
    if outside < 0.0:
        cold = -outside * seconds
        state[1] = sheet(state[1], resistance, cold)
        state[2] = sheet(state[2], resistance, cold)
    else:
        fresh_heat += outside / resistance * (lid + walls) * seconds
    melt = fresh_heat / (_LATENT * (lid + walls))
    ice = 0.0
    spare = 0.0
    for which in (1, 2):
        area = lid if which == 1 else walls
        spare += max(melt - state[which], 0.0) * area
        state[which] = max(state[which] - melt, 0.0)
        ice += state[which] * area
    if ice > volume:
        state[1] *= volume / ice
        state[2] *= volume / ice
    state[0] = 0.0
    if ice <= 0.0 and spare > 0.0:
        state[0] = spare * _LATENT / (_CW * volume)


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def _one_tank(
    tank: np.ndarray,
    member: np.ndarray,
    air: np.ndarray,
    wind: np.ndarray,
    use: np.ndarray,
    first: int,
    history: np.ndarray,
) -> float:
    """One tank under one member into `history` [4, hours]; returns the hour of first ice."""
    volume = tank[0]
    lid = volume / tank[1]
    walls = 4.0 * math.sqrt(lid) * tank[1]
    fixed = tank[2] / tank[3] + tank[4] / tank[5]
    lag = tank[8] * member[1]
    memory = memory_of(lag)
    supply = tank[6]
    state = np.zeros(3)
    state[0] = supply
    around = air[0]
    freezing = math.nan
    if first == 0:
        history[:, 0] = 0.0
        history[0, 0] = supply
    span = 1.0 / _SUB_STEPS
    for hour in range(1, air.shape[0]):
        before = around
        around = following_air(before, air[hour - 1], air[hour], lag, memory)
        breeze = 0.5 * (wind[hour - 1] + wind[hour]) * tank[7]
        resistance = fixed + 1.0 / (film(breeze) * member[0])
        renewal = use[hour] * tank[9] * member[2]
        rate = (lid + walls) / resistance * 3600.0 / (_CW * volume) + renewal
        mixed = renewal / rate * supply
        share_air = 1.0 - renewal / rate
        for sub in range(_SUB_STEPS):
            start = before + (around - before) * sub * span
            end = before + (around - before) * (sub + 1) * span
            left = span
            if state[1] <= 0.0 and state[2] <= 0.0:
                after = relaxed(
                    state[0], share_air * start + mixed, share_air * end + mixed, rate, span
                )
                if after >= 0.0:
                    state[0] = after
                    continue
                passed = state[0] / max(state[0] - after, 1e-12)
                left = span * (1.0 - passed)
                if math.isnan(freezing):
                    freezing = float(hour - 1 - first) + (sub + passed) * span
            ice = lid * state[1] + walls * state[2]
            fresh = renewal * left * supply * _CW * max(volume - ice, 0.0)
            _icy_tank(
                state, 0.5 * (start + end), resistance, fresh, lid, walls, volume, left * 3600.0
            )
        if hour >= first:
            history[0, hour - first] = state[0]
            history[1, hour - first] = 1000.0 * state[1]
            history[2, hour - first] = 1000.0 * state[2]
            history[3, hour - first] = (lid * state[1] + walls * state[2]) / volume
    return freezing


@numba.njit(cache=True, parallel=True)  # type: ignore[untyped-decorator,unused-ignore]
def tank_members(
    table: np.ndarray,
    uncertain: np.ndarray,
    air: np.ndarray,
    wind: np.ndarray,
    use: np.ndarray,
    first: int,
    history: np.ndarray,
    freezing: np.ndarray,
) -> None:
    """Every tank under every member; each pair is computed alone, so threads change nothing."""
    for tank in numba.prange(table.shape[0]):
        for member in range(uncertain.shape[0]):
            freezing[tank, member] = _one_tank(
                table[tank], uncertain[member], air[member], wind[member], use, first,
                history[:, tank, member, :],
            )  # fmt: skip
