"""The road column against an observed winter."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest


@pytest.mark.real_data
def test_the_road_column_beats_taking_the_road_to_be_as_cold_as_the_air(
    repository: Path, shared_data: Path
) -> None:
    winter = shared_data / "pavement" / "winter-2009-10.csv"
    if not winter.is_file():
        pytest.skip("the observed winter is absent from the real data")
    tools = runpy.run_path(str(repository / "benchmarks" / "skill" / "road_winter.py"))
    scores = tools["run"](winter)
    air = scores["road := air temperature"]
    assert air.mae == pytest.approx(2.46, abs=0.1)  # the record is read as it was published
    for title in ("road column, 60 s", "road column, 300 s"):
        road = scores[title]
        assert road.hours == air.hours > 3000
        assert road.mae < 0.8 * air.mae
        assert road.false_alarms < air.false_alarms
        assert road.detected > 0.7
