"""Bad input through the command itself: a clear code, place and remedy, and nothing changed."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lingjing.interfaces.cli import run
from lingjing.vocabulary import EXIT_CODES, LOCALES
from lingjing.vocabulary.errors import error_texts

START = "2023-12-20T00:00+08:00"
CHINESE = range(0x4E00, 0xA000)


def hours(
    count: int = 72,
    *,
    header: str = "time_local,air_temperature_C,dew_point_C",
    cell: Callable[[int], str] = lambda _: "-1.5",
    hour: Callable[[int], float] = float,
    zone: str = "+08:00",
) -> bytes:
    """A weather CSV from two days before the start."""
    first = datetime(2023, 12, 18)  # noqa: DTZ001 the zone is written behind it, or is missing
    lines = [header]
    for number in range(count):
        moment = first + timedelta(hours=hour(number))
        lines.append(f"{moment:%Y-%m-%dT%H:%M}{zone},{cell(number)},-6.0")
    return ("\n".join(lines) + "\n").encode()


def at_five(text: str) -> Callable[[int], str]:
    return lambda number: text if number == 5 else "0.0"


def members(lengths: Iterable[int]) -> bytes:
    rows = [
        f"2023-12-18T{number:02d}:00+08:00,{member},0.0"
        for member, length in enumerate(lengths)
        for number in range(length)
    ]
    return ("time_local,member,air_temperature_C\n" + "\n".join(rows) + "\n").encode()


def square(name: str, west: float, south: float = 31.28) -> dict[str, object]:
    east, north = west + 0.0003, south + 0.0003
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return feature(name, "Building", {"type": "Polygon", "coordinates": [ring]})


def feature(name: str, kind: str, geometry: dict[str, object]) -> dict[str, object]:
    properties = {"id": name, "kind": kind}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


STREET = feature(
    "r1", "RoadSegment",
    {"type": "LineString", "coordinates": [[121.499, 31.2795], [121.51, 31.2795]]},
)  # fmt: skip
HOUSES = [square(f"b{number}", 121.5 + 0.001 * number) for number in range(3)]
BOW_TIE = feature(
    "bow", "Building",
    {"type": "Polygon", "coordinates": [[
        [121.505, 31.281], [121.506, 31.282], [121.506, 31.281], [121.505, 31.282],
        [121.505, 31.281],
    ]]},
)  # fmt: skip


def collection(*features: dict[str, object]) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


GOOD_MAP = collection(*HOUSES, STREET)

WEATHER = {
    "missing-column": (hours(header="time_local,dew_point_C,wind_speed_m_s"),
                       "weather.missing-column", 1, None),
    "wrong-unit": (hours(header="time_local,air_temperature_F,dew_point_C"),
                   "vocabulary.wrong-unit", 1, "air_temperature_F"),
    "unknown-column": (hours(header="time_local,temp_C,dew_point_C"),
                       "weather.unknown-column", 1, "temp_C"),
    "no-zone": (hours(zone=""), "weather.no-time-zone", 2, "time_local"),
    "gap": (hours(hour=lambda n: n + (10 if n > 9 else 0)), "weather.gap", 12, "air_temperature_C"),
    "duplicate-time": (hours(hour=lambda n: min(n, 9)), "weather.duplicate-time", 12, "time_local"),
    "half-hours": (hours(hour=lambda n: n / 2), "weather.off-the-hour", 3, "time_local"),
    "backward-time": (hours(hour=lambda n: n if n != 9 else -4), "weather.backward-time", 11,
                      "time_local"),
    "nan": (hours(cell=at_five("NaN")), "weather.not-a-number", 7, "air_temperature_C"),
    "decimal-comma": (hours(cell=at_five('"-1,5"')), "weather.not-a-number", 7,
                      "air_temperature_C"),
    "sentinel": (hours(cell=at_five("-999")), "weather.sentinel", 7, "air_temperature_C"),
    "too-cold": (hours(cell=at_five("-80")), "vocabulary.out-of-bounds", 7, "air_temperature_C"),
    "too-hot": (hours(cell=at_five("400")), "vocabulary.out-of-bounds", 7, "air_temperature_C"),
    "uneven-members": (members((12, 12, 9)), "weather.uneven-members", 34, "member"),
    "cut-off": (hours()[:-8], "weather.ragged-row", 73, None),
    "empty": (b"", "weather.empty", None, None),
    "gbk": ("# 气温\n".encode("gbk") + hours(), "weather.not-utf8", 1, None),
    "packed": (gzip.compress(hours()), "weather.unknown-format", None, None),
    "semicolons": (hours().replace(b",", b";"), "weather.unknown-format", None, None),
    "a-map": (GOOD_MAP, "weather.unknown-format", None, None),
    "an-osm-map": (b"\x00\x00\x00\x0e\x0a\x09OSMHeader\x18\xb3\x01\xff", "weather.unknown-format",
                   None, None),
}  # fmt: skip

CITY_MODEL = (
    b'{"type":"CityJSON","version":"2.0","CityObjects":{},"vertices":[],'
    b'"transform":{"scale":[1,1,1],"translate":[0,0,0]}}'
)

MAPS = {
    "empty.osm.pbf": (b"", "maps.empty-file", None, None),
    "text.osm.pbf": (b"this is no map at all\n" * 9, "maps.unknown-format", None, None),
    "login.osm": (b"<!DOCTYPE html><html>Sign in</html>", "maps.unknown-format", None, None),
    "cut.osm": (b"<?xml version='1.0'?><osm version='0.6'><node id='1'", "maps.truncated",
                None, None),
    "weather.csv": (hours(), "maps.not-a-map", None, None),
    "no-buildings.geojson": (collection(STREET), "maps.no-buildings", None, None),
    "no-roads.geojson": (collection(*HOUSES), "maps.no-roads", None, None),
    "twice.geojson": (collection(*HOUSES, HOUSES[0], STREET), "maps.duplicate-id", 4, "id"),
    "cut.geojson": (GOOD_MAP[:-200], "maps.bad-json", None, None),
    "nan.geojson": (GOOD_MAP.replace(b"121.501", b"NaN"), "maps.bad-json", None, None),
    "nothing.geojson": (collection(), "maps.nothing-inside", None, None),
    "model.city.json": (b'{"type":"CityJSON","version":"2.0","CityObjects":{},"vertices":[]}',
                        "citymodel.malformed", None, "transform"),
    "nowhere.city.json": (CITY_MODEL, "citymodel.no-crs", None, "metadata.referenceSystem"),
}  # fmt: skip

RUNS = {
    "scenario": (["--scenario", "coldwav"], "scenario.unknown"),
    "district": (["--district", "tinny"], "twin.no-district"),
    "weather": (["--weather", "colt"], "weather.not-kept"),
    "a-map-as-weather": (["--weather", "MAP"], "weather.unknown-format"),
    "a-folder-as-weather": (["--weather", "FOLDER"], "weather.not-kept"),
    "no-such-data": (["--data", "FOLDER/nothing"], "twin.no-district"),
    "data-is-a-file": (["--data", "MAP"], "usage"),
    "start-without-zone": (["--start", "2023-12-20T00:00"], "vocabulary.no-time-zone"),
    "start-in-words": (["--start", "tomorrow"], "vocabulary.bad-time"),
    "start-off-the-hour": (["--start", "2023-12-20T00:30+08:00"], "run.bad-window"),
    "start-between-utc-hours": (["--start", "2023-12-20T00:00+05:30"], "run.bad-window"),
    "no-hours": (["--hours", "0"], "usage"),
    "no-members": (["--members", "0"], "usage"),
    "forecast-too-short": (["--hours", "48"], "forecast.too-short"),
    "forecast-elsewhere": (["--start", "2011-01-16T00:00Z"], "weather.outside-window"),
    "out-below-a-file": (["--out", "MAP/out"], "output.not-writable"),
    "out-is-a-file": (["--out", "MAP"], "output.in-use"),
    "unknown-option": (["--colour", "blue"], "usage"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a small imported district and a day of weather."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "good.geojson").write_bytes(GOOD_MAP)
    (folder / "cold.csv").write_bytes(hours())
    data = str(folder / "data")
    source = str(folder / "good.geojson")
    assert run(["district", "import", source, "--pack", "yangpu", "--name", "tiny",
                "--data", data]) == 0  # fmt: skip
    assert run(["weather", "import", str(folder / "cold.csv"), "--data", data]) == 0
    return folder


def everything(folder: Path) -> dict[str, str]:
    """All files below a folder; the store's working files apart, which SQLite makes for readers."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file() else "folder"
        for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))
    }  # fmt: skip


