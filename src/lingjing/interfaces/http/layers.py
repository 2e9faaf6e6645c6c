"""Layers of a district as compact GeoJSON, one feature a row of the twin's view."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.engine.tiles_layers import plain
from lingjing.twin.entities import Entity
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, words

LAYERS = {
    "buildings": "Building",
    "roads": "RoadSegment",
    "facilities": "Facility",
    "sub-districts": "SubDistrict",
}
"""Layer → kind of its features."""

PROPERTIES = {
    "Building": ("name", "address", "use", "height", "levels", "households", "sub_district"),
    "RoadSegment": ("name", "name_en", "road_class", "bridge", "tunnel", "ramp", "sub_district"),
    "Facility": ("name", "name_en", "facility_kind", "sub_district"),
    "SubDistrict": ("name", "name_en"),
}
"""Attributes that go with each kind's features; a card has the rest."""

DECIMALS = 6
"""Decimals of a coordinate: a tenth of a metre."""


def kind_of_layer(layer: str) -> str:
    """Kind of a layer's features.

    Raises:
        LingjingError: `http.no-layer`.
    """
    if layer not in LAYERS:
        raise LingjingError("http.no-layer", name=layer, known=", ".join(LAYERS))
    return LAYERS[layer]


def rounded_geometries(wkb: NDArray[np.object_]) -> list[str]:
    """Geometries as GeoJSON text with `DECIMALS` decimals."""
    shapes = shapely.from_wkb(wkb)
    rounded = shapely.transform(shapes, lambda points: np.round(points, DECIMALS))
    return [str(text) for text in shapely.to_geojson(rounded)]


def _columns(view: TwinView) -> Iterable[tuple[str, list[Any]]]:
    for name in PROPERTIES[view.kind]:
        word = words().get(name)
        if name not in view.columns:
            continue
        values = [plain(value) for value in view.columns[name]]
        if word is not None and word.type == "flag":
            values = [value or None for value in values]  # an absent flag is no flag
        yield name, values


def layer_geojson(view: TwinView, numbers: NDArray[np.int64]) -> bytes:
    """All features of a kind.

    Each feature's `id` is its number, which the state endpoints count by; the property `id` is
    the entity's URN. Attributes that are absent are left out.

    Args:
        view: The entities.
        numbers: Theirs [n]; one that has none yet (−1) is left out.
    """
    columns = list(_columns(view))
    geometries = rounded_geometries(view.wkb) if len(view) else []
    features = []
    for row, (geometry, number) in enumerate(zip(geometries, numbers.tolist(), strict=True)):
        if number < 0:
            continue
        properties: dict[str, Any] = {"id": str(view.ids[row])}
        for name, values in columns:
            if values[row] is not None:
                properties[name] = values[row]
        text = json.dumps(properties, ensure_ascii=False, separators=(",", ":"))
        features.append(
            f'{{"type":"Feature","id":{number},"geometry":{geometry},"properties":{text}}}'
        )
    body = f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'
    return body.encode("utf-8")


def entity_features(entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """Single entities as features, with their kind, name and the building they belong to."""
    features = []
    for entity in entities:
        geometry = json.loads(rounded_geometries(np.array([entity.geometry], dtype=object))[0])
        properties: dict[str, Any] = {"id": entity.id, "kind": entity.kind}
        for name in ("name", "location", "households", "sub_district"):
            if name in entity.attributes:
                properties[name] = plain(entity.attributes[name].value)
        if "building" in entity.relationships:
            properties["building"] = entity.relationships["building"]
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return features
