"""Header names as people write them, for clients that compare them letter by letter.

HTTP takes `location` for `Location`, and so do good clients. Others look for the one spelling
that they saw first, and miss where a new resource is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Spelled(bytes):
    """A header name that keeps its capitals where the server would take them away."""

    __slots__ = ()

    def lower(self) -> Spelled:
        """Itself."""
        return self


_LOCATION: Final = Spelled(b"Location")
_WITH_LOCATION: Final = frozenset({201, 301, 302, 303, 307, 308})


def with_capitals(app: App) -> App:
    """An application whose `Location` headers leave with a capital letter."""

    async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def spelled(message: Message) -> None:
            if message.get("status") in _WITH_LOCATION:
                message["headers"] = [
                    (_LOCATION if name == b"location" else name, value)
                    for name, value in message["headers"]
                ]
            await send(message)

        await app(scope, receive, spelled)

    return answer
