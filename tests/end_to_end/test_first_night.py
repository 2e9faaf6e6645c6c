"""The first night as a user meets it: the command in a process of its own, on a small district."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

START = "2023-12-20T17:00+08:00"
PROGRAM = "import sys; from lingjing.interfaces.cli import main; main(sys.argv[1:])"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *arguments]


def lingjing(*arguments: str, locale: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LINGJING_LOCALE": locale},
        timeout=300,
    )


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the demo of a hundredth of a district, run once."""
    data = tmp_path_factory.mktemp("night")
    done = lingjing("demo", "--once", "--scale", "0.01", "--data", str(data), locale="zh-CN")
    assert done.returncode == 0, done.stderr
    (data / "said.txt").write_text(done.stdout, encoding="utf-8")
    return data


@pytest.fixture(scope="module")
def names(night: Path) -> tuple[str, str]:
    """Names of the demo's district and weather."""
    districts = json.loads(lingjing("district", "show", "--json", "--data", str(night)).stdout)
    weather = json.loads(lingjing("weather", "show", "--json", "--data", str(night)).stdout)
    return districts[0]["name"], weather[0]["name"]


def run_arguments(night: Path, names: tuple[str, str], out: Path, *more: str) -> list[str]:
    return [
        "run", "coldwave", "--district", names[0], "--weather", names[1], "--start", START,
        "--hours", "48", "--members", "5", "--seed", "3", "--out", str(out), "--data", str(night),
        *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def finished(night: Path, names: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run folder."""
    out = tmp_path_factory.mktemp("finished") / "out"
    done = lingjing(*run_arguments(night, names, out))
    assert done.returncode == 0, done.stderr
    return out


def test_the_demo_says_what_freezes_and_what_to_do(night: Path) -> None:
    said = (night / "said.txt").read_text(encoding="utf-8")
    assert "合成" in said
    assert "重建" in said
    assert "先做什么" in said
    assert "撒盐" in said


def test_the_demo_is_found_again_when_nothing_changed(night: Path) -> None:
    before = sorted(path.name for path in (night / "runs").iterdir())
    done = lingjing("demo", "--once", "--scale", "0.01", "--data", str(night))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (night / "runs").iterdir()) == before


def test_a_run_folder_holds_all_that_was_promised(finished: Path) -> None:
    found = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    assert found == {
        "outcomes.parquet", "series.parquet", "work.csv", "work.geojson", "summary.json",
        "summary.md", "run.json", "figures/temperature_fan.svg", "figures/onset_histogram.svg",
        "figures/map.svg",
    }  # fmt: skip
    for name in found - {"outcomes.parquet", "series.parquet"}:
        text = (finished / name).read_text(encoding="utf-8")
        assert "synthetic" in text.lower(), name
    for name in ("outcomes.parquet", "series.parquet"):
        metadata = pq.read_schema(finished / name).metadata
        assert any(b"ynthetic" in value for value in metadata.values()), name


def test_ranks_run_from_one_and_scores_only_fall(finished: Path) -> None:
    with (finished / "work.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(row["reason_zh"] and row["reason_en"] for row in rows)
    places = json.loads((finished / "work.geojson").read_text(encoding="utf-8"))["features"]
    assert len(places) == len(rows)


def test_replay_is_the_same_to_the_byte(finished: Path, night: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    done = lingjing("replay", str(finished / "run.json"), "--out", str(again), "--data", str(night))
    assert done.returncode == 0, done.stdout + done.stderr
    for path in finished.rglob("*"):
        if path.is_file() and path.name != "run.json":
            assert path.read_bytes() == (again / path.relative_to(finished)).read_bytes(), path


def test_replay_names_an_input_that_changed(
    finished: Path, night: Path, names: tuple[str, str], tmp_path: Path
) -> None:
    moved = tmp_path / "data"
    shutil.copytree(night, moved)
    sketched = lingjing(
        "district", "sketch", "yangpu", "--scale", "0.01", "--seed", "99", "--name", names[0],
        "--data", str(moved),
    )  # fmt: skip
    assert sketched.returncode == 0, sketched.stderr
    record = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    record["request"]["data_dir"] = str(moved)
    (tmp_path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    out = tmp_path / "out"
    done = lingjing("replay", str(tmp_path / "run.json"), "--out", str(out), "--data", str(moved))
    assert done.returncode == 8
    assert "district" in done.stderr + done.stdout
    assert not out.exists()


def test_a_run_cut_off_half_way_leaves_nothing(
    night: Path, names: tuple[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    going = subprocess.Popen(
        command(*run_arguments(night, names, out)),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "LINGJING_LOCALE": "en"},
        start_new_session=True,
    )
    assert going.stderr is not None
    for line in going.stderr:
        if "Foreseeing" in line:
            break
    going.send_signal(signal.SIGINT)
    assert going.wait(60) == 130
    going.stderr.close()
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_in_use_is_refused(
    night: Path, names: tuple[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep", encoding="utf-8")
    done = lingjing(*run_arguments(night, names, out, "--json"))
    assert done.returncode == 5
    assert json.loads(done.stderr[done.stderr.index("{") :])["error"]["code"] == "output.in-use"
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_a_forecast_shorter_than_the_run_says_how_far_it_reaches(
    night: Path, names: tuple[str, str], tmp_path: Path
) -> None:
    arguments = run_arguments(night, names, tmp_path / "out", "--hours", "200")
    done = lingjing(*arguments)
    assert done.returncode == 3
    assert "forecast.too-short" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_port_in_use_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = lingjing("demo", "--port", port, "--no-browser", "--data", str(tmp_path / "data"))
    assert done.returncode != 0
    assert "http.port-in-use" in done.stderr
    assert not (tmp_path / "data" / "runs").exists()


def test_serve_answers_on_loopback_and_stops_when_told(night: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    going = subprocess.Popen(
        command("serve", "--port", str(port), "--no-browser", "--data", str(night)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        import httpx

        for _ in range(200):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            pytest.fail("the server never answered")
        assert answer.status_code == 200
    finally:
        going.send_signal(signal.SIGINT)
        out, _ = going.communicate(timeout=30)
    assert f":{port}" in out
    assert going.returncode in (0, 130)
