"""Falls are gone through as fast as simulated ones, and who has come to rest after a fall stays at rest.

What is made of a fall is slower than a fall. For 580 simulated falls (`motion-preprocess simulate --kinds falls
--seed 2`) one each is generated from the same sentence, and both are corrected alike (benchmarks/falls.py): of the
speeds at which the pelvis sinks at most, the simulated deciles are a straight line of the generated ones. Poses are
right by then: so it is time that is changed, while the centre of mass sinks, by as much as takes a fall's own speed
onto that line (quantile mapping, as climate models are corrected: Panofsky & Brier 1968, here linear).

A network does not know either that nothing moves any more which nothing drives: after the last fall it lets bodies that
have come to rest drift on by centimetres, and faster towards the end. There, time runs out.

Only who is told to fall, and is seen to, by the event detectors, falls: lying down, sitting down, kneeling and jumping
stay as they are. How much time there is each frame is all that is said here; `free_fall` keeps that within gravity and
makes up for what was won.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.motion_features import measure
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.posture_events import falls
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.free_fall import heights_m
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

FALLS: Final = re.compile(
    r"\b(?:(?:falls?|falling|fell)(?! asleep)|(?:collaps|crumpl|tumbl|toppl|stumbl)(?:es?|ed|ing)|faint(?:s|ed|ing)?"
    r"|(?:trip|slip)(?:s|ped|ping)?|drops? (?:limply|to the (?:floor|ground))|pass(?:es)? out"
    r"|los(?:es?|ing) (?:\w+ )?(?:balance|consciousness|footing)|(?:rolls?|slides?) (?:out of|off))\b",
    re.IGNORECASE,
)
"""Who falls, in the words of the training's captions and near to them."""
SINKS_M_S: Final = 0.6
"""Time is faster by all of the factor where the centre of mass sinks as fast as this, less where slower."""
_SMOOTH_S: Final = 0.1
RESTS_M_S: Final = 0.1
"""The mean speed of the joints of who has come to rest: faster ones of the simulated falls were left out ..."""
RESTS_S: Final = 0.25
"""... for so long, after the last fall. From there on ..."""
DRIFTS_M: Final = 0.1
"""... no joint gets farther than this from where it is, or somebody does something, and time goes on."""
RUNS_OUT_S: Final = 0.5
"""So much of the motion is left to it, slower and slower."""
SLOWEST_M_S: Final = 0.9
"""A pelvis that sinks slower at most is quickened as if by this one: nine of ten simulated ones sink at 1.4 or more."""


def fall_rates(
    x: NDArray[np.floating[Any]], fps: float, told: Sequence[str], speed: float, offset_m_s: float = 0.0
) -> Array:
    """How much of a motion's time each of its frames takes, (P, T): 1 where nobody falls.

    Args:
        x: Pose vectors (P, T, 258) in metres, noise taken off; z is up, the floor z = 0.
        fps: Frames a second.
        told: What each person is told to do, in the model's words.
        speed: How much faster falls are gone through than the network has them, as its bundle says, ...
        offset_m_s: ... and by how much more the pelvis sinks then.
    """
    rates = np.ones(np.shape(x)[:2])
    for person, text in enumerate(told):
        if FALLS.search(text):
            rates[person] = _rates(np.asarray(x[person], dtype=np.float64), fps, speed, offset_m_s)
    return rates


def _rates(x: Array, fps: float, speed: float, offset_m_s: float) -> Array:
    """The same for one person (T, 258) who is told to fall."""
    joints = x[:, POSITIONS].reshape(len(x), JOINT_COUNT, 3)
    rates = np.ones(len(x))
    found = falls(measure(joints, fps))
    if not found:
        return rates
    height = low_pass(heights_m(x)[:, None], _SMOOTH_S * fps)[:, 0]
    sinks = smooth_step(-np.gradient(height) * fps / SINKS_M_S)
    for fall in found:
        during = slice(int(fall.start_s * fps), int(np.ceil(fall.end_s * fps)) + 1)
        fastest = float(-np.gradient(joints[:, 0, 2])[during].min()) * fps
        quicker = speed + offset_m_s / max(fastest, SLOWEST_M_S)
        rates[during] = 1.0 + (quicker - 1.0) * sinks[during]
    rests = _rests_from(joints, fps, int(found[-1].end_s * fps))
    return np.asarray(rates * (1.0 - smooth_step((np.arange(len(x)) - rests) / (RUNS_OUT_S * fps))))


def _rests_from(joints: Array, fps: float, after: int) -> int:
    """The frame from which on somebody (T, 22, 3) stays at rest; T where there is none."""
    slow = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=1) * fps < RESTS_M_S
    lasts = max(1, round(RESTS_S * fps))
    for frame in range(after, len(slow) - lasts + 1):
        if slow[frame : frame + lasts].all():
            drifts_m = np.linalg.norm(joints[frame:] - joints[frame], axis=-1).max()
            if drifts_m < DRIFTS_M:
                return frame
    return len(joints)
