"""NGSI-LD over each driver."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance_client import CONTEXT, DEFINITIONS, Api
from ledgers import DRIVERS

from lingjing.twin.ledger import Ledger

_numbers = itertools.count()


@pytest.fixture(params=DRIVERS)
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """The interface over an empty twin."""
    if request.param == "sqlite":
        from lingjing.twin.sqlite_ledger import SqliteLedger

        ledger: Ledger = SqliteLedger(tmp_path / "twin.sqlite")
    else:
        from lingjing.twin.postgres_ledger import PostgresLedger

        server = request.getfixturevalue("postgres")
        # The schema goes with the server at the end; dropping each takes as long as a test.
        ledger = PostgresLedger(f"{server.url}&schema=c{os.getpid()}_{next(_numbers)}")
    context = tmp_path / "district.jsonld"
    context.write_text(json.dumps({"@context": DEFINITIONS}), encoding="utf-8")
    with Api(ledger, {CONTEXT: context}) as opened:
        yield opened
    ledger.close()
