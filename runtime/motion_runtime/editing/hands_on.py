"""Who holds somebody has the hands on them.

A network has a carer's hands where hands of carers mostly are, and so beside the patient rather than on them. Each hand
that means to hold (`grips`) is brought to its place on the other's body, which it then moves with: the trunk leans
towards places beyond the arm's reach, the arm does the rest (`arm`). Hands come and go smoothly.

In the loop the network goes on from there and has the rest of the body follow: the carer steps nearer and bends down.
The same grips are met once more, and exactly, by the bodies that are fitted in the end (`corrections`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import min_jerk
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import ROTATIONS, fit_body
from motion_preprocessing.rotations import matrix_from_rotation_vector, matrix_to_6d
from motion_preprocessing.skeleton import JOINT_INDEX, PARENTS
from motion_runtime.editing.arm import REACH_M, palms_m, reached
from motion_runtime.editing.grips import FARTHEST_M, Grip, find_grips, find_handles
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EASE_S: Final = 0.7
"""A hand takes as long to come, and to go."""
_FREELY: Final = 0.95
"""Up to this part of its length an arm reaches freely; a hand at the whole length stays 1 cm short."""
_MOST_LEANT_RAD: Final = np.radians(20.0)
"""In each of two rounds, shared out to the joints of the spine."""
_SMOOTH_S: Final = 0.2
"""Standard deviation of the Gaussian over the lean in time."""
_SPINE: Final = tuple(JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3"))


def laid_on(rotations: Array, root_m: Array, grips: Sequence[Grip], fps: float) -> Array:
    """Bring hands to where they hold.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (P, T, 3) pelvis in the room.
        grips: Where hands hold; of a person who has none, nothing changes.
        fps: Frames a second.
    """
    rotations = np.array(rotations, np.float64)
    for person in sorted({grip.person for grip in grips}):
        joints, world = (np.asarray(value) for value in forward_kinematics(rotations, root_m))
        places: dict[str, Array] = {}
        shares: dict[str, Array] = {}
        for grip in (grip for grip in grips if grip.person == person):
            there, share = grip.places_m(joints, world), _eased(root_m.shape[1], grip, EASE_S * fps)
            away = np.linalg.norm(there - palms_m(joints[person], grip.side), axis=-1)[grip.first : grip.last]
            if away.mean() > FARTHEST_M:  # one of the two has since been moved to where they belong in the room
                continue
            # Where one grip goes over into the next, so does the place.
            before, total = places.get(grip.side, there), shares.get(grip.side, np.zeros_like(share))
            places[grip.side] = before + (share / np.maximum(total + share, 1e-9))[:, None] * (there - before)
            shares[grip.side] = np.maximum(total, share)
        if not shares:
            continue
        own = _leant(rotations[person], root_m[person], places, shares, fps)
        for side, share in shares.items():
            body = np.asarray(forward_kinematics(own, root_m[person])[0])
            now, on = palms_m(body, side), share > 0
            wanted = now + share[:, None] * (_within(places[side], body[:, JOINT_INDEX[f"{side}_shoulder"]]) - now)
            own[on] = reached(own[on], root_m[person][on], side, wanted[on])
        rotations[person] = own
    return rotations


def _within(places: Array, shoulders: Array) -> Array:
    """Places (T, 3) drawn in where an arm is nearly stretched: its elbow would spring when the last bit is reached."""
    way = places - shoulders
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    last = (1 - _FREELY) * REACH_M
    near = _FREELY * REACH_M + last * (1 - np.exp(-np.maximum(far - _FREELY * REACH_M, 0.0) / last))
    return np.where(far > _FREELY * REACH_M, shoulders + near / np.maximum(far, 1e-9) * way, places)


def _leant(rotations: Array, root_m: Array, places: dict[str, Array], shares: dict[str, Array], fps: float) -> Array:
    """Lean the trunk towards places that arms do not reach."""
    result = rotations.copy()
    for _ in range(2):
        joints, world = (np.asarray(value) for value in forward_kinematics(result, root_m))
        lean = np.zeros((len(root_m), 3))
        for side, share in shares.items():
            way = places[side] - joints[:, JOINT_INDEX[f"{side}_shoulder"]]
            far = np.linalg.norm(way, axis=-1)
            above = joints[:, JOINT_INDEX[f"{side}_shoulder"]] - joints[:, _SPINE[0]]
            axis = np.cross(above, way / np.maximum(far, 1e-9)[:, None])  # as long as the arm of the lever
            lever = np.maximum(np.linalg.norm(axis, axis=-1), 0.1)
            lean += (share * np.maximum(far - _FREELY * REACH_M, 0.0) / lever**2)[:, None] * axis
        lean = low_pass(lean, _SMOOTH_S * fps) * np.max([*shares.values()], axis=0)[:, None]
        leant = lean.any(axis=1)
        most = np.linalg.norm(lean, axis=-1, keepdims=True)
        lean *= np.minimum(1.0, _MOST_LEANT_RAD / np.maximum(most, 1e-9))
        for joint in _SPINE:
            local = np.einsum("tji,tj->ti", world[:, PARENTS[joint]], lean / len(_SPINE))
            result[leant, joint] = np.asarray(matrix_from_rotation_vector(local))[leant] @ result[leant, joint]
    return result


def _eased(frames: int, grip: Grip, ease: float) -> Array:
    """How much (T,) a hand is where it holds: 1 while it does, 0 long before and after, smooth between."""
    t = np.arange(frames)
    away = np.maximum(np.maximum(grip.first - t, t - grip.last + 1), 0)
    return min_jerk(1 - away / ease)


class HandsOn:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame, in the denoising loop.

    What hands do is not decided in the first steps, which are waited for. When they are first looked for, grips say
    when there is something to hold; from then on only where is chosen anew. Looked for without that limit, hands on
    their way to a place would be near it, and every hold would soon last from the first frame to the last.
    """

    def __init__(
        self,
        holds: Sequence[bool],
        fps: float,
        wait: int,
        kept: int = 0,
        wheels: Sequence[bool] = (),
        known: Mapping[tuple[int, str, int], Array] | None = None,
    ) -> None:
        """Prepare for one window.

        Args:
            holds: Whether each person is to hold another.
            fps: Frames a second.
            wait: Steps that are waited for.
            kept: Frames at the start of the window that are the end of the one before, which has said who holds there.
            wheels: Whether each person pushes the wheelchair of another, and holds its handles; nobody where empty.
            known: Where hands (person, side, other) have held handles in earlier windows.
        """
        self._wheels, self._known = wheels, known
        self._holds, self._fps, self._wait, self._kept = np.array(holds, np.bool_), fps, wait, kept
        self._when: Mask | None = None
        self.grips: list[Grip] = []
        """What was found in the last step."""
        self.handles: list[Grip] = []
        """Those of them that are a wheelchair's handles."""

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors of the next step."""
        self._wait -= 1
        if self._wait >= 0 or not (self._holds.any() or any(self._wheels)):
            return x
        before, root_m = fit_body(x)
        joints, world = (np.asarray(value) for value in forward_kinematics(before, root_m))
        allowed = self._when
        if allowed is None:
            allowed = np.repeat(self._holds[:, None], x.shape[1], axis=1)
            allowed[:, : self._kept] = False
        self.grips = find_grips(joints, world, allowed, self._fps)
        if self._when is None:
            self._when = np.zeros_like(allowed)
            for grip in self.grips:
                self._when[grip.person, grip.first : grip.last] = True
        self.handles = find_handles(joints, world, self._wheels, self._kept, self._known)
        self.grips += self.handles
        if not self.grips:
            return x
        after = laid_on(before, root_m, self.grips, self._fps)
        change = np.asarray(forward_kinematics(after, root_m)[0]) - joints
        turned = np.asarray(matrix_to_6d(after[..., 1:, :, :])) - np.asarray(matrix_to_6d(before[..., 1:, :, :]))
        result = with_joints(x, joints_of(x) + change, self._fps)
        result[..., ROTATIONS] += turned.reshape(*x.shape[:2], -1)
        return result
