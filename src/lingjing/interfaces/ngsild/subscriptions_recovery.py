"""Notifications survive a kill: how far was told is kept in the ledger, and told from there again.

A process keeps one small record: the instant up to which everything it had to tell is told, or
was given up. Where a process was killed, the next one looks for what has changed since that
instant, makes of each entity one change that leads to how it stands now, and tells that. So what
waited is told at least once, as the newest state; intermediate states are not told again.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.notify import Queue
from lingjing.twin.documents import Document, Instance, micros
from lingjing.twin.ledger import (
    DEFAULT_TENANT,
    Branch,
    Change,
    Commit,
    Desk,
    Entry,
    Job,
    Ledger,
    Span,
)
from lingjing.vocabulary import LingjingError

CURSORS: Final = "notification-cursors"
"""Collection of the records, by process, in the default tenant."""
BEAT_S: Final = 20.0
"""How often a process that shares a twin says that it lives [s]."""
SILENCE_S: Final = 60.0
"""After such a silence a process is taken for dead, and others tell what it had to [s]."""
_log: Final = logging.getLogger(__name__)
_HEAD: Final = ("type", "scope", "expiresAt")


class Cursor(msgspec.Struct, frozen=True):
    """What a process keeps.

    Attributes:
        told_us: Everything that was recorded up to here is told [µs].
        seen_us: When the process last said so [µs].
    """

    told_us: int
    seen_us: int


_decode: Final = msgspec.json.Decoder(Cursor).decode
_encode: Final = msgspec.json.Encoder().encode


class Bookmark:
    """The record of this process.

    Args:
        ledger: Where it is kept.

    Attributes:
        taken_us: Time of the last commit that was taken in [µs].
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.is_shared = ledger.driver != "sqlite"
        self._origin = uuid.uuid4().hex
        self._written = Cursor(0, 0)
        self.taken_us = 0

    def told_us(self, unmatched_us: int | None, queues: Sequence[Queue]) -> int:
        """Up to when everything is told [µs].

        Args:
            unmatched_us: Time of the oldest commit that waits to be matched [µs], if any does.
            queues: What waits to be told.
        """
        waiting = [oldest for queue in queues if (oldest := queue.oldest_us) is not None]
        if unmatched_us is not None:
            waiting.append(unmatched_us)
        return min(waiting) - 1 if waiting else self.taken_us

    def lay(self, told_us: int, now_us: int) -> Job[None] | None:
        """The job that keeps the record, where there is anything new to keep."""
        beat_us = BEAT_S * 1e6 if self.is_shared else float("inf")
        if told_us == self._written.told_us and now_us - self._written.seen_us < beat_us:
            return None
        self._written = Cursor(told_us, now_us)

        def run(desk: Desk) -> None:
            desk.put_note(CURSORS, self._origin, _encode(Cursor(told_us, desk.now_us)))

        return Job(self._ledger.branch(DEFAULT_TENANT), (), run)

    def is_lost(self) -> None:
        """What was to be kept was not: the next time it is laid down anew."""
        self._written = Cursor(0, self._written.seen_us)

    def removal(self) -> Job[bool] | None:
        """The job that removes the record: all is told. None where there is none."""
        if not self._written.seen_us:
            return None
        self._written = Cursor(0, 0)
        return Job(
            self._ledger.branch(DEFAULT_TENANT),
            (),
            lambda desk: desk.delete_note(CURSORS, self._origin),
        )

    def take_over(self) -> int | None:
        """From when on to tell again what dead processes had to [µs]; None where none has died.

        Only one of several processes takes over from each.
        """
        found: list[int] = []
        for origin, _ in self._ledger.notes(DEFAULT_TENANT, CURSORS):
            if origin != self._origin:
                run = partial(_taken, origin=origin, is_shared=self.is_shared)
                job = Job(self._ledger.branch(DEFAULT_TENANT), (), run)
                told_us = self._ledger.submit(job).result()
                if told_us is not None:
                    found.append(told_us)
        return min(found, default=None)


