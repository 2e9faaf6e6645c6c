"""Branches over HTTP: make, list, compare, take over, drop; `/api/v1/branches`."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.interfaces.http.answers import answer
from lingjing.twin import branches as lines
from lingjing.twin.branches import Choice, OnConflict
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import TRUNK, Branch, Ledger
from lingjing.vocabulary import LingjingError, Place

MOST_BYTES: Final = 1 << 20


class NewBranch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to make a branch."""

    name: str
    parent: str = TRUNK
    note: str = ""


class WantedMerge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to take changes over; empty lists mean all."""

    ids: list[str] = []
    types: list[str] = []
    attributes: list[str] = []
    on_conflict: OnConflict = "refuse"
    dry_run: bool = False


async def listed(request: Request) -> Response:
    """All branches of the tenant, the trunk first, with how many entities each has changed."""
    return answer(await run_in_threadpool(_listed, _ledger(request), _tenant(request)))


async def create(request: Request) -> Response:
    """A branch of another as it stands now."""
    wanted = await _read(request, NewBranch)
    ledger, tenant = _ledger(request), _tenant(request)

    def make() -> dict[str, Any]:
        parent = ledger.branch(tenant, wanted.parent)
        made = ledger.create_branch(parent, wanted.name, wanted.note)
        return _described(made, {parent.key: parent.name}, 0)

    return answer(await run_in_threadpool(make), 201)


async def diff(request: Request) -> Response:
    """What a branch changed, or how the branch in `with` differs from it."""
    ledger, tenant = _ledger(request), _tenant(request)
    other = request.query_params.get("with")

    def compare() -> dict[str, Any]:
        here = ledger.branch(tenant, request.path_params["branch"])
        found = (
            lines.diff(ledger, here)
            if other is None
            else lines.compare(ledger, here, ledger.branch(tenant, other))
        )
        return {"differences": msgspec.to_builtins(found)}

    return answer(await run_in_threadpool(compare))


async def merge(request: Request) -> Response:
    """Chosen changes taken over into the line the branch was made from; 409 on conflict."""
    wanted = await _read(request, WantedMerge)
    ledger, tenant = _ledger(request), _tenant(request)
    choice = Choice(
        frozenset(wanted.ids),
        frozenset(map(lines.iri, wanted.types)),
        frozenset(map(lines.iri, wanted.attributes)),
    )

    def take_over() -> lines.Merge:
        return lines.merge(
            ledger,
            ledger.branch(tenant, request.path_params["branch"]),
            choice,
            on_conflict=wanted.on_conflict,
            dry_run=wanted.dry_run,
        )

    done = await run_in_threadpool(take_over)
    refused = bool(done.conflicts) and wanted.on_conflict == "refuse"
    return answer(msgspec.to_builtins(done), 409 if refused else 200)


async def drop(request: Request) -> Response:
    """A branch removed with all its changes."""
    ledger, tenant = _ledger(request), _tenant(request)

    def remove() -> None:
        ledger.drop_branch(ledger.branch(tenant, request.path_params["branch"]))

    await run_in_threadpool(remove)
    return Response(status_code=204)


ROUTES: Final = (
    Route("/api/v1/branches", listed, methods=["GET"]),
    Route("/api/v1/branches", create, methods=["POST"]),
    Route("/api/v1/branches/{branch}", drop, methods=["DELETE"]),
    Route("/api/v1/branches/{branch}/diff", diff, methods=["GET"]),
    Route("/api/v1/branches/{branch}/merge", merge, methods=["POST"]),
)


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger


def _tenant(request: Request) -> str:
    return request.headers.get("ngsild-tenant", "")


def _listed(ledger: Ledger, tenant: str) -> dict[str, Any]:
    ledger.branch(tenant)  # an unknown tenant is said to be unknown, not empty
    found = ledger.branches(tenant)
    names = {item.key: item.name for item in found}
    return {
        "branches": [
            _described(
                item, names, len(ledger.changed_ids(item)) if item.parent is not None else None
            )
            for item in found
        ]
    }


def _described(item: Branch, names: dict[int, str], changed: int | None) -> dict[str, Any]:
    return {
        "name": item.name,
        "parent": names.get(item.parent) if item.parent is not None else None,
        "created_at": instant_text(item.created_us) if item.created_us else None,
        "note": item.note,
        "changed": changed,
    }


Sent = TypeVar("Sent", NewBranch, WantedMerge)


async def _read(request: Request, kind: type[Sent]) -> Sent:
    """The body.

    A page elsewhere can make a browser send plain text here, but not JSON without being asked
    first, which is not granted.

    Raises:
        LingjingError: `http.bad-body`.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body() if media == "application/json" else b""
    try:
        if len(body) > MOST_BYTES:
            raise ValueError(f"> {MOST_BYTES}")
        return msgspec.json.decode(body or b"?", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        detail = str(error) if media == "application/json" else f"Content-Type: {media or '—'}"
        raise LingjingError("http.bad-body", Place(field="body"), detail=detail[:200]) from None
