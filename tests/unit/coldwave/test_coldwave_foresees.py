"""What the cold wave foresees on a small synthetic district."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from lingjing.forecast.outlook import Outlook
from lingjing.forecast.prepare import prepare_outlook
from lingjing.scenarios.coldwave import Coldwave
from lingjing.scenarios.coldwave.roads import LEAST_DOSE_G_M2, MOST_DOSE_G_M2
from lingjing.sdk import Foreseen, Outcome, Progress, Text
from lingjing.twin.entities import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import WeatherTable, Window, quantity

EVENTS = {
    "road_below_zero", "road_slippery", "road_icy", "freezing", "plugged", "cracked", "burst",
    "cold_exposure",
}  # fmt: skip

MakeTwin = Callable[..., MemoryTwin]
MakeOutlook = Callable[..., Outlook]


def foresee(twin: MemoryTwin, outlook: Outlook, seed: int = 7, **how: int) -> Foreseen:
    return Coldwave(**how).foresee(twin, outlook, seed=seed, progress=Progress())


def the(foreseen: Foreseen, name: str, kind: str) -> Outcome:
    (found,) = (item for item in foreseen.of(name) if item.kind == kind)
    return found


def of_asset(foreseen: Foreseen, name: str, kind: str, local: str) -> float:
    outcome = the(foreseen, name, kind)
    row = next(i for i, item in enumerate(outcome.assets) if item.endswith(f":{local}"))
    values = outcome.probability if outcome.is_event else outcome.levels[:, 2]  # type: ignore[index]
    return float(values[outcome.situation[row]])  # type: ignore[index]


def same(one: Foreseen, other: Foreseen) -> bool:
    fields = ("levels", "fan", "probability", "onset_hours", "hourly")
    for first, second in zip(one.outcomes, other.outcomes, strict=True):
        if (first.quantity, first.kind) != (second.quantity, second.kind):
            return False
        for name in fields:
            left, right = getattr(first, name), getattr(second, name)
            if (left is None) != (right is None):
                return False
            if left is not None and left.tobytes() != right.tobytes():
                return False
    return True


def test_every_promise_is_kept_in_shape_bounds_and_kind(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(rain_mm_h=0.5)
    foreseen = foresee(twin, outlook)
    for outcome in foreseen.outcomes:
        bounds = quantity(outcome.quantity)
        assert outcome.kind in bounds.lives_on
        assert outcome.is_event == (outcome.quantity in EVENTS)
        rows = int(outcome.situation.max()) + 1
        hours = outlook.window.hours + 1
        assert outcome.assets.size == outcome.situation.size
        if outcome.is_event:
            assert outcome.probability is not None
            assert outcome.hourly is not None
            assert outcome.onset_hours is not None
            assert outcome.probability.shape == (rows,)
            assert outcome.hourly.shape == (rows, hours)
            assert outcome.onset_hours.shape == (rows, 5)
            assert ((outcome.hourly >= 0) & (outcome.hourly <= 1)).all()
            never = outcome.probability == 0
            assert (np.isnan(outcome.onset_hours).all(axis=1) == never).all()
            known = outcome.onset_hours[~never]
            assert ((known >= 0) & (known <= outlook.window.hours)).all()
            assert (outcome.hourly.max(axis=1) <= outcome.probability + 1e-6).all()
        else:
            assert outcome.levels is not None
            assert outcome.fan is not None
            assert outcome.levels.shape == (rows, 5)
            assert outcome.fan.shape == (rows, 5, hours)
            bounds.check(outcome.levels)
            bounds.check(outcome.fan)
            assert (np.diff(outcome.fan, axis=1) >= -1e-4).all()
    assert {item.quantity for item in foreseen.outcomes} >= EVENTS | {"tank_ice", "salt_dose"}
    assert foreseen.window == outlook.window


def test_bare_pipes_plug_and_well_insulated_ones_hold(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    foreseen = foresee(twin, make_outlook(-7.0))
    assert of_asset(foreseen, "plugged", "MeterBox", "box-0") > 0.7
    assert of_asset(foreseen, "plugged", "MeterBox", "box-2") < 0.1
    assert of_asset(foreseen, "plugged", "Valve", "valve-0") == 0.0  # buried


def test_ice_alone_is_an_event_of_its_own_and_never_likelier_than_a_slippery_road_while_cold(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    wet = foresee(twin, make_outlook(-7.0, rain_mm_h=0.5))
    dry = foresee(twin, make_outlook(-7.0))
    assert of_asset(wet, "road_icy", "RoadSegment", "road-0") > 0.5
    assert of_asset(dry, "road_icy", "RoadSegment", "road-0") == 0.0
    icy = the(wet, "road_icy", "RoadSegment")
    ice = the(wet, "road_ice", "RoadSegment")
    # in the median member ice stands above 0.1 mm exactly where the event is at least even odds
    even = icy.hourly >= 0.5  # type: ignore[operator]
    assert ((ice.fan[:, 2] > 0.1) == even).all()  # type: ignore[index]


def test_a_burst_is_a_crack_that_shows_in_the_thaw(
    twin: MemoryTwin, make_weather: Callable[..., WeatherTable]
) -> None:
    table = make_weather(-9.0, members=5)
    thaw = np.where(np.arange(150) < 110, 0.0, 16.0)
    columns = {
        **table.columns,
        "air_temperature": (table.columns["air_temperature"] + thaw).astype(np.float32),
    }
    warming = replace(table, columns=columns)
    window = Window(datetime(2023, 12, 20, 9, tzinfo=UTC), 80)
    outlook = prepare_outlook(
        warming, window, members=None, seed=1, longitude_deg=121.5, latitude_deg=31.3
    )
    foreseen = foresee(twin, outlook)
    plugged, cracked, burst = (
        the(foreseen, name, "MeterBox") for name in ("plugged", "cracked", "burst")
    )
    bare = plugged.situation[0]
    assert plugged.probability[bare] >= cracked.probability[bare] >= burst.probability[bare] > 0.5
    onset = [item.onset_hours[bare, 2] for item in (plugged, cracked, burst)]
    assert onset == sorted(onset)
    # the frost ends 109 h into the record, 52 h into the window; nothing shows before
    assert onset[1] < 52.0 < onset[2]
    assert burst.hourly[bare, 51] == 0.0


def test_a_mild_night_freezes_nothing(twin: MemoryTwin, make_outlook: MakeOutlook) -> None:
    foreseen = foresee(twin, make_outlook(4.0))
    for name in ("plugged", "cracked", "burst", "freezing", "cold_exposure"):
        for outcome in foreseen.of(name):
            assert outcome.probability is not None
            assert outcome.probability.max() == 0.0, (name, outcome.kind)
    assert not Coldwave().answer(twin, foreseen)


def test_colder_air_never_makes_a_plug_or_a_cold_road_less_likely(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    runs = [foresee(twin, make_outlook(lowest)) for lowest in (-1.0, -3.0, -5.0, -8.0)]
    for name in ("plugged", "freezing", "road_below_zero"):
        for kind in {item.kind for item in runs[0].of(name)}:
            rows = [the(run, name, kind).probability for run in runs]
            for milder, colder in itertools.pairwise(rows):
                assert (colder >= milder).all(), (name, kind)  # type: ignore[operator]
    colds = [the(run, "road_surface_temperature", "RoadSegment").levels for run in runs]
    assert (np.diff(np.stack(colds), axis=0) < 0).all()  # type: ignore[arg-type]


def test_snow_makes_roads_slippery_and_a_dry_night_does_not(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    wet = foresee(twin, make_outlook(-7.0, rain_mm_h=0.5))
    dry = foresee(twin, make_outlook(-7.0))
    assert of_asset(wet, "road_slippery", "RoadSegment", "road-0") > 0.9
    assert of_asset(dry, "road_slippery", "RoadSegment", "road-0") < 0.2
    assert of_asset(dry, "salt_dose", "RoadSegment", "road-0") == 0.0
    dose = of_asset(wet, "salt_dose", "RoadSegment", "road-0")
    assert LEAST_DOSE_G_M2 <= dose <= MOST_DOSE_G_M2


def test_the_bridge_is_the_first_road_below_zero(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    foreseen = foresee(twin, make_outlook(-7.0))
    coldest = [
        of_asset(foreseen, "road_surface_temperature", "RoadSegment", name)
        for name in ("road-1", "road-0")  # a deck, and a road alike but for the ground below
    ]
    assert coldest[0] < coldest[1] - 0.1
    outcome = the(foreseen, "road_below_zero", "RoadSegment")
    assert outcome.onset_hours is not None
    onset = dict(zip(outcome.assets, outcome.of_assets(outcome.onset_hours)[:, 2], strict=True))
    # of the roads under as much sky; stairs and lanes in the open see all of it
    bridge, *alike = (onset[f"urn:ngsi-ld:RoadSegment:test:road-{n}"] for n in (1, 0, 5))
    assert bridge <= min(alike)


def test_tunnels_are_left_out_and_said_so(twin: MemoryTwin, make_outlook: MakeOutlook) -> None:
    foreseen = foresee(twin, make_outlook())
    outcome = the(foreseen, "road_slippery", "RoadSegment")
    assert "urn:ngsi-ld:RoadSegment:test:road-3" not in outcome.assets
    assert outcome.assets.size == 5
    assert any("隧道" in remark["zh-CN"] for remark in foreseen.remarks)


def test_equal_assets_share_a_situation(twin: MemoryTwin, make_outlook: MakeOutlook) -> None:
    outcome = the(foresee(twin, make_outlook()), "road_ice", "RoadSegment")
    row = dict(zip(outcome.assets, outcome.situation, strict=True))
    assert row["urn:ngsi-ld:RoadSegment:test:road-0"] == row["urn:ngsi-ld:RoadSegment:test:road-5"]
    assert outcome.levels is not None
    assert outcome.levels.shape[0] == 4


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook()
    assert same(foresee(twin, outlook), foresee(twin, outlook))
    assert not same(foresee(twin, outlook), foresee(twin, outlook, seed=8))


def test_results_do_not_depend_on_the_size_of_blocks(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook()
    assert same(foresee(twin, outlook), foresee(twin, outlook, budget_bytes=1))


def test_results_do_not_depend_on_the_order_of_assets(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook()
    backwards = make_twin(change=lambda entities: entities[::-1])
    one, other = foresee(make_twin(), outlook), foresee(backwards, outlook)
    assert same(one, other)
    assert Coldwave().answer(make_twin(), one) == Coldwave().answer(backwards, other)


def test_a_kind_more_changes_nothing_for_the_others(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    def without_taps(entities: list[Entity]) -> list[Entity]:
        return [item for item in entities if item.kind != "Tap"]

    outlook = make_outlook()
    full = foresee(make_twin(), outlook)
    fewer = foresee(make_twin(change=without_taps), outlook)
    kept = tuple(item for item in full.outcomes if item.kind != "Tap")
    assert same(Foreseen(kept), Foreseen(fewer.outcomes))


def test_a_district_of_buildings_only_foresees_nothing_and_does_not_fail(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    def bare(entities: list[Entity]) -> list[Entity]:
        return [item for item in entities if item.kind in ("Building", "SubDistrict")]

    twin = make_twin(change=bare)
    foreseen = foresee(twin, make_outlook())
    assert foreseen.outcomes == ()
    assert list(Coldwave().answer(twin, foreseen)) == []


def test_progress_rises_to_the_end(twin: MemoryTwin, make_outlook: MakeOutlook) -> None:
    class Listening(Progress):
        def __init__(self) -> None:
            self.heard: list[tuple[float, Text]] = []

        def report(self, done: float, text: Text) -> None:
            self.heard.append((done, text))

    progress = Listening()
    Coldwave(budget_bytes=1).foresee(twin, make_outlook(), seed=1, progress=progress)
    shares = [done for done, _ in progress.heard]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert len(shares) > 8
    assert all(text["zh-CN"] and text["en"] for _, text in progress.heard)


def test_it_sleeps_through_mild_weather_and_wakes_by_degrees(make_outlook: MakeOutlook) -> None:
    scenario = Coldwave()
    assert scenario.wake(make_outlook(4.0)) is None
    watch, act = scenario.wake(make_outlook(0.0)), scenario.wake(make_outlook(-6.0))
    assert watch is not None
    assert act is not None
    assert (watch.level, act.level) == ("watch", "act")
    assert "−6.0" in act.text["en"]
    assert "−6.0" in act.text["zh-CN"]


def test_snow_in_freezing_air_is_enough_to_act(make_outlook: MakeOutlook) -> None:
    dry, snow = make_outlook(-2.0), make_outlook(-2.0, rain_mm_h=1.0)
    alarms = [Coldwave().wake(item) for item in (dry, snow)]
    assert [item.level for item in alarms if item] == ["watch", "act"]


def test_the_shortest_run_without_spin_up_still_answers(
    twin: MemoryTwin, make_weather: Callable[..., WeatherTable]
) -> None:
    outlook = prepare_outlook(
        make_weather(-7.0),
        Window(datetime(2023, 12, 18, tzinfo=UTC), 1),
        members=1,
        seed=1,
        longitude_deg=121.5,
        latitude_deg=31.3,
    )
    assert outlook.spin_up_hours == 0
    foreseen = foresee(twin, outlook)
    fan = the(foreseen, "road_surface_temperature", "RoadSegment").fan
    assert fan is not None
    assert fan.shape[2] == 2
    assert np.isfinite(fan).all()
    assert list(Coldwave().answer(twin, foreseen)) == []
