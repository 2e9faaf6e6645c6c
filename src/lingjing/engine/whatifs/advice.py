"""What would change it: the remedies for one asset, each answered by the run's own physics."""

from __future__ import annotations

import pickle
import shutil
import tempfile
import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from lingjing.engine.guest import ANSWER, HANDOVER
from lingjing.engine.isolation import failure_of, room, supervise, tail_of
from lingjing.engine.replay import request_of
from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunRequest, load_outlook
from lingjing.engine.run_readings import READINGS, listening, read_readings, without_live
from lingjing.engine.run_snapshot import Snapshot
from lingjing.sdk import LingjingError, Manifest, Outlook, Progress
from lingjing.sdk.registry import find
from lingjing.twin.contract import Twin
from lingjing.twin.entities import District
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import EntityId, format_instant, quantities, units

LIMIT_S: Final = 60.0
KEPT: Final = 500
KEPT_OUTLOOKS: Final = 2
AT_ONCE: Final = 2
WAIT_S: Final = 20.0
SAME: Final = 2e-3
"""Probabilities this close agree: fewer than one of 500 members."""
ROADS: Final = "RoadSegment"
MODULE: Final = "lingjing.engine.whatifs.advice_guest"


class Advisor:
    """Answers for one data folder, and remembers what it answered.

    Args:
        data_dir: Where the runs' weather is.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._gate = threading.BoundedSemaphore(AT_ONCE)
        self._answers: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()
        self._outlooks: OrderedDict[tuple[Any, ...], Outlook] = OrderedDict()

    def remedies(self, run: RunFolder, twin: Twin, version: str, asset: str) -> dict[str, Any]:
        """What could be done for an asset of a run, and what each would change.

        Args:
            run: The run.
            twin: The district in the branch that the run foresaw.
            version: Changes whenever the district does.
            asset: Id of the asset.

        Returns:
            `events` (what is foreseen as it is), `remedies` (with `events` before and after),
            `agrees` (whether what is computed now is what the run says).

        Raises:
            LingjingError: `whatif.no-remedies`, `whatif.busy`, `twin.no-entity`, and what the
                scenario raises.
        """
        key = (run.path.name, (run.path / "run.json").stat().st_mtime_ns, version, asset)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        if not self._gate.acquire(timeout=WAIT_S):
            raise LingjingError("whatif.busy")
        try:
            answer = self._computed(run, twin, asset, key[:2])
        finally:
            self._gate.release()
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return answer

    def _computed(
        self, run: RunFolder, twin: Twin, asset: str, key: tuple[Any, ...]
    ) -> dict[str, Any]:
        record = run.record()
        request = replace(request_of(record), data_dir=self._data_dir)
        manifest = find(request.scenario).manifest
        kind = EntityId.parse(asset).kind
        if manifest is None or kind not in manifest.kinds:
            raise LingjingError("whatif.no-remedies", run=run.path.name, asset=asset)
        outlook = self._outlook(key, request, twin.district, run)
        snapshot = without_live(around(twin, kind, asset, manifest, outlook), manifest.listens)
        question = {"twin": snapshot, "outlook": outlook, "seed": request.seed, "asset": asset}
        found = ask(manifest, question)
        if not found["before"] or not found["remedies"]:
            raise LingjingError("whatif.no-remedies", run=run.path.name, asset=asset)
        start = outlook.window.start

        def moment(hours: float | None) -> str | None:
            return None if hours is None else format_instant(start + timedelta(hours=hours))

        def event(name: str, after: dict[str, Any] | None) -> dict[str, Any]:
            known, before = quantities()[name], found["before"][name]
            told = {
                "quantity": name,
                "title": {"zh-CN": known.title_zh, "en": known.title_en},
                "before": before["probability"],
                "onset_before": moment(before["onset_hours"]),
            }
            if after is None:
                return told
            both = None not in (before["onset_hours"], after["onset_hours"])
            return {
                **told,
                "after": after["probability"],
                "change": round(after["probability"] - before["probability"], 4),
                "onset_after": moment(after["onset_hours"]),
                "onset_shift_hours": round(after["onset_hours"] - before["onset_hours"], 2)
                if both
                else None,
            }

        return {
            "run": run.path.name,
            "branch": str(record["request"].get("branch", TRUNK)),
            "asset": asset,
            "kind": kind,
            "members": outlook.members,
            "synthetic": bool(record["synthetic"]),
            "agrees": agrees(run, asset, found["before"]),
            "events": [event(name, None) for name in found["before"]],
            "remedies": [
                {
                    **{name: item[name] for name in (
                        "id", "title", "caveat", "effort_minutes", "amount", "amount_unit",
                        "computed",
                    )},
                    "sets": [setting(name, value) for name, value in item["sets"].items()],
                    "events": [event(name, item["after"][name]) for name in found["before"]
                               if name in item["after"]],
                }
                for item in found["remedies"]
            ],
        }  # fmt: skip

    def _outlook(
        self, key: tuple[Any, ...], request: RunRequest, district: District, run: RunFolder
    ) -> Outlook:
        """The weather of the run, and what the run heard of its sensors."""
        with self._lock:
            if key in self._outlooks:
                self._outlooks.move_to_end(key)
                return self._outlooks[key]
        _, plain = load_outlook(request, district)
        outlook = listening(plain, read_readings(run.path / READINGS))
        with self._lock:
            self._outlooks[key] = outlook
            while len(self._outlooks) > KEPT_OUTLOOKS:
                self._outlooks.popitem(last=False)
        return outlook


def around(twin: Twin, kind: str, asset: str, manifest: Manifest, outlook: Outlook) -> Snapshot:
    """The asset, first of its kind, with those that sensors spoke of; a road with its buildings.

    Raises:
        LingjingError: `twin.no-entity`.
    """
    view = twin.view(kind)
    rows = np.flatnonzero(view.ids == asset)
    if not rows.size:
        raise LingjingError("twin.no-entity", id=asset)
    heard = {str(item) for one in outlook.readings if one.kind == kind for item in one.assets}
    others = [row for row, item in enumerate(view.ids) if item in heard and item != asset]
    views = {kind: view.rows(np.array([rows[0], *others], dtype=np.intp))}
    if kind == ROADS and "Building" in manifest.kinds:
        buildings = twin.view("Building")
        views["Building"] = replace(
            buildings.rows(np.arange(len(buildings))), provenance_index={}, relationships={}
        )
    return Snapshot(twin.district, views, frozenset(manifest.kinds))


def ask(manifest: Manifest, question: dict[str, Any]) -> dict[str, Any]:
    """Have the scenario answer in a process of its own.

    Raises:
        LingjingError: `scenario.raised`, `scenario.crashed`, `scenario.took-too-long`,
            `scenario.broken-promise`, or what the scenario raised itself.
    """
    with room():
        folder = Path(tempfile.mkdtemp(prefix="lingjing-advice-"))
    try:
        with room(), (folder / HANDOVER).open("wb") as file:
            handover = {"scenario": manifest.id, "question": question}
            pickle.dump(handover, file, protocol=pickle.HIGHEST_PROTOCOL)
        status = supervise(manifest, folder, LIMIT_S, Progress(), module=MODULE)
        if status != 0 or not (folder / ANSWER).is_file():
            raise failure_of(manifest, folder, status, tail_of(folder))
        return msgspec.json.decode((folder / ANSWER).read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise LingjingError(
            "scenario.broken-promise", id=manifest.id, detail=f"its answer is unreadable: {error}"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def setting(name: str, value: Any) -> dict[str, Any]:
    """An attribute that a remedy sets, for people."""
    known = quantities().get(name)
    return {
        "name": name,
        "title": {
            "zh-CN": known.title_zh if known else name,
            "en": known.title_en if known else name,
        },
        "value": value,
        "unit": units()[known.unit].sign if known else "",
    }


def agrees(run: RunFolder, asset: str, before: dict[str, Any]) -> bool:
    """Whether what is computed now for the asset as it is is what the run holds."""
    try:
        rows = run.asset(asset)["outcomes"]
    except LingjingError:
        return False
    held = {row["quantity"]: row["probability"] for row in rows if row["probability"] is not None}
    return held.keys() == before.keys() and all(
        abs(held[name] - item["probability"]) <= SAME for name, item in before.items()
    )
