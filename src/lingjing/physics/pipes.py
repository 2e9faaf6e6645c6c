"""Water pipes, risers, meters, valves and taps in changing weather: cooling, ice, plug, burst.

The water and the wall of a pipe are one lump that follows the air around through wall, insulation
(as far as it is sound) and film, warmed by the sun where it shines on them. Below 0 °C it
supercools until ice forms at once (dendrites), then ice grows inward from the wall as a
quasi-steady annulus, closes the bore, and melts from the wall when it turns warm. Water shut in
between plug and closed tap goes on freezing and cracks the wall; it shows as a burst when the plug
thaws. Cooling and melting over an hour are exact solutions for air that changes linearly; only icy
hours take sub-steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import FloatArray, checked, rows, stacked
from lingjing.physics.pipe_kernel import pipe_members
from lingjing.physics.sampling import latin_hypercube, triangular


@dataclass(frozen=True)
class PipeColumns:
    """The pipes of a computation; every array has the shape [n].

    Attributes:
        inner_diameter_m: Bore [m].
        wall_thickness_m: Wall [m].
        wall_conductivity_W_mK: Conductivity of the wall [W/mK].
        wall_heat_capacity_J_m3K: Heat capacity of the wall [J/m³K].
        insulation_thickness_m: Insulation around it [m]; 0 for a bare pipe.
        insulation_conductivity_W_mK: Conductivity of the insulation [W/mK].
        supply_temperature_C: Water that use brings in [°C].
        wind_exposure: Share of the wind that reaches the pipe, 0 to 1.
        enclosure_lag_h: Time constant [h] with which the air around the pipe (box, stairwell,
            room) follows the outside air; 0 outdoors.
        renewal_factor: How much the household use profile flushes this pipe, 0 to 1.
        burst_share: Share of the water confined behind a plug that must freeze before the wall
            fails, see `materials.burst_share`.
        insulation_soundness: Share of the surface that sound insulation covers, 0 to 1; the rest
            is bare (torn, soaked, open at joints and fittings). The pipe's wall is taken to even
            out gaps of some centimetres; a longer bare stretch is a bare pipe of its own.
        sun_exposure: Irradiance on the pipe as a share of global horizontal shortwave, 0 to 2; 0
            in the shade or behind a door. A façade without known bearing sees about half.
        drip_L_h: Water let run [L/h]. It brings `supply_temperature_C`, and the open tap lets no
            pressure build up, so that a dripping pipe does not crack.
        exposed_length_m: Length of cold pipe [m] that the drip runs through; not used without.
        confined_ratio: Volume shut in between plug and closed tap over the volume of it that
            stands in the cold, at least 1. Water that cannot freeze takes up pressure: a stub
            outdoors (1) cracks soon, a meter with metres of pipe in a warm flat behind it late or
            never.
    """

    inner_diameter_m: npt.ArrayLike
    wall_thickness_m: npt.ArrayLike
    wall_conductivity_W_mK: npt.ArrayLike
    wall_heat_capacity_J_m3K: npt.ArrayLike
    insulation_thickness_m: npt.ArrayLike
    insulation_conductivity_W_mK: npt.ArrayLike
    supply_temperature_C: npt.ArrayLike
    wind_exposure: npt.ArrayLike
    enclosure_lag_h: npt.ArrayLike
    renewal_factor: npt.ArrayLike
    burst_share: npt.ArrayLike = 0.165
    insulation_soundness: npt.ArrayLike = 1.0
    sun_exposure: npt.ArrayLike = 0.0
    drip_L_h: npt.ArrayLike = 0.0
    exposed_length_m: npt.ArrayLike = 1.0
    confined_ratio: npt.ArrayLike = 1.0


@dataclass(frozen=True)
class PipeForcing:
    """Hourly weather of every member, spin-up included.

    Attributes:
        air_temperature_C: Outside air [members, hours] [°C], instantaneous, linear in between.
        wind_speed_m_s: Wind [members, hours] [m/s]; the mean of an hour's two ends acts over it.
        use_profile: Renewals of a pipe's water per hour by household use [hours]; entry h acts
            over the hour that ends at index h.
        shortwave_down_W_m2: Global shortwave [members, hours] [W/m²], instantaneous, linear in
            between; None for no sun.
    """

    air_temperature_C: npt.ArrayLike
    wind_speed_m_s: npt.ArrayLike
    use_profile: npt.ArrayLike
    shortwave_down_W_m2: npt.ArrayLike | None = None


@dataclass(frozen=True)
class PipeParameters:
    """Uncertain physics, one value a member; every array has the shape [members].

    The ranges are triangular: low, central, high.

    Attributes:
        film_factor: Multiplies the film coefficient; 0.7, 1, 1.4 (shape, sheltering: the ±30 %
            of `film`).
        nucleation_supercooling_K: Supercooling at which ice forms [K]; 1, 4, 7 (Gilpin 1977, Int.
            J. Heat Mass Transfer 20, 693-699, saw 4 to 6 in clean still pipes; dirt and vibration
            lower it).
        enclosure_factor: Multiplies the enclosure's time constant; 0.5, 1, 2 (assumed).
        burst_factor: Multiplies `burst_share`; 0.3, 1, 3 (state of joints, trapped air and soft
            hoses; assumed).
        solar_absorptance: Share of sunlight that the surface takes up; 0.3, 0.6, 0.9 (handbook:
            bright zinc or aluminium foil to weathered steel or dark foam).
    """

    film_factor: FloatArray
    nucleation_supercooling_K: FloatArray
    enclosure_factor: FloatArray
    burst_factor: FloatArray
    solar_absorptance: FloatArray

    @classmethod
    def central(cls, members: int) -> PipeParameters:
        """Best estimates, the same for every member."""
        return cls(*(np.full(members, mode) for _, mode, _ in _RANGES.values()))

    @classmethod
    def sampled(cls, members: int, rng: np.random.Generator) -> PipeParameters:
        """Latin-hypercube samples of the triangular ranges given with each attribute."""
        share = latin_hypercube(members, len(_RANGES), rng)
        return cls(
            *(triangular(row, *span) for row, span in zip(share, _RANGES.values(), strict=True))
        )


_RANGES = {
    "film_factor": (0.7, 1.0, 1.4),
    "nucleation_supercooling_K": (1.0, 4.0, 7.0),
    "enclosure_factor": (0.5, 1.0, 2.0),
    "burst_factor": (0.3, 1.0, 3.0),
    "solar_absorptance": (0.3, 0.6, 0.9),
}
_PARAMETER_LIMITS = {
    "film_factor": (0.05, 20.0),
    "nucleation_supercooling_K": (0.0, 40.0),
    "enclosure_factor": (0.0, 50.0),
    "burst_factor": (0.0, 1e3),
    "solar_absorptance": (0.0, 1.0),
}
_COLUMN_LIMITS = {
    "inner_diameter_m": (1e-3, 5.0),
    "wall_thickness_m": (1e-5, 0.5),
    "wall_conductivity_W_mK": (1e-3, 1e3),
    "wall_heat_capacity_J_m3K": (1e4, 1e8),
    "insulation_thickness_m": (0.0, 2.0),
    "insulation_conductivity_W_mK": (1e-3, 10.0),
    "supply_temperature_C": (0.0, 60.0),
    "wind_exposure": (0.0, 1.0),
    "enclosure_lag_h": (0.0, 1e4),
    "renewal_factor": (0.0, 1.0),
    "burst_share": (0.0, 1.0),
    "insulation_soundness": (0.0, 1.0),
    "sun_exposure": (0.0, 2.0),
    "drip_L_h": (0.0, 1e5),
    "exposed_length_m": (1e-2, 1e4),
    "confined_ratio": (1.0, 1e6),
}


@dataclass(frozen=True)
class PipeHistory:
    """What the pipes went through.

    Attributes:
        water_temperature_C: Mixed water (or ice) temperature, float32
            [n, members, hours - first_output] [°C].
        ice_fraction: Share of the bore that is ice, same shape, 0 to 1.
        freezing_hour: Hours after index `first_output` when the first ice formed, float32
            [n, members]; NaN = never; negative = during spin-up.
        plugged_hour: When the bore first closed.
        cracked_hour: When the pressure between plug and closed tap first passed what the pipe
            bears. Nothing shows yet.
        burst_hour: When a cracked pipe first shows: its plug has thawed and water runs.
    """

    water_temperature_C: npt.NDArray[np.float32]
    ice_fraction: npt.NDArray[np.float32]
    freezing_hour: npt.NDArray[np.float32]
    plugged_hour: npt.NDArray[np.float32]
    cracked_hour: npt.NDArray[np.float32]
    burst_hour: npt.NDArray[np.float32]


def simulate_pipes(
    columns: PipeColumns,
    forcing: PipeForcing,
    parameters: PipeParameters,
    *,
    first_output: int = 0,
) -> PipeHistory:
    """Cooling, freezing, plugging, thawing and bursting of every pipe under every member.

    Water starts at the supply temperature, the air of an enclosure at the outside air of index 0;
    give spin-up hours (`first_output`) of a few enclosure lags.

    Args:
        columns: The pipes [n].
        forcing: The weather [members, hours], at least two hours.
        parameters: Uncertain physics [members].
        first_output: Index of the first hour kept.

    Returns:
        PipeHistory. The same bytes whatever the number of threads.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    Validity: single pipes 5 to 300 mm, water at rest or flushed; not for pipes in moving ground.
    Against a radial heat-conduction model the time to the plug agrees within 2 %. Left out: heat
    along the pipe, and the night sky, which may hold a bare pipe outdoors below the air.

    References:
        Akyurt, Zaki & Habeebullah (2002), Energy Convers. Manage. 43, 1773-1789,
        doi:10.1016/S0196-8904(01)00129-7; Gordon (1996), University of Illinois.
    """
    members, hours = rows("air_temperature_C", forcing.air_temperature_C)
    n = int(np.size(columns.inner_diameter_m))
    checked("first_output", first_output, (), lower=0, upper=hours - 1)
    air = checked(
        "air_temperature_C", forcing.air_temperature_C, (members, hours), lower=-80, upper=60
    )
    wind = checked("wind_speed_m_s", forcing.wind_speed_m_s, (members, hours), lower=0, upper=120)
    use = checked("use_profile", forcing.use_profile, (hours,), lower=0, upper=1e4)
    sun = np.zeros((members, hours))
    if forcing.shortwave_down_W_m2 is not None:
        sun = checked(
            "shortwave_down_W_m2",
            forcing.shortwave_down_W_m2,
            (members, hours),
            lower=0,
            upper=1500,
        )
    table = stacked(columns, _COLUMN_LIMITS, n)
    uncertain = stacked(parameters, _PARAMETER_LIMITS, members)
    kept = hours - first_output
    temperature = np.empty((n, members, kept), np.float32)
    ice = np.empty((n, members, kept), np.float32)
    events = np.full((4, n, members), np.nan, np.float32)
    pipe_members(table, uncertain, air, wind, sun, use, first_output, temperature, ice, events)
    return PipeHistory(temperature, ice, *events)
