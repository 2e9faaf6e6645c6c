"""For scenario authors' tests: a small district, cold and mild weather, and the contract.

```python
from lingjing.sdk.testkit import ScenarioContract

class TestMyScenario(ScenarioContract):
    scenario_id = "my-scenario"
```

pytest collects the class and holds the scenario to its promises. Needs pytest; nothing else in the
sdk does.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Literal

import msgspec
import numpy as np
import shapely

from lingjing.decision.work import Work
from lingjing.forecast.outcomes import LEVELS, Outcome
from lingjing.forecast.outlook import FORCINGS, Outlook
from lingjing.forecast.prepare import prepare_outlook
from lingjing.sdk.contract import API_NUMBER, Foreseen, Manifest, Progress, Scenario
from lingjing.sdk.registry import find, load
from lingjing.sdk.remedy_checks import check_remedy
from lingjing.twin.contract import Twin
from lingjing.twin.entities import District, Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.twin.views import TwinView
from lingjing.vocabulary import (
    LOCALES,
    Attribute,
    AttributeValue,
    Provenance,
    WeatherTable,
    Window,
    kinds,
    moment_of,
    quantity,
)

Weather = Literal["cold", "mild"]
START = datetime(2023, 12, 20, 9, tzinfo=UTC)
HOURS = 48
SPIN_UP_HOURS = 24
LONGITUDE_DEG, LATITUDE_DEG = 121.52, 31.29
SOURCE = "lingjing.sdk.testkit"
_STEP_DEG = 0.001
_MADE = Provenance("simulated", SOURCE, rule="test-district", confidence=0.5, synthetic=True)

_WATER: dict[str, AttributeValue] = {
    "owner": "property_company",
    "material": "galvanised_steel",
    "location": "facade",
    "inner_diameter": 15.0,
    "wall_thickness": 2.75,
    "insulation_thickness": 0.0,
    "insulation_conductivity": 0.04,
    "supply_temperature": 6.0,
    "wind_exposure": 0.7,
    "enclosure_lag": 0.0,
    "households": 12.0,
}
_TANK: dict[str, AttributeValue] = {
    name: value
    for name, value in _WATER.items()
    if name not in ("inner_diameter", "wall_thickness")
} | {"location": "roof", "material": "concrete", "volume": 12.0, "water_depth": 1.5}


def small_district(name: str = "testville") -> District:
    """The record of a made-up district."""
    return District(
        name=name,
        pack="testkit",
        title_zh="测试城区",
        title_en="Test district",
        settings={"time_zone": "Asia/Shanghai"},
        bounds=(LONGITUDE_DEG, LATITUDE_DEG, LONGITUDE_DEG + 0.01, LATITUDE_DEG + 0.01),
        synthetic=True,
        updated_at="2023-12-01T00:00:00Z",
    )


def small_entities(name: str = "testville") -> list[Entity]:
    """Two sub-districts with roads, a bridge, houses, their water installations and a depot."""
    made: list[Entity] = []
    for side, sub_district in enumerate(("西街道", "东街道")):
        west = LONGITUDE_DEG + 0.005 * side
        made.append(_area(name, f"sub-{side}", west, sub_district))
        for row in range(3):
            latitude = LATITUDE_DEG + 0.002 * (row + 1)
            place: dict[str, AttributeValue] = {"sub_district": sub_district}
            local = f"{side}-{row}"
            made += [
                _road(name, local, west, latitude, place, bridge=row == 2),
                *_house(name, local, west + 0.002, latitude + 0.0005, place, lagged=row == 1),
            ]
    hospital: dict[str, AttributeValue] = {
        "name": "测试医院",
        "facility_kind": "hospital",
        "beds": 200.0,
        "sub_district": "西街道",
    }
    depot: dict[str, AttributeValue] = {
        "name": "测试物资点",
        "salt_stock": 20.0,
        "straw_mats": 300.0,
        "crews": 4.0,
        "sub_district": "东街道",
    }
    latitude = LATITUDE_DEG + 0.004
    for kind, longitude, values in (
        ("Facility", LONGITUDE_DEG + 0.004, hospital),
        ("Depot", LONGITUDE_DEG + 0.006, depot),
    ):
        made.append(_entity(name, kind, kind.lower(), shapely.Point(longitude, latitude), values))
    return made


def small_twin(name: str = "testville") -> MemoryTwin:
    """A made-up district of about fifty entities, with every exposed kind in it."""
    return MemoryTwin(small_district(name), small_entities(name))


def small_weather(weather: Weather = "cold", *, members: int = 5) -> WeatherTable:
    """Made-up hourly weather: an advection of cold air, or quiet mild days; members differ."""
    hours = np.arange(SPIN_UP_HOURS + HOURS + 1)
    times = moment_of(START) + (hours - SPIN_UP_HOURS).astype("timedelta64[h]")
    day = np.cos(2 * np.pi * (hours - SPIN_UP_HOURS - 21) / 24)
    mean = 16.0 + 0.0 * hours if weather == "mild" else 4.0 - 0.22 * hours
    spread = np.linspace(-1.0, 1.0, members)[:, None] if members > 1 else np.zeros((1, 1))
    air = mean + 2.5 * day + spread * (hours / 48.0)
    rain = np.where((hours >= SPIN_UP_HOURS + 4) & (hours < SPIN_UP_HOURS + 10), 0.8, 0.0)
    wet = 0.0 if weather == "mild" else 1.0
    columns = {
        "air_temperature": air,
        "relative_humidity": np.broadcast_to(75.0 - 10.0 * day, air.shape),
        "wind_speed": np.broadcast_to(4.0 + 0.5 * day, air.shape),
        "precipitation": np.broadcast_to(wet * rain, air.shape),
        "cloud_cover": np.broadcast_to(np.where(rain > 0, 95.0, 35.0), air.shape),
    }
    return WeatherTable(
        name=f"testkit-{weather}",
        times=times.astype("datetime64[s]"),
        columns={name: values.astype(np.float32) for name, values in columns.items()},
        methods=dict.fromkeys(columns, "forecast"),
        provenance=Provenance("simulated", SOURCE, rule="test-weather", synthetic=True),
        attribution="Lingjing test kit (synthetic)",
        longitude_deg=LONGITUDE_DEG,
        latitude_deg=LATITUDE_DEG,
    )


def small_outlook(weather: Weather = "cold", *, members: int = 5, hours: int = HOURS) -> Outlook:
    """The outlook over `small_weather`, complete in every forcing."""
    return prepare_outlook(
        small_weather(weather, members=members),
        Window(START, hours),
        members=members,
        seed=7,
        longitude_deg=LONGITUDE_DEG,
        latitude_deg=LATITUDE_DEG,
        spin_up_hours=SPIN_UP_HOURS,
    )


class Reordered:
    """The same district with the entities of every kind in another order."""

    def __init__(self, twin: Twin, seed: int) -> None:
        self._twin = twin
        self._seed = seed

    @property
    def district(self) -> District:
        """The district's record."""
        return self._twin.district

    def kinds(self) -> tuple[str, ...]:
        """Kinds present, sorted."""
        return self._twin.kinds()

    def view(self, kind: str) -> TwinView:
        """The entities of a kind, shuffled."""
        view = self._twin.view(kind)
        order = np.random.default_rng(self._seed).permutation(len(view))
        return view.rows(order)


