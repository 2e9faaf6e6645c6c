"""Tiles of a district: kept, given out, and made anew only where something changed."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
import shapely

from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.tiles import FOLDER, Tiles, build_tiles
from lingjing.engine.tiles_file import TileFile
from lingjing.engine.tiles_keeping import TileLayer
from lingjing.twin import SqliteStore
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.vocabulary import Attribute, EntityId, LingjingError, Provenance

NAME = "quarter"
WEST, SOUTH, STEP = 121.500, 31.270, 0.002
SIDE = 12
SURVEYED = Provenance("imported", "survey")
GUESSED = Provenance("inferred", "model", rule="height", confidence=0.5)


def building(column: int, row: int, height: float, made: Provenance = SURVEYED) -> Entity:
    west, south = WEST + column * STEP, SOUTH + row * STEP
    return Entity(
        str(EntityId("Building", NAME, f"b{row:02}-{column:02}")),
        "Building",
        NAME,
        shapely.to_wkb(shapely.box(west, south, west + STEP / 5, south + STEP / 5)),
        {"height": Attribute(height, made), "use": Attribute("residential", SURVEYED)},
    )


def quarter(changed: dict[tuple[int, int], float] | None = None) -> list[Entity]:
    heights = changed or {}
    return [
        building(column, row, heights.get((column, row), 12.0))
        for row in range(SIDE)
        for column in range(SIDE)
    ]


def put(store: SqliteStore, entities: list[Entity], at: str = "2024-01-01T00:00:00Z") -> None:
    district = District(NAME, "none", "小区", "Quarter", {}, (0, 0, 1, 1), False, at)
    source = SourceRecord("survey", NAME, "© survey", "none", "0", at, False, {})
    store.import_entities(district, source, entities)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "twin.sqlite") as made:
        put(made, quarter())
        yield made


@pytest.fixture
def tiles(tmp_path: Path, store: SqliteStore) -> Iterator[Tiles]:
    made = Tiles(tmp_path, lambda: store)
    yield made
    made.close()


def features(layer: TileLayer, zoom: int, x: int, y: int) -> list[dict[str, Any]]:
    body = layer.tile(zoom, x, y)
    if body is None:
        return []
    options = {"y_coord_down": True}
    found = mapbox_vector_tile.decode(gzip.decompress(body), default_options=options)
    return list(found[layer.layer.name]["features"])


def kept(path: Path) -> dict[tuple[int, int, int], bytes]:
    """What is stored, read as any program reads MBTiles."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles"
        ).fetchall()
    connection.close()
    return {(z, x, (1 << z) - 1 - y): body for z, x, y, body in rows}


def file_of(tmp_path: Path, layer: str = "buildings") -> Path:
    return tmp_path / FOLDER / NAME / f"{layer}.mbtiles"


def tile_at(zoom: int, longitude: float, latitude: float) -> tuple[int, int, int]:
    import numpy as np

    (point,) = geometry.projected(np.array([shapely.Point(longitude, latitude)]))
    return zoom, int(point.x * 2**zoom), int(point.y * 2**zoom)


def test_every_building_is_in_the_tile_over_it_with_what_is_known_of_it(tiles: Tiles) -> None:
    layer = tiles.layer(NAME, "buildings")
    middle = WEST + 5 * STEP + STEP / 10, SOUTH + 3 * STEP + STEP / 10
    found = {item["id"]: item for item in features(layer, *tile_at(16, *middle))}
    number = tiles.numbering(NAME, "buildings").of([building(5, 3, 0).id])[0]
    assert number == 3 * SIDE + 5  # the row among all, in order of id
    assert found[number]["properties"] == {
        "id": building(5, 3, 0).id,
        "kind": "Building",
        "class": "residential",
        "height_m": 12,
    }


def test_a_guessed_height_is_marked(tiles: Tiles, store: SqliteStore) -> None:
    put(store, [building(0, 0, 9.3, GUESSED), building(0, 1, 9.3)])
    layer = tiles.layer(NAME, "buildings")
    found = {
        item["id"]: item["properties"].get("height_estimated")
        for item in features(layer, *tile_at(11, WEST, SOUTH))
    }
    assert found == {0: True, 1: None}


def test_made_at_once_and_made_when_asked_for_are_the_same_bytes(
    tmp_path: Path, store: SqliteStore, tiles: Tiles
) -> None:
    other = tmp_path / "other"
    build_tiles(other, store, NAME, ["buildings"])
    every = kept(other / FOLDER / NAME / "buildings.mbtiles")
    assert len(every) > 30
    layer = tiles.layer(NAME, "buildings")
    assert {at: layer.tile(*at) for at in every} == every


