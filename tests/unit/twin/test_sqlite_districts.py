"""Districts and the living twin in one table: imports, edits, branches, views, older files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
import shapely
from ledgers import do, iri, value

from lingjing.twin import District, Entity, SourceRecord, SqliteStore, changes, schema
from lingjing.twin.documents import LOCATION, Document
from lingjing.twin.ledger import Branch, Desk, Selection
from lingjing.twin.packed import document_entity
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import Attribute, LingjingError, Provenance

DISTRICT = District("d", "p", "区", "D", {}, (0, 0, 0, 0), False, "2026-01-01T00:00:00Z")
SOURCE = SourceRecord("s", "d", "a", "l", "", "2026-01-01T00:00:00Z", False, {})
MAPPED = Provenance("imported", "OpenStreetMap", observed_at="2024-01-01T00:00:00Z")
GUESSED = Provenance("inferred", "stock", rule="age", confidence=0.4, synthetic=True)


def tap(number: int, diameter: float = 15.0, **attributes: Attribute) -> Entity:
    return Entity(
        f"urn:ngsi-ld:Tap:d:t{number}",
        "Tap",
        "d",
        shapely.to_wkb(shapely.Point(121.5 + number * 0.001, 31.3)),
        {
            "inner_diameter": Attribute(diameter, MAPPED),
            "location": Attribute("facade", GUESSED),
            **attributes,
        },
        {"building": "urn:ngsi-ld:Building:d:b1"},
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "twin.sqlite", durable=False) as made:
        made.store.import_entities(DISTRICT, SOURCE, [tap(number) for number in range(3)])
        yield made


def edit(ledger: SqliteLedger, branch: Branch, entity_id: str, **attributes: Any) -> None:
    def run(desk: Desk) -> None:
        document = desk.document(entity_id)
        assert document is not None
        fragment = {"attributes": {iri(name): {"": item} for name, item in attributes.items()}}
        outcome = changes.appended(document, fragment, desk.now)
        desk.put(outcome.document, outcome.changes)

    do(ledger, branch, run, entity_id)


def make(ledger: SqliteLedger, branch: Branch, document: Document) -> None:
    def run(desk: Desk) -> None:
        made = changes.created(document, desk.now)
        desk.put(made, changes.creation(made))

    do(ledger, branch, run, document["id"])


def written_tap(number: int, diameter: Any) -> Document:
    return {
        "id": f"urn:ngsi-ld:Tap:d:t{number}",
        "type": [iri("Tap")],
        "attributes": {
            iri("inner_diameter"): {"": value(diameter)},
            LOCATION: {
                "": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [121.6, 31]}}
            },
        },
    }


def diameters(ledger: SqliteLedger, branch: str = "main") -> dict[str, float]:
    view = ledger.store.twin("d", branch).view("Tap")
    return {
        str(key)[-2:]: float(number)
        for key, number in zip(view.ids, view.number("inner_diameter"), strict=True)
    }


def test_imported_things_are_documents(ledger: SqliteLedger) -> None:
    record = ledger.records(ledger.branch(""), [tap(1).id])[tap(1).id]
    attributes = record.document["attributes"]
    assert record.document["type"] == [iri("Tap")]
    held = attributes[iri("inner_diameter")][""]
    assert (held["value"], held["unitCode"], held["observedAt"]) == (
        15.0,
        "MMT",
        MAPPED.observed_at,
    )
    said = {name: item[""]["value"] for name, item in held["attributes"].items()}
    assert said == {iri("provenance"): "imported", iri("source"): "OpenStreetMap"}
    guessed = attributes[iri("location")][""]["attributes"]
    assert guessed[iri("confidence")][""]["value"] == 0.4
    assert guessed[iri("synthetic")][""]["value"] is True
    assert attributes[iri("building")][""]["object"] == "urn:ngsi-ld:Building:d:b1"
    assert attributes[LOCATION][""]["value"] == {"type": "Point", "coordinates": [121.501, 31.3]}


def test_a_document_gives_back_the_thing_that_was_imported(ledger: SqliteLedger) -> None:
    for number in range(3):
        record = ledger.records(ledger.branch(""), [tap(number).id])[tap(number).id]
        assert document_entity(record.document, "Tap", "d") == tap(number)


def test_imported_things_are_found_by_type_attribute_and_place(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    for selection in (
        Selection(types=((iri("Tap"),),)),
        Selection(attributes=(iri("building"),)),
        Selection(bounds=(121.4, 31.2, 121.6, 31.4)),
    ):
        found = ledger.find(trunk, selection).records
        assert [record.id for record in found] == [tap(number).id for number in range(3)]
    assert ledger.types(trunk) == {iri("Tap"): 3}
    near = ledger.find(trunk, Selection(bounds=(121.5005, 31.2, 121.5015, 31.4))).records
    assert [record.id for record in near] == [tap(1).id]


def test_views_hold_what_was_edited_and_what_was_written(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    edit(ledger, trunk, tap(1).id, inner_diameter=value(20), mood=value("odd"))
    make(ledger, trunk, written_tap(7, 25))
    make(ledger, trunk, written_tap(8, "wide"))
    nowhere = written_tap(9, 25)
    del nowhere["attributes"][LOCATION]
    make(ledger, trunk, nowhere)
    view = ledger.store.twin("d").view("Tap")
    assert [str(key)[-2:] for key in view.ids] == ["t0", "t1", "t2", "t7", "t8"]
    np.testing.assert_array_equal(view.number("inner_diameter"), [15.0, 20.0, 15.0, 25.0, np.nan])
    assert view.text("location").tolist() == ["facade", "facade", "facade", None, None]
    assert view.related("building").tolist()[:3] == ["urn:ngsi-ld:Building:d:b1"] * 3
    origin = view.provenances[view.provenance_index["inner_diameter"][1]]
    assert (origin.kind, origin.source) == ("imported", "api")
    assert ledger.store.entity(tap(1).id).attributes["inner_diameter"].value == 20
    assert len(list(ledger.store.entities("d", "Tap"))) == 5
    do(ledger, trunk, lambda desk: desk.delete(tap(0).id), tap(0).id)
    assert list(diameters(ledger)) == ["t1", "t2", "t7", "t8"]


def test_a_twin_held_while_others_write_stays_as_it_was(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    held = ledger.store.twin("d")
    edit(ledger, trunk, tap(1).id, inner_diameter=value(20))
    edit(ledger, trunk, tap(1).id, inner_diameter=value(40))
    do(ledger, trunk, lambda desk: desk.delete(tap(0).id), tap(0).id)
    make(ledger, trunk, written_tap(7, 25))
    later = ledger.store.twin("d")
    edit(ledger, trunk, tap(1).id, inner_diameter=value(50))
    assert held.view("Tap").number("inner_diameter").tolist() == [15.0, 15.0, 15.0]
    assert later.view("Tap").number("inner_diameter").tolist() == [40.0, 15.0, 25.0]
    assert diameters(ledger) == {"t1": 50, "t2": 15, "t7": 25}


def test_a_branch_has_views_of_its_own(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    edit(ledger, trunk, tap(0).id, inner_diameter=value(16))
    branch = ledger.create_branch(trunk, "what-if")
    edit(ledger, branch, tap(1).id, inner_diameter=value(20))
    do(ledger, branch, lambda desk: desk.delete(tap(2).id), tap(2).id)
    edit(ledger, trunk, tap(0).id, inner_diameter=value(99))
    edit(ledger, trunk, tap(1).id, inner_diameter=value(98))
    make(ledger, trunk, written_tap(7, 97))
    assert diameters(ledger, "what-if") == {"t0": 16, "t1": 20}
    assert ledger.store.twin("d", "what-if").kinds() == ("Tap",)
    ledger.store.import_entities(DISTRICT, SOURCE, [tap(0, 50.0)])
    assert diameters(ledger, "what-if") == {"t0": 16, "t1": 20}
    assert diameters(ledger) == {"t0": 50, "t7": 97}
    with pytest.raises(LingjingError, match=r"twin\.no-branch"):
        ledger.store.twin("d", "nowhere")


def test_another_import_keeps_the_former_state_for_looking_back(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    ids = [tap(number).id for number in range(4)]
    before = ledger.records(trunk, ids)
    then = do(ledger, trunk, lambda desk: desk.now_us)
    ledger.store.import_entities(DISTRICT, SOURCE, [tap(0), tap(1, 20.0), tap(3)])
    after = do(ledger, trunk, lambda desk: desk.now_us)
    assert ledger.records(trunk, ids, then) == before
    now = ledger.records(trunk, ids)
    assert list(now) == [ids[0], ids[1], ids[3]]
    # What is the same is no change.
    assert now[ids[0]] == before[ids[0]]
    assert now[ids[1]].revision > before[ids[1]].revision
    edit(ledger, trunk, ids[1], inner_diameter=value(30))
    assert ledger.records(trunk, ids, after) == now
    assert ledger.records(trunk, ids, then) == before
    assert [item.id for item in ledger.find(trunk, Selection(), then).records] == ids[:3]
    ledger.store.forget_source("d", "s")
    assert ledger.records(trunk, ids) == {}
    assert ledger.records(trunk, ids, after) == now
    assert ledger.check() == []


def test_what_was_added_to_imported_things_outlives_an_import(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    edit(ledger, trunk, tap(1).id, temperature=value(-3.5), inner_diameter=value(20))
    ledger.store.import_entities(DISTRICT, SOURCE, [tap(number, 32.0) for number in range(3)])
    held = ledger.records(trunk, [tap(1).id])[tap(1).id].document["attributes"]
    assert held[iri("temperature")][""]["value"] == -3.5
    assert held[iri("inner_diameter")][""]["value"] == 32.0
    assert diameters(ledger) == {"t0": 32, "t1": 32, "t2": 32}
    assert ledger.check() == []


def test_an_import_does_not_take_over_what_was_written(ledger: SqliteLedger) -> None:
    make(ledger, ledger.branch(""), written_tap(7, 25))
    with pytest.raises(LingjingError) as caught:
        ledger.store.import_entities(DISTRICT, SOURCE, [tap(7)])
    assert caught.value.code == "twin.foreign-id"
    assert caught.value.values["held_by"] == "api"


def test_a_forgotten_district_leaves_nothing_but_what_branches_see(ledger: SqliteLedger) -> None:
    trunk = ledger.branch("")
    edit(ledger, trunk, tap(1).id, inner_diameter=value(20))
    branch = ledger.create_branch(trunk, "b")
    ledger.store.forget_district("d")
    assert ledger.find(trunk, Selection()).records == []
    assert len(ledger.find(branch, Selection()).records) == 3
    ledger.drop_branch(branch)
    ledger.store.import_entities(DISTRICT, SOURCE, [tap(1)])
    edit(ledger, trunk, tap(1).id, inner_diameter=value(20))
    then = do(ledger, trunk, lambda desk: desk.now_us)
    ledger.store.forget_district("d")
    assert ledger.records(trunk, [tap(1).id], then) == {}
    assert ledger.known_to_history(trunk, tap(1).id) is None
    assert ledger.check() == []


def test_what_is_forgotten_with_its_history_cannot_be_looked_back_at(
    ledger: SqliteLedger,
) -> None:
    trunk = ledger.branch("")
    then = do(ledger, trunk, lambda desk: desk.now_us)
    branch = ledger.create_branch(trunk, "b")
    edit(ledger, trunk, tap(1).id, inner_diameter=value(20))
    do(ledger, trunk, lambda desk: desk.delete(tap(1).id, forget_history=True), tap(1).id)
    # The branch goes on seeing what it began with.
    assert list(ledger.records(branch, [tap(1).id])) == [tap(1).id]
    assert ledger.records(trunk, [tap(1).id], then) == {}
    edit(ledger, trunk, tap(2).id, inner_diameter=value(20))
    ledger.drop_branch(branch)
    do(ledger, trunk, lambda desk: desk.delete(tap(2).id, forget_history=True), tap(2).id)
    assert list(ledger.records(trunk, [tap(0).id, tap(2).id], then)) == [tap(0).id]
    assert ledger.check() == []


def test_a_file_of_the_first_schema_becomes_a_living_twin(tmp_path: Path) -> None:
    new, old = tmp_path / "new.sqlite", tmp_path / "old.sqlite"
    with SqliteStore(new) as store:
        store.import_entities(DISTRICT, SOURCE, [tap(number) for number in range(3)])
        expected = list(store.entities("d"))
    with contextlib.closing(apsw.Connection(str(old))) as connection:
        schema.migrate(connection, schema.MIGRATIONS[:1])
        connection.execute("ATTACH ? AS new", (str(new),))
        connection.execute(
            "DELETE FROM clock; INSERT INTO clock SELECT 1, revision FROM new.clock;"
            "INSERT INTO district SELECT key, name, revision, record FROM new.district;"
            "INSERT INTO source SELECT * FROM new.source;"
            "INSERT INTO provenance SELECT * FROM new.provenance;"
            "INSERT INTO layout SELECT * FROM new.layout;"
            "INSERT INTO entity SELECT key, id, district, source, kind, layout, attributes,"
            " relationships, geometry, longitude, latitude FROM new.entity;"
            "INSERT INTO entity_box SELECT * FROM new.entity_box"
        )
    with SqliteLedger(old) as ledger:
        trunk = ledger.branch("")
        assert list(ledger.store.entities("d")) == expected
        assert ledger.types(trunk) == {iri("Tap"): 3}
        found = ledger.find(trunk, Selection(attributes=(iri("building"),))).records
        assert [record.id for record in found] == [entity.id for entity in expected]
        assert found[0].document["createdAt"] == "2026-01-01T00:00:00.000000Z"
        edit(ledger, trunk, expected[0].id, inner_diameter=value(20))
        assert ledger.check() == []
        assert len(ledger.store.twin("d").view("Tap")) == 3


def test_other_tenants_have_no_part_in_a_district(ledger: SqliteLedger) -> None:
    east = ledger.ensure_tenant("east")
    make(ledger, east, written_tap(7, 25))
    assert list(diameters(ledger)) == ["t0", "t1", "t2"]
