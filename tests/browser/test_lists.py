"""Lists and map as one: filters, search, the table by keyboard, the why-card, paper and files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lingjing.engine.ingest import Intake
from lingjing.engine.settings import open_ledger
from lingjing.interfaces.http.root import create_root
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.service import Service
from lingjing.sources.sensor_messages import Message, Observation
from lingjing.twin.documents import micros

pytestmark = pytest.mark.browser

LIKELY_COLOURS = ("#e84e10", "#bb094b", "#720a6f")
MANY = 100_000


@pytest.fixture(scope="module")
def living(sample: Any, tmp_path_factory: pytest.TempPathFactory, serve_app: Any) -> Iterator[Any]:
    """A server over a living twin in which one meter was observed; two runs of one district."""
    data: Path = tmp_path_factory.mktemp("living")
    sample.write_sample(data)
    sample.write_run(data, "coldwave-earlier")
    with open_ledger(data) as ledger:
        points = [("2023-12-20T20:00:00Z", 3.2), ("2023-12-21T04:00:00Z", 1.5)]
        observations = tuple(
            Observation(meter_of(sample, "m0-01-0"), "water_temperature", value, micros(at))
            for at, value in points
        )
        Intake(ledger).take([Message("probe", observations, None, "", True, b"")])
        running = serve_app(create_root(data, Service(ledger, Contexts(ledger))))
        yield running
        running.stop()


def meter_of(sample: Any, local: str) -> str:
    return str(sample.identifier("MeterBox", local))


def rows_shown(page: Any) -> list[str]:
    ids: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('.grid-row[data-id]')].map((row) => row.dataset.id)"
    )
    return ids


def open_table(seen: Any) -> Any:
    page = seen.page
    page.click("#tab-objects")
    page.wait_for_selector(".grid-row[data-id]")
    return page


def test_filters_hold_for_list_table_and_map_and_come_back_with_the_link(
    visit: Any, server: Any, sample: Any
) -> None:
    seen = visit(server.address)
    page = seen.open("#hour=40")
    everything = seen.coloured(*LIKELY_COLOURS)
    whole = page.inner_text("lingjing-work-list .count")
    page.select_option("select[name=sub_district]", "东园街道")
    page.select_option("select[name=least]", "0.5")
    seen.until("() => document.querySelectorAll('.chip').length === 2")
    seen.until(
        "(t) => document.querySelector('lingjing-work-list .count').textContent !== t", whole
    )
    seen.settle()
    half = seen.coloured(*LIKELY_COLOURS)
    assert 0.2 * everything < half < 0.75 * everything
    marked = page.evaluate("() => document.querySelector('lingjing-map').work.length")
    titles = page.locator(".work-title").all_inner_texts()
    assert marked == len(titles) > 0
    open_table(seen)
    count = page.inner_text("lingjing-object-table .count")
    ids = rows_shown(page)
    streets = {item.id: item.attributes.get("sub_district") for item in sample.entities()}
    assert ids
    assert {streets[urn].value for urn in ids} == {"东园街道"}

    again = visit(server.address)
    other = again.page
    other.goto(page.url)
    other.wait_for_selector(".grid-row[data-id]")
    again.until("() => document.querySelectorAll('.chip').length === 2")
    assert other.inner_text("lingjing-object-table .count") == count
    again.settle()
    assert abs(again.coloured(*LIKELY_COLOURS) - half) < 0.1 * half
    page.click(".clear")
    seen.until("() => document.querySelectorAll('.chip').length === 0")
    for _ in range(100):
        if seen.coloured(*LIKELY_COLOURS) > 0.95 * everything:
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError("the map did not show everything again")
    assert seen.faults + again.faults == []


def test_a_filter_that_nothing_meets_says_so_and_can_be_taken_off(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.page
    page.goto(server.address + "#hour=40&x.choice=kind%3DFacility%26least%3D0.9&tab=objects&v=2")
    page.wait_for_selector("lingjing-object-table .empty")
    seen.settle()
    assert seen.coloured(*LIKELY_COLOURS) < 50
    page.click(".chip >> nth=0")
    page.wait_for_selector(".grid-row[data-id]")
    assert seen.faults == []


def test_the_row_in_focus_is_ringed_on_the_map_and_enter_opens_it(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    seen.open("#hour=40")
    page = open_table(seen)
    page.locator(".grid-row").first.focus()
    page.wait_for_selector(".map-ring")
    before = page.locator(".map-ring").bounding_box()
    for key in ("ArrowDown", "ArrowDown", "PageDown", "ArrowUp"):
        page.keyboard.press(key)
    row = page.evaluate("() => Number(document.activeElement.dataset.row)")
    assert row > 3
    assert page.locator(".map-ring").bounding_box() != before
    page.keyboard.press("End")
    seen.until(
        "() => Number(document.activeElement.getAttribute('aria-rowindex')) ==="
        " Number(document.querySelector('.grid').getAttribute('aria-rowcount'))"
    )
    page.keyboard.press("Home")
    seen.until("() => document.activeElement.dataset.row === '0'")
    page.keyboard.press("ArrowDown")
    wanted = page.evaluate("() => document.activeElement.dataset.id")
    page.keyboard.press("Enter")
    page.wait_for_selector("#card-title")
    assert wanted in page.url.replace("%3A", ":")
    page.keyboard.press("Escape")
    seen.until("(id) => document.activeElement.dataset.id === id", wanted)
    assert seen.faults == []


def test_an_object_chosen_on_the_map_is_found_in_the_table(
    visit: Any, server: Any, sample: Any
) -> None:
    seen = visit(server.address)
    road = sample.identifier("RoadSegment", "r8-3")
    page = seen.open("#hour=0&tab=objects")
    page.wait_for_selector(".grid-row[data-id]")
    page.evaluate(
        "(id) => document.querySelector('lingjing-map').dispatchEvent("
        "new CustomEvent('open-object', { bubbles: true, detail: { id, from: 'map' } }))",
        road,
    )
    page.wait_for_selector("#card-title")
    page.click(".back")
    seen.until("(id) => document.activeElement.dataset.id === id", road)
    assert seen.faults == []


def test_columns_sort_both_ways(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    seen.open("#hour=40")
    page = open_table(seen)
    page.click(".sort >> nth=3")
    seen.until("() => document.querySelector('[aria-sort=ascending]')")
    seen.until("() => document.querySelectorAll('.grid-row[data-id]').length > 4")
    early = page.locator(".grid-row .grid-onset").all_inner_texts()
    page.click(".sort >> nth=3")
    seen.until("() => document.querySelector('[aria-sort=descending]')")
    seen.until(
        "(t) => document.querySelector('.grid-row .grid-onset')?.textContent.trim() !== t",
        early[0].strip(),
    )
    assert seen.faults == []


def test_a_hundred_thousand_rows_are_read_and_drawn_in_parts(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.page
    asked: list[int] = []

    def many(route: Any) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        offset, limit = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
        asked.append(offset)
        rows = [
            {
                "id": f"urn:ngsi-ld:Tap:x:{row}",
                "kind": "Tap",
                "title": {"zh-CN": f"龙头 <b>{row}</b>", "en": f"Tap {row}"},
                "sub_district": "",
                "owner": "",
                "quantity": "plugged",
                "chance": 0.5,
                "probability": 0.5,
                "onset": None,
                "point": [121.5, 31.27],
            }
            for row in range(offset, min(offset + limit, MANY))
        ]
        facets: dict[str, list[Any]] = {"kind": [], "sub_district": [], "owner": []}
        body = {"total": MANY, "of": MANY, "offset": offset, "rows": rows, "facets": facets}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    page.route("**/objects?*", many)
    seen.open()
    open_table(seen)
    assert "100,000" in page.inner_text("lingjing-object-table .count")
    page.locator(".grid-row").first.focus()
    page.keyboard.press("End")
    seen.until("() => document.activeElement.dataset.id === 'urn:ngsi-ld:Tap:x:99999'")
    box = "document.querySelector('.grid-scroll')"
    for share in (0.1, 0.5, 0.9):
        page.evaluate(f"() => {{ {box}.scrollTop = {box}.scrollHeight * {share}; }}")
        seen.until(
            "(least) => [...document.querySelectorAll('.grid-row[data-id]')]"
            ".some((row) => Math.abs(Number(row.dataset.row) - least) < 40)",
            int(MANY * share),
        )
        assert page.locator(".grid-row").count() < 80
    assert "<b>" in page.inner_text(".grid-row[data-id] .grid-name >> nth=0")
    assert len(asked) < 20
    assert seen.faults == []


def test_search_finds_by_pinyin_and_opens_by_keyboard_alone(
    visit: Any, server: Any, sample: Any
) -> None:
    seen = visit(server.address)
    page = seen.open()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("yuan3lu")
    page.wait_for_selector(".search-option")
    field = page.locator("#search")
    assert field.get_attribute("aria-expanded") == "true"
    kinds = page.locator(".search-kind").all_inner_texts()
    assert any("路段" in kind for kind in kinds)
    page.keyboard.press("ArrowUp")
    assert page.evaluate(
        "() => document.getElementById(document.querySelector('#search')"
        ".getAttribute('aria-activedescendant')).classList.contains('search-all')"
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.inner_text(".search-option[aria-selected=true] .search-name")
    page.keyboard.press("Enter")
    page.wait_for_selector("#card-title")
    assert page.inner_text("#card-title") == chosen
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("dyjd")
    seen.until("() => document.querySelector('.search-name')?.textContent === '东园街道'")
    page.keyboard.press("Escape")
    assert field.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Control+a")
    page.keyboard.type("园2路")
    page.wait_for_selector(".search-all")
    page.click(".search-all")
    page.wait_for_selector(".grid-row[data-id]")
    seen.until("() => document.querySelector('.chip')?.textContent.includes('园2路')")
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("<img src=x onerror=alert(1)>")
    page.wait_for_selector(".search-option")
    assert page.locator("img[src='x']").count() == 0
    page.keyboard.press("Control+a")
    page.keyboard.type("无此对象")
    page.wait_for_selector(".search-none")
    assert seen.faults == []


def test_the_card_lays_readings_over_the_fan_and_tells_its_history(
    visit: Any, living: Any, sample: Any
) -> None:
    seen = visit(living.address)
    own, beside = (meter_of(sample, local) for local in ("m0-01-0", "m0-01-1"))
    page = seen.open(f"#object={own}&hour=30")
    page.wait_for_selector(".readings li")
    assert "管内水温" in page.inner_text(".readings li")
    assert "2 个读数" in page.inner_text(".readings li")
    rings = page.evaluate(
        """() => { const canvas = document.querySelector('.plot canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let found = 0;
        for (let at = 0; at < data.length; at += 4)
          if ([13, 107, 79].every((value, band) => Math.abs(data[at + band] - value) < 20)
              && data[at + 3] > 200) found++;
        return found; }"""
    )
    assert rings > 10
    history = page.inner_text(".history")
    assert "12月20日" in history  # the earlier run
    assert page.locator(".onset svg rect.onset-range").count() == 1
    assert "截至 2023-12-20" in page.inner_text(".attributes")
    page.goto(living.address + f"#object={beside}")
    page.reload()
    page.wait_for_selector(".readings li")
    assert "最近的同类对象" in page.inner_text(".readings li")
    page.goto(living.address)
    page.wait_for_selector(".work-row")
    page.click(".work-row >> nth=0")
    page.wait_for_selector(".factors")
    assert "户当量" in page.inner_text(".factors")
    assert seen.faults == []


def test_p_puts_list_table_and_card_on_a4_with_label_and_page_numbers(
    visit: Any, server: Any
) -> None:
    seen = visit(server.address)
    page = seen.page
    page.add_init_script("window.print = () => { window.printed = (window.printed ?? 0) + 1; };")
    seen.open("#hour=40")
    views = (("work", "工作与理由"), ("objects", "预计发生"), ("card", "理由"))
    for times, (view, words) in enumerate(views, 1):
        if view == "card":
            page.click("#tab-work")
            page.click(".work-row >> nth=0")
            page.wait_for_selector(".plot canvas")
        else:
            page.click(f"#tab-{view}")
            page.wait_for_selector(".work-row" if view == "work" else ".grid-row[data-id]")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("p")
        seen.until("(n) => window.printed === n", times)
        page.emulate_media(media="print")
        paper = page.inner_text(".print-sheet")
        assert words in paper
        assert "合成数据：城区为虚构" in paper
        assert "coldwave-sample" in paper
        assert not page.locator("lingjing-console").is_visible()
        rules = page.evaluate(
            "() => document.adoptedStyleSheets.flatMap((s) => [...s.cssRules])"
            ".map((rule) => rule.cssText).join('')"
        )
        assert "counter(pages)" in rules
        assert "a4" in rules.lower()
        if view == "card":
            assert page.locator(".print-sheet img").count() >= 1
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".print-sheet").count() == 0
    assert seen.faults == []


def test_links_take_away_exactly_what_the_filters_show(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.open("#hour=40")
    page.select_option("select[name=kind]", "MeterBox")
    seen.until("() => document.querySelector('.chip')")
    open_table(seen)
    seen.until("() => document.querySelector('.export').href.includes('kind=MeterBox')")
    address = page.get_attribute(".export >> nth=1", "href")
    answer = page.evaluate("async (a) => (await fetch(a)).json()", address)
    shown = page.inner_text("lingjing-object-table .count")
    assert f"{len(answer['features'])} 个对象" in shown
    assert seen.faults == []


def test_a_whole_visit_by_keyboard_alone(visit: Any, server: Any) -> None:
    seen = visit(server.address)
    page = seen.open()

    def tab_to(selector: str, most: int = 60, key: str = "Tab") -> None:
        for _ in range(most):
            if page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
            page.keyboard.press(key)
        raise AssertionError(f"no way to {selector}")

    tab_to("#hour")
    before = page.input_value("#hour")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#hour") != before
    tab_to("#search")
    tab_to("[role=tab]")
    page.keyboard.press("ArrowRight")
    seen.until("() => document.activeElement.id === 'tab-objects'")
    page.wait_for_selector(".grid-row[data-id]")
    tab_to("select[name=kind]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    seen.until("() => document.querySelector('.chip')")
    tab_to(".chip")
    page.keyboard.press("Enter")
    seen.until("() => !document.querySelector('.chip')")
    page.wait_for_selector(".grid-row[data-id]")
    tab_to(".sort", key="Tab")
    tab_to(".grid-row")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#card-title")
    assert page.evaluate("document.activeElement.id") == "card-title"
    tab_to("select[name=quantity]")
    page.keyboard.press("Escape")
    seen.until("() => document.activeElement.classList.contains('grid-row')")
    tab_to(".export")
    tab_to(".print")
    assert seen.faults == []
