"""Vector files, told by content, with the twin's words as columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from lingjing.sources.batches import Feature
from lingjing.sources.coordinates import wgs84_to_gcj02
from lingjing.sources.maps import read_map, require_district_content, road_graph
from lingjing.vocabulary import LingjingError

BOX = shapely.box(121.5, 31.28, 121.501, 31.281)
ROAD = shapely.LineString([(121.5, 31.28), (121.51, 31.28)])
NEXT_ROAD = shapely.LineString([(121.51, 31.28), (121.51, 31.29)])


def geojson(path: Path, *rows: tuple[shapely.Geometry | None, dict[str, Any]]) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": None if shape is None else shapely.geometry.mapping(shape),
        }
        for shape, properties in rows
    ]
    path.write_text(
        json.dumps({"features": features, "type": "FeatureCollection"}, ensure_ascii=False),
        encoding="utf-8",
    )
    return path


def write(path: Path, layers: dict[str, tuple[list[Any], dict[str, Any]]], **named: Any) -> Path:
    """Write layers of (geometries, columns) with GDAL."""
    named = {"crs": "EPSG:4326"} | named
    for index, (layer, (shapes, columns)) in enumerate(layers.items()):
        pyogrio.raw.write(
            path,
            shapely.to_wkb(np.array(shapes, dtype=object)),
            [np.array(values) for values in columns.values()],
            list(columns),
            layer=layer,
            geometry_type=shapes[0].geom_type,
            append=index > 0,
            **named,
        )
    return path


def codes(path: Path, **named: Any) -> str:
    with pytest.raises(LingjingError) as caught:
        list(read_map(path, "map", **named).features)
    return f"{caught.value.code} {caught.value.place}"


def values(feature: Feature) -> dict[str, object]:
    return {name: item.value for name, item in feature.attributes.items()}


def test_geojson_of_buildings_and_roads_makes_a_district(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "map.json",
        (BOX, {"id": "b1", "kind": "Building", "levels": 6, "use": "residential", "name": "甲楼"}),
        (ROAD, {"id": "r1", "kind": "RoadSegment", "road_class": "primary"}),
        (NEXT_ROAD, {"id": "r2", "kind": "RoadSegment", "road_class": "primary", "oneway": True}),
        (shapely.Point(121.5, 31.28), {"id": "f", "kind": "Facility", "facility_kind": "market"}),
    )
    batch = read_map(path, "own")
    features = {feature.local: feature for feature in batch.features}
    assert batch.report.kept == {"Building": 1, "RoadSegment": 2, "Facility": 1}
    require_district_content(batch.report)
    building = values(features["b1"])
    assert (building["name"], building["levels"], building["height"]) == ("甲楼", 6.0, 18.0)
    assert features["b1"].attributes["height"].provenance.kind == "inferred"
    assert features["b1"].attributes["levels"].provenance.source == "map.json"
    assert features["r1"].attributes["width"].provenance.kind == "inferred"
    nodes, starts, _, lengths = road_graph(features.values())
    assert (len(nodes), len(starts)) == (3, 3)
    assert lengths[0] == pytest.approx(952.8, abs=1.0)


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp"])
def test_other_formats_give_the_same_features(tmp_path: Path, suffix: str) -> None:
    columns = {"id": ["b1"], "height_m": [18.5], "name": ["甲楼"]}
    named = {"encoding": "UTF-8"} if suffix == ".shp" else {}
    path = write(tmp_path / f"map{suffix}", {"any": ([BOX], columns)}, **named)
    (feature,) = read_map(path, "own", kind="Building").features
    assert feature.local == "b1"
    assert feature.geometry.equals(BOX)
    assert (values(feature)["height"], values(feature)["name"]) == (18.5, "甲楼")


def test_format_is_told_by_content_not_by_suffix(tmp_path: Path) -> None:
    path = write(tmp_path / "map.gpkg", {"any": ([BOX], {"id": ["b1"]})})
    path = path.rename(tmp_path / "map.osm.pbf")
    assert [f.local for f in read_map(path, "own", kind="Building").features] == ["b1"]


def test_geopackage_layers_may_bear_the_name_of_their_kind(tmp_path: Path) -> None:
    path = write(
        tmp_path / "map.gpkg",
        {"Building": ([BOX], {"id": ["x"]}), "RoadSegment": ([ROAD], {"id": ["x"]})},
    )
    found = [(feature.kind, feature.local) for feature in read_map(path, "own").features]
    assert found == [("Building", "x"), ("RoadSegment", "x")]


def test_kinds_can_be_named_by_layer(tmp_path: Path) -> None:
    path = write(tmp_path / "map.gpkg", {"houses": ([BOX], {"id": ["x"]})})
    (feature,) = read_map(path, "own", kind={"houses": "Building"}).features
    assert feature.kind == "Building"
    assert codes(path).startswith("maps.kind-needed")
    assert codes(path, kind="House").startswith("maps.unknown-kind")


def test_shapefile_in_gbk_is_read_when_named_and_refused_when_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "map.shp", {"any": ([BOX], {"id": ["b1"], "name": ["杨浦"]})}, encoding="GBK"
    )
    (tmp_path / "map.cpg").unlink(missing_ok=True)
    table = bytearray((tmp_path / "map.dbf").read_bytes())
    table[29] = 0
    (tmp_path / "map.dbf").write_bytes(table)
    assert codes(path, kind="Building").startswith("maps.encoding-needed")
    (feature,) = read_map(path, "own", kind="Building", encoding="GBK").features
    assert values(feature)["name"] == "杨浦"
    assert codes(path, kind="Building", encoding="KLINGON").startswith("maps.unknown-encoding")


def test_projected_coordinates_follow_the_declared_system(tmp_path: Path) -> None:
    shape = shapely.box(500_000.0, 3_461_000.0, 500_100.0, 3_461_100.0)
    path = write(tmp_path / "map.gpkg", {"any": ([shape], {"id": ["b"]})}, crs="EPSG:4549")
    (feature,) = read_map(path, "own", kind="Building").features
    assert feature.geometry.bounds[0] == pytest.approx(120.0, abs=1e-7)
    assert values(feature)["footprint_area"] == pytest.approx(10_000.0, rel=1e-3)


def test_file_without_a_system_needs_a_name(tmp_path: Path) -> None:
    path = write(tmp_path / "map.shp", {"any": ([BOX], {"id": ["b"]})}, encoding="UTF-8")
    (tmp_path / "map.prj").unlink()
    assert codes(path, kind="Building").startswith("maps.crs-needed")
    assert len(list(read_map(path, "own", kind="Building", crs="EPSG:4490").features)) == 1


def test_named_gcj02_overrules_what_the_file_declares_and_is_noted(tmp_path: Path) -> None:
    shifted = shapely.transform(BOX, wgs84_to_gcj02)
    path = geojson(tmp_path / "map.json", (shifted, {"id": "b", "kind": "Building"}))
    batch = read_map(path, "own", crs="GCJ-02")
    (feature,) = batch.features
    assert shapely.hausdorff_distance(feature.geometry, BOX) < 1e-7
    assert any("GCJ-02" in english for _, english in batch.report.notes)


def test_exchanged_axes_are_refused(tmp_path: Path) -> None:
    turned = shapely.transform(BOX, lambda xy: xy[:, ::-1])
    path = geojson(tmp_path / "map.json", (turned, {"id": "b", "kind": "Building"}))
    assert codes(path).startswith("maps.swapped-coordinates")


def test_faulty_shapes_are_dropped_with_their_reason(tmp_path: Path) -> None:
    bow = shapely.Polygon([(121.5, 31.28), (121.501, 31.281), (121.501, 31.28), (121.5, 31.281)])
    rows = [
        (BOX, "good"),
        (bow, "bow"),
        (shapely.box(190.0, 31.0, 190.1, 31.1), "far"),
        (None, "none"),
        (shapely.Point(121.5, 31.28), "point"),
    ]
    path = geojson(tmp_path / "m.json", *((s, {"id": n, "kind": "Building"}) for s, n in rows))
    batch = read_map(path, "own")
    assert [feature.local for feature in batch.features] == ["good"]
    assert {reason: entry.examples for reason, entry in batch.report.dropped.items()} == {
        "self-crossing": ["bow"],
        "out-of-range": ["far"],
        "no-geometry": ["none"],
        "wrong-geometry": ["point"],
    }


def test_double_ids_are_refused_with_their_feature(tmp_path: Path) -> None:
    row = {"id": "b", "kind": "Building"}
    path = geojson(tmp_path / "m.json", (BOX, row), (BOX, row))
    assert codes(path) == f"maps.duplicate-id {path}:2:id"


def test_features_without_ids_are_named_by_shape_whatever_their_order(tmp_path: Path) -> None:
    other = shapely.box(121.6, 31.28, 121.601, 31.281)
    one = geojson(tmp_path / "1.json", (BOX, {}), (other, {}), (BOX, {}))
    two = geojson(tmp_path / "2.json", (other, {}), (BOX, {}))
    batch = read_map(one, "own", kind="Building")
    names = {feature.local for feature in batch.features}
    assert names == {f.local for f in read_map(two, "own", kind="Building").features}
    assert batch.report.dropped["same-shape-twice"].count == 1


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"height": 12.0}, "maps.wrong-unit-column"),
        ({"height_ft": 12.0}, "maps.wrong-unit-column"),
        ({"height_m": "tall"}, "maps.bad-number"),
        ({"height_m": 4000.0}, "vocabulary.out-of-bounds"),
        ({"height_m": -999}, "vocabulary.out-of-bounds"),
        ({"use": "castle"}, "maps.bad-choice"),
        ({"retrofitted": "perhaps"}, "maps.bad-choice"),
        ({"kind": "Castle"}, "maps.unknown-kind"),
    ],
)
def test_wrong_columns_and_cells_are_refused(
    tmp_path: Path, properties: dict[str, Any], message: str
) -> None:
    path = geojson(tmp_path / "m.json", (BOX, {"id": "b", "kind": "Building"} | properties))
    assert codes(path).split()[0] == message


def test_columns_that_mean_nothing_are_listed_and_left_out(tmp_path: Path) -> None:
    path = geojson(tmp_path / "m.json", (BOX, {"id": "b", "kind": "Building", "colour": "red"}))
    batch = read_map(path, "own")
    (feature,) = batch.features
    assert "colour" not in feature.attributes
    assert any("colour" in english for _, english in batch.report.notes)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "maps.empty-file"),
        (b"hello, this is no map\n", "maps.not-a-map"),
        (b"just words", "maps.unknown-format"),
        (b"\x00\x01\x02\x03" * 100, "maps.unknown-format"),
        (b'{"type": "FeatureCollection", "features": [', "maps.bad-json"),
        (b'{"type": "FeatureCollection", "x": NaN}', "maps.bad-json"),
        (b'{"version": 0.6, "elements": []}', "maps.not-a-map"),
        (b"<html><body>404</body></html>", "maps.unknown-format"),
        (b"\x00\x00\x00\x0e\x0a\x09OSMHeader\x18", "maps.truncated"),
        (b"\x1f\x8b\x08\x00", "maps.truncated"),
        (b'<?xml version="1.0"?><osm version="0.6"><node id="1"', "maps.truncated"),
        (b"SQLite format 3\x00" + b"\x00" * 52 + b"GPKG" + b"\x00" * 100, "maps.unreadable"),
        (b"fgb\x03fgb\x00garbage", "maps.nothing-inside"),
        (b'{"type": "FeatureCollection", "features": []}', "maps.nothing-inside"),
    ],
)
def test_files_that_are_no_map_are_refused_by_content(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "map.osm.pbf"
    path.write_bytes(content)
    assert codes(path) == f"{code} {path}"


def test_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert codes(tmp_path / "nowhere.pbf").startswith("maps.not-found")


def test_folder_is_no_map(tmp_path: Path) -> None:
    assert codes(tmp_path).startswith("maps.unreadable")
