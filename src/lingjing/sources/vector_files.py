"""GeoJSON, GeoPackage, Shapefile and FlatGeobuf, with the twin's words as column names."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.coordinates import (
    CoordinateSystem,
    check_plausible,
    choose_system,
    in_range,
    to_wgs84,
)
from lingjing.sources.geometry import areas_m2, clean_lines, clean_polygons
from lingjing.sources.map_files import SHAPEFILE, detect, sha256_of
from lingjing.sources.osm_tags import tables as osm_tables
from lingjing.sources.roads import nodes_from_ends
from lingjing.sources.tables import Header, Table, as_drawn, is_empty, read_attributes, read_header
from lingjing.vocabulary import (
    Attribute,
    LingjingError,
    Place,
    Provenance,
    catalogue,
    kinds,
    local_part,
)

RESERVED: Final = ("id", "kind")
_STOREY_M: Final = 3.0
# Code pages that a dBase header may leave open.
_OPEN_CODE_PAGES: Final = (0x00, 0x57)


def note(report: ImportReport, key: str, **values: object) -> None:
    """Add a remark of the message catalogue to a report, in both languages."""
    texts = catalogue("lingjing.sources").both(f"maps.{key}", **values)
    report.notes.append((texts["zh-CN"], texts["en"]))


def vector_tables(path: Path, encoding: str | None = None) -> list[Table]:
    """All layers of a vector file that have geometry.

    Args:
        path: The file.
        encoding: Of its text, for Shapefiles that do not say.

    Raises:
        LingjingError: `maps.unreadable`, `maps.unknown-encoding`, `maps.not-text`,
            `maps.encoding-needed`.
    """
    place = Place(file=str(path))
    known_encoding(encoding, place)
    if detect(path) is SHAPEFILE:
        _check_shapefile_text(path, encoding)
    else:
        encoding = None  # the other formats are UTF-8 by definition
    try:
        with warnings.catch_warnings():
            # GDAL's remarks are about what the checks below refuse in our own words
            warnings.simplefilter("ignore")
            layers = [str(layer) for layer, form in pyogrio.list_layers(path) if form is not None]
            return [_read_layer(path, layer, encoding) for layer in layers]
    except UnicodeDecodeError as error:
        raise LingjingError("maps.not-text", place, encoding=encoding or "UTF-8") from error
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
        pyogrio.errors.FieldError,
        pyogrio.errors.GeometryError,
    ) as error:
        raise LingjingError("maps.unreadable", place, detail=str(error)) from error


def known_encoding(encoding: str | None, place: Place) -> None:
    """Refuse the name of a text encoding that does not exist: `maps.unknown-encoding`."""
    try:
        "".encode(encoding or "UTF-8")
    except LookupError:
        raise LingjingError("maps.unknown-encoding", place, name=encoding) from None


def _check_shapefile_text(path: Path, encoding: str | None) -> None:
    """Refuse text of an unknown code page, which GDAL would read as Latin letters."""
    table = path.with_suffix(".dbf")
    if encoding is not None or not table.is_file() or path.with_suffix(".cpg").is_file():
        return
    content = table.read_bytes()
    if len(content) > 32 and content[29] in _OPEN_CODE_PAGES and not content[32:].isascii():
        raise LingjingError("maps.encoding-needed", Place(file=str(table)))


def _read_layer(path: Path, layer: str, encoding: str | None) -> Table:
    meta, _, geometry, cells = pyogrio.raw.read(path, layer=layer, encoding=encoding)
    shapes = shapely.from_wkb(geometry, on_invalid="ignore")
    return Table(
        file=str(path),
        layer=layer,
        columns={str(name): values for name, values in zip(meta["fields"], cells, strict=True)},
        lines=range(1, len(shapes) + 1),
        geometry=np.asarray(shapes, dtype=object),
        declared=meta["crs"],
    )


def read_vector_file(
    path: Path,
    name: str,
    *,
    kind: str | Mapping[str, str] | None = None,
    crs: str | None = None,
    encoding: str | None = None,
) -> Batch:
    """Read a vector file whose columns are called like the attributes of `kinds.toml`.

    Of which kind a feature is says its column `kind`, else the name of its layer where that is a
    kind, else `kind`. Other columns are listed in the report and left out.

    Args:
        path: The file, told by content.
        name: Of the source, stable between reads.
        kind: One kind for all features, or kinds by layer.
        crs: Name of the coordinate system; needed where the file declares none, and obeyed where
            it declares another.
        encoding: Of a Shapefile's text where the file does not say.

    Raises:
        LingjingError: any code of `maps.*` that names a file, column or cell; nothing is handed
            over unless all of it could be read.
    """
    report = ImportReport()
    provenance = Provenance("imported", path.name)
    features: list[Feature] = []
    seen: set[tuple[str, str]] = set()
    tables = [table for table in vector_tables(path, encoding) if len(table.geometry)]
    if not tables:
        raise LingjingError("maps.nothing-inside", Place(file=str(path)))
    for table in tables:
        layer = _Layer(table, report, provenance, seen)
        features.extend(layer.features(kind, crs))
    return Batch(
        name=name,
        features=features,
        provenance=provenance,
        attribution=path.name,
        licence="unstated",
        sha256=sha256_of(path),
        report=report,
    )


def remark_on_system(
    report: ImportReport, system: CoordinateSystem, declared: str | None, *, overruled: bool
) -> None:
    """Say in the report what was done about coordinates that a reader may wonder about."""
    if overruled:
        note(report, "crs-overruled", declared=declared, named=system.name)
    if system.name == "EPSG:4490":
        note(report, "cgcs2000")


def checked_kind(name: str, place: Place, among: tuple[str, ...]) -> str:
    """A kind's name as it is; refuses others with `maps.unknown-kind`."""
    if name not in among:
        raise LingjingError("maps.unknown-kind", place, kind=name, known=", ".join(among))
    return name


