"""`lingjing whatif`: order what-ifs, follow, compare, keep, drop them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from lingjing.engine.whatifs.book import Book, WhatIf
from lingjing.engine.whatifs.comparing import THRESHOLD, number, signed
from lingjing.engine.whatifs.desk import (
    cancel_whatif,
    compare_whatif,
    drop_whatif,
    keep_whatif,
    order_whatif,
)
from lingjing.engine.whatifs.order import (
    AssetChange,
    Changes,
    Order,
    Select,
    Supplies,
    Value,
    WeatherOrder,
    read_changes,
)
from lingjing.interfaces.cli.frame import (
    Misuse,
    TerminalProgress,
    chosen_locale,
    data_option,
    json_option,
    print_json,
    print_table,
    say,
    store_option,
)
from lingjing.vocabulary import EXIT_CODES
from lingjing.vocabulary.errors import error_texts


@click.group(help=say("help.whatif"))
def whatif() -> None:
    """Order, follow, compare, keep and drop what-ifs."""


@whatif.command(help=say("help.whatif-create"))
@click.argument("name")
@click.option("--run", "run", required=True, metavar="RUN", help=say("option.whatif-run"))
@click.option("--note", default="", help=say("option.note"))
@click.option("--shift", type=float, default=0.0, metavar="K", help=say("option.whatif-shift"))
@click.option("--spread", type=float, default=1.0, metavar="X", help=say("option.whatif-spread"))
@click.option("--wind", type=float, default=1.0, metavar="X", help=say("option.whatif-wind"))
@click.option("--precipitation", type=float, default=1.0, metavar="X",
              help=say("option.whatif-precipitation"))  # fmt: skip
@click.option("--weather", default="", metavar="RECORD", help=say("option.whatif-weather"))
@click.option("--set", "sets", multiple=True, metavar="KIND.NAME=VALUE",
              help=say("option.whatif-set"))  # fmt: skip
@click.option("--in", "streets", multiple=True, metavar="NAME", help=say("option.whatif-in"))
@click.option("--building-name", default="", metavar="TEXT",
              help=say("option.whatif-building-name"))  # fmt: skip
@click.option("--age-class", "ages", multiple=True, metavar="CLASS",
              help=say("option.whatif-age-class"))  # fmt: skip
@click.option("--bare", is_flag=True, help=say("option.whatif-bare"))
@click.option("--salt", type=float, default=1.0, metavar="X", help=say("option.whatif-salt"))
@click.option("--mats", type=float, default=1.0, metavar="X", help=say("option.whatif-mats"))
@click.option("--crews", type=float, default=1.0, metavar="X", help=say("option.whatif-crews"))
@click.option("--changes", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help=say("option.whatif-changes"))  # fmt: skip
@click.option("--no-wait", is_flag=True, help=say("option.whatif-no-wait"))
@data_option
@store_option
@json_option
def create(name: str, run: str, note: str, no_wait: bool, data: Path, store: str | None,
           as_json: bool, **asked: Any) -> int:  # fmt: skip
    """Branch, change, run; without a server in this process, else by the server."""
    order = Order(name=name, run=run, note=note, changes=_changes(asked))
    progress = TerminalProgress()

    def follow(item: WhatIf) -> None:
        if item.text is not None:
            progress.report(item.done, item.text)

    item = order_whatif(data, order, store=store, wait=not no_wait, follow=follow)
    if as_json:
        print_json(msgspec.to_builtins(item))
    else:
        _tell(item)
    return _status(item)


@whatif.command("list", help=say("help.whatif-list"))
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """All what-ifs, the newest first."""
    found = Book(data).all()
    if as_json:
        print_json([msgspec.to_builtins(item) for item in found])
        return
    titles = ("name", "state", "entities", "base", "result", "kept")
    print_table(
        [say(f"whatif.title-{title}") for title in titles],
        [
            [item.name, _state(item), item.entities, item.run, item.result or "—",
             say("whatif.yes") if item.kept else "—"]
            for item in found
        ],
    )  # fmt: skip


@whatif.command(help=say("help.whatif-show"))
@click.argument("name")
@data_option
@json_option
def show(name: str, data: Path, as_json: bool) -> None:
    """One what-if, as far as it has come."""
    item = Book(data).get(name)
    if as_json:
        print_json(msgspec.to_builtins(item))
    else:
        _tell(item)


@whatif.command(help=say("help.whatif-compare"))
@click.argument("name")
@click.option("--with", "other", metavar="NAME", help=say("option.whatif-with"))
@click.option("--threshold", type=click.FloatRange(0.01, 1), default=THRESHOLD, show_default=True,
              help=say("option.whatif-threshold"))  # fmt: skip
@click.option("--objects", type=click.IntRange(0, 500), default=10, show_default=True,
              help=say("option.whatif-objects"))  # fmt: skip
@data_option
@json_option
def compare(
    name: str, other: str | None, threshold: float, objects: int, data: Path, as_json: bool
) -> None:
    """What a what-if differs by from its base run, or from another."""
    found = compare_whatif(data, name, other)
    total, rows = found.objects(None, None, 0, objects)
    content = found.content(threshold)
    if as_json:
        print_json({**content, "objects": {"total": total, "rows": rows}})
        return
    for sentence in content["words"][chosen_locale()]:
        click.echo(sentence)
    if not rows:
        return
    click.echo(say("whatif.objects", total=total, shown=len(rows)))
    names = ("object", "event", "before", "after", "change", "shift")
    print_table(
        [say(f"whatif.title-{title}") for title in names],
        [
            [row["id"].split(":", 2)[2], row["quantity"], _share(row["probability_a"]),
             _share(row["probability_b"]), signed(row["change"] * 100) + " %",
             "—" if row["onset_shift_hours"] is None else signed(row["onset_shift_hours"]) + " h"]
            for row in rows
        ],
    )  # fmt: skip


@whatif.command(help=say("help.whatif-keep"))
@click.argument("name")
@click.option("--off", is_flag=True, help=say("option.whatif-off"))
@data_option
@json_option
def keep(name: str, off: bool, data: Path, as_json: bool) -> None:
    """Protect a what-if from being dropped, or no longer."""
    item = keep_whatif(data, name, kept=not off)
    if as_json:
        print_json(msgspec.to_builtins(item))
    else:
        click.echo(say("whatif.not-kept" if off else "whatif.is-kept", name=name))


@whatif.command(help=say("help.whatif-cancel"))
@click.argument("name")
@data_option
@json_option
def cancel(name: str, data: Path, as_json: bool) -> None:
    """Stop one that waits or is being computed."""
    item = cancel_whatif(data, name)
    if as_json:
        print_json(msgspec.to_builtins(item))
    else:
        key = "whatif.over" if item.is_over else "whatif.cancelling"
        click.echo(say(key, name=name, state=_state(item)))


@whatif.command(help=say("help.whatif-drop"))
@click.argument("name")
@click.option("--even-kept", is_flag=True, help=say("option.whatif-even-kept"))
@data_option
@store_option
@json_option
def drop(name: str, even_kept: bool, data: Path, store: str | None, as_json: bool) -> None:
    """Remove a what-if with its branch and its run."""
    gone = drop_whatif(data, name, store=store, even_kept=even_kept)
    if as_json:
        print_json({"dropped" if gone else "dropping": name})
    else:
        click.echo(say("whatif.dropped" if gone else "whatif.dropping", name=name))


def _changes(asked: dict[str, Any]) -> Changes:
    """The changes that the options, or the file, ask for."""
    file: Path | None = asked["file"]
    if file is not None:
        return read_changes(file.read_bytes(), str(file))
    weather = WeatherOrder(
        asked["shift"], asked["spread"], asked["wind"], asked["precipitation"], asked["weather"]
    )
    sets: dict[str, dict[str, Value]] = {}
    for text in asked["sets"]:
        where, equals, value = text.partition("=")
        kind, point, attribute = where.partition(".")
        if not (equals and point and kind and attribute and value):
            raise Misuse("usage.whatif-set", text=text)
        sets.setdefault(kind, {})[attribute] = _value(value)
    return Changes(
        weather=weather,
        assets=tuple(
            AssetChange(
                Select(
                    kind,
                    sub_districts=tuple(asked["streets"]),
                    building_name=asked["building_name"],
                    age_classes=tuple(asked["ages"]),
                    bare=asked["bare"],
                ),
                set=values,
            )
            for kind, values in sets.items()
        ),
        supplies=Supplies(asked["salt"], asked["mats"], asked["crews"]),
    )


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _tell(item: WhatIf) -> None:
    locale = chosen_locale()
    click.echo(say("whatif.record", name=item.name, state=_state(item), base=item.run))
    if item.note:
        click.echo(item.note)
    click.echo(say("whatif.changed", entities=item.entities,
                   changes=msgspec.json.encode(item.changes).decode()))  # fmt: skip
    if item.result is not None:
        click.echo(say("whatif.result", run=item.result, name=item.name))
    for caution in item.cautions:
        click.echo(say("whatif.caution", caution=caution))
    if item.error is not None:
        click.echo(say("error.what", code=item.error["code"], what=item.error["what"][locale]))
        click.echo(say("error.remedy", remedy=item.error["remedy"][locale]))


def _state(item: WhatIf) -> str:
    return say(f"whatif.state-{item.state}")


def _status(item: WhatIf) -> int:
    """Exit status: that of the error it ended with."""
    if item.state == "cancelled":
        return EXIT_CODES["interrupted"]
    if item.error is None:
        return 0
    return EXIT_CODES[error_texts()[str(item.error["code"])].family]


def _share(chance: float | None) -> str:
    return "—" if chance is None else f"{number(chance * 100)} %"