def refused(
    arguments: list[str],
    watched: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, object]:
    """The error for machines, after both languages were read and nothing was found changed."""
    before = everything(watched)
    capsys.readouterr()
    said = {}
    for locale in LOCALES:
        monkeypatch.setenv("LINGJING_LOCALE", locale)
        status = run(arguments)
        said[locale] = capsys.readouterr().err
        assert status != 0
    assert run([*arguments, "--json"]) == status
    error: dict[str, object] = json.loads(capsys.readouterr().err)["error"]
    code = str(error["code"])
    assert status == EXIT_CODES["usage" if code == "usage" else error_texts()[code].family]
    for locale in LOCALES:
        assert f"[{code}]" in said[locale]
        assert str(error["remedy"][locale]) in said[locale]  # type: ignore[index]
        assert "Traceback" not in said[locale]
    assert any(ord(letter) in CHINESE for letter in str(error["remedy"]["zh-CN"]))  # type: ignore[index]
    assert everything(watched) == before
    return error


@pytest.mark.parametrize("case", WEATHER)
def test_bad_weather_is_refused_with_its_place(
    case: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    content, code, line, field = WEATHER[case]
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    arguments = ["weather", "import", str(file), "--name", "cold", "--data", str(place / "data")]
    error = refused(arguments, place, capsys, monkeypatch)
    assert (error["code"], error["line"], error["field"]) == (code, line, field)
    assert error["file"] == "bad.csv"


@pytest.mark.parametrize("case", MAPS)
def test_a_bad_map_is_refused_and_the_district_stays(
    case: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    content, code, line, field = MAPS[case]
    file = tmp_path / case
    file.write_bytes(content)
    arguments = ["district", "import", str(file), "--pack", "yangpu", "--name", "tiny",
                 "--data", str(place / "data")]  # fmt: skip
    error = refused(arguments, place, capsys, monkeypatch)
    assert (error["code"], error["line"], error["field"]) == (code, line, field)
    assert error["file"] == str(file)


@pytest.mark.parametrize("case", RUNS)
def test_a_run_that_cannot_be_is_refused_before_anything_is_written(
    case: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given, code = RUNS[case]
    asked = {
        "--scenario": "coldwave", "--district": "tiny", "--weather": "cold", "--start": START,
        "--hours": "12", "--members": "2", "--data": str(place / "data"),
        "--out": str(place / "out"),
    } | {given[0]: given[1].replace("MAP", str(place / "good.geojson"))
         .replace("FOLDER", str(place))}  # fmt: skip
    scenario = asked.pop("--scenario")
    arguments = ["run", scenario, *(part for pair in asked.items() for part in pair)]
    error = refused(arguments, place, capsys, monkeypatch)
    assert error["code"] == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["district", "import", "good.geojson", "--pack", "yangp"], "packs.unknown"),
        (["district", "import", "nothing.osm.pbf", "--pack", "yangpu"], "maps.not-found"),
        (["district", "sketch", "yangpoo"], "packs.unknown"),
        (["district", "show", "yangpu"], "twin.no-district"),
        (["weather", "show", "cold"], "weather.not-kept"),
        (["weather", "import", "good.geojson"], "weather.unknown-format"),
        (["inventory", "import", "good.geojson", "--district", "tiny"], "twin.no-district"),
    ],
)
def test_what_is_refused_makes_no_data_folder(
    arguments: list[str], code: str, place: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(place)
    error = refused([*arguments, "--data", str(place / "new")], place, capsys, monkeypatch)
    assert error["code"] == code
    assert not (place / "new").exists()


def test_an_outline_that_cannot_be_right_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "四平 路 (1).geojson"
    source.write_bytes(collection(*HOUSES, BOW_TIE, square("far", 500.0), STREET))
    capsys.readouterr()
    assert run(["district", "import", str(source), "--pack", "yangpu", "--json",
                "--data", str(tmp_path / "data")]) == 0  # fmt: skip
    shown = json.loads(capsys.readouterr().out)
    dropped = {entry["reason"]: entry for item in shown["sources"] if item["role"] == "map"
               for entry in item["report"]["dropped"]}  # fmt: skip
    assert dropped["self-crossing"]["examples"] == ["bow"]
    assert dropped["out-of-range"]["examples"] == ["far"]
    assert shown["counts"]["Building"] == 3


def test_names_that_begin_with_a_dash_or_lines_that_end_in_cr_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x.csv").write_bytes(b"\xef\xbb\xbf" + hours().replace(b"\n", b"\r\n"))
    assert run(["weather", "import", "--data", "data", "--name", "x", "--", "-x.csv"]) == 0
    assert (tmp_path / "data" / "weather" / "x.parquet").is_file()


def test_a_run_needs_its_record_to_be_replayed(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["replay", str(place / "cold.csv"), "--out", str(place / "again"),
                 "--data", str(place / "data")]  # fmt: skip
    assert refused(arguments, place, capsys, monkeypatch)["code"] == "run.no-record"


def test_an_unknown_command_names_near_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    error = refused(["district", "imprt"], tmp_path, capsys, monkeypatch)
    assert "import" in str(error["what"])
