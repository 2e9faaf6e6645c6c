"""Long histories as compressed columns, and sums over them; the same for every driver.

A *chunk* holds some thousands of rows of one attribute and dataset of one entity. Rows are in
order of sequence; observation times may be in any order, and ranges of chunks may overlap: late
observations simply lie in a later chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.twin.ledger import Aggregate, Method

ROWS: Final = 4096
"""Rows of a full chunk."""
HOT_ROWS: Final = 512
"""Rows that gather outside before they are taken into a chunk."""
NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a time that a row does not have."""
NO_TEMPLATE: Final = -1
LATE: Final = 4
"""Added to the operation in `marks` where a row never was part of the present state."""
OPERATIONS: Final = ("create", "update", "delete")

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode
_INTEGERS: Final = ("sequence", "observed_us", "recorded_us", "created_us")
_VERSION: Final = 1


class Columns(NamedTuple):
    """Rows of one attribute and dataset of one entity, as columns [n] in order of sequence.

    Attributes:
        sequence: Numbers of the changes.
        observed_us, recorded_us, created_us: Times [µs]; `NO_TIME` where there is none.
        marks: Place of the operation in `OPERATIONS`, plus `LATE`.
        template: Key of the template, `NO_TEMPLATE` where a body holds the instance.
        number: Numeric value; NaN where the value is none.
        bodies: Instances as JSON, None where a template gives them or there is none.
    """

    sequence: NDArray[np.int64]
    observed_us: NDArray[np.int64]
    recorded_us: NDArray[np.int64]
    created_us: NDArray[np.int64]
    marks: NDArray[np.uint8]
    template: NDArray[np.int32]
    number: NDArray[np.float64]
    bodies: list[bytes | None]

    def __len__(self) -> int:
        return len(self.sequence)

    def take(self, places: NDArray[Any]) -> Columns:
        """Some of the rows, by index or mask, in that order."""
        chosen = np.flatnonzero(places) if places.dtype == bool else places
        return Columns(
            self.sequence[chosen],
            self.observed_us[chosen],
            self.recorded_us[chosen],
            self.created_us[chosen],
            self.marks[chosen],
            self.template[chosen],
            self.number[chosen],
            [self.bodies[place] for place in chosen.tolist()],
        )

    def with_template(self, template: NDArray[np.int32]) -> Columns:
        """The same rows with other keys of templates [n]."""
        return Columns(*self[:5], template, self.number, self.bodies)

    def span(self) -> tuple[int | None, int | None]:
        """First and last observation time [µs]; None where no row has one."""
        known = self.observed_us[self.observed_us != NO_TIME]
        return (int(known.min()), int(known.max())) if known.size else (None, None)


Row = tuple[int, int, int | None, int, int | None, int | None, float | None, bytes | None]
"""sequence, marks, observed_us, recorded_us, created_us, template, number, body."""


def from_rows(rows: Sequence[Row]) -> Columns:
    """Columns out of rows, put in order of sequence."""
    ordered = sorted(rows, key=lambda row: row[0])
    if not ordered:
        return empty()
    sequence, marks, observed, recorded, created, template, number, bodies = zip(
        *ordered, strict=True
    )
    return Columns(
        np.array(sequence, dtype=np.int64),
        np.array([NO_TIME if item is None else item for item in observed], dtype=np.int64),
        np.array(recorded, dtype=np.int64),
        np.array([NO_TIME if item is None else item for item in created], dtype=np.int64),
        np.array(marks, dtype=np.uint8),
        np.array([NO_TEMPLATE if item is None else item for item in template], dtype=np.int32),
        np.array([np.nan if item is None else item for item in number], dtype=np.float64),
        list(bodies),
    )


