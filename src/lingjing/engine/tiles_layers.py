"""What each map layer is drawn from: its kinds, zoom levels and properties, and what has changed.

A feature's id is a number that stays with its entity: arrays of state count by it. In a district
that was imported and left alone it is the row of the entity among those of the layer; what is
added later comes behind, and the number of what went is not used again.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.tiles_encoding import Column, Drawing
from lingjing.twin.contract import Twin
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, kinds, words

FORMAT: Final = 1
"""Changes with whatever makes the same entities give other tiles."""

Values = Callable[[TwinView], Sequence[Any]]


@dataclass(frozen=True)
class Layer:
    """A layer of the map.

    Attributes:
        name: In addresses and in the tiles.
        kinds: Whose entities it shows, in order of number.
        zooms: First and last level there are tiles of.
        properties: Name → values by view.
    """

    name: str
    kinds: tuple[str, ...]
    zooms: tuple[int, int]
    properties: dict[str, Values]


DRAWN: Final[set[str]] = {"building"}
"""Attributes and relationships that tiles show."""


def _word(name: str) -> Values:
    """A text, a choice, a flag (absent where false) or a number of the vocabulary."""
    DRAWN.add(name)

    def values(view: TwinView) -> Sequence[Any]:
        if name not in view.columns:
            return [None] * len(view)
        word = words().get(name)
        found = [plain(value) for value in view.columns[name]]
        if word is not None and word.type == "flag":
            return [value or None for value in found]
        return found

    return values


def _related(name: str) -> Values:
    return lambda view: view.related(name).tolist()


def _is_estimated(view: TwinView) -> Sequence[Any]:
    """True where there is a height that was inferred, not surveyed."""
    index = view.provenance_index.get("height")
    if index is None:
        return [None] * len(view)
    inferred = np.array([item.kind == "inferred" for item in view.provenances] + [False])
    return [True if flag else None for flag in inferred[index].tolist()]


def plain(value: Any) -> str | float | int | bool | None:
    """A column's value: gaps are None, whole numbers are whole, others have two decimals."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else round(number, 2)


_NAMES: Final[dict[str, Values]] = {"name": _word("name"), "name_en": _word("name_en")}
_PLACE: Final[dict[str, Values]] = {"sub_district": _word("sub_district")}
_BUILDING: Final[dict[str, Values]] = {
    "name": _word("name"),
    "address": _word("address"),
    "class": _word("use"),
    "height_m": _word("height"),
    "height_estimated": _is_estimated,
    "height_p10_m": _word("height_p10"),
    "height_p90_m": _word("height_p90"),
    "min_height_m": _word("min_height"),
    "levels": _word("levels"),
    "roof_shape": _word("roof_shape"),
    "households": _word("households"),
    "building": _related("building"),
    **_PLACE,
}


@functools.cache
def layers() -> Mapping[str, Layer]:
    """All layers by name."""
    known = kinds()
    assets = tuple(
        item.name for item in known.values() if item.exposed and item.name != "RoadSegment"
    )
    found = (
        Layer(
            "buildings",
            tuple(kind for kind in ("Building", "BuildingPart") if kind in known),
            (11, 16),
            _BUILDING,
        ),
        Layer(
            "roads",
            ("RoadSegment",),
            (10, 16),
            {
                **_NAMES,
                "class": _word("road_class"),
                "bridge": _word("bridge"),
                "tunnel": _word("tunnel"),
                "ramp": _word("ramp"),
                "width_m": _word("width"),
                **_PLACE,
            },
        ),
        Layer(
            "facilities",
            ("Facility",),
            (10, 16),
            {**_NAMES, "class": _word("facility_kind"), **_PLACE},
        ),
        Layer("sub-districts", ("SubDistrict",), (8, 14), _NAMES),
        Layer(
            "assets",
            assets,
            (14, 16),
            {
                "name": _word("name"),
                "class": _word("location"),
                "households": _word("households"),
                "building": _related("building"),
                **_PLACE,
            },
        ),
    )
    return {layer.name: layer for layer in found}


def layer_of(name: str) -> Layer:
    """A layer.

    Raises:
        LingjingError: `http.no-layer`.
    """
    found = layers()
    if name not in found:
        raise LingjingError("http.no-layer", name=name, known=", ".join(found))
    return found[name]