class Recovery:
    """Tells what killed processes had to tell, and keeps how far this one has told.

    Used in the event loop of the notifier.

    Args:
        ledger: The twin.
        most: Entities of one branch that are told again at most.
        branches: Gives the branches that somebody watches.
        queues: Gives what waits to be told.
        match: Finds out whom a commit concerns, and has them told.
    """

    def __init__(
        self,
        ledger: Ledger,
        most: int,
        branches: Callable[[], Sequence[Branch]],
        queues: Callable[[], Sequence[Queue]],
        match: Callable[[Sequence[Commit]], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._most = most
        self._branches = branches
        self._queues = queues
        self._match = match
        self._bookmark = Bookmark(ledger)
        self._looked_s = time.monotonic()
        self.done = asyncio.Event()
        """Whether what was found at the start has been matched."""

    def begin(self) -> None:
        """What is recorded from here on is this process's to tell."""
        self.done = asyncio.Event()
        self.taken(time.time_ns() // 1000)

    def taken(self, recorded_us: int) -> None:
        """Commits up to this instant [µs] were taken in; they wait to be matched already."""
        self._bookmark.taken_us = max(self._bookmark.taken_us, recorded_us)

    async def start(self, unmatched_us: Callable[[], int | None]) -> None:
        """Tell what was left, then keep the first record."""
        await self._take_over()
        await self.keep(unmatched_us)
        self.done.set()

    async def turn(self, unmatched_us: Callable[[], int | None]) -> None:
        """Keep the record, and now and then look whether others have died."""
        if not self.done.is_set():
            return
        await self.keep(unmatched_us)
        is_due = time.monotonic() > self._looked_s + BEAT_S
        if self._bookmark.is_shared and is_due and self._branches():
            self._looked_s = time.monotonic()
            await self._take_over()

    async def _take_over(self) -> None:
        try:
            since_us = await asyncio.to_thread(self._bookmark.take_over)
        except LingjingError as error:
            _log.warning("what a killed server had to tell is looked for later: %s", error)
            return
        if since_us is None:
            return
        for branch in self._branches():
            try:
                commits = await asyncio.to_thread(
                    commits_since, self._ledger, branch, since_us, self._most
                )
            except LingjingError as error:
                _log.warning("what waited in branch %s is not told: %s", branch.name, error)
            else:
                await self._match(commits)

    async def keep(self, unmatched_us: Callable[[], int | None]) -> None:
        """Keep how far everything is told, where there is anybody to tell."""
        if not self._branches():
            return
        # Read first: what is taken in afterwards is then not believed to be told.
        taken_us = self._bookmark.taken_us
        told_us = min(taken_us, self._bookmark.told_us(unmatched_us(), self._queues()))
        await self._submit(self._bookmark.lay(told_us, time.time_ns() // 1000))

    async def close(self, unmatched_us: Callable[[], int | None]) -> None:
        """Remove the record where all is told; else it says what is left to tell."""
        is_left = any(queue.oldest_us is not None for queue in self._queues())
        if is_left or unmatched_us() is not None or not self.done.is_set():
            await self.keep(unmatched_us)
        else:
            await self._submit(self._bookmark.removal())

    async def _submit(self, job: Job[Any] | None) -> None:
        if job is None:
            return
        try:
            await asyncio.wrap_future(self._ledger.submit(job))
        except LingjingError as error:
            self._bookmark.is_lost()
            _log.warning("how far was told is kept later: %s", error)


def _taken(desk: Desk, origin: str, *, is_shared: bool) -> int | None:
    body = desk.note(CURSORS, origin)
    if body is None:
        return None
    cursor = _decode(body)
    if is_shared and desk.now_us - cursor.seen_us < SILENCE_S * 1e6:
        return None
    desk.delete_note(CURSORS, origin)
    return cursor.told_us


def commits_since(ledger: Ledger, branch: Branch, told_us: int, most: int) -> list[Commit]:
    """What has changed since an instant [µs], one commit for each entity, the oldest first.

    Args:
        ledger: The twin.
        branch: Whose entities.
        told_us: The instant.
        most: Entities at most; those that were changed last.
    """
    ids = ledger.changed_since(branch, told_us, most)
    before = ledger.records(branch, ids, told_us) if ids else {}
    after = ledger.records(branch, ids) if ids else {}
    commits = []
    for entity_id in reversed(ids):
        old, new = before.get(entity_id), after.get(entity_id)
        entry = Entry(
            entity_id,
            None if old is None else old.document,
            None if new is None else new.document,
            _changes(
                None if old is None else old.document,
                None if new is None else new.document,
                told_us,
            ),
        )
        if new is None:
            ended = ledger.history(branch, entity_id, Span(time="deletedAt", last=1))
            at_us = max((moment.recorded_us for moment in ended), default=told_us + 1)
        else:
            at_us = micros(new.document["modifiedAt"])
        commits.append(Commit(branch, 0 if new is None else new.revision, at_us, (entry,)))
    return commits


def _changes(before: Document | None, after: Document | None, told_us: int) -> tuple[Change, ...]:
    """What led from one state to the other, as far as it can be told from them."""
    if after is None:
        return (Change("delete"),)
    old = {} if before is None else before["attributes"]
    new = after["attributes"]
    changes: list[Change] = []
    if before is None:
        changes.append(Change("create"))
    elif any(before.get(name) != after.get(name) for name in _HEAD):
        changes.append(Change("update"))
    for name, datasets in new.items():
        for dataset, item in datasets.items():
            held = old.get(name, {}).get(dataset)
            if held is None:
                changes.append(Change("create", name, dataset, item))
            elif _is_later(item, told_us):
                changes.append(Change("update", name, dataset, item))
    for name, datasets in old.items():
        changes += [
            Change("delete", name, dataset)
            for dataset in datasets
            if dataset not in new.get(name, {})
        ]
    return tuple(changes)


def _is_later(item: Instance, told_us: int) -> bool:
    at = item.get("modifiedAt")
    return at is not None and micros(at) > told_us
