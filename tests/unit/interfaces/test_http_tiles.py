"""Vector tiles as a map asks for them."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
import sample_district as sample
import shapely
from asgi_client import Client

from lingjing.engine import tiles_geometry as geometry
from lingjing.interfaces.http import API, create_app

HOME = f"{API}/districts/{sample.NAME}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = Path(sample.write_sample(tmp_path_factory.mktemp("data")))
    with Client(create_app(data)) as made:
        yield made


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def address(client: Any, layer: str, zoom: int) -> str:
    """Of the tile over the middle of the district."""
    about = client.get(f"{HOME}/tiles/{layer}.json").json()
    west, south, east, north = about["bounds"]
    middle = np.array([shapely.Point((west + east) / 2, (south + north) / 2)])
    (place,) = geometry.projected(middle)
    x, y = int(place.x * 2**zoom), int(place.y * 2**zoom)
    return str(about["tiles"][0].format(z=zoom, x=x, y=y))


def all_features(client: Any, layer: str) -> dict[int, dict[str, Any]]:
    """Features of the tiles over the whole district, by id."""
    about = client.get(f"{HOME}/tiles/{layer}.json").json()
    zoom = about["maxzoom"]
    west, south, east, north = about["bounds"]
    box = np.array([shapely.box(west, south, east, north)])
    _, keys = geometry.touched(shapely.bounds(geometry.projected(box)), zoom)
    found: dict[int, dict[str, Any]] = {}
    for key in keys.tolist():
        answer = client.get(about["tiles"][0].format(z=zoom, x=key % 2**zoom, y=key >> zoom))
        if answer.status_code == 200:
            for feature in mapbox_vector_tile.decode(answer.content)[layer]["features"]:
                found[feature["id"]] = feature["properties"]
    return found


@pytest.mark.parametrize("layer", ["buildings", "roads", "facilities", "sub-districts"])
def test_tiles_hold_the_features_of_the_layer_under_the_same_ids(client: Any, layer: str) -> None:
    geojson = client.get(f"{HOME}/layers/{layer}.geojson").json()["features"]
    wanted = {item["id"]: item["properties"]["id"] for item in geojson}
    found = all_features(client, layer)
    assert {number: properties["id"] for number, properties in found.items()} == wanted
    assert client.get(f"{HOME}/tiles/{layer}.json").json()["features"] == len(wanted)


def test_assets_have_tiles_too_and_name_their_building(client: Any) -> None:
    found = all_features(client, "assets").values()
    assert {properties["kind"] for properties in found} == {"MeterBox"}
    assert any(properties.get("building", "").startswith("urn:") for properties in found)


def test_the_tilejson_is_what_the_standard_asks_for(client: Any) -> None:
    about = client.get(f"{HOME}/tiles/roads.json").json()
    assert about["tilejson"] == "3.0.0"
    assert about["scheme"] == "xyz"
    assert about["tiles"][0].startswith("http://127.0.0.1:8787/api/v1/")
    assert 0 <= about["minzoom"] <= about["center"][2] <= about["maxzoom"] <= 22
    (layer,) = about["vector_layers"]
    assert layer["id"] == "roads"
    assert layer["fields"]["class"] == "String"
    assert layer["fields"]["width_m"] == "Number"
    assert layer["fields"]["bridge"] == "Boolean"


def test_a_tile_travels_compressed_as_it_is_stored(client: Any) -> None:
    at = address(client, "buildings", 16)
    headers, body = client.raw(at, headers={"Accept-Encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/vnd.mapbox-vector-tile"
    plain_headers, plain = client.raw(at, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain_headers
    assert gzip.decompress(body) == plain
    assert len(body) < len(plain)


def test_who_holds_a_tile_is_not_sent_it_again(client: Any) -> None:
    at = address(client, "buildings", 15)
    tag = client.get(at).headers["etag"]
    again = client.get(at, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(at, headers={"If-None-Match": '"other"'}).status_code == 200


def test_an_empty_tile_has_no_content(client: Any) -> None:
    for place in ("16/0/0", "2/1/1"):
        answer = client.get(f"{HOME}/tiles/roads/{place}.mvt")
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("tiles/roads/3/8/0.mvt", 404, "tiles.out-of-range"),
        ("tiles/roads/23/0/0.mvt", 404, "tiles.out-of-range"),
        ("tiles/roads/99999999999999999999/0/0.mvt", 404, "tiles.out-of-range"),
        ("tiles/roads/3/-1/0.mvt", 404, "http.not-found"),
        ("tiles/roads/3/a/0.mvt", 404, "http.not-found"),
        ("tiles/trees/3/0/0.mvt", 404, "http.no-layer"),
        ("tiles/trees.json", 404, "http.no-layer"),
        ("tiles/roads/numbers?id=urn:x", 404, "twin.no-entity"),
    ],
)
def test_tiles_that_cannot_be_are_refused(client: Any, path: str, status: int, code: str) -> None:
    assert code_of(client.get(f"{HOME}/{path}")) == (status, code)


@pytest.mark.parametrize("path", ["tiles/roads.json", "tiles/roads/3/0/0.mvt"])
@pytest.mark.parametrize("district", ["nowhere", "..%2F..", "%00"])
def test_a_district_that_is_not_there_is_refused(client: Any, district: str, path: str) -> None:
    answer = client.get(f"{API}/districts/{district}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in ("twin.no-district", "http.not-found")


def test_the_number_of_an_entity_can_be_asked_for(client: Any) -> None:
    building = sample.identifier("Building", "b0-01")
    every = client.get(f"{HOME}/tiles/buildings/numbers").json()
    one = client.get(f"{HOME}/tiles/buildings/numbers?id={building}").json()
    assert one["numbering"] == every["numbering"]
    assert one["numbers"] == {building: every["numbers"][building]}
    features = client.get(f"{HOME}/layers/buildings.geojson").json()["features"]
    ids = {item["properties"]["id"]: item["id"] for item in features}
    assert ids == every["numbers"]


def test_states_count_by_the_numbers_of_the_tiles_when_buildings_come_and_go(
    tmp_path: Path,
) -> None:
    data = Path(sample.write_sample(tmp_path))
    with Client(create_app(data)) as client:
        run = f"{API}/runs/{sample.RUN}"
        before = client.get(f"{run}/state/roads").json()
        shelf = client.app.state.shelf
        store = shelf.store
        (source, *_) = store.sources(sample.NAME)
        roads = [item for item in sample.entities() if item.kind != "RoadSegment"]
        rest = [item for item in sample.entities() if item.kind == "RoadSegment"][1:]
        store.import_entities(store.district(sample.NAME), source, [*roads, *rest])
        shelf.tiles.layer(sample.NAME, "roads").urge()
        after = client.get(f"{run}/state/roads").json()
        assert after["features"] == before["features"]
        width = before["hours"] + 1
        old, new = (base64.b64decode(item["known"]) for item in (before, after))
        assert (old[0], new[0]) == (1, 0)  # the road that went
        assert new[1:] == old[1:]
        old, new = (base64.b64decode(item["hourly"]) for item in (before, after))
        assert any(old[width:])
        assert new[width:] == old[width:]
        features = client.get(f"{HOME}/layers/roads.geojson").json()["features"]
        assert min(item["id"] for item in features) == 1
