"""Aggregated values of attributes by period (4.5.19): numbers by the ledger, the rest counted here.

Strings have a least and a greatest value; truth values count as 0 and 1; relationships, objects
and lists are counted only.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from lingjing.interfaces.ngsild.durations import Duration
from lingjing.interfaces.ngsild.temporal_parameters import TemporalQuery
from lingjing.twin.changes import SCOPE
from lingjing.twin.documents import encode, payload, plain_number
from lingjing.twin.ledger import Aggregate, Branch, Ledger, Method, Moment, Span
from lingjing.vocabulary import LingjingError, Place

MOST_PERIODS: Final = 10_000
"""Most periods of one attribute."""

Aggregates = dict[str, dict[str, tuple[str, Aggregate]]]
_NUMBER: Final = "number"
_COUNTS: Final = frozenset(("totalCount", "distinctCount"))
_OF_STRINGS: Final = _COUNTS | {"min", "max"}


def read_aggregates(
    ledger: Ledger,
    branch: Branch,
    entity_id: str,
    query: TemporalQuery,
    attributes: tuple[str, ...] = (),
    datasets: frozenset[str] | None = None,
) -> Aggregates:
    """Attribute → dataset → its kind, and its aggregated values.

    Args:
        ledger: Where the evolution is kept.
        branch: As which it is seen.
        entity_id: Of the entity.
        query: The window, methods and period.
        attributes: IRIs; empty for all.
        datasets: Only these; None for all.

    Raises:
        LingjingError: `query.too-complex`: more than `MOST_PERIODS` periods.
    """
    found: Aggregates = {}
    for (attribute, dataset), kind in _kinds(ledger, branch, entity_id, query, attributes).items():
        if datasets is not None and dataset not in datasets:
            continue
        span = msgspec.structs.replace(query.span((attribute,)), dataset=dataset)
        work = _Work(ledger, branch, entity_id, attribute, span)
        is_number = kind == _NUMBER
        aggregate = work.of_numbers(query) if is_number else work.of_others(query, kind)
        if aggregate.start_us.size:
            told = "Property" if is_number else kind
            found.setdefault(attribute, {})[dataset] = (told, aggregate)
    return found


def _kinds(
    ledger: Ledger,
    branch: Branch,
    entity_id: str,
    query: TemporalQuery,
    attributes: tuple[str, ...],
) -> dict[tuple[str, str], str]:
    """Attributes and datasets that have rows, with the kind of the newest; `number` for numbers."""
    span = msgspec.structs.replace(query.span(attributes), last=1)
    newest = ledger.history(branch, entity_id, span)
    record = ledger.records(branch, (entity_id,)).get(entity_id)
    kinds: dict[tuple[str, str], str] = {}
    for moment in newest:
        if moment.attribute is None or moment.attribute == SCOPE or moment.instance is None:
            continue
        kinds[moment.attribute, moment.dataset] = _kind(moment)
    if record is not None:
        standing = record.document["attributes"]
        for attribute in {name for name, _ in kinds} & standing.keys():
            for dataset, instance in standing[attribute].items():
                is_number = plain_number(instance) is not None
                kinds.setdefault((attribute, dataset), _NUMBER if is_number else instance["type"])
    return dict(sorted(kinds.items()))


def _kind(moment: Moment) -> str:
    instance = moment.instance
    if instance is None:
        return "Property"
    return _NUMBER if plain_number(instance) is not None else str(instance["type"])


class _Work:
    """The aggregation of one attribute's dataset."""

    def __init__(
        self, ledger: Ledger, branch: Branch, entity_id: str, attribute: str, span: Span
    ) -> None:
        self.ledger = ledger
        self.branch = branch
        self.entity_id = entity_id
        self.attribute = attribute
        self.span = span

    def of_numbers(self, query: TemporalQuery) -> Aggregate:
        """Numbers, by the ledger."""
        period = query.period
        if period is None or not period.months:
            length = None if period is None else period.microseconds
            return self._aggregate(self.span, query.methods, length)
        whole = self._aggregate(self.span, ("totalCount",), None)
        if not whole.start_us.size:
            return whole
        parts: list[tuple[int, int, Aggregate]] = []
        last_us = int(whole.end_us[-1])
        for start, end in _periods(period, int(whole.start_us[0]), last_us):
            inside = msgspec.structs.replace(self.span, from_us=start, to_us=end)
            part = self._aggregate(inside, query.methods, None)
            if part.start_us.size:
                parts.append((start, end, part))
        return Aggregate(
            np.array([start for start, _, _ in parts], dtype=np.int64),
            np.array([end for _, end, _ in parts], dtype=np.int64),
            {
                method: np.array([part.values[method][0] for _, _, part in parts])
                for method in query.methods
            },
        )

    def _aggregate(self, span: Span, methods: Sequence[Method], period_us: int | None) -> Aggregate:
        found = self.ledger.aggregate(
            self.branch, self.entity_id, self.attribute, span, methods, period_us
        )
        if found.start_us.size > MOST_PERIODS:
            raise _too_many()
        return found

    def of_others(self, query: TemporalQuery, kind: str) -> Aggregate:
        """What is no number, counted row by row."""
        rows = [
            (_time(moment), payload(moment.instance))
            for moment in self.ledger.history(self.branch, self.entity_id, self.span)
            if moment.instance is not None
        ]
        rows.sort(key=lambda row: row[0])
        if not rows:
            return Aggregate(np.empty(0, np.int64), np.empty(0, np.int64), {})
        start = rows[0][0] if query.from_us is None else query.from_us
        whole = (start, rows[-1][0] + 1 if query.to_us is None else query.to_us)
        told: list[tuple[int, int, list[Any]]] = []
        for at_us, value in rows:
            if told and at_us < told[-1][1]:
                told[-1][2].append(value)
                continue
            first, end = whole if query.period is None else _period_at(query.period, start, at_us)
            told.append((first, end, [value]))
        if len(told) > MOST_PERIODS:
            raise _too_many()
        methods = [name for name in query.methods if _applies(name, kind, told)]
        return Aggregate(
            np.array([first for first, _, _ in told], dtype=np.int64),
            np.array([end for _, end, _ in told], dtype=np.int64),
            {name: _objects([_value(name, values) for _, _, values in told]) for name in methods},
        )


