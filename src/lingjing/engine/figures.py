"""The run's figures as SVG: fan chart of temperatures, histogram of onsets, map of probability.

The same content gives the same bytes on one machine: fixed identifiers, no dates, letters drawn as
outlines. Where no font of the machine draws Chinese, labels are in English only.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import dates as matplotlib_dates
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from lingjing.engine.figures_map import draw_map
from lingjing.engine.run_content import MESSAGES, RunContent
from lingjing.sdk import LEVELS, Outcome, quantity
from lingjing.vocabulary import catalogue, kinds

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
)
EARLY, MIDDLE, LATE = (LEVELS.index(level) for level in (10, 50, 90))
BIN_HOURS = 3
PANELS = 4
LINE_IN, HEADER_IN, FOOTER_IN = 0.15, 0.62, 0.28
"""Height of a line of the label, of the room for labels, and of that for credits [inch]."""
AIR_COLOUR, COLD_COLOUR = "#5f6b7a", "#1f5fa8"
KIND_COLOURS = ("#1f5fa8", "#d98032", "#3b9c82", "#8e5ea2", "#b8a33a", "#c0504d", "#5f6b7a")

dates: Any = matplotlib_dates  # this module of matplotlib carries no types
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "lingjing",
    "svg.fonttype": "path",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "axes.edgecolor": "#8a929c",
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.axisbelow": True,
    "font.size": 9.5,
    "legend.frameon": False,
}


class Lettering:
    """Chooses the languages of a figure's words by the fonts there are."""

    def __init__(self) -> None:
        names = {entry.name for entry in font_manager.fontManager.ttflist}
        self.chinese_font = next((name for name in CHINESE_FONTS if name in names), None)

    @property
    def families(self) -> list[str]:
        """Font families in order of preference."""
        found = [] if self.chinese_font is None else [self.chinese_font]
        return [*found, "DejaVu Sans"]

    def text(self, key: str, **values: tuple[str, str] | str | int) -> str:
        """A message in both languages, or English only; pairs are (zh-CN, en)."""
        chinese = {k: v[0] if isinstance(v, tuple) else v for k, v in values.items()}
        english = {k: v[1] if isinstance(v, tuple) else v for k, v in values.items()}
        texts = catalogue(MESSAGES)
        return self.pair(
            texts.text(f"figure.{key}", "zh-CN", **chinese),
            texts.text(f"figure.{key}", "en", **english),
        )

    def pair(self, chinese: str, english: str) -> str:
        """Both, or English only."""
        if self.chinese_font is None or chinese == english:
            return english
        return f"{chinese}  {english}"

    def quantity(self, name: str) -> tuple[str, str]:
        """Titles of a quantity."""
        return quantity(name).title_zh, quantity(name).title_en.lower()

    def kind(self, name: str) -> tuple[str, str]:
        """Titles of a kind."""
        return kinds()[name].title_zh, kinds()[name].title_en.lower()


def write_figures(content: RunContent, folder: Path) -> None:
    """Write `temperature_fan.svg`, `onset_histogram.svg` and `map.svg`."""
    lettering = Lettering()
    with _drawing(lettering):
        save(temperature_fan(content, lettering), folder / "temperature_fan.svg")
        save(onset_histogram(content, lettering), folder / "onset_histogram.svg")
        save(map_figure(content, lettering), folder / "map.svg")


def save(figure: Figure, path: Path) -> None:
    """Write one figure, without anything that changes from run to run."""
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "Lingjing"})


@contextlib.contextmanager
def _drawing(lettering: Lettering) -> Iterator[None]:
    style = _STYLE | {"font.family": lettering.families}
    with mpl.rc_context(style), warnings.catch_warnings():
        # a name in a script that no font draws shows as a box, which is no reason to stop
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _footed(content: RunContent, lettering: Lettering, figure: Figure) -> Figure:
    """Put labels above and credits below, on every figure."""
    height = figure.get_figheight()
    chinese, english = content.label("zh-CN"), [text["en"] for text in content.labels]
    lines = english if lettering.chinese_font is None else [chinese, *english]
    for index, line in enumerate(line for line in lines if line):
        top = 1.0 - (0.07 + LINE_IN * index) / height
        figure.text(0.01, top, line, color="#b3261e", fontsize=7.5, va="top")
    credit = "; ".join(content.attribution) + f"   {content.run_id}"
    figure.text(0.01, 0.06 / height, credit, color="#5f6b7a", fontsize=6.5, va="bottom")
    return figure


