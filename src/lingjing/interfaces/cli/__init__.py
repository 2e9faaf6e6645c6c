"""The command line: translation between a person's words and the engine, no logic of its own."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click

from lingjing import __version__
from lingjing.interfaces.cli.frame import report_error, report_usage, say
from lingjing.interfaces.ending import loading
from lingjing.vocabulary import EXIT_CODES, LingjingError

COMMANDS: Final = {
    "district": "districts",
    "inventory": "districts",
    "weather": "weather",
    "scenario": "scenarios",
    "branch": "branches",
    "whatif": "whatifs",
    "store": "store",
    "sensors": "sensors",
    "run": "runs",
    "replay": "runs",
    "calc": "calc",
    "hindcast": "hindcast",
    "verify": "verify",
    "serve": "service",
    "demo": "service",
    "access": "access",
    "doctor": "service",
    "completion": "service",
}
"""Command → the module here that has it under its own name, in the order of the help."""


class Commands(click.Group):
    """Loads a command when it is called: all of them together take two seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None where there is none."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            with loading():
                address = f"{__name__}.{COMMANDS[cmd_name]}"
                module = importlib.import_module(address)  # noqa: TID251 of this folder only
            command: click.Command = getattr(module, cmd_name)
            speak_help(command, ctx)
            self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the catalogue alone."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [
            (name, click.Command(name, help=say(f"help.{name}")).get_short_help_str(room))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(
    cls=Commands,
    help=say("help.lingjing"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="lingjing", help=say("help.version"))
def lingjing() -> None:
    """The command `lingjing`; its help is in the catalogue."""


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
