"""CityJSONSeq: a document of its own in the first line, and a feature with vertices in each other.

The features are joined into one document. What a feature says by index (vertices, materials,
textures, vertices of textures) is moved on by what stands before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lingjing.vocabulary import LingjingError, Place

_APPEARANCE: Final = ("materials", "textures", "vertices-texture")


def joined(
    head: dict[str, Any], features: Sequence[tuple[int, dict[str, Any]]], path: Path
) -> dict[str, Any]:
    """One document from the parts of a sequence.

    Args:
        head: The first line.
        features: Number and content of each further line; they are used up.
        path: The file, for the places of faults.

    Raises:
        LingjingError: `citymodel.malformed`, `maps.duplicate-id`; the place is the line.
    """
    document = dict(head)
    first = Place(file=str(path), line=1)
    objects: dict[str, Any] = dict(_member(head, "CityObjects", {}, first))
    vertices: list[Any] = list(_member(head, "vertices", [], first))
    held = _member(head, "appearance", {}, first)
    appearance = {name: list(_member(held, name, [], first)) for name in _APPEARANCE}
    for line, feature in features:
        place = Place(file=str(path), line=line)
        mine = _member(feature, "CityObjects", {}, place)
        added = _member(feature, "appearance", {}, place)
        moved = [len(appearance[name]) for name in _APPEARANCE]
        for name in _APPEARANCE:
            appearance[name].extend(_member(added, name, [], place))
        for key, item in mine.items():
            if key in objects:
                raise LingjingError("maps.duplicate-id", place, id=key)
            objects[key] = item
            geometries = item.get("geometry") if isinstance(item, dict) else None
            for geometry in geometries if isinstance(geometries, list) else ():
                if isinstance(geometry, dict):
                    _move(geometry, len(vertices), *moved)
        vertices.extend(_member(feature, "vertices", [], place))
    document["CityObjects"], document["vertices"] = objects, vertices
    if any(appearance.values()):
        document["appearance"] = {**held, **{k: v for k, v in appearance.items() if v}}
    return document


def _member(item: dict[str, Any], name: str, empty: Any, place: Place) -> Any:
    found = item.get(name, empty)
    if not isinstance(found, type(empty)):
        raise LingjingError(
            "citymodel.malformed",
            Place(file=place.file, line=place.line, field=name),
            expected="{…}" if isinstance(empty, dict) else "[…]",
            found=type(found).__name__,
        )
    return found


def _move(
    geometry: dict[str, Any], vertices: int, materials: int, textures: int, corners: int
) -> None:
    """Move every index of a geometry on, in place."""
    if "boundaries" in geometry:
        geometry["boundaries"] = _moved(geometry["boundaries"], vertices)
    for theme in _themes(geometry.get("material")):
        for name in ("value", "values"):
            if name in theme:
                theme[name] = _moved(theme[name], materials)
    for theme in _themes(geometry.get("texture")):
        if "values" in theme:
            theme["values"] = _moved_rings(theme["values"], textures, corners)


def _themes(page: Any) -> list[dict[str, Any]]:
    return (
        [item for item in page.values() if isinstance(item, dict)] if isinstance(page, dict) else []
    )


def _moved(value: Any, by: int) -> Any:
    if isinstance(value, list):
        return [_moved(item, by) for item in value]
    return value + by if type(value) is int else value


def _moved_rings(value: Any, textures: int, corners: int) -> Any:
    """Rings of a texture: the first number is the texture, the others are its corners."""
    if not isinstance(value, list):
        return value
    if value and type(value[0]) is int:
        return [value[0] + textures, *(_moved(item, corners) for item in value[1:])]
    return [_moved_rings(item, textures, corners) for item in value]
