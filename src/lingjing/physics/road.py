"""Roads and bridge decks: ground column, surface energy balance, water, snow, ice and frost.

A column of conducting layers carries at its top the stores of water, snow, ice and frost. Each
step solves conduction and surface balance together (backward Euler); melting and freezing take
exactly the heat that the balance then has to spare, so energy and water close to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import FloatArray, checked, floats, rows
from lingjing.physics.humidity import saturation_vapour_pressure_hPa
from lingjing.physics.materials import ROAD_BUILDS, RoadBuild, RoadMaterial
from lingjing.physics.road_grid import column_grid
from lingjing.physics.road_kernel import road_blocks
from lingjing.physics.road_rows import NODES
from lingjing.physics.sampling import latin_hypercube, triangular
from lingjing.vocabulary import LingjingError, Place

__all__ = [
    "RoadColumns",
    "RoadForcing",
    "RoadHistory",
    "RoadMaterial",
    "RoadParameters",
    "RoadReadings",
    "RoadShade",
    "rain_share",
    "simulate_roads",
]

_NO_HORIZON = -1.0


@dataclass(frozen=True)
class RoadColumns:
    """The roads of a computation; every array has the shape [n].

    Attributes:
        bridge: True for a deck with air below.
        surface_material: Codes of `RoadMaterial`.
        sky_view_factor: Share of the sky seen from the road, 0 to 1; walls are taken at air
            temperature, and the sun is seen in the same share unless a `RoadShade` says when.
        traffic_per_day: Vehicles per day.
        deck_thickness_m: Thickness of a bridge deck [m]; ignored elsewhere.
        builds: What the codes stand for, where roads are built otherwise than `ROAD_BUILDS`.
    """

    bridge: npt.ArrayLike
    surface_material: npt.ArrayLike
    sky_view_factor: npt.ArrayLike
    traffic_per_day: npt.ArrayLike
    deck_thickness_m: npt.ArrayLike
    builds: Sequence[RoadBuild] = tuple(ROAD_BUILDS.values())


@dataclass(frozen=True)
class RoadForcing:
    """Hourly weather of every member, spin-up included; arrays [members, hours].

    Attributes:
        air_temperature_C: 2 m air temperature [°C].
        dew_point_C: 2 m dew point [°C].
        wind_speed_m_s: 10 m wind [m/s].
        shortwave_down_W_m2: Global shortwave [W/m²].
        longwave_down_W_m2: Sky longwave [W/m²].
        precipitation_mm_h: Amount over the hour that ends at the index [mm/h], spread evenly.
        traffic_profile: Share of a day's traffic in the hour that ends at the index [hours]; sums
            to 1 over a day.
        deep_temperature_C: Ground temperature at 2 m, [members] or [members, hours]; None = the
            mean air temperature of the spin-up.

    All but precipitation and traffic are instantaneous, linear in between.
    """

    air_temperature_C: npt.ArrayLike
    dew_point_C: npt.ArrayLike
    wind_speed_m_s: npt.ArrayLike
    shortwave_down_W_m2: npt.ArrayLike
    longwave_down_W_m2: npt.ArrayLike
    precipitation_mm_h: npt.ArrayLike
    traffic_profile: npt.ArrayLike
    deep_temperature_C: npt.ArrayLike | None = None


@dataclass(frozen=True)
class RoadParameters:
    """Uncertain physics, one value a member; every array has the shape [members].

    Attributes:
        albedo_factor: Multiplies the dry albedo of the material; 0.8 to 1.6 (worn asphalt is
            lighter, wet is darker).
        snow_albedo: Albedo under closed snow; central 0.6 (RoadSurf), 0.4 to 0.8 (METRo 0.5).
        emissivity: Longwave emissivity; central 0.95 (RoadSurf), 0.90 to 0.98 (METRo 0.92).
        film_factor: Multiplies the turbulent exchange; 0.6 to 1.8 (roughness, traffic).
        conductivity_factor: Multiplies the conductivity of the ground; 0.7 to 1.4 (moisture).
        longwave_offset_W_m2: Added to the sky's longwave; central 0, ±30.
        initial_ground_offset_K: Added to the ground at the start; central 0, -2 to 3.
        drainage_per_h: Rate at which free water above 0.5 mm leaves; central 1, 0.3 to 3
            (assumed).
        wear_factor: Multiplies traffic's wear of the stores; 0.5 to 1.5.
        packing_share: Share of worn snow pressed to ice; central 0.5 (RoadSurf), 0.2 to 0.8.
        moisture_factor: Multiplies the freezable moisture of the ground; 0 to 2 (assumed).
    """

    albedo_factor: FloatArray
    snow_albedo: FloatArray
    emissivity: FloatArray
    film_factor: FloatArray
    conductivity_factor: FloatArray
    longwave_offset_W_m2: FloatArray
    initial_ground_offset_K: FloatArray
    drainage_per_h: FloatArray
    wear_factor: FloatArray
    packing_share: FloatArray
    moisture_factor: FloatArray

    @classmethod
    def central(cls, members: int) -> RoadParameters:
        """Published or best estimates, the same for every member."""
        return cls(*(np.full(members, mode) for _, mode, _ in _RANGES.values()))

    @classmethod
    def sampled(cls, members: int, rng: np.random.Generator) -> RoadParameters:
        """Latin-hypercube samples of the triangular ranges given with each attribute."""
        share = latin_hypercube(members, len(_RANGES), rng)
        return cls(
            *(triangular(row, *span) for row, span in zip(share, _RANGES.values(), strict=True))
        )


_RANGES = {
    "albedo_factor": (0.8, 1.0, 1.6),
    "snow_albedo": (0.4, 0.6, 0.8),
    "emissivity": (0.90, 0.95, 0.98),
    "film_factor": (0.6, 1.0, 1.8),
    "conductivity_factor": (0.7, 1.0, 1.4),
    "longwave_offset_W_m2": (-30.0, 0.0, 30.0),
    "initial_ground_offset_K": (-2.0, 0.0, 3.0),
    "drainage_per_h": (0.3, 1.0, 3.0),
    "wear_factor": (0.5, 1.0, 1.5),
    "packing_share": (0.2, 0.5, 0.8),
    "moisture_factor": (0.0, 1.0, 2.0),
}
_LIMITS = {
    "albedo_factor": (0.0, 5.0),
    "snow_albedo": (0.0, 1.0),
    "emissivity": (0.0, 1.0),
    "film_factor": (0.0, 20.0),
    "conductivity_factor": (0.05, 20.0),
    "longwave_offset_W_m2": (-200.0, 200.0),
    "initial_ground_offset_K": (-30.0, 30.0),
    "drainage_per_h": (0.0, 1e3),
    "wear_factor": (0.0, 100.0),
    "packing_share": (0.0, 1.0),
    "moisture_factor": (0.0, 6.0),
}


@dataclass(frozen=True)
class RoadShade:
    """When the sun reaches each road, where the horizon is known (see `shading`).

    Attributes:
        lit: Share of the direct sun that reaches the road at each instant, 0 to 1, [n, hours].
        direct_share: Share of the shortwave that is direct, [members, hours] or one number.
        wall_albedo: Walls in place of the sky reflect this share of the shortwave [n]; 0.2 (Oke et
            al. 2017, Urban Climates, table 5.1).
    """

    lit: npt.ArrayLike
    direct_share: npt.ArrayLike
    wall_albedo: npt.ArrayLike = 0.2


@dataclass(frozen=True)
class RoadReadings:
    """What sensors in the roads said, and what it teaches.

    While readings go on, the surface is tied to them by 500 W/m²K, which settles the ground below
    to the measured state, and the heat that this takes is averaged with a memory of 3 h: the flux
    that the forcing lacks. Once they end, `gain` of it is added to the surface and fades with a
    time constant of 4 h, as RoadSurf's coupling of the radiation does.

    Attributes:
        surface_temperature_C: Readings [n, hours], NaN where there are none [°C]; an hour is tied
            to them where both of its ends are known.
        gain: Share of the lacking flux carried on, 0 to 1.
        lacking_W_m2: A flux learnt elsewhere, such as a neighbour's, weighted (see `coupling`):
            at the start [n, members], or hour by hour [n, members, hours], each for the hour that
            ends at the index; NaN from where on it is to fade or to follow from the readings.
    """

    surface_temperature_C: npt.ArrayLike
    gain: float = 1.0
    lacking_W_m2: npt.ArrayLike = 0.0


@dataclass(frozen=True)
class RoadHistory:
    """What the roads went through; float32 [n, members, hours - first_output].

    Attributes:
        surface_temperature_C: Road surface [°C].
        water_mm, snow_mm, ice_mm, frost_mm: Stores, as water [mm].
        salt_g_m2: Salt left on the road [g/m²].
        energy_residual: |heat gained - heat put in| over all heat exchanged, [n, members].
        water_residual_mm: Water that the budget cannot account for [mm], [n, members].
        lacking_W_m2: Heat that the forcing lacked by the readings at the end of each hour [W/m²],
            [n, members, hours - first_output]; 0 where there were none.
    """

    surface_temperature_C: npt.NDArray[np.float32]
    water_mm: npt.NDArray[np.float32]
    snow_mm: npt.NDArray[np.float32]
    ice_mm: npt.NDArray[np.float32]
    frost_mm: npt.NDArray[np.float32]
    salt_g_m2: npt.NDArray[np.float32]
    energy_residual: FloatArray
    water_residual_mm: FloatArray
    lacking_W_m2: FloatArray


def rain_share(
    air_temperature_C: npt.ArrayLike, relative_humidity_pct: npt.ArrayLike
) -> FloatArray:
    """Share of precipitation that falls as rain: 1/(1 + exp(22 - 2.7 T - 0.2 RH)).

    References:
        Koistinen & Saltikoff (1998), COST 75 seminar, as used by RoadSurf (Karsisto et al. 2024,
        Geosci. Model Dev. 17, 4837-4853, doi:10.5194/gmd-17-4837-2024).

    >>> [round(float(rain_share(t, 90.0)), 2) for t in (-2.0, 1.5, 5.0)]
    [0.0, 0.51, 1.0]
    """
    power = 22.0 - 2.7 * floats(air_temperature_C) - 0.2 * floats(relative_humidity_pct)
    return 1.0 / (1.0 + np.exp(np.clip(power, -60.0, 60.0)))


def simulate_roads(
    columns: RoadColumns,
    forcing: RoadForcing,
    parameters: RoadParameters,
    *,
    shade: RoadShade | None = None,
    salt_g_m2: npt.ArrayLike = 0.0,
    readings: RoadReadings | None = None,
    first_output: int = 0,
    step_s: float = 60.0,
) -> RoadHistory:
    """Surface temperature and stores of every road under every member.

    The ground starts between the running mean of the air temperature at the surface (the mean of
    the first 24 spin-up hours, or of all hours if there are fewer) and the deep temperature at
    2 m, blended with the daily damping depth; a deck starts at the running mean throughout.
    Moisture in ground below 0 °C starts frozen.

    Args:
        columns: The roads [n].
        forcing: The weather [members, hours], at least two hours.
        parameters: Uncertain physics [members].
        shade: When the sun reaches each road; None sees it in the share of the sky.
        salt_g_m2: Dry NaCl spread at the start of the hour that ends at the index [g/m²],
            [n, hours]. It dissolves in what water there is, leaves with it, and lowers the
            temperature at which it freezes.
        readings: Of sensors in the roads.
        first_output: Index of the first hour kept; those before settle the ground (48 h or more).
        step_s: Time step [s], 10 to 600; rounded to a whole number of steps an hour. Conduction
            and surface are solved together by backward Euler, which no step makes unstable.

    Returns:
        RoadHistory. The same bytes whatever the number of threads and the order of the roads.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`,
            `physics.bad-layer`, `physics.diverged`.

    Validity: -40 to 60 °C; snow neither insulates the road nor drifts; salt is NaCl.

    References:
        Crevier & Delage (2001), J. Appl. Meteorol. 40, 2026-2037 (METRo); Karsisto et al. (2024),
        Geosci. Model Dev. 17, 4837-4853, doi:10.5194/gmd-17-4837-2024 (RoadSurf); Campbell
        (1985), Soil Physics with BASIC, Elsevier (stability).
    """
    members, hours = rows("air_temperature_C", forcing.air_temperature_C)
    checked("first_output", first_output, (), lower=0, upper=hours - 1)
    checked("step_s", step_s, (), lower=10.0, upper=600.0)
    n = int(np.size(columns.bridge))
    weather = _weather(forcing, members, hours)
    profile = checked("traffic_profile", forcing.traffic_profile, (hours,), lower=0, upper=1)
    settle = max(1, min(first_output, 24) if first_output else min(hours, 24))
    start = weather[:, :settle, 0].mean(axis=1)
    deep = weather[:, : max(first_output, settle), 0].mean(axis=1)[:, None].repeat(hours, axis=1)
    if forcing.deep_temperature_C is not None:
        given = floats(forcing.deep_temperature_C)
        given = given[:, None] if given.ndim == 1 else given
        deep = checked("deep_temperature_C", given, (members, hours), lower=-40, upper=60)
    uncertain = np.stack(
        [
            checked(name, getattr(parameters, name), (members,), lower=lower, upper=upper)
            for name, (lower, upper) in _LIMITS.items()
        ],
        axis=1,
    )
    table, grid = _road_tables(columns, n)
    lit, direct = _sunlight(shade, table, members, hours)
    held, gain, lacking = _held(readings, n, members, hours)
    listening = readings is not None
    doses = checked("salt_g_m2", salt_g_m2, (n, hours), lower=0, upper=1000)
    history = np.empty((6, n, members, hours - first_output), np.float32)
    residual = np.empty((2, n, members))
    steps_per_hour = max(1, round(3600.0 / step_s))
    # read-only views would be another type to the compiler, and compile the kernel again
    numbers = (
        table, grid, uncertain, weather, direct, lit, profile, start, deep, doses, held, lacking,
    )  # fmt: skip
    own = [part if part.flags.writeable else part.copy() for part in numbers]
    scalars = (gain, steps_per_hour, first_output)
    run: Callable[..., None] = road_blocks
    run(*own, *scalars, history, residual)
    if not np.isfinite(history[0, :, :, -1]).all():
        road, member = np.argwhere(~np.isfinite(history[0, :, :, -1]))[0]
        raise LingjingError(
            "physics.diverged", Place(field="surface_temperature_C"), column=int(road),
            member=int(member),
        )  # fmt: skip
    surface, water, snow, ice, frost, salt = history
    lacked = own[-1][:, :, first_output:] if listening else np.broadcast_to(0.0, surface.shape)
    return RoadHistory(surface, water, snow, ice, frost, salt, residual[0], residual[1], lacked)


def _sunlight(
    shade: RoadShade | None, table: FloatArray, members: int, hours: int
) -> tuple[FloatArray, FloatArray]:
    """Lit share [n, hours] and direct share [members, hours]; walls' albedo goes into the table."""
    n = table.shape[0]
    if shade is None:
        return np.full((n, hours), _NO_HORIZON), np.zeros((members, hours))
    table[:, 5] = checked("wall_albedo", shade.wall_albedo, (n,), lower=0, upper=1)
    lit = checked("lit", shade.lit, (n, hours), lower=0, upper=1)
    return lit, checked("direct_share", shade.direct_share, (members, hours), lower=0, upper=1)


def _held(
    readings: RoadReadings | None, n: int, members: int, hours: int
) -> tuple[FloatArray, float, FloatArray]:
    """Readings [n, hours] with NaN for none, the gain, and the lacking flux that is known.

    The flux is [n, members, hours] where there are readings, else one number for each column.
    """
    if readings is None:
        return np.full((n, hours), np.nan), 0.0, np.zeros((n, members, 1))
    given = floats(readings.surface_temperature_C)
    known = np.isfinite(given)
    name = "readings"
    checked(name, np.where(known, given, 0.0), (n, hours), lower=-60, upper=90)
    gain = float(checked("gain", readings.gain, (), lower=0, upper=1).item())
    whole = np.broadcast_to(np.where(known, given, np.nan), (n, hours))
    held = _straightened(np.ascontiguousarray(whole))
    lacking = np.full((n, members, hours), np.nan)
    told = floats(readings.lacking_W_m2)
    name = "lacking_W_m2"
    if told.ndim < 3:
        lacking[:, :, 0] = checked(name, told, (n, members), lower=-500, upper=500)
    else:
        heard = np.isfinite(told)
        checked(name, np.where(heard, told, 0.0), (n, members, hours), lower=-500, upper=500)
        lacking[:] = np.where(heard, told, np.nan)
    return held, gain, lacking


def _straightened(readings: FloatArray) -> FloatArray:
    """Ends of straight lines that have the hourly means of the curve through readings [n, hours].

    A straight line between hours runs above a hollow and below a crest; held to it, the surface
    would show a lacking flux each morning and evening that is none.
    """
    out = readings.copy()
    bend = readings[:, 2:] - 2.0 * readings[:, 1:-1] + readings[:, :-2]
    out[:, 1:-1] -= np.where(np.isfinite(bend), np.clip(bend, -3.0, 3.0), 0.0) / 12.0
    return out


def _weather(forcing: RoadForcing, members: int, hours: int) -> FloatArray:
    """Checked forcings [members, hours, 7] in the order the kernel reads."""
    shape = (members, hours)
    air = checked("air_temperature_C", forcing.air_temperature_C, shape, lower=-80, upper=60)
    dew = checked("dew_point_C", forcing.dew_point_C, shape, lower=-90, upper=45)
    wind = checked("wind_speed_m_s", forcing.wind_speed_m_s, shape, lower=0, upper=120)
    sun = checked("shortwave_down_W_m2", forcing.shortwave_down_W_m2, shape, lower=0, upper=1500)
    sky = checked("longwave_down_W_m2", forcing.longwave_down_W_m2, shape, lower=20, upper=700)
    rain = checked("precipitation_mm_h", forcing.precipitation_mm_h, shape, lower=0, upper=500)
    vapour = saturation_vapour_pressure_hPa(np.minimum(dew, air))
    mixing = 0.622 * vapour / (1013.25 - vapour)
    humidity = 100.0 * vapour / saturation_vapour_pressure_hPa(air)
    liquid = rain_share(air, humidity)
    liquid[:, 1:] = 0.5 * (liquid[:, 1:] + liquid[:, :-1])
    return np.ascontiguousarray(np.stack([air, mixing, wind, sun, sky, rain, liquid], axis=2))


def _road_tables(columns: RoadColumns, n: int) -> tuple[FloatArray, FloatArray]:
    """Per-road numbers [n, 6] and grids [n, 4, NODES], in the order the kernel reads."""
    builds = columns.builds
    bridge = checked("bridge", floats(columns.bridge), (n,), lower=0, upper=1)
    code = checked(
        "surface_material", columns.surface_material, (n,), lower=0, upper=len(builds) - 1
    )
    view = checked("sky_view_factor", columns.sky_view_factor, (n,), lower=0, upper=1)
    traffic = checked("traffic_per_day", columns.traffic_per_day, (n,), lower=0, upper=1e6)
    deck = checked("deck_thickness_m", columns.deck_thickness_m, (n,), lower=0, upper=10)
    if bridge.any():
        checked("deck_thickness_m", deck[bridge > 0], (int(bridge.sum()),), lower=0.05, upper=10)
    grid = np.empty((n, 4, NODES))
    albedo = np.empty(n)
    known: dict[tuple[float, float, float], FloatArray] = {}
    for road in range(n):
        build = builds[int(code[road])]
        albedo[road] = build.albedo
        key = (bridge[road], code[road], deck[road] if bridge[road] else 0.0)
        if key not in known:
            layers = build.deck if bridge[road] else build.ground
            known[key] = column_grid(layers, deck[road] if bridge[road] else None)
        grid[road] = known[key]
    moist = (grid[:, 3] > 0.0) & (np.arange(NODES) > 0)
    first = np.where(moist.any(axis=1), moist.argmax(axis=1), NODES).astype(np.float64)
    return np.stack([bridge, albedo, view, traffic, first, np.zeros(n)], axis=1), grid
