"""All subscriptions of a server: read at the start, kept ready, told about what happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from lingjing.interfaces.ngsild.notify import Endpoint, Event, Settings
from lingjing.interfaces.ngsild.notify_writing import NotificationWriter
from lingjing.interfaces.ngsild.outgoing import Networks
from lingjing.interfaces.ngsild.registrations_matching import change_event, query_of_watch
from lingjing.interfaces.ngsild.registrations_records import (
    REGISTERED,
    Registration,
    decode_registration,
)
from lingjing.interfaces.ngsild.subscriptions_matching import Watch
from lingjing.interfaces.ngsild.subscriptions_notifier import Notifier
from lingjing.interfaces.ngsild.subscriptions_records import (
    ENTITIES,
    REGISTRATIONS,
    REVISION,
    STATUS,
    Stored,
    clock_key,
    collection,
    decode_stored,
    delete_records,
)
from lingjing.interfaces.ngsild.subscriptions_subscriber import Subscriber
from lingjing.interfaces.ngsild.subscriptions_tally import decode_counts
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.ledger import Branch, Desk, Job, Ledger
from lingjing.vocabulary import LingjingError

KINDS: Final = (ENTITIES, REGISTRATIONS)
_LOOK_S: Final = 1.0
_TIDY_S: Final = 30.0
_SETTLING_TURNS: Final = 20
_SETTLING_S: Final = 0.005

_log: Final = logging.getLogger(__name__)


class TermsSource(Protocol):
    """Where `@context`s come from."""

    core: Terms

    async def terms(self, value: Any, tenant: str) -> Terms:
        """The terms of an `@context`."""
        ...


class Subscriptions:
    """Keeps subscriptions at work. Its methods are called in the server's event loop.

    Args:
        ledger: Where they are kept, and what they are about.
        contexts: Gives the `@context`s that notifications are written in.
        networks: Where receivers may be; loopback where None.
        settings: How notifications are delivered.
    """

    def __init__(
        self,
        ledger: Ledger,
        contexts: TermsSource,
        networks: Networks | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._ledger = ledger
        self._contexts = contexts
        self._writer = NotificationWriter(ledger)
        self._notifier = Notifier(
            ledger,
            networks or Networks(),
            settings or Settings(),
            self._writer.write,
            self._registered,
        )
        self._seen: dict[str, bytes | None] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._is_listening = False

    async def start(self) -> None:
        """Read all subscriptions and begin to notify."""
        for tenant in await asyncio.to_thread(self._ledger.tenants):
            await self._read(tenant)
        self._notifier.start()
        if not self._is_listening:
            self._ledger.listen(self._notifier.take)
            self._is_listening = True
        if self._ledger.driver != "sqlite":
            loop = asyncio.get_running_loop()
            listen_to_notes = getattr(self._ledger, "listen_to_notes", None)
            if listen_to_notes is not None:
                listen_to_notes(lambda _, name: self._heard(loop, name))
            self._tasks.append(loop.create_task(self._look()))
        self._tasks.append(asyncio.get_running_loop().create_task(self._tidy()))

    async def stop(self, timeout_s: float = 2.0) -> None:
        """Tell what waits, for at most so long [s], and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.to_thread(self._notifier.stop, timeout_s)

    def put(self, kind: str, branch: Branch, stored: Stored, terms: Terms) -> None:
        """Take a subscription in that was made or changed; it lies in the ledger already.

        Args:
            kind: `ENTITIES` or `REGISTRATIONS`.
            branch: Where it belongs.
            stored: What is kept of it.
            terms: The `@context` that its notifications are written in.
        """
        name = collection(kind, branch)
        subscription_id = stored.kept["id"]
        watch = Watch(
            (kind, branch.key, subscription_id),
            branch,
            stored.kept,
            stored.names,
            stored.modified_us,
        )
        endpoint = endpoint_of(stored.kept)
        self._notifier.put(Subscriber(watch, endpoint, terms, (name, subscription_id)))

    def remove(self, kind: str, branch: Branch, subscription_id: str) -> None:
        """Forget a subscription that was deleted from the ledger."""
        self._notifier.remove((kind, branch.key, subscription_id))

    async def settled(self, kind: str, branch: Branch, subscription_id: str) -> None:
        """Wait a moment for a notification that is just being delivered.

        A receiver that looks at its subscription right after answering shall see itself counted.
        """
        subscriber = self._notifier.subscriber((kind, branch.key, subscription_id))
        for _ in range(_SETTLING_TURNS):
            if subscriber is None or not subscriber.tally.is_open:
                return
            await asyncio.sleep(_SETTLING_S)

    def deliveries(self, kind: str, branch: Branch, subscription_id: str) -> dict[str, Any]:
        """Members about the notifications of a subscription (5.2.14.2)."""
        key = (kind, branch.key, subscription_id)
        counts = decode_counts(self._ledger.note(branch.tenant, STATUS, clock_key(*key)))
        subscriber = self._notifier.subscriber(key)
        return (counts if subscriber is None else subscriber.tally.over(counts)).members()

    def registration_changed(
        self, branch: Branch, before: Registration | None, after: Registration | None
    ) -> None:
        """Tell subscriptions to registrations that one was made, changed or deleted (5.11.7)."""
        now_us = time.time_ns() // 1000
        for subscriber in self._notifier.subscribers():
            watch = subscriber.watch
            if watch.key[:2] != (REGISTRATIONS, branch.key) or not watch.is_awake(now_us):
                continue
            query = query_of_watch(watch)
            event = change_event(query, before, after, subscriber.terms, now_us)
            if event is not None:
                self._notifier.tell(watch.key, (event,))

    def tell_registrations(self, branch: Branch, subscription_id: str) -> None:
        """Tell a subscription all registrations that it is about, as new."""
        key = (REGISTRATIONS, branch.key, subscription_id)
        subscriber = self._notifier.subscriber(key)
        if subscriber is not None and subscriber.watch.is_awake(time.time_ns() // 1000):
            self._notifier.tell(key, self._registered(subscriber))

    def _registered(self, subscriber: Subscriber) -> list[Event]:
        branch = subscriber.watch.branch
        query = query_of_watch(subscriber.watch)
        now_us = time.time_ns() // 1000
        notes = self._ledger.notes(branch.tenant, collection(REGISTERED, branch))
        events = (
            change_event(query, None, decode_registration(body), subscriber.terms, now_us)
            for _, body in notes
        )
        return [event for event in events if event is not None]

    def watches(self) -> list[Watch]:
        """What all subscriptions at work wait for."""
        return [item.watch for item in self._notifier.subscribers()]

    def metrics(self) -> dict[str, int]:
        """Figures for the observer (see `Notifier.metrics`)."""
        return self._notifier.metrics()

    async def _tidy(self) -> None:
        """Now and then forget what belongs to branches that are gone."""
        while True:
            await asyncio.sleep(_TIDY_S)
            try:
                await self.forget_dropped()
            except LingjingError as error:
                _log.warning("subscriptions of dropped branches are kept for now: %s", error)

    async def forget_dropped(self) -> None:
        """End the subscriptions of branches that were dropped."""
        lost: dict[str, list[Subscriber]] = {}
        for subscriber in self._notifier.subscribers():
            branch = subscriber.watch.branch
            if branch.parent is not None:
                lost.setdefault(branch.tenant, []).append(subscriber)
        for tenant, subscribers in lost.items():
            branches = await asyncio.to_thread(self._ledger.branches, tenant)
            living = {branch.key for branch in branches}
            gone = [item for item in subscribers if item.watch.branch.key not in living]
            for item in gone:
                self._notifier.remove(item.watch.key)
            if gone:
                job = Job(branches[0], (), partial(_forget, subscribers=gone))
                await asyncio.wrap_future(self._ledger.submit(job))

    def _heard(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        """Another process changed small records; called from a thread of the ledger."""
        if name == REVISION and not loop.is_closed():
            loop.call_soon_threadsafe(self._changed.set)

    async def _look(self) -> None:
        """Follow what other processes do to the subscriptions."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_S)
            self._changed.clear()
            try:
                for tenant in await asyncio.to_thread(self._ledger.tenants):
                    note = await asyncio.to_thread(self._ledger.note, tenant, REVISION, "")
                    if note != self._seen.get(tenant):
                        await self._read(tenant)
            except LingjingError as error:
                _log.warning("subscriptions could not be looked at: %s", error)

    async def _read(self, tenant: str) -> None:
        """Make the subscriptions at work those that lie in the ledger."""
        self._seen[tenant] = await asyncio.to_thread(self._ledger.note, tenant, REVISION, "")
        found: dict[tuple[str, int, str], tuple[Branch, Stored]] = {}
        for branch in await asyncio.to_thread(self._ledger.branches, tenant):
            for kind in KINDS:
                name = collection(kind, branch)
                for note_key, body in await asyncio.to_thread(self._ledger.notes, tenant, name):
                    found[kind, branch.key, note_key] = (branch, decode_stored(body))
        at_work = {
            item.watch.key: item.watch
            for item in self._notifier.subscribers()
            if item.watch.branch.tenant == tenant
        }
        for key in at_work.keys() - found.keys():
            self._notifier.remove(key)
        for key, (branch, stored) in found.items():
            held = at_work.get(key)
            if held is None or held.since_us != stored.modified_us:
                terms = await self.terms_of(stored, tenant)
                try:
                    self.put(key[0], branch, stored, terms)
                except LingjingError as error:
                    _log.warning("subscription %s cannot be put to work: %s", key[2], error)

    async def terms_of(self, stored: Stored, tenant: str) -> Terms:
        """The `@context` of a subscription; the core where it cannot be had any more."""
        for context in (stored.notification_context, stored.context):
            try:
                return await self._contexts.terms(context, tenant)
            except LingjingError as error:
                _log.warning("subscription %s lacks its @context: %s", stored.kept["id"], error)
        return self._contexts.core


def _forget(desk: Desk, subscribers: Sequence[Subscriber]) -> None:
    for subscriber in subscribers:
        delete_records(desk, subscriber.note, subscriber.watch.key)


def endpoint_of(kept: Mapping[str, Any]) -> Endpoint:
    """Where a subscription's notifications go."""
    given = kept["notification"]["endpoint"]
    pairs: Callable[[str], tuple[tuple[str, str], ...]] = lambda name: tuple(  # noqa: E731
        (pair["key"], pair["value"]) for pair in given.get(name, ())
    )
    return Endpoint(
        uri=given["uri"],
        accept=given.get("accept", "application/json"),
        receiver=pairs("receiverInfo"),
        notifier=pairs("notifierInfo"),
        timeout_s=given.get("timeout", 0) / 1000,
        cooldown_s=given.get("cooldown", 0) / 1000,
        throttling_s=float(kept.get("throttling", 0)),
    )
