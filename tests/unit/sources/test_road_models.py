"""Files of METRo and RoadSurf, read and written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lingjing.sources.metro_files import (
    read_metro,
    write_metro_forecast,
    write_metro_observation,
    write_metro_roadcast,
)
from lingjing.sources.roadsurf_files import Station, read_roadsurf, write_roadsurf
from lingjing.vocabulary import LingjingError
from lingjing.vocabulary.series import HourlySeries

FORECAST = """<?xml version="1.0"?>
<forecast>
  <header><version>1.1</version><filetype>forecast</filetype></header>
  <prediction-list>
    <prediction><forecast-time>2024-01-30T18:00Z</forecast-time><at>-12.1</at><td>-15.1</td>
      <ra>0.0</ra><sn>1.0</sn><ws>36</ws><ap>992.9</ap><cc>2</cc></prediction>
    <prediction><forecast-time>2024-01-30T19:00Z</forecast-time><at>-12.5</at><td>-15.0</td>
      <ra>0.0</ra><sn>1.5</sn><ws>18</ws><ap>992.9</ap><cc>8</cc></prediction>
    <prediction><forecast-time>2024-01-30T22:00Z</forecast-time><at>-11.5</at><td>-14.0</td>
      <ra>3.0</ra><sn>1.5</sn><ws>18</ws><ap>992.9</ap><cc>8</cc></prediction>
  </prediction-list>
