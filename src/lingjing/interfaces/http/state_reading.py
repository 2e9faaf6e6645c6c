"""What a layer's state stream is made from: a run's tables, and whose assets they are about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingjing.engine.tiles_keeping import Numbering
from lingjing.engine.tiles_layers import layer_of
from lingjing.interfaces.http.runs import LEVELS, RunReader, run_head
from lingjing.interfaces.http.state import event_quantities
from lingjing.interfaces.http.state_stream import (
    Courses,
    Hourly,
    Owners,
    event_courses,
    packed_stream,
    value_courses,
)
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, parse_instant

View = Callable[[str], TwinView]

SHARED = frozenset({"buildings"})
"""Layers whose features show what is foreseen for the assets in them."""


def stream_kinds(layer: str) -> tuple[str, ...]:
    """Kinds whose outcomes a layer shows.

    Raises:
        LingjingError: `http.no-layer`.
    """
    own = layer_of(layer).kinds
    return (*own, *layer_of("assets").kinds) if layer in SHARED else own


def quantities_of(outcomes: pa.Table, kinds: tuple[str, ...]) -> list[str]:
    """Quantities that a run has for the kinds: events first, the preferred ones first."""
    events = event_quantities(outcomes, kinds)
    wanted = pc.is_in(outcomes["kind"], pa.array(kinds, type=pa.string()))
    every = pc.unique(outcomes.filter(wanted)["quantity"]).to_pylist()
    return [*events, *sorted(set(every) - set(events))]


def chosen_quantities(
    reader: RunReader, layer: str, asked: Sequence[str], kinds: tuple[str, ...]
) -> list[str]:
    """The quantities asked for, or all.

    Raises:
        LingjingError: `http.no-outcome`, naming those there are.
    """
    there = quantities_of(reader.outcomes(), kinds)
    lacking = next((name for name in asked if name not in there), None)
    if lacking is not None or not there:
        raise LingjingError(
            "http.no-outcome",
            name=reader.name,
            layer=layer,
            quantity=(lacking or "—")[:60],
            known=", ".join(there) or "—",
        )
    return list(dict.fromkeys(asked)) or there


def owners_of(layer: str, view: View, numbering: Numbering) -> Owners:
    """Which feature of a layer each asset belongs to."""
    own = layer_of(layer).kinds
    assets = [str(item) for kind in own for item in view(kind).ids]
    features = [numbering.of(assets)]
    if layer in SHARED:
        for kind in layer_of("assets").kinds:
            there = view(kind)
            assets += [str(item) for item in there.ids]
            features.append(numbering.of(there.related("building")))
    copies: dict[int, int] = {}
    for kind in own[1:]:
        parts = view(kind)
        numbers = zip(
            numbering.of(parts.ids).tolist(),
            numbering.of(parts.related("building")).tolist(),
            strict=True,
        )
        copies.update((part, whole) for part, whole in numbers if part >= 0 and whole >= 0)
    return Owners(assets, np.concatenate(features), numbering.following, copies, layer in SHARED)


def hourly_of(
    series: pa.Table, quantity: str, kinds: tuple[str, ...], levels: Sequence[str], hours: int
) -> Hourly:
    """Situations of a quantity with their values at each hour; what is lacking is NaN."""
    wanted = pc.and_(
        pc.equal(series["quantity"], quantity), pc.is_in(series["kind"], pa.array(kinds))
    )
    rows = series.filter(wanted)
    rows = rows.filter(pc.is_valid(rows[levels[0]]))
    keys = list(zip(rows["kind"].to_pylist(), rows["situation"].to_pylist(), strict=True))
    values = np.full((len(keys), len(levels), hours + 1), np.nan, dtype=np.float32)
    for place, level in enumerate(levels):
        found = _as_matrix(rows[level], hours + 1)
        values[:, place, : found.shape[1]] = found
    return Hourly(keys, values)


def _as_matrix(lists: pa.ChunkedArray, width: int) -> NDArray[np.float32]:
    """Lists of numbers as rows, at most so wide; what is lacking is NaN."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    flat = pc.list_flatten(lists).to_numpy().astype(np.float32)
    found = np.full((lengths.size, width), np.nan, dtype=np.float32)
    row = np.repeat(np.arange(lengths.size), lengths)
    column = np.arange(flat.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    inside = column < width
    found[row[inside], column[inside]] = flat[inside]
    return found


def likeliest_assets(reader: RunReader, kinds: tuple[str, ...]) -> list[str]:
    """Assets in order of the event that is preferred: the likeliest first, then the earliest."""
    events = event_quantities(reader.outcomes(), kinds)
    if not events:
        return []
    table = reader.outcomes_with(events[0], kinds)
    keys = [("probability", "descending"), ("onset_p50", "ascending"), ("asset", "ascending")]
    found: list[str] = table.take(pc.sort_indices(table, sort_keys=keys))["asset"].to_pylist()
    return found


def stream_of(
    reader: RunReader,
    layer: str,
    asked: Sequence[str],
    view: View,
    numbering: Numbering,
    version: str,
) -> bytes:
    """The state stream of a layer, see `packed_stream`.

    Args:
        reader: The run.
        layer: The layer.
        asked: Quantities; all where there are none.
        view: Gives the district's entities of a kind.
        numbering: Of the layer's features.
        version: Of the district's data.

    Raises:
        LingjingError: `http.no-layer`, `http.no-outcome`.
    """
    kinds = stream_kinds(layer)
    names = chosen_quantities(reader, layer, asked, kinds)
    events = set(event_quantities(reader.outcomes(), kinds))
    owners = owners_of(layer, view, numbering)
    head: dict[str, Any] = run_head(reader)
    hours = int(head["hours"])
    start_s = int(parse_instant(head["start"]).timestamp())
    likeliest: list[str] | None = None
    found: list[Courses] = []
    for name in names:
        outcomes = reader.outcomes_with(name, kinds)
        if name in events:
            series = hourly_of(reader.series(), name, kinds, ("probability",), hours)
            found.append(event_courses(name, outcomes, series, owners, (start_s, hours)))
            continue
        if likeliest is None:
            likeliest = likeliest_assets(reader, kinds) if owners.shared else []
        series = hourly_of(reader.series(), name, kinds, LEVELS, hours)
        found.append(value_courses(name, outcomes, series, owners, hours, likeliest))
    about = {
        "run": reader.name,
        "layer": layer,
        "start": head["start"],
        "hours": hours,
        "numbers": numbering.following,
        "numbering": numbering.version,
        "data_version": version,
    }
    return packed_stream(about, found, "assets" if owners.shared else "own")
