"""A small city model in EPSG:32651, near the middle of Yangpu, with a bit of everything."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

ORIGIN = (356000.0, 3463000.0, 3.0)


def gabled(first: int, *, lod: str = "2.2") -> dict[str, Any]:
    """A house of ten vertices from `first` on: floor, two roof slopes, four walls."""
    corners = [[0, 3, 2, 1], [4, 5, 9, 8], [8, 9, 6, 7]]
    walls = [[0, 1, 5, 4], [1, 2, 6, 9, 5], [2, 3, 7, 6], [3, 0, 4, 8, 7]]
    faces = [[[index + first for index in face]] for face in (*corners, *walls)]
    return {
        "type": "Solid",
        "lod": lod,
        "boundaries": [faces],
        "semantics": {
            "surfaces": [
                {"type": "GroundSurface"},
                {"type": "RoofSurface", "slope": 33.7},
                {"type": "WallSurface"},
            ],
            "values": [[0, 1, 1, 2, 2, 2, 2]],
        },
    }


def house(east: float, north: float, ground: float = 0.0) -> list[list[int]]:
    """Vertices of a house of 10 m × 8 m, eaves at 6 m, ridge at 9 m, in millimetres."""
    plan = [(0, 0), (10, 0), (10, 8), (0, 8)]
    points = [(x, y, 0.0) for x, y in plan] + [(x, y, 6.0) for x, y in plan]
    points += [(0, 4, 9.0), (10, 4, 9.0)]
    return [[round(1000 * n) for n in (x + east, y + north, z + ground)] for x, y, z in points]


def model() -> dict[str, Any]:
    """Two houses, one of two parts, a tree by template, a road, an extension and a group."""
    wing = house(40, 0, 2.0)
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001, 0.001, 0.001], "translate": list(ORIGIN)},
        "metadata": {
            "referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/32651",
            "title": "样例街区 / sample block",
            "geographicalExtent": [356000.0, 3463000.0, 3.0, 356060.0, 3463040.0, 14.0],
        },
        "extensions": {"Noise": {"url": "https://example.org/noise.ext.json", "version": "1.0"}},
        "+noise-study": {"year": 2024},
        "appearance": {
            "materials": [{"name": "brick", "diffuseColor": [0.6, 0.3, 0.2]}],
            "textures": [{"type": "PNG", "image": "wall.png"}],
            "vertices-texture": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]],
        },
        "geometry-templates": {
            "templates": [
                {"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]], [[0, 2, 1]]]}
            ],
            "vertices-templates": [[0.0, 0.0, 0.0], [0.5, 0.0, 4.0], [0.0, 0.5, 4.0]],
        },
        "CityObjects": {
            "house": {
                "type": "Building",
                "attributes": {
                    "measuredHeight": 9.2,
                    "storeysAboveGround": 2,
                    "yearOfConstruction": 1931,
                    "roofType": "1030",
                    "function": "residential",
                    "name": "红砖楼 <1>",
                    "owner-note": {"nested": [1, 2.5, None, True]},
                },
                "address": [{"ThoroughfareName": "四平路", "ThoroughfareNumber": "1239"}],
                "geometry": [
                    {
                        "type": "MultiSurface",
                        "lod": "0",
                        "boundaries": [[[0, 1, 2, 3]]],
                    },
                    gabled(0) | {"material": {"visual": {"value": 0}}},
                ],
            },
            "school": {"type": "Building", "children": ["hall", "wing"], "attributes": {}},
            "hall": {"type": "BuildingPart", "parents": ["school"], "geometry": [gabled(10)]},
            "wing": {"type": "BuildingPart", "parents": ["school"], "geometry": [gabled(20)]},
            "tree 1": {
                "type": "SolitaryVegetationObject",
                "geometry": [
                    {
                        "type": "GeometryInstance",
                        "template": 0,
                        "boundaries": [0],
                        "transformationMatrix": [1, 0, 0, 5, 0, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 1],
                    }
                ],
            },
            "lane": {
                "type": "Road",
                "geometry": [{"type": "MultiSurface", "lod": "1", "boundaries": [[[0, 1, 2]]]}],
            },
            "wall": {
                "type": "+NoiseBarrier",
                "geometry": [{"type": "MultiLineString", "lod": "1", "boundaries": [[0, 1]]}],
            },
            "block": {
                "type": "CityObjectGroup",
                "children": ["house", "school"],
                "children_roles": ["dwelling", "public"],
            },
        },
        "vertices": [*house(0, 0), *house(30, 0), *wing],
    }


def write(path: Path, document: dict[str, Any]) -> Path:
    """Write a document as a file."""
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def as_sequence(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The same model as the lines of a CityJSONSeq: every family in a feature of its own."""
    rest = copy.deepcopy(document)
    objects, vertices = rest.pop("CityObjects"), rest.pop("vertices")
    appearance = rest.pop("appearance", {})
    lines = [rest | {"CityObjects": {}, "vertices": []}]
    for name, item in objects.items():
        if "parents" in item:
            continue
        family = {name: item}
        if item["type"] != "CityObjectGroup":
            family |= {child: objects[child] for child in item.get("children", ())}
        lines.append(
            {
                "type": "CityJSONFeature",
                "id": name,
                "CityObjects": family,
                "vertices": vertices,
                "appearance": appearance,
            }
        )
    return lines
