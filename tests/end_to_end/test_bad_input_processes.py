"""Faults that only a real process meets: signals, full disks, two writers, guests that go wrong."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lingjing.engine.scaffold import new_scenario
from lingjing.engine.settings import open_store
from lingjing.engine.weather import keep_weather
from lingjing.sdk.testkit import small_district, small_entities, small_weather
from lingjing.twin.entities import SourceRecord

PROGRAM = "from lingjing.interfaces.start import main; main()"
START = "2023-12-20T17:00+08:00"
RUN = ["run", "coldwave", "--district", "testville", "--weather", "testkit-cold", "--start", START,
       "--hours", "24", "--members", "3", "--json"]  # fmt: skip
INVENTORY = "id,kind,longitude_deg,latitude_deg,households\n" + "".join(
    f"m{number},MeterBox,{121.52 + number * 1e-6:.6f},31.29,3\n" for number in range(4000)
)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "LINGJING_LOCALE": "en", **more}


def started(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    options.setdefault("env", environment())
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def ended(going: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = going.communicate(timeout=120)
    return going.returncode, said


def code_of(said: str) -> str:
    """The code of the one JSON document that a machine finds on standard error."""
    return str(json.loads(said)["error"]["code"])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that holds `testville` and `testkit-cold`."""
    folder = tmp_path / "data"
    with open_store(folder) as store:
        record = SourceRecord(
            "testkit", "testville", "test", "CC0-1.0", "", "2023-12-01T00:00:00Z", True, {}
        )
        store.import_entities(small_district(), record, small_entities())
    keep_weather(folder, small_weather())
    return folder


def counts(data: Path) -> dict[str, int]:
    with open_store(data) as store:
        return store.counts("testville")


@pytest.fixture(autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Tests started under `nohup` would have every process below them deaf to SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_told_to_end_while_it_loads_ends_quietly(told: signal.Signals) -> None:
    going = started("doctor")
    time.sleep(0.15)
    going.send_signal(told)
    status, said = ended(going)
    assert status in (130, -told)  # before the first line of ours runs, Python itself is ended
    assert "Error" not in said


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_told_to_end_leaves_nothing(data: Path, tmp_path: Path, told: signal.Signals) -> None:
    out, room = tmp_path / "out", tmp_path / "temporary"
    room.mkdir()
    arguments = [part for part in RUN if part != "--json"]
    going = started(*arguments, "--out", str(out), "--data", str(data),
                    env=environment(TMPDIR=str(room)))  # fmt: skip
    assert going.stderr is not None
    for line in going.stderr:
        if "Foreseeing" in line or "%" in line:
            break
    going.send_signal(told)
    status, said = ended(going)
    assert status == 130, said
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "temporary"]
    assert list(room.iterdir()) == []


def test_an_import_told_to_end_leaves_the_district_whole(data: Path, tmp_path: Path) -> None:
    source = tmp_path / "boxes.csv"
    source.write_text(INVENTORY, encoding="utf-8")
    before = counts(data)
    after = before | {"MeterBox": before["MeterBox"] + 4000}
    seen = set()
    for share in (1.0, 1.3, 1.6):
        going = started("inventory", "import", str(source), "--district", "testville",
                        "--data", str(data))  # fmt: skip
        time.sleep(share)
        going.send_signal(signal.SIGTERM)
        status, said = ended(going)
        assert status in (0, 130), said
        assert "Traceback" not in said
        now = counts(data)
        assert now in (before, after)
        seen.add(now == before)
    assert seen


@pytest.mark.parametrize("limit_kib", [2, 60])
def test_a_full_disk_is_said_and_leaves_nothing(data: Path, tmp_path: Path, limit_kib: int) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kib * 1024, limit_kib * 1024))

    room = tmp_path / "temporary"
    room.mkdir()
    env = environment(TMPDIR=str(room))
    going = started(*RUN, "--out", str(tmp_path / "out"), "--data", str(data), env=env,
                    preexec_fn=small_files)  # fmt: skip
    status, said = ended(going)
    assert status == 5, said
    assert code_of(said) in ("output.disk-full", "output.no-temporary-room")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "temporary"]
    assert list(room.iterdir()) == []


def test_two_writers_take_turns(data: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "risers.csv").write_text(INVENTORY.replace("MeterBox", "Riser"), encoding="utf-8")
    before = counts(data)
    going = [
        started("inventory", "import", str(tmp_path / name), "--district", "testville",
                "--data", str(data))
        for name in ("boxes.csv", "risers.csv")
    ]  # fmt: skip
    for process in going:
        status, said = ended(process)
        assert status == 0, said
    now = counts(data)
    assert now["MeterBox"] == before["MeterBox"] + 4000
    assert now["Riser"] == before["Riser"] + 4000


# Guests that go wrong, installed as strangers are: a package with metadata on the path.

FAULTS = {
    "scenario.raised": 'raise ValueError("bad bridge")',
    "scenario.took-too-long": "__import__('time').sleep(60)",
    "scenario.not-a-number": "return broken(self, twin, outlook, float('nan'))",
    "scenario.broken-promise": "return broken(self, twin, outlook, 7.0)",
}
BROKEN = """

def broken(scenario, twin, outlook, value):
    from dataclasses import replace
    foreseen = scenario.sound(twin, outlook, seed=1, progress=None)
    outcome = foreseen.outcomes[0]
    return Foreseen((replace(outcome, probability=np.full_like(outcome.probability, value)),))
"""


@pytest.fixture(scope="module")
def make_guest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes the scaffold's scenario with a fault in it; gives the folder for the path."""

    def make(fault: str) -> Path:
        folder = tmp_path_factory.mktemp("guest")
        new_scenario("demo-x", folder)
        source = folder / "demo-x" / "src"
        module = source / "demo_x" / "__init__.py"
        text = module.read_text("utf-8")
        start = "    def foresee("
        assert start in text
        faulty = f"    def foresee(self, twin, outlook, *, seed, progress):\n        {fault}\n\n"
        module.write_text(text.replace(start, faulty + "    def sound(", 1) + BROKEN, "utf-8")
        metadata = source / "demo_x-0.1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: demo-x\nVersion: 0.1.0\n")
        (metadata / "entry_points.txt").write_text("[lingjing.scenarios]\ndemo-x = demo_x:DemoX\n")
        return source

    return make


@pytest.mark.parametrize("code", FAULTS)
def test_a_guest_that_goes_wrong_is_named(
    code: str, data: Path, tmp_path: Path, make_guest: Callable[[str], Path]
) -> None:
    source = make_guest(FAULTS[code])
    limit = "1" if code == "scenario.took-too-long" else "60"
    arguments = [part if part != "coldwave" else "demo-x" for part in RUN]
    going = started(*arguments, "--time-limit", limit, "--out", str(tmp_path / "out"),
                    "--data", str(data), env=environment(PYTHONPATH=str(source)))  # fmt: skip
    status, said = ended(going)
    assert code_of(said) == code
    assert status == 6
    assert not (tmp_path / "out").exists()
