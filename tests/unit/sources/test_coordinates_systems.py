"""Named coordinate systems, and the refusal to guess one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from lingjing.sources.coordinates import (
    bd09_to_gcj02,
    check_plausible,
    choose_system,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    in_range,
    named_system,
    to_wgs84,
    wgs84_to_gcj02,
)
from lingjing.sources.geometry import lengths_m
from lingjing.vocabulary import LingjingError

YANGPU = np.array([[121.52, 31.27], [121.4909, 31.2808], [121.557, 31.3]])
# Values that independent implementations of the shifts agree on, for 116.404, 39.915.
BEIJING = np.array([[116.404, 39.915]])
BEIJING_IN_GCJ02 = (116.41024449916938, 39.91640428150164)
BEIJING_AS_GCJ02_IN_BD09 = (116.41036949371029, 39.92133699351021)


def test_gcj02_agrees_with_other_implementations() -> None:
    assert wgs84_to_gcj02(BEIJING)[0] == pytest.approx(BEIJING_IN_GCJ02, abs=1e-9)


def test_bd09_agrees_with_other_implementations() -> None:
    assert gcj02_to_bd09(BEIJING)[0] == pytest.approx(BEIJING_AS_GCJ02_IN_BD09, abs=1e-9)


def test_gcj02_moves_shanghai_by_about_half_a_kilometre() -> None:
    moved = wgs84_to_gcj02(YANGPU)
    lines = shapely.linestrings(np.stack([YANGPU, moved], axis=1))
    assert np.all((lengths_m(lines) > 430.0) & (lengths_m(lines) < 530.0))


def test_points_outside_china_are_not_shifted() -> None:
    paris = np.array([[2.35, 48.85]])
    assert np.array_equal(wgs84_to_gcj02(paris), paris)
    assert np.array_equal(gcj02_to_wgs84(paris), paris)


def test_inverse_shifts_return_to_where_they_began() -> None:
    assert np.abs(gcj02_to_wgs84(wgs84_to_gcj02(YANGPU)) - YANGPU).max() < 1e-9
    assert np.abs(bd09_to_gcj02(gcj02_to_bd09(YANGPU)) - YANGPU).max() < 1e-9


def test_named_shifts_undo_the_shift_of_a_geometry() -> None:
    there = shapely.linestrings(gcj02_to_bd09(wgs84_to_gcj02(YANGPU)))
    (back,) = to_wgs84(np.array([there], dtype=object), "BD-09")
    assert np.abs(shapely.get_coordinates(back) - YANGPU).max() < 1e-8


def test_a_cgcs2000_zone_is_projected_back() -> None:
    # On the central meridian the easting is the false easting, and the northing is the length of
    # the meridian from the equator, here integrated along the ellipsoid of CGCS2000.
    flattening = 1.0 / 298.257222101
    squared = flattening * (2.0 - flattening)
    latitudes = np.radians(np.linspace(0.0, 31.27, 100_001))
    arc = 6_378_137.0 * (1.0 - squared) / (1.0 - squared * np.sin(latitudes) ** 2) ** 1.5
    northing = float(np.sum((arc[1:] + arc[:-1]) / 2.0 * np.diff(latitudes)))
    found = named_system("EPSG:4549").convert(np.array([[500_000.0, northing]]))[0]
    assert found == pytest.approx((120.0, 31.27), abs=1e-8)


@pytest.mark.parametrize("name", ["WGS 84", "wgs84", "EPSG:4326", "CGCS2000", "epsg:4490"])
def test_geographic_names_leave_coordinates_alone(name: str) -> None:
    points = np.array(shapely.points(YANGPU), dtype=object)
    assert np.allclose(shapely.get_coordinates(to_wgs84(points, name)), YANGPU, atol=1e-9)


@pytest.mark.parametrize("name", ["Mars", "", "EPSG:99999999", "EPSG:4979", "EPSG:5773", "WGS"])
def test_names_of_no_usable_system_are_refused(name: str) -> None:
    with pytest.raises(LingjingError) as caught:
        named_system(name)
    assert caught.value.code == "maps.unknown-crs"


def test_no_system_is_guessed() -> None:
    with pytest.raises(LingjingError) as caught:
        choose_system(None, None)
    assert caught.value.code == "maps.crs-needed"


def test_a_named_system_overrules_the_declared_one_and_says_so() -> None:
    system, overruled = choose_system("GCJ-02", "EPSG:4326")
    assert (system.name, overruled) == ("GCJ-02", True)
    assert choose_system("EPSG:4326", "EPSG:4326")[1] is False


def test_exchanged_longitude_and_latitude_are_refused() -> None:
    points = np.array(shapely.points(YANGPU[:, ::-1]), dtype=object)
    with pytest.raises(LingjingError) as caught:
        check_plausible(points, named_system("WGS 84"))
    assert caught.value.code == "maps.swapped-coordinates"


def test_a_zone_far_from_the_data_is_refused() -> None:
    points = np.array([shapely.Point(500_000.0, 3_461_174.0)], dtype=object)
    right, wrong = named_system("EPSG:4549"), named_system("EPSG:32631")
    check_plausible(to_wgs84(points, right), right)
    far = named_system("GCJ-02")
    with pytest.raises(LingjingError) as caught:
        check_plausible(to_wgs84(points, wrong), far)
    assert caught.value.code == "maps.outside-area"


def test_range_check_finds_infinity_and_hidden_gaps() -> None:
    with np.errstate(invalid="ignore"):
        gap = shapely.LineString([(121.5, 31.3), (np.nan, 31.3), (121.6, 31.3)])
    shapes = np.array(
        [
            shapely.Point(121.5, 31.3),
            shapely.Point(181.0, 31.3),
            shapely.Point(121.5, 95.0),
            shapely.Point(np.inf, 31.3),
            gap,
            shapely.Point(),
        ],
        dtype=object,
    )
    assert in_range(shapes).tolist() == [True, False, False, False, False, False]
