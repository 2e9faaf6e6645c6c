"""A run writes its whole folder, or nothing; the folder says what it rests on."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pyarrow.parquet as pq
import pytest

from lingjing.engine import outputs
from lingjing.engine.outputs_folder import new_folder
from lingjing.engine.results import RunFolder, list_runs
from lingjing.engine.run import RunResult
from lingjing.sdk import LingjingError, Progress, Text
from lingjing.sdk.testkit import START

Run = Callable[..., RunResult]
FILES = {
    "outcomes.parquet",
    "series.parquet",
    "work.csv",
    "work.geojson",
    "summary.json",
    "summary.md",
    "run.json",
    "figures/temperature_fan.svg",
    "figures/onset_histogram.svg",
    "figures/map.svg",
}


def files(folder: Path) -> set[str]:
    return {item.relative_to(folder).as_posix() for item in folder.rglob("*") if item.is_file()}


def test_a_run_writes_every_file_and_no_other(finished: RunResult) -> None:
    assert files(finished.folder) == FILES
    assert not [item for item in finished.folder.parent.iterdir() if item.name.startswith(".")]


def test_outcomes_have_one_row_for_each_asset_and_quantity(finished: RunResult) -> None:
    rows = pq.read_table(finished.folder / "outcomes.parquet").to_pylist()
    assert len(rows) == 12
    keys = [(row["kind"], row["quantity"], row["asset"]) for row in rows]
    assert keys == sorted(keys)
    plugged = next(row for row in rows if row["quantity"] == "plugged")
    assert plugged["p50"] is None
    assert plugged["probability"] == 1.0
    assert START <= plugged["onset_p10"] <= plugged["onset_p50"] <= plugged["onset_p90"]
    road = next(row for row in rows if row["kind"] == "RoadSegment")
    assert road["probability"] is None
    assert road["onset_p50"] is None
    assert road["unit"] == "degC"
    assert road["p10"] < road["p50"] < road["p90"] < 0


def test_series_are_hourly_over_the_window(finished: RunResult) -> None:
    rows = pq.read_table(finished.folder / "series.parquet").to_pylist()
    assert {(row["kind"], row["quantity"]) for row in rows} == {
        ("MeterBox", "plugged"),
        ("RoadSegment", "road_surface_temperature"),
    }
    for row in rows:
        event = row["quantity"] == "plugged"
        assert (row["p50"] is None) is event
        assert len(row["probability"] if event else row["p50"]) == 49


def test_work_is_listed_in_order_of_rank_with_reasons(finished: RunResult) -> None:
    with (finished.folder / "work.csv").open(encoding="utf-8-sig", newline="") as page:
        rows = list(csv.DictReader(page))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert rows[0]["title_zh"] == "包扎水表箱5"
    assert rows[0]["onset_local"] == "2023-12-20 21:00"
    assert rows[0]["onset_utc"] == "2023-12-20T13:00:00Z"
    assert all(row["reason_zh"] and row["rank_reason_en"] for row in rows)


def test_what_is_made_up_is_labelled_in_every_file(finished: RunResult) -> None:
    folder = finished.folder
    assert json.loads((folder / "summary.json").read_text())["synthetic"] is True
    assert json.loads((folder / "run.json").read_text())["synthetic"] is True
    geojson = json.loads((folder / "work.geojson").read_text())
    assert geojson["synthetic"] is True
    assert all(item["properties"]["synthetic"] for item in geojson["features"])
    words = (folder / "summary.md").read_text()
    assert words.count("合成城区") == 1
    assert words.count("Synthetic district") == 1
    for line in (folder / "work.csv").read_text(encoding="utf-8-sig").splitlines()[1:]:
        assert line.startswith(('"合成城区', "合成城区"))
    for name in ("outcomes.parquet", "series.parquet"):
        assert pq.read_schema(folder / name).metadata[b"lingjing.synthetic"] == b"true"


def test_the_sources_are_credited_in_every_table_and_text(finished: RunResult) -> None:
    folder, credit = finished.folder, "© test map contributors"
    for name in ("work.csv", "work.geojson", "summary.json", "summary.md", "run.json"):
        assert credit in (folder / name).read_text(encoding="utf-8-sig"), name
    for name in ("outcomes.parquet", "series.parquet"):
        assert credit.encode() in pq.read_schema(folder / name).metadata[b"lingjing.attribution"]


def test_the_record_holds_inputs_versions_seed_and_timings(finished: RunResult) -> None:
    record = RunFolder(finished.folder).record()
    assert len(record["inputs"]["weather"]["sha256"]) == 64
    assert len(record["inputs"]["district"]["sha256"]) == 64
    assert record["request"]["seed"] == 1
    assert {"python", "numpy", "lingjing-twin"} <= set(record["versions"])
    assert record["timings"]["guest_foresee_s"] >= 0
    assert set(record["outputs"]) == FILES - {"run.json"}


def test_a_mild_spell_lets_the_guest_sleep_and_still_says_so(standing_guest: str, run: Run) -> None:
    result = run(standing_guest, weather="testkit-mild")
    assert files(result.folder) == FILES
    assert result.summary["alarm"] is None
    assert result.summary["work"]["jobs"] == 0
    assert "无须行动" in result.summary["headline"]["zh-CN"]
    assert pq.read_table(result.folder / "outcomes.parquet").num_rows == 0
    assert RunFolder(result.folder).work() == []


def test_progress_only_goes_forward(standing_guest: str, run: Run) -> None:
    seen: list[float] = []

    class Watching(Progress):
        def report(self, done: float, text: Text) -> None:
            assert text["zh-CN"]
            assert text["en"]
            seen.append(done)

    run(standing_guest, progress=Watching())
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_an_output_folder_in_use_is_refused_before_anything_is_computed(
    run: Run, standing_guest: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(LingjingError) as caught:
        run(standing_guest, out=out, district="no-such-district")
    assert caught.value.code == "output.in-use"
    assert caught.value.exit_code == 5
    assert files(out) == {"mine.txt"}


def test_an_empty_output_folder_is_taken(run: Run, standing_guest: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    assert run(standing_guest, out=out).folder == out
    assert files(out) == FILES


def test_a_place_that_cannot_be_a_folder_is_refused(
    run: Run, standing_guest: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LingjingError) as caught:
        run(standing_guest, out=tmp_path / "file" / "out")
    assert caught.value.code == "output.not-writable"


def test_a_read_only_place_is_refused(
    run: Run, standing_guest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "locked"
    place.mkdir()
    if os.geteuid() == 0:  # permissions do not bind this user: let the system call refuse

        def refuse(*args: object, **options: object) -> NoReturn:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr("lingjing.engine.outputs_folder.tempfile.mkdtemp", refuse)
    else:
        place.chmod(0o555)
    with pytest.raises(LingjingError) as caught:
        run(standing_guest, out=place / "out")
    assert caught.value.code == "output.not-writable"
    place.chmod(0o755)
    assert list(place.iterdir()) == []


def test_a_full_disk_leaves_nothing(
    run: Run, standing_guest: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(outputs, "write_series", full)
    with pytest.raises(LingjingError) as caught:
        run(standing_guest)
    assert caught.value.code == "output.disk-full"
    assert not (data / "runs").exists()


def test_ctrl_c_while_writing_leaves_nothing(
    run: Run, standing_guest: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs, "write_figures", interrupted)
    with pytest.raises(LingjingError) as caught:
        run(standing_guest)
    assert caught.value.code == "run.interrupted"
    assert not (data / "runs").exists()


def test_a_folder_is_hidden_until_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as hidden:
        (hidden / "part").write_text("x")
        assert not (tmp_path / "out").exists()
    assert files(tmp_path / "out") == {"part"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"hours": 0}, "run.bad-window"),
        ({"hours": 10_000}, "run.bad-window"),
        ({"start": START + timedelta(minutes=20)}, "run.bad-window"),
        ({"district": "nowhere"}, "twin.no-district"),
        ({"weather": "nothing"}, "weather.not-kept"),
        ({"hours": 60}, "forecast.too-short"),
        ({"members": 50}, "forecast.too-few-members"),
        ({"zone": "Mars/Olympus"}, "run.bad-zone"),
        ({"scenario_id": "no-such"}, "scenario.unknown"),
    ],
)
def test_a_bad_request_is_refused_with_a_code(
    run: Run, standing_guest: str, data: Path, options: dict[str, object], code: str
) -> None:
    known = dict(options)
    with pytest.raises(LingjingError) as caught:
        run(str(known.pop("scenario_id", standing_guest)), **known)
    assert caught.value.code == code
    assert not (data / "runs").exists()


def test_a_run_folder_gives_one_asset_with_everything_foreseen(finished: RunResult) -> None:
    folder = RunFolder(finished.folder)
    asset = folder.outcomes(kind="MeterBox", quantity="plugged")["asset"][0].as_py()
    found = folder.asset(asset)
    assert [row["quantity"] for row in found["outcomes"]] == ["plugged"]
    assert len(found["outcomes"][0]["series"]["probability"]) == 49
    assert folder.series("RoadSegment", "road_surface_temperature", 0)["probability"] is None
    with pytest.raises(LingjingError, match="no-outcome"):
        folder.asset("urn:ngsi-ld:MeterBox:testville:ghost")


def test_the_work_list_is_cut_and_filtered(finished: RunResult) -> None:
    folder = RunFolder(finished.folder)
    assert [row["rank"] for row in folder.work(offset=2, limit=2)] == [3, 4]
    assert folder.work_count({"owner": "property_company"}) == 6
    assert folder.work(filters={"owner": "resident"}) == []
    assert folder.work(limit=1)[0]["place"] == ""
    with pytest.raises(LingjingError, match="no-outcome"):
        folder.work(filters={"colour": "blue"})


def test_only_whole_runs_are_listed(finished: RunResult, tmp_path: Path) -> None:
    # A copy of its own: other tests look into the folder that all share.
    data = tmp_path / "data"
    whole = data / "runs" / finished.folder.name
    shutil.copytree(finished.folder, whole)
    (data / "runs" / ".half").mkdir()
    (data / "runs" / "empty").mkdir()
    assert [item.path for item in list_runs(data)] == [whole]
    with pytest.raises(LingjingError, match="no-run"):
        RunFolder(data / "runs" / "empty")
