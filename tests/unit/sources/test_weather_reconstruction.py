"""The reconstruction of December 2023 keeps to the published facts and says what it is."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lingjing.sources.reconstruction import forecast_start, reconstruct_december_2023
from lingjing.vocabulary import LingjingError, WeatherTable, moment_of

BEIJING_OFFSET = np.timedelta64(8, "h")


def daily_minima(table: WeatherTable, day: str) -> np.ndarray:
    local = (table.times + BEIJING_OFFSET).astype("datetime64[D]")
    return table.columns["air_temperature"][:, local == np.datetime64(day)].min(axis=1)


@pytest.fixture(scope="module")
def table() -> WeatherTable:
    return reconstruct_december_2023()


@pytest.mark.parametrize(
    ("day", "published"), [("2023-12-17", -4.0), ("2023-12-21", -3.4), ("2023-12-22", -5.1)]
)
def test_median_minima_keep_to_the_published_ones(
    table: WeatherTable, day: str, published: float
) -> None:
    assert abs(float(np.median(daily_minima(table, day))) - published) < 0.5
    assert abs(float(daily_minima(table, day)[0]) - published) < 0.05


def test_the_twenty_second_is_the_coldest_day(table: WeatherTable) -> None:
    days = [f"2023-12-{day}" for day in range(14, 25)]
    coldest = min(days, key=lambda day: float(np.median(daily_minima(table, day))))
    assert coldest == "2023-12-22"


def test_the_fall_meets_the_blue_cold_wave_signal(table: WeatherTable) -> None:
    # blue: 8 °C in 48 h, down to 4 °C or less (order no. 16)
    course = table.columns["air_temperature"][0]
    issued = int(np.searchsorted(table.times, np.datetime64("2023-12-19T00:00:00")))
    falls = [course[hour] - course[hour : hour + 49].min() for hour in range(issued, issued + 24)]
    assert max(falls) >= 8.0


def test_it_covers_the_event_and_the_hours_before(table: WeatherTable) -> None:
    assert table.members == 31
    assert table.start <= datetime(2023, 12, 15, 16, tzinfo=UTC) - timedelta(hours=48)
    assert table.end >= forecast_start() + timedelta(hours=72)
    assert table.end >= datetime(2023, 12, 23, 16, tzinfo=UTC)


def test_members_agree_before_the_forecast_and_part_with_lead_time(table: WeatherTable) -> None:
    air = table.columns["air_temperature"]
    start = int(np.searchsorted(table.times, moment_of(forecast_start())))
    assert float(np.ptp(air[:, : start + 1], axis=0).max()) == 0.0
    spread = air.std(axis=0)[start:]
    assert 0.0 < spread[:12].mean() < spread[18:30].mean() < spread[60:84].mean() < 3.0


def test_the_mean_of_the_members_is_the_rebuilt_course(table: WeatherTable) -> None:
    air = table.columns["air_temperature"].astype(float)
    np.testing.assert_allclose(air[1:].mean(axis=0), air[0], atol=1e-5)


def test_errors_of_one_member_hang_together_over_hours() -> None:
    air = reconstruct_december_2023(200, 3).columns["air_temperature"].astype(float)
    errors = (air - air[0])[1:, -48:]
    near = np.corrcoef(errors[:, 0], errors[:, 3])[0, 1]
    far = np.corrcoef(errors[:, 0], errors[:, 40])[0, 1]
    assert near > 0.8
    assert far < near - 0.3


def test_one_seed_gives_one_ensemble_and_another_seed_another() -> None:
    first, again, other = (reconstruct_december_2023(5, seed) for seed in (7, 7, 8))
    for name, values in first.columns.items():
        np.testing.assert_array_equal(values, again.columns[name])
    assert bool((first.columns["air_temperature"] != other.columns["air_temperature"]).any())


def test_it_is_labelled_synthetic_and_reconstructed(table: WeatherTable) -> None:
    assert table.provenance.synthetic
    assert table.provenance.kind == "simulated"
    assert set(table.methods.values()) == {"reconstructed"}
    assert "synthetic" in table.attribution
    published = [remark for remark in table.notes if "published fact" in remark]
    assert len(published) == 4
    assert any("assumed" in remark and "sleet" in remark for remark in table.notes)


def test_facts_with_an_anchor_stand_at_that_hour_in_the_numbers(repository: Path) -> None:
    page = tomllib.loads(
        (repository / "src/lingjing/sources/reconstruction_december_2023.toml").read_text("utf-8")
    )
    anchored = [fact for fact in page["facts"] if "anchor" in fact]
    assert len(anchored) == 3
    for fact in anchored:
        value = page["air_temperature"][fact["anchor"]]
        assert f"−{abs(value):g} °C" in fact["en"]


@pytest.mark.parametrize("members", [1, 2, 31])
def test_any_sensible_number_of_members_is_given(members: int) -> None:
    assert reconstruct_december_2023(members).members == members


@pytest.mark.parametrize("members", [0, -1, 1001])
def test_a_senseless_number_of_members_is_refused(members: int) -> None:
    with pytest.raises(LingjingError) as caught:
        reconstruct_december_2023(members)
    assert caught.value.code == "weather.bad-reconstruction"


def test_some_members_stay_dry_after_the_forecast_and_none_differ_before() -> None:
    table = reconstruct_december_2023()
    ahead = table.times > moment_of(forecast_start())
    rain = table.columns["precipitation"]
    dry = (rain[:, ahead] == 0).all(axis=1)
    assert not dry[0]
    assert 0.2 < dry.mean() < 0.6
    assert (rain[:, ~ahead] == rain[:1, ~ahead]).all()
