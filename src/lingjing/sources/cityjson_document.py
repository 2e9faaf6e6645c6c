"""A CityJSON document, opened and checked: what is interpreted later must be well-formed.

CityJSON 1.1 and 2.0, and CityJSONSeq, whose features are joined into one document. The document
itself is never changed by reading it, so that an export can give back all it held. Appearance and
unknown members are carried along unchecked.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import numpy as np
import pyproj
from numpy.typing import NDArray

from lingjing.sources.cityjson_sequence import joined
from lingjing.sources.coordinates import CoordinateSystem, choose_system
from lingjing.vocabulary import LingjingError, Place

LARGEST_BYTES: Final = 256 * 2**20
"""A larger document would need several gigabytes of memory once it is opened."""

VERSIONS: Final = ("1.1", "2.0")
_VERSION: Final = re.compile(r"(1\.1|2\.0)(\.\d+)?")
_LOD: Final = re.compile(r"[0-3](\.[0-3])?")
_CODE: Final = re.compile(r"EPSG(?:/[^/]*/|:[^:]*:|:)(\d+)$", re.IGNORECASE)

FIRST_LEVEL: Final = frozenset(
    {
        *("Bridge", "Building", "CityFurniture", "CityObjectGroup", "GenericCityObject"),
        *("LandUse", "OtherConstruction", "PlantCover", "Railway", "Road"),
        *("SolitaryVegetationObject", "TINRelief", "TransportSquare", "Tunnel", "WaterBody"),
        "Waterway",
    }
)
SECOND_LEVEL: Final = frozenset(
    {
        *("BridgeConstructiveElement", "BridgeFurniture", "BridgeInstallation", "BridgePart"),
        *("BridgeRoom", "BuildingConstructiveElement", "BuildingFurniture"),
        *("BuildingInstallation", "BuildingPart", "BuildingRoom", "BuildingStorey"),
        *("BuildingUnit", "TunnelConstructiveElement", "TunnelFurniture", "TunnelHollowSpace"),
        *("TunnelInstallation", "TunnelPart"),
    }
)
SURFACE_DEPTH: Final = {
    "MultiSurface": 1,
    "CompositeSurface": 1,
    "Solid": 2,
    "MultiSolid": 3,
    "CompositeSolid": 3,
}
"""How many lists lie around a surface, by the type of the geometry."""
_OTHER_GEOMETRIES: Final = frozenset({"MultiPoint", "MultiLineString", "GeometryInstance"})
_SHORTEST_RING: Final = 3


@dataclass(frozen=True)
class CityModel:
    """A checked document.

    Attributes:
        document: As decoded; not to be changed.
        path: The file, for the places of faults.
        version: `1.1` or `2.0`.
        vertices: Real-world coordinates in the document's system [n, 3].
        system: How its first two coordinates become WGS 84.
        overruled: Another system was named than the document declares.
        declared: What it declares; None where it declares nothing.
        metres_per_height: Length of a unit of the third coordinate [m].
    """

    document: dict[str, Any]
    path: Path
    version: str
    vertices: NDArray[np.float64]
    system: CoordinateSystem
    overruled: bool
    declared: str | None
    metres_per_height: float

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """The city objects by id."""
        found: dict[str, dict[str, Any]] = self.document["CityObjects"]
        return found

    @property
    def geographic(self) -> bool:
        """Whether the first two coordinates are degrees: they hardly change on their way."""
        if not len(self.vertices):
            return False
        middle = self.vertices[:, :2].mean(axis=0, keepdims=True)
        return bool(np.abs(self.system.convert(middle) - middle).max() < 1.0)

    def template_vertices(self) -> NDArray[np.float64]:
        """Vertices of the geometry templates, not transformed [n, 3]."""
        held = self.document.get("geometry-templates", {}).get("vertices-templates", [])
        return np.asarray(held, dtype=np.float64).reshape(-1, 3)


def open_city_model(path: Path, crs: str | None = None) -> CityModel:
    """Open and check a CityJSON or CityJSONSeq file, packed by gzip or not.

    Args:
        path: The file.
        crs: Name of the coordinate system of its first two coordinates; needed where the
            document declares none, and obeyed where it declares another.

    Raises:
        LingjingError: `maps.not-found`, `maps.unreadable`, `maps.bad-json`, `citymodel.too-large`,
            `citymodel.version`, `citymodel.malformed` (with the member at fault as its place),
            `citymodel.no-crs`, `maps.unknown-crs`.
    """
    document = _decoded(path)
    check = _Check(path)
    version = check.head(document)
    vertices = check.vertices(document)
    check.objects(document, len(vertices))
    place = Place(file=str(path), field="metadata.referenceSystem")
    declared = declared_crs(document)
    if crs is None and declared is None:
        raise LingjingError("citymodel.no-crs", place)
    flat, metres = _flat_system(declared, place) if declared else (None, 1.0)
    system, overruled = choose_system(crs, flat, place)
    return CityModel(document, path, version, vertices, system, overruled, declared, metres)


def declared_crs(document: Mapping[str, Any]) -> str | None:
    """The EPSG code that a document declares as `EPSG:<number>`, or its text as it stands."""
    metadata = document.get("metadata")
    text = metadata.get("referenceSystem") if isinstance(metadata, dict) else None
    if not isinstance(text, str) or not text.strip():
        return None
    match = _CODE.search(text.strip())
    return f"EPSG:{match[1]}" if match else text.strip()


def _flat_system(declared: str, place: Place) -> tuple[str, float]:
    """The two-dimensional part of a declared system, and the metres in a unit of height."""
    try:
        crs = pyproj.CRS.from_user_input(declared)
    except pyproj.exceptions.CRSError:
        raise LingjingError("maps.unknown-crs", place, name=declared[:60]) from None
    axes = crs.axis_info
    if len(axes) > 2:
        metres = axes[2].unit_conversion_factor
    else:
        metres = axes[0].unit_conversion_factor if crs.is_projected else 1.0
    flat = crs.sub_crs_list[0] if crs.is_compound else crs.to_2d()
    code = flat.to_epsg()
    return f"EPSG:{code}" if code else flat.to_wkt(), float(metres)


def _decoded(path: Path) -> dict[str, Any]:
    place = Place(file=str(path))
    content = _content(path, place)
    try:
        document = msgspec.json.decode(content)
    except RecursionError:
        raise LingjingError(
            "citymodel.malformed", place, expected="CityJSON", found="[[[[…"
        ) from None
    except msgspec.DecodeError as error:
        document = _sequence(content, path)
        if document is None:
            raise LingjingError("maps.bad-json", place, detail=str(error)) from None
    if not isinstance(document, dict):
        raise LingjingError("citymodel.malformed", place, expected="{…}", found=shown(document))
    return document


def _content(path: Path, place: Place) -> bytes:
    """The bytes of a document, unpacked; never more than may be opened."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise LingjingError("maps.not-found", place) from None
    except EOFError as error:
        raise LingjingError("maps.truncated", place, detail=str(error)) from error
    except OSError as error:
        raise LingjingError("maps.unreadable", place, detail=error.strerror or "") from error
    if len(content) > LARGEST_BYTES:
        size = max(path.stat().st_size, len(content)) / 2**20
        raise LingjingError(
            "citymodel.too-large", place, size_mb=f"{size:.0f}", limit_mb=LARGEST_BYTES // 2**20
        )
    return content.removeprefix(b"\xef\xbb\xbf")


