"""What sensors say, in the twin's words: units and times are settled here."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from lingjing.vocabulary import LingjingError, Place, quantities

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST_US: Final = -(2**51)
_LATEST_US: Final = 2**53

CONVERSIONS: Final[dict[tuple[str, str], tuple[float, float]]] = {
    ("K", "degC"): (1.0, -273.15),
    ("degF", "degC"): (5.0 / 9.0, -160.0 / 9.0),
    ("1", "%"): (100.0, 0.0),
    ("km/h", "m/s"): (1.0 / 3.6, 0.0),
    ("kn", "m/s"): (1852.0 / 3600.0, 0.0),
    ("Pa", "hPa"): (0.01, 0.0),
    ("kPa", "hPa"): (10.0, 0.0),
    ("mbar", "hPa"): (1.0, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("cm", "mm"): (10.0, 0.0),
    ("m", "mm"): (1000.0, 0.0),
    ("L", "m3"): (0.001, 0.0),
    ("kg", "t"): (0.001, 0.0),
    ("kW/m2", "W/m2"): (1000.0, 0.0),
}
"""(Unit sent, unit kept) → factor and offset."""


class Observation(msgspec.Struct, frozen=True):
    """One value that a sensor saw.

    Attributes:
        entity: Id of the entity it belongs to.
        attribute: Name of the vocabulary, a name of one's own, or an IRI.
        value: In the attribute's unit.
        at_us: When it was seen [µs since 1970 UTC].
        type: Kind or IRI with which an entity that is absent is made; empty: it must be there.
        unit: Of the value, where the vocabulary knows none; empty for none.
        dataset: Tells several sensors of one attribute apart; empty for the only one.
    """

    entity: str
    attribute: str
    value: Any
    at_us: int
    type: str = ""
    unit: str = ""
    dataset: str = ""


class Message(msgspec.Struct, frozen=True):
    """What came in one piece, and is taken or left as one.

    Attributes:
        source: Who says it.
        observations: What it says.
        sequence: Number that the source gave it; None where it counts nothing.
        tenant: Whose twin.
        synthetic: It is made up, and must be labelled so.
        letter: The message as it came, as JSON, to be kept where it cannot be taken.
        fault: Why it cannot be understood; then there are no observations.
    """

    source: str
    observations: tuple[Observation, ...]
    sequence: int | None
    tenant: str
    synthetic: bool
    letter: bytes
    fault: LingjingError | None = None


def instant_us(given: Any, place: Place, form: str = "iso") -> int:
    """An instant as microseconds since 1970 UTC.

    Args:
        given: As it was sent.
        place: For errors.
        form: `iso` (ISO 8601 with a zone), `unix` (seconds) or `unix_ms`.

    Raises:
        LingjingError: `ingest.bad-time`.
    """
    found: int | None = None
    if form == "iso" and isinstance(given, str):
        try:
            instant = datetime.fromisoformat(given)
        except ValueError:
            instant = None
        if instant is not None and instant.tzinfo is not None:
            found = (instant - _EPOCH) // _MICROSECOND
    elif (
        form != "iso"
        and isinstance(given, int | float)
        and not isinstance(given, bool)
        and math.isfinite(given)
    ):
        found = round(given * (1_000_000 if form == "unix" else 1_000))
    if found is None or not _EARLIEST_US < found < _LATEST_US:
        raise LingjingError("ingest.bad-time", place, value=shown(given))
    return found


def settled(
    attribute: str, value: Any, unit: str, place: Place, bounds: tuple[float, float] | None = None
) -> Any:
    """A value in the unit of its attribute, within bounds.

    Args:
        attribute: Its name; a quantity of the vocabulary brings unit and bounds.
        value: As it was sent.
        unit: Unit it was sent in; empty for the attribute's own.
        place: For errors.
        bounds: Narrower ones.

    Raises:
        LingjingError: `ingest.bad-value`, `ingest.unknown-unit`, `vocabulary.out-of-bounds`.
    """
    quantity = quantities().get(attribute)
    if quantity is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise LingjingError("ingest.bad-value", place, attribute=attribute, value=shown(value))
    if isinstance(value, float) and not math.isfinite(value):
        raise LingjingError("ingest.bad-value", place, attribute=attribute, value=shown(value))
    if value is None:
        raise LingjingError("ingest.bad-value", place, attribute=attribute, value="null")
    if quantity is not None and unit and unit != quantity.unit:
        found = CONVERSIONS.get((unit, quantity.unit))
        if found is None:
            raise LingjingError(
                "ingest.unknown-unit", place, unit=unit, attribute=attribute, expected=quantity.unit
            )
        value = round(value * found[0] + found[1], 9)
    lower, upper = bounds or (-math.inf, math.inf)
    if quantity is not None:
        lower, upper = max(lower, quantity.lower), min(upper, quantity.upper)
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and not lower <= value <= upper
    ):
        raise LingjingError(
            "vocabulary.out-of-bounds", place, quantity=attribute, value=f"{value:g}",
            lower=f"{lower:g}", upper=f"{upper:g}",
        )  # fmt: skip
    return value


def shown(value: Any) -> str:
    """A value for an error's text, cut short."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
