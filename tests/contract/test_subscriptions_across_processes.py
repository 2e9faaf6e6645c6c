"""Subscriptions outlive the server, and several servers over one database tell each change once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from conformance_client import Api
from receivers import Receiver
from watching import RISER, S, kept, prop, riser, subscribe, subscription, told, until

from lingjing.twin.ledger import Ledger
from lingjing.twin.postgres_ledger import PostgresLedger
from lingjing.twin.sqlite_ledger import SqliteLedger

Open = Callable[[], Ledger]
ATTRIBUTES = f"/entities/{RISER}/attrs"


@pytest.fixture(params=["sqlite", "postgresql"])
def open_twin(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same twin again and again."""
    if request.param == "sqlite":
        return lambda: SqliteLedger(tmp_path / "twin.sqlite")
    url = request.getfixturevalue("postgres_url")
    return lambda: PostgresLedger(url)


@contextmanager
def server(ledger: Ledger) -> Iterator[Api]:
    """A server over a twin."""
    with Api(ledger, {}) as api:
        yield api
    ledger.close()


def test_subscriptions_and_their_counts_outlive_the_server(open_twin: Open) -> None:
    with Receiver() as receiver:
        with server(open_twin()) as api:
            subscribe(api, receiver, q="temperature<9;fedBy", notification={"pick": ["id"]})
            api.make(riser(fedBy={"type": "Relationship", "object": "urn:a:b"}))
            assert told(receiver) == [{"id": RISER}]
        with server(open_twin()) as api:
            assert kept(api)["notification"]["timesSent"] == 1
            api.patch(ATTRIBUTES, {"temperature": prop(99)})  # not in the query
            api.patch(ATTRIBUTES, {"temperature": prop(1)})
            assert told(receiver) == [{"id": RISER}]
            assert kept(api)["notification"]["timesSent"] == 2
            assert receiver.nothing(0.1)
            api.delete(f"/subscriptions/{S}")
        with server(open_twin()) as api:
            api.patch(ATTRIBUTES, {"temperature": prop(2)})
            assert receiver.nothing(0.2)


@pytest.fixture
def two_servers(postgres_url: str) -> Iterator[tuple[Api, Api]]:
    """Two servers over one database."""
    with server(PostgresLedger(postgres_url)) as one, server(PostgresLedger(postgres_url)) as two:
        yield one, two


def test_each_change_is_told_once_by_whichever_server_made_it(
    two_servers: tuple[Api, Api],
) -> None:
    one, two = two_servers
    one.make(riser())
    with Receiver() as receiver:
        subscribe(one, receiver)
        one.patch(ATTRIBUTES, {"temperature": prop(1)})
        assert told(receiver)[0]["temperature"]["value"] == 1

        def other_knows() -> bool:
            two.wait(0.05)
            return len(two.service.subscriptions.watches()) == 1  # type: ignore[union-attr]

        until(other_knows)
        for value in (2, 3):
            two.patch(ATTRIBUTES, {"temperature": prop(value)})
            assert told(receiver)[0]["temperature"]["value"] == value
        one.patch(ATTRIBUTES, {"temperature": prop(4)})
        assert told(receiver)[0]["temperature"]["value"] == 4
        assert receiver.nothing(0.3)
        assert until(lambda: kept(one)["notification"]["timesSent"] == 4 or two.wait(0.05))


def test_a_periodic_notification_is_sent_by_one_server_only(two_servers: tuple[Api, Api]) -> None:
    one, two = two_servers
    one.make(riser())
    with Receiver() as receiver:
        subscribe(one, receiver, timeInterval=1)
        for _ in range(10):  # both live on
            two.wait(0.05)
            one.wait(0.05)
        moments = [receiver.next().at_s for _ in range(3)]
        assert all(later - sooner > 0.3 for sooner, later in pairwise(moments))


def test_throttling_holds_over_all_servers(two_servers: tuple[Api, Api]) -> None:
    one, two = two_servers
    one.make(riser())
    with Receiver() as receiver:
        subscribe(one, receiver, throttling=60)
        until(lambda: two.wait(0.05) or two.service.subscriptions.watches())  # type: ignore[union-attr]
        one.patch(ATTRIBUTES, {"temperature": prop(1)})
        told(receiver)
        two.patch(ATTRIBUTES, {"temperature": prop(2)})
        assert receiver.nothing(0.4)


def test_subscriptions_of_a_dropped_branch_end_with_it(open_twin: Open) -> None:
    ledger = open_twin()
    with server(ledger) as api, Receiver() as receiver:
        branch = ledger.create_branch(ledger.branch(""), "what-if")
        inside = {"headers": {"NGSILD-Snapshot": "what-if"}}
        body = subscription(receiver.url)
        assert api.post("/subscriptions", body, **inside).status_code == 201
        api.make(riser(), **inside)
        assert told(receiver) == [riser()]
        ledger.drop_branch(branch)
        subscriptions = api.service.subscriptions
        assert subscriptions is not None
        assert len(subscriptions.watches()) == 1
        api.run(subscriptions.forget_dropped())
        assert subscriptions.watches() == []
        assert ledger.notes("", f"subscriptions@{branch.key}") == []
        assert api.post("/subscriptions", body).status_code == 201
        api.run(subscriptions.forget_dropped())
        assert len(subscriptions.watches()) == 1
