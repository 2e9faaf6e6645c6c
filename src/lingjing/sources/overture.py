"""GeoParquet in the Overture schema: buildings and their parts, with who said what about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.cityjson import by_word, city_value
from lingjing.sources.coordinates import CoordinateSystem, check_plausible, choose_system, to_wgs84
from lingjing.sources.geometry import areas_m2, clean_polygons
from lingjing.sources.map_files import sha256_of
from lingjing.sources.vector_files import remark_on_system
from lingjing.vocabulary import (
    Attribute,
    AttributeValue,
    LingjingError,
    Place,
    Provenance,
    local_part,
)

_STOREY_M: Final = 3.0
_ROWS: Final = 20_000
_POLYGONS: Final = (3, 6)
_WHOLE: Final = ""

_NUMBERS: Final = {
    "height": "height",
    "num_floors": "levels",
    "min_height": "min_height",
    "min_floor": "min_level",
    "roof_height": "roof_height",
}
"""Column of the schema → quantity of the twin."""

_NESTED: Final = {
    "names": (pa.types.is_struct, "struct"),
    "sources": (pa.types.is_list, "list<struct>"),
}
_TEXTS: Final = ("subtype", "class", "roof_shape", "building_id", "type")
_ROOFS: Final = {"saltbox": "gabled", "spherical": "dome"}


def read_overture(path: Path, name: str, *, crs: str | None = None) -> Batch:
    """Read a GeoParquet of the Overture theme `buildings`.

    Heights, storeys, roofs, names and uses are taken where they are stated; each value carries
    the data set it comes from, with its confidence, as the column `sources` says. Rows with a
    `building_id` are parts of that building. What lies underground is left out.

    Args:
        path: The file.
        name: Of the source, stable between reads.
        crs: Name of the coordinate system, where the file declares none or the wrong one.

    Returns:
        A batch that streams; faults of rows are raised while it does.

    Raises:
        LingjingError: `maps.unreadable`, `maps.nothing-inside`, `maps.crs-needed`,
            `maps.unknown-crs`, `citymodel.not-overture`; while streaming `maps.duplicate-id`,
            `maps.empty-cell`, `maps.swapped-coordinates`, `maps.outside-area`.
    """
    place = Place(file=str(path))
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise LingjingError("maps.unreadable", place, detail=str(error).split("\n")[0]) from error
    _check_columns(file.schema_arrow, place)
    if not file.metadata.num_rows:
        raise LingjingError("maps.nothing-inside", place)
    declared = _declared(file.schema_arrow, place)
    system, overruled = choose_system(crs, declared, place)
    report = ImportReport()
    remark_on_system(report, system, declared, overruled=overruled)
    datasets = _datasets(file, path)
    return Batch(
        name=name,
        features=_Reading(file, path, report, system).features(),
        provenance=Provenance("imported", "Overture Maps"),
        attribution=", ".join(["© Overture Maps Foundation", *datasets]),
        licence="ODbL-1.0" if "OpenStreetMap" in datasets else "unstated",
        sha256=sha256_of(path),
        report=report,
    )


def _check_columns(schema: pa.Schema, place: Place) -> None:
    """Refuse a table whose columns are not those of the schema."""

    def refuse(column: str, expected: str) -> None:
        found = str(schema.field(column).type) if column in schema.names else "—"
        raise LingjingError(
            "citymodel.not-overture",
            Place(file=place.file, field=column),
            column=column,
            expected=expected,
            found=found,
        )

    def is_text(kind: pa.DataType) -> bool:
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    def is_binary(kind: pa.DataType) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def is_number(kind: pa.DataType) -> bool:
        return bool(
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
        )

    if "id" not in schema.names or not is_text(schema.field("id").type):
        refuse("id", "string")
    if "geometry" not in schema.names or not is_binary(schema.field("geometry").type):
        refuse("geometry", "binary (WKB)")
    for column in _NUMBERS:
        if column in schema.names and not is_number(schema.field(column).type):
            refuse(column, "double | int32")
    for column, (test, expected) in _NESTED.items():
        if column in schema.names:
            kind = schema.field(column).type
            if not (test(kind) or pa.types.is_null(kind)):
                refuse(column, expected)


def _declared(schema: pa.Schema, place: Place) -> str | None:
    """The coordinate system that the file's own page declares; None where it says nothing."""
    page = (schema.metadata or {}).get(b"geo")
    if page is None:
        return None
    where = Place(file=place.file, field="geo")
    try:
        column = json.loads(page)["columns"]["geometry"]
        encoding = column.get("encoding")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LingjingError(
            "citymodel.not-overture",
            where,
            column="geometry",
            expected="GeoParquet",
            found=page[:40].decode(errors="replace"),
        ) from None
    if encoding != "WKB":
        raise LingjingError(
            "citymodel.not-overture", where, column="geometry", expected="WKB", found=encoding
        )
    crs = column.get("crs", "OGC:CRS84")
    return json.dumps(crs) if isinstance(crs, dict) else crs


