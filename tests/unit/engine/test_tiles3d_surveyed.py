"""3D Tiles of districts made from city models: their own surfaces, as long as the twin agrees."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tiles3d_checks as checks
from city_model import model, write

from lingjing.engine.districts import import_map
from lingjing.engine.tiles3d.frames import Floats, Frame
from lingjing.engine.tiles3d.keeping import TileKeeper
from lingjing.engine.tiles3d.shells import Shell
from lingjing.twin.sqlite import SqliteStore
from lingjing.vocabulary import Attribute, Provenance

HOUSE, HALL, WING = (
    f"urn:ngsi-ld:{name}:block:{local}"
    for name, local in (("Building", "house"), ("BuildingPart", "hall"), ("BuildingPart", "wing"))
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "twin.sqlite") as made:
        page = write(tmp_path / "block.city.json", model())
        import_map(made, page, pack="yangpu", name="block", data_dir=tmp_path)
        yield made


def drawn(keeper: TileKeeper, district: str) -> dict[str, checks.Model]:
    """The model that each feature stands in; the tileset is sound."""
    tileset = json.loads(keeper.tiled(district).tileset)

    def read(name: str) -> bytes:
        return gzip.decompress(keeper.model(district, name))

    assert checks.problems(tileset, read) == []
    found = checks.models(tileset, read).values()
    return {item: one for one in found for item in one.table["id"]}


def triangles(model_: checks.Model, entity_id: str) -> Floats:
    """Corners of a feature's triangles [t, 3, 3], from its lowest point [m]."""
    row = model_.table["id"].index(entity_id)
    chosen = model_.features[model_.triangles[:, 0]] == row
    return model_.positions[model_.triangles[chosen]]


def volume(corners: Floats) -> float:
    middle = corners.reshape(-1, 3).mean(axis=0)
    a, b, c = (corners[:, place] - middle for place in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def area(corners: Floats) -> float:
    turned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(turned, axis=1).sum() / 2)


def test_a_surveyed_house_is_drawn_with_its_gables(store: SqliteStore, tmp_path: Path) -> None:
    found = drawn(TileKeeper(tmp_path, lambda: store), "block")
    assert set(found) == {HOUSE, HALL, WING}, "the school is drawn by its parts"
    house = triangles(found[HOUSE], HOUSE)
    height = house[..., 2] - house[..., 2].min()
    assert set(np.round(height.ravel(), 1)) == {0.0, 6.0, 9.0}
    assert volume(house) == pytest.approx(10 * 8 * 6 + 10 * 8 * 3 / 2, rel=0.002)
    slopes = 2 * 10 * 5.0
    assert area(house) == pytest.approx(
        80 + slopes + 2 * 10 * 6 + 2 * (8 * 6 + 8 * 3 / 2), rel=0.002
    )
    wing = triangles(found[WING], WING)
    hall = triangles(found[HALL], HALL)
    assert wing[..., 2].min() - hall[..., 2].min() == pytest.approx(2.0, abs=0.01)
    assert volume(wing) == pytest.approx(600, rel=0.002)


def test_what_was_changed_in_the_twin_is_drawn_as_the_twin_says(
    store: SqliteStore, tmp_path: Path
) -> None:
    keeper = TileKeeper(tmp_path, lambda: store)
    drawn(keeper, "block")
    record = next(item for item in store.sources("block") if item.name.startswith("map:"))
    held = [item for kind in ("Building", "BuildingPart") for item in store.entities("block", kind)]
    taller = Attribute(20.0, Provenance("observed", "survey"))
    store.import_entities(
        store.district("block"),
        record,
        [
            msgspec.structs.replace(item, attributes={**item.attributes, "height": taller})
            if item.id == HOUSE
            else item
            for item in held
        ],
    )
    found = drawn(keeper, "block")
    house = triangles(found[HOUSE], HOUSE)
    assert house[..., 2].max() - house[..., 2].min() == pytest.approx(20.0, abs=0.01)
    assert volume(triangles(found[HALL], HALL)) == pytest.approx(600, rel=0.002)


def test_without_the_kept_file_buildings_stand_upright(store: SqliteStore, tmp_path: Path) -> None:
    for path in (tmp_path / "city-models").iterdir():
        path.unlink()
    found = drawn(TileKeeper(tmp_path, lambda: store), "block")
    house = triangles(found[HOUSE], HOUSE)
    assert house[..., 2].max() - house[..., 2].min() == pytest.approx(9.2, abs=0.01)


def test_a_surface_with_a_hole_leaves_it_open() -> None:
    def ring(low: float, high: float, *, turned: bool = False) -> list[tuple[float, float, float]]:
        plan = [(low, low), (high, low), (high, high), (low, high)]
        return [(121.5 + x * 1e-5, 31.3, y) for x, y in (plan[::-1] if turned else plan)]

    points = np.array([*ring(0, 10), *ring(4, 6, turned=True), (121.5, 31.3, 0), (121.5, 31.3, 0),
                       (121.5, 31.3, 0)])  # fmt: skip
    shell = Shell(points, np.array([0, 4, 8, 11]), np.array([0, 2, 3]))
    corners, normals = shell.triangles(Frame(121.5, 31.3))
    wide = 1e-5 * 95_200
    assert area(corners) == pytest.approx(wide * (100 - 4), rel=0.002)
    assert normals[:, 1] == pytest.approx(np.full(len(normals), -1.0), abs=1e-6)
    turned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", turned, normals) > 0).all()


@pytest.mark.real_data
def test_the_real_model_is_drawn_surface_by_surface(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "maps" / "delft-3dbag.city.json"
    content = json.loads(path.read_bytes())
    scale, moved = (np.array(content["transform"][name]) for name in ("scale", "translate"))
    vertices = np.array(content["vertices"]) * scale + moved
    expected = 0.0
    for item in content["CityObjects"].values():
        geometries = [one for one in item.get("geometry", []) if float(one["lod"]) >= 1]
        if not geometries or item["type"] not in ("Building", "BuildingPart"):
            continue
        finest = max(float(one["lod"]) for one in geometries)
        for one in geometries:
            if float(one["lod"]) == finest:
                faces = one["boundaries"]
                faces = (
                    [face for shell in faces for face in shell] if one["type"] == "Solid" else faces
                )
                expected += sum(_area(vertices, face) for face in faces)
    with SqliteStore(tmp_path / "twin.sqlite") as store:
        import_map(store, path, pack="yangpu", name="delft", data_dir=tmp_path)
        found = drawn(TileKeeper(tmp_path, lambda: store), "delft")
        assert len(found) == store.counts("delft")["Building"] > 100
        total = sum(area(triangles(one, item)) for item, one in found.items())
    assert total == pytest.approx(expected, rel=0.002)


def _area(vertices: Floats, face: list[list[int]]) -> float:
    """Area of a surface by Newell's sum, holes taken off."""
    sizes = []
    for ring in face:
        points = vertices[ring] - vertices[ring[0]]
        turned = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
        sizes.append(float(np.linalg.norm(turned)) / 2)
    return sizes[0] - sum(sizes[1:])
