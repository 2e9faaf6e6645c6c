"""The data endpoints, asked as the page asks them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sample_district as sample
from asgi_client import Client
from starlette.applications import Starlette

from lingjing.interfaces.http import (
    API,
    branches,
    comparisons,
    create_app,
    readings,
    tiles,
    whatifs,
)
from lingjing.interfaces.http.endpoints import ENDPOINTS
from lingjing.interfaces.http.events import PATH as EVENTS
from lingjing.interfaces.http.gate import OBSERVATIONS
from lingjing.interfaces.http.layers import LAYERS
from lingjing.interfaces.http.runs import job_content
from lingjing.interfaces.http.shelf import Shelf
from lingjing.twin.entities import Entity
from lingjing.vocabulary import error_texts

RUN = f"{API}/runs/{sample.RUN}"
BUILDING = sample.identifier("Building", "b0-01")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(sample.write_sample(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def app(data: Path) -> Starlette:
    return create_app(data)


@pytest.fixture(scope="module")
def client(app: Starlette) -> Iterator[Any]:
    with Client(app) as made:
        yield made


def refusal(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code
    for part in ("what", "remedy"):
        assert error[part]["zh-CN"]
        assert error[part]["en"]
    return error


def test_health_names_the_version(client: Any) -> None:
    answer = client.get(f"{API}/health").json()
    assert answer["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+.*", answer["version"])


def test_a_district_carries_its_label_counts_and_credit(client: Any) -> None:
    (found,) = client.get(f"{API}/districts").json()["districts"]
    assert found == client.get(f"{API}/districts/{sample.NAME}").json()
    assert found["synthetic"] is True
    assert found["counts"]["Building"] == sample.COLUMNS * sample.ROWS
    assert found["attributions"] == ["Lingjing sample sketch"]


@pytest.mark.parametrize(
    ("layer", "kind", "count"),
    [
        ("buildings", "Building", sample.COLUMNS * sample.ROWS),
        ("roads", "RoadSegment", 4 * (sample.ROWS + 1)),
        ("facilities", "Facility", 5),
        ("sub-districts", "SubDistrict", 2),
    ],
)
def test_features_are_numbered_by_row_in_order_of_their_ids(
    client: Any, layer: str, kind: str, count: int
) -> None:
    answer = client.get(f"{API}/districts/{sample.NAME}/layers/{layer}.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json()["features"]
    assert [feature["id"] for feature in features] == list(range(count))
    ids = [feature["properties"]["id"] for feature in features]
    assert ids == sorted(item.id for item in sample.entities() if item.kind == kind)


def test_coordinates_have_six_decimals_at_most(client: Any) -> None:
    text = client.get(f"{API}/districts/{sample.NAME}/layers/buildings.geojson").text
    decimals = {len(part) for part in re.findall(r"\d{2,3}\.(\d+)[,\]]", text)}
    assert decimals
    assert max(decimals) <= 6


def test_a_layer_is_not_sent_again_to_who_holds_it(client: Any) -> None:
    address = f"{API}/districts/{sample.NAME}/layers/roads.geojson"
    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    other = client.get(address, headers={"If-None-Match": '"something-else"'})
    assert other.status_code == 200


def test_a_new_import_changes_the_layer_and_its_tag(tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    app = create_app(tmp_path)
    with Client(app, "localhost") as client:
        address = f"{API}/districts/{sample.NAME}/layers/buildings.geojson"
        first = client.get(address)
        kept = [item for item in sample.entities() if item.id != BUILDING]
        kept = [item for item in kept if BUILDING not in item.relationships.values()]
        source = sample.source()
        store = app.state.shelf.store
        changed = type(source)(
            **{name: getattr(source, name) for name in source.__struct_fields__}
            | {"sha256": "1" * 64, "imported_at": "2023-12-20T01:00:00Z"}
        )
        store.import_entities(sample.district(), changed, kept)
        second = client.get(address)
    assert first.headers["etag"] != second.headers["etag"]
    assert len(second.json()["features"]) == len(first.json()["features"]) - 1


def test_layers_travel_compressed_or_plain_as_asked(client: Any) -> None:
    address = f"{API}/districts/{sample.NAME}/layers/buildings.geojson"
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    headers, raw = client.raw(address, headers={"Accept-Encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3


def unpacked(content: dict[str, Any]) -> dict[str, Any]:
    shape = (content["features"], content["hours"] + 1)
    hourly = np.frombuffer(base64.b64decode(content["hourly"]), dtype=np.uint8)
    floats = {
        name: np.frombuffer(base64.b64decode(content[name]), dtype="<f4")
        for name in ("probability", "onset_p50_hours")
    }
    known = np.frombuffer(base64.b64decode(content["known"]), dtype=np.uint8)
    return {"hourly": hourly.reshape(shape), "known": known, **floats}


def test_a_road_has_its_own_probability_hour_by_hour(client: Any) -> None:
    content = client.get(f"{RUN}/state/roads").json()
    assert content["quantity"] == "road_slippery"
    state = unpacked(content)
    for row in range(content["features"]):
        situation = sample.situation_of(row, "RoadSegment")
        expected = np.array(sample.hourly_of(situation, 6))
        assert np.allclose(state["hourly"][row] / 255, expected, atol=1 / 255)
        assert state["probability"][row] == pytest.approx(sample.chance_of(situation, 6))
        onset = sample.onset_of(situation, 6)
        if situation:
            assert state["onset_p50_hours"][row] == pytest.approx(onset, abs=0.01)
        else:
            assert np.isnan(state["onset_p50_hours"][row])
    assert state["known"].all()


def test_a_building_is_as_bad_as_its_worst_asset(client: Any) -> None:
    state = unpacked(client.get(f"{RUN}/state/buildings?quantity=plugged").json())
    for building in range(sample.COLUMNS * sample.ROWS):
        # Meter boxes 2n and 2n + 1 belong to building n: both lists are in order of id.
        worst = max(sample.situation_of(2 * building + part, "MeterBox") for part in (0, 1))
        expected = np.array(sample.hourly_of(worst, 11))
        assert np.allclose(state["hourly"][building] / 255, expected, atol=1 / 255)
        assert state["probability"][building] == pytest.approx(sample.chance_of(worst, 11))
        assert state["onset_p50_hours"][building] == pytest.approx(
            sample.onset_of(worst, 11), abs=0.01
        )


def test_a_quantity_that_the_run_lacks_is_refused_with_those_it_has(client: Any) -> None:
    error = refusal(client.get(f"{RUN}/state/roads?quantity=burst"), 404, "http.no-outcome")
    assert "road_slippery" in error["remedy"]["en"]
    refusal(client.get(f"{RUN}/state/facilities"), 404, "http.no-outcome")
    refusal(client.get(f"{RUN}/state/sewers"), 404, "http.no-layer")


def test_work_comes_in_pages_and_in_order(client: Any) -> None:
    whole = client.get(f"{RUN}/work?limit=500").json()
    assert [row["rank"] for row in whole["rows"]] == list(range(1, whole["total"] + 1))
    page = client.get(f"{RUN}/work?offset=10&limit=5").json()
    assert page["rows"] == whole["rows"][10:15]
    assert page["total"] == whole["total"]
    beyond = client.get(f"{RUN}/work?offset=99999").json()
    assert beyond["rows"] == []


def test_work_is_filtered_and_the_counts_say_how_many(client: Any) -> None:
    facets = client.get(f"{RUN}/work").json()["facets"]
    for name in ("action", "owner", "sub_district"):
        for facet in facets[name]:
            found = client.get(f"{RUN}/work", params={name: facet["value"], "limit": 500}).json()
            assert found["total"] == facet["count"]
            assert {row[name] for row in found["rows"]} == {facet["value"]}
    assert {facet["value"] for facet in facets["sub_district"]} == {"东园街道", "西园街道"}


@pytest.mark.parametrize(
    "query",
    ["offset=-1", "limit=0", "limit=501", "limit=many", "offset=1e3", "limit=", "offset=٣"],
)
def test_a_page_that_makes_no_sense_is_refused(client: Any, query: str) -> None:
    refusal(client.get(f"{RUN}/work?{query}"), 400, "http.bad-parameter")


def test_a_buildings_card_has_reasons_parts_and_its_worst_assets_fan(client: Any) -> None:
    card = client.get(f"{RUN}/assets/{BUILDING}").json()
    assert card["title"]["zh-CN"] == "园1路2号楼"
    assert card["kind_title"] == {"zh-CN": "建筑", "en": "Building"}
    assert card["synthetic"] is True
    assert card["parts_total"] == 2
    chances = [part["probability"] for part in card["parts"]]
    assert chances == sorted(chances, reverse=True)
    assert card["series_of"]["id"] == card["parts"][0]["id"]
    fan, chance = card["series"]
    assert fan["quantity"] == "water_temperature"
    assert len(fan["p50"]) == len(chance["probability"]) == sample.HOURS + 1
    assert all(low <= high for low, high in zip(fan["p10"], fan["p90"], strict=True))
    assert card["jobs"][0]["target"] == BUILDING
    assert card["jobs"][0]["reason"]["zh-CN"]


def test_every_attribute_on_a_card_says_how_we_know(client: Any) -> None:
    card = client.get(f"{RUN}/assets/{BUILDING}").json()
    by_name = {row["name"]: row for row in card["attributes"]}
    assert by_name["height"]["value"] == 17.5
    assert by_name["height"]["unit"] == "m"
    assert by_name["height"]["title"] == {"zh-CN": "高度", "en": "Height"}
    for row in card["attributes"]:
        assert row["provenance"]["kind"] == "inferred"
        assert row["provenance"]["synthetic"] is True
        assert row["provenance"]["confidence"] == 0.4


def test_a_meter_boxes_card_leads_to_its_building(client: Any) -> None:
    meter = sample.identifier("MeterBox", "m0-01-1")
    card = client.get(f"{RUN}/assets/{meter}").json()
    assert card["relationships"]["building"]["id"] == BUILDING
    plugged = next(row for row in card["outcomes"] if row["quantity"] == "plugged")
    assert plugged["event"] is True
    assert plugged["onset_p10"] < plugged["onset_p50"] < plugged["onset_p90"]
    assert plugged["onset_p50"].endswith("Z")


def test_an_unknown_object_is_refused(client: Any) -> None:
    unknown = sample.identifier("Building", "none")
    refusal(client.get(f"{RUN}/assets/{unknown}"), 404, "twin.no-entity")


def test_an_object_of_another_district_has_no_card_in_this_run(tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    app = create_app(tmp_path)
    with Client(app, "localhost") as client:
        here = sample.district()
        names = {name: getattr(here, name) for name in here.__struct_fields__}
        there = type(here)(**names | {"name": "other"})
        own = next(item for item in sample.entities() if item.kind == "SubDistrict")
        moved = Entity(
            own.id.replace(":sample:", ":other:"), own.kind, "other", own.geometry, own.attributes
        )
        source = sample.source()
        fields = {name: getattr(source, name) for name in source.__struct_fields__}
        record = type(source)(**fields | {"district": "other"})
        app.state.shelf.store.import_entities(there, record, [moved])
        refusal(client.get(f"{RUN}/assets/{moved.id}"), 404, "http.other-district")


def test_assets_are_those_in_the_box_with_their_chance(client: Any) -> None:
    west, south = sample.WEST, sample.SOUTH
    box = f"{west},{south},{west + sample.STEP},{south + sample.STEP}"
    found = client.get(
        f"{API}/districts/{sample.NAME}/assets.geojson", params={"bbox": box, "run": sample.RUN}
    ).json()
    ids = [feature["properties"]["id"] for feature in found["features"]]
    assert ids == [sample.identifier("MeterBox", f"m0-00-{part}") for part in (0, 1)]
    assert found["total_is_more"] is False
    for place, feature in enumerate(found["features"]):
        expected = sample.chance_of(sample.situation_of(place, "MeterBox"), 11)
        assert feature["properties"]["probability"] == pytest.approx(expected, abs=1e-4)
        hourly = np.frombuffer(base64.b64decode(feature["properties"]["hourly"]), dtype=np.uint8)
        by_hour = sample.hourly_of(sample.situation_of(place, "MeterBox"), 11)
        assert np.allclose(hourly / 255, by_hour, atol=1 / 255)


def test_more_assets_than_the_limit_are_owned_up_to(client: Any) -> None:
    found = client.get(f"{API}/districts/{sample.NAME}/assets.geojson?limit=7").json()
    assert len(found["features"]) == 7
    assert found["total_is_more"] is True


@pytest.mark.parametrize(
    "bbox", ["1,2,3", "a,b,c,d", "3,0,2,1", "0,2,1,1", "0,0,1,91", "nan,0,1,1", ""]
)
def test_a_box_that_is_none_is_refused(client: Any, bbox: str) -> None:
    address = f"{API}/districts/{sample.NAME}/assets.geojson"
    refusal(client.get(address, params={"bbox": bbox}), 400, "http.bad-parameter")


def test_runs_are_listed_with_their_labels(client: Any) -> None:
    (found,) = client.get(f"{API}/runs").json()["runs"]
    assert found["run"] == sample.RUN
    assert found["labels"][0]["zh-CN"] == "合成数据：城区为虚构"
    detail = client.get(RUN).json()
    assert detail["quantities"] == {"roads": ["road_slippery"], "buildings": ["plugged"]}
    assert detail["numbers"]["roads"] == ["road_surface_temperature"]
    assert detail["texts"]["zh-CN"] == ["第二夜最冷，园路一带先结冰。"]
    assert "Lingjing sample weather" in detail["attributions"]


def test_a_half_made_or_broken_run_is_not_listed(tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    runs = tmp_path / "runs"
    shutil.copytree(runs / sample.RUN, runs / ".hidden")
    shutil.copytree(runs / sample.RUN, runs / "broken")
    (runs / "broken" / "summary.json").write_text("{")
    shutil.copytree(runs / sample.RUN, runs / "partial")
    (runs / "partial" / "outcomes.parquet").unlink()
    with Client(create_app(tmp_path), "localhost") as client:
        listed = [run["run"] for run in client.get(f"{API}/runs").json()["runs"]]
        assert listed == [sample.RUN]
        refusal(client.get(f"{API}/runs/.hidden"), 404, "http.no-run")
        refusal(client.get(f"{API}/runs/partial"), 404, "run.no-run")


def test_known_files_can_be_taken_away(client: Any, data: Path) -> None:
    names = client.get(RUN).json()["files"]
    assert {"outcomes.parquet", "work.csv", "run.json", "figures/map.svg"} <= set(names)
    for name in names:
        answer = client.get(f"{RUN}/files/{name}")
        assert answer.content == (data / "runs" / sample.RUN / name).read_bytes()
        assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "name", ["../../twin.sqlite", "..%2F..%2Ftwin.sqlite", "/etc/passwd", "secret.txt", "figures"]
)
def test_no_other_file_can(client: Any, data: Path, name: str) -> None:
    (data / "runs" / sample.RUN / "secret.txt").write_text("secret")
    answer = client.get(f"{RUN}/files/{name}")
    assert answer.status_code == 404
    assert b"secret" not in answer.content.replace(b"secret.txt", b"")


def test_names_with_markup_stay_text(client: Any) -> None:
    card = client.get(f"{RUN}/assets/{sample.identifier('Building', 'b0-00')}")
    assert card.headers["content-type"] == "application/json"
    assert card.headers["x-content-type-options"] == "nosniff"
    assert card.json()["title"]["zh-CN"] == sample.MARKUP


def test_an_empty_folder_is_an_empty_list_and_not_an_error(tmp_path: Path) -> None:
    with Client(create_app(tmp_path / "new"), "localhost") as client:
        assert client.get(f"{API}/districts").json() == {"districts": []}
        assert client.get(f"{API}/runs").json() == {"runs": []}
        refusal(client.get(f"{API}/districts/yangpu"), 404, "twin.no-district")
        refusal(client.get(f"{API}/runs/none"), 404, "http.no-run")


def test_titles_cover_every_kind_and_quantity_in_both_languages(client: Any) -> None:
    found = client.get(f"{API}/vocabulary").json()
    for entry in (*found["kinds"].values(), *found["quantities"].values()):
        assert entry["title"]["zh-CN"]
        assert entry["title"]["en"]


def test_the_page_has_a_word_for_every_choice(client: Any, repository: Path) -> None:
    choices = client.get(f"{API}/vocabulary").json()["words"]
    for locale in ("zh-CN", "en"):
        messages: dict[str, str] = {}
        for file in (repository / "console/src/messages").glob(f"*.{locale}.json"):
            messages |= json.loads(file.read_text(encoding="utf-8"))
        for name, word in choices.items():
            for choice in word["choices"]:
                assert messages.get(f"choice.{name}.{choice}"), f"{locale}: {name} {choice}"


def test_the_reference_names_every_endpoint_and_error(repository: Path) -> None:
    page = (repository / "docs/reference/http-api.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^### `([A-Z]+) (/api/v1\S+)`", page, flags=re.MULTILINE))
    reading = {("GET", API + path.replace(":path", "")) for path in ENDPOINTS}
    branching = {
        (method, re.sub(r":[a-z]+\}", "}", route.path))
        for route in (
            *branches.ROUTES,
            *readings.ROUTES,
            *tiles.ROUTES,
            *whatifs.ROUTES,
            *comparisons.ROUTES,
        )
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert written - {("POST", OBSERVATIONS), ("GET", EVENTS)} == reading | branching
    codes = {code for code in error_texts() if code.startswith("http.")}
    assert codes == set(re.findall(r"`(http\.[a-z-]+)`", page))


def test_what_is_warmed_is_what_the_page_asks_for_first(data: Path) -> None:
    shelf = Shelf(data)
    shelf.warm()
    kept = {(key[0], key[-1 if key[0] == "layer" else -2]) for key in shelf._answers}
    assert kept == {("layer", name) for name in LAYERS} | {
        ("state", "roads"),
        ("state", "buildings"),
    }
    shelf.close()


def test_an_answer_asked_for_twice_at_once_is_made_once(tmp_path: Path) -> None:
    shelf, made, begun, go = Shelf(tmp_path), [], threading.Event(), threading.Event()

    def make() -> bytes:
        made.append(1)
        begun.set()
        go.wait(10)
        return b"{}"

    askers = [threading.Thread(target=shelf._kept, args=(("state", "x"), make)) for _ in range(3)]
    askers[0].start()
    assert begun.wait(10)
    for asker in askers[1:]:
        asker.start()
    go.set()
    for asker in askers:
        asker.join(10)
    assert made == [1]


def test_a_job_of_many_assets_names_the_first_and_counts_all() -> None:
    row = job_content(
        {
            "assets": [str(number) for number in range(3000)],
            "expected_harm_households": 0.0,
            "averted_share": 0.5,
            "score": 0.0,
        }
    )
    assert row["factors"]["lead_factor"] is None
    assert row["assets"] == [str(number) for number in range(20)]
    assert row["asset_count"] == 3000


def test_the_caller_is_told_as_whom_it_is_seen(client: Any) -> None:
    seen = client.get(f"{API}/access").json()
    assert seen == {"name": "local", "role": "administer", "guarded": False, "events": False}
