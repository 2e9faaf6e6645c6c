"""Vector tiles in the Mapbox format 2.1, written for a whole zoom level at once with NumPy.

Everything inside a feature is a row of variable-length whole numbers, the lengths of its parts
too. So a level becomes one long array of numbers, which is turned into bytes in a few array
operations and then cut into tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.tiles_geometry import (
    BUFFER,
    EXTENT,
    LINE,
    POINT,
    POLYGON,
    Integers,
    Parts,
    slices,
)

_VERSION: Final = b"\x78\x02"
_EXTENT: Final = b"\x28\x80\x20"
_MOVE, _LINE, _CLOSE = 1, 2, 7


@dataclass(frozen=True)
class Column:
    """One property of all features.

    Attributes:
        name: Of the property.
        codes: Which of the values each feature has [n], −1 for none.
        values: The distinct values, as the format writes them.
    """

    name: str
    codes: Integers
    values: Sequence[bytes]

    @classmethod
    def of(cls, name: str, values: Sequence[Any]) -> Column:
        """A column of texts, numbers, flags and gaps (None)."""
        known: dict[tuple[type, Any], int] = {}
        codes = np.fromiter(
            (
                -1 if value is None else known.setdefault((type(value), value), len(known))
                for value in values
            ),
            dtype=np.int64,
            count=len(values),
        )
        return cls(name, codes, [encoded_value(value) for _, value in known])


@dataclass(frozen=True)
class Drawing:
    """What a layer is drawn from.

    Attributes:
        name: Of the layer.
        numbers: Feature ids [n].
        shapes: Geometries on the unit square [n], see `tiles_geometry.projected`.
        boxes: Their boxes [n, 4].
        columns: Properties.
        last_zoom: Nothing is simplified or left out from this level on.
    """

    name: str
    numbers: Integers
    shapes: NDArray[np.object_]
    boxes: NDArray[np.float64]
    columns: tuple[Column, ...]
    last_zoom: int


def encoded_value(value: str | bool | int | float) -> bytes:
    """A value as it stands in a layer's list of values."""
    if isinstance(value, str):
        text = value.encode("utf-8")
        inner = b"\x0a" + varint(len(text)) + text
    elif isinstance(value, bool):
        inner = b"\x38\x01" if value else b"\x38\x00"
    elif isinstance(value, int):
        inner = b"\x28" + varint(value) if value >= 0 else b"\x30" + varint(-2 * value - 1)
    else:
        inner = b"\x19" + np.float64(value).astype("<f8").tobytes()
    return b"\x22" + varint(len(inner)) + inner


