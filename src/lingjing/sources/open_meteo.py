"""Weather as Open-Meteo answers it: JSON of hourly lists, one list for each variable and member.

The units named in `hourly_units` are checked and converted. Times are ISO 8601 local times without
an offset, `utc_offset_seconds` ahead of UTC for the whole answer, or UNIX seconds in UTC. In an
ensemble the list without a number is the control forecast, itself a member. `terrestrial_radiation`
is solar radiation above the atmosphere, not the longwave radiation of the sky, and is not used.

Reference: open-meteo.com/en/docs and open-meteo.com/en/docs/ensemble-api.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.weather_notes import note
from lingjing.sources.weather_raw import RawWeather, check_order, read_time
from lingjing.vocabulary import LingjingError, Place, Provenance, moment_of, quantity

ATTRIBUTION = "Weather data by Open-Meteo.com (CC BY 4.0)"

VARIABLES = {
    "temperature_2m": "air_temperature",
    "dew_point_2m": "dew_point",
    "relative_humidity_2m": "relative_humidity",
    "wind_speed_10m": "wind_speed",
    "wind_direction_10m": "wind_direction",
    "precipitation": "precipitation",
    "cloud_cover": "cloud_cover",
    "shortwave_radiation": "shortwave_down",
    "direct_radiation": "direct_shortwave_down",
    "surface_pressure": "pressure",
}
"""Variable of the service → quantity."""

_OLDER_NAMES = {
    "dewpoint_2m": "dew_point_2m",
    "relativehumidity_2m": "relative_humidity_2m",
    "windspeed_10m": "wind_speed_10m",
    "winddirection_10m": "wind_direction_10m",
    "cloudcover": "cloud_cover",
}

_UNITS: dict[str, dict[str, tuple[float, float]]] = {
    "degC": {"°C": (1.0, 0.0), "°F": (5.0 / 9.0, -160.0 / 9.0)},
    "%": {"%": (1.0, 0.0)},
    "m/s": {
        "m/s": (1.0, 0.0),
        "km/h": (1.0 / 3.6, 0.0),
        "mp/h": (0.44704, 0.0),
        "kn": (1852.0 / 3600.0, 0.0),
    },
    "degree": {"°": (1.0, 0.0)},
    "mm/h": {"mm": (1.0, 0.0), "inch": (25.4, 0.0)},  # of the hour before
    "W/m2": {"W/m²": (1.0, 0.0)},
    "hPa": {"hPa": (1.0, 0.0)},
}
"""Our unit → the service's spelling → factor and offset into ours."""

_MEMBER = re.compile(r"^(?P<variable>.+?)(?:_member(?P<member>\d+))?$")


def read_open_meteo(text: str, file: str, *, name: str) -> RawWeather:
    """Read one answer of the forecast or ensemble service.

    Raises:
        LingjingError: `weather.bad-json`, `weather.bad-open-meteo`, `weather.service-said-no`,
            `weather.unequal-lists`, `vocabulary.wrong-unit`, `weather.uneven-members`, or the
            errors of times and numbers.
    """
    answer = _parse(text, file)
    hourly, units = answer.get("hourly"), answer.get("hourly_units")
    if not isinstance(hourly, dict) or not isinstance(units, dict):
        raise _bad(file, "hourly, hourly_units")
    times = _times(answer, hourly, units, file)
    series, ignored = _series(hourly, file)
    if not any(variable == "temperature_2m" for variable, _ in series):
        present = ", ".join(str(key) for key in hourly)
        at = Place(file=file, field="hourly")
        raise LingjingError("weather.missing-column", at, column="temperature_2m", present=present)
    members = sorted({member for _, member in series})
    columns: dict[str, NDArray[np.float64]] = {}
    fields: dict[str, str] = {}
    for variable in dict.fromkeys(variable for variable, _ in series):
        rows = []
        for member in members:
            key = series.get((variable, member))
            if key is None:
                detail = f"{variable}: member {member} is missing"
                at = Place(file=file, field=f"hourly.{variable}")
                raise LingjingError("weather.uneven-members", at, detail=detail)
            rows.append(_values(hourly[key], key, units.get(key), times.size, file))
        columns[VARIABLES[variable]] = np.array(rows)
        fields[VARIABLES[variable]] = f"hourly.{variable}"
    notes = [note("control_member")] if len(members) > 1 else []
    if ignored:
        notes.append(note("ignored", columns=", ".join(ignored)))
    return RawWeather(
        name=name,
        file=file,
        times=times,
        columns=columns,
        methods=dict.fromkeys(columns, "forecast"),
        provenance=Provenance("simulated", "Open-Meteo"),
        attribution=ATTRIBUTION,
        fields=fields,
        longitude_deg=_coordinate(answer, "longitude", 180.0, file),
        latitude_deg=_coordinate(answer, "latitude", 90.0, file),
        notes=notes,
    )


