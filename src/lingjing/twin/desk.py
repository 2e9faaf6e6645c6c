"""The desk a job works on, over the state that its group shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from lingjing.twin.documents import Document, Instance, instant_text, micros
from lingjing.twin.ledger import Branch, Change, Commit, Entry

Key = tuple[int, str]
"""Branch key and entity id."""


class Sight(msgspec.Struct, frozen=True):
    """What a branch sees of one entity.

    Attributes:
        document: As it stands; None where there is none.
        revision: Number of its last change; 0 where there is none.
        known: Whether it exists or ever existed in the branch's sight.
        mark: Whatever the driver wants to find again when it writes.
    """

    document: Document | None
    revision: int
    known: bool
    mark: Any = None


class State(msgspec.Struct, frozen=True):
    """An entity's new present state, to be written.

    Attributes:
        branch: Where.
        id: Of the entity.
        before: As it was when the transaction began or was last flushed.
        document: The new state; None where the entity ended.
        revision: Number of the last change.
        first_us: When the first of the changes that led to it was made [µs].
        recorded_us: When the last was made [µs].
        untold: The changes noted in history do not account for all that differs: history alone
            could not give this state back, so it must be kept when it is overwritten.
    """

    branch: Branch
    id: str
    before: Sight
    document: Document | None
    revision: int
    first_us: int
    recorded_us: int
    untold: bool


class Row(msgspec.Struct, frozen=True):
    """A row of history, to be written.

    Attributes:
        branch: Where.
        id: Of the entity.
        types: Of the entity when it happened.
        sequence: Number of the change.
        recorded_us: When [µs].
        change: What.
        head: The document without its attributes, where the change is of the entity itself.
    """

    branch: Branch
    id: str
    types: tuple[str, ...]
    sequence: int
    recorded_us: int
    change: Change
    head: Document | None


class Batch(msgspec.Struct, frozen=True):
    """What is to be written in one go.

    Attributes:
        states: At most one an entity and branch.
        rows: In order of sequence.
        notes: (tenant, collection, key) → body, None to remove.
        sequence: Last number given.
        recorded_us: Time of the last change [µs]; 0 where there was none.
    """

    states: list[State]
    rows: list[Row]
    notes: dict[tuple[str, str, str], bytes | None]
    sequence: int
    recorded_us: int


class Fetcher(Protocol):
    """What desks ask of a driver inside the clerk's transaction."""

    def require(self, branch: Branch) -> None:
        """Refuse a branch that is gone.

        Raises:
            LingjingError: `twin.no-branch`.
        """
        ...

    def fetch(self, branch: Branch, ids: Sequence[str]) -> dict[str, Sight]:
        """What the branch sees of each of the ids; every one is answered."""
        ...

    def note_now(self, tenant: str, collection: str, key: str) -> bytes | None:
        """A small record as the transaction sees it."""
        ...

    def observed_already(
        self, branch: Branch, entity_id: str, attribute: str, dataset: str, observed_us: int
    ) -> list[Instance]:
        """Instances that written history holds for exactly this observation time."""
        ...

    def erase_history(
        self,
        branch: Branch,
        entity_id: str,
        attribute: str | None,
        dataset: str | None,
        sequence: int | None,
    ) -> int:
        """Remove rows of written history."""
        ...

    def amend_history(
        self, branch: Branch, entity_id: str, sequence: int, instance: Instance
    ) -> bool:
        """Replace the instance of one row of written history."""
        ...

    def flush(self, batch: Batch) -> dict[Key, Sight]:
        """Write a batch into the open transaction; may be called several times in one.

        Returns what is now seen of entities that were written, where that is known without
        looking; the others are fetched when needed.
        """
        ...

    def savepoint(self) -> None:
        """Begin a part of the transaction that can be undone alone; never nested."""
        ...

    def release(self) -> None:
        """Keep the part."""
        ...

    def undo(self) -> None:
        """Undo the part."""
        ...


class Group:
    """What the jobs of one transaction have seen and laid down so far.

    Args:
        driver: With a transaction open.
        sequence: Last number given before.
    """

    def __init__(self, driver: Fetcher, sequence: int) -> None:
        self.driver = driver
        self.sequence = sequence
        self.recorded_us = 0
        self.sights: dict[Key, Sight] = {}
        self.forgotten: set[Key] = set()
        self.states: dict[Key, State] = {}
        self.rows: list[Row] = []
        self.notes: dict[tuple[str, str, str], bytes | None] = {}
        self.commits: list[Commit] = []
        self.wrote = False

    def fetch(self, branch: Branch, ids: Sequence[str]) -> None:
        """Have the driver look at entities."""
        for entity_id, sight in self.driver.fetch(branch, ids).items():
            self.sights[branch.key, entity_id] = sight

    def sight(self, branch: Branch, entity_id: str) -> Sight:
        """What the branch sees of an entity, finished jobs of the group included."""
        key = (branch.key, entity_id)
        found = self.sights.get(key)
        if found is None:
            self.fetch(branch, [entity_id])
            found = self.sights[key]
        return found

    def flush(self) -> None:
        """Write what finished jobs laid down."""
        if not (self.states or self.rows or self.notes):
            return
        batch = Batch(
            list(self.states.values()), self.rows, self.notes, self.sequence, self.recorded_us
        )
        seen = self.driver.flush(batch)
        self.wrote = True
        for key in (*self.states, *((row.branch.key, row.id) for row in self.rows)):
            if key not in seen:
                self.sights.pop(key, None)
                self.forgotten.add(key)
        self.sights.update(seen)
        self.states, self.rows, self.notes = {}, [], {}


