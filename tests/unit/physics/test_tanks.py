"""Tanks: cooling, and ice from the lid and the walls."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from lingjing.physics.tanks import (
    TankColumns,
    TankForcing,
    TankParameters,
    sheet,
    simulate_tanks,
)

BARE = TankColumns(np.array([10.0]), 1.5, 0.003, 15.0, 0.0, 0.036, 6.0, 0.5, 0.0, 0.0)


def _steady(air: float, hours: int) -> TankForcing:
    return TankForcing(
        np.full((1, hours), air), np.full((1, hours), 3.0), np.full(hours, 1.0 / 24.0)
    )


def test_a_tank_cools_to_zero_at_the_lumped_rate() -> None:
    history = simulate_tanks(BARE, _steady(-8.0, 200), TankParameters.central(1))
    lid = 10.0 / 1.5
    loss = (lid + 4 * np.sqrt(lid) * 1.5) / (0.003 / 15.0 + 1.0 / (8.15 + 4 * 1.5))
    expected = 4.2e6 * 10.0 / loss * np.log(14.0 / 8.0) / 3600.0
    assert float(history.freezing_hour[0, 0]) == pytest.approx(expected, rel=0.01)


def test_ice_grows_by_the_square_root_law_through_its_film() -> None:
    resistance, cold = 0.07, 8.0 * 24 * 3600.0
    ice = sheet(0.0, resistance, cold)
    assert ice * resistance + ice**2 / (2 * 2.22) == pytest.approx(cold / (917.0 * 333_600.0))


def test_ice_under_the_lid_follows_the_law_through_a_cold_week() -> None:
    history = simulate_tanks(
        replace(BARE, supply_temperature_C=0.0), _steady(-8.0, 169), TankParameters.central(1)
    )
    resistance = 0.003 / 15.0 + 1.0 / (8.15 + 4 * 1.5)
    expected = 1000.0 * sheet(0.0, resistance, 8.0 * 168 * 3600.0)
    assert float(history.ice_thickness_mm[0, 0, -1]) == pytest.approx(expected, rel=0.01)
    assert history.wall_ice_thickness_mm[0, 0, -1] == history.ice_thickness_mm[0, 0, -1]
    assert 0 < history.ice_fraction[0, 0, -1] < 1


def test_use_keeps_a_tank_from_freezing_and_insulation_delays_it() -> None:
    weather, central = _steady(-8.0, 240), TankParameters.central(1)
    still = simulate_tanks(BARE, weather, central)
    used = simulate_tanks(replace(BARE, turnover_per_day=3.0), weather, central)
    wrapped = simulate_tanks(replace(BARE, insulation_thickness_m=0.03), weather, central)
    assert not np.isnan(still.freezing_hour).any()
    assert np.isnan(used.freezing_hour).all()
    late = np.nan_to_num(wrapped.freezing_hour, nan=np.inf)
    assert (late > 2 * still.freezing_hour).all()


def test_ice_melts_again_and_the_water_warms() -> None:
    air = np.concatenate([np.full(120, -8.0), np.full(400, 10.0)])[None]
    history = simulate_tanks(
        replace(BARE, volume_m3=1.0, water_depth_m=1.0),
        TankForcing(air, np.full(air.shape, 3.0), np.zeros(520)),
        TankParameters.central(1),
    )
    assert history.ice_thickness_mm.max() > 20
    assert history.ice_fraction[0, 0, -1] == 0
    assert history.water_temperature_C[0, 0, -1] > 5


def test_a_small_tank_freezes_through_and_no_further() -> None:
    history = simulate_tanks(
        replace(BARE, volume_m3=0.05, water_depth_m=0.3),
        _steady(-25.0, 300),
        TankParameters.central(1),
    )
    assert history.ice_fraction.max() == pytest.approx(1.0, abs=1e-6)


def test_threads_do_not_change_a_byte_of_the_tanks() -> None:
    columns = replace(BARE, volume_m3=np.linspace(0.2, 30.0, 9))
    air = -3.0 + 6.0 * np.sin(np.arange(96) / 4.0) + np.zeros((4, 1))
    forcing = TankForcing(air, np.full(air.shape, 2.0), np.full(96, 1 / 24))
    parameters = TankParameters.sampled(4, np.random.default_rng(1))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = [
            part.tobytes() for part in vars(simulate_tanks(columns, forcing, parameters)).values()
        ]
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        two = [
            part.tobytes() for part in vars(simulate_tanks(columns, forcing, parameters)).values()
        ]
    finally:
        numba.set_num_threads(before)
    assert one == two
