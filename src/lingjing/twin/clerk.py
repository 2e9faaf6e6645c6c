"""The clerk: one thread that writes for everybody, many jobs to a commit, whatever the driver.

Jobs that wait are taken together, run one after another over what the driver fetched for them, and
written in one transaction; their futures end when it is durable. While one group is being written
the next gathers, so a slow disk makes groups larger rather than writing slower.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any, Final, Protocol, TypeVar

import msgspec

from lingjing.twin.desk import Fetcher, Group, Sight, WorkDesk
from lingjing.twin.ledger import Commit, Job
from lingjing.vocabulary import LingjingError

T = TypeVar("T")

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 100_000
"""Jobs that may wait; more are refused as `twin.busy`, so that memory does not run out."""
_MOST_IDS: Final = 8_192
"""Entities that a group names at most (a single job may name more)."""
_MOST_REMEMBERED: Final = 32_768
_LONGEST_PAUSE_S: Final = 1.0


_GARBAGE_THRESHOLDS: Final = (100_000, 20, 50)


class _Calm:
    """Keeps Python's garbage collector from looking every few hundred allocations.

    A group of jobs makes objects by the hundred thousand that die young and form no cycles; with
    the usual thresholds, looking through them costs more than all the rest of the writing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clerks = 0
        self._before = gc.get_threshold()

    def begin(self) -> None:
        """A clerk starts to work."""
        with self._lock:
            self._clerks += 1
            if self._clerks == 1:
                self._before = gc.get_threshold()
                if 0 < self._before[0] < _GARBAGE_THRESHOLDS[0]:
                    gc.set_threshold(*_GARBAGE_THRESHOLDS)

    def end(self) -> None:
        """A clerk has ended; after the last, all is as before."""
        with self._lock:
            self._clerks -= 1
            if self._clerks == 0:
                gc.set_threshold(*self._before)


_calm = _Calm()


class Start(msgspec.Struct, frozen=True):
    """Where a group begins.

    Attributes:
        sequence: Last number given to a change.
        recorded_us: Time of the last change [µs].
        unchanged: Nobody else has written since the driver's last commit, so that documents
            remembered from it still hold.
    """

    sequence: int
    recorded_us: int
    unchanged: bool


class Driver(Fetcher, Protocol):
    """What the clerk needs of a driver; all of it is called from the clerk's thread alone."""

    def begin(self) -> Start:
        """Open a transaction that will write."""
        ...

    def commit(self) -> None:
        """Make the transaction durable.

        A driver that loses its connection here must find out what became of the transaction, and
        return normally if it was committed.
        """
        ...

    def rollback(self) -> None:
        """Undo the open transaction, if there is one; never raises."""
        ...

    def repeatable(self, error: BaseException, attempt: int) -> bool:
        """Whether a group that failed so is to be run again, for the `attempt`-th time."""
        ...

    def tend(self) -> bool:
        """Do a piece of upkeep between groups, in transactions of its own; whether more waits."""
        ...

    def close(self) -> None:
        """Let go of what the clerk's side holds."""
        ...


