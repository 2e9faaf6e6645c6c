"""Assets with the same parameters share one computation: the physical situations of a kind.

Parameters are rounded to the steps given with them before they are compared. The steps lie well
below what a survey or an inference can tell apart (a millimetre of insulation, 0.05 of the wind),
so that a district of 100,000 assets comes down to some hundreds of situations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Situations:
    """Distinct parameter rows of one kind, and which row each asset has.

    Attributes:
        columns: Parameter → values [situations], on their rounding steps.
        index: Row of each asset [n].
    """

    columns: Mapping[str, NDArray[np.float64]]
    index: NDArray[np.int32]

    def __len__(self) -> int:
        return int(next(iter(self.columns.values())).size)

    def block(self, start: int, stop: int) -> dict[str, NDArray[np.float64]]:
        """The parameters of the rows from `start` up to `stop`."""
        return {name: values[start:stop] for name, values in self.columns.items()}


def distinguish(
    parameters: Mapping[str, NDArray[np.float64]], steps: Mapping[str, float]
) -> Situations:
    """Find the distinct rows of parameters.

    Args:
        parameters: Name → values [n], without gaps.
        steps: Name → rounding step, in the parameter's unit.

    Returns:
        Situations in ascending order of their parameters, so that they do not depend on the order
        of the assets.

    Raises:
        ValueError: A value is not finite.
    """
    names = list(parameters)
    keys = np.stack([parameters[name] / steps[name] for name in names], axis=1)
    if not bool(np.isfinite(keys).all()):
        raise ValueError("a parameter has a gap")
    rows, index = np.unique(np.rint(keys).astype(np.int64), axis=0, return_inverse=True)
    columns = {
        name: rows[:, position].astype(np.float64) * steps[name]
        for position, name in enumerate(names)
    }
    return Situations(columns, index.reshape(-1).astype(np.int32))
