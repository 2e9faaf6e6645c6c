"""Drawing the district: roads and buildings coloured by probability, a scale bar, a colour bar."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lingjing.engine.run_content import RunContent, rows_in
from lingjing.twin.views import TwinView

RASTER_ABOVE = 6000
RASTER_DPI = 220
LANE_M = 3.5
THINNEST_PT, THICKEST_PT = 0.4, 1.8
METRES_PER_DEGREE = 111_320.0
GROUND, UNASSESSED = "#f6f5f1", "#dddcd6"
COLOURS = LinearSegmentedColormap.from_list(
    "frost", ["#d8dde3", "#9fc2e0", "#4f8fc9", "#3a55a8", "#4b1f7a"]
)


def draw_map(
    content: RunContent,
    figure: Figure,
    axes: Axes,
    bar: Axes,
    bounds: tuple[float, float, float, float],
) -> None:
    """Draw everything into the axes; `bar` takes the colour bar."""
    west, south, east, north = bounds
    axes.set_facecolor(GROUND)
    axes.grid(visible=False)
    norm = Normalize(0.0, 1.0)
    _areas(axes, content.twin.view("SubDistrict"))
    buildings = content.twin.view("Building")
    _buildings(axes, buildings, building_probability(content, buildings), norm)
    roads = content.twin.view("RoadSegment")
    box = axes.get_window_extent().width / figure.dpi * 72.0
    across = (east - west) * METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    _roads(axes, roads, own_probability(content, roads), norm, box / max(across, 1.0))
    if not len(buildings):
        _points(axes, content, norm)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(1.0 / math.cos(math.radians((south + north) / 2)), anchor="W")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    _scale_bar(axes, bounds)
    figure.colorbar(mpl.cm.ScalarMappable(norm, COLOURS), cax=bar)
    bar.tick_params(labelsize=7.5)
    figure.set_dpi(RASTER_DPI)


def own_probability(content: RunContent, view: TwinView) -> NDArray[np.float64]:
    """Highest probability of the principal hazards of each entity itself [n]; NaN where none."""
    highest = np.full(len(view), np.nan)
    for outcome in content.struck_by_frost():
        if outcome.kind != view.kind or outcome.probability is None or not outcome.assets.size:
            continue
        rows = rows_in(view, outcome.assets)
        chance = outcome.of_assets(outcome.probability).astype(np.float64)
        highest[rows] = np.fmax(highest[rows], chance)
    return highest


def building_probability(content: RunContent, buildings: TwinView) -> NDArray[np.float64]:
    """Highest probability of the principal hazards among each building's assets [n]."""
    highest = own_probability(content, buildings)
    place = {str(item): row for row, item in enumerate(buildings.ids)}
    for outcome in content.struck_by_frost():
        if outcome.probability is None or not outcome.assets.size:
            continue
        view, rows = content.rows_of(outcome)
        homes = view.related("building")[rows]
        found = np.array([place.get(str(home), -1) for home in homes], dtype=np.intp)
        known = found >= 0
        chance = outcome.of_assets(outcome.probability).astype(np.float64)
        np.fmax.at(highest, found[known], chance[known])
    return highest


def _areas(axes: Axes, view: TwinView) -> None:
    lines = [
        shapely.get_coordinates(ring)
        for shape in shapely.from_wkb(view.wkb)
        for part in shapely.get_parts(shape)
        for ring in (shapely.get_exterior_ring(part),)
        if ring is not None
    ]
    axes.add_collection(
        LineCollection(lines, colors="#b9b3a4", linewidths=0.8, linestyles="--", zorder=1)
    )


def _buildings(axes: Axes, view: TwinView, chance: NDArray[np.float64], norm: Normalize) -> None:
    shapes, owners = shapely.get_parts(shapely.from_wkb(view.wkb), return_index=True)
    rings = shapely.get_exterior_ring(shapes)
    drawn = [index for index, ring in enumerate(rings) if ring is not None]
    outlines = [shapely.get_coordinates(rings[index]) for index in drawn]
    values = chance[owners[drawn]] if drawn else np.empty(0)
    colours = COLOURS(norm(np.nan_to_num(values)))
    colours[np.isnan(values)] = mpl.colors.to_rgba(UNASSESSED)
    collection = PolyCollection(outlines, facecolors=colours, edgecolors="none", zorder=2)
    collection.set_rasterized(len(outlines) > RASTER_ABOVE)
    axes.add_collection(collection)


def road_points(view: TwinView, points_per_metre: float) -> NDArray[np.float64]:
    """Width of each road on paper [pt]: half its true width, within what can be seen and told."""
    metres = view.number("width")
    metres = np.where(np.isnan(metres), view.number("lanes", 2.0) * LANE_M, metres)
    points: NDArray[np.float64] = np.clip(0.5 * metres * points_per_metre, THINNEST_PT, THICKEST_PT)
    return points


def _roads(
    axes: Axes,
    view: TwinView,
    chance: NDArray[np.float64],
    norm: Normalize,
    points_per_metre: float,
) -> None:
    shapes, owners = shapely.get_parts(shapely.from_wkb(view.wkb), return_index=True)
    lines = [shapely.get_coordinates(shape) for shape in shapes]
    values = chance[owners] if lines else np.empty(0)
    width = road_points(view, points_per_metre)[owners] if lines else np.empty(0)
    order = np.argsort(np.nan_to_num(values, nan=-1.0), kind="stable")
    colours = COLOURS(norm(np.nan_to_num(values)))
    colours[np.isnan(values)] = mpl.colors.to_rgba("#c8c6bf")
    collection = LineCollection(
        [lines[index] for index in order],
        colors=colours[order],
        linewidths=width[order],
        capstyle="round",
        zorder=3,
    )
    collection.set_rasterized(len(lines) > RASTER_ABOVE)
    axes.add_collection(collection)


def _points(axes: Axes, content: RunContent, norm: Normalize) -> None:
    """Assets themselves, where the district has no buildings to colour."""
    for outcome in content.struck_by_frost():
        if outcome.kind == "RoadSegment" or outcome.probability is None:
            continue
        view, rows = content.rows_of(outcome)
        chance = outcome.of_assets(outcome.probability).astype(np.float64)
        axes.scatter(
            view.longitude_deg[rows], view.latitude_deg[rows], c=COLOURS(norm(chance)), s=4,
            linewidths=0, zorder=4, rasterized=len(rows) > RASTER_ABOVE,
        )  # fmt: skip


def _scale_bar(axes: Axes, bounds: tuple[float, float, float, float]) -> None:
    west, south, east, north = bounds
    across = (east - west) * METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    length = 10.0 ** math.floor(math.log10(max(across / 4, 1.0)))
    length *= next(step for step in (5, 2, 1) if length * step <= max(across / 4, 1.0))
    share = length / across * (east - west)
    x, y = west + 0.03 * (east - west), south + 0.025 * (north - south)
    axes.plot([x, x + share], [y, y], color="#3d434b", linewidth=2, zorder=5, clip_on=False)
    name = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(x, y + 0.008 * (north - south), name, fontsize=7.5, color="#3d434b", zorder=5)
