"""What viewers are told of commits: one item an entity, however often it changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lingjing.twin.documents import CORE, DEFAULT_TERMS, LOCATION, Document, Instance, payload
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK, Branch, Commit
from lingjing.twin.packed import Box, boxes

LONGEST_VALUE: Final = 4_096
"""A value that takes more bytes than this is not sent; who wants it asks for the entity."""

_encoder = msgspec.json.Encoder()


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer wants to be told of; an empty list is all.

    Attributes:
        tenant, branch: Whose twin, and which line of it.
        types: Names of entity types.
        districts: Names of districts.
        attributes: Names of attributes; beside them, only coming and going is told.
        ids: Entities.
    """

    tenant: str = DEFAULT_TENANT
    branch: str = TRUNK
    types: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


class Event(msgspec.Struct, frozen=True):
    """Something to tell that is no change of an entity, to viewers of the default tenant.

    Attributes:
        name: Of the event.
        content: What is told.
        district: Only to those who look at this district, or at all.
    """

    name: str
    content: dict[str, Any]
    district: str = ""


class Item(msgspec.Struct):
    """What became of one entity.

    Attributes:
        id, types, district: Which entity; no district where the id names none.
        before, after: Whether it was there before, and is there after.
        attributes: (name, dataset) → member for the answer.
        area: Box around where it was and is [°], where it moved, came or went.
        sequence: Number of its last change.
    """

    id: str
    types: tuple[str, ...]
    district: str
    before: bool
    after: bool = True
    attributes: dict[tuple[str, str], dict[str, Any]] = {}
    area: Box | None = None
    sequence: int = 0

    @property
    def operation(self) -> str:
        """`create`, `update` or `delete`."""
        if not self.before:
            return "create"
        return "update" if self.after else "delete"


Place = tuple[str, str]
"""Tenant and branch."""


def short(iri: str) -> str:
    """A name without the beginning of the default or the core vocabulary."""
    return iri.removeprefix(DEFAULT_TERMS).removeprefix(CORE)


def gathered(commits: Iterable[Commit], into: dict[Place, dict[str, Item]]) -> None:
    """Lay commits over what was gathered before, in order."""
    for commit in commits:
        items = into.setdefault(_place(commit.branch), {})
        for entry in commit.entries:
            document = entry.after or entry.before
            told = [change for change in entry.changes if change.current]
            if document is None or not (told or (entry.before is None) != (entry.after is None)):
                continue
            item = items.get(entry.id)
            if item is None:
                item = items[entry.id] = Item(
                    entry.id,
                    tuple(short(name) for name in document["type"]),
                    _district(entry.id),
                    entry.before is not None,
                    sequence=commit.sequence,
                )
            moved = entry.before is None or entry.after is None
            for change in told:
                if change.attribute is None:
                    continue
                moved = moved or change.attribute == LOCATION
                key = (short(change.attribute), change.dataset)
                item.attributes[key] = _member(key, change.instance)
            item.after = entry.after is not None
            item.sequence = commit.sequence
            if moved:
                item.area = _around(item.area, entry.before, entry.after)


def _district(entity_id: str) -> str:
    """The district that an id names: `urn:ngsi-ld:TYPE:DISTRICT:REST`."""
    parts = entity_id.split(":", 4)
    return parts[3] if len(parts) == 5 and parts[:2] == ["urn", "ngsi-ld"] else ""


def _place(branch: Branch) -> Place:
    return branch.tenant, branch.name


def _member(key: tuple[str, str], instance: Instance | None) -> dict[str, Any]:
    """An attribute's new state: its value, when it was observed, its unit."""
    name, dataset = key
    found: dict[str, Any] = {"name": name}
    if dataset:
        found["dataset"] = dataset
    if instance is None:
        return {**found, "deleted": True}
    value = payload(instance)
    if len(_encoder.encode(value)) > LONGEST_VALUE:
        found["large"] = True
    else:
        found["value"] = value
    for source, target in (("observedAt", "observed_at"), ("unitCode", "unit_code")):
        if source in instance:
            found[target] = instance[source]
    return found


def _around(area: Box | None, *documents: Document | None) -> Box | None:
    found = [] if area is None else [area]
    for document in documents:
        if document is not None:
            found += boxes(document).get(LOCATION, [])
    if not found:
        return None
    wests, souths, easts, norths = zip(*found, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def content_of(item: Item, attributes: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """An item as it is sent, with some attributes only; None where nothing is left to tell."""
    if item.before is False and item.after is False:
        return None  # came and went in between
    members = [
        member
        for (name, _), member in item.attributes.items()
        if not attributes or name in attributes
    ]
    if item.operation == "update" and not members and attributes:
        return None
    found: dict[str, Any] = {
        "id": item.id,
        "types": list(item.types),
        "operation": item.operation,
        "sequence": item.sequence,
    }
    if item.district:
        found["district"] = item.district
    if item.operation != "delete":
        found["attributes"] = members
    if item.area is not None:
        found["bounds"] = list(item.area)
    return found


def wanted(items: Mapping[str, Item], interest: Interest) -> list[dict[str, Any]]:
    """The items that a viewer is interested in, as they are sent."""
    chosen: Iterable[Item] = items.values()
    if interest.ids:
        chosen = [items[name] for name in interest.ids if name in items]
    found = []
    for item in chosen:
        if interest.types and not set(interest.types).intersection(item.types):
            continue
        if interest.districts and item.district not in interest.districts:
            continue
        content = content_of(item, interest.attributes)
        if content is not None:
            found.append(content)
    return found
