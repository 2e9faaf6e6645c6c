"""The road column: balance, stores, bridges, convergence."""

from __future__ import annotations

import math
from dataclasses import replace

import numba
import numpy as np
import pytest

from lingjing.physics.brine import road_freezing_point_C
from lingjing.physics.materials import (
    RoadBuild,
    RoadLayer,
)
from lingjing.physics.road import (
    RoadColumns,
    RoadForcing,
    RoadHistory,
    RoadMaterial,
    RoadParameters,
    RoadReadings,
    RoadShade,
    simulate_roads,
)
from lingjing.physics.road_surface import exchange
from lingjing.vocabulary import LingjingError

ROAD = RoadColumns(np.array([False]), np.array([0]), 1.0, 0.0, 0.0)
HOURS = 97


def _forcing(hours: int = HOURS, members: int = 1, **given: object) -> RoadForcing:
    """Four clear winter days without precipitation, unless something else is given."""
    clock = np.arange(hours) % 24
    shape = (members, hours)
    air = 1.0 + 4.0 * np.sin((clock - 9) / 24 * 2 * np.pi)
    sun = np.clip(450.0 * np.sin((clock - 6.5) / 11 * np.pi), 0.0, None) * (clock < 18)
    values: dict[str, object] = {
        "air_temperature_C": np.broadcast_to(air, shape),
        "dew_point_C": np.full(shape, -6.0),
        "wind_speed_m_s": np.full(shape, 2.0),
        "shortwave_down_W_m2": np.broadcast_to(sun, shape),
        "longwave_down_W_m2": np.full(shape, 250.0),
        "precipitation_mm_h": np.zeros(shape),
        "traffic_profile": np.full(hours, 1.0 / 24.0),
    }
    return RoadForcing(**(values | given))  # type: ignore[arg-type]


def _stormy(members: int = 4) -> RoadForcing:
    rng = np.random.default_rng(11)
    shape = (members, HOURS)
    air = 1.0 + np.cumsum(rng.normal(0, 0.8, shape), axis=1)
    return _forcing(
        members=members,
        air_temperature_C=air,
        dew_point_C=air - rng.uniform(0, 4, shape),
        wind_speed_m_s=rng.uniform(0, 12, shape),
        precipitation_mm_h=np.where(rng.random(shape) < 0.3, rng.uniform(0, 8, shape), 0.0),
        longwave_down_W_m2=rng.uniform(220, 340, shape),
    )


MANY = RoadColumns(
    np.array([False, True, False, True, False]),
    np.array([0, 1, 2, 0, 3]),
    np.array([1.0, 1.0, 0.5, 0.8, 0.9]),
    np.array([0.0, 2e3, 1e4, 5e4, 500.0]),
    np.array([0.0, 0.2, 0.0, 0.6, 0.0]),
)


@pytest.mark.parametrize("step_s", [30.0, 60.0, 300.0])
def test_energy_and_water_close_in_any_weather(step_s: float) -> None:
    parameters = RoadParameters.sampled(4, np.random.default_rng(2))
    history = simulate_roads(MANY, _stormy(), parameters, step_s=step_s)
    assert history.energy_residual.max() < 1e-6
    assert np.abs(history.water_residual_mm).max() < 2e-3  # of some 300 mm, in float32
    assert history.snow_mm.max() > 0.5
    assert history.ice_mm.max() > 0.1


def test_a_smaller_step_changes_little_and_less_each_time() -> None:
    reference = simulate_roads(ROAD, _forcing(), RoadParameters.central(1), step_s=10.0)
    errors = [
        np.abs(
            simulate_roads(
                ROAD, _forcing(), RoadParameters.central(1), step_s=step
            ).surface_temperature_C
            - reference.surface_temperature_C
        ).max()
        for step in (300.0, 60.0, 30.0)
    ]
    assert errors[0] < 0.3
    assert errors[1] < 0.06
    assert errors[2] < 0.5 * errors[1] + 1e-4


