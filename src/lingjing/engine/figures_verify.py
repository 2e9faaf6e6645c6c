"""The figures of a verification as SVG: course, scatter, reliability, value and clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from lingjing.forecast.verification import Verification
from lingjing.vocabulary import catalogue
from lingjing.vocabulary.series import Values

MESSAGES: Final = catalogue("lingjing.engine")
INK, AIR, WARM = "#22303c", "#8fb8de", "#c8553d"
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "lingjing",
    "svg.fonttype": "path",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
}


def _say(key: str) -> str:
    return MESSAGES.text(f"verify.{key}", "en")


def _new(across: str, up: str, wide: float = 5.0) -> Figure:
    figure = Figure(figsize=(wide, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, alpha=0.25, linewidth=0.6)
    return figure


def draw_verification(
    done: Verification,
    point: Values,
    truth: Values,
    quantiles: dict[float, Values],
    folder: Path,
) -> None:
    """Write the figures into a folder; the same scores give the same bytes on one machine.

    Args:
        done: The scores.
        point: Forecast [hours] [°C].
        truth: Observations [hours] [°C].
        quantiles: Level → values [hours].
        folder: Where to.
    """
    with mpl.rc_context(_STYLE):
        figures = {
            "course": _course(point, truth, quantiles),
            "scatter": _scatter(point, truth, done.threshold_C),
            "value": _value(done),
        }
        if done.reliability:
            figures["reliability"] = _reliability(done)
        if done.clock is not None:
            figures["clock"] = _clock(done)
        for name, figure in figures.items():
            figure.savefig(
                folder / f"{name}.svg", format="svg", metadata={"Date": None, "Creator": "Lingjing"}
            )


def _course(point: Values, truth: Values, quantiles: dict[float, Values]) -> Figure:
    figure = _new(_say("hours"), _say("temperature"), wide=9.0)
    axes = figure.axes[0]
    hours = np.arange(point.size)
    if len(quantiles) > 1:
        low, high = quantiles[min(quantiles)], quantiles[max(quantiles)]
        axes.fill_between(hours, low, high, color=AIR, alpha=0.5, linewidth=0)
    axes.plot(hours, point, color=INK, linewidth=0.7, label=_say("forecast"))
    axes.plot(hours, truth, color=WARM, linewidth=0.7, label=_say("observed"))
    axes.legend(frameon=False)
    return figure


def _scatter(point: Values, truth: Values, threshold_C: float) -> Figure:
    figure = _new(_say("observed-temperature"), _say("forecast-temperature"))
    axes = figure.axes[0]
    known = np.isfinite(point) & np.isfinite(truth)
    axes.scatter(truth[known], point[known], s=3, color=INK, alpha=0.35, linewidths=0)
    ends = [float(min(truth[known].min(), point[known].min())),
            float(max(truth[known].max(), point[known].max()))]  # fmt: skip
    axes.plot(ends, ends, color=WARM, linewidth=0.8)
    axes.axhline(threshold_C, color=INK, linewidth=0.5, linestyle=":")
    axes.axvline(threshold_C, color=INK, linewidth=0.5, linestyle=":")
    return figure


def _reliability(done: Verification) -> Figure:
    figure = _new(_say("probability"), _say("frequency"))
    axes = figure.axes[0]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=":")
    axes.plot(
        [item.forecast for item in done.reliability],
        [item.observed for item in done.reliability],
        color=WARM, marker="o", markersize=4, linewidth=1,
    )  # fmt: skip
    for item in done.reliability:
        axes.annotate(str(item.count), (item.forecast, item.observed), fontsize=7,
                      textcoords="offset points", xytext=(5, -8))  # fmt: skip
    return figure


def _value(done: Verification) -> Figure:
    figure = _new(_say("cost-loss"), _say("value"))
    axes = figure.axes[0]
    ratios = [item.cost_loss for item in done.value]
    axes.plot(ratios, [item.yes_no for item in done.value], color=INK, label=_say("yes-no"))
    if any(item.probability is not None for item in done.value):
        chance = [np.nan if item.probability is None else item.probability for item in done.value]
        axes.plot(ratios, chance, color=WARM, label=_say("by-probability"))
    axes.axhline(0.0, color=INK, linewidth=0.5, linestyle=":")
    axes.set_ylim(-0.2, 1.0)
    axes.legend(frameon=False)
    return figure


def _clock(done: Verification) -> Figure:
    figure = _new(_say("offset"), _say("scatter"))
    axes = figure.axes[0]
    scan = done.clock.scan if done.clock is not None else []
    axes.plot([item[0] for item in scan], [item[1] for item in scan], color=INK, marker="o",
              markersize=3, linewidth=1)  # fmt: skip
    axes.axvline(0.0, color=WARM, linewidth=0.8)
    return figure
