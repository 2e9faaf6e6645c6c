"""A signal that comes when the command has ended changes neither its status nor its words."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, os, signal, sys
import lingjing.interfaces.cli as cli
from lingjing.interfaces import start

def told_late():
    os.kill(os.getpid(), signal.{name})

def ends():
    atexit.register(told_late)
    sys.exit(3)

def is_told_at_the_last_moment():
    raise KeyboardInterrupt

cli.main = {function}
start.main()
"""


def status_of(function: str, name: str = "SIGTERM") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(function=function, name=name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_command_that_has_ended_keeps_its_status(name: str) -> None:
    assert status_of("ends", name) == (3, "")


def test_told_between_the_end_and_the_exit_is_interrupted() -> None:
    assert status_of("is_told_at_the_last_moment") == (130, "")


def test_told_while_a_command_is_loaded_it_ends_at_once() -> None:
    program = """
import os, signal, sys
import lingjing.interfaces.cli as cli
from lingjing.interfaces import start

def is_told_while_loading(name):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException:
        print("an exception inside a library that is being loaded")
    raise SystemExit(1)

cli.importlib.import_module = is_told_while_loading
sys.argv = ["lingjing", "doctor"]
start.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_asking_for_help_loads_no_command() -> None:
    program = """
import sys
from lingjing.interfaces.cli import run
run(["--help"])
print([name for name in ("numba", "pandas", "lingjing.engine.run") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.endswith("[]\n")
