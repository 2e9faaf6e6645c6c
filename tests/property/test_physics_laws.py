"""Laws of the cold that hold for every pipe, tank, road and dose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.physics.brine import road_freezing_point_C, salt_dose_g_m2
from lingjing.physics.freezing import hours_to_ice_radius
from lingjing.physics.pipes import PipeColumns, PipeForcing, PipeParameters, simulate_pipes
from lingjing.physics.road import RoadColumns, RoadForcing, RoadParameters, simulate_roads
from lingjing.physics.tanks import TankColumns, TankForcing, TankParameters, simulate_tanks

HOURS = 72
LAWS = settings(max_examples=60, deadline=None)


def _number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def pipes(draw: st.DrawFn) -> PipeColumns:
    return PipeColumns(
        np.array([draw(_number(0.015, 0.2))]),
        draw(_number(0.002, 0.01)),
        draw(st.sampled_from([0.22, 15.0, 50.0, 380.0])),
        draw(_number(1.5e6, 4e6)),
        draw(_number(0.0, 0.05)),
        draw(_number(0.03, 0.05)),
        draw(_number(3.0, 12.0)),
        draw(_number(0.0, 1.0)),
        draw(st.sampled_from([0.0, 0.5, 3.0, 12.0])),
        draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])),
    )


@st.composite
def nights(draw: st.DrawFn) -> np.ndarray:
    mean, swing, fall = draw(_number(-12, 4)), draw(_number(0, 8)), draw(_number(-8, 8))
    hours = np.arange(HOURS)
    air = mean + swing * np.sin((hours - 9) / 24 * 2 * np.pi) - fall * hours / HOURS
    return np.asarray(air[None])


def _pipe_weather(air: np.ndarray, wind: float = 2.0, use: float = 0.2) -> PipeForcing:
    return PipeForcing(air, np.full(air.shape, wind), np.full(air.shape[1], use))


def _late(hours: np.ndarray) -> np.ndarray:
    return np.nan_to_num(hours, nan=np.inf)


def _parameters(supercooling: float) -> PipeParameters:
    central = PipeParameters.central(1)
    return replace(central, nucleation_supercooling_K=np.array([supercooling]))


@LAWS
@given(pipes(), nights(), _number(0.0, 6.0), _number(0.0, 6.0))
def test_colder_air_never_freezes_a_pipe_later(
    pipe: PipeColumns, air: np.ndarray, colder: float, supercooling: float
) -> None:
    parameters = _parameters(supercooling)
    mild = simulate_pipes(pipe, _pipe_weather(air), parameters)
    cold = simulate_pipes(pipe, _pipe_weather(air - colder), parameters)
    assert (_late(cold.freezing_hour) <= _late(mild.freezing_hour) + 1e-4).all()
    assert (_late(cold.plugged_hour) <= _late(mild.plugged_hour) + 0.34).all()


@LAWS
@given(pipes(), nights(), _number(0.0, 0.05), _number(0.0, 6.0))
def test_more_insulation_never_freezes_a_pipe_sooner(
    pipe: PipeColumns, air: np.ndarray, more: float, supercooling: float
) -> None:
    # falling weather: in a thaw insulation also keeps the cold in
    air = np.minimum.accumulate(np.minimum(air, float(pipe.supply_temperature_C)), axis=1)  # type: ignore[arg-type]
    wrapped = replace(
        pipe,
        insulation_thickness_m=float(pipe.insulation_thickness_m) + more,  # type: ignore[arg-type]
    )
    thin = simulate_pipes(pipe, _pipe_weather(air), _parameters(supercooling))
    thick = simulate_pipes(wrapped, _pipe_weather(air), _parameters(supercooling))
    assert (_late(thick.freezing_hour) >= _late(thin.freezing_hour) - 1e-4).all()


@LAWS
@given(pipes(), nights(), _number(0.0, 1.0), _number(0.0, 1.0))
def test_sounder_insulation_never_freezes_or_plugs_a_pipe_sooner(
    pipe: PipeColumns, air: np.ndarray, one: float, other: float
) -> None:
    air = np.minimum.accumulate(np.minimum(air - 3, float(pipe.supply_temperature_C)), axis=1)  # type: ignore[arg-type]
    torn, sound = (
        simulate_pipes(
            replace(pipe, insulation_soundness=share), _pipe_weather(air), _parameters(2.0)
        )
        for share in sorted((one, other))
    )
    assert (_late(sound.freezing_hour) >= _late(torn.freezing_hour) - 1e-4).all()
    assert (_late(sound.plugged_hour) >= _late(torn.plugged_hour) - 0.34).all()


@LAWS
@given(pipes(), nights(), _number(0.0, 20.0), _number(0.0, 900.0), _number(0.1, 1.5))
def test_a_drip_or_the_sun_never_freezes_a_pipe_sooner(
    pipe: PipeColumns, air: np.ndarray, drip: float, light: float, exposure: float
) -> None:
    weather = _pipe_weather(air - 3)
    base = simulate_pipes(pipe, weather, _parameters(2.0)).freezing_hour
    dripping = simulate_pipes(replace(pipe, drip_L_h=drip), weather, _parameters(2.0))
    lit = simulate_pipes(
        replace(pipe, sun_exposure=exposure),
        replace(weather, shortwave_down_W_m2=np.full(air.shape, light)),
        _parameters(2.0),
    )
    assert (_late(dripping.freezing_hour) >= _late(base) - 1e-4).all()
    assert (_late(lit.freezing_hour) >= _late(base) - 1e-4).all()


@LAWS
@given(pipes(), nights(), _number(0.0, 6.0))
def test_ice_is_a_share_and_events_come_in_order(
    pipe: PipeColumns, air: np.ndarray, supercooling: float
) -> None:
    history = simulate_pipes(pipe, _pipe_weather(air - 3, use=0.0), _parameters(supercooling))
    assert ((history.ice_fraction >= 0) & (history.ice_fraction <= 1)).all()
    order = [
        _late(hours)[0, 0]
        for hours in (
            history.freezing_hour, history.plugged_hour, history.cracked_hour, history.burst_hour
        )
    ]  # fmt: skip
    assert order == sorted(order)
    with_ice = (history.ice_fraction > 0) & (history.ice_fraction < 1)
    assert (history.water_temperature_C[with_ice] == 0).all()
    coldest = min(float(air.min()) - 3, 0.0)
    assert history.water_temperature_C.min() >= coldest - 1e-3


@LAWS
@given(nights(), _number(0.0, 6.0), _number(0.1, 50.0), _number(0.0, 0.1), _number(0.0, 2.0))
def test_a_tank_in_colder_air_or_thinner_coat_never_freezes_later(
    air: np.ndarray, colder: float, volume: float, coat: float, turnover: float
) -> None:
    tank = TankColumns(np.array([volume]), 1.0, 0.003, 15.0, coat, 0.036, 6.0, 0.5, 0.0, turnover)
    weather = TankForcing(air, np.full(air.shape, 3.0), np.full(HOURS, 1 / 24))
    central = TankParameters.central(1)
    base = simulate_tanks(tank, weather, central)
    cold = simulate_tanks(tank, replace(weather, air_temperature_C=air - colder), central)
    assert (_late(cold.freezing_hour) <= _late(base.freezing_hour) + 1e-3).all()
    assert (cold.ice_thickness_mm >= base.ice_thickness_mm - 1e-3).all()
    assert (base.ice_fraction >= 0).all()
    assert (base.ice_fraction <= 1 + 1e-6).all()


@LAWS
@given(_number(0.0, 200.0), _number(0.0, 200.0), _number(0.0, 5.0))
def test_more_salt_never_raises_the_freezing_point(salt: float, more: float, water: float) -> None:
    assert road_freezing_point_C(salt + more, water) <= road_freezing_point_C(salt, water)


@LAWS
@given(_number(-20.0, 0.0), _number(0.0, 5.0), _number(0.01, 3.0))
def test_colder_or_wetter_roads_never_need_less_salt(
    road: float, colder: float, water: float
) -> None:
    dose = salt_dose_g_m2(road, water)
    cold = max(road - colder, -20.0)
    assert salt_dose_g_m2(cold, water) >= dose - 1e-9
    assert salt_dose_g_m2(road, 2 * water) >= dose - 1e-9


@LAWS
@given(_number(0.0, 0.009), _number(0.001, 0.2), _number(-15.0, -0.5), _number(0.1, 5.0))
def test_the_closed_form_slows_with_ice_resistance_and_mild_air(
    radius: float, film: float, air: float, milder: float
) -> None:
    here = hours_to_ice_radius(radius, 0.01, film, air)
    assert here >= 0
    assert hours_to_ice_radius(radius, 0.01, 2 * film, air) >= here
    assert hours_to_ice_radius(radius, 0.01, film, min(air + milder, -0.1)) >= here


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0, 1, 2, 3]))
def test_road_stores_are_never_negative_and_energy_and_water_close(
    seed: int, bridge: bool, material: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, 49)
    air = rng.uniform(-12, 8) + np.cumsum(rng.normal(0, 1.0, shape), axis=1)
    forcing = RoadForcing(
        air,
        air - rng.uniform(0, 6, shape),
        rng.uniform(0, 15, shape),
        rng.uniform(0, 600, shape),
        rng.uniform(180, 350, shape),
        np.where(rng.random(shape) < 0.4, rng.uniform(0, 20, shape), 0.0),
        np.full(49, 1 / 24),
    )
    road = RoadColumns(
        np.array([bridge]), np.array([material]), rng.uniform(0, 1), rng.uniform(0, 5e4),
        rng.uniform(0.1, 1.0),
    )  # fmt: skip
    history = simulate_roads(road, forcing, RoadParameters.sampled(2, rng), step_s=300.0)
    for store in (history.water_mm, history.snow_mm, history.ice_mm, history.frost_mm):
        assert store.min() >= 0
    assert history.energy_residual.max() < 1e-6
    assert np.abs(history.water_residual_mm).max() < 2e-3
    assert np.isfinite(history.surface_temperature_C).all()


@settings(max_examples=30, deadline=None)
@given(nights(), _number(0.0, 8.0))
def test_a_dry_road_is_never_warmer_in_colder_weather(air: np.ndarray, colder: float) -> None:
    dry, calm = np.full(air.shape, -60.0), np.full(air.shape, 3.0)
    none = np.zeros(air.shape)
    road = RoadColumns(np.zeros(1), np.zeros(1), 1.0, 0.0, 0.0)
    central = RoadParameters.central(1)
    surfaces = [
        simulate_roads(
            road,
            RoadForcing(air - fall, dry, calm, none, none + 260 - 4 * fall, none, np.zeros(HOURS)),
            central,
            step_s=300.0,
        ).surface_temperature_C
        for fall in (0.0, colder)
    ]
    assert (surfaces[1] <= surfaces[0] + 1e-3).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(1.0, 60.0), st.floats(0.5, 60.0))
def test_more_salt_never_leaves_more_ice_on_a_road(seed: int, dose: float, more: float) -> None:
    rng = np.random.default_rng(seed)
    hours = 25
    air = np.linspace(2.0, rng.uniform(-12.0, -1.0), hours)[None]
    dark = np.zeros((1, hours))
    rain = np.where(np.arange(hours) < 6, rng.uniform(0.0, 0.5), 0.0)[None]
    forcing = RoadForcing(
        air,
        air - 2.0,
        dark + rng.uniform(0.5, 8.0),
        dark,
        dark + 260.0,
        rain,
        np.full(hours, 1 / 24),
    )
    # without traffic, which wears ice faster than brine
    pair = RoadColumns(np.zeros(2), np.zeros(2), 1.0, 0.0, 0.0)
    salt = np.zeros((2, hours))
    salt[:, 4] = dose, dose + more
    history = simulate_roads(pair, forcing, RoadParameters.central(1), salt_g_m2=salt, step_s=300.0)
    solid = history.ice_mm + history.snow_mm + history.frost_mm  # dew on brine freezes to ice
    assert (solid[1] <= solid[0] + 0.02).all()
    assert (history.salt_g_m2[1] >= history.salt_g_m2[0] - 1e-3).all()
    assert history.energy_residual.max() < 1e-6
