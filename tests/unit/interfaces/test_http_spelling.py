"""Clients that compare header names letter by letter find where a new resource is."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import uvicorn

from lingjing.interfaces.http.spelling import with_capitals


async def makes(scope: Any, receive: Any, send: Any) -> None:
    """Answers 201 with an address."""
    headers = [(b"location", b"/things/1"), (b"content-length", b"0"), (b"x-other", b"y")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def test_location_leaves_the_server_with_a_capital_letter() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(with_capitals(makes), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        with socket.create_connection(listening.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := client.recv(65_536):
                answer += piece
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
    lines = answer.split(b"\r\n")
    assert b"Location: /things/1" in lines
    assert b"x-other: y" in lines
