"""Delivery of notifications: one queue for each subscription, so that none waits for another.

What a queue promises: notifications of a subscription go out one after another, in the order of
the changes. While its receiver is slow or away, changes wait, and changes to different entities
are told together once it is back. A queue holds at most `Settings.waiting_most` changes; beyond
that the oldest are dropped and counted, because the newest state matters most.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from lingjing.interfaces.ngsild.notify_mqtt import MqttSender, MqttTarget
from lingjing.interfaces.ngsild.outgoing import Outgoing
from lingjing.interfaces.ngsild.subscriptions_tally import Tally
from lingjing.twin.documents import Document
from lingjing.vocabulary import LingjingError

_log: Final = logging.getLogger(__name__)
# Answers after which the same notification may be taken later.
_MAY_PASS: Final = frozenset((408, 425, 429))
# What frames a message, and whose it is, is not for a subscription to set.
_OURS: Final = frozenset(
    ("connection", "content-length", "content-type", "host", "keep-alive", "ngsild-tenant", "te",
     "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How notifications are delivered.

    Attributes:
        attempts: How often one is tried.
        first_pause_s, pause_factor, longest_pause_s: Pauses between attempts [s], growing.
        timeout_s: How long a receiver may take where the subscription does not say [s].
        longest_timeout_s: Bound on what a subscription may say [s].
        waiting_most: Changes that one subscription's queue holds.
        together_most: Entities in one notification.
        matching_most: Entities that may wait for matching before writing is slowed down.
    """

    attempts: int = 4
    first_pause_s: float = 0.5
    pause_factor: float = 4.0
    longest_pause_s: float = 30.0
    timeout_s: float = 5.0
    longest_timeout_s: float = 60.0
    waiting_most: int = 10_000
    together_most: int = 100
    matching_most: int = 50_000


class Event(msgspec.Struct, frozen=True):
    """A change that a subscription is to be told about.

    Attributes:
        told_us: When it happened [µs].
        id: Of the entity.
        before, after: Documents; `after` is None for an entity that is gone.
        gone: Attributes and datasets that were deleted and are to be shown as such.
        changed: Attributes and datasets that were written.
        reason: Why a registration is told (`newlyMatching` …); empty for entities.
    """

    told_us: int
    id: str
    before: Document | None
    after: Document | None
    gone: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    reason: str = ""


class Message(msgspec.Struct, frozen=True):
    """A notification in its final form.

    Attributes:
        body: JSON.
        headers: Content-Type, Link, NGSILD-Tenant.
    """

    body: bytes
    headers: tuple[tuple[str, str], ...]


class Endpoint(msgspec.Struct, frozen=True):
    """Where notifications of a subscription go (5.2.15).

    Attributes:
        uri: HTTP address, or MQTT broker and topic.
        accept: Media type of the body.
        receiver: Headers for the receiver.
        notifier: Settings of the sender, such as `MQTT-QoS`.
        timeout_s: How long the receiver may take [s]; 0 for the usual.
        cooldown_s: Pause after a failure, in which nothing is sent [s].
        throttling_s: Least time between two notifications [s].
    """

    uri: str
    accept: str = "application/json"
    receiver: tuple[tuple[str, str], ...] = ()
    notifier: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 0.0
    cooldown_s: float = 0.0
    throttling_s: float = 0.0


Write = Callable[[Sequence[Event]], Awaitable[Message]]
"""Makes a notification of changes; runs when its turn has come."""
Claim = Callable[[float], Awaitable[bool]]
"""Whether a notification may go out, so many seconds after the last one of any process."""


class Clock(Protocol):
    """Gives the present [s], never going back."""

    def __call__(self) -> float: ...


class Courier:
    """Brings messages to their receivers by HTTP or MQTT.

    Args:
        outgoing: Client for HTTP; its networks hold for MQTT too.
        settings: How.
    """

    def __init__(self, outgoing: Outgoing, settings: Settings) -> None:
        self._outgoing = outgoing
        self._settings = settings
        self._mqtt = MqttSender(outgoing.networks)

    async def bring(self, endpoint: Endpoint, message: Message) -> None:
        """One attempt.

        Raises:
            LingjingError: `ngsild.unreachable`, `ngsild.network-refused`,
                `ngsild.receiver-status`, `ngsild.bad-address`.
        """
        wanted_s = endpoint.timeout_s or self._settings.timeout_s
        timeout_s = min(wanted_s, self._settings.longest_timeout_s)
        own = tuple(pair for pair in endpoint.receiver if pair[0].lower() not in _OURS)
        if endpoint.uri.startswith("mqtt"):
            target = MqttTarget.of(endpoint.uri, endpoint.notifier)
            headers = dict((*message.headers, *own))
            await self._mqtt.publish(target, headers, message.body, timeout_s)
            return
        given = {name.lower() for name, _ in own}
        ours = (pair for pair in message.headers if pair[0].lower() not in given)
        reply = await self._outgoing.send(
            "POST",
            endpoint.uri,
            headers=(*ours, *own),
            body=message.body,
            timeout_s=timeout_s,
            most_bytes=1_000_000,
        )
        if not 200 <= reply.status < 300:
            host = endpoint.uri.split("/")[2].rpartition("@")[2]
            raise LingjingError("ngsild.receiver-status", host=host, status=reply.status)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._mqtt.close()
        await self._outgoing.close()


