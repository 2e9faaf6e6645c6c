"""Accuracy of the road column on an observed winter, open loop.

    python benchmarks/skill/road_winter.py shared/data/pavement/winter-2009-10.csv

The record gives air temperature and shortwave; humidity, wind, cloud and rain are absent and take
the fixed values below, which were set before any score was seen and are not to be tuned. (The
exchange with the air was changed once afterwards: see docs/reference/physics.md.)
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lingjing.physics.humidity import dew_point_C
from lingjing.physics.radiation import longwave_down_W_m2
from lingjing.physics.road import RoadColumns, RoadForcing, RoadParameters, simulate_roads

HUMIDITY_PCT = 80.0
WIND_M_S = 3.0
CLOUD_PCT = 50.0
TRAFFIC_PER_DAY = 10_000.0
SETTLE_H = 240


@dataclass(frozen=True)
class Score:
    """How a forecast of road temperature did against observations; errors in °C."""

    mae: float
    bias: float
    rmse: float
    detected: float
    false_alarms: float
    hours: int

    def __str__(self) -> str:
        return (
            f"MAE {self.mae:.2f} C  bias {self.bias:+.2f} C  RMSE {self.rmse:.2f} C  "
            f"POD {self.detected:.2f}  FAR {self.false_alarms:.2f}  ({self.hours} h)"
        )


def score(forecast: np.ndarray, observed: np.ndarray) -> Score:
    """Scores where an observation exists; the event is a road below 0 degC."""
    known = np.isfinite(observed)
    error = forecast[known] - observed[known]
    said, was = forecast[known] < 0.0, observed[known] < 0.0
    return Score(
        float(np.abs(error).mean()),
        float(error.mean()),
        float(np.sqrt((error**2).mean())),
        float((said & was).sum() / max(was.sum(), 1)),
        float((said & ~was).sum() / max(said.sum(), 1)),
        int(known.sum()),
    )


def read(path: Path) -> dict[str, np.ndarray]:
    """Columns of the record on an even hourly axis; gaps are NaN."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    times = np.array([row["time"] for row in rows], "datetime64[h]")
    hours = (times - times[0]).astype(int)
    columns = {}
    for name in rows[0]:
        if name == "time":
            continue
        columns[name] = np.full(hours[-1] + 1, np.nan)
        columns[name][hours] = [float(row[name]) if row[name] else np.nan for row in rows]
    return columns


def filled(values: np.ndarray) -> np.ndarray:
    """Gaps bridged linearly in time, for forcings only."""
    known = np.isfinite(values)
    return np.interp(np.arange(values.size), np.flatnonzero(known), values[known])


def simulate(record: dict[str, np.ndarray], step_s: float = 60.0) -> np.ndarray:
    """Surface temperature [hours - SETTLE_H] with central parameters."""
    air = filled(record["air_temperature_C"])[None]
    dew = dew_point_C(air, HUMIDITY_PCT)
    hours = air.shape[1]
    forcing = RoadForcing(
        air,
        dew,
        np.full(air.shape, WIND_M_S),
        np.maximum(filled(record["shortwave_down_W_m2"]), 0.0)[None],
        longwave_down_W_m2(air, dew, CLOUD_PCT),
        np.zeros(air.shape),
        np.full(hours, 1.0 / 24.0),
    )
    road = RoadColumns(np.array([False]), np.array([0]), 1.0, TRAFFIC_PER_DAY, 0.0)
    history = simulate_roads(
        road, forcing, RoadParameters.central(1), first_output=SETTLE_H, step_s=step_s
    )
    return history.surface_temperature_C[0, 0].astype(np.float64)


def run(path: Path) -> dict[str, Score]:
    """Scores of the model and of taking the road to be as cold as the air."""
    record = read(path)
    observed = record["pavement_temperature_C"][SETTLE_H:]
    return {
        "road := air temperature": score(filled(record["air_temperature_C"])[SETTLE_H:], observed),
        "road column, 60 s": score(simulate(record), observed),
        "road column, 300 s": score(simulate(record, 300.0), observed),
    }


def page() -> str:
    """The scores as a part of RESULTS.md; says so where the record is absent."""
    root = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("LINGJING_SHARED_DATA", root.parent / "shared" / "data"))
    winter = data / "pavement" / "winter-2009-10.csv"
    head = (
        "## Road temperature on an observed winter\n\n"
        "Open loop, published defaults, no number fitted; the exchange with the air was chosen "
        "anew once after a first score (see docs/reference/physics.md). The record gives "
        f"air temperature and shortwave only, so humidity {HUMIDITY_PCT:.0f} %, "
        f"wind {WIND_M_S:.0f} m/s, cloud {CLOUD_PCT:.0f} % and a dry road are assumed. "
        "Event: road below 0 °C.\n\n"
    )
    if not winter.is_file():
        return head + "The record is absent here; nothing was measured.\n"
    table = "| | MAE °C | bias °C | RMSE °C | POD | FAR | hours |\n|---|---|---|---|---|---|---|\n"
    for title, found in run(winter).items():
        table += (
            f"| {title} | {found.mae:.2f} | {found.bias:+.2f} | {found.rmse:.2f} "
            f"| {found.detected:.2f} | {found.false_alarms:.2f} | {found.hours} |\n"
        )
    return head + table


if __name__ == "__main__":
    for title, result in run(Path(sys.argv[1])).items():
        print(f"{title:26s} {result}")
