"""Subscriptions as they lie in the ledger: small records of the tenant, apart for each branch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lingjing.twin.ledger import TRUNK, Branch, Desk

ENTITIES: Final = "subscriptions"
"""Kind of the subscriptions to entities, and first word of their collection."""
REGISTRATIONS: Final = "csourceSubscriptions"
"""Kind of the subscriptions to context-source registrations."""
REVISION: Final = "subscription-revision"
"""Collection of one record that changes with every subscription of the tenant."""
STATUS: Final = "subscription-status"
"""Collection of the counts of notifications."""
CLOCKS: Final = "subscription-clocks"
"""Collection of the moments by which servers agree who notifies."""


class Stored(msgspec.Struct, frozen=True):
    """A subscription in the ledger.

    Attributes:
        kept: Its members, names written out as IRIs (see `subscriptions_reading`).
        names: IRIs of the names in its queries.
        context: The `@context` it came with, as it would stand in a body.
        created_us, modified_us: When it was made and last changed [µs since 1970 UTC].
    """

    kept: dict[str, Any]
    names: dict[str, str]
    context: Any
    created_us: int
    modified_us: int

    @property
    def notification_context(self) -> Any:
        """The `@context` that its notifications are written in."""
        return self.kept.get("jsonldContext", self.context)


encode_stored: Final = msgspec.json.Encoder().encode
decode_stored: Final = msgspec.json.Decoder(Stored).decode


def collection(kind: str, branch: Branch) -> str:
    """Name of the collection of a branch's subscriptions.

    A branch is named by its number: one that is made later under the same name is another.
    """
    return kind if branch.name == TRUNK and branch.parent is None else f"{kind}@{branch.key}"


def status_of(kept: Mapping[str, Any], now_us: int, expires_us: int | None) -> str:
    """`active`, `paused` or `expired` (5.2.12)."""
    if expires_us is not None and expires_us <= now_us:
        return "expired"
    return "active" if kept.get("isActive", True) else "paused"


def clock_key(kind: str, branch_key: int, subscription_id: str) -> str:
    """Key of the small records about the notifications of a subscription."""
    return f"{kind} {branch_key} {subscription_id}"


def delete_records(desk: Desk, note: tuple[str, str], key: tuple[str, int, str]) -> bool:
    """Remove a subscription and what is kept about its notifications; whether there was one."""
    for collection in (STATUS, CLOCKS):
        desk.delete_note(collection, clock_key(*key))
    return desk.delete_note(*note)
