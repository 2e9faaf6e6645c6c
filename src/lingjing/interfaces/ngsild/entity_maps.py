"""Entity maps: the result of a query, kept for a while so that paging works on one set (5.14)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from lingjing.interfaces.ngsild.asked import Asked
from lingjing.interfaces.ngsild.durations import SECOND_US, Duration, parse_duration
from lingjing.interfaces.ngsild.requests import BASE, Request
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import TRUNK, Desk, Job
from lingjing.vocabulary import LingjingError

COLLECTION: Final = "entity-maps"
EXPIRIES: Final = "entity-map-expiries"
HEADER: Final = "ngsild-entitymap"
LIFETIME_US: Final = 3_600 * SECOND_US
"""How long a map is kept where the request does not say."""
LONGEST_US: Final = 24 * 3_600 * SECOND_US
MOST_IDS: Final = 1_000_000
_PREFIX: Final = "urn:ngsi-ld:EntityMap:"
_HERE: Final = "@none"
_SWEPT_AT_ONCE: Final = 100

_encode: Final = msgspec.json.Encoder().encode


class EntityMap(msgspec.Struct, frozen=True):
    """A kept result.

    Attributes:
        id: URI.
        branch: Name of the branch that it is of.
        expires_us: When it ends [µs since 1970 UTC].
        ids: Of the entities, in order.
    """

    id: str
    branch: str
    expires_us: int
    ids: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where it is found, from the root."""
        return f"{BASE}/entityMaps/{quote(self.id, safe=':')}"

    def shown(self) -> dict[str, Any]:
        """As the standard writes it (5.2.39): all entities are found in this broker."""
        return {
            "id": self.id,
            "type": "EntityMap",
            "expiresAt": instant_text(self.expires_us),
            "entityMap": {entity_id: [_HERE] for entity_id in self.ids},
            "linkedMaps": {},
        }


_decode: Final = msgspec.json.Decoder(EntityMap).decode


def map_header(found: EntityMap) -> tuple[bytes, bytes]:
    """The header that says which map an answer goes by."""
    return HEADER.encode(), found.address.encode("ascii")


async def make_map(
    service: Service, request: Request, ids: Iterable[str], lifetime: Duration | None
) -> EntityMap:
    """Keep a result.

    Args:
        service: The interface.
        request: Whose branch the result is of.
        ids: Of the entities, in order.
        lifetime: How long the request wants it kept; a day at most.

    Raises:
        LingjingError: `query.too-complex`: too many entities.
    """
    listed = tuple(ids)
    if len(listed) > MOST_IDS:
        raise LingjingError(
            "query.too-complex", parameter="entityMap", measure="entities", limit=MOST_IDS
        )
    identifier = f"{_PREFIX}{uuid.uuid4()}"
    branch = request.branch.name

    def keep(desk: Desk) -> EntityMap:
        wanted = LIFETIME_US if lifetime is None else lifetime.after(desk.now_us) - desk.now_us
        made = EntityMap(identifier, branch, desk.now_us + _bounded(wanted), listed)
        _put(desk, made)
        return made

    await sweep(service, request)
    return await service.write(Job(_trunk(service, request), (), keep))


def _bounded(lifetime_us: int) -> int:
    return max(0, min(lifetime_us, LONGEST_US))


def _put(desk: Desk, found: EntityMap) -> None:
    desk.put_note(COLLECTION, found.id, _encode(found))
    desk.put_note(EXPIRIES, f"{found.expires_us:020d} {found.id}", b"")


def _trunk(service: Service, request: Request) -> Any:
    return service.ledger.branch(request.tenant, TRUNK)


