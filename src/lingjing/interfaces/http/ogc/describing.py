"""What the interface says of itself: landing page, conformance, collections, queryables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lingjing.interfaces.http.ogc.systems import CRS84, SYSTEMS
from lingjing.interfaces.http.ogc.tables import INFERRED, OBSERVED_AT, SYNTHETIC, queryables
from lingjing.twin.contract import Store
from lingjing.twin.entities import District
from lingjing.vocabulary import (
    LingjingError,
    Locale,
    Quantity,
    attribute_word,
    catalogue,
    kinds,
    units,
)

OGC: Final = "/ogc"
GEOJSON: Final = "application/geo+json"
JSON: Final = "application/json"
SCHEMA: Final = "application/schema+json"
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.0"
HTML: Final = "text/html"
_FEATURES: Final = "http://www.opengis.net/spec/ogcapi-features-"
_CQL2: Final = "http://www.opengis.net/spec/cql2/1.0/conf/"
CONFORMANCE: Final = (
    *(f"{_FEATURES}1/1.0/conf/{name}" for name in ("core", "geojson", "html", "oas30")),
    f"{_FEATURES}2/1.0/conf/crs",
    *(
        f"{_FEATURES}3/1.0/conf/{name}"
        for name in ("filter", "features-filter", "queryables", "queryables-query-parameters")
    ),
    *(
        f"{_CQL2}{name}"
        for name in (
            "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators",
            "case-insensitive-comparison", "accent-insensitive-comparison",
            "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions",
            "temporal-functions", "property-property", "arithmetic",
        )
    ),
)  # fmt: skip
_GEOMETRY: Final = {"point": "geometry-point", "line": "geometry-any", "polygon": "geometry-any"}


@dataclass(frozen=True)
class Collection:
    """A kind of a district."""

    district: District
    kind: str

    @property
    def id(self) -> str:
        """`DISTRICT.KIND`."""
        return f"{self.district.name}.{self.kind}"

    def title(self, locale: Locale) -> str:
        """For people."""
        district = {"zh-CN": self.district.title_zh, "en": self.district.title_en}[locale]
        kind = {"zh-CN": kinds()[self.kind].title_zh, "en": kinds()[self.kind].title_en}[locale]
        return f"{district} · {kind}"


def text(key: str, locale: Locale, **values: object) -> str:
    """A sentence for people."""
    return catalogue("lingjing.interfaces.http.ogc").text(key, locale, **values)


def collections(store: Store) -> Iterator[Collection]:
    """All collections that hold anything."""
    for district in store.districts():
        for kind in store.counts(district.name):
            yield Collection(district, kind)


def collection_of(store: Store, collection_id: str) -> Collection:
    """The collection of that id.

    Raises:
        LingjingError: `ogc.no-collection`.
    """
    name, _, kind = collection_id.rpartition(".")
    if kind in kinds():
        for district in store.districts():
            if district.name == name:
                return Collection(district, kind)
    raise LingjingError("ogc.no-collection", id=collection_id[:80])


def link(href: str, rel: str, media: str, title: str = "") -> dict[str, str]:
    """A link."""
    made = {"href": href, "rel": rel, "type": media}
    return {**made, "title": title} if title else made


def landing(base: str, locale: Locale) -> dict[str, Any]:
    """The first page."""
    return {
        "title": text("landing.title", locale),
        "description": text("landing.description", locale),
        "links": [
            link(base, "self", JSON),
            link(f"{base}?f=html", "alternate", HTML),
            link(f"{base}/api", "service-desc", OPENAPI, text("landing.api", locale)),
            link(f"{base}/api?f=html", "service-doc", HTML, text("landing.api", locale)),
            link(f"{base}/conformance", "conformance", JSON, text("landing.conformance", locale)),
            link(f"{base}/collections", "data", JSON, text("landing.collections", locale)),
        ],
    }


def collection_content(
    store: Store, collection: Collection, base: str, locale: Locale
) -> dict[str, Any]:
    """A collection as the standard describes one."""
    district, here = collection.district, f"{base}/collections/{collection.id}"
    imported = [item.imported_at for item in store.sources(district.name)]
    credited = dict.fromkeys(
        filter(None, (item.attribution for item in store.sources(district.name)))
    )
    content: dict[str, Any] = {
        "id": collection.id,
        "title": collection.title(locale),
        "description": text(
            "collection.synthetic" if district.synthetic else "collection.description",
            locale,
            credits="; ".join(credited) or "—",
        ),
        "itemType": "feature",
        "extent": {
            "spatial": {"bbox": [list(district.bounds)], "crs": CRS84},
            "temporal": {
                "interval": [[min(imported, default=None), None]],
                "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian",
            },
        },
        "crs": list(SYSTEMS),
        "storageCrs": CRS84,
        "links": [
            link(here, "self", JSON),
            link(f"{here}?f=html", "alternate", HTML),
            link(f"{here}/items", "items", GEOJSON, text("collection.items", locale)),
            link(f"{here}/items?f=html", "items", HTML, text("collection.items", locale)),
            link(
                f"{here}/queryables",
                "http://www.opengis.net/def/rel/ogc/1.0/queryables",
                SCHEMA,
                text("collection.queryables", locale),
            ),
        ],
    }
    return content


def queryables_content(
    collection: Collection, relationships: Any, base: str, locale: Locale
) -> dict[str, Any]:
    """The properties that filters may name, as a JSON schema."""
    shape = _GEOMETRY[kinds()[collection.kind].geometry]
    properties: dict[str, Any] = {"geometry": {"format": shape, "x-ogc-role": "primary-geometry"}}
    for name in queryables(collection.kind, relationships):
        properties[name] = _property(name, relationships, locale)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{base}/collections/{collection.id}/queryables",
        "type": "object",
        "title": collection.title(locale),
        "properties": properties,
        "additionalProperties": False,
    }


def _property(name: str, relationships: Any, locale: Locale) -> dict[str, Any]:
    if name in ("id", INFERRED, SYNTHETIC, OBSERVED_AT):
        told = {"title": text(f"property.{name}", locale)}
        if name == SYNTHETIC:
            return {"type": "boolean", **told}
        return {
            "type": "string",
            **({"format": "date-time"} if name == OBSERVED_AT else {}),
            **told,
        }
    if name in relationships:
        return {"type": "string", "title": text("property.relationship", locale, name=name)}
    word = attribute_word(name)
    title = {"zh-CN": word.title_zh, "en": word.title_en}[locale]
    if isinstance(word, Quantity):
        meaning = {"zh-CN": word.meaning_zh, "en": word.meaning}[locale]
        sign = units()[word.unit].sign
        unit = {"x-ogc-unit": sign} if sign not in ("", "1") else {}
        return {"type": "number", "title": title, "description": meaning, **unit}
    if word.type == "flag":
        return {"type": "boolean", "title": title}
    choices = {"enum": list(word.choices)} if word.type == "choice" else {}
    return {"type": "string", "title": title, **choices}
