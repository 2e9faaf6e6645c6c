"""All operations of the interface together, and what runs beside them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

from lingjing.interfaces.ngsild import (
    attributes,
    batches,
    consumption,
    context_routes,
    discovery,
    entities,
    entity_map_routes,
    purge,
    registrations_routes,
    snapshot_routes,
    subscriptions_routes,
    temporal_consumption,
    temporal_provision,
)
from lingjing.interfaces.ngsild.openapi import with_description
from lingjing.interfaces.ngsild.requests import Route
from lingjing.interfaces.ngsild.service import Service

ROUTES: Final[tuple[Route, ...]] = with_description(
    (
        *entities.ROUTES,
        *attributes.ROUTES,
        *batches.ROUTES,
        *consumption.ROUTES,
        *purge.ROUTES,
        *discovery.ROUTES,
        *context_routes.ROUTES,
        *subscriptions_routes.ROUTES,
        *registrations_routes.ROUTES,
        *temporal_provision.ROUTES,
        *temporal_consumption.ROUTES,
        *entity_map_routes.ROUTES,
        *snapshot_routes.ROUTES,
    )
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
        subscriptions = self._service.subscriptions
        await self._service.read_long(transience.restore)
        transience.start()
        if subscriptions is not None:
            await subscriptions.start()
        try:
            yield
        finally:
            if subscriptions is not None:
                await subscriptions.stop()
            await transience.stop()
            await self._service.contexts.close()
            self._service.close()
