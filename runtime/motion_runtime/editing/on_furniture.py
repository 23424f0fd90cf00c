"""Who sits or lies on a thing of the room comes to be on it, as a correction of x0 in the denoising loop.

A model knows how people sit down better than where the chair is and how high. While somebody is down, by the motion
itself, the pelvis is to be over the seat and as high as one sits there: the motion is moved over the floor so that it
is, and pelvis and trunk are raised or lowered while that lasts, standing feet excepted.

How it is moved depends on what is known of the start. Where the start was chosen for the seat's sake, the motion is
moved as one piece, when it is finished: no foot slides that did not slide before, and the network is not shown people
who start elsewhere than it has learned (who walks there is put near it beforehand: `come_to_rest`). Where somebody said
where the start is, it stays, and the way is stretched: each frame gets the share of the shift that it has of the way
behind it. But who is down from the first frame on has no way there, and is moved as one piece too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import NAMES, body_capsules
from motion_preprocessing.canonical import heading_rad, move_pose_vectors
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.motion_features import runs
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.editing.constraints import wrapped
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.turn_round import turned_round
from motion_runtime.low_pass import low_pass
from motion_runtime.placement import Placement
from motion_runtime.stage import Rest, Use

Array = NDArray[np.float64]

OVER_M: Final = 0.01
"""Height of the capsules' underside over what a body rests on: they are thinner than flesh."""
LEVEL_M: Final = 0.04
"""Somebody is all the way down within this of the lowest, and not at all `FADE_M` above that, or most of the way to
where they stand."""
FADE_M: Final = 0.25
LOWEST_M: Final = 0.15
HIGHEST_M: Final = 0.65
"""An underside that comes no lower does not sit, and one that comes lower is on the floor."""
HIGHEST_LYING_M: Final = 0.85
"""There are beds on which one lies hardly lower than one stands: there, who is down has the neck low."""
GOES_DOWN_S: Final = 0.6
"""Going down takes about as long."""
STANDS_M: Final = 0.15
"""The pelvis of who stands is at most so much lower than it ever is."""
LEAST_STANDING_M: Final = 0.7
"""Nor is it lower than this: who sits throughout a window never stands in it."""
UP: Final = 0.3
"""Who is less down than this is up."""
MOST_RAISED_M: Final = 0.2
"""Seats farther from the motion's own height than this are not met in full."""
MOST_MOVED_M: Final = 3.0
"""A motion is not moved farther as one piece."""
MOST_STRETCHED_M: Final = 1.5
"""Nor is a way stretched by more."""
MOST_TURNED_RAD: Final = np.radians(100.0)
"""Who sits facing the other way would face the back of the chair, and is left alone."""
TURNS_S: Final = 1.0
"""Who is upright for less than this before sitting down comes from nowhere."""
FASTEST_M_S: Final = 0.4
"""A way that is stretched gains this much speed at most."""
GIVES_M: Final = 0.03
"""Whatever of a lying body is lower than its trunk sinks in; beyond that, the body is raised by this much at most."""
CLEAR_M: Final = 0.1
"""Nobody is moved to start, or to walk for more than a tenth of their way, where there is less room."""
_FOOT_M: Final = 0.12
_KNEE_M: Final = 0.4
"""Joints below the one height keep it, above the other they go along with the pelvis."""
_SMOOTH_S: Final = 0.1
_LYING_M: Final = 0.3
"""The neck of who lies is no higher over the pelvis than this."""
_PARTS: Final = np.array([name.endswith(("hip", "spine1", "spine2", "spine3")) for name in NAMES])
_NECK: Final = JOINT_INDEX["neck"]


class Down(NamedTuple):
    """When and how somebody is down."""

    weight: Array
    """(T,) 1 = all the way."""
    level: NDArray[np.bool_]
    """(T,) where that is so, for good."""
    height_m: float
    """Of the body's underside there."""
    lies: bool
    begin: int = 0
    """Frame from which on they go there; before, they are on what they used before."""


