"""Objects and work chosen by the same filters, found by search, and taken away as files."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sample_district as sample
import shapely
from asgi_client import Client

from lingjing.engine.ingest import Intake
from lingjing.engine.settings import open_ledger, open_store
from lingjing.interfaces.http import API, create_app
from lingjing.interfaces.http.objects import cell
from lingjing.interfaces.http.search import plain, readings
from lingjing.interfaces.http.shelf import Shelf
from lingjing.interfaces.http.state import layer_state
from lingjing.interfaces.http.titles import number_of, unnamed
from lingjing.sources.sensor_messages import Message, Observation
from lingjing.twin.documents import micros

RUN = f"{API}/runs/{sample.RUN}"
ALL = len(sample.entities())
METERS = sorted(item.id for item in sample.entities() if item.kind == "MeterBox")
ROADS = sorted(item.id for item in sample.entities() if item.kind == "RoadSegment")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(sample.write_sample(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[Any]:
    with Client(create_app(data)) as made:
        yield made


def asked(client: Any, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{RUN}/objects?limit=500&{query}")
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_without_filters_every_object_is_there_once(client: Any) -> None:
    found = asked(client)
    assert found["total"] == found["of"] == ALL
    assert len({row["id"] for row in found["rows"]}) == ALL
    counts = {item["value"]: item["count"] for item in found["facets"]["kind"]}
    assert counts["MeterBox"] == len(METERS)
    assert sum(counts.values()) == ALL


def test_what_is_likeliest_at_the_hour_comes_first_and_what_is_unknown_last(client: Any) -> None:
    rows = asked(client, "hour=40")["rows"]
    known = [row["chance"] for row in rows if row["chance"] is not None]
    assert known[0] == pytest.approx(1.0, abs=0.01)
    assert known == sorted(known, reverse=True)
    assert [row["chance"] for row in rows[len(known) :]] == [None] * (ALL - len(known))
    assert max(row["chance"] or 0 for row in asked(client, "hour=0")["rows"]) < 0.02


def test_a_building_has_the_chance_of_its_likeliest_asset_as_the_map_shows_it(
    client: Any, data: Path
) -> None:
    shelf = Shelf(data)
    reader = shelf.reader(sample.RUN)
    outcomes = reader.outcomes_with("plugged", ("MeterBox",))
    views = {kind: shelf.view(sample.NAME, kind) for kind in ("Building", "MeterBox")}
    state = layer_state(
        views["Building"],
        {"MeterBox": views["MeterBox"]},
        outcomes,
        reader.hourly("plugged", ("MeterBox",)),
        int(sample.START.timestamp()),
        sample.HOURS,
    )
    ids = [str(urn) for urn in views["Building"].ids]
    for hour in (0, 30, 40):
        rows = {row["id"]: row for row in asked(client, f"kind=Building&hour={hour}")["rows"]}
        assert [rows[urn]["chance"] for urn in ids] == pytest.approx(
            state.hourly[:, hour] / 255, abs=1e-3
        )
    assert [rows[urn]["probability"] for urn in ids] == pytest.approx(state.probability, abs=1e-4)
    shelf.close()


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("kind=MeterBox", lambda row: row["kind"] == "MeterBox"),
        ("kind=MeterBox&kind=Tap", lambda row: row["kind"] in ("MeterBox", "Tap")),
        ("sub_district=东园街道", lambda row: row["sub_district"] == "东园街道"),
        ("least=0.7", lambda row: (row["probability"] or 0) >= 0.7),
        ("before=30", lambda row: (row["onset"] or "3") <= "2023-12-21T10:00:00Z"),
        # By its own name: what is in a building is only called after it.
        (
            "text=园3路",
            lambda row: "园3路" in row["title"]["zh-CN"] and row["kind"] != "MeterBox",
        ),
        ("text=yuan3lu&kind=RoadSegment", lambda row: row["title"]["zh-CN"] == "园3路"),
        (
            "kind=MeterBox&least=0.7&sub_district=西园街道",
            lambda row: row["kind"] == "MeterBox"
            and row["probability"] >= 0.7
            and row["sub_district"] == "西园街道",
        ),
    ],
)  # fmt: skip
def test_filters_keep_exactly_what_fits(client: Any, query: str, holds: Any) -> None:
    everything = asked(client)["rows"]
    found = asked(client, query)
    expected = {row["id"] for row in everything if holds(row)}
    assert {row["id"] for row in found["rows"]} == expected
    assert 0 < found["total"] < found["of"]


def test_masks_say_which_features_hold_what_was_found(client: Any) -> None:
    one = METERS[7]
    place = one.rsplit(":", 1)[-1]
    found = asked(client, f"text={place}&masks=1")
    assert [row["id"] for row in found["rows"]] == [one]
    masks = found["masks"]
    assert masks["roads"] == {"features": len(ROADS), "chosen": 0, "bits": masks["roads"]["bits"]}
    bits = np.unpackbits(np.frombuffer(base64.b64decode(masks["buildings"]["bits"]), np.uint8))
    layer = client.get(f"{API}/districts/{sample.NAME}/layers/buildings.geojson").json()
    chosen = [feature["properties"]["id"] for feature in layer["features"] if bits[feature["id"]]]
    row, column, _ = place.removeprefix("m").split("-")
    assert chosen == [sample.identifier("Building", f"b{row}-{column}")]
    assert masks["assets"]["chosen"] == 1


def test_assets_on_the_map_are_chosen_by_the_same_filters(client: Any) -> None:
    address = f"{API}/districts/{sample.NAME}/assets.geojson?run={sample.RUN}"
    shown = client.get(f"{address}&least=0.7&sub_district=西园街道").json()["features"]
    rows = asked(client, "kind=MeterBox&least=0.7&sub_district=西园街道")["rows"]
    assert {item["properties"]["id"] for item in shown} == {row["id"] for row in rows}
    assert len(client.get(address).json()["features"]) == len(METERS) > len(shown) > 0


def test_a_part_of_the_list_and_the_place_of_one_object_agree(client: Any) -> None:
    order = [row["id"] for row in asked(client, "kind=MeterBox&hour=40")["rows"]]
    wanted = order[53]
    part = client.get(
        f"{RUN}/objects?kind=MeterBox&hour=40&offset=50&limit=10&place_of={wanted}"
    ).json()
    assert [row["id"] for row in part["rows"]] == order[50:60]
    assert part["place"] == 53
    elsewhere = client.get(f"{RUN}/objects?kind=MeterBox&place_of={ROADS[0]}").json()
    assert elsewhere["place"] is None
    assert "place" not in client.get(f"{RUN}/objects?place_of=urn:x").json()


@pytest.mark.parametrize("sort", ["title", "street", "kind", "onset", "probability"])
def test_sorting_turns_round(client: Any, sort: str) -> None:
    key = {
        "title": lambda row: row["title"]["zh-CN"],
        "street": lambda row: row["sub_district"],
        "kind": lambda row: row["kind"],
        "onset": lambda row: row["onset"],
        "probability": lambda row: row["probability"],
    }[sort]
    for descending in (0, 1):
        rows = asked(client, f"sort={sort}&descending={descending}")["rows"]
        values = [value for value in map(key, rows) if value is not None]
        assert values == sorted(values, reverse=bool(descending))
        assert all(key(row) is None for row in rows[len(values) :])


@pytest.mark.parametrize(
    "query",
    ["kind=Wall", "least=2", "least=x", "least=nan", "before=-1", "sort=colour", "limit=9999",
     "quantity=mood", "hour=x"],
)  # fmt: skip
def test_nonsense_is_refused_with_a_remedy(client: Any, query: str) -> None:
    answer = client.get(f"{RUN}/objects?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "http.bad-parameter"


def test_filters_that_nothing_meets_give_an_empty_list(client: Any) -> None:
    found = asked(client, "kind=Facility&least=0.9&masks=1")
    assert found["total"] == 0
    assert found["rows"] == []
    assert {mask["chosen"] for mask in found["masks"].values()} == {0}
    assert client.get(f"{RUN}/objects.geojson?kind=Facility&least=0.9").json()["features"] == []
    table = pq.read_table(
        io.BytesIO(client.get(f"{RUN}/objects.parquet?kind=Facility&least=0.9").content)
    )
    assert table.num_rows == 0


def test_work_is_chosen_by_the_same_filters(client: Any) -> None:
    def work(query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = client.get(f"{RUN}/work?limit=500&{query}").json()["rows"]
        return rows

    everything = work("")
    assert client.get(f"{RUN}/work?least=0.9").json()["of"] == len(everything)
    expected = [row["id"] for row in everything if row["probability"] >= 0.9]
    assert [row["id"] for row in work("least=0.9")] == expected
    assert 0 < len(expected) < len(everything)
    of_roads = [row["id"] for row in everything if row["action"] == "salt"]
    assert [row["id"] for row in work("kind=RoadSegment")] == of_roads
    # Meter boxes are what insulating a building protects, though the building is the target.
    assert {row["action"] for row in work("kind=MeterBox")} == {"insulate"}
    soon = work("before=30")
    assert {row["id"] for row in soon} == {
        row["id"] for row in everything if row["onset"] <= "2023-12-21T10:00:00Z"
    }
    assert {row["title"]["zh-CN"] for row in work("text=yuan3lu&kind=RoadSegment")} <= {"园3路撒盐"}
    assert work("text=yuan3lu&kind=RoadSegment")


def test_the_factors_of_a_score_give_the_score(client: Any) -> None:
    for row in client.get(f"{RUN}/work").json()["rows"]:
        parts = row["factors"]
        product = parts["expected_harm_households"] * parts["averted_share"] * parts["lead_factor"]
        assert product == pytest.approx(row["score"], rel=1e-3)


def test_files_hold_what_the_filters_show(client: Any) -> None:
    query = "kind=MeterBox&least=0.5&hour=40"
    rows = asked(client, query)["rows"]
    answer = client.get(f"{RUN}/objects.csv?{query}")
    assert "attachment" in answer.headers["content-disposition"]
    cells = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [item["id"] for item in cells] == [row["id"] for row in rows]
    assert float(cells[0]["probability_at_hour"]) == rows[0]["chance"]
    assert "Synthetic data" in cells[0]["label"]
    features = client.get(f"{RUN}/objects.geojson?{query}").json()["features"]
    assert [feature["id"] for feature in features] == [row["id"] for row in rows]
    assert shapely.geometry.shape(features[0]["geometry"]).geom_type == "Point"
    table = pq.read_table(io.BytesIO(client.get(f"{RUN}/objects.parquet?{query}").content))
    assert table["id"].to_pylist() == [row["id"] for row in rows]
    assert table["probability"].to_pylist() == [row["probability"] for row in rows]
    assert table.schema.metadata[b"lingjing.synthetic"] == b"true"
    work = client.get(f"{RUN}/work.csv?kind=RoadSegment").content.decode("utf-8-sig")
    shown = client.get(f"{RUN}/work?kind=RoadSegment&limit=500").json()
    assert [item["id"] for item in csv.DictReader(io.StringIO(work))] == [
        row["id"] for row in shown["rows"]
    ]
    assert len(client.get(f"{RUN}/work.geojson").json()["features"]) == shown["of"]
    numbers = pq.read_table(io.BytesIO(client.get(f"{RUN}/work.parquet").content))
    assert numbers["rank"].to_pylist() == list(range(1, shown["of"] + 1))
    assert client.get(f"{RUN}/work.xml").json()["error"]["code"] == "http.bad-parameter"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+2", "@A1", "\tx"])
def test_a_text_that_looks_like_a_formula_stays_a_text(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell(-1.5) == -1.5
    assert cell("园路") == "园路"


def search(client: Any, wanted: str, **more: Any) -> dict[str, list[dict[str, Any]]]:
    answer = client.get(f"{API}/districts/{sample.NAME}/search", params={"q": wanted, **more})
    assert answer.status_code == 200, answer.text
    return {group["kind"]: group["hits"] for group in answer.json()["groups"]}


@pytest.mark.parametrize(
    ("wanted", "way"),
    [
        ("东园街道", "name"),
        ("东园", "name"),
        ("Dongyuan", "name"),
        ("dongyuanjiedao", "pinyin"),
        ("dong yuan jie", "pinyin"),
        ("yuanjie", "pinyin"),
        ("dyjd", "initials"),
        ("yjd", "initials"),
        ("s0", "id"),
    ],
)
def test_a_street_is_found_by_name_pinyin_initials_and_id(
    client: Any, wanted: str, way: str
) -> None:
    hits = search(client, wanted)["SubDistrict"]
    assert hits[0]["title"]["zh-CN"] == "东园街道"
    assert hits[0]["way"] == way


@pytest.mark.parametrize("wanted", ["ongyuan", "", "  ", "x" * 500, "zzz", "\n", "%", "d"])
def test_what_is_no_beginning_of_a_syllable_finds_no_street(client: Any, wanted: str) -> None:
    found = search(client, wanted)
    assert all(hit["way"] != "pinyin" for hit in found.get("SubDistrict", [])) or wanted == "d"


def test_segments_of_a_street_are_one_hit_and_the_closest_comes_first(client: Any) -> None:
    hits = search(client, "园1路")
    assert [hit["count"] for hit in hits["RoadSegment"]] == [4]
    assert hits["Building"][0]["title"]["zh-CN"].startswith("园1路")
    exact = search(client, "园2路1号楼")["Building"]
    assert exact[0]["title"]["zh-CN"] == "园2路1号楼"
    assert len(exact) == 1
    assert len(search(client, "园2路1", limit=3)["Building"]) == 3  # 1, 10, 11, 12


def test_an_object_is_found_by_its_urn_alone(client: Any) -> None:
    found = search(client, METERS[3])
    assert {kind: [hit["id"] for hit in hits] for kind, hits in found.items()} == {
        "MeterBox": [METERS[3]]
    }


def test_a_character_of_several_readings_is_found_by_each() -> None:
    assert "".join(readings("重庆路")[0]) == "chongqinglu"
    spoken = {"".join(reading) for reading in readings("行")}
    assert {"xing", "hang"} <= spoken
    assert plain("ＡＢ c-1") == "abc1"


def test_names_with_markup_and_odd_ids_are_found_as_they_are(client: Any) -> None:
    hit = search(client, sample.MARKUP)["Building"][0]
    assert hit["title"]["zh-CN"] == sample.MARKUP


@pytest.fixture
def living(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A client over a living twin, and the intake of its sensors."""
    sample.write_sample(tmp_path)
    with open_ledger(tmp_path) as ledger, Client(create_app(tmp_path, ledger=ledger)) as client:
        yield client, Intake(ledger)


