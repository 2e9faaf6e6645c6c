"""Measurements from CSV: hours, gaps, zones, and what is refused."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lingjing.sources.series_csv import read_series
from lingjing.vocabulary import LingjingError

HEAD = "time,air_temperature_C,precipitation_mm_h\n"


def _refused(text: str, zone: ZoneInfo | None = None) -> tuple[str, int | None, str | None]:
    with pytest.raises(LingjingError) as caught:
        read_series(text, "f.csv", zone=zone)
    place = caught.value.place
    assert place is not None
    assert place.file == "f.csv"
    assert caught.value.what("zh-CN") != caught.value.what("en")
    return caught.value.code, place.line, place.field


def test_missing_rows_and_empty_cells_are_gaps_on_an_even_axis() -> None:
    text = HEAD + "2024-01-01T00:00,1.5,0\n2024-01-01T01:00,,0\n2024-01-01T04:00,-2,NaN\n"
    series = read_series(text, "f.csv")
    assert series.hours == 5
    assert series.columns["air_temperature_C"].tolist()[0] == 1.5
    assert np.isnan(series.columns["air_temperature_C"][1:4]).all()
    assert np.isnan(series.columns["precipitation_mm_h"][4])
    assert series.time_text(4) == "2024-01-01T04:00"


def test_times_without_a_zone_are_utc_and_said_so_or_the_named_zone() -> None:
    text = HEAD + "2024-01-01T00:00,1,0\n2024-01-01T01:00,1,0\n"
    plain = read_series(text, "f.csv")
    assert str(plain.times[0]) == "2024-01-01T00:00:00"
    assert any("UTC" in note for note in plain.notes)
    local = read_series(text, "f.csv", zone=ZoneInfo("Asia/Shanghai"))
    assert str(local.times[0]) == "2023-12-31T16:00:00"
    assert not any("UTC" in note for note in local.notes)
    assert local.time_text(0) == plain.time_text(0) == "2024-01-01T00:00"
    given = read_series(text.replace("00,1", "00+08:00,1"), "f.csv")
    assert given.times[0] == local.times[0]
    assert given.time_text(1) == "2024-01-01T01:00+08:00"


def test_finer_rows_become_hours() -> None:
    rows = [f"2024-01-01T{m // 60:02d}:{m % 60:02d},{m / 60},{1.0 if m > 60 else 0}"
            for m in range(0, 181, 10)]  # fmt: skip
    series = read_series(HEAD + "\n".join(rows) + "\n", "f.csv")
    assert series.hours == 4
    assert series.columns["air_temperature_C"][1] == pytest.approx(1.0, abs=0.09)
    assert series.columns["precipitation_mm_h"].tolist() == [0, 0, 1, 1]


def test_unknown_and_empty_columns_are_left_and_named() -> None:
    head = "time,air_temperature_C,colour,dew_point_C\n"
    text = head + "2024-01-01T00:00,1,red,\n2024-01-01T01:00,1,blue,\n"
    series = read_series(text, "f.csv")
    assert set(series.columns) == {"air_temperature_C"}
    assert any("colour" in note for note in series.notes)
    assert any("dew_point_C" in note for note in series.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("series.no-time", 1, None)),
        ("when,air_temperature_C\n1,2\n", ("series.no-time", 1, None)),
        ("time,time\n", ("series.column-twice", 1, "time")),
        (HEAD, ("series.no-rows", None, None)),
        (HEAD + "2024-01-01T00:00,1\n", ("series.ragged", 2, None)),
        (HEAD + "yesterday,1,0\n", ("series.bad-time", 2, "time")),
        (HEAD + "2024-01-01T00:00,warm,0\n", ("series.not-a-number", 2, "air_temperature_C")),
        (HEAD + "2024-01-01T00:00,1,inf\n", ("series.impossible", 2, "precipitation_mm_h")),
        (HEAD + "2024-01-01T00:00,273.15,0\n", ("series.impossible", 2, "air_temperature_C")),
        (
            HEAD + "2024-01-01T00:00,1,0\n2024-01-01T01:00Z,1,0\n",
            ("series.mixed-zones", 3, "time"),
        ),
        (HEAD + "2024-01-01T01:00,1,0\n2024-01-01T01:00,1,0\n", ("series.disorder", 3, "time")),
        (HEAD + "2024-01-01T01:00,1,0\n", ("series.uneven", 2, "time")),
        (HEAD + "2024-01-01T01:00,1,0\n2024-01-01T02:00:07,1,0\n", ("series.uneven", 2, "time")),
        (HEAD + "1900-01-01T01:00,1,0\n2024-01-01T02:00,1,0\n", ("series.too-long", None, None)),
        (HEAD + '"2024', ("series.ragged", 2, None)),
    ],
)
def test_a_bad_file_is_refused_with_its_place(
    text: str, expected: tuple[str, int | None, str | None]
) -> None:
    assert _refused(text) == expected


def test_an_hour_that_the_zone_skips_is_refused() -> None:
    text = HEAD + "2024-03-10T01:00,1,0\n2024-03-10T02:30,1,0\n2024-03-10T04:00,1,0\n"
    found = _refused(text, ZoneInfo("America/Chicago"))
    assert found == ("series.bad-time", 3, "time")
