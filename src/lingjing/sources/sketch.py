"""A synthetic district of true size and plausible make-up: never survey data, and labelled so.

Streets, blocks, buildings from lane houses to towers, facilities, depots and, through the stock
model, exposed assets. The same pack, scale and seed give the same features, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.packs import Pack
from lingjing.sources.sketch_buildings import Built, build
from lingjing.sources.sketch_features import PROVENANCE, SOURCE_NAME, Atlas
from lingjing.sources.sketch_ground import Ground, lay_ground
from lingjing.sources.sketch_plan import make_plan
from lingjing.sources.sketch_roads import Fronts, road_features
from lingjing.sources.sketch_uses import LandUse, Quarters, land_uses
from lingjing.sources.stock import describe_buildings, infer_assets, infer_depots
from lingjing.vocabulary import Attribute, AttributeValue, LingjingError, Provenance

SYNTHETIC_ATTRIBUTION = "合成数据 / synthetic data"
SMALLEST_SCALE = 0.005
LARGEST_SCALE = 20.0

_BLOCKS_AT_A_TIME = 64
# Facilities that take one building of a block of dwellings, as a share of blocks.
_FACILITY_SHARES = {"market": 0.045, "nursing_home": 0.05, "fire_station": 0.009, "shelter": 0.002}
_FACILITY_USE = {
    "market": "commercial",
    "nursing_home": "public",
    "fire_station": "public",
    "shelter": "public",
}
_BEDS = {"hospital": (200, 900), "nursing_home": (60, 220), "shelter": (30, 60)}
_DWELLINGS = ("lilong", "workers_village", "reform_walkup", "commodity_midrise", "tower")


def sketch_district(pack: Pack, scale: float, seed: int) -> Batch:
    """A synthetic district.

    Args:
        pack: The district pack; its `sketch` table gives shape and make-up.
        scale: Share of the true area, 0.005 to 20; densities stay the same. At scale 1 about
            12,000 buildings, 3,000 road segments and 100,000 exposed assets.
        seed: Of all draws, zero or more.

    Returns:
        A batch named `sketch` whose features stream: sub-districts, buildings with their assets
        and facilities block by block, depots, roads. Everything is marked synthetic.

    Raises:
        LingjingError: `packs.sketch-scale`, `packs.sketch-seed`.
    """
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise LingjingError(
            "packs.sketch-scale", scale=f"{scale:g}", lower=SMALLEST_SCALE, upper=LARGEST_SCALE
        )
    if seed < 0:
        raise LingjingError("packs.sketch-seed", seed=seed)
    report = ImportReport()
    return Batch(
        SOURCE_NAME,
        _Sketcher(pack, scale, seed, report).features(),
        PROVENANCE,
        SYNTHETIC_ATTRIBUTION,
        "unstated",
        pack.sha256,
        report,
    )


@dataclass
class _Sketcher:
    pack: Pack
    scale: float
    seed: int
    report: ImportReport

    def features(self) -> Iterator[Feature]:
        """All features, counted in the report as they go."""
        for feature in self._all():
            self.report.keep(feature.kind)
            yield feature

    def _rng(self, *stream: int) -> Generator:
        """An independent generator for one purpose."""
        return np.random.default_rng([self.seed, *stream])

    def _all(self) -> Iterator[Feature]:
        content, scale = self.pack.content, self.scale
        atlas = Atlas(self.pack, scale)
        phases = self._rng(1).uniform(0.0, 2.0 * np.pi, 4)
        plan = make_plan(content.sketch, content.area_km2 * 1e6 * scale, scale, self._rng(2))
        schematic = np.array([item.schematic_centre for item in content.sub_districts])
        centres = atlas.metres(schematic) * np.sqrt(scale)
        ground = lay_ground(plan, content, scale, centres, phases)
        names = [content.sub_districts[int(item)].name_zh for item in ground.sub_district]
        middles = shapely.get_coordinates(shapely.centroid(ground.blocks))
        uses = land_uses(middles, self._quarters(ground), self._rng(3))
        yield from self._sub_districts(ground, atlas, centres)
        fronts = Fronts(np.zeros(len(uses)), np.zeros(len(uses)))
        facilities = self._facility_blocks(uses)
        yield from self._built_up(ground, atlas, uses, names, facilities, fronts)
        yield from self._depots(ground, atlas)
        yield from road_features(ground, fronts, atlas, names, self._rng(5))

    def _quarters(self, ground: Ground) -> Quarters:
        """Parts of the district; the river bank is the outline's `secondary` side."""
        bank = [
            ground.places[[segment.start, segment.end]].mean(axis=0)
            for segment in ground.segments.values()
            if ground.street(segment).family == "edge"
            and ground.street(segment).road_class == "secondary"
        ]
        river = np.array(bank).reshape(-1, 2) if bank else np.full((1, 2), np.inf)
        return Quarters(self.pack.content.sketch, 1000.0 * np.sqrt(self.scale), river)

    def _sub_districts(
        self, ground: Ground, atlas: Atlas, centres: NDArray[np.float64]
    ) -> Iterator[Feature]:
        """Sub-districts that tile the district: unions of blocks, or cells around the centres."""
        blocks = atlas.on_globe(ground.blocks)
        whole = shapely.union_all(blocks)
        if not ground.connected:
            points = shapely.multipoints(atlas.degrees(centres))
            cells = shapely.get_parts(
                shapely.voronoi_polygons(points, extend_to=whole, ordered=True)
            )
        for number, item in enumerate(self.pack.content.sub_districts):
            if ground.connected:
                shape = shapely.union_all(blocks[ground.sub_district == number])
            else:
                shape = shapely.intersection(cells[number], whole)
            if shape.is_empty:
                self.report.drop("outside-the-outline", item.id)
                continue
            values: dict[str, AttributeValue] = {"name": item.name_zh, "name_en": item.name_en}
            if item.phone is not None:
                values["phone"] = item.phone
            yield Feature("SubDistrict", item.id, shape, atlas.attributes(values))

    def _facility_blocks(self, uses: list[LandUse]) -> dict[int, str]:
        """Which blocks have which facility."""
        found: dict[int, str] = {
            index: use for index, use in enumerate(uses) if use in ("school", "hospital")
        }
        free = [index for index, use in enumerate(uses) if use in _DWELLINGS]
        order = [free[int(index)] for index in self._rng(4).permutation(len(free))]
        for kind, share in _FACILITY_SHARES.items():
            for _ in range(max(1, round(share * len(uses)))):
                if order:
                    found[order.pop()] = kind
        return found

    def _built_up(
        self,
        ground: Ground,
        atlas: Atlas,
        uses: list[LandUse],
        names: list[str],
        facilities: dict[int, str],
        fronts: Fronts,
    ) -> Iterator[Feature]:
        """Buildings with their assets and facilities, some blocks at a time."""
        area = shapely.area(ground.blocks)
        order = np.argsort(ground.parcel_block, kind="stable")
        first = np.searchsorted(ground.parcel_block[order], np.arange(len(uses) + 1))
        for start in range(0, len(uses), _BLOCKS_AT_A_TIME):
            buildings: list[Feature] = []
            places: list[Feature] = []
            for block in range(start, min(start + _BLOCKS_AT_A_TIME, len(uses))):
                rng = self._rng(6, block)
                mine = order[first[block] : first[block + 1]]
                made = [build(ground.parcels[index], uses[block], rng) for index in mine]
                parcels = [item for item in made if item is not None]
                if not parcels:
                    continue
                footprint = np.concatenate([shapely.area(item.shapes) for item in parcels])
                heights = np.concatenate([item.heights_m for item in parcels])
                fronts.height_m[block] = float((heights * footprint).sum() / footprint.sum())
                fronts.cover[block] = float(footprint.sum() / area[block])
                stand = _Stand(block, names[block], facilities.get(block), atlas, rng)
                stand.fill(parcels, buildings, places)
            described = list(describe_buildings(buildings, self.pack, self.seed))
            yield from described
            yield from places
            yield from infer_assets(described, self.pack, self.seed).features

    def _depots(self, ground: Ground, atlas: Atlas) -> Iterator[Feature]:
        bounds = shapely.total_bounds(ground.blocks).reshape(2, 2)
        west, south, east, north = atlas.degrees(bounds).ravel()
        plan = infer_depots((float(west), float(south), float(east), float(north)), self.pack)
        for depot in plan.features:
            attributes = {
                name: Attribute(
                    item.value,
                    Provenance(
                        item.provenance.kind,
                        item.provenance.source,
                        item.provenance.rule,
                        item.provenance.confidence,
                        synthetic=True,
                    ),
                )
                for name, item in depot.attributes.items()
            }
            yield Feature(depot.kind, depot.local, depot.geometry, attributes)


