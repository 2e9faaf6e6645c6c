"""What stands in a district, as upright solids: outline, underside, eaves, top, and how we know."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.engine.tiles3d.shells import Shell
from lingjing.twin.contract import Twin
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Provenance

STOREY_M: Final = 3.0
"""Height of a storey where only storeys are known [m]."""
BUILDING: Final = "Building"
PART: Final = "BuildingPart"
_LEAST_M: Final = 0.1
"""A solid is never thinner than this [m]: a flat one would have walls without area."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Solids:
    """Upright solids, one a feature, and the polygons they stand on.

    Attributes:
        ids: URNs [n].
        kinds: Kinds [n].
        names: Names, empty where there is none [n].
        buildings: The building that a part belongs to, empty for buildings [n].
        base_m, eaves_m, top_m: Above ground [n] [m]: underside, where the walls end, highest point.
        roofs: Shape of the roof [n]; `flat` where unknown.
        estimated: The height was inferred and is drawn as such [n].
        synthetic: Made up [n].
        provenances: How the height is known [n]: kind; source; rule.
        polygons: Outlines [m], WGS 84 [°].
        owner: Which feature a polygon belongs to [m].
        shells: Surfaces that are drawn instead, None where there are none [n]; none at all by
            default.
    """

    ids: NDArray[np.object_]
    kinds: NDArray[np.object_]
    names: NDArray[np.object_]
    buildings: NDArray[np.object_]
    base_m: Floats
    eaves_m: Floats
    top_m: Floats
    roofs: NDArray[np.object_]
    estimated: NDArray[np.bool_]
    synthetic: NDArray[np.bool_]
    provenances: NDArray[np.object_]
    polygons: NDArray[np.object_]
    owner: NDArray[np.int64]
    shells: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return int(self.ids.size)

    def taken(self, rows: NDArray[np.int64]) -> Solids:
        """Only these features, in this order."""
        place = np.full(len(self), -1, dtype=np.int64)
        place[rows] = np.arange(rows.size)
        order = np.flatnonzero(place[self.owner] >= 0)
        order = order[np.argsort(place[self.owner[order]], kind="stable")]
        return Solids(
            **{name: getattr(self, name)[rows] for name in _FEATURE_FIELDS},
            polygons=self.polygons[order],
            owner=place[self.owner[order]],
            shells=None if self.shells is None else self.shells[rows],
        )

    def surveyed(self) -> list[tuple[int, Shell]]:
        """Features that have surfaces of their own, with them."""
        held = [] if self.shells is None else self.shells.tolist()
        return [(row, shell) for row, shell in enumerate(held) if shell is not None]

    def boxes_deg(self) -> Floats:
        """West, south, east, north of each feature's outlines [n, 4] [°]."""
        boxes = shapely.bounds(self.polygons)
        found = np.empty((len(self), 4))
        found[:, :2], found[:, 2:] = np.inf, -np.inf
        np.minimum.at(found[:, :2], self.owner, boxes[:, :2])
        np.maximum.at(found[:, 2:], self.owner, boxes[:, 2:])
        return found

    def digests(self) -> list[bytes]:
        """What tells whether a feature has changed [n]."""
        drawn: list[list[bytes]] = [[] for _ in range(len(self))]
        for owner, text in zip(self.owner, shapely.to_wkb(self.polygons), strict=True):
            drawn[owner].append(text)
        for row, shell in self.surveyed():
            drawn[row].append(shell.content())
        said = zip(*(getattr(self, name).tolist() for name in _FEATURE_FIELDS), strict=True)
        return [
            hashlib.blake2b(msgspec.msgpack.encode((row, shapes)), digest_size=16).digest()
            for row, shapes in zip(said, drawn, strict=True)
        ]


_FEATURE_FIELDS: Final = (
    "ids",
    "kinds",
    "names",
    "buildings",
    "base_m",
    "eaves_m",
    "top_m",
    "roofs",
    "estimated",
    "synthetic",
    "provenances",
)


def views_of(twin: Twin) -> tuple[TwinView, ...]:
    """The views that solids are made of; the same objects as long as nothing has changed."""
    there = twin.kinds()
    return tuple(twin.view(kind) for kind in (BUILDING, PART) if kind in there)


