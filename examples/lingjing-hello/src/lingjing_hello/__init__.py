"""Hoar frost on bridges: a foreign scenario, written against `lingjing.sdk` alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lingjing.sdk import (
    Alarm,
    Foreseen,
    Outcome,
    Outlook,
    Progress,
    Reason,
    Scenario,
    Twin,
    TwinView,
    Work,
    catalogue,
    ensemble,
)
from lingjing_hello.frost import deck_temperature, frost_depth

SLIPPERY_MM = 0.1
WAKE_SHARE = 0.1
EFFORT_MINUTES = 20.0
AVERTED_SHARE = 0.5
VEHICLES_PER_HOUSEHOLD = 500.0
USUAL_TRAFFIC = 2000.0


def frost_of_members(outlook: Outlook) -> NDArray[np.float64]:
    """Frost on a deck [mm] over the window [members, hours + 1], spin-up computed and cut off."""
    weather = {name: values.astype(np.float64) for name, values in outlook.forcings.items()}
    deck = deck_temperature(
        weather["air_temperature"],
        weather["cloud_cover"],
        weather["wind_speed"],
        weather["shortwave_down"],
    )
    depth = frost_depth(deck, weather["dew_point"], weather["wind_speed"])
    return depth[:, outlook.spin_up_hours :]


class BridgeFrost(Scenario):
    """Foresees hoar frost on bridges."""

    def wake(self, outlook: Outlook) -> Alarm | None:
        """Wake where a tenth of the members bring slippery frost."""
        share = float((frost_of_members(outlook) > SLIPPERY_MM).any(axis=1).mean())
        if share < WAKE_SHARE:
            return None
        text = catalogue("lingjing_hello").both(
            "alarm", hours=outlook.window.hours, probability=round(share * 100)
        )
        return Alarm("act" if share >= 0.5 else "watch", text)

    def foresee(self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress) -> Foreseen:
        """All bridges stand in the same weather: one situation, many assets."""
        del seed, progress  # nothing is drawn, and it takes no time
        roads = twin.view("RoadSegment")
        bridges = roads.ids[roads.flag("bridge")]
        situation = np.zeros(bridges.size, dtype=np.int32)
        frost = frost_of_members(outlook).astype(np.float32)[None]  # [1, members, hours + 1]
        slippery = frost > SLIPPERY_MM
        depth = Outcome(
            quantity="road_frost",
            kind="RoadSegment",
            assets=bridges,
            situation=situation,
            levels=ensemble.percentiles(frost.max(axis=2)),
            fan=ensemble.percentiles(frost),
        )
        event = Outcome(
            quantity="road_slippery",
            kind="RoadSegment",
            assets=bridges,
            situation=situation,
            probability=ensemble.probability(slippery.any(axis=2)),
            onset_hours=ensemble.onset_percentiles(ensemble.first_hours(slippery)),
            hourly=ensemble.probability(slippery),
        )
        return Foreseen((depth, event))

    def answer(self, twin: Twin, foreseen: Foreseen) -> Sequence[Work]:
        """Patrol the bridges, the busiest weighing most."""
        roads = twin.view("RoadSegment")
        row_of = {asset: row for row, asset in enumerate(roads.ids)}
        works = []
        for outcome in foreseen.of("road_slippery"):
            if outcome.probability is None or outcome.onset_hours is None:
                continue
            for asset, situation in zip(outcome.assets, outcome.situation, strict=True):
                chance = float(outcome.probability[situation])
                if chance > 0.0:
                    onset = outcome.onset_hours[situation]
                    works.append(patrol(roads, row_of[asset], chance, onset))
        return works


def patrol(roads: TwinView, row: int, chance: float, onset: NDArray[np.float32]) -> Work:
    """The patrol of one bridge."""
    texts = catalogue("lingjing_hello")
    asset, name = str(roads.ids[row]), roads.text("name")[row]
    traffic = float(roads.number("traffic_volume", USUAL_TRAFFIC)[row])
    early, middle = float(onset[0]), float(onset[2])
    return Work(
        id=f"bridge-frost:inspect:{asset}",
        action="inspect",
        target=asset,
        assets=(asset,),
        title={
            locale: texts.text("title", locale, name=name or texts.text("place", locale))
            for locale in texts.texts
        },
        place=name or "",
        longitude_deg=float(roads.longitude_deg[row]),
        latitude_deg=float(roads.latitude_deg[row]),
        hazard="road_slippery",
        probability=chance,
        expected_failures=chance,
        weight=chance * traffic / VEHICLES_PER_HOUSEHOLD,
        averted_share=AVERTED_SHARE,
        onset_hours=middle,
        onset_early_hours=early,
        owner="public_works",
        effort_minutes=EFFORT_MINUTES,
        amount=0.0,
        amount_unit="",
        reason=Reason(
            texts.both(
                "reason",
                probability=round(chance * 100),
                onset=round(middle),
                traffic=f"{round(traffic, -2):.0f}",
            ),
            {"probability": chance, "onset_hours": middle, "traffic_per_day": traffic},
        ),
    )
