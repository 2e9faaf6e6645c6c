"""The summary says what the tables hold, in two languages, with numbers rounded for people."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import cast

import pytest

from lingjing.engine.results import RunFolder
from lingjing.engine.run import RunResult
from lingjing.engine.run_content import RunContent
from lingjing.engine.summary import Wording, part_of
from lingjing.vocabulary import LOCALES, catalogue


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
