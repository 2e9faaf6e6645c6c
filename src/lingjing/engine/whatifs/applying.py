"""Changes of assets, laid down in a branch of the twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lingjing.engine.whatifs.order import AssetChange, Select, Value, check_value
from lingjing.sdk import LingjingError, Place
from lingjing.twin import changes
from lingjing.twin.contract import Twin
from lingjing.twin.documents import Instance
from lingjing.twin.ledger import Branch, Desk, Job, Ledger
from lingjing.twin.packed import attribute_of, provenance_attributes, unit_code
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Provenance, quantities

MOST_ASSETS: Final = 200_000
_AT_ONCE: Final = 500
_METRES_PER_DEGREE: Final = 111_320.0

Values = dict[str, dict[str, Value]]
"""Id → attribute → new value."""


def planned(twin: Twin, wanted: tuple[AssetChange, ...]) -> Values:
    """What each asset is to have; a later change of the list goes over an earlier one.

    Raises:
        LingjingError: `whatif.selects-nothing`, `whatif.too-many-assets`, `whatif.bad-value`.
    """
    found: Values = {}
    for position, change in enumerate(wanted):
        view = twin.view(change.select.kind)
        rows = np.flatnonzero(selected(twin, view, change.select))
        if not rows.size:
            place = Place(field=f"changes.assets[{position}].select")
            raise LingjingError("whatif.selects-nothing", place, kind=change.select.kind)
        for row, values in _values_of(view, rows, change):
            found.setdefault(str(view.ids[row]), {}).update(values)
    if len(found) > MOST_ASSETS:
        raise LingjingError("whatif.too-many-assets", count=len(found), most=MOST_ASSETS)
    return found


def selected(twin: Twin, view: TwinView, select: Select) -> NDArray[np.bool_]:
    """Which rows of the view a selection means [n]."""
    mask = np.ones(len(view), dtype=bool)
    for wanted, column in (
        (select.ids, view.ids),
        (select.sub_districts, view.text("sub_district", "")),
        (select.owners, view.text("owner", "unknown")),
        (select.locations, view.text("location", "")),
        (select.buildings, view.related("building")),
    ):
        if wanted:
            mask &= np.isin(column.astype(str), wanted)
    if select.building_name or select.age_classes:
        mask &= _in_buildings(twin.view("Building"), view, select)
    if select.near is not None:
        east = view.longitude_deg - select.near.longitude_deg
        north = view.latitude_deg - select.near.latitude_deg
        east = east * np.cos(np.radians(select.near.latitude_deg))
        mask &= np.hypot(east, north) * _METRES_PER_DEGREE <= select.near.radius_m
    if select.bare:
        mask &= view.number("insulation_thickness", 0.0) == 0.0
    return mask


def _in_buildings(buildings: TwinView, view: TwinView, select: Select) -> NDArray[np.bool_]:
    chosen = np.ones(len(buildings), dtype=bool)
    if select.building_name:
        pairs = zip(buildings.text("name", ""), buildings.text("address", ""), strict=True)
        wanted = select.building_name
        chosen &= np.array([wanted in name or wanted in at for name, at in pairs], dtype=bool)
    if select.age_classes:
        chosen &= np.isin(buildings.text("age_class", "").astype(str), select.age_classes)
    inside: NDArray[np.bool_] = np.isin(
        view.related("building").astype(str), buildings.ids[chosen].astype(str)
    )
    return inside


def _values_of(
    view: TwinView, rows: NDArray[np.intp], change: AssetChange
) -> Iterator[tuple[int, dict[str, Value]]]:
    held = {name: view.number(name) for name in change.scale}
    for row in rows.tolist():
        values: dict[str, Value] = dict(change.set)
        for name, factor in change.scale.items():
            before = float(held[name][row])
            if np.isnan(before):
                continue
            values[name] = before * factor
            check_value(name, values[name], f"{view.ids[row]}.{name}")
        if values:
            yield row, values


def lay_down(
    ledger: Ledger,
    branch: Branch,
    values: Values,
    source: str,
    report: Callable[[float], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Write the values into a branch, with the what-if as their source; how many entities.

    Raises:
        LingjingError: `run.interrupted`, and what the ledger raises.
    """
    provenance = Provenance("simulated", source, rule="what-if")
    ids = sorted(values)
    done = 0
    for start in range(0, len(ids), _AT_ONCE):
        if cancelled():
            raise LingjingError("run.interrupted")
        part = {name: values[name] for name in ids[start : start + _AT_ONCE]}
        done += ledger.submit(Job(branch, tuple(part), _writer(part, provenance))).result()
        report(min(start + _AT_ONCE, len(ids)) / len(ids))
    return done


def _writer(part: Mapping[str, dict[str, Value]], provenance: Provenance) -> Callable[[Desk], int]:
    def run(desk: Desk) -> int:
        done = 0
        for entity_id, values in part.items():
            held = desk.document(entity_id)
            if held is None:
                continue
            fragment = {"attributes": {
                attribute_of(name): {"": _instance(name, value, provenance, desk.now)}
                for name, value in values.items()
            }}  # fmt: skip
            outcome = changes.updated(held, fragment, desk.now)
            desk.put(outcome.document, outcome.changes)
            done += 1
        return done

    return run


def _instance(name: str, value: Value, provenance: Provenance, now: str) -> Instance:
    item: dict[str, Any] = {"type": "Property", "value": value}
    unit = unit_code(name) if name in quantities() else None
    if unit is not None:
        item["unitCode"] = unit
    item["attributes"] = provenance_attributes(provenance, now)
    return item
