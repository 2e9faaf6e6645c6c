"""A city model given back: what it held, with the twin's changes written into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.polygon import orient

from lingjing.sources.cityjson import BUILDING, PART, tables
from lingjing.sources.cityjson_document import CityModel
from lingjing.sources.coordinates import named_system
from lingjing.vocabulary import AttributeValue

TWIN_PREFIX: Final = "lingjing_"
"""Before the names of attributes that CityJSON has no word for."""

_SURFACES: Final = ({"type": "GroundSurface"}, {"type": "RoofSurface"}, {"type": "WallSurface"})
_SCALE: Final = 0.001


@dataclass(frozen=True)
class Block:
    """A building or part that the document does not hold, as a prism over its footprint.

    Attributes:
        name: Id of the city object.
        shape: Footprint in WGS 84.
        bottom_m, top_m: Heights over the ground [m]; without a top it is a footprint alone.
        attributes: By the twin's names.
        parent: Id of the building it is a part of; None for a building.
    """

    name: str
    shape: shapely.Geometry
    bottom_m: float
    top_m: float | None
    attributes: Mapping[str, AttributeValue]
    parent: str | None = None


def blank_model(longitude_deg: float, latitude_deg: float) -> CityModel:
    """An empty document in the UTM zone of a point."""
    zone = int((longitude_deg + 180.0) // 6.0) % 60 + 1
    code = (32600 if latitude_deg >= 0 else 32700) + zone
    system = named_system(f"EPSG:{code}")
    origin = np.round(system.invert(np.array([[longitude_deg, latitude_deg]]))[0])
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [_SCALE] * 3, "translate": [*map(float, origin), 0.0]},
        "metadata": {"referenceSystem": f"https://www.opengis.net/def/crs/EPSG/0/{code}"},
        "CityObjects": {},
        "vertices": [],
    }
    return CityModel(
        document,
        Path(),
        "2.0",
        np.zeros((0, 3)),
        system,
        overruled=False,
        declared=f"EPSG:{code}",
        metres_per_height=1.0,
    )


def with_changes(
    model: CityModel,
    attributes: Mapping[str, Mapping[str, AttributeValue]],
    removed: Iterable[str] = (),
    blocks: Sequence[Block] = (),
    ground: float = 0.0,
) -> dict[str, Any]:
    """The document with changes; what they do not touch is given back as it was.

    Args:
        model: As opened; it stays as it is.
        attributes: Changed values by the twin's names, by id of the city object.
        removed: City objects to leave out, with everything below them.
        blocks: Buildings and parts to add, or to put in place of those of the same id.
        ground: Third coordinate of the ground that blocks stand on [units of height].
    """
    objects: dict[str, Any] = dict(model.objects)
    for name, values in attributes.items():
        held = objects[name]
        objects[name] = {**held, "attributes": _renamed(held.get("attributes") or {}, values)}
    _leave_out(objects, removed)
    document = {**model.document, "CityObjects": objects}
    if blocks:
        mason = _Mason(model, ground)
        for block in blocks:
            _place(objects, block, mason.geometry(block))
        document["vertices"] = [*model.document["vertices"], *mason.vertices]
        _widen(document)
    return document


def _renamed(held: Mapping[str, Any], values: Mapping[str, AttributeValue]) -> dict[str, Any]:
    """Attributes of an object with the twin's values under the names they were read from."""
    found = dict(held)
    for name, value in values.items():
        keys = tables()["cityjson"].get(name, [TWIN_PREFIX + name])
        found[next((key for key in keys if key in held), keys[0])] = value
    return found


def _leave_out(objects: dict[str, Any], removed: Iterable[str]) -> None:
    gone: set[str] = set()
    waiting = [name for name in removed if name in objects]
    while waiting:
        name = waiting.pop()
        if name not in gone:
            gone.add(name)
            waiting += objects[name].get("children", ()) if _owns(objects[name]) else ()
    if not gone:
        return
    for name in gone:
        del objects[name]
    for name, item in objects.items():
        children = item.get("children")
        if not children or gone.isdisjoint(children):
            continue
        stay = [index for index, child in enumerate(children) if child not in gone]
        changed = {**item, "children": [children[index] for index in stay]}
        if "children_roles" in item:
            changed["children_roles"] = [item["children_roles"][index] for index in stay]
        objects[name] = changed


