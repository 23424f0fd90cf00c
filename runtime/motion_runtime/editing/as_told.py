"""Ways are as long and turns as large as the prompt says, as a correction of x0 in the denoising loop.

Asked for two metres in five seconds, a network walks as far as people walk in five seconds. So the way is taken as the
network has it until it is as long as it was to be, and fades out there; one that is too short is stretched by as much
as steps can be. Asked for a turn, a network turns to and fro. So what it does is held against one clean turn c, which
is made when the network turns most and about as fast, and h, how far somebody has turned by now, is kept near to it,

    g(t) = min(max(h(t), c(t) - 10 degrees), c(t) + 10 degrees) + what is missing at the end, in proportion to c,
    p'(0) = p(0),  dp'(t) = R(d(t)) dp(t),  joints'(t) = p'(t) + R(d(t)) (joints(t) - p(t)),  d = g - h

so that the way bends along with the body. A network draws half a turn as a body without breadth, which is then the
other way round (`flips`); turned along with c it would flip as before, so it is given its breadth first. Done in every
step, the network stops where the way ends, turns once, and makes steps of what a correction alone would slide through.
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
from motion_runtime.flips import joints_without_flips, stretched
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

STRETCH: Final = 1.5
"""Steps are made longer by this factor at most."""
STOPS_S: Final = 0.6
"""Whoever has gone far enough stops in about this time."""
_STEADY_S: Final = 0.2
"""Standard deviation of the Gaussian that takes swaying and stepping off ways and headings."""
_SMOOTH_S: Final = 0.08
"""Standard deviation of the Gaussian over how a turn is changed."""
_ENDS: Final = (0.05, 0.9)
"""In this part of the time turns are made."""
_TURNS_RAD_S: Final = float(np.radians(60.0))
"""Mean pace of a turn that the network does not make at all, ..."""
_SLOWEST_RAD_S, _FASTEST_RAD_S = float(np.radians(45.0)), float(np.radians(150.0))
"""... and of those that it does, at least and at most."""
_SHORTEST_S: Final = 0.8
_MOST_OF_IT: Final = 0.608
"""Share of its time in which a smooth step goes from a tenth to nine tenths."""
_SWAYS_RAD: Final = float(np.radians(10.0))
"""By so much who turns may be ahead of one clean turn or behind it, as who walks sways."""


class AsTold:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(self, amounts: Sequence[Amounts | None], fps: float, kept: int = 0) -> None:
        """Prepare for one window.

        Args:
            amounts: What each person is told; None = nothing.
            fps: Frames a second.
            kept: Frames at the start that are an earlier window's alone, and stay as they are.
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
                body, orientations = joints_without_flips(body, self._fps)
                body = turned(body, orientations, amounts.turn_rad, self._fps, either_side=amounts.either_side)
            if amounts.way_m is not None:
                body = gone(body, amounts.way_m, self._fps, stretch=1.0 if amounts.goes_on else STRETCH)
            joints[person, self._since :] = body
        return with_joints(x, joints, self._fps)


def way_and_turn(joints: Array, fps: float) -> tuple[float, float]:
    """How far somebody, (T, 22, 3), goes over the floor, and by how much they turn, counter-clockwise, radians."""
    if len(joints) < 2:
        return 0.0, 0.0
    orientations, _ = stretched(root_orientation(joints), fps)
    return float(_lengths(joints, fps).sum()), float(_turns(orientations, fps)[-1])


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


