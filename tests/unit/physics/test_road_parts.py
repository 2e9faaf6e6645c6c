"""The parts of a road column: grids, exchange, vapour, rain and snow."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from lingjing.physics.humidity import saturation_mixing_ratio
from lingjing.physics.materials import ROAD_BUILDS, ROAD_MATERIAL_OF_SURFACE, RoadLayer
from lingjing.physics.road import rain_share
from lingjing.physics.road_grid import column_grid
from lingjing.physics.road_surface import (
    LOG_HEAT,
    LOG_WIND,
    cube_root,
    exchange,
    mixing_ratio_at,
    unstable_exchange,
)
from lingjing.vocabulary import LingjingError, words


def test_rain_turns_to_snow_near_one_degree() -> None:
    shares = rain_share(np.array([-3.0, 0.0, 1.5, 4.0]), 90.0)
    assert (np.diff(shares) > 0).all()
    assert shares[0] < 0.01
    assert shares[-1] > 0.99


def test_wind_and_a_warm_surface_raise_the_exchange_and_stability_damps_it() -> None:
    neutral = exchange(3.0, 0.0, 0.0)
    assert 20.0 < neutral < 30.0
    assert exchange(3.0, 0.0, 5.0) > neutral > exchange(3.0, 0.0, -5.0) > 0
    assert exchange(6.0, 0.0, 0.0) == pytest.approx(2 * neutral)
    # the log law between 10 m over 0.4 m and 2 m over 1 mm
    law = 1.2986e3 * 0.16 * 3.0 / (np.log(26.0) * np.log(2001.0))
    assert neutral == pytest.approx(law, rel=0.01)
    assert exchange(0.4, 0.0, 10.0) > 3.0
    assert 0.0 < exchange(0.4, 0.0, -10.0) < 2.0


def test_grids_hold_the_whole_column_once() -> None:
    for build in ROAD_BUILDS.values():
        ground = column_grid(build.ground, None)
        assert 1.9e6 * ground[2, -1] < ground[1].sum() < 2.2e6 * ground[2, -1]
        deck = column_grid(build.deck, 0.3)
        assert deck[1].sum() == pytest.approx(2.1e6 * 0.3)
        assert 1.0 / deck[0, :-1] @ np.ones(13) > 0.3 / 2.3
        assert deck[0, -1] == 0


def test_every_surface_of_the_vocabulary_has_a_material() -> None:
    assert set(ROAD_MATERIAL_OF_SURFACE) == set(words()["surface"].choices)


@pytest.mark.parametrize(
    ("layers", "number"),
    [
        ((RoadLayer(0.1, 0.8, 2e6), RoadLayer(0.1, 1.0, 2e6)), 2),
        ((RoadLayer(0.0, 0.8, 2e6),), 1),
        ((RoadLayer(1.0, 0.0, 2e6),), 1),
        ((RoadLayer(1.0, 1.0, 2e6, -0.1),), 1),
        ((), 0),
    ],
)
def test_a_layer_that_cannot_be_built_is_named(layers: tuple[RoadLayer, ...], number: int) -> None:
    with pytest.raises(LingjingError) as caught:
        column_grid(layers, None)
    assert caught.value.code == "physics.bad-layer"
    assert caught.value.values["number"] == number


@numba.njit
def _fitted(celsius: float, over_ice: bool) -> float:
    return mixing_ratio_at(np.float32(celsius), over_ice)  # type: ignore[no-any-return]


@numba.njit
def _root(value: float) -> float:
    return cube_root(np.float32(value))  # type: ignore[no-any-return]


def test_the_fitted_vapour_pressures_are_those_of_humidity() -> None:
    for celsius in np.linspace(-50.0, 50.0, 21):
        assert _fitted(celsius, False) == pytest.approx(
            saturation_mixing_ratio(celsius, False), rel=1e-4
        )
        if celsius <= 0:
            assert _fitted(celsius, True) == pytest.approx(
                saturation_mixing_ratio(celsius, True), rel=1e-4
            )


def test_the_cube_root_is_one() -> None:
    for value in (1e-6, 0.5, 1.0, 27.0, 3.3e4, 1e9):
        assert _root(value) == pytest.approx(value ** (1 / 3), rel=1e-5)


@pytest.mark.parametrize("wind", [0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("colder", [0.05, 1.0, 4.0, 12.0])
def test_the_stable_exchange_solves_its_own_equation(wind: float, colder: float) -> None:
    """z/L from the exchange itself must give the exchange: z (B + s z) = Ri (A + s z)^2."""
    number = 9.81 * 2.0 * colder / (273.15 * wind**2)
    grid = np.linspace(0.0, 1.0, 200_001)[1:]
    solved = grid * (LOG_HEAT + 4.7 * grid) >= number * (LOG_WIND + 4.7 * grid) ** 2
    depth = grid[np.argmax(solved)] if solved.any() else 1.0
    neutral = 353.0 * 1005.0 / 273.15 * 0.16 * wind
    expected = neutral / ((LOG_WIND + 4.7 * depth) * (LOG_HEAT + 4.7 * depth))
    assert exchange(wind, 0.0, -colder) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("stability", [-0.01, -0.1, -0.4, -0.9])
def test_the_unstable_fit_keeps_to_the_exact_relation(stability: float) -> None:
    number, ratio = unstable_exchange(np.array([stability]))
    wind = 20.0  # free convection is small beside it
    warmer = float(number[0]) * 273.15 * wind**2 / (9.81 * 2.0)
    neutral = 353.0 * 1005.0 / 273.15 * 0.16 * wind / (LOG_WIND * LOG_HEAT)
    forced = neutral * float(ratio[0])
    joined = (forced**3 + 1.52**3 * warmer) ** (1 / 3)
    assert exchange(wind, 0.0, warmer) == pytest.approx(joined, rel=5e-3)
