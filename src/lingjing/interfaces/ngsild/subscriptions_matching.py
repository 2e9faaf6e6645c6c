"""Which subscriptions a change concerns: an index, so that thousands of others cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.notify import Event
from lingjing.interfaces.ngsild.subscriptions_conditions import (
    Names,
    geometry_of_query,
    query_of,
)
from lingjing.interfaces.ngsild.subscriptions_reading import ANY_TYPE, DEFAULT_TRIGGERS
from lingjing.twin.documents import LOCATION, Document, micros
from lingjing.twin.ledger import Branch, Commit, Entry
from lingjing.twin.query.evaluating import Query
from lingjing.twin.query.patterns import finder
from lingjing.twin.query.scopes import parse_scopes
from lingjing.twin.query.types import Groups, holds, parse_types

ANY: Final = ""
_TRIGGER_OF: Final = {
    "create": "attributeCreated",
    "update": "attributeUpdated",
    "delete": "attributeDeleted",
}
Resolve = Callable[[str], Document | None]
_NOTHING: Final[frozenset[str]] = frozenset()
_DELETIONS: Final = frozenset(("attributeDeleted", "entityUpdated"))


class Selector(msgspec.Struct, frozen=True):
    """Entities that a subscription is about.

    Attributes:
        ids: Any of these; empty for all.
        pattern: A pattern found in the id, and its test.
        types: Groups of type IRIs; empty for all.
    """

    ids: frozenset[str]
    pattern: str
    found: Callable[[str], bool] | None
    types: Groups

    def takes(self, document: Document) -> bool:
        """Whether the entity is one of them."""
        if self.ids and document["id"] not in self.ids:
            return False
        if self.found is not None and not self.found(document["id"]):
            return False
        return holds(self.types, document["type"])


class Touched(msgspec.Struct, frozen=True):
    """What happened to an entity, in the words of notification triggers.

    Attributes:
        whole: `entityCreated`, `entityUpdated` or `entityDeleted`.
        attributes: Trigger → IRIs of the attributes it is about.
        everything: IRIs of all attributes that were touched.
    """

    whole: str
    attributes: dict[str, frozenset[str]]
    everything: frozenset[str]


def touched(entry: Entry) -> Touched | None:
    """What happened; None where nothing of the present state changed."""
    if entry.before is None:
        if entry.after is None:
            return None
        names = frozenset(entry.after["attributes"])
        return Touched("entityCreated", {"attributeCreated": names}, names)
    if entry.after is None:
        names = frozenset(entry.before["attributes"])
        return Touched("entityDeleted", {"attributeDeleted": names}, names)
    found: dict[str, set[str]] = {}
    has_changed = False
    for change in entry.changes:
        if not change.current:
            continue
        has_changed = True
        if change.attribute is not None:
            found.setdefault(_TRIGGER_OF[change.operation], set()).add(change.attribute)
    if not has_changed:
        return None
    attributes = {trigger: frozenset(names) for trigger, names in found.items()}
    return Touched("entityUpdated", attributes, _NOTHING.union(*attributes.values()))


class Watch:
    """A subscription made ready for matching.

    Args:
        key: Tells it from all others, whatever the tenant or branch.
        branch: What it watches.
        kept: What is kept of the subscription (see `subscriptions_reading`).
        names: IRIs of the names in its queries.
        since_us: Changes before this moment are not told [µs].

    Attributes:
        watched: IRIs of attributes; None for all.
        triggers: Notification triggers.
        expires_us: When it ends [µs]; None for never.
        interval_s: Time between periodic notifications [s]; 0 for none.
    """

    def __init__(
        self,
        key: tuple[str, int, str],
        branch: Branch,
        kept: Mapping[str, Any],
        names: Mapping[str, str],
        since_us: int,
    ) -> None:
        self.key = key
        self.branch = branch
        self.kept = kept
        self.names = names
        self.since_us = since_us
        self.selectors = tuple(_selector(item) for item in kept.get("entities", ()))
        self.watched = frozenset(kept["watchedAttributes"]) if "watchedAttributes" in kept else None
        self.triggers = frozenset(kept.get("notificationTrigger", DEFAULT_TRIGGERS))
        self.expires_us = micros(kept["expiresAt"]) if "expiresAt" in kept else None
        self.interval_s: int = kept.get("timeInterval", 0)
        self.is_active: bool = kept.get("isActive", True)
        self.query: Query | None = query_of(kept["q"], Names(None, names)) if "q" in kept else None
        self.scopes = parse_scopes(kept["scopeQ"]) if "scopeQ" in kept else None
        self.geometry = None
        if "geoQ" in kept:
            geo = kept["geoQ"]
            self.geometry = geometry_of_query(geo, geo.get("geoproperty", LOCATION))

    def is_awake(self, now_us: int) -> bool:
        """Whether it is active and has not expired."""
        return self.is_active and (self.expires_us is None or now_us < self.expires_us)

    def is_triggered(self, what: Touched) -> bool:
        """Whether what happened is among its triggers, for an attribute that it watches."""
        watched = self.watched
        if what.whole in self.triggers and (
            watched is None or not watched.isdisjoint(what.everything)
        ):
            return True
        for trigger, names in what.attributes.items():
            if trigger in self.triggers and not names.isdisjoint(watched or names):
                return True
        return False

    def takes(self, document: Document, resolve: Resolve | None = None) -> bool:
        """Whether an entity meets its conditions."""
        if self.selectors and not any(selector.takes(document) for selector in self.selectors):
            return False
        if self.scopes is not None and not self.scopes(document.get("scope", ())):
            return False
        if self.geometry is not None and not self.geometry.accept(document):
            return False
        if self.query is None:
            return True
        if self.query.depth and resolve is not None:
            return self.query.joined(resolve)(document)
        return self.query.accept(document)


def _selector(kept: Mapping[str, Any]) -> Selector:
    ids = kept.get("id", ())
    pattern = kept.get("idPattern", "")
    selection = kept.get("type", ANY_TYPE)
    return Selector(
        frozenset((ids,) if isinstance(ids, str) else ids),
        pattern,
        finder(pattern) if pattern else None,
        () if selection == ANY_TYPE else parse_types(selection, str),
    )


class _Shelf:
    """Watches of one type of entity."""

    __slots__ = ("all", "by_attribute")

    def __init__(self) -> None:
        self.all: dict[tuple[str, int, str], Watch] = {}
        self.by_attribute: dict[str, dict[tuple[str, int, str], Watch]] = {}


class Index:
    """Watches of one branch, found by id, type and attribute."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Shelf] = {}
        self._by_type: dict[str, _Shelf] = {}
        self.watches: dict[tuple[str, int, str], Watch] = {}

    def add(self, watch: Watch) -> None:
        """Take a watch in, in place of an earlier one with its key."""
        self.remove(watch.key)
        self.watches[watch.key] = watch
        for shelf in self._shelves(watch):
            for pile in _piles(shelf, watch):
                pile[watch.key] = watch

    def remove(self, key: tuple[str, int, str]) -> None:
        """Forget a watch, where there is one."""
        watch = self.watches.pop(key, None)
        if watch is not None:
            for shelf in self._shelves(watch):
                for pile in _piles(shelf, watch):
                    pile.pop(key, None)

    def _shelves(self, watch: Watch) -> Iterator[_Shelf]:
        if not watch.selectors:
            yield self._by_type.setdefault(ANY, _Shelf())
        for selector in watch.selectors:
            if selector.ids:
                for entity_id in selector.ids:
                    yield self._by_id.setdefault(entity_id, _Shelf())
            elif selector.types:
                # an entity of a group has all its types, so the first one finds it
                for group in selector.types:
                    yield self._by_type.setdefault(group[0], _Shelf())
            else:
                yield self._by_type.setdefault(ANY, _Shelf())

    def concerned(self, entry: Entry, what: Touched) -> list[Watch]:
        """Watches that may care, each once; their conditions are still to be looked at."""
        document = entry.after if entry.after is not None else entry.before
        if document is None:
            return []
        shelves = [self._by_id.get(entry.id), self._by_type.get(ANY)]
        shelves += [self._by_type.get(kind) for kind in document["type"]]
        found: dict[tuple[str, int, str], Watch] = {}
        for shelf in shelves:
            if shelf is None:
                continue
            if shelf.all:
                found.update(shelf.all)
            if shelf.by_attribute:
                for name in what.everything:
                    pile = shelf.by_attribute.get(name)
                    if pile:
                        found.update(pile)
        return [watch for watch in found.values() if not watch.interval_s]


