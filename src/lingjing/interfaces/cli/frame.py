"""What every command shares: language, output for people and machines, progress, errors."""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from lingjing.engine.settings import data_dir
from lingjing.sdk import Progress
from lingjing.vocabulary import LOCALES, LingjingError, Locale, catalogue

MESSAGES = "lingjing.interfaces.cli"
JSON_KEY = "lingjing.json"


def chosen_locale() -> Locale:
    """The language to speak: `LINGJING_LOCALE`, else the system's, else zh-CN."""
    for name in ("LINGJING_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "").replace("_", "-")
        if value in ("", "C", "POSIX") or value.startswith("C."):
            continue
        if value.startswith("zh"):
            return "zh-CN"
        return "en"
    return LOCALES[0]


def say(key: str, **values: object) -> str:
    """A message of the command line in the chosen language."""
    return catalogue(MESSAGES).text(key, chosen_locale(), **values)


def words_in(locale: Locale, key: str, **values: object) -> str:
    """A message of the command line in one language."""
    return catalogue(MESSAGES).text(key, locale, **values)


class HelpFormatter(click.HelpFormatter):
    """Click's help with its headings in the chosen language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, prefix or say("help.usage"))

    def write_heading(self, heading: str) -> None:
        """Write a section's heading."""
        words = {"Options": "help.options", "Commands": "help.commands"}
        super().write_heading(say(words[heading]) if heading in words else heading)


click.Context.formatter_class = HelpFormatter


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str, allow_nan=False))


