"""Buildings of the synthetic district: rows, slabs, towers and halls laid out on parcels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from lingjing.sources.sketch_uses import LandUse

Points = NDArray[np.float64]

_METRES_PER_LEVEL = 2.9
_SMALLEST_PARCEL_M2 = 900.0
_SOUNDINGS = 24
# A row shorter than this share of the least length stays open.
_LEAST_ROOM = 0.5
_PODIUM_SHARE = 0.5
# How far a podium reaches beyond its tower, in lengths and depths of it; less than the gaps.
_PODIUM_REACH = np.array([0.5, 0.9])
_PODIUM_MARGIN_M = 0.25


@dataclass(frozen=True)
class Layout:
    """How a kind of block is built.

    Attributes:
        use: Word of the vocabulary for its buildings.
        age_class: Word for its dwellings, None elsewhere.
        length, depth: Of a building, least and greatest [m].
        row_gap, side_gap: Between rows and within a row [m].
        levels: Least and greatest number of storeys.
        years: First and last year of construction.
        missing: Share of places left open.
        built: Share of the parcel, from the north, that is built at all.
    """

    use: str
    age_class: str | None
    length: tuple[float, float]
    depth: tuple[float, float]
    row_gap: tuple[float, float]
    side_gap: float
    levels: tuple[int, int]
    years: tuple[int, int]
    missing: float = 0.04
    built: float = 1.0


LAYOUTS: dict[LandUse, Layout] = {
    "lilong": Layout(
        "residential", "lilong", (34, 64), (9, 12), (4.0, 6.0), 5.0, (2, 3), (1912, 1948), 0.05
    ),
    "workers_village": Layout(
        "residential", "workers_village", (44, 66), (10, 12), (20, 27), 12.0, (4, 6), (1951, 1979)
    ),
    "reform_walkup": Layout(
        "residential", "reform_walkup", (48, 76), (11, 13), (27, 34), 14.0, (5, 6), (1980, 1997)
    ),
    "commodity_midrise": Layout(
        "residential",
        "commodity_midrise",
        (42, 62),
        (13, 15),
        (37, 50),
        26.0,
        (7, 11),
        (1998, 2016),
    ),
    "tower": Layout(
        "residential", "tower", (32, 42), (22, 26), (46, 60), 38.0, (14, 30), (1994, 2020)
    ),
    "office": Layout(
        "office", None, (46, 78), (30, 42), (26, 36), 24.0, (5, 22), (1990, 2020), 0.12
    ),
    "commercial": Layout(
        "commercial", None, (70, 120), (50, 70), (26, 34), 26.0, (3, 7), (1988, 2018), 0.12
    ),
    "industrial": Layout(
        "industrial", None, (60, 120), (26, 40), (16, 24), 16.0, (1, 3), (1935, 1995), 0.22
    ),
    "school": Layout(
        "school", None, (50, 76), (12, 15), (24, 28), 18.0, (3, 5), (1960, 2010), 0.12, 0.5
    ),
    "hospital": Layout(
        "hospital", None, (56, 84), (18, 26), (28, 34), 22.0, (4, 14), (1958, 2012), 0.1
    ),
    "campus": Layout(
        "school", None, (56, 96), (15, 22), (34, 50), 30.0, (3, 8), (1922, 2012), 0.35
    ),
    "park": Layout("public", None, (14, 24), (10, 14), (90, 140), 90.0, (1, 1), (1958, 2015), 0.6),
}


@dataclass(frozen=True)
class Built:
    """Buildings of one parcel.

    Attributes:
        shapes: Footprints [n], metres east and north.
        uses, age_classes: Words [n]; no age class where nobody lives.
        levels, heights_m, years: Of each [n].
    """

    shapes: NDArray[np.object_]
    uses: list[str]
    age_classes: list[str | None]
    levels: NDArray[np.int64]
    heights_m: NDArray[np.float64]
    years: NDArray[np.int64]


def build(parcel: shapely.Polygon, land_use: LandUse, rng: Generator) -> Built | None:
    """Lay out the buildings of a parcel; None where none fit."""
    if parcel.area < _SMALLEST_PARCEL_M2:
        return None
    layout = LAYOUTS[land_use]
    turn = _facing(parcel)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    ring = shapely.get_coordinates(parcel.exterior) @ axes.T
    boxes = _rows(ring, layout, rng)
    if not len(boxes):
        return None
    boxes = boxes[rng.random(len(boxes)) >= layout.missing]
    corners = np.stack(
        [boxes[:, [0, 1]], boxes[:, [2, 1]], boxes[:, [2, 3]], boxes[:, [0, 3]]], axis=1
    )
    shapes = shapely.polygons(corners @ axes)
    shapely.prepare(parcel)
    fits = shapely.contains_properly(parcel, shapes)
    if not bool(fits.any()):
        return None
    return _raised(parcel, shapes[fits], corners[fits], axes, land_use, rng)


def _facing(parcel: shapely.Polygon) -> float:
    """Direction of the long sides [rad]: along the parcel's side nearest to east–west, so that
    the fronts look south.
    """
    ring = shapely.get_coordinates(parcel.exterior)
    sides = np.diff(ring, axis=0)
    angle = np.arctan2(sides[:, 1], sides[:, 0])
    folded = (angle + np.pi / 2) % np.pi - np.pi / 2
    weight = np.where(np.abs(folded) < np.pi / 4, np.hypot(*sides.T), 0.0)
    return float(folded[int(weight.argmax())]) if bool(weight.any()) else 0.0


def _chords(ring: Points, heights: NDArray[np.float64]) -> tuple[Points, Points]:
    """Leftmost and rightmost place where each horizontal [n] meets the ring; none gives (∞, −∞)."""
    x, y = ring[:-1].T
    step_x, step_y = np.diff(ring, axis=0).T
    above = ring[:, 1] > heights[:, None]
    crossed = above[:, :-1] != above[:, 1:]
    at = x + (heights[:, None] - y) / np.where(step_y == 0.0, 1.0, step_y) * step_x
    left = np.where(crossed, at, np.inf).min(axis=1)
    right = np.where(crossed, at, -np.inf).max(axis=1)
    return left, right


def _reach(ring: Points, least_m: float) -> tuple[float, float] | None:
    """Lowest and highest horizontal along which the ring has room for a building [m]."""
    heights = np.linspace(ring[:, 1].min() + 0.5, ring[:, 1].max() - 0.5, _SOUNDINGS)
    left, right = _chords(ring, heights)
    roomy = np.flatnonzero(right - left > least_m)
    return (float(heights[roomy[0]]), float(heights[roomy[-1]])) if len(roomy) else None


def _rows(ring: Points, layout: Layout, rng: Generator) -> Points:
    """Rectangles [n, 4] (west, south, east, north) in rows from the north, in turned metres."""
    depth = rng.uniform(*layout.depth)
    gap = rng.uniform(*layout.row_gap)
    length = rng.uniform(*layout.length)
    reach = _reach(ring, _LEAST_ROOM * layout.length[0])
    if reach is None:
        return np.zeros((0, 4))
    top = reach[1]
    bottom = top - (top - reach[0]) * layout.built
    rows = int((top - bottom + gap) // (depth + gap))
    if rows < 1:
        return np.zeros((0, 4))
    # what is left over widens the gaps
    step = (top - bottom - depth) / (rows - 1) if rows > 1 else 0.0
    norths: NDArray[np.float64] = top - step * np.arange(rows, dtype=np.float64)
    upper, lower = _chords(ring, norths), _chords(ring, norths - depth)
    lefts = np.maximum(upper[0], lower[0]) + 0.5
    rights = np.minimum(upper[1], lower[1]) - 0.5
    boxes: list[tuple[float, float, float, float]] = []
    for left, right, north in zip(lefts.tolist(), rights.tolist(), norths.tolist(), strict=True):
        if right - left >= _LEAST_ROOM * layout.length[0]:
            boxes.extend(_bars(left, right, north, depth, length, layout, rng))
    return np.array(boxes).reshape(-1, 4)


def _bars(
    left: float,
    right: float,
    north: float,
    depth: float,
    length: float,
    layout: Layout,
    rng: Generator,
) -> list[tuple[float, float, float, float]]:
    """One row of buildings, of uneven length."""
    room = right - left
    count = max(1, round((room + layout.side_gap) / (length + layout.side_gap)))
    weights = rng.uniform(0.85, 1.15, count)
    lengths = (room - layout.side_gap * (count - 1)) * weights / weights.sum()
    lengths = np.minimum(lengths, layout.length[1] * 1.15)
    slack = (room - lengths.sum()) / (count - 1) if count > 1 else 0.0
    starts = left + np.concatenate([[0.0], np.cumsum(lengths + slack)[:-1]])
    shift = rng.uniform(0.0, 0.12) * depth
    return [
        (start, north - depth + shift * (index % 2), start + long, north)
        for index, (start, long) in enumerate(zip(starts, lengths, strict=True))
    ]


def _raised(
    parcel: shapely.Polygon,
    shapes: NDArray[np.object_],
    corners: Points,
    axes: Points,
    land_use: LandUse,
    rng: Generator,
) -> Built:
    """Give footprints storeys and years, and towers their form and podium."""
    layout = LAYOUTS[land_use]
    count = len(shapes)
    low, high = layout.levels
    usual = rng.integers(low, high + 1)
    levels = np.clip(usual + rng.integers(-1, 2, count), low, high)
    first, last = layout.years
    year = rng.integers(first, last + 1)
    years = np.clip(year + rng.integers(-2, 3, count), first, last)
    uses = [layout.use] * count
    classes = [layout.age_class] * count
    if land_use == "tower":
        shapes = shapely.polygons(_wings(corners) @ axes)
        podium = _podium(parcel, corners, axes, rng)
        if podium is not None:
            index, base = podium
            hole = shapely.get_coordinates(shapes[index])
            shapes = np.append(shapes, shapely.Polygon(base @ axes, [hole]))
            uses, classes = [*uses, "commercial"], [*classes, None]
            levels, years = np.append(levels, 2), np.append(years, years[index])
    heights = np.round(levels * _METRES_PER_LEVEL + rng.uniform(0.3, 1.2, len(levels)), 1)
    if land_use == "industrial":
        heights = np.round(levels * 5.5, 1)
    return Built(shapes, uses, classes, levels.astype(np.int64), heights, years.astype(np.int64))


def _wings(corners: Points) -> Points:
    """Rectangles [n, 4, 2] notched at their corners, as tower plans are: [n, 12, 2]."""
    west, south = corners[:, 0, 0], corners[:, 0, 1]
    east, north = corners[:, 2, 0], corners[:, 2, 1]
    notch_x, notch_y = (east - west) * 0.2, (north - south) * 0.24
    x = [west, west + notch_x, east - notch_x, east]
    y = [south, south + notch_y, north - notch_y, north]
    path = [
        (1, 0),
        (2, 0),
        (2, 1),
        (3, 1),
        (3, 2),
        (2, 2),
        (2, 3),
        (1, 3),
        (1, 2),
        (0, 2),
        (0, 1),
        (1, 1),
    ]
    return np.stack([np.column_stack([x[i], y[j]]) for i, j in path], axis=1)


def _podium(
    parcel: shapely.Polygon, corners: Points, axes: Points, rng: Generator
) -> tuple[int, Points] | None:
    """A low hall around one tower, reaching to one side of it; None for most parcels."""
    if rng.random() > _PODIUM_SHARE:
        return None
    index = int(rng.integers(len(corners)))
    low, high = corners[index].min(axis=0), corners[index].max(axis=0)
    reach = (high - low) * _PODIUM_REACH
    for east, north in ((1, -1), (-1, -1), (1, 1), (-1, 1)):
        side = np.array([east, north])
        west, south = low - np.where(side < 0, reach, _PODIUM_MARGIN_M)
        right, top = high + np.where(side > 0, reach, _PODIUM_MARGIN_M)
        base = np.array([[west, south], [right, south], [right, top], [west, top]])
        if parcel.contains_properly(shapely.Polygon(base @ axes)):
            return index, base
    return None
