"""Facilities to check, residents to tell, shelters to open."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.hazards import Hazard, hazard
from lingjing.scenarios.coldwave.settings import ColdwaveSettings
from lingjing.scenarios.coldwave.water import PIPE_KINDS
from lingjing.scenarios.coldwave.words import (
    Phrase,
    Places,
    both,
    number,
    onset_words,
    phrase,
    share,
)
from lingjing.scenarios.coldwave.work_water import (
    Exposed,
    expected_harm,
    expected_households,
    exposed_assets,
)
from lingjing.sdk import Foreseen, Reason, Twin, TwinView, Work

CHECK_AVERTS: Final = 0.5
NOTICE_AVERTS: Final = 0.1  # few act on a notice, but it reaches everyone
SHELTER_AVERTS: Final = 0.8
NEAR_SHARE: Final = 0.25  # a risk within the radius strikes the facility itself one time in four
COLD_SHARE: Final = 0.02  # of a facility with no marked risk near, in act-level cold
CHECK_MINUTES: Final = 30.0
NOTICE_MINUTES: Final = 20.0
SHELTER_MINUTES: Final = 60.0
ALL_FACILITIES_PROBABILITY: Final = 0.3  # P(act-level cold) from which every facility is checked
METRES_PER_DEGREE: Final = 111_320.0


@dataclass(frozen=True)
class Spots:
    """Places at risk: points with a probability and an onset, of one hazard."""

    name: str
    longitude_deg: NDArray[np.float64]
    latitude_deg: NDArray[np.float64]
    hazard: Hazard

    def near(self, longitude_deg: float, latitude_deg: float, radius_m: float) -> int | None:
        """Index of the likeliest spot within the radius; None where all are at probability 0."""
        east = (self.longitude_deg - longitude_deg) * np.cos(np.radians(latitude_deg))
        north = self.latitude_deg - latitude_deg
        close = np.hypot(east, north) * METRES_PER_DEGREE <= radius_m
        risk = np.where(close, self.hazard.probability, 0.0)
        best = int(risk.argmax()) if risk.size else 0
        return best if risk.size and risk[best] > 0 else None


def spots(twin: Twin, foreseen: Foreseen) -> list[Spots]:
    """All roads and pipes at risk, by hazard and kind."""
    found = []
    for quantity, kinds in (("plugged", PIPE_KINDS), ("road_slippery", ("RoadSegment",))):
        for kind in kinds:
            view = twin.view(kind)
            of_kind = hazard(foreseen, quantity, kind, view.ids)
            found.append(Spots(quantity, view.longitude_deg, view.latitude_deg, of_kind))
    return found


def checks(twin: Twin, foreseen: Foreseen, settings: ColdwaveSettings) -> list[Work]:
    """One check for each facility near a risk; for every facility when act-level cold is likely."""
    view = twin.view("Facility")
    everywhere = foreseen.facts.get("act_cold_probability", 0.0) >= ALL_FACILITIES_PROBABILITY
    risks, places = spots(twin, foreseen), Places(twin)
    kinds = view.text("facility_kind")
    works = []
    for row in range(len(view)):
        if kinds[row] not in settings.facilities:
            continue
        danger = _danger_near(view, row, risks, foreseen, settings)
        if everywhere or danger.probability >= settings.thresholds["check_probability"]:
            works.append(_check(view, row, places, danger, foreseen, settings))
    return works


@dataclass(frozen=True, slots=True)
class Danger:
    """The likeliest risk near a facility; probability 0 where none is marked."""

    hazard: str
    probability: float
    onset_hours: float
    onset_early_hours: float


def _danger_near(
    view: TwinView,
    row: int,
    risks: list[Spots],
    foreseen: Foreseen,
    settings: ColdwaveSettings,
) -> Danger:
    """Pipes go before roads on a tie. With no marked risk, the cold is due at the coldest hour."""
    longitude, latitude = float(view.longitude_deg[row]), float(view.latitude_deg[row])
    coldest = foreseen.facts.get("coldest_hour", float("nan"))
    worst = Danger("plugged", 0.0, coldest, coldest)
    for risk in risks:
        index = risk.near(longitude, latitude, settings.thresholds["check_radius_m"])
        if index is not None and risk.hazard.probability[index] > worst.probability:
            worst = Danger(
                risk.name,
                float(risk.hazard.probability[index]),
                float(risk.hazard.onset_hours[index]),
                float(risk.hazard.onset_early_hours[index]),
            )
    return worst


def _check(
    view: TwinView,
    row: int,
    places: Places,
    danger: Danger,
    foreseen: Foreseen,
    settings: ColdwaveSettings,
) -> Work:
    """The check of one facility."""
    kind, target = str(view.text("facility_kind")[row]), str(view.ids[row])
    radius = settings.thresholds["check_radius_m"]
    text = both(
        "check.near" if danger.probability > 0 else "check.all",
        kind=phrase(f"facility.{kind}"),
        hazard=phrase(f"hazard.{danger.hazard}"),
        probability=share(danger.probability),
        radius=number(radius, 0),
        onset=onset_words(foreseen, danger.onset_hours),
        coldest=number(foreseen.facts.get("lowest_air_temperature_p50_C", float("nan")), 1),
    )
    return Work(
        id=f"coldwave:check:{target}",
        action="check",
        target=target,
        assets=(target,),
        title=both("check.title", where=_facility(view, row, places)),
        place=str(view.text("sub_district", "")[row]),
        longitude_deg=float(view.longitude_deg[row]),
        latitude_deg=float(view.latitude_deg[row]),
        hazard=danger.hazard,
        probability=danger.probability,
        expected_failures=danger.probability,
        weight=_share_at_risk(danger.probability, foreseen) * settings.facilities[kind],
        averted_share=CHECK_AVERTS,
        onset_hours=danger.onset_hours,
        onset_early_hours=danger.onset_early_hours,
        owner="public_works" if danger.hazard == "road_slippery" else "property_company",
        effort_minutes=CHECK_MINUTES,
        amount=0.0,
        amount_unit="",
        reason=Reason(
            text,
            {
                "probability": danger.probability,
                "radius_m": radius,
                "facility_weight": settings.facilities[kind],
                "onset_p50_hours": danger.onset_hours,
                "onset_p10_hours": danger.onset_early_hours,
            },
        ),
    )


def _facility(view: TwinView, row: int, places: Places) -> Phrase:
    """A facility by name, or what it is and near which road."""
    return places.thing(
        (view.text("name")[row], view.text("name_en")[row]),
        f"facility.{view.text('facility_kind')[row]}",
        float(view.longitude_deg[row]),
        float(view.latitude_deg[row]),
    )


def _share_at_risk(likely: float, foreseen: Foreseen) -> float:
    """Share of a facility's weight that is at risk: by what is near, and by the cold itself."""
    cold = foreseen.facts.get("act_cold_probability", 0.0)
    return max(NEAR_SHARE * likely, COLD_SHARE * cold)


