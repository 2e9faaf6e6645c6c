"""Seeded draws tied to names: adding one building never changes what another one draws."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def name_key(text: str) -> int:
    """64 bits that depend on the text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def draws(keys: Keys, purpose: str, ordinal: NDArray[np.int64] | int = 0) -> NDArray[np.float64]:
    """Even draws in [0, 1), one a key.

    Args:
        keys: Key of each thing that draws [n].
        purpose: What is drawn; different purposes are independent.
        ordinal: Which of several draws of the same thing [n].

    Reference: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
    doi:10.1145/2660193.2660195 (the output function of SplitMix64).
    """
    steps = (np.asarray(ordinal, dtype=np.uint64) + np.uint64(1)) * _GOLDEN
    mixed = keys ^ np.uint64(name_key(purpose))
    for _ in range(2):
        mixed = mixed + steps
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed = mixed ^ (mixed >> np.uint64(31))
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def pick(uniform: NDArray[np.float64], shares: list[float]) -> NDArray[np.int64]:
    """Index of the share each draw falls on [n]; shares of zero are never picked."""
    edges = np.cumsum(shares) / np.sum(shares)
    last = int(np.flatnonzero(np.asarray(shares) > 0)[-1])
    return np.minimum(np.searchsorted(edges, uniform, side="right"), last).astype(np.int64)
