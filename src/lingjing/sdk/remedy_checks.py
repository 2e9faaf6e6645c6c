"""What a scenario's remedies must keep; used by the test kit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lingjing.sdk.contract import Remedy
from lingjing.vocabulary import LOCALES, quantities, quantity


def check_remedy(remedy: Remedy, known: Sequence[str]) -> None:
    """Words in both languages, attributes that the kind has, values within their bounds.

    Args:
        remedy: What was proposed.
        known: Attributes of the asset's kind.

    Raises:
        AssertionError: What is wrong, in words.
        LingjingError: `vocabulary.out-of-bounds`.
    """
    told = all(text.get(locale) for text in (remedy.title, remedy.caveat) for locale in LOCALES)
    claims = (
        (told, "lacks a language"),
        (set(remedy.sets) <= set(known), "sets what the kind does not have"),
        (bool(remedy.sets) != remedy.empties, "changes nothing, or computes without water"),
        (remedy.effort_minutes >= 0 and remedy.amount >= 0, "takes less than nothing"),
    )
    for holds, fault in claims:
        if not holds:
            raise AssertionError(f"the remedy {remedy.id} {fault}")
    for name, value in remedy.sets.items():
        if name in quantities():
            quantity(name).check(np.array([value], dtype=np.float64))
