"""The text of notifications (5.3.1, 5.8.6): which entities, shown how, in which `@context`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from uuid import uuid4

import msgspec

from lingjing.interfaces.ngsild.addresses import link_header
from lingjing.interfaces.ngsild.media import GEO_JSON, JSON, LD_JSON
from lingjing.interfaces.ngsild.notify import Event, Message
from lingjing.interfaces.ngsild.subscriptions_subscriber import Subscriber
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.writing import (
    Form,
    Projection,
    Representation,
    linked_documents,
    write_features,
    write_flat,
    writer,
)
from lingjing.twin.changes import NULL
from lingjing.twin.documents import PAYLOADS, Document, Instance, instant_text
from lingjing.twin.ledger import Ledger

_FORMS: Final[dict[str, Form]] = {
    "normalized": "normalized",
    "concise": "concise",
    "keyValues": "simplified",
    "simplified": "simplified",
}
_encode: Final = msgspec.json.Encoder().encode


class NotificationWriter:
    """Writes notifications.

    Args:
        ledger: Where linked entities are found.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def write(self, subscriber: Subscriber, events: Sequence[Event]) -> Message:
        """One notification about all these changes."""
        terms, accept = subscriber.terms, subscriber.endpoint.accept
        body: dict[str, Any] = {
            "id": f"urn:ngsi-ld:Notification:{uuid4()}",
            "type": "ContextSourceNotification" if events[0].reason else "Notification",
            "subscriptionId": subscriber.id,
            "notifiedAt": instant_text(max(event.told_us for event in events)),
        }
        if events[0].reason:
            body["triggerReason"] = events[0].reason
            data: Any = [event.after for event in events if event.after is not None]
        else:
            data = await self._entities(subscriber, events)
        if accept == LD_JSON:
            body["@context"] = terms.body
            data = [{**item, "@context": terms.body} for item in data]
        body["data"] = data
        return Message(_encode(body), headers_of(subscriber.watch.branch.tenant, accept, terms))

    async def _entities(self, subscriber: Subscriber, events: Sequence[Event]) -> Any:
        terms, kept = subscriber.terms, subscriber.watch.kept
        representation = representation_of(kept)
        documents = [told(event, kept, terms) for event in events]
        if subscriber.endpoint.accept == GEO_JSON:
            return write_features(documents, terms, representation, has_context=False)
        notification = kept["notification"]
        join = notification.get("join", "@none")
        if join == "@none":
            written = writer(terms, representation).entities(documents)
        else:
            level = notification.get("joinLevel", 1)

            async def fetch(ids: list[str]) -> Mapping[str, Document]:
                branch = subscriber.watch.branch
                records = await asyncio.to_thread(self._ledger.records, branch, ids)
                return {name: record.document for name, record in records.items()}

            linked = await linked_documents(documents, terms, representation, level, fetch)
            if join == "flat":
                written = write_flat(documents, linked, terms, representation)
            else:
                one = writer(terms, representation)
                written = [one.entity(document, linked, level) for document in documents]
        for document, entity in zip(documents, written, strict=False):
            if "deletedAt" in document:  # shown whether or not times are asked for
                entity["deletedAt"] = document["deletedAt"]
        return written


def headers_of(tenant: str, accept: str, terms: Terms) -> tuple[tuple[str, str], ...]:
    """Headers of a notification: its type, its `@context` where the body lacks it, its tenant."""
    headers = [("Content-Type", accept)]
    if accept in (JSON, GEO_JSON):
        headers.append(("Link", link_header(terms.link).decode("latin-1")))
    if tenant:
        headers.append(("NGSILD-Tenant", tenant))
    return tuple(headers)


def representation_of(kept: Mapping[str, Any]) -> Representation:
    """How a subscription wants entities to be written."""
    notification = kept["notification"]
    datasets = kept.get("datasetId")
    return Representation(
        form=_FORMS[notification.get("format", "normalized")],
        has_times=notification.get("sysAttrs", False),
        language=kept.get("lang", ""),
        attributes=_names(notification.get("attributes")),
        pick=_projection(notification.get("pick")),
        omit=_projection(notification.get("omit")),
        datasets=_names(
            None if datasets is None else ["" if d == "@none" else d for d in datasets]
        ),
    )


def _names(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _projection(names: list[str] | None) -> Projection | None:
    return None if names is None else Projection(frozenset(names))


def told(event: Event, kept: Mapping[str, Any], terms: Terms) -> Document:
    """The entity as a notification shows it.

    What was deleted stands in it with the NGSI-LD null for its value. With `showChanges`, what
    was changed also has its previous value.
    """
    now = instant_text(event.told_us)
    notification = kept["notification"]
    before = event.before["attributes"] if event.before is not None else {}
    if event.after is None:
        gone_entity = cast("Document", event.before)
        document = {name: gone_entity[name] for name in ("id", "type")}
        document |= {name: gone_entity.get(name, now) for name in ("createdAt", "modifiedAt")}
        document["deletedAt"] = now
        attributes: dict[str, dict[str, Instance]] = {}
    else:
        document = event.after
        attributes = event.after["attributes"]
        if notification.get("onlyChangedAttributes"):
            names = {name for name, _ in event.changed}
            attributes = {name: held for name, held in attributes.items() if name in names}
    shows_changes = notification.get("showChanges", False)
    laid: dict[str, dict[str, Instance]] = {}
    for name, dataset in event.gone:
        held = before.get(name, {}).get(dataset)
        if held is None or (name in laid and name not in attributes and not shows_changes):
            continue  # an attribute that is gone altogether is told once
        gone = _deleted(held, terms, shows=shows_changes)
        if notification.get("sysAttrs"):
            gone["deletedAt"] = now
        laid.setdefault(name, {})[dataset] = gone
    for name, dataset in event.changed if shows_changes else ():
        present, held = attributes.get(name, {}).get(dataset), before.get(name, {}).get(dataset)
        if present is not None and held is not None:
            laid.setdefault(name, {})[dataset] = present | _previous(held, terms)
    if laid:
        # in the order of the entity, what is gone last
        attributes = {
            name: {**attributes.get(name, {}), **laid.get(name, {})}
            for name in (*attributes, *laid)
        }
    return {**document, "attributes": attributes}


def _deleted(held: Instance, terms: Terms, *, shows: bool) -> Instance:
    """An instance that is gone: the null in the place of its value (4.5.0)."""
    kind = held["type"]
    value: Any = {"@none": NULL} if kind == "LanguageProperty" else NULL
    gone = {"type": kind, PAYLOADS[kind]: value}
    gone |= {name: held[name] for name in ("datasetId", "createdAt", "modifiedAt") if name in held}
    return gone | _previous(held, terms) if shows else gone


def _previous(held: Instance, terms: Terms) -> dict[str, Any]:
    """The member with the value that was: `previousValue` and its kin."""
    payload = PAYLOADS[held["type"]]
    value = held.get(payload)
    if payload == "vocab":
        value = terms.compact_vocab(value)
    return {f"previous{payload[0].upper()}{payload[1:]}": value}
