"""Weather from a file, whatever its format: the content decides, not the file's ending."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Final

from lingjing.sources.epw import read_epw
from lingjing.sources.open_meteo import read_open_meteo
from lingjing.sources.weather_csv import MEMBER_COLUMN, TIME_COLUMNS, read_csv, weather_columns
from lingjing.sources.weather_raw import RawWeather, Span, settle, zone_named
from lingjing.vocabulary import LingjingError, Place, WeatherTable

_PACKED: Final = (b"\x1f\x8b", b"PK", b"BZ")
_OSM_HEADER: Final = b"OSMHeader"
_GEOJSON: Final = re.compile(r'\{\s*"type"\s*:\s*"(FeatureCollection|Feature|CityJSON)"')


def read_weather(
    path: Path,
    *,
    name: str | None = None,
    zone: tzinfo | str | None = None,
    longitude_deg: float | None = None,
    latitude_deg: float | None = None,
    fill_gaps_hours: int = 6,
    window: Span | None = None,
    year: int | None = None,
    attribution: str | None = None,
) -> WeatherTable:
    """Read an Open-Meteo answer, an EPW file or a CSV into an even hourly table.

    Args:
        path: The file.
        name: Name of the record; the file's name without its ending by default.
        zone: For CSV times without an offset: a zone, its name, or an offset such as `+08:00`.
        longitude_deg, latitude_deg: Where, WGS 84 [°]; they win over what the file says.
        fill_gaps_hours: Longest gap that is filled (see `weather_raw.settle`) [h].
        window: First and last instant that must be whole; all of the file by default.
        year: The year that an EPW typical year shall stand for.
        attribution: Whom to credit, where the file does not say.

    Raises:
        LingjingError: `weather.*` or `vocabulary.*`, with file, line and field.
    """
    return read_weather_text(
        read_text(path),
        path.name,
        name=name or path.stem,
        zone=zone,
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        fill_gaps_hours=fill_gaps_hours,
        window=window,
        year=year,
        attribution=attribution,
    )


def read_weather_text(
    text: str,
    file: str,
    *,
    name: str,
    zone: tzinfo | str | None = None,
    longitude_deg: float | None = None,
    latitude_deg: float | None = None,
    fill_gaps_hours: int = 6,
    window: Span | None = None,
    year: int | None = None,
    attribution: str | None = None,
) -> WeatherTable:
    """The same from text that has been read already; `file` is shown in errors."""
    _check_place(longitude_deg, latitude_deg)
    raw = _read(text, file, name, zone_named(zone), year)
    if attribution is not None:
        raw.attribution = attribution
    table = settle(raw, fill_gaps_hours=fill_gaps_hours, window=window)
    if longitude_deg is not None and latitude_deg is not None:
        table = replace(table, longitude_deg=longitude_deg, latitude_deg=latitude_deg)
    return table


def read_text(path: Path) -> str:
    """The text of a file, UTF-8 with or without a byte-order mark.

    Raises:
        LingjingError: `weather.no-such-file`, `weather.unreadable`, `weather.not-utf8`,
            `weather.unknown-format`.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LingjingError("weather.no-such-file", Place(file=str(path))) from None
    except UnicodeDecodeError as fault:
        # EPW files of some services carry station names in Latin-1; the numbers are ASCII
        content = path.read_bytes()
        if content.startswith(b"LOCATION"):
            return content.decode("latin-1")
        if content[:2] in _PACKED or _OSM_HEADER in content[:64]:
            raise LingjingError("weather.unknown-format", Place(file=path.name)) from None
        line = content.count(b"\n", 0, fault.start) + 1
        raise LingjingError("weather.not-utf8", Place(file=path.name, line=line)) from None
    except OSError as fault:
        at = Place(file=path.name)
        raise LingjingError("weather.unreadable", at, detail=fault.strerror) from None


def _check_place(longitude_deg: float | None, latitude_deg: float | None) -> None:
    whole = (longitude_deg is None) == (latitude_deg is None)
    if whole and (longitude_deg is None or latitude_deg is None):
        return
    if (
        longitude_deg is None
        or latitude_deg is None
        or not (abs(longitude_deg) <= 180.0 and abs(latitude_deg) <= 90.0)
    ):
        raise LingjingError("weather.bad-place", longitude=longitude_deg, latitude=latitude_deg)


def _read(text: str, file: str, name: str, zone: tzinfo | None, year: int | None) -> RawWeather:
    start = text.lstrip()
    if not start:
        raise LingjingError("weather.empty", Place(file=file))
    if start[0] in "{[" and not _GEOJSON.match(start):
        return read_open_meteo(text, file, name=name)
    if start[:9].upper() == "LOCATION,":
        return read_epw(text, file, name=name, year=year)
    if start[0] == "#":
        return read_csv(text, file, name=name, zone=zone)
    header = {cell.strip().strip('"') for cell in text.partition("\n")[0].split(",")}
    if not header & {*weather_columns(), *TIME_COLUMNS, MEMBER_COLUMN}:
        raise LingjingError("weather.unknown-format", Place(file=file))
    return read_csv(text, file, name=name, zone=zone)
