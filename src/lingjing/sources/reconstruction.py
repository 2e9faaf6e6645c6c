"""The cold wave of December 2023 rebuilt from what is published about it: an ensemble to show.

It is no observation and no forecast of the time. `reconstruction_december_2023.toml` holds the
published facts, the assumptions and the numbers between; the record's notes repeat them.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.weather_notes import note
from lingjing.vocabulary import (
    LingjingError,
    Provenance,
    WeatherTable,
    moment_of,
    parse_instant,
    quantity,
)

MOST_MEMBERS = 1000
_STATES = ("relative_humidity", "wind_speed", "wind_direction", "cloud_cover")
_DRAWN = ("air_temperature", *_STATES, "precipitation")
_ATTRIBUTION = "Lingjing reconstruction of December 2023 (synthetic) / 灵境重建的2023年12月（合成）"


def reconstruct_december_2023(members: int = 31, seed: int = 7) -> WeatherTable:
    """Rebuild the weather of Yangpu from 14 to 25 December 2023, hourly.

    The first member is the rebuilt course itself. The others add an error that is zero until
    `forecast_start()`, then grows with the square root of the lead time and is correlated over
    about a day (AR(1)); the errors are centred, so that the members' mean stays the rebuilt course
    wherever a bound does not cut it. A share of the members stays dry after `forecast_start()`.

    Args:
        members: Number of members, 1 to 1000.
        seed: Of the members' errors.

    Raises:
        LingjingError: `weather.bad-reconstruction`.
    """
    if not 1 <= members <= MOST_MEMBERS:
        raise LingjingError("weather.bad-reconstruction", members=members, most=MOST_MEMBERS)
    page = _page()
    first, last = (_seconds(page[key]) for key in ("first", "last"))
    seconds = np.arange(first, last + 1, 3600, dtype=np.int64)
    course = {"air_temperature": _half_cosines(page["air_temperature"], seconds)}
    course |= {name: _straight_lines(page[name], seconds) for name in _STATES}
    course["precipitation"] = _episodes(page["precipitation"], seconds)

    lead_hours = (seconds - _seconds(page["forecast_start"])) / 3600.0
    growth = np.sqrt(np.maximum(lead_hours, 0.0) / 24.0)
    spread: Mapping[str, Any] = page["spread"]
    generator = np.random.default_rng(seed)
    columns = {}
    for name in _DRAWN:
        error = _errors(generator, members, seconds.size, spread["memory_hours"])
        error *= growth * spread[name]["day_one"]
        values = course[name] * np.exp(error) if spread[name]["factor"] else course[name] + error
        known = quantity(name)
        values = values % 360.0 if name == "wind_direction" else values
        upper = 100.0 if name == "relative_humidity" else known.upper
        columns[name] = np.clip(values, known.lower, upper).astype(np.float32)
    # Whether the last sleet falls at all is the least known of all; drawn after the rest, so that
    # its share changes nothing else.
    dry = generator.random(members) < spread["precipitation"]["dry_share"]
    dry[0] = False
    columns["precipitation"][np.ix_(dry, lead_hours > 0)] = 0.0
    return WeatherTable(
        name=page["name"],
        times=seconds.astype("datetime64[s]"),
        columns=columns,
        methods=dict.fromkeys(columns, "reconstructed"),
        provenance=Provenance(
            "simulated",
            "reconstruction-december-2023",
            rule="half-cosines-between-extremes+ar1-members",
            synthetic=True,
        ),
        attribution=_ATTRIBUTION,
        longitude_deg=page["longitude_deg"],
        latitude_deg=page["latitude_deg"],
        notes=_notes(page, seed),
    )


def forecast_start() -> datetime:
    """From when on the members differ: the time of the yellow signal, UTC."""
    return parse_instant(_page()["forecast_start"]).astimezone(UTC)


@functools.cache
def _page() -> dict[str, Any]:
    page = resources.files("lingjing.sources") / "reconstruction_december_2023.toml"
    return tomllib.loads(page.read_text(encoding="utf-8"))


def _seconds(text: str) -> int:
    return int(moment_of(parse_instant(text)).astype(np.int64))


def _anchors(table: Mapping[str, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return (
        np.array([_seconds(text) for text in table], dtype=np.int64),
        np.array(list(table.values()), dtype=np.float64),
    )


def _half_cosines(table: Mapping[str, float], seconds: NDArray[np.int64]) -> NDArray[np.float64]:
    times, values = _anchors(table)
    left = np.clip(np.searchsorted(times, seconds, side="right") - 1, 0, times.size - 2)
    share = (seconds - times[left]) / (times[left + 1] - times[left])
    rise = (1.0 - np.cos(np.pi * share)) / 2.0
    return np.asarray(values[left] + (values[left + 1] - values[left]) * rise)


def _straight_lines(table: Mapping[str, float], seconds: NDArray[np.int64]) -> NDArray[np.float64]:
    times, values = _anchors(table)
    return np.interp(seconds, times, values)


def _episodes(episodes: list[Mapping[str, Any]], seconds: NDArray[np.int64]) -> NDArray[np.float64]:
    rate = np.zeros(seconds.size)
    for episode in episodes:
        wet = (seconds > _seconds(episode["start"])) & (seconds <= _seconds(episode["end"]))
        rate[wet] = episode["rate_mm_h"]
    return rate


def _errors(
    generator: np.random.Generator, members: int, hours: int, memory_hours: float
) -> NDArray[np.float64]:
    """Errors of unit variance [members, hours]: none in the first member, AR(1) in the others."""
    shocks = generator.standard_normal((members - 1, hours))
    keep = np.exp(-1.0 / memory_hours)
    errors = np.zeros((members, hours))
    if members == 1:
        return errors
    others = errors[1:]
    others[:, 0] = shocks[:, 0]
    for hour in range(1, hours):
        others[:, hour] = keep * others[:, hour - 1] + np.sqrt(1.0 - keep**2) * shocks[:, hour]
    if members > 2:
        others -= others.mean(axis=0)
    return errors


def _notes(page: Mapping[str, Any], seed: int) -> tuple[str, ...]:
    notes = [note("reconstruction", seed=seed)]
    for fact in page["facts"]:
        texts = {"zh-CN": fact["zh"], "en": fact["en"]}
        sources = {"zh-CN": fact["source_zh"], "en": fact["source_en"]}
        notes.append(note("published", fact=texts, source=sources))
    assumed = ({"zh-CN": item["zh"], "en": item["en"]} for item in page["assumptions"])
    return (*notes, *(note("assumed", fact=texts) for texts in assumed))
