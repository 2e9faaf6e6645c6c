"""The application: data endpoints under `/api/v1`, the page at `/`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lingjing.engine.access import Gate
from lingjing.engine.tiles3d.keeping import TileKeeper
from lingjing.engine.whatifs.advice import Advisor
from lingjing.engine.whatifs.runner import Runner
from lingjing.interfaces.http import branches, comparisons, readings, tiles, tiles3d, whatifs
from lingjing.interfaces.http.answers import error_answer
from lingjing.interfaces.http.endpoints import ENDPOINTS
from lingjing.interfaces.http.gate import AccessGuard
from lingjing.interfaces.http.ogc import routes as ogc
from lingjing.interfaces.http.ogc.tables import Tables
from lingjing.interfaces.http.security import HEADERS, LOOPBACK_NAMES, Guard
from lingjing.interfaces.http.shelf import Shelf
from lingjing.twin.contract import Store
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LOCALES, LingjingError

API = "/api/v1"
WEB = Path(__file__).resolve().parent.parent / "web"
"""Where the built page lies in the package."""

Life = Callable[[], AbstractAsyncContextManager[None]]

_log = logging.getLogger(__name__)


class Assets(StaticFiles):
    """The page's files; their names carry a hash of their content, so they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be kept for a year."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def create_app(
    data_dir: Path,
    web_dir: Path | None = None,
    *,
    store: Store | None = None,
    ledger: Ledger | None = None,
    gate: Gate | None = None,
    hosts: frozenset[str] | None = LOOPBACK_NAMES,
    alongside: Life = contextlib.nullcontext,
    what_ifs: Runner | None = None,
) -> Starlette:
    """The page and its endpoints over one data folder.

    Args:
        data_dir: Folder that holds everything kept; it may still be empty.
        web_dir: Where the built page lies; the one in the package by default.
        store: A store to read instead of the one in the folder.
        ledger: The living twin, for branches; None leaves them out.
        gate: Who may do what; None lets everyone read.
        hosts: Host names that are answered; None answers to any.
        alongside: Runs while the application does.
        what_ifs: Carries what-ifs out; None leaves them out.
    """
    shelf = Shelf(data_dir, store)
    web = web_dir or WEB

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        del app
        async with alongside():
            yield
        shelf.close()

    def page(request: Request) -> Response:
        del request
        return _page(web)

    def components(request: Request) -> Response:
        if not (web / "components.html").is_file():
            raise LingjingError("http.not-found", path=request.url.path)
        return FileResponse(web / "components.html", headers={"Cache-Control": "no-cache"})

    def icon(request: Request) -> Response:
        if not (web / "icon.svg").is_file():
            raise LingjingError("http.not-found", path=request.url.path)
        return FileResponse(web / "icon.svg", media_type="image/svg+xml")

    app = Starlette(
        routes=[
            *(Route(f"{API}{path}", call, methods=["GET"]) for path, call in ENDPOINTS.items()),
            *comparisons.ROUTES,
            *(whatifs.ROUTES if ledger is not None and what_ifs is not None else ()),
            *tiles.ROUTES,
            *((*branches.ROUTES, *readings.ROUTES) if ledger is not None else ()),
            *tiles3d.ROUTES,
            *ogc.ROUTES,
            Route("/", page, methods=["GET"]),
            Route("/components", components, methods=["GET"]),
            Route("/icon.svg", icon, methods=["GET"]),
            Mount("/assets", Assets(directory=web / "assets", check_dir=False)),
        ],
        middleware=[
            Middleware(Guard, hosts=hosts),
            *([] if gate is None else [Middleware(AccessGuard, gate=gate)]),
            Middleware(GZipMiddleware, minimum_size=1000),
        ],
        exception_handlers={
            LingjingError: _refuse,
            HTTPException: _refuse_http,
            Exception: _fail,
        },
        lifespan=life,
    )
    app.state.shelf = shelf
    app.state.ogc_tables = Tables(lambda: shelf.store)
    app.state.tiles3d = TileKeeper(data_dir, lambda: shelf.store)
    app.state.ledger = ledger
    app.state.whatifs = what_ifs
    app.state.advisor = Advisor(data_dir)
    return app


def _page(web: Path) -> Response:
    index = web / "index.html"
    if index.is_file():
        return FileResponse(index, headers={"Cache-Control": "no-cache"})
    error = LingjingError("http.page-not-built")
    text = "\n".join(f"{error.what(locale)} {error.remedy(locale)}" for locale in LOCALES)
    return PlainTextResponse(text + "\n", status_code=404)


def _refuse(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, LingjingError):
        raise error
    return error_answer(error)


def _refuse_http(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        return error_answer(
            LingjingError("http.method-not-allowed", path=request.url.path, method=request.method)
        )
    return error_answer(LingjingError("http.not-found", path=request.url.path[:200]))


def _fail(request: Request, error: Exception) -> Response:
    _log.error("%s failed", request.url.path, exc_info=error)
    response = error_answer(LingjingError("http.internal", detail=type(error).__name__))
    # Starlette answers faults outside all middleware, so the guard does not see this one.
    response.headers.update(HEADERS)
    return response
