"""A city model goes into the twin and comes out again, whole, with the twin's changes in it."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from city_model import ORIGIN, as_sequence, model, write

from lingjing.engine.city_models import FOLDER, CityExport, export_city_model
from lingjing.engine.districts import import_map
from lingjing.sources.batches import ImportReport
from lingjing.sources.cityjson import city_features
from lingjing.sources.cityjson_document import open_city_model
from lingjing.twin import Entity, SourceRecord, SqliteStore
from lingjing.vocabulary import Attribute, LingjingError, Provenance

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SEEN = Provenance("observed", "survey")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "twin.sqlite") as made:
        yield made


@pytest.fixture
def page() -> dict[str, Any]:
    return model()


def taken_in(store: SqliteStore, path: Path, folder: Path, **named: Any) -> None:
    import_map(store, path, pack="yangpu", name="block", data_dir=folder, now=NOW, **named)


def given_back(store: SqliteStore, folder: Path, **named: Any) -> tuple[CityExport, dict[str, Any]]:
    out = folder / "out.city.json"
    done = export_city_model(store, folder, "block", out, **named)
    return done, json.loads(out.read_bytes())


def put(store: SqliteStore, *entities: Entity, without: tuple[str, ...] = ()) -> None:
    """Change the map's entities in the twin, as an edit would."""
    record = next(item for item in store.sources("block") if item.name.startswith("map:"))
    held = {
        item.id: item
        for kind in ("Building", "BuildingPart")
        for item in store.entities("block", kind)
    }
    held |= {item.id: item for item in entities}
    for name in without:
        del held[f"urn:ngsi-ld:{name}"]
    store.import_entities(store.district("block"), record, held.values())


def changed(store: SqliteStore, name: str, **values: object) -> Entity:
    entity = store.entity(f"urn:ngsi-ld:{name}")
    added = {key: Attribute(value, SEEN) for key, value in values.items()}  # type: ignore[arg-type]
    return msgspec.structs.replace(entity, attributes={**entity.attributes, **added})


