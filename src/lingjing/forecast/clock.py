"""Does the clock of the observations run with that of the forecast? A scan of offsets says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lingjing.vocabulary.series import Values

LARGEST_OFFSET_H: Final = 12
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


@dataclass(frozen=True)
class Clock:
    """What the scan found.

    Attributes:
        offset_h: Best offset over the whole record.
        doubted: Another clock than the one given fits clearly better.
        scan: Offset and scatter [°C] over the whole record.
        stretches: Parts whose clock differs from the one given, or that fit at none.
    """

    offset_h: int
    doubted: bool
    scan: Sequence[tuple[int, float]]
    stretches: Sequence[Stretch]


def scan_clock(forecast: Values, observed: Values) -> Clock:
    """Shift the observations hour by hour against the forecast and see where they fit best.

    Scatter is the standard deviation of the difference, so that a bias says nothing of the clock.
    The whole record is scanned, and windows of 14 days, half overlapping: a clock that was set
    anew, or a sensor that broke, shows in part of the record only.

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
    return Clock(best[0], doubted, scan, _stretches(forecast, observed))


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


def _stretches(forecast: Values, observed: Values) -> list[Stretch]:
    windows = []
    step = WINDOW_H // 2
    for first in range(0, max(1, forecast.size - step), step):
        stop = min(first + WINDOW_H, forecast.size)
        scan = _scan(forecast[first:stop], observed[first:stop])
        if scan:
            offset, error = min(scan, key=lambda item: (item[1], abs(item[0])))
            windows.append((first, stop, offset, error, dict(scan).get(0, error)))
    if len(windows) < 3:
        return []
    usual = float(np.median([window[3] for window in windows]))
    found: list[Stretch] = []
    for first, stop, offset, error, given in windows:
        if error > BROKEN * max(usual, LEAST_SCATTER_C):
            here: int | None = None
        elif offset != 0 and error < (1.0 - CLEAR_GAIN) * given:
            here = offset
        else:
            continue
        before = found[-1] if found else None
        if before is not None and before.offset_h == here and first <= before.last + 1:
            found[-1] = Stretch(
                before.first, stop - 1, here, max(before.error_C, error),
                max(before.error_as_given_C, given),
            )  # fmt: skip
        else:
            found.append(Stretch(first, stop - 1, here, error, given))
    return found
