"""The synthetic district: plausible, whole, the same every time, and labelled made up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.sources.batches import Feature
from lingjing.sources.packs import load_pack
from lingjing.sources.sketch import SYNTHETIC_ATTRIBUTION, sketch_district
from lingjing.sources.sketch_roads import sky_view_factor
from lingjing.vocabulary import EntityId, LingjingError, kinds, quantities, words

SCALE = 0.2
EXPOSED = ("Riser", "MeterBox", "WaterTank", "Valve", "Tap")
Found = dict[str, list[Feature]]


def sketch(name: str = "yangpu", scale: float = 0.01, seed: int = 7) -> Iterator[Feature]:
    return iter(sketch_district(load_pack(name), scale, seed).features)


@pytest.fixture(scope="module")
def district() -> Found:
    found: Found = defaultdict(list)
    for feature in sketch(scale=SCALE):
        found[feature.kind].append(feature)
    return found


def metres(features: list[Feature]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    shapes = np.array([item.geometry for item in features], dtype=object)
    return shapely.transform(shapes, lambda degrees: degrees * [95_150.0, 110_870.0])


def printed(features: Iterator[Feature]) -> list[str]:
    return [f"{item.geometry.wkb_hex} {item}" for item in features]


def test_the_same_pack_scale_and_seed_give_the_same_features() -> None:
    assert printed(sketch()) == printed(sketch())


def test_another_seed_gives_another_district() -> None:
    assert printed(sketch()) != printed(sketch(seed=8))


@pytest.mark.parametrize("name", ["yangpu", "wuchang"])
def test_numbers_are_those_of_a_true_district(name: str) -> None:
    found = Counter(feature.kind for feature in sketch(name, scale=0.25, seed=3))
    assert found["Building"] / 0.25 == pytest.approx(12_000, rel=0.25)
    assert found["RoadSegment"] / 0.25 == pytest.approx(3_000, rel=0.25)
    assert sum(found[kind] for kind in EXPOSED) / 0.25 == pytest.approx(100_000, rel=0.25)


def test_households_fit_the_residents_of_the_district(district: Found) -> None:
    households = sum(
        float(item.attributes["households"].value)
        for item in district["Building"]
        if "households" in item.attributes
    )
    residents = load_pack("yangpu").content.residents * SCALE
    assert 1.7 < residents / households < 3.0


def test_the_area_is_the_true_one(district: Found) -> None:
    area = float(shapely.area(metres(district["SubDistrict"])).sum()) / 1e6
    assert area == pytest.approx(load_pack("yangpu").content.area_km2 * SCALE, rel=0.02)


def test_buildings_overlap_neither_each_other_nor_roads(district: Found) -> None:
    shapes = metres(district["Building"])
    tree = shapely.STRtree(shapes)
    one, other = tree.query(shapes, predicate="intersects")
    pairs = one < other
    shared = shapely.area(shapely.intersection(shapes[one[pairs]], shapes[other[pairs]]))
    assert shared.size == 0 or float(shared.max()) < 0.5  # a podium touches its tower
    roads = metres(district["RoadSegment"])
    widths = np.array([float(i.attributes["width"].value) for i in district["RoadSegment"]])
    road, hit = tree.query(roads, predicate="dwithin", distance=widths / 2)
    assert list(zip(road, hit, strict=True)) == []


def test_shapes_are_valid_and_names_unique(district: Found) -> None:
    for kind, features in district.items():
        shapes = np.array([item.geometry for item in features], dtype=object)
        assert bool(shapely.is_valid(shapes).all())
        assert len({item.local for item in features}) == len(features)
        for item in features:
            EntityId(kind, "yangpu", item.local)


def test_every_value_keeps_to_the_vocabulary_and_is_labelled_synthetic(district: Found) -> None:
    for kind, features in district.items():
        columns = defaultdict(list)
        for item in features:
            for name, found in item.attributes.items():
                assert found.provenance.synthetic
                columns[name].append(found.value)
        assert set(columns) <= set(kinds()[kind].attributes)
        for name, values in columns.items():
            if name in quantities():
                quantities()[name].check(np.array(values, dtype=np.float64))
            elif words()[name].type == "choice":
                assert set(values) <= set(words()[name].choices)


def test_the_batch_says_that_it_is_made_up() -> None:
    batch = sketch_district(load_pack("yangpu"), 0.01, 7)
    assert batch.provenance.synthetic
    assert batch.attribution == SYNTHETIC_ATTRIBUTION
    counted = Counter(feature.kind for feature in batch.features)
    assert batch.report.kept == counted


def test_every_place_can_be_reached_by_road(district: Found) -> None:
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for item in district["RoadSegment"]:
        one, two = (str(item.attributes[name].value) for name in ("from_node", "to_node"))
        parent[root(one)] = root(two)
    assert len({root(node) for node in parent}) == 1


def test_segments_meet_where_their_nodes_say(district: Found) -> None:
    places: dict[str, tuple[float, float]] = {}
    for item in district["RoadSegment"]:
        ends = (item.geometry.coords[0], item.geometry.coords[-1])
        for name, place in zip(("from_node", "to_node"), ends, strict=True):
            assert places.setdefault(str(item.attributes[name].value), place) == place


def test_there_are_bridges_ramps_an_elevated_road_and_an_underpass(district: Found) -> None:
    roads = district["RoadSegment"]
    for flag in ("bridge", "ramp", "tunnel"):
        assert any(item.attributes[flag].value is True for item in roads)
    classes = Counter(item.attributes["road_class"].value for item in roads)
    assert {"motorway", "primary", "secondary", "tertiary", "residential"} <= set(classes)
    assert all(
        item.attributes["sky_view_factor"].value == 0.0
        for item in roads
        if item.attributes["tunnel"].value
    )


def test_sub_districts_tile_the_district(district: Found) -> None:
    shapes = metres(district["SubDistrict"])
    assert len(shapes) == 12
    assert set(shapely.get_type_id(shapes)) == {3}
    whole = shapely.union_all(shapes)
    assert float(shapely.area(shapes).sum()) == pytest.approx(whole.area, rel=1e-6)
    names = {item.attributes["name"].value for item in district["SubDistrict"]}
    shapely.prepare(shapes)
    for item, shape in zip(district["Building"], metres(district["Building"]), strict=True):
        assert item.attributes["sub_district"].value in names
        assert bool(shapely.covers(shapes, shape.centroid).any())


def test_all_kinds_of_facility_are_there_and_stand_in_a_building(district: Found) -> None:
    buildings = {item.local: item for item in district["Building"]}
    found = {item.attributes["facility_kind"].value for item in district["Facility"]}
    assert found == set(words()["facility_kind"].choices)
    for item in district["Facility"]:
        kind, local = item.relationships["building"]
        assert kind == "Building"
        assert buildings[local].geometry.intersects(item.geometry)


def test_every_age_class_is_built(district: Found) -> None:
    found = Counter(item.attributes["age_class"].value for item in district["Building"])
    assert set(found) == set(words()["age_class"].choices)
    assert found["workers_village"] > found["tower"]


def test_some_towers_stand_in_a_podium(district: Found) -> None:
    podiums = [item for item in district["Building"] if item.geometry.interiors]
    assert podiums
    assert {item.attributes["levels"].value for item in podiums} == {2.0}


def test_long_fronts_look_south(district: Found) -> None:
    bars = [i for i in district["Building"] if i.attributes["age_class"].value == "reform_walkup"]
    boxes = shapely.oriented_envelope(metres(bars))
    corners = shapely.get_coordinates(boxes).reshape(-1, 5, 2)
    sides = np.diff(corners[:, :3], axis=1)
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    longest = sides[np.arange(len(sides)), lengths.argmax(axis=1)]
    angle = np.abs((np.degrees(np.arctan2(longest[:, 1], longest[:, 0])) + 90) % 180 - 90)
    assert float(np.quantile(angle[lengths.max(axis=1) > 25], 0.95)) < 45


def test_depots_hold_the_stock_of_the_plan(district: Found) -> None:
    salt = sum(float(item.attributes["salt_stock"].value) for item in district["Depot"])
    assert salt == pytest.approx(load_pack("yangpu").content.depots.salt_t)


def test_the_smallest_district_still_has_roads_buildings_and_assets() -> None:
    found = Counter(feature.kind for feature in sketch(scale=0.005))
    assert found["Building"] > 0
    assert found["RoadSegment"] > 0
    assert found["MeterBox"] > 0


@pytest.mark.parametrize("scale", [0.0, -1.0, 0.001, 21.0, float("nan"), float("inf")])
def test_a_scale_that_makes_no_district_is_refused(scale: float) -> None:
    with pytest.raises(LingjingError) as caught:
        sketch_district(load_pack("yangpu"), scale, 7)
    assert caught.value.code == "packs.sketch-scale"


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(LingjingError) as caught:
        sketch_district(load_pack("yangpu"), 0.01, -1)
    assert caught.value.code == "packs.sketch-seed"


def test_sky_view_of_a_square_canyon_is_that_of_the_formula() -> None:
    # H = W: cos(atan 2)
    assert float(sky_view_factor(15.0, 15.0, 1.0)) == pytest.approx(0.44721, abs=1e-5)
    assert float(sky_view_factor(15.0, 0.0, 1.0)) == 1.0
    assert float(sky_view_factor(15.0, 90.0, 0.0)) == 1.0


@given(st.floats(5, 80), st.floats(0, 120), st.floats(0.1, 40), st.floats(0, 1))
@settings(deadline=None)
def test_higher_houses_never_show_more_sky(
    width: float, height: float, more: float, closed: float
) -> None:
    low = float(sky_view_factor(width, height, closed))
    high = float(sky_view_factor(width, height + more, closed))
    assert 0.0 <= high <= low <= 1.0
