"""The page in a real headless Chromium: seen, moved, clicked, read and walked by keyboard."""

from __future__ import annotations

import base64
import importlib.util
import io
import itertools
import os
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import uvicorn

from lingjing.interfaces.http import create_app
from lingjing.interfaces.http.app import WEB
from lingjing.interfaces.http.serving import address_of, open_socket

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
LIKELY_COLOURS = ("#e84e10", "#bb094b", "#720a6f")  # 40 % and more, by day


def load_sample() -> ModuleType:
    path = Path(__file__).parent.parent / "unit" / "interfaces" / "sample_district.py"
    spec = importlib.util.spec_from_file_location("sample_district", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sample = load_sample()


class Server:
    """An application on a free port, in a thread."""

    def __init__(self, data: Path, port: int = 0) -> None:
        self.opened = open_socket(port)
        self.port = self.opened.getsockname()[1]
        self.address = address_of(self.opened)
        self.server = uvicorn.Server(
            uvicorn.Config(create_app(data), log_level="warning", timeout_graceful_shutdown=1)
        )
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.opened]}, daemon=True
        )
        self.thread.start()
        for _ in range(400):
            if self.server.started:
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not (WEB / "index.html").is_file():
        pytest.skip("the page is not built: run python tools/build_console.py")
    found = os.environ.get("LINGJING_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip("no Chromium here: install it, or set LINGJING_CHROMIUM to one")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(sample.write_sample(tmp_path_factory.mktemp("data")))
    yield running
    running.stop()


class Seen:
    """A page with everything it complained about or asked of others."""

    def __init__(self, browser: Any, address: str, **context: Any) -> None:
        settings = {
            "viewport": {"width": 1280, "height": 800},
            "locale": "zh-CN",
            "color_scheme": "light",
            "reduced_motion": "reduce",
        }
        self.address = address
        self.context = browser.new_context(**settings | context)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.faults.append(message.text) if message.type == "error" else None,
        )
        self.page.on(
            "request",
            lambda request: (
                self.foreign.append(request.url)
                if not request.url.startswith((address, "data:", "blob:"))
                else None
            ),
        )

    def open(self, place: str = "") -> Any:
        self.page.goto(self.address + place)
        self.page.wait_for_selector(".work-row")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the map has drawn everything asked of it."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        self.until("() => document.querySelector('lingjing-map').resting")

    def until(self, condition: str, argument: Any = None) -> None:
        """Ask until it is so. Playwright's own wait needs `eval`, which the page's policy bans."""
        for _ in range(400):
            if self.page.evaluate(condition, argument):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {condition}")

    def map_bytes(self) -> bytes:
        """The map's own picture; the legend that lies over it has the same colours."""
        address: str = self.page.evaluate(
            "() => document.querySelector('lingjing-map canvas').toDataURL('image/png')"
        )
        return base64.b64decode(address.partition(",")[2])

    def coloured(self, *colours: str) -> int:
        """Number of pixels of the map that have one of the colours."""
        pixels = matplotlib.image.imread(io.BytesIO(self.map_bytes()), format="png")
        found = np.rint(pixels[..., :3] * 255).astype(int)
        count = 0
        for colour in colours:
            wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
            count += int((np.abs(found - wanted).max(axis=-1) <= 2).sum())
        return count

    def slide(self, hour: int) -> None:
        self.page.evaluate(
            """(hour) => { const slider = document.querySelector('#hour');
            slider.value = String(hour);
            slider.dispatchEvent(new Event('input', { bubbles: true })); }""",
            hour,
        )
        self.settle()


@pytest.fixture
def seen(browser: Any, server: Server) -> Iterator[Seen]:
    made = Seen(browser, server.address)
    yield made
    made.context.close()
    assert made.faults == []
    assert made.foreign == []


@pytest.fixture(scope="module")
def open_desk(browser: Any, server: Server) -> Iterator[Seen]:
    made = Seen(browser, server.address)
    made.open()
    yield made
    made.context.close()