async def sweep(service: Service, request: Request) -> None:
    """Let go of some of the maps that have ended."""
    due = await service.read(service.ledger.notes, request.tenant, EXPIRIES, "", _SWEPT_AT_ONCE)
    if not due:
        return

    def clear(desk: Desk) -> None:
        for key, _ in due:
            expires, _, identifier = key.partition(" ")
            if int(expires) > desk.now_us:
                break
            desk.delete_note(EXPIRIES, key)
            body = desk.note(COLLECTION, identifier)
            if body is not None and _decode(body).expires_us <= desk.now_us:
                desk.delete_note(COLLECTION, identifier)

    await service.write(Job(_trunk(service, request), (), clear))


async def living_map(service: Service, request: Request, identifier: str) -> EntityMap | None:
    """The map of an id; None where there is none, or it has ended."""
    body = await service.read(service.ledger.note, request.tenant, COLLECTION, identifier)
    if body is None:
        return None
    found = _decode(body)
    return found if found.expires_us > time.time_ns() // 1_000 else None


async def named_map(service: Service, request: Request) -> EntityMap | None:
    """The map that the request's header names; None where it names none that lives."""
    header = request.headers.get(HEADER, "")
    if not header:
        return None
    identifier = unquote(header.rstrip("/").rpartition("/")[2])
    found = await living_map(service, request, identifier)
    return found if found is not None and found.branch == request.branch.name else None


def wants_new(request: Request, *, is_flagged: bool, named: EntityMap | None) -> bool:
    """Whether an answer makes a new map: it is asked for, or the one named lives no more."""
    return named is None and (is_flagged or HEADER in request.headers)


async def headers_for_one(
    service: Service, request: Request, entity_id: str
) -> list[tuple[bytes, bytes]]:
    """The header of an answer with one entity, with a map made where that is asked (5.7.1.4).

    Raises:
        LingjingError: `query.bad-parameter`.
    """
    if HEADER not in request.headers and "entityMap" not in request.query:
        return []
    asked = Asked(request.query)
    is_flagged = asked.flag("entityMap")
    text = asked.text("entityMapLifetime")
    lifetime = parse_duration(text, "entityMapLifetime") if text else None
    named = await named_map(service, request)
    if wants_new(request, is_flagged=is_flagged, named=named):
        named = await make_map(service, request, (entity_id,), lifetime)
    return [] if named is None else [map_header(named)]


async def prune(service: Service, request: Request, found: EntityMap, gone: Iterable[str]) -> None:
    """Take entities out of a map that no longer fit its query (5.5.9.3)."""
    lost = frozenset(gone)
    if not lost:
        return

    def take_out(desk: Desk) -> None:
        body = desk.note(COLLECTION, found.id)
        if body is not None:
            held = _decode(body)
            left = tuple(one for one in held.ids if one not in lost)
            desk.put_note(COLLECTION, found.id, _encode(msgspec.structs.replace(held, ids=left)))

    await service.write(Job(_trunk(service, request), (), take_out))


def expire(desk: Desk, identifier: str, expires_us: int | None) -> None:
    """Change when a map ends, a day from now at most; None leaves it.

    Raises:
        LingjingError: `ngsild.no-entity-map`.
    """
    held = _held(desk, identifier)
    if expires_us is None:
        return
    until = min(expires_us, desk.now_us + LONGEST_US)
    desk.delete_note(EXPIRIES, f"{held.expires_us:020d} {held.id}")
    _put(desk, msgspec.structs.replace(held, expires_us=until))


def remove(desk: Desk, identifier: str) -> None:
    """Let go of a map.

    Raises:
        LingjingError: `ngsild.no-entity-map`.
    """
    held = _held(desk, identifier)
    desk.delete_note(EXPIRIES, f"{held.expires_us:020d} {held.id}")
    desk.delete_note(COLLECTION, identifier)


def _held(desk: Desk, identifier: str) -> EntityMap:
    body = desk.note(COLLECTION, identifier)
    held = None if body is None else _decode(body)
    if held is None or held.expires_us <= desk.now_us:
        raise no_map(identifier)
    return held


def no_map(identifier: str) -> LingjingError:
    """The error for a map that is not there."""
    return LingjingError("ngsild.no-entity-map", id=identifier[:300])
