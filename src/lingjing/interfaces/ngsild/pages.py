"""Links to the pages before and after one (5.5.9, 6.3.10)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from lingjing.interfaces.ngsild.requests import BASE, Request

_KEPT: Final = ":/*,()!~'"


def page_links(request: Request, offset: int, limit: int, *, has_more: bool) -> list[bytes]:
    """Values of Link headers to the previous and the next page, where there are such.

    Args:
        request: Whose address the links repeat, with another offset.
        offset, limit: The page that is answered.
        has_more: Whether anything follows it.
    """
    links = []
    if offset > 0 and limit > 0:
        links.append(_link(request, max(offset - limit, 0), limit, "prev"))
    if has_more and limit > 0:
        links.append(_link(request, offset + limit, limit, "next"))
    return links


def _link(request: Request, offset: int, limit: int, relation: str) -> bytes:
    parameters = {**request.query, "limit": str(limit), "offset": str(offset)}
    query = "&".join(
        f"{quote(name, safe=_KEPT)}={quote(parameters[name], safe=_KEPT)}"
        for name in sorted(parameters)
    )
    address = f"{BASE}{request.path.rstrip('/')}?{query}"
    return f'<{address}>;rel="{relation}";type="{request.media}"'.encode("latin-1", "replace")
