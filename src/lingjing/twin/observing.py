"""What observations do to an entity: the newest is its present state, older ones are history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lingjing.twin.documents import Document, Instance, micros, payload
from lingjing.twin.ledger import Change, Desk


class Observed(NamedTuple):
    """One observation of one attribute.

    Attributes:
        attribute: IRI.
        dataset: Empty for the default one.
        at_us: When it was made [µs].
        instance: Without `createdAt` and `modifiedAt`.
    """

    attribute: str
    dataset: str
    at_us: int
    instance: Instance


class Taken(NamedTuple):
    """How many observations were new, how many of those came late, how many were known."""

    new: int
    late: int
    known: int


def observe(
    desk: Desk, entity_id: str, types: Sequence[str], observed: Sequence[Observed]
) -> Taken:
    """Take observations of one entity, in any order.

    An observation is known where history holds the same value for the same time. One that says
    something else of the newest time corrects it.

    Args:
        desk: Where the job works.
        entity_id: The entity.
        types: What it is made with where it is absent (IRIs); must not be empty then.
        observed: The observations.
    """
    document = desk.document(entity_id)
    was_known = document is not None or desk.has_history(entity_id)
    work = _Work(desk, entity_id, document, was_known=was_known)
    for item in sorted(observed, key=lambda item: item.at_us):
        work.take(item)
    if work.present:
        base: Document = document or {
            "id": entity_id,
            "type": list(types),
            "createdAt": desk.now,
            "attributes": {},
        }
        changes = work.changes if document is not None else [Change("create"), *work.changes]
        desk.put({**base, "modifiedAt": desk.now, "attributes": work.attributes}, changes)
    elif work.changes:
        held = list(types) if document is None else document["type"]
        desk.record_history(entity_id, held, work.changes)
    return Taken(work.new, work.late, work.known)


class _Work:
    """The state of an entity while its observations are taken."""

    def __init__(
        self, desk: Desk, entity_id: str, document: Document | None, *, was_known: bool
    ) -> None:
        self._desk = desk
        self._id = entity_id
        self._was_known = was_known
        self.attributes: dict[str, dict[str, Instance]] = (
            {} if document is None else dict(document["attributes"])
        )
        self.changes: list[Change] = []
        self.present = False
        self.new = self.late = self.known = 0
        self._added: set[tuple[str, str, int, str]] = set()

    def take(self, item: Observed) -> None:
        """Take one observation; they come in order of time."""
        held = self.attributes.get(item.attribute, {}).get(item.dataset)
        at = None if held is None else held.get("observedAt")
        held_us = None if at is None else micros(at)
        if held_us is None or item.at_us >= held_us:
            if held is not None and item.at_us == held_us and _same(held, item.instance):
                self.known += 1
                return
            self._set(item, held)
        elif self._is_known(item):
            self.known += 1
        else:
            self._note(item)

    def _set(self, item: Observed, held: Instance | None) -> None:
        now = self._desk.now
        created = now if held is None else held.get("createdAt", now)
        made = {**item.instance, "createdAt": created, "modifiedAt": now}
        datasets = self.attributes.get(item.attribute, {})
        self.attributes[item.attribute] = {**datasets, item.dataset: made}
        operation: Any = "create" if held is None else "update"
        self.changes.append(Change(operation, item.attribute, item.dataset, made))
        self.present = True
        self.new += 1

    def _note(self, item: Observed) -> None:
        now = self._desk.now
        made = {**item.instance, "createdAt": now, "modifiedAt": now}
        self.changes.append(Change("create", item.attribute, item.dataset, made, current=False))
        self._added.add(_key(item))
        self.new += 1
        self.late += 1

    def _is_known(self, item: Observed) -> bool:
        if _key(item) in self._added:
            return True
        if not self._was_known:
            return False
        there = self._desk.observed_already(self._id, item.attribute, item.dataset, item.at_us)
        return any(_same(instance, item.instance) for instance in there)


def _same(one: Instance, other: Instance) -> bool:
    return bool(one["type"] == other["type"] and payload(one) == payload(other))


def _key(item: Observed) -> tuple[str, str, int, str]:
    return item.attribute, item.dataset, item.at_us, repr(payload(item.instance))
