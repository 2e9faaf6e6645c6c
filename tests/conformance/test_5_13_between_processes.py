"""Clause 5.13 where several servers share one database."""

from __future__ import annotations

import asyncio
import time

import pytest

from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.twin.postgres_ledger import PostgresLedger
from lingjing.vocabulary import LingjingError


def test_a_context_deleted_by_one_server_is_soon_unknown_to_the_other(postgres_url: str) -> None:
    first, second = PostgresLedger(postgres_url), PostgresLedger(postgres_url)

    async def work() -> None:
        one, other = Contexts(first), Contexts(second)
        kept = await one.store.host("", {"Valve": "https://example.org/Valve"})
        terms = await other.terms(kept.address)
        assert terms.expand("Valve") == "https://example.org/Valve"
        await one.delete(kept)
        with pytest.raises(LingjingError):
            await one.terms(kept.address)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                await other.terms(kept.address)
            except LingjingError:
                return
            await asyncio.sleep(0.02)
        pytest.fail("the other server still knows it")

    try:
        asyncio.run(work())
    finally:
        first.close()
        second.close()
