"""Asset inventories of the owner: CSV, GeoJSON or GeoPackage, refused whole when one cell is wrong.

The layout is documented in docs/reference/inventory.md.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np
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
from lingjing.sources.geometry import lengths_m
from lingjing.sources.map_files import GEOJSON, GEOPACKAGE, TABLE, UNKNOWN, detect, sha256_of
from lingjing.sources.tables import (
    Header,
    Table,
    as_drawn,
    is_empty,
    read_attributes,
    read_header,
    read_plain_number,
)
from lingjing.sources.vector_files import (
    checked_kind,
    known_encoding,
    note,
    remark_on_system,
    vector_tables,
)
from lingjing.vocabulary import (
    Attribute,
    EntityId,
    LingjingError,
    Place,
    Provenance,
    kinds,
    local_part,
)

KINDS: Final = ("WaterPipe", "Riser", "MeterBox", "WaterTank", "Valve", "Tap", "Depot")
"""Kinds that an inventory may list."""
POINT_COLUMNS: Final = ("longitude_deg", "latitude_deg")
GRID_COLUMNS: Final = ("easting_m", "northing_m")
SHAPE_COLUMN: Final = "geometry_wkt"
MANDATORY: Final = ("id", "kind")
OPTIONAL: Final = ("building",)
_SCHEMA_SYSTEM: Final = "EPSG:4326"


def read_inventory(
    path: Path, name: str, *, crs: str | None = None, encoding: str | None = None
) -> Batch:
    """Read an owner's inventory of assets and depots.

    Args:
        path: CSV, GeoJSON or GeoPackage, told by content.
        name: Of the source, stable between reads.
        crs: Name of the coordinate system, where it is not what the file declares (CSV: WGS 84
            by the schema).
        encoding: Of a CSV's text; UTF-8, with or without byte-order mark, unless named.

    Returns:
        A batch with all rows as features, in the file's order.

    Raises:
        LingjingError: any code of `maps.*`, or `vocabulary.out-of-bounds`, with file, line
            (feature number from 1 in GeoJSON and GeoPackage) and column.
    """
    place = Place(file=str(path))
    known_encoding(encoding, place)
    found = detect(path)
    report = ImportReport()
    if found is TABLE or (found is UNKNOWN and path.suffix.lower() in {".csv", ".txt"}):
        tables = [_csv_table(path, encoding, grid=crs)]
        if crs is None:
            note(report, "crs-assumed-by-schema")
    elif found in (GEOJSON, GEOPACKAGE):
        tables = vector_tables(path)
    else:
        raise LingjingError("maps.not-an-inventory", place, found=found.title)
    provenance = Provenance("imported", path.name)
    features: list[Feature] = []
    seen: set[tuple[str, str]] = set()
    for table in tables:
        rows = _Rows(table, provenance, report, seen)
        features.extend(rows.features(crs))
    if not features:
        raise LingjingError("maps.nothing-inside", place)
    return Batch(
        name=name,
        features=features,
        provenance=provenance,
        attribution=path.name,
        licence="unstated",
        sha256=sha256_of(path),
        report=report,
    )


def _csv_table(path: Path, encoding: str | None, *, grid: str | None) -> Table:
    """Cells of a CSV, and its geometry in the coordinates it is written in."""
    place = Place(file=str(path))
    encoding = encoding or "UTF-8"
    utf8 = encoding.lower().replace("-", "") == "utf8"
    try:
        text = path.read_bytes().decode("utf-8-sig" if utf8 else encoding)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LingjingError(
            "maps.not-text", Place(file=str(path), line=line), encoding=encoding
        ) from None
    if "\x00" in text:
        raise LingjingError("maps.not-text", place, encoding=encoding)
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    before = 0
    try:
        for row in reader:
            first, before = before + 1, reader.line_num
            if row and any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(first)
    except csv.Error as error:
        raise LingjingError(
            "maps.unreadable", Place(file=str(path), line=reader.line_num), detail=str(error)
        ) from error
    if not rows:
        raise LingjingError("maps.empty-file", place)
    header = rows.pop(0)
    header_line = lines.pop(0)
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise LingjingError(
                "maps.wrong-cell-count",
                Place(file=str(path), line=line),
                found=len(row),
                expected=len(header),
            )
    at = Place(file=str(path), line=header_line)
    _check_header(header, at, drawn=True)
    columns = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    table = Table(str(path), "", dict(columns), lines, np.full(len(rows), None, dtype=object))
    _draw(table, at, grid)
    table.declared = _SCHEMA_SYSTEM
    return table


def _check_header(columns: list[str], place: Place, *, drawn: bool) -> Header:
    """What the columns mean; refuses unknown, doubled and missing ones.

    Args:
        columns: Names in the file.
        place: The header.
        drawn: The geometry has to stand in columns.
    """
    geometry = (*POINT_COLUMNS, *GRID_COLUMNS, SHAPE_COLUMN) if drawn else ()
    header = read_header(
        columns,
        place,
        kind_names=KINDS,
        reserved=(*MANDATORY, *OPTIONAL, *geometry),
        strict=True,
    )
    for name in MANDATORY:
        if name not in columns:
            raise LingjingError("maps.missing-column", place, column=name)
    if drawn and SHAPE_COLUMN not in columns:
        pair = GRID_COLUMNS if set(GRID_COLUMNS) & set(columns) else POINT_COLUMNS
        for name in pair:
            if name not in columns:
                raise LingjingError("maps.missing-column", place, column=name)
    return header


def _draw(table: Table, header: Place, crs: str | None) -> None:
    """Fill the table's geometry from its columns."""
    columns = table.columns
    on_grid = set(GRID_COLUMNS) <= columns.keys()
    if on_grid and crs is None:
        raise LingjingError("maps.crs-needed", header)
    pair = GRID_COLUMNS if on_grid else POINT_COLUMNS
    pairs = set(pair) <= columns.keys()
    for row in range(len(table.geometry)):
        text = columns[SHAPE_COLUMN][row] if SHAPE_COLUMN in columns else ""
        if text:
            table.geometry[row] = _from_wkt(text, table.place(row, SHAPE_COLUMN))
        elif pairs:
            table.geometry[row] = shapely.Point(
                [_coordinate(table, row, column) for column in pair]
            )
        else:
            raise LingjingError("maps.empty-cell", table.place(row, SHAPE_COLUMN))