def _datasets(file: pq.ParquetFile, path: Path) -> list[str]:
    """Names of the data sets that the rows come from, sorted."""
    if "sources" not in file.schema_arrow.names:
        return []
    found: set[str] = set()
    try:
        for batch in file.iter_batches(_ROWS, columns=["sources"]):
            for sources in batch.column(0).to_pylist():
                found.update(str(item["dataset"]) for item in sources or () if item.get("dataset"))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    return sorted(found)


def _unreadable(path: Path, error: Exception) -> LingjingError:
    detail = str(error).split("\n")[0]
    return LingjingError("maps.unreadable", Place(file=str(path)), detail=detail)


class _Reading:
    def __init__(
        self, file: pq.ParquetFile, path: Path, report: ImportReport, system: CoordinateSystem
    ) -> None:
        self._file = file
        self._path = path
        self._report = report
        self._system = system
        self._seen: set[str] = set()
        self._buildings: set[str] = set()
        self._parts: list[Feature] = []
        self._provenances: dict[tuple[object, ...], Provenance] = {}

    def features(self) -> Iterator[Feature]:
        known = {"id", "geometry", "is_underground", *_NUMBERS, *_NESTED, *_TEXTS}
        columns = [name for name in self._file.schema_arrow.names if name in known]
        line = 1
        try:
            for batch in self._file.iter_batches(_ROWS, columns=columns):
                yield from self._rows(batch.to_pydict(), batch.num_rows, line)
                line += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self._path, error) from error
        for part in self._parts:
            if part.relationships["building"][1] in self._buildings:
                self._report.keep(part.kind)
                yield part
            else:
                self._report.drop("part-without-building", part.local)

    def _rows(self, table: dict[str, list[Any]], size: int, line: int) -> Iterator[Feature]:
        self._report.read["rows"] = self._report.read.get("rows", 0) + size
        names = [self._id(table["id"][row], line + row) for row in range(size)]
        shapes, keep = self._shapes(table, names)
        areas = np.zeros(size)
        areas[keep] = areas_m2(shapes[keep])
        for row in np.flatnonzero(keep).tolist():
            entry = {column: cells[row] for column, cells in table.items()}
            attributes = self._attributes(entry, names[row])
            attributes["footprint_area"] = self._guess(
                round(float(areas[row]), 2), "area-of-outline", 0.95
            )
            whole = entry.get("building_id")
            if whole is not None:
                relation = {"building": ("Building", local_part(str(whole)))}
                self._parts.append(
                    Feature("BuildingPart", names[row], shapes[row], attributes, relation)
                )
                continue
            self._buildings.add(names[row])
            self._report.keep("Building")
            yield Feature("Building", names[row], shapes[row], attributes)

    def _id(self, cell: str | None, line: int) -> str:
        place = Place(file=str(self._path), line=line, field="id")
        if cell is None or not cell.strip():
            raise LingjingError("maps.empty-cell", place)
        if cell in self._seen:
            raise LingjingError("maps.duplicate-id", place, id=cell)
        self._seen.add(cell)
        return local_part(cell)

    def _shapes(
        self, table: dict[str, list[Any]], names: list[str]
    ) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        """Outlines in WGS 84, and which rows have one that can be used."""
        shapes = np.array(shapely.from_wkb(table["geometry"], on_invalid="ignore"), dtype=object)
        keep = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        polygon = np.isin(shapely.get_type_id(shapes), _POLYGONS)
        below = np.array([bool(x) for x in table.get("is_underground", [False] * len(names))])
        for reason, wrong in (
            ("no-geometry", ~keep),
            ("wrong-geometry", keep & ~polygon),
            ("underground", keep & polygon & below),
        ):
            for row in np.flatnonzero(wrong):
                self._report.drop(reason, names[row])
        keep &= polygon & ~below
        shapes[keep] = to_wgs84(shapes[keep], self._system)
        check_plausible(shapes[keep], self._system, Place(file=str(self._path)))
        mine = [names[row] for row in np.flatnonzero(keep)]
        shapes[keep], good = clean_polygons(shapes[keep], mine, self._report)
        keep[keep] = good
        return shapes, keep

    def _attributes(self, row: Mapping[str, Any], name: str) -> dict[str, Attribute]:
        said = _said(row.get("sources"))
        found: dict[str, Attribute] = {}
        for column, attribute in _NUMBERS.items():
            raw = row.get(column)
            if raw is None:
                continue
            value = _number(attribute, raw)
            if value is None:
                self._report.drop(f"unreadable-tag-{column}", f"{name} {column}={raw}")
            else:
                found[attribute] = Attribute(value, self._imported(said, column))
        roof = row.get("roof_shape")
        word = by_word("roof_shape").get(_ROOFS.get(str(roof), str(roof)))
        if roof and word:
            found["roof_shape"] = Attribute(word, self._imported(said, "roof_shape"))
        for column in ("class", "subtype"):
            use = by_word("use").get(str(row.get(column)).lower())
            if use:
                found["use"] = Attribute(use, self._imported(said, column))
                break
        title = _title(row.get("names"))
        if title:
            found["name"] = Attribute(title, self._imported(said, "names"))
        if "height" not in found and "levels" in found:
            height = float(found["levels"].value) * _STOREY_M
            found["height"] = self._guess(height, "3-m-a-storey", 0.8)
        return found

    def _imported(self, said: Mapping[str, Mapping[str, Any]], column: str) -> Provenance:
        """The provenance of a column: of its own data set, else of the whole row's."""
        source = said.get(column) or said.get(_WHOLE) or {}
        dataset = source.get("dataset")
        confidence = source.get("confidence")
        # The time a record was last touched is no time at which the value was true; left out.
        key = (dataset, confidence)
        if key not in self._provenances:
            sure = float(confidence) if isinstance(confidence, float | int) else None
            self._provenances[key] = Provenance(
                "imported",
                f"Overture: {dataset}" if dataset else "Overture Maps",
                confidence=sure if sure is not None and 0.0 <= sure <= 1.0 else None,
            )
        return self._provenances[key]

    def _guess(self, value: AttributeValue, rule: str, confidence: float) -> Attribute:
        key = ("guess", rule)
        if key not in self._provenances:
            self._provenances[key] = Provenance(
                "inferred", "Overture Maps", rule=rule, confidence=confidence
            )
        return Attribute(value, self._provenances[key])


def _number(attribute: str, raw: float) -> float | None:
    """A number the quantity may have; where a part begins, nought is a value too."""
    if attribute in ("min_height", "min_level", "roof_height") and raw == 0:
        return 0.0
    value = city_value(attribute, raw)
    return float(value) if value is not None else None


def _said(sources: Any) -> dict[str, Mapping[str, Any]]:
    """Who said what: the entries of `sources` by column, the whole row's under an empty name."""
    found: dict[str, Mapping[str, Any]] = {}
    for entry in sources or ():
        pointer = str(entry.get("property") or "")
        found.setdefault(pointer.rsplit("/", 1)[-1], entry)
    return found


def _title(names: Any) -> str | None:
    """The primary name, or a Chinese one where there is none."""
    if not isinstance(names, Mapping):
        return None
    primary = names.get("primary")
    if isinstance(primary, str) and primary.strip():
        return primary.strip()
    common = names.get("common") or ()
    pairs = common.items() if isinstance(common, Mapping) else common
    return next((str(text) for tongue, text in pairs if str(tongue).startswith("zh")), None)
