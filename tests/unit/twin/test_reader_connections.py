"""Threads come and go; the connections they read over go with them."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

from lingjing.twin import SqliteStore
from lingjing.twin.sqlite_ledger import SqliteLedger


def test_a_thread_that_has_ended_leaves_no_connection_behind(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    with SqliteLedger(path) as ledger, SqliteStore(path) as store:
        trunk = ledger.branch("")
        for _ in range(5):
            for read in (store.districts, lambda: ledger.types(trunk)):
                thread = threading.Thread(target=read)
                thread.start()
                thread.join()
        gc.collect()
        assert len(store._readers) == 0
        assert len(ledger._readers) <= 1  # this thread's own
        assert store.districts() == []
        assert len(store._readers) == 1
