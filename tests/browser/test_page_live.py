"""The page before a server as people start it: changes as they come, restarts, and keys."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.browser

PROGRAM = "import sys; from lingjing.interfaces.cli import main; main(sys.argv[1:])"
KEY_COMMAND = ("access", "key", "create", "--role", "read", "--json", "--data")
LIVE = "() => document.querySelector('#link.link-live') !== null"


class Served:
    """`lingjing serve` over a folder, in a process of its own."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.data = data
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        options = ["--data", str(self.data), "--port", str(self.port), "--no-browser"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ,
        )
        for _ in range(1200):
            try:
                if self.ask("GET", "/health") == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def ask(self, method: str, path: str, content: Any = None) -> int:
        """One request; its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = None if content is None else json.dumps(content).encode()
            connection.request(method, path, body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    def change(self, method: str, path: str, content: Any = None) -> int:
        """One request over NGSI-LD; its status."""
        return self.ask(method, f"/ngsi-ld/v1/{path}", content)


@pytest.fixture
def served(tmp_path: Path, sample: Any) -> Iterator[Served]:
    running = Served(sample.write_sample(tmp_path))
    yield running
    running.stop()


def test_changes_of_the_open_card_are_told_and_a_restart_is_survived(
    visit: Any, served: Served
) -> None:
    seen = visit(served.address)
    page = seen.open("#hour=40")
    seen.until(LIVE)
    page.click(".work-row >> nth=0")
    page.wait_for_selector("#card-title")
    identifier = page.evaluate("() => document.querySelector('lingjing-console').card.id")
    entity = f"entities/{quote(identifier, safe='')}"
    attribute = {"note": {"type": "Property", "value": "seen"}}
    assert served.change("POST", f"{entity}/attrs", attribute) == 204
    page.wait_for_selector("#card-changed")
    page.click("#card-changed button")
    page.wait_for_selector("#card-changed", state="detached")
    served.stop()
    seen.until("() => document.querySelector('#link.link-gone') !== null")
    assert page.locator(".work-place.stale").count() == 1
    served.start()
    seen.until(LIVE)
    page.wait_for_selector("#server-gone", state="detached")
    assert page.locator(".work-place.stale").count() == 0
    assert served.change("DELETE", entity) == 204
    page.wait_for_selector("#card-gone")
    assert "已从孪生中删除" in page.inner_text("#card-gone")


def test_buildings_come_close_as_tiles_and_open_their_cards(visit: Any, served: Served) -> None:
    seen = visit(served.address, viewport={"width": 900, "height": 700})
    page = seen.open("#hour=40&solid=1")
    page.click("#closeup")
    seen.until(
        """() => { const near = document.querySelector('lingjing-closeup');
        let models = 0; near.tiles?.forEachLoadedModel(() => models++);
        return models > 0 && Object.keys(near.rows ?? {}).length > 0; }"""
    )
    page.wait_for_timeout(1000)
    box = page.locator(".closeup-canvas").bounding_box()
    steps = (0.5, 0.4, 0.6, 0.3, 0.7, 0.45, 0.55)
    for across, down in itertools.product(steps, steps):
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.wait_for_timeout(100)
        if page.locator("#card-title").count():
            break
    assert "楼" in page.inner_text("#card-title")
    page.click("#closeup-back")
    page.wait_for_selector("lingjing-map")
    assert seen.faults == []


def test_where_a_key_is_needed_it_is_asked_for_and_opens(
    visit: Any, tmp_path: Path, sample: Any
) -> None:
    data = sample.write_sample(tmp_path)
    made = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            *KEY_COMMAND,
            data,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    key = json.loads(made.stdout)["key"]
    (data / "access.toml").write_text("[access]\nrequired = true\n", encoding="utf-8")
    running = Served(data)
    try:
        seen = visit(running.address)
        page = seen.page
        page.goto(running.address)
        page.wait_for_selector("#access-key")
        assert page.locator(".work-row").count() == 0
        page.fill("#access-key", "lj_" + "0" * 43)
        page.press("#access-key", "Enter")
        page.wait_for_selector(".key-entry .notice")
        page.fill("#access-key", key)
        page.press("#access-key", "Enter")
        page.wait_for_selector(".work-row")
        seen.settle()
        assert seen.coloured("#dadde0", "#e84e10", "#bb094b", "#720a6f") > 2000
        assert page.inner_text("#who") == "只读"
        assert key not in page.content()
        assert key not in page.url
        page.click("#who")
        page.click("#give-up-key")
        page.wait_for_selector("#access-key")
        assert page.locator(".work-row").count() == 0
    finally:
        running.stop()


def test_a_public_view_says_that_it_is_one(visit: Any, tmp_path: Path, sample: Any) -> None:
    data = sample.write_sample(tmp_path)
    settings = '[access]\nrequired = true\nanonymous = "read"\n'
    (data / "access.toml").write_text(settings, encoding="utf-8")
    running = Served(data)
    try:
        seen = visit(running.address)
        page = seen.open()
        assert page.inner_text("#who") == "公开视图"
        refused = running.change("DELETE", "entities/urn:ngsi-ld:Building:sample:b0-00")
        assert refused in (401, 403)
    finally:
        running.stop()
