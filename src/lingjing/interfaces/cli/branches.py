"""`lingjing branch`: what-ifs of the twin: make, list, compare, take over, drop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from lingjing.engine.settings import open_ledger
from lingjing.interfaces.cli.frame import (
    chosen_locale,
    data_option,
    json_option,
    print_json,
    print_table,
    say,
    store_option,
)
from lingjing.twin import branches as lines
from lingjing.twin.branches import Choice, EntityDifference, Kind, Merge, OnConflict, short
from lingjing.twin.documents import Instance, instant_text, payload
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK, Branch
from lingjing.vocabulary import kinds, quantities, units, words

_SHOWN = 50
_LONGEST = 60

tenant_option = click.option(
    "--tenant", default=DEFAULT_TENANT, metavar="NAME", help=say("option.tenant")
)


@click.group(help=say("help.branch"))
def branch() -> None:
    """Make, list, compare, take over and drop branches."""


@branch.command(help=say("help.branch-create"))
@click.argument("name")
@click.option("--from", "parent", default=TRUNK, metavar="NAME", help=say("option.branch-from"))
@click.option("--note", default="", help=say("option.note"))
@tenant_option
@data_option
@store_option
@json_option
def create(
    name: str, parent: str, note: str, tenant: str, data: Path, store: str | None, as_json: bool
) -> None:
    """Branch off another as it stands now; costs nothing however large the twin is."""
    with open_ledger(data, store) as ledger:
        made = ledger.create_branch(ledger.branch(tenant, parent), name, note)
    if as_json:
        print_json(_described(made, {made.key: name}))
    else:
        click.echo(say("branch.made", name=name, parent=parent))


@branch.command("list", help=say("help.branch-list"))
@tenant_option
@data_option
@store_option
@json_option
def list_(tenant: str, data: Path, store: str | None, as_json: bool) -> None:
    """All branches of a tenant, with how many entities each has changed."""
    with open_ledger(data, store, read_only=True) as ledger:
        ledger.branch(tenant)  # an unknown tenant is said to be unknown, not empty
        found = ledger.branches(tenant)
        changed = {
            item.key: len(ledger.changed_ids(item)) for item in found if item.parent is not None
        }
    names = {item.key: item.name for item in found}
    if as_json:
        print_json(
            [{**_described(item, names), "changed": changed.get(item.key)} for item in found]
        )
        return
    rows: list[list[object]] = [
        [
            item.name,
            names.get(item.parent or 0, "—"),
            changed.get(item.key, "—"),
            instant_text(item.created_us)[:19] + "Z" if item.created_us else "—",
            item.note or "—",
        ]
        for item in found
    ]
    titles = ("name", "parent", "changed", "made", "note")
    print_table([say(f"branch.title-{name}") for name in titles], rows)


@branch.command(help=say("help.branch-diff"))
@click.argument("name")
@click.option("--with", "other", metavar="NAME", help=say("option.branch-with"))
@click.option("--all", "everything", is_flag=True, help=say("option.all-changes"))
@tenant_option
@data_option
@store_option
@json_option
def diff(
    name: str,
    other: str | None,
    everything: bool,
    tenant: str,
    data: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """What a branch changed since it was made, or how another branch differs from it."""
    with open_ledger(data, store, read_only=True) as ledger:
        here = ledger.branch(tenant, name)
        if other is None:
            found = lines.diff(ledger, here)
        else:
            found = lines.compare(ledger, here, ledger.branch(tenant, other))
    if as_json:
        print_json([msgspec.to_builtins(item) for item in found])
    else:
        tell(found, None if everything else _SHOWN)


@branch.command(help=say("help.branch-merge"))
@click.argument("name")
@click.option("--id", "ids", multiple=True, metavar="URN", help=say("option.only-id"))
@click.option("--type", "types", multiple=True, metavar="TYPE", help=say("option.only-type"))
@click.option("--attribute", "attributes", multiple=True, metavar="NAME",
              help=say("option.only-attribute"))  # fmt: skip
@click.option("--on-conflict", type=click.Choice(["refuse", "take", "keep"]), default="refuse",
              show_default=True, help=say("option.on-conflict"))  # fmt: skip
@click.option("--dry-run", is_flag=True, help=say("option.dry-run"))
@tenant_option
@data_option
@store_option
@json_option
def merge(
    name: str,
    ids: tuple[str, ...],
    types: tuple[str, ...],
    attributes: tuple[str, ...],
    on_conflict: OnConflict,
    dry_run: bool,
    tenant: str,
    data: Path,
    store: str | None,
    as_json: bool,
) -> int:
    """Take changes over into the line the branch was made from; the status is 8 on conflict."""
    choice = Choice(
        frozenset(ids), frozenset(map(lines.iri, types)), frozenset(map(lines.iri, attributes))
    )
    with open_ledger(data, store) as ledger:
        done = lines.merge(
            ledger,
            ledger.branch(tenant, name),
            choice,
            on_conflict=on_conflict,
            dry_run=dry_run,
        )
    if as_json:
        print_json(msgspec.to_builtins(done))
    else:
        _tell_merge(done, dry_run=dry_run)
    refused = bool(done.conflicts) and on_conflict == "refuse"
    return 8 if refused else 0


@branch.command(help=say("help.branch-drop"))
@click.argument("name")
@tenant_option
@data_option
@store_option
@json_option
def drop(name: str, tenant: str, data: Path, store: str | None, as_json: bool) -> None:
    """Remove a branch with all its changes."""
    with open_ledger(data, store) as ledger:
        ledger.drop_branch(ledger.branch(tenant, name))
    if as_json:
        print_json({"dropped": name})
    else:
        click.echo(say("branch.dropped", name=name))


def tell(found: list[EntityDifference], most: int | None) -> None:
    """Differences in words, one entity a paragraph, counts first."""
    if not found:
        click.echo(say("branch.no-difference"))
        return
    kinds_found = [item.kind for item in found]
    counted = {kind: kinds_found.count(kind) for kind in get_args(Kind)}
    click.echo(say("branch.counts", **counted))
    for item in found[:most]:
        click.echo(say(f"branch.entity-{item.kind}", kind=_kind_title(item.types), id=item.id))
        for name in item.head:
            click.echo("    " + say("branch.head", name=name))
        if item.kind == "changed":
            for part in item.attributes:
                click.echo("    " + say(
                    "branch.attribute",
                    name=_attribute_title(part.attribute, part.dataset),
                    before=_value(part.attribute, part.before),
                    after=_value(part.attribute, part.after),
                ))  # fmt: skip
    if most is not None and len(found) > most:
        click.echo(say("branch.more", count=len(found) - most))


def _tell_merge(done: Merge, *, dry_run: bool) -> None:
    for item in done.conflicts:
        click.echo(say(
            "branch.conflict",
            id=item.id,
            name=_attribute_title(item.attribute, item.dataset) if item.attribute else "—",
            base=_conflict_value(item.attribute, item.base),
            branch=_conflict_value(item.attribute, item.branch),
            parent=_conflict_value(item.attribute, item.parent),
        ))  # fmt: skip
    if not done.done and not dry_run:
        click.echo(say("branch.not-merged", count=len(done.conflicts)))
        return
    tell(list(done.applied), _SHOWN)
    click.echo(say("branch.would-merge" if dry_run else "branch.merged", count=len(done.applied)))


def _kind_title(types: tuple[str, ...]) -> str:
    names = [short(item) for item in types]
    known = kinds()
    if names and names[0] in known:
        kind = known[names[0]]
        return kind.title_zh if chosen_locale() == "zh-CN" else kind.title_en
    return ", ".join(names)


def _attribute_title(attribute: str, dataset: str) -> str:
    name = short(attribute)
    word: Any = quantities().get(name) or words().get(name)
    title = name
    if word is not None:
        title = word.title_zh if chosen_locale() == "zh-CN" else word.title_en
    return f"{title} [{dataset}]" if dataset else title


def _value(attribute: str, instance: Instance | None) -> str:
    if instance is None:
        return say("branch.absent")
    value = payload(instance)
    known = quantities().get(short(attribute))
    text = msgspec.json.encode(value).decode() if isinstance(value, dict | list) else str(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return f"{text} {units()[known.unit].sign}".strip() if known else text


def _conflict_value(attribute: str | None, value: Any) -> str:
    if attribute is not None:
        return _value(attribute, value)
    return say("branch.absent" if value is None else "branch.present")


def _described(item: Branch, names: dict[int, str]) -> dict[str, object]:
    return {
        "name": item.name,
        "tenant": item.tenant,
        "parent": names.get(item.parent or 0),
        "created_at": instant_text(item.created_us),
        "note": item.note,
    }
