"""The run's figures as SVG: fan chart of temperatures, histogram of onsets, map of probability.

The same content gives the same bytes on one machine: fixed identifiers, no dates, letters drawn as
outlines. Where no font of the machine draws Chinese, labels are in English only.
"""

from __future__ import annotations

import contextlib
import math
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
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
WIDTH_IN, MAP_WIDTH_IN = 9.0, 8.4
PANELS = 4
MANY_BUILDINGS = 50
LINE_IN, MARGIN_IN, TITLE_IN = 0.15, 0.09, 0.34
"""Height of a line of small print, margin beside it, room for a title [inch]."""
LABEL_PT, CREDIT_PT = 7.5, 6.5
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


def wrapped(text: str, room_in: float, points: float) -> list[str]:
    """Lines of a text that fit a width [inch] at a font size [pt].

    A full-width letter takes one em and any other 0.58 em, a little more than the fonts do on
    average, so that a line ends too soon rather than outside the page.
    """
    room, lines, line, used = room_in * 72.0 / points, [], "", 0.0
    for piece in _pieces(text):
        long = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58 for c in piece)
        if line and used + long > room:
            lines.append(line.rstrip())
            line, used = "", 0.0
        line, used = line + piece, used + long
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """Where a line may break: after spaces, and around full-width letters."""
    pieces: list[str] = [""]
    for letter in text:
        wide = unicodedata.east_asian_width(letter) in "WF"
        if wide or (pieces[-1] and unicodedata.east_asian_width(pieces[-1][-1]) in "WF"):
            pieces.append(letter)
        else:
            pieces[-1] += letter
            if letter == " ":
                pieces.append("")
    return [piece for piece in pieces if piece]


@dataclass(frozen=True)
class Frame:
    """Lines above and below a figure, and the room they take.

    Attributes:
        head, foot: Lines of labels and of credits.
        top_in, bottom_in: Room for them [inch].
    """

    head: tuple[str, ...]
    foot: tuple[str, ...]

    @property
    def top_in(self) -> float:
        return 0.12 + LINE_IN * len(self.head)

    @property
    def bottom_in(self) -> float:
        return 0.12 + LINE_IN * len(self.foot)


def frame_of(content: RunContent, lettering: Lettering, width_in: float) -> Frame:
    """The labels and credits of a run, in lines that fit the figure's width."""
    labels = [text["en"] for text in content.labels]
    if lettering.chinese_font is not None:
        labels = [content.label("zh-CN"), *labels]
    room = width_in - 2 * MARGIN_IN
    head = [line for label in labels for line in wrapped(label, room, LABEL_PT)]
    credit = "; ".join(content.attribution) + f"   {content.run_id}"
    return Frame(tuple(head), tuple(wrapped(credit, room, CREDIT_PT)))


