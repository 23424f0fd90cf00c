"""Whose way leads through a thing goes the same way elsewhere in the room.

Nobody told them where to start, and they do nothing at any thing of the room: then the motion as the network has it
counts, not its place. It sees the room and mostly keeps off what stands there, but hardly two people of whom one pushes
the other in a wheelchair. Turned out of a bed by `keep_off`, who sits in it is hoisted onto it.

So they are turned about where they start and moved, as one piece, to where the whole of the motion goes least through
things, by the measure of `settle`. Who come near each other are moved together.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import move_points
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import about_z
from motion_runtime.editing.feet_carry import IN_REACH_M
from motion_runtime.editing.windows import linked
from motion_runtime.room_bounds import RoomBounds
from motion_runtime.room_solids import Solids
from motion_runtime.settle import EVERY_S, MOST, Trial

Array = NDArray[np.float64]

FARTHEST_M: Final = 2.0
"""Nobody is moved farther than to where the model saw the room from about there."""
SPACING_M: Final = 0.25
"""Of the places that are tried."""
TURNS: Final = 12
"""Of the ways to face that are tried."""
WORTH: Final = 0.1
"""What is gained by less is not worth a move: `keep_off` turns a leg out of an edge by itself. In metres' depth of one
sphere of a body over the whole time, as all costs are."""
_HALF_TURN: Final = 0.05
"""What facing the other way costs."""


def elsewhere(
    rotations: Array, root_m: Array, solids: Solids, bounds: RoomBounds | None, fps: float
) -> tuple[Array, Array]:
    """Move people whose ways lead through things.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (P, T, 3) pelvis in the room.
        solids: The room's.
        bounds: Its walls; None = there are none.
        fps: Frames a second.

    Returns:
        Rotations and pelvis, unchanged for those who go through nothing.
    """
    rotations, root_m = np.array(rotations, np.float64), np.array(root_m, np.float64)
    for people in companies(root_m):
        joints = np.asarray(forward_kinematics(rotations[people], root_m[people])[0])
        best = _best_move(joints, solids, bounds, fps)
        if best is None:
            continue
        turn, shift = best
        moved = root_m.copy()
        moved[people] = move_points(root_m[people], turn, shift)
        if companies(moved) != companies(root_m):
            continue  # into somebody else's reach
        root_m = moved
        rotations[people, :, 0] = np.asarray(about_z(np.asarray(turn))) @ rotations[people, :, 0]
    return rotations, root_m


def companies(root_m: Array) -> list[list[int]]:
    """Who of pelves (P, T, 3) ever come within reach of each other, directly or by others."""
    way = root_m[..., :2]
    return linked((np.linalg.norm(way[:, None] - way[None], axis=-1) < IN_REACH_M).any(axis=-1))


def _best_move(joints_m: Array, solids: Solids, bounds: RoomBounds | None, fps: float) -> tuple[float, Array] | None:
    """The turn about +z and the shift (2,) after it by which joints (P, T, 22, 3) are best off; None = they are."""
    people, count = joints_m.shape[:2]
    frames = joints_m[:, :: max(1, round(EVERY_S * fps), math.ceil(people * count / MOST))]
    frames = frames.reshape(-1, *frames.shape[2:])
    pivot = joints_m[0, 0, 0, :2]
    trial = Trial(frames, np.zeros(len(frames), np.bool_), 0.0, pivot, solids, bounds)
    least, best = float(trial.cost(0.0, pivot[None])[0]) - WORTH, None
    if least < 0:
        return None
    steps = np.arange(-FARTHEST_M, FARTHEST_M + SPACING_M / 2, SPACING_M)
    shifts = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    places = pivot + shifts[np.linalg.norm(shifts, axis=1) <= FARTHEST_M]
    for turn in np.arange(TURNS) * (2 * math.pi / TURNS) - math.pi:
        costs = trial.cost(float(turn), places) + _HALF_TURN * abs(turn) / math.pi
        k = int(costs.argmin())
        if costs[k] < least:
            least, best = float(costs[k]), (float(turn), places[k])
    if best is None:
        return None
    turn, place = best
    return turn, place - move_points(np.array([*pivot, 0.0]), turn, np.zeros(2))[:2]
