"""Which registrations a query or a subscription is about (5.10.2, 5.11.7, 5.12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.notify import Event
from lingjing.interfaces.ngsild.registrations_reading import GEOMETRIES, write_registration
from lingjing.interfaces.ngsild.registrations_records import Registration
from lingjing.interfaces.ngsild.subscriptions_conditions import Names, query_of
from lingjing.interfaces.ngsild.subscriptions_matching import Selector, Watch
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import CORE, Document, micros
from lingjing.twin.query.evaluating import Query
from lingjing.twin.query.geo import GeoQuery
from lingjing.twin.query.patterns import finder
from lingjing.twin.query.scopes import ScopeTest

_PLAIN_MEMBERS: Final = (
    "endpoint", "tenant", "contextSourceAlias", "registrationName", "description", "mode",
)  # fmt: skip
_MANAGED: Final = frozenset(("createdAt", "modifiedAt", "deletedAt"))


class When(msgspec.Struct, frozen=True):
    """A temporal condition (4.11): the source has something of this time.

    Attributes:
        relation: before, after or between.
        at_us, end_us: The moment, and the later one of `between` [µs].
        member: The interval of the registration that it is about.
    """

    relation: str
    at_us: int
    end_us: int | None
    member: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> When:
        """The condition of `timerel`, `timeAt`, `endTimeAt` and `timeproperty`."""
        is_managed = query.get("timeproperty", "observedAt") in _MANAGED
        end = query.get("endTimeAt")
        return cls(
            query["timerel"],
            micros(query["timeAt"]),
            None if end is None else micros(end),
            "managementInterval" if is_managed else "observationInterval",
        )

    def accept(self, kept: Mapping[str, Any]) -> bool:
        """Whether the interval and the time have something in common."""
        interval = kept.get(self.member)
        if interval is None:
            return False
        starts = micros(interval["startAt"]) < (
            self.at_us if self.relation == "before" else self.end_us or 2**63
        )
        ends_us = micros(interval["endAt"]) if "endAt" in interval else 2**63
        return starts and (self.relation == "before" or ends_us > self.at_us)


class RegistrationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of registrations; all conditions hold together.

    Attributes:
        selectors: Entities that the source should have, any of these; empty for all.
        attributes: IRIs, any of these; empty for all.
        filters: Conditions on context-source properties (`csf`, `q`).
        geometry: Condition on a geometry of the registration.
        scopes: Condition on its scopes.
        when: Condition on its intervals; None for sources of the present only.
    """

    selectors: tuple[Selector, ...] = ()
    attributes: frozenset[str] = frozenset()
    filters: tuple[Query, ...] = ()
    geometry: GeoQuery | None = None
    scopes: ScopeTest | None = None
    when: When | None = None

    def relevant(self, registration: Registration) -> list[dict[str, Any]]:
        """The information of a registration that meets the query; empty where it is not meant."""
        kept = registration.kept
        if self.when is None:
            if "observationInterval" in kept or "managementInterval" in kept:
                return []
        elif not self.when.accept(kept):
            return []
        if self.scopes is not None and not self.scopes(kept.get("scope", ())):
            return []
        if self.geometry is not None and not self._lies(kept, self.geometry):
            return []
        if self.filters:
            document = properties_document(registration)
            if not all(query.accept(document) for query in self.filters):
                return []
        found = (self._part(item) for item in kept["information"])
        return [part for part in found if part is not None]

    def _lies(self, kept: Mapping[str, Any], geometry: GeoQuery) -> bool:
        name = geometry.attribute.removeprefix(CORE)
        return name in GEOMETRIES and geometry.accept_geometry(kept.get(name))

    def _part(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """The matching part of one piece of information; None where there is none."""
        names = (*item.get("propertyNames", ()), *item.get("relationshipNames", ()))
        if self.attributes and names and self.attributes.isdisjoint(names):
            return None
        if not self.selectors or "entities" not in item:
            return item
        entities = [
            entity
            for entity in item["entities"]
            if any(_meets(selector, entity) for selector in self.selectors)
        ]
        return {**item, "entities": entities} if entities else None


def _meets(selector: Selector, entity: Mapping[str, Any]) -> bool:
    """Whether a selector and the entities of a source can have an entity in common."""
    types = entity["type"]
    held = {types} if isinstance(types, str) else set(types)
    if selector.types and not any(not held.isdisjoint(group) for group in selector.types):
        return False
    if "id" in entity:
        name = entity["id"]
        return (not selector.ids or name in selector.ids) and (
            selector.found is None or selector.found(name)
        )
    if "idPattern" in entity and selector.ids:
        return any(map(finder(entity["idPattern"]), selector.ids))
    # two patterns may always have an id in common; nobody can tell in general
    return True


def properties_document(registration: Registration) -> Document:
    """The properties of a source as a document, for queries to look at."""
    attributes: dict[str, Any] = {}
    plain = {
        CORE + name: registration.kept[name] for name in _PLAIN_MEMBERS if name in registration.kept
    }
    for iri, value in (plain | registration.properties).items():
        is_instance = isinstance(value, dict) and value.get("type") in ("Property", "GeoProperty")
        instance = value if is_instance else {"type": "Property", "value": value}
        attributes[iri] = {"": instance}
    return {"id": registration.id, "type": [], "attributes": attributes}


def query_of_watch(watch: Watch) -> RegistrationQuery:
    """What a subscription to registrations asks."""
    filters = []
    if "csf" in watch.kept:
        filters.append(query_of(watch.kept["csf"], Names(None, watch.names)))
    return RegistrationQuery(
        selectors=watch.selectors,
        attributes=watch.watched or frozenset(),
        filters=tuple(filters),
        geometry=watch.geometry,
        scopes=watch.scopes,
        when=When.of(watch.kept["temporalQ"]) if "temporalQ" in watch.kept else None,
    )


def change_event(
    query: RegistrationQuery,
    before: Registration | None,
    after: Registration | None,
    terms: Terms,
    now_us: int,
) -> Event | None:
    """What a subscription is told about a registration that was made, changed or deleted.

    Args:
        query: What the subscription asks.
        before, after: The registration; None where it did not exist, or no longer does.
        terms: The `@context` to write it in.
        now_us: The present [µs].
    """
    matched = query.relevant(before) if before is not None and not before.is_over(now_us) else []
    matches = query.relevant(after) if after is not None and not after.is_over(now_us) else []
    if matches:
        reason = "updated" if matched else "newlyMatching"
        shown, information = after, matches
    elif matched:
        reason, shown, information = "noLongerMatching", before, matched
    else:
        return None
    if shown is None:
        return None
    # told as lists, whatever their number (5.2.8)
    listed = [_with_lists(item) for item in information]
    written = write_registration(shown, terms, information=listed)
    return Event(now_us, shown.id, None, written, reason=reason)


def _with_lists(item: dict[str, Any]) -> dict[str, Any]:
    if "entities" not in item:
        return item
    entities = [
        {**entity, "type": [entity["type"]] if isinstance(entity["type"], str) else entity["type"]}
        for entity in item["entities"]
    ]
    return {**item, "entities": entities}


def overlapping(
    registration: Registration, others: Iterable[Registration], now_us: int
) -> Registration | None:
    """A registration that excludes this one, or that it would exclude (4.3.6.3).

    An exclusive registration stands alone for its entity and attributes: no other exclusive or
    redirecting one may cover them.
    """
    mode = registration.kept.get("mode", "inclusive")
    if mode not in ("exclusive", "redirect"):
        return None
    for other in others:
        other_mode = other.kept.get("mode", "inclusive")
        if other.id == registration.id or other.is_over(now_us):
            continue
        is_exclusive = "exclusive" in (mode, other_mode)
        if is_exclusive and other_mode in ("exclusive", "redirect"):
            one, two = registration.kept["information"], other.kept["information"]
            if any(_share(left, right) for left in one for right in two):
                return other
    return None


def _share(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    mine, yours = attribute_names(left), attribute_names(right)
    if mine and yours and mine.isdisjoint(yours):
        return False
    if "entities" not in left or "entities" not in right:
        return True
    return any(
        _alike(one, other) or _alike(other, one)
        for one in left["entities"]
        for other in right["entities"]
    )


def attribute_names(item: Mapping[str, Any]) -> frozenset[str]:
    """IRIs of the attributes that a piece of information names; empty for all."""
    return frozenset((*item.get("propertyNames", ()), *item.get("relationshipNames", ())))


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether an entity with an id is among the entities of another piece of information."""
    return "id" in one and _meets(Selector(frozenset((one["id"],)), "", None, _types(one)), other)


def _types(entity: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    types = entity["type"]
    return ((types,),) if isinstance(types, str) else tuple((kind,) for kind in types)
