"""Who comes walking and sits down turns round before, as a correction of x0 in the denoising loop.

The model sits down facing the way it came, as if the seat's back were not there: few recordings of a walk end on a
chair. A seat is open in front, so the way there and the way that one faces on it are about opposite. The body is turned
about its pelvis, and its way bent along with it, in the last moments that it is upright:

    p'(0) = p(0),  dp'(t) = R(s(t) a) dp(t),  joints'(t) = p'(t) + R(s(t) a) (joints(t) - p(t))

with s from 0 to 1. Everything before and everything after is as the model has it, but for a rigid move. Done in every
step, the network makes steps of what a correction alone would slide through.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.rotations import about_z
from motion_runtime.editing.joints import joints_of, with_joints

Array = NDArray[np.float64]

FASTEST_RAD_S: Final = float(np.radians(150.0))
"""Mean speed of a turn on the spot."""
SHORTEST_S: Final = 0.6


def turned_round(x: Array, turn_rad: float, fps: float, since: int, until: int) -> Array:
    """Turn somebody by an angle while they are upright.

    Args:
        x: (T, 258) in metres.
        turn_rad: The angle, counter-clockwise.
        fps: Frames a second.
        since: Frame up to which nothing may change.
        until: Frame by which the turn is done; it takes its time before, or all there is since `since`.

    Returns:
        Pose vectors (T, 258).
    """
    takes = max(SHORTEST_S, abs(turn_rad) / FASTEST_RAD_S) * fps
    u = (np.arange(len(x)) - until) / min(takes, max(until - since, 1)) + 1.0
    turn = np.asarray(about_z(smooth_step(u) * turn_rad))  # (T, 3, 3)
    joints = joints_of(x)
    way = np.diff(joints[:, 0], axis=0)
    between = np.einsum("tij,tj->ti", 0.5 * (turn[1:] + turn[:-1]), way)
    pelvis = joints[:1, 0] + np.concatenate([np.zeros((1, 3)), np.cumsum(between, axis=0)])
    moved = (joints - joints[:, :1]) @ turn.swapaxes(-1, -2) + pelvis[:, None]
    return with_joints(x, moved, fps)
