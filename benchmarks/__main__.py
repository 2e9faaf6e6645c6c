"""`python -m benchmarks [speed|skill] [--only PART]`: measure, and record in RESULTS.md."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path

from benchmarks.skill import (
    height_model,
    pipe_checks,
    road_checks,
    road_winter,
    sensed_district,
    stock_winters,
)
from benchmarks.speed import (
    console,
    kernels,
    map_import,
    night,
    pipes,
    roads,
    tiles,
    tiles3d,
    twin_core,
    viewers,
    views,
)

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Measured results

Written by `python -m benchmarks` (`make bench`). Seconds belong to the machine named in each part;
ratios compare with a baseline taken in the same run.
"""


def replaced(text: str, name: str, part: str) -> str:
    """The page with one named part put in place of what stood there."""
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    block = f"{begin}\n{part.strip()}\n{end}\n"
    if begin not in text:
        return f"{text.rstrip()}\n\n{block}"
    before, _, rest = text.partition(begin)
    return before + block + rest.partition(end)[2].lstrip("\n")


def parts(scales: tuple[float, ...]) -> dict[str, dict[str, Callable[[], str]]]:
    """Group → name of a part of the page → what measures and writes it."""
    machine = f"\nMachine: {platform.machine()}, Python {platform.python_version()}.\n"

    def first_night() -> str:
        return night.page(scales, night.baseline_seconds()) + machine

    return {
        "speed": {
            "kernels": lambda: kernels.page(night.baseline_seconds()),
            "roads": roads.page,
            "pipes": pipes.page,
            "views": views.page,
            "tiles3d": tiles3d.page,
            "ogc": tiles3d.features_page,
            "ledger": twin_core.ledger_page,
            "ngsi-ld": twin_core.ngsild_page,
            "notifications": twin_core.notifications_page,
            "map-import": map_import.page,
            "tiles": tiles.page,
            "viewers": viewers.page,
            "console": console.page,
            "speed": first_night,
        },
        "skill": {
            "skill": road_winter.page,
            "sensed district": sensed_district.page,
            "road checks": road_checks.page,
            "pipe checks": pipe_checks.page,
            "stock": stock_winters.page,
            "heights": height_model.page,
        },
    }


def main() -> None:
    """Run what was asked for and write it down, part by part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", nargs="?", choices=["speed", "skill"])
    parser.add_argument("--only", action="append", help="only this part; may be repeated")
    parser.add_argument("--scales", default="0.1,1,10")
    given = parser.parse_args()
    for group, pages in parts(tuple(float(scale) for scale in given.scales.split(","))).items():
        for name, page in pages.items():
            chosen = name in given.only if given.only else given.group in (None, group)
            if chosen:
                print(f"measuring: {name}", flush=True)
                part = page()
                text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
                RESULTS.write_text(replaced(text, name, part), encoding="utf-8")
                print(part, flush=True)


if __name__ == "__main__":
    main()
