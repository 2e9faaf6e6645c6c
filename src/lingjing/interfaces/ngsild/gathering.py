"""Reading for many at once where the ledger is far: those who wait share one way to the database.

A request that reads entities of a ledger in a database would otherwise take a thread, a connection
and a statement of its own. Here the requests that come while others are being read for wait for
one another: the next statement reads for all of them. It begins after each of them came in, so
that everybody sees what was acknowledged before they asked, whichever process wrote it. Nothing is
remembered from one statement to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final

from lingjing.twin.ledger import Branch, Found, Ledger, Record, Selection
from lingjing.vocabulary import LingjingError

Call = Callable[[], Any]
InThread = Callable[[Call], Awaitable[Any]]

_MOST_IDS: Final = 1_000
"""Entities that one statement reads at most (a single request may name more)."""
_MOST_AT_ONCE: Final = 2
"""Statements that read entities by id at the same time: while one waits, one is unpacked."""


class _Asked:
    """One request's wish, and who waits for it."""

    __slots__ = ("branch", "future", "ids")

    def __init__(self, branch: Branch, ids: Sequence[str], future: asyncio.Future[Any]) -> None:
        self.branch = branch
        self.ids = ids
        self.future = future


class Gathering:
    """Reads the present state for many requests together.

    Used from one event loop.

    Args:
        ledger: The twin.
        in_thread: Runs a call that waits for the database in a thread.
    """

    def __init__(self, ledger: Ledger, in_thread: InThread) -> None:
        self._ledger = ledger
        self._in_thread = in_thread
        self._waiting: list[_Asked] = []
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._finds: dict[Hashable, asyncio.Future[Found]] = {}

    async def records(self, branch: Branch, ids: Sequence[str]) -> dict[str, Record]:
        """Entities by id as they stand now; see `Ledger.records`."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(branch, ids, future))
        if self._under_way < _MOST_AT_ONCE:
            self._start()
        found: dict[str, Record] = await future
        return found

    async def find(self, branch: Branch, selection: Selection) -> Found:
        """Entities that meet a selection; see `Ledger.find`.

        Requests that wish for the same before any of them was begun are answered together.
        """
        if selection.accept is not None:
            found: Found = await self._in_thread(lambda: self._ledger.find(branch, selection))
            return found
        key = (branch.key, selection)
        waiting = self._finds.get(key)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._finds[key] = waiting
            self._keep(self._find(key, branch, selection, waiting))
        # The one who came first may give up; that must not end it for the others.
        return await asyncio.shield(waiting)

    async def _find(
        self, key: Hashable, branch: Branch, selection: Selection, waiting: asyncio.Future[Found]
    ) -> None:
        def begin() -> Found:
            # From here on nobody may join: what they wrote since would not be seen.
            self._finds.pop(key, None)
            return self._ledger.find(branch, selection)

        try:
            found = await self._in_thread(begin)
        except BaseException as error:  # noqa: BLE001 it belongs to those who asked
            if self._finds.get(key) is waiting:
                del self._finds[key]
            _settle(waiting, None, error)
        else:
            _settle(waiting, found, None)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start(self) -> None:
        self._under_way += 1
        self._keep(self._work())

    async def _work(self) -> None:
        try:
            # Requests that came in the same turn of the loop go along.
            await asyncio.sleep(0)
            while self._waiting:
                await self._read(self._take())
        finally:
            self._under_way -= 1

    def _take(self) -> list[_Asked]:
        taken: list[_Asked] = []
        count = 0
        for asked in self._waiting:
            count += len(asked.ids)
            if taken and count > _MOST_IDS:
                break
            taken.append(asked)
        del self._waiting[: len(taken)]
        return taken

    async def _read(self, taken: list[_Asked]) -> None:
        by_branch: dict[int, list[_Asked]] = {}
        for asked in taken:
            by_branch.setdefault(asked.branch.key, []).append(asked)
        for together in by_branch.values():
            await self._read_branch(together)

    async def _read_branch(self, together: list[_Asked]) -> None:
        branch = together[0].branch
        ids = list(dict.fromkeys(one for asked in together for one in asked.ids))
        try:
            found = await self._in_thread(lambda: self._ledger.records(branch, ids))
        except BaseException as error:  # noqa: BLE001 it belongs to those who asked
            if len(together) == 1 or isinstance(error, LingjingError | asyncio.CancelledError):
                for asked in together:
                    _settle(asked.future, None, error)
                return
            # One of them may be to blame, such as by an id that no database takes.
            for asked in together:
                await self._read_branch([asked])
            return
        for asked in together:
            theirs = {one: found[one] for one in asked.ids if one in found}
            _settle(asked.future, theirs, None)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return  # who waited has given up
    if error is not None:
        future.set_exception(error)
        future.exception()  # it counts as seen, though who asked may give up before they see it
    else:
        future.set_result(result)
