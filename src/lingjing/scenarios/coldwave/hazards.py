"""Read outcomes back for one kind: what work needs to know of every asset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingjing.sdk import Foreseen, Outcome

Floats = NDArray[np.float32]
MEDIAN, EARLY, HIGH = 2, 0, 3
"""Places of the 50, 10 and 75 % levels."""


@dataclass(frozen=True)
class Hazard:
    """An event for the assets of one view, in the view's order.

    Attributes:
        probability: [n]; 0 for assets the outcome leaves out (tunnels).
        onset_early_hours, onset_hours: 10 and 50 % of the onset [n]; NaN where it never comes.
    """

    probability: NDArray[np.float64]
    onset_early_hours: NDArray[np.float64]
    onset_hours: NDArray[np.float64]


def outcome_of(foreseen: Foreseen, quantity: str, kind: str) -> Outcome | None:
    """The outcome of a quantity for a kind, if there is one."""
    return next((item for item in foreseen.of(quantity) if item.kind == kind), None)


def _places(
    outcome: Outcome, ids: NDArray[np.object_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which ids the outcome holds, and the situations of those."""
    rows = dict(zip(outcome.assets, outcome.situation, strict=True))
    held = np.array([item in rows for item in ids], dtype=bool)
    situation = np.array([rows[item] for item in ids[held]], dtype=np.int64)
    return held, situation


def hazard(foreseen: Foreseen, quantity: str, kind: str, ids: NDArray[np.object_]) -> Hazard:
    """An event's probability and onset for each id [n]."""
    probability = np.zeros(ids.size)
    early, median = np.full(ids.size, np.nan), np.full(ids.size, np.nan)
    outcome = outcome_of(foreseen, quantity, kind)
    if outcome is not None and outcome.probability is not None and outcome.onset_hours is not None:
        held, situation = _places(outcome, ids)
        probability[held] = outcome.probability[situation]
        early[held] = outcome.onset_hours[situation, EARLY]
        median[held] = outcome.onset_hours[situation, MEDIAN]
    return Hazard(probability, early, median)


def level(
    foreseen: Foreseen, quantity: str, kind: str, ids: NDArray[np.object_], place: int
) -> NDArray[np.float64]:
    """One percentile of a state's extreme for each id [n]; NaN where it is not foreseen."""
    values = np.full(ids.size, np.nan)
    outcome = outcome_of(foreseen, quantity, kind)
    if outcome is not None and outcome.levels is not None:
        held, situation = _places(outcome, ids)
        values[held] = outcome.levels[situation, place]
    return values
