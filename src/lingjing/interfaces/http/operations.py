"""For those who run the server: is it alive, is it ready, and what has it been doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import lingjing
from lingjing.twin.ledger import DEFAULT_TENANT, Ledger
from lingjing.vocabulary import LingjingError

PATHS: Final = frozenset({"/health", "/ready", "/metrics"})

# Whoever follows events is answered for hours, which says nothing about how fast we are.
_AREAS: Final = (
    ("/ngsi-ld/", "ngsi-ld"),
    ("/api/v1/events", "events"),
    ("/api/", "api"),
    ("/ogc", "ogc"),
    ("/3dtiles/", "3dtiles"),
)
_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_SIZE_KEPT_S: Final = 10.0


class Meters:
    """What is counted; one registry a server, so that two in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "lingjing_requests",
            "Requests answered, by area, method and status.",
            ("area", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "lingjing_request_seconds",
            "Time from the request's arrival to the end of the answer.",
            ("area",),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.held = Gauge(
            "lingjing_twin_held",
            "What the twin holds: entities, history rows, branches, bytes.",
            ("what",),
            registry=self.registry,
        )
        self.info = Gauge(
            "lingjing_info", "Version and driver.", ("version", "driver"), registry=self.registry
        )
        self.notifications = Gauge(
            "lingjing_notifications",
            "Subscriptions at work; entities and changes that wait; changes dropped for receivers "
            "that were away too long.",
            ("what",),
            registry=self.registry,
        )
        self._kept: dict[tuple[str, str, int], Any] = {}
        self._timers = {
            area: self.seconds.labels(area) for area in (*(name for _, name in _AREAS), "page")
        }

    def show_notifications(self, figures: Callable[[], Mapping[str, int]]) -> None:
        """Ask for the figures of notifications whenever somebody looks."""

        def figure(what: str) -> float:
            return figures()[what]

        for what in figures():
            self.notifications.labels(what).set_function(partial(figure, what))

    def count(self, area: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (area, method, status)
        counter = self._kept.get(key)
        if counter is None:
            known = method if method in _METHODS else "other"
            counter = self._kept[key] = self.requests.labels(area, known, str(status))
        counter.inc()
        self._timers[area].observe(seconds)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """Counts and times every answer of the application behind it."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        finally:
            area = _area(scope["path"])
            self._meters.count(area, scope["method"], status, time.perf_counter() - began)


def _area(path: str) -> str:
    for start, name in _AREAS:
        if path.startswith(start):
            return name
    return "page"


class Operations:
    """Answers `/health`, `/ready` and `/metrics`.

    Args:
        ledger: The twin; it is asked for something small to see that it answers.
        meters: What is counted.
        call_in_thread: Runs a call that may block.
    """

    def __init__(self, ledger: Ledger, meters: Meters, call_in_thread: Callable[..., Any]) -> None:
        self._ledger = ledger
        self._meters = meters
        self._call = call_in_thread
        self._sized_at = -_SIZE_KEPT_S
        meters.info.labels(lingjing.__version__, ledger.driver).set(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(scope, send, 405, {"status": "method not allowed"}, allow="GET, HEAD")
        elif path == "/health":
            await _answer(scope, send, 200, {"status": "ok", "version": lingjing.__version__})
        elif path == "/ready":
            await self._ready(scope, send)
        else:
            await self._metrics(scope, send)

    async def _ready(self, scope: Scope, send: Send) -> None:
        """Whether the twin can be read now."""
        try:
            await self._call(self._ledger.notes, DEFAULT_TENANT, "access-keys", "", 1)
        except LingjingError as error:
            content = {"status": "not ready", "error": error.as_dict()}
            await _answer(scope, send, 503, content)
            return
        await _answer(scope, send, 200, {"status": "ready", "driver": self._ledger.driver})

    async def _metrics(self, scope: Scope, send: Send) -> None:
        now = time.monotonic()
        if now - self._sized_at > _SIZE_KEPT_S:
            # Counting everything is not free; a scraper that is too eager gets the last count.
            self._sized_at = now
            try:
                size = await self._call(self._ledger.size)
            except LingjingError:
                size = {}
            for what, amount in size.items():
                self._meters.held.labels(what).set(amount)
        body = generate_latest(self._meters.registry)
        await _send(scope, send, 200, body, CONTENT_TYPE_LATEST)


async def _answer(
    scope: Scope, send: Send, status: int, content: object, allow: str | None = None
) -> None:
    await _send(scope, send, status, msgspec.json.encode(content), "application/json", allow)


async def _send(
    scope: Scope, send: Send, status: int, body: bytes, media_type: str, allow: str | None = None
) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if allow:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
