"""What a guest returns is held against its manifest, number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lingjing.engine.checks import check_alarm, check_foreseen, check_works
from lingjing.engine.run_snapshot import Snapshot, snapshot_of
from lingjing.sdk import Action, Alarm, Foreseen, LingjingError, Manifest, Outcome, Reason, Work
from lingjing.sdk.testkit import small_twin

HOURS = 6
MANIFEST = Manifest(
    id="guest", api=1, title_zh="客", title_en="Guest", summary_zh="客。", summary_en="Guest.",
    needs=("air_temperature",), kinds=("RoadSegment", "MeterBox"),
    emits=("road_surface_temperature", "plugged"), actions=(Action("wrap", "包扎", "Wrap"),),
    time_limit_s=60.0, package="guest", class_name="Guest",
)  # fmt: skip
GHOST = "urn:ngsi-ld:RoadSegment:testville:ghost"
TEXT = {"zh-CN": "冷", "en": "cold"}


@pytest.fixture(scope="module")
def twin() -> Snapshot:
    return snapshot_of(small_twin())


def state(twin: Snapshot) -> Outcome:
    roads = twin.view("RoadSegment")
    levels = np.tile(np.arange(5, dtype=np.float32), (2, 1))
    fan = np.tile(np.arange(5, dtype=np.float32)[:, None], (2, 1, HOURS + 1))
    situation = (np.arange(len(roads)) % 2).astype(np.int32)
    return Outcome(
        "road_surface_temperature", "RoadSegment", roads.ids.copy(), situation, levels, fan
    )


def event(twin: Snapshot) -> Outcome:
    boxes = twin.view("MeterBox")
    onset = np.array([[1, 2, 3, 4, 5], [np.nan] * 5], dtype=np.float32)
    hourly = np.zeros((2, HOURS + 1), dtype=np.float32)
    hourly[0] = 0.5
    return Outcome(
        "plugged",
        "MeterBox",
        boxes.ids.copy(),
        (np.arange(len(boxes)) % 2).astype(np.int32),
        probability=np.array([0.5, 0.0], dtype=np.float32),
        onset_hours=onset,
        hourly=hourly,
    )


def job(twin: Snapshot) -> Work:
    asset = str(twin.view("MeterBox").ids[0])
    return Work(
        id="guest:wrap:1", action="wrap", target=asset, assets=(asset,), title=TEXT, place="",
        longitude_deg=121.5, latitude_deg=31.3, hazard="plugged", probability=0.5,
        expected_failures=0.5, weight=2.0, averted_share=0.8, onset_hours=3.0,
        onset_early_hours=1.0, owner="resident", effort_minutes=10.0, amount=0.0, amount_unit="",
        reason=Reason(TEXT, {}),
    )  # fmt: skip


def test_sound_outcomes_and_work_pass(twin: Snapshot) -> None:
    check_foreseen(MANIFEST, twin, Foreseen((state(twin), event(twin)), (TEXT,)), HOURS)
    check_works(MANIFEST, twin, [job(twin)], HOURS)


def test_work_whose_onset_is_unknown_passes(twin: Snapshot) -> None:
    unknown = replace(job(twin), onset_hours=float("nan"), onset_early_hours=float("nan"))
    check_works(MANIFEST, twin, [unknown], HOURS)


def spoiled(name: str, index: Any, value: float | str) -> Callable[[Outcome], Outcome]:
    def spoil(outcome: Outcome) -> Outcome:
        array = getattr(outcome, name).copy()
        array[index] = value
        return replace(outcome, **{name: array})

    return spoil


STATE_FAULTS: dict[str, tuple[Callable[[Outcome], Outcome], str]] = {
    "a gap in the fan": (spoiled("fan", (0, 0, 3), np.nan), "scenario.not-a-number"),
    "an infinite level": (spoiled("levels", (0, 4), np.inf), "scenario.not-a-number"),
    "kelvin": (spoiled("levels", ..., 273.0), "vocabulary.out-of-bounds"),
    "crossed levels": (spoiled("levels", (0, 0), 9.0), "scenario.broken-promise"),
    "crossed fan": (spoiled("fan", (0, 0, 3), 9.0), "scenario.broken-promise"),
    "no fan": (lambda o: replace(o, fan=None), "scenario.broken-promise"),
    "short fan": (lambda o: replace(o, fan=o.fan[:, :, 1:]), "scenario.broken-promise"),  # type: ignore[index]
    "rows that differ": (lambda o: replace(o, fan=o.fan[:1]), "scenario.broken-promise"),  # type: ignore[index]
    "whole numbers": (lambda o: replace(o, levels=o.levels.astype(int)), "scenario.broken-promise"),  # type: ignore[union-attr]
    "missing situation": (spoiled("situation", 0, 2), "scenario.broken-promise"),
    "negative situation": (spoiled("situation", 0, -1), "scenario.broken-promise"),
    "ghost": (spoiled("assets", 0, GHOST), "scenario.broken-promise"),
    "twice": (lambda o: replace(o, assets=o.assets[[0] * 6]), "scenario.broken-promise"),
    "unpromised": (lambda o: replace(o, quantity="road_ice"), "scenario.broken-promise"),
    "unknown": (lambda o: replace(o, quantity="gloom"), "vocabulary.unknown-quantity"),
    "wrong kind": (lambda o: replace(o, kind="MeterBox"), "scenario.broken-promise"),
}  # fmt: skip

EVENT_FAULTS: dict[str, tuple[Callable[[Outcome], Outcome], str]] = {
    "more than certain": (spoiled("probability", 0, 1.5), "scenario.broken-promise"),
    "not a number": (spoiled("probability", 0, np.nan), "scenario.not-a-number"),
    "less than never": (spoiled("hourly", (0, 0), -0.1), "scenario.broken-promise"),
    "likely but when": (spoiled("onset_hours", 0, np.nan), "scenario.not-a-number"),
    "when but never": (spoiled("onset_hours", 1, 2.0), "scenario.broken-promise"),
    "after the end": (spoiled("onset_hours", (0, 4), HOURS + 1), "scenario.broken-promise"),
    "crossed onsets": (spoiled("onset_hours", (0, 0), 4.0), "scenario.broken-promise"),
    "half of each": (lambda o: replace(o, levels=o.onset_hours), "scenario.broken-promise"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STATE_FAULTS)
def test_a_broken_state_is_refused(twin: Snapshot, fault: str) -> None:
    spoil, code = STATE_FAULTS[fault]
    with pytest.raises(LingjingError) as caught:
        check_foreseen(MANIFEST, twin, Foreseen((spoil(state(twin)),)), HOURS)
    assert caught.value.code == code


@pytest.mark.parametrize("fault", EVENT_FAULTS)
def test_a_broken_event_is_refused(twin: Snapshot, fault: str) -> None:
    spoil, code = EVENT_FAULTS[fault]
    with pytest.raises(LingjingError) as caught:
        check_foreseen(MANIFEST, twin, Foreseen((spoil(event(twin)),)), HOURS)
    assert caught.value.code == code


def test_the_same_outcome_twice_is_refused(twin: Snapshot) -> None:
    with pytest.raises(LingjingError, match="comes twice"):
        check_foreseen(MANIFEST, twin, Foreseen((state(twin), state(twin))), HOURS)


def test_a_remark_in_one_language_is_refused(twin: Snapshot) -> None:
    with pytest.raises(LingjingError, match="zh-CN"):
        check_foreseen(MANIFEST, twin, Foreseen((), ({"en": "cold"},)), HOURS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"action": "dance"}, "scenario.broken-promise"),
        ({"hazard": "burst"}, "scenario.broken-promise"),
        ({"target": "urn:x"}, "scenario.broken-promise"),
        ({"assets": ("urn:x",)}, "scenario.broken-promise"),
        ({"probability": 1.2}, "scenario.broken-promise"),
        ({"probability": float("nan")}, "scenario.not-a-number"),
        ({"weight": float("inf")}, "scenario.not-a-number"),
        ({"effort_minutes": -1.0}, "scenario.broken-promise"),
        ({"onset_hours": HOURS + 1.0}, "scenario.broken-promise"),
        ({"latitude_deg": 121.0}, "scenario.broken-promise"),
        ({"title": {"en": "x"}}, "scenario.broken-promise"),
    ],
)
def test_broken_work_is_refused(twin: Snapshot, change: dict[str, Any], code: str) -> None:
    with pytest.raises(LingjingError) as caught:
        check_works(MANIFEST, twin, [replace(job(twin), **change)], HOURS)
    assert caught.value.code == code


def test_two_jobs_with_one_id_are_refused(twin: Snapshot) -> None:
    with pytest.raises(LingjingError, match="two pieces of work"):
        check_works(MANIFEST, twin, [job(twin), job(twin)], HOURS)


def test_an_alarm_has_a_known_level_and_words_in_every_language() -> None:
    check_alarm(MANIFEST, None)
    check_alarm(MANIFEST, Alarm("act", TEXT))
    with pytest.raises(LingjingError, match="level"):
        check_alarm(MANIFEST, Alarm("panic", TEXT))  # type: ignore[arg-type]
    with pytest.raises(LingjingError, match="zh-CN"):
        check_alarm(MANIFEST, Alarm("act", {"en": "cold"}))
