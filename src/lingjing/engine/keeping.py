"""Bringing runs into the twin: after a run, or by the server that holds the twin."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final

from lingjing.engine.results import RunFolder, list_runs
from lingjing.engine.run_entities import Kept, keep_run
from lingjing.engine.settings import open_ledger, store_url
from lingjing.sdk import LingjingError, Progress
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK, Branch, Ledger

EVERY_S: Final = 10.0
_log = logging.getLogger(__name__)


def keep_in_twin(
    data_dir: Path,
    folder: Path,
    *,
    store: str | None = None,
    progress: Progress | None = None,
) -> Kept | None:
    """Put a finished run's results into the branch of the twin that it foresaw.

    Returns:
        What was kept; None where another process, such as a server, holds the twin. A server takes
        the results of runs under its data folder over by itself.

    Raises:
        LingjingError: What `keep_run` and the store raise.
    """
    try:
        with open_ledger(data_dir, store_url(store)) as ledger:
            run = RunFolder(folder)
            return keep_run(ledger, branch_of(ledger, run), run, progress=progress)
    except LingjingError as error:
        if error.code == "twin.in-use":
            return None
        raise


def branch_of(ledger: Ledger, run: RunFolder) -> Branch:
    """The branch that a run foresaw.

    Raises:
        LingjingError: `twin.no-branch`: it was dropped since.
    """
    return ledger.branch(DEFAULT_TENANT, run.record()["request"].get("branch", TRUNK))


class RunKeeper:
    """Looks for finished runs that the twin does not know yet, and brings them in.

    Args:
        ledger: The twin that this process holds.
        data_dir: Where the runs are.
        every_s: How often to look [s].
    """

    def __init__(self, ledger: Ledger, data_dir: Path, every_s: float = EVERY_S) -> None:
        self._ledger = ledger
        self._data_dir = data_dir
        self._every_s = every_s
        self._known: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="run-keeper", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, in the middle of a run if need be; the next start writes it anew."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> int:
        """Bring in what is new; how many runs."""
        kept = 0
        for run in list_runs(self._data_dir, without=self._known):
            if self._stopping.is_set():
                break
            # A run that cannot be taken over now is looked at again after the next start.
            self._known.add(run.path.name)
            try:
                where = branch_of(self._ledger, run)
                done = keep_run(self._ledger, where, run, cancelled=self._stopping.is_set)
                kept += done.anew
            except LingjingError as error:
                _log.warning("%s", error)
        return kept

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except (LingjingError, OSError) as error:
                _log.warning("looking for runs failed: %s", error)
            self._stopping.wait(self._every_s)
