"""A walk that ends in sitting or lying is put so that it ends on the seat: where it starts, and where it turns round.

What happens and when is the model's; which way somebody walks is not. A walk whose start was chosen for the seat's sake
may start anywhere and lead anywhere, so a finished motion is taken as a draft, and the frame that it was made in is
stood elsewhere in the room: with the pelvis over the seat and the body facing out of it while it is down. That leaves
one choice, from which side they come. The model sits down facing the way it came, for it knows next to no recording of
a walk that ends on a chair; a seat is open in front, though. So the body is turned round in the last moments before it
goes down, by as much as makes the way there free (`turned_round`); whoever lies down gets the time for it; and all
stand before the seat or beside the bed until they go down.

Where it is known where somebody starts, because it was said or because they used something else before, the walk is
bent (`bent_way`). Who gets up before they are to, stays.

Then the network goes over the draft again in its new place, from a noise that leaves the plan of a motion and takes its
steps: what slid is stepped. That is done where one window holds all of the motion, or the draft's own parts do. What
several windows make of a draft in single actions does not meet: people leap from one to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.canonical import move_pose_vectors
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.pose_vector import VELOCITIES
from motion_runtime.editing.bent_way import End, bent
from motion_runtime.editing.go_on import going_on, to_and_fro
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.on_furniture import (
    OVER_M,
    TURNS_S,
    Down,
    down_in_draft,
    facing_down,
    leaves_at,
    on_feet,
    raised,
    resting,
    underside_m,
    upright_until,
    while_used,
)
from motion_runtime.editing.turn_round import turned_round
from motion_runtime.editing.way_length import with_way
from motion_runtime.editing.windows import Frame
from motion_runtime.placement import Placement, Room
from motion_runtime.room_solids import Solids
from motion_runtime.route import find_route, set_out
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
PEOPLE_M: Final = 1.0
"""Ways keep as far from other people ..."""
TOUCH_M: Final = 0.5
"""... whose arms they touch at this distance."""
DEEP_M: Final = 0.02
"""A body this deep in a thing is inside."""
LIES_DOWN_S: Final = 2.4
"""Nobody gets from standing to lying in less; a draft in two parts fades from the one to the other."""
LIES_S: Final = 1.0
"""Time that is left for lying."""
_STEP_BACK_S: Final = 0.3
"""Who stands too near to the seat goes on backwards this long before going down."""
_SETTLES_S: Final = 0.8
"""So long before getting up somebody no longer rests."""
_STILL_DOWN_M: Final = 0.1
"""Who is so much higher than they sit or lie is getting up."""
_SEAM_S: Final = 0.6
"""So long before they are down people may leap in a draft in parts, where one part fades into the next."""
_EVERY: Final = 4
"""Only so many frames are looked at, one in ..."""
_PER_M: Final = 0.2
"""Share of a way inside of things that a metre of way is worth."""
_PER_TURN: Final = 0.05
"""Share of a way without room that a half turn is worth."""
_WRONG_WAY: Final = 0.6
"""The same for lying with the head at the foot end."""


def come_to_rest(
    x: Array, uses: Sequence[Use], room: Room | None, placement: Placement, fps: float, passed: Sequence[Array] = ()
) -> tuple[Array, Placement] | None:
    """Put a walk so that it ends on a seat or a bed.

    Args:
        x: (T, 258) of one person's draft, in metres, in the canonical frame.
        uses: What they sit or lie on, one after the other.
        room: The room.
        placement: Where the canonical frame stands.
        fps: Frames a second.
        passed: Where other people go meanwhile, (T, K, 2) each in the room, as of `stay_inside.ways_of`.

    Returns:
        The motion with its way and turns, and where its canonical frame stands; None for who does not go down after a
        walk.
    """
    if room is None:
        return None
    motion, place, changed = x, placement, False
    for use in uses:
        stays = _staying(motion, use, fps)
        if stays is not None:
            motion, changed = stays, True
        # Who starts somewhere for the sake of a thing starts where the way to it does; later ways are bent.
        come = _searched(motion, use, room, fps, passed) if use.start_free and use.since_s == 0 else None
        if come is None and use.bent:
            led = _bent(motion, use, room, place, fps, passed)
            come = None if led is None else (led, place)
        if come is not None:
            (motion, place), changed = come, True
    if not changed:
        return None
    first = Frame.of(motion[None]).placed(place)
    return seen_from(first, motion, place), first


def _staying(x: Array, use: Use, fps: float) -> Array | None:
    """Have somebody (T, 258) who gets up before they are to stay: what they do while they are down goes to and fro.

    Each window of a long motion knows little of the ones before, and starts anew what the prompt says.
    """
    joints = joints_of(x)
    down, leaves = down_in_draft(joints, use, fps), leaves_at(use, len(x), fps)
    if down is None:
        return None
    arrived = int(np.argmax(down.level))
    if leaves < len(x):  # from where they begin to rise, so that nobody is on a seat in one frame and up in the next
        seated = np.flatnonzero(joints[:leaves, 0, 2] < np.median(joints[down.level, 0, 2]) + _STILL_DOWN_M)
        leaves = int(seated[-1]) + 1
    up = np.flatnonzero(on_feet(joints)[arrived:leaves])
    if not len(up):
        return None
    last = arrived + int(up[0]) - round(_SETTLES_S * fps)
    if last - arrived < _SETTLES_S * fps:
        return None
    result = np.array(x)
    result[last + 1 : leaves] = to_and_fro(x, arrived, last, leaves - last - 1)
    if leaves < len(x):
        result[leaves - 1 :] = going_on(result[leaves - 1], x[leaves - 1 :], _SETTLES_S * fps)
    return result


def seen_from(frame: Placement, x: Array, placement: Placement) -> Array:
    """Pose vectors (T, 258) of one placed frame in another."""
    origin = frame.to_canonical(np.array([[*placement.start_m, 0.0]]))[0, :2]
    return np.asarray(move_pose_vectors(x, placement.heading_rad - frame.heading_rad, origin), dtype=np.float64)


def _bent(x: Array, use: Use, room: Room, placement: Placement, fps: float, passed: Sequence[Array]) -> Array | None:
    """Bend the walk of one person (T, 258) so that it ends on a thing; None where they do not go down on it."""
    joints = joints_of(x)
    down = down_in_draft(joints, use, fps)
    if down is None:
        return None
    upright = upright_until(down)
    if upright - down.begin < TURNS_S * fps:
        return None
    if down.lies:
        x, down, upright = _slower(x, down, upright, leaves_at(use, len(x), fps), fps, _SEAM_S)
        joints = joints_of(x)
    joints = raised(joints, down, use.level_m + OVER_M - underside_m(joints))
    x = with_joints(x, joints, fps)
    start = placement.to_room(joints[down.begin, 0])
    facing = placement.heading_rad + facing_down(joints[down.begin][None])
    best: tuple[float, Array] | None = None
    for k, rest in enumerate(use.rests(lies=down.lies)):
        for side in (-0.5 * math.pi, 0.5 * math.pi) if down.lies else (0.0,):
            gap = rest.half_m[1] + EDGE_M if down.lies else BEFORE_M
            way = rest.facing_rad + side
            before = rest.centre_m[0] + gap * math.cos(way), rest.centre_m[1] + gap * math.sin(way)
            corners = find_route(room.free_space, (float(start[0]), float(start[1])), before)
            corners = set_out(room.free_space, corners, facing)
            own = placement.to_canonical(np.column_stack([corners, np.zeros(len(corners))]))[:, :2]
            place = placement.to_canonical(np.array([*rest.centre_m, 0.0]))[:2]
            end = End(place, rest.facing_rad - placement.heading_rad, side, gap)
            length = float(np.linalg.norm(np.diff(corners, axis=0), axis=1).sum())
            walked, when, goes = x, down, upright
            if down.begin == 0 and math.isinf(use.until_s):
                walked, index = with_way(x, length, upright, int(np.argmax(down.level)), fps)
                when = down._replace(weight=down.weight[index], level=down.level[index])
                goes = int(np.flatnonzero(index == upright)[-1])
            tried = bent(walked, own, end, when, down.begin, goes, fps)
            there = placement.to_room(joints_of(tried)[down.begin : goes + 1])
            cost = _PER_M * length + _WRONG_WAY * k * use.head_known
            cost += _inside(there[::_EVERY], room.solids)
            cost += _met(placement.to_room(joints_of(tried)[:, 0])[:, :2], passed)
            if best is None or cost < best[0]:
                best = cost, tried
    assert best is not None
    return best[1]


def _searched(x: Array, use: Use, room: Room, fps: float, passed: Sequence[Array]) -> tuple[Array, Placement] | None:
    """Stand one person's walk (T, 258) in the room so that it ends on a thing."""
    joints = joints_of(x)
    down = while_used(joints, use, fps)
    drafted = down_in_draft(joints, use, fps) if down is None else None
    if drafted is not None and drafted.lies and use.beds:  # on the floor, or hardly lower than they stand
        down = drafted
        joints = raised(joints, down, use.level_m + OVER_M - underside_m(joints))
        x = with_joints(x, joints, fps)
    upright = 0 if down is None else upright_until(down)
    if down is None or upright < TURNS_S * fps:
        return None
    if float(np.linalg.norm((joints[down.level, 0].mean(axis=0) - joints[0, 0])[:2])) < WALK_M:
        return None
    draft = x
    if down.lies:
        draft, down, upright = _slower(draft, down, upright, leaves_at(use, len(x), fps), fps)
    best: tuple[float, Array, Placement] | None = None
    for turn in np.arange(TURNS) * (2 * math.pi / TURNS) - math.pi:
        turned = turned_round(draft, float(turn), fps, 0, upright)
        rests = resting(joints_of(turned), down)
        for k, rest in enumerate(use.rests(lies=down.lies)):
            for side in (-0.5 * math.pi, 0.5 * math.pi) if down.lies else (0.0,):
                gap = rest.half_m[1] + EDGE_M if down.lies else BEFORE_M
                tried = _from_before(turned, upright, rests, side, gap, fps)
                placement = _on_the_seat(tried, rests, rest)
                before = placement.to_room(joints_of(tried)[:upright])
                cost = _crowded(before[:, 0, :2], np.array(rest.centre_m), gap, room.free_space)
                cost += _inside(before[::_EVERY], room.solids) + _PER_TURN * abs(turn) / math.pi
                cost += _WRONG_WAY * k * use.head_known
                cost += _met(placement.to_room(joints_of(tried)[:, 0])[:, :2], passed)
                if best is None or cost < best[0]:
                    best = float(cost), tried, placement
    assert best is not None
    return best[1], best[2]


