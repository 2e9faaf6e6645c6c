"""The page stays small: what the first view loads is held to a budget."""

from __future__ import annotations

import gzip

import pytest

from lingjing.interfaces.http.app import WEB

BUDGET_KB = 600
"""Scripts, worker and styles before anything is loaded later, compressed with gzip."""


def test_what_the_first_view_loads_stays_within_its_budget() -> None:
    if not (WEB / "index.html").is_file():
        pytest.skip("the page is not built: run python tools/build_console.py")
    index = (WEB / "index.html").read_text(encoding="utf-8")
    first = [
        file
        for file in (WEB / "assets").iterdir()
        if file.suffix in (".js", ".css") and (file.name in index or "worker" in file.name)
    ]
    assert any(file.suffix == ".css" for file in first)
    assert any(file.suffix == ".js" for file in first)
    size_kb = sum(len(gzip.compress(file.read_bytes(), 9)) for file in first) / 1000
    assert size_kb <= BUDGET_KB
