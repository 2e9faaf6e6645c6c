"""What sensors said before a run corrects it, stands in its record, and replays to the byte."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lingjing.engine.ingest import Intake
from lingjing.engine.replay import replay
from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunRequest, RunResult, run_scenario
from lingjing.engine.run_readings import READINGS, facts_of, without_live
from lingjing.engine.run_snapshot import Snapshot
from lingjing.engine.settings import open_ledger, open_store
from lingjing.engine.weather import keep_weather
from lingjing.sdk import Heard, LingjingError
from lingjing.sdk.testkit import (
    START,
    small_district,
    small_entities,
    small_outlook,
    small_twin,
    small_weather,
)
from lingjing.sources.sensor_batches import read_batch
from lingjing.sources.sensor_rules import SensorRules
from lingjing.twin.entities import SourceRecord
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Provenance

ROAD = "urn:ngsi-ld:RoadSegment:testville:road-0-0"
OTHER = "urn:ngsi-ld:RoadSegment:testville:road-0-1"
BOX = "urn:ngsi-ld:MeterBox:testville:meter-0-0"


def send(
    data: Path, entity: str, attribute: str, values: list[float], *, last_hour: float = 0.0,
    synthetic: bool = False,
) -> None:  # fmt: skip
    """Observations half an hour apart, the last one so many hours after the run's start."""
    body = json.dumps({
        "source": "test",
        "synthetic": synthetic,
        "observations": [
            {
                "entity": entity, "attribute": attribute, "value": value,
                "observedAt": (
                    START + timedelta(hours=last_hour - 0.5 * (len(values) - 1 - place))
                ).isoformat(),
            }
            for place, value in enumerate(values)
        ],
    }).encode()  # fmt: skip
    with open_ledger(data) as ledger:
        ledger.ensure_tenant("")
        receipt = Intake(ledger).take(read_batch(body, "", SensorRules()))
    assert receipt.taken == len(values), receipt


def cooling(last_C: float, hours: float = 40.0) -> list[float]:
    """A road through two days of the test kit's weather, and its own small noise."""
    steps = np.arange(int(2 * hours) + 1)
    wave = 2.5 * np.cos(2 * np.pi * (steps[-1] - steps) / 48)
    return [round(float(v), 2) for v in last_C + 0.11 * (steps[-1] - steps) + wave - wave[-1]]


def fill(data: Path) -> Path:
    """The test kit's district and weather in a data folder."""
    store = open_store(data)
    source = SourceRecord(
        "testkit", "testville", "© test", "ODbL-1.0", "", "2023-12-01T00:00:00Z", True, {}
    )
    store.import_entities(small_district(), source, small_entities())
    store.close()
    keep_weather(data, small_weather("cold", members=3))
    return data


def start(data: Path, **options: Any) -> RunResult:
    request = RunRequest("coldwave", data, "testville", "testkit-cold", START, 12, seed=1)
    return run_scenario(replace(request, **options))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run over a district whose sensors have not said anything."""
    return start(fill(tmp_path_factory.mktemp("free") / "data"))


@pytest.fixture(scope="module")
def sensed(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that hears one sound road sensor, one that is stuck, and one in a meter box."""
    data = fill(tmp_path_factory.mktemp("sensed") / "data")
    send(data, ROAD, "road_surface_temperature", cooling(1.0))
    send(data, OTHER, "road_surface_temperature", [3.0] * 60)
    steady = [round(6.0 + 0.05 * (place % 7), 2) for place in range(60)]
    send(data, BOX, "supply_temperature", [*steady, 39.0])
    return start(data)


def test_the_record_says_which_readings_were_taken_and_which_refused(
    free: RunResult, sensed: RunResult
) -> None:
    assert free.record["inputs"]["readings"]["sensors"] == []
    said = sensed.record["inputs"]["readings"]
    assert (said["taken"], said["refused"], said["file"]) == (2, 1, READINGS)
    assert said["observations"] == 3 * 50  # a day of spin-up and half an hour, both ends included
    assert said["synthetic"] is False
    by_asset = {item["asset"]: item for item in said["sensors"]}
    assert by_asset[OTHER]["reason"] == "stuck"
    assert by_asset[ROAD]["reason"] is None
    assert by_asset[ROAD]["gain"] == 1.0
    assert by_asset[ROAD]["silent_h"] == 0.0
    assert {"misfit_K", "lacking_W_m2"} == set(by_asset[ROAD]["correction"])
    raw = pq.read_table(sensed.folder / READINGS).to_pylist()
    assert {row["asset"] for row in raw} == {ROAD, OTHER, BOX}
    assert READINGS in sensed.record["outputs"]


