"""Nobody falls faster than gravity lets them: where a motion does, its time runs slower for a moment.

The centre of mass of a body that nothing pulls down sinks with g at most. A network that has seen few falls lets people
drop at two metres a second from one tenth of a second to the next. Poses and ways are right then, only the time between
them is too short: so that is what is changed. Going through a motion frame by frame, the centre of mass may sink by

    d(k) = max(d(k - 1), 0) + g / fps^2

at most, g / fps^2 more than in the frame before; where it would sink further, the frame shows the earlier time of the
motion at which it has sunk so far. What is lost of time, or won where falls are gone through faster (`fall_speed`), is
made up for once the body has come down, so that what is asked for later happens when it was asked for. Recordings stay
as they are.

People who hold each other share one time, which is as slow as the slowest of theirs: hands would else be ahead of what
they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.editing.grips import Grip

Array = NDArray[np.float64]

GRAVITY_M_S2: Final = 9.81
_CLEARLY: Final = 1.1
"""Motion is left alone that is too fast by less: segments' masses are rough, and people jump."""
_DOWN_M_S: Final = 0.3
"""Time is made up for while the centre of mass moves more slowly up or down than this, ..."""
_FASTER: Final = 0.1
"""... by going so much faster or slower."""


def _masses() -> Array:
    """Share of a body's mass at each joint, (22,): half of a segment's at either end (Winter 2009, rounded)."""
    segments: list[tuple[float, tuple[str, ...]]] = [(0.5, ("pelvis", "neck")), (0.08, ("head",))]
    for side in ("left", "right"):
        hip, knee, ankle, shoulder, wrist = (
            f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "shoulder", "wrist")
        )
        segments += [(0.1, (hip, knee)), (0.06, (knee, ankle)), (0.05, (shoulder, wrist))]
    masses = np.zeros(JOINT_COUNT)
    for share, ends in segments:
        for end in ends:
            masses[JOINT_INDEX[end]] += share / len(ends)
    return masses


MASSES: Final = _masses()


def at_most_gravity(
    x: NDArray[np.floating[Any]], fps: float, grips: Sequence[Grip] = (), rates: Array | None = None
) -> tuple[Array, tuple[Grip, ...]]:
    """Slow motions down where the centre of mass sinks faster than it could.

    Args:
        x: Pose vectors (P, T, 258) in metres, noise taken off, of which a frame's difference makes metres a second; z
            is up.
        fps: Frames a second.
        grips: What hands hold, and when.
        rates: (P, T) how much of a motion's time each of its frames takes, as of `fall_rates`; None = 1. Who hold each
            other are as fast as the fastest of them, and come to rest together.

    Returns:
        The vectors, of each person by themselves, or with whom they hold, at other times of the motion, and the grips
        at these times; as they are where nobody falls too fast and all rates are 1.
    """
    made = np.array(x, dtype=np.float64)
    times = np.tile(np.arange(made.shape[1], dtype=np.float64), (len(made), 1))
    for people in _who_hold(len(made), grips):
        heights = np.stack([heights_m(made[person]) for person in people])
        times[people] = times_of(heights, fps, None if rates is None else rates[people].max(axis=0))
    for person, own in enumerate(times):
        made[person] = _at(made[person], own)
    return made, tuple(grip.at_times(times[grip.person]) for grip in grips)


def _who_hold(persons: int, grips: Sequence[Grip]) -> list[list[int]]:
    """Everybody, together with those whom they hold or are held by."""
    group = list(range(persons))
    for grip in grips:
        group = [group[grip.person] if own == group[grip.other] else own for own in group]
    return [[person for person in range(persons) if group[person] == name] for name in dict.fromkeys(group)]


def heights_m(x: Array) -> Array:
    """Height of the centre of mass (T,) of one person's pose vectors (T, 258)."""
    return np.asarray(x[:, POSITIONS].reshape(len(x), JOINT_COUNT, 3)[..., 2] @ MASSES)


def times_of(heights: Array, fps: float, rates: Array | None = None) -> Array:
    """Which time of the motion, in frames, each frame (T,) shows: 0, 1, 2 .. where nothing is too fast.

    Args:
        heights: (T,) of the centre of mass, metres; or (P, T) of people who share their time.
        fps: Frames a second.
        rates: (T,) how much of the motion's time each of its frames takes; None = 1.
    """
    curves = np.atleast_2d(heights)
    frames = curves.shape[1]
    times = np.arange(frames, dtype=np.float64)
    most = GRAVITY_M_S2 / fps**2
    rates = np.ones(frames) if rates is None else rates
    if frames < 3 or ((rates == 1).all() and (np.diff(curves, n=2, axis=1) >= -_CLEARLY * most).all()):
        return times

    def at(time: float) -> Array:
        return np.array([np.interp(time, np.arange(frames), curve) for curve in curves])

    slow = _DOWN_M_S / fps
    sunk = np.zeros(len(curves))  # in the frame before; who has risen is taken to be at the top
    for k in range(1, frames):
        now = float(times[k - 1])
        here, there = at(now), at(now + 1)
        step = float(np.interp(now, np.arange(frames), rates))
        if step == 1.0 and (np.abs(here - there) < slow).all():
            step += float(np.clip(k - 1 - now, -_FASTER, _FASTER))
        lowest = here - np.maximum(sunk, 0.0) - most
        if k > 1:
            too_low = np.flatnonzero(at(now + step) < lowest)
            step = min([step, *(_reached(curves[one], now, lowest[one]) - now for one in too_low)])
        times[k] = now + step
        sunk = here - at(times[k])
    return np.asarray(np.minimum(times, frames - 1.0))  # where the end is there before the motion's, it stays


def _reached(curve: Array, now: float, height: float) -> float:
    """When a curve (T,), read between its frames, gets down to a height that it is above at some time."""
    after = int(now) + 1
    while curve[after] > height:
        after += 1
    at = max(now, after - 1.0)
    before = np.interp(at, np.arange(len(curve)), curve)
    return float(at + (after - at) * (before - height) / (before - curve[after]))


def _at(person: Array, times: Array) -> Array:
    """Pose vectors (T, 258) at times (T,), in frames: between two, as much of each as is near."""
    before = np.minimum(times.astype(np.int64), len(person) - 1)
    after = np.minimum(before + 1, len(person) - 1)
    share = (times - before)[:, None]
    return np.asarray((1 - share) * person[before] + share * person[after])