def _slower(
    x: Array, down: Down, upright: int, leaves: int, fps: float, before_s: float = 0.2
) -> tuple[Array, Down, int]:
    """Have somebody (T, 258) take their time to lie down, at the cost of the time that they lie until they leave.

    Returns:
        The motion, when they are down then, and when they begin to go down.
    """
    since, until = max(upright - round(before_s * fps), 0), int(np.argmax(down.level)) + round(0.2 * fps)
    longer = max(min(LIES_DOWN_S * fps - (until - since), leaves - until - LIES_S * fps), 0.0)
    pace = (until - since) / (until - since + longer)
    time = np.arange(len(x), dtype=np.float64)
    at = np.where(time < since, time, np.where(time < until + longer, since + pace * (time - since), time - longer))
    if leaves < len(x):  # what comes afterwards is on time
        at = np.where(time >= until + longer, np.interp(time, [until + longer, leaves], [until, leaves]), at)
        at = np.where(time >= leaves, time, at)
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


def _met(places: Array, passed: Sequence[Array]) -> float:
    """How near a way (T, 2) comes to others' (T, K, 2) at the same time: at most, and on the whole."""
    cost = 0.0
    for other in passed:
        gap = np.linalg.norm(places[:, None] - other, axis=-1).min(axis=1)
        lacks = np.clip((PEOPLE_M - gap) / (PEOPLE_M - TOUCH_M), 0.0, 1.0)
        cost += float(lacks.mean() + 0.5 * lacks.max())
    return cost
