"""Water: pipes, risers, meter boxes, valves and taps; when they freeze, plug and burst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.physics.materials import PIPE_MATERIALS, burst_share
from lingjing.physics.pipes import (
    PipeColumns,
    PipeForcing,
    PipeHistory,
    PipeParameters,
    simulate_pipes,
)
from lingjing.scenarios.coldwave.blocks import (
    BUDGET_BYTES,
    Columns,
    Parts,
    Reducer,
    Report,
    at_instants,
    local_hours,
    outcomes_of,
    over_blocks,
)
from lingjing.scenarios.coldwave.sensed_water import (
    SensedWater,
    listen_to_water,
    measured_supply,
    simulate_sensed,
)
from lingjing.scenarios.coldwave.sensors import Hearing
from lingjing.scenarios.coldwave.situations import distinguish
from lingjing.sdk import Outcome, Outlook, TwinView

PIPE_KINDS: Final = ("WaterPipe", "Riser", "MeterBox", "Valve", "Tap")


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is taken for an asset whose record says nothing: the plain old fitting of its kind."""

    material: str
    location: str
    inner_diameter_mm: float
    wall_thickness_mm: float


ASSUMED: Final = {
    "WaterPipe": Assumed("galvanised_steel", "outdoor", 50.0, 3.5),
    "Riser": Assumed("galvanised_steel", "facade", 40.0, 3.5),
    "MeterBox": Assumed("galvanised_steel", "stairwell", 15.0, 2.75),
    "Valve": Assumed("brass", "outdoor", 25.0, 3.0),
    "Tap": Assumed("brass", "outdoor", 15.0, 2.75),
}
INSULATION_CONDUCTIVITY_W_MK: Final = 0.036
SUPPLY_TEMPERATURE_C: Final = 5.0  # mains water of a Shanghai cold wave; start of the pipe table

# Where it stands → share of the free wind, lag of its air behind the outside air [h], and share of
# the global irradiance that falls on it; assumptions of ours, for inventories that give the place
# only. Façades of unknown bearing see about half the sun, and yards lie in the houses' shade.
LOCATIONS: Final = {
    "outdoor": (1.0, 0.0, 0.5),
    "facade": (0.7, 0.0, 0.5),
    "roof": (1.0, 0.0, 1.0),
    "semi_open_corridor": (0.4, 1.0, 0.0),
    "stairwell": (0.1, 4.0, 0.0),
    "ground_box": (0.1, 3.0, 0.0),
    "unheated_room": (0.0, 10.0, 0.0),
    "buried": (0.0, 72.0, 0.0),
}

# Renewals of a riser's water per hour by local hour: next to none while the house sleeps (23 to 5;
# a few short draws in all), peaks at breakfast and in the evening.
# A riser of 20 m DN40 for 12 households at 300 L a day is flushed about six times an hour by day.
# The shape is common, the numbers are an assumption of ours.
RENEWALS_BY_HOUR: Final = np.concatenate(
    [
        [0.4, 0.4, 0.4, 0.4, 0.4, 2.0, 8.0, 12.0, 10.0, 7.0, 6.0, 7.0],
        [8.0, 6.0, 5.0, 5.0, 6.0, 9.0, 12.0, 12.0, 10.0, 8.0, 4.0, 0.4],
    ]
)

# How much of it flushes each kind: a side branch stands longer, an outdoor tap is shut in winter.
RENEWAL_FACTOR: Final = {
    "WaterPipe": 0.5,
    "Riser": 1.0,
    "MeterBox": 0.5,
    "Valve": 0.3,
    "Tap": 0.0,
}

# Volume between a plug and the closed taps behind it over the part of it in the cold: a yard tap
# stands there whole, behind a meter lie some metres of pipe in a warm flat. Assumptions of ours.
CONFINED_RATIO: Final = {
    "WaterPipe": 1.5,
    "Riser": 2.0,
    "MeterBox": 4.0,
    "Valve": 2.0,
    "Tap": 1.0,
}