def print_table(titles: list[str], rows: list[list[object]]) -> None:
    """A plain table, columns aligned by how wide the characters are drawn."""
    cells = [titles, *([str(cell) for cell in row] for row in rows)]
    widths = [max(drawn_width(row[column]) for row in cells) for column in range(len(titles))]
    for row in cells:
        padded = (
            cell + " " * (width - drawn_width(cell))
            for cell, width in zip(row, widths, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def drawn_width(text: str) -> int:
    """Columns a terminal needs for the text; Chinese characters take two."""
    return sum(2 if character >= "\u1100" else 1 for character in text)


class TerminalProgress(Progress):
    """Shows progress on standard error: one line rewritten on a terminal, else a line a tenth."""

    def __init__(self) -> None:
        self._shown = -1
        self._terminal = sys.stderr.isatty()
        context = click.get_current_context(silent=True)
        for_machine = context is not None and context.find_root().meta.get(JSON_KEY, False)
        # What a machine reads from standard error is one JSON document, or nothing.
        self._silent = for_machine and not self._terminal

    def report(self, done: float, text: Any) -> None:
        """Show the share done and what is going on."""
        if self._silent:
            return
        percent = int(100 * min(max(done, 0.0), 1.0))
        if percent == self._shown or (not self._terminal and percent // 10 == self._shown // 10):
            return
        self._shown = percent
        words = text.get(chosen_locale(), "") if hasattr(text, "get") else str(text)
        if self._terminal:
            sys.stderr.write(f"\r\x1b[2K{percent:3d} %  {words}" + ("\n" if percent == 100 else ""))
        else:
            sys.stderr.write(f"{percent:3d} %  {words}\n")
        sys.stderr.flush()


Command = TypeVar("Command", bound=Callable[..., Any])


def data_option(command: Command) -> Command:
    """Add `--data DIR`, passed on as a resolved path."""
    option = click.option(
        "--data",
        "data",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        callback=lambda _context, _option, value: data_dir(value),
        help=say("option.data"),
    )
    return option(command)


def store_option(command: Command) -> Command:
    """Add `--store URL`: another store than the file in the data folder."""
    option = click.option(
        "--store", metavar="URL", envvar="LINGJING_STORE", help=say("option.store")
    )
    return option(command)


def json_option(command: Command) -> Command:
    """Add `--json`; its value also decides how errors are printed."""

    def remember(context: click.Context, _option: click.Parameter, value: bool) -> bool:
        context.find_root().meta[JSON_KEY] = value
        return value

    option = click.option(
        "--json", "as_json", is_flag=True, callback=remember, is_eager=True, help=say("option.json")
    )
    return option(command)


class ZoneName(click.ParamType[ZoneInfo]):
    """The name of a time zone."""

    name = "zone"

    def convert(self, value: Any, _option: Any, _context: Any) -> ZoneInfo:
        """Find the zone."""
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError):
            self.fail(say("usage.zone"))


class Box(click.ParamType[tuple[float, ...]]):
    """West, south, east and north in degrees."""

    name = "box"

    def convert(self, value: Any, _option: Any, _context: Any) -> tuple[float, ...]:
        """Read the four numbers."""
        if isinstance(value, tuple):
            return value
        try:
            west, south, east, north = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(say("usage.bounds"))
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            self.fail(say("usage.bounds"))
        return west, south, east, north


def zone_option(command: Command) -> Command:
    """Add `--zone NAME`, the zone of times that carry none."""
    option = click.option("--zone", type=ZoneName(), metavar="ZONE", help=say("option.zone"))
    return option(command)


def seed_option(command: Command) -> Command:
    """Add `--seed N`."""
    option = click.option(
        "--seed", type=click.IntRange(0), default=7, show_default=True, help=say("option.seed")
    )
    return option(command)


def report_error(error: LingjingError, *, as_json: bool) -> None:
    """Print what happened and the remedy, for a person or a machine, on standard error."""
    if as_json:
        document = json.dumps({"error": error.as_dict()}, ensure_ascii=False, indent=2)
        click.echo(document, err=True)
        return
    chosen = chosen_locale()
    click.echo(say("error.what", code=error.code, what=error.what(chosen)), err=True)
    click.echo(say("error.remedy", remedy=error.remedy(chosen)), err=True)


class Misuse(click.UsageError):
    """A fault of the command line that no single option shows, known in both languages."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(say(key, **values))
        self.key = key
        self.values = values


def report_usage(error: click.UsageError, *, as_json: bool) -> None:
    """Print a fault of the command line itself, for a person or a machine, on standard error."""
    context = error.ctx.command_path if error.ctx else "lingjing"
    if as_json:
        field = None
        if isinstance(error, click.BadParameter) and error.param is not None:
            field = (*error.param.opts, error.param.name)[0]
        document = {
            "code": "usage",
            "file": None,
            "line": None,
            "field": field,
            "what": {locale: usage_in_words(error, locale) for locale in LOCALES},
            "remedy": {
                locale: words_in(locale, "usage.remedy", command=context) for locale in LOCALES
            },
        }
        click.echo(json.dumps({"error": document}, ensure_ascii=False, indent=2), err=True)
        return
    what = usage_in_words(error, chosen_locale())
    click.echo(say("error.what", code="usage", what=what), err=True)
    click.echo(say("error.remedy", remedy=say("usage.remedy", command=context)), err=True)


def usage_in_words(error: click.UsageError, locale: Locale) -> str:
    """What is wrong with the command line."""
    say_in = functools.partial(words_in, locale)
    if isinstance(error, Misuse):
        return say_in(error.key, **error.values)
    if isinstance(error, click.NoSuchOption):
        text = say_in("usage.no-such-option", name=error.option_name)
        near = ", ".join(error.possibilities or ())
        return text + (say_in("usage.near", names=near) if near else "")
    if isinstance(error, click.BadParameter):
        name = error.param.get_error_hint(error.ctx) if error.param and error.ctx else "?"
        if isinstance(error, click.MissingParameter):
            return say_in("usage.missing", name=name)
        return say_in("usage.bad-value", name=name, detail=value_in_words(error, locale))
    return plain_fault_in_words(error, locale)


def plain_fault_in_words(error: click.UsageError, locale: Locale) -> str:
    """A fault that click tells by its English sentence alone."""
    unknown = re.match(r"No such command '(.*?)'", error.message)
    if unknown:
        commands = _commands_of(error.ctx)
        near = ", ".join(difflib.get_close_matches(unknown[1], commands, n=3) or commands)
        return words_in(locale, "usage.no-such-command", name=unknown[1], near=near)
    extra = re.match(r"Got unexpected extra arguments? \((.*)\)", error.message)
    if extra:
        return words_in(locale, "usage.too-much", names=extra[1])
    return error.format_message()


def _commands_of(context: click.Context | None) -> list[str]:
    if context is None or not isinstance(context.command, click.Group):
        return []
    return context.command.list_commands(context)


def value_in_words(error: click.BadParameter, locale: Locale) -> str:
    """Why a value will not do, told from the type that refused it; click says it in English."""
    expected = error.param.type if error.param is not None else None
    if isinstance(expected, click.types._NumberRangeBase):  # noqa: SLF001 it has no public name
        lowest = "−∞" if expected.min is None else expected.min
        highest = "∞" if expected.max is None else expected.max
        key = "usage.range-whole" if isinstance(expected, click.IntRange) else "usage.range-number"
        return words_in(locale, key, lowest=lowest, highest=highest)
    if isinstance(expected, click.Choice):
        return words_in(locale, "usage.choices", names=", ".join(map(str, expected.choices)))
    if isinstance(expected, click.Path):
        return words_in(locale, "usage.file" if expected.file_okay else "usage.folder")
    if isinstance(expected, ZoneName):
        return words_in(locale, "usage.zone")
    if isinstance(expected, Box):
        return words_in(locale, "usage.bounds")
    return error.message


def relative(path: Path) -> str:
    """A path as a person would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
