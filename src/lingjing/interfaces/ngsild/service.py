"""What the handlers of the interface work with: the ledger, contexts, subscriptions, limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec

from lingjing.twin.ledger import Job, Ledger

if TYPE_CHECKING:
    from lingjing.interfaces.ngsild.contexts import Contexts
    from lingjing.interfaces.ngsild.subscriptions import Subscriptions

P = ParamSpec("P")
T = TypeVar("T")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what one request may ask.

    Attributes:
        body_bytes: Largest body.
        batch_entities: Most entities in one batch.
        page: Entities on a page where the request does not say.
        page_most: Most entities on a page.
        query_documents: Most documents that one query may look at.
        query_characters: Longest query text.
        join_level: Deepest retrieval of linked entities.
    """

    body_bytes: int = 16 * 1024 * 1024
    batch_entities: int = 10_000
    page: int = 20
    page_most: int = 1000
    query_documents: int = 1_000_000
    query_characters: int = 10_000
    join_level: int = 10


class Service:
    """One interface over one ledger.

    Args:
        ledger: The living twin.
        contexts: Where `@context`s are found.
        subscriptions: Who is told about changes.
        limits: What one request may ask.
    """

    def __init__(
        self,
        ledger: Ledger,
        contexts: Contexts,
        subscriptions: Subscriptions | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.ledger = ledger
        self.contexts = contexts
        self.subscriptions = subscriptions
        self.limits = limits or Limits()
        # Reading SQLite costs less than handing the work to a thread.
        self._is_near = ledger.driver == "sqlite"
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="ngsild-read")

    async def read(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a quick reading method: at once where the ledger is near, else in a thread."""
        if self._is_near:
            return call(*arguments, **named)
        return await self.read_long(call, *arguments, **named)

    async def read_long(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a reading method that may take long, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: call(*arguments, **named)
        )

    async def write(self, job: Job[T]) -> T:
        """Have a job done; returns when its changes are durable.

        Raises:
            LingjingError: What the job raised, or that the ledger cannot write now.
        """
        return await asyncio.wrap_future(self.ledger.submit(job))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
