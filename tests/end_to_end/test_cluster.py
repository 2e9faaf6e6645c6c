"""A run spread over a Dask cluster: the same bytes, whoever computes and whoever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lingjing.engine.run import RunRequest, run_scenario
from lingjing.engine.weather import demo_weather, keep_weather
from lingjing.interfaces.cli import run
from lingjing.sdk import LingjingError, Progress, Text

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow

START = datetime(2023, 12, 20, 9, tzinfo=UTC)


class Cluster:
    """A scheduler and workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DASK_DISTRIBUTED__ADMIN__LOG_FORMAT": "%(message)s",
            "NUMBA_NUM_THREADS": "1",
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self._scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"
        )
        self.address = self._said(self._scheduler, r"Scheduler at:\s*(tcp://\S+)")

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self._folder / f"{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{name}", *arguments],
                stdout=log, stderr=subprocess.STDOUT, env=self._environment, cwd=self._folder,
                start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def _said(self, process: subprocess.Popen[bytes], pattern: str) -> str:
        log = self._folder / f"{self.processes.index(process)}.log"
        for _ in range(600):
            found = re.search(pattern, log.read_text("utf-8", errors="replace"))
            if found:
                return found[found.lastindex or 0]
            assert process.poll() is None, log.read_text("utf-8")
            time.sleep(0.1)
        raise AssertionError(log.read_text("utf-8"))

    def add_worker(self) -> subprocess.Popen[bytes]:
        worker = self._start(
            "dask_worker", self.address, "--no-nanny", "--nthreads", "2", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(self._folder),
        )  # fmt: skip
        self._said(worker, r"Registered to:")
        return worker

    def stop(self, worker: subprocess.Popen[bytes]) -> None:
        worker.terminate()
        worker.wait(20)

    def tasks(self) -> int:
        """Tasks that the scheduler still knows."""
        script = (
            "import sys\n"
            "from distributed import Client\n"
            "with Client(sys.argv[1], set_as_default=False) as client:\n"
            "    print(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, self.address],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return int(done.stdout)

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic district and the demo's weather."""
    folder = tmp_path_factory.mktemp("cluster-data")
    assert run(["district", "sketch", "yangpu", "--scale", "0.02", "--name", "small",
                "--data", str(folder), "--json"]) == 0  # fmt: skip
    keep_weather(folder, demo_weather(members=6, seed=7))
    return folder


def spread_run(
    data: Path,
    out: Path,
    cluster: str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """The hashes of a run's outputs."""
    weather = demo_weather(members=6, seed=7).name
    request = RunRequest(
        "coldwave", data, "small", weather, START, 48, seed=7, out=out, cluster=cluster
    )
    outputs: dict[str, Any] = run_scenario(request, progress=progress, cancelled=cancelled).record[
        "outputs"
    ]
    return outputs


class Reports(Progress):
    """Keeps the shares reported, and acts once when the scenario is on its way."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.shares: list[float] = []
        self._act = act
        self.acted = False

    def report(self, done: float, text: Text) -> None:
        del text
        self.shares.append(done)
        if 0.06 < done < 0.6 and not self.acted:
            self.acted = True
            self._act()


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What this machine's threads give."""
    return spread_run(data, tmp_path_factory.mktemp("alone") / "out")


def test_one_worker_gives_the_bytes_of_this_machine_and_progress_grows(
    cluster: Cluster, data: Path, alone: dict[str, Any], tmp_path: Path
) -> None:
    worker = cluster.add_worker()
    reports = Reports()
    assert spread_run(data, tmp_path / "out", cluster.address, reports) == alone
    assert reports.shares == sorted(reports.shares)
    assert len([share for share in reports.shares if 0.06 < share < 0.85]) >= 3
    cluster.stop(worker)


def test_a_worker_killed_half_way_costs_time_and_no_result(
    cluster: Cluster, data: Path, alone: dict[str, Any], tmp_path: Path
) -> None:
    workers = [cluster.add_worker(), cluster.add_worker()]
    reports = Reports(workers[0].kill)
    assert spread_run(data, tmp_path / "out", cluster.address, reports) == alone
    assert reports.acted
    assert workers[0].wait(10) != 0
    assert workers[1].poll() is None
    cluster.stop(workers[1])


def test_a_cancelled_run_leaves_neither_a_folder_nor_work_on_the_cluster(
    cluster: Cluster, data: Path, tmp_path: Path
) -> None:
    worker = cluster.add_worker()
    reports = Reports()
    with pytest.raises(LingjingError) as caught:
        spread_run(
            data, tmp_path / "out", cluster.address, reports, cancelled=lambda: reports.acted
        )
    assert caught.value.code == "run.interrupted"
    assert not (tmp_path / "out").exists()
    for _ in range(100):
        if cluster.tasks() == 0:
            break
        time.sleep(0.1)
    assert cluster.tasks() == 0
    cluster.stop(worker)


def test_a_scheduler_that_dies_ends_the_run_with_a_remedy_and_no_folder(
    data: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = Cluster(tmp_path_factory.mktemp("doomed"))
    try:
        own.add_worker()
        reports = Reports(own.processes[0].kill)
        with pytest.raises(LingjingError) as caught:
            spread_run(data, tmp_path / "out", own.address, reports)
    finally:
        own.close()
    assert caught.value.code == "cluster.lost"
    assert own.address in caught.value.what("en")
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_not_there_is_named_with_a_remedy(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    weather = demo_weather(members=6, seed=7).name
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
    status = run(
        ["run", "coldwave", "--district", "small", "--weather", weather, "--hours", "48",
         "--start", "2023-12-20T17:00+08:00", "--data", str(data), "--out", str(tmp_path / "out"),
         "--cluster", "tcp://127.0.0.1:9", "--json"]
    )  # fmt: skip
    error = json.loads(capsys.readouterr().err)["error"]
    assert (status, error["code"]) == (7, "cluster.unreachable")
    assert "127.0.0.1:9" in error["what"]["en"]
    assert not (tmp_path / "out").exists()
