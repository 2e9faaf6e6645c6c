"""A guest's faults stay its own: every way to go wrong ends in a clear error and no output."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lingjing.engine.run import RunResult
from lingjing.sdk import LingjingError, Progress, Text

MakeGuest = Callable[..., Path]
Run = Callable[..., RunResult]

FAULTS = {
    "raises": ("raise ValueError('bad pipe')", "scenario.raised"),
    "leaves": ("os._exit(7)", "scenario.crashed"),
    "exits": ("raise SystemExit(0)", "scenario.crashed"),
    "dies": ("os.kill(os.getpid(), 9)", "scenario.crashed"),
    "nan": ("outcomes[0].fan[0, 0, 3] = np.nan", "scenario.not-a-number"),
    "unit": ("outcomes[0].fan[:] += 273.15", "vocabulary.out-of-bounds"),
    "kind": ("twin.view('Building')", "scenario.undeclared-kind"),
    "nothing": ("return None", "scenario.raised"),
}  # fmt: skip


def left_behind(data: Path) -> list[str]:
    runs = data / "runs"
    return sorted(item.name for item in runs.iterdir()) if runs.exists() else []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_guest_that_goes_wrong_is_named_and_leaves_nothing(
    make_guest: MakeGuest, run: Run, data: Path, fault: str
) -> None:
    code, expected = FAULTS[fault]
    make_guest(f"guest_{fault}", foresee=code)
    with pytest.raises(LingjingError) as caught:
        run(f"guest-{fault}")
    assert caught.value.code == expected
    assert left_behind(data) == []


def test_an_error_shows_the_end_of_the_guests_log(make_guest: MakeGuest, run: Run) -> None:
    make_guest("talking_guest", foresee="print('so far so good'); raise ValueError('bad pipe')")
    with pytest.raises(LingjingError) as caught:
        run("talking-guest")
    assert "bad pipe" in caught.value.what("zh-CN")
    assert "so far so good" in caught.value.remedy()
    assert "Traceback" in caught.value.remedy()


def test_a_guest_that_takes_too_long_is_stopped_with_what_it_started(
    make_guest: MakeGuest, run: Run, data: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "child"
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', "
        f"'import time; time.sleep(60)']); open({str(mark)!r}, 'w').write(str(child.pid)); "
        "time.sleep(60)"
    )
    make_guest("slow_guest", foresee=code)
    with pytest.raises(LingjingError) as caught:
        run("slow-guest", time_limit_s=6.0)
    assert caught.value.code == "scenario.took-too-long"
    assert left_behind(data) == []
    assert gone(int(mark.read_text()))


def gone(process: int) -> bool:
    """Whether a process has ended, given a moment."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (OSError, IndexError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_cancelled_run_ends_the_guest_and_leaves_nothing(
    make_guest: MakeGuest, run: Run, data: Path
) -> None:
    make_guest("endless_guest", foresee="time.sleep(60)")
    stop = threading.Event()

    class Stopping(Progress):
        def report(self, done: float, text: Text) -> None:
            assert 0.0 <= done <= 1.0
            if text.get("en") == "half":
                stop.set()

    with pytest.raises(LingjingError) as caught:
        run("endless-guest", progress=Stopping(), cancelled=stop.is_set)
    assert caught.value.code == "run.interrupted"
    assert caught.value.exit_code == 130
    assert left_behind(data) == []


def test_ctrl_c_ends_the_guest_and_leaves_nothing(
    make_guest: MakeGuest, run: Run, data: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "guest"
    make_guest(
        "patient_guest",
        foresee=f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)",
    )

    def interrupt() -> bool:
        if mark.exists() and mark.read_text():
            raise KeyboardInterrupt
        return False

    with pytest.raises(LingjingError) as caught:
        run("patient-guest", cancelled=interrupt)
    assert caught.value.code == "run.interrupted"
    assert left_behind(data) == []
    assert gone(int(mark.read_text()))


def test_what_a_guest_hands_over_is_never_unpickled(make_guest: MakeGuest, run: Run) -> None:
    trap = "class Trap:\n    def __reduce__(self):\n        return (os._exit, (9,))\n"
    make_guest("trap_guest", top=trap, answer="works[0] = Trap()")
    with pytest.raises(LingjingError, match="raised"):
        run("trap-guest")


def test_the_handover_folder_is_removed(
    make_guest: MakeGuest, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "handover"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    make_guest("tidy_guest")
    run("tidy-guest")
    assert list(place.iterdir()) == []