def test_every_outcome_says_how_far_sensors_corrected_it(
    free: RunResult, sensed: RunResult
) -> None:
    rows = RunFolder(sensed.folder).outcomes("RoadSegment", "road_slippery").to_pylist()
    gains = {row["asset"]: row["sensor_gain"] for row in rows}
    assert gains[ROAD] == 1.0
    assert 0.3 < gains[OTHER] < 0.81  # it takes over what the sound one says
    deaf = RunFolder(free.folder).outcomes("RoadSegment", "road_slippery").to_pylist()
    assert {row["sensor_gain"] for row in deaf} == {None}
    assert "2 sensors corrected the state" in RunFolder(sensed.folder).words("en")


def test_a_live_supply_temperature_is_judged_before_it_enters_the_physics(
    free: RunResult, sensed: RunResult
) -> None:
    """The box's last word is a spike of 39 °C: no pipe would ever freeze by it."""
    (fact,) = [
        item for item in sensed.record["inputs"]["readings"]["sensors"] if item["asset"] == BOX
    ]
    assert fact["reason"] is None
    assert fact["dropped"] == 1
    assert abs(fact["correction"]["supply_temperature_change_K"]) < 3.0
    row = next(
        row
        for row in RunFolder(sensed.folder).outcomes("MeterBox", "water_temperature").to_pylist()
        if row["asset"] == BOX
    )
    assert row["p50"] < 7.0


def test_a_run_with_readings_replays_to_the_byte_whatever_came_late(
    sensed: RunResult, tmp_path: Path
) -> None:
    data = sensed.folder.parent.parent
    send(data, ROAD, "road_surface_temperature", cooling(-1.0), last_hour=-0.25)
    report = replay(sensed.folder, tmp_path / "again")
    assert report.same, report.differences
    assert report.changes == ()
    assert READINGS in report.files


def test_readings_that_were_tampered_with_are_named(sensed: RunResult, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sensed.folder, copy)
    pq.write_table(pq.read_table(copy / READINGS).slice(5), copy / READINGS)
    with pytest.raises(LingjingError) as caught:
        replay(copy, tmp_path / "again")
    assert caught.value.code == "replay.inputs-changed"
    assert "readings" in caught.value.what()


def test_nothing_observed_after_the_start_or_after_now_is_used(tmp_path: Path) -> None:
    data = fill(tmp_path / "data")
    send(data, ROAD, "road_surface_temperature", cooling(1.0), last_hour=3.0, synthetic=True)
    record = start(data).record
    assert record["inputs"]["readings"]["observations"] == 50
    assert record["inputs"]["readings"]["synthetic"] is True
    assert any("合成读数" in label["zh-CN"] for label in record["labels"])
    early = start(data, known_until=START - timedelta(hours=8)).record
    assert early["inputs"]["readings"]["sensors"][0]["reason"] == "too-old"
    assert early["request"]["known_until"] == "2023-12-20T01:00:00Z"


def test_without_sensors_the_run_is_the_one_that_never_heard_them(
    free: RunResult, tmp_path: Path
) -> None:
    """The live values have gone into the twin; they do not enter the run by another way."""
    data = fill(tmp_path / "data")
    send(data, ROAD, "road_surface_temperature", cooling(1.0))
    deaf = start(data, sensors=False)
    assert deaf.run_id == free.run_id
    assert deaf.record["outputs"]["outcomes.parquet"] == free.record["outputs"]["outcomes.parquet"]


def test_what_a_sleeping_scenario_did_not_use_is_not_counted_as_taken() -> None:
    believed = Heard(ROAD, "RoadSegment", "road_surface_temperature", "", None, 50, 0, 24, 0.0)
    facts = facts_of([believed, replace(believed, gain=1.0)], (), small_outlook())
    assert (facts["taken"], facts["refused"], len(facts["sensors"])) == (1, 0, 2)


def test_observed_values_that_a_guest_does_not_listen_to_stay_in_its_view() -> None:
    register = Provenance("imported", "register")
    live = Provenance("observed", "sensor", observed_at="2023-12-20T08:00:00Z")
    view = TwinView(
        "MeterBox", np.array(["a", "b"], dtype=object), np.zeros(2), np.zeros(2),
        {"supply_temperature": np.array([5.0, 39.0]), "households": np.array([3.0, 4.0])},
        {}, (live, register),
        {"supply_temperature": np.array([1, 0], np.int32),
         "households": np.array([1, 0], np.int32)},
        np.array([b"", b""], dtype=object),
    )  # fmt: skip
    twin = Snapshot(small_twin().district, {"MeterBox": view})
    quiet = without_live(twin, ["supply_temperature"]).view("MeterBox")
    assert quiet.columns["supply_temperature"][0] == 5.0
    assert np.isnan(quiet.columns["supply_temperature"][1])
    assert quiet.columns["households"].tolist() == [3.0, 4.0]
    assert quiet.provenance_index["supply_temperature"].tolist() == [1, -1]
    assert without_live(twin, ["water_temperature"]).view("MeterBox") is view
