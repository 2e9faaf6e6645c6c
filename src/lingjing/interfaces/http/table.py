"""All objects of a district as one table of columns, and what a run foresees for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingjing.interfaces.http.runs import EVENT_ORDER, RunReader, as_bytes
from lingjing.interfaces.http.titles import given, unnamed
from lingjing.twin.views import TwinView
from lingjing.vocabulary import kinds, parse_instant

KIND_ORDER = (
    *("SubDistrict", "Facility", "Building", "RoadSegment", "Depot"),
    *("MeterBox", "Riser", "WaterPipe", "WaterTank", "Valve", "Tap"),
)
"""Order in which kinds stand in the table and in what a search finds; others follow by name."""

Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Words:
    """A text column in which few texts stand often.

    Attributes:
        names: The distinct texts, "" first: the gap.
        codes: Index into `names` [n].
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Texts) -> Words:
        """Code a column of texts."""
        place: dict[str, int] = {"": 0}
        codes = np.fromiter(
            (place.setdefault(text, len(place)) for text in texts), np.int32, count=texts.size
        )
        return cls(tuple(place), codes)

    def among(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Rows whose text is one of those wanted [n]."""
        chosen = np.array([name in wanted for name in self.names], dtype=bool)
        found: NDArray[np.bool_] = chosen[self.codes]
        return found


@dataclass(frozen=True)
class ObjectTable:
    """Objects of a district, kind after kind, each kind in the order of its view.

    Attributes:
        district: Its name.
        version: Of the district's data.
        ids: URNs [n].
        kind, street, owner: Coded texts.
        title_zh, title_en, address: For people [n]; the address may be empty.
        named: Whether the title is a name, and not only kind and number [n].
        longitude_deg, latitude_deg: A point on each [n].
        building: Row of the building that it belongs to, −1 for none [n].
        rows_of: Kind → its rows.
        wkb: Geometries [n].
        row_of: URN → row.
    """

    district: str
    version: str
    ids: Texts
    kind: Words
    street: Words
    owner: Words
    title_zh: Texts
    title_en: Texts
    address: Texts
    named: NDArray[np.bool_]
    longitude_deg: NDArray[np.float64]
    latitude_deg: NDArray[np.float64]
    building: NDArray[np.int32]
    rows_of: dict[str, slice]
    wkb: Texts
    row_of: dict[str, int]

    def __len__(self) -> int:
        return int(self.ids.size)


def object_table(
    district: str, version: str, counts: dict[str, int], view: Callable[[str], TwinView]
) -> ObjectTable:
    """Put a district's objects together.

    Args:
        district: Its name.
        version: Of its data.
        counts: Objects by kind.
        view: Gives a kind's columns.
    """
    there = [name for name in counts if name in kinds() and counts[name]]
    place = {name: at for at, name in enumerate(KIND_ORDER)}
    there.sort(key=lambda name: (place.get(name, len(place)), name))
    views = [view(name) for name in there]
    starts = np.cumsum([0, *(len(item) for item in views)])
    titles = [_titles(item) for item in views]
    ids = _joined([item.ids for item in views])
    row_of = {str(urn): row for row, urn in enumerate(ids)}
    belongs = _joined([item.related("building") for item in views])
    table = ObjectTable(
        district=district,
        version=version,
        ids=ids,
        kind=Words.of(_joined([np.full(len(item), item.kind, dtype=object) for item in views])),
        street=Words.of(_joined([_streets(item) for item in views])),
        owner=Words.of(_joined([item.text("owner", "") for item in views])),
        title_zh=_joined([zh for zh, _, _ in titles]),
        title_en=_joined([en for _, en, _ in titles]),
        address=_joined([item.text("address", "") for item in views]),
        named=np.concatenate([np.zeros(0, dtype=bool), *(known for _, _, known in titles)]),
        longitude_deg=np.concatenate([np.zeros(0), *(item.longitude_deg for item in views)]),
        latitude_deg=np.concatenate([np.zeros(0), *(item.latitude_deg for item in views)]),
        building=np.fromiter(
            (-1 if urn is None else row_of.get(urn, -1) for urn in belongs), np.int32, len(ids)
        ),
        rows_of={
            name: slice(int(starts[at]), int(starts[at + 1])) for at, name in enumerate(there)
        },
        wkb=_joined([item.wkb for item in views]),
        row_of=row_of,
    )
    _name_the_rest(table)
    return table


def _joined(parts: Sequence[Texts]) -> Texts:
    return np.concatenate([np.zeros(0, dtype=object), *parts])


def _streets(view: TwinView) -> Texts:
    """Sub-district of each object; one that is itself a sub-district lies in itself."""
    return view.text("name" if view.kind == "SubDistrict" else "sub_district", "")


def _titles(view: TwinView) -> tuple[Texts, Texts, NDArray[np.bool_]]:
    """Titles in both languages, empty where there is no name or address, and where there is."""
    columns = zip(*(view.text(name) for name in ("name", "name_en", "address")), strict=True)
    zh, en = np.full(len(view), "", dtype=object), np.full(len(view), "", dtype=object)
    known = np.zeros(len(view), dtype=bool)
    for row, (name, name_en, address) in enumerate(columns):
        title = given(name, name_en, address)
        if title is not None:
            zh[row], en[row] = title
            known[row] = True
    return zh, en, known


def _name_the_rest(table: ObjectTable) -> None:
    """Call what has no name after its building, kind and number, as on the card."""
    for row in np.flatnonzero(~table.named):
        owner = int(table.building[row])
        if owner >= 0 and not table.title_zh[owner]:
            _name(table, owner, -1)
        _name(table, int(row), owner)


def _name(table: ObjectTable, row: int, owner: int) -> None:
    kind = table.kind.names[table.kind.codes[row]]
    building = None if owner < 0 else (table.title_zh[owner], table.title_en[owner])
    table.title_zh[row], table.title_en[row] = unnamed(kind, str(table.ids[row]), building)


@dataclass(frozen=True)
class Foreseen:
    """What a run foresees for the rows of a table: for each its first event.

    A building without an outcome of its own has that of its likeliest asset, as on the map.

    Attributes:
        start_s: Start of the window, seconds since 1970 UTC.
        hours: Length of the window.
        quantity: Coded names of the events; "" where the run says nothing.
        probability: Within the window [n], NaN where the run says nothing.
        onset_hours: Median onset, hours after the start [n], NaN where none.
        source: Row whose outcome it is [n]: its own, or that of an asset inside.
        hourly: Probabilities of the situations at each hour, 0 to 255 [m + 1, hours + 1].
        situation: Row of `hourly` [n]; the last, all 0, where there is none.
    """

    start_s: int
    hours: int
    quantity: Words
    probability: NDArray[np.float32]
    onset_hours: NDArray[np.float32]
    source: NDArray[np.int32]
    hourly: NDArray[np.uint8]
    situation: NDArray[np.int32]

    def at(self, hour: int, table: ObjectTable) -> NDArray[np.float32]:
        """Probability that the event holds at an hour [n]; a building has its likeliest asset's."""
        column = self.hourly[:, min(max(hour, 0), self.hours)]
        values: NDArray[np.uint8] = column[self.situation]
        inside = (table.building >= 0) & np.isfinite(self.probability)
        assets = np.flatnonzero(inside)
        owners = table.building[assets]
        same = self.quantity.codes[owners] == self.quantity.codes[assets]
        # A building with an outcome of its own stands for itself.
        borrowed = same & (self.source[owners] != owners)
        np.maximum.at(values, owners[borrowed], values[assets[borrowed]])
        chance: NDArray[np.float32] = values.astype(np.float32) / np.float32(255)
        chance[~np.isfinite(self.probability)] = np.nan
        return chance


def foresee(table: ObjectTable, reader: RunReader, preferred: Sequence[str] = ()) -> Foreseen:
    """Read a run's outcomes into the rows of a table.

    Args:
        table: The objects.
        reader: The run.
        preferred: Events to show where an object has several; else the weightiest.
    """
    window = reader.summary()["window"]
    start_s, hours = int(parse_instant(window["start"]).timestamp()), int(window["hours"])
    outcomes = reader.outcomes()
    events = outcomes.filter(pc.is_valid(outcomes["probability"]))
    rows = pc.fill_null(
        pc.index_in(events["asset"], value_set=pa.array(table.ids, type=pa.string())), -1
    )
    events = events.append_column("row", rows).filter(pc.greater_equal(rows, 0))
    first = _first_of_each(events, preferred)
    values = _Columns(len(table), events.take(pa.array(first)), start_s)
    series, place = _hourly(reader, hours)
    situation = np.full(len(table), len(series) - 1, dtype=np.int32)
    situation[values.rows] = [
        place.get(key, len(series) - 1) for key in zip(*values.keys, strict=True)
    ]
    _lend(table, values, situation, preferred)
    return Foreseen(
        start_s=start_s,
        hours=hours,
        quantity=Words.of(values.quantity),
        probability=values.probability,
        onset_hours=values.onset,
        source=values.source,
        hourly=series,
        situation=situation,
    )


def _weights(quantities: Sequence[str], preferred: Sequence[str]) -> dict[str, int]:
    """Place of each event: the preferred first, then the weightiest, then by name."""
    order = dict.fromkeys((*preferred, *EVENT_ORDER, *sorted(quantities)))
    return {name: place for place, name in enumerate(order)}


def _first_of_each(events: pa.Table, preferred: Sequence[str]) -> NDArray[np.int64]:
    """Index of the first event of every row of the table."""
    names = pc.unique(events["quantity"]).to_pylist()
    weight = _weights(names, preferred)
    codes = pc.index_in(events["quantity"], value_set=pa.array(names, type=pa.string()))
    weights = np.array([weight[name] for name in names], dtype=np.int64)
    rows = events["row"].to_numpy()
    place = weights[codes.to_numpy()] if names else np.zeros(0, dtype=np.int64)
    order = np.lexsort((place, rows))
    sorted_rows = rows[order]
    starts = np.r_[True, sorted_rows[1:] != sorted_rows[:-1]] if order.size else []
    found: NDArray[np.int64] = order[np.asarray(starts, dtype=bool)]
    return found


class _Columns:
    """Columns over the whole table, filled where the run has an event."""

    def __init__(self, count: int, events: pa.Table, start_s: int) -> None:
        self.rows = events["row"].to_numpy().astype(np.int64)
        self.keys = [events[name].to_pylist() for name in ("kind", "quantity", "situation")]
        self.quantity = np.full(count, "", dtype=object)
        self.quantity[self.rows] = self.keys[1]
        self.probability = np.full(count, np.nan, dtype=np.float32)
        self.probability[self.rows] = events["probability"].to_numpy()
        seconds = pc.cast(pc.cast(events["onset_p50"], pa.timestamp("s", tz="UTC")), pa.int64())
        self.onset = np.full(count, np.nan, dtype=np.float32)
        self.onset[self.rows] = (pc.cast(seconds, pa.float64()).to_numpy() - start_s) / 3600
        self.source = np.arange(count, dtype=np.int32)


def _hourly(reader: RunReader, hours: int) -> tuple[NDArray[np.uint8], dict[tuple[Any, ...], int]]:
    """Hourly bytes of all events' situations, a row of zeros last, and the row of each."""
    series = reader.series()
    series = series.filter(pc.is_valid(series["probability"]))
    keys = zip(
        *(series[name].to_pylist() for name in ("kind", "quantity", "situation")), strict=True
    )
    place = {key: row for row, key in enumerate(keys)}
    stacked = np.zeros((len(place) + 1, hours + 1), dtype=np.float32)
    for row, values in enumerate(series["probability"].to_pylist()):
        known = np.asarray(values[: hours + 1], dtype=np.float32)
        stacked[row, : known.size] = known
    return as_bytes(stacked), place


def _lend(
    table: ObjectTable,
    values: _Columns,
    situation: NDArray[np.int32],
    preferred: Sequence[str],
) -> None:
    """Give buildings that have no outcome the one of their likeliest asset."""
    known = np.isfinite(values.probability)
    assets = np.flatnonzero((table.building >= 0) & known)
    assets = assets[~known[table.building[assets]]]
    weight = _weights([str(name) for name in set(values.quantity[assets])], preferred)
    place = np.array([weight[name] for name in values.quantity[assets]], dtype=np.int64)
    order = np.lexsort(
        (
            np.nan_to_num(values.onset[assets], nan=np.inf),
            -values.probability[assets],
            place,
            table.building[assets],
        )
    )
    assets = assets[order]
    owners = table.building[assets]
    first = np.r_[True, owners[1:] != owners[:-1]] if assets.size else np.zeros(0, dtype=bool)
    lenders, owners = assets[first], owners[first]
    for column in (values.quantity, values.probability, values.onset, situation):
        column[owners] = column[lenders]
    values.source[owners] = lenders
