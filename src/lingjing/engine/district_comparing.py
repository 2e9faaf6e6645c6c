"""What an import finds when it looks at what the district holds already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.engine.district_features import urn
from lingjing.sources.batches import Feature, ImportReport
from lingjing.sources.comparing import Comparison, compare, doubles, there_already
from lingjing.twin import Store, TwinView
from lingjing.vocabulary import LOCALES, LingjingError, Place, catalogue

ON_FOOT: Final = ("pedestrian", "steps")
STANDS_ALREADY: Final = "stands-already"
_DIRECTIONS: Final = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")


@dataclass(frozen=True)
class Held:
    """What a district holds.

    Attributes:
        ids: Ids of everything, where they were asked for.
        buildings: Footprints [n].
        roads: Lines of roads for vehicles, tunnels left out.
    """

    ids: frozenset[str]
    buildings: NDArray[np.object_]
    roads: NDArray[np.object_]

    @classmethod
    def of(cls, store: Store, district: str, *, with_ids: bool) -> Held | None:
        """None where there is no such district, or one that is made up.

        All ids are read only where they are asked for: a district may hold a million things.
        """
        known = {item.name: item for item in store.districts()}
        if district not in known or known[district].synthetic:
            return None
        twin = store.twin(district)
        ids = frozenset(
            str(item) for kind in (twin.kinds() if with_ids else ()) for item in twin.view(kind).ids
        )
        buildings, roads = twin.view("Building"), twin.view("RoadSegment")
        empty = np.zeros(0, dtype=object)
        return cls(
            ids,
            np.asarray(shapely.from_wkb(buildings.wkb)) if len(buildings) else empty,
            _streets(roads) if len(roads) else empty,
        )


def _streets(roads: TwinView) -> NDArray[np.object_]:
    lines = np.asarray(shapely.from_wkb(roads.wkb))
    classes = roads.text("road_class")
    tunnels = roads.columns.get("tunnel", np.zeros(len(lines)))
    above = np.array(
        [
            word not in ON_FOOT and tunnel not in (True, 1.0)
            for word, tunnel in zip(classes, tunnels, strict=True)
        ],
        dtype=bool,
    )
    return np.asarray(lines[above], dtype=object)


def compare_with_held(
    held: Held, features: Sequence[Feature], report: ImportReport, path: Path
) -> dict[str, Any]:
    """Say in the report how the new buildings lie to what is there; nothing is converted.

    Returns:
        Plain values under `comparison`; nothing where there is too little to compare.

    Raises:
        LingjingError: `maps.swapped-coordinates`: they would lie here with longitude and latitude
            exchanged.
    """
    new = np.array([item.geometry for item in features if item.kind == "Building"], dtype=object)
    found = compare(new, held.buildings, held.roads)
    if found is None:
        return {}
    if found.verdict == "swapped":
        first, second = shapely.get_coordinates(new[0])[0]
        raise LingjingError(
            "maps.swapped-coordinates",
            Place(file=str(path)),
            first=f"{first:.5f}",
            second=f"{second:.5f}",
        )
    _say(found, report)
    plain = {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in asdict(found).items()
        if value is not None and value == value  # noqa: PLR0124, a gap is not a number
    }
    return {"comparison": plain}


def _say(found: Comparison, report: ImportReport) -> None:
    key: str = found.verdict
    if found.system:
        key = "shifted-new" if found.which == "new" else "shifted-old"
    words = catalogue("lingjing.engine")
    angle = np.degrees(np.arctan2(found.shift_north_m, found.shift_east_m))
    towards = _DIRECTIONS[round(float(angle) / 45.0) % 8]
    values: dict[str, object] = {
        "share": f"{100 * found.overlap:.0f}",
        "metres": f"{found.shift_m:.0f}",
        "kilometres": f"{found.apart_km:.1f}",
        "system": found.system,
    }
    notes = {
        locale: words.text(
            f"compare.{key}",
            locale,
            direction=words.text(f"compare.towards-{towards}", locale),
            **values,
        )
        for locale in LOCALES
    }
    report.notes.append((notes["zh-CN"], notes["en"]))
    if found.which == "new" and found.on_roads_mended < found.on_roads:
        texts = words.both(
            "compare.on-roads",
            share=f"{100 * found.on_roads:.0f}",
            mended=f"{100 * found.on_roads_mended:.0f}",
        )
        report.notes.append((texts["zh-CN"], texts["en"]))


def remark_on_doubles(features: Sequence[Feature], report: ImportReport) -> None:
    """Say how many buildings of one source lie on another; they are kept."""
    buildings = [item for item in features if item.kind == "Building"]
    pairs = doubles(np.array([item.geometry for item in buildings], dtype=object))
    if pairs:
        names = ", ".join(buildings[second].local for _, second in pairs[:5])
        texts = catalogue("lingjing.engine").both(
            "compare.doubles", count=f"{len(pairs):,}", examples=names
        )
        report.notes.append((texts["zh-CN"], texts["en"]))


def without_what_stands(
    features: Sequence[Feature], held: Held, district: str, report: ImportReport
) -> list[Feature]:
    """The features less those the district holds already: by id, or the same building by place.

    What hangs on a building that is left out goes with it.
    """
    rows = [index for index, item in enumerate(features) if item.kind == "Building"]
    shapes = np.array([features[index].geometry for index in rows], dtype=object)
    same = there_already(shapes, held.buildings)
    gone = {
        index
        for index, item in enumerate(features)
        if urn(item.kind, district, item.local) in held.ids
    }
    gone |= {rows[place] for place in np.flatnonzero(same >= 0).tolist()}
    buildings = {features[index].local for index in gone if features[index].kind == "Building"}
    for index, item in enumerate(features):
        kind, local = item.relationships.get("building", ("", ""))
        if kind == "Building" and local in buildings:
            gone.add(index)
    for index in sorted(gone):
        report.drop(STANDS_ALREADY, features[index].local)
    return [item for index, item in enumerate(features) if index not in gone]


def left_out(before: Sequence[Feature], after: Sequence[Feature]) -> list[list[str]]:
    """Kind and local name of the features that were read and not taken in, sorted."""
    stay = {(item.kind, item.local) for item in after}
    return sorted([item.kind, item.local] for item in before if (item.kind, item.local) not in stay)
