"""What a query says, as a tree of plain values, and how it is written out again."""

from __future__ import annotations

import json
from typing import Final, Literal

import msgspec

Operator = Literal["==", "!=", ">", ">=", "<", "<=", "~=", "!~=", "exists", "lacks"]
ScalarKind = Literal["number", "string", "word", "boolean", "dateTime", "date", "time"]
EQUALITY: Final = frozenset(("==", "!="))
PATTERNS: Final = frozenset(("~=", "!~="))


class Scalar(msgspec.Struct, frozen=True):
    """One value of a query.

    Attributes:
        kind: How it was written; a `word` is text without quotes, such as a URI.
        value: float, str or bool.
        quoted: Whether it stood in quotes (dates may or may not).
    """

    kind: ScalarKind
    value: float | str | bool
    quoted: bool = False

    def __str__(self) -> str:
        if self.kind == "boolean":
            return "true" if self.value else "false"
        if self.kind == "number":
            number = float(self.value)
            return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
        return json.dumps(self.value, ensure_ascii=False) if self.quoted else str(self.value)


class Interval(msgspec.Struct, frozen=True):
    """A closed range of values."""

    low: Scalar
    high: Scalar

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


class Link(msgspec.Struct, frozen=True):
    """A step to the entities that a relationship points at, of these types where given."""

    relationship: str
    types: tuple[str, ...] = ()


class Path(msgspec.Struct, frozen=True):
    """Where the value lies.

    Attributes:
        names: Attribute, then attributes of the attribute.
        inside: Members within the value, a language, or `*`; empty for the value itself.
        links: Relationships to follow before.
    """

    names: tuple[str, ...]
    inside: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()

    def __str__(self) -> str:
        head = "".join(
            f"{link.relationship}{{{','.join(link.types)}{':' if link.types else ''}"
            for link in self.links
        )
        tail = f"[{'.'.join(self.inside)}]" if self.inside else ""
        return f"{head}{'.'.join(self.names)}{tail}{'}' * len(self.links)}"


class Term(msgspec.Struct, frozen=True):
    """One condition.

    Attributes:
        path: What is looked at.
        operator: How it is compared.
        values: One or more alternatives, or one interval; empty for `exists` and `lacks`.
        pattern: The regular expression of `~=` and `!~=`.
    """

    path: Path
    operator: Operator
    values: tuple[Scalar | Interval, ...] = ()
    pattern: str = ""

    def __str__(self) -> str:
        if self.operator == "exists":
            return str(self.path)
        if self.operator == "lacks":
            return f"!{self.path}"
        if self.operator in PATTERNS:
            # backslashes are the pattern's own
            quoted = self.pattern.replace('"', '\\"')
            return f'{self.path}{self.operator}"{quoted}"'
        return f"{self.path}{self.operator}{','.join(map(str, self.values))}"


class All(msgspec.Struct, frozen=True):
    """Conditions that must hold together."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return ";".join(_grouped(part) for part in self.parts)


class Some(msgspec.Struct, frozen=True):
    """Conditions of which one must hold."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return "|".join(f"({part})" if isinstance(part, Some) else str(part) for part in self.parts)


Node = Term | All | Some


def _grouped(node: Node) -> str:
    return str(node) if isinstance(node, Term) else f"({node})"


def terms(node: Node) -> list[Term]:
    """All conditions of a tree, in order of writing."""
    if isinstance(node, Term):
        return [node]
    return [term for part in node.parts for term in terms(part)]
