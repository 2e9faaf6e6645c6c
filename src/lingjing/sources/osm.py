"""OpenStreetMap files (PBF and XML) into buildings, road segments, facilities, sub-districts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.geometry import areas_m2, clean_lines, clean_polygons, holders
from lingjing.sources.map_files import MapFormat, detect, sha256_of
from lingjing.sources.osm_relations import (
    AreaRelation,
    Line,
    area_relations,
    assemble,
    is_sub_district,
)
from lingjing.sources.osm_tags import (
    SOURCE,
    TagReader,
    facility_kind,
    is_building,
    is_part,
    known_tags,
    runs_backwards,
    tables,
)
from lingjing.sources.roads import Pieces, split_at_junctions, unique_names
from lingjing.vocabulary import Attribute, LingjingError, Place, Provenance

ATTRIBUTION: Final = "© OpenStreetMap contributors, ODbL 1.0"
LICENCE: Final = "ODbL-1.0"

_KEYS: Final = (
    "building",
    "building:part",
    "highway",
    "amenity",
    "healthcare",
    "social_facility",
    "emergency",
    "shop",
    "boundary",
)
# Buildings are cleaned and handed over in blocks, to keep memory small.
_BLOCK: Final = 20_000
# A line of four points: head, and 16 bytes a point.
_RING_WKB_BYTES: Final = 9 + 4 * 16
# Type number of a line in shapely.
_LINE: Final = 1
# An undefined position of libosmium.
_UNDEFINED: Final = 2_147_483_647


def read_osm(path: Path, name: str) -> Batch:
    """Read an OpenStreetMap file: `.osm.pbf`, `.osm`, `.osm.gz` or `.osm.bz2`, told by content.

    Args:
        path: The file.
        name: Of the source, stable between reads.

    Returns:
        A batch whose features stream; errors in the middle of the file are raised while they do.

    Raises:
        LingjingError: `maps.not-found`, `maps.empty-file`, `maps.not-osm`; while streaming,
            `maps.truncated`, `maps.unreadable`, `maps.duplicate-id`.
    """
    found = detect(path)
    if found.library != "osmium":
        raise LingjingError("maps.not-osm", Place(file=str(path)), found=found.title)
    report = ImportReport()
    observed_at = _timestamp(path, found)
    return Batch(
        name=name,
        features=_guarded(_Reading(path, found, report, observed_at)),
        provenance=Provenance("imported", SOURCE, observed_at=observed_at),
        attribution=ATTRIBUTION,
        licence=LICENCE,
        sha256=sha256_of(path),
        report=report,
    )


def _failure(path: Path, error: Exception) -> LingjingError:
    detail = str(error)
    cut = any(word in detail for word in ("EOF", "truncated", "no element found", "unclosed token"))
    code = "maps.truncated" if cut else "maps.unreadable"
    return LingjingError(code, Place(file=str(path)), detail=detail)


def _timestamp(path: Path, found: MapFormat) -> str | None:
    try:
        with osmium.io.Reader(osmium.io.File(str(path), found.name), osmium.osm.NOTHING) as reader:
            text = reader.header().get("osmosis_replication_timestamp", "")
    except RuntimeError as error:
        raise _failure(path, error) from error
    return text or None


def _guarded(reading: _Reading) -> Iterator[Feature]:
    """Features as they are read, with libosmium's errors said in our words."""
    try:
        for feature in reading.features():
            reading.report.keep(feature.kind)
            yield feature
    except RuntimeError as error:
        raise _failure(reading.path, error) from error


