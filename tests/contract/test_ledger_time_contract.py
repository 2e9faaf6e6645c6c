"""What every ledger promises of looking back, and of sealed history."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    DAY,
    HOUR,
    METHODS,
    START_US,
    create,
    delete,
    do,
    entity,
    iri,
    moment_values,
    note_late,
    observed,
    read,
    update,
    urn,
    value,
    with_long_history,
)  # fmt: skip

from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import Branch, Change, Desk, Ledger, Selection, Span

Opener = Callable[[], Ledger]
FLOW = iri("flow")


@pytest.fixture
def trunk(ledger: Ledger) -> Branch:
    return ledger.branch("")


def span(*attributes: str, **parts: Any) -> Span:
    return Span(attributes=attributes or (FLOW,), **parts)


def flows(ledger: Ledger, branch: Branch, name: object = 1, **parts: Any) -> list[Any]:
    return moment_values(ledger.history(branch, urn(name), span(**parts)))


# Time travel


def instants(ledger: Ledger, trunk: Branch, *steps: Callable[[], None]) -> list[int]:
    """Do the steps; the ledger's time after each."""
    times = []
    for step in steps:
        step()
        times.append(do(ledger, trunk, lambda desk: desk.now_us))
        time.sleep(0.002)
    return times


def test_any_past_state_can_be_read(ledger: Ledger, trunk: Branch) -> None:
    moments = instants(
        ledger,
        trunk,
        lambda: create(ledger, trunk, entity(1, flow=1, heat=1, at=(121.5, 31.3))),
        lambda: update(ledger, trunk, 1, flow=2),
        lambda: update(ledger, trunk, 1, heat=None, speed=3),
        lambda: note_late(ledger, trunk, 1, "flow", observed(77, START_US)),
        lambda: delete(ledger, trunk, 1),
        lambda: create(ledger, trunk, entity(1, heat=9)),
    )
    seen = []
    for at in moments:
        found = read(ledger, trunk, 1, at)
        if found is not None:
            found.pop("location", None)
        seen.append(found)
    third = {"flow": 2, "speed": 3}
    assert seen == [{"flow": 1, "heat": 1}, {"flow": 2, "heat": 1}, third, third, None, {"heat": 9}]
    assert read(ledger, trunk, 1, moments[0] - DAY) is None


def test_past_documents_are_exact(ledger: Ledger, trunk: Branch) -> None:
    document = entity(1, flow=observed(1, START_US), types=("Riser", "Pipe"), text="一")
    document["scope"] = ["/a"]
    document["attributes"][FLOW]["urn:x:2"] = value(5, datasetId="urn:x:2")
    create(ledger, trunk, document)
    before = ledger.records(trunk, [urn(1)])
    time.sleep(0.002)
    then = do(ledger, trunk, lambda desk: desk.now_us)
    time.sleep(0.002)

    def retype(desk: Desk) -> None:
        seen = desk.document(urn(1))
        assert seen is not None
        content = {**seen["attributes"], FLOW: {"": seen["attributes"][FLOW][""]}}
        after = {**seen, "type": [iri("Tank")], "scope": ["/b"], "modifiedAt": desk.now,
                 "attributes": content}  # fmt: skip
        desk.put(after, [Change("update"), Change("delete", FLOW, "urn:x:2")])

    do(ledger, trunk, retype, urn(1))
    assert ledger.records(trunk, [urn(1)], then) == before
    assert ledger.find(trunk, Selection(types=((iri("Pipe"),),)), then).records == [before[urn(1)]]
    assert ledger.find(trunk, Selection(types=((iri("Pipe"),),))).records == []
    assert ledger.find(trunk, Selection(types=((iri("Tank"),),)), then).records == []


def test_a_change_that_was_not_told_is_travelled_all_the_same(
    ledger: Ledger, trunk: Branch
) -> None:
    moments = instants(
        ledger,
        trunk,
        lambda: do(ledger, trunk, lambda desk: desk.put(entity(1, flow=1, heat=2), [])),
        lambda: do(ledger, trunk, lambda desk: desk.put(entity(1, heat=3), [])),
        lambda: update(ledger, trunk, 1, heat=4),
    )
    assert [read(ledger, trunk, 1, at) for at in moments] == [
        {"flow": 1, "heat": 2},
        {"heat": 3},
        {"heat": 4},
    ]


