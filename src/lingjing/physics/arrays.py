"""Arrays at the door of the physics: shape, finiteness and range are checked once, here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lingjing.vocabulary import LingjingError, Place

FloatArray: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.ArrayLike


def floats(values: Numbers) -> FloatArray:
    """The values as float64, without a copy where they already are."""
    return np.asarray(values, dtype=np.float64)


def checked(
    name: str,
    values: Numbers,
    shape: tuple[int, ...],
    *,
    lower: float = -np.inf,
    upper: float = np.inf,
) -> FloatArray:
    """Contiguous float64 values of a shape, finite and within [lower, upper].

    A scalar, or any array that broadcasts to the shape, is spread over it.

    Raises:
        LingjingError: `physics.wrong-shape`, `physics.not-finite` or `physics.out-of-range`.
    """
    given = floats(values)
    place = Place(field=name)
    try:
        spread = np.broadcast_to(given, shape)
    except ValueError:
        raise LingjingError(
            "physics.wrong-shape", place, name=name, expected=list(shape), found=list(given.shape)
        ) from None
    gaps = ~np.isfinite(given)
    if gaps.any():
        raise LingjingError("physics.not-finite", place, name=name + _first(gaps))
    wrong = (given < lower) | (given > upper)
    if wrong.any():
        raise LingjingError(
            "physics.out-of-range",
            place,
            name=name + _first(wrong),
            lower=lower,
            upper=upper,
            value=float(given[wrong].flat[0]),
        )
    return np.ascontiguousarray(spread)


def stacked(columns: object, limits: Mapping[str, tuple[float, float]], count: int) -> FloatArray:
    """Attributes of an object, each checked against its limits, as one table [count, attributes].

    Raises:
        LingjingError: As `checked`.
    """
    return np.stack(
        [
            checked(name, getattr(columns, name), (count,), lower=lower, upper=upper)
            for name, (lower, upper) in limits.items()
        ],
        axis=1,
    )


def _first(marked: npt.NDArray[np.bool_]) -> str:
    """The index of the first marked element, such as `[2, 17]`; empty for a scalar."""
    return str([int(item) for item in np.argwhere(marked)[0]]) if marked.ndim else ""


def rows(name: str, values: Numbers) -> tuple[int, int]:
    """The shape [members, hours] of a forcing.

    Raises:
        LingjingError: `physics.wrong-shape` unless it has two axes, neither empty.
    """
    shape = np.shape(values)
    if len(shape) != 2 or 0 in shape:
        raise LingjingError(
            "physics.wrong-shape",
            Place(field=name),
            name=name,
            expected="[members, hours]",
            found=list(shape),
        )
    return shape[0], shape[1]