def test_an_export_gives_back_all_the_model_held(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    done, document = given_back(store, tmp_path)
    assert document == page
    assert list(document["CityObjects"]) == list(page["CityObjects"])
    assert done == CityExport(len(page["CityObjects"]), 0, 0, 0, "map:m")


def test_a_changed_attribute_is_written_where_it_was_read(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    put(
        store,
        changed(store, "Building:block:house", height=12.5, use="school", households=4.0),
        changed(store, "BuildingPart:block:wing", height=14.0),
    )
    done, document = given_back(store, tmp_path)
    expected = copy.deepcopy(page)
    expected["CityObjects"]["house"]["attributes"] |= {
        "measuredHeight": 12.5,
        "function": "school",
        "lingjing_households": 4.0,
    }
    expected["CityObjects"]["wing"]["attributes"] = {"measuredHeight": 14.0}
    assert document == expected
    assert done.changed == 2


def test_what_the_twin_no_longer_holds_is_left_out_with_its_parts(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    gone = ("Building:block:school", "BuildingPart:block:hall", "BuildingPart:block:wing")
    put(store, without=gone)
    done, document = given_back(store, tmp_path)
    assert done.removed == 3
    assert not {"school", "hall", "wing"} & document["CityObjects"].keys()
    assert document["CityObjects"]["block"]["children"] == ["house"]
    assert document["CityObjects"]["block"]["children_roles"] == ["dwelling"]
    assert document["CityObjects"]["house"] == page["CityObjects"]["house"]


def test_a_new_building_becomes_a_closed_block_that_is_read_again(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    near = store.entity("urn:ngsi-ld:Building:block:house").shape()
    shape = shapely.affinity.translate(near, 0.0, 0.0005)
    yard = shapely.Polygon(
        shape.exterior, [shapely.affinity.scale(shape, 0.4, 0.4).exterior.coords]
    )
    entity = Entity(
        "urn:ngsi-ld:Building:block:new",
        "Building",
        "block",
        shapely.to_wkb(yard),
        {"height": Attribute(21.0, SEEN), "name": Attribute("新楼", SEEN)},
    )
    put(store, entity)
    done, document = given_back(store, tmp_path)
    assert done.added == 1
    made = document["CityObjects"]["new"]
    assert made["attributes"] == {"measuredHeight": 21.0, "name": "新楼"}
    path = write(tmp_path / "again.city.json", document)
    again = open_city_model(path)
    features = {item.local: item for item in city_features(again, ImportReport())}
    assert features["new"].attributes["height"].value == 21.0
    assert features["new"].geometry.symmetric_difference(yard).area < 0.001 * yard.area
    # a closed shell: every edge is met once in each direction
    edges = [
        (a, b)
        for (ring, *holes) in made["geometry"][0]["boundaries"][0]
        for corners in (ring, *holes)
        for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)
    ]
    assert len(set(edges)) == len(edges)
    assert {(b, a) for a, b in edges} == set(edges)
    # outward: the volume by the divergence theorem is that of the prism
    points = np.array(document["vertices"]) * 0.001 + np.array(ORIGIN)
    volume = 0.0
    for face in made["geometry"][0]["boundaries"][0]:
        for ring in face:
            corners = points[ring] - points[made["geometry"][0]["boundaries"][0][0][0][0]]
            for one, two in itertools.pairwise(corners[1:]):
                volume += float(np.dot(corners[0], np.cross(one, two))) / 6.0
    area = features["new"].attributes["footprint_area"].value
    assert volume == pytest.approx(21.0 * float(area), rel=2e-3)


def test_a_redrawn_building_is_a_block_on_its_new_footprint(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    entity = store.entity("urn:ngsi-ld:Building:block:house")
    moved = shapely.affinity.translate(entity.shape(), 0.001, 0.0)
    put(store, msgspec.structs.replace(entity, geometry=shapely.to_wkb(moved)))
    done, document = given_back(store, tmp_path)
    assert done.changed == 1
    assert (
        document["CityObjects"]["house"]["attributes"]
        == (page["CityObjects"]["house"]["attributes"])
    )
    assert len(document["CityObjects"]["house"]["geometry"]) == 1
    again = open_city_model(write(tmp_path / "again.city.json", document))
    found = {item.local: item.geometry for item in city_features(again, ImportReport())}
    assert found["house"].symmetric_difference(moved).area < 0.001 * moved.area


def test_a_district_without_a_model_is_written_as_blocks(
    store: SqliteStore, tmp_path: Path
) -> None:
    box = shapely.box(121.5, 31.3, 121.5005, 31.3003)
    features = [
        {"type": "Feature", "properties": {"kind": kind, "id": kind, **more},
         "geometry": json.loads(shapely.to_geojson(shape))}
        for kind, shape, more in (
            ("Building", box, {"height_m": 18, "name": "甲楼"}),
            ("RoadSegment", shapely.LineString([(121.5, 31.2999), (121.501, 31.2999)]), {}),
        )
    ]  # fmt: skip
    path = tmp_path / "town.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    taken_in(store, path, tmp_path)
    done, document = given_back(store, tmp_path)
    assert (done.added, done.source) == (1, None)
    assert document["metadata"]["referenceSystem"].endswith("/32651")
    opened = open_city_model(write(tmp_path / "again.city.json", document))
    (again,) = city_features(opened, ImportReport())
    assert again.attributes["height"].value == 18.0
    assert again.attributes["name"].value == "甲楼"
    assert again.geometry.symmetric_difference(box).area < 0.001 * box.area


def test_parts_of_a_map_stand_in_for_their_building(store: SqliteStore, tmp_path: Path) -> None:
    houses = [shapely.box(121.5 + w, 31.3, 121.5005 + w, 31.3003) for w in (0.0, 0.001)]
    street = shapely.LineString([(121.5, 31.2999), (121.501, 31.2999)])
    features = [
        {"type": "Feature", "properties": {"kind": kind, "id": name, "height_m": height},
         "geometry": json.loads(shapely.to_geojson(shape))}
        for kind, name, height, shape in (
            ("Building", "a", 18, houses[0]), ("Building", "b", 9, houses[1]),
            ("RoadSegment", "r", None, street),
        )
    ]  # fmt: skip
    path = tmp_path / "town.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    taken_in(store, path, tmp_path)
    stands = {"building": "urn:ngsi-ld:Building:block:a"}
    high, flat = (
        Entity(
            f"urn:ngsi-ld:BuildingPart:block:{name}",
            "BuildingPart",
            "block",
            shapely.to_wkb(shape),
            {"min_height": Attribute(6.0, SEEN), **more},
            {"building": f"urn:ngsi-ld:Building:block:{whole}"},
        )
        for name, whole, shape, more in (
            ("p", "a", houses[0], {"height": Attribute(18.0, SEEN)}),
            ("q", "b", houses[1], {}),
        )
    )
    assert high.relationships == stands
    put(store, high, flat)
    _, document = given_back(store, tmp_path)
    objects = document["CityObjects"]
    assert objects["p"]["parents"] == ["a"]
    assert objects["a"]["children"] == ["p"]
    levels = {name: item["geometry"][0]["lod"] for name, item in objects.items()}
    # a part without a height cannot stand in for its building
    assert levels == {"a": "0", "b": "1", "p": "1", "q": "0"}
    points = np.array(document["vertices"])
    shell = objects["p"]["geometry"][0]["boundaries"]
    heights = points[_flat(shell), 2] * 0.001
    assert (heights.min(), heights.max()) == (6.0, 18.0)


def test_a_sequence_comes_back_as_one_document(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "m.city.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in as_sequence(page)), encoding="utf-8")
    taken_in(store, path, tmp_path)
    _, document = given_back(store, tmp_path)
    assert set(document["CityObjects"]) == set(page["CityObjects"])
    points = np.array(document["vertices"])
    for name, item in page["CityObjects"].items():
        mine = document["CityObjects"][name]
        assert mine.get("attributes") == item.get("attributes")
        for one, two in zip(mine.get("geometry", []), item.get("geometry", []), strict=True):
            assert one.get("semantics") == two.get("semantics")
            flat = [np.array(_flat(g["boundaries"])) for g in (one, two)]
            assert (points[flat[0]] == np.array(page["vertices"])[flat[1]]).all()


def _flat(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else [n for item in value for n in _flat(item)]


def test_the_system_named_at_the_import_is_used_for_the_export(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    del page["metadata"]["referenceSystem"]
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path, crs="EPSG:32651")
    _, document = given_back(store, tmp_path)
    assert document == page


def test_importing_again_keeps_one_file(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    page["CityObjects"]["house"]["attributes"]["measuredHeight"] = 8
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
    assert given_back(store, tmp_path)[1] == page


def test_an_export_without_the_kept_file_is_refused(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    for path in (tmp_path / FOLDER).iterdir():
        path.unlink()
    with pytest.raises(LingjingError) as caught:
        given_back(store, tmp_path)
    assert caught.value.code == "citymodel.not-kept"


def test_one_of_several_models_has_to_be_named(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    first = next(item for item in store.sources("block") if item.name == "map:m")
    second = SourceRecord("map:n", "block", "", "", "", first.imported_at, False, first.report)
    store.import_entities(store.district("block"), second, [])
    with pytest.raises(LingjingError) as caught:
        given_back(store, tmp_path)
    assert caught.value.code == "citymodel.which-model"
    assert given_back(store, tmp_path, source="map:m")[1] == page
    with pytest.raises(LingjingError) as caught:
        given_back(store, tmp_path, source="map:o")
    assert caught.value.code == "citymodel.no-source"


def test_a_file_that_cannot_be_written_is_refused(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    with pytest.raises(LingjingError) as caught:
        export_city_model(store, tmp_path, "block", tmp_path / "no" / "out.json")
    assert caught.value.code == "citymodel.cannot-write"


def test_data_outside_the_pack_keeps_its_own_name_and_bounds(
    store: SqliteStore, page: dict[str, Any], tmp_path: Path
) -> None:
    page["metadata"]["referenceSystem"] = "EPSG:32633"
    taken_in(store, write(tmp_path / "m.city.json", page), tmp_path)
    district = store.district("block")
    assert (district.title_zh, district.title_en) == ("block", "block")
    west, south, east, north = district.bounds
    assert 12.0 < west < east < 18.0
    assert 31.2 < south < north < 31.4
    record = next(item for item in store.sources("block") if item.name == "map:m")
    assert any(
        "outside the district of pack yangpu" in note["en"] for note in record.report["notes"]
    )


def test_a_table_in_the_overture_schema_makes_a_district_without_roads(
    store: SqliteStore, tmp_path: Path
) -> None:
    outlines = [shapely.box(121.5 + n, 31.28, 121.5005 + n, 31.2802) for n in (0.0, 0.001)]
    table = pa.table(
        {"id": ["a", "b"], "geometry": shapely.to_wkb(outlines).tolist(), "height": [9.0, None]}
    )
    path = tmp_path / "b.parquet"
    pq.write_table(table, path)
    taken_in(store, path, tmp_path, crs="WGS 84")
    assert store.counts("block")["Building"] == 2
    assert "RoadSegment" not in store.counts("block")
    (record,) = [item for item in store.sources("block") if item.name == "map:b"]
    assert any("holds no roads" in note["en"] for note in record.report["notes"])


@pytest.mark.real_data
def test_the_real_sample_comes_back_without_loss(
    store: SqliteStore, shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "maps" / "delft-3dbag.city.json"
    taken_in(store, path, tmp_path)
    one, two = json.loads(path.read_bytes()), given_back(store, tmp_path)[1]
    assert list(one) == list(two)
    assert list(one["CityObjects"]) == list(two["CityObjects"])

    def points(document: dict[str, Any]) -> np.ndarray:
        transform = document["transform"]
        return np.array(document["vertices"]) * transform["scale"] + transform["translate"]

    before, after = points(one), points(two)
    for name, item in one["CityObjects"].items():
        other = two["CityObjects"][name]
        assert {k: v for k, v in item.items() if k != "geometry"} == {
            k: v for k, v in other.items() if k != "geometry"
        }
        for mine, theirs in zip(item["geometry"], other["geometry"], strict=True):
            assert {k: v for k, v in mine.items() if k != "boundaries"} == {
                k: v for k, v in theirs.items() if k != "boundaries"
            }
            flat, again = _flat(mine["boundaries"]), _flat(theirs["boundaries"])
            assert (before[flat] == after[again]).all()
    house = next(iter(store.entities("block", "Building")))
    put(store, changed(store, house.id.removeprefix("urn:ngsi-ld:"), height=33.3))
    document = given_back(store, tmp_path)[1]
    local = house.id.rsplit(":", 1)[1]
    assert document["CityObjects"][local]["attributes"]["measuredHeight"] == 33.3
    document["CityObjects"][local]["attributes"]["measuredHeight"] = one["CityObjects"][local][
        "attributes"
    ]["measuredHeight"]
    assert document == one
