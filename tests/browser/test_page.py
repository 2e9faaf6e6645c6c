"""The page in a real headless Chromium: seen, moved, clicked and read."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import matplotlib.image
import numpy as np
import pytest

pytestmark = pytest.mark.browser

LIKELY_COLOURS = ("#e84e10", "#bb094b", "#720a6f")  # 40 % and more, by day


def test_a_run_of_the_past_opens_where_most_is_frozen(seen: Any, sample: Any) -> None:
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


def at_the_servers(page: Any, moment: Any) -> None:
    """Let the server's clock say this, whatever this machine's says."""
    said = format_datetime(moment.astimezone(UTC), usegmt=True)
    page.route(
        "**/api/v1/health",
        lambda route: route.fulfill(json={"status": "ok"}, headers={"Date": said}),
    )


def test_a_run_of_the_present_opens_at_the_present_hour(
    visit: Any, server: Any, sample: Any
) -> None:
    now = visit(server.address)
    at_the_servers(now.page, sample.START + timedelta(hours=5, minutes=40))
    now.page.goto(server.address)
    now.page.wait_for_selector(".time-counts")
    now.until("() => location.hash.includes('hour=')")
    assert now.page.input_value("#hour") == "5"
    now.page.click("#first-freeze")
    now.page.click("#to-now")
    assert now.page.input_value("#hour") == "5"
    assert "有效至" in now.page.inner_text("#signal")
    now.context.close()


def test_a_clock_an_hour_off_is_noticed_and_said(visit: Any, server: Any) -> None:
    right = visit(server.address)
    right.open()
    assert right.page.locator("#wrong-clock").count() == 0
    wrong = visit(server.address)
    at_the_servers(wrong.page, datetime.now(UTC) - timedelta(hours=1))
    wrong.open()
    wrong.until("() => document.querySelector('#wrong-clock') !== null")
    assert "快 60 分钟" in wrong.page.inner_text("#wrong-clock")


def test_buildings_stand_and_throw_shadows_where_the_sun_is(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.open("#hour=0")  # 12:00 at the sample's place
    flat = seen.coloured("#dadde0")
    edges = seen.coloured("#cbd2da")  # where two colours meet
    assert edges < 30
    page.click("#sunlit")
    seen.until("() => document.querySelector('lingjing-map').resting")
    seen.settle()
    shade = seen.coloured("#cbd2da")
    assert shade > 300
    assert "太阳在" in page.inner_text(".sun-says")
    seen.slide(12)  # midnight
    assert seen.coloured("#cbd2da") == edges
    assert "夜间" in page.inner_text(".sun-says")
    seen.slide(0)
    page.check("input[name=solid][value='1']", force=True)
    seen.settle()
    assert seen.coloured("#dadde0") < flat
    assert "solid=1" in page.url
    assert "高度为估计" in page.inner_text("lingjing-legend")
    page.check("input[name=solid][value='0']", force=True)
    seen.settle()
    assert seen.coloured("#dadde0") == pytest.approx(flat, rel=0.05)
    assert seen.faults == []


def test_without_webgl_the_page_says_so_and_the_tables_work(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.page
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        " return /^webgl/.test(kind) ? null : get.call(this, kind, ...rest); };"
    )
    seen.open()
    assert "WebGL" in page.inner_text("lingjing-map")
    page.click(".work-row >> nth=0")
    page.wait_for_selector(".reason")
    page.click(".back")
    page.click("#tab-objects")
    page.wait_for_selector(".grid-row[data-id]")
    assert seen.faults == []


def test_an_old_address_is_restored_and_a_newer_one_is_said_to_be(visit: Any, server: Any) -> None:
    old = visit(server.address)
    page = old.open("#hour=12&mode=onset")
    assert page.input_value("#hour") == "12"
    assert page.is_checked("input[value=onset]")
    assert page.locator("#strange-link").count() == 0
    assert "v=2" in page.url
    newer = visit(server.address)
    page = newer.open("#v=99&hour=12&orbit=low")
    assert page.input_value("#hour") == "12"
    assert "更新版本" in page.inner_text("#strange-link")


def test_a_layer_shows_a_percentile_or_only_what_passes_a_threshold(
    visit: Any, server: Any
) -> None:
    seen = visit(server.address)
    page = seen.open("#hour=30")
    page.click(".layers-fold summary")
    page.select_option("select[name=quantity-roads]", "road_surface_temperature")
    page.wait_for_selector("select[name=level-roads]")
    seen.settle()
    cold = ("#1f2c68", "#2a5a9c", "#4390c2", "#93c4dd", "#f3e3bb", "#dfb76c", "#b07a2c")
    middle = [seen.coloured(colour) for colour in cold]
    assert sum(middle) > 1000
    page.select_option("select[name=level-roads]", "p10")
    seen.settle()
    low = [seen.coloured(colour) for colour in cold]
    assert low != middle
    assert "第 10 百分位" in page.inner_text("lingjing-legend")
    buildings = seen.coloured(*LIKELY_COLOURS)
    page.fill("input[name=threshold-buildings]", "45")
    page.press("input[name=threshold-buildings]", "Tab")
    seen.settle()
    assert 0 < seen.coloured(*LIKELY_COLOURS) < buildings
    assert "≥ 45 %" in page.inner_text("lingjing-legend")
    address = page.url
    two = visit(server.address)
    two.page.goto(address)
    two.page.wait_for_selector(".work-row")
    two.until("() => document.querySelector('lingjing-legend').innerText.includes('≥ 45 %')")
    assert "第 10 百分位" in two.page.inner_text("lingjing-legend")
    assert seen.faults == []


def test_the_story_plays_by_itself_and_leaves_the_map_free(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.open("#hour=5")
    page.click("#tell")
    page.wait_for_selector(".story-text")
    assert page.input_value("#hour") == "0"
    assert "需要部署防冻" in page.inner_text(".story-text")
    over = page.locator(".story").bounding_box()
    drawn = page.locator("lingjing-map").bounding_box()
    assert over["y"] >= drawn["y"] + drawn["height"]
    page.click("#story-on")
    seen.until("() => !document.querySelector('.story-text').textContent.startsWith('2/')")
    told = []
    while page.is_enabled("#story-on"):
        told.append(page.inner_text(".story-text"))
        page.click("#story-on")
    told.append(page.inner_text(".story-text"))
    for word in ("首次有对象", "最严重", "推演结束"):
        assert any(word in text for text in told)
    assert page.input_value("#hour") == "72"
    page.click("#story-pause")
    page.click("#story-close")
    assert page.locator(".story").count() == 0
    assert seen.faults == []


def test_a_picture_to_take_away_has_the_map_its_scale_and_its_sources(
    visit: Any, server: Any, tmp_path: Path
) -> None:
    seen = visit(server.address)
    page = seen.open("#hour=40")
    with page.expect_download() as waiting:
        page.click("#picture")
    file = tmp_path / "picture.png"
    waiting.value.save_as(file)
    pixels = picture_of(file.read_bytes()).astype(int)
    drawn = page.evaluate("() => document.querySelector('lingjing-map canvas').height")
    assert pixels.shape[0] > drawn + 150
    foot = pixels[-(pixels.shape[0] - drawn - 60) :]
    for colour in LIKELY_COLOURS:
        wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        assert (np.abs(pixels - wanted).max(axis=-1) <= 2).sum() > 500
        assert (np.abs(foot - wanted).max(axis=-1) <= 2).sum() > 300
    assert seen.faults == []


def test_what_sensors_said_before_the_run_is_told_apart_from_the_forecast(
    visit: Any, server: Any, sample: Any
) -> None:
    seen = visit(server.address)
    page = seen.page
    at_the_servers(page, sample.START + timedelta(hours=1))
    said = [
        [(sample.START - timedelta(hours=hour)).isoformat(), -hour / 2] for hour in (10, 6, 3, 1)
    ]
    bounds = httpx.get(f"{server.address}api/v1/districts").json()["districts"][0]["bounds"]
    middle = [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2]
    reading = {"name": "supply_temperature", "unit": "°C", "synthetic": False, "history": said}
    reading |= {"value": -0.5, "observed_at": said[-1][0]}
    thing = {"id": "urn:x", "types": ["Riser"], "point": middle, "readings": [reading]}
    page.route("**/api/v1/readings?**", lambda route: route.fulfill(json={"things": [thing]}))
    seen.open("#hour=1")
    seen.until("() => document.querySelector('#hour').min === '-10'")
    assert page.inner_text(".time-kind") == "推演"
    seen.slide(-3)
    assert page.inner_text(".time-kind") == "实测"
    assert "只显示实测值" in page.inner_text(".time-counts")
    assert seen.coloured("#93c4dd") > 30  # −1.5 °C
    assert seen.coloured(*LIKELY_COLOURS) < 50
    seen.slide(-10)
    assert seen.coloured("#4390c2") + seen.coloured("#2a5a9c") > 30  # −5 °C
    assert seen.faults == []


def test_the_exact_view_is_in_the_address(visit: Any, server: Any) -> None:
    one = visit(server.address)
    page = one.open("#hour=40")
    canvas = page.locator("lingjing-map canvas")
    canvas.focus()
    for key in ("+", "ArrowRight"):
        page.keyboard.press(key)
        one.settle()
        page.wait_for_timeout(400)
        one.settle()
    one.until("() => location.hash.includes('view=')")
    shown = one.map_bytes()
    two = visit(server.address)
    two.page.goto(page.url)
    two.page.wait_for_selector(".work-row")
    two.settle()
    apart = np.abs(picture_of(shown).astype(int) - picture_of(two.map_bytes()).astype(int))
    assert (apart.max(axis=-1) > 8).mean() < 0.01


def test_the_map_is_coloured_and_the_slider_changes_it(desk: Any) -> None:
    seen = desk
    assert seen.coloured("#dadde0") > 2000  # buildings are there, and nothing is likely yet
    assert seen.coloured(*LIKELY_COLOURS) < 50
    seen.slide(40)
    peak = seen.coloured(*LIKELY_COLOURS)
    assert peak > 5000
    seen.slide(72)
    assert seen.coloured(*LIKELY_COLOURS) < peak / 10


def test_first_freeze_jumps_to_the_first_likely_hour(desk: Any, sample: Any) -> None:
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


def test_play_moves_the_hour_and_pause_stops_it(desk: Any) -> None:
    page = desk.page
    page.click("#play")
    desk.until("() => Number(document.querySelector('#hour').value) >= 2")
    page.click("#play")
    stopped = page.input_value("#hour")
    page.wait_for_timeout(1000)
    assert page.input_value("#hour") == stopped


def test_onset_has_its_own_colours(desk: Any) -> None:
    page = desk.page
    page.check("input[value=onset]", force=True)
    desk.settle()
    assert desk.coloured("#21a3bc", "#5cc9c2") > 3000  # 24 to 48 h
    assert desk.coloured(*LIKELY_COLOURS) < 50
    assert "24–36" in page.inner_text(".legend")


def test_a_row_opens_its_reason_and_fan_chart_at_the_sliders_hour(desk: Any) -> None:
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


def test_a_click_on_the_map_opens_the_object_there(seen: Any) -> None:
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


def test_names_with_markup_are_shown_and_not_run(seen: Any, sample: Any) -> None:
    place = f"#object={sample.identifier('Building', 'b0-00')}"
    page = seen.open(place)
    page.wait_for_selector("#card-title")
    assert page.inner_text("#card-title") == sample.MARKUP
    assert page.locator("img[src='x']").count() == 0


def test_language_switches_everywhere_and_is_remembered(seen: Any) -> None:
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


def test_labels_attribution_and_age_are_always_in_view(desk: Any) -> None:
    page = desk.page
    for words in ("合成数据", "天气为历史重建"):
        assert page.get_by_text(words).first.is_visible()
    assert "Lingjing sample sketch" in page.inner_text(".attribution")
    assert "Lingjing sample weather" in page.inner_text(".attribution")
    assert "天前" in page.inner_text(".ages")


def test_filters_and_pages_of_the_list(desk: Any) -> None:
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


def test_the_table_says_what_the_map_shows(desk: Any) -> None:
    page = desk.page
    desk.slide(40)
    page.click("#tab-objects")
    page.select_option("select[name=kind]", "Building")
    desk.until(
        "() => document.querySelector('.chip')"
        " && document.querySelectorAll('.grid-row[data-id*=Building]').length > 5"
    )
    chances = page.locator(".grid-chance .chance").all_inner_texts()
    assert chances[0].strip() == "100 %"
    page.click(".grid-row >> nth=0")
    page.wait_for_selector("#card-title")
    page.click(".back")
    desk.until("() => document.activeElement.classList.contains('grid-row')")
    page.click(".clear")
    desk.until("() => !document.querySelector('.chip')")


def test_a_shared_address_restores_hour_mode_and_object(visit: Any, server: Any) -> None:
    one = visit(server.address)
    page = one.open()
    one.slide(33)
    page.check("input[value=onset]", force=True)
    page.click(".work-row >> nth=2")
    page.wait_for_selector("#card-title")
    title, address = page.inner_text("#card-title"), page.url
    one.context.close()
    two = visit(server.address)
    two.page.goto(address)
    two.page.wait_for_selector("#card-title")
    assert two.page.inner_text("#card-title") == title
    assert two.page.input_value("#hour") == "33"
    assert two.page.is_checked("input[value=onset]")
    two.context.close()


def test_without_district_or_run_the_page_says_what_to_type(
    visit: Any, tmp_path: Path, start_server: Any, sample: Any
) -> None:
    empty = start_server(tmp_path)
    try:
        seen = visit(empty.address)
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
    visit: Any, tmp_path: Path, start_server: Any, sample: Any
) -> None:
    server = start_server(sample.write_sample(tmp_path))
    seen = visit(server.address)
    page = seen.open()
    server.stop()
    page.click(".work-row >> nth=0")
    page.wait_for_selector("#server-gone")
    assert "没有应答" in page.inner_text("#server-gone")
    assert page.locator(".work-place.stale").count() == 1
    again = start_server(tmp_path, server.port)
    try:
        page.click(".work-row >> nth=1")
        page.wait_for_selector("#server-gone", state="detached")
        page.wait_for_selector(".reason")
    finally:
        again.stop()
        seen.context.close()
