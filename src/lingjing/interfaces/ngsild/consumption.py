"""Reading entities: retrieve one, query many (5.7.1, 5.7.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from lingjing.interfaces.ngsild import entity_maps
from lingjing.interfaces.ngsild.desks import wanted_types
from lingjing.interfaces.ngsild.entity_maps import EntityMap
from lingjing.interfaces.ngsild.names import entity_id_of
from lingjing.interfaces.ngsild.pages import page_links
from lingjing.interfaces.ngsild.presentation import PRESENTATION_PARAMETERS, presentation_of
from lingjing.interfaces.ngsild.query_parameters import (
    ENTITY_QUERY_PARAMETERS,
    EntityQuery,
    entity_query,
)
from lingjing.interfaces.ngsild.representing import document_of, found, list_answer, one_answer
from lingjing.interfaces.ngsild.requests import BODIES, GEO_ANSWERS, Answer, Request, Route
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Found, Selection
from lingjing.twin.query.evaluating import Resolve
from lingjing.twin.query.types import holds
from lingjing.vocabulary import LingjingError


async def retrieve_entity(service: Service, request: Request) -> Answer:
    """One entity (5.7.1)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    asked = presentation_of(request, terms)
    types = wanted_types(request, terms)
    document = (await found(service, request, (entity_id,))).get(entity_id)
    if document is None or not holds(types, document["type"]):
        raise LingjingError("ngsild.no-entity", id=entity_id[:300])
    wanted = asked.representation.attributes
    if wanted and wanted.isdisjoint(document["attributes"]):
        raise LingjingError("ngsild.no-such-attributes", id=entity_id[:300])
    answer = await one_answer(service, request, terms, document, asked)
    answer.headers += await entity_maps.headers_for_one(service, request, entity_id)
    return answer


async def query_entities(service: Service, request: Request) -> Answer:
    """Entities that meet a query, a page of them (5.7.2)."""
    terms = await request.terms()
    query = await _query_of(service, request, terms)
    named = await entity_maps.named_map(service, request)
    is_new = entity_maps.wants_new(request, is_flagged=query.entity_map, named=named)
    if named is None and not is_new:
        page = await find(service, request, query)
    else:
        page, named = await _mapped(service, request, query, named)
    headers = [
        (b"link", link)
        for link in page_links(request, query.offset, query.limit, has_more=page.has_more)
    ]
    if query.count:
        headers.append((b"ngsild-results-count", b"%d" % (page.total or 0)))
    if named is not None:
        headers.append(entity_maps.map_header(named))
    return await list_answer(
        service, request, terms, page.documents, query.presentation, headers, 201 if is_new else 200
    )


async def _mapped(
    service: Service, request: Request, query: EntityQuery, named: EntityMap | None
) -> tuple[Page, EntityMap]:
    """The page of a query that goes by an entity map, and the map (5.5.9.3)."""
    ids = await find_ids(service, request, query, named)
    if named is None:
        named = await entity_maps.make_map(service, request, ids, query.map_lifetime)
    else:
        await entity_maps.prune(service, request, named, set(named.ids) - set(ids))
    wanted = ids[query.offset : query.offset + query.limit]
    documents = await found(service, request, wanted)
    page = Page(
        [documents[one] for one in wanted if one in documents],
        len(ids),
        len(ids) > query.offset + query.limit,
    )
    return page, named


async def find_ids(
    service: Service, request: Request, query: EntityQuery, within: EntityMap | None = None
) -> list[str]:
    """Ids of all entities that meet a query, in the order wanted, of a map where one is given."""
    return await service.read_long(_find_ids, service, request, query, within)


def _find_ids(
    service: Service, request: Request, query: EntityQuery, within: EntityMap | None
) -> list[str]:
    selection = _selection(service, request, query)
    ids = selection.ids
    if within is not None:
        ids = tuple(one for one in within.ids if not ids or one in ids)
        if not ids:
            return []
    whole = msgspec.structs.replace(selection, ids=ids, offset=0, limit=None, count=False)
    records = service.ledger.find(request.branch, whole, request.at_us).records
    if query.ordering is not None:
        records = query.ordering.sorted(records, lambda record: record.document)
    return [record.id for record in records if document_of(service, request, record) is not None]


async def _query_of(service: Service, request: Request, terms: Terms) -> EntityQuery:
    """The query that a request asks; one that is asked again is read once."""
    if request.method != "GET":
        return await entity_query(request, terms)
    key = (terms.key, request.media, *request.query.items())
    known: EntityQuery | None = service.queries.get(key)
    if known is None:
        known = await entity_query(request, terms)
        if len(service.queries) >= _MOST_QUERIES:
            service.queries.clear()
        service.queries[key] = known
    return known


