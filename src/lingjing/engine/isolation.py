"""Running a guest in a process of its own, so that its faults stay its own."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.feather
from numpy.typing import NDArray

from lingjing.engine.guest import ANSWER, ARRAYS, FAILURE, HANDOVER
from lingjing.engine.run_snapshot import Snapshot
from lingjing.sdk import (
    Alarm,
    Foreseen,
    Heard,
    LingjingError,
    Manifest,
    Outcome,
    Outlook,
    Place,
    Progress,
    Reason,
    Work,
)

TAIL_LINES = 15
POLL_S = 0.05


@dataclass(frozen=True)
class GuestAnswer:
    """What a guest said, made of plain data.

    Attributes:
        alarm: None where it sleeps through this weather.
        foreseen: Its outcomes and remarks.
        works: The work it proposes.
        timings: Seconds by step.
        peak_memory_mb: Largest resident size of its process.
        log: The end of what it printed.
    """

    alarm: Alarm | None
    foreseen: Foreseen
    works: tuple[Work, ...]
    timings: dict[str, float]
    peak_memory_mb: float
    log: str


def ask_guest(
    manifest: Manifest,
    twin: Snapshot,
    outlook: Outlook,
    *,
    seed: int,
    time_limit_s: float,
    progress: Progress,
    cancelled: Callable[[], bool] = lambda: False,
    cluster: str | None = None,
) -> GuestAnswer:
    """Run a scenario in a child process and take its answer.

    The child gets only the kinds its manifest declares. With `cluster` the address of a scheduler,
    the blocks it spreads are computed there. On time-out, Ctrl-C or `cancelled()` it is
    killed with everything it started, and nothing stays behind.

    Raises:
        LingjingError: `scenario.raised`, `scenario.crashed`, `scenario.took-too-long`,
            `scenario.broken-promise`, `run.interrupted`, `output.no-temporary-room`, `cluster.*`,
            or an error the guest raised itself.
    """
    with room():
        folder = Path(tempfile.mkdtemp(prefix="lingjing-guest-"))
    try:
        handover = {
            "scenario": manifest.id,
            "twin": twin.only(manifest.kinds),
            "outlook": outlook,
            "seed": seed,
            "cluster": cluster,
        }
        with room(), (folder / HANDOVER).open("wb") as file:
            pickle.dump(handover, file, protocol=pickle.HIGHEST_PROTOCOL)
        status = supervise(manifest, folder, time_limit_s, progress, cancelled)
        log = tail_of(folder)
        if status != 0 or not (folder / ANSWER).is_file():
            raise failure_of(manifest, folder, status, log)
        return _read_answer(manifest, folder, log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def room() -> Iterator[None]:
    """Say in our words that the system's temporary folder cannot be written."""
    try:
        yield
    except OSError as error:
        detail = error.strerror or str(error)
        folder = _temporary_folder()
        raise LingjingError("output.no-temporary-room", folder=folder, detail=detail) from error


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.environ.get("TMPDIR", "/tmp")  # noqa: S108 only named, not used


def supervise(
    manifest: Manifest,
    folder: Path,
    time_limit_s: float,
    progress: Progress,
    cancelled: Callable[[], bool] = lambda: False,
    module: str = "lingjing.engine.guest",
) -> int:
    """Start a module on a hand-over folder and wait for it; returns its exit status.

    Raises:
        LingjingError: `scenario.took-too-long`, `run.interrupted`.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-m", module, str(folder)]
    with (folder / "log.txt").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    listener = threading.Thread(target=_listen, args=(child.stdout, progress), daemon=True)
    listener.start()
    end = time.monotonic() + time_limit_s
    try:
        while child.poll() is None:
            if cancelled():
                raise LingjingError("run.interrupted")
            if time.monotonic() > end:
                raise LingjingError(
                    "scenario.took-too-long", id=manifest.id, limit=f"{time_limit_s:g}"
                )
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(POLL_S)
    except KeyboardInterrupt:
        raise LingjingError("run.interrupted") from None
    finally:
        _end(child)
        listener.join(timeout=5)
        if child.stdout is not None and not listener.is_alive():
            child.stdout.close()
    return child.returncode


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole group: a guest may have started helpers of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _listen(channel: Any, progress: Progress) -> None:
    for line in channel:
        with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError, ValueError):
            message = msgspec.json.decode(line)
            progress.report(min(max(float(message["done"]), 0.0), 1.0), message["text"])


def tail_of(folder: Path) -> str:
    """The end of what a guest printed."""
    lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:])


def failure_of(manifest: Manifest, folder: Path, status: int, log: str) -> LingjingError:
    """Why a guest's process left no answer, from what it wrote down."""
    try:
        report = msgspec.json.decode((folder / FAILURE).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        name = f"signal {-status}" if status < 0 else f"exit status {status}"
        return LingjingError("scenario.crashed", id=manifest.id, detail=name, log=log)
    if "code" in report:
        place = Place(**report["place"])
        with contextlib.suppress(KeyError, TypeError):
            return LingjingError(report["code"], place, **report["values"])
    return LingjingError(
        "scenario.raised",
        id=manifest.id,
        step=report.get("step", "?"),
        detail=report.get("detail", "LingjingError"),
        log=log,
    )


def _read_answer(manifest: Manifest, folder: Path, log: str) -> GuestAnswer:
    try:
        answer = msgspec.json.decode((folder / ANSWER).read_bytes())
        alarm = answer["alarm"]
        works = tuple(_work(row) for row in answer["works"])
        outcomes = _read_outcomes(folder, answer["outcomes"])
        heard = tuple(_heard(row) for row in answer["heard"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise LingjingError(
            "scenario.broken-promise", id=manifest.id, detail=f"its answer is unreadable: {error}"
        ) from error
    return GuestAnswer(
        alarm=None if alarm is None else Alarm(alarm["level"], alarm["text"]),
        foreseen=Foreseen(outcomes, tuple(answer["remarks"]), heard=heard),
        works=works,
        timings=dict(answer["timings"]),
        peak_memory_mb=float(answer["peak_memory_mb"]),
        log=log,
    )


def _heard(row: dict[str, Any]) -> Heard:
    """A sensor's verdict from JSON, in which not-a-number is null."""
    silent_h = math.nan if row["silent_h"] is None else row["silent_h"]
    correction = tuple((str(name), float(value)) for name, value in row["correction"])
    return Heard(**(row | {"silent_h": silent_h, "correction": correction}))


def _work(row: dict[str, Any]) -> Work:
    """A piece of work from JSON, in which not-a-number is null."""
    numbers = {
        name: math.nan if value is None else value
        for name, value in row["reason"]["numbers"].items()
    }
    plain: dict[str, Any] = {
        name: math.nan if value is None else value for name, value in row.items()
    }
    reason = Reason(row["reason"]["text"], numbers)
    return Work(**(plain | {"assets": tuple(row["assets"]), "reason": reason}))


def _read_outcomes(folder: Path, rows: list[dict[str, Any]]) -> tuple[Outcome, ...]:
    lists: dict[str, NDArray[np.object_]] = {}
    outcomes = []
    for row in rows:
        name = row["assets"]
        if name not in lists:
            column = pyarrow.feather.read_table(folder / name)["asset"]
            lists[name] = column.to_numpy()
        arrays = {
            key: np.load(folder / file, allow_pickle=False) for key, file in row["arrays"].items()
        }
        values = {key: arrays.get(key) for key in ARRAYS}
        outcomes.append(
            Outcome(
                quantity=row["quantity"],
                kind=row["kind"],
                assets=lists[name],
                situation=arrays["situation"],
                **values,
            )
        )
    return tuple(outcomes)
