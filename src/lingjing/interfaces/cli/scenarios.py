"""`lingjing scenario`."""

from __future__ import annotations

from pathlib import Path

import click

from lingjing.engine.scaffold import new_scenario
from lingjing.interfaces.cli.frame import (
    chosen_locale,
    json_option,
    print_json,
    print_table,
    relative,
    say,
)
from lingjing.sdk import registry


@click.group(help=say("help.scenario"))
def scenario() -> None:
    """List, check and make scenarios."""


@scenario.command("list", help=say("help.scenario-list"))
@json_option
def list_(as_json: bool) -> None:
    """All installed scenarios, the broken ones with their reason."""
    found = registry.listing(probe=True)
    if as_json:
        print_json([described(item) for item in found])
        return
    chinese = chosen_locale() == "zh-CN"
    rows: list[list[object]] = []
    for item in found:
        manifest = item.manifest
        title = "" if manifest is None else manifest.title_zh if chinese else manifest.title_en
        state = "sound" if item.usable else "broken"
        rows.append([item.id, title, say(f"scenario.{state}")])
    print_table([say(f"scenario.title-{name}") for name in ("id", "title", "state")], rows)
    for item in found:
        if item.error is not None:
            locale = chosen_locale()
            click.echo(say("error.what", code=item.error.code, what=item.error.what(locale)))
            click.echo(say("error.remedy", remedy=item.error.remedy(locale)))


def described(item: registry.Listed) -> dict[str, object]:
    """A listed scenario for machines."""
    manifest = item.manifest
    return {
        "id": item.id,
        "usable": item.usable,
        "distribution": item.distribution,
        "version": item.version,
        "title": None
        if manifest is None
        else {"zh-CN": manifest.title_zh, "en": manifest.title_en},
        "emits": [] if manifest is None else list(manifest.emits),
        "needs": [] if manifest is None else list(manifest.needs),
        "error": None if item.error is None else item.error.as_dict(),
    }


@scenario.command(help=say("help.scenario-check"))
@click.argument("scenario_id", metavar="ID")
@json_option
def check(scenario_id: str, as_json: bool) -> None:
    """Read the manifest, import the code in a child process, and say whether the promises hold."""
    item = registry.find(scenario_id, probe=True)
    if as_json:
        print_json(described(item))
    else:
        click.echo(say("scenario.fine", id=item.id))


@scenario.command(help=say("help.scenario-new"))
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help=say("option.folder"),
)
@json_option
def new(name: str, folder: Path, as_json: bool) -> None:
    """Write a scenario package that works and has tests."""
    written = new_scenario(name, folder)
    if as_json:
        print_json({"name": name, "folder": str(written)})
    else:
        click.echo(say("scenario.written", name=name, folder=relative(written)))
