"""What a temporal request asks: which part of the evolution, and how it is to be shown (4.11)."""

from __future__ import annotations

from typing import Final, Literal, cast, get_args

import msgspec

from lingjing.interfaces.ngsild.asked import Asked, bad, bad_option, conflict, missing
from lingjing.interfaces.ngsild.durations import Duration, parse_duration
from lingjing.interfaces.ngsild.presentation import PRESENTATION_PARAMETERS
from lingjing.interfaces.ngsild.query_parameters import SELECTING_PARAMETERS
from lingjing.twin.documents import micros
from lingjing.twin.ledger import Method, Span, TimeProperty
from lingjing.twin.query.instants import comparable

Relation = Literal["before", "after", "between"]
Form = Literal["normalized", "concise", "temporalValues", "aggregatedValues"]

FORMS: Final = ("temporalValues", "aggregatedValues", "normalized", "concise")
TEMPORAL_OPTIONS: Final = frozenset((*FORMS, "audit"))
TIME_PARAMETERS: Final = frozenset(
    (
        "aggrMethods",
        "aggrPeriodDuration",
        "endTimeAt",
        "lastN",
        "timeAt",
        "timeproperty",
        "timerel",
    )
)
RETRIEVE_PARAMETERS: Final = (
    TIME_PARAMETERS | PRESENTATION_PARAMETERS | {"local", "entityMap", "entityMapLifetime"}
)
QUERY_PARAMETERS: Final = TIME_PARAMETERS | PRESENTATION_PARAMETERS | SELECTING_PARAMETERS
_RELATIONS: Final = get_args(Relation)
_PROPERTIES: Final = get_args(TimeProperty)
_METHODS: Final = get_args(Method)
MOST_LAST: Final = 1_000_000


class TemporalQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the evolution is wanted, and in which form.

    Attributes:
        relation: How instances stand to the times; None where any time will do.
        time_property: Which of their times that is about.
        is_property_given: Whether the request names that property.
        from_us, to_us: Half-open window [µs since 1970 UTC]; None is open.
        last: At most so many of the newest instances of each attribute.
        form: How attributes are written.
        methods: Of aggregation.
        period: Of aggregation; None for one period over all.
    """

    relation: Relation | None = None
    time_property: TimeProperty = "observedAt"
    is_property_given: bool = False
    from_us: int | None = None
    to_us: int | None = None
    last: int | None = None
    form: Form = "normalized"
    methods: tuple[Method, ...] = ()
    period: Duration | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is said about time: then instances without that time count too."""
        if self.form == "aggregatedValues" or self.is_property_given:
            return False
        return self.relation is None and self.last is None

    def span(self, attributes: tuple[str, ...] = ()) -> Span:
        """The span of history for a ledger."""
        return Span(
            attributes=attributes,
            time="modifiedAt" if self.is_open else self.time_property,
            from_us=self.from_us,
            to_us=self.to_us,
            last=self.last,
        )


def read_temporal_query(asked: Asked, *, is_needed: bool) -> TemporalQuery:
    """What the parameters ask about time.

    Args:
        asked: The parameters, those of `temporalQ` and `aggrParams` in a body included.
        is_needed: Whether there must be a relation to a time (5.7.4.4).

    Raises:
        LingjingError: `query.bad-parameter`, `query.missing-parameter`, `query.conflict`.
    """
    relation = asked.text("timerel")
    if not relation and (is_needed or asked.has("timeAt")):
        raise missing("timerel", "timeAt" if asked.has("timeAt") else "temporalQ")
    if relation and relation not in _RELATIONS:
        raise bad("timerel", relation, " | ".join(_RELATIONS))
    named = asked.text("timeproperty")
    if named and named not in _PROPERTIES:
        raise bad("timeproperty", named, " | ".join(_PROPERTIES))
    start_us, end_us = _window(asked, relation)
    last = asked.whole("lastN", least=1)
    if last is not None and last > MOST_LAST:
        raise bad("lastN", last, f"≤ {MOST_LAST}")
    form = _form(asked)
    methods = _methods(asked)
    if form == "aggregatedValues" and not methods:
        raise missing("aggrMethods", "aggregatedValues")
    if form == "aggregatedValues" and last is not None:
        raise conflict("aggregatedValues", "lastN")
    period = asked.text("aggrPeriodDuration")
    duration = parse_duration(period, "aggrPeriodDuration") if period else None
    return TemporalQuery(
        relation=cast("Relation", relation) if relation else None,
        time_property=cast("TimeProperty", named) if named else "observedAt",
        is_property_given=bool(named),
        from_us=start_us,
        to_us=end_us,
        last=last,
        form=form,
        methods=methods,
        period=None if duration is None or duration.is_nothing else duration,
    )


def _window(asked: Asked, relation: str) -> tuple[int | None, int | None]:
    if not relation:
        return None, None
    at_us = _instant(asked, "timeAt", relation)
    if relation == "after":
        return at_us, None
    if relation == "before":
        return None, at_us
    end_us = _instant(asked, "endTimeAt", relation)
    if end_us < at_us:
        raise bad("endTimeAt", asked.text("endTimeAt"), f"≥ {asked.text('timeAt')}")
    return at_us, end_us


def _instant(asked: Asked, name: str, relation: str) -> int:
    text = asked.text(name)
    if not text:
        raise missing(name, f"timerel={relation}")
    found = comparable(text)
    if found is None or found[0] != "dateTime" or not text.endswith("Z"):
        raise bad(name, text, "DateTime: YYYY-MM-DDThh:mm:ss[.ffffff]Z")
    return micros(text)


def _form(asked: Asked) -> Form:
    named = asked.text("format")
    if named:
        if named not in FORMS:
            raise bad_option("format", named, FORMS)
        return cast("Form", named)
    options = asked.names("options")
    chosen: list[Form] = [form for form in FORMS if form in options]
    if {"temporalValues", "aggregatedValues"} <= set(chosen):
        raise conflict("temporalValues", "aggregatedValues")
    if chosen:
        return chosen[0]
    return "aggregatedValues" if asked.has("aggrMethods") else "normalized"


def _methods(asked: Asked) -> tuple[Method, ...]:
    value = asked.body.get("aggrMethods")
    if isinstance(value, str):
        names = Asked({"aggrMethods": value}).names("aggrMethods")
    else:
        names = asked.names("aggrMethods")
    for name in names:
        if name not in _METHODS:
            raise bad("aggrMethods", name, " | ".join(_METHODS))
    return tuple(dict.fromkeys(cast("tuple[Method, ...]", names)))
