"""Which solids stand in which tile: a quadtree that shows the large ones first.

A tile holds the largest solids of its cell and its children hold the rest (refinement by adding),
so every solid is drawn exactly once. The cells divide the globe, not the district: a district that
grows keeps the cells it had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.engine.tiles3d.frames import Floats

LEAF: Final = 400
"""Most solids of a tile without children."""
INNER: Final = 150
"""Solids of a tile with children."""
DEEPEST: Final = 24
"""Cells are not divided further than this: 1 m."""

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Node:
    """A tile.

    Attributes:
        rows: Solids it holds, the largest first.
        error_m: Size of the largest solid that only its children hold [m].
        children: Tiles of its quarters that hold anything.
    """

    rows: Whole
    error_m: float
    children: list[Node] = field(default_factory=list)

    def under(self) -> list[Node]:
        """This tile and all below."""
        return [self, *(found for child in self.children for found in child.under())]


def divided(
    longitude_deg: Floats, latitude_deg: Floats, size_m: Floats, *, leaf: int = LEAF
) -> Node:
    """The tree over solids.

    Args:
        longitude_deg, latitude_deg: Middles [n] [°].
        size_m: Sizes [n] [m], see `Node.error_m`.
        leaf: Most solids of a tile without children.
    """
    order = np.lexsort((np.arange(size_m.size), -size_m))
    plan = np.stack([(longitude_deg + 180.0) / 360.0, (latitude_deg + 90.0) / 180.0], axis=-1)
    cells = np.clip(plan, 0.0, 1.0 - 2.0**-40) * (1 << DEEPEST)
    return _node(order, cells.astype(np.int64), size_m, DEEPEST, leaf)


def _node(order: Whole, cells: Whole, size_m: Floats, depth: int, leaf: int) -> Node:
    """The tile of some solids, the largest first, that share all cells above a depth."""
    if order.size <= leaf:
        return Node(order, 0.0)
    rest = order[INNER:]
    quarters: list[Whole] = []
    while depth and len(quarters) < 2:
        depth -= 1
        quarter = ((cells[rest] >> depth) & 1) @ np.array([1, 2])
        quarters = [rest[quarter == number] for number in range(4) if (quarter == number).any()]
    if len(quarters) < 2:  # more than a leaf's worth on one spot
        quarters = [rest[start : start + leaf] for start in range(0, rest.size, leaf)]
    children = [_node(part, cells, size_m, depth, leaf) for part in quarters]
    return Node(order[:INNER], float(size_m[rest[0]]), children)
