"""A stranger's package: its wheel and ours go into a clean environment, and it runs there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUN = """
import json, sys
from datetime import datetime
from pathlib import Path

import lingjing
from lingjing.engine.run import RunRequest, run_scenario
from lingjing.engine.settings import open_store
from lingjing.engine.weather import keep_weather
from lingjing.sdk.registry import listing
from lingjing.sdk.testkit import START, small_district, small_entities, small_weather
from lingjing.twin.entities import SourceRecord

data = Path(sys.argv[1])
store = open_store(data)
record = SourceRecord("kit", "testville", "kit", "CC0-1.0", "", "2023-12-01T00:00:00Z", True, {})
store.import_entities(small_district(), record, small_entities())
store.close()
keep_weather(data, small_weather())
found = {item.id: str(item.error or "") for item in listing(probe=True)}
result = run_scenario(RunRequest("bridge-frost", data, "testville", "testkit-cold", START, 48))
print(json.dumps({
    "where": lingjing.__file__,
    "found": found,
    "folder": str(result.folder),
    "distribution": result.record["scenario"],
    "words": result.summary["scenario"]["title"]["zh-CN"],
}))
"""


def call(command: list[str | Path], folder: Path, **environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=plain | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def clean_python(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with the two wheels, and the libraries of this one.

    The libraries that both need come from the environment the tests run in, through a path file:
    no network is used, and neither project's source is on the path.
    """
    place = tmp_path_factory.mktemp("wheels")
    for source in (repository, repository / "examples" / "lingjing-hello"):
        call([sys.executable, "-m", "build", "-w", "--no-isolation", "--outdir", place, source],
             place)  # fmt: skip
    wheels = sorted(place.glob("*.whl"))
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["lingjing_hello", "lingjing_twin"]
    home = place / "clean"
    call([sys.executable, "-m", "venv", home], place)
    python = home / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
               "--disable-pip-version-check", *wheels]  # fmt: skip
    call(install, place)
    libraries = sysconfig.get_path("purelib")
    site = Path(call([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                     place).strip())  # fmt: skip
    # a plain path, not a site folder: the path files of this environment, the editable install
    # of the project among them, are not followed
    (site / "libraries.pth").write_text(libraries + "\n")
    return python


def test_a_foreign_scenario_runs_from_its_wheel(clean_python: Path, tmp_path: Path) -> None:
    said = json.loads(call([clean_python, "-c", RUN, tmp_path / "data"], tmp_path).splitlines()[-1])
    assert said["where"].startswith(str(clean_python.parent.parent))
    assert said["found"]["bridge-frost"] == ""
    assert said["found"]["coldwave"] == ""
    assert said["distribution"]["distribution"] == "lingjing-hello"
    assert said["words"] == "桥面白霜"
    assert (Path(said["folder"]) / "outcomes.parquet").is_file()


def test_the_command_lists_it(clean_python: Path, tmp_path: Path) -> None:
    command = clean_python.with_name("lingjing")
    listed = json.loads(call([command, "scenario", "list", "--json"], tmp_path))
    usable = {item["id"]: item["usable"] for item in listed}
    assert usable == {"bridge-frost": True, "coldwave": True}


def test_its_own_tests_pass_there(clean_python: Path, repository: Path, tmp_path: Path) -> None:
    tests = repository / "examples" / "lingjing-hello" / "tests"
    said = call(
        [
            clean_python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tests,
        ],
        tmp_path,
    )
    assert "passed" in said
