"""RoadSurf's files: JSON of weather in, of roads in and out, one object a station.

As the example program of RoadSurf (Finnish Meteorological Institute) reads and writes them: lists
by hour under the names of its variables, times as `YYYY-MM-DD HH:MM` UTC, -9999 where a value is
missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from lingjing.sources.series_csv import LIMITS, on_hours
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import HourlySeries

MISSING: Final = -9999.0
_ABSENT_BELOW: Final = -900.0
VARIABLES: Final = {
    "Temperature 2m": "air_temperature_C",
    "DewPoint": "dew_point_C",
    "Humidity": "relative_humidity_pct",
    "WindSpeed": "wind_speed_m_s",
    "Precipitation": "precipitation_mm_h",
    "RadiationGlobal": "shortwave_down_W_m2",
    "RadiationLW": "longwave_down_W_m2",
    "RoadTemperature": "road_temperature_C",
    "Water": "water_mm",
    "Snow": "snow_mm",
    "Ice": "ice_mm",
    "Deposit": "frost_mm",
}


@dataclass(frozen=True)
class Station:
    """One object of a RoadSurf file.

    Attributes:
        number: `statId`.
        longitude_deg, latitude_deg: WGS 84, where given.
        series: Its values.
    """

    number: int
    longitude_deg: float | None
    latitude_deg: float | None
    series: HourlySeries


def read_roadsurf(text: str, file: str) -> tuple[Station, ...]:
    """All stations of a RoadSurf file, input or output.

    Raises:
        LingjingError: `series.unreadable`, `series.not-roadsurf`, and as CSV files of measurements.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as fault:
        place = Place(file, fault.lineno)
        raise LingjingError("series.unreadable", place, detail=fault.msg) from None
    if not isinstance(document, list) or not document:
        raise LingjingError("series.not-roadsurf", Place(file), found=type(document).__name__)
    return tuple(_station(item, number, file) for number, item in enumerate(document, start=1))


def _station(item: Any, number: int, file: str) -> Station:
    field = f"[{number}]"
    if not isinstance(item, Mapping) or not isinstance(item.get("time"), list):
        raise LingjingError("series.not-roadsurf", Place(file, field=field), found=field)
    times = item["time"]
    if not times:
        raise LingjingError("series.no-rows", Place(file, field=field))
    seconds: list[int] = []
    for row, text in enumerate(times):
        place = Place(file, field=f"{field}.time[{row + 1}]")
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError:
            raise LingjingError("series.bad-time", place, value=text) from None
        here = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        if seconds and here <= seconds[-1]:
            raise LingjingError("series.disorder", place, value=text)
        seconds.append(here)
    names = [name for name in VARIABLES if name in item]
    table = np.full((len(times), len(names)), np.nan)
    for column, name in enumerate(names):
        values = item[name]
        if not isinstance(values, list) or len(values) != len(times):
            place = Place(file, field=f"{field}.{name}")
            found = len(values) if isinstance(values, list) else 0
            raise LingjingError("series.ragged", place, expected=len(times), found=found)
        for row, value in enumerate(values):
            place = Place(file, field=f"{field}.{name}[{row + 1}]")
            table[row, column] = _value(value, VARIABLES[name], place)
    columns = [VARIABLES[name] for name in names]
    axis, on_axis = on_hours(seconds, table, columns, Place(file, field=f"{field}.time"))
    kept = {name: values for name, values in on_axis.items() if np.isfinite(values).any()}
    return Station(
        int(item.get("statId", number)),
        _degrees(item.get("lon")),
        _degrees(item.get("lat")),
        HourlySeries(file, axis, kept),
    )


def _value(value: Any, name: str, place: Place) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise LingjingError("series.not-a-number", place, name=name, value=value)
    if math.isnan(value) or value <= _ABSENT_BELOW:
        return math.nan
    lower, upper = LIMITS[name]
    if not lower <= value <= upper:
        raise LingjingError(
            "series.impossible", place, name=name, value=value, lower=lower, upper=upper
        )
    return float(value)


def _degrees(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def write_roadsurf(stations: Sequence[Station]) -> str:
    """Stations as a RoadSurf file: weather as its input, roads as its output, by their columns."""
    document = []
    for station in stations:
        series = station.series
        item: dict[str, Any] = {
            "statId": station.number,
            "lon": station.longitude_deg,
            "lat": station.latitude_deg,
            "time": [str(time).replace("T", " ") for time in series.times.astype("datetime64[m]")],
        }
        for name, column in VARIABLES.items():
            if column in series.columns:
                item[name] = [
                    round(float(value), 4) if math.isfinite(value) else MISSING
                    for value in series.columns[column]
                ]
        document.append({key: value for key, value in item.items() if value is not None})
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
