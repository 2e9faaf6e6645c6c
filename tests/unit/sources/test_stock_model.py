"""The stock model: what it infers from buildings, and that it says so."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.sources.batches import Feature
from lingjing.sources.osm import read_osm
from lingjing.sources.packs import Pack, load_pack
from lingjing.sources.stock import describe_buildings, infer_assets, infer_depots
from lingjing.sources.stock_draws import draws, name_key, pick
from lingjing.vocabulary import (
    Attribute,
    AttributeValue,
    EntityId,
    Provenance,
    attribute_word,
    kinds,
    quantities,
)

PACK = load_pack("yangpu")
TAGGED = Provenance("imported", "test")


def building(
    number: int, length_m: float = 60.0, depth_m: float = 12.0, **values: AttributeValue
) -> Feature:
    west, south = 121.5 + (number % 300) * 1e-3, 31.25 + number // 300 * 1e-3
    shape = shapely.box(west, south, west + length_m / 95200.0, south + depth_m / 110900.0)
    attributes = {name: Attribute(value, TAGGED) for name, value in values.items()}
    return Feature("Building", f"osm-way-{number}", shape, attributes)


def assets(*buildings: Feature, pack: Pack = PACK, seed: int = 7) -> list[Feature]:
    return list(infer_assets(buildings, pack, seed).features)


def walkups(count: int, **values: AttributeValue) -> list[Feature]:
    return [
        building(i, use="residential", levels=6.0, construction_year=1985.0, **values)
        for i in range(count)
    ]


def test_adding_a_building_never_changes_what_others_have() -> None:
    some = walkups(40)
    alone = {item.local: item for item in assets(*some[:20])}
    among = {item.local: item for item in assets(*reversed(some))}
    assert alone.items() <= among.items()


def test_the_same_seed_gives_the_same_assets_and_another_seed_others() -> None:
    some = walkups(40)
    assert assets(*some) == assets(*some)
    assert assets(*some) != assets(*some, seed=8)


def test_many_assets_share_few_physical_situations() -> None:
    mixed = [
        building(i, use="residential", levels=float(1 + i % 30), construction_year=1930.0 + i % 90)
        for i in range(1500)
    ]
    found = assets(*mixed)
    physical = ("households", "length", "owner", "sub_district")
    situations = {
        (item.kind, *sorted((n, a.value) for n, a in item.attributes.items() if n not in physical))
        for item in found
    }
    assert len(found) > 10_000
    assert len(situations) < 150


def test_households_of_a_building_are_shared_out_without_loss() -> None:
    found = assets(*walkups(1))
    described = next(iter(describe_buildings(walkups(1), PACK, 7)))
    households = described.attributes["households"].value
    boxes = [i.attributes["households"].value for i in found if i.kind == "MeterBox"]
    assert sum(float(value) for value in boxes) == households
    # 720 m² of footprint on six floors, 70 m² a household
    assert households == round(60 * 12 * 6 / 70)


def test_a_box_holds_the_meters_of_a_stairwell() -> None:
    found = Counter(item.kind for item in assets(*walkups(200)))
    assert found["MeterBox"] == found["Riser"]
    assert found["Riser"] == 200 * round(62 / 17)


@pytest.mark.parametrize("name", ["yangpu", "wuchang"])
def test_assets_keep_to_the_vocabulary(name: str) -> None:
    pack = load_pack(name)
    mixed = [
        building(i, use=use, levels=float(levels))
        for i, (use, levels) in enumerate(
            (use, levels)
            for use in ("residential", "school", "industrial", "other")
            for levels in (1, 2, 5, 6, 9, 20, 40)
        )
    ]
    for item in assets(*mixed, pack=pack):
        EntityId(item.kind, name, item.local)
        kind = kinds()[item.kind]
        assert kind.exposed
        assert set(item.attributes) <= set(kind.attributes)
        assert item.relationships["building"][0] == "Building"
        for attribute, found in item.attributes.items():
            if attribute in quantities():
                quantities()[attribute].check(np.array([found.value]))
            else:
                word = attribute_word(attribute)
                assert found.value in word.choices  # type: ignore[union-attr]


def test_every_inferred_value_names_its_rule_and_confidence() -> None:
    for item in assets(*walkups(5)):
        for found in item.attributes.values():
            assert found.provenance.kind == "inferred"
            assert found.provenance.rule
            assert found.provenance.confidence is not None
            assert not found.provenance.synthetic


def test_assets_of_made_up_buildings_are_labelled_made_up() -> None:
    made_up = Provenance("simulated", "sketch", synthetic=True)
    shape = building(1).geometry
    feature = Feature("Building", "b-1", shape, {"levels": Attribute(6.0, made_up)})
    found = assets(feature)
    assert found
    assert all(a.provenance.synthetic for item in found for a in item.attributes.values())


def test_what_the_source_says_wins() -> None:
    said = building(
        1, use="residential", levels=6.0, age_class="tower", households=7.0, retrofitted=False
    )
    described = next(iter(describe_buildings([said], PACK, 7)))
    for name in ("age_class", "households", "retrofitted", "levels"):
        assert described.attributes[name] == said.attributes[name]
    boxes = [item for item in assets(said) if item.kind == "MeterBox"]
    assert [item.attributes["location"].value for item in boxes] == ["unheated_room"]


def test_describing_buildings_first_changes_no_asset() -> None:
    some = [building(i) for i in range(60)] + walkups(60)
    assert assets(*describe_buildings(some, PACK, 7)) == assets(*some)


@pytest.mark.parametrize(
    ("values", "age_class", "rule"),
    [
        ({"age_class": "lilong"}, "lilong", "age-class:tagged"),
        ({"construction_year": 1936.0}, "lilong", "age-class:year"),
        ({"construction_year": 1956.0}, "workers_village", "age-class:year"),
        ({"construction_year": 2005.0, "levels": 28.0}, "tower", "age-class:year"),
        ({"construction_year": 2005.0, "levels": 9.0}, "commodity_midrise", "age-class:year"),
        ({"levels": 2.0}, "lilong", "age-class:levels"),
        ({"levels": 20.0}, "tower", "age-class:levels"),
        ({"levels": 90.0}, "tower", "age-class:levels"),
        ({"height": 60.0}, "tower", "age-class:levels"),
        ({"use": "school"}, "other", "age-class:tagged"),
    ],
)
def test_the_age_class_follows_from_what_is_known(
    values: dict[str, AttributeValue], age_class: str, rule: str
) -> None:
    described = next(iter(describe_buildings([building(3, **values)], PACK, 7)))
    found = described.attributes["age_class"]
    assert found.value == age_class
    assert found.provenance.rule in (rule, None)


def test_less_knowledge_means_less_confidence() -> None:
    known: list[dict[str, AttributeValue]] = [{"construction_year": 1985.0}, {"levels": 6.0}, {}]
    described = list(
        describe_buildings([building(i, **values) for i, values in enumerate(known)], PACK, 7)
    )
    sure = [item.attributes["age_class"].provenance.confidence for item in described]
    assert sure == [0.8, 0.5, 0.3]


def test_a_garage_and_a_shed_have_no_water_and_are_reported() -> None:
    batch = infer_assets([building(1, use="garage"), building(2, 4.0, 4.0)], PACK, 7)
    assert list(batch.features) == []
    assert batch.report.dropped["no-water-supply"].count == 2


def test_a_building_made_to_the_newer_standard_counts_as_retrofitted() -> None:
    new = [building(i, use="residential", levels=9.0, construction_year=2019.0) for i in range(50)]
    described = describe_buildings(new, PACK, 7)
    assert all(item.attributes["retrofitted"].value is True for item in described)


def test_retrofit_means_thicker_insulation_on_the_whole() -> None:
    def mean(retrofitted: bool) -> float:
        found = assets(*walkups(200, retrofitted=retrofitted))
        return float(np.mean([float(i.attributes["insulation_thickness"].value) for i in found]))

    assert mean(True) > mean(False) + 8.0


def test_the_water_company_runs_about_a_third_of_inner_supply() -> None:
    risers = [item for item in assets(*walkups(1500)) if item.kind == "Riser"]
    owners = Counter(item.attributes["owner"].value for item in risers)
    assert owners["water_company"] / len(risers) == pytest.approx(1 / 3, abs=0.04)


def test_shares_of_the_pack_come_out_in_the_retrofit() -> None:
    described = describe_buildings(walkups(1500), PACK, 7)
    share = np.mean([bool(item.attributes["retrofitted"].value) for item in described])
    wanted = next(c for c in PACK.content.stock.age_classes if c.id == "reform_walkup")
    assert share == pytest.approx(wanted.retrofit_share, abs=0.04)


def test_assets_lie_on_their_building() -> None:
    bent = shapely.Polygon(
        [(121.5, 31.28), (121.501, 31.28), (121.501, 31.2801), (121.5001, 31.2801),
         (121.5001, 31.281), (121.5, 31.281)]
    )  # fmt: skip
    feature = Feature("Building", "corner", bent, {"levels": Attribute(6.0, TAGGED)})
    found = assets(feature)
    assert found
    assert all(bent.distance(item.geometry) < 1e-7 for item in found)


def test_other_kinds_are_passed_over() -> None:
    facility = Feature("Facility", "f-1", shapely.Point(121.5, 31.28), {})
    assert assets(facility) == []


def test_depots_share_out_the_stock_of_the_plan() -> None:
    batch = infer_depots((121.47, 31.25, 121.59, 31.36), PACK)
    depots = list(batch.features)
    salt = sum(float(item.attributes["salt_stock"].value) for item in depots)
    assert salt == pytest.approx(PACK.content.depots.salt_t)
    assert batch.report.kept == {"Depot": len(depots)}
    for item in depots:
        assert shapely.box(121.47, 31.25, 121.59, 31.36).contains(item.geometry)
        assert all(a.provenance.kind == "inferred" for a in item.attributes.values())


@given(st.floats(20, 120), st.floats(8, 20), st.integers(1, 40), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_more_storeys_never_mean_fewer_households_or_assets(
    length: float, depth: float, levels: int, more: int
) -> None:
    low = building(1, length, depth, age_class="reform_walkup", levels=float(levels))
    high = building(1, length, depth, age_class="reform_walkup", levels=float(levels + more))
    few, many = (next(iter(describe_buildings([item], PACK, 7))) for item in (low, high))
    assert float(few.attributes["households"].value) <= float(many.attributes["households"].value)
    assert len(assets(low)) <= len(assets(high))


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.text(), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_draws_lie_between_zero_and_one(names: list[str], purpose: str, ordinal: int) -> None:
    keys = np.array([name_key(name) for name in names], dtype=np.uint64)
    found = draws(keys, purpose, np.full(len(names), ordinal))
    assert bool(((found >= 0) & (found < 1)).all())


def test_draws_are_even_and_independent_of_purpose_and_order() -> None:
    keys = np.array([name_key(str(i)) for i in range(20_000)], dtype=np.uint64)
    one, other = draws(keys, "one"), draws(keys, "other")
    assert np.histogram(one, 10, (0, 1))[0] == pytest.approx(2000, rel=0.1)
    assert abs(float(np.corrcoef(one, other)[0, 1])) < 0.03
    again = np.arange(20_000)
    assert abs(float(np.corrcoef(draws(keys, "one", again), one)[0, 1])) < 0.03
    assert np.array_equal(draws(keys[::-1], "one"), one[::-1])


def test_a_share_of_zero_is_never_picked() -> None:
    picked = pick(np.array([0.0, 0.5, 1.0 - 2**-53]), [0.0, 1.0, 0.0])
    assert picked.tolist() == [1, 1, 1]
    assert math.isclose(float(np.mean(pick(np.linspace(0, 0.999, 1000), [0.25, 0.75]))), 0.75)


def test_a_bar_of_which_nothing_is_known_is_never_taken_for_a_tower() -> None:
    bars = [building(i, 60.0, 12.0) for i in range(400)]
    points = [building(i, 30.0, 25.0) for i in range(400)]

    def towers(buildings: list[Feature]) -> int:
        described = describe_buildings(buildings, PACK, 7)
        return sum(item.attributes["age_class"].value == "tower" for item in described)

    assert towers(bars) == 0
    assert towers(points) > 20


@pytest.mark.real_data
def test_a_real_block_has_about_eight_exposed_assets_a_building(shared_data: Path) -> None:
    batch = read_osm(shared_data / "maps" / "yangpu-siping.osm.pbf", "siping")
    real = [item for item in batch.features if item.kind == "Building"]
    found = assets(*real)
    assert 6.0 < len(found) / len(real) < 11.0
    assert all(a.provenance.kind == "inferred" for i in found for a in i.attributes.values())
