"""One write for each answer: the head waits for the body that follows it at once.

The server writes the head of an answer and its body one after the other, and each write is a call
of the system. Small answers are most of what is asked for here, and those calls most of what they
cost.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ENOUGH: Final = 65_536
"""Bytes that are not worth gathering: copying them costs more than another call."""


class Corked:
    """A transport that gathers what is written in one turn of the loop, and writes it at its end.

    Everything else is the transport's own.

    Args:
        transport: Writes in the end.
        loop: Whose turns count.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write soon: in this turn of the loop."""
        if self._held:
            self._held.append(data)
        elif len(data) >= _ENOUGH:
            self._transport.write(data)
        else:
            self._held.append(data)
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Write what is held, then close."""
        self.flush()
        self._transport.close()


class CorkedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with one write for a small answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]

    def eof_received(self) -> None:
        """The other side sends no more: what it has asked for is still written."""
        if isinstance(self.transport, Corked):
            self.transport.flush()
        super().eof_received()
