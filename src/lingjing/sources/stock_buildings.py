"""What the stock model makes of a building: age class, storeys, households, retrofit, owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Feature
from lingjing.sources.geometry import areas_m2
from lingjing.sources.packs import AgeClass, Pack, Stock
from lingjing.sources.stock_draws import Keys, draws, name_key, pick
from lingjing.vocabulary import Attribute

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

OTHER = "other"
NO_SUPPLY = -2
"""Class index of buildings without a water supply (garages, sheds)."""
NOT_RESIDENTIAL = -1

_METRES_PER_LEVEL = 3.0
_SMALLEST_SUPPLIED_M2 = 25.0
# A building of which nothing is said is taken for a dwelling unless it is larger than this [m²].
_LARGEST_UNTAGGED_DWELLING_M2 = 3000.0
# A bar is longer than this many times its depth, and is no tower where nothing else is known.
_BAR = 2.5
_HIGH_RISE = 12
_OWNERS = ("water_company", "property_company", "resident")

CLASS_RULES: tuple[tuple[str, float], ...] = (
    ("age-class:tagged", 0.9),
    ("age-class:year", 0.8),
    ("age-class:levels", 0.5),
    ("age-class:shares", 0.3),
)
"""How the age class was found, and how far to trust it."""


@dataclass(frozen=True)
class Dwellings:
    """Columns over buildings [n]; what the source says wins over what the model infers.

    Attributes:
        features: The buildings.
        keys: What each draws with.
        class_index: Index into the pack's age classes, or `NOT_RESIDENTIAL`, `NO_SUPPLY`.
        class_rule: Index into `CLASS_RULES`.
        footprint_m2: Footprint area [m²].
        levels: Storeys above ground.
        levels_known: Whether the source says so.
        households: Households that live here.
        units: Stairwells, or the like, that the supply rises in.
        retrofitted: Whether the supply was retrofitted, or was built to the newer standard.
        roof_tank: Whether it has tanks on the roof.
        owner: Index into `OWNER_WORDS` of who runs the supply inside.
        synthetic: Whether the building itself is made up.
    """

    features: Sequence[Feature]
    keys: Keys
    class_index: Counts
    class_rule: Counts
    footprint_m2: Numbers
    levels: Counts
    levels_known: Flags
    households: Counts
    units: Counts
    retrofitted: Flags
    roof_tank: Flags
    owner: Counts
    synthetic: Flags


OWNER_WORDS = _OWNERS


def class_name(stock: Stock, index: int) -> str:
    """The word for a class index."""
    return stock.age_classes[index].id if index >= 0 else OTHER


def _number(attributes: Mapping[str, Attribute], name: str) -> float:
    found = attributes.get(name)
    return float(found.value) if found is not None else np.nan


def _column(features: Sequence[Feature], name: str) -> Numbers:
    return np.array([_number(item.attributes, name) for item in features], dtype=np.float64)


def _word(feature: Feature, name: str) -> str | None:
    found = feature.attributes.get(name)
    return str(found.value) if found is not None else None


def _classes(
    features: Sequence[Feature], stock: Stock, keys: Keys, footprint: Numbers, levels: Numbers
) -> tuple[Counts, Counts]:
    """Class index and rule index of each building [n]."""
    index_of = {item.id: index for index, item in enumerate(stock.age_classes)}
    years = _column(features, "construction_year")
    uniform = draws(keys, "age-class")
    shares = [item.share for item in stock.age_classes]
    low_rise = [0.0 if item.levels_low >= _HIGH_RISE else item.share for item in stock.age_classes]
    slender = _slender(features) if any(low_rise) else np.zeros(len(features), dtype=bool)
    index = np.where(
        slender, pick(uniform, low_rise if any(low_rise) else shares), pick(uniform, shares)
    )
    rule = np.full(len(features), 3, dtype=np.int64)
    for row, feature in enumerate(features):
        tagged = _word(feature, "age_class")
        use = _word(feature, "use")
        if not _supplied(use, float(footprint[row])):
            index[row], rule[row] = NO_SUPPLY, 0
        elif tagged in index_of:
            index[row], rule[row] = index_of[tagged], 0
        elif tagged == OTHER or not _residential(use, float(footprint[row])):
            index[row], rule[row] = NOT_RESIDENTIAL, 0
        elif not np.isnan(years[row]):
            index[row] = _by_year(stock.age_classes, float(years[row]), float(levels[row]))
            rule[row] = 1
        elif not np.isnan(levels[row]):
            index[row] = _by_levels(stock.age_classes, float(levels[row]), float(uniform[row]))
            rule[row] = 2
    return index, rule


def _slender(features: Sequence[Feature]) -> Flags:
    """Which footprints [n] are bars: much longer than deep."""
    _, long_half, short_half = long_axes(features)
    return np.asarray(np.hypot(*long_half.T) > _BAR * np.hypot(*short_half.T))


def _supplied(use: str | None, footprint_m2: float) -> bool:
    if use == "garage":
        return False
    return footprint_m2 >= _SMALLEST_SUPPLIED_M2 or use == "residential"


def _residential(use: str | None, footprint_m2: float) -> bool:
    if use in (None, "other"):
        return footprint_m2 <= _LARGEST_UNTAGGED_DWELLING_M2
    return use == "residential"


def _distance(item: AgeClass, levels: float) -> float:
    """How far a number of storeys lies outside what the class has."""
    return max(item.levels_low - levels, levels - item.levels_high, 0.0)


def _by_year(classes: Sequence[AgeClass], year: float, levels: float) -> int:
    fitting = [i for i, item in enumerate(classes) if item.from_year <= year <= item.to_year]
    candidates = fitting or list(range(len(classes)))
    if np.isnan(levels):
        return max(candidates, key=lambda i: classes[i].share)
    return min(candidates, key=lambda i: (_distance(classes[i], levels), -classes[i].share))


def _by_levels(classes: Sequence[AgeClass], levels: float, uniform: float) -> int:
    nearest = min(_distance(item, levels) for item in classes)
    shares = [item.share if _distance(item, levels) == nearest else 0.0 for item in classes]
    if not any(shares):
        return min(range(len(classes)), key=lambda i: _distance(classes[i], levels))
    return int(pick(np.array([uniform]), shares)[0])


def _take(classes: Sequence[AgeClass], index: Counts, field: str, other: float) -> Numbers:
    """A number of each building's class [n]; `other` for those that are not dwellings."""
    table = np.array([float(getattr(item, field)) for item in classes] + [other])
    return table[np.where(index < 0, len(classes), index)]


