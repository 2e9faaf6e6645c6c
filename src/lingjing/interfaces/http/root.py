"""The whole server: the NGSI-LD interface, the page with its endpoints, and what operators ask."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from lingjing.engine.access import Gate
from lingjing.engine.live import Live, LiveSettings
from lingjing.engine.live_watching import Watcher
from lingjing.engine.whatifs.runner import Runner
from lingjing.interfaces.http.answers import error_answer
from lingjing.interfaces.http.app import create_app
from lingjing.interfaces.http.events import PATH as EVENTS
from lingjing.interfaces.http.events import Events
from lingjing.interfaces.http.gate import AccessGuard
from lingjing.interfaces.http.observations import PATH as OBSERVATIONS
from lingjing.interfaces.http.observations import REPLAY
from lingjing.interfaces.http.operations import PATHS, Meters, Operations
from lingjing.interfaces.http.security import HEADERS, LOOPBACK_NAMES, Guard, host_name
from lingjing.interfaces.http.shelf import Shelf
from lingjing.interfaces.ngsild.app import Application
from lingjing.interfaces.ngsild.living import ROUTES, Living
from lingjing.interfaces.ngsild.requests import BASE
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.contract import Store
from lingjing.vocabulary import LingjingError

_SENSORS = frozenset({OBSERVATIONS, REPLAY})


class Root:
    """Hands each request to the part that answers it.

    Args:
        interface: NGSI-LD.
        page: The page and its endpoints; it checks the host name itself.
        operations: Health, readiness and figures.
        hosts: Host names that are answered; None answers to any.
        sensors: Takes observations; None where nothing flows in.
        events: Tells viewers what happens.
    """

    def __init__(
        self,
        interface: ASGIApp,
        page: Starlette,
        operations: ASGIApp,
        hosts: frozenset[str] | None,
        sensors: ASGIApp | None = None,
        events: ASGIApp | None = None,
    ) -> None:
        self.page = page
        self._events = None if events is None else Guard(events, hosts)
        self._sensors = None if sensors is None else Guard(sensors, hosts)
        self._interface = interface
        self._operations = Guard(operations, hosts)
        self._foreign = Guard(_never, hosts)
        self._hosts = hosts
        self._known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in starting and stopping."""
        path: str = scope.get("path", "")
        if path.startswith(BASE):
            if self._is_own(scope):
                await self._interface(scope, receive, send)
            else:
                await self._foreign(scope, receive, send)
        elif path in PATHS:
            await self._operations(scope, receive, send)
        elif path in _SENSORS and self._sensors is not None and scope["type"] == "http":
            await self._sensors(scope, receive, send)
        elif path == EVENTS and self._events is not None and scope["type"] == "http":
            await self._events(scope, receive, send)
        else:
            await self.page(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        """Whether the Host header names this server; those that do are remembered."""
        if self._hosts is None:
            return True
        host: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if host in self._known:
            return True
        if host_name(host.decode("latin-1")) not in self._hosts:
            return False
        if len(self._known) < 1000:
            self._known.add(host)
        return True


async def _never(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands behind a guard that lets nothing through."""
    await error_answer(LingjingError("http.not-found", path=scope["path"][:200]))(
        scope, receive, send
    )


def create_root(
    data_dir: Path,
    service: Service,
    *,
    gate: Gate | None = None,
    store: Store | None = None,
    web_dir: Path | None = None,
    meters: Meters | None = None,
    sensors: ASGIApp | None = None,
    live_settings: LiveSettings | None = None,
    what_ifs: Runner | None = None,
) -> Root:
    """The whole server over one ledger and one data folder.

    Args:
        data_dir: Folder of the page's runs and districts.
        service: What NGSI-LD works with.
        gate: Who may do what.
        store: Where the page reads districts; None for the folder.
        web_dir: Where the built page lies; the one in the package by default.
        meters: Where answers are counted.
        sensors: Takes observations; None where nothing flows in.
        live_settings: How viewers are told what happens.
        what_ifs: Carries what-ifs out; None leaves them out.
    """
    hosts = answered_hosts(gate)

    @contextlib.asynccontextmanager
    async def alongside() -> AsyncIterator[None]:
        async with Living(service)():
            try:
                yield
            finally:
                page.state.live.stop()

    page = create_app(
        data_dir,
        web_dir,
        store=store,
        ledger=service.ledger,
        gate=gate,
        hosts=hosts,
        alongside=alongside,
        what_ifs=what_ifs,
    )
    operations = Operations(service.ledger, meters or Meters(), service.read_long)
    guarded = operations if gate is None else AccessGuard(operations, gate)
    if sensors is not None and gate is not None:
        sensors = AccessGuard(sensors, gate)
    shelf: Shelf = page.state.shelf
    watcher = Watcher(lambda: shelf.store, data_dir, shelf.tiles)
    live = Live(service.ledger, watcher, live_settings)
    page.state.live = live
    events: ASGIApp = Events(live, gate)
    if gate is not None:
        events = AccessGuard(events, gate)
    return Root(Application(service, ROUTES, HEADERS), page, guarded, hosts, sensors, events)


def answered_hosts(gate: Gate | None) -> frozenset[str] | None:
    """Host names that are answered: those of this machine and of the settings; None for any.

    Any name will do where nobody gets anything without showing a key or a token.
    """
    if gate is None:
        return LOOPBACK_NAMES
    if not gate.is_open and gate.settings.access.anonymous == "none":
        return None
    return LOOPBACK_NAMES | {name.lower() for name in gate.settings.access.hosts}
