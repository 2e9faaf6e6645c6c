"""An import looks at what the district holds, says what it finds, and converts nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from city_model import model
from city_model import write as write_model

from lingjing.engine.city_models import export_city_model
from lingjing.engine.districts import DistrictImport, import_map
from lingjing.sources.batches import ImportReport
from lingjing.sources.cityjson import city_features
from lingjing.sources.cityjson_document import open_city_model
from lingjing.sources.coordinates import wgs84_to_gcj02
from lingjing.twin import SqliteStore
from lingjing.vocabulary import LingjingError

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
WEST, SOUTH = 121.50, 31.28


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "twin.sqlite") as made:
        yield made


def houses(count: int = 40) -> list[shapely.Polygon]:
    rng = np.random.default_rng(4)
    found = []
    for number in range(count):
        west, south = WEST + (number % 8) * 8e-4, SOUTH + (number // 8) * 8e-4
        wide, deep = rng.uniform(1.5e-4, 5e-4, 2)
        found.append(shapely.box(west, south, west + wide, south + deep))
    return found


def feature(kind: str, identity: str, shape: Any, **more: object) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind, "id": identity, **more},
        "geometry": json.loads(shapely.to_geojson(shape)),
    }


def street(south: float = SOUTH - 1e-4) -> dict[str, Any]:
    line = shapely.LineString([(WEST, south), (WEST + 0.006, south)])
    return feature("RoadSegment", "r1", line, road_class="secondary")


def write(path: Path, features: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def a_map(path: Path, shapes: list[Any], first: str = "a") -> Path:
    return write(
        path, [*(feature("Building", f"{first}{n}", s) for n, s in enumerate(shapes)), street()]
    )


def imported(store: SqliteStore, path: Path, **named: Any) -> tuple[DistrictImport, str]:
    done = import_map(store, path, pack="yangpu", name="d", now=NOW, **named)
    return done, " ".join(note["en"] for note in done.sources[0].report["notes"])


@pytest.fixture
def filled(store: SqliteStore, tmp_path: Path) -> SqliteStore:
    _, notes = imported(store, a_map(tmp_path / "first.geojson", houses()))
    assert "Compared" not in notes
    return store


def test_the_same_town_again_is_said_to_agree(filled: SqliteStore, tmp_path: Path) -> None:
    done, notes = imported(filled, a_map(tmp_path / "second.geojson", houses(), "b"))
    assert "the coordinates agree" in notes
    assert done.counts["Building"] == 40
    assert done.sources[0].report["comparison"]["verdict"] == "alike"


def test_a_shift_is_said_with_its_system_and_nothing_is_converted(
    filled: SqliteStore, tmp_path: Path
) -> None:
    shifted = [shapely.transform(shape, wgs84_to_gcj02) for shape in houses()]
    done, notes = imported(filled, a_map(tmp_path / "second.geojson", shifted, "b"))
    assert "as far as GCJ-02 shifts" in notes
    assert "south-east" in notes
    assert "Nothing was converted" in notes
    assert "import again with --crs GCJ-02" in notes
    kept = filled.entity("urn:ngsi-ld:Building:d:b0").shape()
    assert kept.equals_exact(shifted[0], 1e-9)
    zh = " ".join(note["zh-CN"] for note in done.sources[0].report["notes"])
    assert "偏东南" in zh
    _, notes = imported(filled, a_map(tmp_path / "third.geojson", houses(), "c"))
    assert "it is what was there that seems to be in GCJ-02" in notes


def test_another_place_is_said_with_its_distance(filled: SqliteStore, tmp_path: Path) -> None:
    away = [shapely.affinity.translate(shape, 0.1, 0.0) for shape in houses()]
    _, notes = imported(filled, a_map(tmp_path / "second.geojson", away, "b"))
    assert "share no ground" in notes
    assert "9.5 km" in notes


def test_exchanged_axes_are_refused_and_the_district_stays(
    store: SqliteStore, tmp_path: Path
) -> None:
    # in the south-west of China both orders are on Earth; only what is there can tell
    here = [shapely.affinity.translate(s, 80.0 - WEST, 30.0 - SOUTH) for s in houses()]
    imported(store, a_map(tmp_path / "first.geojson", here))
    swapped = [shapely.transform(shape, lambda points: points[:, ::-1]) for shape in here]
    with pytest.raises(LingjingError) as caught:
        imported(store, a_map(tmp_path / "second.geojson", swapped, "b"))
    assert caught.value.code == "maps.swapped-coordinates"
    assert [item.name for item in store.sources("d")][1] == "map:first"


def test_doubles_in_one_file_are_said_and_kept(store: SqliteStore, tmp_path: Path) -> None:
    shapes = houses()
    done, notes = imported(store, a_map(tmp_path / "a.geojson", [*shapes, shapes[3]]))
    assert "1 buildings of the file lie on another" in notes
    assert "a40" in notes
    assert done.counts["Building"] == 41


def test_adding_keeps_what_is_there_and_leaves_out_what_stands_already(
    filled: SqliteStore, tmp_path: Path
) -> None:
    before = filled.counts("d")
    new = [shapely.affinity.translate(shape, 0.0, 0.006) for shape in houses(10)]
    path = a_map(tmp_path / "more.geojson", [*houses()[:30], *new], "b")
    done, notes = imported(filled, path, add=True)
    assert done.counts["Building"] == 50
    assert done.counts["RoadSegment"] == 1  # the street has the same id as the one there
    dropped = {item["reason"]: item["count"] for item in done.sources[0].report["dropped"]}
    assert dropped["stands-already"] == 31
    assert done.counts["MeterBox"] > before["MeterBox"]
    assert done.counts["Depot"] == before["Depot"]
    assert "the coordinates agree" in notes
    assert {item.name for item in filled.sources("d")} == {
        *("map:first", "map:more", "stock-model", "stock-model:more", "depot-plan"),
    }
    north = filled.district("d").bounds[3]
    assert north > SOUTH + 0.006


def test_adding_the_same_file_again_changes_nothing(filled: SqliteStore, tmp_path: Path) -> None:
    new = [shapely.affinity.translate(shape, 0.0, 0.006) for shape in houses(10)]
    path = a_map(tmp_path / "more.geojson", new, "b")
    imported(filled, path, add=True)
    before = [(item.id, item.geometry) for item in filled.entities("d")]
    imported(filled, path, add=True)
    assert [(item.id, item.geometry) for item in filled.entities("d")] == before


def test_adding_to_nothing_is_an_import(store: SqliteStore, tmp_path: Path) -> None:
    done, _ = imported(store, a_map(tmp_path / "first.geojson", houses()), add=True)
    assert done.counts["Building"] == 40
    assert done.counts["Depot"] == 4


def test_what_is_added_needs_no_roads(filled: SqliteStore, tmp_path: Path) -> None:
    new = [shapely.affinity.translate(shape, 0.0, 0.006) for shape in houses(10)]
    features = [feature("Building", f"n{n}", shape) for n, shape in enumerate(new)]
    done, _ = imported(filled, write(tmp_path / "more.geojson", features), add=True)
    assert done.counts["Building"] == 50


def test_adding_what_stands_already_adds_nothing(filled: SqliteStore, tmp_path: Path) -> None:
    before = filled.counts("d")
    done, _ = imported(filled, a_map(tmp_path / "copy.geojson", houses(), "b"), add=True)
    assert done.counts == before
    dropped = {item["reason"]: item["count"] for item in done.sources[0].report["dropped"]}
    assert dropped["stands-already"] == 41


def test_a_model_that_was_added_comes_back_whole_and_once(
    store: SqliteStore, tmp_path: Path
) -> None:
    page = model()
    path = write_model(tmp_path / "m.city.json", page)
    opened = open_city_model(path)
    given = {item.local: item.geometry for item in city_features(opened, ImportReport())}
    other = shapely.affinity.translate(given["house"], 0.0, 0.001)
    imported(store, a_map(tmp_path / "first.geojson", [given["house"], other]))
    done, _ = imported(store, path, add=True, data_dir=tmp_path)
    assert done.counts["Building"] == 3
    out = tmp_path / "out.city.json"
    export = export_city_model(store, tmp_path, "d", out)
    document = json.loads(out.read_bytes())
    # the house stands once, as the model draws it; the house only the map knew is added
    added = document["CityObjects"].keys() - page["CityObjects"].keys()
    assert added == {"a1"}
    assert document["CityObjects"]["house"] == page["CityObjects"]["house"]
    assert (export.changed, export.added, export.removed) == (0, 1, 0)
