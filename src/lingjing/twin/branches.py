"""Comparing branches, and taking chosen changes of one over into the line it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from lingjing.twin.documents import DEFAULT_TERMS, Document, Instance
from lingjing.twin.ledger import Branch, Change, Desk, Job, Ledger, Record
from lingjing.vocabulary import LingjingError

Kind = Literal["added", "removed", "changed"]
OnConflict = Literal["refuse", "take", "keep"]

_TIMES: Final = frozenset({"createdAt", "modifiedAt"})
_CHUNK: Final = 5_000
_HEAD: Final = ("type", "scope", "expiresAt")


class AttributeDifference(msgspec.Struct, frozen=True):
    """One instance that differs; None where a side lacks it."""

    attribute: str
    dataset: str
    before: Instance | None
    after: Instance | None


class EntityDifference(msgspec.Struct, frozen=True):
    """One entity that differs.

    Attributes:
        id: Of the entity.
        kind: Whether it is new, gone or changed.
        types: Its types afterwards (before, where it is gone).
        head: Names of `type`, `scope` and `expiresAt` that differ.
        attributes: Instances that differ, in order of attribute and dataset.
    """

    id: str
    kind: Kind
    types: tuple[str, ...]
    head: tuple[str, ...]
    attributes: tuple[AttributeDifference, ...]


class Conflict(msgspec.Struct, frozen=True):
    """Something that both lines changed in different ways since they parted.

    `attribute` is None where it is the entity itself: one line deleted what the other changed.
    """

    id: str
    attribute: str | None
    dataset: str
    base: Any
    branch: Any
    parent: Any


class Merge(msgspec.Struct, frozen=True):
    """What a merge did, or would do.

    Attributes:
        applied: Changes taken over, as differences of the parent.
        conflicts: What both lines changed; with `refuse` nothing was applied then.
        done: Whether the parent was changed.
    """

    applied: tuple[EntityDifference, ...]
    conflicts: tuple[Conflict, ...]
    done: bool


class Choice(msgspec.Struct, frozen=True):
    """Which changes are wanted; empty means all.

    Attributes:
        ids: Entities.
        types: Type IRIs; an entity has one of them.
        attributes: Attribute IRIs. With any named, whole entities are neither added nor removed.
    """

    ids: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()

    def takes(self, difference: EntityDifference) -> EntityDifference | None:
        """The part of a difference that is wanted."""
        if self.ids and difference.id not in self.ids:
            return None
        if self.types and self.types.isdisjoint(difference.types):
            return None
        if not self.attributes:
            return difference
        kept = tuple(item for item in difference.attributes if item.attribute in self.attributes)
        if difference.kind != "changed" or not kept:
            return None
        return msgspec.structs.replace(difference, head=(), attributes=kept)


def short(iri: str) -> str:
    """The name people use for an IRI of the default vocabulary; others stay whole."""
    return iri.removeprefix(DEFAULT_TERMS)


def iri(name: str) -> str:
    """The IRI of a name as people use it; what is an IRI already stays."""
    return name if ":" in name else DEFAULT_TERMS + name


def same(one: Instance | None, other: Instance | None) -> bool:
    """Whether two instances say the same, whenever they were written."""
    if one is other:
        return True
    if one is None or other is None or one.keys() - _TIMES != other.keys() - _TIMES:
        return False
    return all(
        _same_nested(one[key], other[key]) if key == "attributes" else one[key] == other[key]
        for key in one.keys() - _TIMES
    )


def _same_nested(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].keys() == other[name].keys()
        and all(same(one[name][key], other[name][key]) for key in one[name])
        for name in one
    )


def difference(
    entity_id: str, before: Document | None, after: Document | None
) -> EntityDifference | None:
    """How two states of one entity differ; None where they say the same."""
    one = before["attributes"] if before else {}
    other = after["attributes"] if after else {}
    attributes = tuple(
        AttributeDifference(name, dataset, held, new)
        for name in sorted(one.keys() | other.keys())
        if one.get(name) is not other.get(name)
        for dataset in sorted(one.get(name, {}).keys() | other.get(name, {}).keys())
        if not same(held := one.get(name, {}).get(dataset), new := other.get(name, {}).get(dataset))
    )
    if before is None or after is None:
        present = after or before
        if present is None:
            return None
        kind: Kind = "added" if before is None else "removed"
        return EntityDifference(entity_id, kind, tuple(present["type"]), (), attributes)
    head = tuple(name for name in _HEAD if before.get(name) != after.get(name))
    if not head and not attributes:
        return None
    return EntityDifference(entity_id, "changed", tuple(after["type"]), head, attributes)


def diff(ledger: Ledger, branch: Branch) -> list[EntityDifference]:
    """What a branch changed since it was made, in order of id.

    Raises:
        LingjingError: `twin.trunk-has-no-base`.
    """
    _parent_key(branch)
    return list(_differences(
        ledger.changed_ids(branch),
        lambda ids: ledger.base_records(branch, ids),
        lambda ids: ledger.records(branch, ids),
    ))  # fmt: skip


def compare(ledger: Ledger, one: Branch, other: Branch) -> list[EntityDifference]:
    """How the present state of another branch differs from that of one, in order of id.

    Both must go back to the same line; only what either changed is looked at, so the cost does
    not grow with the size of the twin, unless they parted from it at different times.

    Raises:
        LingjingError: `twin.unrelated-branches`.
    """
    lines = {item.key: item for item in ledger.branches(one.tenant)}
    ids = _changed_since_common(ledger, lines, one, other)
    return list(_differences(
        sorted(ids),
        lambda wanted: ledger.records(one, wanted),
        lambda wanted: ledger.records(other, wanted),
    ))  # fmt: skip


def merge(
    ledger: Ledger,
    branch: Branch,
    choice: Choice | None = None,
    *,
    on_conflict: OnConflict = "refuse",
    dry_run: bool = False,
) -> Merge:
    """Take changes of a branch over into the line it was made from, all in one commit.

    The present state is taken over, with the provenance each value has; the history of the branch
    stays in the branch.

    Args:
        branch: Where the changes are.
        choice: Which of them.
        on_conflict: `refuse` changes nothing where both lines changed the same thing; `take` lets
            the branch win; `keep` lets the parent win.
        dry_run: Only say what would be done.

    Raises:
        LingjingError: `twin.trunk-has-no-base`.
    """
    key = _parent_key(branch)
    parent = next(item for item in ledger.branches(branch.tenant) if item.key == key)
    wanted = choice or Choice()
    chosen = [kept for item in diff(ledger, branch) if (kept := wanted.takes(item))]
    ids = tuple(item.id for item in chosen)
    base = _documents(ledger.base_records(branch, ids))
    mine = _documents(ledger.records(branch, ids))

    def plan(theirs: Callable[[str], Document | None]) -> _Plan:
        made = _Plan(on_conflict)
        for item in chosen:
            made.add(item, base.get(item.id), mine.get(item.id), theirs(item.id))
        return made

    if dry_run:
        now = _documents(ledger.records(parent, ids))
        made = plan(now.get)
        return Merge(tuple(made.applied), tuple(made.conflicts), done=False)

    def run(desk: Desk) -> Merge:
        made = plan(desk.document)
        if made.conflicts and on_conflict == "refuse":
            return Merge((), tuple(made.conflicts), done=False)
        for item, after in made.results:
            _lay_down(desk, item, after)
        return Merge(tuple(made.applied), tuple(made.conflicts), done=True)

    return ledger.submit(Job(parent, ids, run)).result()


class _Plan:
    """What a merge is going to do, entity by entity."""

    def __init__(self, on_conflict: OnConflict) -> None:
        self._on_conflict = on_conflict
        self.conflicts: list[Conflict] = []
        self.applied: list[EntityDifference] = []
        self.results: list[tuple[EntityDifference, Document | None]] = []

    def add(
        self,
        wanted: EntityDifference,
        base: Document | None,
        mine: Document | None,
        theirs: Document | None,
    ) -> None:
        """Take one entity's changes in, and note where the parent changed the same."""
        after: Document | None
        if wanted.kind == "changed" and theirs is not None and mine is not None:
            after = self._changed(wanted, mine, theirs)
        else:
            after = self._whole(wanted, base, mine, theirs)
        change = difference(wanted.id, theirs, after)
        if change is not None:
            self.applied.append(change)
            self.results.append((change, after))

    def _whole(
        self,
        wanted: EntityDifference,
        base: Document | None,
        mine: Document | None,
        theirs: Document | None,
    ) -> Document | None:
        """An entity added or removed by the branch, or gone from the parent meanwhile."""
        parent_changed = difference(wanted.id, base, theirs) is not None
        if parent_changed and difference(wanted.id, mine, theirs) is not None:
            self.conflicts.append(Conflict(wanted.id, None, "", base, mine, theirs))
            if self._on_conflict != "take":
                return theirs
        return mine

    def _changed(self, wanted: EntityDifference, mine: Document, theirs: Document) -> Document:
        """An entity that both lines still have: instance by instance."""
        attributes = {name: dict(datasets) for name, datasets in theirs["attributes"].items()}
        for item in wanted.attributes:
            held = theirs["attributes"].get(item.attribute, {}).get(item.dataset)
            if same(held, item.after):
                continue
            if not same(held, item.before):
                self.conflicts.append(
                    Conflict(wanted.id, item.attribute, item.dataset, item.before, item.after, held)
                )
                if self._on_conflict != "take":
                    continue
            _place(attributes, item)
        after: Document = {**theirs, "attributes": attributes}
        for name in wanted.head:
            after.pop(name, None)
            if name in mine:
                after[name] = mine[name]
        return after


