"""Make an outlook from a weather table: the hours, the members, and every forcing complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.completion import complete, generator, note
from lingjing.forecast.outlook import FORCINGS, Outlook
from lingjing.vocabulary import (
    LingjingError,
    Place,
    WeatherTable,
    Window,
    format_instant,
    moment_of,
    quantity,
)

Floats = NDArray[np.float32]

DEFAULT_MEMBERS: Final = 31
"""Members made of a deterministic weather when no number is asked for, as many as GEFS has."""

DRESSING: Final = "ar1-dressing"
REPRESENTATIVENESS: Final = "ar1-representativeness"
STATION_ERROR_C: Final = 0.5
ERROR_AT_START_C: Final = 0.5
ERROR_GROWTH_C_PER_DAY: Final = 0.5
LARGEST_ERROR_SD_C: Final = 3.0
HOURLY_CORRELATION: Final = 0.97
WIND_LOG_SD: Final = 0.2
PRECIPITATION_LOG_SD: Final = 0.4
FAR_KM: Final = 50.0
"""Farther than this the weather is hardly the district's own; the run says so."""
_HOUR: Final = np.timedelta64(3600, "s")


def prepare_outlook(
    weather: WeatherTable,
    window: Window,
    *,
    members: int | None,
    seed: int,
    longitude_deg: float,
    latitude_deg: float,
    spin_up_hours: int = 48,
) -> Outlook:
    """The weather over the window and its spin-up, complete.

    Args:
        weather: What is known.
        window: The hours the run is about.
        members: How many; None takes all that an ensemble has and makes 31 of a deterministic
            weather, since one member could only say yes or no; fewer takes the first ones. More
            than one from a deterministic weather dresses it (see `dress`); more than an ensemble
            has is refused.
        seed: Seed of the methods' errors and of the dressing.
        longitude_deg, latitude_deg: The district, WGS 84.
        spin_up_hours: Hours wanted before the window; where the weather has fewer, those are used
            and a note says so.

    Returns:
        All forcings float32; the same arguments give the same bytes. The first members do not
        change when more are asked for.

    Raises:
        LingjingError: `forecast.starts-late`, `forecast.too-short`, `forecast.off-hour`,
            `forecast.bad-members` or `forecast.too-few-members`.
    """
    if spin_up_hours < 0:
        raise ValueError("the spin-up has no negative length")
    first, available = _locate(weather, window, spin_up_hours)
    notes = list(weather.notes)
    away_km = _distance_km(weather, longitude_deg, latitude_deg)
    if away_km > FAR_KM:
        notes.append(note("far", distance=round(away_km)))
    if available < spin_up_hours:
        notes.append(note("spin-up", wanted=spin_up_hours, available=available))
    stop = first + available + window.hours + 1
    times = weather.times[first:stop].astype("datetime64[s]")
    usual = weather.members if weather.members > 1 else DEFAULT_MEMBERS
    wanted = usual if members is None else members
    columns = {
        name: weather.columns[name][:, first:stop] for name in FORCINGS if name in weather.columns
    }
    methods = {name: weather.methods[name] for name in columns}
    if wanted < 1:
        raise LingjingError("forecast.bad-members", Place(field="members"), members=wanted)
    if wanted <= weather.members:
        columns = {name: values[:wanted] for name, values in columns.items()}
    elif weather.members == 1:
        observed = weather.provenance.kind == "observed"
        columns = dress(columns, wanted, available, seed, observed=observed)
        method = REPRESENTATIVENESS if observed else DRESSING
        dressed = [name for name in columns if name in _DRESSED]
        methods |= {name: f"{methods[name]}+{method}" for name in dressed}
        notes.append(note("representativeness" if observed else "dressing", members=wanted))
    else:
        raise LingjingError(
            "forecast.too-few-members",
            Place(weather.name, field="members"),
            wanted=wanted,
            available=weather.members,
        )
    done = complete(
        columns, methods, times, seed=seed, longitude_deg=longitude_deg, latitude_deg=latitude_deg
    )
    return Outlook(
        window=window,
        spin_up_hours=available,
        times=times,
        forcings={name: done.columns[name].astype(np.float32) for name in FORCINGS},
        methods={name: done.methods[name] for name in FORCINGS},
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        weather=weather.name,
        synthetic=weather.provenance.synthetic or "reconstructed" in weather.methods.values(),
        attribution=weather.attribution,
        notes=(*notes, *done.notes),
    )


