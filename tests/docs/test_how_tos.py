"""The examples of the how-to pages run, and their tables say what the code does."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from lingjing.physics import pipes, tanks

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
ROW = re.compile(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", re.MULTILINE)
BOUND = re.compile(r"^\| (`.+?`) \| ([\d.]+) \| ([\d.,]+) \|", re.MULTILINE)
WITH_EXAMPLES = [
    page for page in sorted(HOW_TO.glob("*.md")) if ">>> " in page.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_examples_of_a_how_to_run(page: Path) -> None:
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


def test_there_is_a_how_to_with_examples() -> None:
    assert "freeze-a-pipe.md" in [page.name for page in WITH_EXAMPLES]


def test_the_tables_of_ranges_and_bounds_are_those_of_the_code() -> None:
    text = (HOW_TO.parent / "reference" / "pipes.md").read_text(encoding="utf-8")
    for title, ranges in (("PipeParameters", pipes._RANGES), ("TankParameters", tanks._RANGES)):
        table = text.partition(f"(`{title}`)")[2].partition("\n\n")[0]
        rows = ROW.findall(table)
        found = {name: tuple(map(float, values)) for name, *values in rows}
        assert found == ranges, title
    bounds = text.partition("| pipes | from | to |")[2].partition("\n\n")[0]
    for names, low, high in BOUND.findall(bounds):
        for name in re.findall(r"`(\w+)`", names):
            limits = (float(low), float(high.replace(",", "")))
            assert pipes._COLUMN_LIMITS[name] == pytest.approx(limits), name
