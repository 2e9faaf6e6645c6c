"""Reads tilesets back with nothing but their specifications, and says what is wrong with them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {5120: "i1", 5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3}
Read = Callable[[str], bytes]


@dataclass
class Model:
    """A model as read back; positions in the frame of the tileset (z up)."""

    head: dict[str, Any]
    positions: NDArray[np.float64]
    normals: NDArray[np.float64]
    features: NDArray[np.int64]
    triangles: NDArray[np.int64]
    materials: list[str]
    table: dict[str, list[Any]]


def read_model(content: bytes) -> Model:
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    head = json.loads(content[20 : 20 + size])
    start = 20 + size
    size, kind = struct.unpack_from("<I4s", content, start)
    assert kind == b"BIN\0"
    assert start + 8 + size == len(content)
    binary = content[start + 8 :]
    assert head["buffers"] == [{"byteLength": len(binary)}]
    [node] = head["nodes"]
    primitives = head["meshes"][0]["primitives"]
    first = primitives[0]["attributes"]
    scale, moved = np.array(node["scale"]), np.array(node["translation"])
    stored = accessor(head, binary, first["POSITION"]).astype(float)
    turned = stored * scale + moved
    normals = accessor(head, binary, first["NORMAL"]) / 127.0
    triangles, materials = [], []
    for primitive in primitives:
        assert primitive["attributes"] == first
        found = accessor(head, binary, primitive["indices"]).reshape(-1, 3)
        triangles.append(found)
        materials += [head["materials"][primitive["material"]]["name"]] * len(found)
    return Model(
        head,
        np.stack([turned[:, 0], -turned[:, 2], turned[:, 1]], axis=-1),
        np.stack([normals[:, 0], -normals[:, 2], normals[:, 1]], axis=-1),
        accessor(head, binary, first["_FEATURE_ID_0"]).ravel().astype(np.int64),
        np.concatenate(triangles).astype(np.int64),
        materials,
        property_table(head, binary),
    )


def accessor(head: dict[str, Any], binary: bytes, number: int) -> NDArray[Any]:
    told = head["accessors"][number]
    view = head["bufferViews"][told["bufferView"]]
    width, kind = WIDTHS[told["type"]], np.dtype(TYPES[told["componentType"]])
    stride = view.get("byteStride", width * kind.itemsize)
    start = view["byteOffset"] + told.get("byteOffset", 0)
    assert start % kind.itemsize == 0
    end = start + stride * (told["count"] - 1) + width * kind.itemsize
    assert end <= view["byteOffset"] + view["byteLength"]
    rows = [
        np.frombuffer(binary, kind, width, start + stride * row) for row in range(told["count"])
    ]
    found = np.array(rows)
    if "min" in told:
        assert found.min(axis=0).tolist() == told["min"]
        assert found.max(axis=0).tolist() == told["max"]
    return found


def property_table(head: dict[str, Any], binary: bytes) -> dict[str, list[Any]]:
    said = head["extensions"]["EXT_structural_metadata"]
    [table] = said["propertyTables"]
    schema = said["schema"]["classes"][table["class"]]["properties"]
    count, found = table["count"], {}

    def view(number: int) -> bytes:
        told = head["bufferViews"][number]
        assert told["byteOffset"] % 8 == 0
        return binary[told["byteOffset"] : told["byteOffset"] + told["byteLength"]]

    for name, told in table["properties"].items():
        values = view(told["values"])
        if schema[name]["type"] == "STRING":
            offsets = np.frombuffer(view(told["stringOffsets"]), "<u4")
            assert len(offsets) == count + 1
            assert (np.diff(offsets.astype(int)) >= 0).all()
            found[name] = [values[offsets[row] : offsets[row + 1]].decode() for row in range(count)]
        elif schema[name]["type"] == "BOOLEAN":
            bits = np.unpackbits(np.frombuffer(values, "u1"), bitorder="little")
            assert len(values) == -(-count // 8)
            found[name] = [bool(bit) for bit in bits[:count]]
        else:
            assert schema[name] | {"componentType": "FLOAT32", "type": "SCALAR"} == schema[name]
            found[name] = np.frombuffer(values, "<f4").tolist()
            assert len(found[name]) == count
    for name, told in schema.items():
        assert name in found or not told.get("required"), name
    return found


def tiles(tile: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tile
    for child in tile.get("children", []):
        yield from tiles(child)


def models(tileset: dict[str, Any], read: Read) -> dict[str, Model]:
    found = (tile["content"]["uri"] for tile in tiles(tileset["root"]) if "content" in tile)
    return {name: read_model(read(name)) for name in found}


def corners(box: list[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    middle = np.array(box[:3])
    half = np.abs(np.array(box[3:]).reshape(3, 3)).sum(axis=0)
    return middle - half, middle + half


def is_inside(inner: list[float], outer: list[float]) -> bool:
    (low, high), (lowest, highest) = corners(inner), corners(outer)
    return bool((low >= lowest - 0.002).all() and (high <= highest + 0.002).all())


def problems(tileset: dict[str, Any], read: Read) -> list[str]:
    """What is wrong with a tileset, in words; empty where nothing is."""
    found = []
    if tileset["asset"]["version"] != "1.1":
        found.append("version")
    root = tileset["root"]
    matrix = np.array(root["transform"]).reshape(4, 4).T
    if not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12):
        found.append("the transform stretches")
    if not np.isclose(np.linalg.det(matrix[:3, :3]), 1.0) or matrix[3].tolist() != [0, 0, 0, 1]:
        found.append("the transform mirrors")
    if root["geometricError"] > tileset["geometricError"]:
        found.append("the root's error is larger than the tileset's")
    ids: list[str] = []
    for tile in tiles(root):
        found += tile_problems(tile)
        if "content" in tile:
            found += content_problems(tile, read, ids)
    if len(ids) != len(set(ids)):
        found.append("an id stands in two tiles")
    return found


def tile_problems(tile: dict[str, Any]) -> list[str]:
    found = []
    for child in tile.get("children", []):
        if not is_inside(child["boundingVolume"]["box"], tile["boundingVolume"]["box"]):
            found.append("a child reaches out of its parent's box")
        if child["geometricError"] > tile["geometricError"]:
            found.append("a child's error is larger than its parent's")
        if "transform" in child:
            found.append("a child has a transform of its own")
    if "children" not in tile and tile["geometricError"] != 0:
        found.append("a leaf has an error")
    return found


def content_problems(tile: dict[str, Any], read: Read, ids: list[str]) -> list[str]:
    found = []
    box, own = tile["boundingVolume"]["box"], tile["content"]["boundingVolume"]["box"]
    if not is_inside(own, box):
        found.append("the content's box reaches out of the tile's")
    model = read_model(read(tile["content"]["uri"]))
    ids += model.table["id"]
    low, high = corners(own)
    if not ((model.positions >= low) & (model.positions <= high)).all():
        found.append("a corner lies outside the content's box")
    if not np.allclose(np.linalg.norm(model.normals, axis=1), 1.0, atol=0.02):
        found.append("a normal is not of unit length")
    count = len(model.table["id"])
    if set(model.features) != set(range(count)):
        found.append("features of the mesh and of the table differ")
    a, b, c = (model.positions[model.triangles[:, corner]] for corner in range(3))
    turned = np.cross(b - a, c - a)
    facing = np.einsum("ij,ij->i", turned, model.normals[model.triangles[:, 0]])
    longest = np.max([np.linalg.norm(side, axis=1) for side in (b - a, c - b, a - c)], axis=0)
    thin = np.linalg.norm(turned, axis=1) <= longest * 2 * model.head["nodes"][0]["scale"][0]
    # quantising may turn a sliver over that is thinner than its steps
    if ((facing < 0) & ~thin).any():
        found.append("a triangle faces away from its normal")
    same = model.features[model.triangles]
    if not ((same[:, 0] == same[:, 1]) & (same[:, 1] == same[:, 2])).all():
        found.append("a triangle is of two features")
    guessed = np.array(model.table["estimated"])[same[:, 0]]
    if (guessed != (np.array(model.materials) == "estimated")).any():
        found.append("what is estimated is not drawn as estimated")
    return found