def _sequence(content: bytes, path: Path) -> dict[str, Any] | None:
    """A CityJSONSeq as one document; None where the first line is no document of its own."""
    lines = [
        (number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()
    ]
    decoded: list[tuple[int, dict[str, Any]]] = []
    for number, line in lines:
        try:
            item = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            if not decoded:
                return None
            place = Place(file=str(path), line=number)
            raise LingjingError("maps.bad-json", place, detail=str(error)) from None
        place = Place(file=str(path), line=number)
        expected = "CityJSONFeature" if decoded else "CityJSON"
        if not isinstance(item, dict) or item.get("type") != expected:
            raise LingjingError(
                "citymodel.malformed", place, expected=f'"type": "{expected}"', found=shown(item)
            )
        decoded.append((number, item))
    if len(decoded) < 2:
        return None
    return joined(decoded[0][1], decoded[1:], path)


def shown(value: object) -> str:
    """A value, short enough for an error's text."""
    text = msgspec.json.encode(value).decode() if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else f"{text[:59]}…"


class _Check:
    """Walks through a document and refuses the first fault with its place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse(self, field: str, expected: str, found: object) -> NoReturn:
        raise LingjingError(
            "citymodel.malformed",
            Place(file=str(self.path), field=field),
            expected=expected,
            found=shown(found),
        )

    def head(self, document: Mapping[str, Any]) -> str:
        """Check everything outside the city objects; the version without its last number."""
        if document.get("type") != "CityJSON":
            self.refuse("type", '"CityJSON"', document.get("type"))
        version = document.get("version")
        match = _VERSION.fullmatch(version) if isinstance(version, str) else None
        if match is None:
            raise LingjingError(
                "citymodel.version",
                Place(file=str(self.path), field="version"),
                found=shown(version),
                known=", ".join(VERSIONS),
            )
        for name, kind, expected in (
            ("CityObjects", dict, "{id: {…}}"),
            ("vertices", list, "[[int, int, int]]"),
            ("transform", dict, '{"scale": […], "translate": […]}'),
        ):
            if not isinstance(document.get(name), kind):
                self.refuse(name, expected, document.get(name))
        for name in ("metadata", "extensions", "appearance", "geometry-templates"):
            if name in document and not isinstance(document[name], dict):
                self.refuse(name, "{…}", document[name])
        return match[1]

    def vertices(self, document: Mapping[str, Any]) -> NDArray[np.float64]:
        """The vertices in real-world coordinates [n, 3]."""
        for name in ("scale", "translate"):
            numbers = document["transform"].get(name)
            good = isinstance(numbers, list) and len(numbers) == 3
            if not good or not all(_is_number(n) and (name != "scale" or n > 0) for n in numbers):
                self.refuse(f"transform.{name}", "[number, number, number]", numbers)
        held = document["vertices"]
        table: NDArray[Any] | None
        try:
            table = np.array(held) if held else np.zeros((0, 3), dtype=np.int64)
        except (ValueError, OverflowError):
            table = None
        if table is None or table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind != "i":
            self._faulty_vertex(held)
        scale = np.array(document["transform"]["scale"], dtype=np.float64)
        return np.asarray(table * scale + np.array(document["transform"]["translate"], np.float64))

    def _faulty_vertex(self, held: Sequence[Any]) -> NoReturn:
        limit = 2**63
        for index, vertex in enumerate(held):
            whole = isinstance(vertex, list) and all(
                type(n) is int and -limit <= n < limit for n in vertex
            )
            if not whole or len(vertex) != 3:
                self.refuse(f"vertices[{index}]", "[int, int, int]", vertex)
        self.refuse("vertices", "[[int, int, int]]", held[0])

    def objects(self, document: Mapping[str, Any], vertices: int) -> None:
        """Check every city object and its geometries."""
        templates = self._templates(document)
        objects = document["CityObjects"]
        for name, item in objects.items():
            place = f"CityObjects.{name}"
            if not isinstance(item, dict):
                self.refuse(place, "{…}", item)
            self._object(place, name, item, objects)
            geometries = item.get("geometry", [])
            if not isinstance(geometries, list):
                self.refuse(f"{place}.geometry", "[…]", geometries)
            for index, geometry in enumerate(geometries):
                self._geometry(f"{place}.geometry[{index}]", geometry, vertices, templates)
        self._no_circles(objects)

    def _object(
        self, place: str, name: str, item: Mapping[str, Any], objects: Mapping[str, Any]
    ) -> None:
        kind = item.get("type")
        if not isinstance(kind, str) or not (
            kind in FIRST_LEVEL or kind in SECOND_LEVEL or kind.startswith("+")
        ):
            self.refuse(f"{place}.type", '"Building" | "BuildingPart" | … | "+…"', kind)
        if not isinstance(item.get("attributes", {}), dict):
            self.refuse(f"{place}.attributes", "{…}", item["attributes"])
        if kind in SECOND_LEVEL and not item.get("parents"):
            self.refuse(f"{place}.parents", "[id]", item.get("parents"))
        for family, back in (("parents", "children"), ("children", "parents")):
            named = item.get(family, [])
            if not isinstance(named, list):
                self.refuse(f"{place}.{family}", "[id]", named)
            for index, other in enumerate(named):
                known = isinstance(other, str) and isinstance(objects.get(other), dict)
                # a group lists its members as children, and they need not list it as a parent
                if not known or (
                    kind != "CityObjectGroup" and name not in (objects[other].get(back) or ())
                ):
                    self.refuse(f"{place}.{family}[{index}]", f"id ({back}: [{name}])", other)

    def _no_circles(self, objects: Mapping[str, Mapping[str, Any]]) -> None:
        sound: set[str] = set()
        for name in objects:
            path: list[str] = []
            at: str | None = name
            while at is not None and at not in sound:
                if at in path:
                    self.refuse(f"CityObjects.{at}.parents", "[id]", [*path, at])
                path.append(at)
                parents = objects[at].get("parents") or [None]
                at = parents[0]
            sound.update(path)

    def _templates(self, document: Mapping[str, Any]) -> int:
        """Check the geometry templates; how many there are."""
        page = document.get("geometry-templates")
        if page is None:
            return 0
        place = "geometry-templates"
        held = page.get("vertices-templates")
        if not isinstance(held, list) or not all(
            isinstance(point, list) and len(point) == 3 and all(map(_is_number, point))
            for point in held
        ):
            self.refuse(f"{place}.vertices-templates", "[[number, number, number]]", held)
        templates = page.get("templates")
        if not isinstance(templates, list):
            self.refuse(f"{place}.templates", "[…]", templates)
        for index, geometry in enumerate(templates):
            self._geometry(f"{place}.templates[{index}]", geometry, len(held), 0)
        return len(templates)

    def _geometry(self, place: str, geometry: Any, vertices: int, templates: int) -> None:
        if not isinstance(geometry, dict):
            self.refuse(place, "{…}", geometry)
        kind = geometry.get("type")
        if kind == "GeometryInstance" and templates:
            self._instance(place, geometry, vertices, templates)
            return
        if kind not in SURFACE_DEPTH and kind not in _OTHER_GEOMETRIES - {"GeometryInstance"}:
            self.refuse(f"{place}.type", '"MultiSurface" | "Solid" | …', kind)
        lod = geometry.get("lod")
        if not isinstance(lod, str) or _LOD.fullmatch(lod) is None:
            self.refuse(f"{place}.lod", '"0" … "3.3"', lod)
        boundaries = geometry.get("boundaries")
        if kind == "MultiPoint":
            self._indices(f"{place}.boundaries", [boundaries], vertices, 1)
        elif kind == "MultiLineString":
            self._indices(f"{place}.boundaries", boundaries, vertices, 2)
        else:
            self._surfaces(place, boundaries, SURFACE_DEPTH[kind], vertices)
            self._semantics(place, geometry, SURFACE_DEPTH[kind])

    def _surfaces(self, place: str, boundaries: Any, depth: int, vertices: int) -> None:
        for surface in nested(boundaries, depth):
            if not isinstance(surface, list) or not surface:
                self.refuse(f"{place}.boundaries", "[[int, int, int, …], …]", surface)
            self._indices(f"{place}.boundaries", surface, vertices, _SHORTEST_RING)

    def _indices(self, place: str, rings: Any, vertices: int, shortest: int) -> None:
        if not isinstance(rings, list):
            self.refuse(place, "[[int, …]]", rings)
        for ring in rings:
            if not isinstance(ring, list) or len(ring) < shortest:
                self.refuse(place, f"[int × {shortest}, …]", ring)
            for index in ring:
                if type(index) is not int or not 0 <= index < vertices:
                    self.refuse(place, f"0 … {vertices - 1}", index)

    def _instance(
        self, place: str, geometry: Mapping[str, Any], vertices: int, templates: int
    ) -> None:
        template = geometry.get("template")
        if type(template) is not int or not 0 <= template < templates:
            self.refuse(f"{place}.template", f"0 … {templates - 1}", template)
        boundaries = geometry.get("boundaries")
        if not isinstance(boundaries, list) or len(boundaries) != 1:
            self.refuse(f"{place}.boundaries", "[int]", boundaries)
        self._indices(f"{place}.boundaries", [boundaries], vertices, 1)
        matrix = geometry.get("transformationMatrix")
        if not isinstance(matrix, list) or len(matrix) != 16 or not all(map(_is_number, matrix)):
            self.refuse(f"{place}.transformationMatrix", "[number × 16]", matrix)

    def _semantics(self, place: str, geometry: Mapping[str, Any], depth: int) -> None:
        semantics = geometry.get("semantics")
        if semantics is None:
            return
        place = f"{place}.semantics"
        if not isinstance(semantics, dict):
            self.refuse(place, "{…}", semantics)
        surfaces = semantics.get("surfaces")
        if not isinstance(surfaces, list) or not all(
            isinstance(item, dict) and isinstance(item.get("type"), str) for item in surfaces
        ):
            self.refuse(f"{place}.surfaces", '[{"type": "…"}]', surfaces)
        values = list(spread(semantics.get("values"), geometry["boundaries"], depth))
        for value in values:
            if value is not None and (type(value) is not int or not 0 <= value < len(surfaces)):
                self.refuse(f"{place}.values", f"0 … {len(surfaces) - 1} | null", value)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))  # type: ignore[call-overload]


def nested(lists: Any, depth: int) -> Iterator[Any]:
    """What lies so many lists deep; a member that is no list comes as it is."""
    if not isinstance(lists, list):
        yield lists
    elif depth == 1:
        yield from lists
    else:
        for item in lists:
            yield from nested(item, depth - 1)


def spread(values: Any, boundaries: Any, depth: int) -> Iterator[Any]:
    """Semantic values in the order of the surfaces; null may stand for a whole shell or solid.

    A list of the wrong length gives the list itself as a value, which is no index.
    """
    if values is None:
        yield from (None for _ in nested(boundaries, depth))
    elif not isinstance(values, list) or len(values) != len(boundaries):
        yield values
    elif depth == 1:
        yield from values
    else:
        for value, inner in zip(values, boundaries, strict=True):
            yield from spread(value, inner, depth - 1)
