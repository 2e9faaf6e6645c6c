"""Notifications go out in order, come again after a failure, and wait for nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from receivers import Receiver, answers, drops, in_turn, sleeps, unused_port

from lingjing.interfaces.ngsild.notify import (
    Courier,
    Endpoint,
    Event,
    Message,
    Queue,
    Settings,
)
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.subscriptions_tally import Counts, Tally

QUICK = Settings(attempts=3, first_pause_s=0.01, pause_factor=2.0, timeout_s=2.0)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def event(name: str, value: int = 0) -> Event:
    return Event(0, name, None, {"id": name, "type": [], "attributes": {}, "value": value})


async def write(events: Sequence[Event]) -> Message:
    """Ids and values, so that a receiver can tell what it was told."""
    told = [[item.id, item.after["value"] if item.after else None] for item in events]
    return Message(json.dumps(told).encode(), (("Content-Type", "application/json"),))


def run(
    scene: Callable[[Callable[..., Queue]], Any],
    settings: Settings = QUICK,
    clock: Clock | None = None,
) -> list[Tally]:
    """Play a scene that gets a maker of queues; the tallies of those it made."""
    tallies: list[Tally] = []

    async def play() -> None:
        courier = Courier(Outgoing(Networks()), settings)

        def make(uri: str, **members: Any) -> Queue:
            tallies.append(Tally())
            endpoint = Endpoint(uri, **members)
            return Queue(courier, endpoint, write, tallies[-1], settings, clock or Clock())

        try:
            await scene(make)
        finally:
            await courier.close()

    asyncio.run(play())
    return tallies


def told(receiver: Receiver, how_many: int) -> list[Any]:
    return [receiver.next().json for _ in range(how_many)]


def test_changes_are_told_in_order_and_those_of_one_entity_apart() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url)
        for name, value in (("a", 1), ("b", 1), ("a", 2), ("a", 3)):
            queue.put(event(name, value))
        await queue.drain(5)

    with Receiver() as receiver:
        (tally,) = run(scene)
        assert told(receiver, 3) == [[["a", 1], ["b", 1]], [["a", 2]], [["a", 3]]]
    counts = tally.over(Counts())
    assert (counts.sent, counts.failed) == (3, 0)
    assert counts.members()["status"] == "ok"


def test_a_failed_notification_comes_again_and_later_ones_wait_their_turn() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url)
        queue.put(event("a", 1))
        await asyncio.sleep(0)
        queue.put(event("a", 2))
        await queue.drain(5)

    with Receiver(in_turn(answers(503), drops, answers(200))) as receiver:
        (tally,) = run(scene)
        assert told(receiver, 4) == [[["a", 1]], [["a", 1]], [["a", 1]], [["a", 2]]]
    counts = tally.over(Counts())
    assert (counts.sent, counts.failed) == (2, 1)
    assert counts.success_us >= counts.failure_us > 0


def test_what_a_receiver_refuses_for_good_does_not_come_again() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url)
        queue.put(event("a", 1))
        await queue.drain(5)

    with Receiver(in_turn(answers(404), answers(200))) as receiver:
        (tally,) = run(scene)
        assert told(receiver, 1) == [[["a", 1]]]
        assert receiver.nothing()
    assert tally.over(Counts()).members()["status"] == "failed"


def test_a_redirect_inward_is_a_failure_and_leads_nowhere() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url)
        queue.put(event("a"))
        await queue.drain(5)

    with Receiver() as inner, Receiver(answers(302, Location=inner.url)) as receiver:
        (tally,) = run(scene)
        assert inner.nothing()
    assert tally.over(Counts()).failed == 1


def test_a_slow_and_a_dead_receiver_do_not_delay_another() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        slow = make(slow_one.url, timeout_s=30.0)
        dead = make(f"http://127.0.0.1:{unused_port()}/")
        good = make(good_one.url)
        for value in range(20):
            for queue in (slow, dead, good):
                queue.put(event("a", value))
        await good.drain(5)
        assert slow.waiting == 19  # still in the hands of the slow one
        for queue in (slow, dead):
            queue.stop()

    with Receiver(sleeps(20)) as slow_one, Receiver() as good_one:
        run(scene)
        assert told(good_one, 20) == [[["a", value]] for value in range(20)]


def test_a_full_queue_drops_the_oldest_and_counts_them() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url)
        for value in range(10):
            queue.put(event("a", value))
        assert queue.dropped == 7
        await queue.drain(5)

    with Receiver() as receiver:
        run(scene, Settings(waiting_most=3))
        assert told(receiver, 3) == [[["a", 7]], [["a", 8]], [["a", 9]]]


def test_no_more_entities_than_allowed_are_told_together() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url)
        for name in "abcde":
            queue.put(event(name))
        await queue.drain(5)

    with Receiver() as receiver:
        run(scene, Settings(together_most=2))
        assert [len(batch) for batch in told(receiver, 3)] == [2, 2, 1]


def test_throttling_leaves_out_what_comes_too_soon() -> None:
    clock = Clock()

    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url, throttling_s=10.0)
        for value, at_s in ((1, 0.0), (2, 9.9), (3, 10.0), (4, 12.0), (5, 20.0)):
            clock.now_s = at_s
            queue.put(event("a", value))
            await queue.drain(5)

    with Receiver() as receiver:
        run(scene, clock=clock)
        assert told(receiver, 3) == [[["a", 1]], [["a", 3]], [["a", 5]]]
        assert receiver.nothing(0.1)


def test_after_a_failure_nothing_is_sent_until_the_cooldown_is_over() -> None:
    clock = Clock()

    async def scene(make: Callable[..., Queue]) -> None:
        queue = make(receiver.url, cooldown_s=5.0)
        for value, at_s in ((1, 0.0), (2, 4.9), (3, 5.0)):
            clock.now_s = at_s
            queue.put(event("a", value))
            await queue.drain(5)

    with Receiver(in_turn(answers(400), answers(200))) as receiver:
        run(scene, clock=clock)
        assert told(receiver, 2) == [[["a", 1]], [["a", 3]]]


def test_headers_for_the_receiver_go_along_but_cannot_reframe_the_message() -> None:
    async def scene(make: Callable[..., Queue]) -> None:
        pairs = (
            ("X-Key", "k"),
            ("Content-Length", "9999"),
            ("Host", "evil"),
            ("NGSILD-Tenant", "another"),
            ("Link", "<x>"),
        )
        queue = make(receiver.url, receiver=pairs)
        queue.put(event("a"))
        await queue.drain(5)

    with Receiver() as receiver:
        run(scene)
        got = receiver.next()
        assert got.headers["x-key"] == "k"
        assert got.headers["link"] == "<x>"
        assert "ngsild-tenant" not in got.headers
        assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert int(got.headers["content-length"]) == len(got.body)
