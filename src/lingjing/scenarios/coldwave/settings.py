"""What a district sets for the cold wave, with the fall-backs where its pack says nothing.

The fall-backs are policy of this project (how a nursing home weighs against a household), not
measurements; a district overrides them in the tables `weights`, `roads` and `thresholds` of its
pack. Harm is counted in household-equivalents: one household without water for a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Numbers = Mapping[str, float]

# plugged and burst: households without water, flooding and repair; road_slippery: the harm of one
# household-equivalent of traffic
EVENTS: Final[Numbers] = {"plugged": 1.0, "burst": 3.0, "road_slippery": 1.0}

FACILITIES: Final[Numbers] = {
    "hospital": 400.0,
    "nursing_home": 200.0,
    "fire_station": 200.0,
    "shelter": 100.0,
    "school": 80.0,
    "market": 60.0,
}

# Bridges and ramps freeze first and have no way around; what leads to help must stay open; people
# fall on icy stairs. On paths and stairs, where no vehicle counts, `on_foot` and `on_foot_steps`
# stand for the traffic.
ROADS: Final[Numbers] = {
    "per_1000_vehicles": 2.0,
    "bridge_factor": 1.5,
    "ramp_factor": 1.5,
    "care_factor": 1.5,
    "care_radius_m": 150.0,
    "on_foot": 2.0,
    "on_foot_steps": 10.0,
}

ROAD_CLASSES: Final[Numbers] = {
    "motorway": 2.0,
    "trunk": 1.6,
    "primary": 1.4,
    "secondary": 1.2,
    "tertiary": 1.0,
    "residential": 0.8,
    "service": 0.5,
    "pedestrian": 0.5,
    "steps": 0.8,
    "other": 0.5,
}

# Vehicles a day and width where the map knows none: orders of magnitude by class.
TRAFFIC_PER_DAY: Final[Numbers] = {
    "motorway": 60_000.0,
    "trunk": 40_000.0,
    "primary": 20_000.0,
    "secondary": 10_000.0,
    "tertiary": 5_000.0,
    "residential": 1_000.0,
    "service": 300.0,
    "pedestrian": 0.0,
    "steps": 0.0,
    "other": 300.0,
}
WIDTH_M: Final[Numbers] = {
    "motorway": 22.0,
    "trunk": 22.0,
    "primary": 18.0,
    "secondary": 14.0,
    "tertiary": 10.0,
    "residential": 7.0,
    "service": 5.0,
    "pedestrian": 5.0,
    "steps": 3.0,
    "other": 5.0,
}

THRESHOLDS: Final[Numbers] = {
    "inspect_probability": 0.1,  # from here an asset is on the patrol's list
    "act_probability": 0.3,  # from here a building may get its own job
    "salt_first_probability": 0.2,  # P(icy) from which bridges, ramps and steps are salted
    "salt_probability": 0.5,  # the same for every other segment: salt is scarce
    "check_probability": 0.2,  # P near a facility from which it is checked
    "check_radius_m": 250.0,
    "notify_probability": 0.1,  # share of households expected without water, or any burst
    "shelter_air_temperature_C": 0.0,  # minimum from which the shelters open
    "act_air_temperature_C": -6.7,  # 20 °F, Gordon 1996: check every facility from here on
    "jobs_per_sub_district": 100.0,  # what a sub-district can hand out in a night
}


@dataclass(frozen=True, slots=True)
class ColdwaveSettings:
    """Weights and thresholds, complete.

    Attributes:
        events, facilities: Harm by event and by kind of facility [household-equivalents].
        roads: Harm of traffic and of people on foot [household-equivalents], factors, a radius.
        road_classes: Factor by road class.
        traffic_per_day, width_m: By road class, where the map is silent.
        thresholds: When something is proposed.
    """

    events: Numbers
    facilities: Numbers
    roads: Numbers
    road_classes: Numbers
    traffic_per_day: Numbers
    width_m: Numbers
    thresholds: Numbers


def read_settings(settings: Mapping[str, Any]) -> ColdwaveSettings:
    """The district's settings over the fall-backs; names this scenario does not use are left."""
    act = _table(settings, "wake", "pipes")
    thresholds = _over(THRESHOLDS, _table(settings, "thresholds"))
    if "act_air_temperature_C" not in _table(settings, "thresholds"):
        thresholds = _over(thresholds, act)
    return ColdwaveSettings(
        _over(EVENTS, _table(settings, "weights", "events")),
        _over(FACILITIES, _table(settings, "weights", "facilities")),
        _over(ROADS, _table(settings, "weights", "roads")),
        _over(ROAD_CLASSES, _table(settings, "weights", "roads", "class_factor")),
        _over(TRAFFIC_PER_DAY, _table(settings, "roads", "traffic_volume_per_day")),
        _over(WIDTH_M, _table(settings, "roads", "width_m")),
        thresholds,
    )


def _table(settings: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The table at a path; empty where there is none."""
    found: Any = settings
    for name in path:
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _over(defaults: Numbers, given: Mapping[str, Any]) -> dict[str, float]:
    merged = dict(defaults)
    for name in defaults:
        value = given.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            merged[name] = float(value)
    return merged
