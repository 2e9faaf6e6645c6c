"""Street plan of the synthetic district: arterials, streets and the blocks between them.

The plan is cut, not drawn: the outline is divided by arterials, and what remains is halved again
and again by streets. A cut is made at a junction that is already there when one is near, so roads
meet at shared nodes by construction. All coordinates are metres east and north of the centre.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lingjing.sources.packs import Sketch

Points = NDArray[np.float64]
RoadClass = Literal["primary", "secondary", "tertiary", "residential"]
Family = Literal["east", "north", "edge", "street"]

_SNAP_M = 45.0
_ARTERIAL_TURN_RAD = np.radians(1.5)
_STREET_TURN_RAD = np.radians(3.0)
# Sides of the outline come out some 100 to 300 m long at any scale.
_ROUNDED_FROM = ((0.02, 0), (0.2, 1))


@dataclass
class Street:
    """A straight line that carries road: arterial, street, or a piece of the outline.

    Attributes:
        road_class: Its class.
        family: Which set it belongs to.
        number: Its number among its kind; streets of one number share a name.
        origin, along: A point of it and its unit direction [m].
        nodes: Node ids on it, with their place along it.
    """

    road_class: RoadClass
    family: Family
    number: int
    origin: Points
    along: Points
    nodes: dict[int, float] = field(default_factory=dict)


@dataclass
class Block:
    """A piece of ground: corner node ids and, for each, the street that leads to the next."""

    corners: list[int]
    streets: list[int]
    depth: int = 0


@dataclass
class Plan:
    """The street plan.

    Attributes:
        places: Node places [m], by node id.
        streets: All streets.
        blocks: What lies between them.
    """

    places: list[Points]
    streets: list[Street]
    blocks: list[Block]

    def node(self, place: Points) -> int:
        """A new node."""
        self.places.append(place)
        return len(self.places) - 1

    def attach(self, street: int, node: int) -> None:
        """Put a node on a street."""
        line = self.streets[street]
        line.nodes[node] = float((self.places[node] - line.origin) @ line.along)

    def ring(self, block: Block) -> Iterator[tuple[int, int, int]]:
        """Node, next node and street around a block, junctions along its sides included."""
        count = len(block.corners)
        for index, street in enumerate(block.streets):
            start, end = block.corners[index], block.corners[(index + 1) % count]
            nodes = self.streets[street].nodes
            low, high = sorted((nodes[start], nodes[end]))
            between = sorted((at, node) for node, at in nodes.items() if low < at < high)
            inner = [node for _, node in between if node not in (start, end)]
            if nodes[start] > nodes[end]:
                inner.reverse()
            chain = [start, *inner, end]
            for one, two in pairwise(chain):
                yield one, two, street


def make_plan(sketch: Sketch, area_m2: float, scale: float, rng: Generator) -> Plan:
    """Cut a district into blocks.

    Args:
        sketch: Shape and make-up from the pack.
        area_m2: Area that the outline is brought to [m²].
        scale: Share of the true size; lengths grow with its square root, densities stay.
        rng: Of the district.
    """
    plan = Plan([], [], [])
    _outline(plan, sketch, area_m2, scale)
    turn = np.radians(sketch.grid_rotation_deg)
    reach = float(np.hypot(*np.array(plan.places).T).max())
    numbers = 0
    families: tuple[tuple[Family, float], ...] = (("east", turn), ("north", turn + np.pi / 2))
    for family, angle in families:
        numbers = _arterials(plan, sketch, family, angle, reach, numbers, rng)
    finished: list[Block] = []
    waiting = plan.blocks[::-1]
    small = _block_sizes(sketch, scale)
    while waiting:
        block = waiting.pop()
        halves = _halve(plan, block, turn, small, rng)
        if halves is None:
            finished.append(block)
        else:
            waiting.extend(halves)
    plan.blocks = finished
    return plan


def ring_area(points: Points) -> float:
    """Signed area of a ring of points [n, 2] [m²]."""
    x, y = points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _outline(plan: Plan, sketch: Sketch, area_m2: float, scale: float) -> None:
    """Start with one block: the outline, its corners rounded, at the area asked for."""
    points = np.array(sketch.outline_km, dtype=np.float64)
    river = [index in sketch.river_edges for index in range(len(points))]
    roundings = next((times for below, times in _ROUNDED_FROM if scale < below), 2)
    for _ in range(roundings):
        following = np.roll(points, -1, axis=0)
        pair = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1)
        points = pair.reshape(-1, 2)
        river = [flag for one in range(len(river)) for flag in (river[one], river[one])]
    points *= np.sqrt(area_m2 / abs(ring_area(points)))
    nodes = [plan.node(point) for point in points]
    for index, start in enumerate(nodes):
        end = nodes[(index + 1) % len(nodes)]
        road_class: RoadClass = "secondary" if river[index] else "primary"
        number = 1 if river[index] else 2
        _chord(plan, road_class, "edge", number, start, end)
    plan.blocks.append(Block(nodes, list(range(len(nodes)))))


def _chord(
    plan: Plan, road_class: RoadClass, family: Family, number: int, start: int, end: int
) -> int:
    """A new street from node to node."""
    origin = plan.places[start]
    along = plan.places[end] - origin
    plan.streets.append(
        Street(road_class, family, number, origin, along / max(float(np.hypot(*along)), 1e-9))
    )
    street = len(plan.streets) - 1
    plan.attach(street, start)
    plan.attach(street, end)
    return street


def _arterials(
    plan: Plan,
    sketch: Sketch,
    family: Family,
    angle: float,
    reach: float,
    numbers: int,
    rng: Generator,
) -> int:
    """Cut everything by one set of nearly parallel lines; returns the last number given."""
    count = int(reach / sketch.arterial_spacing_m) + 1
    for place in range(-count, count + 1):
        shift = (place + rng.uniform(-0.2, 0.2)) * sketch.arterial_spacing_m
        turned = angle + rng.uniform(-1, 1) * _ARTERIAL_TURN_RAD
        along = np.array([np.cos(turned), np.sin(turned)])
        origin = shift * np.array([-np.sin(angle), np.cos(angle)])
        road_class: RoadClass = "primary" if place % 2 == 0 else "secondary"
        numbers += 1
        plan.streets.append(Street(road_class, family, numbers, origin, along))
        street = len(plan.streets) - 1
        cut: list[Block] = []
        for block in plan.blocks:
            halves = _cut(plan, block, origin, along, street)
            cut.extend(halves or [block])
        plan.blocks = cut
    return numbers


def _cut(
    plan: Plan, block: Block, origin: Points, along: Points, street: int | None
) -> list[Block] | None:
    """Divide a block by a line; None where the line misses it or only scratches it.

    Without a street, a new residential one is made.
    """
    places = np.array([plan.places[node] for node in block.corners])
    side = (places - origin) @ np.array([-along[1], along[0]])
    ahead = np.roll(side, -1)
    crossed = np.flatnonzero((side < 0) != (ahead < 0))
    if len(crossed) != 2:
        return None
    ends = []
    for edge in crossed:
        share = side[edge] / (side[edge] - ahead[edge])
        following = places[(edge + 1) % len(places)]
        ends.append((int(edge), places[edge] + share * (following - places[edge])))
    nodes = [_junction(plan, block, edge, place) for edge, place in ends]
    return _divided(plan, block, (ends[0][0], ends[1][0]), (nodes[0], nodes[1]), street)


def _junction(plan: Plan, block: Block, edge: int, place: Points) -> int:
    """The node on that side of the block nearest to a place, or a new one there."""
    street = block.streets[edge]
    start, end = block.corners[edge], block.corners[(edge + 1) % len(block.corners)]
    nodes = plan.streets[street].nodes
    low, high = sorted((nodes[start], nodes[end]))
    for node, at in nodes.items():
        if low <= at <= high and float(np.hypot(*(plan.places[node] - place))) < _SNAP_M:
            return node
    node = plan.node(place)
    plan.attach(street, node)
    return node


def _divided(
    plan: Plan,
    block: Block,
    edges: tuple[int, int],
    nodes: tuple[int, int],
    street: int | None,
) -> list[Block] | None:
    """The two parts of a block, cut from a node on one side to a node on another."""
    first, second = edges
    ring = list(zip(block.corners, block.streets, strict=True))
    one = [*ring[first + 1 : second + 1], (nodes[1], -1)]
    if one[0][0] != nodes[0]:
        one.insert(0, (nodes[0], block.streets[first]))
    two = [*ring[second + 1 :], *ring[: first + 1], (nodes[0], -1)]
    if two[0][0] != nodes[1]:
        two.insert(0, (nodes[1], block.streets[second]))
    parts = []
    for part in (one, two):
        if part[-2][0] == part[-1][0]:
            part.pop(-2)
        corners = [node for node, _ in part]
        if len(set(corners)) != len(corners) or len(corners) < 3:
            return None
        parts.append(part)
    if street is None:
        road_class: RoadClass = "tertiary" if block.depth == 0 else "residential"
        number = len(plan.streets)
        street = _chord(plan, road_class, "street", number, nodes[0], nodes[1])
        depth = block.depth + 1
    else:
        plan.attach(street, nodes[0])
        plan.attach(street, nodes[1])
        depth = block.depth
    return [
        Block([node for node, _ in part], [street if s < 0 else s for _, s in part], depth)
        for part in parts
    ]


def _block_sizes(sketch: Sketch, scale: float) -> Callable[[Points], float]:
    """How large blocks are at a place [m²]: small in the old quarter, large on a campus."""
    grown = np.sqrt(scale) * 1000.0

    def inside(circle: tuple[float, float, float], place: Points) -> bool:
        return bool(np.hypot(*(place / grown - np.array(circle[:2]))) < circle[2])

    def size(place: Points) -> float:
        if any(inside(circle, place) for circle in sketch.campus_km):
            return sketch.block_area_m2 * 3.0
        if inside(sketch.old_quarter_km, place):
            return sketch.block_area_m2 * 0.6
        if inside(sketch.new_town_km, place):
            return sketch.block_area_m2 * 1.5
        return sketch.block_area_m2

    return size


def _halve(
    plan: Plan, block: Block, turn: float, size: Callable[[Points], float], rng: Generator
) -> list[Block] | None:
    """Divide a block that is too large across its longer side; None where it is small enough."""
    places = np.array([plan.places[node] for node in block.corners])
    middle = places.mean(axis=0)
    if abs(ring_area(places)) < size(middle) * rng.uniform(1.0, 2.0):
        return None
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    extent = np.ptp(places @ axes.T, axis=0)
    across = turn + (np.pi / 2 if extent[0] > extent[1] else 0.0)
    across += rng.uniform(-1, 1) * _STREET_TURN_RAD
    along = np.array([np.cos(across), np.sin(across)])
    longer = axes[0] if extent[0] > extent[1] else axes[1]
    origin = middle + longer * rng.uniform(-0.12, 0.12) * extent.max()
    return _cut(plan, block, origin, along, None)


def bend(points: Points, phases: Points) -> Points:
    """Bend straight streets gently, as grown cities have them.

    Args:
        points: Places [n, 2] [m].
        phases: Four angles of the district [rad].
    """
    x, y = points.T / 1000.0
    east = 0.11 * np.sin(y / 0.75 + phases[0]) + 0.05 * np.sin(x / 0.5 + y / 0.6 + phases[1])
    north = 0.12 * np.sin(x / 0.85 + phases[2]) + 0.05 * np.sin(x / 0.55 - y / 0.5 + phases[3])
    return points + np.column_stack([east, north]) * 1000.0
