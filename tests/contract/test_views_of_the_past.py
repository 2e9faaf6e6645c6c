"""Views of an instant: written, imported again, forgotten since; whatever the driver."""

from __future__ import annotations

import time

import shapely
from ledgers import changed, do

from lingjing.twin import District, Entity, SourceRecord
from lingjing.twin.ledger import Branch, Desk, Ledger
from lingjing.vocabulary import Attribute, Provenance

MAPPED = Provenance("imported", "OpenStreetMap")
DISTRICT = District("d", "p", "片区", "District", {}, (0, 0, 0, 0), False, "2026-01-01")
SOURCE = SourceRecord("osm:a", "d", "©", "ODbL", "00", "2026-01-01T00:00:00Z", False, {})


def building(number: int, height: float = 10.0) -> Entity:
    corner = 121.5 + 0.001 * number
    shape = shapely.to_wkb(shapely.box(corner, 31.3, corner + 0.0005, 31.3005))
    attributes = {"height": Attribute(height, MAPPED)}
    return Entity(f"urn:ngsi-ld:Building:d:b{number}", "Building", "d", shape, attributes)


def heights(ledger: Ledger, at_us: int | None = None) -> dict[str, float]:
    view = ledger.store.twin("d", at_us=at_us).view("Building")  # type: ignore[attr-defined]
    return dict(zip((item[-2:] for item in view.ids), view.number("height").tolist(), strict=True))


def raise_roof(ledger: Ledger, trunk: Branch, number: int, height: float) -> None:
    entity_id = building(number).id

    def run(desk: Desk) -> None:
        document = desk.document(entity_id)
        assert document is not None
        desk.put(*changed(document, desk.now, height=height))

    do(ledger, trunk, run, entity_id)


def instant(ledger: Ledger, trunk: Branch) -> int:
    time.sleep(0.002)
    now = do(ledger, trunk, lambda desk: desk.now_us)
    time.sleep(0.002)
    return int(now)


def test_a_view_of_an_instant_shows_what_was_known_then(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    store = ledger.store  # type: ignore[attr-defined]
    before = instant(ledger, trunk)
    store.import_entities(DISTRICT, SOURCE, [building(1), building(2)])
    imported = instant(ledger, trunk)
    raise_roof(ledger, trunk, 1, 33.5)
    raised = instant(ledger, trunk)
    store.import_entities(DISTRICT, SOURCE, [building(2, 12.0), building(3)])
    replaced = instant(ledger, trunk)
    raise_roof(ledger, trunk, 3, 50.0)
    assert heights(ledger, before) == {}
    assert heights(ledger, imported) == {"b1": 10.0, "b2": 10.0}
    assert heights(ledger, raised) == {"b1": 33.5, "b2": 10.0}
    assert heights(ledger, replaced) == {"b2": 12.0, "b3": 10.0}
    assert heights(ledger) == {"b2": 12.0, "b3": 50.0}
    assert heights(ledger, instant(ledger, trunk) + 10**12) == {"b2": 12.0, "b3": 50.0}


def test_looking_back_leaves_the_present_alone(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    store = ledger.store  # type: ignore[attr-defined]
    store.import_entities(DISTRICT, SOURCE, [building(1)])
    imported = instant(ledger, trunk)
    raise_roof(ledger, trunk, 1, 33.5)
    present = store.twin("d").view("Building")
    assert heights(ledger, imported) == {"b1": 10.0}
    assert store.twin("d").view("Building") is present
