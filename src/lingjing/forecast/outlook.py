"""The weather ahead as scenarios take it: complete forcings, all members, spin-up included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.readings import Heard, Readings
from lingjing.vocabulary import Window

FORCINGS = (
    "air_temperature",
    "dew_point",
    "relative_humidity",
    "wind_speed",
    "precipitation",
    "cloud_cover",
    "shortwave_down",
    "longwave_down",
)
"""Quantities that every outlook carries, given or parameterised."""


@dataclass(frozen=True)
class Outlook:
    """Weather over a window, and over the hours before it that physics needs to settle.

    Attributes:
        window: The hours the run is about.
        spin_up_hours: Hours in the arrays before `window.start`.
        times: Instants [spin_up_hours + window.hours + 1], `datetime64[s]`, UTC.
        forcings: Every quantity of `FORCINGS` → float32 [members, times].
        methods: Quantity → how it was had: `observed`, `forecast`, `reconstructed`, or the name
            of the parameterisation.
        longitude_deg, latitude_deg: Where, WGS 84.
        weather: Name of the weather record.
        synthetic: The weather is made up or reconstructed, and must be labelled so.
        attribution: Whom to credit.
        notes: Remarks for the run's record.
        readings: What sensors said on the hours up to the window's start, spin-up included
            [assets, spin_up_hours + 1]: the quantities that the scenario's manifest listens to.
        heard: What became of every sensor's word.
    """

    window: Window
    spin_up_hours: int
    times: NDArray[np.datetime64]
    forcings: Mapping[str, NDArray[np.float32]]
    methods: Mapping[str, str]
    longitude_deg: float
    latitude_deg: float
    weather: str
    synthetic: bool
    attribution: str
    notes: tuple[str, ...] = ()
    readings: tuple[Readings, ...] = ()
    heard: tuple[Heard, ...] = ()

    @property
    def members(self) -> int:
        """Number of members."""
        return int(self.forcings["air_temperature"].shape[0])

    def within(self, name: str) -> NDArray[np.float32]:
        """A forcing inside the window only [members, window.hours + 1]."""
        return self.forcings[name][:, self.spin_up_hours :]

    def readings_of(self, kind: str, quantity: str) -> Readings | None:
        """What sensors said of a quantity of a kind; None where none was believed."""
        wanted = (kind, quantity)
        return next((item for item in self.readings if (item.kind, item.quantity) == wanted), None)
