"""Sensors correct the start of a run: their own place, and like places near them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lingjing.forecast.outlook import Outlook
from lingjing.forecast.readings import Heard, Readings
from lingjing.scenarios.coldwave import Coldwave
from lingjing.scenarios.coldwave.sensors import doubted
from lingjing.sdk import Foreseen, Outcome, Progress
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import Window, instant_of

ROAD = "urn:ngsi-ld:RoadSegment:test:road-0"
LIKE = "urn:ngsi-ld:RoadSegment:test:road-5"
TUNNEL = "urn:ngsi-ld:RoadSegment:test:road-3"
BOX = "urn:ngsi-ld:MeterBox:test:box-0"
BESIDE = "urn:ngsi-ld:MeterBox:test:box-1"
LAGGED = "urn:ngsi-ld:MeterBox:test:box-2"

MakeOutlook = Callable[..., Outlook]


def foresee(twin: MemoryTwin, outlook: Outlook, budget_bytes: int = 2**26) -> Foreseen:
    return Coldwave(budget_bytes).foresee(twin, outlook, seed=3, progress=Progress())


def outcome(foreseen: Foreseen, quantity: str, kind: str) -> Outcome:
    return next(item for item in foreseen.of(quantity) if item.kind == kind)


def median(foreseen: Foreseen, quantity: str, asset: str) -> NDArray[np.float32]:
    """Hourly median of an asset."""
    found = outcome(foreseen, quantity, asset.split(":")[2])
    assert found.fan is not None
    row = found.situation[list(found.assets).index(asset)]
    return found.fan[row, 2]


def gain(foreseen: Foreseen, quantity: str, asset: str) -> float:
    found = outcome(foreseen, quantity, asset.split(":")[2])
    assert found.sensor_gain is not None
    return float(found.sensor_gain[found.situation[list(found.assets).index(asset)]])


def whole(outlook: Outlook) -> Outlook:
    """The same weather as a window that begins with the spin-up."""
    start = instant_of(outlook.times[0])
    return replace(outlook, spin_up_hours=0, window=Window(start, outlook.times.size - 1))


def colder(outlook: Outlook, flux_W_m2: float) -> Outlook:
    sky = outlook.forcings["longwave_down"] - np.float32(flux_W_m2)
    return replace(outlook, forcings={**outlook.forcings, "longwave_down": sky})


def told(
    outlook: Outlook, kind: str, quantity: str, said: dict[str, NDArray[np.float32]]
) -> Outlook:
    """The outlook with sensors that said this on the hours to the start."""
    known = outlook.spin_up_hours + 1
    values = np.stack([item[:known].astype(np.float64) for item in said.values()])
    readings = Readings(kind, quantity, np.array(list(said), dtype=object), values)
    heard = tuple(Heard(asset, kind, quantity, "", None, known, 0, 24, 0.0) for asset in said)
    return replace(outlook, readings=(*outlook.readings, readings), heard=(*outlook.heard, *heard))


@pytest.fixture
def outlook(make_outlook: MakeOutlook) -> Outlook:
    return make_outlook(-5.0, members=4)


def test_a_road_sensor_corrects_its_own_road_and_one_like_it_nearby(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    """The true sky is 35 W/m² colder than the forecast's; one road knows it by its sensor."""
    outlook = make_outlook(-5.0, members=1)
    truth = foresee(twin, whole(colder(outlook, 35.0)))
    free = foresee(twin, outlook)
    sensed = foresee(
        twin,
        told(outlook, "RoadSegment", "road_surface_temperature",
             {ROAD: median(truth, "road_surface_temperature", ROAD)}),
    )  # fmt: skip
    night = slice(0, 5)
    first = outlook.spin_up_hours

    def error(foreseen: Foreseen, asset: str) -> float:
        real = median(truth, "road_surface_temperature", asset)[first:][night]
        return float(
            np.abs(median(foreseen, "road_surface_temperature", asset)[night] - real).mean()
        )

    assert error(sensed, ROAD) < 0.55 * error(free, ROAD)
    assert error(sensed, LIKE) < 0.75 * error(free, LIKE)
    assert error(free, LIKE) > 0.5
    assert gain(sensed, "road_slippery", ROAD) == 1.0
    assert 0.5 < gain(sensed, "road_slippery", LIKE) < 0.81
    bridge = gain(sensed, "road_slippery", "urn:ngsi-ld:RoadSegment:test:road-1")
    assert bridge < 0.3
    (verdict,) = sensed.heard
    assert verdict.reason is None
    assert verdict.gain == 1.0
    found = dict(verdict.correction)
    assert found["lacking_W_m2"] == pytest.approx(-0.95 * 0.7 * 35.0, abs=4.0)
    assert found["misfit_K"] < -0.5
    assert outcome(free, "road_slippery", "RoadSegment").sensor_gain is None


