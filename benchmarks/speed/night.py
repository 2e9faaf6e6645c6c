"""How the first night grows with the district: time, memory and rate at scale 0.1, 1 and 10.

Each step runs in a process of its own, as a user's command would, so that peak memory is its own.
Seconds depend on the machine; beside them stands the ratio to a baseline taken in the same run:
one NumPy `exp` over fifty million float32 on one thread.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

PROGRAM = "import sys; from lingjing.interfaces.cli import main; main(sys.argv[1:])"
START = "2023-12-20T17:00+08:00"


@dataclass(frozen=True)
class Step:
    """What one command cost."""

    seconds: float
    peak_mib: float


def baseline_seconds() -> float:
    """The best of five passes of `exp` over fifty million float32."""
    values = np.linspace(-5, 5, 50_000_000, dtype=np.float32)
    out = np.empty_like(values)
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        np.exp(values, out=out)
        best = min(best, time.perf_counter() - begin)
    return best


def measured(*arguments: str) -> tuple[Step, str]:
    """Run `lingjing` with these arguments in a process of its own; its cost and what it printed."""
    # The children's peak is the largest of all so far, so each command is measured by a fresh
    # interpreter that has only this one child.
    watcher = (
        "import json, resource, subprocess, sys, time\n"
        "begin = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "spent = time.perf_counter() - begin\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024\n"
        "print(json.dumps([spent, peak, done.returncode, done.stdout, done.stderr[-2000:]]))\n"
    )
    command = [sys.executable, "-c", PROGRAM, *arguments]
    answer = subprocess.run(
        [sys.executable, "-c", watcher, *command], capture_output=True, text=True, check=True
    )
    seconds, peak, status, printed, faults = json.loads(answer.stdout)
    if status:
        raise RuntimeError(f"{arguments}: exit {status}\n{faults}")
    return Step(seconds, peak), printed


def night(scale: float) -> dict[str, float]:
    """Sketch a district of that scale and run 31 members over 72 hours."""
    with tempfile.TemporaryDirectory() as folder:
        data = ["--data", folder]
        # The demo at the smallest scale brings the weather record and compiles the kernels.
        measured("demo", "--once", "--scale", "0.01", *data)
        sketch, _ = measured(
            "district", "sketch", "yangpu", "--scale", f"{scale:g}", "--name", "bench", *data
        )
        shown = json.loads(measured("district", "show", "bench", "--json", *data)[1])
        weather = json.loads(measured("weather", "show", "--json", *data)[1])[0]["name"]
        out = Path(folder) / "out"
        run, _ = measured(
            "run", "coldwave", "--district", "bench", "--weather", weather, "--start", START,
            "--hours", "72", "--members", "31", "--out", str(out), *data,
        )  # fmt: skip
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        counts = shown["counts"]
        exposed = sum(
            number
            for kind, number in counts.items()
            if kind in ("WaterPipe", "Riser", "MeterBox", "WaterTank", "Valve", "Tap")
        )
        series = pq.read_table(out / "series.parquet", columns=["kind", "situation"])
        situations = series.group_by(["kind", "situation"]).aggregate([]).num_rows
        size = sum(page.stat().st_size for page in out.rglob("*") if page.is_file())
        twin = (Path(folder) / "twin.sqlite").stat().st_size
    return {
        "scale": scale,
        "buildings": counts["Building"],
        "roads": counts["RoadSegment"],
        "exposed": exposed,
        "situations": situations,
        "sketch_s": sketch.seconds,
        "sketch_mib": sketch.peak_mib,
        "run_s": run.seconds,
        "run_mib": run.peak_mib,
        "foresee_s": record["timings"].get("foresee_s", float("nan")),
        "output_mb": size / 1e6,
        "twin_mb": twin / 1e6,
    }


def page(scales: tuple[float, ...], baseline: float) -> str:
    """Measure every scale and write the table."""
    rows = [night(scale) for scale in scales]
    titles = (
        "scale", "buildings", "road segments", "exposed assets", "situations",
        "sketch + import s", "MiB", "run s (31 members, 72 h)", "run ÷ baseline", "MiB",
        "asset-members/s", "twin MB", "results MB",
    )  # fmt: skip
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        rate = (row["roads"] + row["exposed"]) * 31 / row["run_s"]
        cells = (
            f"{row['scale']:g}", f"{row['buildings']:,}", f"{row['roads']:,}",
            f"{row['exposed']:,}", f"{row['situations']:,}", f"{row['sketch_s']:.1f}",
            f"{row['sketch_mib']:,.0f}",
            f"{row['run_s']:.1f}", f"{row['run_s'] / baseline:,.0f}", f"{row['run_mib']:,.0f}",
            f"{rate:,.0f}", f"{row['twin_mb']:.0f}", f"{row['output_mb']:.0f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    cores = os.cpu_count()
    head = (
        "## The first night, by size of district\n\n"
        f"`python -m benchmarks speed` on {cores} cores; baseline {baseline:.3f} s "
        "(NumPy `exp`, 50 M float32). Each step is a command in a process of its own, start of "
        "Python included, kernels compiled beforehand. Assets with equal parameters share a "
        "situation, which is computed once (docs/decisions/0004-situations-not-assets.md); an "
        "inventory that measured every asset would need one for each.\n\n"
    )
    return head + "\n".join(lines) + "\n\n" + growth(rows) + "\n"


def growth(rows: list[dict[str, float]]) -> str:
    """How each cost grew from one scale to the next, in a sentence a step."""
    parts = []
    for small, large in itertools.pairwise(rows):
        times = {name: large[name] / small[name] for name in ("exposed", "sketch_s", "run_s",
                                                              "run_mib", "output_mb")}  # fmt: skip
        parts.append(
            f"From scale {small['scale']:g} to {large['scale']:g}: "
            f"assets × {times['exposed']:.1f}, sketch × {times['sketch_s']:.1f}, "
            f"run × {times['run_s']:.1f}, memory of the run × {times['run_mib']:.1f}, "
            f"results × {times['output_mb']:.1f}."
        )
    return " ".join(parts)
