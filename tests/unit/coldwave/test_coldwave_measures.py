"""Measures that the cold wave knows of: a running tap, a round of salt, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from lingjing.forecast.outlook import Outlook
from lingjing.scenarios.coldwave import Coldwave
from lingjing.sdk import Foreseen, Outcome, Progress, Remedy
from lingjing.twin.entities import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import Attribute, Provenance

MakeTwin = Callable[..., MemoryTwin]
MakeOutlook = Callable[..., Outlook]
GIVEN = Provenance("inferred", "test")


def foresee(twin: MemoryTwin, outlook: Outlook) -> Foreseen:
    return Coldwave().foresee(twin, outlook, seed=7, progress=Progress())


def chance(foreseen: Foreseen, name: str, local: str) -> float:
    for outcome in foreseen.of(name):
        for row, item in enumerate(outcome.assets):
            if str(item).endswith(f":{local}") and outcome.probability is not None:
                return float(outcome.probability[outcome.situation[row]])
    raise AssertionError(local)


def with_values(local: str, **values: float) -> Callable[[list[Entity]], list[Entity]]:
    """The district with some attributes of one asset set."""

    def change(entities: list[Entity]) -> list[Entity]:
        made = {name: Attribute(value, GIVEN) for name, value in values.items()}
        return [
            msgspec.structs.replace(item, attributes={**item.attributes, **made})
            if item.id.endswith(f":{local}")
            else item
            for item in entities
        ]

    return change


def proposed(twin: MemoryTwin, asset: str, foreseen: Foreseen) -> dict[str, Remedy]:
    return {item.id: item for item in Coldwave().remedies(twin, asset, foreseen)}


def test_a_running_tap_keeps_its_pipe_open_and_the_more_it_runs_the_better(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(-7.0)
    chances = [
        chance(foresee(make_twin(change=with_values("box-0", drip_flow=flow)), outlook),
               "plugged", "box-0")
        for flow in (0.0, 0.5, 10.0)
    ]  # fmt: skip
    assert chances[0] > 0.7
    assert chances[0] >= chances[1] >= chances[2]
    assert chances[2] == 0.0


def test_a_measure_at_one_asset_leaves_all_others_as_they_were(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(-7.0, rain_mm_h=0.5)
    plain = foresee(make_twin(), outlook)
    dripping = foresee(make_twin(change=with_values("box-0", drip_flow=10.0)), outlook)
    salted = foresee(make_twin(change=with_values("road-0", salt_round=20.0)), outlook)
    for local in ("box-1", "box-2"):
        assert chance(dripping, "plugged", local) == chance(plain, "plugged", local)
    for local in ("road-1", "road-2", "road-5"):
        assert chance(salted, "road_slippery", local) == chance(plain, "road_slippery", local)


def test_a_round_of_salt_keeps_a_thin_film_from_freezing(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(-3.0, rain_mm_h=0.05)
    hours = {"salt_round_hour": 19.0}  # as the rain ends
    icy = [
        hours_held(foresee(make_twin(change=with_values("road-0", salt_round=dose, **hours)),
                           outlook), "road-0")
        for dose in (0.0, 10.0, 40.0)
    ]  # fmt: skip
    assert icy[0] > icy[1] >= icy[2]


def hours_held(foreseen: Foreseen, local: str) -> float:
    """Expected hours at which a road is slippery."""
    outcome: Outcome = next(iter(foreseen.of("road_slippery")))
    row = next(i for i, item in enumerate(outcome.assets) if str(item).endswith(f":{local}"))
    assert outcome.hourly is not None
    return float(np.sum(outcome.hourly[outcome.situation[row]], dtype=np.float64))


def test_salt_that_comes_after_the_window_changes_nothing(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(-7.0, rain_mm_h=0.5)
    plain = foresee(make_twin(), outlook)
    none = foresee(
        make_twin(change=with_values("road-0", salt_round=0.0, salt_round_hour=3.0)), outlook
    )
    for before, after in zip(plain.outcomes, none.outcomes, strict=True):
        assert before.situation.tobytes() == after.situation.tobytes()
        if before.hourly is not None and after.hourly is not None:
            assert before.hourly.tobytes() == after.hourly.tobytes()


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("urn:ngsi-ld:MeterBox:test:box-0",
         {"drip_2", "drip_10", "insulate_20", "insulate_40", "shut", "drain"}),
        ("urn:ngsi-ld:MeterBox:test:box-2", {"drip_2", "drip_10", "shut", "drain"}),
        ("urn:ngsi-ld:Riser:test:riser-0",
         {"drip_2", "drip_10", "insulate_20", "insulate_40", "drain"}),
        ("urn:ngsi-ld:WaterTank:test:tank", {"insulate_20", "insulate_40", "drain"}),
        ("urn:ngsi-ld:RoadSegment:test:road-0", {"salt_10", "salt_20", "salt_40"}),
        ("urn:ngsi-ld:RoadSegment:test:road-3", set()),  # a tunnel
        ("urn:ngsi-ld:Building:test:house-0", set()),
        ("urn:ngsi-ld:MeterBox:test:nowhere", set()),
    ],
)  # fmt: skip
def test_each_asset_is_offered_what_can_be_done_for_it(
    twin: MemoryTwin, make_outlook: MakeOutlook, asset: str, expected: set[str]
) -> None:
    found = proposed(twin, asset, foresee(twin, make_outlook(-7.0, rain_mm_h=0.5)))
    assert set(found) == expected
    for remedy in found.values():
        assert all(remedy.title.values())
        assert all(remedy.caveat.values())
        assert bool(remedy.sets) != remedy.empties


def test_broken_insulation_is_offered_mending(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    twin = make_twin(change=with_values("box-2", insulation_soundness=0.6))
    found = proposed(twin, "urn:ngsi-ld:MeterBox:test:box-2", foresee(twin, make_outlook(-7.0)))
    assert found["mend"].sets == {"insulation_soundness": 1.0}
    assert "60" in found["mend"].title["en"]


def test_the_round_of_salt_is_set_before_the_early_onset(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    foreseen = foresee(twin, make_outlook(-7.0, rain_mm_h=0.5))
    outcome = next(iter(foreseen.of("road_slippery")))
    assert outcome.onset_hours is not None
    early = float(outcome.of_assets(outcome.onset_hours)[0, 0])
    start_hour = 17  # 09:00 UTC in Shanghai
    wanted = (start_hour + int(max(early - 2.0, 0.0))) % 24
    found = proposed(twin, "urn:ngsi-ld:RoadSegment:test:road-0", foreseen)
    assert found["salt_20"].sets["salt_round_hour"] == wanted
    assert found["salt_40"].amount == pytest.approx(2 * found["salt_20"].amount, abs=0.1)
