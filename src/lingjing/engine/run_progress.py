"""Progress of a part of something longer."""

from __future__ import annotations

from lingjing.sdk import Progress, Text


class Part(Progress):
    """Maps the progress of a part onto the whole.

    Args:
        whole: Takes the reports.
        start, end: Shares of the whole, 0 to 1, where the part begins and ends.
    """

    def __init__(self, whole: Progress, start: float, end: float) -> None:
        self._whole, self._start, self._end = whole, start, end

    def report(self, done: float, text: Text) -> None:
        """Say that the share `done` of the part is finished."""
        self._whole.report(self._start + (self._end - self._start) * done, text)
