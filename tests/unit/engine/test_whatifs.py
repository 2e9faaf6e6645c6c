"""What-ifs carried out: branch, changes, run; cancelled, broken off, compared, advised, dropped."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lingjing.engine.replay import replay
from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunRequest, run_scenario
from lingjing.engine.run_readings import READINGS, write_readings
from lingjing.engine.settings import open_ledger, open_store
from lingjing.engine.whatifs.advice import Advisor
from lingjing.engine.whatifs.book import Book, WhatIf
from lingjing.engine.whatifs.comparing import Comparison
from lingjing.engine.whatifs.order import (
    AssetChange,
    Changes,
    Order,
    Select,
    Supplies,
    WeatherOrder,
)
from lingjing.engine.whatifs.runner import Runner
from lingjing.forecast.readings import Said
from lingjing.sdk import LingjingError
from lingjing.sdk.testkit import SPIN_UP_HOURS, START, small_weather
from lingjing.twin.ledger import DEFAULT_TENANT, Ledger

HOURS = 30
BOX = "urn:ngsi-ld:MeterBox:testville:box-0-0"


def fill(folder: Path) -> Path:
    """The data folder of the engine's tests; tests are no package, so it is taken by its path."""
    path = Path(__file__).parent / "conftest.py"
    spec = importlib.util.spec_from_file_location("engine_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Path = module.fill(folder)
    return made


@dataclass
class Place:
    """A data folder with a base run, and what may write its twin."""

    data: Path
    base: RunFolder
    ledger: Ledger
    runner: Runner
    box: str

    def order(self, name: str, changes: Changes | None = None) -> WhatIf:
        """Order a what-if and carry it out."""
        self.runner.book.place(Order(name, self.base.path.name, changes or Changes()))
        self.runner.look()
        return self.runner.book.get(name)

    def run(self, item: WhatIf) -> RunFolder:
        """The run of a what-if that is done."""
        assert item.state == "done", item.error
        assert item.result is not None
        return RunFolder(self.data / "runs" / item.result)

    def branches(self) -> set[str]:
        """Names of the branches."""
        return {item.name for item in self.ledger.branches(DEFAULT_TENANT)}

    def runs(self) -> set[str]:
        """Everything in the folder of runs, hidden things too."""
        return {path.name for path in (self.data / "runs").iterdir()}

    def compare(self, item: WhatIf) -> Comparison:
        """A what-if beside its base."""
        store = open_store(self.data)
        try:
            return Comparison(self.base, self.run(item), store.twin("testville").view)
        finally:
            store.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = fill(tmp_path_factory.mktemp("what-ifs") / "data")
    request = RunRequest("coldwave", data, "testville", "testkit-cold", START, HOURS, seed=3)
    base = RunFolder(run_scenario(request).folder)
    store = open_store(data)
    box = str(store.twin("testville").view("MeterBox").ids[0])
    store.close()
    with open_ledger(data) as ledger:
        runner = Runner(ledger, data)
        assert runner.take()
        yield Place(data, base, ledger, runner, box)
        runner.let_go()


@pytest.fixture(scope="module")
def control(place: Place) -> WhatIf:
    return place.order("control")


@pytest.fixture(scope="module")
def wrapped(place: Place) -> WhatIf:
    change = AssetChange(
        Select("MeterBox", ids=(place.box,)),
        set={"insulation_thickness": 40.0, "insulation_soundness": 1.0},
    )
    return place.order("包扎", Changes(assets=(change,), supplies=Supplies(crews=0.0)))


@pytest.fixture(scope="module")
def colder(place: Place) -> WhatIf:
    return place.order("colder", Changes(weather=WeatherOrder(air_temperature_shift_C=-4.0)))


def test_a_what_if_without_changes_comes_to_the_very_same(place: Place, control: WhatIf) -> None:
    names = ("outcomes.parquet", "series.parquet", "work.csv")
    for name in names:
        assert (place.run(control).path / name).read_bytes() == (
            place.base.path / name
        ).read_bytes()
    assert control.cautions == []
    found = place.compare(control).content()
    assert found["same_outcomes"]
    assert found["same_members"]
    assert found["changed_objects"] == 0
    assert found["words"]["en"] == ["Both runs come to the same."]


def test_the_run_says_what_it_is_a_what_if_of_and_replays_to_the_byte(
    place: Place, colder: WhatIf, tmp_path: Path
) -> None:
    record = place.run(colder).record()
    assert record["request"]["branch"] == "colder"
    assert record["request"]["weather_changes"] == {"air_temperature_shift_C": -4.0}
    assert record["whatif"] == {
        "name": "colder",
        "base": place.base.path.name,
        "changes": {"weather": {"air_temperature_shift_C": -4.0}},
    }
    base = place.base.record()
    assert record["request"]["seed"] == base["request"]["seed"]
    assert record["inputs"]["weather"]["sha256"] == base["inputs"]["weather"]["sha256"]
    report = replay(place.run(colder).path, tmp_path / "again", data_dir=place.data)
    assert report.same, report.differences


def test_a_change_of_one_asset_changes_that_asset_alone(place: Place, wrapped: WhatIf) -> None:
    total, rows = place.compare(wrapped).objects(None, None, 0, 500)
    assert total == len(rows) > 0
    assert {row["id"] for row in rows} == {place.box}
    assert all(row["change"] <= 0 for row in rows)
    assert wrapped.entities == 2  # the box, and the depot with its crews


def test_the_branch_holds_the_changes_and_the_twin_does_not(place: Place, wrapped: WhatIf) -> None:
    store = open_store(place.data)
    try:
        for branch, expected in (("main", 0.0), ("包扎", 40.0)):
            view = store.twin("testville", branch).view("MeterBox")
            assert view.number("insulation_thickness", 0.0)[0] == expected
    finally:
        store.close()
    branch = place.ledger.branch(DEFAULT_TENANT, "包扎")
    assert place.box in place.ledger.changed_ids(branch)
    record = place.ledger.records(branch, [place.box])[place.box].document
    (instance,) = record["attributes"][
        "https://uri.etsi.org/ngsi-ld/default-context/insulation_thickness"
    ].values()
    said = {name.rsplit("/", 1)[-1]: item[""]["value"] for name, item in
            instance["attributes"].items()}  # fmt: skip
    assert said["provenance"] == "simulated"
    assert said["source"] == "what-if 包扎"


def test_a_comparison_says_how_much_and_where(place: Place, colder: WhatIf) -> None:
    found = place.compare(colder).content()
    assert not found["same_outcomes"]
    assert found["same_members"]
    rows = [row for row in found["rows"] if row["quantity"] == "freezing"]
    assert rows
    for row in rows:
        assert row["expected_b"] >= row["expected_a"]
        assert row["worse"] >= 0 == row["better"]
        parts = [item for item in rows if item["kind"] == row["kind"] and item["sub_district"]]
        if row["sub_district"] is None:
            assert sum(item["objects"] for item in parts) == row["objects"]
            assert sum(item["expected_b"] for item in parts) == pytest.approx(
                row["expected_b"], abs=0.05
            )
    everywhere = next(item for item in found["households"] if item["sub_district"] is None)
    assert everywhere["b"] >= everywhere["a"]
    for language in ("zh-CN", "en"):
        assert any("→" in sentence for sentence in found["words"][language])


def test_objects_come_in_order_of_their_difference_and_in_pages(
    place: Place, colder: WhatIf
) -> None:
    comparison = place.compare(colder)
    total, rows = comparison.objects(None, None, 0, 500)
    sizes = [abs(row["change"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert [comparison.objects(None, None, at, 1)[1][0]["id"] for at in range(3)] == [
        row["id"] for row in rows[:3]
    ]
    fewer, boxes = comparison.objects("freezing", "MeterBox", 0, 500)
    assert 0 < fewer < total
    assert {(row["quantity"], row["kind"]) for row in boxes} == {("freezing", "MeterBox")}
    assert comparison.objects("no-such", None, 0, 5) == (0, [])


def test_fewer_crews_reach_fewer_jobs_and_freeze_nothing_more(
    place: Place, wrapped: WhatIf
) -> None:
    work = {row["id"]: row for row in place.compare(wrapped).content()["work"]}
    assert work["covered"]["a"] > work["covered"]["b"]


def test_what_would_change_it_says_what_the_what_if_comes_to(place: Place, wrapped: WhatIf) -> None:
    store = open_store(place.data)
    try:
        twin = store.twin("testville")
        found = Advisor(place.data).remedies(place.base, twin, "1", place.box)
    finally:
        store.close()
    assert found["agrees"]
    remedy = next(item for item in found["remedies"] if item["id"] == "insulate_40")
    rows = place.run(wrapped).asset(place.box)["outcomes"]
    computed = {row["quantity"]: row["probability"] for row in rows
                if row["probability"] is not None}  # fmt: skip
    assert {event["quantity"]: event["after"] for event in remedy["events"]} == {
        name: pytest.approx(value, abs=1e-4) for name, value in computed.items()
    }
    drip = next(item for item in found["remedies"] if item["id"] == "drip_10")
    assert any(event["change"] < 0 for event in drip["events"])
    drained = next(item for item in found["remedies"] if item["id"] == "drain")
    assert not drained["computed"]
    assert all(event["after"] == 0.0 for event in drained["events"])


@pytest.mark.parametrize(
    ("asset", "code"),
    [
        ("urn:ngsi-ld:MeterBox:testville:none", "twin.no-entity"),
        ("urn:ngsi-ld:Building:testville:house-0-0", "whatif.no-remedies"),
        ("urn:ngsi-ld:Depot:testville:depot", "whatif.no-remedies"),
        ("nonsense", "vocabulary.bad-id"),
    ],
)
def test_nothing_is_proposed_for_what_the_scenario_does_not_foresee(
    place: Place, asset: str, code: str
) -> None:
    store = open_store(place.data)
    try:
        with pytest.raises(LingjingError) as caught:
            Advisor(place.data).remedies(place.base, store.twin("testville"), "1", asset)
    finally:
        store.close()
    assert caught.value.code == code


def test_a_taken_name_is_refused(place: Place, control: WhatIf) -> None:
    with pytest.raises(LingjingError) as caught:
        place.runner.book.place(Order("control", place.base.path.name))
    assert caught.value.code == "whatif.name-taken"
    with pytest.raises(LingjingError) as caught:
        place.runner.book.place(Order("held", place.base.path.name), ("held",))
    assert caught.value.code == "whatif.name-taken"


def test_a_branch_made_meanwhile_is_neither_taken_nor_dropped(place: Place) -> None:
    trunk = place.ledger.branch(DEFAULT_TENANT)
    place.ledger.create_branch(trunk, "somebody's")
    item = place.order("somebody's")
    assert item.state == "failed"
    assert item.error is not None
    assert item.error["code"] == "whatif.name-taken"
    place.runner.drop("somebody's")
    assert "somebody's" in place.branches()
    place.ledger.drop_branch(place.ledger.branch(DEFAULT_TENANT, "somebody's"))


@pytest.mark.parametrize("run", ["no-such-run", "../etc", ".hidden", ""])
def test_a_run_that_is_not_there_is_refused(place: Place, run: str) -> None:
    with pytest.raises(LingjingError) as caught:
        place.runner.book.place(Order("x", run))
    assert caught.value.code == "run.no-run"
    assert not place.runner.book.has("x")


def test_one_that_fails_leaves_nothing_but_its_record(place: Place) -> None:
    branches, runs = place.branches(), place.runs()
    change = AssetChange(Select("Riser", owners=("resident",)), set={"length": 3.0})
    item = place.order("finds nothing", Changes(assets=(change,)))
    assert item.state == "failed"
    assert item.error is not None
    assert item.error["code"] == "whatif.selects-nothing"
    assert (place.branches(), place.runs()) == (branches, runs)
    # its name may be taken again
    again = place.order("finds nothing", Changes(assets=(change,)))
    assert again.order > item.order
    place.runner.drop("finds nothing")
    assert not place.runner.book.has("finds nothing")


def test_one_that_is_cancelled_half_way_leaves_nothing_but_its_record(place: Place) -> None:
    branches, runs = place.branches(), place.runs()
    book = place.runner.book
    book.place(Order("half way", place.base.path.name))
    seen: list[float] = []

    def follow(item: WhatIf) -> None:
        seen.append(item.done)
        if item.done > 0.1:
            book.wish("half way", "cancel")

    place.runner.look(follow)
    item = book.get("half way")
    assert item.state == "cancelled"
    assert item.error is None
    assert max(seen) < 1.0
    assert (place.branches(), place.runs()) == (branches, runs)
    assert not book.wished("half way", "cancel")
    place.runner.drop("half way")


def test_one_that_waits_is_cancelled_without_being_begun(place: Place) -> None:
    book = place.runner.book
    book.place(Order("waits", place.base.path.name))
    book.wish("waits", "cancel")
    place.runner.look()
    assert book.get("waits").state == "cancelled"
    assert book.get("waits").started_at is None
    place.runner.drop("waits")


def test_what_an_ended_process_was_at_is_said_to_be_interrupted(place: Place) -> None:
    book = place.runner.book
    item = book.place(Order("broken off", place.base.path.name))
    trunk = place.ledger.branch(DEFAULT_TENANT)
    place.ledger.create_branch(trunk, "broken off")
    half_made = place.runner._out(item)
    hidden = half_made.with_name(f".{half_made.name}.abc")
    hidden.mkdir()
    book.put(msgspec.structs.replace(item, state="running", started_at="x", branched=True))
    place.runner.recover()
    ended = book.get("broken off")
    assert ended.state == "interrupted"
    assert ended.error is not None
    assert ended.error["code"] == "whatif.interrupted"
    assert "broken off" not in place.branches()
    assert not hidden.exists()
    place.runner.drop("broken off")


def test_kept_ones_are_not_dropped_by_mistake(place: Place) -> None:
    book = place.runner.book
    item = place.order("to keep")
    run = place.run(item)
    book.mark("to keep", kept=True)
    with pytest.raises(LingjingError) as caught:
        place.runner.drop("to keep")
    assert caught.value.code == "whatif.kept"
    assert run.path.is_dir()
    book.mark("to keep", kept=False)
    trunk = place.ledger.branch(DEFAULT_TENANT, "to keep")
    place.ledger.create_branch(trunk, "on top")
    with pytest.raises(LingjingError) as caught:
        place.runner.drop("to keep")
    assert caught.value.code == "whatif.has-branches"
    place.ledger.drop_branch(place.ledger.branch(DEFAULT_TENANT, "on top"))
    place.runner.drop("to keep")
    assert not run.path.exists()
    assert "to keep" not in place.branches()
    with pytest.raises(LingjingError) as caught:
        book.get("to keep")
    assert caught.value.code == "whatif.unknown"


def test_only_so_many_may_wait(place: Place, tmp_path: Path) -> None:
    book = Book(tmp_path)
    (tmp_path / "runs").symlink_to(place.data / "runs")
    for number in range(20):
        book.place(Order(f"n{number}", place.base.path.name))
    with pytest.raises(LingjingError) as caught:
        book.place(Order("one more", place.base.path.name))
    assert caught.value.code == "whatif.too-many"


def test_runs_of_two_districts_are_not_compared(place: Place, finished: Any) -> None:
    other = RunFolder(finished.folder)
    summary = other.summary()
    summary["district"]["name"] = "elsewhere"
    other.summary = lambda: summary  # type: ignore[method-assign]
    with pytest.raises(LingjingError) as caught:
        Comparison(place.base, other, _nothing)  # type: ignore[arg-type]
    assert caught.value.code == "whatif.other-districts"


def _nothing(kind: str) -> None:
    raise AssertionError(kind)


def until(condition: Callable[[], Any], limit_s: float = 60.0) -> Any:
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
    return found


def test_one_whose_process_is_killed_is_interrupted_and_computes_no_more(
    place: Place, tmp_path: Path
) -> None:
    data = fill(tmp_path / "data")
    (data / "runs").mkdir()
    (data / "runs" / place.base.path.name).symlink_to(place.base.path)
    command = [
        sys.executable, "-c", "from lingjing.interfaces.cli import main; main()", "whatif",
        "create", "killed", "--run", place.base.path.name, "--data", str(data),
    ]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    book = Book(data)
    try:
        until(lambda: book.has("killed") and book.get("killed").done >= 0.1)
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    until(lambda: not any(Path(f"/proc/{number}").exists() for number in children))
    with open_ledger(data) as ledger:
        runner = Runner(ledger, data)
        assert runner.take()
        runner.recover()
        assert book.get("killed").state == "interrupted"
        assert {item.name for item in ledger.branches(DEFAULT_TENANT)} == {"main"}
        assert {path.name for path in (data / "runs").iterdir()} == {place.base.path.name}
        runner.let_go()


def test_what_would_change_it_hears_what_the_run_heard(place: Place, tmp_path: Path) -> None:
    """Sensors teach an asset and its like; remedies are computed with what they taught."""
    store = open_store(place.data)
    twin = store.twin("testville")
    weather = small_weather("cold")
    hours = slice(0, SPIN_UP_HOURS + 1)
    air = weather.columns["air_temperature"].mean(axis=0)[hours].astype(np.float64)
    seconds = weather.times[hours].astype("datetime64[s]").astype(np.int64)
    heard = tmp_path / "heard"
    heard.mkdir()
    spoken = {
        "RoadSegment": ("road_surface_temperature", air + 1.5),
        "MeterBox": ("water_temperature", np.maximum(air, 0.5) + 1.0),
    }
    said = [
        Said(str(twin.view(kind).ids[0]), kind, quantity, "s", seconds, values)
        for kind, (quantity, values) in spoken.items()
    ]
    write_readings(said, heard / READINGS)
    request = RunRequest(
        "coldwave", place.data, "testville", "testkit-cold", START, HOURS, seed=3,
        out=tmp_path / "run", heard_in=heard,
    )  # fmt: skip
    run = RunFolder(run_scenario(request).folder)
    taken = run.record()["inputs"]["readings"]
    assert taken["taken"] >= 1, taken
    advisor = Advisor(place.data)
    try:
        for kind in spoken:
            for row in (0, 1):  # where the sensor is, and where it is not
                asset = str(twin.view(kind).ids[row])
                found = advisor.remedies(run, twin, "1", asset)
                assert found["agrees"], (kind, row)
                assert found["remedies"]
    finally:
        store.close()
