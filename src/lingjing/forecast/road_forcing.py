"""Everything a road needs from what a record gives: gaps bridged, missing forcings parameterised.

Each parameterisation has a name, and every member takes its own error of it, so that what was not
measured widens the spread. The defaults are published values or stated assumptions; none is fitted.
"""

# Field names carry units as they are written (°C, W/m²).
# ruff: noqa: N802, N815

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.completion import (
    RELATIVE_HUMIDITY_PCT,
    WIND_SPEED_LOG_SD,
    WIND_SPEED_M_S,
    clear_sky,
    cloud_from_daily_range,
    generator,
)
from lingjing.physics import humidity, radiation
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import Values

LONGEST_GAP_H: Final = 6
"""Longest gap that is bridged linearly; a longer one splits the run."""

SPIKE_K: Final = 10.0
"""Air that leaves both hours around it by more, the same way, was not measured: the sharpest fronts
change it so within an hour, but not back within the next (assumed)."""

DEW_POINT_SD_K: Final = 2.0
"""Doubt of a dew point taken from the day's minimum (assumed)."""
CLOUD_SD: Final = 0.15
"""Doubt of a cloud fraction from the sun or an observer (assumed; Kasten & Czeplak's scatter)."""
NIGHT_CLOUD_SD: Final = 0.30
"""Doubt of a cloud fraction carried over the night (assumed)."""
DAILY_WIND: Final = 0.25
"""Amplitude of the daily wave of wind over its mean: 0.6 to 0.9 m/s over land in winter, highest in
the early afternoon (Dai & Deser 1999, J. Geophys. Res. 104, 31109-31125)."""
CLOUD_MEMORY_H: Final = 12.0
HIGH_SUN: Final = 0.5
"""Share of the day's best clear-sky shortwave from which the sun tells of clouds."""
ENVELOPE_DAYS: Final = 15
ENVELOPE_LEVEL: Final = 0.95
ENVELOPE_TRUSTED_H: Final = 240.0
"""A record shorter than ten days may have seen no clear sky; its envelope counts in proportion."""
DEEP_MEMORY_H: Final = 24.0 * 100.0
"""The annual wave at 2 m lags and shrinks as a first-order memory of some 100 days does
(damping depth of the year 2.2 m; Hillel 1998, Environmental Soil Physics, chapter 12)."""


@dataclass(frozen=True)
class Completed:
    """Forcing of every member, [members, hours], and how each part was had.

    Attributes:
        air_temperature_C, dew_point_C, wind_speed_m_s, shortwave_down_W_m2, longwave_down_W_m2,
            precipitation_mm_h: As `RoadForcing` takes them.
        methods: Column → name of the method, `measured` where the record has it throughout.
    """

    air_temperature_C: Values
    dew_point_C: Values
    wind_speed_m_s: Values
    shortwave_down_W_m2: Values
    longwave_down_W_m2: Values
    precipitation_mm_h: Values
    methods: Mapping[str, str]


def bridged(values: Values, longest_h: int = LONGEST_GAP_H) -> tuple[Values, int]:
    """Bridge gaps of up to `longest_h` hours linearly in time (method `linear`).

    Args:
        values: [hours], NaN in gaps.
        longest_h: Longest gap bridged; gaps at either end are left.

    Returns:
        The values, and how many hours were bridged.

    >>> filled, count = bridged(np.array([1.0, np.nan, 3.0, np.nan]))
    >>> filled.tolist(), count
    ([1.0, 2.0, 3.0, nan], 1)
    """
    known = np.isfinite(values)
    if not known.any() or known.all():
        return values.copy(), 0
    places = np.flatnonzero(known)
    index = np.arange(values.size)
    after = np.searchsorted(places, index)
    inside = (after > 0) & (after < places.size)
    nearest = np.minimum(after, places.size - 1)
    width = places[nearest] - places[np.maximum(nearest - 1, 0)] - 1
    fill = ~known & inside & (width <= longest_h)
    out = values.copy()
    out[fill] = np.interp(index[fill], places, values[known])
    return out, int(fill.sum())