def _distance_km(weather: WeatherTable, longitude_deg: float, latitude_deg: float) -> float:
    """How far from the district the weather was taken, on a sphere; 0 where it does not say."""
    if weather.longitude_deg is None or weather.latitude_deg is None:
        return 0.0
    here, there = np.radians(latitude_deg), np.radians(weather.latitude_deg)
    half_north = (there - here) / 2.0
    half_east = np.radians(weather.longitude_deg - longitude_deg) / 2.0
    chord = np.sin(half_north) ** 2 + np.cos(here) * np.cos(there) * np.sin(half_east) ** 2
    return float(2.0 * 6371.0 * np.arcsin(np.sqrt(chord)))


def _locate(weather: WeatherTable, window: Window, spin_up_hours: int) -> tuple[int, int]:
    """Index of the first hour to take, and how many hours of spin-up there are.

    Raises:
        LingjingError: The weather does not hold the window.
    """
    start = moment_of(window.start)
    span = {"first": format_instant(weather.start), "last": format_instant(weather.end)}
    place = Place(weather.name)
    if start < weather.times[0]:
        wanted = format_instant(window.start)
        raise LingjingError("forecast.starts-late", place, wanted=wanted, **span)
    if moment_of(window.end) > weather.times[-1]:
        left = int((weather.times[-1] - start) // _HOUR) if start <= weather.times[-1] else 0
        raise LingjingError(
            "forecast.too-short",
            place,
            wanted=format_instant(window.end),
            hours=window.hours,
            available=left,
            **span,
        )
    index = int(np.searchsorted(weather.times, start))
    if weather.times[index] != start:
        raise LingjingError("forecast.off-hour", place, wanted=format_instant(window.start), **span)
    available = min(spin_up_hours, index)
    return index - available, available


_DRESSED: Final = ("air_temperature", "dew_point", "wind_speed", "precipitation")


def dress(
    columns: Mapping[str, Floats],
    members: int,
    spin_up_hours: int,
    seed: int,
    *,
    observed: bool = False,
) -> dict[str, Floats]:
    """Make an ensemble of a deterministic weather (`ar1-dressing`, `ar1-representativeness`).

    Temperature errors are a stationary AR(1) process in time (correlation 0.97 from hour to hour)
    cut at three standard deviations, scaled with a standard deviation of 0.5 °C at the start of
    the window and 0.5 °C more each day, at most 3 °C; the size is that of a good regional forecast
    and an assumption of ours. There is no error before the window. The dew point moves with the
    temperature, so the relative humidity stays; wind and precipitation of each member are
    multiplied by a lognormal factor (log-sd 0.2 and 0.4). Cloud and radiation, where given, are
    left. Member 0 is the weather itself.

    Observed weather has no forecast error; what remains is that the district is not the station:
    the standard deviation stays at 0.5 °C throughout (an assumption of ours), which also covers
    readings rounded to whole degrees.

    Args:
        columns: [1, times].
        members: How many to make.
        spin_up_hours: Hours before the window starts.
        seed: Seed of the errors.
        observed: The weather was measured, not forecast.

    Returns:
        [members, times], float32.
    """
    hours = columns["air_temperature"].shape[1]
    lead = np.arange(hours) - spin_up_hours
    ahead = lead >= 0
    growing = np.minimum(
        ERROR_AT_START_C + ERROR_GROWTH_C_PER_DAY * lead / 24.0, LARGEST_ERROR_SD_C
    )
    spread = np.where(ahead, STATION_ERROR_C if observed else growing, 0.0)
    errors = np.clip(_ar1(members, hours, seed), -3.0, 3.0) * spread
    dressed: dict[str, Floats] = {}
    for name, values in columns.items():
        made = np.repeat(values.astype(np.float64), members, axis=0)
        if name in ("air_temperature", "dew_point"):
            made += errors
        elif name in ("wind_speed", "precipitation"):
            scatter = WIND_LOG_SD if name == "wind_speed" else PRECIPITATION_LOG_SD
            draws = generator(seed, DRESSING + name).standard_normal(members)
            draws[0] = 0.0
            made *= np.where(ahead[None, :], np.exp(scatter * draws)[:, None], 1.0)
        bounds = quantity(name)
        dressed[name] = np.clip(made, bounds.lower, bounds.upper).astype(np.float32)
    return dressed


def _ar1(members: int, hours: int, seed: int) -> NDArray[np.float64]:
    """Stationary AR(1) noise of unit variance [members, hours]; member 0 has none."""
    shocks = generator(seed, DRESSING).standard_normal((members, hours))
    noise = np.empty_like(shocks)
    noise[:, 0] = shocks[:, 0]
    fresh = np.sqrt(1.0 - HOURLY_CORRELATION**2)
    for hour in range(1, hours):
        noise[:, hour] = HOURLY_CORRELATION * noise[:, hour - 1] + fresh * shocks[:, hour]
    noise[0] = 0.0
    return noise