class OnFurniture:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(
        self,
        uses: Sequence[Sequence[Use]],
        placement: Placement,
        fps: float,
        space: FreeSpace | None = None,
        *,
        first_s: float = 0.0,
        kept: int = 0,
        turns: bool = False,
        finished: bool = False,
    ) -> None:
        """Prepare for one window.

        Args:
            uses: What each person sits or lies on, one after the other.
            placement: Where the canonical frame stands in the room.
            fps: Frames a second.
            space: The room's free floor, where starts may be moved to; None = anywhere.
            first_s: Time of the window's first frame.
            kept: Frames at the start of the window that are the end of the one before; 0 = the motion starts with it.
            turns: Whether who comes walking turns round for the seat.
            finished: Whether the motion is whole and no longer denoised: then it is moved as one piece.
        """
        self._uses, self._placement, self._fps, self._space = uses, placement, fps, space
        self._first_s, self._kept, self._turns, self._finished = first_s, kept, turns, finished

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        result = np.array(x)
        for person, uses in enumerate(self._uses):
            for use in uses:
                result[person] = self._led(result[person], use)
        return result

    def _led(self, x: Array, use: Use) -> Array:
        """Lead one person (T, 258) onto something that they use."""
        down = while_used(joints_of(x), use, self._fps, self._first_s)
        if down is None:
            return x
        rest, turn = self._rest(joints_of(x), down, use)
        upright = upright_until(down)
        if self._turns and upright - self._kept >= TURNS_S * self._fps:
            x, turn = turned_round(x, turn, self._fps, self._kept, upright), 0.0
        shift: Array | None = np.zeros((len(x), 2))
        if use.start_free or (self._kept == 0 and bool(down.level[0])):
            lasts = math.isinf(use.until_s)
            moved = self._as_one(x, down, rest, turn, lasts=lasts) if self._finished else x
        else:
            moved = None
        if moved is None:
            shift = None if abs(turn) > MOST_TURNED_RAD else self._stretched(joints_of(x), down, rest)
        if shift is None:
            return x
        x = x if moved is None else moved
        by = float(np.clip(use.level_m + OVER_M - down.height_m, -MOST_RAISED_M, MOST_RAISED_M))
        before = joints_of(x)
        joints = before.copy()
        joints[..., :2] += shift[:, None]
        joints[..., 2] = raised(before, down, by)[..., 2]
        return with_joints(x, joints, self._fps)

    def _rest(self, joints: Array, down: Down, use: Use) -> tuple[Rest, float]:
        """Where a motion's body is to be while it is down, and the turn that this takes."""
        own = facing_down(joints[resting(joints, down)]) + self._placement.heading_rad
        rests = use.rests(lies=down.lies)
        turns = [float(wrapped(np.array(rest.facing_rad - own))) for rest in rests]
        # With the head at the other end only where it takes more than a right angle less.
        best = min(range(len(rests)), key=lambda k: (abs(turns[k]) > np.pi / 2, k))
        return rests[best], turns[best]

    def _as_one(self, x: Array, down: Down, rest: Rest, turn: float, *, lasts: bool) -> Array | None:
        """Turn and shift a whole motion so that it is down at its place; None where that moves it too far."""
        pivot = joints_of(x)[down.level, 0, :2].mean(axis=0)
        place = self._nearest(pivot, rest)
        if float(np.linalg.norm(place - pivot)) > MOST_MOVED_M:
            return None
        for angle in (turn, 0.0) if lasts else (0.0,):  # a turn would take what comes after to somewhere else
            turned = np.asarray(move_pose_vectors(x, angle, np.zeros(2)), dtype=np.float64)
            shift = place - joints_of(turned)[down.level, 0, :2].mean(axis=0)
            moved = np.asarray(move_pose_vectors(turned, 0.0, shift), dtype=np.float64)
            if down.level[0] or self._clear(joints_of(moved), down, lasts=lasts):
                return moved
        return None

    def _clear(self, joints: Array, down: Down, *, lasts: bool) -> bool:
        """Whether somebody can start and walk there; what comes after something that they leave does not count."""
        upright = down.weight < 0.1
        upright[np.flatnonzero(down.level)[-1] :] &= lasts
        if self._space is None or not upright.any():
            return True
        places = self._placement.to_room(joints[upright, 0])
        room = self._space.clearance(places[:, 0], places[:, 1]) >= CLEAR_M
        return bool(room[0]) and float(room.mean()) >= 0.9

    def _nearest(self, xy: Array, rest: Rest) -> Array:
        """The nearest place of a rest, in the canonical frame."""
        place = rest.nearest(self._placement.to_room(np.array([[*xy, 0.0]]))[0, :2])
        return np.asarray(self._placement.to_canonical(np.array([[*place, 0.0]]))[0, :2])

    def _stretched(self, joints: Array, down: Down, rest: Rest) -> Array | None:
        """Shift (T, 2) that grows along the way and is all there when the person is down; None where it is too far."""
        xy = joints[:, 0, :2]
        arrived = int(np.argmax(down.level))
        gap = self._nearest(xy[down.level].mean(axis=0), rest) - xy[down.level].mean(axis=0)
        if arrived < 2 or float(np.linalg.norm(gap)) > MOST_STRETCHED_M:
            return None
        steps = np.linalg.norm(np.diff(xy[: arrived + 1], axis=0), axis=1) * (np.arange(arrived) >= down.begin)
        travelled = np.concatenate([[0.0], np.cumsum(steps)])
        share = np.ones((len(xy), 1))
        share[: arrived + 1, 0] = travelled / max(travelled[-1], 1e-9)
        share = np.asarray(low_pass(share, _SMOOTH_S * self._fps))
        # As much of an even pace as it takes to stay slow.
        even = np.clip((np.arange(len(xy)) - down.begin) / max(arrived - down.begin, 1), 0.0, 1.0)[:, None]
        fast, slow = (float(np.diff(one[:, 0]).max()) for one in (share, even))
        most = FASTEST_M_S / (self._fps * max(float(np.linalg.norm(gap)), 1e-9))
        mixed = float(np.clip((fast - most) / max(fast - slow, 1e-9), 0.0, 1.0))
        share = (1 - mixed) * share + mixed * even
        return np.asarray(share * gap * min(1.0, most / max(float(np.diff(share[:, 0]).max()), 1e-9)))


