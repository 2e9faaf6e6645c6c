"""`lingjing hindcast`: physics over weather that has been."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from lingjing.engine.hindcast import HindcastRequest, Style, hindcast_file
from lingjing.interfaces.cli.frame import (
    ZoneName,
    chosen_locale,
    json_option,
    print_json,
    say,
    seed_option,
)

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(help=say("help.hindcast"))
def hindcast() -> None:
    """Physics over weather that has been."""


@hindcast.command(help=say("help.hindcast-road"))
@click.argument("forcing", type=FILE)
@click.option("--out", type=FILE, required=True, help=say("option.hindcast-out"))
@click.option("--site", type=FILE, help=say("option.site"))
@click.option("--tz", "zone", type=ZoneName(), metavar="ZONE", help=say("option.tz"))
@click.option(
    "--members",
    type=click.IntRange(2, 1000),
    default=32,
    show_default=True,
    help=say("option.hindcast-members"),
)
@click.option("--station", type=int, help=say("option.station"))
@click.option("--format", "style", type=click.Choice(["csv", "metro", "roadsurf"]), default="csv",
              show_default=True, help=say("option.hindcast-format"))  # fmt: skip
@click.option("--calibrate", type=FILE, help=say("option.calibrate"))
@click.option("--calibrate-until", metavar="TIME", help=say("option.calibrate-until"))
@click.option("--readings", type=FILE, help=say("option.readings"))
@click.option("--readings-until", metavar="TIME", help=say("option.readings-until"))
@click.option("--gain", type=click.FloatRange(0, 1), default=1.0, show_default=True,
              help=say("option.gain"))  # fmt: skip
@seed_option
@json_option
def road(
    forcing: Path,
    out: Path,
    site: Path | None,
    zone: ZoneInfo | None,
    members: int,
    station: int | None,
    style: Style,
    calibrate: Path | None,
    calibrate_until: str | None,
    readings: Path | None,
    readings_until: str | None,
    gain: float,
    seed: int,
    as_json: bool,
) -> None:
    """A road through a record of the weather."""
    done = hindcast_file(
        HindcastRequest(
            forcing, out, site, zone, members, seed, station, style, calibrate, calibrate_until,
            readings, readings_until, gain,
        )
    )  # fmt: skip
    if as_json:
        print_json(done)
        return
    click.echo(say("hindcast.done", out=done["out"], hours=done["hours"], parts=len(done["parts"])))
    found = done["calibration"]
    if found is not None:
        correction = found["correction"]
        click.echo(
            say(
                "hindcast.calibrated", pairs=found["pairs"], before=f"{found['before_C']:.2f}",
                after=f"{found['after_C']:.2f}", albedo=f"{correction['albedo_factor']:.3f}",
                longwave=f"{correction['longwave_offset_W_m2']:+.1f}",
                film=f"{correction['film_factor']:.3f}", share=f"{found['share'] * 100:.0f}",
            )
        )  # fmt: skip
        if found["moved_h"]:
            click.echo(say("hindcast.clock-mended", hours=found["moved_h"]))
    speak_notes(done["notes"])


def speak_notes(notes: list[str]) -> None:
    """Remarks in the chosen language, a line each."""
    chinese = chosen_locale() == "zh-CN"
    for note in notes:
        in_chinese, _, in_english = note.partition(" / ")
        click.echo(say("weather.note", text=in_chinese if chinese else in_english or in_chinese))
