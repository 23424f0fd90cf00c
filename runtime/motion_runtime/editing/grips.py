"""Where somebody's hands are about another's body, and what they would hold there: from the motion itself.

A hand that stays near a body and moves with it means to hold it. For as long as it does, one place of that body is
chosen, on the surface of the limb or trunk that is nearest over the whole time, and fixed in that limb's own frame: a
hand that holds does not glide about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import NAMES, RADII_M
from motion_preprocessing.motion_features import closed
from motion_preprocessing.skeleton import BONES, JOINT_INDEX, REST_OFFSETS_M
from motion_runtime.editing.arm import REACH_M, SIDES, palms_m
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NEAR_M: Final = 0.35
"""A palm this near to the surface of a body, and ..."""
SLOW_M_S: Final = 0.6
"""... as slow as this beside what it is near to, is about to hold it."""
CLOSEST_M: Final = 0.12
"""A hand holds while it is this much farther at most than when it is at its nearest: one that touches does not hold yet
while it is on its way."""
_NEAREST: Final = 0.2
"""Its nearest is what it is below for this share of the time."""
FARTHEST_M: Final = 0.45
"""A hand that has to go farther to the one place somewhere in between lets go there."""
SHORTEST_S: Final = 0.6
"""A hand that is there for less only passes."""
_GAP_S: Final = 0.5
"""Shorter absences are none."""
_HAND_M: Final = 0.01
"""The palm's middle over the surface: half a hand's thickness (1.4 cm), pressing a little on clothes and flesh."""
_PUSHED_M: Final = 1.2
"""Pelves of who pushes a wheelchair and of who sits in it are no farther apart than this."""
_ENDS: Final = 0.1
"""Nobody is held at the very ends of a bone."""
_STEADY_S: Final = 0.1
_FRONT_M: Final = 0.15
"""Nobody is helped by a hand on the belly: an arm, the side or the back that is farther by less is held instead."""
_TRUNK: Final = ("spine1", "spine2", "spine3")
_PARTS: Final = tuple(k for k, name in enumerate(NAMES[: len(BONES)]) if name.endswith((*_TRUNK, "elbow", "wrist")))
"""Capsules that are held: trunk, upper arms and forearms."""
_OF_TRUNK: Final = np.array([NAMES[k] in _TRUNK for k in _PARTS])
_CARRIERS: Final = np.array([BONES[k][0] for k in _PARTS])
_BONES_M: Final = np.array([REST_OFFSETS_M[BONES[k][1]] for k in _PARTS])  # (C, 3)
_SURFACE_M: Final = RADII_M[list(_PARTS)] + _HAND_M


class Grip(NamedTuple):
    """A hand on a place of another's body."""

    person: int
    """Whose hand."""
    side: str
    """Which: left or right."""
    other: int
    """Whose body."""
    first: int
    last: int
    """It holds from one frame up to and without another."""
    joint: int
    """Whose frame the place is fixed in: the one that the held bone starts in."""
    place_m: Array
    """(3,) of the palm, in that frame."""

    def moved(self, people: Sequence[int], frames: int) -> Grip:
        """The same grip of a window, as it is in the whole motion.

        Args:
            people: Who of the motion is in the window.
            frames: Where the window begins.
        """
        first, last = self.first + frames, self.last + frames
        return self._replace(person=people[self.person], other=people[self.other], first=first, last=last)

    def at_times(self, times: Array) -> Grip:
        """The same grip of a motion whose frames (T,) show other times of it, in frames and one after the other."""
        first, last = np.searchsorted(times, (self.first, self.last)).tolist()
        return self._replace(first=first, last=last)

    def places_m(self, joints_m: Array, world: Array) -> Array:
        """Where the palm belongs (T, 3), by everybody's joints (P, T, 22, 3) and world rotations (P, T, 22, 3, 3)."""
        return np.asarray(joints_m[self.other, :, self.joint] + world[self.other, :, self.joint] @ self.place_m)


def find_grips(joints_m: Array, world: Array, holding: Mask, fps: float) -> list[Grip]:
    """What hands hold, in the order of people, sides and time.

    Args:
        joints_m: (P, T, 22, 3).
        world: (P, T, 22, 3, 3) world rotations.
        holding: (P, T) frames in which a person may hold another.
        fps: Frames a second.
    """
    found = []
    for person in np.flatnonzero(holding.any(axis=1)).tolist():
        palms = {side: palms_m(joints_m[person], side) for side in SIDES}
        apart = [
            np.linalg.norm(np.stack([*palms.values()])[:, :, None] - body, axis=-1).min(axis=(0, 2)).mean()
            for body in joints_m
        ]
        apart[person] = np.inf
        other = int(np.argmin(apart))
        for side in SIDES:
            shoulders = joints_m[person, :, JOINT_INDEX[f"{side}_shoulder"]]
            held = _of_hand(palms[side], shoulders, joints_m[other], world[other], holding[person], fps)
            found += [Grip(person, side, other, *part) for part in held]
    return found


