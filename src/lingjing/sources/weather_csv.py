"""Weather from CSV with a documented header: `docs/reference/weather.md`.

Columns are named by quantity and unit (`air_temperature_C`). Nothing is guessed: a time needs an
offset or a named zone, an unknown column or unit is refused, a missing value is an empty cell.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.weather_notes import note
from lingjing.sources.weather_raw import RawWeather, check_order, read_time
from lingjing.vocabulary import LingjingError, Place, Provenance, moment_of, quantities

TIME_COLUMNS = ("time", "time_local")
MEMBER_COLUMN = "member"
CUMULATED_WIND = "cumulated_wind_speed_m_s"
COMPASS_COLUMN = "wind_direction"
KNOWN_EXTRAS = ("pavement_temperature_C", "road_surface_temperature_C", "station", "remark")
"""Columns that may stand in a weather file and are not weather: left out, and noted."""

PREAMBLE = ("source", "attribution", "origin", "synthetic", "longitude_deg", "latitude_deg")
"""Keys that `# key: value` lines above the header may give."""
ORIGINS = ("observed", "forecast", "reconstructed")

_POINTS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE",
           "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")  # fmt: skip
COMPASS = {point: index * 22.5 for index, point in enumerate(_POINTS)}
CALM = ("cv", "c", "calm")
_CALM_CODE = -1.0
_SENTINEL = -900.0


def weather_columns() -> dict[str, str]:
    """Every column that carries a weather quantity → the quantity's name."""
    weather = (item for item in quantities().values() if "weather" in item.lives_on)
    columns = {item.column: item.name for item in weather}
    return columns | {CUMULATED_WIND: "wind_speed", COMPASS_COLUMN: "wind_direction"}


@dataclass
class _Series:
    """The rows of one member."""

    times: list[np.datetime64] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    cells: dict[str, list[float]] = field(default_factory=dict)


def read_csv(
    text: str,
    file: str,
    *,
    name: str,
    zone: tzinfo | None,
) -> RawWeather:
    """Read CSV text with the documented header.

    Raises:
        LingjingError: `weather.*` or `vocabulary.wrong-unit`, with file, line and column.
    """
    about, skipped = _preamble(text, file)
    stream = io.StringIO(text, newline="")
    for _ in range(skipped):
        stream.readline()
    reader = csv.reader(stream)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        wanted, ignored = _plan(header, Place(file=file, line=skipped + 1))
        members = _read_rows(enumerate(reader, skipped + 2), header, wanted, file, zone)
    except csv.Error as fault:
        raise LingjingError("weather.unreadable", Place(file=file), detail=str(fault)) from None
    series = _even(members, file)
    first = series[0]
    times = np.array(first.times, dtype="datetime64[s]")
    notes = [note("ignored", columns=", ".join(ignored))] if ignored else []
    origin = str(about.get("origin", "observed" if len(series) == 1 else "forecast"))
    columns = {
        target: np.array([item.cells[column] for item in series], dtype=np.float64)
        for column, target in wanted.items()
        if column != CUMULATED_WIND
    }
    methods = dict.fromkeys(columns, origin)
    if CUMULATED_WIND in wanted:
        columns["wind_speed"] = _differenced(series, times, notes)
        methods["wind_speed"] = f"{origin}+differenced-by-direction"
    if COMPASS_COLUMN in wanted and _carry_through_calm(columns["wind_direction"], notes):
        methods["wind_direction"] = f"{origin}+calm-holds-direction"
    return RawWeather(
        name=name,
        file=file,
        times=times,
        columns=columns,
        methods=methods,
        provenance=Provenance(
            "observed" if origin == "observed" else "simulated",
            str(about.get("source", file)),
            synthetic=bool(about.get("synthetic", False)),
        ),
        attribution=str(about.get("attribution", file)),
        fields={target: column for column, target in wanted.items()},
        lines=first.lines,
        longitude_deg=_degrees(about, "longitude_deg"),
        latitude_deg=_degrees(about, "latitude_deg"),
        notes=notes,
    )