def read_buildings(features: Sequence[Feature], pack: Pack, seed: int) -> Dwellings:
    """Columns of the stock model over some buildings."""
    stock = pack.content.stock
    classes = stock.age_classes
    keys = np.array([name_key(f"{seed}:{item.local}") for item in features], dtype=np.uint64)
    footprint = _column(features, "footprint_area")
    unmeasured = np.isnan(footprint)
    if bool(unmeasured.any()):
        shapes = np.array([item.geometry for item in features], dtype=object)
        footprint[unmeasured] = areas_m2(shapes[unmeasured])
    height = _column(features, "height")
    levels = _column(features, "levels")
    from_height = np.isnan(levels) & (height > 0)
    levels[from_height] = np.maximum(np.round(height[from_height] / _METRES_PER_LEVEL), 1.0)
    index, rule = _classes(features, stock, keys, footprint, levels)
    known = ~np.isnan(levels)
    levels = np.where(known, levels, _take(classes, index, "levels_typical", 3.0))
    floor = footprint * np.maximum(levels, 1.0)
    households = _households(features, classes, index, floor)
    per_unit = _take(classes, index, "households_per_unit", 1.0)
    units = np.where(index >= 0, households / per_unit, floor / stock.other_unit_floor_m2)
    years = _column(features, "construction_year")
    shares = _take(classes, index, "retrofit_share", stock.other_retrofit_share)
    retrofitted = draws(keys, "retrofit") < shares
    retrofitted |= years >= stock.modern_from_year
    for row, feature in enumerate(features):
        said = feature.attributes.get("retrofitted")
        if said is not None:
            retrofitted[row] = bool(said.value)
    return Dwellings(
        features,
        keys,
        index,
        rule,
        footprint,
        levels.astype(np.int64),
        known,
        households,
        np.maximum(np.round(units), 1).astype(np.int64),
        retrofitted,
        draws(keys, "roof-tank") < _take(classes, index, "roof_tank_share", 0.0),
        _owners(classes, index, keys),
        np.array([_synthetic(item) for item in features], dtype=bool),
    )


def _households(
    features: Sequence[Feature], classes: Sequence[AgeClass], index: Counts, floor: Numbers
) -> Counts:
    share = _take(classes, index, "residential_floor_share", 0.0)
    each = _take(classes, index, "floor_m2_per_household", 1.0)
    inferred = np.where(index >= 0, np.maximum(np.round(floor * share / each), 1.0), 0.0)
    said = _column(features, "households")
    return np.where(np.isnan(said), inferred, said).astype(np.int64)


def _owners(classes: Sequence[AgeClass], index: Counts, keys: Keys) -> Counts:
    """Index of the owner [n]; the property company where nobody lives."""
    owner = np.full(len(index), _OWNERS.index("property_company"), dtype=np.int64)
    uniform = draws(keys, "owner")
    for number, item in enumerate(classes):
        mine = index == number
        shares = [float(getattr(item.owners, name)) for name in _OWNERS]
        owner[mine] = pick(uniform[mine], shares)
    return owner


def _synthetic(feature: Feature) -> bool:
    return any(item.provenance.synthetic for item in feature.attributes.values())


def long_axes(features: Sequence[Feature]) -> tuple[Numbers, Numbers, Numbers]:
    """Middle, half of the long axis and half of the short axis of each footprint.

    Returns:
        Three arrays [n, 2] in degrees of longitude and latitude; shapes that are not polygons
        have axes of length zero.
    """
    shapes = np.array([item.geometry for item in features], dtype=object)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    squeeze = np.array([np.cos(np.radians(np.nanmean(bounds[:, [1, 3]]))), 1.0])
    flat = shapely.transform(shapes, lambda points: points * squeeze)
    middle = shapely.get_coordinates(shapely.centroid(flat))
    long_half = np.zeros((len(shapes), 2))
    short_half = np.zeros((len(shapes), 2))
    boxes = shapely.oriented_envelope(flat)
    polygons = shapely.get_type_id(boxes) == 3
    if bool(polygons.any()):
        corners = shapely.get_coordinates(boxes[polygons]).reshape(-1, 5, 2)
        one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
        longer = np.hypot(*one.T) >= np.hypot(*two.T)
        middle[polygons] = (corners[:, 0] + corners[:, 2]) / 2
        long_half[polygons] = np.where(longer[:, None], one, two) / 2
        short_half[polygons] = np.where(longer[:, None], two, one) / 2
    return middle / squeeze, long_half / squeeze, short_half / squeeze
