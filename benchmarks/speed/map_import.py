"""A map of 50 MB, made by laying copies of a small one side by side, read to described buildings.

The small map is not part of the project; `LINGJING_SHARED_DATA` names the folder that holds it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import osmium

from lingjing.sources.batches import without_collecting
from lingjing.sources.heights import with_heights
from lingjing.sources.maps import read_map
from lingjing.sources.packs import load_pack

SMALL: Final = "maps/yangpu-siping.osm.pbf"
TARGET_MB: Final = 50.0
LIMIT_S, LIMIT_MB = 15.0, 1000.0
_STEP_DEG: Final = 0.02
_ACROSS: Final = 26
# Copies share their texts, and pack to this much of the small map's size each.
_PACKED: Final = 0.675
# Ids of an extract lie scattered below about these.
_LARGEST_IDS: Final = {"n": 12_000_000_000, "w": 1_300_000_000, "r": 18_000_000}


class _Ids(osmium.SimpleHandler):
    """The ids of the small map, by sort and in order."""

    def __init__(self) -> None:
        super().__init__()
        self.rank: dict[str, dict[int, int]] = {"n": {}, "w": {}, "r": {}}

    def _take(self, sort: str, number: int) -> None:
        self.rank[sort].setdefault(number, len(self.rank[sort]))

    def node(self, node: Any) -> None:
        self._take("n", node.id)

    def way(self, way: Any) -> None:
        self._take("w", way.id)
        for item in way.nodes:
            self._take("n", item.ref)

    def relation(self, relation: Any) -> None:
        self._take("r", relation.id)
        for item in relation.members:
            self._take(item.type, item.ref)


class _Copies(osmium.SimpleHandler):
    """Writes every object again, moved and renumbered."""

    def __init__(self, writer: Any, ids: _Ids, number: int, copies: int) -> None:
        super().__init__()
        self._writer = writer
        self._ids = ids
        self._number = number
        self._copies = copies
        self._east = _STEP_DEG * (number % _ACROSS)
        self._north = _STEP_DEG * (number // _ACROSS)

    def _id(self, sort: str, number: int) -> int:
        ranks = self._ids.rank[sort]
        spread = max(_LARGEST_IDS[sort] // (len(ranks) * self._copies), 1)
        return (ranks[number] + self._number * len(ranks) + 1) * spread

    def node(self, node: Any) -> None:
        place = (node.location.lon + self._east, node.location.lat + self._north)
        self._writer.add_node(node.replace(id=self._id("n", node.id), location=place))

    def way(self, way: Any) -> None:
        nodes = [self._id("n", item.ref) for item in way.nodes]
        tags = {tag.k: tag.v for tag in way.tags}
        if "name" in tags:
            # every street and house has a name of its own, as in a real town
            tags["name"] = f"{tags['name']} {self._number}"
        self._writer.add_way(way.replace(id=self._id("w", way.id), nodes=nodes, tags=tags))

    def relation(self, relation: Any) -> None:
        members = [
            (item.type, self._id(item.type, item.ref), item.role) for item in relation.members
        ]
        self._writer.add_relation(relation.replace(id=self._id("r", relation.id), members=members))


def make_large_map(small: Path, target: Path, megabytes: float = TARGET_MB) -> int:
    """Write copies of a small map until the file has that size; how many there are.

    Nodes come first in the file, then ways, then relations, as in any extract.
    """
    copies = max(round(megabytes * 1e6 / (small.stat().st_size * _PACKED)), 1)
    ids = _Ids()
    ids.apply_file(str(small))
    writer = osmium.SimpleWriter(str(target), overwrite=True)
    for kind in (osmium.osm.NODE, osmium.osm.WAY, osmium.osm.RELATION):
        for number in range(copies):
            handler = _Copies(writer, ids, number, copies)
            osmium.apply(osmium.io.Reader(str(small), kind), handler)
    writer.close()
    return copies


def import_once(path: Path) -> dict[str, float]:
    """Read a map to buildings with heights and roads that join; seconds, memory and counts."""
    wall, cpu = time.perf_counter(), time.process_time()
    with without_collecting():
        batch = read_map(path, "map:large")
        features = with_heights(list(batch.features), load_pack("yangpu"), batch.report)
    found = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "features": float(len(features)),
    }
    return found | {f"kept {kind}": float(count) for kind, count in batch.report.kept.items()}


def measured(path: Path) -> dict[str, float]:
    """`import_once` in a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.map_import", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {
        name: float(value)
        for name, _, value in (line.rpartition("=") for line in done.stdout.splitlines())
    }


def page() -> str:
    """The part of the results page."""
    small = Path(os.environ.get("LINGJING_SHARED_DATA", "shared/data")) / SMALL
    text = "## Import of a map\n\n"
    if not small.is_file():
        return text + "No map here to make a large one of.\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.osm.pbf"
        copies = make_large_map(small, path)
        size = path.stat().st_size / 1e6
        runs = [measured(path) for _ in range(3)]
    best = min(runs, key=lambda run: run["wall_s"])
    return text + (
        f"{copies} copies of a street block in one PBF of {size:.1f} MB: "
        f"{best['kept Building']:,.0f} buildings, {best['kept RoadSegment']:,.0f} road segments, "
        "read, cleaned, joined, with heights and provenance. Best of three, each in a process of "
        "its own.\n\n"
        "| | measured | aim |\n|---|---|---|\n"
        f"| seconds | {best['wall_s']:.1f} | < {LIMIT_S:.0f} |\n"
        f"| seconds of processor | {best['cpu_s']:.1f} | |\n"
        f"| memory at most [MB] | {best['peak_mb']:.0f} | < {LIMIT_MB:.0f} |\n"
    )


if __name__ == "__main__":
    for name, value in import_once(Path(sys.argv[1])).items():
        print(f"{name}={value}")
