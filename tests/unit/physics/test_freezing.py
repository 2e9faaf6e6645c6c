"""Closed forms against the published checks."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.physics.freezing import (
    enthalpy_freezing_front,
    hours_to_cool,
    hours_to_ice_radius,
    hours_to_ice_share,
    hours_to_zero_insulated,
    neumann_front_m,
    neumann_lambda,
)
from lingjing.vocabulary import LingjingError

INCH = 0.0254
NEUMANN = [  # surface, water, lambda, mm at 1, 6, 24 h
    (-5.0, 0.0, 0.12480, 15.40, 37.72, 75.43),
    (-7.2, 0.0, 0.14942, 18.44, 45.16, 90.32),
    (-10.0, 0.0, 0.17559, 21.66, 53.07, 106.14),
    (-20.0, 0.0, 0.24587, 30.34, 74.31, 148.62),
    (-5.0, 5.0, 0.11632, 14.35, 35.15, 70.31),
    (-7.2, 5.0, 0.14041, 17.32, 42.43, 84.87),
    (-10.0, 5.0, 0.16603, 20.48, 50.18, 100.35),
    (-20.0, 5.0, 0.23486, 28.98, 70.98, 141.96),
]


@pytest.mark.parametrize(("air_F", "hours"), [(-18.0, 1.38), (20.0, 4.58)])
def test_ashrae_time_to_freezing_point_is_met(air_F: float, hours: float) -> None:
    found = hours_to_zero_insulated(
        2.067 * INCH, 2.375 * INCH, 1.5 * INCH, 0.30 * 0.144228, (42 - 32) / 1.8, (air_F - 32) / 1.8
    )
    assert float(found) == pytest.approx(hours, abs=0.02)


@pytest.mark.parametrize("row", NEUMANN)
def test_neumann_table_is_met(row: tuple[float, ...]) -> None:
    surface, water, constant, *fronts = row
    assert neumann_lambda(surface, water) == pytest.approx(constant, abs=5e-5)
    found = 1000.0 * neumann_front_m([1.0, 6.0, 24.0], surface, water)
    assert found == pytest.approx(fronts, abs=0.03)


@pytest.mark.parametrize(("spacing_mm", "published_mm"), [(10.0, 41.63), (5.0, 43.25)])
def test_enthalpy_front_approaches_neumann_at_first_order(
    spacing_mm: float, published_mm: float
) -> None:
    front = 1000.0 * enthalpy_freezing_front(6.0, -7.2, spacing_m=spacing_mm / 1000.0)
    assert front == pytest.approx(published_mm, abs=1.0)
    assert abs(front - 45.16) < 0.5 * spacing_mm


@pytest.mark.parametrize("row", NEUMANN)
def test_the_tracked_front_meets_the_neumann_table_at_quarter_centimetre_cells(
    row: tuple[float, ...],
) -> None:
    surface, water, _, *fronts = row
    # six hours take some thousand steps; one pair of rows is enough of them
    times = (1.0, 6.0) if surface == -7.2 else (1.0,)
    for hours, published in zip(times, fronts, strict=False):
        front = 1000.0 * enthalpy_freezing_front(hours, surface, water, scheme="tracked")
        assert front == pytest.approx(published, rel=0.005), hours


def test_the_plain_front_is_within_two_and_a_half_per_cent_after_six_hours() -> None:
    assert 1000.0 * enthalpy_freezing_front(6.0, -7.2) == pytest.approx(44.17, abs=0.1)
    assert abs(1000.0 * enthalpy_freezing_front(6.0, -7.2) - 45.16) <= 0.025 * 45.16


def test_a_scheme_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(LingjingError) as caught:
        enthalpy_freezing_front(1.0, -5.0, scheme="magic")  # type: ignore[arg-type]
    assert caught.value.code == "physics.unknown-method"
    assert "plain, tracked" in caught.value.remedy("en")


def test_the_order_of_convergence_is_one_with_an_error_of_about_two_fifths_of_a_cell() -> None:
    cells = np.array([0.01, 0.005, 0.0025])
    errors = np.array([0.04516 - enthalpy_freezing_front(6.0, -7.2, spacing_m=dz) for dz in cells])
    order = np.log2(errors[:-1] / errors[1:])
    assert order == pytest.approx(1.0, abs=0.25)
    assert errors / cells == pytest.approx(0.4, abs=0.06)


def test_finer_cells_bring_the_enthalpy_front_nearer() -> None:
    errors = [
        abs(enthalpy_freezing_front(6.0, -7.2, spacing_m=dz) - 0.04516) for dz in (0.01, 0.005)
    ]
    assert errors[1] < 0.65 * errors[0]


def test_cooling_never_ends_below_the_air() -> None:
    assert hours_to_cool(1000.0, 1.0, 5.0, 0.0, 1.0) == np.inf
    assert float(hours_to_cool(3600.0, 1.0, np.e, 1.0, 0.0)) == pytest.approx(1.0)


def test_a_quarter_of_ice_takes_longer_with_the_ice_in_the_way() -> None:
    inner = 0.0106
    quick = hours_to_ice_share(0.25, inner, 1.0, -5.0)
    slow = hours_to_ice_radius(inner * np.sqrt(0.75), inner, 1.0, -5.0)
    assert quick < slow < 1.05 * quick


def test_the_plug_formula_is_the_limit_of_the_annulus() -> None:
    near = hours_to_ice_radius(1e-9, 0.01, 0.8, -5.0)
    closed = 917.0 * 333.6e3 / 5.0 * (np.pi * 1e-4 * 0.8 + 1e-4 / (4 * 2.22)) / 3600.0
    assert float(hours_to_ice_radius(0.0, 0.01, 0.8, -5.0)) == pytest.approx(closed, rel=1e-9)
    assert float(near) == pytest.approx(closed, rel=1e-6)
