"""What the weather itself says: whether to wake, the facts reasons quote, cold for shelters."""

from __future__ import annotations

from typing import Final

import numpy as np

from lingjing.scenarios.coldwave.blocks import Reducer, outcomes_of
from lingjing.scenarios.coldwave.settings import ColdwaveSettings
from lingjing.scenarios.coldwave.words import both, clock_words, number, share
from lingjing.sdk import Alarm, Outcome, Outlook, TwinView, ensemble
from lingjing.vocabulary import instant_of

# When the night concerns this scenario. Before a district is known these hold everywhere.
WATCH_AIR_C: Final = 2.0  # clear nights cool roads below the air: frost on roads is possible
WATCH_PROBABILITY: Final = 0.1
ACT_AIR_C: Final = -4.0  # bare pipes outdoors plug within a night (5 to 6 h at -5 °C for DN20)
WET_MM_H: Final = 0.1
ACT_PROBABILITY: Final = 0.3


def alarm(outlook: Outlook) -> Alarm | None:
    """Wake by the members' lowest air temperature, and by rain or snow in freezing air."""
    air, rain = outlook.within("air_temperature"), outlook.within("precipitation")
    lowest = air.min(axis=1)
    wet = ((air < 0.0) & (rain > WET_MM_H)).any(axis=1)
    possible = float((lowest <= WATCH_AIR_C).mean())
    severe, icy = float((lowest <= ACT_AIR_C).mean()), float(wet.mean())
    if possible < WATCH_PROBABILITY and icy < WATCH_PROBABILITY:
        return None
    level = "act" if max(severe, icy) >= ACT_PROBABILITY else "watch"
    coldest = int(air.mean(axis=0).argmin())
    text = both(
        f"wake.{level}",
        lowest=number(float(np.median(lowest)), 1),
        extreme=number(float(lowest.min()), 1),
        when=clock_words(instant_of(outlook.times[outlook.spin_up_hours + coldest])),
        threshold=number(ACT_AIR_C, 0),
        severe=share(severe),
        icy=share(icy),
    )
    return Alarm("act" if level == "act" else "watch", text)


def facts(outlook: Outlook, settings: ColdwaveSettings) -> dict[str, float]:
    """Numbers about the weather that reasons and remarks quote."""
    air, rain = outlook.within("air_temperature"), outlook.within("precipitation")
    lowest = air.min(axis=1)
    levels = ensemble.percentiles(lowest[None, :])[0]
    below = lowest <= settings.thresholds["act_air_temperature_C"]
    return {
        "coldest_hour": float(air.mean(axis=0).argmin()),
        "lowest_air_temperature_p10_C": float(levels[0]),
        "lowest_air_temperature_p50_C": float(levels[2]),
        "lowest_air_temperature_p90_C": float(levels[4]),
        "hours_below_zero_p50": float(np.median((air < 0.0).sum(axis=1))),
        "precipitation_p50_mm": float(np.median(rain[:, 1:].sum(axis=1))),
        "act_cold_probability": float(below.mean()),
        "members": float(outlook.members),
    }


def cold_exposure(
    view: TwinView, outlook: Outlook, settings: ColdwaveSettings
) -> tuple[Outcome, ...]:
    """P(the air falls to the threshold at which shelters open), for the shelters."""
    chosen = view.text("facility_kind") == "shelter"
    if not bool(chosen.any()):
        return ()
    ids = view.ids[chosen]
    threshold = settings.thresholds["shelter_air_temperature_C"]
    reducer = Reducer()
    reducer.event("cold_exposure", outlook.within("air_temperature")[None] <= threshold)
    return outcomes_of("Facility", ids, np.zeros(ids.size, dtype=np.int32), [reducer.parts])
