"""One run: load, ask the guest, hold it to its promises, rank, write."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from lingjing.decision import RankingPolicy, allocate, budget_of, rank
from lingjing.engine import record as records
from lingjing.engine.checks import check_alarm, check_foreseen, check_works
from lingjing.engine.cluster import check_address
from lingjing.engine.isolation import GuestAnswer, ask_guest
from lingjing.engine.outputs import write_outputs
from lingjing.engine.outputs_folder import check_free, new_folder, writing
from lingjing.engine.run_content import RunContent, both
from lingjing.engine.run_progress import Part
from lingjing.engine.run_readings import (
    READINGS,
    facts_of,
    hash_readings,
    listening,
    read_readings,
    readings_before,
    without_live,
    write_readings,
)
from lingjing.engine.run_snapshot import Snapshot, hash_district, hash_weather, snapshot_of
from lingjing.engine.settings import open_district
from lingjing.engine.weather import load_weather
from lingjing.forecast.changed import WeatherChanges, changed_outlook
from lingjing.forecast.prepare import prepare_outlook
from lingjing.forecast.readings import Said
from lingjing.sdk import LingjingError, Manifest, Outlook, Progress, Window
from lingjing.sdk.registry import Listed, find
from lingjing.twin.entities import District, SourceRecord
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import LOCAL_ZONE, Provenance, WeatherTable, format_instant

SPIN_UP_HOURS = 48
LONGEST_HOURS = 384
RUNS = "runs"


@dataclass(frozen=True)
class RunRequest:
    """What to run.

    Attributes:
        scenario: Id of the scenario.
        data_dir: Folder that holds everything kept.
        district: Name of a district in the twin.
        weather: Name of a kept record, or path of a weather file.
        start: First instant, aware; on the hour.
        hours: Length of the window.
        members: Members of the ensemble; None takes what the weather has.
        seed: Seed of everything that is drawn.
        out: Folder to write; None makes one under `data_dir/runs`.
        zone: Name of the zone of local times; None takes the district's.
        time_limit_s: Longest the scenario may compute; None takes its manifest's.
        cluster: Address of the Dask scheduler that spreads the computation; None takes this
            machine's threads. The results are the same.
        branch: What-if of the twin to foresee; the trunk by default.
        sensors: Whether what sensors said before the start corrects the run.
        known_until: Readings after this instant are left out; None takes those up to the start.
        heard_in: Run folder whose readings are taken in place of the twin's: a replay and a what-if
            hear what the first run heard.
        weather_changes: How the weather differs from the record; None leaves it.
        weather_options: Options of `load_weather` for a weather file (`zone`, `longitude_deg`, …).
        whatif: Name, base run and changes of the what-if that this is, for the record.
    """

    scenario: str
    data_dir: Path
    district: str
    weather: str
    start: datetime
    hours: int
    members: int | None = None
    seed: int = 0
    out: Path | None = None
    zone: str | None = None
    time_limit_s: float | None = None
    cluster: str | None = None
    branch: str = TRUNK
    sensors: bool = True
    known_until: datetime | None = None
    heard_in: Path | None = None
    weather_options: Mapping[str, Any] = field(default_factory=dict)
    weather_changes: WeatherChanges | None = None
    whatif: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class RunResult:
    """What a run left.

    Attributes:
        folder: The run folder.
        run_id: Name of the run.
        summary: Content of `summary.json`.
        record: Content of `run.json`.
    """

    folder: Path
    run_id: str
    summary: dict[str, Any]
    record: dict[str, Any]


@dataclass(frozen=True)
class RunInputs:
    """What a run reads, loaded and hashed."""

    twin: Snapshot
    sources: tuple[SourceRecord, ...]
    outlook: Outlook
    weather_provenance: Provenance
    weather_sha256: str
    district_sha256: str
    readings: tuple[Said, ...] = ()


def run_scenario(
    request: RunRequest,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Run a scenario and write its folder, whole or not at all.

    Args:
        request: What to run.
        progress: Takes reports of progress.
        cancelled: Asked a few times a second while the scenario computes; true stops the run.

    Raises:
        LingjingError: Of the families `missing`, `input`, `output`, `scenario`, `interrupted`.
    """
    progress = progress or Progress()
    listed = find(request.scenario)
    window_of(request)
    if request.cluster is not None:
        check_address(request.cluster)
    check_free(request.out or free_folder(request.data_dir / RUNS, "trial"))
    begun = time.perf_counter()
    progress.report(0.0, both("progress.load"))
    inputs = load_inputs(request)
    loaded = time.perf_counter() - begun
    return run_inputs(
        request, listed, inputs, progress=progress, cancelled=cancelled, loaded_s=loaded
    )