class _Item:
    """A job, or a piece of work that needs the driver alone, and who waits for it."""

    __slots__ = ("error", "future", "job", "loop", "result", "work")

    def __init__(
        self,
        job: Job[Any] | None,
        work: Callable[[Any], Any] | None,
        future: Any,
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.job = job
        self.work = work
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None


class Clerk:
    """Runs jobs in groups on a thread of its own.

    Args:
        driver: Written through by the clerk alone.
        name: Of the thread, and of the twin in errors.
        clock_us: Time now [µs since 1970 UTC]; it may step back, the twin's time does not.
    """

    def __init__(
        self, driver: Driver, name: str, clock_us: Callable[[], int] | None = None
    ) -> None:
        self._driver = driver
        self._name = name
        self._clock_us = clock_us or (lambda: time.time_ns() // 1000)
        self._waiting: deque[_Item] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._last_us = 0
        self._remembered: OrderedDict[tuple[int, str], Sight] = OrderedDict()
        self._thread = threading.Thread(target=self._work, name=f"clerk of {name}", daemon=True)
        self._thread.start()

    # For those who hand in work

    def submit(self, job: Job[T]) -> Future[T]:
        """Hand in a job; see `Ledger.submit`."""
        future: Future[T] = Future()
        self._add(_Item(job, None, future, None))
        return future

    def submit_soon(self, job: Job[T]) -> asyncio.Future[T]:
        """Hand in a job from a running event loop; much cheaper than wrapping `submit`.

        All jobs of a group that one loop waits for end in a single call into that loop.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._add(_Item(job, None, future, loop))
        return future

    def alone(self, work: Callable[[Any], T]) -> T:
        """Run something with the driver between two groups, and wait for it.

        It is called with the driver, outside any transaction, on the clerk's thread.
        """
        future: Future[T] = Future()
        self._add(_Item(None, work, future, None))
        return future.result()

    def listen(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Call this with every group of commits; see `Ledger.listen`."""
        self._listeners = [*self._listeners, listener]

    def announce(self, commits: Sequence[Commit]) -> None:
        """Tell the listeners of commits (a driver also tells of those of other processes)."""
        for listener in self._listeners:
            # One listener's fault must not keep the others from hearing, nor stop the clerk.
            try:
                listener(commits)
            except Exception:  # noqa: BLE001
                _log.exception("A listener of the twin failed")

    @property
    def waiting(self) -> int:
        """Jobs that wait now."""
        return len(self._waiting)

    def now_us(self) -> int:
        """Time for a change made now [µs]: later than that of every change before."""
        self._last_us = max(self._clock_us(), self._last_us + 1)
        return self._last_us

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join()

    def _add(self, item: _Item) -> None:
        with self._wake:
            if self._closing:
                raise LingjingError("twin.closed", path=self._name)
            if len(self._waiting) >= MOST_WAITING:
                raise LingjingError("twin.too-many-waiting", waiting=len(self._waiting))
            self._waiting.append(item)
            if len(self._waiting) == 1:
                self._wake.notify()

    # The clerk's own thread

    def _work(self) -> None:
        _calm.begin()
        try:
            self._work_until_closed()
        finally:
            _calm.end()
            self._driver.close()

    def _work_until_closed(self) -> None:
        upkeep = True
        while True:
            with self._wake:
                while not self._waiting and not self._closing and not upkeep:
                    self._wake.wait()
                if not self._waiting and self._closing:
                    break
                items = self._take()
            if items and items[0].work is not None:
                self._run_alone(items[0])
            elif items:
                self._write(items)
            upkeep = self._tend()

    def _tend(self) -> bool:
        try:
            return self._driver.tend()
        except Exception:  # noqa: BLE001 upkeep is tried again after the next group
            self._driver.rollback()
            return False

    def _take(self) -> list[_Item]:
        """The jobs of the next group, in order; work that needs the driver alone comes alone."""
        taken: list[_Item] = []
        ids = 0
        while self._waiting:
            item = self._waiting[0]
            if item.job is None:
                if not taken:
                    taken.append(self._waiting.popleft())
                break
            ids += len(item.job.ids) or 1
            if taken and ids > _MOST_IDS:
                break
            taken.append(self._waiting.popleft())
        return taken

    def _run_alone(self, item: _Item) -> None:
        assert item.work is not None  # noqa: S101
        self._remembered.clear()
        try:
            item.result = item.work(self._driver)
        except BaseException as error:  # noqa: BLE001 it belongs to who asked
            self._driver.rollback()
            item.error = error
        _settle([item])

    def _write(self, items: list[_Item]) -> None:
        """Write a group; where that fails for no reason of the driver's, each job by itself."""
        try:
            commits = self._attempt(items)
        except LingjingError as error:
            for item in items:
                item.error = error
            commits = []
        except Exception as error:  # noqa: BLE001 whatever it was, one job may be to blame
            commits = []
            if len(items) == 1:
                items[0].error = error
            else:
                for item in items:
                    self._write([item])
                return
        _settle(items)
        if commits:
            self.announce(commits)

    def _attempt(self, items: list[_Item]) -> list[Commit]:
        """Write a group, again and again while the driver says that this may help."""
        attempt = 0
        while True:
            try:
                return self._transact(items)
            except Exception as error:
                self._driver.rollback()
                self._remembered.clear()
                attempt += 1
                if not self._driver.repeatable(error, attempt):
                    raise
            time.sleep(min(_LONGEST_PAUSE_S, 0.01 * 2**attempt))

    def _transact(self, items: list[_Item]) -> list[Commit]:
        start = self._driver.begin()
        if not start.unchanged:
            self._remembered.clear()
        group = Group(self._driver, start.sequence)
        gone = self._prefetch(group, items)
        self._last_us = max(self._last_us, start.recorded_us)
        for item in items:
            job = item.job
            assert job is not None  # noqa: S101
            item.error = gone.get(job.branch.key)
            if item.error is not None:
                continue
            desk = WorkDesk(group, job.branch, self.now_us())
            try:
                item.result = job.run(desk)
            except Exception as error:  # noqa: BLE001 it belongs to who handed the job in
                item.error = error
                desk.abandon()
            else:
                desk.keep()
        commits = group.commits
        group.flush()
        if group.wrote:
            self._driver.commit()
            self._remember(group)
        else:
            self._driver.rollback()
        return commits

    def _prefetch(self, group: Group, items: list[_Item]) -> dict[int, LingjingError]:
        """Fetch in one step per branch what the jobs name; which branches are gone."""
        wanted: dict[int, dict[str, None]] = {}
        branches = {}
        for item in items:
            assert item.job is not None  # noqa: S101
            key = item.job.branch.key
            branches[key] = item.job.branch
            ids = wanted.setdefault(key, {})
            for entity_id in item.job.ids:
                remembered = self._remembered.get((key, entity_id))
                if remembered is None:
                    ids[entity_id] = None
                else:
                    group.sights[key, entity_id] = remembered
        gone: dict[int, LingjingError] = {}
        for key, ids in wanted.items():
            try:
                self._driver.require(branches[key])
            except LingjingError as error:
                if error.code != "twin.no-branch":
                    raise
                gone[key] = error
                continue
            if ids:
                group.fetch(branches[key], list(ids))
        return gone

    def _remember(self, group: Group) -> None:
        remembered = self._remembered
        for key in group.forgotten:
            remembered.pop(key, None)
        for key, sight in group.sights.items():
            remembered[key] = sight
            remembered.move_to_end(key)
        while len(remembered) > _MOST_REMEMBERED:
            remembered.popitem(last=False)


def _settle(items: Sequence[_Item]) -> None:
    """End the futures; those of event loops in one call into each."""
    loops: dict[asyncio.AbstractEventLoop, list[_Item]] = {}
    for item in items:
        if item.loop is not None:
            loops.setdefault(item.loop, []).append(item)
            continue
        try:
            if item.error is not None:
                item.future.set_exception(item.error)
            else:
                item.future.set_result(item.result)
        except InvalidStateError:
            continue  # who waited has given up
    for loop, theirs in loops.items():
        try:
            loop.call_soon_threadsafe(_deliver, theirs)
        except RuntimeError:
            continue  # the loop is closed: nobody waits any more


def _deliver(items: Sequence[_Item]) -> None:
    for item in items:
        if item.future.done():
            continue
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)
