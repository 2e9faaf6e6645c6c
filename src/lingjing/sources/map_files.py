"""What kind of file is it: told by its content, since suffixes lie."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from lingjing.vocabulary import LingjingError, Place


@dataclass(frozen=True)
class MapFormat:
    """A format this room can tell apart.

    Attributes:
        name: Short name; for OpenStreetMap files, libosmium's.
        title: For people.
        library: What reads it; `csv` for tables, None for what is told apart but not read.
    """

    name: str
    title: str
    library: Literal["osmium", "ogr", "csv", "cityjson", "parquet"] | None


PBF: Final = MapFormat("pbf", "OpenStreetMap PBF", "osmium")
_XML: Final = {
    "": MapFormat("osm", "OpenStreetMap XML", "osmium"),
    "gz": MapFormat("osm.gz", "OpenStreetMap XML (gzip)", "osmium"),
    "bz2": MapFormat("osm.bz2", "OpenStreetMap XML (bzip2)", "osmium"),
}
GEOJSON: Final = MapFormat("geojson", "GeoJSON", "ogr")
GEOPACKAGE: Final = MapFormat("gpkg", "GeoPackage", "ogr")
SHAPEFILE: Final = MapFormat("shp", "Shapefile", "ogr")
FLATGEOBUF: Final = MapFormat("fgb", "FlatGeobuf", "ogr")
TABLE: Final = MapFormat("csv", "CSV", "csv")
PARQUET: Final = MapFormat("parquet", "GeoParquet", "parquet")
CITYJSON: Final = MapFormat("cityjson", "CityJSON", "cityjson")
UNKNOWN: Final = MapFormat("", "—", None)

_GEOJSON_TYPES: Final = frozenset(
    {
        "FeatureCollection",
        "Feature",
        "Point",
        "MultiPoint",
        "LineString",
        "MultiLineString",
        "Polygon",
        "MultiPolygon",
        "GeometryCollection",
    }
)
_OSM_XML: Final = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*)*<osm[\s>]", re.DOTALL)
_CITYJSON: Final = re.compile(rb'"type"\s*:\s*"CityJSON(?:Feature)?"')
_LONGEST_FIRST_LINE: Final = 1 << 16


class _Typed(msgspec.Struct):
    type: str = ""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def detect(path: Path) -> MapFormat:
    """Tell the format of a file by its content.

    Raises:
        LingjingError: `maps.not-found`, `maps.empty-file`, `maps.unreadable`; `maps.bad-json`
            for a broken JSON file.
    """
    place = Place(file=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except FileNotFoundError:
        raise LingjingError("maps.not-found", place) from None
    except OSError as error:
        raise LingjingError("maps.unreadable", place, detail=error.strerror or "") from error
    if not head:
        raise LingjingError("maps.empty-file", place)
    return _binary(path, head, place) or _text(path, head, place)


def _binary(path: Path, head: bytes, place: Place) -> MapFormat | None:
    if b"OSMHeader" in head[:64]:
        return PBF
    if head.startswith(b"PAR1"):
        return PARQUET
    if head.startswith(b"SQLite format 3\x00") and head[68:71] in (b"GPK", b"GP1"):
        return GEOPACKAGE
    if head.startswith(b"fgb\x03"):
        return FLATGEOBUF
    if head.startswith(b"\x00\x00\x27\x0a"):
        return SHAPEFILE
    return _packed(path, head, place)


def _packed(path: Path, head: bytes, place: Place) -> MapFormat | None:
    for magic, packing, opener in ((b"\x1f\x8b", "gz", gzip.open), (b"BZh", "bz2", bz2.open)):
        if head.startswith(magic):
            try:
                with opener(path, "rb") as file:
                    inner = file.read(4096)
            except (OSError, EOFError) as error:
                raise LingjingError("maps.truncated", place, detail=str(error)) from error
            if packing == "gz" and _CITYJSON.search(inner):
                return CITYJSON
            return _XML[packing] if _OSM_XML.match(inner) else UNKNOWN
    return None


def _text(path: Path, head: bytes, place: Place) -> MapFormat:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _OSM_XML.match(start):
        return _XML[""]
    if start.startswith(b"{"):
        return _json(path, place)
    if start.startswith((b"<", b"[", b"%PDF", b"PK")) or b"\x00" in head:
        return UNKNOWN
    return TABLE if b"," in head.split(b"\n", 1)[0] else UNKNOWN


def _json(path: Path, place: Place) -> MapFormat:
    with path.open("rb") as file:
        first = file.readline(_LONGEST_FIRST_LINE).removeprefix(b"\xef\xbb\xbf")
    if _CITYJSON.search(first):
        # The reader of city models bounds how much it opens; a sequence has one object a line.
        return CITYJSON
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        kind = msgspec.json.decode(content, type=_Typed).type
    except msgspec.MsgspecError as error:
        raise LingjingError("maps.bad-json", place, detail=str(error)) from None
    if kind.startswith("CityJSON"):
        return CITYJSON
    return GEOJSON if kind in _GEOJSON_TYPES else MapFormat("json", f"JSON ({kind or '—'})", None)
