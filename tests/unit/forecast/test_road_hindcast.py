"""A road through a record: gaps, missing forcings, spread, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lingjing.forecast.road_calibration import calibrate_road
from lingjing.forecast.road_forcing import (
    bridged,
    clear_sky_envelope,
    cloud_fraction,
    complete_forcing,
    daily_wave,
)
from lingjing.forecast.road_hindcast import Correction, RoadSite, hindcast_road
from lingjing.physics.materials import RoadBuild, RoadLayer
from lingjing.vocabulary import LingjingError
from lingjing.vocabulary.series import HourlySeries, Values

HOURS = 24 * 8


def _series(hours: int = HOURS, **given: Values | None) -> HourlySeries:
    clock = np.arange(hours) % 24
    cloudy = np.where(np.arange(hours) // 24 % 2, 0.4, 1.0)
    columns: dict[str, Values | None] = {
        "air_temperature_C": 1.0 + 4.0 * np.sin((clock - 9) / 24 * 2 * np.pi),
        "shortwave_down_W_m2": cloudy * np.clip(400 * np.sin((clock - 7) / 10 * np.pi), 0, None)
        * (clock < 18),
    }  # fmt: skip
    columns |= given
    times = np.array("2024-01-01T00:00", "datetime64[s]") + np.arange(hours) * np.timedelta64(
        3600, "s"
    )
    return HourlySeries("f.csv", times, {k: v for k, v in columns.items() if v is not None})


def test_air_and_sun_alone_give_a_road_with_its_spread_and_no_gap() -> None:
    done = hindcast_road(_series(), members=8)
    road, low, high = (done.column(name) for name in ("road_temperature_C", "p10", "p90"))
    assert np.isfinite([road, low, high]).all()
    assert (low < high).all()
    assert done.methods["dew_point_C"] == "fao56_minimum_temperature"
    assert done.methods["air_temperature_C"] == "measured"
    assert 2.0 < (high - low).mean() < 8.0
    for name in ("water_mm", "snow_mm", "ice_mm", "frost_mm"):
        assert (done.column(name) >= 0).all()


def test_the_same_seed_gives_the_same_road_and_another_does_not() -> None:
    first, again = (hindcast_road(_series(72), members=4, seed=1).members() for _ in range(2))
    other = hindcast_road(_series(72), members=4, seed=2).members()
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_gap_of_six_hours_is_bridged_and_one_of_seven_splits_the_run() -> None:
    air = np.array(_series().columns["air_temperature_C"])
    air[50:56] = np.nan
    bridge = hindcast_road(_series(air_temperature_C=air), members=4)
    assert len(bridge.parts) == 1
    assert bridge.bridged_h["air_temperature_C"] == 6
    air[56] = np.nan
    split = hindcast_road(_series(air_temperature_C=air), members=4)
    assert [(part.first, part.hours) for part in split.parts] == [(0, 50), (57, HOURS - 57)]
    assert split.splits == [(50, 56)]
    road = split.column("road_temperature_C")
    assert np.isnan(road[50:57]).all()
    assert np.isfinite(np.delete(road, range(50, 57))).all()
    assert any("2024-01-03T02:00" in note for note in split.notes)


def test_a_long_gap_in_a_column_that_can_be_parameterised_does_not_split() -> None:
    wind = np.full(HOURS, 6.0)
    wind[20:60] = np.nan
    done = hindcast_road(_series(wind_speed_m_s=wind), members=4)
    assert len(done.parts) == 1
    assert done.methods["wind_speed_m_s"] == "measured+mean-3+dai_deser_1999"


def test_what_is_measured_is_used() -> None:
    base = hindcast_road(_series(), members=8).column("road_temperature_C")
    clear = hindcast_road(_series(longwave_down_W_m2=np.full(HOURS, 200.0)), members=8).column(
        "road_temperature_C"
    )
    windy = hindcast_road(_series(wind_speed_m_s=np.full(HOURS, 12.0)), members=8).column(
        "road_temperature_C"
    )
    covered = hindcast_road(_series(cloud_cover_octas=np.full(HOURS, 8.0)), members=8).column(
        "road_temperature_C"
    )
    air = _series().columns["air_temperature_C"]
    assert clear.mean() < base.mean() - 1.0
    assert np.abs(windy - air).mean() < np.abs(base - air).mean()
    assert covered[24:30].mean() > base[24:30].mean()
    snow = np.where(np.arange(HOURS) < 40, 0.5, 0.0)
    cold = _series().columns["air_temperature_C"] - 8.0
    white = hindcast_road(
        _series(precipitation_mm_h=snow, air_temperature_C=cold), members=4
    ).column("snow_mm")
    assert white.max() > 5.0


def test_wetter_air_warms_the_sky_and_dew_point_goes_before_humidity() -> None:
    def sky(**given: Values) -> float:
        series = _series(**given)
        clear = clear_sky_envelope(series.columns["shortwave_down_W_m2"])
        done = complete_forcing(
            series.columns, members=4, seed=1, clear_W_m2=clear, times=series.times, place=None
        )
        return float(done.longwave_down_W_m2.mean())

    dry, wet = (sky(relative_humidity_pct=np.full(HOURS, share)) for share in (40.0, 95.0))
    assert wet > dry + 5.0
    both = sky(relative_humidity_pct=np.full(HOURS, 95.0), dew_point_C=np.full(HOURS, -12.0))
    assert both < dry + 5.0


def test_without_sun_the_place_stands_in_and_without_both_it_is_refused() -> None:
    series = _series(shortwave_down_W_m2=None)
    with pytest.raises(LingjingError) as caught:
        hindcast_road(series, members=4)
    assert caught.value.code == "hindcast.no-sun"
    done = hindcast_road(series, RoadSite(longitude_deg=0.0, latitude_deg=45.0), members=4)
    road = done.column("road_temperature_C").reshape(-1, 24).mean(axis=0)
    assert road[13] > road[5] + 3.0
    assert done.methods["shortwave_down_W_m2"].startswith("haurwitz")


def test_polar_night_gives_a_road_all_the_same() -> None:
    dark = hindcast_road(_series(shortwave_down_W_m2=np.zeros(HOURS)), members=4)
    assert np.isfinite(dark.column("road_temperature_C")).all()
    north = RoadSite(longitude_deg=20.0, latitude_deg=80.0)
    none = hindcast_road(_series(shortwave_down_W_m2=None), north, members=4)
    assert np.isfinite(none.column("road_temperature_C")).all()


def test_no_air_and_nothing_in_a_row_are_refused() -> None:
    with pytest.raises(LingjingError) as caught:
        hindcast_road(_series(air_temperature_C=None))
    assert caught.value.code == "hindcast.no-air"
    lone = np.full(HOURS, np.nan)
    lone[::24] = 1.0
    with pytest.raises(LingjingError) as caught:
        hindcast_road(_series(air_temperature_C=lone))
    assert caught.value.code == "hindcast.too-short"


def test_the_site_is_obeyed() -> None:
    def road(**given: object) -> Values:
        site = RoadSite(material="asphalt", **given)  # type: ignore[arg-type]
        return hindcast_road(_series(), site, members=8).column("road_temperature_C")

    base = road()
    noon, night = np.arange(HOURS) % 24 == 12, np.arange(HOURS) % 24 == 4
    assert road(albedo=0.5)[noon].mean() < base[noon].mean() - 1.0
    assert road(sky_view_factor=0.5)[night].mean() > base[night].mean() + 0.5
    bridge = road(bridge=True, deck_thickness_m=0.2)
    assert np.abs(bridge - base).max() > 0.3  # air on both faces, no ground to lean on
    assert road(traffic_per_day=50_000.0)[night].mean() > base[night].mean()
    assert road(deep_temperature_C=20.0)[-24:].mean() > base[-24:].mean() + 0.1
    colder = road(correction=Correction(longwave_offset_W_m2=-20.0))
    assert colder.mean() < base.mean() - 0.5
    foam = RoadLayer(3.0, 0.1, 0.5e6)
    assert np.ptp(road(build=RoadBuild(0.1, (foam,), (foam,)))) > np.ptp(base) + 3.0


def test_gaps_at_the_ends_are_left() -> None:
    values, count = bridged(np.array([np.nan, 1.0, np.nan, 2.0, np.nan]), 1)
    assert count == 1
    assert np.isnan(values[[0, 4]]).all()
    assert values[2] == 1.5


def test_the_envelope_finds_the_clear_days_and_the_cloud_of_the_others() -> None:
    sun = _series(24 * 40).columns["shortwave_down_W_m2"]
    clear = clear_sky_envelope(sun)
    assert clear.max() == pytest.approx(400.0, rel=0.02)
    cloud, away = cloud_fraction(sun, clear)
    noons = cloud[12::24]
    assert noons[::2] == pytest.approx(0.0, abs=0.02)
    assert noons[1::2] == pytest.approx(0.6, abs=0.02)
    assert 0.0 < cloud[24] < 0.6  # between a clear and a cloudy day
    assert away[12] == 0
    assert away[0] > 2


def test_the_daily_wave_peaks_after_the_suns_noon() -> None:
    series = _series()
    clear = clear_sky_envelope(series.columns["shortwave_down_W_m2"])
    wave = daily_wave(series.columns, clear)
    assert int(np.argmax(wave[:24])) in (13, 14)
    assert wave.mean() == pytest.approx(0.0, abs=1e-9)


def test_the_mean_of_the_spread_is_the_road_itself() -> None:
    """The structural noise comes in pairs and leaves the mean alone."""
    site = RoadSite(material="concrete")
    done = hindcast_road(_series(72), site, members=8)
    members = done.members()
    assert members.shape == (8, 72)
    assert done.column("road_temperature_C") == pytest.approx(members.mean(axis=0))
    step = np.abs(np.diff(members.mean(axis=0), 2)).mean()
    assert step < 0.7 * np.abs(np.diff(members[0], 2)).mean()


def test_a_calibration_takes_nothing_that_does_not_help_hours_it_has_not_seen() -> None:
    """A road that errs one way in one week and the other way in the next teaches nothing."""
    site = RoadSite(material="asphalt", deep_temperature_C=2.0)
    series = _series(24 * 12)
    truth = hindcast_road(series, site, members=2).column("road_temperature_C")
    truth += np.repeat([0.8, -0.8, 0.8, -0.8], 24 * 3)
    found = calibrate_road(series, truth, site, until=24 * 12, members=2)
    assert found.share == 0.0
    assert found.correction == site.correction
    assert found.after_C == found.before_C


def test_a_calibration_mends_the_clock_before_it_learns() -> None:
    site = RoadSite(material="asphalt", deep_temperature_C=2.0)
    series = _series(24 * 18)
    air = series.columns["air_temperature_C"] + 4.0 * np.sin(np.arange(24 * 18) / 50.0)
    series = replace(series, columns={**series.columns, "air_temperature_C": air})
    truth = hindcast_road(series, site, members=4).column("road_temperature_C")
    late = np.roll(truth, 6)
    late[:6] = truth[:6]
    found = calibrate_road(series, late, site, until=24 * 18, members=4)
    assert found.moved_h > 24 * 14
    assert found.before_C < 0.5


def test_a_calibration_finds_a_sky_that_is_too_warm_and_looks_at_its_own_part_only() -> None:
    site = RoadSite(material="asphalt", deep_temperature_C=2.0)
    series = _series(24 * 24)
    truth = hindcast_road(
        series, replace(site, correction=Correction(longwave_offset_W_m2=-24.0)), members=4
    ).column("road_temperature_C")
    spoilt = truth.copy()
    spoilt[24 * 16 :] += 20.0  # never looked at
    found = calibrate_road(series, spoilt, site, until=24 * 16, members=4)
    assert found.correction.longwave_offset_W_m2 == pytest.approx(-24.0, abs=10.0)
    assert found.after_C < 0.35 * found.before_C
    assert found.pairs == 24 * 14
    assert (found.share, found.moved_h) == (1.0, 0)
    with pytest.raises(LingjingError) as caught:
        calibrate_road(series, truth, site, until=24 * 8, members=4)
    assert caught.value.code == "hindcast.too-few-pairs"


def test_a_short_record_says_that_its_clouds_are_half_guessed() -> None:
    dull = 0.3 * _series(48).columns["shortwave_down_W_m2"]  # two overcast days, never a clear one
    short = hindcast_road(_series(48, shortwave_down_W_m2=dull), members=8)
    assert any("48" in note and "SITE.toml" in note for note in short.notes)
    place = RoadSite(longitude_deg=0.0, latitude_deg=40.0)
    known = hindcast_road(_series(48, shortwave_down_W_m2=dull), place, members=8)
    assert not any("SITE.toml" in note for note in known.notes)
    night = np.arange(48) % 24 < 6
    # a place knows that the sky was covered, which keeps the road warm
    warmer = known.column("road_temperature_C") - short.column("road_temperature_C")
    assert warmer[night].mean() > 0.3


def test_readings_hold_the_road_and_are_remembered_for_some_hours() -> None:
    open_loop = hindcast_road(_series(), members=8)
    free = open_loop.column("road_temperature_C")
    said = free - 3.0
    silent = 24 * 5 + 18
    said[silent:] = np.nan
    told = hindcast_road(_series(), members=8, readings=said)
    held, width = told.column("road_temperature_C"), told.column("p90") - told.column("p10")
    assert np.abs(held - said)[24:silent].max() < 0.3
    assert width[24:silent].max() < 0.2 * width[silent + 24]
    later = held[silent:] - free[silent:]
    assert later[2] < -1.0
    assert np.abs(later[30]) < 0.5 * np.abs(later[2])
    assert width[silent + 1] < width[silent + 6] < width[silent + 24]
    state_alone = hindcast_road(_series(), members=8, readings=said, gain=0.0)
    assert held[silent + 3] < state_alone.column("road_temperature_C")[silent + 3] - 0.3


def test_a_horizon_takes_sun_and_sky_where_the_place_is_known() -> None:
    def noon(horizon: tuple[float, ...] | None) -> float:
        site = RoadSite(
            material="asphalt", longitude_deg=0.0, latitude_deg=45.0, horizon_deg=horizon
        )
        road = hindcast_road(_series(), site, members=8).column("road_temperature_C")
        return float(road[np.arange(HOURS) % 24 == 12].mean())

    flat, south, north = (
        noon((0.0,) * 8),
        noon((0.0,) * 3 + (50.0,) * 3 + (0.0,) * 2),
        noon((50.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 50.0)),
    )
    assert flat == pytest.approx(noon(None), abs=0.15)
    assert south < flat - 1.5
    assert north > south + 1.0
    assert RoadSite(horizon_deg=(45.0,) * 4).view == pytest.approx(0.5)
    assert RoadSite(horizon_deg=(45.0,) * 4, sky_view_factor=0.9).view == 0.9


def test_spikes_of_the_air_are_bridged_and_said_and_a_front_is_none() -> None:
    series = _series(24 * 6)
    spiked = series.columns["air_temperature_C"].copy()
    spiked[[30, 77]] = [45.0, -38.0]
    clean = hindcast_road(series, members=4)
    done = hindcast_road(
        replace(series, columns={**series.columns, "air_temperature_C": spiked}), members=4
    )
    error = done.column("road_temperature_C") - clean.column("road_temperature_C")
    assert np.abs(error).max() < 0.3
    assert done.bridged_h["air_temperature_C"] == 2
    assert any("single-hour-10K" in item for item in done.notes)
    front = series.columns["air_temperature_C"].copy()
    front[60:] -= 12.0
    fallen = hindcast_road(
        replace(series, columns={**series.columns, "air_temperature_C": front}), members=4
    )
    assert fallen.bridged_h["air_temperature_C"] == 0
    assert not any("single-hour-10K" in item for item in fallen.notes)
