"""The page of components, seen by day and night, in both languages and large letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
# Two cards and two lists stand on one page here, so landmarks and headings repeat.
VIOLATIONS = """async () => (await axe.run(document, { resultTypes: ['violations'],
    rules: { 'landmark-unique': { enabled: false }, 'duplicate-id': { enabled: false },
             'heading-order': { enabled: false }, 'page-has-heading-one': { enabled: false },
             'region': { enabled: false } } }))
    .violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.html)}`)"""


def test_every_component_is_shown_and_can_be_used(visit: Any, server: Any) -> None:
    seen = visit(server.address, bypass_csp=True)
    page = seen.page
    page.goto(server.address + "components")
    seen.until("() => document.documentElement.dataset.shown")
    shown = int(page.get_attribute("html", "data-shown"))
    assert page.locator(".gallery-frame").count() == shown > 12
    heights = page.evaluate(
        "() => [...document.querySelectorAll('.gallery-frame')].map((item) => item.offsetHeight)"
    )
    assert min(heights) > 40
    day = page.screenshot()
    for switch in ("night", "language", "elder"):
        page.click(f"#gallery-{switch}")
        seen.until(
            "(n) => document.querySelectorAll('.gallery-frame').length === n"
            " && document.querySelectorAll('lingjing-key-entry form').length > 0",
            shown,
        )
        assert page.screenshot() != day
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if AXE.is_file():
            page.evaluate(AXE.read_text(encoding="utf-8"))
            assert page.evaluate(VIOLATIONS) == [], switch
    assert page.locator("img[src='x']").count() == 0
    assert seen.faults == []
