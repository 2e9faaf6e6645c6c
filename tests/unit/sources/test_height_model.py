"""Heights that no source states: guessed with a range, learned where enough are known."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import shapely

from lingjing.sources.batches import Feature, ImportReport
from lingjing.sources.heights import ENOUGH, FITTED, PRIOR, estimate, priors, with_heights
from lingjing.sources.maps import read_map
from lingjing.sources.packs import Pack, load_pack
from lingjing.vocabulary import Attribute, Provenance

STATED = Provenance("imported", "survey")
FROM_STOREYS = Provenance("inferred", "survey", rule="3-m-a-storey", confidence=0.8)


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("yangpu")


def house(
    number: int,
    side_m: float = 15.0,
    east_m: float | None = None,
    north_m: float = 0.0,
    **values: object,
) -> Feature:
    west = 121.5 + (30.0 * number if east_m is None else east_m) / 95_000.0
    south = 31.28 + north_m / 110_900.0
    shape = shapely.box(west, south, west + side_m / 95_000.0, south + side_m / 110_900.0)
    attributes = {name: Attribute(value, STATED) for name, value in values.items()}  # type: ignore[arg-type]
    return Feature("Building", f"b{number}", shape, attributes)


def made(features: list[Feature], pack: Pack) -> tuple[list[Feature], list[str]]:
    report = ImportReport()
    found = with_heights(features, pack, report)
    return found, [english for _, english in report.notes]


def value(feature: Feature, name: str) -> float:
    return float(feature.attributes[name].value)


def test_a_guess_has_a_range_and_says_it_is_one(pack: Pack) -> None:
    (found,), notes = made([house(1)], pack)
    assert 2.0 <= value(found, "height_p10") < value(found, "height") < value(found, "height_p90")
    for name in ("height", "height_p10", "height_p90"):
        provenance = found.attributes[name].provenance
        assert (provenance.kind, provenance.rule) == ("inferred", PRIOR)
        assert provenance.confidence == priors()["confidence"]
    assert "0 stated, 0 from storeys, 1 estimated" in notes[0]


def test_what_is_stated_stays_as_it_is(pack: Pack) -> None:
    known = house(1, height=33.0)
    assert made([known], pack) == ([known], [])


def test_storeys_give_a_range_around_three_metres_each(pack: Pack) -> None:
    building = house(1, levels=10.0)
    building.attributes["height"] = Attribute(30.0, FROM_STOREYS)  # type: ignore[index]
    (found,), _ = made([building], pack)
    assert [value(found, n) for n in ("height_p10", "height", "height_p90")] == [28.0, 30.0, 42.0]


def test_a_building_is_as_high_as_its_highest_part(pack: Pack) -> None:
    whole = house(1)
    parts = [
        Feature(
            "BuildingPart",
            f"p{height}",
            whole.geometry,
            {"height": Attribute(height, STATED)},
            {"building": ("Building", "b1")},
        )
        for height in (12.0, 31.0, 20.0)
    ]
    found, notes = made([whole, *parts], pack)
    assert value(found[0], "height") == 31.0
    assert found[0].attributes["height"].provenance.rule == "highest-part"
    assert "height_p10" not in found[0].attributes
    assert found[1:] == parts
    assert notes == []


def test_use_size_and_age_tell_heights_apart_without_any_known(pack: Pack) -> None:
    buildings = [
        house(1, use="office"),
        house(2, use="garage"),
        house(3, side_m=4.0),
        house(4, use="residential", construction_year=1965.0),
        house(5, use="residential", construction_year=2010.0),
    ]
    found = estimate(buildings, pack)
    assert found.check.known == 0
    office, garage, shed, village, new = found.p50
    assert office > 2 * garage
    assert shed == pytest.approx(3.0)
    # workers' villages of three to six storeys, and mid-rises or towers after 1998
    assert 9.0 <= found.p10[3] <= village <= found.p90[3] <= 20.0
    assert new > village + 6.0


def test_a_long_bar_is_no_tower(pack: Pack) -> None:
    west, south = 121.5, 31.28
    bar = shapely.box(west, south, west + 60 / 95_000, south + 12 / 110_900)
    block = shapely.box(west, south, west + 27 / 95_000, south + 27 / 110_900)
    found = estimate([Feature("Building", n, g, {}) for n, g in (("a", bar), ("b", block))], pack)
    assert found.p90[0] < found.p90[1]


def town(pack: Pack, count: int = 400, seed: int = 1) -> tuple[list[Feature], np.ndarray]:
    """Houses whose height grows with their footprint and to the east, with a scatter of 15 %."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(8.0, 30.0, count)
    heights = 6.0 * (sides / 8.0) ** 1.2 * np.where(np.arange(count) < count // 2, 1.0, 2.0)
    heights *= np.exp(rng.normal(0.0, 0.15, count))
    places = [(40.0 * (n // 20), 40.0 * (n % 20)) for n in range(count)]
    return [house(n, float(sides[n]), *places[n]) for n in range(count)], heights


def stated(buildings: list[Feature], heights: np.ndarray, every: int) -> list[Feature]:
    return [
        house_
        if n % every
        else Feature(
            house_.kind, house_.local, house_.geometry, {"height": Attribute(float(h), STATED)}
        )
        for n, (house_, h) in enumerate(zip(buildings, heights, strict=True))
    ]


def test_known_heights_teach_footprints_and_neighbours(pack: Pack) -> None:
    buildings, heights = town(pack)
    found = estimate(stated(buildings, heights, 4), pack)
    assert found.check.rule == FITTED
    assert found.check.known == 100
    unknown = np.arange(len(buildings)) % 4 > 0
    error = np.abs(np.log(found.p50 / heights))[unknown]
    assert np.median(error) < 0.25
    assert found.check.median_error_m < 0.6 * found.check.prior_median_error_m
    # the houses in the east are twice as high, and only their neighbours tell
    west, east = found.p50[:120], found.p50[280:]
    assert np.median(east) > 1.5 * np.median(west)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_four_heights_in_five_lie_in_the_range(pack: Pack, seed: int) -> None:
    buildings, heights = town(pack, seed=seed)
    found = estimate(stated(buildings, heights, 3), pack)
    unknown = np.arange(len(buildings)) % 3 > 0
    inside = (heights >= found.p10) & (heights <= found.p90)
    assert 0.7 <= inside[unknown].mean() <= 0.93
    assert 0.7 <= found.check.coverage <= 0.9


def test_too_few_known_heights_teach_nothing(pack: Pack) -> None:
    buildings, heights = town(pack, count=4 * (ENOUGH - 1))
    found = estimate(stated(buildings, heights, 4), pack)
    assert found.check.known == ENOUGH - 1
    assert found.check.rule == PRIOR
    assert found.check.median_error_m == found.check.prior_median_error_m > 0.0
    bare = estimate(buildings, pack)
    assert (found.p50 == bare.p50).all()


def test_a_fit_that_is_no_better_than_the_prior_is_not_used(pack: Pack) -> None:
    buildings, _ = town(pack, count=60)
    middle = estimate(buildings, pack).p50
    found = estimate(stated(buildings, middle, 2), pack)
    assert found.check.known == 30
    assert found.check.rule == PRIOR
    assert found.check.median_error_m == pytest.approx(0.0, abs=1e-9)


def test_the_order_of_buildings_does_not_matter(pack: Pack) -> None:
    buildings, heights = town(pack, count=120)
    one = {f.local: f for f in made(stated(buildings, heights, 3), pack)[0]}
    mixed = stated(buildings, heights, 3)
    random.Random(5).shuffle(mixed)  # noqa: S311
    two = {f.local: f for f in made(mixed, pack)[0]}
    for name, feature in one.items():
        assert feature.attributes["height"].value == pytest.approx(
            two[name].attributes["height"].value, abs=0.11
        )


def test_a_map_without_buildings_passes_through(pack: Pack) -> None:
    road = Feature("RoadSegment", "r", shapely.LineString([(121.5, 31.3), (121.6, 31.3)]), {})
    assert made([road], pack) == ([road], [])


@pytest.mark.real_data
def test_the_real_block_is_judged_on_its_few_known_heights(shared_data: Path, pack: Pack) -> None:
    path = shared_data / "maps" / "yangpu-siping.osm.pbf"
    features = [f for f in read_map(path, "m").features if f.kind.startswith("Building")]
    found, notes = made(features, pack)
    buildings = [f for f in found if f.kind == "Building"]
    assert all("height" in f.attributes for f in buildings)
    check = estimate([f for f in features if f.kind == "Building"], pack).check
    assert check.known == 27
    assert 0.0 < check.median_error_m < 10.0
    assert 0.6 <= check.coverage <= 1.0
    assert any("held back in turn" in text for text in notes)


@pytest.mark.real_data
def test_a_foreign_town_corrects_the_prior_thoroughly(shared_data: Path, pack: Pack) -> None:
    path = shared_data / "maps" / "delft-3dbag.city.json"
    check = estimate(list(read_map(path, "m").features), pack).check
    assert check.rule == FITTED
    assert check.median_error_m < 1.5
    assert check.prior_median_error_m > 5.0
    assert 0.7 <= check.coverage <= 0.9
