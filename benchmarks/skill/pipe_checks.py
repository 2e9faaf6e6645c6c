"""Pipes against published rows and closed forms: a table, and a picture for the reference.

`python -m benchmarks.skill.pipe_checks PICTURE.svg` writes the picture.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.skill import stock_winters
from lingjing.physics.film import film_coefficient_W_m2K
from lingjing.physics.freezing import enthalpy_freezing_front, neumann_front_m
from lingjing.physics.materials import pipe_material
from lingjing.physics.pipe_sizes import PipeTimes, pipe_size_mm, pipe_times
from lingjing.physics.pipes import PipeColumns, PipeForcing, PipeParameters, simulate_pipes
from lingjing.sources.packs import load_pack

PIPES = {
    "DN15 bare": (15, "galvanised_steel", 0.0, 15.0),
    "DN20 bare": (20, "galvanised_steel", 0.0, 15.0),
    "DN20 + 20 mm": (20, "galvanised_steel", 0.020, 12.0),
    "DN20 + 50 mm": (20, "galvanised_steel", 0.050, 12.0),
    "PP-R 25 × 3.5 bare": (25, "ppr", 0.0, 15.0),
    "DN50 + 30 mm": (50, "galvanised_steel", 0.030, 12.0),
}
# air: for each pipe hours from 5 °C to 0 °C, from there to 25 % ice, from there to the plug
PUBLISHED = {
    -3.0: [(0.4, 1.4, 5.8), (0.5, 2.0, 8.4), (2.7, 11.3, 45.7), (4.4, 18.1, 72.7),
           (0.4, 1.9, 8.0), (10.3, 50.8, 205.0)],
    -5.0: [(0.3, 0.8, 3.5), (0.3, 1.2, 5.1), (1.9, 6.8, 27.4), (3.1, 10.8, 43.6),
           (0.3, 1.2, 4.8), (7.3, 30.5, 123.0)],
    -7.2: [(0.2, 0.6, 2.4), (0.3, 0.8, 3.5), (1.5, 4.7, 19.0), (2.3, 7.5, 30.3),
           (0.2, 0.8, 3.3), (5.6, 21.2, 85.6)],
    -10.1: [(0.2, 0.4, 1.7), (0.2, 0.6, 2.5), (1.1, 3.4, 13.6), (1.8, 5.4, 21.6),
            (0.2, 0.6, 2.4), (4.2, 15.1, 61.0)],
}  # fmt: skip
CELLS_MM = (10.0, 5.0, 2.5)


def steady(name: str, air: float) -> PipeTimes:
    """The closed forms for a row of the table."""
    nominal, material, insulation, film = PIPES[name]
    outer, wall = pipe_size_mm(nominal, material)
    return pipe_times(
        (outer - 2.0 * wall) / 1000.0, wall / 1000.0, material, insulation_thickness_m=insulation,
        air_temperature_C=air, water_temperature_C=5.0, film_coefficient_W_m2K=film,
    )  # fmt: skip


def hourly_plug(name: str, air: float) -> float:
    """Hours from 0 °C to the plug by the model that runs every asset, without supercooling."""
    nominal, material, insulation, film = PIPES[name]
    outer, wall = pipe_size_mm(nominal, material)
    made = pipe_material(material)
    columns = PipeColumns(
        np.array([(outer - 2.0 * wall) / 1000.0]), wall / 1000.0, made.conductivity_W_mK,
        made.heat_capacity_J_m3K, insulation, 0.036, 5.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    times = steady(name, air)
    hours = int(times.to_zero_h + 1.1 * times.zero_to_plug_h) + 4
    parameters = replace(
        PipeParameters.central(1),
        film_factor=np.array([film / float(film_coefficient_W_m2K(0.0))]),
        nucleation_supercooling_K=np.zeros(1),
    )
    forcing = PipeForcing(np.full((1, hours), air), np.zeros((1, hours)), np.zeros(hours))
    history = simulate_pipes(columns, forcing, parameters)
    return float(history.plugged_hour[0, 0] - history.freezing_hour[0, 0])


def front_errors(scheme: str) -> list[float]:
    """Error of a scheme after 6 h at -7.2 °C [mm] for each size of cell."""
    truth = float(neumann_front_m(6.0, -7.2))
    return [
        1000.0
        * (enthalpy_freezing_front(6.0, -7.2, spacing_m=cell / 1000.0, scheme=scheme) - truth)  # type: ignore[arg-type]
        for cell in CELLS_MM
    ]


def page() -> str:
    """The checks as a part of RESULTS.md."""
    lines = []
    for index, name in enumerate(PIPES):
        cells = []
        for air, rows in PUBLISHED.items():
            times, theirs = steady(name, air), rows[index]
            ours = (times.to_zero_h, times.zero_to_quarter_h, times.zero_to_plug_h)
            shown = " / ".join(f"{value:.1f}" for value in ours)
            cells.append(f"{shown} ({hourly_plug(name, air):.1f}; {theirs[2]:g})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    fronts = "; ".join(
        f"{scheme} " + ", ".join(f"{error:+.2f}" for error in front_errors(scheme))
        for scheme in ("plain", "tracked")
    )
    head = " | ".join(f"{air:g} °C" for air in PUBLISHED)
    return f"""## Pipes in steady cold

