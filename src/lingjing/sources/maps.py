"""The doors of this room for maps and inventories; the engine comes in here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lingjing.sources.batches import Batch, ImportReport
from lingjing.sources.cityjson import read_cityjson
from lingjing.sources.inventory import read_inventory
from lingjing.sources.map_files import detect
from lingjing.sources.osm import read_osm
from lingjing.sources.overture import read_overture
from lingjing.sources.roads import road_graph
from lingjing.sources.vector_files import note, read_vector_file
from lingjing.vocabulary import LingjingError, Place

__all__ = ["read_inventory", "read_map", "require_district_content", "road_graph"]


def read_map(
    path: Path,
    name: str,
    *,
    crs: str | None = None,
    kind: str | Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Batch:
    """Read a map of any known format, told by its content.

    Args:
        path: OpenStreetMap PBF or XML, CityJSON, GeoParquet in the Overture schema, GeoJSON,
            GeoPackage, Shapefile or FlatGeobuf.
        name: Of the source, stable between reads.
        crs: Name of the coordinate system, for vector files and city models.
        kind: Kind of the features, for vector files that do not say.
        encoding: Of a Shapefile's text, where it does not say.

    Returns:
        A batch. OpenStreetMap and GeoParquet files stream: their report is complete, and the last
        fault in them found, when the features are exhausted.

    Raises:
        LingjingError: `maps.not-a-map` for a CSV or another format that is no map; else as
            `read_osm`, `read_vector_file`, `read_cityjson` and `read_overture`.
    """
    found = detect(path)
    if found.library == "osmium":
        return read_osm(path, name)
    if found.library == "cityjson":
        return read_cityjson(path, name, crs=crs)
    if found.library == "parquet":
        return read_overture(path, name, crs=crs)
    if found.library == "ogr":
        return read_vector_file(path, name, kind=kind, crs=crs, encoding=encoding)
    code = "maps.not-a-map" if found.name else "maps.unknown-format"
    raise LingjingError(code, Place(file=str(path)), found=found.title)


def require_district_content(
    report: ImportReport, file: str | None = None, *, roads: bool = True, buildings: bool = True
) -> None:
    """Refuse a map that cannot make a district; call it when the features are exhausted.

    Args:
        report: Of the reading.
        file: For the error's place.
        roads: Whether it must have roads; city models have none that can be routed on, and the
            report says so.
        buildings: Whether it must have buildings; what is added to a district needs only something.

    Raises:
        LingjingError: `maps.no-buildings`, `maps.no-roads`, `maps.nothing-inside`.
    """
    place = Place(file=file) if file else None
    if not buildings:
        if not report.kept:
            raise LingjingError("maps.nothing-inside", place)
        return
    if not report.kept.get("Building"):
        raise LingjingError("maps.no-buildings", place)
    if not report.kept.get("RoadSegment"):
        if roads:
            raise LingjingError("maps.no-roads", place)
        note(report, "no-roads")
