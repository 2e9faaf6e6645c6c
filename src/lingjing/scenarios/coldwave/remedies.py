"""What could be done for one asset before the cold comes; the engine computes what it changes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import numpy as np

from lingjing.scenarios.coldwave.hazards import hazard
from lingjing.scenarios.coldwave.roads import SALT_ROUND_HOUR, by_class
from lingjing.scenarios.coldwave.settings import ColdwaveSettings
from lingjing.scenarios.coldwave.water import LOCATIONS, PIPE_KINDS, location_of, surroundings
from lingjing.scenarios.coldwave.words import both, number
from lingjing.scenarios.coldwave.work_roads import BY_HAND, LEAST_MINUTES
from lingjing.scenarios.coldwave.work_roads import BY_HAND_M2_PER_MINUTE as HAND_PACE
from lingjing.scenarios.coldwave.work_roads import SPREADING_M2_PER_MINUTE as PACE
from lingjing.scenarios.coldwave.work_water import (
    METRES_PER_MAT,
    MINUTES_PER_ASSET,
    MINUTES_TO_START,
)
from lingjing.sdk import Foreseen, Remedy, TwinView
from lingjing.vocabulary import LOCAL_ZONE

DRIPS_L_H: Final = (2.0, 10.0)  # a quick drip, and a thread as thin as a pencil's lead
THICKNESSES_MM: Final = (20.0, 40.0)
DOSES_G_M2: Final = (10.0, 20.0, 40.0)
SOUND: Final = 0.95  # insulation covering more than that needs no mending
SHELTERED: Final = "ground_box"  # what a box with a door that shuts is like
HOURS_BEFORE: Final = 2.0  # the round comes so long before the early onset


def remedies_of(
    view: TwinView, row: int, foreseen: Foreseen, settings: ColdwaveSettings
) -> Iterator[Remedy]:
    """What could be done for one asset, the quickest first."""
    if view.kind == "RoadSegment":
        yield from _salting(view, row, foreseen, settings)
        return
    if view.kind in PIPE_KINDS:
        yield from _dripping(view, row, foreseen)
    yield from _mending(view, row)
    yield from _wrapping(view, row)
    if view.kind in PIPE_KINDS:
        yield from _shutting(view, row)
    yield Remedy(
        "drain", both("remedy.drain"), both("remedy.drain_caveat"),
        effort_minutes=MINUTES_TO_START, empties=True,
    )  # fmt: skip


def _dripping(view: TwinView, row: int, foreseen: Foreseen) -> Iterator[Remedy]:
    held = float(view.number("drip_flow", 0.0)[row])
    hours = foreseen.facts.get("hours_below_zero_p50", math.nan)
    for flow in DRIPS_L_H:
        if flow > held:
            litres = flow * hours
            yield Remedy(
                f"drip_{flow:.0f}",
                both("remedy.drip", flow=number(flow, 0)),
                both("remedy.drip_caveat", litres=number(litres, 0)),
                sets={"drip_flow": flow},
                effort_minutes=MINUTES_PER_ASSET["drip"],
                amount=0.0 if math.isnan(litres) else round(litres, 1),
                amount_unit="L water",
            )


def _mending(view: TwinView, row: int) -> Iterator[Remedy]:
    soundness = float(view.number("insulation_soundness", 1.0)[row])
    if soundness < SOUND and float(view.number("insulation_thickness", 0.0)[row]) > 0.0:
        yield Remedy(
            "mend",
            both("remedy.mend", share=number(soundness * 100.0, 0)),
            both("remedy.mend_caveat"),
            sets={"insulation_soundness": 1.0},
            effort_minutes=MINUTES_PER_ASSET["insulate"],
        )


def _wrapping(view: TwinView, row: int) -> Iterator[Remedy]:
    held = float(view.number("insulation_thickness", 0.0)[row])
    length = float(view.number("length", METRES_PER_MAT)[row])
    mats = max(1.0, math.ceil(length / METRES_PER_MAT))
    sound = {} if view.kind == "WaterTank" else {"insulation_soundness": 1.0}
    for thickness in THICKNESSES_MM:
        if thickness > held:
            yield Remedy(
                f"insulate_{thickness:.0f}",
                both("remedy.insulate", thickness=number(thickness, 0)),
                both("remedy.insulate_caveat"),
                sets={"insulation_thickness": thickness, **sound},
                effort_minutes=MINUTES_TO_START + MINUTES_PER_ASSET["insulate"] * mats,
                amount=mats,
                amount_unit="straw mats",
            )


def _shutting(view: TwinView, row: int) -> Iterator[Remedy]:
    """Close the box or the door around it, where wind still comes in."""
    around = surroundings(view)
    wind, lag = float(around["wind_exposure"][row]), float(around["enclosure_lag_h"][row])
    still, held, _ = LOCATIONS[SHELTERED]
    if wind > still and lag < held and location_of(view)[row] not in ("facade", "roof"):
        yield Remedy(
            "shut",
            both("remedy.shut"),
            both("remedy.shut_caveat", lag=number(held, 0)),
            sets={"wind_exposure": still, "enclosure_lag": held},
            effort_minutes=MINUTES_TO_START,
        )


def _salting(
    view: TwinView, row: int, foreseen: Foreseen, settings: ColdwaveSettings
) -> Iterator[Remedy]:
    if view.flag("tunnel")[row]:
        return
    hour = round_hour(view, row, foreseen)
    width = float(by_class(view, "width", settings.width_m)[row])
    area = float(view.number("length", 0.0)[row]) * width
    by_hand = view.text("road_class", "other")[row] in BY_HAND
    held = float(view.number("salt_round", 0.0)[row])
    for dose in DOSES_G_M2:
        if dose > held:
            yield Remedy(
                f"salt_{dose:.0f}",
                both("remedy.salt", dose=number(dose, 0), hour=f"{hour:02.0f}"),
                both("remedy.salt_caveat", area=number(area, 0)),
                sets={"salt_round": dose, "salt_round_hour": hour},
                effort_minutes=max(LEAST_MINUTES, area / (HAND_PACE if by_hand else PACE)),
                amount=round(area * dose / 1000.0, 1),
                amount_unit="kg salt",
            )


def round_hour(view: TwinView, row: int, foreseen: Foreseen) -> float:
    """Local hour of a round that comes before a road turns slippery."""
    early = hazard(foreseen, "road_slippery", view.kind, view.ids[row : row + 1])
    onset = float(early.onset_early_hours[0])
    if not np.isfinite(onset) or foreseen.window is None:
        return SALT_ROUND_HOUR
    due = foreseen.window.start + timedelta(hours=max(onset - HOURS_BEFORE, 0.0))
    return float(due.astimezone(LOCAL_ZONE).hour)
