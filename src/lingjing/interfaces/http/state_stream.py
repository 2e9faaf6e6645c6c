"""All that a run foresees for a layer, hour by hour, in one compact binary answer.

Many features share what is foreseen for them (they are in one situation), so each quantity is a
short list of distinct courses, and for every feature the number of its course. Courses are written
hour after hour as differences from the hour before, most of which are nought. The format is
described in `docs/reference/http-api.md`; `console/src/state-stream.ts` reads it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingjing.interfaces.http.runs import LEVELS, as_bytes
from lingjing.vocabulary import quantities, units

MAGIC: Final = b"LJST"
FORMAT: Final = 1
MEDIA_TYPE: Final = "application/vnd.lingjing.state"
NO_ONSET: Final = 65_535
GAP: Final = 65_535
ONSETS: Final = ("onset_p10", "onset_p50", "onset_p90")
_STEPS: Final = 1000.0
"""Least number of steps over a quantity's range."""


@dataclass(frozen=True)
class Owners:
    """Which feature each outcome of a run belongs to.

    Attributes:
        assets: URNs of the assets [a].
        features: Number of the feature that each belongs to [a].
        count: One more than the largest number.
        copies: Number of a feature that looks like another → number of that (parts of buildings).
        shared: Whether several assets may belong to one feature.
    """

    assets: Sequence[str]
    features: NDArray[np.int64]
    count: int
    copies: Mapping[int, int] = field(default_factory=dict)
    shared: bool = False


@dataclass(frozen=True)
class Hourly:
    """What a run's series say of one quantity.

    Attributes:
        keys: Kind and number of each situation [k].
        values: By situation, level and hour [k, levels, hours + 1]; gaps are NaN.
    """

    keys: list[tuple[str, int]]
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Courses:
    """One quantity of a layer.

    Attributes:
        quantity: Its name.
        index: Course of each feature [count]; 0 where nothing is known.
        sections: Arrays by name, the last axis counting courses; course 0 is empty.
        is_event: Whether the courses are probabilities.
        scale, offset: A value is `offset + scale × code`.
    """

    quantity: str
    index: NDArray[np.int64]
    sections: dict[str, NDArray[Any]]
    is_event: bool = False
    scale: float = 1 / 255
    offset: float = 0.0


def event_courses(
    quantity: str,
    outcomes: pa.Table,
    hourly: Hourly,
    owners: Owners,
    window: tuple[int, int],
) -> Courses:
    """Courses of an event: its probability at each hour, within the window, and its onset.

    A feature with several assets has the largest probability among them at each hour; window and
    onset are those of its most probable asset, the earlier where they tie.

    Args:
        quantity: The event.
        outcomes: Its rows.
        hourly: Probability, as the only level.
        owners: See `Owners`.
        window: Start [s since 1970] and length [h].
    """
    start_s, hours = window
    rows, outcomes = _owned(outcomes, owners)
    stacked = np.vstack([hourly.values[:, 0], np.zeros((1, hours + 1), np.float32)])
    situation = _situations(outcomes, hourly.keys)
    probability = pc.fill_null(outcomes["probability"], 0.0).to_numpy().astype(np.float64)
    facts = np.column_stack(
        [
            np.rint(np.clip(np.nan_to_num(probability), 0, 1) * 65_535),
            *(_minutes(outcomes[name], start_s) for name in ONSETS),
        ]
    ).astype(np.uint16)
    order = np.lexsort((facts[:, 2], -facts[:, 0].astype(np.int64), rows))
    first = _firsts(rows[order])
    owned = rows[order][first]
    courses = as_bytes(stacked)
    if owners.shared and owned.size:
        drawn = np.maximum.reduceat(courses[situation[order]], first, axis=0)
    else:
        drawn = courses[situation[order][first]]
    lines = np.concatenate([drawn.view(np.uint8), _as_bytes(facts[order][first])], axis=1)
    distinct, course = _distinct(lines)
    index = _spread(owned, course + 1, owners)
    tail = np.ascontiguousarray(distinct[:, hours + 1 :]).view("<u2")
    nothing = np.array([0, NO_ONSET, NO_ONSET, NO_ONSET], dtype=np.uint16)
    told = np.vstack([nothing[None], tail]) if len(tail) else nothing[None]
    series = np.vstack([np.zeros((1, hours + 1), np.uint8), distinct[:, : hours + 1]])
    return Courses(
        quantity,
        index,
        {
            "hourly": _differences(series.T),
            "probability": np.ascontiguousarray(told[:, 0]),
            "onset": np.ascontiguousarray(told[:, 1:].T),
        },
        is_event=True,
    )


