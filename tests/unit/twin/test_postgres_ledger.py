"""What only PostgreSQL can do, or suffer: several processes, lost connections, addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ledgers import (
    START_US,
    changed,
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
)  # fmt: skip
from private_postgres import PrivatePostgres

from lingjing.twin import postgres_connection, postgres_driver
from lingjing.twin.ledger import Commit, Desk, Job, Selection, Span
from lingjing.twin.postgres_care import restore
from lingjing.twin.postgres_connection import address
from lingjing.twin.postgres_ledger import PostgresLedger
from lingjing.twin.postgres_schema import MIGRATIONS
from lingjing.vocabulary import LingjingError


@pytest.fixture
def pair(postgres_url: str) -> Iterator[tuple[PostgresLedger, PostgresLedger]]:
    """Two ledgers over one twin, as in two processes."""
    with PostgresLedger(postgres_url) as one, PostgresLedger(postgres_url) as other:
        yield one, other


def wait(condition: Callable[[], Any]) -> None:
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def add_one(desk: Desk) -> int:
    document = desk.document(urn(1))
    assert document is not None
    count = int(document["attributes"][iri("count")][""]["value"]) + 1
    desk.put(*changed(document, desk.now, count=count))
    return count


def refused(code: str, call: Callable[..., Any], *arguments: Any) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        call(*arguments)
    assert caught.value.code == code
    return caught.value


# Several processes


def test_two_processes_lose_no_increment(pair: tuple[PostgresLedger, PostgresLedger]) -> None:
    create(pair[0], pair[0].branch(""), entity(1, count=0))
    results: list[int] = []

    def work(ledger: PostgresLedger) -> None:
        trunk = ledger.branch("")
        for _ in range(10):
            futures = [ledger.submit(Job(trunk, (urn(1),), add_one)) for _ in range(5)]
            results.extend(future.result(60) for future in futures)

    threads = [threading.Thread(target=work, args=(ledger,)) for ledger in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == list(range(1, 101))
    rows = pair[1].history(
        pair[1].branch(""), urn(1), Span(attributes=(iri("count"),), time="modifiedAt")
    )
    assert [row.instance["value"] for row in rows if row.instance] == list(range(101))
    assert len({row.sequence for row in rows}) == 101


def test_what_one_makes_the_other_knows(pair: tuple[PostgresLedger, PostgresLedger]) -> None:
    one, other = pair
    trunk = one.branch("")
    east = one.ensure_tenant("east")
    assert other.branch("east") == east
    create(one, trunk, entity(1, flow=1))
    branch = one.create_branch(trunk, "b")
    create(other, other.branch("", "b"), entity(2, flow=2))
    assert read(one, branch, 2) == {"flow": 2}
    update(other, trunk, 1, flow=5)
    assert read(one, branch, 1) == {"flow": 1}
    other.drop_branch(branch)
    wait(lambda: [item.name for item in one.branches("")] == ["main"])
    refused("twin.no-branch", create, one, branch, entity(3))


def test_a_process_may_hear_what_others_commit(
    pair: tuple[PostgresLedger, PostgresLedger],
) -> None:
    one, other = pair
    trunk = one.branch("")
    heard: list[Commit] = []
    own: list[Commit] = []
    notes: list[tuple[str, str]] = []
    other.listen_to_others(heard.extend)
    other.listen_to_notes(lambda tenant, collection: notes.append((tenant, collection)))
    other.listen(own.extend)
    create(one, trunk, entity(1, flow=observed(1, START_US)))
    update(one, trunk, 1, flow=observed(2, START_US + 1))
    do(one, trunk, lambda desk: desk.put_note("subscriptions", "s", b"x"))
    delete(one, trunk, 1)
    create(other, trunk, entity(2))
    wait(lambda: len(heard) == 3 and notes)
    first, made, gone = heard
    assert first.entries[0].before is None
    assert made.branch == trunk
    (entry,) = made.entries
    assert entry.before is not None
    assert entry.after is not None
    assert entry.before["attributes"][iri("flow")][""] == observed(1, START_US)
    assert entry.after["attributes"][iri("flow")][""] == observed(2, START_US + 1)
    assert [(change.attribute, change.current) for change in entry.changes] == [(iri("flow"), True)]
    assert gone.entries[0].before == entry.after
    assert gone.entries[0].after is None
    assert notes == [("", "subscriptions")]
    assert [commit.entries[0].id for commit in own] == [urn(2)]


def test_many_may_open_an_empty_schema_at_once(postgres_url: str) -> None:
    opened: list[PostgresLedger] = []
    threads = [
        threading.Thread(target=lambda: opened.append(PostgresLedger(postgres_url)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({ledger.branch("").key for ledger in opened}) == 1
    assert len(opened) == 4
    for ledger in opened:
        ledger.close()


# Lost connections


@pytest.fixture(scope="module")
def fragile() -> Iterator[PrivatePostgres]:
    """A server that waits for the disk, to be stopped and started."""
    server = PrivatePostgres(fsync=True)
    yield server
    server.remove()


def test_a_database_that_goes_and_comes_back_loses_and_doubles_nothing(
    postgres: PrivatePostgres, fragile: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    del postgres  # skips where there is none
    monkeypatch.setattr(postgres_driver, "MOST_ATTEMPTS", 4)
    monkeypatch.setattr(postgres_connection, "PATIENCE_S", 0.5)
    with fragile.schema() as url, PostgresLedger(url) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, count=0))
        futures: list[Future[int]] = []
        for round_ in range(3):
            for _ in range(40):
                futures.append(ledger.submit(Job(trunk, (urn(1),), add_one)))
                time.sleep(0.001)
            if round_ == 1:
                futures[-1].result(60)
            fragile.stop()
            futures += [ledger.submit(Job(trunk, (urn(1),), add_one)) for _ in range(5)]
            if round_ == 1:
                # Longer than the clerk's patience: these are refused, and may be sent again.
                for future in futures[-5:]:
                    refused("twin.unreachable", future.result, 60)
                refused("twin.unreachable", ledger.note, "", "c", "k")
            fragile.start()
        done = []
        for future in futures:
            error = future.exception(60)
            if error is None:
                done.append(future.result())
            else:
                assert isinstance(error, LingjingError)
                assert error.code == "twin.unreachable"
        assert len(set(done)) == len(done)
        assert read(ledger, trunk, 1) == {"count": len(done)}
        assert ledger.submit(Job(trunk, (urn(1),), add_one)).result(60) == len(done) + 1
        assert ledger.check() == []


class LostAtCommit:
    """Has the way to the database end in the middle of one commit.

    Args:
        is_made: Whether the database still made the commit before the way ended.
        meanwhile: What happens then.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, *, is_made: bool, meanwhile: Callable[[], None]
    ) -> None:
        self.lost = 0
        real = psycopg.Connection.execute

        def execute(connection: Any, query: Any, *arguments: Any, **named: Any) -> Any:
            if query != "COMMIT" or self.lost:
                return real(connection, query, *arguments, **named)
            self.lost += 1
            if is_made:
                real(connection, query)
            meanwhile()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        patch.setattr(psycopg.Connection, "execute", execute)


