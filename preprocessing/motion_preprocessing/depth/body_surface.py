"""How the depth inside a person's mask agrees with the body that is said to stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.captures.render import hit_capsules
from motion_preprocessing.depth.cloud import hanging_pixels
from motion_preprocessing.errors import InputError

Array = NDArray[np.float64]

MAX_PIXELS: Final = 400
"""Of a mask; a median needs no more."""


@dataclass(frozen=True, eq=False)
class PersonDepth:
    """What one frame's depth map says of one person."""

    frame: int
    depth_m: Array
    """(H, W) metres along the optical axis, of the picture WITH people; NaN where unknown."""
    mask: NDArray[np.bool_]
    """(H, W) where the person is."""

    def __post_init__(self) -> None:
        if self.depth_m.ndim != 2 or self.mask.shape != self.depth_m.shape:
            raise InputError(
                f"expected a mask of {self.depth_m.shape}, got {self.mask.shape} for a person in frame {self.frame}; "
                "bring it to the size of the depth map"
            )


class SurfacePixels(NamedTuple):
    """Pixels of a mask whose depth can be compared with a body."""

    rays: Array
    """(N, 3) with z = 1."""
    depth_m: Array
    """(N,)."""


def surface_pixels(view: PersonDepth, camera: Intrinsics, limit: int = MAX_PIXELS) -> SurfacePixels:
    """Choose pixels of the mask, evenly, leaving out those that hang between person and room."""
    height, width = view.depth_m.shape
    usable = view.mask & np.isfinite(view.depth_m) & (np.nan_to_num(view.depth_m) > 0)
    if not usable.any():
        return SurfacePixels(np.zeros((0, 3)), np.zeros(0))
    usable &= ~hanging_pixels(view.depth_m, 0.5)
    rows, columns = np.nonzero(usable)
    step = max(-(-len(rows) // limit), 1)
    rows, columns = rows[::step], columns[::step]
    small = camera.scaled(width, height)
    rays = np.stack(
        [(columns + 0.5 - small.cx) / small.fx, (rows + 0.5 - small.cy) / small.fy, np.ones(len(rows))], axis=-1
    )
    return SurfacePixels(rays, view.depth_m[rows, columns])


def depth_ahead(pixels: SurfacePixels, joints_m: Array, scale: float = 1.0) -> tuple[float, int]:
    """Return by how much the map lies behind the body's surface, and how many pixels say so.

    Args:
        pixels: Of the person.
        joints_m: (22, 3) in the camera frame.
        scale: Size of the body; the flesh around the bones grows with it.

    Returns:
        Median over the pixels that see the body, metres (NaN without any), and their number.
    """
    if len(pixels.depth_m) == 0:
        return np.nan, 0
    capsules = body_capsules(joints_m)
    seen = hit_capsules(pixels.rays[:, None], capsules.starts_m, capsules.ends_m, scale * capsules.radii_m).min(axis=1)
    hit = np.isfinite(seen)
    count = int(np.count_nonzero(hit))
    return (float(np.median(pixels.depth_m[hit] - seen[hit])) if count else np.nan), count
