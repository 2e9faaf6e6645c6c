"""Choosing the media type of an answer, as RFC 9110 and clause 6.3.4 say."""

from __future__ import annotations

import functools
from typing import Final

JSON: Final = "application/json"
LD_JSON: Final = "application/ld+json"
GEO_JSON: Final = "application/geo+json"
MERGE_PATCH: Final = "application/merge-patch+json"
BODIES: Final = (JSON, LD_JSON)
PATCH_BODIES: Final = (JSON, LD_JSON, MERGE_PATCH)
ANSWERS: Final = (JSON, LD_JSON)
GEO_ANSWERS: Final = (JSON, LD_JSON, GEO_JSON)


def _weight(text: str) -> float:
    """The weight of a `q` parameter; one that cannot be read does not count."""
    try:
        weight = float(text)
    except ValueError:
        return 1.0
    return weight if 0.0 <= weight <= 1.0 else 1.0


@functools.lru_cache(maxsize=1024)
def _ranges(accept: str) -> tuple[tuple[str, float], ...]:
    """Media ranges with their weights."""
    ranges = []
    for part in accept.split(","):
        name, *parameters = part.split(";")
        if not name.strip():
            continue
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = _weight(value.strip())
        ranges.append((name.strip().lower(), weight))
    return tuple(ranges)


def _matches(media_range: str, media: str) -> int:
    """How exactly a range names a type: 3 the type itself, 2 its family, 1 anything, 0 not."""
    if media_range == media:
        return 3
    if media_range == "*/*":
        return 1
    family, _, rest = media_range.partition("/")
    return 2 if rest == "*" and media.startswith(family + "/") else 0


@functools.lru_cache(maxsize=1024)
def choose(accept: str, offered: tuple[str, ...]) -> str:
    """The media type to answer in; empty where none is acceptable.

    The most exact range decides the weight of each type; among equal weights the first one
    offered is taken.

    Args:
        accept: The Accept header; empty for anything.
        offered: Media types that the operation can answer in, the preferred one first.
    """
    ranges = _ranges(accept)
    if not ranges:
        return offered[0]
    best, best_weight = "", 0.0
    for media in offered:
        exactness, weight = 0, 0.0
        for media_range, range_weight in ranges:
            matched = _matches(media_range, media)
            if matched > exactness:
                exactness, weight = matched, range_weight
        if weight > best_weight:
            best, best_weight = media, weight
    return best
