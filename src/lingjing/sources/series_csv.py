"""Hourly measurements from CSV: forcing for a hindcast, observations for a score.

Columns are named by quantity and unit. Times are ISO 8601; without a zone they are taken as UTC
unless the caller names another, and a note says so. An empty cell is a gap.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.weather_notes import note
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import HourlySeries, Values

LIMITS: Final[dict[str, tuple[float, float]]] = {
    "air_temperature_C": (-80.0, 60.0),
    "dew_point_C": (-90.0, 45.0),
    "relative_humidity_pct": (0.0, 105.0),
    "wind_speed_m_s": (0.0, 100.0),
    "shortwave_down_W_m2": (-30.0, 1500.0),
    "longwave_down_W_m2": (30.0, 650.0),
    "cloud_cover_octas": (0.0, 9.0),
    "precipitation_mm_h": (0.0, 300.0),
    "road_temperature_C": (-60.0, 90.0),
    "pavement_temperature_C": (-60.0, 90.0),
    "water_mm": (0.0, 1000.0),
    "snow_mm": (0.0, 10_000.0),
    "ice_mm": (0.0, 1000.0),
    "frost_mm": (0.0, 100.0),
    **dict.fromkeys(("p10", "p25", "p50", "p75", "p90"), (-80.0, 120.0)),
}
"""Columns that are known, and between which values a reading is possible."""

GAPS: Final = ("", "nan", "na", "n/a", "null", "none", "-")
TOTALS: Final = ("precipitation_mm_h",)
_HOUR_S: Final = 3600
_FINEST_S: Final = 60
_LONGEST_H: Final = 24 * 366 * 12


@dataclass
class _Row:
    line: int
    moment: datetime
    cells: list[float]


def read_series(text: str, file: str, *, zone: tzinfo | None = None) -> HourlySeries:
    """Read measurements.

    Args:
        text: CSV with a header that has `time`.
        file: For messages.
        zone: Of times that carry none; None takes UTC and says so.

    Returns:
        All columns whose cells are numbers, on an even hourly axis from the first time to the
        last. Finer series are averaged about each hour (precipitation over the hour before it).

    Raises:
        LingjingError: `series.*`, with file, line and column.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error as fault:
        raise LingjingError("series.unreadable", Place(file), detail=str(fault)) from None
    lines = [(line, cells) for line, cells in lines if any(cell.strip() for cell in cells)]
    header = [cell.strip() for cell in lines[0][1]] if lines else []
    if "time" not in header:
        found = ", ".join(header) or "-"
        raise LingjingError("series.no-time", Place(file, 1), found=found)
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise LingjingError("series.column-twice", Place(file, lines[0][0], twice), name=twice)
    names = [name for name in header if name != "time" and name in LIMITS]
    left = [name for name in header if name != "time" and name not in LIMITS]
    notes = [note("ignored", columns=", ".join(left))] if left else []
    rows = _read_rows(lines[1:], header, names, file)
    naive = rows[0].moment.tzinfo is None
    if naive and zone is None:
        notes.append(note("naive-as-utc"))
    chosen: tzinfo = (zone or UTC) if naive else (rows[0].moment.tzinfo or UTC)
    seconds = _instants(rows, chosen if naive else None, file)
    table = np.array([row.cells for row in rows], dtype=np.float64).reshape(len(rows), len(names))
    times, columns = on_hours(seconds, table, names, Place(file, rows[0].line, "time"))
    empty = [name for name in names if not np.isfinite(columns[name]).any()]
    if empty:
        notes.append(note("empty-columns", columns=", ".join(empty)))
    kept = {name: values for name, values in columns.items() if name not in empty}
    return HourlySeries(file, times, kept, chosen, naive, tuple(notes))


def _read_rows(
    lines: Sequence[tuple[int, list[str]]], header: list[str], names: list[str], file: str
) -> list[_Row]:
    if not lines:
        raise LingjingError("series.no-rows", Place(file))
    at = header.index("time")
    places = [header.index(name) for name in names]
    rows = []
    for line, cells in lines:
        if len(cells) != len(header):
            raise LingjingError(
                "series.ragged", Place(file, line), expected=len(header), found=len(cells)
            )
        try:
            moment = datetime.fromisoformat(cells[at].strip())
        except ValueError:
            place = Place(file, line, "time")
            raise LingjingError("series.bad-time", place, value=cells[at].strip()) from None
        values = [
            _number(cells[place], name, file, line)
            for place, name in zip(places, names, strict=True)
        ]
        rows.append(_Row(line, moment, values))
    return rows


def _number(cell: str, name: str, file: str, line: int) -> float:
    word = cell.strip()
    if word.lower() in GAPS:
        return math.nan
    place = Place(file, line, name)
    try:
        value = float(word)
    except ValueError:
        raise LingjingError("series.not-a-number", place, name=name, value=word) from None
    lower, upper = LIMITS[name]
    if not lower <= value <= upper:
        raise LingjingError(
            "series.impossible", place, name=name, value=word, lower=lower, upper=upper
        )
    return value


def _instants(rows: list[_Row], zone: tzinfo | None, file: str) -> list[int]:
    """Seconds since 1970 of each row, rising.

    Raises:
        LingjingError: `series.mixed-zones` or `series.disorder`.
    """
    seconds: list[int] = []
    for row in rows:
        place = Place(file, row.line, "time")
        if (row.moment.tzinfo is None) != (zone is not None):
            raise LingjingError("series.mixed-zones", place, value=row.moment.isoformat())
        moment = row.moment if zone is None else row.moment.replace(tzinfo=zone)
        if zone is not None and moment.astimezone(UTC).astimezone(zone) != moment:
            raise LingjingError("series.bad-time", place, value=row.moment.isoformat())
        here = round(moment.timestamp())
        if seconds and here <= seconds[-1]:
            raise LingjingError("series.disorder", place, value=row.moment.isoformat())
        seconds.append(here)
    return seconds


def on_hours(
    seconds: Sequence[int], table: Values, names: Sequence[str], place: Place
) -> tuple[NDArray[np.datetime64], dict[str, Values]]:
    """Put rows on an even hourly axis; finer rows are averaged about each hour.

    Args:
        seconds: Since 1970, rising [rows].
        table: Values [rows, names], NaN in gaps.
        names: Columns; those of `TOTALS` are averaged over the hour before.
        place: Of the first row, for messages.

    Raises:
        LingjingError: `series.uneven` or `series.too-long`.
    """
    first, last = seconds[0], seconds[-1]
    step = math.gcd(*(later - first for later in seconds[1:]), _HOUR_S) if len(seconds) > 1 else 0
    if step < _FINEST_S or last - first < _HOUR_S:
        raise LingjingError("series.uneven", place, step_s=step)
    if step < _HOUR_S:  # finer than hours: the axis lies on full hours
        first -= first % _HOUR_S
    hours = (last - first) // _HOUR_S + 1
    if hours > _LONGEST_H:
        raise LingjingError("series.too-long", Place(place.file), hours=hours, most=_LONGEST_H)
    offsets = np.array(seconds) - first
    columns = {}
    for position, name in enumerate(names):
        late = _HOUR_S - 1 if name in TOTALS else _HOUR_S // 2
        index = np.minimum((offsets + late) // _HOUR_S, hours - 1)
        known = np.isfinite(table[:, position])
        total = np.bincount(index[known], table[known, position], minlength=hours)
        count = np.bincount(index[known], minlength=hours)
        columns[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    axis = np.arange(first, first + hours * _HOUR_S, _HOUR_S).astype("datetime64[s]")
    return axis, columns
