"""Scores of a road forecast, and the test of the observations' clock."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.forecast.clock import find_repeats, mended, scan_clock
from lingjing.forecast.verification import (
    economic_value,
    match_onsets,
    onset_hours,
    quantile_crps,
    quantile_probability,
    verify,
)

RNG = np.random.default_rng(3)
HOURS = 24 * 60
CLOCK = np.arange(HOURS)
TRUTH = (
    1.0
    + 4.0 * np.sin((CLOCK % 24 - 9) / 24 * 2 * np.pi)
    + 3.0 * np.sin(CLOCK / 170.0)
    + np.convolve(RNG.normal(0, 0.6, HOURS + 5), np.ones(6) / 2.0, "valid")
)
NIGHT = (CLOCK % 24 >= 18) | (CLOCK % 24 < 6)
LEVELS = (0.1, 0.5, 0.9)


def _spread(centre: np.ndarray, width: float) -> dict[float, np.ndarray]:
    return {0.1: centre - 1.2816 * width, 0.5: centre, 0.9: centre + 1.2816 * width}


def test_a_perfect_forecast_has_perfect_scores() -> None:
    done = verify(TRUTH, TRUTH, night=NIGHT, quantiles=_spread(TRUTH, 1e-9))
    assert done.errors["all"].mean_absolute == 0
    assert set(done.errors) == {"all", "night", "day", "critical"}
    assert done.errors["night"].count + done.errors["day"].count == done.errors["all"].count
    assert done.events["all"].detection == 1
    assert done.events["all"].false_alarm_ratio == 0
    assert done.brier == pytest.approx(0.0, abs=1e-3)
    assert done.brier_skill == pytest.approx(1.0, abs=0.01)
    assert done.crps_C == pytest.approx(0.0, abs=1e-6)
    assert all(item.yes_no == pytest.approx(1.0) for item in done.value)
    assert done.onsets.matched == done.onsets.observed == done.onsets.forecast > 20
    assert done.onsets.errors is not None
    assert done.onsets.errors.mean_absolute == 0


def test_an_honest_spread_is_reliable_and_a_narrow_one_is_not() -> None:
    error = RNG.normal(0, 1.5, HOURS)
    honest = verify(TRUTH, TRUTH + error, night=NIGHT, quantiles=_spread(TRUTH, 1.5))
    narrow = verify(TRUTH, TRUTH + error, night=NIGHT, quantiles=_spread(TRUTH, 0.3))
    assert honest.within_p10_p90 == pytest.approx(0.8, abs=0.04)
    assert narrow.within_p10_p90 is not None
    assert narrow.within_p10_p90 < 0.3
    assert honest.brier is not None
    assert narrow.brier is not None
    assert honest.brier < narrow.brier
    assert honest.crps_C < narrow.crps_C
    for item in honest.reliability:
        if item.count > 60:
            assert item.observed == pytest.approx(item.forecast, abs=0.12)


def test_gaps_on_either_side_are_left_out_and_no_pair_is_refused() -> None:
    forecast, observed = TRUTH + 1.0, TRUTH.copy()
    forecast[:100], observed[-50:] = np.nan, np.nan
    done = verify(forecast, observed, night=NIGHT)
    assert done.errors["all"].count == HOURS - 150
    assert done.errors["all"].bias == pytest.approx(1.0)
    assert done.brier is None
    assert done.crps_C == done.errors["all"].mean_absolute
    with pytest.raises(ValueError, match="no pair"):
        verify(np.full(HOURS, np.nan), TRUTH, night=NIGHT)
    with pytest.raises(ValueError, match="length"):
        verify(TRUTH[1:], TRUTH, night=NIGHT)


def test_probabilities_from_quantiles_are_those_of_the_distribution() -> None:
    quantiles = np.array([[-1.2816, 0.0, 1.2816]]).repeat(5, axis=0)
    for threshold, expected in ((-3.0, 0.00135), (-1.2816, 0.1), (0.0, 0.5), (2.0, 0.97725)):
        found = quantile_probability(LEVELS, quantiles, threshold)
        assert found == pytest.approx(expected, abs=2e-3)
    assert np.isnan(quantile_probability(LEVELS, quantiles * np.nan, 0.0)).all()


def test_the_crps_agrees_with_an_independent_implementation() -> None:
    scoringrules = pytest.importorskip("scoringrules")
    observed = RNG.normal(0, 1, 200)
    quantiles = np.sort(RNG.normal(0, 1, (200, 3)), axis=1)
    theirs = scoringrules.crps_quantile(observed, quantiles, np.array(LEVELS), backend="numpy")
    assert quantile_crps(LEVELS, quantiles, observed) == pytest.approx(float(theirs.mean()))


def test_onsets_need_quiet_before_and_pair_with_the_nearest() -> None:
    below = np.zeros(60, dtype=bool)
    below[10:14] = below[16:20] = below[40:45] = True
    known = np.ones(60, dtype=bool)
    assert onset_hours(below, known) == [10, 40]
    known[36] = False
    assert onset_hours(below, known) == [10]
    found = match_onsets([12, 14, 80], [10, 40])
    assert (found.observed, found.forecast, found.matched) == (2, 3, 1)
    assert found.errors is not None
    assert found.errors.bias == 2.0
    assert match_onsets([], [5]).errors is None


def test_the_value_of_acting_follows_the_definition() -> None:
    came = np.array([True, False, False, False])
    assert economic_value(came, came, 0.2) == pytest.approx(1.0)
    always = np.ones(4, dtype=bool)
    assert economic_value(always, came, 0.2) == pytest.approx(0.0)
    assert economic_value(~always, came, 0.4) == pytest.approx(0.0)
    # one hit, one false alarm at 0.2: (0.2 - 0.1) / (0.2 - 0.05)
    said = np.array([True, True, False, False])
    assert economic_value(said, came, 0.2) == pytest.approx(0.1 / 0.15)
    assert np.isnan(economic_value(said, always, 0.2))


@pytest.mark.parametrize("late", [-5, 0, 3, 11])
def test_a_clock_that_runs_late_is_found_by_its_hours(late: int) -> None:
    stamped = np.roll(TRUTH, late)  # what belongs to h stands at h + late
    found = scan_clock(TRUTH + RNG.normal(0, 0.5, HOURS) + 2.0, stamped)
    assert found.offset_h == late
    assert found.doubted == (late != 0)
    if late == 0:
        assert not found.stretches


def test_a_clock_set_anew_and_a_broken_sensor_show_where_they_are() -> None:
    observed = TRUTH.copy()
    observed[900:] = np.roll(TRUTH, 2)[900:]
    found = scan_clock(TRUTH + RNG.normal(0, 0.3, HOURS), observed)
    assert [item.offset_h for item in found.stretches] == [2]
    assert abs(found.stretches[0].first - 900) <= 24 * 14
    broken = TRUTH.copy()
    broken[1000:] = RNG.normal(0, 15, HOURS - 1000)
    found = scan_clock(TRUTH + RNG.normal(0, 0.3, HOURS), broken)
    assert found.stretches[-1].offset_h is None
    assert found.stretches[-1].last == HOURS - 1
    with pytest.raises(ValueError, match="too few"):
        scan_clock(TRUTH[:30], TRUTH[:30])


def test_a_logger_that_lost_two_days_and_wrote_two_twice_is_found_and_mended() -> None:
    """From hour 700 on two days are missing, so all stands 48 h early; from 940 on two days stand
    twice, and the rest is right again."""
    road = TRUTH + np.sin(CLOCK / 31.0) * 3.0
    written = road.copy()
    written[700:988] = road[748:1036]
    written[988:1036] = written[940:988]
    found = scan_clock(road + RNG.normal(0, 0.7, HOURS) + 0.5, written)
    (shifted,) = found.stretches
    assert shifted.offset_h == -48
    assert abs(shifted.first - 700) <= 24
    assert abs(shifted.last - 987) <= 24
    assert shifted.error_C < 1.0
    assert shifted.error_as_given_C > 2.0
    assert [(item.first, item.last, item.lag_h) for item in found.repeats] == [(988, 1035, 48)]
    moved = mended(written, found.offsets)
    known = np.isfinite(moved)
    assert np.abs(moved - road)[known].mean() < 0.35 * np.abs(written - road).mean()
    scores = verify(road + RNG.normal(0, 0.7, HOURS), written, night=NIGHT)
    assert scores.mended is not None
    assert scores.mended.errors["all"].mean_absolute < 0.8 * scores.errors["all"].mean_absolute
    assert verify(road, road, night=NIGHT).mended is None


def test_weather_that_comes_back_is_no_repeat_and_neither_is_a_stuck_sensor() -> None:
    assert find_repeats(np.round(TRUTH, 1)) == []
    stuck = TRUTH.copy()
    stuck[400:500] = 3.2
    assert find_repeats(stuck) == []
