"""What was imported is part of the living twin, whatever the driver."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import shapely
from ledgers import all_changes, changed, create, do, iri, names, value

from lingjing.twin import District, Entity, SourceRecord
from lingjing.twin.documents import LOCATION
from lingjing.twin.ledger import Branch, Desk, Ledger, Selection
from lingjing.vocabulary import Attribute, LingjingError, Provenance

MAPPED = Provenance("imported", "OpenStreetMap", observed_at="2024-01-01T00:00:00Z")
GUESSED = Provenance("inferred", "stock-model", rule="age-class", confidence=0.4)
DISTRICT = District("d", "p", "片区", "District", {}, (0, 0, 0, 0), False, "2026-01-01")


def source(name: str = "osm:a") -> SourceRecord:
    return SourceRecord(name, "d", "©", "ODbL", "00", "2026-01-01T00:00:00Z", False, {})


def building(number: int, height: float = 10.0) -> Entity:
    corner = 121.5 + 0.001 * number
    return Entity(
        f"urn:ngsi-ld:Building:d:b{number}",
        "Building",
        "d",
        shapely.to_wkb(shapely.box(corner, 31.3, corner + 0.0005, 31.3005)),
        {"height": Attribute(height, MAPPED), "name": Attribute("楼", GUESSED)},
    )


def meter(number: int) -> Entity:
    return Entity(
        f"urn:ngsi-ld:MeterBox:d:m{number}",
        "MeterBox",
        "d",
        shapely.to_wkb(shapely.Point(121.5 + 0.001 * number, 31.3)),
        {"inner_diameter": Attribute(20, GUESSED)},
        {"building": f"urn:ngsi-ld:Building:d:b{number}"},
    )


ID = building(1).id


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    ledger.store.import_entities(DISTRICT, source(), [building(1), building(2), meter(1)])
    return ledger


@pytest.fixture
def trunk(ledger: Ledger) -> Branch:
    return ledger.branch("")


def heights(ledger: Any, branch: str = "main") -> dict[str, float]:
    view = ledger.store.twin("d", branch).view("Building")
    return dict(zip((item[-2:] for item in view.ids), view.number("height").tolist(), strict=True))


def raise_roof(ledger: Ledger, branch: Branch, height: float, entity_id: str = ID) -> None:
    def run(desk: Desk) -> None:
        document = desk.document(entity_id)
        assert document is not None
        desk.put(*changed(document, desk.now, height=height))

    do(ledger, branch, run, entity_id)


def instant(ledger: Ledger, branch: Branch) -> int:
    time.sleep(0.002)
    now = do(ledger, branch, lambda desk: desk.now_us)
    time.sleep(0.002)
    return int(now)


def test_imported_things_are_documents(filled: Ledger, trunk: Branch) -> None:
    document = filled.records(trunk, [ID])[ID].document
    assert document["type"] == [iri("Building")]
    height = document["attributes"][iri("height")][""]
    assert (height["type"], height["value"], height["unitCode"]) == ("Property", 10.0, "MTR")
    said = {
        name.rsplit("/", 1)[1]: item[""]["value"] for name, item in height["attributes"].items()
    }
    assert said == {"provenance": "imported", "source": "OpenStreetMap"}
    assert document["attributes"][LOCATION][""]["value"]["type"] == "Polygon"
    feeds = filled.records(trunk, [meter(1).id])[meter(1).id].document["attributes"]
    assert feeds[iri("building")][""]["object"] == ID
    assert filled.types(trunk) == {iri("Building"): 2, iri("MeterBox"): 1}
    near = Selection(types=((iri("Building"),),), bounds=(121.5008, 31.2, 121.5012, 31.4))
    assert names(filled.find(trunk, near).records) == ["b1"]
    assert filled.check() == []


def test_views_show_what_was_written(filled: Ledger, trunk: Branch) -> None:
    assert heights(filled) == {"b1": 10.0, "b2": 10.0}
    raise_roof(filled, trunk, 33.5)
    document = dict(filled.records(trunk, [building(2).id])[building(2).id].document)
    document["id"] = "urn:ngsi-ld:Building:d:b0"
    create(filled, trunk, document)
    assert heights(filled) == {"b0": 10.0, "b1": 33.5, "b2": 10.0}
    twin = filled.store.twin("d")
    view = twin.view("Building")
    origins = [view.provenances[place] for place in view.provenance_index["height"]]
    assert origins[2] == MAPPED
    assert filled.store.counts("d") == {"Building": 3, "MeterBox": 1}
    assert filled.store.entity(ID).attributes["height"].value == 33.5
    assert [item.id[-2:] for item in filled.store.entities("d", "Building")] == ["b0", "b1", "b2"]
    do(filled, trunk, lambda desk: desk.delete(building(2).id))
    assert heights(filled) == {"b0": 10.0, "b1": 33.5}
    assert twin.view("Building").ids.tolist() == view.ids.tolist()
    assert filled.check() == []


def test_a_twin_in_hand_does_not_see_later_edits(filled: Ledger, trunk: Branch) -> None:
    twin = filled.store.twin("d")
    time.sleep(0.002)
    raise_roof(filled, trunk, 33.5)
    assert twin.view("Building").number("height").tolist() == [10.0, 10.0]
    assert heights(filled)["b1"] == 33.5


def test_a_branch_has_views_of_its_own(filled: Ledger, trunk: Branch) -> None:
    branch = filled.create_branch(trunk, "b")
    raise_roof(filled, branch, 50.0)
    raise_roof(filled, trunk, 20.0, building(2).id)
    do(filled, branch, lambda desk: desk.delete(meter(1).id))
    assert heights(filled, "b") == {"b1": 50.0, "b2": 10.0}
    assert heights(filled) == {"b1": 10.0, "b2": 20.0}
    assert len(filled.store.twin("d", "b").view("MeterBox")) == 0
    assert len(filled.store.twin("d").view("MeterBox")) == 1
    filled.store.import_entities(DISTRICT, source(), [building(1, 70.0)])
    assert heights(filled) == {"b1": 70.0}
    assert heights(filled, "b") == {"b1": 50.0, "b2": 10.0}
    with pytest.raises(LingjingError) as caught:
        filled.store.twin("d", "none")
    assert caught.value.code == "twin.no-branch"


def test_an_import_keeps_what_was_before_in_the_past(filled: Ledger, trunk: Branch) -> None:
    before = instant(filled, trunk)
    old = filled.records(trunk, [ID, building(2).id, meter(1).id])
    filled.store.import_entities(DISTRICT, source(), [building(1, 12.0), building(3), meter(1)])
    between = instant(filled, trunk)
    raise_roof(filled, trunk, 99.0)
    found = filled.find(trunk, Selection(types=((iri("Building"),),))).records
    assert names(found) == ["b1", "b3"]

    def height(at_us: int | None, entity_id: str = ID) -> float | None:
        record = filled.records(trunk, [entity_id], at_us).get(entity_id)
        return None if record is None else record.document["attributes"][iri("height")][""]["value"]

    assert (height(before), height(between), height(None)) == (10.0, 12.0, 99.0)
    assert height(before, building(2).id) == 10.0
    assert height(between, building(2).id) is None
    assert height(before, building(3).id) is None
    assert filled.records(trunk, list(old), before) == old
    unchanged = filled.records(trunk, [meter(1).id])[meter(1).id]
    assert unchanged == old[meter(1).id]
    assert filled.check() == []


def test_a_written_thing_belongs_to_no_source(filled: Ledger, trunk: Branch) -> None:
    document = filled.records(trunk, [ID])[ID].document
    made = {**document, "id": building(7).id}
    do(filled, trunk, lambda desk: desk.put(made, all_changes(made)))
    with pytest.raises(LingjingError) as caught:
        filled.store.import_entities(DISTRICT, source("survey"), [building(7)])
    assert caught.value.code == "twin.foreign-id"
    assert heights(filled)["b7"] == 10.0


def test_what_physics_cannot_take_is_left_out_of_views(filled: Ledger, trunk: Branch) -> None:
    document = filled.records(trunk, [ID])[ID].document
    odd = {**document["attributes"], iri("height"): {"": value(-5)}, iri("mood"): {"": value("x")}}
    placeless = {name: item for name, item in document["attributes"].items() if name != LOCATION}
    for number, attributes in ((8, odd), (9, placeless)):
        made = {**document, "id": building(number).id, "attributes": attributes}
        do(filled, trunk, lambda desk, made=made: desk.put(made, all_changes(made)))
    view = filled.store.twin("d").view("Building")
    assert [item[-2:] for item in view.ids] == ["b1", "b2", "b8"]
    assert np.isnan(view.number("height")[2])
    assert "mood" not in view.columns
