"""A real server in a process of its own, to be hit, killed and started again."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROGRAM = "import sys; from lingjing.interfaces.cli import main; main(sys.argv[1:])"
BASE = "/ngsi-ld/v1"
STARTS_WITHIN_S = 60.0


class Server:
    """`lingjing serve` over a data folder or a database.

    Args:
        data: The data folder.
        store: `postgresql://…`, or None for the file in the folder.
    """

    def __init__(self, data: Path, store: str | None = None) -> None:
        self.data = data
        self.store = store
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.log = data / "server.log"

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        options = ["--store", self.store] if self.store else []
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-c", PROGRAM, "serve", "--data", str(self.data),
                    "--port", str(self.port), "--no-browser", *options,
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(self.log.read_text(errors="replace")[-3000:])
            try:
                if self.ask("GET", "/ready", absolute=True)[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the server did not become ready")

    def kill(self) -> None:
        """End it at once, as a power cut would end a process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, how)
            self._process.wait(timeout=30)
            self._process = None

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process is not None
        return self._process.pid

    def connect(self) -> http.client.HTTPConnection:
        """A connection of one's own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(
        self, method: str, path: str, content: Any = None, *, absolute: bool = False
    ) -> tuple[int, bytes]:
        """One request on a connection of its own: status and body."""
        connection = self.connect()
        try:
            return request(connection, method, path if absolute else BASE + path, content)
        finally:
            connection.close()


def request(
    connection: http.client.HTTPConnection, method: str, path: str, content: Any = None
) -> tuple[int, bytes]:
    """One request: status and body."""
    body = None if content is None else json.dumps(content).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def run_command(*words: str) -> subprocess.CompletedProcess[str]:
    """A `lingjing` command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