def _piles(shelf: _Shelf, watch: Watch) -> Iterable[dict[tuple[str, int, str], Watch]]:
    if watch.watched is None:
        return (shelf.all,)
    return [shelf.by_attribute.setdefault(name, {}) for name in watch.watched]


def event_of(watch: Watch, commit: Commit, entry: Entry, what: Touched) -> Event:
    """What a subscription is told about an entry that concerns it."""
    watched = watch.watched
    gone: list[tuple[str, str]] = []
    changed: list[tuple[str, str]] = []
    if entry.after is None:
        shows = "attributeDeleted" in watch.triggers or watch.kept["notification"].get(
            "showChanges"
        )
        before = entry.before["attributes"] if entry.before is not None and shows else {}
        gone = [(name, dataset) for name, datasets in before.items() for dataset in datasets]
    elif what.whole == "entityUpdated":
        for change in entry.changes:
            if change.attribute is None or not change.current:
                continue
            place = (change.attribute, change.dataset)
            if change.operation != "delete":
                changed.append(place)
            elif not _DELETIONS.isdisjoint(watch.triggers):
                gone.append(place)
    else:
        changed = [
            (name, dataset)
            for name, datasets in entry.after["attributes"].items()
            for dataset in datasets
        ]
    return Event(
        commit.recorded_us,
        entry.id,
        entry.before,
        entry.after,
        tuple(place for place in gone if watched is None or place[0] in watched),
        tuple(changed),
    )
