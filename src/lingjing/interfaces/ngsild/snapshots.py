"""Snapshots: branches with a record of what they were made of (5.16).

A snapshot is a branch of the twin under the snapshot's id, so making one of everything costs
nothing, and whatever is written in it stays in it. One that is made of queries keeps only what
they find: the rest is ended in a branch below it, so that its own changes remain its own.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from lingjing.twin.documents import Document, Instance, instant_text
from lingjing.twin.ledger import TRUNK, Branch, Desk, Job, Ledger, Selection
from lingjing.vocabulary import LingjingError

COLLECTION: Final = "snapshots"
PREFIX: Final = "urn:ngsi-ld:Snapshot:"
PRIORITY: Final = 5
_BELOW: Final = "#base"
_AT_ONCE: Final = 1_000
_LONGEST_FILL_US: Final = 3_600_000_000

Status = Literal["preparing", "success", "failed"]


class Result(msgspec.Struct, frozen=True):
    """How one of a snapshot's queries went: `success`, `empty` or `failure`, and why."""

    resultStatus: Literal["success", "empty", "failure"]  # noqa: N815 - as the standard writes it
    problemDetails: dict[str, Any] | None = None  # noqa: N815


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a snapshot besides its branch.

    Attributes:
        id: URI; the name of its branch.
        queries: It was made of, as they were sent.
        status: Whether it can be used yet.
        results: Of the queries.
        priority: 1 to 10; the least go first where room is needed.
        created_us, modified_us, used_us: Times [µs since 1970 UTC].
        expires_us: When it ends; None for never.
        is_gone: It was deleted, but others were made from it.
    """

    id: str
    queries: tuple[dict[str, Any], ...] = ()
    status: Status = "preparing"
    results: tuple[Result, ...] = ()
    priority: int = PRIORITY
    created_us: int = 0
    modified_us: int = 0
    used_us: int = 0
    expires_us: int | None = None
    is_gone: bool = False

    def shown(self) -> dict[str, Any]:
        """As the standard writes it (5.2.41)."""
        # one that a stopped server left half made will never be ready
        is_lost = self.status == "preparing" and now_us() > self.created_us + _LONGEST_FILL_US
        written: dict[str, Any] = {
            "id": self.id,
            "type": "Snapshot",
            "snapshotStatus": "failed" if is_lost else self.status,
            "snapshotPriority": self.priority,
            "createdAt": instant_text(self.created_us),
            "modifiedAt": instant_text(self.modified_us),
            "lastUsedAt": instant_text(self.used_us),
        }
        if self.queries:
            written["snapshotQueries"] = list(self.queries)
        if self.results:
            written["snapshotQueriesDetails"] = [
                {name: value for name, value in msgspec.to_builtins(one).items() if value}
                for one in self.results
            ]
        if self.expires_us is not None:
            written["expiresAt"] = instant_text(self.expires_us)
        return written

    def is_open(self, now_us: int) -> bool:
        """Whether it is there for those who ask."""
        return not self.is_gone and (self.expires_us is None or self.expires_us > now_us)


_decode: Final = msgspec.json.Decoder(Snapshot).decode
_encode: Final = msgspec.json.Encoder().encode


def now_us() -> int:
    """The time [µs since 1970 UTC]."""
    return time.time_ns() // 1_000


def new_id() -> str:
    """An id that no snapshot has."""
    return f"{PREFIX}{uuid.uuid4()}"


def no_snapshot(identifier: str) -> LingjingError:
    """The error for a snapshot that is not there."""
    return LingjingError("ngsild.no-snapshot", id=identifier[:300])


class Snapshots:
    """The snapshots of a ledger.

    Args:
        ledger: Where their branches are.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def get(self, tenant: str, identifier: str) -> Snapshot:
        """A snapshot, or a branch that was made in another way, told as one.

        Raises:
            LingjingError: `ngsild.no-snapshot`.
        """
        body = self._ledger.note(tenant, COLLECTION, identifier)
        if body is not None:
            found = _decode(body)
            if not found.is_open(now_us()):
                raise no_snapshot(identifier)
            return found
        for branch in self._ledger.branches(tenant):
            if branch.name == identifier and branch.parent is not None:
                return _of_branch(branch)
        raise no_snapshot(identifier)

    def all(self, tenant: str, *, has_branches: bool = True) -> list[Snapshot]:
        """All snapshots of a tenant in order of id, branches made in other ways too if wanted."""
        kept = {key: _decode(body) for key, body in self._ledger.notes(tenant, COLLECTION)}
        for branch in self._ledger.branches(tenant) if has_branches else ():
            if branch.parent is None or branch.name.endswith(_BELOW):
                continue
            kept.setdefault(branch.name, _of_branch(branch))
        return [kept[key] for key in sorted(kept) if kept[key].is_open(now_us())]

    def create(self, parent: Branch, wanted: Snapshot) -> Snapshot:
        """Branch off, so that what the queries are to find cannot change any more.

        Raises:
            LingjingError: `twin.branch-exists`, `twin.bad-name`.
        """
        is_whole = not wanted.queries
        name = wanted.id if is_whole else wanted.id + _BELOW
        if any(branch.name == wanted.id for branch in self._ledger.branches(parent.tenant)):
            raise LingjingError("twin.branch-exists", name=wanted.id[:300])
        self._ledger.create_branch(parent, name, f"Snapshot {wanted.id}")
        made = now_us()
        return self.keep(
            parent.tenant,
            msgspec.structs.replace(
                wanted,
                status="success" if is_whole else "preparing",
                created_us=made,
                modified_us=made,
                used_us=made,
            ),
        )

    def fill(
        self, tenant: str, identifier: str, selections: Sequence[Selection | LingjingError]
    ) -> None:
        """Leave in a snapshot only what its queries find, and open it.

        Args:
            tenant: Whose.
            identifier: Of the snapshot.
            selections: Of the queries, or why one cannot be asked.
        """
        held = self.get(tenant, identifier)
        below = self._ledger.branch(tenant, identifier + _BELOW)
        kept: set[str] = set()
        results = []
        for selection in selections:
            try:
                if isinstance(selection, LingjingError):
                    raise selection
                found = self._ledger.find(below, selection).records
            except LingjingError as error:
                results.append(Result("failure", {"title": error.what("en"), "code": error.code}))
                continue
            kept.update(record.id for record in found)
            results.append(Result("success" if found else "empty"))
        self._end_others(below, kept)
        self._ledger.create_branch(below, identifier, f"Snapshot {identifier}")
        has_failed = all(one.resultStatus == "failure" for one in results)
        self.keep(
            tenant,
            msgspec.structs.replace(
                held, status="failed" if has_failed else "success", results=tuple(results)
            ),
        )

    def _end_others(self, branch: Branch, kept: set[str]) -> None:
        after = ""
        while True:
            page = self._ledger.find(branch, Selection(after=after, limit=_AT_ONCE)).records
            if not page:
                return
            after = page[-1].id
            gone = tuple(record.id for record in page if record.id not in kept)
            if gone:
                self._ledger.submit(Job(branch, gone, _ender(gone))).result()

    def clone(self, tenant: str, identifier: str, wanted: Snapshot) -> Snapshot:
        """A snapshot of a snapshot, as it stands.

        Raises:
            LingjingError: `ngsild.no-snapshot`, `twin.branch-exists`, `query.bad-parameter`.
        """
        held = self.get(tenant, identifier)
        if held.status != "success":
            raise LingjingError("ngsild.snapshot-not-ready", id=identifier[:300])
        parent = self._ledger.branch(tenant, identifier)
        self._ledger.create_branch(parent, wanted.id, f"Clone of {identifier}")
        made = now_us()
        self.keep(tenant, msgspec.structs.replace(held, used_us=made))
        return self.keep(
            tenant,
            msgspec.structs.replace(
                wanted,
                queries=held.queries,
                results=held.results,
                status="success",
                created_us=made,
                modified_us=made,
                used_us=made,
            ),
        )

    def keep(self, tenant: str, snapshot: Snapshot) -> Snapshot:
        """Write a snapshot's record down."""
        trunk = self._ledger.branch(tenant, TRUNK)
        body = _encode(snapshot)

        def put(desk: Desk) -> None:
            desk.put_note(COLLECTION, snapshot.id, body)

        self._ledger.submit(Job(trunk, (), put)).result()
        return snapshot

    def delete(self, tenant: str, identifier: str) -> None:
        """Let a snapshot go, with its branch unless others were made from it.

        Raises:
            LingjingError: `ngsild.no-snapshot`.
        """
        held = self.get(tenant, identifier)
        self.keep(tenant, msgspec.structs.replace(held, is_gone=True))
        self._clear(tenant)

    def _clear(self, tenant: str) -> None:
        """Drop branches of snapshots that are gone and that nothing was made from."""
        gone = {
            key
            for key, body in self._ledger.notes(tenant, COLLECTION)
            if not _decode(body).is_open(now_us())
        }
        dropped = True
        while dropped:
            branches = self._ledger.branches(tenant)
            parents = {branch.parent for branch in branches}
            dropped = False
            for branch in branches:
                is_ours = branch.name.removesuffix(_BELOW) in gone
                if is_ours and branch.parent is not None and branch.key not in parents:
                    self._ledger.drop_branch(branch)
                    dropped = True
        left = {branch.name.removesuffix(_BELOW) for branch in self._ledger.branches(tenant)}
        forgotten = gone - left

        def forget(desk: Desk) -> None:
            for key in forgotten:
                desk.delete_note(COLLECTION, key)

        if forgotten:
            trunk = self._ledger.branch(tenant, TRUNK)
            self._ledger.submit(Job(trunk, (), forget)).result()

    def is_closed(self, tenant: str, name: str) -> bool:
        """Whether a branch of this name belongs to a snapshot that nobody may use."""
        body = self._ledger.note(tenant, COLLECTION, name)
        return body is not None and not _decode(body).is_open(now_us())


def _of_branch(branch: Branch) -> Snapshot:
    return Snapshot(
        id=branch.name,
        status="success",
        created_us=branch.created_us,
        modified_us=branch.created_us,
        used_us=branch.created_us,
    )


def _ender(ids: Sequence[str]) -> Any:
    def end(desk: Desk) -> None:
        for entity_id in ids:
            if desk.document(entity_id) is not None:
                desk.delete(entity_id)

    return end


MEMBERS: Final[Mapping[str, str]] = {
    "id": "id",
    "snapshotPriority": "snapshotPriority",
    "snapshotStatus": "snapshotStatus",
    "createdAt": "createdAt",
    "modifiedAt": "modifiedAt",
    "lastUsedAt": "lastUsedAt",
    "expiresAt": "expiresAt",
}
"""Members of a snapshot that a query may be about (5.16.7.4)."""


def as_document(snapshot: Snapshot) -> Document:
    """A snapshot as an entity, so that a query can be asked of it."""
    written = snapshot.shown()
    attributes: dict[str, dict[str, Instance]] = {
        name: {"": {"type": "Property", "value": written[name]}}
        for name in MEMBERS
        if name in written
    }
    return {**written, "type": ["Snapshot"], "attributes": attributes}
