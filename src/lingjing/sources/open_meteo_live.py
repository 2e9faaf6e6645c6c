"""A live forecast from Open-Meteo, ready as a `WeatherTable`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from lingjing.sources.fetching import Fetched, Fetcher, Services, check_json
from lingjing.sources.open_meteo import VARIABLES
from lingjing.sources.weather_files import read_weather_text
from lingjing.sources.weather_notes import note
from lingjing.vocabulary import LingjingError, WeatherTable, format_instant

ENSEMBLE_MODEL = "gfs_seamless"
"""NOAA's global ensemble: 31 members, all over the world."""

KEEP_FOR = timedelta(hours=1)
"""Forecasts are made anew every few hours; asking more often only loads the service."""

_MOST_HOURS = 16 * 24


def fetch_open_meteo(
    latitude_deg: float,
    longitude_deg: float,
    *,
    ensemble: bool,
    hours: int,
    fetcher: Fetcher,
    past_hours: int = 48,
    name: str = "open-meteo",
    model: str | None = None,
    services: Services | None = None,
    max_age: timedelta = KEEP_FOR,
) -> WeatherTable:
    """Fetch the forecast of one place.

    Args:
        latitude_deg, longitude_deg: Where, WGS 84 [°].
        ensemble: All members of an ensemble instead of the best single forecast.
        hours: Hours ahead of now, 1 to 384 [h].
        fetcher: Does the fetching and keeps the cache.
        past_hours: Hours before now, which physics needs to settle [h].
        name: Name of the record.
        model: The service's name of a model; its best mixture, or `ENSEMBLE_MODEL`, by default.
        services: Where the services are; as the environment says by default.
        max_age: How old an answer from the cache may be.

    Raises:
        LingjingError: `weather.bad-place`, `fetch.*`, or what reading the answer raises.
    """
    if not (abs(latitude_deg) <= 90.0 and abs(longitude_deg) <= 180.0):
        raise LingjingError("weather.bad-place", longitude=longitude_deg, latitude=latitude_deg)
    if not (1 <= hours <= _MOST_HOURS and 0 <= past_hours <= _MOST_HOURS):
        raise LingjingError("fetch.bad-hours", hours=hours, most=_MOST_HOURS)
    places = services or Services.from_environment()
    params = {
        "latitude": f"{latitude_deg:.4f}",
        "longitude": f"{longitude_deg:.4f}",
        "hourly": ",".join(VARIABLES),
        "forecast_hours": str(hours + 1),
        "past_hours": str(past_hours),
        "timezone": "GMT",
        "wind_speed_unit": "ms",
    }
    if model or ensemble:
        params["models"] = model or ENSEMBLE_MODEL
    url = places.ensemble if ensemble else places.forecast
    fetched = fetcher.get(url, params, check=check_json, max_age=max_age)
    table = read_weather_text(fetched.content.decode("utf-8-sig"), url, name=name)
    return replace(table, notes=(*table.notes, _remark(fetched)))


def _remark(fetched: Fetched) -> str:
    fetched_at = format_instant(fetched.fetched_at)
    if not fetched.cached:
        return note("fetched", url=fetched.url, fetched_at=fetched_at)
    minutes = int(fetched.age.total_seconds() // 60)
    return note("fetched_cached", url=fetched.url, fetched_at=fetched_at, age_minutes=minutes)
