"""The background of subscriptions: commits in, notifications out, in a thread of its own.

The clerk of the ledger hands over what was committed and goes on; matching, writing and sending
happen here, so that neither writers nor readers wait for a receiver. Only when more than
`Settings.matching_most` entities wait to be matched is the clerk held up until there is room:
matching never waits for receivers, so this slows writing down instead of losing notifications.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import heapq
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from lingjing.interfaces.ngsild.notify import Courier, Event, Message, Queue, Settings
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.subscriptions_matching import (
    Index,
    Resolve,
    Watch,
    event_of,
    touched,
)
from lingjing.interfaces.ngsild.subscriptions_records import (
    CLOCKS,
    ENTITIES,
)
from lingjing.interfaces.ngsild.subscriptions_recovery import Recovery
from lingjing.interfaces.ngsild.subscriptions_subscriber import Subscriber, lay_down
from lingjing.interfaces.ngsild.subscriptions_tally import (
    Counts,
)
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Branch, Commit, Desk, Entry, Job, Ledger, Selection
from lingjing.vocabulary import LingjingError

PERIODIC_MOST: Final = 1000
"""Entities in one periodic notification; more go into further ones."""
_FLUSH_S: Final = 1.0
_MATCHED_AT_ONCE: Final = 200

_log: Final = logging.getLogger(__name__)

Write = Callable[[Subscriber, Sequence[Event]], Awaitable[Message]]
Registered = Callable[[Subscriber], list[Event]]


class Notifier:
    """Matches commits to subscriptions and has the notifications delivered.

    Args:
        ledger: For linked entities, periodic notifications, and counts.
        networks: Where receivers may be.
        settings: How notifications are delivered.
        write: Makes a notification of events.
        registered: Registrations that a subscription to such is about, for periodic notifications.
    """

    def __init__(
        self,
        ledger: Ledger,
        networks: Networks,
        settings: Settings,
        write: Write,
        registered: Registered,
    ) -> None:
        self._ledger = ledger
        self._registered = registered
        self._networks = networks
        self._settings = settings
        self._write = write
        self._is_shared = ledger.driver != "sqlite"
        self._lock = threading.Lock()
        self._indices: dict[int, Index] = {}
        self._subscribers: dict[tuple[str, int, str], Subscriber] = {}
        self._inbox: collections.deque[Sequence[Commit]] = collections.deque()
        self._room = threading.Condition()
        self._unmatched = 0
        self._due: list[tuple[float, tuple[str, int, str]]] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopping = False
        self._courier: Courier | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._ring = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._matching_us: int | None = None
        self._recovery = Recovery(
            ledger, settings.waiting_most, self._watched, self._queues, self._match_all
        )

    # From any thread

    def start(self) -> None:
        """Begin; commits taken before are matched now."""
        started = threading.Event()
        self._is_stopping = False
        self._wake, self._idle, self._ring = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._recovery.begin()
        if self._inbox:
            self._wake.set()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="notifier", daemon=True
        )
        self._thread.start()
        started.wait()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Match and tell what waits, for at most so long [s], then end."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        asyncio.run_coroutine_threadsafe(self._finish(timeout_s), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        self._thread = self._loop = None

    def put(self, subscriber: Subscriber) -> None:
        """Take a subscription in, in place of an earlier one with its key."""
        watch = subscriber.watch
        with self._lock:
            held = self._subscribers.get(watch.key)
            if held is not None:
                if held.watch.since_us > watch.since_us:
                    return  # what was changed later is at work already
                subscriber.tally = held.tally
                subscriber.queue = held.queue
                if held.queue is not None:
                    held.queue.endpoint = subscriber.endpoint
                    held.queue.write = lambda events: self._write(subscriber, events)
            self._subscribers[watch.key] = subscriber
            if watch.key[0] == ENTITIES:
                if not self._indices:
                    # Nobody is to be told of anything before it.
                    self._recovery.taken(watch.since_us)
                self._indices.setdefault(watch.branch.key, Index()).add(watch)
        if self._loop is not None and watch.key[0] == ENTITIES and self._recovery.done.is_set():
            # What it is to be told shall survive a kill from its first moment on.
            self._loop.call_soon_threadsafe(
                lambda: self._begin(self._recovery.keep(self._unmatched_us))
            )
        if watch.interval_s and self._loop is not None:
            self._loop.call_soon_threadsafe(self._schedule, watch, watch.interval_s)

    def remove(self, key: tuple[str, int, str]) -> None:
        """Forget a subscription; what waits for it is not told."""
        with self._lock:
            subscriber = self._subscribers.pop(key, None)
            index = self._indices.get(key[1])
            if index is not None:
                index.remove(key)
                if not index.watches:
                    del self._indices[key[1]]
        if subscriber is not None and subscriber.queue is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(subscriber.queue.stop)

    def subscriber(self, key: tuple[str, int, str]) -> Subscriber | None:
        """The subscription of a key."""
        return self._subscribers.get(key)

    def subscribers(self) -> list[Subscriber]:
        """All subscriptions."""
        with self._lock:
            return list(self._subscribers.values())

    def take(self, commits: Sequence[Commit]) -> None:
        """Take commits in; the listener of the ledger, called in the clerk's thread."""
        loop = self._loop
        if not self._indices or loop is None:
            return
        size = sum(len(commit.entries) for commit in commits)
        with self._room:
            while self._unmatched > self._settings.matching_most and not self._is_stopping:
                self._room.wait(1.0)
            self._unmatched += size
        self._inbox.append(commits)
        self._recovery.taken(commits[-1].recorded_us)
        with contextlib.suppress(RuntimeError):  # the loop has just ended
            loop.call_soon_threadsafe(self._wake.set)

    def tell(self, key: tuple[str, int, str], events: Sequence[Event]) -> None:
        """Tell a subscription about something that no commit shows."""

        def put() -> None:
            for event in events:
                self._enqueue(key, event)

        if self._loop is not None:
            self._loop.call_soon_threadsafe(put)

    def metrics(self) -> dict[str, int]:
        """Figures for the observer: subscriptions, waiting and dropped changes."""
        queues = self._queues()
        return {
            "subscriptions": len(self._subscribers),
            "unmatched_entities": self._unmatched,
            "waiting_changes": sum(queue.waiting for queue in queues),
            "dropped_changes": sum(queue.dropped for queue in queues),
        }

    # In the thread

    def _run(self, started: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._courier = Courier(Outgoing(self._networks), self._settings)
        self._loop = loop
        with self._lock:
            watches = [item.watch for item in self._subscribers.values()]
        for watch in watches:
            if watch.interval_s:
                self._schedule(watch, watch.interval_s)
        self._begin(self._recovery.start(self._unmatched_us))
        for work in (self._match, self._keep_time, self._keep_counts):
            self._begin(self._forever(work))
        loop.call_soon(started.set)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a work of the background; called in the event loop."""
        assert self._loop is not None  # noqa: S101
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _unmatched_us(self) -> int | None:
        """When the oldest commit was made that waits to be matched [µs]; None for none."""
        if self._matching_us is not None:
            return self._matching_us
        return self._inbox[0][0].recorded_us if self._inbox else None

    def _watched(self) -> list[Branch]:
        with self._lock:
            return [next(iter(index.watches.values())).branch for index in self._indices.values()]

    def _queues(self) -> list[Queue]:
        return [item.queue for item in self.subscribers() if item.queue is not None]

    async def _forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Keep a background work going: a fault is told, and does not end it."""
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001  (told, and the work goes on)
                _log.exception("notifications: a fault of ours")
                await asyncio.sleep(0.1)

    async def _finish(self, timeout_s: float) -> None:
        self._is_stopping = True
        self._wake.set()
        end = time.monotonic() + timeout_s
        if self._inbox:
            self._idle.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        queues = self._queues()
        if queues:
            left = max(end - time.monotonic(), 0.0)
            await asyncio.gather(*(queue.drain(left) for queue in queues))
        await self._recovery.close(self._unmatched_us)
        for queue in queues:
            queue.stop()
        await self._flush()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._background.clear()
        if self._courier is not None:
            await self._courier.close()
        # one more turn, so that cancelled sending lets go of its connections
        await asyncio.sleep(0)

    async def _match(self) -> None:
        await self._recovery.done.wait()
        if not self._inbox:
            self._idle.set()
        await self._wake.wait()
        self._wake.clear()
        self._idle.clear()
        while self._inbox:
            # Noted before it is taken out: at no time it is neither waiting nor being matched.
            self._matching_us = self._inbox[0][0].recorded_us
            commits = self._inbox.popleft()
            try:
                await self._match_all(commits)
            finally:
                self._matching_us = None
                with self._room:
                    self._unmatched -= sum(len(commit.entries) for commit in commits)
                    self._room.notify_all()
            await asyncio.sleep(0)

    async def _match_all(self, commits: Sequence[Commit]) -> None:
        matched = 0
        for commit in commits:
            index = self._indices.get(commit.branch.key)
            for entry in commit.entries if index is not None else ():
                self._match_entry(commit, entry, index)
                matched += 1
                if matched % _MATCHED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _match_entry(self, commit: Commit, entry: Entry, index: Index | None) -> None:
        what = touched(entry)
        document = entry.after if entry.after is not None else entry.before
        if what is None or document is None or index is None:
            return
        with self._lock:
            watches = index.concerned(entry, what)
        for watch in watches:
            if (
                commit.recorded_us < watch.since_us
                or not watch.is_awake(commit.recorded_us)
                or not watch.is_triggered(what)
            ):
                continue
            try:
                is_told = watch.takes(document, self._resolver(watch))
            except Exception:  # noqa: BLE001  (one subscription must not silence the others)
                _log.exception("subscription %s could not be matched", watch.key[2])
                continue
            if is_told:
                self._enqueue(watch.key, event_of(watch, commit, entry, what))

    def _resolver(self, watch: Watch) -> Resolve | None:
        if watch.query is None or not watch.query.depth:
            return None

        def resolve(entity_id: str) -> Document | None:
            record = self._ledger.records(watch.branch, (entity_id,)).get(entity_id)
            return None if record is None else record.document

        return resolve

    def _enqueue(self, key: tuple[str, int, str], event: Event) -> None:
        subscriber = self._subscribers.get(key)
        courier = self._courier
        if subscriber is None or courier is None:
            return
        if subscriber.queue is None:
            subscriber.queue = Queue(
                courier,
                subscriber.endpoint,
                lambda events: self._write(subscriber, events),
                subscriber.tally,
                self._settings,
                time.monotonic,
                (lambda wait_s: self._claim(subscriber, wait_s)) if self._is_shared else None,
            )
        subscriber.queue.put(event)

    # Periodic notifications

    def _schedule(self, watch: Watch, after_s: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + after_s, watch.key))
        self._ring.set()

    async def _keep_time(self) -> None:
        self._ring.clear()
        wait_s = self._due[0][0] - time.monotonic() if self._due else None
        if wait_s is None or wait_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ring.wait(), wait_s)
            return
        _, key = heapq.heappop(self._due)
        subscriber = self._subscribers.get(key)
        if subscriber is None or not subscriber.watch.interval_s:
            return
        if any(other == key for _, other in self._due):
            return  # it was changed, and has a later turn already
        interval_s = subscriber.watch.interval_s
        self._schedule(subscriber.watch, interval_s)
        self._begin(self._tell_periodically(subscriber))

    async def _tell_periodically(self, subscriber: Subscriber) -> None:
        watch = subscriber.watch
        now_us = time.time_ns() // 1000
        try:
            if not watch.is_awake(now_us):
                return
            if self._is_shared and not await self._claim(subscriber, watch.interval_s):
                return
            if watch.key[0] == ENTITIES:
                found = await asyncio.to_thread(self._selected, watch)
                events = [Event(now_us, item["id"], None, item) for item in found]
            else:
                events = await asyncio.to_thread(self._registered, subscriber)
        except LingjingError as error:
            _log.warning("periodic notification of %s put off: %s", subscriber.id, error)
            return
        for event in events:
            self._enqueue(watch.key, event)

    def _selected(self, watch: Watch) -> list[Document]:
        """Entities that a periodic notification tells about."""
        found: dict[str, Document] = {}
        resolve = self._resolver(watch)
        for selector in watch.selectors:
            selection = Selection(
                ids=tuple(sorted(selector.ids)),
                id_pattern=selector.pattern,
                types=selector.types,
                bounds=watch.geometry.bounds if watch.geometry is not None else None,
                geo_attribute=watch.geometry.attribute if watch.geometry is not None else "",
                accept=lambda document: watch.takes(document, resolve),
                limit=PERIODIC_MOST,
            )
            for record in self._ledger.find(watch.branch, selection).records:
                found.setdefault(record.id, record.document)
        return list(found.values())

    async def _claim(self, subscriber: Subscriber, wait_s: float) -> bool:
        """Whether this process is the one that notifies now, where several could."""
        key = subscriber.clock_key
        # a little less, so that clocks that tick together do not miss a turn
        wait_us = int(wait_s * 1e6 * 0.98)

        def run(desk: Desk) -> bool:
            held = desk.note(CLOCKS, key)
            if held is not None and desk.now_us - int(held) < wait_us:
                return False
            desk.put_note(CLOCKS, key, str(desk.now_us).encode())
            return True

        return bool(await self._submitted(subscriber.watch.branch.tenant, run))

    # Counts

    async def _keep_counts(self) -> None:
        await asyncio.sleep(_FLUSH_S)
        await self._flush()
        await self._recovery.turn(self._unmatched_us)

    async def _flush(self) -> None:
        """Lay the counts down in the ledger, all of a tenant in one job."""
        taken: dict[str, list[tuple[Subscriber, Counts]]] = {}
        for subscriber in self.subscribers():
            counts = subscriber.tally.take()
            if counts is not None:
                tenant = subscriber.watch.branch.tenant
                taken.setdefault(tenant, []).append((subscriber, counts))
        for tenant, pairs in taken.items():
            is_done = False
            try:
                await self._submitted(tenant, lay_down(pairs))
                is_done = True
            except LingjingError as error:
                _log.warning("counts of notifications are kept for later: %s", error)
            finally:
                for subscriber, _ in pairs:
                    subscriber.tally.settle(done=is_done)

    async def _submitted(self, tenant: str, run: Callable[[Desk], Any]) -> Any:
        branch = self._ledger.branch(tenant)
        return await asyncio.wrap_future(self._ledger.submit(Job(branch, (), run)))
