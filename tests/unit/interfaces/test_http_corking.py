"""An answer leaves in one write, whole and in order, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from lingjing.interfaces.http import corking
from lingjing.interfaces.http.corking import Corked, CorkedProtocol


class FakeTransport:
    """Notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        """Note it."""
        assert not self.closed
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Close."""
        self.closed = True

    def get_extra_info(self, name: str) -> Any:
        """Anything else of a transport."""
        return ("extra", 1) if name == "peername" else None


def corked() -> tuple[FakeTransport, Corked]:
    """A transport, and the cork on it."""
    transport = FakeTransport()
    return transport, Corked(transport, asyncio.get_running_loop())  # type: ignore[arg-type]


def test_what_is_written_in_one_turn_leaves_together_at_its_end() -> None:
    async def work() -> None:
        transport, one = corked()
        one.write(b"head ")
        one.write(b"body")
        assert transport.written == []
        await asyncio.sleep(0)
        assert transport.written == [b"head body"]
        one.write(b"next")
        await asyncio.sleep(0)
        assert transport.written == [b"head body", b"next"]
        assert one.get_extra_info("peername") == ("extra", 1)

    asyncio.run(work())


def test_a_large_piece_is_not_held_but_never_overtakes() -> None:
    large = bytes(corking._ENOUGH)

    async def work() -> None:
        transport, one = corked()
        one.write(large)
        assert transport.written == [large]
        one.write(b"head")
        one.write(large)
        await asyncio.sleep(0)
        assert b"".join(transport.written) == large + b"head" + large

    asyncio.run(work())


def test_closing_writes_first_and_nothing_is_written_to_one_that_is_closed() -> None:
    async def work() -> None:
        transport, one = corked()
        one.write(b"last words")
        one.close()
        assert (transport.written, transport.closed) == ([b"last words"], True)
        transport, one = corked()
        one.write(b"to nobody")
        transport.close()  # the other side has gone
        await asyncio.sleep(0)
        assert transport.written == []

    asyncio.run(work())


def test_what_is_held_is_written_when_the_other_side_sends_no_more() -> None:
    async def work() -> None:
        config = uvicorn.Config(lambda: None, log_level="error", lifespan="off")  # type: ignore[arg-type,return-value]
        config.load()
        protocol = CorkedProtocol(config, ServerState(), {})
        transport = FakeTransport()
        protocol.connection_made(transport)  # type: ignore[arg-type]
        protocol.transport.write(b"answer")
        protocol.eof_received()
        assert transport.written == [b"answer"]
        protocol.connection_lost(None)

    asyncio.run(work())


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that answers with what it was sent, or in pieces."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain")]
        if scope["path"] == "/pieces":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for number in range(3):
                await send(
                    {"type": "http.response.body", "body": b"%d;" % number, "more_body": True}
                )
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b""})
            return
        body = (await receive()).get("body", b"")
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(
        uvicorn.Config(app, http=CorkedProtocol, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()


def all_of(port: int, request: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(request)
        parts = []
        while part := one.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_a_server_answers_whole_in_pieces_and_several_after_one_another(port: int) -> None:
    close = b"Connection: close\r\n"
    echo = b"POST / HTTP/1.1\r\nHost: a\r\n%bContent-Length: 4\r\n\r\nsnow"
    assert all_of(port, echo % close).endswith(b"\r\n\r\nsnow")
    both = all_of(port, echo % b"" + echo % close)
    assert both.count(b"HTTP/1.1 200 OK") == 2
    assert both.endswith(b"\r\n\r\nsnow")
    pieces = all_of(port, b"GET /pieces HTTP/1.1\r\nHost: a\r\n" + close + b"\r\n")
    assert pieces.endswith(b"2\r\n0;\r\n2\r\n1;\r\n2\r\n2;\r\n0\r\n\r\n")


def test_a_head_and_a_body_come_in_one_piece(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nrain")
        assert one.recv(65536).endswith(b"\r\n\r\nrain")
