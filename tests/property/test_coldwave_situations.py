"""Laws of telling physical situations apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.scenarios.coldwave.situations import distinguish

STEPS = {"bore": 0.5, "lag": 2.0}
ROWS = st.lists(
    st.tuples(st.floats(0, 100, allow_nan=False), st.floats(0, 72, allow_nan=False)),
    min_size=1,
    max_size=40,
)


def parameters(rows: list[tuple[float, float]]) -> dict[str, np.ndarray]:
    return {
        "bore": np.array([row[0] for row in rows]),
        "lag": np.array([row[1] for row in rows]),
    }


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_no_asset_is_moved_by_more_than_half_a_step(rows: list[tuple[float, float]]) -> None:
    given_rows = parameters(rows)
    found = distinguish(given_rows, STEPS)
    for name, step in STEPS.items():
        moved = np.abs(found.columns[name][found.index] - given_rows[name])
        assert (moved <= step / 2 + 1e-9).all()


@settings(max_examples=100, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_situations_do_not_depend_on_the_order_of_assets(
    rows: list[tuple[float, float]], shuffler: object
) -> None:
    order = list(range(len(rows)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    one = distinguish(parameters(rows), STEPS)
    other = distinguish(parameters([rows[place] for place in order]), STEPS)
    for name in STEPS:
        np.testing.assert_array_equal(one.columns[name], other.columns[name])
    np.testing.assert_array_equal(one.index[order], other.index)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_no_two_situations_are_the_same(rows: list[tuple[float, float]]) -> None:
    found = distinguish(parameters(rows), STEPS)
    pairs = list(zip(*(found.columns[name].tolist() for name in STEPS), strict=True))
    assert len(set(pairs)) == len(pairs) == len(found)
    assert set(found.index.tolist()) == set(range(len(found)))
