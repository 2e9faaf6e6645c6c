"""Addresses that speak of districts belong to the default tenant; other tenants have none."""

from __future__ import annotations

from starlette.requests import Request

from lingjing.vocabulary import LingjingError


def require_default_tenant(request: Request) -> None:
    """Refuse a request that names another tenant: its key opens that tenant's twin only.

    Raises:
        LingjingError: `http.no-district-in-tenant`.
    """
    tenant = request.headers.get("ngsild-tenant", "")
    if tenant:
        raise LingjingError("http.no-district-in-tenant", tenant=tenant[:60])
