"""Ranking: the formula, its reasons, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lingjing.decision import RankingPolicy, Reason, Work, rank, score
from lingjing.vocabulary import LOCALES, LingjingError


def a_work(name: str = "a", **changes: object) -> Work:
    work = Work(
        id=f"coldwave:insulate:{name}",
        action="insulate",
        target=f"urn:ngsi-ld:Building:test:{name}",
        assets=(),
        title={"zh-CN": "题", "en": "title"},
        place="",
        longitude_deg=121.5,
        latitude_deg=31.3,
        hazard="plugged",
        probability=0.5,
        expected_failures=1.0,
        weight=10.0,
        averted_share=0.5,
        onset_hours=20.0,
        onset_early_hours=12.0,
        owner="property_company",
        effort_minutes=60.0,
        amount=1.0,
        amount_unit="straw mats",
        reason=Reason({"zh-CN": "因", "en": "because"}, {}),
    )
    return replace(work, **changes)  # type: ignore[arg-type]


def test_score_is_harm_times_share_times_lead_factor() -> None:
    policy = RankingPolicy(mobilisation_hours=1.0, half_life_hours=10.0)
    assert score(a_work(), policy) == pytest.approx(10.0 * 0.5 * 0.5)


def test_first_job_is_the_one_that_avoids_most_harm() -> None:
    plan = rank([a_work("small"), a_work("large", weight=20.0)])
    assert [row.work.id for row in plan.rows] == [
        "coldwave:insulate:large",
        "coldwave:insulate:small",
    ]
    assert [row.rank for row in plan.rows] == [1, 2]


def test_sooner_comes_first_when_a_crew_can_still_make_it() -> None:
    plan = rank([a_work("later", onset_early_hours=30.0), a_work("sooner", onset_early_hours=5.0)])
    assert plan.rows[0].work.id.endswith("sooner")


def test_work_that_a_crew_cannot_reach_in_time_is_discounted() -> None:
    policy = RankingPolicy()
    at_once = policy.lead_factor(0.0, 60.0)
    just_in_time = policy.lead_factor(2.0, 60.0)
    assert at_once == pytest.approx(policy.late_share)
    assert just_in_time == pytest.approx(1.0)
    assert at_once < policy.lead_factor(1.0, 60.0) < just_in_time


def test_an_unknown_onset_takes_the_unknown_share() -> None:
    plan = rank([a_work(onset_early_hours=math.nan, onset_hours=math.nan)])
    assert plan.rows[0].reason.numbers["lead_factor"] == RankingPolicy().unknown_share
    assert "onset_early_hours" not in plan.rows[0].reason.numbers


def test_of_equal_scores_the_likelier_comes_first() -> None:
    plan = rank([a_work("a", probability=0.2), a_work("b", probability=0.9)])
    assert [row.work.id[-1] for row in plan.rows] == ["b", "a"]


def test_ties_are_settled_by_id() -> None:
    plan = rank([a_work("b"), a_work("a")])
    assert [row.work.id[-1] for row in plan.rows] == ["a", "b"]


@pytest.mark.parametrize("onset", [0.5, 12.0, math.nan])
def test_every_row_gives_its_reason_in_words_and_numbers(onset: float) -> None:
    row = rank([a_work(onset_early_hours=onset)]).rows[0]
    assert set(row.reason.text) == set(LOCALES)
    assert "10.0" in row.reason.text["en"]
    assert "10.0" in row.reason.text["zh-CN"]
    assert row.reason.numbers["score"] == row.score
    product = math.prod(
        float(row.reason.numbers[name])
        for name in ("expected_harm", "averted_share", "lead_factor")
    )
    assert product == pytest.approx(row.score)


def test_two_works_of_one_id_are_refused() -> None:
    with pytest.raises(LingjingError, match=r"decision\.duplicate-work"):
        rank([a_work(), a_work()])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("probability", 1.2),
        ("probability", math.nan),
        ("weight", -1.0),
        ("weight", math.inf),
        ("weight", math.nan),
        ("averted_share", 1.5),
        ("effort_minutes", -1.0),
        ("amount", math.nan),
    ],
)
def test_a_number_that_cannot_be_ranked_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(LingjingError, match=rf"decision\.bad-work.*{field}"):
        rank([a_work(**{field: value})])


def test_a_district_may_set_the_policy() -> None:
    settings = {"ranking": {"half_life_hours": 12, "source": "the district's own rule"}}
    assert RankingPolicy.from_settings(settings).half_life_hours == 12.0
    assert RankingPolicy.from_settings({}) == RankingPolicy()


@pytest.mark.parametrize(
    "table",
    [
        {"half_life_hours": 0},
        {"late_share": 2},
        {"mobilisation_hours": -1},
        {"unknown_share": math.nan},
        {"half_life": 3},
        {"late_share": "much"},
        {"late_share": True},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(LingjingError, match=r"decision\.bad-policy"):
        RankingPolicy.from_settings({"ranking": table})


def test_no_work_gives_an_empty_plan() -> None:
    assert rank([]).rows == ()