def may_pass(error: LingjingError) -> bool:
    """Whether the same message may be taken at a later attempt."""
    if error.code == "ngsild.receiver-status":
        status = error.values["status"]
        return isinstance(status, int) and (status >= 500 or status in _MAY_PASS)
    return error.code in ("ngsild.unreachable", "ngsild.answer-too-large")


class Queue:
    """What waits to be told to one subscription, and the telling of it.

    Args:
        courier: Brings messages.
        endpoint: Where to.
        write: Makes messages.
        tally: Counts what became of them.
        settings: How.
        clock: The present [s].
        claim: Asked before each notification of a throttled subscription; None to decide alone.
    """

    def __init__(
        self,
        courier: Courier,
        endpoint: Endpoint,
        write: Write,
        tally: Tally,
        settings: Settings,
        clock: Clock,
        claim: Claim | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.write = write
        self._courier = courier
        self._tally = tally
        self._settings = settings
        self._clock = clock
        self._claim = claim
        self._waiting: collections.deque[Event] = collections.deque()
        self._telling: list[Event] = []
        self._task: asyncio.Task[None] | None = None
        self._not_before_s = float("-inf")
        self._sent_s = float("-inf")
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Changes that wait."""
        return len(self._waiting)

    @property
    def oldest_us(self) -> int | None:
        """When the oldest change happened that waits or is being told [µs]; None for none."""
        first = self._telling or list(self._waiting)[:1]
        return first[0].told_us if first else None

    def put(self, event: Event) -> None:
        """Take a change in; called in the event loop."""
        if len(self._waiting) >= self._settings.waiting_most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def drain(self, timeout_s: float) -> None:
        """Wait until all is told, or the time is up."""
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=timeout_s)

    def stop(self) -> None:
        """Tell nothing more; what waits is dropped."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._telling = []
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while self._waiting:
            self._telling = batch = self._next()
            try:
                if await self._may_send():
                    await self._send(await self.write(batch))
            except LingjingError as error:
                _log.warning("notification to %s not written: %s", _shown(self.endpoint), error)
                self._tally.fail()
            except Exception:  # noqa: BLE001  (told, and the next one has its turn)
                _log.exception("notification to %s: a fault of ours", _shown(self.endpoint))
                self._tally.fail()
            # Told, or given up; where this is broken off it is still what is to be told.
            self._telling = []

    def _next(self) -> list[Event]:
        """Changes to different entities, from the front; a second one to the same waits."""
        batch: list[Event] = []
        seen: set[str] = set()
        while self._waiting and len(batch) < self._settings.together_most:
            event = self._waiting[0]
            if event.id in seen or (batch and event.reason != batch[0].reason):
                break
            seen.add(event.id)
            batch.append(self._waiting.popleft())
        return batch

    async def _may_send(self) -> bool:
        """Whether neither cooldown nor throttling forbids it; what is forbidden is not told."""
        now_s = self._clock()
        if now_s < self._not_before_s:
            return False
        wait_s = self.endpoint.throttling_s
        if wait_s and now_s < self._sent_s + wait_s:
            return False
        return not (wait_s and self._claim) or await self._claim(wait_s)

    async def _send(self, message: Message) -> None:
        self._sent_s = self._clock()
        pause_s = self._settings.first_pause_s
        self._tally.begin()
        for attempt in range(1, self._settings.attempts + 1):
            try:
                await self._courier.bring(self.endpoint, message)
            except LingjingError as error:
                self._tally.fail(again=attempt > 1)
                _log.info("notification to %s: %s", _shown(self.endpoint), error)
                if attempt == self._settings.attempts or not may_pass(error):
                    break
                # spread, so that receivers are not hit by all their senders at once
                await asyncio.sleep(max(pause_s, self.endpoint.cooldown_s) * _jitter())
                pause_s = min(pause_s * self._settings.pause_factor, self._settings.longest_pause_s)
            else:
                self._tally.succeed()
                return
        self._not_before_s = self._clock() + self.endpoint.cooldown_s


def _jitter() -> float:
    return 1.0 + 0.2 * random.random()  # noqa: S311  (not for secrets)


def _shown(endpoint: Endpoint) -> str:
    """The host of an endpoint; the rest of its address may hold a secret."""
    return endpoint.uri.split("/")[2].rpartition("@")[2]
