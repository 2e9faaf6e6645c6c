"""What a killed server had to tell is told by the next one: at least once, as the newest state."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from ledgers import create, delete, do, entity, iri, update, urn
from receivers import Receiver, answers
from watching import RISER, prop, riser, subscription

from lingjing.interfaces.ngsild.subscriptions_recovery import (
    CURSORS,
    SILENCE_S,
    Bookmark,
    Cursor,
    commits_since,
)
from lingjing.twin import changes
from lingjing.twin.ledger import Desk, Ledger

PROGRAM = "from lingjing.interfaces.start import main; main()"


class Server:
    """`lingjing serve` in a process of its own, over one data folder."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/ngsi-ld/v1"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", "--data", str(data), "--port",
             str(self.port), "--no-browser"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(300):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{self.port}/ready").status_code == 200:
                    return
            time.sleep(0.1)
        pytest.fail("the server never answered")

    def send(self, method: str, path: str, body: Any = None) -> None:
        """Send a request that has to succeed."""
        answer = httpx.request(method, self.url + path, json=body, timeout=30)
        assert answer.status_code < 300, answer.text

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it."""
        self.process.send_signal(how)
        self.process.wait(30)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """Servers of the test, one after another."""
    started: list[Server] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.end()


def test_what_waits_when_the_server_is_killed_is_told_by_the_next_one_and_only_once_it_is_told(
    tmp_path: Path, servers: list[Server]
) -> None:
    one, other, gone = RISER, f"{RISER}-other", f"{RISER}-gone"
    with Receiver(answers(503)) as receiver:
        server = Server(tmp_path)
        servers.append(server)
        for name in (one, other, gone):
            server.send("POST", "/entities", riser(id=name))
        triggers = ["entityCreated", "entityUpdated", "entityDeleted"]
        wish = subscription(
            notification={"endpoint": {"uri": receiver.url}}, notificationTrigger=triggers
        )
        server.send("POST", "/subscriptions", wish)
        server.send("PATCH", f"/entities/{one}/attrs", {"temperature": prop(1)})
        server.send("PATCH", f"/entities/{one}/attrs", {"temperature": prop(2)})
        server.send("DELETE", f"/entities/{gone}")
        receiver.next()  # it was tried, and refused
        server.end()

        receiver.behave = answers(200)
        while not receiver.nothing(0.2):
            receiver.next()  # what was on its way
        again = Server(tmp_path)
        servers.append(again)
        told: dict[str, Any] = {}
        while told.keys() != {one, gone}:
            told.update({item["id"]: item for item in receiver.next().json["data"]})
        assert told[one]["temperature"]["value"] == 2
        assert receiver.nothing(0.5)  # not of the other, which has not changed
        # Now it is told, which is kept within a second or so: nobody hears of it again.
        time.sleep(2.5)
        again.end()
        servers.append(Server(tmp_path))
        assert receiver.nothing(2)
        servers[-1].send("PATCH", f"/entities/{other}/attrs", {"temperature": prop(5)})
        assert receiver.next().json["data"][0]["temperature"]["value"] == 5
        servers[-1].end(signal.SIGINT)


def stamp(ledger: Ledger, name: object, **values: Any) -> None:
    """Make or change an entity as the interface does, with the times of its attributes."""
    branch = ledger.branch("")
    fresh = entity(name, **values)

    def run(desk: Desk) -> int:
        held = desk.document(urn(name))
        if held is None:
            made = changes.created(fresh, desk.now)
            desk.put(made, changes.creation(made))
        else:
            outcome = changes.appended(held, {"attributes": fresh["attributes"]}, desk.now)
            desk.put(outcome.document, outcome.changes)
        return desk.now_us

    do(ledger, branch, run, urn(name))


def test_changes_since_an_instant_are_put_together_from_what_stood_then_and_stands_now(
    ledger: Ledger,
) -> None:
    branch = ledger.branch("")
    stamp(ledger, 1, flow=1, heat=1)
    stamp(ledger, 2, flow=2)
    stamp(ledger, 3, flow=3)
    since_us = do(ledger, branch, lambda desk: desk.now_us)
    stamp(ledger, 1, flow=1)  # the same value, observed anew
    delete(ledger, branch, 2)
    stamp(ledger, 4, flow=4)
    stamp(ledger, 5, flow=5)
    delete(ledger, branch, 5)
    found = commits_since(ledger, branch, since_us, 100)
    assert [commit.entries[0].id for commit in found] == [urn(1), urn(2), urn(4), urn(5)]
    assert all(commit.recorded_us > since_us for commit in found)
    updated, ended, made, passing = (commit.entries[0] for commit in found)
    assert [(change.operation, change.attribute) for change in updated.changes] == [
        ("update", iri("flow"))
    ]
    assert updated.before is not None
    assert updated.after is not None
    assert ended.before is not None
    assert ended.after is None
    assert made.before is None
    assert [change.operation for change in made.changes] == ["create", "create"]
    assert passing.before is passing.after is None
    # Of too many the newest.
    assert [one.entries[0].id for one in commits_since(ledger, branch, since_us, 2)] == [
        urn(4),
        urn(5),
    ]


def test_what_a_dead_process_had_to_tell_is_taken_over_once(ledger: Ledger) -> None:
    branch = ledger.branch("")
    create(ledger, branch, entity(1))
    update(ledger, branch, 1, flow=1)
    now_us = do(ledger, branch, lambda desk: desk.now_us)
    long_ago_us = now_us - round(SILENCE_S * 1e6) - 1

    def lay(desk: Desk) -> None:
        desk.put_note(CURSORS, "dead", msgspec.json.encode(Cursor(5, long_ago_us)))
        desk.put_note(CURSORS, "resting", msgspec.json.encode(Cursor(3, now_us)))

    do(ledger, branch, lay)
    own = Bookmark(ledger)
    job = own.lay(7, now_us)
    assert job is not None
    ledger.submit(job).result()
    assert own.lay(7, now_us) is None
    # One that shares the twin and was heard of lately may live; a file has only one process.
    lives = ledger.driver != "sqlite"
    assert own.take_over() == (5 if lives else 3)
    assert own.take_over() is None
    left = {key for key, _ in ledger.notes("", CURSORS)}
    assert ("resting" in left) == lives
    assert len(left) == 1 + lives
    removal = own.removal()
    assert removal is not None
    ledger.submit(removal).result()
    assert {key for key, _ in ledger.notes("", CURSORS)} == left & {"resting"}
