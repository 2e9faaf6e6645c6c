"""Links to the pages before and after one (5.5.9, 6.3.10)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from lingjing.interfaces.ngsild.requests import BASE, LD_JSON, Request

_KEPT: Final = ":/*,()!~'"


def page_links(
    request: Request, offset: int, limit: int, *, has_more: bool, is_resource: bool = False
) -> list[bytes]:
    """Values of Link headers to the previous and the next page, where there are such.

    Args:
        request: Whose address the links repeat, with another offset.
        offset, limit: The page that is answered.
        has_more: Whether anything follows it.
        is_resource: Whether these are pages of subscriptions or registrations: their links keep
            the order of the parameters and always name JSON-LD.
    """
    links = []
    if offset > 0 and limit > 0:
        links.append(_link(request, max(offset - limit, 0), limit, "prev", as_is=is_resource))
    if has_more and limit > 0:
        links.append(_link(request, offset + limit, limit, "next", as_is=is_resource))
    return links


def _link(request: Request, offset: int, limit: int, relation: str, *, as_is: bool) -> bytes:
    parameters = {**request.query, "limit": str(limit), "offset": str(offset)}
    query = "&".join(
        f"{quote(name, safe=_KEPT)}={quote(parameters[name], safe=_KEPT)}"
        for name in (parameters if as_is else sorted(parameters))
    )
    media = LD_JSON if as_is else request.media
    address = f"{BASE}{request.path.rstrip('/')}?{query}"
    return f'<{address}>;rel="{relation}";type="{media}"'.encode("latin-1", "replace")
