"""Stored @contexts: those that clients host here, that were downloaded, and that answers needed.

Hosted and implicitly created ones belong to their tenant; copies of public documents belong to
all, and lie with the default tenant (5.13.1).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar
from uuid import uuid4

import msgspec

from lingjing.interfaces.ngsild.addresses import as_uri
from lingjing.interfaces.ngsild.context_parsing import HOSTED
from lingjing.twin.ledger import DEFAULT_TENANT, Desk, Job, Ledger

Kind = Literal["Hosted", "Cached", "ImplicitlyCreated"]
T = TypeVar("T")

COLLECTION: Final = "contexts"
MOST_KEPT_BY_ASKING: Final = 2000
"""From so many stored @contexts of a tenant on, only those that are added on purpose are stored."""
KINDS: Final[tuple[Kind, ...]] = ("Hosted", "Cached", "ImplicitlyCreated")

_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class Kept(msgspec.Struct, frozen=True):
    """A stored @context.

    Attributes:
        id: Local identifier.
        address: Where it came from, or where it is served here (from the root).
        kind: Why it is stored.
        context: The value of `@context`.
        created: When it was stored [ISO 8601 UTC].
    """

    id: str
    address: str
    kind: Kind
    context: Any
    created: str


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Kept).decode


def local_id(context: Any) -> str:
    """The identifier that follows from what is stored: an address, or an @context."""
    return hashlib.sha256(_canonical(context)).hexdigest()[:32]


def served_at(context_id: str) -> str:
    """Where a stored @context is served, from the root."""
    return HOSTED + context_id


class ContextStore:
    """The stored @contexts of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_near = ledger.driver == "sqlite"

    async def host(self, tenant: str, context: Any) -> Kept:
        """Store an @context that a client hosts here, under a new identifier."""
        context_id = str(uuid4())
        return await self._put(tenant, context_id, served_at(context_id), "Hosted", context)

    async def imply(self, tenant: str, context_id: str, context: Any) -> None:
        """Store an @context that an answer names, unless it is there."""
        if await self.get(tenant, context_id) is None and await self._has_room(tenant):
            await self._put(tenant, context_id, served_at(context_id), "ImplicitlyCreated", context)

    async def cache(self, address: str, context: Any) -> None:
        """Store a downloaded @context, in the place of an older copy."""
        context_id = local_id(address)
        is_known = await self._note(DEFAULT_TENANT, context_id) is not None
        if is_known or await self._has_room(DEFAULT_TENANT):
            await self._put(DEFAULT_TENANT, context_id, address, "Cached", context)

    async def get(self, tenant: str, name: str) -> Kept | None:
        """A stored @context by its identifier, its address here, or where it came from."""
        context_id = name.rpartition("/")[2] if served_at("") in name else name
        if "://" in context_id:
            return await self._note(DEFAULT_TENANT, local_id(as_uri(context_id)))
        found = await self._note(tenant, context_id)
        if found is None and tenant != DEFAULT_TENANT:
            shared = await self._note(DEFAULT_TENANT, context_id)
            return shared if shared is not None and shared.kind == "Cached" else None
        return found

    async def all(self, tenant: str) -> list[Kept]:
        """Everything that the tenant can see, in the order it was stored."""
        notes = await self._read(lambda: self._ledger.notes(tenant, COLLECTION))
        found = [_decode(body) for _, body in notes]
        if tenant != DEFAULT_TENANT:
            notes = await self._read(lambda: self._ledger.notes(DEFAULT_TENANT, COLLECTION))
            shared = [_decode(body) for _, body in notes]
            found = [item for item in shared if item.kind == "Cached"] + found
        return sorted(found, key=lambda item: (item.created, item.id))

    async def delete(self, tenant: str, kept: Kept) -> None:
        """Forget a stored @context."""
        home = DEFAULT_TENANT if kept.kind == "Cached" else tenant
        await self._write(home, lambda desk: desk.delete_note(COLLECTION, kept.id))

    async def _has_room(self, tenant: str) -> bool:
        """Whether readers, too, may still have something stored by what they ask."""
        notes = await self._read(
            lambda: self._ledger.notes(tenant, COLLECTION, limit=MOST_KEPT_BY_ASKING)
        )
        return len(notes) < MOST_KEPT_BY_ASKING

    async def _put(
        self, tenant: str, context_id: str, address: str, kind: Kind, context: Any
    ) -> Kept:
        def put(desk: Desk) -> Kept:
            kept = Kept(context_id, address, kind, context, desk.now)
            desk.put_note(COLLECTION, context_id, _encode(kept))
            return kept

        return await self._write(tenant, put)

    async def _note(self, tenant: str, context_id: str) -> Kept | None:
        body = await self._read(lambda: self._ledger.note(tenant, COLLECTION, context_id))
        return None if body is None else _decode(body)

    async def _read(self, call: Callable[[], T]) -> T:
        return call() if self._is_near else await asyncio.to_thread(call)

    async def _write(self, tenant: str, run: Callable[[Desk], T]) -> T:
        branch = await self._read(lambda: self._ledger.ensure_tenant(tenant))
        return await asyncio.wrap_future(self._ledger.submit(Job(branch, (), run)))