def turned(
    joints: Array, orientations: Array, turn_rad: tuple[float, float], fps: float, *, either_side: bool = False
) -> Array:
    """Let somebody turn by as much as they are told.

    Args:
        joints: (T, 22, 3).
        orientations: (T, 3, 3) of the pelvis, without flips.
        turn_rad: How much at least and at most, counter-clockwise.
        fps: Frames a second.
        either_side: Whether clockwise will do.
    """
    least, most = turn_rad
    own = _turns(orientations, fps)
    if either_side and own[-1] < 0:
        least, most = -most, -least
    side = 1.0 if least + most >= 0 else -1.0
    least, most = sorted((side * least, side * most))
    gone = side * own
    if least > _SWAYS_RAD:  # else there may be no turn, and all that is to be seen of it is where it ends
        course = _clean(gone, least, most, fps)
        ahead = gone - course  # made smooth, for a limit has a corner
        ahead = low_pass((np.clip(ahead, -_SWAYS_RAD, _SWAYS_RAD) - ahead)[:, None], _SMOOTH_S * fps)[:, 0]
        gone = gone + ahead - ahead[0]
        share = course / course[-1]
    else:
        share = _at_a_go(len(gone), 0.5, abs(most) / _TURNS_RAD_S, fps)
    gone = gone + (min(max(float(gone[-1]), least), most) - gone[-1]) * share
    turn = np.asarray(about_z(side * gone - own))  # (T, 3, 3)
    between = np.einsum("tij,tj->ti", 0.5 * (turn[1:] + turn[:-1]), np.diff(joints[:, 0], axis=0))
    pelvis = joints[:1, 0] + np.concatenate([np.zeros((1, 3)), np.cumsum(between, axis=0)])
    return np.asarray((joints - joints[:, :1]) @ turn.swapaxes(-1, -2) + pelvis[:, None])


def _lengths(joints: Array, fps: float) -> Array:
    """Ways over the floor from frame to frame (T - 1,)."""
    steps = np.diff(joints[:, 0, :2], axis=0)
    return np.asarray(np.linalg.norm(low_pass(steps, _STEADY_S * fps), axis=-1))


def _clean(gone: Array, least: float, most: float, fps: float) -> Array:
    """One turn of `least` to `most` instead of how far somebody has turned (T,), when they turn most and as fast."""
    seen = np.maximum.accumulate(np.maximum(gone, 0.0))
    total = min(max(float(seen[-1]), least), most)
    longest, shortest = total / _SLOWEST_RAD_S, max(total / _FASTEST_RAD_S, _SHORTEST_S)
    frames = np.arange(len(gone))
    ahead = np.minimum(frames + round(longest * fps), len(gone) - 1)
    first = int((seen[ahead] - seen).argmax())
    turns = seen[first : ahead[first] + 1] - seen[first]
    if turns[-1] < _SWAYS_RAD:
        return total * _at_a_go(len(gone), 0.5, total / _TURNS_RAD_S, fps)
    begins, ends = (first + float(np.searchsorted(turns, share * turns[-1])) for share in (0.1, 0.9))
    takes = min(max((ends - begins) / _MOST_OF_IT / fps, shortest), longest)
    return total * _at_a_go(len(gone), (begins + ends) / 2 / max(len(gone) - 1, 1), takes, fps)


def _at_a_go(frames: int, middle: float, takes_s: float, fps: float) -> Array:
    """The course (T,) from 0 to 1 of a turn about a part of the time, kept off its ends."""
    takes = min(max(takes_s, _SHORTEST_S) * fps / max(frames - 1, 1), _ENDS[1] - _ENDS[0])
    middle = min(max(middle, _ENDS[0] + takes / 2), _ENDS[1] - takes / 2)
    return np.asarray(smooth_step((np.arange(frames) / max(frames - 1, 1) - middle) / takes + 0.5))


def _turns(orientations: Array, fps: float) -> Array:
    """How far somebody has turned by each frame (T,), radians counter-clockwise, without swaying and stepping.

    Orientations (T, 3, 3) without flips are those of the finished body: by a flash there and back it does not turn at
    all, though that may look like a whole turn.
    """
    steps = np.diff(np.unwrap(heading_rad(orientations)))
    return np.concatenate([[0.0], np.cumsum(low_pass(steps[:, None], _STEADY_S * fps)[:, 0])])
