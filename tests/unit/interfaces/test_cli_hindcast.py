"""`lingjing hindcast road` at the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lingjing.interfaces.cli import run


@pytest.fixture
def forcing(tmp_path: Path) -> Path:
    """Six days of air and sun."""
    lines = ["time,air_temperature_C,shortwave_down_W_m2"]
    for hour in range(144):
        air = 1.0 + 4.0 * np.sin((hour - 9) / 24 * 2 * np.pi)
        sun = max(0.0, 300.0 * np.sin((hour % 24 - 7) / 10 * np.pi)) * (hour % 24 < 18)
        cells = ("", "") if 60 <= hour < 70 else (f"{air:.2f}", f"{sun:.1f}")
        lines.append(",".join((f"2024-01-{1 + hour // 24:02d}T{hour % 24:02d}:00", *cells)))
    path = tmp_path / "forcing.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_result_has_the_named_columns_and_no_empty_cell(
    forcing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert run(["hindcast", "road", str(forcing), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    rows = list(csv.reader(out.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == [
        "time", "road_temperature_C", "water_mm", "snow_mm", "ice_mm", "frost_mm", "p10", "p90",
    ]  # fmt: skip
    assert len(rows) == 1 + 144 - 10
    assert np.isfinite(np.array([row[1:] for row in rows[1:]], dtype=float)).all()
    assert said["splits"] == [{"start": "2024-01-03T12:00", "end": "2024-01-03T21:00", "hours": 10}]
    assert any("UTC" in note for note in said["notes"])
    assert rows[1][0] == "2024-01-01T00:00"


def test_a_site_changes_the_road_and_a_bad_site_is_named(
    forcing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, out = tmp_path / "site.toml", tmp_path / "out.csv"
    base = ["hindcast", "road", str(forcing), "--out", str(out), "--members", "4"]
    site.write_text('[road]\nmaterial = "asphalt"\nalbedo = 0.1\n', encoding="utf-8")
    assert run([*base, "--site", str(site)]) == 0
    dark = out.read_text(encoding="utf-8")
    layers = "[[road.layers]]\nbottom_m = 0.2\nconductivity_W_mK = 0.8\nheat_capacity_J_m3K = 2e6\n"
    site.write_text(f'[road]\nmaterial = "asphalt"\nalbedo = 0.4\n{layers}', encoding="utf-8")
    assert run([*base, "--site", str(site)]) == 0
    assert out.read_text(encoding="utf-8") != dark
    for text, field in (
        ("[road]\nalbedo = 3\n", "road.albedo"),
        ("[road]\nalbdo = 0.3\n", "road.albdo"),
        ('[road]\nmaterial = "wood"\n', "road.material"),
        ("[place]\n", "place"),
        ("[road]\nbridge = 1\n", "road.bridge"),
        (layers + "thickness = 3\n", "road.layers[1].thickness"),
        ("[road]\nlayers = 3\n", "road.layers"),
        ("[road]\nhorizon_deg = [1, 2, 3, 4]\n", "road.horizon_deg"),
        ("[road]\nhorizon_deg = [1, 2, 3, 400]\n", "road.horizon_deg"),
        ("[[road.layers]]\nbottom_m = 0.2\n", "road.layers[1]"),
        (layers + layers, "layers[2]"),
    ):
        site.write_text(text, encoding="utf-8")
        capsys.readouterr()
        assert run([*base, "--site", str(site), "--json"]) == 3
        assert json.loads(capsys.readouterr().err)["error"]["field"] == field


def test_a_missing_file_a_bad_zone_and_a_closed_folder_are_told(
    forcing: Path, tmp_path: Path
) -> None:
    out = str(tmp_path / "out.csv")
    assert run(["hindcast", "road", str(tmp_path / "none.csv"), "--out", out]) != 0
    assert run(["hindcast", "road", str(forcing), "--out", out, "--tz", "Mars/Olympus"]) == 2
    nowhere = str(tmp_path / "none" / "out.csv")
    assert run(["hindcast", "road", str(forcing), "--out", nowhere]) == 5


def test_files_of_other_models_go_in_and_out(
    forcing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our forcing as METRo's and RoadSurf's, run, and their results scored against ours."""
    ours, metro, surf = (tmp_path / name for name in ("o.csv", "roadcast.xml", "road.json"))
    base = ["hindcast", "road", str(forcing), "--members", "4"]
    assert run([*base, "--out", str(ours)]) == 0
    assert run([*base, "--out", str(metro), "--format", "metro"]) == 0
    assert run([*base, "--out", str(surf), "--format", "roadsurf"]) == 0
    for other in (metro, surf):
        capsys.readouterr()
        assert run(["verify", str(ours), str(other), "--json"]) == 0
        scores = json.loads(capsys.readouterr().out)
        assert scores["errors"]["all"]["mae"] < 0.01
        assert scores["errors"]["all"]["count"] == 74  # the longest part
    assert "<rc>" in metro.read_text(encoding="utf-8")
    # what METRo's file holds is enough to run on again
    assert run(["hindcast", "road", str(metro), "--out", str(tmp_path / "again.csv")]) == 0


