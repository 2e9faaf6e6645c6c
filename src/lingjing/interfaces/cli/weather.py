"""`lingjing weather`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from lingjing.engine import weather as engine
from lingjing.engine.settings import open_district
from lingjing.interfaces.cli.frame import (
    Misuse,
    chosen_locale,
    data_option,
    json_option,
    print_json,
    print_table,
    say,
    zone_option,
)
from lingjing.vocabulary import Place, WeatherTable, format_instant, parse_instant, quantity, units


@click.group(help=say("help.weather"))
def weather() -> None:
    """Bring weather in and look at it."""


place_options = (
    click.option("--longitude", type=click.FloatRange(-180, 180), help=say("option.longitude")),
    click.option("--latitude", type=click.FloatRange(-90, 90), help=say("option.latitude")),
)


@weather.command("import", help=say("help.weather-import"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help=say("option.name"))
@zone_option
@place_options[0]
@place_options[1]
@click.option("--year", type=click.IntRange(1900, 2100), help=say("option.year"))
@click.option("--from", "first", metavar="TIME", help=say("option.from"))
@click.option("--to", "last", metavar="TIME", help=say("option.to"))
@click.option("--attribution", help=say("option.attribution"))
@data_option
@json_option
def import_(
    file: Path,
    name: str | None,
    zone: ZoneInfo | None,
    longitude: float | None,
    latitude: float | None,
    year: int | None,
    first: str | None,
    last: str | None,
    attribution: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Read a weather file, whole or between two times, and keep it."""
    for one, other in ((("--from", first), ("--to", last)),
                       (("--longitude", longitude), ("--latitude", latitude))):  # fmt: skip
        if (one[1] is None) != (other[1] is None):
            missing = one[0] if one[1] is None else other[0]
            raise Misuse("usage.missing", name=missing)
    window = (
        None
        if first is None or last is None
        else (
            parse_instant(first, zone, Place(field="--from")),
            parse_instant(last, zone, Place(field="--to")),
        )
    )
    if window is not None and window[0] >= window[1]:
        raise Misuse("usage.from-after-to")
    table = engine.load_weather(
        data,
        file,
        window=window,
        zone=zone,
        longitude_deg=longitude,
        latitude_deg=latitude,
        year=year,
        attribution=attribution,
    )
    keep(data, replace(table, name=name or table.name), as_json=as_json)


def keep(data: Path, table: WeatherTable, *, as_json: bool) -> None:
    """Keep a table and say so."""
    engine.keep_weather(data, table)
    show_one(table, as_json=as_json)


@weather.command(help=say("help.weather-fetch"))
@click.option("--district", help=say("option.district"))
@place_options[0]
@place_options[1]
@click.option("--ensemble", is_flag=True, help=say("option.ensemble"))
@click.option(
    "--hours", type=click.IntRange(2, 384), default=120, show_default=True,
    help=say("option.fetch-hours"),
)  # fmt: skip
@click.option("--name", help=say("option.name"))
@data_option
@json_option
def fetch(
    district: str | None,
    longitude: float | None,
    latitude: float | None,
    ensemble: bool,
    hours: int,
    name: str | None,
    data: Path,
    as_json: bool,
) -> None:
    """Fetch a live forecast for a district or a point, and keep it."""
    if district is not None:
        with open_district(data, district) as store:
            longitude, latitude = store.district(district).centre
    if longitude is None or latitude is None:
        raise Misuse("usage.missing", name="--district / --longitude --latitude")
    table = engine.fetch_weather(
        data, longitude_deg=longitude, latitude_deg=latitude, ensemble=ensemble, hours=hours
    )
    keep(data, replace(table, name=name or table.name), as_json=as_json)


@weather.command(help=say("help.weather-show"))
@click.argument("name", required=False)
@zone_option
@data_option
@json_option
def show(name: str | None, zone: ZoneInfo | None, data: Path, as_json: bool) -> None:
    """List the weather kept, or show one record or file."""
    if name is not None:
        show_one(engine.load_weather(data, name, zone=zone), as_json=as_json)
        return
    tables = [engine.load_weather(data, kept) for kept in engine.list_weather(data)]
    if as_json:
        print_json([engine.weather_summary(table) for table in tables])
    elif not tables:
        click.echo(say("weather.none"))
    else:
        print_table(
            [say(f"weather.title-{title}") for title in ("name", "start", "end", "members")],
            [
                [table.name, format_instant(table.start), format_instant(table.end), table.members]
                for table in tables
            ],
        )


def show_one(table: WeatherTable, *, as_json: bool) -> None:
    """One weather record: what it spans, its ranges, methods and notes."""
    summary = engine.weather_summary(table)
    if as_json:
        print_json(summary)
        return
    click.echo(
        say(
            "weather.kept", name=table.name, members=table.members,
            start=format_instant(table.start), end=format_instant(table.end),
        )
    )  # fmt: skip
    if table.provenance.synthetic:
        click.echo(say("weather.synthetic"))
    chinese = chosen_locale() == "zh-CN"
    rows: list[list[object]] = []
    for name, values in table.columns.items():
        item = quantity(name)
        title = item.title_zh if chinese else item.title_en
        unit = units()[item.unit].sign
        spread = (values.min(), values.mean(dtype=float), values.max())
        rows.append([f"{title} {unit}", *(f"{value:.1f}" for value in spread), table.methods[name]])
    titles = ("quantity", "lowest", "mean", "highest", "method")
    print_table([say(f"weather.title-{title}") for title in titles], rows)
    for note in table.notes:
        in_chinese, _, in_english = note.partition(" / ")
        click.echo(say("weather.note", text=in_chinese if chinese else in_english or in_chinese))
    if table.attribution:
        click.echo(say("weather.attribution", text=table.attribution))
