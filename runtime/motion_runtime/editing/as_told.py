"""Ways are as long and turns as large as the prompt says, as a correction of x0 in the denoising loop.

Asked for two metres in five seconds, a network walks as far as people walk in five seconds. So the way is taken as the
network has it until it is as long as it was to be, and fades out there; one that is too short is stretched by as much
as steps can be. What is missing of a turn, or too much, is made up for little by little,

    p'(0) = p(0),  dp'(t) = R(d(t)) dp(t),  joints'(t) = p'(t) + R(d(t)) (joints(t) - p(t))

with d going from 0 to what is missing, so that the way bends along with the body. Done in every step, the network stops
where the way ends, and makes steps of what a correction alone would slide through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.rotations import about_z
from motion_runtime.amounts import Amounts
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.flips import stretched
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

STRETCH: Final = 1.5
"""Steps are made longer by this factor at most."""
STOPS_S: Final = 0.6
"""Whoever has gone far enough stops in about this time."""
_STEADY_S: Final = 0.2
"""Standard deviation of the Gaussian that takes swaying and stepping off ways and headings."""
_TURNS: Final = (0.1, 0.8)
"""In this part of the time what is missing of a turn is made up for."""


class AsTold:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(self, amounts: Sequence[Amounts | None], fps: float, kept: int = 0) -> None:
        """Prepare for one window.

        Args:
            amounts: What each person is told; None = nothing.
            fps: Frames a second.
            kept: Frames at the start that are the end of an earlier window, and stay as they are.
        """
        self._amounts, self._fps, self._since = amounts, fps, max(kept - 1, 0)

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        if not any(self._amounts) or x.shape[1] - self._since < 3:
            return x
        joints = joints_of(x).copy()
        for person, amounts in enumerate(self._amounts):
            if amounts is None:
                continue
            body = joints[person, self._since :]
            if amounts.turn_rad is not None:
                body = turned(body, amounts.turn_rad, self._fps, either_side=amounts.either_side)
            if amounts.way_m is not None:
                body = gone(body, amounts.way_m, self._fps, stretch=1.0 if amounts.goes_on else STRETCH)
            joints[person, self._since :] = body
        return with_joints(x, joints, self._fps)


def way_and_turn(joints: Array, fps: float) -> tuple[float, float]:
    """How far somebody, (T, 22, 3), goes over the floor, and by how much they turn, counter-clockwise, radians."""
    if len(joints) < 2:
        return 0.0, 0.0
    return float(_lengths(joints, fps).sum()), _turn(joints, fps)


def gone(joints: Array, way_m: float, fps: float, stretch: float = STRETCH) -> Array:
    """Let somebody, (T, 22, 3), go as far over the floor as they are told, with steps longer by a factor at most."""
    steps, lengths = np.diff(joints[:, 0, :2], axis=0), _lengths(joints, fps)
    way = lengths.cumsum()
    if way[-1] <= 0:
        return joints
    factor = np.full(len(steps), min(way_m / way[-1], stretch))
    if way[-1] > way_m:
        there = float(np.searchsorted(way, way_m))
        factor = 1.0 - smooth_step((np.arange(len(steps)) - there) / (STOPS_S * fps) + 0.5)
        factor *= way_m / max(float(factor @ lengths), 1e-9)
    moved = joints.copy()
    moved[1:, :, :2] += np.cumsum((factor - 1.0)[:, None] * steps, axis=0)[:, None]
    return moved


def turned(joints: Array, turn_rad: tuple[float, float], fps: float, *, either_side: bool = False) -> Array:
    """Let somebody, (T, 22, 3), turn by as much as they are told, counter-clockwise; `either_side`, or clockwise."""
    least, most = turn_rad
    own = _turn(joints, fps)
    if either_side and own < 0:
        least, most = -most, -least
    missing = min(max(own, least), most) - own
    u = (np.arange(len(joints)) / max(len(joints) - 1, 1) - _TURNS[0]) / (_TURNS[1] - _TURNS[0])
    turn = np.asarray(about_z(missing * smooth_step(u)))  # (T, 3, 3)
    between = np.einsum("tij,tj->ti", 0.5 * (turn[1:] + turn[:-1]), np.diff(joints[:, 0], axis=0))
    pelvis = joints[:1, 0] + np.concatenate([np.zeros((1, 3)), np.cumsum(between, axis=0)])
    return np.asarray((joints - joints[:, :1]) @ turn.swapaxes(-1, -2) + pelvis[:, None])


def _lengths(joints: Array, fps: float) -> Array:
    """Ways over the floor from frame to frame (T - 1,)."""
    steps = np.diff(joints[:, 0, :2], axis=0)
    return np.asarray(np.linalg.norm(low_pass(steps, _STEADY_S * fps), axis=-1))


def _turn(joints: Array, fps: float) -> float:
    # As the finished body turns: by a flash there and back not at all, though that may look like a whole turn.
    orientations, _ = stretched(root_orientation(joints), fps)
    steps = np.diff(np.unwrap(heading_rad(orientations)))
    return float(low_pass(steps[:, None], _STEADY_S * fps).sum())
