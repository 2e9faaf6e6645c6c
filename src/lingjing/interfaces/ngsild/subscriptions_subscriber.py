"""A subscription at work, and what is kept of the notifications it was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lingjing.interfaces.ngsild.notify import Endpoint, Queue
from lingjing.interfaces.ngsild.subscriptions_matching import Watch
from lingjing.interfaces.ngsild.subscriptions_records import STATUS, clock_key
from lingjing.interfaces.ngsild.subscriptions_tally import (
    Counts,
    Tally,
    decode_counts,
    encode_counts,
)
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.ledger import Desk


class Subscriber:
    """A subscription at work.

    Args:
        watch: What it waits for.
        endpoint: Where notifications go.
        terms: The `@context` that notifications are written in.
        note: Collection and key of its record in the ledger.
    """

    def __init__(
        self, watch: Watch, endpoint: Endpoint, terms: Terms, note: tuple[str, str]
    ) -> None:
        self.watch = watch
        self.endpoint = endpoint
        self.terms = terms
        self.note = note
        self.tally = Tally()
        self.queue: Queue | None = None

    @property
    def id(self) -> str:
        """Id of the subscription."""
        return str(self.watch.kept["id"])

    @property
    def clock_key(self) -> str:
        """Key of the small record by which processes agree who notifies."""
        return clock_key(*self.watch.key)


def lay_down(pairs: Sequence[tuple[Subscriber, Counts]]) -> Callable[[Desk], None]:
    """The job that adds counts to those that are kept; those of deleted subscriptions go."""

    def run(desk: Desk) -> None:
        for subscriber, counts in pairs:
            if desk.note(*subscriber.note) is None:
                continue  # deleted since
            held = decode_counts(desk.note(STATUS, subscriber.clock_key))
            desk.put_note(STATUS, subscriber.clock_key, encode_counts(held.added(counts)))

    return run
