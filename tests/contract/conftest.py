"""Ledgers and stores of every driver, fresh for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledgers import DRIVERS

from lingjing.twin.ledger import Ledger

Opener = Callable[[], Ledger]


@pytest.fixture(params=DRIVERS)
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the ledger of the test; what was opened and left open is closed after it."""
    opened: list[Ledger] = []
    if request.param == "sqlite":
        from lingjing.twin.sqlite_ledger import SqliteLedger

        def make() -> Ledger:
            return SqliteLedger(tmp_path / "twin.sqlite")
    else:
        from lingjing.twin.postgres_ledger import PostgresLedger

        url = request.getfixturevalue("postgres_url")

        def make() -> Ledger:
            return PostgresLedger(url)

    def opener() -> Ledger:
        opened.append(make())
        return opened[-1]

    yield opener
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Opener) -> Ledger:
    """An empty ledger."""
    return open_ledger()
