"""Work that could be done, and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lingjing.vocabulary import Locale

Text = Mapping[Locale, str]
"""One sentence in every language."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a sentence in each language, and the numbers it rests on, by name."""

    text: Text
    numbers: Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work a scenario proposes.

    Attributes:
        id: Stable between runs of one record (`coldwave:salt:<target>`).
        action: An action that the scenario's manifest declares (`salt`, `insulate`, `check`).
        target: Id of the entity the crew goes to (a road segment, a building, a facility).
        assets: Ids of the assets it protects.
        title: What to do where, for people.
        place: Name of the street or sub-district, for people; may be empty.
        longitude_deg, latitude_deg: Where to go, WGS 84.
        hazard: The event quantity it averts (`plugged`, `road_slippery`).
        probability: That the hazard strikes at least one of the assets, 0 to 1.
        expected_failures: Sum of the assets' probabilities.
        weight: Harm if it strikes, in household-equivalents (see the pack's `weights`), already
            summed over the assets with their probabilities: the expected harm.
        averted_share: Share of that harm which the work averts, 0 to 1.
        onset_hours: When the hazard is expected, median, hours after the window's start.
        onset_early_hours: The early (10 %) estimate of the same.
        owner: Who has to do it (`water_company`, `property_company`, `public_works`, …).
        effort_minutes: Working time of one crew.
        amount: How much material, 0 where none.
        amount_unit: Its unit (`kg salt`, `straw mats`), empty where none.
        reason: Why.
    """

    id: str
    action: str
    target: str
    assets: tuple[str, ...]
    title: Text
    place: str
    longitude_deg: float
    latitude_deg: float
    hazard: str
    probability: float
    expected_failures: float
    weight: float
    averted_share: float
    onset_hours: float
    onset_early_hours: float
    owner: str
    effort_minutes: float
    amount: float
    amount_unit: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Ranked:
    """A piece of work with its place in the plan.

    Attributes:
        rank: 1 is first.
        work: The work.
        score: Expected harm avoided, in household-equivalents, weighted by lead time.
        reason: Why it stands here: the factors of the score, in words and numbers.
        covered: Whether material and crews reach for it; None where that is not known.
        coverage: Why it is covered or not; None where nothing was allocated.
    """

    rank: int
    work: Work
    score: float
    reason: Reason
    covered: bool | None = None
    coverage: Reason | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How far one resource reaches.

    Attributes:
        kind: `material` or `crew_hours`.
        name: Unit of the material (`kg salt`), or owner of the crews.
        needed: What all work on the list needs, in that unit or in hours.
        held: What there is; None where it is not known.
        used: What the covered work takes; never more than `held`.
        needed_for_most: What the first jobs need that avert 80 % of the avoidable harm of all jobs
            that use the resource.
        jobs, covered, covered_from_top: Jobs that use it; how many of them are covered; how many
            before the first that is not.
        harm, harm_covered: Expected harm averted by those jobs [household-equivalents].
    """

    kind: str
    name: str
    needed: float
    held: float | None
    used: float
    needed_for_most: float
    jobs: int
    covered: int
    covered_from_top: int
    harm: float
    harm_covered: float


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How far material and crews reach; see `lingjing.decision.allocate` for the rule.

    Attributes:
        uses: Materials by unit, then crew hours by owner.
        shift_hours: Shift behind the crew hours [h]; NaN where none plays a part.
        jobs, covered, covered_from_top: Rows of the plan; how many are covered; how many before
            the first that is not.
        harm, harm_covered: Expected harm averted [household-equivalents]. Jobs that protect the
            same asset (a notice and a wrapping) each count their own.
    """

    uses: tuple[Use, ...]
    shift_hours: float
    jobs: int
    covered: int
    covered_from_top: int
    harm: float
    harm_covered: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All work in order, the most useful first, and what the budget allows of it.

    Attributes:
        rows: In order of rank.
        budget: None where nothing is known of material and crews.
    """

    rows: tuple[Ranked, ...] = field(default=())
    budget: BudgetUse | None = None
