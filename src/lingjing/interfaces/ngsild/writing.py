"""Writing NGSI-LD: documents to the representations that clause 4.5 describes.

What is given back is plain Python to be encoded; the documents it was made from must not change
(they never do), since values are shared with them.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from lingjing.interfaces.ngsild.geometry import GEOMETRIES, looks_like_geometry
from lingjing.interfaces.ngsild.languages import choose_language, reduced_map
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import LOCATION, PAYLOADS, Document, Instance

Form = Literal["normalized", "concise", "simplified"]
Fetch = Callable[[list[str]], Awaitable[Mapping[str, Document]]]

HEAD: Final = ("id", "type", "scope", "createdAt", "modifiedAt", "expiresAt", "deletedAt")
"""Members of an entity that are no attributes; in projections they stand for themselves."""

_HIDDEN: Final = ("createdAt", "modifiedAt", "expiresAt", "deletedAt")
_HIDDEN_OF_INSTANCE: Final = ("createdAt", "modifiedAt", "expiresAt")
_WRAPPED: Final = frozenset({"LanguageProperty", "VocabProperty", "JsonProperty"})
_RELATIONSHIPS: Final = frozenset({"Relationship", "ListRelationship"})
_CAREFUL: Final = frozenset({"VocabProperty", "ListRelationship", "Relationship"})
_CONFUSING: Final = frozenset(PAYLOADS.values()) | {
    "type", "@type", "observedAt", "unitCode", "datasetId", "expiresAt", "objectType", "valueType",
    "dataset",
}  # fmt: skip


class Projection(msgspec.Struct, frozen=True):
    """Which members of an entity, and of the entities it leads to, are picked or left out (4.21).

    Attributes:
        members: IRIs of attributes, and names of `HEAD`.
        linked: IRI of a relationship → the projection of the entities it leads to.
    """

    members: frozenset[str]
    linked: tuple[tuple[str, Projection], ...] = ()

    def beyond(self, attribute: str) -> Projection | None:
        """The projection of entities that a relationship leads to."""
        for name, projection in self.linked:
            if name == attribute:
                return projection
        return None


class Representation(msgspec.Struct, frozen=True, kw_only=True):
    """How entities are to be written.

    Attributes:
        form: Normalized (4.5.1), concise (4.5.2.3), or simplified (4.5.4).
        has_times: Whether `createdAt`, `modifiedAt` and `expiresAt` are wanted (`sysAttrs`).
        language: A language filter as in `Accept-Language` (4.15); empty for all languages.
        attributes: IRIs of the only attributes wanted (`attrs`); None for all.
        pick: The only members wanted; None for all.
        omit: Members that are not wanted.
        datasets: The only datasets wanted, the default one being empty; None for all.
    """

    form: Form = "normalized"
    has_times: bool = False
    language: str = ""
    attributes: frozenset[str] | None = None
    pick: Projection | None = None
    omit: Projection | None = None
    datasets: frozenset[str] | None = None


NORMALIZED: Final = Representation()


class Writer:
    """Writes entities in one representation under one @context. Keep it: making one costs more
    than using it (see `writer`)."""

    def __init__(self, terms: Terms, representation: Representation = NORMALIZED) -> None:
        self._names = terms.compacted
        self._terms = terms
        self._form = representation
        self._has_times = representation.has_times
        self._language = representation.language
        self._datasets = representation.datasets
        pick, omit = representation.pick, representation.omit
        wanted = representation.attributes
        if pick is not None:
            wanted = pick.members if wanted is None else pick.members & wanted
        self._wanted = wanted
        self._unwanted: frozenset[str] = frozenset()
        if omit is not None:
            # `rel{…}` leaves out members of what it leads to, not the relationship itself
            self._unwanted = omit.members - {name for name, _ in omit.linked}
        head = [name for name in HEAD if self._shows(name, pick)]
        self._head = tuple(head)
        self._is_plain_head = head[:3] == ["id", "type", "scope"]
        self._one: Callable[[Instance], Any] = {
            "normalized": self._normalized,
            "concise": self._concise,
            "simplified": self._simplified,
        }[representation.form]

    def _shows(self, name: str, pick: Projection | None) -> bool:
        if name in _HIDDEN and not self._has_times:
            return False
        return name not in self._unwanted and (pick is None or name in pick.members)

    def entity(
        self,
        document: Document,
        linked: Mapping[str, Document] | None = None,
        level: int = 0,
    ) -> dict[str, Any]:
        """An entity.

        Args:
            document: What is written.
            linked: Entities by id that relationships may lead to, to be written inside it.
            level: How many relationships deep that goes on.
        """
        written = self._head_of(document)
        names, wanted, unwanted = self._names, self._wanted, self._unwanted
        one, datasets_wanted = self._one, self._datasets
        for iri, datasets in document["attributes"].items():
            if (wanted is not None and iri not in wanted) or iri in unwanted:
                continue
            if datasets_wanted is not None:
                datasets = {  # noqa: PLW2901
                    name: item for name, item in datasets.items() if name in datasets_wanted
                }
                if not datasets:
                    continue
            if len(datasets) == 1 and not (linked and level):
                for instance in datasets.values():
                    written[names[iri]] = one(instance)
                if "" not in datasets and self._form.form == "simplified":
                    written[names[iri]] = self._several(datasets)
            elif linked and level:
                written[names[iri]] = self._joined(iri, datasets, linked, level)
            else:
                written[names[iri]] = self._several(datasets)
        return written

    def entities(self, documents: Iterable[Document]) -> list[dict[str, Any]]:
        """Several entities."""
        return [self.entity(document) for document in documents]

    def attribute(self, datasets: Mapping[str, Instance]) -> Any:
        """One attribute by itself."""
        if len(datasets) == 1 and not (self._form.form == "simplified" and "" not in datasets):
            return self._one(next(iter(datasets.values())))
        return self._several(datasets)

    def instance(self, instance: Instance) -> Any:
        """One instance of an attribute."""
        return self._one(instance)

    def simplified(self, instance: Instance) -> Any:
        """The value of an instance alone, as the simplified form has it."""
        return self._simplified(instance)

    def types(self, document: Document) -> Any:
        """The types of an entity, as they are written."""
        types = document["type"]
        if len(types) == 1:
            return self._names[types[0]]
        return [self._names[iri] for iri in types]

    def feature(
        self, document: Document, geometry_property: str = LOCATION, dataset: str = ""
    ) -> dict[str, Any]:
        """A GeoJSON Feature (4.5.16, 4.5.17); the geometry is null where the entity has none.

        Args:
            document: What is written.
            geometry_property: IRI of the GeoProperty that gives the geometry.
            dataset: The instance of it; empty for the default one.
        """
        instance = document["attributes"].get(geometry_property, {}).get(dataset)
        geometry = None
        if instance is not None and instance["type"] == "GeoProperty":
            value = instance.get("value")
            if isinstance(value, dict) and value.get("type") in GEOMETRIES:
                geometry = value
        properties = self.entity(document)
        properties.pop("id", None)
        return {
            "id": document["id"],
            "type": "Feature",
            "geometry": geometry,
            "properties": properties,
        }

    def beyond(self, attribute: str) -> Writer:
        """The writer of entities that a relationship leads to: projections move one step on."""
        form = self._form
        if form.pick is None and form.omit is None and form.attributes is None:
            return self
        pick = form.pick.beyond(attribute) if form.pick is not None else None
        omit = form.omit.beyond(attribute) if form.omit is not None else None
        inner = msgspec.structs.replace(form, attributes=None, pick=pick, omit=omit)
        return writer(self._terms, inner)

    def leads_to(self, document: Document) -> Iterable[tuple[str, str]]:
        """Relationships that are written, as (attribute, object), in order."""
        for iri, datasets in document["attributes"].items():
            if (self._wanted is not None and iri not in self._wanted) or iri in self._unwanted:
                continue
            for instance in datasets.values():
                for target in objects_of(instance):
                    yield iri, target

    def _head_of(self, document: Document) -> dict[str, Any]:
        if self._is_plain_head:
            types = document["type"]
            written: dict[str, Any] = {
                "id": document["id"],
                "type": self._names[types[0]] if len(types) == 1 else self.types(document),
            }
            if "scope" in document:
                scopes = document["scope"]
                written["scope"] = scopes[0] if len(scopes) == 1 else scopes
            if not self._has_times:
                return written
            rest = self._head[3:]
        else:
            written, rest = {}, self._head
        for name in rest:
            if name == "type":
                written[name] = self.types(document)
            elif name in document:
                value = document[name]
                written[name] = value[0] if name == "scope" and len(value) == 1 else value
        return written

    def _several(self, datasets: Mapping[str, Instance]) -> Any:
        if self._form.form == "simplified":
            return {
                "dataset": {
                    name or "@none": self._simplified(item) for name, item in datasets.items()
                }
            }
        return [
            item if isinstance(item, dict) else {"value": item}
            for item in map(self._one, datasets.values())
        ]

    def _joined(
        self,
        iri: str,
        datasets: Mapping[str, Instance],
        linked: Mapping[str, Document],
        level: int,
    ) -> Any:
        """An attribute with the entities it leads to written inside (4.5.23)."""
        beyond = self.beyond(iri)
        written: dict[str, Any] = {}
        for name, instance in datasets.items():
            one = self._one(instance)
            targets = [linked.get(target) for target in objects_of(instance)]
            found = [
                beyond.entity(target, linked, level - 1) for target in targets if target is not None
            ]
            if found and len(found) == len(targets):
                is_list = instance["type"] == "ListRelationship" or len(targets) > 1
                if self._form.form == "simplified":
                    one = found if is_list else found[0]
                elif is_list:
                    one["entityList"] = found
                else:
                    one["entity"] = found[0]
            written[name] = one
        if len(written) == 1 and not (self._form.form == "simplified" and "" not in written):
            return next(iter(written.values()))
        if self._form.form == "simplified":
            return {"dataset": {name or "@none": item for name, item in written.items()}}
        return [item if isinstance(item, dict) else {"value": item} for item in written.values()]

    def _normalized(self, instance: Instance) -> dict[str, Any]:
        written = instance.copy()
        if not self._has_times:
            for name in _HIDDEN_OF_INSTANCE:
                written.pop(name, None)
        kind = written["type"]
        if kind in _CAREFUL:
            self._rename(written, kind)
        elif kind == "LanguageProperty" and self._language:
            self._reduce(written)
        if "valueType" in written:
            written["valueType"] = self._compacted(written["valueType"])
        if "entityTypeSealed" in written:
            written["entityTypeSealed"] = self._compacted(written["entityTypeSealed"])
        nested = written.pop("attributes", None)
        if nested:
            for iri, datasets in nested.items():
                written[self._names[iri]] = self.attribute(datasets)
        return written

    def _rename(self, written: dict[str, Any], kind: str) -> None:
        """Compact the names in a value, and give lists of objects their written form."""
        if kind == "VocabProperty":
            if "vocab" in written:
                written["vocab"] = self._compacted(written["vocab"])
            return
        if "objectType" in written:
            written["objectType"] = self._compacted(written["objectType"])
        if kind == "ListRelationship" and self._form.form == "normalized":
            objects = written.get("objectList")
            if isinstance(objects, list):
                written["objectList"] = [{"object": item} for item in objects]

    def _reduce(self, written: dict[str, Any]) -> None:
        """Leave one language of a LanguageProperty (4.15)."""
        texts = written.get("languageMap")
        if isinstance(texts, dict):
            tag = choose_language(self._language, tuple(texts))
            del written["languageMap"]
            written["type"] = "Property"
            written["value"] = texts[tag]
            written["lang"] = tag

    def _concise(self, instance: Instance) -> Any:
        written = self._normalized(instance)
        kind = written["type"]
        if kind not in ("Property", "GeoProperty"):
            del written["type"]
            return written
        value = written.get("value")
        if kind == "Property" and looks_like_geometry(value):
            return written
        del written["type"]
        if len(written) == 1 and "value" in written and not _is_confusing(kind, value):
            return value
        return written

    def _simplified(self, instance: Instance) -> Any:
        kind = instance["type"]
        value = instance.get(PAYLOADS[kind])
        if kind not in _WRAPPED:
            return value
        if kind == "VocabProperty":
            return {"vocab": self._compacted(value)}
        if kind == "LanguageProperty" and self._language and isinstance(value, dict):
            return reduced_map(self._language, value)
        return {PAYLOADS[kind]: value}

    def _compacted(self, value: Any) -> Any:
        return self._terms.compact_vocab(value)


@functools.lru_cache(maxsize=512)
def writer(terms: Terms, representation: Representation = NORMALIZED) -> Writer:
    """The writer for an @context and a representation; kept for the next time."""
    return Writer(terms, representation)


def write_entity(
    document: Document, terms: Terms, representation: Representation = NORMALIZED
) -> dict[str, Any]:
    """An entity in a representation, ready to be encoded."""
    return writer(terms, representation).entity(document)


def write_feature(
    document: Document,
    terms: Terms,
    representation: Representation = NORMALIZED,
    *,
    geometry_property: str = LOCATION,
    dataset: str = "",
    has_context: bool = True,
) -> dict[str, Any]:
    """An entity as a GeoJSON Feature; `has_context` puts the @context inside (6.3.6)."""
    feature = writer(terms, representation).feature(document, geometry_property, dataset)
    if has_context:
        feature["@context"] = terms.body
    return feature


def write_features(
    documents: Iterable[Document],
    terms: Terms,
    representation: Representation = NORMALIZED,
    *,
    geometry_property: str = LOCATION,
    dataset: str = "",
    has_context: bool = True,
) -> dict[str, Any]:
    """Entities as a GeoJSON FeatureCollection."""
    one = writer(terms, representation)
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [one.feature(document, geometry_property, dataset) for document in documents],
    }
    if has_context:
        collection["@context"] = terms.body
    return collection


def objects_of(instance: Instance) -> list[str]:
    """Ids that a Relationship or ListRelationship leads to; none for anything else."""
    kind = instance["type"]
    if kind not in _RELATIONSHIPS:
        return []
    value = instance.get(PAYLOADS[kind])
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, list) else []


async def linked_documents(
    documents: Sequence[Document],
    terms: Terms,
    representation: Representation,
    level: int,
    fetch: Fetch,
    without: Iterable[str] = (),
) -> dict[str, Document]:
    """Entities that relationships lead to, step by step, each once, in the order they were met.

    Args:
        documents: Where to begin.
        terms: The @context in force.
        representation: Relationships that it leaves out are not followed.
        level: How many steps to go.
        fetch: Gives the entities that exist, by id.
        without: Ids that are not to be fetched (`containedBy`).
    """
    found: dict[str, Document] = {}
    avoided = {*without, *(document["id"] for document in documents)}
    front = [(document, writer(terms, representation)) for document in documents]
    for _ in range(level):
        wanted: dict[str, Writer] = {}
        for document, one in front:
            for attribute, target in one.leads_to(document):
                if target not in avoided and target not in found:
                    wanted.setdefault(target, one.beyond(attribute))
        if not wanted:
            break
        records = await fetch(list(wanted))
        front = [(records[name], one) for name, one in wanted.items() if name in records]
        found.update((document["id"], document) for document, _ in front)
    return found


def write_flat(
    documents: Sequence[Document],
    linked: Mapping[str, Document],
    terms: Terms,
    representation: Representation,
) -> list[dict[str, Any]]:
    """Entities followed by those they lead to, each written once (join `flat`)."""
    first = writer(terms, representation)
    written = first.entities(documents)
    writers: dict[str, Writer] = {}
    front: list[tuple[Document, Writer]] = [(document, first) for document in documents]
    while front:
        following: list[tuple[Document, Writer]] = []
        for document, one in front:
            for attribute, target in one.leads_to(document):
                if target in linked and target not in writers:
                    writers[target] = one.beyond(attribute)
                    following.append((linked[target], writers[target]))
        front = following
    written.extend(writers.get(name, first).entity(document) for name, document in linked.items())
    return written


def _is_confusing(kind: str, value: Any) -> bool:
    """Whether a value standing alone would be read as something else."""
    if kind == "GeoProperty":
        return not isinstance(value, dict)
    if isinstance(value, dict):
        return not value.keys().isdisjoint(_CONFUSING)
    if isinstance(value, list):
        return any(
            isinstance(item, dict) and not item.keys().isdisjoint(_CONFUSING) for item in value
        )
    return False
