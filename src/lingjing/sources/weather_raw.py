"""What the weather readers have in common: rows with gaps in, an even `WeatherTable` out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.weather_notes import note
from lingjing.vocabulary import (
    LingjingError,
    Place,
    Provenance,
    WeatherTable,
    format_instant,
    instant_of,
    moment_of,
    quantity,
)

Span = tuple[datetime, datetime]

_MOST_HOURS = 60 * 8784  # sixty years; longer spans are a mistyped year
_OFFSET = re.compile(r"^(?:UTC)?([+-])(\d{2}):?(\d{2})$")


@dataclass
class RawWeather:
    """Rows as a file gives them: in order of time, perhaps with hours or values missing.

    Attributes:
        name: Name of the record.
        file: Shown in errors.
        times: Instants [rows], `datetime64[s]`, UTC, whole hours, strictly increasing.
        columns: Quantity name → values [members, rows] in the vocabulary's unit; NaN is a gap.
        methods: Quantity name → how it arose.
        fields: Quantity name → how the file calls it, for errors.
        lines: Line of each row in the file [rows]; empty where the format has no lines.
    """

    name: str
    file: str
    times: NDArray[np.datetime64]
    columns: dict[str, NDArray[np.float64]]
    methods: dict[str, str]
    provenance: Provenance
    attribution: str
    fields: dict[str, str] = field(default_factory=dict)
    lines: Sequence[int] = ()
    longitude_deg: float | None = None
    latitude_deg: float | None = None
    notes: list[str] = field(default_factory=list)

    def place(self, row: int, name: str) -> Place:
        """Where a value stands in the file."""
        line = self.lines[row] if row < len(self.lines) else None
        return Place(file=self.file, line=line, field=self.fields.get(name, name))


def settle(
    raw: RawWeather, *, fill_gaps_hours: int = 6, window: Span | None = None
) -> WeatherTable:
    """Make an even hourly table: short gaps filled by name, long ones refused.

    Inner gaps of at most `fill_gaps_hours` are filled linearly (`gap-linear`; the wind direction
    along the shorter arc). Gaps of that length at the ends of any quantity but the air temperature
    hold the nearest value (`edge-held`); hours at the ends without air temperature are left out.
    Only the hours inside `window` need be whole; the table is cut to it.

    Raises:
        LingjingError: `weather.gap`, `weather.uneven-members`, `weather.outside-window`,
            `weather.empty`, `weather.too-long`, `vocabulary.out-of-bounds`.
    """
    if "air_temperature" not in raw.columns or raw.times.size == 0:
        raise LingjingError("weather.empty", Place(file=raw.file))
    _check_bounds(raw)
    hours = (raw.times.astype("datetime64[s]").astype(np.int64) // 3600).astype(np.int64)
    length = int(hours[-1] - hours[0]) + 1
    if length > _MOST_HOURS:
        raise LingjingError("weather.too-long", Place(file=raw.file), hours=length)
    rows = np.full(length, -1, dtype=np.int64)
    rows[hours - hours[0]] = np.arange(hours.size)
    grid = {name: _spread(values, rows) for name, values in raw.columns.items()}
    notes = list(raw.notes)

    known = np.flatnonzero(np.isfinite(grid["air_temperature"]).any(axis=0))
    if known.size == 0:
        raise LingjingError("weather.empty", Place(file=raw.file))
    first, last = int(known[0]), int(known[-1]) + 1
    if window is None and (trimmed := length - (last - first)):
        notes.append(note("trimmed", count=trimmed))
    times = (hours[0] + np.arange(length)) * 3600
    first, last = _cut(times, first, last, window, raw)

    columns: dict[str, NDArray[np.float32]] = {}
    methods: dict[str, str] = {}
    for name, values in grid.items():
        if not np.isfinite(values).any():
            notes.append(note("column_empty", quantity=_titled(name)))
            continue
        filled, held = _fill(values, fill_gaps_hours, circular=name == "wind_direction")
        if name == "air_temperature":
            values[held] = np.nan
            held[:] = False
        part = values[:, first:last]
        if not np.isfinite(part).all():
            raise _gap(
                raw,
                name,
                part=part,
                rows=rows[first:last],
                times=times[first:last],
                limit=fill_gaps_hours,
            )
        columns[name] = part.astype(np.float32)
        method = raw.methods[name]
        if count := int(filled[:, first:last].any(axis=0).sum()):
            method += "+gap-linear"
            notes.append(note("gap_filled", quantity=_titled(name), count=count))
        if count := int(held[:, first:last].any(axis=0).sum()):
            method += "+edge-held"
            notes.append(note("edge_held", quantity=_titled(name), count=count))
        methods[name] = method
    return WeatherTable(
        name=raw.name,
        times=times[first:last].astype("datetime64[s]"),
        columns=columns,
        methods=methods,
        provenance=raw.provenance,
        attribution=raw.attribution,
        longitude_deg=raw.longitude_deg,
        latitude_deg=raw.latitude_deg,
        notes=tuple(notes),
    )


def check_order(
    times: NDArray[np.datetime64], lines: Sequence[int], file: str, column: str
) -> None:
    """Refuse times that stand twice, run backward or lie off the hour.

    Raises:
        LingjingError: `weather.duplicate-time`, `weather.backward-time`, `weather.off-the-hour`.
    """
    seconds = times.astype("datetime64[s]").astype(np.int64)

    def refuse(code: str, row: int) -> LingjingError:
        line = lines[row] if row < len(lines) else None
        text = format_instant(instant_of(times[row]))
        return LingjingError(code, Place(file=file, line=line, field=column), text=text)

    steps = np.diff(seconds)
    for row in np.flatnonzero(steps <= 0)[:1]:
        seen = bool((seconds[: row + 1] == seconds[row + 1]).any())
        raise refuse("weather.duplicate-time" if seen else "weather.backward-time", int(row) + 1)
    for row in np.flatnonzero(seconds % 3600)[:1]:
        raise refuse("weather.off-the-hour", int(row))


def zone_named(zone: tzinfo | str | None) -> tzinfo | None:
    """A time zone by name (`Asia/Shanghai`) or offset (`+08:00`); `None` stays `None`.

    Raises:
        LingjingError: `weather.unknown-zone`.
    """
    if zone is None or isinstance(zone, tzinfo):
        return zone
    if match := _OFFSET.match(zone.strip()):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset < timedelta(hours=24):
            return timezone(offset if sign == "+" else -offset)
    try:
        return ZoneInfo(zone.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise LingjingError("weather.unknown-zone", text=zone) from None


def read_time(text: str, zone: tzinfo | None, place: Place) -> datetime:
    """An ISO 8601 time in UTC; without an offset it must have been given a zone.

    Raises:
        LingjingError: `weather.bad-time`, `weather.no-time-zone`.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
        if instant.tzinfo is None:
            if zone is None:
                raise LingjingError("weather.no-time-zone", place, text=text.strip())
            instant = instant.replace(tzinfo=zone)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LingjingError("weather.bad-time", place, text=text.strip()) from None


