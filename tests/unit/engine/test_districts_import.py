"""Maps, inventories and sketches become districts, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely

from lingjing.engine import districts
from lingjing.engine.districts import (
    DistrictImport,
    fetch_district,
    import_inventory,
    import_map,
    show_district,
    sketch,
)
from lingjing.sdk.contract import Progress
from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.fetching import Fetcher
from lingjing.twin import SqliteStore
from lingjing.vocabulary import Attribute, LingjingError, Provenance

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
MADE_UP = Provenance("simulated", "sketch", synthetic=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "twin.sqlite") as made:
        yield made


def feature(kind: str, identity: str, shape: shapely.Geometry, **more: object) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind, "id": identity, **more},
        "geometry": json.loads(shapely.to_geojson(shape)),
    }


def house(number: int) -> dict[str, Any]:
    west = 121.5 + number * 0.001
    shape = shapely.box(west, 31.28, west + 0.0005, 31.2802)
    return feature("Building", f"b{number}", shape, use="residential", levels=6)


def write_map(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Six houses on a street; the three in the west lie in a sub-district with an outline."""
    street = shapely.LineString([(121.4995, 31.2799), (121.507, 31.2799)])
    west = shapely.box(121.499, 31.279, 121.5028, 31.281)
    return write_map(
        tmp_path / "town.geojson",
        *[house(number) for number in range(6)],
        feature("RoadSegment", "r1", street, road_class="secondary", name="四平路"),
        feature("SubDistrict", "s1", west, name="四平路街道"),
    )


def write_inventory(path: Path, *rows: str) -> Path:
    header = "id,kind,longitude_deg,latitude_deg,inner_diameter_mm,location"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def meters(tmp_path: Path) -> Path:
    return write_inventory(
        tmp_path / "meters.csv",
        "1,MeterBox,121.5002,31.2801,20,stairwell",
        "2,MeterBox,121.5052,31.2801,20,stairwell",
    )


def contents(store: SqliteStore) -> list[object]:
    return [
        (item, store.sources(item.name), list(store.entities(item.name)))
        for item in store.districts()
    ]


def refused(code: str, store: SqliteStore, *arguments: Any, **options: Any) -> LingjingError:
    before = contents(store)
    with pytest.raises(LingjingError) as caught:
        import_map(store, *arguments, pack="yangpu", now=NOW, **options)
    assert caught.value.code == code
    assert contents(store) == before
    return caught.value


def imported(store: SqliteStore, path: Path, **options: Any) -> DistrictImport:
    return import_map(store, path, pack="yangpu", now=NOW, **options)


def test_a_map_becomes_a_district_with_inferred_assets(store: SqliteStore, town: Path) -> None:
    done = imported(store, town)
    assert done.district.name == "yangpu"
    assert done.district.pack == "yangpu"
    assert not done.district.synthetic
    assert done.district.updated_at == "2026-01-05T08:00:00Z"
    assert done.district.settings["stock"]["modern_from_year"] > 1900
    assert done.counts["Building"] == 6
    assert done.counts["RoadSegment"] == 1
    assert done.counts["MeterBox"] > 0
    assert done.counts["Depot"] == 4
    assert [item.name for item in done.sources] == ["map:town", "stock-model", "depot-plan"]
    assert store.sources("yangpu") == sorted(done.sources, key=lambda item: item.name)


def test_every_inferred_value_says_so(store: SqliteStore, town: Path) -> None:
    imported(store, town)
    for entity in store.entities("yangpu", "MeterBox"):
        for name, attribute in entity.attributes.items():
            if name != "sub_district":
                assert attribute.provenance.kind == "inferred"
                assert attribute.provenance.rule
                assert attribute.provenance.confidence is not None
        assert entity.relationships["building"].startswith("urn:ngsi-ld:Building:yangpu:")
        store.entity(entity.relationships["building"])


