"""Queries over scopes, such as `/Madrid/+/ParqueNorte;/CompanyA/#`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Final

from lingjing.twin.query.scanning import Scanner

LONGEST_QUERY: Final = 4_000
DEEPEST: Final = 16
MOST_TERMS: Final = 64

ScopeTest = Callable[[Sequence[str]], bool]
_SCOPE: Final = re.compile(r"/?(?:[\w-]+|\+|#)(?:/(?:[\w-]+|\+|#))*")


@functools.lru_cache(maxsize=512)
def parse_scopes(text: str, parameter: str = "scopeQ") -> ScopeTest:
    """A test of an entity's scopes.

    A scope of the query matches the same scope; `+` stands for any one level, a last `/#` for
    whatever lies below (or nothing). `;` means and, `|` and `,` mean or, parentheses group.

    Raises:
        LingjingError: `query.bad-syntax`, `query.too-complex`.
    """
    scanner = Scanner(text, parameter, LONGEST_QUERY)
    test = _Reader(scanner).alternatives(0)
    if not scanner.at_end():
        raise scanner.fault("; | ,")
    return test


class _Reader:
    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.terms = 0

    def alternatives(self, depth: int) -> ScopeTest:
        parts = [self.together(depth)]
        while self.scanner.take("|") or self.scanner.take(","):
            parts.append(self.together(depth))
        return parts[0] if len(parts) == 1 else lambda scopes: any(part(scopes) for part in parts)

    def together(self, depth: int) -> ScopeTest:
        parts = [self.one(depth)]
        while self.scanner.take(";"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else lambda scopes: all(part(scopes) for part in parts)

    def one(self, depth: int) -> ScopeTest:
        scanner = self.scanner
        if scanner.take("("):
            if depth >= DEEPEST:
                raise scanner.too_complex("depth", DEEPEST)
            test = self.alternatives(depth + 1)
            scanner.need(")")
            return test
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise scanner.too_complex("terms", MOST_TERMS)
        scanner.skip_blanks()
        start = scanner.at
        scope = scanner.match(_SCOPE)
        if not scope or "#" in scope[:-1]:
            raise scanner.fault("ScopeQ", start)
        return _matcher(tuple(scope.strip("/").split("/")))


def levels(scope: str) -> tuple[str, ...]:
    """The levels of a scope, whether it is written with a first slash or not."""
    return tuple(scope.strip("/").split("/"))


def _matcher(wanted: tuple[str, ...]) -> ScopeTest:
    below = wanted[-1] == "#"
    head = wanted[:-1] if below else wanted

    def matches(scope: str) -> bool:
        have = levels(scope)
        if len(have) < len(head) or (len(have) > len(head) and not below):
            return False
        return all(part in ("+", level) for part, level in zip(head, have, strict=False))

    return lambda scopes: any(matches(scope) for scope in scopes)