def _framed(figure: Figure, frame: Frame) -> Figure:
    """Put labels above and credits below, on every figure."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    left = MARGIN_IN / width
    for index, line in enumerate(frame.head):
        top = 1.0 - (0.07 + LINE_IN * index) / height
        figure.text(left, top, line, color="#b3261e", fontsize=LABEL_PT, va="top")
    for index, line in enumerate(reversed(frame.foot)):
        low = (0.06 + LINE_IN * index) / height
        figure.text(left, low, line, color="#5f6b7a", fontsize=CREDIT_PT, va="bottom")
    return figure


def temperature_fan(content: RunContent, lettering: Lettering) -> Figure:
    """Air and the coldest surface with their 10–90 % bands, in local time."""
    frame = frame_of(content, lettering, WIDTH_IN)
    height = 4.2 + frame.top_in + frame.bottom_in
    figure = Figure(figsize=(WIDTH_IN, height))
    bottom, top = (frame.bottom_in + 0.6) / height, 1.0 - (frame.top_in + TITLE_IN) / height
    axes = figure.add_axes((0.08, bottom, 0.88, top - bottom))
    air = content.outlook.within("air_temperature").astype(np.float64)
    times = _times(content, air.shape[1])
    bands = np.percentile(air, (10, 50, 90), axis=0)
    band = lettering.text("band")
    _fan(axes, times, bands, AIR_COLOUR, lettering.text("air"), band)
    outcome = coldest_outcome(content)
    title = lettering.text("fan-air-only")
    if outcome is not None and outcome.fan is not None and outcome.levels is not None:
        used = np.unique(outcome.situation)
        row = int(used[np.argmin(outcome.levels[used, MIDDLE])])
        fan = outcome.fan[row][[EARLY, MIDDLE, LATE]].astype(np.float64)
        what = lettering.quantity(outcome.quantity)
        label = lettering.text("coldest", what=what, kind=lettering.kind(outcome.kind))
        _fan(axes, times, fan, COLD_COLOUR, label, band)
        road = outcome.quantity == "road_surface_temperature"
        title = lettering.text("fan") if road else lettering.text("fan-other", what=what)
    axes.axhline(0.0, color="#b3261e", linewidth=0.9)
    axes.set_title(title)
    axes.set_ylabel(lettering.text("temperature"))
    _time_axis(content, lettering, axes)
    axes.set_ylim(*_room_above(axes))
    axes.legend(loc="upper left", fontsize=8, ncols=2, columnspacing=1.6)
    return _framed(figure, frame)


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
    axes: Axes,
    times: list[datetime],
    bands: NDArray[np.float64],
    colour: str,
    label: str,
    band: str,
) -> None:
    moments = dates.date2num(times)
    axes.plot(moments, bands[1], color=colour, linewidth=1.7, label=label)
    axes.fill_between(
        moments, bands[0], bands[2], color=colour, alpha=0.22, linewidth=0, label=band
    )


def _room_above(axes: Axes) -> tuple[float, float]:
    """Limits with room for the legend above the lines."""
    low, high = axes.get_ylim()
    return low, high + 0.22 * (high - low)


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
    frame = frame_of(content, lettering, WIDTH_IN)
    height = frame.top_in + frame.bottom_in + 0.95 + 2.1 * count
    figure = Figure(figsize=(WIDTH_IN, height))
    bottom = (frame.bottom_in + 0.55) / height
    top = 1.0 - (frame.top_in + TITLE_IN + 0.06) / height
    figure.suptitle(
        lettering.text("onset", step=BIN_HOURS), x=0.08, y=1.0 - (frame.top_in + 0.06) / height,
        ha="left", va="top", fontsize=12,
    )  # fmt: skip
    if not hazards:
        figure.text(0.5, 0.5, lettering.text("none"), ha="center", fontsize=12, color="#5f6b7a")
        return _framed(figure, frame)
    slot = (top - bottom) / count
    for index, name in enumerate(hazards):
        base = top - slot * (index + 1)
        axes = figure.add_axes((0.08, base + 0.14 * slot, 0.88, 0.7 * slot))
        _histogram(content, lettering, axes, name)
        last = index == count - 1
        _time_axis(content, lettering, axes)
        if not last:
            axes.set_xlabel("")
            axes.set_xticklabels([])
    return _framed(figure, frame)


def _struck(content: RunContent, name: str) -> list[Outcome]:
    return [
        item
        for item in content.struck_by_frost()
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
        count = np.bincount(outcome.situation, minlength=outcome.probability.size)
        weights = outcome.probability.astype(np.float64) * count
        bars = onset_shares(outcome.onset_hours.astype(np.float64), edges).T @ weights
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


def onset_shares(
    onset_hours: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each onset distribution that falls into each bin.

    The distribution is linear between the percentiles 10, 25, 50, 75 and 90; the tenth below the
    first and the tenth above the last lie at those, so nothing is put where no member is known to
    be. Percentiles that coincide make a step.

    Args:
        onset_hours: Percentiles at `LEVELS` [n, 5], NaN where the event never comes.
        edges: Ends of the bins [bins + 1] [h]; what lies beyond the last counts in the last bin.

    Returns:
        [n, bins]; each row adds up to 1, or is 0 where the event never comes.
    """
    never = np.asarray(np.isnan(onset_hours).any(axis=1, keepdims=True), dtype=bool)
    hours = np.where(never, 0.0, onset_hours)
    until = np.concatenate([edges[:-1], [np.inf]])
    before = 0.1 * (hours[:, [0]] < until) + 0.1 * (hours[:, [4]] < until)
    for index in range(len(LEVELS) - 1):
        start, end = hours[:, [index]], hours[:, [index + 1]]
        length = np.where(end > start, end - start, 1.0)
        sloped = np.clip((until - start) / length, 0.0, 1.0)
        mass = (LEVELS[index + 1] - LEVELS[index]) / 100.0
        before = before + mass * np.where(end > start, sloped, (start < until).astype(np.float64))
    shares: NDArray[np.float64] = np.diff(before, axis=1)
    shares[:, 0] += before[:, 0]  # nothing begins before the window
    return np.where(never, 0.0, shares)


def map_figure(content: RunContent, lettering: Lettering) -> Figure:
    """Roads and buildings coloured by the probability of the principal hazards."""
    west, south, east, north = _extent(content)
    wide = (east - west) * math.cos(math.radians((south + north) / 2))
    shape = min(max((north - south) / max(wide, 1e-9), 0.5), 1.4)
    frame = frame_of(content, lettering, MAP_WIDTH_IN)
    height = 7.05 * shape + frame.top_in + frame.bottom_in + TITLE_IN + 0.1
    figure = Figure(figsize=(MAP_WIDTH_IN, height))
    bottom, top = (frame.bottom_in + 0.1) / height, 1.0 - (frame.top_in + TITLE_IN) / height
    axes = figure.add_axes((MARGIN_IN / MAP_WIDTH_IN, bottom, 0.84, top - bottom))
    bar = figure.add_axes((0.885, bottom + 0.2 * (top - bottom), 0.018, 0.6 * (top - bottom)))
    draw_map(content, figure, axes, bar, (west, south, east, north))
    bar.set_title(lettering.pair("", lettering.text("probability")).strip(), fontsize=8)
    drawn = dict.fromkeys(item.quantity for item in content.struck_by_frost())
    names = [lettering.quantity(name) for name in drawn]
    title = (
        lettering.text(
            "map",
            hazard=("、".join(n[0] for n in names[:4]), ", ".join(n[1] for n in names[:4])),
        )
        if names
        else lettering.text("no-probability")
    )
    axes.set_title(title, fontsize=11)
    return _framed(figure, frame)


def _extent(content: RunContent) -> tuple[float, float, float, float]:
    """Bounds of what is drawn: the buildings where there are many, else the district's own.

    A map's roads often run on far beyond the blocks it was cut for.
    """
    west, south, east, north = content.twin.district.bounds
    buildings = content.twin.view("Building")
    if len(buildings) >= MANY_BUILDINGS:
        x, y = buildings.longitude_deg, buildings.latitude_deg
        around = 0.04 * max(float(np.ptp(x)), float(np.ptp(y)))
        west, east = max(west, float(x.min()) - around), min(east, float(x.max()) + around)
        south, north = max(south, float(y.min()) - around), min(north, float(y.max()) + around)
    margin_x, margin_y = (east - west) * 0.01 + 1e-6, (north - south) * 0.01 + 1e-6
    return west - margin_x, south - margin_y, east + margin_x, north + margin_y