def _objects(values: list[Any]) -> Any:
    """Values of any kind in an array."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _periods(period: Duration, start: int, end: int) -> Iterator[tuple[int, int]]:
    number, first = 0, start
    while first < end:
        if number >= MOST_PERIODS:
            raise _too_many()
        number += 1
        following = period.after(start, number)
        yield first, following
        first = following


def _period_at(period: Duration, start: int, at_us: int) -> tuple[int, int]:
    """The period of a time, counted from a start."""
    if not period.months:
        first = start + (at_us - start) // period.microseconds * period.microseconds
        return first, first + period.microseconds
    return next(found for found in _periods(period, start, at_us + 1) if at_us < found[1])


def _too_many() -> LingjingError:
    return LingjingError(
        "query.too-complex",
        Place(field="aggrPeriodDuration"),
        parameter="aggrPeriodDuration",
        measure="periods",
        limit=MOST_PERIODS,
    )


def _time(moment: Moment) -> int:
    return moment.recorded_us if moment.observed_us is None else moment.observed_us


def _applies(method: str, kind: str, told: list[tuple[int, int, list[Any]]]) -> bool:
    """Whether a method means something for values of this kind."""
    if method in _COUNTS or kind != "Property":
        return method in _COUNTS
    values = [value for _, _, found in told for value in found]
    if all(isinstance(value, bool | int | float) for value in values):
        return True
    return method in _OF_STRINGS and all(isinstance(value, str) for value in values)


def _value(method: str, values: list[Any]) -> Any:
    return _METHODS[method](values)


def _distinct(values: list[Any]) -> int:
    return len({encode(value) for value in values})


def _sum_of_squares(values: list[Any]) -> float:
    return math.fsum(float(value) ** 2 for value in values)


_METHODS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "totalCount": len,
    "distinctCount": _distinct,
    "min": min,
    "max": max,
    "sum": math.fsum,
    "avg": statistics.fmean,
    "stddev": statistics.pstdev,
    "sumsq": _sum_of_squares,
}
