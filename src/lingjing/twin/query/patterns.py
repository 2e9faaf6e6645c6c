"""Regular expressions whose search takes time linear in the text, whatever the pattern.

Patterns come from strangers; a backtracking engine would let one of them hold the server. RE2
gives the syntax that has no such patterns (no back references, no look-around).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import re2

from lingjing.vocabulary.errors import LingjingError, Place

LONGEST_PATTERN: Final = 1_000
"""Most characters of a pattern."""
_MEMORY: Final = 1 << 20


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return options


@functools.lru_cache(maxsize=512)
def finder(pattern: str, parameter: str = "idPattern") -> Callable[[str], bool]:
    """A test of whether the pattern is found anywhere in a text.

    Args:
        pattern: Regular expression in RE2's syntax.
        parameter: Name under which a fault is reported.

    Raises:
        LingjingError: `query.bad-pattern`, `query.too-complex`.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise LingjingError(
            "query.too-complex",
            Place(field=parameter),
            parameter=parameter,
            measure="length",
            limit=LONGEST_PATTERN,
        )
    try:
        search = re2.compile(pattern, _options()).search
    except (re2.error, UnicodeEncodeError) as error:
        detail = error.args[0] if error.args else ""
        if isinstance(detail, bytes):
            detail = detail.decode("utf-8", "replace")
        raise LingjingError(
            "query.bad-pattern",
            Place(field=parameter),
            parameter=parameter,
            pattern=pattern,
            detail=str(detail),
        ) from None

    def found(text: str) -> bool:
        return search(text) is not None

    return found