class _Reading:
    """One pass through one file: what has been seen so far and is not handed over yet."""

    def __init__(
        self, path: Path, found: MapFormat, report: ImportReport, observed_at: str | None
    ) -> None:
        self.path = path
        self.format = found
        self.report = report
        self.tags = TagReader(report, observed_at)
        self.seen: dict[str, set[int]] = {"node": set(), "way": set(), "relation": set()}
        self.wkb = osmium.geom.WKBFactory()
        self.outlines: list[tuple[int, bytes, dict[str, str]]] = []  # way, WKB, tags
        self.places: list[tuple[str, bytes, dict[str, str]]] = []  # local, WKB, tags
        self.parts: list[tuple[str, bytes, dict[str, str]]] = []  # local, WKB, tags
        self.built_names: list[str] = []  # of the buildings handed over, for their parts
        self.built_shapes: list[shapely.Geometry] = []
        self.road_ids: list[int] = []
        self.road_attributes: list[dict[str, Attribute]] = []
        self.road_nodes = array("q")
        self.road_sizes: list[int] = []
        self.road_lines: list[bytes] = []  # WKB

    def _file(self) -> osmium.io.File:
        return osmium.io.File(str(self.path), self.format.name)

    def _count(self, what: str) -> None:
        self.report.read[what] = self.report.read.get(what, 0) + 1

    def _once(self, sort: str, number: int) -> None:
        """Refuse a file that gives one id to two objects."""
        if number in self.seen[sort]:
            raise LingjingError(
                "maps.duplicate-id", Place(file=str(self.path)), id=f"osm-{sort}-{number}"
            )
        self.seen[sort].add(number)

    def features(self) -> Iterator[Feature]:
        """Everything the file holds, buildings first as they come."""
        relations = osmium.FileProcessor(self._file(), osmium.osm.RELATION)
        areas = area_relations(self._each_once(relations))
        outer = {way for area in areas if is_building(area.tags) for way in area.outer}
        processor: Any = osmium.FileProcessor(self._file(), osmium.osm.NODE | osmium.osm.WAY)
        processor.with_locations().with_filter(osmium.filter.KeyFilter(*_KEYS))
        for item in processor:
            if item.is_node():
                self._node(item)
            else:
                self._way(item, outer)
            if len(self.outlines) >= _BLOCK:
                yield from self._buildings()
        yield from self._buildings()
        yield from self._relations(areas, processor.node_location_storage)
        # positions and ids make room before the roads are laid out
        del processor
        item = None
        self.seen.clear()
        yield from self._parts()
        yield from self._facilities()
        yield from self._roads()

    def _each_once(self, relations: Any) -> Iterator[Any]:
        for relation in relations:
            self._once("relation", relation.id)
            yield relation

    def _node(self, node: Any) -> None:
        self._once("node", node.id)
        tags = known_tags(node.tags)
        if facility_kind(tags) is None:
            return
        self._count("facility nodes")
        local = f"osm-node-{node.id}"
        if not node.location.valid():
            self.report.drop("out-of-range", local)
            return
        self.places.append((local, bytes.fromhex(self.wkb.create_point(node)), tags))

    def _way(self, way: Any, outlines_of_relations: set[int]) -> None:
        self._once("way", way.id)
        tags = known_tags(way.tags)
        if "highway" in tags:
            self._road(way, tags)
        building, part, facility = is_building(tags), is_part(tags), facility_kind(tags)
        if not building and not part and facility is None:
            return
        local = f"osm-way-{way.id}"
        if part:
            self._count("building parts")
        if building:
            self._count("building ways")
            if way.id in outlines_of_relations:
                self.report.drop("outline-of-a-relation", local)
                building = False
        if facility is not None:
            self._count("facility ways")
        outline = self._outline(way, local)
        if outline is None:
            return
        if building:
            self.outlines.append((way.id, outline, tags))
        if part:
            self.parts.append((local, outline, tags))
        if facility is not None:
            self.places.append((local, outline, tags))

    def _outline(self, way: Any, local: str) -> bytes | None:
        """WKB of a closed way as a line, or None with the reason in the report."""
        reason = "too-few-points"
        if not way.is_closed():
            reason = "open-outline"
        else:
            try:
                line = bytes.fromhex(self.wkb.create_linestring(way, osmium.geom.use_nodes.ALL))
            except (osmium.InvalidLocationError, RuntimeError):
                reason = _missing(way) if len(way.nodes) > 3 else reason
            else:
                if len(line) >= _RING_WKB_BYTES:
                    return line
        self.report.drop(reason, local)
        return None

    def _road(self, way: Any, tags: dict[str, str]) -> None:
        self._count("highway ways")
        local = f"osm-way-{way.id}"
        if tags["highway"] not in tables()["road"]:
            self.report.drop(f"not-a-road-{tags['highway'][:30]}", local)
            return
        if tags.get("area") == "yes":
            self.report.drop("road-drawn-as-area", local)
            return
        nodes = [node.ref for node in way.nodes]
        try:
            line = bytes.fromhex(self.wkb.create_linestring(way, osmium.geom.use_nodes.ALL))
        except (osmium.InvalidLocationError, RuntimeError):
            reason = _missing(way)
            if reason == "out-of-range":
                self.report.drop(reason, local)
                return
            if len(nodes) < 2:
                self.report.drop("too-few-points", local)
                return
            line = _gapped_line(way)
            self.report.repaired["clipped-at-missing-nodes"] = (
                self.report.repaired.get("clipped-at-missing-nodes", 0) + 1
            )
        if runs_backwards(tags):
            nodes.reverse()
            line = shapely.to_wkb(shapely.reverse(shapely.from_wkb(line)))
        self.road_ids.append(way.id)
        self.road_attributes.append(self.tags.road(tags, local))
        self.road_nodes.extend(nodes)
        self.road_sizes.append(len(nodes))
        self.road_lines.append(line)

    def _buildings(self) -> Iterator[Feature]:
        block, self.outlines = self.outlines, []
        if not block:
            return
        rings = shapely.from_wkb([wkb for _, wkb, _ in block])
        points, owner = shapely.get_coordinates(rings, return_index=True)
        shapes = shapely.polygons(shapely.linearrings(points, indices=owner))
        locals_ = [f"osm-way-{number}" for number, _, _ in block]
        yield from self._clean_buildings(shapes, locals_, [tags for _, _, tags in block])

    def _clean_buildings(
        self, shapes: NDArray[np.object_], names: list[str], tags: list[dict[str, str]]
    ) -> Iterator[Feature]:
        shapes, keep = clean_polygons(shapes, names, self.report)
        areas = areas_m2(shapes)
        for index in np.flatnonzero(keep):
            name = names[index]
            self.built_names.append(name)
            self.built_shapes.append(shapes[index])
            yield Feature(
                "Building",
                name,
                shapes[index],
                self.tags.building(tags[index], name, float(areas[index])),
            )

    def _relations(self, areas: list[AreaRelation], places: Any) -> Iterator[Feature]:
        if not areas:
            return
        wanted = {way for area in areas for way in area.ways}
        processor: Any = osmium.FileProcessor(self._file(), osmium.osm.WAY)
        processor.with_filter(osmium.filter.IdFilter(wanted))
        lines: dict[int, Line] = {}
        for way in processor:
            nodes = [node.ref for node in way.nodes]
            lines[way.id] = (nodes, _looked_up(nodes, places))
        for area in areas:
            yield from self._relation(area, lines)

    def _relation(self, area: AreaRelation, lines: dict[int, Line]) -> Iterator[Feature]:
        local = f"osm-relation-{area.id}"
        building, facility = is_building(area.tags), facility_kind(area.tags)
        part = is_part(area.tags)
        if building:
            self._count("building relations")
        if part:
            self._count("building parts")
        if facility is not None:
            self._count("facility relations")
        if is_sub_district(area.tags):
            self._count("sub-district relations")
        shape, reason = assemble(area, lines)
        if shape is None:
            self.report.drop(reason, local)
            return
        shapes = np.array([shape], dtype=object)
        if building:
            yield from self._clean_buildings(shapes, [local], [area.tags])
        if part:
            self.parts.append((local, shapely.to_wkb(shape), area.tags))
        if facility is not None:
            self.places.append((local, shapely.to_wkb(shape), area.tags))
        if is_sub_district(area.tags):
            shapes, keep = clean_polygons(shapes, [local], self.report)
            if keep[0]:
                yield Feature("SubDistrict", local, shapes[0], self.tags.sub_district(area.tags))

    def _parts(self) -> Iterator[Feature]:
        """Parts of buildings, each of the building that holds most of it."""
        if not self.parts:
            return
        names = [local for local, _, _ in self.parts]
        shapes, keep = clean_polygons(
            shapes_of_outlines([wkb for _, wkb, _ in self.parts]), names, self.report
        )
        owners = holders(shapes, keep, self.built_shapes)
        areas = areas_m2(shapes)
        for index in np.flatnonzero(keep).tolist():
            if owners[index] < 0:
                self.report.drop("part-without-building", names[index])
                continue
            yield Feature(
                "BuildingPart",
                names[index],
                shapes[index],
                self.tags.part(self.parts[index][2], names[index], float(areas[index])),
                {"building": ("Building", self.built_names[owners[index]])},
            )

    def _facilities(self) -> Iterator[Feature]:
        for local, wkb, tags in self.places:
            shape = shapely.make_valid(shapes_of_outlines([wkb])[0])
            kind = facility_kind(tags)
            if kind is None:
                continue
            point = shapely.point_on_surface(shape)
            if point.is_empty:
                self.report.drop("zero-area", local)
                continue
            yield Feature("Facility", local, point, self.tags.facility(tags, kind, local))

    def _roads(self) -> Iterator[Feature]:
        if not self.road_ids:
            return
        nodes = np.frombuffer(self.road_nodes, dtype=np.int64)
        way = np.repeat(np.arange(len(self.road_sizes)), self.road_sizes)
        points = _points_of(self.road_lines)
        self.road_lines = []
        # a node drawn twice in a row is no junction
        doubled = np.insert((nodes[1:] == nodes[:-1]) & (way[1:] == way[:-1]), 0, False)
        nodes, way, points = nodes[~doubled], way[~doubled], points[~doubled]
        pieces = split_at_junctions(nodes, way, ~np.isnan(points[:, 0]))
        for index in sorted(set(range(len(self.road_ids))) - set(pieces.way.tolist())):
            self.report.drop("zero-length", f"osm-way-{self.road_ids[index]}")
        self.report.repaired["split-at-junction"] = len(pieces.way) - len(np.unique(pieces.way))
        node_of: dict[int, Attribute] = {}
        # In blocks of whole ways, to keep memory small.
        cuts = np.flatnonzero(np.diff(pieces.way)) + 1
        at = np.searchsorted(cuts, np.arange(_BLOCK, len(pieces.way), _BLOCK))
        blocks = np.unique(cuts[at[at < len(cuts)]])
        for rows in np.split(np.arange(len(pieces.way)), blocks):
            if len(rows):
                block = Pieces(pieces.way[rows], pieces.start[rows], pieces.stop[rows])
                yield from self._segments(block, nodes, points, node_of)

    def _segments(
        self,
        pieces: Pieces,
        nodes: NDArray[np.int64],
        points: NDArray[np.float64],
        node_of: dict[int, Attribute],
    ) -> Iterator[Feature]:
        """Segments of some ways; a node at the end of several of them is one attribute."""
        ends = np.column_stack([nodes[pieces.start], nodes[pieces.stop]]).tolist()
        ways = pieces.way.tolist()
        names = unique_names(
            [f"osm-way-{self.road_ids[w]}-{a}-{b}" for w, (a, b) in zip(ways, ends, strict=True)]
        )
        lines = pieces.lines(points)
        lengths, keep = clean_lines(lines, names, self.report)
        measured = Provenance("inferred", SOURCE, rule="length-of-line", confidence=0.99)
        for index in np.flatnonzero(keep).tolist():
            for node in ends[index]:
                if node not in node_of:
                    node_of[node] = Attribute(f"osm-node-{node}", self.tags.imported)
            start, stop = ends[index]
            yield Feature(
                "RoadSegment",
                names[index],
                lines[index],
                self.road_attributes[ways[index]]
                | {
                    "length": Attribute(round(float(lengths[index]), 3), measured),
                    "from_node": node_of[start],
                    "to_node": node_of[stop],
                },
            )


