"""How fast roads are computed: against a plain column in NumPy, and against the processor's peak.

A point is one road under one member over 72 h at a step of 60 s, no two alike, with rain, snow,
traffic, decks, ground moisture and shade. The baseline beside it, in the same run, is a plain
column in Python and NumPy, one at a time: dry, without stores, so that it has less to do.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numba
import numpy as np

from lingjing.physics import road_kernel, road_phase_kernel, road_surface
from lingjing.physics.materials import ROAD_BUILDS, RoadMaterial
from lingjing.physics.road import (
    RoadColumns,
    RoadForcing,
    RoadHistory,
    RoadParameters,
    RoadShade,
    simulate_roads,
)
from lingjing.physics.road_grid import column_grid
from lingjing.physics.road_rows import NODES
from lingjing.physics.shading import horizon_angles_deg

HOURS = 72
STEPS = 60
ROADSURF_POINTS_PER_S = 581.0  # its core at 60 s, one thread, measured on two such cores


def case(roads: int, members: int, seed: int = 7) -> Callable[[], RoadHistory]:
    """A computation of that size with the full physics."""
    rng = np.random.default_rng(seed)
    shape = (members, HOURS + 1)
    clock = np.arange(HOURS + 1)
    air = -1.0 + 5.0 * np.sin((clock - 9) / 24 * 2 * np.pi) + rng.normal(0, 1.5, (members, 1))
    sun = np.clip(420.0 * np.sin((clock % 24 - 6.5) / 11 * np.pi), 0.0, None) * (clock % 24 < 18)
    forcing = RoadForcing(
        air_temperature_C=air,
        dew_point_C=air - rng.uniform(0.5, 4.0, (members, 1)),
        wind_speed_m_s=rng.uniform(0.5, 8.0, shape),
        shortwave_down_W_m2=np.broadcast_to(sun, shape),
        longwave_down_W_m2=rng.uniform(220.0, 300.0, (members, 1)).repeat(HOURS + 1, axis=1),
        precipitation_mm_h=np.where(rng.random(shape) < 0.2, rng.uniform(0.0, 2.0, shape), 0.0),
        traffic_profile=np.full(HOURS + 1, 1.0 / 24.0),
    )
    columns = RoadColumns(
        bridge=np.arange(roads) % 10 == 0,
        surface_material=np.arange(roads) % 3,
        sky_view_factor=rng.uniform(0.4, 1.0, roads),
        traffic_per_day=rng.uniform(100.0, 50_000.0, roads),
        deck_thickness_m=np.full(roads, 0.3),
    )
    shade = RoadShade(rng.uniform(0.0, 1.0, (roads, HOURS + 1)), 0.6)
    parameters = RoadParameters.sampled(members, rng)
    return lambda: simulate_roads(columns, forcing, parameters, shade=shade, step_s=3600.0 / STEPS)


def best_seconds(work: Callable[[], object], passes: int = 5) -> float:
    """The best of some passes, compiled before; on one thread the processor's own time."""
    clock = time.process_time if numba.get_num_threads() == 1 else time.perf_counter
    work()
    spent = []
    for _ in range(passes):
        begin = clock()
        work()
        spent.append(clock() - begin)
    return min(spent)


