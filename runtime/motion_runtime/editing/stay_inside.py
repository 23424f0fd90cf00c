"""People stay within the room's walls and out of one another, as corrections of x0 in the denoising loop.

The model sees furniture, not walls, and places people by what their motion needs, not by what the room has. At every
step the network's clean motion is taken, whoever stands beyond a wall is moved back to the nearest place inside, and
people too close to each other are moved apart; the network goes on from there, and so turns, or walks shorter, by
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.motion_features import runs
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.low_pass import low_pass
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import RoomBounds

Array = NDArray[np.float64]

SMOOTH_S: Final = 0.15
"""Standard deviation of the Gaussian over a correction in time, so that nobody is jerked back."""
_ROUNDS: Final = 4
LIMBS: Final = tuple(
    JOINT_INDEX[name]
    for name in ("head", "left_knee", "right_knee", "left_foot", "right_foot", "left_wrist", "right_wrist")
)
LIMB_M: Final = 0.1
"""Limbs keep this far from walls."""
_LIMB_ROUNDS: Final = 3
_OUTLINE: Final = tuple(
    JOINT_INDEX[name] for name in ("pelvis", "head", "left_ankle", "right_ankle", "left_wrist", "right_wrist")
)
"""Joints that say where a body is: of who lies, head and feet are a metre from the pelvis."""


class StayInside:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(
        self,
        bounds: RoomBounds | None,
        placement: Placement,
        fps: float,
        apart_m: float = 0.0,
        passed: Sequence[Array] = (),
        passed_m: float | None = None,
        *,
        limbs: bool = False,
    ) -> None:
        """Prepare for one window.

        Args:
            bounds: The room; None = only people are kept apart.
            placement: Where the canonical frame stands in the room.
            fps: Frames a second.
            apart_m: How far people are kept apart; 0 = not at all.
            passed: Ways (T, K, 2) in the room of others, as of `ways_of`, who do not give way.
            passed_m: How far people keep from these; None = as far as from each other.
            limbs: Whether heads, hands, knees and feet are kept off walls too, not pelves alone.
        """
        self._passed, self._limbs = passed, limbs
        self._apart_m, self._passed_m = apart_m, apart_m if passed_m is None else passed_m
        self._bounds, self._placement, self._frames = bounds, placement, SMOOTH_S * fps
        self._fps = fps

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        joints = joints_of(x)
        root = joints[..., 0, :]
        wanted = self._placement.to_room(root)[..., :2]
        if self._apart_m > 0:
            wanted = kept_apart(wanted, self._apart_m, self._passed, self._passed_m)
        if self._bounds is not None:
            wanted = self._bounds.nearest_inside(wanted)
            if self._limbs:
                wanted = _limbs_inside(self._placement.to_room(joints)[..., :2], wanted, self._bounds)
        room = np.concatenate([wanted, np.zeros_like(wanted[..., :1])], axis=-1)
        shift = self._placement.to_canonical(room)[..., :2] - root[..., :2]  # (P, T, 2)
        if np.abs(shift).max(initial=0.0) < 1e-4:
            return x
        shift = np.asarray(low_pass(shift, self._frames), dtype=np.float64)
        moved = joints.copy()
        moved[..., :2] += shift[:, :, None]
        return with_joints(x, moved, self._fps)


def _limbs_inside(joints: Array, pelves: Array, bounds: RoomBounds) -> Array:
    """Move pelves (P, T, 2) on until no limb of bodies of joints (P, T, 22, 2), moved along, is in a wall."""
    pelves = pelves.copy()
    for _ in range(_LIMB_ROUNDS):
        limbs = joints[..., LIMBS, :] + (pelves - joints[..., 0, :])[..., None, :]
        shift = bounds.nearest_inside(limbs, LIMB_M) - limbs
        worst = np.linalg.norm(shift, axis=-1).argmax(axis=-1)[..., None, None]
        pelves += np.take_along_axis(shift, worst, axis=-2)[..., 0, :]
    return pelves


def ways_of(joints_m: Array) -> Array:
    """Where bodies of joints (..., T, 22, 3) are, seen from above: (..., T, K, 2) of pelvis, head, feet and hands."""
    return np.asarray(joints_m[..., _OUTLINE, :2])


def kept_apart(
    xy: NDArray[np.floating[Any]], apart_m: float, passed: Sequence[Array] = (), passed_m: float | None = None
) -> Array:
    """Move people (P, T, 2) who come closer than `apart_m` away from each other, each by half of what is missing.

    From those in `passed`, (T, K, 2) each, they move away by all of what is missing of `passed_m`, if that is given:
    from whatever of them is nearest.
    """
    passed_m = apart_m if passed_m is None else passed_m
    result = np.array(xy, dtype=np.float64)
    for _ in range(_ROUNDS if len(xy) + len(passed) > 2 else 1):
        for a in range(len(result)):
            for b in range(a):
                push = 0.5 * _push(result[a] - result[b], apart_m)
                result[a] += push
                result[b] -= push
            for other in passed:
                result[a] += _push(result[a] - _nearest(other, result[a]), passed_m)
    return result


def _nearest(other: Array, xy: Array) -> Array:
    """Of places (T, K, 2) the one (T, 2) in each frame that is nearest to (T, 2)."""
    nearest = np.linalg.norm(other - xy[:, None], axis=-1).argmin(axis=1)
    return np.asarray(other[np.arange(len(other)), nearest])


def _push(way: Array, apart_m: float) -> Array:
    """What is missing (T, 2) of a distance between two people, from the way (T, 2) to the one who is moved."""
    gap = np.linalg.norm(way, axis=-1, keepdims=True)
    # Who stand on one spot part along x.
    aside = np.where(gap > 1e-6, way / np.maximum(gap, 1e-6), np.array([1.0, 0.0]))
    push = np.asarray(np.maximum(apart_m - gap, 0.0) * aside)
    for first, last in runs(gap[:, 0] < apart_m):
        before, after = way[first], way[last - 1]
        if before @ after < 0:  # straight through the other one, who is passed on one side instead
            push[first:last] = _round(way[first:last], (after - before) / np.linalg.norm(after - before), apart_m)
    return push


def _round(way: Array, along: Array, apart_m: float) -> Array:
    """What takes a way (T, 2) that leads through the origin in a direction (2,) round it, at a distance."""
    side = np.array([-along[1], along[0]])
    side *= np.copysign(1.0, (way @ side).mean())
    return np.asarray((np.sqrt(np.maximum(apart_m**2 - (way @ along) ** 2, 0.0)) - way @ side)[:, None] * side)