def _preamble(text: str, file: str) -> tuple[dict[str, str | float | bool], int]:
    """What the `# key: value` lines above the header say, and how many lines begin with `#`."""
    about: dict[str, str | float | bool] = {}
    lines = 0
    for lines, line in enumerate(io.StringIO(text), start=1):
        if not line.startswith("#"):
            return about, lines - 1
        key, colon, value = (part.strip() for part in line[1:].partition(":"))
        if not colon or not value:
            continue
        at = Place(file=file, line=lines, field=key)
        wrong = LingjingError("weather.bad-preamble", at, key=key, value=value)
        if key not in PREAMBLE or key in about:
            raise wrong
        if key == "origin" and value not in ORIGINS:
            raise wrong
        if key == "synthetic":
            if value not in ("true", "false"):
                raise wrong
            about[key] = value == "true"
        elif key in ("longitude_deg", "latitude_deg"):
            try:
                about[key] = float(value)
            except ValueError:
                raise wrong from None
            if not abs(float(value)) <= (180.0 if key == "longitude_deg" else 90.0):
                raise wrong
        else:
            about[key] = value
    return about, lines


def _degrees(about: dict[str, str | float | bool], key: str) -> float | None:
    return float(about[key]) if key in about else None


def _plan(header: list[str], place: Place) -> tuple[dict[str, str], list[str]]:
    """Which columns carry which quantity, and which are left out."""
    known = weather_columns()
    wanted: dict[str, str] = {}
    ignored: list[str] = []
    time_column = next((column for column in TIME_COLUMNS if column in header), None)
    for column in header:
        at = Place(file=place.file, line=place.line, field=column)
        if header.count(column) > 1:
            raise LingjingError("weather.duplicate-column", at, column=column)
        if column in known:
            if known[column] in wanted.values():
                raise LingjingError("weather.duplicate-column", at, column=known[column])
            wanted[column] = known[column]
        elif column in KNOWN_EXTRAS or (column in TIME_COLUMNS and column != time_column):
            ignored.append(column)
        elif column not in (time_column, MEMBER_COLUMN):
            raise _unknown(column, at)
    present = ", ".join(header) or "—"
    if time_column is None:
        raise LingjingError("weather.missing-column", place, column="time", present=present)
    needed = ["air_temperature_C"] + [COMPASS_COLUMN] * (CUMULATED_WIND in wanted)
    for column in needed:
        if column not in wanted:
            raise LingjingError("weather.missing-column", place, column=column, present=present)
    return wanted, ignored


def _unknown(column: str, place: Place) -> LingjingError:
    """A column of a known quantity with another unit, or an unknown column."""
    stem = column.lower()
    for item in quantities().values():
        if "weather" in item.lives_on and (stem == item.name or stem.startswith(f"{item.name}_")):
            found = column[len(item.name) :].strip("_") or "—"
            return LingjingError(
                "vocabulary.wrong-unit",
                place,
                quantity=item.name,
                expected=f"{item.unit} ({item.column})",
                found=found,
            )
    near = difflib.get_close_matches(column, [*weather_columns(), *TIME_COLUMNS], n=3, cutoff=0.5)
    return LingjingError(
        "weather.unknown-column", place, column=column, near=", ".join(near) or "—"
    )


def _read_rows(
    rows: Iterable[tuple[int, list[str]]],
    header: list[str],
    wanted: dict[str, str],
    file: str,
    zone: tzinfo | None,
) -> dict[str, _Series]:
    positions = {column: header.index(column) for column in wanted}
    time_column = next(column for column in TIME_COLUMNS if column in header)
    time_position = header.index(time_column)
    member_position = header.index(MEMBER_COLUMN) if MEMBER_COLUMN in header else None
    members: dict[str, _Series] = {}
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise LingjingError(
                "weather.ragged-row",
                Place(file=file, line=line),
                found=len(row),
                expected=len(header),
            )
        label = "" if member_position is None else row[member_position].strip()
        if member_position is not None and not label:
            at = Place(file=file, line=line, field=MEMBER_COLUMN)
            raise LingjingError("weather.not-a-number", at, text=label)
        series = members.setdefault(label, _Series(cells={column: [] for column in wanted}))
        at = Place(file=file, line=line, field=time_column)
        series.times.append(moment_of(read_time(row[time_position], zone, at)))
        series.lines.append(line)
        for column, position in positions.items():
            at = Place(file=file, line=line, field=column)
            series.cells[column].append(_cell(row[position].strip(), column, at))
    if not members:
        raise LingjingError("weather.empty", Place(file=file))
    for series in members.values():
        times = np.array(series.times, dtype="datetime64[s]")
        check_order(times, series.lines, file, time_column)
    return members


