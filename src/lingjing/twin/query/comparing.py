"""How one value of a document is compared with what a condition names (clause 4.9)."""

from __future__ import annotations

import operator as operators
from collections.abc import Callable
from typing import Any, Final

from lingjing.twin.query.instants import comparable
from lingjing.twin.query.nodes import Interval, Operator, Scalar, Term
from lingjing.twin.query.patterns import finder

Check = Callable[[Any], bool]
"""A test of one value as it stands in the document."""

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}


def plain(value: Any) -> Any:
    """The value without its JSON-LD wrapping (`{"@type": …, "@value": v}` is v)."""
    if type(value) is dict and "@value" in value:
        return value["@value"]
    return value


def check_of(term: Term, coerce: Callable[[str], str] | None = None) -> Check:
    """The test of a value by a condition that compares.

    Args:
        term: The condition; neither `exists` nor `lacks`.
        coerce: Turns words and strings into IRIs before they are compared, where wanted.

    Raises:
        LingjingError: `query.bad-pattern`, `query.too-complex`.
    """
    if term.operator in ("~=", "!~="):
        return _pattern(term)
    wanted = tuple(_coerced(value, coerce) for value in term.values)
    if term.operator in ("==", "!="):
        return _equality(wanted, term.operator)
    first = wanted[0]
    if isinstance(first, Interval):
        raise TypeError(first)
    return _order(first, term.operator)


def _coerced(value: Scalar | Interval, coerce: Callable[[str], str] | None) -> Scalar | Interval:
    if coerce is None or isinstance(value, Interval) or value.kind not in ("string", "word"):
        return value
    return Scalar(value.kind, coerce(str(value.value)), value.quoted)


def _pattern(term: Term) -> Check:
    found = finder(term.pattern, "q")
    wanted = term.operator == "~="

    def check(value: Any) -> bool:
        value = plain(value)
        return isinstance(value, str) and found(value) is wanted

    return check


def _order(wanted: Scalar, operator: Operator) -> Check:
    holds = _ORDERS[operator]
    if wanted.kind == "number":
        bound = wanted.value

        def number(value: Any) -> bool:
            kind = type(value)
            if kind is float or kind is int:
                return holds(value, bound)
            return kind is dict and _is_number(plain(value)) and holds(plain(value), bound)

        return number
    text = str(wanted.value)
    moment = comparable(text)
    if moment is None:

        def string(value: Any) -> bool:
            value = plain(value)
            return isinstance(value, str) and holds(value, text)

        return string
    kind, instant = moment

    def temporal(value: Any) -> bool:
        value = plain(value)
        if not isinstance(value, str):
            return False
        other = comparable(value)
        return other is not None and other[0] == kind and holds(other[1], instant)

    return temporal


def _equality(wanted: tuple[Scalar | Interval, ...], operator: Operator) -> Check:
    tests = tuple(_within(one) if isinstance(one, Interval) else _same(one) for one in wanted)
    matches = tests[0] if len(tests) == 1 else _any_of(tests)

    def equal(value: Any) -> bool:
        value = plain(value)
        if type(value) is list:
            return any(matches(plain(element)) for element in value)
        return matches(value)

    if operator == "==":
        return equal
    return lambda value: not equal(value)


def _any_of(tests: tuple[Check, ...]) -> Check:
    return lambda value: any(test(value) for test in tests)


def _is_number(value: Any) -> bool:
    kind = type(value)
    return kind is float or kind is int


def _same(wanted: Scalar) -> Check:
    bare = wanted.value
    if wanted.kind == "boolean":
        return lambda value: value is bare
    if wanted.kind == "number":
        return lambda value: _is_number(value) and value == bare
    text = str(bare)
    moment = comparable(text)
    if moment is None:
        return lambda value: value == text
    # the same instant may be written in several ways
    return lambda value: isinstance(value, str) and (value == text or comparable(value) == moment)


def _within(interval: Interval) -> Check:
    above = _order(interval.low, ">=")
    below = _order(interval.high, "<=")
    return lambda value: above(value) and below(value)
