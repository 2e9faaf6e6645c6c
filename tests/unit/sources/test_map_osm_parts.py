"""Parts of buildings and their roofs in OpenStreetMap files."""

from __future__ import annotations

from pathlib import Path

import pytest
from osm_files import HOLE, ROUND, SQUARE, Reader, one, reader_in, values


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return reader_in(tmp_path)


def test_parts_hang_on_the_building_that_holds_them(read: Reader) -> None:
    tags = {
        "building:part": "yes",
        "building:levels": "9",
        "building:min_level": "2",
        "roof:shape": "half-hipped",
        "roof:height": "2.5 m",
    }
    ways = [
        (10, ROUND, {"building": "yes"}),
        (11, (5, 6, 7, 8, 5), tags),
        (12, (5, 6, 7, 8, 5), {"building:part": "no"}),
    ]
    batch, features = read(SQUARE | HOLE, ways)
    assert [f.local for f in features if f.kind == "Building"] == ["osm-way-10"]
    part = one(features, "BuildingPart")
    assert part.local == "osm-way-11"
    assert part.relationships == {"building": ("Building", "osm-way-10")}
    found = values(part)
    assert found.pop("footprint_area") == pytest.approx(28.6 * 33.3, rel=0.01)
    assert found == {
        "levels": 9.0,
        "height": 27.0,
        "min_level": 2.0,
        "min_height": 6.0,
        "roof_shape": "half_hipped",
        "roof_height": 2.5,
    }
    assert part.attributes["min_height"].provenance.kind == "inferred"
    assert part.attributes["roof_height"].provenance.kind == "imported"
    assert batch.report.read["building parts"] == 1
    assert batch.report.kept["BuildingPart"] == 1


def test_a_part_drawn_as_a_relation_keeps_its_hole(read: Reader) -> None:
    ways = [(10, ROUND, {"building": "yes"}), (11, ROUND, {}), (12, (5, 6, 7, 8, 5), {})]
    relation = (
        20,
        [(11, "outer"), (12, "inner")],
        {"type": "multipolygon", "building:part": "yes"},
    )
    _, features = read(SQUARE | HOLE, ways, [relation])
    part = one(features, "BuildingPart")
    assert part.local == "osm-relation-20"
    assert len(part.geometry.interiors) == 1


def test_a_part_of_no_building_is_left_out_and_counted(read: Reader) -> None:
    far = {k + 10: (x + 0.01, y) for k, (x, y) in SQUARE.items()}
    ways = [(10, ROUND, {"building": "yes"}), (11, (11, 12, 13, 14, 11), {"building:part": "yes"})]
    batch, features = read(SQUARE | far, ways)
    assert {f.kind for f in features} == {"Building"}
    assert batch.report.dropped["part-without-building"].examples == ["osm-way-11"]


def test_roofs_that_nobody_can_build_are_reported(read: Reader) -> None:
    tags = {
        "building": "yes",
        "height": "12",
        "min_height": "15",
        "roof:shape": "wobbly",
        "roof:height": "tall",
    }
    batch, features = read(SQUARE, [(10, ROUND, tags)])
    assert values(one(features, "Building")).keys() == {"height", "footprint_area"}
    for key in ("min_height", "roof:shape", "roof:height"):
        assert batch.report.dropped[f"unreadable-tag-{key}"].count == 1
