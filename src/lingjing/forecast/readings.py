"""What sensors said before a run, checked and brought onto the hours that physics takes.

Every sensor is judged by its own record alone: whether its values are possible, whether it is
stuck, jumps, is silent or too old. Whether it fits the weather is for the scenario to judge, whose
physics knows what the weather makes likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lingjing.vocabulary import quantity

Refusal = Literal[
    "impossible",
    "stuck",
    "jumping",
    "too-few",
    "too-old",
    "unlike-the-weather",
    "unlike-its-peers",
    "not-modelled",
]
"""Why a sensor's word is not taken; worded in the catalogue under `readings`."""

HALF_HOUR_S: Final = 1800
LONGEST_SILENCE_H: Final = 6.0
"""A sensor that has been silent for longer tells nothing of the night: what it taught fades with a
time constant of 4 h."""
FEWEST_H: Final = 6
"""Fewest hours of the last day with a reading."""
IMPOSSIBLE_SHARE: Final = 0.2
"""From this share of impossible values on, the rest is not believed either."""
JUMP_K: Final = 6.0
"""A value further than this from the median of its neighbours is a jump: clouds leaving the sun
change a road by 2 to 3 K in ten minutes (assumed)."""
JUMPING_SHARE: Final = 0.2
STUCK: Final = ((3.0, 7), (6.0, 4))
"""Equal values over so many hours, and so many of them, come of a fault and not of the weather."""
FREEZING_K: Final = 0.3
"""Within this of 0 °C water that freezes or melts holds a temperature for hours."""


@dataclass(frozen=True)
class Said:
    """The record of one sensor, as it came.

    Attributes:
        asset: Id of the entity it measures.
        kind: The entity's kind.
        quantity: What it measures.
        sensor: Tells several sensors of one entity apart; may be empty.
        seconds: When, since 1970 UTC, not falling [n].
        values: In the quantity's unit [n].
        synthetic: Some of it is made up.
    """

    asset: str
    kind: str
    quantity: str
    sensor: str
    seconds: NDArray[np.int64]
    values: NDArray[np.float64]
    synthetic: bool = False


@dataclass(frozen=True)
class Readings:
    """What the sensors of one kind and quantity say, on the hours up to a run's start.

    Attributes:
        kind, quantity: Of what.
        assets: Ids of the entities, sorted, each once [assets].
        values: [assets, hours], NaN where there is none; the last hour is the run's start.
    """

    kind: str
    quantity: str
    assets: NDArray[np.object_]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """What became of one sensor's word.

    Attributes:
        asset, kind, quantity, sensor: See `Said`.
        reason: Why it was refused; None where it was taken.
        count: Values that came.
        dropped: Of those, how many were left out as impossible, stuck or jumping.
        hours: Hours of the last day with a reading that was kept.
        silent_h: Hours from the last value kept to the run's start; NaN where none was.
        gain: How far the place follows the sensor, 0 to 1; 0 where it was refused.
        correction: What the scenario learnt, by name with its unit.
    """

    asset: str
    kind: str
    quantity: str
    sensor: str
    reason: Refusal | None
    count: int
    dropped: int
    hours: int
    silent_h: float
    gain: float = 0.0
    correction: tuple[tuple[str, float], ...] = ()


def judged(said: Said, hours: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], Heard]:
    """One sensor's record on the hours, and whether it may be believed.

    An hour's value is the median of what was kept within half an hour of it.

    Args:
        said: The record.
        hours: Instants [hours], the last one the run's start, `datetime64[s]`.

    Returns:
        Values [hours], all NaN where the sensor is refused; and what became of it.

    >>> hours = np.arange(30) * np.timedelta64(3600, "s") + np.datetime64("2023-12-20", "s")
    >>> seconds = hours.astype(np.int64)
    >>> warm = Said("a", "RoadSegment", "road_surface_temperature", "", seconds, seconds % 7 + 1.0)
    >>> values, heard = judged(warm, hours)
    >>> heard.reason, heard.hours
    (None, 24)
    >>> judged(Said("a", warm.kind, warm.quantity, "", seconds, seconds * 0 + 2.5), hours)[1].reason
    'stuck'
    """
    instants = hours.astype("datetime64[s]").astype(np.int64)
    bounds = quantity(said.quantity)
    possible = np.isfinite(said.values)
    possible &= (said.values >= bounds.lower) & (said.values <= bounds.upper)
    stuck = _stuck(said.seconds, said.values)
    jumps = possible & ~stuck & _jumps(np.where(possible, said.values, np.nan))
    kept = possible & ~stuck & ~jumps
    values = _on_hours(said.seconds[kept], said.values[kept], instants)
    day = int(np.isfinite(values[-24:]).sum())
    ago = instants[-1] - said.seconds[kept]
    silent_h = float(max(ago.min(), 0) / 3600.0) if kept.any() else float("nan")
    reason = _reason(possible, stuck, jumps, day, silent_h)
    heard = Heard(
        said.asset, said.kind, said.quantity, said.sensor, reason, said.values.size,
        int(said.values.size - kept.sum()), day, silent_h,
    )  # fmt: skip
    return (values if reason is None else np.full(values.size, np.nan)), heard


