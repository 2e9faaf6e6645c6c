"""What a part of a filter stands for: a column or a single value, and where it is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lingjing.twin.query.instants import comparable
from lingjing.vocabulary import LingjingError, Place

Type = Literal["number", "text", "flag", "time", "geometry"]
EARLIEST: Final = np.iinfo(np.int64).min
LATEST: Final = np.iinfo(np.int64).max
_DAY_US: Final = 86_400_000_000
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


@dataclass(frozen=True)
class Values:
    """Values of one type, one for each row or one for all.

    Attributes:
        type: float64, object (str), bool, int64 [µs since 1970 UTC], object (geometry).
        data: [n] or [1]; anything where `null` is set.
        null: Where there is no value [n] or [1].
        end: Of times, where they end [µs], for a timestamp itself.
    """

    type: Type
    data: NDArray[Any]
    null: NDArray[np.bool_]
    end: NDArray[np.int64] | None = None

    @property
    def ends(self) -> NDArray[np.int64]:
        """When the times end [µs]."""
        return self.data if self.end is None else self.end


class Table(Protocol):
    """What a filter is answered over."""

    def __len__(self) -> int:
        """Rows."""
        ...

    def values(self, name: str) -> Values | None:
        """A property's values; None where the table has no such property."""
        ...

    def names(self) -> tuple[str, ...]:
        """All properties."""
        ...

    def intersecting(self, geometry: Any) -> NDArray[np.int64]:
        """Rows whose geometry intersects another, by a spatial index."""
        ...


def one(kind: Type, value: Any) -> Values:
    """A single value."""
    data = np.empty(1, dtype={"number": float, "flag": bool, "time": np.int64}.get(kind, object))
    data[0] = value
    return Values(kind, data, np.zeros(1, dtype=bool))


def span(start_us: int, end_us: int) -> Values:
    """A single time that lasts."""
    return Values(
        "time",
        np.array([start_us], dtype=np.int64),
        np.zeros(1, dtype=bool),
        np.array([end_us], dtype=np.int64),
    )


def time_of(text: str) -> tuple[int, int]:
    """Start and end of a date or a timestamp [µs]; `..` is open.

    Raises:
        LingjingError: `cql2.bad-time`.
    """
    found = comparable(text)
    if found is None or found[0] == "time":
        raise LingjingError("cql2.bad-time", Place(field="filter"), text=text[:60])
    if found[0] == "date":
        start = (int(found[1]) - _FIRST_DAY) * _DAY_US
        return start, start + _DAY_US - 1
    return int(found[1]), int(found[1])


def time_text(instant_us: int) -> str:
    """An instant as RFC 3339 text."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
    return instant.isoformat().replace("+00:00", "Z")
