"""A what-if's run in a process of its own: `python -m lingjing.engine.whatifs.job` with an errand.

Reading a district, checking and writing keep Python busy for seconds; in a process of its own they
do not hold up the server. It ends with the process that started it.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import msgspec

from lingjing.engine.guest import follow_parent
from lingjing.engine.record import own_code, platform_facts, versions
from lingjing.engine.replay import input_changes, request_of, version_changes
from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunRequest, load_inputs, run_scenario
from lingjing.engine.run_content import both
from lingjing.engine.run_progress import Part
from lingjing.engine.whatifs.order import Changes
from lingjing.sdk import LingjingError, Progress, Text
from lingjing.sdk.registry import find


class Errand(msgspec.Struct, frozen=True):
    """What the process is to do.

    Attributes:
        data_dir: See `settings.data_dir`.
        run: Name of the base run.
        branch: Where the changes lie.
        out: Folder to write.
        name: Of the what-if.
        changes: As ordered.
    """

    data_dir: str
    run: str
    branch: str
    out: str
    name: str
    changes: dict[str, Any]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of what the process tells its parent.

    Attributes:
        done, text: Progress.
        result: Name of the finished run folder.
        cautions: See `cautions_of`.
        error: What went wrong.
    """

    done: float = 0.0
    text: Text | None = None
    result: str = ""
    cautions: list[str] = []
    error: dict[str, Any] | None = None


class _Telling(Progress):
    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._last = 0.0

    def report(self, done: float, text: Text) -> None:
        """Pass it on, a few times a second."""
        if done >= 1.0 or time.monotonic() - self._last > 0.3:
            self._last = time.monotonic()
            tell(self._channel, Line(done=done, text=text))


def tell(channel: IO[str], line: Line) -> None:
    """Write one line."""
    channel.write(msgspec.json.encode(line).decode() + "\n")
    channel.flush()


def request_for(errand: Errand) -> tuple[RunRequest, RunRequest]:
    """The base run's request, and that of the what-if.

    The what-if has the base run's seed and number of members, so its members are the base's.
    """
    data_dir = Path(errand.data_dir)
    record = RunFolder(data_dir / "runs" / errand.run).record()
    folder = data_dir / "runs" / errand.run
    base = replace(request_of(record), data_dir=data_dir, heard_in=folder)
    changes = msgspec.convert(errand.changes, Changes)
    wanted = changes.weather.changes()
    # A what-if of a what-if adds to the weather of its base.
    weather = base.weather_changes if wanted.changes_nothing else wanted
    members = base.members
    if changes.weather.record and members is None:
        members = int(record["settings"]["members"])
    return base, replace(
        base,
        weather=changes.weather.record or base.weather,
        weather_options={} if changes.weather.record else base.weather_options,
        weather_changes=weather,
        members=members,
        branch=errand.branch,
        out=Path(errand.out),
        whatif={"name": errand.name, "base": errand.run, "changes": errand.changes},
    )


def cautions_of(base: RunRequest, record: dict[str, Any]) -> list[str]:
    """What else than the changes may make the runs differ: inputs and code since the base run."""
    listed = find(base.scenario)
    changes = [*input_changes(record, load_inputs(base), listed)]
    now = {"versions": versions(), "platform": platform_facts(), "code_sha256": own_code()}
    return [*changes, *version_changes(record, now)]


def carry_out(errand: Errand, progress: Progress) -> tuple[str, list[str]]:
    """Run the what-if; the name of the run folder, and cautions.

    Raises:
        LingjingError: As `run_scenario`.
    """
    base, request = request_for(errand)
    record = RunFolder(Path(errand.data_dir) / "runs" / errand.run).record()
    progress.report(0.0, both("progress.load"))
    cautions = cautions_of(base, record)
    result = run_scenario(request, progress=Part(progress, 0.1, 1.0))
    return result.folder.name, cautions


def main() -> int:
    """Read the errand from standard input, and tell line by line."""
    follow_parent()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    try:
        result, cautions = carry_out(errand, _Telling(channel))
    except LingjingError as error:
        tell(channel, Line(error=error.as_dict()))
        return error.exit_code
    tell(channel, Line(done=1.0, result=result, cautions=cautions))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
