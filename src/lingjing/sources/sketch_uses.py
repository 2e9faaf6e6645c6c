"""Land use of the synthetic district: what stands on each block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lingjing.sources.packs import Sketch

LandUse = Literal[
    "lilong",
    "workers_village",
    "reform_walkup",
    "commodity_midrise",
    "tower",
    "office",
    "commercial",
    "industrial",
    "school",
    "hospital",
    "campus",
    "park",
]

# Share of blocks by part of the district; rows sum to about 1 and are brought to it.
_DWELLINGS: tuple[LandUse, ...] = (
    "lilong",
    "workers_village",
    "reform_walkup",
    "commodity_midrise",
    "tower",
)
_USES: tuple[LandUse, ...] = (*_DWELLINGS, "office", "commercial", "industrial", "park")
_SHARES: dict[str, tuple[float, ...]] = {
    "old_quarter": (0.25, 0.10, 0.22, 0.10, 0.14, 0.06, 0.05, 0.03, 0.05),
    "workers": (0.01, 0.33, 0.29, 0.10, 0.09, 0.05, 0.04, 0.04, 0.05),
    "new_town": (0.00, 0.02, 0.08, 0.34, 0.25, 0.09, 0.05, 0.02, 0.15),
    "centre": (0.00, 0.06, 0.14, 0.10, 0.14, 0.28, 0.24, 0.00, 0.04),
    "river": (0.03, 0.06, 0.10, 0.07, 0.13, 0.10, 0.03, 0.36, 0.12),
    "elsewhere": (0.02, 0.17, 0.33, 0.16, 0.12, 0.07, 0.05, 0.04, 0.04),
}
# Blocks of a neighbourhood take after each other.
_NEIGHBOURHOOD_M = 420.0
_ALIKE = 0.55
_RIVER_REACH_M = 420.0
_SCHOOL_SHARE = 0.06
_HOSPITAL_SHARE = 0.013


@dataclass(frozen=True)
class Quarters:
    """Tells in which part of the district a place lies.

    Attributes:
        sketch: Circles from the pack, in kilometres at scale 1.
        grown: Metres per kilometre of the pack at this scale.
        river: Places along the river bank [n, 2] [m].
    """

    sketch: Sketch
    grown: float
    river: NDArray[np.float64]

    def inside(
        self, circle: tuple[float, float, float], places: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which places [n, 2] lie in a circle of the pack."""
        middle = np.array(circle[:2]) * self.grown
        return np.asarray(np.hypot(*(places - middle).T) < circle[2] * self.grown)

    def names(self, places: NDArray[np.float64]) -> NDArray[np.object_]:
        """The part of the district each place [n, 2] lies in."""
        found = np.full(len(places), "elsewhere", dtype=object)
        for name, circle in (
            ("workers", self.sketch.workers_villages_km),
            ("old_quarter", self.sketch.old_quarter_km),
            ("new_town", self.sketch.new_town_km),
        ):
            found[self.inside(circle, places)] = name
        gaps = places[:, None, :] - self.river[None, :, :]
        found[np.hypot(gaps[..., 0], gaps[..., 1]).min(axis=1) < _RIVER_REACH_M] = "river"
        found[self.inside(self.sketch.centre_km, places)] = "centre"
        for circle in self.sketch.campus_km:
            found[self.inside(circle, places)] = "campus"
        return found


def land_uses(places: NDArray[np.float64], quarters: Quarters, rng: Generator) -> list[LandUse]:
    """What each block is used for.

    Args:
        places: Middles of the blocks [n, 2] [m].
        quarters: Parts of the district.
        rng: Of the district.
    """
    parts = quarters.names(places)
    cells = np.floor(places / _NEIGHBOURHOOD_M).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    common = rng.random(int(cell.max()) + 1)[cell]
    own = rng.random(len(places))
    uniform = np.where(rng.random(len(places)) < _ALIKE, common, own)
    uses: list[LandUse] = []
    for part, value in zip(parts, uniform, strict=True):
        if part == "campus":
            uses.append("campus")
            continue
        edges = np.cumsum(_SHARES[str(part)])
        uses.append(_USES[int(np.searchsorted(edges / edges[-1], value, side="right"))])
    _scatter(uses, "school", _SCHOOL_SHARE, rng)
    _scatter(uses, "hospital", _HOSPITAL_SHARE, rng)
    return uses


def _scatter(uses: list[LandUse], use: LandUse, share: float, rng: Generator) -> None:
    """Turn some blocks of dwellings over to another use; at least one."""
    free = [index for index, item in enumerate(uses) if item in _DWELLINGS]
    count = min(max(1, round(share * len(uses))), len(free))
    for index in rng.choice(len(free), size=count, replace=False):
        uses[free[int(index)]] = use
