"""New footprints against what is there: in place, shifted, swapped, apart, or there already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from lingjing.sources.comparing import compare, doubles, there_already
from lingjing.sources.coordinates import gcj02_to_bd09, wgs84_to_gcj02
from lingjing.sources.maps import read_map

Shapes = np.ndarray
NONE: Shapes = np.zeros(0, dtype=object)
WEST, SOUTH = 121.50, 31.28


def bd09(points: np.ndarray) -> np.ndarray:
    return gcj02_to_bd09(wgs84_to_gcj02(points))


def moved(shapes: Shapes, change: object) -> Shapes:
    return np.asarray(shapely.transform(shapes, change), dtype=object)  # type: ignore[call-overload]


def town(seed: int = 1, blocks: int = 15) -> tuple[Shapes, Shapes]:
    """Blocks of unlike houses between straight streets 100 m apart."""
    rng = np.random.default_rng(seed)
    step_east, step_north = 100 / 95_000, 100 / 110_900
    houses = []
    for column in range(blocks):
        for row in range(blocks):
            for corner in (0.1, 0.6):
                west = WEST + (column + corner) * step_east
                south = SOUTH + (row + 0.2) * step_north
                wide, deep = rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.6)
                houses.append(
                    shapely.box(west, south, west + wide * step_east, south + deep * step_north)
                )
    far_east, far_north = WEST + blocks * step_east, SOUTH + blocks * step_north
    streets = [
        shapely.LineString([(WEST + n * step_east, SOUTH), (WEST + n * step_east, far_north)])
        for n in range(blocks + 1)
    ] + [
        shapely.LineString([(WEST, SOUTH + n * step_north), (far_east, SOUTH + n * step_north)])
        for n in range(blocks + 1)
    ]
    return np.array(houses, dtype=object), np.array(streets, dtype=object)


def resurveyed(shapes: Shapes, seed: int = 3) -> Shapes:
    """The same houses as another survey draws them: a metre off, three percent larger or less."""
    rng = np.random.default_rng(seed)
    found = []
    for shape in shapes:
        grown = shapely.affinity.scale(shape, *(1 + rng.normal(0, 0.03, 2)))
        found.append(shapely.affinity.translate(grown, *rng.normal(0, 1e-5, 2)))
    return np.array(found, dtype=object)


def test_another_survey_of_the_same_houses_is_alike() -> None:
    houses, streets = town()
    found = compare(resurveyed(houses), houses, streets)
    assert found is not None
    assert found.verdict == "alike"
    assert found.overlap > 0.95
    assert found.on_roads == 0.0
    assert found.shift_m == 0.0


@pytest.mark.parametrize(
    ("name", "change", "metres"), [("GCJ-02", wgs84_to_gcj02, 477), ("BD-09", bd09, 1120)]
)
def test_a_shifted_map_service_is_named(name: str, change: object, metres: float) -> None:
    houses, streets = town()
    found = compare(moved(resurveyed(houses), change), houses, streets)
    assert found is not None
    assert (found.verdict, found.system, found.which) == ("shifted", name, "new")
    assert found.shift_m == pytest.approx(metres, abs=15)
    assert found.overlap < 0.5
    assert found.on_roads_mended == 0.0


def test_it_may_be_the_old_map_that_is_shifted() -> None:
    houses, streets = town()
    found = compare(resurveyed(houses), moved(houses, wgs84_to_gcj02), streets)
    assert found is not None
    assert (found.verdict, found.system, found.which) == ("shifted", "GCJ-02", "old")


def test_half_of_a_town_is_enough_to_see_a_shift() -> None:
    houses, _ = town()
    found = compare(moved(houses[1::2], wgs84_to_gcj02), houses, NONE)
    assert found is not None
    assert found.system == "GCJ-02"


def test_a_shift_of_no_known_system_has_no_name() -> None:
    houses, streets = town()
    found = compare(moved(houses, lambda points: points + np.array([0.001, 0.0])), houses, streets)
    assert found is not None
    assert (found.verdict, found.system) == ("shifted", None)
    assert found.shift_east_m == pytest.approx(95.1, abs=1.0)
    assert found.shift_north_m == pytest.approx(0.0, abs=1.0)


def test_roads_alone_tell_a_shift() -> None:
    houses, streets = town()
    found = compare(moved(houses, wgs84_to_gcj02), NONE, streets)
    assert found is not None
    assert (found.verdict, found.system) == ("shifted", "GCJ-02")
    assert found.on_roads > 0.1
    assert found.on_roads_mended == 0.0
    right = compare(houses, NONE, streets)
    assert right is not None
    assert right.verdict == "unlike"
    assert right.system is None


def test_other_houses_between_the_same_streets_are_not_called_shifted() -> None:
    houses, streets = town(1)
    found = compare(town(99)[0][::2], houses[1::2], streets)
    assert found is not None
    assert found.system is None


def test_exchanged_axes_and_other_places_are_told_apart() -> None:
    houses, streets = town()
    swapped = compare(moved(houses, lambda points: points[:, ::-1]), houses, streets)
    assert swapped is not None
    assert swapped.verdict == "swapped"
    elsewhere = compare(
        moved(houses, lambda points: points + np.array([1.0, 0.0])), houses, streets
    )
    assert elsewhere is not None
    assert elsewhere.verdict == "apart"
    assert elsewhere.apart_km == pytest.approx(95.0, abs=1.0)


def test_too_few_buildings_are_not_judged() -> None:
    houses, streets = town()
    assert compare(houses[:5], houses, streets) is None
    assert compare(houses, houses[:3], streets[:3]) is None
    assert compare(houses, NONE, NONE) is None


def test_the_same_building_is_found_and_its_neighbour_is_not() -> None:
    houses, _ = town()
    order = np.arange(len(houses))[::-1]
    found = there_already(resurveyed(houses), houses[order])
    assert (order[found] == np.arange(len(houses))).all()
    away = moved(houses, lambda points: points + np.array([0.1, 0.0]))
    assert (there_already(away, houses) == -1).all()
    assert list(there_already(NONE, houses)) == []


def test_doubles_of_one_source_are_named_once() -> None:
    houses, _ = town()
    twice = np.append(houses, [houses[4], shapely.affinity.scale(houses[7], 0.99, 0.99)])
    assert doubles(twice) == [(4, len(houses)), (7, len(houses) + 1)]
    assert doubles(houses) == []
    assert doubles(houses[:1]) == []


@pytest.mark.real_data
def test_the_real_block_shifted_by_a_map_service_is_recognised(shared_data: Path) -> None:
    features = list(read_map(shared_data / "maps" / "yangpu-siping.osm.pbf", "m").features)
    houses = np.array([f.geometry for f in features if f.kind == "Building"], dtype=object)
    shifted = compare(moved(houses[::3], wgs84_to_gcj02), houses, NONE)
    assert shifted is not None
    assert (shifted.verdict, shifted.system, shifted.which) == ("shifted", "GCJ-02", "new")
    same = compare(houses[::3], houses, NONE)
    assert same is not None
    assert same.verdict == "alike"
