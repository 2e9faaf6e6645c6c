"""A map from Overpass: OpenStreetMap XML of an area, which the map reader takes like any file."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

from lingjing.sources.fetching import Fetched, Fetcher, Services, save_whole
from lingjing.vocabulary import LingjingError

Bounds = tuple[float, float, float, float]
"""West, south, east, north, WGS 84 [°]."""

KEEP_FOR = timedelta(days=1)
LARGEST_AREA_DEG2 = 0.25
"""Larger maps belong to the download services, not to Overpass; Yangpu takes 0.01."""

_SERVER_TIMEOUT_S = 180
_WANTED = (
    'way["building"]',
    'relation["building"]',
    'way["building:part"]',
    'relation["building:part"]["type"="multipolygon"]',
    'way["highway"]',
    'nwr["amenity"]',
    'nwr["healthcare"="hospital"]',
    'nwr["shop"="supermarket"]',
    'nwr["social_facility"]',
    'nwr["emergency"]',
)


def fetch_overpass(
    area: Bounds | str,
    target: Path,
    *,
    fetcher: Fetcher,
    services: Services | None = None,
    max_age: timedelta = KEEP_FOR,
) -> Fetched:
    """Save the buildings, roads and facilities of an area as OpenStreetMap XML.

    Args:
        area: Bounds, or the name of an administrative area as OpenStreetMap spells it (杨浦区).
        target: The file to write; it is whole or it is not there.
        fetcher: Does the fetching and keeps the cache.
        services: Where the services are; as the environment says by default.
        max_age: How old an answer from the cache may be.

    Raises:
        LingjingError: `fetch.bad-area`, or what fetching raises.
    """
    places = services or Services.from_environment()
    query = overpass_query(area)
    fetched = fetcher.get(
        places.overpass, {"data": query}, check=check_osm, max_age=max_age, method="POST"
    )
    save_whole(target, fetched.content)
    return fetched


def overpass_query(area: Bounds | str) -> str:
    """The question in Overpass QL; the answer holds every node of every way it names.

    Raises:
        LingjingError: `fetch.bad-area`.
    """
    head = f"[out:xml][timeout:{_SERVER_TIMEOUT_S}]"
    if isinstance(area, str):
        name = area.strip()
        if not name or len(name) > 200 or not name.isprintable():
            raise _bad(repr(area))
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        head += f';area["boundary"="administrative"]["name"="{quoted}"]->.wanted;'
        parts = "".join(f"{item}(area.wanted);" for item in _WANTED)
    else:
        west, south, east, north = area
        head += f"[bbox:{south:.6f},{west:.6f},{north:.6f},{east:.6f}];"
        _check_bounds(west, south, east, north)
        parts = "".join(f"{item};" for item in _WANTED)
    return f"{head}({parts});(._;>;);out body;"


def check_osm(content: bytes, url: str) -> None:
    """Refuse a body that is not a whole OpenStreetMap document with something in it.

    Overpass reports a time-out or lack of memory as a remark inside an answer with status 200.

    Raises:
        LingjingError: `fetch.not-what-was-asked`, `fetch.empty-map`.
    """
    start = content[:1000].lstrip()
    whole = b"<osm" in start and content.rstrip().endswith(b"</osm>")
    remark = content.rpartition(b"<remark>")[2].partition(b"</remark>")[0]
    if whole and b"<remark>" in content and b"error" in remark.lower():
        detail = " ".join(remark.decode("utf-8", "replace").split())[:200]
        raise LingjingError("fetch.not-what-was-asked", url=url, expected="OSM XML", detail=detail)
    if not whole:
        detail = content[:60].decode("utf-8", "replace").strip() or "—"
        raise LingjingError("fetch.not-what-was-asked", url=url, expected="OSM XML", detail=detail)
    if b"<way " not in content:
        raise LingjingError("fetch.empty-map", url=url)


def _check_bounds(west: float, south: float, east: float, north: float) -> None:
    detail = f"{west}, {south}, {east}, {north}"
    if not all(math.isfinite(edge) for edge in (west, south, east, north)):
        raise _bad(detail)
    if not (-180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0):
        raise _bad(detail)
    if (east - west) * (north - south) > LARGEST_AREA_DEG2:
        raise _bad(detail)


def _bad(detail: str) -> LingjingError:
    return LingjingError("fetch.bad-area", detail=detail, limit=f"{LARGEST_AREA_DEG2:g}")
