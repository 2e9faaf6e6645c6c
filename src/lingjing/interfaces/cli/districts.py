"""`lingjing district` and `lingjing inventory`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lingjing.engine import districts as engine
from lingjing.engine.city_models import export_city_model
from lingjing.engine.settings import has_store, open_district, open_store, store_when_needed
from lingjing.engine.tiles import build_tiles
from lingjing.engine.tiles_layers import layers
from lingjing.interfaces.cli.frame import (
    Box,
    TerminalProgress,
    chosen_locale,
    data_option,
    json_option,
    print_json,
    print_table,
    say,
    seed_option,
)
from lingjing.twin.contract import Store
from lingjing.twin.entities import SourceRecord
from lingjing.vocabulary import LingjingError, kinds

FILE = click.Path(dir_okay=False, path_type=Path)

pack_option = click.option("--pack", required=True, help=say("option.pack"))
name_option = click.option("--name", help=say("option.name"))
crs_option = click.option("--crs", help=say("option.crs"))


@click.group(help=say("help.district"))
def district() -> None:
    """Bring a district in and look at it."""


@click.group(help=say("help.inventory"))
def inventory() -> None:
    """Take in what the owners know of their assets."""


@district.command("import", help=say("help.district-import"))
@click.argument("file", type=FILE)
@pack_option
@name_option
@crs_option
@click.option("--kind", type=click.Choice(sorted(kinds())), help=say("option.kind"))
@click.option("--encoding", help=say("option.encoding"))
@click.option("--add", is_flag=True, help=say("option.add"))
@seed_option
@data_option
@json_option
def import_(
    file: Path,
    pack: str,
    name: str | None,
    crs: str | None,
    kind: str | None,
    encoding: str | None,
    add: bool,
    seed: int,
    data: Path,
    as_json: bool,
) -> None:
    """Import a map, infer what no inventory knows, and report what was dropped."""
    with store_when_needed(data) as store:
        done = engine.import_map(
            store, file, pack=pack, name=name, crs=crs, kind=kind, encoding=encoding, seed=seed,
            data_dir=data, add=add, progress=TerminalProgress(),
        )  # fmt: skip
        make_tiles(data, store, done.district.name)
        show_import(engine.show_district(store, done.district.name), as_json=as_json)


@district.command(help=say("help.district-sketch"))
@click.argument("pack")
@click.option(
    "--scale", type=click.FloatRange(0.001, 20), default=1.0, show_default=True,
    help=say("option.scale"),
)  # fmt: skip
@seed_option
@name_option
@data_option
@json_option
def sketch(pack: str, scale: float, seed: int, name: str | None, data: Path, as_json: bool) -> None:
    """Make a synthetic district."""
    with store_when_needed(data) as store:
        done = engine.sketch(
            store, pack=pack, scale=scale, seed=seed, name=name, progress=TerminalProgress()
        )
        make_tiles(data, store, done.district.name)
        show_import(engine.show_district(store, done.district.name), as_json=as_json)


@district.command(help=say("help.district-fetch"))
@click.argument("pack")
@click.option("--bounds", type=Box(), metavar="W,S,E,N", help=say("option.bounds"))
@name_option
@seed_option
@data_option
@json_option
def fetch(
    pack: str,
    bounds: tuple[float, float, float, float] | None,
    name: str | None,
    seed: int,
    data: Path,
    as_json: bool,
) -> None:
    """Fetch a map from Overpass and import it."""
    with store_when_needed(data) as store:
        done = engine.fetch_district(
            store, data, pack=pack, bounds=bounds, name=name, seed=seed, progress=TerminalProgress()
        )
        make_tiles(data, store, done.district.name)
        show_import(engine.show_district(store, done.district.name), as_json=as_json)


def make_tiles(data: Path, store: Store, name: str) -> None:
    """Make the map tiles that an import left out of date.

    The import stands without them: what is lacking is made when it is first asked for.
    """
    with contextlib.suppress(LingjingError):
        build_tiles(data, store, name)


@district.command(help=say("help.district-tiles"))
@click.argument("name")
@click.option(
    "--layer", "names", type=click.Choice(sorted(layers())), multiple=True, help=say("option.layer")
)
@data_option
@json_option
def tiles(name: str, names: tuple[str, ...], data: Path, as_json: bool) -> None:
    """Make the map tiles of a district that are lacking or out of date."""
    progress = TerminalProgress()
    with open_district(data, name) as store:
        made = build_tiles(data, store, name, names, progress.report)
    if as_json:
        print_json({"district": name, "layers": made})
        return
    titles = ("layer", "features", "tiles", "encoded", "size")
    print_table(
        [say(f"district.tiles-{title}") for title in titles],
        [
            [item["layer"], item["features"], item["tiles"], item["encoded"],
             f"{item['bytes'] / 1e6:.1f} MB"]
            for item in made
        ],
    )  # fmt: skip


@district.command(help=say("help.district-show"))
@click.argument("name", required=False)
@data_option
@json_option
def show(name: str | None, data: Path, as_json: bool) -> None:
    """List the districts, or show one."""
    if name is not None:
        with open_district(data, name) as store:
            show_import(engine.show_district(store, name), as_json=as_json)
        return
    shown = []
    if has_store(data):
        with open_store(data, read_only=not os.access(data, os.W_OK)) as store:
            shown = [
                engine.show_district(store, item.name, shares_too=False)
                for item in store.districts()
            ]
    if as_json:
        print_json(shown)
    elif not shown:
        click.echo(say("district.none"))
    else:
        titles = ("name", "title", "entities", "synthetic", "updated")
        print_table(
            [say(f"district.title-{title}") for title in titles],
            [
                [item["name"], item["title"][chosen_locale()], sum(item["counts"].values()),
                 "●" if item["synthetic"] else "", item["updated_at"]]
                for item in shown
            ],
        )  # fmt: skip


@district.command(help=say("help.district-export"))
@click.argument("name")
@click.option(
    "--format", "form", type=click.Choice(["cityjson"]), default="cityjson", show_default=True,
    help=say("option.export-format"),
)  # fmt: skip
@click.option("--out", type=FILE, required=True, help=say("option.export-out"))
@click.option("--source", help=say("option.export-source"))
@data_option
@json_option
def export(name: str, form: str, out: Path, source: str | None, data: Path, as_json: bool) -> None:
    """Export a district as a city model."""
    with open_district(data, name) as store:
        done = export_city_model(store, data, name, out, source=source)
    if as_json:
        print_json({"district": name, "format": form, "file": str(out), **asdict(done)})
    else:
        counts = asdict(done)
        click.echo(say("district.exported", path=out, **counts))


@inventory.command("import", help=say("help.inventory-import"))
@click.argument("file", type=FILE)
@click.option("--district", "name", required=True, help=say("option.district"))
@crs_option
@click.option("--encoding", help=say("option.encoding"))
@data_option
@json_option
def import_inventory(
    file: Path, name: str, crs: str | None, encoding: str | None, data: Path, as_json: bool
) -> None:
    """Import an owner's inventory."""
    with open_district(data, name) as store:
        done = engine.import_inventory(
            store, name, file, crs=crs, encoding=encoding, progress=TerminalProgress()
        )
        make_tiles(data, store, name)
    kept = {kind: count for source in done.sources for kind, count in kept_of(source).items()}
    gone = sum(number for kinds_gone in done.replaced.values() for number in kinds_gone.values())
    if as_json:
        print_json({"district": name, "kept": kept, "replaced": done.replaced})
    else:
        click.echo(say("district.inventory-imported", counts=in_words(kept), replaced=gone))