def value_courses(
    quantity: str,
    outcomes: pa.Table,
    hourly: Hourly,
    owners: Owners,
    hours: int,
    likeliest: Sequence[str],
) -> Courses:
    """Courses of a number: its percentiles at each hour, and those of its extreme.

    A feature with several assets has the course of the one that comes first among the likeliest.

    Args:
        quantity: The number.
        outcomes: Its rows.
        hourly: Percentiles, in order of `LEVELS`.
        owners: See `Owners`.
        hours: Length of the window [h].
        likeliest: Assets in order; others come last.
    """
    rows, outcomes = _owned(outcomes, owners)
    gap = np.full((1, len(LEVELS), hours + 1), np.nan)
    stacked = np.concatenate([hourly.values.astype(np.float64), gap])
    situation = _situations(outcomes, hourly.keys)
    extremes = np.column_stack(
        [pc.cast(outcomes[name], pa.float64()).to_numpy() for name in LEVELS]
    ).reshape(-1, len(LEVELS))
    scale, offset = _scale([stacked, extremes])
    ranks = _places(outcomes["asset"], likeliest)
    ranks[ranks < 0] = len(likeliest)
    order = np.lexsort((ranks, rows))
    chosen = order[_firsts(rows[order])]
    facts = np.column_stack([situation, _codes(extremes, scale, offset)]).astype(np.int64)
    distinct, course = np.unique(facts[chosen], axis=0, return_inverse=True)
    index = _spread(rows[chosen], course.ravel() + 1, owners)
    chosen_series = np.concatenate([gap, stacked[distinct[:, 0]]])
    series = _codes(chosen_series, scale, offset).transpose(1, 2, 0)
    told = np.vstack([np.full((1, len(LEVELS)), GAP), distinct[:, 1:]]).astype(np.uint16).T
    return Courses(
        quantity,
        index,
        {
            "hourly": np.stack([_differences(level) for level in series]),
            "extreme": np.ascontiguousarray(told),
        },
        scale=scale,
        offset=offset,
    )


def _owned(outcomes: pa.Table, owners: Owners) -> tuple[NDArray[np.int64], pa.Table]:
    """Number of the feature of each row that belongs to one, and those rows."""
    place = _places(outcomes["asset"], owners.assets)
    found = np.where(place >= 0, np.r_[owners.features, -1][place], -1)
    inside = found >= 0
    return found[inside], outcomes.filter(pa.array(inside))


def _places(values: pa.ChunkedArray, among: Sequence[str]) -> NDArray[np.int64]:
    """Place of each value among others, −1 where it is not there."""
    found = pc.index_in(values, value_set=pa.array(among, type=pa.string()))
    places: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return places


def _situations(outcomes: pa.Table, keys: list[tuple[str, int]]) -> NDArray[np.int64]:
    """Place of each row's situation among the keys; behind the last where it is not there."""
    kinds = sorted({kind for kind, _ in keys})
    kind = _places(outcomes["kind"], kinds)
    number = outcomes["situation"].to_numpy().astype(np.int64)
    place = {(kinds.index(kind), number): row for row, (kind, number) in enumerate(keys)}
    pairs, which = np.unique(np.column_stack([kind, number]), axis=0, return_inverse=True)
    found = [place.get((int(one), int(other)), len(keys)) for one, other in pairs]
    return np.array(found, dtype=np.int64)[which.ravel()]


