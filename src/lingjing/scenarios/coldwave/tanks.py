"""Tanks on roofs and in yards: water temperature and ice."""

from __future__ import annotations

from typing import Final

import numpy as np

from lingjing.physics.materials import PIPE_MATERIALS
from lingjing.physics.tanks import TankColumns, TankForcing, TankParameters, simulate_tanks
from lingjing.scenarios.coldwave.blocks import (
    BUDGET_BYTES,
    Columns,
    Parts,
    Reducer,
    Report,
    local_hours,
    outcomes_of,
    over_blocks,
)
from lingjing.scenarios.coldwave.sensed_water import measured_supply
from lingjing.scenarios.coldwave.sensors import Hearing
from lingjing.scenarios.coldwave.situations import distinguish
from lingjing.scenarios.coldwave.water import (
    MATERIALS,
    RENEWALS_BY_HOUR,
    insulation,
    surroundings,
)
from lingjing.scenarios.coldwave.water import STEPS as WATER_STEPS
from lingjing.sdk import Outcome, Outlook, TwinView

VOLUME_M3: Final = 12.0
WATER_DEPTH_M: Final = 1.5
CONCRETE_WALL_MM: Final = 120.0  # cast roof tanks of the old estates
SHEET_WALL_MM: Final = 2.0
USE_M3_PER_HOUSEHOLD_DAY: Final = 0.3  # domestic design demand, some 125 L a person and day
TURNOVER_PER_DAY: Final = (0.2, 4.0)  # the range taken, whatever the households say

STEPS: Final = {
    "volume_m3": 1.0,
    "water_depth_m": 0.1,
    "material": 1.0,
    "turnover_per_day": 0.2,
    **{
        name: WATER_STEPS[name]
        for name in (
            "insulation_thickness_mm",
            "insulation_conductivity_W_mK",
            "supply_temperature_C",
            "wind_exposure",
            "enclosure_lag_h",
        )
    },
}


def parameters_of_tanks(view: TwinView) -> Columns:
    """What tells tanks apart [n]. None recorded as households count as a turnover of one a day."""
    volume = np.maximum(view.number("volume", VOLUME_M3), STEPS["volume_m3"])
    households = view.number("households")
    turnover = np.where(np.isnan(households), 1.0, households * USE_M3_PER_HOUSEHOLD_DAY / volume)
    material = view.text("material", "stainless_steel")
    return {
        "volume_m3": volume,
        "water_depth_m": np.maximum(
            view.number("water_depth", WATER_DEPTH_M), STEPS["water_depth_m"]
        ),
        "material": np.array([MATERIALS.index(item) for item in material], dtype=np.float64),
        "turnover_per_day": np.clip(turnover, *TURNOVER_PER_DAY),
        **insulation(view),
        **surroundings(view),
    }


def foresee_tanks(
    view: TwinView,
    outlook: Outlook,
    *,
    rng: np.random.Generator,
    report: Report,
    budget_bytes: int = BUDGET_BYTES,
    hearing: Hearing | None = None,
) -> tuple[Outcome, ...]:
    """All outcomes of the tanks; arguments as in `foresee_roads`."""
    if not len(view):
        return ()
    columns = parameters_of_tanks(view)
    columns["supply_temperature_C"] = measured_supply(
        view, outlook, columns["supply_temperature_C"], hearing or Hearing(())
    )
    situations = distinguish(columns, STEPS)
    parameters = TankParameters.sampled(outlook.members, rng)
    forcing = TankForcing(
        air_temperature_C=outlook.forcings["air_temperature"],
        wind_speed_m_s=outlook.forcings["wind_speed"],
        use_profile=(RENEWALS_BY_HOUR / RENEWALS_BY_HOUR.sum())[local_hours(outlook.times)],
    )
    shared = (forcing, parameters, outlook.spin_up_hours)
    blocks = over_blocks(_block, shared, situations, outlook, 6, budget_bytes, report)
    return outcomes_of(view.kind, view.ids, situations.index, blocks)


def _block(shared: tuple[TankForcing, TankParameters, int], block: Columns) -> Parts:
    """The outcomes of one block of situations."""
    forcing, parameters, first_output = shared
    history = simulate_tanks(_columns(block), forcing, parameters, first_output=first_output)
    reducer = Reducer()
    reducer.state("water_temperature", history.water_temperature_C, "lowest")
    reducer.state("ice_fraction", history.ice_fraction, "highest")
    reducer.state("tank_ice", history.ice_thickness_mm, "highest")
    hours = history.ice_fraction.shape[2]
    reducer.event_at("freezing", np.maximum(history.freezing_hour, 0.0), hours)
    return reducer.parts


def _columns(block: Columns) -> TankColumns:
    names = [MATERIALS[int(item)] for item in block["material"]]
    wall_mm = [CONCRETE_WALL_MM if name == "concrete" else SHEET_WALL_MM for name in names]
    return TankColumns(
        volume_m3=block["volume_m3"],
        water_depth_m=block["water_depth_m"],
        wall_thickness_m=np.array(wall_mm) / 1000.0,
        wall_conductivity_W_mK=np.array([PIPE_MATERIALS[name].conductivity_W_mK for name in names]),
        insulation_thickness_m=block["insulation_thickness_mm"] / 1000.0,
        insulation_conductivity_W_mK=block["insulation_conductivity_W_mK"],
        supply_temperature_C=block["supply_temperature_C"],
        wind_exposure=block["wind_exposure"],
        enclosure_lag_h=block["enclosure_lag_h"],
        turnover_per_day=block["turnover_per_day"],
    )
