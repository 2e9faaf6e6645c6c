"""What the writing operations share: finding the entity at the desk, and laying it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from lingjing.interfaces.ngsild.requests import BASE, Request
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.transience import (
    COLLECTION,
    brings_expiry,
    first_expiry,
    living,
    may_expire,
    note_key,
)
from lingjing.twin import changes
from lingjing.twin.changes import Fragment, Outcome
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Desk
from lingjing.twin.query.types import Groups, holds, parse_types
from lingjing.vocabulary import LingjingError

Step = Callable[[Document, str], Outcome]
"""What an operation does to a document at a time."""

FragmentStep = Callable[[Fragment, Document, str], Outcome]
"""What an operation with a fragment does to a document at a time."""

SCOPE: Final = "scope"


def wanted_types(request: Request, terms: Terms) -> Groups:
    """The type selection that the entity must meet; empty for any."""
    text = request.query.get("type", "")
    return parse_types(text, terms.expand) if text else ()


def no_entity(entity_id: str) -> LingjingError:
    """The error for an entity that is not there."""
    return LingjingError("ngsild.no-entity", id=entity_id[:300])


def standing(desk: Desk, entity_id: str, types: Groups = ()) -> Document:
    """The entity as it stands.

    Raises:
        LingjingError: `ngsild.no-entity`.
    """
    document = desk.document(entity_id)
    if document is not None and may_expire(document):
        document = living(document, desk.now_us)
    if document is None or not holds(types, document["type"]):
        raise no_entity(entity_id)
    return document


def create(desk: Desk, draft: Document) -> Document:
    """A new entity.

    Raises:
        LingjingError: `ngsild.entity-exists`.
    """
    entity_id = draft["id"]
    held = desk.document(entity_id)
    if held is not None and living(held, desk.now_us) is not None:
        raise LingjingError("ngsild.entity-exists", id=entity_id[:300])
    document = changes.created(draft, desk.now)
    put(desk, document, changes.creation(document))
    return document


def put(desk: Desk, document: Document, done: Any) -> None:
    """Lay an entity down, and note where it expires."""
    desk.put(document, done)
    if not brings_expiry(desk.branch, document, done):
        return
    due = first_expiry(document)
    if due is not None:
        desk.put_note(COLLECTION, note_key(desk.branch, document["id"]), str(due).encode())


def apply(desk: Desk, entity_id: str, step: Step, types: Groups = ()) -> Outcome:
    """Let an operation change an entity that is there.

    Raises:
        LingjingError: `ngsild.no-entity`, and what the operation raises.
    """
    outcome = step(standing(desk, entity_id, types), desk.now)
    if outcome.changes:
        put(desk, outcome.document, outcome.changes)
    return outcome


def location(entity_id: str) -> str:
    """Address of an entity."""
    return f"{BASE}/entities/{quote(entity_id, safe=':')}"
