"""Coordinate systems: everything becomes WGS 84, and no system is ever guessed.

A system is named (`EPSG:4549`, `CGCS2000`, `GCJ-02`, `BD-09`) or declared by the file. GCJ-02 is
the shifted system of map services in mainland China, BD-09 a further shift of it; both are undone
by iteration. PROJ knows no shift between CGCS2000 and WGS 84: the two agree to decimetres.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from lingjing.vocabulary import LingjingError, Place

Coordinates = NDArray[np.float64]
Geometries = NDArray[np.object_]

# Krasovsky 1940, the ellipsoid that the GCJ-02 shift is written in.
_SEMI_MAJOR_M: Final = 6378245.0
_ECCENTRICITY_SQUARED: Final = 0.00669342162296594323
# The shift is applied inside this box only: west, south, east, north [°].
_SHIFTED_BOX: Final = (72.004, 0.8293, 137.8347, 55.8271)
_BD_ANGLE: Final = np.pi * 3000.0 / 180.0

_NAMES: Final = {
    "WGS84": "EPSG:4326",
    "CRS84": "EPSG:4326",
    "CGCS2000": "EPSG:4490",
    "GCJ02": "GCJ-02",
    "BD09": "BD-09",
}
# Around the area a projected system is made for, how far a district may still reach [°].
_AREA_MARGIN_DEG: Final = 3.0


@dataclass(frozen=True)
class CoordinateSystem:
    """A system whose coordinates can be turned into WGS 84.

    Attributes:
        name: As written in reports (`EPSG:4549`, `GCJ-02`).
        area: Where it may be used: west, south, east, north [°]; None for the whole Earth.
        convert: Coordinates [n, 2] (x or longitude first) to WGS 84 longitude, latitude [n, 2].
        invert: The way back.
    """

    name: str
    area: tuple[float, float, float, float] | None
    convert: Callable[[Coordinates], Coordinates]
    invert: Callable[[Coordinates], Coordinates]


def _shift(longitude: Coordinates, latitude: Coordinates) -> tuple[Coordinates, Coordinates]:
    """The GCJ-02 shift at WGS 84 points, longitude and latitude [°]; 0 outside the box."""
    x, y = longitude - 105.0, latitude - 35.0
    common = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    root = np.sqrt(np.abs(x))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    east += (
        common
        + 20.0 * np.sin(x * np.pi)
        + 40.0 * np.sin(x / 3.0 * np.pi)
        + 150.0 * np.sin(x / 12.0 * np.pi)
        + 300.0 * np.sin(x / 30.0 * np.pi)
    ) * (2.0 / 3.0)
    north += (
        common
        + 20.0 * np.sin(y * np.pi)
        + 40.0 * np.sin(y / 3.0 * np.pi)
        + 160.0 * np.sin(y / 12.0 * np.pi)
        + 320.0 * np.sin(y * np.pi / 30.0)
    ) * (2.0 / 3.0)
    radians = np.radians(latitude)
    squeeze = 1.0 - _ECCENTRICITY_SQUARED * np.sin(radians) ** 2
    meridian = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / squeeze**1.5
    parallel = _SEMI_MAJOR_M / np.sqrt(squeeze) * np.cos(radians)
    west, south, east_edge, north_edge = _SHIFTED_BOX
    inside = (
        (longitude >= west)
        & (longitude <= east_edge)
        & (latitude >= south)
        & (latitude <= north_edge)
    )
    return (
        np.where(inside, np.degrees(east / parallel), 0.0),
        np.where(inside, np.degrees(north / meridian), 0.0),
    )


def wgs84_to_gcj02(points: Coordinates) -> Coordinates:
    """Shift WGS 84 points [n, 2] (longitude, latitude [°]) into GCJ-02.

    Valid inside 72.004–137.8347° E, 0.8293–55.8271° N; points outside stay as they are.
    """
    points = np.asarray(points, dtype=np.float64)
    shift = _shift(points[:, 0], points[:, 1])
    return np.asarray(points + np.column_stack(shift), dtype=np.float64)


def gcj02_to_wgs84(points: Coordinates) -> Coordinates:
    """Undo the GCJ-02 shift of points [n, 2] (longitude, latitude [°]) to better than 1e-7°.

    The shift changes by less than 0.01 of a step, so each round gains two digits and more.
    """
    points = np.asarray(points, dtype=np.float64)
    found = points.copy()
    for _ in range(12):
        change = points - wgs84_to_gcj02(found)
        found += change
        if not np.abs(change[np.isfinite(change)]).max(initial=0.0) > 1e-10:
            break
    return found


def gcj02_to_bd09(points: Coordinates) -> Coordinates:
    """Shift GCJ-02 points [n, 2] (longitude, latitude [°]) into BD-09."""
    points = np.asarray(points, dtype=np.float64)
    x, y = points[:, 0], points[:, 1]
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * _BD_ANGLE)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD_ANGLE)
    return np.column_stack([radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006])


def bd09_to_gcj02(points: Coordinates) -> Coordinates:
    """Undo the BD-09 shift of points [n, 2] (longitude, latitude [°]) to better than 1e-7°."""
    points = np.asarray(points, dtype=np.float64)
    found: Coordinates = points - np.array([0.0065, 0.006])
    for _ in range(12):
        change = points - gcj02_to_bd09(found)
        found += change
        if not np.abs(change[np.isfinite(change)]).max(initial=0.0) > 1e-10:
            break
    return np.asarray(found)


def _bd09_to_wgs84(points: Coordinates) -> Coordinates:
    return gcj02_to_wgs84(bd09_to_gcj02(points))


def _wgs84_to_bd09(points: Coordinates) -> Coordinates:
    return gcj02_to_bd09(wgs84_to_gcj02(points))


def _unchanged(points: Coordinates) -> Coordinates:
    return np.asarray(points, dtype=np.float64)


def _from_pyproj(name: str, crs: pyproj.CRS, place: Place | None) -> CoordinateSystem:
    if not (crs.is_projected or (crs.is_geographic and len(crs.axis_info) == 2)):
        raise LingjingError("maps.unknown-crs", place, name=name)
    if crs.equals(pyproj.CRS.from_epsg(4326), ignore_axis_order=True):
        return CoordinateSystem("EPSG:4326", None, _unchanged, _unchanged)
    transformer = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)

    def convert(points: Coordinates) -> Coordinates:
        pair = transformer.transform(points[:, 0], points[:, 1])
        return np.asarray(np.column_stack(pair), dtype=np.float64)

    def invert(points: Coordinates) -> Coordinates:
        pair = transformer.transform(points[:, 0], points[:, 1], direction="INVERSE")
        return np.asarray(np.column_stack(pair), dtype=np.float64)

    area = crs.area_of_use
    bounds = None if area is None else (area.west, area.south, area.east, area.north)
    return CoordinateSystem(name, bounds, convert, invert)


@functools.lru_cache(maxsize=64)
def _known(name: str) -> CoordinateSystem | None:
    word = name.strip().upper().replace(" ", "").replace("_", "")
    official = _NAMES.get(word.replace("-", ""), word)
    if official == "GCJ-02":
        return CoordinateSystem(official, _SHIFTED_BOX, gcj02_to_wgs84, wgs84_to_gcj02)
    if official == "BD-09":
        return CoordinateSystem(official, _SHIFTED_BOX, _bd09_to_wgs84, _wgs84_to_bd09)
    if not (official.startswith("EPSG:") and official[5:].isdigit()):
        return None
    try:
        return _from_pyproj(official, pyproj.CRS.from_epsg(int(official[5:])), None)
    except pyproj.exceptions.CRSError:
        return None


def named_system(name: str, place: Place | None = None) -> CoordinateSystem:
    """The system a person named: `WGS 84`, `CGCS2000`, `GCJ-02`, `BD-09` or `EPSG:<number>`.

    Raises:
        LingjingError: `maps.unknown-crs`: not one of these, or neither geographic nor projected.
    """
    try:
        system = _known(name)
    except LingjingError:
        system = None
    if system is None:
        raise LingjingError("maps.unknown-crs", place, name=name)
    return system


def declared_system(definition: str, place: Place | None = None) -> CoordinateSystem:
    """The system that a file declares about itself, as an EPSG code or as WKT.

    Raises:
        LingjingError: `maps.unknown-crs`.
    """
    try:
        crs = pyproj.CRS.from_user_input(definition)
    except pyproj.exceptions.CRSError:
        raise LingjingError("maps.unknown-crs", place, name=definition[:60]) from None
    code = crs.to_epsg()
    return _from_pyproj(f"EPSG:{code}" if code else crs.name, crs, place)


def choose_system(
    named: str | None, declared: str | None, place: Place | None = None
) -> tuple[CoordinateSystem, bool]:
    """The system to read with: the named one before the declared one.

    Files from shifted map services declare WGS 84 as a rule, which only a person can set right.

    Returns:
        The system, and whether the name overrules a different declaration.

    Raises:
        LingjingError: `maps.crs-needed` when neither is there, `maps.unknown-crs`.
    """
    if named is None:
        if declared is None:
            raise LingjingError("maps.crs-needed", place)
        return declared_system(declared, place), False
    system = named_system(named, place)
    if declared is None:
        return system, False
    try:
        return system, declared_system(declared, place).name != system.name
    except LingjingError:
        return system, True


def to_wgs84(geometries: Geometries, system: CoordinateSystem | str) -> Geometries:
    """Turn geometries [n] into WGS 84 longitude and latitude [°], flat (without heights).

    Raises:
        LingjingError: `maps.unknown-crs`.
    """
    if isinstance(system, str):
        system = named_system(system)
    flat = shapely.force_2d(geometries)
    if system.convert is _unchanged:
        return np.asarray(flat, dtype=object)
    return np.asarray(shapely.transform(flat, system.convert), dtype=object)


def in_range(geometries: Geometries) -> NDArray[np.bool_]:
    """Whether all coordinates of each geometry [n] are finite and on Earth.

    Empty geometries are not in range.
    """
    bounds = shapely.bounds(geometries).reshape(-1, 4)
    with np.errstate(invalid="ignore"):
        inside = (
            (bounds[:, 0] >= -180.0)
            & (bounds[:, 2] <= 180.0)
            & (bounds[:, 1] >= -90.0)
            & (bounds[:, 3] <= 90.0)
        )
    # bounds ignore NaN, so a hidden NaN has to be looked for by itself
    coordinates, owner = shapely.get_coordinates(geometries, return_index=True)
    inside[owner[~np.isfinite(coordinates).all(axis=1)]] = False
    return np.asarray(inside)


def check_plausible(
    geometries: Geometries, system: CoordinateSystem, place: Place | None = None
) -> None:
    """Refuse a whole layer whose coordinates cannot be what the system says.

    Args:
        geometries: In WGS 84 [n].
        system: What they were read with.

    Raises:
        LingjingError: `maps.swapped-coordinates` when most points fit only with longitude and
            latitude exchanged; `maps.outside-area` when most lie far from where the system may
            be used, as with the wrong zone.
    """
    bounds: Any = shapely.bounds(geometries).reshape(-1, 4)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not len(bounds):
        return
    longitude = (bounds[:, 0] + bounds[:, 2]) / 2
    latitude = (bounds[:, 1] + bounds[:, 3]) / 2
    swapped = (np.abs(latitude) > 90.0) & (np.abs(latitude) <= 180.0) & (np.abs(longitude) <= 90.0)
    if swapped.mean() > 0.5:
        raise LingjingError(
            "maps.swapped-coordinates",
            place,
            first=f"{longitude[swapped][0]:.5f}",
            second=f"{latitude[swapped][0]:.5f}",
        )
    if system.area is None:
        return
    west, south, east, north = system.area
    margin = _AREA_MARGIN_DEG
    far = (latitude < south - margin) | (latitude > north + margin)
    if west <= east:
        far |= (longitude < west - margin) | (longitude > east + margin)
    if far.mean() > 0.5:
        raise LingjingError(
            "maps.outside-area",
            place,
            crs=system.name,
            longitude=f"{longitude[far][0]:.3f}",
            latitude=f"{latitude[far][0]:.3f}",
            area=f"{west:g}–{east:g}° E, {south:g}–{north:g}° N",
        )
