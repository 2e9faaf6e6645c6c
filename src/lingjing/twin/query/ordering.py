"""The order of results (clause 4.23): by members, values or distance, up or down, by collation."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
import pyuca
from shapely.geometry.base import BaseGeometry

from lingjing.twin.documents import PAYLOADS, Document, Instance
from lingjing.twin.query.comparing import plain
from lingjing.twin.query.evaluating import INSTANCE_MEMBERS, Expand, targets
from lingjing.twin.query.geo import distance_to
from lingjing.twin.query.scanning import Scanner
from lingjing.vocabulary.errors import LingjingError, Place

T = TypeVar("T")
Direction = Literal["asc", "desc", "dist-asc", "dist-desc"]
Value = Callable[[Document], Any]
StringKey = Callable[[str], Any]

MOST_TERMS: Final = 16
LONGEST: Final = 2_000
_DIRECTIONS: Final[tuple[Direction, ...]] = ("dist-asc", "dist-desc", "asc", "desc")
_DOCUMENT_MEMBERS: Final = ("id", "createdAt", "modifiedAt", "deletedAt", "expiresAt")
_NAME: Final = re.compile(r"https?://[^\s()|;,\[\]{}<>=!~\"']+|[^\W\d][\w-]*(?::[\w-][\w/#-]*)*")
_INSIDE: Final = re.compile(r"[^\s\[\];,]+")
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*\Z")
# Languages whose alphabetical order is that of the root collation of the Unicode Consortium.
_ROOT_LANGUAGES: Final = frozenset(
    ("und", "root", "en", "de", "fr", "it", "nl", "pt", "id", "ms", "ga", "lb", "sw", "zu")
)
_PHONEBOOK: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)


class OrderTerm(msgspec.Struct, frozen=True):
    """One key of the order.

    Attributes:
        value: Gives what is compared; None where the entity lacks it.
        descending: Whether the greatest comes first.
        is_distance: Whether the value is a distance from the reference geometry.
    """

    value: Value
    descending: bool
    is_distance: bool


class Ordering(msgspec.Struct, frozen=True):
    """A whole order: the first term decides, the next ones where it does not."""

    terms: tuple[OrderTerm, ...]
    string_key: StringKey

    def sorted(self, items: Sequence[T], document: Callable[[T], Document]) -> list[T]:
        """The items in order; what lacks a key comes last, what is alike stays as it was.

        Numbers come before strings, strings before truth values, these before all else.
        """
        result = list(items)
        for term in reversed(self.terms):
            result = self._by(term, result, document)
        return result

    def _by(self, term: OrderTerm, items: list[T], document: Callable[[T], Document]) -> list[T]:
        present: list[tuple[tuple[int, Any], T]] = []
        absent: list[T] = []
        for item in items:
            value = term.value(document(item))
            if value is None:
                absent.append(item)
            else:
                present.append((_rank(value, self.string_key), item))
        present.sort(key=lambda pair: pair[0], reverse=term.descending)
        return [item for _, item in present] + absent


def _rank(value: Any, string_key: StringKey) -> tuple[int, Any]:
    kind = type(value)
    if kind is int or kind is float:
        return (0, value)
    if kind is str:
        return (1, string_key(value))
    if kind is bool:
        return (2, value)
    return (3, string_key(msgspec.json.encode(value).decode()))


def parse_ordering(
    texts: Sequence[str],
    expand: Expand,
    collation: str = "",
    reference: BaseGeometry | None = None,
) -> Ordering:
    """Read an order.

    Args:
        texts: Terms such as `name`, `name.createdAt;desc`, `address[city]`, `location;dist-asc`.
        expand: Gives the IRI of an attribute name.
        collation: BCP 47 tag of the order of strings; code points where empty.
        reference: Geometry that distances are taken from.

    Raises:
        LingjingError: `query.bad-syntax`, `query.too-complex`, `query.bad-collation`,
            `query.missing-parameter` (a distance without a reference).
    """
    if len(texts) > MOST_TERMS:
        raise LingjingError(
            "query.too-complex",
            Place(field="orderBy"),
            parameter="orderBy",
            measure="terms",
            limit=MOST_TERMS,
        )
    terms = tuple(_term(text, expand, reference) for text in texts)
    return Ordering(terms, string_key(collation))


def _term(text: str, expand: Expand, reference: BaseGeometry | None) -> OrderTerm:
    scanner = Scanner(text, "orderBy", LONGEST)
    names = [_name(scanner)]
    while scanner.take("."):
        names.append(_name(scanner))
    inside: tuple[str, ...] = ()
    if scanner.take("["):
        members = scanner.match(_INSIDE)
        if not members:
            raise scanner.fault("AttrName")
        scanner.need("]")
        inside = tuple(members.split("."))
    direction: Direction = "asc"
    if scanner.take(";"):
        found = next((one for one in _DIRECTIONS if scanner.take(one)), None)
        if found is None:
            raise scanner.fault(" | ".join(_DIRECTIONS))
        direction = found
    if not scanner.at_end():
        raise scanner.fault(",")
    value = _value(tuple(names), inside, expand)
    if direction.startswith("dist"):
        if reference is None:
            raise LingjingError(
                "query.missing-parameter",
                Place(field="orderFrom"),
                name="orderFrom",
                reason=f"orderBy={text[:80]}",
            )
        return OrderTerm(_distance(value, reference), direction == "dist-desc", is_distance=True)
    return OrderTerm(value, direction == "desc", is_distance=False)


def _name(scanner: Scanner) -> str:
    found = scanner.match(_NAME)
    if not found:
        raise scanner.fault("AttrName")
    return found


def _distance(value: Value, reference: BaseGeometry) -> Value:
    return lambda document: distance_to(value(document), reference)


def _value(names: tuple[str, ...], inside: tuple[str, ...], expand: Expand) -> Value:
    first, *below = names
    if len(names) == 1 and not inside:
        if first in _DOCUMENT_MEMBERS:
            return lambda document: document.get(first)
        if first in ("type", "scope"):
            return lambda document: ",".join(document.get(first) or ()) or None
    iri = expand(first)
    steps = tuple((name, expand(name)) for name in below)

    def value(document: Document) -> Any:
        instance = _standing(document["attributes"].get(iri))
        for name, step in steps:
            if instance is None:
                return None
            if name in INSTANCE_MEMBERS and name in instance:
                return instance[name]
            instance = _standing(instance.get("attributes", {}).get(step))
        return None if instance is None else _member(_payload(instance), inside)

    return value


def _standing(instances: dict[str, Instance] | None) -> Instance | None:
    """The default instance, or the first of those with a dataset."""
    if not instances:
        return None
    return instances.get("") or instances[min(instances)]


def _payload(instance: Instance) -> Any:
    if instance["type"] in ("Relationship", "ListRelationship"):
        return next(iter(targets(instance)), None)
    return plain(instance.get(PAYLOADS[instance["type"]]))


def _member(value: Any, inside: tuple[str, ...]) -> Any:
    for member in inside:
        if not isinstance(value, dict):
            return None
        value = plain(value.get(member))
    return value


@functools.lru_cache(maxsize=64)
def string_key(collation: str) -> StringKey:
    """What strings are compared by under a collation.

    Known are the root collation (`und`), languages that keep to it, and the German telephone
    book (`de-u-co-phonebk`).

    Raises:
        LingjingError: `query.bad-collation`: the tag cannot be read, or its order is not known.
    """
    if not collation:
        return _same
    tag = collation.replace("_", "-")
    if not _LANGUAGE_TAG.match(tag):
        raise _unknown(collation)
    language, _, rest = tag.lower().partition("-")
    base, _, extension = f"-{rest}".partition("-u-")
    # Canadian French compares accents from the end
    if language not in _ROOT_LANGUAGES or (language == "fr" and "-ca" in base):
        raise _unknown(collation)
    root: StringKey = _root().sort_key
    if not extension or extension == "co-standard":
        return root
    if language == "de" and extension == "co-phonebk":
        return lambda text: root(text.translate(_PHONEBOOK))
    raise _unknown(collation)


@functools.cache
def _root() -> Any:
    return pyuca.Collator()


def _same(text: str) -> str:
    return text


def _unknown(collation: str) -> LingjingError:
    return LingjingError("query.bad-collation", Place(field="collation"), collation=collation[:80])
