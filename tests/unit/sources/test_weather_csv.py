"""Weather from CSV with the documented header, and every way such a file goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lingjing.sources.weather_files import read_weather
from lingjing.vocabulary import LingjingError, WeatherTable

START = datetime(2024, 1, 22, tzinfo=UTC)


def write(folder: Path, header: str, rows: list[str]) -> Path:
    path = folder / "hours.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def hourly(values: list[str], step: int = 1) -> list[str]:
    return [
        f"{(START + timedelta(hours=step * hour)):%Y-%m-%dT%H:%M}+00:00,{value}"
        for hour, value in enumerate(values)
    ]


def read_air(folder: Path, values: list[str], **options: object) -> WeatherTable:
    path = write(folder, "time,air_temperature_C", hourly(values))
    return read_weather(path, **options)  # type: ignore[arg-type]


def refusal(path: Path, **options: object) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        read_weather(path, **options)  # type: ignore[arg-type]
    assert caught.value.what("zh-CN")
    assert caught.value.remedy("zh-CN")
    return caught.value


def test_a_documented_file_reads_with_units_times_and_notes(repository: Path) -> None:
    table = read_weather(repository / "tests/data/weather/observed-hours.csv")
    assert table.name == "observed-hours"
    assert table.times[0] == np.datetime64("2024-01-21T16:00:00")
    assert table.columns["air_temperature"][0, :3].tolist() == [-1.0, -1.5, -2.0]
    assert table.members == 1
    assert any("pavement_temperature_C" in remark for remark in table.notes)
    assert table.methods["air_temperature"] == "observed"


def test_cumulated_wind_is_differenced_while_the_direction_holds(repository: Path) -> None:
    table = read_weather(repository / "tests/data/weather/observed-hours.csv")
    # the first sum is of unknown age; each new direction starts afresh, and so does a falling sum
    assert table.columns["wind_speed"][0].tolist() == [3, 3, 2, 2, 3, 0, 1, 3, 1, 3]
    assert table.methods["wind_speed"] == "observed+differenced-by-direction"


def test_calm_hours_keep_the_direction_before_them(repository: Path) -> None:
    table = read_weather(repository / "tests/data/weather/observed-hours.csv")
    directions = table.columns["wind_direction"][0]
    assert directions.tolist() == [45, 45, 45, 315, 315, 315, 315, 135, 135, 135]
    assert table.methods["wind_direction"].endswith("calm-holds-direction")


def test_cumulated_wind_after_a_missing_hour_is_not_differenced_across_it(tmp_path: Path) -> None:
    rows = [f"{row},NE,{total}" for row, total in zip(hourly(["1"] * 6), "123579", strict=True)]
    header = "time,air_temperature_C,wind_direction,cumulated_wind_speed_m_s"
    table = read_weather(write(tmp_path, header, rows[:3] + rows[4:]))
    assert table.columns["wind_speed"][0].tolist() == [1, 1, 1, 1.5, 2, 2]


def test_a_sum_of_unknown_age_is_no_speed(tmp_path: Path) -> None:
    # the first hour's 99 may have grown for days; so may the 50 after the missing hour
    cells = ["1,NE,99", "1,NW,2", "1,NW,4", None, "1,SE,50", "1,NW,3", "1,NW,4"]
    rows = [row for row in hourly([str(cell) for cell in cells]) if "None" not in row]
    header = "time,air_temperature_C,wind_direction,cumulated_wind_speed_m_s"
    table = read_weather(write(tmp_path, header, rows))
    np.testing.assert_allclose(
        table.columns["wind_speed"][0], [2, 2, 2, 2 + 1 / 3, 2 + 2 / 3, 3, 1], rtol=1e-6
    )
    assert "gap-linear" in table.methods["wind_speed"]
    assert "edge-held" in table.methods["wind_speed"]


def test_lines_above_the_header_tell_origin_credit_and_place(tmp_path: Path) -> None:
    header = (
        "# made up for a test\n# attribution: The Observers (CC BY 4.0)\n# origin: reconstructed\n"
        "# synthetic: true\n# longitude_deg: 121.5\n# latitude_deg: 31.3\ntime,air_temperature_C"
    )
    table = read_weather(write(tmp_path, header, hourly(["1", "2"])))
    assert table.attribution == "The Observers (CC BY 4.0)"
    assert table.methods["air_temperature"] == "reconstructed"
    assert (table.provenance.kind, table.provenance.synthetic) == ("simulated", True)
    assert (table.longitude_deg, table.latitude_deg) == (121.5, 31.3)
    fault = refusal(write(tmp_path, header, hourly(["1", "-999"])))
    assert fault.place is not None
    assert fault.place.line == 9


@pytest.mark.parametrize(
    "line",
    ["# origin: rumour", "# synthetic: perhaps", "# longitude_deg: east", "# latitude_deg: 131",
     "# mood: good", "# source: a\n# source: b"],
)  # fmt: skip
def test_a_line_above_the_header_that_says_nothing_known_is_refused(
    tmp_path: Path, line: str
) -> None:
    fault = refusal(write(tmp_path, f"{line}\ntime,air_temperature_C", hourly(["1", "2"])))
    assert fault.code == "weather.bad-preamble"


def test_cumulated_wind_without_direction_is_refused(tmp_path: Path) -> None:
    rows = hourly(["1,3", "1,4"])
    fault = refusal(write(tmp_path, "time,air_temperature_C,cumulated_wind_speed_m_s", rows))
    assert fault.code == "weather.missing-column"
    assert fault.values["column"] == "wind_direction"


def test_short_gaps_are_filled_linearly_by_name(repository: Path) -> None:
    table = read_weather(repository / "tests/data/weather/observed-hours.csv")
    rain = table.columns["precipitation"][0]
    np.testing.assert_allclose(rain[3:7], [0.0, 0.2, 0.4, 0.6], atol=1e-6)
    assert table.methods["precipitation"] == "observed+gap-linear"


@pytest.mark.parametrize(("hours", "whole"), [(6, True), (7, False)])
def test_a_gap_is_filled_up_to_the_limit_and_refused_beyond(
    tmp_path: Path, hours: int, whole: bool
) -> None:
    rows = hourly(["1.0"] * 3 + ["?"] * hours + ["2.0"] * 3)
    path = write(tmp_path, "time,air_temperature_C", [row for row in rows if "?" not in row])
    if whole:
        table = read_weather(path)
        assert table.methods["air_temperature"] == "observed+gap-linear"
        assert table.columns["air_temperature"].shape == (1, 6 + hours)
        assert np.diff(table.columns["air_temperature"][0]).min() >= 0.0
        return
    fault = refusal(path)
    assert fault.code == "weather.gap"
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == ("hours.csv", 5)
    assert fault.values["hours"] == 7


def test_a_long_run_of_empty_cells_is_refused_with_its_line(tmp_path: Path) -> None:
    fault = refusal(
        write(tmp_path, "time,air_temperature_C", hourly(["1"] * 4 + [""] * 8 + ["1"] * 2))
    )
    assert fault.code == "weather.gap"
    assert fault.place is not None
    assert (fault.place.line, fault.place.field) == (6, "air_temperature_C")


def test_a_gap_outside_the_window_does_no_harm(tmp_path: Path) -> None:
    rows = hourly(["1"] * 30)
    path = write(tmp_path, "time,air_temperature_C", rows[:4] + rows[20:])
    assert refusal(path).code == "weather.gap"
    window = (START + timedelta(hours=21), START + timedelta(hours=26))
    table = read_weather(path, window=window)
    assert (table.start, table.end) == window
    across = (START + timedelta(hours=2), START + timedelta(hours=24))
    assert refusal(path, window=across).code == "weather.gap"
    ends_in_gap = (START, START + timedelta(hours=10))
    assert refusal(path, window=ends_in_gap).code == "weather.gap"


def test_a_window_is_cut_to_what_the_file_holds(tmp_path: Path) -> None:
    window = (START - timedelta(hours=48), START + timedelta(hours=3))
    table = read_air(tmp_path, ["1"] * 10, window=window)
    assert (table.start, table.end) == (START, START + timedelta(hours=3))


def test_a_window_beside_the_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "time,air_temperature_C", hourly(["1"] * 5))
    window = (START + timedelta(days=9), START + timedelta(days=10))
    assert refusal(path, window=window).code == "weather.outside-window"


def test_hours_without_air_temperature_at_the_ends_are_left_out(tmp_path: Path) -> None:
    table = read_air(tmp_path, ["", "1", "2", "3", "", ""])
    assert table.columns["air_temperature"].tolist() == [[1, 2, 3]]
    assert any("3" in remark and "left out" in remark for remark in table.notes)


def test_local_times_need_a_zone_and_take_a_named_one(tmp_path: Path) -> None:
    rows = ["2024-01-22T00:00,1.0", "2024-01-22T01:00,1.0"]
    path = write(tmp_path, "time,air_temperature_C", rows)
    fault = refusal(path)
    assert fault.code == "weather.no-time-zone"
    assert str(fault.place) == "hours.csv:2:time"
    for zone in ("Asia/Shanghai", "+08:00"):
        table = read_weather(path, zone=zone)
        assert table.times[0] == np.datetime64("2024-01-21T16:00:00")
    assert refusal(path, zone="Mars/Olympus").code == "weather.unknown-zone"


@pytest.mark.parametrize(
    ("order", "code", "line"),
    [
        ([0, 1, 1, 2], "weather.duplicate-time", 4),
        ([0, 2, 1, 3], "weather.backward-time", 4),
        ([0, 1, 2, 0], "weather.duplicate-time", 5),
    ],
)
def test_times_twice_or_backward_are_refused(
    tmp_path: Path, order: list[int], code: str, line: int
) -> None:
    rows = hourly(["1"] * 4)
    fault = refusal(write(tmp_path, "time,air_temperature_C", [rows[index] for index in order]))
    assert fault.code == code
    assert fault.place is not None
    assert (fault.place.line, fault.place.field) == (line, "time")


def test_times_off_the_hour_are_refused(tmp_path: Path) -> None:
    rows = ["2024-01-22T00:00Z,1", "2024-01-22T00:30Z,1", "2024-01-22T01:00Z,1"]
    assert refusal(write(tmp_path, "time,air_temperature_C", rows)).code == "weather.off-the-hour"


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    fault = refusal(write(tmp_path, "time,air_temperature_C", ["yesterday,1", "today,2"]))
    assert fault.code == "weather.bad-time"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("NaN", "weather.not-a-number"),
        ("nan", "weather.not-a-number"),
        ("inf", "weather.not-a-number"),
        ("NA", "weather.not-a-number"),
        ("null", "weather.not-a-number"),
        ("-999", "weather.sentinel"),
        ("-9999.0", "weather.sentinel"),
        ("-80", "vocabulary.out-of-bounds"),
        ("400", "vocabulary.out-of-bounds"),
    ],
)
def test_values_that_cannot_be_are_refused_with_file_line_and_field(
    tmp_path: Path, cell: str, code: str
) -> None:
    fault = refusal(write(tmp_path, "time,air_temperature_C", hourly(["1", "2", cell, "3"])))
    assert fault.code == code
    assert str(fault.place) == "hours.csv:4:air_temperature_C"


@pytest.mark.parametrize("column", ["air_temperature_F", "air_temperature_K", "air_temperature"])
def test_a_wrong_or_absent_unit_in_the_header_is_refused(tmp_path: Path, column: str) -> None:
    fault = refusal(write(tmp_path, f"time,{column}", hourly(["1", "2"])))
    assert fault.code == "vocabulary.wrong-unit"
    assert str(fault.place) == f"hours.csv:1:{column}"


def test_an_unknown_column_is_refused_with_near_names(tmp_path: Path) -> None:
    rows = hourly(["1,2", "1,2"])
    fault = refusal(write(tmp_path, "time,air_temperature_C,wnd_speed_m_s", rows))
    assert fault.code == "weather.unknown-column"
    assert "wind_speed_m_s" in str(fault.values["near"])


@pytest.mark.parametrize(
    ("header", "column"),
    [("time,dew_point_C", "air_temperature_C"), ("member,air_temperature_C", "time")],
)
def test_a_missing_column_is_refused_by_name(tmp_path: Path, header: str, column: str) -> None:
    fault = refusal(write(tmp_path, header, hourly(["1", "2"])))
    assert fault.code == "weather.missing-column"
    assert fault.values["column"] == column


def test_two_columns_of_one_quantity_are_refused(tmp_path: Path) -> None:
    rows = hourly(["1,NE,40", "1,NE,40"])
    header = "time,air_temperature_C,wind_direction,wind_direction_deg"
    assert refusal(write(tmp_path, header, rows)).code == "weather.duplicate-column"
    header = "time,air_temperature_C,air_temperature_C,dew_point_C"
    assert refusal(write(tmp_path, header, rows)).code == "weather.duplicate-column"


def test_a_row_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    rows = [*hourly(["1,2"]), "2024-01-22T01:00+00:00,1"]
    fault = refusal(write(tmp_path, "time,air_temperature_C,dew_point_C", rows))
    assert fault.code == "weather.ragged-row"
    assert fault.place is not None
    assert fault.place.line == 3


def test_members_in_long_form_become_rows_of_the_table(tmp_path: Path) -> None:
    rows = [f"{row},{member}" for member in (2, 10, 1) for row in hourly([str(member)] * 3)]
    table = read_weather(write(tmp_path, "time,air_temperature_C,member", rows))
    assert table.columns["air_temperature"].tolist() == [[1] * 3, [2] * 3, [10] * 3]
    assert table.methods["air_temperature"] == "forecast"


def test_members_of_unequal_length_are_refused(tmp_path: Path) -> None:
    rows = [f"{row},{member}" for member, length in ((1, 4), (2, 3))
            for row in hourly(["1"] * length)]  # fmt: skip
    fault = refusal(write(tmp_path, "time,air_temperature_C,member", rows))
    assert fault.code == "weather.uneven-members"
    assert fault.place is not None
    assert fault.place.line == 8


def test_a_member_that_ends_in_empty_cells_is_of_unequal_length(tmp_path: Path) -> None:
    rows = [f"{row},1" for row in hourly(["1"] * 4)]
    rows += [f"{row},2" for row in hourly(["1", "1", "", ""])]
    fault = refusal(write(tmp_path, "time,air_temperature_C,member", rows))
    assert fault.code == "weather.uneven-members"


def test_a_direction_gap_is_bridged_along_the_shorter_arc(tmp_path: Path) -> None:
    rows = hourly(["1,NNW", "1,", "1,NNE"])
    table = read_weather(write(tmp_path, "time,air_temperature_C,wind_direction", rows))
    assert table.columns["wind_direction"].tolist() == [[337.5, 0.0, 22.5]]


def test_no_file_or_no_weather_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv").code == "weather.no-such-file"
    for content, code in (
        (b"", "weather.empty"),
        (b"time,air_temperature_C\n", "weather.empty"),
        (b"time,air_temperature_C\n2024-01-22T00:00Z,1\n", "weather.empty"),
        (b"time,air_temperature_C\n2024-01-22T00:00Z,\n2024-01-22T01:00Z,\n", "weather.empty"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "weather.not-utf8"),
        (b"hello, world\n1, 2\n", "weather.unknown-format"),
    ):
        path = tmp_path / "hours.csv"
        path.write_bytes(content)
        assert refusal(path).code == code


def test_a_mistyped_year_is_refused_before_memory_runs_out(tmp_path: Path) -> None:
    rows = ["2024-01-22T00:00Z,1", "9024-01-22T01:00Z,1"]
    assert refusal(write(tmp_path, "time,air_temperature_C", rows)).code == "weather.too-long"


def test_half_a_place_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "time,air_temperature_C", hourly(["1", "2"]))
    assert refusal(path, longitude_deg=121.5).code == "weather.bad-place"
    assert refusal(path, longitude_deg=31.0, latitude_deg=121.5).code == "weather.bad-place"
    assert read_weather(path, longitude_deg=121.5, latitude_deg=31.0).latitude_deg == 31.0


def test_the_header_page_names_every_column_a_file_may_have(repository: Path) -> None:
    from lingjing.sources.weather_csv import (
        CALM,
        KNOWN_EXTRAS,
        MEMBER_COLUMN,
        ORIGINS,
        PREAMBLE,
        TIME_COLUMNS,
        weather_columns,
    )

    page = (repository / "docs/reference/weather.md").read_text(encoding="utf-8")
    documented = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    expected = {*weather_columns(), *TIME_COLUMNS, MEMBER_COLUMN, *KNOWN_EXTRAS}
    assert documented == expected
    assert all(f"`{word}`" in page for word in (*CALM, *PREAMBLE, *ORIGINS))


@pytest.mark.real_data
def test_real_shanghai_winter_reads_within_a_window(shared_data: Path) -> None:
    path = shared_data / "weather/shanghai-hourly-winters-2010-2012.csv"
    window = (datetime(2011, 1, 12, 16, tzinfo=UTC), datetime(2011, 1, 19, 16, tzinfo=UTC))
    table = read_weather(path, window=window)
    air = table.columns["air_temperature"][0]
    assert air.min() == -5.0
    coldest = table.times[air == -5.0] + np.timedelta64(8, "h")
    assert {str(day)[:10] for day in coldest} == {"2011-01-16", "2011-01-17"}
    assert table.columns["wind_speed"].max() < 15.0
    assert table.methods["precipitation"] == "observed+gap-linear"
    assert refusal(path).code == "weather.gap"


@pytest.mark.real_data
def test_real_beijing_cold_wave_reads_whole(shared_data: Path) -> None:
    path = shared_data / "weather/beijing-guanyuan-hourly-2015-12-15_2016-02-15.csv"
    table = read_weather(path)
    assert table.columns["air_temperature"].min() == pytest.approx(-16.8)
    assert table.times.size == 1488
    assert table.methods["wind_direction"] == "observed+gap-linear"


@pytest.mark.real_data
def test_real_pavement_record_needs_its_zone_named(shared_data: Path) -> None:
    path = shared_data / "pavement/winter-2009-10.csv"
    assert refusal(path).code == "weather.no-time-zone"
    window = (datetime(2009, 11, 2, tzinfo=UTC), datetime(2009, 11, 4, tzinfo=UTC))
    table = read_weather(path, zone="-06:00", window=window)
    assert set(table.columns) == {"air_temperature", "shortwave_down"}
    assert any("pavement_temperature_C" in remark for remark in table.notes)