def varint(number: int) -> bytes:
    """A whole number in as many bytes as it needs."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def encode_level(
    drawing: Drawing, zoom: int, wanted: Integers | None = None
) -> Iterator[tuple[int, int, bytes]]:
    """The tiles of a level that hold anything.

    Args:
        drawing: What is drawn.
        zoom: The level.
        wanted: Keys (see `touched`) of the tiles to make; None for all.

    Yields:
        Column and row of a tile (row 0 in the north) and its bytes, not compressed.
    """
    rows, keys = geometry.touched(drawing.boxes, zoom)
    chosen = geometry.types_of(drawing.shapes)[rows] > 0
    if wanted is not None:
        chosen &= np.isin(keys, wanted)
    if zoom < drawing.last_zoom:
        chosen &= _large_enough(drawing.shapes, zoom)[rows]
    rows, keys = rows[chosen], keys[chosen]
    order = np.lexsort((rows, keys))
    rows, keys = rows[order], keys[order]
    for first, last in _portions(keys, shapely.get_num_coordinates(drawing.shapes)[rows]):
        yield from _encode(drawing, zoom, rows[first:last], keys[first:last])


def _large_enough(shapes: NDArray[np.object_], zoom: int) -> NDArray[np.bool_]:
    """Whether anything would be seen of each at a level [n]."""
    scale = float(EXTENT << zoom)
    types = geometry.types_of(shapes)
    area = shapely.area(shapes) * scale * scale
    length = shapely.length(shapes) * scale
    found: NDArray[np.bool_] = (
        (types == POINT)
        | ((types == LINE) & (length >= geometry.TOLERANCE))
        | ((types == POLYGON) & (area >= geometry.LEAST_AREA))
    )
    return found


def _portions(keys: Integers, vertices: Integers) -> Iterator[tuple[int, int]]:
    """Slices of the pairs that can be worked on in memory; a tile is never cut in two."""
    if not keys.size:
        return
    begins = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    before = np.r_[0, np.cumsum(vertices)][begins] // geometry.MOST_PAIR_VERTICES
    firsts = begins[np.r_[True, before[1:] != before[:-1]]].tolist()
    yield from zip(firsts, [*firsts[1:], keys.size], strict=True)


def _encode(
    drawing: Drawing, zoom: int, rows: Integers, keys: Integers
) -> Iterator[tuple[int, int, bytes]]:
    """Tiles of pairs that stand in order of tile, then of feature."""
    pair, kinds, drawn = _drawn(drawing, zoom, rows, keys)
    if not pair.size:
        return
    rows, keys = rows[pair], keys[pair]
    firsts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    tile = np.cumsum(np.r_[True, keys[1:] != keys[:-1]]) - 1
    tags, tag_counts, values = _tags(drawing, rows, tile, firsts.size)
    commands, command_counts = drawn
    features, ends = _features(
        drawing.numbers[rows], kinds, (tags, tag_counts), (commands, command_counts)
    )
    name = drawing.name.encode("utf-8")
    head = _VERSION + b"\x0a" + varint(len(name)) + name
    names = [column.name.encode("utf-8") for column in drawing.columns]
    tail = b"".join(b"\x1a" + varint(len(item)) + item for item in names)
    bounds = [0, *ends[np.r_[firsts[1:] - 1, rows.size - 1]].tolist()]
    size = 1 << zoom
    for index, key in enumerate(keys[firsts].tolist()):
        body = b"".join(
            (head, features[bounds[index] : bounds[index + 1]], tail, values[index], _EXTENT)
        )
        yield key % size, key // size, b"\x1a" + varint(len(body)) + body


def _drawn(
    drawing: Drawing, zoom: int, rows: Integers, keys: Integers
) -> tuple[Integers, Integers, tuple[Integers, Integers]]:
    """Which pairs hold anything, of what type, and their drawing commands."""
    types = geometry.types_of(drawing.shapes)[rows]
    found: list[tuple[Integers, Integers, Integers, int]] = []
    for kind in (POINT, LINE, POLYGON):
        of_kind = np.flatnonzero(types == kind)
        if of_kind.size:
            parts = _placed(drawing, zoom, kind, (rows[of_kind], keys[of_kind]))
            commands, counts, pairs = _commands(parts, kind)
            found.append((of_kind[pairs], commands, counts, kind))
    if not found:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, (nothing, nothing)
    pair = np.concatenate([item[0] for item in found])
    commands = np.concatenate([item[1] for item in found])
    counts = np.concatenate([item[2] for item in found])
    kinds = np.concatenate([np.full(item[0].size, item[3]) for item in found])
    order = np.argsort(pair, kind="stable")
    starts = np.cumsum(counts) - counts
    commands = commands[slices(starts[order], counts[order])]
    return pair[order], kinds[order], (commands, counts[order])


def _placed(drawing: Drawing, zoom: int, kind: int, pairs: tuple[Integers, Integers]) -> Parts:
    """The parts of pairs of one type, in the coordinates of their tiles."""
    rows, keys = pairs
    features, feature = np.unique(rows, return_inverse=True)
    shapes = drawing.shapes[features]
    if kind != POINT and zoom < drawing.last_zoom:
        tolerance = geometry.TOLERANCE / float(EXTENT << zoom)
        shapes = shapely.simplify(shapes, tolerance, preserve_topology=False)
    parts = geometry.on_grid(shapes, kind, zoom)
    per_feature = np.bincount(parts.pair, minlength=features.size)
    part = slices((np.cumsum(per_feature) - per_feature)[feature], per_feature[feature])
    pair = np.repeat(np.arange(rows.size), per_feature[feature])
    west = (keys & ((1 << zoom) - 1)) * EXTENT
    north = (keys >> zoom) * EXTENT
    # A point belongs to one tile, strokes and walls go on a little beyond it.
    low, high = (0, 0) if kind == POINT else (-BUFFER, BUFFER)
    box = np.column_stack(
        [west + low, north + low, west + EXTENT + high, north + EXTENT + high]
    ).astype(np.float64)[pair]
    filled = parts.counts[part] > 0
    part, pair, box = part[filled], pair[filled], box[filled]
    spans = _spans(parts)[part]
    apart = (
        (spans[:, 0] > box[:, 2])
        | (spans[:, 2] < box[:, 0])
        | (spans[:, 1] > box[:, 3])
        | (spans[:, 3] < box[:, 1])
    )
    within = (
        (spans[:, 0] >= box[:, 0])
        & (spans[:, 2] <= box[:, 2])
        & (spans[:, 1] >= box[:, 1])
        & (spans[:, 3] <= box[:, 3])
        & (kind != POINT)
    )
    whole, cut = np.flatnonzero(within), np.flatnonzero(~within & ~apart)
    complete = _of_pairs(parts, part[whole], pair[whole])
    partial = geometry.clipped(_of_pairs(parts, part[cut], pair[cut]), box[cut], kind)
    joined = _joined(complete, partial)
    joined = joined.chosen(np.lexsort((joined.hole, joined.shell, joined.pair)))
    owner = np.repeat(joined.pair, joined.counts)
    moved = Parts(
        joined.pair,
        joined.shell,
        joined.hole,
        joined.counts,
        np.rint(joined.x) - west[owner],
        np.rint(joined.y) - north[owner],
    )
    if kind == POINT:
        return moved.chosen(np.flatnonzero(moved.counts > 0))
    moved = geometry.without_repeats(moved, closed=kind == POLYGON)
    if kind == POLYGON:
        return geometry.wound(moved)
    return moved.chosen(np.flatnonzero(moved.counts > 1))


def _spans(parts: Parts) -> NDArray[np.float64]:
    """Box of each part [r, 4]; of parts without vertices it has no meaning."""
    found = np.zeros((parts.counts.size, 4))
    filled = parts.counts > 0
    if filled.any():
        starts = parts.starts[filled]
        for place, (low, values) in enumerate(
            ((np.minimum, parts.x), (np.minimum, parts.y), (np.maximum, parts.x),
             (np.maximum, parts.y))
        ):  # fmt: skip
            found[filled, place] = low.reduceat(values, starts)
    return found


def _of_pairs(parts: Parts, part: Integers, pair: Integers) -> Parts:
    chosen = parts.chosen(part)
    return Parts(pair, chosen.shell, chosen.hole, chosen.counts, chosen.x, chosen.y)


def _joined(one: Parts, other: Parts) -> Parts:
    return Parts(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in ("pair", "shell", "hole", "counts", "x", "y")
        )
    )


def _commands(parts: Parts, kind: int) -> tuple[Integers, Integers, Integers]:
    """Drawing commands, flat; how many there are of each pair that is left; which pairs."""
    pairs, first_part = np.unique(parts.pair, return_index=True)
    counts, starts = parts.counts, parts.starts
    extra = {POINT: 1, LINE: 2, POLYGON: 3}[kind]
    sizes = 2 * counts + extra
    commands = np.zeros(int(sizes.sum()), dtype=np.int64)
    at = np.cumsum(sizes) - sizes
    owner = np.repeat(np.arange(counts.size), counts)
    within = np.arange(parts.x.size) - starts[owner]
    place = at[owner] + 1 + 2 * within + (0 if kind == POINT else within > 0)
    if kind == POINT:
        commands[at] = counts << 3 | _MOVE
    else:
        commands[at] = 1 << 3 | _MOVE
        commands[at + 3] = (counts - 1) << 3 | _LINE
    if kind == POLYGON:
        commands[at + sizes - 1] = 1 << 3 | _CLOSE
    begins = np.zeros(parts.x.size, dtype=bool)
    begins[starts[first_part]] = True
    for offset, values in ((0, parts.x), (1, parts.y)):
        numbers = values.astype(np.int64)
        steps = np.diff(numbers, prepend=0)
        steps[begins] = numbers[begins]
        commands[place + offset] = steps << 1 ^ steps >> 63
    per_pair = np.add.reduceat(sizes, first_part) if first_part.size else sizes
    return commands, per_pair, pairs


def _tags(
    drawing: Drawing, rows: Integers, tile: Integers, tiles: int
) -> tuple[Integers, Integers, list[bytes]]:
    """Tags, flat; how many numbers each feature has; and the encoded values of each tile."""
    blobs: list[bytes] = []
    codes = np.empty((rows.size, len(drawing.columns)), dtype=np.int64)
    for place, column in enumerate(drawing.columns):
        held = column.codes[rows]
        codes[:, place] = np.where(held < 0, -1, held + len(blobs))
        blobs.extend(column.values)
    present = codes >= 0
    feature, key = np.nonzero(present)
    span = np.int64(max(len(blobs), 1))
    distinct, local = np.unique(tile[feature] * span + codes[present], return_inverse=True)
    firsts = np.searchsorted(distinct, np.arange(tiles + 1) * span)
    tags = np.empty(2 * feature.size, dtype=np.int64)
    tags[0::2] = key
    tags[1::2] = local - firsts[tile[feature]]
    chosen = (distinct % span).tolist()
    values = [
        b"".join([blobs[code] for code in chosen[first:last]])
        for first, last in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True)
    ]
    return tags, 2 * present.sum(axis=1), values


def _features(
    numbers: Integers,
    kinds: Integers,
    tags: tuple[Integers, Integers],
    commands: tuple[Integers, Integers],
) -> tuple[bytes, Integers]:
    """All features as bytes, and where each ends.

    A feature is `0x12 length (0x08 id) (0x12 length tags) (0x18 type) (0x22 length commands)`.
    """
    sizes = 10 + tags[1] + commands[1]
    at = np.cumsum(sizes) - sizes
    behind = at + 6 + tags[1]
    row = np.empty(int(sizes.sum()), dtype=np.int64)
    row[at], row[at + 2], row[at + 4] = 0x12, 0x08, 0x12
    row[at + 3] = numbers
    row[behind], row[behind + 1], row[behind + 2] = 0x18, kinds, 0x22
    row[slices(at + 6, tags[1])] = tags[0]
    row[slices(behind + 4, commands[1])] = commands[0]
    row[at + 1] = row[at + 5] = row[behind + 3] = 0
    widths = _widths(row)
    total = np.r_[0, np.cumsum(widths)]
    row[at + 5] = total[at + 6 + tags[1]] - total[at + 6]
    row[behind + 3] = total[behind + 4 + commands[1]] - total[behind + 4]
    widths[at + 5], widths[behind + 3] = _widths(row[at + 5]), _widths(row[behind + 3])
    row[at + 1] = np.add.reduceat(widths, at) - 2
    widths[at + 1] = _widths(row[at + 1])
    return _bytes_of(row, widths), np.cumsum(np.add.reduceat(widths, at))


def _widths(numbers: Integers) -> Integers:
    """Bytes that each number takes."""
    found = np.ones(numbers.shape, dtype=np.int64)
    for bits in (7, 14, 21, 28, 35):
        found += numbers >= 1 << bits
    return found


def _bytes_of(numbers: Integers, widths: Integers) -> bytes:
    """Numbers as variable-length bytes."""
    at = np.cumsum(widths) - widths
    out = np.empty(int(widths.sum()), dtype=np.uint8)
    more = widths > 1
    out[at] = (numbers & 127) | (more << 7)
    place = 1
    while more.any():
        index = np.flatnonzero(more)
        more = widths > place + 1
        out[at[index] + place] = (numbers[index] >> (7 * place) & 127) | (more[index] << 7)
        place += 1
    return out.tobytes()
