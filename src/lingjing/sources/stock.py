"""The stock model: which assets frost can harm, inferred from buildings and the district pack.

It is used where no inventory exists. Every value says that it was inferred, by which rule and how
far to trust it. See `docs/reference/stock-model.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.packs import AssetRule, InsulationSet, Pack
from lingjing.sources.stock_buildings import (
    CLASS_RULES,
    NO_SUPPLY,
    OTHER,
    OWNER_WORDS,
    Dwellings,
    class_name,
    long_axes,
    read_buildings,
)
from lingjing.sources.stock_draws import draws, pick
from lingjing.vocabulary import Attribute, AttributeValue, Provenance

SOURCE_NAME = "stock-model"
DEPOTS_NAME = "depot-plan"
_CHUNK = 2048

Indices = NDArray[np.int64]


def infer_assets(buildings: Iterable[Feature], pack: Pack, seed: int) -> Batch:
    """Exposed assets of buildings, where no inventory exists.

    The same building, pack and seed always give the same assets, whatever other buildings there
    are. Parameter values come from a limited set, so that many assets share one situation.

    Args:
        buildings: Features of kind `Building`; others are passed over. Read once, in chunks.
        pack: The district pack with the stock assumptions.
        seed: Of the draws.

    Returns:
        A batch named `stock-model`: risers, meter boxes, tanks, valves and taps, each with a
        relationship `building`.
    """
    report = ImportReport()
    return Batch(
        SOURCE_NAME,
        _stream(buildings, pack, seed, report),
        Provenance("inferred", SOURCE_NAME, rule=pack.name),
        "",
        "unstated",
        pack.sha256,
        report,
    )


def describe_buildings(buildings: Iterable[Feature], pack: Pack, seed: int) -> Iterator[Feature]:
    """The same buildings with what the stock model infers of them.

    Age class, storeys, footprint area, households and retrofit are added where the source says
    nothing, with provenance `inferred`. `infer_assets` gives the same assets before and after.
    """
    for chunk in _chunks(buildings):
        table = read_buildings(chunk, pack, seed)
        for row, feature in enumerate(chunk):
            yield _described(feature, table, row, pack)


def infer_depots(bounds: tuple[float, float, float, float], pack: Pack) -> Batch:
    """Depots after the pack's plan, where neither map nor inventory has any.

    Args:
        bounds: West, south, east, north of the district [°]; the plan's sites are laid out in it.
        pack: The district pack.
    """
    plan = pack.content.depots
    provenance = Provenance("inferred", DEPOTS_NAME, rule=pack.name, confidence=plan.confidence)
    report = ImportReport()
    west, south, east, north = bounds
    features = []
    for site in plan.sites:
        values: dict[str, AttributeValue] = {
            "name": site.name_zh,
            "salt_stock": round(plan.salt_t * site.share, 3),
            "straw_mats": float(round(plan.straw_mats * site.share)),
            "crews": float(round(plan.crews * site.share)),
        }
        point = shapely.Point(
            round(west + (east - west) * site.at[0], 7),
            round(south + (north - south) * site.at[1], 7),
        )
        attributes = {name: Attribute(value, provenance) for name, value in values.items()}
        features.append(Feature("Depot", f"plan-{site.id}", point, attributes))
        report.keep("Depot")
    return Batch(DEPOTS_NAME, features, provenance, "", "unstated", pack.sha256, report)


def _chunks(buildings: Iterable[Feature]) -> Iterator[list[Feature]]:
    rest = (item for item in buildings if item.kind == "Building")
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _described(feature: Feature, table: Dwellings, row: int, pack: Pack) -> Feature:
    if table.class_index[row] == NO_SUPPLY:
        return feature
    rule, confidence = CLASS_RULES[int(table.class_rule[row])]
    synthetic = bool(table.synthetic[row])
    index = int(table.class_index[row])

    def inferred(value: AttributeValue, by: str, sure: float) -> Attribute:
        return Attribute(value, Provenance("inferred", SOURCE_NAME, by, sure, synthetic=synthetic))

    found = {
        "age_class": inferred(class_name(pack.content.stock, index), rule, confidence),
        "levels": inferred(float(table.levels[row]), "levels:age-class", confidence * 0.5),
        "footprint_area": inferred(
            round(float(table.footprint_m2[row]), 1), "footprint:geometry", 0.9
        ),
    }
    if index >= 0:
        found["households"] = inferred(
            float(table.households[row]), "households:floor-area", confidence * 0.5
        )
        found["retrofitted"] = inferred(
            bool(table.retrofitted[row]), "retrofit:share", confidence * 0.5
        )
    attributes = {**found, **feature.attributes}
    return Feature(feature.kind, feature.local, feature.geometry, attributes, feature.relationships)


def _stream(
    buildings: Iterable[Feature], pack: Pack, seed: int, report: ImportReport
) -> Iterator[Feature]:
    desk = _Desk(pack)
    report.read["Building"] = 0
    for chunk in _chunks(buildings):
        table = read_buildings(chunk, pack, seed)
        report.read["Building"] += len(chunk)
        for row in np.flatnonzero(table.class_index == NO_SUPPLY):
            report.drop("no-water-supply", chunk[int(row)].local)
        axes = long_axes(chunk)
        for number, rule in enumerate(pack.content.stock.assets):
            for feature in _assets(desk, rule, number, table, axes):
                report.keep(feature.kind)
                yield feature


def _counts(rule: AssetRule, pack: Pack, table: Dwellings) -> Indices:
    """How many assets the rule gives each building [n]."""
    stock = pack.content.stock
    names = np.array([item.id for item in stock.age_classes] + [OTHER])
    mine = np.isin(names[table.class_index], rule.classes) & (table.class_index != NO_SUPPLY)
    if rule.per == "unit":
        count = np.ceil(table.units / rule.every)
    elif rule.per == "households":
        count = np.ceil(table.households / rule.every)
    else:
        count = np.ones(len(mine))
    if rule.on_roof_tank_buildings:
        mine &= table.roof_tank
    if rule.share < 1.0:
        mine &= draws(table.keys, f"{rule.id}:has") < rule.share
    return np.where(mine, count, 0).astype(np.int64)


def _places(
    axes: tuple[NDArray[np.float64], ...],
    table: Dwellings,
    building: Indices,
    along: NDArray[np.float64],
    across: float,
) -> NDArray[np.object_]:
    """Points [m] inside the footprints, spread along their long axes."""
    middle, long_half, short_half = (axis[building] for axis in axes)
    spots = middle + long_half * along[:, None] + short_half * across
    points = shapely.points(np.round(spots, 7))
    shapes = np.array([item.geometry for item in table.features], dtype=object)
    outside = ~shapely.intersects(shapes[building], points)
    if bool(outside.any()):
        points[outside] = shapely.point_on_surface(shapes[building[outside]])
    return np.asarray(points, dtype=object)


def _assets(
    desk: _Desk,
    rule: AssetRule,
    number: int,
    table: Dwellings,
    axes: tuple[NDArray[np.float64], ...],
) -> Iterator[Feature]:
    counts = _counts(rule, desk.pack, table)
    building = np.repeat(np.arange(len(counts)), counts)
    if not len(building):
        return
    first = np.cumsum(counts) - counts
    ordinal = np.arange(len(building)) - first[building]
    count = counts[building]
    along = ((ordinal + 0.5) / count * 2.0 - 1.0) * 0.95
    rules = len(desk.pack.content.stock.assets)
    points = _places(axes, table, building, along, (number + 0.5) / rules * 1.4 - 0.7)
    insulation = desk.pack.content.stock.insulation[rule.insulation]
    uniform = draws(table.keys[building], f"{rule.id}:insulation", ordinal)
    thickness = np.where(
        table.retrofitted[building],
        pick(uniform, insulation.after),
        pick(uniform, insulation.before),
    )
    households = table.households[building]
    share = households // count + (ordinal < households % count)
    for row in range(len(building)):
        index = int(building[row])
        feature = table.features[index]
        attributes = dict(desk.shared(rule, insulation, int(thickness[row]), table, index))
        synthetic = bool(table.synthetic[index])
        served = float(share[row]) if rule.serves_households else 0.0
        attributes["households"] = desk.households(served, synthetic)
        if rule.length_per_level_m is not None:
            length = round(rule.length_per_level_m * int(table.levels[index]), 1)
            attributes["length"] = desk.length(length, rule, synthetic)
        if "sub_district" in feature.attributes:
            attributes["sub_district"] = feature.attributes["sub_district"]
        yield Feature(
            rule.kind,
            f"stock-{feature.local}-{rule.id}-{int(ordinal[row]) + 1}",
            points[row],
            attributes,
            {"building": ("Building", feature.local)},
        )


@dataclass
class _Desk:
    """Hands out attributes; equal ones are made once, which keeps a million assets small."""

    pack: Pack
    _shared: dict[tuple[object, ...], dict[str, Attribute]] = field(default_factory=dict)
    _single: dict[tuple[object, ...], Attribute] = field(default_factory=dict)

    def shared(
        self, rule: AssetRule, insulation: InsulationSet, layer: int, table: Dwellings, row: int
    ) -> dict[str, Attribute]:
        """Everything about the asset that many assets have in common."""
        retrofitted = bool(table.retrofitted[row])
        owner = OWNER_WORDS[int(table.owner[row])] if rule.owner == "by_building" else rule.owner
        synthetic = bool(table.synthetic[row])
        key = (rule.id, layer, retrofitted, owner, synthetic)
        if key not in self._shared:
            self._shared[key] = _parameters(
                rule, insulation, layer, retrofitted=retrofitted, owner=owner, synthetic=synthetic
            )
        return self._shared[key]

    def households(self, value: float, synthetic: bool) -> Attribute:
        """The households an asset serves."""
        key = ("households", value, synthetic)
        if key not in self._single:
            by = Provenance(
                "inferred", SOURCE_NAME, "households:even-split", 0.3, synthetic=synthetic
            )
            self._single[key] = Attribute(value, by)
        return self._single[key]

    def length(self, value: float, rule: AssetRule, synthetic: bool) -> Attribute:
        """The length of a riser [m]."""
        key = ("length", rule.id, value, synthetic)
        if key not in self._single:
            by = Provenance("inferred", SOURCE_NAME, rule.id, rule.confidence, synthetic=synthetic)
            self._single[key] = Attribute(value, by)
        return self._single[key]


def _parameters(
    rule: AssetRule,
    insulation: InsulationSet,
    layer: int,
    *,
    retrofitted: bool,
    owner: str,
    synthetic: bool,
) -> dict[str, Attribute]:
    by_rule = Provenance("inferred", SOURCE_NAME, rule.id, rule.confidence, synthetic=synthetic)
    by_set = Provenance(
        "inferred",
        SOURCE_NAME,
        f"insulation:{rule.insulation}:{'after' if retrofitted else 'before'}",
        insulation.confidence,
        synthetic=synthetic,
    )
    replaced = retrofitted and rule.material_retrofitted is not None
    values: dict[str, AttributeValue | None] = {
        "owner": owner,
        "material": rule.material_retrofitted if replaced else rule.material,
        "location": rule.location,
        "inner_diameter": rule.inner_diameter_mm,
        "wall_thickness": rule.wall_thickness_mm,
        "supply_temperature": rule.supply_temperature_C,
        "wind_exposure": rule.wind_exposure,
        "enclosure_lag": rule.enclosure_lag_h,
        "volume": rule.volume_m3,
        "water_depth": rule.water_depth_m,
    }
    shared = {
        name: Attribute(value, by_rule) for name, value in values.items() if value is not None
    }
    shared["insulation_thickness"] = Attribute(insulation.thickness_mm[layer], by_set)
    shared["insulation_conductivity"] = Attribute(insulation.conductivity_W_mK, by_set)
    return shared
