"""What happens in the twin, told to viewers as it happens, and again to those who were away.

Commits are gathered for a moment, so that an entity that changes often is told once. What viewers
with one interest are told is put together and written once for all of them. Nothing here grows
with slow or many viewers: each has only its place in what is kept, and who falls behind that is
told to read everything anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from lingjing.engine.live_changes import Event, Interest, Item, Place, gathered, wanted
from lingjing.engine.live_watching import Standing, Watcher
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import DEFAULT_TENANT, Commit, Ledger
from lingjing.vocabulary import LingjingError

_log: Final = logging.getLogger(__name__)
_MOST_WAITING_BYTES: Final = 1 << 20
"""Of events that the slowest viewer of an interest has still to be told."""
_encode: Final = msgspec.json.Encoder().encode


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How viewers are told.

    Attributes:
        gather_s: How long changes are gathered [s].
        beat_s: How often viewers hear that all is well [s].
        look_s: How often districts and runs are looked at [s].
        batches_most, items_most: What is kept for who was away.
        told_most: Entities in one telling; more are told as `reload`.
        message_items: Entities in one event.
        viewers_most: Viewers at a time.
    """

    gather_s: float = 0.1
    beat_s: float = 10.0
    look_s: float = 1.0
    batches_most: int = 2_000
    items_most: int = 50_000
    told_most: int = 5_000
    message_items: int = 500
    viewers_most: int = 2_000


class Batch:
    """What was gathered in one moment.

    Args:
        number: Of this server's moments, from 1.
        commits: Of the ledger, in order.
        events: Whatever else happened.
    """

    def __init__(self, number: int, commits: Sequence[Commit], events: tuple[Event, ...]) -> None:
        self.number = number
        self.events = events
        self.size = sum(len(commit.entries) for commit in commits)
        self._commits = commits

    @functools.cached_property
    def items(self) -> dict[Place, dict[str, Item]]:
        """Entities by place; put together only where somebody is to be told."""
        found: dict[Place, dict[str, Item]] = {}
        gathered(self._commits, found)
        self._commits = ()
        return found


class Viewer:
    """One who is told. Used in the event loop alone.

    Attributes:
        interest: What it wants to be told of.
        place: Number of the last batch it was told.
        woken: Set when there is something to tell.
        beats: Set when the server's heart has beaten.
        is_over: The server stops.
    """

    def __init__(self, interest: Interest, place: int) -> None:
        self.interest = interest
        self.place = place
        self.woken = asyncio.Event()
        self.beats = False
        self.is_over = False


class _Channel:
    """What is told to all viewers of one interest: batch numbers and written events.

    Attributes:
        lost: Number of the newest batch that was dropped before all had been told.
    """

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self.written: deque[tuple[int, bytes]] = deque()
        self.lost = 0
        self._size = 0

    def add(self, number: int, body: bytes) -> None:
        """Tell all viewers; what all were told before goes, and the oldest where it is too much."""
        told = min((viewer.place for viewer in self.viewers), default=number)
        while self.written and self.written[0][0] <= told:
            self._size -= len(self.written.popleft()[1])
        self.written.append((number, body))
        self._size += len(body)
        while self._size > _MOST_WAITING_BYTES and len(self.written) > 1:
            self.lost, dropped = self.written.popleft()
            self._size -= len(dropped)
        for viewer in self.viewers:
            viewer.woken.set()


