"""The NGSI-LD interface as a bare ASGI application: routing, media types, limits, faults."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final

from lingjing.interfaces.ngsild.media import choose
from lingjing.interfaces.ngsild.problems import problem_answer
from lingjing.interfaces.ngsild.requests import (
    BASE,
    JSON,
    LD_JSON,
    Answer,
    Request,
    Route,
    media_name,
    parse_query,
)
from lingjing.interfaces.ngsild.routing import Router
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.documents import micros
from lingjing.vocabulary import LingjingError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_WITH_BODY: Final = frozenset({"POST", "PATCH", "PUT"})
_ECHOED: Final = ("ngsild-tenant", "ngsild-snapshot")
_READING: Final = frozenset({"at"})
"""Parameters of every operation that reads."""
_TENANT: Final = re.compile(r"[\w.-]{1,100}")
_log = logging.getLogger(__name__)


class Application:
    """Answers everything below `/ngsi-ld/v1`.

    Args:
        service: What the handlers work with.
        routes: All operations.
        headers: Sent with every answer.
    """

    def __init__(
        self, service: Service, routes: Iterable[Route], headers: Mapping[str, str] | None = None
    ) -> None:
        self.service = service
        self.router = Router(routes)
        self._headers = [
            (name.lower().encode(), value.encode()) for name, value in (headers or {}).items()
        ]
        self._known = {
            id(route): route.parameters | (_READING if route.role == "read" else set())
            for route in self.router.routes
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = _headers_of(scope)
        method = scope["method"]
        try:
            answer = await self._answer(scope, method, headers, receive)
        except LingjingError as error:
            answer = problem_answer(error)
        except RecursionError:
            answer = problem_answer(LingjingError("ngsild.too-deep"))
        except Exception as error:  # noqa: BLE001 - one request must not end the server
            _log.exception("%s %s failed", method, scope.get("path", ""))
            answer = problem_answer(LingjingError("ngsild.internal", detail=type(error).__name__))
        lines = answer.headers + self._headers
        for name in _ECHOED:
            if name in headers:
                lines.append((name.encode(), headers[name].encode("latin-1")))
        body = answer.body
        if answer.status != 204:
            lines.append((b"content-length", b"%d" % len(body)))
        if method == "HEAD":
            body = b""
        await send({"type": "http.response.start", "status": answer.status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, scope: Scope, method: str, headers: dict[str, str], receive: Receive
    ) -> Answer:
        path = scope["raw_path"].decode("latin-1")[len(BASE) :]
        route, parts, methods = self.router.find(method, path)
        if route is None:
            return _without_route(method, path, methods)
        if method in _WITH_BODY and "content-length" not in headers:
            return Answer(411)
        if self.service.gate is not None:
            self.service.gate.admit(headers, route.role, headers.get("ngsild-tenant", ""))
        media = self._media(route, headers)
        query = parse_query(scope["query_string"])
        body = await self._body(headers, receive) if method in _WITH_BODY else b""
        request = Request(self.service, method, path, parts, query, headers, body, media)
        if not query.keys() <= self._known[id(route)]:
            unknown = sorted(query.keys() - self._known[id(route)])
            raise LingjingError("ngsild.unknown-parameter", name=unknown[0][:100], path=path[:200])
        if "at" in query:
            request.at_us = _instant(query["at"])
        if "ngsild-tenant" in headers:
            await self._enter_tenant(route, request.tenant)
        longest_s = self.service.limits.request_s
        try:
            async with asyncio.timeout(longest_s):
                return await route.handler(self.service, request)
        except TimeoutError:
            raise LingjingError("ngsild.took-too-long", seconds=longest_s) from None

    async def _enter_tenant(self, route: Route, tenant: str) -> None:
        """Make sure that a tenant's name is one, and that it exists where the route makes it.

        Raises:
            LingjingError: `ngsild.bad-tenant`.
        """
        if not _TENANT.fullmatch(tenant):
            raise LingjingError("ngsild.bad-tenant", name=tenant[:100])
        if route.makes_tenant:
            await self.service.read(self.service.ledger.ensure_tenant, tenant)

    def _media(self, route: Route, headers: dict[str, str]) -> str:
        """The media type to answer in, and a look at that of the body.

        Raises:
            LingjingError: `ngsild.unsupported-media-type`, `ngsild.not-acceptable`.
        """
        if route.consumes and headers.get("content-length") != "0":
            # a body that does not say what it is may be tried as the plainest of what is taken
            given = media_name(headers.get("content-type", JSON))
            if given not in route.consumes:
                raise LingjingError(
                    "ngsild.unsupported-media-type",
                    given=given[:100] or "—",
                    taken=", ".join(route.consumes),
                )
        accept = headers.get("accept", "")
        if not accept or accept == "*/*":
            return route.produces[0]
        media = choose(accept, route.produces)
        if not media:
            raise LingjingError(
                "ngsild.not-acceptable", accept=accept[:200], offered=", ".join(route.produces)
            )
        return media

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        """The whole body.

        Raises:
            LingjingError: `ngsild.too-large`.
        """
        most = self.service.limits.body_bytes
        length = headers["content-length"]
        if not length.isdecimal() or int(length) > most:
            raise LingjingError("ngsild.too-large", bytes=length[:30], most=most)
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return body
        pieces = [body]
        size = len(body)
        while message.get("more_body", False):
            message = await receive()
            piece = message.get("body", b"")
            size += len(piece)
            if size > most:
                raise LingjingError("ngsild.too-large", bytes=size, most=most)
            pieces.append(piece)
        return b"".join(pieces)


def _headers_of(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        value = raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _without_route(method: str, path: str, methods: tuple[str, ...]) -> Answer:
    """What is said where no route takes the request."""
    if not methods:
        return problem_answer(LingjingError("ngsild.no-address", path=path[:200]))
    allow = (b"allow", ", ".join(methods).encode())
    if method == "OPTIONS":
        lines = [allow]
        if "PATCH" in methods:
            lines.append((b"accept-patch", f"{JSON}, {LD_JSON}".encode()))
        return Answer(204, b"", lines)
    answer = problem_answer(
        LingjingError("ngsild.method-not-allowed", method=method[:20], path=path[:200])
    )
    answer.headers.append(allow)
    return answer


def _instant(text: str) -> int:
    try:
        return micros(text)
    except ValueError:
        raise LingjingError("ngsild.bad-parameter", name="at", value=text[:100]) from None