def _owns(item: Mapping[str, Any]) -> bool:
    """Whether the children of an object go with it; members of a group do not."""
    return bool(item["type"] != "CityObjectGroup")


def _place(objects: dict[str, Any], block: Block, geometry: dict[str, Any]) -> None:
    held = objects.get(block.name)
    if held is not None:
        objects[block.name] = {
            **held,
            "attributes": _renamed(held.get("attributes") or {}, block.attributes),
            "geometry": [geometry],
        }
        return
    made: dict[str, Any] = {
        "type": PART if block.parent else BUILDING,
        "attributes": _renamed({}, block.attributes),
        "geometry": [geometry],
    }
    if block.parent:
        made["parents"] = [block.parent]
        parent = objects[block.parent]
        objects[block.parent] = {**parent, "children": [*parent.get("children", ()), block.name]}
    objects[block.name] = made


class _Mason:
    """Lays prisms, and hands out the vertices they need."""

    def __init__(self, model: CityModel, ground: float) -> None:
        self._model = model
        self._ground = ground
        transform = model.document["transform"]
        self._scale = np.array(transform["scale"], dtype=np.float64)
        self._translate = np.array(transform["translate"], dtype=np.float64)
        self._first = len(model.document["vertices"])
        self.vertices: list[list[int]] = []

    def geometry(self, block: Block) -> dict[str, Any]:
        """A solid (or several) of level 1, or a footprint of level 0."""
        flat = [
            orient(piece)
            for piece in shapely.get_parts(
                shapely.transform(block.shape, self._model.system.invert)
            )
        ]
        bottom = self._ground + block.bottom_m / self._model.metres_per_height
        if block.top_m is None or block.top_m <= block.bottom_m:
            rings = [[self._ring(ring, bottom) for ring in _rings(piece)] for piece in flat]
            return {"type": "MultiSurface", "lod": "0", "boundaries": rings}
        top = self._ground + block.top_m / self._model.metres_per_height
        shells = [self._prism(piece, bottom, top) for piece in flat]
        values = [[0, 1, *[2] * (len(shell) - 2)] for shell in shells]
        single = len(shells) == 1
        return {
            "type": "Solid" if single else "MultiSolid",
            "lod": "1",
            "boundaries": [shells[0]] if single else [[shell] for shell in shells],
            "semantics": {
                "surfaces": [dict(item) for item in _SURFACES],
                "values": [values[0]] if single else [[item] for item in values],
            },
        }

    def _prism(self, piece: shapely.Polygon, bottom: float, top: float) -> list[list[list[int]]]:
        """Faces of a prism, outward: floor, roof, walls."""
        low = [self._ring(ring, bottom) for ring in _rings(piece)]
        high = [self._ring(ring, top) for ring in _rings(piece)]
        walls = [
            [[a, b, c, d]]
            for under, over in zip(low, high, strict=True)
            for a, b, c, d in zip(
                under, [*under[1:], under[0]], [*over[1:], over[0]], over, strict=True
            )
        ]
        return [[ring[::-1] for ring in low], high, *walls]

    def _ring(self, points: NDArray[np.float64], height: float) -> list[int]:
        raised = np.column_stack([points, np.full(len(points), height)])
        whole = np.rint((raised - self._translate) / self._scale).astype(np.int64)
        start = self._first + len(self.vertices)
        self.vertices.extend(whole.tolist())
        return list(range(start, start + len(whole)))


def _rings(piece: shapely.Polygon) -> list[NDArray[np.float64]]:
    """Corners of the outline and the holes of a polygon, unclosed."""
    return [
        np.asarray(shapely.get_coordinates(ring)[:-1])
        for ring in (piece.exterior, *piece.interiors)
    ]


def _widen(document: dict[str, Any]) -> None:
    """Bring the stated extent up to date, where there is one."""
    metadata = document.get("metadata") or {}
    if "geographicalExtent" not in metadata or not document["vertices"]:
        return
    transform = document["transform"]
    points = np.array(document["vertices"]) * transform["scale"] + transform["translate"]
    extent = np.concatenate([points.min(axis=0), points.max(axis=0)])
    document["metadata"] = {
        **metadata,
        "geographicalExtent": [round(float(value), 6) for value in extent],
    }
