"""EPW typical years: hour-ending times, missing codes, months of different years."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lingjing.sources.weather_files import read_weather, read_weather_text
from lingjing.vocabulary import LingjingError, WeatherTable


@pytest.fixture
def text(repository: Path) -> str:
    return (repository / "tests/data/weather/invented-typical.epw").read_text()


def read(text: str, year: int | None = 2023) -> WeatherTable:
    return read_weather_text(text, "typical.epw", name="typical", year=year)


def refusal(text: str, year: int | None = 2023) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        read(text, year)
    return caught.value


def with_field(text: str, line: int, position: int, value: str) -> str:
    lines = text.splitlines()
    fields = lines[line - 1].split(",")
    fields[position] = value
    lines[line - 1] = ",".join(fields)
    return "\n".join(lines)


def test_the_first_line_tells_of_the_hour_that_ends_at_one_local_time(text: str) -> None:
    table = read(text)
    assert table.times[0] == np.datetime64("2023-01-29T17:00:00")
    assert table.times[-1] == np.datetime64("2023-02-01T16:00:00")
    assert (table.longitude_deg, table.latitude_deg) == (121.45, 31.4)


def test_units_become_ours_and_missing_codes_become_gaps(text: str) -> None:
    table = read(text)
    assert table.columns["pressure"][0, 0] == 1024.0
    assert table.columns["cloud_cover"][0, 0] == 40.0
    assert "precipitation" not in table.columns
    # 99.9 at 03:00 on the second day, between 02:00 and 04:00
    assert table.columns["air_temperature"][0, 26] == pytest.approx(-2.4)
    assert table.methods["air_temperature"] == "typical-year+gap-linear"


def test_direct_radiation_is_global_less_diffuse(text: str) -> None:
    table = read(text)
    noon = table.columns["shortwave_down"][0, 11]
    assert (noon, table.columns["direct_shortwave_down"][0, 11]) == (300.0, 150.0)


def test_air_above_saturation_is_taken_as_saturated_and_noted(text: str) -> None:
    table = read(text)
    assert table.columns["relative_humidity"].max() == 100.0
    assert any("3 hours have a relative humidity above 100 %" in remark for remark in table.notes)


def test_months_of_different_years_need_a_named_year(text: str) -> None:
    fault = refusal(text, None)
    assert fault.code == "weather.epw-years"
    assert "1998, 2005" in fault.what("en")
    assert any("dated as 2023" in remark for remark in read(text).notes)


def test_a_file_of_one_year_keeps_it_and_says_what_it_is(text: str) -> None:
    table = read(text.replace("\n1998,", "\n2005,"), None)
    assert table.times[0] == np.datetime64("2005-01-29T17:00:00")
    assert any("typical year" in remark for remark in table.notes)


@pytest.mark.parametrize(
    ("line", "position", "value", "code"),
    [
        (1, 8, "east", "weather.bad-epw"),
        (1, 6, "131.4", "weather.bad-epw"),
        (1, 0, "PLACE", "weather.unknown-format"),
        (12, 0, "then", "weather.bad-epw"),
        (12, 3, "25", "weather.bad-time"),
        (12, 1, "13", "weather.bad-time"),
        (12, 6, "cold", "weather.not-a-number"),
        (12, 6, "nan", "weather.not-a-number"),
        (12, 6, "-80", "vocabulary.out-of-bounds"),
        (12, 3, "3", "weather.duplicate-time"),
        (12, 3, "1", "weather.duplicate-time"),
    ],
)
def test_broken_fields_are_refused_with_their_line(
    text: str, line: int, position: int, value: str, code: str
) -> None:
    fault = refusal(with_field(text, line, position, value))
    assert fault.code == code
    if code != "weather.unknown-format":
        assert fault.place is not None
        assert fault.place.line == line


def test_a_truncated_file_is_refused(text: str) -> None:
    assert refusal("\n".join(text.splitlines()[:8])).code == "weather.bad-epw"
    cut = text[: text.index("\n2005,1,30,9,") + 30]
    assert refusal(cut).code == "weather.ragged-row"


def test_a_year_without_the_leap_day_of_the_file_is_refused(text: str) -> None:
    lines = text.splitlines()
    leap = [line.replace("1998,2,1,", "1998,2,29,") for line in lines]
    assert refusal("\n".join(leap), 2023).code == "weather.bad-time"


@pytest.mark.real_data
def test_the_real_typical_year_of_baoshan_reads(shared_data: Path) -> None:
    table = read_weather(shared_data / "weather/shanghai-baoshan-typical-year.epw", year=2023)
    assert table.times.size == 8760
    assert table.columns["air_temperature"].min() == pytest.approx(-4.5)
    assert table.columns["air_temperature"][0, 0] == pytest.approx(6.5)
    sunny = table.columns["shortwave_down"][0].reshape(365, 24)
    # the sun is highest near local noon, so the brightest hour ends at 12:00 or 13:00
    assert int(sunny.mean(axis=0).argmax()) + 1 in (12, 13)
    assert table.provenance.kind == "imported"