class Page(msgspec.Struct, frozen=True):
    """Part of what a query found.

    Attributes:
        documents: In the order wanted.
        total: How many there are in all, where that was asked.
        has_more: Whether there are others after these.
    """

    documents: list[Document]
    total: int | None
    has_more: bool


async def find(service: Service, request: Request, query: EntityQuery) -> Page:
    """The page of entities that a query asks for."""
    if _is_costly(query):
        return await service.read_long(_find, service, request, query)
    selection = _page_selection(service, request, query)
    result = await service.find(request.branch, selection, request.at_us)
    return _page(service, request, query, result)


def _is_costly(query: EntityQuery) -> bool:
    """Whether so much may have to be looked at that others should not wait for it."""
    if query.ordering is not None:
        return True
    bounds = None if query.geo is None else query.geo.bounds
    if bounds is None:
        return query.query is not None or query.geo is not None
    west, south, east, north = bounds
    return east - west > _NEAR_DEG or north - south > _NEAR_DEG


def _find(service: Service, request: Request, query: EntityQuery) -> Page:
    selection = _page_selection(service, request, query)
    result = service.ledger.find(request.branch, selection, request.at_us)
    return _page(service, request, query, result)


def _page_selection(service: Service, request: Request, query: EntityQuery) -> Selection:
    """What the ledger is asked for: a page, and whether there is one after it."""
    selection = _selection(service, request, query)
    if selection.limit is not None and not query.count:
        # One more than wanted tells whether there is a page after this one.
        return msgspec.structs.replace(selection, limit=query.limit + 1)
    return selection


def _page(service: Service, request: Request, query: EntityQuery, result: Found) -> Page:
    """The page out of what was found."""
    limit = query.limit
    records = result.records
    if query.ordering is not None:
        records = query.ordering.sorted(records, lambda record: record.document)
        records = records[query.offset : query.offset + limit + 1]
    has_more = len(records) > limit
    if result.total is not None:
        has_more = result.total > query.offset + limit
    documents = [
        document
        for record in records[:limit]
        if (document := document_of(service, request, record)) is not None
    ]
    return Page(documents, result.total, has_more)


def _selection(service: Service, request: Request, query: EntityQuery) -> Selection:
    """What the ledger is asked for: what the query selects and shows anything of."""
    selection = query.selection(_resolver(service, request))
    shows = _shown(query)
    if shows is None:
        return selection
    inner = selection.accept
    accept = shows if inner is None else lambda item: shows(item) and inner(item)
    return msgspec.structs.replace(selection, accept=accept)


def _shown(query: EntityQuery) -> Callable[[Document], bool] | None:
    """Whether `pick` and `omit` leave anything of an entity; None where they surely do (4.21)."""
    form = query.presentation.representation
    if form.pick is not None:
        members = form.pick.members
        if not members.isdisjoint(("id", "type")):
            return None
        return lambda document: (
            not (members.isdisjoint(document["attributes"]) and members.isdisjoint(document))
        )
    if form.omit is not None and {"id", "type"} <= form.omit.members:
        omitted = form.omit.members
        return lambda document: bool(document["attributes"].keys() - omitted)
    return None


def _resolver(service: Service, request: Request) -> Resolve:
    """Gives linked entities to a query; each is read once."""
    kept: dict[str, Document | None] = {}

    def resolve(entity_id: str) -> Document | None:
        if entity_id not in kept:
            records = service.ledger.records(request.branch, (entity_id,), request.at_us)
            record = records.get(entity_id)
            kept[entity_id] = None if record is None else record.document
        return kept[entity_id]

    return resolve


_MOST_QUERIES: Final = 1000
_NEAR_DEG: Final = 0.02
"""A box no larger than this holds few enough entities to be looked at on the spot."""
_RETRIEVE: Final = PRESENTATION_PARAMETERS | {
    "local",
    "type",
    "entityMap",
    "entityMapLifetime",
}

ROUTES: Final = (
    Route(
        method="GET",
        pattern="/entities/{id}",
        handler=retrieve_entity,
        operation="retrieveEntity",
        clause="5.7.1",
        parameters=_RETRIEVE,
        produces=GEO_ANSWERS,
    ),
    Route(
        method="GET",
        pattern="/entities",
        handler=query_entities,
        operation="queryEntities",
        clause="5.7.2",
        parameters=ENTITY_QUERY_PARAMETERS,
        produces=GEO_ANSWERS,
    ),
    Route(
        method="POST",
        pattern="/entityOperations/query",
        handler=query_entities,
        operation="queryBatch",
        clause="5.7.2",
        parameters=ENTITY_QUERY_PARAMETERS,
        consumes=BODIES,
        produces=GEO_ANSWERS,
    ),
)
