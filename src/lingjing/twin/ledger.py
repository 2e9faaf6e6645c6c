"""The contract of the living twin: documents, their history, and branches, whatever the driver.

A *ledger* keeps entities as documents (see `documents`) in *branches* of *tenants*. Each change is
numbered in one sequence over the whole ledger; the number is never reused. A branch shows its
parent as it stood at the branch's base number, overlaid with the branch's own changes, so making
one costs nothing.

Writing goes through *jobs*. The clerk of the ledger collects the jobs that wait, fetches what they
name in one step, runs them one after another, each on its own *desk*, and commits all together
(group commit). A job's future ends only when its changes are durable. A job that raises leaves
nothing behind; the others of its group are not touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.twin.documents import Document, Instance

TRUNK: Final = "main"
"""Name of the branch that every tenant begins with."""
DEFAULT_TENANT: Final = ""

T = TypeVar("T")
Bounds = tuple[float, float, float, float]
Operation = Literal["create", "update", "delete"]
TimeProperty = Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]
Method = Literal["totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq"]


class Branch(msgspec.Struct, frozen=True):
    """A line of states of one tenant's twin.

    Attributes:
        key: Number in this ledger, never reused.
        tenant: Whose twin; the default tenant is the empty name.
        name: Unique among the tenant's living branches.
        parent: Key of the branch it was made from; None for a trunk.
        base: Sequence number up to which it sees its parent.
        created_us: When it was made [µs since 1970 UTC].
        note: What it is for, in the words of who made it.
    """

    key: int
    tenant: str
    name: str
    parent: int | None
    base: int
    created_us: int
    note: str = ""


class Change(msgspec.Struct, frozen=True):
    """One change of one attribute, or of the entity itself, as history remembers it.

    Attributes:
        operation: What happened.
        attribute: IRI; None where the entity as a whole was created or deleted, or its types or
            scope changed (`instance` is then None).
        dataset: Of the instance; the default one is empty.
        instance: The instance after the change, None for a deletion.
        current: Whether it is part of the entity's present state. False for an observation that
            came late and only belongs to the past.
    """

    operation: Operation
    attribute: str | None = None
    dataset: str = ""
    instance: Instance | None = None
    current: bool = True


class Record(msgspec.Struct, frozen=True):
    """An entity as read: its document, and the sequence number of its last change."""

    id: str
    revision: int
    document: Document


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which entities are wanted; all conditions hold together.

    Attributes:
        ids: Any of these; empty for all.
        id_pattern: Regular expression that is found in the id.
        types: Any of these groups, each of which must hold in full: ((A,), (B, C)) is A|(B;C).
        without_type: Entities of none of these types.
        attributes: Has at least one of these attributes.
        bounds: West, south, east, north [°]: the `geo_attribute` touches this box (a driver may
            give more, never less; the caller checks exactly in `accept`).
        geo_attribute: IRI of the GeoProperty that `bounds` is about.
        accept: Whatever else must hold, of the document. Called in id order.
        after: Only ids greater than this.
        offset, limit: Part of the result, in order of id.
        count: Whether the total is wanted.
        most_scanned: Refuse (`twin.query-too-costly`) to look at more documents than this.
    """

    ids: tuple[str, ...] = ()
    id_pattern: str = ""
    types: tuple[tuple[str, ...], ...] = ()
    without_type: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    bounds: Bounds | None = None
    geo_attribute: str = "https://uri.etsi.org/ngsi-ld/location"
    accept: Callable[[Document], bool] | None = None
    after: str = ""
    offset: int = 0
    limit: int | None = None
    count: bool = False
    most_scanned: int | None = None


class Found(msgspec.Struct, frozen=True):
    """What a selection found: the wanted part in order of id, and the total where asked."""

    records: list[Record]
    total: int | None


