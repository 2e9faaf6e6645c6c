"""Roads: ways split where they meet, so that the segments form a graph to route on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Feature
from lingjing.vocabulary import Attribute, Provenance


@dataclass(frozen=True)
class Pieces:
    """Stretches of ways between junctions, as positions in the flat node list.

    Attributes:
        way: Index of the way [n].
        start, stop: First and last position, both part of the piece [n].
    """

    way: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    def lines(self, coordinates: NDArray[np.float64]) -> NDArray[np.object_]:
        """The pieces as lines [n], given the coordinates of the flat node list [m, 2]."""
        if not self.way.size:
            return np.zeros(0, dtype=object)
        size = self.stop - self.start + 1
        owner = np.repeat(np.arange(size.size), size)
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        positions = np.repeat(self.start, size) + within
        return np.asarray(shapely.linestrings(coordinates[positions], indices=owner))


def split_at_junctions(
    nodes: NDArray[np.int64], way: NDArray[np.int64], known: NDArray[np.bool_]
) -> Pieces:
    """Cut ways at every node that another way, or the same way again, uses.

    Args:
        nodes: Node ids of all ways, one way after the other [m]; no node twice in a row.
        way: Index of the way of each node, ascending [m].
        known: Whether the node's position is known [m]; ways are cut around unknown nodes.
    """
    if not nodes.size:
        empty = np.zeros(0, dtype=np.int64)
        return Pieces(empty, empty, empty)
    _, inverse, count = np.unique(nodes, return_inverse=True, return_counts=True)
    same_as_next = np.append(way[1:] == way[:-1], False)
    last = ~same_as_next | ~np.append(known[1:], False)
    first = ~np.insert(same_as_next[:-1], 0, False) | ~np.insert(known[:-1], 0, False)
    cuts = np.flatnonzero(known & (first | last | (count[inverse] > 1)))
    start, stop = cuts[:-1], cuts[1:]
    joined = (way[start] == way[stop]) & known[np.minimum(start + 1, known.size - 1)]
    return Pieces(way[start[joined]], start[joined], stop[joined])


def unique_names(names: Sequence[str]) -> list[str]:
    """Add `-2`, `-3`, … to the second, third, … use of a name, in order."""
    used: dict[str, int] = {}
    unique = []
    for name in names:
        count = used[name] = used.get(name, 0) + 1
        unique.append(name if count == 1 else f"{name}-{count}")
    return unique


def nodes_from_ends(lines: NDArray[np.object_], source: str) -> list[tuple[Attribute, Attribute]]:
    """Name the end nodes of lines [n] by their position, so that lines that touch are joined.

    For sources without a topology of their own. Ends within 1e-7° (about 1 cm) share a node;
    lines that cross or touch in between are not joined.
    """
    provenance = Provenance("inferred", source, rule="nodes-from-shared-ends", confidence=0.8)
    ends = []
    for position in (0, -1):
        points = shapely.get_coordinates(shapely.get_point(lines, position))
        grid = np.rint(points * 1e7).astype(np.int64)
        ends.append([Attribute(f"at-{x}-{y}", provenance) for x, y in grid])
    return list(zip(*ends, strict=True))


def road_graph(
    features: Iterable[Feature],
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The directed graph of road segments.

    Args:
        features: Any features; only road segments with both nodes are used.

    Returns:
        Names of the nodes, and per edge the index of its start node, of its end node, and its
        length [m]. A segment that is not one-way gives an edge each way.
    """
    index: dict[str, int] = {}
    starts: list[int] = []
    stops: list[int] = []
    lengths: list[float] = []
    for feature in features:
        attributes = feature.attributes
        if feature.kind != "RoadSegment" or not {"from_node", "to_node"} <= attributes.keys():
            continue
        a, b = (
            index.setdefault(str(attributes[end].value), len(index))
            for end in ("from_node", "to_node")
        )
        length = float(attributes["length"].value)
        oneway = attributes.get("oneway")
        for start, stop in ((a, b),) if oneway and oneway.value else ((a, b), (b, a)):
            starts.append(start)
            stops.append(stop)
            lengths.append(length)
    return (
        list(index),
        np.array(starts, dtype=np.int64),
        np.array(stops, dtype=np.int64),
        np.array(lengths),
    )
