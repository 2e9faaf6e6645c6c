"""Surfaces that a city model surveyed, drawn in the place of upright walls and a guessed roof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from lingjing.engine.tiles3d.frames import Floats, Frame

_SMALLEST_M2: Final = 1e-6
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Shell:
    """The surfaces of one feature.

    Attributes:
        points: Corners of all rings, unclosed: longitude, latitude [°], height above ground [m]
            [p, 3].
        rings: First corner of each ring, and the end of the last [r + 1].
        faces: First ring of each surface, and the end of the last [f + 1]; the first ring of a
            surface is its outline, counter-clockwise from outside, the others are holes.
    """

    points: Floats
    rings: Whole
    faces: Whole

    def content(self) -> bytes:
        """What tells whether it has changed."""
        return b"".join(part.tobytes() for part in (self.points, self.rings, self.faces))

    def local(self, frame: Frame) -> Floats:
        """The corners in a frame [p, 3] [m]."""
        return frame.local(*self.points.T)

    def triangles(self, frame: Frame) -> tuple[Floats, Floats]:
        """Corners of its triangles [t, 3, 3] [m], and a normal for each [t, 3]."""
        points = self.local(frame)
        corners: list[Floats] = [np.empty((0, 3, 3))]
        normals: list[Floats] = [np.empty((0, 3))]
        for face, (first, end) in enumerate(zip(self.faces, self.faces[1:], strict=False)):
            start, stop = self.rings[first], self.rings[end]
            outline = points[start : self.rings[first + 1]]
            normal = np.cross(outline - outline[0], np.roll(outline, -1, axis=0) - outline[0])
            total = normal.sum(axis=0)
            size = float(np.linalg.norm(total))
            if size < _SMALLEST_M2:
                continue
            ends = (self.rings[self.faces[face] + 1 : end + 1] - start).astype(np.uint32)
            made = _filled(points[start:stop], ends, total / size)
            corners.append(made)
            normals.append(np.tile(total / size, (len(made), 1)))
        return np.concatenate(corners), np.concatenate(normals)


def _filled(points: Floats, ends: NDArray[np.uint32], normal: Floats) -> Floats:
    """Triangles that fill a surface, counter-clockwise from where its normal points."""
    across = np.delete(np.arange(3), int(np.argmax(np.abs(normal))))
    plan = np.ascontiguousarray(points[:, across])
    made = points[mapbox_earcut.triangulate_float64(plan, ends).reshape(-1, 3)]
    facing = np.cross(made[:, 1] - made[:, 0], made[:, 2] - made[:, 0]) @ normal
    made[facing < 0] = made[facing < 0][:, ::-1]
    kept: Floats = made[np.abs(facing) > _SMALLEST_M2]
    return kept
