"""The command line: translation between a person's words and the engine, no logic of its own."""

from __future__ import annotations

import sys

import click

from lingjing import __version__
from lingjing.interfaces.cli import (
    access,
    branches,
    calc,
    districts,
    hindcast,
    runs,
    scenarios,
    sensors,
    service,
    store,
    verify,
    weather,
)
from lingjing.interfaces.cli.frame import report_error, report_usage, say
from lingjing.vocabulary import EXIT_CODES, LingjingError


@click.group(help=say("help.lingjing"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lingjing", help=say("help.version"))
def lingjing() -> None:
    """The command `lingjing`; its help is in the catalogue."""


for part in (
    districts.district,
    districts.inventory,
    weather.weather,
    scenarios.scenario,
    branches.branch,
    store.store,
    sensors.sensors,
    runs.run,
    runs.replay,
    calc.calc,
    hindcast.hindcast,
    verify.verify,
    service.serve,
    service.demo,
    access.access,
    service.doctor,
    service.completion,
):
    lingjing.add_command(part)


def speak_help(command: click.Command, parent: click.Context | None = None) -> None:
    """Give the help option of a command, and of those below it, its text in our catalogue."""
    context = click.Context(command, parent=parent, **command.context_settings)
    option = command.get_help_option(context)
    if option is not None:
        option.help = say("help.help")
    for below in getattr(command, "commands", {}).values():
        speak_help(below, context)


speak_help(lingjing)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a documented status."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status instead of exiting."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        status = lingjing.main(given, prog_name="lingjing", standalone_mode=False)
    except LingjingError as error:
        report_error(error, as_json="--json" in given)
        return error.exit_code
    except click.UsageError as error:
        report_usage(error, as_json="--json" in given)
        return EXIT_CODES["usage"]
    except (KeyboardInterrupt, click.Abort):
        click.echo(say("error.interrupted"), err=True)
        return EXIT_CODES["interrupted"]
    except BrokenPipeError:
        # The reader of our output has gone; that is its right, as in `lingjing … | head`.
        sys.stderr.close()
        return 0
    return status if isinstance(status, int) else 0
