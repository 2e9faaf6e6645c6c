"""Dates and times as they stand in queries and values, made comparable."""

from __future__ import annotations

import functools
import re
from datetime import UTC, date, datetime, time
from typing import Final, Literal

TemporalKind = Literal["dateTime", "date", "time"]

_DATE_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)\Z", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIME: Final = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)?\Z", re.ASCII)


@functools.lru_cache(maxsize=16_384)
def comparable(text: str) -> tuple[TemporalKind, float] | None:
    """The kind of a date or time, and a number in whose order it stands; None for other text.

    A `dateTime` gives microseconds since 1970 UTC, a `date` days, a `time` seconds of its day (UTC
    where it has no zone).
    """
    if len(text) < 8 or not text[0].isdigit():
        return None
    try:
        if _DATE_TIME.match(text):
            return "dateTime", _microseconds(datetime.fromisoformat(text.upper()))
        if _DATE.match(text):
            return "date", float(date.fromisoformat(text).toordinal())
        if _TIME.match(text):
            return "time", _seconds(time.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        return None
    return None


def _microseconds(instant: datetime) -> float:
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return float((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _seconds(moment: time) -> float:
    offset = moment.utcoffset()
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    return seconds - (offset.total_seconds() if offset is not None else 0.0)
