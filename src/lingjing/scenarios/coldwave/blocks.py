"""Compute outcomes block by block, so that memory follows the block and not the district."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.situations import Situations
from lingjing.sdk import Outcome, Outlook, budget_bytes, catalogue, ensemble, spread
from lingjing.vocabulary import LOCAL_ZONE, instant_of

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Extreme = Literal["lowest", "highest"]
Report = Callable[[float], None]
Columns: TypeAlias = dict[str, NDArray[np.float64]]
"""Parameter → values of the situations of one block."""
Parts: TypeAlias = dict[str, dict[str, Floats]]
"""Quantity → the arrays of its outcome, for the situations of one block."""
Shared = TypeVar("Shared")

BUDGET_BYTES = 192 * 2**20
"""Memory for the histories of one block; the results do not depend on it."""

MESSAGES = catalogue("lingjing.scenarios.coldwave")


def local_hours(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Local hour of the day of each instant [hours]."""
    return np.array([instant_of(time).astimezone(LOCAL_ZONE).hour for time in times])


def at_instants(means: Floats) -> Floats:
    """Radiation at each instant [members, times], from means over the hours that end there."""
    later = np.concatenate([means[:, 1:], means[:, -1:]], axis=1)
    middle: Floats = (means + later) / np.float32(2.0)
    return middle


def over_blocks(
    function: Callable[[Shared, Columns], Parts],
    shared: Shared,
    situations: Situations,
    outlook: Outlook,
    arrays: int,
    local_bytes: int,
    report: Report,
) -> list[Parts]:
    """Compute the situations in blocks whose histories fit the memory, here or on a cluster.

    Args:
        function: Takes what is shared and the parameters of one block; at the top of its module.
        shared: Forcing, uncertain parameters and the like, the same for every block.
        situations: To be computed.
        outlook: Gives members and hours of a history.
        arrays: How many arrays [situations, members, hours] are alive at once.
        local_bytes: Memory for them where this process computes.
        report: Takes the finished share.

    Returns:
        The reduced blocks, in order.
    """
    hours = outlook.window.hours + 1
    total = 4 * arrays * outlook.members * hours * len(situations)
    budget = budget_bytes(local_bytes, total)
    rows = ensemble.rows_per_block(outlook.members, hours, arrays, budget)
    starts = range(0, len(situations), rows)
    blocks = [situations.block(start, min(start + rows, len(situations))) for start in starts]
    return spread(function, shared, blocks, lambda done: report(done / len(blocks)))


class Reducer:
    """Reduces the histories of one block to what outcomes keep."""

    def __init__(self) -> None:
        self.parts: Parts = {}

    def state(self, quantity: str, values: Floats, extreme: Extreme) -> None:
        """Add a state [block, members, hours] by its extreme within the window and its fan."""
        peak = values.min(axis=2) if extreme == "lowest" else values.max(axis=2)
        self.parts[quantity] = {
            "levels": ensemble.percentiles(peak),
            "fan": ensemble.percentiles(values),
        }

    def event(self, quantity: str, holds: Flags) -> None:
        """Add an event by the hours at which it holds [block, members, hours]."""
        self._event(quantity, ensemble.first_hours(holds), ensemble.probability(holds))

    def event_at(self, quantity: str, onset_hours: Floats, hours: int) -> None:
        """Add an event that stays, by its onset [block, members], NaN where it never comes."""
        self._event(quantity, onset_hours, ensemble.since(onset_hours, hours))

    def sensor_gain(self, gain: NDArray[np.float64]) -> None:
        """Say of everything added so far how far sensors corrected it [block]."""
        for part in self.parts.values():
            part["sensor_gain"] = gain.astype(np.float32)

    def _event(self, quantity: str, onset_hours: Floats, hourly: Floats) -> None:
        self.parts[quantity] = {
            "probability": ensemble.probability(np.isfinite(onset_hours)),
            "onset_hours": ensemble.onset_percentiles(onset_hours),
            "hourly": hourly,
        }


def outcomes_of(
    kind: str,
    assets: NDArray[np.object_],
    situation: NDArray[np.int32],
    blocks: Sequence[Parts],
) -> tuple[Outcome, ...]:
    """One outcome a quantity, in the order they were added, from the blocks in their order.

    The blocks are emptied on the way, so that their arrays are not held twice.
    """
    return tuple(
        Outcome(
            quantity,
            kind,
            assets,
            situation,
            **{
                name: np.concatenate([block[quantity].pop(name) for block in blocks])
                for name in list(arrays)
            },
        )
        for quantity, arrays in blocks[0].items()
    )
