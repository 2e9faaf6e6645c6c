"""District packs: what a district is told about itself, as data (`districts/<pack>/pack.toml`).

The structures below are the schema; `docs/reference/district-packs.md` explains every field.
"""

# Field names carry units as they are written (°C, W/mK).
# ruff: noqa: N815
from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta

from lingjing.vocabulary import LingjingError, Place, kinds, words

SCHEMA = 1
PACK_FILE = "pack.toml"

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]*$")]
Coordinate = tuple[Annotated[float, Meta(ge=-180, le=180)], Annotated[float, Meta(ge=-90, le=90)]]
Level = Literal["blue", "yellow", "orange", "red"]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the pack; unknown fields are refused."""


class Sourced(Table, frozen=True, kw_only=True):
    """A table that says where its numbers come from and how far to trust them."""

    source: str
    confidence: Share


class SubDistrict(Table, frozen=True, kw_only=True):
    """A sub-district, with a rough centre that is not survey data."""

    id: Name
    name_zh: str
    name_en: str
    schematic_centre: Coordinate
    phone: str | None = None


class Hotline(Table, frozen=True, kw_only=True):
    """A public telephone number."""

    id: Name
    phone: str
    title_zh: str
    title_en: str
    source: str


class Condition(Table, frozen=True, kw_only=True):
    """One bound of a warning signal."""

    measure: Name
    unit: str
    at_least: float | None = None
    at_most: float | None = None


class Signal(Sourced, frozen=True, kw_only=True):
    """A level of a warning signal; all its conditions must hold."""

    id: Name
    level: Level
    title_zh: str
    title_en: str
    region: str
    version: str
    conditions: Annotated[list[Condition], Meta(min_length=1)]


class WakePipes(Sourced, frozen=True, kw_only=True):
    """Air temperatures at which pipes are watched and acted upon."""

    act_air_temperature_C: float
    watch_air_temperature_C: float


class WakeRoads(Sourced, frozen=True, kw_only=True):
    """When roads are watched."""

    surface_temperature_C: float
    watch_air_temperature_C: float
    precipitation_mm: NonNegative


class Wake(Table, frozen=True, kw_only=True):
    """Alert thresholds that wake a scenario."""

    pipes: WakePipes
    roads: WakeRoads


class RoadWeights(Table, frozen=True, kw_only=True):
    """Harm of an icy road segment."""

    per_1000_vehicles: NonNegative
    bridge_factor: Positive
    ramp_factor: Positive
    class_factor: dict[str, NonNegative]
    care_factor: Positive | None = None
    care_radius_m: NonNegative | None = None
    on_foot: NonNegative | None = None
    on_foot_steps: NonNegative | None = None


class Weights(Sourced, frozen=True, kw_only=True):
    """Harm in household-equivalents."""

    note_zh: str
    note_en: str
    events: dict[str, NonNegative]
    facilities: dict[str, NonNegative]
    roads: RoadWeights


class Roads(Sourced, frozen=True, kw_only=True):
    """What to take for a road of which only the class is known."""

    traffic_volume_per_day: dict[str, NonNegative]
    width_m: dict[str, Positive]


class DepotSite(Table, frozen=True, kw_only=True):
    """One depot of the plan."""

    id: Name
    name_zh: str
    name_en: str
    at: tuple[Share, Share]
    share: Share


class Depots(Sourced, frozen=True, kw_only=True):
    """Depots and their stock, where neither map nor inventory has any."""

    salt_t: NonNegative
    straw_mats: NonNegative
    crews: NonNegative
    shift_hours: Annotated[float, Meta(gt=0, le=24)] | None = None
    sites: Annotated[list[DepotSite], Meta(min_length=1)]


class Owners(Table, frozen=True, kw_only=True):
    """Who runs the supply inside a building, as shares of buildings."""

    water_company: Share
    property_company: Share
    resident: Share


class AgeClass(Sourced, frozen=True, kw_only=True):
    """An age class of residential building."""

    id: str
    title_zh: str
    title_en: str
    from_year: int
    to_year: int
    share: Share
    levels_low: Annotated[int, Meta(ge=1)]
    levels_typical: Annotated[int, Meta(ge=1)]
    levels_high: Annotated[int, Meta(ge=1)]
    floor_m2_per_household: Positive
    residential_floor_share: Share
    households_per_unit: Positive
    retrofit_share: Share
    roof_tank_share: Share
    owners: Owners


class InsulationSet(Sourced, frozen=True, kw_only=True):
    """Sound insulation found on assets, before and after the retrofit, as shares of assets."""

    thickness_mm: Annotated[list[NonNegative], Meta(min_length=1)]
    before: list[Share]
    after: list[Share]
    conductivity_W_mK: Positive


class AssetRule(Sourced, frozen=True, kw_only=True):
    """Which exposed assets a building has, and what they are like."""

    id: Name
    kind: str
    classes: Annotated[list[str], Meta(min_length=1)]
    per: Literal["building", "unit", "households"]
    every: Positive = 1.0
    share: Share = 1.0
    on_roof_tank_buildings: bool = False
    location: str
    material: str
    material_retrofitted: str | None = None
    inner_diameter_mm: Positive | None = None
    wall_thickness_mm: Positive | None = None
    insulation: str
    wind_exposure: Share
    enclosure_lag_h: Annotated[float, Meta(ge=0, le=72)]
    supply_temperature_C: Annotated[float, Meta(ge=0, le=40)]
    length_per_level_m: Positive | None = None
    volume_m3: Positive | None = None
    water_depth_m: Positive | None = None
    serves_households: bool = True
    owner: str


class Stock(Sourced, frozen=True, kw_only=True):
    """Assumptions of the stock model."""

    modern_from_year: int
    persons_per_household: Positive
    other_unit_floor_m2: Positive
    other_retrofit_share: Share
    design_point_before_C: float
    design_point_after_C: float
    age_classes: Annotated[list[AgeClass], Meta(min_length=1)]
    insulation: dict[str, InsulationSet]
    assets: Annotated[list[AssetRule], Meta(min_length=1)]


class Ranking(Table, frozen=True, kw_only=True):
    """Constants of the ranking, where the district differs from the defaults."""

    source: str
    mobilisation_hours: NonNegative | None = None
    half_life_hours: Positive | None = None
    late_share: Share | None = None
    unknown_share: Share | None = None


Point = tuple[float, float]
Circle = tuple[float, float, float]


class Sketch(Table, frozen=True, kw_only=True):
    """Shape and make-up of the synthetic district."""

    outline_km: Annotated[list[Point], Meta(min_length=3)]
    river_edges: list[int]
    grid_rotation_deg: float
    arterial_spacing_m: Positive
    block_area_m2: Positive
    creeks_km: list[Annotated[list[Point], Meta(min_length=2)]]
    campus_km: list[Circle]
    centre_km: Circle
    old_quarter_km: Circle
    new_town_km: Circle
    workers_villages_km: Circle
    street_zh: str
    street_en: str
    avenue_zh: str
    avenue_en: str
    elevated_zh: str
    elevated_en: str
    ramp_zh: str
    ramp_en: str
    facility_zh: dict[str, str]
    facility_en: dict[str, str]


class PackContent(Sourced, frozen=True, kw_only=True):
    """The whole of `pack.toml`."""

    schema: Literal[1]
    name: Name
    title_zh: str
    title_en: str
    time_zone: str
    centre: Coordinate
    bounds: tuple[float, float, float, float]
    residents: Positive
    area_km2: Positive
    sub_districts: Annotated[list[SubDistrict], Meta(min_length=1)]
    hotlines: list[Hotline]
    signals: Annotated[list[Signal], Meta(min_length=1)]
    wake: Wake
    weights: Weights
    roads: Roads
    depots: Depots
    stock: Stock
    sketch: Sketch
    ranking: Ranking | None = None
    thresholds: dict[str, float] = {}


@dataclass(frozen=True)
class Pack:
    """A district pack that was read and checked.

    Attributes:
        name: Its name, as on the command line.
        title_zh, title_en: Titles for people.
        settings: Everything the file says, as plain values; becomes `District.settings`.
        content: The same, typed.
        sha256: Hash of the file.
    """

    name: str
    title_zh: str
    title_en: str
    settings: dict[str, Any]
    content: PackContent
    sha256: str


def _root() -> Path | None:
    """Folder that holds the packs: inside the installed package, else beside `src/`."""
    packaged = Path(str(resources.files("lingjing"))) / "districts"
    checkout = Path(__file__).resolve().parents[3] / "districts"
    return next((folder for folder in (packaged, checkout) if folder.is_dir()), None)


def list_packs() -> list[str]:
    """Names of the packs that come with the package, sorted."""
    root = _root()
    if root is None:
        return []
    return sorted(page.parent.name for page in root.glob(f"*/{PACK_FILE}"))


def load_pack(name_or_path: str | Path) -> Pack:
    """Read and check a pack.

    Args:
        name_or_path: Path of a pack's folder or of its `pack.toml`, or the name of one that comes
            with the package.

    Raises:
        LingjingError: `packs.unknown` (naming those available), `packs.not-toml`,
            `packs.unknown-field`, `packs.missing-field`, `packs.bad-value`, `packs.shares`,
            `packs.inconsistent`; each with file and field.
    """
    page = _find(name_or_path)
    data = page.read_bytes()
    try:
        settings = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LingjingError("packs.not-toml", Place(file=str(page)), detail=error) from error
    try:
        content = msgspec.convert(settings, PackContent)
    except msgspec.ValidationError as error:
        _refuse(page, str(error))
    _check(page, content)
    digest = hashlib.sha256(data).hexdigest()
    return Pack(content.name, content.title_zh, content.title_en, settings, content, digest)


def _find(name_or_path: str | Path) -> Path:
    given = Path(name_or_path)
    for page in (given, given / PACK_FILE):
        if page.is_file():
            return page
    root = _root()
    if root is not None and given.name == str(name_or_path):
        page = root / given.name / PACK_FILE
        if page.is_file():
            return page
    available = ", ".join(list_packs()) or "—"
    raise LingjingError("packs.unknown", name=str(name_or_path), available=available)


_AT = re.compile(r" - at `\$\.?(?P<at>.*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")


def _refuse(page: Path, message: str) -> NoReturn:
    """Turn a message of the validator into an error with file and field."""
    at = _AT.search(message)
    where = at["at"] if at else ""
    detail = message[: at.start()] if at else message
    for code, pattern in (("packs.unknown-field", _UNKNOWN), ("packs.missing-field", _MISSING)):
        found = pattern.search(detail)
        if found:
            field = f"{where}.{found['name']}".lstrip(".")
            raise LingjingError(code, Place(file=str(page), field=field), name=found["name"])
    raise LingjingError("packs.bad-value", Place(file=str(page), field=where), detail=detail)


def _check(page: Path, content: PackContent) -> None:
    """Rules that span fields: shares that sum to 1, words that exist, bounds in order."""
    west, south, east, north = content.bounds
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise _wrong(page, "bounds", "west < east, south < north")
    _check_shares(page, content)
    _check_words(page, content)
    _check_complete(page, content)
    for number, signal in enumerate(content.signals):
        for condition in signal.conditions:
            if (condition.at_least is None) == (condition.at_most is None):
                raise _wrong(page, f"signals[{number}].conditions", "at_least | at_most")
    ids = [item.id for item in content.sub_districts]
    if len(set(ids)) != len(ids):
        raise _wrong(page, "sub_districts", "id")


def _wrong(page: Path, field: str, detail: str) -> LingjingError:
    return LingjingError("packs.inconsistent", Place(file=str(page), field=field), detail=detail)


def _check_shares(page: Path, content: PackContent) -> None:
    stock = content.stock
    sums = {
        "stock.age_classes.share": sum(item.share for item in stock.age_classes),
        "depots.sites.share": sum(item.share for item in content.depots.sites),
    }
    for item in stock.age_classes:
        owners = item.owners
        total = owners.water_company + owners.property_company + owners.resident
        sums[f"stock.age_classes.{item.id}.owners"] = total
    for name, table in stock.insulation.items():
        for when, shares in (("before", table.before), ("after", table.after)):
            if len(shares) != len(table.thickness_mm):
                raise _wrong(page, f"stock.insulation.{name}.{when}", "thickness_mm")
            sums[f"stock.insulation.{name}.{when}"] = sum(shares)
    for field, total in sums.items():
        if abs(total - 1.0) > 1e-6:
            place = Place(file=str(page), field=field)
            raise LingjingError("packs.shares", place, total=f"{total:g}")


def _check_words(page: Path, content: PackContent) -> None:
    """Refuse classes, kinds, materials, places and owners that the vocabulary does not have."""
    classes = set(words()["age_class"].choices)
    known = {item.id for item in content.stock.age_classes}
    owners = {*words()["owner"].choices, "by_building"}
    given: list[tuple[str, str, set[str]]] = [
        ("stock.age_classes.id", item.id, classes - {"other"}) for item in content.stock.age_classes
    ]
    for rule in content.stock.assets:
        field = f"stock.assets.{rule.id}"
        materials = [rule.material, rule.material_retrofitted or rule.material]
        exposed = {kind.name for kind in kinds().values() if kind.exposed}
        given += [(f"{field}.classes", item, {*known, "other"}) for item in rule.classes]
        given += [
            (f"{field}.material", item, set(words()["material"].choices)) for item in materials
        ]
        given.append((f"{field}.kind", rule.kind, exposed - {"RoadSegment", "WaterPipe"}))
        given.append((f"{field}.location", rule.location, set(words()["location"].choices)))
        given.append((f"{field}.insulation", rule.insulation, set(content.stock.insulation)))
        given.append((f"{field}.owner", rule.owner, owners))
        if (rule.kind == "WaterTank") != (rule.inner_diameter_mm is None) or (
            rule.kind == "WaterTank"
        ) != (rule.volume_m3 is not None):
            raise _wrong(page, field, "WaterTank: volume_m3; others: inner_diameter_mm")
    for field, value, allowed in given:
        if value not in allowed:
            raise _wrong(page, field, f"{value!r}: {', '.join(sorted(allowed))}")


def _check_complete(page: Path, content: PackContent) -> None:
    """Refuse tables by class or kind that lack a word of the vocabulary, or have one too many."""
    tables: dict[str, tuple[Iterable[str], str]] = {
        "weights.facilities": (content.weights.facilities, "facility_kind"),
        "weights.roads.class_factor": (content.weights.roads.class_factor, "road_class"),
        "roads.width_m": (content.roads.width_m, "road_class"),
        "roads.traffic_volume_per_day": (content.roads.traffic_volume_per_day, "road_class"),
        "sketch.facility_zh": (content.sketch.facility_zh, "facility_kind"),
        "sketch.facility_en": (content.sketch.facility_en, "facility_kind"),
    }
    for field, (given, word) in tables.items():
        expected = words()[word].choices
        if set(given) != set(expected):
            raise _wrong(page, field, ", ".join(expected))