def temperature_fan(content: RunContent, lettering: Lettering) -> Figure:
    """Air and the coldest surface with their 10–90 % bands, in local time."""
    height = 5.0
    figure = Figure(figsize=(9.0, height))
    bottom, top = (FOOTER_IN + 0.6) / height, 1.0 - (HEADER_IN + 0.32) / height
    axes = figure.add_axes((0.08, bottom, 0.9, top - bottom))
    air = content.outlook.within("air_temperature").astype(np.float64)
    times = _times(content, air.shape[1])
    bands = np.percentile(air, (10, 50, 90), axis=0)
    _fan(axes, times, bands, AIR_COLOUR, lettering.text("air"))
    outcome = coldest_outcome(content)
    title = lettering.text("fan-air-only")
    if outcome is not None and outcome.fan is not None and outcome.levels is not None:
        used = np.unique(outcome.situation)
        row = int(used[np.argmin(outcome.levels[used, MIDDLE])])
        fan = outcome.fan[row][[EARLY, MIDDLE, LATE]].astype(np.float64)
        what = lettering.quantity(outcome.quantity)
        label = lettering.text("coldest", what=what, kind=lettering.kind(outcome.kind))
        _fan(axes, times, fan, COLD_COLOUR, label)
        road = outcome.quantity == "road_surface_temperature"
        title = lettering.text("fan") if road else lettering.text("fan-other", what=what)
    axes.axhline(0.0, color="#b3261e", linewidth=0.9)
    axes.set_title(title)
    axes.set_ylabel(lettering.text("temperature"))
    _time_axis(content, lettering, axes)
    axes.legend(loc="best", fontsize=8, title=lettering.text("band"), title_fontsize=7.5)
    return _footed(content, lettering, figure)


def coldest_outcome(content: RunContent) -> Outcome | None:
    """The temperature to show beside the air: the road surface where there is one."""
    states = [
        item
        for item in content.outcomes
        if item.fan is not None and item.assets.size and quantity(item.quantity).unit == "degC"
    ]
    roads = [item for item in states if item.quantity == "road_surface_temperature"]
    return next(iter(roads or states), None)


def _fan(
    axes: Axes, times: list[datetime], bands: NDArray[np.float64], colour: str, label: str
) -> None:
    moments = dates.date2num(times)
    axes.fill_between(moments, bands[0], bands[2], color=colour, alpha=0.22, linewidth=0)
    axes.plot(moments, bands[1], color=colour, linewidth=1.7, label=label)


def _times(content: RunContent, count: int) -> list[datetime]:
    """Local times without a zone, as the axis shows them."""
    return [
        content.instant(float(hour)).astimezone(content.zone).replace(tzinfo=None)
        for hour in range(count)
    ]


