"""Verification scores against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lingjing.forecast import scores


def test_errors_leave_gaps_out() -> None:
    found = scores.value_errors([1.0, 3.0, 9.0], [0.0, 4.0, math.nan])
    assert found.count == 2
    assert found.mean_absolute == pytest.approx(1.0)
    assert found.bias == pytest.approx(0.0)
    assert found.root_mean_square == pytest.approx(1.0)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="no pair"):
        scores.value_errors([math.nan], [1.0])


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        scores.brier([0.1, 0.2], [1.0])


def test_contingency_counts_the_four_cases() -> None:
    table = scores.contingency([1, 1, 0, 0, 1], [1, 0, 1, 0, 1])
    assert (table.hits, table.misses, table.false_alarms, table.quiet) == (2, 1, 1, 1)
    assert table.detection == pytest.approx(2 / 3)
    assert table.miss_rate == pytest.approx(1 / 3)
    assert table.false_alarm_ratio == pytest.approx(1 / 3)


def test_rates_of_nothing_are_not_a_number() -> None:
    table = scores.contingency([0], [0])
    assert math.isnan(table.detection)
    assert math.isnan(table.false_alarm_ratio)


def test_brier_is_zero_for_certainty_that_comes_true() -> None:
    assert scores.brier([1.0, 0.0], [1, 0]) == 0.0
    assert scores.brier([0.8, 0.3], [1, 0]) == pytest.approx((0.04 + 0.09) / 2)


def test_reliability_of_honest_probabilities_lies_on_the_diagonal() -> None:
    generator = np.random.default_rng(3)
    said = generator.random(40_000)
    came = generator.random(40_000) < said
    for row in scores.reliability(said, came):
        assert row.observed == pytest.approx(row.forecast, abs=0.03)
    assert sum(row.count for row in scores.reliability(said, came)) == 40_000


def test_certainty_falls_into_the_last_class() -> None:
    (row,) = scores.reliability([1.0, 1.0], [1, 0])
    assert (row.lower, row.upper, row.count, row.observed) == (0.9, 1.0, 2, 0.5)


def test_crps_of_one_member_is_its_absolute_error() -> None:
    assert scores.crps([[2.0], [4.0]], [1.0, 1.0]) == pytest.approx(2.0)


def test_crps_agrees_with_its_definition() -> None:
    members = np.array([[1.0, 4.0, 2.5, -3.0]])
    truth = 0.5
    pairs = np.abs(members[0][:, None] - members[0][None, :]).sum() / (2 * 4 * 3)
    expected = np.abs(members[0] - truth).mean() - pairs
    assert scores.crps(members, [truth]) == pytest.approx(expected)


def test_a_sharper_centred_ensemble_scores_better() -> None:
    generator = np.random.default_rng(5)
    centre = generator.normal(size=500)
    truth = centre + generator.normal(scale=0.5, size=500)
    sharp = centre[:, None] + generator.normal(scale=0.5, size=(500, 20))
    blunt = centre[:, None] + generator.normal(scale=3.0, size=(500, 20))
    assert scores.crps(sharp, truth) < scores.crps(blunt, truth)


def test_onset_errors_are_compared_only_where_both_exist() -> None:
    found = scores.onset_error_hours([5.0, math.nan, 9.0], [7.0, 3.0, math.nan])
    assert found.count == 1
    assert found.bias == pytest.approx(-2.0)
