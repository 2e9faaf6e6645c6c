"""Geometries are taken as GeoJSON has them, and wrong ones are refused with their place."""

from __future__ import annotations

from typing import Any

import pytest

from lingjing.interfaces.ngsild.geometry import check_geometry, looks_like_geometry
from lingjing.vocabulary import LingjingError

RING = [[0, 0], [1, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [
        ("Point", [121.5, 31.3]),
        ("Point", [121.5, 31.3, 4.0]),
        ("MultiPoint", [[0, 0], [180, 90]]),
        ("LineString", [[0, 0], [1, 1]]),
        ("MultiLineString", [[[0, 0], [1, 1]]]),
        ("Polygon", [RING]),
        ("MultiPolygon", [[RING], [RING, RING]]),
    ],
)
def test_sound_geometries_are_taken_as_they_are(kind: str, coordinates: Any) -> None:
    geometry = {"type": kind, "coordinates": coordinates}
    assert looks_like_geometry(geometry)
    assert check_geometry(geometry) is geometry


def test_a_geometry_may_come_as_a_string_of_json() -> None:
    text = '{"type": "Point", "coordinates": [121.5, 31.3]}'
    assert check_geometry(text) == {"type": "Point", "coordinates": [121.5, 31.3]}


@pytest.mark.parametrize("text", ["", "here", "5", "[" * 5000, '{"type": "Circle"}'])
def test_a_string_that_holds_no_geometry_is_refused(text: str) -> None:
    with pytest.raises(LingjingError) as caught:
        check_geometry(text)
    assert caught.value.code == "ngsild.geometry-kind"


@pytest.mark.parametrize(
    ("geometry", "code", "place"),
    [
        (5, "geometry-kind", "type"),
        ({}, "geometry-kind", "type"),
        ({"type": ["Point"]}, "geometry-kind", "type"),
        ({"type": "GeometryCollection", "geometries": []}, "geometry-kind", "type"),
        ({"type": "Point"}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": []}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": [1]}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": ["1", "2"]}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": [True, 2]}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": [1, 2, 3, 4, 5]}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": [181, 0]}, "geometry-range", "coordinates"),
        ({"type": "Point", "coordinates": [0, 90.1]}, "geometry-range", "coordinates"),
        ({"type": "Point", "coordinates": [float("nan"), 0]}, "geometry-range", "coordinates"),
        ({"type": "Point", "coordinates": [0, 0, float("inf")]}, "geometry-range", "coordinates"),
        ({"type": "LineString", "coordinates": [[0, 0]]}, "geometry-line", "coordinates"),
        (
            {"type": "LineString", "coordinates": [[0, 0], 5]},
            "geometry-coordinates",
            "coordinates[1]",
        ),
        ({"type": "Polygon", "coordinates": RING}, "geometry-coordinates", "coordinates[0][0]"),
        ({"type": "Polygon", "coordinates": [RING[:3]]}, "geometry-ring", "coordinates[0]"),
        (
            {"type": "Polygon", "coordinates": [[*RING[:3], [5, 5]]]},
            "geometry-ring",
            "coordinates[0]",
        ),
        ({"type": "Polygon", "coordinates": []}, "geometry-coordinates", "coordinates"),
        ({"type": "Point", "coordinates": [0, 0], "crs": 1}, "member-not-allowed", "crs"),
    ],
)
def test_wrong_geometries_are_refused(geometry: Any, code: str, place: str) -> None:
    with pytest.raises(LingjingError) as caught:
        check_geometry(geometry)
    assert caught.value.code == f"ngsild.{code}"
    assert caught.value.place is not None
    assert caught.value.place.field == place