def _cell(text: str, column: str, place: Place) -> float:
    if not text:
        return math.nan
    if column == COMPASS_COLUMN:
        if text.lower() in CALM:
            return _CALM_CODE
        if text.upper() in COMPASS:
            return COMPASS[text.upper()]
        raise LingjingError("weather.not-a-number", place, text=text)
    try:
        value = float(text)
    except ValueError:
        raise LingjingError("weather.not-a-number", place, text=text) from None
    if not math.isfinite(value):
        raise LingjingError("weather.not-a-number", place, text=text)
    if value <= _SENTINEL:
        raise LingjingError("weather.sentinel", place, text=text)
    return value


def _even(members: dict[str, _Series], file: str) -> list[_Series]:
    """The members in order of their labels, once they all hold the same times."""

    def order(label: str) -> tuple[int, str]:
        return (int(label), label) if label.isdecimal() else (1 << 30, label)

    labels = sorted(members, key=order)
    first = members[labels[0]]
    for label in labels[1:]:
        series = members[label]
        if series.times != first.times:
            detail = (
                f"member {labels[0]} has {len(first.times)} times, "
                f"member {label} has {len(series.times)}"
            )
            at = Place(file=file, line=series.lines[-1], field=MEMBER_COLUMN)
            raise LingjingError("weather.uneven-members", at, detail=detail)
    return [members[label] for label in labels]


def _differenced(
    members: Sequence[_Series], times: NDArray[np.datetime64], notes: list[str]
) -> NDArray[np.float64]:
    """Hourly wind speed from a sum that grows while the wind direction holds [m/s].

    In the first hour of a new direction the sum starts afresh and is the speed itself; so it is
    when the sum falls while the direction holds. Where the hour before is missing the sum before
    is unknown: the speed of the next hour stands in, if the direction still holds.
    """
    follows = np.concatenate(([False], np.diff(times.astype(np.int64)) == 3600))
    speeds = []
    unknown = 0
    for series in members:
        total = np.array(series.cells[CUMULATED_WIND])
        direction = np.array(series.cells[COMPASS_COLUMN])
        same = follows & np.concatenate(([False], direction[1:] == direction[:-1]))
        step = np.concatenate(([np.nan], np.diff(total)))
        speed = np.where(same & ~(step < 0.0), step, total)
        speed[~follows] = np.nan
        for row in np.flatnonzero(~follows):
            if row + 1 < speed.size and same[row + 1]:
                speed[row] = speed[row + 1]
            unknown += 1
        speeds.append(speed)
    notes.append(note("cumulated"))
    if unknown:
        notes.append(note("cumulated_start", count=unknown))
    return np.array(speeds)


def _carry_through_calm(directions: NDArray[np.float64], notes: list[str]) -> bool:
    """Give calm hours the direction before them (after them, at the start), in place."""
    calm = directions == _CALM_CODE
    if not calm.any():
        return False
    for series, still in zip(directions, calm, strict=True):
        moving = np.flatnonzero(~still)
        if moving.size == 0:
            series[:] = np.nan
            continue
        before = np.searchsorted(moving, np.flatnonzero(still), side="right") - 1
        series[still] = series[moving[np.maximum(before, 0)]]
    notes.append(note("calm", count=int(calm.any(axis=0).sum())))
    return True
