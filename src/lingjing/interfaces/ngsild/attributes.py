"""Attributes of an entity: append, update, change in part, replace, delete (5.6.2 to 5.6.5)."""

from __future__ import annotations

from typing import Final

from lingjing.interfaces.ngsild import desks
from lingjing.interfaces.ngsild.entities import same_id
from lingjing.interfaces.ngsild.names import attribute_of, entity_id_of
from lingjing.interfaces.ngsild.reading import (
    read_attribute,
    read_fragment,
    read_partial_attribute,
)
from lingjing.interfaces.ngsild.reading_members import Nulls
from lingjing.interfaces.ngsild.requests import (
    BODIES,
    PATCH_BODIES,
    Answer,
    Request,
    Route,
    done,
)
from lingjing.interfaces.ngsild.results import update_answer
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin import changes
from lingjing.twin.changes import Fragment, Outcome
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Job
from lingjing.vocabulary import LingjingError


async def append_attributes(service: Service, request: Request) -> Answer:
    """Attributes added; existing ones are replaced unless that is forbidden (5.6.3)."""
    overwrite = "noOverwrite" not in request.options("noOverwrite")

    def step(fragment: Fragment, document: Document, now: str) -> Outcome:
        return changes.appended(document, fragment, now, overwrite=overwrite)

    return await _change(service, request, step, "refused")


async def update_attributes(service: Service, request: Request) -> Answer:
    """Attributes of an entity replaced (5.6.2)."""

    def step(fragment: Fragment, document: Document, now: str) -> Outcome:
        return changes.updated(document, fragment, now)

    return await _change(service, request, step, "attributes")


async def _change(
    service: Service, request: Request, step: desks.FragmentStep, nulls: Nulls
) -> Answer:
    entity_id = entity_id_of(request)
    terms = await request.terms()
    body = request.json()
    fragment = read_fragment(body, terms, nulls=nulls)
    same_id(body, entity_id)
    types = desks.wanted_types(request, terms)
    outcome = await service.write(
        Job(
            request.branch,
            (entity_id,),
            lambda desk: desks.apply(
                desk, entity_id, lambda document, now: step(fragment, document, now), types
            ),
        )
    )
    return update_answer(outcome)


async def patch_attribute(service: Service, request: Request) -> Answer:
    """Some members of an attribute changed (5.6.4)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    attribute = attribute_of(request, terms)
    fragment = read_partial_attribute(request.json(), terms, attribute=attribute)
    if not fragment.keys() - {"datasetId"}:
        raise LingjingError("ngsild.nothing-to-change")
    types = desks.wanted_types(request, terms)

    def step(document: Document, now: str) -> Outcome:
        return changes.patched(document, attribute, fragment, now)

    await service.write(
        Job(request.branch, (entity_id,), lambda desk: desks.apply(desk, entity_id, step, types))
    )
    return done()


async def replace_attribute(service: Service, request: Request) -> Answer:
    """An attribute's instances replaced (5.6.19)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    attribute = attribute_of(request, terms)
    instances = read_attribute(request.json(), terms, attribute=attribute, nulls="attributes")
    types = desks.wanted_types(request, terms)

    def step(document: Document, now: str) -> Outcome:
        return changes.attribute_replaced(document, attribute, instances, now)

    await service.write(
        Job(request.branch, (entity_id,), lambda desk: desks.apply(desk, entity_id, step, types))
    )
    return done()


async def delete_attribute(service: Service, request: Request) -> Answer:
    """An attribute, one of its instances, or the scope deleted (5.6.5)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    types = desks.wanted_types(request, terms)
    every = request.flag("deleteAll")
    dataset = request.query.get("datasetId", "")
    is_scope = request.parts["attribute"] == desks.SCOPE
    attribute = "" if is_scope else attribute_of(request, terms)

    def step(document: Document, now: str) -> Outcome:
        if is_scope:
            if desks.SCOPE not in document:
                raise LingjingError("ngsild.no-scope", id=entity_id[:300])
            return changes.appended(document, {"scope": [changes.NULL], "attributes": {}}, now)
        return changes.attribute_deleted(document, attribute, dataset, now, all_datasets=every)

    await service.write(
        Job(request.branch, (entity_id,), lambda desk: desks.apply(desk, entity_id, step, types))
    )
    return done()


_ATTRIBUTES: Final = "/entities/{id}/attrs"
_ATTRIBUTE: Final = "/entities/{id}/attrs/{attribute}"
_TYPED: Final = frozenset({"type", "local"})

ROUTES: Final = (
    Route(
        method="POST",
        pattern=_ATTRIBUTES,
        handler=append_attributes,
        role="sense",
        operation="appendAttributes",
        clause="5.6.3",
        parameters=_TYPED | {"options"},
        consumes=BODIES,
    ),
    Route(
        method="PATCH",
        pattern=_ATTRIBUTES,
        handler=update_attributes,
        role="sense",
        operation="updateAttributes",
        clause="5.6.2",
        parameters=_TYPED,
        consumes=PATCH_BODIES,
    ),
    Route(
        method="PATCH",
        pattern=_ATTRIBUTE,
        handler=patch_attribute,
        role="sense",
        operation="updateAttribute",
        clause="5.6.4",
        parameters=_TYPED,
        consumes=PATCH_BODIES,
    ),
    Route(
        method="PUT",
        pattern=_ATTRIBUTE,
        handler=replace_attribute,
        role="sense",
        operation="replaceAttribute",
        clause="5.6.19",
        parameters=_TYPED,
        consumes=BODIES,
    ),
    Route(
        method="DELETE",
        pattern=_ATTRIBUTE,
        handler=delete_attribute,
        role="operate",
        operation="deleteAttribute",
        clause="5.6.5",
        parameters=_TYPED | {"datasetId", "deleteAll"},
    ),
)