def despiked(air_C: Values) -> tuple[Values, int]:
    """Air temperature without single hours that stand out (method `single-hour-10K`).

    Args:
        air_C: [hours], NaN in gaps [°C].

    Returns:
        The values, NaN where one stood out, and how many did.

    >>> kept, count = despiked(np.array([1.0, 45.0, 2.0, 3.0]))
    >>> kept.tolist(), count
    ([1.0, nan, 2.0, 3.0], 1)
    """
    out = air_C.copy()
    if air_C.size < 3:
        return out, 0
    rise, fall = air_C[1:-1] - air_C[:-2], air_C[1:-1] - air_C[2:]
    spikes = (np.minimum(np.abs(rise), np.abs(fall)) > SPIKE_K) & (rise * fall > 0.0)
    out[1:-1][spikes] = np.nan
    return out, int(spikes.sum())


def clear_sky_envelope(shortwave_W_m2: Values) -> Values:
    """What the sun gives on the clear days of a record itself (method `envelope_95`).

    The 95th percentile, hour of the day by hour of the day, within 15 days either way. It needs
    neither the place nor a correct clock, and knows the station's own horizon; it takes that one
    day in twenty of every month is clear.

    Args:
        shortwave_W_m2: [hours], NaN in gaps.

    Returns:
        Clear-sky shortwave [W/m²], [hours].
    """
    hours = shortwave_W_m2.size
    days = -(-hours // 24)
    flat = np.full(days * 24, np.nan)
    flat[:hours] = shortwave_W_m2
    table = flat.reshape(days, 24)
    envelope = np.zeros((days, 24))
    for day in range(days):
        near = table[max(0, day - ENVELOPE_DAYS) : day + ENVELOPE_DAYS + 1]
        some = np.isfinite(near).any(axis=0)
        envelope[day, some] = np.nanquantile(near[:, some], ENVELOPE_LEVEL, axis=0)
    return np.maximum(envelope.reshape(-1)[:hours], 0.0)


def cloud_fraction(shortwave_W_m2: Values, clear_W_m2: Values) -> tuple[Values, Values]:
    """Cloud from what the sun lacks, carried over the night (`crawford_duchon_1999`).

    The fraction is 1 - S/S_clear where the clear sky gives at least half of its best within half a
    day; near the horizon the share tells little. In between it is interpolated.

    Args:
        shortwave_W_m2: Measured [hours], no gaps.
        clear_W_m2: Clear sky [hours].

    Returns:
        Cloud fraction 0..1 [hours], and hours from the nearest that was seen.

    References:
        Crawford & Duchon (1999), J. Appl. Meteorol. 38, 474-480.
    """
    hours = shortwave_W_m2.size
    padded = np.pad(clear_W_m2, 12)
    best = np.lib.stride_tricks.sliding_window_view(padded, 25).max(axis=1)
    seen = (clear_W_m2 >= HIGH_SUN * best) & (clear_W_m2 >= 50.0)
    if not seen.any():  # polar night: nothing is known, half is the least wrong
        return np.full(hours, 0.5), np.full(hours, float(hours))
    index, places = np.arange(hours), np.flatnonzero(seen)
    share = np.clip(1.0 - shortwave_W_m2[seen] / clear_W_m2[seen], 0.0, 1.0)
    after = np.clip(np.searchsorted(places, index), 0, places.size - 1)
    before = np.maximum(after - 1, 0)
    away = np.minimum(np.abs(places[after] - index), np.abs(index - places[before]))
    return np.interp(index, places, share), away.astype(np.float64)


def wandering(members: int, hours: int, memory_h: float, rng: np.random.Generator) -> Values:
    """Standard normal errors that forget themselves over `memory_h` hours, [members, hours]."""
    keep = np.exp(-1.0 / memory_h)
    shocks = rng.standard_normal((members, hours))
    noise = np.empty((members, hours))
    noise[:, 0] = shocks[:, 0]
    for hour in range(1, hours):
        noise[:, hour] = keep * noise[:, hour - 1] + np.sqrt(1.0 - keep**2) * shocks[:, hour]
    return noise


def complete_forcing(
    columns: Mapping[str, Values],
    *,
    members: int,
    seed: int,
    clear_W_m2: Values | None,
    times: NDArray[np.datetime64],
    place: tuple[float, float] | None,
    trust: float = 1.0,
) -> Completed:
    """Forcing of every member from what a record has.

    Args:
        columns: Column → values [hours]; `air_temperature_C` without gaps, and
            `shortwave_down_W_m2` without gaps where it is given. Gaps of other columns are
            parameterised.
        members: How many to draw.
        seed: Of the errors.
        clear_W_m2: Clear-sky shortwave [hours]; None where shortwave is not given.
        times: Instants [hours], UTC.
        place: Longitude and latitude, needed where shortwave is not given.
        trust: How far the clear sky is to be believed, 0 to 1; the rest of the cloud is a half,
            which is the least wrong where nothing is known.

    Raises:
        LingjingError: `hindcast.no-sun` where shortwave and place are both absent.
    """
    air = columns["air_temperature_C"]
    hours = air.size
    methods = {"air_temperature_C": "measured"}
    dew = _dew_point(columns, members, seed, methods)
    wind = _wind(columns, clear_W_m2, members, seed, methods)
    sun, cloud, doubt = _sun_and_cloud(columns, clear_W_m2, times, place, trust, methods)
    noise = wandering(members, hours, CLOUD_MEMORY_H, generator(seed, "hindcast.cloud"))
    clouds = np.clip(cloud + doubt * noise, 0.0, 1.0)
    # which clear-sky formula holds is not known either: every other member takes the other
    sky = radiation.longwave_down_W_m2(air, dew, 100.0 * clouds, "prata_1996")
    other = radiation.longwave_down_W_m2(air, dew, 100.0 * clouds, "brutsaert_1975")
    sky[1::2] = other[1::2]
    measured = columns.get("longwave_down_W_m2")
    parameterised = "prata_1996|brutsaert_1975+unsworth_monteith_1975"
    sky, methods["longwave_down_W_m2"] = _merged(measured, sky, parameterised)
    rain = columns.get("precipitation_mm_h")
    none = np.zeros((members, hours))
    rain, methods["precipitation_mm_h"] = _merged(rain, none, "none-known")
    shape = (members, hours)
    return Completed(
        np.broadcast_to(air, shape),
        np.minimum(dew, air),
        wind,
        np.broadcast_to(sun, shape),
        sky,
        rain,
        methods,
    )


def _merged(measured: Values | None, otherwise: Values, method: str) -> tuple[Values, str]:
    """Measured where it is known, else the parameterisation; and the method's name."""
    if measured is None:
        return otherwise, method
    known = np.isfinite(measured)
    if known.all():
        return np.broadcast_to(measured, otherwise.shape).copy(), "measured"
    return np.where(known, np.where(known, measured, 0.0), otherwise), f"measured+{method}"


def _dew_point(
    columns: Mapping[str, Values], members: int, seed: int, methods: dict[str, str]
) -> Values:
    """Dew point, from humidity, or from the day's minimum (FAO-56, equation 48)."""
    air = columns["air_temperature_C"]
    padded = np.pad(air, 12, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 25).min(axis=1)
    error = generator(seed, "hindcast.dew").standard_normal((members, 1))
    dew = np.minimum(lowest + DEW_POINT_SD_K * error, air)
    given = columns.get("dew_point_C")
    method = "fao56_minimum_temperature"
    if "relative_humidity_pct" in columns:
        share = columns["relative_humidity_pct"]
        known = np.isfinite(share)
        humid = humidity.dew_point_C(air, np.where(known, share, RELATIVE_HUMIDITY_PCT))
        dew, method = np.where(known, humid, dew), "from-relative-humidity"
    dew, methods["dew_point_C"] = _merged(given, dew, method)
    return np.maximum(dew, -85.0)


def _wind(
    columns: Mapping[str, Values],
    clear_W_m2: Values | None,
    members: int,
    seed: int,
    methods: dict[str, str],
) -> Values:
    """Wind: RoadSurf's stand-in as the mean, with the daily wave of wind over land in winter."""
    error = generator(seed, "hindcast.wind").standard_normal((members, 1))
    cycle = 1.0 + DAILY_WIND * daily_wave(columns, clear_W_m2)
    assumed = WIND_SPEED_M_S * np.exp(WIND_SPEED_LOG_SD * error) * cycle
    wind, methods["wind_speed_m_s"] = _merged(
        columns.get("wind_speed_m_s"), assumed, "mean-3+dai_deser_1999"
    )
    return wind


def daily_wave(columns: Mapping[str, Values], clear_W_m2: Values | None) -> Values:
    """A cosine of the day, 1 an hour and a half after the sun is highest, [hours].

    The sun's noon is where the clear sky, summed over the record by hour of the day, has its centre
    of gravity; where no sun is known, the air is warmest some three hours after it.
    """
    air = columns["air_temperature_C"]
    source = air - air.min() if clear_W_m2 is None else clear_W_m2
    angle = 2.0 * np.pi * np.arange(air.size) / 24.0
    peak = np.angle((source * np.exp(1j * angle)).sum())
    late = 1.5 if clear_W_m2 is not None else -1.5
    wave: Values = np.cos(angle - peak - 2.0 * np.pi * late / 24.0)
    return wave


def _sun_and_cloud(
    columns: Mapping[str, Values],
    clear_W_m2: Values | None,
    times: NDArray[np.datetime64],
    place: tuple[float, float] | None,
    trust: float,
    methods: dict[str, str],
) -> tuple[Values, Values, Values]:
    """Shortwave [W/m²], cloud fraction and its doubt, each [hours]."""
    air = columns["air_temperature_C"]
    octas = columns.get("cloud_cover_octas")
    if "shortwave_down_W_m2" in columns and clear_W_m2 is not None:
        sun = np.maximum(columns["shortwave_down_W_m2"], 0.0)
        methods["shortwave_down_W_m2"] = "measured"
        cloud, away = cloud_fraction(sun, clear_W_m2)
        cloud = trust * cloud + (1.0 - trust) * 0.5
        doubt = np.where((away > 2.0) | (trust < 1.0), NIGHT_CLOUD_SD, CLOUD_SD)
        method = "crawford_duchon_1999"
    elif place is not None:
        cloud = cloud_from_daily_range(air[None])[0] / 100.0
        doubt = np.full(air.size, NIGHT_CLOUD_SD)
        method = "hargreaves_samani_1985+angstrom_prescott"
        sun = np.empty(0)
    else:
        raise LingjingError("hindcast.no-sun", Place(field="shortwave_down_W_m2"))
    if octas is not None:
        known = np.isfinite(octas) & (octas <= 8.0)
        cloud = np.where(known, np.where(known, octas, 0.0) / 8.0, cloud)
        doubt = np.where(known, CLOUD_SD, doubt)
        method = "measured" if known.all() else f"measured+{method}"
    methods["cloud_cover_octas"] = method
    if not sun.size and place is not None:
        clear = clear_sky(times + np.timedelta64(1800, "s"), *place)
        sun = clear * radiation.cloud_transmission(100.0 * cloud)
        methods["shortwave_down_W_m2"] = "haurwitz_1945+kasten_czeplak_1980"
    return sun, cloud, doubt


def deep_temperature_C(air_C: Values, first_C: float) -> Values:
    """Ground at 2 m as a memory of the air over some 100 days, from its value at the start [°C]."""
    keep = np.exp(-1.0 / DEEP_MEMORY_H)
    deep = np.empty(air_C.size)
    deep[0] = first_C
    for hour in range(1, air_C.size):
        deep[hour] = keep * deep[hour - 1] + (1.0 - keep) * air_C[hour]
    return deep
