"""A calibrated camera as OpenCV has it: pinhole, and the distortion of Brown and Conrady with five coefficients.

Camera axes: x right, y down, z where it looks; metres. Of a point (X, Y, Z) in these axes, with x = X / Z, y = Y / Z,
r^2 = x^2 + y^2 and g = 1 + k1 r^2 + k2 r^4 + k3 r^6,

    u = fx (x g + 2 p1 x y + p2 (r^2 + 2 x^2)) + cx
    v = fy (y g + p1 (r^2 + 2 y^2) + 2 p2 x y) + cy

Pixels count from the picture's top left corner, so the picture is 0 to `width` and 0 to `height`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]

NEAR_M: Final = 0.05
"""What is nearer to the camera's plane, or behind it, is in no picture."""


@dataclass(frozen=True)
class ViewCamera:
    """One camera in the room; equal ones have equal hashes."""

    name: str
    width: int
    """Of its picture, pixels."""
    height: int
    fx: float
    """Focal length along the rows, pixels."""
    fy: float
    cx: float
    """Where the optical axis meets the picture, pixels."""
    cy: float
    camera_from_room: tuple[tuple[float, ...], ...]
    """(4, 4) rigid transform of points of the room to camera axes."""
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """k1, k2, p1, p2, k3."""

    @cached_property
    def pose(self) -> Array:
        """The same transform (4, 4) as an array."""
        return np.array(self.camera_from_room, dtype=np.float64)

    @property
    def position_m(self) -> Array:
        """(3,) where the camera stands in the room."""
        return -self.pose[:3, :3].T @ self.pose[:3, 3]

    @cached_property
    def reach(self) -> float:
        """Greatest r of which the distortion makes sense: beyond, the polynomial turns back into the picture."""
        k1, k2, _, _, k3 = self.distortion
        # d(r g)/dr as a polynomial of r^2.
        roots = np.roots([7 * k3, 5 * k2, 3 * k1, 1.0])
        ends = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
        return float(np.sqrt(ends.min())) if len(ends) else np.inf

    def from_room(self, points_m: AnyArray) -> Array:
        """Points (..., 3) of the room in camera axes."""
        return np.asarray(np.asarray(points_m, dtype=np.float64) @ self.pose[:3, :3].T + self.pose[:3, 3])

    def project(self, points_m: AnyArray) -> tuple[Array, Array]:
        """Pixels (..., 2) and depths along the optical axis (...) of points (..., 3) of the room.

        Pixels are NaN of what is behind the camera or beyond the reach of its distortion.
        """
        x, y, z = np.moveaxis(self.from_room(points_m), -1, 0)
        ahead = np.where(z > NEAR_M, z, np.nan)
        x, y = x / ahead, y / ahead
        if any(self.distortion):
            x, y = self._distorted(x, y)
        return np.stack([self.fx * x + self.cx, self.fy * y + self.cy], axis=-1), z

    def _distorted(self, x: Array, y: Array) -> tuple[Array, Array]:
        k1, k2, p1, p2, k3 = self.distortion
        square = x * x + y * y
        square = np.where(square < self.reach**2, square, np.nan)
        growth = 1 + square * (k1 + square * (k2 + square * k3))
        return (
            x * growth + 2 * p1 * x * y + p2 * (square + 2 * x * x),
            y * growth + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
        )

    def holds(self, pixels: Array) -> NDArray[np.bool_]:
        """Whether pixels (..., 2) are in the picture."""
        return np.asarray(((pixels >= 0) & (pixels < (self.width, self.height))).all(axis=-1))  # NaN is in none
