"""Fill in the forcings a weather record lacks, each by a named method, with its uncertainty.

What a record gives is kept. Each missing forcing is parameterised, and every member but the first
takes its own error of the method, drawn from the seed, so that what is not known widens the
ensemble instead of hiding. Member 0 takes the central value.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.physics import humidity, radiation
from lingjing.vocabulary import catalogue, quantity

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

RELATIVE_HUMIDITY_PCT: Final = 80.0  # RoadSurf's stand-in where humidity is not recorded
RELATIVE_HUMIDITY_SD_PCT: Final = 10.0
WIND_SPEED_M_S: Final = 3.0  # RoadSurf's stand-in where wind is not recorded
WIND_SPEED_LOG_SD: Final = 0.4
CLOUD_FROM_RANGE_SD_PCT: Final = 25.0
CLOUD_FROM_SHORTWAVE_SD_PCT: Final = 10.0
RAIN_CLOUD_PCT: Final = 90.0  # least cloud while it rains or snows
RAIN_MM_H: Final = 0.1
SHORTWAVE_SD: Final = 0.1  # of the clear-sky model, relative
HARGREAVES: Final = 0.17  # between the inland 0.16 and the coastal 0.19
# Ångström and Prescott's clearness: overcast, and what full sunshine adds (FAO-56, equation 35).
OVERCAST_CLEARNESS: Final = 0.25
SUNSHINE_CLEARNESS: Final = 0.50
FROM_RANGE: Final = "hargreaves_samani_1985+angstrom_prescott"


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that one more draw here moves nothing there."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def member_errors(seed: int, purpose: str, members: int) -> Doubles:
    """Standard normal errors [members, 1]; the first member's is 0."""
    errors = generator(seed, purpose).standard_normal(members)
    errors[0] = 0.0
    return errors[:, None]


def note(key: str, **values: object) -> str:
    """A remark for the record, in both languages on one line."""
    both = catalogue("lingjing.forecast").both(key, **values)
    return f"{both['zh-CN']} / {both['en']}"


@dataclass
class Completion:
    """The forcings as they are filled in.

    Attributes:
        columns: Quantity → float64 [members, times].
        methods: Quantity → how it was had.
        notes: Remarks for the record.
    """

    columns: dict[str, Doubles]
    methods: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def members(self) -> int:
        """Number of members."""
        return int(self.columns["air_temperature"].shape[0])

    def add(self, name: str, values: Doubles, method: str) -> None:
        """Take in a parameterised forcing, held to its bounds."""
        bounds = quantity(name)
        shape = self.columns["air_temperature"].shape
        self.columns[name] = np.clip(np.broadcast_to(values, shape), bounds.lower, bounds.upper)
        self.methods[name] = method
        self.notes.append(note("missing." + name, method=method))


def complete(
    columns: Mapping[str, Floats],
    methods: Mapping[str, str],
    times: NDArray[np.datetime64],
    *,
    seed: int,
    longitude_deg: float,
    latitude_deg: float,
) -> Completion:
    """Fill in every forcing that is missing.

    Args:
        columns: What is known [members, times]; `air_temperature` at least.
        methods: How each of them was had.
        times: Hourly instants, UTC.
        seed: Seed of the methods' errors.
        longitude_deg, latitude_deg: Where the sun is seen from.
    """
    done = Completion(
        {name: values.astype(np.float64) for name, values in columns.items()}, dict(methods)
    )
    clear = clear_sky(times, longitude_deg, latitude_deg)
    _humidity(done, seed)
    _wind(done, seed)
    if "precipitation" not in done.columns:
        done.add("precipitation", np.zeros((1, 1)), "none-known")
    _cloud(done, clear, seed)
    _shortwave(done, clear, seed)
    _longwave(done, seed)
    return done


def clear_sky(times: NDArray[np.datetime64], longitude_deg: float, latitude_deg: float) -> Doubles:
    """Clear-sky shortwave as the mean over the hour that ends at each instant [W/m²], [times]."""
    ends = times.astype("datetime64[s]").astype(np.int64)[:, None]
    within = ends - np.arange(5, 60, 10)[None, :] * 60
    position = radiation.solar_position(within, longitude_deg, latitude_deg)
    mean: Doubles = radiation.clear_sky_shortwave_W_m2(position).mean(axis=1)
    return mean


def _humidity(done: Completion, seed: int) -> None:
    air = done.columns["air_temperature"]
    if "dew_point" in done.columns:
        if "relative_humidity" not in done.columns:
            share = humidity.relative_humidity_pct(air, done.columns["dew_point"])
            done.add("relative_humidity", np.minimum(share, 100.0), "from-dew-point")
        return
    if "relative_humidity" not in done.columns:
        errors = member_errors(seed, "relative_humidity", done.members)
        share = RELATIVE_HUMIDITY_PCT + RELATIVE_HUMIDITY_SD_PCT * errors
        done.add("relative_humidity", np.clip(share, 30.0, 100.0), "constant-80")
    share = done.columns["relative_humidity"]
    done.add("dew_point", humidity.dew_point_C(air, share), "from-relative-humidity")


