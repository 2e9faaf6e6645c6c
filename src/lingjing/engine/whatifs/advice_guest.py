"""The scenario's own process for one asset; run as a module with the folder of the hand-over.

Foresees the asset as it is, asks the scenario what could be done for it, and foresees it again
under each of these: the same members, the same physics, one asset.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.engine.guest import ANSWER, HANDOVER, follow_parent, leave_failure
from lingjing.engine.run_snapshot import Snapshot
from lingjing.sdk import Foreseen, LingjingError, Place, Progress, Remedy, Scenario, TwinView
from lingjing.sdk.registry import load

MIDDLE = 2
"""Place of the 50 % level."""


def main(folder: Path) -> int:
    """Answer the hand-over; returns the exit status."""
    follow_parent()
    os.dup2(2, 1)  # what the guest prints belongs to the log
    with (folder / HANDOVER).open("rb") as file:
        handover = pickle.load(file)  # noqa: S301 written by our own parent process
    try:
        answer = advise(load(handover["scenario"]), **handover["question"])
        (folder / ANSWER).write_bytes(msgspec.json.encode(answer))
    except LingjingError as error:
        traceback.print_exc()
        where = error.place or Place()
        place = {"file": where.file, "line": where.line, "field": where.field}
        values = {name: str(value) for name, value in error.values.items()}
        leave_failure(folder, {"code": error.code, "place": place, "values": values})
        return 3
    except Exception as error:  # noqa: BLE001 whatever a guest does wrong becomes a report
        traceback.print_exc()
        report = {"step": "remedies", "detail": f"{type(error).__name__}: {error}"}
        leave_failure(folder, report)
        return 3
    return 0


def advise(
    scenario: Scenario, *, twin: Snapshot, outlook: Any, seed: int, asset: str
) -> dict[str, Any]:
    """What is foreseen for an asset as it is, and under each remedy.

    Args:
        scenario: The guest.
        twin: Holds the asset alone of its kind.
        outlook: Of the run.
        seed: Of the run.
        asset: Id.

    Returns:
        `before` (event → probability and median onset [h]) and `remedies`.
    """
    kind = asset.split(":")[2]
    before = scenario.foresee(twin, outlook, seed=seed, progress=Progress())
    proposed = list(scenario.remedies(twin, asset, before))
    computed = [item for item in proposed if not item.empties]
    alone = len(twin.view(kind)) == 1 and not any(one.kind == kind for one in outlook.readings)
    after: dict[str, dict[str, Any]] = {}
    # Where sensors teach, each remedy stands alone in the asset's own place among them.
    lots = [computed] if alone else [[item] for item in computed]
    for lot in filter(None, lots):
        view = under(twin.view(kind), [item.sets for item in lot], rename=alone)
        varied = Snapshot(twin.record, {**twin.views, kind: view}, twin.declared)
        foreseen = scenario.foresee(varied, outlook, seed=seed, progress=Progress())
        for row, item in enumerate(lot):
            after[item.id] = events_of(foreseen, kind, str(view.ids[row]))
    events = events_of(before, kind, asset)
    nothing = {name: {"probability": 0.0, "onset_hours": None} for name in events}
    return {
        "before": events,
        "remedies": [
            {**_plain(item), "after": nothing if item.empties else after[item.id]}
            for item in proposed
        ],
    }


def under(view: TwinView, sets: list[Any], *, rename: bool) -> TwinView:
    """The first row of a view once for each set of attributes with these in place, then the others.

    Args:
        view: The asset first, then what stays as it is.
        sets: Attribute → value.
        rename: Whether the copies get names of their own; there is one copy otherwise.
    """
    rows = np.concatenate([np.zeros(len(sets), dtype=np.intp), np.arange(1, len(view))])
    columns: dict[str, NDArray[Any]] = {
        name: np.array(values[rows]) for name, values in view.columns.items()
    }
    for row, wanted in enumerate(sets):
        for name, value in wanted.items():
            if name not in columns:
                columns[name] = _blank(value, rows.size)
            columns[name][row] = value
    ids = view.ids[rows].copy()
    if rename:
        ids[: len(sets)] = [f"{view.ids[0]}.{row:03d}" for row in range(len(sets))]
    return TwinView(
        kind=view.kind,
        ids=ids,
        longitude_deg=view.longitude_deg[rows],
        latitude_deg=view.latitude_deg[rows],
        columns=columns,
        relationships={name: values[rows] for name, values in view.relationships.items()},
        provenances=view.provenances,
        provenance_index={},
        wkb=view.wkb[rows],
    )


def _blank(value: Any, count: int) -> NDArray[Any]:
    """A column in which nothing is known, of the kind that a value needs."""
    if isinstance(value, bool):
        return np.zeros(count, dtype=bool)
    if isinstance(value, int | float):
        return np.full(count, np.nan)
    return np.full(count, None, dtype=object)


def events_of(foreseen: Foreseen, kind: str, asset: str) -> dict[str, Any]:
    """Probability and median onset of each event of an asset."""
    found: dict[str, Any] = {}
    for outcome in foreseen.outcomes:
        if outcome.kind != kind or outcome.probability is None or outcome.onset_hours is None:
            continue
        rows = np.flatnonzero(outcome.assets == asset)
        if not rows.size:
            continue
        situation = int(outcome.situation[rows[0]])
        onset = float(outcome.onset_hours[situation, MIDDLE])
        found[str(outcome.quantity)] = {
            "probability": round(float(outcome.probability[situation]), 4),
            "onset_hours": round(onset, 3) if np.isfinite(onset) else None,
        }
    return found


def _plain(item: Remedy) -> dict[str, Any]:
    return {
        "id": str(item.id),
        "title": dict(item.title),
        "caveat": dict(item.caveat),
        "sets": dict(item.sets),
        "effort_minutes": float(item.effort_minutes),
        "amount": float(item.amount),
        "amount_unit": str(item.amount_unit),
        "computed": not item.empties,
    }


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
