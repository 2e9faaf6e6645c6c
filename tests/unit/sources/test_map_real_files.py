"""The real street block, counted a second time by another route."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import osmium
import pyogrio
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lingjing.sources.batches import Batch, Feature
from lingjing.sources.maps import read_map, require_district_content, road_graph
from lingjing.vocabulary import LingjingError

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def block(shared_data: Path) -> Path:
    return shared_data / "maps" / "yangpu-siping.osm.pbf"


@pytest.fixture(scope="module")
def imported(block: Path) -> tuple[Batch, list[Feature]]:
    batch = read_map(block, "osm:yangpu-siping")
    return batch, list(batch.features)


class Count(osmium.SimpleHandler):
    """Counts tags by libosmium's callbacks: another route than the import takes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def way(self, way: osmium.osm.Way) -> None:
        if "highway" in way.tags:
            self.found["highway ways"] += 1
            if way.tags["highway"] in {"construction", "platform"}:
                self.found["no road yet"] += 1
            elif way.tags.get("area") == "yes":
                self.found["plazas"] += 1

    def area(self, area: osmium.osm.Area) -> None:
        if "building" in area.tags and area.num_rings()[0]:
            self.found["building areas"] += 1
        if "building:part" in area.tags and "building" not in area.tags:
            self.found["building parts"] += 1


@pytest.fixture(scope="module")
def counted(block: Path) -> Counter[str]:
    handler = Count()
    handler.apply_file(str(block), locations=True)
    return handler.found


def test_buildings_agree_with_libosmiums_own_areas(
    imported: tuple[Batch, list[Feature]], counted: Counter[str]
) -> None:
    assert imported[0].report.kept["Building"] == counted["building areas"] == 498
    assert imported[0].report.read["building parts"] == counted["building parts"] == 31


def test_every_building_part_belongs_to_a_building_or_is_counted(
    imported: tuple[Batch, list[Feature]],
) -> None:
    parts = [feature for feature in imported[1] if feature.kind == "BuildingPart"]
    lost = imported[0].report.dropped.get("part-without-building")
    assert len(parts) + (lost.count if lost else 0) == 31
    assert len(parts) >= 25
    outlines = {f.local: f.geometry for f in imported[1] if f.kind == "Building"}
    for part in parts:
        whole = outlines[part.relationships["building"][1]]
        assert whole.intersection(part.geometry).area > 0.5 * part.geometry.area


def test_buildings_agree_with_gdals_multipolygons(
    imported: tuple[Batch, list[Feature]], block: Path
) -> None:
    _, _, _, (tags,) = pyogrio.raw.read(
        block, layer="multipolygons", columns=["building"], read_geometry=False
    )
    assert sum(value is not None for value in tags) == imported[0].report.kept["Building"]


def test_every_highway_is_a_road_or_dropped_with_a_reason(
    imported: tuple[Batch, list[Feature]], counted: Counter[str]
) -> None:
    report = imported[0].report
    ways = {
        re.match(r"osm-way-(\d+)", feature.local)[1]  # type: ignore[index]
        for feature in imported[1]
        if feature.kind == "RoadSegment"
    }
    assert report.read["highway ways"] == counted["highway ways"] == 315
    dropped = sum(
        entry.count
        for reason, entry in report.dropped.items()
        if reason.startswith("not-a-road-") or reason == "road-drawn-as-area"
    )
    assert dropped == counted["no road yet"] + counted["plazas"] == 4
    assert len(ways) == counted["highway ways"] - dropped


def test_the_block_makes_a_district(imported: tuple[Batch, list[Feature]]) -> None:
    require_district_content(imported[0].report)
    assert imported[0].report.kept["Facility"] >= 15


def test_ids_are_unique_within_their_kind(imported: tuple[Batch, list[Feature]]) -> None:
    names = [(feature.kind, feature.local) for feature in imported[1]]
    assert len(set(names)) == len(names)


def _largest_share(features: list[Feature]) -> float:
    """Share of the street length that hangs together, one-way streets taken both ways."""
    nodes, starts, stops, lengths = road_graph(features)
    size = len(nodes)
    graph = coo_array((np.ones(len(starts)), (starts, stops)), shape=(size, size))
    _, label = connected_components(graph, directed=True, connection="weak")
    by_part = np.bincount(label[starts], weights=lengths)
    return float(by_part.max() / by_part.sum())


def test_streets_of_the_block_hang_together(imported: tuple[Batch, list[Feature]]) -> None:
    assert _largest_share(imported[1]) > 0.85


def test_streets_of_central_shanghai_are_routable_along_one_ways(shared_data: Path) -> None:
    features = list(
        read_map(shared_data / "maps" / "shanghai-centre-roads.osm.pbf", "osm:c").features
    )
    assert _largest_share(features) > 0.95
    nodes, starts, stops, _ = road_graph(features)
    graph = coo_array((np.ones(len(starts)), (starts, stops)), shape=(len(nodes), len(nodes)))
    _, label = connected_components(graph, directed=True, connection="strong")
    assert np.bincount(label).max() / len(nodes) > 0.85


def test_a_map_of_roads_alone_makes_no_district(shared_data: Path) -> None:
    batch = read_map(shared_data / "maps" / "shanghai-centre-roads.osm.pbf", "osm:centre")
    assert {feature.kind for feature in batch.features} == {"RoadSegment"}
    with pytest.raises(LingjingError, match="no-buildings"):
        require_district_content(batch.report)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_map_is_refused(block: Path, tmp_path: Path, share: float) -> None:
    content = block.read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(LingjingError) as caught:
        list(read_map(path, "osm:cut").features)
    assert caught.value.code == "maps.truncated"
    assert caught.value.place is not None
    assert caught.value.place.file == str(path)
