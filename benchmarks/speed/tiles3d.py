"""3D Tiles of a district against py3dtiles, and pages of features by OGC API.

py3dtiles asks for older versions of NumPy and Numba than the project runs with, so it is measured
in an environment of its own, made here; `LINGJING_PY3DTILES` names the Python of one that is there
already. Both are measured in seconds of processor time, from buildings in memory to files.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import shapely
from starlette.applications import Starlette

from benchmarks.speed.views import DISTRICT, SOURCE, assets
from lingjing.engine.tiles3d.frames import Frame
from lingjing.engine.tiles3d.keeping import TileKeeper
from lingjing.interfaces.http import create_app
from lingjing.twin import Entity
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Selection
from lingjing.twin.sqlite import SqliteStore
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import Attribute, Provenance

BUILDINGS = 5_000
ROUNDS = 5
VARIABLE = "LINGJING_PY3DTILES"
_FRAME = Frame(121.5, 31.3)

THEIRS = """
import json, sys, tempfile, time
from pathlib import Path
import numpy as np
from py3dtiles.export import wkbs_to_tileset
wkbs = [bytes.fromhex(line) for line in Path(sys.argv[1]).read_text().split()]
wkbs_to_tileset(wkbs[:50], None, np.eye(4, dtype=np.float32).flatten("F"), Path(tempfile.mkdtemp()))
out = Path(tempfile.mkdtemp())
begin = time.process_time()
wkbs_to_tileset(wkbs, None, np.eye(4, dtype=np.float32).flatten("F"), out)
spent = time.process_time() - begin
size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
print("RESULT" + json.dumps({"seconds": spent, "bytes": size}))
"""


def outlines(count: int) -> Iterator[tuple[shapely.Polygon, float]]:
    """Outlines of four to eight corners with a height [m], on a lattice."""
    for number in range(count):
        west, south = 121.5 + 0.0006 * (number % 80), 31.3 + 0.0005 * (number // 80)
        whole = shapely.box(west, south, west + 0.0004, south + 0.0003)
        if number % 3:
            whole = whole.difference(
                shapely.box(west + 0.0002, south + 0.0001 * (number % 3), west + 0.0005, south + 1)
            )
        yield whole, 6.0 + number % 60


def entities(count: int) -> Iterator[Entity]:
    """The same as buildings of the twin."""
    known = Provenance("imported", "map")
    for number, (outline, height) in enumerate(outlines(count)):
        yield Entity(
            f"urn:ngsi-ld:Building:d:b{number:06}",
            "Building",
            "d",
            shapely.to_wkb(outline),
            {"height": Attribute(height, known), "name": Attribute(f"楼{number}", known)},
        )


def solid(outline: shapely.Polygon, height: float) -> bytes:
    """Walls and roof as py3dtiles takes them: polygons in space."""
    points = np.array(outline.exterior.coords)
    low = _FRAME.local(points[:, 0], points[:, 1], np.zeros(len(points)))
    high = low + np.array([0.0, 0.0, height])
    walls = [
        shapely.Polygon([low[at], low[at + 1], high[at + 1], high[at]])
        for at in range(len(points) - 1)
    ]
    made: bytes = shapely.to_wkb(
        shapely.MultiPolygon([*walls, shapely.Polygon(high)]), flavor="iso"
    )
    return made


def theirs() -> dict[str, float]:
    """Processor time of py3dtiles [s], and the size of what it wrote [bytes]."""
    with tempfile.TemporaryDirectory() as folder:
        python = os.environ.get(VARIABLE, "")
        if not python:
            home = Path(folder) / "environment"
            venv.create(home, with_pip=True)
            python = str(home / ("Scripts" if os.name == "nt" else "bin") / "python")
            install = [python, "-m", "pip", "install", "-q", "py3dtiles==12.1.1"]
            subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        given = Path(folder) / "solids.txt"
        given.write_text("\n".join(solid(*item).hex() for item in outlines(BUILDINGS)))
        run = subprocess.run(
            [python, "-c", THEIRS, str(given)], check=True, capture_output=True, text=True
        )
    found: dict[str, float] = json.loads(run.stdout.rpartition("RESULT")[2])
    return found


def ours() -> tuple[dict[str, float], dict[str, float]]:
    """Processor time [s] and bytes of all tiles; and of what one change makes anew."""
    with tempfile.TemporaryDirectory() as folder, SqliteStore(":memory:") as store:
        store.import_entities(DISTRICT, SOURCE, entities(BUILDINGS))
        store.twin("d").view("Building")
        whole = []
        for number in range(ROUNDS):
            place = Path(folder) / str(number)
            keeper = TileKeeper(place, lambda: store)
            begin = time.process_time()
            keeper.tiled("d")
            whole.append(time.process_time() - begin)
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        changed = list(entities(BUILDINGS))
        taller = {**changed[77].attributes, "height": Attribute(7.0, Provenance("observed", "me"))}
        changed[77] = Entity(changed[77].id, "Building", "d", changed[77].geometry, taller)
        store.import_entities(DISTRICT, SOURCE, changed)
        store.twin("d").view("Building")
        begin = time.process_time()
        written = keeper.tiled("d").written
        again = time.process_time() - begin
    return {"seconds": min(whole), "bytes": size}, {"seconds": again, "models": written}


def page() -> str:
    """Tiles, as written in RESULTS.md."""
    mine, again = ours()
    other = theirs()
    rows = "\n".join(
        f"| {name} | {told['seconds']:.2f} | {BUILDINGS / told['seconds']:,.0f} "
        f"| {told['bytes'] / 1e6:.1f} |"
        for name, told in (("Lingjing", mine), ("py3dtiles", other))
    )
    return f"""## 3D Tiles

