"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_postgres import PrivatePostgres, UnavailableError

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data that is not part of the project; skips where it is absent."""
    folder = Path(os.environ.get("LINGJING_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("real data is absent: set LINGJING_SHARED_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A PostgreSQL of the tests' own; skips where it or PostGIS is not installed."""
    try:
        server = PrivatePostgres()
    except UnavailableError as error:
        pytest.skip(str(error))
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres: PrivatePostgres) -> Iterator[str]:
    """Where a twin may be kept in PostgreSQL; empty, and gone after the test."""
    with postgres.schema() as url:
        yield url
