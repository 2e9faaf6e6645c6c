"""Operations on subscriptions to entities (5.8) and to registrations (5.11)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from lingjing.interfaces.ngsild.asked import Asked
from lingjing.interfaces.ngsild.context_parsing import HOSTED
from lingjing.interfaces.ngsild.members import is_uri, uri
from lingjing.interfaces.ngsild.pages import page_links
from lingjing.interfaces.ngsild.preferences import applied_version
from lingjing.interfaces.ngsild.query_parameters import page_of
from lingjing.interfaces.ngsild.requests import (
    BASE,
    BODIES,
    PATCH_BODIES,
    Answer,
    Handler,
    Request,
    Route,
    content,
    created,
    done,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.subscriptions_reading import (
    ReadSubscription,
    read_change,
    read_subscription,
)
from lingjing.interfaces.ngsild.subscriptions_records import (
    ENTITIES,
    REVISION,
    Stored,
    collection,
    decode_stored,
    delete_records,
    encode_stored,
)
from lingjing.interfaces.ngsild.subscriptions_writing import write_subscription
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.ledger import Branch, Desk, Job
from lingjing.vocabulary import LingjingError
from lingjing.vocabulary.errors import Place

AfterPut = Callable[[Service, Branch, Stored], Awaitable[None]]


def with_id(handler: Handler) -> Handler:
    """A handler that is asked only where there is an id: `PATCH /subscriptions/` is refused."""

    async def answer(service: Service, request: Request) -> Answer:
        if not request.parts["id"]:
            return Answer(405, b"", [(b"allow", b"GET, HEAD, OPTIONS, POST")])
        return await handler(service, request)

    return answer


class Operations:
    """The operations on one kind of subscription.

    Args:
        kind: `ENTITIES` or `REGISTRATIONS`; also the path.
        after_put: Called when a subscription was made, or changed; None for nothing.
    """

    def __init__(self, kind: str, after_put: AfterPut | None = None) -> None:
        self._kind = kind
        self._after_put = after_put

    async def create(self, service: Service, request: Request) -> Answer:
        """Make a subscription (5.8.1, 5.11.2)."""
        terms = await request.terms()
        read = read_subscription(request.json(), terms, _now_us())
        subscription_id = read.kept.setdefault("id", f"urn:ngsi-ld:Subscription:{uuid4()}")
        told = await _notification_terms(service, request, read, terms)
        branch = request.branch
        name = collection(self._kind, branch)

        def run(desk: Desk) -> Stored:
            if desk.note(name, subscription_id) is not None:
                raise LingjingError("ngsild.resource-exists", id=subscription_id[:300])
            stored = Stored(read.kept, read.names, terms.body, desk.now_us, desk.now_us)
            _lay_down(desk, name, stored)
            return stored

        stored = await service.write(Job(branch, (), run))
        await self._put(service, branch, stored, told)
        return created(f"{BASE}/{self._kind}/{quote(subscription_id, safe=':')}")

    async def retrieve(self, service: Service, request: Request) -> Answer:
        """One subscription (5.8.3, 5.11.4)."""
        subscription_id = _id_of(request)
        terms = await request.terms()
        with_times = "sysAttrs" in request.options("sysAttrs")
        name = collection(self._kind, request.branch)
        note = await service.read(service.ledger.note, request.tenant, name, subscription_id)
        if note is None:
            raise LingjingError("ngsild.no-resource", id=subscription_id[:300])
        stored = decode_stored(note)
        if service.subscriptions is not None:
            await service.subscriptions.settled(self._kind, request.branch, subscription_id)
        written = await self._written(service, request, stored, terms, with_times=with_times)
        return content(request, terms, written, headers=applied_version(request))

    async def query(self, service: Service, request: Request) -> Answer:
        """Subscriptions, a page at a time, in order of id (5.8.4, 5.11.5)."""
        terms = await request.terms()
        with_times = "sysAttrs" in request.options("sysAttrs")
        offset, limit, counts = page_of(Asked(request.query), request)
        name = collection(self._kind, request.branch)
        notes = await service.read(service.ledger.notes, request.tenant, name)
        written = [
            await self._written(service, request, decode_stored(body), terms, with_times=with_times)
            for _, body in notes[offset : offset + limit]
        ]
        headers = applied_version(request)
        links = page_links(
            request, offset, limit, has_more=offset + limit < len(notes), is_resource=True
        )
        headers += [(b"link", link) for link in links]
        if counts:
            headers.append((b"ngsild-results-count", b"%d" % len(notes)))
        return content(request, terms, written, headers=headers)

    async def update(self, service: Service, request: Request) -> Answer:
        """Change members of a subscription (5.8.2, 5.11.3)."""
        subscription_id = _id_of(request)
        terms = await request.terms()
        body = request.json()
        branch = request.branch
        name = collection(self._kind, branch)

        def run(desk: Desk) -> Stored:
            note = desk.note(name, subscription_id)
            if note is None:
                raise LingjingError("ngsild.no-resource", id=subscription_id[:300])
            held = decode_stored(note)
            read = read_change(body, terms, held.kept, held.names, desk.now_us)
            stored = Stored(read.kept, read.names, held.context, held.created_us, desk.now_us)
            _lay_down(desk, name, stored)
            return stored

        if isinstance(body, dict) and body.get("jsonldContext") is not None:
            # looked up before anything is changed
            await _context_of(service, request, uri(body["jsonldContext"], "jsonldContext"))
        stored = await service.write(Job(branch, (), run))
        if service.subscriptions is not None:
            told = await service.subscriptions.terms_of(stored, request.tenant)
            await self._put(service, branch, stored, told)
        return done()

    async def delete(self, service: Service, request: Request) -> Answer:
        """End a subscription (5.8.5, 5.11.6)."""
        subscription_id = _id_of(request)
        branch = request.branch
        name = collection(self._kind, branch)

        def run(desk: Desk) -> None:
            key = (self._kind, branch.key, subscription_id)
            if not delete_records(desk, (name, subscription_id), key):
                raise LingjingError("ngsild.no-resource", id=subscription_id[:300])
            desk.put_note(REVISION, "", desk.now.encode())

        await service.write(Job(branch, (), run))
        if service.subscriptions is not None:
            service.subscriptions.remove(self._kind, branch, subscription_id)
        return done()

    async def _put(self, service: Service, branch: Branch, stored: Stored, told: Terms) -> None:
        if service.subscriptions is not None:
            service.subscriptions.put(self._kind, branch, stored, told)
            if self._after_put is not None:
                await self._after_put(service, branch, stored)

    async def _written(
        self, service: Service, request: Request, stored: Stored, terms: Terms, *, with_times: bool
    ) -> dict[str, Any]:
        deliveries: dict[str, Any] = {}
        if service.subscriptions is not None:
            deliveries = await service.read(
                service.subscriptions.deliveries, self._kind, request.branch, stored.kept["id"]
            )
        return write_subscription(
            stored,
            terms,
            deliveries,
            _now_us(),
            with_times=with_times,
            has_triggers=self._kind == ENTITIES,
        )


def _lay_down(desk: Desk, name: str, stored: Stored) -> None:
    desk.put_note(name, stored.kept["id"], encode_stored(stored))
    desk.put_note(REVISION, "", desk.now.encode())


def _id_of(request: Request) -> str:
    subscription_id = request.parts["id"]
    if not is_uri(subscription_id):
        uri(subscription_id, "id")
    return subscription_id


async def _notification_terms(
    service: Service, request: Request, read: ReadSubscription, terms: Terms
) -> Terms:
    """The `@context` that notifications are to be written in.

    Raises:
        LingjingError: `ngsild.context-…`: the one that `jsonldContext` names cannot be had.
    """
    address = read.kept.get("jsonldContext")
    if address is not None:
        return await _context_of(service, request, address)
    link = await service.contexts.keep(terms, request.tenant)
    if HOSTED in link:
        # notifications name an @context that has no address of its own by the one it gets here
        read.kept["jsonldContext"] = link
    return terms


async def _context_of(service: Service, request: Request, address: str) -> Terms:
    if not address.startswith(("http://", "https://")):
        raise LingjingError(
            "ngsild.member-value",
            Place(field="jsonldContext"),
            member="jsonldContext",
            expected="http://… | https://…",
        )
    return await service.contexts.terms(address, request.tenant)


def _now_us() -> int:
    return time.time_ns() // 1000


_PAGED: Final = frozenset({"limit", "offset", "count", "options"})


def routes_of(operations: Operations, kind: str, noun: str, clauses: str) -> tuple[Route, ...]:
    """The routes of one kind of subscription.

    Args:
        operations: What answers.
        kind: The path.
        noun: What the description calls it.
        clauses: Chapter of the standard and the numbers of its clauses for create, update,
            retrieve, query and delete.
    """
    chapter, *numbers = clauses.split()
    create, update, retrieve, query, delete = (f"{chapter}.{number}" for number in numbers)
    one = f"/{kind}/{{id}}"
    return (
        Route(
            method="POST", pattern=f"/{kind}", handler=operations.create, role="operate",
            operation=f"create{noun}", clause=create, consumes=BODIES, makes_tenant=True,
        ),
        Route(
            method="GET", pattern=f"/{kind}", handler=operations.query,
            operation=f"query{noun}s", clause=query, parameters=_PAGED,
        ),
        Route(
            method="GET", pattern=one, handler=operations.retrieve,
            operation=f"retrieve{noun}", clause=retrieve, parameters=frozenset({"options"}),
        ),
        Route(
            method="PATCH", pattern=one, handler=with_id(operations.update), role="operate",
            operation=f"update{noun}", clause=update, consumes=PATCH_BODIES,
        ),
        Route(
            method="DELETE", pattern=one, handler=with_id(operations.delete), role="operate",
            operation=f"delete{noun}", clause=delete,
        ),
    )  # fmt: skip


ROUTES: Final[tuple[Route, ...]] = routes_of(
    Operations(ENTITIES), ENTITIES, "Subscription", "5.8 1 2 3 4 5"
)
