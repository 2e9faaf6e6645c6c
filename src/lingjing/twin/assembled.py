"""Views over things of which some were imported, row by row packed, and some written one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lingjing.twin.checks import check_geometries
from lingjing.twin.columns import Group, build_view
from lingjing.twin.entities import Entity
from lingjing.twin.ledger import Record
from lingjing.twin.packed import document_entity, kind_and_district
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, Provenance


class PackedThings(NamedTuple):
    """Imported things as their rows hold them.

    Attributes:
        ids, longitude_deg, latitude_deg, wkb: Of each [n], in any order.
        groups: Their values by layout; positions count within these.
        provenances: By the keys (not negative) that stand in the rows.
        relationships: By position, where there are any.
    """

    ids: Sequence[str]
    longitude_deg: Sequence[float]
    latitude_deg: Sequence[float]
    wkb: Sequence[bytes]
    groups: Sequence[Group]
    provenances: Mapping[int, Provenance]
    relationships: Mapping[int, Mapping[str, str]]


def written_things(records: Iterable[Record], kind: str, district: str) -> list[Entity]:
    """Things of a kind and district, among documents, that physics can take."""
    found = []
    for record in records:
        if kind_and_district(record.id, record.document["type"]) != (kind, district):
            continue
        entity = document_entity(record.document, kind, district)
        if entity is not None:
            found.append(entity)
    if _stand(found, kind):
        return found
    return [entity for entity in found if _stand([entity], kind)]


def _stand(entities: Sequence[Entity], kind: str) -> bool:
    """Whether the geometries would have been accepted in an import."""
    try:
        if entities:
            check_geometries(entities, kind)
    except LingjingError:
        return False
    return True


def assembled_view(kind: str, packed: PackedThings, written: Sequence[Entity]) -> TwinView:
    """Columns over both, in the order of their ids."""
    every = [*packed.ids, *(entity.id for entity in written)]
    order = sorted(range(len(every)), key=every.__getitem__)
    rank = [0] * len(order)
    for new, old in enumerate(order):
        rank[old] = new
    first = len(packed.ids)
    keys: dict[Provenance, int] = {}
    groups = [
        Group(group.names, [rank[place] for place in group.positions], group.rows)
        for group in packed.groups
    ]
    groups += _groups(written, rank[first:], keys)
    related = {rank[place]: held for place, held in packed.relationships.items()}
    for place, entity in enumerate(written):
        if entity.relationships:
            related[rank[first + place]] = entity.relationships
    longitudes, latitudes = list(packed.longitude_deg), list(packed.latitude_deg)
    if written:
        footing = check_geometries(written, kind)
        longitudes += footing.longitude_deg.tolist()
        latitudes += footing.latitude_deg.tolist()
    geometries = [*packed.wkb, *(entity.geometry for entity in written)]
    return build_view(
        kind,
        [every[place] for place in order],
        points_deg=([longitudes[place] for place in order], [latitudes[place] for place in order]),
        wkb=[geometries[place] for place in order],
        groups=groups,
        provenances={**packed.provenances, **{key: item for item, key in keys.items()}},
        relationships=related,
    )


def _groups(
    entities: Sequence[Entity], positions: Sequence[int], keys: dict[Provenance, int]
) -> list[Group]:
    """Rows of written things; their provenances get negative keys, apart from imported ones."""
    groups: dict[tuple[str, ...], Group] = {}
    for position, entity in zip(positions, entities, strict=True):
        names = tuple(sorted(entity.attributes))
        group = groups.setdefault(names, Group(names, [], []))
        group.positions.append(position)
        values: list[Any] = [entity.attributes[name].value for name in names]
        for name in names:
            provenance = entity.attributes[name].provenance
            values.append(keys.setdefault(provenance, -1 - len(keys)))
        group.rows.append(values)
    return list(groups.values())
