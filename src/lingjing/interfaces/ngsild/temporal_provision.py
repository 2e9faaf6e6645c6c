"""Writing the evolution of entities: whole, attribute by attribute, instance by instance."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from lingjing.interfaces.ngsild.names import attribute_of, entity_id_of
from lingjing.interfaces.ngsild.reading import (
    read_partial_attribute,
    read_temporal_entity,
    read_temporal_fragment,
)
from lingjing.interfaces.ngsild.reading_members import is_uri, read_instant, read_scope, within
from lingjing.interfaces.ngsild.requests import (
    BASE,
    BODIES,
    PATCH_BODIES,
    Answer,
    Request,
    Route,
    created,
    done,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.writing_temporal import sequence_of
from lingjing.twin.changes import SCOPE, partial_instance
from lingjing.twin.documents import Instance
from lingjing.twin.evolution import (
    FROM_HISTORY,
    Standing,
    add_observations,
    standing_rows,
)
from lingjing.twin.ledger import Branch, Desk, Job, Ledger, Moment, Span
from lingjing.vocabulary import LingjingError

Instances = dict[str, list[Instance]]


async def upsert_evolution(service: Service, request: Request) -> Answer:
    """The evolution of an entity made, or added to (5.6.11)."""
    terms = await request.terms()
    body, scopes = _scopes_apart(request.json())
    sent = read_temporal_entity(body, terms)
    observations: Instances = dict(sent.attributes)
    if scopes:
        observations[SCOPE] = scopes
    elif sent.scope:
        observations[SCOPE] = [{"type": "Property", "value": sent.scope}]
    head = {"expiresAt": sent.expires_at} if sent.expires_at else {}
    standing = await _standing(service, request, sent.id, observations)

    def upsert(desk: Desk) -> bool:
        return add_observations(desk, sent.id, sent.type, observations, head, standing)

    is_new = await service.write(Job(request.branch, (sent.id,), upsert))
    if is_new:
        return created(f"{BASE}/temporal/entities/{quote(sent.id, safe=':')}")
    return done()


async def add_attributes(service: Service, request: Request) -> Answer:
    """Instances added to the evolution of an entity that is known (5.6.12)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    body, scopes = _scopes_apart(request.json())
    observations: Instances = read_temporal_fragment(body, terms)
    if scopes:
        observations[SCOPE] = scopes
    types = await _known(service, request, entity_id)
    standing = await _standing(service, request, entity_id, observations)

    def add(desk: Desk) -> None:
        if not desk.has_history(entity_id):
            raise no_evolution(entity_id)
        document = desk.document(entity_id)
        held = types if document is None else document["type"]
        add_observations(desk, entity_id, held, observations, standing=standing)

    await service.write(Job(request.branch, (entity_id,), add))
    return done()


async def _standing(
    service: Service, request: Request, entity_id: str, observations: Instances
) -> Standing:
    """Rows of history at the times of what was sent; nothing for an entity that is not known."""
    if await service.read(service.ledger.known_to_history, request.branch, entity_id) is None:
        return {}
    return await service.read_long(
        standing_rows, service.ledger, request.branch, entity_id, observations
    )


def _scopes_apart(body: Any) -> tuple[Any, list[Instance]]:
    """The body without scopes that are told as instances with times, and these (4.5.6).

    Raises:
        LingjingError: `ngsild.…`: they cannot be read.
    """
    value = body.get("scope") if isinstance(body, dict) else None
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list) or not any(isinstance(item, dict) for item in items):
        return body, []
    instances: list[Instance] = []
    for number, item in enumerate(items):
        try:
            if not isinstance(item, dict) or item.get("type", "Property") != "Property":
                raise LingjingError("ngsild.bad-scope", scope=str(item)[:100])
            instance: Instance = {"type": "Property", "value": read_scope(item.get("value"))}
            if "observedAt" in item:
                instance["observedAt"] = read_instant(item["observedAt"])
        except LingjingError as error:
            raise within(error, f"scope[{number}]") from None
        instances.append(instance)
    return {name: member for name, member in body.items() if name != "scope"}, instances


async def delete_evolution(service: Service, request: Request) -> Answer:
    """The evolution of an entity removed (5.6.16).

    An entity that came into being through its history ends with it.
    """
    _need_segment(request, "id")
    entity_id = entity_id_of(request)
    await _known(service, request, entity_id)

    def remove(desk: Desk) -> None:
        document = desk.document(entity_id)
        if document is not None and document.get(FROM_HISTORY):
            desk.delete(entity_id, forget_history=True)
        elif not desk.erase_history(entity_id):
            raise no_evolution(entity_id)

    await service.write(Job(request.branch, (entity_id,), remove))
    return done()


