"""What-ifs over HTTP: order, follow, cancel, keep, drop; `/api/v1/whatifs`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.engine.whatifs.book import WhatIf
from lingjing.engine.whatifs.options import options, preview
from lingjing.engine.whatifs.order import Changes, check_assets, read_order
from lingjing.engine.whatifs.runner import Runner
from lingjing.interfaces.http.answers import answer
from lingjing.twin.ledger import DEFAULT_TENANT
from lingjing.vocabulary import LingjingError, Place

MOST_BYTES: Final = 4 << 20


class _Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to mark a what-if."""

    kept: bool


async def listed(request: Request) -> Response:
    """All what-ifs, the newest first."""
    runner = _runner(request)
    found = await run_in_threadpool(runner.book.all)
    return answer({"whatifs": [content(runner.current(item)) for item in found]})


async def create(request: Request) -> Response:
    """A what-if into the queue; 202, since it is computed afterwards."""
    order = read_order(await body(request))
    runner = _runner(request)

    def place() -> WhatIf:
        held = tuple(item.name for item in request.app.state.ledger.branches(DEFAULT_TENANT))
        return runner.book.place(order, held)

    made = await run_in_threadpool(place)
    runner.wake()
    return answer(content(made), 202)


async def one(request: Request) -> Response:
    """One what-if, as far as it has come."""
    runner = _runner(request)
    found = await run_in_threadpool(runner.book.get, request.path_params["name"])
    return answer(content(runner.current(found)))


async def cancel(request: Request) -> Response:
    """Stop one that waits or is being computed; nothing of it is left but its record."""
    runner, name = _runner(request), request.path_params["name"]

    def ask() -> WhatIf:
        item = runner.book.get(name)
        if not item.is_over:
            runner.book.wish(name, "cancel")
        return item

    item = await run_in_threadpool(ask)
    runner.wake()
    return answer(content(runner.current(item)), 200 if item.is_over else 202)


async def keep(request: Request) -> Response:
    """Mark one so that it is not dropped by mistake, or take the mark off."""
    try:
        wanted = msgspec.json.decode(await body(request), type=_Keep)
    except msgspec.DecodeError as error:
        raise LingjingError("whatif.bad-order", Place(field="body"), detail=str(error)) from None
    book, name = _runner(request).book, request.path_params["name"]
    marked = await run_in_threadpool(partial(book.mark, name, kept=wanted.kept))
    return answer(content(marked))


async def drop(request: Request) -> Response:
    """One removed with its branch and run; 202 where it has to be stopped first."""
    runner, name = _runner(request), request.path_params["name"]
    return Response(status_code=await run_in_threadpool(_drop, runner, name))


def _drop(runner: Runner, name: str) -> int:
    item = runner.book.get(name)
    if item.kept:
        raise LingjingError("whatif.kept", name=name)
    if item.state == "running" or not runner.take():
        runner.book.wish(name, "drop")
        runner.wake()
        return 202
    runner.drop(name)
    return 204


async def choices(request: Request) -> Response:
    """What a what-if of a run may change."""
    data_dir = _runner(request).book.data_dir
    return answer(await run_in_threadpool(options, data_dir, request.path_params["run"]))


async def counted(request: Request) -> Response:
    """How many assets each change of assets means."""
    try:
        wanted = msgspec.json.decode(await body(request), type=Changes)
    except msgspec.DecodeError as error:
        raise LingjingError("whatif.bad-order", Place(field="body"), detail=str(error)) from None
    check_assets(wanted)
    data_dir, run = _runner(request).book.data_dir, request.path_params["run"]
    counts = await run_in_threadpool(preview, data_dir, run, wanted.assets)
    return answer({"counts": counts})


ROUTES: Final = (
    Route("/api/v1/whatifs", listed, methods=["GET"]),
    Route("/api/v1/whatifs", create, methods=["POST"]),
    Route("/api/v1/whatifs/{name}", one, methods=["GET"]),
    Route("/api/v1/whatifs/{name}", drop, methods=["DELETE"]),
    Route("/api/v1/whatifs/{name}/cancel", cancel, methods=["POST"]),
    Route("/api/v1/whatifs/{name}/keep", keep, methods=["POST"]),
    Route("/api/v1/runs/{run}/whatif-options", choices, methods=["GET"]),
    Route("/api/v1/runs/{run}/whatif-counts", counted, methods=["POST"]),
)


def content(item: WhatIf) -> dict[str, Any]:
    """A what-if for an answer."""
    plain: dict[str, Any] = msgspec.to_builtins(item)
    return plain


async def body(request: Request) -> bytes:
    """The body, which has to be JSON: a page elsewhere cannot make a browser send that unasked.

    Raises:
        LingjingError: `http.bad-body`.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    sent = await request.body() if media == "application/json" else b""
    if media != "application/json" or len(sent) > MOST_BYTES:
        detail = f"Content-Type: {media or '—'}" if not sent else f"> {MOST_BYTES}"
        raise LingjingError("http.bad-body", Place(field="body"), detail=detail)
    return sent


def _runner(request: Request) -> Runner:
    runner: Runner = request.app.state.whatifs
    return runner
