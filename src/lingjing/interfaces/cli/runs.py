"""`lingjing run` and `lingjing replay`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from lingjing.engine.keeping import keep_in_twin
from lingjing.engine.replay import replay as replay_run
from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunRequest, run_scenario
from lingjing.interfaces.cli.frame import (
    TerminalProgress,
    chosen_locale,
    data_option,
    json_option,
    print_json,
    relative,
    say,
    seed_option,
    zone_option,
)
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import EXIT_CODES, Place, parse_instant

STEPS = ("load_s", "guest_s", "check_and_rank_s", "write_s")


@click.command(help=say("help.run"))
@click.argument("scenario")
@click.option("--district", required=True, help=say("option.district"))
@click.option("--weather", required=True, help=say("option.weather"))
@click.option("--start", required=True, metavar="TIME", help=say("option.start"))
@click.option("--hours", type=click.IntRange(1, 384), default=72, show_default=True,
              help=say("option.hours"))  # fmt: skip
@click.option("--members", type=click.IntRange(1, 1000), help=say("option.members"))
@seed_option
@click.option("--out", type=click.Path(path_type=Path), help=say("option.out"))
@click.option("--time-limit", type=click.FloatRange(1), help=say("option.time-limit"))
@click.option("--cluster", metavar="ADDRESS", help=say("option.cluster"))
@click.option("--branch", default=TRUNK, metavar="NAME", help=say("option.branch"))
@click.option("--sensors/--no-sensors", default=True, show_default=True,
              help=say("option.sensors"))  # fmt: skip
@click.option("--now", metavar="TIME", help=say("option.now"))
@zone_option
@data_option
@json_option
def run(
    scenario: str,
    district: str,
    weather: str,
    start: str,
    hours: int,
    members: int | None,
    seed: int,
    out: Path | None,
    time_limit: float | None,
    cluster: str | None,
    branch: str,
    sensors: bool,
    now: str | None,
    zone: ZoneInfo | None,
    data: Path,
    as_json: bool,
) -> None:
    """Run a scenario and write its results."""
    request = RunRequest(
        scenario=scenario,
        data_dir=data,
        district=district,
        weather=weather,
        start=parse_instant(start, zone, Place(field="--start")),
        hours=hours,
        members=members,
        seed=seed,
        out=out,
        time_limit_s=time_limit,
        branch=branch,
        cluster=cluster,
        sensors=sensors,
        known_until=None if now is None else parse_instant(now, zone, Place(field="--now")),
        weather_options={} if zone is None else {"zone": zone.key},
    )
    result = run_scenario(request, progress=TerminalProgress())
    folder = RunFolder(result.folder)
    kept = keep_in_twin(data, result.folder)
    if as_json:
        print_json({
            "folder": str(result.folder),
            "entity": None if kept is None else kept.run,
            "summary": folder.summary(),
        })  # fmt: skip
        return
    click.echo(folder.words(chosen_locale()))
    seconds = sum(result.record["timings"][name] for name in STEPS)
    if kept is None:
        click.echo(say("run.kept-later" if out is None else "run.not-kept"))
    else:
        click.echo(say("run.kept", run=kept.run, outcomes=kept.outcomes, assets=kept.assets))
    click.echo(say("run.finished", folder=relative(result.folder), seconds=f"{seconds:.1f}"))


@click.command(help=say("help.replay"))
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help=say("option.out"))
@data_option
@json_option
def replay(record: Path, out: Path, data: Path, as_json: bool) -> int:
    """Compute a recorded run again and compare it to the byte."""
    report = replay_run(record, out, data_dir=data, progress=TerminalProgress())
    if as_json:
        print_json(report.as_dict())
    elif report.same:
        click.echo(say("run.same", count=len(report.files)))
    else:
        click.echo(say("run.different", detail="; ".join(report.differences)))
        for change in report.changes:
            click.echo(say("run.change", change=change))
    return 0 if report.same else EXIT_CODES["changed"]
