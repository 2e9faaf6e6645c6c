"""Adding to an entity's evolution: observations that may come late, and the scope's own history.

What is newest of an attribute becomes part of the present state, whatever order it comes in; what
is older belongs to history alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lingjing.twin.changes import NULL, SCOPE, is_null
from lingjing.twin.documents import Document, Instance, micros
from lingjing.twin.ledger import Branch, Change, Desk, Ledger, Operation, Span

FROM_HISTORY: Final = "fromHistory"
"""Member of a document that came into being through its history, and ends with it."""

Observations = Mapping[str, Sequence[Instance]]
Standing = Mapping[tuple[str, str, int], tuple[int, Instance]]
"""Attribute, dataset and time of observation [µs] → the row of history there, and its instance."""

_FEW: Final = 16


def standing_rows(
    ledger: Ledger, branch: Branch, entity_id: str, observations: Observations
) -> Standing:
    """What history holds at exactly the times of observations that are to be added."""
    found: dict[tuple[str, str, int], tuple[int, Instance]] = {}
    for attribute, instances in observations.items():
        times = sorted({micros(item["observedAt"]) for item in instances if "observedAt" in item})
        if not times:
            continue
        windows = [(time, time + 1) for time in times]
        if len(times) > _FEW:
            windows = [(times[0], times[-1] + 1)]
        wanted = frozenset(times)
        for start, end in windows:
            span = Span(attributes=(attribute,), time="observedAt", from_us=start, to_us=end)
            for row in ledger.history(branch, entity_id, span):
                if row.observed_us in wanted and row.instance is not None:
                    key = (attribute, row.dataset, row.observed_us)
                    found[key] = (row.sequence, row.instance)
    return found


def add_observations(
    desk: Desk,
    entity_id: str,
    types: Sequence[str],
    observations: Observations,
    head: Mapping[str, Any] | None = None,
    standing: Standing | None = None,
) -> bool:
    """Add instances to the evolution of an entity.

    An entity that never was comes into being with the newest instances; one that was and ended
    stays ended.

    Args:
        desk: Where the job works.
        entity_id: Of the entity.
        types: Types it has or is to have besides those it has (IRIs).
        observations: Attribute (IRI, or `SCOPE`) → instances of all datasets, in any order.
        head: `expiresAt` where it is given.
        standing: See `standing_rows`: an observation of a time that history has already takes
            the place of what is there.

    Returns:
        Whether the entity was not known before.
    """
    document = desk.document(entity_id)
    is_new = not desk.has_history(entity_id)
    work = _Work(desk.now, document, standing or {}, is_lasting=document is not None or is_new)
    for attribute, instances in observations.items():
        if attribute == SCOPE:
            work.add_scopes(instances)
        else:
            work.add(attribute, instances)
    if document is None and not is_new:
        desk.record_history(entity_id, types, work.changes)
        work.amend(desk, entity_id)
        return False
    first = () if document is not None else (Change("create"),)
    made = work.document(entity_id, types, head or {})
    more = () if document is None or made["type"] == document["type"] else (Change("update"),)
    changes = (*first, *more, *work.changes)
    if changes or work.attributes != (document or {}).get("attributes"):
        desk.put(made, changes)
    work.amend(desk, entity_id)
    return is_new


class _Work:
    """Sorts instances into the present and the past."""

    def __init__(
        self, now: str, document: Document | None, standing: Standing, *, is_lasting: bool
    ) -> None:
        self.now = now
        self.held = document
        self.standing = standing
        self.amended: list[tuple[int, Instance]] = []
        self.is_lasting = is_lasting
        self.attributes: dict[str, dict[str, Instance]] = (
            {} if document is None else dict(document["attributes"])
        )
        self.scopes: list[str] | None = None
        self.changes: list[Change] = []

    def add(self, attribute: str, instances: Sequence[Instance]) -> None:
        """Instances of one attribute."""
        by_dataset: dict[str, list[Instance]] = {}
        for instance in instances:
            by_dataset.setdefault(instance.get("datasetId", ""), []).append(instance)
        for dataset, found in by_dataset.items():
            new = [one for one in found if not self._is_standing(attribute, dataset, one)]
            if new:
                self._add_dataset(attribute, dataset, sorted(new, key=_observed))

    def _is_standing(self, attribute: str, dataset: str, instance: Instance) -> bool:
        """Whether history has an instance of this time, which this one then replaces."""
        at = instance.get("observedAt")
        row = None if at is None else self.standing.get((attribute, dataset, micros(at)))
        if row is None or at is None:
            return False
        sequence, before = row
        created = before.get("createdAt", self.now)
        after = {**instance, "createdAt": created, "modifiedAt": self.now}
        if {**before, "modifiedAt": self.now} == after:
            return True
        self.amended.append((sequence, after))
        present = self.attributes.get(attribute, {})
        held = present.get(dataset)
        if held is not None and "observedAt" in held and micros(held["observedAt"]) == micros(at):
            self.attributes[attribute] = {**present, dataset: after}
        return True

    def amend(self, desk: Desk, entity_id: str) -> None:
        """Replace in history what was sent anew."""
        for sequence, instance in self.amended:
            desk.amend_history(entity_id, sequence, instance)

    def _add_dataset(self, attribute: str, dataset: str, ordered: list[Instance]) -> None:
        standing = self.attributes.get(attribute, {})
        held = standing.get(dataset)
        newest = ordered[-1] if self.is_lasting and is_newer(ordered[-1], held) else None
        for instance in ordered:
            stamped = {**instance, "createdAt": self.now, "modifiedAt": self.now}
            is_current = instance is newest
            if is_current and is_null(instance):
                self.changes.append(Change("create", attribute, dataset, stamped, current=False))
                self._remove(attribute, dataset)
            elif is_current:
                operation: Operation = "create" if held is None else "update"
                self.attributes[attribute] = {**standing, dataset: stamped}
                self.changes.append(Change(operation, attribute, dataset, stamped))
            else:
                self.changes.append(Change("create", attribute, dataset, stamped, current=False))

    def _remove(self, attribute: str, dataset: str) -> None:
        standing = self.attributes.get(attribute, {})
        if dataset not in standing:
            return
        rest = {name: item for name, item in standing.items() if name != dataset}
        if rest:
            self.attributes[attribute] = rest
        else:
            del self.attributes[attribute]
        self.changes.append(Change("delete", attribute, dataset))

    def add_scopes(self, instances: Sequence[Instance]) -> None:
        """What the scopes were; the newest are those of the present."""
        ordered = sorted(instances, key=_observed)
        for instance in ordered:
            stamped = {**instance, "createdAt": self.now, "modifiedAt": self.now}
            stamped.setdefault("observedAt", self.now)
            self.changes.append(Change("create", SCOPE, "", stamped, current=False))
        value = ordered[-1].get("value") if ordered else None
        if value is not None:
            self.scopes = [value] if isinstance(value, str) else list(value)

    def document(self, entity_id: str, types: Sequence[str], head: Mapping[str, Any]) -> Document:
        """The entity's present state."""
        made: Document = (
            dict(self.held)
            if self.held is not None
            else {"id": entity_id, "type": [], "createdAt": self.now, FROM_HISTORY: True}
        )
        made["type"] = [*made["type"], *(name for name in types if name not in made["type"])]
        made["modifiedAt"] = self.now
        made.update(head)
        if self.scopes is not None:
            made["scope"] = [name for name in self.scopes if name != NULL]
            if not made["scope"]:
                del made["scope"]
        made["attributes"] = self.attributes
        return made


def is_newer(instance: Instance, held: Instance | None) -> bool:
    """Whether an instance is at least as new as the one that stands.

    One without a time of observation counts as observed now.
    """
    if held is None or "observedAt" not in instance or "observedAt" not in held:
        return True
    return micros(instance["observedAt"]) >= micros(held["observedAt"])


def _observed(instance: Instance) -> tuple[int, int]:
    """For sorting: by time of observation, those without one last."""
    at = instance.get("observedAt")
    return (1, 0) if at is None else (0, micros(at))
