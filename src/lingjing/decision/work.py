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
    """

    rank: int
    work: Work
    score: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """All work in order, the most useful first."""

    rows: tuple[Ranked, ...] = field(default=())
