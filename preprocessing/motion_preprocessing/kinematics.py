"""Forward kinematics of the 22-joint tree, for numpy and torch alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from motion_preprocessing.skeleton import PARENTS, REST_OFFSETS_M

Array = Any


def forward_kinematics(
    local_rotations: Array, root_position_m: Array, offsets_m: NDArray[np.float64] | Array = REST_OFFSETS_M
) -> tuple[Array, Array]:
    """Compute joint positions from local rotations.

    Args:
        local_rotations: (..., 22, 3, 3); entry 0 is the root's orientation in the world, the others are relative to
            the parent joint.
        root_position_m: (..., 3) position of the pelvis joint in the world, metres.
        offsets_m: (22, 3) rest offsets in body axes, metres; an array beside the rotations is used as it stands, one
            of numpy is copied to where they are.

    Returns:
        Positions (..., 22, 3) in metres and world rotations (..., 22, 3, 3).
    """
    xp = array_namespace(local_rotations, root_position_m)
    own = np.array(offsets_m) if isinstance(offsets_m, np.ndarray) else offsets_m
    offsets = xp.asarray(own, dtype=local_rotations.dtype, device=device(local_rotations))
    rotations = [local_rotations[..., 0, :, :]]
    positions = [root_position_m]
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            continue
        positions.append(positions[parent] + xp.sum(rotations[parent] * offsets[joint], axis=-1))
        rotations.append(xp.matmul(rotations[parent], local_rotations[..., joint, :, :]))
    return xp.stack(positions, axis=-2), xp.stack(rotations, axis=-3)


def local_from_world(world_rotations: Array) -> Array:
    """Turn world rotations (..., 22, 3, 3) into local ones: R_local = R_parent^T R_world."""
    xp = array_namespace(world_rotations)
    local = [world_rotations[..., 0, :, :]]
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            parent_inverse = xp.matrix_transpose(world_rotations[..., parent, :, :])
            local.append(xp.matmul(parent_inverse, world_rotations[..., joint, :, :]))
    return xp.stack(local, axis=-3)