def numpy_column() -> np.ndarray:
    """72 h of one dry road, step by step in Python with NumPy over its layers."""
    grid = column_grid(ROAD_BUILDS[RoadMaterial.ASPHALT].ground, None)
    step = 3600.0 / STEPS
    heat, below = grid[1] / step, grid[0]
    matrix = np.diag(heat + below + np.concatenate([[0.0], below[:-1]]))
    matrix -= np.diag(below[:-1], 1) + np.diag(below[:-1], -1)
    matrix[0, 0] += 30.0
    inverse = np.linalg.inv(matrix)
    ground = np.full(NODES, 2.0)
    course = np.empty(HOURS + 1)
    for number in range(HOURS * STEPS):
        hour = number / STEPS
        air = -1.0 + 5.0 * math.sin((hour - 9) / 24 * 2 * math.pi)
        surface = ground[0]
        wind, heat_psi, wind_psi, film = 3.0, 0.0, 0.0, 0.0
        for _ in range(3):
            friction = 0.4 * wind / (3.258 + wind_psi)
            conductance = 0.4 * friction / (7.601 + heat_psi)
            film = 1290.0 * conductance
            level = min(0.4 * 2 * 9.81 / (air + 273.15) * (air - surface) * conductance
                        / friction**3, 1.0)  # fmt: skip
            if level > 0.0:
                heat_psi = wind_psi = 4.7 * level
            else:
                heat_psi = max(-2.0 * math.log(0.5 * (1 + math.sqrt(1 - 16 * level))), -4.5)
                wind_psi = max(0.6 * heat_psi, -1.9)
        vapour = 6.11 * math.exp(17.6 * surface / (surface + 243.0))
        dew = max(0.0, 5.0 - vapour) * 0.6 * film / 1.6
        balance = film * (air - surface) + 240.0 + dew
        balance -= 0.95 * 5.67e-8 * (surface + 273.15) ** 4
        right = heat * ground
        right[0] += balance + 30.0 * surface
        right[-1] += below[-1] * 2.0
        ground = inverse @ right
        if number % STEPS == 0:
            course[number // STEPS] = ground[0]
    return course


@numba.njit(error_model="numpy", fastmath={"contract"})
def _multiply_add(values: np.ndarray, a: np.float32, b: np.float32, rounds: int) -> None:
    """Chains of sixteen multiply-adds that no rule of the compiler may shorten."""
    for _ in range(rounds):
        for i in range(256):
            v = values[i]
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            v = v * a + b
            v = v * b + a
            values[i] = v


def peak_gflops() -> float:
    """Float32 multiply-adds, counted as two, of a thread that does nothing else."""
    values, rounds = np.ones(256, np.float32), 200_000
    work = partial(_multiply_add, values, np.float32(0.5), np.float32(0.4), rounds)
    return 2.0 * 16 * values.size * rounds / best_seconds(work) / 1e9


def operations_per_step() -> int:
    """Additions, multiplications, divisions and roots of a column in a step, counted in the source.

    Comparisons and selections are not counted. Loops over nodes count for all of them, moisture for
    the eight nodes that asphalt's base and soil have.
    """
    per_call: dict[str, int] = {}
    for name in ("cube_root", "mixing_ratio_at", "exchange_W_m2K"):
        per_call[name] = _operations(road_surface, name, per_call)
    parts = (
        (road_kernel, "_balance"), (road_kernel, "_conduct"), (road_phase_kernel, "freeze"),
        (road_phase_kernel, "surface_state"), (road_kernel, "_settle"),
    )  # fmt: skip
    return sum(_operations(module, name, per_call) for module, name in parts)


def _operations(module: ModuleType, name: str, calls: dict[str, int]) -> int:
    tree = ast.parse(inspect.getsource(getattr(module, name).py_func))
    return _count(tree, calls)


def _count(node: ast.AST, calls: dict[str, int]) -> int:
    if isinstance(node, ast.Subscript):  # places in the block are not arithmetic
        return 0
    found = 0
    if isinstance(node, ast.BinOp | ast.AugAssign):
        found += isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        found += calls.get(name, int(name == "sqrt"))
    times = 1
    if isinstance(node, ast.For) and getattr(node.target, "id", "") == "node":
        moist = any(isinstance(item, ast.Continue) for item in ast.walk(node))
        times = 8 if moist else NODES - 1
        return times * sum(_count(item, calls) for item in node.body)
    return found + sum(_count(child, calls) for child in ast.iter_child_nodes(node))


WHOLE = """
import json, resource, sys, time
import numba, numpy as np
from benchmarks.speed.roads import case
roads, members, block = (int(item) for item in sys.argv[1:4])
case(1, members)()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
begin, worked = time.perf_counter(), time.process_time()
coldest = 0.0
for first in range(0, roads, block):
    history = case(min(block, roads - first), members, first)()
    coldest = min(coldest, float(history.surface_temperature_C.min()))
spent, worked = time.perf_counter() - begin, time.process_time() - worked
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([spent, before, after, worked]))
"""
FIRST = """
import json, time
begin = time.perf_counter()
from benchmarks.speed.roads import case
loaded = time.perf_counter()
case(1, 1)()
print(json.dumps([loaded - begin, time.perf_counter() - loaded]))
"""


def _fresh(program: str, *arguments: object, **environment: str) -> list[float]:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, check=True, cwd=root, env=os.environ | environment,
    )  # fmt: skip
    found: list[float] = json.loads(done.stdout)
    return found