class ScenarioContract:
    """What every scenario must keep; derive a test class from it and name the scenario.

    Attributes:
        scenario_id: Id of the installed scenario.
        wakes_in: Weather of the test kit that must wake it; None where none of it does.
        sleeps_in: Weather through which it must sleep; None where it never sleeps.
    """

    scenario_id: ClassVar[str]
    wakes_in: ClassVar[Weather | None] = "cold"
    sleeps_in: ClassVar[Weather | None] = "mild"

    def twin(self) -> Twin:
        """The district of the tests; override to add what the scenario looks at."""
        return _twin()

    def outlook(self, weather: Weather) -> Outlook:
        """The weather of the tests; override where the scenario fears something else."""
        return _outlook(weather)

    def manifest(self) -> Manifest:
        """The scenario's promises."""
        manifest = find(self.scenario_id).manifest
        assert manifest is not None, f"{self.scenario_id} has no manifest"  # noqa: S101
        return manifest

    def scenario(self) -> Scenario:
        """A fresh object of the scenario."""
        return load(self.scenario_id)

    def run(self, twin: Twin, seed: int = 7) -> tuple[Foreseen, Sequence[Work]]:
        """What it foresees and proposes in the weather that wakes it."""
        outlook = self.outlook(self.wakes_in or "cold")
        scenario = self.scenario()
        foreseen = scenario.foresee(twin, outlook, seed=seed, progress=Progress())
        return foreseen, scenario.answer(twin, foreseen)

    def test_the_manifest_is_for_this_contract(self) -> None:
        """Its api number is ours, and everything it names exists."""
        manifest = self.manifest()
        _claim(manifest.api == API_NUMBER, "the manifest is for another contract")
        _claim(bool(manifest.emits), "the manifest promises nothing")
        _claim(set(manifest.needs) <= set(FORCINGS), "the manifest needs unknown forcings")

    def test_it_wakes_for_the_weather_it_fears(self) -> None:
        """An alarm, in every language."""
        if self.wakes_in is None:
            return
        alarm = self.scenario().wake(self.outlook(self.wakes_in))
        if alarm is None:
            raise AssertionError("it sleeps through the weather it is for")
        _claim(all(alarm.text.get(locale) for locale in LOCALES), "the alarm lacks a language")

    def test_it_sleeps_through_other_weather(self) -> None:
        """No alarm in weather that does not concern it."""
        if self.sleeps_in is None:
            return
        alarm = self.scenario().wake(self.outlook(self.sleeps_in))
        _claim(alarm is None, f"it wakes in {self.sleeps_in} weather")

    def test_outcomes_keep_the_promises(self) -> None:
        """Only promised quantities and kinds, real assets, sound numbers."""
        twin, manifest = self.twin(), self.manifest()
        foreseen, _ = self.run(twin)
        _claim(bool(foreseen.outcomes), "it foresees nothing at all")
        hours = self.outlook(self.wakes_in or "cold").window.hours
        for outcome in foreseen.outcomes:
            name = f"{outcome.quantity} of {outcome.kind}"
            _claim(outcome.quantity in manifest.emits, f"{name} is not promised")
            _claim(outcome.kind in manifest.kinds, f"{name}: the kind is not declared")
            known = set(twin.view(outcome.kind).ids)
            _claim(set(outcome.assets) <= known, f"{name} names assets that are not there")
            check_numbers(outcome, hours)

    def test_work_keeps_the_promises(self) -> None:
        """Declared actions, existing targets, probabilities, unique ids."""
        twin, manifest = self.twin(), self.manifest()
        _, works = self.run(twin)
        known = {item for kind in twin.kinds() for item in twin.view(kind).ids}
        actions = {action.name for action in manifest.actions}
        _claim(len({work.id for work in works}) == len(works), "two jobs share an id")
        for work in works:
            _claim(work.action in actions, f"{work.id}: undeclared action {work.action}")
            _claim(work.hazard in manifest.emits, f"{work.id}: {work.hazard} is not promised")
            _claim({work.target, *work.assets} <= known, f"{work.id} names unknown things")
            _claim(0 <= work.probability <= 1, f"{work.id}: probability {work.probability}")
            _claim(0 <= work.averted_share <= 1, f"{work.id}: share {work.averted_share}")
            _claim(work.weight >= 0, f"{work.id}: weight {work.weight}")
            _claim(all(work.title.get(locale) for locale in LOCALES), f"{work.id}: no title")

    def test_remedies_keep_the_promises(self) -> None:
        """What it would do for an asset: unique, in both languages, of attributes the asset has."""
        twin = self.twin()
        foreseen, _ = self.run(twin)
        for outcome in foreseen.outcomes:
            known = kinds()[outcome.kind].attributes
            for asset in outcome.assets[:2]:
                found = self.scenario().remedies(twin, str(asset), foreseen)
                _claim(len({one.id for one in found}) == len(found), f"{asset}: two share an id")
                for one in found:
                    check_remedy(one, known)

    def test_the_same_arguments_give_the_same_bytes(self) -> None:
        """Nothing comes from a clock, the network, a file or hidden chance."""
        first, second = self.run(self.twin()), self.run(self.twin())
        _claim(fingerprint(*first) == fingerprint(*second), "two equal runs differ")

    def test_the_order_of_assets_does_not_matter(self) -> None:
        """A district read in another order gives each asset the same outcome."""
        plain = self.run(self.twin())
        shuffled = self.run(Reordered(self.twin(), seed=3))
        _claim(fingerprint(*plain) == fingerprint(*shuffled), "the order of assets changes results")

    def test_it_leaves_the_outlook_alone(self) -> None:
        """What comes in is read, never changed."""
        outlook = self.outlook(self.wakes_in or "cold")
        before = {name: values.tobytes() for name, values in outlook.forcings.items()}
        self.scenario().foresee(self.twin(), outlook, seed=7, progress=Progress())
        after = {name: values.tobytes() for name, values in outlook.forcings.items()}
        _claim(before == after, "it changes the forcings it was given")