def test_one_of_several_stations_must_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [f"2024-01-01 {hour:02d}:00" for hour in range(24)]
    stations = [
        {"statId": number, "time": times, "Temperature 2m": [float(number)] * 24,
         "RadiationGlobal": [0.0] * 24}
        for number in (1, 5)
    ]  # fmt: skip
    path, out = tmp_path / "in.json", tmp_path / "out.csv"
    path.write_text(json.dumps(stations), encoding="utf-8")
    base = ["hindcast", "road", str(path), "--out", str(out), "--members", "4"]
    assert run([*base, "--json"]) == 2
    assert "1, 5" in json.loads(capsys.readouterr().err)["error"]["what"]["en"]
    assert run([*base, "--station", "5"]) == 0


def test_a_declared_calibration_says_what_it_found_and_a_site_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["time,air_temperature_C,shortwave_down_W_m2,pavement_temperature_C"]
    for hour in range(24 * 16):
        air = 1.0 + 4.0 * np.sin((hour - 9) / 24 * 2 * np.pi)
        sun = max(0.0, 300.0 * np.sin((hour % 24 - 7) / 10 * np.pi)) * (hour % 24 < 18)
        day, clock = 1 + hour // 24, hour % 24
        lines.append(f"2024-01-{day:02d}T{clock:02d}:00,{air:.2f},{sun:.1f},{air - 3:.2f}")
    path, out, again = (tmp_path / name for name in ("f.csv", "a.csv", "b.csv"))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    base = ["hindcast", "road", str(path), "--members", "4", "--out"]
    until = ["--calibrate", str(path), "--calibrate-until", "2024-01-15T00:00"]
    assert run([*base, str(out), *until, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["calibration"]
    assert found["after_C"] < found["before_C"]
    assert found["pairs"] == 24 * 12
    site = tmp_path / "site.toml"
    rows = "".join(f"{name} = {value}\n" for name, value in found["correction"].items())
    site.write_text("[calibration]\n" + rows, encoding="utf-8")
    assert run([*base, str(again), "--site", str(site)]) == 0
    assert again.read_text(encoding="utf-8") == out.read_text(encoding="utf-8")
    capsys.readouterr()
    assert run([*base, str(out), *until[:3], "2024-01-02T00:00", "--json"]) == 3
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "hindcast.too-few-pairs"


def test_readings_steer_the_road_until_they_end(forcing: Path, tmp_path: Path) -> None:
    plain, told, seen = (tmp_path / name for name in ("a.csv", "b.csv", "seen.csv"))
    base = ["hindcast", "road", str(forcing), "--members", "4", "--out"]
    assert run([*base, str(plain)]) == 0
    rows = list(csv.reader(plain.read_text(encoding="utf-8").splitlines()))
    lines = ["time,road_temperature_C", *(f"{row[0]},{float(row[1]) - 2}" for row in rows[1:])]
    seen.write_text("\n".join(lines) + "\n", encoding="utf-8")
    until = ["--readings", str(seen), "--readings-until", "2024-01-02T12:00"]
    assert run([*base, str(told), *until]) == 0
    after = list(csv.reader(told.read_text(encoding="utf-8").splitlines()))
    apart = [float(b[1]) - float(a[1]) for a, b in zip(rows[1:], after[1:], strict=True)]
    assert apart[30] == pytest.approx(-2.0, abs=0.3)
    assert -2.0 < apart[40] < -0.1
    assert abs(apart[-1]) < 0.1
    assert run([*base, str(told), *until[:3], "noon"]) == 3
    assert run([*base, str(told), *until, "--gain", "2"]) == 2
