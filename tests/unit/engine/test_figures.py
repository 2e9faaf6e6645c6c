"""Figures are well-formed, labelled, and the same from run to run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.textpath import TextPath

from lingjing.engine import figures, figures_map
from lingjing.engine.run import RunResult
from lingjing.engine.run_content import RunContent
from lingjing.sdk import Outcome
from lingjing.twin.views import TwinView

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


def test_onsets_are_spread_over_their_distribution() -> None:
    percentiles = np.array([[2.0, 4.0, 6.0, 8.0, 10.0]])
    shares = figures.onset_shares(percentiles, np.array([0.0, 3.0, 6.0, 9.0, 12.0]))
    # 10 % at hour 2, 15 % from 2 to 4, 25 % from 4 to 6, 25 % from 6 to 8, 15 % from 8 to 10,
    # 10 % at hour 10
    assert shares[0].tolist() == pytest.approx([0.175, 0.325, 0.325, 0.175])


def test_one_member_puts_its_onset_into_one_bin() -> None:
    shares = figures.onset_shares(np.full((1, 5), 3.0), np.array([0.0, 3.0, 6.0]))
    assert shares[0].tolist() == pytest.approx([0.0, 1.0])
    last = figures.onset_shares(np.full((1, 5), 6.0), np.array([0.0, 3.0, 6.0]))
    assert last[0].tolist() == pytest.approx([0.0, 1.0])  # the window's end belongs to it


def test_what_never_happens_has_no_onset() -> None:
    assert figures.onset_shares(np.full((1, 5), np.nan), np.array([0.0, 3.0])).tolist() == [[0.0]]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.floats(0, 72, width=32), min_size=5, max_size=5).map(sorted),
        min_size=1,
        max_size=6,
    )
)
def test_no_onset_is_lost_or_invented(rows: list[list[float]]) -> None:
    shares = figures.onset_shares(np.array(rows), np.arange(0.0, 73.0, 3.0))
    assert shares.min() >= 0.0
    assert shares.sum(axis=1).tolist() == pytest.approx([1.0] * len(rows))


@pytest.mark.parametrize("width_in", [3.0, 8.0])
@pytest.mark.parametrize(
    "text",
    [
        "Synthetic district: made by a program; its buildings, roads and facilities are not real.",
        "合成城区：本城区为程序生成，并非真实的建筑、道路与设施。重建天气：依据公开事实重建。",
    ],
)
def test_small_print_is_broken_into_lines_that_fit(text: str, width_in: float) -> None:
    lines = figures.wrapped(text, width_in, figures.LABEL_PT)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    prop = font_manager.FontProperties(family=figures.Lettering().families, size=figures.LABEL_PT)
    if figures.Lettering().chinese_font is not None or text.isascii():
        for line in lines:
            drawn = TextPath((0, 0), line, prop=prop).get_extents()
            assert drawn.width <= width_in * 72.0
    assert (len(lines) > 1) is (width_in == 3.0)


def test_the_map_leaves_out_what_frost_does_not_harm() -> None:
    def event(quantity: str, kind: str) -> Outcome:
        one = np.ones((1, 1), dtype=np.float32)
        return Outcome(
            quantity, kind, np.array(["a"], dtype=object), np.zeros(1, dtype=np.int32),
            probability=one[0], onset_hours=np.zeros((1, 5), dtype=np.float32), hourly=one,
        )  # fmt: skip

    class Night:
        def __init__(self, *outcomes: Outcome) -> None:
            self.outcomes = outcomes

        def events(self) -> Iterator[Outcome]:
            return iter(self.outcomes)

    road, cold = event("road_slippery", "RoadSegment"), event("cold_exposure", "Facility")
    chosen = RunContent.struck_by_frost
    assert chosen(cast("RunContent", Night(road, cold))) == (road,)
    assert chosen(cast("RunContent", Night(cold))) == (cold,)


def test_roads_on_paper_never_hide_the_buildings() -> None:
    at_district = figures_map.road_points(_roads_of(3.0, 28.0, np.nan), points_per_metre=0.06)
    assert at_district.tolist() == pytest.approx([0.4, 0.84, 0.4])
    close = figures_map.road_points(_roads_of(3.0, 28.0, np.nan), points_per_metre=0.5)
    assert close.tolist() == pytest.approx([0.75, 1.8, 1.75])  # two lanes where nothing is known


def _roads_of(*widths: float) -> TwinView:
    columns = {"width": np.array(widths)}
    nothing = np.full(len(widths), None, dtype=object)
    where = np.zeros(len(widths))
    return TwinView("RoadSegment", nothing, where, where, columns, {}, (), {}, nothing)


def test_the_fan_shows_a_swatch_for_its_band(finished: RunResult) -> None:
    page = (finished.folder / "figures" / "temperature_fan.svg").read_text(encoding="utf-8")
    legend = page[page.index('id="legend_1"') :]
    assert legend.count("opacity: 0.22") >= 2  # one patch for the air, one for the road
