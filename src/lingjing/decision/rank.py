"""Put work in order: the most harm avoided first, sooner before later, never by input order.

The score of a piece of work, in household-equivalents, is

    score = expected harm × averted share × lead factor

*Expected harm* and *averted share* come from the scenario (`Work.weight`, `Work.averted_share`).
The *lead factor* (0 to 1) weighs time. With L the early (10 %) estimate of the onset [h] and
R = mobilisation + effort the time a crew needs [h]:

- L ≥ R (there is time): 0.5 ^ ((L − R) / half-life): what strikes sooner comes first, what can
  wait can be decided again on a later forecast;
- 0 ≤ L < R (a crew comes late): from `late_share` at L = 0 straight up to 1 at L = R: part of the
  harm is done before anyone is there;
- no onset known: `unknown_share`.

The constants are policy, not physics: they are this project's own choice, open to every district
through the table `ranking` of its pack, and recorded with the plan's numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from lingjing.decision.work import Plan, Ranked, Reason, Work
from lingjing.vocabulary import LingjingError, Place, catalogue


@dataclass(frozen=True, slots=True)
class RankingPolicy:
    """The constants of the lead factor.

    Attributes:
        mobilisation_hours: From the order to the crew's arrival [h], ≥ 0.
        half_life_hours: Spare lead time that halves the urgency [h], > 0.
        late_share: Share of the avoidable harm still avoided when the hazard is already there.
        unknown_share: Lead factor of work whose onset is not known.
    """

    mobilisation_hours: float = 1.0
    half_life_hours: float = 48.0
    late_share: float = 0.3
    unknown_share: float = 0.5

    def __post_init__(self) -> None:
        within = {
            "mobilisation_hours": 0 <= self.mobilisation_hours < math.inf,
            "half_life_hours": 0 < self.half_life_hours < math.inf,
            "late_share": 0 <= self.late_share <= 1,
            "unknown_share": 0 <= self.unknown_share <= 1,
        }
        for name, fine in within.items():
            if not fine:
                raise LingjingError(
                    "decision.bad-policy",
                    Place(field=f"ranking.{name}"),
                    name=name,
                    value=getattr(self, name),
                )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> RankingPolicy:
        """The policy of a district: its pack's table `ranking`, defaults where it says nothing.

        Raises:
            LingjingError: `decision.bad-policy` for an unknown name or a value out of range.
        """
        table = settings.get("ranking", {})
        known = {item.name for item in fields(cls)}
        values: dict[str, float] = {}
        for name, value in table.items():
            if name == "source":
                continue
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if name not in known or not number:
                raise LingjingError(
                    "decision.bad-policy", Place(field=f"ranking.{name}"), name=name, value=value
                )
            values[name] = float(value)
        return cls(**values)

    def response_hours(self, effort_minutes: float) -> float:
        """Time from the order until the work is done [h]."""
        return self.mobilisation_hours + effort_minutes / 60.0

    def lead_factor(self, onset_early_hours: float, effort_minutes: float) -> float:
        """How much the time of onset weighs, 0 to 1; see the module's text."""
        if math.isnan(onset_early_hours):
            return self.unknown_share
        response = self.response_hours(effort_minutes)
        lead = max(onset_early_hours, 0.0)
        if lead < response:
            return float(self.late_share + (1.0 - self.late_share) * lead / response)
        return float(0.5 ** ((lead - response) / self.half_life_hours))


def score(work: Work, policy: RankingPolicy) -> float:
    """Expected harm avoided, weighted by lead time [household-equivalents]."""
    lead = policy.lead_factor(work.onset_early_hours, work.effort_minutes)
    return work.weight * work.averted_share * lead


def _check(work: Work) -> None:
    """Refuse numbers that would make the order meaningless.

    Raises:
        LingjingError: `decision.bad-work`.
    """
    numbers = {
        "probability": (work.probability, 0.0, 1.0),
        "averted_share": (work.averted_share, 0.0, 1.0),
        "weight": (work.weight, 0.0, math.inf),
        "expected_failures": (work.expected_failures, 0.0, math.inf),
        "effort_minutes": (work.effort_minutes, 0.0, math.inf),
        "amount": (work.amount, 0.0, math.inf),
    }
    for name, (value, lower, upper) in numbers.items():
        if not (lower <= value <= upper) or math.isinf(value):
            raise LingjingError(
                "decision.bad-work", Place(field=name), work=work.id, name=name, value=value
            )


def _order(work: Work, points: float) -> tuple[float, float, float, str]:
    """Sort key: score, then probability, then the sooner, then the id, so no tie is left."""
    onset = math.inf if math.isnan(work.onset_early_hours) else work.onset_early_hours
    return (-points, -work.probability, onset, work.id)


def _reason(work: Work, rank: int, points: float, policy: RankingPolicy) -> Reason:
    """Why the work stands here, with the factors of its score."""
    lead = policy.lead_factor(work.onset_early_hours, work.effort_minutes)
    response = policy.response_hours(work.effort_minutes)
    known = not math.isnan(work.onset_early_hours)
    if not known:
        key = "rank.unknown"
    elif work.onset_early_hours < response:
        key = "rank.late"
    else:
        key = "rank.in_time"
    text = catalogue("lingjing.decision").both(
        key,
        rank=rank,
        harm=f"{work.weight:.1f}",
        share=f"{work.averted_share * 100:.0f}",
        lead=f"{lead:.2f}",
        score=f"{points:.1f}",
        probability=f"{work.probability * 100:.0f}",
        onset=f"{work.onset_early_hours:.0f}" if known else "",
        response=f"{response:.1f}",
    )
    numbers: dict[str, float | int | str] = {
        "expected_harm": work.weight,
        "averted_share": work.averted_share,
        "lead_factor": lead,
        "probability": work.probability,
        "response_hours": response,
        "score": points,
    }
    if known:
        numbers["onset_early_hours"] = work.onset_early_hours
    return Reason(text, numbers)


def rank(works: Sequence[Work], policy: RankingPolicy | None = None) -> Plan:
    """Order the work by expected harm avoided.

    Args:
        works: Proposals, in any order; the plan does not depend on it.
        policy: Constants of the lead factor; the defaults where None.

    Raises:
        LingjingError: `decision.duplicate-work` where two proposals share an id;
            `decision.bad-work` where a number is NaN or out of range.
    """
    policy = policy or RankingPolicy()
    seen: set[str] = set()
    for work in works:
        if work.id in seen:
            raise LingjingError("decision.duplicate-work", work=work.id)
        seen.add(work.id)
        _check(work)
    scored = [(work, score(work, policy)) for work in works]
    scored.sort(key=lambda pair: _order(*pair))
    return Plan(
        tuple(
            Ranked(place, work, points, _reason(work, place, points, policy))
            for place, (work, points) in enumerate(scored, start=1)
        )
    )
