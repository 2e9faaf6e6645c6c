"""Areas that OpenStreetMap draws as relations: rings made of several ways, with holes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from lingjing.sources.osm_tags import facility_kind, is_building, is_part

Line = tuple[list[int], NDArray[np.float64]]
"""Node ids of a way, and their coordinates [n, 2]; NaN where unknown."""


@dataclass
class AreaRelation:
    """A relation that stands for an area.

    Attributes:
        id: Of the relation.
        tags: All of them.
        ways: Ids of its member ways.
        outer: Those that are not marked as inner.
    """

    id: int
    tags: dict[str, str]
    ways: list[int] = field(default_factory=list)
    outer: set[int] = field(default_factory=set)


def is_sub_district(tags: dict[str, str]) -> bool:
    """Whether it is a boundary of level 8: in China, a sub-district (街道) or town."""
    return tags.get("boundary") == "administrative" and tags.get("admin_level") == "8"


def area_relations(relations: Iterable[osmium.osm.Relation]) -> list[AreaRelation]:
    """Those relations that are buildings, parts, facilities or sub-districts drawn as areas."""
    found = []
    for relation in relations:
        if relation.tags.get("type") not in {"multipolygon", "boundary"}:
            continue
        tags = dict(relation.tags)
        wanted = is_building(tags) or is_part(tags) or is_sub_district(tags)
        if not (wanted or facility_kind(tags)):
            continue
        area = AreaRelation(relation.id, tags)
        for member in relation.members:
            if member.type == "w":
                area.ways.append(member.ref)
                if member.role != "inner":
                    area.outer.add(member.ref)
        found.append(area)
    return found


def assemble(area: AreaRelation, lines: dict[int, Line]) -> tuple[shapely.Geometry | None, str]:
    """Join the member ways into a polygon or several.

    Returns:
        The geometry and an empty text, or None and the reason: `incomplete-relation` where ways
        or nodes are missing from the file, `open-ring` where the ways do not close.
    """
    if not area.ways or any(way not in lines for way in area.ways):
        return None, "incomplete-relation"
    members = [lines[way] for way in dict.fromkeys(area.ways)]
    if any(np.isnan(coordinates).any() for _, coordinates in members):
        return None, "incomplete-relation"
    ends = Counter(nodes[end] for nodes, _ in members for end in (0, -1))
    if any(len(nodes) < 2 for nodes, _ in members) or any(n % 2 for n in ends.values()):
        return None, "open-ring"
    made = shapely.build_area(
        shapely.multilinestrings([shapely.linestrings(xy) for _, xy in members])
    )
    return (made, "") if not made.is_empty else (None, "open-ring")
