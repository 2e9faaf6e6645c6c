"""Tiles follow a district in whatever driver it lies, and whoever changed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from ledgers import create, do, iri, value

from lingjing.engine import tiles_geometry as geometry
from lingjing.engine.tiles import Tiles
from lingjing.engine.tiles_keeping import TileLayer
from lingjing.twin import SqliteStore, Store
from lingjing.twin.documents import LOCATION
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.twin.ledger import Change, Desk, Ledger
from lingjing.vocabulary import Attribute, LingjingError, Provenance

NAME = "d"
MADE = Provenance("imported", "survey")
Twin = tuple[Store, Callable[[], Ledger]]


def building(number: int, height: float = 9.0) -> Entity:
    west = 121.5 + number * 0.01
    return Entity(
        f"urn:ngsi-ld:Building:{NAME}:b{number}",
        "Building",
        NAME,
        shapely.to_wkb(shapely.box(west, 31.2, west + 0.0005, 31.2005)),
        {"height": Attribute(height, MADE)},
    )


def put(store: Store, *entities: Entity) -> None:
    district = District(NAME, "none", "区", "D", {}, (0, 0, 1, 1), False, "2024-01-01T00:00:00Z")
    source = SourceRecord("survey", NAME, "", "none", "0", "2024-01-01T00:00:00Z", False, {})
    store.import_entities(district, source, entities)


@pytest.fixture(params=["sqlite", "postgresql"])
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Twin]:
    with ExitStack() as opened:
        if request.param == "sqlite":
            from lingjing.twin.sqlite_ledger import SqliteLedger

            path = tmp_path / "twin.sqlite"
            store: Store = opened.enter_context(SqliteStore(path))
            yield store, lambda: opened.enter_context(SqliteLedger(path))
        else:
            from lingjing.twin.postgres import PostgresStore
            from lingjing.twin.postgres_ledger import PostgresLedger

            url = request.getfixturevalue("postgres_url")
            store = opened.enter_context(PostgresStore(url))
            yield store, lambda: opened.enter_context(PostgresLedger(url))


@pytest.fixture
def layer(twin: Twin, tmp_path: Path) -> Iterator[TileLayer]:
    put(twin[0], *(building(number) for number in range(8)))
    tiles = Tiles(tmp_path / "tiles-of-test", lambda: twin[0])
    made = tiles.layer(NAME, "buildings")
    made.build()
    yield made
    tiles.close()


def again(layer: TileLayer) -> int:
    """How many tiles are made anew now."""
    before = layer.encoded
    layer.urge()
    layer.build()
    return layer.encoded - before


def raised(ledger: Ledger, number: int, **attributes: Any) -> None:
    """Change a building over NGSI-LD, whatever it was imported as."""
    name = building(number).id

    def run(desk: Desk) -> None:
        held = desk.document(name)
        assert held is not None
        made = {iri(key): {"": value(given)} for key, given in attributes.items()}
        changes = [Change("update", key, "", item[""]) for key, item in made.items()]
        content = {**held["attributes"], **made}
        desk.put({**held, "modifiedAt": desk.now, "attributes": content}, changes)

    do(ledger, ledger.branch(""), run, name)


def test_where_a_district_stands_moves_with_imports_and_with_edits_apart(twin: Twin) -> None:
    store, open_ledger = twin
    with pytest.raises(LingjingError) as caught:
        store.standing(NAME)
    assert caught.value.code == "twin.no-district"
    put(store, building(1))
    first = store.standing(NAME)
    assert store.standing(NAME) == first
    put(store, building(1))
    second = store.standing(NAME)
    assert second[0] > first[0]
    ledger = open_ledger()
    raised(ledger, 1, height=10.0)
    third = store.standing(NAME)
    assert third[0] == second[0]
    assert third[1] > second[1]


def test_what_was_written_over_ngsi_ld_spoils_only_the_tiles_under_it(
    twin: Twin, layer: TileLayer
) -> None:
    ledger = twin[1]()
    raised(ledger, 3, height=30.0)
    shape = geometry.projected(shapely.from_wkb(np.array([building(3).geometry], dtype=object)))
    under = [geometry.touched(shapely.bounds(shape), zoom)[1].size for zoom in range(11, 17)]
    assert again(layer) == sum(under)
    assert sum(under) < layer.figures()[0] / 2
    raised(ledger, 3, temperature=-4.0)
    assert again(layer) == 0  # nothing that is drawn


def test_buildings_that_come_and_go_over_ngsi_ld_keep_the_others_numbers(
    twin: Twin, layer: TileLayer
) -> None:
    ledger = twin[1]()
    trunk = ledger.branch("")
    before = layer.numbering()
    ring = [[121.7, 31.2], [121.701, 31.2], [121.701, 31.201], [121.7, 31.2]]
    place = {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [ring]}}
    new = "urn:ngsi-ld:Building:d:a-new-one"
    create(
        ledger,
        trunk,
        {"id": new, "type": [iri("Building")], "attributes": {LOCATION: {"": place}}},
    )
    do(ledger, trunk, lambda desk: desk.delete(building(2).id), building(2).id)
    assert again(layer) > 0
    after = layer.numbering()
    assert after.of([new, building(2).id]).tolist() == [before.following, -1]
    rest = [building(number).id for number in (0, 1, 3, 4, 5, 6, 7)]
    assert after.of(rest).tolist() == before.of(rest).tolist()
