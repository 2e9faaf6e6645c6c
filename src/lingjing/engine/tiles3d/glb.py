"""Binary glTF 2.0 of a mesh whose features are named: EXT_mesh_features, EXT_structural_metadata.

Corners are quantised (KHR_mesh_quantization): 16 bits a coordinate over the model's longest side,
so that a position is off by at most a 131,070th of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.engine.tiles3d.meshes import Mesh
from lingjing.engine.tiles3d.solids import Solids

FORMAT: Final = 1
"""Counts up when the same solids are written differently."""
_MOST: Final = 65_535
_ARRAY_BUFFER: Final = 34_962
_ELEMENT_ARRAY_BUFFER: Final = 34_963
_BYTE: Final = 5120
_UNSIGNED_SHORT: Final = 5123
_UNSIGNED_INT: Final = 5125
_CORNER: Final = np.dtype(
    {
        "names": ["position", "normal", "feature"],
        "formats": [("<u2", 3), ("i1", 3), "<u2"],
        "offsets": [0, 8, 12],
        "itemsize": 16,
    }
)
"""Each part of a corner begins at a multiple of four bytes, as glTF asks."""

CLASS: Final = "building"
PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "id": {"type": "STRING", "semantic": "ID", "required": True},
    "kind": {"type": "STRING", "required": True},
    "name": {"type": "STRING", "semantic": "NAME"},
    "building": {"type": "STRING"},
    "height": {
        "type": "SCALAR",
        "componentType": "FLOAT32",
        "required": True,
        "description": "Height of the highest point above ground [m], as drawn.",
    },
    "base": {
        "type": "SCALAR",
        "componentType": "FLOAT32",
        "required": True,
        "description": "Height of the underside above ground [m].",
    },
    "estimated": {
        "type": "BOOLEAN",
        "required": True,
        "description": "The height was inferred, not measured or told.",
    },
    "synthetic": {"type": "BOOLEAN", "required": True, "description": "Made up."},
    "provenance": {
        "type": "STRING",
        "required": True,
        "description": "How the height is known: kind; source; rule.",
    },
}
"""The schema's properties, see EXT_structural_metadata; texts that are empty mean absent."""

_TEXTS: Final = {
    "id": "ids",
    "kind": "kinds",
    "name": "names",
    "building": "buildings",
    "provenance": "provenances",
}
_NUMBERS: Final = {"height": "top_m", "base": "base_m"}
_FLAGS: Final = {"estimated": "estimated", "synthetic": "synthetic"}
_MATERIALS: Final = (
    ("known", (0.80, 0.78, 0.74, 1.0)),
    ("estimated", (0.90, 0.91, 0.94, 1.0)),
)


