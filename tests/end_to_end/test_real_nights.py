"""Two observed cold waves over a real street block, through the command; see checked-nights.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import osmium
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lingjing.engine.settings import open_store
from lingjing.interfaces.cli import run

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

SHANGHAI = "shanghai-hourly-winters-2010-2012.csv", "2011-01-14T00:00+08:00"
BEIJING = "beijing-guanyuan-hourly-2015-12-15_2016-02-15.csv", "2016-01-21T00:00+08:00"


@pytest.fixture(scope="module")
def data(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the real block."""
    folder = tmp_path_factory.mktemp("real") / "data"
    source = str(shared_data / "maps" / "yangpu-siping.osm.pbf")
    assert run(["district", "import", source, "--pack", "yangpu", "--data", str(folder)]) == 0
    return folder


def night(data: Path, shared_data: Path, case: tuple[str, str], out: Path) -> Path:
    weather, start = case
    assert run(["run", "coldwave", "--district", "yangpu", "--start", start, "--hours", "120",
                "--weather", str(shared_data / "weather" / weather),
                "--data", str(data), "--out", str(out)]) == 0  # fmt: skip
    return out


@pytest.fixture(scope="module")
def shanghai(data: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night(data, shared_data, SHANGHAI, tmp_path_factory.mktemp("shanghai") / "out")


@pytest.fixture(scope="module")
def beijing(data: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return night(data, shared_data, BEIJING, tmp_path_factory.mktemp("beijing") / "out")


def expected(folder: Path, kind: str, quantity: str) -> float:
    """How many assets of a kind are expected to be struck."""
    table = pq.read_table(folder / "outcomes.parquet")
    chosen = pc.and_(pc.equal(table["kind"], kind), pc.equal(table["quantity"], quantity))
    return float(pc.sum(table.filter(chosen)["probability"]).as_py() or 0.0)


def surface(folder: Path) -> np.ndarray:
    """Median road surface temperature [situations, hours] [°C]."""
    table = pq.read_table(folder / "series.parquet")
    chosen = table.filter(pc.equal(table["quantity"], "road_surface_temperature"))
    return np.array(chosen["p50"].to_pylist(), dtype=float)


def test_buildings_agree_with_another_count_of_the_same_file(data: Path, shared_data: Path) -> None:
    source = shared_data / "maps" / "yangpu-siping.osm.pbf"
    outlines = sum(
        1 for item in osmium.FileProcessor(source)
        if isinstance(item, osmium.osm.Way) and item.tags.get("building", "no") != "no"
    )  # fmt: skip
    with open_store(data) as store:
        counts = store.counts("yangpu")
        report = {item.name: item.report for item in store.sources("yangpu")}["map:yangpu-siping"]
    assert report["read"]["building ways"] == outlines == 493
    assert report["read"]["highway ways"] == 315
    # five multipolygons add one building each; the sixth relation only groups parts
    assert counts["Building"] == outlines + 5


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("maps/shanghai-centre-roads.osm.pbf", "maps.no-buildings"),
        ("weather/shanghai-hourly-winters-2010-2012.csv", "maps.not-a-map"),
    ],
)
def test_what_is_no_district_is_refused(
    file: str, code: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["district", "import", str(shared_data / file), "--pack", "yangpu", "--json",
                  "--data", str(tmp_path / "data")])  # fmt: skip
    assert status == 3
    assert json.loads(capsys.readouterr().err)["error"]["code"] == code
    assert not (tmp_path / "data").exists()


def test_the_colder_wave_strikes_more_of_everything_that_holds_water(
    shanghai: Path, beijing: Path
) -> None:
    for kind in ("MeterBox", "Riser", "Tap", "Valve"):
        assert expected(beijing, kind, "plugged") > 1.2 * expected(shanghai, kind, "plugged") > 0.0


def test_snow_made_the_roads_of_2011_slippery_and_a_dry_cold_did_not(
    shanghai: Path, beijing: Path
) -> None:
    assert expected(shanghai, "RoadSegment", "road_slippery") > 100.0
    assert expected(beijing, "RoadSegment", "road_slippery") < 1.0


@pytest.mark.parametrize(("case", "coldest_C"), [("shanghai", -5.0), ("beijing", -16.8)])
def test_a_surface_follows_the_air_at_night_and_the_sun_by_day(
    case: str, coldest_C: float, request: pytest.FixtureRequest
) -> None:
    columns = surface(request.getfixturevalue(case))
    assert np.abs(columns.min(axis=1) - coldest_C).max() < 2.5
    nights, noons = columns[:, 5::24], columns[:, 13::24]
    assert (noons - nights).mean() > 2.0


def test_the_winter_of_2011_is_replayed_to_the_byte(
    shanghai: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["replay", str(shanghai), "--out", str(tmp_path / "again"), "--json",
                "--data", str(data)]) == 0  # fmt: skip
    assert json.loads(capsys.readouterr().out)["same"]


def test_an_owners_list_takes_the_place_of_what_was_inferred(
    shanghai: Path, data: Path, shared_data: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with open_store(data) as store:
        houses = store.twin("yangpu").view("Building")
        inferred = store.counts("yangpu")
    rows = [
        "id,kind,longitude_deg,latitude_deg,building,location,material,inner_diameter_mm,insulation_thickness_mm,households"
    ]
    for number in range(300):
        at = f"{houses.longitude_deg[number]},{houses.latitude_deg[number]}"
        house = str(houses.ids[number]).rsplit(":", 1)[-1]
        outside = ("facade", 0) if number % 3 == 0 else ("stairwell", 20 * (number % 3))
        rows.append(f"MB-{number},MeterBox,{at},{house},{outside[0]},galvanised_steel,20,"
                    f"{outside[1]},12")  # fmt: skip
        rows.append(f"RI-{number},Riser,{at},{house},semi_open_corridor,galvanised_steel,50,"
                    f"{20 * (number % 2)},36")  # fmt: skip
    listed = tmp_path / "owner.csv"
    listed.write_text("\n".join(rows) + "\n", encoding="utf-8")
    # a copy of the data, so that the order of these tests does not matter
    own = tmp_path / "data"
    own.mkdir()
    with open_store(data) as store:
        store.close()
    (own / "twin.sqlite").write_bytes((data / "twin.sqlite").read_bytes())
    capsys.readouterr()
    assert run(["inventory", "import", str(listed), "--district", "yangpu", "--json",
                "--data", str(own)]) == 0  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert said["kept"] == {"MeterBox": 300, "Riser": 300}
    assert said["replaced"] == {
        "stock-model": {kind: inferred[kind] for kind in ("MeterBox", "Riser")}
    }
    assert run(["district", "show", "yangpu", "--json", "--data", str(own)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["counts"] == inferred | {"MeterBox": 300, "Riser": 300}
    assert shown["provenance"]["MeterBox"]["imported"] > 0.7
    out = night(own, shared_data, SHANGHAI, tmp_path / "out")
    # the hundred bare boxes on façades are what frost finds; the others are insulated indoors
    assert 20.0 < expected(out, "MeterBox", "plugged") <= 100.0
    assert expected(out, "MeterBox", "plugged") != expected(shanghai, "MeterBox", "plugged")
    assert expected(out, "Tap", "plugged") == expected(shanghai, "Tap", "plugged")