def test_conduction_meets_the_exact_wave_in_uniform_ground() -> None:
    """A strongly coupled surface follows the air; the column below must take up the heat that
    the exact solution for a periodic surface temperature takes."""
    hours = 24 * 12 + 1
    clock = np.arange(hours)
    air = 6.0 * np.sin(2 * np.pi * clock / 24)
    forcing = _forcing(
        hours,
        air_temperature_C=air[None],
        dew_point_C=np.full((1, hours), -60.0),
        shortwave_down_W_m2=np.zeros((1, hours)),
        longwave_down_W_m2=5.670374419e-8 * (273.15 + air[None]) ** 4,
        wind_speed_m_s=np.full((1, hours), 25.0),  # no effect of stability left
        deep_temperature_C=np.zeros(1),
    )
    gravel = replace(ROAD, surface_material=np.array([RoadMaterial.GRAVEL]))
    parameters = replace(
        RoadParameters.central(1), film_factor=np.full(1, 0.5), moisture_factor=np.zeros(1)
    )
    found = simulate_roads(gravel, forcing, parameters).surface_temperature_C[0, 0, -25:-1]
    # exact: uniform half-space under a film h: T = A / (1 + b sqrt(i)), b = sqrt(k C w) / h
    pulse = 2 * np.pi / 86400
    amplitude = np.abs(np.fft.rfft(found)[1]) / 12
    film = 0.5 * exchange(25.0, 0.0, 0.0) + 0.95 * 4 * 5.67e-8 * 273.15**3
    uniform = np.sqrt(0.95 * 2.1e6 * pulse)
    expected = 6.0 / np.abs(1.0 + uniform * np.exp(0.25j * np.pi) / film)
    assert amplitude == pytest.approx(expected, rel=0.03)


def test_the_ground_starts_at_the_mean_of_the_first_day_and_remembers_the_deep() -> None:
    central = RoadParameters.central(1)
    forcing = _forcing()
    air = np.asarray(forcing.air_temperature_C)
    start = simulate_roads(ROAD, forcing, central).surface_temperature_C[0, 0, 0]
    assert start == pytest.approx(air[0, :24].mean(), abs=1e-4)
    shifted = replace(central, initial_ground_offset_K=np.array([2.5]))
    assert simulate_roads(ROAD, forcing, shifted).surface_temperature_C[0, 0, 0] == pytest.approx(
        start + 2.5, abs=1e-4
    )
    warm, cold = (
        simulate_roads(
            ROAD, replace(forcing, deep_temperature_C=np.array([deep])), central
        ).surface_temperature_C[0, 0]
        for deep in (14.0, 4.0)
    )
    assert warm[0] == pytest.approx(cold[0])
    assert 0.1 < warm[72] - cold[72] < 3.0


def test_a_clear_calm_night_cools_a_road_below_the_air() -> None:
    history = simulate_roads(ROAD, _forcing(), RoadParameters.central(1), first_output=48)
    air = _forcing().air_temperature_C[0, 48:]  # type: ignore[index,call-overload]
    surface = history.surface_temperature_C[0, 0]
    night = (np.arange(48, HOURS) % 24) == 5
    assert (surface[night] < air[night]).all()  # type: ignore[operator]
    noon = (np.arange(48, HOURS) % 24) == 13
    assert (surface[noon] > air[noon]).all()  # type: ignore[operator]


def test_a_bridge_freezes_before_the_road() -> None:
    pair = RoadColumns(np.array([False, True]), np.array([0, 0]), 1.0, 0.0, np.array([0.0, 0.25]))
    air = np.concatenate([np.full(48, 6.0), np.linspace(6.0, -4.0, 49)])[None]
    forcing = _forcing(
        air_temperature_C=air,
        shortwave_down_W_m2=np.zeros((1, HOURS)),
        longwave_down_W_m2=5.67e-8 * (air + 273.15) ** 4 - 25.0,
    )
    surface = simulate_roads(pair, forcing, RoadParameters.central(1)).surface_temperature_C[:, 0]
    first = [int(np.argmax(row < 0)) for row in surface]
    assert 0 < first[1] < first[0]


def test_walls_and_traffic_keep_a_street_warmer_at_night() -> None:
    trio = RoadColumns(
        np.zeros(3), np.zeros(3), np.array([1.0, 0.4, 1.0]), np.array([0.0, 0.0, 1e5]), 0.0
    )
    forcing = _forcing(shortwave_down_W_m2=np.zeros((1, HOURS)))
    last = simulate_roads(trio, forcing, RoadParameters.central(1)).surface_temperature_C[:, 0, -1]
    assert last[1] > last[0] + 0.5
    assert last[2] > last[0] + 0.3


