"""Vector tiles: encoding beside `mapbox-vector-tile`, serving beside TiPg over PostGIS.

    python -m benchmarks.speed.tiles

The layer is made up: buildings of six to ten corners with names, uses and heights, over eleven
kilometres. Encoding is measured in processor time, so that other work on the machine matters less;
serving in seconds, client and server on the same machine, both servers with one process.

TiPg is installed into a virtual environment of its own where the package index can be reached, and
reads the same buildings from a PostgreSQL with PostGIS of its own; where either is absent, that row
is left out.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import psycopg
import shapely

from benchmarks.soak.server import Server, _free_port
from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.settings import open_store
from lingjing.engine.tiles import build_tiles
from lingjing.engine.tiles_encoding import Column, Drawing, encode_level
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.vocabulary import Attribute, EntityId, Provenance

BUILDINGS = 50_000
SAMPLE = 10
ZOOM = 14
WEST, SOUTH, WIDTH, HEIGHT = 121.45, 31.25, 0.115, 0.099
USES = ("residential", "commercial", "office", "industrial", "school")
NAME = "bench"
AT = "2026-01-01T00:00:00Z"
MADE = Provenance("imported", "bench")
SECONDS = 5.0
CLIENTS = 4
Place = tuple[int, int]


def footprints(count: int, seed: int = 7) -> np.ndarray:
    """Buildings of six to ten corners, about 20 m across."""
    chance = np.random.default_rng(seed)
    x = WEST + WIDTH * chance.random(count)
    y = SOUTH + HEIGHT * chance.random(count)
    shapes = []
    for place in range(count):
        corners = int(chance.integers(6, 11))
        angles = (np.arange(corners) + chance.uniform(0.1, 0.9, corners)) * 2 * np.pi / corners
        reach = chance.uniform(6e-5, 1.2e-4, corners)
        shapes.append(
            shapely.Polygon(
                np.column_stack(
                    [x[place] + reach * np.cos(angles), y[place] + 0.85 * reach * np.sin(angles)]
                )
            )
        )
    return np.array(shapes, dtype=object)


def properties(count: int) -> dict[str, list]:
    """What is known of them."""
    return {
        "id": [str(EntityId("Building", NAME, f"b{place}")) for place in range(count)],
        "name": [f"Building {place % 997}" for place in range(count)],
        "class": [USES[place % 5] for place in range(count)],
        "height_m": [3.0 * (1 + place % 33) for place in range(count)],
    }


def drawing_of(shapes: np.ndarray) -> Drawing:
    """The layer, ready for our encoder."""
    projected = geometry.projected(shapes)
    columns = tuple(Column.of(name, held) for name, held in properties(len(shapes)).items())
    numbers = np.arange(len(shapes))
    return Drawing("buildings", numbers, projected, shapely.bounds(projected), columns, ZOOM)


def theirs(drawing: Drawing, places: list[Place]) -> float:
    """Seconds of the processor for the places with `mapbox-vector-tile`.

    As its documentation has it: what touches the tile is chosen by an index, cut to the tile with
    its margin, and given to `encode` with the tile's bounds.
    """
    index = shapely.STRtree(drawing.shapes)
    held = properties(len(drawing.shapes))
    size = 1 << ZOOM
    began = time.process_time()
    for x, y in places:
        margin = geometry.BUFFER / geometry.EXTENT / size
        west, north = x / size, y / size
        # Up is north there, so the square is turned over.
        box = (west - margin, north - margin, west + 1 / size + margin, north + 1 / size + margin)
        rows = np.sort(index.query(shapely.box(*box)))
        cut = shapely.clip_by_rect(drawing.shapes[rows], *box)
        features = [
            {
                "geometry": shape,
                "id": int(row),
                "properties": {name: values[row] for name, values in held.items()},
            }
            for row, shape in zip(rows, cut, strict=True)
            if not shape.is_empty
        ]
        mapbox_vector_tile.encode(
            {"name": "buildings", "features": features},
            default_options={
                "quantize_bounds": (west, north, west + 1 / size, north + 1 / size),
                "extents": geometry.EXTENT,
                "y_coord_down": True,
            },
        )
    return time.process_time() - began


def ours(drawing: Drawing, places: list[Place] | None) -> tuple[float, int]:
    """Seconds of the processor for the places (None: all of the level), and how many tiles."""
    keys = None if places is None else np.array([(y << ZOOM) + x for x, y in places])
    began = time.process_time()
    count = sum(1 for _ in encode_level(drawing, ZOOM, keys))
    return time.process_time() - began, count


def put(data: Path, shapes: np.ndarray, store_count: int) -> None:
    """The layer as a district of a twin."""
    held = properties(len(shapes))
    district = District(
        NAME, "none", "测", "Bench", {}, (0, 0, 1, 1), synthetic=True, updated_at=AT
    )
    source = SourceRecord("bench", NAME, "", "none", "0", AT, synthetic=True, report={})
    entities = (
        Entity(
            held["id"][row], "Building", NAME, shapely.to_wkb(shapes[row]),
            {
                "name": Attribute(held["name"][row], MADE),
                "use": Attribute(held["class"][row], MADE),
                "height": Attribute(held["height_m"][row], MADE),
            },
        )
        for row in range(store_count)
    )  # fmt: skip
    with open_store(data) as store:
        store.import_entities(district, source, entities)


def growth(counts: tuple[int, ...] = (5_000, 50_000, 500_000)) -> list[tuple[int, float]]:
    """Processor seconds to encode a level of so many buildings, over ever more ground."""
    found = []
    for count in counts:
        shapes = footprints(min(count, BUILDINGS))
        if count > BUILDINGS:
            copies = count // BUILDINGS
            shapes = np.concatenate(
                [
                    shapely.transform(
                        shapes, lambda points, step=step: points + np.array([step * WIDTH, 0])
                    )
                    for step in range(copies)
                ]
            )
        found.append((count, ours(drawing_of(shapes), None)[0]))
    return found


def kept(data: Path, shapes: np.ndarray) -> dict[str, float]:
    """Making all levels, and making anew what one changed building spoils."""
    put(data, shapes, len(shapes))
    with open_store(data) as store:
        began = time.process_time()
        (report,) = build_tiles(data, store, NAME, ["buildings"])
        built_s = time.process_time() - began
    moved = shapes.copy()
    moved[0] = shapely.buffer(moved[0], 1e-5)
    put(data, moved, len(moved))
    with open_store(data) as store:
        began = time.process_time()
        (again,) = build_tiles(data, store, NAME, ["buildings"])
        again_s = time.process_time() - began
    return {
        "tiles": report["tiles"],
        "built_s": built_s,
        "megabytes": report["bytes"] / 1e6,
        "again": again["encoded"],
        "again_s": again_s,
    }


def per_second(port: int, addresses: list[str]) -> float:
    """Tiles a second that a server gives several clients, each with one connection."""
    until = time.monotonic() + SECONDS

    def ask(first: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        count = 0
        while time.monotonic() < until:
            address = addresses[(first + count) % len(addresses)]
            connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or not body:
                raise RuntimeError(f"{address}: {answer.status} {body[:200]!r}")
            count += 1
        connection.close()
        return count

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        total = sum(pool.map(ask, range(0, 7 * CLIENTS, 7)))
    return total / (time.monotonic() - began)


def served(data: Path, places: list[Place]) -> float:
    """Tiles a second of `lingjing serve`."""
    server = Server(data)
    server.start()
    try:
        home = f"/api/v1/districts/{NAME}/tiles/buildings/{ZOOM}"
        return per_second(server.port, [f"{home}/{x}/{y}.mvt" for x, y in places])
    finally:
        server.stop()


@contextlib.contextmanager
def postgis(shapes: np.ndarray) -> Iterator[tuple[str, Path]]:
    """A PostGIS of its own with the same layer: its address, and its folder."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))
    import private_postgres  # noqa: PLC0415

    # TiPg reaches a database by host and port only.
    port = private_postgres._PORT = _free_port()  # noqa: SLF001
    private_postgres._SETTINGS["listen_addresses"] = "127.0.0.1"  # noqa: SLF001
    server = private_postgres.PrivatePostgres()
    held = properties(len(shapes))
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE buildings (number int PRIMARY KEY, id text, name text,"
                ' "class" text, height_m double precision, geom geometry(Polygon, 4326))'
            )
            with connection.cursor().copy(
                'COPY buildings (number, id, name, "class", height_m, geom) FROM STDIN'
            ) as copy:
                for row, shape in enumerate(shapes):
                    wkb = shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True)
                    copy.write_row((row, *(values[row] for values in held.values()), wkb))
            connection.execute("CREATE INDEX ON buildings USING gist (geom)")
            connection.execute("VACUUM ANALYZE buildings")
        yield f"postgresql://lingjing@127.0.0.1:{port}/twin", server.folder
    finally:
        server.remove()


