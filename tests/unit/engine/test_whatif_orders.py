"""What a what-if may ask for, and which assets a selection means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lingjing.engine.weather import keep_weather
from lingjing.engine.whatifs.applying import planned, selected
from lingjing.engine.whatifs.order import (
    AssetChange,
    Changes,
    Near,
    Order,
    Select,
    Supplies,
    WeatherOrder,
    as_plain,
    check_order,
    read_order,
)
from lingjing.sdk import LingjingError
from lingjing.sdk.testkit import (
    LATITUDE_DEG,
    LONGITUDE_DEG,
    small_district,
    small_entities,
    small_twin,
    small_weather,
)
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import Attribute, Provenance

SAID = Provenance("inferred", "test")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    keep_weather(tmp_path, small_weather("cold"))
    return tmp_path


@pytest.fixture(scope="module")
def twin() -> MemoryTwin:
    return small_twin()


def riser(**select: Any) -> Select:
    return Select("Riser", **select)


def change(*assets: AssetChange, **more: Any) -> Order:
    return Order("what if", "base", Changes(assets=assets, **more))


BAD = [
    (Order("", "base"), "whatif.bad-name"),
    (Order(" x", "base"), "whatif.bad-name"),
    (Order("main", "base"), "whatif.bad-name"),
    (Order("a/b", "base"), "whatif.bad-name"),
    (Order("a\nb", "base"), "whatif.bad-name"),
    (Order("x" * 81, "base"), "whatif.bad-name"),
    (Order("x", "base", note="n" * 2001), "whatif.bad-value"),
    (change(weather=WeatherOrder(air_temperature_shift_C=100.0)), "forecast.bad-change"),
    (change(weather=WeatherOrder(record="no-such")), "whatif.unknown-weather"),
    (change(weather=WeatherOrder(record="/etc/passwd")), "whatif.unknown-weather"),
    (change(supplies=Supplies(crews=-1.0)), "whatif.bad-value"),
    (change(AssetChange(Select("Building"), set={"levels": 3.0})), "whatif.unknown-kind"),
    (change(AssetChange(Select("Dragon"), set={"fire": 3.0})), "whatif.unknown-kind"),
    (change(AssetChange(riser(), set={"name": "x"})), "whatif.unknown-attribute"),
    (change(AssetChange(riser(), set={"salt_round": 5.0})), "whatif.unknown-attribute"),
    (change(AssetChange(riser(), set={"insulation_thickness": -5.0})), "whatif.bad-value"),
    (change(AssetChange(riser(), set={"insulation_thickness": "thick"})), "whatif.bad-value"),
    (change(AssetChange(riser(), set={"insulation_thickness": True})), "whatif.bad-value"),
    (change(AssetChange(riser(), set={"material": "gold"})), "whatif.bad-value"),
    (change(AssetChange(riser(), scale={"material": 2.0})), "whatif.bad-value"),
    (change(AssetChange(riser(), scale={"length": -2.0})), "whatif.bad-value"),
    (change(AssetChange(riser(near=Near(200.0, 0.0, 10.0)), set={"length": 2.0})),
     "whatif.bad-value"),
    (change(AssetChange(riser(near=Near(121.0, 31.0, 0.0)), set={"length": 2.0})),
     "whatif.bad-value"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "code"), BAD)
def test_what_cannot_be_done_is_refused_before_anything_is_made(
    data: Path, order: Order, code: str
) -> None:
    with pytest.raises(LingjingError) as caught:
        check_order(order, data)
    assert caught.value.code == code


def test_what_can_be_done_passes(data: Path) -> None:
    check_order(
        change(
            AssetChange(riser(bare=True), set={"insulation_thickness": 30.0, "material": "ppr"}),
            AssetChange(Select("RoadSegment"), set={"salt_round": 20.0, "bridge": True}),
            weather=WeatherOrder(air_temperature_shift_C=-3.0, record="testkit-cold"),
            supplies=Supplies(salt_stock=0.5),
        ),
        data,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"name": "x"}',
        b'{"name": "x", "run": "r", "colour": 1}',
        b'{"name": "x", "run": "r", "changes": {"weather": {"air_temperature_shift_C": "cold"}}}',
        b'{"name": "x", "run": "r", "changes": {"assets": [{"set": {"a": 1}}]}}',
        b'{"name": "\xff", "run": "r"}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_order_is_refused(body: bytes) -> None:
    with pytest.raises(LingjingError) as caught:
        read_order(body)
    assert caught.value.code == "whatif.bad-order"


def test_a_record_holds_only_what_differs_and_reads_back() -> None:
    changes = Changes(
        weather=WeatherOrder(air_temperature_shift_C=float("-3")),
        assets=(AssetChange(riser(bare=True), set={"insulation_thickness": 30.0}),),
        supplies=Supplies(crews=float("2")),
    )
    plain = as_plain(changes)
    assert plain == {
        "weather": {"air_temperature_shift_C": -3.0},
        "assets": [{"select": {"kind": "Riser", "bare": True},
                    "set": {"insulation_thickness": 30.0}}],
        "supplies": {"crews": 2.0},
    }  # fmt: skip
    body = json.dumps({"name": "x", "run": "r", "changes": plain}).encode()
    assert read_order(body).changes == changes
    assert as_plain(Changes()) == {}


def chosen(twin: MemoryTwin, select: Select) -> int:
    return int(selected(twin, twin.view(select.kind), select).sum())


def test_selections_narrow_by_every_condition(twin: MemoryTwin) -> None:
    view = twin.view("Riser")
    everything = len(view)
    assert chosen(twin, riser()) == everything > 2
    west = chosen(twin, riser(sub_districts=("西街道",)))
    assert 0 < west < everything
    assert chosen(twin, riser(sub_districts=("西街道", "东街道"))) == everything
    assert chosen(twin, riser(ids=(str(view.ids[0]),))) == 1
    building = str(view.related("building")[0])
    assert chosen(twin, riser(buildings=(building,))) == 1
    assert chosen(twin, riser(owners=("resident",))) == 0
    assert chosen(twin, riser(locations=("facade",))) == everything
    near = Near(float(view.longitude_deg[0]), float(view.latitude_deg[0]), 30.0)
    assert chosen(twin, riser(near=near)) == 1
    assert chosen(twin, riser(near=Near(LONGITUDE_DEG, LATITUDE_DEG, 5000.0))) == everything
    assert chosen(twin, riser(sub_districts=("西街道",), owners=("resident",))) == 0


def test_bare_leaves_out_what_is_wrapped(twin: MemoryTwin) -> None:
    thickness = twin.view("Riser").number("insulation_thickness", 0.0)
    assert chosen(twin, riser(bare=True)) == int((thickness == 0.0).sum())


def test_a_village_is_found_by_the_name_or_address_of_its_buildings() -> None:
    entities = small_entities()
    places = [row for row, item in enumerate(entities) if item.kind == "Building"]
    for row, name, text in ((places[0], "name", "鞍山新村3号"), (places[1], "address", "鞍山新村")):
        entities[row] = msgspec.structs.replace(
            entities[row],
            attributes={**entities[row].attributes, name: Attribute(text, SAID)},
        )
    village = MemoryTwin(small_district(), entities)
    inside = chosen(village, riser(building_name="鞍山新村"))
    homes = {entities[places[0]].id, entities[places[1]].id}
    assert inside == sum(home in homes for home in village.view("Riser").related("building"))
    assert inside >= 2
    assert chosen(village, riser(building_name="鞍山新村3号")) == 1
    assert chosen(village, riser(building_name="控江")) == 0


def test_a_selection_that_finds_nothing_is_an_error(twin: MemoryTwin) -> None:
    with pytest.raises(LingjingError) as caught:
        planned(twin, (AssetChange(riser(owners=("resident",)), set={"length": 1.0}),))
    assert caught.value.code == "whatif.selects-nothing"


def test_a_factor_acts_on_what_each_asset_has(twin: MemoryTwin) -> None:
    supplies = Supplies(salt_stock=0.5, crews=2.0).as_change()
    assert supplies is not None
    (values,) = planned(twin, (supplies,)).values()
    assert values == {"salt_stock": 10.0, "crews": 8.0}


def test_a_factor_beyond_the_bounds_is_refused(twin: MemoryTwin) -> None:
    with pytest.raises(LingjingError) as caught:
        planned(twin, (AssetChange(Select("Riser"), scale={"wind_exposure": 50.0}),))
    assert caught.value.code == "whatif.bad-value"


def test_a_later_change_goes_over_an_earlier_one(twin: MemoryTwin) -> None:
    first = str(twin.view("Riser").ids[0])
    values = planned(
        twin,
        (
            AssetChange(riser(), set={"insulation_thickness": 20.0, "wind_exposure": 0.1}),
            AssetChange(riser(ids=(first,)), set={"insulation_thickness": 50.0}),
        ),
    )
    assert values[first] == {"insulation_thickness": 50.0, "wind_exposure": 0.1}
    assert {item["insulation_thickness"] for item in values.values()} == {20.0, 50.0}
    assert np.all([item["wind_exposure"] == 0.1 for item in values.values()])
