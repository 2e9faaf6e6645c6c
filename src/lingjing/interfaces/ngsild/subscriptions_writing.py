"""From what is kept of a subscription to its JSON (5.2.12)."""

from __future__ import annotations

from typing import Any, Final

from lingjing.interfaces.ngsild.members import CORE_MEMBERS, renamed_types
from lingjing.interfaces.ngsild.subscriptions_reading import ANY_TYPE, DEFAULT_TRIGGERS
from lingjing.interfaces.ngsild.subscriptions_records import Stored, status_of
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import instant_text, micros

_NAME_LISTS: Final = ("attributes", "pick", "omit")


def write_subscription(
    stored: Stored,
    terms: Terms,
    deliveries: dict[str, Any],
    now_us: int,
    *,
    with_times: bool = False,
    has_triggers: bool = True,
) -> dict[str, Any]:
    """The subscription with names as the `@context` shortens them.

    Args:
        stored: What is kept.
        terms: The `@context` to write in.
        deliveries: Members about its notifications (see `subscriptions_tally`).
        now_us: The present [µs], which its status depends on.
        with_times: Whether times of creation and change are shown.
        has_triggers: Whether notification triggers mean something for it.
    """
    kept = stored.kept
    written: dict[str, Any] = {"id": kept["id"], **kept}
    if "entities" in kept:
        written["entities"] = [_selector(item, terms) for item in kept["entities"]]
    if "watchedAttributes" in kept:
        written["watchedAttributes"] = [terms.compact(iri) for iri in kept["watchedAttributes"]]
    if "geoproperty" in kept.get("geoQ", {}):
        name = terms.compact(kept["geoQ"]["geoproperty"])
        written["geoQ"] = {**kept["geoQ"], "geoproperty": name}
    if has_triggers and "notificationTrigger" not in kept and "timeInterval" not in kept:
        written["notificationTrigger"] = list(DEFAULT_TRIGGERS)
    notification = dict(kept["notification"])
    for member in _NAME_LISTS:
        if member in notification:
            notification[member] = [_name(name, terms) for name in notification[member]]
    written["notification"] = notification | deliveries
    expires_us = micros(kept["expiresAt"]) if "expiresAt" in kept else None
    written["status"] = status_of(kept, now_us, expires_us)
    if with_times:
        written["createdAt"] = instant_text(stored.created_us)
        written["modifiedAt"] = instant_text(stored.modified_us)
    return written


def _selector(kept: dict[str, Any], terms: Terms) -> dict[str, Any]:
    if kept["type"] == ANY_TYPE:
        return kept
    return {**kept, "type": renamed_types(kept["type"], terms.compact)}


def _name(name: str, terms: Terms) -> str:
    return name if name in CORE_MEMBERS else terms.compact(name)