MATERIALS: Final = tuple(PIPE_MATERIALS)

STEPS: Final = {
    "inner_diameter_mm": 0.5,
    "wall_thickness_mm": 0.25,
    "material": 1.0,
    "insulation_thickness_mm": 1.0,
    "insulation_conductivity_W_mK": 0.001,
    "supply_temperature_C": 0.5,
    "wind_exposure": 0.05,
    "enclosure_lag_h": 0.5,
    "insulation_soundness": 0.05,
    "sun_exposure": 0.1,
    "drip_L_h": 0.5,
    "exposed_length_m": 1.0,
}
DRIP_LENGTH_M: Final = 1.0  # through which a drip runs where the record gives no length


def location_of(view: TwinView) -> NDArray[np.object_]:
    """Where each asset stands [n], assumed by kind where its record is silent."""
    default = ASSUMED[view.kind].location if view.kind in ASSUMED else "roof"
    return view.text("location", default)


def surroundings(view: TwinView) -> dict[str, NDArray[np.float64]]:
    """Wind exposure and enclosure lag [n], by location where the record is silent."""
    exposure = _by_location(view)
    wind, lag = view.number("wind_exposure"), view.number("enclosure_lag")
    return {
        "wind_exposure": np.where(np.isnan(wind), exposure[:, 0], wind),
        "enclosure_lag_h": np.where(np.isnan(lag), exposure[:, 1], lag),
    }


def _by_location(view: TwinView) -> NDArray[np.float64]:
    """Share of wind, lag [h] and share of sun [n, 3] that the location implies."""
    return np.array([LOCATIONS[item] for item in location_of(view)]).reshape(-1, 3)


def insulation(view: TwinView) -> dict[str, NDArray[np.float64]]:
    """Insulation and supply temperature [n]; unknown insulation counts as none."""
    return {
        "insulation_thickness_mm": view.number("insulation_thickness", 0.0),
        "insulation_conductivity_W_mK": view.number(
            "insulation_conductivity", INSULATION_CONDUCTIVITY_W_MK
        ),
        "supply_temperature_C": view.number("supply_temperature", SUPPLY_TEMPERATURE_C),
    }


def parameters_of_water(view: TwinView) -> Columns:
    """What tells the assets of a pipe kind apart [n]."""
    assumed = ASSUMED[view.kind]
    material = view.text("material", assumed.material)
    return {
        "inner_diameter_mm": view.number("inner_diameter", assumed.inner_diameter_mm),
        "wall_thickness_mm": view.number("wall_thickness", assumed.wall_thickness_mm),
        "material": np.array([MATERIALS.index(item) for item in material], dtype=np.float64),
        **insulation(view),
        **surroundings(view),
        "insulation_soundness": view.number("insulation_soundness", 1.0),
        "sun_exposure": _by_location(view)[:, 2],
        **dripping(view),
    }


def dripping(view: TwinView) -> dict[str, NDArray[np.float64]]:
    """Water let run [n], and the pipe it runs through, which is told apart only where it does."""
    flow = view.number("drip_flow", 0.0)
    length = np.maximum(view.number("length", DRIP_LENGTH_M), STEPS["exposed_length_m"])
    return {
        "drip_L_h": flow,
        "exposed_length_m": np.where(flow > 0.0, length, DRIP_LENGTH_M),
    }


