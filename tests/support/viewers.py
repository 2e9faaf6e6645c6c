"""A viewer of live events, without a network: what it was told, event by event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

from starlette.types import ASGIApp

PATIENCE_S = 30.0


class Viewer:
    """Follows `/api/v1/events` of an application; use as an asynchronous context.

    Attributes:
        status, headers: Of the answer.
        events: (name, content) of all that came so far.
        position: The last id.
    """

    def __init__(
        self,
        app: ASGIApp,
        query: str = "",
        *,
        after: str | None = None,
        headers: dict[str, str] | None = None,
        method: str = "GET",
    ) -> None:
        given = {"host": "127.0.0.1", **(headers or {})}
        if after is not None:
            given["last-event-id"] = after
        self._scope = {
            "type": "http",
            "method": method,
            "path": "/api/v1/events",
            "raw_path": b"/api/v1/events",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }
        self._app = app
        self.status = 0
        self.headers: dict[str, str] = {}
        self.events: list[tuple[str, Any]] = []
        self.position = ""
        self.body = b""
        self.is_slow = asyncio.Event()
        self.is_slow.set()
        self._left = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asked = False
        self._seen = 0

    async def __aenter__(self) -> Viewer:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._left.set()
        self.is_slow.set()
        assert self._task is not None
        await asyncio.wait_for(self._task, PATIENCE_S)

    async def _follow(self) -> None:
        await self._app(self._scope, self._receive, self._send)
        self._news.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.is_slow.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode().lower(): value.decode() for name, value in message["headers"]
            }
        else:
            self.body += message.get("body", b"")
            if self.status == 200:
                self._read()
        self._news.set()

    def _read(self) -> None:
        """Events as the standard says they are to be read."""
        while b"\n\n" in self.body:
            block, _, self.body = self.body.partition(b"\n\n")
            name, data = "message", ""
            for line in block.decode().split("\n"):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data += value
                elif field == "id":
                    self.position = value
            if data:
                self.events.append((name, json.loads(data)))

    @property
    def is_over(self) -> bool:
        """Whether the server has ended the answer."""
        assert self._task is not None
        return self._task.done()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until something holds."""

        async def wait() -> Any:
            while not (found := holds()):
                self._news.clear()
                await self._news.wait()
            return found

        return await asyncio.wait_for(wait(), PATIENCE_S)

    def told(self, name: str) -> list[Any]:
        """Contents of all events of a name so far."""
        return [content for event, content in self.events if event == name]

    async def next(self, name: str = "changes") -> Any:
        """Content of the next event of a name, those between left out."""

        def look() -> Any:
            for place in range(self._seen, len(self.events)):
                if self.events[place][0] == name:
                    self._seen = place + 1
                    return (self.events[place][1],)
            return None

        (found,) = await self.until(look)
        return found

    async def entities(self) -> list[dict[str, Any]]:
        """Entities of the next telling."""
        found: list[dict[str, Any]] = (await self.next())["entities"]
        return found
