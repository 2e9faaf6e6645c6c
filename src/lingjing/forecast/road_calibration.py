"""A declared calibration of a road to its own record: three numbers, found on one part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lingjing.forecast.road_hindcast import MEMBERS, Correction, RoadSite, hindcast_road
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import HourlySeries, Values

FEWEST_PAIRS: Final = 24 * 10
LEAVE_OUT_H: Final = 48
"""Hours at the beginning that are not judged: the ground has to settle."""
FIRST_STEPS: Final = (0.2, 8.0, 0.2)  # of ln albedo factor, longwave W/m2, ln film factor
BOUNDS: Final = ((math.log(0.4), math.log(3.0)), (-40.0, 40.0), (math.log(0.5), math.log(2.0)))
HALVINGS: Final = 4
_STEP_S: Final = 300.0  # while searching; within 0.1 K of the step of a run on average


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes:
        correction: To be put into a site.
        pairs: Hours that were compared.
        before_C, after_C: Mean absolute error on them [°C].
    """

    correction: Correction
    pairs: int
    before_C: float  # noqa: N815 unit
    after_C: float  # noqa: N815 unit


def calibrate_road(
    series: HourlySeries,
    observed: Values,
    site: RoadSite | None = None,
    *,
    until: int,
    members: int = MEMBERS,
    seed: int = 7,
) -> Calibration:
    """Find albedo, longwave and exchange that bring a road nearest to its record.

    A pattern search from the published values, coordinate by coordinate, which halves its steps
    where none helps; it looks only at the hours before `until`.

    Args:
        series: Weather, as `hindcast_road` takes it.
        observed: Road temperature on the same hours, NaN in gaps [°C].
        site: What is known of the road; its correction is where the search begins.
        until: Hours of the record that may be looked at.
        members, seed: As in `hindcast_road`.

    Raises:
        LingjingError: `hindcast.too-few-pairs` with fewer than ten days to compare.
    """
    stop = min(until, series.hours)
    part = HourlySeries(
        series.name, series.times[:stop],
        {name: values[:stop] for name, values in series.columns.items()},
        series.zone, series.naive,
    )  # fmt: skip
    truth = observed[:stop].copy()
    truth[:LEAVE_OUT_H] = np.nan
    pairs = int(np.isfinite(truth).sum())
    if pairs < FEWEST_PAIRS:
        place = Place(series.name)
        raise LingjingError("hindcast.too-few-pairs", place, found=pairs, fewest=FEWEST_PAIRS)
    base = site or RoadSite()

    def error(point: tuple[float, ...]) -> float:
        done = hindcast_road(
            part, replace(base, correction=_correction(point)), members=members, seed=seed,
            step_s=_STEP_S,
        )  # fmt: skip
        return float(np.nanmean(np.abs(done.column("road_temperature_C") - truth)))

    start = base.correction
    best: tuple[float, ...] = (
        math.log(start.albedo_factor), start.longwave_offset_W_m2, math.log(start.film_factor),
    )  # fmt: skip
    before = found = error(best)
    steps = list(FIRST_STEPS)
    for _ in range(HALVINGS):
        moved = True
        while moved:
            moved = False
            for axis, (lower, upper) in enumerate(BOUNDS):
                for sign in (1.0, -1.0):
                    trial = list(best)
                    trial[axis] = min(max(trial[axis] + sign * steps[axis], lower), upper)
                    score = error(tuple(trial))
                    if score < found - 1e-4:
                        best, found, moved = tuple(trial), score, True
                        break
        steps = [0.5 * step for step in steps]
    return Calibration(_correction(best), pairs, before, found)


def _correction(point: tuple[float, ...]) -> Correction:
    return Correction(math.exp(point[0]), point[1], math.exp(point[2]))
