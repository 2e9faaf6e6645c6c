"""Works through the queue of what-ifs, one at a time, beside a ledger that may be written."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import msgspec

from lingjing.engine.results import RUNS
from lingjing.engine.run_content import both
from lingjing.engine.settings import open_district
from lingjing.engine.whatifs.applying import lay_down, planned
from lingjing.engine.whatifs.book import Book, State, WhatIf, base_run, now
from lingjing.engine.whatifs.job import Errand, Line
from lingjing.engine.whatifs.order import Changes
from lingjing.sdk import LingjingError
from lingjing.twin.ledger import DEFAULT_TENANT, Branch, Ledger
from lingjing.vocabulary import catalogue

if os.name == "posix":
    import fcntl

EVERY_S: Final = 0.3
APPLIED: Final = 0.1
"""Share of the whole when the changes lie in the branch."""
_LOCK: Final = ".lock"
MESSAGES: Final = catalogue("lingjing.engine.whatifs")
_log = logging.getLogger(__name__)

Follow = Callable[[WhatIf], None]


class Runner:
    """Carries out what-ifs: branch, changes, run.

    Args:
        ledger: The twin that this process may write.
        data_dir: Where orders and runs are.
    """

    def __init__(self, ledger: Ledger, data_dir: Path) -> None:
        self.book = Book(data_dir)
        self._ledger = ledger
        self._data_dir = data_dir
        self._stopping = threading.Event()
        self._waking = threading.Event()
        self._lock: IO[bytes] | None = None
        self._thread = threading.Thread(target=self._work, name="whatif-runner", daemon=True)
        self._live: WhatIf | None = None

    # The thread of a server

    def start(self) -> None:
        """Begin to work through the queue."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; a what-if that is being computed is said to be interrupted."""
        self._stopping.set()
        self._waking.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15)
        self.let_go()

    def wake(self) -> None:
        """Look at the queue now."""
        self._waking.set()

    def current(self, item: WhatIf) -> WhatIf:
        """The record with the progress that this process knows of."""
        live = self._live
        return live if live is not None and live.order == item.order else item

    def take(self) -> bool:
        """Become the one that works on this folder's what-ifs; False where another is."""
        if self._lock is not None:
            return True
        self.book.folder.mkdir(parents=True, exist_ok=True)
        file = (self.book.folder / _LOCK).open("ab")
        try:
            if os.name == "posix":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._lock = file
        return True

    def let_go(self) -> None:
        """Leave the what-ifs to others."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _work(self) -> None:
        recovered = False
        while not self._stopping.is_set():
            try:
                if self.take():
                    if not recovered:
                        self.recover()
                        recovered = True
                    self.look()
            except (LingjingError, OSError) as error:
                _log.warning("looking at the what-ifs failed: %s", error)
            self._waking.wait(EVERY_S)
            self._waking.clear()

    def recover(self) -> None:
        """Say of what was being computed when an earlier process ended that it was interrupted."""
        for item in self.book.all():
            if item.state == "running":
                self._tidy(item)
                self._end(item, "interrupted", LingjingError("whatif.interrupted"))

    def look(self, follow: Follow = lambda _: None) -> int:
        """Do what waits: wishes first, then the oldest orders; how many were carried out."""
        done = 0
        while not self._stopping.is_set():
            self._grant()
            waiting = [item for item in self.book.all() if item.state == "waiting"]
            if not waiting:
                break
            self.carry_out(min(waiting, key=lambda item: item.order), follow)
            done += 1
        return done

    def _grant(self) -> None:
        for item in self.book.all():
            if self.book.wished(item.name, "drop") and item.state != "running":
                try:
                    self.drop(item.name)
                except LingjingError as error:
                    _log.warning("%s", error)
                    self.book.unwish(item.name, "drop")
            elif self.book.wished(item.name, "cancel"):
                self.book.unwish(item.name, "cancel")
                if item.state == "waiting":
                    self._end(item, "cancelled")

    # One what-if

    def carry_out(self, item: WhatIf, follow: Follow = lambda _: None) -> WhatIf:
        """Make the branch, lay the changes down, run; the record at the end.

        Whatever goes wrong stands in the record, and nothing else is left.
        """
        item = self._put(item, state="running", started_at=now(), text=both("progress.load"))
        try:
            item = self._carry_out(item, follow)
        except LingjingError as error:
            item = self._live or item
            self._tidy(item)
            state: State = "failed"
            if error.code == "run.interrupted":
                state = "interrupted" if self._stopping.is_set() else "cancelled"
                error = LingjingError("whatif.interrupted") if state == "interrupted" else error
            item = self._end(item, state, None if state == "cancelled" else error)
        except BaseException:
            item = self._live or item
            self._tidy(item)
            self._end(item, "interrupted", LingjingError("whatif.interrupted"))
            raise
        finally:
            self._live = None
            self.book.unwish(item.name, "cancel")
        follow(item)
        return item

    def _carry_out(self, item: WhatIf, follow: Follow) -> WhatIf:
        def progress(done: float, line: Line) -> None:
            nonlocal item
            item = self._put(item, done=round(done, 3), text=line.text or item.text)
            follow(item)

        base_run(self._data_dir, item.run)
        parent = self._ledger.branch(DEFAULT_TENANT, item.parent)
        if any(held.name == item.name for held in self._ledger.branches(DEFAULT_TENANT)):
            raise LingjingError("whatif.name-taken", name=item.name)
        # noted first, so that nobody's branch is left behind if this process ends in between
        item = self._put(item, branched=True)
        branch = self._ledger.create_branch(parent, item.name, item.note)
        applying = MESSAGES.both("progress.apply")
        count = self._apply(item, branch, lambda done: progress(
            APPLIED * done, Line(text=applying)
        ))  # fmt: skip
        item = self._put(item, entities=count, done=APPLIED)
        line = self._run(item, lambda line: progress(APPLIED + (1 - APPLIED) * line.done, line))
        return self._put(
            item, state="done", done=1.0, result=line.result, cautions=line.cautions,
            finished_at=now(), text=None,
        )  # fmt: skip

    def _apply(self, item: WhatIf, branch: Branch, report: Callable[[float], None]) -> int:
        wanted = msgspec.convert(item.changes, Changes).of_assets()
        if not wanted:
            return 0
        store = open_district(self._data_dir, item.district)
        try:
            values = planned(store.twin(item.district, item.parent), wanted)
        finally:
            store.close()
        return lay_down(
            self._ledger, branch, values, f"what-if {item.name}", report,
            lambda: self._is_cancelled(item),
        )  # fmt: skip

    def _run(self, item: WhatIf, tell: Callable[[Line], None]) -> Line:
        """Have a process of its own run the scenario.

        Raises:
            LingjingError: What the run raised there, `run.interrupted`, `whatif.interrupted`.
        """
        errand = Errand(
            str(self._data_dir), item.run, item.name, str(self._out(item)), item.name, item.changes
        )
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "lingjing.engine.whatifs.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        lines: list[Line] = []
        listener = threading.Thread(target=_listen, args=(child.stdout, lines, tell), daemon=True)
        try:
            if child.stdin is not None:
                child.stdin.write(msgspec.json.encode(errand))
                child.stdin.close()
            listener.start()
            while child.poll() is None:
                if self._is_cancelled(item):
                    raise LingjingError("run.interrupted")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(0.1)
        except KeyboardInterrupt:
            raise LingjingError("run.interrupted") from None
        finally:
            _end(child)
            if listener.is_alive():
                listener.join(timeout=5)
            if child.stdout is not None and not listener.is_alive():
                child.stdout.close()
        last = lines[-1] if lines else Line()
        if last.result:
            return last
        if last.error is not None:
            raise _ToldError(last.error)
        raise LingjingError("whatif.interrupted")

    def _out(self, item: WhatIf) -> Path:
        start = item.run.rsplit("-", 1)[0].split("-whatif")[0]
        mark = hashlib.sha256(f"{item.name}/{item.order}".encode()).hexdigest()[:8]
        return self._data_dir / RUNS / f"{start}-whatif-{mark}"

    def _is_cancelled(self, item: WhatIf) -> bool:
        return self._stopping.is_set() or any(
            self.book.wished(item.name, wish) for wish in ("cancel", "drop")
        )

    def drop(self, name: str, *, even_kept: bool = False) -> None:
        """Remove a what-if with its branch and its run.

        Raises:
            LingjingError: `whatif.unknown`, `whatif.kept`, `whatif.has-branches`.
        """
        item = self.book.get(name)
        if item.kept and not even_kept:
            raise LingjingError("whatif.kept", name=name)
        self._clean(item)
        self.book.remove(name)

    def _tidy(self, item: WhatIf) -> None:
        """Clean up as far as it goes: what is in the way is said in the log, and by `drop`."""
        try:
            self._clean(item)
        except LingjingError as error:
            _log.warning("%s", error)

    def _clean(self, item: WhatIf) -> None:
        """Take away the branch and whatever there is of the run, half-made folders included.

        Raises:
            LingjingError: `whatif.has-branches`.
        """
        branch = self._branch(item)
        if branch is not None:
            try:
                self._ledger.drop_branch(branch)
            except LingjingError as error:
                if error.code == "twin.branch-in-use":
                    raise LingjingError("whatif.has-branches", name=item.name) from error
                raise
        out = self._out(item)
        for folder in (out, *out.parent.glob(f".{out.name}.*")):
            shutil.rmtree(folder, ignore_errors=True)

    def _branch(self, item: WhatIf) -> Branch | None:
        """The branch of a what-if, once it has one of its own."""
        if not item.branched:
            return None
        try:
            return self._ledger.branch(DEFAULT_TENANT, item.name)
        except LingjingError:
            return None

    def _put(self, item: WhatIf, **values: object) -> WhatIf:
        changed = msgspec.structs.replace(item, **values)
        self._live = changed
        return self.book.put(changed)

    def _end(self, item: WhatIf, state: State, error: LingjingError | None = None) -> WhatIf:
        told = None if error is None else getattr(error, "told", None) or error.as_dict()
        return self._put(
            item,
            state=state,
            finished_at=now(),
            error=told,
            text=None,
            result=None,
            entities=0,
            branched=self._branch(item) is not None,
        )


class _ToldError(LingjingError):
    """An error of the run's process, as it told it."""

    def __init__(self, told: dict[str, object]) -> None:
        super().__init__("whatif.interrupted")
        self.told = told


def _listen(channel: IO[bytes], lines: list[Line], tell: Callable[[Line], None]) -> None:
    for text in channel:
        with contextlib.suppress(msgspec.DecodeError):
            line = msgspec.json.decode(text, type=Line)
            lines.append(line)
            if not line.result and line.error is None:
                tell(line)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