From 5 °C: hours to 0 °C / from there to 25 % ice / from there to the plug by the closed forms, in
brackets to the plug by the hourly model and as published.

| pipe | {head} |
|---|---|---|---|---|
{chr(10).join(lines)}

Error of the freezing front [mm] after 6 h at −7.2 °C with cells of
{", ".join(f"{cell:g}" for cell in CELLS_MM)} mm: {fronts} (Neumann: 45.16).
"""


def picture(path: Path) -> None:
    """Hours to the plug against the published ones, errors of the front, and the two winters."""
    mpl.rcParams["svg.hashsalt"] = "lingjing"
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    table, fronts, winters = figure.subplots(1, 3)
    for index, name in enumerate(PIPES):
        theirs = [rows[index][2] for rows in PUBLISHED.values()]
        table.plot(theirs, [hourly_plug(name, air) for air in PUBLISHED], "o", ms=4, label=name)
    table.plot([1, 300], [1, 300], "k-", lw=0.6)
    table.set(xscale="log", yscale="log", xlabel="published [h]", ylabel="hourly model [h]",
              title="0 °C to the plug")  # fmt: skip
    table.legend(fontsize=6)
    for scheme in ("plain", "tracked"):
        fronts.plot(CELLS_MM, np.abs(front_errors(scheme)), "o-", ms=4, label=scheme)
    fronts.plot(CELLS_MM, 0.4 * np.array(CELLS_MM), "k--", lw=0.6, label="0.4 of a cell")
    fronts.set(xscale="log", yscale="log", xlabel="cell [mm]", ylabel="error of the front [mm]",
               title="Neumann, 6 h at −7.2 °C")  # fmt: skip
    fronts.legend(fontsize=7)
    found = stock_winters.draws(load_pack("yangpu"))
    for place, name in enumerate(("retrofit_alone", "own_weather")):
        low, median, high = np.percentile([getattr(item, name) for item in found], [10, 50, 90])
        winters.errorbar(place, median / 1e3, [[(median - low) / 1e3], [(high - median) / 1e3]],
                         fmt="o", capsize=4, color="C0")  # fmt: skip
    counted = stock_winters.FACTS["meters repaired"][2021] / 1e3
    winters.axhline(counted, color="C3", lw=0.8, label="counted")
    winters.set(xticks=[0, 1], xticklabels=["retrofit alone", "own weather"], xlim=(-0.6, 1.6),
                ylim=(0, None), ylabel="thousand meters",
                title="Winter 2020/21, 10 to 90 %")  # fmt: skip
    winters.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    picture(Path(sys.argv[1]))
    sys.stdout.write(page())
