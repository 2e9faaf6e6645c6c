"""Salt: which segments, how much, before when."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.hazards import HIGH, MEDIAN, Hazard, hazard, level
from lingjing.scenarios.coldwave.roads import by_class
from lingjing.scenarios.coldwave.settings import ON_FOOT, ColdwaveSettings
from lingjing.scenarios.coldwave.words import both, number, onset_words, share, title_of
from lingjing.sdk import Foreseen, Reason, Twin, TwinView, Work

SALT_AVERTS: Final = 0.7  # of the harm of an icy segment that is salted in time; policy
SPREADING_M2_PER_MINUTE: Final = 2000.0  # a small spreader at 20 km/h over 6 m
LEAST_MINUTES: Final = 5.0
BY_HAND: Final = ("pedestrian", "steps")
BY_HAND_M2_PER_MINUTE: Final = 20.0


def road_harm(view: TwinView, settings: ColdwaveSettings) -> NDArray[np.float64]:
    """Harm if a segment is icy [n], in household-equivalents.

    Vehicles a day × the weight of a thousand of them (people on foot where none drive), times the
    factors of the road class, bridge and ramp, times the weight of the event.
    """
    vehicles = by_class(view, "traffic_volume", settings.traffic_per_day)
    harm = np.where(vehicles > 0, vehicles / 1000.0 * settings.roads["per_1000_vehicles"], ON_FOOT)
    classes = view.text("road_class", "other")
    harm *= np.array([settings.road_classes[item] for item in classes], dtype=np.float64)
    harm *= np.where(view.flag("bridge"), settings.roads["bridge_factor"], 1.0)
    harm *= np.where(view.flag("ramp"), settings.roads["ramp_factor"], 1.0)
    return harm * settings.events["road_slippery"]


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
    desk = _Desk(view, icy, foreseen, settings)
    return [desk.job(int(row)) for row in chosen]


class _Desk:
    """Writes the jobs; holds the columns that all of them read."""

    def __init__(
        self, view: TwinView, icy: Hazard, foreseen: Foreseen, settings: ColdwaveSettings
    ) -> None:
        self._view, self._icy, self._foreseen = view, icy, foreseen
        ids = view.ids
        self._harm = road_harm(view, settings)
        self._dose = level(foreseen, "salt_dose", view.kind, ids, HIGH)
        self._coldest = level(foreseen, "road_surface_temperature", view.kind, ids, MEDIAN)
        self._ice = level(foreseen, "road_ice", view.kind, ids, HIGH)
        self._snow = level(foreseen, "road_snow", view.kind, ids, HIGH)
        width = by_class(view, "width", settings.width_m)
        self._area = view.number("length", 0.0) * width
        self._names = view.text("name")
        self._classes = view.text("road_class", "other")
        self._places = view.text("sub_district", "")
        self._bridge = view.flag("bridge") | view.flag("ramp")

    def job(self, row: int) -> Work:
        """The salting of one segment."""
        by_hand = self._classes[row] in BY_HAND
        pace = BY_HAND_M2_PER_MINUTE if by_hand else SPREADING_M2_PER_MINUTE
        area, dose = float(self._area[row]), float(self._dose[row])
        amount = round(area * dose / 1000.0, 1)
        probability = float(self._icy.probability[row])
        where = title_of(self._names[row], f"road.{self._classes[row]}")
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
