"""Afterwards: what came true, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.scenarios.coldwave.hazards import MEDIAN
from lingjing.scenarios.coldwave.words import Phrase, both, number, phrase
from lingjing.sdk import Foreseen, Outcome, Text, quantity, scores
from lingjing.vocabulary import units

SAID_YES: Final = 0.5
"""Probability from which a forecast counts as a yes when hits are counted."""


def compare(foreseen: Foreseen, observed: Sequence[Outcome]) -> list[Text]:
    """One sentence for each observed quantity and kind that was also foreseen.

    An observed event carries probability 1 or 0 (happened or not), an observed state its value at
    every level.
    """
    sentences = []
    for outcome in sorted(observed, key=lambda item: (item.quantity, item.kind)):
        match = next(
            (
                item
                for item in foreseen.outcomes
                if (item.quantity, item.kind) == (outcome.quantity, outcome.kind)
                and item.is_event == outcome.is_event
            ),
            None,
        )
        if match is not None:
            sentences.append(_event(match, outcome) if match.is_event else _state(match, outcome))
    return sentences


def _both_sides(
    foreseen: Outcome, observed: Outcome, said: NDArray[np.float32], seen: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values of the assets that both sides know, in the order of the observation."""
    rows = dict(zip(foreseen.assets, foreseen.situation, strict=True))
    known = np.array([asset in rows for asset in observed.assets], dtype=bool)
    indices = np.array([rows[asset] for asset in observed.assets[known]], dtype=np.int64)
    return said[indices], seen[observed.situation[known]]


def _title(outcome: Outcome) -> tuple[Phrase, Phrase]:
    word = quantity(outcome.quantity)
    return Phrase({"zh-CN": word.title_zh, "en": word.title_en}), phrase(f"kinds.{outcome.kind}")


def _event(foreseen: Outcome, observed: Outcome) -> Text:
    if foreseen.probability is None or observed.probability is None:
        raise TypeError("an event carries a probability")
    what, kind = _title(observed)
    said, seen = _both_sides(foreseen, observed, foreseen.probability, observed.probability)
    if not said.size:
        return both("review.nothing", what=what, kind=kind)
    table = scores.contingency(said >= SAID_YES, seen >= SAID_YES)
    return both(
        "review.event",
        what=what,
        kind=kind,
        count=said.size,
        expected=number(float(said.sum()), 1),
        happened=table.hits + table.misses,
        hits=table.hits,
        misses=table.misses,
        false_alarms=table.false_alarms,
        brier=number(scores.brier(said, seen), 3),
    )


def _state(foreseen: Outcome, observed: Outcome) -> Text:
    if foreseen.levels is None or observed.levels is None:
        raise TypeError("a state carries levels")
    what, kind = _title(observed)
    said, seen = _both_sides(foreseen, observed, foreseen.levels, observed.levels)
    if not said.size:
        return both("review.nothing", what=what, kind=kind)
    errors = scores.value_errors(said[:, MEDIAN], seen[:, MEDIAN])
    inside = (seen[:, MEDIAN] >= said[:, 0]) & (seen[:, MEDIAN] <= said[:, -1])
    unit = units()[quantity(observed.quantity).unit].sign
    return both(
        "review.state",
        what=what,
        kind=kind,
        count=errors.count,
        error=number(errors.mean_absolute, 2),
        bias=f"{errors.bias:+.2f}",
        unit=unit,
        inside=f"{inside.mean() * 100:.0f}",
    )
