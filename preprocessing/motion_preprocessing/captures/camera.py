"""A pinhole camera: how points in front of it and pixels correspond.

Camera axes are OpenCV's: x right, y down, z forward, metres. Pixels count from the corner of the picture: the first
pixel's centre is (0.5, 0.5), so that a picture scaled by s has intrinsics scaled by s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Intrinsics:
    """A camera without lens distortion."""

    fx: float
    """Focal length along x, pixels."""
    fy: float
    """Focal length along y, pixels."""
    cx: float
    """Principal point, pixels from the left edge."""
    cy: float
    """Principal point, pixels from the upper edge."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        if not (np.isfinite(values).all() and self.fx > 0 and self.fy > 0 and self.width > 0 and self.height > 0):
            raise InputError(
                f"expected positive focal lengths and size, got fx {self.fx}, fy {self.fy}, {self.width} x "
                f"{self.height} for a camera; give pixels"
            )

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_fov_deg: float) -> Intrinsics:
        """Return the camera with square pixels, a central principal point and this horizontal field of view."""
        focal = width / 2 / np.tan(np.radians(horizontal_fov_deg) / 2)
        return cls(float(focal), float(focal), width / 2, height / 2, width, height)

    def scaled(self, width: int, height: int) -> Intrinsics:
        """Return the camera of the same picture at another size."""
        x, y = width / self.width, height / self.height
        return Intrinsics(self.fx * x, self.fy * y, self.cx * x, self.cy * y, width, height)

    def project(self, points_m: FloatArray) -> NDArray[np.float64]:
        """Project points (..., 3) to pixels (..., 2); NaN for points that are not in front of the camera."""
        points = np.asarray(points_m, dtype=np.float64)
        z = points[..., 2]
        safe = np.where(z > 1e-6, z, np.nan)
        return np.stack([self.fx * points[..., 0] / safe + self.cx, self.fy * points[..., 1] / safe + self.cy], axis=-1)

    def rays(self) -> NDArray[np.float64]:
        """Return the points (H, W, 3) at z = 1 that the pixels' centres see."""
        x = (np.arange(self.width) + 0.5 - self.cx) / self.fx
        y = (np.arange(self.height) + 0.5 - self.cy) / self.fy
        rays = np.ones((self.height, self.width, 3))
        rays[..., 0], rays[..., 1] = x[None, :], y[:, None]
        return rays

    def backproject(self, depth_m: FloatArray) -> NDArray[np.float64]:
        """Return the points (H, W, 3) at depths z (H, W) along the optical axis.

        A map of another size than the camera's is taken for the same picture at that size.
        """
        depth = np.asarray(depth_m, dtype=np.float64)
        height, width = depth.shape
        camera = self if (width, height) == (self.width, self.height) else self.scaled(width, height)
        return camera.rays() * depth[..., None]

    def contains(self, pixels: FloatArray) -> NDArray[np.bool_]:
        """Whether pixels (..., 2) lie in the picture; NaN does not."""
        x, y = pixels[..., 0], pixels[..., 1]
        return np.asarray((x >= 0) & (x < self.width) & (y >= 0) & (y < self.height))
