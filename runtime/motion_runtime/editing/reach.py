"""Inverse kinematics: turn a body's joints as little as possible so that some of them come to lie at given places.

Damped least squares (Wampler 1986): the joints' turns d solve min |J d - e|^2 + lambda^2 |d|^2 for the gap e to the
places, again and again until it closes. A turn of joint a moves joint j below it by d x (p_j - p_a), all in the room's
axes. The pelvis may be shifted too, at a price: reaching for a far place takes steps, not only arms.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, PARENTS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CLOSE_M: Final = 1e-4
"""A gap this small is closed."""
_ROUNDS: Final = 100
_DAMPING_M: Final = 0.03
_LONGEST_STEP_M: Final = 0.1
"""Gaps are closed by as much a round: a turn's effect is straight for small ones only."""
_SHIFT_PRICE_M: Final = 0.3
"""A shift of the pelvis by a metre costs as much as turning one joint by 1 / 0.3 radians."""


def _descent() -> Mask:
    """(22, 22): whether joint j lies below joint a, so that turning a moves it."""
    below = np.zeros((JOINT_COUNT, JOINT_COUNT), np.bool_)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            below[joint] = below[parent]
            below[joint, parent] = True
    return below


BELOW: Final = _descent()
"""(22, 22) whether joint j lies below joint a."""


def reach(rotations: Array, root_m: Array, places_m: Array, known: Mask, fixed: Mask) -> tuple[Array, Array]:
    """Bring joints of one pose to their places.

    Args:
        rotations: (22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (3,) pelvis.
        places_m: (22, 3) where joints are to be; read where `known`.
        known: (22,) joints that have a place.
        fixed: (22,) joints that must not turn.

    Returns:
        Rotations (22, 3, 3) and pelvis (3,): at the places, or as near as the body reaches.
    """
    rotations, root_m = rotations.copy(), root_m.copy()
    goals, free = np.flatnonzero(known), np.flatnonzero(~fixed & BELOW[known].any(axis=0))
    best = (np.inf, rotations, root_m)
    for _ in range(_ROUNDS):
        joints, world = (np.asarray(value) for value in forward_kinematics(rotations, root_m))
        gap = places_m[goals] - joints[goals]
        far = np.linalg.norm(gap, axis=-1)
        if far.max() < best[0]:
            best = (float(far.max()), rotations.copy(), root_m.copy())
        if best[0] < CLOSE_M:
            break
        gap = gap * np.minimum(1.0, _LONGEST_STEP_M / np.maximum(far, 1e-12))[:, None]
        arm = np.where(BELOW[goals][:, free, None], joints[goals][:, None] - joints[free], 0.0)  # (G, A, 3)
        turn = -_cross_matrix(arm)  # d x arm = -arm x d
        jacobian = np.concatenate(
            [
                turn.transpose(0, 2, 1, 3).reshape(3 * len(goals), 3 * len(free)),
                np.tile(_SHIFT_PRICE_M * np.eye(3), (len(goals), 1)),
            ],
            axis=1,
        )
        damped = jacobian @ jacobian.T + _DAMPING_M**2 * np.eye(3 * len(goals))
        step = jacobian.T @ np.linalg.solve(damped, gap.reshape(-1))
        root_m += _SHIFT_PRICE_M * step[-3:]
        for joint, vector in zip(free, step[:-3].reshape(-1, 3), strict=True):
            # A turn of the room's axes, seen from the parent: what is below turns along.
            axes = np.eye(3) if PARENTS[joint] < 0 else world[PARENTS[joint]]
            local = np.asarray(matrix_from_rotation_vector(axes.T @ vector))
            rotations[joint] = local @ rotations[joint]
    return best[1], best[2]


def _cross_matrix(v: Array) -> Array:
    """(..., 3, 3) with `_cross_matrix(v) @ w` = v x w."""
    zero = np.zeros(v.shape[:-1])
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
