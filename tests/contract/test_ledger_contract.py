"""What every ledger promises of tenants, branches and jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from ledgers import (
    all_changes,
    changed,
    create,
    delete,
    do,
    entity,
    iri,
    names,
    read,
    update,
    urn,
    value,
)  # fmt: skip

from lingjing.twin.documents import micros
from lingjing.twin.ledger import TRUNK, Branch, Commit, Desk, Job, Ledger, Selection
from lingjing.vocabulary import LingjingError

Opener = Callable[[], Ledger]


@pytest.fixture
def trunk(ledger: Ledger) -> Branch:
    return ledger.branch("")


def refused(code: str, call: Callable[..., Any], *arguments: Any) -> None:
    with pytest.raises(LingjingError) as caught:
        call(*arguments)
    assert caught.value.code == code


def found(ledger: Ledger, branch: Branch, **selection: Any) -> list[str]:
    return names(ledger.find(branch, Selection(**selection)).records)


# Tenants and branches


def test_a_new_ledger_has_the_default_tenant_with_its_trunk(ledger: Ledger) -> None:
    assert ledger.tenants() == [""]
    trunk = ledger.branch("")
    assert (trunk.name, trunk.tenant, trunk.parent) == (TRUNK, "", None)
    assert ledger.branches("") == [trunk]


def test_a_tenant_is_made_once(ledger: Ledger) -> None:
    made = ledger.ensure_tenant("east")
    assert ledger.ensure_tenant("east") == made
    assert sorted(ledger.tenants()) == ["", "east"]
    assert ledger.branch("east") == made


def test_unknown_tenants_and_branches_are_said_to_be_unknown(ledger: Ledger) -> None:
    refused("twin.no-tenant", ledger.branch, "nobody")
    refused("twin.no-branch", ledger.branch, "", "nowhere")
    assert ledger.branches("nobody") == []


@pytest.mark.parametrize("name", ["a\x00b", "x" * 300, " "])
def test_names_that_could_not_be_told_apart_are_refused(ledger: Ledger, name: str) -> None:
    refused("twin.bad-branch-name", ledger.ensure_tenant, name)
    refused("twin.bad-branch-name", ledger.create_branch, ledger.branch(""), name)


def test_tenants_are_walls(ledger: Ledger, trunk: Branch) -> None:
    east = ledger.ensure_tenant("east")
    create(ledger, trunk, entity(1, flow=1))
    create(ledger, east, entity(1, flow=2), entity(2, flow=3))
    do(ledger, east, lambda desk: desk.put_note("keys", "k", b"east"))
    assert read(ledger, trunk, 1) == {"flow": 1}
    assert read(ledger, east, 1) == {"flow": 2}
    assert found(ledger, trunk) == ["1"]
    assert found(ledger, east) == ["1", "2"]
    assert ledger.note("", "keys", "k") is None
    delete(ledger, trunk, 1)
    assert read(ledger, east, 1) == {"flow": 2}


def test_a_branch_shows_its_parent_as_it_stood(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1), entity(2, flow=1), entity(3, flow=1))
    branch = ledger.create_branch(trunk, "what-if", "a colder night")
    assert (branch.tenant, branch.parent, branch.note) == ("", trunk.key, "a colder night")
    update(ledger, trunk, 1, flow=2)
    update(ledger, trunk, 1, flow=3)
    delete(ledger, trunk, 2)
    create(ledger, trunk, entity(4, flow=1))
    assert [read(ledger, branch, name) for name in (1, 2, 3, 4)] == [{"flow": 1}] * 3 + [None]
    assert found(ledger, branch) == ["1", "2", "3"]
    assert found(ledger, branch, types=((iri("Riser"),),)) == ["1", "2", "3"]
    assert found(ledger, trunk) == ["1", "3", "4"]
    assert ledger.types(branch) == {iri("Riser"): 3}


def test_what_is_done_in_a_branch_stays_there(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1), entity(2, flow=1))
    branch = ledger.create_branch(trunk, "what-if")
    sibling = ledger.create_branch(trunk, "other")
    update(ledger, branch, 1, flow=9, at=True)
    delete(ledger, branch, 2)
    create(ledger, branch, entity(3, flow=9))
    assert found(ledger, branch) == ["1", "3"]
    assert read(ledger, branch, 1) == {"flow": 9, "at": True}
    for other in (trunk, sibling):
        assert found(ledger, other) == ["1", "2"]
        assert read(ledger, other, 1) == {"flow": 1}
    create(ledger, branch, entity(2, flow=7))
    assert read(ledger, branch, 2) == {"flow": 7}
    assert ledger.changed_ids(branch) == [urn(1), urn(2), urn(3)]
    assert ledger.changed_ids(sibling) == []


def test_base_records_are_what_the_branch_began_with(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1), entity(2, flow=1))
    branch = ledger.create_branch(trunk, "what-if")
    update(ledger, branch, 1, flow=5)
    update(ledger, trunk, 1, flow=8)
    delete(ledger, trunk, 2)
    create(ledger, trunk, entity(3))
    base = ledger.base_records(branch, [urn(1), urn(2), urn(3)])
    assert sorted(base) == [urn(1), urn(2)]
    assert base[urn(1)].document["attributes"][iri("flow")][""]["value"] == 1


def test_branches_of_branches(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1), entity(2, flow=1), entity(3, flow=1))
    first = ledger.create_branch(trunk, "first")
    update(ledger, first, 1, flow=2)
    second = ledger.create_branch(first, "second")
    update(ledger, first, 1, flow=3)
    update(ledger, first, 2, flow=3)
    update(ledger, trunk, 3, flow=4)
    delete(ledger, second, 3)
    assert [read(ledger, second, name) for name in (1, 2, 3)] == [{"flow": 2}, {"flow": 1}, None]
    assert [read(ledger, first, name) for name in (1, 2, 3)] == [
        {"flow": 3},
        {"flow": 3},
        {"flow": 1},
    ]
    assert found(ledger, second) == ["1", "2"]
    refused("twin.branch-in-use", ledger.drop_branch, first)
    ledger.drop_branch(second)
    ledger.drop_branch(first)
    assert [item.name for item in ledger.branches("")] == [TRUNK]


def test_branch_names_are_unique_while_they_live(ledger: Ledger, trunk: Branch) -> None:
    made = ledger.create_branch(trunk, "what-if")
    refused("twin.branch-exists", ledger.create_branch, trunk, "what-if")
    refused("twin.branch-in-use", ledger.drop_branch, trunk)
    create(ledger, made, entity(1))
    ledger.drop_branch(made)
    refused("twin.no-branch", ledger.branch, "", "what-if")
    again = ledger.create_branch(trunk, "what-if")
    assert again.key != made.key
    assert found(ledger, again) == []
    assert ledger.history(again, urn(1), _everything()) == []


def test_a_job_in_a_branch_that_is_gone_fails(ledger: Ledger, trunk: Branch) -> None:
    branch = ledger.create_branch(trunk, "what-if")
    ledger.drop_branch(branch)
    refused("twin.no-branch", create, ledger, branch, entity(1))
    assert ledger.branches("") == [trunk]


def test_the_trunk_comes_first_and_the_ledger_remembers(open_ledger: Opener) -> None:
    ledger = open_ledger()
    made = ledger.create_branch(ledger.branch(""), "a")
    assert [item.name for item in ledger.branches("")] == [TRUNK, "a"]
    ledger.close()
    again = open_ledger()
    assert again.branch("", "a") == made


# Jobs


def test_what_was_put_is_what_is_read(ledger: Ledger, trunk: Branch) -> None:
    document = entity(
        1,
        types=("Riser", "Pipe"),
        at=(121.5, 31.3),
        text='一 "quoted" \\ \x00 \U0001f9ca',
        big=2**60,
        small=5e-324,
        truth=False,
        nested={"type": "Property", "value": {"a": [1, None, {"b": []}]}, "unitCode": "CEL",
                "attributes": {iri("accuracy"): {"": value(0.1), "urn:x:d": value(0.2)}}},
    )  # fmt: skip
    document["attributes"][iri("speed")] = {
        "": value(1),
        "urn:x:d1": value(2, datasetId="urn:x:d1"),
    }
    document["attributes"][iri("feeds")] = {"": {"type": "Relationship", "object": urn(2)}}
    document["attributes"][iri("label")] = {
        "": {"type": "LanguageProperty", "languageMap": {"zh": "管", "en": "pipe"}}
    }
    document["scope"] = ["/district/yangpu"]
    create(ledger, trunk, document)
    record = ledger.records(trunk, [urn(1)])[urn(1)]
    read_back = dict(record.document)
    assert micros(read_back.pop("createdAt")) == micros(read_back.pop("modifiedAt"))
    assert read_back == document
    assert record.id == urn(1)


def test_the_revision_is_the_number_of_the_last_change(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1))
    first = ledger.records(trunk, [urn(1)])[urn(1)].revision
    create(ledger, trunk, entity(2, flow=1))
    update(ledger, trunk, 1, flow=2)
    second = ledger.records(trunk, [urn(1)])[urn(1)].revision
    assert second > ledger.records(trunk, [urn(2)])[urn(2)].revision > first
    rows = ledger.history(trunk, urn(1), _everything())
    assert max(row.sequence for row in rows) == second
    assert len({row.sequence for row in rows}) == len(rows)


def test_a_job_that_raises_leaves_nothing_and_hurts_no_other(ledger: Ledger, trunk: Branch) -> None:
    def fail(desk: Desk) -> None:
        desk.put(entity(2), all_changes(entity(2)))
        desk.put_note("keys", "k", b"x")
        desk.delete(urn(0))
        raise ValueError("no")

    create(ledger, trunk, entity(0))
    jobs: list[Future[Any]] = []
    for name in (1, 2, 3):
        run = fail if name == 2 else _putting(entity(name))
        jobs.append(ledger.submit(Job(trunk, (urn(name),), run)))
    jobs[0].result(60)
    jobs[2].result(60)
    with pytest.raises(ValueError, match="no"):
        jobs[1].result(60)
    assert found(ledger, trunk) == ["0", "1", "3"]
    assert ledger.note("", "keys", "k") is None
    assert ledger.history(trunk, urn(2), _everything()) == []
    assert ledger.known_to_history(trunk, urn(2)) is None


def test_a_job_sees_its_own_changes_and_those_before_it(ledger: Ledger, trunk: Branch) -> None:
    def first(desk: Desk) -> Any:
        assert desk.document(urn(1)) is None
        assert not desk.has_history(urn(1))
        desk.put(entity(1, flow=1), all_changes(entity(1, flow=1)))
        assert desk.has_history(urn(1))
        desk.put_note("c", "k", b"1")
        return desk.document(urn(1)), desk.note("c", "k")

    def second(desk: Desk) -> Any:
        seen = desk.document(urn(1))
        desk.delete(urn(1))
        return seen, desk.document(urn(1)), desk.has_history(urn(1)), desk.note("c", "k")

    futures = [ledger.submit(Job(trunk, (), run)) for run in (first, second)]
    assert futures[0].result(60) == (entity(1, flow=1), b"1")
    assert futures[1].result(60) == (entity(1, flow=1), None, True, b"1")
    assert read(ledger, trunk, 1) is None
    assert ledger.known_to_history(trunk, urn(1)) == (iri("Riser"),)


def test_an_ended_entity_may_be_made_again(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1))
    for forget in (False, True):
        delete(ledger, trunk, 1, forget=forget)
        seen = do(ledger, trunk, lambda desk: (desk.document(urn(1)), desk.has_history(urn(1))))
        assert seen == (None, not forget)
        create(ledger, trunk, entity(1, heat=2))
        assert read(ledger, trunk, 1) == {"heat": 2}
        assert ledger.known_to_history(trunk, urn(1)) == (iri("Riser"),)
        assert found(ledger, trunk, attributes=(iri("heat"),)) == ["1"]


def test_no_increment_is_lost_between_threads(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, count=0))

    def add(desk: Desk) -> int:
        document = desk.document(urn(1))
        assert document is not None
        count = document["attributes"][iri("count")][""]["value"] + 1
        desk.put(*changed(document, desk.now, count=count))
        return int(count)

    results: list[int] = []

    def work() -> None:
        futures = [ledger.submit(Job(trunk, (urn(1),), add)) for _ in range(50)]
        results.extend(future.result(60) for future in futures)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == list(range(1, 201))
    assert read(ledger, trunk, 1) == {"count": 200}
    assert len(ledger.history(trunk, urn(1), _everything(iri("count")))) == 201


def test_time_on_the_desk_never_steps_back(
    ledger: Ledger, trunk: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = do(ledger, trunk, lambda desk: desk.now_us)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    second, text = do(ledger, trunk, lambda desk: (desk.now_us, desk.now))
    assert second >= first
    assert micros(text) == second


def test_listeners_hear_commits_in_order(ledger: Ledger, trunk: Branch) -> None:
    heard: list[Commit] = []
    ledger.listen(heard.extend)
    create(ledger, trunk, entity(1, flow=1))
    update(ledger, trunk, 1, flow=3)
    delete(ledger, trunk, 1)
    _wait(lambda: len(heard) >= 3)
    assert [item.sequence for item in heard] == sorted(item.sequence for item in heard)
    made, then, gone = (item.entries[0] for item in heard)
    assert {item.branch.key for item in heard} == {trunk.key}
    assert made.before is None
    assert made.after is not None
    assert made.after["attributes"][iri("flow")][""]["value"] == 1
    assert then.before == made.after
    assert [item.attribute for item in then.changes] == [iri("flow")]
    assert gone.before == then.after
    assert gone.after is None
    assert heard[0].recorded_us == micros(made.after["modifiedAt"])


def test_a_listener_that_raises_stops_nobody(ledger: Ledger, trunk: Branch) -> None:
    heard: list[Commit] = []

    def broken(_: Sequence[Commit]) -> None:
        raise RuntimeError

    ledger.listen(broken)
    ledger.listen(heard.extend)
    create(ledger, trunk, entity(1))
    create(ledger, trunk, entity(2))
    _wait(lambda: len(heard) == 2)
    assert found(ledger, trunk) == ["1", "2"]


def test_what_was_acknowledged_is_there_after_reopening(open_ledger: Opener) -> None:
    ledger = open_ledger()
    trunk = ledger.branch("")
    create(ledger, trunk, entity(1, flow=1, at=(121.5, 31.3)))
    do(ledger, trunk, lambda desk: desk.put_note("c", "k", b"n"))
    before = ledger.records(trunk, [urn(1)]), ledger.history(trunk, urn(1), _everything())
    ledger.close()
    again = open_ledger()
    assert (again.records(trunk, [urn(1)]), again.history(trunk, urn(1), _everything())) == before
    assert again.note("", "c", "k") == b"n"
    update(again, trunk, 1, flow=2)
    newest = again.records(trunk, [urn(1)])[urn(1)].revision
    assert newest > before[0][urn(1)].revision


def test_a_closed_ledger_takes_no_jobs(open_ledger: Opener) -> None:
    ledger = open_ledger()
    trunk = ledger.branch("")
    ledger.close()
    refused("twin.closed", create, ledger, trunk, entity(1))
    ledger.close()


def _everything(*attributes: str) -> Any:
    from lingjing.twin.ledger import Span

    return Span(attributes=attributes, time="modifiedAt")


def _putting(document: dict[str, Any]) -> Callable[[Desk], None]:
    return lambda desk: desk.put(document, all_changes(document))


def _wait(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")