@pytest.mark.parametrize("is_made", [True, False])
def test_a_way_that_ends_in_a_commit_does_the_work_exactly_once(
    postgres: PrivatePostgres,
    fragile: PrivatePostgres,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_made: bool,
) -> None:
    del postgres

    def go_and_come_back() -> None:
        fragile.stop()
        fragile.start()

    with fragile.schema() as url, PostgresLedger(url) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, count=0))
        lost = LostAtCommit(monkeypatch, is_made=is_made, meanwhile=go_and_come_back)
        assert ledger.submit(Job(trunk, (urn(1),), add_one)).result(60) == 1
        assert lost.lost == 1
        assert read(ledger, trunk, 1) == {"count": 1}
        assert ledger.submit(Job(trunk, (urn(1),), add_one)).result(60) == 2
        assert ledger.check() == []


@pytest.mark.parametrize("is_made", [True, False])
def test_a_database_that_stays_away_after_a_commit_leaves_its_outcome_unknown_and_says_so(
    postgres: PrivatePostgres,
    fragile: PrivatePostgres,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_made: bool,
) -> None:
    del postgres
    monkeypatch.setattr(postgres_driver, "_LONGEST_DOUBT_S", 0.5)
    with fragile.schema() as url, PostgresLedger(url) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, count=0))
        with monkeypatch.context() as patch:
            LostAtCommit(patch, is_made=is_made, meanwhile=fragile.stop)
            waiting = ledger.submit(Job(trunk, (urn(1),), add_one))
            error = refused("twin.outcome-unknown", waiting.result, 60)
        assert error.values["path"] == ledger.shown
        fragile.start()
        # Not tried again by itself: who sent it looks, as the error says, and sends it or not.
        assert read(ledger, trunk, 1) == {"count": int(is_made)}
        assert ledger.submit(Job(trunk, (urn(1),), add_one)).result(60) == int(is_made) + 1
        assert ledger.check() == []


