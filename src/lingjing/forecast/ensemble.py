"""Reduce members to probabilities: percentiles, onset times, shares of members.

All functions take arrays with members on the second axis and work row by row, so a caller may cut
the rows into blocks of any size and get the same bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.outcomes import LEVELS

Floats = NDArray[np.float32]


def _interpolate(ordered: Floats, position: NDArray[np.float64]) -> Floats:
    """Values of rows [n, members, …], sorted on axis 1, at a fractional place [n] of that axis."""
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, ordered.shape[1] - 1)
    share = (position - lower).astype(np.float32)
    rows = np.arange(ordered.shape[0])
    low, high = ordered[rows, lower], ordered[rows, upper]
    share = share.reshape((-1,) + (1,) * (low.ndim - 1))
    # where both ends are equal, plain arithmetic could leave the last bit different
    between: Floats = np.where(share == 0, low, low + (high - low) * share)
    return between.astype(np.float32, copy=False)


def percentiles(values: Floats) -> Floats:
    """Percentiles over members, linear between order statistics (Hyndman and Fan's type 7).

    Args:
        values: [n, members], or [n, members, hours], finite, any unit.

    Returns:
        [n, 5], or [n, 5, hours], at `LEVELS`, in the same unit.

    Raises:
        ValueError: There is no member.

    Example:
        >>> percentiles(np.arange(1, 6, dtype=np.float32)[None, :])[0].tolist()
        [1.399999976158142, 2.0, 3.0, 4.0, 4.599999904632568]
    """
    members = values.shape[1]
    if members == 0:
        raise ValueError("an ensemble has at least one member")
    ordered = np.sort(values, axis=1)
    rows = values.shape[0]
    levels = [
        _interpolate(ordered, np.full(rows, level / 100.0 * (members - 1))) for level in LEVELS
    ]
    return np.stack(levels, axis=1)


def probability(strikes: NDArray[np.bool_]) -> Floats:
    """Share of the members in which it happens: [n, members] or [n, members, hours] → without."""
    share: Floats = strikes.mean(axis=1, dtype=np.float64).astype(np.float32)
    return share


def onset_percentiles(onset_hours: Floats) -> Floats:
    """Percentiles of when, over the members in which it happens.

    Args:
        onset_hours: [n, members] hours, NaN in members where it does not happen.

    Returns:
        [n, 5] hours at `LEVELS`; NaN where it happens in no member.
    """
    ordered = np.sort(onset_hours, axis=1)  # NaN comes last
    struck = np.isfinite(onset_hours).sum(axis=1)
    out = np.full((onset_hours.shape[0], len(LEVELS)), np.nan, dtype=np.float32)
    some = struck > 0
    for column, level in enumerate(LEVELS):
        position = level / 100.0 * (struck[some] - 1)
        out[some, column] = _interpolate_within(ordered[some], position, struck[some])
    return out


def _interpolate_within(
    ordered: Floats, position: NDArray[np.float64], struck: NDArray[np.int64]
) -> Floats:
    """As `_interpolate`, but never reaching past the last member that was struck."""
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, struck - 1)
    share = (position - lower).astype(np.float32)
    rows = np.arange(ordered.shape[0])
    low, high = ordered[rows, lower], ordered[rows, upper]
    between: Floats = low + (high - low) * share
    return between


def first_hours(holds: NDArray[np.bool_]) -> Floats:
    """First hour at which it holds: [n, members, hours] → [n, members], NaN where never."""
    hours: Floats = holds.argmax(axis=2).astype(np.float32)
    hours[~holds.any(axis=2)] = np.nan
    return hours


def since(onset_hours: Floats, hours: int) -> Floats:
    """Hourly probability of an event that stays once it came (a plug, a burst).

    Args:
        onset_hours: [n, members] hours after the first, NaN where never.
        hours: Number of hourly instants to give.

    Returns:
        [n, hours] share of members in which it has happened by that instant.
    """
    reached = np.empty((onset_hours.shape[0], hours), dtype=np.float32)
    for hour in range(hours):
        reached[:, hour] = (onset_hours <= hour).mean(axis=1, dtype=np.float64)
    return reached


def rows_per_block(members: int, hours: int, arrays: int, budget_bytes: int) -> int:
    """How many rows of `arrays` float32 [rows, members, hours] fit into a budget; at least one."""
    return max(1, budget_bytes // (4 * arrays * members * hours))