def _place(attributes: dict[str, dict[str, Instance]], item: AttributeDifference) -> None:
    if item.after is not None:
        attributes.setdefault(item.attribute, {})[item.dataset] = item.after
        return
    datasets = attributes.get(item.attribute, {})
    datasets.pop(item.dataset, None)
    if not datasets:
        attributes.pop(item.attribute, None)


def _lay_down(desk: Desk, item: EntityDifference, after: Document | None) -> None:
    if after is None:
        desk.delete(item.id)
        return
    now = desk.now
    attributes = after["attributes"]
    changes: list[Change] = []
    if item.kind == "added":
        changes.append(Change("create"))
    elif item.head:
        changes.append(Change("update"))
    for part in item.attributes:
        if part.after is None:
            changes.append(Change("delete", part.attribute, part.dataset))
            continue
        stamped = {**part.after, "modifiedAt": now}
        attributes[part.attribute] = {**attributes[part.attribute], part.dataset: stamped}
        operation: Literal["create", "update"] = "create" if part.before is None else "update"
        changes.append(Change(operation, part.attribute, part.dataset, stamped))
    created = now if item.kind == "added" else after["createdAt"]
    desk.put({**after, "createdAt": created, "modifiedAt": now}, changes)


def _documents(records: Mapping[str, Record]) -> dict[str, Document]:
    return {key: record.document for key, record in records.items()}


