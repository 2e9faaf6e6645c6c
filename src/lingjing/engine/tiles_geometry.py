"""Geometries for map tiles: projected, cut to tiles and put on their grid, whole arrays at once.

Nothing here loops over features. A *pair* is one feature in one tile; a *part* is a ring, a line
or a run of points of a pair. All tiles of a zoom level are made together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

EXTENT: Final = 4096
"""Units along the side of a tile."""
BUFFER: Final = 96
"""Units beyond each side that are drawn too, so that strokes and walls do not end at a seam."""
MOST_LATITUDE_DEG: Final = 85.0511287798066
"""Web Mercator ends here."""
TOLERANCE: Final = 1.5
"""Units by which a simplified line may be off, below the last zoom level."""
LEAST_AREA: Final = 4.0
"""Polygons smaller than this [units²] are left out below the last zoom level."""
MOST_PAIR_VERTICES: Final = 4_000_000

POINT, LINE, POLYGON = 1, 2, 3
_OF_SHAPELY: Final = np.array([POINT, LINE, LINE, POLYGON, POINT, LINE, POLYGON, 0], dtype=np.int8)
"""Type of a tile's feature by shapely's type number."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def projected(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Geometries of WGS 84 on the unit square of Web Mercator, north up at 0.

    Args:
        shapes: [n], longitude and latitude [°]; latitudes beyond ±85.05° are brought back to it.
    """

    def onto(points: Floats) -> Floats:
        latitude = np.radians(np.clip(points[:, 1], -MOST_LATITUDE_DEG, MOST_LATITUDE_DEG))
        x = points[:, 0] / 360.0 + 0.5
        y = 0.5 - np.log(np.tan(np.pi / 4 + latitude / 2)) / (2 * np.pi)
        return np.column_stack([x, y])

    found: NDArray[np.object_] = shapely.transform(shapes, onto)
    return found


def unprojected(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude [°] of places on the unit square."""
    return (x - 0.5) * 360.0, np.degrees(2 * np.arctan(np.exp((0.5 - y) * 2 * np.pi)) - np.pi / 2)


def types_of(shapes: NDArray[np.object_]) -> NDArray[np.int8]:
    """What each becomes in a tile [n]: `POINT`, `LINE`, `POLYGON`, or 0 for nothing."""
    found: NDArray[np.int8] = np.where(
        shapely.is_empty(shapes), 0, _OF_SHAPELY[shapely.get_type_id(shapes)]
    ).astype(np.int8)
    return found


def touched(boxes: Floats, zoom: int) -> tuple[Integers, Integers]:
    """Which tiles of a level boxes touch, their buffer included.

    Args:
        boxes: [n, 4] x and y from and to on the unit square; one of NaN touches nothing.
        zoom: The level.

    Returns:
        Row of the box [p] and key of the tile [p]: row of the tile times 2^zoom, plus its column.
    """
    size = 1 << zoom
    margin = BUFFER / EXTENT
    extended = np.isfinite(boxes.sum(axis=1, keepdims=True))
    filled = np.where(extended, boxes, 0.0)
    low = np.clip(np.floor(filled[:, :2] * size - margin), 0, size - 1).astype(np.int64)
    high = np.clip(np.floor(filled[:, 2:] * size + margin), 0, size - 1).astype(np.int64)
    span = (high - low + 1) * extended
    counts = span[:, 0] * span[:, 1]
    rows = np.repeat(np.arange(len(boxes)), counts)
    within = ranks(counts)
    x = low[rows, 0] + within % np.maximum(span[rows, 0], 1)
    y = low[rows, 1] + within // np.maximum(span[rows, 0], 1)
    return rows, (y << zoom) + x


def ranks(counts: Integers) -> Integers:
    """0 … count − 1 for each count, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size else 0
    found: Integers = np.arange(total) - np.repeat(ends - counts, counts)
    return found


def slices(starts: Integers, counts: Integers) -> Integers:
    """Positions of slices of a flat array, one slice after another."""
    found: Integers = np.repeat(starts, counts) + ranks(counts)
    return found


@dataclass(frozen=True)
class Parts:
    """Parts with their vertices, flat.

    Attributes:
        pair: Pair or feature of each part [r], ascending.
        shell: Number of the polygon that a ring belongs to [r]; of no meaning for others.
        hole: Whether it is an inner ring [r].
        counts: Vertices of each part [r].
        x, y: Vertices [v]; a ring's first is not repeated.
    """

    pair: Integers
    shell: Integers
    hole: NDArray[np.bool_]
    counts: Integers
    x: Floats
    y: Floats

    @property
    def starts(self) -> Integers:
        """Position of each part's first vertex [r]."""
        found: Integers = np.cumsum(self.counts) - self.counts
        return found

    def chosen(self, parts: Integers) -> Parts:
        """Some parts, in the order asked for; one may be asked for several times."""
        counts = self.counts[parts]
        at = slices(self.starts[parts], counts)
        return Parts(
            self.pair[parts], self.shell[parts], self.hole[parts], counts, self.x[at], self.y[at]
        )

    def kept(self, vertices: NDArray[np.bool_]) -> Parts:
        """Only some of the vertices; parts may be left without any."""
        owner = np.repeat(np.arange(self.counts.size), self.counts)
        counts = np.bincount(owner[vertices], minlength=self.counts.size)
        return replace(self, counts=counts, x=self.x[vertices], y=self.y[vertices])


