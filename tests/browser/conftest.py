"""A real headless Chromium, a server with a sample night, and pages that note every fault."""

from __future__ import annotations

import base64
import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import sample_district
import uvicorn
from starlette.types import ASGIApp

from lingjing.interfaces.http import create_app
from lingjing.interfaces.http.app import WEB
from lingjing.interfaces.http.serving import address_of, open_socket

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


class Server:
    """An application on a free port, in a thread."""

    def __init__(self, data: Path | ASGIApp, port: int = 0) -> None:
        app = create_app(data) if isinstance(data, Path) else data
        self.opened = open_socket(port)
        self.port = self.opened.getsockname()[1]
        self.address = address_of(self.opened)
        self.server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
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
        self.page.set_default_timeout(12_000)
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


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    """The district of the tests of pages and interfaces."""
    return sample_district


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for one module: Playwright's loop would bar `asyncio.run` from all later tests."""
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


@pytest.fixture(scope="session")
def server(sample: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(sample.write_sample(tmp_path_factory.mktemp("data")))
    yield running
    running.stop()


@pytest.fixture
def start_server() -> Callable[..., Server]:
    """Start a server of the test's own, on a folder and, where wanted, a port."""
    return Server


@pytest.fixture(scope="session")
def serve_app() -> Callable[[ASGIApp], Server]:
    """Start a server of an application."""
    return Server


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Seen]]:
    """Make a page for an address, with the browser set as the test wants it."""
    made: list[Seen] = []

    def one(address: str, **context: Any) -> Seen:
        made.append(Seen(browser, address, **context))
        return made[-1]

    yield one
    for seen in made:
        seen.context.close()


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