def test_a_broken_connection_is_mended_between_jobs(postgres_url: str) -> None:
    with PostgresLedger(postgres_url) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, count=0))
        for expected in (1, 2):
            with psycopg.connect(address(postgres_url).conninfo, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert do(ledger, trunk, add_one, urn(1)) == expected
            assert read(ledger, trunk, 1) == {"count": expected}


def test_a_database_that_is_not_there_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    url = f"postgresql://someone:secret@/twin?host={tmp_path}"
    error = refused("twin.unreachable", PostgresLedger, url)
    assert "secret" not in f"{error} {error.as_dict()}"


# Addresses and versions


@pytest.mark.parametrize(
    "url",
    [
        "mysql://host/twin",
        "postgresql://host/twin?schema=Robert'); DROP TABLE entity;--",
        "postgresql://host/twin?schema=",
        "postgresql://host/twin?nonsense=1",
        "postgresql://[host/twin",
    ],
)
def test_bad_addresses_are_refused(url: str) -> None:
    refused("twin.bad-store-url", PostgresLedger, url)


def test_an_address_is_shown_without_its_password() -> None:
    found = address("postgresql://ann:se%40cret@db.example:5433/city?schema=west&sslmode=require")
    assert (found.schema, found.shown) == ("west", "postgresql://ann@db.example:5433/city")
    assert "sslmode=require" in found.conninfo
    assert "schema" not in found.conninfo


def test_a_newer_twin_is_not_touched(postgres_url: str) -> None:
    PostgresLedger(postgres_url).close()
    where = address(postgres_url)
    with psycopg.connect(where.conninfo, autocommit=True) as connection:
        newer = len(MIGRATIONS) + 1
        connection.execute(f"INSERT INTO {where.schema}.migration VALUES ({newer})")  # noqa: S608
    refused("twin.newer-schema", PostgresLedger, postgres_url)


def test_who_only_reads_makes_nothing(postgres_url: str) -> None:
    def look() -> None:
        PostgresLedger(postgres_url, read_only=True)

    refused("twin.older-schema", look)
    with PostgresLedger(postgres_url) as ledger:
        create(ledger, ledger.branch(""), entity(1, flow=1))
    with PostgresLedger(postgres_url, read_only=True) as ledger:
        assert read(ledger, ledger.branch(""), 1) == {"flow": 1}
        refused("twin.read-only", create, ledger, ledger.branch(""), entity(2))


# Copies


def test_a_backup_is_restored_whole(
    postgres: PrivatePostgres, postgres_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "twin.backup"
    with PostgresLedger(postgres_url) as ledger:
        trunk = ledger.branch("")
        create(ledger, trunk, entity(1, flow=observed(1, START_US), at=(121.5, 31.3)), entity(2))
        note_late(ledger, trunk, 1, "flow", *(observed(n, START_US - n) for n in range(1, 900)))
        branch = ledger.create_branch(trunk, "b")
        update(ledger, branch, 1, flow=7)
        delete(ledger, trunk, 2)
        do(ledger, trunk, lambda desk: desk.put_note("c", "k", b"n"))
        ledger.backup(file)
        before = state(ledger)
    with postgres.schema() as url:
        restore(url, file)
        with PostgresLedger(url) as again:
            assert state(again) == before
            assert again.check() == []
            assert again.create_branch(trunk, "c").key > branch.key
            create(again, again.branch(""), entity(3))
        refused("twin.not-empty", restore, url, file)


def state(ledger: PostgresLedger) -> list[Any]:
    found: list[Any] = []
    for branch in ledger.branches(""):
        found.append(branch)
        found.extend(ledger.stream(branch))
        for name in (1, 2):
            found.extend(ledger.history(branch, urn(name), Span(time="modifiedAt")))
        found.append(ledger.find(branch, Selection(bounds=(121.0, 31.0, 122.0, 32.0))).records)
        found.append((ledger.types(branch), ledger.attribute_uses(branch)))
    found.append(ledger.notes("", "c"))
    return found


def test_what_is_no_backup_is_refused(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    refused("twin.not-a-backup", restore, postgres_url, file)
    file.write_bytes(b"PK\x03\x04 not really")
    refused("twin.not-a-backup", restore, postgres_url, file)
    with PostgresLedger(postgres_url) as ledger:
        refused("twin.cannot-write", ledger.backup, tmp_path / "none" / "x")
