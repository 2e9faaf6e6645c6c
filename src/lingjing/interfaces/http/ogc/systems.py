"""The coordinate reference systems that features are asked for and given in."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from lingjing.vocabulary import LingjingError

CRS84: Final = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_EPSG: Final = "http://www.opengis.net/def/crs/EPSG/0/"


@dataclass(frozen=True)
class System:
    """A coordinate reference system.

    Attributes:
        uri: As clients name it.
        code: As PROJ names it.
        latitude_first: Its first axis is the latitude.
        decimals: Of a coordinate: a centimetre or less.
    """

    uri: str
    code: str
    latitude_first: bool
    decimals: int

    def out(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """Geometries of the twin (WGS 84, longitude first) in this system."""

        def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
            if self.code != "OGC:CRS84":
                points = np.stack(_way(self.code, out=True).transform(*points.T), axis=-1)
            if self.latitude_first:
                points = points[:, ::-1]
            return np.round(points, self.decimals)

        made: NDArray[np.object_] = shapely.transform(shapes, moved)
        return made

    def back(self, shape: BaseGeometry) -> BaseGeometry:
        """A geometry in this system as the twin has them; without heights."""

        def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
            if self.latitude_first:
                points = points[:, ::-1]
            if self.code == "OGC:CRS84":
                return points
            made: NDArray[np.float64] = np.stack(
                _way(self.code, out=False).transform(*points.T), axis=-1
            )
            return made

        return shapely.transform(shapely.force_2d(shape), moved)


@functools.cache
def _way(code: str, *, out: bool) -> Any:
    ends = ("OGC:CRS84", code) if out else (code, "OGC:CRS84")
    return pyproj.Transformer.from_crs(*ends, always_xy=True)


SYSTEMS: Final = {
    system.uri: system
    for system in (
        System(CRS84, "OGC:CRS84", latitude_first=False, decimals=7),
        System(f"{_EPSG}4326", "EPSG:4326", latitude_first=True, decimals=7),
        System(f"{_EPSG}4490", "EPSG:4490", latitude_first=True, decimals=7),
        System(f"{_EPSG}3857", "EPSG:3857", latitude_first=False, decimals=3),
        System(f"{_EPSG}32651", "EPSG:32651", latitude_first=False, decimals=3),
    )
}
"""By URI; the first is the one that nothing needs to be said for."""


def system_of(uri: str, parameter: str) -> System:
    """The system of a URI.

    Raises:
        LingjingError: `ogc.unknown-crs`.
    """
    found = SYSTEMS.get(uri)
    if found is None:
        known = ", ".join(SYSTEMS)
        raise LingjingError("ogc.unknown-crs", name=parameter, value=uri[:100], known=known)
    return found