def _weather_of(air: float, rain: float, hours: int = 49, **given: object) -> RoadForcing:
    shape = (1, hours)
    return _forcing(
        hours,
        air_temperature_C=np.full(shape, air),
        dew_point_C=np.full(shape, air),
        shortwave_down_W_m2=np.zeros(shape),
        longwave_down_W_m2=np.full(shape, 5.67e-8 * (air + 273.15) ** 4),
        precipitation_mm_h=np.full(shape, rain),
        **given,
    )


def test_cold_precipitation_stays_as_snow_and_warm_runs_off() -> None:
    central = RoadParameters.central(1)
    cold = simulate_roads(ROAD, _weather_of(-5.0, 1.0), central)
    assert cold.snow_mm[0, 0, -1] == pytest.approx(48.0, rel=0.02)
    assert cold.water_mm.max() < 0.01
    warm = simulate_roads(ROAD, _weather_of(6.0, 1.0), central)
    assert warm.snow_mm.max() == 0
    assert 0.5 < warm.water_mm[0, 0, -1] <= 2.0


def test_melting_snow_holds_the_road_at_zero_until_it_is_gone() -> None:
    hours = 97
    air = np.where(np.arange(hours) < 24, -5.0, 4.0)[None]
    forcing = _forcing(
        hours,
        air_temperature_C=air,
        dew_point_C=air - 1.0,
        shortwave_down_W_m2=np.zeros((1, hours)),
        wind_speed_m_s=np.full((1, hours), 1.5),
        longwave_down_W_m2=np.full((1, hours), 310.0),
        precipitation_mm_h=np.where(np.arange(hours) < 20, 0.3, 0.0)[None],
    )
    history = simulate_roads(ROAD, forcing, RoadParameters.central(1))
    snow = history.snow_mm[0, 0]
    surface = history.surface_temperature_C[0, 0]
    melting = (snow[:-1] > snow[1:] + 0.01) & (snow[1:] > 0) & (np.arange(hours - 1) > 26)
    assert melting.sum() > 3
    assert surface[1:][melting] == pytest.approx(0.0, abs=1e-6)
    assert snow[-1] == 0
    assert surface[-1] > 0.5


def test_a_wet_road_freezes_to_ice_and_its_heat_delays_the_cold() -> None:
    hours = 49
    clock = np.arange(hours)
    air = np.where(clock < 12, 3.0, -6.0)[None]
    wet = _forcing(
        hours,
        air_temperature_C=air,
        dew_point_C=air - 0.5,
        shortwave_down_W_m2=np.zeros((1, hours)),
        precipitation_mm_h=np.where(clock < 10, 1.0, 0.0)[None],
    )
    parameters = replace(RoadParameters.central(1), drainage_per_h=np.zeros(1))
    history = simulate_roads(ROAD, wet, parameters)
    assert history.ice_mm[0, 0, -1] > 0.5
    assert history.water_mm[0, 0, -1] == 0
    dry = simulate_roads(ROAD, replace(wet, precipitation_mm_h=np.zeros((1, hours))), parameters)
    crossing = slice(13, 30)
    warmer = (
        history.surface_temperature_C[0, 0, crossing] - dry.surface_temperature_C[0, 0, crossing]
    )
    assert warmer.max() > 0.3


def test_moist_air_lays_frost_on_a_radiating_road_and_dry_air_none() -> None:
    shape = (1, HOURS)
    cold = np.full(shape, -3.0)
    base = _forcing(
        air_temperature_C=cold,
        dew_point_C=np.full(shape, -3.5),
        shortwave_down_W_m2=np.zeros(shape),
        longwave_down_W_m2=np.full(shape, 210.0),
    )
    central = RoadParameters.central(1)
    assert simulate_roads(ROAD, base, central).frost_mm[0, 0, -1] > 0.05
    dry = replace(base, dew_point_C=np.full(shape, -25.0))
    assert simulate_roads(ROAD, dry, central).frost_mm.max() == 0


