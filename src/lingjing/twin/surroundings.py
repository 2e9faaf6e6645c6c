"""What is near a place: the nearest road that has a name, for things that have none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import shapely

from lingjing.twin.views import TwinView

METRES_PER_DEGREE: Final = 111_320.0
FARTHEST_M: Final = 500.0
"""Beyond this a road says nothing about where something is."""


class NamedRoads:
    """The roads of a district that have a name, to say where nameless things are.

    Args:
        roads: View of kind `RoadSegment`.

    Distances are taken on a plane around the middle of the roads: good to a percent over a city.
    Of roads equally near, the one with the first id counts.
    """

    def __init__(self, roads: TwinView) -> None:
        names, english = roads.text("name", ""), roads.text("name_en", "")
        chosen = np.array([bool(name) for name in names], dtype=bool)
        self._names = [(str(names[row]), str(english[row])) for row in np.flatnonzero(chosen)]
        latitude = float(np.mean(roads.latitude_deg[chosen])) if self._names else 0.0
        self._scale = np.array([math.cos(math.radians(latitude)), 1.0]) * METRES_PER_DEGREE
        lines = shapely.transform(
            shapely.from_wkb(roads.wkb[chosen]), lambda points: points * self._scale
        )
        self._tree = shapely.STRtree(lines)

    def nearest(self, longitude_deg: float, latitude_deg: float) -> tuple[str, str] | None:
        """Name and English name (empty where there is none) of the nearest road.

        Returns:
            None where no road with a name lies within `FARTHEST_M`.
        """
        if not self._names:
            return None
        point = shapely.Point(np.array([longitude_deg, latitude_deg]) * self._scale)
        found = self._tree.query_nearest(point, max_distance=FARTHEST_M, all_matches=True)
        return self._names[int(found.min())] if found.size else None


def sub_district_names(view: TwinView, settings: Mapping[str, Any]) -> dict[str, str]:
    """English name of each sub-district by its name.

    Args:
        view: View of kind `SubDistrict`.
        settings: The district's; its table `sub_districts` fills what the view does not say.
    """
    table = settings.get("sub_districts", ())
    found = {
        str(item["name_zh"]): str(item["name_en"])
        for item in table
        if isinstance(item, Mapping) and item.get("name_zh") and item.get("name_en")
    }
    pairs = zip(view.text("name"), view.text("name_en"), strict=True)
    return found | {str(name): str(english) for name, english in pairs if name and english}