class Live:
    """Tells viewers. All but `take` and `tell` is called in the server's event loop.

    Args:
        ledger: The twin.
        watcher: Looks at what the ledger does not tell; None for nothing.
        settings: See `LiveSettings`.
    """

    def __init__(
        self, ledger: Ledger, watcher: Watcher | None = None, settings: LiveSettings | None = None
    ) -> None:
        self.ledger = ledger
        self.settings = settings or LiveSettings()
        self._watcher = watcher
        self._epoch = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._commits: list[Commit] = []
        self._events: list[Event] = []
        self._is_due = False
        self._number = 0
        self._sequence = 0
        self._heard = 0
        self._kept: deque[Batch] = deque()
        self._kept_items = 0
        self._channels: dict[Interest, _Channel] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_listening = False
        self._standing: Standing | None = None
        self._starting: asyncio.Task[None] | None = None

    # Beginning and end

    async def start(self) -> None:
        """Begin to listen, if that was not done."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop or self._starting is None:
            self._loop = loop
            self._starting = loop.create_task(self._begin(loop))
        try:
            # Who comes while another begins waits for it, and does not end it by going away.
            await asyncio.shield(self._starting)
        except LingjingError:
            self._starting = None  # the next who comes tries again
            raise

    async def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_due = False
        if not self._is_listening:
            # Read before listening: a number that is too small makes nobody miss anything.
            self._sequence = await asyncio.to_thread(self.ledger.sequence)
            self._is_listening = True
            self.ledger.listen(self.take)
            others = getattr(self.ledger, "listen_to_others", None)
            if others is not None:
                others(self.take)
        self._tasks = [loop.create_task(self._beat())]
        if self._watcher is not None:
            self._watcher.tell = self.tell
            # Before the first viewer is let in: what is done from then on is told.
            await self._look_once(self._watcher)
            self._tasks.append(loop.create_task(self._look(self._watcher)))

    def stop(self) -> None:
        """Tell all viewers that it is over."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._loop = None
        self._starting = None
        for channel in self._channels.values():
            for viewer in channel.viewers:
                viewer.is_over = True
                viewer.woken.set()

    # What happens; from any thread

    def take(self, commits: Sequence[Commit]) -> None:
        """Take in commits, in order."""
        if not commits or self._loop is None:
            return
        with self._lock:
            self._commits.extend(commits)
            self._heard = max(self._heard, commits[-1].sequence)
        self._soon()

    def tell(self, events: Iterable[Event]) -> None:
        """Tell something that is not in the ledger."""
        with self._lock:
            self._events.extend(events)
        self._soon()

    def _soon(self) -> None:
        loop = self._loop
        with self._lock:
            if self._is_due or loop is None:
                return
            self._is_due = True
        try:
            loop.call_soon_threadsafe(loop.call_later, self.settings.gather_s, self._flush)
        except RuntimeError:  # the loop is closed: nobody is told any more
            self._loop = None

    def _flush(self) -> None:
        with self._lock:
            commits, self._commits = self._commits, []
            events, self._events = self._events, []
            self._is_due = False
            self._number += 1
            self._sequence = max(self._sequence, self._heard)
            batch = Batch(self._number, commits, tuple(events))
        self._keep(batch)
        if self._watcher is not None and self._channels:
            self._watcher.noticed(batch.items)
        for interest, channel in self._channels.items():
            written = self._written(batch, interest)
            if written:
                channel.add(batch.number, written)

    def _keep(self, batch: Batch) -> None:
        self._kept.append(batch)
        self._kept_items += batch.size
        settings = self.settings
        while self._kept and (
            len(self._kept) > settings.batches_most or self._kept_items > settings.items_most
        ):
            self._kept_items -= self._kept.popleft().size

    # Viewers

    async def enter(self, interest: Interest, after: str | None) -> tuple[Viewer, bytes]:
        """A new viewer, and what it is to be told first.

        Args:
            interest: What it wants to be told of.
            after: Position of the last event it has; None for one that begins.

        Raises:
            LingjingError: `events.too-many-viewers`; `twin.no-tenant`, `twin.no-branch`.
        """
        await self.start()
        if sum(len(item.viewers) for item in self._channels.values()) >= self.settings.viewers_most:
            raise LingjingError("events.too-many-viewers", most=self.settings.viewers_most)
        await asyncio.to_thread(self.ledger.branch, interest.tenant, interest.branch)
        newest = None if after is None else await asyncio.to_thread(self.ledger.sequence)
        # From here on nothing may be awaited: what is kept is followed without a gap.
        viewer = Viewer(interest, self._number)
        channel = self._channels.setdefault(interest, _Channel())
        channel.viewers.add(viewer)
        missed, reason = self._missed(after, newest)
        parts = [self._event("hello", self._hello())]
        if reason:
            parts.append(self._event("reload", {"reason": reason}))
        parts += [self._written(batch, interest) for batch in missed]
        parts.append(f"id: {self.position()}\n\n".encode())
        return viewer, b"".join(parts)

    def leave(self, viewer: Viewer) -> None:
        """A viewer is gone."""
        channel = self._channels.get(viewer.interest)
        if channel is not None:
            channel.viewers.discard(viewer)
            if not channel.viewers:
                del self._channels[viewer.interest]

    def position(self) -> str:
        """Where the telling stands: this server, its moments, and the ledger's number."""
        return f"{self._epoch}.{self._number}.{self._sequence}"

    def news(self, viewer: Viewer) -> bytes:
        """What a viewer is to be told now; it is told once."""
        viewer.woken.clear()
        channel = self._channels[viewer.interest]
        parts = []
        if viewer.place < channel.lost:
            parts.append(self._event("reload", {"reason": "too-slow"}))
        else:
            parts += [body for number, body in channel.written if number > viewer.place]
        viewer.place = self._number
        if viewer.beats:
            viewer.beats = False
            parts.append(self._event("beat", {"now": _now()}))
        if viewer.is_over:
            parts.append(self._event("end", {"reason": "stopping"}))
        elif parts:
            parts.append(f"id: {self.position()}\n\n".encode())
        return b"".join(parts)

    def _missed(self, after: str | None, newest: int | None) -> tuple[list[Batch], str]:
        """Batches after a position, or why they cannot be given."""
        if after is None:
            return [], ""
        epoch, number, sequence = _read(after)
        if epoch != self._epoch:
            # Another server told it; if nothing was written since, nothing was missed.
            return [], "" if sequence == newest else "restarted"
        if number > self._number:
            return [], "restarted"
        kept = [batch for batch in self._kept if batch.number > number]
        if len(kept) < self._number - number:
            return [], "too-old"
        return kept, ""

    # Writing

    def _written(self, batch: Batch, interest: Interest) -> bytes:
        """A batch as events for an interest; empty where it holds nothing of it."""
        parts = []
        districts = interest.districts
        for event in batch.events:
            near = not (event.district and districts) or event.district in districts
            if near and interest.tenant == DEFAULT_TENANT:
                parts.append(self._event(event.name, event.content))
        items = batch.items.get((interest.tenant, interest.branch))
        found = wanted(items, interest) if items else []
        if len(found) > self.settings.told_most:
            parts.append(self._event("reload", {"reason": "too-many", "entities": len(found)}))
            return b"".join(parts)
        lot = self.settings.message_items
        for start in range(0, len(found), lot):
            content = {"now": _now(), "entities": found[start : start + lot]}
            parts.append(self._event("changes", content))
        return b"".join(parts)

    def _hello(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "now": _now(),
            "position": self.position(),
            "beat_s": settings.beat_s,
            "gather_s": settings.gather_s,
        }

    @staticmethod
    def _event(name: str, content: dict[str, Any]) -> bytes:
        return b"event: " + name.encode() + b"\ndata: " + _encode(content) + b"\n\n"

    # What runs beside

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.settings.beat_s)
            for channel in self._channels.values():
                for viewer in channel.viewers:
                    viewer.beats = True
                    viewer.woken.set()

    async def _look(self, watcher: Watcher) -> None:
        while True:
            await asyncio.sleep(self.settings.look_s)
            if self._channels:
                await self._look_once(watcher)

    async def _look_once(self, watcher: Watcher) -> None:
        """Tell what is not as it was at the last look, also where that was long ago."""
        try:
            now = await asyncio.to_thread(watcher.look)
        except LingjingError as error:
            _log.warning("districts could not be looked at: %s", error)
            return
        if self._standing is not None:
            events = watcher.compared(self._standing, now)
            if events:
                self.tell(events)
        self._standing = now


def _now() -> str:
    return instant_text(time.time_ns() // 1000)


def _read(position: str) -> tuple[str, int, int]:
    """Parts of a position; of anything else, one that nobody has ever given."""
    epoch, _, rest = position.partition(".")
    number, _, sequence = rest.partition(".")
    with contextlib.suppress(ValueError):
        if number.isdigit() and sequence.isdigit() and len(position) < 100:
            return epoch, int(number), int(sequence)
    return "", -1, -1
