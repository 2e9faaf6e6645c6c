"""OpenStreetMap files: what is kept, what is dropped and why."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Sequence
from pathlib import Path

import osmium
import pytest
import shapely
from osm_files import (
    HOLE,
    ROUND,
    SQUARE,
    Member,
    Nodes,
    Reader,
    Way,
    one,
    osm_xml,
    reader_in,
    values,
)

from lingjing.sources.maps import read_map, require_district_content, road_graph
from lingjing.sources.osm_tags import tables
from lingjing.vocabulary import LingjingError, words


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return reader_in(tmp_path)


def test_building_carries_what_its_tags_say(read: Reader) -> None:
    tags = {
        "building": "apartments",
        "building:levels": "12",
        "start_date": "1987-05",
        "name": "某新村3号楼",
        "addr:street": "某路",
        "addr:housenumber": "12号",
    }
    batch, features = read(SQUARE, [(10, ROUND, tags)])
    building = one(features, "Building")
    assert building.local == "osm-way-10"
    found = values(building)
    assert found["footprint_area"] == pytest.approx(95.28 * 110.87, rel=2e-3)
    assert {key: found[key] for key in ("use", "levels", "height", "construction_year")} == {
        "use": "residential",
        "levels": 12.0,
        "height": 36.0,
        "construction_year": 1987.0,
    }
    assert found["address"] == "某路12号"
    assert building.attributes["levels"].provenance.kind == "imported"
    assert building.attributes["height"].provenance.kind == "inferred"
    assert building.attributes["height"].provenance.rule == "3-m-a-storey"
    assert (batch.attribution, batch.licence) == (
        "© OpenStreetMap contributors, ODbL 1.0",
        "ODbL-1.0",
    )


@pytest.mark.parametrize(
    ("text", "metres"),
    [("12", 12.0), ("12.5 m", 12.5), ("40 ft", 12.192), ("7'4\"", 2.2352)],
)
def test_heights_are_read_in_metres_and_feet(read: Reader, text: str, metres: float) -> None:
    quoted = text.replace('"', "&quot;")
    _, features = read(SQUARE, [(10, ROUND, {"building": "yes", "height": quoted})])
    assert values(one(features, "Building"))["height"] == pytest.approx(metres)


@pytest.mark.parametrize("text", ["tall", "12,5", "-3", "0", "5;6", "1e9", "NaN", "inf", "１２"])
def test_unreadable_heights_are_reported_and_left_out(read: Reader, text: str) -> None:
    batch, features = read(SQUARE, [(10, ROUND, {"building": "yes", "height": text})])
    assert "height" not in one(features, "Building").attributes
    assert batch.report.dropped["unreadable-tag-height"].count == 1
    assert text in batch.report.dropped["unreadable-tag-height"].examples[0]


@pytest.mark.parametrize("text", ["1980s", "~1950", "C19", "before 1990", "19"])
def test_vague_years_are_not_made_exact(read: Reader, text: str) -> None:
    batch, features = read(SQUARE, [(10, ROUND, {"building": "yes", "start_date": text})])
    assert "construction_year" not in one(features, "Building").attributes
    assert batch.report.dropped["unreadable-tag-start_date"].count == 1


def test_relation_with_a_hole_becomes_one_building(read: Reader) -> None:
    ways: list[Way] = [(10, (1, 2, 3), {}), (11, (3, 4, 1), {}), (12, (5, 6, 7, 8, 5), {})]
    relation = (20, [(10, "outer"), (11, "outer"), (12, "inner")])
    tags = {"type": "multipolygon", "building": "office"}
    _, features = read(SQUARE | HOLE, ways, [(*relation, tags)])
    building = one(features, "Building")
    assert building.local == "osm-relation-20"
    assert len(building.geometry.interiors) == 1
    assert building.geometry.area == pytest.approx(1e-6 - 9e-8)


def test_outline_tagged_twice_is_counted_once(read: Reader) -> None:
    tags = {"type": "multipolygon", "building": "yes"}
    batch, features = read(
        SQUARE, [(10, ROUND, {"building": "yes"})], [(20, [(10, "outer")], tags)]
    )
    assert one(features, "Building").local == "osm-relation-20"
    assert batch.report.dropped["outline-of-a-relation"].examples == ["osm-way-10"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([(10, "outer"), (99, "outer")], "incomplete-relation"),
        ([(10, "outer")], "open-ring"),
        ([], "incomplete-relation"),
    ],
)
def test_relations_that_do_not_close_are_dropped(
    read: Reader, members: Sequence[Member], reason: str
) -> None:
    tags = {"type": "multipolygon", "building": "yes"}
    batch, features = read(SQUARE, [(10, (1, 2, 3), {})], [(20, members, tags)])
    assert features == []
    assert batch.report.dropped[reason].examples == ["osm-relation-20"]


def test_self_crossing_outline_is_dropped_with_its_name(read: Reader) -> None:
    batch, features = read(SQUARE, [(10, (1, 3, 2, 4, 1), {"building": "yes"})])
    assert features == []
    assert batch.report.dropped["self-crossing"].examples == ["osm-way-10"]


@pytest.mark.parametrize(
    "refs",
    [
        (1, 2, 3, 4, 1, 2, 3, 4, 1),  # wound twice: which area was meant?
        (1, 2, 3, 60, 61, 1),  # a crossing that cuts off a very small corner
    ],
)
def test_repair_that_would_invent_a_shape_is_not_made(read: Reader, refs: Sequence[int]) -> None:
    nodes = dict(SQUARE) | {60: (121.49999, 31.28101), 61: (121.50001, 31.28102)}
    batch, features = read(nodes, [(10, refs, {"building": "yes"})])
    assert features == []
    assert batch.report.dropped["self-crossing"].examples == ["osm-way-10"]


def test_relation_with_a_loose_end_is_dropped(read: Reader) -> None:
    tags = {"type": "multipolygon", "building": "yes"}
    ways: list[Way] = [(10, ROUND, {}), (11, (5, 6), {})]
    batch, features = read(SQUARE | HOLE, ways, [(20, [(10, "outer"), (11, "outer")], tags)])
    assert features == []
    assert batch.report.dropped["open-ring"].examples == ["osm-relation-20"]


def test_spike_is_repaired_without_changing_the_area(read: Reader) -> None:
    nodes = dict(SQUARE) | {9: (121.502, 31.28)}
    batch, features = read(nodes, [(10, (1, 9, 2, 3, 4, 1), {"building": "yes"})])
    shape = one(features, "Building").geometry
    assert shape.is_valid
    assert shape.area == pytest.approx(1e-6, rel=1e-6)
    assert batch.report.repaired["outline-repaired"] == 1


@pytest.mark.parametrize(
    ("refs", "reason"),
    [
        ((1, 2, 3, 4), "open-outline"),
        ((1, 2, 1), "too-few-points"),
        ((1, 2, 3, 77, 1), "missing-node"),
        ((1, 2, 1, 2, 1), "zero-area"),
        ((1, 2, 3, 50, 1), "out-of-range"),
    ],
)
def test_outlines_that_are_none_are_dropped_with_the_reason(
    read: Reader, refs: Sequence[int], reason: str
) -> None:
    nodes = dict(SQUARE) | {50: (121.5, 95.0)}
    batch, features = read(nodes, [(10, refs, {"building": "yes"})])
    assert features == []
    assert batch.report.dropped[reason].examples == ["osm-way-10"]


CROSS: Nodes = {
    1: (121.500, 31.280),
    2: (121.501, 31.280),
    3: (121.502, 31.280),
    4: (121.501, 31.281),
    5: (121.501, 31.279),
}


def test_roads_are_split_where_they_meet(read: Reader) -> None:
    ways = [(10, (1, 2, 3), {"highway": "primary"}), (11, (4, 2, 5), {"highway": "service"})]
    batch, features = read(CROSS, ways)
    assert [feature.local for feature in features] == [
        "osm-way-10-1-2",
        "osm-way-10-2-3",
        "osm-way-11-4-2",
        "osm-way-11-2-5",
    ]
    assert batch.report.repaired["split-at-junction"] == 2
    first = values(features[0])
    assert (first["from_node"], first["to_node"]) == ("osm-node-1", "osm-node-2")
    assert first["length"] == pytest.approx(95.28, abs=0.1)
    nodes, starts, _, _ = road_graph(features)
    assert (len(nodes), len(starts)) == (5, 8)


def test_roads_that_only_pass_over_each_other_are_not_joined(read: Reader) -> None:
    ways = [(10, (1, 3), {"highway": "primary"}), (11, (4, 5), {"highway": "primary"})]
    _, features = read(CROSS, ways)
    assert len(features) == 2


def test_segments_of_a_way_that_comes_back_keep_different_names(read: Reader) -> None:
    ways = [(10, (1, 2, 4, 1, 2, 5), {"highway": "residential"})]
    _, features = read(CROSS, ways)
    names = [feature.local for feature in features]
    assert len(set(names)) == len(names)
    assert {"osm-way-10-1-2", "osm-way-10-1-2-2"} <= set(names)


def test_oneway_minus_one_turns_the_line_round(read: Reader) -> None:
    ways = [(10, (1, 2), {"highway": "primary", "oneway": "-1"})]
    _, (road,) = read(CROSS, ways)
    found = values(road)
    assert (found["oneway"], found["from_node"], found["to_node"]) == (
        True,
        "osm-node-2",
        "osm-node-1",
    )
    assert road.geometry.coords[0] == CROSS[2]
    _, starts, stops, _ = road_graph([road])
    assert len(starts) == len(stops) == 1


def test_road_tags_become_attributes_with_units(read: Reader) -> None:
    tags = {
        "highway": "primary_link",
        "lanes": "3",
        "maxspeed": "30 mph",
        "surface": "concrete:plates",
        "bridge": "viaduct",
        "tunnel": "no",
        "name": "某路",
        "name:en": "Some Road",
    }
    _, (road,) = read(CROSS, [(10, (1, 2), tags)])
    found = values(road)
    assert found["speed_limit"] == pytest.approx(48.28032)
    assert (found["road_class"], found["surface"], found["lanes"]) == ("primary", "concrete", 3.0)
    assert (found["bridge"], found["ramp"], "tunnel" in found) == (True, True, False)
    assert (found["name"], found["name_en"]) == ("某路", "Some Road")
    assert road.attributes["width"].value == 10.5
    assert road.attributes["width"].provenance.rule == "width-by-lanes"


def test_lanes_and_width_by_class_say_that_they_are_inferred(read: Reader) -> None:
    _, (road,) = read(CROSS, [(10, (1, 2), {"highway": "tertiary"})])
    for name in ("lanes", "width"):
        provenance = road.attributes[name].provenance
        assert provenance.kind == "inferred"
        assert provenance.rule is not None
        assert provenance.confidence is not None
        assert provenance.confidence < 0.6


def test_ways_that_carry_nobody_are_dropped_by_name(read: Reader) -> None:
    ways = [(10, (1, 2), {"highway": "construction"}), (11, (1, 1), {"highway": "service"})]
    batch, features = read(CROSS, ways)
    assert features == []
    assert batch.report.dropped["not-a-road-construction"].examples == ["osm-way-10"]
    assert batch.report.dropped["zero-length"].examples == ["osm-way-11"]


def test_road_is_kept_up_to_the_edge_of_the_extract(read: Reader) -> None:
    batch, features = read(CROSS, [(10, (1, 2, 88, 3, 4), {"highway": "primary"})])
    assert [feature.local for feature in features] == ["osm-way-10-1-2", "osm-way-10-3-4"]
    assert batch.report.repaired["clipped-at-missing-nodes"] == 1


def test_road_off_the_earth_is_dropped(read: Reader) -> None:
    nodes = dict(CROSS) | {50: (121.5, 95.0)}
    batch, features = read(nodes, [(10, (1, 50), {"highway": "primary"})])
    assert features == []
    assert batch.report.dropped["out-of-range"].examples == ["osm-way-10"]


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"amenity": "hospital", "beds": "300"}, "hospital"),
        ({"amenity": "social_facility", "social_facility": "nursing_home"}, "nursing_home"),
        (
            {
                "amenity": "social_facility",
                "social_facility": "group_home",
                "social_facility:for": "senior",
            },
            "nursing_home",
        ),
        ({"shop": "supermarket"}, "market"),
        ({"amenity": "fire_station"}, "fire_station"),
        ({"amenity": "kindergarten"}, "school"),
        ({"amenity": "social_facility", "social_facility": "shelter"}, "shelter"),
    ],
)
def test_facilities_are_recognised(read: Reader, tags: dict[str, str], kind: str) -> None:
    _, features = read(SQUARE, node_tags={1: tags})
    facility = one(features, "Facility")
    assert (facility.local, values(facility)["facility_kind"]) == ("osm-node-1", kind)


@pytest.mark.parametrize("tags", [{"amenity": "shelter"}, {"amenity": "cafe"}, {"shop": "books"}])
def test_bus_shelters_and_cafes_are_no_facilities(read: Reader, tags: dict[str, str]) -> None:
    assert read(SQUARE, node_tags={1: tags})[1] == []


def test_facility_drawn_as_an_area_is_a_point_inside_it(read: Reader) -> None:
    tags = {"amenity": "school", "building": "school"}
    _, features = read(SQUARE, [(10, ROUND, tags)])
    assert one(features, "Building").geometry.contains(one(features, "Facility").geometry)


def test_sub_district_comes_from_a_whole_boundary_of_level_8(read: Reader) -> None:
    ways: list[Way] = [(10, (1, 2, 3), {}), (11, (3, 4, 1), {})]
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "8", "name": "某街道"}
    _, features = read(SQUARE, ways, [(20, [(10, "outer"), (11, "outer")], tags)])
    assert values(one(features, "SubDistrict")) == {"name": "某街道"}
    district = tags | {"admin_level": "6"}
    assert read(SQUARE, ways, [(20, [(10, "outer"), (11, "outer")], district)])[1] == []


@pytest.mark.parametrize("sort", ["node", "way", "relation"])
def test_one_id_for_two_objects_is_refused(tmp_path: Path, sort: str) -> None:
    ways = [(10, ROUND, {"building": "yes"})] * (2 if sort == "way" else 1)
    tags = {"type": "multipolygon", "building": "yes"}
    relations = [(20, [(10, "outer")], tags)] * (2 if sort == "relation" else 1)
    text = osm_xml(SQUARE, ways, relations, {1: {"amenity": "school"}})
    if sort == "node":
        node = next(line for line in text.splitlines() if line.startswith('<node id="1"'))
        text = text.replace(node, f"{node}\n{node}")
    path = tmp_path / "double.osm"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LingjingError) as caught:
        list(read_map(path, "osm:test").features)
    assert caught.value.code == "maps.duplicate-id"
    assert f"osm-{sort}-" in str(caught.value)


def test_packed_and_binary_forms_give_the_same_features(tmp_path: Path) -> None:
    text = osm_xml(SQUARE | {9: (121.6, 31.3)}, [(10, ROUND, {"building": "yes"})])
    plain, zipped, squeezed, binary = (
        tmp_path / name for name in ("a.osm", "b.any", "c.any", "d.osm.pbf")
    )
    plain.write_text(text, encoding="utf-8")
    zipped.write_bytes(gzip.compress(text.encode()))
    squeezed.write_bytes(bz2.compress(text.encode()))
    with osmium.SimpleWriter(str(binary)) as writer:
        for item in osmium.FileProcessor(str(plain)):
            writer.add(item)
    shapes = [
        [(f.local, f.geometry.wkt, values(f)) for f in read_map(path, "osm:test").features]
        for path in (plain, zipped, squeezed, binary)
    ]
    assert len(shapes[0]) == 1
    assert shapes.count(shapes[0]) == 4


def test_second_read_gives_the_same_again(read: Reader) -> None:
    ways = [(10, (1, 2, 3), {"highway": "primary"}), (11, (4, 2, 5), {"highway": "service"})]
    first, second = (read(CROSS, ways) for _ in range(2))
    assert first[1] == second[1]
    assert first[0].sha256 == second[0].sha256


def test_map_without_buildings_or_roads_makes_no_district(read: Reader) -> None:
    roads, _ = read(CROSS, [(10, (1, 2), {"highway": "primary"})])
    with pytest.raises(LingjingError, match="no-buildings"):
        require_district_content(roads.report)
    buildings, _ = read(SQUARE, [(10, ROUND, {"building": "yes"})])
    with pytest.raises(LingjingError, match="no-roads"):
        require_district_content(buildings.report)
    ways = [(10, ROUND, {"building": "yes"}), (11, (1, 2), {"highway": "service"})]
    both, _ = read(SQUARE, ways)
    require_district_content(both.report)


def test_geometry_is_valid_wgs84_without_heights(read: Reader) -> None:
    _, features = read(SQUARE, [(10, ROUND, {"building": "yes"}), (11, ROUND, {"highway": "path"})])
    for feature in features:
        assert feature.geometry.is_valid
        assert not shapely.has_z(feature.geometry)


def test_every_tag_of_the_tables_is_documented(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "maps.md").read_text(encoding="utf-8")
    for highway, row in tables()["road"].items():
        assert f"| `{highway}` | {row['class']} |" in page
    for table in ("use", "surface"):
        for word, tags in tables()[table].items():
            assert f"| {word} | {', '.join(tags)} |" in page
    for row in tables()["facility"]:
        for key, tags in row["tags"].items():
            assert f"`{key}` = {', '.join(tags)}" in page


def test_every_word_of_the_tables_is_in_the_vocabulary() -> None:
    for table, word in (("use", "use"), ("use_by_amenity", "use"), ("surface", "surface")):
        assert set(tables()[table]) <= set(words()[word].choices)
    assert {row["class"] for row in tables()["road"].values()} <= set(words()["road_class"].choices)
    assert {r["kind"] for r in tables()["facility"]} == set(words()["facility_kind"].choices)


@pytest.mark.parametrize("block", [1, 2, 3, 20_000])
def test_reading_in_blocks_changes_nothing(
    read: Reader, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    # two ways of several segments, one of which runs to and fro between the same nodes
    ways: list[Way] = [
        (10, (1, 2, 3, 4), {"highway": "residential"}),
        (11, (1, 2, 1, 2), {"highway": "footway"}),
        (12, (3, 5, 4), {"highway": "service"}),
    ]
    monkeypatch.setattr("lingjing.sources.osm._BLOCK", block)
    _, features = read(SQUARE | HOLE, ways)
    found = [(f.local, f.geometry.wkt) for f in features]
    assert [name for name, _ in found] == [
        *("osm-way-10-1-2", "osm-way-10-2-3", "osm-way-10-3-4"),
        *("osm-way-11-1-2", "osm-way-11-2-1", "osm-way-11-1-2-2"),
        "osm-way-12-3-4",
    ]
    assert len(features) == 7