def on_grid(shapes: NDArray[np.object_], kind: int, zoom: int) -> Parts:
    """Parts of features of one type, on the whole numbers of a level's grid.

    Vertices that fall on their predecessor are left out.

    Args:
        shapes: [n] on the unit square, all of the type.
        kind: `POINT`, `LINE` or `POLYGON`.
        zoom: The level.
    """
    pieces, owner = shapely.get_parts(shapes, return_index=True)
    shell = np.arange(pieces.size)
    hole = np.zeros(pieces.size, dtype=bool)
    if kind == POLYGON:
        pieces, polygon = shapely.get_rings(pieces, return_index=True)
        owner, shell = owner[polygon], polygon
        hole = np.r_[False, polygon[1:] == polygon[:-1]] if polygon.size else hole[:0]
    points, part = shapely.get_coordinates(pieces, return_index=True)
    counts = np.bincount(part, minlength=pieces.size)
    scale = float(EXTENT << zoom)
    grid = np.rint(points * scale)
    if kind == POINT:
        # All points of a feature are one part.
        owner, first = np.unique(owner[part], return_index=True)
        counts = np.diff(np.r_[first, points.shape[0]])
        shell, hole = np.arange(owner.size), np.zeros(owner.size, dtype=bool)
    found = Parts(owner, shell, hole, counts, grid[:, 0], grid[:, 1])
    return found if kind == POINT else without_repeats(found, closed=kind == POLYGON)


def without_repeats(parts: Parts, *, closed: bool) -> Parts:
    """Parts less the vertices that equal the one before; in rings also a last that is the first."""
    x, y = parts.x, parts.y
    if not x.size:
        return parts
    starts = parts.starts[parts.counts > 0]
    fresh = np.r_[True, (x[1:] != x[:-1]) | (y[1:] != y[:-1])]
    fresh[starts] = True
    if closed:
        counts = parts.counts[parts.counts > 0]
        last = starts + counts - 1
        # Of equal vertices in a row the first stays, so the end of the row is what is compared.
        back = np.maximum.accumulate(np.where(fresh, np.arange(x.size), 0))[last]
        ends = (counts > 1) & (back > starts) & (x[last] == x[starts]) & (y[last] == y[starts])
        fresh[back[ends]] = False
    return parts.kept(fresh)


def clipped(parts: Parts, boxes: Floats, kind: int) -> Parts:
    """Parts cut to boxes.

    Args:
        parts: Of one type.
        boxes: [r, 4] x and y from and to, for each part.
        kind: Their type.
    """
    if kind == POINT:
        owner = np.repeat(np.arange(parts.counts.size), parts.counts)
        inside = (
            (parts.x >= boxes[owner, 0])
            & (parts.x < boxes[owner, 2])
            & (parts.y >= boxes[owner, 1])
            & (parts.y < boxes[owner, 3])
        )
        return parts.kept(inside)
    return _clipped_rings(parts, boxes) if kind == POLYGON else _clipped_lines(parts, boxes)


def _clipped_rings(parts: Parts, boxes: Floats) -> Parts:
    """Sutherland and Hodgman's way of cutting, one side after another."""
    for side in range(4):
        if not parts.x.size:
            return parts
        counts, starts = parts.counts, parts.starts
        owner = np.repeat(np.arange(counts.size), counts)
        following = np.arange(parts.x.size) + 1
        filled = counts > 0
        following[(starts + counts - 1)[filled]] = starts[filled]
        limit = boxes[owner, side]
        along = parts.x if side % 2 == 0 else parts.y
        depth = along - limit if side < 2 else limit - along
        inside = depth >= 0
        crossing = inside != inside[following]
        emitted = inside.astype(np.int64) + crossing
        at = np.cumsum(emitted) - emitted
        size = int(emitted.sum())
        x, y = np.empty(size), np.empty(size)
        x[at[inside]], y[at[inside]] = parts.x[inside], parts.y[inside]
        here, there = np.flatnonzero(crossing), following[crossing]
        share = depth[here] / (depth[here] - depth[there])
        place = at[here] + inside[here]
        x[place] = parts.x[here] + share * (parts.x[there] - parts.x[here])
        y[place] = parts.y[here] + share * (parts.y[there] - parts.y[here])
        (x if side % 2 == 0 else y)[place] = limit[here]
        remaining = np.bincount(owner, weights=emitted, minlength=counts.size).astype(np.int64)
        parts = replace(parts, counts=remaining, x=x, y=y)
    return parts


