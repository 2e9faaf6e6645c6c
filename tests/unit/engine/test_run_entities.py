"""A run's results in the twin: linked, simulated, whole, and once."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lingjing.engine import results
from lingjing.engine.keeping import RunKeeper, keep_in_twin
from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunResult
from lingjing.engine.run_entities import forget_run, keep_run, run_urn
from lingjing.engine.settings import TWIN_FILE
from lingjing.twin import changes
from lingjing.twin.documents import DEFAULT_TERMS, Document
from lingjing.twin.ledger import Branch, Desk, Job, Ledger, Selection, Span
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

Run = Callable[..., RunResult]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "other.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def trunk(ledger: Ledger) -> Branch:
    return ledger.branch("")


def of_type(ledger: Ledger, branch: Branch, kind: str) -> list[Document]:
    found = ledger.find(branch, Selection(types=((DEFAULT_TERMS + kind,),)))
    return [record.document for record in found.records]


@contextlib.contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    """Another process holds the twin, as a server does."""
    program = (
        "import sys; from lingjing.twin.sqlite_ledger import SqliteLedger\n"
        "held = SqliteLedger(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate("")


def fact(document: Document, name: str) -> Any:
    instance = document["attributes"][DEFAULT_TERMS + name][""]
    return instance.get("value", instance.get("object", instance.get("objectList")))


def test_the_run_is_an_entity_that_says_what_it_was(
    ledger: Ledger, trunk: Branch, finished: RunResult
) -> None:
    kept = keep_run(ledger, trunk, RunFolder(finished.folder))
    [run] = of_type(ledger, trunk, "Run")
    assert run["id"] == kept.run == run_urn("testville", finished.folder.name)
    assert fact(run, "state") == "complete"
    assert fact(run, "district") == "testville"
    assert fact(run, "weather") == "testkit-cold"
    assert fact(run, "windowHours") == 48
    assert fact(run, "synthetic") is True


def test_outcomes_are_simulated_and_linked_to_run_and_assets(
    ledger: Ledger, trunk: Branch, finished: RunResult
) -> None:
    kept = keep_run(ledger, trunk, RunFolder(finished.folder))
    table = RunFolder(finished.folder).outcomes()
    likely = [row for row in table.to_pylist() if (row["probability"] or 0) >= 0.05]
    outcomes = of_type(ledger, trunk, "Outcome")
    assert len(outcomes) == kept.outcomes > 0
    pairs = {
        (fact(item, "quantity"), asset) for item in outcomes for asset in fact(item, "ofAssets")
    }
    assert pairs == {(row["quantity"], row["asset"]) for row in likely}
    assert kept.assets == len(likely)
    for item in outcomes:
        assert fact(item, "ofRun") == kept.run
        origin = item["attributes"][DEFAULT_TERMS + "probability"][""]["attributes"]
        told = {
            name.removeprefix(DEFAULT_TERMS): item[""]["value"] for name, item in origin.items()
        }
        assert told["provenance"] == "simulated"
        assert told["source"] == kept.run
        assert told["synthetic"] is True


def test_the_hours_are_history_at_the_hours_they_are_about(
    ledger: Ledger, trunk: Branch, finished: RunResult
) -> None:
    keep_run(ledger, trunk, RunFolder(finished.folder))
    outcome = of_type(ledger, trunk, "Outcome")[0]
    span = Span(attributes=(DEFAULT_TERMS + "hourly",))
    rows = ledger.history(trunk, outcome["id"], span)
    series = RunFolder(finished.folder).series(
        fact(outcome, "kind"), fact(outcome, "quantity"), fact(outcome, "situation")
    )["probability"]
    values = [row.instance["value"] for row in rows if row.instance]
    assert values == pytest.approx(series, abs=1e-4)
    moments = [row.observed_us for row in rows if row.observed_us]
    steps = {later - sooner for sooner, later in itertools.pairwise(moments)}
    assert steps == {3_600_000_000}
    # The earlier hours are the past of the last one, also to who looks back to when it was kept.
    kept_us = max(row.recorded_us for row in rows)
    then = ledger.records(trunk, [outcome["id"]], at_us=kept_us)[outcome["id"]].document
    assert fact(then, "hourly") == fact(outcome, "hourly") == values[-1]


def test_keeping_the_same_run_again_does_nothing(
    ledger: Ledger, trunk: Branch, finished: RunResult
) -> None:
    keep_run(ledger, trunk, RunFolder(finished.folder))
    size = ledger.size()["history"]
    assert not keep_run(ledger, trunk, RunFolder(finished.folder)).anew
    assert ledger.size()["history"] == size


def test_what_is_unlikely_stays_in_the_folder(
    ledger: Ledger, trunk: Branch, finished: RunResult
) -> None:
    all_of_it = keep_run(ledger, trunk, RunFolder(finished.folder), least_probability=0.0)
    forget_run(ledger, trunk, "testville", finished.folder.name)
    none = keep_run(ledger, trunk, RunFolder(finished.folder), least_probability=1.1)
    assert (none.outcomes, all_of_it.outcomes > 0) == (0, True)


def test_a_run_that_was_broken_off_says_so_and_is_written_anew(
    ledger: Ledger, trunk: Branch, finished: RunResult
) -> None:
    with pytest.raises(LingjingError) as caught:
        keep_run(ledger, trunk, RunFolder(finished.folder), cancelled=lambda: True)
    assert caught.value.code == "run.interrupted"
    assert fact(of_type(ledger, trunk, "Run")[0], "state") == "writing"
    assert of_type(ledger, trunk, "Outcome") == []
    kept = keep_run(ledger, trunk, RunFolder(finished.folder))
    assert fact(of_type(ledger, trunk, "Run")[0], "state") == "complete"
    assert len(of_type(ledger, trunk, "Outcome")) == kept.outcomes > 0


def test_forgetting_a_run_takes_its_history_too_and_leaves_others(
    ledger: Ledger, trunk: Branch, finished: RunResult, tmp_path: Path
) -> None:
    other = tmp_path / (finished.folder.name + "-2")
    shutil.copytree(finished.folder, other)
    keep_run(ledger, trunk, RunFolder(finished.folder))
    keep_run(ledger, trunk, RunFolder(other))
    outcome = next(
        item["id"]
        for item in of_type(ledger, trunk, "Outcome")
        if fact(item, "ofRun") == run_urn("testville", finished.folder.name)
    )
    forget_run(ledger, trunk, "testville", finished.folder.name)
    assert [run["id"] for run in of_type(ledger, trunk, "Run")] == [
        run_urn("testville", other.name)
    ]
    assert all(other.name in item["id"] for item in of_type(ledger, trunk, "Outcome"))
    assert ledger.known_to_history(trunk, outcome) is None


def test_a_run_leaves_the_district_that_runs_are_computed_from_alone(
    data: Path, run: Run, standing_guest: str
) -> None:
    first = run(standing_guest)
    kept = keep_in_twin(data, first.folder)
    assert kept is not None
    second = run(standing_guest)
    assert first.record["inputs"] == second.record["inputs"]
    assert first.run_id == second.run_id


def test_a_twin_that_another_process_holds_is_left_to_it(
    data: Path, run: Run, standing_guest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(standing_guest)
    with held_by_another(data / TWIN_FILE):
        assert keep_in_twin(data, result.folder) is None
    holder = SqliteLedger(data / TWIN_FILE)
    try:
        keeper = RunKeeper(holder, data)
        assert keeper.look() == 1
        assert keeper.look() == 0
        # What it knows is told by the names of the folders; nothing in them is read again.
        with monkeypatch.context() as patched:
            patched.setattr(results, "RunFolder", lambda path: pytest.fail(f"{path} read again"))
            assert keeper.look() == 0
        trunk = holder.branch("")
        assert len(of_type(holder, trunk, "Run")) == 1
    finally:
        holder.close()


def test_a_what_if_is_foreseen_and_its_results_stay_in_it(
    data: Path, run: Run, standing_guest: str
) -> None:
    holder = SqliteLedger(data / TWIN_FILE)
    trunk = holder.branch("")
    branch = holder.create_branch(trunk, "wrapped")
    found = holder.find(trunk, Selection(types=((DEFAULT_TERMS + "MeterBox",),)))
    held = found.records[0].document
    thick = {"type": "Property", "value": 90}
    fragment = {"attributes": {DEFAULT_TERMS + "insulation_thickness": {"": thick}}}

    def wrap(desk: Desk) -> None:
        outcome = changes.appended(held, fragment, desk.now)
        desk.put(outcome.document, outcome.changes)

    holder.submit(Job(branch, (held["id"],), wrap)).result()
    holder.close()
    plain, what_if = run(standing_guest), run(standing_guest, branch="wrapped")
    assert plain.run_id != what_if.run_id
    assert plain.record["inputs"]["district"] != what_if.record["inputs"]["district"]
    assert what_if.record["request"]["branch"] == "wrapped"
    assert keep_in_twin(data, what_if.folder) is not None
    holder = SqliteLedger(data / TWIN_FILE)
    try:
        assert of_type(holder, holder.branch(""), "Run") == []
        assert len(of_type(holder, holder.branch("", "wrapped"), "Run")) == 1
    finally:
        holder.close()
    with pytest.raises(LingjingError) as caught:
        run(standing_guest, branch="nowhere")
    assert caught.value.code == "twin.no-branch"


def test_the_keeper_looks_by_itself_and_stops(data: Path, run: Run, standing_guest: str) -> None:
    holder = SqliteLedger(data / TWIN_FILE)
    seen: list[int] = []
    keeper = RunKeeper(holder, data, every_s=0.02)
    holder.listen(lambda commits: seen.append(len(commits)))
    try:
        keeper.start()
        result = run(standing_guest)
        urn = run_urn("testville", result.folder.name)
        for _ in range(500):
            held = holder.records(holder.branch(""), [urn]).get(urn)
            if held is not None and fact(held.document, "state") == "complete":
                break
            keeper._stopping.wait(0.02)
        else:
            pytest.fail("the run was never brought in")
    finally:
        keeper.stop()
        holder.close()