def run_inputs(
    request: RunRequest,
    listed: Listed,
    inputs: RunInputs,
    *,
    progress: Progress,
    cancelled: Callable[[], bool] = lambda: False,
    loaded_s: float = 0.0,
) -> RunResult:
    """Run a scenario on inputs that are already loaded; see `run_scenario`."""
    manifest = listed.manifest
    if manifest is None:
        raise LingjingError("scenario.no-manifest", package=listed.value)
    zone = zone_of(request, inputs.twin)
    begun = time.perf_counter()
    progress.report(0.05, both("progress.guest"))
    answer = ask_guest(
        manifest,
        inputs.twin,
        inputs.outlook,
        seed=request.seed,
        time_limit_s=request.time_limit_s or manifest.time_limit_s,
        progress=Part(progress, 0.05, 0.85),
        cancelled=cancelled,
        cluster=request.cluster,
    )
    answered = time.perf_counter()
    progress.report(0.85, both("progress.check"))
    content = checked_content(request, listed, manifest, inputs, answer, zone)
    checked = time.perf_counter()
    progress.report(0.9, both("progress.write"))
    try:
        folder, summary, record = _write(request, listed, inputs, content, answer, {
            "load_s": loaded_s,
            "guest_s": answered - begun,
            **{f"guest_{name}": seconds for name, seconds in answer.timings.items()},
            "check_and_rank_s": checked - answered,
        }, begun)  # fmt: skip
    except KeyboardInterrupt:
        raise LingjingError("run.interrupted") from None
    progress.report(1.0, both("progress.write"))
    return RunResult(folder, content.run_id, summary, record)


def window_of(request: RunRequest) -> Window:
    """The window asked for.

    Raises:
        LingjingError: `run.bad-window`.
    """
    if not 1 <= request.hours <= LONGEST_HOURS:
        raise LingjingError("run.bad-window", detail=f"{request.hours} h", longest=LONGEST_HOURS)
    try:
        return Window(request.start.astimezone(UTC), request.hours)
    except ValueError:
        detail = request.start.isoformat()
        raise LingjingError("run.bad-window", detail=detail, longest=LONGEST_HOURS) from None


def zone_of(request: RunRequest, twin: Snapshot) -> ZoneInfo:
    """Zone of local times: as asked, else the district's, else Shanghai's.

    Raises:
        LingjingError: `run.bad-zone`.
    """
    name = str(request.zone or twin.district.settings.get("time_zone") or LOCAL_ZONE.key)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise LingjingError("run.bad-zone", zone=name) from None


def load_inputs(request: RunRequest) -> RunInputs:
    """Read the district, the weather and the sensors of a run, and hash them.

    Raises:
        LingjingError: What the store, the weather readers and `prepare_outlook` raise.
    """
    window_of(request)
    store = open_district(request.data_dir, request.district)
    try:
        twin = snapshot_of(store.twin(request.district, request.branch))
        sources = tuple(store.sources(request.district))
    finally:
        store.close()
    weather, outlook = load_outlook(request, twin.district)
    said: tuple[Said, ...] = ()
    manifest = find(request.scenario).manifest
    if manifest is not None and manifest.listens:
        twin = without_live(twin, manifest.listens)
        if request.heard_in is not None:
            said = read_readings(request.heard_in / READINGS)
        elif request.sensors:
            said = readings_before(
                request.data_dir, twin, manifest, branch=request.branch, start=outlook.window.start,
                hours=outlook.spin_up_hours, known_until=request.known_until,
            )  # fmt: skip
        outlook = listening(outlook, said)
    stable = [
        {key: value for key, value in item.items() if key != "imported_at"}
        for item in records.source_facts(sources)
    ]
    return RunInputs(
        twin=twin,
        sources=sources,
        outlook=outlook,
        weather_provenance=weather.provenance,
        weather_sha256=hash_weather(weather),
        district_sha256=hash_district(twin, stable),
        readings=said,
    )


def load_outlook(request: RunRequest, district: District) -> tuple[WeatherTable, Outlook]:
    """The weather of a run, and what its members are over a district, changes included.

    Raises:
        LingjingError: What the weather readers, `prepare_outlook` and `changed_outlook` raise.
    """
    window = window_of(request)
    span = (window.start - timedelta(hours=SPIN_UP_HOURS), window.end)
    weather = load_weather(
        request.data_dir, request.weather, window=span, **request.weather_options
    )
    longitude, latitude = district.centre
    outlook = prepare_outlook(
        weather,
        window,
        members=request.members,
        seed=request.seed,
        longitude_deg=longitude,
        latitude_deg=latitude,
        spin_up_hours=SPIN_UP_HOURS,
    )
    return weather, changed_outlook(outlook, request.weather_changes)


def run_id_of(request: RunRequest, inputs: RunInputs) -> str:
    """A name for the run, made from its inputs alone."""
    changes = request.weather_changes
    window = inputs.outlook.window
    facts = (
        request.scenario,
        inputs.district_sha256,
        inputs.weather_sha256,
        format_instant(window.start),
        window.hours,
        inputs.outlook.members,
        request.seed,
        *((hash_readings(inputs.readings),) if inputs.readings else ()),
        *([] if changes is None or changes.changes_nothing else [changes.as_dict()]),
    )
    short = hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:8]
    return f"{request.scenario}-{request.district}-{window.start:%Y%m%dT%HZ}-{short}"


