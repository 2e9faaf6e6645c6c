"""Links to the pages before and after one (6.3.10)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from lingjing.interfaces.ngsild.requests import BASE, LD_JSON, Request


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
    query = {**request.query, "limit": str(limit), "offset": str(offset)}
    address = f"{BASE}{request.path}?{urlencode(query, quote_via=quote, safe=':/,')}"
    return f'<{address}>;rel="{relation}";type="{LD_JSON}"'.encode("latin-1", "replace")