@dataclass(frozen=True)
class Rows:
    """What is remembered of the features that were drawn.

    Attributes:
        ids: URNs [n].
        numbers: Feature ids [n].
        digests: Of all that is drawn of each [n].
        boxes: On the unit square [n, 4]; NaN where it has no extent.
        following: The next number to be given out.
    """

    ids: list[str]
    numbers: NDArray[np.int64]
    digests: NDArray[np.uint64]
    boxes: NDArray[np.float64]
    following: int

    def packed(self) -> bytes:
        """For the file."""
        return msgspec.msgpack.encode(
            [
                self.ids,
                self.numbers.astype("<i8").tobytes(),
                self.digests.astype("<u8").tobytes(),
                self.boxes.astype("<f8").tobytes(),
                self.following,
            ]
        )

    @classmethod
    def unpacked(cls, body: bytes) -> Rows:
        """From the file."""
        ids, numbers, digests, boxes, following = msgspec.msgpack.decode(body)
        return cls(
            ids,
            np.frombuffer(numbers, "<i8").astype(np.int64),
            np.frombuffer(digests, "<u8").astype(np.uint64),
            np.frombuffer(boxes, "<f8").astype(np.float64).reshape(-1, 4),
            following,
        )


@dataclass(frozen=True)
class Content:
    """A layer as it stands: what is drawn, and what is to be remembered of it.

    Attributes:
        rows: See `Rows`.
        drawing: For the encoder.
        dirty: Boxes [d, 4] in which something differs from what was remembered; None for all.
        counts: Features by kind.
    """

    rows: Rows
    drawing: Drawing
    dirty: NDArray[np.float64] | None
    counts: dict[str, int]


def read_content(layer: Layer, twin: Twin, held: Rows | None) -> Content:
    """Read a layer of a district.

    Args:
        layer: The layer.
        twin: The district.
        held: What was remembered; None where nothing was.

    Raises:
        LingjingError: As `Twin.view`.
    """
    views = [twin.view(kind) for kind in layer.kinds]
    ids = [str(item) for view in views for item in view.ids]
    wkb = [bytes(item) for view in views for item in view.wkb]
    values: dict[str, list[Any]] = {
        "id": list(ids),
        "kind": [view.kind for view in views for _ in range(len(view))],
    }
    for name, given in layer.properties.items():
        values[name] = [item for view in views for item in given(view)]
    values = {name: held_ for name, held_ in values.items() if any(v is not None for v in held_)}
    shapes = (
        geometry.projected(shapely.from_wkb(np.array(wkb, dtype=object)))
        if wkb
        else np.zeros(0, dtype=object)
    )
    boxes = shapely.bounds(shapes) if wkb else np.zeros((0, 4))
    digests = _digests(wkb, values)
    rows, dirty = _numbered(ids, digests, boxes, held)
    columns = tuple(Column.of(name, given) for name, given in values.items())
    drawing = Drawing(layer.name, rows.numbers, shapes, boxes, columns, layer.zooms[1])
    counts = {view.kind: len(view) for view in views if len(view)}
    return Content(rows, drawing, dirty, counts)


def _digests(wkb: Sequence[bytes], values: dict[str, list[Any]]) -> NDArray[np.uint64]:
    names = msgspec.msgpack.encode(list(values))
    encode = msgspec.msgpack.Encoder().encode
    found = b"".join(
        hashlib.blake2b(names + shape + encode(row), digest_size=8).digest()
        for shape, row in zip(wkb, zip(*values.values(), strict=True), strict=True)
    )
    return np.frombuffer(found, "<u8").astype(np.uint64)


def _numbered(
    ids: list[str],
    digests: NDArray[np.uint64],
    boxes: NDArray[np.float64],
    held: Rows | None,
) -> tuple[Rows, NDArray[np.float64] | None]:
    """Numbers for the features, and the boxes in which something changed."""
    if held is None or held.following > 2 * len(ids) + 1000:
        # Too many numbers went unused: arrays of state would be mostly gaps.
        fresh = np.arange(len(ids), dtype=np.int64)
        return Rows(ids, fresh, digests, boxes, len(ids)), None
    known = {entity: row for row, entity in enumerate(held.ids)}
    earlier = np.fromiter((known.get(item, -1) for item in ids), np.int64, len(ids))
    is_new = earlier < 0
    numbers = np.where(is_new, 0, held.numbers[earlier] if held.ids else 0)
    numbers[is_new] = held.following + np.arange(int(is_new.sum()))
    changed = is_new.copy()
    changed[~is_new] = held.digests[earlier[~is_new]] != digests[~is_new]
    gone = np.ones(len(held.ids), dtype=bool)
    gone[earlier[~changed]] = False  # what stayed as it was; the old place of the rest is dirty
    dirty = np.concatenate([boxes[changed], held.boxes[gone]])
    dirty = dirty[np.isfinite(dirty).all(axis=1)]
    following = held.following + int(is_new.sum())
    return Rows(ids, numbers, digests, boxes, following), dirty