def observe(intake: Any, entity: str, attribute: str, *points: tuple[str, float]) -> None:
    intake.take(
        [
            Message(
                source="probe",
                sequence=None,
                tenant="",
                synthetic=True,
                letter=b"",
                observations=tuple(
                    Observation(
                        entity=entity,
                        attribute=attribute,
                        value=value,
                        at_us=micros(at),
                    )
                    for at, value in points
                ),
            )
        ]
    )


def test_readings_are_the_objects_own_else_the_nearest_likes(living: tuple[Any, Any]) -> None:
    client, intake = living
    here, beside = METERS[0], METERS[2]
    nothing = client.get(f"{RUN}/assets/{here}/readings").json()
    assert nothing["kept"] is True
    assert nothing["readings"] == []
    observe(
        intake, beside, "water_temperature",
        ("2023-12-21T04:00:00Z", 2.5),
        ("2023-12-20T20:00:00Z", 3.25),
        ("2023-11-01T00:00:00Z", 9.0),
    )  # fmt: skip
    own = client.get(f"{RUN}/assets/{beside}/readings").json()["readings"]
    assert [item["quantity"] for item in own] == ["water_temperature"]
    # In order of time, and only those of the run's window and the day before it.
    assert [value for _, value in own[0]["points"]] == [3.25, 2.5]
    assert "of" not in own[0]
    borrowed = client.get(f"{RUN}/assets/{here}/readings").json()["readings"]
    assert borrowed[0]["points"] == own[0]["points"]
    assert borrowed[0]["of"]["id"] == beside
    assert 60 < borrowed[0]["of"]["distance_m"] < 130
    road = client.get(f"{RUN}/assets/{ROADS[0]}/readings").json()
    assert road["readings"] == []  # a meter box is not like a road