class Moment(msgspec.Struct, frozen=True):
    """One row of history.

    Attributes:
        sequence: Number of the change; the instance's identifier in the temporal interface.
        attribute, dataset, operation: See `Change`.
        observed_us: `observedAt` of the instance [µs], None where it has none.
        recorded_us: When the ledger took it [µs].
        instance: The instance; None for a deletion.
    """

    sequence: int
    attribute: str | None
    dataset: str
    operation: Operation
    observed_us: int | None
    recorded_us: int
    instance: Instance | None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of history is wanted.

    Attributes:
        attributes: IRIs; empty for all.
        time: What the window is about. `observedAt` leaves out what has none.
        from_us, to_us: Half-open window [µs]; None is open.
        last: At most so many of the newest of each attribute (all datasets together).
        first: At most so many of the oldest of each attribute (a driver may give more).
        dataset: Only this dataset; None for all.
    """

    attributes: tuple[str, ...] = ()
    time: TimeProperty = "observedAt"
    from_us: int | None = None
    to_us: int | None = None
    last: int | None = None
    first: int | None = None
    dataset: str | None = None


class Aggregate(msgspec.Struct, frozen=True):
    """Aggregated values of one attribute of one entity; rows of empty periods are left out.

    Attributes:
        start_us, end_us: Periods [n], half-open [µs].
        values: Method → values [n] (float64; counts too).
    """

    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]


class AttributeUse(msgspec.Struct, frozen=True):
    """How an attribute is used in a branch: types of the entities, kinds of instance, how often."""

    attribute: str
    entity_types: tuple[str, ...]
    instance_types: tuple[str, ...]
    count: int


class Desk(Protocol):
    """What a job works on: the state at its turn, and where it lays down its changes."""

    branch: Branch
    now_us: int
    """Time of the changes [µs]; later than that of every earlier change."""

    @property
    def now(self) -> str:
        """The same as text."""
        ...

    def document(self, entity_id: str) -> Document | None:
        """The entity as it stands, changes of this job included; None where there is none."""
        ...

    def has_history(self, entity_id: str) -> bool:
        """Whether the entity exists or ever existed in this branch's sight."""
        ...

    def put(self, document: Document, changes: Sequence[Change]) -> None:
        """Make or replace an entity's present state, and note the changes in its history."""
        ...

    def delete(self, entity_id: str, *, forget_history: bool = False) -> None:
        """End the entity. A change that says so is noted; history stays unless it is to go."""
        ...

    def record_history(
        self, entity_id: str, types: Sequence[str], changes: Sequence[Change]
    ) -> None:
        """Note changes in the history only (late observations, temporal interface).

        An entity that never existed is then known to history alone.
        """
        ...

    def observed_already(
        self, entity_id: str, attribute: str, dataset: str, observed_us: int
    ) -> list[Instance]:
        """Instances that history holds for exactly this observation time, for telling repeats."""
        ...

    def erase_history(
        self,
        entity_id: str,
        attribute: str | None = None,
        dataset: str | None = None,
        sequence: int | None = None,
    ) -> int:
        """Remove an entity's whole history, an attribute's (a dataset's), or one row; how many."""
        ...

    def amend_history(self, entity_id: str, sequence: int, instance: Instance) -> bool:
        """Replace the instance of one row of history; whether there was such a row."""
        ...

    def note(self, collection: str, key: str) -> bytes | None:
        """A small record of the tenant (subscriptions, contexts, keys, cursors …)."""
        ...

    def put_note(self, collection: str, key: str, body: bytes) -> None:
        """Make or replace a small record."""
        ...

    def delete_note(self, collection: str, key: str) -> bool:
        """Remove a small record; whether there was one."""
        ...


class Job(msgspec.Struct, Generic[T], frozen=True):
    """A piece of writing.

    Attributes:
        branch: Where.
        ids: Entities it will ask the desk for; others are fetched when asked, more slowly.
        run: What it does. It may be run again if the group's transaction has to be repeated, so
            it must not change anything but the desk.
    """

    branch: Branch
    ids: tuple[str, ...]
    run: Callable[[Desk], T]


class Entry(msgspec.Struct, frozen=True):
    """What one job did to one entity: documents before and after (None: absent), and changes."""

    id: str
    before: Document | None
    after: Document | None
    changes: tuple[Change, ...]


class Commit(msgspec.Struct, frozen=True):
    """The durable outcome of one job, handed to listeners in order of sequence."""

    branch: Branch
    sequence: int
    recorded_us: int
    entries: tuple[Entry, ...]