def test_the_blocks_do_not_change_what_sensors_teach(twin: MemoryTwin, outlook: Outlook) -> None:
    said = {ROAD: np.linspace(2.0, -3.0, outlook.times.size, dtype=np.float32)}
    heard = told(outlook, "RoadSegment", "road_surface_temperature", said)
    one, many = (foresee(twin, heard, budget) for budget in (2**28, 1))
    for left, right in zip(one.outcomes, many.outcomes, strict=True):
        for name in ("fan", "levels", "probability", "hourly", "sensor_gain"):
            a, b = getattr(left, name), getattr(right, name)
            assert (a is None) == (b is None)
            if a is not None:
                assert a.tobytes() == b.tobytes(), (left.quantity, name)


def test_a_sensor_that_fits_neither_weather_nor_place_is_refused_and_changes_nothing(
    twin: MemoryTwin, outlook: Outlook
) -> None:
    hot = np.full(outlook.times.size, 30.0, dtype=np.float32)
    mad = foresee(
        twin,
        told(outlook, "RoadSegment", "road_surface_temperature", {ROAD: hot, TUNNEL: hot}),
    )
    free = foresee(twin, outlook)
    assert {item.asset: item.reason for item in mad.heard} == {
        ROAD: "unlike-the-weather", TUNNEL: "not-modelled",
    }  # fmt: skip
    assert all(item.gain == 0.0 for item in mad.heard)
    for left, right in zip(free.outcomes, mad.outcomes, strict=True):
        if left.fan is not None and right.fan is not None:
            assert left.fan.tobytes() == right.fan.tobytes()


def test_one_sensor_that_differs_from_all_its_peers_is_odd() -> None:
    misfit = np.random.default_rng(1).normal(0.5, 0.6, (6, 30))
    misfit[2] += 5.0
    assert doubted(misfit).tolist() == [None, None, "unlike-its-peers", None, None, None]
    assert doubted(misfit[:3]).tolist() == [None, None, None]  # too few to tell who is odd


def test_a_sensor_in_a_box_narrows_the_physics_of_its_place_and_of_a_like_box_beside_it(
    twin: MemoryTwin, outlook: Outlook
) -> None:
    """Real boxes lose heat half as fast again as assumed: the sensor's one and its neighbour."""
    free = foresee(twin, outlook)
    windy = {**outlook.forcings, "wind_speed": outlook.forcings["wind_speed"] * np.float32(2.5)}
    truth = foresee(twin, whole(replace(outlook, forcings=windy)))
    real = median(truth, "water_temperature", BOX)
    assert real[outlook.spin_up_hours] > -1.0
    sensed = foresee(twin, told(outlook, "MeterBox", "water_temperature", {BOX: real}))
    (verdict,) = sensed.heard
    assert verdict.reason is None
    assert 0.1 < verdict.gain <= 1.0
    assert 1.0 <= dict(verdict.correction)["effective_members"] <= 4.0
    assert gain(sensed, "plugged", BOX) == pytest.approx(verdict.gain)
    assert 0.0 < gain(sensed, "plugged", BESIDE) <= gain(sensed, "plugged", BOX)
    assert gain(sensed, "plugged", LAGGED) == 0.0  # wrapped: another kind of place
    same = median(sensed, "water_temperature", LAGGED), median(free, "water_temperature", LAGGED)
    assert same[0].tobytes() == same[1].tobytes()


def test_measured_supply_takes_the_place_of_the_assumed_one(
    twin: MemoryTwin, outlook: Outlook
) -> None:
    said = {BOX: np.full(outlook.times.size, 9.0, dtype=np.float32)}
    sensed = foresee(twin, told(outlook, "MeterBox", "supply_temperature", said))
    free = foresee(twin, outlook)
    (verdict,) = sensed.heard
    assert dict(verdict.correction) == {"supply_temperature_change_K": 4.0}
    warmer = median(sensed, "water_temperature", BOX) - median(free, "water_temperature", BOX)
    assert warmer.max() > 1.0
    untouched = (
        median(sensed, "water_temperature", BESIDE),
        median(free, "water_temperature", BESIDE),
    )
    assert untouched[0].tobytes() == untouched[1].tobytes()
