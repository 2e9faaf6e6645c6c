"""The living twin in a file: who may write, sudden death, full disks, looking after it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import pytest
from ledgers import (
    DAY,
    START_US,
    all_changes,
    create,
    delete,
    do,
    entity,
    iri,
    note_late,
    observed,
    read,
    update,
    urn,
)

from lingjing.twin import District, SqliteStore
from lingjing.twin import clerk as clerks
from lingjing.twin.documents import micros
from lingjing.twin.ledger import Change, Desk, Job, Selection, Span
from lingjing.twin.problems import in_words
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

DISTRICT = District("d", "p", "区", "D", {}, (0, 0, 0, 0), False, "2026-01-01T00:00:00Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "twin.sqlite"


def refusal(call: Any, *arguments: Any, **options: Any) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        call(*arguments, **options)
    return caught.value


def test_an_entity_may_end_and_begin_again_at_once(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=1))
        delete(ledger, trunk, 1)
        assert do(ledger, trunk, lambda desk: desk.document(urn(1)), urn(1)) is None
        create(ledger, trunk, entity(1, flow=2))
        assert read(ledger, trunk, 1) == {"flow": 2}


# One process writes

_HOLDER = """
import sys
from lingjing.twin.sqlite_ledger import SqliteLedger
with SqliteLedger({path!r}) as ledger:
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_told_who_writes_and_may_read(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        create(ledger, ledger.branch(""), entity(1, flow=1))
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER.format(path=str(path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        error = refusal(SqliteLedger, path)
        assert error.code == "twin.in-use"
        assert error.values["pid"] == str(holder.pid)
        with SqliteStore(path) as store:
            assert store.districts() == []
            assert refusal(store.put_district, DISTRICT).code == "twin.in-use"
        with SqliteLedger(path, read_only=True) as reader:
            assert read(reader, reader.branch(""), 1) == {"flow": 1}
            assert refusal(reader.submit, Job(reader.branch(""), (), print)).code == (
                "twin.read-only"
            )
            assert refusal(reader.store.forget_district, "d").code == "twin.read-only"
    finally:
        holder.communicate("\n", timeout=60)
    with SqliteLedger(path) as ledger:
        assert read(ledger, ledger.branch(""), 1) == {"flow": 1}
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_who_only_reads_follows_the_branches_of_who_writes(path: Path) -> None:
    with SqliteLedger(path) as ledger, SqliteLedger(path, read_only=True) as reader:
        create(ledger, ledger.branch(""), entity(1, flow=1))
        made = ledger.create_branch(ledger.branch(""), "what-if")
        update(ledger, made, 1, flow=2)
        assert read(reader, reader.branch("", "what-if"), 1) == {"flow": 2}
        ledger.ensure_tenant("east")
        assert reader.tenants() == ["", "east"]
        ledger.drop_branch(made)
        assert [item.name for item in reader.branches("")] == ["main"]


def test_a_number_too_large_for_any_column_is_kept_whole(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        for name, number in enumerate((2**63, 2**70, -(2**64), 1e308, 5e-324)):
            create(ledger, trunk, entity(name, flow=number))
            assert read(ledger, trunk, name) == {"flow": number}
            everything = Span(attributes=(iri("flow"),), time="modifiedAt")
            (row,) = ledger.history(trunk, urn(name), everything)
            assert row.instance is not None
            assert row.instance["value"] == number


def test_the_lock_of_a_dead_process_holds_nobody_up(path: Path) -> None:
    path.with_name(path.name + ".lock").write_text("999999\n")
    with SqliteLedger(path) as ledger:
        create(ledger, ledger.branch(""), entity(1))


# Faults

_WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [{support!r}]
from ledgers import all_changes, entity, urn
from lingjing.twin.ledger import Job
from lingjing.twin.sqlite_ledger import SqliteLedger

def putting(name):
    def run(desk):
        for part in range(3):
            made = entity(f"{{name}}-{{part}}", flow=part)
            desk.put({{**made, "createdAt": desk.now, "modifiedAt": desk.now}}, all_changes(made))
    return run

with SqliteLedger({path!r}) as ledger:
    trunk = ledger.branch("")
    waiting = []
    for name in range({first}, {first} + 1_000_000):
        waiting.append((name, ledger.submit(Job(trunk, (), putting(name)))))
        if len(waiting) >= 64:
            name, future = waiting.pop(0)
            future.result()
            print(name, flush=True)
"""


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(path: Path) -> None:
    told: set[int] = set()
    for turn, pause_s in enumerate((0.15, 0.4, 0.25)):
        script = _WRITER.format(
            support=str(Path(sys.modules["ledgers"].__file__ or "").parent),
            path=str(path),
            first=turn * 1_000_000,
        )
        writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told.add(int(writer.stdout.readline()))
        time.sleep(pause_s)
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].decode().split("\n")
        # The last line may be cut short by the sudden end.
        told.update(int(line) for line in rest[:-1])
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        held = {record.id for record in ledger.stream(trunk)}
        wanted = {urn(f"{name}-{part}") for name in told for part in range(3)}
        assert len(told) > 3
        assert wanted <= held
        # A job is there whole or not at all.
        assert len(held) % 3 == 0
        assert ledger.check() == []


def test_a_full_disk_refuses_writes_and_lets_reads_go_on(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=1))

        def limit(pages: int) -> Any:
            def work(driver: Any) -> None:
                now = driver.connection.pragma("page_count")
                driver.connection.pragma("max_page_count", now + pages)

            return work

        ledger.clerk.alone(limit(1))
        large = [entity(name, text="x" * 3_000) for name in range(2, 40)]
        assert refusal(create, ledger, trunk, *large).code == "twin.disk-full"
        assert read(ledger, trunk, 1) == {"flow": 1}
        assert len(ledger.find(trunk, Selection()).records) == 1
        ledger.clerk.alone(limit(1_000_000))
        create(ledger, trunk, *large)
        assert len(ledger.find(trunk, Selection()).records) == 39
        assert ledger.check() == []


def test_a_job_that_cannot_be_stored_harms_no_other(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")

        def putting(name: str) -> Any:
            def run(desk: Desk) -> None:
                made = entity(name, flow=1)
                desk.put({**made, "createdAt": desk.now}, all_changes(made))

            return run

        held: list[Any] = []

        def many(_driver: Any) -> None:
            held.extend(
                ledger.submit(Job(trunk, (), putting(name))) for name in ("a", "\ud800", "b")
            )

        ledger.clerk.alone(many)
        held[0].result(30)
        held[2].result(30)
        with pytest.raises(UnicodeEncodeError):
            held[1].result(30)
        assert len(ledger.find(trunk, Selection()).records) == 2
        assert ledger.check() == []


def test_time_does_not_step_back_with_the_clock(path: Path) -> None:
    clock = [START_US]
    with SqliteLedger(path, clock_us=lambda: clock[0]) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=1))
        then = do(ledger, trunk, lambda desk: desk.now_us)
        clock[0] -= DAY
        update(ledger, trunk, 1, flow=2)
        document = ledger.records(trunk, [urn(1)])[urn(1)].document
        now = micros(document["modifiedAt"])
        assert now > then
        assert read(ledger, trunk, 1, then) == {"flow": 1}
    clock[0] -= DAY
    with SqliteLedger(path, clock_us=lambda: clock[0]) as ledger:
        trunk = ledger.branch("")
        update(ledger, trunk, 1, flow=3)
        assert read(ledger, trunk, 1, now) == {"flow": 2}
        assert read(ledger, trunk, 1) == {"flow": 3}


def test_too_many_waiting_jobs_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerks, "MOST_WAITING", 3)
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")

        def crowd(_driver: Any) -> list[Any]:
            made = [ledger.submit(Job(trunk, (), lambda desk: desk.now)) for _ in range(3)]
            assert refusal(ledger.submit, Job(trunk, (), print)).code == "twin.too-many-waiting"
            return made

        for future in ledger.clerk.alone(crowd):
            future.result(30)


# Waiting in an event loop


def test_jobs_are_awaited_in_an_event_loop(path: Path) -> None:
    async def work(ledger: SqliteLedger) -> list[Any]:
        trunk = ledger.branch("")

        def fail(_desk: Desk) -> None:
            raise KeyError("x")

        jobs = [ledger.submit_soon(Job(trunk, (), lambda desk: desk.now_us)) for _ in range(200)]
        jobs.append(ledger.submit_soon(Job(trunk, (), fail)))
        jobs[7].cancel()
        return list(await asyncio.gather(*jobs, return_exceptions=True))

    with SqliteLedger(path) as ledger:
        answers = asyncio.run(work(ledger))
    times = [item for item in answers if isinstance(item, int)]
    assert len(times) == 199
    assert times == sorted(times)
    assert isinstance(answers[7], asyncio.CancelledError)
    assert isinstance(answers[-1], KeyError)


def test_the_garbage_collector_is_left_as_it_was(path: Path) -> None:
    before = gc.get_threshold()
    with SqliteLedger(path) as ledger, SqliteLedger(path.with_name("other.sqlite")):
        assert gc.get_threshold()[0] > before[0]
        assert ledger.tenants() == [""]
    assert gc.get_threshold() == before


# Long histories


def test_long_histories_lie_in_chunks_that_can_be_changed(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1))
        for start in range(0, 3_000, 600):
            late = [observed(number, START_US + number) for number in range(start, start + 600)]
            note_late(ledger, trunk, 1, "flow", *late)
        ledger.clerk.alone(lambda driver: [driver.tend() for _ in range(3)])
        with apsw.Connection(str(path)) as connection:
            assert connection.execute("SELECT sum(count) FROM chunk").get == 3_000
            assert connection.execute("SELECT count(*) FROM history WHERE attribute > 0").get == 0
        span = Span(attributes=(iri("flow"),))
        rows = ledger.history(trunk, urn(1), span)
        assert [row.instance and row.instance["value"] for row in rows] == list(range(3_000))
        gone, other = rows[700].sequence, rows[2_000].sequence
        assert do(ledger, trunk, lambda desk: desk.erase_history(urn(1), None, None, gone)) == 1
        better = observed(-1.5, START_US + 2_000)
        assert do(ledger, trunk, lambda desk: desk.amend_history(urn(1), other, better))
        again = ledger.history(trunk, urn(1), span)
        assert len(again) == 2_999
        assert [row.instance for row in again if row.sequence == other] == [better]
        repeat = do(
            ledger,
            trunk,
            lambda desk: desk.observed_already(urn(1), iri("flow"), "", START_US + 1_500),
        )
        assert [item["value"] for item in repeat] == [1_500]
        assert ledger.check() == []


def test_a_branch_may_amend_what_it_inherited(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=observed(1, START_US)))
        note_late(ledger, trunk, 1, "flow", observed(2, START_US + 1))
        branch = ledger.create_branch(trunk, "b")
        note_late(ledger, trunk, 1, "flow", observed(3, START_US + 2))
        span = Span(attributes=(iri("flow"),))
        first = ledger.history(branch, urn(1), span)[0].sequence
        better = observed(9, START_US)
        assert do(ledger, branch, lambda desk: desk.amend_history(urn(1), first, better))
        values = [
            [row.instance and row.instance["value"] for row in ledger.history(item, urn(1), span)]
            for item in (branch, trunk)
        ]
        assert values == [[9, 2], [1, 2, 3]]
        assert do(ledger, branch, lambda desk: desk.erase_history(urn(1))) >= 2
        assert do(ledger, branch, lambda desk: desk.erase_history(urn(1))) == 0
        assert ledger.history(branch, urn(1), span) == []
        assert len(ledger.history(trunk, urn(1), span)) == 3


# Care


def test_damage_is_found(path: Path) -> None:
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=1), entity(2, flow=1, at=(1.0, 1.0)))
        late = [observed(number, START_US + number) for number in range(600)]
        note_late(ledger, trunk, 1, "flow", *late)
        assert ledger.check() == []
    with apsw.Connection(str(path)) as connection:
        connection.execute("UPDATE entity SET body = x'7b7d' WHERE id LIKE '%:1'")
        connection.execute("DELETE FROM entity_type WHERE id LIKE '%:2'")
        connection.execute("UPDATE chunk SET body = zeroblob(10)")
        connection.execute("UPDATE clock SET revision = 3")
    with SqliteLedger(path, read_only=True) as ledger:
        found = "\n".join(ledger.check())
        chinese = [in_words(problem, "zh-CN") for problem in ledger.check()]
    assert "对象 urn:ngsi-ld:Riser:d:1 的内容无法读取" in chinese
    for word in (
        "document of urn:ngsi-ld:Riser:d:1",
        "index of types",
        "cannot be read whole",
        "beyond the clock",
    ):
        assert word in found


def test_a_backup_is_a_twin_of_its_own_with_its_sealed_files(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept" / "copy.sqlite"
    target.parent.mkdir()
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=1))
        note_late(ledger, trunk, 1, "flow", *(observed(n, START_US + n) for n in range(20)))
        sealed = ledger.seal(START_US + 10, tmp_path / "sealed")
        assert sealed["rows"] == 10
        assert ledger.seal(START_US + 10, tmp_path / "sealed") == {"rows": 0, "file": None}
        ledger.backup(target)
        assert refusal(ledger.backup, target).code == "twin.target-exists"
        update(ledger, trunk, 1, flow=2)
    Path(sealed["file"]).unlink()
    with SqliteLedger(target) as copy:
        trunk = copy.branch("")
        assert read(copy, trunk, 1) == {"flow": 1}
        rows = copy.history(trunk, urn(1), Span(attributes=(iri("flow"),)))
        assert len(rows) == 20
        assert copy.check() == []
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        error = refusal(ledger.history, trunk, urn(1), Span(attributes=(iri("flow"),)))
        assert error.code == "twin.sealed-missing"
        assert any("is missing" in line for line in ledger.check())


def test_a_repeated_job_changes_only_its_desk(path: Path) -> None:
    """Where the whole group fails, each job runs again by itself; nothing is done twice."""
    with SqliteLedger(path) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=0))

        def adding(poison: str) -> Any:
            def run(desk: Desk) -> None:
                document = desk.document(urn(1))
                assert document is not None
                held = document["attributes"][iri("flow")][""]["value"]
                instance = {"type": "Property", "value": held + 1}
                content = {**document["attributes"], iri("flow"): {"": instance}}
                desk.put(
                    {**document, "attributes": content},
                    [Change("update", iri("flow"), "", instance)],
                )
                if poison:
                    desk.put_note("c", poison, b"")

            return run

        futures: list[Any] = []

        def crowd(_driver: Any) -> None:
            for poison in ("", "\ud800", ""):
                futures.append(  # noqa: PERF401
                    ledger.submit(Job(trunk, (urn(1),), adding(poison)))
                )

        ledger.clerk.alone(crowd)
        futures[0].result(30)
        futures[2].result(30)
        with pytest.raises(UnicodeEncodeError):
            futures[1].result(30)
        assert read(ledger, trunk, 1) == {"flow": 2}


@pytest.mark.skipif(os.name == "nt", reason="a folder cannot be closed to writing there")
def test_a_twin_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert refusal(SqliteLedger, tmp_path / "no" / "twin.sqlite").code == "twin.cannot-open"
