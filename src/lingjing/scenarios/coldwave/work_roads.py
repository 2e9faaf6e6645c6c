"""Salt: which segments, how much, before when."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.hazards import HIGH, MEDIAN, Hazard, hazard, level
from lingjing.scenarios.coldwave.roads import by_class
from lingjing.scenarios.coldwave.settings import ColdwaveSettings
from lingjing.scenarios.coldwave.words import Places, both, number, onset_words, share
from lingjing.sdk import Foreseen, Reason, Twin, TwinView, Work

SALT_AVERTS: Final = 0.7  # of the harm of an icy segment that is salted in time; policy
SPREADING_M2_PER_MINUTE: Final = 2000.0  # a small spreader at 20 km/h over 6 m
LEAST_MINUTES: Final = 5.0
BY_HAND: Final = ("pedestrian", "steps")
BY_HAND_M2_PER_MINUTE: Final = 20.0
CARE: Final = ("hospital", "nursing_home", "fire_station")
METRES_PER_DEGREE: Final = 111_320.0


def road_harm(view: TwinView, settings: ColdwaveSettings) -> NDArray[np.float64]:
    """Harm if a segment is icy [n], in household-equivalents.

    Vehicles a day × the weight of a thousand of them (people on foot where none drive, more where
    they climb), times the factors of the road class, bridge and ramp, times the weight of the
    event.
    """
    vehicles = by_class(view, "traffic_volume", settings.traffic_per_day)
    classes = view.text("road_class", "other")
    on_foot = np.where(
        classes == "steps", settings.roads["on_foot_steps"], settings.roads["on_foot"]
    )
    harm = np.where(vehicles > 0, vehicles / 1000.0 * settings.roads["per_1000_vehicles"], on_foot)
    harm *= np.array([settings.road_classes[item] for item in classes], dtype=np.float64)
    harm *= np.where(view.flag("bridge"), settings.roads["bridge_factor"], 1.0)
    harm *= np.where(view.flag("ramp"), settings.roads["ramp_factor"], 1.0)
    return harm * settings.events["road_slippery"]


def care_factor(
    view: TwinView, facilities: TwinView, settings: ColdwaveSettings
) -> NDArray[np.float64]:
    """Factor of the harm of segments on the way to help [n]: hospitals, nursing homes, fire.

    A segment counts where its representative point lies within `care_radius_m` of one.
    """
    factor = np.ones(len(view))
    kinds = facilities.text("facility_kind")
    for row in np.flatnonzero(np.isin(kinds.astype(str), CARE)):
        latitude = float(facilities.latitude_deg[row])
        east = view.longitude_deg - float(facilities.longitude_deg[row])
        north = view.latitude_deg - latitude
        away = np.hypot(east * np.cos(np.radians(latitude)), north) * METRES_PER_DEGREE
        factor[away <= settings.roads["care_radius_m"]] = settings.roads["care_factor"]
    return factor


def salt(twin: Twin, foreseen: Foreseen, settings: ColdwaveSettings) -> list[Work]:
    """One job for each segment whose P(icy) reaches its threshold; bridges, ramps, steps first."""
    view = twin.view("RoadSegment")
    icy = hazard(foreseen, "road_slippery", view.kind, view.ids)
    first = view.flag("bridge") | view.flag("ramp") | (view.text("road_class") == "steps")
    threshold = np.where(
        first,
        settings.thresholds["salt_first_probability"],
        settings.thresholds["salt_probability"],
    )
    chosen = np.flatnonzero(icy.probability >= threshold)
    if not chosen.size:
        return []
    desk = _Desk(twin, icy, foreseen, settings)
    return [desk.job(int(row)) for row in chosen]


class _Desk:
    """Writes the jobs; holds the columns that all of them read."""

    def __init__(
        self, twin: Twin, icy: Hazard, foreseen: Foreseen, settings: ColdwaveSettings
    ) -> None:
        view = twin.view("RoadSegment")
        self._view, self._icy, self._foreseen = view, icy, foreseen
        ids = view.ids
        self._harm = road_harm(view, settings) * care_factor(view, twin.view("Facility"), settings)
        self._dose = level(foreseen, "salt_dose", view.kind, ids, HIGH)
        self._coldest = level(foreseen, "road_surface_temperature", view.kind, ids, MEDIAN)
        self._ice = level(foreseen, "road_ice", view.kind, ids, HIGH)
        self._snow = level(foreseen, "road_snow", view.kind, ids, HIGH)
        width = by_class(view, "width", settings.width_m)
        self._area = view.number("length", 0.0) * width
        self._names, self._english = view.text("name"), view.text("name_en")
        self._classes = view.text("road_class", "other")
        self._places = view.text("sub_district", "")
        self._where = Places(twin)
        self._bridge = view.flag("bridge") | view.flag("ramp")

    def job(self, row: int) -> Work:
        """The salting of one segment."""
        by_hand = self._classes[row] in BY_HAND
        pace = BY_HAND_M2_PER_MINUTE if by_hand else SPREADING_M2_PER_MINUTE
        area, dose = float(self._area[row]), float(self._dose[row])
        amount = round(area * dose / 1000.0, 1)
        probability = float(self._icy.probability[row])
        where = self._where.thing(
            (self._names[row], self._english[row]),
            f"road.{self._classes[row]}",
            float(self._view.longitude_deg[row]),
            float(self._view.latitude_deg[row]),
        )
        target = str(self._view.ids[row])
        return Work(
            id=f"coldwave:salt:{target}",
            action="salt",
            target=target,
            assets=(target,),
            title=both("salt.title", where=where, amount=number(amount, 1)),
            place=str(self._places[row]),
            longitude_deg=float(self._view.longitude_deg[row]),
            latitude_deg=float(self._view.latitude_deg[row]),
            hazard="road_slippery",
            probability=probability,
            expected_failures=probability,
            weight=probability * float(self._harm[row]),
            averted_share=SALT_AVERTS,
            onset_hours=float(self._icy.onset_hours[row]),
            onset_early_hours=float(self._icy.onset_early_hours[row]),
            owner="public_works",
            effort_minutes=max(LEAST_MINUTES, area / pace),
            amount=amount,
            amount_unit="kg salt",
            reason=self._reason(row, area, dose, amount),
        )

    def _reason(self, row: int, area: float, dose: float, amount: float) -> Reason:
        probability = float(self._icy.probability[row])
        coldest = float(self._coldest[row])
        ice, snow = float(self._ice[row]), float(self._snow[row])
        onset = float(self._icy.onset_hours[row])
        early = float(self._icy.onset_early_hours[row])
        text = both(
            "salt.bridge" if self._bridge[row] else "salt.reason",
            probability=share(probability),
            coldest=number(coldest, 1),
            ice=number(ice, 1),
            snow=number(snow, 1),
            dose=number(dose, 0),
            area=number(area, 0),
            amount=number(amount, 1),
            onset=onset_words(self._foreseen, onset),
            early=onset_words(self._foreseen, early),
        )
        return Reason(
            text,
            {
                "probability": probability,
                "coldest_surface_p50_C": coldest,
                "ice_p75_mm": ice,
                "snow_p75_mm": snow,
                "salt_dose_p75_g_m2": dose,
                "area_m2": area,
                "onset_p50_hours": onset,
                "onset_p10_hours": early,
            },
        )
