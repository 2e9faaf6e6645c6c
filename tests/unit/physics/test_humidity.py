"""Water vapour."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.physics.humidity import (
    dew_point_C,
    mixing_ratio_kg_kg,
    relative_humidity_pct,
    saturation_mixing_ratio,
    saturation_vapour_pressure_hPa,
    saturation_vapour_pressure_ice_hPa,
    wet_bulb_C,
)


def test_saturation_over_water_matches_the_wmo_tables() -> None:
    # WMO-No. 8 / Goff-Gratch: 0, 10, 20, 30 degC
    expected = [6.11, 12.27, 23.37, 42.43]
    assert saturation_vapour_pressure_hPa([0.0, 10.0, 20.0, 30.0]) == pytest.approx(
        expected, rel=4e-3
    )


def test_saturation_over_ice_matches_the_wmo_tables() -> None:
    expected = [6.11, 4.015, 2.597, 1.032]
    assert saturation_vapour_pressure_ice_hPa([0.0, -5.0, -10.0, -20.0]) == pytest.approx(
        expected, rel=4e-3
    )


def test_dew_point_and_relative_humidity_are_inverse() -> None:
    temperature = np.linspace(-30.0, 40.0, 15)[:, None]
    humidity = np.array([5.0, 40.0, 80.0, 100.0])
    back = relative_humidity_pct(temperature, dew_point_C(temperature, humidity))
    assert back == pytest.approx(np.broadcast_to(humidity, back.shape), rel=1e-9)


def test_dew_point_of_saturated_air_is_its_temperature() -> None:
    assert dew_point_C([-10.0, 0.0, 25.0], 100.0) == pytest.approx([-10.0, 0.0, 25.0], abs=1e-9)


def test_wet_bulb_lies_between_dew_point_and_temperature_and_solves_the_psychrometer() -> None:
    temperature, dew = np.array([-5.0, 5.0, 20.0, 30.0]), np.array([-9.0, 1.0, 9.27, 15.0])
    wet = wet_bulb_C(temperature, dew)
    assert ((wet > dew) & (wet < temperature)).all()
    vapour = saturation_vapour_pressure_hPa(wet) - 6.62e-4 * 1013.25 * (temperature - wet)
    assert vapour == pytest.approx(saturation_vapour_pressure_hPa(dew), rel=1e-5)


def test_the_kernel_uses_the_same_saturation_as_the_functions() -> None:
    water = mixing_ratio_kg_kg(saturation_vapour_pressure_hPa(-3.0))
    ice = mixing_ratio_kg_kg(saturation_vapour_pressure_ice_hPa(-3.0))
    assert saturation_mixing_ratio(-3.0, False) == pytest.approx(float(water), rel=1e-12)
    assert saturation_mixing_ratio(-3.0, True) == pytest.approx(float(ice), rel=1e-12)
    assert ice < water