def test_things_are_placed_in_the_sub_district_that_holds_them(
    store: SqliteStore, town: Path
) -> None:
    imported(store, town)
    view = store.twin("yangpu").view("Building")
    assert view.text("sub_district").tolist() == ["四平路街道"] * 3 + [None] * 3
    boxes = store.twin("yangpu").view("MeterBox")
    west = boxes.longitude_deg < 121.5028
    assert set(boxes.text("sub_district")[west]) == {"四平路街道"}
    assert set(boxes.text("sub_district")[~west]) == {None}
    index = view.provenance_index["sub_district"][0]
    assert view.provenances[index].rule == "sub-district:containment"


def test_importing_the_same_map_twice_changes_nothing(store: SqliteStore, town: Path) -> None:
    imported(store, town)
    once = contents(store)
    imported(store, town)
    assert contents(store) == once


def test_another_seed_draws_other_assets(store: SqliteStore, town: Path) -> None:
    imported(store, town, name="one", seed=1)
    imported(store, town, name="two", seed=2)
    one, two = (
        [
            (item.id.split(":")[-1], item.attributes)
            for kind in ("Riser", "MeterBox", "WaterTank", "Tap", "Valve")
            for item in store.entities(name, kind)
        ]
        for name in ("one", "two")
    )
    assert one != two


def test_a_new_map_takes_the_place_of_the_old(
    store: SqliteStore, town: Path, tmp_path: Path
) -> None:
    imported(store, town)
    road = feature("RoadSegment", "r9", shapely.LineString([(121.5, 31.28), (121.51, 31.28)]))
    smaller = write_map(tmp_path / "newer.geojson", house(1), road)
    done = imported(store, smaller)
    assert done.counts["Building"] == 1
    assert [item.name for item in store.sources("yangpu")] == [
        "depot-plan",
        "map:newer",
        "stock-model",
    ]
    local = {item.relationships["building"] for item in store.entities("yangpu", "MeterBox")}
    assert local == {"urn:ngsi-ld:Building:yangpu:b1"}


def test_a_map_without_buildings_or_roads_is_refused(
    store: SqliteStore, town: Path, tmp_path: Path
) -> None:
    imported(store, town)
    road = feature("RoadSegment", "r9", shapely.LineString([(121.5, 31.28), (121.51, 31.28)]))
    error = refused("maps.no-buildings", store, write_map(tmp_path / "a.geojson", road))
    assert error.place is not None
    assert error.place.file == str(tmp_path / "a.geojson")
    refused("maps.no-roads", store, write_map(tmp_path / "b.geojson", house(1)))


def test_bad_names_are_refused_before_the_map_is_read(store: SqliteStore, tmp_path: Path) -> None:
    refused("twin.bad-name", store, tmp_path / "absent.geojson", name="../up")


