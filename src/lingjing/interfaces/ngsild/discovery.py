"""Which entity types and attributes there are (5.7.5 to 5.7.10), and who answers (5.15.1)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from lingjing.interfaces.ngsild.requests import Answer, Request, Route, content
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import AttributeUse
from lingjing.vocabulary import LingjingError

_started_ns: Final = time.monotonic_ns()


def _list_id(kind: str, names: Iterable[str]) -> str:
    """An id that is the same while the list is."""
    return f"urn:ngsi-ld:{kind}:{uuid5(NAMESPACE_URL, ' '.join(names))}"


async def list_types(service: Service, request: Request) -> Answer:
    """Entity types in use (5.7.5), or each with its attributes (5.7.6)."""
    terms = await request.terms()
    branch = request.branch
    if request.flag("details"):
        uses = await service.read_long(service.ledger.attribute_uses, branch)
        types = await service.read(service.ledger.types, branch)
        described = [
            {
                "id": iri,
                "type": "EntityType",
                "typeName": terms.compact(iri),
                "attributeNames": [
                    terms.compact(use.attribute) for use in uses if iri in use.entity_types
                ],
            }
            for iri in types
        ]
        return content(request, terms, described, headers=_count(request, len(described)))
    types = await service.read(service.ledger.types, branch)
    body = {
        "id": _list_id("EntityTypeList", types),
        "type": "EntityTypeList",
        "typeList": [terms.compact(iri) for iri in types],
    }
    return content(request, terms, body, headers=_count(request, len(types)))


async def describe_type(service: Service, request: Request) -> Answer:
    """One entity type: how many entities, which attributes (5.7.7)."""
    terms = await request.terms()
    iri = terms.expand(request.parts["type"])
    count = (await service.read(service.ledger.types, request.branch)).get(iri)
    if count is None:
        raise LingjingError("ngsild.no-type", name=request.parts["type"][:300])
    uses = await service.read_long(service.ledger.attribute_uses, request.branch, (iri,))
    body = {
        "id": iri,
        "type": "EntityTypeInfo",
        "typeName": terms.compact(iri),
        "entityCount": count,
        "attributeDetails": [
            {
                "id": use.attribute,
                "type": "Attribute",
                "attributeName": terms.compact(use.attribute),
                "attributeTypes": list(use.instance_types),
            }
            for use in uses
        ],
    }
    return content(request, terms, body)


async def list_attributes(service: Service, request: Request) -> Answer:
    """Attributes in use (5.7.8), or each with the types that have it (5.7.9)."""
    terms = await request.terms()
    uses = await service.read_long(service.ledger.attribute_uses, request.branch)
    if request.flag("details"):
        described = [
            {
                "id": use.attribute,
                "type": "Attribute",
                "attributeName": terms.compact(use.attribute),
                "typeNames": [terms.compact(iri) for iri in use.entity_types],
            }
            for use in uses
        ]
        return content(request, terms, described, headers=_count(request, len(uses)))
    body = {
        "id": _list_id("AttributeList", (use.attribute for use in uses)),
        "type": "AttributeList",
        "attributeList": [terms.compact(use.attribute) for use in uses],
    }
    return content(request, terms, body, headers=_count(request, len(uses)))


async def describe_attribute(service: Service, request: Request) -> Answer:
    """One attribute: how often, as what, and of which types (5.7.10)."""
    terms = await request.terms()
    name = request.parts["attribute"]
    iri = terms.expand(name)
    uses = await service.read_long(service.ledger.attribute_uses, request.branch)
    use = _use_of(uses, iri)
    if use is None:
        raise LingjingError("ngsild.no-attribute-in-use", name=name[:300])
    return content(request, terms, _description(use, terms))


def _use_of(uses: Iterable[AttributeUse], iri: str) -> AttributeUse | None:
    return next((use for use in uses if use.attribute == iri), None)


def _description(use: AttributeUse, terms: Terms) -> dict[str, Any]:
    return {
        "id": use.attribute,
        "type": "Attribute",
        "attributeName": terms.compact(use.attribute),
        "attributeCount": use.count,
        "attributeTypes": list(use.instance_types),
        "typeNames": [terms.compact(iri) for iri in use.entity_types],
    }


def _count(request: Request, total: int) -> list[tuple[bytes, bytes]]:
    return [(b"ngsild-results-count", b"%d" % total)] if request.flag("count") else []


async def identity(service: Service, request: Request) -> Answer:
    """Who answers: an alias for each tenant, and since when (5.15.1)."""
    terms = await request.terms()
    name = f"{service.identity} {request.tenant}".encode()
    now_us = time.time_ns() // 1000
    seconds = (time.monotonic_ns() - _started_ns) // 1_000_000_000
    body = {
        "id": f"urn:ngsi-ld:ContextSourceIdentity:{service.identity}",
        "type": "ContextSourceIdentity",
        "contextSourceAlias": f"lingjing-{hashlib.sha256(name).hexdigest()[:16]}",
        "contextSourceUptime": f"PT{seconds}S",
        "contextSourceTimeAt": instant_text(now_us),
    }
    return content(request, terms, body)


_LISTED: Final = frozenset({"details", "local", "count"})
_LOCAL: Final = frozenset({"local"})

ROUTES: Final = (
    Route(
        method="GET",
        pattern="/types",
        handler=list_types,
        operation="listTypes",
        clause="5.7.5",
        parameters=_LISTED,
    ),
    Route(
        method="GET",
        pattern="/types/{type}",
        handler=describe_type,
        operation="describeType",
        clause="5.7.7",
        parameters=_LOCAL,
    ),
    Route(
        method="GET",
        pattern="/attributes",
        handler=list_attributes,
        operation="listAttributes",
        clause="5.7.8",
        parameters=_LISTED,
    ),
    Route(
        method="GET",
        pattern="/attributes/{attribute}",
        handler=describe_attribute,
        operation="describeAttribute",
        clause="5.7.10",
        parameters=_LOCAL,
    ),
    Route(
        method="GET",
        pattern="/info/sourceIdentity",
        handler=identity,
        operation="retrieveSourceIdentity",
        clause="5.15.1",
        parameters=_LOCAL,
        is_branched=False,
    ),
)
