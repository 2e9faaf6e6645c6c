"""Ledgers of each driver for tests, and short words for what tests do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lingjing.twin.documents import DEFAULT_TERMS, LOCATION, instant_text
from lingjing.twin.ledger import Branch, Change, Desk, Job, Ledger, Method

DRIVERS = ("sqlite", "postgresql")
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START_US = 1_768_900_000 * SECOND
"""An instant in January 2026, a whole number of seconds."""


def iri(name: str) -> str:
    """A term of the default context."""
    return DEFAULT_TERMS + name


def urn(name: object, kind: str = "Riser") -> str:
    """Id of a test entity."""
    return f"urn:ngsi-ld:{kind}:d:{name}"


def value(content: Any, **members: Any) -> dict[str, Any]:
    """A Property."""
    return {"type": "Property", "value": content, **members}


def observed(content: Any, at_us: int, **members: Any) -> dict[str, Any]:
    """A Property that was observed at an instant."""
    return value(content, observedAt=instant_text(at_us), **members)


def place(longitude: float, latitude: float) -> dict[str, Any]:
    """A point as GeoProperty."""
    return shape({"type": "Point", "coordinates": [longitude, latitude]})


def shape(geometry: dict[str, Any]) -> dict[str, Any]:
    """A geometry as GeoProperty."""
    return {"type": "GeoProperty", "value": geometry}


def entity(
    name: object, *, types: Sequence[str] = ("Riser",), at: tuple[float, float] | None = None,
    **attributes: Any,
) -> dict[str, Any]:  # fmt: skip
    """A document; attributes are values, or ready instances where they are dicts with a type."""
    content: dict[str, dict[str, Any]] = {}
    for attribute, given in attributes.items():
        made = given if isinstance(given, dict) and "type" in given else value(given)
        content[iri(attribute)] = {"": made}
    if at is not None:
        content[LOCATION] = {"": place(*at)}
    return {"id": urn(name), "type": [iri(kind) for kind in types], "attributes": content}


def all_changes(document: dict[str, Any]) -> list[Change]:
    """The changes that a new entity brings."""
    return [
        Change("create"),
        *(
            Change("create", attribute, dataset, instance)
            for attribute, datasets in document["attributes"].items()
            for dataset, instance in datasets.items()
        ),
    ]


def do(ledger: Ledger, branch: Branch, run: Callable[[Desk], Any], *ids: str) -> Any:
    """Do one job, and wait for it."""
    return ledger.submit(Job(branch, ids, run)).result(60)


def create(ledger: Ledger, branch: Branch, *documents: dict[str, Any]) -> None:
    """Make entities, all in one job."""

    def run(desk: Desk) -> None:
        for document in documents:
            stamped = {**document, "createdAt": desk.now, "modifiedAt": desk.now}
            desk.put(stamped, all_changes(document))

    do(ledger, branch, run, *(document["id"] for document in documents))


def changed(
    document: dict[str, Any], now: str, **attributes: Any
) -> tuple[dict[str, Any], list[Change]]:
    """The document with other values, and the changes; None takes an attribute away."""
    content = dict(document["attributes"])
    changes = []
    for name, given in attributes.items():
        if given is None:
            del content[iri(name)]
            changes.append(Change("delete", iri(name)))
            continue
        made = given if isinstance(given, dict) else value(given)
        operation: Any = "update" if iri(name) in content else "create"
        content[iri(name)] = {**content.get(iri(name), {}), "": made}
        changes.append(Change(operation, iri(name), "", made))
    return {**document, "modifiedAt": now, "attributes": content}, changes


def update(ledger: Ledger, branch: Branch, name: object, **attributes: Any) -> None:
    """Give an entity other values; None takes an attribute away."""

    def run(desk: Desk) -> None:
        document = desk.document(urn(name))
        assert document is not None
        desk.put(*changed(document, desk.now, **attributes))

    do(ledger, branch, run, urn(name))


def delete(ledger: Ledger, branch: Branch, *names: object, forget: bool = False) -> None:
    """End entities."""

    def run(desk: Desk) -> None:
        for name in names:
            desk.delete(urn(name), forget_history=forget)

    do(ledger, branch, run, *map(urn, names))


def note_late(
    ledger: Ledger, branch: Branch, name: object, attribute: str, *instances: dict[str, Any]
) -> None:
    """Put instances into the history only."""
    changes = [Change("create", iri(attribute), "", item, current=False) for item in instances]
    do(
        ledger,
        branch,
        lambda desk: desk.record_history(urn(name), [iri("Riser")], changes),
        urn(name),
    )


def read(ledger: Ledger, branch: Branch, name: object, at_us: int | None = None) -> Any:
    """Values by attribute's short name; None where there is no such entity."""
    found = ledger.records(branch, [urn(name)], at_us).get(urn(name))
    return None if found is None else values(found.document)


def values(document: dict[str, Any]) -> dict[str, Any]:
    """Values of the default instances by the attribute's short name."""
    return {
        attribute.rsplit("/", 1)[1]: datasets[""]["value"]
        for attribute, datasets in document["attributes"].items()
    }


def names(found: Sequence[Any]) -> list[str]:
    """Last parts of the ids of records."""
    return [record.id.rsplit(":", 1)[1] for record in found]


def moment_values(moments: Sequence[Any]) -> list[Any]:
    """Values of rows of history; None for deletions."""
    return [None if row.instance is None else row.instance["value"] for row in moments]


METHODS: tuple[Method, ...] = (
    "totalCount",
    "distinctCount",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "sumsq",
)


def with_long_history(ledger: Ledger, trunk: Branch, count: int) -> tuple[Any, Any]:
    """An entity with a long, gappy, shuffled history."""
    random = np.random.default_rng(7)
    steps = random.integers(1, 400, count).cumsum()
    times = START_US + steps * SECOND
    numbers = np.round(random.normal(20, 5, count), 1)
    order = random.permutation(count)
    create(ledger, trunk, entity(1))
    for start in range(0, count, 2_000):
        late = [
            observed(float(numbers[place]), int(times[place]))
            for place in order[start : start + 2_000]
        ]
        note_late(ledger, trunk, 1, "flow", *late)
    return times, numbers
