"""Who sits or lies on a thing is put where the whole of the motion goes least through things.

`editing.on_furniture` brings the pelvis over the seat or the mattress, by the mean of all frames in which somebody is
down. For a bed that is not enough: people sit down on its edge, turn, and lie. Where they sat their shins hang down,
which has to be beside the bed, and which way they lie is told by the end, not by the mean of sitting and lying.

So a motion that may start elsewhere is moved as one piece, by which no foot slides and nothing is jerked. All turns
that bring a lying body along the bed, and all places of the pelvis on it, are tried. What counts is how deep spheres
of the body are in columns of things, summed over the body and averaged over time; further what is beyond the walls,
what of a lying body has no mattress under it, and a little what is moved far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.canonical import move_points
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.editing.constraints import wrapped
from motion_runtime.editing.feet_carry import IN_REACH_M
from motion_runtime.editing.on_furniture import how_down
from motion_runtime.editing.stay_inside import LIMB_M, LIMBS
from motion_runtime.room_bounds import RADIUS_M, RoomBounds
from motion_runtime.room_solids import Solids
from motion_runtime.stage import Rest, Use

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EVERY_S: Final = 0.25
"""Frames this far apart are looked at ..."""
MOST: Final = 480
"""... but no more of them, two minutes' worth, since each is tried at every place: an hour would take gigabytes."""
SPACING_M: Final = 0.08
"""Of the places that are tried."""
LEAST_LYING_S: Final = 0.5
"""Who lies for less sits."""
_LYING_M: Final = 0.3
"""The neck of who lies is no higher over the pelvis than this, nor the pelvis over the mattress."""
_ASKEW_RAD: Final = (0.0, math.radians(20.0), math.radians(-20.0))
"""How far a body may lie from straight along a bed, or sit turned on a seat."""
_DEEPEST_M: Final = 0.15
"""A sphere that is deeper inside is no worse: there is no way back to be found by its depth."""
_EVERY_SPHERE: Final = 2
"""Every second sphere of a body is looked at."""
# Costs, against a metre's depth of one sphere over the whole time.
_WALL: Final = 5.0
"""A metre that the pelvis is nearer to a wall than it can be."""
_LIMB: Final = 2.0
"""A metre that a head, a hand, a knee or a foot is nearer to a wall than it can be."""
_UNHELD: Final = 0.02
"""A sphere of who lies without the mattress under it."""
_FAR: Final = 0.05
"""A metre that the motion is moved."""
_ASKEW: Final = 0.2
"""A radian that somebody lies askew."""
_FOOT_END: Final = 0.2
"""The head at the end of the bed where it is not expected."""
_WORTH: Final = 0.05
"""What is gained by less is not worth a move."""
_NECK: Final = JOINT_INDEX["neck"]


def settle(
    rotations: Array, root_m: Array, uses: Sequence[Use | None], solids: Solids, bounds: RoomBounds | None, fps: float,
    *, together: bool = True,
) -> tuple[Array, Array]:  # fmt: skip
    """Move whole motions so that they go less through things.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (P, T, 3) pelvis in the room.
        uses: What each person sits or lies on; None, or no entry = nothing, and they are left alone.
        solids: The room's.
        bounds: Its walls; None = there are none.
        fps: Frames a second.
        together: Whether people may do something with each other: then whoever ever comes near another is left alone
            too. Else nobody comes nearer to another by being moved.

    Returns:
        Rotations and pelvis, unchanged for those who are best off where they are.
    """
    rotations, root_m = np.array(rotations, np.float64), np.array(root_m, np.float64)
    for person, use in enumerate(uses):
        gap = _nearest_m(root_m, person)
        if use is None or (together and gap < IN_REACH_M):
            continue
        joints = np.asarray(forward_kinematics(rotations[person], root_m[person])[0])
        move = best_move(joints, use, solids, bounds, fps)
        if move is not None:
            turn, shift = move
            moved = root_m.copy()
            moved[person] = move_points(root_m[person], turn, shift)
            if _nearest_m(moved, person) < min(gap, IN_REACH_M):
                continue
            root_m = moved
            rotations[person, :, 0] = np.asarray(about_z(np.asarray(turn))) @ rotations[person, :, 0]
    return rotations, root_m


def _nearest_m(root_m: Array, person: int) -> float:
    """How near somebody ever comes to another, from pelves (P, T, 3)."""
    others = np.delete(root_m, person, axis=0)[..., :2]
    return float(np.linalg.norm(others - root_m[person, :, :2], axis=-1).min(initial=math.inf))


