"""Verification: how good a forecast was, against what was observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of a value forecast, in the unit of the value.

    Attributes:
        count: Pairs compared.
        mean_absolute: MAE.
        bias: Mean of forecast − observed.
        root_mean_square: RMSE.
    """

    count: int
    mean_absolute: float
    bias: float
    root_mean_square: float


@dataclass(frozen=True, slots=True)
class Contingency:
    """Yes/no forecasts against yes/no observations.

    Attributes:
        hits: Forecast and observed.
        misses: Observed, not forecast.
        false_alarms: Forecast, not observed.
        quiet: Neither.
    """

    hits: int
    misses: int
    false_alarms: int
    quiet: int

    @property
    def detection(self) -> float:
        """Probability of detection (POD): hits / observed; NaN where nothing was observed."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def miss_rate(self) -> float:
        """Misses / observed = 1 − POD; NaN where nothing was observed."""
        return _ratio(self.misses, self.hits + self.misses)

    @property
    def false_alarm_ratio(self) -> float:
        """FAR: false alarms / forecasts of yes; NaN where none was forecast."""
        return _ratio(self.false_alarms, self.hits + self.false_alarms)


@dataclass(frozen=True, slots=True)
class Reliability:
    """One class of forecast probability: what was said and what came.

    Attributes:
        lower, upper: Bounds of the class.
        count: Forecasts in it.
        forecast: Their mean probability.
        observed: The share that came true.
    """

    lower: float
    upper: float
    count: int
    forecast: float
    observed: float


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _pairs(
    forecast: ArrayLike, observed: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as flat float64, pairs with a gap (NaN) on either side left out.

    Raises:
        ValueError: The shapes differ, or no pair is left.
    """
    first = np.asarray(forecast, dtype=np.float64)
    second = np.asarray(observed, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"forecast {first.shape} and observed {second.shape} differ in shape")
    kept = np.isfinite(first) & np.isfinite(second)
    if not bool(kept.any()):
        raise ValueError("no pair of forecast and observation to compare")
    return first[kept], second[kept]


def value_errors(forecast: ArrayLike, observed: ArrayLike) -> Errors:
    """MAE, bias and RMSE; pairs with a gap are left out.

    Example:
        >>> value_errors([1.0, 3.0], [0.0, 0.0])
        Errors(count=2, mean_absolute=2.0, bias=2.0, root_mean_square=2.23606797749979)
    """
    first, second = _pairs(forecast, observed)
    difference = first - second
    return Errors(
        int(difference.size),
        float(np.abs(difference).mean()),
        float(difference.mean()),
        float(np.sqrt((difference**2).mean())),
    )


def contingency(forecast: ArrayLike, observed: ArrayLike) -> Contingency:
    """Count hits, misses, false alarms and quiet cases of two arrays of yes and no."""
    said = np.asarray(forecast, dtype=bool)
    came = np.asarray(observed, dtype=bool)
    if said.shape != came.shape:
        raise ValueError(f"forecast {said.shape} and observed {came.shape} differ in shape")
    return Contingency(
        int((said & came).sum()),
        int((~said & came).sum()),
        int((said & ~came).sum()),
        int((~said & ~came).sum()),
    )


def brier(probability: ArrayLike, observed: ArrayLike) -> float:
    """Brier score: mean of (probability − outcome)²; 0 is perfect, 0.25 is always saying a half.

    Reference: Brier, Mon. Wea. Rev. 78 (1950) 1–3.

    Example:
        >>> brier([0.5, 0.5], [1, 0])
        0.25
    """
    first, second = _pairs(probability, observed)
    return float(((first - second) ** 2).mean())


def reliability(
    probability: ArrayLike, observed: ArrayLike, classes: int = 10
) -> tuple[Reliability, ...]:
    """What came of each class of probability; empty classes are left out."""
    first, second = _pairs(probability, observed)
    index = np.minimum((first * classes).astype(np.int64), classes - 1)
    rows = []
    for number in range(classes):
        inside = index == number
        if bool(inside.any()):
            rows.append(
                Reliability(
                    number / classes,
                    (number + 1) / classes,
                    int(inside.sum()),
                    float(first[inside].mean()),
                    float(second[inside].mean()),
                )
            )
    return tuple(rows)


def crps(members: ArrayLike, observed: ArrayLike) -> float:
    """Mean continuous ranked probability score of an ensemble, in the unit of the value.

    The fair estimate: mean |x − y| − Σ|x_i − x_j| / (2 m (m − 1)); with one member it is the MAE.
    Reference: Ferro, Q. J. R. Meteorol. Soc. 140 (2014) 1917–1923.

    Args:
        members: [cases, members].
        observed: [cases]; a case with NaN is left out.

    Raises:
        ValueError: Shapes that do not fit, or nothing to compare.
    """
    values = np.asarray(members, dtype=np.float64)
    truth = np.asarray(observed, dtype=np.float64)
    if values.ndim != 2 or truth.shape != values.shape[:1]:
        raise ValueError(f"members {values.shape} and observed {truth.shape} do not fit")
    kept = np.isfinite(truth) & np.isfinite(values).all(axis=1)
    if not bool(kept.any()):
        raise ValueError("no case to compare")
    ordered, truth = np.sort(values[kept], axis=1), truth[kept]
    count = ordered.shape[1]
    accuracy = np.abs(ordered - truth[:, None]).mean(axis=1)
    if count == 1:
        return float(accuracy.mean())
    # Σ_i<j (x_j − x_i) of sorted values is Σ (2i − m + 1) x_i
    weights = 2 * np.arange(count) - count + 1
    spread = (ordered * weights).sum(axis=1) / (count * (count - 1))
    return float((accuracy - spread).mean())


def onset_error_hours(forecast_hours: ArrayLike, observed_hours: ArrayLike) -> Errors:
    """Errors of the hour of onset, over the cases that were both foreseen and observed [h]."""
    return value_errors(forecast_hours, observed_hours)