def solids_of(views: Sequence[TwinView]) -> Solids:
    """Solids of a district.

    Where a building has parts above ground, the parts are drawn and the building's own outline is
    not: both at once would hide what the parts add.
    """
    by_kind = {view.kind: view for view in views}
    parts = by_kind.get(PART)
    replaced = set() if parts is None else set(parts.related("building")) - {None}
    pieces = []
    for view in views:
        keep = np.ones(len(view), dtype=bool)
        if view.kind == BUILDING and replaced:
            keep = np.array([item not in replaced for item in view.ids], dtype=bool)
        pieces.append(_solids(view, np.flatnonzero(keep)))
    return _joined(pieces)


def _solids(view: TwinView, rows: NDArray[np.int64]) -> Solids:
    height, levels = view.number("height"), view.number("levels")
    by_levels = np.isnan(height) & ~np.isnan(levels)
    assumed = np.isnan(height) & np.isnan(levels)
    base = view.number("min_height", 0.0)
    top = np.where(by_levels, levels * STOREY_M, np.where(assumed, base + STOREY_M, height))
    top = np.maximum(top, base + _LEAST_M)
    roof_height = np.clip(view.number("roof_height", 0.0), 0.0, top - base)
    names = _texts(view, "name")
    roofs = _texts(view, "roof_shape", "flat")
    known = list(_how_known(view, by_levels, assumed))
    polygons, owner = shapely.get_parts(shapely.from_wkb(view.wkb[rows]), return_index=True)
    return Solids(
        ids=view.ids[rows],
        kinds=np.full(rows.size, view.kind, dtype=object),
        names=names[rows],
        buildings=np.array([item or "" for item in view.related("building")], dtype=object)[rows],
        base_m=base[rows],
        eaves_m=(top - roof_height)[rows],
        top_m=top[rows],
        roofs=roofs[rows],
        estimated=np.array([item[0] for item in known], dtype=bool)[rows],
        synthetic=np.array([item[1] for item in known], dtype=bool)[rows],
        provenances=np.array([item[2] for item in known], dtype=object)[rows],
        polygons=polygons,
        owner=owner.astype(np.int64),
    )


def _texts(view: TwinView, name: str, default: str = "") -> NDArray[np.object_]:
    column = view.columns.get(name)
    values: list[Any] = [None] * len(view) if column is None else column.tolist()
    found = np.empty(len(view), dtype=object)
    found[:] = [item or default for item in values]
    return found


def _how_known(
    view: TwinView, by_levels: NDArray[np.bool_], assumed: NDArray[np.bool_]
) -> Iterator[tuple[bool, bool, str]]:
    """Estimated, synthetic, and the words for it, of each row's height."""
    none = np.full(len(view), -1, dtype=np.int32)
    heights = view.provenance_index.get("height", none).tolist()
    levels = view.provenance_index.get("levels", none).tolist()
    told = {place: _told(item) for place, item in enumerate(view.provenances)}
    for row, (height, level) in enumerate(zip(heights, levels, strict=True)):
        if assumed[row] or (height < 0 and level < 0):
            yield True, False, "inferred; tiles3d; one-storey-assumed"
        elif by_levels[row] or height < 0:
            source = view.provenances[level]
            yield True, source.synthetic, f"inferred; {source.source}; 3-m-a-storey"
        else:
            source = view.provenances[height]
            yield source.kind == "inferred", source.synthetic, told[height]


def _told(item: Provenance) -> str:
    return "; ".join(part for part in (item.kind, item.source, item.rule) if part)


def _joined(pieces: Sequence[Solids]) -> Solids:
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        text, number = np.empty(0, dtype=object), np.empty(0)
        flag = np.empty(0, dtype=bool)
        return Solids(
            text, text, text, text, number, number, number, text, flag, flag, text, text,
            np.empty(0, dtype=np.int64),
        )  # fmt: skip
    starts = np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
    return Solids(
        **{
            name: np.concatenate([getattr(piece, name) for piece in pieces])
            for name in (*_FEATURE_FIELDS, "polygons")
        },
        owner=np.concatenate(
            [piece.owner + start for piece, start in zip(pieces, starts, strict=True)]
        ),
    )
