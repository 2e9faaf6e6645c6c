"""`GET /api/v1/events`: what happens in the twin, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import time
from email.utils import formatdate
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lingjing.engine.access import Gate
from lingjing.engine.live import Live, Viewer
from lingjing.engine.live_changes import Interest
from lingjing.interfaces.http.answers import error_answer
from lingjing.interfaces.http.gate import refusal
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import LingjingError

PATH: Final = "/api/v1/events"
RETRY_MS: Final = 2_000
_MOST_NAMES: Final = 200
_LONGEST_NAME: Final = 500
_LISTS: Final = ("types", "districts", "attributes", "ids")
_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # A proxy in between must not wait for more before it passes something on.
    (b"x-accel-buffering", b"no"),
)


class Events:
    """Tells whoever asks, until they go.

    Args:
        live: What happens.
        gate: Who may read; None lets everyone. Asked again while somebody listens: a key may be
            revoked meanwhile.
    """

    def __init__(self, live: Live, gate: Gate | None = None) -> None:
        self.live = live
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            if request.method != "GET":
                raise LingjingError("http.method-not-allowed", path=PATH, method=request.method)
            interest = interest_of(request)
            after = request.headers.get("last-event-id") or request.query_params.get("after")
            viewer, first = await self.live.enter(interest, after)
        except LingjingError as error:
            await _refusal(error)(scope, receive, send)
            return
        try:
            await self._tell(viewer, first, (request, receive, send))
        finally:
            self.live.leave(viewer)

    async def _tell(
        self, viewer: Viewer, first: bytes, channel: tuple[Request, Receive, Send]
    ) -> None:
        request, receive, send = channel
        headers = [*_HEADERS, (b"date", formatdate(usegmt=True).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_gone(receive))
        gone.add_done_callback(lambda _: viewer.woken.set())
        body = f"retry: {RETRY_MS}\n".encode() + first
        asked_at = time.monotonic()
        try:
            while not gone.done():
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                if viewer.is_over:
                    break
                await viewer.woken.wait()
                body = self.live.news(viewer)
                if time.monotonic() - asked_at > self.live.settings.beat_s / 2:
                    asked_at = time.monotonic()
                    refused = self._refused(request, viewer.interest)
                    if refused is not None:
                        await send({"type": "http.response.body", "body": refused})
                        return
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    def _refused(self, request: Request, interest: Interest) -> bytes | None:
        """A last event where the viewer may no longer listen."""
        if self._gate is None:
            return None
        try:
            self._gate.admit(dict(request.headers), "read", interest.tenant)
        except LingjingError as error:
            content: dict[str, Any] = {"reason": "refused", "error": error.as_dict()}
            return b"event: end\ndata: " + msgspec.json.encode(content) + b"\n\n"
        return None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(error: LingjingError) -> ASGIApp:
    if error.code != "events.too-many-viewers":
        return refusal(error)
    response = error_answer(error)
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_MS // 1000)
    return response


def interest_of(request: Request) -> Interest:
    """What a viewer wants to be told of.

    Raises:
        LingjingError: `http.bad-parameter`.
    """
    lists = {name: _names(request, name) for name in _LISTS}
    known = {*_LISTS, "branch", "after"}
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        raise LingjingError(
            "http.bad-parameter",
            name=unknown[:60],
            value=request.query_params[unknown][:60],
            expected=", ".join(sorted(known)),
        )
    return Interest(
        tenant=request.headers.get("ngsild-tenant", ""),
        branch=request.query_params.get("branch", TRUNK)[:_LONGEST_NAME],
        **lists,
    )


def _names(request: Request, name: str) -> tuple[str, ...]:
    """Names with commas between, in order, each once."""
    text = request.query_params.get(name, "")
    found = sorted({part.strip() for part in text.split(",")} - {""})
    if len(found) > _MOST_NAMES or any(len(part) > _LONGEST_NAME for part in found):
        raise LingjingError(
            "http.bad-parameter",
            name=name,
            value=text[:60],
            expected=f"≤ {_MOST_NAMES} × ≤ {_LONGEST_NAME}",
        )
    return tuple(found)
