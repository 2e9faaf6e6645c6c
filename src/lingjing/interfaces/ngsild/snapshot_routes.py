"""Snapshots over HTTP: make, look at, change, clone, let go (5.16)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from lingjing.interfaces.ngsild.asked import Asked, bad, missing
from lingjing.interfaces.ngsild.query_parameters import asked_of, read_query
from lingjing.interfaces.ngsild.reading_members import is_uri, read_instant
from lingjing.interfaces.ngsild.requests import (
    BASE,
    BODIES,
    PATCH_BODIES,
    Answer,
    Request,
    Route,
    content,
    created,
    done,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.snapshots import (
    MEMBERS,
    PRIORITY,
    Snapshot,
    Snapshots,
    as_document,
    new_id,
    now_us,
)
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import micros
from lingjing.twin.ledger import Selection
from lingjing.twin.query.evaluating import parse_query
from lingjing.vocabulary import LingjingError

MOST_QUERIES: Final = 100
HIGHEST_PRIORITY: Final = 10
_CHANGEABLE: Final = frozenset(("snapshotPriority", "expiresAt"))
_HEAD: Final = frozenset(("id", "type", "@context"))
_log = logging.getLogger(__name__)
_filling: set[asyncio.Task[None]] = set()


async def create_snapshot(service: Service, request: Request) -> Answer:
    """A snapshot of what queries find; it is ready once its status says so (5.16.1)."""
    terms = await request.terms()
    body = _body(request)
    queries = body.get("snapshotQueries")
    if not isinstance(queries, list) or not queries or len(queries) > MOST_QUERIES:
        raise (
            missing("snapshotQueries", "Snapshot")
            if queries is None
            else bad("snapshotQueries", queries, f"Query[1..{MOST_QUERIES}]")
        )
    selections = [_selection(query, request, terms) for query in queries]
    is_whole = any(_takes_all(selection) for selection in selections)
    snapshots = Snapshots(service.ledger)
    wanted = _wanted(body)
    if not is_whole:
        wanted = msgspec.structs.replace(wanted, queries=tuple(queries))
    made = await service.read_long(snapshots.create, request.branch, wanted)
    if not is_whole:
        _start(service, request.tenant, snapshots, made, selections)
    return created(_address(made.id))


def _takes_all(selection: Selection) -> bool:
    """Whether a query finds everything; then the branch is the snapshot as it is."""
    return msgspec.structs.replace(selection, limit=None, most_scanned=None) == Selection()


def _start(
    service: Service,
    tenant: str,
    snapshots: Snapshots,
    made: Snapshot,
    selections: Sequence[Selection],
) -> None:
    """Fill a snapshot while others work on."""

    async def fill() -> None:
        try:
            await service.read_long(snapshots.fill, tenant, made.id, list(selections))
        except LingjingError as error:
            _log.warning("snapshot %s failed: %s", made.id, error)
            failed = msgspec.structs.replace(made, status="failed")
            await service.read_long(snapshots.keep, tenant, failed)

    task = asyncio.get_running_loop().create_task(fill())
    _filling.add(task)
    task.add_done_callback(_filling.discard)


def _selection(query: Any, request: Request, terms: Terms) -> Selection:
    """The selection of one of a snapshot's queries.

    Raises:
        LingjingError: `query.…`.
    """
    if not isinstance(query, dict):
        raise bad("snapshotQueries", query, "Query")
    inner = Request(request.service, "POST", request.path, {}, {}, request.headers, _encode(query))
    found = read_query(asked_of(inner), request, terms)
    return msgspec.structs.replace(found.selection(), offset=0, limit=None, count=False)


_encode: Final = msgspec.json.Encoder().encode


def _body(request: Request) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise LingjingError("ngsild.not-an-object")
    if body.get("type") != "Snapshot":
        raise bad("type", body.get("type"), "Snapshot")
    return body


def _wanted(body: dict[str, Any]) -> Snapshot:
    """What a body says of a new snapshot."""
    identifier = body.get("id")
    if identifier is None:
        identifier = new_id()
    elif not isinstance(identifier, str) or not is_uri(identifier):
        raise LingjingError("ngsild.bad-id", id=str(identifier)[:300])
    return Snapshot(
        id=identifier, priority=_priority(body, PRIORITY), expires_us=_expiry(body, None)
    )


def _priority(body: dict[str, Any], otherwise: int) -> int:
    if "snapshotPriority" not in body:
        return otherwise
    found = Asked({}, body).whole("snapshotPriority", least=1)
    if found is None or found > HIGHEST_PRIORITY:
        raise bad("snapshotPriority", found, f"1..{HIGHEST_PRIORITY}")
    return found


def _expiry(body: dict[str, Any], otherwise: int | None) -> int | None:
    if "expiresAt" not in body:
        return otherwise
    expires_us = micros(read_instant(body["expiresAt"]))
    if expires_us <= now_us():
        raise bad("expiresAt", body["expiresAt"], "> now")
    return expires_us


async def query_snapshots(service: Service, request: Request) -> Answer:
    """All snapshots, and branches that were made in other ways."""
    terms = await request.terms()
    found = await service.read_long(Snapshots(service.ledger).all, request.tenant)
    return content(request, terms, [one.shown() for one in found])


async def retrieve_snapshot(service: Service, request: Request) -> Answer:
    """What is known of a snapshot (5.16.3)."""
    terms = await request.terms()
    found = await service.read(Snapshots(service.ledger).get, request.tenant, _identifier(request))
    return content(request, terms, found.shown())


async def update_snapshot(service: Service, request: Request) -> Answer:
    """A snapshot's priority or end changed (5.16.4)."""
    terms = await request.terms()
    body = request.json()
    if not isinstance(body, dict):
        raise LingjingError("ngsild.not-an-object")
    if body.get("type", "Snapshot") != "Snapshot":
        raise bad("type", body["type"], "Snapshot")
    for name in body.keys() - _CHANGEABLE - _HEAD:
        raise bad(str(name), "…", " | ".join(sorted(_CHANGEABLE)))
    snapshots = Snapshots(service.ledger)
    held = await service.read(snapshots.get, request.tenant, _identifier(request))
    changed = msgspec.structs.replace(
        held,
        priority=_priority(body, held.priority),
        expires_us=_expiry(body, held.expires_us),
        modified_us=now_us(),
    )
    await service.read_long(snapshots.keep, request.tenant, changed)
    return content(request, terms, changed.shown())


