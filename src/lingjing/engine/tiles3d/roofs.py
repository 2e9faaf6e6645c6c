"""Roofs that are not flat, over outlines that are simple enough to tell how they run.

Map data name the shape of a roof and its height, not its planes. A ridge is drawn along the longer
sides of a four-cornered outline; pointed roofs rise to the middle of any outline that the middle
can see all of. Whatever else is drawn flat at its full height.
"""

from __future__ import annotations

from typing import Final

import mapbox_earcut
import numpy as np

from lingjing.engine.tiles3d.frames import Floats

_RIDGED: Final = frozenset({"gabled", "hipped", "half_hipped", "gambrel", "mansard"})
_POINTED: Final = frozenset({"pyramidal", "cone", "dome", "onion"})
_INSET: Final = {"hipped": 1.0, "mansard": 1.0, "half_hipped": 0.5}
SHAPED: Final = _RIDGED | _POINTED


def roof_faces(shape: str, eaves: Floats, rise_m: float) -> Floats:
    """Triangles of a roof.

    Args:
        shape: One of `SHAPED`.
        eaves: Corners of the outline, counter-clockwise [c, 3] [m].
        rise_m: How far the highest point lies above the eaves [m].

    Returns:
        Triangles [t, 3, 3], counter-clockwise from outside [m].
    """
    if shape in _RIDGED and len(eaves) == 4:
        return _ridged(eaves, rise_m, _INSET.get(shape, 0.0))
    if shape in _POINTED:
        apex = eaves.mean(axis=0) + _up(rise_m)
        following = np.roll(eaves, -1, axis=0)
        one, other = eaves - apex, following - apex
        if np.all(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0] > 0):
            peak = np.broadcast_to(apex, eaves.shape)
            return np.stack([eaves, following, peak], axis=1)
    return _flat_with_skirt(eaves, rise_m)


def _ridged(eaves: Floats, rise_m: float, inset: float) -> Floats:
    sides = np.linalg.norm(np.roll(eaves, -1, axis=0) - eaves, axis=1)
    if sides[0] + sides[2] < sides[1] + sides[3]:
        eaves, sides = np.roll(eaves, -1, axis=0), np.roll(sides, -1)
    a, b, c, d = eaves
    near, far = (d + a) / 2 + _up(rise_m), (b + c) / 2 + _up(rise_m)
    # a hip of the same slope as the long sides begins half a width from the end
    length = float(np.linalg.norm(far - near))
    share = min(0.5, inset * (sides[1] + sides[3]) / 4 / length) if length else 0.0
    near, far = near + share * (far - near), far + share * (near - far)
    faces = [(a, b, far), (a, far, near), (b, c, far), (c, d, near), (c, near, far), (d, a, near)]
    return np.array(faces)


def _flat_with_skirt(eaves: Floats, rise_m: float) -> Floats:
    """A flat roof at full height, with walls from the eaves up to it."""
    raised = eaves + _up(rise_m)
    following, raised_following = np.roll(eaves, -1, axis=0), np.roll(raised, -1, axis=0)
    skirt = np.concatenate(
        [
            np.stack([eaves, following, raised_following], axis=1),
            np.stack([eaves, raised_following, raised], axis=1),
        ]
    )
    ends = np.array([len(eaves)], dtype=np.uint32)
    plan = np.ascontiguousarray(eaves[:, :2])
    triangles = mapbox_earcut.triangulate_float64(plan, ends).reshape(-1, 3)
    lid = raised[triangles]
    ahead, aside = lid[:, 1] - lid[:, 0], lid[:, 2] - lid[:, 0]
    turned = ahead[:, 0] * aside[:, 1] - ahead[:, 1] * aside[:, 0] < 0
    lid[turned] = lid[turned][:, ::-1]
    return np.concatenate([skirt, lid])


def _up(distance_m: float) -> Floats:
    return np.array([0.0, 0.0, distance_m])
