"""Fragments in simplified form fitted to the attributes that an entity has (5.6.17, 4.5.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lingjing.interfaces.ngsild.reading_members import is_uri
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.changes import Fragment, is_null
from lingjing.twin.documents import PAYLOADS, Document, Instance


def observed(fragment: Fragment, at: str) -> Fragment:
    """The fragment, with a time of observation where an attribute has none of its own."""
    attributes = {
        name: {
            dataset: item if "observedAt" in item or is_null(item) else {**item, "observedAt": at}
            for dataset, item in datasets.items()
        }
        for name, datasets in fragment["attributes"].items()
    }
    return {**fragment, "attributes": attributes}


def fitted(fragment: Fragment, document: Document, terms: Terms, language: str) -> Fragment:
    """The fragment, with plain values read as what the entity's attributes are.

    A plain value looks like that of a Property; where the entity has, say, a Relationship of
    this name, it is the object of the Relationship.

    Args:
        fragment: Read from simplified input.
        document: The entity as it stands.
        terms: The @context in force.
        language: Language of texts, for language properties; empty where it is not said.
    """
    held = document["attributes"]
    attributes = {
        name: {
            dataset: _fit(item, held.get(name, {}).get(dataset), terms, language)
            for dataset, item in datasets.items()
        }
        for name, datasets in fragment["attributes"].items()
    }
    return {**fragment, "attributes": attributes}


def _fit(item: Instance, held: Instance | None, terms: Terms, language: str) -> Instance:
    if held is None or item.get("type") != "Property" or held["type"] == "Property":
        return item
    if is_null(item):
        return item
    kind, value = held["type"], item.get("value")
    made = _payload(kind, value, terms, language)
    if made is None:
        return item
    rest = {key: part for key, part in item.items() if key not in ("type", "value")}
    return {"type": kind, **made, **rest}


def _payload(kind: str, value: Any, terms: Terms, language: str) -> Instance | None:
    """The value as the payload of another type; None where it does not fit."""
    if kind == "LanguageProperty" and language and isinstance(value, str):
        return {"languageMap": {language: value}}
    if kind == "VocabProperty" and isinstance(value, str | list):
        return {"vocab": terms.expand_vocab(value)}
    if kind in _FITTING and _FITTING[kind](value):
        return {PAYLOADS[kind]: value}
    return None


def _are_uris(value: Any) -> bool:
    found = value if isinstance(value, list) else [value]
    return bool(found) and all(isinstance(one, str) and is_uri(one) for one in found)


_FITTING: Final[dict[str, Callable[[Any], bool]]] = {
    "Relationship": _are_uris,
    "LanguageProperty": lambda value: isinstance(value, dict),
    "JsonProperty": lambda _: True,
    "ListProperty": lambda value: isinstance(value, list),
    "ListRelationship": lambda value: isinstance(value, list) and _are_uris(value),
}
"""Types whose payload a plain value can be, as it is."""