def checked_content(
    request: RunRequest,
    listed: Listed,
    manifest: Manifest,
    inputs: RunInputs,
    answer: GuestAnswer,
    zone: ZoneInfo,
) -> RunContent:
    """A guest's answer, held to its promises, with its work in order."""
    hours = inputs.outlook.window.hours
    narrowed = inputs.twin.only(manifest.kinds)
    check_alarm(manifest, answer.alarm)
    check_foreseen(manifest, narrowed, answer.foreseen, hours)
    check_works(manifest, inputs.twin, answer.works, hours)
    settings = inputs.twin.district.settings
    policy = RankingPolicy.from_settings(settings)
    budget = budget_of(inputs.twin.view("Depot"), settings)
    return RunContent(
        run_id=run_id_of(request, inputs),
        manifest=manifest,
        version=listed.version,
        twin=inputs.twin,
        sources=inputs.sources,
        outlook=inputs.outlook,
        weather_provenance=inputs.weather_provenance,
        alarm=answer.alarm,
        foreseen=answer.foreseen,
        plan=allocate(rank(answer.works, policy), budget),
        zone=zone,
        synthetic_readings=any(item.synthetic for item in inputs.readings),
    )


def _write(
    request: RunRequest,
    listed: Listed,
    inputs: RunInputs,
    content: RunContent,
    answer: GuestAnswer,
    timings: dict[str, float],
    started: float,
) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    folder = request.out or free_folder(request.data_dir / RUNS, content.run_id)
    begun = time.perf_counter()
    with new_folder(folder) as hidden, writing(folder):
        summary = write_outputs(content, hidden)
        if inputs.readings:
            write_readings(inputs.readings, hidden / READINGS)
        timings["write_s"] = time.perf_counter() - begun
        timings["total_s"] = timings["load_s"] + time.perf_counter() - started
        timings["guest_peak_memory_MB"] = answer.peak_memory_mb
        rounded = {name: round(value, 3) for name, value in timings.items()}
        record = records.write_record(
            hidden, record_facts(request, listed, inputs, content) | {"timings": rounded}
        )
    return folder.absolute(), summary, record


def free_folder(parent: Path, name: str) -> Path:
    """The folder of that name, or with the next free number behind it."""
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def record_facts(
    request: RunRequest, listed: Listed, inputs: RunInputs, content: RunContent
) -> dict[str, Any]:
    """What `run.json` says before the outputs are there."""
    manifest, district = content.manifest, content.twin.district
    return {
        "run": content.run_id,
        "synthetic": content.synthetic,
        "labels": [dict(text) for text in content.labels],
        "attribution": list(content.attribution),
        "request": {
            "scenario": request.scenario,
            "data_dir": str(request.data_dir.absolute()),
            "district": request.district,
            "branch": request.branch,
            "weather": request.weather,
            "weather_options": {key: str(value) if isinstance(value, ZoneInfo) else value
                                for key, value in sorted(request.weather_options.items())},
            **_weather_changes(request),
            "start": format_instant(request.start),
            "hours": request.hours,
            "members": request.members,
            "seed": request.seed,
            "zone": content.zone.key,
            "time_limit_s": request.time_limit_s,
            "sensors": request.sensors,
            "known_until": None
            if request.known_until is None
            else format_instant(request.known_until),
        },
        **({} if request.whatif is None else {"whatif": dict(request.whatif)}),
        "scenario": {
            "id": manifest.id,
            "api": manifest.api,
            "distribution": listed.distribution,
            "version": listed.version,
            "sha256": records.guest_code(manifest),
        },
        "inputs": {
            "weather": {
                "name": content.outlook.weather,
                "sha256": inputs.weather_sha256,
                "provenance": msgspec.to_builtins(inputs.weather_provenance),
                "methods": dict(sorted(content.outlook.methods.items())),
                "notes": list(content.outlook.notes),
                "attribution": content.outlook.attribution,
                "synthetic": content.outlook.synthetic,
            },
            "district": {
                "name": district.name,
                "pack": district.pack,
                "sha256": inputs.district_sha256,
                "settings_sha256": hashlib.sha256(
                    msgspec.json.encode(district.settings, order="deterministic")
                ).hexdigest(),
                "synthetic": district.synthetic,
                "sources": records.source_facts(content.sources),
            },
            "readings": facts_of(
                content.foreseen.heard or content.outlook.heard, inputs.readings, content.outlook
            ),
        },
        "settings": {
            "spin_up_hours": content.outlook.spin_up_hours,
            "members": content.outlook.members,
            "ranking": msgspec.to_builtins(RankingPolicy.from_settings(district.settings)),
        },
        "code_sha256": records.own_code(),
        "versions": records.versions(),
        "platform": records.platform_facts(),
    }  # fmt: skip


def _weather_changes(request: RunRequest) -> dict[str, Any]:
    changes = request.weather_changes
    if changes is None or changes.changes_nothing:
        return {}
    return {"weather_changes": changes.as_dict()}
