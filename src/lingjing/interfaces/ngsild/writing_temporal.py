"""Writing the evolution of entities: each instance, pairs of value and time, or aggregates.

The representations are those of clauses 4.5.6 (normalized), 4.5.9 (simplified, `temporalValues`)
and 4.5.19 (aggregated).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.writing import NORMALIZED, Representation, Writer, writer
from lingjing.twin.changes import NULL
from lingjing.twin.documents import PAYLOADS, Instance, instant_text
from lingjing.twin.ledger import Aggregate, Moment, TimeProperty

TemporalForm = Literal["normalized", "simplified"]
KindOf = Callable[[str, str], str]
"""The kind of an attribute's instance, by IRI and dataset, where history itself does not tell."""

_LISTS: Final[dict[str, str]] = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "JsonProperty": "jsons",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
"""Where the simplified form keeps the pairs of an attribute, by its kind."""

_INSTANCE: Final = "urn:ngsi-ld:Instance:"


def instance_id(sequence: int) -> str:
    """The identifier of a row of history in the temporal interface."""
    return f"{_INSTANCE}{sequence}"


def sequence_of(identifier: str) -> int | None:
    """The row of history that an identifier names; None where it names none."""
    digits = identifier.removeprefix(_INSTANCE)
    if digits == identifier or not digits.isascii() or not digits.isdecimal() or len(digits) > 18:
        return None
    return int(digits)


def write_evolution(
    head: Mapping[str, Any],
    moments: Iterable[Moment],
    terms: Terms,
    *,
    representation: Representation = NORMALIZED,
    form: TemporalForm = "normalized",
    time: TimeProperty = "observedAt",
    kind_of: KindOf | None = None,
) -> dict[str, Any]:
    """The evolution of an entity.

    Args:
        head: What is known of the entity itself: `id`, `type` (IRIs), and where it has them
            `scope`, `createdAt`, `modifiedAt`.
        moments: Rows of its attributes, by attribute and dataset, in order of time.
        terms: The @context in force.
        representation: Whether system times are wanted, and which members and datasets.
        form: Each instance in full, or pairs of value and time.
        time: Which time the pairs tell.
        kind_of: Tells the kind of what was deleted before the first row.
    """
    one = writer(terms, representation)
    written = one.entity({"attributes": {}, **head})
    for attribute, rows in _by_attribute(moments, representation).items():
        name = terms.compacted[attribute]
        if form == "normalized":
            written[name] = [
                one.instance(_told(row, kind, has_id=True))
                for row, kind in _with_kinds(attribute, rows, kind_of)
            ]
        else:
            written[name] = _pairs(one, _with_kinds(attribute, rows, kind_of), time)
    return written


def no_pairs(kind: str) -> dict[str, Any]:
    """The simplified form of an attribute of a kind that has no value in the window."""
    return {"type": kind, _LISTS[kind]: []}


def write_aggregates(
    head: Mapping[str, Any],
    aggregates: Mapping[str, Mapping[str, tuple[str, Aggregate]]],
    terms: Terms,
    *,
    representation: Representation = NORMALIZED,
) -> dict[str, Any]:
    """The evolution of an entity, aggregated by periods.

    Args:
        head: See `write_evolution`.
        aggregates: Attribute → dataset → kind of the attribute, and its aggregated values.
        terms: The @context in force.
        representation: Which members are wanted.
    """
    written = writer(terms, representation).entity({"attributes": {}, **head})
    for attribute, datasets in aggregates.items():
        parts = []
        for dataset, (kind, aggregate) in datasets.items():
            part: dict[str, Any] = {"type": kind}
            if dataset:
                part["datasetId"] = dataset
            periods = [
                (_plain(start), _plain(end))
                for start, end in zip(
                    aggregate.start_us.tolist(), aggregate.end_us.tolist(), strict=True
                )
            ]
            for method, values in aggregate.values.items():
                is_count = method in ("totalCount", "distinctCount")
                part[method] = [
                    [int(value) if is_count else value, start, end]
                    for value, (start, end) in zip(values.tolist(), periods, strict=True)
                ]
            parts.append(part)
        written[terms.compacted[attribute]] = parts[0] if len(parts) == 1 else parts
    return written


def _plain(microseconds: int) -> str:
    """An instant without decimals where it falls on a second."""
    text = instant_text(microseconds)
    return text.replace(".000000Z", "Z")


def _by_attribute(
    moments: Iterable[Moment], representation: Representation
) -> dict[str, list[Moment]]:
    found: dict[str, list[Moment]] = {}
    datasets = representation.datasets
    for moment in moments:
        if moment.attribute is None or (datasets is not None and moment.dataset not in datasets):
            continue
        if not _is_wanted(moment.attribute, representation):
            continue
        found.setdefault(moment.attribute, []).append(moment)
    return found


def _is_wanted(attribute: str, representation: Representation) -> bool:
    if representation.attributes is not None and attribute not in representation.attributes:
        return False
    if representation.pick is not None and attribute not in representation.pick.members:
        return False
    return representation.omit is None or attribute not in representation.omit.members


def _with_kinds(
    attribute: str, rows: Sequence[Moment], kind_of: KindOf | None
) -> list[tuple[Moment, str]]:
    """Rows with the kind of each; a deletion has that of what it deleted."""
    known: dict[str, str] = {}
    for row in reversed(rows):
        if row.instance is not None:
            known[row.dataset] = row.instance["type"]
    told = []
    for row in rows:
        if row.instance is not None:
            known[row.dataset] = row.instance["type"]
        elif row.dataset not in known:
            known[row.dataset] = kind_of(attribute, row.dataset) if kind_of else "Property"
        told.append((row, known[row.dataset]))
    return told


def _told(row: Moment, kind: str, *, has_id: bool) -> Instance:
    """A row as an instance; a deletion is told by the NGSI-LD null (4.5.2)."""
    if row.instance is not None:
        instance = dict(row.instance)
    else:
        null: Any = {"@none": NULL} if kind == "LanguageProperty" else NULL
        instance = {"type": kind, PAYLOADS[kind]: null, "deletedAt": instant_text(row.recorded_us)}
        if row.dataset:
            instance["datasetId"] = row.dataset
    if has_id:
        instance["instanceId"] = instance_id(row.sequence)
    return instance


def _time_of(row: Moment, time: TimeProperty) -> str:
    """The time of a row, as it was given where it was given."""
    if row.instance is None or time == "deletedAt":
        return instant_text(row.recorded_us)
    given = row.instance.get(time)
    if isinstance(given, str):
        return given
    return instant_text(row.recorded_us if row.observed_us is None else row.observed_us)


def _pairs(one: Writer, rows: Sequence[tuple[Moment, str]], time: TimeProperty) -> Any:
    """Pairs of value and time, for each dataset and kind."""
    parts: dict[tuple[str, str], list[Any]] = {}
    for row, kind in rows:
        value = one.simplified(_told(row, kind, has_id=False))
        parts.setdefault((row.dataset, kind), []).append([value, _time_of(row, time)])
    written = [
        {"type": kind, **({"datasetId": dataset} if dataset else {}), _LISTS[kind]: pairs}
        for (dataset, kind), pairs in parts.items()
    ]
    return written[0] if len(written) == 1 else written
