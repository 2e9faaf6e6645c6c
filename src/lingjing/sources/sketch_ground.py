"""Ground of the synthetic district: segments, elevated roads, creeks, parcels, sub-districts."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.packs import PackContent, Sketch
from lingjing.sources.sketch_plan import Plan, Street, bend

Points = NDArray[np.float64]
Shapes = NDArray[np.object_]

SETBACK_M = {"primary": 9.0, "secondary": 7.0, "tertiary": 5.0, "residential": 4.0}
"""From the edge of the carriageway to the nearest building."""

_ELEVATED_EXTRA_M = 12.0
_CREEK_HALF_M = 15.0
_CREEK_ROUNDINGS = 3
# Borders of sub-districts mostly follow main roads.
_BORDER_COST = 4.0


@dataclass(frozen=True)
class Segment:
    """A piece of street between two junctions, and the blocks on its sides."""

    start: int
    end: int
    street: int
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class Ground:
    """Everything laid out before buildings and roads are made of it; metres east and north.

    Attributes:
        plan: The street plan.
        places: Node places [n, 2], bent.
        segments: By pair of nodes, the smaller first.
        elevated: Paths of the elevated roads, as ground nodes.
        creeks: Their middle lines.
        blocks: Outlines of the blocks [b].
        parcels: Ground that may be built on [p].
        parcel_block: The block of each parcel [p].
        sub_district: Index of each block's sub-district [b].
        connected: Whether every sub-district is a union of blocks.
    """

    plan: Plan
    places: Points
    segments: dict[tuple[int, int], Segment]
    elevated: list[list[int]]
    creeks: Shapes
    blocks: Shapes
    parcels: Shapes
    parcel_block: NDArray[np.int64]
    sub_district: NDArray[np.int64]
    connected: bool
    under: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def street(self, segment: Segment) -> Street:
        """The street of a segment."""
        return self.plan.streets[segment.street]


def lay_ground(
    plan: Plan, content: PackContent, scale: float, centres: Points, phases: Points
) -> Ground:
    """Turn a street plan into ground.

    Args:
        plan: The street plan.
        content: The pack.
        scale: Of the district.
        centres: Schematic centres of the sub-districts [k, 2] [m].
        phases: Of the bends.
    """
    places = bend(np.array(plan.places), phases)
    segments, rings = _segments(plan)
    elevated = _elevated(plan, segments, np.array(plan.places))
    under = frozenset(_pair(one, two) for path in elevated for one, two in pairwise(path))
    blocks = shapely.polygons([shapely.linearrings(places[ring]) for ring in rings])
    creeks = _creeks(content.sketch, scale, phases)
    half = _half_widths(plan, content, segments, under)
    parcels, parcel_block = _parcels(blocks, places, segments, half, creeks)
    sub_district, connected = _sub_districts(blocks, segments, plan.streets, centres)
    return Ground(
        plan,
        places,
        segments,
        elevated,
        creeks,
        blocks,
        parcels,
        parcel_block,
        sub_district,
        connected,
        under,
    )


def _pair(one: int, two: int) -> tuple[int, int]:
    return (one, two) if one < two else (two, one)


def _segments(plan: Plan) -> tuple[dict[tuple[int, int], Segment], list[list[int]]]:
    """All segments, and the ring of nodes around each block."""
    found: dict[tuple[int, int], Segment] = {}
    rings = []
    for number, block in enumerate(plan.blocks):
        ring = list(plan.ring(block))
        rings.append([one for one, _, _ in ring])
        for one, two, street in ring:
            key = _pair(one, two)
            before = found[key].blocks if key in found else ()
            found[key] = Segment(key[0], key[1], street, (*before, number))
    return found, rings


def _elevated(
    plan: Plan, segments: dict[tuple[int, int], Segment], straight: Points
) -> list[list[int]]:
    """Paths of the elevated roads: a bent one through the middle to the river, one in the north."""

    def chain(street: Street) -> list[int]:
        ordered = sorted(street.nodes, key=lambda node: (street.nodes[node], node))
        runs: list[list[int]] = [[ordered[0]]]
        for one, two in pairwise(ordered):
            if _pair(one, two) in segments:
                runs[-1].append(two)
            else:
                runs.append([two])
        return max(runs, key=len)

    families = {
        family: [chain(item) for item in plan.streets if item.family == family and item.nodes]
        for family in ("east", "north")
    }
    families = {name: [run for run in runs if len(run) > 2] for name, runs in families.items()}
    if not families["east"]:
        return []
    reach = float(np.abs(straight[:, 1]).max())

    def nearest(runs: list[list[int]], axis: int, target: float) -> list[int]:
        return min(runs, key=lambda run: abs(float(straight[run, axis].mean()) - target))

    across = nearest(families["east"], 1, -0.1 * reach)
    paths = [across]
    if families["north"]:
        down = nearest(families["north"], 0, 0.3 * reach)
        shared = [node for node in across if node in set(down)]
        if shared:
            turn = shared[0]
            paths = [across[: across.index(turn)] + down[: down.index(turn) + 1][::-1]]
    if len(families["east"]) > 4:
        north = nearest(families["east"], 1, 0.45 * reach)
        if north is not across:
            paths.append(north)
    return [path for path in paths if len(path) > 2]


def _creeks(sketch: Sketch, scale: float, phases: Points) -> Shapes:
    lines = []
    for creek in sketch.creeks_km:
        points = np.array(creek) * 1000.0 * np.sqrt(scale)
        for _ in range(_CREEK_ROUNDINGS):
            one, two = points[:-1], points[1:]
            inner = np.stack([0.75 * one + 0.25 * two, 0.25 * one + 0.75 * two], 1).reshape(-1, 2)
            points = np.vstack([points[:1], inner, points[-1:]])
        lines.append(shapely.linestrings(bend(points, phases)))
    return np.array(lines, dtype=object)


def _half_widths(
    plan: Plan,
    content: PackContent,
    segments: dict[tuple[int, int], Segment],
    under: frozenset[tuple[int, int]],
) -> dict[tuple[int, int], float]:
    """From the middle of each segment to the nearest building [m]."""
    widths = content.roads.width_m
    found = {}
    for key, segment in segments.items():
        road_class = plan.streets[segment.street].road_class
        extra = _ELEVATED_EXTRA_M if key in under else 0.0
        found[key] = widths[road_class] / 2 + SETBACK_M[road_class] + extra
    return found


def _parcels(
    blocks: Shapes,
    places: Points,
    segments: dict[tuple[int, int], Segment],
    half: dict[tuple[int, int], float],
    creeks: Shapes,
) -> tuple[Shapes, NDArray[np.int64]]:
    """What is left of the blocks beside streets and creeks."""
    ground = blocks.copy()
    for width in sorted(set(half.values())):
        sides: dict[int, list[Points]] = {}
        for key, segment in segments.items():
            if half[key] == width:
                for block in segment.blocks:
                    sides.setdefault(block, []).append(places[list(key)])
        index = np.array(sorted(sides), dtype=np.int64)
        lines = np.array([shapely.multilinestrings(sides[int(i)]) for i in index], dtype=object)
        ground[index] = shapely.difference(ground[index], shapely.buffer(lines, width, quad_segs=2))
    for creek in creeks:
        wet = shapely.buffer(creek, _CREEK_HALF_M, quad_segs=2)
        shapely.prepare(wet)
        touched = shapely.intersects(wet, ground)
        ground[touched] = shapely.difference(ground[touched], wet)
    parts, owner = shapely.get_parts(ground, return_index=True)
    solid = shapely.get_type_id(parts) == 3
    return parts[solid], owner[solid].astype(np.int64)


def _sub_districts(
    blocks: Shapes,
    segments: dict[tuple[int, int], Segment],
    streets: list[Street],
    centres: Points,
) -> tuple[NDArray[np.int64], bool]:
    """Grow sub-districts over neighbouring blocks from their centres, so that each is in one piece.

    Where there are too few blocks, each takes the nearest centre, and the second value is False.
    """
    middles = shapely.get_coordinates(shapely.centroid(blocks))
    gaps = np.hypot(*np.moveaxis(middles[:, None, :] - centres[None, :, :], 2, 0))
    seeds = gaps.argmin(axis=0)
    if len(set(seeds.tolist())) < len(centres):
        return gaps.argmin(axis=1), False
    beside: list[list[tuple[int, float]]] = [[] for _ in blocks]
    for segment in segments.values():
        if len(segment.blocks) == 2:
            one, two = segment.blocks
            cost = _BORDER_COST if streets[segment.street].family != "street" else 1.0
            beside[one].append((two, cost))
            beside[two].append((one, cost))
    owner = np.full(len(blocks), -1, dtype=np.int64)
    waiting = [(0.0, int(seed), number) for number, seed in enumerate(seeds)]
    heapq.heapify(waiting)
    while waiting:
        far, block, number = heapq.heappop(waiting)
        if owner[block] >= 0:
            continue
        owner[block] = number
        for other, cost in beside[block]:
            if owner[other] < 0:
                step = cost * float(np.hypot(*(middles[block] - middles[other])))
                heapq.heappush(waiting, (far + step, other, number))
    return owner, True
