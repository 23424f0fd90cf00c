"""Who takes a step lifts the foot: steps that hardly leave the floor are lifted as high as recorded ones.

A network trained on the squared error draws a mean of steps that are taken a little earlier or later, which is flatter
than each of them: where recorded feet rise and come down, its feet glide to their next place a centimetre or two over
the floor. Here a foot that goes somewhere while the other one is on the floor gets as high on its way as three quarters
of the recorded ones that go as far. What is missing is laid over the step as an arch: nothing where it begins and ends,
and most of it soon after, as feet go up before they go on. Steps that are high enough stay as they are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.motion_features import runs
from motion_preprocessing.skeleton import FEET
from motion_runtime.editing.feet_carry import BALL_HEIGHT_M, UPRIGHT_PELVIS_M, ball_speed_m_s
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

STEP_M: Final = (0.1, 0.25, 0.5, 0.8, 1.3)
"""Who steps as far as this ..."""
HEIGHT_M: Final = (0.03, 0.046, 0.062, 0.073, 0.09)
"""... has the ball of the foot so high on the way, three times of four, in recordings (benchmarks/feet.py)."""
GOES_M_S: Final = 0.35
"""A foot that is faster is on its way."""
_SMOOTH_S: Final = 0.03


def lifts_m(joints_m: Array, fps: float) -> Array:
    """How far the left and the right foot are to be lifted, (T, 2), from joints (T, 22, 3) over the floor z = 0."""
    lift = np.zeros((len(joints_m), len(FEET)))
    for foot, step in steps(joints_m, fps):
        lift[step, foot] = _arch(joints_m[step, FEET[foot]])
    return np.asarray(low_pass(lift, _SMOOTH_S * fps)) if lift.any() else lift


def steps(joints_m: Array, fps: float) -> list[tuple[int, slice]]:
    """Steps over the floor of who is upright, the other foot on it too: which foot (0 = left) goes in which frames.

    What runs on at either end of the motion is left out: how far it leads is not known.

    Args:
        joints_m: (T, 22, 3), floor z = 0.
        fps: Frames a second.
    """
    going = ball_speed_m_s(joints_m, fps) > GOES_M_S
    found = []
    for foot, joint in enumerate(FEET):
        for first, last in runs(going[:, foot]):
            step = slice(first - 1, last + 1)
            if first == 0 or last == len(joints_m) or joints_m[step, joint, 2].min() >= BALL_HEIGHT_M:
                continue
            grounded = np.median(joints_m[step, FEET[1 - foot], 2]) < BALL_HEIGHT_M
            if grounded and joints_m[step, 0, 2].mean() >= UPRIGHT_PELVIS_M:
                found.append((foot, step))
    return found


def far_and_high_m(ball_m: Array) -> tuple[float, float]:
    """How far a step leads and how high the ball of the foot gets, from where it is in the meantime, (N, 3)."""
    return float(np.linalg.norm(ball_m[-1, :2] - ball_m[0, :2])), float(ball_m[:, 2].max())


def _arch(ball_m: Array) -> Array:
    """What a step is to be lifted by, (N,), from where the ball of the foot is, (N, 3)."""
    far, high = far_and_high_m(ball_m)
    missing = float(np.interp(far, STEP_M, HEIGHT_M)) - high
    if far < STEP_M[0] or missing <= 0:
        return np.zeros(len(ball_m))
    gone = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ball_m[:, :2], axis=0), axis=1))])
    share = gone / gone[-1]
    return np.asarray(missing * np.sqrt(4.0 * share * (1.0 - share)))
