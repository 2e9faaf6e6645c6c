"""Where the command `lingjing` starts: ready to be stopped before the libraries are loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 130
"""As in `vocabulary.EXIT_CODES`, which is not loaded yet."""

ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, `kill`, and a closed terminal."""

Handler = Callable[[int, FrameType | None], None] | signal.Handlers


def main() -> None:
    """Run the command line; told to stop at any moment, it leaves nothing half-written."""
    when_told(_end_at_once)
    from lingjing.interfaces.cli import main as run  # noqa: PLC0415 takes a second to load

    when_told(_clean_up)
    try:
        run()
    except KeyboardInterrupt:
        # Told in the moment after the command had ended and before it was left.
        raise SystemExit(INTERRUPTED) from None
    finally:
        # The work is done or undone; while Python takes itself apart a signal would only replace
        # the status with its own.
        when_told(signal.SIG_IGN)


def when_told(do: Handler) -> None:
    """Choose what follows a request to end; one that is ignored (`nohup`) stays ignored."""
    for name in ENDINGS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, do)


def _end_at_once(_signal: int, _frame: FrameType | None) -> None:
    # Libraries that are being loaded turn an exception into puzzles of their own, or swallow it.
    os._exit(INTERRUPTED)


def _clean_up(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