def how_down(joints: Array, fps: float) -> Down | None:
    """When a person (T, 22, 3) sits or lies above the floor; None where they never do."""
    ends = _undersides(joints)  # (T, C)
    low = ends[:, _PARTS].min(axis=1)
    lowest = float(np.quantile(low, 0.03))
    if not LOWEST_M <= lowest <= HIGHEST_LYING_M:
        return None
    # Who stands before a high bed is hardly higher than who sits on it, and not down.
    fade = float(np.clip(0.6 * (np.quantile(low, 0.97) - lowest), LEVEL_M, FADE_M))
    weight = 1.0 - smooth_step((low - lowest - LEVEL_M) / fade)
    rise = joints[:, _NECK, 2] - joints[:, 0, 2]
    if lowest > HIGHEST_M:
        weight *= np.clip((2 * _LYING_M - rise) / _LYING_M, 0.0, 1.0)
    level = weight > 0.9
    if not level.any():
        return None
    weight = np.asarray(low_pass(weight[:, None], _SMOOTH_S * fps))[:, 0]
    risen = float(np.median(rise[level]))
    height = float(np.median(low[level]))
    if risen < _LYING_M:
        height -= float(np.clip(height - np.median(ends[level].min(axis=1)) - 0.02, 0.0, GIVES_M))
    return Down(weight, level, height, risen < _LYING_M)


def raised(joints: Array, down: Down, by_m: Array | float) -> Array:
    """Raise a person (T, 22, 3) by so much, or (T,), while they are down, standing feet excepted."""
    along = np.clip((joints[..., 2] - _FOOT_M) / (_KNEE_M - _FOOT_M), 0.0, 1.0)  # (T, J)
    if down.lies:  # the feet too
        along = np.maximum(along, down.weight[:, None])
    result = joints.copy()
    result[..., 2] += (by_m * down.weight)[:, None] * along
    return result


def while_used(joints: Array, use: Use, fps: float, first_s: float = 0.0) -> Down | None:
    """When a person (T, 22, 3) is down on a thing, as `how_down`; not when they are on what they use before or after.

    Args:
        joints: Of the person.
        use: The thing.
        fps: Frames a second.
        first_s: Time of the first frame.
    """
    since, low = round((use.since_s - first_s) * fps), 0
    if use.bent and since >= 0:
        low = since + _until_up(joints[since:])  # until then they are on what they used before
        if low == len(joints) and use.since_s == 0:
            low = 0  # there is nothing that they used before
    high = len(joints)
    if math.isfinite(use.until_s):
        leaves = min(max(round((use.until_s - first_s) * fps), 0), high)
        high = leaves if use.falls else leaves + _until_up(joints[leaves:])
    if high - low < 2:
        return None
    down = how_down(joints[low:high], fps)
    if down is None:
        return None
    weight, level = np.zeros(len(joints)), np.zeros(len(joints), dtype=np.bool_)
    weight[low:high], level[low:high] = down.weight, down.level
    if use.falls and high < len(joints):
        after = np.arange(1, len(joints) - high + 1)
        weight[high:] = weight[high - 1] * (1.0 - smooth_step(after / (GOES_DOWN_S * fps)))
    return down._replace(weight=weight, level=level, begin=low)


