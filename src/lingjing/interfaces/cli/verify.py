"""`lingjing verify`: how good a forecast or hindcast was."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from lingjing.engine.verify import verify_files
from lingjing.interfaces.cli.frame import ZoneName, json_option, print_json, print_table, say
from lingjing.interfaces.cli.hindcast import FILE, speak_notes


@click.command(help=say("help.verify"))
@click.argument("forecast", type=click.Path(path_type=Path))
@click.argument("observed", type=FILE)
@click.option("--column", help=say("option.verify-column"))
@click.option("--asset", help=say("option.verify-asset"))
@click.option("--tz", "zone", type=ZoneName(), metavar="ZONE", help=say("option.tz"))
@click.option("--threshold-c", type=click.FloatRange(-40, 40), default=0.0, show_default=True,
              help=say("option.threshold"))  # fmt: skip
@click.option("--skip-hours", type=click.IntRange(0), default=0, show_default=True,
              help=say("option.skip-hours"))  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help=say("option.verify-out"))  # fmt: skip
@json_option
def verify(
    forecast: Path,
    observed: Path,
    column: str | None,
    asset: str | None,
    zone: ZoneInfo | None,
    threshold_c: float,
    skip_hours: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Score a forecast against observations, and test the observations' clock."""
    scores = verify_files(
        forecast, observed, column=column, asset=asset, zone=zone, threshold_C=threshold_c,
        skip_h=skip_hours, out=out,
    )  # fmt: skip
    if as_json:
        print_json(scores)
        return
    _speak(scores)
    if out is not None:
        click.echo(say("verify.written", folder=out))


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _speak(scores: dict[str, Any]) -> None:
    titles = [say(f"verify.title-{name}") for name in ("hours", "count", "mae", "bias", "rmse")]
    rows: list[list[object]] = [
        [say(f"verify.{name}"), item["count"], _number(item["mae"]), _number(item["bias"]),
         _number(item["rmse"])]
        for name, item in scores["errors"].items()
    ]  # fmt: skip
    print_table(titles, rows)
    event = scores["events"]["all"]
    click.echo(
        say(
            "verify.events", threshold=f"{scores['threshold_C']:g}", pod=_number(event["pod"]),
            far=_number(event["far"]), miss=_number(event["miss_rate"]),
        )
    )  # fmt: skip
    click.echo(
        say(
            "verify.probability", brier=_number(scores["brier"], 3),
            skill=_number(scores["brier_skill"]), crps=_number(scores["crps_C"]),
            inside=_number(scores["within_p10_p90"]),
        )
    )  # fmt: skip
    onsets = scores["onsets"]
    late = onsets["errors_h"] or {"mae": None, "bias": None}
    click.echo(
        say(
            "verify.onsets", matched=onsets["matched"], observed=onsets["observed"],
            forecast=onsets["forecast"], mae=_number(late["mae"], 1), bias=_number(late["bias"], 1),
        )
    )  # fmt: skip
    _speak_clock(scores["clock"])
    mended = scores["mended"]
    if mended is not None:
        event = mended["events"]["all"]
        click.echo(
            say(
                "verify.mended", hours=mended["hours"], mae=_number(mended["errors"]["all"]["mae"]),
                bias=_number(mended["errors"]["all"]["bias"]), pod=_number(event["pod"]),
                far=_number(event["far"]),
            )
        )  # fmt: skip
    speak_notes(scores["notes"])


def _speak_clock(clock: dict[str, Any] | None) -> None:
    if clock is None:
        click.echo(say("verify.clock-untested"))
        return
    key = "clock-doubted" if clock["doubted"] else "clock-fits"
    click.echo(say(f"verify.{key}", offset=f"{clock['offset_h']:+d}"))
    for item in clock["stretches"]:
        offset = item["offset_h"]
        known = "stretch-broken" if offset is None else "stretch-offset"
        click.echo(
            say(
                f"verify.{known}", start=item["start"], end=item["end"],
                offset=0 if offset is None else f"{offset:+d}", scatter=_number(item["scatter_C"]),
            )
        )  # fmt: skip
    for item in clock["repeats"]:
        click.echo(say("verify.repeat", start=item["start"], end=item["end"], lag=item["lag_h"]))
