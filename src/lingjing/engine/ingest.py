"""The intake: what sensors send becomes the twin's present and past, once, or a dead letter."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec

from lingjing.engine.ingest_sequences import Seen, read_seen, write_seen
from lingjing.sources.sensor_messages import Message, Observation
from lingjing.sources.sensor_rules import IntakeRules
from lingjing.twin.documents import DEFAULT_TERMS, Instance, instant_text
from lingjing.twin.ledger import TRUNK, Branch, Desk, Job, Ledger
from lingjing.twin.observing import Observed, observe
from lingjing.twin.packed import UNIT_CODES, provenance_attributes
from lingjing.vocabulary import LingjingError, Place, Provenance, quantities

DEAD_LETTERS: Final = "dead-letters"
LETTER_INDEX: Final = "dead-letters-by-content"
SEQUENCES: Final = "sensor-sequences"
_PIECE: Final = 2_000
"""Observations written by one job."""
_TRIMMED: Final = 1_000


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that could not be taken.

    Attributes:
        source: Who sent it.
        received: When, ISO 8601.
        synthetic: It was labelled as made up.
        letter: The message as it came.
        code: Of the error.
        place: Where the fault lies.
        values: What the error's wording needs.
        tries: How often it was tried.
    """

    source: str
    received: str
    synthetic: bool
    letter: msgspec.Raw
    code: str
    place: dict[str, str]
    values: dict[str, str]
    tries: int = 1

    def error(self) -> LingjingError:
        """Why, in words."""
        place = Place(file=self.place.get("file"), field=self.place.get("field"))
        return LingjingError(self.code, place, **self.values)


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch.

    Attributes:
        taken: Observations that were new.
        late: Of those, how many belong to history only.
        repeated: Observations that were known already.
        dead: Messages that could not be taken.
        dead_letters: Their numbers, the first hundred.
    """

    taken: int = 0
    late: int = 0
    repeated: int = 0
    dead: int = 0
    dead_letters: tuple[str, ...] = ()

    def plus(self, other: Receipt) -> Receipt:
        """Both together."""
        letters = (*self.dead_letters, *other.dead_letters)[:100]
        return Receipt(
            self.taken + other.taken,
            self.late + other.late,
            self.repeated + other.repeated,
            self.dead + other.dead,
            letters,
        )


class Intake:
    """Takes messages into the trunk of their tenant's twin.

    Each message is taken as one or not at all; what is acknowledged is durable. A message that
    comes again, by its source's number or by what it says, changes nothing.

    Args:
        ledger: The twin.
        bounds: How much may wait, and so on.
    """

    def __init__(self, ledger: Ledger, bounds: IntakeRules | None = None) -> None:
        self.ledger = ledger
        self.bounds = bounds or IntakeRules()
        self._lock = threading.Lock()
        self._waiting = 0
        self._letters: dict[str, int] = {}
        self.totals = Receipt()

    @property
    def waiting(self) -> int:
        """Observations that wait to be written."""
        return self._waiting

    def hand_in(self, messages: Sequence[Message]) -> list[Future[Receipt]]:
        """Hand messages to the clerk; a future for each piece of them.

        Raises:
            LingjingError: `ingest.busy`, `twin.no-tenant`.
        """
        count = sum(max(1, len(message.observations)) for message in messages)
        branches = {
            tenant: self.ledger.branch(tenant, TRUNK)
            for tenant in dict.fromkeys(message.tenant for message in messages)
        }
        with self._lock:
            if self._waiting and self._waiting + count > self.bounds.waiting:
                raise LingjingError("ingest.busy", waiting=self._waiting)
            self._waiting += count
        return [
            self._submit(branch, piece)
            for tenant, branch in branches.items()
            for piece in _pieces([item for item in messages if item.tenant == tenant])
        ]

    def _submit(
        self, branch: Branch, messages: list[Message], replayed: dict[int, str] | None = None
    ) -> Future[Receipt]:
        ids = {item.entity: None for message in messages for item in message.observations}
        run = functools.partial(
            _take, messages=messages, ahead_us=round(self.bounds.ahead_s * 1e6), replayed=replayed
        )
        future = self.ledger.submit(Job(branch, tuple(ids), run))
        count = sum(max(1, len(message.observations)) for message in messages)
        future.add_done_callback(functools.partial(self._settle, count, branch.tenant))
        return future

    def _settle(self, count: int, tenant: str, future: Future[Receipt]) -> None:
        with self._lock:
            self._waiting = max(0, self._waiting - count)
            if future.cancelled() or future.exception() is not None:
                return
            receipt = future.result()
            self.totals = self.totals.plus(msgspec.structs.replace(receipt, dead_letters=()))
            kept = self._letters.get(tenant)
            if kept is not None:
                self._letters[tenant] = kept + receipt.dead

    def take(self, messages: Sequence[Message]) -> Receipt:
        """Take messages, and wait until that is durable."""
        receipt = Receipt()
        for future in self.hand_in(messages):
            receipt = receipt.plus(future.result())
        self._trim(messages)
        return receipt

    async def take_soon(self, messages: Sequence[Message]) -> Receipt:
        """The same from an event loop."""
        futures = [asyncio.wrap_future(future) for future in self.hand_in(messages)]
        receipt = Receipt()
        for done in await asyncio.gather(*futures):
            receipt = receipt.plus(done)
        if receipt.dead:
            await asyncio.to_thread(self._trim, messages)
        return receipt

    # Dead letters

    def dead_letters(
        self, tenant: str = "", after: str = "", limit: int | None = None
    ) -> list[tuple[str, DeadLetter]]:
        """Messages that could not be taken, oldest first, by their numbers."""
        kept = self.ledger.notes(tenant, DEAD_LETTERS, after, limit)
        return [(key, read_letter(body)) for key, body in kept]

    def replay(self, tenant: str, found: Sequence[tuple[str, Message]]) -> Receipt:
        """Try dead letters again; those that are taken are dead no more."""
        branch = self.ledger.branch(tenant, TRUNK)
        receipt = Receipt()
        for start in range(0, len(found), _PIECE):
            piece = found[start : start + _PIECE]
            numbers = {place: key for place, (key, _) in enumerate(piece)}
            messages = [message for _, message in piece]
            with self._lock:
                self._waiting += sum(max(1, len(item.observations)) for item in messages)
            receipt = receipt.plus(self._submit(branch, messages, numbers).result())
        return receipt

    def drop(self, tenant: str, keys: Sequence[str]) -> int:
        """Throw dead letters away; how many there were."""

        def run(desk: Desk) -> int:
            return sum(_unbury(desk, key) for key in keys)

        return self.ledger.submit(Job(self.ledger.branch(tenant, TRUNK), (), run)).result()

    def _trim(self, messages: Sequence[Message]) -> None:
        """Let the oldest dead letters go where there are too many."""
        for tenant in dict.fromkeys(message.tenant for message in messages):
            with self._lock:
                kept = self._letters.get(tenant)
            if kept is None:
                kept = len(self.ledger.notes(tenant, DEAD_LETTERS))
                with self._lock:
                    self._letters[tenant] = kept
            while kept > self.bounds.dead_letters:
                most = min(_TRIMMED, kept - self.bounds.dead_letters)
                oldest = self.ledger.notes(tenant, DEAD_LETTERS, limit=most)
                self.drop(tenant, [key for key, _ in oldest])
                kept -= most
                with self._lock:
                    self._letters[tenant] = kept


_letter = msgspec.json.Decoder(DeadLetter).decode


def read_letter(body: bytes) -> DeadLetter:
    """A dead letter as it is kept."""
    return _letter(body)


def _pieces(messages: Sequence[Message]) -> list[list[Message]]:
    """Messages in groups that one job writes."""
    pieces: list[list[Message]] = [[]]
    held = 0
    for message in messages:
        size = max(1, len(message.observations))
        if held and held + size > _PIECE:
            pieces.append([])
            held = 0
        pieces[-1].append(message)
        held += size
    return pieces


class _Work:
    """What one job makes of its messages."""

    def __init__(self, desk: Desk, ahead_us: int) -> None:
        self.desk = desk
        self.latest_us = time.time_ns() // 1000 + ahead_us
        self.observed: dict[str, list[Observed]] = {}
        self.types: dict[str, str] = {}
        self.seen: dict[str, Seen] = {}
        self.known: dict[str, bool] = {}
        self.repeated = 0
        self.dead: list[str] = []
        self._origins: dict[tuple[str, bool], Any] = {}

    def accept(self, message: Message) -> None:
        """Lay a message's observations ready.

        Raises:
            LingjingError: Why it cannot be taken.
        """
        if message.fault is not None:
            raise message.fault
        if message.sequence is not None and self._was_seen(message.source, message.sequence):
            self.repeated += len(message.observations)
            return
        for item in message.observations:
            self._check(item, message.source)
        for item in message.observations:
            self._lay(item, message)
        if message.sequence is not None:
            self.seen[message.source].add(message.sequence)

    def _was_seen(self, source: str, sequence: int) -> bool:
        seen = self.seen.get(source)
        if seen is None:
            seen = self.seen[source] = read_seen(self.desk.note(SEQUENCES, source))
        return sequence in seen

    def _check(self, item: Observation, source: str) -> None:
        place = Place(file=source, field=item.entity)
        if item.at_us > self.latest_us:
            ahead_s = (item.at_us - time.time_ns() // 1000) / 1e6
            raise LingjingError(
                "ingest.from-the-future", place, at=instant_text(item.at_us),
                ahead_s=f"{ahead_s:.0f}",
            )  # fmt: skip
        known = self.known.get(item.entity)
        if known is None:
            known = self.known[item.entity] = self.desk.document(
                item.entity
            ) is not None or self.desk.has_history(item.entity)
        if not known and not item.type:
            raise LingjingError("ingest.unknown-entity", place, entity=item.entity)

    def _lay(self, item: Observation, message: Message) -> None:
        if not self.known[item.entity]:
            self.types.setdefault(item.entity, iri(item.type))
        instance: Instance = {"type": "Property", "value": item.value}
        code = unit_code(item.attribute, item.unit)
        if code:
            instance["unitCode"] = code
        instance["observedAt"] = instant_text(item.at_us)
        if item.dataset:
            instance["datasetId"] = item.dataset
        origin = (message.source, message.synthetic)
        if origin not in self._origins:
            said = Provenance("observed", message.source, synthetic=message.synthetic)
            self._origins[origin] = provenance_attributes(said, self.desk.now)
        instance["attributes"] = self._origins[origin]
        made = Observed(iri(item.attribute), item.dataset, item.at_us, instance)
        self.observed.setdefault(item.entity, []).append(made)

    def bury(self, message: Message, fault: LingjingError, key: str) -> None:
        """Keep a message that cannot be taken, once however often it comes."""
        content = _content(message.letter)
        key = (self.desk.note(LETTER_INDEX, content) or key.encode()).decode()
        held = self.desk.note(DEAD_LETTERS, key)
        tries = 1 if held is None else read_letter(held).tries + 1
        place = fault.place or Place()
        letter = DeadLetter(
            message.source,
            self.desk.now,
            message.synthetic,
            msgspec.Raw(message.letter),
            fault.code,
            {
                name: item
                for name, item in (("file", place.file), ("field", place.field))
                if item is not None
            },
            {name: str(item) for name, item in fault.values.items()},
            tries,
        )
        self.desk.put_note(DEAD_LETTERS, key, msgspec.json.encode(letter))
        self.desk.put_note(LETTER_INDEX, content, key.encode())
        self.dead.append(key)


def _content(letter: bytes) -> str:
    return hashlib.blake2b(letter, digest_size=16).hexdigest()


def _unbury(desk: Desk, key: str) -> bool:
    """Let a dead letter go; whether there was one."""
    held = desk.note(DEAD_LETTERS, key)
    if held is None:
        return False
    desk.delete_note(LETTER_INDEX, _content(bytes(read_letter(held).letter)))
    return desk.delete_note(DEAD_LETTERS, key)


def _take(
    desk: Desk, messages: Sequence[Message], ahead_us: int, replayed: dict[int, str] | None
) -> Receipt:
    """The job: what can be taken is, the rest is buried."""
    work = _Work(desk, ahead_us)
    for place, message in enumerate(messages):
        key = None if replayed is None else replayed[place]
        try:
            work.accept(message)
        except LingjingError as fault:
            work.bury(message, fault, key or f"{desk.now_us:016d}-{place:05d}")
        else:
            if key is not None:
                _unbury(desk, key)
    taken = late = 0
    repeated = work.repeated
    for entity_id, observed in work.observed.items():
        types = [work.types[entity_id]] if entity_id in work.types else []
        done = observe(desk, entity_id, types, observed)
        taken, late, repeated = taken + done.new, late + done.late, repeated + done.known
    for source, seen in work.seen.items():
        if seen.changed:
            desk.put_note(SEQUENCES, source, write_seen(seen))
    return Receipt(taken, late, repeated, len(work.dead), tuple(work.dead[:100]))


@functools.lru_cache(maxsize=10_000)
def iri(name: str) -> str:
    """A name as IRI: of the default context, unless it is one already."""
    return name if ":" in name else DEFAULT_TERMS + name


@functools.lru_cache(maxsize=10_000)
def unit_code(attribute: str, unit: str) -> str:
    """UN/CEFACT code of an attribute's unit; the unit itself where nobody gave it a code."""
    quantity = quantities().get(attribute)
    if quantity is not None:
        return UNIT_CODES.get(quantity.unit, "")
    return UNIT_CODES.get(unit, unit)