def find_handles(
    joints_m: Array,
    world: Array,
    wheeling: Sequence[bool],
    kept: int = 0,
    known: Mapping[tuple[int, str, int], Array] | None = None,
) -> list[Grip]:
    """Where hands hold the wheelchair of whom they push: the chair goes with its patient, and its handles with it.

    Args:
        joints_m: (P, T, 22, 3).
        world: (P, T, 22, 3, 3) world rotations.
        wheeling: Who of the P people pushes a wheelchair; they sit in none.
        kept: Frames at the start that are the end of an earlier window, which has said what is held there.
        known: Places that hands (person, side, other) have had on the same chair before.

    Returns:
        Grips over all other frames, in the frame of the patient's pelvis: where the hand has been before, or else, and
        where that is too far off, where it is in the middle of its time.
    """
    found = []
    joints_m, world = joints_m[:, kept:], world[:, kept:]
    for person in np.flatnonzero(wheeling).tolist():
        way = np.linalg.norm(joints_m[:, :, 0, :2] - joints_m[person, :, 0, :2], axis=-1).mean(axis=1)
        way[np.flatnonzero(wheeling)] = np.inf
        other = int(np.argmin(way))
        if way[other] > _PUSHED_M:
            continue
        for side in SIDES:
            palms = palms_m(joints_m[person], side) - joints_m[other, :, 0]
            own = np.einsum("tji,tj->ti", world[other, :, 0], palms)
            place = (known or {}).get((person, side, other))
            if place is None or np.linalg.norm(own - place, axis=-1).mean() > FARTHEST_M:
                place = np.median(own, axis=0)
            found.append(Grip(person, side, other, kept, kept + joints_m.shape[1], 0, place))
    return found


def _of_hand(
    palms: Array, shoulders: Array, joints: Array, world: Array, holding: Mask, fps: float
) -> list[tuple[int, int, int, Array]]:
    """First and last frame, joint and place of what a hand (T, 3) holds of another (T, 22, ...), in order."""
    turns = world[:, _CARRIERS]
    # In the frames of the other's bones: (T, C, 3).
    own = np.einsum("tcji,tcj->tci", turns, palms[:, None] - joints[:, _CARRIERS])
    own = low_pass(own.reshape(len(own), -1), _STEADY_S * fps).reshape(own.shape)
    share, aside = _beside(own)
    frames = round(_GAP_S * fps), round(SHORTEST_S * fps)
    gap = np.linalg.norm(aside, axis=-1) - _SURFACE_M
    speed = np.linalg.norm(np.gradient(own, axis=0), axis=-1) * fps
    nearest = np.where(speed < SLOW_M_S, gap, np.inf).min(axis=1)
    near = (nearest < NEAR_M) & holding
    for first, last in closed(near, *frames):
        inside = slice(first, last)
        near[inside] &= nearest[inside] < np.quantile(nearest[inside], _NEAREST) + CLOSEST_M
    found = []
    for first, last in closed(near, *frames):
        places, ways = _places(share[first:last], aside[first:last])  # (C, 3)
        far = np.linalg.norm(places - own[first:last], axis=-1)  # (t, C)
        there = joints[first:last, _CARRIERS] + np.einsum("tcij,cj->tci", turns[first:last], places)
        beyond = np.maximum(np.linalg.norm(there - shoulders[first:last, None], axis=-1) - REACH_M, 0.0)
        before = _FRONT_M * np.where(_OF_TRUNK, np.maximum(ways[:, 2], 0.0), 0.0)  # body axes: z is forward
        best = int(((far + 2 * beyond).mean(axis=0) + before).argmin())
        for a, b in closed(far[:, best] < FARTHEST_M, 0, frames[1]):
            found.append((first + a, first + b, int(_CARRIERS[best]), places[best]))
    return found


def _beside(own: Array) -> tuple[Array, Array]:
    """How far along the bones (T, C) points of their frames (T, C, 3) are, and the way to them from there."""
    length2 = np.sum(_BONES_M**2, axis=-1)
    share = np.clip(np.einsum("tci,ci->tc", own, _BONES_M) / length2, _ENDS, 1 - _ENDS)
    return share, own - share[..., None] * _BONES_M


def _places(share: Array, aside: Array) -> tuple[Array, Array]:
    """One place (C, 3) on the surface of each bone for points that are beside it for a while, and the way out there."""
    along = _BONES_M / np.linalg.norm(_BONES_M, axis=-1, keepdims=True)
    way = aside.mean(axis=0)
    way -= np.sum(way * along, axis=-1, keepdims=True) * along
    way /= np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    return share.mean(axis=0)[:, None] * _BONES_M + _SURFACE_M[:, None] * way, way
