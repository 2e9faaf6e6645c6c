"""Buildings: insulate, let drip, or look; one job for each building and owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.hazards import MEDIAN, hazard, level
from lingjing.scenarios.coldwave.settings import ColdwaveSettings
from lingjing.scenarios.coldwave.water import PIPE_KINDS, location_of
from lingjing.scenarios.coldwave.words import (
    Phrase,
    Places,
    both,
    number,
    onset_words,
    phrase,
    share,
)
from lingjing.sdk import Foreseen, Reason, Text, Twin, TwinView, Work

# Shares of the harm averted and crew times are policy: a wrapped pipe gains a night, a dripping
# tap keeps the bore open where people do it, a patrol only finds.
AVERTS: Final = {"insulate": 0.7, "drip": 0.6, "inspect": 0.3}
MINUTES_PER_ASSET: Final = {"insulate": 15.0, "drip": 2.0, "inspect": 3.0}
MINUTES_TO_START: Final = 10.0
MATS_PER_ASSET: Final = 1.0
METRES_PER_MAT: Final = 3.0
NEIGHBOURHOOD_DEG: Final = 0.001  # about 100 m: groups assets that no building holds
ROUND_DEG: Final = 0.005  # about 500 m: what one patrol walks
REPAIR_SHARE: Final = 0.2  # harm of a plug that cuts off nobody: someone has to thaw it


@dataclass(frozen=True)
class Exposed:
    """One asset at risk, with what its job needs to know."""

    id: str
    kind: str
    group: str
    owner: str
    place: str
    location: str
    longitude_deg: float
    latitude_deg: float
    households: float
    mats: float
    insulation_mm: float
    plugged: float
    cracked: float
    ice_share: float
    onset_hours: float
    onset_early_hours: float


def exposed_assets(twin: Twin, foreseen: Foreseen, least: float) -> list[Exposed]:
    """All assets whose probability of a plug reaches `least`, in the order of kind and id."""
    found: list[Exposed] = []
    for kind in PIPE_KINDS:
        view = twin.view(kind)
        if len(view):
            found.extend(_of_kind(view, foreseen, least))
    return found


def _of_kind(view: TwinView, foreseen: Foreseen, least: float) -> Iterable[Exposed]:
    plugged = hazard(foreseen, "plugged", view.kind, view.ids)
    # a crack is the harm, whether or not its water runs before the window ends
    cracked = hazard(foreseen, "cracked", view.kind, view.ids)
    ice = level(foreseen, "ice_fraction", view.kind, view.ids, MEDIAN)
    owner, place = view.text("owner", "unknown"), view.text("sub_district", "")
    location, building = location_of(view), view.related("building")
    households = view.number("households", 1.0)
    length = view.number("length", METRES_PER_MAT)
    insulation = view.number("insulation_thickness", 0.0)
    for row in np.flatnonzero(plugged.probability >= least):
        longitude, latitude = float(view.longitude_deg[row]), float(view.latitude_deg[row])
        yield Exposed(
            id=str(view.ids[row]),
            kind=view.kind,
            group=str(building[row])
            if building[row]
            else _cell(longitude, latitude, NEIGHBOURHOOD_DEG),
            owner=str(owner[row]),
            place=str(place[row]),
            location=str(location[row]),
            longitude_deg=longitude,
            latitude_deg=latitude,
            households=float(households[row]),
            mats=max(MATS_PER_ASSET, float(np.ceil(length[row] / METRES_PER_MAT))),
            insulation_mm=float(insulation[row]),
            plugged=float(plugged.probability[row]),
            cracked=float(cracked.probability[row]),
            ice_share=float(ice[row]),
            onset_hours=float(plugged.onset_hours[row]),
            onset_early_hours=float(plugged.onset_early_hours[row]),
        )


def _cell(longitude_deg: float, latitude_deg: float, size_deg: float) -> str:
    east = int(np.floor(longitude_deg / size_deg))
    north = int(np.floor(latitude_deg / size_deg))
    return f"cell:{east}:{north}"


def _short(identity: str) -> str:
    """The last part of an id, as the map's own pages call the thing."""
    return identity.rsplit(":", 1)[-1].removeprefix("osm-")


