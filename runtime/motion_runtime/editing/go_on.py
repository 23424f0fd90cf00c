"""Motion that goes on from where other motion ends: another piece of it, or rest that lasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import move_pose_vectors
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.pose_vector import VELOCITIES
from motion_runtime.editing.joints import joints_of
from motion_runtime.editing.on_furniture import facing_down

Array = NDArray[np.float64]


def moved_to(pose: Array, x: Array) -> Array:
    """Move (T, 258) as one piece to where it begins where a pose (258,) is, and faces as that."""
    ways = [facing_down(joints_of(one)) for one in (pose[None], x[:1])]
    turned = np.asarray(move_pose_vectors(x, ways[0] - ways[1], np.zeros(2)), dtype=np.float64)
    shift = (joints_of(pose) - joints_of(turned[0]))[0, :2]
    return np.asarray(move_pose_vectors(turned, 0.0, shift), dtype=np.float64)


def going_on(pose: Array, x: Array, fades: float) -> Array:
    """Move (T, 258) as one piece to where it goes on from a pose (258,); what differs fades within so many frames."""
    moved = moved_to(pose, x)
    share = 1.0 - smooth_step(np.arange(len(x)) / fades)
    return np.asarray(moved + share[:, None] * (pose - moved[0]))


def to_and_fro(x: Array, since: int, last: int, count: int) -> Array:
    """What comes after a frame `last` of (T, 258) for so many frames: the frames since `since`, back and forth."""
    there = last - since
    back = np.abs((np.arange(1, count + 1) + there) % (2 * there) - there)
    on = np.gradient(np.concatenate([[0], back]))[1:] < 0  # in the way of time
    result = np.array(x[last - back])
    result[:, VELOCITIES] *= np.where(on, 1.0, -1.0)[:, None]
    return result
