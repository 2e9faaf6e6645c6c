"""Horizons, sky view and sun against what geometry gives in closed form."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from lingjing.physics.shading import horizon_angles_deg, lit_share, sky_view_factor
from lingjing.vocabulary import LingjingError


def _ring(radius_m: float, corners: int) -> np.ndarray:
    angle = np.arange(corners + 1) * 2 * np.pi / corners
    points = radius_m * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return np.concatenate([points[:-1], points[1:]], axis=1)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
def test_a_long_street_sees_what_the_canyon_formula_says(ratio: float) -> None:
    """Middle of the floor of an endless canyon: cos(atan(2 H / W))."""
    width = 20.0
    walls = np.array([[-5000.0, y, 5000.0, y] for y in (-width / 2, width / 2)])
    height = ratio * width
    horizon = horizon_angles_deg([[0.0, 0.0]], walls, [height] * 2, sectors=720, farthest_m=5000)
    expected = math.cos(math.atan(2 * ratio))
    assert sky_view_factor(horizon)[0] == pytest.approx(expected, abs=0.003)
    # straight across the wall stands at atan(2 H / W), along the street at nothing
    assert horizon[0, 0] == pytest.approx(math.degrees(math.atan(2 * ratio)), abs=1e-6)
    assert horizon[0, 180] == pytest.approx(0.0, abs=0.3)


def test_a_street_off_its_middle_sees_the_mean_of_both_sides() -> None:
    """At distances a and b from the walls: (cos(atan H/a) + cos(atan H/b)) / 2."""
    walls = np.array([[-5000.0, y, 5000.0, y] for y in (-4.0, 16.0)])
    horizon = horizon_angles_deg([[0.0, 0.0]], walls, [12.0] * 2, sectors=720, farthest_m=5000)
    expected = 0.5 * (math.cos(math.atan(12 / 4)) + math.cos(math.atan(12 / 16)))
    assert sky_view_factor(horizon)[0] == pytest.approx(expected, abs=0.003)


def test_a_round_courtyard_sees_cos_squared_of_its_horizon() -> None:
    horizon = horizon_angles_deg([[0.0, 0.0]], _ring(15.0, 360), [10.0] * 360, sectors=36)
    assert sky_view_factor(horizon)[0] == pytest.approx(math.cos(math.atan(10 / 15)) ** 2, abs=1e-3)


def test_a_square_courtyard_sees_the_view_factor_of_a_rectangle() -> None:
    half, height = 10.0, 12.0
    walls = np.array(
        [[-half, -half, half, -half], [half, -half, half, half],
         [half, half, -half, half], [-half, half, -half, -half]]
    )  # fmt: skip
    horizon = horizon_angles_deg([[0.0, 0.0]], walls, [height] * 4, sectors=720)
    x = half / height
    corner = x / math.hypot(1, x) * math.atan(x / math.hypot(1, x)) / math.pi
    assert sky_view_factor(horizon)[0] == pytest.approx(4 * corner, abs=1e-3)


def test_open_ground_sees_all_and_farther_walls_count_less() -> None:
    wall = [[-10.0, 30.0, 10.0, 30.0]]
    assert sky_view_factor(horizon_angles_deg([[0.0, 0.0]], np.zeros((0, 4)), []))[0] == 1.0
    near, far, beyond = horizon_angles_deg([[0.0, 0.0], [0.0, -60.0], [0.0, -400.0]], wall, [20.0])
    assert near.max() > far.max() > 0
    assert beyond.max() == 0


def test_neither_threads_nor_the_order_of_walls_change_a_byte() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 900, (200, 2))
    starts = rng.uniform(0, 900, (600, 2))
    walls = np.concatenate([starts, starts + rng.uniform(-30, 30, (600, 2))], axis=1)
    heights = rng.uniform(3, 80, 600)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = horizon_angles_deg(points, walls, heights)
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        order = rng.permutation(600)
        turned = walls[order][:, [2, 3, 0, 1]]
        other = horizon_angles_deg(points, turned, heights[order])
    finally:
        numba.set_num_threads(before)
    assert one == pytest.approx(other, abs=1e-9)
    assert horizon_angles_deg(points, walls[order], heights[order]).tobytes() == one.tobytes()
    # and against rays cast one by one
    for point in (0, 77, 199):
        for sector in (0, 13, 35):
            angle = math.radians(10.0 * sector)
            ray = np.array([math.sin(angle), math.cos(angle)])
            a = walls[:, :2] - points[point]
            d = walls[:, 2:] - walls[:, :2]
            cross = ray[0] * d[:, 1] - ray[1] * d[:, 0]
            distance = (a[:, 0] * d[:, 1] - a[:, 1] * d[:, 0]) / cross
            along = (a[:, 0] * ray[1] - a[:, 1] * ray[0]) / cross
            hit = (distance > 0) & (distance <= 250) & (along >= 0) & (along <= 1)
            highest = np.max(np.where(hit, heights / np.maximum(distance, 0.5), 0.0))
            expected = math.degrees(math.atan(highest))
            assert one[point, sector] == pytest.approx(expected, abs=1e-6)


def test_the_sun_comes_over_a_southern_wall_when_it_stands_higher() -> None:
    wall = [[-200.0, -20.0, 200.0, -20.0]]
    horizon = horizon_angles_deg([[0.0, 0.0]], wall, [20.0])
    azimuth, elevation = np.array([180.0, 180.0, 0.0, 180.0]), np.array([30.0, 60.0, 30.0, -5.0])
    assert lit_share(horizon, azimuth, elevation).tolist() == [[0.0, 1.0, 1.0, 0.0]]
    assert lit_share(horizon, [180.0], [45.0])[0, 0] == pytest.approx(0.5, abs=1e-6)


def test_impossible_walls_are_refused() -> None:
    for walls, heights in (([[0.0, 0.0, np.nan, 1.0]], [3.0]), ([[0.0, 0.0, 1.0, 1.0]], [-3.0])):
        with pytest.raises(LingjingError):
            horizon_angles_deg([[0.0, 0.0]], walls, heights)
    with pytest.raises(LingjingError):
        horizon_angles_deg([0.0, 0.0], [[0.0, 0.0, 1.0, 1.0]], [3.0])
