"""Time is UTC inside; working time follows the moved working days; weather tables are even."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lingjing.vocabulary import (
    LingjingError,
    Provenance,
    WeatherTable,
    Window,
    WorkingCalendar,
    format_instant,
    format_local,
    instant_of,
    moment_of,
    parse_instant,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_time_with_an_offset_becomes_utc() -> None:
    assert format_instant(parse_instant("2023-12-20T17:00+08:00")) == "2023-12-20T09:00:00Z"
    assert format_local(parse_instant("2023-12-20T09:00Z")) == "2023-12-20 17:00"


def test_a_time_without_a_zone_needs_one_named() -> None:
    with pytest.raises(LingjingError) as fault:
        parse_instant("2023-12-20T17:00")
    assert fault.value.code == "vocabulary.no-time-zone"
    assert parse_instant("2023-12-20T17:00", SHANGHAI).hour == 9


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(LingjingError) as fault:
        parse_instant("tomorrow")
    assert fault.value.code == "vocabulary.bad-time"


def test_a_window_holds_both_ends() -> None:
    window = Window(datetime(2023, 12, 20, 9, tzinfo=UTC), 72)
    instants = list(window.instants())
    assert len(instants) == 73
    assert instants[-1] == window.end
    for start, hours in (
        (datetime(2023, 12, 20, 9, tzinfo=SHANGHAI), 72),
        (datetime(2023, 12, 20, 9, 30, tzinfo=UTC), 72),
        (datetime(2023, 12, 20, 9, tzinfo=UTC), 0),
    ):
        with pytest.raises(ValueError, match="window"):
            Window(start, hours)


def test_numpy_and_datetime_agree_on_the_instant() -> None:
    instant = datetime(2023, 12, 20, 9, tzinfo=UTC)
    assert instant_of(moment_of(instant)) == instant


def test_a_weekend_before_a_holiday_is_worked() -> None:
    calendar = WorkingCalendar()
    # The spring festival of 2024 was made up for on Sunday 4 and Sunday 18 February.
    assert calendar.is_working_day(date(2024, 2, 4))
    assert not calendar.is_working_day(date(2024, 2, 12))
    assert calendar.is_working_day(date(2024, 2, 18))


def test_working_days_are_counted_over_the_holiday() -> None:
    start = datetime(2024, 2, 8, 10, tzinfo=SHANGHAI)
    due = WorkingCalendar().add_working_days(start, 3)
    worked = [
        day
        for day in (date(2024, 2, 8) + timedelta(days=n) for n in range(1, 20))
        if WorkingCalendar().is_working_day(day)
    ]
    assert due.date() == worked[2]


def test_no_working_days_from_a_day_off_is_the_next_working_day() -> None:
    saturday = datetime(2024, 3, 2, 10, tzinfo=SHANGHAI)
    assert WorkingCalendar().add_working_days(saturday, 0).date() == date(2024, 3, 4)


def test_an_unknown_year_is_said_to_be_unknown_and_can_be_overridden() -> None:
    far = date(2099, 5, 1)
    assert not WorkingCalendar().knows(far)
    with pytest.raises(LingjingError) as fault:
        WorkingCalendar().is_working_day(far)
    assert fault.value.code == "vocabulary.calendar-unknown"
    assert WorkingCalendar({far: False}).is_working_day(far) is False


def test_working_days_need_an_aware_start() -> None:
    with pytest.raises(ValueError, match="aware"):
        WorkingCalendar().add_working_days(datetime(2024, 3, 2, 10), 1)  # noqa: DTZ001


def table(**changes: object) -> WeatherTable:
    times = np.datetime64("2023-12-20T00", "s") + np.arange(4) * np.timedelta64(3600, "s")
    values: dict[str, object] = {
        "name": "night",
        "times": times,
        "columns": {"air_temperature": np.zeros((2, 4), np.float32)},
        "methods": {"air_temperature": "forecast"},
        "provenance": Provenance("imported", "a test"),
        "attribution": "",
    }
    return WeatherTable(**(values | changes))  # type: ignore[arg-type]


def test_an_even_table_knows_its_size() -> None:
    made = table()
    assert made.members == 2
    assert (made.end - made.start) == timedelta(hours=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": {"wind_speed": np.zeros((2, 4), np.float32)}},
        {"times": np.array(["2023-12-20T00", "2023-12-20T02"], "datetime64[s]")},
        {"columns": {"air_temperature": np.zeros((2, 3), np.float32)}},
        {"columns": {"air_temperature": np.full((2, 4), np.nan, np.float32)}},
        {"columns": {"air_temperature": np.full((2, 4), 400, np.float32)}},
        {"methods": {}},
    ],
)
def test_an_uneven_or_impossible_table_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LingjingError):
        table(**changes)
