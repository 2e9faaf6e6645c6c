"""Hourly measurements of one place, gaps and all: what a hindcast reads and a score compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class HourlySeries:
    """Columns on an even hourly axis.

    Attributes:
        name: Of the file or station, for messages.
        times: Instants [hours], `datetime64[s]`, UTC, one hour apart.
        columns: Column as in the file (`air_temperature_C`) → values [hours], NaN in gaps.
        zone: Zone in which times are written for people.
        naive: The file gave no zone.
        notes: Remarks of the reader, in both languages, zh-CN / en.
    """

    name: str
    times: NDArray[np.datetime64]
    columns: Mapping[str, Values]
    zone: tzinfo = UTC
    naive: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def hours(self) -> int:
        """Number of hours, gaps included."""
        return int(self.times.size)

    def time_text(self, index: int) -> str:
        """The instant as the file would write it."""
        seconds = int(self.times[index].astype("datetime64[s]").astype(np.int64))
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(
            self.zone
        )
        if self.naive:
            moment = moment.replace(tzinfo=None)
        return moment.isoformat(timespec="seconds" if moment.second else "minutes")

    def at(self, name: str, times: NDArray[np.datetime64]) -> Values:
        """A column at other instants; NaN where it has none."""
        index = (times - self.times[0]) / np.timedelta64(3600, "s")
        whole = np.rint(index).astype(np.int64)
        inside = (np.abs(index - whole) < 1e-6) & (whole >= 0) & (whole < self.hours)
        values = np.full(times.size, np.nan)
        values[inside] = self.columns[name][whole[inside]]
        return values