def test_traffic_wears_snow_and_packs_some_to_ice() -> None:
    busy = replace(ROAD, traffic_per_day=20_000.0)
    forcing = _weather_of(-5.0, 0.0)
    fall = np.zeros((1, 49))
    fall[0, 1:5] = 2.0
    forcing = replace(forcing, precipitation_mm_h=fall)
    central = RoadParameters.central(1)
    quiet, worn = (simulate_roads(road, forcing, central) for road in (ROAD, busy))
    assert worn.snow_mm[0, 0, -1] < 0.2 * quiet.snow_mm[0, 0, -1]
    assert worn.ice_mm.max() > 0.1 > quiet.ice_mm.max()


def test_stores_stay_under_the_maxima_of_roadsurf() -> None:
    history = simulate_roads(ROAD, _weather_of(-5.0, 10.0), RoadParameters.central(1))
    assert history.snow_mm.max() == pytest.approx(100.0)
    pouring = simulate_roads(ROAD, _weather_of(5.0, 30.0), RoadParameters.central(1))
    assert pouring.water_mm.max() <= 2.0


def test_threads_do_not_change_a_byte_of_the_roads() -> None:
    parameters = RoadParameters.sampled(4, np.random.default_rng(2))
    before = numba.get_num_threads()

    def bytes_of() -> list[bytes]:
        history: RoadHistory = simulate_roads(MANY, _stormy(), parameters, step_s=300.0)
        return [part.tobytes() for part in vars(history).values()]

    try:
        numba.set_num_threads(1)
        one = bytes_of()
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        assert bytes_of() == one
    finally:
        numba.set_num_threads(before)


def _bytes(history: RoadHistory, roads: slice | list[int]) -> list[bytes]:
    return [np.ascontiguousarray(part[roads]).tobytes() for part in vars(history).values()]


def test_a_road_is_computed_alike_whatever_lies_beside_it() -> None:
    """Neighbours in the block, salt on them included, change no bit."""
    parameters = RoadParameters.sampled(4, np.random.default_rng(2))
    salt = np.zeros((40, HOURS))
    salt[1::2, 10] = 20.0
    many = RoadColumns(*(np.tile(part, 8) for part in list(vars(MANY).values())[:5]))
    whole = simulate_roads(many, _stormy(), parameters, salt_g_m2=salt, step_s=300.0)
    for road in (0, 7, 38):
        single = RoadColumns(*(part[[road]] for part in list(vars(many).values())[:5]))
        alone = simulate_roads(single, _stormy(), parameters, salt_g_m2=salt[[road]], step_s=300.0)
        assert _bytes(alone, [0]) == _bytes(whole, [road])


def _wet_and_cold(hours: int = 49) -> RoadForcing:
    """Rain, then a night well below the freezing point."""
    clock = np.arange(hours)
    air = np.where(clock < 12, 2.0, -5.0)[None]
    return _forcing(
        hours,
        air_temperature_C=air,
        dew_point_C=air - 0.5,
        shortwave_down_W_m2=np.zeros((1, hours)),
        longwave_down_W_m2=5.67e-8 * (air + 273.15) ** 4 - 20.0,
        precipitation_mm_h=np.where(clock < 10, 1.0, 0.0)[None],
    )


def test_salt_keeps_brine_liquid_down_to_its_freezing_point_and_no_further() -> None:
    doses = np.zeros((3, 49))
    doses[:, 12] = [0.0, 15.0, 80.0]
    trio = RoadColumns(np.zeros(3), np.zeros(3), 1.0, 0.0, 0.0)
    history = simulate_roads(trio, _wet_and_cold(), RoadParameters.central(1), salt_g_m2=doses)
    ice, water = history.ice_mm[:, 0, -1], history.water_mm[:, 0, -1]
    assert ice[0] > ice[1] > 0.05
    assert ice[2] < 1e-3
    assert water[0] == 0
    # what is left of the brine freezes just at the temperature of the road
    point = road_freezing_point_C(history.salt_g_m2[1, 0, -1], water[1])
    assert point == pytest.approx(history.surface_temperature_C[1, 0, -1], abs=0.1)
    assert history.energy_residual.max() < 1e-6
    assert np.abs(history.water_residual_mm).max() < 1e-3


def test_salt_leaves_with_the_water_that_drains_and_stays_on_a_dry_road() -> None:
    doses = np.zeros((1, 49))
    doses[0, 2] = 20.0
    rain = simulate_roads(ROAD, _weather_of(5.0, 3.0), RoadParameters.central(1), salt_g_m2=doses)
    dry = simulate_roads(ROAD, _weather_of(-5.0, 0.0), RoadParameters.central(1), salt_g_m2=doses)
    assert rain.salt_g_m2[0, 0, 1] == 0
    assert 0 < rain.salt_g_m2[0, 0, -1] < 2.0
    assert dry.salt_g_m2[0, 0, -1] == pytest.approx(20.0)


