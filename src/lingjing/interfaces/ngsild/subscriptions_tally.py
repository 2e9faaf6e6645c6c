"""What became of a subscription's notifications (5.2.14.2), kept apart from the subscription.

The members change with every notification, so they are counted in memory and laid down in the
ledger now and then, as differences: several processes can count for one subscription.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from lingjing.twin.documents import instant_text


class Counts(msgspec.Struct):
    """Numbers and moments [µs since 1970 UTC; 0 for never]."""

    sent: int = 0
    failed: int = 0
    notified_us: int = 0
    success_us: int = 0
    failure_us: int = 0

    def added(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(
            self.sent + other.sent,
            self.failed + other.failed,
            max(self.notified_us, other.notified_us),
            max(self.success_us, other.success_us),
            max(self.failure_us, other.failure_us),
        )

    def members(self) -> dict[str, Any]:
        """The members that a subscription's `notification` shows; none before the first attempt."""
        if not self.notified_us:
            return {}
        shown: dict[str, Any] = {"timesSent": self.sent}
        if self.failed:
            shown["timesFailed"] = self.failed
        shown["lastNotification"] = instant_text(self.notified_us)
        if self.success_us:
            shown["lastSuccess"] = instant_text(self.success_us)
        if self.failure_us:
            shown["lastFailure"] = instant_text(self.failure_us)
        if self.success_us or self.failure_us:
            shown["status"] = "failed" if self.failure_us > self.success_us else "ok"
        return shown


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Counts).decode


def decode_counts(body: bytes | None) -> Counts:
    """Counts as they lie in the ledger; zeros where there are none."""
    return Counts() if body is None else _decode(body)


def encode_counts(counts: Counts) -> bytes:
    """Counts as they lie in the ledger."""
    return _encode(counts)


class Tally:
    """Counts of one subscription that are not in the ledger yet.

    Attributes:
        is_open: Whether a notification is with the receiver, and nothing is known of it yet.
    """

    def __init__(self) -> None:
        self.pending = Counts()
        self.is_open = False
        self._on_its_way = Counts()

    def begin(self) -> None:
        """A notification is sent for the first time."""
        self.pending.sent += 1
        self.is_open = True
        self.pending.notified_us = _now_us()

    def succeed(self) -> None:
        """It was taken."""
        self.pending.success_us = _now_us()
        self.is_open = False

    def fail(self, *, again: bool = False) -> None:
        """It was not taken, or not answered in time; `again` where it had failed before."""
        self.pending.failed += not again
        self.is_open = False
        now_us = _now_us()
        self.pending.failure_us = now_us
        self.pending.notified_us = self.pending.notified_us or now_us

    def take(self) -> Counts | None:
        """What is to be laid down now; None where nothing happened, or some is on its way."""
        if self.pending == Counts() or self._on_its_way != Counts():
            return None
        self._on_its_way, self.pending = self.pending, Counts()
        return self._on_its_way

    def settle(self, *, done: bool) -> None:
        """What was taken lies in the ledger now, or could not be laid down."""
        if not done:
            self.pending = self.pending.added(self._on_its_way)
        self._on_its_way = Counts()

    def over(self, laid_down: Counts) -> Counts:
        """All counts, given those of the ledger."""
        return laid_down.added(self._on_its_way).added(self.pending)


def _now_us() -> int:
    return time.time_ns() // 1000