@dataclass
class _Stand:
    """The buildings and the facility of one block."""

    block: int
    sub_district: str
    facility: str | None
    atlas: Atlas
    rng: Generator

    def fill(self, parcels: list[Built], buildings: list[Feature], places: list[Feature]) -> None:
        """Append features for everything on the block."""
        number = 0
        waiting = self.facility
        for parcel in parcels:
            shapes = self.atlas.on_globe(parcel.shapes)
            areas = shapely.area(parcel.shapes)
            for row in range(len(shapes)):
                number += 1
                local = f"building-{self.block}-{number}"
                values: dict[str, AttributeValue] = {
                    "use": parcel.uses[row],
                    "height": float(parcel.heights_m[row]),
                    "levels": float(parcel.levels[row]),
                    "footprint_area": round(float(areas[row]), 1),
                    "construction_year": float(parcel.years[row]),
                    "sub_district": self.sub_district,
                }
                age_class = parcel.age_classes[row]
                if waiting is not None:
                    places.append(self._facility(waiting, shapes[row], local))
                    values["use"] = _FACILITY_USE.get(waiting, parcel.uses[row])
                    if waiting in _FACILITY_USE:
                        age_class = None
                    waiting = None
                values["age_class"] = age_class or "other"
                buildings.append(
                    Feature("Building", local, shapes[row], self.atlas.attributes(values))
                )

    def _facility(self, kind: str, shape: shapely.Polygon, building: str) -> Feature:
        sketch = self.atlas.pack.content.sketch
        values: dict[str, AttributeValue] = {
            "name": sketch.facility_zh[kind].format(number=self.block),
            "name_en": sketch.facility_en[kind].format(number=self.block),
            "facility_kind": kind,
            "sub_district": self.sub_district,
        }
        if kind in _BEDS:
            values["beds"] = float(self.rng.integers(*_BEDS[kind]))
        return Feature(
            "Facility",
            f"facility-{self.block}",
            shapely.point_on_surface(shape),
            self.atlas.attributes(values),
            {"building": ("Building", building)},
        )
