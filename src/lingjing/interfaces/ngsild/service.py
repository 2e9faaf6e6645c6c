"""What the handlers of the interface work with: the ledger, contexts, subscriptions, limits."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from lingjing.engine.access import Gate, Limits
from lingjing.interfaces.ngsild.gathering import Gathering
from lingjing.interfaces.ngsild.transience import Transience
from lingjing.twin.ledger import (
    DEFAULT_TENANT,
    Branch,
    Desk,
    Found,
    Job,
    Ledger,
    Record,
    Selection,
)

if TYPE_CHECKING:
    from lingjing.interfaces.ngsild.contexts import Contexts
    from lingjing.interfaces.ngsild.subscriptions import Subscriptions

_ABOUT: Final = "service"
P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """One interface over one ledger.

    Args:
        ledger: The living twin.
        contexts: Where `@context`s are found.
        subscriptions: Who is told about changes.
        limits: What one request may ask.
        gate: Who may do what; None lets everyone do everything.

    Attributes:
        queries: Queries that were read before, for those who ask the same again.
    """

    def __init__(
        self,
        ledger: Ledger,
        contexts: Contexts,
        subscriptions: Subscriptions | None = None,
        limits: Limits | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.ledger = ledger
        self.contexts = contexts
        self.subscriptions = subscriptions
        self.limits = limits or Limits()
        self.gate = gate
        self.identity = _identity(ledger)
        self.transience = Transience(ledger)
        self.queries: dict[Hashable, Any] = {}
        # Reading SQLite costs less than handing the work to a thread.
        self._is_near = ledger.driver == "sqlite"
        # Threads that work in this process take turns; more of them than processors only get in
        # each other's way. Threads that wait for a database do not.
        workers = max(2, min(4, os.cpu_count() or 1)) if self._is_near else 16
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="ngsild-read")
        self._gathering = Gathering(ledger, self.read_long)

    async def read(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a quick reading method: at once where the ledger is near, else in a thread."""
        if self._is_near:
            return call(*arguments, **named)
        return await self.read_long(call, *arguments, **named)

    async def read_long(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a reading method that may take long, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(call, *arguments, **named)
        )

    async def records(
        self, branch: Branch, ids: Sequence[str], at_us: int | None = None
    ) -> dict[str, Record]:
        """Entities by id, now or as they stood at an instant; see `Ledger.records`."""
        if self._is_near:
            return self.ledger.records(branch, ids, at_us)
        if at_us is None:
            return await self._gathering.records(branch, ids)
        return await self.read_long(self.ledger.records, branch, ids, at_us)

    async def find(self, branch: Branch, selection: Selection, at_us: int | None = None) -> Found:
        """Entities that meet a selection which can be looked up quickly; see `Ledger.find`."""
        if self._is_near:
            return self.ledger.find(branch, selection, at_us)
        if at_us is None:
            return await self._gathering.find(branch, selection)
        return await self.read_long(self.ledger.find, branch, selection, at_us)

    async def write(self, job: Job[T]) -> T:
        """Have a job done; returns when its changes are durable.

        Raises:
            LingjingError: What the job raised, or that the ledger cannot write now.
        """
        return await self.ledger.submit_soon(job)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _identity(ledger: Ledger) -> str:
    """A name of this ledger that stays the same; made when it is first asked for."""
    held = ledger.note(DEFAULT_TENANT, _ABOUT, "identity")
    if held is not None:
        return held.decode()
    trunk = ledger.ensure_tenant(DEFAULT_TENANT)

    def name(desk: Desk) -> str:
        known = desk.note(_ABOUT, "identity")
        if known is not None:
            return known.decode()
        made = str(uuid.uuid4())
        desk.put_note(_ABOUT, "identity", made.encode())
        return made

    return ledger.submit(Job(trunk, (), name)).result()
