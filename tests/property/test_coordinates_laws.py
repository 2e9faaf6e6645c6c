"""Laws of the shifted coordinate systems."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.sources.coordinates import (
    bd09_to_gcj02,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    wgs84_to_gcj02,
)

# A degree inside the edge of the box, where the shift would jump to nothing.
POINTS = st.lists(
    st.tuples(st.floats(73.1, 136.8), st.floats(1.9, 54.8)), min_size=1, max_size=30
).map(np.array)


@settings(deadline=None)
@given(POINTS)
def test_gcj02_there_and_back_stays_within_a_centimetre(points: np.ndarray) -> None:
    assert np.abs(gcj02_to_wgs84(wgs84_to_gcj02(points)) - points).max() < 1e-7


@settings(deadline=None)
@given(POINTS)
def test_bd09_there_and_back_stays_within_a_centimetre(points: np.ndarray) -> None:
    assert np.abs(bd09_to_gcj02(gcj02_to_bd09(points)) - points).max() < 1e-7


@settings(deadline=None)
@given(POINTS, st.integers(0, 29))
def test_a_point_moves_the_same_alone_and_in_company(points: np.ndarray, pick: int) -> None:
    one = points[pick % len(points)][None, :]
    together = wgs84_to_gcj02(points)[pick % len(points)]
    assert np.allclose(wgs84_to_gcj02(one)[0], together, rtol=0, atol=1e-12)
