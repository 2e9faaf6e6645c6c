"""Reading the members that entities and attributes are made of, each with its own check."""

from __future__ import annotations

import functools
import re
from datetime import date
from typing import Any, Final, Literal

from lingjing.interfaces.ngsild.core_terms import NOT_ATTRIBUTES
from lingjing.interfaces.ngsild.terms import Terms, is_iri
from lingjing.twin.changes import NULL
from lingjing.twin.documents import CORE, micros
from lingjing.vocabulary import LingjingError, Place

Nulls = Literal["refused", "attributes", "anywhere"]
"""Where an NGSI-LD null may stand: nowhere, for whole members of an attribute, also in values."""

MOST_NESTED_VALUES: Final = 100
MOST_NESTED_ATTRIBUTES: Final = 20

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z")
_SCOPE: Final = re.compile(r"/?[^\W\d_]\w*(?:/[^\W\d_]\w*)*")
_LANGUAGE: Final = re.compile(r"@none|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_LANG_STRING: Final = frozenset({"langString", "rdf:langString", "ngsi-ld:langString"})


def within(error: LingjingError, step: str) -> LingjingError:
    """The same fault, seen from one step further out."""
    inner = error.place.field if error.place is not None else None
    if not inner:
        path = step
    elif inner.startswith("["):
        path = step + inner
    else:
        path = f"{step}.{inner}"
    return LingjingError(error.code, Place(field=path), **error.values)


@functools.lru_cache(maxsize=65_536)
def is_uri(text: str) -> bool:
    """Whether the text is a URI (or IRI) that can name a thing; the NGSI-LD null cannot."""
    return text != NULL and is_iri(text)


def read_uri(value: Any) -> str:
    """A URI.

    Raises:
        LingjingError: `ngsild.bad-uri`, `ngsild.null-not-allowed`.
    """
    if value.__class__ is not str or not is_uri(value):
        if value == NULL:
            raise LingjingError("ngsild.null-not-allowed")
        raise LingjingError("ngsild.bad-uri", value=str(value)[:200])
    uri: str = value
    return uri


@functools.lru_cache(maxsize=65_536)
def _is_instant(text: str) -> bool:
    if _INSTANT.fullmatch(text) is None:
        return False
    try:
        micros(text)
    except ValueError:
        return False
    return True


def read_instant(value: Any, nulls: Nulls = "refused") -> str:
    """An instant as clause 4.6.3 has it: ISO 8601 in UTC, with seconds and a `Z`.

    Raises:
        LingjingError: `ngsild.bad-instant`, `ngsild.null-not-allowed`.
    """
    if value.__class__ is str:
        if _is_instant(value):
            instant: str = value
            return instant
        if value == NULL:
            return null(nulls)
    raise LingjingError("ngsild.bad-instant", value=str(value)[:100])


def null(nulls: Nulls) -> str:
    """The NGSI-LD null, where it may stand for a whole member.

    Raises:
        LingjingError: `ngsild.null-not-allowed`.
    """
    if nulls == "refused":
        raise LingjingError("ngsild.null-not-allowed")
    return NULL


def read_types(value: Any, terms: Terms) -> list[str]:
    """One type or several, as IRIs, each once.

    Raises:
        LingjingError: `ngsild.bad-types`, `ngsild.bad-name`.
    """
    names = value if isinstance(value, list) else [value]
    iris: list[str] = []
    for name in names:
        if name.__class__ is not str or not name:
            raise LingjingError("ngsild.bad-types")
        iri = terms.names[name]
        if iri.startswith("@"):
            raise LingjingError("ngsild.bad-types")
        if iri not in iris:
            iris.append(iri)
    if not iris:
        raise LingjingError("ngsild.bad-types")
    return iris


def read_scope(value: Any, nulls: Nulls = "refused") -> list[str]:
    """One scope or several (4.18).

    Raises:
        LingjingError: `ngsild.bad-scope`, `ngsild.null-not-allowed`.
    """
    if value == NULL:
        return [null(nulls)]
    scopes = value if isinstance(value, list) else [value]
    for scope in scopes:
        if scope.__class__ is not str or _SCOPE.fullmatch(scope) is None:
            raise LingjingError("ngsild.bad-scope", scope=str(scope)[:200])
    return list(dict.fromkeys(scopes))


def attribute_iri(name: str, terms: Terms) -> str:
    """IRI of an attribute, from its name.

    Raises:
        LingjingError: `ngsild.bad-name`, `ngsild.reserved-name`.
    """
    iri = terms.names[name]
    if iri in NOT_ATTRIBUTES or iri.startswith("@"):
        raise LingjingError("ngsild.reserved-name", name=name[:200])
    return iri


def read_value(value: Any, nulls: Nulls) -> Any:
    """The value of a Property: any JSON but null (4.5.2).

    Raises:
        LingjingError: `ngsild.json-null`, `ngsild.null-not-allowed`, `ngsild.too-deep`,
            `ngsild.bad-instant`.
    """
    kind = value.__class__
    if kind is float or kind is int or kind is bool:
        return value
    if kind is str:
        return null(nulls) if value == NULL else value
    if value is None:
        raise LingjingError("ngsild.json-null")
    _check_inside(value, nulls == "anywhere", 0)
    if kind is dict and "@value" in value:
        _check_typed(value.get("@type"), value["@value"])
    return value


def _check_typed(kind: Any, value: Any) -> None:
    """A typed value that means to be a time is one (4.6.3)."""
    if kind == "DateTime":
        read_instant(value)
    elif kind == "Date":
        if not isinstance(value, str) or not _is_date(value):
            raise LingjingError("ngsild.bad-date", value=str(value)[:100])
    elif kind == "Time" and (not isinstance(value, str) or not _is_instant(f"2000-01-01T{value}")):
        raise LingjingError("ngsild.bad-time", value=str(value)[:100])


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _check_inside(value: Any, allows_null: bool, depth: int) -> None:
    """Look for nulls in objects and lists, and for too many of them in each other."""
    if depth > MOST_NESTED_VALUES:
        raise LingjingError("ngsild.too-deep")
    if value.__class__ is dict:
        for name, item in value.items():
            if item.__class__ is dict or item.__class__ is list:
                _check_inside(item, allows_null, depth + 1)
            elif item == NULL and not allows_null:
                raise LingjingError("ngsild.null-not-allowed", Place(field=name[:200]))
    else:
        for item in value:
            if item.__class__ is dict or item.__class__ is list:
                _check_inside(item, allows_null, depth + 1)
            elif item == NULL:
                raise LingjingError("ngsild.null-not-allowed")


def read_object(value: Any, nulls: Nulls) -> Any:
    """The object of a Relationship: a URI, or a list of them.

    Raises:
        LingjingError: `ngsild.bad-uri`, `ngsild.null-not-allowed`.
    """
    if value.__class__ is str:
        if is_uri(value):
            return value
        if value == NULL:
            return null(nulls)
    if value.__class__ is list and value:
        return [read_uri(item) for item in value]
    raise LingjingError("ngsild.bad-uri", value=str(value)[:200])


def read_object_list(value: Any, nulls: Nulls) -> Any:
    """The objects of a ListRelationship as plain URIs; they may come as `{"object": …}` (4.5.22).

    Raises:
        LingjingError: `ngsild.not-a-list-value`, `ngsild.bad-uri`, `ngsild.null-not-allowed`.
    """
    if value == NULL:
        return null(nulls)
    if not isinstance(value, list):
        raise LingjingError("ngsild.not-a-list-value", name="objectList")
    return [
        read_uri(item["object"] if isinstance(item, dict) and item.keys() == {"object"} else item)
        for item in value
    ]


def read_value_list(value: Any, nulls: Nulls) -> Any:
    """The values of a ListProperty (4.5.21).

    Raises:
        LingjingError: As `read_value`, and `ngsild.not-a-list-value`.
    """
    if value == NULL:
        return null(nulls)
    if not isinstance(value, list):
        raise LingjingError("ngsild.not-a-list-value", name="valueList")
    return [read_value(item, "refused") for item in value]


def read_language_map(value: Any, nulls: Nulls) -> Any:
    """Texts by language tag (4.5.18); a null for all is given as the plain NGSI-LD null.

    Raises:
        LingjingError: `ngsild.bad-language-map`, `ngsild.null-not-allowed`.
    """
    if value in (NULL, {"@none": NULL}):
        return null(nulls)
    if not isinstance(value, dict) or not value:
        raise LingjingError("ngsild.bad-language-map")
    for tag, text in value.items():
        if _LANGUAGE.fullmatch(tag) is None:
            raise LingjingError("ngsild.bad-language-map", Place(field=tag[:100]))
        if text == NULL:
            if nulls != "anywhere":
                raise LingjingError("ngsild.null-not-allowed", Place(field=tag))
        elif not _is_text(text):
            raise LingjingError("ngsild.bad-language-map", Place(field=tag))
    return value


def _is_text(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, str) and item != NULL for item in value)
    return isinstance(value, str)


