"""The page for everyone: by keyboard, to a screen reader, by night, in large text, on a phone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_everything_can_be_reached_by_keyboard_with_focus_in_sight(seen: Any) -> None:
    page = seen.open()
    page.evaluate("document.body.focus()")
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        state = page.evaluate(
            """() => { const at = document.activeElement; const style = getComputedStyle(at);
            return [at.id || at.className || at.tagName, style.outlineStyle,
                    at.closest('.modes') !== null]; }"""
        )
        reached.append(str(state[0]))
        assert state[1] != "none" or state[2], f"no focus to be seen on {state[0]}"
        if "work-row" in str(state[0]):
            break
    assert reached[0] == "skip"
    for name in ("district", "run", "language", "elder", "theme", "play", "hour", "tab-work"):
        assert name in reached
    assert any("maplibregl-canvas" in name for name in reached)
    page.keyboard.press("Enter")
    page.wait_for_selector(".reason")
    page.keyboard.press("Escape")
    page.wait_for_selector("#tab-work", state="visible")
    page.focus("#hour")
    before = int(page.input_value("#hour"))
    page.keyboard.press("ArrowRight")
    assert page.input_value("#hour") == str(before + 1)
    page.focus("#tab-work")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-objects"


VIEWS = {
    "day": ({}, 16, 24),
    "night": ({"color_scheme": "dark"}, 16, 24),
    "elder": ({}, 24, 60),
    "phone": ({"viewport": {"width": 360, "height": 740}, "has_touch": True}, 16, 24),
}
"""View → how the browser is set, the least text size and the least height of a target [px]."""

SMALL_TEXT = """(least) => [...document.querySelectorAll('lingjing-console *')]
    .filter((item) => item.getClientRects().length
      && !item.closest('.visually-hidden, .plot')
      && [...item.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
      && parseFloat(getComputedStyle(item).fontSize) < least - 0.01)
    .map((item) => `${item.className || item.tagName}: ${item.textContent}`)"""
SMALL_TARGETS = """(least) => [...document.querySelectorAll('button, select, summary, #hour')]
    .filter((item) => item.getClientRects().length
      && item.getBoundingClientRect().height < least - 0.5)
    .map((item) => item.id || item.className || item.tagName)"""
VIOLATIONS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
    .map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' | ')}`)"""


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_read_touched_and_heard(visit: Any, server: Any, view: str) -> None:
    settings, least_text, least_target = VIEWS[view]
    seen = visit(server.address, bypass_csp=True, **settings)
    page = seen.open()
    if view == "elder":
        page.click("#elder")
    axe = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
    if axe.is_file():
        page.evaluate(axe.read_text(encoding="utf-8"))
    for tab in ("objects", "run", "work", "card"):
        page.click(f"#tab-{tab}" if tab != "card" else ".work-row >> nth=0")
        page.wait_for_selector(".grid-row[data-id]" if tab == "objects" else ".plot, #tabpanel")
        assert page.evaluate(SMALL_TEXT, least_text) == []
        assert page.evaluate(SMALL_TARGETS, least_target) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if axe.is_file():
            assert page.evaluate(VIOLATIONS) == [], tab
    seen.context.close()
    assert seen.faults == []


APART = ("lingjing-head", ".map-side", ".time-side", ".panel", ".foot")


def test_the_parts_of_the_page_never_cover_one_another(seen: Any) -> None:
    page = seen.open()
    sizes = ((1920, 1080), (1400, 900), (768, 1024), (360, 740))
    for elder, (width, height) in itertools.product((False, True), sizes):
        if elder and page.get_attribute("#elder", "aria-pressed") == "false":
            page.click("#elder")
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)
        boxes = [page.locator(part).bounding_box() for part in APART]
        for at, one in enumerate(boxes):
            assert one["x"] >= 0, (width, APART[at])
            assert one["x"] + one["width"] <= width + 0.5, (width, APART[at])
            for other_at in range(at + 1, len(boxes)):
                other = boxes[other_at]
                across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(
                    one["x"], other["x"]
                )
                down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(
                    one["y"], other["y"]
                )
                sticky = ".time-side" in (APART[at], APART[other_at]) and width <= 860
                assert sticky or min(across, down) < 1, (width, APART[at], APART[other_at])


def test_night_is_dark_and_follows_the_system(visit: Any, server: Any) -> None:
    night = visit(server.address, color_scheme="dark")
    page = night.open()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 19, 25)"
    night.slide(40)
    assert night.coloured("#fcde3d", "#ffa02e") > 3000
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(242, 244, 246)"
    night.context.close()
    assert night.faults == []


def test_a_phone_shows_labels_map_time_and_list_in_the_first_screen(
    visit: Any, server: Any
) -> None:
    phone = visit(server.address, viewport={"width": 360, "height": 740}, has_touch=True)
    page = phone.open()
    map_box = page.locator("lingjing-map").bounding_box()
    list_box = page.locator("#panel").bounding_box()
    assert map_box["y"] < 132
    assert map_box["height"] > 280
    assert map_box["y"] + map_box["height"] <= list_box["y"] < 640
    badge = page.locator(".badge").first
    assert badge.inner_text().strip() == "合成数据"
    badge.locator("summary").click()
    assert "城区为虚构" in badge.inner_text()
    page.click("#options")
    assert page.locator("#run").is_visible()
    phone.context.close()
    assert phone.faults == []
