"""Sensors on pipes and in boxes: which sampled physics fits their last hours, and what arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.physics.pipe_coupling import Learnt, learn_from_readings, resampled
from lingjing.physics.pipes import (
    PipeColumns,
    PipeForcing,
    PipeHistory,
    PipeParameters,
    simulate_pipes,
)
from lingjing.scenarios.coldwave.blocks import Columns
from lingjing.scenarios.coldwave.sensors import (
    Hearing,
    Numbers,
    apart,
    doubted,
    matched,
    metres,
)
from lingjing.scenarios.coldwave.situations import Situations, distinguish
from lingjing.sdk import Outlook, TwinView

WATER: Final = "water_temperature"
SUPPLY: Final = "supply_temperature"
ERROR_K: Final = 0.5
"""Standard error of a clamp-on sensor and of the model's structure together (assumed)."""
NEAR_M: Final = 300.0
"""Within a block of houses the same hands built and wrapped what stands in the like place: half of
a sensor's evidence counts there (assumed)."""
ALIKE: Final = (1.0, 0.5)
"""Of the sensor's own place, and of a like place near it."""
LIKE: Final = (
    "wind_exposure", "enclosure_lag_h", "sun_exposure", "insulation_thickness_mm",
    "insulation_soundness",
)  # fmt: skip
"""What two things must have in common for one to learn from the other."""
LEAST_EFFECTIVE: Final = 0.25
LEAST_EVIDENCE: Final = 0.02
SUPPLY_BOUNDS_C: Final = (0.0, 40.0)


@dataclass(frozen=True)
class SensedWater:
    """What the sensors of one kind teach.

    Attributes:
        parameters: Teacher and share of its evidence → the members' physics.
        gains: The same → how much of the members' spread the readings took away, 0 to 1.
    """

    parameters: Mapping[tuple[int, int], PipeParameters]
    gains: Mapping[tuple[int, int], float]


def measured_supply(
    view: TwinView, outlook: Outlook, supply_C: Numbers, hearing: Hearing
) -> Numbers:
    """Supply temperatures with those that sensors measured put in.

    A measured one is the median of the sensor's last day. Things whose own record is silent take
    the median over the sensors of their kind, where there are three or more: the mains is one.

    Args:
        view: Of a kind.
        outlook: Gives the readings.
        supply_C: As the records have it, or assumed [n] [°C].
        hearing: Takes the verdicts.

    Returns:
        Temperatures [n] [°C].
    """
    rows, readings_C = matched(view, outlook.readings_of(view.kind, SUPPLY))
    if not rows.size:
        return supply_C
    daily = np.array([np.nanmedian(row[-24:]) for row in readings_C])
    # peers alone judge: what arrives follows the mains and not tonight's weather
    odd = doubted(np.repeat((daily - np.median(daily))[:, None], 2, axis=1))
    found = supply_C.copy()
    kept = np.array([reason is None for reason in odd])
    for row, value, reason in zip(rows, daily, odd, strict=True):
        asset = str(view.ids[row])
        if reason is not None:
            hearing.refuse(SUPPLY, asset, "unlike-its-peers")
        else:
            change = {"supply_temperature_change_K": float(value - supply_C[row])}
            hearing.take(SUPPLY, asset, 1.0, change)
    if kept.sum() >= 3:
        silent = np.isnan(view.number(SUPPLY))
        found[silent] = np.median(daily[kept])
    found[rows[kept]] = daily[kept]
    supplied: Numbers = np.clip(found, *SUPPLY_BOUNDS_C)
    return supplied


