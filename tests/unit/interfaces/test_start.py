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