def kept_of(source: SourceRecord) -> dict[str, int]:
    """Features one import kept, by kind."""
    return dict(source.report.get("kept", {}))


def in_words(counts: dict[str, int]) -> str:
    """Counts by kind in the chosen language: `建筑 498，路段 812`."""
    chinese = chosen_locale() == "zh-CN"
    titles = {
        name: kind.title_zh if chinese else kind.title_en.lower() for name, kind in kinds().items()
    }
    parts = [f"{titles.get(name, name)} {count:,}" for name, count in sorted(counts.items())]
    return ("，" if chinese else ", ").join(parts)


def reason_in_words(reason: str) -> str:
    """Why something was left out or repaired; a reader's own key where no words are known."""
    for family in ("unreadable-tag", "not-a-road"):
        if reason.startswith(f"{family}-"):
            return f"{say(f'reason.{family}')} ({reason.removeprefix(f'{family}-')})"
    try:
        return say(f"reason.{reason}")
    except KeyError:
        return reason


def read_in_words(what: str) -> str:
    """What a reader counted; a layer's own name where no words are known."""
    try:
        return say(f"read.{what.lower().replace(' ', '-')}")
    except KeyError:
        return what


def show_import(shown: dict[str, Any], *, as_json: bool) -> None:
    """What a district holds, where it came from, what was left out, and how sure it is."""
    if as_json:
        print_json(shown)
        return
    click.echo(say("district.imported", name=shown["name"], counts=in_words(shown["counts"])))
    if shown["synthetic"]:
        click.echo(say("district.synthetic"))
    for source in shown["sources"]:
        show_source(source)
    for kind, count in sorted(shown["counts"].items()):
        share = shown["provenance"].get(kind, {}).get("inferred", 0.0)
        if share > 0:
            title = in_words({kind: count}).rsplit(" ", 1)[0]
            click.echo(
                say("district.inferred", kind=title, count=f"{count:,}", share=f"{100 * share:.0f}")
            )


def show_source(source: dict[str, Any]) -> None:
    """One import: whom to credit, what was read, repaired and left out."""
    report = source["report"]
    credit, licence = source["attribution"], source["licence"]
    if licence != "unstated" and licence.partition("-")[0] not in credit:
        credit = ", ".join(text for text in (credit, licence) if text)
    click.echo(say("district.source", name=source["name"], credit=credit).rstrip(" ,，:："))
    if report.get("read"):
        read = ", ".join(
            f"{read_in_words(name)} {count:,}" for name, count in sorted(report["read"].items())
        )
        click.echo("  " + say("district.read", counts=read))
    for reason, count in sorted(report.get("repaired", {}).items()):
        click.echo("  " + say("district.repaired", count=count, reason=reason_in_words(reason)))
    for gone in report.get("dropped", ()):
        examples = ", ".join(gone["examples"])
        reason = reason_in_words(gone["reason"])
        text = say("district.dropped", count=gone["count"], reason=reason, examples=examples)
        click.echo("  " + text)
    for note in report.get("notes", ()):
        click.echo("  " + note[chosen_locale()])
