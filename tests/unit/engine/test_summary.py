"""The summary says what the tables hold, in two languages, with numbers rounded for people."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunResult
from lingjing.engine.run_content import RunContent
from lingjing.engine.summary import Wording, _table_order, headline, part_of
from lingjing.engine.summary_facts import Served, _add_homes
from lingjing.vocabulary import LOCALES, Locale, catalogue


@pytest.fixture
def wording() -> Wording:
    return Wording(cast("RunContent", None), {}, "en")


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0%"), (0.004, "<1%"), (0.25, "25%"), (0.994, ">99%"), (1.0, "100%")],
)
def test_a_probability_is_never_a_false_certainty(
    wording: Wording, share: float, said: str
) -> None:
    assert wording.percent(share) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.4, "fewer than 1"), (7.4, "7"), (99.4, "99"), (123.0, "120"),
     (987.0, "990"), (1234.0, "1,230"), (45678.0, "45,700")],
)  # fmt: skip
def test_a_count_has_the_figures_it_is_worth(wording: Wording, value: float, said: str) -> None:
    assert wording.count(value) == said


def test_a_temperature_has_a_true_minus_and_no_minus_zero(wording: Wording) -> None:
    assert wording.degrees(-5.12) == "−5.1 °C"
    assert wording.degrees(-0.01) == "0.0 °C"


def test_the_headline_says_what_where_when_and_how_surely(finished: RunResult) -> None:
    chinese = finished.summary["headline"]["zh-CN"]
    english = finished.summary["headline"]["en"]
    for word in ("西街道", "水表箱", "冰堵", "12月20日21时", "100%"):
        assert word in chinese
    for word in ("meter box", "plugged by ice", "20 Dec 21:00", "100%"):
        assert word in english


def test_the_facts_agree_with_the_tables(finished: RunResult) -> None:
    folder = RunFolder(finished.folder)
    table = folder.outcomes("MeterBox", "plugged")
    (hazard,) = finished.summary["hazards"]
    assert hazard["assets"] == table.num_rows
    assert hazard["expected"] == pytest.approx(sum(table["probability"].to_pylist()))
    assert hazard["expected_households"] == pytest.approx(6 * 12)
    earliest = min(table["onset_p50"].to_pylist())
    assert hazard["first"]["median"] == earliest.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert finished.summary["work"]["jobs"] == folder.work_count()
    assert finished.summary["work"]["material"] == [{"unit": "straw mats", "amount": 12.0}]
    areas = finished.summary["sub_districts"]
    assert sum(part["count"] for area in areas for part in area["expected"]) == hazard["expected"]


def test_each_language_stands_alone(finished: RunResult) -> None:
    folder = RunFolder(finished.folder)
    chinese, english = folder.words("zh-CN"), folder.words("en")
    assert "合成天气" in chinese
    assert "合成天气" not in english
    assert "Synthetic weather" in english
    assert "Synthetic weather" not in chinese
    assert "草垫" in chinese
    assert "straw mats" in english
    document = (finished.folder / "summary.md").read_text(encoding="utf-8")
    assert document.index("测试城区") < document.index("Test district")
    assert part_of(document, "en") == english


def test_both_catalogues_have_the_same_keys_and_fields() -> None:
    texts = catalogue("lingjing.engine").texts
    assert set(texts["zh-CN"]) == set(texts["en"])
    folder = resources.files("lingjing.engine") / "messages"
    for locale in LOCALES:
        page = tomllib.loads((folder / f"{locale}.toml").read_text(encoding="utf-8"))
        assert page["summary"]


@pytest.mark.parametrize(("value", "total", "said"), [(2978.0, 2978, "2,978"), (996.4, 997, "997")])
def test_an_expected_count_is_never_above_the_total(
    wording: Wording, value: float, total: int, said: str
) -> None:
    assert wording.count(value, total) == said


def hazard(kind: str, quantity: str, **changes: object) -> dict[str, object]:
    first = {
        "place": "东街道 一路", "place_en": "First Road, East", "probability": 0.9,
        "early": "2023-12-20T12:00:00Z", "median": "2023-12-20T13:00:00Z",
        "late": "2023-12-20T14:00:00Z",
    }  # fmt: skip
    return {
        "kind": kind, "quantity": quantity, "assets": 10, "expected": 9.0,
        "expected_households": 0.0, "first": first, **changes,
    }  # fmt: skip


class ZoneOnly:
    """As much of a run as the wording of times needs."""

    zone = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_headline_speaks_of_what_freezes_and_not_of_shelters(locale: Locale) -> None:
    shelters = hazard("Facility", "cold_exposure", expected=500.0, assets=500)
    road = hazard("RoadSegment", "road_slippery")
    facts: dict[str, object] = {
        "alarm": {}, "window": {"hours": 72}, "first": road, "hazards": [shelters, road],
    }  # fmt: skip
    said = headline(Wording(cast("RunContent", ZoneOnly()), facts, locale))
    assert ("道路结冰约9处" if locale == "zh-CN" else "icy road: about 9") in said
    assert "500" not in said


def test_the_table_puts_roads_first_then_water_by_households_then_the_rest() -> None:
    rows = [
        hazard("Facility", "cold_exposure", expected=99.0),
        hazard("Tap", "plugged", expected=50.0),
        hazard("Riser", "plugged", expected_households=30.0),
        hazard("MeterBox", "plugged", expected_households=400.0),
        hazard("RoadSegment", "road_slippery"),
    ]
    order = [item["kind"] for item in sorted(rows, key=_table_order)]
    assert order == ["RoadSegment", "MeterBox", "Riser", "Tap", "Facility"]


def test_households_of_one_building_are_counted_once_in_a_sub_district() -> None:
    served: Served = {}
    groups = np.array(["house", "house", "other"], dtype=object)
    _add_homes(served, "Riser", groups, np.array([3.0, 4.0, 1.0]))
    _add_homes(served, "MeterBox", groups, np.array([2.0, 6.0, 0.0]))
    assert served == {"house": {"Riser": 7.0, "MeterBox": 8.0}, "other": {"Riser": 1.0}}


def test_the_english_part_has_no_chinese_but_names(finished: RunResult) -> None:
    english = RunFolder(finished.folder).words("en")
    for word in ("户", "处", "项", "时", "张", "千克"):
        assert word not in english


def test_the_chinese_part_has_no_english_units(finished: RunResult) -> None:
    chinese = RunFolder(finished.folder).words("zh-CN")
    for word in (" kg", "mats", "beds", " h ", "°C"):
        assert word not in chinese


def test_an_asset_is_told_by_its_building(finished: RunResult) -> None:
    (item,) = [item for item in finished.summary["hazards"] if item["first"]]
    assert item["first"]["place"] == "西街道 测试0-0弄"
    assert item["first"]["place_en"].startswith("测试0-0弄, ")


def test_what_has_happened_before_the_window_is_not_given_a_time() -> None:
    facts = {"window": {"start": "2023-12-20T09:00:00Z"}}
    wording = Wording(cast("RunContent", ZoneOnly()), facts, "en")
    begun, later = "2023-12-20T09:00:00Z", "2023-12-20T10:00:00Z"
    assert "before" in wording.span(begun, begun, begun)
    assert wording.span(later, later, later) == "20 Dec 18:00"
    assert wording.span(later, begun, later) == "20 Dec 18:00 (17:00 to 18:00)"
