"""What a sensor in a box or on a pipe teaches: which sampled physics fits its last hours.

The members carry sampled physics (film, enclosure, nucleation). Those whose water followed the
readings of the last hours gain weight, the others lose it; places that are alike take over part of
it. Nothing is fitted beyond the ranges that the physics was sampled from.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import FloatArray, checked, floats, rows
from lingjing.physics.pipes import PipeParameters
from lingjing.vocabulary import LingjingError, Place


@dataclass(frozen=True)
class Learnt:
    """What readings say about the members.

    Attributes:
        weights: How well each member fits [members]; they sum to 1.
        gain: Share of the members' spread that the readings took away, 0 to 1: one less the
            variance of the modelled temperature under the weights over that without, at the
            hours with a reading.
        effective_members: As how many equal members the weighted ones count, 1 to all.
        hours: Hours with a reading.
    """

    weights: FloatArray
    gain: float
    effective_members: float
    hours: int


def learn_from_readings(
    modelled_C: npt.ArrayLike,
    readings_C: npt.ArrayLike,
    *,
    alike: float = 1.0,
    error_K: float = 0.5,
    memory_h: float = 6.0,
) -> Learnt:
    """Weigh members by how their modelled temperatures met a sensor's last hours.

    The weight of a member is exp(-alike/2 · n · mean(((modelled - reading)/error)²)), n being the
    hours with a reading over their memory (at least one), as neighbouring hours err together.

    Args:
        modelled_C: Water (or box) temperature of every member [members, hours] [°C].
        readings_C: The sensor's [hours] [°C]; NaN where it was silent.
        alike: How like the sensor's place this one is, 0 (nothing is taken over) to 1.
        error_K: Standard error of sensor and model structure [K], 0.05 to 20.
        memory_h: Over how many hours errors hang together [h], 1 to 1000.

    Returns:
        Learnt; even weights and no gain where there is no reading.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    >>> found = learn_from_readings([[2.0, 1.0], [4.0, 4.0]], [2.0, 1.0], error_K=1.0)
    >>> [round(float(weight), 2) for weight in found.weights]
    [0.96, 0.04]
    """
    members, hours = rows("modelled_C", modelled_C)
    modelled = checked("modelled_C", modelled_C, (members, hours), lower=-80, upper=80)
    readings = floats(readings_C)
    if readings.shape != (hours,):
        raise LingjingError(
            "physics.wrong-shape",
            Place(field="readings_C"),
            name="readings_C",
            expected=[hours],
            found=list(readings.shape),
        )
    heard = ~np.isnan(readings)
    checked("readings_C", readings[heard], (int(heard.sum()),), lower=-80, upper=80)
    checked("alike", alike, (), lower=0, upper=1)
    checked("error_K", error_K, (), lower=0.05, upper=20)
    checked("memory_h", memory_h, (), lower=1, upper=1000)
    even = np.full(members, 1.0 / members)
    count = int(heard.sum())
    if count == 0:
        return Learnt(even, 0.0, float(members), 0)
    misfit = (((modelled[:, heard] - readings[heard]) / error_K) ** 2).mean(axis=1)
    logarithm = -0.5 * alike * max(count / memory_h, 1.0) * (misfit - misfit.min())
    weights = np.exp(logarithm)
    weights /= weights.sum()
    before = _spread(modelled[:, heard], even)
    after = _spread(modelled[:, heard], weights)
    gain = 1.0 - after / before if before > 0.0 else 0.0
    return Learnt(weights, min(max(gain, 0.0), 1.0), float(1.0 / (weights**2).sum()), count)


def _spread(modelled: FloatArray, weights: FloatArray) -> float:
    """Mean over the hours of the members' variance under weights [K²]."""
    middle = weights @ modelled
    return float((weights @ (modelled - middle) ** 2).mean())


def resampled(
    parameters: PipeParameters, weights: npt.ArrayLike, rng: np.random.Generator
) -> PipeParameters:
    """As many members of even weight, drawn after the weights (systematic resampling).

    Args:
        parameters: Sampled physics [members].
        weights: Of the members [members], 0 or above; from `learn_from_readings`.
        rng: Seeded generator: one draw.

    Returns:
        PipeParameters, with the best members several times; the order follows the old one.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite`, `physics.out-of-range`.

    References:
        Kitagawa (1996), J. Comput. Graph. Stat. 5, 1-25, doi:10.1080/10618600.1996.10474692.
    """
    members = parameters.film_factor.size
    given = checked("weights", weights, (members,), lower=0)
    checked("weights", given.sum(), (), lower=1e-300)
    places = (np.arange(members) + rng.random()) / members
    edges = np.cumsum(given / given.sum())
    edges[-1] = 1.0
    chosen = np.searchsorted(edges, places, side="right")
    return PipeParameters(*(getattr(parameters, item.name)[chosen] for item in fields(parameters)))