def _wind(done: Completion, seed: int) -> None:
    if "wind_speed" not in done.columns:
        errors = member_errors(seed, "wind_speed", done.members)
        done.add("wind_speed", WIND_SPEED_M_S * np.exp(WIND_SPEED_LOG_SD * errors), "constant-3")


def _cloud(done: Completion, clear: Doubles, seed: int) -> None:
    if "cloud_cover" in done.columns:
        return
    errors = member_errors(seed, "cloud_cover", done.members)
    if "shortwave_down" in done.columns and bool((clear >= 50.0).any()):
        cover = radiation.cloud_from_shortwave(done.columns["shortwave_down"], clear[None, :])
        cover = _over_the_night(cover)
        scatter, method = CLOUD_FROM_SHORTWAVE_SD_PCT, "kasten_czeplak_1980-inverse"
    else:
        cover = cloud_from_daily_range(done.columns["air_temperature"])
        scatter, method = CLOUD_FROM_RANGE_SD_PCT, FROM_RANGE
    cover = np.clip(cover + scatter * errors, 0.0, 100.0)
    wet = done.columns["precipitation"] > RAIN_MM_H
    done.add("cloud_cover", np.where(wet, np.maximum(cover, RAIN_CLOUD_PCT), cover), method)


def cloud_from_daily_range(air_temperature_C: Doubles) -> Doubles:
    """Cloud cover [%] from how far the temperature swings within the 24 hours around each instant.

    Hargreaves and Samani's clearness, 0.17 √(Tmax − Tmin), is turned into the share of possible
    sunshine by Ångström and Prescott's line with the constants of FAO-56; the rest is cloud. Rough
    (about ±25 %): a front swings the temperature under any sky, the sea damps it.

    Args:
        air_temperature_C: Hourly [members, times] [°C].

    References:
        Hargreaves & Samani (1985), Appl. Eng. Agric. 1, 96-99; Allen et al. (1998), FAO Irrigation
        and Drainage Paper 56, equations 35 and 50.
    """
    hours = air_temperature_C.shape[1]
    swing = np.empty_like(air_temperature_C)
    for hour in range(hours):
        first = max(0, min(hour - 12, hours - 25))
        day = air_temperature_C[:, first : first + 25]
        swing[:, hour] = day.max(axis=1) - day.min(axis=1)
    sunshine = (HARGREAVES * np.sqrt(swing) - OVERCAST_CLEARNESS) / SUNSHINE_CLEARNESS
    cover: Doubles = 100.0 * (1.0 - np.clip(sunshine, 0.0, 1.0))
    return cover


def _over_the_night(cover: Doubles) -> Doubles:
    """Fill the dark hours of each member linearly between dusk and dawn."""
    hours = np.arange(cover.shape[1])
    filled = np.empty_like(cover)
    for member, row in enumerate(cover):
        known = np.isfinite(row)
        filled[member] = np.interp(hours, hours[known], row[known])
    return filled


def _shortwave(done: Completion, clear: Doubles, seed: int) -> None:
    if "shortwave_down" in done.columns:
        return
    errors = member_errors(seed, "shortwave_down", done.members)
    factor = np.clip(1.0 + SHORTWAVE_SD * errors, 0.5, 1.5)
    cover = done.columns["cloud_cover"]
    if done.methods["cloud_cover"] == FROM_RANGE:
        # this cloud is the complement of sunshine, so the same line leads back to shortwave
        sunshine = SUNSHINE_CLEARNESS * (1.0 - cover / 100.0)
        through = (OVERCAST_CLEARNESS + sunshine) / (OVERCAST_CLEARNESS + SUNSHINE_CLEARNESS)
        method = "haurwitz_1945+angstrom_prescott"
    else:
        through = radiation.cloud_transmission(cover)
        method = "haurwitz_1945+kasten_czeplak_1980"
    done.add("shortwave_down", clear[None, :] * through * factor, method)


def _longwave(done: Completion, seed: int) -> None:
    if "longwave_down" in done.columns:
        return
    errors = member_errors(seed, "longwave_down", done.members)
    sky = radiation.longwave_down_W_m2(
        done.columns["air_temperature"], done.columns["dew_point"], done.columns["cloud_cover"]
    )
    # the sky at the instants becomes the mean over the hour that ends there
    sky[:, 1:] = (sky[:, 1:] + sky[:, :-1]) / 2.0
    scatter = radiation.METHODS["prata_1996"].uncertainty
    done.add("longwave_down", sky + scatter * errors, "prata_1996+unsworth_monteith_1975")
