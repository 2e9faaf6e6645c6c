"""`lingjing serve`, `demo`, `doctor` and `completion`."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from importlib import metadata
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from lingjing.engine.access import require_somebody
from lingjing.engine.demo import prepare_demo
from lingjing.engine.districts import available_packs
from lingjing.engine.results import RunFolder
from lingjing.interfaces.cli.frame import (
    TerminalProgress,
    chosen_locale,
    data_option,
    json_option,
    print_json,
    relative,
    say,
    seed_option,
    store_option,
)
from lingjing.interfaces.http.app import WEB
from lingjing.interfaces.http.serving import LOOPBACK, Wanted, address_of, open_socket
from lingjing.interfaces.http.serving import serve as serve_http
from lingjing.interfaces.ngsild.requests import BASE
from lingjing.sdk import registry

PORT = 8787
LIBRARIES = (
    "numpy", "numba", "apsw", "shapely", "pyproj", "osmium", "pyogrio", "pyarrow", "matplotlib",
    "starlette", "uvicorn", "httpx",
)  # fmt: skip

port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=PORT,
    show_default=True,
    help=say("option.port"),
)
browser_option = click.option(
    "--no-browser", "browser", is_flag=True, flag_value=False, default=True,
    help=say("option.no-browser"),
)  # fmt: skip


def context_files(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Path]:
    """Files by the address of the `@context` that they hold."""
    files = {}
    for value in values:
        address, separator, name = value.rpartition("=")
        if not separator or not address:
            raise click.BadParameter(value, context, parameter)
        if not Path(name).is_file():
            raise click.BadParameter(name, context, parameter)
        files[address] = Path(name)
    return files


@click.command(help=say("help.serve"))
@data_option
@store_option
@port_option
@click.option("--host", default="127.0.0.1", show_default=True, help=say("option.host"))
@click.option(
    "--context",
    "contexts",
    metavar="URL=FILE",
    multiple=True,
    callback=context_files,
    help=say("option.context"),
)
@browser_option
def serve(
    data: Path, store: str | None, port: int, host: str, contexts: dict[str, Path], browser: bool
) -> None:
    """Serve the page, the endpoints and NGSI-LD until interrupted."""
    if host not in LOOPBACK:
        require_somebody(data, store)
    opened = open_socket(port, host, beyond_loopback=True)
    show_page(Wanted(data_dir=data, store=store, contexts=contexts), opened, browser=browser)


def show_page(wanted: Wanted, opened: socket.socket, *, browser: bool) -> None:
    """Say where the page is, and serve it until interrupted."""
    click.echo(say("serve.at", url=address_of(opened)))
    click.echo(say("serve.ngsild", url=address_of(opened) + BASE.removeprefix("/")))
    serve_http(wanted, open_browser=browser, opened=opened)
    click.echo(say("serve.stopped"))


@click.command(help=say("help.demo"))
@data_option
@port_option
@browser_option
@click.option("--once", is_flag=True, help=say("option.once"))
@click.option("--scale", type=click.FloatRange(0.005, 20), default=1.0, show_default=True,
              help=say("option.scale"))  # fmt: skip
@seed_option
@json_option
def demo(
    data: Path, port: int, browser: bool, once: bool, scale: float, seed: int, as_json: bool
) -> None:
    """Run the first night on the synthetic district, print it in words, and serve the page."""
    # The port is taken first: hearing that it is in use after a minute of computing is no help.
    opened = None if once else open_socket(port)
    folder = prepare_demo(data, scale=scale, seed=seed, progress=TerminalProgress())
    run = RunFolder(folder)
    if as_json:
        print_json(run.summary())
    else:
        click.echo(run.words(chosen_locale()))
        click.echo(say("run.folder", folder=relative(folder)))
    if opened is not None:
        show_page(Wanted(data_dir=data), opened, browser=browser)


@click.command(help=say("help.doctor"))
@data_option
@json_option
def doctor(data: Path, as_json: bool) -> int:
    """Check the machine; the status is 4 where something needed is missing."""
    checks = [*library_checks(), *place_checks(data), *scenario_checks()]
    if as_json:
        print_json([
            {"what": what, "good": good, "needed": needed, "remedy": remedy}
            for what, good, needed, remedy in checks
        ])  # fmt: skip
    else:
        for what, good, _needed, remedy in checks:
            click.echo(f"{say('doctor.good' if good else 'doctor.missing')}  {what}")
            if not good:
                click.echo("      " + say("error.remedy", remedy=remedy))
    return 4 if any(needed and not good for _, good, needed, _ in checks) else 0


Check = tuple[str, bool, bool, str]
"""What, whether it is good, whether it is needed, and the remedy."""


def library_checks() -> list[Check]:
    """Python and the libraries, with their versions."""
    found: list[Check] = [(say("doctor.python", version=platform.python_version()), True, True, "")]
    for name in LIBRARIES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = ""
        what = say("doctor.module", name=name, version=version)
        found.append((what, bool(version), True, say("doctor.remedy-module")))
    found.append((say("doctor.cores", count=os.cpu_count()), True, False, ""))
    return found


def place_checks(data: Path) -> list[Check]:
    """The data folder, the page, the fonts and the packs."""
    folder = next(path for path in (data, *data.parents) if path.exists())
    page = (WEB / "index.html").is_file()
    return [
        (say("doctor.data", path=str(data)), os.access(folder, os.W_OK), True,
         say("doctor.remedy-data")),
        (say("doctor.page"), page, True, say("doctor.remedy-page")),
        (say("doctor.font"), has_chinese_font(), False, say("doctor.remedy-font")),
        *((say("doctor.pack", id=name), True, False, "") for name in available_packs()),
    ]  # fmt: skip


def has_chinese_font() -> bool:
    """Whether the system lists a font that draws Chinese."""
    program = shutil.which("fc-list")
    if program is None:
        return platform.system() in ("Darwin", "Windows")
    listed = subprocess.run(  # noqa: S603 - a fixed command
        [program, ":lang=zh-cn", "family"], capture_output=True, text=True, check=False
    )
    return bool(listed.stdout.strip())


def scenario_checks() -> list[Check]:
    """The installed scenarios."""
    locale = chosen_locale()
    return [
        (say("doctor.scenario", id=item.id), item.usable, False,
         "" if item.error is None else f"{item.error.what(locale)} {item.error.remedy(locale)}")
        for item in registry.listing(probe=True)
    ]  # fmt: skip


@click.command(help=say("help.completion"))
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    made = get_completion_class(shell)
    if made is None:
        raise click.BadParameter(shell)
    root = context.find_root().command
    click.echo(made(root, {}, "lingjing", "_LINGJING_COMPLETE").source())