def _bad(file: str, detail: str, field: str | None = None) -> LingjingError:
    return LingjingError("weather.bad-open-meteo", Place(file=file, field=field), detail=detail)


def _parse(text: str, file: str) -> Mapping[str, object]:
    def refuse(constant: str) -> NoReturn:
        raise LingjingError("weather.not-a-number", Place(file=file), text=constant)

    try:
        answer = json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as fault:
        at = Place(file=file, line=fault.lineno)
        raise LingjingError("weather.bad-json", at, detail=fault.msg) from None
    except RecursionError:
        raise LingjingError("weather.bad-json", Place(file=file), detail="nesting") from None
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict):
        raise _bad(file, f"{type(answer).__name__} of {len(answer) if answer else 0}")
    if answer.get("error"):
        reason = str(answer.get("reason", "—"))
        raise LingjingError("weather.service-said-no", Place(file=file), reason=reason)
    return answer


def _coordinate(answer: Mapping[str, object], key: str, most: float, file: str) -> float:
    value = answer.get(key)
    if not isinstance(value, int | float) or not abs(value) <= most:
        raise _bad(file, f"{key}: {value}", key)
    return float(value)


def _times(
    answer: Mapping[str, object],
    hourly: Mapping[str, object],
    units: Mapping[str, object],
    file: str,
) -> NDArray[np.datetime64]:
    texts = hourly.get("time")
    if not isinstance(texts, list) or not texts:
        raise _bad(file, "hourly.time", "hourly.time")
    style = units.get("time")
    offset = answer.get("utc_offset_seconds")
    if style not in ("iso8601", "unixtime"):
        raise _bad(file, f"hourly_units.time: {style}", "hourly_units.time")
    if style == "iso8601" and (not isinstance(offset, int) or abs(offset) >= 86400):
        raise LingjingError(
            "weather.no-time-zone", Place(file=file, field="utc_offset_seconds"), text=texts[0]
        )
    zone = timezone(timedelta(seconds=offset)) if isinstance(offset, int) else UTC
    moments = []
    for index, item in enumerate(texts):
        at = Place(file=file, field=f"hourly.time[{index}]")
        if style == "unixtime" and isinstance(item, int) and abs(item) < 1 << 37:
            moments.append(moment_of(datetime.fromtimestamp(item, tz=UTC)))
        elif style == "iso8601" and isinstance(item, str):
            moments.append(moment_of(read_time(item, zone, at)))
        else:
            raise LingjingError("weather.bad-time", at, text=item)
    times = np.array(moments, dtype="datetime64[s]")
    check_order(times, (), file, "hourly.time")
    return times


def _series(
    hourly: Mapping[str, object], file: str
) -> tuple[dict[tuple[str, int], str], list[str]]:
    """(variable, member) → key of its list; and the variables that are not used."""
    found: dict[tuple[str, int], str] = {}
    ignored: dict[str, None] = {}
    for key in hourly:
        if key == "time":
            continue
        match = _MEMBER.match(key)
        variable = match["variable"] if match else key
        variable = _OLDER_NAMES.get(variable, variable)
        member = int(match["member"] or 0) if match else 0
        if variable in VARIABLES:
            if (variable, member) in found:
                raise _bad(file, f"{key}, {found[variable, member]}", f"hourly.{key}")
            found[variable, member] = key
        elif key.startswith("temperature_2m_") and not key.startswith("temperature_2m_m"):
            # several models asked for at once stand side by side, each with its own suffix
            raise _bad(file, key, f"hourly.{key}")
        else:
            ignored.setdefault(variable)
    return found, list(ignored)


def _values(items: object, key: str, unit: object, expected: int, file: str) -> NDArray[np.float64]:
    field = f"hourly.{key}"
    if not isinstance(items, list) or len(items) != expected:
        found = len(items) if isinstance(items, list) else 0
        at = Place(file=file, field=field)
        raise LingjingError(
            "weather.unequal-lists", at, field=field, found=found, expected=expected
        )
    match = _MEMBER.match(key)
    variable = match["variable"] if match else key
    known = quantity(VARIABLES[_OLDER_NAMES.get(variable, variable)])
    conversion = _UNITS[known.unit].get(str(unit))
    if conversion is None:
        raise LingjingError(
            "vocabulary.wrong-unit",
            Place(file=file, field=f"hourly_units.{key}"),
            quantity=known.name,
            expected=" / ".join(_UNITS[known.unit]),
            found=unit,
        )
    values = np.full(expected, math.nan)
    for index, item in enumerate(items):
        if item is None:
            continue
        at = Place(file=file, field=f"{field}[{index}]")
        if isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item):
            raise LingjingError("weather.not-a-number", at, text=item)
        if item <= -900:
            raise LingjingError("weather.sentinel", at, text=item)
        values[index] = item
    factor, offset = conversion
    return values * factor + offset