def _reason(
    possible: NDArray[np.bool_],
    stuck: NDArray[np.bool_],
    jumps: NDArray[np.bool_],
    day: int,
    silent_h: float,
) -> Refusal | None:
    """The first reason that holds; faults of the sensor go before gaps, which may come of them."""
    if possible.size and 1.0 - possible.mean() > IMPOSSIBLE_SHARE:
        return "impossible"
    fresh = silent_h <= LONGEST_SILENCE_H  # false where there is nothing
    if stuck.any() and (stuck[-1] or not fresh or day < FEWEST_H):
        return "stuck"
    if possible.any() and jumps.sum() > JUMPING_SHARE * possible.sum():
        return "jumping"
    if not fresh:
        return "too-old"
    return "too-few" if day < FEWEST_H else None


def _stuck(seconds: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Values that repeat the one before for longer than weather does [n]; the first is kept."""
    marked = np.zeros(values.size, dtype=bool)
    if not values.size:
        return marked
    begins = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    ends = np.concatenate([begins[1:], [values.size]])
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        long_h = (seconds[end - 1] - seconds[begin]) / 3600.0
        if abs(values[begin]) > FREEZING_K and any(
            long_h >= least_h and end - begin >= least for least_h, least in STUCK
        ):
            marked[begin + 1 : end] = True
    return marked


def _jumps(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Values far from the median of the five around them [n]; NaN is no neighbour."""
    if values.size < 3:
        return np.zeros(values.size, dtype=bool)
    padded = np.pad(values, 2, constant_values=np.nan)
    near = np.lib.stride_tricks.sliding_window_view(padded, 5)
    known = np.isfinite(near)
    lonely = known.sum(axis=1) < 3
    middle = np.nanmedian(np.where(lonely[:, None], 0.0, near), axis=1)
    away = np.abs(np.where(np.isfinite(values), values, middle) - middle)
    far: NDArray[np.bool_] = (away > JUMP_K) & ~lonely
    return far


def _on_hours(
    seconds: NDArray[np.int64], values: NDArray[np.float64], hours: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The median within half an hour of each hour [hours], NaN where there is nothing.

    Nothing after the last hour is looked at: that would be the future of the run.
    """
    found = np.full(hours.size, np.nan)
    first = np.searchsorted(seconds, hours - HALF_HOUR_S, side="right")
    last = np.searchsorted(seconds, np.minimum(hours + HALF_HOUR_S, hours[-1]), side="right")
    for hour in np.flatnonzero(last > first):
        found[hour] = np.median(values[first[hour] : last[hour]])
    return found


def brought_together(
    records: Sequence[Said], hours: NDArray[np.datetime64]
) -> tuple[tuple[Readings, ...], tuple[Heard, ...]]:
    """Judge every sensor and bring those that are believed together by kind and quantity.

    Several sensors of one entity are averaged.

    Args:
        records: Of every sensor.
        hours: Instants [hours], the last one the run's start.

    Returns:
        Readings in order of kind and quantity; and what became of each sensor, in order of kind,
        quantity, asset and sensor.
    """
    ordered = sorted(records, key=lambda item: (item.kind, item.quantity, item.asset, item.sensor))
    heard: list[Heard] = []
    taken: dict[tuple[str, str], dict[str, list[NDArray[np.float64]]]] = {}
    for said in ordered:
        values, verdict = judged(said, hours)
        heard.append(verdict)
        if verdict.reason is None:
            by_asset = taken.setdefault((said.kind, said.quantity), {})
            by_asset.setdefault(said.asset, []).append(values)
    found = [
        Readings(
            kind,
            name,
            np.array(list(by_asset), dtype=object),
            np.stack([_mean(rows) for rows in by_asset.values()]),
        )
        for (kind, name), by_asset in taken.items()
    ]
    return tuple(found), tuple(heard)


def _mean(rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean of those that are known [hours]."""
    table = np.stack(rows)
    known = np.isfinite(table)
    total = np.where(known, table, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    mean: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