def best_move(
    joints_m: Array, use: Use, solids: Solids, bounds: RoomBounds | None, fps: float
) -> tuple[float, Array] | None:
    """The turn about +z and the shift (2,) after it by which joints (T, 22, 3) are best off; None = they are."""
    down = how_down(joints_m, fps)
    if down is None or not (use.start_free or down.level[0]):
        return None
    pelvis = joints_m[:, 0, 2]
    lying = (joints_m[:, _NECK, 2] - pelvis < _LYING_M) & (np.abs(pelvis - use.level_m) < _LYING_M)
    lies = bool(use.beds) and int(np.count_nonzero(lying)) > LEAST_LYING_S * fps
    resting = lying if lies else down.level
    pivot = joints_m[resting, 0, :2].mean(axis=0)
    frames = np.arange(0, len(joints_m), max(1, round(EVERY_S * fps), math.ceil(len(joints_m) / MOST)))
    trial = Trial(joints_m[frames], lying[frames] & lies, use.level_m, pivot, solids, bounds)
    least, best = float(trial.cost(0.0, pivot[None])[0]) - _WORTH, None
    for rest, turn, price in _turns(joints_m[resting], use, lies):
        places = _places(rest)
        costs = trial.cost(turn, places) + price
        k = int(costs.argmin())
        if costs[k] < least:
            least, best = float(costs[k]), (turn, places[k])
    if best is None:
        return None
    turn, place = best
    return turn, place - move_points(np.array([*pivot, 0.0]), turn, np.zeros(2))[:2]


def _turns(resting: Array, use: Use, lies: bool) -> list[tuple[Rest, float, float]]:
    """Rests, the turns that are tried for them, and what these cost beforehand; joints are (T, 22, 3)."""
    if not lies:
        return [(use.seat, askew, _ASKEW * abs(askew)) for askew in _ASKEW_RAD]
    along = (resting[:, 0, :2] - resting[:, _NECK, :2]).mean(axis=0)  # from head to foot
    own = math.atan2(along[1], along[0])
    return [
        (rest, float(wrapped(np.array(rest.facing_rad + askew - own))), _ASKEW * abs(askew) + _FOOT_END * k)
        for k, rest in enumerate(use.beds)
        for askew in _ASKEW_RAD
    ]


def _places(rest: Rest) -> Array:
    """Places (N, 2) all over a rest."""
    steps = [np.linspace(-half, half, 2 * math.ceil(half / SPACING_M) + 1) for half in rest.half_m]
    own = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(move_points(np.pad(own, ((0, 0), (0, 1))), rest.facing_rad, np.array(rest.centre_m))[:, :2])


class Trial:
    """A body in some frames, to be put elsewhere."""

    def __init__(
        self, joints: Array, lying: Mask, level_m: float, pivot: Array, solids: Solids, bounds: RoomBounds | None
    ) -> None:
        centres, radii = body_spheres(joints)
        origin = np.array([*pivot, 0.0])
        self._spheres, self._radii = centres[:, ::_EVERY_SPHERE] - origin, radii[::_EVERY_SPHERE]  # (F, S, 3), (S,)
        self._pelvis = joints[:, 0] - origin
        self._limbs = joints[:, LIMBS] - origin  # (F, K, 3)
        self._lying, self._level_m = lying, level_m
        self._pivot, self._solids, self._bounds = pivot, solids, bounds

    def cost(self, turn: float, places: Array) -> Array:
        """What it costs (N,) to have the pivot at places (N, 2) and the body turned about it."""
        spheres = move_points(self._spheres, turn, np.zeros(2))
        low, high = self._solids.column(spheres[..., :2] + places[:, None, None])  # (N, F, S)
        z = spheres[..., 2]
        depth = np.minimum(high - z, z - low) + self._radii
        cost = np.clip(depth, 0.0, _DEEPEST_M).sum(axis=2).mean(axis=1)
        if self._lying.any():
            unheld = high[:, self._lying] < self._level_m - _DEEPEST_M
            cost += _UNHELD * np.count_nonzero(unheld, axis=2).mean(axis=1)
        if self._bounds is not None:
            pelvis = move_points(self._pelvis, turn, np.zeros(2))[:, :2] + places[:, None]
            cost += _WALL * np.maximum(RADIUS_M - self._bounds.distance(pelvis)[0], 0.0).mean(axis=1)
            limbs = move_points(self._limbs, turn, np.zeros(2))[..., :2] + places[:, None, None]  # (N, F, K, 2)
            lacks = np.maximum(LIMB_M - self._bounds.distance(limbs)[0], 0.0)
            cost += _LIMB * lacks.sum(axis=2).mean(axis=1)
        return np.asarray(cost + _FAR * np.linalg.norm(places - self._pivot, axis=1))