def test_frozen_moisture_of_the_ground_holds_back_frost_and_thaw() -> None:
    hours = 24 * 20 + 1
    air = np.where(np.arange(hours) < 240, -8.0, 6.0)[None]
    forcing = _forcing(
        hours,
        air_temperature_C=air,
        dew_point_C=air - 3.0,
        shortwave_down_W_m2=np.zeros((1, hours)),
        longwave_down_W_m2=5.67e-8 * (air + 273.15) ** 4,
        deep_temperature_C=np.full(1, 3.0),
    )
    moist = replace(RoadParameters.central(1), initial_ground_offset_K=np.full(1, 8.0))
    dry = replace(moist, moisture_factor=np.zeros(1))
    one, other = (simulate_roads(ROAD, forcing, given, step_s=300.0) for given in (moist, dry))
    difference = one.surface_temperature_C[0, 0] - other.surface_temperature_C[0, 0]
    assert difference[120:239].max() > 0.05  # its heat comes up while it freezes
    assert difference[300:].min() < -0.02  # and is taken back while it thaws
    assert one.energy_residual.max() < 1e-6


def test_freezing_ground_meets_the_front_of_neumann() -> None:
    """A saturated uniform ground under a surface held below zero freezes as the closed form says:
    lambda solves the transcendental equation for equal properties, no heat in the warm side."""
    hours = 24 * 6 + 1
    water, k, c = 0.3, 1.0, 2.0e6
    ground = (RoadLayer(9.0, k, c, water),)
    build = RoadBuild(0.1, ground, ground)
    column = RoadColumns(np.zeros(1), np.zeros(1), 1.0, 0.0, 0.0, builds=(build,))
    held = np.full((1, hours), -6.0)
    forcing = _forcing(
        hours,
        air_temperature_C=np.full((1, hours), 0.01),
        dew_point_C=np.full((1, hours), -30.0),
        shortwave_down_W_m2=np.zeros((1, hours)),
        deep_temperature_C=np.full(1, 0.01),
    )
    history = simulate_roads(
        column, forcing, RoadParameters.central(1), readings=RoadReadings(held, gain=0.0)
    )
    # heat drawn through the surface at the end: k (0 - Ts) / (sqrt(pi a t) erf(lambda))
    surface = float(history.surface_temperature_C[0, 0, -1])
    stefan = c * -surface / (water * 1000 * 3.336e5)
    grid = np.linspace(1e-3, 1.5, 200_000)
    error = np.vectorize(math.erf)(grid)
    rate = grid[np.argmin(np.abs(np.sqrt(np.pi) * grid * np.exp(grid**2) * error - stefan))]
    seconds = (hours - 1) * 3600.0
    expected = k * -surface / (math.sqrt(math.pi * k / c * seconds) * math.erf(float(rate)))
    lost = 0.95 * 5.67e-8 * (273.15 + surface) ** 4 - 0.95 * 250.0
    film = exchange(2.0, 0.01, surface)
    held_back = 500.0 * (-6.0 - surface)  # what the reading draws out
    drawn = -held_back + lost - film * (0.01 - surface)
    assert drawn == pytest.approx(expected, rel=0.08)


def test_shade_takes_the_direct_sun_and_leaves_the_sky() -> None:
    trio = RoadColumns(np.zeros(3), np.zeros(3), np.array([1.0, 1.0, 0.5]), 0.0, 0.0)
    lit = np.array([1.0, 0.0, 0.0])[:, None]
    shade = RoadShade(lit, direct_share=0.7, wall_albedo=0.0)
    history = simulate_roads(trio, _forcing(), RoadParameters.central(1), shade=shade)
    open_road = simulate_roads(ROAD, _forcing(), RoadParameters.central(1))
    noon = 24 * 3 + 13
    sunny, shaded, street = history.surface_temperature_C[:, 0, noon]
    assert sunny == open_road.surface_temperature_C[0, 0, noon]
    assert sunny > shaded + 3.0
    assert shaded > street


