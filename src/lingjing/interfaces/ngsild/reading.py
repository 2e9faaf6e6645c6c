"""Reading NGSI-LD: bodies of requests to documents and fragments, everything in them checked.

Normalized, concise and simplified input is told apart attribute by attribute, as clause 4.5
describes them. A fault names its place in the body, such as `speed[1].unitCode`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.core_terms import NOT_ATTRIBUTES
from lingjing.interfaces.ngsild.geometry import check_geometry, looks_like_geometry
from lingjing.interfaces.ngsild.reading_members import (
    MOST_NESTED_ATTRIBUTES,
    PROOF,
    Nulls,
    entity_id,
    entity_types,
    null,
    read_instant,
    read_json_value,
    read_language_map,
    read_names,
    read_object,
    read_object_list,
    read_scope,
    read_types,
    read_uri,
    read_value,
    read_value_list,
    read_value_type,
    read_vocab,
    within,
)
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.changes import NULL
from lingjing.twin.documents import (
    CORE,
    LOCATION,
    OBSERVATION_SPACE,
    OPERATION_SPACE,
    PAYLOADS,
    Document,
    Instance,
)
from lingjing.vocabulary import LingjingError, Place

Instances = dict[str, Instance]
Attributes = dict[str, Instances]

_KINDS: Final = {payload: kind for kind, payload in PAYLOADS.items() if kind != "GeoProperty"}
_PLACES: Final = frozenset({LOCATION, OBSERVATION_SPACE, OPERATION_SPACE})
_IGNORED: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "instanceId"})
_HEAD: Final = frozenset(
    {"id", "type", "scope", "expiresAt", "@context", "@id", "@type"}
    | {"createdAt", "modifiedAt", "deletedAt"}
)
_OUTPUT_ONLY: Final = frozenset(
    {"previousValue", "previousObject", "previousLanguageMap", "previousVocab", "previousJson"}
    | {"previousValueList", "previousObjectList", "entity", "entityList", "lang"}
)
_SEALS: Final = frozenset({"entityIdSealed", "entityTypeSealed"})
_DETAILS: Final = frozenset({"observedAt", "unitCode", "datasetId", "expiresAt"}) | {
    "objectType",
    "valueType",
}
_RESERVED: Final = (
    _IGNORED | _OUTPUT_ONLY | _SEALS | _DETAILS | _KINDS.keys() | {"type", "@type", "@context"}
)
_WITH_UNIT: Final = frozenset({"Property", "ListProperty"})
_WITH_OBJECT_TYPE: Final = frozenset({"Relationship", "ListRelationship"})


class TemporalEntity(msgspec.Struct, frozen=True):
    """The evolution of an entity, as sent.

    Attributes:
        id: Of the entity.
        type: IRIs.
        scope: Empty where none is given.
        expires_at: Of the entity; empty where none is given.
        attributes: IRI → instances in the order given, of all datasets.
    """

    id: str
    type: list[str]
    scope: list[str]
    expires_at: str
    attributes: dict[str, list[Instance]]


def read_entity(body: Any, terms: Terms) -> Document:
    """A whole entity, for creating or replacing one.

    Args:
        body: Decoded JSON.
        terms: The @context in force.

    Raises:
        LingjingError: `ngsild.…`, with the place of the fault.
    """
    head = _mapping(body)
    document: Document = {
        "id": entity_id(head),
        "type": entity_types(head, terms),
    }
    reader = Reader(terms)
    reader.read_head(head, document)
    document["attributes"] = reader.attributes(head)
    return document


def read_fragment(
    body: Any, terms: Terms, *, nulls: Nulls = "refused", is_simplified: bool = False
) -> dict[str, Any]:
    """Part of an entity, for appending, updating, or merging; an `id` in it is not looked at.

    Args:
        body: Decoded JSON.
        terms: The @context in force.
        nulls: Where an NGSI-LD null may stand: `attributes` for updates, `anywhere` for merges.
        is_simplified: Whether lists and objects are values even where they look like attributes
            (`options=keyValues`).

    Returns:
        `type`, `scope`, `expiresAt` where given, and `attributes`.

    Raises:
        LingjingError: `ngsild.…`, with the place of the fault.
    """
    head = _mapping(body)
    fragment: dict[str, Any] = {}
    given = head.get("type", head.get("@type"))
    if given is not None:
        try:
            fragment["type"] = read_types(given, terms)
        except LingjingError as error:
            raise within(error, "type") from None
    reader = Reader(terms, nulls, is_simplified=is_simplified)
    reader.read_head(head, fragment)
    fragment["attributes"] = reader.attributes(head)
    return fragment


def read_attribute(
    body: Any, terms: Terms, *, attribute: str = "", nulls: Nulls = "refused"
) -> Instances:
    """One attribute without its name, for replacing it: instances by dataset.

    Args:
        body: Decoded JSON, normalized or concise; a list for several datasets.
        terms: The @context in force.
        attribute: IRI of the attribute, where its name calls for a type.
        nulls: Where an NGSI-LD null may stand.

    Raises:
        LingjingError: `ngsild.…`, with the place of the fault.
    """
    if isinstance(body, dict):
        body = {key: item for key, item in body.items() if key != "@context"}
    return Reader(terms, nulls).attribute(body, attribute, 0)


def read_partial_attribute(
    body: Any, terms: Terms, *, attribute: str = "", nulls: Nulls = "attributes"
) -> Instance:
    """What a partial update says of one instance; its type and value may be missing.

    Args:
        body: Decoded JSON: an object.
        terms: The @context in force.
        attribute: IRI of the attribute, where its name calls for a type.
        nulls: Where an NGSI-LD null may stand.

    Returns:
        An instance; `type` only where it is given or follows from the value, `datasetId` where
        given.

    Raises:
        LingjingError: `ngsild.…`, with the place of the fault.
    """
    members = {key: item for key, item in _mapping(body).items() if key != "@context"}
    return Reader(terms, nulls).partial(members, attribute)


def read_temporal_entity(body: Any, terms: Terms) -> TemporalEntity:
    """The evolution of an entity: each attribute with any number of instances (4.5.6).

    Raises:
        LingjingError: `ngsild.…`, with the place of the fault.
    """
    head = _mapping(body)
    found: dict[str, Any] = {}
    Reader(terms).read_head(head, found)
    # an NGSI-LD null in the place of a value tells that the attribute had ended (5.6.11)
    reader = Reader(terms, "attributes")
    return TemporalEntity(
        entity_id(head),
        entity_types(head, terms),
        found.get("scope", []),
        found.get("expiresAt", ""),
        reader.evolutions(head),
    )


def read_temporal_fragment(body: Any, terms: Terms) -> dict[str, list[Instance]]:
    """Instances to be added to the evolution of an entity: IRI → instances in the order given.

    Raises:
        LingjingError: `ngsild.…`, with the place of the fault.
    """
    return Reader(terms, "attributes").evolutions(_mapping(body))


class Reader:
    """Reads attributes under one @context.

    Args:
        terms: The @context in force.
        nulls: Where an NGSI-LD null may stand.
        is_simplified: Whether objects and lists that could be instances are values.
    """

    __slots__ = ("_is_simplified", "_names", "_nulls", "_terms")

    def __init__(
        self, terms: Terms, nulls: Nulls = "refused", *, is_simplified: bool = False
    ) -> None:
        self._terms = terms
        self._names = terms.names
        self._nulls = nulls
        self._is_simplified = is_simplified

    def read_head(self, body: dict[str, Any], target: dict[str, Any]) -> None:
        """Scope and expiry of an entity, where they are given."""
        if "scope" in body:
            try:
                target["scope"] = read_scope(body["scope"], self._nulls)
            except LingjingError as error:
                raise within(error, "scope") from None
        if "expiresAt" in body:
            try:
                target["expiresAt"] = read_instant(body["expiresAt"], self._nulls)
            except LingjingError as error:
                raise within(error, "expiresAt") from None

    def attributes(self, body: dict[str, Any]) -> Attributes:
        """All attributes of an entity or fragment."""
        found: Attributes = {}
        for name, value in body.items():
            if name in _HEAD:
                continue
            try:
                iri = self._iri(name)
                if iri in found:
                    raise LingjingError("ngsild.same-attribute", name=name)
                found[iri] = self.attribute(value, iri, 0)
            except LingjingError as error:
                raise within(error, name[:200]) from None
        return found

    def evolutions(self, body: dict[str, Any]) -> dict[str, list[Instance]]:
        """All attributes of a temporal entity, each with its instances in the order given."""
        found: dict[str, list[Instance]] = {}
        for name, value in body.items():
            if name in _HEAD:
                continue
            try:
                iri = self._iri(name)
                items = value if isinstance(value, list) else [value]
                instances = found.setdefault(iri, [])
                for number, item in enumerate(items):
                    try:
                        instance = self.instance(item, iri, 0)
                        if any(instance.get(detail) == NULL for detail in _DETAILS):
                            raise LingjingError("ngsild.null-not-allowed")
                        instances.append(instance)
                    except LingjingError as error:
                        raise within(error, f"[{number}]") from None
            except LingjingError as error:
                raise within(error, name[:200]) from None
        return found

    def attribute(self, value: Any, iri: str, depth: int) -> Instances:
        """One attribute: its instances by dataset."""
        if value.__class__ is list:
            if value and self._are_instances(value):
                return self._datasets(value, iri, depth)
        elif value.__class__ is dict and value.keys() == {"dataset"}:
            return self._dataset_map(value["dataset"], iri, depth)
        instance = self.instance(value, iri, depth)
        return {instance.get("datasetId", ""): instance}

    def instance(self, value: Any, iri: str, depth: int) -> Instance:
        """One instance of an attribute, normalized or concise."""
        if value.__class__ is dict:
            kind = value.get("type")
            if kind.__class__ is not str or kind not in PAYLOADS:
                kind = self._infer(value)
                if not kind:
                    return self._bare(value, iri)
            found = self._members(value, kind, iri, depth)
            if PAYLOADS[kind] not in found:
                raise LingjingError("ngsild.no-payload", kind=kind, name=PAYLOADS[kind])
        else:
            return self._bare(value, iri)
        if iri in _PLACES:
            _check_place(found)
        return found

    def partial(self, members: dict[str, Any], iri: str) -> Instance:
        """What is said of an instance whose type and value may be missing."""
        kind = members.get("type", members.get("@type"))
        if kind is None:
            given = [name for name in _KINDS if name in members]
            kind = self._infer(members) if given else ""
        elif not isinstance(kind, str) or kind not in PAYLOADS:
            kind = self._infer(members)
            if not kind:
                raise LingjingError("ngsild.unknown-kind", Place(field="type"), kind="?")
        found = self._members(members, kind, iri, 0)
        if kind and iri in _PLACES:
            _check_place(found)
        return found

    def _iri(self, name: str) -> str:
        iri = self._names[name]
        if iri in NOT_ATTRIBUTES or iri[0] == "@":
            raise LingjingError("ngsild.reserved-name", name=name[:200])
        return iri

    def _bare(self, value: Any, iri: str) -> Instance:
        """A value that stands for a whole attribute (concise and simplified)."""
        if looks_like_geometry(value):
            return {"type": "GeoProperty", "value": check_geometry(value)}
        if iri in _PLACES and value != NULL:
            raise LingjingError("ngsild.geometry-kind", kind=str(value)[:100])
        return {"type": "Property", "value": read_value(value, self._nulls)}

    def _infer(self, value: dict[str, Any]) -> str:
        """The type of an instance that does not say it in so many words; empty for a value."""
        given = value.get("type", value.get("@type"))
        payloads = [name for name in _KINDS if name in value]
        if isinstance(given, str):
            iri = self._terms.expanded[given]
            if iri.startswith(CORE) and iri[len(CORE) :] in PAYLOADS:
                return iri[len(CORE) :]
        if given is not None:
            if payloads:
                raise LingjingError(
                    "ngsild.unknown-kind", Place(field="type"), kind=str(given)[:100]
                )
            return ""
        if not payloads:
            if not self._is_simplified and not value.keys().isdisjoint(_DETAILS):
                raise LingjingError("ngsild.no-payload", kind="Property", name="value")
            return ""
        kind = _KINDS[payloads[0]]
        if kind == "Property" and looks_like_geometry(value["value"]):
            return "GeoProperty"
        return kind

    def _members(self, value: dict[str, Any], kind: str, iri: str, depth: int) -> Instance:
        payload = PAYLOADS.get(kind)
        found: Instance = {"type": kind} if kind else {}
        nested: Attributes = {}
        for name, item in value.items():
            try:
                if name == payload:
                    found[name] = self._payload(kind, item)
                elif name in _RESERVED:
                    self._member(found, kind, name, item, iri)
                else:
                    sub = self._iri(name)
                    if depth >= MOST_NESTED_ATTRIBUTES:
                        raise LingjingError("ngsild.too-deep")
                    nested[sub] = self.attribute(item, sub, depth + 1)
            except LingjingError as error:
                raise within(error, name[:200]) from None
        if nested:
            found["attributes"] = nested
        if iri == PROOF and not isinstance(found.get("value", {}), dict):
            raise LingjingError("ngsild.member-no-object", Place(field="value"), name="value")
        return found

    def _payload(self, kind: str, item: Any) -> Any:
        if kind == "Property":
            return read_value(item, self._nulls)
        if kind == "GeoProperty":
            return null(self._nulls) if item == NULL else check_geometry(item)
        if kind == "VocabProperty":
            return read_vocab(item, self._nulls, self._terms)
        return _PAYLOAD_READERS[kind](item, self._nulls)

    def _member(self, found: Instance, kind: str, name: str, item: Any, iri: str) -> None:
        """A member of an instance that is neither its value nor an attribute of it."""
        if name in _IGNORED or name in ("type", "@type"):
            return
        if name == "@context":
            raise LingjingError("ngsild.embedded-context")
        if name in _OUTPUT_ONLY:
            raise LingjingError("ngsild.output-only", name=name)
        if name in ("observedAt", "expiresAt"):
            found[name] = read_instant(item, self._nulls)
        elif name == "datasetId":
            if item != "@none":
                found[name] = read_uri(item)
        elif name == "unitCode" and (not kind or kind in _WITH_UNIT):
            found[name] = self._text(item, name)
        elif name == "objectType" and (not kind or kind in _WITH_OBJECT_TYPE):
            found[name] = self._type_names(item, name)
        elif name == "valueType" and kind not in _WITH_OBJECT_TYPE:
            found[name] = (
                null(self._nulls) if item == NULL else read_value_type(item, self._terms, kind)
            )
        elif name in _SEALS and iri == PROOF:
            text = self._text(item, name)
            found[name] = self._terms.expanded[text] if name == "entityTypeSealed" else text
        else:
            raise LingjingError("ngsild.member-not-allowed", name=name, kind=kind or "?")

    def _text(self, item: Any, name: str) -> str:
        if not isinstance(item, str) or not item:
            raise LingjingError("ngsild.bad-string", name=name)
        return null(self._nulls) if item == NULL else item

    def _type_names(self, item: Any, name: str) -> Any:
        return null(self._nulls) if item == NULL else read_names(item, self._terms, name)

    def _are_instances(self, items: list[Any]) -> bool:
        """Whether a list holds instances of a multi-attribute rather than being one value."""
        marked = [self._is_instance(item) for item in items]
        if any(marked) and not all(marked):
            raise LingjingError("ngsild.mixed-list")
        return marked[0]

    def _is_instance(self, item: Any) -> bool:
        if item.__class__ is not dict:
            return False
        kind = item.get("type")
        if kind.__class__ is str and kind in PAYLOADS:
            return True
        if self._is_simplified:
            return False
        return any(name in item for name in _KINDS) or "datasetId" in item

    def _datasets(self, items: list[Any], iri: str, depth: int) -> Instances:
        found: Instances = {}
        for number, item in enumerate(items):
            try:
                instance = self.instance(item, iri, depth)
                dataset = instance.get("datasetId", "")
                if dataset in found:
                    raise LingjingError("ngsild.same-dataset", dataset=dataset or "@none")
                found[dataset] = instance
            except LingjingError as error:
                raise within(error, f"[{number}]") from None
        return found

    def _dataset_map(self, given: Any, iri: str, depth: int) -> Instances:
        """The simplified form of several datasets: `{"dataset": {datasetId: value}}` (4.5.5.3)."""
        if not isinstance(given, dict) or not given:
            raise LingjingError("ngsild.member-no-object", Place(field="dataset"), name="dataset")
        found: Instances = {}
        for name, value in given.items():
            try:
                instance = self.instance(value, iri, depth)
                if name != "@none":
                    instance["datasetId"] = read_uri(name)
                found[instance.get("datasetId", "")] = instance
            except LingjingError as error:
                raise within(error, f"dataset.{name[:200]}") from None
        return found


_PAYLOAD_READERS: Final[dict[str, Callable[[Any, Nulls], Any]]] = {
    "Relationship": read_object,
    "LanguageProperty": read_language_map,
    "JsonProperty": read_json_value,
    "ListProperty": read_value_list,
    "ListRelationship": read_object_list,
}


def _mapping(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise LingjingError("ngsild.not-an-object")
    return body


def _check_place(instance: Instance) -> None:
    """`location` and its like are GeoProperties (5.2.4)."""
    kind = instance["type"]
    if kind != "GeoProperty" and instance.get(PAYLOADS[kind]) != NULL:
        raise LingjingError("ngsild.geometry-kind", kind=kind)
