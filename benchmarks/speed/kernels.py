"""How many physical columns a second the kernels compute when no two are alike.

A column is one road or pipe under one member over 72 hours and 48 of spin-up, in the weather of the
demo. The baseline beside it, in the same run, is one NumPy `exp` over fifty million float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import numba
import numpy as np

from lingjing.engine.weather import demo_weather
from lingjing.forecast.outlook import Outlook
from lingjing.forecast.prepare import prepare_outlook
from lingjing.physics.pipes import PipeColumns, PipeForcing, PipeParameters, simulate_pipes
from lingjing.physics.road import RoadColumns, RoadForcing, RoadParameters, simulate_roads
from lingjing.vocabulary import Window

MEMBERS = 31
ROADS = 100
PIPES = 4000


def outlook() -> Outlook:
    """The demo's weather over its window."""
    window = Window(datetime(2023, 12, 20, 9, tzinfo=UTC), 72)
    return prepare_outlook(
        demo_weather(members=MEMBERS), window, members=None, seed=7, longitude_deg=121.52,
        latitude_deg=31.27,
    )  # fmt: skip


def roads(ahead: Outlook, step_s: float) -> Callable[[], object]:
    """Roads of which no two are alike."""
    rng = np.random.default_rng(7)
    columns = RoadColumns(
        bridge=np.arange(ROADS) % 10 == 0,
        surface_material=np.arange(ROADS) % 3,
        sky_view_factor=rng.uniform(0.4, 1.0, ROADS),
        traffic_per_day=rng.uniform(100.0, 50_000.0, ROADS),
        deck_thickness_m=np.full(ROADS, 0.3),
    )
    given = ahead.forcings
    forcing = RoadForcing(
        air_temperature_C=given["air_temperature"],
        dew_point_C=given["dew_point"],
        wind_speed_m_s=given["wind_speed"],
        shortwave_down_W_m2=given["shortwave_down"],
        longwave_down_W_m2=given["longwave_down"],
        precipitation_mm_h=given["precipitation"],
        traffic_profile=np.full(ahead.times.size, 1.0 / 24.0),
    )
    parameters = RoadParameters.sampled(MEMBERS, np.random.default_rng(7))
    return lambda: simulate_roads(
        columns, forcing, parameters, first_output=ahead.spin_up_hours, step_s=step_s
    )


def pipes(ahead: Outlook, number: int = PIPES) -> Callable[[], object]:
    """Pipes of which no two are alike, from bare to well wrapped, standing and in use."""
    rng = np.random.default_rng(7)
    columns = PipeColumns(
        inner_diameter_m=rng.uniform(0.015, 0.05, number),
        wall_thickness_m=np.full(number, 0.003),
        wall_conductivity_W_mK=np.full(number, 50.0),
        wall_heat_capacity_J_m3K=np.full(number, 3.6e6),
        insulation_thickness_m=rng.uniform(0.0, 0.05, number),
        insulation_conductivity_W_mK=np.full(number, 0.036),
        supply_temperature_C=rng.uniform(4.0, 8.0, number),
        wind_exposure=rng.uniform(0.0, 1.0, number),
        enclosure_lag_h=rng.uniform(0.0, 6.0, number),
        renewal_factor=rng.uniform(0.0, 1.0, number),
    )
    forcing = PipeForcing(
        air_temperature_C=ahead.forcings["air_temperature"],
        wind_speed_m_s=ahead.forcings["wind_speed"],
        use_profile=np.full(ahead.times.size, 0.5),
    )
    parameters = PipeParameters.sampled(MEMBERS, np.random.default_rng(7))
    return lambda: simulate_pipes(columns, forcing, parameters, first_output=ahead.spin_up_hours)


def best_seconds(work: Callable[[], object], passes: int = 3) -> float:
    """The best of some passes, compiled before."""
    work()
    spent = []
    for _ in range(passes):
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def page(baseline_s: float) -> str:
    """Measure and write the table."""
    ahead = outlook()
    work = {
        "roads, step 60 s": (roads(ahead, 60.0), ROADS),
        "roads, step 300 s": (roads(ahead, 300.0), ROADS),
        "pipes": (pipes(ahead), PIPES),
    }
    threads = sorted({1, numba.config.NUMBA_NUM_THREADS})
    lines = [
        "## The kernels\n",
        (
            "`python -m benchmarks speed`: columns (one asset under one member, 72 h and 48 h of "
            f"spin-up) per second, no two alike. The baseline takes {baseline_s:.3f} s.\n"
        ),
        "| kernel | threads | columns/s | columns per baseline |",
        "|---|---|---|---|",
    ]
    for name, (call, count) in work.items():
        for number in threads:
            numba.set_num_threads(number)
            rate = count * MEMBERS / best_seconds(call)
            lines.append(f"| {name} | {number} | {rate:,.0f} | {rate * baseline_s:,.0f} |")
    return "\n".join(lines) + "\n"
