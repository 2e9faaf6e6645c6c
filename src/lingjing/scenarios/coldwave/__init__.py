"""The cold wave: icy roads, frozen pipes, iced tanks, and what to do about them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from lingjing.scenarios.coldwave.blocks import BUDGET_BYTES
from lingjing.scenarios.coldwave.remedies import remedies_of
from lingjing.scenarios.coldwave.review import compare
from lingjing.scenarios.coldwave.roads import foresee_roads
from lingjing.scenarios.coldwave.sensors import Hearing
from lingjing.scenarios.coldwave.settings import read_settings
from lingjing.scenarios.coldwave.tanks import foresee_tanks
from lingjing.scenarios.coldwave.water import PIPE_KINDS, foresee_water
from lingjing.scenarios.coldwave.weather import alarm, cold_exposure, facts
from lingjing.scenarios.coldwave.words import both, number, phrase
from lingjing.scenarios.coldwave.work_district import checks, notices, shelters
from lingjing.scenarios.coldwave.work_roads import salt
from lingjing.scenarios.coldwave.work_water import water
from lingjing.sdk import (
    Alarm,
    Foreseen,
    Heard,
    Outcome,
    Outlook,
    Progress,
    Remedy,
    Scenario,
    Text,
    Twin,
    Work,
)


class Coldwave(Scenario):
    """The cold wave as a guest of the twin.

    Args:
        budget_bytes: Memory for the histories of one block of situations; the results do not
            depend on it.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes

    def wake(self, outlook: Outlook) -> Alarm | None:
        """By the lowest air temperature of the members, and rain or snow in freezing air."""
        return alarm(outlook)

    def foresee(self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress) -> Foreseen:
        """Roads, pipes and tanks under every member.

        Each kind draws its uncertain physics from a generator of its own, so that one kind more or
        less in the district changes nothing for the others.
        """
        settings = read_settings(twin.district.settings)
        kinds = ("RoadSegment", *PIPE_KINDS, "WaterTank")
        present = [kind for kind in kinds if len(twin.view(kind))]
        outcomes: list[Outcome] = []
        hearing = Hearing(outlook.heard)
        for position, kind in enumerate(present):
            report = _reporter(progress, kind, position, len(present))
            view, rng = twin.view(kind), _generator(seed, kind)
            budget = self._budget_bytes
            if kind == "RoadSegment":
                made = foresee_roads(
                    view,
                    twin.view("Building"),
                    settings,
                    outlook,
                    rng=rng,
                    report=report,
                    budget_bytes=budget,
                    hearing=hearing,
                )
            elif kind == "WaterTank":
                made = foresee_tanks(
                    view, outlook, rng=rng, report=report, budget_bytes=budget, hearing=hearing
                )
            else:
                made = foresee_water(
                    view, outlook, rng=rng, report=report, budget_bytes=budget, hearing=hearing
                )
            outcomes.extend(made)
        outcomes.extend(cold_exposure(twin.view("Facility"), outlook, settings))
        known, heard = facts(outlook, settings), hearing.close()
        remarks = (*_remarks(twin, outcomes, known), *_remark_of_sensors(heard))
        return Foreseen(tuple(outcomes), remarks, outlook.window, known, heard)

    def answer(self, twin: Twin, foreseen: Foreseen) -> Sequence[Work]:
        """Salt, insulation, dripping taps, patrols, checks, notices and shelters."""
        settings = read_settings(twin.district.settings)
        works: list[Work] = []
        for proposals in (salt, water, checks, notices, shelters):
            works.extend(proposals(twin, foreseen, settings))
        return works

    def remedies(self, twin: Twin, asset: str, foreseen: Foreseen) -> Sequence[Remedy]:
        """Dripping, wrapping, mending, a closed box, a drained pipe; salt on a road."""
        kind = asset.split(":")[2]
        if kind not in ("RoadSegment", *PIPE_KINDS, "WaterTank"):
            return ()
        view = twin.view(kind)
        rows = np.flatnonzero(view.ids == asset)
        if not rows.size:
            return ()
        settings = read_settings(twin.district.settings)
        return tuple(remedies_of(view, int(rows[0]), foreseen, settings))

    def review(self, twin: Twin, foreseen: Foreseen, observed: Sequence[Outcome]) -> Sequence[Text]:
        """Hits, misses, Brier scores and errors, one sentence for each quantity and kind."""
        del twin
        return compare(foreseen, observed)


def _generator(seed: int, kind: str) -> np.random.Generator:
    sequence = np.random.SeedSequence([seed, zlib.crc32(kind.encode())])
    return np.random.default_rng(sequence)


def _reporter(progress: Progress, kind: str, position: int, count: int) -> Callable[[float], None]:
    text = both("progress", kind=phrase(f"kinds.{kind}"))

    def report(done: float) -> None:
        progress.report((position + done) / count, text)

    return report


def _remark_of_sensors(heard: Sequence[Heard]) -> tuple[Text, ...]:
    """How many sensors corrected the run, and how many were not believed."""
    if not heard:
        return ()
    taken = sum(item.reason is None for item in heard)
    return (both("remark.sensors", taken=taken, refused=len(heard) - taken),)


def _remarks(twin: Twin, outcomes: Sequence[Outcome], known: dict[str, float]) -> tuple[Text, ...]:
    """What the summary should say beside its own tables of events, work and weather."""
    remarks: list[Text] = [
        both(
            "remark.weather",
            hours=number(known["hours_below_zero_p50"], 0),
            precipitation=number(known["precipitation_p50_mm"], 1),
        )
    ]
    cracks = [item for item in outcomes if item.quantity == "cracked"]
    if cracks:
        expected = sum(
            float(item.of_assets(item.probability).sum(dtype=np.float64))
            for item in cracks
            if item.probability is not None
        )
        assets = sum(item.assets.size for item in cracks)
        remarks.append(both("remark.burst", expected=number(expected, 0), assets=assets))
    if any(item.quantity == "road_slippery" for item in outcomes):
        remarks.append(both("remark.road_slippery"))
    if bool(twin.view("RoadSegment").flag("tunnel").any()):
        tunnels = int(twin.view("RoadSegment").flag("tunnel").sum())
        remarks.append(both("remark.tunnels", count=tunnels))
    return tuple(remarks)