async def delete_attribute(service: Service, request: Request) -> Answer:
    """The evolution of an attribute removed, of one dataset or of all (5.6.13)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    attribute = attribute_of(request, terms)
    dataset = request.query.get("datasetId", "")
    if dataset and not is_uri(dataset):
        raise LingjingError("ngsild.bad-parameter", name="datasetId", value=dataset[:100])
    wanted = None if request.flag("deleteAll") else dataset
    await _known(service, request, entity_id)

    def remove(desk: Desk) -> None:
        if not desk.erase_history(entity_id, attribute, wanted):
            raise no_instance(entity_id, attribute)

    await service.write(Job(request.branch, (entity_id,), remove))
    return done()


async def update_instance(service: Service, request: Request) -> Answer:
    """Some members of one instance in the past replaced (5.6.14)."""
    _need_segment(request, "attribute")
    entity_id = entity_id_of(request)
    terms = await request.terms()
    attribute = attribute_of(request, terms)
    sequence = _sequence(request)
    fragment = _only_instance(request.json(), request.parts["attribute"])
    given = read_partial_attribute(fragment, terms, attribute=attribute, nulls="refused")
    await _known(service, request, entity_id)
    held = await service.read_long(
        _moment, service.ledger, request.branch, entity_id, attribute, sequence
    )
    if held is None or held.instance is None:
        raise no_instance(entity_id, attribute)
    before = held.instance

    def amend(desk: Desk) -> None:
        after = partial_instance(before, {**given, "datasetId": held.dataset}, desk.now)
        if not desk.amend_history(entity_id, sequence, after):
            raise no_instance(entity_id, attribute)

    await service.write(Job(request.branch, (entity_id,), amend))
    return done()


def _only_instance(body: Any, name: str) -> Any:
    """The instance in a body, which may stand alone, in a list, or under the attribute's name."""
    if isinstance(body, dict) and name in body and "type" not in body:
        body = body[name]
    if isinstance(body, list) and len(body) == 1:
        return body[0]
    return body


async def delete_instance(service: Service, request: Request) -> Answer:
    """One instance removed from the past (5.6.15)."""
    entity_id = entity_id_of(request)
    terms = await request.terms()
    attribute = attribute_of(request, terms)
    sequence = _sequence(request)
    await _known(service, request, entity_id)

    def remove(desk: Desk) -> None:
        if not desk.erase_history(entity_id, attribute, None, sequence):
            raise no_instance(entity_id, attribute)

    await service.write(Job(request.branch, (entity_id,), remove))
    return done()


def _need_segment(request: Request, name: str) -> None:
    """Refuse an address with an empty segment: it names a collection, which has no such method.

    Raises:
        LingjingError: `ngsild.method-not-allowed`.
    """
    if not request.parts[name]:
        raise LingjingError(
            "ngsild.method-not-allowed", method=request.method, path=request.path[:200]
        )


def _sequence(request: Request) -> int:
    """The row of history that the address names.

    Raises:
        LingjingError: `ngsild.bad-id` (no URI), `ngsild.no-evolution-instance`.
    """
    identifier = request.parts["instance"]
    if not is_uri(identifier):
        raise LingjingError("ngsild.bad-id", id=identifier[:300])
    sequence = sequence_of(identifier)
    if sequence is None:
        raise no_instance(request.parts["id"], identifier)
    return sequence


def _moment(
    ledger: Ledger, branch: Branch, entity_id: str, attribute: str, sequence: int
) -> Moment | None:
    span = Span(attributes=(attribute,), time="modifiedAt")
    for moment in ledger.history(branch, entity_id, span):
        if moment.sequence == sequence:
            return moment
    return None


async def _known(service: Service, request: Request, entity_id: str) -> tuple[str, ...]:
    """Types of an entity that the branch has seen.

    Raises:
        LingjingError: `ngsild.no-evolution`.
    """
    types = await service.read(service.ledger.known_to_history, request.branch, entity_id)
    if types is None:
        raise no_evolution(entity_id)
    return types


def no_evolution(entity_id: str) -> LingjingError:
    """The error for an entity that nothing is known of."""
    return LingjingError("ngsild.no-evolution", id=entity_id[:300])


def no_instance(entity_id: str, attribute: str) -> LingjingError:
    """The error for an instance that history does not hold."""
    return LingjingError(
        "ngsild.no-evolution-instance", id=entity_id[:300], attribute=attribute[:300]
    )


_LOCAL: Final = frozenset({"local"})
_ENTITY: Final = "/temporal/entities/{id}"

ROUTES: Final = (
    Route(
        method="POST",
        pattern="/temporal/entities",
        handler=upsert_evolution,
        role="sense",
        operation="upsertTemporal",
        clause="5.6.11",
        parameters=_LOCAL,
        consumes=BODIES,
        makes_tenant=True,
    ),
    Route(
        method="DELETE",
        pattern=_ENTITY,
        handler=delete_evolution,
        role="administer",
        operation="deleteTemporal",
        clause="5.6.16",
        parameters=_LOCAL,
    ),
    Route(
        method="POST",
        pattern=f"{_ENTITY}/attrs",
        handler=add_attributes,
        role="sense",
        operation="appendAttrsTemporal",
        clause="5.6.12",
        parameters=_LOCAL,
        consumes=BODIES,
    ),
    Route(
        method="DELETE",
        pattern=f"{_ENTITY}/attrs/{{attribute}}",
        handler=delete_attribute,
        role="administer",
        operation="deleteAttrsTemporal",
        clause="5.6.13",
        parameters=frozenset({"deleteAll", "datasetId", "local"}),
    ),
    Route(
        method="PATCH",
        pattern=f"{_ENTITY}/attrs/{{attribute}}/{{instance}}",
        handler=update_instance,
        role="operate",
        operation="updateAttrInstanceTemporal",
        clause="5.6.14",
        parameters=_LOCAL,
        consumes=PATCH_BODIES,
    ),
    Route(
        method="DELETE",
        pattern=f"{_ENTITY}/attrs/{{attribute}}/{{instance}}",
        handler=delete_instance,
        role="administer",
        operation="deleteAttrInstanceTemporal",
        clause="5.6.15",
        parameters=_LOCAL,
    ),
)