class WorkDesk:
    """One job's desk; a `Desk`. Nothing it lays down reaches the group before `keep`.

    Args:
        group: Shared with the jobs before it.
        branch: Where the job works.
        now_us: Its time [µs].
    """

    def __init__(self, group: Group, branch: Branch, now_us: int) -> None:
        self.branch = branch
        self.now_us = now_us
        self._now = ""
        self._group = group
        self._first = group.sequence
        self._documents: dict[str, Document | None] = {}
        self._known: set[str] = set()
        self._states: dict[str, State] = {}
        self._rows: list[Row] = []
        self._notes: dict[tuple[str, str, str], bytes | None] = {}
        self._before: dict[str, Document | None] = {}
        self._after: dict[str, Document | None] = {}
        self._changes: dict[str, list[Change]] = {}
        self._saved = False

    @property
    def now(self) -> str:
        """Time of the changes as text."""
        if not self._now:
            self._now = instant_text(self.now_us)
        return self._now

    # Entities

    def document(self, entity_id: str) -> Document | None:
        """The entity as it stands, changes of this job included; None where there is none."""
        if entity_id in self._documents:
            return self._documents[entity_id]
        return self._group.sight(self.branch, entity_id).document

    def has_history(self, entity_id: str) -> bool:
        """Whether the entity exists or ever existed in this branch's sight."""
        return entity_id in self._known or self._group.sight(self.branch, entity_id).known

    def put(self, document: Document, changes: Sequence[Change]) -> None:
        """Make or replace an entity's present state, and note the changes in its history."""
        entity_id = document["id"]
        before = self.document(entity_id)
        self._note_changes(entity_id, tuple(document["type"]), changes, document)
        if not changes:
            self._group.sequence += 1
        self._lay(entity_id, before, document, changes)

    def delete(self, entity_id: str, *, forget_history: bool = False) -> None:
        """End the entity. A change that says so is noted; history stays unless it is to go."""
        before = self.document(entity_id)
        if before is not None:
            changes = [Change("delete")]
            self._note_changes(entity_id, tuple(before["type"]), changes, None)
            self._lay(entity_id, before, None, changes)
        if forget_history:
            self.erase_history(entity_id)

    def _lay(
        self,
        entity_id: str,
        before: Document | None,
        after: Document | None,
        changes: Sequence[Change],
    ) -> None:
        group, key = self._group, (self.branch.key, entity_id)
        earlier = self._states.get(entity_id) or group.states.get(key)
        sight = earlier.before if earlier else group.sight(self.branch, entity_id)
        unaccounted = not accounted(before, after, changes)
        self._states[entity_id] = State(
            self.branch,
            entity_id,
            sight,
            after,
            group.sequence,
            self.now_us if earlier is None else earlier.first_us,
            self.now_us,
            unaccounted or (earlier is not None and earlier.untold),
        )
        self._before.setdefault(entity_id, before)
        self._changes.setdefault(entity_id, []).extend(changes)
        self._documents[entity_id] = self._after[entity_id] = after
        self._known.add(entity_id)

    def _note_changes(
        self,
        entity_id: str,
        types: tuple[str, ...],
        changes: Sequence[Change],
        document: Document | None,
    ) -> None:
        group = self._group
        for change in changes:
            group.sequence += 1
            head = None
            if change.attribute is None and document is not None:
                head = {name: value for name, value in document.items() if name != "attributes"}
            self._rows.append(
                Row(self.branch, entity_id, types, group.sequence, self.now_us, change, head)
            )

    # History

    def record_history(
        self, entity_id: str, types: Sequence[str], changes: Sequence[Change]
    ) -> None:
        """Note changes in the history only; see `Desk.record_history`."""
        self._note_changes(entity_id, tuple(types), changes, None)
        self._changes.setdefault(entity_id, []).extend(changes)
        self._before.setdefault(entity_id, self.document(entity_id))
        self._known.add(entity_id)

    def observed_already(
        self, entity_id: str, attribute: str, dataset: str, observed_us: int
    ) -> list[Instance]:
        """Instances that history holds for exactly this observation time."""
        found: list[Instance] = []
        if self._group.sight(self.branch, entity_id).known:
            found = self._group.driver.observed_already(
                self.branch, entity_id, attribute, dataset, observed_us
            )
        for rows in (self._group.rows, self._rows):
            for row in rows:
                if row.id != entity_id or row.branch.key != self.branch.key:
                    continue
                change = row.change
                if change.attribute != attribute or change.dataset != dataset:
                    continue
                instance = change.instance
                at = None if instance is None else instance.get("observedAt")
                if instance is not None and at is not None and micros(at) == observed_us:
                    found.append(instance)
        return found

    def erase_history(
        self,
        entity_id: str,
        attribute: str | None = None,
        dataset: str | None = None,
        sequence: int | None = None,
    ) -> int:
        """Remove an entity's whole history, an attribute's (a dataset's), or one row."""
        self._write_through()
        erased = self._group.driver.erase_history(
            self.branch, entity_id, attribute, dataset, sequence
        )
        # An entity whose history went may not be known any more: look again when it is asked for.
        key = (self.branch.key, entity_id)
        self._group.sights.pop(key, None)
        self._group.forgotten.add(key)
        return erased

    def amend_history(self, entity_id: str, sequence: int, instance: Instance) -> bool:
        """Replace the instance of one row of history; whether there was such a row."""
        self._write_through()
        return self._group.driver.amend_history(self.branch, entity_id, sequence, instance)

    # Small records

    def note(self, collection: str, key: str) -> bytes | None:
        """A small record of the tenant."""
        place = (self.branch.tenant, collection, key)
        for notes in (self._notes, self._group.notes):
            if place in notes:
                return notes[place]
        return self._group.driver.note_now(*place)

    def put_note(self, collection: str, key: str, body: bytes) -> None:
        """Make or replace a small record."""
        self._notes[self.branch.tenant, collection, key] = body

    def delete_note(self, collection: str, key: str) -> bool:
        """Remove a small record; whether there was one."""
        there = self.note(collection, key) is not None
        if there:
            self._notes[self.branch.tenant, collection, key] = None
        return there

    # For the clerk

    def _write_through(self) -> None:
        """Write everything laid down so far, so that the driver's history is whole."""
        group = self._group
        if not self._saved:
            group.flush()
            group.driver.savepoint()
            self._saved = True
        self._hand_over()
        group.flush()
        group.wrote = True

    def _hand_over(self) -> None:
        group, branch = self._group, self.branch.key
        for entity_id, state in self._states.items():
            group.states[branch, entity_id] = state
            sight = Sight(state.document, state.revision, known=True, mark=state.before.mark)
            group.sights[branch, entity_id] = sight
        if self._rows:
            group.rows.extend(self._rows)
            for entity_id in self._known - self._states.keys():
                old = group.sight(self.branch, entity_id)
                if not old.known:
                    group.sights[branch, entity_id] = msgspec.structs.replace(old, known=True)
        group.notes.update(self._notes)
        if self._states or self._rows:
            group.recorded_us = self.now_us
        self._states, self._rows, self._notes = {}, [], {}
        # From here on the group answers for these entities.
        self._documents, self._known = {}, set()

    def keep(self) -> None:
        """The job succeeded: its changes are the group's."""
        group = self._group
        untold = any(state.untold for state in self._states.values())
        self._hand_over()
        if untold and not self._saved:
            # A later job of the group must not blend with a state that history does not know.
            group.flush()
        if self._saved:
            group.flush()
            group.driver.release()
        if self._before:
            entries = tuple(
                Entry(
                    entity_id,
                    before,
                    self._after.get(entity_id, before),
                    tuple(self._changes[entity_id]),
                )
                for entity_id, before in self._before.items()
            )
            group.commits.append(Commit(self.branch, group.sequence, self.now_us, entries))

    def abandon(self) -> None:
        """The job failed: nothing of it stays."""
        group = self._group
        if self._saved:
            group.driver.undo()
            group.states, group.rows, group.notes = {}, [], {}
            group.sights.clear()
        group.sequence = self._first


def accounted(before: Document | None, after: Document | None, changes: Sequence[Change]) -> bool:
    """Whether the changes tell everything that differs between two states of an entity.

    Where they do, any state between can be worked out from history; documents share what did not
    change, so that looking is cheap.
    """
    if after is None:
        return True
    told = {change.attribute for change in changes if change.current}
    new: dict[str, Any] = after["attributes"]
    if before is None:
        return None in told and all(name in told for name in new)
    old: dict[str, Any] = before["attributes"]
    same = 0
    for name, instances in new.items():
        held = old.get(name)
        if held is not None:
            same += 1
        if held is not instances and name not in told:
            return False
    if same != len(old) and any(name not in new and name not in told for name in old):
        return False
    if None in told:
        return True
    return bool(
        before["type"] == after["type"]
        and before.get("scope") == after.get("scope")
        and before.get("expiresAt") == after.get("expiresAt")
    )
