"""A walk that ends in sitting or lying is put so that it ends on the seat: where it starts, and where it turns round.

What happens and when is the model's; which way somebody walks is not. A walk may start anywhere and lead anywhere, so
a finished motion is taken as a draft, and the frame that it was made in is stood elsewhere in the room: with the pelvis
over the seat and the body facing out of it while it is down. That leaves one choice, from which side they come.
The model sits down facing the way it came, for it knows next to no recording of a walk that ends on a chair; a seat is
open in front, though. So the body is turned round in the last moments before it goes down, by as much as makes the way
there free (`turned_round`); whoever lies down gets the time for it; and all stand before the seat or beside the bed
until they go down. Then the network goes over the draft again in its new place, from a noise that leaves the plan of a
motion and takes its steps: what slid is stepped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.pose_vector import VELOCITIES
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.on_furniture import TURNS_S, Down, facing_down, how_down, upright_until
from motion_runtime.editing.turn_round import turned_round
from motion_runtime.placement import Placement, Room
from motion_runtime.room_solids import Solids
from motion_runtime.stage import Rest, Use

Array = NDArray[np.float64]

TURNS: Final = 16
"""Directions from which the way may come."""
ROOM_M: Final = 0.3
"""A pelvis has as much room around it on its way ..."""
NEAR_M: Final = 0.17
"""... but for the last bit, so much longer than the way from standing to sitting: the seat itself is near there."""
BEFORE_M: Final = 0.38
"""From where a pelvis is before it sits down to where it sits, as in the training data (benchmarks/furniture.py)."""
EDGE_M: Final = 0.45
"""From where one may lie to where somebody stands who is about to."""
WALK_M: Final = 0.7
"""Who ends no farther from the start has not walked."""
DEEP_M: Final = 0.02
"""A body this deep in a thing is inside."""
LIES_DOWN_S: Final = 2.4
"""Nobody gets from standing to lying in less; a draft in two parts fades from the one to the other."""
LIES_S: Final = 1.0
"""Time that is left for lying."""
_STEP_BACK_S: Final = 0.3
"""Who stands too near to the seat goes on backwards this long before going down."""
_EVERY: Final = 4
"""Only so many frames are looked at, one in ..."""
_PER_TURN: Final = 0.05
"""Share of a way without room that a half turn is worth."""


def come_to_rest(x: Array, uses: Sequence[Use | None], room: Room | None, fps: float) -> tuple[Array, Placement] | None:
    """Put a walk so that it ends on a seat.

    Args:
        x: (P, T, 258) of the draft, in metres; starts in the canonical frame.
        uses: What each person sits or lies on.
        room: The room.
        fps: Frames a second.

    Returns:
        The motion with its turn, and where its canonical frame stands; None where nobody goes down after a walk, where
        the start is not to be moved, or where there are several people, whose places depend on each other.
    """
    use = uses[0]
    if len(x) != 1 or use is None or not use.start_free or room is None:
        return None
    joints = joints_of(x[0])
    down = how_down(joints, fps)
    upright = 0 if down is None else upright_until(down)
    if down is None or upright < TURNS_S * fps:
        return None
    if float(np.linalg.norm((joints[down.level, 0].mean(axis=0) - joints[0, 0])[:2])) < WALK_M:
        return None
    draft = x[0]
    if down.lies:
        draft, down, upright = _slower(draft, down, upright, fps)
    best: tuple[float, Array, Placement] | None = None
    for turn in np.arange(TURNS) * (2 * math.pi / TURNS) - math.pi:
        turned = turned_round(draft, float(turn), fps, 0, upright)
        for rest in use.rests(lies=down.lies):
            for side in (-0.5 * math.pi, 0.5 * math.pi) if down.lies else (0.0,):
                gap = rest.half_m[1] + EDGE_M if down.lies else BEFORE_M
                tried = _from_before(turned, upright, down.level, side, gap, fps)
                placement = _on_the_seat(tried, down.level, rest)
                before = placement.to_room(joints_of(tried)[:upright])
                cost = _crowded(before[:, 0, :2], np.array(rest.centre_m), gap, room.free_space)
                cost += _inside(before[::_EVERY], room.solids) + _PER_TURN * abs(turn) / math.pi
                if best is None or cost < best[0]:
                    best = float(cost), tried, placement
    assert best is not None
    return best[1][None], best[2]


def _slower(x: Array, down: Down, upright: int, fps: float) -> tuple[Array, Down, int]:
    """Have somebody (T, 258) take their time to lie down; with when they are down then, and when they begin to."""
    margin = round(0.2 * fps)
    since, until = max(upright - margin, 0), int(np.argmax(down.level)) + margin
    longer = max(min(LIES_DOWN_S * fps - (until - since), len(x) - until - LIES_S * fps), 0.0)
    pace = (until - since) / (until - since + longer)
    time = np.arange(len(x), dtype=np.float64)
    at = np.where(time < since, time, np.where(time < until + longer, since + pace * (time - since), time - longer))
    frames = np.arange(len(x))
    slow = np.stack([np.interp(at, frames, column) for column in x.T], axis=1)
    slow[:, VELOCITIES] *= np.gradient(at)[:, None]
    weight = np.interp(at, frames, down.weight)
    if not (weight > 0.9).any():
        return x, down, upright  # down for a few frames only: there is no lying to take time for
    begins = round(since + (upright - since) / pace)
    return slow, down._replace(weight=weight, level=weight > 0.9), begins


def _from_before(x: Array, upright: int, level: NDArray[np.bool_], side_rad: float, gap_m: float, fps: float) -> Array:
    """Have somebody go down from beside the seat, not from over it.

    Args:
        x: (T, 258).
        upright: Frame at which they begin to go down.
        level: (T,) where they are down.
        side_rad: On which side they stand before, from where they face when they are down.
        gap_m: How far from where they are down they are to stand at least.
        fps: Frames a second.
    """
    joints, arrived = joints_of(x), int(np.argmax(level))
    way = facing_down(joints[level]) + side_rad
    out = np.array([math.cos(way), math.sin(way), 0.0])
    ahead = float((joints[upright, 0] - joints[level, 0].mean(axis=0)) @ out)
    missing = float(np.clip(gap_m - ahead, 0.0, gap_m))
    since = max(upright - round(_STEP_BACK_S * fps), 0)
    u = (np.arange(len(x)) - since) / max(arrived - since, 1)
    shift = -missing * smooth_step(u)[:, None] * out
    return with_joints(x, joints + shift[:, None], fps)


def _inside(joints: Array, solids: Solids) -> float:
    """Share of frames in which a body of joints (T, 22, 3) is inside of something."""
    centres, radii = body_spheres(joints)
    depth, _ = solids.depth(centres.reshape(-1, 3), np.tile(radii, len(joints)))
    return float((depth.reshape(len(joints), -1).max(axis=1) > DEEP_M).mean())


def _on_the_seat(x: Array, level: NDArray[np.bool_], rest: Rest) -> Placement:
    """Where a motion's frame stands when it is down at the middle of a rest, facing as it does."""
    joints = joints_of(x)
    heading = rest.facing_rad - facing_down(joints[level])
    moved = Placement((0.0, 0.0), heading).to_room(joints[level, 0].mean(axis=0))
    return Placement((rest.centre_m[0] - float(moved[0]), rest.centre_m[1] - float(moved[1])), heading)


def _crowded(places: Array, end: Array, gap_m: float, space: FreeSpace) -> float:
    """Share of a way (T, 2) that lacks room; a start without room counts as much as all of it."""
    clear = space.clearance(places[:, 0], places[:, 1])
    far = np.linalg.norm(places - end, axis=1) > gap_m + NEAR_M
    lacks = np.clip((ROOM_M - clear) / ROOM_M, 0.0, 1.0)
    lacks = np.where(far, lacks, 0.5 * (clear <= 0))
    return float(lacks.mean() + lacks[0])
