"""Selections of entity types, such as `(Riser;Insulated)|Tank`, in disjunctive form."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

from lingjing.twin.query.scanning import Scanner

LONGEST_SELECTION: Final = 4_000
DEEPEST: Final = 16
MOST_GROUPS: Final = 64

Groups = tuple[tuple[str, ...], ...]
_NAME: Final = re.compile(r"[^\s()|;,<>\"'{}\\^`]+")


@functools.lru_cache(maxsize=1_024)
def parse_types(text: str, expand: Callable[[str], str], parameter: str = "type") -> Groups:
    """Groups of type IRIs: an entity is wanted that has all types of any group.

    `|` and `,` mean or, `;` means and (and binds closer), parentheses group.

    Args:
        text: The selection.
        expand: Gives the IRI of a type name.
        parameter: Name under which a fault is reported.

    Raises:
        LingjingError: `query.bad-syntax`, `query.too-complex`.
    """
    scanner = Scanner(text, parameter, LONGEST_SELECTION)
    groups = _alternatives(scanner, expand, 0)
    if not scanner.at_end():
        raise scanner.fault("| ; ,")
    return tuple(dict.fromkeys(groups))


def _alternatives(
    scanner: Scanner, expand: Callable[[str], str], depth: int
) -> list[tuple[str, ...]]:
    groups = _together(scanner, expand, depth)
    while scanner.take("|") or scanner.take(","):
        groups = groups + _together(scanner, expand, depth)
        _bounded(scanner, len(groups))
    return groups


def _together(scanner: Scanner, expand: Callable[[str], str], depth: int) -> list[tuple[str, ...]]:
    groups = _one(scanner, expand, depth)
    while scanner.take(";"):
        more = _one(scanner, expand, depth)
        _bounded(scanner, len(groups) * len(more))
        groups = [tuple(dict.fromkeys((*left, *right))) for left in groups for right in more]
    return groups


def _one(scanner: Scanner, expand: Callable[[str], str], depth: int) -> list[tuple[str, ...]]:
    if scanner.take("("):
        if depth >= DEEPEST:
            raise scanner.too_complex("depth", DEEPEST)
        groups = _alternatives(scanner, expand, depth + 1)
        scanner.need(")")
        return groups
    name = scanner.match(_NAME)
    if not name:
        raise scanner.fault("EntityTypeName")
    return [(expand(name),)]


def _bounded(scanner: Scanner, groups: int) -> None:
    if groups > MOST_GROUPS:
        raise scanner.too_complex("terms", MOST_GROUPS)


def holds(groups: Groups, types: list[str]) -> bool:
    """Whether an entity of these types is selected; an empty selection takes all."""
    return not groups or any(all(wanted in types for wanted in group) for group in groups)
