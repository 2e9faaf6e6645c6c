"""Weather from EPW, the hourly weather file of EnergyPlus: the columns that Lingjing uses.

Each line tells of the hour that ends at its time (hour 1 ends at 01:00), in the local standard time
of the `LOCATION` line. Codes such as 99.9 or 9999 stand for missing values.

Reference: EnergyPlus, Auxiliary Programs, "EnergyPlus Weather File (EPW) Data Dictionary".
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.weather_notes import note
from lingjing.sources.weather_raw import RawWeather, check_order
from lingjing.vocabulary import LingjingError, Place, Provenance, moment_of

_HEADER_LINES = 8
_FEWEST_FIELDS = 24

# quantity → position in a line, factor into our unit, value from which on it is missing
_FIELDS: dict[str, tuple[int, float, float]] = {
    "air_temperature": (6, 1.0, 99.9),
    "dew_point": (7, 1.0, 99.9),
    "relative_humidity": (8, 1.0, 999.0),
    "pressure": (9, 0.01, 999999.0),
    "longwave_down": (12, 1.0, 9999.0),
    "shortwave_down": (13, 1.0, 9999.0),
    "wind_direction": (20, 1.0, 999.0),
    "wind_speed": (21, 1.0, 999.0),
    "cloud_cover": (22, 10.0, 99.0),
    "precipitation": (33, 1.0, 999.0),
}
_DIFFUSE = (15, 1.0, 9999.0)


def read_epw(text: str, file: str, *, name: str, year: int | None = None) -> RawWeather:
    """Read an EPW file.

    Args:
        text: The file.
        file: Shown in errors.
        name: Name of the record.
        year: The year that a typical year shall stand for; the file's own years without it.

    Raises:
        LingjingError: `weather.bad-epw`, `weather.epw-years`, `weather.bad-time`,
            `weather.not-a-number`, or the errors of times.
    """
    rows = list(csv.reader(io.StringIO(text, newline="")))
    offset, longitude_deg, latitude_deg = _location(rows, file)
    body = [(line, row) for line, row in enumerate(rows, start=1) if line > _HEADER_LINES and row]
    if len(body) < 2:
        raise _bad(file, len(rows), f"{len(body)} h")
    years = _years(body, file)
    if year is None and sorted(years) != years:
        texts = ", ".join(str(item) for item in sorted(set(years)))
        raise LingjingError("weather.epw-years", Place(file=file), years=texts)
    lines = [line for line, _ in body]
    moments = [moment_of(_time(row, line, offset, year, file)) for line, row in body]
    times = np.array(moments, dtype="datetime64[s]")
    check_order(times, lines, file, "hour")
    columns = {
        quantity: _column(body, quantity, where, file) for quantity, where in _FIELDS.items()
    }
    diffuse = _column(body, "diffuse_shortwave", _DIFFUSE, file)
    columns["direct_shortwave_down"] = np.maximum(columns["shortwave_down"] - diffuse, 0.0)
    # the format allows up to 110 %: air above saturation, which no column of ours holds
    damp = (columns["relative_humidity"] > 100.0) & (columns["relative_humidity"] <= 110.0)
    columns["relative_humidity"][damp] = 100.0
    texts = ", ".join(str(item) for item in sorted(set(years)))
    dated = note("epw_own_year", years=texts)
    if year is not None:
        dated = note("epw_year", year=year, years=texts)
    notes = [dated]
    if damp.any():
        notes.append(note("saturated", count=int(damp.sum())))
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    sign = "-" if offset < timedelta(0) else "+"
    return RawWeather(
        name=name,
        file=file,
        times=times,
        columns={quantity: values[np.newaxis, :] for quantity, values in columns.items()},
        methods=dict.fromkeys(columns, "typical-year")
        | {"direct_shortwave_down": "typical-year+global-minus-diffuse"},
        provenance=Provenance("imported", file, rule="typical-year"),
        attribution=f"{rows[0][4].strip() or 'EPW'} ({rows[0][1].strip()})",
        lines=lines,
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        notes=[*notes, note("epw_hours", offset=f"{sign}{hours:02d}:{minutes:02d}")],
    )


def _bad(file: str, line: int, detail: str) -> LingjingError:
    return LingjingError("weather.bad-epw", Place(file=file, line=line), detail=detail)


def _location(rows: Sequence[Sequence[str]], file: str) -> tuple[timedelta, float, float]:
    """Offset from UTC, longitude and latitude of the `LOCATION` line."""
    if len(rows) <= _HEADER_LINES or not rows[0] or rows[0][0].strip().upper() != "LOCATION":
        raise _bad(file, 1, "LOCATION")
    try:
        latitude_deg, longitude_deg, zone = (float(rows[0][index]) for index in (6, 7, 8))
    except (IndexError, ValueError):
        raise _bad(file, 1, "LOCATION") from None
    if not (abs(latitude_deg) <= 90.0 and abs(longitude_deg) <= 180.0 and abs(zone) <= 14.0):
        raise _bad(file, 1, "LOCATION")
    return timedelta(minutes=round(zone * 60)), longitude_deg, latitude_deg


def _years(body: Sequence[tuple[int, Sequence[str]]], file: str) -> list[int]:
    """The year of each run of lines of one year, in the order of the file."""
    years: list[int] = []
    for line, row in body:
        try:
            year = int(row[0])
        except ValueError:
            raise _bad(file, line, row[0]) from None
        if not years or years[-1] != year:
            years.append(year)
    return years


def _time(
    row: Sequence[str], line: int, offset: timedelta, year: int | None, file: str
) -> datetime:
    """The end of the hour that the line tells of, UTC."""
    if len(row) < _FEWEST_FIELDS:
        raise LingjingError(
            "weather.ragged-row",
            Place(file=file, line=line),
            found=len(row),
            expected=_FEWEST_FIELDS,
        )
    try:
        own, month, day, hour = (int(float(cell)) for cell in row[:4])
        if not 1 <= hour <= 24:
            raise ValueError(hour)
        midnight = datetime(own if year is None else year, month, day, tzinfo=UTC)
        return midnight + timedelta(hours=hour) - offset
    except (ValueError, OverflowError):
        text = "-".join(row[:3]) + f" {row[3]} h"
        raise LingjingError("weather.bad-time", Place(file=file, line=line), text=text) from None


def _column(
    body: Sequence[tuple[int, Sequence[str]]],
    field: str,
    where: tuple[int, float, float],
    file: str,
) -> NDArray[np.float64]:
    position, factor, missing = where
    values = np.full(len(body), math.nan)
    for index, (line, row) in enumerate(body):
        if position >= len(row) or not row[position].strip():
            continue
        try:
            value = float(row[position])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            at = Place(file=file, line=line, field=field)
            raise LingjingError("weather.not-a-number", at, text=row[position])
        if value < missing:
            values[index] = value * factor
    return values
