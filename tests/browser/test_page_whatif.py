"""What-ifs on the page: ordered by form, followed, compared side by side, opened again by link."""

from __future__ import annotations

import base64
import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from lingjing.engine.run import RunRequest, run_scenario
from lingjing.engine.settings import open_store
from lingjing.engine.weather import keep_weather
from lingjing.sdk.testkit import START, small_district, small_entities, small_weather
from lingjing.twin.entities import SourceRecord

pytestmark = pytest.mark.browser

SOURCE = SourceRecord("testkit", "testville", "© test", "ODbL-1.0", "", "2023-12-01T00:00:00Z",
                      True, {})  # fmt: skip
MORE_LIKELY = ("#f6bd84", "#d9731b", "#8a3a00")
LESS_LIKELY = ("#a3c8e6", "#3f86c4", "#0b4a8f")
AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
VIOLATIONS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
    .map((one) => one.id + ': ' + one.nodes.map((node) => node.target).join(' '))"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that holds a twin with one run, as `lingjing serve` starts it."""
    data = tmp_path_factory.mktemp("what-ifs")
    store = open_store(data)
    store.import_entities(small_district(), SOURCE, small_entities())
    store.close()
    keep_weather(data, small_weather("cold"))
    run_scenario(RunRequest("coldwave", data, "testville", "testkit-cold", START, 24, seed=3))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-c", "from lingjing.interfaces.cli import main; main()", "serve",
        "--data", str(data), "--port", str(port), "--no-browser",
    ]  # fmt: skip
    running = subprocess.Popen(
        command, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        running.terminate()
        running.wait(timeout=30)


@pytest.fixture(scope="module")
def shown(browser: Any, address: str) -> Iterator[Any]:
    """A page with a what-if four degrees colder, ordered by form and computed."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="zh-CN", reduced_motion="reduce"
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.click("#tab-whatif")
    page.click("#whatif-new")
    page.fill(".whatif-form input[name=name]", "更冷")
    page.fill(".whatif-form input[name=air_temperature_shift_C]", "-4")
    page.click(".whatif-form button:has-text('添加一项设施改变')")
    page.wait_for_selector(".whatif-change [role=status]:has-text('共')")
    page.click(".whatif-change button:has-text('删去')")
    page.click(".whatif-form button.primary")
    page.wait_for_selector(".whatif[data-state=done]", timeout=60_000)
    yield page
    assert faults == []
    context.close()


def until(page: Any, condition: str) -> None:
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {condition}")


def compared(page: Any) -> Any:
    """The page with the comparison open, side by side."""
    if page.query_selector("#compare-left") is None:
        page.click("#tab-whatif")
        page.click(".whatif button:has-text('与原推演比较')")
    page.wait_for_selector(".compare-rows tbody tr")
    until(page, "() => [...document.querySelectorAll('lingjing-map')].every((map) => map.resting)")
    return page


def coloured(page: Any, colours: tuple[str, ...]) -> int:
    """Pixels of the map itself that have one of the colours; the legend over it has the same."""
    canvas = "document.querySelector('.compare-map canvas')"
    picture: str = page.evaluate(f"() => {canvas}.toDataURL('image/png')")
    plain = io.BytesIO(base64.b64decode(picture.partition(",")[2]))
    found = np.rint(matplotlib.image.imread(plain, format="png")[..., :3] * 255)
    count = 0
    for colour in colours:
        wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        count += int((np.abs(found - wanted).max(axis=-1) <= 3).sum())
    return count


def test_a_colder_night_is_said_to_be_worse_in_words_and_numbers(shown: Any) -> None:
    page = compared(shown)
    assert "更冷" in page.inner_text(".compare-head h2")
    assert "差别只来自所作的改变" in page.inner_text("lingjing-compare")
    changes = page.locator(".compare-rows .change").all_inner_texts()
    assert changes
    assert any(text.startswith("+") for text in changes)


def test_two_maps_lie_over_each_other_and_look_at_the_same_place(shown: Any) -> None:
    page = compared(shown)
    assert page.locator("lingjing-map").count() == 2
    page.evaluate(
        "() => document.querySelector('#compare-b lingjing-map').showPoint([121.5235, 31.2935])"
    )
    until(
        page,
        """() => { const [a, b] = ['a', 'b'].map((side) =>
        document.querySelector(`#compare-${side} lingjing-map`).view);
        return a && b && Math.abs(a.longitude_deg - b.longitude_deg) < 1e-9
            && Math.abs(b.longitude_deg - 121.5235) < 1e-3 && a.zoom === b.zoom; }""",
    )


def test_the_handle_is_moved_by_keyboard_and_by_pointer(shown: Any) -> None:
    page = compared(shown)
    handle = page.locator(".compare-handle")
    assert handle.get_attribute("role") == "slider"
    handle.focus()
    page.keyboard.press("Home")
    assert handle.get_attribute("aria-valuenow") == "0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    assert handle.get_attribute("aria-valuenow") == "22"
    clip = page.evaluate("() => document.querySelector('#compare-a').style.clipPath")
    assert clip.replace("px", "") == "inset(0 78% 0 0)"
    stage = page.locator(".compare-stage").bounding_box()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.6, box["y"] + box["height"] / 2)
    page.mouse.up()
    assert abs(int(handle.get_attribute("aria-valuenow")) - 60) <= 1


def test_the_map_of_what_differs_is_coloured_for_worse_alone(shown: Any) -> None:
    page = compared(shown)
    page.locator("input[name=compare-way]").nth(1).check(force=True)
    page.wait_for_selector(".compare-legend li:nth-child(6)", state="attached")
    until(page, "() => document.querySelector('.compare-map lingjing-map').resting")
    hour = page.evaluate("""async () => {
        const slider = document.querySelector('#hour'); slider.value = '20';
        slider.dispatchEvent(new Event('input', { bubbles: true })); return slider.value; }""")
    assert hour == "20"
    until(page, "() => document.querySelector('.compare-map lingjing-map').resting")
    page.wait_for_timeout(300)
    assert coloured(page, MORE_LIKELY) > 200
    assert coloured(page, LESS_LIKELY) == 0
    page.locator("input[name=compare-way]").nth(0).check(force=True)


def test_the_tables_sort_by_their_heads(shown: Any) -> None:
    page = compared(shown)
    head = page.locator(".compare-rows th[aria-sort]").nth(2)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text.replace(",", "")) for text in
              page.locator(".compare-rows tbody td:nth-child(3)").all_inner_texts()]  # fmt: skip
    assert values == sorted(values, reverse=True)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"


def test_a_shared_link_opens_the_same_comparison(shown: Any, address: str) -> None:
    page = compared(shown)
    until(page, "() => location.hash.includes('x.compare=')")
    link = page.url
    other = page.context.new_page()
    other.goto(link)
    other.wait_for_selector(".compare-handle")
    other.wait_for_selector(".compare-rows tbody tr")
    assert other.inner_text(".compare-head h2") == page.inner_text(".compare-head h2")
    other.close()


def test_no_view_of_a_what_if_bars_anyone(shown: Any) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed")
    page = compared(shown)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(VIOLATIONS) == []
    page.click("#compare-left")
    page.wait_for_selector(".whatif")
    assert page.evaluate(VIOLATIONS) == []
    page.click("#whatif-new")
    page.wait_for_selector(".whatif-form")
    page.click(".whatif-form button:has-text('添加一项设施改变')")
    page.wait_for_selector(".whatif-change select")
    assert page.evaluate(VIOLATIONS) == []
    page.click(".whatif-form button:has-text('返回')")


def test_what_the_server_refuses_is_said_on_the_form(shown: Any) -> None:
    page = shown
    page.click("#tab-whatif")
    if page.query_selector("#compare-left") is not None:
        page.click("#compare-left")
    page.click("#whatif-new")
    page.fill(".whatif-form input[name=name]", "更冷")
    page.click(".whatif-form button.primary")
    page.wait_for_selector("#whatif-refused:not([hidden])")
    assert "更冷" in page.inner_text("#whatif-refused")
    page.fill(".whatif-form input[name=name]", "太冷")
    page.fill(".whatif-form input[name=air_temperature_shift_C]", "-100")
    page.click(".whatif-form button.primary")
    page.wait_for_selector("#whatif-refused:has-text('-15')")
    page.click(".whatif-form button:has-text('返回')")


def test_one_that_is_dropped_is_gone(shown: Any) -> None:
    page = shown
    page.on("dialog", lambda dialog: dialog.accept())
    page.wait_for_selector(".whatif")
    page.click(".whatif button:has-text('保留')")
    page.wait_for_selector(".whatif button[aria-pressed=true]")
    assert page.is_disabled(".whatif button:has-text('删除')")
    page.click(".whatif button:has-text('保留')")
    page.wait_for_selector(".whatif button[aria-pressed=false]")
    page.click(".whatif button:has-text('删除')")
    until(page, "() => document.querySelectorAll('.whatif').length === 0")
