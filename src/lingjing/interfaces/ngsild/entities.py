"""Entities as a whole: create, replace, merge, delete (5.6.1, 5.6.6, 5.6.17, 5.6.18)."""

from __future__ import annotations

from typing import Any, Final

from lingjing.interfaces.ngsild import desks
from lingjing.interfaces.ngsild.merging import fitted, observed
from lingjing.interfaces.ngsild.names import entity_id_of
from lingjing.interfaces.ngsild.reading import read_entity, read_fragment
from lingjing.interfaces.ngsild.reading_members import read_instant
from lingjing.interfaces.ngsild.requests import (
    BODIES,
    PATCH_BODIES,
    Answer,
    Request,
    Route,
    created,
    done,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin import changes
from lingjing.twin.changes import Fragment, Outcome
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Desk, Job
from lingjing.vocabulary import LingjingError

LOCAL: Final = frozenset({"local"})
_SIMPLIFIED: Final = frozenset({"keyValues", "simplified"})


async def create_entity(service: Service, request: Request) -> Answer:
    """A new entity (5.6.1)."""
    terms = await request.terms()
    draft = read_entity(request.json(), terms)
    entity_id: str = draft["id"]
    await service.write(Job(request.branch, (entity_id,), lambda desk: desks.create(desk, draft)))
    return created(desks.location(entity_id))


async def replace_entity(service: Service, request: Request) -> Answer:
    """An entity's content replaced; its id and time of creation stay (5.6.18)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    body = request.json()
    if isinstance(body, dict) and "id" not in body and "@id" not in body:
        body = {"id": entity_id, **body}
    draft = read_entity(body, terms)
    same_id(body, entity_id)
    types = desks.wanted_types(request, terms)

    def replace(document: Document, now: str) -> Outcome:
        return changes.replaced(document, draft, now)

    await service.write(
        Job(
            request.branch,
            (entity_id,),
            lambda desk: desks.apply(desk, entity_id, replace, types),
        )
    )
    return done()


async def merge_entity(service: Service, request: Request) -> Answer:
    """A fragment merged into an entity, member by member (5.6.17)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    fragment = read_merge(request, request.json(), terms)
    same_id(request.json(), entity_id)
    types = desks.wanted_types(request, terms)

    def merge(document: Document, now: str) -> Outcome:
        return merged(request, fragment, document, terms, now)

    await service.write(
        Job(request.branch, (entity_id,), lambda desk: desks.apply(desk, entity_id, merge, types))
    )
    return done()


def read_merge(request: Request, body: Any, terms: Terms) -> Fragment:
    """What is to be merged, read as the parameters say.

    Raises:
        LingjingError: `ngsild.…`.
    """
    fragment: Fragment = read_fragment(
        body, terms, nulls="anywhere", is_simplified=_is_simplified(request)
    )
    at = request.query.get("observedAt", "")
    return observed(fragment, read_instant(at)) if at else fragment


def merged(
    request: Request, fragment: Fragment, document: Document, terms: Terms, now: str
) -> Outcome:
    """The entity with the fragment merged in."""
    language = request.query.get("lang", "")
    if language or _is_simplified(request):
        fragment = fitted(fragment, document, terms, language)
    return changes.merged(document, fragment, now)


def _is_simplified(request: Request) -> bool:
    chosen = request.options("keyValues", "simplified", "concise", "normalized")
    named = request.query.get("format", "")
    return named in _SIMPLIFIED or (not named and bool(chosen & _SIMPLIFIED))


async def delete_entity(service: Service, request: Request) -> Answer:
    """An entity ended; its history stays (5.6.6)."""
    entity_id = entity_id_of(request)
    types = desks.wanted_types(request, await request.terms())

    def delete(desk: Desk) -> None:
        desks.standing(desk, entity_id, types)
        desk.delete(entity_id)

    await service.write(Job(request.branch, (entity_id,), delete))
    return done()


def same_id(body: dict[str, Any], entity_id: str) -> None:
    """Refuse a body that names another entity than the address.

    Raises:
        LingjingError: `ngsild.other-id`.
    """
    given = body.get("id", body.get("@id", entity_id))
    if given != entity_id:
        raise LingjingError("ngsild.other-id", given=str(given)[:300], id=entity_id[:300])


_MERGE: Final = frozenset({"type", "options", "format", "observedAt", "lang", "local"})

ROUTES: Final = (
    Route(
        method="POST",
        pattern="/entities",
        handler=create_entity,
        role="sense",
        operation="createEntity",
        clause="5.6.1",
        parameters=LOCAL,
        consumes=BODIES,
        makes_tenant=True,
    ),
    Route(
        method="PUT",
        pattern="/entities/{id}",
        handler=replace_entity,
        role="operate",
        operation="replaceEntity",
        clause="5.6.18",
        parameters=frozenset({"type", "local"}),
        consumes=BODIES,
    ),
    Route(
        method="PATCH",
        pattern="/entities/{id}",
        handler=merge_entity,
        role="operate",
        operation="mergeEntity",
        clause="5.6.17",
        parameters=_MERGE,
        consumes=PATCH_BODIES,
    ),
    Route(
        method="DELETE",
        pattern="/entities/{id}",
        handler=delete_entity,
        role="operate",
        operation="deleteEntity",
        clause="5.6.6",
        parameters=frozenset({"type", "local"}),
    ),
)