def expected_households(assets: Iterable[Exposed]) -> float:
    """Households expected without water.

    The risers, boxes and valves of one building serve the same households, and one weather
    strikes them all, so the kind that expects most counts, not the sum of the kinds.
    """
    groups: dict[tuple[str, str], float] = defaultdict(float)
    for asset in assets:
        groups[asset.group, asset.kind] += asset.plugged * asset.households
    largest: dict[str, float] = {}
    for (group, _), value in groups.items():
        largest[group] = max(largest.get(group, 0.0), value)
    return sum(largest.values())


def expected_harm(assets: list[Exposed], settings: ColdwaveSettings) -> float:
    """Expected harm in household-equivalents: water cut off, and spots to thaw and mend."""
    spots = sum(
        asset.plugged * REPAIR_SHARE * settings.events["plugged"]
        + asset.cracked * settings.events["burst"]
        for asset in assets
    )
    return expected_households(assets) * settings.events["plugged"] + spots


def water(twin: Twin, foreseen: Foreseen, settings: ColdwaveSettings) -> list[Work]:
    """Jobs for the worst buildings of each sub-district, and a patrol for the rest.

    A building gets its own job for each owner whose assets reach `act_probability`, the most
    harmful first, as many as a sub-district can hand out in a night; what remains above
    `inspect_probability` goes on the rounds of the sub-district's patrol, one a few blocks.
    """
    assets = exposed_assets(twin, foreseen, settings.thresholds["inspect_probability"])
    desk = _Desk(twin, foreseen, settings)
    jobs: dict[tuple[str, str], list[Exposed]] = defaultdict(list)
    for asset in assets:
        jobs[asset.group, asset.owner].append(asset)
    by_place: dict[str, list[list[Exposed]]] = defaultdict(list)
    for _, members in sorted(jobs.items()):
        by_place[members[0].place].append(members)
    works: list[Work] = []
    for place, candidates in sorted(by_place.items()):
        works.extend(_of_place(place, candidates, desk, settings))
    return works


def _of_place(
    place: str, candidates: list[list[Exposed]], desk: _Desk, settings: ColdwaveSettings
) -> Iterable[Work]:
    """The jobs of one sub-district, and the rounds of its patrol."""
    act = settings.thresholds["act_probability"]
    likely = [job for job in candidates if max(asset.plugged for asset in job) >= act]
    likely.sort(key=lambda job: (-expected_harm(job, settings), job[0].group, job[0].owner))
    own = likely[: int(settings.thresholds["jobs_per_sub_district"])]
    yield from (desk.building(job) for job in own)
    chosen = {(job[0].group, job[0].owner) for job in own}
    rounds: dict[str, list[Exposed]] = defaultdict(list)
    for job in candidates:
        if (job[0].group, job[0].owner) not in chosen:
            rounds[_cell(job[0].longitude_deg, job[0].latitude_deg, ROUND_DEG)].extend(job)
    for order, (cell, left) in enumerate(sorted(rounds.items()), start=1):
        yield desk.patrol(place, order, cell, left)


