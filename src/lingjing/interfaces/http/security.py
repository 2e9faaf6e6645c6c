"""What every answer carries, and which host names are answered at all."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lingjing.interfaces.http.answers import error_answer
from lingjing.vocabulary import LingjingError

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def host_name(header: str) -> str:
    """The name in a Host header, without its port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


class Guard:
    """Answers only requests that name this machine, and adds the security headers to all answers.

    A page elsewhere can make a browser resolve its own name to 127.0.0.1 and read what is served
    there (DNS rebinding); such requests still carry the foreign name in `Host`. Where everyone has
    to show a key or a token, that page gains nothing by it, and any name is answered.

    Args:
        app: What answers the rest.
        hosts: Names that are this machine's; None answers to any.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None = LOOPBACK_NAMES) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if self.hosts is not None and host_name(host) not in self.hosts:
            refusal = error_answer(LingjingError("http.foreign-host", host=host[:100]))
            await refusal(scope, receive, send_guarded)
            return
        await self.app(scope, receive, send_guarded)
