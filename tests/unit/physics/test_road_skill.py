"""The road against an observed winter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lingjing.forecast.clock import mended
from lingjing.forecast.road_hindcast import Hindcast, hindcast_road
from lingjing.forecast.verification import verify
from lingjing.sources.series_csv import read_series
from lingjing.vocabulary.series import HourlySeries

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def winter(shared_data: Path) -> HourlySeries:
    """The observed winter of 2009/10."""
    path = shared_data / "pavement" / "winter-2009-10.csv"
    if not path.is_file():
        pytest.skip("the observed winter is absent from the real data")
    return read_series(path.read_text(encoding="utf-8"), path.name)


@pytest.fixture(scope="module")
def done(winter: HourlySeries) -> Hindcast:
    """The road through it, open loop, by the defaults."""
    return hindcast_road(winter)


def test_the_record_is_read_as_it_was_published(winter: HourlySeries) -> None:
    error = winter.columns["air_temperature_C"] - winter.columns["pavement_temperature_C"]
    assert np.nanmean(np.abs(error[240:])) == pytest.approx(2.46, abs=0.1)


def test_the_defaults_reach_what_is_published_of_them(winter: HourlySeries, done: Hindcast) -> None:
    point = done.column("road_temperature_C")
    point[:240] = np.nan
    night = np.nan_to_num(winter.columns["shortwave_down_W_m2"]) < 5.0
    found = verify(
        point, winter.columns["pavement_temperature_C"], night=night,
        quantiles={0.1: done.column("p10"), 0.5: done.column("p50"), 0.9: done.column("p90")},
    )  # fmt: skip
    assert found.errors["all"].count > 3000
    assert found.errors["all"].mean_absolute < 1.40
    assert found.events["all"].detection > 0.87
    assert found.events["all"].false_alarm_ratio < 0.06
    assert found.within_p10_p90 == pytest.approx(0.8, abs=0.06)
    assert found.brier_skill is not None
    assert found.brier_skill > 0.7


def test_the_logger_lost_two_days_in_march_and_the_record_says_so_itself(
    winter: HourlySeries, done: Hindcast
) -> None:
    """From 15 March on the pavement stands two days early, until two days of it stand twice: the
    same 48 values, which no model is needed to see."""
    point = done.column("road_temperature_C")
    half = winter.hours // 2
    observed = winter.columns["pavement_temperature_C"]
    found = verify(point, observed, night=np.zeros(winter.hours, bool))
    assert found.clock is not None
    assert found.clock.offset_h == 0
    (shifted,) = found.clock.stretches
    assert shifted.offset_h in (-48, -49)
    assert winter.time_text(shifted.first).startswith("2010-03-15")
    (repeat,) = found.clock.repeats
    assert (repeat.lag_h, repeat.last - repeat.first + 1) == (48, 48)
    assert winter.time_text(repeat.first) == "2010-03-26T19:00"
    error = np.abs(mended(observed, found.clock.offsets) - point)
    assert np.isfinite(error[half:]).sum() > 1700
    assert np.nanmean(error[half:]) < 1.15


def test_a_wrong_clock_would_have_been_found(winter: HourlySeries, done: Hindcast) -> None:
    late = np.roll(winter.columns["pavement_temperature_C"], 5)
    found = verify(done.column("road_temperature_C"), late, night=np.zeros(winter.hours, bool))
    assert found.clock is not None
    assert found.clock.doubted
    assert found.clock.offset_h == 5


def test_a_coarser_step_changes_little(winter: HourlySeries, done: Hindcast) -> None:
    coarse = hindcast_road(winter, step_s=300.0).column("road_temperature_C")
    assert np.abs(coarse - done.column("road_temperature_C")).mean() < 0.1
