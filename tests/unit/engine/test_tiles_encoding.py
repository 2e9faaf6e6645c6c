"""Tiles, read by a decoder that is not ours and compared with what shapely cuts."""

from __future__ import annotations

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.tiles_encoding import Column, Drawing, encode_level, encoded_value

ZOOM = 14
SIDE = 1 / (1 << ZOOM)
COLUMN, ROW = 13_720, 6_690
WEST, NORTH = COLUMN * SIDE, ROW * SIDE
UNIT = SIDE / geometry.EXTENT


def drawing(shapes: list[shapely.Geometry], last_zoom: int = ZOOM, **columns: list) -> Drawing:
    array = np.array(shapes, dtype=object)
    return Drawing(
        "things",
        np.arange(len(shapes)) + 7,
        array,
        shapely.bounds(array),
        tuple(Column.of(name, values) for name, values in columns.items()),
        last_zoom,
    )


def decoded(body: bytes) -> list[dict]:
    found = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    assert list(found) == ["things"]
    assert found["things"]["extent"] == 4096
    assert found["things"]["version"] == 2
    return found["things"]["features"]


def tiles_of(made: Drawing, zoom: int = ZOOM) -> dict[tuple[int, int], list[dict]]:
    return {(x, y): decoded(body) for x, y, body in encode_level(made, zoom)}


