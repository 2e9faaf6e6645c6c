"""Weather kept in the data folder comes back as it went in."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from lingjing.engine.weather import (
    demo_weather,
    encode_weather,
    keep_weather,
    list_weather,
    load_weather,
    weather_sha256,
    weather_summary,
)
from lingjing.vocabulary import LingjingError, WeatherTable


@pytest.fixture(scope="module")
def table() -> WeatherTable:
    return demo_weather(members=3)


def test_what_is_kept_comes_back_whole(tmp_path: Path, table: WeatherTable) -> None:
    path = keep_weather(tmp_path, table)
    assert path == tmp_path / "weather" / "december-2023.parquet"
    back = load_weather(tmp_path, "december-2023")
    assert set(back.columns) == set(table.columns)
    for name, values in table.columns.items():
        np.testing.assert_array_equal(back.columns[name], values)
        assert back.columns[name].dtype == np.float32
    np.testing.assert_array_equal(back.times, table.times)
    for field in ("name", "methods", "provenance", "attribution", "longitude_deg", "notes"):
        assert getattr(back, field) == getattr(table, field)
    assert list_weather(tmp_path) == ["december-2023"]


def test_one_record_gives_the_same_bytes(tmp_path: Path, table: WeatherTable) -> None:
    assert encode_weather(table) == encode_weather(demo_weather(members=3))
    keep_weather(tmp_path, table)
    first = weather_sha256(tmp_path, "december-2023")
    keep_weather(tmp_path, load_weather(tmp_path, "december-2023"))
    assert weather_sha256(tmp_path, "december-2023") == first
    keep_weather(tmp_path, demo_weather(members=3, seed=8))
    assert weather_sha256(tmp_path, "december-2023") != first


def test_a_window_cuts_a_kept_record(tmp_path: Path, table: WeatherTable) -> None:
    keep_weather(tmp_path, table)
    window = (datetime(2023, 12, 20, 9, tzinfo=UTC), datetime(2023, 12, 21, 9, tzinfo=UTC))
    part = load_weather(tmp_path, "december-2023", window=window)
    assert (part.start, part.end) == window
    beside = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
    with pytest.raises(LingjingError) as caught:
        load_weather(tmp_path, "december-2023", window=beside)
    assert caught.value.code == "weather.outside-window"


def test_a_path_is_read_like_any_weather_file(tmp_path: Path, repository: Path) -> None:
    path = repository / "tests/data/weather/observed-hours.csv"
    table = load_weather(tmp_path, path, longitude_deg=121.5, latitude_deg=31.3)
    assert table.longitude_deg == 121.5
    assert len(weather_sha256(tmp_path, str(path))) == 64
    assert list_weather(tmp_path) == []


def test_an_unknown_name_tells_what_is_kept(tmp_path: Path, table: WeatherTable) -> None:
    keep_weather(tmp_path, table)
    with pytest.raises(LingjingError) as caught:
        load_weather(tmp_path, "december-2022")
    assert caught.value.code == "weather.not-kept"
    assert "december-2023" in caught.value.remedy("en")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["../escape", "", "a/b", ".hidden", "a b", "x" * 101])
def test_a_name_that_could_leave_the_folder_is_refused(
    tmp_path: Path, table: WeatherTable, name: str
) -> None:
    with pytest.raises(LingjingError) as caught:
        keep_weather(tmp_path, replace(table, name=name))
    assert caught.value.code == "weather.bad-name"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_refused(tmp_path: Path, table: WeatherTable) -> None:
    path = keep_weather(tmp_path, table)
    content = path.read_bytes()
    for broken in (b"", content[: len(content) // 2], b"PAR1" + b"x" * 100 + b"PAR1"):
        path.write_bytes(broken)
        with pytest.raises(LingjingError) as caught:
            load_weather(tmp_path, "december-2023")
        assert caught.value.code == "weather.kept-damaged"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, table: WeatherTable) -> None:
    (tmp_path / "weather").write_text("a file where the folder should be")
    with pytest.raises(LingjingError) as caught:
        keep_weather(tmp_path, table)
    assert caught.value.code == "weather.cannot-keep"
    assert caught.value.exit_code == 5


def test_a_full_disk_is_told_and_leaves_the_old_record_as_it_was(
    tmp_path: Path, table: WeatherTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep_weather(tmp_path, table)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LingjingError) as caught:
        keep_weather(tmp_path, demo_weather(members=3, seed=8))
    assert caught.value.code == "weather.cannot-keep"
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_summary_tells_ranges_methods_and_what_was_filled(
    tmp_path: Path, repository: Path
) -> None:
    table = load_weather(tmp_path, repository / "tests/data/weather/observed-hours.csv")
    summary = weather_summary(table)
    assert summary["members"] == 1
    assert summary["hours"] == 9
    assert summary["start"] == "2024-01-21T16:00:00Z"
    assert summary["filled"] == ["precipitation"]
    quantities = summary["quantities"]
    assert isinstance(quantities, dict)
    air = quantities["air_temperature"]
    assert (air["min"], air["mean"], air["max"]) == (-5.5, -3.25, -1.0)
    assert air["unit"] == "degC"
    assert weather_summary(demo_weather(2))["synthetic"] is True
