"""The summary, the table and the map of work say how far material and crews reach."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunResult
from lingjing.engine.settings import open_store
from lingjing.sdk.testkit import small_district, small_entities
from lingjing.twin.entities import Entity, SourceRecord
from lingjing.vocabulary import Attribute, LingjingError

Run = Callable[..., RunResult]


def hold(data: Path, change: Callable[[Entity], list[Entity]], kind: str = "Depot") -> None:
    """Import the small district again, with one kind of its entities changed."""
    store = open_store(data)
    source = SourceRecord("testkit", "testville", "", "", "", "2023-12-02T00:00:00Z", True, {})
    entities = [
        kept
        for item in small_entities()
        for kept in (change(item) if item.kind == kind else [item])
    ]
    store.import_entities(small_district(), source, entities)
    store.close()


def with_mats(mats: float) -> Callable[[Entity], list[Entity]]:
    """Depots that hold so many straw mats."""

    def change(depot: Entity) -> list[Entity]:
        known = depot.attributes["straw_mats"].provenance
        held = {**depot.attributes, "straw_mats": Attribute(mats, known)}
        return [structs.replace(depot, attributes=held)]

    return change


def rows_of(result: RunResult) -> list[dict[str, str]]:
    with (result.folder / "work.csv").open(encoding="utf-8-sig", newline="") as page:
        return list(csv.DictReader(page))


def use_of(result: RunResult, name: str) -> dict[str, Any]:
    (use,) = [use for use in result.summary["work"]["budget"]["uses"] if use["name"] == name]
    return dict(use)


def test_scarce_material_covers_the_first_jobs_in_every_file(
    standing_guest: str, run: Run, data: Path
) -> None:
    hold(data, with_mats(5.0))
    result = run(standing_guest)
    marks = [row["covered"] for row in rows_of(result)]
    assert marks == ["yes", "yes", "no", "no", "no", "no"]  # two mats a job
    mats = use_of(result, "straw mats")
    assert (mats["needed"], mats["held"], mats["used"], mats["short"]) == (12.0, 5.0, 4.0, 7.0)
    assert (mats["jobs"], mats["covered"], mats["covered_from_top"]) == (6, 2, 2)
    page = json.loads((result.folder / "work.geojson").read_text(encoding="utf-8"))
    assert [item["properties"]["covered"] for item in page["features"]] == [True] * 2 + [False] * 4
    chinese = RunFolder(result.folder).words("zh-CN")
    for said in ("6项需12张草垫", "库存5张草垫", "连续完成前2项", "缺7张草垫"):
        assert said in chinese
    english = RunFolder(result.folder).words("en")
    for said in ("6 jobs need 12 straw mats", "hold 5 straw mats", "first 2 in a row"):
        assert said in english
    assert "轮到此项时只余 1.0" in rows_of(result)[2]["coverage_zh"]


def test_enough_material_covers_everything_and_asks_for_nothing(finished: RunResult) -> None:
    assert {row["covered"] for row in rows_of(finished)} == {"yes"}
    assert use_of(finished, "straw mats")["short"] == 0.0
    assert finished.summary["work"]["budget"]["harm_share_covered"] == 1.0
    chinese = RunFolder(finished.folder).words("zh-CN")
    assert "够用" in chinese
    assert "申请" not in chinese


def test_a_district_without_depots_leaves_the_marks_empty(
    standing_guest: str, run: Run, data: Path
) -> None:
    hold(data, lambda _: [])
    result = run(standing_guest)
    assert {row["covered"] for row in rows_of(result)} == {""}
    assert {row["coverage_en"] for row in rows_of(result)} == {""}
    assert result.summary["work"]["budget"] is None
    assert "库存未知" in RunFolder(result.folder).words("zh-CN")


def test_the_budget_never_changes_the_order(standing_guest: str, run: Run, data: Path) -> None:
    plenty = [row["id"] for row in rows_of(run(standing_guest))]
    hold(data, with_mats(3.0))
    assert [row["id"] for row in rows_of(run(standing_guest))] == plenty


def test_material_that_is_short_names_what_to_ask_for_first(
    standing_guest: str, run: Run, data: Path
) -> None:
    hold(data, with_mats(0.0))
    result = run(standing_guest)
    mats = use_of(result, "straw mats")
    assert 0 < mats["needed_for_most"] <= mats["needed"]
    wanted = f"先申请其中{mats['needed_for_most']:.0f}张草垫"
    assert wanted in RunFolder(result.folder).words("zh-CN")


def test_a_stock_below_zero_is_refused_by_name(data: Path) -> None:
    with pytest.raises(LingjingError, match="straw_mats"):
        hold(data, with_mats(-1.0))


def test_a_nameless_asset_is_told_by_the_nearest_named_road(
    standing_guest: str, run: Run, data: Path
) -> None:
    def nameless(house: Entity) -> list[Entity]:
        kept = {
            name: value
            for name, value in house.attributes.items()
            if name not in ("name", "address")
        }
        return [structs.replace(house, attributes=kept)]

    hold(data, nameless, kind="Building")
    (first,) = [item["first"] for item in run(standing_guest).summary["hazards"]]
    assert re.fullmatch(r"西街道 测试.*附近", first["place"])
    assert re.match(r"near .*, ", first["place_en"])
