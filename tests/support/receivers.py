"""Receivers of notifications on loopback: real servers that behave well, or badly."""

from __future__ import annotations

import json
import queue
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class Received(NamedTuple):
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def answers(status: int, **headers: str) -> Behaviour:
    """Answers with a status, and headers (underscores stand for hyphens)."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def sleeps(seconds: float) -> Behaviour:
    """Answers well, after a while."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        answers(200)(handler)

    return behave


def drops(handler: BaseHTTPRequestHandler) -> None:
    """Ends the connection without an answer."""
    handler.close_connection = True
    handler.connection.close()


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behaves differently from request to request; the last way stays."""
    left = list(behaviours)

    def behave(handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return behave


class Receiver:
    """A server on loopback that writes down what it gets.

    Args:
        behave: What it does with a request.
        certificate: Certificate and key, to listen with encryption.
    """

    def __init__(
        self, behave: Behaviour | None = None, certificate: tuple[Path, Path] | None = None
    ) -> None:
        self.behave = behave or answers(200)
        self.received: queue.Queue[Received] = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.received.put(Received(self.path, headers, body, time.monotonic()))
                outer.behave(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                """Clients that go away are expected."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/notify"

    def next(self, timeout_s: float = 10.0) -> Received:
        """The next request; an error where none comes in time."""
        return self.received.get(timeout=timeout_s)

    def nothing(self, within_s: float = 0.3) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.received.get(timeout=within_s)
        except queue.Empty:
            return True
        return False


def unused_port() -> int:
    """A port of loopback where nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