@pytest.fixture
def desk(open_desk: Seen) -> Iterator[Seen]:
    """One page for the flows that leave it as they found it: list, first run, no card."""
    open_desk.page.click("#tab-work")
    open_desk.page.check("input[value=probability]", force=True)
    open_desk.slide(0)
    yield open_desk
    assert open_desk.faults == []
    assert open_desk.foreign == []


def test_a_run_of_the_past_opens_where_most_is_frozen(seen: Seen) -> None:
    page = seen.open()
    likely = [
        sum(
            round(sample.hourly_of(situation, count)[hour] * 255) >= 128
            for count in sample.SITUATIONS.values()
            for situation in range(count)
        )
        for hour in range(sample.HOURS + 1)
    ]
    hour = int(page.input_value("#hour"))
    assert likely[hour] == max(likely)
    assert seen.coloured(*LIKELY_COLOURS) > 5000
    assert f"hour={hour}" in page.url


def test_a_run_of_the_present_opens_at_the_present_hour(browser: Any, server: Server) -> None:
    now = Seen(browser, server.address)
    now.page.clock.set_fixed_time(sample.START + timedelta(hours=5, minutes=40))
    now.page.goto(server.address)
    now.page.wait_for_selector(".time-counts")
    now.until("() => location.hash.includes('hour=')")
    assert now.page.input_value("#hour") == "5"
    now.context.close()


def test_the_map_is_coloured_and_the_slider_changes_it(desk: Seen) -> None:
    seen = desk
    assert seen.coloured("#dadde0") > 2000  # buildings are there, and nothing is likely yet
    assert seen.coloured(*LIKELY_COLOURS) < 50
    seen.slide(40)
    peak = seen.coloured(*LIKELY_COLOURS)
    assert peak > 5000
    seen.slide(72)
    assert seen.coloured(*LIKELY_COLOURS) < peak / 10


def test_first_freeze_jumps_to_the_first_likely_hour(desk: Seen) -> None:
    page = desk.page
    page.click("#first-freeze")
    expected = next(
        hour for hour, chance in enumerate(sample.hourly_of(10, 11)) if round(chance * 255) >= 128
    )
    assert page.input_value("#hour") == str(expected)
    counts = page.inner_text(".time-counts")
    assert "0 栋" not in counts or "0 段" not in counts
    page.click("#step-back")
    assert page.input_value("#hour") == str(expected - 1)
    assert "道路 0 段，建筑 0 栋" in page.inner_text(".time-counts")


def test_play_moves_the_hour_and_pause_stops_it(desk: Seen) -> None:
    page = desk.page
    page.click("#play")
    desk.until("() => Number(document.querySelector('#hour').value) >= 2")
    page.click("#play")
    stopped = page.input_value("#hour")
    page.wait_for_timeout(1000)
    assert page.input_value("#hour") == stopped


def test_onset_has_its_own_colours(desk: Seen) -> None:
    page = desk.page
    page.check("input[value=onset]", force=True)
    desk.settle()
    assert desk.coloured("#21a3bc", "#5cc9c2") > 3000  # 24 to 48 h
    assert desk.coloured(*LIKELY_COLOURS) < 50
    assert "24–36 小时后" in page.inner_text(".legend")


def test_a_row_opens_its_reason_and_fan_chart_at_the_sliders_hour(desk: Seen) -> None:
    page = desk.page
    desk.slide(30)
    title = page.inner_text(".work-row >> nth=0 >> .work-title")
    page.click(".work-row >> nth=0")
    page.wait_for_selector(".reason")
    assert title in page.inner_text(".reason >> nth=0")
    assert "31 个成员" in page.inner_text(".why >> nth=0")
    page.wait_for_selector(".plot canvas")
    first = page.inner_text(".chart-reading")
    assert "中位数" in first
    assert "18:00" in first
    drawn = page.locator(".plot canvas").screenshot()
    assert len({bytes(pixel) for pixel in picture_of(drawn).reshape(-1, 3)}) > 10
    desk.slide(40)
    assert page.inner_text(".chart-reading") != first
    assert page.locator(".plot canvas").screenshot() != drawn
    assert "推断" in page.inner_text(".provenance >> nth=0")
    page.click(".back")
    page.wait_for_selector(".work-row")
    assert page.evaluate("document.activeElement.classList.contains('work-row')")


