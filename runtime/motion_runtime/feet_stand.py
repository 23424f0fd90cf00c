"""Feet that stand stay where they stand: the legs bend for it.

`editing.feet_carry` has made ways as long as the steps; what is left are feet that creep about under somebody who
bends, turns or sits down, each on its own. Here, as in Kovar et al. 2002 ("Footskate Cleanup for Motion Capture
Editing"), the ball of a foot stays near one place for as long as it stands, what it is moved by fades over the step in
between, and hip and knee follow; pelvis and trunk stay as they are, so that hands and seats are met as before. No knee
is stretched further than it was or than `_STRETCHED` of the leg: what a leg does not reach goes on sliding. In the same
go feet that drag over the floor on their way are lifted (`feet_lift`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.motion_features import runs
from motion_preprocessing.skeleton import FEET, JOINT_INDEX
from motion_runtime.editing.feet_carry import stances
from motion_runtime.editing.limb import turned_to
from motion_runtime.feet_lift import lifts_m
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

FREE_M: Final = 0.01
"""The ball of a standing foot may be so far from its place: shoes roll and twist, in recordings too."""
FARTHEST_M: Final = 0.1
"""Feet are moved by no more than this; where one slid further, its place goes along."""
LYING_M: Final = 0.35
"""Who has the pelvis below this does not stand on their feet."""
SEATED_M: Final = 0.65
"""Below this, feet that go where the pelvis goes do not stand either: somebody is pushed along in a wheelchair."""
_FADE_S: Final = 0.3
"""A foot in the air is back where the network has it after this, if it is in the air so long."""
_SMOOTH_S: Final = 0.06
_STRETCHED: Final = 0.985
_SIDES: Final = ("left", "right")


def feet_stand(rotations: Array, root_m: Array, fps: float) -> Array:
    """Keep standing feet from sliding, and lift those that step.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (P, T, 3) pelvis in the room.
        fps: Frames a second.

    Returns:
        (P, T, 22, 3, 3), the same but for hips, knees and ankles of legs whose foot slid or dragged.
    """
    rotations = np.array(rotations, np.float64)
    for own, root in zip(rotations, root_m, strict=True):
        joints, world = (np.asarray(value) for value in forward_kinematics(own, root))
        shifts = np.concatenate([shifts_m(joints, fps), lifts_m(joints, fps)[..., None]], axis=-1)  # (T, 2, 3)
        for side, shift in zip(_SIDES, shifts.swapaxes(0, 1), strict=True):
            moved = shift.any(axis=1)
            if moved.any():
                own[moved] = _stepped(own[moved], joints[moved], world[moved], side, shift[moved])
    return rotations


def shifts_m(joints_m: Array, fps: float) -> Array:
    """How far the left and the right foot are to be moved over the floor, (T, 2, 2), from joints (T, 22, 3)."""
    standing = stances(joints_m, fps) & _on_feet(joints_m, fps)
    shift = np.zeros((len(joints_m), 2, 2))
    for foot, joint in enumerate(FEET):
        ball = joints_m[:, joint, :2]
        for first, last in runs(standing[:, foot]):
            shift[first:last, foot] = _back(ball[first:last])
        shift[:, foot] = _between(shift[:, foot], standing[:, foot], _FADE_S * fps)
    return np.asarray(low_pass(shift.reshape(len(shift), -1), _SMOOTH_S * fps)).reshape(shift.shape)


def _on_feet(joints: Array, fps: float) -> NDArray[np.bool_]:
    """Frames (T, 2) in which the left and the right foot may carry something."""
    way = low_pass(
        np.diff(joints[:, [0, *FEET], :2], axis=0, append=joints[-1:, [0, *FEET], :2]).reshape(-1, 6), 0.1 * fps
    )
    speed = np.linalg.norm(way.reshape(-1, 3, 2), axis=-1) * fps
    carried = (joints[:, 0, 2] < SEATED_M)[:, None] & (speed[:, 1:] > 0.5 * speed[:, :1]) & (speed[:, :1] > 0.1)
    return np.asarray((joints[:, 0, 2] > LYING_M)[:, None] & ~carried)


def _back(ball: Array) -> Array:
    """What brings the places (N, 2) of one stance near one place, (N, 2)."""
    away = np.median(ball, axis=0) - ball
    far = np.linalg.norm(away, axis=1, keepdims=True)
    wanted = np.maximum(far - FREE_M, 0.0)
    # Bends off smoothly, so that nothing jerks where the most is reached.
    return np.asarray(away / np.maximum(far, 1e-9) * FARTHEST_M * np.tanh(wanted / FARTHEST_M))


def _between(shift: Array, standing: NDArray[np.bool_], fade: float) -> Array:
    """Shifts (T, 2) carried over the frames in which the foot does not stand, fading on the way."""
    on = np.flatnonzero(standing)
    if not len(on):
        return np.zeros_like(shift)
    frames = np.arange(len(shift))
    carried = np.stack([np.interp(frames, on, shift[on, axis]) for axis in (0, 1)], axis=1)
    after = np.searchsorted(on, frames)
    away = np.minimum(
        np.abs(on[np.maximum(after - 1, 0)] - frames), np.abs(on[np.minimum(after, len(on) - 1)] - frames)
    )
    return np.asarray(carried * (0.5 + 0.5 * np.cos(np.pi * np.minimum(away / fade, 1.0)))[:, None])


def _stepped(rotations: Array, joints: Array, world: Array, side: str, shift: Array) -> Array:
    """Legs of (T, 22, 3, 3) with the foot moved by (T, 3), its orientation as it was."""
    hip, knee, ankle = (JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
    way = joints[:, ankle] - joints[:, hip]
    was = np.linalg.norm(way, axis=1, keepdims=True)
    way += shift
    whole = np.linalg.norm(thigh, axis=1, keepdims=True) + np.linalg.norm(shin, axis=1, keepdims=True)
    way *= np.minimum(1.0, np.maximum(was, _STRETCHED * whole) / np.linalg.norm(way, axis=1, keepdims=True))
    upper, lower = turned_to(thigh, shin, way, -world[:, hip, :, 2])
    result = rotations.copy()
    thigh_now, shin_now = upper @ world[:, hip], lower @ world[:, knee]
    result[:, hip] = world[:, 0].swapaxes(-1, -2) @ thigh_now
    result[:, knee] = thigh_now.swapaxes(-1, -2) @ shin_now
    result[:, ankle] = shin_now.swapaxes(-1, -2) @ world[:, ankle]
    return result
