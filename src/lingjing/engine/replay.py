"""Computing a recorded run again, and saying what is the same and what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from lingjing.engine import record as records
from lingjing.engine.outputs_folder import check_free
from lingjing.engine.run import RunInputs, RunRequest, load_inputs, run_inputs
from lingjing.engine.run_content import both
from lingjing.engine.run_readings import hash_readings
from lingjing.forecast.changed import WeatherChanges
from lingjing.sdk import LingjingError, Progress
from lingjing.sdk.registry import Listed, find
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import parse_instant


@dataclass(frozen=True)
class ReplayReport:
    """What came of a replay.

    Attributes:
        folder: The new run folder.
        run_id: Name of the run.
        changes: What is not as recorded, in English: `name: then → now`.
        files: Names of the outputs compared.
        differences: Names of the outputs whose bytes differ, are missing or are new.
    """

    folder: Path
    run_id: str
    changes: tuple[str, ...]
    files: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every output is the same to the byte."""
        return not self.differences

    @property
    def error(self) -> LingjingError | None:
        """`replay.outputs-differ` where something differs."""
        if self.same:
            return None
        return LingjingError(
            "replay.outputs-differ",
            outputs=", ".join(self.differences),
            changes="; ".join(self.changes) or "—",
        )

    def as_dict(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "folder": str(self.folder),
            "run": self.run_id,
            "same": self.same,
            "changes": list(self.changes),
            "files": list(self.files),
            "differences": list(self.differences),
        }


def replay(
    run_json: Path,
    out: Path,
    *,
    data_dir: Path | None = None,
    weather: str | None = None,
    despite_changes: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ReplayReport:
    """Run a record again and compare every output with the hashes it holds.

    District and weather are looked for in `data_dir`, then where the record says; the first place
    that holds what was recorded is taken.

    Args:
        run_json: The record, or the folder that holds it.
        out: Folder to write.
        data_dir: Where to look first.
        weather: Name or path of the weather, where it has another now.
        despite_changes: Compute even when the inputs are not those recorded.
        progress: Takes reports of progress.
        cancelled: Asked while the scenario computes; true stops.

    Raises:
        LingjingError: `run.no-record`, `replay.inputs-changed`, or as `run_scenario`.
    """
    record = records.read_record(run_json)
    progress = progress or Progress()
    request = request_of(record, out, weather)
    listed = find(request.scenario)
    check_free(out)
    progress.report(0.0, both("progress.load"))
    places = dict.fromkeys(place.absolute() for place in (data_dir, request.data_dir) if place)
    folder = run_json if run_json.is_dir() else run_json.parent
    request, inputs = _inputs(replace(request, heard_in=folder), list(places), record)
    changed_inputs = input_changes(record, inputs, listed)
    if changed_inputs and not despite_changes:
        raise LingjingError("replay.inputs-changed", changes="; ".join(changed_inputs))
    result = run_inputs(request, listed, inputs, progress=progress, cancelled=cancelled)
    then, now = record["outputs"], result.record["outputs"]
    names = sorted({*then, *now})
    return ReplayReport(
        folder=result.folder,
        run_id=result.run_id,
        changes=(*changed_inputs, *version_changes(record, result.record)),
        files=tuple(names),
        differences=tuple(name for name in names if then.get(name) != now.get(name)),
    )


def input_changes(record: Mapping[str, Any], inputs: RunInputs, listed: Listed) -> list[str]:
    """Which inputs are not those recorded: weather, district, scenario."""
    recorded = record["inputs"]
    manifest = listed.manifest
    found = {
        f"weather {recorded['weather']['name']}": (
            recorded["weather"]["sha256"],
            inputs.weather_sha256,
        ),
        f"district {recorded['district']['name']}": (
            recorded["district"]["sha256"],
            inputs.district_sha256,
        ),
        "readings": (
            recorded.get("readings", {}).get("sha256", ""),
            hash_readings(inputs.readings),
        ),
        f"scenario {record['scenario']['id']} version": (
            record["scenario"]["version"],
            listed.version,
        ),
        f"scenario {record['scenario']['id']} code": (
            record["scenario"]["sha256"],
            "" if manifest is None else records.guest_code(manifest),
        ),
    }
    return [_change(name, *pair) for name, pair in found.items() if pair[0] != pair[1]]


def version_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Which versions, platform facts and code of our own are not those recorded."""
    found = []
    for part in ("versions", "platform"):
        for name in sorted({*then.get(part, {}), *now.get(part, {})}):
            pair = then.get(part, {}).get(name, "—"), now.get(part, {}).get(name, "—")
            if pair[0] != pair[1]:
                found.append(_change(name, *pair))
    if then.get("code_sha256") != now.get("code_sha256"):
        codes = str(then.get("code_sha256")), str(now.get("code_sha256"))
        found.append(_change("lingjing code", *codes))
    return found


def _change(name: str, then: str, now: str) -> str:
    return f"{name}: {_short(then)} → {_short(now)}"


def _short(text: str) -> str:
    return text[:12] if len(text) == 64 else text


def request_of(
    record: Mapping[str, Any], out: Path | None = None, weather: str | None = None
) -> RunRequest:
    """What a record says was asked for.

    Raises:
        LingjingError: `run.no-record`.
    """
    asked = record["request"]
    try:
        return RunRequest(
            scenario=asked["scenario"],
            data_dir=Path(asked["data_dir"]),
            district=asked["district"],
            weather=weather or asked["weather"],
            start=parse_instant(asked["start"]),
            hours=int(asked["hours"]),
            members=asked["members"],
            seed=int(asked["seed"]),
            out=out,
            zone=asked["zone"],
            time_limit_s=asked["time_limit_s"],
            branch=asked.get("branch", TRUNK),
            weather_options=asked["weather_options"],
            sensors=bool(asked.get("sensors", True)),
            known_until=_instant(asked.get("known_until")),
            weather_changes=msgspec.convert(asked.get("weather_changes", {}), WeatherChanges),
            whatif=record.get("whatif"),
        )
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise LingjingError("run.no-record", path=str(record.get("run", "?"))) from error


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _inputs(
    request: RunRequest, places: list[Path], record: Mapping[str, Any]
) -> tuple[RunRequest, RunInputs]:
    """The inputs from the first place that holds what was recorded, else from the first at all."""
    loaded: list[tuple[RunRequest, RunInputs]] = []
    failed: list[LingjingError] = []
    for place in places:
        if not place.is_dir():
            continue  # opening a twin there would make the folder
        here = replace(request, data_dir=place)
        try:
            inputs = load_inputs(here)
        except LingjingError as error:
            failed.append(error)
            continue
        recorded = record["inputs"]
        if (recorded["weather"]["sha256"], recorded["district"]["sha256"]) == (
            inputs.weather_sha256,
            inputs.district_sha256,
        ):
            return here, inputs
        loaded.append((here, inputs))
    if loaded:
        return loaded[0]
    if failed:
        raise failed[-1]
    raise LingjingError("run.no-run", folder=", ".join(map(str, places)))
