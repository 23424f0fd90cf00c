"""Nobody lies in the floor: trunks that are lower than trunks get are raised onto it, limbs are turned out of it.

Whole motions are put on the floor by where the lowest joint is most of the time (`editing/on_the_ground`). Who stands
first and falls later is right while standing, and may end with head and back under the floor. The frames in which this
is so are raised, as a whole and smoothly: bones and turns stay as they are. A step that dips into the floor by
millimetres is left alone, for the other foot would float.

Where the trunk lies, though, an arm or a leg in the floor holds it up no more than the floor gives way to it: raised by
a hand that points down, the whole body would hang in the air. There limbs are turned, each bone about where it begins,
in the vertical plane that it is in, up to where its end is at its least height: from v = (h, z) to

    v' = (sqrt(|v|^2 - z'^2) a, z'),  z' = z + rise,  a = unit(h + rise p / 2).

A bone that points straight down is in no plane, or in all of them; then p decides, the level direction of the bone
before it. Bodies whose trunk is well above the floor stand or kneel on their limbs, and are raised; so are those who
push up from it, for an arm that swings through the floor as the trunk leaves it would be flung up before and after.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import between_vectors, matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS
from motion_runtime.editing.limb import unit
from motion_runtime.editing.reach import BELOW
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

LOWEST_M: Final = {
    "pelvis": 0.06, "hip": 0.06, "spine1": 0.06, "spine2": 0.06, "spine3": 0.06, "collar": 0.06, "head": 0.05,
    "neck": 0.03, "knee": 0.025, "shoulder": 0.015, "elbow": 0.0, "wrist": 0.0, "ankle": 0.0, "foot": -0.02,
}  # fmt: skip
"""Heights of joints that 98 % of those of lying bodies in the training data have at least; steps may be lower."""
LOWEST: Final = np.array([LOWEST_M[name.removeprefix("left_").removeprefix("right_")] for name in JOINT_NAMES])
"""The same, (22,)."""
TRUNK_LIES_M: Final = (0.1, 0.2)
"""A trunk that is up to so far above where trunks lie, lies, and one that is farther above is on its limbs."""
RISES_S: Final = 0.5
"""Who pushes up from the floor is on their limbs this long before the trunk is up."""
_EASED_S: Final = 0.2
"""Somebody is raised this long before and after the frames that need it, ..."""
_LIMB_EASED_S: Final = 0.1
"""... and a limb this long."""
_LIMBS: Final = ("knee", "ankle", "foot", "elbow", "wrist")
_LIMB: Final = np.array([name.endswith(_LIMBS) for name in JOINT_NAMES])
_ENDS: Final = tuple(JOINT_INDEX[f"{side}_{name}"] for name in _LIMBS for side in ("left", "right"))
"""Of the bones that are turned, outwards."""
_SMOOTH_S: Final = 0.1
"""A Gaussian over these turns: a bone that points down as it gets into the floor is in another plane each frame."""
_PASSES: Final = 2
"""What smoothing leaves in the floor is turned out of it again, ..."""
_LEAST_M: Final = 0.001
"""... and the body raised by what is left then, or was no more than this."""
_STEEPEST: Final = 0.999
"""Sine of the steepest slope that a bone is turned to."""


def above_floor(
    rotations: NDArray[np.floating[Any]], root_m: NDArray[np.floating[Any]], fps: float
) -> tuple[Array, Array]:
    """Bring bodies out of the floor, z = 0.

    Args:
        rotations: (P, T, 22, 3, 3), relative to the parents.
        root_m: (P, T, 3) pelves in the room.
        fps: Frames a second.

    Returns:
        Rotations, the same but for limbs of who lies, and pelves, raised.
    """
    turns: Array = np.asarray(rotations, np.float64)
    root: Array = np.asarray(root_m, np.float64)
    joints = np.asarray(forward_kinematics(turns, root)[0])
    sunk = np.maximum((LOWEST - joints[..., 2]).max(axis=-1), 0.0)  # (P, T)
    if not sunk.any():
        return turns, root
    turns, root = turns.copy(), root.copy()
    for person in np.flatnonzero(sunk.any(axis=-1)):
        turns[person], root[person] = _brought_out(turns[person], root[person], joints[person], fps)
    return turns, root


def _brought_out(turns: Array, root: Array, joints: Array, fps: float) -> tuple[Array, Array]:
    """The same for one person, with joints (T, 22, 3)."""
    reach = round(_EASED_S * fps)
    below = LOWEST - joints[..., 2]
    trunk = below[:, ~_LIMB].max(axis=-1)
    on_limbs = 1.0 - smooth_step((TRUNK_LIES_M[1] - np.maximum(-trunk, 0.0)) / np.ptp(TRUNK_LIES_M))
    on_limbs = _soon(on_limbs, round(RISES_S * fps))
    raised = root.copy()
    raised[:, 2] += eased(np.maximum(np.maximum(trunk, on_limbs * below[:, _LIMB].max(axis=-1)), 0.0), reach)
    turned = _limbs_out(turns, raised, fps)
    left = np.asarray(forward_kinematics(turned, raised)[0])[..., 2]
    raised[:, 2] += eased(np.maximum((LOWEST - left).max(axis=-1), 0.0), reach)
    return turned, raised


def _limbs_out(rotations: Array, root: Array, fps: float) -> Array:
    """Turn bones of (T, 22, 3, 3) of which an end is too low, from the trunk outwards."""
    joints, world = (np.array(value) for value in forward_kinematics(rotations, root))
    turned = rotations.copy()
    for end in _ENDS * _PASSES:
        sunk = np.maximum(LOWEST[end] - joints[:, end, 2], 0.0)
        if not (sunk > _LEAST_M).any():
            continue
        start = PARENTS[end]
        bone = joints[:, end] - joints[:, start]
        before = joints[:, start] - joints[:, PARENTS[start]]
        lift = low_pass(_lift(bone, eased(sunk, round(_LIMB_EASED_S * fps)), before), _SMOOTH_S * fps)
        turn = np.asarray(matrix_from_rotation_vector(lift))
        world[:, start] = turn @ world[:, start]
        turned[:, start] = world[:, PARENTS[start]].swapaxes(-1, -2) @ world[:, start]
        for joint in np.flatnonzero(BELOW[:, start]):
            joints[:, joint] = joints[:, start] + np.einsum("tij,tj->ti", turn, joints[:, joint] - joints[:, start])
            world[:, joint] = turn @ world[:, joint]
    return turned


def _lift(bone: Array, rise: Array, before: Array) -> Array:
    """Turns, as vectors (T, 3), that raise the ends of bones (T, 3) by (T,); the bones before them are (T, 3)."""
    length = np.linalg.norm(bone, axis=-1)
    height = np.clip(bone[:, 2] + rise, -_STEEPEST * length, _STEEPEST * length)
    level = unit(bone[:, :2] + 0.5 * rise[:, None] * unit(before[:, :2]))
    there = np.concatenate([level * np.sqrt(length**2 - height**2)[:, None], height[:, None]], axis=-1)
    turn = np.asarray(rotation_vector_from_matrix(between_vectors(bone, there)))
    return np.where((rise > 0)[:, None], turn, 0.0)


def _soon(values: Array, reach: int) -> Array:
    """The largest of each of (T,) and so many that come after it."""
    return np.asarray(sliding_window_view(np.pad(values, (0, reach), mode="edge"), reach + 1).max(axis=-1))


def eased(values: Array, reach: int) -> Array:
    """A smooth curve that is nowhere lower: the mean, weighted by a Hann window, of maxima over as many frames."""
    frames = values.shape[-1]
    around = np.clip(np.arange(frames)[:, None] + np.arange(-reach, reach + 1), 0, frames - 1)  # (T, 2 reach + 1)
    window = np.hanning(2 * reach + 3)[1:-1]
    highest: Array = values[..., around].max(axis=-1)
    return np.asarray(highest[..., around] @ (window / window.sum()), dtype=np.float64)
