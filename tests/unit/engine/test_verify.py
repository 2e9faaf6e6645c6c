"""A run folder scored against observations."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunResult
from lingjing.engine.verify import verify_files
from lingjing.vocabulary import LingjingError, parse_instant


def _observed(finished: RunResult, path: Path, warmer: float) -> str:
    """What a sensor in the first road would have said, so much warmer than the median."""
    folder = RunFolder(finished.folder)
    asset = folder.outcomes("RoadSegment", "road_surface_temperature")["asset"][0].as_py()
    (row,) = (
        item
        for item in folder.asset(asset)["outcomes"]
        if item["quantity"] == "road_surface_temperature"
    )
    start = parse_instant(folder.record()["request"]["start"], None)
    lines = ["time,road_temperature_C"]
    for hour, value in enumerate(row["series"]["p50"]):
        lines.append(f"{(start + timedelta(hours=hour)).isoformat()},{value + warmer:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(asset)


def test_a_road_of_a_run_is_scored_hour_by_hour(finished: RunResult, tmp_path: Path) -> None:
    observed = tmp_path / "observed.csv"
    asset = _observed(finished, observed, 1.5)
    scores = verify_files(finished.folder, observed, asset=asset)
    assert scores["errors"]["all"]["bias"] == pytest.approx(-1.5, abs=1e-3)
    assert scores["brier"] is not None
    assert scores["column"] == "road_temperature_C"


def test_the_road_of_a_run_must_be_named_and_known(finished: RunResult, tmp_path: Path) -> None:
    observed = tmp_path / "observed.csv"
    _observed(finished, observed, 0.0)
    for asset, code in (
        (None, "verify.which-asset"),
        ("urn:ngsi-ld:RoadSegment:testville:nowhere", "run.no-outcome"),
        ("road", "vocabulary.bad-id"),
    ):
        with pytest.raises(LingjingError) as caught:
            verify_files(finished.folder, observed, asset=asset)
        assert caught.value.code == code
