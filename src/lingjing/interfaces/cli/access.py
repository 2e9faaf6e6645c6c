"""`lingjing access`: keys for programs and people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lingjing.engine.access import ROLES
from lingjing.engine.access_keys import KeyRecord, KeyRing
from lingjing.engine.settings import open_ledger
from lingjing.interfaces.cli.frame import (
    data_option,
    json_option,
    print_json,
    print_table,
    say,
    store_option,
)


@click.group(help=say("help.access"))
def access() -> None:
    """Who may come in."""


@access.group(help=say("help.access-key"))
def key() -> None:
    """Keys."""


@key.command(help=say("help.access-key-create"))
@click.option("--role", type=click.Choice(ROLES), required=True, help=say("option.role"))
@click.option("--tenant", "tenants", multiple=True, metavar="NAME", help=say("option.tenants"))
@click.option("--note", default="", help=say("option.note"))
@click.option("--days", type=click.IntRange(1, 3650), help=say("option.days"))
@data_option
@store_option
@json_option
def create(
    role: str,
    tenants: tuple[str, ...],
    note: str,
    days: int | None,
    data: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """Make a key; it is shown now and never again."""
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    with open_ledger(data, store) as ledger:
        record, text = KeyRing(ledger).create(role, tenants or ("",), note, expires_at)
    if as_json:
        print_json({**_described(record), "key": text})
        return
    click.echo(text)
    click.echo(say("access.made", id=record.id, role=record.role), err=True)


@key.command("list", help=say("help.access-key-list"))
@data_option
@store_option
@json_option
def list_(data: Path, store: str | None, as_json: bool) -> None:
    """All keys, without their secrets."""
    with open_ledger(data, store, read_only=True) as ledger:
        found = KeyRing(ledger).list()
    if as_json:
        print_json([_described(item) for item in found])
        return
    rows: list[list[object]] = [
        [
            item.id,
            item.role,
            ", ".join(name or say("access.default-tenant") for name in item.tenants),
            item.created_at[:10],
            (item.expires_at or "—")[:10],
            item.note or "—",
        ]
        for item in found
    ]
    titles = ("id", "role", "tenants", "made", "expires", "note")
    print_table([say(f"access.title-{name}") for name in titles], rows)


@key.command(help=say("help.access-key-revoke"))
@click.argument("key_id", metavar="ID")
@data_option
@store_option
@json_option
def revoke(key_id: str, data: Path, store: str | None, as_json: bool) -> None:
    """Take a key back."""
    with open_ledger(data, store) as ledger:
        KeyRing(ledger).revoke(key_id)
    if as_json:
        print_json({"revoked": key_id})
    else:
        click.echo(say("access.revoked", id=key_id))


def _described(record: KeyRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "role": record.role,
        "tenants": list(record.tenants),
        "note": record.note,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
    }
