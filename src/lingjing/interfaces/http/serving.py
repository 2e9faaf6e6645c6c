"""Serving on loopback until the person stops it."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path

import msgspec
import uvicorn

from lingjing.engine.access import ACCESS_FILE, Gate, read_settings
from lingjing.engine.ingest import Intake
from lingjing.engine.ingest_mqtt import MqttIntake
from lingjing.engine.ingest_rules import read_rules
from lingjing.engine.keeping import RunKeeper
from lingjing.engine.live import Live
from lingjing.engine.settings import STORE_VARIABLE, open_ledger
from lingjing.engine.whatifs.runner import Runner
from lingjing.interfaces.http.corking import CorkedProtocol
from lingjing.interfaces.http.observations import Observations
from lingjing.interfaces.http.operations import Measured, Meters
from lingjing.interfaces.http.root import create_root
from lingjing.interfaces.http.spelling import with_capitals
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.subscriptions import Subscriptions
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LingjingError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def open_socket(
    port: int, host: str = "127.0.0.1", *, beyond_loopback: bool = False
) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Args:
        port: The port.
        host: A name or an address of this machine.
        beyond_loopback: Whether others may reach it; who may come in is decided by the gate.

    Raises:
        LingjingError: `http.not-loopback`, `http.port-in-use` or `http.port-refused`.
    """
    if host not in LOOPBACK and not beyond_loopback:
        raise LingjingError("http.not-loopback", host=host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a server that was just stopped blocks its port for a minute (POSIX); on
        # Windows the same option would let two servers share a port.
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(128)
    except (OSError, OverflowError) as error:
        opened.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            following = port + 1 if port < 65535 else 8788
            raise LingjingError("http.port-in-use", host=host, port=port, next=following) from None
        detail = getattr(error, "strerror", None) or str(error)
        raise LingjingError("http.port-refused", host=host, port=port, detail=detail) from None
    return opened


def address_of(opened: socket.socket) -> str:
    """The page's address."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def browser_has_screen() -> bool:
    """Whether a browser would open in a window of its own.

    On Linux without a display a text browser would take over the terminal of the server.
    """
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served.

    Attributes:
        data_dir: Folder that holds everything kept.
        store: `postgresql://…`; None for the file in the folder.
        contexts: Address of an `@context` → the file that holds it, for use without a network.
        networks: Where notifications and requests for `@context`s may go, beside this machine
            and what `access.toml` allows.
    """

    data_dir: Path
    store: str | None = None
    contexts: Mapping[str, Path] = {}
    networks: tuple[str, ...] = ()


def serve(
    wanted: Wanted | Path,
    port: int = 8787,
    open_browser: bool = True,
    host: str = "127.0.0.1",
    *,
    opened: socket.socket | None = None,
) -> None:
    """Serve the page, the data and NGSI-LD until interrupted.

    Args:
        wanted: What; a folder alone for its own twin.
        port: Port on loopback; 0 takes any free one.
        open_browser: Show the page in the person's browser once it answers, where there is
            a screen to show it on.
        host: A name or address of this machine.
        opened: A socket of `open_socket`, where the caller wants to name the address first.

    Raises:
        LingjingError: As `open_socket`; `twin.cannot-open`, `twin.in-use`, `twin.unreachable`,
            `access.…`.
    """
    if isinstance(wanted, Path):
        wanted = Wanted(data_dir=wanted)
    listening = opened or open_socket(port, host)
    try:
        if wanted.store is not None:
            # The page's districts, and processes that compute, are of the same twin.
            os.environ[STORE_VARIABLE] = wanted.store
        with open_ledger(wanted.data_dir, wanted.store) as ledger:
            _serve(wanted, ledger, listening, open_browser=open_browser)
    finally:
        listening.close()


class _Server(uvicorn.Server):
    """Tells viewers that it stops before it waits for them to go."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._live.stop()
        await super().shutdown(sockets)


def _serve(wanted: Wanted, ledger: Ledger, listening: socket.socket, *, open_browser: bool) -> None:
    address, port = listening.getsockname()[:2]
    settings = read_settings(wanted.data_dir / ACCESS_FILE)
    gate = Gate(settings, ledger, wanted.data_dir, beyond_loopback=address not in LOOPBACK)
    files = {url: wanted.data_dir / name for url, name in settings.contexts.items()}
    files.update(wanted.contexts)
    networks = Networks((*settings.outgoing.networks, *wanted.networks), own_ports=(port,))
    base = address_of(listening).rstrip("/")
    contexts = Contexts(ledger, wanted.contexts, Outgoing(networks), base=base)
    subscriptions = Subscriptions(ledger, contexts, networks)
    service = Service(ledger, contexts, subscriptions, settings.limits, gate)
    meters = Meters()
    meters.show_notifications(subscriptions.metrics)
    rules = read_rules(wanted.data_dir)
    intake = Intake(ledger, rules.intake)
    sensors = Observations(intake, rules, settings.limits.body_bytes, wanted.data_dir)
    what_ifs = Runner(ledger, wanted.data_dir)
    root = create_root(
        wanted.data_dir, service, gate=gate, meters=meters, sensors=sensors, what_ifs=what_ifs
    )
    threading.Thread(target=root.page.state.shelf.warm, daemon=True).start()
    config = uvicorn.Config(
        with_capitals(Measured(root, meters)),
        http=CorkedProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="on",
    )
    if open_browser and browser_has_screen():
        timer = threading.Timer(0.8, webbrowser.open, args=(address_of(listening),))
        timer.daemon = True
        timer.start()
    keeper = RunKeeper(ledger, wanted.data_dir)
    keeper.start()
    what_ifs.start()
    listener = None if rules.mqtt is None else MqttIntake(intake, rules)
    try:
        _Server(config, root.page.state.live).run(sockets=[listening])
    finally:
        if listener is not None:
            listener.close()
        what_ifs.stop()
        keeper.stop()
