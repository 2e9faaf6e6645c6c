"""Made-up buildings as solids, for tests of 3D Tiles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from lingjing.engine.tiles3d.frames import Frame
from lingjing.engine.tiles3d.meshes import Mesh, mesh_of
from lingjing.engine.tiles3d.solids import Solids, solids_of
from lingjing.twin import District, Entity, SourceRecord
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import Attribute, Provenance

MAPPED = Provenance("imported", "OpenStreetMap")
GUESSED = Provenance("inferred", "stock-model", rule="levels:age-class")
BOUNDS = (121.5, 31.3, 121.54, 31.34)
DISTRICT = District("d", "p", "片区", "District", {}, BOUNDS, False, "2026-01-01")
SOURCE = SourceRecord("osm:a", "d", "©", "ODbL", "00", "2026-01-01T00:00:00Z", False, {})
FRAME = Frame(121.5, 31.3)
SIDE_DEG = 0.0002


def building(number: int, shape: Any = None, **values: Any) -> Entity:
    """A house on a lattice of 50 columns."""
    west, south = 121.5 + 0.0008 * (number % 50), 31.3 + 0.0008 * (number // 50)
    drawn = shape or shapely.box(west, south, west + SIDE_DEG, south + SIDE_DEG)
    given_values = values or {"height": 10.0 + number % 7}
    return Entity(
        f"urn:ngsi-ld:Building:d:b{number:04d}",
        "Building",
        "d",
        shapely.to_wkb(drawn),
        {
            name: item if isinstance(item, Attribute) else Attribute(item, MAPPED)
            for name, item in given_values.items()
        },
    )


def solids(*entities: Entity) -> Solids:
    return solids_of([MemoryTwin(DISTRICT, entities).view("Building")])


def shaped(shape: str, **changes: Any) -> tuple[Mesh, Solids]:
    made = replace(
        solids(building(1, shapely.box(121.5, 31.3, 121.5004, 31.3002), height=12.0)),
        roofs=np.array([shape], dtype=object),
        eaves_m=np.array([8.0]),
        **changes,
    )
    return mesh_of(made, FRAME), made
