"""Allocation: what the depots hold reaches down the ranked list, and no further."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import shapely

from lingjing.decision import Budget, Plan, Reason, Work, allocate, budget_of, rank
from lingjing.sdk.testkit import small_district
from lingjing.twin.entities import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LOCALES, Attribute, LingjingError, Provenance


def job(name: str, weight: float, amount: float = 0.0, **changes: object) -> Work:
    made = Work(
        id=name,
        action="salt",
        target=name,
        assets=(),
        title={"zh-CN": "题", "en": "title"},
        place="",
        longitude_deg=0.0,
        latitude_deg=0.0,
        hazard="road_slippery",
        probability=0.5,
        expected_failures=0.5,
        weight=weight,
        averted_share=0.5,
        onset_hours=12.0,
        onset_early_hours=12.0,
        owner="public_works",
        effort_minutes=60.0,
        amount=amount,
        amount_unit="kg salt" if amount else "",
        reason=Reason({"zh-CN": "因", "en": "why"}, {}),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def marks(plan: Plan) -> dict[str, bool | None]:
    return {row.work.id: row.covered for row in plan.rows}


SALT = Budget({"kg salt": 100.0})


def test_a_job_that_does_not_fit_is_left_out_and_the_list_goes_on() -> None:
    plan = allocate(rank([job("a", 90, 60), job("b", 80, 50), job("c", 70, 40)]), SALT)
    assert marks(plan) == {"a": True, "b": False, "c": True}
    assert [row.rank for row in plan.rows] == [1, 2, 3]


def test_the_use_adds_up_and_says_what_is_short() -> None:
    plan = allocate(rank([job("a", 90, 60), job("b", 80, 50), job("c", 70, 40)]), SALT)
    assert plan.budget is not None
    (salt,) = [use for use in plan.budget.uses if use.kind == "material"]
    assert (salt.needed, salt.held, salt.used) == (150.0, 100.0, 100.0)
    assert (salt.jobs, salt.covered, salt.covered_from_top) == (3, 2, 1)
    assert salt.harm == pytest.approx(120.0)
    assert salt.harm_covered == pytest.approx(80.0)
    assert salt.needed_for_most == pytest.approx(150.0)  # a and b avert only 71 %
    assert plan.budget.covered_from_top == 1


def test_most_of_the_harm_needs_only_the_first_jobs() -> None:
    plan = allocate(rank([job("a", 100, 10), job("b", 10, 500), job("c", 5, 500)]), SALT)
    assert plan.budget is not None
    assert plan.budget.uses[0].needed_for_most == 10.0


def test_crews_run_out_as_material_does() -> None:
    budget = Budget({}, {"public_works": 2.5})
    plan = allocate(rank([job("a", 3), job("b", 2), job("c", 1)]), budget)
    assert marks(plan) == {"a": True, "b": True, "c": False}
    reason = plan.rows[2].coverage
    assert reason is not None
    assert reason.numbers["crew_hours_left"] == pytest.approx(0.5)


def test_crews_that_nobody_knows_of_limit_nothing_and_the_reason_says_so() -> None:
    budget = Budget({}, {"public_works": 0.0})
    plan = allocate(rank([job("a", 3, owner="property_company"), job("b", 2)]), budget)
    assert marks(plan) == {"a": True, "b": False}
    coverage = plan.rows[0].coverage
    assert coverage is not None
    assert "not known" in coverage.text["en"]


def test_material_of_unknown_stock_is_neither_covered_nor_not() -> None:
    plan = allocate(rank([job("a", 3, 5, amount_unit="straw mats"), job("b", 2, 5)]), SALT)
    assert marks(plan) == {"a": None, "b": True}


def test_where_nothing_is_known_nothing_is_marked() -> None:
    plan = rank([job("a", 3, 5)])
    assert allocate(plan, Budget()) is plan
    assert plan.budget is None


def test_every_mark_gives_its_reason_in_words_and_numbers() -> None:
    budget = Budget({"kg salt": 60.0}, {"public_works": 1.0})
    works = [job("a", 9, 60), job("b", 8, 50), job("c", 7), job("d", 6, 3, amount_unit="grit")]
    for row in allocate(rank(works), budget).rows:
        assert row.coverage is not None
        assert set(row.coverage.text) == set(LOCALES)
        assert all("{" not in text for text in row.coverage.text.values())
        assert row.coverage.numbers["crew_hours"] == 1.0
    assert "50.0" in allocate(rank(works), budget).rows[1].coverage.text["zh-CN"]  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_stock_that_is_no_amount_is_refused(value: float) -> None:
    with pytest.raises(LingjingError, match=r"decision\.bad-budget"):
        Budget({"kg salt": value})
    with pytest.raises(LingjingError, match=r"decision\.bad-budget"):
        Budget({}, {"public_works": value})


def depots(*rows: dict[str, float]) -> TwinView:
    """View of depots with these values."""
    known = Provenance("imported", "test", "")
    entities = [
        Entity(
            f"urn:ngsi-ld:Depot:testville:depot-{number}",
            "Depot",
            "testville",
            shapely.to_wkb(shapely.Point(121.5, 31.3)),
            {name: Attribute(value, known) for name, value in row.items()},
            {},
        )
        for number, row in enumerate(rows)
    ]
    return MemoryTwin(small_district(), entities).view("Depot")


def test_the_budget_is_what_all_depots_hold_and_one_shift_of_their_crews() -> None:
    view = depots(
        {"salt_stock": 1.5, "straw_mats": 100.0, "crews": 3.0}, {"salt_stock": 0.5, "crews": 2.0}
    )
    budget = budget_of(view, {})
    assert budget.material == {"kg salt": 2000.0, "straw mats": 100.0}
    assert budget.crew_hours == {"public_works": 40.0}
    assert budget_of(view, {"depots": {"shift_hours": 12}}).crew_hours == {"public_works": 60.0}


def test_what_the_depots_do_not_say_is_not_known() -> None:
    assert not budget_of(depots(), {}).known
    assert budget_of(depots({"salt_stock": 1.0}), {}).material == {"kg salt": 1000.0}
    assert budget_of(depots({"salt_stock": 1.0}), {}).crew_hours == {}


@pytest.mark.parametrize("shift", [0, -8, 25, "long", True, math.nan])
def test_a_shift_that_makes_no_sense_is_refused(shift: object) -> None:
    with pytest.raises(LingjingError, match=r"decision\.bad-budget"):
        budget_of(depots({"crews": 1.0}), {"depots": {"shift_hours": shift}})
