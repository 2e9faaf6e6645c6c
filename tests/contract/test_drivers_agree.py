"""Whatever is done to a twin, both drivers tell the same of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ledgers import HOUR, START_US, all_changes, changed, do, entity, iri, observed, urn
from private_postgres import PrivatePostgres

from lingjing.twin.ledger import Branch, Change, Desk, Ledger, Selection, Span
from lingjing.twin.postgres_ledger import PostgresLedger
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

NAMES = ("a", "b", "c")
ATTRIBUTES = ("flow", "heat")
BRANCHES = ("main", "one", "two")

names = st.sampled_from(NAMES)
attributes = st.sampled_from(ATTRIBUTES)
branches = st.sampled_from(BRANCHES)
values = st.integers(0, 5) | st.just("word") | st.just(1.5)
hours = st.none() | st.integers(0, 6)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), branches, names, attributes, values, hours),
        st.tuples(st.just("untold"), branches, names, attributes, values),
        st.tuples(st.just("retype"), branches, names, st.sampled_from(["Riser", "Tank"])),
        st.tuples(st.just("remove"), branches, names, attributes),
        st.tuples(st.just("delete"), branches, names, st.booleans()),
        st.tuples(st.just("late"), branches, names, attributes, values, st.integers(0, 6)),
        st.tuples(st.just("erase"), branches, names, st.none() | attributes),
        st.tuples(st.just("branch"), branches, st.sampled_from(BRANCHES[1:])),
        st.tuples(st.just("drop"), st.sampled_from(BRANCHES[1:])),
        st.tuples(st.just("fail"), branches, names),
    ),
    min_size=3,
    max_size=25,
)


BEGINNING: tuple[tuple[Any, ...], ...] = (
    ("put", "main", "a", "flow", 1, 0),
    ("put", "main", "a", "flow", 2, 1),
    ("put", "main", "b", "heat", 2, None),
    ("branch", "main", "one"),
)
"""So that there is something to branch off and to change."""


def apply(ledger: Ledger, operation: tuple[Any, ...]) -> Any:
    """Do one thing; what came of it, in words that do not depend on the driver."""
    kind, *parts = operation
    try:
        if kind == "branch":
            return ledger.create_branch(ledger.branch("", parts[0]), parts[1]).name
        if kind == "drop":
            return ledger.drop_branch(ledger.branch("", parts[0]))
        branch = ledger.branch("", parts[0])
        return do(ledger, branch, lambda desk: work(desk, kind, *parts[1:]), urn(parts[1]))
    except LingjingError as error:
        return error.code
    except ZeroDivisionError:
        return "failed"


def work(desk: Desk, kind: str, name: str, *more: Any) -> Any:
    """The job of an operation on one entity."""
    document = desk.document(urn(name))
    known = (document is not None, desk.has_history(urn(name)))
    match kind:
        case "put":
            attribute, value, hour = more
            at = None if hour is None else START_US + hour * HOUR
            made = {"type": "Property", "value": value} if at is None else observed(value, at)
            if document is None:
                first = entity(name, **{attribute: made})
                desk.put(first, all_changes(first))
            else:
                desk.put(*changed(document, desk.now, **{attribute: made}))
        case "untold":
            desk.put(entity(name, **{more[0]: more[1]}), [])
        case "retype" if document is not None:
            desk.put({**document, "type": [iri(more[0])]}, [Change("update")])
        case "remove" if document is not None and iri(more[0]) in document["attributes"]:
            desk.put(*changed(document, desk.now, **{more[0]: None}))
        case "delete":
            desk.delete(urn(name), forget_history=more[0])
        case "late":
            attribute, value, hour = more
            instance = observed(value, START_US + hour * HOUR)
            change = Change("create", iri(attribute), "", instance, current=False)
            desk.record_history(urn(name), [iri("Riser")], [change])
        case "erase":
            attribute = None if more[0] is None else iri(more[0])
            return known, desk.erase_history(urn(name), attribute)
        case "fail":
            desk.put(entity(name, flow=99), all_changes(entity(name, flow=99)))
            desk.delete(urn(name))
            return 1 // 0
    return known


def told(ledger: Ledger) -> dict[str, Any]:
    """All that a ledger tells, but for times and numbers."""
    found: dict[str, Any] = {}
    for branch in ledger.branches(""):
        records = ledger.find(branch, Selection()).records
        found[f"{branch.name} now"] = [bare(record.document) for record in records]
        found[f"{branch.name} types"] = ledger.types(branch)
        found[f"{branch.name} uses"] = ledger.attribute_uses(branch)
        found[f"{branch.name} tanks"] = ids(ledger, branch, types=((iri("Tank"),),))
        found[f"{branch.name} hot"] = ids(ledger, branch, attributes=(iri("heat"),))
        if branch.parent is not None:
            found[f"{branch.name} changed"] = ledger.changed_ids(branch)
            base = ledger.base_records(branch, [urn(name) for name in NAMES])
            found[f"{branch.name} base"] = {key: bare(base[key].document) for key in sorted(base)}
        for span in (Span(), Span(time="modifiedAt"), Span(last=2), Span(time="deletedAt")):
            for name in NAMES:
                found[f"{branch.name} {name} {span}"] = [
                    (row.attribute, row.dataset, row.operation, row.observed_us, row.instance)
                    for row in ledger.history(branch, urn(name), span)
                ]
            found[f"{branch.name} {span} ids"] = ledger.history_ids(branch, Selection(), span)
        for name in NAMES:
            sums = ledger.aggregate(
                branch, urn(name), iri("flow"), Span(), ("sum", "totalCount"), 2 * HOUR
            )
            found[f"{branch.name} {name} sums"] = (
                sums.start_us.tolist(), {key: item.tolist() for key, item in sums.values.items()},
            )  # fmt: skip
    return found


def ids(ledger: Ledger, branch: Branch, **selection: Any) -> list[str]:
    return [record.id for record in ledger.find(branch, Selection(**selection)).records]


def bare(document: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in document.items() if key not in ("modifiedAt", "createdAt")}


def then(ledger: Ledger, moments: list[int]) -> list[Any]:
    """What was at each instant, in each branch that there is now."""
    found = []
    for at_us in moments:
        for branch in ledger.branches(""):
            records = ledger.find(branch, Selection(), at_us).records
            found.append((branch.name, [bare(record.document) for record in records]))
    return found


def forgets(operation: tuple[Any, ...]) -> bool:
    """Whether history is taken away; how much of the past can be seen afterwards is left open."""
    return operation[0] == "erase" or (operation[0] == "delete" and operation[-1] is True)


FORGOTTEN_THEN_HEARD_OF: list[tuple[Any, ...]] = [
    ("delete", "main", "b", True),
    ("late", "main", "b", "flow", 0, 0),
]
"""A branch goes on seeing what its parent forgot, also when the parent hears of it again."""


@example(done=FORGOTTEN_THEN_HEARD_OF)
@settings(
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations)
def test_both_drivers_tell_the_same(postgres: PrivatePostgres, done: list[tuple[Any, ...]]) -> None:
    moments: tuple[list[int], list[int]] = ([], [])
    with (
        postgres.schema() as url,
        PostgresLedger(url) as one,
        tempfile.TemporaryDirectory() as folder,
        SqliteLedger(Path(folder) / "twin.sqlite", durable=False) as other,
    ):
        ledgers = (one, other)
        for operation in (*BEGINNING, *done):
            outcomes = [apply(ledger, operation) for ledger in ledgers]
            assert outcomes[0] == outcomes[1], (operation, done)
            for ledger, times in zip(ledgers, moments, strict=True):
                times.append(do(ledger, ledger.branch(""), lambda desk: desk.now_us))
        found, expected = told(one), told(other)
        for name, item in expected.items():
            assert found[name] == item, (name, done)
        if not any(forgets(operation) for operation in done):
            assert then(one, moments[0]) == then(other, moments[1]), done
        assert one.check() == other.check() == []
