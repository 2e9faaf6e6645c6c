"""Rows of history in short: a numeric value is a number, two times, and a template.

Most of history is one sensor saying one number after another; what does not change from row to row
(type, unit, sub-attributes) is a *template*, kept once. An instance that cannot be given back
exactly from its template and numbers is kept whole.
"""

from __future__ import annotations

import functools
from typing import Any, Final, NamedTuple

from lingjing.twin.documents import Instance, decode, encode, instant_text, micros, plain_number

_MOST_TEMPLATE: Final = 600
_LARGEST_WHOLE: Final = 2.0**53
_RECORDED: Final = "\x00r"
_CREATED: Final = "\x00c"
_STYLES: Final = {27: "6", 24: "3", 20: "0"}
_LENGTHS: Final = {"6": 26, "3": 23, "0": 19}


class Short(NamedTuple):
    """An instance in short.

    Attributes:
        template: JSON of what stays the same; None where `body` holds the whole instance.
        number: The value where it is a plain number, None otherwise.
        observed_us: `observedAt` [µs], None where it has none.
        created_us: `createdAt` [µs]; the time of recording where the instance has none.
        body: The whole instance as JSON.
    """

    template: bytes | None
    number: float | None
    observed_us: int | None
    created_us: int
    body: bytes | None


def shorten(instance: Instance, recorded_us: int) -> Short:
    """An instance in short, so that `lengthen` gives exactly the same back.

    Raises:
        ValueError: `observedAt` is no instant.
    """
    observed = instance.get("observedAt")
    observed_us, style = (None, "-") if observed is None else _observed(observed)
    created = instance.get("createdAt")
    created_us = recorded_us if created is None else micros(created)
    number = plain_number(instance)
    template = None
    if number is not None and created is not None and style:
        template = _template(instance, style, recorded_us, created_us)
    body = encode(instance) if template is None else None
    return Short(template, number, observed_us, created_us, body)


@functools.lru_cache(maxsize=16_384)
def _observed(text: str) -> tuple[int, str]:
    """The instant of a text [µs], and how it is written; empty where not in one of our ways."""
    observed_us = micros(text)
    style = _STYLES.get(len(text), "")
    return observed_us, style if style and _styled(observed_us, style) == text else ""


_VARYING: Final = frozenset({"type", "value", "observedAt", "createdAt", "modifiedAt"})


def _template(instance: Instance, style: str, recorded_us: int, created_us: int) -> bytes | None:
    value = instance["value"]
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        return None
    recorded, created = instant_text(recorded_us), instance["createdAt"]
    if instance.get("modifiedAt") != recorded:
        return None
    if created != recorded and instant_text(created_us) != created:
        return None
    style += "i" if isinstance(value, int) else "f"
    unit = instance.get("unitCode")
    if len(instance) == 5 + (unit is not None) - (style[0] == "-") and isinstance(unit, str | None):
        # By far the commonest: nothing but the value, its times and perhaps a unit.
        return _plain_template(unit, style)
    made = {name: item for name, item in instance.items() if name not in _VARYING}
    made["type"] = "Property"
    if "attributes" in made:
        made["attributes"] = _folded(made["attributes"], recorded, created)
    made["~"] = style
    text = encode(made)
    return text if len(text) <= _MOST_TEMPLATE else None


@functools.lru_cache(maxsize=4_096)
def _plain_template(unit: str | None, style: str) -> bytes:
    made = {"type": "Property", "~": style}
    if unit is not None:
        made["unitCode"] = unit
    return encode(made)


def _styled(observed_us: int, style: str) -> str:
    return instant_text(observed_us)[: _LENGTHS[style]] + "Z"


def _folded(item: Any, recorded: str, created: str) -> Any:
    """The same with the row's own times marked, so that rows differ less."""
    if isinstance(item, dict):
        return {name: _folded(value, recorded, created) for name, value in item.items()}
    if isinstance(item, list):
        return [_folded(value, recorded, created) for value in item]
    if item == recorded:
        return _RECORDED
    return _CREATED if item == created else item


def _unfolded(item: Any, recorded: str, created: str) -> Any:
    if isinstance(item, dict):
        return {name: _unfolded(value, recorded, created) for name, value in item.items()}
    if isinstance(item, list):
        return [_unfolded(value, recorded, created) for value in item]
    if item == _RECORDED:
        return recorded
    return created if item == _CREATED else item


def lengthen(
    template: Instance, number: float, observed_us: int | None, recorded_us: int, created_us: int
) -> Instance:
    """The instance that was shortened.

    Args:
        template: Decoded; it is not changed.
        number, observed_us, created_us: See `Short`.
        recorded_us: As given to `shorten`.
    """
    made = dict(template)
    style, kind = made.pop("~")
    recorded, created = instant_text(recorded_us), instant_text(created_us)
    if "attributes" in made:
        made["attributes"] = _unfolded(made["attributes"], recorded, created)
    made["value"] = int(number) if kind == "i" else number
    if observed_us is not None:
        made["observedAt"] = _styled(observed_us, style)
    made["createdAt"] = created
    made["modifiedAt"] = recorded
    return made


def read_template(body: bytes) -> Instance:
    """A template out of its JSON."""
    return decode(body)
