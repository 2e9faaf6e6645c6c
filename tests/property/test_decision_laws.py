"""Laws of ranking that hold for any work."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.decision import Reason, Work, rank

NUMBERS = st.floats(0, 1e5, allow_nan=False)
SHARES = st.floats(0, 1, allow_nan=False)
ONSETS = st.one_of(st.floats(0, 240, allow_nan=False), st.just(math.nan))


@st.composite
def works(draw: st.DrawFn) -> Work:
    name = draw(st.text("abc", min_size=1, max_size=4))
    onset = draw(ONSETS)
    return Work(
        id=name,
        action="insulate",
        target=name,
        assets=(),
        title={"zh-CN": "题", "en": "title"},
        place="",
        longitude_deg=0.0,
        latitude_deg=0.0,
        hazard="plugged",
        probability=draw(SHARES),
        expected_failures=draw(NUMBERS),
        weight=draw(NUMBERS),
        averted_share=draw(SHARES),
        onset_hours=onset,
        onset_early_hours=onset,
        owner="resident",
        effort_minutes=draw(st.floats(0, 600)),
        amount=0.0,
        amount_unit="",
        reason=Reason({"zh-CN": "因", "en": "why"}, {}),
    )


LISTS = st.lists(works(), max_size=12, unique_by=lambda work: work.id)


def order(items: list[Work]) -> list[str]:
    return [row.work.id for row in rank(items).rows]


@settings(max_examples=80, deadline=None)
@given(LISTS, st.randoms(use_true_random=False))
def test_input_order_never_matters(items: list[Work], shuffler: random.Random) -> None:
    mixed = list(items)
    shuffler.shuffle(mixed)
    assert order(mixed) == order(items)


@settings(max_examples=80, deadline=None)
@given(LISTS.filter(bool), st.data())
def test_higher_probability_never_ranks_lower_all_else_equal(
    items: list[Work], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    raised = data.draw(st.floats(items[index].probability, 1))
    before = order(items).index(items[index].id)
    # the expected harm carries the probability, so it grows with it
    share = raised / items[index].probability if items[index].probability > 0 else 1.0
    share = min(share, 1e3)
    changed = replace(items[index], probability=raised, weight=items[index].weight * share)
    after = order([*items[:index], changed, *items[index + 1 :]]).index(changed.id)
    assert after <= before


@settings(max_examples=80, deadline=None)
@given(LISTS.filter(bool), st.data())
def test_higher_probability_alone_never_ranks_lower(items: list[Work], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    changed = replace(items[index], probability=data.draw(st.floats(items[index].probability, 1)))
    after = order([*items[:index], changed, *items[index + 1 :]]).index(changed.id)
    assert after <= order(items).index(changed.id)


@settings(max_examples=80, deadline=None)
@given(works(), works(), st.floats(1, 5))
def test_more_averted_harm_never_ranks_lower(one: Work, other: Work, times: float) -> None:
    one, other = replace(one, id="one"), replace(other, id="other")
    better = replace(one, weight=one.weight * times)
    assert order([better, other]).index("one") <= order([one, other]).index("one")


@settings(max_examples=80, deadline=None)
@given(LISTS)
def test_ranks_count_from_one_and_scores_never_rise(items: list[Work]) -> None:
    rows = rank(items).rows
    assert [row.rank for row in rows] == list(range(1, len(items) + 1))
    scores = [row.score for row in rows]
    assert scores == sorted(scores, reverse=True)
