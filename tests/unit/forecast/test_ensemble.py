"""Reductions over members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lingjing.forecast import ensemble
from lingjing.forecast.outcomes import LEVELS

ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5)),
    elements=st.floats(-50, 50, width=32),
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_percentiles_agree_with_numpy(values: np.ndarray) -> None:
    expected = np.percentile(values.astype(np.float64), LEVELS, axis=1)
    found = ensemble.percentiles(values)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.moveaxis(expected, 0, 1), atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_percentiles_never_cross(values: np.ndarray) -> None:
    assert (np.diff(ensemble.percentiles(values), axis=1) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_members_never_matters(values: np.ndarray, shuffler: object) -> None:
    order = list(range(values.shape[1]))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(
        ensemble.percentiles(values), ensemble.percentiles(values[:, order])
    )


def test_one_member_gives_itself_at_every_level() -> None:
    values = np.array([[3.5]], dtype=np.float32)
    assert ensemble.percentiles(values).tolist() == [[3.5] * 5]


def test_no_member_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        ensemble.percentiles(np.empty((2, 0), dtype=np.float32))


def test_onset_counts_only_members_in_which_it_happens() -> None:
    onset = np.array([[np.nan, 4.0, 8.0, np.nan], [np.nan] * 4], dtype=np.float32)
    found = ensemble.onset_percentiles(onset)
    np.testing.assert_allclose(found[0], [4.4, 5.0, 6.0, 7.0, 7.6], rtol=1e-6)
    assert np.isnan(found[1]).all()


def test_one_member_struck_gives_its_onset_at_every_level() -> None:
    onset = np.array([[np.nan, 7.0, np.nan]], dtype=np.float32)
    assert ensemble.onset_percentiles(onset).tolist() == [[7.0] * 5]


def test_probability_is_the_share_of_members() -> None:
    strikes = np.array([[True, False, True, True]])
    assert ensemble.probability(strikes).tolist() == [0.75]


def test_first_hour_is_nan_where_it_never_holds() -> None:
    holds = np.zeros((1, 2, 4), dtype=bool)
    holds[0, 1, 2:] = True
    found = ensemble.first_hours(holds)
    assert np.isnan(found[0, 0])
    assert found[0, 1] == 2.0


def test_since_rises_to_the_probability() -> None:
    onset = np.array([[0.0, 2.5, np.nan, np.nan]], dtype=np.float32)
    assert ensemble.since(onset, 4).tolist() == [[0.25, 0.25, 0.25, 0.5]]


def test_a_block_has_at_least_one_row() -> None:
    assert ensemble.rows_per_block(31, 73, 5, 1) == 1
    assert ensemble.rows_per_block(10, 10, 1, 4000) == 10
