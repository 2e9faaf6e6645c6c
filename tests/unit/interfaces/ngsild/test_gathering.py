"""Requests that wait read together, each what it asked for and nothing older than its question."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from lingjing.interfaces.ngsild.gathering import Gathering
from lingjing.twin.ledger import Branch, Found, Record, Selection
from lingjing.vocabulary import LingjingError

TRUNK = Branch(1, "", "main", None, 0, 0)
OTHER = Branch(2, "", "what-if", 1, 5, 0)


class FakeLedger:
    """Holds entities by id, and notes what it is asked."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.asked: list[tuple[int, list[str]]] = []
        self.found = 0
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def records(self, branch: Branch, ids: Sequence[str]) -> dict[str, Record]:
        """As `Ledger.records`."""
        self.asked.append((branch.key, list(ids)))
        if branch == OTHER:
            raise LingjingError("twin.no-branch", name=branch.name, known="main")
        if "\x00" in "".join(ids):
            raise ValueError("no database takes this")
        seen = {one: Record(one, self.held[one], {}) for one in ids if one in self.held}
        self.begun.set()
        self.gate.wait(10)
        return seen

    def find(self, branch: Branch, selection: Selection) -> Found:
        """As `Ledger.find`."""
        del branch, selection
        self.found += 1
        seen = [Record(one, revision, {}) for one, revision in sorted(self.held.items())]
        self.begun.set()
        self.gate.wait(10)
        return Found(seen, None)


async def in_thread(call: Callable[[], Any]) -> Any:
    """Run in a thread."""
    return await asyncio.to_thread(call)


def gathering(ledger: FakeLedger) -> Gathering:
    """Over the fake."""
    return Gathering(ledger, in_thread)  # type: ignore[arg-type]


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run to the end, not for ever."""

    async def bounded() -> Any:
        return await asyncio.wait_for(work(), 20)

    return asyncio.run(bounded())


def test_requests_of_one_turn_are_read_for_by_one_statement() -> None:
    ledger = FakeLedger()
    ledger.held = {f"urn:{number}": number for number in range(50)}

    async def work() -> list[dict[str, Record]]:
        both = gathering(ledger)
        return await asyncio.gather(*(both.records(TRUNK, [f"urn:{n}"]) for n in range(60)))

    found = run(work)
    assert [list(one) for one in found[:50]] == [[f"urn:{n}"] for n in range(50)]
    assert found[50:] == [{}] * 10
    assert len(ledger.asked) == 1


def test_a_request_never_joins_a_statement_that_has_begun() -> None:
    ledger = FakeLedger()
    ledger.held = {"urn:a": 1}

    async def work() -> tuple[dict[str, Record], dict[str, Record]]:
        both = gathering(ledger)
        ledger.gate.clear()
        early = asyncio.ensure_future(both.records(TRUNK, ["urn:a"]))
        assert await asyncio.to_thread(ledger.begun.wait, 10)
        ledger.held["urn:a"] = 2  # acknowledged before the second request
        late = asyncio.ensure_future(both.records(TRUNK, ["urn:a"]))
        await asyncio.sleep(0.01)
        ledger.gate.set()
        return await early, await late

    early, late = run(work)
    assert early["urn:a"].revision == 1
    assert late["urn:a"].revision == 2


def test_equal_queries_that_wait_are_answered_together_but_not_with_one_that_has_begun() -> None:
    ledger = FakeLedger()
    ledger.held = {"urn:a": 1}
    page = Selection(types=(("A",),), limit=20)

    async def work() -> tuple[list[Found], Found]:
        both = gathering(ledger)
        ledger.gate.clear()
        early = [asyncio.ensure_future(both.find(TRUNK, page)) for _ in range(5)]
        assert await asyncio.to_thread(ledger.begun.wait, 10)
        ledger.held["urn:b"] = 2
        late = asyncio.ensure_future(both.find(TRUNK, page))
        await asyncio.sleep(0.01)
        ledger.gate.set()
        return await asyncio.gather(*early), await late

    early, late = run(work)
    assert [len(one.records) for one in early] == [1] * 5
    assert len(late.records) == 2
    assert ledger.found == 2


def test_queries_that_differ_or_test_documents_are_asked_each_by_itself() -> None:
    ledger = FakeLedger()

    async def work() -> None:
        both = gathering(ledger)
        await asyncio.gather(
            both.find(TRUNK, Selection(types=(("A",),))),
            both.find(TRUNK, Selection(types=(("B",),))),
            both.find(TRUNK, Selection(types=(("A",),), accept=lambda _: True)),
            both.find(TRUNK, Selection(types=(("A",),), accept=lambda _: False)),
        )

    run(work)
    assert ledger.found == 4


def test_an_id_that_no_database_takes_fails_its_own_request_alone() -> None:
    ledger = FakeLedger()
    ledger.held = {"urn:a": 1}

    async def work() -> list[Any]:
        both = gathering(ledger)
        asked = [both.records(TRUNK, [one]) for one in ("urn:a", "urn:\x00", "urn:a")]
        return await asyncio.gather(*asked, return_exceptions=True)

    good, bad, again = run(work)
    assert list(good) == list(again) == ["urn:a"]
    assert isinstance(bad, ValueError)


def test_a_branch_that_is_gone_fails_those_who_asked_about_it() -> None:
    ledger = FakeLedger()
    ledger.held = {"urn:a": 1}

    async def work() -> list[Any]:
        both = gathering(ledger)
        asked = [both.records(branch, ["urn:a"]) for branch in (OTHER, TRUNK)]
        return await asyncio.gather(*asked, return_exceptions=True)

    bad, good = run(work)
    assert isinstance(bad, LingjingError)
    assert bad.code == "twin.no-branch"
    assert list(good) == ["urn:a"]


def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    ledger = FakeLedger()
    ledger.held = {"urn:a": 1}
    page = Selection(limit=5)

    async def work() -> tuple[Found, dict[str, Record]]:
        both = gathering(ledger)
        ledger.gate.clear()
        leaving = [
            asyncio.ensure_future(both.find(TRUNK, page)),
            asyncio.ensure_future(both.records(TRUNK, ["urn:a"])),
        ]
        staying = asyncio.ensure_future(both.find(TRUNK, page))
        reading = asyncio.ensure_future(both.records(TRUNK, ["urn:a"]))
        await asyncio.sleep(0.01)
        for one in leaving:
            one.cancel()
        ledger.gate.set()
        return await staying, await reading

    found, read = run(work)
    assert [one.id for one in found.records] == ["urn:a"]
    assert list(read) == ["urn:a"]


@pytest.mark.parametrize("wanted", [1, 2_500])
def test_many_ids_are_read_in_statements_of_a_bounded_length(wanted: int) -> None:
    ledger = FakeLedger()
    ledger.held = {f"urn:{number}": number for number in range(5_000)}

    async def work() -> list[dict[str, Record]]:
        both = gathering(ledger)
        return await asyncio.gather(
            *(
                both.records(TRUNK, [f"urn:{first + n}" for n in range(wanted)])
                for first in range(2_000)
            )
        )

    found = run(work)
    assert all(len(one) == wanted for one in found)
    assert max(len(ids) for _, ids in ledger.asked) <= max(1_000, wanted)