def read_vocab(value: Any, nulls: Nulls, terms: Terms) -> Any:
    """The value of a VocabProperty as IRIs (4.5.20).

    Raises:
        LingjingError: `ngsild.bad-vocab`, `ngsild.null-not-allowed`.
    """
    if value == NULL:
        return null(nulls)
    if isinstance(value, list):
        if not value or not all(isinstance(item, str) and item for item in value):
            raise LingjingError("ngsild.bad-vocab")
        if NULL in value:
            raise LingjingError("ngsild.null-not-allowed")
    elif not isinstance(value, str) or not value:
        raise LingjingError("ngsild.bad-vocab")
    return terms.expand_vocab(value)


def read_json_value(value: Any, nulls: Nulls) -> Any:
    """The value of a JsonProperty, kept as it is: an object, or a list of objects (4.5.24).

    Raises:
        LingjingError: `ngsild.bad-json-value`, `ngsild.null-not-allowed`.
    """
    if value == NULL:
        return null(nulls)
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise LingjingError("ngsild.bad-json-value")


def read_names(value: Any, terms: Terms, name: str) -> Any:
    """`objectType` or `valueType`: a name or several, as IRIs.

    Raises:
        LingjingError: `ngsild.bad-string`.
    """
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(item, str) and item and item != NULL for item in names):
        raise LingjingError("ngsild.bad-string", name=name)
    return terms.expand_vocab(value)


