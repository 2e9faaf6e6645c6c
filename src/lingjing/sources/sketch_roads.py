"""Roads of the synthetic district: at grade, bridges, underpasses, elevated roads, ramps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from lingjing.sources.batches import Feature
from lingjing.sources.sketch_features import Atlas
from lingjing.sources.sketch_ground import SETBACK_M, Ground, Segment
from lingjing.sources.sketch_plan import Street
from lingjing.vocabulary import AttributeValue

Points = NDArray[np.float64]

_LANES = {"motorway": 6, "primary": 6, "secondary": 4, "tertiary": 2, "residential": 2}
_SPEED_KM_H = {"motorway": 80, "primary": 60, "secondary": 50, "tertiary": 40, "residential": 30}
_CONCRETE_SHARE = {"primary": 0.02, "secondary": 0.05, "tertiary": 0.15, "residential": 0.35}
_BRIDGE_HALF_M = 18.0
_SHORTEST_PIECE_M = 15.0
_BESIDE_M = 10.0
_RAMP_BESIDE_M = 19.0
_ELEVATED_STEP = 3
_RAMP_WIDTH_M = 8.0
_UNDERPASSES = 4
# Share of a street front that façades close, per share of ground that is built on.
_FRONTAGE_PER_COVER = 2.6
_UNDER_ELEVATED_SKY = 0.55


@dataclass(frozen=True)
class Fronts:
    """Buildings along the streets, block by block.

    Attributes:
        height_m: Mean height of each block's buildings, weighted with their footprint [b] [m].
        cover: Share of each block that is built on [b].
    """

    height_m: NDArray[np.float64]
    cover: NDArray[np.float64]


def sky_view_factor(
    width_m: NDArray[np.float64] | float,
    height_m: NDArray[np.float64] | float,
    closed: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Share of sky seen from the middle of a street, for one side of it.

    The long symmetrical canyon gives cos(atan(2 H / W)); gaps between façades see the open sky.

    Args:
        width_m: Between façades W [m].
        height_m: Of the façades H [m].
        closed: Share of the front that façades close, 0 to 1.

    Reference: Oke, Canyon geometry and the nocturnal urban heat island, J. Climatol. 1 (1981) 237,
    doi:10.1002/joc.3370010304.

    >>> float(sky_view_factor(20.0, 10.0, 1.0).round(4))
    0.7071
    """
    canyon = np.cos(np.arctan2(2.0 * np.asarray(height_m), np.asarray(width_m)))
    return np.asarray(closed * canyon + (1.0 - np.asarray(closed)))


def road_features(
    ground: Ground, fronts: Fronts, atlas: Atlas, names: list[str], rng: Generator
) -> Iterator[Feature]:
    """All road segments.

    Args:
        ground: The laid-out ground.
        fronts: Buildings along the streets.
        atlas: Place on the globe.
        names: Name of each block's sub-district [b], empty where it has none.
        rng: Of the roads.
    """
    desk = _RoadDesk(ground, fronts, atlas, names, rng)
    yield from desk.at_grade()
    yield from desk.elevated()