def placed(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape in units of the tile, put on the unit square."""
    return shapely.transform(shape, lambda points: points * UNIT + [WEST, NORTH])


def whole(x: int = 0, y: int = 0) -> shapely.Geometry:
    """The tile beside this one with its margin, in units of this one."""
    low, high = -geometry.BUFFER, geometry.EXTENT + geometry.BUFFER
    return shapely.box(x * 4096 + low, y * 4096 + low, x * 4096 + high, y * 4096 + high)


def shape_of(feature: dict) -> shapely.Geometry:
    return shapely.geometry.shape(feature["geometry"])


def rings(seed: int, count: int) -> NDArray[np.float64]:
    chance = np.random.default_rng(seed)
    angles = np.sort(chance.uniform(0, 2 * np.pi, count))
    reach = chance.uniform(200, 3000, count)
    middle = chance.uniform(0, 4096, 2)
    return np.rint(middle + np.column_stack([np.cos(angles), np.sin(angles)]) * reach[:, None])


def test_what_a_tile_says_is_read_by_another_decoder() -> None:
    made = drawing(
        [
            placed(shapely.box(100, 200, 300, 500)),
            placed(shapely.LineString([(0, 0), (50, 60), (90, 10)])),
            placed(shapely.Point(1000, 2000)),
        ],
        name=["国定路", None, "<b>"],
        height_m=[12.5, 3, -4],
        bridge=[True, None, False],
    )
    features = tiles_of(made)[COLUMN, ROW]
    assert [feature["id"] for feature in features] == [7, 8, 9]
    assert [feature["properties"] for feature in features] == [
        {"name": "国定路", "height_m": 12.5, "bridge": True},
        {"height_m": 3},
        {"name": "<b>", "height_m": -4, "bridge": False},
    ]
    assert shape_of(features[0]).equals(shapely.box(100, 200, 300, 500))
    assert features[1]["geometry"]["coordinates"] == [[0, 0], [50, 60], [90, 10]]
    assert features[2]["geometry"] == {"type": "Point", "coordinates": [1000, 2000]}


def test_a_point_is_in_one_tile_alone() -> None:
    on_seam = tiles_of(drawing([placed(shapely.Point(4096, 10))]))
    assert list(on_seam) == [(COLUMN + 1, ROW)]
    assert on_seam[COLUMN + 1, ROW][0]["geometry"]["coordinates"] == [0, 10]
    several = tiles_of(drawing([placed(shapely.MultiPoint([(1, 2), (5000, 2), (3, 4)]))]))
    assert several[COLUMN, ROW][0]["geometry"]["coordinates"] == [[1, 2], [3, 4]]
    assert several[COLUMN + 1, ROW][0]["geometry"]["coordinates"] == [904, 2]


def test_a_line_that_leaves_and_comes_back_is_two_lines() -> None:
    line = shapely.LineString([(4000, 10), (4500, 10), (4500, 100), (4000, 100)])
    (feature,) = tiles_of(drawing([placed(line)]))[COLUMN, ROW]
    assert feature["geometry"]["type"] == "MultiLineString"
    assert feature["geometry"]["coordinates"] == [
        [[4000, 10], [4192, 10]],
        [[4192, 100], [4000, 100]],
    ]


def test_outer_rings_run_one_way_and_holes_the_other_whatever_was_given() -> None:
    outer, inner = shapely.box(0, 0, 900, 900), shapely.box(100, 100, 200, 300)
    for shell in (outer.exterior.coords, outer.exterior.coords[::-1]):
        for hole in (inner.exterior.coords, inner.exterior.coords[::-1]):
            made = drawing([placed(shapely.Polygon(shell, [hole]))])
            (feature,) = tiles_of(made)[COLUMN, ROW]
            assert feature["geometry"]["type"] == "Polygon"
            first, second = feature["geometry"]["coordinates"]
            assert shapely.Polygon(first).area == 900 * 900
            assert shapely.Polygon(second).area == 100 * 200


def test_a_polygon_larger_than_the_tile_fills_it() -> None:
    made = drawing([placed(shapely.box(-9000, -9000, 9000, 9000))])
    tiles = tiles_of(made)
    assert shape_of(tiles[COLUMN, ROW][0]).equals(whole())
    # Every tile that it reaches, with its margin.
    assert len(tiles) == 36


def test_a_hole_that_covers_the_tile_leaves_nothing_of_it() -> None:
    frame = shapely.box(-9000, -9000, 9000, 9000) - shapely.box(-200, -200, 4300, 4300)
    assert (COLUMN, ROW) not in tiles_of(drawing([placed(frame)]))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(3, 14))
def test_polygons_are_cut_as_shapely_cuts_them(seed: int, count: int) -> None:
    polygon = shapely.Polygon(rings(seed, count))
    if not polygon.is_valid:
        return
    tiles = tiles_of(drawing([placed(polygon)]))
    for x in (0, 1):
        for y in (-1, 0):
            wanted = polygon.intersection(whole(x, y))
            found = tiles.get((COLUMN + x, ROW + y), [])
            drawn = sum((shape_of(feature).area for feature in found), 0.0)
            # Half a unit of rounding along each edge.
            assert drawn == pytest.approx(wanted.area, abs=wanted.length + 8)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 14))
def test_lines_are_cut_as_shapely_cuts_them(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    line = shapely.LineString(np.rint(chance.uniform(-4000, 8000, (count, 2))))
    tiles = tiles_of(drawing([placed(line)]))
    for x in (0, 1):
        wanted = line.intersection(whole(x, 0))
        found = tiles.get((COLUMN + x, ROW), [])
        drawn = sum((shape_of(feature).length for feature in found), 0.0)
        assert drawn == pytest.approx(wanted.length, abs=2 * count)


def test_asking_for_some_tiles_gives_the_same_bytes_as_making_all() -> None:
    chance = np.random.default_rng(3)
    shapes = [
        placed(shapely.box(x, y, x + 90, y + 60)) for x, y in chance.uniform(-6000, 9000, (400, 2))
    ]
    made = drawing(shapes, name=[f"{number % 30}" for number in range(400)])
    every = {(x, y): body for x, y, body in encode_level(made, ZOOM)}
    keys = np.array([(y << ZOOM) + x for x, y in list(every)[:3]])
    some = {(x, y): body for x, y, body in encode_level(made, ZOOM, keys)}
    assert some == {key: every[key] for key in list(every)[:3]}


def test_work_in_portions_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = [placed(shapely.box(x, 0, x + 50, 50)) for x in range(-8000, 8000, 200)]
    made = drawing(shapes)
    at_once = list(encode_level(made, ZOOM))
    monkeypatch.setattr(geometry, "MOST_PAIR_VERTICES", 40)
    assert list(encode_level(made, ZOOM)) == at_once


def test_what_cannot_be_seen_is_left_out_before_the_last_level_only() -> None:
    speck = [placed(shapely.box(0, 0, 1.6, 1.6))]
    assert tiles_of(drawing(speck, last_zoom=ZOOM))[COLUMN, ROW]
    assert not tiles_of(drawing(speck, last_zoom=ZOOM + 1))


def test_lines_are_simplified_before_the_last_level_only() -> None:
    wavy = placed(shapely.LineString([(x, 1 if x % 2 else 0) for x in range(200)]))
    fine = tiles_of(drawing([wavy], last_zoom=ZOOM))[COLUMN, ROW][0]["geometry"]["coordinates"]
    coarse = tiles_of(drawing([wavy], last_zoom=ZOOM + 1))[COLUMN, ROW][0]["geometry"][
        "coordinates"
    ]
    assert len(fine) == 200
    assert len(coarse) < 10


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Polygon(),
        shapely.MultiPolygon(),
        shapely.GeometryCollection(),
        shapely.LineString(),
        shapely.Polygon([(0, 0), (0, 0), (0, 0), (0, 0)]),
        shapely.LineString([(5, 5), (5, 5)]),
    ],
)
def test_shapes_without_extent_are_left_out_and_hurt_nobody(shape: shapely.Geometry) -> None:
    made = drawing([placed(shape), placed(shapely.box(0, 0, 10, 10))])
    assert [feature["id"] for feature in tiles_of(made)[COLUMN, ROW]] == [8]
    assert list(encode_level(drawing([placed(shape)]), ZOOM)) == []


def test_no_features_make_no_tiles() -> None:
    assert list(encode_level(drawing([]), ZOOM)) == []


def test_large_numbers_and_long_texts_are_written_in_full() -> None:
    long = "长" * 500
    made = drawing([placed(shapely.Point(1, 1))], text=[long], number=[2**40], float=[1e300])
    made = Drawing(
        made.name, np.array([2**33]), made.shapes, made.boxes, made.columns, made.last_zoom
    )
    (feature,) = tiles_of(made)[COLUMN, ROW]
    assert feature["id"] == 2**33
    assert feature["properties"] == {"text": long, "number": 2**40, "float": 1e300}


def test_values_that_are_equal_but_of_other_types_are_kept_apart() -> None:
    shapes = [placed(shapely.Point(1, 1)), placed(shapely.Point(2, 2))]
    first, second = tiles_of(drawing(shapes, value=[1, True]))[COLUMN, ROW]
    assert first["properties"]["value"] is not True
    assert second["properties"]["value"] is True
    assert encoded_value(value=1) != encoded_value(value=True)


def test_places_near_the_poles_stay_on_the_map() -> None:
    shapes = geometry.projected(np.array([shapely.Point(10, 89.9), shapely.Point(10, -90)]))
    assert shapely.get_y(shapes) == pytest.approx([0, 1], abs=1e-9)
    longitude, latitude = geometry.unprojected(np.array([0.5]), np.array([0.5]))
    assert (longitude[0], latitude[0]) == (0.0, pytest.approx(0.0))
