"""Many entities at once: create, upsert, update, merge, delete (5.6.7 to 5.6.10, 5.6.20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lingjing.interfaces.ngsild import desks
from lingjing.interfaces.ngsild.entities import merged, read_merge
from lingjing.interfaces.ngsild.reading import read_entity, read_fragment
from lingjing.interfaces.ngsild.reading_members import is_uri
from lingjing.interfaces.ngsild.requests import (
    BODIES,
    Answer,
    Request,
    Route,
    context_link,
)
from lingjing.interfaces.ngsild.results import batch_answer
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin import changes
from lingjing.twin.changes import Fragment, Outcome
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Desk, Job
from lingjing.vocabulary import LingjingError

Read = Callable[[Any, Terms], Any]
"""Makes a document or a fragment of an entity of the batch."""
Lay = Callable[[Desk, Any], bool]
"""Does at the desk what the batch wants of one entity; whether the entity is new."""
Failure = tuple[str, LingjingError]


async def _members(request: Request) -> list[Any]:
    """The entities of a batch.

    Raises:
        LingjingError: `ngsild.bad-batch`, `ngsild.batch-too-large`, `ngsild.context-in-link`.
    """
    body = request.json()
    if not isinstance(body, list) or not body or any(item is None for item in body):
        raise LingjingError("ngsild.bad-batch")
    most = request.service.limits.batch_entities
    if len(body) > most:
        raise LingjingError("ngsild.batch-too-large", count=len(body), most=most)
    if request.has_ld_body and context_link(request.headers.get("link", "")):
        raise LingjingError("ngsild.context-in-link")
    return body


async def _run(service: Service, request: Request, read: Read, lay: Lay) -> Answer:
    """Read all entities, do what can be done in one job, and say what came of each."""
    read_items: list[tuple[str, Any]] = []
    failed: list[Failure] = []
    members = await _members(request)
    shared = None if request.has_ld_body else await request.terms_of(None)
    for member in members:
        entity_id = _id_of(member)
        try:
            # One @context serves all entities, unless one of them tries to bring its own.
            if shared is None or (isinstance(member, dict) and "@context" in member):
                terms = await request.terms_of(member)
            else:
                terms = shared
            read_items.append((entity_id, read(member, terms)))
        except LingjingError as error:
            failed.append((entity_id, error))

    def work(desk: Desk) -> tuple[list[str], list[str], list[Failure]]:
        succeeded: dict[str, None] = {}
        made: dict[str, None] = {}
        refused: list[Failure] = []
        for entity_id, item in read_items:
            try:
                if lay(desk, item):
                    made[entity_id] = None
            except LingjingError as error:
                refused.append((entity_id, error))
            else:
                succeeded[entity_id] = None
        return list(succeeded), list(made), refused

    ids = tuple(dict.fromkeys(entity_id for entity_id, _ in read_items))
    succeeded: list[str] = []
    made: list[str] = []
    if ids:
        succeeded, made, refused = await service.write(Job(request.branch, ids, work))
        failed += refused
    return batch_answer(succeeded, failed, made)


def _id_of(member: Any) -> str:
    """The id that a member of a batch gives, for naming it in the answer."""
    given = member.get("id", member.get("@id", "")) if isinstance(member, dict) else ""
    return given if isinstance(given, str) else ""


async def create_batch(service: Service, request: Request) -> Answer:
    """New entities (5.6.7)."""

    def lay(desk: Desk, draft: Document) -> bool:
        desks.create(desk, draft)
        return True

    return await _run(service, request, read_entity, lay)


async def upsert_batch(service: Service, request: Request) -> Answer:
    """Entities created; where they exist replaced, or updated if that is asked (5.6.8)."""
    update = "update" in request.options("update", "replace")

    def lay(desk: Desk, draft: Document) -> bool:
        try:
            standing = desks.standing(desk, draft["id"])
        except LingjingError:
            desks.create(desk, draft)
            return True
        if update:
            outcome = changes.appended(standing, draft, desk.now)
        else:
            outcome = changes.replaced(standing, draft, desk.now)
        if outcome.changes:
            desks.put(desk, outcome.document, outcome.changes)
        return False

    return await _run(service, request, read_entity, lay)


async def update_batch(service: Service, request: Request) -> Answer:
    """Attributes of entities that exist appended or replaced (5.6.9)."""
    overwrite = "noOverwrite" not in request.options("noOverwrite", "replace", "update")

    def step(fragment: Fragment, document: Document, now: str) -> Outcome:
        return changes.appended(document, fragment, now, overwrite=overwrite)

    return await _run(service, request, _read_part, _all_or_error(step))


async def merge_batch(service: Service, request: Request) -> Answer:
    """Fragments merged into entities that exist (5.6.20)."""

    def read(member: Any, terms: Terms) -> tuple[Fragment, Terms]:
        return _with_id(dict(read_merge(request, member, terms)), member), terms

    def lay(desk: Desk, item: tuple[Fragment, Terms]) -> bool:
        fragment, terms = item
        desks.apply(
            desk,
            fragment["id"],
            lambda document, now: merged(request, fragment, document, terms, now),
        )
        return False

    return await _run(service, request, read, lay)


def _read_part(member: Any, terms: Terms) -> Fragment:
    return _with_id(read_fragment(member, terms, nulls="attributes"), member)


def _with_id(fragment: dict[str, Any], member: Any) -> Fragment:
    """The fragment, which was just read, with its entity's id.

    Raises:
        LingjingError: `ngsild.bad-id`.
    """
    entity_id = _id_of(member)
    if not is_uri(entity_id):
        raise LingjingError("ngsild.bad-id", id=entity_id[:300])
    fragment["id"] = entity_id
    return fragment


def _all_or_error(step: desks.FragmentStep) -> Lay:
    """A step for which an attribute that was left alone is a failure, though the rest is done."""

    def lay(desk: Desk, fragment: Fragment) -> bool:
        entity_id = fragment["id"]
        outcome = step(fragment, desks.standing(desk, entity_id), desk.now)
        if outcome.changes:
            desks.put(desk, outcome.document, outcome.changes)
        if outcome.not_updated:
            left = [name for name, reason in outcome.not_updated.items() if reason == "exists"]
            if left:
                raise LingjingError(
                    "ngsild.attributes-left", id=entity_id[:300], names=", ".join(left)
                )
        return False

    return lay


async def delete_batch(service: Service, request: Request) -> Answer:
    """Entities ended; their history stays (5.6.10)."""
    members = await _members(request)
    failed: list[Failure] = [
        (str(member)[:300], LingjingError("ngsild.bad-id", id=str(member)[:300]))
        for member in members
        if not isinstance(member, str) or not is_uri(member)
    ]
    ids = [member for member in members if isinstance(member, str) and is_uri(member)]

    def work(desk: Desk) -> tuple[list[str], list[Failure]]:
        succeeded: list[str] = []
        refused: list[Failure] = []
        for entity_id in ids:
            try:
                desks.standing(desk, entity_id)
            except LingjingError as error:
                refused.append((entity_id, error))
            else:
                desk.delete(entity_id)
                succeeded.append(entity_id)
        return succeeded, refused

    succeeded: list[str] = []
    if ids:
        succeeded, refused = await service.write(
            Job(request.branch, tuple(dict.fromkeys(ids)), work)
        )
        failed += refused
    return batch_answer(succeeded, failed)


_LOCAL: Final = frozenset({"local"})
_OPTIONS: Final = _LOCAL | {"options"}

ROUTES: Final = (
    Route(
        method="POST",
        pattern="/entityOperations/create",
        handler=create_batch,
        role="sense",
        operation="createBatch",
        clause="5.6.7",
        parameters=_LOCAL,
        consumes=BODIES,
        makes_tenant=True,
    ),
    Route(
        method="POST",
        pattern="/entityOperations/upsert",
        handler=upsert_batch,
        role="sense",
        operation="upsertBatch",
        clause="5.6.8",
        parameters=_OPTIONS,
        consumes=BODIES,
        makes_tenant=True,
    ),
    Route(
        method="POST",
        pattern="/entityOperations/update",
        handler=update_batch,
        role="sense",
        operation="updateBatch",
        clause="5.6.9",
        parameters=_OPTIONS,
        consumes=BODIES,
    ),
    Route(
        method="POST",
        pattern="/entityOperations/merge",
        handler=merge_batch,
        role="operate",
        operation="mergeBatch",
        clause="5.6.20",
        parameters=_OPTIONS | {"observedAt", "lang", "format"},
        consumes=BODIES,
    ),
    Route(
        method="POST",
        pattern="/entityOperations/delete",
        handler=delete_batch,
        role="operate",
        operation="deleteBatch",
        clause="5.6.10",
        parameters=_LOCAL,
        consumes=BODIES,
    ),
)
