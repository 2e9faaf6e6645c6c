"""Laws of evolution: the past and the present do not depend on the order in which word arrives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.twin.documents import instant_text
from lingjing.twin.evolution import add_observations, standing_rows
from lingjing.twin.ledger import Desk, Job, Span
from lingjing.twin.sqlite_ledger import SqliteLedger

LEVEL = "https://terms.example/level"
TANK = "https://terms.example/Tank"
START = 1_700_000_000_000_000

NUMBERS = itertools.count()
Word = tuple[int, int, str]
"""Minute, value and dataset of an observation."""

words = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 5), st.sampled_from(("", "urn:d:laser"))),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteLedger]:
    path: Path = tmp_path_factory.mktemp("laws") / "twin.sqlite"
    opened = SqliteLedger(path, durable=False)
    yield opened
    opened.close()


def instance(word: Word) -> dict[str, Any]:
    minute, value, dataset = word
    told = {
        "type": "Property",
        "value": value,
        "observedAt": instant_text(START + minute * 60_000_000),
    }
    return {**told, "datasetId": dataset} if dataset else told


def send(ledger: SqliteLedger, name: str, batches: list[list[Word]]) -> None:
    trunk = ledger.branch("")
    for batch in batches:
        observations = {LEVEL: [instance(word) for word in batch]}
        standing = standing_rows(ledger, trunk, name, observations)

        def add(desk: Desk, observations: Any = observations, standing: Any = standing) -> bool:
            return add_observations(desk, name, [TANK], observations, standing=standing)

        ledger.submit(Job(trunk, (name,), add)).result()


def past(ledger: SqliteLedger, name: str) -> list[tuple[str, int, Any]]:
    rows = ledger.history(ledger.branch(""), name, Span(attributes=(LEVEL,)))
    return [
        (row.dataset, ((row.observed_us or 0) - START) // 60_000_000, row.instance["value"])
        for row in rows
        if row.instance is not None
    ]


def present(ledger: SqliteLedger, name: str) -> dict[str, Any]:
    document = ledger.records(ledger.branch(""), (name,))[name].document
    return {dataset: item["value"] for dataset, item in document["attributes"][LEVEL].items()}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_last_word_about_each_time_stands_in_order_of_time(
    ledger: SqliteLedger, data: st.DataObject
) -> None:
    said = data.draw(words)
    # one batch says one thing about a time
    batches: list[list[Word]] = []
    for word in said:
        is_new = not batches or data.draw(st.booleans())
        if is_new or any((one[0], one[2]) == (word[0], word[2]) for one in batches[-1]):
            batches.append([])
        batches[-1].append(word)
    name = f"urn:x:{next(NUMBERS)}"
    send(ledger, name, batches)
    last = {(dataset, minute): value for minute, value, dataset in said}
    assert past(ledger, name) == [
        (dataset, minute, value) for (dataset, minute), value in sorted(last.items())
    ]
    newest: dict[str, Any] = {}
    for (dataset, _), value in sorted(last.items()):
        newest[dataset] = value
    assert present(ledger, name) == newest


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_saying_the_same_again_changes_nothing(ledger: SqliteLedger, data: st.DataObject) -> None:
    said = list({(word[0], word[2]): word for word in data.draw(words)}.values())
    name = f"urn:x:{next(NUMBERS)}"
    send(ledger, name, [said])
    trunk = ledger.branch("")
    before = ledger.records(trunk, (name,))[name]
    rows = ledger.history(trunk, name, Span(attributes=(LEVEL,)))
    send(ledger, name, [said, data.draw(st.permutations(said))])
    assert ledger.records(trunk, (name,))[name] == before
    assert ledger.history(trunk, name, Span(attributes=(LEVEL,))) == rows
