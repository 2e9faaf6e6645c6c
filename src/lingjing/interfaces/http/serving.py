"""Serving on loopback until the person stops it."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path

import uvicorn

from lingjing.interfaces.http.app import create_app
from lingjing.vocabulary import LingjingError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def open_socket(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket on loopback; port 0 takes any free one.

    Raises:
        LingjingError: `http.not-loopback`, `http.port-in-use` or `http.port-refused`.
    """
    if host not in LOOPBACK:
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


def serve(
    data_dir: Path,
    port: int = 8787,
    open_browser: bool = True,
    host: str = "127.0.0.1",
    *,
    opened: socket.socket | None = None,
) -> None:
    """Serve the page and the data until interrupted.

    Args:
        data_dir: Folder that holds everything kept.
        port: Port on loopback; 0 takes any free one.
        open_browser: Show the page in the person's browser once it answers, where there is
            a screen to show it on.
        host: A loopback name or address.
        opened: A socket of `open_socket`, where the caller wants to name the address first.

    Raises:
        LingjingError: As `open_socket`.
    """
    listening = opened or open_socket(port, host)
    app = create_app(data_dir)
    threading.Thread(target=app.state.shelf.warm, daemon=True).start()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
    )
    if open_browser and browser_has_screen():
        address = address_of(listening)
        timer = threading.Timer(0.8, webbrowser.open, args=(address,))
        timer.daemon = True
        timer.start()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
