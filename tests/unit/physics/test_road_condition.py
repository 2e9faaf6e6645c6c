"""Classes of a road by its temperature and stores."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.physics.road_condition import (
    FROST_MM,
    METRO_CODES,
    SLIPPERY,
    SLIPPERY_MM,
    WET_MM,
    RoadCondition,
    road_condition,
)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ((3.0, 0.0, 0.0, 0.0, 0.0), RoadCondition.DRY),
        ((3.0, 0.1, 0.0, 0.0, 0.0), RoadCondition.DAMP),
        ((3.0, WET_MM, 0.0, 0.0, 0.0), RoadCondition.WET),
        ((-1.0, 0.0, 0.0, 0.0, FROST_MM), RoadCondition.FROST),
        ((1.0, 0.1, 0.0, 0.0, FROST_MM), RoadCondition.DAMP),
        ((-3.0, 0.0, 2.0, 0.0, 0.0), RoadCondition.SNOW),
        ((-0.1, 2.0, 1.0, 0.0, 0.0), RoadCondition.SLUSH),
        ((0.5, 0.0, 1.0, 0.0, 0.0), RoadCondition.SLUSH),
        ((-3.0, 0.0, 2.0, SLIPPERY_MM, 0.0), RoadCondition.ICE),
        ((-3.0, 0.0, 0.0, 0.09, 0.0), RoadCondition.DRY),
    ],
)
def test_each_class_begins_at_its_threshold(
    state: tuple[float, ...], expected: RoadCondition
) -> None:
    assert road_condition(*state) == expected


def test_classes_take_arrays_and_have_a_code_of_metro() -> None:
    codes = road_condition(np.array([[-1.0], [5.0]]), 0.0, 0.0, np.array([0.0, 1.0]), 0.0)
    assert codes.tolist() == [[0, 6], [0, 6]]
    assert set(METRO_CODES) == set(RoadCondition)
    assert RoadCondition.WET not in SLIPPERY
