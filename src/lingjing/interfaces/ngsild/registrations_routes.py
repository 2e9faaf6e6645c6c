"""Operations on context-source registrations (5.9, 5.10), and subscriptions to them (5.11)."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from lingjing.interfaces.ngsild.asked import Asked, bad, missing
from lingjing.interfaces.ngsild.members import is_uri, uri
from lingjing.interfaces.ngsild.pages import page_links
from lingjing.interfaces.ngsild.preferences import applied_version
from lingjing.interfaces.ngsild.query_parameters import geo_of, page_of
from lingjing.interfaces.ngsild.registrations_matching import (
    RegistrationQuery,
    When,
    attribute_names,
    overlapping,
)
from lingjing.interfaces.ngsild.registrations_reading import (
    read_registration,
    write_registration,
)
from lingjing.interfaces.ngsild.registrations_records import (
    REGISTERED,
    Registration,
    decode_registration,
    encode_registration,
)
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
from lingjing.interfaces.ngsild.subscriptions_matching import Selector
from lingjing.interfaces.ngsild.subscriptions_records import (
    REGISTRATIONS,
    Stored,
    collection,
)
from lingjing.interfaces.ngsild.subscriptions_routes import Operations, routes_of, with_id
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import micros
from lingjing.twin.ledger import Branch, Desk, Job, Selection
from lingjing.twin.query.evaluating import parse_query
from lingjing.twin.query.patterns import finder
from lingjing.twin.query.scopes import parse_scopes
from lingjing.twin.query.types import parse_types
from lingjing.vocabulary import LingjingError

_TIMES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")


async def register(service: Service, request: Request) -> Answer:
    """Make a registration (5.9.2)."""
    terms = await request.terms()
    draft = read_registration(request.json(), terms, _now_us())
    draft.kept.setdefault("id", f"urn:ngsi-ld:ContextSourceRegistration:{uuid4()}")
    branch = request.branch
    name = collection(REGISTERED, branch)
    await _refuse_claimed(service, branch, draft)
    others = await _all(service, branch)

    def run(desk: Desk) -> None:
        if desk.note(name, draft.id) is not None:
            raise LingjingError("ngsild.resource-exists", id=draft.id[:300])
        desk.put_note(name, draft.id, encode_registration(draft))

    other = overlapping(draft, others, _now_us())
    if other is not None:
        raise _conflict(draft, other.id)
    await service.write(Job(branch, (), run))
    _tell(service, branch, None, draft)
    return created(f"{BASE}/{REGISTERED}/{quote(draft.id, safe=':')}")


async def update(service: Service, request: Request) -> Answer:
    """Change members of a registration (5.9.3)."""
    registration_id = _id_of(request)
    terms = await request.terms()
    body = request.json()
    branch = request.branch
    name = collection(REGISTERED, branch)

    def run(desk: Desk) -> tuple[Registration, Registration]:
        note = desk.note(name, registration_id)
        if note is None:
            raise LingjingError("ngsild.no-resource", id=registration_id[:300])
        held = decode_registration(note)
        changed = read_registration(body, terms, desk.now_us, held)
        desk.put_note(name, registration_id, encode_registration(changed))
        return held, changed

    before, after = await service.write(Job(branch, (), run))
    _tell(service, branch, before, after)
    return done()


async def delete(service: Service, request: Request) -> Answer:
    """End a registration (5.9.4)."""
    registration_id = _id_of(request)
    branch = request.branch
    name = collection(REGISTERED, branch)

    def run(desk: Desk) -> Registration:
        note = desk.note(name, registration_id)
        if note is None:
            raise LingjingError("ngsild.no-resource", id=registration_id[:300])
        desk.delete_note(name, registration_id)
        return decode_registration(note)

    before = await service.write(Job(branch, (), run))
    _tell(service, branch, before, None)
    return done()


async def retrieve(service: Service, request: Request) -> Answer:
    """One registration (5.10.1)."""
    registration_id = _id_of(request)
    terms = await request.terms()
    with_times = "sysAttrs" in request.options("sysAttrs")
    name = collection(REGISTERED, request.branch)
    note = await service.read(service.ledger.note, request.tenant, name, registration_id)
    registration = None if note is None else decode_registration(note)
    if registration is None or registration.is_over(_now_us()):
        raise LingjingError("ngsild.no-resource", id=registration_id[:300])
    written = write_registration(registration, terms, with_times=with_times)
    return content(request, terms, written, headers=applied_version(request))


async def query(service: Service, request: Request) -> Answer:
    """Registrations of sources that may answer a query, in order of id (5.10.2)."""
    terms = await request.terms()
    with_times = "sysAttrs" in request.options("sysAttrs")
    asked = Asked(request.query)
    offset, limit, counts = page_of(asked, request)
    wanted = query_of_request(asked, terms)
    now_us = _now_us()
    found = [
        item
        for item in await _all(service, request.branch)
        if not item.is_over(now_us) and wanted.relevant(item)
    ]
    written = [
        write_registration(item, terms, with_times=with_times)
        for item in found[offset : offset + limit]
    ]
    links = page_links(
        request, offset, limit, has_more=offset + limit < len(found), is_resource=True
    )
    headers = [(b"link", link) for link in links]
    if counts:
        headers.append((b"ngsild-results-count", b"%d" % len(found)))
    return content(request, terms, written, headers=headers)


def query_of_request(asked: Asked, terms: Terms) -> RegistrationQuery:
    """What the parameters of an address ask of registrations.

    Raises:
        LingjingError: `query.…`: they cannot be read, or nothing narrows the query.
    """
    ids = asked.iris("id")
    names = asked.names("attrs")
    types = parse_types(asked.text("type"), terms.expand) if asked.has("type") else ()
    pattern = asked.text("idPattern")
    filters = tuple(
        parse_query(asked.text(name), terms.expand, (), None, name)
        for name in ("q", "csf")
        if asked.has(name)
    )
    geometry = geo_of(asked, terms)
    when = _when(asked)
    if not (types or ids or names or filters or geometry is not None):
        raise missing("type", "type | attrs | q | georel")
    selector = Selector(frozenset(ids), pattern, finder(pattern) if pattern else None, types)
    return RegistrationQuery(
        selectors=(selector,) if ids or pattern or types else (),
        attributes=frozenset(terms.expand(name) for name in names),
        filters=filters,
        geometry=geometry,
        scopes=parse_scopes(asked.text("scopeQ")) if asked.has("scopeQ") else None,
        when=when,
    )


def _when(asked: Asked) -> When | None:
    relation = asked.text("timerel")
    given = {name: asked.text(name) for name in ("timeAt", "endTimeAt") if asked.has(name)}
    if not relation:
        if given:
            raise missing("timerel", "timeAt")
        return None
    if relation not in ("before", "after", "between"):
        raise bad("timerel", relation, "before | after | between")
    for name in ("timeAt", "endTimeAt") if relation == "between" else ("timeAt",):
        if name not in given:
            raise missing(name, f"timerel={relation}")
    for name, value in given.items():
        try:
            micros(value)
        except (ValueError, OverflowError):
            raise bad(name, value, "2030-01-31T12:00:00Z") from None
    time_property = asked.text("timeproperty") or "observedAt"
    if time_property not in _TIMES:
        raise bad("timeproperty", time_property, " | ".join(_TIMES))
    return When.of({**given, "timerel": relation, "timeproperty": time_property})


async def _all(service: Service, branch: Branch) -> list[Registration]:
    name = collection(REGISTERED, branch)
    notes = await service.read(service.ledger.notes, branch.tenant, name)
    return [decode_registration(body) for _, body in notes]


async def _refuse_claimed(service: Service, branch: Branch, draft: Registration) -> None:
    """Refuse to give away what this twin already keeps itself (5.9.2.4).

    Raises:
        LingjingError: `ngsild.registration-conflict`.
    """
    mode = draft.kept.get("mode", "inclusive")
    if mode not in ("exclusive", "redirect"):
        return
    for item in draft.kept["information"]:
        names = tuple(attribute_names(item)) if mode == "exclusive" else ()
        for entity in item.get("entities", ()):
            types = entity["type"]
            selection = Selection(
                ids=(entity["id"],) if "id" in entity else (),
                id_pattern=entity.get("idPattern", ""),
                types=tuple((kind,) for kind in ([types] if isinstance(types, str) else types)),
                attributes=names,
                limit=1,
            )
            found = await service.read_long(service.ledger.find, branch, selection)
            if found.records:
                raise _conflict(draft, found.records[0].id)


def _conflict(draft: Registration, other: str) -> LingjingError:
    return LingjingError("ngsild.registration-conflict", id=draft.id[:300], other=other[:300])


def _tell(
    service: Service, branch: Branch, before: Registration | None, after: Registration | None
) -> None:
    if service.subscriptions is not None:
        service.subscriptions.registration_changed(branch, before, after)


async def _tell_all(service: Service, branch: Branch, stored: Stored) -> None:
    """A new or changed subscription is told at once what it is about (5.11.7)."""
    if service.subscriptions is not None:
        await service.read(service.subscriptions.tell_registrations, branch, stored.kept["id"])


def _id_of(request: Request) -> str:
    registration_id = request.parts["id"]
    if not is_uri(registration_id):
        uri(registration_id, "id")
    return registration_id


def _now_us() -> int:
    return time.time_ns() // 1000


_ASKED: Final = frozenset((
    "id", "type", "idPattern", "attrs", "q", "csf", "georel", "geometry", "coordinates",
    "geoproperty", "timeproperty", "timerel", "timeAt", "endTimeAt", "scopeQ", "limit", "offset",
    "count", "options", "lang",
))  # fmt: skip
_ONE: Final = f"/{REGISTERED}/{{id}}"
ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST", pattern=f"/{REGISTERED}", handler=register, role="administer",
        operation="createCSR", clause="5.9.2", consumes=BODIES, makes_tenant=True,
    ),
    Route(
        method="GET", pattern=f"/{REGISTERED}", handler=query,
        operation="queryCSR", clause="5.10.2", parameters=_ASKED,
    ),
    Route(
        method="GET", pattern=_ONE, handler=retrieve,
        operation="retrieveCSR", clause="5.10.1", parameters=frozenset({"options"}),
    ),
    Route(
        method="PATCH", pattern=_ONE, handler=with_id(update), role="administer",
        operation="updateCSR", clause="5.9.3", consumes=PATCH_BODIES,
    ),
    Route(
        method="DELETE", pattern=_ONE, handler=with_id(delete), role="administer",
        operation="deleteCSR", clause="5.9.4",
    ),
    *routes_of(
        Operations(REGISTRATIONS, _tell_all), REGISTRATIONS, "CSRSubscription", "5.11 2 3 4 5 6"
    ),
)  # fmt: skip