def test_history_tells_of_other_runs_and_of_changes(
    living: tuple[Any, Any], tmp_path: Path
) -> None:
    client, intake = living
    sample.write_run(tmp_path, "coldwave-earlier")
    meter = METERS[10]
    observe(intake, meter, "water_temperature", ("2023-12-21T04:00:00Z", 2.5))
    found = client.get(f"{RUN}/assets/{meter}/history").json()
    (other,) = found["forecasts"]
    card = client.get(f"{RUN}/assets/{meter}").json()
    first = card["outcomes"][0]
    assert other["run"] == "coldwave-earlier"
    for name in ("quantity", "probability", "onset_p50"):
        assert other[name] == first[name]
    assert found["forecasts_total"] == 1
    assert all(change["attribute"] != "water_temperature" for change in found["changes"])
    silent = client.get(f"{RUN}/assets/{sample.identifier('Facility', 'f0')}/history").json()
    assert silent["forecasts"][0]["probability"] is None


def test_without_a_living_twin_nothing_is_claimed(client: Any) -> None:
    for part in ("readings", "history"):
        found = client.get(f"{RUN}/assets/{METERS[0]}/{part}").json()
        assert found["kept"] is False
    assert client.get(f"{RUN}/assets/urn:ngsi-ld:Tap:sample:none/readings").status_code == 404


