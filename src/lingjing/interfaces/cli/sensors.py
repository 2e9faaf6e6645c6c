"""`lingjing sensors`: rules, dead letters, and made-up sensors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import click
import msgspec

from lingjing.engine.ingest import Intake
from lingjing.engine.ingest_rules import RULES_FILE, read_rules
from lingjing.engine.ingest_rules import replay as try_again
from lingjing.engine.sensor_driving import IntoTwin, OverHttp, OverMqtt, Target, drive, things_of
from lingjing.engine.sensor_simulation import ATTRIBUTES, FAULTS, Fault, messages, place_sensors
from lingjing.engine.settings import open_ledger, open_store
from lingjing.interfaces.cli.branches import tenant_option
from lingjing.interfaces.cli.frame import (
    chosen_locale,
    data_option,
    json_option,
    print_json,
    print_table,
    say,
    seed_option,
    store_option,
)
from lingjing.twin.ledger import DEFAULT_TENANT

_SHOWN = 50


@click.group(help=say("help.sensors"))
def sensors() -> None:
    """What flows in."""


@sensors.command(help=say("help.sensors-rules"))
@data_option
@json_option
def rules(data: Path, as_json: bool) -> None:
    """Check the rules, and say what they listen to."""
    found = read_rules(data)
    if as_json:
        print_json(
            msgspec.to_builtins({"rules": found.rules, "mqtt": found.mqtt, "topics": found.topics})
        )
    elif not found.rules:
        click.echo(say("sensors.no-rules", path=data / RULES_FILE))
    else:
        titles = ("name", "topic", "entity", "attributes")
        print_table(
            [say(f"sensors.title-{title}") for title in titles],
            [[rule.name, rule.topic, rule.entity, ", ".join(rule.attributes)]
             for rule in found.rules],
        )  # fmt: skip


@sensors.group("dead-letters", help=say("help.sensors-dead-letters"))
def dead_letters() -> None:
    """Messages that could not be taken."""


@dead_letters.command("list", help=say("help.sensors-dead-letters-list"))
@click.option("--limit", type=click.IntRange(1), default=_SHOWN, show_default=True,
              help=say("option.limit"))  # fmt: skip
@tenant_option
@data_option
@store_option
@json_option
def list_(limit: int, tenant: str, data: Path, store: str | None, as_json: bool) -> None:
    """The oldest of them, with the reasons."""
    with open_ledger(data, store, read_only=True) as ledger:
        found = Intake(ledger).dead_letters(tenant, limit=limit)
    if as_json:
        print_json(
            [
                {
                    "id": key,
                    "source": letter.source,
                    "received": letter.received,
                    "tries": letter.tries,
                    "message": msgspec.json.decode(letter.letter),
                    "error": letter.error().as_dict(),
                }
                for key, letter in found
            ]
        )
    elif not found:
        click.echo(say("sensors.no-letters"))
    else:
        titles = ("id", "received", "source", "reason")
        print_table(
            [say(f"sensors.title-{title}") for title in titles],
            [[key, letter.received[:19] + "Z", letter.source,
              letter.error().what(chosen_locale())] for key, letter in found],
        )  # fmt: skip


@dead_letters.command(help=say("help.sensors-dead-letters-replay"))
@click.argument("ids", nargs=-1)
@click.option("--to", "url", metavar="URL", help=say("option.replay-to"))
@click.option("--key", envvar="LINGJING_KEY", help=say("option.key"))
@tenant_option
@data_option
@store_option
@json_option
def replay(
    ids: tuple[str, ...],
    url: str | None,
    key: str | None,
    tenant: str,
    data: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """Try them again with the rules of today; all where none is named."""
    if url is not None:
        server = OverHttp(url, tenant, key)
        try:
            tried, receipt = server.replay(ids)
        finally:
            server.close()
    else:
        ready = read_rules(data)
        with open_ledger(data, store) as ledger:
            done = try_again(Intake(ledger, ready.intake), tenant, ids, ready)
        tried, receipt = done.tried, done.receipt
    if as_json:
        print_json(msgspec.to_builtins(receipt))
    else:
        click.echo(say("sensors.replayed", tried=tried, taken=receipt.taken, dead=receipt.dead))


@sensors.command(help=say("help.sensors-simulate"))
@click.argument("district")
@click.option("--hours", type=click.FloatRange(0.01, 24 * 366), default=24.0, show_default=True,
              help=say("option.sensor-hours"))  # fmt: skip
@click.option("--every", type=click.FloatRange(1), default=300.0, show_default=True,
              help=say("option.every"))  # fmt: skip
@click.option("--most", type=click.IntRange(1, 100_000), default=100, show_default=True,
              help=say("option.most-sensors"))  # fmt: skip
@click.option("--kind", "kinds", type=click.Choice(sorted(ATTRIBUTES)), multiple=True,
              help=say("option.sensor-kind"))  # fmt: skip
@click.option("--faulty", type=click.FloatRange(0, 1), default=0.4, show_default=True,
              help=say("option.faulty"))  # fmt: skip
@click.option("--fault", "faults", type=click.Choice(get_args(Fault)), multiple=True,
              help=say("option.fault"))  # fmt: skip
@click.option("--to", "url", metavar="URL", help=say("option.sensor-to"))
@click.option("--key", envvar="LINGJING_KEY", help=say("option.key"))
@click.option("--live", is_flag=True, help=say("option.live"))
@seed_option
@tenant_option
@data_option
@store_option
@json_option
def simulate(
    district: str,
    hours: float,
    every: float,
    most: int,
    kinds: tuple[str, ...],
    faulty: float,
    faults: tuple[Fault, ...],
    url: str | None,
    key: str | None,
    live: bool,
    seed: int,
    tenant: str,
    data: Path,
    store: str | None,
    as_json: bool,
) -> None:
    """Drive a district with made-up sensors."""
    with open_store(data, read_only=True, url=store) as districts:
        things = things_of(districts.twin(district), kinds, most)
    placed = place_sensors(things, seed, faulty, faults or FAULTS)
    now_us = time.time_ns() // 1000
    start_us = now_us if live else now_us - round(hours * 3_600_000_000)
    stream = messages(placed, start_us, hours, every, seed)
    if url is not None:
        target: Target = OverMqtt(url) if url.startswith("mqtt:") else OverHttp(url, tenant, key)
        try:
            done = drive(stream, target, live=live)
        finally:
            target.close()
    else:
        with open_ledger(data, store) as ledger:
            if tenant != DEFAULT_TENANT:
                ledger.ensure_tenant(tenant)
            done = drive(stream, IntoTwin(Intake(ledger), tenant), live=live)
    if as_json:
        print_json(
            {
                "sensors": len(placed),
                "seed": seed,
                "synthetic": True,
                "driven": msgspec.to_builtins(done),
            }
        )
        return
    click.echo(say("sensors.driven", sensors=len(placed), sent=done.sent, district=district))
    faulty_ones = ", ".join(f"{name} {count}" for name, count in done.by_fault.items())
    click.echo(say("sensors.by-fault", faults=faulty_ones))
    if done.receipt is not None:
        receipt = done.receipt
        click.echo(
            say("sensors.receipt", taken=receipt.taken, late=receipt.late,
                repeated=receipt.repeated, dead=receipt.dead)
        )  # fmt: skip
