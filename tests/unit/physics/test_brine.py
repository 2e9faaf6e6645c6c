"""Salt and the freezing point."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.physics.brine import (
    concentration_pct,
    freezing_point_C,
    practice,
    road_freezing_point_C,
    salt_dose_g_m2,
)
from lingjing.vocabulary import LingjingError

CURVE = {1: -0.60, 3: -1.80, 5: -3.05, 8: -5.07, 10: -6.55, 15: -10.90, 20: -16.46, 23: -20.51}


def test_freezing_points_of_brine_are_met() -> None:
    for share, point in CURVE.items():
        assert float(freezing_point_C(share)) == pytest.approx(point, abs=0.05)


def test_concentration_is_the_inverse_of_the_freezing_point() -> None:
    points = np.linspace(-20.0, 0.0, 41)
    assert freezing_point_C(concentration_pct(points)) == pytest.approx(points, abs=1e-6)


def test_no_salt_is_enough_below_the_eutectic() -> None:
    assert np.isnan(concentration_pct(-25.0))
    assert np.isnan(salt_dose_g_m2(-25.0, 0.1))


def test_a_film_at_minus_five_needs_the_published_doses() -> None:
    assert salt_dose_g_m2(-5.0, [0.1, 0.5]) == pytest.approx([8.7, 43.0], rel=0.02)


def test_a_dry_road_or_a_warm_one_needs_no_salt() -> None:
    assert salt_dose_g_m2([-5.0, 1.0], [0.0, 1.0]) == pytest.approx([0.0, 0.0])


def test_the_dose_moves_the_freezing_point_to_the_road_temperature() -> None:
    dose = salt_dose_g_m2(-7.0, 0.3)
    assert float(road_freezing_point_C(dose, 0.3)) == pytest.approx(-7.0, abs=1e-6)


@pytest.mark.parametrize(
    ("hazard", "wetness", "temperature", "dry", "passes"),
    [
        ("frost", "wet", -1.0, 8.0, 1),
        ("frost", "dry_or_damp", -3.0, 10.0, 1),
        ("frost", "wet", -3.0, 16.0, 1),
        ("frost", "wet", -7.0, 15.0, 2),
        ("light_snow", "wet", -1.0, 20.0, 1),
        ("ice_formed", "wet", -6.0, 20.0, 2),
    ],
)
def test_practice_rows_are_those_published(
    hazard: str, wetness: str, temperature: float, dry: float, passes: int
) -> None:
    row = practice(hazard, wetness, temperature)
    assert row is not None
    assert (row.dry_g_m2, row.dry_passes) == (dry, passes)


def test_practice_is_silent_outside_its_range_and_refuses_unknown_hazards() -> None:
    assert practice("frost", "wet", -15.0) is None
    with pytest.raises(LingjingError, match=r"physics\.unknown-method"):
        practice("hail", "wet", 0.0)
    with pytest.raises(LingjingError, match=r"physics\.unknown-method"):
        practice("frost", "soaked", 0.0)
