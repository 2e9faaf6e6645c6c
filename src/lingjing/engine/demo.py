"""The first night: a synthetic district, December 2023 rebuilt, and the cold wave run on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from lingjing.engine.districts import sketch
from lingjing.engine.keeping import keep_in_twin
from lingjing.engine.outputs_folder import writing
from lingjing.engine.record import RECORD, hash_outputs, own_code, pretty, read_record
from lingjing.engine.run import RunRequest, RunResult, run_scenario
from lingjing.engine.run_content import both
from lingjing.engine.run_progress import Part
from lingjing.engine.settings import open_store
from lingjing.engine.weather import keep_weather
from lingjing.sdk import LingjingError, Progress
from lingjing.sources.reconstruction import reconstruct_december_2023

PACK: Final = "yangpu"
SCENARIO: Final = "coldwave"
MEMBERS: Final = 31
WEATHER_SEED: Final = 7
HOURS: Final = 72
START: Final = datetime(2023, 12, 20, 9, tzinfo=UTC)
"""20 December 2023, 17:00 in Shanghai: when the yellow signal went up."""

NOTE: Final = "demo.json"


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the demo is made of; the same plan finds the same results again."""

    scale: float
    seed: int

    @property
    def district(self) -> str:
        """Name of the district: the pack's at full size, else with scale and seed."""
        full = self.scale == 1.0 and self.seed == 7
        return f"{PACK}-sketch" if full else f"{PACK}-sketch-{self.scale:g}-{self.seed}"


def prepare_demo(
    data_dir: Path, *, scale: float = 1.0, seed: int = 7, progress: Progress | None = None
) -> Path:
    """Make what the demo shows, or find it again where nothing changed.

    The district, the weather and the run are kept under `data_dir`. They are used again when the
    code, scale and seed are the same, the district was not imported anew, and the run's files
    still have the hashes of its record.

    Args:
        data_dir: Folder that holds everything kept.
        scale: Size of the synthetic district, 1 being that of the real one.
        seed: Of the district and of the run.
        progress: Takes reports of progress.

    Returns:
        The run folder.

    Raises:
        LingjingError: As `sketch`, `keep_weather` and `run_scenario`.
    """
    progress = progress or Progress()
    plan = DemoPlan(scale, seed)
    found = _found_again(data_dir, plan)
    if found is not None:
        return found
    progress.report(0.0, both("demo.district"))
    store = open_store(data_dir)
    try:
        made = sketch(
            store, PACK, scale=scale, seed=seed, name=plan.district, progress=Part(progress, 0, 0.3)
        )
    finally:
        store.close()
    progress.report(0.3, both("demo.weather"))
    table = reconstruct_december_2023(members=MEMBERS, seed=WEATHER_SEED)
    keep_weather(data_dir, table)
    request = RunRequest(
        scenario=SCENARIO,
        data_dir=data_dir,
        district=plan.district,
        weather=table.name,
        start=START,
        hours=HOURS,
        members=MEMBERS,
        seed=seed,
    )
    result = run_scenario(request, progress=Part(progress, 0.32, 0.95))
    keep_in_twin(data_dir, result.folder, progress=Part(progress, 0.95, 1.0))
    _remember(data_dir, plan, made.district.updated_at, result)
    return result.folder


def _note(data_dir: Path) -> dict[str, Any]:
    try:
        note = msgspec.json.decode((data_dir / NOTE).read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return note if isinstance(note, dict) else {}


def _remember(data_dir: Path, plan: DemoPlan, updated_at: str, result: RunResult) -> None:
    note = _note(data_dir)
    if note.get("code_sha256") != result.record["code_sha256"]:
        note = {"code_sha256": result.record["code_sha256"], "runs": {}}
    note["runs"][plan.district] = {"folder": result.folder.name, "updated_at": updated_at}
    with writing(data_dir):
        (data_dir / NOTE).write_bytes(pretty(note))


def _found_again(data_dir: Path, plan: DemoPlan) -> Path | None:
    note = _note(data_dir)
    entry = note.get("runs", {}).get(plan.district)
    if entry is None or note.get("code_sha256") != own_code():
        return None
    folder = data_dir / "runs" / str(entry.get("folder"))
    try:
        record = read_record(folder / RECORD)
        store = open_store(data_dir)
        try:
            unchanged = store.district(plan.district).updated_at == entry.get("updated_at")
        finally:
            store.close()
    except LingjingError:
        return None
    return folder if unchanged and hash_outputs(folder) == record["outputs"] else None
