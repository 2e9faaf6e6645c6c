"""Figures are well-formed, labelled, and the same from run to run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from lingjing.engine import figures
from lingjing.engine.run import RunResult

NAMES = ("temperature_fan", "onset_histogram", "map")
Run = Callable[..., RunResult]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_an_svg_without_a_date(finished: RunResult, name: str) -> None:
    page = finished.folder / "figures" / f"{name}.svg"
    root = ET.fromstring(page.read_text(encoding="utf-8"))  # noqa: S314 we wrote it ourselves
    assert root.tag.endswith("svg")
    assert "dc:date" not in page.read_text(encoding="utf-8")


def test_a_machine_without_a_chinese_font_draws_english(
    standing_guest: str, run: Run, finished: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "CHINESE_FONTS", ())
    assert figures.Lettering().text("air") == "Air temperature"
    result = run(standing_guest)
    for name in NAMES:
        page = result.folder / "figures" / f"{name}.svg"
        assert page.stat().st_size > 5000
    kept = (finished.folder / "work.csv").read_bytes()
    assert (result.folder / "work.csv").read_bytes() == kept


def test_words_come_in_both_languages_where_a_font_draws_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lettering = figures.Lettering()
    monkeypatch.setattr(lettering, "chinese_font", "some font")
    assert lettering.text("air") == "气温  Air temperature"
