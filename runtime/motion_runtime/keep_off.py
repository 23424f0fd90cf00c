"""Bodies are kept out of the room's things: the last correction of a motion, on rotations, so that bones keep lengths.

The network knows roughly where things are: it sits down a hand too deep, draws a shin through the edge of a bed, lays
an arm into a rest. Here each body's spheres that are inside of something are moved out by damped least squares, as in
`editing.reach`: the turns d of the joints and the shift of the pelvis solve min |J d - e|^2 + lambda^2 |d|^2, where a
row of J is what a turn moves a sphere along its way out and e is how deep it is. Feet of who stands are held by rows of
their own. All frames are solved at once; the turns are smoothed over time, and what that leaves inside is solved again
and added.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import NAMES, SPHERES, body_spheres
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_preprocessing.skeleton import BONES, JOINT_COUNT, JOINT_INDEX, PARENTS
from motion_runtime.editing.reach import BELOW
from motion_runtime.low_pass import low_pass
from motion_runtime.room_solids import Solids

Array = NDArray[np.float64]

SMOOTH_S: Final = 0.2
_PASSES: Final = 6
"""Of solving and smoothing."""
_ROUNDS: Final = 4
"""Of solving in each."""
_DEEPEST: Final = 24
"""Spheres of a frame that are moved at once."""
_DAMPING: Final = 0.02
_LONGEST_STEP_M: Final = 0.05
"""Spheres are moved by as much a round: a turn's effect is straight for small ones only."""
_STANDS_M: Final = 0.15
"""A foot or ankle lower than this stays where it is ..."""
_HOLD: Final = 0.7
"""... as much as this, against a sphere's 1, where the person stands,"""
_HOLD_SEATED: Final = 0.1
"""... and as this where they sit: on a high seat feet leave the floor rather than the pelvis the seat."""
_SEATED_M: Final = (0.75, 0.85)
"""Heights of the pelvis below and above which somebody sits and stands."""
_SHIFT: Final = np.array([0.3, 0.3, 0.4])
"""Metres of the pelvis' shift that cost as much as a radian of a joint's turn: who sits is to stay on the seat."""
_FLOOR_GIVES_M: Final = 0.02
"""Nothing is moved farther into the floor than this."""
_FREE: Final = tuple(
    JOINT_INDEX[name]
    for name in ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "spine1", "spine3",
                 "neck", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist")
)  # fmt: skip
"""Joints that may turn."""
_FEET: Final = tuple(JOINT_INDEX[f"{side}_{name}"] for name in ("ankle", "foot") for side in ("left", "right"))


def _carriers() -> NDArray[np.int64]:
    """(C,) the joint whose turn moves each capsule: the one its bone starts in, of an extension the last."""
    ends = [name.removesuffix("_end") for name in NAMES]
    return np.array([parent for parent, _ in BONES] + [JOINT_INDEX[name] for name in ends[len(BONES) :]])


_CARRIER: Final = np.repeat(_carriers(), SPHERES)  # (N,)
_MOVES: Final = BELOW | np.eye(JOINT_COUNT, dtype=np.bool_)
"""(22, 22): whether turning joint a moves what is carried by joint j: a itself and all below."""


def keep_off(rotations: Array, root_m: Array, solids: Solids, fps: float) -> tuple[Array, Array]:
    """Move bodies out of solid things.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (P, T, 3) pelvis in the room.
        solids: The room's.
        fps: Frames a second.

    Returns:
        Rotations and pelvis, unchanged where nobody is inside of anything.
    """
    rotations, root_m = np.array(rotations, np.float64), np.array(root_m, np.float64)
    for person in range(len(root_m)):
        rotations[person], root_m[person] = _kept_off(rotations[person], root_m[person], solids, fps)
    return rotations, root_m


def _kept_off(rotations: Array, root_m: Array, solids: Solids, fps: float) -> tuple[Array, Array]:
    first_joints = np.asarray(forward_kinematics(rotations, root_m)[0])
    feet = first_joints[:, _FEET]  # (T, F, 3)
    centres, radii = body_spheres(first_joints)
    # What is under a seat is led down by it: no farther than the floor, or than it was.
    lowest = np.minimum(centres[..., 2] - radii, 0.0) + radii - _FLOOR_GIVES_M  # (T, N)
    for _ in range(_PASSES):
        turned, moved = rotations.copy(), root_m.copy()
        inside = first_inside = _step(turned, moved, np.arange(len(root_m)), feet, lowest, solids)
        for _ in range(_ROUNDS - 1):
            if not len(inside):
                break
            inside = _step(turned, moved, inside, feet, lowest, solids)
        if not len(first_inside):
            break
        # Each pass adds what is smooth by itself: the sum smoothed again would sink back in at every peak.
        turn = np.asarray(rotation_vector_from_matrix(rotations.swapaxes(-1, -2) @ turned))
        turn = low_pass(turn.reshape(len(turn), -1), SMOOTH_S * fps).reshape(turn.shape)
        rotations = rotations @ np.asarray(matrix_from_rotation_vector(turn))
        root_m = root_m + low_pass(moved - root_m, SMOOTH_S * fps)
    return rotations, root_m


