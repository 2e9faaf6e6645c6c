"""What the synthetic district's parts have in common: place on the globe, provenance, names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.packs import Pack
from lingjing.vocabulary import Attribute, AttributeValue, Provenance

SOURCE_NAME = "sketch"
PROVENANCE = Provenance("simulated", SOURCE_NAME, rule=SOURCE_NAME, synthetic=True)

# WGS 84
_SEMI_MAJOR_M = 6378137.0
_ECCENTRICITY_SQUARED = 6.69437999014e-3
_DECIMALS = 7


@dataclass
class Atlas:
    """Puts plans on the globe and hands out labelled attributes.

    Attributes:
        pack: The district pack.
        scale: Of the district.
    """

    pack: Pack
    scale: float
    _made: dict[tuple[str, AttributeValue], Attribute] = field(default_factory=dict)

    @property
    def _metres_per_degree(self) -> NDArray[np.float64]:
        latitude = np.radians(self.pack.content.centre[1])
        squeeze = 1.0 - _ECCENTRICITY_SQUARED * np.sin(latitude) ** 2
        parallel = _SEMI_MAJOR_M / np.sqrt(squeeze) * np.cos(latitude)
        meridian = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / squeeze**1.5
        return np.asarray(np.radians(np.array([parallel, meridian])), dtype=np.float64)

    def degrees(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Longitude and latitude [n, 2] [°] of places [n, 2] [m] around the pack's centre."""
        centre = np.array(self.pack.content.centre)
        return np.asarray(np.round(places / self._metres_per_degree + centre, _DECIMALS))

    def metres(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places [n, 2] [m] of longitudes and latitudes [n, 2] [°]."""
        centre = np.array(self.pack.content.centre)
        return np.asarray((degrees - centre) * self._metres_per_degree)

    def on_globe(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """Shapes [n] in metres, moved to longitude and latitude."""
        return np.asarray(shapely.transform(shapes, self.degrees), dtype=object)

    def attribute(self, value: AttributeValue) -> Attribute:
        """A synthetic value; equal ones are made once."""
        key = (type(value).__name__, value)
        if key not in self._made:
            self._made[key] = Attribute(value, PROVENANCE)
        return self._made[key]

    def attributes(self, values: dict[str, AttributeValue]) -> dict[str, Attribute]:
        """Synthetic values by name."""
        return {name: self.attribute(value) for name, value in values.items()}
