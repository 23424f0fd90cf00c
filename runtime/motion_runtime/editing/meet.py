"""The last correction: what is known of a motion is met by the body that is written.

The network sees known parts at every step, but a body with bones of fixed length, fitted to its output and smoothed, is
a few centimetres off them again. Here the rest is taken away exactly, in the same order and with the same carrying over
to neighbouring frames as in the loop (`impose`), on rotations, so that bones keep their lengths:

    place over the floor and height -> facing -> turns of joints -> places of joints, by inverse kinematics

What two corrections share a frame of is settled by the later one; where places and turns of one joint contradict each
other, turns win.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.editing.constraints import Constraints, wrapped
from motion_runtime.editing.impose import REACH_S, TURN_S
from motion_runtime.editing.reach import reach
from motion_runtime.editing.spread import fading, lasting

Array = NDArray[np.float64]


def meet(rotations: Array, root_m: Array, known: Constraints, fps: float) -> tuple[Array, Array]:
    """Correct a motion so that it meets what is known of it.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (P, T, 3) pelvis in the room.
        known: What is known, in the room.
        fps: Frames a second.

    Returns:
        Rotations and pelvis, unchanged where nothing known is near.
    """
    rotations, root_m = np.array(rotations, np.float64), np.array(root_m, np.float64)
    for person in range(len(root_m)):
        _over_the_floor(root_m[person], known, person, fps)
        _facing(rotations[person], known, person, fps)
        _turns(rotations[person], known, person, fps)
        _places(rotations[person], root_m[person], known, person, fps)
    return rotations, root_m


def _over_the_floor(root_m: Array, known: Constraints, person: int, fps: float) -> None:
    if known.floor_mask[person].any():
        spread = lasting(known.floor_mask[person], REACH_S * fps)
        root_m[:, :2] += spread(known.floor_m[person] - root_m[:, :2])
    height = known.position_mask[person, :, 0]
    if height.any():
        root_m[:, 2] += fading(height, REACH_S * fps)(known.positions_m[person, :, 0, 2] - root_m[:, 2])


def _facing(rotations: Array, known: Constraints, person: int, fps: float) -> None:
    mask = known.yaw_mask[person]
    if mask.any():
        gap = wrapped(known.yaw_rad[person] - heading_rad(rotations[:, 0]))
        rotations[:, 0] = about_z(fading(mask, TURN_S * fps)(gap)) @ rotations[:, 0]


def _turns(rotations: Array, known: Constraints, person: int, fps: float) -> None:
    masks = known.rotation_mask[person]
    for joint in np.flatnonzero(masks.any(axis=0)):
        now = rotations[:, joint]
        gap = np.asarray(rotation_vector_from_matrix(now.swapaxes(-1, -2) @ known.rotations[person, :, joint]))
        carried = fading(masks[:, joint], REACH_S * fps)(gap)
        rotations[:, joint] = now @ np.asarray(matrix_from_rotation_vector(carried))


def _places(rotations: Array, root_m: Array, known: Constraints, person: int, fps: float) -> None:
    masks = known.position_mask[person]
    frames = masks.any(axis=1)
    if not frames.any():
        return
    joints = np.asarray(forward_kinematics(rotations, root_m)[0])
    turn, shift = np.zeros((len(root_m), JOINT_COUNT, 3)), np.zeros_like(root_m)
    for frame in np.flatnonzero(frames):
        mask, places = masks[frame], known.positions_m[person, frame]
        if np.abs(places - joints[frame])[mask].max() < 1e-6:
            continue
        fixed = known.rotation_mask[person, frame]
        turned, moved = reach(rotations[frame], root_m[frame], places, mask, fixed)
        difference = rotations[frame].swapaxes(-1, -2) @ turned
        turn[frame], shift[frame] = np.asarray(rotation_vector_from_matrix(difference)), moved - root_m[frame]
    spread = fading(frames, REACH_S * fps)
    rotations[:] = rotations @ np.asarray(matrix_from_rotation_vector(spread(turn)))
    root_m += spread(shift)
