"""Weather as it might be instead: the same members, colder or warmer, windier, wetter.

The changes act on the finished outlook, after its members were drawn and its gaps filled, so each
member stays the member it was and what differs between two runs comes from the change alone. They
act on the spin-up too: a spell that is 3 °C colder has been so for the ground and the pipes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.completion import note
from lingjing.forecast.outlook import Outlook
from lingjing.physics.humidity import relative_humidity_pct
from lingjing.vocabulary import LingjingError, Place, quantity

CHANGED: Final = "changed"
"""Stands behind the method of each forcing that was changed."""

BOUNDS: Final = {
    "air_temperature_shift_C": (-15.0, 15.0),
    "spread_scale": (0.0, 3.0),
    "wind_speed_scale": (0.0, 5.0),
    "precipitation_scale": (0.0, 10.0),
}
"""What may be asked for; farther away the members' other forcings would no longer fit."""

_KELVIN: Final = 273.15
Floats = NDArray[np.float32]


class WeatherChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the weather differs; the defaults change nothing.

    Attributes:
        air_temperature_shift_C: Added to air temperature and dew point [K], -15 to 15. The
            longwave radiation from the sky follows the fourth power of the air temperature.
        spread_scale: Multiplies how far each member's air temperature lies from the members' mean,
            0 to 3.
        wind_speed_scale: Multiplies the wind, 0 to 5.
        precipitation_scale: Multiplies rain and snow, 0 to 10. Clouds and humidity stay.
    """

    air_temperature_shift_C: float = 0.0  # noqa: N815 ends in its unit
    spread_scale: float = 1.0
    wind_speed_scale: float = 1.0
    precipitation_scale: float = 1.0

    @property
    def changes_nothing(self) -> bool:
        """Whether the weather stays as it is."""
        return self == WeatherChanges()

    def as_dict(self) -> dict[str, Any]:
        """What differs from the defaults, for a record."""
        return {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if getattr(self, name) != getattr(_NOTHING, name)
        }


_NOTHING: Final = WeatherChanges()


def check_changes(changes: WeatherChanges) -> None:
    """Refuse changes that are not numbers or out of bounds.

    Raises:
        LingjingError: `forecast.bad-change`.
    """
    for name, (lower, upper) in BOUNDS.items():
        value = float(getattr(changes, name))
        if not math.isfinite(value) or not lower <= value <= upper:
            raise LingjingError(
                "forecast.bad-change",
                Place(field=name),
                name=name,
                value=f"{value:g}",
                lower=f"{lower:g}",
                upper=f"{upper:g}",
            )


def changed_outlook(outlook: Outlook, changes: WeatherChanges | None) -> Outlook:
    """The outlook with its weather changed.

    Returns:
        The very same outlook where nothing changes.

    Raises:
        LingjingError: `forecast.bad-change`.
    """
    if changes is None or changes.changes_nothing:
        return outlook
    check_changes(changes)
    forcings = dict(outlook.forcings)
    touched: set[str] = set()
    if changes.air_temperature_shift_C != 0.0 or changes.spread_scale != 1.0:
        forcings |= _other_temperature(outlook, changes)
        touched |= {"air_temperature", "dew_point", "relative_humidity", "longwave_down"}
    for name in ("wind_speed", "precipitation"):
        factor = getattr(changes, f"{name}_scale")
        if factor != 1.0:
            forcings[name] = _within(name, forcings[name].astype(np.float64) * factor)
            touched.add(name)
    methods = {
        name: f"{method}+{CHANGED}" if name in touched else method
        for name, method in outlook.methods.items()
    }
    said = ", ".join(f"{name} {value:g}" for name, value in changes.as_dict().items())
    notes = (*outlook.notes, note("changed", changes=said))
    return replace(outlook, forcings=forcings, methods=methods, notes=notes)


def _other_temperature(outlook: Outlook, changes: WeatherChanges) -> dict[str, Floats]:
    before = outlook.forcings["air_temperature"].astype(np.float64)
    after = before
    if changes.spread_scale != 1.0:
        middle = before.mean(axis=0, keepdims=True)
        after = middle + changes.spread_scale * (before - middle)
    after = after + changes.air_temperature_shift_C
    air = _within("air_temperature", after)
    moved = air.astype(np.float64) - before
    dew = _within("dew_point", outlook.forcings["dew_point"].astype(np.float64) + moved)
    humidity = relative_humidity_pct(air.astype(np.float64), dew.astype(np.float64))
    warmer = ((before + moved + _KELVIN) / (before + _KELVIN)) ** 4
    sky = outlook.forcings["longwave_down"].astype(np.float64) * warmer
    return {
        "air_temperature": air,
        "dew_point": dew,
        "relative_humidity": _within("relative_humidity", humidity),
        "longwave_down": _within("longwave_down", sky),
    }


def _within(name: str, values: NDArray[np.float64]) -> Floats:
    bounds = quantity(name)
    return np.clip(values, bounds.lower, bounds.upper).astype(np.float32)
