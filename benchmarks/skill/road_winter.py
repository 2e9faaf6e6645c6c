"""Accuracy of the road on an observed winter, open loop and with a declared calibration.

    python -m benchmarks.skill.road_winter shared/data/pavement/winter-2009-10.csv

The record gives air temperature and shortwave; all else is parameterised by the defaults of
`lingjing hindcast road`. docs/reference/validation.md says how those came about.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lingjing.forecast.clock import clock_path, mended
from lingjing.forecast.road_calibration import calibrate_road
from lingjing.forecast.road_hindcast import Hindcast, RoadSite, hindcast_road
from lingjing.forecast.verification import Verification, verify
from lingjing.sources.series_csv import read_series
from lingjing.vocabulary.series import HourlySeries

COLUMN = "pavement_temperature_C"
SETTLE_H = 240
DARK_W_M2 = 5.0
LAST_READING_H = 18


def read(path: Path) -> HourlySeries:
    """The record."""
    return read_series(path.read_text(encoding="utf-8"), path.name)


def score(series: HourlySeries, done: Hindcast | None, first: int, stop: int) -> Verification:
    """Scores within hours of the record; without a hindcast the road is taken to be the air."""
    night = np.nan_to_num(series.columns["shortwave_down_W_m2"]) < DARK_W_M2
    point = series.columns["air_temperature_C"].copy()
    quantiles = None
    if done is not None:
        point = done.column("road_temperature_C")
        quantiles = {level: done.column(f"p{100 * level:.0f}") for level in (0.1, 0.25, 0.75, 0.9)}
        quantiles[0.5] = done.column("p50")
    point[:first], point[stop:] = np.nan, np.nan
    return verify(point, series.columns[COLUMN], night=night, quantiles=quantiles)


def mended_record(series: HourlySeries, done: Hindcast) -> HourlySeries:
    """The record with the pavement's values at the hours that the test of their clock finds."""
    observed = series.columns[COLUMN]
    offsets = clock_path(done.column("road_temperature_C"), observed)
    return replace(series, columns={**series.columns, COLUMN: mended(observed, offsets)})


def run(path: Path) -> dict[str, Verification]:
    """Scores by title."""
    series = read(path)
    done = hindcast_road(series)
    right = mended_record(series, done)
    half, end = series.hours // 2, series.hours
    found = calibrate_road(series, series.columns[COLUMN], until=half)
    fitted = hindcast_road(series, RoadSite(correction=found.correction))
    calibrated = f"calibrated on the first half ({100 * found.share:.0f} % of it kept)"
    return {
        "road := air temperature": score(series, None, SETTLE_H, end),
        "defaults": score(series, done, SETTLE_H, end),
        "defaults, second half": score(series, done, half, end),
        f"{calibrated}, second half": score(series, fitted, half, end),
        "defaults, clock mended": score(right, done, SETTLE_H, end),
        "defaults, second half, clock mended": score(right, done, half, end),
        f"{calibrated}, second half, clock mended": score(right, fitted, half, end),
    }


def leads(path: Path) -> dict[str, list[float]]:
    """MAE 1 to 3, 4 to 6 and 7 to 12 h after the last reading, by what was made of the readings.

    Readings hold from 7 h to 18 h each day, the night is left to the model; the clock is mended.
    """
    series = read(path)
    series = mended_record(series, hindcast_road(series))
    observed = series.columns[COLUMN]
    clock = np.array([int(series.time_text(hour)[11:13]) for hour in range(series.hours)])
    since = (clock - LAST_READING_H) % 24
    held = np.where((clock > LAST_READING_H) | (clock <= 6), np.nan, observed)
    ways: dict[str, tuple[np.ndarray | None, float]] = {
        "open loop": (None, 0.0),
        "state alone (gain 0)": (held, 0.0),
        "state and half of the lacking flux (gain 0.5)": (held, 0.5),
        "state and lacking flux (gain 1)": (held, 1.0),
    }
    found = {}
    for title, (readings, gain) in ways.items():
        done = hindcast_road(series, readings=readings, gain=gain)
        error = np.abs(done.column("road_temperature_C") - observed)
        error[:SETTLE_H] = np.nan
        found[title] = [
            float(np.nanmean(error[(since >= first) & (since <= last)]))
            for first, last in ((1, 3), (4, 6), (7, 12))
        ]
    return found


def page() -> str:
    """The scores as a part of RESULTS.md; says so where the record is absent."""
    root = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("LINGJING_SHARED_DATA", root.parent / "shared" / "data"))
    winter = data / "pavement" / "winter-2009-10.csv"
    head = (
        "## Road temperature on an observed winter\n\n"
        "`lingjing hindcast road` on air temperature and shortwave alone, open loop; the first ten "
        "days are not judged. Event: road below 0 °C. *Clock mended* puts the pavement's values "
        "at the hours that the test of their clock finds (two days off from 15 to 26 March). How "
        "the defaults came about: docs/reference/validation.md.\n\n"
    )
    if not winter.is_file():
        return head + "The record is absent here; nothing was measured.\n"
    table = (
        "| | hours | MAE °C | bias °C | RMSE °C | night MAE | critical MAE | POD | FAR | Brier "
        "| CRPS °C | in p10–p90 |\n" + "|---" * 12 + "|\n"
    )
    for title, found in run(winter).items():
        every, event = found.errors["all"], found.events["all"]
        brier = "–" if found.brier is None else f"{found.brier:.3f}"
        inside = "–" if found.within_p10_p90 is None else f"{found.within_p10_p90:.2f}"
        table += (
            f"| {title} | {every.count} | {every.mean_absolute:.2f} | {every.bias:+.2f} "
            f"| {every.root_mean_square:.2f} | {found.errors['night'].mean_absolute:.2f} "
            f"| {found.errors['critical'].mean_absolute:.2f} | {event.detection:.2f} "
            f"| {event.false_alarm_ratio:.2f} | {brier} | {found.crps_C:.2f} | {inside} |\n"
        )
    table += (
        "\nReadings of the sensor held from 7 h to 18 h each day, the night left to the model: MAE "
        "°C by hours after the last reading, the clock mended.\n\n"
        "| | 1–3 h | 4–6 h | 7–12 h |\n|---|---|---|---|\n"
    )
    for title, errors in leads(winter).items():
        table += f"| {title} | " + " | ".join(f"{error:.2f}" for error in errors) + " |\n"
    return head + table


if __name__ == "__main__":
    for title, result in run(Path(sys.argv[1])).items():
        errors, events = result.errors["all"], result.events["all"]
        print(
            f"{title:44s} MAE {errors.mean_absolute:.2f}  bias {errors.bias:+.2f}  "
            f"POD {events.detection:.2f}  FAR {events.false_alarm_ratio:.2f}  ({errors.count} h)"
        )