def notices(twin: Twin, foreseen: Foreseen, settings: ColdwaveSettings) -> list[Work]:
    """One notice for each sub-district in which pipes are expected to freeze."""
    least = settings.thresholds["inspect_probability"]
    by_place: dict[str, list[Exposed]] = defaultdict(list)
    for asset in exposed_assets(twin, foreseen, least):
        by_place[asset.place].append(asset)
    view = twin.view("SubDistrict")
    rows = {name: row for row, name in enumerate(view.text("name"))}
    names = Places(twin)
    works = []
    for place, assets in sorted(by_place.items()):
        row = rows.get(place)
        failures = sum(asset.plugged for asset in assets)
        if failures < 1.0:
            continue
        longitude, latitude = (
            (float(view.longitude_deg[row]), float(view.latitude_deg[row]))
            if row is not None
            else twin.district.centre
        )
        worst = max(asset.plugged for asset in assets)
        onset = min(asset.onset_hours for asset in assets)
        early = min(asset.onset_early_hours for asset in assets)
        households = expected_households(assets)
        bursts = sum(asset.cracked for asset in assets)
        text = both(
            "notify.reason",
            failures=number(failures, 0),
            count=len(assets),
            bursts=number(bursts, 0),
            households=number(households, 0),
            onset=onset_words(foreseen, onset),
            early=onset_words(foreseen, early),
            coldest=number(foreseen.facts.get("lowest_air_temperature_p50_C", float("nan")), 1),
        )
        works.append(
            Work(
                id=f"coldwave:notify:{place or 'district'}",
                action="notify",
                target=assets[0].id if row is None else str(view.ids[row]),
                assets=tuple(sorted(asset.id for asset in assets)),
                title=both("notify.title", place=names.sub_district(place, "place.district")),
                place=place,
                longitude_deg=longitude,
                latitude_deg=latitude,
                hazard="plugged",
                probability=worst,
                expected_failures=failures,
                weight=expected_harm(assets, settings),
                averted_share=NOTICE_AVERTS,
                onset_hours=onset,
                onset_early_hours=early,
                owner="public_works",
                effort_minutes=NOTICE_MINUTES,
                amount=0.0,
                amount_unit="",
                reason=Reason(
                    text,
                    {
                        "expected_failures": failures,
                        "expected_bursts": bursts,
                        "expected_households": households,
                        "assets": len(assets),
                        "onset_p50_hours": onset,
                        "onset_p10_hours": early,
                    },
                ),
            )
        )
    return works


def shelters(twin: Twin, foreseen: Foreseen, settings: ColdwaveSettings) -> list[Work]:
    """Open each shelter for which the air is foreseen to fall to the threshold, likely or not."""
    view = twin.view("Facility")
    cold = hazard(foreseen, "cold_exposure", view.kind, view.ids)
    kinds, named = view.text("facility_kind"), Places(twin)
    places, beds = view.text("sub_district", ""), view.number("beds", 0.0)
    threshold = settings.thresholds["shelter_air_temperature_C"]
    works = []
    for row in np.flatnonzero(cold.probability >= settings.thresholds["act_probability"]):
        if kinds[row] != "shelter":
            continue
        target, probability = str(view.ids[row]), float(cold.probability[row])
        onset, early = float(cold.onset_hours[row]), float(cold.onset_early_hours[row])
        weight = settings.facilities["shelter"]
        works.append(
            Work(
                id=f"coldwave:shelter:{target}",
                action="shelter",
                target=target,
                assets=(target,),
                title=both("shelter.title", where=_facility(view, int(row), named)),
                place=str(places[row]),
                longitude_deg=float(view.longitude_deg[row]),
                latitude_deg=float(view.latitude_deg[row]),
                hazard="cold_exposure",
                probability=probability,
                expected_failures=probability,
                weight=probability * weight,
                averted_share=SHELTER_AVERTS,
                onset_hours=onset,
                onset_early_hours=early,
                owner="public_works",
                effort_minutes=SHELTER_MINUTES,
                amount=0.0,
                amount_unit="",
                reason=Reason(
                    both(
                        "shelter.reason",
                        probability=share(probability),
                        threshold=number(threshold, 0),
                        onset=onset_words(foreseen, onset),
                        beds=number(float(beds[row]), 0),
                    ),
                    {
                        "probability": probability,
                        "threshold_C": threshold,
                        "beds": float(beds[row]),
                        "facility_weight": weight,
                        "onset_p50_hours": onset,
                        "onset_p10_hours": early,
                    },
                ),
            )
        )
    return works
