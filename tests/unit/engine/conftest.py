"""A data folder with a small district and its weather, and a way to run a guest there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lingjing.engine.run import RunRequest, RunResult, run_scenario
from lingjing.engine.settings import open_store
from lingjing.engine.weather import keep_weather
from lingjing.sdk.testkit import START, small_district, small_entities, small_weather
from lingjing.twin.entities import SourceRecord

HOURS = 48


def fill(folder: Path) -> Path:
    """Put the test kit's district and weather into a data folder."""
    store = open_store(folder)
    source = SourceRecord(
        "testkit",
        "testville",
        "© test map contributors",
        "ODbL-1.0",
        "",
        "2023-12-01T00:00:00Z",
        True,
        {},
    )
    store.import_entities(small_district(), source, small_entities())
    store.close()
    keep_weather(folder, small_weather("cold"))
    keep_weather(folder, small_weather("mild"))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that holds `testville`, `testkit-cold` and `testkit-mild`."""
    return fill(tmp_path / "data")


Run = Callable[..., RunResult]


@pytest.fixture
def run(data: Path) -> Run:
    """Runs a scenario on the data folder: `run("my-guest", weather="testkit-mild")`."""

    def start(scenario: str, **options: Any) -> RunResult:
        progress = options.pop("progress", None)
        cancelled = options.pop("cancelled", lambda: False)
        known: dict[str, Any] = {
            "data_dir": data,
            "district": "testville",
            "weather": "testkit-cold",
            "start": START,
            "hours": HOURS,
            "seed": 1,
        }
        request = RunRequest(scenario=scenario, **(known | options))
        return run_scenario(request, progress=progress, cancelled=cancelled)

    return start


@pytest.fixture(scope="session")
def finished(standing_guest: str, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run of a sound guest; its folder is only read."""
    folder = fill(tmp_path_factory.mktemp("finished") / "data")
    return run_scenario(
        RunRequest(standing_guest, folder, "testville", "testkit-cold", START, HOURS, seed=1)
    )
