"""OGC API - Features, read by GDAL's driver: what QGIS and ogr2ogr read it with."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pyogrio
import pytest
import sample_district as sample
import shapely

# In a process of its own: GDAL holds the interpreter while it waits for an answer.
SERVE = """
import sys
from pathlib import Path
import uvicorn
from lingjing.interfaces.http import create_app
uvicorn.run(create_app(Path(sys.argv[1])), fd=int(sys.argv[2]), log_level="warning")
"""

ALL = sample.COLUMNS * sample.ROWS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server over the sample district."""
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip("this GDAL has no driver for OGC API - Features")
    folder = tmp_path_factory.mktemp("data")
    sample.write_district(folder)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        opened.listen(64)
        address = f"http://127.0.0.1:{opened.getsockname()[1]}"
        started = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder), str(opened.fileno())],
            pass_fds=[opened.fileno()],
        )
        try:
            for _ in range(200):
                try:
                    httpx.get(f"{address}/ogc", timeout=30).raise_for_status()
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield address
        finally:
            started.terminate()
            started.wait(20)


def read(server: str, kind: str, **options: Any) -> tuple[dict[str, Any], list[Any], Any]:
    """What GDAL knows, the geometries, and the columns by name."""
    found, _, geometry, columns = pyogrio.raw.read(
        f"OAPIF:{server}/ogc", layer=f"{sample.NAME}.{kind}", **options
    )
    return found, list(geometry), dict(zip(found["fields"], columns, strict=True))


def test_gdal_finds_the_layers(server: str) -> None:
    layers = dict(pyogrio.list_layers(f"OAPIF:{server}/ogc").tolist())
    assert layers == {
        "sample.Building": "Polygon",
        "sample.Facility": "Point",
        "sample.MeterBox": "Point",
        "sample.RoadSegment": "LineString",
        "sample.SubDistrict": "Polygon",
    }


def test_gdal_reads_every_feature_through_the_pages(server: str) -> None:
    found, geometry, columns = read(server, "MeterBox")
    assert len(geometry) == 2 * ALL > 100, "more than one page"
    assert len(set(columns["id"])) == 2 * ALL
    assert "WGS 84" in found["crs"]
    assert set(columns["material"]) == {"galvanised_steel"}
    assert columns["building"][0].startswith("urn:ngsi-ld:Building:")
    assert columns["households"].dtype == np.float64


def test_gdal_hands_filters_over(server: str) -> None:
    west, south = sample.WEST, sample.SOUTH
    box = (west, south, west + 2 * sample.STEP, south + sample.STEP)
    _, geometry, columns = read(server, "Building", bbox=box)
    assert sorted(item[-6:] for item in columns["id"]) == [":b0-00", ":b0-01"]
    assert shapely.from_wkb(geometry[0]).geom_type == "Polygon"
    _, _, columns = read(server, "Building", where="name = '园1路2号楼'")
    assert [item[-5:] for item in columns["id"]] == ["b0-01"]
    _, _, columns = read(server, "RoadSegment", where="bridge = 1 OR length > 1e9")
    assert columns["name"].tolist() == ["园4路"]
