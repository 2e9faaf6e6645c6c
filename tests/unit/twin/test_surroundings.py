"""The nearest road with a name, and the English names of sub-districts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import shapely

from lingjing.sdk.testkit import small_district
from lingjing.twin.entities import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.twin.surroundings import NamedRoads, sub_district_names
from lingjing.vocabulary import Attribute, Provenance

KNOWN = Provenance("imported", "test", "")


def roads(rows: Sequence[tuple[float, str | None, str | None]]) -> NamedRoads:
    """Roads that run east, each so many degrees north, with their names."""
    made = []
    for number, (north, name, english) in enumerate(rows):
        line = shapely.LineString([(121.50, 31.3 + north), (121.51, 31.3 + north)])
        names = {"name": name, "name_en": english}
        attributes = {key: Attribute(value, KNOWN) for key, value in names.items() if value}
        made.append(
            Entity(
                f"urn:ngsi-ld:RoadSegment:testville:road-{number}", "RoadSegment", "testville",
                shapely.to_wkb(line), attributes, {},
            )
        )  # fmt: skip
    return NamedRoads(MemoryTwin(small_district(), made).view("RoadSegment"))


def test_the_nearest_named_road_is_found_past_nearer_nameless_ones() -> None:
    found = roads([(0.0, "南路", "South Road"), (0.001, None, None), (0.003, "北路", None)])
    assert found.nearest(121.505, 31.3011) == ("南路", "South Road")
    assert found.nearest(121.505, 31.3026) == ("北路", "")


def test_of_roads_equally_near_the_first_id_counts() -> None:
    assert roads([(0.0, "一路", None), (0.0, "二路", None)]).nearest(121.505, 31.301) == (
        "一路",
        "",
    )


def test_distance_is_in_metres_and_not_in_degrees() -> None:
    assert roads([(0.0, "南路", None)]).nearest(121.5, 31.3044) == ("南路", "")  # 490 m north
    assert roads([(0.0, "南路", None)]).nearest(121.5, 31.3046) is None  # 512 m north
    assert roads([(0.0, "南路", None)]).nearest(121.4950, 31.3) == ("南路", "")  # 476 m west
    assert roads([(0.0, "南路", None)]).nearest(121.4945, 31.3) is None  # 523 m west


@pytest.mark.parametrize("rows", [[], [(0.0, None, None)]])
def test_without_named_roads_nothing_is_near(
    rows: list[tuple[float, str | None, str | None]],
) -> None:
    assert roads(rows).nearest(121.5, 31.3) is None


def test_sub_districts_are_named_by_the_pack_where_the_map_is_silent() -> None:
    view = MemoryTwin(small_district(), []).view("SubDistrict")
    settings = {"sub_districts": [{"name_zh": "东街道", "name_en": "East"}, {"name_zh": "西街道"}]}
    assert sub_district_names(view, settings) == {"东街道": "East"}
    assert sub_district_names(view, {}) == {}
