"""The height model: heights of buildings that no source states, with their uncertainty.

Where enough heights are known, a regression on footprint, form and use and the deviation of the
neighbours correct the stated prior; it is used only where it does better than the prior on heights
it has not seen. See `docs/reference/height-model.md`.
"""

from __future__ import annotations

import functools
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Feature, ImportReport
from lingjing.sources.geometry import areas_m2, lengths_m
from lingjing.sources.packs import AgeClass, Pack
from lingjing.sources.vector_files import note
from lingjing.vocabulary import Attribute, Provenance, quantities

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

SOURCE: Final = "height-model"
PRIOR: Final = "height-model:prior"
FITTED: Final = "height-model:fitted"
HIGHEST_PART: Final = "highest-part"
STOREYS: Final = "3-m-a-storey"

ENOUGH: Final = 12
"""Known heights from which on the prior may be corrected."""

_FOLDS: Final = 10
_STOREY_M: Final = 3.0
_BAR: Final = 2.5
_HIGH_RISE: Final = 12
# Regression: how far its coefficients may stray, in units of the scatter of single buildings.
_RIDGE: Final = 1.0
_RIDGE_OF_MEAN: Final = 0.1
# Neighbours: cells of this size, weights that fall off over two cells, and a prior weight.
_CELL_M: Final = 75.0
_REACH: Final = 2
_NEIGHBOUR_PRIOR: Final = 1.0
_MOST_CELLS: Final = 4_000_000
_FORMS: Final = ("residential", "commercial", "office", "industrial", "school", "hospital",
                 "public", "transport", "garage", "other")  # fmt: skip


