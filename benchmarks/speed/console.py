"""The console in a real headless Chromium with software rendering, on a sketched district.

    python -m benchmarks.speed.console [SCALE]

`lingjing demo` makes the district and its run; one `lingjing serve` that has answered once serves
it. Browser, server and renderer share the machine's cores. Seconds belong to the machine; the
ratio is to giving the map all features anew, as a page without feature state would have to.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.soak.server import Server
from benchmarks.speed.night import measured
from lingjing.interfaces.http.app import WEB

ROUNDS = 5
STEPS = 12
CHANGES = 20_000
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]

RESTING = """() => { const map = document.querySelector('lingjing-map');
    return !!map && map.resting && document.querySelectorAll('.work-row').length > 0; }"""
STEP = """async (hour) => {
    const map = document.querySelector('lingjing-map').map;
    const slider = document.querySelector('#hour');
    const drawn = new Promise((done) => map.once('render', () => requestAnimationFrame(done)));
    const begin = performance.now();
    slider.value = String(hour);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await drawn;
    return performance.now() - begin;
}"""
STATES = """async (count) => {
    const map = document.querySelector('lingjing-map').map;
    const target = { source: 'buildings', sourceLayer: 'buildings' };
    const times = [];
    for (let round = 0; round < 7; round++) {
        const begin = performance.now();
        for (let id = 0; id < count; id++) {
            map.setFeatureState({ ...target, id }, { c: (id + round) % 5 });
        }
        times.push(performance.now() - begin);
        await new Promise((done) => map.once('idle', done));
    }
    return times.slice(2).sort((a, b) => a - b)[2];
}"""
ANEW = """async (address) => {
    const map = document.querySelector('lingjing-map').map;
    const data = await (await fetch(address)).json();
    map.addSource('anew', { type: 'geojson', data });
    map.addLayer({ id: 'anew', type: 'fill', source: 'anew', paint: { 'fill-color': '#888' } });
    await new Promise((done) => map.once('idle', done));
    const times = [];
    for (let round = 0; round < 3; round++) {
        for (const feature of data.features) feature.properties.c = (feature.id + round) % 5;
        const begin = performance.now();
        map.getSource('anew').setData(data);
        await new Promise((done) => map.once('idle', done));
        times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b)[1];
}"""


def until(page: Any, condition: str) -> None:
    """Ask until it is so; the page's policy bans what Playwright's own wait needs."""
    for _ in range(6000):
        if page.evaluate(condition):
            return
        time.sleep(0.01)
    raise RuntimeError(f"never came true: {condition}")


def sizes() -> tuple[float, float]:
    """Gzipped size of what the first view loads, and of what may follow [kB]."""
    index = (WEB / "index.html").read_text(encoding="utf-8")
    first = later = 0
    for file in (WEB / "assets").iterdir():
        if file.suffix not in (".js", ".css"):
            continue
        size = len(gzip.compress(file.read_bytes(), 9))
        if file.name in index or "worker" in file.name:
            first += size
        else:
            later += size
    return first / 1000, later / 1000


def figures(address: str, district: str) -> dict[str, float]:
    """Times of the page at an address, in milliseconds."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  not every machine has it

    program = os.environ.get("LINGJING_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=ARGUMENTS)
        view = []
        for _ in range(ROUNDS):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            begin = time.perf_counter()
            page.goto(address)
            until(page, RESTING)
            view.append(1000 * (time.perf_counter() - begin))
            if len(view) < ROUNDS:
                context.close()
        steps = [page.evaluate(STEP, hour) for hour in range(1, 1 + STEPS)]
        page.click("input[name=solid][value='1']", force=True)
        until(page, RESTING)
        solid = [page.evaluate(STEP, hour) for hour in range(20, 20 + STEPS)]
        states = page.evaluate(STATES, CHANGES)
        layer = f"/api/v1/districts/{district}/layers/buildings.geojson"
        anew = page.evaluate(ANEW, layer)
        browser.close()
    return {
        "view": statistics.median(view),
        "step": statistics.median(steps),
        "solid": statistics.median(solid),
        "states": states,
        "anew": anew,
    }


def page(scale: float = 1.0) -> str:
    """Measure, and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        measured("demo", "--once", "--scale", f"{scale:g}", "--data", folder)
        server = Server(Path(folder))
        server.start()
        try:
            answer = server.ask("GET", "/api/v1/districts", absolute=True)[1]
            district = json.loads(answer)["districts"][0]
            found = figures(f"http://127.0.0.1:{server.port}/", district["name"])
        finally:
            server.kill()
    first, later = sizes()
    counts = district["counts"]
    what = f"{counts['Building']:,} buildings, {counts['RoadSegment']:,} roads"
    anew = f"{found['anew']:.0f} ms ({found['anew'] / found['states']:.0f} ×)"
    return "\n".join(
        [
            f"## The console in headless Chromium (software rendering; {what})",
            "",
            "| what | measured | aim |",
            "|---|---|---|",
            f"| first useful view, warm server | {found['view'] / 1000:.2f} s | < 3 s |",
            f"| step in time to repaint, flat | {found['step']:.0f} ms | < 400 ms |",
            f"| step in time to repaint, 3D | {found['solid']:.0f} ms | < 400 ms |",
            f"| {CHANGES:,} state changes told to the map | {found['states']:.1f} ms | < 20 ms |",
            f"| the same by giving the map all buildings anew | {anew} | |",
            f"| page, scripts, worker and styles, gzip | {first:.0f} kB | ≤ 600 kB |",
            f"| loaded later, gzip | {later:.0f} kB | |",
        ]
    )


if __name__ == "__main__":
    print(page(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
