"""Latin-hypercube samples: every member takes another stratum of every uncertain parameter."""

from __future__ import annotations

import numpy as np

from lingjing.physics.arrays import FloatArray


def latin_hypercube(members: int, dimensions: int, rng: np.random.Generator) -> FloatArray:
    """Stratified samples of the unit cube.

    Args:
        members: Number of samples.
        dimensions: Number of parameters.
        rng: Seeded generator; the only source of chance.

    Returns:
        Shape [dimensions, members], in (0, 1); each row has one value in each of the `members`
        equal strata.

    References:
        McKay, Beckman & Conover (1979), Technometrics 21, 239-245, doi:10.2307/1268522.
    """
    strata = np.stack([rng.permutation(members) for _ in range(dimensions)])
    return (strata + rng.random((dimensions, members))) / members


def triangular(share: FloatArray, low: float, mode: float, high: float) -> FloatArray:
    """Values of a triangular distribution at cumulative shares in [0, 1]."""
    split = (mode - low) / (high - low)
    rising = low + np.sqrt(share * (high - low) * (mode - low))
    falling = high - np.sqrt((1.0 - share) * (high - low) * (high - mode))
    return np.where(share < split, rising, falling)
