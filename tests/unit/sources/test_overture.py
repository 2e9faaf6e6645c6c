"""GeoParquet in the Overture schema: nested columns, who said what, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from lingjing.sources.batches import Batch, Feature
from lingjing.sources.coordinates import wgs84_to_gcj02
from lingjing.sources.maps import read_map
from lingjing.vocabulary import LingjingError

SOURCE = pa.struct(
    [
        ("property", pa.string()),
        ("dataset", pa.string()),
        ("record_id", pa.string()),
        ("update_time", pa.string()),
        ("confidence", pa.float64()),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("geometry", pa.binary()),
        ("bbox", pa.struct([(name, pa.float32()) for name in ("xmin", "xmax", "ymin", "ymax")])),
        ("version", pa.int32()),
        ("sources", pa.list_(SOURCE)),
        ("subtype", pa.string()),
        ("class", pa.string()),
        (
            "names",
            pa.struct(
                [
                    ("primary", pa.string()),
                    ("common", pa.map_(pa.string(), pa.string())),
                ]
            ),
        ),
        ("height", pa.float64()),
        ("num_floors", pa.int32()),
        ("min_height", pa.float64()),
        ("min_floor", pa.int32()),
        ("roof_shape", pa.string()),
        ("roof_height", pa.float64()),
        ("is_underground", pa.bool_()),
        ("building_id", pa.string()),
    ]
)
GEO = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {
    "encoding": "WKB", "geometry_types": ["Polygon"]}}}  # fmt: skip


def outline(number: int = 0) -> shapely.Polygon:
    west = 121.5 + 0.001 * number
    return shapely.box(west, 31.28, west + 0.0005, 31.2803)


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"08f{number:04d}-aa",
        "geometry": shapely.to_wkb(outline(number)),
        "sources": [{"property": "", "dataset": "OpenStreetMap", "record_id": f"w{number}"}],
        **more,
    }


def write(
    path: Path,
    rows: list[dict[str, Any]],
    schema: pa.Schema = SCHEMA,
    geo: dict[str, Any] | None = GEO,
) -> Path:
    table = pa.Table.from_pylist(rows, schema=schema)
    if geo is not None:
        table = table.replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path)
    return path


def read(path: Path, **named: Any) -> tuple[Batch, list[Feature]]:
    batch = read_map(path, "map:test", **named)
    return batch, list(batch.features)


def values(feature: Feature) -> dict[str, object]:
    return {name: item.value for name, item in feature.attributes.items()}


def refused(path: Path, code: str, **named: Any) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        read(path, **named)
    assert caught.value.code == code
    return caught.value


def test_a_building_brings_what_its_columns_say(tmp_path: Path) -> None:
    full = row(
        1,
        subtype="residential",
        **{"class": "apartments"},
        names={"primary": "四平大楼", "common": [("en", "Siping House")]},
        height=31.5,
        num_floors=10,
        roof_shape="saltbox",
        roof_height=2.0,
    )
    batch, (feature,) = read(write(tmp_path / "b.parquet", [full]))
    found = values(feature)
    assert found.pop("footprint_area") == pytest.approx(47.6 * 33.3, rel=0.01)
    assert found == {
        "use": "residential",
        "name": "四平大楼",
        "height": 31.5,
        "levels": 10.0,
        "roof_shape": "gabled",
        "roof_height": 2.0,
    }
    assert feature.local == "08f0001-aa"
    assert feature.geometry.equals(outline(1))
    assert batch.licence == "ODbL-1.0"
    assert batch.attribution == "© Overture Maps Foundation, OpenStreetMap"
    assert batch.report.kept == {"Building": 1}


def test_each_value_names_the_data_set_it_comes_from(tmp_path: Path) -> None:
    sources = [
        {"property": "", "dataset": "OpenStreetMap", "record_id": "w1"},
        {"property": "/properties/height", "dataset": "Microsoft ML Buildings", "confidence": 0.7},
    ]
    _, (feature,) = read(
        write(tmp_path / "b.parquet", [row(1, sources=sources, height=12.0, num_floors=4)])
    )
    height, levels = (feature.attributes[name].provenance for name in ("height", "levels"))
    assert (height.source, height.confidence) == ("Overture: Microsoft ML Buildings", 0.7)
    assert (levels.source, levels.confidence) == ("Overture: OpenStreetMap", None)


def test_storeys_alone_make_an_inferred_height(tmp_path: Path) -> None:
    _, (feature,) = read(write(tmp_path / "b.parquet", [row(1, num_floors=6)]))
    height = feature.attributes["height"]
    assert height.value == 18.0
    assert (height.provenance.kind, height.provenance.rule) == ("inferred", "3-m-a-storey")


def test_a_chinese_name_stands_in_for_a_missing_one(tmp_path: Path) -> None:
    names = {"primary": None, "common": [("en", "House"), ("zh-Hans", "楼")]}
    _, (feature,) = read(write(tmp_path / "b.parquet", [row(1, names=names)]))
    assert values(feature)["name"] == "楼"


def test_parts_hang_on_their_building_wherever_it_stands_in_the_file(tmp_path: Path) -> None:
    rows = [
        row(2, building_id="08f0001-aa", min_height=0.0, height=9.0),
        row(1),
        row(3, building_id="gone"),
    ]
    batch, found = read(write(tmp_path / "b.parquet", rows))
    assert [(f.kind, f.local) for f in found] == [
        ("Building", "08f0001-aa"),
        ("BuildingPart", "08f0002-aa"),
    ]
    assert found[1].relationships == {"building": ("Building", "08f0001-aa")}
    assert values(found[1])["min_height"] == 0.0
    assert batch.report.dropped["part-without-building"].examples == ["08f0003-aa"]


def test_what_cannot_be_used_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [
        row(1, height=-4.0),
        row(2, height=12000.0),
        row(3, is_underground=True),
        row(4) | {"geometry": None},
        row(5) | {"geometry": shapely.to_wkb(shapely.Point(121.5, 31.3))},
        row(6) | {"geometry": b"no geometry at all"},
    ]
    batch, found = read(write(tmp_path / "b.parquet", rows))
    assert [f.local for f in found] == ["08f0001-aa", "08f0002-aa"]
    assert all("height" not in f.attributes for f in found)
    counts = {reason: entry.count for reason, entry in batch.report.dropped.items()}
    assert counts == {
        "unreadable-tag-height": 2,
        "underground": 1,
        "no-geometry": 2,
        "wrong-geometry": 1,
    }


def test_other_systems_are_converted_and_unstated_ones_need_a_name(tmp_path: Path) -> None:
    def geo(crs: Any) -> dict[str, Any]:
        return {**GEO, "columns": {"geometry": {**GEO["columns"]["geometry"], "crs": crs}}}

    there = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32651", always_xy=True)
    flat = shapely.transform(outline(1), there.transform, interleaved=False)
    moved = row(1) | {"geometry": shapely.to_wkb(flat)}
    path = write(tmp_path / "a.parquet", [moved], geo=geo(pyproj.CRS(32651).to_json_dict()))
    (feature,) = read(path)[1]
    assert feature.geometry.equals_exact(outline(1), 1e-7)
    path = write(tmp_path / "b.parquet", [row(1)], geo=geo(None))
    refused(path, "maps.crs-needed")
    assert len(read(path, crs="WGS 84")[1]) == 1
    shifted = row(1) | {"geometry": shapely.to_wkb(shapely.transform(outline(1), wgs84_to_gcj02))}
    path = write(tmp_path / "c.parquet", [shifted])
    batch, (feature,) = read(path, crs="GCJ-02")
    assert feature.geometry.equals_exact(outline(1), 1e-7)
    assert any("GCJ-02" in english for _, english in batch.report.notes)


def test_swapped_coordinates_are_refused(tmp_path: Path) -> None:
    swapped = shapely.transform(outline(1), lambda points: points[:, ::-1])
    path = write(tmp_path / "b.parquet", [row(1) | {"geometry": shapely.to_wkb(swapped)}])
    refused(path, "maps.swapped-coordinates")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("id", pa.int64()),
        ("geometry", pa.string()),
        ("height", pa.string()),
        ("names", pa.string()),
        ("sources", pa.string()),
    ],
)
def test_columns_of_another_type_are_refused_by_name(
    tmp_path: Path, column: str, kind: pa.DataType
) -> None:
    schema = SCHEMA.set(SCHEMA.get_field_index(column), pa.field(column, kind))
    value: object = 7 if kind == pa.int64() else "7"
    path = write(tmp_path / "b.parquet", [row(1) | {column: value}], schema=schema)
    error = refused(path, "citymodel.not-overture")
    assert error.place is not None
    assert error.place.field == column


@pytest.mark.parametrize("column", ["id", "geometry"])
def test_a_table_without_its_main_columns_is_refused(tmp_path: Path, column: str) -> None:
    schema = SCHEMA.remove(SCHEMA.get_field_index(column))
    entry = {key: value for key, value in row(1).items() if key != column}
    refused(write(tmp_path / "b.parquet", [entry], schema=schema), "citymodel.not-overture")


@pytest.mark.parametrize(
    "geo",
    [{"columns": {}}, {"columns": []}, {"columns": {"geometry": {"encoding": "polygon"}}}],
)
def test_another_encoding_of_geometry_is_refused(tmp_path: Path, geo: dict[str, Any]) -> None:
    refused(write(tmp_path / "b.parquet", [row(1)], geo=geo), "citymodel.not-overture")


def test_ids_stand_once_and_are_not_empty(tmp_path: Path) -> None:
    error = refused(write(tmp_path / "a.parquet", [row(1), row(1)]), "maps.duplicate-id")
    assert error.place is not None
    assert (error.place.line, error.place.field) == (2, "id")
    refused(write(tmp_path / "b.parquet", [row(1) | {"id": None}]), "maps.empty-cell")


def test_a_damaged_or_empty_table_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [row(n) for n in range(200)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(path, "maps.unreadable")
    refused(write(tmp_path / "b.parquet", []), "maps.nothing-inside")
