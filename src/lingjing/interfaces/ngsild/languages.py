"""Choosing one language of several (clause 4.15; lookup as in RFC 4647)."""

from __future__ import annotations

import functools
from typing import Any


@functools.lru_cache(maxsize=1024)
def _ranges(text: str) -> tuple[str, ...]:
    """Language ranges of a filter, the dearest first, in lower case."""
    ranges: list[tuple[float, int, str]] = []
    for number, part in enumerate(text.split(",")):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                weight = _weight(value)
        if tag and weight > 0:
            ranges.append((-weight, number, tag.lower()))
    return tuple(tag for _, _, tag in sorted(ranges))


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 1.0
    return weight if 0.0 <= weight <= 1.0 else 1.0


@functools.lru_cache(maxsize=4096)
def choose_language(language: str, tags: tuple[str, ...]) -> str:
    """The tag that serves a filter best; where none does, `@none`, or else the first.

    Args:
        language: Ranges with weights, as in `Accept-Language`.
        tags: What there is; at least one.
    """
    known = {tag.lower(): tag for tag in reversed(tags)}
    for wanted in _ranges(language):
        if wanted == "*":
            break
        shorter = wanted
        while shorter:
            if shorter in known:
                return known[shorter]
            shorter = shorter.rpartition("-")[0]
        for tag in tags:
            if tag.lower().startswith(wanted + "-"):
                return tag
    return "@none" if "@none" in tags else tags[0]


def reduced_map(language: str, texts: dict[str, Any]) -> Any:
    """The text of a language map in the language that serves a filter best."""
    return texts[choose_language(language, tuple(texts))]
