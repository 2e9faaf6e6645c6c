"""The surfaces of the city models that a district was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from lingjing.engine.city_models import MEMBER, city_sources, kept_model
from lingjing.engine.district_features import urn
from lingjing.engine.tiles3d.shells import Shell
from lingjing.engine.tiles3d.solids import BUILDING, PART, Solids
from lingjing.sources.batches import Feature, ImportReport
from lingjing.sources.cityjson import city_features
from lingjing.sources.cityjson_document import CityModel
from lingjing.sources.cityjson_faces import GROUND, Faces, faces_of
from lingjing.twin.contract import Store
from lingjing.vocabulary import LingjingError, local_part

_SAME_M: Final = 0.01
_SAME_DEG: Final = 1e-9
_LEAST_LOD: Final = 1.0
_TYPES: Final = {"Building": BUILDING, "BuildingPart": PART}


@dataclass(frozen=True)
class Survey:
    """A feature as a city model gave it.

    Attributes:
        top_m, base_m: As the twin took them over; NaN where it had no height [m].
        shape: Its footprint, WGS 84.
        shell: Its surfaces of the highest level of detail.
    """

    top_m: float
    base_m: float
    shape: BaseGeometry
    shell: Shell


class Surveys:
    """Reads kept city models, each once.

    Args:
        data_dir: The data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._read: dict[tuple[str, str], Mapping[str, Survey]] = {}

    def applied(self, solids: Solids, store: Store, district: str) -> Solids:
        """The same solids, with surfaces for those that are as a city model gave them."""
        shells = np.full(len(solids), None, dtype=object)
        for source in city_sources(store, district):
            key = (district, str(source.report[MEMBER]["sha256"]))
            if key not in self._read:
                try:
                    model = kept_model(self._data_dir, district, source)
                except LingjingError:
                    continue  # drawn upright; an export says what is wrong
                self._read[key] = _surveys(model, district)
            _fit(shells, solids, self._read[key])
        return replace(solids, shells=shells)


def _fit(shells: NDArray[np.object_], solids: Solids, surveys: Mapping[str, Survey]) -> None:
    """Lay shells where the twin still says what the model says."""
    if not surveys or not len(solids):
        return
    boxes = solids.boxes_deg()
    for row, entity_id in enumerate(solids.ids.tolist()):
        given = surveys.get(entity_id)
        if given is None:
            continue
        same = np.abs(np.subtract(given.shape.bounds, boxes[row])).max() < _SAME_DEG
        high = np.isnan(given.top_m) or abs(given.top_m - solids.top_m[row]) < _SAME_M
        if same and high and abs(given.base_m - solids.base_m[row]) < _SAME_M:
            shells[row] = given.shell


def _surveys(model: CityModel, district: str) -> dict[str, Survey]:
    names = {
        (_TYPES[item["type"]], local_part(name)): name
        for name, item in model.objects.items()
        if item["type"] in _TYPES
    }
    features = list(city_features(model, ImportReport()))
    own = {names[item.kind, item.local] for item in features}
    rows = [_group(model, names[item.kind, item.local], own) for item in features]
    faces = faces_of(model, rows)
    ground = _grounds(model, features, names)
    found = {}
    for row, feature in enumerate(features):
        shell = _shell(model, faces, row, ground[row])
        if shell is not None:
            said = {
                name: feature.attributes[name].value
                for name in ("height", "min_height")
                if name in feature.attributes
            }
            found[urn(feature.kind, district, feature.local)] = Survey(
                float(said.get("height", np.nan)),
                float(said.get("min_height", 0.0)),
                shapely.from_wkb(shapely.to_wkb(feature.geometry)),
                shell,
            )
    return found


def _group(model: CityModel, name: str, own: set[str]) -> list[str]:
    """An object, and those below it that are no features of their own."""
    found = [name]
    for child in model.objects[name].get("children", ()):
        if child not in own and model.objects[child]["type"] in _TYPES:
            found += _group(model, child, own)
    return found


def _grounds(
    model: CityModel, features: list[Feature], names: Mapping[tuple[str, str], str]
) -> NDArray[np.float64]:
    """Where the ground lies for each feature, in the model's heights: as the import measured."""
    buildings = [
        item.relationships["building"][1] if "building" in item.relationships else item.local
        for item in features
    ]
    distinct = sorted(set(buildings))
    faces = faces_of(model, [_group(model, names[BUILDING, item], set()) for item in distinct])
    lod = np.full(len(distinct), -np.inf)
    np.maximum.at(lod, faces.owner, faces.lod)
    face = faces.face_of_point
    owner, height = faces.owner[face], faces.points[:, 2]
    solid = (faces.lod[face] == lod[owner]) & (faces.lod[face] >= _LEAST_LOD)
    lowest = np.full((2, len(distinct)), np.inf)
    np.minimum.at(lowest[0], owner[solid], height[solid])
    named = solid & (faces.meaning[face] == GROUND)
    np.minimum.at(lowest[1], owner[named], height[named])
    bottom = np.where(np.isfinite(lowest[1]), lowest[1], lowest[0])
    place = {item: row for row, item in enumerate(distinct)}
    return np.asarray(bottom[[place[item] for item in buildings]])


def _shell(model: CityModel, faces: Faces, row: int, ground: float) -> Shell | None:
    mine = np.flatnonzero(faces.owner == row)
    if not mine.size or not np.isfinite(ground):
        return None
    finest = faces.lod[mine].max()
    if not finest >= _LEAST_LOD:
        return None
    points, rings, starts, count = [], [0], [0], 0
    for face in mine[faces.lod[mine] == finest]:
        for ring in range(faces.face_start[face], faces.face_start[face + 1]):
            corners = faces.points[faces.ring_start[ring] : faces.ring_start[ring + 1]]
            points.append(corners)
            count += len(corners)
            rings.append(count)
        starts.append(len(rings) - 1)
    whole = np.concatenate(points)
    place = model.system.convert(np.ascontiguousarray(whole[:, :2]))
    height = (whole[:, 2] - ground) * model.metres_per_height
    return Shell(np.column_stack([place, height]), np.array(rings), np.array(starts))
