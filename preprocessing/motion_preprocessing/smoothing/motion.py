"""Smooths joints, rotations and whole motions by equation 5.1.

Positions are smoothed as they are, each joint by itself. Rotations have no second difference of their own, so each is
first unrolled: with a reference path Q_t close by, frame t becomes the point

    p_t = s_t + log(Q_t^T R_t),    s_t = sum_(i <= t) log(Q_(i-1)^T Q_i),

of R^3, in which a turn at constant angular velocity is a straight line walked at constant speed, however many times
it goes round, and a wild frame is a single point far off. Equation 5.1 is solved for p and the result rolled up again,
R_t = Q_t exp(p_t - s_t). The reference is the same problem solved for the nine entries of the matrices, where a few
steps suffice, projected onto the rotations; its chords cut the corners of fast turns, which the second solution puts
right. Both steps commute with turning the world and with turning the body's axes (the Frobenius norm and the rotation
vectors' length change under neither), so that it makes no difference whether a capture is smoothed before or after its
floor is levelled. One path of 6D numbers would cut the corners too, and depends on the choice of body axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_preprocessing.smoothing.trend import SmoothingConfig, smooth_paths

Array = NDArray[np.float64]
FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SmoothedMotion:
    """A motion from its first to its last seen frame, without gaps."""

    rotations: Array
    """(T', 22, 3, 3) local rotations, entry 0 in the world or camera."""
    root_position_m: Array
    """(T', 3) the pelvis joint."""
    start: int
    """Frame of the input that is frame 0 here."""


def smooth_joints(
    joints_m: FloatArray, seen: NDArray[np.bool_] | None = None, config: SmoothingConfig | None = None
) -> Array:
    """Smooth positions (..., T, J, 3), each joint by itself.

    Args:
        joints_m: (..., T, J, 3); unseen entries may be anything, NaN too. Sequences of one length are solved together.
        seen: (..., T) or (..., T, J).
        config: See `SmoothingConfig`.

    Returns:
        (..., T, J, 3), unseen frames filled.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    if joints.ndim < 3 or joints.shape[-1] != 3:
        raise InputError(f"expected an array (..., T, J, 3), got shape {joints.shape} for the joints; reshape it")
    paths, mask = _paths(joints, seen, joints.shape[:-1])
    return _back(smooth_paths(paths, mask, config).values, joints.shape)


def smooth_rotations(
    rotations: FloatArray, seen: NDArray[np.bool_] | None = None, config: SmoothingConfig | None = None
) -> Array:
    """Smooth rotations (..., T, J, 3, 3), each joint by itself; see the module's text for how.

    Args:
        rotations: (..., T, J, 3, 3); unseen entries may be anything, NaN too.
        seen: (..., T) or (..., T, J).
        config: See `SmoothingConfig`.

    Returns:
        (..., T, J, 3, 3) rotations, unseen frames filled along the turn between their neighbours.
    """
    config = config or SmoothingConfig()
    matrices = np.asarray(rotations, dtype=np.float64)
    if matrices.ndim < 4 or matrices.shape[-2:] != (3, 3):
        raise InputError(f"expected an array (..., T, J, 3, 3), got shape {matrices.shape} for rotations; reshape it")
    flat = matrices.reshape(*matrices.shape[:-2], 9)
    paths, mask = _paths(flat, seen, matrices.shape[:-2])
    rough = smooth_paths(paths, mask, replace(config, max_iterations=0)).values
    reference = _nearest_rotations(np.moveaxis(rough, 1, -1).reshape(*mask.shape, 3, 3))
    known = np.moveaxis(paths, 1, -1).reshape(*mask.shape, 3, 3)
    offsets = np.zeros((*mask.shape, 3))
    offsets[mask] = _between(reference[mask], known[mask])
    unrolled = np.zeros_like(offsets)
    unrolled[1:] = np.cumsum(_between(reference[:-1], reference[1:]), axis=0)
    smooth = np.moveaxis(smooth_paths(np.moveaxis(unrolled + offsets, -1, 1), mask, config).values, 1, -1)
    turned = reference @ np.asarray(matrix_from_rotation_vector(smooth - unrolled))
    return _back(np.moveaxis(turned.reshape(*mask.shape, 9), -1, 1), flat.shape).reshape(matrices.shape)


def smooth_motion(
    rotations: FloatArray,
    root_position_m: FloatArray,
    seen: NDArray[np.bool_] | None = None,
    config: SmoothingConfig | None = None,
) -> SmoothedMotion:
    """Smooth the local rotations and the pelvis of one person; joints then follow by forward kinematics.

    The body keeps its bones this way, which joints that are smoothed one by one do not. Frames before the first and
    after the last seen one are cut off; frames between are filled.

    Args:
        rotations: (T, J, 3, 3) local rotations.
        root_position_m: (T, 3) the pelvis JOINT, not SMPL's `transl`.
        seen: (T,).
        config: See `SmoothingConfig`.

    Raises:
        InputError: Fewer than two frames are seen.
    """
    matrices, root = np.asarray(rotations, dtype=np.float64), np.asarray(root_position_m, dtype=np.float64)
    mask = np.ones(len(root), dtype=np.bool_) if seen is None else np.asarray(seen, dtype=np.bool_)
    if root.shape != (len(matrices), 3) or mask.shape != (len(matrices),):
        raise InputError(
            f"expected rotations, positions and flags of the same frames, got {matrices.shape}, {root.shape} and "
            f"{mask.shape} for a motion; pass (T, J, 3, 3), (T, 3) and (T,)"
        )
    frames = np.flatnonzero(mask)
    if len(frames) < 2:
        raise InputError(f"expected 2 seen frames or more, got {len(frames)} for a motion; leave the person out")
    kept = slice(int(frames[0]), int(frames[-1]) + 1)
    return SmoothedMotion(
        smooth_rotations(matrices[kept], mask[kept], config),
        smooth_joints(root[kept, None], mask[kept], config)[:, 0],
        kept.start,
    )


def _paths(values: Array, seen: NDArray[np.bool_] | None, frames: tuple[int, ...]) -> tuple[Array, NDArray[np.bool_]]:
    """Turn (..., T, J, C) into (T, C, N) and its flags (T, N)."""
    mask = np.ones(frames, dtype=np.bool_) if seen is None else np.asarray(seen, dtype=np.bool_)
    if mask.shape == frames[:-1]:
        mask = np.broadcast_to(mask[..., None], frames)
    if mask.shape != frames:
        raise InputError(f"expected shape {frames[:-1]} or {frames}, got {mask.shape} for the seen frames; reshape it")
    paths = np.moveaxis(values, (-3, -1), (0, 1)).reshape(values.shape[-3], values.shape[-1], -1)
    return paths, np.moveaxis(mask, -2, 0).reshape(frames[-2], -1)


def _between(first: Array, second: Array) -> Array:
    """Rotation vectors (..., 3) that turn `first` (..., 3, 3) into `second`, in the axes of `first`."""
    return np.asarray(rotation_vector_from_matrix(np.swapaxes(first, -1, -2) @ second))


def _nearest_rotations(matrices: Array) -> Array:
    """Project (..., 3, 3) onto the rotations in the Frobenius norm."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[..., None]
    return np.asarray(u @ vt)


def _back(paths: Array, shape: tuple[int, ...]) -> Array:
    """Undo `_paths`."""
    moved = paths.reshape(shape[-3], shape[-1], *shape[:-3], shape[-2])
    return np.ascontiguousarray(np.moveaxis(moved, (0, 1), (-3, -1)))
