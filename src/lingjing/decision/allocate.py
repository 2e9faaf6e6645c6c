"""Say how far material and crews reach down the ranked list.

The rule: go down the list in order of rank; a job is covered where all that it needs of what is
known is still there, and takes it; a job that does not fit is left out, and the list goes on, so
that a large job without material does not idle the crews for the smaller ones behind it. The order
itself never changes.

What holds: the budget is never exceeded; no job left out would have fitted at its turn; the run of
covered jobs from the top never gets shorter with more of everything. What does not hold: with more
material the *total* harm averted can fall, since a large job that fits now may take the place of
several small ones behind it. Whoever wants the greatest total has a knapsack to solve; here a
job's place in the list counts first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lingjing.decision.budget import Budget
from lingjing.decision.work import BudgetUse, Plan, Ranked, Reason, Use, Work
from lingjing.vocabulary import catalogue

MOST = 0.8
"""Share of the avoidable harm for which `Use.needed_for_most` is given."""


def allocate(plan: Plan, budget: Budget) -> Plan:
    """Mark each row as covered or not, with the reason, and add up the use.

    Returns:
        The same rows in the same order. Where nothing at all is known of material and crews, no
        row is marked and `budget` stays None.
    """
    if not budget.known:
        return plan
    ledger = _Ledger(budget)
    rows = tuple(ledger.enter(row) for row in plan.rows)
    return Plan(rows, _use_of(rows, budget))


class _Ledger:
    """What has been used so far."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._material = dict.fromkeys(budget.material, 0.0)
        self._hours = dict.fromkeys(budget.crew_hours, 0.0)

    def enter(self, row: Ranked) -> Ranked:
        work = row.work
        hours = work.effort_minutes / 60.0
        unit = work.amount_unit
        if work.amount > 0 and unit not in self._budget.material:
            return replace(row, covered=None, coverage=_reason("unknown", work, {}))
        numbers = self._left(work)
        if work.amount > 0 and self._material[unit] + work.amount > self._budget.material[unit]:
            return replace(row, covered=False, coverage=_reason("no_material", work, numbers))
        limited = work.owner in self._hours
        if limited and self._hours[work.owner] + hours > self._budget.crew_hours[work.owner]:
            return replace(row, covered=False, coverage=_reason("no_crew", work, numbers))
        if work.amount > 0:
            self._material[unit] += work.amount
        if limited:
            self._hours[work.owner] += hours
        key = "covered" if limited else "covered_crew_unknown"
        return replace(row, covered=True, coverage=_reason(key, work, numbers))

    def _left(self, work: Work) -> dict[str, float]:
        """What is left at the turn of a piece of work."""
        left = {}
        if work.amount > 0:
            held = self._budget.material[work.amount_unit]
            left["material_left"] = held - self._material[work.amount_unit]
        if work.owner in self._hours:
            left["crew_hours_left"] = self._budget.crew_hours[work.owner] - self._hours[work.owner]
        return left


def _reason(key: str, work: Work, left: dict[str, float]) -> Reason:
    hours = work.effort_minutes / 60.0
    texts = catalogue("lingjing.decision")
    part = f"{key}_material" if work.amount > 0 and key.startswith("covered") else key
    unit = {
        locale: messages.get(f"unit.{work.amount_unit.replace(' ', '_')}", work.amount_unit)
        for locale, messages in texts.texts.items()
    }
    said = {
        locale: texts.text(
            f"coverage.{part}",
            locale,
            amount=f"{work.amount:.1f}",
            unit=unit[locale],
            left=f"{left.get('material_left', 0.0):.1f}",
            hours=f"{hours:.1f}",
            hours_left=f"{left.get('crew_hours_left', 0.0):.1f}",
        )
        for locale in texts.texts
    }
    return Reason(said, {"amount": work.amount, "crew_hours": hours, **left})


def _harm(row: Ranked) -> float:
    """Expected harm that the work averts [household-equivalents]."""
    return row.work.weight * row.work.averted_share


def _use_of(rows: Sequence[Ranked], budget: Budget) -> BudgetUse:
    units = {row.work.amount_unit for row in rows if row.work.amount > 0}
    owners = {row.work.owner for row in rows if row.work.effort_minutes > 0}
    uses = []
    for unit in sorted(units | set(budget.material)):
        takers = [row for row in rows if row.work.amount > 0 and row.work.amount_unit == unit]
        amounts = [row.work.amount for row in takers]
        uses.append(_use("material", unit, takers, amounts, budget.material.get(unit)))
    for owner in sorted(owners | set(budget.crew_hours)):
        takers = [row for row in rows if row.work.effort_minutes > 0 and row.work.owner == owner]
        hours = [row.work.effort_minutes / 60.0 for row in takers]
        uses.append(_use("crew_hours", owner, takers, hours, budget.crew_hours.get(owner)))
    return BudgetUse(
        uses=tuple(uses),
        shift_hours=budget.shift_hours,
        jobs=len(rows),
        covered=sum(row.covered is True for row in rows),
        covered_from_top=_from_top(rows),
        harm=sum(_harm(row) for row in rows),
        harm_covered=sum(_harm(row) for row in rows if row.covered),
    )


def _use(
    kind: str, name: str, takers: Sequence[Ranked], amounts: Sequence[float], held: float | None
) -> Use:
    harms = [_harm(row) for row in takers]
    return Use(
        kind=kind,
        name=name,
        needed=sum(amounts),
        held=held,
        used=sum(amount for row, amount in zip(takers, amounts, strict=True) if row.covered),
        needed_for_most=_until(amounts, harms, MOST),
        jobs=len(takers),
        covered=sum(row.covered is True for row in takers),
        covered_from_top=_from_top(takers),
        harm=sum(harms),
        harm_covered=sum(harm for row, harm in zip(takers, harms, strict=True) if row.covered),
    )


def _from_top(rows: Sequence[Ranked]) -> int:
    """How many rows are covered before the first that is not."""
    return next((place for place, row in enumerate(rows) if not row.covered), len(rows))


def _until(amounts: Sequence[float], harms: Sequence[float], share: float) -> float:
    """What the first rows need that together avert a share of the harm."""
    wanted, taken, averted = share * sum(harms), 0.0, 0.0
    for amount, harm in zip(amounts, harms, strict=True):
        if averted >= wanted:
            break
        taken, averted = taken + amount, averted + harm
    return taken
