"""Whatever the bounds let in, nothing that comes out is not a number."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.physics import pipes, tanks
from lingjing.physics.pipes import PipeColumns, PipeForcing, PipeParameters, simulate_pipes
from lingjing.physics.tanks import TankColumns, TankForcing, TankParameters, simulate_tanks

ASSETS, MEMBERS, HOURS = 8, 4, 60


def drawn(
    rng: np.random.Generator, lower: float, upper: float, shape: int | tuple[int, int]
) -> np.ndarray:
    """Values within bounds, by size where the bounds span decades, the bounds among them often."""
    share = rng.random(shape)
    values = lower + share * (upper - lower)
    if lower > 0.0 and upper / lower > 100.0:
        values = lower * (upper / lower) ** share
    edge = rng.random(shape)
    inner: np.ndarray = np.clip(values, lower, upper)
    return np.where(edge < 0.15, lower, np.where(edge > 0.85, upper, inner))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_pipe_in_any_weather_gives_numbers_and_events_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = PipeColumns(
        **{name: drawn(rng, *limits, ASSETS) for name, limits in pipes._COLUMN_LIMITS.items()}
    )
    parameters = PipeParameters(
        **{name: drawn(rng, *limits, MEMBERS) for name, limits in pipes._PARAMETER_LIMITS.items()}
    )
    shape = (MEMBERS, HOURS)
    forcing = PipeForcing(
        drawn(rng, -80.0, 60.0, shape),
        drawn(rng, 0.0, 120.0, shape),
        drawn(rng, 0.0, 1e4, HOURS),
        drawn(rng, 0.0, 1500.0, shape),
    )
    history = simulate_pipes(columns, forcing, parameters)
    assert np.isfinite(history.water_temperature_C).all()
    assert ((history.ice_fraction >= 0) & (history.ice_fraction <= 1)).all()
    events = (
        history.freezing_hour, history.plugged_hour, history.cracked_hour, history.burst_hour
    )  # fmt: skip
    assert not any(np.isinf(hours).any() for hours in events)
    late = [np.nan_to_num(hours, nan=np.inf) for hours in events]
    for first, then in itertools.pairwise(late):
        assert (first <= then + 1e-4).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_tank_in_any_weather_gives_numbers_and_no_more_ice_than_water(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = TankColumns(
        **{name: drawn(rng, *limits, ASSETS) for name, limits in tanks._COLUMN_LIMITS.items()}
    )
    parameters = TankParameters(
        **{name: drawn(rng, *limits, MEMBERS) for name, limits in tanks._PARAMETER_LIMITS.items()}
    )
    shape = (MEMBERS, HOURS)
    forcing = TankForcing(
        drawn(rng, -80.0, 60.0, shape), drawn(rng, 0.0, 120.0, shape), drawn(rng, 0.0, 1.0, HOURS)
    )
    history = simulate_tanks(columns, forcing, parameters)
    for values in (
        history.water_temperature_C, history.ice_thickness_mm, history.wall_ice_thickness_mm
    ):  # fmt: skip
        assert np.isfinite(values).all()
    assert history.ice_thickness_mm.min() >= 0
    assert ((history.ice_fraction >= 0) & (history.ice_fraction <= 1 + 1e-6)).all()
    assert not np.isinf(history.freezing_hour).any()