def _minutes(onset: pa.ChunkedArray, start_s: int) -> NDArray[np.float64]:
    """Minutes after the start, `NO_ONSET` where there is none or it is too far."""
    seconds = pc.cast(pc.cast(onset, pa.timestamp("s", tz="UTC")), pa.int64())
    minutes = (pc.cast(seconds, pa.float64()).to_numpy() - start_s) / 60
    found = np.where(np.isnan(minutes), NO_ONSET, np.rint(minutes))
    return np.clip(found, 0, NO_ONSET)


def _firsts(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each run of equal numbers begins."""
    if not rows.size:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])


def _as_bytes(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values.astype("<u2")).view(np.uint8)


def _distinct(lines: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Distinct rows of bytes, and which of them each row is."""
    packed = np.ascontiguousarray(lines).view(np.dtype((np.void, lines.shape[1]))).ravel()
    _, first, which = np.unique(packed, return_index=True, return_inverse=True)
    return lines[first], which.ravel().astype(np.int64)


def _spread(
    rows: NDArray[np.int64], courses: NDArray[np.int64], owners: Owners
) -> NDArray[np.int64]:
    index = np.zeros(owners.count, dtype=np.int64)
    index[rows] = courses
    for number, other in owners.copies.items():
        index[number] = index[other]
    return index


def _scale(values: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Step and least value: at least a thousand steps over the range, in decimal steps."""
    finite = np.concatenate([item[np.isfinite(item)] for item in values])
    if not finite.size:
        return 1.0, 0.0
    low, high = float(finite.min()), float(finite.max())
    width = high - low
    if width <= 0:
        return 1.0, low
    return 10.0 ** math.floor(math.log10(width)) / _STEPS, low


def _codes(values: NDArray[np.float64], scale: float, offset: float) -> NDArray[np.uint16]:
    codes = np.rint((np.where(np.isfinite(values), values, offset) - offset) / scale)
    return np.where(np.isfinite(values), codes, GAP).astype(np.uint16)


def _differences(hourly: NDArray[Any]) -> NDArray[Any]:
    """Each hour less the hour before, modulo the type's range [hours + 1, courses]."""
    found = np.ascontiguousarray(hourly).copy()
    found[1:] = hourly[1:] - hourly[:-1]
    return found


def packed_stream(about: Mapping[str, Any], found: Sequence[Courses], combination: str) -> bytes:
    """The answer: a head, then arrays that begin at multiples of eight bytes.

    Args:
        about: `run`, `layer`, `start`, `hours`, `numbers`, `numbering`, `data_version`.
        found: The quantities.
        combination: How a feature's course comes from its assets: `own` or `assets`.
    """
    body = bytearray()
    described = []
    for courses in found:
        known = quantities()[courses.quantity]
        count = courses.sections["hourly"].shape[-1]
        arrays = {
            "index": courses.index.astype(np.uint16 if count <= 65_535 else np.uint32),
            **courses.sections,
        }
        described.append(
            {
                "quantity": courses.quantity,
                "title": {"zh-CN": known.title_zh, "en": known.title_en},
                "unit": units()[known.unit].sign,
                "event": courses.is_event,
                "combination": combination,
                "levels": ["probability"] if courses.is_event else list(LEVELS),
                "courses": count,
                "scale": courses.scale,
                "offset": courses.offset,
                "arrays": {name: _appended(body, array) for name, array in arrays.items()},
            }
        )
    head = msgspec.json.encode({"format": FORMAT, **about, "quantities": described})
    head += b" " * (-len(head) % 8)
    return struct.pack("<4sIII", MAGIC, FORMAT, len(head), 0) + head + bytes(body)


def _appended(body: bytearray, array: NDArray[Any]) -> dict[str, Any]:
    """Where an array lies, counted from the end of the head."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    at = len(body)
    body += little.tobytes()
    body += b"\0" * (-len(body) % 8)
    return {"type": array.dtype.name, "at": at, "shape": list(array.shape)}