def _time_axis(content: RunContent, lettering: Lettering, axes: Axes) -> None:
    hours = content.outlook.window.hours
    step = next((step for step in (1, 2, 3, 6, 12, 24) if hours / step <= 14), 48)
    if step < 24:
        axes.xaxis.set_major_locator(dates.HourLocator(byhour=range(0, 24, step)))
    else:
        axes.xaxis.set_major_locator(dates.DayLocator(interval=step // 24))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M\n%m-%d"))
    ends = _times(content, hours + 1)
    axes.set_xlim(dates.date2num(ends[0]), dates.date2num(ends[-1]))
    axes.set_xlabel(lettering.text("local-time", zone=content.zone.key), fontsize=8)


def onset_histogram(content: RunContent, lettering: Lettering) -> Figure:
    """Expected number of onsets by time, one panel for each principal hazard, by kind."""
    hazards = [name for name in content.principal_hazards if _struck(content, name)][:PANELS]
    count = max(len(hazards), 1)
    height = HEADER_IN + FOOTER_IN + 1.0 + 1.9 * count
    figure = Figure(figsize=(9.0, height))
    bottom, top = (FOOTER_IN + 0.55) / height, 1.0 - (HEADER_IN + 0.4) / height
    figure.suptitle(
        lettering.text("onset", step=BIN_HOURS), x=0.08, y=top + 0.2 / height, ha="left",
        va="center", fontsize=12,
    )  # fmt: skip
    if not hazards:
        figure.text(0.5, 0.5, lettering.text("none"), ha="center", fontsize=12, color="#5f6b7a")
        return _footed(content, lettering, figure)
    slot = (top - bottom) / count
    for index, name in enumerate(hazards):
        base = top - slot * (index + 1)
        axes = figure.add_axes((0.08, base + 0.14 * slot, 0.9, 0.7 * slot))
        _histogram(content, lettering, axes, name)
        last = index == count - 1
        _time_axis(content, lettering, axes)
        if not last:
            axes.set_xlabel("")
            axes.set_xticklabels([])
    return _footed(content, lettering, figure)


def _struck(content: RunContent, name: str) -> list[Outcome]:
    return [
        item
        for item in content.events()
        if item.quantity == name
        and item.probability is not None
        and item.assets.size
        and float(item.of_assets(item.probability).sum()) > 0
    ]


def _histogram(content: RunContent, lettering: Lettering, axes: Axes, name: str) -> None:
    hours = content.outlook.window.hours
    edges = np.arange(0, hours + BIN_HOURS, BIN_HOURS, dtype=np.float64)
    starts = np.array(
        [
            dates.date2num(content.instant(edge).astimezone(content.zone).replace(tzinfo=None))
            for edge in edges[:-1]
        ]
    )
    base = np.zeros(edges.size - 1)
    for index, outcome in enumerate(_struck(content, name)):
        if outcome.probability is None or outcome.onset_hours is None:
            continue
        chance = outcome.of_assets(outcome.probability).astype(np.float64)
        onset = outcome.of_assets(outcome.onset_hours[:, MIDDLE]).astype(np.float64)
        there = ~np.isnan(onset)
        bars, _ = np.histogram(onset[there], bins=edges, weights=chance[there])
        axes.bar(
            starts, bars, width=BIN_HOURS / 24 * 0.92, align="edge", bottom=base,
            color=KIND_COLOURS[index % len(KIND_COLOURS)],
            label=lettering.pair(*lettering.kind(outcome.kind)),
        )  # fmt: skip
        base += bars
    axes.set_title(lettering.pair(*lettering.quantity(name)), fontsize=10, pad=3)
    axes.set_ylabel(lettering.text("expected"), fontsize=7.5)
    axes.set_ylim(0, max(1.0, float(base.max()) * 1.12))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.legend(loc="upper left", bbox_to_anchor=(0.6, 1.22), fontsize=7.5, ncols=2)


def map_figure(content: RunContent, lettering: Lettering) -> Figure:
    """Roads and buildings coloured by the probability of the principal hazards."""
    west, south, east, north = _extent(content)
    wide = (east - west) * math.cos(math.radians((south + north) / 2))
    shape = min(max((north - south) / max(wide, 1e-9), 0.5), 1.4)
    height = 7.2 * shape + HEADER_IN + FOOTER_IN + 0.5
    figure = Figure(figsize=(8.4, height))
    bottom, top = (FOOTER_IN + 0.1) / height, 1.0 - (HEADER_IN + 0.35) / height
    axes = figure.add_axes((0.02, bottom, 0.84, top - bottom))
    bar = figure.add_axes((0.885, 0.25, 0.018, 0.5))
    draw_map(content, figure, axes, bar, (west, south, east, north))
    bar.set_title(lettering.pair("", lettering.text("probability")).strip(), fontsize=8)
    names = [lettering.quantity(name) for name in content.principal_hazards]
    title = (
        lettering.text(
            "map",
            hazard=("、".join(n[0] for n in names[:4]), ", ".join(n[1] for n in names[:4])),
        )
        if names
        else lettering.text("no-probability")
    )
    axes.set_title(title, fontsize=11)
    return _footed(content, lettering, figure)


def _extent(content: RunContent) -> tuple[float, float, float, float]:
    """Bounds of what is drawn: the district's own where they hold something."""
    west, south, east, north = content.twin.district.bounds
    margin_x, margin_y = (east - west) * 0.01 + 1e-6, (north - south) * 0.01 + 1e-6
    return west - margin_x, south - margin_y, east + margin_x, north + margin_y