def test_finding_in_the_past(ledger: Ledger, trunk: Branch) -> None:
    moments = instants(
        ledger,
        trunk,
        lambda: create(ledger, trunk, entity("a", flow=1, at=(1.0, 1.0)), entity("b", flow=1)),
        lambda: delete(ledger, trunk, "a"),
        lambda: create(ledger, trunk, entity("c", types=("Tank",))),
    )

    def ids(at: int | None, **selection: Any) -> list[str]:
        found = ledger.find(trunk, Selection(**selection), at).records
        return [record.id.rsplit(":", 1)[1] for record in found]

    assert [ids(at) for at in moments] == [["a", "b"], ["b"], ["b", "c"]]
    assert ids(moments[0] - DAY) == []
    assert ids(moments[0], types=((iri("Riser"),),), limit=1) == ["a"]
    assert ids(moments[0], bounds=(0.5, 0.5, 1.5, 1.5)) == ["a"]
    assert ids(moments[1], bounds=(0.5, 0.5, 1.5, 1.5)) == []
    assert ids(moments[1], attributes=(FLOW,)) == ["b"]
    assert ids(None) == ["b", "c"]


def test_time_travel_in_a_branch_goes_back_beyond_its_beginning(
    ledger: Ledger, trunk: Branch
) -> None:
    made: list[Branch] = []
    moments = instants(
        ledger,
        trunk,
        lambda: create(ledger, trunk, entity(1, flow=1)),
        lambda: update(ledger, trunk, 1, flow=2),
        lambda: made.append(ledger.create_branch(trunk, "b")),
        lambda: update(ledger, trunk, 1, flow=3),
        lambda: update(ledger, made[0], 1, flow=4),
        lambda: delete(ledger, made[0], 1),
    )
    branch = made[0]
    assert [read(ledger, branch, 1, at) for at in moments] == [
        {"flow": 1},
        {"flow": 2},
        {"flow": 2},
        {"flow": 2},
        {"flow": 4},
        None,
    ]
    assert [read(ledger, trunk, 1, at) for at in moments[3:]] == [{"flow": 3}] * 3


# Sealing


def test_sealed_history_reads_the_same(open_ledger: Opener, tmp_path: Path) -> None:
    ledger = open_ledger()
    trunk = ledger.branch("")
    times, _ = with_long_history(ledger, trunk, 6_000)
    note_late(
        ledger, trunk, 1, "flow",
        observed("odd", START_US + 1, unitCode="CEL"), value(7, observedAt=instant_text(START_US)),
    )  # fmt: skip
    create(ledger, trunk, entity(2, flow=observed(5, START_US)))
    middle = int(times[4_000])
    window = span(from_us=int(times[3_900]), to_us=int(times[4_100]))

    def everything() -> list[Any]:
        whole = ledger.aggregate(trunk, urn(1), FLOW, span(), METHODS, 6 * HOUR)
        return [
            ledger.history(trunk, urn(1), window),
            ledger.history(trunk, urn(1), span()),
            ledger.history(trunk, urn(2), span()),
            ledger.history(trunk, urn(1), span(last=3, to_us=middle)),
            whole.start_us.tolist(),
            {method: column.round(9).tolist() for method, column in whole.values.items()},
            ledger.history_ids(trunk, Selection(), span(to_us=START_US + HOUR)),
        ]

    before = everything()
    ledger.seal(middle, tmp_path / "sealed")
    files = list((tmp_path / "sealed").rglob("*.parquet"))
    assert files
    assert ledger.size()["sealed"] >= 3_000
    assert everything() == before
    ledger.close()
    ledger = open_ledger()
    assert everything() == before
    # What comes late for a sealed time stands in its place.
    note_late(ledger, trunk, 1, "flow", observed(-1, int(times[10]) + 1))
    assert flows(ledger, trunk, from_us=int(times[10]), to_us=int(times[10]) + 2)[1] == -1
    assert ledger.check() == []


def test_what_was_changed_or_deleted_since_an_instant_is_known_the_latest_first(
    ledger: Ledger,
) -> None:
    trunk = ledger.branch("")
    for name in (1, 2, 3, 4):
        create(ledger, trunk, entity(name, flow=name))
    since_us = max(
        row.recorded_us
        for name in (1, 2, 3, 4)
        for row in ledger.history(trunk, urn(name), Span(time="modifiedAt"))
    )
    assert ledger.changed_since(trunk, since_us, 10) == []
    update(ledger, trunk, 2, flow=9)
    delete(ledger, trunk, 3)
    update(ledger, trunk, 1, flow=8)
    assert ledger.changed_since(trunk, since_us, 10) == [urn(1), urn(3), urn(2)]
    assert ledger.changed_since(trunk, since_us, 2) == [urn(1), urn(3)]
    assert ledger.changed_since(trunk, 0, 10)[-1] == urn(4)
    branch = ledger.create_branch(trunk, "what-if")
    assert ledger.changed_since(branch, 0, 10) == []
    delete(ledger, branch, 4)
    assert ledger.changed_since(branch, since_us, 10) == [urn(4)]
    assert urn(4) not in ledger.changed_since(trunk, since_us, 10)
