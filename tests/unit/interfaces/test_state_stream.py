"""The compact state: what is written is what the run says, and what the console reads."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sample_district as sample
from asgi_client import Client
from numpy.typing import NDArray

from lingjing.interfaces.http import API, create_app
from lingjing.interfaces.http.runs import LEVELS
from lingjing.interfaces.http.state_stream import (
    Courses,
    Hourly,
    Owners,
    event_courses,
    packed_stream,
    value_courses,
)

HERE = Path(__file__).parent
FIXTURE = HERE.parents[2] / "console/tests/fixtures/state-stream.json"
START = datetime(2024, 1, 1, tzinfo=UTC)
START_S = int(START.timestamp())


def read(body: bytes) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[Any]]]]:
    """Head and arrays, by nothing but the written description of the format."""
    magic, version, size, _ = struct.unpack_from("<4sIII", body)
    assert (magic, version) == (b"LJST", 1)
    head = json.loads(body[16 : 16 + size])
    arrays: dict[str, dict[str, NDArray[Any]]] = {}
    for item in head["quantities"]:
        arrays[item["quantity"]] = {
            name: np.frombuffer(
                body,
                np.dtype(given["type"]).newbyteorder("<"),
                int(np.prod(given["shape"])),
                16 + size + given["at"],
            ).reshape(given["shape"])
            for name, given in item["arrays"].items()
        }
        assert all((16 + size + given["at"]) % 8 == 0 for given in item["arrays"].values())
    return head, arrays


def summed(hourly: NDArray[Any]) -> NDArray[Any]:
    """Hours of differences, added up modulo the range."""
    return np.cumsum(hourly, axis=-2, dtype=hourly.dtype)


def outcomes(rows: list[dict[str, Any]]) -> pa.Table:
    def at(hours: float | None) -> datetime | None:
        return None if hours is None else START + timedelta(hours=hours)

    columns: dict[str, Any] = {
        "asset": pa.array([row["asset"] for row in rows], pa.string()),
        "kind": pa.array([row.get("kind", "Riser") for row in rows], pa.string()),
        "situation": pa.array([row["situation"] for row in rows], pa.int32()),
        "probability": pa.array([row.get("probability") for row in rows], pa.float32()),
    }
    for name in LEVELS:
        columns[name] = pa.array([row.get(name) for row in rows], pa.float32())
    for name in ("onset_p10", "onset_p50", "onset_p90"):
        columns[name] = pa.array([at(row.get(name)) for row in rows], pa.timestamp("ms", tz="UTC"))
    return pa.table(columns)


def events() -> Courses:
    """Features 0 to 3: two assets, one asset, none, and a part that looks like the first."""
    table = outcomes(
        [
            {"asset": "a", "situation": 0, "probability": 0.4, "onset_p50": 2.0, "onset_p10": 1.0},
            {"asset": "b", "situation": 1, "probability": 0.8, "onset_p50": 1.5},
            {"asset": "c", "situation": 1, "probability": 0.8, "onset_p50": 1.5},
            {"asset": "elsewhere", "situation": 0, "probability": 1.0},
        ]
    )
    hourly = Hourly(
        [("Riser", 0), ("Riser", 1)],
        np.array([[[0.0, 0.4, 0.4, 0.2]], [[0.0, 0.2, 0.8, np.nan]]], np.float32),
    )
    owners = Owners(["a", "b", "c"], np.array([0, 0, 1]), 4, {3: 0}, shared=True)
    return event_courses("plugged", table, hourly, owners, (START_S, 3))


def values() -> Courses:
    table = outcomes(
        [
            {"asset": "a", "situation": 0, **dict.fromkeys(LEVELS, -3.0)},
            {"asset": "b", "situation": 1, **dict.fromkeys(LEVELS, -5.5)},
            {"asset": "c", "situation": 0},
        ]
    )
    levels = np.arange(5, dtype=np.float32)[:, None] + np.array([4.0, 1.0, -3.0, np.nan])
    hourly = Hourly(
        [("Riser", 0), ("Riser", 1)], np.stack([levels, levels - 2.5]).astype(np.float32)
    )
    owners = Owners(["a", "b", "c"], np.array([0, 0, 1]), 4, {3: 0}, shared=True)
    return value_courses("water_temperature", table, hourly, owners, 3, ["b", "a"])


def whole() -> bytes:
    about = {
        "run": "r", "layer": "buildings", "start": "2024-01-01T00:00:00Z", "hours": 3,
        "numbers": 4, "numbering": "n", "data_version": "v",
    }  # fmt: skip
    return packed_stream(about, [events(), values()], "assets")


def test_a_feature_has_the_largest_chance_of_its_assets_at_each_hour() -> None:
    made = events()
    drawn = summed(made.sections["hourly"])[:, made.index]
    assert drawn[:, 0].tolist() == [0, 102, 204, 51]
    assert drawn[:, 1].tolist() == [0, 51, 204, 0]
    assert drawn[:, 2].tolist() == [0, 0, 0, 0]
    assert made.index[2] == 0
    assert made.index[3] == made.index[0]


def test_chance_and_onset_of_the_window_are_those_of_the_likeliest_asset() -> None:
    made = events()
    course = made.index[0]
    assert made.sections["probability"][course] == round(0.8 * 65535)
    assert made.sections["onset"][:, course].tolist() == [65535, 90, 65535]
    assert made.sections["onset"][:, 0].tolist() == [65535] * 3


def test_a_number_is_that_of_the_likeliest_asset() -> None:
    made = values()
    codes = summed(made.sections["hourly"])[:, :, made.index]
    shown = np.where(codes == 65535, np.nan, made.offset + made.scale * codes)
    np.testing.assert_allclose(shown[2, :, 0], [3.5, 0.5, -3.5, np.nan], atol=made.scale / 2)
    np.testing.assert_allclose(shown[2, :, 1], [6.0, 3.0, -1.0, np.nan], atol=made.scale / 2)
    assert np.isnan(shown[:, :, 2]).all()
    extreme = made.offset + made.scale * made.sections["extreme"][:, made.index[0]]
    np.testing.assert_allclose(extreme, [-5.5] * 5, atol=made.scale / 2)
    assert made.sections["extreme"][:, made.index[1]].tolist() == [65535] * 5
    assert made.scale <= (8 - -5.5) / 1000


def test_features_that_share_everything_share_a_course() -> None:
    count = 5000
    table = outcomes(
        [{"asset": str(n), "situation": n % 7, "probability": n % 7 / 7} for n in range(count)]
    )
    hourly = Hourly(
        [("Riser", n) for n in range(7)],
        np.repeat(np.arange(7, dtype=np.float32)[:, None, None] / 7, 25, axis=2),
    )
    owners = Owners([str(n) for n in range(count)], np.arange(count), count)
    made = event_courses("plugged", table, hourly, owners, (START_S, 24))
    assert made.sections["hourly"].shape == (25, 8)
    assert len(set(made.index.tolist())) == 7


def test_a_quantity_that_nothing_has_is_empty() -> None:
    owners = Owners([], np.zeros(0, np.int64), 3)
    nothing = Hourly([], np.zeros((0, 1, 4), np.float32))
    made = event_courses("plugged", outcomes([]), nothing, owners, (START_S, 3))
    assert made.index.tolist() == [0, 0, 0]
    numbers = Hourly([], np.zeros((0, 5, 4), np.float32))
    other = value_courses("water_temperature", outcomes([]), numbers, owners, 3, [])
    assert other.index.tolist() == [0, 0, 0]
    head, _ = read(packed_stream({"numbers": 3}, [made, other], "own"))
    assert [item["courses"] for item in head["quantities"]] == [1, 1]


def test_the_console_is_tested_with_what_is_written_here() -> None:
    kept = json.loads(FIXTURE.read_text(encoding="utf-8"))
    assert base64.b64decode(kept["body"]) == whole(), base64.b64encode(whole()).decode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = Path(sample.write_sample(tmp_path_factory.mktemp("data")))
    with Client(create_app(data)) as made:
        yield made


RUN = f"{API}/runs/{sample.RUN}"


@pytest.mark.parametrize("layer", ["roads", "buildings"])
def test_the_stream_says_what_the_state_says(client: Any, layer: str) -> None:
    state = client.get(f"{RUN}/state/{layer}").json()
    answer = client.get(f"{RUN}/stream/{layer}?quantity={state['quantity']}")
    assert answer.headers["content-type"] == "application/vnd.lingjing.state"
    head, arrays = read(answer.content)
    assert head["numbers"] == state["features"]
    assert head["data_version"] == state["data_version"]
    mine = arrays[state["quantity"]]
    index = mine["index"].astype(np.int64)
    width = state["hours"] + 1
    wanted = np.frombuffer(base64.b64decode(state["hourly"]), np.uint8).reshape(-1, width)
    np.testing.assert_array_equal(summed(mine["hourly"])[:, index].T, wanted)
    chance = np.frombuffer(base64.b64decode(state["probability"]), "<f4")
    np.testing.assert_allclose(mine["probability"][index] / 65535, chance, atol=1e-5)
    onset = np.frombuffer(base64.b64decode(state["onset_p50_hours"]), "<f4")
    minutes = mine["onset"][1][index].astype(float)
    np.testing.assert_allclose(np.where(minutes == 65535, np.nan, minutes / 60), onset, atol=0.01)
    known = np.frombuffer(base64.b64decode(state["known"]), np.uint8)
    np.testing.assert_array_equal(index > 0, known > 0)
    assert known.any()


def test_all_quantities_come_where_none_is_named_events_first(client: Any) -> None:
    head, _ = read(client.get(f"{RUN}/stream/roads").content)
    events_first = [item["event"] for item in head["quantities"]]
    assert events_first == sorted(events_first, reverse=True)
    assert len(events_first) > 1
    preferred = client.get(f"{RUN}/state/roads").json()["quantity"]
    assert head["quantities"][0]["quantity"] == preferred


def test_assets_have_a_stream_of_their_own(client: Any) -> None:
    about = client.get(f"{API}/districts/{sample.NAME}/tiles/assets.json").json()
    head, arrays = read(client.get(f"{RUN}/stream/assets").content)
    assert (head["numbers"], head["numbering"]) == (about["numbers"], about["numbering"])
    assert any((item["index"] > 0).any() for item in arrays.values())


def test_the_stream_is_kept_by_who_holds_it(client: Any) -> None:
    tag = client.get(f"{RUN}/stream/roads").headers["etag"]
    assert client.get(f"{RUN}/stream/roads", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{RUN}/stream/trees", "http.no-layer"),
        (f"{RUN}/stream/sub-districts", "http.no-outcome"),
        (f"{RUN}/stream/roads?quantity=plugged", "http.no-outcome"),
        (f"{RUN}/stream/roads?quantity=road_icy,{'x' * 3000}", "http.no-outcome"),
        (f"{API}/runs/none/stream/roads", "http.no-run"),
    ],
)
def test_what_there_is_no_stream_of_is_refused(client: Any, path: str, code: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == code
    assert len(error["what"]["en"]) < 400
