"""Where the command `lingjing` starts: ready to be stopped before the libraries are loaded."""

from __future__ import annotations

import signal

from lingjing.interfaces.ending import INTERRUPTED, clean_up, end_at_once, when_told


def main() -> None:
    """Run the command line; told to stop at any moment, it leaves nothing half-written."""
    when_told(end_at_once)
    from lingjing.interfaces.cli import main as run  # noqa: PLC0415 takes a while to load

    when_told(clean_up)
    try:
        run()
    except KeyboardInterrupt:
        # Told in the moment after the command had ended and before it was left.
        raise SystemExit(INTERRUPTED) from None
    finally:
        # The work is done or undone; while Python takes itself apart a signal would only replace
        # the status with its own.
        when_told(signal.SIG_IGN)
