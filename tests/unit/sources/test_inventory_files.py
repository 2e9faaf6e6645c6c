"""Owners' inventories: good ones whole, bad ones not at all, with the place of the fault."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from lingjing.sources.coordinates import wgs84_to_gcj02
from lingjing.sources.inventory import KINDS
from lingjing.sources.inventory_schema import schema_table
from lingjing.sources.maps import read_inventory
from lingjing.vocabulary import LingjingError

HEADER = "id,kind,longitude_deg,latitude_deg,location,inner_diameter_mm,households,building"
ROW = "M-1,MeterBox,121.52,31.27,stairwell,20,12,osm-way-77"
PIPE_HEADER = "id,kind,geometry_wkt,material,insulation_thickness_mm"
PIPE = 'P-1,WaterPipe,"LINESTRING (121.52 31.27, 121.521 31.27)",ppr,13'


def written(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "assets.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def refused(path: Path, **named: str) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        read_inventory(path, "inventory:test", **named)
    return caught.value


def test_rows_become_features_with_provenance_and_relations(tmp_path: Path) -> None:
    batch = read_inventory(written(tmp_path, HEADER, ROW), "inventory:test")
    (box,) = batch.features
    assert (box.kind, box.local) == ("MeterBox", "M-1")
    assert box.geometry.coords[0] == (121.52, 31.27)
    assert {name: item.value for name, item in box.attributes.items()} == {
        "location": "stairwell",
        "inner_diameter": 20.0,
        "households": 12.0,
    }
    assert {item.provenance.kind for item in box.attributes.values()} == {"imported"}
    assert {item.provenance.source for item in box.attributes.values()} == {"assets.csv"}
    assert box.relationships == {"building": ("Building", "osm-way-77")}
    assert batch.report.kept == {"MeterBox": 1}


def test_pipe_is_a_line_whose_length_is_measured(tmp_path: Path) -> None:
    (pipe,) = read_inventory(written(tmp_path, PIPE_HEADER, PIPE), "inventory:test").features
    assert pipe.attributes["length"].value == pytest.approx(95.3, abs=0.2)
    assert pipe.attributes["length"].provenance.kind == "inferred"
    assert pipe.attributes["insulation_thickness"].value == 13.0


def test_empty_cells_are_unknown_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "", "M-1,MeterBox,121.52,31.27,,,,", "")
    (box,) = read_inventory(path, "inventory:test").features
    assert box.attributes == {}
    assert box.relationships == {}


@pytest.mark.parametrize(
    ("row", "code", "place"),
    [
        ("M-1,MeterBox,121.52,31.27,attic,20,12,", "maps.bad-choice", "2:location"),
        ("M-1,MeterBox,121.52,31.27,roof,9999999,1,", "vocabulary.out-of-bounds", "2:inner_"),
        ("M-1,MeterBox,121.52,31.27,roof,20,-999,", "vocabulary.out-of-bounds", "2:households"),
        ("M-1,MeterBox,121.52,31.27,roof,NaN,1,", "maps.bad-number", "2:inner_diameter_mm"),
        ("M-1,MeterBox,121.52,31.27,roof,inf,1,", "maps.bad-number", "2:inner_diameter_mm"),
        ("M-1,MeterBox,121.52,31.27,roof,20 mm,1,", "maps.bad-number", "2:inner_diameter_mm"),
        ("M-1,MeterBox,121.52,31.27,roof,２０,1,", "maps.bad-number", "2:inner_diameter_mm"),
        ("M-1,MeterBox,221.52,31.27,roof,20,1,", "maps.out-of-range", "2:longitude_deg"),
        ("M-1,MeterBox,121.52,91.27,roof,20,1,", "maps.out-of-range", "2:latitude_deg"),
        ("M-1,MeterBox,NaN,31.27,roof,20,1,", "maps.bad-number", "2:longitude_deg"),
        ("M-1,MeterBox,,31.27,roof,20,1,", "maps.empty-cell", "2:longitude_deg"),
        ("M-1,MeterBox,31.27,121.52,roof,20,1,", "maps.swapped-coordinates", "assets.csv"),
        (",MeterBox,121.52,31.27,roof,20,1,", "maps.empty-cell", "2:id"),
        ("M-1,,121.52,31.27,roof,20,1,", "maps.empty-cell", "2:kind"),
        ("M-1,Building,121.52,31.27,roof,20,1,", "maps.unknown-kind", "2:kind"),
        ("M-1,WaterPipe,121.52,31.27,roof,20,1,", "maps.wrong-geometry", "2:longitude_deg"),
        ("M-1,Depot,121.52,31.27,,,5,", "maps.not-for-kind", "2:households"),
        ("M-1,MeterBox,121.52,31.27,roof,20", "maps.wrong-cell-count", "2"),
        ('M-1,MeterBox,121.52,31.27,"roof,20,1,', "maps.unreadable", "2"),
    ],
)
def test_bad_cells_are_refused_where_they_stand(
    tmp_path: Path, row: str, code: str, place: str
) -> None:
    error = refused(written(tmp_path, HEADER, row))
    assert error.code == code
    assert place in str(error.place)
    assert str(error.place).startswith(str(tmp_path / "assets.csv"))


@pytest.mark.parametrize(
    ("header", "code", "field"),
    [
        ("kind,longitude_deg,latitude_deg", "maps.missing-column", "id"),
        ("id,longitude_deg,latitude_deg", "maps.missing-column", "kind"),
        ("id,kind,longitude_deg", "maps.missing-column", "latitude_deg"),
        ("id,kind", "maps.missing-column", "longitude_deg"),
        ("id,kind,longitude_deg,latitude_deg,colour", "maps.unknown-column", "colour"),
        ("id,kind,longitude_deg,latitude_deg,inner_diameter", "maps.wrong-unit-column", "_mm"),
        ("id,kind,longitude_deg,latitude_deg,volume_l", "maps.wrong-unit-column", "volume_m3"),
        ("id,kind,longitude_deg,latitude_deg,households,households", "maps.column-twice", "house"),
        ("id,kind,longitude_deg,latitude_deg,levels", "maps.unknown-column", "levels"),
        ("id,kind,easting_m,northing_m", "maps.crs-needed", ""),
    ],
)
def test_bad_headers_are_refused(tmp_path: Path, header: str, code: str, field: str) -> None:
    row = ",".join(["1"] * len(header.split(",")))
    error = refused(written(tmp_path, header, row))
    assert error.code == code
    assert field in str(error)
    assert error.place is not None
    assert error.place.line == 1


def test_double_ids_are_refused_within_a_kind_only(tmp_path: Path) -> None:
    tap = ROW.replace("MeterBox", "Tap")
    assert len(list(read_inventory(written(tmp_path, HEADER, ROW, tap), "i").features)) == 2
    error = refused(written(tmp_path, HEADER, ROW, tap, ROW))
    assert (error.code, str(error.place).rsplit(":", 2)[1:]) == ("maps.duplicate-id", ["4", "id"])


def test_broken_shape_is_refused(tmp_path: Path) -> None:
    error = refused(written(tmp_path, PIPE_HEADER, 'P,WaterPipe,"LINESTRING (1 2",ppr,1'))
    assert (error.code, "2:geometry_wkt" in str(error.place)) == ("maps.bad-geometry", True)
    still = 'P,WaterPipe,"LINESTRING (121.5 31.2, 121.5 31.2)",ppr,1'
    assert refused(written(tmp_path, PIPE_HEADER, still)).code == "maps.bad-geometry"


def test_lines_are_counted_through_quoted_breaks(tmp_path: Path) -> None:
    header = "id,kind,longitude_deg,latitude_deg,name"
    path = written(
        tmp_path, header, 'a,Tap,121.5,31.2,"two\nlines"', "b,Tap,121.5,31.2,x", "c,Tap,1x,31.2,"
    )
    error = refused(path)
    assert ":5:longitude_deg" in str(error.place)


def test_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "assets.csv"
    path.write_bytes(("\ufeff" + HEADER + "\r\n" + ROW + "\r\n").encode())
    assert len(list(read_inventory(path, "i").features)) == 1


def test_gbk_is_read_only_when_named(tmp_path: Path) -> None:
    header = "id,kind,longitude_deg,latitude_deg,name"
    path = written(tmp_path, header, "a,Depot,121.5,31.2,五角场仓库", encoding="gbk")
    error = refused(path)
    assert (error.code, error.place.line if error.place else 0) == ("maps.not-text", 2)
    (depot,) = read_inventory(path, "i", encoding="GBK").features
    assert depot.attributes["name"].value == "五角场仓库"
    assert refused(path, encoding="KLINGON").code == "maps.unknown-encoding"


def test_coordinates_follow_the_named_system(tmp_path: Path) -> None:
    longitude, latitude = wgs84_to_gcj02(np.array([[121.52, 31.27]]))[0]
    header = "id,kind,longitude_deg,latitude_deg"
    path = written(tmp_path, header, f"a,Tap,{longitude},{latitude}")
    (tap,) = read_inventory(path, "i", crs="GCJ-02").features
    assert tap.geometry.coords[0] == pytest.approx((121.52, 31.27), abs=1e-7)
    assert refused(path, crs="Mars").code == "maps.unknown-crs"


def test_grid_coordinates_are_read_in_their_zone(tmp_path: Path) -> None:
    path = written(tmp_path, "id,kind,easting_m,northing_m", "a,Tap,500000,3461000")
    (tap,) = read_inventory(path, "i", crs="EPSG:4549").features
    assert tap.geometry.x == pytest.approx(120.0, abs=1e-8)
    assert 31.2 < tap.geometry.y < 31.3


def test_geojson_and_geopackage_give_the_same_rows(tmp_path: Path) -> None:
    properties = {"id": "T1", "kind": "WaterTank", "volume_m3": 12.5, "location": "roof"}
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [121.52, 31.27]},
    }
    plain = tmp_path / "tanks.geojson"
    plain.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    package = tmp_path / "tanks.gpkg"
    pyogrio.raw.write(
        package,
        shapely.to_wkb(np.array([shapely.Point(121.52, 31.27)], dtype=object)),
        [np.array([value]) for value in properties.values()],
        list(properties),
        geometry_type="Point",
        crs="EPSG:4326",
    )
    found = [
        [(f.kind, f.local, f.geometry.wkt, {k: a.value for k, a in f.attributes.items()})]
        for path in (plain, package)
        for f in read_inventory(path, "i").features
    ]
    assert found[0] == found[1]
    assert found[0][0][3] == {"volume": 12.5, "location": "roof"}


def test_geojson_faults_name_the_feature(tmp_path: Path) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"id": f"T{n}", "kind": "Tap", "households": households},
            "geometry": {"type": "Point", "coordinates": [121.52, 31.27]},
        }
        for n, households in enumerate([1, -999])
    ]
    path = tmp_path / "taps.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    error = refused(path)
    assert str(error.place) == f"{path}:2:households"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "maps.empty-file"),
        (b"\x00\x01\x02", "maps.not-text"),
        (b"\xff\xfei\x00d\x00", "maps.not-text"),
        (HEADER.encode(), "maps.nothing-inside"),
        (b'<?xml version="1.0"?><osm version="0.6"></osm>', "maps.not-an-inventory"),
    ],
)
def test_files_that_are_no_inventory_are_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "assets.csv"
    path.write_bytes(content)
    assert refused(path).code == code


@pytest.mark.parametrize("kind", KINDS)
def test_the_documented_schema_is_the_one_in_the_vocabulary(repository: Path, kind: str) -> None:
    page = (repository / "docs" / "reference" / "inventory.md").read_text(encoding="utf-8")
    assert schema_table(kind) in page


def test_example_of_the_documentation_can_be_imported(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "reference" / "inventory.md").read_text(encoding="utf-8")
    example = page.split("```csv\n")[1].split("```")[0]
    batch = read_inventory(written(tmp_path, *example.splitlines()), "inventory:example")
    assert len(list(batch.features)) == len(example.splitlines()) - 1
