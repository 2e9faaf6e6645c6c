"""What-ifs, comparisons and remedies over HTTP."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from lingjing.engine.run import RunRequest, run_scenario
from lingjing.engine.settings import open_ledger, open_store
from lingjing.engine.weather import keep_weather
from lingjing.engine.whatifs.runner import Runner
from lingjing.interfaces.http.comparisons import difference
from lingjing.interfaces.http.root import create_root
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.service import Service
from lingjing.sdk.testkit import START, small_district, small_entities, small_weather
from lingjing.twin.entities import SourceRecord

API = "/api/v1"
HOST = "http://localhost"
NAME = "包扎 立管"
SOURCE = SourceRecord("testkit", "testville", "© test", "ODbL-1.0", "", "2023-12-01T00:00:00Z",
                      True, {})  # fmt: skip
KINDS = ("MeterBox", "Riser", "Valve", "Tap", "WaterPipe")
WRAP = {
    "assets": [
        {"select": {"kind": kind, "sub_districts": ["西街道"]}, "set": {"insulation_thickness": 40}}
        for kind in KINDS
    ]
}

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("http-what-ifs")
    store = open_store(data)
    store.import_entities(small_district(), SOURCE, small_entities())
    store.close()
    keep_weather(data, small_weather("cold"))
    request = RunRequest("coldwave", data, "testville", "testkit-cold", START, 24, seed=3)
    return run_scenario(request).folder


@pytest.fixture(scope="module")
def ask(base: Path) -> Iterator[Ask]:
    data = base.parent.parent
    with open_ledger(data) as ledger:
        runner = Runner(ledger, data)
        contexts = Contexts(ledger, {}, Outgoing(Networks(())))
        root = create_root(data, Service(ledger, contexts), what_ifs=runner)

        def send(method: str, path: str, sent: Any = None, **more: Any) -> httpx.Response:
            async def once() -> httpx.Response:
                transport = httpx.ASGITransport(app=root)  # type: ignore[arg-type]
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://localhost"
                ) as own:
                    given = {} if sent is None else {"json": sent}
                    return await own.request(method, f"{API}{path}", **given, **more)

            return asyncio.run(once())

        runner.start()
        yield send
        runner.stop()
        root.page.state.shelf.close()


def until(condition: Callable[[], Any], limit_s: float = 60.0) -> Any:
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)
    return found


def over(ask: Ask, name: str) -> dict[str, Any]:
    """A what-if once it is over."""

    def look() -> dict[str, Any] | None:
        item: dict[str, Any] = ask("GET", f"/whatifs/{quote(name)}").json()
        return item if item["state"] not in ("waiting", "running") else None

    found: dict[str, Any] = until(look)
    return found


@pytest.fixture(scope="module")
def done(ask: Ask, base: Path) -> dict[str, Any]:
    order = {"name": NAME, "run": base.name, "changes": WRAP, "note": "西街道"}
    made = ask("POST", "/whatifs", order)
    assert made.status_code == 202, made.text
    assert made.json()["state"] == "waiting"
    return over(ask, NAME)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_what_if_is_ordered_followed_and_reached_as_a_run(
    ask: Ask, base: Path, done: dict[str, Any]
) -> None:
    assert done["state"] == "done", done["error"]
    assert done["entities"] == 3 * len(KINDS)
    assert done["note"] == "西街道"
    assert [item["name"] for item in ask("GET", "/whatifs").json()["whatifs"]] == [NAME]
    run = ask("GET", f"/runs/{done['result']}").json()
    assert run["record"]["whatif"]["base"] == base.name
    names = {item["run"]: item["whatif"] for item in ask("GET", "/runs").json()["runs"]}
    assert names == {base.name: None, done["result"]: NAME}
    assert run["record"]["request"]["branch"] == NAME
    names = [item["name"] for item in ask("GET", "/branches").json()["branches"]]
    assert NAME in names
    differences = ask("GET", f"/branches/{quote(NAME)}/diff").json()["differences"]
    assert {item["attributes"][0]["after"]["value"] for item in differences} == {40.0}


def test_a_comparison_has_rows_words_objects_and_arrays(
    ask: Ask, base: Path, done: dict[str, Any]
) -> None:
    pair = f"/runs/{base.name}/compare/{done['result']}"
    found = ask("GET", f"{pair}?threshold=0.2").json()
    assert found["threshold"] == 0.2
    assert found["same_members"]
    assert not found["same_outcomes"]
    changed = [row for row in found["rows"] if row["expected_change"] != 0]
    assert {row["kind"] for row in changed} <= set(KINDS)
    assert {row["sub_district"] for row in changed} == {None, "西街道"}
    page = ask("GET", f"{pair}/objects?limit=2").json()
    assert page["total"] == found["changed_objects"]
    assert len(page["rows"]) == min(2, page["total"])
    assert page["rows"][0]["title"]["zh-CN"]
    state = ask("GET", f"{pair}/state/buildings").json()
    shape = (state["features"], state["hours"] + 1)
    hourly = np.frombuffer(base64.b64decode(state["hourly_change"]), np.int8).reshape(shape)
    change = np.frombuffer(base64.b64decode(state["probability_change"]), "<f4")
    assert (change <= 0).all()
    assert (change < 0).any()
    assert (hourly <= 0).all()
    assert hourly.min() == pytest.approx(change.min() * 127, abs=2)


def test_the_greatest_rise_stays_a_rise_and_the_greatest_fall_a_fall() -> None:
    def state(hourly: list[int], probability: list[float]) -> dict[str, Any]:
        def packed(values: Any) -> str:
            return base64.b64encode(values.tobytes()).decode()

        count = len(probability)
        return {
            "run": "r", "layer": "roads", "quantity": "icy", "title": {}, "data_version": "v",
            "start": "2023-12-20T09:00:00Z", "hours": len(hourly) // count - 1, "features": count,
            "hourly": packed(np.array(hourly, np.uint8)),
            "probability": packed(np.array(probability, "<f4")),
            "onset_p50_hours": packed(np.array([np.nan] * count, "<f4")),
            "known": packed(np.ones(count, np.uint8)),
        }  # fmt: skip

    found = difference(state([0, 255, 128, 7], [0, 1]), state([255, 0, 128, 9], [1, 0]))
    changes = np.frombuffer(base64.b64decode(found["hourly_change"]), np.int8)
    assert changes.tolist() == [127, -127, 0, 1]
    assert np.frombuffer(base64.b64decode(found["probability_change"]), "<f4").tolist() == [1, -1]


def test_the_other_way_round_every_difference_has_the_other_sign(
    ask: Ask, base: Path, done: dict[str, Any]
) -> None:
    one = ask("GET", f"/runs/{base.name}/compare/{done['result']}").json()
    other = ask("GET", f"/runs/{done['result']}/compare/{base.name}").json()
    for there, back in zip(one["rows"], other["rows"], strict=True):
        assert there["expected_change"] == -back["expected_change"]
        assert (there["better"], there["worse"]) == (back["worse"], back["better"])


def test_remedies_are_answered_and_remembered(ask: Ask, base: Path) -> None:
    box = "urn:ngsi-ld:MeterBox:testville:"
    rows = ask("GET", f"/districts/testville/assets.geojson?run={base.name}").json()["features"]
    asset = next(row["properties"]["id"] for row in rows if row["properties"]["id"].startswith(box))
    first = ask("GET", f"/runs/{base.name}/assets/{asset}/remedies")
    assert first.status_code == 200, first.text
    found = first.json()
    assert found["agrees"]
    assert {"drip_10", "insulate_40", "drain"} <= {item["id"] for item in found["remedies"]}
    for item in found["remedies"]:
        assert item["title"]["zh-CN"]
        assert item["caveat"]["en"]
        for event in item["events"]:
            assert event["change"] == pytest.approx(event["after"] - event["before"], abs=1e-9)
    assert ask("GET", f"/runs/{base.name}/assets/{asset}/remedies").json() == found
    elsewhere = asset.replace("testville", "elsewhere")
    answer = ask("GET", f"/runs/{base.name}/assets/{elsewhere}/remedies")
    assert code(answer) == (404, "http.other-district")


def test_what_can_be_chosen_and_how_many_it_means(ask: Ask, base: Path) -> None:
    found = ask("GET", f"/runs/{base.name}/whatif-options").json()
    assert found["weather_records"] == ["testkit-cold"]
    assert found["sub_districts"] == ["东街道", "西街道"]
    risers = next(item for item in found["kinds"] if item["kind"] == "Riser")
    names = {item["name"] for item in risers["attributes"]}
    assert {"insulation_thickness", "drip_flow", "material"} <= names
    assert "name" not in names
    sent = {"assets": [{"select": {"kind": "Riser"}}, *WRAP["assets"]]}
    counts = ask("POST", f"/runs/{base.name}/whatif-counts", sent).json()["counts"]
    assert counts == [risers["count"], *[3] * len(KINDS)]


BAD = [
    ({"name": "x"}, (400, "whatif.bad-order")),
    ({"name": "x", "run": "none"}, (404, "run.no-run")),
    ({"name": "../x", "run": "BASE"}, (400, "whatif.bad-name")),
    ({"name": "main", "run": "BASE"}, (400, "whatif.bad-name")),
    ({"name": NAME, "run": "BASE"}, (409, "whatif.name-taken")),
    ({"name": "x", "run": "BASE", "changes": {"weather": {"record": "none"}}},
     (404, "whatif.unknown-weather")),
    ({"name": "x", "run": "BASE", "changes": {"weather": {"air_temperature_shift_C": 100}}},
     (400, "forecast.bad-change")),
    ({"name": "x", "run": "BASE", "changes": {"assets": [
        {"select": {"kind": "Riser"}, "set": {"insulation_thickness": -1}}]}},
     (400, "whatif.bad-value")),
]  # fmt: skip


@pytest.mark.parametrize(("order", "expected"), BAD)
def test_bad_orders_are_refused_with_a_remedy(
    ask: Ask, base: Path, done: dict[str, Any], order: dict[str, Any], expected: tuple[int, str]
) -> None:
    del done
    sent = {**order, "run": base.name} if order.get("run") == "BASE" else order
    answer = ask("POST", "/whatifs", sent)
    assert code(answer) == expected
    assert all(answer.json()["error"]["remedy"].values())
    assert len(ask("GET", "/whatifs").json()["whatifs"]) == 1


def test_what_is_not_json_is_refused(ask: Ask) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = ask("POST", "/whatifs", None, content=b'{"name": "x"}', headers=headers)
    assert code(answer) == (400, "http.bad-body")


@pytest.mark.parametrize("path", ["/whatifs/none", "/whatifs/%2e%2e"])
def test_an_unknown_what_if_is_said_to_be_unknown(ask: Ask, path: str) -> None:
    assert ask("GET", path).status_code == 404
    assert ask("DELETE", path).status_code == 404


def test_kept_ones_are_refused_cancelled_ones_leave_nothing_and_dropped_ones_are_gone(
    ask: Ask, base: Path, done: dict[str, Any]
) -> None:
    place = f"/whatifs/{quote(NAME)}"
    assert ask("POST", f"{place}/keep", {"kept": True}).json()["kept"]
    assert code(ask("DELETE", place)) == (409, "whatif.kept")
    assert code(ask("POST", f"{place}/keep", {"kept": "yes"})) == (400, "whatif.bad-order")
    ask("POST", f"{place}/keep", {"kept": False})

    ask("POST", "/whatifs", {"name": "second", "run": base.name, "changes": WRAP})
    until(lambda: ask("GET", "/whatifs/second").json()["state"] == "running")
    assert ask("POST", "/whatifs/second/cancel").status_code == 202
    assert over(ask, "second")["state"] == "cancelled"
    assert ask("POST", "/whatifs/second/cancel").status_code == 200
    runs = {item["run"] for item in ask("GET", "/runs").json()["runs"]}
    assert runs == {base.name, done["result"]}

    assert ask("DELETE", "/whatifs/second").status_code == 204
    assert ask("DELETE", place).status_code == 204
    assert ask("GET", "/whatifs").json()["whatifs"] == []
    assert [item["run"] for item in ask("GET", "/runs").json()["runs"]] == [base.name]
    assert [item["name"] for item in ask("GET", "/branches").json()["branches"]] == ["main"]
    assert code(ask("GET", f"/runs/{done['result']}")) == (404, "http.no-run")
