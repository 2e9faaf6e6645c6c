"""3D Tiles: where solids stand, how their triangles run, and which tile holds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
import tiles3d_checks as checks
from hypothesis import given, settings
from hypothesis import strategies as st
from tiles3d_solids import DISTRICT, FRAME, GUESSED, MAPPED, building, shaped, solids

from lingjing.engine.tiles3d.frames import earth_centred
from lingjing.engine.tiles3d.glb import glb_of
from lingjing.engine.tiles3d.meshes import Mesh, mesh_of
from lingjing.engine.tiles3d.roofs import SHAPED
from lingjing.engine.tiles3d.solids import Solids, solids_of
from lingjing.engine.tiles3d.tree import divided
from lingjing.twin import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Attribute


def meshed(*entities: Entity) -> tuple[Mesh, Solids]:
    made = solids(*entities)
    return mesh_of(made, FRAME), made


def area(mesh: Mesh, chosen: Any) -> float:
    """Area of the triangles whose normal meets a condition [m²]."""
    triangles = mesh.triangles[chosen(mesh.normals[mesh.triangles[:, 0]])]
    a, b, c = (mesh.positions[triangles[:, corner]] for corner in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def volume(mesh: Mesh) -> float:
    """Volume of a closed mesh, or of one whose open underside lies at height 0 [m³]."""
    a, b, c = (mesh.positions[mesh.triangles[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def upward(normals: Any) -> Any:
    return normals[:, 2] > 0.5


def level(normals: Any) -> Any:
    return np.abs(normals[:, 2]) < 0.5


# Frames


def test_positions_are_those_of_proj() -> None:
    proj = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    longitude, latitude = np.array([121.5, -70.0, 0.0]), np.array([31.3, -89.0, 12.0])
    height = np.array([12.0, 4000.0, -100.0])
    expected = np.stack(proj.transform(longitude, latitude, height), axis=-1)
    assert np.abs(earth_centred(longitude, latitude, height) - expected).max() < 1e-6


def test_a_frame_and_its_transform_lead_to_the_same_place() -> None:
    longitude, latitude = np.array([121.52, 121.4]), np.array([31.28, 31.35])
    height = np.array([3.0, 90.0])
    matrix = np.array(FRAME.transform()).reshape(4, 4).T
    local = FRAME.local(longitude, latitude, height)
    back = local @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(back - earth_centred(longitude, latitude, height)).max() < 1e-6
    assert local[0, 0] > 1800
    assert local[0, 1] < -2000
    assert local[1, 2] < 90.0 - 5.0, "the ground sinks with the curvature of the earth"


# Meshes


def test_a_house_has_walls_of_its_perimeter_and_a_roof_of_its_outline() -> None:
    outline = shapely.Polygon(
        shapely.box(121.5, 31.3, 121.5004, 31.3004).exterior,
        [shapely.box(121.5001, 31.3001, 121.5002, 31.3002).exterior],
    )
    mesh, made = meshed(building(1, outline, height=12.0))
    plan = shapely.transform(
        outline,
        lambda points: FRAME.local(points[:, 0], points[:, 1], np.zeros(len(points)))[:, :2],
    )
    assert area(mesh, upward) == pytest.approx(plan.area, rel=1e-4)
    assert area(mesh, level) == pytest.approx(plan.length * 12.0, rel=1e-3)
    assert volume(mesh) == pytest.approx(plan.area * 12.0, rel=1e-3)
    assert set(mesh.features) == {0}
    assert made.top_m.tolist() == [12.0]


@pytest.mark.parametrize("clockwise", [True, False])
def test_walls_face_outwards_however_the_ring_runs(clockwise: bool) -> None:
    ring = shapely.box(121.5, 31.3, 121.5004, 31.3002, ccw=not clockwise)
    mesh, _ = meshed(building(1, ring, height=9.0))
    middle = mesh.positions.mean(axis=0)
    walls = level(mesh.normals)
    outward = (mesh.positions[walls] - middle)[:, :2] * mesh.normals[walls][:, :2]
    assert (outward.sum(axis=1) > 0).all()
    assert volume(mesh) > 0


def test_a_building_of_several_outlines_is_one_feature() -> None:
    twins = shapely.MultiPolygon(
        [shapely.box(121.5, 31.3, 121.5002, 31.3002), shapely.box(121.501, 31.3, 121.5012, 31.3002)]
    )
    mesh, made = meshed(building(1, twins, height=9.0), building(2, height=3.0))
    assert len(made) == 2
    assert len(made.polygons) == 3
    assert [int((mesh.features == row).sum()) for row in (0, 1)] == [2 * 20, 20]


@pytest.mark.parametrize("shape", sorted(SHAPED))
def test_a_roof_with_a_shape_closes_the_house(shape: str) -> None:
    mesh, _ = shaped(shape)
    flat, _ = meshed(building(1, shapely.box(121.5, 31.3, 121.5004, 31.3002), height=12.0))
    assert mesh.positions[:, 2].max() == pytest.approx(12.0, abs=0.01)
    assert area(mesh, lambda normals: normals[:, 2] > 0.01) >= area(flat, upward) - 0.01
    assert volume(flat) * 8 / 12 < volume(mesh) < volume(flat)
    assert edges_without_partner(mesh) == 4, "only the edges on the ground are open"


@pytest.mark.parametrize(
    ("shape", "share"),
    [("gabled", 1 / 2), ("pyramidal", 1 / 3), ("hipped", None)],
)
def test_a_roof_holds_the_volume_of_its_shape(shape: str, share: float | None) -> None:
    mesh, _ = shaped(shape)
    base, _ = meshed(building(1, shapely.box(121.5, 31.3, 121.5004, 31.3002), height=8.0))
    full = volume(base) / 8 * 4
    if share is None:  # two half pyramids and a prism between
        width, length = 0.0002 * 110_900, 0.0004 * 95_200
        share = (width / 3 + (length - width) / 2) / length
    assert volume(mesh) - volume(base) == pytest.approx(share * full, rel=0.02)


def edges_without_partner(mesh: Mesh) -> int:
    _, place = np.unique(np.round(mesh.positions, 4), axis=0, return_inverse=True)
    place = place.ravel()[mesh.triangles]
    there = {(int(a), int(b)) for row in place for a, b in zip(row, np.roll(row, -1), strict=True)}
    return sum((b, a) not in there for a, b in there)


def test_what_hangs_above_the_ground_has_an_underside() -> None:
    made = replace(solids(building(1, height=12.0)), base_m=np.array([5.0]))
    mesh = mesh_of(made, FRAME)
    assert edges_without_partner(mesh) == 0
    assert mesh.positions[:, 2].min() == pytest.approx(5.0, abs=0.01)
    assert edges_without_partner(mesh_of(solids(building(1, height=12.0)), FRAME)) == 4


# Solids: how high, and how we know


def test_a_height_says_how_it_is_known() -> None:
    made = solids(
        building(1, height=Attribute(20.0, MAPPED)),
        building(2, height=Attribute(20.0, GUESSED)),
        building(3, levels=Attribute(4.0, GUESSED)),
        building(4, name="无高"),
        building(5, height=0.0),
    )
    assert made.top_m.tolist() == pytest.approx([20.0, 20.0, 12.0, 3.0, 0.1])
    assert made.estimated.tolist() == [False, True, True, True, False]
    assert made.provenances.tolist() == [
        "imported; OpenStreetMap",
        "inferred; stock-model; levels:age-class",
        "inferred; stock-model; 3-m-a-storey",
        "inferred; tiles3d; one-storey-assumed",
        "imported; OpenStreetMap",
    ]


def test_parts_stand_in_the_place_of_their_building() -> None:
    whole = MemoryTwin(DISTRICT, [building(1), building(2)]).view("Building")
    part = MemoryTwin(DISTRICT, [building(3)]).view("Building")
    tower = TwinView(
        kind="BuildingPart",
        ids=np.array(["urn:ngsi-ld:BuildingPart:d:p1"], dtype=object),
        longitude_deg=part.longitude_deg,
        latitude_deg=part.latitude_deg,
        columns={
            "height": np.array([60.0]),
            "min_height": np.array([10.0]),
            "roof_height": np.array([5.0]),
            "roof_shape": np.array(["pyramidal"], dtype=object),
        },
        relationships={"building": np.array([whole.ids[0]], dtype=object)},
        provenances=part.provenances,
        provenance_index={"height": np.array([0], dtype=np.int32)},
        wkb=part.wkb,
    )
    made = solids_of([whole, tower])
    assert made.ids.tolist() == [whole.ids[1], tower.ids[0]]
    assert made.buildings.tolist() == ["", whole.ids[0]]
    assert (made.base_m[1], made.eaves_m[1], made.top_m[1]) == (10.0, 55.0, 60.0)
    assert made.roofs.tolist() == ["flat", "pyramidal"]
    content = checks.read_model(glb_of(mesh_of(made, FRAME), made))
    assert content.table["building"] == ["", whole.ids[0]]
    assert content.table["base"] == [0.0, 10.0]


# The tree


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(1, 99)), max_size=400),
    st.integers(160, 300),
)
def test_every_solid_stands_in_one_tile_and_errors_shrink(
    points: list[tuple[int, int, float]], leaf: int
) -> None:
    plan = np.array(points, dtype=float).reshape(-1, 3)
    root = divided(121.5 + plan[:, 0] / 1000, 31.3 + plan[:, 1] / 1000, plan[:, 2], leaf=leaf)
    nodes = root.under()
    rows = [int(row) for node in nodes for row in node.rows]
    assert sorted(rows) == list(range(len(plan)))
    for node in nodes:
        assert len(node.rows) <= leaf
        below = [row for child in node.children for one in child.under() for row in one.rows]
        assert node.error_m == (plan[below, 2].max() if below else 0.0)
        assert all(child.error_m <= node.error_m for child in node.children)


def test_many_solids_on_one_spot_are_shared_out() -> None:
    same = np.full(1000, 121.5)
    nodes = divided(same, same - 90, np.ones(1000)).under()
    assert sorted(row for node in nodes for row in node.rows) == list(range(1000))
    assert max(len(node.rows) for node in nodes) <= 400