def _parent_key(branch: Branch) -> int:
    if branch.parent is None:
        raise LingjingError("twin.trunk-has-no-base", name=branch.name)
    return branch.parent


def _differences(
    ids: Sequence[str],
    before: Callable[[Sequence[str]], Mapping[str, Record]],
    after: Callable[[Sequence[str]], Mapping[str, Record]],
) -> Iterator[EntityDifference]:
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        old, new = before(part), after(part)
        for entity_id in part:
            one, other = old.get(entity_id), new.get(entity_id)
            found = difference(
                entity_id, one.document if one else None, other.document if other else None
            )
            if found is not None:
                yield found


def _changed_since_common(
    ledger: Ledger, lines: Mapping[int, Branch], one: Branch, other: Branch
) -> set[str]:
    """Ids that may differ: all that either line changed below the nearest line they share."""
    above_one, above_other = list(_upward(lines, one)), list(_upward(lines, other))
    common = {item.key for item, _ in above_one} & {item.key for item, _ in above_other}
    if not common:
        raise LingjingError("twin.unrelated-branches", one=one.name, other=other.name)
    ids: set[str] = set()
    limits: list[int | None] = []
    for path in (above_one, above_other):
        for item, limit in path:
            if item.key in common:
                limits.append(limit)
                break
            ids.update(ledger.changed_ids(item))
    if limits[0] != limits[1]:
        return _differing_revisions(ledger, one, other)
    return ids


def _upward(lines: Mapping[int, Branch], branch: Branch) -> Iterator[tuple[Branch, int | None]]:
    """The branch and the lines above it, each with the number up to which it is seen."""
    limit: int | None = None
    here: Branch | None = branch
    while here is not None:
        yield here, limit
        limit = here.base if limit is None else min(limit, here.base)
        here = lines.get(here.parent) if here.parent is not None else None


def _differing_revisions(ledger: Ledger, one: Branch, other: Branch) -> set[str]:
    """Entities whose last change differs, or that only one line has: all are looked at."""
    revisions = {record.id: record.revision for record in ledger.stream(one)}
    differing = {
        record.id
        for record in ledger.stream(other)
        if revisions.pop(record.id, None) != record.revision
    }
    return differing | revisions.keys()
