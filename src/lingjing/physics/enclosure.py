"""The air inside a box, stairwell or room, which follows the outside air with a lag."""

from __future__ import annotations

import math

import numba


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def memory_of(lag_h: float) -> float:
    """Share of a difference to the outside air that is left after an hour; 0 outdoors."""
    return math.exp(-1.0 / lag_h) if lag_h > 1e-3 else 0.0


@numba.njit(cache=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def following_air(before: float, old: float, new: float, lag_h: float, memory: float) -> float:
    """Enclosed air [°C] an hour after it was `before`, the outside air linear from old to new.

    The exact solution of da/dt = (outside - a) / lag; `memory` is `memory_of(lag_h)`, taken once
    a column and not once an hour.
    """
    if memory > 0.0:
        drift = (new - old) * lag_h
        return new - drift + (before - old + drift) * memory
    return new
