"""How good a road forecast was: errors, events, probabilities, onsets and what they are worth."""

# ruff: noqa: N815 units stand in names

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.clock import Clock, mended, scan_clock
from lingjing.forecast.scores import (
    Contingency,
    Errors,
    Reliability,
    brier,
    contingency,
    reliability,
    value_errors,
)
from lingjing.vocabulary.series import Values

Flags = NDArray[np.bool_]

CRITICAL_C: Final = 3.0
"""Hours count as critical where forecast or observation lies within this of the threshold."""
QUIET_H: Final = 6
"""Hours above the threshold before a fall below it counts as an onset of its own."""
MATCH_H: Final = 12
"""Hours within which a forecast onset and an observed one are the same."""
COST_LOSS: Final = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True)
class Onsets:
    """When it went below the threshold.

    Attributes:
        observed, forecast: How many times.
        matched: Of them, seen by both within 12 h.
        errors: Forecast minus observed hour of the matched; None where there are none.
    """

    observed: int
    forecast: int
    matched: int
    errors: Errors | None


@dataclass(frozen=True, slots=True)
class Value:
    """Economic value at one ratio of the cost of protecting to the loss it averts.

    Attributes:
        cost_loss: Cost over loss.
        yes_no: Value of acting on the forecast's yes and no: 1 for a perfect forecast, 0 for
            always or never protecting, whichever is cheaper; below 0 is worse than that.
        probability: The same, protecting where the probability exceeds the ratio; None without
            probabilities.
    """

    cost_loss: float
    yes_no: float
    probability: float | None


@dataclass(frozen=True)
class Mended:
    """Scores against the observations at the hours they belong to by the test of their clock.

    Attributes:
        hours: Observations that were moved.
        errors, events: As in `Verification`.
    """

    hours: int
    errors: Mapping[str, Errors]
    events: Mapping[str, Contingency]


@dataclass(frozen=True)
class Verification:
    """All scores of one forecast.

    Attributes:
        threshold_C: Below it the event holds.
        errors: `all`, `night`, `day`, `critical` → errors; those without a pair are left out.
        events: `all`, `night` → hits, misses, false alarms.
        brier: Of the probability of the event; None without probabilities.
        brier_skill: 1 - Brier / Brier of the observed frequency.
        reliability: By class of probability.
        crps_C: Continuous ranked probability score; the mean absolute error without a spread.
        within_p10_p90: Share of observations between the outer percentiles; 0.8 is honest.
        onsets: When it began.
        value: By cost over loss.
        clock: What the test of the observations' clock found; None with too few pairs.
        mended: Scores with that clock; None where no part of it is moved.
    """

    threshold_C: float
    errors: Mapping[str, Errors]
    events: Mapping[str, Contingency]
    brier: float | None
    brier_skill: float | None
    reliability: Sequence[Reliability]
    crps_C: float
    within_p10_p90: float | None
    onsets: Onsets
    value: Sequence[Value]
    clock: Clock | None
    mended: Mended | None = None


def quantile_probability(levels: Sequence[float], quantiles: Values, threshold_C: float) -> Values:
    """Probability of lying below a threshold, from quantiles.

    Between the quantiles the distribution is linear; beyond them it falls off as a normal one
    through the two outermost.

    Args:
        levels: Probabilities of the quantiles, rising, two or more.
        quantiles: [hours, levels], not falling along a row.
        threshold_C: Threshold [°C].

    Returns:
        [hours].

    >>> round(float(quantile_probability([0.1, 0.9], np.array([[-1.0, 1.0]]), 0.0)[0]), 2)
    0.5
    """
    found = np.empty(quantiles.shape[0])
    scores = [_normal_quantile(level) for level in levels]
    for hour, row in enumerate(quantiles):
        if not np.isfinite(row).all():
            found[hour] = np.nan
        elif threshold_C < row[0] or threshold_C > row[-1]:
            width = max(row[-1] - row[0], 1e-6) / (scores[-1] - scores[0])
            near, score = (row[0], scores[0]) if threshold_C < row[0] else (row[-1], scores[-1])
            found[hour] = _normal((threshold_C - near) / width + score)
        else:
            found[hour] = np.interp(threshold_C, row, levels)
    return found


def _normal(score: float) -> float:
    return 0.5 * math.erfc(-score / math.sqrt(2.0))


def _normal_quantile(level: float) -> float:
    """Inverse of `_normal` by bisection, to 1e-9."""
    low, high = -8.0, 8.0
    while high - low > 1e-9:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _normal(middle) < level else (low, middle)
    return 0.5 * (low + high)


def quantile_crps(levels: Sequence[float], quantiles: Values, observed: Values) -> float:
    """CRPS from quantiles: twice the mean pinball loss, in the unit of the value.

    Reference: Bröcker, Q. J. R. Meteorol. Soc. 138 (2012) 1611-1617.
    """
    known = np.isfinite(quantiles).all(axis=1) & np.isfinite(observed)
    over = observed[known, None] - quantiles[known]
    weights = np.asarray(levels)
    loss = np.where(over >= 0.0, weights * over, (weights - 1.0) * over)
    return float(2.0 * loss.mean())


