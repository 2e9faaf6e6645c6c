"""The evolution of an entity as history gives it: points in time by attribute, windows, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from lingjing.interfaces.ngsild.temporal_parameters import TemporalQuery
from lingjing.twin.changes import SCOPE
from lingjing.twin.documents import Document, instant_text, micros
from lingjing.twin.ledger import Branch, Ledger, Moment, Span
from lingjing.twin.query.scopes import ScopeTest


class Point(msgspec.Struct, frozen=True):
    """A row of history at the time that the request is about.

    Attributes:
        at_us: The time [µs].
        moment: The row.
    """

    at_us: int
    moment: Moment


class Evolution(msgspec.Struct, frozen=True, kw_only=True):
    """The evolution of an entity, or the part of it that is wanted.

    Attributes:
        id: Of the entity.
        types: That it has or last had (IRIs).
        document: As it stands; None where it exists no more.
        points: By attribute (IRI), in order of time; an attribute may have none left.
        kinds: By attribute, the kind of its instances where a page holds none of them.
        deleted_us: When the entity ended, where it did and that is in the part [µs].
    """

    id: str
    types: tuple[str, ...]
    document: Document | None
    points: dict[str, tuple[Point, ...]]
    kinds: dict[str, str] = {}
    deleted_us: int | None = None

    @property
    def size(self) -> int:
        """How many points there are."""
        return sum(map(len, self.points.values()))

    def moments(self) -> Iterator[Moment]:
        """The rows, by attribute, in order of time."""
        for points in self.points.values():
            for point in points:
                yield point.moment

    def head(self) -> dict[str, Any]:
        """What is known of the entity itself."""
        known = {} if self.document is None else self.document
        found = {name: value for name, value in known.items() if name != "attributes"}
        return {**found, "id": self.id, "type": list(self.types)}

    def as_document(self) -> Document:
        """All instances side by side, so that a query can be asked of them."""
        attributes = {
            name: {
                str(point.moment.sequence): point.moment.instance
                for point in points
                if point.moment.instance is not None
            }
            for name, points in self.points.items()
            if name != SCOPE
        }
        kept = {name: instances for name, instances in attributes.items() if instances}
        return {**self.head(), "attributes": kept}

    def only(self, keep: Callable[[Point], bool]) -> Evolution:
        """The part of it whose points are kept; attributes without any are left out."""
        points = {
            name: kept
            for name, found in self.points.items()
            if (kept := tuple(point for point in found if keep(point)))
        }
        return msgspec.structs.replace(self, points=points)


def read_evolution(
    ledger: Ledger,
    branch: Branch,
    entity_id: str,
    query: TemporalQuery,
    attributes: tuple[str, ...] = (),
    first: int | None = None,
) -> Evolution | None:
    """The wanted part of an entity's evolution; None where the branch never saw the entity.

    Args:
        ledger: Where it is kept.
        branch: As which it is seen.
        entity_id: Of the entity.
        query: What is wanted; deletions count only where it asks for them.
        attributes: IRIs; empty for all.
        first: At most so many of the oldest of each attribute, where that is enough.
    """
    types = ledger.known_to_history(branch, entity_id)
    if types is None:
        return None
    record = ledger.records(branch, (entity_id,)).get(entity_id)
    span = query.span(attributes)
    if first is not None and span.last is None:
        span = msgspec.structs.replace(span, first=first)
    moments = _oldest(ledger, branch, entity_id, span) if query.is_open else None
    if moments is None:
        moments = ledger.history(branch, entity_id, span)
    wants_deletions = query.time_property == "deletedAt"
    points: dict[str, list[Point]] = {}
    deleted_us: int | None = None
    for moment in moments:
        is_deletion = moment.operation == "delete"
        if moment.attribute is None:
            if is_deletion:
                deleted_us = moment.recorded_us
        elif is_deletion == wants_deletions:
            found = _without_scope(moment) if moment.attribute == SCOPE else moment
            points.setdefault(moment.attribute, []).append(Point(_time(moment, query), found))
    return Evolution(
        id=entity_id,
        types=types,
        document=None if record is None else record.document,
        points={name: tuple(sorted(found, key=_order)) for name, found in sorted(points.items())},
        deleted_us=deleted_us if record is None or wants_deletions else None,
    )


def _oldest(ledger: Ledger, branch: Branch, entity_id: str, span: Span) -> list[Moment] | None:
    """The oldest observations, where they alone make a page; None where they may not.

    Nothing is asked about time, so that what has no time of observation counts by when it was
    recorded. A long history need not be read for that as long as nothing was recorded yet at the
    time where the page ends.
    """
    if span.first is None:
        return None
    moments = ledger.history(branch, entity_id, msgspec.structs.replace(span, time="observedAt"))
    times = sorted(moment.observed_us for moment in moments if moment.observed_us is not None)
    if len(times) < span.first:
        return None
    until = msgspec.structs.replace(span, to_us=times[span.first - 1] + 1)
    return None if ledger.history(branch, entity_id, until) else moments


def _without_scope(moment: Moment) -> Moment:
    """A scope that ended is told as no scopes."""
    if moment.operation != "delete":
        return moment
    gone = {"type": "Property", "value": [], "deletedAt": instant_text(moment.recorded_us)}
    return msgspec.structs.replace(moment, instance=gone)


def _order(point: Point) -> tuple[int, int]:
    return point.at_us, point.moment.sequence


def _time(moment: Moment, query: TemporalQuery) -> int:
    if query.time_property == "observedAt" and moment.observed_us is not None:
        return moment.observed_us
    if query.time_property == "createdAt" and moment.instance is not None:
        created = moment.instance.get("createdAt")
        return moment.recorded_us if created is None else micros(created)
    return moment.recorded_us


def kind_teller(ledger: Ledger, branch: Branch, entity_id: str) -> Callable[[str, str], str]:
    """Tells the kind of the instance that was deleted last."""

    def kind_of(attribute: str, dataset: str) -> str:
        span = Span(attributes=(attribute,), time="modifiedAt", dataset=dataset, last=4)
        kind = "Property"
        for moment in ledger.history(branch, entity_id, span):
            if moment.instance is not None:
                kind = moment.instance["type"]
        return kind

    return kind_of


def scope_points(
    ledger: Ledger, branch: Branch, entity_id: str, query: TemporalQuery
) -> list[Point]:
    """What the scopes of an entity were up to the end of the window, in order of time."""
    span = Span(attributes=(SCOPE,), time="modifiedAt")
    found = (
        Point(
            moment.recorded_us if moment.observed_us is None else moment.observed_us,
            _without_scope(moment),
        )
        for moment in ledger.history(branch, entity_id, span)
    )
    end = query.to_us
    return sorted((one for one in found if end is None or one.at_us < end), key=_order)


def within_scope(evolution: Evolution, scopes: Sequence[Point], test: ScopeTest) -> Evolution:
    """What was observed while a scope that meets the test was valid (4.18).

    Args:
        evolution: Of the entity.
        scopes: What its scopes were, in order of time.
        test: Of a list of scopes.
    """
    valid: list[tuple[int, float]] = []
    for index, point in enumerate(scopes):
        end = scopes[index + 1].at_us if index + 1 < len(scopes) else float("inf")
        if test(_scopes_of(point)):
            valid.append((point.at_us, end))
    return evolution.only(
        lambda point: (
            point.moment.attribute == SCOPE
            or any(start <= point.at_us < end for start, end in valid)
        )
    )


def _scopes_of(point: Point) -> list[str]:
    instance = point.moment.instance
    value = None if instance is None else instance.get("value")
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) else []


def _kind(points: Sequence[Point]) -> str:
    instance = points[0].moment.instance if points else None
    return "Property" if instance is None else str(instance["type"])


class Page(msgspec.Struct, frozen=True):
    """The part of evolutions that one answer holds, and the times it covers (6.3.10).

    Attributes:
        evolutions: Of the entities, all cut at the same time.
        first_us, last_us: Where the covered range begins and ends [µs]; the later one first where
            the newest are wanted.
        size: How many instances of each attribute were asked for; None where that is not known.
    """

    evolutions: tuple[Evolution, ...]
    first_us: int
    last_us: int
    size: int | None


def cut(evolutions: Sequence[Evolution], query: TemporalQuery, most: int) -> Page | None:
    """A page of the evolutions; None where they fit into one.

    The oldest instances come first, or the newest where the last ones are asked for. All
    instances of one time stay together, so that a later request can go on from there.

    Args:
        evolutions: Of the entities.
        query: What was asked.
        most: Instances on a page.
    """
    if sum(evolution.size for evolution in evolutions) <= most:
        return None
    is_backwards = query.last is not None
    times = sorted(
        (
            point.at_us
            for evolution in evolutions
            for points in evolution.points.values()
            for point in points
        ),
        reverse=is_backwards,
    )
    border = times[most - 1]

    def stays(point: Point) -> bool:
        return point.at_us >= border if is_backwards else point.at_us <= border

    kept = tuple(
        msgspec.structs.replace(
            evolution,
            points={name: tuple(filter(stays, found)) for name, found in evolution.points.items()},
            kinds={name: _kind(found) for name, found in evolution.points.items()},
        )
        for evolution in evolutions
    )
    start = query.to_us if is_backwards else query.from_us
    return Page(kept, times[0] if start is None else start, border, query.last)
