"""The contract every store driver keeps, and the reading side a scenario sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.twin.ledger import TRUNK
from lingjing.twin.views import TwinView

Bounds = tuple[float, float, float, float]


class Twin(Protocol):
    """One district, read-only: all a scenario ever sees of the twin."""

    @property
    def district(self) -> District:
        """The district's record, settings included."""
        ...

    def kinds(self) -> tuple[str, ...]:
        """Kinds present, sorted."""
        ...

    def view(self, kind: str) -> TwinView:
        """All entities of a kind as columns; an empty view where there are none."""
        ...


class Store(Protocol):
    """Where districts are kept. Drivers behave alike; one suite tests them all."""

    def districts(self) -> list[District]:
        """All districts, by name."""
        ...

    def district(self, name: str) -> District:
        """One district.

        Raises:
            LingjingError: `twin.no-district`, naming those there are.
        """
        ...

    def standing(self, district: str) -> tuple[int, int]:
        """Numbers of the district's last import and last edit; they tell whether it has changed.

        Raises:
            LingjingError: `twin.no-district`.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing for everything done inside, reading included.

        May be nested: what an inner one did is undone alone when it fails. Other threads and
        processes see nothing of it before the outermost ends.
        """
        ...

    def put_district(self, district: District) -> District:
        """Make a district, or replace the record of one; what it holds stays.

        Returns the record as kept: while the district holds entities, its bounds are theirs.

        Raises:
            LingjingError: `twin.bad-name`.
        """
        ...

    def import_entities(
        self, district: District, source: SourceRecord, entities: Iterable[Entity]
    ) -> SourceRecord:
        """Take in everything one source gives, or nothing.

        Entities that an earlier import of the same source left are replaced; those of other
        sources stay. The whole import is one transaction: on any error, in the iterable too, the
        store is as it was. Duplicate ids are refused. The district's record is put as well; its
        bounds become those of the entities. The source's report may still be filled in while the
        entities stream.

        Raises:
            LingjingError: `twin.duplicate-id`, `twin.foreign-id` (an id that another source
                holds), `twin.unknown-kind`, `twin.id-mismatch`, `twin.unknown-attribute`,
                `twin.bad-value`, `vocabulary.out-of-bounds`, `twin.unreadable-geometry`,
                `twin.wrong-geometry`, `twin.invalid-geometry`, `twin.geometry-out-of-range`,
                `twin.disk-full`, `twin.busy`, `twin.read-only`.
        """
        ...

    def forget_source(self, district: str, source: str, kinds: Iterable[str] | None = None) -> int:
        """Remove a source's entities and its record, or only its entities of some kinds.

        Returns how many entities went.

        Raises:
            LingjingError: `twin.no-district`, `twin.no-source`.
        """
        ...

    def forget_district(self, district: str) -> None:
        """Remove a district with everything in it."""
        ...

    def sources(self, district: str) -> list[SourceRecord]:
        """The imports that make up the district, in order of name."""
        ...

    def entity(self, entity_id: str) -> Entity:
        """One entity.

        Raises:
            LingjingError: `twin.no-entity`.
        """
        ...

    def entities(
        self,
        district: str,
        kind: str | None = None,
        bounds: Bounds | None = None,
        limit: int | None = None,
    ) -> Iterator[Entity]:
        """Entities in order of id; where asked, of one kind and with geometries touching a box."""
        ...

    def counts(self, district: str) -> dict[str, int]:
        """Number of entities by kind."""
        ...

    def twin(self, district: str, branch: str = TRUNK, at_us: int | None = None) -> Twin:
        """The district's reading side, for scenarios: one state of it, never a mixture of two.

        Args:
            district: Its name.
            branch: A what-if of the default tenant, or the trunk.
            at_us: As it was known at that instant [µs since 1970 UTC]; now by default.

        Raises:
            LingjingError: `twin.no-district`, `twin.no-branch`; `twin.changed-meanwhile` from a
                view first asked for after the district has changed.
        """
        ...

    def close(self) -> None:
        """Let go of the file or connection."""
        ...
