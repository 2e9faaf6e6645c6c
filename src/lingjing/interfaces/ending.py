"""What follows when the command is told to end: by Ctrl-C, `kill` or a closed terminal."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

INTERRUPTED = 130
"""As in `vocabulary.EXIT_CODES`, which is not loaded yet."""

ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, `kill`, and a closed terminal."""

Handler = Callable[[int, FrameType | None], None] | signal.Handlers


def when_told(do: Handler) -> None:
    """Choose what follows a request to end; one that is ignored (`nohup`) stays ignored."""
    for name in ENDINGS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, do)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """While libraries are loaded, end at once when told; only where `start` is in charge."""
    there = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)]
    if not any(signal.getsignal(number) is clean_up for number in there):
        yield
        return
    when_told(end_at_once)
    yield
    when_told(clean_up)


def end_at_once(_signal: int, _frame: FrameType | None) -> None:
    """End with the status of an interruption, without a word."""
    # Libraries that are being loaded turn an exception into puzzles of their own, or swallow it.
    os._exit(INTERRUPTED)


def clean_up(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that what is under way is undone."""
    raise KeyboardInterrupt
