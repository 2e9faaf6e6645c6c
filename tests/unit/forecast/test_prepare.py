"""Outlooks: which hours, which members, and what is filled in by which method."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lingjing.forecast import completion
from lingjing.forecast.outlook import FORCINGS, Outlook
from lingjing.forecast.prepare import DRESSING, prepare_outlook
from lingjing.vocabulary import (
    LingjingError,
    Provenance,
    WeatherTable,
    Window,
    quantity,
)

FIRST = datetime(2023, 12, 18, tzinfo=UTC)
HOURS = 144
RAW = ("air_temperature", "dew_point", "wind_speed", "precipitation")


def a_weather(
    *names: str, members: int = 1, offset_minutes: int = 0, synthetic: bool = False
) -> WeatherTable:
    """Six made-up days with a daily swing; the columns named, or the plain four."""
    start = np.datetime64("2023-12-18T00:00:00", "s") + np.timedelta64(60 * offset_minutes, "s")
    hours = np.arange(HOURS)
    swing = 2.0 + 4.0 * np.cos((hours - 6) / 24 * 2 * np.pi)
    made = {
        "air_temperature": swing,
        "dew_point": swing - 4.0,
        "relative_humidity": np.full(HOURS, 70.0),
        "wind_speed": np.full(HOURS, 4.0),
        "precipitation": np.where((hours > 60) & (hours < 66), 1.0, 0.0),
        "cloud_cover": np.full(HOURS, 40.0),
        "shortwave_down": np.maximum(0.0, 400.0 * np.cos((hours - 4) / 24 * 2 * np.pi)),
        "longwave_down": np.full(HOURS, 280.0),
    }
    chosen = names or RAW
    steps = np.arange(members)[:, None] * 0.1
    return WeatherTable(
        "six-days",
        start + hours * np.timedelta64(3600, "s"),
        {
            name: (
                made[name][None, :] + (steps if name == "air_temperature" else 0 * steps)
            ).astype(np.float32)
            for name in chosen
        },
        dict.fromkeys(chosen, "forecast"),
        Provenance("imported", "test", synthetic=synthetic),
        "test",
    )


def prepare(weather: WeatherTable, **changes: object) -> Outlook:
    values: dict[str, object] = {
        "members": 1,
        "seed": 3,
        "longitude_deg": 121.5,
        "latitude_deg": 31.3,
        "start": FIRST + timedelta(hours=48),
        "hours": 72,
        **changes,
    }
    window = Window(values.pop("start"), values.pop("hours"))  # type: ignore[arg-type]
    return prepare_outlook(weather, window, **values)  # type: ignore[arg-type]


def test_an_outlook_holds_every_forcing_with_its_spin_up() -> None:
    outlook = prepare(a_weather())
    assert set(outlook.forcings) == set(FORCINGS) == set(outlook.methods)
    assert outlook.spin_up_hours == 48
    assert outlook.times.size == 48 + 72 + 1
    for name, values in outlook.forcings.items():
        assert values.shape == (1, 121)
        assert values.dtype == np.float32
        quantity(name).check(values)
        assert np.isfinite(values).all()
    assert outlook.times[48] == np.datetime64("2023-12-20T00:00:00")


def test_what_the_weather_gives_is_kept() -> None:
    weather = a_weather(*FORCINGS)
    outlook = prepare(weather)
    for name in FORCINGS:
        np.testing.assert_array_equal(outlook.forcings[name], weather.columns[name][:, :121])
        assert outlook.methods[name] == "forecast"
    assert outlook.notes == ()


def test_every_missing_forcing_is_named_with_its_method_and_noted() -> None:
    outlook = prepare(a_weather("air_temperature"))
    assert outlook.methods["precipitation"] == "none-known"
    assert outlook.methods["relative_humidity"] == "constant-80"
    assert outlook.methods["dew_point"] == "from-relative-humidity"
    assert outlook.methods["wind_speed"] == "constant-3"
    assert outlook.methods["cloud_cover"] == completion.FROM_RANGE
    assert outlook.methods["shortwave_down"] == "haurwitz_1945+angstrom_prescott"
    assert outlook.methods["longwave_down"] == "prata_1996+unsworth_monteith_1975"
    for name in FORCINGS[1:]:
        assert any(outlook.methods[name] in note for note in outlook.notes), name
    assert any("无降水" in note and "taken as none" in note for note in outlook.notes)
    assert (outlook.forcings["precipitation"] == 0).all()


def test_shortwave_given_tells_of_clouds() -> None:
    outlook = prepare(a_weather(*RAW, "shortwave_down"))
    assert outlook.methods["cloud_cover"] == "kasten_czeplak_1980-inverse"
    dark = prepare(a_weather(*RAW, "cloud_cover"))
    assert dark.methods["cloud_cover"] == "forecast"
    assert dark.methods["shortwave_down"] == "haurwitz_1945+kasten_czeplak_1980"


def test_humidity_follows_from_dew_point_and_back() -> None:
    from_dew = prepare(a_weather(*RAW))
    both_ways = prepare(
        WeatherTable(
            "back",
            a_weather().times,
            {
                "air_temperature": a_weather().columns["air_temperature"],
                "relative_humidity": completion.humidity.relative_humidity_pct(
                    a_weather().columns["air_temperature"], a_weather().columns["dew_point"]
                ).astype(np.float32),
            },
            {"air_temperature": "forecast", "relative_humidity": "forecast"},
            Provenance("imported", "test"),
            "test",
        )
    )
    np.testing.assert_allclose(
        both_ways.forcings["dew_point"], from_dew.forcings["dew_point"], atol=1e-3
    )


def test_it_is_dark_at_night_and_cloud_dims_the_day() -> None:
    outlook = prepare(a_weather(*RAW))
    sun = outlook.forcings["shortwave_down"][0]
    local = (np.arange(121) + 8) % 24
    assert (sun[(local >= 19) | (local <= 5)] == 0).all()
    assert sun[local == 12].min() > 100
    rainy = (np.arange(121) > 60) & (np.arange(121) < 66)
    assert (outlook.forcings["cloud_cover"][0][rainy] >= 90).all()


def test_the_uncertainty_of_the_methods_widens_the_ensemble() -> None:
    outlook = prepare(a_weather("air_temperature", members=20), members=None)
    for name in ("wind_speed", "cloud_cover", "longwave_down", "relative_humidity"):
        spread = outlook.forcings[name].std(axis=0)
        assert spread.max() > 0.1, name
    assert (outlook.forcings["wind_speed"][0] == completion.WIND_SPEED_M_S).all()
    assert (outlook.forcings["relative_humidity"][0] == 80.0).all()
    alone = prepare(a_weather("air_temperature"))
    for name in FORCINGS:
        np.testing.assert_array_equal(alone.forcings[name][0], outlook.forcings[name][0])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, again = (prepare(a_weather(), members=7) for _ in range(2))
    other = prepare(a_weather(), members=7, seed=4)
    for name in FORCINGS:
        assert first.forcings[name].tobytes() == again.forcings[name].tobytes()
    assert (
        first.forcings["air_temperature"].tobytes() != other.forcings["air_temperature"].tobytes()
    )


def test_fewer_members_are_the_first_of_the_weather() -> None:
    weather = a_weather(members=5)
    outlook = prepare(weather, members=2)
    assert outlook.members == 2
    np.testing.assert_array_equal(
        outlook.forcings["air_temperature"], weather.columns["air_temperature"][:2, :121]
    )
    assert prepare(weather, members=None).members == 5


def test_asking_for_more_members_leaves_the_first_as_they_were() -> None:
    few, many = prepare(a_weather(), members=4), prepare(a_weather(), members=9)
    for name in FORCINGS:
        np.testing.assert_array_equal(few.forcings[name], many.forcings[name][:4])


def test_dressing_is_named_and_its_errors_grow_with_lead_time() -> None:
    weather = a_weather()
    outlook = prepare(weather, members=400)
    air = outlook.forcings["air_temperature"]
    assert outlook.methods["air_temperature"] == f"forecast+{DRESSING}"
    assert any(DRESSING in note for note in outlook.notes)
    np.testing.assert_array_equal(air[0], weather.columns["air_temperature"][0, :121])
    assert (air[:, :48] == air[0, :48]).all()  # the past is known
    spread = air[:, 48:].std(axis=0)
    assert spread[0] == pytest.approx(0.5, abs=0.08)
    assert spread[72] == pytest.approx(2.0, abs=0.25)
    assert abs(float(air[:, 120].mean() - air[0, 120])) < 0.4


def test_dressed_errors_hang_together_from_hour_to_hour() -> None:
    air = prepare(a_weather(), members=300).forcings["air_temperature"]
    errors = (air - air[0])[1:]
    together = np.corrcoef(errors[:, 100], errors[:, 101])[0, 1]
    apart = np.corrcoef(errors[:, 60], errors[:, 118])[0, 1]
    assert together > 0.9
    assert abs(apart) < 0.5


def test_dressing_keeps_the_dew_point_below_the_air() -> None:
    outlook = prepare(a_weather(), members=50)
    assert (outlook.forcings["dew_point"] <= outlook.forcings["air_temperature"]).all()


def test_more_members_than_an_ensemble_has_are_refused() -> None:
    with pytest.raises(LingjingError, match=r"forecast\.too-few-members.*31.*5"):
        prepare(a_weather(members=5), members=31)


@pytest.mark.parametrize("members", [0, -3])
def test_no_members_are_refused(members: int) -> None:
    with pytest.raises(LingjingError, match=r"forecast\.bad-members"):
        prepare(a_weather(), members=members)


def test_a_forecast_shorter_than_the_run_is_refused_with_what_there_is() -> None:
    with pytest.raises(LingjingError, match=r"forecast\.too-short") as caught:
        prepare(a_weather(), hours=96)
    assert caught.value.values["available"] == 95
    assert caught.value.values["last"] == "2023-12-23T23:00:00Z"
    assert prepare(a_weather(), hours=95).window.hours == 95


def test_a_start_after_the_weather_ends_is_too_short() -> None:
    with pytest.raises(LingjingError, match=r"forecast\.too-short") as caught:
        prepare(a_weather(), start=FIRST + timedelta(days=30))
    assert caught.value.values["available"] == 0


def test_a_start_before_the_weather_is_refused() -> None:
    with pytest.raises(LingjingError, match=r"forecast\.starts-late"):
        prepare(a_weather(), start=FIRST - timedelta(hours=1))


def test_weather_between_the_hours_is_refused() -> None:
    with pytest.raises(LingjingError, match=r"forecast\.off-hour"):
        prepare(a_weather(offset_minutes=30))


def test_a_short_spin_up_is_used_and_said() -> None:
    outlook = prepare(a_weather(), start=FIRST + timedelta(hours=5))
    assert outlook.spin_up_hours == 5
    assert any("5" in note and "spin" not in note for note in outlook.notes)
    assert prepare(a_weather(), start=FIRST).spin_up_hours == 0


def test_made_up_weather_stays_labelled() -> None:
    assert prepare(a_weather(synthetic=True)).synthetic
    assert not prepare(a_weather()).synthetic


def test_cloud_follows_the_daily_swing() -> None:
    swings = np.array([[1.0], [8.0], [18.0]]) / 2 * np.cos(np.arange(72) / 24 * 2 * np.pi)
    cover = completion.cloud_from_daily_range(swings)[:, 36]
    assert cover[0] == 100.0
    assert cover[1] == pytest.approx(100 * (1 - (0.17 * 8**0.5 - 0.25) / 0.5))
    assert cover[2] < 10.0


def test_one_forecast_is_made_into_an_ensemble_unless_one_member_is_asked_for() -> None:
    many = prepare(a_weather(), members=None)
    assert many.members == 31
    assert many.methods["air_temperature"] == "forecast+ar1-dressing"
    np.testing.assert_array_equal(
        many.forcings["air_temperature"][:1], prepare(a_weather()).forcings["air_temperature"]
    )
    assert prepare(a_weather(members=5), members=None).members == 5


def test_observed_weather_is_spread_by_the_way_to_the_station_only() -> None:
    table = a_weather()
    seen = replace(table, provenance=Provenance("observed", "station"))
    observed, forecast = prepare(seen, members=200), prepare(table, members=200)
    last = np.s_[:, -24:]
    spread = observed.forcings["air_temperature"][last].std(axis=0).mean()
    assert spread == pytest.approx(0.5, abs=0.1)
    assert forecast.forcings["air_temperature"][last].std(axis=0).mean() > 2 * spread
    assert observed.methods["air_temperature"] == "forecast+ar1-representativeness"


@pytest.mark.parametrize(("longitude", "told"), [(None, False), (121.6, False), (114.3, True)])
def test_weather_from_far_away_is_said_to_be_so(longitude: float | None, *, told: bool) -> None:
    table = replace(a_weather(*FORCINGS), longitude_deg=longitude, latitude_deg=31.3)
    notes = prepare(table).notes
    assert any("km away" in note for note in notes) is told
    assert any("68" in note for note in notes) is told  # Wuhan lies 684 km from here