class Ledger(Protocol):
    """A driver of the living twin. Reading methods may be called from any thread."""

    driver: str
    """`sqlite` or `postgresql`."""

    # Tenants and branches

    def tenants(self) -> list[str]:
        """All tenants, the default one included."""
        ...

    def ensure_tenant(self, tenant: str) -> Branch:
        """The trunk of a tenant, made where it is absent.

        Raises:
            LingjingError: `twin.bad-branch-name`.
        """
        ...

    def branches(self, tenant: str) -> list[Branch]:
        """Living branches of a tenant, the trunk first; empty for an unknown tenant."""
        ...

    def branch(self, tenant: str, name: str = TRUNK) -> Branch:
        """A living branch. Cheap: drivers keep it at hand.

        Raises:
            LingjingError: `twin.no-tenant`, `twin.no-branch`.
        """
        ...

    def create_branch(self, parent: Branch, name: str, note: str = "") -> Branch:
        """Branch off the parent as it stands now.

        Raises:
            LingjingError: `twin.bad-branch-name`, `twin.branch-exists`.
        """
        ...

    def drop_branch(self, branch: Branch) -> None:
        """Remove a branch with all its changes.

        Raises:
            LingjingError: `twin.branch-in-use` (it has branches of its own, or is a trunk).
        """
        ...

    def changed_ids(self, branch: Branch) -> list[str]:
        """Entities changed or deleted in the branch itself since it was made, in order."""
        ...

    def changed_since(self, branch: Branch, since_us: int, limit: int) -> list[str]:
        """Entities of the branch itself that were changed or deleted later than an instant [µs].

        The latest first, at most so many; what only an import brought is left out.
        """
        ...

    def base_records(self, branch: Branch, ids: Sequence[str]) -> dict[str, Record]:
        """Entities as the branch saw them when it was made (the parent at the base number)."""
        ...

    # Present state

    def records(
        self, branch: Branch, ids: Sequence[str], at_us: int | None = None
    ) -> dict[str, Record]:
        """Entities by id, now or as they stood at an instant; those that do not exist lack."""
        ...

    def find(self, branch: Branch, selection: Selection, at_us: int | None = None) -> Found:
        """Entities that meet a selection, in order of id."""
        ...

    def types(self, branch: Branch) -> dict[str, int]:
        """Type IRIs in use, with how many entities have them."""
        ...

    def attribute_uses(self, branch: Branch, types: Sequence[str] = ()) -> list[AttributeUse]:
        """Attributes in use (by entities of these types), in order of IRI."""
        ...

    # History

    def history(self, branch: Branch, entity_id: str, span: Span) -> list[Moment]:
        """Rows of one entity, by attribute and dataset, then in order of the span's time.

        Rows with `attribute` None (the entity itself) are given when no attributes are named.
        """
        ...

    def history_ids(self, branch: Branch, selection: Selection, span: Span) -> list[str]:
        """Ids, in order, of entities, present or past, that have rows in the span.

        Types are those the entity has or last had; `accept` and `bounds` are ignored.
        """
        ...

    def known_to_history(self, branch: Branch, entity_id: str) -> tuple[str, ...] | None:
        """Types an entity has or last had; None where the branch never saw it."""
        ...

    def aggregate(
        self,
        branch: Branch,
        entity_id: str,
        attribute: str,
        span: Span,
        methods: Sequence[Method],
        period_us: int | None,
        origin_us: int | None = None,
    ) -> Aggregate:
        """Numeric values aggregated by period.

        Args:
            period_us: Length of a period [µs]; None for one period over all.
            origin_us: Where periods are counted from: the window's start, else the first value.
        """
        ...

    # Small records

    def note(self, tenant: str, collection: str, key: str) -> bytes | None:
        """A small record of a tenant."""
        ...

    def notes(
        self, tenant: str, collection: str, after: str = "", limit: int | None = None
    ) -> list[tuple[str, bytes]]:
        """Small records of a collection in order of key."""
        ...

    # Writing

    def submit(self, job: Job[T]) -> Future[T]:
        """Hand a job to the clerk.

        The future fails with what the job raised, or with `twin.disk-full`, `twin.busy`,
        `twin.unreachable` (retryable), `twin.closed`.
        """
        ...

    def submit_soon(self, job: Job[T]) -> asyncio.Future[T]:
        """The same for who runs in an event loop: the loop's own future, and cheaper."""
        ...

    def listen(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call this with every group of commits, in order, from the clerk's thread; be quick."""
        ...

    def sequence(self) -> int:
        """Number of the last change of the whole ledger, imports included."""
        ...

    # Care

    def check(self) -> list[str]:
        """What is wrong with the stored state, in words; empty where all is well."""
        ...

    def backup(self, target: Path) -> None:
        """Write a consistent copy while others work on."""
        ...

    def seal(self, before_us: int, folder: Path) -> dict[str, Any]:
        """Move history older than an instant into Parquet files; it can still be queried."""
        ...

    def size(self) -> dict[str, int]:
        """Entities, history rows, sealed rows, branches, bytes."""
        ...

    def stream(self, branch: Branch) -> Iterator[Record]:
        """All entities of a branch in order of id, a page at a time."""
        ...

    def close(self) -> None:
        """Finish what waits, and let go of the file or connections."""
        ...
