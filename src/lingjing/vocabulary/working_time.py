"""Chinese working time, with holidays and the working weekends that make up for them (调休)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import chinese_calendar

from lingjing.vocabulary.errors import LingjingError
from lingjing.vocabulary.time import LOCAL_ZONE


@dataclass(frozen=True)
class WorkingCalendar:
    """Tells working days from days off.

    Attributes:
        overrides: Local decisions by day, `True` for a working day; they win over the national
            arrangement, and make days beyond the known years answerable.
    """

    overrides: Mapping[date, bool] = field(default_factory=dict)

    def knows(self, day: date) -> bool:
        """Whether the arrangement of that day is known; shown as 'calendar unknown' if not."""
        try:
            self.is_working_day(day)
        except LingjingError:
            return False
        return True

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on that day.

        Raises:
            LingjingError: `vocabulary.calendar-unknown` for a year not arranged yet.
        """
        if day in self.overrides:
            return self.overrides[day]
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:
            raise LingjingError("vocabulary.calendar-unknown", year=day.year) from None

    def add_working_days(self, instant: datetime, days: int) -> datetime:
        """The same local time of day, `days` working days later.

        Args:
            instant: Aware start; on a day off, counting starts with the next working day.
            days: Zero or more working days.

        Raises:
            LingjingError: `vocabulary.calendar-unknown`.
            ValueError: `days` is negative or the instant has no zone.
        """
        if days < 0 or instant.tzinfo is None:
            raise ValueError("working days are counted forward from an aware instant")
        local = instant.astimezone(LOCAL_ZONE)
        left = days
        while left > 0:
            local += timedelta(days=1)
            if self.is_working_day(local.date()):
                left -= 1
        while not self.is_working_day(local.date()):
            local += timedelta(days=1)
        return local.astimezone(instant.tzinfo)
