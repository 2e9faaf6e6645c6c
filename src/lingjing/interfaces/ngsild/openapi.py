"""The interface described for machines: OpenAPI 3.1, made from the table of its operations."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

import lingjing
from lingjing.interfaces.ngsild.requests import BASE, JSON, Answer, Request, Route
from lingjing.interfaces.ngsild.service import Service

Schema = dict[str, Any]

STANDARD: Final = "ETSI GS CIM 009 v1.9.1"
PROBLEM: Final = "application/json"

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_FLAG: Final[Schema] = {"type": "string", "enum": ["true", "false"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_DURATION: Final[Schema] = {"type": "string", "format": "duration"}
_URIS: Final[Schema] = {"type": "string", "minLength": 1, "description": "URI[,URI…]"}
_NAMES: Final[Schema] = {"type": "string", "minLength": 1, "description": "name[,name…]"}
_FORMATS: Final = ["normalized", "concise", "simplified", "keyValues"]

PARAMETERS: Final[dict[str, Schema]] = {
    "aggrMethods": _NAMES,
    "aggrPeriodDuration": _DURATION,
    "at": _INSTANT,
    "attrs": _NAMES,
    "collation": _TEXT,
    "containedBy": _URIS,
    "coordinates": _TEXT,
    "count": _FLAG,
    "csf": _TEXT,
    "datasetId": _URIS,
    "deleteAll": _FLAG,
    "details": _FLAG,
    "drop": _NAMES,
    "endTimeAt": _INSTANT,
    "entityMap": _FLAG,
    "entityMapLifetime": _DURATION,
    "expandValues": _NAMES,
    "format": {"type": "string", "enum": [*_FORMATS, "temporalValues", "aggregatedValues"]},
    "geometry": _TEXT,
    "geometryProperty": _TEXT,
    "geoproperty": _TEXT,
    "georel": _TEXT,
    "id": _URIS,
    "idPattern": {"type": "string", "minLength": 1, "format": "regex"},
    "join": {"type": "string", "enum": ["inline", "flat", "@none"]},
    "joinLevel": {"type": "integer", "minimum": 1},
    "jsonKeys": _NAMES,
    "keep": _NAMES,
    "kind": {"type": "string", "enum": ["Hosted", "Cached", "ImplicitlyCreated"]},
    "lang": _TEXT,
    "lastN": {"type": "integer", "minimum": 1},
    "limit": _COUNT,
    "local": _FLAG,
    "observedAt": _INSTANT,
    "offset": _COUNT,
    "omit": _NAMES,
    "options": _NAMES,
    "orderBy": _NAMES,
    "orderFrom": _TEXT,
    "orderGeometry": _TEXT,
    "pick": _NAMES,
    "q": _TEXT,
    "reload": _FLAG,
    "scopeQ": _TEXT,
    "splitEntities": _FLAG,
    "timeAt": _INSTANT,
    "timeproperty": {
        "type": "string",
        "enum": ["observedAt", "createdAt", "modifiedAt", "deletedAt"],
    },
    "timerel": {"type": "string", "enum": ["before", "after", "between"]},
    "type": _TEXT,
}
"""Query parameters of all operations, by name."""

_ATTRIBUTE: Final[Schema] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "type": _TEXT,
                "observedAt": _INSTANT,
                "unitCode": _TEXT,
                "datasetId": {"type": "string", "format": "uri"},
            },
        },
        {"type": "array"},
        {"type": "string"},
        {"type": "number"},
        {"type": "boolean"},
    ]
}
_TYPES: Final[Schema] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_CONTEXT: Final[Schema] = {"type": ["string", "object", "array"]}
_SCHEMAS: Final[dict[str, Schema]] = {
    "Entity": {
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "@context": _CONTEXT,
            "id": {"type": "string", "format": "uri"},
            "type": _TYPES,
            "scope": _TYPES,
            "expiresAt": _INSTANT,
        },
        "additionalProperties": _ATTRIBUTE,
    },
    "Fragment": {
        "type": "object",
        "properties": {"@context": _CONTEXT, "type": _TYPES, "scope": _TYPES},
        "additionalProperties": _ATTRIBUTE,
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "detail": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "what": {"type": "object", "additionalProperties": {"type": "string"}},
            "remedy": {"type": "object", "additionalProperties": {"type": "string"}},
            "field": {"type": "string"},
        },
    },
}
_BODIES: Final[dict[str, Schema]] = {
    "createEntity": {"$ref": "#/components/schemas/Entity"},
    "replaceEntity": {"$ref": "#/components/schemas/Entity"},
    **{
        name: {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/Entity"},
        }
        for name in ("createBatch", "upsertBatch", "updateBatch", "mergeBatch")
    },
    "deleteBatch": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "format": "uri"},
    },
}
"""Bodies by operation; the others are a fragment."""

_LISTING: Final = frozenset({"createBatch", "upsertBatch"})
"""Operations that answer with the ids of what they made."""

_PATH_NAME: Final = re.compile(r"\{(\w+)\}")
_HEADERS: Final[tuple[tuple[str, str], ...]] = (
    ("NGSILD-Tenant", "tenant"),
    ("NGSILD-Snapshot", "snapshot"),
    ("Link", "context"),
)


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The description of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.pattern, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lingjing 灵境 NGSI-LD",
            "version": lingjing.__version__,
            "description": STANDARD,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "parameters": {
                name: {"name": header, "in": "header", "schema": {"type": "string"}}
                for header, name in _HEADERS
            },
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"key": []}, {"bearer": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.operation,
        "summary": _summary(route),
        "tags": [route.clause.rpartition(".")[0] or route.clause],
        "x-clause": f"{STANDARD}, {route.clause}",
        "x-role": route.role,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route),
    }
    if route.consumes:
        schema = _BODIES.get(route.operation, {"$ref": "#/components/schemas/Fragment"})
        described["requestBody"] = {
            "required": True,
            "content": {media: {"schema": schema} for media in route.consumes},
        }
    return described


def _responses(route: Route) -> dict[str, Any]:
    """What may be answered; reading has content, writing has none unless part of it failed."""
    content: dict[str, Any] = {media: {"schema": {}} for media in route.produces}
    refused = {
        "description": "Refused, with the reason and the remedy.",
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if route.method == "GET" or route.clause.startswith("5.7"):
        return {"2XX": {"description": "Found.", "content": content}, "default": refused}
    made: dict[str, Any] = {"description": "Created."}
    if route.operation in _LISTING:
        made["content"] = {JSON: {"schema": {"type": "array", "items": _TEXT}}}
    return {
        "200": {"description": "Done.", "content": content},
        "201": made,
        "204": {"description": "Done."},
        "207": {"description": "Done in part.", "content": {JSON: {"schema": {"type": "object"}}}},
        "default": refused,
    }


def _summary(route: Route) -> str:
    """What the handler says of itself, else the name of the operation in words."""
    said = inspect.getdoc(route.handler)
    if said:
        return said.partition("\n")[0]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", route.operation)
    return f"{words[:1].upper()}{words[1:].lower()} ({route.clause})."


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in _PATH_NAME.findall(route.pattern)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": False, "schema": PARAMETERS.get(name, _TEXT)}
        for name in sorted(route.parameters | ({"at"} if route.role == "read" else set()))
    ]


def _headers(route: Route) -> list[dict[str, str]]:
    names = [name for _, name in _HEADERS if route.is_branched or name != "snapshot"]
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def with_description(routes: Iterable[Route]) -> tuple[Route, ...]:
    """The operations, and the one that describes them all, itself included."""
    own: list[Route] = []

    @functools.cache
    def written() -> bytes:
        return msgspec.json.encode(describe(own))

    async def description(service: Service, request: Request) -> Answer:
        """The description of the interface (OpenAPI 3.1)."""
        del service, request
        return Answer(200, written(), [(b"content-type", JSON.encode())])

    own += [
        *routes,
        Route(
            method="GET",
            pattern="/openapi.json",
            handler=description,
            operation="describeInterface",
            clause="6.1",
            produces=(JSON,),
            is_branched=False,
        ),
    ]
    return tuple(own)