def _step(
    rotations: Array, root_m: Array, among: NDArray[np.int64], feet: Array, lowest: Array, solids: Solids
) -> NDArray[np.int64]:
    """Solve the frames `among` once, in place; which of them had somebody inside of something.

    Args:
        rotations: (T, 22, 3, 3).
        root_m: (T, 3).
        among: Numbers of frames.
        feet: (T, F, 3) where feet are to stay that stand.
        lowest: (T, N) heights that spheres are not to be lower than.
        solids: The room's.
    """
    joints, world = (np.asarray(value) for value in forward_kinematics(rotations[among], root_m[among]))
    centres, radii = body_spheres(joints)  # (T, N, 3), (N,)
    depth, way = solids.depth(centres.reshape(-1, 3), np.tile(radii, len(joints)))
    depth, way = depth.reshape(len(joints), -1), way.reshape(*centres.shape)
    sunk = lowest[among] - centres[..., 2]
    depth, way = np.maximum(depth, sunk), np.where((sunk > depth)[..., None], np.array([0.0, 0.0, 1.0]), way)
    frames = np.flatnonzero((depth > 0.002).any(axis=1))
    if not len(frames):
        return among[frames]
    worst = np.argsort(-depth[frames], axis=1)[:, :_DEEPEST]  # (F, R)
    rows = frames[:, None], worst
    ways, gaps = way[rows], np.minimum(depth[rows], _LONGEST_STEP_M)
    matrix = _rows(joints[frames], centres[rows], ways, _CARRIER[worst])
    held, missing = _feet_rows(joints[frames], feet[among[frames]])
    matrix, gaps = np.concatenate([matrix, held], axis=1), np.concatenate([gaps, missing], axis=1)
    damped = matrix @ matrix.swapaxes(1, 2) + _DAMPING * np.eye(matrix.shape[1])
    change = (matrix.swapaxes(1, 2) @ np.linalg.solve(damped, gaps[..., None]))[..., 0]  # (F, 3 A + 3)
    root_m[among[frames]] += _SHIFT * change[:, -3:]
    turns = change[:, :-3].reshape(len(frames), len(_FREE), 3)
    # Turns of the room's axes, seen from the parent: what is below turns along.
    axes = world[frames][:, [PARENTS[joint] for joint in _FREE]]
    local = np.asarray(matrix_from_rotation_vector(np.einsum("tkji,tkj->tki", axes, turns)))
    free = among[frames][:, None], list(_FREE)
    rotations[free] = local @ rotations[free]
    return among[frames]


def _rows(joints: Array, places: Array, ways: Array, carriers: NDArray[np.int64]) -> Array:
    """How far turns and the shift move places, carried by joints, along ways (F, R, 3): (F, R, 3 A + 3)."""
    arm = places[:, :, None] - joints[:, None, list(_FREE)]  # (F, R, A, 3)
    turn = np.where(_MOVES[carriers][..., list(_FREE), None], np.cross(arm, ways[:, :, None]), 0.0)
    return np.concatenate([turn.reshape(*turn.shape[:2], -1), _SHIFT * ways], axis=-1)


def _feet_rows(joints: Array, feet: Array) -> tuple[Array, Array]:
    """Rows (F, R, 3 A + 3) and gaps (F, R) that hold feet on the floor where they were."""
    frames, count = feet.shape[:2]
    ways = np.broadcast_to(np.eye(3), (frames, count, 3, 3)).reshape(frames, -1, 3)
    now = joints[:, _FEET]
    places = np.repeat(now, 3, axis=1)
    carriers = np.broadcast_to(np.repeat([PARENTS[joint] for joint in _FEET], 3), places.shape[:2])
    held = np.interp(joints[:, 0, 2], _SEATED_M, (_HOLD_SEATED, _HOLD))[:, None]
    weight = np.repeat(np.where(feet[..., 2] < _STANDS_M, held, 0.0), 3, axis=1)
    rows = _rows(joints, places, ways, carriers)
    return weight[..., None] * rows, weight * (feet - now).reshape(frames, -1)
