"""3D Tiles: what tilesets and models say, and what is made anew after a change."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
import tiles3d_checks as checks
from ledgers import changed, do
from tiles3d_solids import BOUNDS, DISTRICT, SOURCE, building, shaped, solids

from lingjing.engine.districts import import_map
from lingjing.engine.settings import open_store
from lingjing.engine.tiles3d import keeping
from lingjing.engine.tiles3d.glb import glb_of
from lingjing.engine.tiles3d.keeping import TileKeeper
from lingjing.engine.tiles3d.solids import Solids, solids_of
from lingjing.engine.tiles3d.tileset import tileset_of
from lingjing.twin.ledger import Desk
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

# Tilesets


def made_of(made: Solids) -> tuple[dict[str, Any], dict[str, bytes]]:
    files: dict[str, bytes] = {}

    def want(name: str, make: Any) -> None:
        files[name] = make()

    return tileset_of(made, BOUNDS, want), files


def test_a_tileset_reads_back_whole() -> None:
    entities = [building(number) for number in range(1500)]
    tileset, files = made_of(solids(*entities))
    assert checks.problems(tileset, files.__getitem__) == []
    assert len(files) > 4
    drawn = checks.models(tileset, files.__getitem__)
    ids = [item for model in drawn.values() for item in model.table["id"]]
    assert sorted(ids) == [entity.id for entity in entities]
    one = next(model for model in drawn.values() if entities[700].id in model.table["id"])
    row = one.table["id"].index(entities[700].id)
    assert one.table["height"][row] == 10.0
    assert one.table["kind"][row] == "Building"
    assert one.table["provenance"][row] == "imported; OpenStreetMap"
    # where the model stands on the earth, by another library
    matrix = np.array(tileset["root"]["transform"]).reshape(4, 4).T
    corners = one.positions[one.features == row] @ matrix[:3, :3].T + matrix[:3, 3]
    proj = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    longitude, latitude, height = proj.transform(*corners.T)
    metre = 1 / 95_000
    west, south, east, north = shapely.from_wkb(entities[700].geometry).bounds
    extent = (longitude.min(), latitude.min(), longitude.max(), latitude.max())
    assert extent == pytest.approx((west, south, east, north), abs=0.05 * metre)
    assert (height.min(), height.max()) == pytest.approx((0.0, 10.0), abs=0.05)


@pytest.mark.parametrize(
    ("poison", "fault"),
    [
        (lambda tree: tree["root"]["transform"].__setitem__(0, 2.0), "the transform stretches"),
        (lambda tree: tree["asset"].update(version="1.0"), "version"),
        (lambda tree: tree["root"].update(geometricError=1e6), "the root's error is larger"),
        (
            lambda tree: tree["root"]["boundingVolume"]["box"].__setitem__(3, 1.0),
            "a child reaches out",
        ),
        (
            lambda tree: tree["root"]["content"]["boundingVolume"]["box"].__setitem__(11, 1.0),
            "a corner lies outside",
        ),
        (
            lambda tree: tree["root"]["children"].append(tree["root"]["children"][0]),
            "an id stands in two tiles",
        ),
    ],
)
def test_the_checks_find_what_is_wrong(poison: Any, fault: str) -> None:
    tileset, files = made_of(solids(*(building(number) for number in range(600))))
    poison(tileset)
    assert any(fault in found for found in checks.problems(tileset, files.__getitem__))


def test_a_district_without_buildings_has_an_empty_tileset() -> None:
    tileset, files = made_of(solids_of([]))
    assert files == {}
    assert "content" not in tileset["root"]
    assert checks.problems(tileset, files.__getitem__) == []


# What is kept


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "twin.sqlite") as opened:
        opened.store.import_entities(DISTRICT, SOURCE, [building(n) for n in range(1500)])
        yield opened


def raise_roof(ledger: SqliteLedger, entity_id: str, height: float) -> None:
    def run(desk: Desk) -> None:
        document = desk.document(entity_id)
        assert document is not None
        desk.put(*changed(document, desk.now, height=height))

    do(ledger, ledger.branch(""), run, entity_id)


def test_only_tiles_above_a_change_are_made_anew(ledger: SqliteLedger, tmp_path: Path) -> None:
    keeper = TileKeeper(tmp_path, lambda: ledger.store)
    first = keeper.tiled("d")
    assert first.written == len(first.models) > 4
    assert keeper.tiled("d") is first, "nothing changed, nothing was looked at"
    changed_id = building(31).id
    holder = holder_of(keeper, first, changed_id)
    stamps = {path.name: path.stat().st_mtime_ns for path in files(tmp_path)}
    raise_roof(ledger, changed_id, 11.5)
    second = keeper.tiled("d")
    assert second.written == len(second.models - first.models) == 1
    assert first.models - second.models == {holder}
    assert {
        path.name for path in files(tmp_path) if stamps.get(path.name) == path.stat().st_mtime_ns
    } == stamps.keys(), "a viewer that holds the tileset before this one still finds all"
    model = checks.read_model(unpacked(keeper, holder_of(keeper, second, changed_id)))
    assert model.table["height"][model.table["id"].index(changed_id)] == 11.5
    raise_roof(ledger, changed_id, 12.5)
    third = keeper.tiled("d")
    assert holder not in {path.name[:-3] for path in files(tmp_path)}
    assert {path.name[:-3] for path in files(tmp_path)} == second.models | third.models


def test_tiles_are_found_again_after_a_restart(ledger: SqliteLedger, tmp_path: Path) -> None:
    first = TileKeeper(tmp_path, lambda: ledger.store).tiled("d")
    again = TileKeeper(tmp_path, lambda: ledger.store).tiled("d")
    assert again.written == 0
    assert again.tileset == first.tileset


def test_a_district_that_went_takes_its_tiles_along(ledger: SqliteLedger, tmp_path: Path) -> None:
    keeper = TileKeeper(tmp_path, lambda: ledger.store)
    [name, *_] = keeper.tiled("d").models
    ledger.store.forget_district("d")
    with pytest.raises(LingjingError, match="no-district"):
        keeper.model("d", name)
    with pytest.raises(LingjingError, match="no-district"):
        keeper.tiled("d")
    top = json.loads(keeper.every())
    assert "children" not in top["root"]
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_said(ledger: SqliteLedger, tmp_path: Path) -> None:
    (tmp_path / keeping.FOLDER).write_text("in the way")
    with pytest.raises(LingjingError, match=r"tiles3d\.not-kept"):
        TileKeeper(tmp_path, lambda: ledger.store).tiled("d")


def files(folder: Path) -> list[Path]:
    return sorted((folder / keeping.FOLDER).glob("d/*.glb.gz"))


def unpacked(keeper: TileKeeper, name: str, district: str = "d") -> bytes:
    return gzip.decompress(keeper.model(district, name))


def holder_of(keeper: TileKeeper, tiled: keeping.Tiled, entity_id: str) -> str:
    [name] = [
        name
        for name in tiled.models
        if entity_id in checks.read_model(unpacked(keeper, name)).table["id"]
    ]
    return name


# By others' eyes


CONSOLE = Path(__file__).resolve().parents[3] / "console"
VALIDATE = """
const validator = require('gltf-validator'), fs = require('fs');
(async () => {
  const found = [];
  for (const file of process.argv.slice(1)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)));
    found.push(...report.issues.messages.map((item) => [item.severity, item.code, item.message]));
  }
  console.log(JSON.stringify(found));
})();
"""


@pytest.fixture(scope="session")
def node() -> str:
    """A Node that finds gltf-validator beside the console's other tools."""
    if not (CONSOLE / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("gltf-validator is not installed: run python tools/build_console.py")
    places = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
    found = shutil.which("node", path=places)
    if found is None:
        pytest.skip("gltf-validator needs node")
    return found


def validated(node: str, *paths: Path) -> list[list[Any]]:
    done = subprocess.run(
        [node, "-e", VALIDATE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        cwd=CONSOLE,
    )
    found: list[list[Any]] = json.loads(done.stdout)
    return found


def test_the_reference_validator_has_no_complaint(node: str, tmp_path: Path) -> None:
    _, contents = made_of(solids(*(building(number) for number in range(600))))
    mesh, made = shaped("hipped")
    contents["roof.glb"] = glb_of(mesh, made)
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = validated(node, *(tmp_path / name for name in contents))
    assert [item for item in found if item[0] <= 1] == []
    codes = {item[1] for item in found}
    assert codes <= {"UNSUPPORTED_EXTENSION", "UNUSED_OBJECT"}, codes
    broken = tmp_path / "broken.glb"
    broken.write_bytes(glb_of(mesh, made).replace(b'"max":[', b'"max":[1', 1))
    assert any(item[0] == 0 for item in validated(node, broken))


@pytest.mark.real_data
def test_the_real_block_becomes_a_sound_tileset(shared_data: Path, tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        block = shared_data / "maps" / "yangpu-siping.osm.pbf"
        import_map(store, block, pack="yangpu", name="s")
        keeper = TileKeeper(tmp_path, lambda: store)
        tileset = json.loads(keeper.tiled("s").tileset)

        def read(name: str) -> bytes:
            return unpacked(keeper, name, "s")

        assert checks.problems(tileset, read) == []
        tables = [model.table for model in checks.models(tileset, read).values()]
        ids = {item for table in tables for item in table["id"] if ":Building:" in item}
        assert ids <= set(store.twin("s").view("Building").ids)
        assert len(ids) > 400
        guessed = [flag for table in tables for flag in table["estimated"]]
        assert 0.5 < sum(guessed) / len(guessed) < 1.0
