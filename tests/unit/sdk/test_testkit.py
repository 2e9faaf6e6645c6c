"""The contract class finds liars, and the small district and weather are sound."""

# ruff: noqa: ARG002, ARG005 (the contract names the arguments)
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from lingjing.sdk import (
    FORCINGS,
    Action,
    Alarm,
    Foreseen,
    Manifest,
    Outcome,
    Outlook,
    Progress,
    Scenario,
    Twin,
    Work,
    ensemble,
)
from lingjing.sdk.testkit import (
    Reordered,
    ScenarioContract,
    fingerprint,
    small_outlook,
    small_twin,
    small_weather,
)

MANIFEST = Manifest(
    id="honest", api=1, title_zh="诚", title_en="Honest", summary_zh="诚。", summary_en="Honest.",
    needs=("air_temperature",), kinds=("RoadSegment",),
    emits=("road_surface_temperature", "road_below_zero"),
    actions=(Action("inspect", "巡查", "Patrol"),), time_limit_s=60.0, package="x", class_name="X",
)  # fmt: skip


class Honest(Scenario):
    """Roads as cold as the air, warmer by their sky-view factor."""

    def wake(self, outlook: Outlook) -> Alarm | None:
        frost = float(outlook.within("air_temperature").min()) < 0
        return Alarm("act", {"zh-CN": "冷", "en": "cold"}) if frost else None

    def foresee(self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress) -> Foreseen:
        roads = twin.view("RoadSegment")
        warmer = (1.0 - roads.number("sky_view_factor", 1.0)).astype(np.float32)
        surface = outlook.within("air_temperature")[None] + warmer[:, None, None]
        below = surface < 0
        situation = np.arange(len(roads), dtype=np.int32)
        state = Outcome(
            "road_surface_temperature", "RoadSegment", roads.ids, situation,
            levels=ensemble.percentiles(surface.min(axis=2)), fan=ensemble.percentiles(surface),
        )  # fmt: skip
        event = Outcome(
            "road_below_zero", "RoadSegment", roads.ids, situation,
            probability=ensemble.probability(below.any(axis=2)),
            onset_hours=ensemble.onset_percentiles(ensemble.first_hours(below)),
            hourly=ensemble.probability(below),
        )  # fmt: skip
        return Foreseen((state, event))

    def answer(self, twin: Twin, foreseen: Foreseen) -> Sequence[Work]:
        return ()


def spoiled(spoil: Callable[[Outcome], Outcome]) -> type[Scenario]:
    class Liar(Honest):
        def foresee(
            self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress
        ) -> Foreseen:
            honest = super().foresee(twin, outlook, seed=seed, progress=progress)
            return Foreseen(tuple(spoil(item) for item in honest.outcomes))

    return Liar


class Insomniac(Honest):
    def wake(self, outlook: Outlook) -> Alarm | None:
        return Alarm("act", {"zh-CN": "冷", "en": "cold"})


class Sleeper(Honest):
    def wake(self, outlook: Outlook) -> Alarm | None:
        return None


class Meddler(Honest):
    def foresee(self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress) -> Foreseen:
        outlook.forcings["air_temperature"][:] -= 0.5
        return super().foresee(twin, outlook, seed=seed, progress=progress)


class Orderly(Honest):
    """Gives the first asset of the view a colder road: order matters, which it must not."""

    def foresee(self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress) -> Foreseen:
        honest = super().foresee(twin, outlook, seed=seed, progress=progress)
        state, event = honest.outcomes
        assert state.levels is not None
        levels = state.levels.copy()
        levels[0] -= 1.0
        return Foreseen((replace(state, levels=levels), event))


def random_levels(outcome: Outcome) -> Outcome:
    if outcome.levels is None:
        return outcome
    noise = np.float32(np.random.default_rng().random())
    return replace(outcome, levels=outcome.levels + noise)


def gap(outcome: Outcome) -> Outcome:
    if outcome.fan is None:
        return outcome
    fan = outcome.fan.copy()
    fan[0, 0, 0] = np.nan
    return replace(outcome, fan=fan)


def contract(scenario: type[Scenario]) -> ScenarioContract:
    class Contract(ScenarioContract):
        scenario_id = "honest"

        def manifest(self) -> Manifest:
            return MANIFEST

        def scenario(self) -> Scenario:
            return scenario()

        def outlook(self, weather: str) -> Outlook:
            return OUTLOOKS[weather]

    return Contract()


OUTLOOKS = {"cold": small_outlook("cold"), "mild": small_outlook("mild")}
CHECKS = [name for name in dir(ScenarioContract) if name.startswith("test_")]


@pytest.mark.parametrize("check", CHECKS)
def test_an_honest_scenario_passes_every_check(check: str) -> None:
    getattr(contract(Honest), check)()


LIARS: dict[str, tuple[type[Scenario], str]] = {
    "insomniac": (Insomniac, "test_it_sleeps_through_other_weather"),
    "sleeper": (Sleeper, "test_it_wakes_for_the_weather_it_fears"),
    "orderly": (Orderly, "test_the_order_of_assets_does_not_matter"),
    "random": (spoiled(random_levels), "test_the_same_arguments_give_the_same_bytes"),
    "gap": (spoiled(gap), "test_outcomes_keep_the_promises"),
    "unpromised": (
        spoiled(lambda item: replace(item, quantity="road_frost")),
        "test_outcomes_keep_the_promises",
    ),
}


@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_is_found_out(liar: str) -> None:
    scenario, check = LIARS[liar]
    with pytest.raises(AssertionError):
        getattr(contract(scenario), check)()


def test_one_who_changes_the_weather_is_found_out() -> None:
    class Own(ScenarioContract):
        scenario_id = "honest"

        def scenario(self) -> Scenario:
            return Meddler()

        def outlook(self, weather: str) -> Outlook:
            whole = OUTLOOKS[weather]
            return replace(whole, forcings={k: v.copy() for k, v in whole.forcings.items()})

    own = Own()
    kept = own.outlook("cold")
    own.outlook = lambda weather: kept  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="changes the forcings"):
        own.test_it_leaves_the_outlook_alone()


def test_the_small_weather_is_cold_or_mild_and_complete() -> None:
    assert float(OUTLOOKS["cold"].within("air_temperature").max(axis=1).min()) < 4
    assert float(OUTLOOKS["mild"].forcings["air_temperature"].min()) > 8
    assert set(OUTLOOKS["cold"].forcings) == set(FORCINGS)
    assert small_weather(members=1).members == 1
    assert small_weather().provenance.synthetic


def test_the_shuffled_district_holds_the_same_assets() -> None:
    twin = small_twin()
    shuffled = Reordered(twin, seed=3)
    for kind in twin.kinds():
        assert set(shuffled.view(kind).ids) == set(twin.view(kind).ids)
    roads, mixed = twin.view("RoadSegment"), shuffled.view("RoadSegment")
    assert list(roads.ids) != list(mixed.ids)
    lanes = dict(zip(roads.ids, roads.number("lanes"), strict=True))
    assert dict(zip(mixed.ids, mixed.number("lanes"), strict=True)) == lanes


def test_a_fingerprint_tells_results_apart() -> None:
    twin, outlook = small_twin(), OUTLOOKS["cold"]
    foreseen = Honest().foresee(twin, outlook, seed=7, progress=Progress())
    other = Foreseen(foreseen.outcomes[:1])
    assert fingerprint(foreseen, ()) == fingerprint(foreseen, ())
    assert fingerprint(foreseen, ()) != fingerprint(other, ())
