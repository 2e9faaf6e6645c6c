"""`POST /api/v1/observations`: what sensors and gateways send, and dead letters tried again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lingjing.engine.ingest import Intake
from lingjing.engine.ingest_rules import SensorRules, read_batch, read_rules, replay
from lingjing.interfaces.http.answers import answer, error_answer
from lingjing.vocabulary import LingjingError

PATH: Final = "/api/v1/observations"
REPLAY: Final = f"{PATH}/dead-letters/replay"
_RETRY_AFTER_S: Final = "1"
_BUSY: Final = frozenset({"ingest.busy", "twin.too-many-waiting"})
_AWAY: Final = frozenset({"twin.unreachable", "twin.busy", "twin.disk-full", "twin.closed"})


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters are to be tried again: all where none is named."""

    ids: tuple[str, ...] = ()


_wish: Final = msgspec.json.Decoder(Wish).decode


class Observations:
    """Answers when the observations are durable and can be queried.

    Args:
        intake: Takes them.
        rules: For raw messages.
        body_bytes: Largest body [bytes].
        data_dir: Folder with the rules of today, for dead letters; those given where None.
    """

    def __init__(
        self, intake: Intake, rules: SensorRules, body_bytes: int, data_dir: Path | None = None
    ) -> None:
        self._intake = intake
        self._rules = rules
        self._body_bytes = body_bytes
        self._data_dir = data_dir

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            if request.method != "POST":
                path = request.url.path
                raise LingjingError("http.method-not-allowed", path=path, method=request.method)
            body = await self._body(request)
            tenant = request.headers.get("ngsild-tenant", "")
            if request.url.path == REPLAY:
                return answer(await asyncio.to_thread(self._replay, body, tenant))
            receipt = await self._intake.take_soon(read_batch(body, tenant, self._rules))
        except LingjingError as error:
            return _refused(error)
        return answer(receipt)

    def _replay(self, body: bytes, tenant: str) -> dict[str, object]:
        """Try dead letters again, with the rules as they stand now."""
        try:
            ids = _wish(body or b"{}").ids
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LingjingError("ingest.bad-batch", detail=str(error)) from error
        rules = self._rules if self._data_dir is None else read_rules(self._data_dir)
        done = replay(self._intake, tenant, ids, rules)
        return {"tried": done.tried, **msgspec.to_builtins(done.receipt)}

    async def _body(self, request: Request) -> bytes:
        """The body, which is not read further than is allowed."""
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._body_bytes:
                raise LingjingError("ingest.body-too-large", most=self._body_bytes)
            parts.append(part)
        return b"".join(parts)


def _refused(error: LingjingError) -> Response:
    response = error_answer(error)
    if error.code in _BUSY:
        response.status_code = 429
    elif error.code in _AWAY:
        response.status_code = 503
    elif error.code == "ingest.body-too-large":
        response.status_code = 413
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = _RETRY_AFTER_S
    return response
