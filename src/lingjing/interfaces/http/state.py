"""What a run foresees for a layer, hour by hour, in a form the map can colour from at once."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingjing.interfaces.http.runs import as_bytes
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, quantities

PREFERRED = (
    "road_slippery",
    "plugged",
    "freezing",
    "road_below_zero",
    "road_icy",
    "cracked",
    "burst",
)
"""Order in which a quantity is chosen where the request names none."""

STATE_KINDS = {
    "roads": ("RoadSegment",),
    "buildings": ("WaterPipe", "Riser", "MeterBox", "WaterTank", "Valve", "Tap", "Building"),
}
"""Layer → kinds whose outcomes colour it. A building is coloured by itself and the assets in it."""


@dataclass(frozen=True)
class LayerState:
    """Probabilities for the features of a layer.

    A building's values are those of its worst asset at each hour: assets of one building share
    the weather, so they fail together, and multiplying their chances as if they were independent
    would overstate the risk. The maximum is a lower bound of 'at least one fails'.

    Attributes:
        hourly: Probability that the event holds at each hour [n, hours + 1], 0 to 255 for 0 to 1.
        probability: Probability that it happens within the window [n], 0 to 1.
        onset_p50_hours: Median onset [n], hours after the start; of the most probable asset where
            a building has several. NaN where none.
        known: Whether the run says anything about the row [n].
    """

    hourly: NDArray[np.uint8]
    probability: NDArray[np.float32]
    onset_p50_hours: NDArray[np.float32]
    known: NDArray[np.uint8]

    def numbered(self, numbers: NDArray[np.int64], count: int) -> LayerState:
        """The same by number of the feature; what no number stands for is not known.

        Args:
            numbers: Of the rows [n], −1 for one that has none yet.
            count: One more than the largest number.
        """
        if np.array_equal(numbers, np.arange(count)):
            return self
        rows = np.flatnonzero(numbers >= 0)
        at = numbers[rows]
        found = LayerState(
            np.zeros((count, self.hourly.shape[1]), dtype=np.uint8),
            np.zeros(count, dtype=np.float32),
            np.full(count, np.nan, dtype=np.float32),
            np.zeros(count, dtype=np.uint8),
        )
        found.hourly[at], found.probability[at] = self.hourly[rows], self.probability[rows]
        found.onset_p50_hours[at], found.known[at] = self.onset_p50_hours[rows], self.known[rows]
        return found


def event_quantities(outcomes: pa.Table, kinds: tuple[str, ...]) -> list[str]:
    """Event quantities that a run has for any of the kinds, the preferred ones first."""
    wanted = pc.and_(
        pc.is_in(outcomes["kind"], pa.array(kinds, type=pa.string())),
        pc.is_valid(outcomes["probability"]),
    )
    found = set(pc.unique(outcomes.filter(wanted)["quantity"]).to_pylist())
    order = {name: place for place, name in enumerate(PREFERRED)}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def number_quantities(outcomes: pa.Table, kinds: tuple[str, ...]) -> list[str]:
    """Quantities that are no events and that a run has for any of the kinds, by name."""
    wanted = pc.and_(
        pc.is_in(outcomes["kind"], pa.array(kinds, type=pa.string())),
        pc.is_valid(outcomes["p50"]),
    )
    found: list[str] = sorted(set(pc.unique(outcomes.filter(wanted)["quantity"]).to_pylist()))
    return found


def choose_quantity(run: str, layer: str, asked: str | None, outcomes: pa.Table) -> str:
    """The quantity asked for, or the preferred one.

    Raises:
        LingjingError: `http.no-outcome`, naming those there are.
    """
    there = event_quantities(outcomes, STATE_KINDS.get(layer, ()))
    if asked in there or (asked is None and there):
        return asked or there[0]
    known = ", ".join(there) or "—"
    raise LingjingError(
        "http.no-outcome", name=run, layer=layer, quantity=asked or "—", known=known
    )


def _rows_of_assets(
    table: pa.Table, features: TwinView, assets: dict[str, TwinView]
) -> NDArray[np.int64]:
    """Row of the layer's feature for every outcome, −1 where it belongs to none."""
    owner_of: dict[str, str | None] = {}
    for view in assets.values():
        owner_of.update(zip(view.ids, view.related("building"), strict=True))
    owners = [owner_of.get(asset, asset) for asset in table["asset"].to_pylist()]
    found = pc.index_in(
        pa.array(owners, type=pa.string()), value_set=pa.array(features.ids, type=pa.string())
    )
    rows: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    return rows.astype(np.int64)


