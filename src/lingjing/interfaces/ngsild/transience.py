"""Entities and attributes that expire (4.22): hidden at once, and taken away soon after."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from lingjing.twin.documents import Document, Instance, micros
from lingjing.twin.ledger import Branch, Change, Commit, Desk, Job, Ledger
from lingjing.vocabulary import LingjingError

COLLECTION: Final = "expiring"
"""Small records that say which entities expire, so that a restart finds them."""
_LONGEST_SLEEP_S: Final = 1.0

_log = logging.getLogger(__name__)


def first_expiry(document: Document) -> int | None:
    """When the entity, or the first of its attributes, expires [µs]; None where nothing does."""
    found = [document["expiresAt"]] if "expiresAt" in document else []
    for datasets in document["attributes"].values():
        for item in datasets.values():
            if "expiresAt" in item:
                found.append(item["expiresAt"])
            elif "attributes" in item:
                found.extend(
                    sub["expiresAt"]
                    for subs in item["attributes"].values()
                    for sub in subs.values()
                    if "expiresAt" in sub
                )
    return min(map(micros, found)) if found else None


def may_expire(document: Document) -> bool:
    """Whether anything of the entity expires; quicker than `first_expiry`."""
    if "expiresAt" in document:
        return True
    for datasets in document["attributes"].values():
        for item in datasets.values():
            if "expiresAt" in item or ("attributes" in item and _expires_inside(item)):
                return True
    return False


def brings_expiry(branch: Branch, document: Document, done: Sequence[Change]) -> bool:
    """Whether these changes may make something of the entity expire that did not before.

    In a branch what the parent has may expire as well, so there everything is looked at.
    """
    if branch.parent is not None:
        return may_expire(document)
    if "expiresAt" in document:
        return True
    for change in done:
        item = change.instance
        if item is not None and (
            "expiresAt" in item or ("attributes" in item and _expires_inside(item))
        ):
            return True
    return False


def _expires_inside(item: Instance) -> bool:
    """Whether an attribute of the attribute expires."""
    return any(
        "expiresAt" in sub for datasets in item["attributes"].values() for sub in datasets.values()
    )


def living(document: Document, now_us: int) -> Document | None:
    """The entity without what has expired; None where it has expired itself."""
    if "expiresAt" in document and micros(document["expiresAt"]) <= now_us:
        return None
    attributes = {}
    for name, datasets in document["attributes"].items():
        kept = {
            dataset: _living_instance(item, now_us)
            for dataset, item in datasets.items()
            if not _is_over(item, now_us)
        }
        if kept:
            attributes[name] = kept
    return {**document, "attributes": attributes}


def _is_over(item: Instance, now_us: int) -> bool:
    return "expiresAt" in item and micros(item["expiresAt"]) <= now_us


def _living_instance(item: Instance, now_us: int) -> Instance:
    nested = item.get("attributes")
    if not nested:
        return item
    kept = {}
    for name, datasets in nested.items():
        alive = {key: sub for key, sub in datasets.items() if not _is_over(sub, now_us)}
        if alive:
            kept[name] = alive
    if kept == nested:
        return item
    rest = {key: value for key, value in item.items() if key != "attributes"}
    return {**rest, "attributes": kept} if kept else rest


def expire(desk: Desk, entity_id: str) -> bool:
    """Take away what has expired of an entity; whether there was anything.

    The history of an attribute that expires goes with it; that of an entity stays.
    """
    document = desk.document(entity_id)
    key = note_key(desk.branch, entity_id)
    if document is None:
        desk.delete_note(COLLECTION, key)
        return False
    kept = living(document, desk.now_us)
    if kept is None:
        desk.delete(entity_id)
        desk.delete_note(COLLECTION, key)
        return True
    if kept["attributes"] == document["attributes"]:
        return False
    gone = [
        Change("delete", name, dataset)
        for name, datasets in document["attributes"].items()
        for dataset in datasets
        if dataset not in kept["attributes"].get(name, {})
    ]
    desk.put({**kept, "modifiedAt": desk.now}, gone)
    for change in gone:
        desk.erase_history(entity_id, change.attribute, change.dataset)
    return True


def note_key(branch: Branch, entity_id: str) -> str:
    """Key of the small record of an entity that expires."""
    return f"{branch.name} {entity_id}"


class Transience:
    """Knows what expires, hides it in time, and takes it away.

    Args:
        ledger: Whose entities.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._due: dict[tuple[int, str], int] = {}
        self._heap: list[tuple[int, int, str, Branch]] = []
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sooner = asyncio.Event()
        self._until_s = 0.0
        ledger.listen(self._take)

    def _take(self, commits: Sequence[Commit]) -> None:
        """Remember what a group of commits made expire; called from the clerk's thread."""
        for commit in commits:
            for entry in commit.entries:
                after, place = entry.after, (commit.branch.key, entry.id)
                if after is not None and (
                    place in self._due or brings_expiry(commit.branch, after, entry.changes)
                ):
                    due = first_expiry(after)
                    if due is not None:
                        self._expect(commit.branch, entry.id, due)
                        continue
                self._due.pop(place, None)

    def _expect(self, branch: Branch, entity_id: str, due_us: int) -> None:
        self._due[branch.key, entity_id] = due_us
        heapq.heappush(self._heap, (due_us, branch.key, entity_id, branch))
        if self._loop is not None and due_us / 1e6 < self._until_s:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._sooner.set)

    def seen(self, branch: Branch, document: Document) -> Document | None:
        """The entity as it may be shown now; None where it has expired."""
        if "expiresAt" not in document and (branch.key, document["id"]) not in self._due:
            return document
        return living(document, time.time_ns() // 1000)

    def restore(self) -> None:
        """Find what expires in a ledger that was written before."""
        ledger = self._ledger
        for tenant in ledger.tenants():
            for key, _ in ledger.notes(tenant, COLLECTION):
                name, _, entity_id = key.partition(" ")
                try:
                    branch = ledger.branch(tenant, name)
                except LingjingError:
                    continue  # the branch is gone, and its entities with it
                record = ledger.records(branch, (entity_id,)).get(entity_id)
                due = None if record is None else first_expiry(record.document)
                if due is not None:
                    self._expect(branch, entity_id, due)

    def start(self) -> None:
        """Begin taking away what expires; needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """Stop taking away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = self._loop = None

    async def _run(self) -> None:
        while True:
            wait_s = _LONGEST_SLEEP_S
            if self._heap:
                wait_s = min(wait_s, self._heap[0][0] / 1e6 - time.time())
            if wait_s > 0:
                self._sooner.clear()
                self._until_s = time.time() + wait_s
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(wait_s, 0.005)):
                        await self._sooner.wait()
                continue
            await self.sweep()

    async def sweep(self) -> None:
        """Take away what is over now."""
        now_us = time.time_ns() // 1000
        while self._heap and self._heap[0][0] <= now_us:
            due, branch_key, entity_id, branch = heapq.heappop(self._heap)
            if self._due.get((branch_key, entity_id)) != due:
                continue  # changed since
            try:
                await self._ledger.submit_soon(
                    Job(branch, (entity_id,), partial(expire, entity_id=entity_id))
                )
            except LingjingError as error:
                # It stays hidden; the next attempt comes after a pause.
                _log.warning("%s could not be taken away: %s", entity_id, error)
                heapq.heappush(self._heap, (now_us + 5_000_000, branch_key, entity_id, branch))
                self._due[branch_key, entity_id] = now_us + 5_000_000