def picture_of(png: bytes) -> Any:
    pixels = matplotlib.image.imread(io.BytesIO(png), format="png")
    return np.rint(pixels[..., :3] * 255).astype(np.uint8)


def test_a_click_on_the_map_opens_the_object_there(seen: Seen) -> None:
    page = seen.open("#hour=0")
    seen.settle()
    canvas = page.locator("lingjing-map canvas")
    pixels = picture_of(seen.map_bytes()).astype(int)
    building = np.abs(pixels - np.array([0xDA, 0xDD, 0xE0])).max(axis=-1) <= 1
    inside = building[2:-2, 2:-2] & building[:-4, :-4] & building[4:, 4:]  # not a road's edge
    inside &= building[:-4, 4:] & building[4:, :-4]
    rows, columns = np.nonzero(np.pad(inside, 2)[:, : int(building.shape[1] * 0.6)])
    middle = rows.size // 2
    canvas.click(position={"x": int(columns[middle]), "y": int(rows[middle])})
    page.wait_for_selector("#card-title")
    assert "楼" in page.inner_text("#card-title")
    seen.settle()
    assert seen.coloured("#0057d9") > 50  # the selected outline


def test_names_with_markup_are_shown_and_not_run(seen: Seen) -> None:
    place = f"#object={sample.identifier('Building', 'b0-00')}"
    page = seen.open(place)
    page.wait_for_selector("#card-title")
    assert page.inner_text("#card-title") == sample.MARKUP
    assert page.locator("img[src='x']").count() == 0


def test_language_switches_everywhere_and_is_remembered(seen: Seen) -> None:
    page = seen.open()
    assert page.inner_text("#tab-work") == "工作清单"
    page.click("#language")
    assert page.inner_text("#tab-work") == "Work"
    assert "Synthetic data" in page.inner_text(".labels")
    assert page.get_attribute("html", "lang") == "en"
    left = page.evaluate(
        """() => [...document.querySelectorAll('button, label, summary, dt, th, legend')]
        .filter((item) => !item.closest('.work-row') && item.id !== 'language')
        .map((item) => item.textContent).filter((text) => /[\\u4e00-\\u9fff]/.test(text))"""
    )
    assert [text for text in left if "园街道" not in text] == []
    page.reload()
    page.wait_for_selector(".work-row")
    assert page.inner_text("#tab-work") == "Work"


def test_labels_attribution_and_age_are_always_in_view(desk: Seen) -> None:
    page = desk.page
    for words in ("合成数据", "天气为历史重建"):
        assert page.get_by_text(words).first.is_visible()
    assert "Lingjing sample sketch" in page.inner_text(".attribution")
    assert "Lingjing sample weather" in page.inner_text(".attribution")
    assert "天前" in page.inner_text(".ages")


def test_filters_and_pages_of_the_list(desk: Seen) -> None:
    page = desk.page
    page.select_option("select[name=action]", "salt")
    desk.until(
        "() => [...document.querySelectorAll('.work-title')]"
        ".every((title) => title.textContent.includes('撒盐'))"
    )
    page.select_option("select[name=action]", "")
    page.wait_for_selector(".pager")
    first = page.inner_text(".work-title >> nth=0")
    page.click(".pager button >> nth=1")
    desk.until("(t) => document.querySelector('.work-title').textContent !== t", first)
    assert page.inner_text(".work-row >> nth=0 >> .rank") == "21"
    page.click(".pager button >> nth=0")
    desk.until("(t) => document.querySelector('.work-title').textContent === t", first)


def test_the_table_says_what_the_map_shows(desk: Seen) -> None:
    page = desk.page
    desk.slide(40)
    page.click("#tab-objects")
    page.select_option("select[name=layer]", "buildings")
    chances = page.locator("table.objects .chance").all_inner_texts()
    assert len(chances) == 20
    assert chances[0].strip() == "100 %"
    page.click("table.objects button.link >> nth=0")
    page.wait_for_selector("#card-title")
    page.click(".back")


