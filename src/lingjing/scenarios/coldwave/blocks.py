"""Collect outcomes block by block, so that memory follows the block and not the district."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.situations import Situations
from lingjing.sdk import Outcome, Outlook, catalogue, ensemble
from lingjing.vocabulary import LOCAL_ZONE, instant_of

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Extreme = Literal["lowest", "highest"]
Report = Callable[[float], None]

BUDGET_BYTES = 192 * 2**20
"""Memory for the histories of one block; the results do not depend on it."""

MESSAGES = catalogue("lingjing.scenarios.coldwave")


def local_hours(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Local hour of the day of each instant [hours]."""
    return np.array([instant_of(time).astimezone(LOCAL_ZONE).hour for time in times])


def blocks_of(
    situations: Situations, outlook: Outlook, arrays: int, budget_bytes: int, report: Report
) -> Iterator[dict[str, NDArray[np.float64]]]:
    """The situations in blocks whose histories fit the memory; reports each when it is done.

    Args:
        situations: To be computed.
        outlook: Gives members and hours of a history.
        arrays: How many arrays [situations, members, hours] are alive at once.
        budget_bytes: Memory for them.
        report: Takes the finished share.
    """
    rows = ensemble.rows_per_block(outlook.members, outlook.window.hours + 1, arrays, budget_bytes)
    for start in range(0, len(situations), rows):
        stop = min(start + rows, len(situations))
        yield situations.block(start, stop)
        report(stop / len(situations))


class Collector:
    """Gathers the outcomes of one kind over blocks of situations."""

    def __init__(
        self, kind: str, assets: NDArray[np.object_], situation: NDArray[np.int32]
    ) -> None:
        self._kind = kind
        self._assets = assets
        self._situation = situation
        self._parts: dict[str, list[dict[str, Floats]]] = {}

    def state(self, quantity: str, values: Floats, extreme: Extreme) -> None:
        """Add a state [block, members, hours] by its extreme within the window and its fan."""
        peak = values.min(axis=2) if extreme == "lowest" else values.max(axis=2)
        part = {"levels": ensemble.percentiles(peak), "fan": ensemble.percentiles(values)}
        self._parts.setdefault(quantity, []).append(part)

    def event(self, quantity: str, holds: Flags) -> None:
        """Add an event by the hours at which it holds [block, members, hours]."""
        self._event(quantity, ensemble.first_hours(holds), ensemble.probability(holds))

    def event_at(self, quantity: str, onset_hours: Floats, hours: int) -> None:
        """Add an event that stays, by its onset [block, members], NaN where it never comes."""
        self._event(quantity, onset_hours, ensemble.since(onset_hours, hours))

    def _event(self, quantity: str, onset_hours: Floats, hourly: Floats) -> None:
        part = {
            "probability": ensemble.probability(np.isfinite(onset_hours)),
            "onset_hours": ensemble.onset_percentiles(onset_hours),
            "hourly": hourly,
        }
        self._parts.setdefault(quantity, []).append(part)

    def outcomes(self) -> tuple[Outcome, ...]:
        """One outcome a quantity, in the order they were first added."""
        return tuple(
            Outcome(
                quantity,
                self._kind,
                self._assets,
                self._situation,
                **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
            )
            for quantity, parts in self._parts.items()
        )
