"""What every store driver promises; a new driver joins by a line in `DRIVERS`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import shapely

from lingjing.twin import District, Entity, MemoryTwin, SourceRecord, SqliteStore, Store
from lingjing.twin.postgres import PostgresStore
from lingjing.vocabulary import Attribute, LingjingError, Provenance

DRIVERS: dict[str, Callable[[pytest.FixtureRequest, Path], Store]] = {
    "sqlite-file": lambda _, folder: SqliteStore(folder / "twin.sqlite"),
    "sqlite-memory": lambda *_: SqliteStore(":memory:"),
    "postgresql": lambda request, _: PostgresStore(request.getfixturevalue("postgres_url")),
}

MAPPED = Provenance("imported", "OpenStreetMap", observed_at="2024-01-01T00:00:00Z")
GUESSED = Provenance("inferred", "stock-model", rule="age-class", confidence=0.4)


@pytest.fixture(params=DRIVERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = DRIVERS[request.param](request, tmp_path)
    yield made
    made.close()


def district(name: str = "d", **changes: object) -> District:
    made = District(
        name, "yangpu", "片区", "District", {"a": [1, 2.5, "x"]}, (0, 0, 0, 0), False, "2026-01-01"
    )
    return msgspec.structs.replace(made, **changes)


def source(name: str = "osm:a", of: str = "d", **changes: object) -> SourceRecord:
    made = SourceRecord(name, of, "© someone", "ODbL", "00", "2026-01-01T00:00:00Z", False, {})
    return msgspec.structs.replace(made, **changes)


def building(number: int | str, of: str = "d", **attributes: Attribute) -> Entity:
    corner = 121.5 + 0.001 * (number if isinstance(number, int) else 0)
    return Entity(
        f"urn:ngsi-ld:Building:{of}:b{number}",
        "Building",
        of,
        shapely.to_wkb(shapely.box(corner, 31.3, corner + 0.0005, 31.3005)),
        attributes or {"height": Attribute(12.5, MAPPED), "name": Attribute("一号楼", MAPPED)},
    )


def meter(number: int, of: str = "d") -> Entity:
    return Entity(
        f"urn:ngsi-ld:MeterBox:{of}:m{number}",
        "MeterBox",
        of,
        shapely.to_wkb(shapely.Point(121.5 + 0.001 * number, 31.3)),
        {"inner_diameter": Attribute(20, GUESSED), "location": Attribute("roof", GUESSED)},
        {"building": f"urn:ngsi-ld:Building:{of}:b{number}"},
    )


def refused(code: str, store: Store, *entities: Entity, name: str = "osm:a") -> LingjingError:
    """The refusal of an import, after which the store must be as it was."""
    before = contents(store)
    with pytest.raises(LingjingError) as caught:
        store.import_entities(district(), source(name), iter(entities))
    assert caught.value.code == code
    assert contents(store) == before
    return caught.value


def contents(store: Store) -> list[object]:
    return [
        (record, store.sources(record.name), list(store.entities(record.name)))
        for record in store.districts()
    ]


def test_an_empty_store_has_no_districts(store: Store) -> None:
    assert store.districts() == []
    with pytest.raises(LingjingError) as caught:
        store.district("nowhere")
    assert caught.value.code == "twin.no-district"


def test_a_missing_district_names_those_there_are(store: Store) -> None:
    store.put_district(district("east"))
    with pytest.raises(LingjingError) as caught:
        store.twin("west")
    assert "east" in caught.value.remedy("en")


def test_what_was_put_is_what_is_got(store: Store) -> None:
    things = [building(1), building(2), meter(1)]
    store.import_entities(district(), source(), things)
    assert list(store.entities("d")) == sorted(things, key=lambda item: item.id)
    assert store.entity(things[2].id) == things[2]
    assert store.counts("d") == {"Building": 2, "MeterBox": 1}
    assert store.sources("d") == [source()]
    kept = store.district("d")
    assert kept.settings == {"a": [1, 2.5, "x"]}
    assert kept.bounds == pytest.approx((121.501, 31.3, 121.5025, 31.3005))


def test_numbers_keep_their_type(store: Store) -> None:
    thing = building(
        1,
        levels=Attribute(6, MAPPED),
        height=Attribute(18.0, MAPPED),
        retrofitted=Attribute(True, GUESSED),
    )
    store.import_entities(district(), source(), [thing])
    values = {name: item.value for name, item in store.entity(thing.id).attributes.items()}
    assert [type(values[name]) for name in ("levels", "height", "retrofitted")] == [
        int,
        float,
        bool,
    ]


def test_an_unknown_entity_is_an_error(store: Store) -> None:
    with pytest.raises(LingjingError) as caught:
        store.entity("urn:ngsi-ld:Building:d:none")
    assert caught.value.code == "twin.no-entity"


def test_importing_twice_changes_nothing(store: Store) -> None:
    things = [building(number) for number in range(5)]
    store.import_entities(district(), source(), things)
    once = contents(store)
    store.import_entities(district(), source(), reversed(things))
    assert contents(store) == once


def test_a_second_import_replaces_the_source_and_leaves_others(store: Store) -> None:
    store.import_entities(district(), source(), [building(1), building(2)])
    store.import_entities(district(), source("stock"), [meter(1)])
    taller = building(2, height=Attribute(30.0, MAPPED))
    store.import_entities(district(), source(), [taller, building(3)])
    assert [item.id[-2:] for item in store.entities("d")] == ["b2", "b3", "m1"]
    assert store.entity(taller.id) == taller


def test_the_report_may_grow_while_entities_stream(store: Store) -> None:
    record = source(report={})

    def stream() -> Iterator[Entity]:
        yield building(1)
        record.report["kept"] = 1

    store.import_entities(district(), record, stream())
    assert store.sources("d")[0].report == {"kept": 1}


def test_districts_do_not_mix(store: Store) -> None:
    store.import_entities(district("east"), source(of="east"), [building(1, "east")])
    store.import_entities(
        district("west"), source(of="west"), [building(1, "west"), building(2, "west")]
    )
    assert store.counts("east") == {"Building": 1}
    assert len(store.twin("west").view("Building")) == 2
    everywhere = (-180.0, -90.0, 180.0, 90.0)
    assert len(list(store.entities("east", bounds=everywhere))) == 1
    store.forget_district("west")
    assert [item.name for item in store.districts()] == ["east"]
    assert store.counts("east") == {"Building": 1}
    with pytest.raises(LingjingError):
        store.counts("west")


def test_a_forgotten_district_may_return(store: Store) -> None:
    store.import_entities(district(), source(), [building(1), building(2)])
    view = store.twin("d").view("Building")
    store.forget_district("d")
    store.import_entities(district(), source("other"), [building(3)])
    assert len(view) == 2
    assert len(store.twin("d").view("Building")) == 1


def test_duplicate_ids_are_refused(store: Store) -> None:
    store.import_entities(district(), source(), [building(7)])
    error = refused("twin.duplicate-id", store, building(1), building(2), building(1))
    assert error.place is not None
    assert error.place.field == building(1).id


def test_duplicate_ids_far_apart_are_refused(store: Store) -> None:
    many = [building(str(number)) for number in range(4500)]
    refused("twin.duplicate-id", store, *many, building("3"))


def test_ids_of_another_source_are_refused(store: Store) -> None:
    store.import_entities(district(), source(), [building(1)])
    error = refused("twin.foreign-id", store, building(2), building(1), name="survey")
    assert error.values["held_by"] == "osm:a"


def test_unknown_kinds_are_refused(store: Store) -> None:
    thing = msgspec.structs.replace(building(1), kind="Igloo", id="urn:ngsi-ld:Igloo:d:b1")
    refused("twin.unknown-kind", store, thing)


@pytest.mark.parametrize(
    "identity",
    ["b1", "urn:ngsi-ld:Tap:d:b1", "urn:ngsi-ld:Building:e:b1", "urn:ngsi-ld:Building:d:b 1"],
)
def test_ids_that_do_not_fit_are_refused(store: Store, identity: str) -> None:
    refused("twin.id-mismatch", store, msgspec.structs.replace(building(1), id=identity))


def test_unknown_attributes_are_refused_with_near_names(store: Store) -> None:
    error = refused(
        "twin.unknown-attribute", store, building(1), building(2, heigth=Attribute(3.0, MAPPED))
    )
    assert str(error.values["near"]).split(", ")[0] == "height"
    assert error.place is not None
    assert error.place.file == "osm:a"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("height", -1.0, "vocabulary.out-of-bounds"),
        ("height", float("inf"), "vocabulary.out-of-bounds"),
        ("height", float("nan"), "twin.bad-value"),
        ("height", "12", "twin.bad-value"),
        ("height", True, "twin.bad-value"),
        ("use", "castle", "twin.bad-value"),
        ("use", 3, "twin.bad-value"),
        ("retrofitted", 1, "twin.bad-value"),
        ("retrofitted", "yes", "twin.bad-value"),
        ("name", 12, "twin.bad-value"),
        ("name", "\ud800", "twin.bad-value"),
    ],
)
def test_values_that_cannot_be_believed_are_refused(
    store: Store, name: str, value: float | str, code: str
) -> None:
    error = refused(code, store, building(1, **{name: Attribute(value, MAPPED)}))
    assert error.place is not None
    assert error.place.field == building(1).id


@pytest.mark.parametrize(
    ("wkt", "code"),
    [
        ("POINT (121.5 31.3)", "twin.wrong-geometry"),
        ("POLYGON EMPTY", "twin.unreadable-geometry"),
        ("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", "twin.invalid-geometry"),
        ("POLYGON ((351000 3460000, 351010 3460000, 351010 3460010, 351000 3460000))",
         "twin.geometry-out-of-range"),
    ],
)  # fmt: skip
def test_geometries_that_cannot_stand_are_refused(store: Store, wkt: str, code: str) -> None:
    geometry = shapely.to_wkb(shapely.from_wkt(wkt))
    refused(code, store, building(1), msgspec.structs.replace(building(2), geometry=geometry))


def test_bytes_that_are_no_geometry_are_refused(store: Store) -> None:
    broken = msgspec.structs.replace(building(1), geometry=b"\x01\x02")
    refused("twin.unreadable-geometry", store, broken)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_import_leaves_the_old_state(
    store: Store, error: type[BaseException]
) -> None:
    store.import_entities(district(), source(), [building(1)])
    before = contents(store)

    def stream() -> Iterator[Entity]:
        for number in range(2, 5000):
            yield building(str(number))
        raise error

    with pytest.raises(error):
        store.import_entities(district(title_en="Other"), source(), stream())
    assert contents(store) == before
    store.import_entities(district(), source(), [building(2)])
    assert store.counts("d") == {"Building": 1}


def test_a_transaction_takes_all_or_nothing(store: Store) -> None:
    store.import_entities(district(), source(), [building(1)])
    before = contents(store)

    def interrupted() -> None:
        with store.transaction():
            store.import_entities(district(), source(), [building(2)])
            store.import_entities(district(), source("stock"), [meter(2)])
            assert store.counts("d") == {"Building": 1, "MeterBox": 1}
            assert len(store.twin("d").view("MeterBox")) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert contents(store) == before
    assert len(store.twin("d").view("MeterBox")) == 0


def test_a_failed_part_of_a_transaction_is_undone_alone(store: Store) -> None:
    with store.transaction():
        store.import_entities(district(), source(), [building(1)])
        with pytest.raises(LingjingError):
            store.import_entities(district(), source("stock"), [meter(1), meter(1)])
    assert store.counts("d") == {"Building": 1}
    assert [item.name for item in store.sources("d")] == ["osm:a"]


def test_a_source_is_forgotten_whole_or_by_kind(store: Store) -> None:
    store.import_entities(district(), source("stock"), [building(9), meter(1), meter(2)])
    assert store.forget_source("d", "stock", kinds=["MeterBox", "Tap"]) == 2
    assert store.counts("d") == {"Building": 1}
    assert store.district("d").bounds == pytest.approx((121.509, 31.3, 121.5095, 31.3005))
    assert store.forget_source("d", "stock") == 1
    assert store.sources("d") == []
    assert list(store.entities("d", bounds=(-180, -90, 180, 90))) == []
    with pytest.raises(LingjingError) as caught:
        store.forget_source("d", "stock")
    assert caught.value.code == "twin.no-source"


def test_entities_are_found_by_kind_box_and_limit(store: Store) -> None:
    store.import_entities(district(), source(), [*map(building, range(9)), *map(meter, range(9))])
    box = (121.5021, 31.2, 121.5041, 31.4)
    assert [item.id[-2:] for item in store.entities("d", bounds=box)] == [
        "b2",
        "b3",
        "b4",
        "m3",
        "m4",
    ]
    assert [item.id[-2:] for item in store.entities("d", "MeterBox", box)] == ["m3", "m4"]
    assert [item.id[-2:] for item in store.entities("d", "MeterBox", box, 1)] == ["m3"]
    assert len(list(store.entities("d", limit=5))) == 5
    assert list(store.entities("d", "Depot")) == []


def test_a_box_finds_what_touches_it_not_only_what_its_own_box_meets(store: Store) -> None:
    diagonal = Entity(
        "urn:ngsi-ld:RoadSegment:d:r1",
        "RoadSegment",
        "d",
        shapely.to_wkb(shapely.LineString([(121.0, 31.0), (122.0, 32.0)])),
        {},
    )
    store.import_entities(district(), source(), [diagonal])
    assert list(store.entities("d", bounds=(121.8, 31.1, 121.9, 31.2))) == []
    assert list(store.entities("d", bounds=(121.5, 31.1, 121.9, 31.6))) == [diagonal]
    assert list(store.entities("d", bounds=(122.0, 32.0, 122.0, 32.0))) == [diagonal]


def test_views_hold_columns_in_order_of_id(store: Store) -> None:
    bare = building(3, name=Attribute("bare", GUESSED))
    store.import_entities(district(), source(), [building(2), bare, building(1)])
    store.import_entities(district(), source("stock"), [meter(2), meter(1)])
    twin = store.twin("d")
    assert twin.kinds() == ("Building", "MeterBox")
    view = twin.view("Building")
    assert [item[-2:] for item in view.ids] == ["b1", "b2", "b3"]
    np.testing.assert_array_equal(view.number("height"), [12.5, 12.5, np.nan])
    assert view.text("name").tolist() == ["一号楼", "一号楼", "bare"]
    assert view.provenances == (MAPPED, GUESSED)
    assert view.provenance_index["height"].tolist() == [0, 0, -1]
    assert view.provenance_index["name"].tolist() == [0, 0, 1]
    assert view.longitude_deg == pytest.approx([121.50125, 121.50225, 121.50325])
    assert view.shape(0).equals(building(1).shape())
    meters = twin.view("MeterBox")
    assert meters.number("inner_diameter").tolist() == [20.0, 20.0]
    assert meters.related("building").tolist() == [building(1).id, building(2).id]
    assert meters.related("other").tolist() == [None, None]
    with pytest.raises(ValueError, match="read-only"):
        view.columns["height"][0] = 1.0


def test_a_kind_that_is_absent_gives_an_empty_view(store: Store) -> None:
    store.put_district(district())
    view = store.twin("d").view("Depot")
    assert len(view) == 0
    assert view.number("crews").shape == (0,)
    assert view.longitude_deg.shape == (0,)


def test_a_twin_never_mixes_two_states(store: Store) -> None:
    store.import_entities(district(), source(), [building(1), meter(1)])
    twin = store.twin("d")
    seen = twin.view("Building")
    store.import_entities(district(), source(), [building(2), meter(2)])
    with pytest.raises(LingjingError) as caught:
        twin.view("MeterBox")
    assert caught.value.code == "twin.changed-meanwhile"
    assert seen.ids.tolist() == [building(1).id]
    assert store.twin("d").view("Building").ids.tolist() == [building(2).id]


def test_views_agree_with_a_twin_in_memory(store: Store) -> None:
    things = [building(2), building(1), building(3, name=Attribute("x", GUESSED)), meter(2)]
    store.import_entities(district(), source(), things)
    twin, memory = store.twin("d"), MemoryTwin(store.district("d"), reversed(things))
    assert twin.district == memory.district
    assert twin.kinds() == memory.kinds()
    for kind in (*twin.kinds(), "Tap"):
        one, other = twin.view(kind), memory.view(kind)
        assert one.provenances == other.provenances
        for field in ("columns", "provenance_index", "relationships"):
            mine, theirs = getattr(one, field), getattr(other, field)
            assert list(mine) == list(theirs)
            for name in mine:
                assert mine[name].dtype == theirs[name].dtype
                np.testing.assert_array_equal(mine[name], theirs[name])
        for field in ("ids", "longitude_deg", "latitude_deg", "wkb"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


@pytest.mark.parametrize("name", ["", "a b", "../x", "片区"])
def test_names_that_could_not_stand_in_an_id_are_refused(store: Store, name: str) -> None:
    with pytest.raises(LingjingError) as caught:
        store.put_district(district(name))
    assert caught.value.code == "twin.bad-name"


def test_a_view_seen_in_an_undone_transaction_is_forgotten(store: Store) -> None:
    store.put_district(district())

    def undone() -> None:
        with store.transaction():
            store.import_entities(district(), source(), [building(1)])
            assert len(store.twin("d").view("Building")) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    store.import_entities(district(), source(), [building(2)])
    assert store.twin("d").view("Building").ids.tolist() == [building(2).id]


def test_another_thread_never_sees_half_a_transaction(store: Store) -> None:
    store.put_district(district())
    counts: list[dict[str, int]] = []
    reader = threading.Thread(target=lambda: counts.append(store.counts("d")))
    with store.transaction():
        store.import_entities(district(), source(), [building(1)])
        reader.start()
        store.import_entities(district(), source("stock"), [meter(1)])
    reader.join(30)
    assert counts[0] in ({}, {"Building": 1, "MeterBox": 1})
