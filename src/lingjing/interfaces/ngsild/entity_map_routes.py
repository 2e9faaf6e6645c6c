"""Entity maps over HTTP: make one of a query, look at it, keep it longer, let it go (5.14)."""

from __future__ import annotations

from typing import Final

from lingjing.interfaces.ngsild import consumption, entity_maps
from lingjing.interfaces.ngsild.asked import bad
from lingjing.interfaces.ngsild.entity_maps import EntityMap, map_header, no_map
from lingjing.interfaces.ngsild.query_parameters import ENTITY_QUERY_PARAMETERS, entity_query
from lingjing.interfaces.ngsild.reading_members import is_uri, read_instant
from lingjing.interfaces.ngsild.requests import (
    BODIES,
    PATCH_BODIES,
    Answer,
    Request,
    Route,
    content,
    done,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.temporal_consumption import matching_ids, temporal_query_of
from lingjing.interfaces.ngsild.temporal_parameters import QUERY_PARAMETERS
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import micros
from lingjing.twin.ledger import TRUNK, Job
from lingjing.vocabulary import LingjingError


async def make_entity_map(service: Service, request: Request) -> Answer:
    """An entity map of a query of entities (5.14.4)."""
    terms = await request.terms()
    query = await entity_query(request, terms)
    ids = await consumption.find_ids(service, request, query)
    made = await entity_maps.make_map(service, request, ids, query.map_lifetime)
    return _answer(request, terms, made, 201)


async def make_temporal_map(service: Service, request: Request) -> Answer:
    """An entity map of a query of evolutions (5.14.5)."""
    terms = await request.terms()
    query, times = temporal_query_of(request, terms)
    ids = await service.read_long(matching_ids, service.ledger, request.branch, query, times)
    made = await entity_maps.make_map(service, request, ids, query.map_lifetime)
    return _answer(request, terms, made, 201)


def _answer(request: Request, terms: Terms, found: EntityMap, status: int) -> Answer:
    headers = [map_header(found)]
    if status == 201:
        headers.append((b"location", found.address.encode("ascii")))
    return content(request, terms, found.shown(), status, headers)


async def retrieve_entity_map(service: Service, request: Request) -> Answer:
    """An entity map (5.14.1)."""
    identifier = _identifier(request)
    terms = await request.terms()
    found = await entity_maps.living_map(service, request, identifier)
    if found is None:
        raise no_map(identifier)
    return content(request, terms, found.shown())


async def update_entity_map(service: Service, request: Request) -> Answer:
    """The end of an entity map moved; what only the broker sets is not looked at (5.14.2)."""
    identifier = _identifier(request)
    await request.terms()
    body = request.json()
    if not isinstance(body, dict):
        raise LingjingError("ngsild.not-an-object")
    if body.get("type", "EntityMap") != "EntityMap":
        raise bad("type", body["type"], "EntityMap")
    expires_us = micros(read_instant(body["expiresAt"])) if "expiresAt" in body else None
    trunk = service.ledger.branch(request.tenant, TRUNK)
    await service.write(
        Job(trunk, (), lambda desk: entity_maps.expire(desk, identifier, expires_us))
    )
    return done()


async def delete_entity_map(service: Service, request: Request) -> Answer:
    """An entity map let go (5.14.3)."""
    identifier = _identifier(request)
    trunk = service.ledger.branch(request.tenant, TRUNK)
    await service.write(Job(trunk, (), lambda desk: entity_maps.remove(desk, identifier)))
    return done()


def _identifier(request: Request) -> str:
    identifier = request.parts["id"]
    if not is_uri(identifier):
        raise LingjingError("ngsild.bad-id", id=identifier[:300])
    return identifier


_MAP: Final = "/entityMaps/{id}"

ROUTES: Final = (
    Route(
        method="GET",
        pattern="/entityMaps",
        handler=make_entity_map,
        operation="createEntityMap",
        clause="5.14.4",
        parameters=ENTITY_QUERY_PARAMETERS,
    ),
    Route(
        method="POST",
        pattern="/entityMaps",
        handler=make_entity_map,
        operation="createEntityMapByPost",
        clause="5.14.4",
        parameters=ENTITY_QUERY_PARAMETERS,
        consumes=BODIES,
    ),
    Route(
        method="GET",
        pattern="/temporal/entityMaps",
        handler=make_temporal_map,
        operation="createTemporalEntityMap",
        clause="5.14.5",
        parameters=QUERY_PARAMETERS,
    ),
    Route(
        method="POST",
        pattern="/temporal/entityMaps",
        handler=make_temporal_map,
        operation="createTemporalEntityMapByPost",
        clause="5.14.5",
        parameters=QUERY_PARAMETERS,
        consumes=BODIES,
    ),
    Route(
        method="GET",
        pattern=_MAP,
        handler=retrieve_entity_map,
        operation="retrieveEntityMap",
        clause="5.14.1",
    ),
    Route(
        method="PATCH",
        pattern=_MAP,
        handler=update_entity_map,
        operation="updateEntityMap",
        clause="5.14.2",
        consumes=PATCH_BODIES,
    ),
    Route(
        method="DELETE",
        pattern=_MAP,
        handler=delete_entity_map,
        operation="deleteEntityMap",
        clause="5.14.3",
    ),
)
