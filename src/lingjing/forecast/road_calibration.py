"""A declared calibration of a road to its own record: three numbers, found on one part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.clock import clock_path, mended
from lingjing.forecast.road_hindcast import MEMBERS, Correction, RoadSite, hindcast_road
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import HourlySeries, Values

FEWEST_PAIRS: Final = 24 * 10
LEAVE_OUT_H: Final = 48
"""Hours at the beginning that are not judged: the ground has to settle."""
FIRST_STEPS: Final = (0.2, 8.0, 0.2)  # of ln albedo factor, longwave W/m2, ln film factor
BOUNDS: Final = ((math.log(0.4), math.log(3.0)), (-40.0, 40.0), (math.log(0.5), math.log(2.0)))
HALVINGS: Final = 3
WIDTHS: Final = (0.35, 15.0, 0.25)
"""How far the truth may well lie from the published values, on the scales of the search: worn
albedo, the scatter of sky formulae, the spread of published exchange."""
PRICE_C: Final = 0.02
"""What a correction that far out must save [°C]: the scatter of a month's mean absolute error."""
BLOCKS: Final = 4
SHARES: Final = (0.0, 0.5, 1.0)
Point = tuple[float, float, float]
_STEP_S: Final = 300.0  # while searching; within 0.1 K of the step of a run on average


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes:
        correction: To be put into a site.
        pairs: Hours that were compared.
        before_C, after_C: Mean absolute error on them [°C].
        moved_h: Observations whose clock was found to be wrong, and that were moved.
        share: Of what the search found, the part that also helped hours it had not seen, 0 to 1.
    """

    correction: Correction
    pairs: int
    before_C: float  # noqa: N815 unit
    after_C: float  # noqa: N815 unit
    moved_h: int
    share: float


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
    where none helps; leaving those values has a price. It looks only at the hours before `until`,
    after the clock of the observations there was tested and mended. How much of the correction is
    taken is settled by holding back each quarter of the record in turn: none, half or all of it.

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
    search = _Search(part, truth, base, members, seed)
    start = search.start
    moved_h = search.mend_clock()
    known = np.isfinite(search.truth)
    before = search.error(start, known)
    kept = _share_that_carries(search, known)
    if kept == 0.0:
        return Calibration(_correction(start), pairs, before, before, moved_h, 0.0)
    best = _between(start, search.best(known), kept)
    return Calibration(_correction(best), pairs, before, search.error(best, known), moved_h, kept)


def _share_that_carries(search: _Search, known: NDArray[np.bool_]) -> float:
    """How much of a correction helps hours it was not found on.

    The record is cut into successive blocks; each is judged with what the others taught. Hours next
    to each other err alike, so scattered hours would judge themselves.
    """
    block = np.minimum(np.cumsum(known) * BLOCKS // max(int(known.sum()), 1), BLOCKS - 1)
    total = dict.fromkeys(SHARES, 0.0)
    for held in range(BLOCKS):
        inside = known & (block == held)
        found = search.best(known & (block != held))
        for share in SHARES:
            point = _between(search.start, found, share)
            total[share] += search.error(point, inside) * float(inside.sum())
    return min(SHARES, key=lambda share: (round(total[share], 6), share))


class _Search:
    """A pattern search from the published values; runs of the model are kept."""

    def __init__(
        self, part: HourlySeries, truth: Values, base: RoadSite, members: int, seed: int
    ) -> None:
        self._part, self.truth, self._base = part, truth, base
        self._members, self._seed = members, seed
        self._runs: dict[Point, Values] = {}
        found = base.correction
        self.start: Point = (
            math.log(found.albedo_factor), found.longwave_offset_W_m2, math.log(found.film_factor),
        )  # fmt: skip

    def mend_clock(self) -> int:
        """Move observations whose clock is found to be wrong; how many."""
        offsets = clock_path(self.run(self.start), self.truth)
        moved = int((np.isfinite(self.truth) & (offsets != 0)).sum())
        if moved:
            self.truth = mended(self.truth, offsets)
        return moved

    def run(self, point: Point) -> Values:
        """Road temperature under a correction [hours]."""
        if point not in self._runs:
            site = replace(self._base, correction=_correction(point))
            done = hindcast_road(
                self._part, site, members=self._members, seed=self._seed, step_s=_STEP_S
            )
            self._runs[point] = done.column("road_temperature_C")
        return self._runs[point]

    def error(self, point: Point, kept: NDArray[np.bool_]) -> float:
        """Mean absolute error over some hours [°C]."""
        return float(np.nanmean(np.abs(self.run(point) - self.truth)[kept]))

    def _price(self, point: Point, kept: NDArray[np.bool_]) -> float:
        """The error, and what it costs to leave the published values."""
        away = [
            (value - home) / width
            for value, home, width in zip(point, self.start, WIDTHS, strict=True)
        ]
        return self.error(point, kept) + PRICE_C * sum(item * item for item in away)

    def best(self, kept: NDArray[np.bool_]) -> Point:
        """The correction that some hours ask for."""
        best, found = self.start, self._price(self.start, kept)
        steps = list(FIRST_STEPS)
        for _ in range(HALVINGS):
            moved = True
            while moved:
                moved = False
                for axis, (lower, upper) in enumerate(BOUNDS):
                    for sign in (1.0, -1.0):
                        trial = list(best)
                        trial[axis] = min(max(trial[axis] + sign * steps[axis], lower), upper)
                        point = (trial[0], trial[1], trial[2])
                        price = self._price(point, kept)
                        if price < found - 1e-4:
                            best, found, moved = point, price, True
                            break
            steps = [0.5 * step for step in steps]
        return best


def _between(start: Point, end: Point, share: float) -> Point:
    a, b, c = (round(one + share * (other - one), 9) for one, other in zip(start, end, strict=True))
    return a, b, c


def _correction(point: Point) -> Correction:
    return Correction(math.exp(point[0]), point[1], math.exp(point[2]))
