"""Body parts that are held go over into poses and keyframes that ask otherwise of them.

Who starts with the arm down and is to hold it up lifts it: at a pose's own frames the pose counts, and the difference
that it makes to what is held dies away around them, within the time in which any correction of a pose does (`impose`).
Imposed as they are, the two would differ within one frame by whatever is between them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.impose import REACH_S
from motion_runtime.editing.spread import fading

Array = NDArray[np.float64]

MOST_M: Final = 0.3
"""Nobody's pelvis is moved farther than this within that time: the feet that are held would slide."""


def going_over(held: Constraints, pinned: Constraints, fps: float) -> Constraints:
    """Both in one: what is pinned as it is, what is held around it changed so that it goes over into it.

    Args:
        held: Turns of joints, and places of the pelvis, frame by frame.
        pinned: What counts where both know something; turns and places.
        fps: Frames a second.

    Raises:
        InputError: A pelvis is to be at two places.
    """
    if held.empty:
        return pinned
    reach = REACH_S * fps
    rotations, positions = held.rotations.copy(), held.positions_m.copy()
    both = held.rotation_mask & pinned.rotation_mask
    for person, joint in np.argwhere(both.any(axis=1)):
        now, frames = rotations[person, :, joint], both[person, :, joint]
        gap = np.asarray(rotation_vector_from_matrix(now.swapaxes(-1, -2) @ pinned.rotations[person, :, joint]))
        turned = now @ np.asarray(matrix_from_rotation_vector(fading(frames, reach)(gap)))
        rotations[person, :, joint] = np.where(held.rotation_mask[person, :, joint, None, None], turned, now)
    placed = held.position_mask[..., 0] & pinned.position_mask[..., 0]
    gaps = np.where(placed[..., None], pinned.positions_m[..., 0, :] - positions[..., 0, :], 0.0)
    _check_near(gaps, fps)
    for person in np.flatnonzero(placed.any(axis=1)):
        moved = fading(placed[person], reach)(gaps[person])
        positions[person, :, 0] += np.where(held.position_mask[person, :, :1], moved, 0.0)
    rotation_mask = held.rotation_mask | pinned.rotation_mask
    position_mask = held.position_mask | pinned.position_mask
    rotations = np.where(pinned.rotation_mask[..., None, None], pinned.rotations, rotations)
    positions = np.where(pinned.position_mask[..., None], pinned.positions_m, positions)
    # Copies: a way over the floor that becomes known later is no place of a joint.
    known_floor, known_yaw = position_mask[..., 0].copy(), rotation_mask[..., 0].copy()
    return replace(
        held,
        rotations=rotations,
        rotation_mask=rotation_mask,
        positions_m=positions,
        position_mask=position_mask,
        floor_m=np.where(known_floor[..., None], positions[..., 0, :2], 0.0),
        floor_mask=known_floor,
        yaw_rad=np.where(known_yaw, heading_rad(rotations[..., 0, :, :]), 0.0),
        yaw_mask=known_yaw,
    )


def _check_near(gaps: Array, fps: float) -> None:
    """Refuse places of the pelvis (P, T, 3) that are too far apart to go from one to the other."""
    far = np.linalg.norm(gaps, axis=-1)
    if far.max(initial=0.0) > MOST_M:
        person, frame = np.unravel_index(int(far.argmax()), far.shape)
        raise InputError(
            f"expected what is held and the pose to agree, got places {far[person, frame]:.2f} m apart at "
            f"{frame / fps:g} s for person {person + 1}; hold other parts, or leave one of them out"
        )