</forecast>
"""
OBSERVATION = """<observation><header><filetype>rwis-observation</filetype></header><measure-list>
<measure><observation-time>2024-01-29T12:00Z</observation-time><at>-13.6</at><td>-16</td>
<pi>0</pi><ws>10.8</ws><sc>33</sc><st>-7</st><sst>-2.5</sst></measure>
<measure><observation-time>2024-01-29T12:20Z</observation-time><at>-13.4</at><st>-6</st></measure>
<measure><observation-time>2024-01-29T14:00Z</observation-time><at>-13.0</at><st></st></measure>
</measure-list></observation>
"""
ROADSURF = json.dumps(
    [
        {
            "statId": 100126, "lat": 60.2, "lon": 19.6,
            "time": ["2019-11-29 22:00", "2019-11-29 23:00", "2019-11-30 00:00"],
            "Temperature 2m": [-1.0, -9999.9, -2.0], "Humidity": [90, 91, 92],
            "Precipitation": [0.0, 0.1, 0.0], "RadiationGlobal": [0, 0, 0],
        },
        {"statId": 7, "time": ["2019-11-29T22:00", "2019-11-29T23:00"],
         "RoadTemperature": [-0.6, -1.1], "Deposit": [0.0, 0.01]},
    ]
)  # fmt: skip


def _code(call: object, text: str) -> tuple[str, str | None]:
    with pytest.raises(LingjingError) as caught:
        call(text, "f")  # type: ignore[operator]
    assert caught.value.place is not None
    return caught.value.code, caught.value.place.field


def test_a_metro_forecast_has_our_units_and_rates() -> None:
    series = read_metro(FORECAST, "forecast.xml")
    assert series.hours == 5
    assert str(series.times[0]) == "2024-01-30T18:00:00"
    assert series.columns["wind_speed_m_s"][:2] == pytest.approx([10.0, 5.0])
    assert series.columns["cloud_cover_octas"][1] == 8
    rate = series.columns["precipitation_mm_h"]
    assert rate[:2] == pytest.approx([0.0, 0.5])
    assert rate[4] == pytest.approx(1.0)  # 3 mm over three hours
    assert np.isnan(series.columns["air_temperature_C"][2:4]).all()


def test_metro_observations_are_averaged_to_hours() -> None:
    series = read_metro(OBSERVATION, "observation.xml")
    assert series.columns["road_temperature_C"][0] == pytest.approx(-6.5)
    assert np.isnan(series.columns["road_temperature_C"][2])
    assert series.columns["wind_speed_m_s"][0] == pytest.approx(3.0)


def test_what_is_written_for_metro_reads_back() -> None:
    hours = 6
    times = np.array("2024-01-01T00:00", "datetime64[s]") + np.arange(hours) * np.timedelta64(
        3600, "s"
    )
    columns = {
        "air_temperature_C": np.array([2.0, 1.0, -1.0, -2.0, 1.0, 2.0]),
        "dew_point_C": np.full(hours, -3.0),
        "wind_speed_m_s": np.array([3.0, np.nan, 4.0, 5.0, 1.0, 2.0]),
        "precipitation_mm_h": np.array([0.0, 1.0, 0.5, 0.0, 2.0, 0.0]),
        "road_temperature_C": np.linspace(1, -1, hours),
        "water_mm": np.full(hours, 0.4),
    }
    series = HourlySeries("s", times, columns)
    back = read_metro(write_metro_forecast(series), "f")
    for name in ("air_temperature_C", "dew_point_C", "wind_speed_m_s", "precipitation_mm_h"):
        assert back.columns[name] == pytest.approx(columns[name], abs=0.01, nan_ok=True)
    assert "<sn>0.50</sn>" in write_metro_forecast(series)
    seen = read_metro(write_metro_observation(series), "f")
    assert seen.columns["road_temperature_C"] == pytest.approx(
        columns["road_temperature_C"], abs=0.01
    )
    text = write_metro_roadcast(series, [1, 2, 3, 3, 5, 7])
    assert text.count("<rc>3</rc>") == 2
    assert read_metro(text, "f").columns["water_mm"] == pytest.approx(0.4)


def test_roadsurf_stations_are_read_with_their_gaps_and_written_back() -> None:
    weather, road = read_roadsurf(ROADSURF, "in.json")
    assert (weather.number, weather.longitude_deg) == (100126, 19.6)
    assert np.isnan(weather.series.columns["air_temperature_C"][1])
    assert road.series.columns["frost_mm"].tolist() == [0.0, 0.01]
    again = read_roadsurf(write_roadsurf([weather, road]), "out.json")
    for one, other in zip((weather, road), again, strict=True):
        assert one.number == other.number
        assert (one.series.times == other.series.times).all()
        assert set(one.series.columns) == set(other.series.columns)
        for name, values in one.series.columns.items():
            assert other.series.columns[name] == pytest.approx(values, nan_ok=True)
    assert isinstance(again[0], Station)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("<forecast>", "series.unreadable", None),
        ('<!DOCTYPE x [<!ENTITY a "b">]><forecast/>', "series.unreadable", None),
        ("<station/>", "series.not-metro", "station"),
        ("<forecast/>", "series.no-rows", "prediction"),
        (FORECAST.replace("T19:00Z", "T17:00Z"), "series.disorder",
         "prediction[2].forecast-time"),
        (FORECAST.replace("2024-01-30T19:00Z", "soon"), "series.bad-time",
         "prediction[2].forecast-time"),
        (FORECAST.replace("-12.5", "cold"), "series.not-a-number", "prediction[2].at"),
        (FORECAST.replace("-12.5", "-400"), "series.impossible", "prediction[2].at"),
    ],
)  # fmt: skip
def test_bad_metro_files_are_named(text: str, code: str, field: str | None) -> None:
    assert _code(read_metro, text) == (code, field)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("[", "series.unreadable", None),
        ("{}", "series.not-roadsurf", None),
        ("[3]", "series.not-roadsurf", "[1]"),
        ('[{"time": []}]', "series.no-rows", "[1]"),
        ('[{"time": ["x"]}]', "series.bad-time", "[1].time[1]"),
        ('[{"time": ["2019-11-29 22:00", "2019-11-29 22:00"]}]', "series.disorder",
         "[1].time[2]"),
        (ROADSURF.replace("[90, 91, 92]", "[90]"), "series.ragged", "[1].Humidity"),
        (ROADSURF.replace("[90, 91, 92]", '[90, "x", 92]'), "series.not-a-number",
         "[1].Humidity[2]"),
        (ROADSURF.replace("[90, 91, 92]", "[90, 910, 92]"), "series.impossible",
         "[1].Humidity[2]"),
    ],
)  # fmt: skip
def test_bad_roadsurf_files_are_named(text: str, code: str, field: str | None) -> None:
    assert _code(read_roadsurf, text) == (code, field)