def _coordinate(table: Table, row: int, column: str) -> float:
    cell, place = table.columns[column][row], table.place(row, column)
    if is_empty(cell):
        raise LingjingError("maps.empty-cell", place)
    return read_plain_number(cell, place)


def _from_wkt(text: str, place: Place) -> shapely.Geometry:
    try:
        shape = shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        raise LingjingError("maps.bad-geometry", place, detail=str(error)) from None
    if shape.is_empty:
        raise LingjingError("maps.bad-geometry", place, detail="EMPTY")
    return shape


class _Rows:
    """The rows of one table on their way to features."""

    def __init__(
        self,
        table: Table,
        provenance: Provenance,
        report: ImportReport,
        seen: set[tuple[str, str]],
    ) -> None:
        self.table = table
        self.provenance = provenance
        self.report = report
        self.seen = seen
        self.measured = Provenance(
            "inferred", provenance.source, rule="length-of-line", confidence=0.99
        )

    def features(self, crs: str | None) -> list[Feature]:
        """All rows; raises at the first that is not acceptable."""
        table = self.table
        place = Place(file=table.file, field=table.layer or None)
        drawn = "geometry_wkt" in table.columns or set(POINT_COLUMNS) & table.columns.keys()
        grid = set(GRID_COLUMNS) & table.columns.keys()
        header = _check_header(list(table.columns), place, drawn=bool(drawn or grid))
        self.report.read["rows"] = self.report.read.get("rows", 0) + len(table.geometry)
        system, overruled = choose_system(crs, table.declared, place)
        if table.declared != _SCHEMA_SYSTEM:
            remark_on_system(self.report, system, table.declared, overruled=overruled)
        shapes = self._shapes(system, place)
        lengths = lengths_m(shapes)
        return [
            self._feature(row, header, shapes[row], float(lengths[row]))
            for row in range(len(shapes))
        ]

    def _shapes(self, system: CoordinateSystem, place: Place) -> NDArray[np.object_]:
        """Geometries in WGS 84, each in range and in the form of its kind."""
        table = self.table
        for row, drawn in enumerate(table.geometry):
            if drawn is None or drawn.is_empty:
                raise LingjingError(
                    "maps.bad-geometry", table.place(row, self._geometry_column(row)), detail="—"
                )
        shapes = to_wgs84(table.geometry, system)
        check_plausible(shapes, system, place)
        good = in_range(shapes)
        if not good.all():
            first = int(np.argmin(good))
            self._refuse_coordinates(first, shapes[first])
        for row in range(len(shapes)):
            kind = self._kind(row)
            shape = as_drawn(kind, shapes[row])
            if shape is None or shape.is_empty:
                raise LingjingError(
                    "maps.wrong-geometry",
                    table.place(row, self._geometry_column(row)),
                    kind=kind,
                    expected=kinds()[kind].geometry,
                    found=shapes[row].geom_type,
                )
            shapes[row] = shape
        return shapes

    def _refuse_coordinates(self, row: int, shape: shapely.Geometry) -> None:
        points = shapely.get_coordinates(shape)
        limits = np.array([180.0, 90.0])
        # a comparison with NaN is false, so this finds NaN too
        wrong = ~(np.abs(points) <= limits)
        at = points[int(np.argmax(wrong.any(axis=1)))]
        column = self._geometry_column(row)
        if column == POINT_COLUMNS[0] and not wrong[:, 0].any():
            column = POINT_COLUMNS[1]
        raise LingjingError(
            "maps.out-of-range",
            self.table.place(row, column),
            longitude=f"{at[0]:g}",
            latitude=f"{at[1]:g}",
        )

    def _geometry_column(self, row: int) -> str:
        """The column that a row's geometry stands in, for messages."""
        columns = self.table.columns
        if not is_empty(columns[SHAPE_COLUMN][row] if SHAPE_COLUMN in columns else None):
            return SHAPE_COLUMN
        for pair in (GRID_COLUMNS, POINT_COLUMNS):
            if pair[0] in columns:
                return pair[0]
        return "geometry"

    def _kind(self, row: int) -> str:
        place = self.table.place(row, "kind")
        cell = self.table.columns["kind"][row]
        if is_empty(cell):
            raise LingjingError("maps.empty-cell", place)
        return checked_kind(str(cell).strip(), place, KINDS)

    def _local(self, row: int, kind: str) -> str:
        place = self.table.place(row, "id")
        cell = self.table.columns["id"][row]
        if is_empty(cell):
            raise LingjingError("maps.empty-cell", place)
        if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
            cell = int(cell)
        own = str(cell).strip()
        local = local_part(own)
        if (kind, local) in self.seen:
            raise LingjingError("maps.duplicate-id", place, id=own)
        self.seen.add((kind, local))
        return local

    def _feature(
        self, row: int, header: Header, shape: shapely.Geometry, length_m: float
    ) -> Feature:
        kind = self._kind(row)
        local = self._local(row, kind)
        values = read_attributes(self.table, header, row, kind)
        attributes = {key: Attribute(value, self.provenance) for key, value in values.items()}
        if kinds()[kind].geometry == "line":
            if length_m == 0.0:
                raise LingjingError(
                    "maps.bad-geometry",
                    self.table.place(row, self._geometry_column(row)),
                    detail="0 m",
                )
            if "length" not in attributes:
                attributes["length"] = Attribute(round(length_m, 3), self.measured)
        self.report.keep(kind)
        return Feature(kind, local, shape, attributes, self._relationships(row))

    def _relationships(self, row: int) -> dict[str, tuple[str, str]]:
        cells = self.table.columns.get("building")
        if cells is None or is_empty(cells[row]):
            return {}
        text = str(cells[row]).strip()
        local = EntityId.parse(text).local if text.startswith("urn:") else local_part(text)
        return {"building": ("Building", local)}
