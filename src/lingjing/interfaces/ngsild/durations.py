"""ISO 8601 durations, months and years as the calendar has them."""

from __future__ import annotations

import calendar
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from lingjing.interfaces.ngsild.asked import bad

SECOND_US: Final = 1_000_000
_DAY_US: Final = 86_400 * SECOND_US
_PATTERN: Final = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?"
    r"(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?\Z",
    re.ASCII,
)
_LONGEST: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Duration(msgspec.Struct, frozen=True):
    """A length of time: whole months, then microseconds.

    Attributes:
        months: Calendar months; their length depends on where they begin.
        microseconds: The rest.
    """

    months: int
    microseconds: int

    @property
    def is_nothing(self) -> bool:
        """Whether it has no length."""
        return not self.months and not self.microseconds

    def after(self, start_us: int, times: int = 1) -> int:
        """The instant so many of these after another [µs since 1970 UTC].

        A day that the month reached does not have becomes its last day.
        """
        if not self.months:
            return start_us + times * self.microseconds
        start = _EPOCH + timedelta(microseconds=start_us)
        months = start.year * 12 + start.month - 1 + times * self.months
        year, month = divmod(months, 12)
        if not 1 <= year <= 9998:
            return start_us + times * (self.months * 31 * _DAY_US + self.microseconds)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        moved = start.replace(year=year, month=month + 1, day=day)
        return (moved - _EPOCH) // _MICROSECOND + times * self.microseconds


def parse_duration(text: str, parameter: str) -> Duration:
    """Read a duration such as `PT1H`, `P1M` or `P1DT12H`.

    Raises:
        LingjingError: `query.bad-parameter`.
    """
    found = _PATTERN.match(text) if len(text) <= _LONGEST else None
    if found is None:
        raise bad(parameter, text, "ISO 8601: P[n]Y[n]M[n]DT[n]H[n]M[n]S")
    number = {name: float(value.replace(",", ".")) for name, value in found.groupdict("0").items()}
    months = number["years"] * 12 + number["months"]
    days = number["weeks"] * 7 + number["days"]
    seconds = days * 86_400 + number["hours"] * 3_600 + number["minutes"] * 60 + number["seconds"]
    # a bound that keeps every sum within 64 bits and the calendar
    if months > 120_000 or seconds > 3.2e11 or not math.isfinite(seconds):
        raise bad(parameter, text, "≤ P10000Y")
    return Duration(int(months), round(seconds * SECOND_US))
