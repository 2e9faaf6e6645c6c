"""New footprints against what is there: shifted, swapped, far away, or there already.

Nothing is converted here. What is found is said, and a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.coordinates import Coordinates, named_system
from lingjing.sources.geometry import areas_m2

Geometries = NDArray[np.object_]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

Verdict = Literal["alike", "shifted", "swapped", "apart", "unlike"]

_DEGREE_M: Final = 111_320.0
_SAMPLE: Final = 250
# Shifts are looked for up to here: BD-09 lies about 1.1 km off [m].
_REACH_M: Final = 1_500.0
_CELL_M: Final = 4.0
# Two outlines of one building may differ this much in area and girth.
_LIKENESS: Final = 0.15
# So many of the sample must agree on a shift; chance alone gives a few in a hundred.
_AGREEMENT: Final = 0.25
_FEWEST: Final = 8
# A shift below this is the difference between two surveys [m].
_SMALL_SHIFT_M: Final = 8.0
# A shift is named where it comes this close to that of a known system [m].
_NAMING_M: Final = 15.0
# Buildings that stand on roads: so many cannot be right, and the right place has far fewer.
_TOO_MANY_ON_ROADS: Final = 0.08
_FAR_FEWER: Final = 0.4
SHIFTED_SYSTEMS: Final = ("GCJ-02", "BD-09")
_SAME: Final = 0.5


@dataclass(frozen=True)
class Comparison:
    """How new footprints lie to those that are there.

    Attributes:
        verdict: `alike` (in the same place), `shifted`, `swapped` (longitude and latitude
            exchanged), `apart` (no common ground), or `unlike` (the same ground, other shapes).
        overlap: Share of the sample whose middle lies in a footprint that is there.
        on_roads: Share of the sample that a road which is there crosses; NaN without roads.
        shift_east_m, shift_north_m: How far the new ones lie off [m]; 0 where none was found.
        system: `GCJ-02` or `BD-09`, where the shift is that system's.
        which: Whether the `new` or the `old` ones are in that system.
        on_roads_mended: Share crossed by roads once the shift is undone; NaN where none is found.
        apart_km: Distance between the middles [km].
    """

    verdict: Verdict
    overlap: float
    on_roads: float
    shift_east_m: float = 0.0
    shift_north_m: float = 0.0
    system: str | None = None
    which: Literal["new", "old"] = "new"
    on_roads_mended: float = np.nan
    apart_km: float = 0.0

    @property
    def shift_m(self) -> float:
        """Length of the shift [m]."""
        return float(np.hypot(self.shift_east_m, self.shift_north_m))


def compare(new: Geometries, old: Geometries, roads: Geometries) -> Comparison | None:
    """Compare new footprints with footprints and roads that are there.

    Args:
        new: Footprints in what is taken for WGS 84 [n].
        old: Footprints that are there [m].
        roads: Lines of roads for vehicles that are there, tunnels left out [k].

    Returns:
        None where there is too little of either to compare.
    """
    if len(new) < _FEWEST or (len(old) < _FEWEST and len(roads) < _FEWEST):
        return None
    there = old if len(old) >= _FEWEST else roads
    apart_km = _distance_km(_middle(new), _middle(there))
    sample = new[np.linspace(0, len(new) - 1, min(len(new), _SAMPLE)).astype(np.int64)]
    if not _touch(new, there):
        swapped = shapely.transform(new, lambda points: points[:, ::-1])
        verdict: Verdict = "swapped" if _touch(swapped, there) else "apart"
        if verdict == "swapped" or apart_km * 1000.0 > 2 * _REACH_M:
            return Comparison(verdict, 0.0, np.nan, apart_km=apart_km)
    overlap, crossed = _overlap(sample, old), _crossed(sample, roads)
    shift = _agreed_shift(new, old) if len(old) >= _FEWEST else None
    if shift is not None and np.hypot(*shift) < _SMALL_SHIFT_M:
        return Comparison("alike", overlap, crossed, apart_km=apart_km)
    if shift is not None:
        system, which = _named(shift, _middle(new))
        moved = _moved(sample, -shift)
        return Comparison(
            "shifted", overlap, crossed, float(shift[0]), float(shift[1]), system, which,
            _crossed(moved, roads), apart_km,
        )  # fmt: skip
    found = _by_roads(sample, roads, crossed)
    if found is not None:
        east, north, system, mended = found
        return Comparison("shifted", overlap, crossed, east, north, system, "new", mended, apart_km)
    touching = _touch(new, there)
    return Comparison("unlike" if touching else "apart", overlap, crossed, apart_km=apart_km)


def there_already(new: Geometries, old: Geometries) -> NDArray[np.int64]:
    """For each new footprint [n], the one there that is the same building; -1 where none is.

    The same are two that share more than half of what they cover together.
    """
    found = np.full(len(new), -1, dtype=np.int64)
    if not len(new) or not len(old):
        return found
    row, column = shapely.STRtree(old).query(new, predicate="intersects")
    shared = shapely.area(shapely.intersection(new[row], old[column]))
    together = shapely.area(new)[row] + shapely.area(old)[column] - shared
    same = shared > _SAME * together
    found[row[same]] = column[same]
    return found


def doubles(shapes: Geometries) -> list[tuple[int, int]]:
    """Pairs of footprints of one source that cover nearly the same ground, first one first."""
    if len(shapes) < 2:
        return []
    row, column = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    later = row < column
    row, column = row[later], column[later]
    area = shapely.area(shapes)
    shared = shapely.area(shapely.intersection(shapes[row], shapes[column]))
    same = shared > 0.9 * (area[row] + area[column] - shared)
    return sorted(zip(row[same].tolist(), column[same].tolist(), strict=True))


def _middle(shapes: Geometries) -> Coordinates:
    west, south, east, north = shapely.total_bounds(shapes)
    return np.array([(west + east) / 2, (south + north) / 2])


def _scale(latitude: float) -> Coordinates:
    return np.array([_DEGREE_M * np.cos(np.radians(latitude)), _DEGREE_M])


def _distance_km(one: Coordinates, two: Coordinates) -> float:
    latitudes = np.radians([one[1], two[1]])
    half = np.sin((latitudes[0] - latitudes[1]) / 2) ** 2
    half += np.prod(np.cos(latitudes)) * np.sin(np.radians(one[0] - two[0]) / 2) ** 2
    return float(2 * 6371.0 * np.arcsin(np.sqrt(half)))


def _touch(one: Geometries, two: Geometries) -> bool:
    a, b = shapely.total_bounds(one), shapely.total_bounds(two)
    return bool(a[0] <= b[2] and a[2] >= b[0] and a[1] <= b[3] and a[3] >= b[1])


def _overlap(sample: Geometries, old: Geometries) -> float:
    if not len(old):
        return 0.0
    hits, _ = shapely.STRtree(old).query(shapely.centroid(sample), predicate="intersects")
    return float(len(np.unique(hits)) / len(sample))


def _crossed(sample: Geometries, roads: Geometries) -> float:
    if len(roads) < _FEWEST:
        return np.nan
    hits, _ = shapely.STRtree(roads).query(sample, predicate="intersects")
    return float(len(np.unique(hits)) / len(sample))


def _moved(shapes: Geometries, shift_m: Coordinates) -> Geometries:
    step = shift_m / _scale(float(_middle(shapes)[1]))
    return np.asarray(shapely.transform(shapes, lambda points: points + step), dtype=object)


def _agreed_shift(new: Geometries, old: Geometries) -> Coordinates | None:
    """The shift that most of the new buildings agree on [m], by votes of those that look alike."""
    scale = _scale(float(_middle(old)[1]))
    bounds = shapely.total_bounds(old) + np.array([-1, -1, 1, 1]) * _REACH_M / scale.min()
    near = shapely.intersects(new, shapely.box(*bounds))
    if int(near.sum()) < _FEWEST:
        return None
    new = new[near]
    new = new[np.linspace(0, len(new) - 1, min(len(new), _SAMPLE)).astype(np.int64)]
    places, theirs = (
        shapely.get_coordinates(shapely.centroid(shapes)) * scale for shapes in (new, old)
    )
    row, column = shapely.STRtree(shapely.points(theirs)).query(
        shapely.points(places), predicate="dwithin", distance=_REACH_M
    )
    alike = np.ones(len(row), dtype=bool)
    for measure in (areas_m2, shapely.length):
        a, b = measure(new)[row], measure(old)[column]
        alike &= np.abs(a - b) <= _LIKENESS * np.maximum(a, b)
    row, shift = row[alike], (places[row] - theirs[column])[alike]
    if not len(row):
        return None
    # each new building has one vote in a cell; a peak may lie across cells
    cells = np.rint(shift / _CELL_M).astype(np.int64)
    width = 2 * int(_REACH_M / _CELL_M) + 5
    flat = (cells[:, 0] + width // 2) * width + cells[:, 1] + width // 2
    votes = np.unique(np.column_stack([row, flat]), axis=0)[:, 1]
    grid = np.bincount(votes, minlength=width * width).reshape(width, width)
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    around = np.sum([np.roll(grid, step, axis=(0, 1)) for step in steps], axis=0)
    peak = int(np.argmax(around))
    if around.flat[peak] < max(_AGREEMENT * len(new), _FEWEST / 2):
        return None
    middle = (np.array(divmod(peak, width)) - width // 2) * _CELL_M
    agreed = np.abs(shift - middle).max(axis=1) <= 1.5 * _CELL_M
    return np.asarray(np.median(shift[agreed], axis=0), dtype=np.float64)


def _system_shift(system: str, place: Coordinates) -> Coordinates:
    """How far coordinates of a shifted system lie off at a place [m]."""
    there = named_system(system).invert(place[None, :])[0]
    return np.asarray((there - place) * _scale(float(place[1])), dtype=np.float64)


def _named(shift: Coordinates, place: Coordinates) -> tuple[str | None, Literal["new", "old"]]:
    # BD-09 shifts a kilometre away by 20 m less or more: ask at the true place
    true = place - shift / _scale(float(place[1]))
    for system in SHIFTED_SYSTEMS:
        if np.hypot(*(shift - _system_shift(system, true))) < _NAMING_M:
            return system, "new"
        if np.hypot(*(shift + _system_shift(system, place))) < _NAMING_M:
            return system, "old"
    return None, "new"


def _by_roads(
    sample: Geometries, roads: Geometries, crossed: float
) -> tuple[float, float, str, float] | None:
    """A known system out of which the buildings would stand beside the roads, not on them."""
    if not crossed > _TOO_MANY_ON_ROADS:
        return None
    best: tuple[float, float, str, float] | None = None
    for system in SHIFTED_SYSTEMS:
        shift = _system_shift(system, _middle(sample))
        mended = _crossed(_moved(sample, -shift), roads)
        if mended <= _FAR_FEWER * crossed and (best is None or mended < best[3]):
            best = (float(shift[0]), float(shift[1]), system, mended)
    return best
