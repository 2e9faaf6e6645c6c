"""A district held in memory: for tests, and for the test kit of scenario authors."""

from __future__ import annotations

from collections.abc import Iterable

from lingjing.twin.checks import check_entity, check_geometries
from lingjing.twin.columns import Group, build_view
from lingjing.twin.entities import District, Entity
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, Place, Provenance


class MemoryTwin:
    """A `Twin` over entities that are simply given.

    Args:
        district: The district's record.
        entities: Its entities, in any order.

    Raises:
        LingjingError: What a store would refuse: `twin.unknown-kind`, `twin.id-mismatch`,
            `twin.unknown-attribute`, `twin.bad-value`, `vocabulary.out-of-bounds`,
            `twin.duplicate-id`, and the codes for geometries.
    """

    def __init__(self, district: District, entities: Iterable[Entity]) -> None:
        self._district = district
        self._entities: dict[str, list[Entity]] = {}
        self._views: dict[str, TwinView] = {}
        seen: set[str] = set()
        for entity in entities:
            check_entity(entity, district.name, district.name)
            if entity.id in seen:
                place = Place(file=district.name, field=entity.id)
                raise LingjingError("twin.duplicate-id", place, id=entity.id)
            seen.add(entity.id)
            self._entities.setdefault(entity.kind, []).append(entity)
        for kind in self._entities:
            self._views[kind] = self._build(kind)

    @property
    def district(self) -> District:
        """The district's record, settings included."""
        return self._district

    def kinds(self) -> tuple[str, ...]:
        """Kinds present, sorted."""
        return tuple(sorted(self._entities))

    def view(self, kind: str) -> TwinView:
        """All entities of a kind as columns; an empty view where there are none."""
        if kind not in self._views:
            self._views[kind] = self._build(kind)
        return self._views[kind]

    def _build(self, kind: str) -> TwinView:
        entities = sorted(self._entities.get(kind, ()), key=lambda entity: entity.id)
        keys: dict[Provenance, int] = {}
        groups: dict[tuple[str, ...], Group] = {}
        for position, entity in enumerate(entities):
            names = tuple(sorted(entity.attributes))
            values = [entity.attributes[name].value for name in names]
            origins = [
                keys.setdefault(entity.attributes[name].provenance, len(keys)) for name in names
            ]
            group = groups.setdefault(names, Group(names, [], []))
            group.positions.append(position)
            group.rows.append([*values, *origins])
        points: tuple[list[float], list[float]] = ([], [])
        if entities:
            footing = check_geometries(entities, self._district.name)
            points = (footing.longitude_deg.tolist(), footing.latitude_deg.tolist())
        return build_view(
            kind,
            [entity.id for entity in entities],
            points_deg=points,
            wkb=[entity.geometry for entity in entities],
            groups=groups.values(),
            provenances={key: provenance for provenance, key in keys.items()},
            relationships={
                position: entity.relationships
                for position, entity in enumerate(entities)
                if entity.relationships
            },
        )