def to_rows(columns: Columns) -> list[Row]:
    """Rows out of columns."""
    return [
        (
            sequence,
            marks,
            None if observed == NO_TIME else observed,
            recorded,
            None if created == NO_TIME else created,
            None if template == NO_TEMPLATE else template,
            None if number != number else number,  # noqa: PLR0124 only NaN differs from itself
            body,
        )
        for sequence, marks, observed, recorded, created, template, number, body in zip(
            columns.sequence.tolist(),
            columns.marks.tolist(),
            columns.observed_us.tolist(),
            columns.recorded_us.tolist(),
            columns.created_us.tolist(),
            columns.template.tolist(),
            columns.number.tolist(),
            columns.bodies,
            strict=True,
        )
    ]


def empty() -> Columns:
    """No rows."""
    whole, none = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Columns(
        whole, whole, whole, whole, whole.astype(np.uint8), whole.astype(np.int32), none, []
    )


def joined(parts: Iterable[Columns]) -> Columns:
    """Rows of several parts, in order of sequence."""
    held = [part for part in parts if len(part)]
    if not held:
        return empty()
    if len(held) == 1:
        return held[0]
    bodies: list[bytes | None] = []
    for part in held:
        bodies += part.bodies
    whole = Columns(
        np.concatenate([part.sequence for part in held]),
        np.concatenate([part.observed_us for part in held]),
        np.concatenate([part.recorded_us for part in held]),
        np.concatenate([part.created_us for part in held]),
        np.concatenate([part.marks for part in held]),
        np.concatenate([part.template for part in held]),
        np.concatenate([part.number for part in held]),
        bodies,
    )
    if np.all(np.diff(whole.sequence) > 0):
        return whole
    return whole.take(np.argsort(whole.sequence, kind="stable"))


def encode(columns: Columns) -> bytes:
    """A chunk's bytes."""
    segments = [_squeeze(_steps(getattr(columns, name)).tobytes()) for name in _INTEGERS]
    segments += [
        _squeeze(columns.marks.tobytes()),
        _squeeze(columns.template.tobytes()),
        _squeeze(columns.number.tobytes()),
    ]
    bodies = None
    if any(body is not None for body in columns.bodies):
        text = _pack(columns.bodies)
        bodies = [len(text), _squeeze(text)]
    return _pack([_VERSION, len(columns), *segments, bodies])


def decode(chunk: bytes) -> Columns:
    """The rows of a chunk."""
    _, count, sequence, observed, recorded, created, marks, template, number, bodies = _unpack(
        chunk
    )
    return Columns(
        _whole(sequence, count),
        _whole(observed, count),
        _whole(recorded, count),
        _whole(created, count),
        np.frombuffer(_stretch(marks, count), dtype=np.uint8),
        np.frombuffer(_stretch(template, 4 * count), dtype=np.int32),
        np.frombuffer(_stretch(number, 8 * count), dtype=np.float64),
        [None] * count if bodies is None else _unpack(_stretch(bodies[1], bodies[0])),
    )