def check_numbers(outcome: Outcome, hours: int) -> None:
    """Shapes, bounds and not-a-numbers of one outcome.

    Raises:
        AssertionError: What is wrong, in words.
        LingjingError: `vocabulary.out-of-bounds`.
    """
    name = f"{outcome.quantity} of {outcome.kind}"
    if outcome.probability is not None:
        if outcome.onset_hours is None or outcome.hourly is None:
            raise AssertionError(f"{name}: an event has onset_hours and hourly")
        rows = outcome.probability.shape[0]
        _claim(outcome.onset_hours.shape == (rows, len(LEVELS)), f"{name}: shape of onset_hours")
        _claim(outcome.hourly.shape == (rows, hours + 1), f"{name}: shape of hourly")
        for values in (outcome.probability, outcome.hourly):
            sound = np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()
            _claim(bool(sound), f"{name}: a probability is not within 0 and 1")
        dated = ~np.isnan(outcome.onset_hours).any(axis=1)
        struck = outcome.probability > 0
        _claim(bool((dated == struck).all()), f"{name}: onsets and probabilities disagree")
    else:
        if outcome.levels is None or outcome.fan is None:
            raise AssertionError(f"{name}: a state has levels and fan")
        rows = outcome.levels.shape[0]
        _claim(outcome.levels.shape == (rows, len(LEVELS)), f"{name}: shape of levels")
        _claim(outcome.fan.shape == (rows, len(LEVELS), hours + 1), f"{name}: shape of fan")
        for values in (outcome.levels, outcome.fan):
            _claim(bool(np.isfinite(values).all()), f"{name}: not-a-number")
            quantity(outcome.quantity).check(values)
    _claim(outcome.situation.shape == outcome.assets.shape, f"{name}: a situation for each asset")
    inside = outcome.situation.size == 0 or (
        int(outcome.situation.min()) >= 0 and int(outcome.situation.max()) < rows
    )
    _claim(inside, f"{name}: situations that do not exist")