def _check_bounds(raw: RawWeather) -> None:
    for name, values in raw.columns.items():
        known = quantity(name)
        wrong = np.isinf(values) | (values < known.lower) | (values > known.upper)
        if wrong.any():
            member, row = (int(index) for index in np.argwhere(wrong)[0])
            known.check(values[member, row : row + 1], raw.place(row, name))


def _spread(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    spread = np.full((values.shape[0], rows.size), np.nan)
    present = rows >= 0
    spread[:, present] = values[:, rows[present]]
    return spread


def _cut(
    times: NDArray[np.int64], first: int, last: int, window: Span | None, raw: RawWeather
) -> tuple[int, int]:
    if window is not None:
        start, end = (int(moment_of(edge).astype(np.int64)) for edge in window)
        inside = np.flatnonzero((times >= start) & (times <= end))
        inside = inside[(inside >= first) & (inside < last)]
        if inside.size < 2:
            raise LingjingError(
                "weather.outside-window",
                Place(file=raw.file),
                start=_text(int(times[first])),
                end=_text(int(times[last - 1])),
                from_time=format_instant(window[0]),
                to_time=format_instant(window[1]),
            )
        return int(inside[0]), int(inside[-1]) + 1
    if last - first < 2:
        raise LingjingError("weather.empty", Place(file=raw.file))
    return first, last


def _fill(
    values: NDArray[np.float64], limit: int, *, circular: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Fill short gaps of `values` in place; say which hours were interpolated and which held."""
    filled = np.zeros(values.shape, dtype=bool)
    held = np.zeros(values.shape, dtype=bool)
    for member, series in enumerate(values):
        for start, stop in missing_runs(series):
            if stop - start > limit:
                continue
            if start == 0 or stop == series.size:
                series[start:stop] = series[stop if start == 0 else start - 1]
                held[member, start:stop] = True
                continue
            left, right = series[start - 1], series[stop]
            change = (right - left + 180.0) % 360.0 - 180.0 if circular else right - left
            share = np.arange(1, stop - start + 1) / (stop - start + 1)
            bridge = left + change * share
            series[start:stop] = bridge % 360.0 if circular else bridge
            filled[member, start:stop] = True
    return filled, held


def missing_runs(series: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Spans `[start, stop)` of NaN in a series; none for a series that is all NaN."""
    missing = ~np.isfinite(series)
    if missing.all():
        return []
    edges = np.diff(np.concatenate(([0], missing.astype(np.int8), [0])))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def _gap(
    raw: RawWeather,
    name: str,
    *,
    part: NDArray[np.float64],
    rows: NDArray[np.int64],
    times: NDArray[np.int64],
    limit: int,
) -> LingjingError:
    """The error for the first gap: uneven members if only some are short, else a gap."""
    holes = ~np.isfinite(part)
    hour = int(np.flatnonzero(holes.any(axis=0))[0])
    beyond = hour
    while beyond < holes.shape[1] and holes[:, beyond].any():
        beyond += 1
    # a gap of missing rows has no line of its own: point to the row after it
    after = rows[hour:][rows[hour:] >= 0]
    place = raw.place(int(after[0]) if after.size else len(raw.lines), name)
    some_whole = not holes[:, hour].all()
    if some_whole and (hour == 0 or beyond == holes.shape[1]):
        member = int(np.flatnonzero(holes[:, hour])[0]) + 1
        detail = f"{name}, member {member}: {_text(int(times[hour]))}, {beyond - hour} h"
        return LingjingError("weather.uneven-members", place, detail=detail)
    return LingjingError(
        "weather.gap",
        place,
        quantity=name,
        start=_text(int(times[hour])),
        hours=beyond - hour,
        limit=limit,
    )


def _titled(name: str) -> dict[str, str]:
    """A quantity's title in each language, with its name."""
    known = quantity(name)
    return {"zh-CN": f"{known.title_zh}（{name}）", "en": f"{known.title_en} ({name})"}


def _text(seconds: int) -> str:
    return format_instant(datetime.fromtimestamp(seconds, tz=UTC))