def decode_numbers(chunk: bytes, time: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Only the times and numeric values of a chunk [n], for sums: a third of the work.

    Args:
        chunk: Its bytes.
        time: 1 for observed, 2 for recorded, 3 for created.
    """
    parts = _unpack(chunk)
    count = parts[1]
    number = np.frombuffer(_stretch(parts[8], 8 * count), dtype=np.float64)
    return _whole(parts[2 + time], count), number


def _steps(column: NDArray[np.int64]) -> NDArray[np.int64]:
    """First value, then the steps between; they wrap around and come back."""
    with np.errstate(over="ignore"):
        return np.diff(column, prepend=np.int64(0))


def _whole(segment: bytes, count: int) -> NDArray[np.int64]:
    steps = np.frombuffer(_stretch(segment, 8 * count), dtype=np.int64)
    with np.errstate(over="ignore"):
        return np.cumsum(steps)


def _squeeze(content: bytes) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 a fifth of a second that not everybody needs

    return bytes(pa.compress(content, codec="zstd", asbytes=True))


def _stretch(content: bytes, size: int) -> bytes:
    import pyarrow as pa  # noqa: PLC0415

    if size == 0:
        return b""
    return bytes(pa.decompress(content, decompressed_size=size, codec="zstd", asbytes=True))


def standing_of(columns: Columns) -> tuple[int | None, ...]:
    """First and last sequence, observation and recording of columns."""
    return (
        int(columns.sequence[0]),
        int(columns.sequence[-1]),
        *columns.span(),
        int(columns.recorded_us.min()),
        int(columns.recorded_us.max()),
    )


def pieces(columns: Columns) -> Iterator[Columns]:
    """Columns in lots that make full chunks."""
    for start in range(0, len(columns), ROWS):
        yield columns.take(np.arange(start, min(start + ROWS, len(columns))))


# Sums


def aggregated(
    times_us: NDArray[np.int64],
    numbers: NDArray[np.float64],
    methods: Sequence[Method],
    window_us: tuple[int | None, int | None],
    period_us: int | None,
    origin_us: int | None,
) -> Aggregate:
    """Values aggregated by period; NaN and what lies outside the window are left out.

    Args:
        times_us: Times [n], in any order.
        numbers: Values [n].
        methods: What is wanted.
        window_us: Half-open; None is open.
        period_us: Length of a period; None for one over all.
        origin_us: Where periods count from; the window's start, else the first value, if None.
    """
    since, until = window_us
    kept = ~np.isnan(numbers) & (times_us != NO_TIME)
    if since is not None:
        kept &= times_us >= since
    if until is not None:
        kept &= times_us < until
    if not bool(kept.all()):
        times_us, numbers = times_us[kept], numbers[kept]
    if not times_us.size:
        none = np.zeros(0, dtype=np.int64)
        return Aggregate(none, none, {method: np.zeros(0) for method in methods})
    if not bool(np.all(times_us[1:] >= times_us[:-1])):
        order = np.argsort(times_us, kind="stable")
        times_us, numbers = times_us[order], numbers[order]
    first = int(times_us[0])
    if period_us is None:
        starts = np.zeros(1, dtype=np.int64)
        start = np.array([first if since is None else since], dtype=np.int64)
        end = np.array([int(times_us[-1]) + 1 if until is None else until], dtype=np.int64)
    else:
        origin = origin_us if origin_us is not None else (first if since is None else since)
        bucket = (times_us - origin) // period_us
        starts = np.concatenate([[0], np.flatnonzero(np.diff(bucket)) + 1])
        start = origin + bucket[starts] * period_us
        end = start + period_us
    values: dict[str, NDArray[np.float64]] = {
        method: _reduced(method, numbers, starts) for method in methods
    }
    return Aggregate(start, end, values)


def _reduced(  # noqa: PLR0911 one line a method
    method: Method, numbers: NDArray[np.float64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    counts = np.diff(starts, append=len(numbers)).astype(np.float64)
    match method:
        case "totalCount":
            return counts
        case "sum":
            return np.add.reduceat(numbers, starts)
        case "avg":
            return np.asarray(np.add.reduceat(numbers, starts) / counts)
        case "min":
            return np.minimum.reduceat(numbers, starts)
        case "max":
            return np.maximum.reduceat(numbers, starts)
        case "sumsq":
            return np.add.reduceat(numbers * numbers, starts)
        case "stddev":
            means = np.add.reduceat(numbers, starts) / counts
            apart = numbers - np.repeat(means, counts.astype(np.int64))
            return np.asarray(np.sqrt(np.add.reduceat(apart * apart, starts) / counts))
        case "distinctCount":
            groups = np.repeat(np.arange(len(starts)), counts.astype(np.int64))
            order = np.lexsort((numbers, groups))
            groups, numbers = groups[order], numbers[order]
            new = np.concatenate([[True], (np.diff(groups) != 0) | (np.diff(numbers) != 0)])
            return np.bincount(groups[new], minlength=len(starts)).astype(np.float64)
