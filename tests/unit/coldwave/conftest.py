"""A small synthetic district and weathers for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely

from lingjing.forecast.outlook import Outlook
from lingjing.forecast.prepare import prepare_outlook
from lingjing.twin.entities import District, Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import Attribute, Provenance, WeatherTable, Window

SYNTHETIC = Provenance("inferred", "test", "made up", synthetic=True)
START = datetime(2023, 12, 20, 9, tzinfo=UTC)
WEST, SOUTH = 121.5, 31.3


def _entity(
    kind: str,
    local: str,
    geometry: object,
    relationships: dict[str, str] | None = None,
    **values: object,
) -> Entity:
    return Entity(
        f"urn:ngsi-ld:{kind}:test:{local}",
        kind,
        "test",
        shapely.to_wkb(geometry),
        {name: Attribute(value, SYNTHETIC) for name, value in values.items()},  # type: ignore[arg-type]
        relationships or {},
    )


def _roads() -> list[Entity]:
    rows: list[dict[str, object]] = [
        {"road_class": "primary", "name": "示例路1", "sky_view_factor": 0.7},
        {"road_class": "primary", "bridge": True, "name": "示例桥", "sky_view_factor": 0.7},
        {"road_class": "residential", "surface": "concrete"},
        {"road_class": "primary", "tunnel": True, "name": "示例隧道"},
        {"road_class": "steps", "length": 20.0},
        {"road_class": "primary", "name": "示例路2", "sky_view_factor": 0.7},
    ]
    made = []
    for number, row in enumerate(rows):
        line = shapely.LineString(
            [(WEST, SOUTH + number * 1e-3), (WEST + 2e-3, SOUTH + number * 1e-3)]
        )
        values = {"length": 190.0, "sub_district": "示例街道", **row}
        made.append(_entity("RoadSegment", f"road-{number}", line, **values))
    return made


def _buildings() -> list[Entity]:
    made = []
    for number in range(3):
        west = WEST + 0.003 + number * 1e-3
        box = shapely.box(west, SOUTH, west + 3e-4, SOUTH + 3e-4)
        house = _entity(
            "Building", f"house-{number}", box, households=20.0, sub_district="示例街道"
        )
        at = {"building": house.id}
        point = box.centroid
        common: dict[str, object] = {"households": 20.0, "sub_district": "示例街道"}
        insulated = {"insulation_thickness": 50.0} if number == 2 else {}
        made += [
            house,
            _entity(
                "Riser", f"riser-{number}", point, at, location="facade", inner_diameter=21.6,
                wall_thickness=2.65, material="galvanised_steel", owner="property_company",
                length=15.0, **common, **insulated,
            ),
            _entity(
                "MeterBox", f"box-{number}", point, at, location="outdoor", inner_diameter=15.7,
                wall_thickness=2.75, owner="resident" if number == 0 else "water_company",
                **common, **insulated,
            ),
            _entity("Valve", f"valve-{number}", point, at, location="buried", **common),
        ]  # fmt: skip
    return made


def _others() -> list[Entity]:
    point = shapely.Point(WEST + 0.003, SOUTH)
    far = shapely.Point(WEST + 0.05, SOUTH + 0.05)
    area = shapely.box(WEST - 0.01, SOUTH - 0.01, WEST + 0.02, SOUTH + 0.02)
    return [
        _entity("SubDistrict", "street", area, name="示例街道", name_en="Sample"),
        _entity("Facility", "hospital", point, facility_kind="hospital", name="示例医院"),
        _entity("Facility", "school", far, facility_kind="school"),
        _entity("Facility", "shelter", far, facility_kind="shelter", beds=40.0),
        _entity(
            "WaterTank", "tank", point, location="roof", volume=12.0, water_depth=1.5,
            households=40.0,
        ),
        _entity("Tap", "tap", point, location="outdoor", households=0.0),
        _entity("WaterPipe", "pipe", shapely.LineString([(WEST, SOUTH), (WEST + 1e-4, SOUTH)])),
    ]  # fmt: skip


def _district(settings: dict[str, object] | None = None) -> District:
    return District(
        "test", "test", "示例区", "Sample district", settings or {},
        (WEST - 0.01, SOUTH - 0.01, WEST + 0.06, SOUTH + 0.06), True, "2023-12-01T00:00:00Z",
    )  # fmt: skip


@pytest.fixture
def make_twin() -> Callable[..., MemoryTwin]:
    """A small synthetic district; settings and a change of the entities may be given."""

    def make(
        settings: dict[str, object] | None = None,
        change: Callable[[list[Entity]], list[Entity]] = lambda entities: entities,
    ) -> MemoryTwin:
        return MemoryTwin(_district(settings), change([*_roads(), *_buildings(), *_others()]))

    return make


@pytest.fixture
def twin(make_twin: Callable[..., MemoryTwin]) -> MemoryTwin:
    """The small synthetic district as it is."""
    return make_twin()


def weather_of(lowest_C: float, *, rain_mm_h: float = 0.0, members: int = 1) -> WeatherTable:
    """A cold front: from 8 °C down, a daily swing of ±3 °C around its floor; made up."""
    times = np.datetime64("2023-12-18T00:00:00", "s") + np.arange(150) * np.timedelta64(3600, "s")
    hours = np.arange(150)
    floor = np.interp(hours, [0, 50, 75, 149], [8.0, 5.0, lowest_C + 3.0, lowest_C + 3.0])
    local = (hours + 8) % 24
    air = floor + 3.0 * np.cos((local - 14) / 24 * 2 * np.pi)
    rain = np.where((hours >= 60) & (hours < 70), rain_mm_h, 0.0)
    shift = np.linspace(-1.0, 1.0, members)[:, None] if members > 1 else np.zeros((1, 1))
    columns = {
        "air_temperature": (air + shift).astype(np.float32),
        "dew_point": (air + shift - 3.0).astype(np.float32),
        "wind_speed": np.full((members, 150), 3.0, dtype=np.float32),
        "precipitation": np.broadcast_to(rain, (members, 150)).astype(np.float32),
    }
    return WeatherTable(
        "made-up", times, columns, dict.fromkeys(columns, "reconstructed"), SYNTHETIC, "test"
    )


@pytest.fixture
def make_weather() -> Callable[..., WeatherTable]:
    """The made-up cold front."""
    return weather_of


@pytest.fixture
def make_outlook() -> Callable[..., Outlook]:
    """An outlook over 60 h that falls to a given air temperature."""

    def make(lowest_C: float = -7.0, *, rain_mm_h: float = 0.0, members: int = 5) -> Outlook:
        return prepare_outlook(
            weather_of(lowest_C, rain_mm_h=rain_mm_h, members=members),
            Window(START, 60),
            members=None,
            seed=1,
            longitude_deg=WEST,
            latitude_deg=SOUTH,
        )

    return make
