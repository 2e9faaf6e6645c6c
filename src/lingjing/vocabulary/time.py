"""Time: UTC inside, explicit zones at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lingjing.vocabulary.errors import LingjingError, Place

LOCAL_ZONE = ZoneInfo("Asia/Shanghai")


def parse_instant(text: str, zone: ZoneInfo | None = None, place: Place | None = None) -> datetime:
    """Read an ISO 8601 time into UTC.

    Args:
        text: The time, with an offset unless `zone` is given.
        zone: The zone that times without an offset are in, when the caller has been told it.
        place: Where the text stands, for the error.

    Raises:
        LingjingError: `vocabulary.bad-time` or `vocabulary.no-time-zone`.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise LingjingError("vocabulary.bad-time", place, text=text) from None
    if instant.tzinfo is None:
        if zone is None:
            raise LingjingError("vocabulary.no-time-zone", place, text=text)
        instant = instant.replace(tzinfo=zone)
    return instant.astimezone(UTC)


def format_instant(instant: datetime) -> str:
    """An instant as ISO 8601 UTC with a `Z`, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_local(instant: datetime, zone: ZoneInfo = LOCAL_ZONE) -> str:
    """An instant for people, in local time to the minute: `2023-12-21 03:00`."""
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of whole hours that starts at a UTC hour.

    Attributes:
        start: First instant, UTC, on the hour.
        hours: Length; the window holds `hours + 1` hourly instants, both ends included.
    """

    start: datetime
    hours: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.start.utcoffset() != timedelta(0):
            raise ValueError("a window starts in UTC")
        if self.start.minute or self.start.second or self.start.microsecond:
            raise ValueError("a window starts on the hour")
        if self.hours < 1:
            raise ValueError("a window has at least one hour")

    @property
    def end(self) -> datetime:
        """Last instant, included."""
        return self.start + timedelta(hours=self.hours)

    def instants(self) -> Iterator[datetime]:
        """The hourly instants, both ends included."""
        return (self.start + timedelta(hours=hour) for hour in range(self.hours + 1))
