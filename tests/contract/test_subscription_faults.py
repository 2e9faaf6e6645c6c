"""A fault in one subscription silences no other, and never holds up the writers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance_client import Api
from receivers import Receiver
from watching import RISER, kept, prop, riser, subscribe, told, until

from lingjing.interfaces.ngsild import notify_writing
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.notify import Settings
from lingjing.interfaces.ngsild.subscriptions import Subscriptions
from lingjing.interfaces.ngsild.subscriptions_matching import Watch
from lingjing.twin.documents import DEFAULT_TERMS
from lingjing.twin.ledger import Commit, Entry
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

ATTRIBUTES = f"/entities/{RISER}/attrs"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server whose matching may fall behind by two entities only."""
    ledger = SqliteLedger(tmp_path / "twin.sqlite")
    opened = Api(ledger, {})
    settings = Settings(matching_most=2, first_pause_s=0.01)
    contexts: Contexts = opened.service.contexts
    opened.service.subscriptions = Subscriptions(ledger, contexts, settings=settings)
    with opened:
        yield opened
    ledger.close()


def test_a_subscription_that_cannot_be_matched_silences_no_other(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    takes = Watch.takes

    def breaks(self: Watch, *arguments: object) -> bool:
        if self.key[2] == "urn:s:bad":
            raise ZeroDivisionError
        return takes(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Watch, "takes", breaks)
    with Receiver() as receiver:
        subscribe(api, receiver, id="urn:s:bad")
        subscribe(api, receiver)
        api.make(riser())
        for value in range(10):  # more than may wait to be matched
            assert api.patch(ATTRIBUTES, {"temperature": prop(value)}).status_code == 204
        until(lambda: told(receiver)[-1] == riser(temperature=prop(9)))
    assert "urn:s:bad could not be matched" in caplog.text


def test_writing_goes_on_while_matching_is_behind(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver)
        batch = [riser(id=f"{RISER}-{number}") for number in range(50)]
        for _ in range(4):
            assert api.post("/entityOperations/upsert", batch).status_code in (201, 204)
        seen = 0
        while seen < 200:
            seen += len(told(receiver))
        subscriptions = api.service.subscriptions
        assert subscriptions is not None
        assert until(lambda: subscriptions.metrics()["unmatched_entities"] == 0)
        assert subscriptions.metrics()["dropped_changes"] == 0


def test_a_notification_that_cannot_be_written_is_counted_and_the_next_one_comes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = notify_writing.told
    left: list[Exception] = [LingjingError("ngsild.no-resource", id="x"), ZeroDivisionError()]

    def breaks(*arguments: object) -> object:
        if left:
            raise left.pop()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(notify_writing, "told", breaks)
    with Receiver() as receiver:
        subscribe(api, receiver)
        api.make(riser())
        until(lambda: kept(api)["notification"].get("status") == "failed")
        api.patch(ATTRIBUTES, {"temperature": prop(0)})
        until(lambda: kept(api)["notification"]["timesFailed"] == 2)
        api.patch(ATTRIBUTES, {"temperature": prop(1)})
        assert told(receiver) == [riser(temperature=prop(1))]


def test_a_change_from_before_the_subscription_is_not_told_however_late_it_is_matched(
    api: Api,
) -> None:
    subscriptions = api.service.subscriptions
    assert subscriptions is not None
    with Receiver() as receiver:
        subscribe(api, receiver)
        (watch,) = subscriptions.watches()
        for value, moment_us in ((1, watch.since_us - 1), (2, watch.since_us + 1)):
            instance = {"type": "Property", "value": value}
            document = {
                "id": RISER,
                "type": [DEFAULT_TERMS + "Riser"],
                "attributes": {DEFAULT_TERMS + "temperature": {"": instance}},
            }
            entry = Entry(RISER, None, document, ())
            subscriptions._notifier.take([Commit(watch.branch, value, moment_us, (entry,))])
        assert told(receiver) == [riser(temperature=prop(2))]
        assert receiver.nothing(0.1)