def _clipped_lines(parts: Parts, boxes: Floats) -> Parts:
    """Liang and Barsky's way of cutting; a line that leaves and comes back becomes several."""
    counts, starts = parts.counts, parts.starts
    owner = np.repeat(np.arange(counts.size), counts)
    is_last = np.zeros(parts.x.size, dtype=bool)
    is_last[(starts + counts - 1)[counts > 0]] = True
    here = np.flatnonzero(~is_last)
    box = boxes[owner[here]]
    x, y = parts.x[here], parts.y[here]
    dx, dy = parts.x[here + 1] - x, parts.y[here + 1] - y
    enter, leave = np.zeros(here.size), np.ones(here.size)
    possible = np.ones(here.size, dtype=bool)
    for towards, room in (
        (-dx, x - box[:, 0]),
        (dx, box[:, 2] - x),
        (-dy, y - box[:, 1]),
        (dy, box[:, 3] - y),
    ):
        possible &= (towards != 0) | (room >= 0)
        share = np.divide(room, towards, out=np.zeros(here.size), where=towards != 0)
        enter = np.where(towards < 0, np.maximum(enter, share), enter)
        leave = np.where(towards > 0, np.minimum(leave, share), leave)
    seen = possible & (enter < leave)
    here, enter, leave = here[seen], enter[seen], leave[seen]
    x, y, dx, dy = x[seen], y[seen], dx[seen], dy[seen]
    goes_on = np.zeros(here.size, dtype=bool)
    if here.size:
        goes_on[1:] = (here[1:] == here[:-1] + 1) & (leave[:-1] == 1.0) & (enter[1:] == 0.0)
        goes_on[1:] &= owner[here[1:]] == owner[here[:-1]]
    emitted = np.where(goes_on, 1, 2)
    at = np.cumsum(emitted) - emitted
    size = int(emitted.sum())
    out_x, out_y = np.empty(size), np.empty(size)
    begins = ~goes_on
    out_x[at[begins]] = (x + enter * dx)[begins]
    out_y[at[begins]] = (y + enter * dy)[begins]
    out_x[at + begins] = x + leave * dx
    out_y[at + begins] = y + leave * dy
    piece = np.cumsum(begins) - 1
    of = owner[here[begins]]
    return Parts(
        parts.pair[of],
        parts.shell[of],
        parts.hole[of],
        np.bincount(piece, weights=emitted, minlength=of.size).astype(np.int64),
        out_x,
        out_y,
    )


def signed_areas(parts: Parts) -> Floats:
    """Twice the area of each ring [r], positive where it runs clockwise as seen on the screen."""
    if not parts.x.size:
        return np.zeros(parts.counts.size)
    starts, counts = parts.starts, parts.counts
    following = np.arange(parts.x.size) + 1
    filled = counts > 0
    following[(starts + counts - 1)[filled]] = starts[filled]
    owner = np.repeat(np.arange(counts.size), counts)
    # Large grid numbers would cost precision: areas are measured from each ring's first vertex.
    x, y = parts.x - parts.x[starts[owner]], parts.y - parts.y[starts[owner]]
    cross = x * y[following] - x[following] * y
    return np.bincount(owner, weights=cross, minlength=counts.size).astype(np.float64)


def wound(parts: Parts) -> Parts:
    """Rings that still enclose something, outer ones clockwise on the screen, inner ones against.

    Holes go with the outer ring that has vanished, and that goes where its holes leave nothing.
    """
    areas = signed_areas(parts)
    stands = (parts.counts >= 3) & (areas != 0)
    span = np.int64(parts.shell.max() + 1) if parts.shell.size else np.int64(1)
    _, polygon = np.unique(parts.pair * span + parts.shell, return_inverse=True)
    sizes = np.where(stands, np.abs(areas), 0.0)
    left = np.bincount(polygon, weights=np.where(parts.hole, -sizes, sizes))
    stands &= left[polygon] > 0 if polygon.size else stands
    chosen = parts.chosen(np.flatnonzero(stands))
    turned = (areas[stands] > 0) == chosen.hole
    within = ranks(chosen.counts)
    counts = np.repeat(chosen.counts, chosen.counts)
    starts = np.repeat(chosen.starts, chosen.counts)
    order = np.where(
        np.repeat(turned, chosen.counts), starts + counts - 1 - within, starts + within
    )
    return replace(chosen, x=chosen.x[order], y=chosen.y[order])
