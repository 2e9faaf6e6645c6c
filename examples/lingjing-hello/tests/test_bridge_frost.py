"""The contract every scenario keeps, and what this one knows about frost."""

import numpy as np
from lingjing_hello import BridgeFrost
from lingjing_hello.frost import deck_temperature, frost_depth

from lingjing.sdk import Outlook, Progress
from lingjing.sdk.testkit import ScenarioContract, Weather, small_outlook, small_twin


def still_night(weather: Weather = "cold") -> Outlook:
    """The test kit's weather, but clear, humid and still: frost weather where it is cold."""
    outlook = small_outlook(weather)
    air = outlook.forcings["air_temperature"]
    changed = {
        "cloud_cover": np.zeros_like(air),
        "wind_speed": np.full_like(air, 1.0),
        "dew_point": (air - 0.2).astype(np.float32),
    }
    return Outlook(**(vars(outlook) | {"forcings": dict(outlook.forcings) | changed}))


class TestContract(ScenarioContract):
    scenario_id = "bridge-frost"

    def outlook(self, weather: Weather) -> Outlook:
        return still_night(weather)


def test_a_clear_still_night_brings_frost_to_bridges_only() -> None:
    twin = small_twin()
    foreseen = BridgeFrost().foresee(twin, still_night(), seed=7, progress=Progress())
    roads = twin.view("RoadSegment")
    for outcome in foreseen.outcomes:
        assert set(outcome.assets) == set(roads.ids[roads.flag("bridge")])
    (frost,) = foreseen.of("road_frost")
    assert frost.levels is not None
    assert float(frost.levels[0, 0]) > 0.1


def test_clouds_keep_a_deck_as_warm_as_the_air() -> None:
    air, wind, dark = np.array(-1.0), np.array(0.5), np.array(0.0)
    assert deck_temperature(air, np.array(100.0), wind, dark) == air
    assert deck_temperature(air, np.array(0.0), wind, dark) < air


def test_dry_air_leaves_no_frost_and_a_warm_deck_loses_it() -> None:
    deck = np.array([[-3.0, -3.0, 1.0]])
    wind = np.full_like(deck, 2.0)
    assert frost_depth(deck, deck - 20.0, wind).max() == 0.0
    depth = frost_depth(deck, deck + 2.0, wind)[0]
    assert depth[1] > depth[0] > 0.0
    assert depth[2] == 0.0
