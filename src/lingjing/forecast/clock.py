"""Does the clock of the observations run with that of the forecast? A scan of offsets says."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.vocabulary.series import Values

LARGEST_OFFSET_H: Final = 12
LARGEST_SHIFT_H: Final = 72
"""Furthest that a part of a record is looked for from where it stands: a logger that lost days."""
BLOCK_H: Final = 24
"""The clock is taken to be the same within a block."""
SWITCH_H: Final = 96.0
"""Another clock must explain as much error as four days usually have; less is chance. The way back
to the clock as given costs half, and days cost twice what hours do: there are more of them to fit
by chance, and weather that lasts looks like itself a day later."""
MOST_USUAL: Final = 6.0
"""An hour's error counts for so many usual ones at most, so that a fault does not outweigh days."""
SHORTEST_REPEAT_H: Final = 24
"""Equal values over a whole day come of no weather."""
FURTHEST_REPEAT_H: Final = 24 * 7
WINDOW_H: Final = 24 * 14
CLEAR_GAIN: Final = 0.10
"""Share by which another clock must lower the error before the present one is doubted."""
BROKEN: Final = 2.5
"""A window whose error at its best offset exceeds the usual one so many times fits at none."""
LEAST_SCATTER_C: Final = 1.0
"""Scatter that any road forecast has; a window across two clocks is not broken for less."""
FEWEST: Final = 48


@dataclass(frozen=True, slots=True)
class Stretch:
    """Successive windows of which the same can be said.

    Attributes:
        first, last: Hours of the record.
        offset_h: Hours by which the observations' clock runs late (negative: early); None where
            they fit at no offset.
        error_C: Scatter at that offset, its mean removed.
        error_as_given_C: The same with the clock as it is.
    """

    first: int
    last: int
    offset_h: int | None
    error_C: float  # noqa: N815 unit
    error_as_given_C: float  # noqa: N815 unit


@dataclass(frozen=True, slots=True)
class Repeat:
    """Hours whose observations are those of earlier hours, value by value.

    Attributes:
        first, last: Hours of the record that repeat.
        lag_h: How long before the same values stood.
    """

    first: int
    last: int
    lag_h: int


@dataclass(frozen=True)
class Clock:
    """What the scan found.

    Attributes:
        offset_h: Best offset over the whole record.
        doubted: Another clock than the one given fits clearly better.
        scan: Offset and scatter [°C] over the whole record.
        stretches: Parts whose clock differs from the one given, or that fit at none.
        repeats: Parts that stand in the record twice.
        offsets: Of every hour of the observations [hours]: see `mended`.
    """

    offset_h: int
    doubted: bool
    scan: Sequence[tuple[int, float]]
    stretches: Sequence[Stretch]
    repeats: Sequence[Repeat]
    offsets: NDArray[np.int64]


def scan_clock(forecast: Values, observed: Values) -> Clock:
    """Shift the observations hour by hour against the forecast and see where they fit best.

    Scatter is the standard deviation of the difference, so that a bias says nothing of the clock.
    The whole record is scanned up to half a day. Where parts of it have a clock of their own, up to
    three days off, is found by the cheapest path through the days' errors at every offset, with a
    price on each change (Viterbi's algorithm); windows of 14 days, half overlapping, that scatter
    too much even then, fit at none.

    Args:
        forecast: Temperatures [hours], NaN in gaps.
        observed: The same hours, NaN in gaps.

    Returns:
        Clock. An offset of n means the observations were stamped n hours late: what is written at
        hour h + n belongs to hour h.

    Raises:
        ValueError: Fewer than 48 pairs.
    """
    scan = _scan(forecast, observed)
    if not scan:
        raise ValueError("too few pairs to test a clock")
    best = min(scan, key=lambda item: (item[1], abs(item[0])))
    given = dict(scan).get(0, np.inf)
    doubted = best[0] != 0 and best[1] < (1.0 - CLEAR_GAIN) * given
    offsets = clock_path(forecast, observed)
    parts = _stretches(forecast, observed, offsets)
    return Clock(best[0], doubted, scan, parts, find_repeats(observed), offsets)