def test_everything_can_be_reached_by_keyboard_with_focus_in_sight(seen: Seen) -> None:
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
def test_every_view_can_be_read_touched_and_heard(browser: Any, server: Server, view: str) -> None:
    settings, least_text, least_target = VIEWS[view]
    seen = Seen(browser, server.address, bypass_csp=True, **settings)
    page = seen.open()
    if view == "elder":
        page.click("#elder")
    axe = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
    if axe.is_file():
        page.evaluate(axe.read_text(encoding="utf-8"))
    for tab in ("objects", "run", "work", "card"):
        page.click(f"#tab-{tab}" if tab != "card" else ".work-row >> nth=0")
        page.wait_for_selector("table.objects" if tab == "objects" else ".plot, #tabpanel")
        assert page.evaluate(SMALL_TEXT, least_text) == []
        assert page.evaluate(SMALL_TARGETS, least_target) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if axe.is_file():
            assert page.evaluate(VIOLATIONS) == [], tab
    seen.context.close()
    assert seen.faults == []


APART = ("lingjing-head", ".map-side", ".time-side", ".panel", ".foot")


def test_the_parts_of_the_page_never_cover_one_another(seen: Seen) -> None:
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


def test_night_is_dark_and_follows_the_system(browser: Any, server: Server) -> None:
    night = Seen(browser, server.address, color_scheme="dark")
    page = night.open()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 19, 25)"
    night.slide(40)
    assert night.coloured("#fcde3d", "#ffa02e") > 3000
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(242, 244, 246)"
    night.context.close()
    assert night.faults == []


def test_a_phone_shows_labels_map_time_and_list_in_the_first_screen(
    browser: Any, server: Server
) -> None:
    phone = Seen(browser, server.address, viewport={"width": 360, "height": 740}, has_touch=True)
    page = phone.open()
    map_box = page.locator("lingjing-map").bounding_box()
    list_box = page.locator("#panel").bounding_box()
    assert map_box["y"] < 120
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


def test_a_shared_address_restores_hour_mode_and_object(browser: Any, server: Server) -> None:
    one = Seen(browser, server.address)
    page = one.open()
    one.slide(33)
    page.check("input[value=onset]", force=True)
    page.click(".work-row >> nth=2")
    page.wait_for_selector("#card-title")
    title, address = page.inner_text("#card-title"), page.url
    one.context.close()
    two = Seen(browser, server.address)
    two.page.goto(address)
    two.page.wait_for_selector("#card-title")
    assert two.page.inner_text("#card-title") == title
    assert two.page.input_value("#hour") == "33"
    assert two.page.is_checked("input[value=onset]")
    two.context.close()


def test_without_district_or_run_the_page_says_what_to_type(browser: Any, tmp_path: Path) -> None:
    empty = Server(tmp_path)
    try:
        seen = Seen(browser, empty.address)
        seen.page.goto(empty.address)
        assert "lingjing district sketch" in seen.page.locator("#no-district").inner_text()
        sample.write_district(tmp_path)
        seen.page.reload()
        assert "lingjing run coldwave" in seen.page.locator("#no-run").inner_text()
        assert seen.page.get_by_text("合成数据").first.is_visible()
        seen.settle()
        assert seen.coloured("#dadde0") > 2000
        seen.context.close()
        assert seen.faults == []
    finally:
        empty.stop()


def test_a_server_that_went_is_named_and_what_is_shown_is_marked_old(
    browser: Any, tmp_path: Path
) -> None:
    server = Server(sample.write_sample(tmp_path))
    seen = Seen(browser, server.address)
    page = seen.open()
    server.stop()
    page.click(".work-row >> nth=0")
    page.wait_for_selector("#server-gone")
    assert "没有应答" in page.inner_text("#server-gone")
    assert page.locator(".work-place.stale").count() == 1
    again = Server(tmp_path, server.port)
    try:
        page.click(".work-row >> nth=1")
        page.wait_for_selector("#server-gone", state="detached")
        page.wait_for_selector(".reason")
    finally:
        again.stop()
        seen.context.close()
