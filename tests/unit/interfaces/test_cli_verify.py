"""`lingjing verify` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lingjing.interfaces.cli import run

HOURS = 24 * 6


def _write(path: Path, columns: dict[str, np.ndarray], start: str = "2024-01-01T00:00") -> str:
    times = np.array(start, "datetime64[m]") + np.arange(HOURS) * np.timedelta64(60, "m")
    lines = [",".join(("time", *columns))]
    lines += [
        ",".join((str(time), *(f"{values[index]:.3f}" for values in columns.values())))
        for index, time in enumerate(times)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def truth() -> np.ndarray:
    """A road's days and nights."""
    clock = np.arange(HOURS)
    return 4.0 * np.sin((clock - 9) / 24 * 2 * np.pi) + 0.02 * (clock % 37)


@pytest.fixture
def pair(tmp_path: Path, truth: np.ndarray) -> tuple[str, str]:
    """A forecast 0.5 °C too warm, with its spread, and what was observed."""
    said = {"road_temperature_C": truth + 0.5, "p10": truth - 1.0, "p90": truth + 2.0}
    return (
        _write(tmp_path / "forecast.csv", said),
        _write(tmp_path / "observed.csv", {"pavement_temperature_C": truth}),
    )


def test_scores_and_figures_are_written(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores"
    assert run(["verify", *pair, "--out", str(out), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["errors"]["all"] == {
        "count": HOURS, "mae": pytest.approx(0.5, abs=1e-3), "bias": pytest.approx(0.5, abs=1e-3),
        "rmse": pytest.approx(0.5, abs=1e-3),
    }  # fmt: skip
    assert scores["column"] == "pavement_temperature_C"
    assert scores["clock"]["offset_h"] == 0
    assert scores["within_p10_p90"] == 1.0
    assert json.loads((out / "scores.json").read_text(encoding="utf-8")) == scores
    names = {path.name for path in out.iterdir()}
    assert names == {"scores.json"} | {
        f"{name}.svg" for name in ("course", "scatter", "reliability", "value", "clock")
    }
    before = (out / "value.svg").read_bytes()
    assert run(["verify", *pair, "--out", str(out)]) == 0
    assert (out / "value.svg").read_bytes() == before


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_a_late_clock_is_said_in_words(
    tmp_path: Path,
    truth: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
) -> None:
    monkeypatch.setenv("LINGJING_LOCALE", locale)
    said = _write(tmp_path / "f.csv", {"road_temperature_C": truth})
    came = _write(tmp_path / "o.csv", {"road_temperature_C": np.roll(truth, 3)})
    assert run(["verify", said, came]) == 0
    assert "+3" in capsys.readouterr().out


def test_what_does_not_fit_is_named(
    pair: tuple[str, str], tmp_path: Path, truth: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = _write(tmp_path / "late.csv", {"road_temperature_C": truth}, "2030-01-01T00:00")
    colder = _write(tmp_path / "air.csv", {"air_temperature_C": truth})
    for arguments, code in (
        ([pair[0], elsewhere], "verify.no-overlap"),
        ([pair[0], colder], "verify.no-column"),
        ([colder, pair[1]], "verify.no-column"),
        ([*pair, "--column", "depth"], "verify.no-column"),
        ([*pair, "--skip-hours", "100000"], "verify.no-overlap"),
    ):
        capsys.readouterr()
        assert run(["verify", *arguments, "--json"]) == 3
        assert json.loads(capsys.readouterr().err)["error"]["code"] == code
    assert run(["verify", str(tmp_path), pair[1]]) != 0
