"""Laws of the living twin: whatever is done, it agrees with a few dicts and lists."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import SECOND, START_US, iri, urn

from lingjing.twin import changes, chunks, sqlite_past
from lingjing.twin.documents import LOCATION, Document, instant_text
from lingjing.twin.ledger import Branch, Change, Desk, Job, Selection, Span
from lingjing.twin.sqlite_ledger import SqliteLedger

NAMES = ("a", "b")
ATTRIBUTES = ("flow", "heat")
TYPES = ("Riser", "Tank")
Step = tuple[Any, ...]

branches = st.integers(0, 3)
names = st.sampled_from(NAMES)
attributes = st.sampled_from(ATTRIBUTES)
numbers = st.integers(-3, 3) | st.floats(-9, 9, allow_nan=False).map(lambda item: round(item, 3))
minutes = st.none() | st.integers(0, 12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), branches, names, attributes, numbers, minutes),
        st.tuples(st.just("set"), branches, names, attributes, numbers, minutes),
        st.tuples(st.just("move"), branches, names, st.integers(0, 4)),
        st.tuples(st.just("retype"), branches, names, st.sampled_from(TYPES)),
        st.tuples(st.just("unset"), branches, names, attributes),
        st.tuples(st.just("delete"), branches, names),
        st.tuples(st.just("late"), branches, names, attributes, st.integers(0, 12), numbers),
        st.tuples(st.just("untold"), branches, names, numbers),
        st.tuples(st.just("branch"), branches),
        st.tuples(st.just("drop"), branches),
        st.tuples(st.just("erase"), branches, names, attributes),
        st.tuples(st.just("amend"), branches, names, st.integers(0, 5), numbers),
        st.tuples(st.just("fail"), branches, names),
        st.tuples(st.just("reopen")),
    ),
    min_size=8,
    max_size=40,
)
PRELUDE: tuple[Step, ...] = (
    *(("set", 0, "a", "flow", number, number) for number in range(6)),
    ("set", 0, "b", "heat", 1, None),
    ("branch", 0),
)
"""Something to branch off, and a history long enough to lie in chunks."""


class Line:
    """What a branch ought to hold."""

    def __init__(self, documents: dict[str, Document], past: list[dict[str, Any]]) -> None:
        self.documents = documents
        self.past = past


def point(place: int) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [place, place]}}


class World:
    """A ledger, and beside it what it ought to say."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "twin.sqlite"
        self.ledger = SqliteLedger(self.path, durable=False)
        self.lines: dict[str, Line] = {"main": Line({}, [])}
        self.parents: dict[str, str | None] = {"main": None}
        self.seen: list[tuple[int, dict[str, dict[str, Document]]]] = []
        self.rewritten: set[str] = set()
        self.made = 0

    def close(self) -> None:
        self.ledger.close()

    def branch(self, place: int) -> Branch:
        living = list(self.lines)
        return self.ledger.branch("", living[place % len(living)])

    def do(self, branch: Branch, run: Callable[[Desk], Any], name: str) -> Any:
        return self.ledger.submit(Job(branch, (urn(name),), run)).result(30)

    def remember(self) -> None:
        """Note the time, and what every branch holds then."""
        now_us = self.do(self.ledger.branch(""), lambda desk: desk.now_us, NAMES[0])
        self.seen.append(
            (now_us, {name: dict(line.documents) for name, line in self.lines.items()})
        )

    # Steps

    def take(self, step: Step) -> None:
        getattr(self, step[0])(*step[1:])
        self.remember()

    def _change(
        self, place: int, name: str, change: Callable[[Desk, Document], tuple[Document, Any]]
    ) -> None:
        branch = self.branch(place)
        line = self.lines[branch.name]

        def run(desk: Desk) -> tuple[Document, list[Change], int]:
            document = desk.document(urn(name))
            noted: list[Change] = []
            if document is None:
                fresh = {"id": urn(name), "type": [iri("Riser")], "attributes": {}}
                document = changes.created(fresh, desk.now)
                noted += changes.creation(document)
            document, more = change(desk, document)
            noted += more
            desk.put(document, noted)
            return document, noted, desk.now_us

        document, noted, now_us = self.do(branch, run, name)
        line.documents[urn(name)] = document
        self._note(line, name, noted, now_us)

    def _note(self, line: Line, name: str, noted: list[Change], now_us: int) -> None:
        for change in noted:
            if change.attribute in (iri("flow"), iri("heat")) and change.instance is not None:
                line.past.append(
                    {
                        "id": urn(name),
                        "attribute": change.attribute,
                        "instance": change.instance,
                        "recorded_us": now_us,
                    }
                )

    def set(self, place: int, name: str, attribute: str, number: Any, minute: int | None) -> None:
        item = {"type": "Property", "value": number, "unitCode": "CEL"}
        if minute is not None:
            item["observedAt"] = instant_text(START_US + minute * SECOND)

        def change(desk: Desk, document: Document) -> tuple[Document, Any]:
            fragment = {"attributes": {iri(attribute): {"": item}}}
            outcome = changes.appended(document, fragment, desk.now)
            return outcome.document, outcome.changes

        self._change(place, name, change)

    def move(self, place: int, name: str, to: int) -> None:
        def change(desk: Desk, document: Document) -> tuple[Document, Any]:
            outcome = changes.appended(
                document, {"attributes": {LOCATION: {"": point(to)}}}, desk.now
            )
            return outcome.document, outcome.changes

        self._change(place, name, change)

    def retype(self, place: int, name: str, kind: str) -> None:
        self._change(
            place,
            name,
            lambda desk, document: (
                {**document, "type": [iri(kind)], "modifiedAt": desk.now},
                [Change("update")],
            ),
        )

    def untold(self, place: int, name: str, number: Any) -> None:
        """A change that history hears nothing of."""
        self._change(
            place,
            name,
            lambda _desk, document: (
                {
                    **document,
                    "attributes": {
                        **document["attributes"],
                        iri("quiet"): {"": {"type": "Property", "value": number}},
                    },
                },
                [],
            ),
        )

    def unset(self, place: int, name: str, attribute: str) -> None:
        line = self.lines[self.branch(place).name]
        held = line.documents.get(urn(name), {"attributes": {}})
        if iri(attribute) in held["attributes"]:
            self._change(
                place,
                name,
                lambda desk, document: (
                    {
                        **document,
                        "modifiedAt": desk.now,
                        "attributes": {
                            key: item
                            for key, item in document["attributes"].items()
                            if key != iri(attribute)
                        },
                    },
                    [Change("delete", iri(attribute))],
                ),
            )

    def delete(self, place: int, name: str) -> None:
        branch = self.branch(place)
        self.do(branch, lambda desk: desk.delete(urn(name)), name)
        self.lines[branch.name].documents.pop(urn(name), None)

    def fail(self, place: int, name: str) -> None:
        def run(desk: Desk) -> None:
            desk.delete(urn(name))
            desk.erase_history(urn(name))
            raise KeyError(name)

        with pytest.raises(KeyError):
            self.do(self.branch(place), run, name)

    def late(self, place: int, name: str, attribute: str, minute: int, number: Any) -> None:
        branch = self.branch(place)
        instance = {
            "type": "Property",
            "value": number,
            "observedAt": instant_text(START_US + minute * SECOND),
        }
        noted = [Change("create", iri(attribute), "", instance, current=False)]

        def run(desk: Desk) -> int:
            desk.record_history(urn(name), [iri("Riser")], noted)
            return desk.now_us

        now_us = self.do(branch, run, name)
        self._note(self.lines[branch.name], name, noted, now_us)

    def branch_off(self, place: int) -> None:
        parent = self.branch(place)
        self.made += 1
        name = f"b{self.made}"
        self.ledger.create_branch(parent, name)
        line = self.lines[parent.name]
        self.lines[name] = Line(dict(line.documents), list(line.past))
        self.parents[name] = parent.name

    def drop(self, place: int) -> None:
        branch = self.branch(place)
        if branch.parent is not None and branch.name not in self.parents.values():
            self.ledger.drop_branch(branch)
            del self.lines[branch.name], self.parents[branch.name]

    def erase(self, place: int, name: str, attribute: str) -> None:
        branch = self.branch(place)
        line = self.lines[branch.name]
        # What a parent erases, its branches lose too; that is not tried here.
        if branch.name in self.parents.values():
            return
        gone = [
            row for row in line.past if (row["id"], row["attribute"]) == (urn(name), iri(attribute))
        ]
        count = self.do(branch, lambda desk: desk.erase_history(urn(name), iri(attribute)), name)
        assert count >= len(gone)
        line.past = [row for row in line.past if row not in gone]
        self.rewritten.add(urn(name))

    def amend(self, place: int, name: str, row: int, number: Any) -> None:
        branch = self.branch(place)
        line = self.lines[branch.name]
        if branch.name in self.parents.values():
            return
        span = Span(attributes=(iri("flow"),), time="modifiedAt")
        held = [
            item
            for item in self.ledger.history(branch, urn(name), span)
            if item.instance is not None
        ]
        if not held:
            return
        wanted = held[row % len(held)]
        instance = {**wanted.instance, "value": number}
        assert self.do(
            branch, lambda desk: desk.amend_history(urn(name), wanted.sequence, instance), name
        )
        for place_, item in enumerate(line.past):
            same = (item["id"], item["attribute"], item["recorded_us"])
            if same == (urn(name), iri("flow"), wanted.recorded_us):
                line.past[place_] = {**item, "instance": instance}
        self.rewritten.add(urn(name))

    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = SqliteLedger(self.path, durable=False)

    # Checks

    def agrees(self) -> None:
        """Everything that can be asked is answered as it ought to be."""
        for name, line in self.lines.items():
            branch = self.ledger.branch("", name)
            held = {record.id: record.document for record in self.ledger.stream(branch)}
            assert held == line.documents
            assert list(held) == sorted(held)
            found = self.ledger.records(branch, [urn(item) for item in NAMES])
            assert {key: record.document for key, record in found.items()} == line.documents
            self._finds(branch, line.documents, None)
            self._remembers(branch, line)
        self._looks_back()
        assert self.ledger.check() == []

    def _finds(self, branch: Branch, documents: dict[str, Document], at_us: int | None) -> None:
        for kind in TYPES:
            selection = Selection(types=((iri(kind),),), count=True)
            found = self.ledger.find(branch, selection, at_us)
            expected = [
                key for key, item in sorted(documents.items()) if item["type"] == [iri(kind)]
            ]
            assert [record.id for record in found.records] == expected
            assert found.total == len(expected)
        carrying = self.ledger.find(branch, Selection(attributes=(iri("heat"),)), at_us)
        assert [record.id for record in carrying.records] == [
            key for key, item in sorted(documents.items()) if iri("heat") in item["attributes"]
        ]
        near = self.ledger.find(branch, Selection(bounds=(1.5, 1.5, 3.5, 3.5)), at_us)
        assert [record.id for record in near.records] == [
            key
            for key, item in sorted(documents.items())
            if LOCATION in item["attributes"]
            and 1.5 < item["attributes"][LOCATION][""]["value"]["coordinates"][0] < 3.5
        ]

    def _remembers(self, branch: Branch, line: Line) -> None:
        for name in NAMES:
            for attribute in ATTRIBUTES:
                rows = [
                    row["instance"]
                    for row in line.past
                    if (row["id"], row["attribute"]) == (urn(name), iri(attribute))
                ]
                everything = Span(attributes=(iri(attribute),), time="modifiedAt")
                got = self.ledger.history(branch, urn(name), everything)
                assert [row.instance for row in got if row.instance is not None] == rows
                observed = [row for row in rows if "observedAt" in row]
                seen = self.ledger.history(branch, urn(name), Span(attributes=(iri(attribute),)))
                times = [row.observed_us for row in seen]
                assert times == sorted(times)  # type: ignore[type-var]
                assert len(seen) == len(observed)
                newest = Span(attributes=(iri(attribute),), last=2)
                last = self.ledger.history(branch, urn(name), newest)
                assert [row.observed_us for row in last] == times[-2:]
                first = Span(attributes=(iri(attribute),), first=2)
                oldest = self.ledger.history(branch, urn(name), first)
                assert [row.observed_us for row in oldest][:2] == times[:2]
                total = self.ledger.aggregate(
                    branch, urn(name), iri(attribute), Span(), ("sum", "totalCount"), None
                )
                expected = [row["value"] for row in observed]
                if expected:
                    assert total.values["totalCount"].tolist() == [len(expected)]
                    np.testing.assert_allclose(total.values["sum"], [sum(expected)], atol=1e-9)
                else:
                    assert total.start_us.size == 0

    def _looks_back(self) -> None:
        for at_us, then in self.seen:
            for name in self.lines:
                source: str | None = name
                while source is not None and source not in then:
                    source = self.parents[source]
                assert source is not None
                branch = self.ledger.branch("", name)
                ids = [urn(item) for item in NAMES if urn(item) not in self.rewritten]
                found = self.ledger.records(branch, ids, at_us)
                expected = {key: item for key, item in then[source].items() if key in ids}
                assert {key: record.document for key, record in found.items()} == expected
        if not self.rewritten:
            at_us, then = self.seen[len(self.seen) // 2]
            self._finds(self.ledger.branch(""), then["main"], at_us)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a few rows already make chunks, and a few more make several."""
    monkeypatch.setattr(sqlite_past, "HOT_ROWS", 2)
    monkeypatch.setattr(sqlite_past, "ROWS", 3)
    monkeypatch.setattr(chunks, "ROWS", 3)


def worlds() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            yield world
        finally:
            world.close()


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_the_ledger_does_what_plain_dicts_would_do(taken: list[Step]) -> None:
    for world in worlds():
        for step in (*PRELUDE, *taken):
            world.take(("branch_off", *step[1:]) if step[0] == "branch" else step)
        world.agrees()
        world.reopen()
        world.agrees()