def on_feet(joints: Array) -> NDArray[np.bool_]:
    """When (T,) a person (T, 22, 3) stands or walks, whatever they sit and lie on before and after."""
    pelvis, neck = joints[:, 0, 2], joints[:, _NECK, 2]
    least = max(float(np.quantile(pelvis, 0.97)) - STANDS_M, LEAST_STANDING_M)
    return np.asarray((pelvis > least) & (neck - pelvis > _LYING_M))


def down_in_draft(joints: Array, use: Use, fps: float) -> Down | None:
    """When a person (T, 22, 3) is down for a thing in a draft that knows nothing of it.

    Whoever lies where there is no bed sinks to the floor: they are down from when they are no longer on their feet.
    """
    begin = 0
    if use.bent:
        begin = round(use.since_s * fps)
        begin += _until_up(joints[begin:])
    leaves = leaves_at(use, len(joints), fps)
    off = ~on_feet(joints)
    off[:begin] = False
    off[leaves:] = False
    takes = round(GOES_DOWN_S * fps)
    lasting = [run for run in runs(off) if run[1] - run[0] > takes]
    if not lasting:
        return None
    first, last = lasting[0]
    frames = np.arange(len(joints))
    weight = smooth_step((frames - first) / takes) * (frames < last)
    level = (frames >= first + takes) & (frames < last)
    rise = float(np.median((joints[:, _NECK, 2] - joints[:, 0, 2])[level]))
    return Down(weight, level, float(np.median(underside_m(joints)[level])), rise < _LYING_M, begin)


def leaves_at(use: Use, frames: int, fps: float) -> int:
    """Frame at which somebody is to leave what they use; that after the last where they stay."""
    return frames if math.isinf(use.until_s) else min(round(use.until_s * fps), frames)


def underside_m(joints: Array) -> Array:
    """Height (T,) of the trunk's lowest point of a person (T, 22, 3)."""
    return np.asarray(_undersides(joints)[:, _PARTS].min(axis=1))


def _undersides(joints: Array) -> Array:
    """Height (T, C) of each capsule's lowest point."""
    capsules = body_capsules(joints)
    return np.asarray(np.minimum(capsules.starts_m[..., 2], capsules.ends_m[..., 2]) - capsules.radii_m)


def _until_up(joints: Array) -> int:
    """Frames until a person (T, 22, 3) is on their feet; T where they never are."""
    up = on_feet(joints) if len(joints) else np.zeros(0, dtype=np.bool_)
    return int(np.argmax(up)) if up.any() else len(joints)


def upright_until(down: Down) -> int:
    """The frame at which somebody begins to go down; 0 where they are never up before."""
    before = np.flatnonzero(down.weight[: int(np.argmax(down.level))] < UP)
    return int(before[-1]) + 1 if len(before) else 0


def facing_down(joints: Array) -> float:
    """Where a body of joints (T, 22, 3) faces on the whole; the way from head to foot of who lies.

    Whoever lies on a side faces across the bed, and prone the hips' heading is that of the head: what lies is told by
    trunk alone.
    """
    facing = np.asarray(heading_rad(root_orientation(joints)))
    trunk = joints[:, 0] - joints[:, _NECK]
    facing = np.where(trunk[:, 2] > -_LYING_M, np.arctan2(trunk[:, 1], trunk[:, 0]), facing)
    return math.atan2(np.sin(facing).mean(), np.cos(facing).mean())


def resting(joints: Array, down: Down) -> NDArray[np.bool_]:
    """When (T,) somebody sits, or lies: not while they still sit on the edge of the bed that they lie on."""
    lying = down.level & (joints[:, _NECK, 2] - joints[:, 0, 2] < _LYING_M)
    return lying if down.lies and lying.any() else down.level
