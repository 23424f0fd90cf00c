"""People stay within the room's walls and out of one another, as corrections of x0 in the denoising loop.

The model sees furniture, not walls, and places people by what their motion needs, not by what the room has. At every
step the network's clean motion is taken, whoever stands beyond a wall is moved back to the nearest place inside, and
people too close to each other are moved apart; the network goes on from there, and so turns, or walks shorter, by
itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, velocities
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.editing.feet_carry import FeetCarry
from motion_runtime.editing.on_furniture import OnFurniture
from motion_runtime.editing.on_the_ground import OnTheGround
from motion_runtime.editing.stand_at import StandAt
from motion_runtime.editing.stand_before_fall import StandBeforeFall
from motion_runtime.low_pass import low_pass
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.room_bounds import RoomBounds
from motion_runtime.stage import Start

Array = NDArray[np.float64]

SMOOTH_S: Final = 0.15
"""Standard deviation of the Gaussian over a correction in time, so that nobody is jerked back."""
_ROUNDS: Final = 4


def stay(
    placement: Placement, request: GenerationRequest, room: Room | None, people: Sequence[int], fps: float,
    *, kept: int = 0, turns: bool = False, finished: bool = False, passed: Sequence[Array] = (),
) -> list[Callable[[Array], Array]]:  # fmt: skip
    """What holds the people of a window back and leads them onto the furniture, if anything does.

    Args:
        placement: Where the window's canonical frame stands in the room.
        request: What is wanted, staged.
        room: The room.
        people: Who of the request is in the window.
        fps: Frames a second.
        kept: Frames at the start of the window that are the end of the one before; 0 = the motion starts with it.
        turns: Whether who comes walking to a seat turns round for it.
        finished: Whether the motion is no longer denoised.
        passed: Pelves (T, 2) in the room of people who were made before these, over the window.
    """
    bounds = room.bounds if room is not None and request.walls else None
    apart_m = request.apart_m if len(people) > 1 or passed else 0.0
    held: list[Callable[[Array], Array]] = []
    first = kept == 0
    uses = [request.uses[person] if person < len(request.uses) else None for person in people]
    if finished and request.feet:
        held.append(FeetCarry(fps, kept, [use is not None and not use.start_free for use in uses]))
    others = [request.others[p - 1] if p <= len(request.others) else None for p in people[1:]]
    if first and any(others):
        # The first person of a window starts at its origin, but in company the model does not always see to it.
        held.append(StandAt([Start(placement.start_m, math.degrees(placement.heading_rad)), *others], placement))
    if request.ground:
        supports = room.supports if room is not None else None
        held.append(OnTheGround(placement, supports))
        if first and finished:
            held.append(StandBeforeFall(placement, supports, fps))
    if any(uses) and not finished:
        held.append(OnFurniture(uses, placement, fps, kept=kept, turns=turns))
    if bounds is not None or apart_m > 0:
        held.append(StayInside(bounds, placement, fps, apart_m, passed))
    return held


def finishing(
    placement: Placement, request: GenerationRequest, room: Room | None, fps: float
) -> list[Callable[[Array], Array]]:
    """What leads the people of a whole motion onto the furniture, once it is made; arguments as of `stay`."""
    space = None if room is None else room.free_space
    bounds = room.bounds if room is not None and request.walls else None
    held: list[Callable[[Array], Array]] = [OnFurniture(request.uses, placement, fps, space, finished=True)]
    if bounds is not None or (request.apart_m > 0 and request.persons > 1):
        held.append(StayInside(bounds, placement, fps, request.apart_m if request.persons > 1 else 0.0))
    return held


class StayInside:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(
        self,
        bounds: RoomBounds | None,
        placement: Placement,
        fps: float,
        apart_m: float = 0.0,
        passed: Sequence[Array] = (),
    ) -> None:
        """Prepare for one window.

        Args:
            bounds: The room; None = only people are kept apart.
            placement: Where the canonical frame stands in the room.
            fps: Frames a second.
            apart_m: How far people are kept apart; 0 = not at all.
            passed: Pelves (T, 2) in the room of others, who do not give way.
        """
        self._passed = passed
        self._apart_m = apart_m
        self._bounds, self._placement, self._frames = bounds, placement, SMOOTH_S * fps
        self._fps = fps

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        joints = x[..., POSITIONS].reshape(*x.shape[:2], JOINT_COUNT, 3)
        root = joints[..., 0, :]
        wanted = self._placement.to_room(root)[..., :2]
        if self._apart_m > 0:
            wanted = kept_apart(wanted, self._apart_m, self._passed)
        if self._bounds is not None:
            wanted = self._bounds.nearest_inside(wanted)
        room = np.concatenate([wanted, np.zeros_like(wanted[..., :1])], axis=-1)
        shift = self._placement.to_canonical(room)[..., :2] - root[..., :2]  # (P, T, 2)
        if np.abs(shift).max(initial=0.0) < 1e-4:
            return x
        shift = np.asarray(low_pass(shift, self._frames), dtype=np.float64)
        moved = joints.copy()
        moved[..., :2] += shift[:, :, None]
        result = np.array(x)
        result[..., POSITIONS] = moved.reshape(*x.shape[:2], -1)
        result[..., VELOCITIES] += np.asarray(velocities(moved - joints, self._fps)).reshape(*x.shape[:2], -1)
        return result


def kept_apart(xy: NDArray[np.floating[Any]], apart_m: float, passed: Sequence[Array] = ()) -> Array:
    """Move people (P, T, 2) who come closer than `apart_m` away from each other, each by half of what is missing.

    From those in `passed`, (T, 2) each, they move away by all of it.
    """
    result = np.array(xy, dtype=np.float64)
    for _ in range(_ROUNDS if len(xy) + len(passed) > 2 else 1):
        for a in range(len(result)):
            for b in range(a):
                push = 0.5 * _push(result[a] - result[b], apart_m)
                result[a] += push
                result[b] -= push
            for other in passed:
                result[a] += _push(result[a] - other, apart_m)
    return result


def _push(way: Array, apart_m: float) -> Array:
    """What is missing (T, 2) of a distance between two people, from the way (T, 2) to the one who is moved."""
    gap = np.linalg.norm(way, axis=-1, keepdims=True)
    # Who stand on one spot part along x.
    aside = np.where(gap > 1e-6, way / np.maximum(gap, 1e-6), np.array([1.0, 0.0]))
    return np.asarray(np.maximum(apart_m - gap, 0.0) * aside)
