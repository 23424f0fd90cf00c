"""A calibrated camera as OpenCV has it: a pinhole with Brown and Conrady's distortion, or Kannala and Brandt's fisheye.

Camera axes: x right, y down, z where it looks; metres. Of a point (X, Y, Z) in these axes, with x = X / Z, y = Y / Z,
r^2 = x^2 + y^2 and g = 1 + k1 r^2 + k2 r^4 + k3 r^6, a pinhole has it at

    u = fx (x g + 2 p1 x y + p2 (r^2 + 2 x^2)) + cx
    v = fy (y g + p1 (r^2 + 2 y^2) + 2 p2 x y) + cy

and a fisheye, with a the angle from the z axis and d = a (1 + k1 a^2 + k2 a^4 + k3 a^6 + k4 a^8), at

    u = fx d X / sqrt(X^2 + Y^2) + cx
    v = fy d Y / sqrt(X^2 + Y^2) + cy

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
"""What is nearer to a pinhole's plane, or behind it, is in no picture; likewise what is nearer to a fisheye."""


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
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """k1, k2, p1, p2, k3; of a fisheye k1, k2, k3, k4."""
    fisheye: bool = False
    max_angle_deg: float = 90.0
    """Angle from the optical axis that a fisheye sees, at most; also beyond 90 degrees."""

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
        """Greatest r, or angle of a fisheye, that is seen: beyond, the polynomial would turn back into the picture."""
        if self.fisheye:
            growth, end = self.distortion, np.radians(self.max_angle_deg)
        else:
            k1, k2, _, _, k3 = self.distortion
            growth, end = (k1, k2, k3), np.inf
        # The derivative of r g(r), or of d(a), as a polynomial of the square.
        slope = [(2 * power + 3) * k for power, k in enumerate(growth)]
        roots = np.roots([*slope[::-1], 1.0])
        turns = np.sqrt(roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)])
        return float(min([end, *turns]))

    def from_room(self, points_m: AnyArray) -> Array:
        """Points (..., 3) of the room in camera axes."""
        return np.asarray(np.asarray(points_m, dtype=np.float64) @ self.pose[:3, :3].T + self.pose[:3, 3])

    def project(self, points_m: AnyArray) -> tuple[Array, Array]:
        """Pixels (..., 2) and depths along the optical axis (...) of points (..., 3) of the room.

        Pixels are NaN of what is behind the camera or beyond the reach of its lens.
        """
        points = self.from_room(points_m)
        x, y = self._through_fisheye(points) if self.fisheye else self._through_pinhole(points)
        return np.stack([self.fx * x + self.cx, self.fy * y + self.cy], axis=-1), points[..., 2]

    def _through_pinhole(self, points: Array) -> tuple[Array, Array]:
        x, y, z = np.moveaxis(points, -1, 0)
        ahead = np.where(z > NEAR_M, z, np.nan)
        x, y = x / ahead, y / ahead
        if not any(self.distortion):
            return x, y
        k1, k2, p1, p2, k3 = self.distortion
        square = x * x + y * y
        square = np.where(square < self.reach**2, square, np.nan)
        growth = 1 + square * (k1 + square * (k2 + square * k3))
        return (
            x * growth + 2 * p1 * x * y + p2 * (square + 2 * x * x),
            y * growth + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
        )

    def _through_fisheye(self, points: Array) -> tuple[Array, Array]:
        x, y, z = np.moveaxis(points, -1, 0)
        aside = np.hypot(x, y)
        angle = np.arctan2(aside, z)
        angle = np.where((angle < self.reach) & (np.hypot(aside, z) > NEAR_M), angle, np.nan)
        square = angle * angle
        k1, k2, k3, k4 = self.distortion
        bent = angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
        # On the axis itself the direction aside is of no account.
        share = bent / np.where(aside > 0, aside, 1.0)
        return x * share, y * share

    def holds(self, pixels: Array) -> NDArray[np.bool_]:
        """Whether pixels (..., 2) are in the picture."""
        return np.asarray(((pixels >= 0) & (pixels < (self.width, self.height))).all(axis=-1))  # NaN is in none