def shading_rate() -> tuple[float, int]:
    """Points whose horizon is found a second on one thread, in a dense made-up city."""
    rng = np.random.default_rng(0)
    west, south = np.meshgrid(np.arange(50) * 60.0, np.arange(150) * 20.0)
    corners = np.stack(
        [west, south, west + 45.0, south, west + 45.0, south + 11.0, west, south + 11.0], axis=-1
    ).reshape(-1, 4, 2)
    walls = np.concatenate([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 4)
    heights = np.repeat(rng.uniform(9.0, 60.0, corners.shape[0]), 4)
    points = rng.uniform(0.0, 3000.0, (10_000, 2))
    seconds = best_seconds(lambda: horizon_angles_deg(points, walls, heights), 3)
    return points.shape[0] / seconds, walls.shape[0]


def page() -> str:
    """Measure and write the table."""
    threads = numba.get_num_threads()
    roads, members = 200, 16
    work = case(roads, members)
    numba.set_num_threads(1)
    plain = 1.0 / best_seconds(numpy_column)
    peak = peak_gflops()
    one = roads * members / best_seconds(work)
    shade, walls = shading_rate()
    numba.set_num_threads(threads)
    busy = os.getloadavg()[0] > 0.5 * threads  # other work takes what a second thread would have
    rates = [(1, one)] if busy else [(1, one), (threads, roads * members / best_seconds(work))]
    operations = operations_per_step()
    used = operations * one * HOURS * STEPS / 1e9
    history = work()
    spent, before, after, worked = _fresh(WHOLE, 10_000, 51, 200)
    small = _fresh(WHOLE, 1_000, 51, 200)
    with tempfile.TemporaryDirectory() as folder:
        cold = _fresh(FIRST, NUMBA_CACHE_DIR=folder)
        warm = _fresh(FIRST, NUMBA_CACHE_DIR=folder)
    lines = [
        "## Roads\n",
        (
            "`python -m benchmarks speed`: points (one road under one member, 72 h at 60 s, full "
            "physics, no two alike) a second. The baseline is a plain dry column in Python and "
            f"NumPy, in the same run: {plain:.1f} points/s. RoadSurf's core gave "
            f"{ROADSURF_POINTS_PER_S:.0f} on such a core.\n"
        ),
        "| threads | points/s | over plain NumPy | over RoadSurf's core |",
        "|---|---|---|---|",
        *(
            f"| {count} | {rate:,.0f} | {rate / plain:,.0f} | {rate / ROADSURF_POINTS_PER_S:.0f} |"
            for count, rate in rates
        ),
        "",
        *(["Other work was running, so threads side by side were not measured.\n"] if busy else []),
        (
            f"A step of a column is {operations} additions, multiplications, divisions and roots "
            f"(counted in the source): {used:.1f} Gflop/s on one thread, "
            f"{100 * used / peak:.0f} % of the {peak:.0f} Gflop/s that a loop of nothing but "
            "float32 multiply-adds reaches here. "
            f"Energy closes to {history.energy_residual.max():.0e} of the heat exchanged, "
            f"water to {np.abs(history.water_residual_mm).max():.0e} mm.\n"
        ),
        (
            f"51 members × 10,000 roads × 72 h: {worked:.1f} s of processor time, inputs made up "
            f"on the way; {spent:.1f} s passed here on {threads} threads, and "
            f"{worked / threads:.1f} s would on as many free cores. Peak memory "
            f"{after:.0f} MiB ({before:.0f} MiB before), {small[2]:.0f} MiB for 1,000 roads: it "
            "follows the block, not the number of roads.\n"
        ),
        (
            f"The first call takes {cold[1]:.1f} s to compile and {warm[1]:.2f} s with the "
            "compiled kernel in the cache.\n"
        ),
        (
            f"Horizons: {shade:,.0f} points/s on one thread (36 directions, 250 m, {walls:,} walls "
            "of a dense made-up city)."
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page())
