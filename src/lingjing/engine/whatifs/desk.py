"""What-ifs for a command: carried out here, or by the server that holds the twin."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from lingjing.engine.keeping import branch_of
from lingjing.engine.results import RunFolder
from lingjing.engine.run_entities import keep_run
from lingjing.engine.settings import STORE_VARIABLE, open_district, open_ledger, store_url
from lingjing.engine.whatifs.book import Book, WhatIf, base_run
from lingjing.engine.whatifs.comparing import Comparison
from lingjing.engine.whatifs.order import Order
from lingjing.engine.whatifs.runner import Runner
from lingjing.sdk import LingjingError

EVERY_S = 0.3
_BUSY = ("twin.in-use",)


def order_whatif(
    data_dir: Path,
    order: Order,
    *,
    store: str | None = None,
    wait: bool = True,
    follow: Callable[[WhatIf], None] = lambda _: None,
) -> WhatIf:
    """Order a what-if, and see it carried out by whoever may write the twin.

    Where nobody else holds the twin, this process does it, and what waited before it too; else
    the server that holds it does. Interrupted, the what-if is cancelled.

    Args:
        data_dir, store: Where; see `settings`.
        order: What is asked for.
        wait: Whether to wait for the end; otherwise it is left for a server.
        follow: Takes the record whenever it has changed.

    Raises:
        LingjingError: What `Book.place` raises, `run.interrupted`.
    """
    if store is not None:
        # The process that runs the what-if reads the districts of the same twin.
        os.environ[STORE_VARIABLE] = store
    book = Book(data_dir)
    placed = book.place(order)

    def tell(item: WhatIf) -> None:
        if item.name == order.name:
            follow(item)

    try:
        while wait and not (placed := book.get(order.name)).is_over:
            if not _do_here(data_dir, store, tell):
                tell(placed)
                time.sleep(EVERY_S)
    except (KeyboardInterrupt, LingjingError) as error:
        if isinstance(error, KeyboardInterrupt) and not book.get(order.name).is_over:
            book.wish(order.name, "cancel")
        if isinstance(error, KeyboardInterrupt):
            raise LingjingError("run.interrupted") from None
        raise
    return placed


def _do_here(data_dir: Path, store: str | None, follow: Callable[[WhatIf], None]) -> bool:
    """Work through the queue in this process; False where another does."""
    try:
        with open_ledger(data_dir, store_url(store)) as ledger:
            runner = Runner(ledger, data_dir)
            if not runner.take():
                return False
            try:
                runner.recover()
                runner.look(follow)
                for item in runner.book.all():
                    if item.result is not None:
                        run = RunFolder(data_dir / "runs" / item.result)
                        keep_run(ledger, branch_of(ledger, run), run)
            finally:
                runner.let_go()
    except LingjingError as error:
        if error.code in _BUSY:
            return False
        raise
    return True


def drop_whatif(
    data_dir: Path, name: str, *, store: str | None = None, even_kept: bool = False
) -> bool:
    """Remove a what-if with branch and run; False where it is left to the server to do.

    Raises:
        LingjingError: `whatif.unknown`, `whatif.kept`, `whatif.has-branches`.
    """
    book = Book(data_dir)
    item = book.get(name)
    if item.kept and not even_kept:
        raise LingjingError("whatif.kept", name=name)
    try:
        with open_ledger(data_dir, store_url(store)) as ledger:
            runner = Runner(ledger, data_dir)
            if runner.take():
                try:
                    runner.recover()
                    runner.drop(name, even_kept=even_kept)
                finally:
                    runner.let_go()
                return True
    except LingjingError as error:
        if error.code not in _BUSY:
            raise
    if item.kept:
        keep_whatif(data_dir, name, kept=False)
    book.wish(name, "drop")
    return False


def cancel_whatif(data_dir: Path, name: str) -> WhatIf:
    """Ask for a what-if to be stopped; one that is over is left as it is.

    Raises:
        LingjingError: `whatif.unknown`.
    """
    book = Book(data_dir)
    item = book.get(name)
    if not item.is_over:
        book.wish(name, "cancel")
    return item


def keep_whatif(data_dir: Path, name: str, *, kept: bool) -> WhatIf:
    """Mark a what-if as kept, or take the mark off.

    Raises:
        LingjingError: `whatif.unknown`, `whatif.not-done`.
    """
    return Book(data_dir).mark(name, kept=kept)


def run_of(data_dir: Path, name: str) -> RunFolder:
    """The run of a what-if by its name, else the run of that name.

    Raises:
        LingjingError: `whatif.not-done`, `run.no-run`.
    """
    book = Book(data_dir)
    if not book.has(name):
        return base_run(data_dir, name)
    item = book.get(name)
    if item.result is None:
        raise LingjingError("whatif.not-done", name=name, state=item.state)
    return base_run(data_dir, item.result)


def compare_whatif(data_dir: Path, name: str, other: str | None = None) -> Comparison:
    """A what-if beside its base run, or beside another what-if or run.

    Raises:
        LingjingError: As `run_of` and `Comparison`.
    """
    after = run_of(data_dir, name)
    base = (after.record().get("whatif") or {}).get("base") or after.path.name
    before = run_of(data_dir, other if other is not None else str(base))
    store = open_district(data_dir, str(before.summary()["district"]["name"]))
    try:
        twin = store.twin(str(before.summary()["district"]["name"]))
        return Comparison(before, after, twin.view)
    finally:
        store.close()
