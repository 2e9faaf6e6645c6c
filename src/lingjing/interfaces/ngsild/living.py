"""All operations of the interface together, and what runs beside them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

from lingjing.interfaces.ngsild import attributes, batches, discovery, entities
from lingjing.interfaces.ngsild.requests import Route
from lingjing.interfaces.ngsild.service import Service

ROUTES: Final[tuple[Route, ...]] = (
    *entities.ROUTES,
    *attributes.ROUTES,
    *batches.ROUTES,
    *discovery.ROUTES,
)


class Living:
    """What runs while the server does: expiry, and notifications.

    Args:
        service: What the operations work with.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """A context in which it runs."""
        return self._run()

    @contextlib.asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        transience = self._service.transience
        await self._service.read_long(transience.restore)
        transience.start()
        try:
            yield
        finally:
            await transience.stop()
            self._service.close()