def test_a_tile_without_anything_is_empty_before_and_after_building(tiles: Tiles) -> None:
    layer = tiles.layer(NAME, "buildings")
    assert layer.tile(14, 0, 0) is None
    layer.build()
    assert layer.tile(14, 0, 0) is None
    assert layer.tile(3, 6, 3) is None  # no tiles of that level


def test_one_change_makes_only_the_tiles_under_it_anew(
    tmp_path: Path, store: SqliteStore, tiles: Tiles
) -> None:
    layer = tiles.layer(NAME, "buildings")
    layer.build()
    before = kept(file_of(tmp_path))
    built = layer.encoded
    put(store, quarter({(5, 3): 99.0}))
    layer.urge()
    layer.build()
    after = kept(file_of(tmp_path))
    changed = {at for at in before if before[at] != after[at]}
    place = WEST + 5 * STEP, SOUTH + 3 * STEP
    assert {tile_at(zoom, *place) for zoom in range(11, 17)} <= changed
    assert layer.encoded - built == len(changed)
    assert len(changed) < len(before) / 3
    assert after.keys() == before.keys()


def test_what_moved_is_gone_where_it_was_and_there_where_it_is(
    tiles: Tiles, store: SqliteStore
) -> None:
    layer = tiles.layer(NAME, "buildings")
    layer.build()
    old, new = tile_at(16, WEST, SOUTH), tile_at(16, WEST + 30 * STEP, SOUTH)
    moved = building(30, 0, 12.0)
    rest = quarter()[1:]
    put(store, [Entity(building(0, 0, 0).id, "Building", NAME, moved.geometry, {}), *rest])
    layer.urge()
    assert 0 not in {item["id"] for item in features(layer, *old)}
    assert [item["id"] for item in features(layer, *new)] == [0]


def test_numbers_stay_with_what_is_left(tiles: Tiles, store: SqliteStore) -> None:
    before = tiles.numbering(NAME, "buildings")
    gone, come = building(0, 0, 0).id, building(40, 0, 5.0)
    put(store, [*quarter()[1:], come])
    tiles.layer(NAME, "buildings").urge()
    after = tiles.numbering(NAME, "buildings")
    assert after.version != before.version
    assert after.following == before.following + 1
    assert after.of([gone, come.id]).tolist() == [-1, before.following]
    rest = [item.id for item in quarter()[1:]]
    assert after.of(rest).tolist() == before.of(rest).tolist()


