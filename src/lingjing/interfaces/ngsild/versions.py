"""Answers for clients of an earlier version of the standard (4.3.6.8)."""

from __future__ import annotations

import re
from typing import Any, Final

from lingjing.twin.documents import PAYLOADS

NATIVE: Final = (1, 9)
_PREFER: Final = re.compile(r"(?:^|[,;\s])ngsi-ld=\"?(\d)\.(\d{1,2})\"?(?:$|[,;\s.])")
_SINCE: Final[dict[str, tuple[int, int]]] = {
    "LanguageProperty": (1, 4),
    "VocabProperty": (1, 8),
    "JsonProperty": (1, 8),
    "ListProperty": (1, 8),
    "ListRelationship": (1, 8),
}
"""The version that brought each type of attribute, where it was not the first."""
_BEFORE: Final = {"ListRelationship": "Relationship"}


def preferred(prefer: str) -> str | None:
    """The version that a Prefer header asks for; None where it asks for none that is known."""
    found = _PREFER.search(prefer)
    if found is None:
        return None
    version = (int(found[1]), int(found[2]))
    return f"{version[0]}.{version[1]}" if (1, 1) <= version <= NATIVE else None


def reformat(written: Any, version: str) -> bool:
    """Turn attributes that a version does not know into what it knows; whether there were any.

    Args:
        written: An entity or a list of entities in normalized form; changed in place.
        version: Such as `1.5`.
    """
    major, minor = version.split(".")
    wanted = (int(major), int(minor))
    unknown = {kind for kind, since in _SINCE.items() if since > wanted}
    return bool(unknown) and _turn(written, unknown)


def _turn(value: Any, unknown: set[str]) -> bool:
    if isinstance(value, list):
        # Each is turned, so that looking does not stop at the first.
        return sum(_turn(item, unknown) for item in value) > 0
    if not isinstance(value, dict):
        return False
    turned = False
    kind = value.get("type")
    if isinstance(kind, str) and kind in unknown and PAYLOADS[kind] in value:
        payload = value.pop(PAYLOADS[kind])
        value["type"] = _BEFORE.get(kind, "Property")
        value[PAYLOADS[value["type"]]] = payload
        turned = True
    for name, item in value.items():
        # What stands in a value is the client's own and is left alone.
        if name not in _VALUES and _turn(item, unknown):
            turned = True
    return turned


_VALUES: Final = frozenset({*PAYLOADS.values(), "@context"})
