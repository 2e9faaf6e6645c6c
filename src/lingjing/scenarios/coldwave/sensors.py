"""What sensors teach: shared by roads and water."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.sdk import Heard, Readings, TwinView

Numbers = NDArray[np.float64]

METRES_PER_DEGREE: Final = 111_320.0
FAR_K: Final = 8.0
"""A sensor that far from what the weather makes likely, over the last half day, is not believed:
open loop the road model errs by 1 to 2 K in the mean of a night, more under broken cloud."""
PEERS: Final = 4
"""From so many sensors on, each is compared with the others of its kind."""
ODD_K: Final = 4.0
ODD_SPREADS: Final = 4.0
"""A sensor is odd that differs from the median of its peers by more than 4 K and by more than four
times their usual spread (assumed)."""
LAST_H: Final = 12


def doubted(misfit_K: Numbers) -> NDArray[np.object_]:
    """Which sensors fit neither the weather nor their peers.

    Args:
        misfit_K: Reading less the median of the members [sensors, hours] [K]; NaN in gaps.

    Returns:
        A reason for each [sensors]; None where it is believed.

    >>> doubted(np.array([[0.5] * 20, [12.0] * 20])).tolist()
    [None, 'unlike-the-weather']
    """
    reasons = np.full(misfit_K.shape[0], None, dtype=object)
    recent = np.array([_median(row[np.isfinite(row)][-LAST_H:]) for row in misfit_K])
    far = np.abs(recent) > FAR_K
    reasons[far] = "unlike-the-weather"
    left = np.flatnonzero(~far)
    if left.size >= PEERS:
        middle = float(np.median(recent[left]))
        usual = 1.4826 * float(np.median(np.abs(recent[left] - middle)))
        odd = np.abs(recent[left] - middle) > max(ODD_K, ODD_SPREADS * usual)
        reasons[left[odd]] = "unlike-its-peers"
    return reasons


def _median(values: Numbers) -> float:
    return float(np.median(values)) if values.size else 0.0


def matched(view: TwinView, readings: Readings | None) -> tuple[NDArray[np.int64], Numbers]:
    """Rows of a view that have a sensor, ascending, and what it says [sensors, hours]."""
    if readings is None:
        return np.empty(0, dtype=np.int64), np.empty((0, 0))
    place = {asset: row for row, asset in enumerate(readings.assets)}
    rows = np.array([row for row, item in enumerate(view.ids) if item in place], dtype=np.int64)
    return rows, readings.values[[place[item] for item in view.ids[rows]]]


def metres(view: TwinView, latitude_deg: float) -> Numbers:
    """Places of a view's things on a plane [n, 2] [m], good within a city.

    The plane does not depend on what else is in the view.
    """
    width = METRES_PER_DEGREE * math.cos(math.radians(latitude_deg))
    return np.stack([view.longitude_deg * width, view.latitude_deg * METRES_PER_DEGREE], axis=1)


def apart(one: Numbers, other: Numbers) -> Numbers:
    """Distances [n, m] [m]."""
    difference = one[:, None] - other[None]
    distance: Numbers = np.hypot(difference[..., 0], difference[..., 1])
    return distance


class Hearing:
    """Takes note of what became of every sensor's word.

    Args:
        heard: As the engine judged each record by itself.
    """

    def __init__(self, heard: tuple[Heard, ...]) -> None:
        self._heard = list(heard)

    def refuse(self, quantity: str, asset: str, reason: str) -> None:
        """A sensor is not believed after all."""
        self._change(quantity, asset, reason=reason, gain=0.0)

    def take(self, quantity: str, asset: str, gain: float, correction: Mapping[str, float]) -> None:
        """A sensor's word is taken, with what it changed."""
        self._change(quantity, asset, gain=gain, correction=tuple(correction.items()))

    def _change(self, quantity: str, asset: str, **changed: object) -> None:
        for place, item in enumerate(self._heard):
            if (item.quantity, item.asset, item.reason) == (quantity, asset, None):
                self._heard[place] = replace(item, **changed)  # type: ignore[arg-type]

    def close(self) -> tuple[Heard, ...]:
        """All of it; what was believed but nobody could use is refused as not modelled."""
        return tuple(
            replace(item, reason="not-modelled") if item.reason is None and not item.gain else item
            for item in self._heard
        )
