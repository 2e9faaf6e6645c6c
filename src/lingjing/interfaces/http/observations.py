"""`POST /api/v1/observations`: what sensors and gateways send in batches."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lingjing.engine.ingest import Intake
from lingjing.engine.ingest_rules import SensorRules, read_batch
from lingjing.interfaces.http.answers import answer, error_answer
from lingjing.vocabulary import LingjingError

PATH: Final = "/api/v1/observations"
_RETRY_AFTER_S: Final = "1"
_BUSY: Final = frozenset({"ingest.busy", "twin.too-many-waiting"})
_AWAY: Final = frozenset({"twin.unreachable", "twin.busy", "twin.disk-full", "twin.closed"})


class Observations:
    """Answers when the observations are durable and can be queried.

    Args:
        intake: Takes them.
        rules: For raw messages.
        body_bytes: Largest body [bytes].
    """

    def __init__(self, intake: Intake, rules: SensorRules, body_bytes: int) -> None:
        self._intake = intake
        self._rules = rules
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            if request.method != "POST":
                raise LingjingError("http.method-not-allowed", path=PATH, method=request.method)
            body = await self._body(request)
            tenant = request.headers.get("ngsild-tenant", "")
            receipt = await self._intake.take_soon(read_batch(body, tenant, self._rules))
        except LingjingError as error:
            return _refused(error)
        return answer(receipt)

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
