"""From the camera of a square crop to the camera of the whole picture, as HMR2 and its kin need it.

The network sees a square crop of b0 pixels around the pixel c and answers with s, tx, ty: a weak-perspective camera
that shows a point (x, y) of the body at c + b/2 (x + tx, y + ty) pixels, with b = b0 s. A pinhole camera with focal
length f and principal point p shows the body there, and in that size, from

    tz = 2 f / b,    x = tx + 2 (c_x - p_x) / b,    y = ty + 2 (c_y - p_y) / b

(4D-Humans, with p in the middle of the picture and f = 5000/256 max(width, height)). With the camera's own focal
length only tz changes. With fx and fy that differ, f is their geometric mean, and x and y keep the pixel exact.

The network has never seen where in the picture the crop lies: it tells how the body is turned against the ray to it.
For wide lenses that is not how it is turned against the camera, and `ray_rotation` is the difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.rotations import between_vectors

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]


def hmr_camera(width: int, height: int) -> Intrinsics:
    """Return the camera that HMR2 assumes for a picture of this size: 5000 pixels of focal length for 256 of crop."""
    focal = 5000.0 / 256.0 * max(width, height)
    return Intrinsics(focal, focal, width / 2, height / 2, width, height)


def crop_to_camera(pred_cam: AnyArray, box_center: AnyArray, box_size: AnyArray, camera: Intrinsics) -> Array:
    """Return the translations (..., 3) in metres that show the body in `camera` as the crop's camera does.

    Args:
        pred_cam: (..., 3) s, tx, ty.
        box_center: (..., 2) middle of the crop, pixels of the whole picture.
        box_size: (...) side of the crop, pixels.
        camera: Of the whole picture.

    Returns:
        x, y, z in the camera's axes; NaN where s or the box is not positive, as no place in front of the camera fits.
    """
    cam = np.asarray(pred_cam, dtype=np.float64)
    size = np.asarray(box_size, dtype=np.float64) * cam[..., 0]
    size = np.where(size > 0, size, np.nan)
    centre = np.asarray(box_center, dtype=np.float64)
    depth = 2.0 * np.sqrt(camera.fx * camera.fy) / size
    pixel = centre + 0.5 * size[..., None] * cam[..., 1:]
    x = (pixel[..., 0] - camera.cx) * depth / camera.fx
    y = (pixel[..., 1] - camera.cy) * depth / camera.fy
    return np.stack([x, y, depth], axis=-1)


def camera_to_crop(translation_m: AnyArray, box_center: AnyArray, box_size: AnyArray, camera: Intrinsics) -> Array:
    """Return the s, tx, ty (..., 3) for which `crop_to_camera` gives `translation_m` (..., 3)."""
    translation = np.asarray(translation_m, dtype=np.float64)
    size = 2.0 * np.sqrt(camera.fx * camera.fy) / translation[..., 2]
    shift = 2.0 * (camera.project(translation) - np.asarray(box_center, dtype=np.float64)) / size[..., None]
    scale = size / np.asarray(box_size, dtype=np.float64)
    return np.concatenate([scale[..., None], shift], axis=-1)


def ray_rotation(pixels: AnyArray, camera: Intrinsics) -> Array:
    """Return the smallest rotations (..., 3, 3) that take the optical axis to the rays through `pixels` (..., 2)."""
    pixels = np.asarray(pixels, dtype=np.float64)
    ray = np.stack(
        [
            (pixels[..., 0] - camera.cx) / camera.fx,
            (pixels[..., 1] - camera.cy) / camera.fy,
            np.ones(pixels.shape[:-1]),
        ],
        axis=-1,
    )
    return np.asarray(between_vectors(np.broadcast_to(np.array([0.0, 0.0, 1.0]), ray.shape), ray))


def turn_to_ray(
    root: AnyArray, pred_cam: AnyArray, box_center: AnyArray, box_size: AnyArray, pelvis_m: AnyArray, camera: Intrinsics
) -> tuple[Array, Array]:
    """Return how the body stands in `camera` when the crop's numbers are meant against the ray to the crop.

    Args:
        root: (..., 3, 3) orientation against the ray.
        pred_cam: (..., 3) s, tx, ty.
        box_center: (..., 2) pixels.
        box_size: (...) pixels.
        pelvis_m: (3,) the body's pelvis at rest for a translation of zero.
        camera: Of the whole picture.

    Returns:
        Orientation (..., 3, 3) and translation (..., 3) in the camera's axes, metres.
    """
    turn = ray_rotation(box_center, camera)
    # A camera that looks along the ray sees a piece of the picture enlarged by the cosine of the angle between them.
    focal = np.sqrt(camera.fx * camera.fy) / turn[..., 2, 2]
    cam = np.asarray(pred_cam, dtype=np.float64)
    size = np.asarray(box_size, dtype=np.float64) * cam[..., 0]
    depth = 2.0 * focal / np.where(size > 0, size, np.nan)
    seen = np.concatenate([cam[..., 1:], depth[..., None]], axis=-1) + pelvis_m
    pelvis = np.matmul(turn, seen[..., None])[..., 0]
    return np.matmul(turn, root), np.asarray(pelvis - pelvis_m)