@functools.cache
def priors() -> dict[str, Any]:
    """The table of `height_priors.toml`."""
    page = resources.files("lingjing.sources") / "height_priors.toml"
    return tomllib.loads(page.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class HeightCheck:
    """How well heights were found that were held back from the model.

    Attributes:
        known: Buildings whose height is stated or follows from stated storeys.
        rule: `height-model:prior` or `height-model:fitted`, whichever did better.
        median_error_m: Median of the absolute error [m]; NaN where nothing is known.
        mean_error_m: Mean of the absolute error [m].
        coverage: Share of the known heights between p10 and p90; 0.8 would be right.
        prior_median_error_m: Median of the absolute error of the prior alone [m].
    """

    known: int
    rule: str
    median_error_m: float
    mean_error_m: float
    coverage: float
    prior_median_error_m: float


@dataclass(frozen=True)
class Estimate:
    """Heights of buildings [n] with their range [m], and the check of the model.

    Attributes:
        p10, p50, p90: Percentiles [m].
        check: See there.
    """

    p10: Numbers
    p50: Numbers
    p90: Numbers
    check: HeightCheck


def with_heights(features: Sequence[Feature], pack: Pack, report: ImportReport) -> list[Feature]:
    """The features, every building with a height and, where it is no stated one, its range.

    A building without a height takes that of its highest part; else the model's median, with
    `height_p10` and `height_p90`. A height that follows from stated storeys keeps its value and
    is given its range.

    Args:
        features: Of all kinds; others than buildings pass through in their order.
        pack: The district pack with the age classes.
        report: Takes a remark about what was known, and how well the rest is guessed.
    """
    rows = [index for index, item in enumerate(features) if item.kind == "Building"]
    if not rows:
        return list(features)
    buildings = _with_part_heights([features[index] for index in rows], features)
    found = estimate(buildings, pack)
    height = _column(buildings, "height")
    done = list(features)
    counts = {"stated": 0, "storeys": 0, "estimated": 0}
    guessed, ranged = _Words(found.check.rule), _Words(STOREYS)
    storey = priors()["storey"]
    ratios = [(f"height_{name}", float(storey[name]) / _STOREY_M) for name in ("p10", "p90")]
    columns = [
        ("height", np.round(found.p50, 1).tolist()),
        ("height_p10", np.round(found.p10, 1).tolist()),
        ("height_p90", np.round(found.p90, 1).tolist()),
    ]
    unknown = np.isnan(height).tolist()
    for place, (row, building) in enumerate(zip(rows, buildings, strict=True)):
        if unknown[place]:
            counts["estimated"] += 1
            added = {name: guessed.of(values[place]) for name, values in columns}
        elif _from_storeys(building):
            counts["storeys"] += 1
            value = float(height[place])
            added = {name: ranged.of(round(value * ratio, 1)) for name, ratio in ratios}
        else:
            counts["stated"] += 1
            done[row] = building
            continue
        done[row] = Feature(
            building.kind,
            building.local,
            building.geometry,
            {**building.attributes, **added},
            building.relationships,
        )
    _remark(report, counts, found.check)
    return done


class _Words:
    """Hands out attributes of one rule; equal ones are made once, for many buildings are alike."""

    def __init__(self, rule: str) -> None:
        confidence = {FITTED: 0.5, STOREYS: 0.8}.get(rule, float(priors()["confidence"]))
        self._provenance = Provenance("inferred", SOURCE, rule=rule, confidence=confidence)
        self._made: dict[float, Attribute] = {}

    def of(self, value: float) -> Attribute:
        """The attribute of that value."""
        found = self._made.get(value)
        if found is None:
            found = self._made[value] = Attribute(value, self._provenance)
        return found


def _remark(report: ImportReport, counts: Mapping[str, int], check: HeightCheck) -> None:
    if not counts["estimated"]:
        return
    numbers = {name: f"{count:,}" for name, count in counts.items()}
    note(report, f"heights-{check.rule.rpartition(':')[2]}", **numbers)
    if check.known:
        note(
            report,
            "heights-checked",
            known=f"{check.known:,}",
            median=f"{check.median_error_m:.1f}",
            share=f"{100 * check.coverage:.0f}",
        )


def _from_storeys(feature: Feature) -> bool:
    return feature.attributes["height"].provenance.rule == STOREYS


def _with_part_heights(buildings: list[Feature], features: Sequence[Feature]) -> list[Feature]:
    """The buildings; those without a height get the highest of their parts'."""
    highest: dict[str, float] = {}
    for item in features:
        if item.kind == "BuildingPart" and "height" in item.attributes:
            name = item.relationships["building"][1]
            value = float(item.attributes["height"].value)
            highest[name] = max(highest.get(name, 0.0), value)
    if not highest:
        return buildings
    by_part = Provenance("inferred", SOURCE, rule=HIGHEST_PART, confidence=0.9)
    return [
        replace(
            item,
            attributes={**item.attributes, "height": Attribute(highest[item.local], by_part)},
        )
        if item.local in highest and "height" not in item.attributes
        else item
        for item in buildings
    ]


def _column(features: Sequence[Feature], name: str) -> Numbers:
    return np.array(
        [
            float(item.attributes[name].value) if name in item.attributes else np.nan
            for item in features
        ],
        dtype=np.float64,
    )


def estimate(buildings: Sequence[Feature], pack: Pack) -> Estimate:
    """Percentiles of the height of every building, whether it states one or not.

    Stated heights are what the model learns from; to judge it, heights are held back by tenths.
    """
    table = _Table.of(buildings, pack)
    known = ~np.isnan(table.log_height)
    folds = np.array([zlib.crc32(item.local.encode()) % _FOLDS for item in buildings])
    prior_error = table.log_height - table.prior
    check = _check(table, known, PRIOR, table.prior, table.low, table.high)
    if known.sum() < ENOUGH:
        return _estimate(table.prior, table.low, table.high, check)
    held_back = np.full(len(known), np.nan)
    for fold in range(_FOLDS):
        mine = known & (folds == fold)
        if mine.any():
            held_back[mine] = _predicted(table, known & (folds != fold))[mine]
    error = table.log_height - held_back
    if np.nanmean(np.abs(error)) >= np.nanmean(np.abs(prior_error)):
        return _estimate(table.prior, table.low, table.high, check)
    # each tenth is judged by the scatter of the others
    low, high = held_back.copy(), held_back.copy()
    for fold in range(_FOLDS):
        mine = known & (folds == fold)
        rest = error[known & (folds != fold)]
        below, above = _scatter(rest)
        low[mine] += below
        high[mine] += above
    check = _check(table, known, FITTED, held_back, low, high)
    middle = _predicted(table, known)
    below, above = _scatter(error[known])
    return _estimate(middle, middle + below, middle + above, check)


def _scatter(error: Numbers) -> tuple[float, float]:
    """Errors that a new one falls below or above with a probability of 10 % at most.

    The ranks count the new error among the old ones, which matters where there are few.
    """
    rank = max(int(0.1 * (len(error) + 1)), 1)
    ordered = np.sort(error)
    return min(float(ordered[rank - 1]), 0.0), max(float(ordered[-rank]), 0.0)


def _estimate(middle: Numbers, low: Numbers, high: Numbers, check: HeightCheck) -> Estimate:
    lowest, upper = 2.0, quantities()["height"].upper
    p10, p50, p90 = (np.clip(np.exp(item), lowest, upper) for item in (low, middle, high))
    return Estimate(p10, p50, p90, check)


def _check(
    table: _Table, known: Flags, rule: str, middle: Numbers, low: Numbers, high: Numbers
) -> HeightCheck:
    if not known.any():
        return HeightCheck(0, rule, np.nan, np.nan, np.nan, np.nan)
    true = np.exp(table.log_height[known])
    error = np.abs(np.exp(middle[known]) - true)
    inside = (table.log_height[known] >= low[known]) & (table.log_height[known] <= high[known])
    prior = np.abs(np.exp(table.prior[known]) - true)
    return HeightCheck(
        int(known.sum()),
        rule,
        float(np.median(error)),
        float(error.mean()),
        float(inside.mean()),
        float(np.median(prior)),
    )


@dataclass(frozen=True)
class _Table:
    """Columns over buildings [n]; heights are natural logarithms of metres."""

    log_height: Numbers
    prior: Numbers
    low: Numbers
    high: Numbers
    design: Numbers
    cell: Counts
    shape: tuple[int, int]

    @classmethod
    def of(cls, buildings: Sequence[Feature], pack: Pack) -> _Table:
        area = _column(buildings, "footprint_area")
        shapes = np.array([item.geometry for item in buildings], dtype=object)
        unmeasured = np.isnan(area)
        area[unmeasured] = areas_m2(shapes[unmeasured])
        slender = _slender(shapes, area)
        code = {use: number for number, use in enumerate(_FORMS)}
        uses = np.array([_use_code(item, code) for item in buildings], dtype=np.int64)
        logs = np.log(
            _prior_quantiles(_column(buildings, "construction_year"), pack, area, slender, uses)
        )
        cell, shape = _cells(shapes)
        forms = np.vstack([np.eye(len(_FORMS)), np.zeros(len(_FORMS))])[uses]
        size = np.log(np.clip(area, 5.0, 2e4) / 300.0)
        design = np.column_stack([np.ones(len(area)), size, size**2, slender, forms])
        height = _column(buildings, "height")
        with np.errstate(divide="ignore", invalid="ignore"):
            log_height = np.where(height > 0, np.log(height), np.nan)
        return cls(log_height, logs[:, 1], logs[:, 0], logs[:, 2], design, cell, shape)


def _cells(shapes: NDArray[np.object_]) -> tuple[Counts, tuple[int, int]]:
    """Cell of a grid of each shape [n], as a flat index, and the size of the grid."""
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    middle = np.column_stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    metres = (middle - middle.min(axis=0)) * 111_320.0
    metres[:, 0] *= np.cos(np.radians(middle[:, 1].mean()))
    size = _CELL_M
    while np.prod(np.ptp(metres, axis=0) / size + 1.0) > _MOST_CELLS:
        size *= 2.0
    column, row = (metres // size).astype(np.int64).T
    width = int(column.max()) + 1
    return np.asarray(row * width + column), (int(row.max()) + 1, width)


def _use_code(feature: Feature, code: Mapping[str, int]) -> int:
    """Place of a building's use in `_FORMS`; the last place of all where nothing is said."""
    use = feature.attributes.get("use")
    return code.get(str(use.value), -1) if use is not None else -1


def _slender(shapes: NDArray[np.object_], area_m2: Numbers) -> Flags:
    """Which footprints are bars: as winding as a rectangle 2.5 times as long as deep, or more."""
    girth = lengths_m(shapely.get_exterior_ring(shapes))
    limit = 4.0 * (1.0 + _BAR) ** 2 / _BAR
    return np.asarray(girth**2 > limit * np.maximum(area_m2, 1e-9))


def _prior_quantiles(
    years: Numbers, pack: Pack, area: Numbers, slender: Flags, uses: Counts
) -> Numbers:
    """Stated percentiles 10, 50, 90 of each building [n, 3] [m]; equal buildings in one go."""
    table = priors()
    year = np.where(np.isnan(years), -1, years).astype(np.int64)
    small = area < table["small"]["below_m2"]
    keys = np.column_stack([small, uses, year, slender]).astype(np.int64)
    kinds, inverse = np.unique(keys, axis=0, return_inverse=True)
    found = np.zeros((len(kinds), 3))
    for row, (is_small, use, built, is_bar) in enumerate(kinds.tolist()):
        entry = table["small"] if is_small else table["use"].get(_FORMS[use] if use >= 0 else "")
        found[row] = (
            (entry["p10"], entry["p50"], entry["p90"])
            if entry
            else _mixture(
                pack.content.stock.age_classes,
                built if built >= 0 else None,
                slender=bool(is_bar),
            )
        )
    return np.asarray(found[inverse.ravel()])


def _mixture(
    classes: Sequence[AgeClass], year: int | None, *, slender: bool
) -> tuple[float, float, float]:
    fitting = [item for item in classes if year is None or item.from_year <= year <= item.to_year]
    low_rise = [item for item in fitting if not (slender and item.levels_low >= _HIGH_RISE)]
    chosen = low_rise or fitting or list(classes)
    chosen = [item for item in chosen if item.share > 0] or chosen
    steps = (np.arange(50) + 0.5) / 50
    heights, weights = [], []
    for item in chosen:
        low, middle, high = item.levels_low - 0.5, item.levels_typical, item.levels_high + 0.5
        turn = (middle - low) / (high - low)
        levels = np.where(
            steps < turn,
            low + np.sqrt(steps * (high - low) * (middle - low)),
            high - np.sqrt((1 - steps) * (high - low) * (high - middle)),
        )
        heights.append(levels * _STOREY_M)
        weights.append(np.full(len(steps), max(item.share, 1e-6) / len(steps)))
    height, weight = np.concatenate(heights), np.concatenate(weights)
    order = np.argsort(height)
    share = np.cumsum(weight[order]) / weight.sum()
    low_m, middle_m, high_m = (
        float(height[order][np.searchsorted(share, level)]) for level in (0.1, 0.5, 0.9)
    )
    return low_m, middle_m, high_m


def _predicted(table: _Table, known: Flags) -> Numbers:
    """Logarithms of the height of all buildings, learned from the known ones."""
    design = table.design[known]
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[0] = _RIDGE_OF_MEAN
    residual = table.log_height[known] - table.prior[known]
    weights = np.linalg.solve(design.T @ design + np.diag(ridge), design.T @ residual)
    regression = table.prior + table.design @ weights
    return np.asarray(regression + _neighbours(table, known, regression))


def _neighbours(table: _Table, known: Flags, regression: Numbers) -> Numbers:
    """How much the known buildings around each differ from the regression [n]."""
    height, width = table.shape
    size = height * width
    cells = table.cell[known]
    residual = (table.log_height - regression)[known]
    ones = np.ones(len(cells))
    total, count = (
        np.asarray(np.bincount(cells, weights, size), dtype=np.float64).reshape(height, width)
        for weights in (residual, ones)
    )
    steps = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-0.5 * (steps / (0.5 * _REACH)) ** 2)
    for axis in (0, 1):
        total, count = _smoothed(total, kernel, axis), _smoothed(count, kernel, axis)
    return np.asarray((total / (count + _NEIGHBOUR_PRIOR)).ravel()[table.cell])


def _smoothed(grid: Numbers, kernel: Numbers, axis: int) -> Numbers:
    """A grid, weighted along one axis by a kernel of odd length; nothing lies beyond its edge."""
    reach = len(kernel) // 2
    pad = [(reach, reach) if side == axis else (0, 0) for side in (0, 1)]
    wide = np.pad(grid, pad)
    size = grid.shape[axis]
    parts = [
        weight * np.take(wide, np.arange(start, start + size), axis=axis)
        for start, weight in enumerate(kernel)
    ]
    return np.asarray(sum(parts[1:], start=parts[0]))