def fingerprint(foreseen: Foreseen, works: Sequence[Work]) -> bytes:
    """Outcomes and work as bytes, in an order that does not depend on the input's."""
    parts: list[object] = []
    for outcome in sorted(foreseen.outcomes, key=lambda item: (item.kind, item.quantity)):
        order = np.argsort(np.array([str(item) for item in outcome.assets], dtype=object))
        rows = [str(item) for item in outcome.assets[order]]
        arrays = [
            None if values is None else outcome.of_assets(values)[order].tobytes()
            for values in (
                outcome.levels,
                outcome.fan,
                outcome.probability,
                outcome.onset_hours,
                outcome.hourly,
            )
        ]
        parts.append((outcome.kind, outcome.quantity, rows, arrays))
    jobs = sorted(repr(_job(work)) for work in works)
    return msgspec.msgpack.encode((parts, jobs))


def _job(work: Work) -> tuple[object, ...]:
    return (
        work.id, work.action, work.target, tuple(sorted(work.assets)), sorted(work.title.items()),
        work.place, work.hazard, work.probability, work.expected_failures, work.weight,
        work.averted_share, work.onset_hours, work.onset_early_hours, work.owner,
        work.effort_minutes, work.amount, work.amount_unit, sorted(work.reason.text.items()),
    )  # fmt: skip


