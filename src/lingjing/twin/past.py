"""Putting an entity's past state together from the changes that history keeps.

Drivers write the changes of a job as numbered rows, and for the entity itself a row that holds its
*head* (types, scope, life time). Where the changes that were told do not explain the new state,
a row that holds the whole document is written too: a *checkpoint*.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from lingjing.twin.documents import Document, Instance, instant_text
from lingjing.twin.ledger import Operation

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


NEVER: Final = -1


def standing_at(standing: tuple[int, int, int], at_us: int | None = None) -> tuple[int, int, int]:
    """Numbers of the last import and edit, and the time [µs], of a district seen at an instant.

    The number of the edit is then `NEVER`: the state is not that of the last edit.
    """
    if at_us is None or at_us >= standing[2]:
        return standing
    return standing[0], NEVER, at_us


def head_of(document: Document) -> dict[str, Any]:
    """All of a document but its attributes."""
    return {name: item for name, item in document.items() if name != "attributes"}


def folded(rows: Iterable[Row]) -> Document | None:
    """The document that the rows lead to; None where there was none.

    Args:
        rows: In any order, at least: of the entity itself the last row, the last `create` and the
            last checkpoint; of each attribute's dataset the last row.
    """
    ordered = sorted(rows, key=lambda row: (row.sequence, _is_checkpoint(row)))
    document: Document | None = None
    attributes: Attributes = {}
    for row in ordered:
        if row.attribute is None:
            document, attributes = _entity_row(row, document, attributes)
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


def _is_checkpoint(row: Row) -> bool:
    return row.attribute is None and row.body is not None and "attributes" in row.body


def _entity_row(
    row: Row, document: Document | None, attributes: Attributes
) -> tuple[Document | None, Attributes]:
    if row.operation == "delete":
        return None, {}
    if row.body is None:
        return document, attributes  # noted in the history only
    if _is_checkpoint(row):
        content = {name: dict(datasets) for name, datasets in row.body["attributes"].items()}
        return head_of(row.body), content
    return dict(row.body), {} if row.operation == "create" else attributes


def _without(attributes: Attributes, attribute: str, dataset: str) -> None:
    left = {key: item for key, item in attributes.get(attribute, {}).items() if key != dataset}
    if left:
        attributes[attribute] = left
    else:
        attributes.pop(attribute, None)