def read_value_type(value: Any, terms: Terms, kind: str) -> Any:
    """`valueType`; that of a LanguageProperty can only be `langString` (5.2.32).

    Raises:
        LingjingError: `ngsild.bad-string`.
    """
    iris = read_names(value, terms, "valueType")
    if kind == "LanguageProperty" and value not in _LANG_STRING and iris != _RDF_LANG_STRING:
        raise LingjingError("ngsild.bad-string", name="valueType")
    return iris


_RDF_LANG_STRING: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
PROOF: Final = CORE + "ngsildproof"


def entity_id(body: dict[str, Any]) -> str:
    """The id that a body names.

    Raises:
        LingjingError: `ngsild.lacks-member`, and what `read_uri` raises.
    """
    given = body.get("id", body.get("@id"))
    if given is None:
        raise LingjingError("ngsild.lacks-member", Place(field="id"), name="id")
    try:
        return read_uri(given)
    except LingjingError as error:
        raise within(error, "id") from None


def entity_types(body: dict[str, Any], terms: Terms) -> list[str]:
    """The types that a body names.

    Raises:
        LingjingError: `ngsild.lacks-member`, and what `read_types` raises.
    """
    given = body.get("type", body.get("@type"))
    if given is None:
        raise LingjingError("ngsild.lacks-member", Place(field="type"), name="type")
    try:
        return read_types(given, terms)
    except LingjingError as error:
        raise within(error, "type") from None
