"""Blocks computed by the workers of a Dask cluster: the same results, wherever and in what order.

Dask schedules, retries what a lost worker had begun, and forgets everything when this client goes.
What is added here: workers whose code differs from ours are refused, one block at a time runs in
each worker process (the kernels use its threads), and a cluster without workers is told apart from
a slow one.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from lingjing.engine.record import own_code
from lingjing.sdk import LingjingError, Place

PATIENCE_S = 60.0
"""How long a cluster may be without any worker."""
BLOCK_BYTES = 2**20
"""Least memory for the histories of one block, so that a district gives every worker some."""
MOST_BLOCKS = 240
"""About how many blocks a kind is cut into, so that handing them out costs little."""
_ADDRESS = re.compile(r"^(tcp|tls|ws|wss|ucx)://([^\s/:\[\]]+|\[[0-9a-fA-F:]+\]):\d{1,5}/?$")
_LIBRARIES = ("numpy", "numba", "llvmlite")
_ONE_AT_A_TIME = threading.Lock()


def check_address(address: str) -> None:
    """Refuse an address that cannot be one, or a missing Dask, before anything is loaded.

    Raises:
        LingjingError: `cluster.bad-address`, `cluster.not-installed`.
    """
    if not _ADDRESS.match(address):
        raise LingjingError("cluster.bad-address", Place(field="--cluster"), address=address)
    if importlib.util.find_spec("distributed") is None:
        raise LingjingError("cluster.not-installed")


@functools.cache
def fingerprint() -> dict[str, str]:
    """What must be the same here and on a worker for results to be the same to the byte."""
    return {
        "python": ".".join(map(str, sys.version_info[:2])),
        "lingjing": own_code()[:12],
        **{name: version(name) for name in _LIBRARIES},
    }


@contextmanager
def connected(address: str) -> Iterator[ClusterSpreader]:
    """A spreader over the cluster at an address; leaves nothing on it afterwards.

    Dask's own configuration holds, such as `distributed.comm.timeouts.connect` and its security.

    Raises:
        LingjingError: `cluster.bad-address`, `cluster.not-installed`, `cluster.unreachable`.
    """
    check_address(address)
    # Dask takes a second to load and is an extra
    from distributed import Client  # noqa: PLC0415

    connect: Any = Client  # its methods carry no types
    try:
        client = connect(address, set_as_default=False)
    except (OSError, ValueError) as error:
        detail = str(error).partition("\n")[0]
        raise LingjingError("cluster.unreachable", address=address, detail=detail) from None
    try:
        yield ClusterSpreader(client, address)
    finally:
        client.close(timeout=5)


class ClusterSpreader:
    """Spreads blocks over the workers of a cluster.

    Args:
        client: A connected `distributed.Client`.
        address: Of its scheduler, for messages.
        patience_s: How long the cluster may be without workers.
    """

    def __init__(self, client: Any, address: str, patience_s: float = PATIENCE_S) -> None:
        self._client, self._address, self._patience_s = client, address, patience_s

    def budget_bytes(self, local_bytes: int, total_bytes: int) -> int:
        """Smaller blocks than one process alone would take."""
        return min(local_bytes, max(BLOCK_BYTES, total_bytes // MOST_BLOCKS))

    def map(
        self,
        function: Callable[[Any, Any], Any],
        shared: Any,
        items: Sequence[Any],
        done: Callable[[int], None],
    ) -> list[Any]:
        """As `Spreader.map`.

        Raises:
            LingjingError: `cluster.no-workers`, `cluster.unlike-worker`, `cluster.lost`, or what
                the function itself raises.
        """
        # A task, not scattered data: where the worker that holds it dies, it is made again.
        common = self._client.submit(_hold, shared, pure=False)
        tasks = [
            self._client.submit(_compute, function, common, item, fingerprint(), pure=False)
            for item in items
        ]
        try:
            self._wait(tasks, done)
            results: list[Any] = self._client.gather(tasks)
        except LingjingError:
            raise
        except Exception as error:
            raise self._lost(error) from error
        finally:
            for task in (*tasks, common):
                task.cancel()
        return results

    def _wait(self, tasks: Sequence[Any], done: Callable[[int], None]) -> None:
        """Wait for all tasks; raise what the first failing one raises."""
        finished, alone_since = 0, None
        while finished < len(tasks):
            time.sleep(0.1)
            count = 0
            for task in tasks:
                if task.status in ("error", "cancelled", "lost"):
                    task.result(timeout=10)
                count += task.status == "finished"
            if count > finished:
                finished = count
                done(finished)
            workers = self._client.nthreads()
            if workers:
                alone_since = None
            elif alone_since is None:
                alone_since = time.monotonic()
            elif time.monotonic() - alone_since > self._patience_s:
                raise LingjingError(
                    "cluster.no-workers", address=self._address, seconds=f"{self._patience_s:g}"
                )

    def _lost(self, error: Exception) -> LingjingError:
        """The cluster's own faults in our words; an exception of the function stays what it is."""
        family = type(error).__module__.partition(".")[0]
        detail = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        if isinstance(error, ImportError):
            return LingjingError("cluster.unlike-worker", worker=self._address, differences=detail)
        if family in ("distributed", "tornado") or isinstance(error, OSError | RuntimeError):
            return LingjingError("cluster.lost", address=self._address, detail=detail)
        raise error


def _hold(shared: Any) -> Any:
    return shared


def _compute(
    function: Callable[[Any, Any], Any], shared: Any, item: Any, expected: dict[str, str]
) -> Any:
    """One block, on a worker.

    Raises:
        LingjingError: `cluster.unlike-worker` where code or libraries are not those of the client.
    """
    from distributed import get_worker  # noqa: PLC0415

    mine = fingerprint()
    differences = [
        f"{name} {mine[name]}, not {value}" for name, value in expected.items()
        if mine[name] != value
    ]  # fmt: skip
    if differences:
        raise LingjingError(
            "cluster.unlike-worker", worker=get_worker().address, differences="; ".join(differences)
        )
    with _ONE_AT_A_TIME:
        return function(shared, item)