def test_every_value_of_a_card_says_since_when(client: Any) -> None:
    card = client.get(f"{RUN}/assets/{METERS[0]}").json()
    assert {row["as_of"] for row in card["attributes"]} == {"2023-12-20T00:00:00Z"}
    assert card["jobs_of"] == client.get(f"{RUN}/work").json()["of"]


def test_the_table_follows_a_new_import(tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    with Client(create_app(tmp_path)) as client:
        before = asked(client)["of"]
        gone = sample.identifier("Building", "b7-11")
        store = open_store(tmp_path)
        later = [item for item in sample.entities() if item.id != gone]
        store.import_entities(sample.district(), sample.source(), later)
        # The source's own time stands still here; what went shows in the counts.
        store.close()
        found = asked(client)
        assert found["of"] == before - 1
        assert gone not in {row["id"] for row in found["rows"]}
        assert json.dumps(search(client, "b7-11")).count(gone) == 0


def test_what_has_no_name_is_called_after_its_building_kind_and_number(client: Any) -> None:
    row = asked(client, f"text={METERS[5].rsplit(':', 1)[-1]}")["rows"][0]
    card = client.get(f"{RUN}/assets/{METERS[5]}").json()
    assert row["title"] == card["title"]
    assert card["title"]["zh-CN"] == "园1路3号楼 水表箱 0-02-1"
    assert card["title"]["en"].endswith(" Meter box 0-02-1")
    assert number_of("urn:ngsi-ld:Riser:x:stock-osm-way-7-shaft-riser-13") == "13"
    assert number_of("urn:ngsi-ld:Riser:x:odd") == "odd"
    alone = unnamed("Building", "urn:ngsi-ld:Building:x:building-1000-34")
    assert alone == ("建筑 1000-34", "Building 1000-34")