def _claim(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


@functools.cache
def _twin() -> MemoryTwin:
    return small_twin()


@functools.cache
def _outlook(weather: Weather) -> Outlook:
    return small_outlook(weather)


def _entity(
    district: str,
    kind: str,
    local: str,
    shape: shapely.Geometry,
    values: dict[str, AttributeValue],
    building: str | None = None,
) -> Entity:
    return Entity(
        id=f"urn:ngsi-ld:{kind}:{district}:{local}",
        kind=kind,
        district=district,
        geometry=shapely.to_wkb(shape),
        attributes={name: Attribute(value, _MADE) for name, value in values.items()},
        relationships={} if building is None else {"building": building},
    )


def _area(district: str, local: str, west: float, name: str) -> Entity:
    box = shapely.box(west, LATITUDE_DEG, west + 0.005, LATITUDE_DEG + 0.01)
    return _entity(district, "SubDistrict", local, box, {"name": name, "name_en": f"Test {local}"})


def _road(
    district: str,
    local: str,
    west: float,
    latitude: float,
    place: dict[str, AttributeValue],
    *,
    bridge: bool,
) -> Entity:
    line = shapely.LineString([(west, latitude), (west + 0.005, latitude)])
    values: dict[str, AttributeValue] = {
        "name": f"测试{local}路",
        "road_class": "primary" if bridge else "residential",
        "width": 14.0 if bridge else 7.0,
        "lanes": 4.0 if bridge else 2.0,
        "length": 475.0,
        "surface": "asphalt",
        "bridge": bridge,
        "tunnel": False,
        "ramp": False,
        "sky_view_factor": 0.95 if bridge else 0.6,
        "traffic_volume": 20000.0 if bridge else 1500.0,
        "from_node": f"{local}-west",
        "to_node": f"{local}-east",
    }
    return _entity(district, "RoadSegment", f"road-{local}", line, values | place)


def _house(
    district: str,
    local: str,
    west: float,
    south: float,
    place: dict[str, AttributeValue],
    *,
    lagged: bool,
) -> list[Entity]:
    """A building with one of every kind of water asset; `lagged` ones are insulated."""
    box = shapely.box(west, south, west + 0.0004, south + 0.0002)
    home: dict[str, AttributeValue] = {
        "address": f"测试{local}弄",
        "use": "residential",
        "levels": 6.0,
        "height": 17.0,
        "footprint_area": 700.0,
        "households": 48.0,
        "age_class": "workers_village",
        "retrofitted": lagged,
        "construction_year": 1955.0,
    }
    house = _entity(district, "Building", f"house-{local}", box, home | place)
    cover: dict[str, AttributeValue] = {"insulation_thickness": 30.0 if lagged else 0.0}
    point = box.centroid
    pipe = shapely.LineString([(west, south), (west + _STEP_DEG / 10, south)])
    water = _WATER | cover | place
    return [
        house,
        _entity(district, "WaterPipe", f"pipe-{local}", pipe, water | {"length": 10.0}, house.id),
        _entity(district, "Riser", f"riser-{local}", point, water | {"length": 17.0}, house.id),
        _entity(district, "MeterBox", f"meter-{local}", point, water, house.id),
        _entity(district, "WaterTank", f"tank-{local}", point, _TANK | cover | place, house.id),
        _entity(district, "Valve", f"valve-{local}", point, water, house.id),
        _entity(district, "Tap", f"tap-{local}", point, water, house.id),
    ]