async def clone_snapshot(service: Service, request: Request) -> Answer:
    """A snapshot made of a snapshot as it stands (5.16.2)."""
    await request.terms()
    wanted = _wanted(_body(request) if request.body else {})
    made = await service.read_long(
        Snapshots(service.ledger).clone, request.tenant, _identifier(request), wanted
    )
    return created(_address(made.id))


async def delete_snapshot(service: Service, request: Request) -> Answer:
    """A snapshot let go (5.16.5)."""
    await service.read_long(Snapshots(service.ledger).delete, request.tenant, _identifier(request))
    return done()


async def purge_snapshots(service: Service, request: Request) -> Answer:
    """Snapshots that meet a condition let go (5.16.7)."""
    text = request.query.get("q", "")
    if not text:
        raise missing("q", "DELETE /snapshots")
    query = parse_query(text, str)
    for name in query.attributes:
        if name not in MEMBERS:
            raise bad("q", name, " | ".join(sorted(MEMBERS)))
    snapshots = Snapshots(service.ledger)
    for found in await service.read_long(snapshots.all, request.tenant, has_branches=False):
        if query.accept(as_document(found)):
            await service.read_long(snapshots.delete, request.tenant, found.id)
    return done()


def _identifier(request: Request) -> str:
    identifier = request.parts["id"]
    if not identifier:
        raise LingjingError("ngsild.bad-id", id="")
    return identifier


def _address(identifier: str) -> str:
    return f"{BASE}/snapshots/{quote(identifier, safe=':')}"


_ONE: Final = "/snapshots/{id}"

ROUTES: Final = (
    Route(
        method="POST",
        pattern="/snapshots",
        handler=create_snapshot,
        role="operate",
        operation="createSnapshot",
        clause="5.16.1",
        consumes=BODIES,
    ),
    Route(
        method="GET",
        pattern="/snapshots",
        handler=query_snapshots,
        operation="querySnapshots",
        clause="5.16",
        is_branched=False,
    ),
    Route(
        method="DELETE",
        pattern="/snapshots",
        handler=purge_snapshots,
        role="administer",
        operation="purgeSnapshots",
        clause="5.16.7",
        parameters=frozenset({"q"}),
        is_branched=False,
    ),
    Route(
        method="GET",
        pattern=_ONE,
        handler=retrieve_snapshot,
        operation="retrieveSnapshot",
        clause="5.16.3",
        is_branched=False,
    ),
    Route(
        method="PATCH",
        pattern=_ONE,
        handler=update_snapshot,
        role="operate",
        operation="updateSnapshot",
        clause="5.16.4",
        consumes=PATCH_BODIES,
        is_branched=False,
    ),
    Route(
        method="DELETE",
        pattern=_ONE,
        handler=delete_snapshot,
        role="operate",
        operation="deleteSnapshot",
        clause="5.16.5",
        is_branched=False,
    ),
    Route(
        method="POST",
        pattern=f"{_ONE}/clone",
        handler=clone_snapshot,
        role="operate",
        operation="cloneSnapshot",
        clause="5.16.2",
        consumes=BODIES,
        is_branched=False,
    ),
)
