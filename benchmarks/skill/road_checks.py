"""Roads against closed forms and published curves: a table, and a picture for the reference.

`python -m benchmarks.skill.road_checks PICTURE.svg` writes the picture.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from lingjing.physics.brine import freezing_point_C
from lingjing.physics.road import RoadColumns, RoadForcing, RoadParameters, simulate_roads
from lingjing.physics.shading import horizon_angles_deg, sky_view_factor

COOLPROP = {1: -0.60, 3: -1.80, 5: -3.05, 8: -5.07, 10: -6.55, 15: -10.90, 20: -16.46, 23: -20.51}
RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)
STEPS_S = (600.0, 300.0, 120.0, 60.0, 30.0)
HOURS = 97


def canyon(ratio: float) -> tuple[float, float]:
    """Sky view from the middle of a long street of height over width: found, and in closed form."""
    walls = np.array([[-5000.0, y, 5000.0, y] for y in (-10.0, 10.0)])
    horizon = horizon_angles_deg(
        [[0.0, 0.0]], walls, [20.0 * ratio] * 2, sectors=720, farthest_m=5000
    )
    return float(sky_view_factor(horizon)[0]), math.cos(math.atan(2.0 * ratio))


def courtyard(ratio: float) -> tuple[float, float]:
    """The same from the middle of a square courtyard."""
    walls = 10.0 * np.array([[-1, -1, 1, -1], [1, -1, 1, 1], [1, 1, -1, 1], [-1, 1, -1, -1]])
    horizon = horizon_angles_deg([[0.0, 0.0]], walls, [20.0 * ratio] * 4, sectors=720)
    x = 0.5 / ratio
    return (
        float(sky_view_factor(horizon)[0]),
        4.0 * x / math.hypot(1, x) * math.atan(x / math.hypot(1, x)) / math.pi,
    )


def clear_days(step_s: float) -> tuple[np.ndarray, float, float]:
    """Four clear winter days of a road and a deck: surface, worst energy and water residual."""
    clock = np.arange(HOURS) % 24
    shape = (1, HOURS)
    air = 1.0 + 4.0 * np.sin((clock - 9) / 24 * 2 * np.pi)
    sun = np.clip(450.0 * np.sin((clock - 6.5) / 11 * np.pi), 0.0, None) * (clock < 18)
    forcing = RoadForcing(
        air[None], np.full(shape, -6.0), np.full(shape, 2.0), sun[None], np.full(shape, 250.0),
        np.where(clock == 3, 0.4, 0.0)[None], np.full(HOURS, 1.0 / 24.0),
    )  # fmt: skip
    pair = RoadColumns(np.array([0, 1]), np.zeros(2), 1.0, 2000.0, np.array([0.0, 0.3]))
    history = simulate_roads(pair, forcing, RoadParameters.central(1), step_s=step_s)
    return (
        history.surface_temperature_C[:, 0].astype(np.float64),
        float(history.energy_residual.max()),
        float(np.abs(history.water_residual_mm).max()),
    )


def step_errors() -> dict[float, tuple[float, float, float]]:
    """Worst and mean difference from a step of 10 s [K], and the energy residual, by step."""
    reference = clear_days(10.0)[0]
    found = {}
    for step in STEPS_S:
        surface, energy, _ = clear_days(step)
        apart = np.abs(surface - reference)
        found[step] = (float(apart.max()), float(apart.mean()), energy)
    return found


def page() -> str:
    """The checks as a part of RESULTS.md."""
    views = "\n".join(
        f"| {ratio:g} | {canyon(ratio)[0]:.4f} | {canyon(ratio)[1]:.4f} "
        f"| {courtyard(ratio)[0]:.4f} | {courtyard(ratio)[1]:.4f} |"
        for ratio in RATIOS
    )
    steps = "\n".join(
        f"| {step:g} | {worst:.3f} | {mean:.4f} | {energy:.0e} |"
        for step, (worst, mean, energy) in step_errors().items()
    )
    brine = ", ".join(
        f"{share} % {float(freezing_point_C(share)):.2f} ({theirs:.2f})"
        for share, theirs in COOLPROP.items()
    )
    return f"""## Roads against closed forms

Sky view factor from the middle of the floor, height over width:

| H/W | long street | closed form | square courtyard | closed form |
|---|---|---|---|---|
{views}

Freezing point of brine [°C], in brackets CoolProp's: {brine}.

Difference from a step of 10 s on four clear days with a little rain, a road and a deck, and the
part of the heat exchanged that the budget misses:

| step s | worst K | mean K | energy |
|---|---|---|---|
{steps}
"""


def picture(path: Path) -> None:
    """Sky view, brine and step against what they should be."""
    mpl.rcParams["svg.hashsalt"] = "lingjing"
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    views, salt, steps = figure.subplots(1, 3)
    dense = np.linspace(0.1, 4.0, 60)
    for name, function in (("long street", canyon), ("square courtyard", courtyard)):
        (line,) = views.plot(dense, [function(ratio)[1] for ratio in dense], lw=0.8, label=name)
        views.plot(RATIOS, [function(ratio)[0] for ratio in RATIOS], "o", ms=4,
                   color=line.get_color())  # fmt: skip
    views.set(xlabel="height / width", ylabel="sky view factor", title="Horizons (closed: lines)")
    views.legend(fontsize=7)
    share = np.linspace(0.0, 23.0, 100)
    salt.plot(share, freezing_point_C(share), lw=0.8, label="fit")
    salt.plot(list(COOLPROP), list(COOLPROP.values()), "o", ms=4, label="CoolProp")
    salt.set(xlabel="salt in brine [%]", ylabel="freezing point [°C]", title="NaCl brine")
    salt.legend(fontsize=7)
    found = step_errors()
    steps.plot(list(found), [item[0] for item in found.values()], "o-", ms=4, label="worst")
    steps.plot(list(found), [item[1] for item in found.values()], "o-", ms=4, label="mean")
    steps.set(xscale="log", yscale="log", xlabel="step [s]", ylabel="difference [K]",
              title="Against a step of 10 s")  # fmt: skip
    steps.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    picture(Path(sys.argv[1]))
    sys.stdout.write(page())
