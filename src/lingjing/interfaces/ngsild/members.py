"""Checks of single members of subscriptions and registrations: the value, or an error that says
what the member takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import micros
from lingjing.vocabulary import LingjingError
from lingjing.vocabulary.errors import Place

Check = Callable[[Any, str], Any]
"""Takes a value and the path of its member; gives the value to keep."""

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f]+")
_TYPE_NAME: Final = re.compile(r"[^\s()|;,<>\"'{}\\^`]+")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Members of an entity that are no attributes; they stand for themselves in `pick` and `omit`.
CORE_MEMBERS: Final = frozenset(
    ("id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt")
)


def refuse(path: str, expected: str) -> NoReturn:
    """Refuse a member's value.

    Raises:
        LingjingError: `ngsild.member-value`, always.
    """
    raise LingjingError("ngsild.member-value", Place(field=path), member=path, expected=expected)


def text(value: Any, path: str) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        refuse(path, "string")
    return value


def is_uri(value: Any) -> bool:
    """Whether the value is an absolute URI."""
    return isinstance(value, str) and _URI.fullmatch(value) is not None


def uri(value: Any, path: str) -> str:
    """An absolute URI."""
    if not is_uri(value):
        refuse(path, "URI")
    return str(value)


def flag(value: Any, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        refuse(path, "true | false")
    return value


def count(value: Any, path: str) -> int:
    """A whole number above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        refuse(path, "integer > 0")
    if value != int(value) or value > 2**53:
        refuse(path, "integer > 0")
    return int(value)


def whole(value: Any, path: str) -> int:
    """A whole number, zero included."""
    return 0 if value == 0 and not isinstance(value, bool) else count(value, path)


def instant(value: Any, path: str) -> str:
    """A moment in time with a zone, as it was written."""
    written = text(value, path).strip()
    try:
        micros(written)
    except (ValueError, OverflowError):
        refuse(path, "2030-01-31T12:00:00Z")
    return written


def one_of(*allowed: str) -> Check:
    """A check for one of these words."""

    def check(value: Any, path: str) -> str:
        if value not in allowed:
            refuse(path, " | ".join(allowed))
        return str(value)

    return check


def some(check: Check, *, alone: bool = False) -> Check:
    """A check for a list that is not empty; `alone` takes a single value for a list of one."""

    def checked(value: Any, path: str) -> list[Any]:
        if alone and isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not value:
            refuse(path, "[…] (≥ 1)")
        return [check(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return checked


def mapping(value: Any, path: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        refuse(path, "{…}")
    return value


def attribute(terms: Terms) -> Check:
    """A check for the name of an attribute; gives its IRI."""

    def check(value: Any, path: str) -> str:
        return terms.expand(text(value, path))

    return check


def member_name(terms: Terms) -> Check:
    """A check for a member of an entity (`pick`, `omit`): an attribute's IRI, or `id` and such."""

    def check(value: Any, path: str) -> str:
        name = text(value, path)
        return name if name in CORE_MEMBERS else terms.expand(name)

    return check


def pairs(value: Any, path: str) -> list[dict[str, str]]:
    """Key-value pairs of an endpoint; both are strings, and fit for a header."""

    def check(item: Any, place: str) -> dict[str, str]:
        pair = mapping(item, place)
        key, content = pair.get("key"), pair.get("value")
        if not isinstance(key, str) or not _HEADER_NAME.fullmatch(key):
            refuse(f"{place}.key", "string")
        if not isinstance(content, str) or _CONTROL.search(content):
            refuse(f"{place}.value", "string")
        return {"key": key, "value": content}

    checked: list[dict[str, str]] = some(check)(value, path)
    return checked


def renamed_types(selection: str, rename: Callable[[str], str]) -> str:
    """A type selection with each of its names replaced."""
    return _TYPE_NAME.sub(lambda found: rename(found.group()), selection)


def checked(
    body: dict[str, Any], checks: dict[str, Check], prefix: str = "", absent: Iterable[str] = ()
) -> dict[str, Any]:
    """The members of an object that are known, each checked; others are left out.

    Args:
        body: The object as it was sent.
        checks: By member.
        prefix: Path of the object.
        absent: Members for which null means that they are absent.
    """
    kept: dict[str, Any] = {}
    for name, check in checks.items():
        if name not in body or (body[name] is None and name in absent):
            continue
        kept[name] = check(body[name], f"{prefix}{name}")
    return kept


def need(body: dict[str, Any], *names: str, prefix: str = "") -> None:
    """Refuse an object that lacks a mandatory member.

    Raises:
        LingjingError: `ngsild.member-missing`.
    """
    for name in names:
        if body.get(name) is None:
            path = f"{prefix}{name}"
            raise LingjingError("ngsild.member-missing", Place(field=path), member=path)


def exclude(body: dict[str, Any], one: str, other: str, prefix: str = "") -> None:
    """Refuse an object that has both members.

    Raises:
        LingjingError: `ngsild.members-exclude`.
    """
    if one in body and other in body:
        place = Place(field=f"{prefix}{one}")
        raise LingjingError("ngsild.members-exclude", place, one=one, other=other)
