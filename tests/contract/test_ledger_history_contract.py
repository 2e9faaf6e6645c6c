"""What every ledger promises of the past: history and sums over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ledgers import (
    DAY,
    HOUR,
    METHODS,
    SECOND,
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
    with_long_history,
)  # fmt: skip

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


def test_every_change_is_kept_in_order_of_its_observation(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US), heat=7))
    update(ledger, trunk, 1, flow=observed(3, START_US + 2 * HOUR))
    note_late(ledger, trunk, 1, "flow", observed(2, START_US + HOUR))
    update(ledger, trunk, 1, flow=observed("broken", START_US + 3 * HOUR, unitCode="G51"))
    assert flows(ledger, trunk) == [1, 2, 3, "broken"]
    assert flows(ledger, trunk, time="modifiedAt") == [1, 3, 2, "broken"]
    assert read(ledger, trunk, 1) == {"flow": "broken", "heat": 7}
    rows = ledger.history(trunk, urn(1), span())
    assert [row.observed_us for row in rows] == [START_US + hour * HOUR for hour in range(4)]
    assert all(row.recorded_us > START_US for row in rows)
    assert rows[1].instance == observed(2, START_US + HOUR)
    assert rows[3].instance == observed("broken", START_US + 3 * HOUR, unitCode="G51")
    assert [row.operation for row in rows] == ["create", "create", "update", "update"]


def test_numbers_keep_their_kind_in_history(ledger: Ledger, trunk: Branch) -> None:
    given = [1, 1.5, 2.0, -0.0, 2**53 + 1, 1e300, True, None, [1], {"a": 1}]
    create(ledger, trunk, entity(1))
    for place, content in enumerate(given):
        note_late(ledger, trunk, 1, "flow", observed(content, START_US + place * SECOND))
    got = flows(ledger, trunk)
    assert got == given
    assert [type(item) for item in got] == [type(item) for item in given]
    assert str(got[3]) == "-0.0"


def test_windows_are_half_open(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1))
    late = [observed(number, START_US + number * HOUR) for number in range(10)]
    note_late(ledger, trunk, 1, "flow", *late)
    first, last = START_US + 2 * HOUR, START_US + 5 * HOUR
    assert flows(ledger, trunk, from_us=first, to_us=last) == [2, 3, 4]
    assert flows(ledger, trunk, from_us=first + 1, to_us=last + 1) == [3, 4, 5]
    assert flows(ledger, trunk, to_us=START_US) == []
    assert flows(ledger, trunk, from_us=START_US + 8 * HOUR) == [8, 9]
    assert flows(ledger, trunk, last=3) == [7, 8, 9]
    assert flows(ledger, trunk, to_us=last, last=2) == [3, 4]
    assert flows(ledger, trunk, last=0) == []


def test_the_past_can_be_asked_for_by_the_time_of_creation_and_of_deletion(
    ledger: Ledger, trunk: Branch
) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US)))
    for number in (2, 3, 4):
        update(ledger, trunk, 1, flow=observed(number, START_US + number * HOUR))
    by_creation = ledger.history(trunk, urn(1), span(time="createdAt"))
    assert moment_values(by_creation) == [1, 2, 3, 4]
    assert flows(ledger, trunk, time="createdAt", last=2) == [3, 4]
    assert flows(ledger, trunk, time="createdAt", first=1)[:1] == [1]
    made_us = by_creation[0].recorded_us
    assert flows(ledger, trunk, time="createdAt", from_us=made_us + 1) == [2, 3, 4]
    assert flows(ledger, trunk, time="createdAt", to_us=made_us + 1) == [1]
    delete(ledger, trunk, 1)
    gone = ledger.history(trunk, urn(1), Span(time="deletedAt"))
    assert [row.operation for row in gone] == ["delete"]
    assert flows(ledger, trunk, time="createdAt", last=1) == [4]


@pytest.mark.parametrize("time", ["createdAt", "modifiedAt", "observedAt"])
def test_long_histories_give_their_ends_by_every_time(
    ledger: Ledger, trunk: Branch, time: str
) -> None:
    count = 9_000
    with_long_history(ledger, trunk, count)
    whole = flows(ledger, trunk, time=time)
    assert len(whole) == count
    assert flows(ledger, trunk, time=time, last=3) == whole[-3:]
    assert flows(ledger, trunk, time=time, first=3)[:3] == whole[:3]


def test_the_last_are_counted_by_attribute_over_all_datasets(ledger: Ledger, trunk: Branch) -> None:
    document = entity(1)
    create(ledger, trunk, document)
    changes = [
        Change("create", attribute, dataset, observed(number, START_US + number * HOUR), False)
        for number, (attribute, dataset) in enumerate(
            [(FLOW, ""), (FLOW, "urn:x:2"), (FLOW, ""), (FLOW, "urn:x:2"), (iri("heat"), "")]
        )
    ]
    do(ledger, trunk, lambda desk: desk.record_history(urn(1), [iri("Riser")], changes))
    rows = ledger.history(trunk, urn(1), Span(last=2))
    assert sorted(moment_values(row for row in rows if row.attribute == FLOW)) == [2, 3]
    assert [(row.attribute, row.dataset) for row in rows if row.attribute] == [
        (FLOW, ""),
        (FLOW, "urn:x:2"),
        (iri("heat"), ""),
    ]
    only = ledger.history(trunk, urn(1), span(dataset="urn:x:2"))
    assert moment_values(only) == [1, 3]
    assert flows(ledger, trunk, dataset="") == [0, 2]
    assert flows(ledger, trunk, dataset="urn:x:3") == []


def test_what_has_no_observation_time_is_found_by_the_time_it_was_taken(
    ledger: Ledger, trunk: Branch
) -> None:
    create(ledger, trunk, entity(1, flow=1))
    update(ledger, trunk, 1, flow=2)
    update(ledger, trunk, 1, flow=None)
    assert flows(ledger, trunk) == []
    assert flows(ledger, trunk, time="modifiedAt")[:2] == [1, 2]
    gone = ledger.history(trunk, urn(1), span(time="deletedAt"))
    assert [(row.operation, row.instance) for row in gone] == [("delete", None)]
    taken = ledger.history(trunk, urn(1), span(time="modifiedAt"))[1].recorded_us
    assert flows(ledger, trunk, time="modifiedAt", from_us=taken, to_us=taken + 1) == [2]


def test_the_entity_itself_has_a_history(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=1))
    delete(ledger, trunk, 1)
    rows = ledger.history(trunk, urn(1), Span(time="modifiedAt"))
    whole = [row for row in rows if row.attribute is None]
    assert [row.operation for row in whole][:1] == ["create"]
    gone = ledger.history(trunk, urn(1), Span(time="deletedAt"))
    assert [row.operation for row in gone if row.attribute is None] == ["delete"]
    assert all(row.instance is None for row in whole)
    assert ledger.known_to_history(trunk, urn(1)) == (iri("Riser"),)
    assert ledger.known_to_history(trunk, urn(2)) is None


def test_an_entity_may_be_known_to_history_alone(ledger: Ledger, trunk: Branch) -> None:
    note_late(ledger, trunk, 1, "flow", observed(1, START_US))
    assert read(ledger, trunk, 1) is None
    assert ledger.find(trunk, Selection()).records == []
    assert ledger.types(trunk) == {}
    assert ledger.known_to_history(trunk, urn(1)) == (iri("Riser"),)
    assert flows(ledger, trunk) == [1]
    assert ledger.history_ids(trunk, Selection(types=((iri("Riser"),),)), span()) == [urn(1)]
    create(ledger, trunk, entity(1, flow=observed(2, START_US + HOUR)))
    assert flows(ledger, trunk) == [1, 2]


def test_entities_are_found_by_what_their_history_holds(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity("a"), entity("b", types=("Tank",)), entity("c"), entity("d"))
    note_late(ledger, trunk, "c", "flow", observed(1, START_US))
    note_late(ledger, trunk, "a", "flow", observed(1, START_US + HOUR))
    note_late(ledger, trunk, "d", "heat", observed(1, START_US))
    delete(ledger, trunk, "c")

    def ids(window: Span, **selection: Any) -> list[str]:
        found = ledger.history_ids(trunk, Selection(**selection), window)
        return [item.rsplit(":", 1)[1] for item in found]

    assert ids(span()) == ["a", "c"]
    assert ids(Span()) == ["a", "c", "d"]
    assert ids(span(to_us=START_US + 1)) == ["c"]
    assert ids(span(), types=((iri("Tank"),),)) == []
    assert ids(Span(time="modifiedAt"), types=((iri("Tank"),),)) == ["b"]
    assert ids(span(), ids=(urn("a"), urn("zz"))) == ["a"]
    assert ids(span(), id_pattern="[cd]$") == ["c"]
    assert ids(span(), limit=1) == ["a"]
    assert ids(span(), offset=1, limit=1) == ["c"]
    assert ids(span(), after=urn("a")) == ["c"]


def test_repeats_are_recognised(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US)))
    note_late(ledger, trunk, 1, "flow", observed(2, START_US - HOUR))

    def run(desk: Desk) -> list[Any]:
        desk.record_history(
            urn(1), [iri("Riser")], [Change("create", FLOW, "", observed(3, START_US - DAY), False)]
        )
        return [
            [item["value"] for item in desk.observed_already(urn(1), FLOW, "", at)]
            for at in (START_US, START_US - HOUR, START_US - DAY, START_US + 1)
        ]

    assert do(ledger, trunk, run, urn(1)) == [[1], [2], [3], []]


def test_history_can_be_amended_and_erased_by_row(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US)))
    note_late(ledger, trunk, 1, "flow", *(observed(n, START_US + n * HOUR) for n in (2, 3, 4)))
    rows = ledger.history(trunk, urn(1), span())
    number = rows[1].sequence
    better = observed(2.5, START_US + 2 * HOUR)
    assert do(ledger, trunk, lambda desk: desk.amend_history(urn(1), number, better))
    assert not do(ledger, trunk, lambda desk: desk.amend_history(urn(1), 10**12, better))
    assert not do(ledger, trunk, lambda desk: desk.amend_history(urn(2), number, better))
    assert flows(ledger, trunk) == [1, 2.5, 3, 4]
    third = rows[2].sequence
    assert do(ledger, trunk, lambda desk: desk.erase_history(urn(1), FLOW, None, third)) == 1
    assert do(ledger, trunk, lambda desk: desk.erase_history(urn(1), FLOW, None, third)) == 0
    assert flows(ledger, trunk) == [1, 2.5, 4]
    again = ledger.history(trunk, urn(1), span())
    assert [row.sequence for row in again] == [rows[0].sequence, number, rows[3].sequence]


def test_history_can_be_erased_by_attribute_dataset_or_whole(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US), heat=observed(1, START_US)))
    create(ledger, trunk, entity(2, flow=observed(1, START_US)))
    change = Change("create", FLOW, "urn:x:2", observed(2, START_US), False)
    do(ledger, trunk, lambda desk: desk.record_history(urn(1), [iri("Riser")], [change]))
    assert do(ledger, trunk, lambda desk: desk.erase_history(urn(1), FLOW, "urn:x:2")) == 1
    assert flows(ledger, trunk) == [1]
    assert do(ledger, trunk, lambda desk: desk.erase_history(urn(1), FLOW)) == 1
    assert flows(ledger, trunk) == []
    assert flows(ledger, trunk, name=2) == [1]
    assert do(ledger, trunk, lambda desk: desk.erase_history(urn(1))) >= 1
    assert ledger.history(trunk, urn(1), Span(time="modifiedAt")) == []
    assert read(ledger, trunk, 1) == {"flow": 1, "heat": 1}
    assert read(ledger, trunk, 2) == {"flow": 1}


def test_an_entity_can_go_with_its_history(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US)))
    delete(ledger, trunk, 1, forget=True)
    assert read(ledger, trunk, 1) is None
    assert ledger.history(trunk, urn(1), Span(time="modifiedAt")) == []
    assert flows(ledger, trunk) == []
    assert ledger.known_to_history(trunk, urn(1)) is None
    assert ledger.history_ids(trunk, Selection(), Span(time="modifiedAt")) == []


def test_a_branch_sees_the_past_it_came_from_and_its_own(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1, flow=observed(1, START_US)))
    branch = ledger.create_branch(trunk, "b")
    update(ledger, trunk, 1, flow=observed(2, START_US + HOUR))
    update(ledger, branch, 1, flow=observed(3, START_US + 2 * HOUR))
    assert flows(ledger, branch) == [1, 3]
    assert flows(ledger, trunk) == [1, 2]
    assert ledger.history_ids(branch, Selection(), span()) == [urn(1)]
    # What the branch erases stays for its parent.
    do(ledger, branch, lambda desk: desk.erase_history(urn(1), FLOW))
    assert flows(ledger, trunk) == [1, 2]
    ledger.drop_branch(branch)
    assert flows(ledger, trunk) == [1, 2]


# Aggregation


def reference(times: Any, numbers: Any, start: int, period: int) -> dict[int, Any]:
    """Values by start of period, sorted apart the plain way."""
    groups: dict[int, list[float]] = {}
    for at, number in zip(times.tolist(), numbers.tolist(), strict=True):
        groups.setdefault(start + (at - start) // period * period, []).append(number)
    return {at: np.array(group) for at, group in sorted(groups.items())}


@pytest.mark.parametrize("count", [200, 6_000])
def test_aggregates_are_those_of_the_values(ledger: Ledger, trunk: Branch, count: int) -> None:
    times, numbers = with_long_history(ledger, trunk, count)
    for parts in ({}, {"from_us": START_US + 2 * HOUR, "to_us": int(times[-1]) - HOUR}):
        low = parts.get("from_us", 0)
        inside = (times >= low) & (times < parts.get("to_us", 2**62))
        start = low or int(times[0])
        expected = reference(times[inside], numbers[inside], start, HOUR)
        got = ledger.aggregate(trunk, urn(1), FLOW, span(**parts), METHODS, HOUR)
        assert got.start_us.tolist() == list(expected)
        assert np.all(got.end_us - got.start_us <= HOUR)
        groups = list(expected.values())
        for method, by_hand in {
            "totalCount": len,
            "distinctCount": lambda group: len(set(group.tolist())),
            "sum": np.sum,
            "avg": np.mean,
            "min": np.min,
            "max": np.max,
            "stddev": np.std,
            "sumsq": lambda group: np.sum(group**2),
        }.items():
            np.testing.assert_allclose(
                got.values[method], [by_hand(group) for group in groups], rtol=1e-9, atol=1e-9
            )
    whole = ledger.aggregate(trunk, urn(1), FLOW, span(), ("avg", "totalCount"), None)
    assert whole.values["totalCount"].tolist() == [count]
    np.testing.assert_allclose(whole.values["avg"], [numbers.mean()])


def test_periods_may_be_counted_from_anywhere(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1))
    note_late(ledger, trunk, 1, "flow", *(observed(n, START_US + n * HOUR) for n in (0, 1, 2, 9)))
    origin = START_US - HOUR
    got = ledger.aggregate(trunk, urn(1), FLOW, span(), ("sum",), 2 * HOUR, origin)
    assert got.start_us.tolist() == [origin, origin + 2 * HOUR, origin + 10 * HOUR]
    assert got.values["sum"].tolist() == [0.0, 3.0, 9.0]


def test_what_is_no_number_is_not_averaged(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1))
    given = [1, "x", None, True, 3, [5]]
    note_late(
        ledger,
        trunk,
        1,
        "flow",
        *(observed(item, START_US + place * SECOND) for place, item in enumerate(given)),
    )
    got = ledger.aggregate(trunk, urn(1), FLOW, span(), ("avg", "totalCount"), None)
    assert got.values["avg"].tolist() == [2.0]
    assert got.values["totalCount"].tolist() == [2.0]
    nothing = ledger.aggregate(trunk, urn(1), iri("none"), span(), ("avg",), HOUR)
    assert nothing.start_us.size == 0
    assert nothing.values["avg"].size == 0
    assert ledger.aggregate(trunk, urn(9), FLOW, span(), ("avg",), None).start_us.size == 0


def test_aggregates_follow_the_branch_and_amendments(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, entity(1))
    note_late(ledger, trunk, 1, "flow", observed(1, START_US))
    branch = ledger.create_branch(trunk, "b")
    note_late(ledger, trunk, 1, "flow", observed(10, START_US + 1))
    note_late(ledger, branch, 1, "flow", observed(100, START_US + 2))

    def total(where: Branch) -> float:
        got = ledger.aggregate(where, urn(1), FLOW, span(), ("sum",), None)
        return float(got.values["sum"][0])

    assert (total(trunk), total(branch)) == (11.0, 101.0)
    number = ledger.history(trunk, urn(1), span())[1].sequence
    do(ledger, trunk, lambda desk: desk.amend_history(urn(1), number, observed(20, START_US + 1)))
    assert (total(trunk), total(branch)) == (21.0, 101.0)