def test_numbers_are_given_anew_where_most_have_gone_unused(
    tiles: Tiles, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles.layer(NAME, "buildings").build()
    for round_ in range(2, 12):
        put(store, [building(column, round_ * SIDE, 5.0) for column in range(150)])
        tiles.layer(NAME, "buildings").urge()
        numbering = tiles.numbering(NAME, "buildings")
        assert numbering.following <= 2 * 150 + 1000 + 150
    assert len(numbering.ids) == 150


def test_tiles_outlive_the_server(tmp_path: Path, store: SqliteStore) -> None:
    build_tiles(tmp_path, store, NAME)
    again = Tiles(tmp_path, lambda: store)
    layer = again.layer(NAME, "buildings")
    assert layer.tile(*tile_at(16, WEST, SOUTH))
    layer.build()
    assert layer.encoded == 0
    put(store, quarter({(5, 3): 99.0}))  # while no server looks
    again.close()
    report = {item["layer"]: item for item in build_tiles(tmp_path, store, NAME)}
    assert 0 < report["buildings"]["encoded"] < report["buildings"]["tiles"] / 3
    assert report["roads"]["features"] == 0


def test_another_twin_in_the_same_folder_does_not_get_the_old_tiles(tmp_path: Path) -> None:
    for round_, height in enumerate((10.0, 20.0)):
        with SqliteStore(tmp_path / "twin.sqlite") as store:
            put(store, [building(0, 0, height)], at=f"2024-01-0{round_ + 1}T00:00:00Z")
            tiles = Tiles(tmp_path, lambda: store)
            (feature,) = features(tiles.layer(NAME, "buildings"), *tile_at(16, WEST, SOUTH))
            assert feature["properties"]["height_m"] == height
            tiles.close()
        for path in tmp_path.glob("twin.sqlite*"):
            path.unlink()


def test_a_district_that_is_gone_leaves_no_files(
    tmp_path: Path, store: SqliteStore, tiles: Tiles
) -> None:
    layer = tiles.layer(NAME, "buildings")
    layer.build()
    store.forget_district(NAME)
    layer.urge()
    with pytest.raises(LingjingError) as caught:
        tiles.tile(NAME, "buildings", *tile_at(16, WEST, SOUTH))
    assert caught.value.code == "twin.no-district"
    assert not file_of(tmp_path).exists()


def test_an_empty_district_has_tiles_without_anything(tiles: Tiles, store: SqliteStore) -> None:
    store.put_district(District("bare", "none", "空", "Bare", {}, (0, 0, 1, 1), False, "now"))
    about = tiles.description("bare", "buildings")
    assert about["features"] == about["numbers"] == 0
    tiles.build("bare")
    assert tiles.tile("bare", "buildings", 14, 13_720, 6_690) is None


def test_the_file_says_what_it_holds(tmp_path: Path, store: SqliteStore) -> None:
    build_tiles(tmp_path, store, NAME, ["buildings"])
    with sqlite3.connect(file_of(tmp_path)) as connection:
        metadata = dict(connection.execute("SELECT name, value FROM metadata"))
    connection.close()
    assert metadata["format"] == "pbf"
    assert (metadata["minzoom"], metadata["maxzoom"]) == ("11", "16")
    assert metadata["attribution"] == "© survey"
    (layer,) = json.loads(metadata["json"])["vector_layers"]
    assert layer["fields"] == {
        "id": "String", "kind": "String", "class": "String", "height_m": "Number",
    }  # fmt: skip
    west, south, east, north = (float(part) for part in metadata["bounds"].split(","))
    assert (west, south) == pytest.approx((WEST, SOUTH), abs=1e-6)
    assert east == pytest.approx(WEST + 11.2 * STEP, abs=1e-6)
    assert north == pytest.approx(SOUTH + 11.2 * STEP, abs=1e-6)


def test_many_asking_at_once_get_the_same_and_it_is_made_once(tiles: Tiles) -> None:
    layer = tiles.layer(NAME, "buildings")
    at = tile_at(14, WEST, SOUTH)
    found: list[bytes | None] = []
    threads = [threading.Thread(target=lambda: found.append(layer.tile(*at))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0]


def test_a_broken_file_of_tiles_says_so(tmp_path: Path, tiles: Tiles) -> None:
    path = file_of(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LingjingError) as caught:
        tiles.layer(NAME, "buildings")
    assert caught.value.code == "tiles.cannot-open"
    with pytest.raises(LingjingError) as caught:
        TileFile(path / "below" / "a-file")
    assert caught.value.code == "tiles.cannot-open"


@pytest.mark.parametrize("at", [(23, 0, 0), (-1, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0)])
def test_tiles_beyond_the_map_are_refused(tiles: Tiles, at: tuple[int, int, int]) -> None:
    with pytest.raises(LingjingError) as caught:
        tiles.tile(NAME, "buildings", *at)
    assert caught.value.code == "tiles.out-of-range"


def test_a_folder_that_cannot_be_written_still_gives_tiles(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lingjing.engine.tiles.os.access", lambda *_: False)
    tiles = Tiles(tmp_path, lambda: store)
    assert tiles.tile(NAME, "buildings", *tile_at(16, WEST, SOUTH))
    tiles.close()
    assert not (tmp_path / FOLDER).exists()
    shutil.rmtree(tmp_path / FOLDER, ignore_errors=True)


def test_tiles_can_be_had_while_all_are_being_made(
    tiles: Tiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lingjing.engine.tiles_keeping._LOOK_S", 60.0)
    layer = tiles.layer(NAME, "buildings")
    at = tile_at(16, WEST, SOUTH)
    begun, go_on = threading.Event(), threading.Event()
    make = layer._make

    def slow(zoom: int, wanted: Any) -> None:
        make(zoom, wanted)
        if zoom == 11 and threading.current_thread() is builder:
            layer._lock.release()  # as between two lots
            begun.set()
            go_on.wait(30)
            layer._lock.acquire()

    monkeypatch.setattr(layer, "_make", slow)
    builder = threading.Thread(target=layer.build)
    builder.start()
    assert begun.wait(30)
    assert layer.tile(*at)
    assert not layer.quick(14, 0, 0)[0]  # whether it is empty is not known yet
    go_on.set()
    builder.join(30)
    assert layer.quick(14, 0, 0) == (True, None)


def test_an_import_while_tiles_are_made_leaves_none_out_of_date(
    tiles: Tiles, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = tiles.layer(NAME, "buildings")
    make, levels = layer._make, []

    def meddling(zoom: int, wanted: Any) -> None:
        make(zoom, wanted)
        levels.append(zoom)
        if levels == [11, 12]:
            put(store, quarter({(5, 3): 99.0}))
            layer.urge()
            layer.refresh()

    monkeypatch.setattr(layer, "_make", meddling)
    layer.build()
    for zoom in range(11, 17):
        heights = {
            item["properties"]["height_m"]
            for item in features(layer, *tile_at(zoom, WEST + 5 * STEP, SOUTH + 3 * STEP))
        }
        assert 99 in heights, zoom
    assert levels.count(11) == 2