def listen_to_water(
    view: TwinView,
    outlook: Outlook,
    weather: tuple[PipeForcing, PipeParameters],
    physical: tuple[Columns, Mapping[str, float]],
    make: Callable[[str, Columns], PipeColumns],
    hearing: Hearing,
    rng: np.random.Generator,
) -> tuple[Situations, SensedWater] | None:
    """Weigh the members by the sensors of a kind, and say which places take that over.

    Args:
        view: Of a kind.
        outlook: Gives the readings.
        weather: Forcing of the whole outlook, and the members' physics.
        physical: Parameters that tell things apart [n], and their rounding steps.
        make: Makes the physics' columns of a kind from parameters.
        hearing: Takes the verdicts.
        rng: For drawing the members anew.

    Returns:
        Situations that tell apart who teaches whom, and what; None where no sensor is believed.
    """
    rows, readings_C = matched(view, outlook.readings_of(view.kind, WATER))
    if not rows.size:
        return None
    forcing, parameters = weather
    columns, steps = physical
    plain = distinguish(columns, steps)
    block = {name: values[plain.index[rows]] for name, values in plain.columns.items()}
    earlier = _until(forcing, outlook.spin_up_hours + 1)
    modelled = simulate_pipes(make(view.kind, block), earlier, parameters).water_temperature_C
    reasons = doubted(readings_C - np.median(modelled, axis=1))
    parameters_of: dict[tuple[int, int], PipeParameters] = {}
    gains: dict[tuple[int, int], float] = {}
    believed = []
    for place, (row, reason) in enumerate(zip(rows, reasons, strict=True)):
        asset = str(view.ids[row])
        if reason is not None:
            hearing.refuse(WATER, asset, reason)
            continue
        believed.append(row)
        for rank, alike in enumerate(ALIKE):
            learnt = _learnt(modelled[place], readings_C[place], alike)
            key = (len(believed), rank)
            parameters_of[key] = resampled(parameters, learnt.weights, rng)
            gains[key] = learnt.gain
            if rank == 0:
                hearing.take(WATER, asset, max(learnt.gain, 1e-3), {
                    "effective_members": learnt.effective_members,
                    "misfit_K": float(np.nanmedian(
                        (readings_C[place] - np.median(modelled[place], axis=0))[-12:]
                    )),
                })  # fmt: skip
    if not believed:
        return None
    teachers, ranks = _teachers(view, plain, np.array(believed), outlook.latitude_deg)
    situations = distinguish(
        {**columns, "teacher": teachers, "rank": ranks}, {**steps, "teacher": 1.0, "rank": 1.0}
    )
    return situations, SensedWater(parameters_of, gains)


def _until(forcing: PipeForcing, hours: int) -> PipeForcing:
    """The first hours of a forcing."""
    parts = {item.name: getattr(forcing, item.name) for item in fields(forcing)}
    cut = {name: np.asarray(part)[..., :hours] for name, part in parts.items() if part is not None}
    return replace(forcing, **cut)


def _learnt(modelled_C: NDArray[np.float32], readings_C: Numbers, alike: float) -> Learnt:
    """What a sensor says, so weakened that a quarter of the members still counts.

    Where no member comes near the readings, the nearest would else be believed alone, though all
    that it shows is that something is not in the model.
    """
    evidence = alike
    while True:
        found = learn_from_readings(modelled_C, readings_C, alike=evidence, error_K=ERROR_K)
        enough = found.effective_members >= LEAST_EFFECTIVE * modelled_C.shape[0]
        if enough or evidence < LEAST_EVIDENCE:
            return found
        evidence *= 0.5


def _teachers(
    view: TwinView, plain: Situations, sensors: NDArray[np.int64], latitude_deg: float
) -> tuple[Numbers, Numbers]:
    """Whose word each thing takes: number of the sensor from 1 on, 0 for none; and its rank [n].

    Rank 0 is the sensor's own place, rank 1 a place like it near it: the nearest such sensor.
    """
    alike = np.stack([plain.columns[name][plain.index] for name in LIKE], axis=1)
    where = metres(view, latitude_deg)
    teacher, rank = np.zeros(len(view)), np.zeros(len(view))
    nearest = np.full(len(view), np.inf)
    for number, row in enumerate(sensors, start=1):
        away = apart(where, where[row : row + 1])[:, 0]
        learns = (alike == alike[row]).all(axis=1) & (away <= NEAR_M) & (away < nearest)
        teacher[learns], rank[learns], nearest[learns] = number, 1.0, away[learns]
    for number, row in enumerate(sensors, start=1):
        teacher[row], rank[row] = number, 0.0
    return teacher, rank


def simulate_sensed(
    kind: str,
    block: Columns,
    forcing: PipeForcing,
    parameters: PipeParameters,
    sensed: SensedWater,
    make: Callable[[str, Columns], PipeColumns],
    first_output: int,
) -> tuple[PipeHistory, Numbers]:
    """A block of situations, each under the physics that its teacher left; and their gains."""
    keys = list(zip(block["teacher"].astype(int), block["rank"].astype(int), strict=True))
    parts: list[tuple[NDArray[np.int64], PipeHistory]] = []
    gain = np.zeros(len(keys))
    for key in sorted(set(keys)):
        rows = np.array([place for place, item in enumerate(keys) if item == key])
        some = {name: values[rows] for name, values in block.items()}
        drawn = sensed.parameters.get(key, parameters)
        gain[rows] = sensed.gains.get(key, 0.0)
        parts.append(
            (rows, simulate_pipes(make(kind, some), forcing, drawn, first_output=first_output))
        )
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    joined = {
        item.name: np.concatenate([getattr(part, item.name) for _, part in parts])[order]
        for item in fields(PipeHistory)
    }
    return PipeHistory(**joined), gain