class _Buffer:
    """The binary part and its views."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.views: list[dict[str, Any]] = []
        self._size = 0

    @property
    def size(self) -> int:
        return self._size

    def add(self, content: bytes, **facts: int) -> int:
        """Append a view that begins at a multiple of eight bytes; its number."""
        self.views.append(
            {"buffer": 0, "byteOffset": self._size, "byteLength": len(content), **facts}
        )
        padded = content + bytes(-len(content) % 8)
        self.parts.append(padded)
        self._size += len(padded)
        return len(self.views) - 1


def glb_of(mesh: Mesh, solids: Solids) -> bytes:
    """The model as one binary file.

    Args:
        mesh: In the frame of the tileset (z up); glTF has y up, which 3D Tiles turns back.
        solids: The features that the mesh numbers; at most 65,535.

    Raises:
        ValueError: Too many features, or no triangles.
    """
    if len(solids) > _MOST or not len(mesh.triangles):
        raise ValueError(f"{len(solids)} features, {len(mesh.triangles)} triangles")
    buffer = _Buffer()
    low, step, content = _corners(mesh)
    view = buffer.add(content.tobytes(), byteStride=_CORNER.itemsize, target=_ARRAY_BUFFER)
    corners = {"bufferView": view, "count": len(content)}
    accessors: list[dict[str, Any]] = [
        {
            **corners,
            "byteOffset": 0,
            "componentType": _UNSIGNED_SHORT,
            "type": "VEC3",
            "min": content["position"].min(axis=0).tolist(),
            "max": content["position"].max(axis=0).tolist(),
        },
        {
            **corners,
            "byteOffset": 8,
            "componentType": _BYTE,
            "type": "VEC3",
            "normalized": True,
        },
        {**corners, "byteOffset": 12, "componentType": _UNSIGNED_SHORT, "type": "SCALAR"},
    ]
    primitives = _primitives(mesh, solids, buffer, accessors)
    table = _table(solids, buffer)
    used = sorted({primitive["material"] for primitive in primitives})
    for primitive in primitives:
        primitive["material"] = used.index(primitive["material"])
    head = {
        "asset": {"version": "2.0", "generator": "Lingjing"},
        "extensionsUsed": [
            "EXT_mesh_features",
            "EXT_structural_metadata",
            "KHR_mesh_quantization",
        ],
        "extensionsRequired": ["KHR_mesh_quantization"],
        "extensions": {
            "EXT_structural_metadata": {
                "schema": {"id": "lingjing", "classes": {CLASS: {"properties": PROPERTIES}}},
                "propertyTables": [{"class": CLASS, "count": len(solids), "properties": table}],
            }
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": low, "scale": [step] * 3}],
        "meshes": [{"primitives": primitives}],
        "materials": [_material(*_MATERIALS[item]) for item in used],
        "accessors": accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.size}],
    }
    return _packed(msgspec.json.encode(head), b"".join(buffer.parts))


def _corners(mesh: Mesh) -> tuple[list[float], float, NDArray[Any]]:
    """Lowest corner, length of a step [m], and the corners."""
    turned = np.stack([mesh.positions[:, 0], mesh.positions[:, 2], -mesh.positions[:, 1]], axis=-1)
    normals = np.stack([mesh.normals[:, 0], mesh.normals[:, 2], -mesh.normals[:, 1]], axis=-1)
    low = turned.min(axis=0)
    step = float((turned.max(axis=0) - low).max()) / _MOST or 1.0
    content = np.zeros(len(turned), dtype=_CORNER)
    content["position"] = np.rint((turned - low) / step)
    content["normal"] = np.rint(normals * 127.0)
    content["feature"] = mesh.features
    return [float(number) for number in low], step, content


def _primitives(
    mesh: Mesh, solids: Solids, buffer: _Buffer, accessors: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One for what is known and one for what is estimated, so that both can be told apart."""
    guessed = solids.estimated[mesh.features[mesh.triangles[:, 0]]]
    wide = len(mesh.positions) > _MOST
    found = []
    for material, chosen in enumerate((~guessed, guessed)):
        triangles = mesh.triangles[chosen]
        if not len(triangles):
            continue
        content = triangles.astype("<u4" if wide else "<u2").tobytes()
        accessors.append(
            {
                "bufferView": buffer.add(content, target=_ELEMENT_ARRAY_BUFFER),
                "componentType": _UNSIGNED_INT if wide else _UNSIGNED_SHORT,
                "count": int(triangles.size),
                "type": "SCALAR",
            }
        )
        ids = {"featureCount": len(solids), "attribute": 0, "propertyTable": 0}
        found.append(
            {
                "attributes": {"POSITION": 0, "NORMAL": 1, "_FEATURE_ID_0": 2},
                "indices": len(accessors) - 1,
                "material": material,
                "extensions": {"EXT_mesh_features": {"featureIds": [ids]}},
            }
        )
    return found


def _table(solids: Solids, buffer: _Buffer) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {}
    for name in PROPERTIES:
        if name in _TEXTS:
            values = getattr(solids, _TEXTS[name]).tolist()
            if name not in ("id", "kind", "provenance") and not any(values):
                continue
            table[name] = _texts(values, buffer)
        elif name in _NUMBERS:
            numbers = getattr(solids, _NUMBERS[name]).astype("<f4")
            table[name] = {"values": buffer.add(numbers.tobytes())}
        else:
            flags = np.packbits(getattr(solids, _FLAGS[name]), bitorder="little")
            table[name] = {"values": buffer.add(flags.tobytes())}
    return table


def _texts(values: Sequence[str], buffer: _Buffer) -> dict[str, Any]:
    encoded = [value.encode("utf-8") for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype="<u4")
    np.cumsum([len(item) for item in encoded], out=offsets[1:])
    content = b"".join(encoded)
    return {
        # a view may not be empty
        "values": buffer.add(content or bytes(1)),
        "stringOffsets": buffer.add(offsets.tobytes()),
        "stringOffsetType": "UINT32",
    }


def _material(name: str, colour: tuple[float, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "pbrMetallicRoughness": {
            "baseColorFactor": list(colour),
            "metallicFactor": 0.0,
            "roughnessFactor": 1.0,
        },
    }


def _packed(head: bytes, content: bytes) -> bytes:
    head += b" " * (-len(head) % 8)
    total = 12 + 8 + len(head) + 8 + len(content)
    return b"".join(
        (
            b"glTF",
            np.array([2, total, len(head)], dtype="<u4").tobytes(),
            b"JSON",
            head,
            np.array([len(content)], dtype="<u4").tobytes(),
            b"BIN\x00",
            content,
        )
    )
