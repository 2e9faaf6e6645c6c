"""`python -m benchmarks.soak [kills|fuzz]`: faults survived, at length, recorded in SOAK.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.__main__ import replaced
from benchmarks.soak import fuzz, kills

RESULTS = Path(__file__).parent.parent / "SOAK.md"
HEAD = "# Faults survived\n\nWritten by `python -m benchmarks.soak` (`make soak`).\n"


def main() -> None:
    """Run what was asked for and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["kills", "fuzz"])
    parser.add_argument("--kills", type=int, default=kills.KILLS)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long to fuzz")
    parser.add_argument("--store", metavar="URL", help="fuzz over this empty PostgreSQL store")
    given = parser.parse_args()
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    if given.part in (None, "kills"):
        text = replaced(text, "kills", kills.page(given.kills))
        RESULTS.write_text(text, encoding="utf-8")
    if given.part in (None, "fuzz"):
        part = "fuzz" if given.store is None else "fuzz postgresql"
        text = replaced(text, part, fuzz.page(given.seconds, given.store))
        RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
