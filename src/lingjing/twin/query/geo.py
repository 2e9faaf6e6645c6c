"""Geographic conditions: a relation between a reference geometry and a GeoProperty (clause 4.10).

Distances are great-circle distances on a sphere of 6,371,008.8 m (the mean radius of WGS 84,
within 0.56 % of the ellipsoid). Topological relations are those of OGC Simple Features in plane
longitude and latitude, as the standard's GeoJSON edges are.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from lingjing.twin.documents import LOCATION, Document
from lingjing.vocabulary.errors import LingjingError, Place

EARTH_RADIUS_M: Final = 6_371_008.8
MOST_POSITIONS: Final = 10_000
"""Most positions of a reference geometry."""

Relation = Literal["near", "within", "contains", "intersects", "equals", "disjoint", "overlaps"]
RELATIONS: Final[tuple[Relation, ...]] = (
    "near",
    "within",
    "contains",
    "intersects",
    "equals",
    "disjoint",
    "overlaps",
)
GEOMETRIES: Final = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
)
_POSITIVE: Final = re.compile(r"(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
Bounds = tuple[float, float, float, float]
_DEPTHS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


class Reach(msgspec.Struct, frozen=True):
    """The distance of a `near`: at most, or at least, so many metres."""

    most_m: float | None = None
    least_m: float | None = None


class GeoQuery:
    """A compiled geographic condition.

    Attributes:
        relation: How the entity's geometry stands to the reference.
        geometry: The reference.
        attribute: IRI of the GeoProperty looked at.
        reach: Distance of a `near`.
        bounds: West, south, east, north [°] of a box that every match touches; None where there
            is no such box (`disjoint`, a least distance, over the antimeridian or a pole).
    """

    __slots__ = ("_test", "attribute", "bounds", "geometry", "reach", "relation")

    def __init__(
        self, relation: Relation, geometry: BaseGeometry, attribute: str, reach: Reach
    ) -> None:
        self.relation = relation
        self.geometry = geometry
        self.attribute = attribute
        self.reach = reach
        self.bounds = _bounds(relation, geometry, reach)
        self._test = _near(geometry, reach) if relation == "near" else _topology(relation, geometry)

    def accept(self, document: Document) -> bool:
        """Whether any instance of the GeoProperty meets the condition."""
        found = document["attributes"].get(self.attribute)
        if not found:
            return False
        return any(
            instance["type"] == "GeoProperty" and self.accept_geometry(instance.get("value"))
            for instance in found.values()
        )

    def accept_geometry(self, value: Any) -> bool:
        """Whether a GeoJSON geometry meets the condition; what is none never does."""
        return isinstance(value, dict) and self._test(value)


@functools.lru_cache(maxsize=1_024)
def parse_geo(
    relation: str, geometry: str, coordinates: str, attribute: str = LOCATION
) -> GeoQuery:
    """Read and compile a geographic condition.

    Args:
        relation: The `georel`, such as `near;maxDistance==500`.
        geometry: GeoJSON type of the reference.
        coordinates: Its coordinates as JSON text.
        attribute: IRI of the GeoProperty.

    Raises:
        LingjingError: `query.bad-georel`, `query.bad-geometry`, `query.too-complex`.
    """
    name, reach = parse_georel(relation)
    return GeoQuery(name, reference(geometry, coordinates), attribute, reach)


def parse_georel(text: str) -> tuple[Relation, Reach]:
    """The relation, and the distance of a `near`.

    Raises:
        LingjingError: `query.bad-georel`.
    """
    name, *modifiers = (part.strip() for part in text.split(";"))
    if name not in RELATIONS or len(modifiers) != (1 if name == "near" else 0):
        raise _bad_georel(text)
    if not modifiers:
        return name, Reach()
    key, _, number = modifiers[0].partition("==")
    metres = float(number) if _POSITIVE.match(number) else 0.0
    if not 0.0 < metres < math.inf:
        raise _bad_georel(text)
    if key == "maxDistance":
        return name, Reach(most_m=metres)
    if key == "minDistance":
        return name, Reach(least_m=metres)
    raise _bad_georel(text)


def _bad_georel(text: str) -> LingjingError:
    return LingjingError("query.bad-georel", Place(field="georel"), text=text[:80])


def reference(geometry: str, coordinates: str) -> BaseGeometry:
    """The reference geometry.

    Raises:
        LingjingError: `query.bad-geometry`, `query.too-complex`.
    """
    if geometry not in GEOMETRIES:
        raise bad_geometry("geometry", geometry)
    try:
        positions = json.loads(coordinates)
    except (ValueError, RecursionError):
        raise bad_geometry("coordinates", coordinates) from None
    return shape(geometry, positions)


def shape(geometry: str, positions: Any) -> BaseGeometry:
    """The geometry of GeoJSON coordinates, checked.

    Raises:
        LingjingError: `query.bad-geometry`, `query.too-complex`.
    """
    if geometry not in GEOMETRIES or not _well_formed(positions, _DEPTHS[geometry]):
        raise bad_geometry("coordinates", positions)
    if _size(positions) > MOST_POSITIONS:
        raise LingjingError(
            "query.too-complex",
            Place(field="coordinates"),
            parameter="coordinates",
            measure="positions",
            limit=MOST_POSITIONS,
        )
    made = _made(geometry, positions)
    if made is None or made.is_empty:
        raise bad_geometry("coordinates", positions)
    return made


def bad_geometry(field: str, value: Any) -> LingjingError:
    """The error for a geometry that is none."""
    return LingjingError("query.bad-geometry", Place(field=field), value=str(value)[:80])


def _well_formed(positions: Any, depth: int) -> bool:
    if not isinstance(positions, list) or not positions:
        return False
    if depth:
        return all(_well_formed(part, depth - 1) for part in positions)
    return (
        2 <= len(positions) <= 3
        and all(
            isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 1e9
            for number in positions
        )
        and abs(positions[0]) <= 180
        and abs(positions[1]) <= 90
    )


def _size(positions: Any) -> int:
    if not isinstance(positions[0], list):
        return 1
    return sum(_size(part) for part in positions)


def _made(geometry: str, positions: Any) -> BaseGeometry | None:
    """The shapely geometry; None where the positions cannot form one."""
    try:
        made = shapely.from_geojson(json.dumps({"type": geometry, "coordinates": positions}))
    except (shapely.GEOSException, ValueError, TypeError):
        return None
    # a polygon that crosses itself has an inside too, which GEOS finds once it is made valid
    flat = shapely.force_2d(made)
    return flat if flat.is_valid else shapely.make_valid(flat)


def geometry_of(value: dict[str, Any]) -> BaseGeometry | None:
    """The geometry of a GeoJSON value of a document; None where it is none."""
    try:
        if value.get("type") == "Point":
            longitude, latitude = value["coordinates"][:2]
            return shapely.Point(longitude, latitude)
        return _made(value["type"], value["coordinates"])
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def great_circle_m(west: float, south: float, east: float, north: float) -> float:
    """Distance of two positions [°] along the sphere [m].

    >>> round(great_circle_m(121.47, 31.23, 116.40, 39.90) / 1000)
    1067
    """
    phi_1, phi_2 = math.radians(south), math.radians(north)
    half_chord = (
        math.sin((phi_2 - phi_1) / 2) ** 2
        + math.cos(phi_1) * math.cos(phi_2) * math.sin(math.radians(east - west) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half_chord)))


def distance_m(one: BaseGeometry, other: BaseGeometry) -> float:
    """Shortest great-circle distance of two geometries [m].

    The nearest positions are found in the plane of longitude scaled by the cosine of the middle
    latitude, then measured on the sphere: exact for points, and within 0.1 % for shapes of up to
    100 km away from the poles and the antimeridian.
    """
    if one.geom_type == "Point" and other.geom_type == "Point":
        return great_circle_m(one.x, one.y, other.x, other.y)
    middle = (one.centroid.y + other.centroid.y) / 2
    scale = max(math.cos(math.radians(middle)), 1e-6)
    near_one, near_other = nearest_points(_scaled(one, scale), _scaled(other, scale))
    return great_circle_m(near_one.x / scale, near_one.y, near_other.x / scale, near_other.y)


def _scaled(geometry: BaseGeometry, scale: float) -> BaseGeometry:
    return shapely.transform(geometry, lambda positions: positions * (scale, 1.0))


def distance_to(value: Any, geometry: BaseGeometry) -> float | None:
    """Distance of a GeoJSON value from a geometry [m]; None where it is no geometry."""
    other = geometry_of(value) if isinstance(value, dict) else None
    return None if other is None else distance_m(other, geometry)


def _near(geometry: BaseGeometry, reach: Reach) -> Callable[[dict[str, Any]], bool]:
    most = math.inf if reach.most_m is None else reach.most_m
    least = 0.0 if reach.least_m is None else reach.least_m
    if geometry.geom_type == "Point":
        x, y = geometry.x, geometry.y

        def near_point(value: dict[str, Any]) -> bool:
            if value.get("type") != "Point":
                return near_any(value)
            try:
                longitude, latitude = value["coordinates"][:2]
                return least <= great_circle_m(x, y, longitude, latitude) <= most
            except (KeyError, TypeError, ValueError):
                return False

    def near_any(value: dict[str, Any]) -> bool:
        other = geometry_of(value)
        return other is not None and least <= distance_m(other, geometry) <= most

    return near_point if geometry.geom_type == "Point" else near_any


def _topology(relation: Relation, geometry: BaseGeometry) -> Callable[[dict[str, Any]], bool]:
    shapely.prepare(geometry)
    # the prepared reference stands on the left, so `within` and `contains` change places
    holds = {
        "within": geometry.contains,
        "contains": geometry.within,
        "intersects": geometry.intersects,
        "equals": geometry.equals,
        "disjoint": geometry.disjoint,
        "overlaps": geometry.overlaps,
    }[relation]

    def test(value: dict[str, Any]) -> bool:
        other = geometry_of(value)
        return other is not None and bool(holds(other))

    return test


def _bounds(relation: Relation, geometry: BaseGeometry, reach: Reach) -> Bounds | None:
    west, south, east, north = geometry.bounds
    if relation == "disjoint" or (relation == "near" and reach.most_m is None):
        return None
    if relation != "near":
        return (west, south, east, north)
    # one part in a thousand more than the sphere asks for, so that no rounding loses a match
    angle = 1.001 * (reach.most_m or 0.0) / EARTH_RADIUS_M + 1e-9
    south_deg, north_deg = south - math.degrees(angle), north + math.degrees(angle)
    furthest = max(abs(south_deg), abs(north_deg))
    if furthest >= 90:
        return None
    # the tangent meridians of a circle lie furthest off where the parallels are shortest
    parallel = math.cos(math.radians(max(abs(south), abs(north))))
    spread = math.degrees(math.asin(min(1.0, math.sin(angle) / parallel)))
    if west - spread < -180 or east + spread > 180:
        return None
    return (west - spread, south_deg, east + spread, north_deg)