def _hours_after(onset: pa.ChunkedArray, start_s: int) -> NDArray[np.float32]:
    seconds = pc.cast(onset, pa.timestamp("s", tz="UTC")).cast(pa.int64())
    values = pc.cast(seconds, pa.float64()).to_numpy()
    hours: NDArray[np.float32] = ((values - start_s) / 3600.0).astype(np.float32)
    return hours


def _hourly_of(
    table: pa.Table, series: dict[tuple[str, int], NDArray[np.float32]], hours: int
) -> NDArray[np.uint8]:
    """Hourly probability of every outcome's situation, 0 to 255 [outcomes, hours + 1]."""
    keys = list(series)
    place = {key: row for row, key in enumerate(keys)}
    stacked = np.zeros((len(keys) + 1, hours + 1), dtype=np.float32)
    for key, row in place.items():
        values = series[key][: hours + 1]
        stacked[row, : values.size] = values
    bytes_of = as_bytes(stacked)
    pairs = zip(table["kind"].to_pylist(), table["situation"].to_pylist(), strict=True)
    index = np.array([place.get(pair, len(keys)) for pair in pairs], dtype=np.int64)
    chosen: NDArray[np.uint8] = bytes_of[index]
    return chosen


def layer_state(
    features: TwinView,
    assets: dict[str, TwinView],
    outcomes: pa.Table,
    series: dict[tuple[str, int], NDArray[np.float32]],
    start_s: int,
    hours: int,
) -> LayerState:
    """Combine a quantity's outcomes over the features of a layer.

    Args:
        features: View of the layer's kind.
        assets: Views of the other kinds whose outcomes count, by their relationship `building`.
        outcomes: Rows of one event quantity.
        series: (kind, situation) → hourly probability [hours + 1].
        start_s: Start of the window, seconds since 1970 UTC.
        hours: Length of the window.
    """
    count = len(features)
    state = LayerState(
        np.zeros((count, hours + 1), dtype=np.uint8),
        np.zeros(count, dtype=np.float32),
        np.full(count, np.nan, dtype=np.float32),
        np.zeros(count, dtype=np.uint8),
    )
    rows = _rows_of_assets(outcomes, features, assets)
    inside = rows >= 0
    if not inside.any():
        return state
    outcomes = outcomes.filter(pa.array(inside))
    rows = rows[inside]
    probability = pc.fill_null(outcomes["probability"], 0.0).to_numpy().astype(np.float32)
    onset = _hours_after(outcomes["onset_p50"], start_s)
    # Within a feature the most probable comes first, the earlier one where they tie.
    order = np.lexsort((np.nan_to_num(onset, nan=np.inf), -probability, rows))
    rows, probability, onset = rows[order], probability[order], onset[order]
    first = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    owners = rows[first]
    hourly = _hourly_of(outcomes, series, hours)[order]
    state.hourly[owners] = np.maximum.reduceat(hourly, first, axis=0)
    state.probability[owners] = probability[first]
    state.onset_p50_hours[owners] = onset[first]
    state.known[owners] = 1
    return state


def state_content(
    run: str, layer: str, quantity: str, state: LayerState, start: str, version: str
) -> dict[str, Any]:
    """The state as the endpoint gives it; arrays are base64 of little-endian rows."""

    def packed(values: NDArray[Any]) -> str:
        return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")

    count, instants = state.hourly.shape
    known = quantities()[quantity]
    return {
        "run": run,
        "layer": layer,
        "quantity": quantity,
        "title": {"zh-CN": known.title_zh, "en": known.title_en},
        "combination": "maximum" if layer == "buildings" else "own",
        "start": start,
        "hours": instants - 1,
        "features": count,
        "data_version": version,
        "hourly": packed(state.hourly),
        "probability": packed(state.probability.astype("<f4")),
        "onset_p50_hours": packed(state.onset_p50_hours.astype("<f4")),
        "known": packed(state.known),
    }
