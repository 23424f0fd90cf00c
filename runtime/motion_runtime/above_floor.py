"""Nobody lies in the floor: a body whose trunk, head or limbs are lower than bodies get is raised onto it.

Whole motions are put on the floor by where the lowest joint is most of the time (`editing/on_the_ground.py`). Who
stands first and falls later is right while standing, and may end with head and back under the floor. The frames in
which this is so are raised, as a whole and smoothly: bones and turns stay as they are. A step that dips into the floor
by millimetres is left alone, for the other foot would float.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_NAMES

Array = NDArray[np.float64]

LOWEST_M: Final = {
    "pelvis": 0.06, "hip": 0.06, "spine1": 0.06, "spine2": 0.06, "spine3": 0.06, "collar": 0.06, "head": 0.05,
    "neck": 0.03, "knee": 0.025, "shoulder": 0.015, "elbow": 0.0, "wrist": 0.0, "ankle": 0.0, "foot": -0.02,
}  # fmt: skip
"""Heights of joints that 98 % of those of lying bodies in the training data have at least; steps may be lower."""
_LOWEST: Final = np.array([LOWEST_M[name.removeprefix("left_").removeprefix("right_")] for name in JOINT_NAMES])
_EASED_S: Final = 0.2
"""Somebody is raised this long before and after the frames that need it."""


def above_floor(
    rotations: NDArray[np.floating[Any]], root_m: NDArray[np.floating[Any]], fps: float
) -> tuple[Array, Array]:
    """Raise bodies out of the floor, z = 0.

    Args:
        rotations: (P, T, 22, 3, 3), relative to the parents; returned unchanged.
        root_m: (P, T, 3) pelves in the room.
        fps: Frames a second.
    """
    turns: Array = np.asarray(rotations, np.float64)
    root: Array = np.asarray(root_m, np.float64)
    joints, _ = forward_kinematics(turns, root)
    sunk = np.maximum((_LOWEST - np.asarray(joints)[..., 2]).max(axis=-1), 0.0)  # (P, T)
    if not sunk.any():
        return turns, root
    raised = root.copy()
    raised[..., 2] += _eased(sunk, round(_EASED_S * fps))
    return turns, raised


def _eased(values: Array, reach: int) -> Array:
    """A smooth curve that is nowhere lower: the mean, weighted by a Hann window, of maxima over as many frames."""
    frames = values.shape[-1]
    around = np.clip(np.arange(frames)[:, None] + np.arange(-reach, reach + 1), 0, frames - 1)  # (T, 2 reach + 1)
    window = np.hanning(2 * reach + 3)[1:-1]
    highest: Array = values[..., around].max(axis=-1)
    return np.asarray(highest[..., around] @ (window / window.sum()), dtype=np.float64)
