"""Spread blocks of a computation over what computes: this process, or a cluster the engine opened.

A scenario cuts its work into blocks and calls `spread`; where the blocks run is not its business.
Results come back in the order of the blocks, so they do not depend on who computed them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
Done = Callable[[int], None]


class Spreader(Protocol):
    """Something that computes blocks."""

    def budget_bytes(self, local_bytes: int, total_bytes: int) -> int:
        """Memory for one block, where this process alone would take `local_bytes`.

        All blocks together would take `total_bytes`.
        """
        ...

    def map(
        self, function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], done: Done
    ) -> list[Any]:
        """`function(shared, item)` of every item, in the order of the items.

        Args:
            function: A function at the top of an importable module, without side effects.
            shared: What all items have in common; can be pickled.
            items: One a block; can be pickled.
            done: Takes the number of finished items whenever it has grown.
        """
        ...


class Here:
    """This process computes, block after block; the kernels use its threads."""

    def budget_bytes(self, local_bytes: int, total_bytes: int) -> int:
        """As this process would take."""
        del total_bytes
        return local_bytes

    def map(
        self, function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], done: Done
    ) -> list[Any]:
        """As `Spreader.map`."""
        results = []
        for number, item in enumerate(items, start=1):
            results.append(function(shared, item))
            done(number)
        return results


_IN_FORCE: ContextVar[Spreader] = ContextVar("spreader")


@contextlib.contextmanager
def using(spreader: Spreader) -> Iterator[None]:
    """Let `spreader` compute within the block."""
    token = _IN_FORCE.set(spreader)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def budget_bytes(local_bytes: int, total_bytes: int) -> int:
    """Memory for the histories of one block, in whatever computes now.

    A cluster asks for smaller blocks, so that every worker gets some. Results must not depend on
    the size of the blocks.

    Args:
        local_bytes: What this process alone would take.
        total_bytes: What all histories together would take.
    """
    return _IN_FORCE.get(Here()).budget_bytes(local_bytes, total_bytes)


def spread(
    function: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    done: Done = lambda _: None,
) -> list[Result]:
    """`function(shared, item)` of every item, in the order of the items.

    Args:
        function: A function at the top of an importable module, without side effects: it may run
            elsewhere, and twice where a worker is lost.
        shared: What all items have in common, sent once; can be pickled.
        items: One a block; can be pickled.
        done: Takes the number of finished items whenever it has grown.

    Raises:
        LingjingError: `cluster.*` where a cluster computes and fails for good, or what the
            function itself raises.

    >>> spread(pow, 2, [1, 2, 3])
    [2, 4, 8]
    """
    results: list[Result] = _IN_FORCE.get(Here()).map(function, shared, items, done)
    return results
