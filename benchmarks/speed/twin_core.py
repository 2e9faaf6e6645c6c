"""The twin core on every driver that can be had here: what is measured, and over which stores."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.speed import ledger, ngsild, notifications

SIZES = (10_000, 100_000, 1_000_000)
POSTGRES_SIZES = (10_000, 100_000)
HTTP_SIZES = [10_000, 100_000]


@contextlib.contextmanager
def private_postgres() -> Iterator[Callable[[], str] | None]:
    """Gives addresses of empty stores in a PostgreSQL of our own that waits for the disk.

    None where there is none to start.
    """
    support = _support()
    try:
        server = support.PrivatePostgres(fsync=True)
    except support.UnavailableError as error:
        print(f"PostgreSQL is not measured: {error}", file=sys.stderr)
        yield None
        return
    try:
        with contextlib.ExitStack() as stack:
            yield lambda: stack.enter_context(server.schema())
    finally:
        server.remove()


def _support() -> ModuleType:
    """The tests' way to start one, which is not part of the package."""
    place = Path(__file__).parents[2] / "tests" / "support" / "private_postgres.py"
    specification = importlib.util.spec_from_file_location("private_postgres", place)
    if specification is None or specification.loader is None:
        raise FileNotFoundError(place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def ledger_page() -> str:
    """Below HTTP."""
    with private_postgres() as fresh:
        places: dict[str, Any] = {"sqlite": (ledger.sqlite_place, SIZES)}
        if fresh is not None:
            places["postgresql"] = (fresh, POSTGRES_SIZES)
        return ledger.page(places)


def ngsild_page() -> str:
    """Over HTTP, where `wrk` is there to ask."""
    if shutil.which("wrk") is None:
        return "## NGSI-LD over HTTP\n\nNot measured: wrk is not installed.\n"
    with private_postgres() as fresh:
        stores: dict[str, Any] = {"SQLite": (lambda: None, HTTP_SIZES)}
        if fresh is not None:
            stores["PostgreSQL"] = (fresh, HTTP_SIZES)
        return ngsild.page(stores)


def notifications_page() -> str:
    """What subscriptions cost."""
    with tempfile.TemporaryDirectory() as folder:
        return notifications.page(asyncio.run(notifications.measure(Path(folder))))
