"""The interface described in OpenAPI 3.0."""

from __future__ import annotations

from typing import Any, Final

import lingjing
from lingjing.interfaces.http.ogc.asking import JSON as CQL2_JSON
from lingjing.interfaces.http.ogc.asking import LIMIT, MOST
from lingjing.interfaces.http.ogc.asking import TEXT as CQL2_TEXT
from lingjing.interfaces.http.ogc.describing import GEOJSON, HTML, JSON, OPENAPI, SCHEMA, text
from lingjing.interfaces.http.ogc.systems import CRS84, SYSTEMS
from lingjing.vocabulary import Locale

_ERROR: Final = {"$ref": "#/components/responses/Error"}


def described(base: str, collections: list[str], locale: Locale) -> dict[str, Any]:
    """The description.

    Args:
        base: Address of the landing page.
        collections: Ids of the collections there are.
        locale: Language of its texts.
    """
    chosen = {"type": "string", **({"enum": collections} if collections else {})}
    parameters = _parameters(chosen)
    one = [{"$ref": "#/components/parameters/collectionId"}]
    search = ["limit", "after", "bbox", "bbox-crs", "datetime", "crs", "filter", "filter-lang",
              "filter-crs"]  # fmt: skip
    return {
        "openapi": "3.0.3",
        "info": {
            "title": text("landing.title", locale),
            "description": text("landing.description", locale),
            "version": lingjing.__version__,
        },
        "servers": [{"url": base}],
        "paths": {
            "/": _path("landing", {JSON: {"type": "object"}}, locale),
            "/conformance": _path("conformance", {JSON: {"type": "object"}}, locale),
            "/api": _path("api", {OPENAPI: {"type": "object"}}, locale),
            "/collections": _path("collections", {JSON: {"type": "object"}}, locale),
            "/collections/{collectionId}": _path(
                "collection", {JSON: {"type": "object"}}, locale, one
            ),
            "/collections/{collectionId}/queryables": _path(
                "queryables", {SCHEMA: {"type": "object"}}, locale, one
            ),
            "/collections/{collectionId}/items": _path(
                "items",
                {GEOJSON: {"type": "object", "required": ["type", "features"]}},
                locale,
                [*one, *({"$ref": f"#/components/parameters/{name}"} for name in search)],
            ),
            "/collections/{collectionId}/items/{featureId}": _path(
                "feature",
                {GEOJSON: {"type": "object", "required": ["type", "id", "geometry"]}},
                locale,
                [
                    *one,
                    {"$ref": "#/components/parameters/featureId"},
                    {"$ref": "#/components/parameters/crs"},
                ],
            ),
        },
        "components": {
            "parameters": parameters,
            "responses": {
                "Error": {
                    "description": text("api.error", locale),
                    "content": {
                        JSON: {
                            "schema": {
                                "type": "object",
                                "required": ["code", "description"],
                                "properties": {
                                    "code": {"type": "string"},
                                    "description": {"type": "string"},
                                },
                            }
                        }
                    },
                }
            },
        },
    }


def _path(
    name: str,
    media: dict[str, dict[str, Any]],
    locale: Locale,
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": schema} for kind, schema in media.items()}
    content[HTML] = {"schema": {"type": "string"}}
    errors = {"400": _ERROR, **({"404": _ERROR} if parameters else {})}
    return {
        "get": {
            "operationId": name,
            "summary": text(f"api.{name}", locale),
            "parameters": [*(parameters or []), {"$ref": "#/components/parameters/f"}],
            "responses": {
                "200": {"description": text(f"api.{name}", locale), "content": content},
                **errors,
            },
        }
    }


def _parameters(collection: dict[str, Any]) -> dict[str, Any]:
    systems = {"type": "string", "format": "uri", "enum": list(SYSTEMS), "default": CRS84}
    numbers = {
        "type": "array",
        "items": {"type": "number"},
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    }
    queries: dict[str, dict[str, Any]] = {
        "f": {"schema": {"type": "string", "enum": ["json", "html"]}},
        "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}},
        "after": {"schema": {"type": "string"}},
        "bbox": {"schema": numbers},
        "bbox-crs": {"schema": systems},
        "datetime": {"schema": {"type": "string"}},
        "crs": {"schema": systems},
        "filter": {"schema": {"type": "string"}},
        "filter-lang": {
            "schema": {"type": "string", "enum": [CQL2_TEXT, CQL2_JSON], "default": CQL2_TEXT}
        },
        "filter-crs": {"schema": systems},
    }
    plain = {"style": "form", "explode": False}
    found = {
        name: {"name": name, "in": "query", "required": False, **plain, **told}
        for name, told in queries.items()
    }
    paths = {"collectionId": collection, "featureId": {"type": "string"}}
    return found | {
        name: {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in paths.items()
    }
