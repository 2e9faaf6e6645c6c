"""Putting an entity's past state together from the changes that history keeps.

Drivers write the changes of a job as numbered rows, and for the entity itself a row that holds its
*head* (types, scope, life time). Where the changes that were told do not explain the new state,
a row that holds the whole document is written too: a *checkpoint*.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from lingjing.twin.documents import Document, Instance, instant_text
from lingjing.twin.ledger import Change, Operation

Attributes = dict[str, dict[str, Instance]]


class Row(msgspec.Struct, frozen=True):
    """One row of an entity's history that had a part in its present state then.

    Attributes:
        sequence, recorded_us, operation, attribute, dataset: As in `Moment`.
        body: The instance; for the entity itself its head, in a checkpoint with `attributes`.
    """

    sequence: int
    recorded_us: int
    operation: Operation
    attribute: str | None
    dataset: str
    body: dict[str, Any] | None


def head_of(document: Document) -> dict[str, Any]:
    """All of a document but its attributes."""
    return {name: item for name, item in document.items() if name != "attributes"}


def explained(
    before: Document | None, after: Document, changes: Sequence[Change], now: str
) -> bool:
    """Whether the changes alone lead from one state to the other.

    A change of the entity itself explains its head. What was put without being told, or with
    another time than that of the change, is not explained.
    """
    if after.get("modifiedAt", now) != now:
        return False
    own = [change for change in changes if change.attribute is None and change.current]
    if before is None:
        if not any(change.operation == "create" for change in own):
            return False
    elif not own and not _same_head(before, after):
        return False
    attributes: Attributes = {} if before is None else before["attributes"]
    told: dict[tuple[str, str], Instance | None] = {
        (change.attribute, change.dataset): change.instance
        for change in changes
        if change.attribute is not None and change.current
    }
    return _leads_to(attributes, after["attributes"], told)


def _leads_to(
    before: Attributes, after: Attributes, told: dict[tuple[str, str], Instance | None]
) -> bool:
    seen = 0
    for attribute, datasets in after.items():
        old = before.get(attribute, {})
        for dataset, instance in datasets.items():
            key = (attribute, dataset)
            if key in told:
                seen += 1
                expected = told[key]
            else:
                expected = old.get(dataset)
            if expected is not instance and expected != instance:
                return False
    gone = sum(instance is None for instance in told.values())
    if len(told) - gone != seen:
        return False
    return all(
        dataset in after.get(attribute, {}) or told.get((attribute, dataset), _ABSENT) is None
        for attribute, datasets in before.items()
        if after.get(attribute) is not datasets
        for dataset in datasets
    )


_ABSENT: dict[str, Any] = {}


def _same_head(before: Document, after: Document) -> bool:
    names = (before.keys() | after.keys()) - {"attributes", "modifiedAt"}
    return all(before.get(name) == after.get(name) for name in names)


def folded(rows: Iterable[Row]) -> Document | None:
    """The document that the rows lead to; None where there was none.

    Args:
        rows: In any order, at least: of the entity itself the last row, the last `create` and the
            last checkpoint; of each attribute's dataset the last row.
    """
    ordered = sorted(rows, key=lambda row: row.sequence)
    document: Document | None = None
    attributes: Attributes = {}
    for row in ordered:
        if row.attribute is None:
            document, attributes = _entity_row(row, attributes)
        elif document is None:
            continue
        elif row.body is None:
            _without(attributes, row.attribute, row.dataset)
        else:
            attributes[row.attribute] = {**attributes.get(row.attribute, {}), row.dataset: row.body}
        if document is not None and "modifiedAt" in document:
            document["modifiedAt"] = instant_text(row.recorded_us)
    if document is not None:
        document["attributes"] = attributes
    return document


def _entity_row(row: Row, attributes: Attributes) -> tuple[Document | None, Attributes]:
    if row.operation == "delete" or row.body is None:
        return None, {}
    if "attributes" in row.body:
        content = {name: dict(datasets) for name, datasets in row.body["attributes"].items()}
        return head_of(row.body), content
    return dict(row.body), {} if row.operation == "create" else attributes


def _without(attributes: Attributes, attribute: str, dataset: str) -> None:
    left = {key: item for key, item in attributes.get(attribute, {}).items() if key != dataset}
    if left:
        attributes[attribute] = left
    else:
        attributes.pop(attribute, None)
