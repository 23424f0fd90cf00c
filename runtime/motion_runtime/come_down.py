"""Nobody hangs in the air once they have fallen, and nobody comes to a halt on the way down but on something.

A network that knows poses better than heights has bodies stop a hand's breadth above the floor, or rise off it again
with nothing under them. Whole motions are put on the floor by where the lowest joint is most of the time
(`editing/on_the_ground`), and who stands before a fall is (`editing/stand_before_fall`); here those are lowered who
have come down, frame by frame, by what their lowest joint is too high. The clearance of a pose is

    c = min over joints j of z_j - LOWEST_M[j],

with the heights that joints of lying bodies have (`above_floor`): where the body lies c is 0 to `LIES_M`.

On the way down nobody need touch anything: who slips flies. So between the last time that the pelvis is at
`UPRIGHT_M` and the impact only that counts which is no flight, the centre of mass being braked in the air. From the
impact on, until somebody gets up, all of it does. What is over sooner than `HANGS_S` is a hop, in simulated falls too.
The lowering is smooth, and nowhere more than c: it is made of minima over neighbouring frames. Who is on furniture,
whom others hold and who gets no lower than `DOWN_M` stays as they are.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.motion_features import runs
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.above_floor import LOWEST, eased
from motion_runtime.free_fall import GRAVITY_M_S2, MASSES
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import Supports

Array = NDArray[np.float64]

DOWN_M: Final = 0.35
"""Who has the pelvis lower than this, and sinks no more, has come down ..."""
UPRIGHT_M: Final = 0.65
"""... and until it is higher than this, the next time, is."""
LIES_M: Final = 0.045
"""None of 638 simulated bodies that lie after a fall has more clearance, ..."""
FALLS_M: Final = 0.06
"""... and who kneels or catches a fall is left a little more: heights are theirs by `on_the_ground`, to centimetres."""
_LOW_M: Final = (0.2, 0.4)
"""Heights of the pelvis below and above which the one and the other counts."""
_STOPPED_M_S: Final = 0.3
"""The centre of mass has come down when it sinks more slowly."""
_FLIES: Final = (0.75, 0.4)
"""Shares of gravity at which somebody falls freely, and is held by something."""
_OVER_S: Final = 0.1
"""Accelerations are differences over this."""
HANGS_S: Final = 0.25
"""Who is in the air for so long hangs there, ..."""
_CLEARLY_M: Final = 0.01
"""... by more than this."""
_EASED_S: Final = 0.05
"""Minima are over so long before and after: impacts are short."""
_ROUNDS: Final = 2
"""The second takes what is left where the clearance changes quickly."""


def come_down(
    x: NDArray[np.floating[Any]], fps: float, placement: Placement, supports: Supports | None,
    held: frozenset[int] = frozenset(),
) -> Array:  # fmt: skip
    """Lower who hangs in the air after or during a fall.

    Args:
        x: Pose vectors (P, T, 258) in metres, noise taken off, in a canonical frame; z is up, the floor z = 0.
        fps: Frames a second.
        placement: Where the canonical frame stands in the room.
        supports: Heights of the room's things; None = there is only the floor.
        held: Numbers of those who hold others or are held, who stay as they are.

    Returns:
        The vectors, the same but for the joints' heights of those who hung in the air.
    """
    made = np.asarray(x, dtype=np.float64)
    lowered = made
    for person, vectors in enumerate(made):
        joints = vectors[:, POSITIONS].reshape(len(vectors), JOINT_COUNT, 3)
        if person in held or not (joints[:, 0, 2] < DOWN_M).any():
            continue
        on_things = np.zeros(len(joints), dtype=np.bool_)
        if supports is not None:
            on_things = supports.height_m(placement.to_room(joints[:, 0])[..., :2]) > 0
        drop = drop_m(joints, fps, on_things)
        if drop.any():
            lowered = made.copy() if lowered is made else lowered
            heights = lowered[person, :, POSITIONS].reshape(joints.shape)[..., 2] - drop[:, None]
            lowered[person, :, POSITIONS.start + 2 : POSITIONS.stop : 3] = heights
    return lowered


def clearance_m(joints_m: Array) -> Array:
    """How high bodies (..., 22, 3) are above where they would lie on the floor, (...)."""
    return np.asarray((joints_m[..., 2] - LOWEST).min(axis=-1))


def drop_m(joints: Array, fps: float, on_things: NDArray[np.bool_]) -> Array:
    """How far one person (T, 22, 3) is to be lowered at each frame, (T,); not where they are on things (T,)."""
    pelvis = joints[:, 0, 2]
    centre = joints[..., 2] @ MASSES
    falling, down = _when(pelvis, np.gradient(centre) * fps if len(centre) > 1 else np.zeros(1))
    if not down.any():
        return np.zeros(len(pelvis))
    step = max(1, round(_OVER_S * fps))
    around = np.pad(centre, step, mode="edge")
    gravities = -(around[2 * step :] - 2 * centre + around[: -2 * step]) * (fps / step) ** 2 / GRAVITY_M_S2
    held = smooth_step((_FLIES[0] - gravities) / (_FLIES[0] - _FLIES[1]))
    clear = clearance_m(joints)
    over = np.maximum(clear - np.interp(pelvis, _LOW_M, (LIES_M, FALLS_M)), 0.0) * ~on_things
    over = np.where(down, over, np.where(falling, held * over, 0.0))
    drop, hangs = np.zeros((2, len(over)))
    for first, last in runs(over > _CLEARLY_M):
        if last - first >= round(HANGS_S * fps):
            hangs[first:last] = over[first:last]
    for _ in range(_ROUNDS):
        drop = drop - eased(-np.maximum(hangs - drop, 0.0), round(_EASED_S * fps))
    return drop


def _when(pelvis: Array, speed: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Frames (T,) in which somebody is falling, and is down, by pelvis' heights and the mass centre's speed."""
    falling, down = np.zeros((2, len(pelvis)), dtype=np.bool_)
    upright = pelvis > UPRIGHT_M
    at = 0
    while (low := np.flatnonzero(pelvis[at:] < DOWN_M)).size:
        first = at + int(low[0])
        before = np.flatnonzero(upright[at:first])
        stops = np.flatnonzero(speed[first:] > -_STOPPED_M_S)
        impact = first + int(stops[0]) if stops.size else len(pelvis)
        rises = np.flatnonzero(upright[impact:])
        if before.size:
            falling[at + int(before[-1]) : impact] = True
        at = impact + int(rises[0]) if rises.size else len(pelvis)
        down[impact:at] = True
    return falling, down
