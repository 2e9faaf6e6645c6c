"""A sensor's record is judged before physics believes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lingjing.engine.sensor_simulation import Fault, messages, place_sensors
from lingjing.forecast.readings import Said, brought_together, judged

START = np.datetime64("2023-12-20T10:00:00", "s")
HOURS = START + (np.arange(49) - 48) * np.timedelta64(3600, "s")
BEGIN_S = int(HOURS[0].astype(np.int64))


def said(seconds: np.ndarray, values: np.ndarray, sensor: str = "", asset: str = "road") -> Said:
    return Said(
        asset, "RoadSegment", "road_surface_temperature", sensor, seconds.astype(np.int64),
        values.astype(np.float64),
    )  # fmt: skip


def sound(every_s: int = 600, until_h: float = 48.0) -> tuple[np.ndarray, np.ndarray]:
    seconds = BEGIN_S + np.arange(0, int(until_h * 3600) + 1, every_s)
    values = (
        2.0 + 4.0 * np.sin((seconds - BEGIN_S) / 86400 * 2 * np.pi) + 0.01 * np.arange(seconds.size)
    )
    return seconds, values


def test_a_sound_sensor_is_taken_hour_by_hour_up_to_the_start_and_not_beyond() -> None:
    seconds, values = sound()
    late = np.append(seconds, seconds[-1] + np.arange(600, 3601, 600))
    found, heard = judged(said(late, np.append(values, np.full(6, 40.0))), HOURS)
    assert heard.reason is None
    assert np.isfinite(found).all()
    assert found == pytest.approx(np.interp(HOURS.astype(np.int64), seconds, values), abs=0.3)
    assert found[-1] < 10.0
    assert heard.silent_h == 0.0


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s, v: (s, np.where(np.arange(v.size) % 3 == 0, 127.0, v)), "impossible"),
        (lambda s, v: (s, np.where(s > s[-1] - 5 * 3600, v[100], v)), "stuck"),
        (lambda s, v: (s, v + np.where(np.arange(v.size) % 3 == 0, 15.0, 0.0)), "jumping"),
        (lambda s, v: (s[s < s[-1] - 7 * 3600], v[s < s[-1] - 7 * 3600]), "too-old"),
        (lambda s, v: (s[-3:], v[-3:]), "too-few"),
        (lambda s, v: (s[:0], v[:0]), "too-old"),
    ],
)  # fmt: skip
def test_a_faulty_sensor_is_refused_with_its_reason(spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    found, heard = judged(said(*spoil(*sound())), HOURS)
    assert heard.reason == reason
    assert np.isnan(found).all()
    assert heard.gain == 0.0


def test_single_spikes_and_gaps_are_left_out_and_the_rest_is_taken() -> None:
    seconds, values = sound()
    spiked = values.copy()
    spiked[[40, 130, 250]] = [85.0, -25.0, 60.0]
    spiked[200] = np.nan
    kept = (np.arange(seconds.size) < 100) | (np.arange(seconds.size) > 118)
    found, heard = judged(said(seconds[kept], spiked[kept]), HOURS)
    assert heard.reason is None
    assert heard.dropped == 4
    assert np.isnan(found).sum() == 3
    clean = np.interp(HOURS.astype(np.int64), seconds, values)
    assert np.nanmax(np.abs(found - clean)) < 0.4


def test_water_that_freezes_may_stand_at_zero_for_hours() -> None:
    seconds, values = sound()
    plateau = np.where(seconds > seconds[-1] - 6 * 3600, 0.0, np.abs(values) + 1.0)
    assert judged(said(seconds, plateau), HOURS)[1].reason is None


def test_a_stuck_stretch_in_the_past_is_left_out_where_enough_remains() -> None:
    seconds, values = sound()
    mended = np.where(seconds < BEGIN_S + 10 * 3600, values[0], values)
    found, heard = judged(said(seconds, mended), HOURS)
    assert heard.reason is None
    assert heard.dropped >= 58
    assert np.isnan(found[2:9]).all()
    assert np.isfinite(found[-30:]).all()


def test_several_sensors_of_one_road_are_averaged_and_a_refused_one_is_not() -> None:
    seconds, values = sound()
    records = [
        said(seconds, values, "a"),
        said(seconds, values + 1.0, "b"),
        said(seconds, np.full(seconds.size, 3.0), "c"),
    ]
    (readings,), heard = brought_together(records[::-1], HOURS)
    assert readings.assets.tolist() == ["road"]
    alone, _ = judged(records[0], HOURS)
    assert readings.values[0] == pytest.approx(alone + 0.5)
    assert [(item.sensor, item.reason) for item in heard] == [
        ("a", None), ("b", None), ("c", "stuck"),
    ]  # fmt: skip


def simulated(faults: Sequence[Fault], faulty: float) -> list[Said]:
    """Two days of twenty simulated road sensors."""
    things = [(f"road-{number}", "RoadSegment") for number in range(20)]
    placed = place_sensors(things, 5, faulty, faults)
    sent = list(messages(placed, BEGIN_S * 1_000_000, 48.0, 600.0, 5))
    found = []
    for sensor in placed:
        own = {
            item.observed_us // 1_000_000: item.value
            for item in sent
            if item.entity == sensor.entity
        }
        at = np.array(sorted(own))
        found.append(said(at, np.array([own[second] for second in sorted(own)]), "", sensor.entity))
    return found


def test_simulated_sensors_pass_when_sound_and_their_faults_are_met() -> None:
    _, heard = brought_together(simulated((), 0.0), HOURS)
    assert all(item.reason is None and item.dropped <= 2 for item in heard)
    _, heard = brought_together(simulated(("spikes",), 1.0), HOURS)
    assert all(item.reason is None for item in heard)
    assert all(item.dropped >= 1 for item in heard)
    _, heard = brought_together(simulated(("stuck",), 1.0), HOURS)
    # stuck near 0 °C looks like water that freezes, and is not told apart
    assert sum(item.dropped >= 20 for item in heard) >= 14
    for fault in ("drop-outs", "duplicates", "late", "clock-skew"):
        _, heard = brought_together(simulated((fault,), 1.0), HOURS)  # type: ignore[arg-type]
        assert sum(item.reason is None for item in heard) >= 18, fault