def clock_path(forecast: Values, observed: Values) -> NDArray[np.int64]:
    """By how many hours each observation is stamped late (negative: early) [hours].

    Args:
        forecast: Temperatures [hours], NaN in gaps.
        observed: The same hours, NaN in gaps.

    References:
        Viterbi (1967), IEEE Trans. Inf. Theory 13, 260-269.
    """
    hours = forecast.size
    offsets = np.arange(-LARGEST_SHIFT_H, LARGEST_SHIFT_H + 1)
    difference = observed - forecast
    known = np.isfinite(difference)
    if not known.any():
        return np.zeros(hours, dtype=np.int64)
    forecast = forecast + np.median(difference[known])  # a bias says nothing of the clock
    given = np.abs(observed - forecast)
    usual = max(float(np.median(given[known])), 0.5 * LEAST_SCATTER_C)
    blocks = -(-hours // BLOCK_H)
    cost = np.zeros((blocks, offsets.size))
    for place, offset in enumerate(offsets.tolist()):
        moved = np.full(hours, np.nan)
        first, stop = max(offset, 0), hours + min(offset, 0)
        if stop > first:
            moved[first:stop] = forecast[first - offset : stop - offset]
        error = np.minimum(np.abs(observed - moved) / usual, MOST_USUAL)
        # an hour with nothing to be compared with says no more for an offset than for none
        error = np.where(
            np.isnan(error), np.where(known, np.minimum(given / usual, 2.0), 0.0), error
        )
        padded = np.pad(error, (0, blocks * BLOCK_H - hours))
        cost[:, place] = padded.reshape(blocks, BLOCK_H).sum(axis=1)
    here = int(np.argmax(offsets == 0))
    price = np.where(np.abs(offsets) > LARGEST_OFFSET_H, 2.0, 1.0) * SWITCH_H
    total = cost[0] + np.where(offsets == 0, 0.0, price)
    price[here] = 0.5 * SWITCH_H
    came_from = np.empty((blocks, offsets.size), dtype=np.int64)
    for block in range(1, blocks):
        cheapest = int(total.argmin())
        switched = total[cheapest] + price
        came_from[block] = np.where(total <= switched, np.arange(offsets.size), cheapest)
        total = np.minimum(total, switched) + cost[block]
    last = here if total[here] <= total.min() else int(total.argmin())
    path = np.empty(blocks, dtype=np.int64)
    for block in range(blocks - 1, -1, -1):
        path[block] = last
        last = int(came_from[block, last]) if block else last
    return np.repeat(offsets[path], BLOCK_H)[:hours]


def mended(observed: Values, offsets: NDArray[np.int64]) -> Values:
    """Observations moved to the hours they belong to [hours]; NaN where none does.

    Args:
        observed: As stamped [hours].
        offsets: Hours by which each is stamped late, as `clock_path` finds them [hours].

    >>> mended(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 1])).tolist()
    [2.0, 3.0, nan]
    """
    places = np.arange(observed.size) - offsets
    inside = (places >= 0) & (places < observed.size) & np.isfinite(observed)
    out = np.full(observed.size, np.nan)
    out[places[inside]] = observed[inside]
    return out


def find_repeats(observed: Values) -> list[Repeat]:
    """Stretches of a day or more whose values stood in the record up to a week before.

    A sensor that is stuck repeats itself at every lag; it is left to other tests.
    """
    found: list[Repeat] = []
    for lag in range(1, min(FURTHEST_REPEAT_H, observed.size - 1) + 1):
        same = np.isfinite(observed[lag:]) & (observed[lag:] == observed[:-lag])
        edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            values = observed[begin + lag : end + lag]
            if end - begin >= SHORTEST_REPEAT_H and np.unique(values).size > (end - begin) // 3:
                found.append(Repeat(begin + lag, end + lag - 1, lag))
    return found


def _scan(forecast: Values, observed: Values) -> list[tuple[int, float]]:
    """Scatter at every offset that leaves enough pairs; the same pairs do not matter."""
    found = []
    for offset in range(-LARGEST_OFFSET_H, LARGEST_OFFSET_H + 1):
        if abs(offset) >= forecast.size:
            continue
        stop = forecast.size - abs(offset)
        one = forecast[:stop] if offset >= 0 else forecast[-offset:]
        other = observed[offset:] if offset >= 0 else observed[:stop]
        difference = other - one
        known = np.isfinite(difference)
        if known.sum() >= FEWEST:
            found.append((offset, float(difference[known].std())))
    return found


def _stretches(forecast: Values, observed: Values, offsets: NDArray[np.int64]) -> list[Stretch]:
    """Parts with a clock of their own, and parts that scatter too much at any; in order."""
    broken = _broken(forecast, observed, offsets)
    edges = np.flatnonzero((np.diff(offsets) != 0) | (np.diff(broken.astype(np.int8)) != 0)) + 1
    bounds = [0, *edges.tolist(), forecast.size]
    found = []
    for first, stop in itertools.pairwise(bounds):
        offset = int(offsets[first])
        if offset == 0 and not broken[first]:
            continue
        part = slice(first, stop)
        moved = np.full(forecast.size, np.nan)
        places = np.arange(first, stop) - offset
        inside = (places >= 0) & (places < forecast.size)
        moved[part][inside] = forecast[places[inside]]
        scatter, given = (_scatter(observed[part] - item[part]) for item in (moved, forecast))
        here = None if broken[first] else offset
        found.append(Stretch(first, stop - 1, here, scatter, given))
    return found


def _broken(forecast: Values, observed: Values, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Hours of windows that scatter too much although every part has its best clock [hours]."""
    difference = np.full(forecast.size, np.nan)
    places = np.arange(forecast.size) - offsets
    inside = (places >= 0) & (places < forecast.size)
    difference[inside] = observed[inside] - forecast[places[inside]]
    step = WINDOW_H // 2
    windows = [
        (first, min(first + WINDOW_H, forecast.size))
        for first in range(0, max(1, forecast.size - step), step)
    ]
    scatter = [
        _scatter(part) if np.isfinite(part := difference[first:stop]).sum() >= FEWEST else np.nan
        for first, stop in windows
    ]
    marked = np.zeros(forecast.size, dtype=bool)
    known = [item for item in scatter if np.isfinite(item)]
    if len(known) < 3:
        return marked
    usual = max(float(np.median(known)), LEAST_SCATTER_C)
    for (first, stop), item in zip(windows, scatter, strict=True):
        if item > BROKEN * usual:
            marked[first:stop] = True
    return marked


def _scatter(difference: Values) -> float:
    known = difference[np.isfinite(difference)]
    return float(known.std()) if known.size else float("nan")
