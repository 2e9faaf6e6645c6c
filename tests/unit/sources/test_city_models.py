"""CityJSON in: buildings, parts, footprints, heights, and every fault with its place."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from city_model import ORIGIN, as_sequence, gabled, house, model, write

from lingjing.sources import cityjson_document
from lingjing.sources.batches import Batch, Feature
from lingjing.sources.cityjson_document import open_city_model
from lingjing.sources.cityjson_faces import build, faces_of
from lingjing.sources.geometry import areas_m2
from lingjing.sources.maps import read_map, require_district_content
from lingjing.vocabulary import LingjingError


def read(path: Path, **named: Any) -> tuple[Batch, dict[str, Feature]]:
    batch = read_map(path, "map:test", **named)
    return batch, {feature.local: feature for feature in batch.features}


def values(feature: Feature) -> dict[str, object]:
    return {name: item.value for name, item in feature.attributes.items()}


@pytest.fixture
def page() -> dict[str, Any]:
    return model()


def test_a_building_brings_its_attributes_footprint_and_height(
    page: dict[str, Any], tmp_path: Path
) -> None:
    batch, found = read(write(tmp_path / "m.city.json", page))
    assert set(found) == {"house", "school", "hall", "wing"}
    assert batch.report.read["Road"] == 1
    assert batch.report.kept == {"Building": 2, "BuildingPart": 2}
    mine = values(found["house"])
    assert mine == {
        "name": "红砖楼 <1>",
        "use": "residential",
        "height": 9.2,
        "levels": 2.0,
        "construction_year": 1931.0,
        "roof_shape": "gabled",
        "address": "四平路 1239",
        "roof_height": 3.0,
        "footprint_area": pytest.approx(80.0, rel=1e-3),
    }
    assert found["house"].attributes["height"].provenance.kind == "imported"
    west, south, east, north = found["house"].geometry.bounds
    assert 121.4 < west < east < 121.6
    assert 31.2 < south < north < 31.4


def test_parts_have_their_own_heights_over_the_ground_of_their_building(
    page: dict[str, Any], tmp_path: Path
) -> None:
    _, found = read(write(tmp_path / "m.city.json", page))
    school, wing = found["school"], found["wing"]
    assert school.kind == "Building"
    # the wing stands 2 m higher than the hall, and touches it
    assert values(school)["height"] == 11.0
    assert school.attributes["height"].provenance.rule == "top-less-ground"
    assert values(school)["footprint_area"] == pytest.approx(160.0, rel=1e-3)
    assert wing.kind == "BuildingPart"
    assert wing.relationships == {"building": ("Building", "school")}
    assert values(wing)["height"] == 11.0
    assert values(wing)["min_height"] == 2.0
    assert "min_height" not in values(found["hall"])


def test_footprints_come_from_ground_surfaces_not_from_the_eaves(
    page: dict[str, Any], tmp_path: Path
) -> None:
    # eaves that stand out by 2 m to the south
    page["vertices"][4][1] -= 2000
    page["vertices"][5][1] -= 2000
    page["CityObjects"]["house"]["geometry"].pop(0)
    _, found = read(write(tmp_path / "a.city.json", page))
    assert values(found["house"])["footprint_area"] == pytest.approx(80.0, rel=1e-3)
    del page["CityObjects"]["house"]["geometry"][0]["semantics"]
    _, found = read(write(tmp_path / "b.city.json", page))
    # without semantics the shadow counts, eaves included
    assert values(found["house"])["footprint_area"] == pytest.approx(100.0, rel=1e-3)


def test_a_building_without_solids_has_a_footprint_and_no_height(
    page: dict[str, Any], tmp_path: Path
) -> None:
    item = page["CityObjects"]["house"]
    item["geometry"] = [item["geometry"][0]]
    del item["attributes"]["measuredHeight"]
    _, found = read(write(tmp_path / "m.city.json", page))
    assert "height" not in found["house"].attributes
    assert values(found["house"])["footprint_area"] == pytest.approx(80.0, rel=1e-3)


def test_courtyards_stay_open(page: dict[str, Any], tmp_path: Path) -> None:
    yard = [[round(1000 * n) for n in (x, y, 0)] for x, y in [(4, 3), (6, 3), (6, 5), (4, 5)]]
    page["vertices"] += yard
    page["CityObjects"]["house"]["geometry"] = [
        {"type": "MultiSurface", "lod": "0", "boundaries": [[[0, 1, 2, 3], [33, 32, 31, 30]]]}
    ]
    _, found = read(write(tmp_path / "m.city.json", page))
    assert len(found["house"].geometry.interiors) == 1
    assert values(found["house"])["footprint_area"] == pytest.approx(76.0, rel=1e-3)


def test_templates_are_placed_turned_and_scaled(page: dict[str, Any], tmp_path: Path) -> None:
    turned = [0, -2, 0, 5, 2, 0, 0, 7, 0, 0, 2, 1, 0, 0, 0, 1]
    page["CityObjects"]["tree 1"]["geometry"][0]["transformationMatrix"] = turned
    opened = open_city_model(write(tmp_path / "m.city.json", page))
    faces = faces_of(opened, [["tree 1"]])
    corner = faces.points[:3] - np.array(ORIGIN)
    assert corner == pytest.approx(np.array([[5, 7, 1], [5, 8, 9], [4, 7, 9]]))
    built = build(faces, 1, geographic=False)
    assert built.top[0] - ORIGIN[2] == pytest.approx(9.0)


def test_version_1_1_and_packed_files_are_read_alike(page: dict[str, Any], tmp_path: Path) -> None:
    page["version"] = "1.1"
    del page["CityObjects"]["block"]
    plain = write(tmp_path / "m.city.json", page)
    packed = tmp_path / "m.city.json.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    one, two = read(plain)[1], read(packed)[1]
    assert [(f.local, f.geometry.wkt) for f in one.values()] == [
        (f.local, f.geometry.wkt) for f in two.values()
    ]


def test_a_sequence_is_the_same_model(page: dict[str, Any], tmp_path: Path) -> None:
    whole = read(write(tmp_path / "m.city.json", page))[1]
    lines = as_sequence(page)
    path = tmp_path / "m.city.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    found = read(path)[1]
    assert {n: (f.geometry.wkt, values(f)) for n, f in found.items()} == {
        n: (f.geometry.wkt, values(f)) for n, f in whole.items()
    }
    # the third feature's material is moved on behind those of the two before it
    lines[2]["CityObjects"]["hall"]["geometry"][0]["material"] = {"visual": {"value": 0}}
    lines[2]["CityObjects"]["hall"]["geometry"][0]["texture"] = {
        "visual": {"values": [[[[0, 0, 1, 2]]]]}
    }
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    hall = open_city_model(path).objects["hall"]["geometry"][0]
    assert hall["material"] == {"visual": {"value": 1}}
    assert hall["texture"] == {"visual": {"values": [[[[1, 3, 4, 5]]]]}}
    assert hall["boundaries"][0][0] == [[40, 43, 42, 41]]


def test_the_vertical_unit_of_the_system_counts(page: dict[str, Any], tmp_path: Path) -> None:
    # heights in US survey feet: NAD83(2011) / New York Long Island + NAVD88
    page["metadata"]["referenceSystem"] = "EPSG:6539+6360"
    page["transform"]["translate"] = [985000.0, 200000.0, 10.0]
    _, found = read(write(tmp_path / "m.city.json", page))
    assert values(found["school"])["height"] == pytest.approx(11.0 * 0.3048, abs=0.01)


def test_a_model_in_degrees_keeps_its_areas(page: dict[str, Any], tmp_path: Path) -> None:
    page["metadata"]["referenceSystem"] = "https://www.opengis.net/def/crs/EPSG/0/4979"
    page["transform"] = {"scale": [1e-8, 1e-8, 0.001], "translate": [121.5, 31.3, 0.0]}
    _, found = read(write(tmp_path / "m.city.json", page))
    area = areas_m2(np.array([found["house"].geometry], dtype=object))[0]
    box = shapely.box(121.5, 31.3, 121.5 + 1e-4, 31.3 + 8e-5)
    assert area == pytest.approx(areas_m2(np.array([box], dtype=object))[0], rel=1e-3)


def test_a_model_without_a_system_needs_one_named(page: dict[str, Any], tmp_path: Path) -> None:
    del page["metadata"]["referenceSystem"]
    path = write(tmp_path / "m.city.json", page)
    with pytest.raises(LingjingError) as caught:
        read(path)
    assert caught.value.code == "citymodel.no-crs"
    assert caught.value.place is not None
    assert caught.value.place.field == "metadata.referenceSystem"
    _, found = read(path, crs="EPSG:32651")
    assert set(found) == {"house", "school", "hall", "wing"}


def test_a_system_named_against_the_declared_one_is_said(
    page: dict[str, Any], tmp_path: Path
) -> None:
    batch, _ = read(write(tmp_path / "m.city.json", page), crs="EPSG:32650")
    assert any("EPSG:32650" in english for _, english in batch.report.notes)


def test_a_wrong_zone_is_refused(page: dict[str, Any], tmp_path: Path) -> None:
    page["metadata"]["referenceSystem"] = "EPSG:28992"
    with pytest.raises(LingjingError) as caught:
        read(write(tmp_path / "m.city.json", page))
    assert caught.value.code == "maps.outside-area"


def test_unreadable_attributes_are_counted_and_the_geometry_answers(
    page: dict[str, Any], tmp_path: Path
) -> None:
    page["CityObjects"]["house"]["attributes"] |= {
        "measuredHeight": "tall",
        "storeysAboveGround": -3,
        "yearOfConstruction": "1931-05-01",
        "roofType": "unheard of",
    }
    batch, found = read(write(tmp_path / "m.city.json", page))
    assert batch.report.dropped["unreadable-tag-measuredHeight"].count == 1
    assert batch.report.dropped["unreadable-tag-storeysAboveGround"].count == 1
    mine = values(found["house"])
    assert mine["height"] == 9.0
    assert mine["construction_year"] == 1931.0
    assert "levels" not in mine
    assert "roof_shape" not in mine


def test_buildings_that_cannot_be_drawn_are_left_out_with_a_reason(
    page: dict[str, Any], tmp_path: Path
) -> None:
    page["CityObjects"]["house"]["geometry"] = []
    batch, found = read(write(tmp_path / "m.city.json", page))
    assert set(found) == {"school", "hall", "wing"}
    assert batch.report.dropped["no-geometry"].examples == ["house"]


def test_a_model_without_buildings_is_refused(page: dict[str, Any], tmp_path: Path) -> None:
    for name in ("house", "school", "hall", "wing", "block"):
        del page["CityObjects"][name]
    with pytest.raises(LingjingError) as caught:
        read(write(tmp_path / "m.city.json", page))
    assert caught.value.code == "citymodel.no-buildings"


def test_a_model_makes_a_district_without_roads_and_says_so(
    page: dict[str, Any], tmp_path: Path
) -> None:
    batch, _ = read(write(tmp_path / "m.city.json", page))
    with pytest.raises(LingjingError, match="no-roads"):
        require_district_content(batch.report)
    require_district_content(batch.report, roads=False)
    assert any("no roads" in english for _, english in batch.report.notes)


def put(*path: str | int, value: Any) -> Any:
    """A fault: the value at a path of the document replaced."""

    def apply(page: dict[str, Any]) -> None:
        at: Any = page
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return apply


HOUSE = ("CityObjects", "house")
SOLID = (*HOUSE, "geometry", 1)
INSTANCE = ("CityObjects", "tree 1", "geometry", 0)


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        (put("transform", value=None), "transform"),
        (put("transform", "scale", value=[0.001, 0, 0.001]), "transform.scale"),
        (put("transform", "translate", value=[1, 2]), "transform.translate"),
        (put("vertices", 7, value=[1, 2]), "vertices[7]"),
        (put("vertices", 7, value=[1, 2, 3.5]), "vertices[7]"),
        (put("vertices", 7, value=[1, 2, 2**70]), "vertices[7]"),
        (put("vertices", 7, value="x"), "vertices[7]"),
        (put("vertices", value={}), "vertices"),
        (put("CityObjects", value=[]), "CityObjects"),
        (put("CityObjects", "house", value=7), "CityObjects.house"),
        (put("metadata", value=[]), "metadata"),
        (put(*HOUSE, "type", value="Castle"), "CityObjects.house.type"),
        (put(*HOUSE, "attributes", value=[]), "CityObjects.house.attributes"),
        (put(*HOUSE, "geometry", value={}), "CityObjects.house.geometry"),
        (put("CityObjects", "hall", "parents", value=[]), "CityObjects.school.children[0]"),
        (put("CityObjects", "hall", "parents", value=["gone"]), "CityObjects.school.children[0]"),
        (
            put("CityObjects", "school", "children", value=["gone"]),
            "CityObjects.school.children[0]",
        ),
        (put("CityObjects", "school", "children", value=7), "CityObjects.school.children"),
        (put(*SOLID, "type", value="Blob"), "CityObjects.house.geometry[1].type"),
        (put(*SOLID, "lod", value=2), "CityObjects.house.geometry[1].lod"),
        (put(*SOLID, "boundaries", value=None), "CityObjects.house.geometry[1].boundaries"),
        (put(*SOLID, "boundaries", 0, 3, value=7), "CityObjects.house.geometry[1].boundaries"),
        (
            put(*SOLID, "boundaries", 0, 3, 0, value=[0, 1]),
            "CityObjects.house.geometry[1].boundaries",
        ),
        (
            put(*SOLID, "boundaries", 0, 3, 0, value=[0, 1, 99]),
            "CityObjects.house.geometry[1].boundaries",
        ),
        (
            put(*SOLID, "boundaries", 0, 3, 0, value=[0, 1, -1]),
            "CityObjects.house.geometry[1].boundaries",
        ),
        (
            put(*SOLID, "semantics", "values", value=[[0]]),
            "CityObjects.house.geometry[1].semantics.values",
        ),
        (
            put(*SOLID, "semantics", "values", 0, 2, value=3),
            "CityObjects.house.geometry[1].semantics.values",
        ),
        (
            put(*SOLID, "semantics", "surfaces", value=[{}]),
            "CityObjects.house.geometry[1].semantics.surfaces",
        ),
        (put(*INSTANCE, "template", value=1), "CityObjects.tree 1.geometry[0].template"),
        (put(*INSTANCE, "boundaries", value=[99]), "CityObjects.tree 1.geometry[0].boundaries"),
        (
            put(*INSTANCE, "transformationMatrix", value=[1]),
            "CityObjects.tree 1.geometry[0].transformationMatrix",
        ),
        (
            put("geometry-templates", "templates", 0, "boundaries", 0, 0, 0, value=3),
            "geometry-templates.templates[0].boundaries",
        ),
        (
            put("geometry-templates", "vertices-templates", 0, value=[0]),
            "geometry-templates.vertices-templates",
        ),
    ],
)
def test_a_fault_is_refused_where_it_lies(
    page: dict[str, Any], tmp_path: Path, fault: Any, place: str
) -> None:
    fault(page)
    path = write(tmp_path / "m.city.json", page)
    with pytest.raises(LingjingError) as caught:
        read(path)
    assert caught.value.code == "citymodel.malformed"
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.field) == (str(path), place)
    for locale in ("zh-CN", "en"):
        assert place in caught.value.what(locale)  # type: ignore[arg-type]


def test_families_in_a_circle_are_refused(page: dict[str, Any], tmp_path: Path) -> None:
    page["CityObjects"]["hall"] |= {"parents": ["wing"], "children": ["wing"]}
    page["CityObjects"]["wing"] |= {"parents": ["hall"], "children": ["hall"]}
    page["CityObjects"]["school"]["children"] = []
    with pytest.raises(LingjingError) as caught:
        read(write(tmp_path / "m.city.json", page))
    assert caught.value.code == "citymodel.malformed"
    assert caught.value.place is not None
    assert caught.value.place.field == "CityObjects.hall.parents"


@pytest.mark.parametrize("version", ["1.0", "3.0", 2.0, None])
def test_other_versions_are_refused(page: dict[str, Any], tmp_path: Path, version: object) -> None:
    page["version"] = version
    with pytest.raises(LingjingError) as caught:
        read(write(tmp_path / "m.city.json", page))
    assert caught.value.code == "citymodel.version"


def test_a_model_cut_short_is_refused(page: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "m.city.json", page)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LingjingError) as caught:
        read(path)
    assert caught.value.code == "maps.bad-json"
    packed = tmp_path / "m.city.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(page).encode())[:-40])
    with pytest.raises(LingjingError) as caught:
        read(packed)
    assert caught.value.code == "maps.truncated"


def test_a_model_nested_without_end_is_refused(page: dict[str, Any], tmp_path: Path) -> None:
    text = json.dumps(page)
    path = tmp_path / "m.city.json"
    path.write_text(text[:-1] + ',"x":' + "[" * 200_000 + "]" * 200_000 + "}", encoding="utf-8")
    with pytest.raises(LingjingError) as caught:
        read(path)
    assert caught.value.code == "citymodel.malformed"


def test_a_huge_model_is_refused_unopened(
    page: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "m.city.json", page)
    packed = tmp_path / "m.city.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(cityjson_document, "LARGEST_BYTES", 2**11)
    for one in (path, packed):
        with pytest.raises(LingjingError) as caught:
            read(one)
        assert caught.value.code == "citymodel.too-large"


def test_a_faulty_line_of_a_sequence_is_named(page: dict[str, Any], tmp_path: Path) -> None:
    lines = [json.dumps(line) for line in as_sequence(page)]
    path = tmp_path / "m.city.jsonl"
    for number, text, code in (
        (2, '{"type": "CityJSON"}', "citymodel.malformed"),
        (3, lines[2][:-5], "maps.bad-json"),
        (3, lines[1], "maps.duplicate-id"),
        (2, '{"type": "CityJSONFeature", "vertices": {}}', "citymodel.malformed"),
    ):
        broken = copy.copy(lines)
        broken[number - 1] = text
        path.write_text("\n".join(broken), encoding="utf-8")
        with pytest.raises(LingjingError) as caught:
            read(path)
        assert caught.value.code == code
        assert caught.value.place is not None
        assert caught.value.place.line == number


def test_ids_that_an_urn_cannot_hold_are_written_otherwise(
    page: dict[str, Any], tmp_path: Path
) -> None:
    page["CityObjects"]["{楼} 7"] = {
        "type": "Building",
        "geometry": [gabled(0)],
    }
    _, found = read(write(tmp_path / "m.city.json", page))
    assert "x__7b__697c__7d__20_7" in found


def test_the_sample_is_what_it_says() -> None:
    assert len(house(0, 0)) == 10


@pytest.mark.real_data
def test_every_building_of_the_real_sample_has_its_footprint_and_height(
    shared_data: Path,
) -> None:
    path = shared_data / "maps" / "delft-3dbag.city.json"
    batch, found = read(path)
    assert batch.report.kept == {"Building": 160}
    assert batch.report.dropped == {}
    document = json.loads(path.read_bytes())
    scale, origin = (np.array(document["transform"][n]) for n in ("scale", "translate"))
    points = np.array(document["vertices"]) * scale + origin
    for name, feature in found.items():
        stated = document["CityObjects"][name]["attributes"].get("measuredHeight")
        if stated is not None:
            assert feature.attributes["height"].value == stated
        assert feature.geometry.is_valid
        shells = document["CityObjects"][name]["geometry"][0]["boundaries"]
        mine = points[[i for shell in shells for face in shell for ring in face for i in ring]]
        # no footprint is larger than the box around all of the building's points
        east, north = np.ptp(mine[:, 0]), np.ptp(mine[:, 1])
        assert 0 < feature.attributes["footprint_area"].value <= east * north * 1.001
        assert 4.36 < feature.geometry.centroid.x < 4.375
        assert 52.009 < feature.geometry.centroid.y < 52.014