def _points_of(lines: list[bytes]) -> NDArray[np.float64]:
    """Coordinates of lines given as WKB, one line after the other [n, 2]; NaN where unknown."""
    with np.errstate(invalid="ignore"):  # lines around missing nodes hold NaN
        parts = [
            shapely.get_coordinates(shapely.from_wkb(lines[start : start + _BLOCK]))
            for start in range(0, len(lines), _BLOCK)
        ]
    return np.concatenate(parts)


def shapes_of_outlines(outlines: list[bytes]) -> NDArray[np.object_]:
    """Polygons [n] of outlines given as WKB of closed lines; other shapes stay as they are."""
    shapes = np.array(shapely.from_wkb(outlines), dtype=object)
    for index in np.flatnonzero(shapely.get_type_id(shapes) == _LINE):
        shapes[index] = shapely.Polygon(shapes[index].coords)
    return shapes


def _missing(way: Any) -> str:
    """Why a way has no line: `missing-node`, or `out-of-range` for positions not on Earth."""
    places = [node.location for node in way.nodes]
    wrong = any(not place.valid() and place.x != _UNDEFINED for place in places)
    return "out-of-range" if wrong else "missing-node"


def _gapped_line(way: Any) -> bytes:
    """WKB of a way with NaN for the nodes whose position the file does not hold."""
    points = np.array(
        [(node.lon, node.lat) if node.location.valid() else (np.nan, np.nan) for node in way.nodes]
    )
    with np.errstate(invalid="ignore"):
        return bytes(shapely.to_wkb(shapely.linestrings(points)))


def _looked_up(nodes: list[int], places: Any) -> NDArray[np.float64]:
    """Coordinates [n, 2] of nodes by id; NaN where the file does not hold them."""
    found = np.full((len(nodes), 2), np.nan)
    for index, node in enumerate(nodes):
        try:
            place = places.get(node)
        except KeyError:
            continue
        if place.valid():
            found[index] = (place.lon, place.lat)
    return found
