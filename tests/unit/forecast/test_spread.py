"""Blocks are computed by whatever is in force, and come back in their order."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Sequence
from typing import Any

from lingjing.forecast import spread as module
from lingjing.forecast.spread import Here, budget_bytes, spread, using


class Backwards:
    """Computes the last block first, as a cluster might."""

    def budget_bytes(self, local_bytes: int, total_bytes: int) -> int:
        return min(local_bytes, total_bytes // 10)

    def map(
        self,
        function: Callable[[Any, Any], Any],
        shared: Any,
        items: Sequence[Any],
        done: Callable[[int], None],
    ) -> list[Any]:
        results = [function(shared, item) for item in reversed(items)]
        done(len(items))
        return results[::-1]


def test_this_process_computes_where_nothing_else_is_in_force() -> None:
    seen: list[int] = []
    assert spread(pow, 2, [3, 1, 2], seen.append) == [8, 2, 4]
    assert seen == [1, 2, 3]
    assert budget_bytes(1000, 500) == Here().budget_bytes(1000, 500) == 1000


def test_another_spreader_is_in_force_only_within_its_block() -> None:
    with using(Backwards()):
        assert spread(pow, 2, [3, 1, 2]) == [8, 2, 4]
        assert budget_bytes(1000, 500) == 50
    assert budget_bytes(1000, 500) == 1000


def test_examples_hold() -> None:
    result = doctest.testmod(module)
    assert result.attempted == 1
    assert result.failed == 0
