"""Where outlines are missing, the nearest rough centre stands in, and says it is a guess."""

from __future__ import annotations

import shapely

from lingjing.engine.district_features import NEAREST, near_centres
from lingjing.sources.batches import Feature
from lingjing.vocabulary import Attribute, Provenance

SETTINGS = {
    "sub_districts": [
        {"name_zh": "西街道", "schematic_centre": [121.50, 31.28]},
        {"name_zh": "东街道", "schematic_centre": [121.53, 31.28]},
        {"name_zh": "无中心街道"},
    ]
}


def tap(longitude: float, latitude: float, **attributes: Attribute) -> Feature:
    return Feature("Tap", f"t{longitude}", shapely.Point(longitude, latitude), attributes)


def test_a_thing_goes_to_the_nearest_centre_with_low_confidence() -> None:
    west, east = near_centres([tap(121.501, 31.285), tap(121.52, 31.27)], SETTINGS, "pack:x")
    assert west.attributes["sub_district"].value == "西街道"
    assert east.attributes["sub_district"].value == "东街道"
    known = east.attributes["sub_district"].provenance
    assert known.rule == NEAREST
    assert known.kind == "inferred"
    assert known.confidence is not None
    assert known.confidence < 0.5


def test_what_the_source_states_stays() -> None:
    stated = Attribute("南街道", Provenance("imported", "list"))
    (kept,) = near_centres([tap(121.5, 31.28, sub_district=stated)], SETTINGS, "pack:x")
    assert kept.attributes["sub_district"] == stated


def test_far_from_all_centres_nothing_is_guessed() -> None:
    (far,) = near_centres([tap(121.9, 31.28)], SETTINGS, "pack:x")
    assert "sub_district" not in far.attributes


def test_kinds_that_carry_no_sub_district_are_left_alone() -> None:
    ground = Feature("SubDistrict", "s", shapely.box(121.5, 31.2, 121.6, 31.3), {})
    assert near_centres([ground], SETTINGS, "pack:x") == [ground]
    assert near_centres([tap(121.5, 31.28)], {}, "pack:x")[0].attributes == {}
