"""The stored @contexts over HTTP (5.13): add, list, serve, delete, reload."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from lingjing.interfaces.ngsild.context_store import KINDS, Kept, served_at
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.core_terms import is_core_address
from lingjing.interfaces.ngsild.requests import (
    BODIES,
    JSON,
    LD_JSON,
    Answer,
    Request,
    Route,
    created,
    done,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.vocabulary import LingjingError

_encode: Final = msgspec.json.Encoder().encode


async def add_context(service: Service, request: Request) -> Answer:
    """Store an @context (5.13.2)."""
    body = request.json()
    if not isinstance(body, dict) or "@context" not in body:
        raise LingjingError("ngsild.context-lacks-body")
    await service.contexts.check(body["@context"], request.tenant)
    kept = await service.contexts.store.host(request.tenant, body["@context"])
    return created(kept.address)


async def list_contexts(service: Service, request: Request) -> Answer:
    """Addresses of the stored @contexts, or details of them (5.13.3)."""
    kind = request.query.get("kind", "")
    if kind and kind not in KINDS:
        raise LingjingError("ngsild.bad-parameter", name="kind", value=kind[:100])
    has_details = request.flag("details")
    contexts = service.contexts
    stored = [contexts.core_kept(), *await contexts.store.all(request.tenant)]
    chosen = [kept for kept in stored if not kind or kept.kind == kind]
    if has_details:
        return _json(request, [_details(contexts, kept) for kept in chosen])
    return _json(request, [contexts.link(kept) for kept in chosen])


async def serve_context(service: Service, request: Request) -> Answer:
    """A stored @context, or details of it (5.13.4)."""
    kept = await _named(service, request)
    if kept is None:
        raise LingjingError("ngsild.no-context", id=request.parts["id"][:300])
    contexts = service.contexts
    if request.flag("details"):
        details = _details(contexts, kept)
        if kept.kind != "Hosted":
            # a copy is used by looking at it, too; a hosted one by what it is there for
            contexts.use(kept).hits += 1
        return _json(request, details)
    if kept.kind == "Cached":
        raise LingjingError("ngsild.context-not-served", id=request.parts["id"][:300])
    return _json(request, {"@context": kept.context})


async def delete_context(service: Service, request: Request) -> Answer:
    """Forget a stored @context, or download it again (5.13.5)."""
    is_reload = request.flag("reload")
    kept = await _named(service, request)
    name = request.parts["id"][:300]
    contexts = service.contexts
    if is_reload:
        if kept is None or kept.kind != "Cached":
            raise LingjingError("ngsild.context-not-reloaded", id=name)
        await contexts.reload(kept)
        return done()
    if kept is None:
        raise LingjingError("ngsild.no-context", id=name)
    if is_core_address(kept.address):
        raise LingjingError("ngsild.context-is-core")
    await contexts.delete(kept, request.tenant)
    return done()


async def _named(service: Service, request: Request) -> Kept | None:
    """The stored @context that the address names by its identifier or its own address."""
    name = request.parts["id"]
    core = service.contexts.core_kept()
    if is_core_address(name) or name == core.id:
        return core
    parts = urlsplit(name)
    if parts.path.startswith(served_at("")):
        name = parts.path
    return await service.contexts.store.get(request.tenant, name)


def _details(contexts: Contexts, kept: Kept) -> dict[str, Any]:
    use = contexts.use(kept)
    details: dict[str, Any] = {
        "URL": contexts.link(kept),
        "localId": kept.id,
        "kind": kept.kind,
        "createdAt": kept.created,
        "numberOfHits": use.hits,
    }
    if use.last is not None:
        details["lastUsage"] = use.last
    return details


def _json(request: Request, value: Any) -> Answer:
    return Answer(200, _encode(value), [(b"content-type", request.media.encode())])


_PATH: Final = "/jsonldContexts"

ROUTES: Final = (
    Route(
        method="POST",
        pattern=_PATH,
        handler=add_context,
        role="operate",
        operation="addContext",
        clause="5.13.2",
        consumes=BODIES,
        makes_tenant=True,
        is_branched=False,
    ),
    Route(
        method="GET",
        pattern=_PATH,
        handler=list_contexts,
        operation="listContexts",
        clause="5.13.3",
        parameters=frozenset({"details", "kind"}),
        is_branched=False,
    ),
    Route(
        method="GET",
        pattern=_PATH + "/{id}",
        handler=serve_context,
        operation="serveContext",
        clause="5.13.4",
        parameters=frozenset({"details"}),
        produces=(JSON, LD_JSON),
        is_branched=False,
    ),
    Route(
        method="DELETE",
        pattern=_PATH + "/{id}",
        handler=delete_context,
        role="operate",
        operation="deleteContext",
        clause="5.13.5",
        parameters=frozenset({"reload"}),
        is_branched=False,
    ),
)