def foresee_water(
    view: TwinView,
    outlook: Outlook,
    *,
    rng: np.random.Generator,
    report: Report,
    budget_bytes: int = BUDGET_BYTES,
    hearing: Hearing | None = None,
) -> tuple[Outcome, ...]:
    """All outcomes of one pipe kind; arguments as in `foresee_roads`."""
    if not len(view):
        return ()
    hearing = hearing or Hearing(())
    columns = parameters_of_water(view)
    columns["supply_temperature_C"] = measured_supply(
        view, outlook, columns["supply_temperature_C"], hearing
    )
    parameters = PipeParameters.sampled(outlook.members, rng)
    forcing = PipeForcing(
        air_temperature_C=outlook.forcings["air_temperature"],
        wind_speed_m_s=outlook.forcings["wind_speed"],
        use_profile=RENEWALS_BY_HOUR[local_hours(outlook.times)],
        shortwave_down_W_m2=at_instants(outlook.forcings["shortwave_down"]),
    )
    heard = listen_to_water(
        view, outlook, (forcing, parameters), (columns, STEPS), columns_of, hearing, rng
    )
    situations, sensed = heard if heard is not None else (distinguish(columns, STEPS), None)
    shared = (forcing, parameters, outlook.spin_up_hours, view.kind, sensed)
    blocks = over_blocks(_block, shared, situations, outlook, 5, budget_bytes, report)
    return outcomes_of(view.kind, view.ids, situations.index, blocks)


def _block(
    shared: tuple[PipeForcing, PipeParameters, int, str, SensedWater | None], block: Columns
) -> Parts:
    """The outcomes of one block of situations."""
    forcing, parameters, first_output, kind, sensed = shared
    reducer = Reducer()
    if sensed is None:
        columns = columns_of(kind, block)
        history = simulate_pipes(columns, forcing, parameters, first_output=first_output)
        _collect(reducer, history)
        return reducer.parts
    history, gain = simulate_sensed(
        kind, block, forcing, parameters, sensed, columns_of, first_output
    )
    _collect(reducer, history)
    reducer.sensor_gain(gain)
    return reducer.parts


def columns_of(kind: str, block: Columns) -> PipeColumns:
    """The physics' columns for situations of a kind."""
    names = [MATERIALS[int(item)] for item in block["material"]]
    bore, wall = block["inner_diameter_mm"] / 1000.0, block["wall_thickness_mm"] / 1000.0
    walls = [PIPE_MATERIALS[name] for name in names]
    shares = [
        float(burst_share(diameter, thickness, name))
        for diameter, thickness, name in zip(bore, wall, names, strict=True)
    ]
    return PipeColumns(
        inner_diameter_m=bore,
        wall_thickness_m=wall,
        wall_conductivity_W_mK=np.array([item.conductivity_W_mK for item in walls]),
        wall_heat_capacity_J_m3K=np.array([item.heat_capacity_J_m3K for item in walls]),
        insulation_thickness_m=block["insulation_thickness_mm"] / 1000.0,
        insulation_conductivity_W_mK=block["insulation_conductivity_W_mK"],
        supply_temperature_C=block["supply_temperature_C"],
        wind_exposure=block["wind_exposure"],
        enclosure_lag_h=block["enclosure_lag_h"],
        renewal_factor=np.full(bore.size, RENEWAL_FACTOR[kind]),
        burst_share=np.array(shares),
        insulation_soundness=block["insulation_soundness"],
        sun_exposure=block["sun_exposure"],
        confined_ratio=np.full(bore.size, CONFINED_RATIO[kind]),
        drip_L_h=block["drip_L_h"],
        exposed_length_m=block["exposed_length_m"],
    )


def _collect(reducer: Reducer, history: PipeHistory) -> None:
    """Events that began in the spin-up hold from the window's first hour.

    `cracked` is the damage itself: the pressure between plug and closed tap passed what the wall
    bears. `burst` is when it shows: the plug has thawed, often after the window.
    """
    hours = history.ice_fraction.shape[2]
    reducer.state("water_temperature", history.water_temperature_C, "lowest")
    reducer.state("ice_fraction", history.ice_fraction, "highest")
    reducer.event_at("freezing", np.maximum(history.freezing_hour, 0.0), hours)
    reducer.event_at("plugged", np.maximum(history.plugged_hour, 0.0), hours)
    reducer.event_at("cracked", np.maximum(history.cracked_hour, 0.0), hours)
    reducer.event_at("burst", np.maximum(history.burst_hour, 0.0), hours)
