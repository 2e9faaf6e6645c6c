"""The gate in front of the page's endpoints: who may read, who may send."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from lingjing.engine.access import Gate
from lingjing.interfaces.http.answers import error_answer
from lingjing.twin.ledger import DEFAULT_TENANT
from lingjing.vocabulary import LingjingError

_OPEN: Final = frozenset({"/", "/components", "/icon.svg", "/health", "/ready"})
"""The page itself holds no data; health must be asked before anyone has a key."""
_OPEN_FOLDER: Final = "/assets/"
OBSERVATIONS: Final = "/api/v1/observations"
_TENANTED: Final = tuple(
    f"/api/v1/{name}" for name in ("branches", "events", "observations", "readings")
)
"""What answers for the tenant that is named; all else speaks of districts and their runs, which are
the default tenant's."""


def role_of(method: str, path: str) -> str | None:
    """The role that a request needs; None where anyone may."""
    if path in _OPEN or path.startswith(_OPEN_FOLDER):
        return None
    if path == OBSERVATIONS:
        return "sense"
    return "read" if method in ("GET", "HEAD", "OPTIONS") else "operate"


class AccessGuard:
    """Lets a request through to the page's endpoints if the gate admits it."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            role = role_of(scope["method"], scope["path"])
            if role is not None:
                headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in scope["headers"]
                }
                tenant = headers.get("ngsild-tenant", "")
                try:
                    who = self._gate.admit(headers, role, tenant)
                    if tenant and not scope["path"].startswith(_TENANTED):
                        self._gate.admit(headers, role, DEFAULT_TENANT)
                except LingjingError as error:
                    await refusal(error)(scope, receive, send)
                    return
                scope.setdefault("state", {})["principal"] = who
        await self.app(scope, receive, send)


def refusal(error: LingjingError) -> ASGIApp:
    """The answer to a request that is not admitted, with the challenge that 401 asks for."""
    response = error_answer(error)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="lingjing"'
    return response
