"""Pipes under constant and changing weather."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from lingjing.physics.freezing import hours_to_cool, hours_to_ice_radius, hours_to_ice_share
from lingjing.physics.pipe_kernel import grown
from lingjing.physics.pipes import (
    PipeColumns,
    PipeForcing,
    PipeHistory,
    PipeParameters,
    simulate_pipes,
)

STEEL, PPR, FOAM = (50.0, 3.6e6), (0.22, 1.7e6), 0.036
# name: bore, wall, material, insulation, film; then air: hours to 0 degC / to 25 % ice / to plug
TABLE = {
    "dn15": (0.0157, 0.0028, STEEL, 0.0, 15.0),
    "dn20": (0.0213, 0.0028, STEEL, 0.0, 15.0),
    "dn20_20": (0.0213, 0.0028, STEEL, 0.020, 12.0),
    "dn20_50": (0.0213, 0.0028, STEEL, 0.050, 12.0),
    "ppr": (0.018, 0.0035, PPR, 0.0, 15.0),
    "dn50_30": (0.0531, 0.0036, STEEL, 0.030, 12.0),
}
PUBLISHED = {
    -3.0: [(0.4, 1.4, 5.8), (0.5, 2.0, 8.4), (2.7, 11.3, 45.7), (4.4, 18.1, 72.7),
           (0.4, 1.9, 8.0), (10.3, 50.8, 205)],
    -5.0: [(0.3, 0.8, 3.5), (0.3, 1.2, 5.1), (1.9, 6.8, 27.4), (3.1, 10.8, 43.6),
           (0.3, 1.2, 4.8), (7.3, 30.5, 123)],
    -7.2: [(0.2, 0.6, 2.4), (0.3, 0.8, 3.5), (1.5, 4.7, 19.0), (2.3, 7.5, 30.3),
           (0.2, 0.8, 3.3), (5.6, 21.2, 85.6)],
    -10.1: [(0.2, 0.4, 1.7), (0.2, 0.6, 2.5), (1.1, 3.4, 13.6), (1.8, 5.4, 21.6),
            (0.2, 0.6, 2.4), (4.2, 15.1, 61.0)],
}  # fmt: skip
CALM = 8.15


def _pipe(name: str, **other: object) -> PipeColumns:
    bore, wall, (conductivity, heat), insulation, _ = TABLE[name]
    columns = PipeColumns(
        np.array([bore]), wall, conductivity, heat, insulation, FOAM, 5.0, 0.0, 0.0, 0.0, 0.165
    )
    return replace(columns, **other)


def _film(name: str, supercooling: float = 0.0) -> PipeParameters:
    central = PipeParameters.central(1)
    return replace(
        central,
        film_factor=np.array([TABLE[name][4] / CALM]),
        nucleation_supercooling_K=np.array([supercooling]),
    )


def _steady(air: float, hours: int, use: float = 0.0) -> PipeForcing:
    return PipeForcing(np.full((1, hours), air), np.zeros((1, hours)), np.full(hours, use))


def _closed_form(name: str, air: float) -> tuple[float, float, float]:
    bore, wall, (conductivity, heat), insulation, film = TABLE[name]
    inner, outer = bore / 2, bore / 2 + wall
    skin = outer + insulation
    resistance = (
        np.log(outer / inner) / (2 * np.pi * conductivity)
        + np.log(skin / outer) / (2 * np.pi * FOAM)
        + 1 / (2 * np.pi * skin * film)
    )
    capacity = 4.2e6 * np.pi * inner**2 + heat * np.pi * (outer**2 - inner**2)
    return (
        float(hours_to_cool(capacity, resistance, 5.0, 0.0, air)),
        float(hours_to_ice_share(0.25, inner, resistance, air)),
        float(hours_to_ice_radius(0.0, inner, resistance, air)),
    )


@pytest.mark.parametrize("air", PUBLISHED)
def test_closed_forms_meet_the_pipe_table(air: float) -> None:
    for name, published in zip(TABLE, PUBLISHED[air], strict=True):
        found = _closed_form(name, air)
        for ours, theirs in zip(found, published, strict=True):
            assert ours == pytest.approx(theirs, rel=0.03, abs=0.06), (name, air)


@pytest.mark.parametrize("air", PUBLISHED)
@pytest.mark.parametrize("name", TABLE)
def test_changing_weather_model_meets_the_closed_forms_in_steady_cold(
    name: str, air: float
) -> None:
    cool, _, plug = _closed_form(name, air)
    hours = int(cool + plug) + 4
    history = simulate_pipes(_pipe(name), _steady(air, hours), _film(name))
    assert float(history.freezing_hour[0, 0]) == pytest.approx(cool, rel=0.02, abs=0.01)
    assert float(history.plugged_hour[0, 0]) == pytest.approx(cool + plug, rel=0.02)


@numba.njit  # type: ignore[misc]
def _radial_plug_hours(
    inner: float, resistance: float, wall_heat: float, air: float, start: float, cells: int
) -> tuple[float, float]:
    """Hours to all water at or below 0 degC at the wall, and to the last cell frozen."""
    spacing = inner / cells
    latent = 917.0 * 333_600.0
    enthalpy = np.full(cells, latent + 4.2e6 * start)
    temperature = np.full(cells, start)
    wall = start
    step = 0.2 * spacing**2 * 917.0 * 2100.0 / 2.22
    now = 0.0
    ring = np.empty(cells)
    for cell in range(cells):
        ring[cell] = np.pi * spacing**2 * ((cell + 1) ** 2 - cell**2)
    while now < 1e6:
        flow = np.zeros(cells + 1)
        frozen = np.minimum(np.maximum(1.0 - enthalpy / latent, 0.0), 1.0)
        k = np.where(frozen >= 0.5, 2.22, 0.569)
        for cell in range(1, cells):
            across = spacing * 0.5 * (1.0 / k[cell] + 1.0 / k[cell - 1])
            flow[cell] = (
                2 * np.pi * cell * spacing * (temperature[cell - 1] - temperature[cell]) / across
            )
        film = 0.5 * spacing / (k[-1] * 2 * np.pi * (inner - 0.25 * spacing))
        flow[cells] = (temperature[-1] - wall) / film
        # the thin wall answers at once: backward Euler on its heat
        capacity = wall_heat / step
        wall = (capacity * wall + temperature[-1] / film + air / resistance) / (
            capacity + 1.0 / film + 1.0 / resistance
        )
        flow[cells] = (temperature[-1] - wall) / film
        for cell in range(cells):
            enthalpy[cell] += step * (flow[cell] - flow[cell + 1]) / ring[cell]
            if enthalpy[cell] < 0.0:
                temperature[cell] = enthalpy[cell] / (917.0 * 2100.0)
            elif enthalpy[cell] > latent:
                temperature[cell] = (enthalpy[cell] - latent) / 4.2e6
            else:
                temperature[cell] = 0.0
        now += step
        if enthalpy[0] <= 0.0:
            break
    return now / 3600.0, wall


@pytest.mark.parametrize(
    ("name", "air"),
    [("dn15", -10.1), ("dn20", -7.2), ("ppr", -10.1), ("dn20_20", -7.2), ("dn50_30", -10.1)],
)
def test_lumped_model_agrees_with_a_radial_heat_equation(name: str, air: float) -> None:
    bore, wall, (conductivity, heat), insulation, film = TABLE[name]
    inner, outer = bore / 2, bore / 2 + wall
    skin = outer + insulation
    resistance = (
        np.log(outer / inner) / (2 * np.pi * conductivity)
        + np.log(skin / outer) / (2 * np.pi * FOAM)
        + 1 / (2 * np.pi * skin * film)
    )
    coarse, fine = (
        _radial_plug_hours(
            inner, resistance, heat * np.pi * (outer**2 - inner**2), air, 5.0, cells
        )[0]
        for cells in (20, 40)
    )
    truth = 2.0 * fine - coarse  # first order in the cell
    history = simulate_pipes(_pipe(name), _steady(air, int(truth) + 4), _film(name))
    assert float(history.plugged_hour[0, 0]) == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_the_annulus_grows_as_the_quasi_steady_form_says_where_ice_resists_most(
    share: float,
) -> None:
    inner, resistance, air = 0.02, 0.01, -10.0
    hours = float(hours_to_ice_radius(inner * np.sqrt(1 - share), inner, resistance, air))
    gain = -air * hours * 3600.0 / (917.0 * 333_600.0 * np.pi * inner**2)
    assert grown(0.0, gain, resistance) == pytest.approx(share, abs=1e-4)
    half = grown(0.0, 0.5 * gain, resistance)
    assert grown(half, 0.5 * gain, resistance) == pytest.approx(share, abs=1e-4)


def test_water_supercools_to_the_nucleation_and_then_turns_to_slush() -> None:
    history = simulate_pipes(_pipe("dn20_50"), _steady(-12.0, 12), _film("dn20_50", 4.0))
    temperature, ice = history.water_temperature_C[0, 0], history.ice_fraction[0, 0]
    assert temperature.min() < -1.0
    first = int(np.argmax(ice > 0))
    assert temperature[first - 1] < 0
    assert temperature[first] == 0
    # the water's own supercooling alone gives 5 % at 4 K; the cold wall adds a little
    sudden = (4.2e6 * 4.0) / (917.0 * 333_600.0)
    assert sudden < ice[first] < 0.25


def test_a_heavy_wall_around_a_thin_bore_plugs_at_once_and_never_holds_more_ice_than_bore() -> None:
    heavy = _pipe("dn15", inner_diameter_m=np.array([0.005]), wall_thickness_m=0.02)
    history = simulate_pipes(heavy, _steady(-10.0, 48), PipeParameters.central(1))
    assert history.ice_fraction.max() == 1.0
    assert history.plugged_hour[0, 0] == history.freezing_hour[0, 0]


def test_air_above_the_nucleation_never_freezes_a_pipe() -> None:
    history = simulate_pipes(_pipe("dn15"), _steady(-3.0, 100), _film("dn15", 4.0))
    assert np.isnan(history.freezing_hour).all()
    assert history.water_temperature_C[0, 0, -1] == pytest.approx(-3.0, abs=1e-3)


def _cold_then_warm() -> PipeForcing:
    air = np.concatenate([np.full(30, -10.0), np.full(40, 6.0)])[None]
    return PipeForcing(air, np.zeros_like(air), np.zeros(70))


def test_a_plugged_pipe_cracks_in_the_cold_and_shows_it_in_the_thaw() -> None:
    history = simulate_pipes(_pipe("dn20"), _cold_then_warm(), PipeParameters.central(1))
    frozen, plugged, cracked, burst = (
        float(hours[0, 0])
        for hours in (
            history.freezing_hour, history.plugged_hour, history.cracked_hour, history.burst_hour
        )
    )  # fmt: skip
    assert 0 < frozen < plugged < cracked < 30 < burst < 45
    assert history.ice_fraction[0, 0, -1] == 0
    assert history.water_temperature_C[0, 0, -1] == pytest.approx(6.0, abs=0.1)


def test_a_tough_wall_outlives_the_same_night() -> None:
    tough = simulate_pipes(
        _pipe("dn20", burst_share=1.0),
        PipeForcing(
            np.concatenate([np.full(10, -5.0), np.full(30, 6.0)])[None], np.zeros((1, 40)),
            np.zeros(40),
        ),
        PipeParameters.central(1),
    )  # fmt: skip
    assert not np.isnan(tough.freezing_hour).any()
    assert np.isnan(tough.cracked_hour).all()
    assert np.isnan(tough.burst_hour).all()


def test_a_running_tap_keeps_a_pipe_open() -> None:
    still = simulate_pipes(_pipe("dn20"), _steady(-8.0, 48), _film("dn20"))
    running = simulate_pipes(
        _pipe("dn20", renewal_factor=1.0), _steady(-8.0, 48, use=8.0), _film("dn20")
    )
    assert not np.isnan(still.plugged_hour).any()
    assert np.isnan(running.plugged_hour).all()


def test_use_ends_with_the_plug() -> None:
    history = simulate_pipes(
        _pipe("dn15", renewal_factor=1.0), _steady(-15.0, 48, use=1.0), _film("dn15")
    )
    assert not np.isnan(history.plugged_hour).any()
    assert history.water_temperature_C[0, 0, -1] == pytest.approx(-15.0, abs=0.1)


def _hours(columns: PipeColumns, forcing: PipeForcing) -> tuple[float, float]:
    history = simulate_pipes(columns, forcing, PipeParameters.central(1))
    late = np.nan_to_num(np.array([history.freezing_hour, history.plugged_hour]), nan=np.inf)
    return float(late[0, 0, 0]), float(late[1, 0, 0])


def test_torn_insulation_lies_between_whole_and_none_and_half_gone_is_mostly_gone() -> None:
    weather = _steady(-9.0, 120)
    whole, torn, half, gone = (
        _hours(_pipe("dn20_50", insulation_soundness=share), weather)[1]
        for share in (1.0, 0.9, 0.5, 0.0)
    )
    bare = _hours(_pipe("dn20"), weather)[1]
    assert whole > torn > half > gone
    assert gone == pytest.approx(bare, abs=0.01)
    # heat takes the open way: half a cover saves less than a fifth of what a whole one does
    assert (half - gone) < (whole - gone) / 5


def test_the_sun_on_a_facade_keeps_a_pipe_open_by_day_and_does_nothing_at_night() -> None:
    hours = np.arange(48)
    light = np.where((hours % 24 >= 7) & (hours % 24 <= 17), 450.0, 0.0)[None]
    cold = _steady(-6.0, 48)
    lit = replace(cold, shortwave_down_W_m2=light)
    pipe = _pipe("dn15", sun_exposure=0.5)
    shade, sun = (
        simulate_pipes(pipe, forcing, PipeParameters.central(1)).water_temperature_C[0, 0]
        for forcing in (cold, lit)
    )
    assert sun[0] == shade[0]
    assert sun[6] == shade[6]
    # sol-air: 0.6 x 0.5 x 450 / (pi x 8.15) K above the air
    assert sun[16] == pytest.approx(-6.0 + 135.0 / (np.pi * CALM), abs=0.3)
    unlit = replace(pipe, sun_exposure=0.0)
    assert _hours(unlit, lit) == _hours(pipe, cold)


def test_a_drip_keeps_a_pipe_open_and_lets_no_pressure_build_up() -> None:
    weather = _steady(-8.0, 72)
    pipe = _pipe("dn20_20", exposed_length_m=2.0)
    assert _hours(pipe, weather)[1] < 72
    drip = replace(pipe, drip_L_h=4.0)
    assert _hours(drip, weather)[1] == np.inf
    # too little to keep it open, yet enough to relieve it
    trickle = replace(_pipe("dn20"), drip_L_h=0.05)
    history = simulate_pipes(trickle, _steady(-12.0, 72), PipeParameters.central(1))
    still = simulate_pipes(_pipe("dn20"), _steady(-12.0, 72), PipeParameters.central(1))
    assert not np.isnan(history.plugged_hour).any()
    assert np.isnan(history.cracked_hour).all()
    assert not np.isnan(still.cracked_hour).any()


def test_wind_and_a_missing_enclosure_bring_the_ice_sooner() -> None:
    air = np.full((1, 48), -9.0)
    forcing = PipeForcing(air, np.full((1, 48), 6.0), np.zeros(48))
    warm_start = np.concatenate([np.full((1, 1), 8.0), air[:, 1:]], axis=1)
    base = _pipe("dn20_20")
    parameters = PipeParameters.central(1)
    sheltered = simulate_pipes(base, forcing, parameters).freezing_hour
    windy = simulate_pipes(replace(base, wind_exposure=1.0), forcing, parameters).freezing_hour
    assert windy < sheltered
    lagged = simulate_pipes(
        replace(base, enclosure_lag_h=8.0),
        replace(forcing, air_temperature_C=warm_start),
        parameters,
    ).freezing_hour
    assert lagged > sheltered + 2.0


def test_hours_before_the_first_output_are_counted_backward() -> None:
    whole = simulate_pipes(_pipe("dn20"), _cold_then_warm(), PipeParameters.central(1))
    cut = simulate_pipes(
        _pipe("dn20"), _cold_then_warm(), PipeParameters.central(1), first_output=20
    )
    assert cut.freezing_hour == pytest.approx(whole.freezing_hour - 20)
    assert (cut.ice_fraction == whole.ice_fraction[:, :, 20:]).all()


def _bytes(history: PipeHistory) -> bytes:
    return b"".join(np.ascontiguousarray(part).tobytes() for part in vars(history).values())


def test_threads_do_not_change_a_byte_of_the_pipes() -> None:
    rng = np.random.default_rng(7)
    air = -4.0 + 5.0 * np.sin(np.arange(72) / 4.0) + rng.normal(0, 2, (5, 1))
    forcing = PipeForcing(air, np.full(air.shape, 3.0), np.full(72, 0.1))
    columns = _pipe("dn20", inner_diameter_m=np.linspace(0.01, 0.06, 17), wind_exposure=0.6)
    parameters = PipeParameters.sampled(5, np.random.default_rng(3))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = _bytes(simulate_pipes(columns, forcing, parameters))
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        assert _bytes(simulate_pipes(columns, forcing, parameters)) == one
    finally:
        numba.set_num_threads(before)


def test_samples_are_seeded_and_spread_over_every_stratum() -> None:
    one = PipeParameters.sampled(20, np.random.default_rng(5))
    two = PipeParameters.sampled(20, np.random.default_rng(5))
    assert (one.film_factor == two.film_factor).all()
    assert len(np.unique(one.nucleation_supercooling_K)) == 20
    assert one.nucleation_supercooling_K.min() < 2.2
    assert one.nucleation_supercooling_K.max() > 5.8
