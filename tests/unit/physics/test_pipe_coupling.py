"""A sensor's last hours narrow the sampled physics of its place, and of places like it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingjing.physics.pipe_coupling import learn_from_readings, resampled
from lingjing.physics.pipes import PipeColumns, PipeForcing, PipeParameters, simulate_pipes
from lingjing.vocabulary import LingjingError

MEMBERS, HOURS, KNOWN = 300, 48, 20
BOX = PipeColumns(np.array([0.0161]), 0.0026, 110.0, 3.2e6, 0.0, 0.036, 7.0, 0.3, 3.0, 0.0)


def weather(members: int) -> PipeForcing:
    hours = np.arange(HOURS)
    air = np.tile(4.0 - 0.25 * hours + 2.0 * np.sin(hours / 24 * 2 * np.pi), (members, 1))
    return PipeForcing(air, np.full(air.shape, 3.0), np.zeros(HOURS))


def water(parameters: PipeParameters) -> np.ndarray:
    history = simulate_pipes(BOX, weather(parameters.film_factor.size), parameters)
    return history.water_temperature_C[0].astype(np.float64)


@pytest.fixture(scope="module")
def prior() -> PipeParameters:
    return PipeParameters.sampled(MEMBERS, np.random.default_rng(4))


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """A box with more enclosure and film than the middle of the ranges."""
    one = PipeParameters.central(1)
    slow = replace(one, enclosure_factor=np.array([1.8]), film_factor=np.array([1.3]))
    return water(slow)[0]


def test_the_last_hours_of_a_sensor_halve_the_error_of_the_hours_after(
    prior: PipeParameters, truth: np.ndarray
) -> None:
    before = water(prior)
    readings = truth[:KNOWN] + np.random.default_rng(8).normal(0.0, 0.2, KNOWN)
    found = learn_from_readings(before[:, :KNOWN], readings, error_K=0.3)
    after = water(resampled(prior, found.weights, np.random.default_rng(1)))
    ahead = slice(KNOWN, KNOWN + 8)  # still liquid everywhere
    errors = [
        float(np.abs(members[:, ahead].mean(axis=0) - truth[ahead]).mean())
        for members in (before, after)
    ]
    assert errors[1] < 0.5 * errors[0]
    assert 0.5 < found.gain < 1.0
    assert 5 < found.effective_members < MEMBERS / 2
    assert found.hours == KNOWN


def test_places_less_alike_take_over_less(prior: PipeParameters, truth: np.ndarray) -> None:
    before = water(prior)[:, :KNOWN]
    gains = [
        learn_from_readings(before, truth[:KNOWN], alike=alike).gain for alike in (0.0, 0.3, 1.0)
    ]
    assert gains[0] == 0.0
    assert gains == sorted(gains)
    assert gains[2] > gains[1] > 0.0


def test_a_silent_sensor_teaches_nothing_and_a_gap_is_passed_over(
    prior: PipeParameters, truth: np.ndarray
) -> None:
    before = water(prior)[:, :KNOWN]
    silent = learn_from_readings(before, np.full(KNOWN, np.nan))
    assert silent.gain == 0.0
    assert silent.hours == 0
    assert silent.weights == pytest.approx(1 / MEMBERS)
    gap = truth[:KNOWN].copy()
    gap[3:9] = np.nan
    found = learn_from_readings(before, gap)
    assert found.hours == KNOWN - 6
    assert np.isfinite(found.weights).all()


def test_resampling_keeps_members_whole_and_even_weights_keep_all(prior: PipeParameters) -> None:
    same = resampled(prior, np.full(MEMBERS, 1 / MEMBERS), np.random.default_rng(2))
    for item in fields(prior):
        assert (getattr(same, item.name) == getattr(prior, item.name)).all()
    one = np.zeros(MEMBERS)
    one[7] = 1.0
    best = resampled(prior, one, np.random.default_rng(2))
    assert (best.film_factor == prior.film_factor[7]).all()
    assert (best.burst_factor == prior.burst_factor[7]).all()


@given(
    st.lists(st.floats(-20, 20), min_size=2, max_size=8),
    st.floats(-20, 20),
    st.floats(0, 1),
    st.floats(0.05, 20),
)
def test_weights_are_shares_and_the_best_member_never_has_the_least(
    modelled: list[float], reading: float, alike: float, error: float
) -> None:
    values = np.array(modelled)[:, None]
    found = learn_from_readings(values, [reading], alike=alike, error_K=error)
    assert found.weights.sum() == pytest.approx(1.0)
    assert (found.weights >= 0).all()
    assert 0 <= found.gain <= 1
    best = int(np.abs(values[:, 0] - reading).argmin())
    assert found.weights[best] == found.weights.max()


@pytest.mark.parametrize(
    ("modelled", "readings", "more", "code", "field"),
    [
        ([[1.0, np.nan]], [1.0, 1.0], {}, "physics.not-finite", "modelled_C"),
        ([[1.0, 2.0]], [1.0], {}, "physics.wrong-shape", "readings_C"),
        ([[1.0, 2.0]], [1.0, np.inf], {}, "physics.not-finite", "readings_C"),
        ([[1.0, 2.0]], [1.0, 400.0], {}, "physics.out-of-range", "readings_C"),
        ([[1.0, 2.0]], [1.0, 1.0], {"alike": 2.0}, "physics.out-of-range", "alike"),
        ([[1.0, 2.0]], [1.0, 1.0], {"error_K": 0.0}, "physics.out-of-range", "error_K"),
        ([[1.0, 2.0]], [1.0, 1.0], {"memory_h": 0.0}, "physics.out-of-range", "memory_h"),
    ],
)
def test_impossible_readings_are_refused_by_name(
    modelled: list[list[float]],
    readings: list[float],
    more: dict[str, float],
    code: str,
    field: str,
) -> None:
    with pytest.raises(LingjingError) as caught:
        learn_from_readings(modelled, readings, **more)
    assert caught.value.code == code
    assert caught.value.place is not None
    assert caught.value.place.field == field


def test_weights_that_are_all_zero_are_refused(prior: PipeParameters) -> None:
    with pytest.raises(LingjingError) as caught:
        resampled(prior, np.zeros(MEMBERS), np.random.default_rng(1))
    assert caught.value.code == "physics.out-of-range"
