"""Asks an application without a network, one request after another."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import httpx
from starlette.applications import Starlette


class Client:
    """A client of one application."""

    def __init__(self, app: Starlette, host: str = "127.0.0.1:8787") -> None:
        self.app = app
        self.base = f"http://{host}"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.app.state.shelf.close()

    def request(self, method: str, address: str, **options: Any) -> httpx.Response:
        """The answer to a request, decoded."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
                return await client.request(method, address, **options)

        return asyncio.run(ask())

    def get(self, address: str, **options: Any) -> httpx.Response:
        """The answer to a GET request."""
        return self.request("GET", address, **options)

    def raw(self, address: str, **options: Any) -> tuple[httpx.Headers, bytes]:
        """Headers and bytes as they travel."""

        async def ask() -> tuple[httpx.Headers, bytes]:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with (
                httpx.AsyncClient(transport=transport, base_url=self.base) as client,
                client.stream("GET", address, **options) as answer,
            ):
                return answer.headers, b"".join([part async for part in answer.aiter_raw()])

        return asyncio.run(ask())
