"""A record computes again to the same bytes, or says what changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lingjing.engine.replay import replay
from lingjing.engine.run import RunResult
from lingjing.engine.weather import keep_weather
from lingjing.sdk import LingjingError
from lingjing.sdk.testkit import small_weather

MakeGuest = Callable[..., Path]
Run = Callable[..., RunResult]


def test_a_replay_is_the_same_to_the_byte(finished: RunResult, tmp_path: Path) -> None:
    out = tmp_path / "again"
    report = replay(finished.folder / "run.json", out)
    assert report.same
    assert report.error is None
    assert report.changes == ()
    assert len(report.files) == 9
    for name in report.files:
        assert (out / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_only_times_differ_between_the_records(finished: RunResult, tmp_path: Path) -> None:
    out = tmp_path / "again"
    replay(finished.folder, out)
    then = json.loads((finished.folder / "run.json").read_text())
    now = json.loads((out / "run.json").read_text())
    for record in (then, now):
        for name in ("timings", "written_at"):
            del record[name]
    assert then == now


def test_changed_weather_is_named_and_nothing_is_computed(
    finished: RunResult, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(finished.folder.parent.parent, data)
    table = small_weather("cold")
    air = table.columns["air_temperature"] + 0.5
    keep_weather(data, replace(table, columns=dict(table.columns) | {"air_temperature": air}))
    record = json.loads((finished.folder / "run.json").read_text())
    record["request"]["data_dir"] = str(data)
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(LingjingError) as caught:
        replay(tmp_path / "run.json", tmp_path / "again")
    assert caught.value.code == "replay.inputs-changed"
    assert caught.value.exit_code == 8
    assert "weather testkit-cold" in caught.value.what()
    assert "district" not in caught.value.what().partition(":")[2]
    assert not (tmp_path / "again").exists()
    report = replay(tmp_path / "run.json", tmp_path / "again", despite_changes=True)
    assert "outcomes.parquet" in report.differences
    assert report.error is not None
    assert report.error.code == "replay.outputs-differ"


def test_changed_code_of_the_guest_is_named(
    make_guest: MakeGuest, run: Run, tmp_path: Path
) -> None:
    folder = make_guest("moody_guest")
    result = run("moody-guest")
    page = folder / "__init__.py"
    page.write_text(page.read_text().replace("air < -2.0", "air < -3.0"))
    with pytest.raises(LingjingError) as caught:
        replay(result.folder, tmp_path / "again")
    assert "scenario moody-guest code" in caught.value.what()


def test_a_guest_with_hidden_chance_is_found_out(
    make_guest: MakeGuest, run: Run, tmp_path: Path
) -> None:
    make_guest("random_guest", foresee="outcomes[0].levels[:] += np.random.default_rng().random()")
    result = run("random-guest")
    report = replay(result.folder, tmp_path / "again")
    assert not report.same
    assert "outcomes.parquet" in report.differences
    assert "work.csv" not in report.differences


def test_another_version_is_named_when_the_bytes_are_the_same(
    finished: RunResult, tmp_path: Path
) -> None:
    record = json.loads((finished.folder / "run.json").read_text())
    record["versions"]["numpy"] = "0.1"
    (tmp_path / "run.json").write_text(json.dumps(record))
    report = replay(tmp_path / "run.json", tmp_path / "again")
    assert report.same
    assert any(item.startswith("numpy: 0.1 → ") for item in report.changes)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1}', '{"format": 99}'])
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    page = tmp_path / "run.json"
    page.write_text(content)
    with pytest.raises(LingjingError) as caught:
        replay(page, tmp_path / "again")
    assert caught.value.code == "run.no-record"
    with pytest.raises(LingjingError):
        replay(tmp_path / "absent.json", tmp_path / "again")