class _Desk:
    """Writes the jobs."""

    def __init__(self, twin: Twin, foreseen: Foreseen, settings: ColdwaveSettings) -> None:
        self._foreseen, self._settings = foreseen, settings
        buildings = twin.view("Building")
        self._row = {name: row for row, name in enumerate(buildings.ids)}
        self._name = buildings.text("name")
        self._address = buildings.text("address")
        self._where = Places(twin)
        self._longitude, self._latitude = buildings.longitude_deg, buildings.latitude_deg

    def building(self, assets: list[Exposed]) -> Work:
        """One building's job for one owner: residents let taps drip, the others insulate."""
        first = assets[0]
        action = "drip" if first.owner == "resident" else "insulate"
        row = self._row.get(first.group)
        target = first.group if row is not None else first.id
        point = self._point(assets, row)
        if row is None:
            where = self._where.thing((None, None), f"kind.{first.kind}", *point)
        else:
            name = self._name[row] or self._address[row]
            where = self._where.thing(
                (name, None), "building.nameless", *point, identity=_short(target)
            )
        mats = sum(asset.mats for asset in assets) if action == "insulate" else 0.0
        return self._work(
            assets,
            action,
            identity=f"coldwave:{action}:{first.group}:{first.owner}",
            target=target,
            title=both(
                f"{action}.title",
                where=where,
                place=self._where.within(first.place),
                count=len(assets),
            ),
            point=point,
            owner=first.owner,
            amount=mats,
        )

    def patrol(self, place: str, order: int, cell: str, assets: list[Exposed]) -> Work:
        """A round on foot for the less likely, and what cannot be handed out.

        The crew starts where most harm is expected.
        """
        by_group: dict[str, list[Exposed]] = defaultdict(list)
        for asset in assets:
            by_group[asset.group].append(asset)
        start = min(
            by_group, key=lambda group: (-expected_harm(by_group[group], self._settings), group)
        )
        target = start if start in self._row else by_group[start][0].id
        return self._work(
            assets,
            "inspect",
            identity=f"coldwave:inspect:{place or 'district'}:{cell}",
            target=target,
            title=both(
                "inspect.title",
                place=self._where.sub_district(place, "place.district"),
                order=order,
                buildings=len(by_group),
                count=len(assets),
            ),
            point=self._point(by_group[start], self._row.get(start)),
            owner="property_company",
            amount=0.0,
        )

    def _point(self, assets: list[Exposed], row: int | None) -> tuple[float, float]:
        if row is not None:
            return float(self._longitude[row]), float(self._latitude[row])
        longitudes: NDArray[np.float64] = np.array([asset.longitude_deg for asset in assets])
        latitudes: NDArray[np.float64] = np.array([asset.latitude_deg for asset in assets])
        return float(longitudes.mean()), float(latitudes.mean())

    def _work(
        self,
        assets: list[Exposed],
        action: str,
        *,
        identity: str,
        target: str,
        title: Text,
        point: tuple[float, float],
        owner: str,
        amount: float,
    ) -> Work:
        # one weather strikes all of them together, so the likeliest asset stands for "any of them"
        worst = max(assets, key=lambda asset: (asset.plugged, asset.cracked, asset.id))
        households = expected_households(assets)
        return Work(
            id=identity,
            action=action,
            target=target,
            assets=tuple(sorted(asset.id for asset in assets)),
            title=title,
            place=assets[0].place,
            longitude_deg=point[0],
            latitude_deg=point[1],
            hazard="plugged",
            probability=worst.plugged,
            expected_failures=sum(asset.plugged for asset in assets),
            weight=expected_harm(assets, self._settings),
            averted_share=AVERTS[action],
            onset_hours=min(asset.onset_hours for asset in assets),
            onset_early_hours=min(asset.onset_early_hours for asset in assets),
            owner=owner,
            effort_minutes=MINUTES_TO_START + MINUTES_PER_ASSET[action] * len(assets),
            amount=amount,
            amount_unit="straw mats" if amount else "",
            reason=self._reason(assets, worst, households, action),
        )

    def _reason(
        self, assets: list[Exposed], worst: Exposed, households: float, action: str
    ) -> Reason:
        facts = self._foreseen.facts
        coldest = facts.get("lowest_air_temperature_p50_C", float("nan"))
        coldest_hour = facts.get("coldest_hour", float("nan"))
        onset = min(asset.onset_hours for asset in assets)
        early = min(asset.onset_early_hours for asset in assets)
        failures = sum(asset.plugged for asset in assets)
        insulated: Phrase = (
            phrase("insulation.some", thickness=number(worst.insulation_mm, 0))
            if worst.insulation_mm > 0
            else phrase("insulation.none")
        )
        text = both(
            f"{action}.reason",
            coldest=number(coldest, 1),
            coldest_hour=onset_words(self._foreseen, coldest_hour),
            kind=phrase(f"kind.{worst.kind}"),
            location=phrase(f"location.{worst.location}"),
            insulation=insulated,
            probability=share(worst.plugged),
            burst=share(worst.cracked),
            onset=onset_words(self._foreseen, onset),
            early=onset_words(self._foreseen, early),
            failures=number(failures, 1 if failures < 10 else 0),
            count=len(assets),
            households=number(households, 0),
        )
        return Reason(
            text,
            {
                "lowest_air_temperature_p50_C": coldest,
                "coldest_hour": coldest_hour,
                "probability": worst.plugged,
                "burst_probability": max(asset.cracked for asset in assets),
                "ice_share_p50": worst.ice_share,
                "insulation_mm": worst.insulation_mm,
                "expected_failures": failures,
                "expected_households": households,
                "assets": len(assets),
                "onset_p50_hours": onset,
                "onset_p10_hours": early,
            },
        )