def onset_hours(below: Flags, known: Flags) -> list[int]:
    """Hours at which it goes below after `QUIET_H` known hours above."""
    found, quiet = [], 0
    for hour in range(below.size):
        if not known[hour]:
            quiet = 0
        elif below[hour]:
            if quiet >= QUIET_H:
                found.append(hour)
            quiet = 0
        else:
            quiet += 1
    return found


def match_onsets(forecast: Sequence[int], observed: Sequence[int]) -> Onsets:
    """Pair each observed onset with the nearest forecast one within `MATCH_H`, each once."""
    pairs = sorted(
        (abs(one - other), other, one)
        for one in forecast
        for other in observed
        if abs(one - other) <= MATCH_H
    )
    said: set[int] = set()
    came: dict[int, int] = {}
    for _, other, one in pairs:
        if one not in said and other not in came:
            said.add(one)
            came[other] = one
    errors = value_errors(list(came.values()), list(came)) if came else None
    return Onsets(len(observed), len(forecast), len(came), errors)


def economic_value(said: Flags, came: Flags, cost_loss: float) -> float:
    """Value of a yes/no forecast at a ratio of cost to loss (Richardson 2000).

    (E_climate - E_forecast) / (E_climate - E_perfect), E the expense over the loss. NaN where the
    event always or never came, when no forecast is needed.

    Reference: Richardson, Q. J. R. Meteorol. Soc. 126 (2000) 649-667.
    """
    frequency = float(came.mean())
    climate = min(cost_loss, frequency)
    perfect = cost_loss * frequency
    expense = float((cost_loss * said + (came & ~said)).mean())
    return (climate - expense) / (climate - perfect) if climate > perfect else float("nan")


def verify(
    forecast: Values,
    observed: Values,
    *,
    night: Flags,
    quantiles: Mapping[float, Values] | None = None,
    threshold_C: float = 0.0,
) -> Verification:
    """Score a forecast of temperatures.

    Args:
        forecast: Best single values [hours], NaN in gaps [°C].
        observed: The same hours [°C], NaN in gaps.
        night: Which hours are night.
        quantiles: Level → values [hours], two levels or more; None for a forecast without spread.
        threshold_C: The event is lying below it.

    Raises:
        ValueError: No pair, or shapes that differ.
    """
    if forecast.shape != observed.shape or night.shape != observed.shape:
        raise ValueError("forecast, observations and nights differ in length")
    known = np.isfinite(forecast) & np.isfinite(observed)
    if not known.any():
        raise ValueError("no pair of forecast and observation")
    said, came = forecast < threshold_C, observed < threshold_C
    errors, events = _errors_and_events(forecast, observed, night, threshold_C)
    levels = sorted(quantiles or {})
    table = np.stack([(quantiles or {})[level] for level in levels], axis=1) if levels else None
    chance = None
    score, skill, inside = None, None, None
    classes: tuple[Reliability, ...] = ()
    crps_C = errors["all"].mean_absolute
    if table is not None:
        chance = quantile_probability(levels, table, threshold_C)
        score = brier(chance[known], came[known])
        usual = float(came[known].mean())
        skill = 1.0 - score / (usual * (1.0 - usual)) if 0.0 < usual < 1.0 else None
        classes = reliability(chance[known], came[known])
        crps_C = quantile_crps(levels, table[known], observed[known])
        inside = float(((observed >= table[:, 0]) & (observed <= table[:, -1]))[known].mean())
    value = [
        Value(
            ratio,
            economic_value(said[known], came[known], ratio),
            None if chance is None else economic_value(chance[known] > ratio, came[known], ratio),
        )
        for ratio in COST_LOSS
    ]
    try:
        clock = scan_clock(forecast, observed)
    except ValueError:
        clock = None
    return Verification(
        threshold_C, errors, events, score, skill, classes, crps_C, inside,
        match_onsets(onset_hours(said, known), onset_hours(came, known)), value, clock,
        _mended(forecast, observed, night, threshold_C, clock),
    )  # fmt: skip


def _errors_and_events(
    forecast: Values, observed: Values, night: Flags, threshold_C: float
) -> tuple[dict[str, Errors], dict[str, Contingency]]:
    known = np.isfinite(forecast) & np.isfinite(observed)
    near = np.minimum(np.abs(forecast - threshold_C), np.abs(observed - threshold_C)) <= CRITICAL_C
    groups = {"all": known, "night": known & night, "day": known & ~night, "critical": known & near}
    errors = {
        name: value_errors(forecast[kept], observed[kept])
        for name, kept in groups.items()
        if kept.any()
    }
    said, came = forecast < threshold_C, observed < threshold_C
    events = {
        name: contingency(said[groups[name]], came[groups[name]])
        for name in ("all", "night")
        if groups[name].any()
    }
    return errors, events


def _mended(
    forecast: Values, observed: Values, night: Flags, threshold_C: float, clock: Clock | None
) -> Mended | None:
    if clock is None or not clock.offsets.any():
        return None
    moved = int((np.isfinite(observed) & (clock.offsets != 0)).sum())
    errors, events = _errors_and_events(
        forecast, mended(observed, clock.offsets), night, threshold_C
    )
    return Mended(moved, errors, events)
