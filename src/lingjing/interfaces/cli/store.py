"""`lingjing store`: bring a twin up to date, check it, back it up, restore it, move it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from lingjing.engine import twin_care
from lingjing.engine.settings import data_dir
from lingjing.interfaces.cli.frame import (
    Misuse,
    chosen_locale,
    data_option,
    json_option,
    print_json,
    relative,
    say,
    store_option,
)
from lingjing.twin.problems import in_words
from lingjing.vocabulary import EXIT_CODES, Place, parse_instant


@click.group(help=say("help.store"))
def store() -> None:
    """Look after a twin as a whole."""


@store.command(help=say("help.store-migrate"))
@data_option
@store_option
@json_option
def migrate(data: Path, store: str | None, as_json: bool) -> None:
    """Bring a twin's tables up to date."""
    _tell("store.migrated", twin_care.migrate(data, store), as_json=as_json)


@store.command(help=say("help.store-check"))
@data_option
@store_option
@json_option
def check(data: Path, store: str | None, as_json: bool) -> int:
    """Say what is wrong with a twin."""
    problems = twin_care.check(data, store)
    if as_json:
        print_json({"problems": problems})
    elif problems:
        for problem in problems:
            click.echo(in_words(problem, chosen_locale()))
        click.echo(say("store.problems", count=len(problems)))
    else:
        click.echo(say("store.sound"))
    return EXIT_CODES["input"] if problems else 0


@store.command(help=say("help.store-backup"))
@click.argument("target", type=click.Path(path_type=Path))
@data_option
@store_option
@json_option
def backup(target: Path, data: Path, store: str | None, as_json: bool) -> None:
    """Write a copy of a twin while others work on."""
    size = twin_care.backup(data, store, target)
    _tell("store.backed-up", size, as_json=as_json, path=relative(target))


@store.command(help=say("help.store-restore"))
@click.argument("source", type=click.Path(path_type=Path))
@data_option
@store_option
@json_option
def restore(source: Path, data: Path, store: str | None, as_json: bool) -> None:
    """Make a twin out of a backup."""
    _tell("store.restored", twin_care.restore(source, data, store), as_json=as_json)


@store.command(help=say("help.store-copy"))
@click.option("--to-data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help=say("option.to-data"))  # fmt: skip
@click.option("--to-store", metavar="URL", help=say("option.to-store"))
@data_option
@store_option
@json_option
def copy(
    to_data: Path | None, to_store: str | None, data: Path, store: str | None, as_json: bool
) -> int:
    """Copy a whole twin into an empty one, of the same driver or another."""
    if (to_data is None) == (to_store is None):
        raise Misuse("usage.one-target")
    moved = twin_care.copy((data, store), (data_dir(to_data), to_store))
    if as_json:
        print_json(msgspec.to_builtins(moved))
    else:
        _tell("store.copied", moved.target, as_json=False)
        for problem in moved.problems:
            click.echo(in_words(problem, chosen_locale()))
    return EXIT_CODES["input"] if moved.problems else 0


@store.command(help=say("help.store-seal"))
@click.option("--before", required=True, metavar="TIME", help=say("option.before"))
@data_option
@store_option
@json_option
def seal(before: str, data: Path, store: str | None, as_json: bool) -> None:
    """Move old history into Parquet files beside the twin."""
    instant = parse_instant(before, place=Place(field="--before"))
    done = twin_care.seal(data, store, instant)
    if as_json:
        print_json(done)
    else:
        click.echo(say("store.sealed", rows=done["rows"], file=done["file"] or "—"))


def _tell(key: str, size: dict[str, int], *, as_json: bool, **values: object) -> None:
    if as_json:
        print_json(size)
        return
    click.echo(say(key, **values))
    click.echo(say("store.size", **{**size, "megabytes": f"{size['bytes'] / 1e6:.1f}"}))
