"""OpenStreetMap files made of a few objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lingjing.sources.batches import Batch, Feature
from lingjing.sources.maps import read_map

Reader = Callable[..., tuple[Batch, list[Feature]]]
Nodes = Mapping[int, tuple[float, float]]
Way = tuple[int, Sequence[int], Mapping[str, str]]
Member = tuple[int, str]
Relation = tuple[int, Sequence[Member], Mapping[str, str]]

# A square of about 95 m by 111 m, and a smaller one inside it.
SQUARE: Nodes = {1: (121.5, 31.28), 2: (121.501, 31.28), 3: (121.501, 31.281), 4: (121.5, 31.281)}
HOLE: Nodes = {
    5: (121.5003, 31.2803),
    6: (121.5006, 31.2803),
    7: (121.5006, 31.2806),
    8: (121.5003, 31.2806),
}
ROUND = (1, 2, 3, 4, 1)


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())


def osm_xml(
    nodes: Nodes,
    ways: Sequence[Way] = (),
    relations: Sequence[Relation] = (),
    node_tags: Mapping[int, Mapping[str, str]] | None = None,
) -> str:
    """An OSM file of these objects, in their order."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="test">']
    for number, (longitude, latitude) in nodes.items():
        inner = _tags((node_tags or {}).get(number, {}))
        parts.append(f'<node id="{number}" lon="{longitude}" lat="{latitude}">{inner}</node>')
    for number, refs, tags in ways:
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs) + _tags(tags)
        parts.append(f'<way id="{number}">{inner}</way>')
    for number, members, tags in relations:
        inner = "".join(f'<member type="way" ref="{r}" role="{role}"/>' for r, role in members)
        parts.append(f'<relation id="{number}">{inner}{_tags(tags)}</relation>')
    return "\n".join([*parts, "</osm>"])


def reader_in(folder: Path) -> Reader:
    """Reads an OSM file made of the given objects, written into the folder."""

    def reader(*objects: object, **named: object) -> tuple[Batch, list[Feature]]:
        path = folder / "map.osm"
        path.write_text(osm_xml(*objects, **named), encoding="utf-8")  # type: ignore[arg-type]
        batch = read_map(path, "osm:test")
        return batch, list(batch.features)

    return reader


def one(features: Sequence[Feature], kind: str) -> Feature:
    (found,) = [feature for feature in features if feature.kind == kind]
    return found


def values(feature: Feature) -> dict[str, object]:
    return {name: item.value for name, item in feature.attributes.items()}
