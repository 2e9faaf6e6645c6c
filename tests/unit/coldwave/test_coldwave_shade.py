"""Shadows of the district's own buildings on its roads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely

from lingjing.forecast.outlook import Outlook
from lingjing.scenarios.coldwave.roads import foresee_roads
from lingjing.scenarios.coldwave.settings import read_settings
from lingjing.scenarios.coldwave.shade import UNKNOWN_HEIGHT_M, look_around, shade_of, sun_of
from lingjing.twin.entities import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Attribute, Provenance

SYNTHETIC = Provenance("inferred", "test", "made up", synthetic=True)
WEST, SOUTH = 121.5, 31.3
METRE = 1 / 111_320.0
WIDE = METRE / np.cos(np.radians(SOUTH))

MakeTwin = Callable[..., MemoryTwin]
MakeOutlook = Callable[..., Outlook]


def _entity(kind: str, local: str, geometry: object, **values: object) -> Entity:
    return Entity(
        f"urn:ngsi-ld:{kind}:test:{local}", kind, "test", shapely.to_wkb(geometry),
        {name: Attribute(value, SYNTHETIC) for name, value in values.items()}, {},  # type: ignore[arg-type]
    )  # fmt: skip


def _block(local: str, east_m: float, north_m: float, wide_m: float, deep_m: float,
           **values: object) -> Entity:  # fmt: skip
    west, south = WEST + east_m * WIDE, SOUTH + north_m * METRE
    box = shapely.box(west, south, west + wide_m * WIDE, south + deep_m * METRE)
    return _entity("Building", local, box, **values)


def _road(local: str, north_m: float = 0.0, **values: object) -> Entity:
    ends = [
        (WEST - 40 * WIDE, SOUTH + north_m * METRE),
        (WEST + 40 * WIDE, SOUTH + north_m * METRE),
    ]
    return _entity("RoadSegment", local, shapely.LineString(ends), road_class="tertiary", **values)


@pytest.fixture
def views(make_twin: MakeTwin) -> Callable[..., tuple[TwinView, TwinView]]:
    """Roads and buildings as the scenario sees them."""

    def make(*entities: Entity) -> tuple[TwinView, TwinView]:
        twin = make_twin(change=lambda _: list(entities))
        return twin.view("RoadSegment"), twin.view("Building")

    return make


Views = Callable[..., tuple[TwinView, TwinView]]


def test_a_street_between_tall_rows_sees_what_its_canyon_leaves(views: Views) -> None:
    rows = (
        _block("north", -300.0, 10.0, 600.0, 12.0, height=20.0),
        _block("south", -300.0, -22.0, 600.0, 12.0, height=20.0),
    )
    around = look_around(*views(_road("r"), *rows))
    assert around is not None
    assert around.view[0] == pytest.approx(np.cos(np.arctan(2.0)), abs=0.06)
    east, south, west = around.sides_deg[0]
    assert south > 45.0
    assert east < south - 20.0
    assert west == pytest.approx(east, abs=8.0)


def test_levels_stand_for_a_height_and_neither_for_three_storeys(views: Views) -> None:
    def south(**values: object) -> float:
        around = look_around(*views(_road("r"), _block("b", -100, -30, 200, 10, **values)))
        assert around is not None
        return float(around.sides_deg[0, 1])

    assert south(levels=7.0) == pytest.approx(south(height=21.0), abs=1e-9)
    assert south() == pytest.approx(south(height=UNKNOWN_HEIGHT_M), abs=1e-9)
    assert south(height=40.0) > south(height=10.0)


def test_without_buildings_nothing_is_known(views: Views) -> None:
    assert look_around(*views(_road("r"))) is None


def test_courtyards_and_many_parts_cast_their_outer_walls(views: Views) -> None:
    outer = shapely.box(WEST - 60 * WIDE, SOUTH - 40 * METRE, WEST + 60 * WIDE, SOUTH - 15 * METRE)
    hole = shapely.box(WEST - 50 * WIDE, SOUTH - 35 * METRE, WEST + 50 * WIDE, SOUTH - 20 * METRE)
    many = shapely.MultiPolygon([outer.difference(hole)])
    whole = look_around(*views(_road("r"), _entity("Building", "a", outer, height=15.0)))
    parts = look_around(*views(_road("r"), _entity("Building", "a", many, height=15.0)))
    assert whole is not None
    assert parts is not None
    assert parts.sides_deg == pytest.approx(whole.sides_deg)


def test_a_southern_row_takes_the_noon_and_an_eastern_one_the_morning(
    make_outlook: MakeOutlook,
) -> None:
    outlook = make_outlook()
    bright = np.full((outlook.members, outlook.times.size), 400.0, dtype=np.float32)
    sun = sun_of(outlook, bright)
    shade = shade_of(np.array([[0.0, 0.0, 0.0], [0.0, 60.0, 0.0], [60.0, 0.0, 0.0]]), sun)
    lit = np.asarray(shade.lit)
    local = (outlook.times.astype("datetime64[h]").astype(int) + 8) % 24
    noon, dark = local == 12, (local > 19) | (local < 5)
    assert (lit[0, noon] > 0.9).all()
    assert (lit[1, noon] < 0.1).all()
    assert (lit[2, local == 8] < 0.1).all()
    assert (lit[2, local == 15] > 0.9).all()
    assert (lit[:, dark] == 0).all()
    assert 0.0 <= np.min(sun.direct) <= np.max(sun.direct) <= 1.0


def test_a_shaded_street_is_colder_by_day_and_a_bridge_stands_above(
    views: Views, make_outlook: MakeOutlook
) -> None:
    tower = _block("tower", -60.0, -45.0, 120.0, 30.0, height=45.0)
    roads = [
        _road("a-shaded", sky_view_factor=0.8),
        _road("b-open", 400.0, sky_view_factor=0.8),
        _road("c-deck", sky_view_factor=0.8, bridge=True),
        _road("d-deck", 400.0, sky_view_factor=0.8, bridge=True),
    ]
    outlook = make_outlook()
    view, buildings = views(*roads, tower)
    outcomes = foresee_roads(
        view, buildings, read_settings({}), outlook, rng=np.random.default_rng(1),
        report=lambda _: None,
    )  # fmt: skip
    (surface,) = (item for item in outcomes if item.quantity == "road_surface_temperature")
    assert surface.fan is not None
    middle = surface.fan[surface.situation][:, 2]
    local = (outlook.times[-middle.shape[1] :].astype("datetime64[h]").astype(int) + 8) % 24
    noon = local == 13
    assert middle[0, noon].mean() < middle[1, noon].mean() - 1.0
    assert surface.situation[2] == surface.situation[3]
    assert surface.situation[0] != surface.situation[1]
