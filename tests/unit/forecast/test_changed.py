"""Weather changed for a what-if: the same members, colder or warmer, windier, wetter."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lingjing.forecast.changed import WeatherChanges, changed_outlook, check_changes
from lingjing.sdk import LingjingError, Outlook
from lingjing.sdk.testkit import small_outlook


@pytest.fixture(scope="module")
def outlook() -> Outlook:
    return small_outlook("cold")


def test_no_change_is_the_very_same_outlook(outlook: Outlook) -> None:
    assert changed_outlook(outlook, None) is outlook
    assert changed_outlook(outlook, WeatherChanges()) is outlook


def test_a_colder_spell_moves_every_member_by_the_same(outlook: Outlook) -> None:
    colder = changed_outlook(outlook, WeatherChanges(air_temperature_shift_C=-3.0))
    moved = colder.forcings["air_temperature"] - outlook.forcings["air_temperature"]
    np.testing.assert_allclose(moved, -3.0, atol=1e-5)
    dew = colder.forcings["dew_point"] - outlook.forcings["dew_point"]
    np.testing.assert_allclose(dew, -3.0, atol=1e-5)
    drier = colder.forcings["relative_humidity"] - outlook.forcings["relative_humidity"]
    assert np.abs(drier).max() < 3.0  # as far below its dew point, so nearly as humid


def test_the_sky_of_a_colder_spell_radiates_by_the_fourth_power(outlook: Outlook) -> None:
    colder = changed_outlook(outlook, WeatherChanges(air_temperature_shift_C=-3.0))
    kelvin = outlook.forcings["air_temperature"].astype(np.float64) + 273.15
    ratio = colder.forcings["longwave_down"] / outlook.forcings["longwave_down"]
    np.testing.assert_allclose(ratio, ((kelvin - 3.0) / kelvin) ** 4, rtol=1e-5)


def test_what_is_not_named_stays_to_the_byte(outlook: Outlook) -> None:
    windy = changed_outlook(outlook, WeatherChanges(wind_speed_scale=2.0))
    for name, values in outlook.forcings.items():
        same = windy.forcings[name].tobytes() == values.tobytes()
        assert same == (name != "wind_speed"), name
    np.testing.assert_allclose(
        windy.forcings["wind_speed"], 2.0 * outlook.forcings["wind_speed"], rtol=1e-6
    )


def test_no_spread_makes_all_members_one(outlook: Outlook) -> None:
    narrow = changed_outlook(outlook, WeatherChanges(spread_scale=0.0))
    air = narrow.forcings["air_temperature"]
    assert float(np.ptp(air, axis=0).max()) < 1e-5
    middle = outlook.forcings["air_temperature"].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(air[0], middle, atol=1e-4)


def test_no_precipitation_leaves_a_dry_night(outlook: Outlook) -> None:
    assert outlook.forcings["precipitation"].max() > 0.0
    dry = changed_outlook(outlook, WeatherChanges(precipitation_scale=0.0))
    assert dry.forcings["precipitation"].max() == 0.0


def test_the_record_says_what_was_changed(outlook: Outlook) -> None:
    colder = changed_outlook(outlook, WeatherChanges(air_temperature_shift_C=-3.0))
    assert colder.methods["air_temperature"].endswith("+changed")
    assert colder.methods["wind_speed"] == outlook.methods["wind_speed"]
    assert "air_temperature_shift_C -3" in colder.notes[-1]
    assert WeatherChanges(wind_speed_scale=2.0).as_dict() == {"wind_speed_scale": 2.0}


@pytest.mark.parametrize(
    "changes",
    [
        WeatherChanges(air_temperature_shift_C=100.0),
        WeatherChanges(air_temperature_shift_C=math.nan),
        WeatherChanges(spread_scale=-1.0),
        WeatherChanges(wind_speed_scale=math.inf),
        WeatherChanges(precipitation_scale=11.0),
    ],
)
def test_changes_beyond_sense_are_refused(outlook: Outlook, changes: WeatherChanges) -> None:
    with pytest.raises(LingjingError) as caught:
        check_changes(changes)
    assert caught.value.code == "forecast.bad-change"
    with pytest.raises(LingjingError):
        changed_outlook(outlook, changes)