def test_an_interruption_while_the_stock_is_written_leaves_the_old_state(
    store: SqliteStore, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(store, town)
    before = contents(store)
    infer = districts.infer_assets

    def interrupted(*arguments: Any) -> Batch:
        batch = infer(*arguments)

        def features() -> Iterator[Feature]:
            yield next(iter(batch.features))
            raise KeyboardInterrupt

        return Batch("stock-model", features(), MADE_UP, "", "unstated", "", ImportReport())

    monkeypatch.setattr(districts, "infer_assets", interrupted)
    with pytest.raises(KeyboardInterrupt):
        imported(store, town, seed=99)
    assert contents(store) == before


def test_an_inventory_replaces_what_was_inferred_of_its_kinds(
    store: SqliteStore, town: Path, meters: Path
) -> None:
    before = imported(store, town).counts
    done = import_inventory(store, "yangpu", meters, now=NOW)
    assert done.counts["MeterBox"] == 2
    assert done.replaced == {"stock-model": {"MeterBox": before["MeterBox"]}}
    assert {kind: done.counts[kind] for kind in before if kind != "MeterBox"} == {
        kind: before[kind] for kind in before if kind != "MeterBox"
    }
    view = store.twin("yangpu").view("MeterBox")
    assert view.text("sub_district").tolist() == ["四平路街道", None]
    assert {item.kind for item in view.provenances} == {"imported", "inferred"}


def test_a_later_map_infers_nothing_that_an_inventory_knows(
    store: SqliteStore, town: Path, meters: Path
) -> None:
    imported(store, town)
    import_inventory(store, "yangpu", meters, now=NOW)
    before = store.counts("yangpu")
    done = imported(store, town)
    assert done.counts == before
    assert done.sources[1].report["left_to_inventory"] == ["MeterBox"]
    assert "MeterBox" not in done.sources[1].report["kept"]
    store.forget_source("yangpu", "inventory:meters")
    assert imported(store, town).counts["MeterBox"] > 2


def test_an_inventory_read_again_replaces_itself(
    store: SqliteStore, town: Path, meters: Path
) -> None:
    imported(store, town)
    import_inventory(store, "yangpu", meters, now=NOW)
    write_inventory(meters, "2,MeterBox,121.5052,31.2801,25,stairwell")
    assert import_inventory(store, "yangpu", meters, now=NOW).counts["MeterBox"] == 1
    assert next(store.entities("yangpu", "MeterBox")).attributes["inner_diameter"].value == 25


def test_a_broken_inventory_leaves_the_inferred_assets(
    store: SqliteStore, town: Path, meters: Path
) -> None:
    imported(store, town)
    before = contents(store)
    write_inventory(
        meters, "1,MeterBox,121.5,31.28,20,stairwell", "1,MeterBox,121.5,31.28,20,stairwell"
    )
    with pytest.raises(LingjingError) as caught:
        import_inventory(store, "yangpu", meters, now=NOW)
    assert caught.value.code == "maps.duplicate-id"
    assert contents(store) == before


def test_an_inventory_needs_a_district(store: SqliteStore, meters: Path) -> None:
    with pytest.raises(LingjingError) as caught:
        import_inventory(store, "nowhere", meters)
    assert caught.value.code == "twin.no-district"


def test_show_says_whom_to_credit_and_how_values_are_known(
    store: SqliteStore, town: Path, meters: Path
) -> None:
    imported(store, town)
    import_inventory(store, "yangpu", meters, now=NOW)
    shown = show_district(store, "yangpu")
    json.dumps(shown)
    assert shown["title"]["zh-CN"] == "上海市杨浦区"
    assert shown["counts"]["Building"] == 6
    assert shown["synthetic"] is False
    assert [item["role"] for item in shown["sources"]] == ["stock", "inventory", "map", "stock"]
    assert "meters.csv" in shown["attribution"]
    for known in shown["provenance"].values():
        assert sum(known.values()) == pytest.approx(1.0, abs=1e-3)
    assert shown["provenance"]["MeterBox"]["imported"] > 0.7
    assert shown["provenance"]["Riser"] == {"inferred": 1.0}
    assert "provenance" not in show_district(store, "yangpu", shares_too=False)


def test_show_counts_what_was_dropped(store: SqliteStore, tmp_path: Path) -> None:
    crossed = house(3)
    crossed["geometry"] = {"type": "Point", "coordinates": [121.5, 31.28]}
    road = feature("RoadSegment", "r9", shapely.LineString([(121.5, 31.28), (121.51, 31.28)]))
    imported(store, write_map(tmp_path / "a.geojson", house(1), crossed, road))
    shown = show_district(store, "yangpu")
    assert sum(shown["dropped"].values()) == 1
    mapped = next(item for item in shown["sources"] if item["role"] == "map")
    assert mapped["report"]["dropped"][0]["examples"]


def test_progress_is_told_in_both_languages(store: SqliteStore, town: Path) -> None:
    told: list[tuple[float, dict[str, str]]] = []

    class Listener(Progress):
        def report(self, done: float, text: Any) -> None:
            told.append((done, dict(text)))

    imported(store, town, progress=Listener())
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 1.0
    assert all(set(text) == {"zh-CN", "en"} for _, text in told)


def test_a_sketch_is_synthetic_through_and_through(store: SqliteStore) -> None:
    done = sketch(store, "yangpu", scale=0.01, seed=3, now=NOW)
    assert done.district.synthetic
    assert all(source.synthetic for source in done.sources)
    assert {"Building", "RoadSegment", "MeterBox", "Facility"} <= done.counts.keys()
    twin = store.twin("yangpu")
    for kind in twin.kinds():
        assert all(item.synthetic for item in twin.view(kind).provenances), kind


def test_the_same_sketch_is_the_same_district(store: SqliteStore) -> None:
    sketch(store, "yangpu", scale=0.01, seed=3, now=NOW)
    once = contents(store)
    sketch(store, "yangpu", scale=0.01, seed=3, now=NOW)
    assert contents(store) == once
    sketch(store, "yangpu", scale=0.01, seed=4, now=NOW)
    assert contents(store) != once


def test_a_sketch_never_replaces_a_real_map(store: SqliteStore, town: Path) -> None:
    imported(store, town)
    before = contents(store)
    with pytest.raises(LingjingError) as caught:
        sketch(store, "yangpu", scale=0.01, seed=3, now=NOW)
    assert caught.value.code == "twin.real-district"
    assert contents(store) == before
    assert sketch(store, "yangpu", scale=0.01, seed=3, name="trial", now=NOW).district.synthetic


def test_a_real_map_replaces_a_sketch(store: SqliteStore, town: Path) -> None:
    sketch(store, "yangpu", scale=0.01, seed=3, now=NOW)
    done = imported(store, town)
    assert not done.district.synthetic
    assert done.counts["Building"] == 6
    assert not any(source.synthetic for source in store.sources("yangpu"))


def test_an_inventory_replaces_the_sketched_assets_of_its_kinds(
    store: SqliteStore, meters: Path
) -> None:
    sketch(store, "yangpu", scale=0.01, seed=3, now=NOW)
    assert import_inventory(store, "yangpu", meters, now=NOW).counts["MeterBox"] == 2
    assert sketch(store, "yangpu", scale=0.01, seed=4, now=NOW).counts["MeterBox"] == 2


OSM = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6">
 <node id="1" lat="31.2800" lon="121.5000"/><node id="2" lat="31.2800" lon="121.5005"/>
 <node id="3" lat="31.2803" lon="121.5005"/><node id="4" lat="31.2803" lon="121.5000"/>
 <node id="5" lat="31.2799" lon="121.4990"/><node id="6" lat="31.2799" lon="121.5020"/>
 <way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/><nd ref="1"/>
  <tag k="building" v="apartments"/><tag k="building:levels" v="6"/></way>
 <way id="11"><nd ref="5"/><nd ref="6"/><tag k="highway" v="residential"/></way>
</osm>
"""


def test_a_fetched_map_becomes_a_district(store: SqliteStore, tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=OSM.encode())

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        fetcher = Fetcher(tmp_path / "cache", client=client)
        done = fetch_district(
            store,
            tmp_path,
            pack="yangpu",
            bounds=(121.49, 31.27, 121.51, 31.29),
            fetcher=fetcher,
            now=NOW,
        )
    assert len(asked) == 1
    assert done.counts["Building"] == 1
    assert show_district(store, "yangpu")["attribution"] == [
        "© OpenStreetMap contributors, ODbL 1.0"
    ]


def test_a_failed_fetch_leaves_no_district(store: SqliteStore, tmp_path: Path) -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, content=b"<html>busy</html>"))
    with httpx.Client(transport=answer) as client:
        fetcher = Fetcher(tmp_path / "cache", client=client, sleep=lambda _: None)
        with pytest.raises(LingjingError) as caught:
            fetch_district(store, tmp_path, pack="yangpu", fetcher=fetcher)
    assert caught.value.code.startswith("fetch.")
    assert store.districts() == []


@pytest.mark.real_data
def test_the_real_block_is_imported_whole(store: SqliteStore, shared_data: Path) -> None:
    path = shared_data / "maps" / "yangpu-siping.osm.pbf"
    done = imported(store, path)
    assert done.counts["Building"] == 498
    assert done.counts["RoadSegment"] >= 315 - 4
    shown = show_district(store, "yangpu")
    assert shown["attribution"] == ["© OpenStreetMap contributors, ODbL 1.0"]
    assert done.counts["MeterBox"] > 1000
    once = contents(store)
    imported(store, path)
    assert contents(store) == once


def test_attributes_keep_their_provenance_through_the_import(
    store: SqliteStore, town: Path
) -> None:
    imported(store, town)
    kept = store.entity("urn:ngsi-ld:Building:yangpu:b1").attributes["levels"]
    assert isinstance(kept, Attribute)
    assert kept.value == 6
    assert kept.provenance.kind == "imported"
