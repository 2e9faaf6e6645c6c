"""Which numbers of a source were taken, in little room: intervals, and a floor below them."""

from __future__ import annotations

import bisect
from typing import Final

import msgspec

_MOST_INTERVALS: Final = 200


class Seen:
    """Numbers that were seen; they mostly come one after another, some late, some never.

    Below the floor nothing is remembered: what comes from there is told by its content.

    Args:
        floor: Lowest number that is remembered.
        intervals: First and last of runs that were seen, in order, apart from one another.
    """

    def __init__(self, floor: int | None = None, intervals: list[tuple[int, int]] | None = None):
        self.floor = floor
        self._intervals = intervals or []
        self.changed = False

    def __contains__(self, number: int) -> bool:
        place = bisect.bisect_right(self._intervals, (number, 1 << 64)) - 1
        return place >= 0 and self._intervals[place][0] <= number <= self._intervals[place][1]

    def add(self, number: int) -> None:
        """Note a number."""
        if number in self or (self.floor is not None and number < self.floor):
            return
        self.changed = True
        place = bisect.bisect_left(self._intervals, (number, number))
        first = last = number
        if place < len(self._intervals) and self._intervals[place][0] == number + 1:
            last = self._intervals.pop(place)[1]
        if place and self._intervals[place - 1][1] == number - 1:
            place -= 1
            first = self._intervals.pop(place)[0]
        self._intervals.insert(place, (first, last))
        while len(self._intervals) > _MOST_INTERVALS:
            self.floor = self._intervals.pop(0)[1] + 1

    @property
    def intervals(self) -> list[tuple[int, int]]:
        """Runs that were seen."""
        return list(self._intervals)


_read = msgspec.json.Decoder(tuple[int | None, list[tuple[int, int]]]).decode


def read_seen(body: bytes | None) -> Seen:
    """What was kept of a source; nothing where it is new."""
    if body is None:
        return Seen()
    floor, intervals = _read(body)
    return Seen(floor, intervals)


def write_seen(seen: Seen) -> bytes:
    """What is to be kept of a source."""
    return msgspec.json.encode((seen.floor, seen.intervals))
