"""What there is to work with in a night: material in the depots and crews to use it.

Depots are entities of the district (`salt_stock` [t], `straw_mats`, `crews`). Their crews are the
road authority's, so they limit only the work of `public_works`; what crews a property or water
company sends is not in the district, and is not guessed. One shift counts, however long the
window: nearly all work has to be done before the first onset.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, Place

SHIFT_HOURS: Final = 8.0
"""Length of a shift where the pack says nothing [h]: the statutory working day."""
SALT: Final = "kg salt"
MATS: Final = "straw mats"
DEPOT_OWNER: Final = "public_works"
"""Whose crews the depots hold."""
_STOCKS: Final = ((SALT, "salt_stock", 1000.0), (MATS, "straw_mats", 1.0))


@dataclass(frozen=True, slots=True)
class Budget:
    """What there is. What is not named is not known, which is neither nothing nor plenty.

    Attributes:
        material: Amount by unit of `Work.amount_unit` (`kg salt`, `straw mats`), ≥ 0.
        crew_hours: Working time of crews by owner [h], ≥ 0.
        shift_hours: Length of the shift behind `crew_hours` [h]; NaN where it plays no part.
    """

    material: Mapping[str, float] = field(default_factory=dict)
    crew_hours: Mapping[str, float] = field(default_factory=dict)
    shift_hours: float = math.nan

    def __post_init__(self) -> None:
        for table in (self.material, self.crew_hours):
            for name, value in table.items():
                if not 0 <= value < math.inf:
                    raise LingjingError(
                        "decision.bad-budget", Place(field=name), name=name, value=value
                    )

    @property
    def known(self) -> bool:
        """Whether anything is known at all."""
        return bool(self.material or self.crew_hours)


def budget_of(depots: TwinView, settings: Mapping[str, Any]) -> Budget:
    """The stock of all depots of a district, and one shift of their crews.

    Args:
        depots: View of kind `Depot`.
        settings: The district's; `depots.shift_hours` [h] replaces the default shift.

    Raises:
        LingjingError: `decision.bad-budget` for a shift that is no number of hours up to 24, or a
            stock below zero.
    """
    table = settings.get("depots", {})
    shift = table.get("shift_hours", SHIFT_HOURS) if isinstance(table, Mapping) else SHIFT_HOURS
    if isinstance(shift, bool) or not isinstance(shift, (int, float)) or not 0 < shift <= 24:
        raise LingjingError(
            "decision.bad-budget",
            Place(field="depots.shift_hours"),
            name="shift_hours",
            value=shift,
        )
    material = {}
    for unit, name, factor in _STOCKS:
        held = depots.number(name)
        if not np.isnan(held).all():
            material[unit] = float(np.nansum(held)) * factor
    crews = depots.number("crews")
    hours = {}
    if not np.isnan(crews).all():
        hours[DEPOT_OWNER] = float(np.nansum(crews)) * float(shift)
    return Budget(material, hours, float(shift) if hours else math.nan)
