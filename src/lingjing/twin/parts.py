"""A whole twin as a stream of parts that any driver can give and take: for moving between them.

Nothing is lost on the way: numbers of changes, times, branches, past states, histories to the row,
small records, districts as they were imported. Keys of a driver's own tables do not appear.

The order is that of `Part`: whatever a part speaks of came before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec
import numpy as np

from lingjing.twin import chunks
from lingjing.twin.chunks import NO_TEMPLATE, Columns
from lingjing.twin.ledger import Bounds

FORMAT: Final = 1
"""Number of the form of the stream; a reader refuses newer ones."""


class ClockPart(msgspec.Struct, frozen=True, tag=True):
    """Last number given to a change, and the time of the last change [µs]."""

    sequence: int
    recorded_us: int


class BranchPart(msgspec.Struct, frozen=True, tag=True):
    """A living branch; parents come first. `key` is only used to refer to it in later parts."""

    key: int
    tenant: str
    name: str
    parent: int | None
    base: int
    created_us: int
    note: str


class DistrictPart(msgspec.Struct, frozen=True, tag=True):
    """A district: its record as JSON, and the numbers of its last import and last edit."""

    name: str
    revision: int
    edited: int
    record: bytes


class SourcePart(msgspec.Struct, frozen=True, tag=True):
    """A source of a district: its record as JSON, and the box of its entities."""

    district: str
    name: str
    record: bytes
    bounds: Bounds | None


class Imported(msgspec.Struct, frozen=True):
    """An entity as it was imported.

    Attributes:
        attributes: Name → (value, provenance as JSON).
        relationships: Name → id.
        geometry: WKB.
        longitude, latitude: A point inside or on it [°].
    """

    attributes: dict[str, tuple[float | int | str | bool, bytes]]
    relationships: dict[str, str]
    geometry: bytes
    longitude: float
    latitude: float


class EntityPart(msgspec.Struct, frozen=True, tag=True):
    """A branch's own row of an entity: written (body), imported, or ended there (neither).

    Attributes:
        branch: Key of a `BranchPart`.
        id: Of the entity.
        revision, recorded_us: Of its last change.
        created_us: When the row was first made [µs].
        untold: History alone could not give the state back.
        body: The document as JSON.
        imported: As imported.
        kind, district, source: What it belongs to, where it is of a district.
    """

    branch: int
    id: str
    revision: int
    recorded_us: int
    created_us: int
    untold: bool
    body: bytes | None = None
    imported: Imported | None = None
    kind: str | None = None
    district: str | None = None
    source: str | None = None


class PastPart(msgspec.Struct, frozen=True, tag=True):
    """A state that was kept: in force from one number and time until another, end exclusive.

    The document is JSON, None where there was no entity. Where both ends are the same, the part
    only says that there was none from then on.
    """

    branch: int
    id: str
    from_sequence: int
    to_sequence: int
    from_us: int
    to_us: int
    body: bytes | None


class SubjectPart(msgspec.Struct, frozen=True, tag=True):
    """An entity that has a history in a branch.

    Attributes:
        branch, id: Which.
        since: Number of the first row.
        types: As they last were.
        hides: Nothing that ancestors remember of it is seen.
        hidden: Attributes and datasets of ancestors that are not seen; the attribute is empty for
            the entity itself.
    """

    branch: int
    id: str
    since: int
    types: tuple[str, ...]
    hides: bool
    hidden: tuple[tuple[str, str], ...]


class RowsPart(msgspec.Struct, frozen=True, tag=True):
    """Rows of one attribute and dataset of a subject, in order of sequence.

    Attributes:
        branch, id: Of the subject.
        attribute: Empty for the entity itself.
        dataset: Empty for the default one.
        templates: The templates that `rows` points at, by place.
        rows: See `chunks.encode`.
    """

    branch: int
    id: str
    attribute: str
    dataset: str
    templates: list[bytes]
    rows: bytes


class NotePart(msgspec.Struct, frozen=True, tag=True):
    """A small record."""

    tenant: str
    collection: str
    key: str
    body: bytes


Part = (
    ClockPart
    | BranchPart
    | DistrictPart
    | SourcePart
    | EntityPart
    | PastPart
    | SubjectPart
    | RowsPart
    | NotePart
)


class Movable(Protocol):
    """A ledger that can give itself away and be filled."""

    def parts(self) -> Iterator[Part]:
        """The whole twin, as it stands at one moment."""
        ...

    def fill(self, parts: Iterator[Part]) -> None:
        """Take over a whole twin; all or nothing.

        Raises:
            LingjingError: `twin.not-empty`.
        """
        ...


def outward(columns: Columns, templates: dict[int, bytes]) -> tuple[list[bytes], bytes]:
    """Rows of a driver with templates by its own keys, as `RowsPart` has them."""
    used = sorted(set(columns.template.tolist()) - {NO_TEMPLATE})
    place = {key: number for number, key in enumerate(used)}
    places = np.array(
        [place.get(key, NO_TEMPLATE) for key in columns.template.tolist()], dtype=np.int32
    )
    return [templates[key] for key in used], chunks.encode(columns.with_template(places))


def inward(part: RowsPart, keys: list[int]) -> Columns:
    """Rows of a part with templates by a driver's keys, given by place."""
    columns = chunks.decode(part.rows)
    # The last entry answers for "no template", which is −1.
    table = np.array([*keys, NO_TEMPLATE], dtype=np.int32)
    return columns.with_template(table[columns.template])
