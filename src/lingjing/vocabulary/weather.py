"""Weather as every room passes it: an even hourly table of members, in the vocabulary's units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from lingjing.vocabulary.errors import LingjingError
from lingjing.vocabulary.provenance import Provenance
from lingjing.vocabulary.quantities import quantity

Hours = NDArray[np.datetime64]
Members = NDArray[np.float32]


@dataclass(frozen=True)
class WeatherTable:
    """Hourly weather of one place.

    State values (temperature, wind, cloud) hold at their instant; precipitation and radiation are
    means over the hour that ends at their instant, as most forecasts publish them.

    Attributes:
        name: Name of the record.
        times: Instants [hours], `datetime64[s]`, UTC, one hour apart.
        columns: Quantity name → values [members, hours], float32, no NaN.
        methods: Quantity name → how the column arose: `observed`, `forecast`, `reconstructed`,
            or the name of the parameterisation or gap filling used.
        provenance: Of the table as a whole.
        attribution: Whom to credit wherever the data or its products are shown.
        longitude_deg, latitude_deg: WGS 84, where known.
        notes: Remarks of the reader (gaps filled, clock remarks), for the run's record.
    """

    name: str
    times: Hours
    columns: Mapping[str, Members]
    methods: Mapping[str, str]
    provenance: Provenance
    attribution: str
    longitude_deg: float | None = None
    latitude_deg: float | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if "air_temperature" not in self.columns:
            raise LingjingError("vocabulary.uneven-weather", detail="air_temperature is missing")
        steps = np.diff(self.times.astype("datetime64[s]").astype(np.int64))
        if self.times.size < 2 or bool((steps != 3600).any()):
            raise LingjingError("vocabulary.uneven-weather", detail="times are not one hour apart")
        shape = self.columns["air_temperature"].shape
        for name, values in self.columns.items():
            if values.ndim != 2 or values.shape != shape or values.shape[1] != self.times.size:
                detail = f"{name} has shape {values.shape}, air_temperature {shape}"
                raise LingjingError("vocabulary.uneven-weather", detail=detail)
            if not bool(np.isfinite(values).all()):
                raise LingjingError("vocabulary.uneven-weather", detail=f"{name} has gaps")
            quantity(name).check(values)
            if name not in self.methods:
                raise LingjingError("vocabulary.uneven-weather", detail=f"{name} has no method")

    @property
    def members(self) -> int:
        """Number of members; 1 for a deterministic forecast or an observation."""
        return int(self.columns["air_temperature"].shape[0])

    @property
    def start(self) -> datetime:
        """First instant, UTC."""
        return instant_of(self.times[0])

    @property
    def end(self) -> datetime:
        """Last instant, UTC."""
        return instant_of(self.times[-1])


def instant_of(moment: np.datetime64) -> datetime:
    """A NumPy UTC instant as an aware `datetime`."""
    return datetime.fromtimestamp(int(moment.astype("datetime64[s]").astype(np.int64)), tz=UTC)


def moment_of(instant: datetime) -> np.datetime64:
    """An aware `datetime` as a NumPy UTC instant in seconds."""
    return np.datetime64(int(instant.timestamp()), "s")
