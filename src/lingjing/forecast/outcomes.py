"""Outcomes: what is foreseen for every asset, as probabilities over members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = (10, 25, 50, 75, 90)
"""Percentiles that every outcome publishes."""


@dataclass(frozen=True)
class Outcome:
    """One quantity for all assets of one kind.

    Assets in the same physical situation (same parameters and weather) share one row of results;
    `situation` says which, so cost and size grow with situations, not with assets.

    For an event (`plugged`, `road_slippery`): `probability` that it happens within the window,
    `onset_hours` percentiles of when, over the members in which it does (NaN where in none), and
    `hourly` a probability at each hour. `levels` and `fan` are None.

    What `hourly` says depends on the event. One that comes and goes (`road_slippery`, `road_icy`,
    `road_below_zero`, `cold_exposure`): that it holds *at* that hour, so it rises and falls. One
    that is counted from its onset (`freezing`, `plugged`, `cracked`, `burst`): that it has happened
    *by* that hour, so it never falls, and ends at `probability`; a thaw does not show in it.

    For a state (`road_surface_temperature`): `levels` are percentiles over members of its extreme
    within the window (minimum of a temperature, maximum of a store), and `fan` its percentiles at
    every hour. `probability`, `onset_hours` and `hourly` are None.

    Attributes:
        quantity: A quantity the scenario's manifest promises.
        kind: Kind of the assets.
        assets: Ids [n].
        situation: Row of each asset in the arrays below [n].
        levels: [situations, 5] at `LEVELS`, float32.
        fan: [situations, 5, hours + 1], float32.
        probability: [situations], float32, 0 to 1.
        onset_hours: [situations, 5] hours after the window's start, float32.
        hourly: [situations, hours + 1], float32, 0 to 1: at or by the hour, see above.
        sensor_gain: How far sensors corrected the start, 0 to 1 [situations], float32: 1 at a
            sensor itself, less where its word was carried over; None where nobody listened.
    """

    quantity: str
    kind: str
    assets: NDArray[np.object_]
    situation: NDArray[np.int32]
    levels: NDArray[np.float32] | None = None
    fan: NDArray[np.float32] | None = None
    probability: NDArray[np.float32] | None = None
    onset_hours: NDArray[np.float32] | None = None
    hourly: NDArray[np.float32] | None = None
    sensor_gain: NDArray[np.float32] | None = None

    @property
    def is_event(self) -> bool:
        """Whether this is the probability of an event rather than a state."""
        return self.probability is not None

    def of_assets(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spread an array [situations, …] over the assets [n, …]."""
        spread: NDArray[np.float32] = values[self.situation]
        return spread
