"""From the text of a `q` to its tree.

The grammar is that of the standard's clause 4.9: `;` means and and binds closer than `|`, which
means or; parentheses group; blanks between symbols mean nothing.
"""

from __future__ import annotations

import functools
import json
import math
import re
from typing import Final

from lingjing.twin.query.instants import comparable
from lingjing.twin.query.nodes import (
    EQUALITY,
    PATTERNS,
    All,
    Interval,
    Link,
    Node,
    Operator,
    Path,
    Scalar,
    ScalarKind,
    Some,
    Term,
)
from lingjing.twin.query.scanning import Scanner

LONGEST_QUERY: Final = 8_000
"""Most characters of a query."""
DEEPEST: Final = 16
"""Most parentheses within each other."""
MOST_TERMS: Final = 200
"""Most conditions, and most values of one condition."""
LONGEST_PATH: Final = 16
"""Most names of one path, and most relationships followed."""

_OPERATORS: Final[tuple[Operator, ...]] = ("==", "!~=", "!=", "~=", ">=", "<=", ">", "<")
_URI: Final = r"https?://[^\s()|;,\[\]{}<>=!~\"']+"
_NAME: Final = re.compile(_URI + r"|[^\W\d][\w-]*(?::[\w-][\w/#-]*)*")
_TYPE: Final = r"(?:https?://[^\s()|;,:\[\]{}<>=!~\"']+|[^\W\d][\w-]*)"
_HINTS: Final = re.compile(rf"{_TYPE}(?:\s*,\s*{_TYPE})*\s*:(?!//)")
_MEMBER: Final = re.compile(r"[^\s()|;,.\[\]{}=!~<>\"']+")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=$|[\s;|),]|\.\.)")
_WORD: Final = re.compile(r"(?![=<>!~])(?:(?!\.\.)[^\s;|(),\"\x00-\x1f])+")
_RAW_PATTERN: Final = re.compile(r'[^\s;|"]+')


@functools.lru_cache(maxsize=1_024)
def parse(text: str, parameter: str = "q") -> Node:
    """The tree of a query.

    Args:
        text: The query.
        parameter: Name under which a fault is reported.

    Raises:
        LingjingError: `query.bad-syntax` with the position, `query.too-complex`.
    """
    scanner = Scanner(text, parameter, LONGEST_QUERY)
    node = _Parser(scanner).alternatives(0)
    if not scanner.at_end():
        raise scanner.fault("; |")
    return node


class _Parser:
    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.terms = 0

    def alternatives(self, depth: int) -> Node:
        parts = [self.together(depth)]
        while self.scanner.take("|"):
            parts.append(self.together(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def together(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self.scanner.take(";"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self, depth: int) -> Node:
        scanner = self.scanner
        if scanner.take("("):
            if depth >= DEEPEST:
                raise scanner.too_complex("depth", DEEPEST)
            node = self.alternatives(depth + 1)
            scanner.need(")")
            return node
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise scanner.too_complex("terms", MOST_TERMS)
        return self.term()

    def term(self) -> Term:
        scanner = self.scanner
        lacks = scanner.take("!")
        path = self.path()
        operator = next((symbol for symbol in _OPERATORS if scanner.take(symbol)), None)
        if operator is None:
            return Term(path, "lacks" if lacks else "exists")
        if lacks:
            raise scanner.fault("; | )", scanner.at - len(operator))
        if operator in PATTERNS:
            return Term(path, operator, (), self.pattern())
        return Term(path, operator, self.values(operator))

    def path(self) -> Path:
        links: list[Link] = []
        name = self.name()
        while self.scanner.take("{"):
            if len(links) >= LONGEST_PATH:
                raise self.scanner.too_complex("depth", LONGEST_PATH)
            links.append(Link(name, self.hints()))
            name = self.name()
        names = [name]
        while self.scanner.take("."):
            names.append(self.name())
        inside: tuple[str, ...] = ()
        if self.scanner.take("["):
            inside = self.inside()
            self.scanner.need("]")
        for _ in links:
            self.scanner.need("}")
        if len(names) > LONGEST_PATH or len(inside) > LONGEST_PATH:
            raise self.scanner.too_complex("depth", LONGEST_PATH)
        return Path(tuple(names), inside, tuple(links))

    def hints(self) -> tuple[str, ...]:
        """Types before a colon, where the braces begin with any."""
        found = self.scanner.match(_HINTS)
        return tuple(hint.strip() for hint in found[:-1].split(",")) if found else ()

    def name(self) -> str:
        found = self.scanner.match(_NAME)
        if not found:
            raise self.scanner.fault("AttrName")
        return found

    def inside(self) -> tuple[str, ...]:
        if self.scanner.take("*"):
            return ("*",)
        members = [self.member()]
        while self.scanner.take("."):
            members.append(self.member())
        return tuple(members)

    def member(self) -> str:
        found = self.scanner.match(_STRING)
        if found:
            return str(json.loads(found))
        found = self.scanner.match(_MEMBER)
        if not found:
            raise self.scanner.fault("AttrName")
        return found

    def pattern(self) -> str:
        found = self.scanner.match(_STRING)
        if found:
            return _pattern_text(found)
        found = self.scanner.match(_RAW_PATTERN)
        # parentheses that the pattern did not open close a group of the query
        while found.endswith(")") and found.count(")") > found.count("("):
            found = found[:-1]
            self.scanner.at -= 1
        if not found:
            raise self.scanner.fault("RegExp")
        return found

    def values(self, operator: Operator) -> tuple[Scalar | Interval, ...]:
        scanner = self.scanner
        start = scanner.at
        first = self.scalar()
        if operator not in EQUALITY:
            if first.kind == "boolean":
                raise scanner.fault("ComparableValue", start)
            return (first,)
        if scanner.take(".."):
            last = self.scalar()
            if first.kind == "boolean" or first.kind != last.kind:
                raise scanner.fault("Range", start)
            return (Interval(first, last),)
        found = [first]
        while scanner.take(","):
            found.append(self.scalar())
            if len(found) > MOST_TERMS:
                raise scanner.too_complex("terms", MOST_TERMS)
        return tuple(found)

    def scalar(self) -> Scalar:
        scanner = self.scanner
        scanner.skip_blanks()
        start = scanner.at
        found = scanner.match(_STRING)
        if found:
            try:
                text = json.loads(found)
            except ValueError:
                raise scanner.fault("String", start) from None
            return Scalar(_temporal_kind(text) or "string", text, quoted=True)
        found = scanner.match(_NUMBER)
        if found:
            number = float(found)
            if not math.isfinite(number):
                raise scanner.fault("Number", start)
            return Scalar("number", number)
        found = scanner.match(_WORD)
        # a brace or a bracket never ends a value: the grammar closes them before the operator
        if not found:
            raise scanner.fault("Value", start)
        if found in ("true", "false"):
            return Scalar("boolean", found == "true")
        return Scalar(_temporal_kind(found) or "word", found)


def _temporal_kind(text: str) -> ScalarKind | None:
    found = comparable(text)
    return found[0] if found else None


def _pattern_text(quoted: str) -> str:
    """The pattern between quotes: `\\"` is a quote, every other backslash is the pattern's own."""
    inner = quoted[1:-1]
    return re.sub(r'\\(["\\])', lambda found: found[1] if found[1] == '"' else "\\\\", inner)