def test_readings_settle_the_ground_and_teach_the_lacking_flux_which_fades() -> None:
    """A sky 40 W/m² colder than forecast: the readings must find it and carry it on a while."""
    truth = replace(_forcing(), longwave_down_W_m2=np.full((1, HOURS), 210.0))
    real = simulate_roads(ROAD, truth, RoadParameters.central(1)).surface_temperature_C[0]
    known = real.astype(np.float64).copy()
    known[:, 79:] = np.nan  # the sensor falls silent at 6 in the morning
    central = RoadParameters.central(1)
    free, state, both = (
        simulate_roads(ROAD, _forcing(), central, readings=given)
        for given in (None, RoadReadings(known, gain=0.0), RoadReadings(known, gain=1.0))
    )
    error = [
        np.abs(item.surface_temperature_C[0, 0] - real[0])[79:85] for item in (free, state, both)
    ]
    assert error[0].mean() > 1.2 * error[1].mean() > 2.0 * error[2].mean()
    held = both.surface_temperature_C[0, 0, 30:79] - real[0, 30:79]
    assert np.abs(held).max() < 0.15
    # 18 hours after the last reading e^(-18/4) of it is left
    silent = simulate_roads(
        ROAD, _forcing(79), central, readings=RoadReadings(known[:, :79], gain=1.0)
    )
    assert silent.lacking_W_m2[0, 0, -1] == pytest.approx(-0.95 * 40.0, rel=0.2)
    assert abs(both.lacking_W_m2[0, 0, -1]) < 0.02 * abs(silent.lacking_W_m2[0, 0, -1])


def test_a_lacking_flux_learnt_elsewhere_cools_a_road_without_a_sensor() -> None:
    silent = np.full((1, HOURS), np.nan)
    central = RoadParameters.central(1)
    free = simulate_roads(ROAD, _forcing(), central).surface_temperature_C[0, 0]
    told = simulate_roads(
        ROAD, _forcing(), central, readings=RoadReadings(silent, 1.0, lacking_W_m2=-40.0)
    ).surface_temperature_C[0, 0]
    assert told[3] < free[3] - 0.3
    assert abs(told[-1] - free[-1]) < 0.05


def test_a_flux_told_hour_by_hour_does_to_a_neighbour_what_the_readings_did_to_the_road() -> None:
    """The neighbour takes the whole flux of each hour, and ends near the road with the sensor."""
    central = RoadParameters.central(1)
    cold = replace(_forcing(), longwave_down_W_m2=np.full((1, HOURS), 210.0))
    real = simulate_roads(ROAD, cold, central).surface_temperature_C[0].astype(np.float64)
    real[:, 79:] = np.nan
    sensed = simulate_roads(ROAD, _forcing(), central, readings=RoadReadings(real))
    told = sensed.lacking_W_m2.copy()
    told[:, :, 79:] = np.nan
    silent = np.full((1, HOURS), np.nan)
    free, beside = (
        simulate_roads(ROAD, _forcing(), central, readings=given).surface_temperature_C[0, 0]
        for given in (None, RoadReadings(silent, lacking_W_m2=told))
    )
    truth = sensed.surface_temperature_C[0, 0]
    assert np.abs(beside - truth)[48:85].mean() < 0.35 * np.abs(free - truth)[48:85].mean()
    assert np.abs(free - truth)[48:79].mean() > 1.0


def test_impossible_shade_salt_and_readings_are_named() -> None:
    central = RoadParameters.central(1)
    for given, field in (
        ({"shade": RoadShade(1.5, 0.5)}, "lit"),
        ({"shade": RoadShade(1.0, -0.5)}, "direct_share"),
        ({"salt_g_m2": -1.0}, "salt_g_m2"),
        ({"readings": RoadReadings(np.full((1, HOURS), 200.0))}, "readings"),
        ({"readings": RoadReadings(np.full((1, HOURS), 0.0), gain=2.0)}, "gain"),
        (
            {"readings": RoadReadings(np.nan, lacking_W_m2=np.full((1, 1, HOURS), 900.0))},
            "lacking_W_m2",
        ),
    ):
        with pytest.raises(LingjingError) as caught:
            simulate_roads(ROAD, _forcing(), central, **given)  # type: ignore[arg-type]
        assert caught.value.place is not None
        assert caught.value.place.field == field
