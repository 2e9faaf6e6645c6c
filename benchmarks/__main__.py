"""`python -m benchmarks [speed|skill] [--scales 0.1,1,10]`: measure, and record in RESULTS.md."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from benchmarks.skill import pipe_checks, road_checks, road_winter, stock_winters
from benchmarks.speed import kernels, night, pipes, roads, views

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


def main() -> None:
    """Run what was asked for and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["speed", "skill"])
    parser.add_argument("--scales", default="0.1,1,10")
    given = parser.parse_args()
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    if given.part in (None, "speed"):
        scales = tuple(float(scale) for scale in given.scales.split(","))
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        baseline_s = night.baseline_seconds()
        text = replaced(text, "kernels", kernels.page(baseline_s))
        text = replaced(text, "roads", roads.page())
        text = replaced(text, "pipes", pipes.page())
        text = replaced(text, "views", views.page())
        text = replaced(text, "speed", night.page(scales, baseline_s) + f"\nMachine: {machine}.\n")
        RESULTS.write_text(text, encoding="utf-8")
    if given.part in (None, "skill"):
        text = replaced(text, "skill", road_winter.page())
        text = replaced(text, "road checks", road_checks.page())
        text = replaced(text, "pipe checks", pipe_checks.page())
        text = replaced(text, "stock", stock_winters.page())
        RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
