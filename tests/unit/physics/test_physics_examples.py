"""The numbers in the docstrings are what the code gives."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from lingjing.physics import (
    brine,
    coupling,
    film,
    freezing,
    humidity,
    materials,
    pipe_coupling,
    pipe_sizes,
    radiation,
    road,
    road_condition,
    shading,
)

WITH_EXAMPLES = [
    brine, coupling, film, freezing, humidity, materials, pipe_coupling, pipe_sizes, radiation,
    road, road_condition, shading,
]  # fmt: skip


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