def tipg(shapes: np.ndarray, places: list[Place]) -> float | None:
    """Tiles a second of TiPg; None where it or PostGIS cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "venv/bin/python"
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        wanted = [python, "-m", "pip", "install", "-q", "tipg", "uvicorn", "orjson"]
        if subprocess.run(wanted, check=False, capture_output=True).returncode:
            return None
        try:
            with postgis(shapes) as (address, where):
                return _tipg(python, address, places, where / "tipg.log")
        except Exception as error:  # noqa: BLE001 - a baseline that cannot be had is left out
            print(f"TiPg was not measured: {error}")
            return None


def _tipg(python: Path, database: str, places: list[Place], log: Path) -> float:
    port = _free_port()
    environment = {**os.environ, "DATABASE_URL": database, "TIPG_DB_SCHEMAS": '["public"]'}
    program = [str(python), "-m", "uvicorn", "tipg.main:app", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*program, "--log-level", "warning"], env=environment, stdout=output, stderr=output
        )
    try:
        home = "/collections/public.buildings/tiles/WebMercatorQuad"
        addresses = [f"{home}/{ZOOM}/{x}/{y}" for x, y in places]
        for _ in range(300):
            with contextlib.suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            if process.poll() is not None:
                break
            time.sleep(0.1)
        if process.poll() is not None:
            raise RuntimeError(log.read_text(errors="replace")[-2000:])
        return per_second(port, addresses)
    finally:
        process.terminate()
        process.wait(30)


def page() -> str:
    """Measure, and write the table."""
    shapes = footprints(BUILDINGS)
    drawing = drawing_of(shapes)
    every = [(x, y) for x, y, _ in encode_level(drawing, ZOOM)]
    middle = sorted(every)[:: max(len(every) // SAMPLE, 1)][:SAMPLE]
    all_s, count = ours(drawing, None)
    some_s, _ = ours(drawing, middle)
    their_s = theirs(drawing, middle)
    sizes = growth()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        made = kept(data, shapes)
        own_rate = served(data, every)
    their_rate = tipg(shapes, every)
    lines = [
        f"## Vector tiles of {BUILDINGS:,} buildings\n",
        (
            f"`python -m benchmarks speed --only tiles` on {os.cpu_count()} cores; level {ZOOM},"
            f" {count} tiles, 4 properties; encoding in processor seconds, without compression.\n"
        ),
        "| encoding | s a tile | tiles/s | features/s | ratio |",
        "|---|---|---|---|---|",
    ]
    features = BUILDINGS / count
    rows = [
        (f"mapbox-vector-tile, {len(middle)} tiles", their_s / len(middle)),
        (f"ours, the same {len(middle)} tiles", some_s / len(middle)),
        ("ours, the whole level at once", all_s / count),
    ]
    base = their_s / len(middle)
    lines += [
        f"| {title} | {each:.4f} | {1 / each:,.0f} | {features / each:,.0f} | {base / each:.1f} |"
        for title, each in rows
    ]
    lines += ["\n| serving, one process | tiles/s | ratio |", "|---|---|---|"]
    if their_rate is not None:
        lines.append(f"| TiPg over PostGIS | {their_rate:,.0f} | 1 |")
        lines.append(f"| `lingjing serve` | {own_rate:,.0f} | {own_rate / their_rate:.1f} |")
    else:
        lines.append(f"| `lingjing serve` | {own_rate:,.0f} | TiPg could not be had |")
    lines += [
        (
            f"\n{CLIENTS} clients with one connection each, for {SECONDS:.0f} s, on the server's"
            " cores: compare within the table.\n"
        ),
        "| keeping | processor s | tiles |",
        "|---|---|---|",
        (
            f"| all levels, 11 to 16, compressed ({made['megabytes']:.1f} MB) |"
            f" {made['built_s']:.2f} | {made['tiles']:,.0f} |"
        ),
        (
            f"| after one of {BUILDINGS:,} buildings has changed | {made['again_s']:.2f} |"
            f" {made['again']:,.0f} |"
        ),
        "\n| growth: buildings | processor s for the level | µs a building |",
        "|---|---|---|",
        *(f"| {size:,} | {taken:.2f} | {1e6 * taken / size:.1f} |" for size, taken in sizes),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page())