{BUILDINGS:,} buildings of four to eight corners, from columns in memory to files on the disk, in
seconds of processor time of one core. Ours are quantised, carry ids and provenance, and are kept
compressed; py3dtiles 12.1.1 (`export`, WKB) writes plain b3dm without attributes.

| | s | buildings/s | MB on the disk |
|---|---|---|---|
{rows}

**{other["seconds"] / mine["seconds"]:.0f} times** as fast. After one building has changed,
{again["models"]} model is made anew in {again["seconds"] * 1000:.0f} ms.
"""


# Features


def best(call: Callable[[], object]) -> float:
    """Least processor time of some calls [ms]."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        call()
        times.append((time.process_time() - begin) * 1000)
    return min(times)


def _never(document: Document) -> bool:
    del document
    return False


def asker(app: Starlette) -> Callable[[str], Any]:
    """Asks the application without a network."""

    def ask(address: str) -> Any:
        async def once() -> Any:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as one:
                answer = await one.get(address)
                assert answer.status_code == 200, answer.text
                return answer.content

        return asyncio.run(once())

    return ask


def features_page() -> str:
    """Pages of features, as written in RESULTS.md."""
    count = 100_000
    small = "121.41,31.21,121.412,31.212"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.sqlite"
        with SqliteLedger(path) as ledger:
            ledger.store.import_entities(DISTRICT, SOURCE, assets(count))
            ask = asker(create_app(Path(folder), store=ledger.store, ledger=ledger))
            items = "/ogc/collections/d.MeterBox/items"
            first = best(lambda: ask(f"{items}?limit=1"))
            rows = {
                "limit=1000": best(lambda: ask(f"{items}?limit=1000")),
                f"bbox={small}&limit=1000": best(lambda: ask(f"{items}?limit=1000&bbox={small}")),
                "filter=inner_diameter>15 AND location='roof'&limit=1000": best(
                    lambda: ask(f"{items}?limit=1000&filter=inner_diameter>15 AND location='roof'")
                ),
            }
            branch = ledger.branch("")
            scan = best(lambda: ledger.find(branch, Selection(accept=_never, limit=1000)))
    told = "\n".join(
        f"| `{name}` | {spent:.0f} | {scan / spent:.0f} |" for name, spent in rows.items()
    )
    return f"""## OGC API – Features

Pages of a collection of {count:,} assets with six attributes each, from the request to the bytes of
the answer, in milliseconds of processor time; against looking at every document of the collection
({scan:,.0f} ms). An answer with a single feature takes {first:.0f} ms.

| request | ms | times |
|---|---|---|
{told}
"""


if __name__ == "__main__":
    sys.stdout.write(page() + "\n" + features_page())
