"""Open-Meteo's answers: deterministic and ensemble, and what a broken one looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lingjing.sources.weather_files import read_weather_text
from lingjing.vocabulary import LingjingError, WeatherTable


@pytest.fixture
def forecast(repository: Path) -> dict[str, Any]:
    return json.loads((repository / "tests/data/weather/open-meteo-forecast.json").read_text())


@pytest.fixture
def ensemble(repository: Path) -> dict[str, Any]:
    return json.loads((repository / "tests/data/weather/open-meteo-ensemble.json").read_text())


def read(answer: object) -> WeatherTable:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return read_weather_text(text, "answer.json", name="answer")


def refusal(answer: object) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        read(answer)
    assert caught.value.place is not None
    assert caught.value.place.file == "answer.json"
    return caught.value


def test_a_forecast_reads_in_our_units_and_utc(forecast: dict[str, Any]) -> None:
    table = read(forecast)
    assert table.members == 1
    assert table.times[0] == np.datetime64("2024-01-21T16:00:00")
    np.testing.assert_allclose(table.columns["wind_speed"][0, 0], 18.0 / 3.6, rtol=1e-6)
    assert table.columns["pressure"][0, 0] == 1036.0
    assert (table.longitude_deg, table.latitude_deg) == (121.5, 31.25)
    assert set(table.methods.values()) == {"forecast"}
    assert table.provenance.kind == "simulated"
    assert "Open-Meteo" in table.attribution


def test_radiation_above_the_atmosphere_is_not_taken_for_longwave(
    forecast: dict[str, Any],
) -> None:
    table = read(forecast)
    assert "longwave_down" not in table.columns
    assert any("terrestrial_radiation" in remark for remark in table.notes)


def test_an_ensemble_counts_the_control_as_its_first_member(ensemble: dict[str, Any]) -> None:
    table = read(ensemble)
    assert table.members == 5
    hourly = ensemble["hourly"]
    np.testing.assert_allclose(
        table.columns["air_temperature"],
        [hourly["temperature_2m"], *(hourly[f"temperature_2m_member{m:02d}"] for m in range(1, 5))],
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("variable", "unit", "raw", "quantity", "expected"),
    [
        ("temperature_2m", "°F", 23.0, "air_temperature", -5.0),
        ("wind_speed_10m", "m/s", 7.0, "wind_speed", 7.0),
        ("wind_speed_10m", "kn", 10.0, "wind_speed", 5.14444),
        ("wind_speed_10m", "mp/h", 10.0, "wind_speed", 4.4704),
        ("precipitation", "inch", 0.1, "precipitation", 2.54),
    ],
)
def test_other_units_are_converted(
    forecast: dict[str, Any],
    variable: str,
    unit: str,
    raw: float,
    quantity: str,
    expected: float,
) -> None:
    forecast["hourly_units"][variable] = unit
    forecast["hourly"][variable] = [raw] * 24
    assert read(forecast).columns[quantity][0, 0] == pytest.approx(expected, rel=1e-5)


def test_an_unknown_unit_is_refused(forecast: dict[str, Any]) -> None:
    forecast["hourly_units"]["temperature_2m"] = "K"
    fault = refusal(forecast)
    assert fault.code == "vocabulary.wrong-unit"
    assert fault.place is not None
    assert fault.place.field == "hourly_units.temperature_2m"


def test_older_spellings_and_unix_times_are_read(forecast: dict[str, Any]) -> None:
    expected = read(forecast)
    for part in ("hourly", "hourly_units"):
        forecast[part]["windspeed_10m"] = forecast[part].pop("wind_speed_10m")
    start = 1705852800  # 2024-01-21T16:00Z
    forecast["hourly"]["time"] = [start + 3600 * hour for hour in range(24)]
    forecast["hourly_units"]["time"] = "unixtime"
    table = read(forecast)
    assert table.times.tolist() == expected.times.tolist()
    np.testing.assert_array_equal(table.columns["wind_speed"], expected.columns["wind_speed"])


def test_nulls_inside_are_filled_and_nulls_at_the_end_cut_the_forecast(
    forecast: dict[str, Any],
) -> None:
    forecast["hourly"]["temperature_2m"][5:7] = [None, None]
    forecast["hourly"]["temperature_2m"][-4:] = [None] * 4
    forecast["hourly"]["precipitation"][0] = None
    table = read(forecast)
    assert table.times.size == 20
    assert table.methods["air_temperature"] == "forecast+gap-linear"
    assert table.methods["precipitation"] == "forecast+edge-held"


def test_a_variable_of_nulls_only_is_left_out_and_noted(forecast: dict[str, Any]) -> None:
    forecast["hourly"]["cloud_cover"] = [None] * 24
    table = read(forecast)
    assert "cloud_cover" not in table.columns
    assert any("cloud_cover" in remark for remark in table.notes)


def test_a_long_gap_of_nulls_is_refused(forecast: dict[str, Any]) -> None:
    forecast["hourly"]["precipitation"][4:12] = [None] * 8
    fault = refusal(forecast)
    assert fault.code == "weather.gap"
    assert fault.place is not None
    assert fault.place.field == "hourly.precipitation"


def test_lists_of_unequal_length_are_refused(forecast: dict[str, Any]) -> None:
    forecast["hourly"]["dew_point_2m"].pop()
    fault = refusal(forecast)
    assert fault.code == "weather.unequal-lists"
    assert (fault.values["found"], fault.values["expected"]) == (23, 24)


def test_a_member_that_lacks_a_variable_is_refused(ensemble: dict[str, Any]) -> None:
    del ensemble["hourly"]["precipitation_member03"]
    assert refusal(ensemble).code == "weather.uneven-members"


def test_a_member_that_ends_early_is_refused(ensemble: dict[str, Any]) -> None:
    ensemble["hourly"]["temperature_2m_member02"][-3:] = [None] * 3
    assert refusal(ensemble).code == "weather.uneven-members"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (-999, "weather.sentinel"),
        ("cold", "weather.not-a-number"),
        (True, "weather.not-a-number"),
        (-80.0, "vocabulary.out-of-bounds"),
        (400.0, "vocabulary.out-of-bounds"),
    ],
)
def test_values_that_cannot_be_are_refused(
    forecast: dict[str, Any], value: object, code: str
) -> None:
    forecast["hourly"]["temperature_2m"][3] = value
    fault = refusal(forecast)
    assert fault.code == code
    assert fault.place is not None
    assert str(fault.place.field).startswith("hourly.temperature_2m")


def test_a_refusal_of_the_service_is_told_as_such(repository: Path) -> None:
    text = (repository / "tests/data/weather/open-meteo-error.json").read_text()
    fault = refusal(text)
    assert fault.code == "weather.service-said-no"
    assert "Latitude" in fault.what("en")


def test_broken_answers_are_refused(forecast: dict[str, Any]) -> None:
    whole = json.dumps(forecast)
    assert refusal(whole[: len(whole) // 2]).code == "weather.bad-json"
    assert refusal('{"latitude":nan,"longitude":1}').code == "weather.bad-json"
    assert refusal('{"latitude":NaN,"longitude":1}').code == "weather.not-a-number"
    assert refusal("[" * 200_000).code == "weather.bad-json"
    assert refusal({}).code == "weather.bad-open-meteo"
    assert refusal([forecast, forecast]).code == "weather.bad-open-meteo"
    assert read([forecast]).members == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda a: a.pop("utc_offset_seconds"), "weather.no-time-zone"),
        (lambda a: a["hourly"].pop("temperature_2m"), "weather.missing-column"),
        (lambda a: a["hourly"].pop("time"), "weather.bad-open-meteo"),
        (lambda a: a["hourly_units"].pop("time"), "weather.bad-open-meteo"),
        (lambda a: a.update(latitude=None), "weather.bad-open-meteo"),
        (lambda a: a.update(latitude=131.0), "weather.bad-open-meteo"),
        (lambda a: a["hourly"]["time"].__setitem__(3, "soon"), "weather.bad-time"),
        (lambda a: a["hourly"]["time"].__setitem__(3, 7), "weather.bad-time"),
        (
            lambda a: a["hourly"]["time"].__setitem__(3, a["hourly"]["time"][2]),
            "weather.duplicate-time",
        ),
        (
            lambda a: a["hourly"].update(temperature_2m_gfs025=a["hourly"]["temperature_2m"]),
            "weather.bad-open-meteo",
        ),
    ],
)
def test_an_answer_that_lacks_a_part_is_refused(
    forecast: dict[str, Any], change: Any, code: str
) -> None:
    change(forecast)
    assert refusal(forecast).code == code
