"""How fast and in how much memory pipes of which no two are alike are foreseen.

The baseline is the same code in plain Python, one column after the other, with the compiler
switched off: it runs in a process of its own within the same measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numba
import numpy as np

from benchmarks.speed.kernels import outlook, pipes
from lingjing.forecast.outlook import Outlook
from lingjing.physics.pipes import PipeForcing, PipeParameters
from lingjing.scenarios.coldwave.blocks import BUDGET_BYTES, outcomes_of, over_blocks
from lingjing.scenarios.coldwave.situations import Situations
from lingjing.scenarios.coldwave.water import RENEWALS_BY_HOUR, _block

MEMBERS = 31
PIPES = 8000
PLAIN_PIPES = 6
SIZES = (2_000, 10_000, 50_000)


def rates_here(number: int = PIPES, passes: int = 5) -> tuple[float, float]:
    """Columns a second, and a second of processor time, with the threads that are set.

    Processor time is what one thread of an idle machine would take; other work on the machine
    slows the clock on the wall and not it.
    """
    work = pipes(outlook(), number)
    work()
    walls, processors = [], []
    for _ in range(passes):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return number * MEMBERS / min(walls), number * MEMBERS / min(processors)


def plain_rate() -> float:
    """As `rates_here` by processor time, without the compiler, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.pipes", "plain"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def plain() -> float:
    """Columns a second; called where the compiler is off."""
    work = pipes(outlook(), PLAIN_PIPES)
    begin = time.process_time()
    work()
    return PLAIN_PIPES * MEMBERS / (time.process_time() - begin)


def situations(number: int) -> Situations:
    """Pipes of which no two are alike."""
    rng = np.random.default_rng(7)
    columns = {
        "inner_diameter_mm": rng.uniform(15.0, 50.0, number),
        "wall_thickness_mm": np.full(number, 3.0),
        "material": np.zeros(number),
        "insulation_thickness_mm": rng.uniform(0.0, 50.0, number),
        "insulation_conductivity_W_mK": np.full(number, 0.036),
        "supply_temperature_C": rng.uniform(4.0, 8.0, number),
        "wind_exposure": rng.uniform(0.0, 1.0, number),
        "enclosure_lag_h": rng.uniform(0.0, 6.0, number),
        "insulation_soundness": rng.uniform(0.5, 1.0, number),
        "sun_exposure": np.zeros(number),
        "drip_L_h": np.zeros(number),
        "exposed_length_m": np.ones(number),
    }
    return Situations(columns, np.arange(number, dtype=np.int32))


def foresee(number: int, ahead: Outlook) -> Callable[[], int]:
    """All outcomes of that many pipes, as a run makes them; gives the bytes they take."""
    forcing = PipeForcing(
        ahead.forcings["air_temperature"],
        ahead.forcings["wind_speed"],
        RENEWALS_BY_HOUR[np.arange(ahead.times.size) % 24],
    )
    parameters = PipeParameters.sampled(MEMBERS, np.random.default_rng(7))
    shared = (forcing, parameters, ahead.spin_up_hours, "MeterBox", None)
    every = situations(number)

    def work() -> int:
        blocks = over_blocks(_block, shared, every, ahead, 5, BUDGET_BYTES, lambda _: None)
        made = outcomes_of("MeterBox", np.empty(number, object), every.index, blocks)
        arrays = ("levels", "fan", "probability", "onset_hours", "hourly")
        values = [getattr(item, name) for item in made for name in arrays]
        return sum(item.nbytes for item in values if item is not None)

    return work


def memory(number: int) -> dict[str, float]:
    """Peak memory of a process that foresees that many pipes, and what the outcomes take of it."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.pipes", "memory", str(number)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def page() -> str:
    """Measure and write the part of RESULTS.md."""
    slow = plain_rate()
    rows = []
    for number in sorted({1, numba.config.NUMBA_NUM_THREADS}):
        numba.set_num_threads(number)
        wall, processor = rates_here()
        rows.append(f"| {number} | {wall:,.0f} | {processor:,.0f} | {processor / slow:,.0f} |")
    sizes = []
    for number in SIZES:
        found = memory(number)
        sizes.append(
            f"| {number:,} | {found['peak_mib']:,.0f} | {found['outcomes_mib']:,.0f} "
            f"| {found['peak_mib'] - found['outcomes_mib']:,.0f} | {found['seconds']:.1f} |"
        )
    return f"""## Pipes of which no two are alike

One pipe under one member over 72 h and 48 h of spin-up. The same code in plain Python gives
{slow:,.0f} a second of processor time.

| threads | asset-members/s on the wall | per second of processor time | times plain Python |
|---|---|---|---|
{chr(10).join(rows)}

A run keeps the outcomes of every situation and the histories of one block, {BUDGET_BYTES // 2**20}
MiB at most. {MEMBERS} members, each row a process of its own:

| pipes | peak MiB | outcomes MiB | the rest MiB | s |
|---|---|---|---|---|
{chr(10).join(sizes)}
"""


def main(arguments: list[str]) -> None:
    """The parts that run in processes of their own, or the page."""
    if arguments[:1] == ["plain"]:
        sys.stdout.write(f"{plain()}")
    elif arguments[:1] == ["memory"]:
        import resource  # noqa: PLC0415 not on every platform

        begin = time.perf_counter()
        size = foresee(int(arguments[1]), outlook())()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        spent = time.perf_counter() - begin
        sys.stdout.write(
            json.dumps({"peak_mib": peak, "outcomes_mib": size / 2**20, "seconds": spent})
        )
    else:
        sys.stdout.write(page())


if __name__ == "__main__":
    main(sys.argv[1:])
