"""Lengths and areas against PROJ's geodesics, and the cutting of ways."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.sources.batches import ImportReport
from lingjing.sources.geometry import areas_m2, clean_lines, clean_polygons, lengths_m
from lingjing.sources.roads import split_at_junctions, unique_names

GEOD = pyproj.Geod(ellps="WGS84")
PLACES = st.tuples(st.floats(-170.0, 170.0), st.floats(-65.0, 65.0))


@settings(deadline=None)
@given(PLACES, st.floats(1e-4, 5e-3), st.floats(1e-4, 5e-3))
def test_areas_of_blocks_agree_with_the_geodesic(
    at: tuple[float, float], width: float, height: float
) -> None:
    x, y = at
    box = shapely.Polygon([(x, y), (x + width, y), (x + width / 2, y + height)])
    # an edge here is straight in degrees; many short geodesics come close to it
    edges = shapely.segmentize(box, max(width, height) / 50)
    expected = abs(GEOD.geometry_area_perimeter(edges)[0])
    assert areas_m2(np.array([box], dtype=object))[0] == pytest.approx(expected, rel=1e-4, abs=0.01)


@settings(deadline=None)
@given(PLACES, st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_lengths_of_streets_agree_with_the_geodesic(
    at: tuple[float, float], east: float, north: float
) -> None:
    x, y = at
    line = shapely.LineString([(x, y), (x + east, y + north), (x, y + north)])
    expected = GEOD.geometry_length(line)
    found = lengths_m(np.array([line], dtype=object))[0]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-3)


def test_many_shapes_are_measured_as_each_alone() -> None:
    boxes = np.array([shapely.box(121 + i, 31, 121 + i + 1e-3, 31 + 1e-3) for i in range(3)])
    alone = [areas_m2(boxes[i : i + 1])[0] for i in range(3)]
    assert areas_m2(boxes).tolist() == alone
    rings = shapely.get_exterior_ring(boxes)
    assert lengths_m(rings).tolist() == [lengths_m(rings[i : i + 1])[0] for i in range(3)]


def test_a_hole_does_not_count_as_area() -> None:
    whole = shapely.box(121.5, 31.28, 121.504, 31.284)
    holed = whole - shapely.box(121.501, 31.281, 121.503, 31.283)
    full, less = areas_m2(np.array([whole, holed], dtype=object))
    assert less == pytest.approx(0.75 * full, rel=1e-4)


def test_nothing_measured_is_nothing_dropped() -> None:
    report = ImportReport()
    none = np.zeros(0, dtype=object)
    assert clean_polygons(none, [], report)[1].size == 0
    assert clean_lines(none, [], report)[1].size == 0
    assert report.dropped == {}


WAYS = st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=8), min_size=1, max_size=6)


@settings(deadline=None)
@given(WAYS, st.sets(st.integers(1, 9), max_size=2))
def test_pieces_cover_every_step_once_and_meet_only_at_their_ends(
    ways: list[list[int]], unknown: set[int]
) -> None:
    ways = [[a for a, b in zip(w, [None, *w], strict=False) if a != b] for w in ways]
    nodes = np.array([node for way in ways for node in way])
    owner = np.repeat(np.arange(len(ways)), [len(way) for way in ways])
    known = ~np.isin(nodes, list(unknown))
    pieces = split_at_junctions(nodes, owner, known)
    covered = [
        (int(at), step)
        for at, start, stop in zip(pieces.way, pieces.start, pieces.stop, strict=True)
        for step in range(start, stop)
    ]
    steps = [
        (int(owner[i]), i)
        for i in range(len(nodes) - 1)
        if owner[i] == owner[i + 1] and known[i] and known[i + 1]
    ]
    assert covered == steps
    uses = {node: int((nodes == node).sum()) for node in nodes.tolist()}
    for start, stop in zip(pieces.start, pieces.stop, strict=True):
        assert all(uses[int(nodes[i])] == 1 for i in range(start + 1, stop))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c"])))
def test_names_become_unique_and_the_first_stays(names: list[str]) -> None:
    made = unique_names(names)
    assert len(set(made)) == len(made)
    assert all(name in made for name in names)