class _Layer:
    """One layer on its way to features."""

    def __init__(
        self,
        table: Table,
        report: ImportReport,
        provenance: Provenance,
        seen: set[tuple[str, str]],
    ) -> None:
        self.table = table
        self.report = report
        self.provenance = provenance
        self.seen = seen

    def features(self, kind: str | Mapping[str, str] | None, crs: str | None) -> list[Feature]:
        table, size = self.table, len(self.table.geometry)
        kind_names = self._kinds(kind)
        place = Place(file=table.file, field=table.layer)
        header = read_header(
            table.columns,
            Place(file=table.file),
            kind_names=set(kind_names) or tuple(kinds()),
            reserved=RESERVED,
            strict=False,
        )
        if header.ignored:
            note(self.report, "ignored-columns", columns=", ".join(sorted(header.ignored)))
        system, overruled = choose_system(crs, table.declared, Place(file=table.file))
        remark_on_system(self.report, system, table.declared, overruled=overruled)
        drawn = np.array([shape is not None for shape in table.geometry], dtype=bool)
        shapes = np.array(table.geometry, dtype=object)
        shapes[drawn] = to_wgs84(shapes[drawn], system)
        drawn &= ~shapely.is_empty(shapes)
        check_plausible(shapes[drawn], system, place)
        names = self._names(shapes, kind_names)
        title = f"features of {table.layer}" if table.layer else "features"
        self.report.read[title] = size
        keep = self._drawn_right(shapes, kind_names, names, drawn)
        found = []
        for one in dict.fromkeys(kind_names):
            rows = np.flatnonzero(keep & np.array([k == one for k in kind_names], dtype=bool))
            found.extend(self._of_kind(one, rows, shapes, names, header))
        return found

    def _kinds(self, kind: str | Mapping[str, str] | None) -> list[str]:
        """The kind of each row."""
        table, among = self.table, tuple(kinds())
        place = Place(file=table.file, field=table.layer or None)
        if isinstance(kind, Mapping):
            kind = kind.get(table.layer)
        if kind is not None:
            checked_kind(kind, place, among)
        fallback = table.layer if table.layer in among else kind
        cells = table.columns.get("kind")
        if cells is None:
            if fallback is None:
                raise LingjingError("maps.kind-needed", place)
            return [fallback] * len(table.geometry)
        found = []
        for row, cell in enumerate(cells):
            at = table.place(row, "kind")
            if not is_empty(cell):
                found.append(checked_kind(str(cell).strip(), at, among))
            elif fallback is not None:
                found.append(fallback)
            else:
                raise LingjingError("maps.empty-cell", at)
        return found

    def _names(self, shapes: NDArray[np.object_], kind_names: list[str]) -> list[str]:
        """Local names: the `id` column, else made from the shape."""
        table = self.table
        cells = table.columns.get("id")
        if cells is None:
            if len(shapes):
                note(self.report, "ids-from-shape", count=len(shapes))
            return [_name_of_shape(shape) for shape in shapes]
        names = []
        for row, cell in enumerate(cells):
            place = table.place(row, "id")
            if is_empty(cell):
                raise LingjingError("maps.empty-cell", place)
            if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
                cell = int(cell)  # noqa: PLW2901
            name = local_part(str(cell).strip())
            key = (kind_names[row], name)
            if key in self.seen:
                raise LingjingError("maps.duplicate-id", place, id=str(cell).strip())
            self.seen.add(key)
            names.append(name)
        return names

    def _drawn_right(
        self,
        shapes: NDArray[np.object_],
        kind_names: list[str],
        names: list[str],
        drawn: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Which rows have the geometry of their kind; puts it into `shapes`."""
        keep = drawn.copy()
        for row in np.flatnonzero(~drawn):
            self.report.drop("no-geometry", names[row])
        for row in np.flatnonzero(drawn):
            shape = as_drawn(kind_names[row], shapes[row])
            if shape is None or shape.is_empty:
                keep[row] = False
                self.report.drop("wrong-geometry", names[row])
            else:
                shapes[row] = shape
        if "id" not in self.table.columns:
            for row in np.flatnonzero(keep):
                key = (kind_names[row], names[row])
                if key in self.seen:
                    keep[row] = False
                    self.report.drop("same-shape-twice", names[row])
                self.seen.add(key)
        return keep

    def _of_kind(
        self,
        kind: str,
        rows: NDArray[np.int64],
        shapes: NDArray[np.object_],
        names: list[str],
        header: Header,
    ) -> list[Feature]:
        labels = [names[row] for row in rows]
        mine = shapes[rows]
        lengths = areas = np.zeros(len(rows))
        form = kinds()[kind].geometry
        if form == "polygon":
            mine, good = clean_polygons(mine, labels, self.report)
            areas = areas_m2(mine)
        elif form == "line":
            lengths, good = clean_lines(mine, labels, self.report)
        else:
            good = in_range(mine)
            for index in np.flatnonzero(~good):
                self.report.drop("out-of-range", labels[index])
        ends = nodes_from_ends(mine, self.provenance.source) if kind == "RoadSegment" else []
        found = []
        for index in np.flatnonzero(good):
            values = read_attributes(self.table, header, int(rows[index]), kind)
            attributes = {key: Attribute(value, self.provenance) for key, value in values.items()}
            if kind == "Facility" and "facility_kind" not in attributes:
                raise LingjingError(
                    "maps.empty-cell", self.table.place(int(rows[index]), "facility_kind")
                )
            if kind == "Building":
                self._complete_building(attributes, float(areas[index]))
            if "length" in kinds()[kind].attributes and form == "line":
                attributes.setdefault(
                    "length", self._guess(round(float(lengths[index]), 3), "length-of-line", 0.99)
                )
            if kind == "RoadSegment":
                self._complete_road(attributes, ends[index])
            self.report.keep(kind)
            found.append(Feature(kind, labels[index], mine[index], attributes))
        return found

    def _guess(self, value: float | bool, rule: str, confidence: float) -> Attribute:
        return Attribute(
            value,
            Provenance("inferred", self.provenance.source, rule=rule, confidence=confidence),
        )

    def _complete_building(self, attributes: dict[str, Attribute], area_m2: float) -> None:
        attributes.setdefault(
            "footprint_area", self._guess(round(area_m2, 2), "area-of-outline", 0.95)
        )
        if "height" not in attributes and "levels" in attributes:
            height = float(attributes["levels"].value) * _STOREY_M
            attributes["height"] = self._guess(height, "3-m-a-storey", 0.8)

    def _complete_road(
        self, attributes: dict[str, Attribute], ends: tuple[Attribute, Attribute]
    ) -> None:
        if not {"from_node", "to_node"} <= attributes.keys():
            attributes["from_node"], attributes["to_node"] = ends
        oneway = attributes.setdefault(
            "oneway",
            self._guess(False, "two-way-unless-tagged", 0.9),  # noqa: FBT003
        )
        table: dict[str, Any] = osm_tables()["road"]
        named = attributes.get("road_class")
        row = table.get(str(named.value), table["road"]) if named else table["road"]
        if "lanes" not in attributes and "lanes" in row:
            lanes = float(row["lanes_oneway" if oneway.value else "lanes"])
            attributes["lanes"] = self._guess(lanes, "lanes-by-class", 0.5)
        if "width" in attributes:
            return
        if "width_m" in row:
            attributes["width"] = self._guess(row["width_m"], "width-by-class", 0.4)
        else:
            width = float(attributes["lanes"].value) * row["lane_width_m"]
            counted = attributes["lanes"].provenance.kind == "imported"
            rule, confidence = ("width-by-lanes", 0.7) if counted else ("width-by-class", 0.4)
            attributes["width"] = self._guess(width, rule, confidence)


def _name_of_shape(shape: shapely.Geometry | None) -> str:
    """A name that a second read of the same shape gives again, whatever its place in the file."""
    if shape is None:
        return "no-shape"
    rounded = shapely.normalize(shapely.transform(shape, lambda xy: np.round(xy, 7)))
    return f"shape-{hashlib.sha256(shapely.to_wkb(rounded)).hexdigest()[:16]}"
