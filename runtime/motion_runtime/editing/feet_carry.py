"""Who walks gets as far as the feet carry: what stance feet slide is taken off the way of the whole body.

A network says of every joint where it is, and nothing ties the way of a body to its steps: a foot that somebody stands
on creeps along with the rest. The foot is right about the pose and wrong about the place (that it stood still is what
makes it a stance), so the whole body is moved back by what the foot slid. Poses stay as they are; ways become as long
as the steps that make them. Kovar et al. 2002 ("Footskate Cleanup for Motion Capture Editing") bend the leg instead,
which keeps the way; with a way that nobody asked for, straight knees would pay for it.

Left alone is whose weight rests elsewhere (who sits, lies or falls), who is in reach of another (their hands meet),
whose way ends on a thing that they use (falling short of a chair is worse than a slide) and, by `window_maker`, whose
way is known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.motion_features import runs
from motion_preprocessing.skeleton import FEET, JOINT_INDEX
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BALL_HEIGHT_M: Final = 0.06
"""The ball of a stance foot (joint 10 or 11) is lower than this ..."""
ANKLE_HEIGHT_M: Final = 0.14
"""... and its ankle than this, as in 95 % of the slow low feet of recorded walking, running and dancing."""
STILL_M_S: Final = 0.3
"""A low foot that is slower than this stands."""
SHARE_OF_OTHER: Final = 0.6
"""So does one that is slower than this share of the other foot's speed: the other one takes the step."""
SHARE_OF_PELVIS: Final = 0.75
"""A stance goes on while the ball is lower than `ROLLING_HEIGHT_M` and slower than this share of the pelvis' speed: the
heel rises over it ..."""
CREEPS_M_S: Final = 0.75
"""... or while it is slower than this, the ankle low: who has put a foot down lifts it before it goes anywhere."""
ROLLING_HEIGHT_M: Final = 0.035
FASTEST_M_S: Final = 1.2
"""What is faster does not stand."""
SHARE_OF_CARRIED: Final = 1.25
"""Something carries the body: where no foot stands by all this, low ones do for as long as they go no faster than so
many times the pelvis, which then glides along with them, if that is more than a change of feet ..."""
CHANGE_S: Final = 0.1
ALONE_S: Final = 0.2
"""... and at any speed if they are low for so long: feet that only come down, over the edge of a bed, are not."""
SHORTEST_S: Final = 0.15
"""Shorter stances are none."""
UPRIGHT_PELVIS_M: Final = 0.65
"""Below this, weight may rest on something else than feet."""
IN_REACH_M: Final = 1.0
"""People whose pelves come closer than this may hold on to each other."""
_FLIGHT_S: Final = 0.3
"""Between stances a slide is carried on, fading with this Gaussian: who runs does not stop in the air."""
_SMOOTH_S: Final = 0.1
_STEADY_S: Final = 0.035
_ANKLES: Final = (JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"])


class FeetCarry:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(self, fps: float, kept: int = 0, led: Sequence[bool] = ()) -> None:
        """Prepare for one window.

        Args:
            fps: Frames a second.
            kept: Its first frames, which must stay where they are.
            led: Who is led somewhere and is left alone; nobody where it is empty.
        """
        self._fps, self._kept, self._led = fps, kept, led

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        joints = joints_of(x)
        moved = joints.copy()
        for person, body in enumerate(joints):
            led = person < len(self._led) and self._led[person]
            if not led and not _in_reach(joints[..., 0, :2], person):
                moved[person, :, :, :2] += self.shift_m(body)[:, None]
        return with_joints(x, moved, self._fps)

    def shift_m(self, joints: Array) -> Array:
        """How far a body of joints (T, 22, 3) is to be moved over the floor, (T, 2)."""
        steady = low_pass(joints.reshape(len(joints), -1), _STEADY_S * self._fps).reshape(joints.shape)
        slide = slide_m(steady, self._fps)
        slide[: max(self._kept - 1, 0)] = 0.0
        return -np.concatenate([np.zeros((1, 2)), np.cumsum(slide, axis=0)])


def slide_m(joints_m: Array, fps: float) -> Array:
    """What the feet that carry a body slide from frame to frame, (T - 1, 2), smooth; from joints (T, 22, 3)."""
    standing = stances(joints_m, fps)
    way = np.diff(joints_m[:, list(FEET), :2], axis=0)  # (T-1, 2, 2)
    # Where both feet stand, the one that moves less carries more.
    weight = (standing[:-1] & standing[1:]) / (np.linalg.norm(way, axis=-1) * fps + 0.2)
    total = weight.sum(axis=1)
    carried = np.flatnonzero(total > 0)
    if not len(carried):
        return np.zeros((len(way), 2))
    slid = (weight[carried, :, None] * way[carried]).sum(axis=1) / total[carried, None]
    frames = np.arange(len(way))
    after = np.searchsorted(carried, frames)
    around = np.stack([carried[np.maximum(after - 1, 0)], carried[np.minimum(after, len(carried) - 1)]])
    fading = np.exp(-0.5 * (np.abs(around - frames).min(axis=0) / (_FLIGHT_S * fps)) ** 2)
    whole = np.stack([np.interp(frames, carried, slid[:, axis]) for axis in (0, 1)], axis=1) * fading[:, None]
    upright = joints_m[:, 0, 2] >= UPRIGHT_PELVIS_M
    whole[~(upright[:-1] & upright[1:])] = 0.0
    return np.asarray(low_pass(whole, _SMOOTH_S * fps))


def stances(joints_m: Array, fps: float) -> Mask:
    """Frames (T, 2) in which the left and the right foot stand, from joints (T, 22, 3) over the floor z = 0."""
    balls, ankles = joints_m[:, list(FEET)], joints_m[:, list(_ANKLES)]  # (T, 2, 3)
    speed, pelvis = _speed(balls, fps), _speed(joints_m[:, :1], fps)
    flat, walking = ankles[..., 2] < ANKLE_HEIGHT_M, speed < FASTEST_M_S
    low = flat & (balls[..., 2] < BALL_HEIGHT_M)
    standing = low & ((speed < STILL_M_S) | (walking & (speed < SHARE_OF_OTHER * speed[:, ::-1])))
    goes_on = (flat & (speed < CREEPS_M_S)) | (walking & (speed < SHARE_OF_PELVIS * pelvis))
    goes_on &= balls[..., 2] < ROLLING_HEIGHT_M
    for foot, on in zip(standing.T, goes_on.T, strict=True):
        for first, last in runs(foot | on):
            foot[first:last] = foot[first:last].any()
    carries = low & walking & ~standing.any(axis=1, keepdims=True)
    for foot, with_body in zip(carries.T, (speed < SHARE_OF_CARRIED * pelvis).T, strict=True):
        for first, last in runs(foot):
            lasts_s = (last - first) / fps
            foot[first:last] = (with_body[first:last] & (lasts_s >= CHANGE_S)) | (lasts_s >= ALONE_S)
    standing |= carries
    for foot in standing.T:
        for first, last in runs(foot):
            foot[first:last] = last - first >= SHORTEST_S * fps
    return standing


def ball_speed_m_s(joints_m: Array, fps: float) -> Array:
    """Horizontal speed (T, 2) of the ball of the left and the right foot, from joints (T, 22, 3)."""
    return _speed(joints_m[:, list(FEET)], fps)


def _in_reach(pelves: Array, person: int) -> bool:
    """Whether a person ever comes close to another, from pelves (P, T, 2)."""
    others = np.delete(pelves, person, axis=0)
    return bool((np.linalg.norm(others - pelves[person], axis=-1) < IN_REACH_M).any())


def _speed(points: Array, fps: float) -> Array:
    """Horizontal speed (T, N) of points (T, N, 3), by central differences, smoothed over a frame."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    speed = np.linalg.norm(np.gradient(points[..., :2], axis=0), axis=-1) * fps
    return np.asarray(low_pass(speed, 0.04 * fps))
