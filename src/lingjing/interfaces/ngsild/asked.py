"""What a request asks for, whether it stands in the address or in the body of a POST query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lingjing.interfaces.ngsild.terms import is_iri
from lingjing.vocabulary import LingjingError, Place

MOST_NAMES: Final = 1_000
"""Most members of one list."""


class Asked:
    """Parameters by name; those of the body come before those of the address.

    Args:
        query: Parameters of the address, decoded.
        body: Members of a query in a body, decoded JSON; None where there is none.
    """

    __slots__ = ("body", "query")

    def __init__(self, query: Mapping[str, str], body: Mapping[str, Any] | None = None) -> None:
        self.query = query
        self.body: Mapping[str, Any] = body if body is not None else {}

    def has(self, name: str) -> bool:
        """Whether the parameter is there and not empty."""
        return name in self.body or bool(self.query.get(name))

    def text(self, name: str) -> str:
        """A text; empty where it is absent.

        Raises:
            LingjingError: `query.bad-parameter`: the body has something else.
        """
        if name in self.body:
            value = self.body[name]
            if not isinstance(value, str) or not value:
                raise bad(name, value, "String")
            return value
        return self.query.get(name, "")

    def names(self, name: str) -> tuple[str, ...]:
        """A list of texts, separated by commas in the address; empty where it is absent.

        Raises:
            LingjingError: `query.bad-parameter`, `query.too-complex`.
        """
        if name in self.body:
            value = self.body[name]
            found = [value] if isinstance(value, str) else value
            if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
                raise bad(name, value, "String[]")
        else:
            text = self.query.get(name, "")
            if not text:
                return ()
            found = text.split(",")
        names = tuple(one.strip() for one in found)
        if not names or not all(names):
            raise bad(name, ",".join(names), "String[]")
        if len(names) > MOST_NAMES:
            raise LingjingError(
                "query.too-complex",
                Place(field=name),
                parameter=name,
                measure="terms",
                limit=MOST_NAMES,
            )
        return names

    def iris(self, name: str) -> tuple[str, ...]:
        """A list of URIs.

        Raises:
            LingjingError: `query.bad-parameter`, `query.too-complex`.
        """
        names = self.names(name)
        for one in names:
            if not is_iri(one):
                raise bad(name, one, "URI")
        return names

    def flag(self, name: str) -> bool:
        """True or false; false where it is absent.

        Raises:
            LingjingError: `query.bad-parameter`.
        """
        if name in self.body:
            value = self.body[name]
            if not isinstance(value, bool):
                raise bad(name, value, "true | false")
            return value
        text = self.query.get(name, "")
        if text not in ("", "true", "false"):
            raise bad(name, text, "true | false")
        return text == "true"

    def whole(self, name: str, least: int = 0) -> int | None:
        """A whole number; None where it is absent.

        Raises:
            LingjingError: `query.bad-parameter`: it is none, or less than `least`.
        """
        expected = f"Integer ≥ {least}"
        if name in self.body:
            value = self.body[name]
            if isinstance(value, bool) or not isinstance(value, int):
                raise bad(name, value, expected)
            number = value
        else:
            text = self.query.get(name, "")
            if not text:
                return None
            if not (text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 16):
                raise bad(name, text, expected)
            number = int(text)
        if number < least or number > 1 << 53:
            raise bad(name, number, expected)
        return number

    def options(self, allowed: frozenset[str]) -> frozenset[str]:
        """The values of `options`.

        Raises:
            LingjingError: `query.bad-option`: one of them means nothing here.
        """
        found = frozenset(self.names("options"))
        for option in found - allowed:
            raise bad_option("options", option, allowed)
        return found


def bad(name: str, value: Any, expected: str) -> LingjingError:
    """The error for a parameter that cannot be used as it stands."""
    return LingjingError(
        "query.bad-parameter",
        Place(field=name),
        name=name,
        value=str(value)[:120],
        expected=expected,
    )


def bad_option(name: str, value: str, known: Iterable[str]) -> LingjingError:
    """The error for a form of answer that there is not."""
    return LingjingError(
        "query.bad-option",
        Place(field=name),
        name=name,
        value=value[:120],
        known=", ".join(sorted(known)),
    )


def conflict(first: str, second: str) -> LingjingError:
    """The error for two parameters that exclude each other."""
    return LingjingError("query.conflict", Place(field=second), first=first, second=second)


def missing(name: str, reason: str) -> LingjingError:
    """The error for a parameter without which another means nothing."""
    return LingjingError("query.missing-parameter", Place(field=name), name=name, reason=reason)