@dataclass
class _RoadDesk:
    ground: Ground
    fronts: Fronts
    atlas: Atlas
    names: list[str]
    rng: Generator

    def at_grade(self) -> Iterator[Feature]:
        """Street segments; those that meet a creek are divided into approach, bridge, approach."""
        ground = self.ground
        keys = sorted(ground.segments)
        ends = ground.places[np.array(keys)]
        lines = shapely.linestrings(ends)
        crossed: dict[int, float] = {}
        for creek in ground.creeks:
            shapely.prepare(creek)
            for hit in np.flatnonzero(shapely.intersects(creek, lines)):
                meeting = shapely.get_coordinates(shapely.intersection(creek, lines[hit]))[0]
                crossed[int(hit)] = float(np.hypot(*(meeting - ends[hit, 0])))
        sky = self._sky(keys)
        noise = self.rng.lognormal(0.0, 0.25, len(keys))
        concrete = self.rng.random(len(keys))
        under = self._underpasses(keys)
        for index, key in enumerate(keys):
            segment = ground.segments[key]
            street = ground.street(segment)
            values = self._street_values(street, noise[index], concrete[index])
            values["sky_view_factor"] = round(float(sky[index]), 3)
            self._place(values, segment)
            if index in under:
                values |= {"tunnel": True, "sky_view_factor": 0.0}
            yield from self._pieces(key, ends[index], crossed.get(index), values)

    def _pieces(
        self,
        key: tuple[int, int],
        ends: Points,
        meeting: float | None,
        values: dict[str, AttributeValue],
    ) -> Iterator[Feature]:
        start, end = ends
        nodes = (f"n{key[0]}", f"n{key[1]}")
        length = float(np.hypot(*(end - start)))
        local = f"road-{key[0]}-{key[1]}"
        if meeting is None:
            yield self._feature(local, ends, nodes, values)
            return
        over: dict[str, AttributeValue] = {**values, "bridge": True, "surface": "asphalt"}
        low, high = meeting - _BRIDGE_HALF_M, meeting + _BRIDGE_HALF_M
        cuts = [0.0]
        cuts += [cut for cut in (low, high) if _SHORTEST_PIECE_M < cut < length - _SHORTEST_PIECE_M]
        cuts.append(length)
        along = (end - start) / length
        places = [start, *(start + along * cut for cut in cuts[1:-1]), end]
        labels = [nodes[0], *(f"b{key[0]}-{key[1]}-{i}" for i in range(1, len(cuts) - 1)), nodes[1]]
        for piece in range(len(cuts) - 1):
            on_bridge = cuts[piece] <= meeting <= cuts[piece + 1]
            yield self._feature(
                f"{local}-{piece + 1}",
                np.array(places[piece : piece + 2]),
                (labels[piece], labels[piece + 1]),
                over if on_bridge else values,
            )

    def _street_values(
        self, street: Street, noise: float, concrete: float
    ) -> dict[str, AttributeValue]:
        sketch, roads = self.atlas.pack.content.sketch, self.atlas.pack.content.roads
        wide = street.family != "street"
        zh, en = (
            (sketch.avenue_zh, sketch.avenue_en) if wide else (sketch.street_zh, sketch.street_en)
        )
        number = street.number + (100 if street.family == "edge" else 0)
        kind = street.road_class
        return {
            "name": zh.format(number=number),
            "name_en": en.format(number=number),
            "road_class": kind,
            "width": roads.width_m[kind],
            "lanes": float(_LANES[kind]),
            "speed_limit": float(_SPEED_KM_H[kind]),
            "traffic_volume": float(round(roads.traffic_volume_per_day[kind] * noise, -2)),
            "surface": "concrete" if concrete < _CONCRETE_SHARE[kind] else "asphalt",
            "bridge": False,
            "tunnel": False,
            "ramp": False,
            "oneway": False,
        }

    def _place(self, values: dict[str, AttributeValue], segment: Segment) -> None:
        name = self.names[segment.blocks[0]]
        if name:
            values["sub_district"] = name

    def _sky(self, keys: list[tuple[int, int]]) -> NDArray[np.float64]:
        """Sky-view factor of each segment: mean of its two sides; a side without block is open."""
        ground = self.ground
        widths = self.atlas.pack.content.roads.width_m
        classes = [ground.street(ground.segments[key]).road_class for key in keys]
        between = np.array([widths[item] + 2 * SETBACK_M[item] for item in classes])
        total = np.zeros(len(keys))
        for side in (0, 1):
            blocks = np.array(
                [
                    ground.segments[key].blocks[side]
                    if len(ground.segments[key].blocks) > side
                    else -1
                    for key in keys
                ]
            )
            closed = np.minimum(self.fronts.cover[blocks] * _FRONTAGE_PER_COVER, 0.9)
            half = sky_view_factor(between, self.fronts.height_m[blocks], closed)
            total += np.where(blocks >= 0, half, 1.0)
        covered = np.array([key in ground.under for key in keys])
        return np.asarray(total / 2 * np.where(covered, _UNDER_ELEVATED_SKY, 1.0))

    def _underpasses(self, keys: list[tuple[int, int]]) -> set[int]:
        """A few segments of main roads in the centre that pass below ground."""
        grown = 1000.0 * np.sqrt(self.atlas.scale)
        circle = np.array(self.atlas.pack.content.sketch.centre_km)
        places = self.ground.places[np.array(keys)]
        far = np.hypot(*(places.mean(axis=1) - circle[:2] * grown).T)
        length = np.hypot(*(places[:, 1] - places[:, 0]).T)
        main = [
            index
            for index in np.argsort(far, kind="stable")
            if self.ground.street(self.ground.segments[keys[index]]).family in ("east", "north")
            and keys[index] not in self.ground.under
            and length[index] > 60.0
        ]
        wanted = max(1, min(_UNDERPASSES, len(keys) // 300))
        taken: set[int] = set()
        touched: set[int] = set()
        for index in main:
            if len(taken) < wanted and touched.isdisjoint(keys[index]):
                taken.add(int(index))
                touched.update(keys[index])
        return taken

    def elevated(self) -> Iterator[Feature]:
        """Elevated roads beside the streets they follow, and the ramps that join them."""
        for number, path in enumerate(self.ground.elevated, start=1):
            places = self.ground.places[path]
            deck = _beside(places, _BESIDE_M)
            stops = list(range(0, len(path), _ELEVATED_STEP))
            if stops[-1] != len(path) - 1:
                stops.append(len(path) - 1)
            values = self._deck_values(number)
            for one, two in pairwise(stops):
                self._place(values, self._below(path, one))
                yield self._feature(
                    f"elevated-{number}-{one}",
                    deck[one : two + 1],
                    (f"e{number}-{one}", f"e{number}-{two}"),
                    values,
                )
            yield from self._ramps(number, path, stops, deck)

    def _below(self, path: list[int], index: int) -> Segment:
        one, two = sorted(path[index : index + 2])
        return self.ground.segments[(one, two)]

    def _deck_values(self, number: int) -> dict[str, AttributeValue]:
        sketch, roads = self.atlas.pack.content.sketch, self.atlas.pack.content.roads
        return {
            "name": sketch.elevated_zh.format(number=number),
            "name_en": sketch.elevated_en.format(number=number),
            "road_class": "motorway",
            "width": roads.width_m["motorway"],
            "lanes": float(_LANES["motorway"]),
            "speed_limit": float(_SPEED_KM_H["motorway"]),
            "traffic_volume": roads.traffic_volume_per_day["motorway"],
            "surface": "asphalt",
            "bridge": True,
            "tunnel": False,
            "ramp": False,
            "oneway": False,
            "sky_view_factor": 0.95,
        }

    def _ramps(
        self, number: int, path: list[int], stops: list[int], deck: Points
    ) -> Iterator[Feature]:
        """At every stop a ramp up from the junction before and one down to the junction after."""
        sketch, roads = self.atlas.pack.content.sketch, self.atlas.pack.content.roads
        outer = _beside(self.ground.places[path], _RAMP_BESIDE_M)
        for stop in stops:
            for other in (stop - 1, stop + 1):
                if not 0 <= other < len(path):
                    continue
                label = f"{number}-{stop}-{other}"
                values: dict[str, AttributeValue] = {
                    **self._deck_values(number),
                    "name": sketch.ramp_zh.format(number=label),
                    "name_en": sketch.ramp_en.format(number=label),
                    "road_class": "trunk",
                    "width": _RAMP_WIDTH_M,
                    "lanes": 2.0,
                    "speed_limit": 40.0,
                    "traffic_volume": round(roads.traffic_volume_per_day["motorway"] * 0.12, -2),
                    "ramp": True,
                    "oneway": True,
                    "sky_view_factor": 0.9,
                }
                self._place(values, self._below(path, min(stop, other)))
                middle = 0.5 * (outer[stop] + outer[other])
                line = np.array([self.ground.places[path[other]], middle, deck[stop]])
                nodes = (f"n{path[other]}", f"e{number}-{stop}")
                if other > stop:
                    line, nodes = line[::-1], (nodes[1], nodes[0])
                yield self._feature(f"ramp-{label}", line, nodes, values)

    def _feature(
        self, local: str, line: Points, nodes: tuple[str, str], values: dict[str, AttributeValue]
    ) -> Feature:
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        attributes = self.atlas.attributes(
            {**values, "length": round(length, 1), "from_node": nodes[0], "to_node": nodes[1]}
        )
        shape = shapely.linestrings(self.atlas.degrees(line))
        return Feature("RoadSegment", local, shape, attributes)


def _beside(places: Points, distance_m: float) -> Points:
    """A line [n, 2] moved to its left [m]; its points stay one to one."""
    along = np.gradient(places, axis=0)
    along /= np.hypot(*along.T)[:, None]
    return places + np.column_stack([-along[:, 1], along[:, 0]]) * distance_m
