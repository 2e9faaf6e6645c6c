"""The guest's own process: run as `python -m lingjing.engine.guest FOLDER`.

Takes the hand-over that `isolation` wrote into the folder, runs the scenario, and leaves its
results there as plain arrays and JSON: the parent never unpickles what a guest made. Progress
goes line by line through the first output; whatever the guest prints goes to the log instead.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.feather

from lingjing.engine.cluster import connected
from lingjing.forecast.spread import using
from lingjing.sdk import (
    Foreseen,
    LingjingError,
    Outlook,
    Place,
    Progress,
    Scenario,
    Text,
    Twin,
    Work,
)
from lingjing.sdk.registry import load

HANDOVER = "handover.pickle"
ANSWER = "answer.json"
FAILURE = "failure.json"
ARRAYS = ("levels", "fan", "probability", "onset_hours", "hourly", "sensor_gain")


class _Reporting(Progress):
    """Sends progress to the parent, at most a few times a second."""

    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._last = 0.0

    def report(self, done: float, text: Text) -> None:
        """Say that the share `done` (0 to 1) is finished."""
        now = time.monotonic()
        if done < 1.0 and now - self._last < 0.2:
            return
        self._last = now
        line = msgspec.json.encode({"done": float(done), "text": dict(text)})
        self._channel.write(line.decode() + "\n")
        self._channel.flush()


def follow_parent() -> None:
    """End when the parent has gone, so that no guest computes for nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(4)

    threading.Thread(target=watch, daemon=True).start()


def _foresee(
    scenario: Scenario,
    twin: Twin,
    outlook: Outlook,
    handover: Mapping[str, Any],
    progress: Progress,
) -> Foreseen:
    """What the scenario foresees; a cluster computes what it spreads, where one is named."""
    seed, cluster = handover["seed"], handover["cluster"]
    with contextlib.ExitStack() as stack:
        if cluster is not None:
            stack.enter_context(using(stack.enter_context(connected(cluster))))
        return scenario.foresee(twin, outlook, seed=seed, progress=progress)


def main(folder: Path) -> int:
    """Run the scenario of the hand-over; returns the exit status."""
    follow_parent()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the guest prints belongs to the log
    with (folder / HANDOVER).open("rb") as file:
        handover = pickle.load(file)  # noqa: S301 written by our own parent process
    step = "import"
    timings: dict[str, float] = {}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        nonlocal step
        step = name
        begun = time.perf_counter()
        try:
            return act()
        finally:
            timings[f"{name}_s"] = time.perf_counter() - begun

    try:
        twin, outlook = handover["twin"], handover["outlook"]
        scenario = timed("import", lambda: load(handover["scenario"]))
        alarm = timed("wake", lambda: scenario.wake(outlook))
        answer: dict[str, Any] = {"alarm": None}
        answer |= {name: [] for name in ("outcomes", "remarks", "works", "heard")}
        if alarm is not None:
            answer["alarm"] = {"level": alarm.level, "text": dict(alarm.text)}
            progress = _Reporting(channel)
            foreseen = timed(
                "foresee", partial(_foresee, scenario, twin, outlook, handover, progress)
            )
            works = timed("answer", lambda: list(scenario.answer(twin, foreseen)))
            step = "hand-over"
            answer |= _plain_foreseen(folder, foreseen)
            answer["works"] = [_plain_work(work) for work in works]
        answer["timings"] = timings
        answer["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        (folder / ANSWER).write_bytes(msgspec.json.encode(answer, enc_hook=_number))
    except LingjingError as error:
        traceback.print_exc()
        place = error.place or Place()
        where = {"file": place.file, "line": place.line, "field": place.field}
        values = {name: str(value) for name, value in error.values.items()}
        leave_failure(folder, {"step": step, "code": error.code, "place": where, "values": values})
        return 3
    except OSError as error:
        traceback.print_exc()
        if step != "hand-over":
            leave_failure(folder, {"step": step, "detail": f"{type(error).__name__}: {error}"})
            return 3
        where = {"file": None, "line": None, "field": None}
        values = {"folder": str(folder.parent), "detail": error.strerror or str(error)}
        leave_failure(
            folder, {"code": "output.no-temporary-room", "place": where, "values": values}
        )
        return 3
    except Exception as error:  # noqa: BLE001 whatever a guest does wrong becomes a report
        traceback.print_exc()
        leave_failure(folder, {"step": step, "detail": f"{type(error).__name__}: {error}"})
        return 3
    return 0


def leave_failure(folder: Path, report: Mapping[str, Any]) -> None:
    """Leave word of what went wrong for the parent."""
    (folder / FAILURE).write_bytes(msgspec.json.encode(report))


def _plain_foreseen(folder: Path, foreseen: Foreseen) -> dict[str, Any]:
    """What a guest foresees as plain data; arrays as files in the folder."""
    return {
        "outcomes": _write_outcomes(folder, foreseen),
        "remarks": [dict(text) for text in foreseen.remarks],
        "heard": [asdict(item) for item in foreseen.heard],
    }


def _write_outcomes(folder: Path, foreseen: Foreseen) -> list[dict[str, Any]]:
    """One arrow file for each distinct list of assets, one `.npy` for each array."""
    rows: list[dict[str, Any]] = []
    lists: dict[int, str] = {}
    for index, outcome in enumerate(foreseen.outcomes):
        key = id(outcome.assets)
        if key not in lists:
            lists[key] = f"assets-{len(lists)}.arrow"
            column = pa.array([str(item) for item in outcome.assets], pa.string())
            pa.feather.write_feather(pa.table({"asset": column}), folder / lists[key])
        row: dict[str, Any] = {
            "quantity": str(outcome.quantity),
            "kind": str(outcome.kind),
            "assets": lists[key],
            "arrays": {},
        }
        for name in ("situation", *ARRAYS):
            values = getattr(outcome, name)
            if values is not None:
                file = f"outcome-{index}-{name}.npy"
                np.save(folder / file, np.asarray(values), allow_pickle=False)
                row["arrays"][name] = file
        rows.append(row)
    return rows


def _plain_work(work: Work) -> dict[str, Any]:
    return {
        "id": work.id,
        "action": work.action,
        "target": work.target,
        "assets": list(work.assets),
        "title": dict(work.title),
        "place": work.place,
        "longitude_deg": work.longitude_deg,
        "latitude_deg": work.latitude_deg,
        "hazard": work.hazard,
        "probability": work.probability,
        "expected_failures": work.expected_failures,
        "weight": work.weight,
        "averted_share": work.averted_share,
        "onset_hours": work.onset_hours,
        "onset_early_hours": work.onset_early_hours,
        "owner": work.owner,
        "effort_minutes": work.effort_minutes,
        "amount": work.amount,
        "amount_unit": work.amount_unit,
        "reason": {"text": dict(work.reason.text), "numbers": dict(work.reason.numbers)},
    }


def _number(value: Any) -> Any:
    """NumPy scalars as Python numbers."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a guest may not hand over a {type(value).__name__}")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
